"""Other tools' descriptions of an app -> a starter App manifest: text that says what it could not carry over."""
