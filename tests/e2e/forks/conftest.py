"""The local project of the end-to-end tests, with forks; see tests/e2e/local/project.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "local"))
