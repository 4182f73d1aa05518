"""Who registers without an invitation: taken into the customer service as a lead, by the words that they typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as Xml

from marque.customer.v1 import consent_pb2, consent_service_pb2, lead_intake_service_pb2, lead_pb2, lead_service_pb2
from marque.type.v1 import channel_pb2

from marque_campaign.clients.customer_service import CustomerService
from marque_campaign.rules.kinds import EMAIL, SERVICE

_INTAKE = "/marque.customer.v1.LeadIntakeService/ReceiveAdf"
_LEAD = "/marque.customer.v1.LeadService/GetLead"
_CONSENTS = "/marque.customer.v1.ConsentService"
_TEXT = "event-page-1"
"""The version of the words of the page, by which somebody agreed there."""
_UNDECIDED = "NEVER_GRANTED"


@dataclass(frozen=True, slots=True)
class Visitor:
    """What somebody typed. `key` is the same for the same words about the same event; `dealer_code` is empty for the maker's."""

    key: str
    name: str
    email: str
    phone: str
    dealer_code: str = ""


class Visitors(CustomerService):
    """The customer service, as who registers needs it. Without an address every question is answered by Unavailable."""

    async def take_in(self, visitor: Visitor) -> str | None:
        """Returns the customer who typed these words, a new one if need be; None where nobody can be reached by them.

        The same words again make no second lead. Raises Unavailable.
        """
        request = lead_intake_service_pb2.ReceiveAdfRequest(document=document(visitor))
        answer: lead_intake_service_pb2.ReceiveAdfResponse = await self._known.call(_INTAKE, request)
        lead_id = answer.results[0].lead_id if answer.results else ""
        if not lead_id:
            return None
        lead: lead_pb2.Lead = await self._known.call(_LEAD, lead_service_pb2.GetLeadRequest(lead_id=lead_id))
        return str(lead.customer_id) or None

    async def agree(
        self, customer_id: str, controller: consent_pb2.ConsentController, event_id: str, *, known: bool
    ) -> None:
        """Writes down that somebody agreed to messages about what they asked for, by e-mail. Raises Unavailable.

        `known`: they came by a link that was sent to them. Who merely typed an address may be another: that never goes against what the
        person decided before.
        """
        told: Any = {"purpose": SERVICE, "channel": EMAIL}
        check = consent_service_pb2.CheckConsentRequest(
            customer_id=customer_id, controller_kind=controller.kind, controller_id=controller.controller_id, **told
        )
        stands = await self._known.call(f"{_CONSENTS}/CheckConsent", check)
        if stands.allowed or not (known or stands.reason == _UNDECIDED):
            return
        entry = consent_pb2.ConsentEntry(
            controller=controller, source="event-page", evidence_type="campaign.marketing_event", evidence_id=event_id,
            text_version=_TEXT, **told,
        )  # fmt: skip
        request = consent_service_pb2.GrantConsentRequest(customer_id=customer_id, entry=entry)
        await self._known.call(f"{_CONSENTS}/GrantConsent", request)


def document(visitor: Visitor) -> bytes:
    """Returns the words as a document of leads (ADF 1.0), whose id makes it one lead however often it is sent."""
    root = Xml.Element("adf")
    prospect = Xml.SubElement(root, "prospect")
    Xml.SubElement(prospect, "id", {"sequence": "1", "source": "marque-event"}).text = visitor.key
    contact = Xml.SubElement(Xml.SubElement(prospect, "customer"), "contact")
    Xml.SubElement(contact, "name", {"part": "full"}).text = _tidy(visitor.name)
    for name, value in (("email", visitor.email), ("phone", visitor.phone)):
        if value:
            Xml.SubElement(contact, name).text = _tidy(value)
    if visitor.dealer_code:
        Xml.SubElement(Xml.SubElement(prospect, "vendor"), "vendorname").text = visitor.dealer_code
    found: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return found


def _tidy(text: str) -> str:
    """Without what no XML may hold."""
    return "".join(one if one.isprintable() else " " for one in text).strip()


assert EMAIL == channel_pb2.CHANNEL_EMAIL and SERVICE == consent_pb2.CONSENT_PURPOSE_SERVICE  # noqa: PT018 - the numbers of the rules
