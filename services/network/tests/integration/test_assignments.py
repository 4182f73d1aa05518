"""Assignment over real rows: reasons, queues, races; presence and load as they come in."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.type import date_pb2
from marque.network.v1 import assignment_pb2, staff_pb2
from marque.network.v1 import assignment_service_pb2 as rpc
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "network.v1.AssignmentService"


async def assign(
    network: Any, dealer_id: str, client: Any = None, *, reassign: bool = False, item: str = "", **need: Any
) -> Any:
    request = rpc.AssignRequest(
        item_type="suite.lead",
        item_id=item or str(uuid.uuid4()),
        need=assignment_pb2.AssignmentNeed(dealer_id=dealer_id, **need),
        reassign=reassign,
    )
    return await (client or network.manager).call(f"{SERVICE}/Assign", request)


async def end(network: Any, made: Any) -> Any:
    return await network.manager.call(
        f"{SERVICE}/EndAssignment", rpc.EndAssignmentRequest(assignment_id=made.assignment_id)
    )


async def team(network: Any, size: int, **fields: Any) -> tuple[str, list[str]]:
    dealer_id = (await network.make_dealer()).dealer_id
    return dealer_id, [(await network.make_staff(dealer_id=dealer_id, **fields)).staff_id for _ in range(size)]


async def kinds(network: Any, key: str) -> list[str]:
    return [type(event).__name__ for event in await network.events(key)]


class TestAssign:
    async def test_work_is_given_with_reasons_and_told(self, network: Any) -> None:
        dealer_id, people = await team(network, 1, languages=["zh-CN"])
        made = await assign(network, dealer_id, languages=["zh"])

        assert (made.state, made.staff_id) == (assignment_pb2.ASSIGNMENT_STATE_ASSIGNED, people[0])
        assert [one.code for one in made.reasons] == ["LANGUAGE", "PRESENCE", "HOURS", "LOAD", "TURN"]
        assert await kinds(network, made.assignment_id) == ["AssignmentMade"]

    async def test_what_is_given_stays_unless_given_anew(self, network: Any) -> None:
        dealer_id, people = await team(network, 2)
        made = await assign(network, dealer_id)
        again = await assign(network, dealer_id, item=made.item_id)
        other = await assign(network, dealer_id, item=made.item_id, reassign=True)

        assert (again.assignment_id, again.staff_id) == (made.assignment_id, made.staff_id)
        assert (other.assignment_id, other.staff_id) == (made.assignment_id, *(set(people) - {made.staff_id}))

    async def test_relation_goes_before_turn(self, network: Any) -> None:
        dealer_id, people = await team(network, 3)
        given = [await assign(network, dealer_id, related_staff_ids=[people[2]]) for _ in range(3)]

        assert {one.staff_id for one in given} == {people[2]}
        assert given[0].reasons[0].code == "RELATION"

    async def test_an_expired_certificate_does_not_count(self, network: Any) -> None:
        past = date_pb2.Date(year=2020, month=1, day=1)
        expired = [staff_pb2.StaffCertificate(code="hv", expiry_date=past)]
        dealer_id, _ = await team(network, 1, certificates=expired)
        valid = await network.make_staff(dealer_id=dealer_id, certificates=[staff_pb2.StaffCertificate(code="hv")])
        made = [await assign(network, dealer_id, skills=[staff_pb2.StaffSkill(code="hv")]) for _ in range(2)]

        assert {one.staff_id for one in made} == {valid.staff_id}

    async def test_nobody_for_it_means_the_queue_and_an_alarm_until_somebody_comes(self, network: Any) -> None:
        dealer_id, _ = await team(network, 1, capacity=1)
        first = await assign(network, dealer_id)
        waiting = await assign(network, dealer_id)
        assert (waiting.state, waiting.staff_id) == (assignment_pb2.ASSIGNMENT_STATE_WAITING, "")
        assert await kinds(network, waiting.assignment_id) == ["AssignmentWaiting"]

        due_now = "UPDATE due_work SET due_time = now() WHERE kind = 'assignment' AND key = $1"
        await network.sql(due_now, waiting.assignment_id)
        await until(lambda: said(network, waiting, 2), 30, "the alarm is not said again")
        await end(network, first)
        await network.sql(due_now, waiting.assignment_id)
        await until(lambda: said(network, waiting, 3), 30, "it is not given when there is room")
        told = await network.events(waiting.assignment_id)
        assert [type(one).__name__ for one in told] == ["AssignmentWaiting", "AssignmentWaiting", "AssignmentMade"]
        assert told[1].escalation == 1

    async def test_many_at_once_stay_fair_and_within_capacity(self, network: Any) -> None:
        dealer_id, people = await team(network, 3, capacity=4)
        clients = [network.client("oem.manager", subject=f"racer-{number}") for number in range(5)]
        made = await asyncio.gather(*(assign(network, dealer_id, clients[number % 5]) for number in range(14)))
        counts = Counter(one.staff_id for one in made)

        assert {key: counts[key] for key in people} == dict.fromkeys(people, 4)
        assert counts[""] == 2
        early = Counter(one.staff_id for one in sorted((one for one in made if one.staff_id), key=assigned)[:8])
        assert max(early.values()) - min(early.get(key, 0) for key in people) <= 1

    async def test_the_same_work_at_once_is_given_once(self, network: Any) -> None:
        dealer_id, _ = await team(network, 2)
        item = str(uuid.uuid4())
        made = await asyncio.gather(*(assign(network, dealer_id, item=item) for _ in range(6)))

        assert len({(one.assignment_id, one.staff_id) for one in made}) == 1

    async def test_another_dealers_work_is_out_of_sight(self, network: Any) -> None:
        (dealer_id, _), (other, _) = await team(network, 1), await team(network, 1)
        manager = network.client("dealer.manager", dealers=[other])
        made = await assign(network, dealer_id)
        for name, request in (
            ("GetAssignment", rpc.GetAssignmentRequest(assignment_id=made.assignment_id)),
            ("EndAssignment", rpc.EndAssignmentRequest(assignment_id=made.assignment_id)),
            ("SuggestAssignee", rpc.SuggestAssigneeRequest(need={"dealer_id": dealer_id})),
        ):
            with pytest.raises(RpcFailure) as failure:
                await manager.call(f"{SERVICE}/{name}", request)
            assert failure.value.code == "NOT_FOUND"
        listed = await manager.call(f"{SERVICE}/ListAssignments", rpc.ListAssignmentsRequest(page_size=100))
        assert made.assignment_id not in {one.assignment_id for one in listed.assignments}


def assigned(made: Any) -> Any:
    return made.assign_time.ToNanoseconds()


async def said(network: Any, made: Any, count: int) -> bool:
    return len(await network.events(made.assignment_id)) >= count


class TestPresenceAndLoad:
    async def test_who_is_there_goes_first_and_a_heartbeat_says_nothing_anew(self, network: Any) -> None:
        dealer_id, people = await team(network, 2)
        report = lambda key, state: network.manager.call(  # noqa: E731
            f"{SERVICE}/ReportPresence", rpc.ReportPresenceRequest(staff_id=key, state=state)
        )
        await report(people[0], assignment_pb2.PRESENCE_STATE_AWAY)
        await report(people[1], assignment_pb2.PRESENCE_STATE_AVAILABLE)
        await report(people[1], assignment_pb2.PRESENCE_STATE_AVAILABLE)
        made = [await assign(network, dealer_id) for _ in range(2)]
        listed = await network.manager.call(f"{SERVICE}/ListPresences", rpc.ListPresencesRequest(dealer_id=dealer_id))

        assert {one.staff_id for one in made} == {people[1]}
        assert (await kinds(network, people[1])).count("PresenceChanged") == 1
        assert {one.staff_id for one in listed.presences} == set(people)

    async def test_what_has_expired_is_not_known(self, network: Any) -> None:
        dealer_id, people = await team(network, 1)
        request = rpc.ReportPresenceRequest(staff_id=people[0], state=assignment_pb2.PRESENCE_STATE_OFF)
        await network.manager.call(f"{SERVICE}/ReportPresence", request)
        await network.sql("UPDATE staff_presences SET expire_time = now() WHERE staff_id = $1", uuid.UUID(people[0]))
        listed = await network.manager.call(f"{SERVICE}/ListPresences", rpc.ListPresencesRequest(dealer_id=dealer_id))
        found = await network.manager.call(
            f"{SERVICE}/SuggestAssignee", rpc.SuggestAssigneeRequest(need={"dealer_id": dealer_id})
        )

        assert not listed.presences
        assert ("PRESENCE", "UNKNOWN") in {(one.code, one.detail) for one in found.candidates[0].reasons}

    async def test_one_says_only_for_oneself(self, network: Any) -> None:
        dealer_id, people = await team(network, 1)
        sales = network.client("dealer.sales", dealers=[dealer_id])
        request = rpc.ReportPresenceRequest(staff_id=people[0], state=assignment_pb2.PRESENCE_STATE_OFF)
        with pytest.raises(RpcFailure) as failure:
            await sales.call(f"{SERVICE}/ReportPresence", request)
        assert failure.value.reason == "STAFF_NOT_FOUND"

    async def test_reported_load_counts_and_an_older_count_does_not(self, network: Any) -> None:
        dealer_id, people = await team(network, 2, capacity=10)
        for count, ago in ((9, 1), (0, 60)):
            request = rpc.ReportLoadsRequest(
                service="suite", loads=[rpc.StaffLoad(staff_id=people[0], open_items=count)]
            )
            request.count_time.FromDatetime(datetime.now(UTC) - timedelta(seconds=ago))
            await network.service.call(f"{SERVICE}/ReportLoads", request)
        made = [await assign(network, dealer_id) for _ in range(3)]

        assert {one.staff_id for one in made} == {people[1]}
