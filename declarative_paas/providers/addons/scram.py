"""PostgreSQL's password verifiers, made here so that a password never travels in a statement or a file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

ITERATIONS = 4096  # PostgreSQL's default; the passwords are 256 random bits, so more would buy nothing


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What pg_authid stores for a password: RFC 5803 form, `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.

    The password must be ASCII, where SASLprep changes nothing.
    """
    if not password.isascii():
        raise ValueError("only generated ASCII passwords are supported")
    salt = os.urandom(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
