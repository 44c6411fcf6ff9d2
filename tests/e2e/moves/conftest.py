"""The local projects of other end-to-end tests: see tests/e2e/local/project.py and tests/e2e/forks/fork_project.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / name) for name in ("local", "forks")]
