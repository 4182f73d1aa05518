"""The engines that production's values point at: what their charts are told agrees with what ours ask for, by name, user, Secret and port.

Tried once by hand with the charts themselves (docs/production.md says which), which no registry of this project has.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from devstack.delivery import backing, manifests
from devstack.delivery.fleet import Member
from devstack.delivery.helm import Manifest
from devstack.postgres import EXTENSIONS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "ops" / "backing"
DIRECT = 2  # connections of a pod beside its pool: the relay's, and one of a command


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What each engine's chart is told."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yaml")}


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "charts" / "marque" / "values-production.yaml").read_text())
    return values["global"]


def where(engine: str) -> str:
    """The namespace that an engine is installed in."""
    return backing.CHARTS[engine]["namespace"]


class TestBacking:
    def test_what_is_told_is_what_the_code_says(self, fleet: list[Member]) -> None:
        stale = [name for name, text in backing.files(fleet).items() if (FOLDER / name).read_text() != text]
        assert stale == [], "out of date: run `make chart-files`"
        assert {path.name for path in FOLDER.iterdir()} == set(backing.files(fleet))

    def test_every_chart_is_pinned(self, told: dict[str, Any]) -> None:
        assert {*told["charts"]} | {"charts"} == {*told}
        for one in told["charts"].values():
            assert all(part.isdigit() for part in one["version"].split(".")), one


class TestPostgres:
    def test_the_address_is_that_of_the_cluster(self, told: dict[str, Any], ours: dict[str, Any]) -> None:
        assert ours["database"]["host"] == f"{told['postgres']['fullnameOverride']}-rw.{where('postgres')}.svc"

    def test_each_service_with_data_has_a_role_and_a_database_of_its_own(
        self, told: dict[str, Any], fleet: list[Member], renders: dict[str, list[Manifest]]
    ) -> None:
        owners = {member.name for member in fleet if member.revision}
        roles = {role["name"]: role["passwordSecret"]["name"] for role in told["postgres"]["cluster"]["roles"]}
        assert {one["name"]: one["owner"] for one in told["postgres"]["databases"]} == {name: name for name in owners}
        asked = {
            container["name"]: entry["valueFrom"]["secretKeyRef"]["name"]
            for _, pod in manifests.pods(renders["production"])
            for container in pod["spec"]["containers"]
            for entry in container.get("env", ())
            if entry["name"] == "DATABASE_PASSWORD"
        }
        assert roles == asked
        for one in told["postgres"]["databases"]:
            assert [extension["name"] for extension in one["extensions"]] == list(EXTENSIONS)

    def test_there_are_connections_enough_for_every_pod_that_may_run(
        self, told: dict[str, Any], renders: dict[str, list[Manifest]]
    ) -> None:
        scaled = manifests.of_kind(renders["production"], "HorizontalPodAutoscaler")
        maps = manifests.of_kind(renders["production"], "ConfigMap")
        most = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicas"] for one in scaled}
        pools = {one["metadata"]["name"]: int(one["data"].get("MARQUE_DATABASE_POOL_SIZE", 0)) for one in maps}
        needed = sum(
            one["spec"].get("replicas", most.get(one["metadata"]["name"], 0))
            * (pools[one["metadata"]["name"].rpartition("-")[0]] + DIRECT)
            for one in manifests.of_kind(renders["production"], "Deployment")
            if not one["metadata"]["name"].startswith("marque-gateway")
        )
        assert most
        assert needed < int(told["postgres"]["cluster"]["postgresql"]["parameters"]["max_connections"])

    def test_backups_are_younger_than_what_rights_are_replayed_from(
        self, told: dict[str, Any], renders: dict[str, list[Manifest]]
    ) -> None:
        data = [one["data"] for one in manifests.of_kind(renders["production"], "ConfigMap")]
        days = {int(one["MARQUE_STREAM_MAX_AGE_DAYS"]) for one in data if "MARQUE_STREAM_MAX_AGE_DAYS" in one}
        backups = told["postgres"]["backups"]
        assert backups["enabled"]
        assert int(backups["retentionPolicy"].removesuffix("d")) <= min(days)


class TestNats:
    def test_the_address_is_that_of_three_nodes_with_tls(self, told: dict[str, Any], ours: dict[str, Any]) -> None:
        config, url = told["nats"]["config"], urlsplit(ours["nats"]["url"])
        assert (url.scheme, url.hostname) == ("tls", f"{backing.CHARTS['nats']['release']}.{where('nats')}.svc")
        assert url.port == config["nats"]["port"]
        assert config["nats"]["tls"]["enabled"]
        assert config["cluster"]["replicas"] == ours["nats"]["streamReplicas"] == 3

    def test_every_user_may_what_the_code_says_under_the_word_that_its_pods_are_given(
        self, told: dict[str, Any], renders: dict[str, list[Manifest]]
    ) -> None:
        users = told["nats"]["config"]["merge"]["authorization"]["users"]
        written = json.loads((ROOT / "charts" / "marque" / "files" / "broker.json").read_text())
        assert {one["user"]: one["permissions"] for one in users} == written
        env = told["nats"]["container"]["env"]
        words = {one["user"]: env[one["password"].strip("<> $")]["valueFrom"]["secretKeyRef"] for one in users}
        for name, pod in manifests.pods(renders["production"]):
            (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "broker"]
            user = "migrate" if "-migrate-" in name else pod["spec"]["containers"][0]["name"]
            assert words[user] == {"name": volume["secret"]["secretName"], "key": "password"}


class TestSight:
    def test_spans_and_traces_go_where_something_listens(self, told: dict[str, Any], ours: dict[str, Any]) -> None:
        collector, tempo = urlsplit(ours["telemetry"]["endpoint"]), urlsplit(ours["telemetry"]["tracesUrl"])
        assert collector.hostname == f"{told['collector']['fullnameOverride']}.{where('collector')}.svc"
        assert tempo.hostname == f"{told['tempo']['fullnameOverride']}.{where('tempo')}.svc"
        assert tempo.port == told["tempo"]["tempo"]["server"]["http_listen_port"]
        pipeline = yaml.safe_load((ROOT / "ops" / "collector.yaml").read_text())
        assert pipeline["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].endswith(f":{collector.port}")

    def test_the_collector_is_told_every_address_that_its_pipeline_names(self, told: dict[str, Any]) -> None:
        text = (ROOT / "ops" / "collector.yaml").read_text()
        given = {one["name"] for one in told["collector"]["extraEnvs"]}
        assert given == {part.partition("}")[0] for part in text.split("${env:")[1:]}
