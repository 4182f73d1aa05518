"""The loop of a bad visit, with real services and a real mail server: visit, invitation, low score, one case, its closing, one question
about the handling, and no further round.
"""

from __future__ import annotations

import email
import email.policy
import re
import uuid
from datetime import UTC
from typing import Any

from aiosmtpd.controller import Controller
from devstack.ports import free_port
from google.protobuf import json_format
from marque.vehicle.v1 import repair_order_events_pb2
from servicekit import contract
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.service import connect_nats
from servicekit.testing.platform import Platform, until

QUESTION = {
    "code": "glad",
    "kind": 3,
    "texts": {"en": "Are you glad?"},
    "scale_min": 1,
    "scale_max": 5,
    "required": True,
}
DOCUMENT = {
    "languages": ["en"], "titles": {"en": "How was it?"}, "questions": [QUESTION],
    "alarm_rules": [{"code": "UNHAPPY", "condition": "answers.glad <= 2"}],
}  # fmt: skip
WAY: list[tuple[str, dict[str, Any]]] = [
    ("Acknowledge", {}), ("Assess", {"severity": 2}), ("Assign", {}), ("Investigate", {}), ("Propose", {"proposal": "Free wash"}),
    ("Answer", {"accepted": True}), ("Resolve", {"resolution": "Washed"}), ("Close", {}),
]  # fmt: skip


class Inbox:
    """The links that arrived, in order."""

    def __init__(self) -> None:
        self.links: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, told: Any) -> str:
        mail = email.message_from_bytes(told.content, policy=email.policy.default)
        self.links += re.findall(r"/s/([\w-]+)(?![\w/-])", mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        return "250 OK"


class Story:
    """Calls of the story, each to the service that owns it."""

    def __init__(self, platform: Platform, inbox: Inbox) -> None:
        self.platform = platform
        self.inbox = inbox

    async def call(self, service: str, rpc: str, **request: Any) -> Any:
        method = contract.methods(f"marque.{service}")[rpc]
        message = json_format.ParseDict(request, method.input())
        return await self.platform.client(service.split(".")[0], "oem.manager").call(f"{service}/{rpc}", message)

    async def plan(self, trigger: int) -> None:
        name, given = "survey.v1.QuestionnaireService", {"name": "Q", "document": DOCUMENT}
        made = await self.call(name, "CreateQuestionnaire", questionnaire=given)
        await self.call(name, "PublishQuestionnaire", questionnaire_id=made.questionnaire_id)
        plan = {"name": "P", "questionnaire_id": made.questionnaire_id, "trigger": trigger, "active": True}
        await self.call("survey.v1.SurveyPlanService", "CreateSurveyPlan", plan=plan)

    async def person(self) -> str:
        point = {"kind": "CONTACT_POINT_KIND_EMAIL", "value": f"{uuid.uuid4().hex[:10]}@example.com"}
        given = {"kind": 1, "name": {"full_name": "王伟"}, "contact_points": [point]}
        made = await self.call("customer.v1.CustomerService", "CreateCustomer", customer=given)
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_EMAIL", "text_version": "t", "source": "test",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        await self.call("customer.v1.ConsentService", "GrantConsent", customer_id=made.customer_id, entry=entry)
        return str(made.customer_id)

    async def visit(self, customer: str) -> None:
        """A visit ends, as the vehicle service tells it."""
        event = repair_order_events_pb2.RepairOrderClosed(
            repair_order_id=str(uuid.uuid4()), customer_id=customer, vin="LSVAA4180A2123456", aggregate_version=1
        )
        event.occur_time.GetCurrentTime()
        event.close_time.GetCurrentTime()
        head = envelope.headers(
            event_id=str(new_uuid()), event_type="marque.vehicle.v1.RepairOrderClosed", key=event.repair_order_id,
            version=1, time=event.occur_time.ToDatetime(UTC), traceparent=None,
        )  # fmt: skip
        broker = await connect_nats(self.platform.nats.url, "test")
        for _ in range(2):  # the broker may deliver twice
            await broker.jetstream().publish(
                "marque.vehicle.v1.RepairOrderClosed", event.SerializeToString(), headers=head
            )
        await broker.close()

    async def answer(self, number: int, glad: int) -> None:
        """Answers the link that arrived as the `number`th."""

        async def arrived() -> bool:
            return len(self.inbox.links) >= number

        await until(arrived, 60, f"link {number} did not arrive")
        page, token = "survey.v1.SurveyPageService", self.inbox.links[number - 1]
        told = {"answer": {"question_code": "glad", "number": glad}, "submission_id": "s", "sequence": 1}
        await self.call(page, "SaveSurveyAnswer", token=token, **told)
        await self.call(page, "FinishSurvey", token=token)

    async def cases(self, customer: str) -> list[Any]:
        return list((await self.call("complaint.v1.CaseService", "ListCases", customer_id=customer)).cases)

    async def close(self, case_id: str) -> None:
        """Takes a case through its states."""
        staff = str(uuid.uuid4())
        await self.platform.sql(
            "complaint",
            "INSERT INTO known_staff (subject_key, staff_id, status, roles, region_code, group_code, version, change_time) "
            "VALUES ($1, $2, 1, '{oem.agent}', '', '', 1, now())",
            staff, staff,
        )  # fmt: skip
        for verb, more in WAY:
            given = {**more, "staff_id": staff} if verb == "Assign" else more
            await self.call("complaint.v1.CaseService", f"{verb}Case", case_id=case_id, **given)


async def test_a_bad_visit_opens_one_case_and_its_closing_asks_once_and_never_in_a_circle(platform: Platform) -> None:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        await platform.start("customer")
        await platform.start("complaint")
        await platform.start("survey", smtp_host="127.0.0.1", smtp_port=server.port)
        await _tell(Story(platform, inbox))
    finally:
        server.stop()


async def _tell(story: Story) -> None:
    for rule in ({"channel_class": "CONTACT_CHANNEL_CLASS_EMAIL"}, {"purpose": "CONSENT_PURPOSE_RESEARCH"}):
        await story.call("customer.v1.ContactRuleService", "PutContactRule", contact_rule=rule)
    await story.plan(2)
    await story.plan(3)
    customer = await story.person()
    await story.visit(customer)
    await story.answer(1, glad=1)
    (case,) = await until(lambda: story.cases(customer), 30, "no case was opened")

    async def linked() -> Any:
        alarms = (await story.call("survey.v1.SurveyResultService", "ListSurveyAlarms")).alarms
        return [one for one in alarms if one.case_id == case.case_id]

    (alarm,) = await until(linked, 30, "the alarm does not know its case")
    assert (case.channel, case.category, case.source_key) == (9, "SURVEY:UNHAPPY", alarm.invitation_id)

    await story.close(case.case_id)
    await story.answer(2, glad=1)

    async def both() -> Any:
        alarms = (await story.call("survey.v1.SurveyResultService", "ListSurveyAlarms")).alarms
        heard = await story.platform.sql(
            "complaint", "SELECT 1 FROM inbox_messages WHERE consumer = 'complaint_survey'"
        )
        return alarms if len(alarms) == 2 and len(heard) == 2 else None

    alarms = await until(both, 30, "the second alarm was not heard")
    assert [one.about_handling for one in alarms] == [True, False]
    assert len(await story.cases(customer)) == 1
    assert len(inbox_of(story)) == 2


def inbox_of(story: Story) -> list[str]:
    """The links that arrived."""
    return story.inbox.links
