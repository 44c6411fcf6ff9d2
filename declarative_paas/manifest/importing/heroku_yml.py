"""heroku.yml -> a draft. Its keys: https://devcenter.heroku.com/articles/build-docker-images-heroku-yml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, has_errors, warning
from declarative_paas.manifest.formats import CONFIG_KEY, PROCESS_TYPE
from declarative_paas.manifest.importing import heroku_names
from declarative_paas.manifest.importing.draft import Draft, DraftAddon, DraftConfig, DraftProcess, Imported
from declarative_paas.manifest.nodes import MappingNode, Scalar, descendant, plain
from declarative_paas.manifest.plain_data import is_list, is_mapping
from declarative_paas.manifest.rules import RESERVED_CONFIG
from declarative_paas.manifest.yaml_text import parse_yaml

_KNOWN: Final = frozenset({"setup", "build", "release", "run"})


def import_heroku_yml(text: str, file: str = "heroku.yml") -> Imported:
    """The app that a heroku.yml describes."""
    parsed = parse_yaml(text, file)
    if has_errors(parsed.diagnostics):
        return Imported(draft=None, diagnostics=parsed.diagnostics)
    document = parsed.documents[0]
    if not isinstance(document, MappingNode):
        return Imported(
            draft=None, diagnostics=(error("not-a-mapping", "a heroku.yml is a mapping", document.position),)
        )
    reader = _HerokuYml(document)
    return Imported(draft=reader.draft(), diagnostics=tuple(reader.diagnostics))


class _HerokuYml:
    def __init__(self, document: MappingNode) -> None:
        self.document = document
        self.data: Mapping[str, Any] = plain(document)
        self.remarks: list[str] = []
        self.diagnostics: list[Diagnostic] = []

    def draft(self) -> Draft:
        config, formation, addons = tuple(self._config()), tuple(self._formation()), tuple(self._addons())
        release = self._command(("release", "command"))
        dockerfile = self._dockerfile()
        if descendant(self.document, "release", "image") is not None:
            self.remarks.append("release.image: the release command runs on the app's own slug or image.")
        self.remarks += [f"{key}: heroku.yml has no such key." for key in self.data if key not in _KNOWN]
        return Draft(
            origin="heroku.yml",
            dockerfile=dockerfile,
            args=self._args() if dockerfile is not None else {},
            release=release,
            config=config,
            formation=formation,
            addons=addons,
            remarks=tuple(self.remarks),
        )

    def _dockerfile(self) -> str | None:
        """An app is one image: the one that serves, or the first."""
        images = {kind: path for kind, path in self._mapping("build", "docker").items() if isinstance(path, str)}
        if not images:
            if self._mapping("build", "config"):
                self.remarks.append("build.config: build arguments are a Dockerfile's, and build.docker names none.")
            return None
        chosen = images.get("web") or next(iter(images.values()))
        for kind, path in images.items():
            if path != chosen:
                self.remarks.append(
                    f"build.docker.{kind} ({path}): all process types of an app run on one image, that of {chosen}; "
                    "make it a stage of that Dockerfile and an app of its own, with source.target."
                )
        return chosen

    def _args(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in self._mapping("build", "config"):
            node = descendant(self.document, "build", "config", key)
            if CONFIG_KEY.matches(key) and isinstance(node, Scalar):
                found[key] = node.text
            else:
                self.remarks.append(f"build.config.{key}: no build argument with a single value.")
        return found

    def _config(self) -> Iterator[DraftConfig]:
        for key in self._mapping("setup", "config"):
            node = descendant(self.document, "setup", "config", key)
            if key in RESERVED_CONFIG:
                self.remarks.append(f"setup.config.{key}: {RESERVED_CONFIG[key]}.")
            elif not CONFIG_KEY.matches(key) or not isinstance(node, Scalar):
                self.remarks.append(f"setup.config.{key}: no config var with a single value.")
            else:
                yield DraftConfig(key=key, value=node.text)

    def _formation(self) -> Iterator[DraftProcess]:
        for kind in sorted(self._mapping("run"), key=lambda one: one != "web"):
            if not PROCESS_TYPE.matches(kind) or kind == "release":
                self.remarks.append(f"run.{kind}: no valid process type.")
                continue
            if descendant(self.document, "run", kind, "image") is not None:
                self.remarks.append(f"run.{kind}.image: all process types run on the app's own slug or image.")
            command = self._command(("run", kind)) or self._command(("run", kind, "command"))
            yield DraftProcess(type=kind, command=command)

    def _addons(self) -> list[DraftAddon]:
        found, remarks = heroku_names.addons(self._value("setup", "addons"))
        self.remarks += remarks
        return found

    def _value(self, *path: str) -> Any:
        node = descendant(self.document, *path)
        return None if node is None else plain(node)

    def _mapping(self, *path: str) -> Mapping[str, Any]:
        value = self._value(*path)
        if value is None:
            return {}
        if is_mapping(value):
            return value
        position = Position(self.document.position.file, 1, 1)
        node = descendant(self.document, *path)
        summary = f"{'.'.join(path)} is left out: it is not a mapping"
        self.diagnostics.append(
            warning("wrong-type", summary, node.position if node else position, expected="a mapping")
        )
        return {}

    def _command(self, path: tuple[str, ...]) -> str | None:
        """A command: text, or a list of commands of which each must succeed."""
        value = self._value(*path)
        if is_list(value):
            return " && ".join(str(one) for one in value) or None
        return value if isinstance(value, str) and value.strip() else None
