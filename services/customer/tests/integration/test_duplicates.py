"""Pairs that may be one: answered when one is written, queued, and decided once."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from google.type import date_pb2
from marque.customer.v1 import contact_point_pb2, contact_point_service_pb2, identity_service_pb2, merge_pb2
from marque_customer.repository import duplicates as repository
from marque_customer.repository.duplicates import Pair
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

IDENTITY = "customer.v1.IdentityService"
MERGE, DISTINCT, LATER = 1, 2, 3


async def queue(desk, client=None, **filters):
    found, token = [], ""
    while True:
        request = identity_service_pb2.ListDuplicateCandidatesRequest(page_token=token, **{"page_size": 2, **filters})
        page = await (client or desk.agent).call(f"{IDENTITY}/ListDuplicateCandidates", request)
        found += page.candidates
        token = page.next_page_token
        if not token:
            return found


async def decide(desk, candidate, decision, **more):
    request = identity_service_pb2.DecideDuplicateCandidateRequest(
        candidate_id=candidate.candidate_id, decision=decision, **more
    )
    return await desk.agent.call(f"{IDENTITY}/DecideDuplicateCandidate", request)


async def pair(desk):
    """Two customers with the same phone, and their entry of the queue."""
    phone = desk.phone()
    one = await desk.create(phones=[phone])
    other = await desk.create(phones=[phone])
    (candidate,) = await queue(desk, customer_id=one.customer_id)
    return one, other, candidate


@pytest_asyncio.fixture
async def session(desk):
    engine = create_async_engine(desk.platform.databases["customer"].replace("postgresql://", "postgresql+asyncpg://"))
    async with AsyncSession(engine) as made:
        yield made
    await engine.dispose()


class TestAtWrite:
    async def test_same_phone_email_and_messenger_are_answered_at_once_and_queued(self, desk):
        phone, email = desk.phone(), f"{uuid.uuid4().hex}@example.com"
        first = await desk.create(phones=[phone], emails=[email])
        assert not first.possible_duplicates
        second = await desk.create(phones=[phone], emails=[email])
        (match,) = second.possible_duplicates
        assert (match.customer_id, list(match.reasons)) == (first.customer_id, ["SAME_EMAIL", "SAME_PHONE"])
        (candidate,) = await queue(desk, customer_id=second.customer_id)
        assert (candidate.left.customer_id, candidate.right.customer_id) == (first.customer_id, second.customer_id)
        assert candidate.score > 0.95
        assert {reason.text for reason in candidate.reasons} == {"The same phone number", "The same e-mail address"}
        assert not (await desk.get(desk.agent, second.customer_id)).possible_duplicates

    async def test_added_contact_point_is_matched_too(self, desk):
        phone = desk.phone()
        first, second = await desk.create(phones=[phone]), await desk.create()
        point = contact_point_pb2.ContactPoint(kind=1, value=phone)
        request = contact_point_service_pb2.AddContactPointRequest(customer_id=second.customer_id, contact_point=point)
        answer = await desk.agent.call("customer.v1.ContactPointService/AddContactPoint", request)
        assert [match.customer_id for match in answer.possible_duplicates] == [first.customer_id]

    async def test_name_and_birthday_are_met_whatever_the_script_and_a_plate_makes_it_sure(self, desk):
        born = date_pb2.Date(year=1950 + desk._number % 50, month=1 + desk._number % 12, day=7)
        first = await desk.create(name="Wang Xiaoming", birth_date=born)
        second = await desk.create(name="xiaoming wang", birth_date=born)
        assert [match.customer_id for match in second.possible_duplicates] == [first.customer_id]
        assert await queue(desk, customer_id=second.customer_id)
        assert not (await desk.create(name="Li Lei", birth_date=born)).possible_duplicates

    async def test_a_dealer_is_not_told_of_strangers_but_the_queue_is(self, desk):
        phone, dealer = desk.phone(), await desk.known_dealer()
        first = await desk.create(phones=[phone])
        second = await desk.create(desk.dealer(dealer), phones=[phone], dealer_id=dealer)
        assert not second.possible_duplicates
        assert [one.left.customer_id for one in await queue(desk, customer_id=second.customer_id)] == [
            first.customer_id
        ]

    async def test_reasons_are_told_in_the_readers_language(self, desk):
        one, _, _ = await pair(desk)
        request = identity_service_pb2.ListDuplicateCandidatesRequest(customer_id=one.customer_id)
        language = [("accept-language", "zh-CN")]
        page = await desk.agent.call(f"{IDENTITY}/ListDuplicateCandidates", request, metadata=language)
        assert [reason.text for reason in page.candidates[0].reasons] == ["电话号码相同"]


class TestDecide:
    async def test_merge_from_the_queue_is_a_merge_that_says_so(self, desk):
        one, other, candidate = await pair(desk)
        decided = await decide(desk, candidate, MERGE, surviving_customer_id=other.customer_id)
        assert (decided.state, bool(decided.merge_id)) == (merge_pb2.DUPLICATE_STATE_MERGED, True)
        assert (await desk.get(desk.agent, one.customer_id)).customer_id == other.customer_id
        request = identity_service_pb2.ListCustomerMergesRequest(customer_id=one.customer_id)
        (merge,) = (await desk.agent.call(f"{IDENTITY}/ListCustomerMerges", request)).merges
        assert (merge.source, list(merge.reasons)) == (merge_pb2.MERGE_SOURCE_QUEUE, ["SAME_PHONE"])

    @pytest.mark.parametrize("others", [MERGE, DISTINCT])
    async def test_of_two_clerks_at_once_one_wins_and_the_other_is_told(self, desk, others):
        _, _, candidate = await pair(desk)
        answers = await asyncio.gather(
            decide(desk, candidate, MERGE), decide(desk, candidate, others), return_exceptions=True
        )
        (failure,) = [one for one in answers if isinstance(one, RpcFailure)]
        assert (failure.code, failure.reason) == ("FAILED_PRECONDITION", "DUPLICATE_DECIDED")
        assert "is decided" in failure.details

    async def test_pair_said_to_be_two_is_never_proposed_again(self, desk, session):
        one, other, candidate = await pair(desk)
        assert (await decide(desk, candidate, DISTINCT)).state == merge_pb2.DUPLICATE_STATE_DISTINCT
        ids = [uuid.UUID(each.customer_id) for each in (other, one)]
        assert await repository.put_candidates(session, [Pair(*ids, 0.99, [])], "batch", datetime.now(UTC)) == 0
        await session.commit()
        assert await queue(desk, customer_id=one.customer_id) == []

    async def test_pair_put_off_comes_back(self, desk):
        one, _, candidate = await pair(desk)
        decided = await decide(desk, candidate, LATER, etag=candidate.etag)
        assert decided.review_time.ToDatetime(UTC) > datetime.now(UTC) + timedelta(days=6)
        assert await queue(desk, customer_id=one.customer_id) == []
        past = "UPDATE duplicate_candidates SET review_time = now() WHERE candidate_id = $1"
        await desk.platform.sql("customer", past, uuid.UUID(candidate.candidate_id))
        await until(lambda: queue(desk, customer_id=one.customer_id), 20.0, "it stays put off")

    async def test_wrong_decisions_are_refused(self, desk):
        _, _, candidate = await pair(desk)
        third = (await desk.create()).customer_id
        for more, reason in (
            ({"decision": MERGE, "surviving_customer_id": third}, "NOT_OF_PAIR"),
            ({"decision": MERGE, "etag": "v9"}, "ETAG_MISMATCH"),
            ({"decision": LATER, "review_time": datetime(2020, 1, 1, tzinfo=UTC)}, "TIME_IN_PAST"),
        ):
            with pytest.raises(RpcFailure) as caught:
                await decide(desk, candidate, **more)
            assert next(iter(caught.value.fields.values()), caught.value.reason) == reason

    async def test_unmerging_says_that_they_are_two(self, desk):
        one, _, candidate = await pair(desk)
        decided = await decide(desk, candidate, MERGE)
        request = identity_service_pb2.UnmergeCustomersRequest(merge_id=decided.merge_id, reason="TWO_PEOPLE")
        await desk.agent.call(f"{IDENTITY}/UnmergeCustomers", request)
        (after,) = await queue(desk, customer_id=one.customer_id, state=merge_pb2.DUPLICATE_STATE_DISTINCT)
        assert after.candidate_id == candidate.candidate_id

    async def test_what_a_merged_one_may_be_besides_is_asked_of_the_survivor_while_it_stands(self, desk):
        one, other, candidate = await pair(desk)
        email = f"{uuid.uuid4().hex}@example.com"
        point = contact_point_pb2.ContactPoint(kind=2, value=email)
        add = contact_point_service_pb2.AddContactPointRequest(customer_id=other.customer_id, contact_point=point)
        await desk.agent.call("customer.v1.ContactPointService/AddContactPoint", add)
        third = await desk.create(emails=[email])
        decided = await decide(desk, candidate, MERGE, surviving_customer_id=one.customer_id)
        (asked,) = await queue(desk, customer_id=third.customer_id)
        assert {asked.left.customer_id, asked.right.customer_id} == {one.customer_id, third.customer_id}
        request = identity_service_pb2.UnmergeCustomersRequest(merge_id=decided.merge_id, reason="TWO_PEOPLE")
        await desk.agent.call(f"{IDENTITY}/UnmergeCustomers", request)
        (asked,) = await queue(desk, customer_id=third.customer_id)
        assert {asked.left.customer_id, asked.right.customer_id} == {other.customer_id, third.customer_id}


class TestQueue:
    async def test_every_pair_is_listed_once_in_the_order_asked_for(self, desk, session):
        one = await desk.create()
        others = [await desk.create() for _ in range(5)]
        pairs = [
            Pair(
                uuid.UUID(other.customer_id),
                uuid.UUID(one.customer_id),
                score,
                [{"code": "SIMILAR_NAME", "weight": 3.5}],
            )
            for other, score in zip(others, (0.6, 0.9, 0.7, 0.7, 0.95), strict=True)
        ]
        assert await repository.put_candidates(session, pairs, "batch", datetime.now(UTC)) == 5
        assert await repository.put_candidates(session, pairs, "batch", datetime.now(UTC)) == 0
        await session.commit()
        mine = {"customer_id": one.customer_id}
        assert [item.score for item in await queue(desk, **mine)] == [0.95, 0.9, 0.7, 0.7, 0.6]
        made = [item.create_time.ToNanoseconds() for item in await queue(desk, order_by="create_time", **mine)]
        assert made == sorted(made)
        assert [item.score for item in await queue(desk, min_score=0.8, **mine)] == [0.95, 0.9]
        assert await queue(desk, source=merge_pb2.DUPLICATE_SOURCE_WRITE, **mine) == []
        assert len({item.candidate_id for item in await queue(desk, order_by="create_time desc", **mine)}) == 5

    async def test_dealers_and_owners_have_no_queue(self, desk):
        for client in (desk.dealer(str(uuid.uuid4())), desk.owner(str(uuid.uuid4()))):
            with pytest.raises(RpcFailure) as caught:
                await queue(desk, client)
            assert caught.value.code == "PERMISSION_DENIED"
