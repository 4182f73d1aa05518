"""README.md as a stranger follows it: its commands for a cluster name targets, flags, files, images, objects and ports that are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from devstack.delivery import build, manifests
from devstack.delivery.helm import Charts
from devstack.delivery.needs import images
from devstack.delivery.write import VERSION

ROOT = Path(__file__).resolve().parents[2]
_ONLY_INSTALL = {
    "--create-namespace": 0,
    "--wait": 0,
    "--timeout": 1,
}  # flags of `install` that `template` lacks, with their words


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    """Every command of the section, as words."""
    section = (ROOT / "README.md").read_text().partition("## Install it in a cluster")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def installed(commands: list[list[str]], charts: Charts, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the README's `helm install` gives to a cluster: the same words by `helm template`, from a package as `make charts` writes it."""
    dist = tmp_path_factory.mktemp("dist")
    charts.package(dist)
    (words,) = [words for words in commands if words[0].endswith("/helm")]
    assert words[:2] == [".venv/charts-tools/bin/helm", "install"]
    kept, skip = [], 0
    for word in words[2:]:
        if skip or word in _ONLY_INSTALL:
            skip = skip - 1 if skip else _ONLY_INSTALL[word]
        else:
            kept.append(word.replace("dist/charts", str(dist)))
    return [one for one in yaml.load_all(charts.run("template", *kept), Loader=yaml.CSafeLoader) if one]


class TestReadme:
    def test_make_is_asked_for_targets_and_flags_that_it_has(self, commands: list[list[str]]) -> None:
        makefile = (ROOT / "Makefile").read_text()
        asked = [words for words in commands if words[0] == "make"]
        assert asked
        for _, target, *variables in asked:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            for name, _, value in (one.partition("=") for one in variables):
                assert name in ("REGISTRY", "BASE", "I"), name
                if name == "I":
                    build.parser().parse_args(shlex.split(value))

    def test_what_is_installed_runs_the_images_that_were_pushed_and_two_of_others(
        self, commands: list[list[str]], installed: list[Any], fleet: list[Any]
    ) -> None:
        (pushed,) = [words for words in commands if words[:2] == ["make", "images"]]
        registry = next(word.partition("=")[2] for word in pushed if word.startswith("REGISTRY="))
        made = {f"{registry}/marque-{one.name}:{VERSION}" for one in images([member.name for member in fleet])}
        run = {container["image"] for _, pod in manifests.pods(installed) for container in pod["spec"]["containers"]}
        others = run - made
        assert run >= made
        assert {image.rpartition("/")[0] for image in others} == {"docker.io/library"}
        assert len(others) == 2

    def test_what_is_looked_at_afterwards_is_there(self, commands: list[list[str]], installed: list[Any]) -> None:
        there = {manifests.key(one).lower() for one in installed}
        services = manifests.of_kind(installed, "Service")
        ports = {one["metadata"]["name"]: {port["port"] for port in one["spec"]["ports"]} for one in services}
        asked = [words for words in commands if "kubectl" in words[0]]
        assert len(asked) == 3
        for words in asked:
            text = " ".join(words)
            assert "-n crm" in text
            (named,) = re.findall(r"(?:statefulset|service)/[a-z-]+", text)
            assert named in there
            if forwarded := re.findall(r"(?<= )\d+", text):
                assert {int(port) for port in forwarded} <= ports[named.partition("/")[2]]

    def test_every_service_stands_in_the_house(self, fleet: list[Any]) -> None:
        text = (ROOT / "README.md").read_text()
        assert [one.name for one in fleet if f"[services/{one.name}](services/{one.name}/README.md)" not in text] == []
