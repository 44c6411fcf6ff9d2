"""Marked secrets go through every command and output format on real processes, and are found nowhere.

Only `config get` and `config list --reveal` may show one; the dynos of the app itself may hold it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from leak_scan import Scanner, Watching, marker
from project import DPAAS, Project
from sourced_project import KEY_VARIABLE, VARIABLE, SourcedProject
from workflow_run import TOKEN, workflow

from declarative_paas.cli.commands.index import root_command
from declarative_paas.providers.local.home import peek_run_directory

DATA = tuple(f"--confirm=addon.echo/{alias}" for alias in ("DATABASE", "REDIS", "NEW_RELIC"))
SHOWS_ON_REQUEST = {"config get"}
TOUCHES_NO_PLATFORM = {"init", "fmt", "schema", "version"}


class Searched:
    """A project of which every command's output is searched."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.scanner = Scanner()
        self.ran: set[str] = set()
        self.environment: dict[str, str] = {}

    def give(self, variable: str, name: str, value: str) -> None:
        """From now on the command is run with this in its environment; what it starts has no business with it."""
        self.environment[variable] = self.scanner.know(name, value)
        self.scanner.given[name] = DPAAS

    def dpaas(
        self, *arguments: str, expect: int | None = 0, stdin: str = "", debug: Mapping[str, str] | None = None
    ) -> str:
        done = subprocess.run(
            [DPAAS, *arguments],
            cwd=self.project.directory,
            env={**os.environ, "NO_COLOR": "1", **self.environment, **(debug or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
        )
        told = done.stdout + done.stderr
        self.scanner.search(f"output of dpaas {' '.join(arguments[:4])}", told.encode())
        assert expect is None or done.returncode == expect, f"{arguments}: exit code {done.returncode}\n{told}"
        self.ran |= {arguments[0], " ".join(arguments[:2])}
        return told

    def secret(self, name: str, value: str) -> None:
        self.scanner.know(name, value)
        self.dpaas("secrets", "set", name, stdin=value)

    def shown(self, key: str) -> str:
        """What `config get` shows: the one command whose output is not searched."""
        self.ran.add("config get")
        return self.project.dpaas("config", "get", "echo", key).stdout.removesuffix("\n")

    def search_files(self) -> int:
        directory = self.project.directory
        return self.scanner.search_files([directory, peek_run_directory(directory / ".dpaas")])


@pytest.fixture
def searched() -> Iterator[Searched]:
    project = SourcedProject()
    try:
        yield prepared(project)
    finally:
        project.close()


def prepared(project: SourcedProject) -> Searched:
    project.copy_source("echo")
    (project.directory / "echo" / "release.py").write_text("print('released')\n")
    project.regions["us"]["options"] |= {"boot_timeout_s": 5, "health_timeout_s": 5}
    project.app(
        "echo",
        source={"path": "./echo"},
        build="env",  # a build has no business with secrets
        release="python3 release.py",
        config={
            "TOKEN": {"secret": "echo/token"},
            "FROM_ENV": {"secret": "echo/env"},
            "FROM_FILE": {"secret": "echo/file"},
            "FROM_ENCRYPTED": {"secret": "echo/encrypted"},
            "SESSION_KEY": {"generate": 40},
            "GREETING": "hello",
        },
        formation={
            "web": {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 2, "health": "/healthz"}
        },
        addons=[
            {"plan": "postgres:standard-0", "as": "DATABASE"},
            {"plan": "redis:premium-0", "as": "REDIS"},
            {"plan": "newrelic:standard", "as": "NEW_RELIC", "credentials": {"secret": "echo/licence"}},
        ],
    )
    return Searched(project)


def commands_of(command: object, prefix: str = "") -> Iterator[str]:
    """Every command there is, groups by their parts."""
    subcommands = getattr(command, "list_commands", None)
    if subcommands is None:
        yield prefix
        return
    for name in subcommands(None):
        yield from commands_of(command.get_command(None, name), f"{prefix} {name}".strip())  # type: ignore[attr-defined]


@pytest.mark.timeout(600)
def test_no_command_file_or_process_holds_a_secret_in_any_form(searched: Searched) -> None:
    with Watching(searched.scanner) as watching:
        first_deploy(searched)
        every_output(searched)
        rotation_and_rollback(searched)
        failures(searched)
        assert searched.search_files() > 100
        the_end(searched)
        assert searched.search_files() > 20
    assert watching.rounds > 50
    assert sorted(searched.scanner.findings) == []
    missed = set(commands_of(root_command())) - searched.ran - SHOWS_ON_REQUEST - TOUCHES_NO_PLATFORM
    assert missed == set(), "commands whose output is not searched by this test"


def other_sources(searched: Searched) -> None:
    """Values in the environment, in a file and in an encrypted file, and how each mistake with one is told."""
    project = searched.project
    assert isinstance(project, SourcedProject)
    searched.dpaas("plan", expect=1)  # nothing has a value yet
    searched.give(KEY_VARIABLE, "the encryption key", project.encryption_key)
    searched.give(VARIABLE, "echo/env", marker("env "))
    project.write_file(searched.scanner.know("echo/file", marker('F"i\\l /', "é")))
    searched.secret("echo/encrypted", marker('E"n\\c /'))
    for spoilt in ({KEY_VARIABLE: "c" * 43 + "="}, {VARIABLE: ""}, {VARIABLE: "x" * 70_000}, {KEY_VARIABLE: "no key"}):
        searched.dpaas("plan", "--verbose", expect=1, debug={**spoilt, "DPAAS_DEBUG": "1"})
    project.file.chmod(0o644)
    searched.dpaas("secrets", "set", "echo/env", stdin="x", expect=1)
    content = project.encrypted.read_text()
    project.encrypted.write_text(content.replace("gAAAA", "gAAAB"))
    searched.dpaas("validate", expect=1)
    project.encrypted.write_text(content)


def first_deploy(searched: Searched) -> None:
    searched.secret("echo/token", marker('S"e\\c /', "+é&%="))
    searched.secret("echo/licence", marker("lic-"))
    searched.dpaas("secrets", "set", "echo/token", stdin="y" * 20)  # a version before the one that counts
    searched.secret("echo/token", marker('T"o\\k /', "+é&%="))
    other_sources(searched)
    for output in ("text", "json", "github"):
        searched.dpaas("validate", "--diagnostics", output)
    searched.dpaas("plan", "--verbose")
    searched.dpaas("plan", "--json")
    searched.dpaas("plan", "--out", "saved.json")
    searched.dpaas("apply", "saved.json", "--json")
    learn_made_secrets(searched)


def learn_made_secrets(searched: Searched) -> None:
    """What the platform made itself; all output so far is searched for it in files and from here on."""
    know = searched.scanner.know
    token = searched.scanner.values["echo/token"]
    assert searched.shown("TOKEN") == token, "the test does not feed the secret that it looks for"
    for source in ("env", "file", "encrypted"):
        assert searched.shown(f"FROM_{source.upper()}") == searched.scanner.values[f"echo/{source}"]
    assert searched.shown("NEW_RELIC_LICENSE_KEY") == searched.scanner.values["echo/licence"]
    know("the generated key", searched.shown("SESSION_KEY"))
    for key in ("DATABASE_URL", "REDIS_URL"):
        password = urlsplit(searched.shown(key)).password
        assert password is not None
        know(f"the password of {key}", password)
    revealed = searched.project.dpaas("config", "list", "echo", "--reveal").stdout
    assert searched.scanner.values["the generated key"] in revealed


def every_output(searched: Searched) -> None:
    searched.dpaas("plan", "--detailed-exitcode")
    for output in ("dot", "mermaid", "svg"):
        searched.dpaas("graph", "--resources", "--format", output)
    searched.dpaas("plan", "--destroy", "--json", expect=None)
    for address in searched.dpaas("state", "list").split():
        searched.dpaas("state", "show", address)
    pulled = searched.project.directory / "pulled.json"
    pulled.write_text(searched.dpaas("state", "pull"))
    searched.dpaas("state", "push", "pulled.json", "--force")
    searched.dpaas("state", "backups")
    searched.dpaas("import", "--all", expect=None)
    searched.dpaas("stack", "build", expect=None)  # there is no region on Docker
    a_fork(searched)
    a_follower(searched)
    searched.dpaas("gc")
    for ending in ("status", "back", "finish"):  # no move is open: each says so
        searched.dpaas("move", ending, *([] if ending == "status" else ["echo", "--auto-approve"]), expect=None)
    for command in ("history", "status"):
        searched.dpaas(command)
        searched.dpaas(command, "--json")
    searched.dpaas("ps")
    searched.dpaas("open", "echo")
    searched.dpaas("secrets", "list")
    searched.dpaas("secrets", "list", "--json")
    searched.dpaas("config", "list", "echo")
    searched.dpaas("config", "get", "echo")
    searched.dpaas("config", "get", "echo", "NO_SUCH_KEY", expect=1)
    assert searched.project.get("echo")[0] == 200
    searched.dpaas("logs", "echo", "--tail", "5000")
    # Long enough to be seen among the processes.
    searched.dpaas("run", "echo", "--", "sleep", "0.5")
    searched.dpaas("pg", "psql", "echo", "--", "--command", "SELECT pg_sleep(0.5)")
    searched.dpaas("pg", "backup", "echo", expect=None)
    name = json.loads(searched.dpaas("pg", "backups", "echo", "--json"))["backups"][0]["name"]
    searched.dpaas("pg", "backups")
    searched.dpaas("pg", "restore", name, "--to", "echo", expect=None)
    searched.dpaas("pg", "restore", name, "--to", "echo", "--confirm", "addon.echo/DATABASE", expect=None)


def a_fork(searched: Searched) -> None:
    """Made with its data, looked at, and undone; and one refused, for its config would tell a credential."""
    made = searched.project.directory / "echo-two.dpaas.yaml"
    shared = ("--data", "NEW_RELIC=share")
    searched.dpaas("fork", "make", "echo", "--region", "us", "--to", "echo-two", *shared)
    searched.dpaas("plan", "--verbose")
    searched.dpaas("plan", "--json")
    told = made.read_text()
    made.write_text(f"{told}  config:\n    DSN: {{secret: echo/dsn}}\n")
    searched.dpaas("secrets", "set", "echo/dsn", stdin=searched.shown("DATABASE_URL"))
    refused = searched.dpaas("plan", "--verbose", expect=1)
    assert "fork-credential" in refused
    made.write_text(told)
    searched.dpaas("secrets", "rm", "echo/dsn", expect=None)
    searched.dpaas("apply", "--auto-approve")
    url = searched.project.dpaas("config", "get", "echo-two", "DATABASE_URL").stdout.strip()
    searched.scanner.know("the password of the fork's database", urlsplit(url).password or "")
    for more in ((), ("echo-two",), ("echo-two", "--json")):
        searched.dpaas("fork", "status", *more)
    searched.dpaas("fork", "undo", "echo-two", "--auto-approve", expect=1)
    confirmed = [part for alias in ("DATABASE", "REDIS") for part in ("--confirm", f"addon.echo-two/{alias}")]
    searched.dpaas("fork", "undo", "echo-two", "--auto-approve", *confirmed)
    assert not made.exists()


def a_follower(searched: Searched) -> None:
    """Made, looked at while it follows, promoted, and undone."""
    made = searched.project.directory / "echo-three.dpaas.yaml"
    data = [part for word in ("DATABASE=follow", "REDIS=empty", "NEW_RELIC=share") for part in ("--data", word)]
    searched.dpaas("fork", "make", "echo", "--region", "us", "--to", "echo-three", *data)
    searched.dpaas("apply", "--auto-approve")
    url = searched.project.dpaas("config", "get", "echo-three", "DATABASE_URL").stdout.strip()
    searched.scanner.know("the password of the follower's database", urlsplit(url).password or "")
    searched.dpaas("status")
    searched.dpaas("fork", "status", "--json")
    assert searched.search_files() > 100
    searched.dpaas("promote", "echo-three", "--apply", "--auto-approve")
    confirmed = [part for alias in ("DATABASE", "REDIS") for part in ("--confirm", f"addon.echo-three/{alias}")]
    searched.dpaas("fork", "undo", "echo-three", "--auto-approve", *confirmed)
    assert not made.exists()


def rotation_and_rollback(searched: Searched) -> None:
    searched.secret("echo/token", marker("rotated ", '"é'))
    assert "config.echo" in searched.dpaas("plan", "--verbose")
    for form in ("text", "markdown", "html", "json", "sarif", "junit", "gitlab"):
        assert searched.dpaas("preview", "--format", form, expect=None)
    searched.dpaas("plan", "--json")
    searched.dpaas("graph", "--format", "svg")
    searched.dpaas("apply", "--auto-approve", "--verbose")
    searched.give(VARIABLE, "echo/env", marker("env again "))
    searched.scanner.know("the rotated value", rotated := marker("enc again "))
    searched.dpaas("secrets", "rotate", "echo/encrypted", stdin=rotated)
    searched.dpaas("plan", "--json")
    searched.dpaas("secrets", "rotate", "secret.echo/SESSION_KEY", "--auto-approve", "--verbose")
    searched.scanner.know("the rotated key", searched.shown("SESSION_KEY"))
    assert searched.scanner.values["the rotated key"] != searched.scanner.values["the generated key"]
    assert searched.shown("FROM_ENCRYPTED") == rotated
    searched.dpaas("secrets", "rekey")
    searched.dpaas("releases", "echo")
    searched.dpaas("rollback", "echo", "1", "--auto-approve", "--json")
    searched.dpaas("plan")
    searched.dpaas("unhold", "echo")
    searched.dpaas("apply", "--auto-approve")
    in_a_workflow(searched)


def in_a_workflow(searched: Searched) -> None:
    """A changed secret planned and applied for a pull request: what the forge is told, and its token."""
    searched.secret("echo/token", marker("merged ", '"é'))
    searched.give("GITHUB_TOKEN", "the forge's token", TOKEN)
    with workflow(searched.project.directory) as (forge, job):
        assert "config.echo" in searched.dpaas("ci", "plan", "--out", "plans", debug=job) + forge.comments[0]["body"]
        searched.scanner.search("the comment of ci plan", forge.comments[0]["body"].encode())
        searched.dpaas("ci", "apply", debug=job)
        for told in (*forge.comments, *forge.statuses):
            searched.scanner.search("what the forge was told", json.dumps(told, ensure_ascii=False).encode())
    del searched.environment["GITHUB_TOKEN"]


def failures(searched: Searched) -> None:
    """Mistakes, and apps that fail at each stage: what is told then is told in a hurry."""
    project, echo = searched.project, dict(searched.project.apps["echo"])
    web = echo["formation"]["web"]
    searched.dpaas("secrets", "rm", "echo/token", expect=1)
    broken = (
        {"build": "env; echo broken >&2; exit 3"},
        {"release": "echo no migration; exit 4"},
        {"formation": {"web": {**web, "command": "echo no boot; exit 5"}}},
        {"formation": {"web": {**web, "command": "exec sleep 60"}}},  # never binds its port
        {"config": {"TOKEN": {"secret": "echo/tokne"}}},
    )
    for number, change in enumerate(broken):
        project.app("echo", **{**echo, **change})
        searched.dpaas("validate", "--diagnostics", "json", expect=None)
        searched.dpaas("apply", "--auto-approve", *(["--json"] if number % 2 else []), expect=1)
        searched.dpaas("plan", "--json", expect=None)
    project.app("echo", **echo)
    project.kill_everything()  # all servers gone: what is told of that, and what is made again
    searched.dpaas("plan", "--verbose")
    searched.dpaas("status", "--json")
    searched.dpaas("run", "echo", "true", expect=None)
    searched.dpaas("apply", "--auto-approve")
    another_key(searched)
    searched.dpaas("logs", "echo", "--tail", "5000")
    searched.dpaas("history", "--json")


def another_key(searched: Searched) -> None:
    """Nothing opens with another key: every command says so."""
    key = searched.project.directory / ".dpaas" / "secret.key"
    kept = key.read_bytes()
    key.unlink()
    try:
        for command in (["plan"], ["apply", "--auto-approve"], ["config", "get", "echo", "TOKEN"], ["secrets", "list"]):
            searched.dpaas(*command, expect=None)
        # A traceback shows code, and must not show values.
        debug = {"DPAAS_DEBUG": "1"}
        assert "Traceback" in searched.dpaas("config", "get", "echo", "TOKEN", expect=1, debug=debug)
    finally:
        key.write_bytes(kept)


def the_end(searched: Searched) -> None:
    searched.dpaas("state", "mv", "domain.echo/a.example", "domain.echo/b.example", expect=None)
    searched.dpaas("state", "rm", "domain.echo/a.example", "--auto-approve", expect=None)
    searched.dpaas("down")
    searched.dpaas("apply", "--auto-approve")
    searched.dpaas("destroy", "--auto-approve", expect=1)
    searched.dpaas("destroy", "--auto-approve", "--json", *DATA)
    searched.dpaas("history")


def test_a_secret_that_is_planted_into_a_running_platform_is_found(project: Project) -> None:
    """The same search fails for a log line, and for a process that somebody else started with it."""
    site = project.directory / "site"
    site.mkdir()
    (site / "index.html").write_text("hello")
    project.app("site", source={"path": "./site"}, config={"TOKEN": {"secret": "token"}})
    searched = Searched(project)
    searched.secret("token", marker())
    searched.dpaas("apply", "--auto-approve")
    searched.search_files()
    searched.scanner.search_processes()
    assert searched.scanner.findings == set()

    value = searched.scanner.values["token"]
    logs = Path(project.directory, ".dpaas", "regions", "us", "logs", "site.log")
    with logs.open("a") as log:
        log.write(f"2026-01-01T00:00:00+00:00 app[web.1]: connecting with {value}\n")
    searched.search_files()
    assert f"token (plain) in file {logs}" in searched.scanner.findings
    searched.scanner.findings.clear()
    searched.dpaas("logs", "site")
    assert any("output of dpaas logs" in finding for finding in searched.scanner.findings)
    searched.scanner.findings.clear()
    other = subprocess.Popen(["sleep", "30"], env={"TOKEN": value})
    try:
        searched.scanner.search_processes()
    finally:
        other.kill()
        other.wait()
    assert any("environment of" in finding for finding in searched.scanner.findings)
