"""Text -> typed models, with file, line and column kept for every field. Only `load` reads files."""
