"""The events of the watch of the law of replacement and return. What a fault is called stays here: a station writes it as it likes."""

from __future__ import annotations

from google.protobuf.message import Message
from marque.vehicle.v1 import lemon_watch_events_pb2 as told

from marque_vehicle.rules.lemon import REACHED, Standing


def threshold(vin: str, version: int, pack: str, standing: Standing) -> Message:
    """Tells that a threshold is near, or reached."""
    kind = told.LemonLawReached if standing.state == REACHED else told.LemonLawWarned
    return kind(
        vin=vin,
        aggregate_version=version,
        rule_pack=pack,
        trigger=standing.trigger,  # type: ignore[arg-type]
        count=standing.count,
        limit=standing.limit,
        repair_order_ids=standing.visits,
    )
