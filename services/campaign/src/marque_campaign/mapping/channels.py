"""Between what a campaign says of calls and further channels, and its message."""

from __future__ import annotations

from typing import Any

import orjson
from marque.campaign.v1 import campaign_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument

PLAIN = ("call_days", "most_calls")
WRITABLE = (*PLAIN, "fallbacks")


def column(message: campaign_pb2.Campaign, path: str) -> dict[str, Any]:
    """Returns the column of a field of WRITABLE. Raises InvalidArgument."""
    if path != "fallbacks":
        return {path: getattr(message, path)}
    found: list[dict[str, Any]] = []
    for place, one in enumerate(message.fallbacks):
        if one.channel in {other["channel"] for other in found}:
            raise InvalidArgument.of(f"campaign.fallbacks[{place}].channel", "CHANNEL_DOUBLE", "It was given before.")
        found.append({"channel": int(one.channel), "template_id": one.template_id.lower()})
    return {path: found}


def show(message: campaign_pb2.Campaign, row: fields.Row) -> None:
    """Adds them to a campaign."""
    for name in PLAIN:
        setattr(message, name, row[name])
    told = row["fallbacks"] if isinstance(row["fallbacks"], list) else orjson.loads(row["fallbacks"])
    for one in told:
        message.fallbacks.add(channel=one["channel"], template_id=one["template_id"])
