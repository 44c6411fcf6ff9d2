"""What a build gets to know of the caller's package registries, and what it must never print."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from declarative_paas.providers.slugs.registries import registry_environment, secrets_in, without_secrets
from declarative_paas.providers.slugs.stack import Stack, local_stack


@pytest.fixture
def stack(open_directory: Path) -> Stack:
    return local_stack("nobody" if os.geteuid() == 0 else None, open_directory)


def test_index_and_proxy_settings_go_along_and_where_the_caller_installs_does_not(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "npm_config_registry": "https://npm.example/",
    }
    withheld = {
        "PIP_TARGET": "/somewhere",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CACHE_DIR": "/cache",
        "PIP_CONFIG_FILE": "/dev/null",
        "npm_config_prefix": "/somewhere",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    for name, value in {**given, **withheld}.items():
        monkeypatch.setenv(name, value)
    environment = registry_environment(stack)
    assert given.items() <= environment.items()
    assert not withheld.keys() & environment.keys()


def test_a_pip_configuration_in_our_home_goes_as_variables(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip.conf").write_text(
        "[global]\ntrusted-host =\n  one.example\n  two.example\nuser = true\n[install]\nno-binary = x's\n"
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("PIP_TRUSTED_HOST", raising=False)
    environment = registry_environment(stack)
    assert environment["PIP_TRUSTED_HOST"] == "one.example two.example"
    assert environment["PIP_NO_BINARY"] == "x's"
    assert "PIP_USER" not in environment


def test_the_environment_wins_over_the_configuration_file(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip.conf").write_text("[global]\ntimeout = 7\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_TIMEOUT", "9")
    assert registry_environment(stack)["PIP_TIMEOUT"] == "9"


def test_passwords_and_tokens_are_known_as_secrets_and_addresses_are_not() -> None:
    environment = {
        "PIP_INDEX_URL": "https://build:p%40ss@index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://t0ken@a.example/simple https://plain.example/simple",
        "HTTPS_PROXY": "http://me:hunter2@proxy.example:3128",
        "PIP_TIMEOUT": "9",
    }
    assert secrets_in(environment) == {"p%40ss", "p@ss", "t0ken", "hunter2"}


def test_a_line_shows_no_secret_even_when_one_is_part_of_another() -> None:
    assert without_secrets("key abcdef and abc", {"abc", "abcdef"}) == "key [secret] and [secret]"
    assert without_secrets("nothing here", frozenset()) == "nothing here"
