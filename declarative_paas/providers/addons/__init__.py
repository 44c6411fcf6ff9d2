"""Add-on servers of a region (PostgreSQL, Valkey) and one driver a service."""
