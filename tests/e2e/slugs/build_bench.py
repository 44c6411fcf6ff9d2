"""Real builds: a stack, a store and sources in a directory that the build's user can enter."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from declarative_paas.providers.slugs.build import build_source
from declarative_paas.providers.slugs.command import MARKER
from declarative_paas.providers.slugs.inspect import inspect_source
from declarative_paas.providers.slugs.stack import Stack, local_stack
from declarative_paas.providers.slugs.store import Slug, SlugStore

USER = "nobody" if os.geteuid() == 0 else None


class Bench:
    """`directory` has a blank in its name: programs' paths are quoted everywhere."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dpaas-build-"))
        self.base.chmod(0o755)
        self.directory = self.base / "my region"
        for name in ("stack", "slugs", "other slugs", "sources"):
            (self.directory / name).mkdir(parents=True)
        self.stack: Stack = local_stack(USER, self.directory / "stack")
        self.store = SlugStore(self.directory / "slugs")
        self.other_store = SlugStore(self.directory / "other slugs")
        self.lines: list[str] = []

    def source(self, name: str, files: Mapping[str, str]) -> Path:
        root = self.directory / "sources" / name
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return root

    def build(
        self, source: Path, build: str | None = None, *, store: SlugStore | None = None, timeout_s: float = 120
    ) -> Slug:
        return build_source(
            source,
            expected_digest=inspect_source(source, build).digest,
            build=build,
            stack=self.stack,
            store=store or self.store,
            user=USER,
            on_line=self.lines.append,
            timeout_s=timeout_s,
        )

    def extract(self, slug: Slug) -> Path:
        """As a dyno gets it."""
        app = self.base / f"dyno-{slug.id}" / "app"
        app.mkdir(parents=True)
        subprocess.run(["tar", "-xozf", str(slug.archive)], cwd=app, check=True)
        return app

    def run(self, slug: Slug, command: str) -> str:
        """What the command prints in a dyno of the slug. Fails when it fails."""
        app = self.extract(slug)
        environment = {"PATH": self.stack.path, "LANG": "C.UTF-8"}
        for name, value in slug.runtime_env.items():
            environment[name] = value.replace("{app}", str(app)).replace("$PATH", self.stack.path)
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=app, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def left_in_store(self) -> list[str]:
        """All that a build leaves beside what package managers keep for the next one."""
        return sorted(path.name for path in self.store.directory.iterdir() if path.name != ".cache")

    def processes(self) -> list[psutil.Process]:
        """Every process of a build here that lives."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                marker = process.environ().get(MARKER, "")
                if marker.startswith(str(self.base)) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def close(self) -> None:
        for process in self.processes():
            process.kill()
        shutil.rmtree(self.base, ignore_errors=True)
