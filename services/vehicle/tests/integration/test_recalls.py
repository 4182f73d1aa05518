"""Recalls: scopes by list and by rule, frozen by version; remedies, completion, owners, the public look-up."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import repair_order_service_pb2 as orders
from marque.vehicle.v1 import vehicle_import_service_pb2 as imports
from marque_vehicle.usecases import recalls as usecases
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

OPEN, REMEDIED = 1, 2


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return failure.value.reason


class Campaign:
    """A recall and what is done with it."""

    def __init__(self, garage: Any, recall: Any) -> None:
        self.garage, self.id, self.code = garage, recall.recall_id, recall.code

    async def bring(self, *vins: str, action: str = "", code: str = "") -> Any:
        """Imports cars; returns (created, updated, unchanged, rejected) and the rejected rows."""
        rows = [{"recall_code": code or self.code, "vin": vin, "action": action} for vin in vins]
        request = imports.ImportRecallVehiclesRequest(header=import_pb2.ImportStreamHeader(source="maker"), rows=rows)
        stream = self.garage.manager.stream("vehicle.v1.VehicleImportService/ImportRecallVehicles", [request])
        (answer,) = [one async for one in stream]
        found = answer.summary
        return (found.created, found.updated, found.unchanged, found.rejected), answer.rejected

    async def ask(self, name: str, client: Any = None, **fields: Any) -> Any:
        return await self.garage.ask(f"RecallService/{name}", client, recall_id=self.id, **fields)

    async def open(self) -> Any:
        await self.ask("OpenRecall")
        return (await self.ask("GetRecall")).scopes

    async def cars(self, client: Any = None, **fields: Any) -> dict[str, int]:
        found, token = {}, ""
        while True:
            page = await self.ask("ListRecallVehicles", client, page_size=2, page_token=token, **fields)
            found |= {one.vin: one.state for one in page.vehicles}
            token = page.next_page_token
            if not token:
                return found

    async def told(self, count: int) -> None:
        """Waits until the new cars were told of."""

        async def all_told() -> bool:
            rows = await self.garage.sql(
                "SELECT count(*) AS n FROM outbox_messages WHERE event_type LIKE '%VehicleRecalled' AND aggregate_id LIKE $1",
                f"{self.id}/%",
            )
            return bool(rows[0]["n"] == count)

        await until(all_told, 20, "the cars were not told of")


@pytest.fixture
async def campaign(garage: Any) -> Campaign:
    recall = {"code": f"26V{uuid.uuid4().hex[:6]}", "title": "Brakes", "remedy_operation_codes": ["RC-1"]}
    return Campaign(garage, await garage.ask("RecallService/CreateRecall", recall=recall))


def vins(garage: Any, count: int) -> list[str]:
    return sorted(garage.new_vin() for _ in range(count))


async def visit(garage: Any, dealer: str, vin: str, close: bool = True, **line: Any) -> Any:
    """A visit with one line, closed."""
    made = await garage.make_order(dealer, vin, lines=[garage.line(**line)])
    if close:
        request = orders.CloseRepairOrderRequest(repair_order_id=made.repair_order_id)
        client = garage.client("dealer.service", dealers=[dealer])
        made = await client.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)
    return made


class TestScope:
    async def test_a_list_is_frozen_as_a_version_and_the_same_again_changes_nothing(
        self, garage: Any, campaign: Campaign
    ) -> None:
        cars = vins(garage, 5)
        assert (await campaign.bring(*cars, cars[0]))[0] == (5, 0, 1, 0)
        (scope,) = await campaign.open()
        digest = hashlib.sha256("\n".join(cars).encode()).hexdigest()
        assert (scope.version, scope.vehicle_count, scope.added_count, scope.digest) == (1, 5, 5, digest)
        assert list(await campaign.cars()) == cars

        assert (await campaign.bring(*cars))[0] == (0, 0, 5, 0)
        assert list(await campaign.open()) == [scope]
        await campaign.told(5)
        assert len(await garage.events("RecallOpened", campaign.id)) == 1

    async def test_an_amendment_is_a_version_and_the_old_ones_stay(self, garage: Any, campaign: Campaign) -> None:
        first, second = vins(garage, 3), vins(garage, 2)
        await campaign.bring(*first)
        await campaign.open()
        assert (await campaign.bring(*second))[0] == (2, 0, 0, 0)
        assert (await campaign.bring(first[0], action="remove"))[0] == (0, 1, 0, 0)
        assert list(await campaign.cars()) == first, "what is not frozen does not hold"

        latest, before = await campaign.open()
        assert (latest.version, latest.vehicle_count, latest.added_count, latest.removed_count) == (2, 4, 2, 1)
        assert before.vehicle_count == 3
        assert list(await campaign.cars()) == sorted([*first[1:], *second])
        assert list(await campaign.cars(scope_version=1)) == first
        await campaign.told(5)

    async def test_what_was_taken_out_and_brought_in_again_keeps_what_was_done(
        self, garage: Any, campaign: Campaign
    ) -> None:
        car, other = vins(garage, 2)
        await campaign.bring(car, other)
        await campaign.open()
        await campaign.ask("RecordRecallRemedy", vin=car, kind=2)
        assert (await campaign.bring(car, action="remove"))[0] == (0, 1, 0, 0)
        assert (await campaign.bring(car))[0] == (0, 1, 0, 0), "before it is frozen nothing has happened"
        assert len(await campaign.open()) == 1
        await campaign.bring(car, action="remove")
        await campaign.open()
        assert (await campaign.bring(car))[0] == (1, 0, 0, 0)
        assert len(await campaign.open()) == 3
        assert await campaign.cars() == dict(sorted({car: REMEDIED, other: OPEN}.items()))
        assert list(await campaign.cars(scope_version=2)) == [other]

    async def test_a_rule_holds_for_the_cars_of_the_moment(self, garage: Any, campaign: Campaign) -> None:
        model = f"M{uuid.uuid4().hex[:8]}"
        old, new = [await garage.make_car(model=model, model_year=year) for year in (2020, 2022)]
        await garage.make_car(model=model)  # its year is not known
        rule = {"make": "Volkswagen", "models": [model], "model_year_from": 2021, "model_year_to": 2023}
        assert (await campaign.ask("AddRecallVehiclesByRule", **rule)).added_count == 1
        assert (await campaign.ask("AddRecallVehiclesByRule", **rule)).added_count == 0
        await campaign.open()
        late = await garage.make_car(model=model, model_year=2022)
        assert list(await campaign.cars()) == [new.vin]
        assert (await campaign.ask("AddRecallVehiclesByRule", **rule)).added_count == 1
        await campaign.open()
        assert set(await campaign.cars()) == {new.vin, late.vin}
        assert old.vin not in await campaign.cars()
        assert await refused(campaign.ask("AddRecallVehiclesByRule")) == "INVALID_ARGUMENT"

    async def test_a_rule_for_more_cars_than_fit_a_request_is_refused_before_anything_is_written(
        self, garage: Any, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usecases, "MOST_BY_RULE", 2)
        model = f"W{uuid.uuid4().hex[:8]}"
        rule = {"make": "Volkswagen", "models": [model]}
        for _ in range(2):
            await garage.make_car(model=model)
        assert (await campaign.ask("AddRecallVehiclesByRule", **rule)).added_count == 2
        await garage.make_car(model=model)
        with pytest.raises(RpcFailure) as failure:
            await campaign.ask("AddRecallVehiclesByRule", **rule)
        assert failure.value.fields == {"make": "RULE_TOO_WIDE"}

    async def test_bad_rows_are_named_and_the_rest_goes_on(self, garage: Any, campaign: Campaign) -> None:
        (car,) = vins(garage, 1)
        counts, rejected = await campaign.bring(car, "LSVAA41801234567", "LSVAA4180I2345678")
        assert counts == (1, 0, 0, 2)
        assert [one.errors[0].reason for one in rejected] == ["VIN_LENGTH", "VIN_CHARACTER"]
        assert (await campaign.bring(car, code="NONE"))[1][0].errors[0].reason == "RECALL_NOT_FOUND"
        assert (await campaign.bring(car, action="perhaps"))[1][0].errors[0].field == "action"

    async def test_states_that_do_not_allow_it_say_so(self, garage: Any, campaign: Campaign) -> None:
        assert await refused(campaign.ask("OpenRecall")) == "RECALL_SCOPE_EMPTY"
        assert await refused(campaign.ask("CloseRecall")) == "RECALL_NOT_OPEN"
        again = {"code": campaign.code, "title": "Again"}
        assert await refused(garage.ask("RecallService/CreateRecall", recall=again)) == "RECALL_CODE_TAKEN"
        (car,) = vins(garage, 1)
        await campaign.bring(car)
        await campaign.open()
        assert (await campaign.ask("CloseRecall")).state == 3
        assert await refused(campaign.ask("OpenRecall")) == "RECALL_CLOSED"
        assert await refused(campaign.ask("RecordRecallRemedy", vin=car, kind=2)) == "RECALL_NOT_OPEN"
        assert (await campaign.bring(car))[1][0].errors[0].reason == "RECALL_CLOSED"


class TestRemedy:
    async def test_a_closed_visit_remedies_by_operation_or_number_and_is_counted(
        self, garage: Any, campaign: Campaign
    ) -> None:
        dealer, cars = await garage.make_dealer(), [await garage.make_car() for _ in range(4)]
        await campaign.bring(*(one.vin for one in cars))
        await campaign.open()
        by_code, by_number, other_payer, still_open = (one.vin for one in cars)
        order = await visit(garage, dealer, by_code, pay_type=3, labours=[{"operation_code": "RC-1"}])
        await visit(garage, dealer, by_number, pay_type=3, complaint_code=campaign.code)
        await visit(garage, dealer, other_payer, pay_type=1, labours=[{"operation_code": "RC-1"}])
        await visit(garage, dealer, still_open, close=False, pay_type=3, labours=[{"operation_code": "RC-1"}])

        assert {vin for vin, state in (await campaign.cars()).items() if state == REMEDIED} == {by_code, by_number}
        (event,) = await garage.events("RecallRemedied", f"{campaign.id}/{by_code}")
        assert (event.repair_order_id, event.dealer_id, event.kind) == (order.repair_order_id, dealer, 1)
        done = await campaign.ask("GetRecallCompletion")
        assert (done.vehicle_count, done.remedied_count) == (4, 2)
        today = datetime.now(UTC).date()
        (week,) = done.weeks
        monday = date(week.week.year, week.week.month, week.week.day)
        assert (week.dealer_id, week.remedied_count, (today - monday).days < 8, monday.weekday()) == (
            dealer,
            2,
            True,
            0,
        )

    async def test_what_was_remedied_before_the_recall_was_opened_counts(self, garage: Any, campaign: Campaign) -> None:
        dealer, car = await garage.make_dealer(), await garage.make_car()
        await visit(garage, dealer, car.vin, pay_type=3, labours=[{"operation_code": "RC-1"}])
        await campaign.bring(car.vin)
        await campaign.open()
        await campaign.told(1)
        assert await campaign.cars() == {car.vin: REMEDIED}
        assert (await campaign.ask("GetRecallCompletion")).remedied_count == 1

    async def test_over_the_air_once(self, garage: Any, campaign: Campaign) -> None:
        car, other = vins(garage, 2)
        await campaign.bring(car)
        await campaign.open()
        for _ in range(2):
            assert (await campaign.ask("RecordRecallRemedy", vin=car.lower(), kind=2)).state == REMEDIED
        assert len(await garage.events("RecallRemedied", f"{campaign.id}/{car}")) == 1
        assert (await campaign.ask("GetRecallCompletion")).remedied_count == 1
        assert await refused(campaign.ask("RecordRecallRemedy", vin=other, kind=2)) == "RECALL_VEHICLE_NOT_FOUND"
        assert await refused(campaign.ask("RecordRecallRemedy", vin=car, kind=1)) == "INVALID_ARGUMENT"


class TestSight:
    async def test_anybody_with_the_vin_learns_of_open_recalls_and_nothing_else(
        self, garage: Any, campaign: Campaign
    ) -> None:
        car, other = vins(garage, 2)
        nobody = garage.client()

        async def known(vin: str) -> list[tuple[str, int]]:
            answer = await garage.ask("RecallService/LookUpRecalls", nobody, vin=vin)
            return [(one.code, one.state) for one in answer.recalls]

        await campaign.bring(car)
        assert await known(car) == [], "a draft is nobody's business"
        await campaign.open()
        assert await known(car.lower()) == [(campaign.code, OPEN)]
        assert await known(other) == []
        await campaign.ask("RecordRecallRemedy", vin=car, kind=2)
        assert await known(car) == [], "what was done on a car is its owner's business"
        await campaign.bring(other)
        await campaign.open()
        assert await known(other) == [(campaign.code, OPEN)]
        await campaign.bring(other, action="remove")
        await campaign.open()
        assert await known(other) == []

    async def test_the_public_reads_a_recall_in_its_language_or_else_in_the_recalls_own(
        self, garage: Any, campaign: Campaign
    ) -> None:
        (car,) = vins(garage, 1)
        words = [{"language_code": "zh-CN", "title": "制动系统召回", "defect": "制动油管可能开裂"}]
        recall = await campaign.ask("GetRecall")
        changed = {"recall_id": campaign.id, "wordings": words, "remedy": "Replaced.", "etag": recall.etag}
        assert [one.title for one in (await garage.ask("RecallService/UpdateRecall", recall=changed)).wordings] == [
            "制动系统召回"
        ]
        await campaign.bring(car)
        await campaign.open()

        async def told(language: str) -> tuple[str, str, str]:
            answer = await garage.ask("RecallService/LookUpRecalls", garage.client(), vin=car, language_code=language)
            (one,) = answer.recalls
            return one.title, one.defect, one.remedy

        assert await told("zh-CN") == ("制动系统召回", "制动油管可能开裂", "Replaced.")
        assert await told("en") == await told("") == ("Brakes", "", "Replaced.")
        twice = {"recall_id": campaign.id, "wordings": [*words, *words]}
        assert await refused(garage.ask("RecallService/UpdateRecall", recall=twice)) == "INVALID_ARGUMENT"

    async def test_a_dealer_sees_its_cars_and_its_weeks_of_what_was_opened(
        self, garage: Any, campaign: Campaign
    ) -> None:
        dealer, cars = await garage.make_dealer(), [await garage.make_car() for _ in range(2)]
        client = garage.client("dealer.service", dealers=[dealer])
        await campaign.bring(*(one.vin for one in cars))
        assert await refused(campaign.ask("GetRecall", client)) == "RECALL_NOT_FOUND"
        await campaign.open()
        await garage.make_order(dealer, cars[0].vin)
        assert list(await campaign.cars(client)) == [cars[0].vin]
        assert list(await campaign.cars(dealer_id=dealer)) == [cars[0].vin]
        await campaign.ask("RecordRecallRemedy", vin=cars[1].vin, kind=2)
        done = await campaign.ask("GetRecallCompletion", client)
        assert (done.vehicle_count, done.remedied_count, len(done.weeks)) == (0, 0, 0)

    async def test_owners_are_those_of_the_instant_and_who_cannot_be_reached_is_told(
        self, garage: Any, campaign: Campaign
    ) -> None:
        owned, unowned, (unknown,) = await garage.make_car(), await garage.make_car(), vins(garage, 1)
        first, second = await garage.make_customer(), await garage.make_customer()
        began = await garage.start_ownership(owned.vin, first, garage.at(2024, 1, 1))
        await garage.transfer(began.ownership_id, second, garage.at(2025, 1, 1))
        await campaign.bring(owned.vin, unowned.vin, unknown)
        await campaign.open()

        async def owners(**fields: Any) -> dict[str, tuple[list[str], str]]:
            page = await campaign.ask("ListRecallOwners", **fields)
            return {one.vin: (list(one.customer_ids), one.unreachable_reason) for one in page.owners}

        nobody = {unowned.vin: ([], "NO_OWNER_KNOWN"), unknown: ([], "NOT_REGISTERED")}
        assert await owners() == {owned.vin: ([second], ""), **nobody}
        assert (await owners(valid_time=garage.at(2024, 6, 1)))[owned.vin] == ([first], "")
        assert await owners(unreachable_only=True) == nobody
        quality = await campaign.ask("ListRecallOwners", garage.client("oem.quality"))
        assert all(not one.customer_ids and "customer_ids" in one.masked_fields for one in quality.owners)
