"""What goes to the servers as text: verifiers, configuration, protocol."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path

import pytest

from declarative_paas.providers.addons import resp
from declarative_paas.providers.addons.postgres_config import postgresql_conf
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.addons.valkey_config import ValkeySettings, acl_text, password_hash, valkey_conf


def test_a_verifier_is_the_one_of_rfc_7677() -> None:
    """User `user`, password `pencil`, salt and server key of the RFC's example exchange."""
    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    assert verifier.endswith(":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")


def test_a_verifier_is_salted_and_only_of_ascii() -> None:
    assert scram_verifier("x") != scram_verifier("x")
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier("pässword")


def test_paths_with_quotes_and_blanks_stay_one_value() -> None:
    odd = Path('/tmp/o\'brien "dir" \\x')
    conf = postgresql_conf(data=odd, hba=odd, socket_directory=odd, port=5432)
    assert "data_directory = '/tmp/o''brien \"dir\" \\\\x'" in conf
    text = valkey_conf(port=1, data=odd, acl=odd, settings=ValkeySettings(maxmemory_mb=1))
    assert 'dir "/tmp/o\'brien \\"dir\\" \\\\x"' in text


def test_an_access_list_holds_hashes_only() -> None:
    text = acl_text(app_hash=password_hash("app-secret"), admin_hash=password_hash("admin-secret"))
    assert "secret" not in text
    assert f"user default on #{password_hash('app-secret')} " in text


def answer(reply: bytes) -> resp.Reply:
    """What the client makes of a server that answers OK to AUTH and then this."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        theirs.recv(4096)
        theirs.sendall(reply)
        theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours:
            return resp.RespConnection(ours).command("ANY", 1)
    finally:
        thread.join()


def test_every_kind_of_reply_is_read() -> None:
    assert answer(b"+OK\r\n") == "OK"
    assert answer(b":-7\r\n") == -7
    assert answer(b"$-1\r\n") is None
    assert answer(b"$5\r\na\r\n\xc3\xa4\r\n") == "a\r\nä"
    assert answer(b"*3\r\n$1\r\nx\r\n*1\r\n:1\r\n*-1\r\n") == ["x", [1], None]
    with pytest.raises(resp.ReplyError, match="NOPERM no"):
        answer(b"-NOPERM no\r\n")


@pytest.mark.parametrize("cut", [b"", b"+O", b"$5\r\nab", b"*2\r\n:1\r\n"])
def test_a_reply_that_ends_early_is_a_lost_connection(cut: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        answer(cut)


def test_a_stranger_on_the_port_is_told_apart() -> None:
    with pytest.raises(ConnectionAbortedError):
        answer(b"HTTP/1.1 400 Bad Request\r\n")
