"""Permits and preferences of customers that are merged: one person, with the stricter word of the two, reached where either can be."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    contact_permit_pb2,
    contact_permit_service_pb2,
    identity_service_pb2,
    preference_service_pb2,
)
from marque.type.v1 import channel_pb2

PERMITS, CONSENTS, IDENTITY = (
    f"customer.v1.{name}Service" for name in ("ContactPermit", "Consent", "Identity")
)  # fmt: skip
MAKER = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
USE = {"purpose": consent_pb2.CONSENT_PURPOSE_SERVICE, "channel": channel_pb2.CHANNEL_EMAIL}


def noon():
    """A zone in which it is about noon, so that no test meets the end of a day by chance."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


class Pair:
    """Two customers that will be one."""

    def __init__(self, desk):
        self.desk, self.into, self.gone, self.merge_id = desk, "", "", ""

    async def begin(self, *, emails=(1, 1)):
        made = []
        for count in emails:
            points = [f"{uuid.uuid4().hex}@example.com" for _ in range(count)]
            made.append((await self.desk.create(time_zone=noon(), emails=points)).customer_id)
        self.into, self.gone = made
        return self

    async def say(self, verb, customer_id):
        entry = consent_pb2.ConsentEntry(controller=MAKER, text_version="t", source="test", **USE)
        request = getattr(consent_service_pb2, f"{verb}ConsentRequest")(customer_id=customer_id, entry=entry)
        return await self.desk.agent.call(f"{CONSENTS}/{verb}Consent", request)

    async def merge(self):
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=self.into, from_customer_id=self.gone, reasons=["SAME_PHONE"]
        )
        self.merge_id = (await self.desk.agent.call(f"{IDENTITY}/MergeCustomers", request)).merge_id

    async def unmerge(self):
        request = identity_service_pb2.UnmergeCustomersRequest(merge_id=self.merge_id, reason="TWO_PEOPLE")
        await self.desk.agent.call(f"{IDENTITY}/UnmergeCustomers", request)

    async def take(self, customer_id, key=""):
        contact = contact_permit_pb2.Contact(
            customer_id=customer_id, occurrence_key=key or f"test:{uuid.uuid4()}", controller=MAKER,
            contact_class=contact_permit_pb2.CONTACT_CLASS_CONSENTED, **USE,
        )  # fmt: skip
        request = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=[contact])
        (answer,) = (await self.desk.service.call(f"{PERMITS}/TakeContactPermits", request)).answers
        return answer.permit if answer.HasField("permit") else self.why(answer.refusal)

    async def spend(self, permit):
        held = contact_permit_pb2.ContactPermitHolding(
            contact_permit_id=permit.contact_permit_id, holding=permit.holding
        )
        request = contact_permit_service_pb2.SpendContactPermitsRequest(permits=[held])
        (outcome,) = (await self.desk.service.call(f"{PERMITS}/SpendContactPermits", request)).outcomes
        return self.why(outcome.refusal) if outcome.HasField("refusal") else "SPENT"

    async def prefers(self, customer_id):
        request = preference_service_pb2.GetPreferencesRequest(customer_id=customer_id, controller_kind=MAKER.kind)
        page = await self.desk.agent.call("customer.v1.PreferenceService/GetPreferences", request)
        return {(one.purpose, use.channel): use.allowed for one in page.purposes for use in one.channels}

    @staticmethod
    def why(refusal):
        return contact_permit_pb2.ContactRefusalReason.Name(refusal.reason).removeprefix("CONTACT_REFUSAL_REASON_")


@pytest.fixture
def pair(desk):
    return Pair(desk)


class TestMerged:
    async def test_the_stricter_word_of_the_two_holds_under_either_id_until_they_are_two_again(self, pair):
        await pair.begin()
        await pair.say("Grant", pair.into)
        await pair.say("Withdraw", pair.gone)
        await pair.merge()
        assert [await pair.take(one) for one in (pair.into, pair.gone)] == ["WITHDRAWN", "WITHDRAWN"]
        assert not (await pair.prefers(pair.into))[USE["purpose"], USE["channel"]]
        await pair.unmerge()
        assert (await pair.take(pair.into)).state == contact_permit_pb2.CONTACT_PERMIT_STATE_TAKEN
        assert await pair.take(pair.gone) == "WITHDRAWN"

    async def test_what_only_the_merged_one_granted_is_granted_and_goes_to_its_address(self, pair):
        await pair.begin(emails=(0, 1))
        await pair.say("Grant", pair.gone)
        await pair.merge()
        permit = await pair.take(pair.into)
        assert permit.state == contact_permit_pb2.CONTACT_PERMIT_STATE_TAKEN
        assert permit.address.endswith("@example.com")

    @pytest.mark.parametrize("verb", ["merge", "unmerge"])
    async def test_what_was_taken_before_is_not_spent_after(self, pair, verb):
        await pair.begin()
        await pair.say("Grant", pair.into)
        if verb == "unmerge":
            await pair.merge()
        permit = await pair.take(pair.into)
        await (pair.merge() if verb == "merge" else pair.unmerge())
        assert await pair.spend(permit) == "REVOKED"

    async def test_a_withdrawal_while_they_are_one_stays_for_both(self, pair):
        await pair.begin()
        for one in (pair.into, pair.gone):
            await pair.say("Grant", one)
        await pair.merge()
        held = await pair.take(pair.gone)
        await pair.say("Withdraw", pair.into)
        assert await pair.spend(held) == "REVOKED"
        await pair.unmerge()
        assert [await pair.take(one) for one in (pair.into, pair.gone)] == ["WITHDRAWN", "WITHDRAWN"]

    async def test_one_occurrence_is_one_contact_whichever_id_is_asked(self, pair):
        await pair.begin()
        await pair.say("Grant", pair.into)
        await pair.merge()
        first = await pair.take(pair.into, "wave-1")
        again = await pair.take(pair.gone, "wave-1")
        assert first.contact_permit_id == again.contact_permit_id
