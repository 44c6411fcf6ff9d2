"""The projects that are measured, for us and for Terraform: the same number of resources, the same edges."""

from __future__ import annotations

from pathlib import Path

RESOURCES_AN_APP = 5
"""app, config, slug, release, formation."""


def write_apps(directory: Path, resources: int, *, socket: str, latency_s: float = 0.0) -> None:
    """N/5 apps on the memory provider, each five dependent resources, in one file."""
    source = directory / "source"
    source.mkdir(parents=True, exist_ok=True)
    (source / "index.html").write_text("<h1>measured</h1>\n", encoding="utf-8")
    documents = [
        "kind: Platform\n"
        "metadata: {name: bench}\n"
        "spec:\n"
        "  regions:\n"
        f"    us: {{provider: memory, options: {{socket: {socket}, latency_s: {latency_s}}}}}\n"
    ]
    documents += [
        "kind: App\n"
        f"metadata: {{name: app-{number:05}}}\n"
        "spec:\n"
        "  region: us\n"
        "  source: {path: ./source}\n"
        "  config:\n"
        "    LOG_LEVEL: info\n"
        "  formation:\n"
        "    web: {command: run, size: standard-1x, quantity: 1}\n"
        for number in range(resources // RESOURCES_AN_APP)
    ]
    (directory / "dpaas.yaml").write_text("---\n".join(documents), encoding="utf-8")


def write_terraform_apps(directory: Path, resources: int) -> None:
    """The same shape in Terraform's built-in `terraform_data`: explicit blocks, five dependent a group."""
    directory.mkdir(parents=True, exist_ok=True)
    blocks: list[str] = []
    for number in range(resources // RESOURCES_AN_APP):
        previous = ""
        for part in ("app", "config", "slug", "release", "formation"):
            name = f"{part}_{number:05}"
            source = f"terraform_data.{previous}.id" if previous else f'"{name}"'
            blocks.append(f'resource "terraform_data" "{name}" {{\n  input = {source}\n}}\n')
            previous = name
    (directory / "main.tf").write_text("\n".join(blocks), encoding="utf-8")
