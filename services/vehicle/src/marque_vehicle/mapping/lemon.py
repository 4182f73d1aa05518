"""Between the watch of the law of replacement and return and its messages."""

from __future__ import annotations

from typing import Any

from marque.vehicle.v1 import lemon_watch_pb2
from servicekit import fields
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.mapping import sums
from marque_vehicle.rules.lemon import Watch, compensation


def watch_message(call: Call, sale: fields.Row, watch: Watch, *, priced: bool) -> lemon_watch_pb2.LemonWatch:
    """Returns where a car stands; `priced`: the caller sees the sale."""
    message = lemon_watch_pb2.LemonWatch(
        vin=sale["vin"],
        rule_pack=watch.pack.pack,
        rule_source=watch.pack.source,
        days_left=watch.days_left,
        km_left=watch.km_left,
        repair_days=watch.repair_days,
        state=watch.state,  # type: ignore[arg-type]
    )
    fields.set_day(message, "start_date", watch.start)
    fields.set_day(message, "end_date", watch.end)
    for one in watch.standings:
        facts: dict[str, Any] = {name: getattr(one, name) for name in ("trigger", "subject", "count", "limit", "state")}
        message.standings.add(**facts, repair_order_ids=one.visits)
    if priced and sale["price"] is not None:
        km = sale["odometer_km"]
        sums.set_money(message, "use_compensation", sale["currency"], compensation(watch.pack, sale["price"], km))
    visible = visible_classes(call.principal.roles)
    shown: lemon_watch_pb2.LemonWatch = show(call, message, "lemon_watch", message.vin, visible)
    return shown


def watched(row: fields.Row) -> lemon_watch_pb2.WatchedVehicle:
    """Returns a car as the list of watches shows it."""
    facts = {name: row[name] for name in ("vin", "rule_pack", "state", "repair_days")}
    message = lemon_watch_pb2.WatchedVehicle(**facts)
    fields.set_day(message, "end_date", row["end_date"])
    return message
