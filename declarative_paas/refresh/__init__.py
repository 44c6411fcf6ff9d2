"""Reads what is: in bulk, one call a region, regions in parallel and independent."""
