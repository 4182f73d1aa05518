"""Between events, sessions and registrations, and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf import field_mask_pb2
from marque.campaign.v1 import event_registration_pb2, marketing_event_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from tradekit import vin

from marque_campaign.rules.events import LONGEST_SESSION

_TEXTS, _NUMBERS, _TIMES = ("name", "place"), ("kind", "cancel_hours", "most_guests"), ("open_time", "close_time")
WRITABLE = (*_TEXTS, *_NUMBERS, *_TIMES, "time_zone", "sessions")
Spans = Sequence[dict[str, Any]] | None


def new_event(message: marketing_event_pb2.MarketingEvent) -> tuple[dict[str, Any], Spans]:
    """Returns the columns of a new event, without its dealer, and its sessions. Raises InvalidArgument."""
    return _columns(message, WRITABLE)


def changes(
    message: marketing_event_pb2.MarketingEvent, mask: field_mask_pb2.FieldMask
) -> tuple[dict[str, Any], Spans]:
    """Returns the columns that an update names, and its sessions (None: they stay). Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "marketing_event_id", "marketing_event")
    return _columns(message, paths)


def _columns(message: marketing_event_pb2.MarketingEvent, paths: Iterable[str]) -> tuple[dict[str, Any], Spans]:
    found: dict[str, Any] = {}
    spans: Spans = None
    for path in paths:
        if path == "sessions":
            spans = [_span(one, place) for place, one in enumerate(message.sessions)]
        elif path in _TIMES:
            found[path] = fields.as_moment(message, path, f"marketing_event.{path}")
        elif path == "time_zone":
            found[path] = _zone(message.time_zone)
        else:
            value = getattr(message, path)
            found[path] = value.strip() if isinstance(value, str) else value
    for path in ("name", "kind"):
        if path in found and not found[path]:
            raise InvalidArgument.of(f"marketing_event.{path}", "FIELD_REQUIRED", "It cannot be empty.")
    return found, spans


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # a name that no file could have, or has: `ZoneInfoNotFoundError` is a KeyError
        raise _unknown_zone() from None
    except KeyError:
        raise _unknown_zone() from None
    return name


def _unknown_zone() -> InvalidArgument:
    return InvalidArgument.of("marketing_event.time_zone", "TIME_ZONE_UNKNOWN", "Give a zone such as Asia/Shanghai.")


def _span(message: marketing_event_pb2.EventSession, place: int) -> dict[str, Any]:
    path = f"marketing_event.sessions[{place}]"
    start = fields.as_moment(message, "start_time", f"{path}.start_time")
    end = fields.as_moment(message, "end_time", f"{path}.end_time")
    if start is None or end is None or not start < end <= start + LONGEST_SESSION:
        raise InvalidArgument.of(
            f"{path}.end_time", "SESSION_TIME_INVALID", "A session ends after it begins, and within two days."
        )
    key = fields.uuid_or_none(message.session_id)
    return {"session_id": key, "start_time": start, "end_time": end, "capacity": message.capacity}


def event_message(row: fields.Row, sessions: Iterable[Any], page_path: str) -> marketing_event_pb2.MarketingEvent:
    """Returns an event with sessions, which are rows."""
    message = marketing_event_pb2.MarketingEvent(
        marketing_event_id=str(row["marketing_event_id"]),
        dealer_id=fields.text(row["dealer_id"]),
        time_zone=row["time_zone"],
        state=row["state"],
        page_path=page_path,
        etag=etag_of(row["version"]),
        **{name: row[name] for name in (*_TEXTS, *_NUMBERS)},
    )
    for name in (*_TIMES, "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    for one in sessions:
        shown = message.sessions.add(
            session_id=str(one["session_id"]), capacity=one["capacity"], taken_count=one["taken"]
        )
        for name in ("start_time", "end_time"):
            fields.set_moment(shown, name, one[name])
    return message


def registration_message(row: fields.Row) -> event_registration_pb2.EventRegistration:
    """Returns a registration."""
    ids: dict[str, Any] = {
        name: fields.text(row[name])
        for name in ("registration_id", "marketing_event_id", "session_id", "customer_id", "campaign_id")
    }
    message = event_registration_pb2.EventRegistration(
        **ids,
        guest_count=row["guests"],
        state=row["state"],
        arrival_number=row["arrival"],
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def driven_car(text: str) -> str:
    """Returns the VIN of a car as it is kept, empty for none. Raises InvalidArgument."""
    try:
        return vin.normalise(text) if text.strip() else ""
    except vin.VinError as error:
        raise InvalidArgument.of("vin", "VIN_INVALID", str(error)) from None


def wish_ids(request: Any) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """Returns event, session and customer of a request to register."""
    return uuid.UUID(request.marketing_event_id), uuid.UUID(request.session_id), uuid.UUID(request.customer_id)
