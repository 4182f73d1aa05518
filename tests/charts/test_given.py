"""What an installation gives to single services by value: settings, Secrets as settings and as files, ways out; and the way in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from devstack.delivery import manifests
from devstack.delivery.helm import Charts, HelmFailed, Manifest


@pytest.fixture(scope="module")
def production(renders: dict[str, list[Manifest]]) -> list[Manifest]:
    return renders["production"]


def one(render: list[Manifest], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in manifests.of_kind(render, kind) if each["metadata"]["name"] == name]
    return dict(found)


def pods_of(render: list[Manifest], service: str) -> list[dict[str, Any]]:
    return [dict(pod) for name, pod in manifests.pods(render) if f"/marque-{service}-" in name]


class TestGiven:
    def test_a_setting_that_is_a_map_is_told_as_json(self, production: list[Manifest]) -> None:
        told = one(production, "ConfigMap", "marque-campaign")["data"]["MARQUE_PROVIDERS"]
        assert json.loads(told)["SMS"]["repeatable"] is True

    def test_a_word_from_a_secret_stands_in_no_map_and_reaches_every_process(self, production: list[Manifest]) -> None:
        assert "MARQUE_SMTP_PASSWORD" not in one(production, "ConfigMap", "marque-survey")["data"]
        pods = pods_of(production, "survey")
        assert len(pods) == 3
        for pod in pods:
            (entry,) = [e for e in pod["spec"]["containers"][0]["env"] if e["name"] == "MARQUE_SMTP_PASSWORD"]
            assert entry["valueFrom"] == {"secretKeyRef": {"name": "survey-mail", "key": "password"}}

    def test_a_file_of_a_secret_lies_where_the_settings_say(self, production: list[Manifest]) -> None:
        providers = json.loads(one(production, "ConfigMap", "marque-campaign")["data"]["MARQUE_PROVIDERS"])
        folder, _, _ = providers["SMS"]["secret_file"].rpartition("/")
        for pod in pods_of(production, "campaign"):
            mounted = {mount["mountPath"]: mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
            (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == mounted[folder]]
            assert volume["secret"]["secretName"] == "campaign-providers"

    def test_the_list_of_mailboxes_lies_in_a_mounted_secret_and_runs_have_room_for_their_state(
        self, production: list[Manifest]
    ) -> None:
        told = one(production, "ConfigMap", "marque-customer")["data"]
        folder, _, name = told["MARQUE_MAILBOXES"].rpartition("/")
        assert name == "mailboxes.json"
        for pod in pods_of(production, "customer"):
            mounted = {mount["mountPath"]: mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
            volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
            assert volumes[mounted[folder]]["secret"]["secretName"] == "customer-mailboxes"
            scratch = next(path for path in mounted if told["MARQUE_LINKING_FOLDER"].startswith(f"{path}/"))
            assert volumes[mounted[scratch]]["emptyDir"]["sizeLimit"] == "6Gi"

    @pytest.mark.parametrize(("service", "port"), [("survey", 587), ("campaign", 443), ("customer", 993)])
    def test_the_way_to_mail_and_providers_is_open_to_who_sends_and_to_nobody_else(
        self, production: list[Manifest], service: str, port: int
    ) -> None:
        documentation = ("192.0.2.", "198.51.100.", "203.0.113.")  # RFC 5737: nobody's addresses, for examples
        out = {
            policy["metadata"]["name"]: [rule["ports"] for rule in policy["spec"].get("egress", ()) if _to(rule, documentation)]
            for policy in manifests.of_kind(production, "NetworkPolicy")
        }  # fmt: skip
        assert [{"port": port}] in out[f"marque-{service}"]
        assert {name for name, rules in out.items() if rules} == {"marque-survey", "marque-campaign", "marque-customer"}

    def test_a_service_that_was_put_back_is_led_to_its_new_server_and_the_others_are_not(self, charts: Charts) -> None:
        render = charts.render("production", "--set", "survey.databaseHost=marque-again-rw.databases.svc")
        hosts = {
            (name.split("-")[1], entry["value"].rpartition("@")[2].partition(":")[0])
            for name, pod in manifests.pods(render)
            for entry in pod["spec"]["containers"][0]["env"]
            if entry["name"] == "MARQUE_DATABASE_URL"
        }
        assert {host for service, host in hosts if service == "survey"} == {"marque-again-rw.databases.svc"}
        assert {host for service, host in hosts if service != "survey"} == {"marque-rw.databases.svc"}

    def test_files_lie_in_the_volume_that_is_named_and_nobody_else_gets_it(self, charts: Charts) -> None:
        render = charts.render(
            "production", "--set", "complaint.objectsClaim=case-files", "--set-string", "complaint.settings.scanner_address=clamd:3310"
        )  # fmt: skip
        told = one(render, "ConfigMap", "marque-complaint")["data"]
        assert told["MARQUE_SCANNER_ADDRESS"] == "clamd:3310"
        holders = set()
        for name, pod in manifests.pods(render):
            for volume in pod["spec"]["volumes"]:
                if volume.get("persistentVolumeClaim", {}).get("claimName") == "case-files":
                    mounts = {
                        mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]
                    }
                    assert mounts[volume["name"]] == told["MARQUE_OBJECTS_FOLDER"]
                    holders.add(name.split("-")[1])
        assert holders == {"complaint"}

    def test_traces_are_asked_for_by_the_gateway_alone(self, production: list[Manifest]) -> None:
        told = {
            each["metadata"]["name"]: each["data"].get("MARQUE_TRACES_URL")
            for each in manifests.of_kind(production, "ConfigMap")
        }
        assert {name for name, url in told.items() if url} == {"marque-gateway"}
        rules = one(production, "NetworkPolicy", "marque-gateway")["spec"]["egress"]
        assert [rule for rule in rules if rule["ports"] == [{"port": 3200}]]

    @pytest.mark.parametrize(
        ("setting", "named"),
        [
            ("survey.egress[0].to[0].podSelector.matchLabels.app=mail", "ports"),
            ("survey.egress[0].ports[0].port=25", "to"),
            ("survey.secretSettings.smtp_password=word", "smtp_password"),
            ("campaign.secretFiles[0]=../etc", "secretFiles"),
            ("global.telemetry.tracesUrl=tempo:3200", "tracesUrl"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_by_name(self, charts: Charts, setting: str, named: str) -> None:
        with pytest.raises(HelmFailed, match=named):
            charts.render("evaluation", "--set", setting)


class TestWayIn:
    def test_both_doors_are_encrypted_and_their_certificate_is_checked(self, production: list[Manifest]) -> None:
        policy = one(production, "BackendTLSPolicy", "marque-gateway")["spec"]
        assert {target["sectionName"] for target in policy["targetRefs"]} == {"http", "grpc"}
        names = one(production, "Certificate", "marque-gateway")["spec"]["dnsNames"]
        assert policy["validation"]["hostname"] in names
        ports = {port["name"]: port for port in one(production, "Service", "marque-gateway")["spec"]["ports"]}
        assert ports["http"]["appProtocol"] == "https"

    def test_every_route_leads_to_a_port_of_the_gateway(self, production: list[Manifest]) -> None:
        ports = {port["port"] for port in one(production, "Service", "marque-gateway")["spec"]["ports"]}
        routes = manifests.of_kind(production, "HTTPRoute", "GRPCRoute", "TLSRoute")
        assert {route["kind"] for route in routes} == {"HTTPRoute", "GRPCRoute", "TLSRoute"}
        for route in routes:
            for rule in route["spec"]["rules"]:
                assert all(ref["name"] == "marque-gateway" and ref["port"] in ports for ref in rule["backendRefs"])


def _to(rule: dict[str, Any], prefixes: tuple[str, ...]) -> bool:
    return any(peer.get("ipBlock", {}).get("cidr", "").startswith(prefixes) for peer in rule["to"])
