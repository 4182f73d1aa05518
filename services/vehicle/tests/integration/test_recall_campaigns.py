"""Real campaigns: the model years that NHTSA's recalls cover, the cars of the sample world among them, and a year of remedies."""

from __future__ import annotations

import csv
import gzip
import itertools
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from marque.vehicle.v1 import recall_import_rows_pb2, repair_order_import_rows_pb2, vehicle_import_service_pb2
from marquectl.world import nhtsa

IMPORTS = "vehicle.v1.VehicleImportService"
SHORT = 2_500
_numbers = itertools.count()


def campaign_rows(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "nhtsa_recalls" / "campaign_vehicles.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def import_models(garage: Any, rows: list[dict[str, str]]) -> Any:
    def messages() -> Any:
        for begin in range(0, len(rows), 1000):
            message = vehicle_import_service_pb2.ImportRecallModelsRequest()
            if not begin:
                message.header.source = "nhtsa"
            for number, row in enumerate(rows[begin : begin + 1000], begin + 1):
                message.rows.append(
                    recall_import_rows_pb2.RecallModelImportRow(
                        row=number, recall_code=row["NHTSA ID"], make=row["MAKE"], model=row["MODEL"], market="US",
                        model_year=row["MODEL YEAR"], defect=row.get("SUMMARY", ""),
                    )
                )  # fmt: skip
            yield message

    answers = [one async for one in garage.manager.stream(f"{IMPORTS}/ImportRecallModels", messages(), timeout=300)]
    rejected = [
        (one.row, each.field, each.reason) for answer in answers for one in answer.rejected for each in one.errors
    ]
    return answers[-1].summary, rejected


async def register(garage: Any, kinds: list[tuple[str, str, int]]) -> list[str]:
    """Cars of some makes, models and years, past the door."""
    vins = [f"1NHTSA00{next(_numbers):09d}" for _ in kinds]
    columns = [list(one) for one in zip(*kinds, strict=True)]
    await garage.sql(
        "INSERT INTO vehicles (vin, version, create_time, update_time, make, model, model_year, market, status) "
        "SELECT vin, 1, now(), now(), make, model, year, 'US', 2 "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS c(vin, make, model, year)",
        vins, *columns,
    )  # fmt: skip
    return vins


class TestCampaigns:
    async def test_every_campaign_and_model_year_is_there_and_the_sample_worlds_cars_in_scope_are_found(
        self, garage: Any, marque_data: Path, soaking: bool
    ) -> None:
        sample = [(one.make, one.model, one.year) for one in nhtsa.complaints()][:2000]
        rows = campaign_rows(marque_data)
        if not soaking:  # campaigns of the sample's cars, and others beside them
            kinds = {(make.upper(), model.upper(), str(year)) for make, model, year in sample}
            touching = [one for one in rows if (one["MAKE"], one["MODEL"].upper(), one["MODEL YEAR"]) in kinds]
            rows = [*touching[: SHORT // 2], *rows[: SHORT // 2]]
        wanted = {(one["NHTSA ID"], one["MAKE"], one["MODEL"].strip(), int(one["MODEL YEAR"]) % 9999) for one in rows}
        vins = await register(garage, sample)
        summary, rejected = await import_models(garage, rows)
        assert (summary.rows_read, summary.created + summary.unchanged, rejected) == (len(rows), len(rows), [])

        kept = await garage.sql(
            "SELECT code, make, model, model_year FROM recall_models JOIN recalls USING (recall_id)"
        )
        assert {tuple(one) for one in kept} >= wanted
        assert {one["code"] for one in kept} >= {one["NHTSA ID"] for one in rows}
        covers: dict[tuple[str, str, int], set[str]] = {}
        for code, make, model, year in wanted:
            if year:
                covers.setdefault((make.upper(), model.upper(), year), set()).add(code)
        brute = {
            (code, vin)
            for vin, (make, model, year) in zip(vins, sample, strict=True)
            for code in covers.get((make.upper(), model.upper(), year), ())
        }
        found = await garage.sql(
            "SELECT code, vin FROM recall_vehicles JOIN recalls USING (recall_id) WHERE vin = ANY($1)", vins
        )
        assert {tuple(one) for one in found} == brute
        assert len(brute) > 100

        again, _ = await import_models(garage, rows)
        assert (again.unchanged, again.created, again.updated) == (len(rows), 0, 0)
        shown = await garage.ask("RecallService/ListRecallModels", page_size=1000)
        assert len(shown.models) == 1000 or not shown.next_page_token

    async def test_half_a_file_leaves_drafts_which_the_rest_completes(self, garage: Any) -> None:
        rows = [
            {"NHTSA ID": f"26H{n // 3:03d}", "MAKE": "HALF", "MODEL": "ONE", "MODEL YEAR": str(2020 + n % 3)}
            for n in range(30)
        ]
        vins = await register(garage, [("HALF", "ONE", 2020), ("HALF", "ONE", 2021), ("HALF", "TWO", 2021)])
        bad = {**rows[0], "MODEL YEAR": "20"}
        _, rejected = await import_models(garage, [*rows[:13], bad])
        assert rejected == [(14, "model_year", "MODEL_YEAR_INVALID")]
        states = await garage.sql("SELECT state, scope_version FROM recalls WHERE code LIKE '26H%'")
        assert {tuple(one) for one in states} == {(1, 0)}, "a list that broke off opens nothing"
        summary, _ = await import_models(garage, rows)
        assert (summary.created, summary.unchanged) == (17, 13)
        (recall,) = (await garage.ask("RecallService/ListRecalls", code="26H009")).recalls
        await garage.ask("RecallService/OpenRecall", recall_id=recall.recall_id)
        cars = await garage.ask("RecallService/ListRecallVehicles", recall_id=recall.recall_id)
        assert [one.vin for one in cars.vehicles] == vins[:2]

    async def test_a_title_and_a_defect_are_taken_once_and_a_closed_recall_takes_nothing(self, garage: Any) -> None:
        row = {"NHTSA ID": "26T001", "MAKE": "TITLE", "MODEL": "ONE", "MODEL YEAR": "9999"}
        await import_models(garage, [row])
        summary, _ = await import_models(garage, [{**row, "SUMMARY": "x" * 9000}])
        assert summary.updated == 1
        summary, _ = await import_models(garage, [{**row, "SUMMARY": "another"}])
        assert summary.unchanged == 1
        (recall,) = (await garage.ask("RecallService/ListRecalls", code="26T001")).recalls
        assert (recall.title, len(recall.defect)) == ("26T001", 8000)
        models = await garage.ask("RecallService/ListRecallModels", recall_id=recall.recall_id)
        assert [(one.make, one.model_year) for one in models.models] == [("TITLE", 0)]
        await garage.sql("UPDATE recalls SET state = 3, scope_version = 1 WHERE code = '26T001'")
        _, rejected = await import_models(garage, [{**row, "MODEL": "TWO"}])
        assert rejected == [(1, "recall_code", "RECALL_CLOSED")]


class TestCompletion:
    async def test_the_curve_of_a_year_is_that_of_the_visits_week_by_week_and_station_by_station(
        self, garage: Any
    ) -> None:
        chance, code = random.Random(5), "26C001"
        vins = await register(garage, [("CURVE", "ONE", 2024)] * 400)
        await import_models(garage, [{"NHTSA ID": code, "MAKE": "CURVE", "MODEL": "ONE", "MODEL YEAR": "2024"}])
        (recall,) = (await garage.ask("RecallService/ListRecalls", code=code)).recalls
        await garage.ask("RecallService/OpenRecall", recall_id=recall.recall_id)
        await garage.sql("UPDATE recalls SET open_time = now() - interval '400 days' WHERE code = $1", code)
        stations = [await garage.make_dealer(zone="UTC") for _ in range(3)]
        codes = [await garage.code_of(one) for one in stations]
        begin = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=365)
        rows, expected = [], Counter[tuple[date, str]]()
        for number, vin in enumerate(vins[:330]):  # most come early, as owners do, and one in five twice
            closed = begin + timedelta(days=min(364, int(chance.expovariate(1 / 70))))
            station = chance.randrange(3)
            expected[(closed.date() - timedelta(days=closed.weekday()), stations[station])] += 1
            for visit in range(1 + (number % 5 == 0)):
                row = repair_order_import_rows_pb2.RepairOrderImportRow(
                    row=len(rows) + 1, dealer_code=codes[station], number=f"C{number}.{visit}", vin=vin,
                    open_time=closed.isoformat(), close_time=(closed + timedelta(hours=2 + visit)).isoformat(),
                )  # fmt: skip
                row.lines.add(complaint="recall", complaint_code=code, pay_type="recall")
                rows.append(row)
        message = vehicle_import_service_pb2.ImportRepairOrdersRequest(rows=rows)
        message.header.source = "dms"
        answers = [one async for one in garage.manager.stream(f"{IMPORTS}/ImportRepairOrders", [message], timeout=120)]
        assert answers[-1].summary.created == len(rows)

        found = await garage.ask("RecallService/GetRecallCompletion", recall_id=recall.recall_id)
        told = {
            (date(one.week.year, one.week.month, one.week.day), one.dealer_id): one.remedied_count
            for one in found.weeks
        }
        assert told == dict(expected)
        assert (found.vehicle_count, found.remedied_count) == (400, 330)
        curve = list(itertools.accumulate(count for _, count in sorted((week, n) for (week, _), n in told.items())))
        assert curve[-1] == 330
        left = await garage.ask("RecallService/ListRecallVehicles", recall_id=recall.recall_id, state=1, page_size=1000)
        assert [one.vin for one in left.vehicles] == vins[330:]
