"""Permits over the wire: booked under the lock of the person, spent once, void the moment the person withdraws."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from marque.customer.v1 import (
    consent_pb2,
    contact_permit_service_pb2,
    contact_rule_service_pb2,
    customer_pb2,
    interaction_pb2,
    interaction_service_pb2,
)
from marque.type.v1 import address_pb2, channel_pb2, personal_data_pb2
from marque.vehicle.v1 import ownership_events_pb2, ownership_pb2
from marque_customer.repository.notes import connection_of
from servicekit.db.engine import Database
from servicekit.testing.client import RpcFailure
from servicekit.testing.contact_gate import (
    EMAIL,
    MARKETING,
    MIDNIGHT,
    NOON,
    PHONE,
    POST,
    SERVICE,
    SERVICING,
    SMS,
    STATES,
    Gate,
    contact,
    why,
)
from servicekit.testing.figures import counted
from servicekit.testing.platform import until

SPEND, MARGIN = 0.6, 0.2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(platform, make_desk):
    await platform.start("customer", permit_spend_seconds=SPEND, permit_margin_seconds=MARGIN)
    return Gate(make_desk(platform))


class TestTake:
    async def test_gives_address_language_zone_and_proof_for_this_send(self, gate):
        postal = address_pb2.Address(country_code="CN", city="上海", lines=["南京路1号"])
        customer_id = await gate.person(
            language="zh-CN", emails=["a@example.com"], phones=[gate.desk.phone()],
            grants=[(MARKETING, EMAIL), (MARKETING, SMS), (MARKETING, POST)], addresses=[customer_pb2.CustomerAddress(address=postal)],
        )  # fmt: skip
        mail = await gate.one(customer_id)
        assert (mail.customer_id, mail.address, mail.language, mail.time_zone) == (
            customer_id,
            "a@example.com",
            "zh-CN",
            NOON,
        )
        assert STATES.Name(mail.state) == "CONTACT_PERMIT_STATE_TAKEN"
        assert mail.hand_over_within == Duration(nanos=int(SPEND * 1e9))
        assert uuid.UUID(mail.consent_entry_id)
        letter, text = await gate.take(contact(customer_id, channel=POST), contact(customer_id, channel=SMS))
        assert (letter.permit.postal_address, letter.permit.address) == (postal, "")
        assert why(text.refusal) == "CAP_REACHED"  # two a day for marketing, whatever the channel

    async def test_the_same_occurrence_gets_the_same_permit_for_its_last_taker(self, gate):
        customer_id, key = await gate.person(), f"test:{uuid.uuid4()}"
        first, again = await gate.one(customer_id, key), await gate.one(customer_id, key)
        assert (first.contact_permit_id, again.holding) == (again.contact_permit_id, first.holding + 1)
        assert await gate.do("Spend", first) == ["SUPERSEDED"]
        assert await gate.do("Spend", again) == ["SPENT"]
        known = await gate.one(customer_id, key)
        assert (known.contact_permit_id, STATES.Name(known.state), known.holding, known.address) == (
            first.contact_permit_id, "CONTACT_PERMIT_STATE_SPENT", 0, "",
        )  # fmt: skip

    async def test_twice_in_one_batch_is_one_permit(self, gate):
        one = contact(await gate.person())
        first, second = await gate.take(one, one)
        assert first == second
        assert await gate.do("Spend", first.permit) == ["SPENT"]

    async def test_concurrent_batches_in_any_order_book_no_more_than_the_cap(self, gate):
        people = [await gate.person() for _ in range(6)]
        batches = [[contact(one) for one in (people if turn % 2 else reversed(people))] for turn in range(8)]
        answers = [one for found in await asyncio.gather(*(gate.take(*batch) for batch in batches)) for one in found]
        given = [answer.permit.customer_id for answer in answers if answer.HasField("permit")]
        assert {one: given.count(one) for one in people} == dict.fromkeys(people, 2)
        assert {why(one.refusal) for one in answers if one.HasField("refusal")} == {"CAP_REACHED"}

    async def test_what_expired_or_was_returned_is_free_again(self, gate):
        customer_id = await gate.person()
        first, second = await gate.one(customer_id), await gate.one(customer_id)
        assert await gate.one(customer_id) == "CAP_REACHED"
        assert await gate.do("Return", first) == ["RETURNED"]
        third = await gate.one(customer_id)
        assert third.address
        await gate.age(second, timedelta(seconds=30))
        assert await gate.do("Spend", second) == ["EXPIRED"]
        assert (await gate.one(customer_id)).address
        assert await gate.one(customer_id) == "CAP_REACHED"

    async def test_refusals_name_what_stands_in_the_way(self, gate):
        assert await gate.one(str(uuid.uuid4())) == "UNKNOWN_CUSTOMER"
        assert await gate.one(await gate.person(grants=[])) == "NEVER_GRANTED"
        assert await gate.one(await gate.person(emails=[])) == "NO_ADDRESS"
        nowhere = (await gate.desk.create(emails=["x@example.com"])).customer_id
        await gate.say("Grant", nowhere)
        assert await gate.one(nowhere) == "ZONE_UNKNOWN"
        night = await gate.person(zone=MIDNIGHT, phones=[gate.desk.phone()], grants=[(MARKETING, PHONE)])
        assert await gate.one(night, channel=PHONE) == "QUIET_HOURS"

    async def test_content_that_was_sent_or_handed_out_lately_is_not_sent_again(self, gate):
        customer_id = await gate.person()
        permit = await gate.one(customer_id, content_key="spring")
        await gate.do("Spend", permit)
        await gate.do("Finish", permit)
        assert await gate.one(customer_id, content_key="spring") == "SENT_LATELY"
        await gate.age(permit, timedelta(days=31))
        assert (await gate.one(customer_id, content_key="spring")).address
        touch = interaction_pb2.Interaction(
            customer_id=customer_id, content_key="brochure", kind=interaction_pb2.INTERACTION_KIND_HANDOUT,
            direction=interaction_pb2.INTERACTION_DIRECTION_OUTBOUND, subject="Brochure",
        )  # fmt: skip
        request = interaction_service_pb2.LogInteractionRequest(interaction=touch)
        await gate.desk.agent.call("customer.v1.InteractionService/LogInteraction", request)
        assert await gate.one(customer_id, content_key="brochure") == "SENT_LATELY"

    async def test_an_open_complaint_holds_marketing_until_it_is_closed(self, gate):
        customer_id, case = await gate.person(), str(uuid.uuid4())

        async def hold(version, is_open):
            request = contact_permit_service_pb2.SetContactHoldRequest(
                customer_id=customer_id,
                reference_type="complaint.case",
                reference_id=case,
                open=is_open,
                version=version,
            )
            return await gate.service.call(f"{SERVICE}/SetContactHold", request)

        assert (await hold(2, True)).open
        assert await gate.one(customer_id) == "OPEN_COMPLAINT"
        assert (await gate.one(customer_id, purpose=SERVICING)).address
        assert (await hold(1, False)).open  # older than what is known
        assert not (await hold(3, False)).open
        assert (await gate.one(customer_id)).address

    async def test_recall_notice_reaches_the_owner_without_consent_and_nobody_else(self, gate, publisher_of):
        customer_id, vin = await gate.person(grants=[]), f"LSVAA{uuid.uuid4().hex[:12].upper()}"
        assert await gate.one(customer_id, legal=True, vin=vin) == "NOT_THE_OWNER"
        started = ownership_events_pb2.OwnershipStarted(
            ownership_id=str(uuid.uuid4()), customer_id=customer_id, vin=vin, role=ownership_pb2.OWNERSHIP_ROLE_OWNER
        )
        started.valid_start_time.GetCurrentTime()
        await publisher_of(gate.desk).heard(started)
        for _ in range(4):  # no cap
            assert (await gate.one(customer_id, legal=True, vin=vin)).address
        await gate.desk.platform.sql(
            "customer", "UPDATE customers SET status = 4 WHERE customer_id = $1", uuid.UUID(customer_id)
        )
        assert await gate.one(customer_id, legal=True, vin=vin) == "RESTRICTED"

    async def test_permits_count_on_the_person_that_others_were_merged_into(self, gate, publisher_of):
        survivor, gone, key = await gate.person(), await gate.person(), f"test:{uuid.uuid4()}"
        before = await gate.one(gone, key)
        await gate.do("Spend", before)
        await gate.do("Finish", before)
        await gate.desk.platform.sql(
            "customer",
            "INSERT INTO customer_aliases (from_customer_id, to_customer_id, known_from, version) VALUES ($1, $2, now(), 2)",
            uuid.UUID(gone),
            uuid.UUID(survivor),
        )
        for asked in (survivor, gone):
            assert (await gate.one(asked, key)).contact_permit_id == before.contact_permit_id
        assert (await gate.one(gone)).customer_id == survivor
        assert await gate.one(survivor) == "CAP_REACHED"

    async def test_tells_beside_whether_the_person_agrees_to_a_further_purpose_of_the_same_controller(self, gate):
        profiling = consent_pb2.CONSENT_PURPOSE_PROFILING
        agreed = await gate.person(grants=[(MARKETING, EMAIL), (profiling, channel_pb2.CHANNEL_UNSPECIFIED)])
        silent = await gate.person()

        async def told(customer_id, **change):
            (answer,) = await gate.take(
                contact(customer_id, f"test:{customer_id}", further_purpose=profiling, **change)
            )
            return answer.permit.further_allowed

        assert await told(agreed)
        assert not (await gate.one(agreed, f"test:{agreed}")).further_allowed  # nobody asked
        assert not await told(silent)
        await gate.say("Withdraw", agreed, profiling, channel_pb2.CHANNEL_UNSPECIFIED)
        assert not await told(agreed)

    @pytest.mark.parametrize(
        ("change", "field", "reason"),
        [
            ({"further_purpose": MARKETING}, "contacts[0].further_purpose", "ENUM_IN"),
            ({"purpose": 0}, "contacts[0].purpose", "PURPOSE_MISSING"),
            ({"purpose": consent_pb2.CONSENT_PURPOSE_PROFILING}, "contacts[0].purpose", "PURPOSE_NOT_CONTACTED"),
            ({"channel": channel_pb2.CHANNEL_WEB}, "contacts[0].channel", "ENUM_IN"),
        ],
    )
    async def test_a_contact_that_makes_no_sense_is_named(self, gate, change, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await gate.take(contact(str(uuid.uuid4()), **change))
        assert failure.value.fields == {field: reason}


class TestSpending:
    async def test_a_repeat_is_told_the_same_and_ends_are_final(self, gate):
        permit = await gate.one(await gate.person())
        assert await gate.do("Finish", permit) == ["NOT_SPENT"]
        assert [await gate.do("Spend", permit) for _ in range(2)] == [["SPENT"], ["SPENT"]]
        assert [await gate.do("Finish", permit) for _ in range(2)] == [["FINISHED"], ["FINISHED"]]
        assert (await gate.do("Spend", permit), await gate.do("Return", permit)) == (["OVER"], ["OVER"])

    async def test_what_a_lost_worker_spent_is_resumed_only_when_its_time_is_over(self, gate):
        customer_id, key = await gate.person(), f"test:{uuid.uuid4()}"
        lost = await gate.one(customer_id, key)
        await gate.do("Spend", lost)
        assert await gate.one(customer_id, key, resume=True) == "IN_USE"
        await gate.age(lost, timedelta(seconds=SPEND + MARGIN))
        taken = await gate.one(customer_id, key, resume=True)
        assert (STATES.Name(taken.state), taken.holding) == ("CONTACT_PERMIT_STATE_SPENT", lost.holding + 1)
        assert await gate.do("Finish", lost) == ["SUPERSEDED"]
        assert await gate.do("Finish", taken) == ["FINISHED"]


class TestWithdrawal:
    async def test_voids_what_is_not_spent_and_refuses_from_then_on(self, gate):
        customer_id = await gate.person()
        permit = await gate.one(customer_id)
        await gate.say("Withdraw", customer_id)
        assert await gate.do("Spend", permit) == ["REVOKED"]
        assert await gate.do("Return", permit) == ["REVOKED"]
        assert await gate.one(customer_id) == "WITHDRAWN"

    @pytest.mark.parametrize("end", ["Finish", "Return"])
    async def test_is_answered_when_the_last_spent_permit_has_ended(self, gate, end):
        customer_id = await gate.person()
        permit = await gate.one(customer_id)
        await gate.do("Spend", permit)
        answer = asyncio.ensure_future(gate.say("Withdraw", customer_id))
        try:
            await self._stopped(gate, permit)
            assert not answer.done()
            assert await gate.do("Spend", permit) == ["REVOKED"]  # not a moment more
            await gate.do(end, permit)
        finally:
            await answer

    async def test_is_answered_when_the_time_of_a_lost_worker_is_over_and_so_is_its_retry(self, gate):
        customer_id = await gate.person()
        permit = await gate.one(customer_id)
        await gate.do("Spend", permit)
        loop = asyncio.get_running_loop()
        for _ in range(2):  # the retry is told the first answer, and waits as the first did
            began = loop.time()
            await gate.say("Withdraw", customer_id, request_id=customer_id)
            assert loop.time() - began >= SPEND + MARGIN

    async def test_an_erasure_waits_and_voids_as_well(self, gate):
        customer_id = await gate.person()
        running, waiting = await gate.one(customer_id), await gate.one(customer_id)
        await gate.do("Spend", running)
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer_id, erasure_id=str(uuid.uuid4()))
        answer = asyncio.ensure_future(
            gate.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        )
        await self._stopped(gate, running)
        assert not answer.done()
        assert await gate.do("Finish", running) == ["FINISHED"]
        certificate = await answer
        assert certificate.erased_counts["customer.contact_permit"] == 1
        assert [
            (kept.kind, kept.reason) for kept in certificate.retained if kept.kind == "customer.contact_permit"
        ] == [("customer.contact_permit", "HAND_OVER_UNDER_WAY")]
        assert await gate.do("Spend", waiting) == ["UNKNOWN_PERMIT"]
        assert await gate.one(customer_id, legal=True) == "ERASED"

    async def _stopped(self, gate, permit):
        async def stopped():
            rows = await gate.desk.platform.sql(
                "customer", "SELECT 1 FROM contact_permits WHERE contact_permit_id = $1 AND stop_time IS NOT NULL",
                uuid.UUID(permit.contact_permit_id),
            )  # fmt: skip
            return bool(rows)

        await until(stopped, 20.0, "the withdrawal was not written")


class TestConnection:
    async def test_what_goes_past_the_orm_is_in_its_transaction(self, gate):
        """Else every statement commits by itself, and a lock is gone when it is got."""
        database = Database(gate.desk.platform.databases["customer"])
        async with database.session() as session:
            first = await connection_of(session)
            inside = first.is_in_transaction()
            assert (await connection_of(session)) is first
        await database.engine.dispose()
        assert inside


class TestAge:
    async def test_what_is_older_than_its_proof_is_needed_goes_and_the_rest_stays(self, gate):
        customer_id = await gate.person()
        old, young = await gate.one(customer_id), await gate.one(customer_id)
        await gate.age(old, timedelta(days=401))
        await gate.age(young, timedelta(days=399))
        await gate.desk.platform.sql(
            "customer", "UPDATE due_work SET due_time = now() WHERE kind = 'contact_permits.prune'"
        )

        async def gone():
            rows = await gate.desk.platform.sql(
                "customer", "SELECT contact_permit_id FROM contact_permits WHERE person_id = $1", uuid.UUID(customer_id)
            )
            return [str(row[0]) for row in rows] == [young.contact_permit_id]

        await until(gone, 20.0, "the old permit stays")


class TestRules:
    async def test_a_changed_rule_counts_at_once_and_a_stale_change_is_refused(self, gate):
        made = await gate.rule(channel_class=3, purpose=SERVICING, most_per_day=0)
        customer_id = await gate.person()
        assert await gate.one(customer_id, purpose=SERVICING) == "CAP_REACHED"
        changed = await gate.rule(channel_class=3, purpose=SERVICING, etag=made.etag)
        assert not changed.HasField("most_per_day")
        assert (await gate.one(customer_id, purpose=SERVICING)).address
        with pytest.raises(RpcFailure) as failure:
            await gate.rule(channel_class=3, purpose=SERVICING, etag=made.etag)
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_half_of_a_quiet_time_is_refused(self, gate):
        for wrong in ({"quiet_start_minute": 60}, {"quiet_start_minute": 60, "quiet_end_minute": 60}):
            with pytest.raises(RpcFailure) as failure:
                await gate.rule(channel_class=4, **wrong)
            assert failure.value.fields == {"contact_rule.quiet_end_minute": "QUIET_HOURS_INCOMPLETE"}

    async def test_who_plans_contacts_reads_them(self, gate):
        request = contact_rule_service_pb2.ListContactRulesRequest()
        marketing = gate.desk.platform.client("customer", "oem.marketing")
        answer = await marketing.call("customer.v1.ContactRuleService/ListContactRules", request)
        pairs = [(rule.channel_class, rule.purpose) for rule in answer.contact_rules]
        assert pairs == sorted(pairs)
        assert all(rule.masked_fields == ["actor"] and not rule.actor for rule in answer.contact_rules)


class TestFigures:
    async def test_each_step_and_each_reason_is_counted_once(self, gate):
        steps = ("granted", "refused", "spent", "finished", "returned")
        reason = {"reason": "UNKNOWN_CUSTOMER"}
        before = {step: counted("contact_permits", step=step) for step in steps}
        unknown = counted("contact_refusals", **reason)
        good, other = contact(await gate.person()), contact(await gate.person())
        first, second, _ = await gate.take(good, other, contact(str(uuid.uuid4())))
        await gate.do("Spend", first.permit)
        await gate.do("Finish", first.permit)
        await gate.do("Return", second.permit)

        after = {step: counted("contact_permits", step=step) - before[step] for step in steps}
        assert after == {"granted": 2, "refused": 1, "spent": 1, "finished": 1, "returned": 1}
        assert counted("contact_refusals", **reason) - unknown == 1
