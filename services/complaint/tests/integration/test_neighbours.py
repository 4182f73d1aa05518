"""What the complaint service asks of network and hears of others: hours, who works on a case, the law of replacement, merges."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from google.type import date_pb2
from marque.customer.v1 import customer_events_pb2
from marque.vehicle.v1 import lemon_watch_events_pb2, sale_events_pb2
from servicekit import contract
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.service import connect_nats
from servicekit.testing.platform import Platform, until


class Neighbours:
    """A network service beside the complaint service, and what others say."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def call(self, service: str, rpc: str, **request: Any) -> Any:
        owner = service.split(".")[0]
        method = contract.methods(f"marque.{service}")[rpc]
        message = json_format.ParseDict(request, method.input())
        return await self.platform.client(owner, "oem.manager").call(f"{service}/{rpc}", message)

    async def dealer(self) -> str:
        """A dealer who is open day and night, known to the complaint service."""
        given = {
            "code": f"D{uuid.uuid4().hex[:8].upper()}",
            "names": {"en": "D"},
            "kinds": [2],
            "time_zone": "Asia/Shanghai",
        }
        made = await self.call("network.v1.DealerService", "CreateDealer", dealer=given)
        await self.hours(made.dealer_id, "00:00", "24:00")

        async def known() -> bool:
            query = "SELECT 1 FROM known_dealers WHERE dealer_id = $1"
            return bool(await self.platform.sql("complaint", query, made.dealer_id))

        await until(known, 15, "the dealer is not known")
        return str(made.dealer_id)

    async def hours(self, dealer: str, start: str, end: str) -> None:
        week = [{"day": day, "intervals": [{"start": start, "end": end}]} for day in range(1, 8)]
        await self.call("network.v1.CalendarService", "PutDealerCalendar", calendar={"dealer_id": dealer, "week": week})

    async def case(self, **case: Any) -> Any:
        given = {"kind": 1, **case}
        return await self.call("complaint.v1.CaseService", "CreateCase", case=given, description="It squeals.")

    async def get(self, case_id: str) -> Any:
        return await self.call("complaint.v1.CaseService", "GetCase", case_id=case_id)

    async def say(self, event: Any, version: int = 1) -> uuid.UUID:
        """Publishes an event of another service and waits until it was applied; returns its id."""
        kind, event_id = contract.event(event.DESCRIPTOR), new_uuid()
        event.aggregate_version = version
        event.occur_time.GetCurrentTime()
        key, time = getattr(event, kind.key), event.occur_time.ToDatetime(UTC)
        head = envelope.headers(
            event_id=str(event_id), event_type=kind.name, key=key, version=version, time=time, traceparent=None
        )
        broker = await connect_nats(self.platform.nats.url, "test")
        await broker.jetstream().publish(kind.name, event.SerializeToString(), headers=head)
        await broker.close()

        async def applied() -> Any:
            return await self.platform.sql("complaint", "SELECT 1 FROM inbox_messages WHERE event_id = $1", event_id)

        await until(applied, 15, "the event was not applied")
        return event_id


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def around(platform: Platform) -> AsyncIterator[Neighbours]:
    await platform.start("network")
    await platform.start("complaint", peers={"network": platform.peers["network"]})
    yield Neighbours(platform)


class TestNetwork:
    async def test_somebody_of_the_dealer_is_found_and_the_clocks_run_by_its_hours_also_when_they_change(
        self, around: Neighbours
    ) -> None:
        dealer = await around.dealer()
        person = {
            "employee_number": uuid.uuid4().hex,
            "dealer_id": dealer,
            "name": {"full_name": "韩梅"},
            "roles": ["dealer.care"],
        }
        staff = await around.call("network.v1.StaffService", "CreateStaff", staff=person)
        case = await around.case(dealer_id=dealer)
        assert case.handler_staff_id == ""

        async def found() -> bool:
            now = await around.get(case.case_id)
            return bool(now.handler_staff_id) and bool(now.clocks) and now.clocks[0].calendar_version == 1

        await until(found, 30, "nobody was found, or the hours are not known")
        now = await around.get(case.case_id)
        assert now.handler_staff_id == staff.staff_id
        assert (now.clocks[0].due_time.ToDatetime(UTC) - now.receive_time.ToDatetime(UTC)).total_seconds() == 3600

        await around.hours(dealer, "00:00", "00:01")

        async def later() -> bool:
            return (await around.get(case.case_id)).clocks[0].calendar_version == 2

        await until(later, 30, "the new hours were not heard")
        due = (await around.get(case.case_id)).clocks[0].due_time.ToDatetime(UTC)
        assert (due - datetime.now(UTC)).days >= 58

    async def test_a_case_of_a_dealer_without_anybody_waits_in_the_queue_and_is_listed_there(
        self, around: Neighbours
    ) -> None:
        dealer = await around.dealer()
        case = await around.case(dealer_id=dealer)

        async def asked() -> Any:
            query = "SELECT 1 FROM cases WHERE case_id = $1 AND assignment_id IS NOT NULL AND handler_staff_id IS NULL"
            return await around.platform.sql("complaint", query, case.case_id)

        await until(asked, 30, "network was not asked")
        listed = await around.call("complaint.v1.CaseService", "ListCases", dealer_id=dealer, unassigned=True)
        assert [one.case_id for one in listed.cases] == [case.case_id]


class TestHeard:
    async def test_a_threshold_of_the_law_opens_one_case_however_often_it_is_told(self, around: Neighbours) -> None:
        event = lemon_watch_events_pb2.LemonLawReached(
            vin="LSVAA4180A2123456", rule_pack="CN-2021", trigger=1, count=31, limit=30
        )
        await around.say(event)
        rows = await around.platform.sql(
            "complaint", "SELECT case_id, source, source_key FROM cases WHERE vin = $1", event.vin
        )
        query = "DELETE FROM inbox_messages WHERE event_id = $1"  # as after its age
        await around.platform.sql("complaint", query, uuid.UUID(rows[0]["source_key"]))
        case = await around.get(str(rows[0]["case_id"]))

        assert len(rows) == 1
        assert (case.kind, case.channel, case.severity, case.category) == (1, 11, 3, "LEMON_LAW:REPAIR_DAYS")
        assert {clock.kind for clock in case.clocks} == {1, 3}

    async def test_a_sale_counts_once_and_not_after_it_was_taken_back_whichever_is_heard_first(
        self, around: Neighbours
    ) -> None:
        day = {"year": 2026, "month": 3, "day": 31}
        sold, back = str(uuid.uuid4()), str(uuid.uuid4())
        facts = {"vin": "LSVAA4180A2123457", "dealer_id": str(uuid.uuid4())}
        await around.say(sale_events_pb2.SaleRecorded(sale_id=sold, invoice_date=date_pb2.Date(**day), **facts))
        await around.say(sale_events_pb2.SaleReversed(sale_id=back, **facts), 2)
        await around.say(sale_events_pb2.SaleRecorded(sale_id=back, invoice_date=date_pb2.Date(**day), **facts))
        query = "SELECT deed_id::text, month, voided FROM known_deeds WHERE dealer_id = $1"
        rows = await around.platform.sql("complaint", query, facts["dealer_id"])

        assert {row["deed_id"]: (row["month"], row["voided"]) for row in rows} == {
            sold: (date(2026, 3, 1), False),
            back: (date(2026, 3, 1), True),
        }

    async def test_who_was_merged_sees_the_cases_of_both_and_after_the_parting_their_own(
        self, around: Neighbours
    ) -> None:
        stays, goes = str(uuid.uuid4()), str(uuid.uuid4())
        cases = {}
        for person in (stays, goes):
            owner = around.platform.client("complaint", "owner", customer=person)
            method = contract.methods("marque.complaint.v1.CaseService")["CreateCase"]
            request = json_format.ParseDict({"case": {"kind": 2}, "description": "How late?"}, method.input())
            cases[person] = (await owner.call("complaint.v1.CaseService/CreateCase", request)).case_id

        async def seen() -> set[str]:
            owner = around.platform.client("complaint", "owner", customer=stays)
            method = contract.methods("marque.complaint.v1.CaseService")["ListCases"]
            return {
                one.case_id for one in (await owner.call("complaint.v1.CaseService/ListCases", method.input())).cases
            }

        facts = {"customer_id": stays, "merged_customer_id": goes}
        await around.say(customer_events_pb2.CustomersMerged(**facts), 2)
        assert await seen() == set(cases.values())
        await around.say(customer_events_pb2.CustomersUnmerged(**facts), 3)
        assert await seen() == {cases[stays]}
