"""Variables that hold secrets leave the environment before anything inherits it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.load import load
from declarative_paas.manifest.manifests import PlatformManifest
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.vault.keyring import Keyring, VaultError
from declarative_paas.workflow.secret_environment import take_environment

KEY = base64.urlsafe_b64encode(b"another key of 32 bytes, exactly").decode()


@pytest.fixture
def platform(tmp_path: Path) -> PlatformManifest:
    (tmp_path / "src").mkdir()
    (tmp_path / "dpaas.yaml").write_text(
        "kind: Platform\nmetadata: {name: acme}\nspec:\n  regions: {us: {provider: memory}}\n"
        "  secrets: {a: {env: A_TOKEN}, b: {env: B_TOKEN}, c: {file: c.txt}, d: {env: PGPASSWORD}}\n"
        "---\nkind: App\nmetadata: {name: shop}\nspec: {region: us, source: {path: src}}\n"
    )
    loaded = load([tmp_path], variables=VariableInputs())
    assert loaded.manifests is not None
    return loaded.manifests.platform


def test_what_is_declared_is_taken_out_and_everything_else_stays(platform: PlatformManifest) -> None:
    environment = {"A_TOKEN": "hunter2", "OTHER": "x", "PGPASSWORD": "p", "DPAAS_SECRETS_KEY": KEY}
    taken = take_environment(platform, environment, taken={})
    # The driver of the state's database reads its password itself.
    assert environment == {"OTHER": "x", "PGPASSWORD": "p"}
    assert {name: value.reveal() for name, value in taken.values.items()} == {"A_TOKEN": "hunter2", "PGPASSWORD": "p"}
    assert "hunter2" not in repr(taken)
    assert KEY not in repr(taken)


def test_the_key_comes_from_the_environment_before_the_file(platform: PlatformManifest, tmp_path: Path) -> None:
    file = tmp_path / "secrets-file.key"
    taken = take_environment(platform, {"DPAAS_SECRETS_KEY": KEY}, taken={})
    assert taken.encryption_key(file, make=True).id == Keyring(KEY.encode()).id
    assert not file.exists()
    without = take_environment(platform, {}, taken={})
    with pytest.raises(VaultError, match=r"no key file at .* DPAAS_SECRETS_KEY is not set"):
        without.encryption_key(file)
    made = without.encryption_key(file, make=True)
    assert without.encryption_key(file).id == made.id != Keyring(KEY.encode()).id


def test_a_key_that_is_none_is_refused_without_repeating_it(platform: PlatformManifest, tmp_path: Path) -> None:
    taken = take_environment(platform, {"DPAAS_SECRETS_KEY": "hunter2"}, taken={})
    with pytest.raises(VaultError, match="DPAAS_SECRETS_KEY: the key is not 32 bytes") as problem:
        taken.encryption_key(tmp_path / "none")
    assert "hunter2" not in str(problem.value)


def test_what_was_taken_once_is_known_when_it_is_taken_again_and_not_put_back(platform: PlatformManifest) -> None:
    environment = {"A_TOKEN": "hunter2", "DPAAS_SECRETS_KEY": KEY}
    taken: dict[str, Sensitive] = {}
    first = take_environment(platform, environment, taken=taken)
    assert take_environment(platform, environment, taken=taken) == first
    assert environment == {}
    environment["A_TOKEN"] = "another"
    again = take_environment(platform, environment, taken=taken)
    assert again.values["A_TOKEN"].reveal() == "another"
    assert again.key == first.key
    assert environment == {}
