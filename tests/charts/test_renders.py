"""The charts build, pass helm's strict lint, render what is written down, and fit the newest versions of Kubernetes."""

from __future__ import annotations

from pathlib import Path

import pytest
from devstack.delivery import manifests, tools
from devstack.delivery.fleet import Member, read_fleet
from devstack.delivery.helm import UMBRELLA, VALUES, Charts, HelmFailed, Manifest
from devstack.delivery.write import files

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("customer", "gateway")


class TestWrittenFiles:
    def test_charts_say_of_each_service_what_its_code_says(self, fleet: list[Member]) -> None:
        stale = [
            name
            for name, text in files(fleet).items()
            if not (ROOT / "charts" / name).is_file() or (ROOT / "charts" / name).read_text() != text
        ]
        assert stale == [], "out of date: run `make chart-files`"

    def test_no_chart_is_left_of_a_service_that_is_gone(self, fleet: list[Member]) -> None:
        folders = {path.name for path in (ROOT / "charts").iterdir()}
        assert folders == {"service", UMBRELLA, *(member.name for member in fleet)}


class TestLint:
    def test_every_chart_passes_strictly(self, charts: Charts) -> None:
        for name in charts.leaves:
            charts.lint(name)
        for values in VALUES:
            charts.lint(UMBRELLA, values)

    @pytest.mark.parametrize(
        ("setting", "named"),
        [
            ("global.image.tag=latest", "tag"),
            ("global.nats.url=nats://customer:word@nats:4222", "url"),
            ("global.nats.streamReplicas=2", "streamReplicas"),
            ("global.nats.streamMaxAgeDays=30", "streamMaxAgeDays"),
            ("global.telemetry.sampleRatio=1.5", "sampleRatio"),
            ("global.identity.services=nobody", "services"),
            ("global.identity.issuer=https://id.example.com/", "issuer"),
            ("global.imagine=1", "imagine"),
            ("customer.serve.replicas=0", "replicas"),
            ("customer.drainSeconds=0", "drainSeconds"),
            ("customer.settings.MARQUE_AUDIT_DAYS=9", "settings"),
            ("evaluation.postgres.image=postgres", "image"),
            ("surprise=1", "surprise"),
        ],
    )
    def test_values_that_cannot_be_meant_are_refused_by_name(self, charts: Charts, setting: str, named: str) -> None:
        with pytest.raises(HelmFailed, match=named):
            charts.render("production", "--set", setting)

    def test_an_installation_that_names_no_database_is_refused(self, charts: Charts) -> None:
        with pytest.raises(HelmFailed, match=r"global\.database\.host"):
            charts.render("production", "--set", "global.database.host=")


class TestRenders:
    @pytest.mark.parametrize("values", VALUES)
    def test_they_are_what_is_written_down(self, charts: Charts, values: str) -> None:
        wanted = (Path(__file__).parent / "golden" / f"{values}.yaml").read_text()
        assert manifests.golden(charts.render(values), SHOWN) == wanted, "if it is meant: `make chart-files`"

    def test_services_differ_in_nothing_but_what_their_code_says(self, renders: dict[str, list[Manifest]]) -> None:
        kinds = {
            name: sorted(
                one["kind"]
                for one in renders["production"]
                if one["metadata"]["labels"].get("app.kubernetes.io/name") == name
            )
            for name in ("network", "customer", "vehicle", "complaint")
        }
        assert len({tuple(found) for found in kinds.values()}) == 1

    def test_a_service_that_is_switched_off_is_not_there_and_nobody_calls_it(self, charts: Charts) -> None:
        found = charts.render("production", "--set", "global.enabled.complaint=false")
        assert not [one for one in found if one["metadata"]["labels"].get("app.kubernetes.io/name") == "complaint"]
        peers = [one["data"]["MARQUE_PEERS"] for one in manifests.of_kind(found, "ConfigMap")]
        assert all("complaint" not in text for text in peers)
        assert len(peers) == len(read_fleet(ROOT)) - 1

    def test_another_image_or_setting_is_another_migration(self, charts: Charts) -> None:
        def jobs(*more: str) -> set[str]:
            return {manifests.key(one) for one in manifests.of_kind(charts.render("production", *more), "Job")}

        first = jobs()
        assert jobs() == first
        assert not jobs("--set", "global.image.tag=0.1.1") & first
        assert not jobs("--set", "global.nats.streamMaxAgeDays=7") & first

    def test_every_manifest_fits_the_three_newest_versions_of_kubernetes(self, render: list[Manifest]) -> None:
        folders = tools.schema_folders()
        if not folders:
            pytest.skip("the schemas of Kubernetes are not installed: `make chart-tools`")
        assert len(folders) == tools.NEWEST
        assert [wrong for folder in folders for one in render for wrong in manifests.problems(one, folder)] == []

    def test_a_field_that_kubernetes_does_not_know_is_found(self, renders: dict[str, list[Manifest]]) -> None:
        folders = tools.schema_folders()
        if not folders:
            pytest.skip("the schemas of Kubernetes are not installed: `make chart-tools`")
        one = {**manifests.of_kind(renders["production"], "Deployment")[0], "spek": {}}
        other = {**manifests.of_kind(renders["production"], "HTTPRoute")[0], "spek": {}}
        for folder in folders:
            assert manifests.problems(one, folder)
            assert manifests.problems(other, folder)
