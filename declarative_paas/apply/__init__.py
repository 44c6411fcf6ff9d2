"""Executes a plan: every step journaled before, recorded after, in parallel; decides nothing."""
