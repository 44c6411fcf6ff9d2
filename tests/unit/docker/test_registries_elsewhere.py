"""How a build on another machine reaches the registries: by addresses, never by files of this machine."""

from __future__ import annotations

import pytest

from declarative_paas.providers.slugs.registries import registry_environment_elsewhere


def test_what_names_a_file_of_this_machine_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_INDEX_URL": "https://pypi.example/simple",
        "PIP_EXTRA_INDEX_URL": "file:///opt/simple https://more.example/simple /srv/simple",
        "PIP_CONSTRAINT": "/etc/constraints.txt",
        "PIP_CERT": "~/ca.pem",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "PIP_TARGET": "elsewhere",
        "DATABASE_PASSWORD": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    found = registry_environment_elsewhere()
    assert found["PIP_INDEX_URL"] == "https://pypi.example/simple"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://more.example/simple"
    assert found["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert found.keys().isdisjoint({"PIP_CONSTRAINT", "PIP_CERT", "SSL_CERT_FILE", "PIP_TARGET", "DATABASE_PASSWORD"})
