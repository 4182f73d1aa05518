"""Consents between rows and messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from marque.customer.v1 import consent_pb2, consent_service_pb2
from servicekit.db.base import now
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import moment, stamp
from marque_customer.rules import consents as rules


def entry_values(message: consent_pb2.ConsentEntry, action: int) -> dict[str, Any]:
    """Returns the columns of a new entry but those that the ledger assigns. Raises InvalidArgument."""
    faults = Faults()
    _check_subject(
        message.purpose, message.channel, message.controller.kind, message.controller.controller_id, "entry.", faults
    )
    if action == rules.GRANTED and not message.text_version.strip():
        faults.add("entry.text_version", "CONSENT_TEXT_MISSING", "Say which text the customer was shown.")
    given = moment(message.given_time, "entry.given_time") if message.HasField("given_time") else now()
    if given > now():
        faults.add("entry.given_time", "GIVEN_TIME_IN_FUTURE", "A consent is not given in the future.")
    faults.check()
    return {
        "purpose": message.purpose,
        "channel": message.channel,
        "controller_kind": message.controller.kind,
        "controller_id": message.controller.controller_id,
        "action": action,
        "text_version": message.text_version,
        "source": message.source,
        "given_time": given,
        "evidence_type": message.evidence_type,
        "evidence_id": message.evidence_id,
    }


def question(request: consent_service_pb2.CheckConsentRequest) -> tuple[dict[str, Any], datetime | None]:
    """Returns what is asked of the ledger, and the instant. Raises InvalidArgument."""
    faults = Faults()
    _check_subject(request.purpose, request.channel, request.controller_kind, request.controller_id, "", faults)
    faults.check()
    names = ("purpose", "channel", "controller_kind", "controller_id")
    known = moment(request.known_time, "known_time") if request.HasField("known_time") else None
    return {name: getattr(request, name) for name in names}, known


def _check_subject(purpose: int, channel: int, kind: int, controller_id: str, prefix: str, faults: Faults) -> None:
    if rules.needs_channel(purpose) and not channel:
        faults.add(f"{prefix}channel", "CHANNEL_MISSING", "This purpose needs the channel that it is about.")
    if channel and not rules.needs_channel(purpose):
        faults.add(f"{prefix}channel", "CHANNEL_NOT_USED", "This purpose is not about a channel; leave it out.")
    problem = rules.controller_problem(kind, controller_id)
    if problem:
        where = "controller.controller_id" if prefix else "controller_id"
        faults.add(f"{prefix}{where}", "CONTROLLER_INVALID", problem)


def entry_for(call: Call) -> Callable[[Any], consent_pb2.ConsentEntry]:
    """Returns the rendering of an entry for a caller; it takes a row of the ledger."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> consent_pb2.ConsentEntry:
        message = consent_pb2.ConsentEntry(
            consent_entry_id=str(row.consent_entry_id),
            customer_id=str(row.customer_id),
            purpose=row.purpose,
            channel=row.channel,
            controller=consent_pb2.ConsentController(kind=row.controller_kind, controller_id=row.controller_id),
            action=row.action,
            text_version=row.text_version,
            source=row.source,
            given_time=stamp(row.given_time),
            evidence_type=row.evidence_type,
            evidence_id=row.evidence_id,
            known_time=stamp(row.known_time),
            actor=row.actor,
        )
        shown: consent_pb2.ConsentEntry = show(call, message, "consent_entry", message.consent_entry_id, visible)
        return shown

    return render


def refuse_future(asked: datetime | None, clock: datetime) -> datetime:
    """Returns the instant that a question is about: as asked, else the present. Raises InvalidArgument for the future."""
    if asked is not None and asked > clock:
        raise InvalidArgument.of("known_time", "KNOWN_TIME_IN_FUTURE", "What will be known cannot be told.")
    return asked or clock
