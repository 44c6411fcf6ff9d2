"""What lives on after a command ends: one supervisord a region, and under it one runner a dyno."""
