"""The events of parts and of claims under warranty: ids and facts, never amounts."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import parts_order_events_pb2, repair_order_events_pb2, warranty_claim_events_pb2

from marque_vehicle.events.parts import day, moment, text
from marque_vehicle.models import PartsOrder, RepairOrder, WarrantyClaim


def _parts(order: PartsOrder, adviser: Any) -> dict[str, Any]:
    return {
        "parts_order_id": str(order.parts_order_id),
        "dealer_id": str(order.dealer_id),
        "repair_order_id": text(order.repair_order_id),
        "adviser_staff_id": text(adviser),
    }


def parts_promised(order: PartsOrder, adviser: Any) -> Message:
    """Tells the day on which a part is promised."""
    facts = _parts(order, adviser)
    return parts_order_events_pb2.PartsPromised(**facts, promised_date=day(order.promised_date))


def parts_arrived(order: PartsOrder, adviser: Any, *, all_arrived: bool) -> Message:
    """Tells that a part arrived."""
    return parts_order_events_pb2.PartsArrived(**_parts(order, adviser), all_arrived=all_arrived)


def parts_snapshot(order: PartsOrder) -> Message:
    """Says an order of a part again."""
    return parts_order_events_pb2.PartsOrderSnapshot(
        parts_order_id=str(order.parts_order_id),
        aggregate_version=order.version,
        dealer_id=str(order.dealer_id),
        repair_order_id=text(order.repair_order_id),
        state=order.state,  # type: ignore[arg-type]
        promised_date=day(order.promised_date),
        arrive_time=moment(order.arrive_time),
    )


def _claim(claim: WarrantyClaim) -> dict[str, Any]:
    return {
        "claim_id": str(claim.claim_id),
        "dealer_id": str(claim.dealer_id),
        "repair_order_id": str(claim.repair_order_id),
        "vin": claim.vin,
    }


def submitted(claim: WarrantyClaim) -> Message:
    """Tells that a claim was submitted."""
    return warranty_claim_events_pb2.WarrantyClaimSubmitted(**_claim(claim), submission_count=claim.submissions)


def returned(claim: WarrantyClaim) -> Message:
    """Tells that a claim was sent back."""
    return warranty_claim_events_pb2.WarrantyClaimReturned(**_claim(claim), reason=claim.reason)


def decided(claim: WarrantyClaim) -> Message:
    """Tells that a claim was approved or refused."""
    facts = _claim(claim)
    return warranty_claim_events_pb2.WarrantyClaimDecided(
        **facts,
        state=claim.state,  # type: ignore[arg-type]
        reason=claim.reason,
        approved_line_count=_approved(claim),
    )


def _approved(claim: WarrantyClaim) -> int:
    return sum(1 for item in claim.items if item.get("approved"))


def claim_snapshot(claim: WarrantyClaim) -> Message:
    """Says a claim again."""
    facts = _claim(claim)
    return warranty_claim_events_pb2.WarrantyClaimSnapshot(
        **facts,
        aggregate_version=claim.version,
        state=claim.state,  # type: ignore[arg-type]
        reason=claim.reason,
        submission_count=claim.submissions,
        approved_line_count=_approved(claim),
    )


def paid(claim: WarrantyClaim) -> Message:
    """Tells that a claim was paid."""
    return warranty_claim_events_pb2.WarrantyClaimPaid(**_claim(claim))


def fell(claim: WarrantyClaim, *, was_paid: bool) -> Message:
    """Tells that a claim fell with its repair order."""
    return warranty_claim_events_pb2.WarrantyClaimReversed(**_claim(claim), was_paid=was_paid)


def repair_order_reversed(order: RepairOrder, reason: str) -> Message:
    """Tells that a repair order was reversed."""
    return repair_order_events_pb2.RepairOrderReversed(
        repair_order_id=str(order.repair_order_id), dealer_id=str(order.dealer_id), vin=order.vin, reason=reason
    )
