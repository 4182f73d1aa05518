"""Adding, removing and verifying contact points; a phone is verified for one live customer unless a person said so."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from marque.customer.v1 import contact_point_pb2
from marque.customer.v1 import contact_point_service_pb2 as service_pb2
from servicekit.testing.client import RpcFailure

ADD = "customer.v1.ContactPointService/AddContactPoint"
REMOVE = "customer.v1.ContactPointService/RemoveContactPoint"


def point(value, kind=contact_point_pb2.CONTACT_POINT_KIND_PHONE, **fields):
    return contact_point_pb2.ContactPoint(kind=kind, value=value, **fields)


async def add(desk, customer, value, etag="", **fields):
    request = service_pb2.AddContactPointRequest(
        customer_id=customer.customer_id, contact_point=point(value, **fields), etag=etag
    )
    return await desk.agent.call(ADD, request)


class TestAddAndRemove:
    async def test_customer_is_found_by_the_new_one_and_not_by_the_removed_one(self, desk):
        first, second = desk.phone(), desk.phone()
        made = await desk.create(phones=[first])
        changed = await add(desk, made, second, primary=True)
        assert [(item.value, item.primary) for item in changed.contact_points] == [(first, False), (second, True)]
        assert await desk.get(desk.agent, made.customer_id) == changed
        request = service_pb2.RemoveContactPointRequest(
            customer_id=made.customer_id, contact_point_id=changed.contact_points[0].contact_point_id, etag=changed.etag
        )
        await desk.agent.call(REMOVE, request)
        assert await desk.found(desk.agent, second) == [made.customer_id]
        assert await desk.found(desk.agent, first) == []
        with pytest.raises(RpcFailure) as failure:
            await desk.agent.call(
                REMOVE,
                service_pb2.RemoveContactPointRequest(customer_id=made.customer_id, contact_point_id=str(uuid.uuid4())),
            )
        assert failure.value.reason == "CONTACT_POINT_NOT_FOUND"

    async def test_one_that_is_there_in_another_spelling_is_left_as_it_is(self, desk):
        phone = desk.phone()
        made = await desk.create(phones=[phone])
        assert (await add(desk, made, f"{phone[:3]} {phone[3:6]}-{phone[6:]}")).etag == made.etag

    async def test_setting_primary_takes_the_mark_from_others_of_its_kind(self, desk):
        made = await desk.create()
        await add(desk, made, desk.phone(), primary=True)
        await add(desk, made, f"a{uuid.uuid4().hex}@mail-a.com", kind=2, primary=True)
        changed = await add(desk, made, desk.phone(), primary=True)
        assert [(item.kind, item.primary) for item in changed.contact_points] == [(1, False), (2, True), (1, True)]

    async def test_at_most_twenty(self, desk):
        made = await desk.create(emails=[f"a{n}@mail-{n}.com" for n in range(20)])
        with pytest.raises(RpcFailure) as failure:
            await add(desk, made, desk.phone())
        assert failure.value.reason == "CONTACT_POINTS_FULL"

    async def test_old_etag_is_refused(self, desk):
        made = await desk.create()
        await add(desk, made, desk.phone())
        with pytest.raises(RpcFailure) as failure:
            await add(desk, made, desk.phone(), etag=made.etag)
        assert failure.value.reason == "ETAG_MISMATCH"


class TestVerify:
    async def test_second_customer_is_refused_with_one_neutral_answer(self, desk):
        phone = desk.phone()
        first, second = [await desk.create(phones=[phone]) for _ in range(2)]
        assert (await desk.verify(first)).contact_points[0].verification_method == 1
        answers = set()
        for action in (lambda: desk.verify(second), lambda: desk.create(phones=[phone])):
            with pytest.raises(RpcFailure) as failure:
                await action()
            answers.add((failure.value.code, failure.value.reason, failure.value.details, str(failure.value.metadata)))
        assert len(answers) == 1
        assert next(iter(answers))[:2] == ("ALREADY_EXISTS", "CONTACT_POINT_TAKEN")
        assert first.customer_id not in str(answers)

    async def test_shared_phone_is_verified_for_both(self, desk):
        phone = desk.phone()
        mother, son = [await desk.create(phones=[phone]) for _ in range(2)]
        await desk.verify(mother, shared=True)
        with pytest.raises(RpcFailure):
            await desk.verify(son)
        assert (await desk.verify(son, shared=True)).contact_points[0].HasField("verify_time")
        assert (await desk.create(phones=[phone])).contact_points[0].value == phone

    async def test_of_customers_verified_at_once_one_wins(self, desk):
        phone = desk.phone()
        made = [await desk.create(phones=[phone]) for _ in range(4)]
        results = await asyncio.gather(*(desk.verify(customer) for customer in made), return_exceptions=True)
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert {result.reason for result in results if isinstance(result, RpcFailure)} == {"CONTACT_POINT_TAKEN"}

    async def test_the_same_customer_may_verify_again(self, desk):
        made = await desk.create(phones=[desk.phone()])
        await desk.verify(made)
        assert (await desk.verify(made)).etag == "v3"
