"""Visits to dealers: planned, done with measures against targets, and what was promised there."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "DealerVisitService"


def at(text: str) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
    return found


def action(title: str, day: str = "2030-05-01", **fields: Any) -> dict[str, Any]:
    year, month, date = (int(part) for part in day.split("-"))
    return {"title": title, "due_date": {"year": year, "month": month, "day": date}, **fields}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(network: Any) -> str:
    """A member of the maker's staff; the KPIs that the tests measure are there."""
    kpi = {"names": {"en": "KPI"}, "unit": 1, "summary": 1}
    await network.ask("DealerScorecardService/PutKpi", kpi={**kpi, "kpi_code": "cars_sold"})
    await network.ask(
        "DealerScorecardService/PutKpi", kpi={**kpi, "kpi_code": "days_in_stock", "lower_is_better": True}
    )
    found: str = (await network.make_staff()).staff_id
    return found


async def plan(network: Any, visitor: str, dealer: Any, client: Any = None, **fields: Any) -> Any:
    given = {
        "dealer_id": dealer.dealer_id,
        "kind": 1,
        "visitor_staff_ids": [visitor],
        "planned_time": at("2026-10-01T02:00:00"),
    }
    return await network.ask(f"{SERVICE}/PlanDealerVisit", client, visit={**given, **fields})


class TestPlan:
    async def test_what_was_planned_is_read(self, network: Any, visitor: str) -> None:
        dealer = await network.make_dealer()
        made = await plan(
            network,
            visitor,
            dealer,
            agenda=[{"title": "Stock", "outcome": ""}],
            actions=[action("Clear the yard"), action("Hire", owner_staff_id=visitor)],
        )
        assert made == await network.ask(f"{SERVICE}/GetDealerVisit", visit_id=made.visit_id)
        assert (made.state, [one.number for one in made.actions]) == (1, [1, 2])

    async def test_people_contacts_and_kpis_must_be_there(self, network: Any, visitor: str, new_id: Any) -> None:
        dealer = await network.make_dealer()
        seller = (await network.make_staff(dealer_id=dealer.dealer_id)).staff_id
        for fields, place, reason in (
            ({"visitor_staff_ids": [seller]}, "visit.visitor_staff_ids", "STAFF_UNKNOWN"),
            ({"visitor_staff_ids": [new_id()]}, "visit.visitor_staff_ids", "STAFF_UNKNOWN"),
            ({"contact_ids": [new_id()]}, "visit.contact_ids", "CONTACT_UNKNOWN"),
            ({"measures": [{"kpi_code": "nothing"}]}, "visit.measures", "KPI_UNKNOWN"),
            ({"measures": [{"kpi_code": "cars_sold"}] * 2}, "visit.measures", "KPI_REPEATED"),
            ({"actions": [action("X", owner_staff_id=new_id())]}, "visit.actions", "STAFF_UNKNOWN"),
            ({"actions": [action("X", "2030-02-30")]}, "visit.actions[0].due_date", "DATE_INVALID"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await plan(network, visitor, dealer, **fields)
            assert failure.value.fields == {place: reason}

    async def test_a_region_visits_its_own_dealers(self, network: Any, visitor: str) -> None:
        region = f"R{network.number()}"
        own, other = await network.make_dealer(region_code=region), await network.make_dealer()
        keeper = network.client("oem.region", region=region)
        assert (await plan(network, visitor, own, keeper)).dealer_id == own.dealer_id
        with pytest.raises(RpcFailure) as failure:
            await plan(network, visitor, other, keeper)
        assert failure.value.reason == "DEALER_NOT_FOUND"


class TestComplete:
    async def test_measures_are_judged_in_their_own_direction(self, network: Any, visitor: str) -> None:
        dealer = await network.make_dealer()
        made = await plan(network, visitor, dealer)
        measures = [
            {"kpi_code": "cars_sold", "value": 9.0, "target": 10.0},
            {"kpi_code": "days_in_stock", "value": 41.0, "target": 45.0},
        ]
        done = await network.ask(
            f"{SERVICE}/CompleteDealerVisit",
            visit_id=made.visit_id,
            etag=made.etag,
            summary="They sell too few.",
            measures=measures,
            actions=[action("Train two sellers")],
        )
        assert (done.state, done.visit_time) == (2, made.planned_time)
        assert [(one.kpi_code, one.reached) for one in done.measures] == [
            ("cars_sold", False),
            ("days_in_stock", True),
        ]
        (told,) = await network.events(made.visit_id)
        assert (list(told.missed_kpi_codes), told.open_actions, told.dealer_id) == (["cars_sold"], 1, dealer.dealer_id)

    async def test_it_does_not_take_place_tomorrow(self, network: Any, visitor: str) -> None:
        made = await plan(network, visitor, await network.make_dealer())
        with pytest.raises(RpcFailure) as failure:
            await network.ask(
                f"{SERVICE}/CompleteDealerVisit", visit_id=made.visit_id, visit_time=at("2100-01-01T00:00:00")
            )
        assert failure.value.fields == {"visit_time": "TIME_IN_FUTURE"}

    async def test_afterwards_only_the_report_changes(self, network: Any, visitor: str) -> None:
        made = await plan(network, visitor, await network.make_dealer())
        await network.ask(f"{SERVICE}/CompleteDealerVisit", visit_id=made.visit_id)
        one = {"visit_id": made.visit_id}
        changed = await network.ask(f"{SERVICE}/UpdateDealerVisit", visit={**one, "summary": "More."})
        assert changed.summary == "More."
        for rpc, fields in (
            ("UpdateDealerVisit", {"visit": {**one, "kind": 2}}),
            ("CancelDealerVisit", {**one, "reason": "Snow"}),
            ("CompleteDealerVisit", one),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{SERVICE}/{rpc}", **fields)
            assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "VISIT_ENDED")

    async def test_a_cancelled_visit_says_why(self, network: Any, visitor: str) -> None:
        made = await plan(network, visitor, await network.make_dealer())
        gone = await network.ask(f"{SERVICE}/CancelDealerVisit", visit_id=made.visit_id, reason="Snow")
        assert (gone.state, gone.cancel_reason) == (3, "Snow")


class TestActions:
    async def test_numbers_stay_and_what_is_done_stays_done(self, network: Any, visitor: str) -> None:
        made = await plan(network, visitor, await network.make_dealer(), actions=[action("One"), action("Two")])
        done = await network.ask(f"{SERVICE}/CompleteVisitAction", visit_id=made.visit_id, number=1)
        assert done.actions[0].HasField("done_time")
        wanted = [action("Two, later", "2031-01-01", number=2), action("Three")]
        changed = await network.ask(
            f"{SERVICE}/UpdateDealerVisit", visit={"visit_id": made.visit_id, "actions": wanted, "etag": done.etag}
        )
        assert [(one.number, one.title, one.HasField("done_time")) for one in changed.actions] == [
            (1, "One", True), (2, "Two, later", False), (3, "Three", False),
        ]  # fmt: skip

    async def test_once_more_done_changes_nothing(self, network: Any, visitor: str) -> None:
        made = await plan(network, visitor, await network.make_dealer(), actions=[action("One")])
        question = {"visit_id": made.visit_id, "number": 1}
        first = await network.ask(f"{SERVICE}/CompleteVisitAction", **question)
        assert await network.ask(f"{SERVICE}/CompleteVisitAction", **question) == first
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/CompleteVisitAction", visit_id=made.visit_id, number=2)
        assert failure.value.reason == "ACTION_NOT_FOUND"

    async def test_two_who_finish_at_once_have_one_effect(self, network: Any, visitor: str) -> None:
        dealer = await network.make_dealer()
        made = await plan(network, visitor, dealer, actions=[action("One")])
        clients = [network.manager, network.client("dealer.manager", dealers=[dealer.dealer_id])]
        question = {"visit_id": made.visit_id, "number": 1}
        answers = await asyncio.gather(
            *(network.ask(f"{SERVICE}/CompleteVisitAction", client, **question) for client in clients)
        )
        assert len({one.actions[0].done_by for one in answers}) == 1

    async def test_open_ones_are_listed_by_their_day(self, network: Any, visitor: str) -> None:
        dealer = await network.make_dealer()
        days = ["2030-03-03", "2030-01-01", "2030-02-02"]
        made = await plan(network, visitor, dealer, actions=[action(day, day) for day in days])
        await network.ask(f"{SERVICE}/CompleteVisitAction", visit_id=made.visit_id, number=3)
        manager = network.client("dealer.manager", dealers=[dealer.dealer_id])
        listing = f"{SERVICE}/ListVisitActions"
        found = await network.pages(listing, "actions", manager, open_only=True)
        assert [one.action.title for one in found] == ["2030-01-01", "2030-03-03"]
        before = {"year": 2030, "month": 2, "day": 2}
        found = await network.pages(listing, "actions", dealer_id=dealer.dealer_id, due_before_date=before)
        assert [one.action.title for one in found] == ["2030-01-01"]
        found = await network.pages(listing, "actions", dealer_id=dealer.dealer_id, order_by="due_date desc")
        assert [one.action.title for one in found] == ["2030-03-03", "2030-02-02", "2030-01-01"]

    async def test_what_is_not_done_by_its_day_is_told_once(self, network: Any, visitor: str) -> None:
        day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
        made = await plan(network, visitor, await network.make_dealer(), actions=[action("Late", day), action("Open")])

        async def told() -> list[Any]:
            return [one for one in await network.events(made.visit_id) if hasattr(one, "action_number")]

        await until(told, 15, "nobody was told")
        (event,) = await told()
        assert event.action_number == 1
        left = await network.sql(
            "SELECT key FROM due_work WHERE kind = 'visit-action' AND key LIKE $1", f"{made.visit_id}%"
        )
        assert [row["key"] for row in left] == [f"{made.visit_id}/2"]


class TestSight:
    async def test_lists_show_what_is_in_scope_page_by_page(self, network: Any, visitor: str) -> None:
        group, region = f"G{network.number()}", f"R{network.number()}"
        dealer = await network.make_dealer(group_code=group, region_code=region)
        times = [f"2026-0{month}-01T00:00:00" for month in (3, 1, 2, 5, 4)]
        made = [await plan(network, visitor, dealer, planned_time=at(time)) for time in times]
        newest = [one.visit_id for one in sorted(made, key=lambda one: -one.planned_time.seconds)]
        listing = f"{SERVICE}/ListDealerVisits"
        for client in (
            network.client("dealer.manager", dealers=[dealer.dealer_id]),
            network.client("dealer.manager", dealers=[str(uuid.uuid4())], dealer_group=group),
            network.client("oem.region", region=region),
        ):
            assert [one.visit_id for one in await network.pages(listing, "visits", client)] == newest
        shown = await network.pages(listing, "visits", dealer_id=dealer.dealer_id, order_by="planned_time")
        assert [one.visit_id for one in shown] == newest[::-1]
        window = {"planned_from_time": at("2026-02-01T00:00:00"), "planned_before_time": at("2026-04-01T00:00:00")}
        shown = await network.pages(listing, "visits", dealer_id=dealer.dealer_id, visitor_staff_id=visitor, **window)
        assert len(shown) == 2
        stranger = network.client("dealer.manager", dealers=[str(uuid.uuid4())])
        assert await network.pages(listing, "visits", stranger) == []
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/GetDealerVisit", stranger, visit_id=made[0].visit_id)
        assert failure.value.reason == "VISIT_NOT_FOUND"
        with pytest.raises(RpcFailure) as failure:
            await network.pages(listing, "visits", network.client("dealer.sales", dealers=[dealer.dealer_id]))
        assert failure.value.code == "PERMISSION_DENIED"
