"""The ledger: what is not granted is not allowed, an answer about the past never changes, nobody rewrites an entry."""

from __future__ import annotations

import asyncio
import itertools
import uuid

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from marque.customer.v1 import consent_pb2, consent_service_pb2
from marque.type.v1 import channel_pb2
from servicekit.testing.client import RpcFailure

GRANT, WITHDRAW = "customer.v1.ConsentService/GrantConsent", "customer.v1.ConsentService/WithdrawConsent"
CHECK, LIST = "customer.v1.ConsentService/CheckConsent", "customer.v1.ConsentService/ListConsents"
MARKETING, PROFILING = consent_pb2.CONSENT_PURPOSE_MARKETING, consent_pb2.CONSENT_PURPOSE_PROFILING
SMS, EMAIL = channel_pb2.CHANNEL_SMS, channel_pb2.CHANNEL_EMAIL
OEM, DEALER, PARTNER = 1, 2, 3


def entry(purpose=MARKETING, channel=SMS, kind=OEM, controller_id="", **fields):
    controller = consent_pb2.ConsentController(kind=kind, controller_id=controller_id)
    values = {"text_version": "privacy-cn-2026-03", "source": "call", **fields}
    return consent_pb2.ConsentEntry(purpose=purpose, channel=channel, controller=controller, **values)


async def grant(client, customer, **fields):
    request = consent_service_pb2.GrantConsentRequest(customer_id=customer.customer_id, entry=entry(**fields))
    return await client.call(GRANT, request)


async def withdraw(client, customer, **fields):
    request = consent_service_pb2.WithdrawConsentRequest(customer_id=customer.customer_id, entry=entry(**fields))
    return await client.call(WITHDRAW, request)


async def check(client, customer, *, known=None, purpose=MARKETING, channel=SMS, kind=OEM, controller_id=""):
    request = consent_service_pb2.CheckConsentRequest(
        customer_id=customer.customer_id, purpose=purpose, channel=channel, controller_kind=kind, controller_id=controller_id,
        known_time=known,
    )  # fmt: skip
    return await client.call(CHECK, request)


class TestLedger:
    async def test_answers_at_each_known_moment(self, desk):
        made = await desk.create()
        first = await check(desk.agent, made)
        assert (first.allowed, first.reason, first.HasField("proof")) == (False, "NEVER_GRANTED", False)
        granted = await grant(desk.agent, made)
        withdrawn = await withdraw(desk.agent, made, text_version="")
        assert (await check(desk.agent, made)).reason == "WITHDRAWN"
        then = await check(desk.agent, made, known=granted.known_time)
        assert (then.allowed, then.reason, then.proof) == (True, "GRANTED", granted)
        before = Timestamp()
        before.FromNanoseconds(granted.known_time.ToNanoseconds() - 1000)
        assert (await check(desk.agent, made, known=before)).reason == "NEVER_GRANTED"
        assert withdrawn.known_time.ToNanoseconds() > granted.known_time.ToNanoseconds()
        assert (await check(desk.agent, made, channel=EMAIL)).reason == "NEVER_GRANTED"

    async def test_known_times_increase_strictly_and_answers_hold_under_concurrent_writers(self, desk):
        made = await desk.create()
        asked = []

        async def ask():
            for _ in range(15):
                asked.append(await check(desk.agent, made))

        writes = [grant(desk.agent, made) if n % 2 else withdraw(desk.agent, made) for n in range(20)]
        await asyncio.gather(ask(), ask(), *writes)
        request = consent_service_pb2.ListConsentsRequest(
            customer_id=made.customer_id, order_by="known_time", page_size=7
        )
        times, token = [], ""
        while True:
            request.page_token = token
            page = await desk.agent.call(LIST, request)
            times += [item.known_time.ToNanoseconds() for item in page.entries]
            token = page.next_page_token
            if not token:
                break
        assert len(times) == 20
        assert all(a < b for a, b in itertools.pairwise(times))
        for answer in asked:
            again = await check(desk.agent, made, known=answer.known_time)
            assert (again.allowed, again.reason, again.proof) == (answer.allowed, answer.reason, answer.proof)
        events = await desk.events("ConsentChanged", made.customer_id)
        assert sorted(event["aggregate_version"] for event in events) == list(range(1, 21))

    async def test_future_moment_is_refused(self, desk):
        later = Timestamp()
        later.GetCurrentTime()
        later.seconds += 3600
        made = await desk.create()
        with pytest.raises(RpcFailure) as failure:
            await check(desk.agent, made, known=later)
        assert failure.value.fields == {"known_time": "KNOWN_TIME_IN_FUTURE"}
        with pytest.raises(RpcFailure) as failure:
            await grant(desk.agent, made, given_time=later)
        assert failure.value.fields == {"entry.given_time": "GIVEN_TIME_IN_FUTURE"}

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"channel": 0}, "entry.channel", "CHANNEL_MISSING"),
            ({"purpose": PROFILING}, "entry.channel", "CHANNEL_NOT_USED"),
            ({"controller_id": "x"}, "entry.controller.controller_id", "CONTROLLER_INVALID"),
            ({"kind": DEALER, "controller_id": "x"}, "entry.controller.controller_id", "CONTROLLER_INVALID"),
            ({"kind": PARTNER}, "entry.controller.controller_id", "CONTROLLER_INVALID"),
            ({"text_version": " "}, "entry.text_version", "CONSENT_TEXT_MISSING"),
        ],
    )
    async def test_incomplete_entry_names_the_field(self, desk, fields, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await grant(desk.agent, await desk.create(), **fields)
        assert failure.value.fields == {field: reason}

    async def test_database_refuses_to_rewrite_the_ledger(self, desk):
        made = await grant(desk.agent, await desk.create())
        for statement in ("UPDATE consent_entries SET action = 2", "DELETE FROM consent_entries"):
            with pytest.raises(asyncpg.RaiseError):
                await desk.platform.sql(
                    "customer", f"{statement} WHERE consent_entry_id = $1", uuid.UUID(made.consent_entry_id)
                )


class TestControllers:
    async def test_dealer_speaks_and_reads_for_itself_only(self, desk):
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        made = await desk.create(client)
        mine = await grant(client, made, kind=DEALER, controller_id=dealer)
        await grant(desk.agent, made)
        for action in (
            grant(client, made),
            check(client, made),
            grant(client, made, kind=DEALER, controller_id=str(uuid.uuid4())),
        ):
            with pytest.raises(RpcFailure) as failure:
                await action
            assert (failure.value.code, failure.value.reason) == ("PERMISSION_DENIED", "CONTROLLER_NOT_OWN")
        request = consent_service_pb2.ListConsentsRequest(customer_id=made.customer_id)
        assert [item.consent_entry_id for item in (await client.call(LIST, request)).entries] == [mine.consent_entry_id]
        owner = desk.owner(made.customer_id)
        assert len((await owner.call(LIST, request)).entries) == 2
        assert (await withdraw(owner, made)).action == consent_pb2.CONSENT_ACTION_WITHDRAWN

    async def test_stranger_learns_nothing(self, desk):
        made = await desk.create()
        dealer = await desk.known_dealer()
        for action in (
            grant(desk.dealer(dealer), made, kind=DEALER, controller_id=dealer),
            check(desk.dealer(dealer), made, kind=DEALER, controller_id=dealer),
            check(desk.owner(str(uuid.uuid4())), made),
        ):
            with pytest.raises(RpcFailure) as failure:
                await action
            assert failure.value.reason == "CUSTOMER_NOT_FOUND"
