"""The events of recalls, made from rows."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import recall_events_pb2 as told

from marque_vehicle.events.parts import moment, text
from marque_vehicle.models import Recall, RecallScope


def recall_opened(recall: Recall, scope: RecallScope) -> told.RecallOpened:
    """Tells of a new version of a scope."""
    return told.RecallOpened(
        recall_id=str(recall.recall_id),
        code=recall.code,
        scope_version=scope.scope_version,
        vehicle_count=scope.vehicle_count,
        added_count=scope.added_count,
    )


def recall_closed(recall: Recall) -> told.RecallClosed:
    """Tells that a recall ended."""
    return told.RecallClosed(recall_id=str(recall.recall_id), code=recall.code, scope_version=recall.scope_version)


def _car(recall_id: uuid.UUID, row: Any) -> dict[str, Any]:
    return {
        "recall_vehicle_key": f"{recall_id}/{row.vin}",
        "aggregate_version": row.version,
        "recall_id": str(recall_id),
        "vin": row.vin,
    }


def vehicle_recalled(scope: RecallScope, row: Any) -> told.VehicleRecalled:
    """Tells that a car came into a scope."""
    return told.VehicleRecalled(**_car(scope.recall_id, row), scope_version=scope.scope_version)


def recall_remedied(row: Any) -> told.RecallRemedied:
    """Tells that a car was remedied."""
    return told.RecallRemedied(
        **_car(row.recall_id, row),
        kind=row.remedy_kind,
        remedy_time=moment(row.remedy_time),
        dealer_id=text(row.dealer_id),
        repair_order_id=text(row.repair_order_id),
    )
