"""Between what the page of an event shows and its message."""

from __future__ import annotations

from typing import Any

from marque.campaign.v1 import event_page_service_pb2
from servicekit import fields


def page(event: Any, registration: Any, shown: dict[str, Any], token: str, *, stranger: bool) -> Any:
    """Returns the page of an event, for who has a registration (None: not)."""
    message = event_page_service_pb2.EventPage(
        token=token,
        stranger=stranger,
        **{name: event[name] for name in ("name", "kind", "place", "time_zone", "state", "most_guests")},
        **{name: shown[name] for name in ("open", "changeable", "waiting_place")},
    )
    for row, free in shown["sessions"]:
        one = message.sessions.add(session_id=str(row["session_id"]), free_count=free)
        for name in ("start_time", "end_time"):
            fields.set_moment(one, name, row[name])
    if registration is not None:
        message.registration_state = registration["state"]
        message.session_id = str(registration["session_id"])
        message.guest_count = registration["guests"]
        message.calendar_id = str(registration["registration_id"])
        message.calendar_sequence = registration["version"]
    return message
