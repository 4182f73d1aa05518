"""What campaigns send and surveys ask stands on time lines, and why somebody stays away where the life cycle is read."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from marque.campaign.v1 import campaign_events_pb2
from marque.customer.v1 import interaction_pb2, interaction_service_pb2, lifecycle_service_pb2
from marque.survey.v1 import survey_events_pb2


async def value(client: Any, customer_id: str) -> Any:
    request = lifecycle_service_pb2.GetCustomerValueRequest(customer_id=customer_id)
    return await client.call("customer.v1.LifecycleService/GetCustomerValue", request)


async def touches(client: Any, customer_id: str) -> list[Any]:
    request = interaction_service_pb2.ListInteractionsRequest(customer_id=customer_id)
    return list((await client.call("customer.v1.InteractionService/ListInteractions", request)).interactions)


def told(customer_id: str, reason: str, dealer_id: str = "", **more: str) -> Any:
    return survey_events_pb2.SurveyLostReasonTold(
        invitation_id=str(uuid.uuid4()), customer_id=customer_id, dealer_id=dealer_id, reasons=[reason], **more
    )


class TestTimeLine:
    async def test_a_message_an_invitation_and_its_answer_stand_there_once_each(self, desk, publisher):
        customer_id = (await desk.create()).customer_id
        sent = campaign_events_pb2.MessageSent(
            send_id=str(uuid.uuid4()), campaign_id=str(uuid.uuid4()), customer_id=customer_id, aggregate_version=2
        )
        invitation = {"invitation_id": str(uuid.uuid4()), "customer_id": customer_id}
        invited = survey_events_pb2.SurveyInvited(**invitation, aggregate_version=2)
        answered = survey_events_pb2.SurveyAnswered(**invitation, aggregate_version=3)
        promised = survey_events_pb2.SurveyAnswered(invitation_id=str(uuid.uuid4()), aggregate_version=3)
        stranger = survey_events_pb2.SurveyInvited(
            invitation_id=str(uuid.uuid4()), customer_id=str(uuid.uuid4()), aggregate_version=2
        )
        for event in (sent, invited, promised, stranger, answered, sent, invited):
            await publisher.heard(event)

        found = await touches(desk.agent, customer_id)
        assert len(found) == 3
        assert {(one.kind, one.subject_key, one.reference_type, one.reference_id) for one in found} == {
            (interaction_pb2.INTERACTION_KIND_CAMPAIGN, "campaign.sent", "campaign.send", sent.send_id),
            (interaction_pb2.INTERACTION_KIND_SURVEY, "survey.invited", "survey.invitation", invited.invitation_id),
            (interaction_pb2.INTERACTION_KIND_SURVEY, "survey.answered", "survey.invitation", invited.invitation_id),
        }


class TestLostReasons:
    async def test_the_latest_come_first_and_a_dealer_reads_what_is_about_itself(self, desk, publisher):
        began = datetime.now(UTC) - timedelta(minutes=1)
        mine, other = await desk.known_dealer(), await desk.known_dealer()
        customer_id = (await desk.create(desk.dealer(mine), dealer_id=mine)).customer_id
        events = [
            told(customer_id, "PRICE", other),
            told(customer_id, "WORKSHOP", mine, vin="LSVAM4187C2184847"),
            told(customer_id, "MOVED_AWAY"),
        ]
        for event in (*events, events[0]):  # the same again changes nothing
            await publisher.heard(event)

        found = (await value(desk.agent, customer_id)).lost_reasons
        assert [(list(one.reasons), one.source, one.dealer_id) for one in found] == [
            (["MOVED_AWAY"], "survey", ""), (["WORKSHOP"], "survey", mine), (["PRICE"], "survey", other),
        ]  # fmt: skip
        assert found[0].tell_time.ToDatetime(UTC) > found[1].tell_time.ToDatetime(UTC) > began
        assert (found[1].reference_id, found[1].vin) == (events[1].invitation_id, "LSVAM4187C2184847")
        seen = (await value(desk.dealer(mine), customer_id)).lost_reasons
        assert [list(one.reasons) for one in seen] == [["WORKSHOP"]]
        assert len((await value(desk.owner(customer_id), customer_id)).lost_reasons) == 3
