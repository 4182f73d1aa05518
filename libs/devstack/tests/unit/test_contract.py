"""What a service is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from devstack.contract import Addresses, clean_environment, has_module
from devstack.traces import wanted


@pytest.fixture
def addresses() -> Addresses:
    return Addresses(
        nats_url="nats://127.0.0.1:1",
        issuer_url="http://127.0.0.1:2",
        databases={"customer": "postgresql://customer:pw@127.0.0.1:3/customer"},
        grpc_ports={"customer": 4, "gateway": 5},
        health_ports={"customer": 6, "gateway": 7},
        http_port=8,
        secret_files={name: Path(f"/s/{name}") for name in ("customer", "gateway", "marquectl")},
    )


class TestForService:
    def test_a_service_is_told_its_own_database_only(self, addresses: Addresses) -> None:
        told = addresses.for_service("customer")
        assert told["MARQUE_DATABASE_URL"].endswith("/customer")
        assert told["MARQUE_GRPC_PORT"] == "4"
        assert told["MARQUE_HEALTH_PORT"] == "6"
        assert "MARQUE_HTTP_PORT" not in told

    def test_the_gateway_has_two_doors_and_no_database(self, addresses: Addresses) -> None:
        told = addresses.for_service("gateway")
        assert (told["MARQUE_HTTP_PORT"], told["MARQUE_GRPC_PORT"]) == ("8", "5")
        assert "MARQUE_DATABASE_URL" not in told

    def test_peers_are_the_domain_services(self, addresses: Addresses) -> None:
        assert json.loads(addresses.for_service("gateway")["MARQUE_PEERS"]) == {"customer": "127.0.0.1:4"}


class TestTraces:
    def test_they_begin_at_the_doors_and_services_only_go_on(self, addresses: Addresses) -> None:
        traced = replace(addresses, otlp_url="http://127.0.0.1:9", traces_url="http://127.0.0.1:10", ops_ui=Path("/ui"))
        door, service = traced.for_service("gateway"), traced.for_service("customer")
        assert {door["MARQUE_OTLP_ENDPOINT"], service["MARQUE_OTLP_ENDPOINT"]} == {"http://127.0.0.1:9"}
        assert (door["MARQUE_TRACE_SAMPLE_RATIO"], service["MARQUE_TRACE_SAMPLE_RATIO"]) == ("1", "0")
        assert (door["MARQUE_TRACES_URL"], door["MARQUE_OPS_UI"]) == ("http://127.0.0.1:10", "/ui")
        assert not {"MARQUE_TRACES_URL", "MARQUE_OPS_UI"} & service.keys()

    def test_without_a_store_nobody_is_told_to_record(self, addresses: Addresses) -> None:
        assert not any(name.startswith(("MARQUE_OTLP", "MARQUE_TRACE")) for name in addresses.for_service("gateway"))

    @pytest.mark.parametrize(
        ("environ", "kept"),
        [({}, True), ({"MARQUE_TRACES": "off"}, False), ({"MARQUE_OTLP_ENDPOINT": "http://c:4317"}, False)],
    )
    def test_they_are_kept_unless_said_otherwise(self, environ: dict[str, str], kept: bool) -> None:
        assert wanted(environ) is kept


class TestCleanEnvironment:
    def test_no_service_sees_the_database_of_another(self) -> None:
        given = {"PATH": "/bin", "MARQUE_DATABASE_URL_VEHICLE": "x", "MARQUE_DATABASE_URL": "y", "MARQUE_LOG": "z"}
        assert clean_environment(given) == {"PATH": "/bin", "MARQUE_LOG": "z"}


class TestHasModule:
    @pytest.mark.parametrize(
        ("package", "module", "there"),
        [("devstack", "__main__", True), ("json", "decoder", True), ("devstack", "absent", False), ("nix", "x", False)],
    )
    def test_tells_without_importing(self, package: str, module: str, there: bool) -> None:
        assert has_module(package, module) is there
