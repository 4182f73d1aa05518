"""Fleet deals, referrals and re-calls between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from marque.customer.v1 import (
    fleet_deal_pb2,
    fleet_deal_service_pb2,
    lead_recall_pb2,
    lead_recall_service_pb2,
    referral_pb2,
    referral_service_pb2,
)
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import names

from marque_customer.mapping.leads import missing
from marque_customer.mapping.times import stamp
from marque_customer.rules.fleet_deals import state_of
from marque_customer.rules.leads import LOSS_COMPETITOR

_PART = ("brand", "model", "quantity", "state", "won_quantity", "loss_reason", "competitor", "note")


def referral_for(call: Call) -> Callable[[Any], referral_pb2.Referral]:
    """Returns the rendering of a referral for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> referral_pb2.Referral:
        message = referral_pb2.Referral(
            referral_id=str(row.referral_id),
            lead_id=str(row.lead_id),
            customer_id=str(row.customer_id),
            referrer_customer_id=str(row.referrer_customer_id),
            dealer_id=str(row.dealer_id or ""),
            state=row.state,
            win_time=stamp(row.win_time) if row.win_time else None,
            credit_time=stamp(row.credit_time) if row.credit_time else None,
            create_time=stamp(row.create_time),
            update_time=stamp(row.update_time),
            etag=etag_of(row.version),
        )
        shown: referral_pb2.Referral = show(call, message, "referral", message.referral_id, visible)
        return shown

    return render


def referral_page(call: Call, rows: Sequence[Any], token: str) -> referral_service_pb2.ListReferralsResponse:
    """Returns a page of referrals."""
    render = referral_for(call)
    return referral_service_pb2.ListReferralsResponse(referrals=[render(row) for row in rows], next_page_token=token)


def recall_values(request: Any) -> dict[str, Any]:
    """Returns what a person said when asked again. Raises InvalidArgument where it does not go together."""
    if request.reached and not request.loss_reason:
        raise missing("loss_reason")
    if not request.reached:
        for name in ("loss_reason", "reopen"):
            if getattr(request, name):
                raise InvalidArgument.of(name, "FIELD_NOT_ALLOWED", "Only somebody who was reached says this.")
    return {
        "reached": request.reached,
        "loss_reason": request.loss_reason,
        "reopen": request.reopen,
        "note": request.note.strip(),
    }


def recall_for(call: Call) -> Callable[[Any], lead_recall_pb2.LeadRecall]:
    """Returns the rendering of what a person said for a caller."""
    visible = visible_classes(call.principal.roles)
    plain = ("stated_reason", "reached", "agrees", "loss_reason", "reopened", "note")

    def render(row: Any) -> lead_recall_pb2.LeadRecall:
        message = lead_recall_pb2.LeadRecall(
            lead_id=str(row.lead_id),
            customer_id=str(row.customer_id),
            dealer_id=str(row.dealer_id or ""),
            staff_id=str(row.staff_id or ""),
            create_time=stamp(row.create_time),
            **{name: getattr(row, name) for name in plain},
        )
        shown: lead_recall_pb2.LeadRecall = show(call, message, "lead", message.lead_id, visible)
        return shown

    return render


def recall_page(call: Call, rows: Sequence[Any], token: str) -> lead_recall_service_pb2.ListLeadRecallsResponse:
    """Returns a page of what persons said."""
    render = recall_for(call)
    return lead_recall_service_pb2.ListLeadRecallsResponse(recalls=[render(row) for row in rows], next_page_token=token)


def recall_report(rows: Sequence[Any]) -> lead_recall_service_pb2.GetLeadRecallReportResponse:
    """Returns the report by dealer."""
    answer = lead_recall_service_pb2.GetLeadRecallReportResponse()
    for row in rows:
        answer.rows.add(
            dealer_id=str(row.dealer_id or ""),
            called=row.called,
            reached=row.reached,
            agreeing=row.agreeing,
            reopened=row.reopened,
        )
    return answer


def part_values(message: fleet_deal_pb2.FleetDealPart) -> dict[str, Any]:
    """Returns the columns of a new part."""
    return {
        "dealer_id": uuid.UUID(message.dealer_id),
        "brand": names.tidy(message.brand),
        "model": names.tidy(message.model),
        "quantity": message.quantity,
    }


def closing_values(request: fleet_deal_service_pb2.CloseFleetDealPartRequest) -> dict[str, Any]:
    """Returns how a part ended. Raises InvalidArgument where that does not go together."""
    competitor = request.competitor.strip()
    if not request.won_quantity and not request.loss_reason:
        raise missing("loss_reason")
    if request.won_quantity and request.loss_reason:
        raise InvalidArgument.of("loss_reason", "FIELD_NOT_ALLOWED", "What was won was not lost.")
    if request.loss_reason == LOSS_COMPETITOR and not competitor:
        raise InvalidArgument.of("competitor", "COMPETITOR_MISSING", "Name whose cars were bought.")
    return {
        "won_quantity": request.won_quantity,
        "loss_reason": request.loss_reason,
        "competitor": competitor,
        "note": request.note.strip(),
    }


def deal_for(call: Call) -> Callable[[Any], fleet_deal_pb2.FleetDeal]:
    """Returns the rendering of a deal with the parts that a caller may see."""
    visible = visible_classes(call.principal.roles)

    def render(view: Any) -> fleet_deal_pb2.FleetDeal:
        message = fleet_deal_pb2.FleetDeal(
            fleet_deal_id=str(view.deal.fleet_deal_id),
            customer_id=str(view.deal.customer_id),
            title=view.deal.title,
            state=state_of([part.state for part in view.parts]),  # type: ignore[arg-type]
            create_time=stamp(view.deal.create_time),
            parts=[_part(part) for part in view.parts],
        )
        shown: fleet_deal_pb2.FleetDeal = show(call, message, "fleet_deal", message.fleet_deal_id, visible)
        return shown

    return render


def _part(row: Any) -> fleet_deal_pb2.FleetDealPart:
    return fleet_deal_pb2.FleetDealPart(
        fleet_deal_part_id=str(row.fleet_deal_part_id),
        dealer_id=str(row.dealer_id),
        close_time=stamp(row.close_time) if row.close_time else None,
        etag=etag_of(row.version),
        **{name: getattr(row, name) for name in _PART},
    )


def deal_page(call: Call, views: Sequence[Any], token: str) -> fleet_deal_service_pb2.ListFleetDealsResponse:
    """Returns a page of deals."""
    render = deal_for(call)
    return fleet_deal_service_pb2.ListFleetDealsResponse(
        fleet_deals=[render(view) for view in views], next_page_token=token
    )
