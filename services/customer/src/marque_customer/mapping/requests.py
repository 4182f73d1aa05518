"""What list requests are narrowed to."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.errors import InvalidArgument
from tradekit import names

from marque_customer.mapping.times import moment
from marque_customer.rules.questions import LeadFilter, Listing, TouchFilter


def listing(request: Any) -> Listing:
    """Returns what a list of customers asks for; the contract has checked that the order is a declared one.

    Raises InvalidArgument for a stage or tier in an order that no index gives.
    """
    column, _, direction = (request.order_by or "update_time desc").partition(" ")
    if column != "update_time" and (request.stage or request.tier):
        raise InvalidArgument.of("order_by", "ORDER_UNSUPPORTED", "Stages and tiers are listed by update_time.")
    return Listing(
        column=column,
        descending=direction == "desc",
        kind=request.kind,
        status=request.status,
        dealer_id=uuid.UUID(request.dealer_id) if request.dealer_id else None,
        tag=names.tidy(request.tag),
        stage=request.stage,
        tier=names.tidy(request.tier),
    )


def relation_filters(request: Any) -> dict[str, Any]:
    """Returns the columns that a list of relations is narrowed by."""
    found: dict[str, Any] = {"kind": request.kind} if request.kind else {}
    return found | ({"dealer_id": uuid.UUID(request.dealer_id)} if request.dealer_id else {})


def ledger_filters(request: Any) -> dict[str, int]:
    """Returns the columns that a list of consents is narrowed by."""
    return {name: getattr(request, name) for name in ("purpose", "channel") if getattr(request, name)}


def touch_filter(request: Any) -> TouchFilter:
    """Returns what a time line is narrowed to. Raises InvalidArgument for times that are none."""
    return TouchFilter(
        kinds=list(request.kinds),
        direction=request.direction,
        from_time=moment(request.from_time, "from_time") if request.HasField("from_time") else None,
        to_time=moment(request.to_time, "to_time") if request.HasField("to_time") else None,
        vin=names.tidy(request.vin).upper(),
    )


def lead_filter(request: Any) -> LeadFilter:
    """Returns what a list of leads is narrowed to. Raises InvalidArgument for a time that is none."""
    ids = ("dealer_id", "adviser_staff_id")
    equal: dict[str, Any] = {name: uuid.UUID(text) for name in ids if (text := getattr(request, name))}
    equal |= {name: value for name in ("stage", "grade", "source") if (value := getattr(request, name))}
    return LeadFilter(
        equal=equal,
        open_only=request.open_only,
        overdue_only=request.overdue_only,
        due_before=moment(request.due_before_time, "due_before_time") if request.HasField("due_before_time") else None,
        never_contacted=request.never_contacted_only,
        never_by_manager=request.never_contacted_by_manager_only,
        held_only=request.held_only,
    )
