"""app.json -> a draft. Its schema: https://devcenter.heroku.com/articles/app-json-schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, warning
from declarative_paas.manifest.app_models import MAX_QUANTITY
from declarative_paas.manifest.formats import CONFIG_KEY, PROCESS_TYPE
from declarative_paas.manifest.importing import heroku_names
from declarative_paas.manifest.importing.draft import Draft, DraftAddon, DraftConfig, DraftProcess, Imported, app_name
from declarative_paas.manifest.plain_data import is_list, is_mapping
from declarative_paas.manifest.rules import RESERVED_CONFIG

_GENERATED_LENGTH: Final = 64
"""What Heroku's `generator: secret` makes: 64 characters."""

_LEFT_OUT: Final[dict[str, str]] = {
    "keywords": "it describes the app to readers of a gallery",
    "website": "it describes the app to readers of a gallery",
    "repository": "the source is the directory of this file",
    "logo": "it describes the app to readers of a gallery",
    "success_url": "there is no set-up page to leave",
    "stack": "the provider's own stack is used; name another one with spec.stack",
    "image": "to run an image, write source: {image: NAME} in place of the path",
    "buildpacks": "the build is detected from the source, or is the command after spec.build",
    "environments": "an environment is a directory of overlays: overlays/ENVIRONMENT/",
}
_SCRIPTS: Final[dict[str, str]] = {
    "postdeploy": "it runs after the first deploy only; what must run before every release is spec.release",
    "pr-predestroy": "there are no review apps",
}
_READ: Final = frozenset({"name", "description", "scripts", "env", "formation", "addons"})


def import_app_json(text: str, file: str = "app.json") -> Imported:
    """The app that an app.json describes."""
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as problem:
        position = Position(file, problem.lineno, problem.colno)
        return Imported(
            draft=None, diagnostics=(error("json-syntax", f"this is not valid JSON: {problem.msg}", position),)
        )
    except RecursionError:
        return Imported(
            draft=None, diagnostics=(error("too-deep", "too many levels inside each other", Position(file, 1, 1)),)
        )
    if not is_mapping(data):
        return Imported(
            draft=None,
            diagnostics=(error("wrong-type", "an app.json is an object", Position(file, 1, 1), expected="{…}"),),
        )
    reader = _AppJson(data, file)
    return Imported(draft=reader.draft(), diagnostics=tuple(reader.diagnostics))


class _AppJson:
    def __init__(self, data: Mapping[str, Any], file: str) -> None:
        self.data = data
        self.file = file
        self.remarks: list[str] = []
        self.diagnostics: list[Diagnostic] = []
        self.name = app_name(self._text("name"))

    def draft(self) -> Draft:
        config, formation, addons = tuple(self._config()), tuple(self._formation()), tuple(self._addons())
        for key, reason in _LEFT_OUT.items():
            if key in self.data:
                self.remarks.append(f"{key}: {reason}.")
        for key, value in self._mapping("scripts").items():
            if key in _SCRIPTS:
                self.remarks.append(f"scripts.{key} ({value}): {_SCRIPTS[key]}.")
        self.remarks += [
            f"{key}: app.json has no such key." for key in self.data if key not in _READ and key not in _LEFT_OUT
        ]
        return Draft(
            origin="app.json",
            name=self.name if "name" in self.data else None,
            about=self._text("description"),
            config=config,
            formation=formation,
            addons=addons,
            remarks=tuple(self.remarks),
        )

    def _config(self) -> Iterator[DraftConfig]:
        for key, given in self._mapping("env").items():
            if key in RESERVED_CONFIG:
                self.remarks.append(f"env.{key}: {RESERVED_CONFIG[key]}.")
            elif not CONFIG_KEY.matches(key):
                self.remarks.append(f"env.{key!r}: no valid name of a config var.")
            else:
                yield self._config_value(key, given)

    def _config_value(self, key: str, given: Any) -> DraftConfig:
        if not is_mapping(given):
            return DraftConfig(key=key, value=_as_text(given))
        about = given.get("description")
        note = about if isinstance(about, str) and about.strip() else None
        if given.get("generator") == "secret":
            return DraftConfig(key=key, yaml=f"{{generate: {_GENERATED_LENGTH}}}", note=note)
        if given.get("value") is not None:
            return DraftConfig(key=key, value=_as_text(given["value"]), note=note)
        if given.get("required", True) is False:
            return DraftConfig(key=key, note=_joined(note, "Optional; app.json gives no value."))
        secret = f"{self.name}/{key.lower().replace('_', '-').strip('-') or key}"
        todo = "app.json gives no value: store this secret, or write a plain value here."
        return DraftConfig(key=key, yaml=f"{{secret: {secret}}}", note=_joined(note, todo))

    def _formation(self) -> Iterator[DraftProcess]:
        for kind, given in self._mapping("formation").items():
            if not PROCESS_TYPE.matches(kind) or kind == "release":
                self.remarks.append(f"formation.{kind!r}: no valid process type.")
                continue
            fields: Mapping[str, Any] = given if is_mapping(given) else {}
            asked = fields.get("size")
            size, note = heroku_names.size(asked) if isinstance(asked, str) else (None, None)
            yield DraftProcess(type=kind, size=size, quantity=_quantity(fields.get("quantity")), note=note)

    def _addons(self) -> list[DraftAddon]:
        given = self.data.get("addons", [])
        if not is_list(given):
            self._wrong("addons", "a list")
        found, remarks = heroku_names.addons(given)
        self.remarks += remarks
        return found

    def _text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            self._wrong(key, "text")
            return None
        return value

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self.data.get(key, {})
        if is_mapping(value):
            return value
        self._wrong(key, "an object")
        return {}

    def _wrong(self, key: str, expected: str) -> None:
        self.diagnostics.append(
            warning(
                "wrong-type", f"{key} is left out: it is not {expected}", Position(self.file, 1, 1), expected=expected
            )
        )


def _quantity(given: Any) -> int | None:
    """A number of dynos that a manifest may ask for."""
    return min(max(given, 0), MAX_QUANTITY) if type(given) is int else None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _joined(first: str | None, second: str) -> str:
    return second if first is None else f"{first}\n{second}"
