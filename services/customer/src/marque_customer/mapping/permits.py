"""Permits, rules and holds between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from marque.customer.v1 import consent_pb2, contact_permit_pb2, contact_permit_service_pb2, contact_rule_pb2
from marque.type.v1 import address_pb2
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import names

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp
from marque_customer.rules import consents
from marque_customer.rules.permits import LEGAL, Asked, Refusal, Windows

_SEVERAL = ("most_per_day", "quiet_start_minute", "quiet_end_minute")
_PURPOSES = consent_pb2.ConsentPurpose


def asked(request: contact_permit_service_pb2.TakeContactPermitsRequest) -> list[Asked]:
    """Returns the contacts of a request. Raises InvalidArgument, which names every fault."""
    faults = Faults()
    for index, contact in enumerate(request.contacts):
        _check(contact, f"contacts[{index}].", faults)
    faults.check()
    return [
        Asked(
            customer_id=uuid.UUID(contact.customer_id),
            occurrence_key=contact.occurrence_key,
            channel=contact.channel,
            contact_class=contact.contact_class,
            purpose=contact.purpose,
            controller_kind=contact.controller.kind,
            controller_id=contact.controller.controller_id,
            content_key=contact.content_key,
            vin=names.tidy(contact.vin).upper(),
            resume=contact.resume,
            further_purpose=contact.further_purpose,
        )
        for contact in request.contacts
    ]


def _check(contact: contact_permit_pb2.Contact, prefix: str, faults: Faults) -> None:
    if contact.contact_class == LEGAL:
        if contact.purpose:
            faults.add(f"{prefix}purpose", "PURPOSE_NOT_USED", "A legal notice has no purpose; leave it out.")
    elif not contact.purpose:
        faults.add(f"{prefix}purpose", "PURPOSE_MISSING", "A contact by consent needs the purpose.")
    elif not consents.needs_channel(contact.purpose):
        faults.add(f"{prefix}purpose", "PURPOSE_NOT_CONTACTED", "This purpose reaches nobody by a channel.")
    problem = consents.controller_problem(contact.controller.kind, contact.controller.controller_id)
    if problem:
        faults.add(f"{prefix}controller.controller_id", "CONTROLLER_INVALID", problem)


def holdings(request: Any) -> list[tuple[uuid.UUID, int]]:
    """Returns what a holder names."""
    return [(uuid.UUID(one.contact_permit_id), one.holding) for one in request.permits]


def answers(
    call: Call, found: Sequence[Any], windows: Windows
) -> contact_permit_service_pb2.TakeContactPermitsResponse:
    """Renders what became of each contact."""
    rendered = contact_permit_service_pb2.TakeContactPermitsResponse()
    visible = visible_classes(call.principal.roles)
    for one in found:
        answer = rendered.answers.add()
        if isinstance(one, Refusal):
            answer.refusal.CopyFrom(refusal(one))
        else:
            permit = _granted(one, windows) if hasattr(one, "address") else _known(one)
            answer.permit.CopyFrom(show(call, permit, "contact_permit", permit.contact_permit_id, visible))
    return rendered


def _granted(one: Any, windows: Windows) -> contact_permit_pb2.ContactPermit:
    row, person, address = one.row, one.person, one.address
    return contact_permit_pb2.ContactPermit(
        contact_permit_id=str(row.contact_permit_id),
        customer_id=str(person.customer_id),
        occurrence_key=row.asked.occurrence_key,
        channel=row.asked.channel,
        state=row.state,
        holding=row.holding,
        spend_within=_span(windows.take),
        hand_over_within=_span(windows.spend),
        address=address.value,
        provider=address.provider,
        postal_address=address_pb2.Address(**address.postal) if address.postal is not None else None,
        language=person.language,
        time_zone=person.time_zone,
        take_time=stamp(row.take_time),
        consent_entry_id=str(row.consent_entry_id or ""),
        further_allowed=person.agrees_further(row.asked),
    )


def _known(one: Any) -> contact_permit_pb2.ContactPermit:
    row = one.row
    return contact_permit_pb2.ContactPermit(
        contact_permit_id=str(row["contact_permit_id"]),
        customer_id=str(one.person_id),
        occurrence_key=row["occurrence_key"],
        channel=row["channel"],
        state=row["state"],
        take_time=stamp(row["take_time"]),
        consent_entry_id=str(row["consent_entry_id"] or ""),
    )


def _span(window: timedelta) -> Duration:
    made = Duration()
    made.FromTimedelta(window)
    return made


def refusal(one: Refusal) -> contact_permit_pb2.ContactRefusal:
    """Renders a refusal."""
    message = contact_permit_pb2.ContactRefusal(reason=one.reason)  # type: ignore[arg-type]
    if one.retry is not None:
        message.retry_time.FromDatetime(one.retry)
    return message


def reason_name(one: Refusal) -> str:
    """Returns the reason of a refusal as a constant, for example `WITHDRAWN`."""
    return str(contact_permit_pb2.ContactRefusalReason.Name(one.reason)).removeprefix("CONTACT_REFUSAL_REASON_")  # type: ignore[arg-type]


def outcomes(
    found: Sequence[tuple[uuid.UUID, int, Refusal | None]],
) -> list[contact_permit_service_pb2.ContactPermitOutcome]:
    """Renders what became of permits."""
    return [
        contact_permit_service_pb2.ContactPermitOutcome(
            contact_permit_id=str(permit),
            state=state,  # type: ignore[arg-type]
            refusal=refusal(why) if why is not None else None,
        )
        for permit, state, why in found
    ]


def rule_values(message: contact_rule_pb2.ContactRule) -> dict[str, Any]:
    """Returns the columns of a rule. Raises InvalidArgument."""
    faults = Faults()
    if message.purpose and not consents.needs_channel(message.purpose):
        faults.add("contact_rule.purpose", "PURPOSE_NOT_CONTACTED", "This purpose reaches nobody by a channel.")
    quiet = [name for name in _SEVERAL[1:] if message.HasField(name)]  # type: ignore[arg-type]
    if len(quiet) == 1 or (quiet and message.quiet_start_minute == message.quiet_end_minute):
        text = "Quiet hours have a beginning and an end, which differ."
        faults.add("contact_rule.quiet_end_minute", "QUIET_HOURS_INCOMPLETE", text)
    faults.check()
    several = {name: getattr(message, name) if message.HasField(name) else None for name in _SEVERAL}  # type: ignore[arg-type]
    plain = ("channel_class", "purpose", "repeat_days", "held_by_complaint")
    return {**several, **{name: getattr(message, name) for name in plain}}


def rule_for(call: Call) -> Callable[[Any], contact_rule_pb2.ContactRule]:
    """Returns the rendering of a rule for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> contact_rule_pb2.ContactRule:
        message = contact_rule_pb2.ContactRule(
            channel_class=row.channel_class,
            purpose=row.purpose,
            repeat_days=row.repeat_days,
            held_by_complaint=row.held_by_complaint,
            update_time=stamp(row.update_time),
            actor=row.actor,
            etag=row.etag,
            **{name: value for name in _SEVERAL if (value := getattr(row, name)) is not None},
        )
        shown: contact_rule_pb2.ContactRule = show(call, message, "contact_rule", "", visible)
        return shown

    return render


def hold_of(row: Any) -> contact_permit_service_pb2.ContactHold:
    """Renders what is known of something that holds contacts."""
    return contact_permit_service_pb2.ContactHold(
        customer_id=str(row.customer_id),
        reference_type=row.reference_type,
        reference_id=row.reference_id,
        open=row.open,
        version=row.version,
        update_time=stamp(row.update_time),
    )
