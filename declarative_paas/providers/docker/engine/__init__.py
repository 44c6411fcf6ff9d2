"""What a region asks of its Docker engine, through the engine's API alone. Knows no resource, no state, no rollout."""
