"""The vocabulary every other room speaks. Pure: no I/O, no clock, no randomness."""
