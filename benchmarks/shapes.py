"""The projects that are measured, for us and for Terraform: the same number of resources, the same kind of edges.

See shapes.md for what each shape is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

RESOURCES_AN_APP = 5
"""app, config, slug, release, formation."""

DOMAINS_AN_APP = 95
"""Independent resources: with the app's own five a hundred, 95 of which wait for nothing but their app."""

APPS_A_FILE = 1000
"""A manifest file has a largest size, and nobody keeps 10,000 apps in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How the memory platform is reached, and how long each of its operations takes."""

    socket: str
    latency_s: float = 0.0


def write_project(directory: Path, shape: str, resources: int, world: World) -> None:
    """Manifests of exactly `resources` resources of a shape, at most `APPS_A_FILE` apps in one file."""
    _write_platform(directory, world)
    documents = list(SHAPES[shape](resources))
    for first in range(0, len(documents), APPS_A_FILE):
        text = "---\n".join(documents[first : first + APPS_A_FILE])
        (directory / f"apps-{first:05}.yaml").write_text(text, encoding="utf-8")


def write_repository(directory: Path, apps: int, world: World) -> Path:
    """As a company keeps them: a directory an app, below its team's. Returns one app's file."""
    _write_platform(directory, world)
    path = directory
    for number in range(apps):
        path = directory / f"team-{number % 50:02}" / f"app-{number:05}" / "app.yaml"
        path.parent.mkdir(parents=True)
        digest = f"{number:064x}"
        path.write_text(
            f"kind: App\nmetadata: {{name: app-{number:05}, labels: {{team: team-{number % 50:02}}}}}\nspec:\n"
            f"  region: us\n  source: {{image: registry.example.com/app@sha256:{digest}}}\n"
            f"  config:\n    LOG_LEVEL: info\n    WORKERS: 4\n    NAME: app-{number:05}\n"
            "  formation:\n    web: {command: serve --port $PORT, size: standard-1x, quantity: 2}\n"
            "  addons:\n    - {plan: postgres:standard-0, as: DATABASE}\n",
            encoding="utf-8",
        )
    return path


def _write_platform(directory: Path, world: World) -> None:
    source = directory / "source"
    source.mkdir(parents=True, exist_ok=True)
    (source / "index.html").write_text("<h1>measured</h1>\n", encoding="utf-8")
    (directory / "dpaas.yaml").write_text(
        "kind: Platform\n"
        "metadata: {name: bench}\n"
        "spec:\n"
        "  regions:\n"
        f"    us: {{provider: memory, options: {{socket: {world.socket}, latency_s: {world.latency_s}}}}}\n",
        encoding="utf-8",
    )


def write_terraform(directory: Path, shape: str, resources: int) -> None:
    """The same shape in Terraform's built-in `terraform_data`: explicit blocks, no provider to download."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "main.tf").write_text("\n".join(TERRAFORM_SHAPES[shape](resources)), encoding="utf-8")


def _app(number: int, *lines: str) -> str:
    return "".join(
        [
            f"kind: App\nmetadata: {{name: app-{number:05}}}\nspec:\n  region: us\n  source: {{path: ./source}}\n",
            "  formation:\n    web: {command: run, size: standard-1x, quantity: 1}\n",
            *(f"  {line}\n" for line in lines),
        ]
    )


def _apps(resources: int) -> Iterator[str]:
    for number in range(resources // RESOURCES_AN_APP):
        yield _app(number, "config: {LOG_LEVEL: info}")


def _independent(resources: int) -> Iterator[str]:
    for number in range(resources // (RESOURCES_AN_APP + DOMAINS_AN_APP)):
        hosts = ", ".join(f"h{host}.a{number}.example.com" for host in range(DOMAINS_AN_APP))
        yield _app(number, f"domains: [{hosts}]")


def _chain(resources: int) -> Iterator[str]:
    for number in range(resources // RESOURCES_AN_APP):
        previous = f"{{app: app-{number - 1:05}, attribute: release}}" if number else "none"
        yield _app(number, f"config: {{AFTER: {previous}}}")


def _block(name: str, value: str) -> str:
    return f'resource "terraform_data" "{name}" {{\n  input = {value}\n}}\n'


def _terraform_apps(resources: int) -> Iterator[str]:
    for number in range(resources // RESOURCES_AN_APP):
        previous = ""
        for part in ("app", "config", "slug", "release", "formation"):
            name = f"{part}_{number:05}"
            yield _block(name, f"terraform_data.{previous}.id" if previous else f'"{name}"')
            previous = name


def _terraform_independent(resources: int) -> Iterator[str]:
    for number in range(resources):
        yield _block(f"item_{number:05}", f'"item {number}"')


def _terraform_chain(resources: int) -> Iterator[str]:
    for number in range(resources):
        yield _block(f"link_{number:05}", f"terraform_data.link_{number - 1:05}.id" if number else '"first"')


SHAPES: Mapping[str, Callable[[int], Iterator[str]]] = {
    "apps": _apps,
    "independent": _independent,
    "chain": _chain,
}
TERRAFORM_SHAPES: Mapping[str, Callable[[int], Iterator[str]]] = {
    "apps": _terraform_apps,
    "independent": _terraform_independent,
    "chain": _terraform_chain,
}
