"""Touches and relations between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from marque.customer.v1 import interaction_pb2, interaction_service_pb2, relation_pb2, relation_service_pb2
from servicekit.db.base import now
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from tradekit import vin

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import moment, stamp

FIRST_RESERVED = interaction_pb2.INTERACTION_KIND_SALE
WEB = interaction_pb2.INTERACTION_KIND_WEB
_AHEAD = timedelta(days=1)
_COPIED = (
    *("kind", "direction", "channel", "subject", "subject_key", "note", "outcome", "reference_type", "reference_id"),
    *("content_key", "next_step"),
)


def own_dealer(dealer_id: str, principal: Principal, field: str) -> uuid.UUID | None:
    """Returns the dealer that a request is about: as named, else that of a dealer's staff. Raises InvalidArgument."""
    if not dealer_id and principal.is_dealer and len(principal.dealers) == 1:
        dealer_id = next(iter(principal.dealers))
    if principal.is_dealer and dealer_id not in principal.dealers:
        raise InvalidArgument.of(field, "DEALER_NOT_YOURS", "Name a dealer that you work for.")
    return uuid.UUID(dealer_id) if dealer_id else None


def staff_of(principal: Principal) -> uuid.UUID | None:
    """Returns the staff id of a caller: of their record, else where the token's subject is one; systems and owners have none."""
    if principal.is_service or principal.is_owner:
        return None
    try:
        return uuid.UUID(principal.staff_id or principal.subject)
    except ValueError:
        return None


def interaction_values(message: interaction_pb2.Interaction, principal: Principal) -> dict[str, Any]:
    """Returns the columns of a new touch. Raises InvalidArgument."""
    faults = Faults()
    if message.kind >= FIRST_RESERVED and not principal.is_service:
        faults.add("interaction.kind", "KIND_RESERVED", "Touches of this kind are written by the platform only.")
    if (message.subject_key or message.subject_params) and not principal.is_service:
        faults.add(
            "interaction.subject_key", "FIELD_RESERVED", "Entries of the platform only have a key; give a subject."
        )
    occurred = moment(message.occur_time, "interaction.occur_time") if message.HasField("occur_time") else now()
    if occurred > now() + _AHEAD:
        faults.add("interaction.occur_time", "TIME_IN_FUTURE", "A touch begins at most a day in the future.")
    car = _car(message.vin, faults)
    faults.check()
    due = moment(message.next_step_time, "interaction.next_step_time") if message.HasField("next_step_time") else None
    return {
        **{name: getattr(message, name) for name in _COPIED},
        "subject_params": dict(message.subject_params),
        "occur_time": occurred,
        "duration_seconds": message.duration.seconds if message.HasField("duration") else None,
        "staff_id": uuid.UUID(message.staff_id) if message.staff_id else staff_of(principal),
        "dealer_id": own_dealer(message.dealer_id, principal, "interaction.dealer_id"),
        "vin": car,
        "next_step_time": due,
    }


def _car(text: str, faults: Faults) -> str:
    """The VIN, or nothing. It is told on by an event, so it must be one and not a name that somebody put there."""
    try:
        return vin.normalise(text) if text.strip() else ""
    except vin.VinError as error:
        faults.add("interaction.vin", "VIN_INVALID", str(error))
        return ""


def interaction_for(call: Call) -> Callable[[Any], interaction_pb2.Interaction]:
    """Returns the rendering of a touch for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> interaction_pb2.Interaction:
        message = interaction_pb2.Interaction(
            interaction_id=str(row.interaction_id),
            customer_id=str(row.customer_id),
            occur_time=stamp(row.occur_time),
            duration=Duration(seconds=row.duration_seconds) if row.duration_seconds is not None else None,
            subject_params=row.subject_params,
            staff_id=str(row.staff_id or ""),
            dealer_id=str(row.dealer_id or ""),
            vin=row.vin,
            next_step_time=stamp(row.next_step_time) if row.next_step_time else None,
            create_time=stamp(row.create_time),
            **{name: getattr(row, name) for name in _COPIED},
        )
        shown: interaction_pb2.Interaction = show(call, message, "interaction", message.interaction_id, visible)
        return shown

    return render


def relation_for(call: Call) -> Callable[[Any], relation_pb2.Relation]:
    """Returns the rendering of a relation for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> relation_pb2.Relation:
        message = relation_pb2.Relation(
            relation_id=str(row.relation_id),
            customer_id=str(row.customer_id),
            dealer_id=str(row.dealer_id),
            kind=row.kind,
            start_time=stamp(row.start_time),
            origin_type=row.origin_type,
            origin_id=row.origin_id,
            staff_id=str(row.staff_id or ""),
        )
        shown: relation_pb2.Relation = show(call, message, "relation", message.relation_id, visible)
        return shown

    return render


def touch_page(call: Call, rows: Sequence[Any], token: str) -> interaction_service_pb2.ListInteractionsResponse:
    """Returns a page of the time line."""
    render = interaction_for(call)
    return interaction_service_pb2.ListInteractionsResponse(
        interactions=[render(row) for row in rows], next_page_token=token
    )


def relation_page(call: Call, rows: Sequence[Any], token: str) -> relation_service_pb2.ListRelationsResponse:
    """Returns a page of relations."""
    render = relation_for(call)
    return relation_service_pb2.ListRelationsResponse(relations=[render(row) for row in rows], next_page_token=token)
