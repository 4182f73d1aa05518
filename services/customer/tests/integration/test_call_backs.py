"""A missed call: one task, whoever tells of it and in whatever order, for whom network finds, until somebody spoke with the caller."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from marque.customer.v1 import call_service_pb2, interaction_pb2, task_pb2, task_service_pb2
from marque.network.v1 import assignment_events_pb2
from servicekit.testing.platform import until

KIND = call_service_pb2.CallEventKind
INBOUND, OUTBOUND = interaction_pb2.INTERACTION_DIRECTION_INBOUND, interaction_pb2.INTERACTION_DIRECTION_OUTBOUND
TASKS = "customer.v1.TaskService"
OPEN, DONE, CANCELLED = (
    task_pb2.TASK_STATE_OPEN,
    task_pb2.TASK_STATE_DONE,
    task_pb2.TASK_STATE_CANCELLED,
)


class Exchange:
    """A telephone system on the lines of one dealer."""

    def __init__(self, desk: Any, dealer: str) -> None:
        self.desk, self.dealer, self.agent = desk, dealer, desk.dealer(dealer)

    async def tell(self, kind: str, call: str, number: str, second: int = 0, **more: Any) -> str:
        request = call_service_pb2.RecordCallEventRequest(
            provider="pbx",
            event_id=more.pop("event_id", uuid.uuid4().hex),
            provider_call_id=call,
            number=number,
            dealer_id=more.pop("dealer_id", self.dealer),
            direction=more.pop("direction", INBOUND),
            kind=KIND.Value(f"CALL_EVENT_KIND_{kind}"),
        )
        request.event_time.FromDatetime(datetime.now(UTC) - timedelta(minutes=1) + timedelta(seconds=second))
        told = await self.desk.service.call("customer.v1.CallService/RecordCallEvent", request)
        return str(told.call_id)

    async def missed(self, number: str, **more: Any) -> str:
        call = uuid.uuid4().hex
        await self.tell("RINGING", call, number, **more)
        return await self.tell("MISSED", call, number, 5, **more)

    async def tasks(self, customer_id: str) -> list[Any]:
        request = task_service_pb2.ListTasksRequest(customer_id=customer_id)
        found = await self.agent.call(f"{TASKS}/ListTasks", request)
        return [one for one in found.tasks if one.kind == task_pb2.TASK_KIND_CALL_BACK]

    async def states(self, customer_id: str) -> list[int]:
        return sorted(one.state for one in await self.tasks(customer_id))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(desk: Any) -> Exchange:
    return Exchange(desk, await desk.known_dealer())


async def caller(exchange: Exchange) -> tuple[str, str]:
    number = exchange.desk.phone()
    person = await exchange.desk.create(exchange.agent, phones=[number])
    return str(person.customer_id), number


class TestMissed:
    async def test_a_missed_call_told_often_and_at_once_makes_one_task(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        call, event = uuid.uuid4().hex, uuid.uuid4().hex
        await exchange.tell("RINGING", call, number)
        await asyncio.gather(
            *(exchange.tell("MISSED", call, number, 5, event_id=event) for _ in range(3)),
            *(exchange.tell("MISSED", call, number, second) for second in (6, 7)),
            *(exchange.tell("ENDED", call, number, second) for second in (6, 8)),
        )
        (task,) = await exchange.tasks(person)
        assert (task.state, task.dealer_id, task.staff_id) == (OPEN, exchange.dealer, "")

    async def test_one_that_was_answered_after_all_needs_none(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        call = uuid.uuid4().hex
        await exchange.tell("ENDED", call, number, 9)
        assert await exchange.states(person) == [OPEN]
        await exchange.tell("ANSWERED", call, number, 2)
        assert await exchange.states(person) == [CANCELLED]
        await exchange.tell("MISSED", call, number, 9)
        assert await exchange.states(person) == [CANCELLED]

    async def test_a_call_out_that_nobody_takes_makes_none(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        await exchange.missed(number, direction=OUTBOUND)
        assert await exchange.states(person) == []


class TestCalledBack:
    async def test_speaking_with_the_caller_ends_all_that_were_missed_before(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        await exchange.missed(number)
        await exchange.missed(number)
        back = uuid.uuid4().hex
        await exchange.tell("RINGING", back, number, 20, direction=OUTBOUND)
        assert await exchange.states(person) == [OPEN, OPEN]
        await exchange.tell("ANSWERED", back, number, 25, direction=OUTBOUND)
        assert await exchange.states(person) == [DONE, DONE]

    async def test_an_earlier_talk_and_another_dealers_talk_end_nothing(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        await exchange.missed(number)
        await exchange.tell("ANSWERED", uuid.uuid4().hex, number, -60)
        other = await exchange.desk.known_dealer()
        await exchange.tell("ANSWERED", uuid.uuid4().hex, number, 30, dealer_id=other)
        assert await exchange.states(person) == [OPEN]
        await exchange.tell("ANSWERED", uuid.uuid4().hex, number, 30)
        assert await exchange.states(person) == [DONE]

    async def test_what_is_done_with_leaves_no_number_behind(self, exchange: Exchange) -> None:
        person, number = await caller(exchange)
        await exchange.missed(number)
        (task,) = await exchange.tasks(person)
        await exchange.agent.call(f"{TASKS}/CompleteTask", task_service_pb2.CompleteTaskRequest(task_id=task.task_id))

        async def forgotten() -> bool:
            query = "SELECT 1 FROM call_backs WHERE number = $1"
            return not await exchange.desk.platform.sql("customer", query, number)

        await until(forgotten, 30, "the missed call was not forgotten")


class TestAssigned:
    async def test_whom_network_finds_later_gets_it_unless_somebody_has_it(
        self, exchange: Exchange, publisher: Any
    ) -> None:
        person, number = await caller(exchange)
        await exchange.missed(number)
        (task,) = await exchange.tasks(person)
        staff = [str(uuid.uuid4()) for _ in range(2)]
        for one in staff:
            await publisher.heard(
                assignment_events_pb2.AssignmentMade(
                    assignment_id=str(uuid.uuid4()),
                    item_type="customer.task",
                    item_id=task.task_id,
                    dealer_id=exchange.dealer,
                    staff_id=one,
                )
            )
        (given,) = await exchange.tasks(person)
        assert given.staff_id == staff[0]
