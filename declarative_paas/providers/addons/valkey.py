"""One Valkey server an add-on instance: described for a supervisor, reached as its administrator."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons import resp
from declarative_paas.providers.addons.account import SERVER_ENVIRONMENT, give, open_directory, private_directory
from declarative_paas.providers.addons.binaries import Binaries
from declarative_paas.providers.addons.records import FORMAT, open_sealed, read_json, write_durably
from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.providers.addons.valkey_config import (
    ADMIN,
    APP,
    ValkeySettings,
    acl_text,
    password_hash,
    valkey_conf,
)
from declarative_paas.providers.addons.valkey_facts import (
    INSPECT,
    ValkeyFacts,
    aof_is_written,
    facts_of,
    info_of,
    pairs,
    password_hashes,
)
from declarative_paas.vault.keyring import Keyring

SAVE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyServer:
    """A server in `directory`: `server.json` (ours, mode 0600), its configuration and access list, and `data/`.

    `password` is the administrator's. The app's password is stored here only as its hash.
    """

    name: str
    directory: Path
    port: int
    user: str | None
    binaries: Binaries
    password: Sensitive

    @classmethod
    def load(cls, directory: Path, *, user: str | None, keyring: Keyring) -> Self | None:
        """The server recorded in `directory`, with the binaries it was made with; None when there is none."""
        found = read_json(directory / "server.json")
        if found is None:
            return None
        return cls(
            name=found["name"],
            directory=directory,
            port=found["port"],
            user=user,
            binaries=Binaries.from_json(found["binaries"]),
            password=open_sealed(keyring, found["sealed_password"], found["name"]),
        )

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        name: str,
        key: str,
        port: int,
        user: str | None,
        binaries: Binaries,
        keyring: Keyring,
    ) -> Self:
        """Records a new server, for the instance `key`, with a fresh administrator's password."""
        open_directory(directory)
        password = secrets.token_urlsafe(32)
        text = {
            "format": FORMAT,
            "name": name,
            "key": key,
            "port": port,
            "binaries": binaries.to_json(),
            "sealed_password": keyring.seal(password),
        }
        write_durably(directory / "server.json", json.dumps(text, indent=1, sort_keys=True) + "\n")
        return cls(
            name=name, directory=directory, port=port, user=user, binaries=binaries, password=Sensitive(password)
        )

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def _acl(self) -> Path:
        return self.directory / "users.acl"

    @property
    def _conf(self) -> Path:
        return self.directory / "valkey.conf"

    def prepare(self, app_password: Sensitive, settings: ValkeySettings) -> bool:
        """Makes the server ready to start; returns whether its data folder had to be made.

        A server with data starts in the persistence its data was written in; `apply` changes that on
        the running one.
        """
        is_new = not self.data.is_dir()
        if not is_new:
            settings = replace(settings, persistent=self._starts_persistent(settings.persistent))
        self._write_configuration(app_password, settings)
        private_directory(self.data, self.user)
        return is_new

    def _starts_persistent(self, otherwise: bool) -> bool:
        try:
            return "appendonly yes" in self._conf.read_text().splitlines()
        except FileNotFoundError:
            return otherwise

    def _write_configuration(self, app_password: Sensitive, settings: ValkeySettings) -> None:
        conf = valkey_conf(port=self.port, data=self.data, acl=self._acl, settings=settings)
        admin_hash = password_hash(self.password.reveal())
        acl = acl_text(app_hash=password_hash(app_password.reveal()), admin_hash=admin_hash)
        for path, text in ((self._conf, conf), (self._acl, acl)):
            if not path.exists() or path.read_text() != text:
                write_durably(path, text)
            give(path, self.user)

    def process(self) -> ServerProcess:
        program = "valkey-server" if (self.binaries.bin_dir / "valkey-server").exists() else "redis-server"
        return ServerProcess(
            name=self.name,
            command=(self.binaries.program(program), str(self.directory / "valkey.conf")),
            directory=self.directory,
            user=self.user,
            stop_signal="TERM",  # saves, then ends
            stop_wait_s=60,
            environment=SERVER_ENVIRONMENT,
        )

    @contextmanager
    def connect(self, *, timeout_s: float = 10.0) -> Generator[resp.RespConnection]:
        """An administrator's connection. Raises ProviderError (UNAVAILABLE) when the server does not answer."""
        try:
            with resp.connect(self.port, ADMIN, self.password.reveal(), timeout_s=timeout_s) as connection:
                yield connection
        except (OSError, resp.ReplyError) as problem:
            summary = f"{self.name} does not answer as it should"
            raise ProviderError(ErrorKind.UNAVAILABLE, summary, detail=[str(problem)]) from None

    def is_ready(self, *, timeout_s: float = 10.0) -> bool:
        """Whether it answers and has loaded its data."""
        try:
            with self.connect(timeout_s=timeout_s) as connection:
                return connection.command("PING") == "PONG"
        except ProviderError:
            return False

    def wait_ready(self, timeout_s: float) -> None:
        """Returns when it has loaded its data. Raises ProviderError (UNAVAILABLE) after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() >= deadline:
                raise ProviderError(ErrorKind.UNAVAILABLE, f"{self.name} is not ready after {timeout_s:g} s")
            time.sleep(0.02)

    def inspect(self) -> ValkeyFacts:
        """Raises ProviderError (UNAVAILABLE) when the server does not answer."""
        with self.connect() as connection:
            replies = [connection.command(*command) for command in INSPECT]
        return facts_of(replies)

    def apply(self, app_password: Sensitive, settings: ValkeySettings) -> None:
        """Brings a running server, and its files, to these settings and this password without losing data.

        A server started with an append-only file that is not there begins empty, and one started
        without reads the snapshot only. So the file that the next start will read is always written
        before the configuration that makes it read that one.
        """
        with self.connect(timeout_s=SAVE_TIMEOUT_S) as connection:
            was_persistent = pairs(connection.command("CONFIG", "GET", "appendonly"))["appendonly"] == "yes"
            if was_persistent and not settings.persistent:
                connection.command("SAVE")
                self._write_configuration(app_password, settings)
            for name, value in settings.live().items():
                connection.command("CONFIG", "SET", name, value)
            if settings.persistent:
                self._wait_for_append_only_file(connection)
            self._write_configuration(app_password, settings)
            if _password_hashes(connection) != [password_hash(app_password.reveal())]:
                connection.command("ACL", "LOAD")

    def _wait_for_append_only_file(self, connection: resp.RespConnection) -> None:
        deadline = time.monotonic() + SAVE_TIMEOUT_S
        while True:
            if aof_is_written(_info(connection)):
                return
            if time.monotonic() >= deadline:
                raise ProviderError(ErrorKind.FAILED, f"{self.name} did not write its append-only file in time")
            time.sleep(0.02)

    def stop_stray(self) -> None:
        """Ends a server of ours that no supervisor runs (its own was killed); a no-op when there is none."""
        if not self.is_ready(timeout_s=2.0):
            return
        try:
            with self.connect(timeout_s=SAVE_TIMEOUT_S) as connection:
                connection.command("SHUTDOWN", "SAVE" if self.data.is_dir() else "NOSAVE")
        except ProviderError as problem:
            # It closes the connection instead of an answer, unless it could not save.
            if self.is_ready(timeout_s=2.0):
                raise ProviderError(
                    ErrorKind.FAILED, f"a stray {self.name} does not stop", detail=problem.detail
                ) from None

    def remove(self) -> None:
        """Deletes the stopped server with its data."""
        shutil.rmtree(self.directory)


def _info(connection: resp.RespConnection) -> Mapping[str, str]:
    return info_of(connection.command("INFO"))


def _password_hashes(connection: resp.RespConnection) -> list[resp.Reply]:
    return password_hashes(connection.command("ACL", "GETUSER", APP))
