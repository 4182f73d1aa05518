"""Mail, chats and faxes: each once, with its person, never answered to a machine."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from marque.customer.v1 import inbound_service_pb2 as rpc
from marque.customer.v1 import interaction_pb2, interaction_service_pb2, lead_pb2, lead_service_pb2

INBOUND = "customer.v1.InboundService"
LEAD = rpc.INBOUND_INTENT_LEAD
ADF = b"""<?ADF VERSION="1.0"?><adf><prospect><id source="p">%s</id><customer><contact><name part="full">Ann Lee</name>
<email>%s</email></contact></customer></prospect></adf>"""


def mailed(address: str, body: bytes = b"What does it cost?", name: str = "Ann Lee", **headers: str) -> bytes:
    found = {"From": f"{name} <{address}>", "Message-ID": f"<{uuid.uuid4()}@x>", "Subject": "Question"}
    found |= {key.replace("_", "-"): text for key, text in headers.items()}
    return "".join(f"{key}: {text}\r\n" for key, text in found.items()).encode() + b"\r\n" + body


async def post(desk: Any, message: bytes, client: Any = None, **fields: Any) -> Any:
    request = rpc.ReceiveMailRequest(message=message, mailbox=fields.pop("mailbox", "sales@marque.example"), **fields)
    return await (client or desk.platform.client("customer", "oem.manager")).call(f"{INBOUND}/ReceiveMail", request)


async def touches(desk: Any, customer_id: str) -> list[Any]:
    request = interaction_service_pb2.ListInteractionsRequest(customer_id=customer_id)
    found = await desk.agent.call("customer.v1.InteractionService/ListInteractions", request)
    return [touch for touch in found.interactions if touch.direction == interaction_pb2.INTERACTION_DIRECTION_INBOUND]


@pytest.fixture
def address() -> str:
    return f"ann.{uuid.uuid4().hex[:10]}@example.com"


class TestReceiveMail:
    async def test_a_known_person_gets_a_touch_and_a_stranger_a_record_of_their_own(
        self, desk: Any, address: str
    ) -> None:
        known = await desk.create(name="Ann Lee", emails=[address])

        mine = await post(desk, mailed(address.upper()))
        theirs = await post(desk, mailed(address, name="Bob Stone"))

        assert (mine.outcome, mine.customer_id, mine.may_answer) == (
            rpc.INBOUND_OUTCOME_LOGGED,
            known.customer_id,
            True,
        )
        (touch,) = await touches(desk, known.customer_id)
        assert (touch.kind, touch.subject) == (interaction_pb2.INTERACTION_KIND_EMAIL, "Question")
        assert touch.note == "What does it cost?"
        assert touch.interaction_id == mine.interaction_id
        assert theirs.customer_id not in ("", known.customer_id)

    async def test_the_same_mail_again_changes_nothing_also_when_both_come_at_once(
        self, desk: Any, address: str
    ) -> None:
        message = mailed(address)

        first, second = await asyncio.gather(post(desk, message, intent=LEAD), post(desk, message, intent=LEAD))
        third = await post(desk, message, intent=LEAD)

        outcomes = sorted((first.outcome, second.outcome))
        assert outcomes == [rpc.INBOUND_OUTCOME_LOGGED, rpc.INBOUND_OUTCOME_REPEATED]
        assert third.outcome == rpc.INBOUND_OUTCOME_REPEATED
        assert not third.may_answer
        for field in ("customer_id", "interaction_id", "lead_id", "tracking_code"):
            assert len({getattr(one, field) for one in (first, second, third)}) == 1
        assert len(await touches(desk, first.customer_id)) == 1

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [
            ({"Auto_Submitted": "auto-replied"}, rpc.INBOUND_LEFT_REASON_AUTO_REPLY),
            ({"Return_Path": "<>"}, rpc.INBOUND_LEFT_REASON_BOUNCE),
            ({"From": "sales@marque.example"}, rpc.INBOUND_LEFT_REASON_LOOP),
            ({"List_Id": "<news>"}, rpc.INBOUND_LEFT_REASON_BULK),
        ],
    )
    async def test_what_no_person_wrote_is_left_and_not_answered(
        self, desk: Any, address: str, headers: dict[str, str], reason: int
    ) -> None:
        found = await post(desk, mailed(address, **headers), intent=LEAD)

        assert (found.outcome, found.left_reason, found.may_answer) == (rpc.INBOUND_OUTCOME_LEFT, reason, False)
        assert (found.customer_id, found.lead_id) == ("", "")
        assert await desk.found(desk.agent, address) == []

    async def test_a_lead_is_made_and_an_answer_with_its_code_finds_back(self, desk: Any, address: str) -> None:
        first = await post(desk, mailed(address), intent=LEAD)
        lead = await desk.agent.call(
            "customer.v1.LeadService/GetLead", lead_service_pb2.GetLeadRequest(lead_id=first.lead_id)
        )
        assert lead.source == lead_pb2.LEAD_SOURCE_EMAIL

        answer = await post(desk, mailed(address, Subject=f"Re: offer [#{first.tracking_code}]"))
        stranger = await post(desk, mailed(f"x{address}", name="Eve", Subject=f"Re: offer [#{first.tracking_code}]"))

        assert (answer.customer_id, answer.lead_id) == (first.customer_id, first.lead_id)
        assert stranger.lead_id == ""
        assert stranger.customer_id != first.customer_id

    async def test_a_case_is_a_complaint_where_the_words_say_so_and_the_same_mail_again_says_the_same(
        self, desk: Any, address: str
    ) -> None:
        case, kinds = rpc.INBOUND_INTENT_CASE, rpc.InboundCaseKind
        raw = mailed(address, "刹车失灵了，怎么办".encode(), Content_Type="text/plain; charset=utf-8")
        for _ in range(2):
            found = await post(desk, raw, intent=case)
            assert (found.case_kind, found.case_kind_reason) == (kinds.INBOUND_CASE_KIND_COMPLAINT, "SAFETY_WORDS")
        asked = await post(desk, mailed(address), intent=case)
        assert (asked.case_kind, asked.case_kind_reason) == (kinds.INBOUND_CASE_KIND_INQUIRY, "NO_SUCH_WORDS")
        touch = await post(desk, mailed(address, "投诉".encode()))
        assert (touch.case_kind, touch.case_kind_reason) == (kinds.INBOUND_CASE_KIND_UNSPECIFIED, "")

    async def test_a_lead_document_in_a_mail_is_taken_as_one(self, desk: Any, address: str) -> None:
        document = ADF % (uuid.uuid4().hex.encode(), address.encode())
        raw = mailed("portal@provider.example", document, name="Portal", Content_Type="application/x-adf+xml")

        found, again = await post(desk, raw), await post(desk, raw)

        assert found.outcome == rpc.INBOUND_OUTCOME_LEADS
        assert [one.lead_id != "" for one in found.prospects] == [True]
        assert again.outcome == rpc.INBOUND_OUTCOME_REPEATED
        assert len(await desk.found(desk.agent, address)) == 1

    async def test_a_dealers_system_is_told_nothing_of_the_makers_mail_with_the_same_key(
        self, desk: Any, address: str
    ) -> None:
        dealer = await desk.known_dealer()
        message = mailed(address)
        makers = await post(desk, message)

        own = await post(desk, message, desk.dealer(dealer, "dealer.system"))

        assert own.outcome == rpc.INBOUND_OUTCOME_LOGGED
        assert own.interaction_id != makers.interaction_id

    @pytest.mark.parametrize(
        ("message", "fields", "field", "reason"),
        [
            (b"\0", {}, "message", "MAIL_UNREADABLE"),
            (b"From: " + b"(" * 9000 + b"\r\n\r\n", {}, "message", "MAIL_FORBIDDEN"),
            (mailed("a@b.example"), {"dealer_code": "NO-SUCH"}, "dealer_code", "DEALER_UNKNOWN"),
            (mailed("a@b"), {}, "email", "CONTACT_POINT_INVALID"),
        ],
    )
    async def test_bad_mail_is_refused_by_field_and_reason(
        self, desk: Any, message: bytes, fields: dict[str, str], field: str, reason: str
    ) -> None:
        with pytest.raises(desk.failure) as refused:
            await post(desk, message, **fields)
        assert refused.value.code == "INVALID_ARGUMENT"
        assert refused.value.fields == {field: reason}


class TestReceiveTranscript:
    @pytest.mark.parametrize(
        ("kind", "touched"),
        [
            (rpc.TRANSCRIPT_KIND_CHAT, interaction_pb2.INTERACTION_KIND_CHAT),
            (rpc.TRANSCRIPT_KIND_FAX, interaction_pb2.INTERACTION_KIND_FAX),
            (rpc.TRANSCRIPT_KIND_MESSAGE, interaction_pb2.INTERACTION_KIND_MESSAGE),
        ],
    )
    async def test_a_conversation_is_on_the_time_line_and_a_lead_once(self, desk: Any, kind: int, touched: int) -> None:
        dealer = await desk.known_dealer()
        system, phone = desk.dealer(dealer, "dealer.system"), desk.phone()
        request = rpc.ReceiveTranscriptRequest(
            source="chat-web",
            external_id=str(uuid.uuid4()),
            kind=kind,
            name="王芳",
            phone=phone,
            text="想订车",
            intent=LEAD,
        )

        first = await system.call(f"{INBOUND}/ReceiveTranscript", request)
        again = await system.call(f"{INBOUND}/ReceiveTranscript", request)

        assert (again.outcome, again.lead_id) == (rpc.INBOUND_OUTCOME_REPEATED, first.lead_id)
        lead = await system.call(
            "customer.v1.LeadService/GetLead", lead_service_pb2.GetLeadRequest(lead_id=first.lead_id)
        )
        assert (lead.dealer_id, lead.source) == (dealer, lead_pb2.LEAD_SOURCE_CONVERSATION)
        (touch,) = await touches(desk, first.customer_id)
        assert (touch.kind, touch.note, touch.reference_id) == (touched, "想订车", first.lead_id)

    async def test_nobody_to_answer_is_refused_by_name(self, desk: Any) -> None:
        request = rpc.ReceiveTranscriptRequest(
            source="fax-1", external_id="1", kind=rpc.TRANSCRIPT_KIND_FAX, text="hello"
        )
        with pytest.raises(desk.failure) as refused:
            await desk.platform.client("customer", "oem.manager").call(f"{INBOUND}/ReceiveTranscript", request)
        assert refused.value.fields == {"phone": "CONTACT_MISSING"}
