"""Many customers at once for other services: by id, by the keys of other systems, or both in one question."""

from __future__ import annotations

import itertools
import uuid

import pytest
from marque.customer.v1 import customer_look_up_pb2, customer_pb2, customer_service_pb2
from servicekit.testing.client import RpcFailure

MATCH = "customer.v1.CustomerService/MatchContactPoints"
BATCH = "customer.v1.CustomerService/BatchGetCustomers"


def reference(source, key):
    return customer_pb2.SourceReference(source=source, source_key=key)


async def ask(client, references=(), ids=()):
    request = customer_service_pb2.BatchGetCustomersRequest(customer_ids=ids, source_references=references)
    return await client.call(BATCH, request)


def matches(answer):
    return {(match.source, match.source_key): match.customer_id for match in answer.source_matches}


async def keyed(desk, *keys):
    return await desk.create(source_references=[{"source": source, "source_key": key} for source, key in keys])


class TestBatchBySourceReference:
    async def test_each_key_is_answered_with_its_customer_and_the_others_are_absent(self, desk):
        key = uuid.uuid4().hex
        here, there = await keyed(desk, ("dms-a", key)), await keyed(desk, ("dms-b", key), ("crm", key))
        asked = [reference(*one) for one in (("dms-a", key), ("dms-b", key), ("crm", key), ("dms-a", f"{key}x"))]
        answer = await ask(desk.service, [*asked, asked[0]])
        assert matches(answer) == {
            ("dms-a", key): here.customer_id,
            ("dms-b", key): there.customer_id,
            ("crm", key): there.customer_id,
        }
        assert sorted(one.customer_id for one in answer.customers) == sorted([here.customer_id, there.customer_id])
        assert (list(answer.missing_customer_ids), dict(answer.surviving_customer_ids)) == ([], {})

    async def test_the_key_of_a_merged_customer_gives_the_survivor(self, desk):
        key = uuid.uuid4().hex
        people = [await keyed(desk, ("dms-m", f"{key}{n}")) for n in range(3)]
        for loser, winner in itertools.pairwise(people):
            await desk.platform.sql(
                "customer", "UPDATE customers SET status = 2, merged_into = $2 WHERE customer_id = $1",
                uuid.UUID(loser.customer_id), uuid.UUID(winner.customer_id),
            )  # fmt: skip
        answer = await ask(desk.service, [reference("dms-m", f"{key}{n}") for n in range(3)])
        assert matches(answer) == {("dms-m", f"{key}{n}"): people[2].customer_id for n in range(3)}
        assert [one.customer_id for one in answer.customers] == [people[2].customer_id]

    async def test_ids_and_keys_are_asked_together(self, desk):
        key, unknown = uuid.uuid4().hex, str(uuid.uuid4())
        one, other = await keyed(desk, ("dms-a", key)), await desk.create()
        answer = await ask(desk.service, [reference("dms-a", key)], [other.customer_id, one.customer_id, unknown])
        assert matches(answer) == {("dms-a", key): one.customer_id}
        assert sorted(found.customer_id for found in answer.customers) == sorted([one.customer_id, other.customer_id])
        assert answer.missing_customer_ids == [unknown]

    async def test_the_key_of_an_erased_customer_gives_nobody(self, desk):
        key = uuid.uuid4().hex
        made = await keyed(desk, ("dms-a", key))
        await desk.platform.sql(
            "customer", "UPDATE customers SET status = 3 WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        answer = await ask(desk.service, [reference("dms-a", key)])
        assert (matches(answer), list(answer.customers)) == ({}, [])

    @pytest.mark.parametrize(
        ("references", "field"),
        [
            ([], ""),
            ([reference("dms-a", "")], "source_references[0].source_key"),
            ([reference("", "k")], "source_references[0].source"),
            ([reference("Not A Source", "k")], "source_references[0].source"),
            ([reference("dms-a", "k" * 101)], "source_references[0].source_key"),
            ([reference("dms-a", str(number)) for number in range(1001)], "source_references"),
        ],
    )
    async def test_bad_question_is_refused_with_its_field(self, desk, references, field):
        with pytest.raises(RpcFailure) as failure:
            await ask(desk.service, references)
        assert (failure.value.code, list(failure.value.fields)) == ("INVALID_ARGUMENT", [field])

    async def test_people_may_not_ask(self, desk):
        with pytest.raises(RpcFailure) as failure:
            await ask(desk.platform.client("customer", "oem.admin"), [reference("dms-a", "k")])
        assert failure.value.code == "PERMISSION_DENIED"


async def matched(client, phones=(), emails=(), dealers=()):
    """Whose phones and addresses are, in the order asked; None for what is no such thing."""
    request = customer_look_up_pb2.MatchContactPointsRequest(phones=phones, emails=emails, dealer_ids=dealers)
    answer = await client.call(MATCH, request)
    return [
        [None if one.malformed else list(one.customer_ids) for one in told] for told in (answer.phones, answer.emails)
    ]


class TestMatchContactPoints:
    async def test_each_is_answered_in_its_place_by_people_in_the_dealers_sight(self, desk):
        mark, home = uuid.uuid4().hex, await desk.known_dealer()
        phone, email, shared = f"+86136{int(mark[:6], 16):08}", f"{mark}@example.com", f"s{mark}@example.com"
        mine = (await desk.create(phones=[phone], emails=[shared], dealer_id=home)).customer_id
        other = (await desk.create(emails=[email, shared])).customer_id
        asked = [phone.removeprefix("+86"), "12", phone], [email.upper(), "a@", f"n{mark}@example.com", shared]

        assert await matched(desk.service, *asked) == [
            [[mine], None, [mine]],
            [[other], None, [], sorted([mine, other])],
        ]
        assert await matched(desk.service, *asked, [home]) == [[[mine], None, [mine]], [[], None, [], [mine]]]

    async def test_of_merged_people_the_survivor_has_it_and_nobody_who_was_erased(self, desk):
        emails = [f"{uuid.uuid4().hex}@example.com" for _ in range(4)]
        people = [(await desk.create(emails=[email])).customer_id for email in emails]
        for loser, winner in itertools.pairwise(people[:3]):
            await desk.platform.sql(
                "customer", "UPDATE customers SET status = 2, merged_into = $2 WHERE customer_id = $1",
                uuid.UUID(loser), uuid.UUID(winner),
            )  # fmt: skip
        await desk.platform.sql(
            "customer", "UPDATE customers SET status = 3 WHERE customer_id = $1", uuid.UUID(people[3])
        )

        _, found = await matched(desk.service, emails=emails)

        assert found == [[people[2]]] * 3 + [[]]
