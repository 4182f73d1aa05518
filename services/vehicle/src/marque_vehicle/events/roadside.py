"""The events of help on the road: never who called from where."""

from __future__ import annotations

from google.protobuf.message import Message
from marque.vehicle.v1 import roadside_events_pb2 as told

from marque_vehicle.events.parts import text
from marque_vehicle.models import RoadsideCase


def requested(case: RoadsideCase) -> Message:
    """Tells that somebody asked for help."""
    return told.RoadsideRequested(
        case_id=str(case.case_id),
        vin=case.vin,
        dealer_id=text(case.dealer_id),
        problem=case.problem,  # type: ignore[arg-type]
    )


def dispatched(case: RoadsideCase) -> Message:
    """Tells that a dealer was sent."""
    return told.RoadsideDispatched(case_id=str(case.case_id), vin=case.vin, dealer_id=text(case.dealer_id))


def closed(case: RoadsideCase) -> Message:
    """Tells that it is over, or was called off."""
    return told.RoadsideClosed(
        case_id=str(case.case_id),
        vin=case.vin,
        dealer_id=text(case.dealer_id),
        state=case.state,  # type: ignore[arg-type]
        outcome=case.outcome,  # type: ignore[arg-type]
        repair_order_id=text(case.repair_order_id),
    )


def snapshot(case: RoadsideCase) -> Message:
    """Says a case again."""
    return told.RoadsideSnapshot(
        case_id=str(case.case_id),
        aggregate_version=case.version,
        vin=case.vin,
        dealer_id=text(case.dealer_id),
        problem=case.problem,  # type: ignore[arg-type]
        state=case.state,  # type: ignore[arg-type]
        outcome=case.outcome,  # type: ignore[arg-type]
        repair_order_id=text(case.repair_order_id),
    )
