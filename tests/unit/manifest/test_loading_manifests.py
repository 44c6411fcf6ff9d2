"""Which files are read, where overlays and sources lie, and what the disk can get wrong."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import pytest
from manifest_case import APP, PLATFORM, app_text, short, write

from declarative_paas.core.diagnostic import Severity
from declarative_paas.manifest.load import LoadResult, load
from declarative_paas.manifest.variables import VariableInputs


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions then have short names."""
    monkeypatch.chdir(tmp_path)


def read(*paths: str, environment: str | None = None, variables: VariableInputs | None = None) -> LoadResult:
    return load([Path(path) for path in paths], environment=environment, variables=variables or VariableInputs())


def app(name: str) -> str:
    return APP.replace("shop", name)


def test_a_directory_gives_its_own_yaml_files_and_the_manifests_below() -> None:
    write(
        Path(),
        {
            "platform.yaml": PLATFORM,
            "b.yml": app("bbb"),
            "a.yaml": app("aaa") + "---\n" + app("aab"),
            "one/app.yaml": app("one"),
            "two/deep/dpaas.yml": app("two"),
            "three/api.dpaas.yaml": app("three"),
            # Not read:
            "one/other.yaml": "a: [",
            ".hidden.yaml": "a: [",
            ".git/app.yaml": "a: [",
            "node_modules/x/dpaas.yaml": "a: [",
            "overlays/production/app.yaml": "a: [",
            "notes.txt": "a: [",
        },
    )
    result = read(".")
    assert result.diagnostics == ()
    assert result.manifests is not None
    assert [one.name for one in result.manifests.apps] == ["aaa", "aab", "bbb", "one", "three", "two"]
    assert [str(path) for path in result.files] == [
        "a.yaml",
        "b.yml",
        "platform.yaml",
        "one/app.yaml",
        "three/api.dpaas.yaml",
        "two/deep/dpaas.yml",
    ]


def test_a_file_is_read_whatever_its_name_is_and_only_once() -> None:
    write(Path(), {"all.txt": PLATFORM + "---\n" + APP, "d/app.yaml": app("other")})
    result = read("all.txt", "d", "d/app.yaml", "./all.txt")
    assert result.diagnostics == ()
    assert len(result.files) == 2


def test_the_order_of_files_means_nothing() -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": app("aaa"), "b.yaml": app("bbb")})
    assert read("p.yaml", "a.yaml", "b.yaml").manifests == read("b.yaml", "a.yaml", "p.yaml").manifests


def test_other_tools_files_in_a_directory_are_noted_and_left_out() -> None:
    write(
        Path(),
        {
            "p.yaml": PLATFORM,
            "docker-compose.yaml": "services: {web: {image: x}}\n",
            "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n",
        },
    )
    result = read(".")
    assert result.manifests is not None
    assert [(one.code, one.severity) for one in result.diagnostics] == [("foreign-document", Severity.NOTE)] * 2


@pytest.mark.parametrize(
    "text", [APP.replace("kind", "knd"), APP.replace("App", "Aap"), "apiVersion: pass/v1\n" + APP, "kind: Fork\n"]
)
def test_a_mistyped_manifest_in_a_directory_is_never_left_out(text: str) -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": text})
    assert read(".").manifests is None


def test_a_file_that_the_user_names_must_be_a_manifest() -> None:
    write(Path(), {"p.yaml": PLATFORM, "c.yaml": "services: {}\n"})
    assert short(read("p.yaml", "c.yaml").diagnostics) == [("c.yaml:1:1", "missing-kind")]


def test_a_missing_file_proposes_the_nearest() -> None:
    write(Path(), {"dpaas.yaml": PLATFORM})
    (diagnostic, *_) = read("dpas.yaml").diagnostics
    assert (diagnostic.code, diagnostic.suggestion) == ("no-such-file", "dpaas.yaml")


def test_an_empty_directory_is_a_mistake() -> None:
    Path("empty").mkdir()
    assert {one.code for one in read("empty").diagnostics} == {"no-manifests"}


def test_an_empty_file_among_others_is_a_mistake_because_its_app_would_be_destroyed() -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": ""})
    result = read(".")
    assert result.manifests is None
    assert short(result.diagnostics) == [("a.yaml:1:1", "empty-file")]


def test_a_huge_file_is_refused_by_its_size() -> None:
    write(Path(), {"p.yaml": PLATFORM})
    with Path("huge.yaml").open("wb") as file:
        file.truncate(10_000_000)
    (diagnostic,) = read(".").diagnostics
    assert (str(diagnostic.position), diagnostic.code) == ("huge.yaml:1:1", "file-too-large")
    assert "10.0 MB" in diagnostic.summary


def test_an_endless_device_is_refused_too() -> None:
    assert "file-too-large" in {one.code for one in read("/dev/zero").diagnostics}


def test_a_file_that_cannot_be_opened_is_a_diagnostic() -> None:
    write(Path(), {"p.yaml": PLATFORM})
    # Not even root can open a socket as a file.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.yaml")
        (diagnostic,) = read(".").diagnostics
    assert diagnostic.code == "unreadable-file"
    assert "a.yaml" in diagnostic.summary


def test_a_file_that_cannot_be_read_hides_no_missing_platform() -> None:
    write(Path(), {"a.yaml": APP})
    assert [one.code for one in read("a.yaml", "p.yaml").diagnostics] == ["no-such-file"]
    assert [one.code for one in read("a.yaml").diagnostics] == ["no-platform"]


def test_a_broken_link_is_a_diagnostic() -> None:
    write(Path(), {"p.yaml": PLATFORM})
    Path("a.yaml").symlink_to("nowhere.yaml")
    assert [one.code for one in read(".").diagnostics] == ["no-such-file"]


def test_a_link_to_a_directory_above_is_not_followed() -> None:
    write(Path(), {"d/p.yaml": PLATFORM, "d/below/app.yaml": APP})
    Path("d/below/up").symlink_to("..")
    result = read("d")
    assert result.manifests is not None
    assert len(result.files) == 2


def test_a_source_is_found_from_the_file_that_declares_it() -> None:
    write(
        Path(),
        {
            "d/p.yaml": PLATFORM,
            "d/x/app.yaml": APP.replace("path: .", "path: ../src"),
            "d/src/a": "",
            "d/overlays/production/app.yaml": "kind: App\nmetadata: {name: shop}\nspec: {source: {path: prod}}\n",
            "d/overlays/production/prod/a": "",
        },
    )
    for environment, directory in ((None, "d/x/../src"), ("production", "d/overlays/production/prod")):
        result = read("d", environment=environment)
        assert result.diagnostics == ()
        assert result.manifests is not None
        assert result.manifests.environment == environment
        assert result.manifests.apps[0].source_directory == Path(directory)
        assert result.manifests.platform.directory == Path("d")


@pytest.mark.parametrize(("path", "suggestion"), [("./storfront", "storefront"), ("nowhere", None), ("a.yaml", None)])
def test_a_source_that_is_no_directory_is_a_mistake(path: str, suggestion: str | None) -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": APP.replace("path: .", f"path: {path}"), "storefront/x": ""})
    result = read(".")
    assert result.manifests is None
    assert short(result.diagnostics) == [("a.yaml:5:18", "source-missing")]
    assert result.diagnostics[0].suggestion == suggestion


def test_an_image_needs_no_directory() -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": APP.replace("path: .", "image: x")})
    result = read(".")
    assert result.manifests is not None
    assert result.manifests.apps[0].source_directory is None


def test_an_unknown_environment_lists_those_that_exist() -> None:
    overlay = "kind: App\nmetadata: {name: shop}\nspec: {build: x}\n"
    write(
        Path(),
        {"p.yaml": PLATFORM, "a.yaml": APP, "overlays/production/a.yaml": overlay, "overlays/staging/a.yaml": overlay},
    )
    result = read(".", environment="prodution")
    assert result.manifests is None
    (diagnostic,) = result.diagnostics
    assert (diagnostic.code, diagnostic.expected, diagnostic.suggestion) == (
        "unknown-environment",
        "one of production, staging",
        "production",
    )


@pytest.mark.parametrize("environment", ["production", "../production", "", ".", "a/b", "/tmp"])
def test_an_environment_is_a_directory_of_overlays_and_nothing_else(environment: str) -> None:
    write(Path(), {"p.yaml": PLATFORM, "production/a.yaml": APP})
    assert [one.code for one in read("p.yaml", environment=environment).diagnostics] == ["unknown-environment"]


def test_without_an_environment_no_overlay_is_read() -> None:
    write(Path(), {"p.yaml": PLATFORM, "a.yaml": APP, "overlays/production/a.yaml": "a: ["})
    assert read(".").diagnostics == ()


def test_variables_come_from_files_the_environment_and_the_command_line() -> None:
    platform = PLATFORM.replace("{regions", "{variables: {a: {}, b: {}, c: {}}, regions")
    write(
        Path(),
        {"p.yaml": platform, "a.yaml": app_text("build: ${var.a} ${var.b} ${var.c}"), "v.yaml": "a: file\nb: file\n"},
    )
    variables = VariableInputs(
        environment={"DPAAS_VAR_c": "env", "DPAAS_VAR_a": "env"}, files=[Path("v.yaml")], assignments=["b=given"]
    )
    result = read("p.yaml", "a.yaml", variables=variables)
    assert result.diagnostics == ()
    assert result.manifests is not None
    assert result.manifests.apps[0].spec.build == "file given env"
    assert Path("v.yaml") in result.files


def test_a_missing_variable_file_is_a_mistake() -> None:
    write(Path(), {"p.yaml": PLATFORM})
    result = read(".", variables=VariableInputs(files=[Path("v.yaml")]))
    assert result.manifests is None
    assert "no-such-file" in {one.code for one in result.diagnostics}


def test_diagnostics_are_sorted_by_place_and_told_once() -> None:
    write(
        Path(),
        {
            "p.yaml": PLATFORM,
            "b.yaml": app_text("formation:\n  web: &w {size: '${var.x}'}\n  clock: *w\nbuild: 1"),
            "a.yaml": app("X"),
        },
    )
    assert [str(one.position) for one in read(".").diagnostics] == ["a.yaml:2:18", "b.yaml:7:20", "b.yaml:9:10"]


def test_two_thousand_apps_are_read_right() -> None:
    text = PLATFORM + "".join(
        f"---\nkind: App\nmetadata: {{name: app-{number:04}}}\nspec:\n  region: us\n  source: {{path: .}}\n"
        f"  formation:\n    web: {{command: run {number}, quantity: {number % 100}}}\n"
        "  addons:\n    - {plan: postgres:standard-0, as: DATABASE}\n"
        for number in range(2000)
    )
    write(Path(), {"all.yaml": text})
    result = read("all.yaml")
    assert result.diagnostics == ()
    assert result.manifests is not None
    assert len(result.manifests.apps) == 2000
    for number, one in enumerate(result.manifests.apps):
        assert one.name == f"app-{number:04}"
        assert one.spec.formation is not None
        assert one.spec.formation["web"].command == f"run {number}"
        assert one.spec.formation["web"].quantity == number % 100
        assert one.position("formation", "web", "command").line == 4 + 10 * number + 7
    assert gc.isenabled()
