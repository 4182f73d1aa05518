"""Many customers at once for other services: by id, by the keys of other systems, or both in one question."""

from __future__ import annotations

import itertools
import uuid

import pytest
from marque.customer.v1 import customer_pb2, customer_service_pb2
from servicekit.testing.client import RpcFailure

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
