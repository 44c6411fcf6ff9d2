from __future__ import annotations

import sys
from pathlib import Path

# The local provider's kill loop works on the projects of its end-to-end tests.
sys.path.append(str(Path(__file__).parents[1] / "e2e" / "local"))
