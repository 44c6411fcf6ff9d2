"""The command `dpaas`: parses, calls workflow and operations, prints. No decision is made here."""
