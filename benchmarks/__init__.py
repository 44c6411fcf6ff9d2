"""Measurements: whole processes, medians, ratios in one run. `make bench` prints and writes results.md."""
