from __future__ import annotations

import sys
from pathlib import Path

# The kill loops of the local and the Docker provider work on the projects of their end-to-end tests.
sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "e2e/local", "e2e/docker"))
