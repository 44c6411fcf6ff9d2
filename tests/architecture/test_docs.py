"""The documents say what is so: their commands run, their tables are the code's, their links lead somewhere.

The convention, for README.md and every docs/*.md. Comments are invisible where the document is read.

    <!-- project: storefront on memory -->   A fresh directory for what follows: a copy of examples/storefront, on
                                             the memory platform. `on local`, or nothing: as the manifest says.
                                             `checkout` holds all examples under examples/, `empty` nothing.
    <!-- file: overlays/production/x.yaml -->  The next block is written to this file of the project.
    <!-- outside: lose addon.shop/REDIS -->  Something happens to the memory platform that the text tells: a
                                             method of `MemoryWorld` with its arguments.

In a ```console block each line that begins with `$ ` is a command; it is run by bash, in order, in the project.

    $ dpaas plan --detailed-exitcode  # exit 2

Its exit code is 0, or what the comment says. The lines below it are what it prints, both streams together: `…` on a
line of its own stands for any lines, within a line for any text. Without lines below it the output is not compared.
`cd` holds for the commands after it. `make` is run with --dry-run: that the target exists is all that is checked here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_blocks import Command, NewProject, Outside, WrittenFile, anchors, events, links, matches, prose, table
from document_project import REPOSITORY, DocumentProject

from declarative_paas.cli import exitcode
from declarative_paas.cli.commands.index import COMMANDS
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.manifest import app_models, model_base, platform_models
from declarative_paas.manifest.model_base import ManifestModel
from declarative_paas.providers.local.settings import OPTION_DEFAULTS, TEXT_OPTIONS
from declarative_paas.providers.memory.world import MemoryWorld
from declarative_paas.workflow.regions import _FACTORIES

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
TOLD = [README, *sorted(DOCS.glob("*.md"))]
LINKED = [*TOLD, *sorted(DOCS.glob("adr/*.md")), REPOSITORY / "ARCHITECTURE.md"]
WITH_COMMANDS = [path for path in TOLD if any(isinstance(event, Command) for event in events(path))]


def _name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


class Reader:
    """Does what a document says, as its reader would."""

    def __init__(self) -> None:
        self.project: DocumentProject | None = None

    def close(self) -> None:
        if self.project is not None:
            self.project.close()
            self.project = None

    def follow(self, document: Path) -> None:
        for event in events(document):
            where = f"{_name(document)}:{event.line}"
            if isinstance(event, NewProject):
                self.close()
                self.project = DocumentProject(event.name, event.provider)
                continue
            assert self.project is not None, f"{where}: no `<!-- project: … -->` comes before this"
            match event:
                case WrittenFile():
                    self.project.write(event.path, event.text)
                case Outside():
                    self.project.outside(event.method, *event.arguments)
                case Command():
                    code, printed = self.project.run(event.text)
                    told = f"{where}: $ {event.text}\nexit {code}, printed:\n{printed}"
                    assert code == event.exit_code, f"{told}\nthe document says exit {event.exit_code}"
                    if event.output is not None:
                        assert matches(event.output, printed), f"{told}\nthe document shows:\n{event.output}"


@pytest.fixture
def reader() -> Iterator[Reader]:
    found = Reader()
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=_name)
def test_every_command_of_a_document_does_what_the_document_shows(document: Path, reader: Reader):
    reader.follow(document)


def test_the_comparison_sees_a_line_that_is_missing_wrong_or_too_much():
    assert matches("a\n…\nd 1… s", "a\nb\nc\nd 12.5 s\n")
    assert matches("a\n…\nd", "a\nd")
    assert not matches("a\n…\nd", "a\nb\nc")
    assert not matches("a\nc", "a\nb\nc")
    assert not matches("a\nb", "a\nb\nc")
    assert not matches("d …s", "d 1\ns")


def test_a_document_that_shows_what_is_not_so_is_found(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("test_docs._name", str)
    document = tmp_path / "wrong.md"
    for command, complaint in [
        ("$ dpaas validate  # exit 1", "the document says exit 1"),
        ("$ dpaas validate\nValid: platform acme, 2 apps, 11 resources.", "the document shows"),
        ("$ make nothing-of-that-name", "the document says exit 0"),
    ]:
        document.write_text(f"<!-- project: storefront on memory -->\n```console\n{command}\n```\n", encoding="utf-8")
        with pytest.raises(AssertionError, match=complaint):
            reader.follow(document)


def test_the_readme_shows_a_plan_and_both_commands_of_a_newcomer():
    commands = [event.text for event in events(README) if isinstance(event, Command)]
    shown = [event.output or "" for event in events(README) if isinstance(event, Command)]
    assert {"make demo", "make test"} <= set(commands)
    assert any(text.startswith("Plan: ") for text in shown)


@pytest.mark.parametrize("document", LINKED, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path):
    for target in links(document):
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{_name(document)} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(found), f"{_name(document)} links to {target}, which has no such heading"


def test_every_document_is_linked_from_the_readme():
    linked = {(REPOSITORY / target.partition("#")[0]).resolve() for target in links(README)}
    missing = [_name(path) for path in DOCS.glob("*.md") if path.resolve() not in linked]
    assert missing == []


def test_the_readme_names_exactly_the_providers_that_work():
    working = {row[0] for row in table(README, "What works") if row[1].startswith("works")}
    assert working == set(_FACTORIES)


def test_the_engine_s_document_has_every_exit_code():
    told = {int(row[0]) for row in table(DOCS / "engine.md", "Exit codes")}
    assert told == {value for name, value in vars(exitcode).items() if name.isupper()}


def _models() -> Iterator[type[ManifestModel]]:
    for module in (model_base, platform_models, app_models):
        for _, model in inspect.getmembers(module, inspect.isclass):
            if issubclass(model, ManifestModel) and model is not ManifestModel:
                yield model


def test_every_field_of_a_manifest_is_documented():
    told = prose(DOCS / "manifests.md")
    fields = {field.alias or name for model in _models() for name, field in model.model_fields.items()}
    assert {"apiVersion", "as", "quantity", "jurisdiction", "credentials"} <= fields
    missing = sorted(name for name in fields if f"`{name}`" not in told)
    assert missing == []


def test_the_table_of_local_options_is_the_code_s():
    told = {row[0]: row[1].strip() for row in table(DOCS / "local.md", "Options")}
    assert told == {
        **{name: f"{seconds:g}" for name, seconds in OPTION_DEFAULTS.items()},
        **dict.fromkeys(TEXT_OPTIONS, ""),
    }


def test_the_table_of_resource_types_is_the_code_s():
    told = {row[0]: set(row[2].split(", ")) for row in table(DOCS / "providers.md", "Resource types")}
    world = MemoryWorld()
    answered = {
        name: set(world.put("docs", f"{name}.shop/X" if name in ("addon", "domain") else f"{name}.shop", "i", "k", {}))
        for name in RESOURCE_TYPES
        # These are made by the engine itself: no region's provider is asked for one.
        if name not in {"secret", "data_copy", "slug_copy", "move", "move_copy", "move_check", "follower", "link"}
    }
    assert told == answered


@pytest.mark.parametrize("document", TOLD, ids=_name)
def test_every_command_that_a_document_names_exists(document: Path):
    import re

    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|\$ )dpaas ([a-z]+)", text))
    assert named <= set(COMMANDS), f"{_name(document)} names {sorted(named - set(COMMANDS))}"
