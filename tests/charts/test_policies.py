"""What must hold of every pod and every rule that the charts render, whichever service they are of."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from devstack.delivery import manifests
from devstack.delivery.fleet import Member
from devstack.delivery.helm import Manifest

_SECRET_WORDS = re.compile(r"PASSWORD|SECRET|PRIVATE", re.IGNORECASE)
_KUBELET = {"DATABASE_PASSWORD"}


def containers(render: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in manifests.pods(render):
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            yield f"{name}:{container['name']}", container


def labels(manifest: Manifest) -> dict[str, str]:
    return dict(manifest["spec"]["template"]["metadata"]["labels"])


def fits(selector: dict[str, Any], found: dict[str, str]) -> bool:
    exact = all(found.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return exact and all(found.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


class TestPods:
    def test_every_pod_passes_the_restricted_profile(self, render: list[Manifest]) -> None:
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
        for name, pod in manifests.pods(render):
            spec, security = pod["spec"], pod["spec"]["securityContext"]
            assert security["runAsNonRoot"] is True, name
            assert security["runAsUser"] > 0, name
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert not {"hostNetwork", "hostPID", "hostIPC", "hostAliases"} & spec.keys(), name
            allowed = {"emptyDir", "secret", "configMap", "projected", "downwardAPI", "persistentVolumeClaim"}
            assert all(set(volume) - {"name"} <= allowed for volume in spec.get("volumes", ())), name
        for name, container in containers(render):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert not security.get("privileged"), name
            assert not any("hostPort" in port for port in container.get("ports", ())), name

    def test_no_pod_gets_a_token_for_the_cluster_by_default(self, render: list[Manifest]) -> None:
        for name, pod in manifests.pods(render):
            assert pod["spec"]["automountServiceAccountToken"] is False, name
            assert pod["spec"]["enableServiceLinks"] is False, name

    def test_every_container_has_bounds_and_a_version(self, render: list[Manifest]) -> None:
        for name, container in containers(render):
            resources = container["resources"]
            assert resources["requests"].keys() >= {"cpu", "memory"}, name
            assert "memory" in resources["limits"], name
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            assert tag not in ("", "latest"), name

    def test_what_runs_for_ever_is_probed_and_what_ends_is_not(self, render: list[Manifest]) -> None:
        for name, container in containers(render):
            probes = {"startupProbe", "livenessProbe", "readinessProbe"} & container.keys()
            assert len(probes) == (0 if name.startswith("Job/") else 3), name

    def test_scratch_space_is_bounded(self, render: list[Manifest]) -> None:
        for name, pod in manifests.pods(render):
            for volume in pod["spec"].get("volumes", ()):
                assert "emptyDir" not in volume or volume["emptyDir"].get("sizeLimit"), name

    def test_a_service_is_probed_on_a_door_of_its_own(self, render: list[Manifest]) -> None:
        for _, container in containers(manifests.of_kind(render, "Deployment")):
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            assert ports["health"] not in (ports.get("grpc"), ports.get("http"))
            assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
            assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "health"}

    def test_a_pod_has_time_to_drain_before_it_is_killed(self, render: list[Manifest]) -> None:
        settings = {one["metadata"]["name"]: one["data"] for one in manifests.of_kind(render, "ConfigMap")}
        for name, pod in manifests.pods(manifests.of_kind(render, "Deployment")):
            (container,) = pod["spec"]["containers"]
            drain = float(settings[container["envFrom"][0]["configMapRef"]["name"]]["MARQUE_DRAIN_SECONDS"])
            pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert pod["spec"]["terminationGracePeriodSeconds"] >= drain + pause + 20, name


class TestSettings:
    def test_every_setting_is_one_that_the_service_reads(self, render: list[Manifest], fleet: list[Member]) -> None:
        """A name that nobody reads is ignored without a word, so a slip would be found in production only."""
        for member in fleet:
            known = set(importlib.import_module(f"marque_{member.name}.settings").Settings.model_fields)
            told = self.told(render, f"marque-{member.name}")
            assert told
            assert {name for name in told if name.removeprefix("MARQUE_").lower() not in known} - _KUBELET == set()

    def test_what_is_told_makes_settings(
        self, render: list[Manifest], fleet: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for member in fleet:
            with monkeypatch.context() as patched:
                for name, value in self.told(render, f"marque-{member.name}").items():
                    patched.setenv(name, value or "word")
                made = importlib.import_module(f"marque_{member.name}.settings").Settings()
            assert made.environment == "production"
            assert set(made.peers) == set(member.calls)

    def test_no_secret_stands_in_a_manifest_that_is_no_secret(self, render: list[Manifest]) -> None:
        for one in manifests.of_kind(render, "ConfigMap"):
            assert not [name for name in one["data"] if _SECRET_WORDS.search(name) and not name.endswith("_FILE")]
        for name, container in containers(render):
            for entry in container.get("env", ()):
                assert (
                    "valueFrom" in entry or not _SECRET_WORDS.search(entry["name"]) or entry["value"].startswith("/")
                ), name

    @staticmethod
    def told(render: list[Manifest], name: str) -> dict[str, str]:
        """What the pods of a service are told: name → value, empty for what comes from elsewhere."""
        data: dict[str, str] = {}
        for one in manifests.of_kind(render, "ConfigMap"):
            data |= one["data"] if one["metadata"]["name"] == name else {}
        for key, container in containers(render):
            if key.split(":")[0].split("/")[1].startswith(name):
                data |= {entry["name"]: entry.get("value", "") for entry in container["env"]}
        return data


class TestWorkloads:
    def test_what_selects_pods_finds_some(self, render: list[Manifest]) -> None:
        there = [labels(one) for one in render if one["kind"] in ("Deployment", "StatefulSet", "Job")]
        for one in manifests.of_kind(render, "Service"):
            assert any(fits({"matchLabels": one["spec"]["selector"]}, found) for found in there), manifests.key(one)
        for one in manifests.of_kind(render, "PodDisruptionBudget", "Deployment", "StatefulSet"):
            assert any(fits(one["spec"]["selector"], found) for found in there), manifests.key(one)
        for one in manifests.of_kind(render, "NetworkPolicy"):
            assert any(fits(one["spec"]["podSelector"], found) for found in there), manifests.key(one)
        deployments = {one["metadata"]["name"] for one in manifests.of_kind(render, "Deployment")}
        for one in manifests.of_kind(render, "HorizontalPodAutoscaler"):
            assert one["spec"]["scaleTargetRef"]["name"] in deployments

    def test_a_rollout_takes_no_pod_away_before_another_is_ready(self, render: list[Manifest]) -> None:
        for one in manifests.of_kind(render, "Deployment"):
            assert one["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, manifests.key(one)

    def test_who_is_scaled_by_load_is_not_scaled_by_the_chart_as_well(self, render: list[Manifest]) -> None:
        scaled = {one["spec"]["scaleTargetRef"]["name"] for one in manifests.of_kind(render, "HorizontalPodAutoscaler")}
        for one in manifests.of_kind(render, "Deployment"):
            assert ("replicas" in one["spec"]) != (one["metadata"]["name"] in scaled), manifests.key(one)

    def test_nothing_is_a_hook_so_nothing_waits_for_what_comes_later(self, render: list[Manifest]) -> None:
        assert not [one for one in render if "helm.sh/hook" in one["metadata"].get("annotations", {})]

    def test_each_service_with_data_is_migrated_by_its_revision(
        self, render: list[Manifest], fleet: list[Member]
    ) -> None:
        jobs = {one["metadata"]["name"] for one in manifests.of_kind(render, "Job")}
        for member in fleet:
            found = [name for name in jobs if name.startswith(f"marque-{member.name}-migrate-{member.revision}-")]
            assert len(found) == (0 if member.is_gateway else 1), member.name
        assert all(len(name) <= 63 for name in jobs)

    def test_a_role_of_its_own_leads_each_service_to_its_own_database(self, render: list[Manifest]) -> None:
        seen = set()
        for name, container in containers(render):
            for entry in container.get("env", ()):
                if entry["name"] == "MARQUE_DATABASE_URL":
                    user, database = re.fullmatch(
                        r"postgresql://(\w+):\$\(DATABASE_PASSWORD\)@.+/(\w+)", entry["value"]
                    ).groups()  # type: ignore[union-attr]
                    assert user == database == container["name"], name
                    seen.add(user)
        assert {"network", "customer", "vehicle", "complaint"} <= seen

    def test_only_the_migrate_step_speaks_to_the_broker_as_who_may_make_streams(self, render: list[Manifest]) -> None:
        for name, pod in manifests.pods(render):
            secrets = [one["secret"]["secretName"] for one in pod["spec"].get("volumes", ()) if one["name"] == "broker"]
            for secret in secrets:
                assert (secret == "marque-migrate-broker") == ("-migrate-" in name), name


class TestNetwork:
    def test_nothing_passes_that_no_rule_lets_pass(self, render: list[Manifest]) -> None:
        (general,) = [
            one
            for one in manifests.of_kind(render, "NetworkPolicy")
            if "ingress" not in one["spec"] and "egress" not in one["spec"]
        ]
        assert general["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert all(
            fits(general["spec"]["podSelector"], dict(pod["metadata"]["labels"])) for _, pod in manifests.pods(render)
        )

    def test_a_service_hears_those_who_call_it_in_their_code_and_nobody_else(
        self, render: list[Manifest], fleet: list[Member]
    ) -> None:
        everybody = {
            member.name: {"app.kubernetes.io/instance": "marque", "app.kubernetes.io/name": member.name}
            for member in fleet
        }
        for member in fleet:
            rules = self.policy(render, member)["ingress"]
            may = {
                name
                for rule in rules
                for peer in rule["from"]
                if {"port": 9000} in rule["ports"] and "podSelector" in peer
                for name, found in everybody.items()
                if fits(peer["podSelector"], found)
            }
            assert may == (
                set() if member.is_gateway else {other.name for other in fleet if member.name in other.calls}
            )

    def test_who_may_call_may_also_go_out_to_it(self, render: list[Manifest], fleet: list[Member]) -> None:
        for member in fleet:
            out = {
                peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
                for rule in self.policy(render, member)["egress"]
                if {"port": 9000} in rule["ports"]
                for peer in rule["to"]
            }
            assert out == set(member.calls)

    def test_no_rule_of_a_service_lets_everybody_in(self, render: list[Manifest], fleet: list[Member]) -> None:
        for member in fleet:
            for rule in self.policy(render, member)["ingress"]:
                assert rule["from"], member.name
                assert all(peer.get("podSelector") or peer.get("namespaceSelector") for peer in rule["from"])

    @staticmethod
    def policy(render: list[Manifest], member: Member) -> dict[str, Any]:
        (found,) = [
            one
            for one in manifests.of_kind(render, "NetworkPolicy")
            if one["metadata"]["name"] == f"marque-{member.name}"
        ]
        return dict(found["spec"])


class TestEvaluation:
    """One `helm install` on an empty cluster: whatever a pod names must come with it."""

    def test_every_secret_and_map_that_is_named_is_there_with_its_key(self, renders: dict[str, list[Manifest]]) -> None:
        render = renders["evaluation"]
        there = {one["metadata"]["name"]: set(one["data"]) for one in manifests.of_kind(render, "Secret", "ConfigMap")}
        for name, pod in manifests.pods(render):
            for volume in pod["spec"].get("volumes", ()):
                sources = [volume, *volume.get("projected", {}).get("sources", ())]
                for source in sources:
                    named = source.get("secret", {}).get("secretName") or source.get("secret", {}).get("name")
                    named = named or source.get("configMap", {}).get("name")
                    assert named is None or named in there, (name, named)
                    for item in source.get("secret", {}).get("items", ()):
                        assert item["key"] in there[named], (name, named)
        for name, container in containers(render):
            for source in container.get("envFrom", ()):
                assert source["configMapRef"]["name"] in there, name
            for entry in container.get("env", ()):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                assert reference is None or reference["key"] in there[reference["name"]], (name, entry)

    def test_every_host_that_is_named_comes_with_it(self, renders: dict[str, list[Manifest]]) -> None:
        render = renders["evaluation"]
        doors = {
            (one["metadata"]["name"], port["port"])
            for one in manifests.of_kind(render, "Service")
            for port in one["spec"]["ports"]
        }
        named = set()
        texts = [json.dumps(one["data"]) for one in manifests.of_kind(render, "ConfigMap")]
        texts += [entry.get("value", "") for _, container in containers(render) for entry in container.get("env", ())]
        for text in texts:
            named |= {(host, int(port)) for host, port in re.findall(r"\b(marque-[a-z]+)(?:\.crm\.svc)?:(\d+)", text)}
        named = {(host, port) for host, port in named if not host.startswith("marque-service")}
        assert named
        assert named <= doors

    def test_the_words_of_users_are_random_and_of_letters_and_digits(self, renders: dict[str, list[Manifest]]) -> None:
        import base64

        words = [
            base64.b64decode(one["data"][key]).decode()
            for one in manifests.of_kind(renders["evaluation"], "Secret")
            for key in ("password", "client-secret")
            if key in one["data"]
        ]
        assert len(set(words)) == len(words)
        assert all(re.fullmatch(r"a[A-Za-z0-9]{39}", word) for word in words)

    def test_keys_are_such_as_the_services_read(self, renders: dict[str, list[Manifest]], tmp_path: Any) -> None:
        import base64

        from servicekit.audit.keys import AuditKeys
        from servicekit.sealing.keys import Keyring

        for one in manifests.of_kind(renders["evaluation"], "Secret"):
            folder = tmp_path / one["metadata"]["name"]
            if not folder.name.endswith(("-audit-keys", "-sealing-keys")):
                continue
            folder.mkdir()
            for name, value in one["data"].items():
                (folder / name).write_bytes(base64.b64decode(value))
            made = AuditKeys.read(folder, "").current if "audit" in folder.name else Keyring.read(folder, "").current
            assert made == "evaluation-1" or made, folder.name
