"""Complaint files of other people's making, through the gateway: all rows, once, found again."""

from __future__ import annotations

import csv
import gzip
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from marquectl.addresses import Addresses
from marquectl.complaining import STORIES, Cases
from marquectl.contract import KINDS, method
from marquectl.door import Door
from marquectl.errors import UsageError
from marquectl.importing import Counts, Feed, ImportJob
from marquectl.mapping import layout_file
from marquectl.world import make_world, troubles
from servicekit.testing.platform import Platform, until

ENGINES = 160  # complaints of the full file about ENGINE, or ENGINE AND ENGINE COOLING
SEARCH = "complaint.v1.CaseService/SearchCases"
FLAT = [
    "1",
    "900001",
    "Maker",
    "FORD",
    "F-150",
    "2019",
    "N",
    "20240211",
    "N",
    "0",
    "0",
    "BRAKES",
    "City",
    "AR",
    "1FTEW1E40KK",
    "20240213",
    "20240213",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def complaint(platform: Platform) -> Platform:
    await platform.start("complaint")
    await platform.open_gateway()
    return platform


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(complaint: Platform, addresses: Addresses) -> AsyncIterator[Door]:
    """A door that is the gateway's, as operators have it."""
    address = complaint.peers["gateway"]
    async with Door(addresses, peers=dict.fromkeys(("complaint", "network", "customer", "vehicle"), address)) as opened:
        yield opened


async def imported(door: Door, path: Path, layout: str) -> Counts:
    outcome = await ImportJob(door, "cases", path, mapping=layout_file(layout)).run()
    assert not outcome.rejected, outcome.errors.read_text(encoding="utf-8-sig")[:2000]
    return outcome.counts["cases"]


async def count(platform: Platform, source: str) -> int:
    return int((await platform.sql("complaint", "SELECT count(*) AS n FROM cases WHERE source = $1", source))[0]["n"])


async def lines(platform: Platform, **asked: str | list[str]) -> list[dict[str, Any]]:
    """The lines of a report over all years of the files, once every case is counted."""

    async def all_counted() -> bool:
        return not await platform.sql("complaint", "SELECT FROM case_marks LIMIT 1")

    await until(all_counted, 300, "the cases are not counted")
    span = {"monthFrom.year": "2019", "monthFrom.month": "12", "monthFrom.day": "1"}
    span |= {"monthTo.year": "2024", "monthTo.month": "12", "monthTo.day": "1"}
    async with platform.http("oem.quality") as client:
        answer = await client.get("/v1/cases:count", params={**span, **asked, "most": "10000"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["counts"]
    return found


async def learn(platform: Platform) -> None:
    """Lets the service learn from what people decided."""
    async with platform.http("oem.quality") as client:
        asked = (await client.post("/v1/caseSuggesters", json={})).json()

        async def done() -> bool:
            answer = await client.get("/v1/caseSuggester", params={"version": asked["version"]})
            return "trainTime" in answer.json() and answer.json()["trainTime"] is not None

        await until(done, 300, "nothing was learned")


async def found(platform: Platform, query: str) -> int:
    async with platform.http("oem.agent") as client:
        answer = await client.get("/v1/cases:search", params={"query": query, "pageSize": 100})
    assert answer.status_code == 200, answer.text
    return len(answer.json()["cases"])


class TestLayouts:
    async def test_the_flat_file_without_a_header_makes_one_case_of_a_complaint_on_several_rows(
        self, gateway: Door, complaint: Platform, tmp_path: Path
    ) -> None:
        rows = [
            [
                *FLAT[:11],
                part,
                *FLAT[12:],
                "52000",
                "1",
                'THE "BRAKE" PEDAL WENT TO THE FLOOR BY THE CAF\xe9.',
                *[""] * (51 - 20),
            ]
            for part in ("SERVICE BRAKES, HYDRAULIC:ANTILOCK", "STEERING", "STEERING")
        ]
        path = tmp_path / "FLAT_CMPL.tsv"
        path.write_bytes("\n".join("\t".join(row) for row in rows).encode())
        assert await imported(gateway, path, "nhtsa-flat") == Counts(created=1, updated=1, unchanged=1)

        (case,) = await complaint.sql("complaint", "SELECT * FROM cases WHERE source_key = '900001'")
        assert case["components"] == ["SERVICE BRAKES, HYDRAULIC:ANTILOCK", "STEERING"]
        assert (case["state"], case["odometer_km"], case["severity"]) == (9, 83686, 4)
        assert await imported(gateway, path, "nhtsa-flat") == Counts(unchanged=3)

    def test_a_layout_that_is_none_is_refused_with_those_that_are(self) -> None:
        for name in ("nowhere", "../../secret"):
            with pytest.raises(UsageError, match="nhtsa-flat"):
                layout_file(name)


class TestSampleTroubles:
    async def test_the_samples_past_is_imported_once_and_one_part_of_one_car_is_signalled(
        self, gateway: Door, complaint: Platform
    ) -> None:
        rows = make_world(7, 2).rows["cases"]
        counts = Counts()
        for _ in range(2):
            feed = Feed(gateway, KINDS["cases"], "sample")
            await feed.run(((row, row.row) for row in rows), lambda chunk, new, rejected: counts.add(new))
        assert (counts.created, counts.unchanged, counts.rejected) == (len(rows), len(rows), 0)

        def request(name: str, key: str, **fields: Any) -> Any:
            return method(name).input(request_id=f"sample-{key}", **fields)

        async def warned() -> list[str]:
            found = await complaint.sql("complaint", "SELECT model, system FROM defect_signals WHERE make = 'Marque'")
            return [f"{row['model']} {row['system']}" for row in found]

        cases = Cases(gateway, {}, {}, request)
        await cases.look_for_defects()
        await until(warned, 100, "no signal of a defect")
        assert await warned() == [f"{troubles.MODEL} {troubles.RISING}"]


class TestSampleMorning:
    async def test_a_newcomer_finds_a_late_case_a_dangerous_one_queues_and_macros_and_a_repeat_adds_nothing(
        self, gateway: Door, complaint: Platform
    ) -> None:
        world = make_world(7, 40)
        dealers = {lead.dealer_code: str(uuid.uuid4()) for lead in world.leads}
        for code, dealer in dealers.items():
            await complaint.sql(
                "complaint",
                "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
                "VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1)",
                dealer, f"M-{code}",
            )  # fmt: skip
            await complaint.sql(
                "complaint", "INSERT INTO known_calendars (dealer_id, fetch_time) VALUES ($1, now())", dealer
            )
        people = {lead.customer_key: str(uuid.uuid4()) for lead in world.leads}

        def request(name: str, key: str, **fields: Any) -> Any:
            return method(name).input(request_id=f"morning-{key}", **fields)

        cases = Cases(gateway, dealers, people, request)
        for _ in range(2):
            await cases.tools()
        for work in cases.works(world):
            await work

        async def shown(view: str) -> Any:
            asked = method("complaint.v1.CaseService/ListCases").input(view_id=views[view])
            return (await gateway.call("complaint.v1.CaseService/ListCases", asked)).cases

        listing = "complaint.v1.CaseToolService/ListCaseViews"
        found = (await gateway.call(listing, method(listing).input())).views
        views = {one.name[0]: one.view_id for one in found}
        assert sorted(views) == ["1", "2", "3", "4"]
        late = await until(lambda: shown("1"), 30, "no case is late")
        assert all(any(clock.kind == 1 and clock.HasField("due_time") for clock in case.clocks) for case in late)

        async def breached() -> Any:
            return [case for case in await shown("1") if any(clock.HasField("breach_time") for clock in case.clocks)]

        told = await until(breached, 30, "no breach is shown")
        assert all(case.escalation for case in told), "the ladder took none of them up"
        assert [case.safety_signs for case in await shown("2")] == [["BRAKES"]]
        assert len(await shown("3")) == len(STORIES)
        asked = method("complaint.v1.CaseTaskService/ListCaseTasks").input(open=True)
        tasks = (await gateway.call("complaint.v1.CaseTaskService/ListCaseTasks", asked)).tasks
        assert {one.purpose for one in tasks} >= {"INSPECT_CAR", "CHASE_PART", "CALL_CUSTOMER"}


@pytest.mark.data
@pytest.mark.soak
@pytest.mark.slow
class TestRealFiles:
    async def test_every_real_complaint_is_imported_once_and_found(
        self, gateway: Door, complaint: Platform, marque_data: Path, tmp_path: Path, soaking: bool
    ) -> None:
        reduced = tmp_path / "odi.csv"
        folder = marque_data / "nhtsa_complaints"
        reduced.write_bytes(gzip.decompress((folder / "ford_odi_complaints_2020_2024.csv.gz").read_bytes()))
        full = tmp_path / "flat.csv"
        full.write_bytes((folder / "ford_2024_full49cols.csv").read_bytes())
        portal = tmp_path / "投诉.csv"
        portal.write_bytes((marque_data / "cn_car_complaints" / "complaints_20240429.csv").read_bytes())
        keys = set()
        for path, column in ((reduced, "odino"), (full, "ODINO")):
            with path.open(encoding="utf-8") as file:
                keys |= {row[column] for row in csv.DictReader(file)}

        files = ((reduced, "nhtsa-odi"), (full, "nhtsa-flat"), (portal, "cn-portal"))
        first = [(await imported(gateway, path, name)).read for path, name in files]
        again = [(await imported(gateway, path, name)).unchanged for path, name in files[0 if soaking else 1 : 2]]

        assert first == [4358, 525, 4671]
        assert again == ([4358, 525] if soaking else [525])
        assert await count(complaint, "nhtsa") == len(keys | {"900001"})
        assert await count(complaint, "cn-portal") == 4671
        assert await found(complaint, "变速箱 顿挫")
        assert await found(complaint, "sunroof shattered")

        if soaking:
            await learn(complaint)
        span = "receive_time >= '2019-12-01Z' AND receive_time < '2025-01-01Z'"  # others' past goes on beyond it
        cases = int((await complaint.sql("complaint", f"SELECT count(*) AS n FROM cases WHERE {span}"))[0]["n"])
        (whole,) = await lines(complaint)
        assert int(whole["caseCount"]) == cases
        months = await lines(complaint, groupBy=["CASE_COUNT_GROUP_MONTH", "CASE_COUNT_GROUP_SYSTEM"])
        portal_months = await lines(complaint, groupBy="CASE_COUNT_GROUP_MONTH", make="深蓝汽车")
        assert {one["month"]["month"] for one in portal_months} <= {1, 2, 3, 4}
        engines = sum(int(one["caseCount"]) for one in months if one["system"] == "ENGINE")
        given = sum(int(one["caseCount"]) - int(one["predictedCount"]) for one in months if one["system"] == "ENGINE")
        assert given == 881 + ENGINES  # the portal's 发动机 and both names of the authority are one component
        if soaking:
            assert engines > given  # what is predicted is counted, and told apart
