"""A project on the local provider whose Platform takes secrets from each source there is."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from pathlib import Path

import yaml
from project import Project

VARIABLE = "ECHO_ENV"
KEY_VARIABLE = "DPAAS_SECRETS_KEY"


class SourcedProject(Project):
    """The file is outside the project, where nothing is searched: it holds its value in clear, as it is meant to."""

    def __init__(self) -> None:
        self.outside = Path(tempfile.mkdtemp(prefix="dpaas-secret-"))
        self.file = self.outside / "value"
        self.encryption_key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        super().__init__()

    @property
    def encrypted(self) -> Path:
        return self.directory / "secrets.json"

    def write_file(self, value: str) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(f"{value}\n", encoding="utf-8")

    def write(self) -> None:
        super().write()
        path = self.directory / "dpaas.yaml"
        platform, *apps = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        platform["spec"]["secrets"] = {
            "echo/env": {"env": VARIABLE},
            "echo/file": {"file": str(self.file)},
            "echo/encrypted": {"encrypted": "secrets.json"},
        }
        path.write_text(yaml.safe_dump_all([platform, *apps], sort_keys=False), encoding="utf-8")

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.outside, ignore_errors=True)
