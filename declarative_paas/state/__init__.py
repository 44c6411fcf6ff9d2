"""Where records, the journal, locks, history and sealed secrets are kept."""
