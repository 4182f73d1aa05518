"""The clock of leads that nobody answers: each step once, whoever works on it and whoever answers at the same moment."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from marque.customer.v1 import lead_pb2, task_service_pb2
from marque.customer.v1 import lead_service_pb2 as rpc
from servicekit.testing.client import RpcFailure
from servicekit.testing.figures import counted
from servicekit.testing.platform import until

LEADS = "customer.v1.LeadService"
_HOURS = """INSERT INTO known_calendars (dealer_id, version, time_zone, week, fetch_time)
    SELECT $1, 3, 'UTC', jsonb_object_agg(day, '["00:00-24:00"]'::jsonb), now() FROM generate_series(1, 7) AS day"""
_DUE = "UPDATE due_work SET due_time = now() WHERE kind = 'lead-clock' AND key = ANY($1)"


class Clockwork:
    """Two replicas of the service, and leads whose time comes when a test says so."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.sql = desk.platform.sql

    async def leads(self, count: int) -> tuple[Any, list[str]]:
        """New leads at a dealer that is always open; returns a client of the dealer and their ids."""
        dealer = await self.desk.known_dealer()
        await self.sql("customer", _HOURS, uuid.UUID(dealer))
        client = self.desk.dealer(dealer)
        made = []
        for _ in range(count):
            wish = lead_pb2.Lead(
                customer_id=(await self.desk.create(client)).customer_id, source=lead_pb2.LEAD_SOURCE_CALL
            )
            lead = await client.call(f"{LEADS}/CreateLead", rpc.CreateLeadRequest(lead=wish))
            assert lead.calendar_version == 3
            made.append(lead.lead_id)
        return client, made

    async def come(self, leads: list[str], column: str) -> None:
        """Lets a moment of leads be now; the due row comes with it."""
        change = f"UPDATE leads SET {column} = now() - interval '1 second' WHERE stage = 2 AND lead_id = ANY($1)"
        await self.sql("customer", change, [uuid.UUID(lead) for lead in leads])
        await self.sql("customer", _DUE, leads)

    async def kinds(self, leads: list[str], kind: str) -> int:
        """How often something happened to leads."""
        query = "SELECT count(*) AS n FROM lead_changes WHERE lead_id = ANY($1) AND kind = $2"
        return int((await self.sql("customer", query, [uuid.UUID(lead) for lead in leads], kind))[0]["n"])

    async def staged(self, leads: list[str], stage: int) -> None:
        """Waits until all leads are in a stage."""

        async def there() -> bool:
            query = "SELECT count(*) AS n FROM leads WHERE lead_id = ANY($1) AND stage = $2"
            rows = await self.sql("customer", query, [uuid.UUID(lead) for lead in leads], stage)
            return bool(rows[0]["n"] == len(leads))

        await until(there, 30, f"not all leads are in stage {stage}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clockwork(desk: Any) -> AsyncIterator[Clockwork]:
    await desk.platform.start("customer")
    yield Clockwork(desk)


class TestClock:
    async def test_two_replicas_lapse_and_recycle_each_lead_once(self, clockwork: Clockwork) -> None:
        client, leads = await clockwork.leads(8)
        lapsed = counted("lead_clocks", outcome="lapsed")
        await clockwork.come(leads, "respond_due_time")
        await clockwork.staged(leads, lead_pb2.LEAD_STAGE_LAPSED)
        await clockwork.sql("customer", _DUE, leads)
        await clockwork.staged(leads, lead_pb2.LEAD_STAGE_RECYCLED)

        assert await clockwork.kinds(leads, "LAPSED") == len(leads)
        assert await clockwork.kinds(leads, "RECYCLED") == len(leads)
        assert counted("lead_clocks", outcome="lapsed") - lapsed == len(leads)
        for lead in leads:
            assert len(await clockwork.desk.events("LeadLapsed", lead)) == 1
        listed = await client.call(f"{LEADS}/ListLeads", rpc.ListLeadsRequest())
        assert not listed.leads, "the dealer still sees what was taken from it"

    async def test_a_reminder_is_one_task_that_an_answer_ends(self, clockwork: Clockwork) -> None:
        client, leads = await clockwork.leads(1)
        await clockwork.come(leads, "remind_time")

        async def reminded() -> Any:
            asked = task_service_pb2.ListTasksRequest(lead_id=leads[0], state=1)
            return (await client.call("customer.v1.TaskService/ListTasks", asked)).tasks

        tasks = await until(reminded, 20, "nobody was reminded")
        await clockwork.sql("customer", _DUE, leads)
        in_time = counted("lead_clocks", outcome="in_time")
        for _ in range(2):  # the second answer is one to no clock
            asked = rpc.RecordLeadContactRequest(lead_id=leads[0], reached=True)
            await client.call(f"{LEADS}/RecordLeadContact", asked)

        assert counted("lead_clocks", outcome="in_time") - in_time == 1
        assert len(tasks) == 1
        assert await clockwork.kinds(leads, "REMINDED") == 1
        assert not await reminded()

    async def test_an_answer_at_the_last_moment_wins_or_comes_after_and_never_both_ways(
        self, clockwork: Clockwork
    ) -> None:
        client, leads = await clockwork.leads(8)
        asked = [rpc.RecordLeadContactRequest(lead_id=lead, reached=True) for lead in leads]
        await asyncio.gather(
            clockwork.come(leads, "respond_due_time"),
            *(client.call(f"{LEADS}/RecordLeadContact", one) for one in asked),
        )
        await clockwork.staged(leads, lead_pb2.LEAD_STAGE_CONTACTED)

        async def settled() -> bool:
            query = "SELECT 1 FROM due_work WHERE kind = 'lead-clock' AND key = ANY($1) AND due_time <= now()"
            return not await clockwork.sql("customer", query, leads)

        await until(settled, 30, "the clock does not come to rest")
        await clockwork.staged(leads, lead_pb2.LEAD_STAGE_CONTACTED)
        for lead in leads:
            found = await client.call(f"{LEADS}/GetLead", rpc.GetLeadRequest(lead_id=lead))
            assert (
                found.lapse_count
                == await clockwork.kinds([lead], "LAPSED")
                == len(await clockwork.desk.events("LeadLapsed", lead))
            )
            assert not found.HasField("respond_due_time")

    async def test_two_who_recycle_at_once_do_it_once(self, clockwork: Clockwork) -> None:
        _, leads = await clockwork.leads(1)
        manager = clockwork.desk.platform.client("customer", "oem.manager")
        asked = rpc.RecycleLeadRequest(lead_id=leads[0], reason="Nobody there")
        told = await asyncio.gather(
            *(manager.call(f"{LEADS}/RecycleLead", asked) for _ in range(3)), return_exceptions=True
        )

        assert sum(not isinstance(one, Exception) for one in told) == 1
        assert {one.reason for one in told if isinstance(one, RpcFailure)} == {"LEAD_WITHOUT_DEALER"}
