"""Slugs: content-addressed archives of source plus build."""
