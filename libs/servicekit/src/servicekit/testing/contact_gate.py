"""The permits of a running customer service as campaign and survey meet them, and the people that tests send to."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    contact_permit_pb2,
    contact_permit_service_pb2,
    contact_rule_pb2,
    contact_rule_service_pb2,
)
from marque.type.v1 import channel_pb2

SERVICE = "customer.v1.ContactPermitService"
SMS, EMAIL, POST, PHONE = (channel_pb2.Channel.Value(f"CHANNEL_{name}") for name in ("SMS", "EMAIL", "POST", "PHONE"))
MARKETING, SERVICING = consent_pb2.CONSENT_PURPOSE_MARKETING, consent_pb2.CONSENT_PURPOSE_SERVICE
CONSENTED, LEGAL = contact_permit_pb2.CONTACT_CLASS_CONSENTED, contact_permit_pb2.CONTACT_CLASS_LEGAL_NOTICE
MAKER = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
STATES = contact_permit_pb2.ContactPermitState


def contact(
    customer_id: str,
    key: str | None = None,
    *,
    channel: Any = EMAIL,
    purpose: Any = MARKETING,
    legal: bool = False,
    **more: Any,
) -> contact_permit_pb2.Contact:
    """A contact that somebody is to be asked a permit for; each has an occurrence of its own where none is named."""
    return contact_permit_pb2.Contact(
        customer_id=customer_id, occurrence_key=key or f"test:{uuid.uuid4()}", channel=channel, controller=MAKER,
        contact_class=LEGAL if legal else CONSENTED, purpose=0 if legal else purpose, **more,
    )  # fmt: skip


class Gate:
    """The permits of the running service, as campaign and survey meet them."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.service = desk.service

    async def person(
        self, *, zone: str = "", grants: Any = ((MARKETING, EMAIL), (SERVICING, EMAIL)), **fields: Any
    ) -> str:
        """Somebody at noon, with consents by (purpose, channel)."""
        fields.setdefault("emails", [f"{uuid.uuid4().hex}@example.com"])
        made = await self.desk.create(time_zone=zone or NOON, **fields)
        for purpose, channel in grants:
            await self.say("Grant", made.customer_id, purpose, channel)
        return str(made.customer_id)

    async def say(
        self, verb: str, customer_id: str, purpose: Any = MARKETING, channel: Any = EMAIL, **more: Any
    ) -> Any:
        """Grants or withdraws a consent."""
        entry = consent_pb2.ConsentEntry(
            purpose=purpose, channel=channel, controller=MAKER, text_version="t", source="test"
        )
        request = getattr(consent_service_pb2, f"{verb}ConsentRequest")(customer_id=customer_id, entry=entry, **more)
        return await self.desk.agent.call(f"customer.v1.ConsentService/{verb}Consent", request)

    async def take(self, *contacts: Any) -> list[Any]:
        """Takes permits; returns the answers."""
        request = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=contacts)
        return list((await self.service.call(f"{SERVICE}/TakeContactPermits", request)).answers)

    async def one(self, *args: Any, **more: Any) -> Any:
        """Takes one permit; returns it, or why it was refused."""
        (answer,) = await self.take(contact(*args, **more))
        return answer.permit if answer.HasField("permit") else why(answer.refusal)

    async def do(self, verb: str, *permits: Any) -> list[str]:
        """Does a verb with permits; returns their states, or why it was refused."""
        held = [
            contact_permit_pb2.ContactPermitHolding(contact_permit_id=one.contact_permit_id, holding=one.holding)
            for one in permits
        ]
        request = getattr(contact_permit_service_pb2, f"{verb}ContactPermitsRequest")(permits=held)
        outcomes = (await self.service.call(f"{SERVICE}/{verb}ContactPermits", request)).outcomes
        return [why(one.refusal) or STATES.Name(one.state).removeprefix("CONTACT_PERMIT_STATE_") for one in outcomes]

    async def rule(self, **values: Any) -> Any:
        """Writes a rule of contacts."""
        request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=contact_rule_pb2.ContactRule(**values))
        return await self.desk.platform.client("customer", "oem.manager").call(
            "customer.v1.ContactRuleService/PutContactRule", request
        )

    async def age(self, permit: Any, by: Any) -> None:
        """Lets a permit be older than it is."""
        await self.desk.platform.sql(
            "customer",
            "UPDATE contact_permits SET take_time = take_time - $2::interval, expire_time = expire_time - $2::interval,"
            " spend_time = spend_time - $2::interval WHERE contact_permit_id = $1",
            uuid.UUID(permit.contact_permit_id),
            by,
        )


def zone_at(hour: int) -> str:
    """A zone in which it is about that hour, so that no test meets the night, or the end of a day, by chance."""
    ahead = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


NOON, MIDNIGHT = zone_at(12), zone_at(0)


def why(refusal: Any) -> str:
    """Returns the reason of a refusal without its prefix; empty for none."""
    name = contact_permit_pb2.ContactRefusalReason.Name(refusal.reason).removeprefix("CONTACT_REFUSAL_REASON_")
    return "" if name == "UNSPECIFIED" else name
