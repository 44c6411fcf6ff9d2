"""Encryption at rest and keyed digests, shared by the state store and the providers."""
