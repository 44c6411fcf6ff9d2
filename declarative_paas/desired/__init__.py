"""Manifests and catalog in; desired resources and diagnostics out. Pure."""
