"""Calls: who may be calling, what was told of a call, its context for the next agent, its wrap-up, and calls placed under a permit."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from marque.customer.v1 import (
    call_events_pb2,
    call_service_pb2,
    consent_pb2,
    consent_service_pb2,
    contact_permit_service_pb2,
    contact_rule_pb2,
    contact_rule_service_pb2,
    interaction_pb2,
    interaction_service_pb2,
)
from marque.type.v1 import channel_pb2, personal_data_pb2
from servicekit.ids import new_uuid
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.CallService"
KIND = call_service_pb2.CallEventKind
SERVICING = consent_pb2.CONSENT_PURPOSE_SERVICE
SPEND, MARGIN = 0.6, 0.2


class Exchange:
    """A telephone system, and the agents on its lines."""

    def __init__(self, desk) -> None:
        self.desk, self.agent = desk, desk.agent

    async def tell(self, kind, call, *, second=0, number="", event_id="", **more):
        request = call_service_pb2.RecordCallEventRequest(
            provider="pbx", event_id=event_id or str(uuid.uuid4()), provider_call_id=call, number=number,
            kind=KIND.Value(f"CALL_EVENT_KIND_{kind}"), **more,
        )  # fmt: skip
        request.event_time.FromDatetime(datetime.now(UTC) - timedelta(minutes=1) + timedelta(seconds=second))
        return await self.desk.service.call(f"{SERVICE}/RecordCallEvent", request)

    async def get(self, call_id, client=None):
        return await (client or self.agent).call(f"{SERVICE}/GetCall", call_service_pb2.GetCallRequest(call_id=call_id))

    async def look_up(self, number, client=None):
        request = call_service_pb2.LookUpCallerRequest(number=number)
        return list((await (client or self.agent).call(f"{SERVICE}/LookUpCaller", request)).callers)

    async def wrap_up(self, call_id, client=None, **more):
        values = {"about": "Brake noise", "outcome": "REACHED", **more}
        request = call_service_pb2.WrapUpCallRequest(call_id=call_id, **values)
        return await (client or self.agent).call(f"{SERVICE}/WrapUpCall", request)

    async def said(self, call_id):
        rows = await self.desk.events("CallStateChanged", call_id)
        return [call_events_pb2.CallStateChanged.FromString(row["payload"]) for row in rows]

    async def consent(self, verb, customer_id):
        controller = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
        entry = consent_pb2.ConsentEntry(
            purpose=SERVICING, channel=channel_pb2.CHANNEL_PHONE, controller=controller, text_version="t", source="test"
        )
        request = getattr(consent_service_pb2, f"{verb}ConsentRequest")(customer_id=customer_id, entry=entry)
        return await self.agent.call(f"customer.v1.ConsentService/{verb}Consent", request)

    async def place(self, customer_id, **more):
        request = call_service_pb2.PlaceCallRequest(customer_id=customer_id, purpose=SERVICING, **more)
        return await self.agent.call(f"{SERVICE}/PlaceCall", request)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(platform, make_desk):
    await platform.start("customer", permit_spend_seconds=SPEND, permit_margin_seconds=MARGIN)
    made = Exchange(make_desk(platform))
    rule = contact_rule_pb2.ContactRule(
        channel_class=contact_rule_pb2.CONTACT_CHANNEL_CLASS_VOICE
    )  # at any hour, in these tests
    request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
    await platform.client("customer", "oem.manager").call("customer.v1.ContactRuleService/PutContactRule", request)
    return made


class TestLookUpCaller:
    async def test_tells_cars_open_matters_promises_and_last_touches(self, exchange):
        desk, number = exchange.desk, exchange.desk.phone()
        made = await desk.create(phones=[number], name="李娜")
        vin = f"LSVAA{uuid.uuid4().hex[:12].upper()}"
        await desk.platform.sql(
            "customer", "INSERT INTO known_cars (ownership_id, customer_id, vin, role, version) VALUES ($1, $2, $3, 1, 1)",
            new_uuid(), uuid.UUID(made.customer_id), vin,
        )  # fmt: skip
        hold = contact_permit_service_pb2.SetContactHoldRequest(
            customer_id=made.customer_id, reference_type="complaint.case", reference_id="C-1", open=True, version=1
        )
        await desk.service.call("customer.v1.ContactPermitService/SetContactHold", hold)
        call = await exchange.tell("RINGING", str(uuid.uuid4()), number=number)
        promised = datetime.now(UTC) + timedelta(days=1)
        touch = await exchange.wrap_up(call.call_id, promise="Send the estimate", promise_time=promised)
        for typed in (number, number.removeprefix("+86"), number.replace("+86", "0086 ")):
            (caller,) = await exchange.look_up(typed)
            assert caller.customer.customer_id == made.customer_id
        assert caller.customer.name.full_name == "李娜"
        assert [(car.vin, car.role) for car in caller.cars] == [(vin, 1)]
        assert [(one.reference_type, one.reference_id) for one in caller.open_matters] == [("complaint.case", "C-1")]
        assert list(caller.last_interactions) == list(caller.promises) == [touch]

    async def test_all_who_share_a_number_are_told_and_the_verified_one_first(self, exchange):
        desk, number = exchange.desk, exchange.desk.phone()
        first, second = await desk.create(phones=[number]), await desk.create(phones=[number])
        await desk.verify(first)
        assert [one.customer.customer_id for one in await exchange.look_up(number)] == [
            first.customer_id,
            second.customer_id,
        ]
        call = await exchange.tell("RINGING", str(uuid.uuid4()), number=number)
        assert (await exchange.get(call.call_id)).customer_id == ""

    async def test_each_who_shares_a_number_has_their_own_last_touches_the_newest_first(self, exchange):
        desk, number, wanted = exchange.desk, exchange.desk.phone(), {}
        for count in (1, 7, 0):
            made = await desk.create(phones=[number])
            for hour in range(count):
                touch = interaction_pb2.Interaction(
                    customer_id=made.customer_id, subject=f"{hour}", kind=interaction_pb2.INTERACTION_KIND_VISIT,
                    direction=interaction_pb2.INTERACTION_DIRECTION_INBOUND,
                )  # fmt: skip
                touch.occur_time.FromDatetime(datetime.now(UTC) - timedelta(hours=hour + 1))
                request = interaction_service_pb2.LogInteractionRequest(interaction=touch)
                await exchange.agent.call("customer.v1.InteractionService/LogInteraction", request)
            wanted[made.customer_id] = [f"{hour}" for hour in range(min(count, 5))]

        callers = await exchange.look_up(number)

        assert {
            one.customer.customer_id: [touch.subject for touch in one.last_interactions] for one in callers
        } == wanted

    async def test_dealer_is_told_of_its_own_customers_only(self, exchange):
        desk, number = exchange.desk, exchange.desk.phone()
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        mine, _ = await desk.create(client, phones=[number]), await desk.create(phones=[number])
        assert [one.customer.customer_id for one in await exchange.look_up(number, client)] == [mine.customer_id]

    async def test_what_is_no_number_is_named(self, exchange):
        with pytest.raises(RpcFailure) as failure:
            await exchange.look_up("anonymous")
        assert failure.value.fields == {"number": "PHONE_INVALID"}


class TestRecord:
    async def test_a_call_pops_up_is_passed_on_with_its_context_and_wrapped_up_once(self, exchange):
        desk, number, call = exchange.desk, exchange.desk.phone(), str(uuid.uuid4())
        made, ann, bob = await desk.create(phones=[number]), str(uuid.uuid4()), str(uuid.uuid4())
        call_id = (await exchange.tell("RINGING", call, number=number, staff_id=ann, line="service")).call_id
        await exchange.tell("ANSWERED", call, second=5, staff_id=ann)
        noted = call_service_pb2.NoteCallRequest(call_id=call_id, text="Asks about the brakes")
        await exchange.agent.call(f"{SERVICE}/NoteCall", noted)
        await exchange.tell("TRANSFERRED", call, second=20, staff_id=bob)
        shown = await exchange.get(call_id)
        assert (shown.customer_id, shown.number, shown.line, shown.staff_id, shown.note, shown.transfers) == (
            made.customer_id, number, "service", bob, "Asks about the brakes", 1,
        )  # fmt: skip
        await exchange.tell("ENDED", call, second=50, recording="rec/1")
        told = [(one.state, one.staff_id, one.customer_id, one.transfers) for one in await exchange.said(call_id)]
        assert told == [
            (1, ann, made.customer_id, 0),
            (2, ann, made.customer_id, 0),
            (2, bob, made.customer_id, 1),
            (3, bob, made.customer_id, 1),
        ]
        touch = await exchange.wrap_up(call_id)
        assert (touch.note, touch.reference_id, touch.duration.seconds) == ("Asks about the brakes", call_id, 45)
        request = interaction_service_pb2.ListInteractionsRequest(customer_id=made.customer_id)
        assert [touch] == list(
            (await exchange.agent.call("customer.v1.InteractionService/ListInteractions", request)).interactions
        )
        with pytest.raises(RpcFailure) as failure:
            await exchange.wrap_up(call_id)
        assert failure.value.reason == "CALL_WRAPPED_UP"

    async def test_events_twice_at_once_and_in_any_order_make_one_call(self, exchange):
        call, ann = str(uuid.uuid4()), str(uuid.uuid4())
        number = exchange.desk.phone()
        told = [("RINGING", 0), ("ANSWERED", 5), ("TRANSFERRED", 9), ("ENDED", 30)] * 3
        random.shuffle(told)
        answers = await asyncio.gather(
            *(
                exchange.tell(kind, call, second=second, number=number, staff_id=ann, event_id=f"{call}-{kind}")
                for kind, second in told
            )
        )
        assert len({one.call_id for one in answers}) == 1
        assert sum(one.changed for one in answers) == 4
        shown = await exchange.get(answers[0].call_id)
        assert (shown.state, shown.transfers) == (3, 1)
        versions = [row["aggregate_version"] for row in await exchange.desk.events("CallStateChanged", shown.call_id)]
        assert versions == sorted(set(versions))

    async def test_a_missed_call_says_so_for_who_calls_back(self, exchange):
        call, number, dealer = str(uuid.uuid4()), exchange.desk.phone(), await exchange.desk.known_dealer()
        call_id = (await exchange.tell("RINGING", call, number=number, dealer_id=dealer)).call_id
        await exchange.tell("MISSED", call, second=20)
        assert [(one.state, one.dealer_id) for one in await exchange.said(call_id)] == [(1, dealer), (4, dealer)]
        assert (await exchange.get(call_id, exchange.desk.dealer(dealer))).number == number
        with pytest.raises(RpcFailure) as failure:
            await exchange.get(call_id, exchange.desk.dealer(await exchange.desk.known_dealer()))
        assert failure.value.reason == "CALL_NOT_FOUND"
        with pytest.raises(RpcFailure) as failure:
            await exchange.wrap_up(call_id)
        assert failure.value.reason == "CALL_UNIDENTIFIED"

    async def test_an_erased_person_leaves_no_call(self, exchange):
        number = exchange.desk.phone()
        made = await exchange.desk.create(phones=[number])
        call_id = (await exchange.tell("RINGING", str(uuid.uuid4()), number=number)).call_id
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=made.customer_id, erasure_id=str(uuid.uuid4()))
        done = await exchange.desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        assert done.erased_counts["customer.call"] == 1
        with pytest.raises(RpcFailure) as failure:
            await exchange.get(call_id)
        assert failure.value.reason == "CALL_NOT_FOUND"


class TestPlaceCall:
    async def test_takes_its_permit_when_the_agent_dials(self, exchange):
        number = exchange.desk.phone()
        made = await exchange.desk.create(phones=[number], language="zh-CN")
        with pytest.raises(RpcFailure) as failure:
            await exchange.place(made.customer_id)
        assert (failure.value.reason, failure.value.metadata["refusal"]) == ("CONTACT_REFUSED", "NEVER_GRANTED")
        await exchange.consent("Grant", made.customer_id)
        placed = await exchange.place(made.customer_id)
        assert (placed.call.number, placed.call.customer_id, placed.language) == (number, made.customer_id, "zh-CN")
        await exchange.tell("ANSWERED", str(uuid.uuid4()), call_id=placed.call.call_id, direction=2)
        await exchange.wrap_up(placed.call.call_id)
        states = await exchange.desk.platform.sql(
            "customer", "SELECT state FROM contact_permits WHERE person_id = $1", uuid.UUID(made.customer_id)
        )
        assert [row["state"] for row in states] == [3]
        await exchange.consent("Withdraw", made.customer_id)
        with pytest.raises(RpcFailure) as failure:
            await exchange.place(made.customer_id)
        assert failure.value.metadata["refusal"] == "WITHDRAWN"

    async def test_a_retry_gives_the_right_to_dial_only_while_the_permit_does(self, exchange):
        made = await exchange.desk.create(phones=[exchange.desk.phone()])
        await exchange.consent("Grant", made.customer_id)
        first = await exchange.place(made.customer_id, request_id="dial")
        assert (await exchange.place(made.customer_id, request_id="dial")).call.call_id == first.call.call_id
        await exchange.consent("Withdraw", made.customer_id)  # waits for the call that was placed
        with pytest.raises(RpcFailure) as failure:
            await exchange.place(made.customer_id, request_id="dial")
        assert (failure.value.reason, failure.value.metadata["refusal"]) == ("CONTACT_REFUSED", "REVOKED")

    async def test_customer_out_of_sight_is_not_told(self, exchange):
        made = await exchange.desk.create(phones=[exchange.desk.phone()])
        client = exchange.desk.dealer(await exchange.desk.known_dealer())
        request = call_service_pb2.PlaceCallRequest(customer_id=made.customer_id, purpose=SERVICING)
        with pytest.raises(RpcFailure) as failure:
            await client.call(f"{SERVICE}/PlaceCall", request)
        assert failure.value.reason == "CUSTOMER_NOT_FOUND"
