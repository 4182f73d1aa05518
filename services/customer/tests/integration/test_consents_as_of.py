"""Consent as of: an answer about a moment never changes, whatever is appended later, by whatever path, and by many at once."""

from __future__ import annotations

import asyncio
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marque.customer.v1 import consent_pb2, consent_service_pb2, preference_pb2, preference_service_pb2
from marque.type.v1 import channel_pb2, personal_data_pb2

SERVICE = "customer.v1.ConsentService"
PURPOSES = (consent_pb2.CONSENT_PURPOSE_MARKETING, consent_pb2.CONSENT_PURPOSE_RESEARCH)
CHANNELS = (channel_pb2.CHANNEL_SMS, channel_pb2.CHANNEL_EMAIL)
CONTROLLERS = ((consent_pb2.CONSENT_CONTROLLER_KIND_OEM, ""), (consent_pb2.CONSENT_CONTROLLER_KIND_PARTNER, "bank"))
subjects = st.tuples(st.sampled_from(PURPOSES), st.sampled_from(CHANNELS), st.sampled_from(CONTROLLERS))
# One step: entries written at once, and what is asked meanwhile. `None` is a change of standing.
writes = st.lists(st.one_of(st.tuples(subjects, st.booleans(), st.booleans()), st.none()), min_size=1, max_size=4)
steps = st.lists(st.tuples(writes, st.lists(subjects, min_size=1, max_size=4)), min_size=1, max_size=6)


class Asker:
    """One person, and every answer that was ever given about them."""

    def __init__(self, desk, customer_id) -> None:
        self.desk, self.customer_id = desk, customer_id
        self.given = []

    async def ask(self, subject, known=None):
        purpose, channel, (kind, controller_id) = subject
        request = consent_service_pb2.CheckConsentRequest(
            customer_id=self.customer_id, purpose=purpose, channel=channel, controller_kind=kind, controller_id=controller_id,
            known_time=known,
        )  # fmt: skip
        return await self.desk.agent.call(f"{SERVICE}/CheckConsent", request)

    async def note(self, subject):
        self.given.append((subject, await self.ask(subject)))

    async def write(self, one):
        if one is None:
            await self.desk.platform.sql(
                "customer", "UPDATE customers SET status = CASE status WHEN 1 THEN 4 ELSE 1 END WHERE customer_id = $1",
                uuid.UUID(self.customer_id),
            )  # fmt: skip
            return
        (purpose, channel, (kind, controller_id)), allowed, by_page = one
        if by_page:
            change = preference_pb2.PreferenceChange(purpose=purpose, channel=channel, allowed=allowed)
            request = preference_service_pb2.SetPreferencesRequest(
                customer_id=self.customer_id, controller_kind=kind, controller_id=controller_id, changes=[change], text_version="t",
                source="test",
            )  # fmt: skip
            await self.desk.agent.call("customer.v1.PreferenceService/SetPreferences", request)
            return
        controller = consent_pb2.ConsentController(kind=kind, controller_id=controller_id)
        entry = consent_pb2.ConsentEntry(
            purpose=purpose, channel=channel, controller=controller, text_version="t", source="test"
        )
        verb = "Grant" if allowed else "Withdraw"
        request = getattr(consent_service_pb2, f"{verb}ConsentRequest")(customer_id=self.customer_id, entry=entry)
        await self.desk.agent.call(f"{SERVICE}/{verb}Consent", request)

    async def same(self):
        """Every answer of before is given again, and holds up to the moment before the next entry."""
        for subject, before in self.given:
            again = await self.ask(subject, before.known_time)
            assert (again.allowed, again.reason, again.proof) == (before.allowed, before.reason, before.proof)

    async def erase(self):
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=self.customer_id, erasure_id=str(uuid.uuid4()))
        await self.desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)


async def play(desk, plan):
    asker = Asker(desk, (await desk.create()).customer_id)
    for entries, asked in plan:
        await asyncio.gather(*(asker.write(one) for one in entries), *(asker.note(subject) for subject in asked))
        await asker.note(asked[0])
    await asker.same()
    await asker.erase()
    for subject, before in asker.given:
        again = await asker.ask(subject, before.known_time)
        # The ledger stays as proof; only who wrote an entry is forgotten.
        assert (again.allowed, again.reason, again.proof.consent_entry_id) == (
            before.allowed,
            before.reason,
            before.proof.consent_entry_id,
        )
        assert (await asker.ask(subject)).reason == "ERASED"


class TestAsOf:
    async def test_answers_never_change_whatever_is_appended_later(self, desk, soaking):
        """Histories are drawn first and played after: while hypothesis draws nobody else may throw dice, as running services do."""
        plans = []

        @settings(
            max_examples=400 if soaking else 8, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(steps)
        def draw(plan):
            plans.append(plan)

        draw()
        for plan in plans:
            try:
                await play(desk, plan)
            except AssertionError as error:
                raise AssertionError(f"this history changes an answer: {plan}") from error

    async def test_what_was_forbidden_while_restricted_stays_forbidden_then(self, desk):
        """Restricted, freed, restricted again, erased: each moment keeps the standing that was known at it."""
        asker = Asker(desk, (await desk.create()).customer_id)
        subject = (PURPOSES[0], CHANNELS[0], CONTROLLERS[0])
        await asker.write((subject, True, False))
        for _ in range(4):
            await asker.note(subject)
            await asker.write(None)
        assert [answer.reason for _, answer in asker.given] == ["GRANTED", "RESTRICTED", "GRANTED", "RESTRICTED"]
        await asker.erase()
        for _, before in asker.given:
            assert (await asker.ask(subject, before.known_time)).reason == before.reason
