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


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How the memory platform is reached, and how long each of its operations takes."""

    socket: str
    latency_s: float = 0.0


def write_project(directory: Path, shape: str, resources: int, world: World) -> None:
    """`dpaas.yaml` with exactly `resources` resources of a shape."""
    source = directory / "source"
    source.mkdir(parents=True, exist_ok=True)
    (source / "index.html").write_text("<h1>measured</h1>\n", encoding="utf-8")
    platform = (
        "kind: Platform\n"
        "metadata: {name: bench}\n"
        "spec:\n"
        "  regions:\n"
        f"    us: {{provider: memory, options: {{socket: {world.socket}, latency_s: {world.latency_s}}}}}\n"
    )
    (directory / "dpaas.yaml").write_text("---\n".join([platform, *SHAPES[shape](resources)]), encoding="utf-8")


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
