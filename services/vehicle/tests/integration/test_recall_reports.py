"""Reports on a recall for authorities: a year in the life of a scope that was amended, told from what was frozen and known at each end."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import vehicle_import_service_pb2 as imports
from servicekit.testing.client import RpcFailure

US, CN = 1, 2
EXPORTED, SCRAPPED = 1, 3


async def refused(work: Awaitable[Any]) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return next(iter(failure.value.fields.values()), failure.value.reason)


class Recall:
    """A recall and its requests."""

    def __init__(self, garage: Any, recall: Any) -> None:
        self.garage, self.id, self.code = garage, recall.recall_id, recall.code

    async def ask(self, rpc: str, **fields: Any) -> Any:
        return await self.garage.ask(f"RecallService/{rpc}", recall_id=self.id, **fields)

    async def freeze(self, *vins: str, back: int, action: str = "") -> None:
        """Takes cars into the scope, or out of it, and freezes it as if so many days ago."""
        request = imports.ImportRecallVehiclesRequest(header=import_pb2.ImportStreamHeader(source="maker"))
        for vin in vins:
            request.rows.add(recall_code=self.code, vin=vin, action=action)
        stream = self.garage.manager.stream("vehicle.v1.VehicleImportService/ImportRecallVehicles", [request])
        assert [answer.summary.rejected async for answer in stream] == [0]
        version = (await self.ask("OpenRecall")).etag and (await self.ask("GetRecall")).scopes[0].version
        moment = datetime.now(UTC) - timedelta(days=back)
        await self.garage.sql(
            "UPDATE recall_scopes SET freeze_time = $3 WHERE recall_id = $1 AND scope_version = $2",
            uuid.UUID(self.id), version, moment,
        )  # fmt: skip
        if version == 1:
            await self.garage.sql("UPDATE recalls SET open_time = $2 WHERE recall_id = $1", uuid.UUID(self.id), moment)

    async def rows(self, authority: int, **fields: Any) -> list[dict[str, str]]:
        made = await self.ask("GetRecallReport", authority=authority, **fields)
        return list(csv.DictReader(made.csv.removeprefix("\ufeff").splitlines()))


@pytest.fixture
async def recall(garage: Any) -> Recall:
    asked = {"code": f"26R{uuid.uuid4().hex[:6]}", "title": "Brakes"}
    return Recall(garage, await garage.ask("RecallService/CreateRecall", recall=asked))


def on(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


class TestReport:
    async def test_each_period_tells_the_scope_that_was_frozen_then_and_what_was_known_of_its_cars(
        self, garage: Any, recall: Recall
    ) -> None:
        now = datetime.now(UTC)
        vins = sorted(garage.new_vin() for _ in range(6))
        assert await refused(recall.ask("GetRecallReport", authority=US)) == "RECALL_NOT_OPEN"
        await recall.freeze(*vins[:4], back=300)
        await recall.ask("RecordRecallRemedy", vin=vins[0], kind=2, remedy_time=now - timedelta(days=250))
        await recall.ask("RecordRecallUnreachable", vin=vins[1], reason=EXPORTED, found_time=now - timedelta(days=150))
        await recall.ask("RecordRecallUnreachable", vin=vins[2], reason=SCRAPPED, found_time=now - timedelta(days=150))
        await recall.ask("RecordRecallRemedy", vin=vins[2], kind=4)  # it was found after all
        await recall.freeze(*vins[4:], back=100)
        await recall.freeze(vins[5], back=50, action="remove")

        rows = await recall.rows(US)
        assert rows[0]["vehicles_involved"] == "4"
        last = rows[-1]
        names = (
            "vehicles_involved", "repaired_over_the_air", "inspected_no_repair_needed", "unreachable_export",
            "unreachable_scrapping", "remaining",
        )  # fmt: skip
        assert [last[name] for name in names] == ["5", "1", "1", "1", "0", "2"]

        then = (now - timedelta(days=120)).date()
        (*_, cut) = await recall.rows(US, until_date=on(then))
        assert cut["period_end"] == then.isoformat()
        assert [cut[name] for name in names] == ["4", "1", "0", "1", "1", "1"]

        await recall.ask("CloseRecall")
        phases = await recall.rows(CN)
        assert [row["报告类型"] for row in phases] == ["阶段性报告"] * (len(phases) - 1) + ["总结报告"]
        assert (phases[-1]["涉及车辆数量"], phases[-1]["完成率"]) == ("5", "40.00%")
        (*_, still) = await recall.rows(US, until_date=on(then))
        assert {**still, "recall_closed": ""} == cut, "what was told of a past day does not change"

    async def test_a_day_outside_the_recall_is_refused(self, garage: Any, recall: Recall) -> None:
        await recall.freeze(garage.new_vin(), back=10)
        today = datetime.now(UTC).date()
        for day in (today - timedelta(days=30), today + timedelta(days=3)):
            reason = await refused(recall.ask("GetRecallReport", authority=CN, until_date=on(day)))
            assert reason == "DATE_OUT_OF_RANGE"


class TestUnreachable:
    async def test_it_is_listed_with_its_reason_until_it_is_taken_back_or_the_car_is_remedied(
        self, garage: Any, recall: Recall
    ) -> None:
        car = await garage.make_car()
        customer = await garage.make_customer()
        await garage.start_ownership(car.vin, customer, garage.at(2024, 1, 1))
        await recall.freeze(car.vin, back=1)

        async def listed() -> list[tuple[str, str]]:
            page = await recall.ask("ListRecallOwners", unreachable_only=True)
            return [(one.vin, one.unreachable_reason) for one in page.owners]

        said = {"vin": car.vin.lower(), "reason": 4}
        first = await recall.ask("RecordRecallUnreachable", **said)
        again = await recall.ask("RecordRecallUnreachable", **said)
        assert (first.unreachable_reason, again) == (4, first)
        assert await listed() == [(car.vin, "NOTICE_UNDELIVERED")]
        assert not (await recall.ask("RecordRecallUnreachable", vin=car.vin)).HasField("unreachable_time")
        assert await listed() == []
        await recall.ask("RecordRecallUnreachable", **said)
        await recall.ask("RecordRecallRemedy", vin=car.vin, kind=2)
        assert await listed() == []
        assert await refused(recall.ask("RecordRecallUnreachable", **said)) == "RECALL_VEHICLE_REMEDIED"

    async def test_what_cannot_be_is_refused(self, garage: Any, recall: Recall) -> None:
        vin = garage.new_vin()
        assert await refused(recall.ask("RecordRecallUnreachable", vin=vin, reason=1)) == "RECALL_NOT_OPEN"
        await recall.freeze(vin, back=1)
        other = recall.ask("RecordRecallUnreachable", vin=garage.new_vin(), reason=1)
        assert await refused(other) == "RECALL_VEHICLE_NOT_FOUND"
        ahead = datetime.now(UTC) + timedelta(days=2)
        wrong = recall.ask("RecordRecallUnreachable", vin=vin, reason=1, found_time=ahead)
        assert await refused(wrong) == "TIME_IN_FUTURE"
