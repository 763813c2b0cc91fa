"""The files that say what is installed and run: locks, compose, containerfile, Makefile."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.artifacts import DYNAMODB_VERSION, ELASTICSEARCH_VERSION
from infra.local.options import PORTS
from infra.local.processes import ROOT
from shared.observe import Metrics
from shared.settings import Settings

LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")
TARGETS = (
    "help setup run demo check test-fast test sim conformance chaos bench load verify rebuild "
    "wheel clean"
).split()


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_versions(path: str) -> dict[str, str]:
    matches = (LOCKED.match(line) for line in read(path).splitlines())
    return {normal(match[1]): match[2] for match in matches if match}


def required_names(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=;~! ]", text, maxsplit=1)[0]) for text in requirements}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
    return loaded


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(read("infra/compose.yaml"))
    return loaded


@pytest.mark.parametrize("path", ["requirements.lock", "infra/runtime.lock"])
def test_a_lock_pins_every_package_with_hashes_and_names_no_host(path: str) -> None:
    entries = re.split(r"\n(?=\S)", read(path).split("\n", 1)[1].strip())
    assert len(entries) > 40
    for entry in entries:
        assert LOCKED.match(entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in read(path)
    assert "--index" not in read(path)


def test_every_requirement_is_locked(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"].values()
    wanted = required_names(
        [*project["dependencies"], *(text for extra in extras for text in extra)]
    )
    assert wanted <= locked_versions("requirements.lock").keys()
    assert required_names(project["dependencies"]) <= locked_versions("infra/runtime.lock").keys()


def test_the_image_gets_the_versions_that_are_tested() -> None:
    everything = locked_versions("requirements.lock")
    runtime = locked_versions("infra/runtime.lock")
    assert {name: everything.get(name) for name in runtime} == runtime
    assert not {"pytest", "locust", "moto", "jpype1", "fragment-python"} & runtime.keys()


def test_the_images_of_the_engines_are_the_pinned_versions(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["dynamodb"]["image"] == f"amazon/dynamodb-local:{DYNAMODB_VERSION}"
    assert services["elasticsearch"]["image"] == f"elasticsearch:{ELASTICSEARCH_VERSION}"


def test_all_services_of_compose_share_one_image_and_wait_for_provisioning(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    commands = {}
    for name in ("write", "read", "indexer", "connect"):
        assert services[name]["image"] == "twofold"
        assert services[name]["depends_on"] == {
            "provision": {"condition": "service_completed_successfully"}
        }
        commands[name] = services[name]["command"]
    assert commands == {
        "write": ["python", "-m", "write_service"],
        "read": ["python", "-m", "read_service"],
        "indexer": ["python", "-m", "indexer"],
        "connect": ["python", "-m", "connectors"],
    }
    optional = {name for name, service in services.items() if "profiles" in service}
    assert optional == {"connect"}
    sealing = {
        name
        for name, each in services.items()
        if "TWOFOLD_LINK_SECRET" in each.get("environment", {})
    }
    assert sealing == {"connect"}


def test_compose_publishes_on_the_loopback_address_alone(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 6
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_image_has_a_safe_path_and_a_user_without_rights() -> None:
    lines = read("infra/containerfile")
    assert "PYTHONSAFEPATH=1" in lines
    assert "--require-hashes" in lines
    assert lines.index("USER twofold") < lines.index("CMD ")


def test_every_target_of_the_makefile_is_explained() -> None:
    explained = re.findall(r"^([a-z-]+):.*## \S", read("Makefile"), flags=re.MULTILINE)
    assert explained == TARGETS
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), flags=re.MULTILINE)
    assert phony
    assert phony[1].split() == TARGETS


def test_what_lands_is_checked_and_tested() -> None:
    script = Path(ROOT / ".ci" / "run")
    assert script.stat().st_mode & 0o111
    assert "make check\nmake test\n" in script.read_text()
    assert "set -euo pipefail" in script.read_text()


def test_the_example_environment_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^#(TWOFOLD_[A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    defaults = {f"TWOFOLD_{field.name.upper()}": field.default for field in fields(Settings)}
    assert defaults.keys() <= listed.keys()
    for name, default in defaults.items():
        expected = str(int(default)) if isinstance(default, bool) else str(default)
        assert listed[name] == expected, name
    assert {name: int(listed[name]) for name in PORTS} == PORTS
    launchers = "HOME PORTS CACHE_DIR MAVEN_URL TEST_ENGINES DYNAMODB_PORT ELASTICSEARCH_PORT"
    assert listed.keys() - defaults.keys() == {f"TWOFOLD_{name}" for name in launchers.split()}


def test_the_dashboard_shows_metrics_that_exist() -> None:
    kept = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    kept |= {family.name for family in Metrics().registry.collect()}
    shown = set(re.findall(r"twofold_[a-z_]+", read("infra/dashboards/twofold.json")))
    assert len(shown) > 15
    assert {re.sub("_(total|bucket)$", "", name) for name in shown} <= kept
