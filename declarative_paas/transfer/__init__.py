"""Steps that span two regions: copies of data, on the protocols of `core.data` only."""
