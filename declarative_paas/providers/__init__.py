"""The platforms we can run on, each behind the `Provider` protocol."""
