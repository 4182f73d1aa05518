"""Plans of marketing on a real service: what campaigns and the rest cost and brought, month by month."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from google.protobuf import json_format
from marque.campaign.v1 import campaign_import_service_pb2
from marque.campaign.v1 import marketing_plan_service_pb2 as messages
from marque.customer.v1.lead_events_pb2 import LeadAssigned, LeadCreated, LeadSnapshot, LeadStageChanged
from marque_campaign.models import Campaign, CampaignResponse, CampaignSend
from marque_campaign.subscribers import deeds
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform

CAMPAIGN, FAIR, EMAIL = "CAMPAIGN", "FAIR", 3
LEAD, PURCHASE = 4, 7
FIRST_OF_MARCH = datetime(2026, 2, 28, 17, tzinfo=UTC)  # one o'clock of the first of March in Shanghai


class Office:
    """Who plans."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def call(self, rpc: str, /, **fields: Any) -> Any:
        """Calls an RPC with a request as JSON in the contract's names."""
        message = json_format.ParseDict(fields, getattr(messages, f"{rpc}Request")())
        client = self.platform.client("campaign", "oem.manager")
        return await client.call(f"campaign.v1.MarketingPlanService/{rpc}", message, timeout=60)

    async def dealer(self, code: str) -> str:
        """A dealer as the service would have heard of it."""
        dealer = str(uuid.uuid4())
        known = (
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1)"
        )
        await self.platform.sql("campaign", known, uuid.UUID(dealer), code)
        return dealer

    async def file(self, rows: list[dict[str, str]], client: Any = None) -> tuple[list[int], list[Any]]:
        """Streams rows; returns how many were created, updated, unchanged and rejected, and (row, field, reason) of the rejected."""
        told = {"header": {"source": "books"}, "rows": rows}
        request = json_format.ParseDict(told, campaign_import_service_pb2.ImportOutsideSpendsRequest())
        client = client or self.platform.client("campaign", "oem.manager")
        name = "campaign.v1.CampaignImportService/ImportOutsideSpends"
        (answer,) = [one async for one in client.stream(name, iter([request]))]
        counts = [getattr(answer.summary, name) for name in ("created", "updated", "unchanged", "rejected")]
        return counts, [(one.row, fault.field, fault.reason) for one in answer.rejected for fault in one.errors]

    async def plan(self, **fields: Any) -> Any:
        """A plan of the first quarter."""
        told = {"name": "Q1", "currency_code": "CNY", "first_month": "2026-01", "last_month": "2026-03", **fields}
        return await self.call("CreateMarketingPlan", marketing_plan=told)


def money(units: int, code: str = "CNY") -> dict[str, Any]:
    """An amount."""
    return {"currency_code": code, "units": units}


def line(month: str, units: int, source: str = CAMPAIGN, channel: int = EMAIL) -> dict[str, Any]:
    """A line of a plan."""
    return {"month": month, "channel": channel, "source": source, "amount": money(units)}


def spend(key: str, units: int, day: int = 5, **fields: Any) -> dict[str, Any]:
    """Money spent on a day of February."""
    return {
        "source_key": key,
        "spend_date": {"year": 2026, "month": 2, "day": day},
        "source": FAIR,
        "amount": money(units),
        **fields,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(platform: Platform) -> AsyncIterator[Office]:
    """A service without campaigns."""
    await platform.start("campaign")
    yield Office(platform)


async def campaign(platform: Platform, **fields: Any) -> uuid.UUID:
    """A campaign of the first of March: four messages that were paid, one lead, two sales."""
    key, database = uuid.uuid4(), Database(platform.databases["campaign"])
    told = {
        "kind": 1,
        "state": 6,
        "author": "a",
        "frozen": {},
        "launch_time": FIRST_OF_MARCH,
        "channel": EMAIL,
        **fields,
    }
    sends: list[dict[str, Any]] = [
        {"send_id": uuid.uuid4(), "campaign_id": key, "customer_id": uuid.uuid4(), "channel": EMAIL, "state": state,
         **dict.fromkeys(("hand_time", "claim_time", "create_time", "update_time"), FIRST_OF_MARCH)}
        for state in (4, 5, 6, 8)
    ]  # fmt: skip
    done = [(LEAD, 0, "lead"), (PURCHASE, 0, "one"), (PURCHASE, 0, "again"), (PURCHASE, 1, "two")]
    responses = [
        {"campaign_id": key, "kind": kind, "send_id": sends[place]["send_id"], "source_key": name,
         "occur_time": FIRST_OF_MARCH, "credited": True}
        for kind, place, name in done
    ]  # fmt: skip
    async with UnitOfWork(database, Call(SYSTEM, "plan")) as uow:
        uow.session.add(Campaign(campaign_id=key, name="March", **told))
        await uow.session.flush()
        await uow.session.execute(sa.insert(CampaignSend).values(sends))
        await uow.session.execute(sa.insert(CampaignResponse).values(responses))
    await database.engine.dispose()
    return key


class TestReport:
    async def test_planned_committed_spent_and_brought_stand_beside_each_other(self, office: Office) -> None:
        prices = {
            "currency": "CNY",
            "thousand_cost_minor": 250_000,
            "budget_minor": 1_500,
            "response_value_minor": 1_000,
        }
        made = await campaign(office.platform, **prices)
        await campaign(office.platform, currency="EUR", thousand_cost_minor=1_000)
        plan = await office.plan(lines=[line("2026-03", 20), line("2026-02", 40, FAIR, 0)])
        await office.call("RecordOutsideSpends", spends=[spend("A", 30), spend("B", 7, amount=money(7, "EUR"))])
        report = await office.call("GetMarketingPlanReport", marketing_plan_id=plan.marketing_plan_id)
        lines = {(one.month, one.channel, one.source): one for one in report.lines}
        march = lines["2026-03", EMAIL, CAMPAIGN]

        assert sorted(lines) == [("2026-02", 0, FAIR), ("2026-03", EMAIL, CAMPAIGN)]
        assert [one.units for one in (march.planned, march.spent, march.committed, march.revenue)] == [20, 10, 5, 20]
        assert (march.lead_count, march.sale_count, march.return_on_investment) == (2, 4, 1.0)
        assert (march.cost_per_lead.units, march.cost_per_sale.nanos) == (5, 500_000_000)
        fair = lines["2026-02", 0, FAIR]
        assert (fair.planned.units, fair.spent.units, fair.HasField("cost_per_lead")) == (40, 30, False)
        assert (report.total.planned.units, report.total.spent.units) == (60, 40)
        assert (report.other_currency_count, len(report.calendar)) == (1, 2)
        assert str(made) in {one.campaign_id for one in report.calendar}


class TestLeads:
    async def test_each_stands_once_beside_what_its_source_cost(self, office: Office) -> None:
        """One of a dealer's own, one that a campaign brought, one of another month by the days of the market."""
        dealer, brought = await office.dealer("LEADS"), uuid.uuid4()
        event, social = 5, 7
        made = await campaign(office.platform)
        await office.platform.sql(
            "campaign",
            "UPDATE campaign_responses SET source_key = $2 WHERE campaign_id = $1 AND kind = 4", made, f"lead:{brought}",
        )  # fmt: skip
        lead = uuid.uuid4()
        heard = [
            came(lead, 1, event, "2026-02-03T00:00:00Z"),
            came(brought, 1, event, "2026-02-04T00:00:00Z"),
            came(uuid.uuid4(), 1, social, "2026-02-28T17:00:00Z"),  # one o'clock of the first of March in Shanghai
            given(lead, 2, dealer),
            given(lead, 3, dealer),
            given(uuid.uuid4(), 2, dealer),  # of before anybody listened
        ]
        await hear(office, heard, heard, heard[:1])
        told = [line("2026-02", 60, "EVENT", 0)]
        spent = [spend("L1", 50, day=20, source="EVENT")]
        await office.call("RecordOutsideSpends", spends=spent)
        plan = await office.plan(lines=told)
        report = await office.call("GetMarketingPlanReport", marketing_plan_id=plan.marketing_plan_id)
        lines = {(one.month, one.source): one for one in report.lines if one.source in ("EVENT", "SOCIAL")}
        own = await office.plan(dealer_id=dealer)
        theirs = await office.call("GetMarketingPlanReport", marketing_plan_id=own.marketing_plan_id)

        assert {key: one.lead_count for key, one in lines.items()} == {
            ("2026-02", "EVENT"): 1,
            ("2026-03", "SOCIAL"): 1,
        }
        assert lines["2026-02", "EVENT"].cost_per_lead.units == 50
        assert [(one.month, one.source, one.lead_count) for one in theirs.lines] == [("2026-02", "EVENT", 1)]

    async def test_emptied_and_said_again_they_are_the_same_and_what_is_older_changes_nothing(
        self, office: Office
    ) -> None:
        """Beside life: one goes to another dealer and one is taken from its dealer, while what was so before is under way."""
        first, other = [await office.dealer(code) for code in ("FIRST", "SECOND")]
        stays, moves, leaves, fresh, late = (uuid.uuid4() for _ in range(5))
        source, moment = 4, "2026-01-03T00:00:00Z"
        everything = (stays, moves, leaves, fresh, late)
        await office.platform.sql("campaign", "TRUNCATE known_leads")
        await hear(
            office,
            [came(lead, 1, source, moment) for lead in everything[:4]],
            [given(lead, 2, first) for lead in everything[:3]],
            [given(moves, 4, other), taken(leaves, 5, first)],
        )
        before = await kept(office)
        old = [again(lead, 3, source, moment, first) for lead in (stays, moves, leaves)]
        await hear(office, old)
        beside = await kept(office)

        await office.platform.sql("campaign", "TRUNCATE known_leads")
        await hear(
            office,
            [given(moves, 4, other), taken(leaves, 5, first), given(late, 2, other)],
            [*old, again(fresh, 1, source, moment, "")],
            [came(moves, 1, source, moment)],
        )
        rebuilt = await kept(office)
        plan = await office.plan()
        report = await office.call("GetMarketingPlanReport", marketing_plan_id=plan.marketing_plan_id)

        assert beside == before
        assert rebuilt == {**before, str(late): (other, None, None)}
        assert {str(stays): first, str(moves): other, str(leaves): None}.items() <= {
            lead: row[0] for lead, row in before.items()
        }.items()
        assert [(one.source, one.lead_count) for one in report.lines if one.month == "2026-01"] == [("CALL", 4)]


async def hear(office: Office, *batches: list[Event]) -> None:
    """What is told, a transaction each."""
    database = Database(office.platform.databases["campaign"])
    for events in batches:
        async with UnitOfWork(database, Call(SYSTEM, "leads")) as uow:
            await deeds.on_deeds(uow, events)
    await database.engine.dispose()


async def kept(office: Office) -> dict[str, tuple[str | None, int | None, str | None]]:
    """Who has which lead, from which source and when it came."""
    query = "SELECT lead_id::text, dealer_id::text, source, create_time::text AS moment FROM known_leads"
    rows = await office.platform.sql("campaign", query)
    return {row["lead_id"]: (row["dealer_id"], row["source"], row["moment"]) for row in rows}


def came(lead: uuid.UUID, version: int, source: int, moment: str) -> Event:
    """A lead as it is heard."""
    data = LeadCreated(lead_id=str(lead), aggregate_version=version, customer_id=str(uuid.uuid4()), source=source)  # type: ignore[arg-type]
    data.occur_time.FromJsonString(moment)
    return Event(uuid.uuid4(), data.DESCRIPTOR.full_name, str(lead), version, now(), data)


def given(lead: uuid.UUID, version: int, dealer: str) -> Event:
    """That a lead went to a dealer."""
    data = LeadAssigned(lead_id=str(lead), aggregate_version=version, customer_id=str(uuid.uuid4()), dealer_id=dealer)
    data.occur_time.FromJsonString("2026-02-05T00:00:00Z")
    return Event(uuid.uuid4(), data.DESCRIPTOR.full_name, str(lead), version, now(), data)


def taken(lead: uuid.UUID, version: int, dealer: str) -> Event:
    """That a lead was taken from its dealer."""
    data = LeadStageChanged(lead_id=str(lead), aggregate_version=version, dealer_id=dealer, from_stage=9, stage=10)  # type: ignore[arg-type]
    return Event(uuid.uuid4(), data.DESCRIPTOR.full_name, str(lead), version, now(), data)


def again(lead: uuid.UUID, version: int, source: int, moment: str, dealer: str) -> Event:
    """A lead said again."""
    data = LeadSnapshot(lead_id=str(lead), aggregate_version=version, dealer_id=dealer, source=source)  # type: ignore[arg-type]
    data.create_time.FromJsonString(moment)
    return Event(uuid.uuid4(), data.DESCRIPTOR.full_name, str(lead), version, now(), data)


class TestSpends:
    async def test_a_file_told_twice_changes_nothing_and_a_key_told_anew_replaces(self, office: Office) -> None:
        rows = [spend(f"K{n}", n, day=20) for n in range(1, 4)]
        first = await office.call("RecordOutsideSpends", spends=rows)
        both = await asyncio.gather(*(office.call("RecordOutsideSpends", spends=rows[::way]) for way in (1, -1)))
        changed = await office.call("RecordOutsideSpends", spends=[*rows[:2], spend("K3", 0, day=20)])
        sql = "SELECT sum(minor)::int AS n FROM outside_spends WHERE source_key LIKE 'K%'"

        assert (first.written_count, first.unchanged_count) == (3, 0)
        assert [(one.written_count, one.unchanged_count) for one in both] == [(0, 3)] * 2
        assert (changed.written_count, changed.unchanged_count) == (1, 2)
        assert (await office.platform.sql("campaign", sql))[0]["n"] == 300

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"amount": money(-1)}, "MONEY_INVALID"),
            ({"amount": money(1, "XXQ")}, "MONEY_INVALID"),
            ({"spend_date": {"year": 2026, "month": 2, "day": 30}}, "DATE_INVALID"),
            ({"source_key": "Z0"}, "SPEND_DOUBLE"),
        ],
    )
    async def test_a_wrong_row_is_named_and_nothing_is_written(
        self, office: Office, wrong: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await office.call("RecordOutsideSpends", spends=[spend("Z0", 1), {**spend("Z1", 1), **wrong}])
        kept = await office.platform.sql("campaign", "SELECT 1 FROM outside_spends WHERE source_key = 'Z0'")

        assert reason in refused.value.fields.values()
        assert any(path.startswith("spends[1]") for path in refused.value.fields)
        assert kept == []


class TestSpendsByFile:
    async def test_a_row_is_the_caller_s_own_or_a_dealer_s_in_their_sight_and_twice_it_is_once(
        self, office: Office
    ) -> None:
        mine, other = [await office.dealer(code) for code in ("OWN", "OTHER")]
        manager = office.platform.client("campaign", "dealer.manager", dealers=[mine])
        row = {"month": "2026-02", "channel": "Post", "source": "FLYER", "amount": "12.5", "currency_code": "cny"}
        rows = [row, {**row, "note": "x"}, {**row, "note": "x", "amount": "13"}, {**row, "dealer_code": "OTHER"}]
        first = await office.file(rows, manager)
        again = await office.file(rows[::2], manager)
        makers = await office.file([rows[0], rows[3]])
        sql = "SELECT owner::text, minor, day::text, channel FROM outside_spends WHERE source = 'FLYER' ORDER BY 1, 2"

        assert first == ([2, 1, 0, 1], [(4, "dealer_code", "DEALER_NOT_FOUND")])
        assert again == ([0, 0, 2, 0], [])
        assert makers == ([2, 0, 0, 0], [])
        day = ("2026-02-01", 4)
        assert sorted(tuple(one) for one in await office.platform.sql("campaign", sql)) == sorted(
            [(mine, 1250, *day), (mine, 1300, *day), (other, 1250, *day), (str(uuid.UUID(int=0)), 1250, *day)]
        )


class TestPlan:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"first_month": "2026-04"}, "PERIOD_INVALID"),
            ({"last_month": "2029-01"}, "PERIOD_INVALID"),
            ({"currency_code": "XXQ"}, "MONEY_INVALID"),
            ({"lines": [line("2026-04", 1)]}, "LINE_OUTSIDE"),
            ({"lines": [line("2026-01", 1)] * 2}, "LINE_DOUBLE"),
            ({"lines": [{**line("2026-01", 1), "amount": money(1, "EUR")}]}, "CURRENCY_MISMATCH"),
        ],
    )
    async def test_what_makes_no_sense_is_refused_by_name(
        self, office: Office, fields: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await office.plan(**fields)

        assert reason in refused.value.fields.values()

    async def test_months_cannot_be_changed_away_under_the_lines(self, office: Office) -> None:
        made = await office.plan(lines=[line("2026-01", 1), line("2026-03", 2)])
        named = {"marketing_plan_id": made.marketing_plan_id, "etag": made.etag}
        with pytest.raises(RpcFailure) as refused:
            await office.call("UpdateMarketingPlan", marketing_plan={**named, "last_month": "2026-02"})
        shorter = {**named, "last_month": "2026-02", "lines": [line("2026-01", 1)]}
        changed = await office.call("UpdateMarketingPlan", marketing_plan=shorter)

        assert "LINE_OUTSIDE" in refused.value.fields.values()
        assert (changed.last_month, len(changed.lines)) == ("2026-02", 1)
        assert await office.call("GetMarketingPlan", marketing_plan_id=made.marketing_plan_id) == changed
