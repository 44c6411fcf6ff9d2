"""`python -m declarative_paas.cli` is `dpaas`."""

from __future__ import annotations

from declarative_paas.cli.entry import main

main()
