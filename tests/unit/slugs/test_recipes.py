"""How a source is built, from its files' names."""

from __future__ import annotations

import pytest

from declarative_paas.providers.slugs.recipe import STATIC_SERVER, detect, parse_procfile

START = '{"scripts": {"start": "node x.js"}}'
BUILD = '{"scripts": {"build": "tsc", "start": "node x.js"}}'

KINDS: dict[str, tuple[set[str], str | None, str | None, str]] = {
    "nothing known": ({"main.go"}, None, None, "plain"),
    "requirements": ({"requirements.txt"}, None, None, "python"),
    "requirements below do not count": ({"sub/requirements.txt"}, None, None, "plain"),
    "package": ({"package.json"}, None, START, "node"),
    "page": ({"index.html", "style.css"}, None, None, "static"),
    "python before node and page": ({"requirements.txt", "package.json", "index.html"}, None, START, "python"),
    "node before page": ({"package.json", "index.html"}, None, START, "node"),
    "a build of one's own before all": ({"requirements.txt", "index.html"}, "make", None, "custom"),
}


@pytest.mark.parametrize(("files", "build", "package", "kind"), KINDS.values(), ids=KINDS.keys())
def test_the_first_kind_that_fits_wins(files: set[str], build: str | None, package: str | None, kind: str) -> None:
    assert detect(files, build, package).kind == kind


def test_a_build_of_ones_own_is_the_only_command() -> None:
    assert detect({"requirements.txt"}, "make all").commands == ("make all",)


def test_python_installs_into_the_slug_and_finds_it_there() -> None:
    recipe = detect({"requirements.txt"}, None)
    assert "--target vendor -r requirements.txt" in recipe.commands[0]
    assert recipe.runtime_env["PYTHONPATH"] == "{app}/vendor:{app}"
    assert recipe.runtime_env["PATH"] == "{app}/vendor/bin:$PATH"
    assert recipe.needs == ("python3",)


@pytest.mark.parametrize(
    ("files", "package", "commands"),
    [
        ({"package.json"}, START, ["npm install"]),
        ({"package.json", "package-lock.json"}, START, ["npm ci"]),
        ({"package.json", "npm-shrinkwrap.json"}, BUILD, ["npm ci", "npm run build"]),
        ({"package.json"}, "not json", ["npm install"]),
        ({"package.json"}, "[]", ["npm install"]),
        ({"package.json"}, '{"scripts": "build"}', ["npm install"]),
    ],
)
def test_node_installs_from_its_lock_file_and_runs_a_build_script(
    files: set[str], package: str, commands: list[str]
) -> None:
    install, *rest = detect(files, None, package).commands
    assert [install.partition(" --")[0], *rest] == commands
    assert all(option in install for option in ("--omit=dev", "--no-audit", "--no-fund"))


def test_node_and_static_sources_say_how_their_web_process_starts() -> None:
    assert detect({"package.json"}, None, START).process_types == {"web": "npm start"}
    assert detect({"package.json"}, None, "{}").process_types == {}
    assert detect({"index.html"}, None).process_types == {"web": f"exec python3 {STATIC_SERVER} ."}


@pytest.mark.parametrize(
    ("files", "variable"), [({"app.py"}, "PYTHONPATH"), ({"package.json"}, "NODE_ENV"), ({"requirements.txt"}, "PATH")]
)
def test_a_build_of_ones_own_keeps_its_languages_environment(files: set[str], variable: str) -> None:
    assert variable in detect(files, "make").runtime_env


def test_a_recipes_digest_is_that_of_what_it_does() -> None:
    assert detect({"index.html"}, None).digest == detect({"index.html", "x.css"}, None).digest
    different = [
        detect({"index.html"}, None),
        detect({"index.html"}, "make"),
        detect({"index.html"}, "make all"),
        detect({"package.json"}, None, START),
        detect({"package.json"}, None, BUILD),
        detect({"package.json", "package-lock.json"}, None, START),
        detect({"requirements.txt"}, None),
        detect(set(), None),
    ]
    assert len({recipe.digest for recipe in different}) == len(different)


PROCFILES = {
    "": {},
    "web: python app.py": {"web": "python app.py"},
    "web:python app.py\r\nworker:   node w.js  \r\n": {"web": "python app.py", "worker": "node w.js"},
    "# web: no\n\nnonsense\nweb: a: b": {"web": "a: b"},
    "release: ./migrate\nweb: x": {"release": "./migrate", "web": "x"},
    "two words: x\nurgent_jobs-2: y": {"urgent_jobs-2": "y"},
    "web: one\nweb: two": {"web": "two"},
    "web:": {},
}


@pytest.mark.parametrize(("text", "processes"), PROCFILES.items())
def test_a_procfile_is_one_process_type_a_line(text: str, processes: dict[str, str]) -> None:
    assert parse_procfile(text) == processes
