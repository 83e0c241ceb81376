"""The compose file, the image and what they mount fit the code they run."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli.main import CommandTable
from streams.settings import known_variables

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "manyi"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    """A path of the checkout is there, or Docker would silently make an empty directory of it."""
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_stay_on_this_machine(name: str) -> None:
    """No image moves under our feet, and nothing without a password listens to the network."""
    image = SERVICES[name]["image"]
    assert image == "manyi" or re.search(r":v?\d+\.\d+", image)
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", OURS)
def test_our_services_use_commands_and_settings_that_exist(name: str) -> None:
    """Commands stand in the table of commands, variables among the settings."""
    assert OURS[name]["command"][0] in CommandTable.entries
    assert set(OURS[name]["environment"]) <= known_variables()


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_services_that_exist(name: str) -> None:
    """Who is waited for to be healthy says how that is seen."""
    waits = SERVICES[name].get("depends_on", {})
    for other in waits:
        assert other in SERVICES
        if isinstance(waits, dict) and waits[other]["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]


def test_the_image_is_built_from_locks_and_runs_as_nobody_in_particular() -> None:
    """Every requirement is installed by hash, and the last stage does not run as root."""
    stages = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    assert "USER 10001" in stages[-1]
    installs = re.findall(r"pip install (.*)", "".join(stages))
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    copied = re.findall(r"^!(\S+)", (DEPLOY.parent / ".dockerignore").read_text(), re.MULTILINE)
    assert all((DEPLOY.parent / name).exists() for name in copied)


def test_every_yaml_file_here_can_be_read() -> None:
    """Configurations of other programs are at least YAML."""
    files = [path for kind in ("*.yaml", "*.yml") for path in DEPLOY.rglob(kind)]
    assert len(files) > 3
    for path in files:
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
