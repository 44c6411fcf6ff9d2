"""The local provider's kill loop: `dpaas apply` is killed at sampled times on real processes, then made good.

The audit asks the machine: see `local_audit`.
"""

from __future__ import annotations

from kill_loop import Inventory, KillLoop
from local_audit import inventory
from project import Project


class LocalDoomed(KillLoop):
    """On processes of this machine."""

    def __init__(self) -> None:
        super().__init__(Project())

    def left(self) -> Inventory:
        """Ports stay an app's own."""
        return {name: found for name, found in self.inventory().items() if name != "ports"}

    def inventory(self) -> Inventory:
        return inventory(self.project)
