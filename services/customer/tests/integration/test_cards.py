"""Cards of a fair become people, touches and leads, each once; a fax without any other address finds its person again."""

import uuid

import pytest
from marque.customer.v1 import customer_service_pb2, identity_service_pb2, lead_pb2, lead_service_pb2
from marque.customer.v1 import inbound_service_pb2 as rpc
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.InboundService"


def card(name, *lines):
    return "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", f"FN:{name}", *lines, "END:VCARD", ""))


async def receive(desk, document, **more):
    request = rpc.ReceiveCardsRequest(
        document=document.encode(), source=more.pop("source", "fair-shanghai-2026"), **more
    )
    return (await desk.platform.client("customer", "oem.manager").call(f"{SERVICE}/ReceiveCards", request)).results


class TestReceiveCards:
    async def test_each_becomes_a_lead_once_and_what_is_wrong_in_one_is_named(self, desk):
        good, wrong, bare = desk.phone(), f"{uuid.uuid4().hex}@example.com", "Nobody"
        document = (
            card("王晓梅", f"TEL:{good}", "ORG:Lin & Co", "TITLE:Buyer")
            + card("Lin Da", "TEL:BusinessPhone", f"EMAIL:{wrong}")
            + card(bare)
        )
        first = await receive(desk, document, intent=rpc.INBOUND_INTENT_LEAD)
        assert [one.receipt.outcome for one in first] == [
            rpc.INBOUND_OUTCOME_LOGGED, rpc.INBOUND_OUTCOME_LOGGED, rpc.INBOUND_OUTCOME_REJECTED,
        ]  # fmt: skip
        assert [list(one.faults) for one in first] == [[], ["phone[1]"], []]
        assert all(len(one.receipt.tracking_code) == 13 for one in first[:2])
        lead = await desk.agent.call(
            "customer.v1.LeadService/GetLead", lead_service_pb2.GetLeadRequest(lead_id=first[0].receipt.lead_id)
        )
        assert (lead.source, lead.source_detail) == (lead_pb2.LEAD_SOURCE_CARD, "fair-shanghai-2026")
        again = await receive(desk, document, intent=rpc.INBOUND_INTENT_LEAD)
        assert [one.receipt.outcome for one in again[:2]] == [rpc.INBOUND_OUTCOME_REPEATED] * 2
        assert [one.receipt.lead_id for one in again] == [one.receipt.lead_id for one in first]
        assert await desk.found(desk.agent, good) == [first[0].receipt.customer_id]

    async def test_birthday_and_title_fill_the_profile_and_never_displace_what_the_person_said(self, desk):
        phone = desk.phone()
        known = await desk.create(name="Lin Da", phones=[phone])
        said = customer_service_pb2.UpdateCustomerRequest(update_mask={"paths": ["occupation"]})
        said.customer.customer_id, said.customer.occupation = known.customer_id, "judge"
        await desk.owner(known.customer_id).call("customer.v1.CustomerService/UpdateCustomer", said)
        lines = ("TITLE:Buyer", "BDAY:19850203")
        stranger = desk.phone()
        document = card("Lin Da", f"TEL:{phone}", *lines) + card("Ann Lee", f"TEL:{stranger}", *lines)
        wrong = card("Bob Stone", f"TEL:{desk.phone()}", "BDAY:19850231")

        found = await receive(desk, document + wrong)

        assert [list(one.faults) for one in found] == [[], [], ["birth_date"]]
        profiles = [
            await desk.agent.call(
                "customer.v1.CustomerService/GetCustomer",
                customer_service_pb2.GetCustomerRequest(customer_id=one.receipt.customer_id),
            )
            for one in found
        ]
        shown = [(one.occupation, one.birth_date.year, one.birth_date.month, one.birth_date.day) for one in profiles]
        assert shown == [("judge", 1985, 2, 3), ("Buyer", 1985, 2, 3), ("", 0, 0, 0)]
        request = identity_service_pb2.GetCustomerProvenanceRequest(
            customer_id=known.customer_id, fields=["occupation", "birth_date"]
        )
        told = await desk.agent.call("customer.v1.IdentityService/GetCustomerProvenance", request)
        sources = {part.field: [(one.golden, one.source) for one in part.statements] for part in told.fields}
        assert sources == {
            "occupation": [(True, "customer"), (False, "fair-shanghai-2026")],
            "birth_date": [(True, "fair-shanghai-2026")],
        }

    async def test_two_cards_of_one_person_are_one_person(self, desk):
        phone = desk.phone()
        found = await receive(desk, card("Lin Da", f"TEL:{phone}") + card("Lin Da", f"TEL:{phone}", "TITLE:Buyer"))
        assert found[0].receipt.customer_id == found[1].receipt.customer_id
        assert found[0].receipt.interaction_id != found[1].receipt.interaction_id

    @pytest.mark.parametrize(
        ("document", "reason"), [("hello", "CARDS_UNREADABLE"), ("<!DOCTYPE x><vcards/>", "CARDS_FORBIDDEN")]
    )
    async def test_what_is_no_card_is_refused(self, desk, document, reason):
        with pytest.raises(RpcFailure) as refused:
            await receive(desk, document)
        assert refused.value.fields == {"document": reason}


class TestFaxOnly:
    async def test_who_has_only_a_fax_is_found_again_by_it(self, desk):
        fax = desk.phone()

        async def send():
            request = rpc.ReceiveTranscriptRequest(
                source="fax-gateway", external_id=uuid.uuid4().hex, kind=rpc.TRANSCRIPT_KIND_FAX, name="Lin Da", fax=fax,
                text="Please call",
            )  # fmt: skip
            return await desk.service.call(f"{SERVICE}/ReceiveTranscript", request)

        first, second = await send(), await send()
        assert first.customer_id == second.customer_id
        assert first.interaction_id != second.interaction_id
        assert first.tracking_code
