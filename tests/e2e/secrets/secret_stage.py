"""A project on the memory provider whose Platform declares where secrets come from."""

from __future__ import annotations

import json
from typing import Any

import yaml
from cli_case import Stage

SIMPLE: dict[str, Any] = {
    "region": "us",
    "source": {"path": "./src"},
    "formation": {"web": {"command": "./serve", "size": "standard-1x"}},
}


class SecretStage(Stage):
    """`sources` is the Platform's `secrets`; there is no app before the first `app`."""

    def __init__(self) -> None:
        self.sources: dict[str, Any] = {}
        super().__init__()
        self.apps = {}

    def app(self, name: str, **config: Any) -> None:
        self.apps[name] = {**SIMPLE, "config": config}
        self.write()

    def source(self, name: str, **source: str) -> None:
        self.sources[name] = source
        self.write()

    def write(self) -> None:
        super().write()
        documents = list(yaml.safe_load_all((self.directory / "dpaas.yaml").read_text()))
        if self.sources:
            documents[0]["spec"]["secrets"] = self.sources
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))

    def store(self, name: str, value: str) -> None:
        self.run("secrets", "set", name, stdin=value)

    def releases(self) -> dict[str, int]:
        """The current release's number of each app that is applied."""
        records = json.loads(self.run("state", "pull").stdout)["resources"]
        return {
            record["address"].removeprefix("release."): record["outputs"]["version"]
            for record in records
            if record["address"].startswith("release.")
        }

    def changes(self, **environment: str) -> list[str]:
        """What a plan would change now."""
        plan = json.loads(self.run("plan", "--json", environment=environment).stdout)
        return [change["address"] for change in plan["changes"]]
