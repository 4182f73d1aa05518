"""Between steps, dates and recurrences of campaigns, runs through them, and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from google.type import date_pb2
from marque.campaign.v1 import campaign_journey_pb2 as messages
from marque.campaign.v1 import campaign_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument

PLAIN = ("exit_rule", "subject_kind", "time_zone")
WRITABLE = ("steps", "due_date", "recurrence", *PLAIN)
_SEND = ("channel", "purpose", "expire_days")
_WAIT = ("hours", "days", "date", "offset_days")
_DUE = ("date", "offset_days", "years", "local_minute")
_AGAIN = ("frequency", "interval", "count", "late_hours")


def column(message: campaign_pb2.Campaign, path: str) -> dict[str, Any]:
    """Returns the columns of a field of WRITABLE. Raises InvalidArgument."""
    if path == "steps":
        return {path: [_step(one) for one in message.steps]}
    if path == "due_date":
        return {path: _due(message.due_date) if message.HasField("due_date") else None}
    if path == "recurrence":
        return {path: _recurrence(message.recurrence) if message.HasField("recurrence") else None}
    value = getattr(message, path)
    if path == "time_zone" and value:
        _zone(value)
    return {path: value.strip() if isinstance(value, str) else int(value)}


def _step(one: messages.CampaignStep) -> dict[str, Any]:
    made: dict[str, Any] = {"code": one.code, "next": one.next}
    kind = one.WhichOneof("kind")
    if kind == "send":
        key = str(uuid.UUID(one.send.template_id)) if one.send.template_id else ""
        made[kind] = {"template_id": key, **{name: int(getattr(one.send, name)) for name in _SEND}}
    elif kind == "wait":
        minute = one.wait.local_minute if one.wait.HasField("local_minute") else None
        made[kind] = {**{name: int(getattr(one.wait, name)) for name in _WAIT}, "local_minute": minute}
    elif kind == "branch":
        made[kind] = {name: getattr(one.branch, name) for name in ("rule", "then", "otherwise")}
    else:
        made["exit"] = {"reason": one.exit.reason}
    return made


def _due(one: messages.CampaignDueDate) -> dict[str, Any]:
    return {**{name: int(getattr(one, name)) for name in _DUE}, "holding_kinds": list(one.holding_kinds)}


def _recurrence(one: messages.CampaignRecurrence) -> dict[str, Any]:
    until = ""
    if one.HasField("until_date"):
        told = one.until_date
        try:
            until = date(told.year, told.month, told.day).isoformat()
        except ValueError:
            text = "Give a whole date of the calendar."
            raise InvalidArgument.of("campaign.recurrence.until_date", "DATE_INVALID", text) from None
    return {**{name: int(getattr(one, name)) for name in _AGAIN}, "until": until}


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = "It is no time zone of the IANA database."
        raise InvalidArgument.of("campaign.time_zone", "TIME_ZONE_INVALID", text) from None


def show(message: campaign_pb2.Campaign, row: Any) -> None:
    """Adds the fields of WRITABLE from a row."""
    for one in _kept(row["steps"]):
        made = message.steps.add(code=one["code"], next=one["next"])
        for kind in ("send", "wait", "branch", "exit"):
            if kind in one:
                getattr(made, kind).SetInParent()
                for name, value in one[kind].items():
                    if value is not None:
                        setattr(getattr(made, kind), name, value)
    if (due := _kept(row["due_date"])) is not None:
        message.due_date.CopyFrom(messages.CampaignDueDate(**due))
    if (again := _kept(row["recurrence"])) is not None:
        message.recurrence.CopyFrom(messages.CampaignRecurrence(**{name: again[name] for name in _AGAIN}))
        if again["until"]:
            day = date.fromisoformat(again["until"])
            message.recurrence.until_date.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
    for path in PLAIN:
        setattr(message, path, row[path])


def _kept(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def codes_of(row: Any) -> list[str]:
    """The codes of the steps of a campaign's row, in their order."""
    return [one["code"] for one in _kept(row["steps"])] or ["message"]


def add_run_counts(message: campaign_pb2.Campaign, row: Any, counts: Iterable[Any]) -> campaign_pb2.Campaign:
    """Adds how far those are who go through the steps."""
    codes = codes_of(row)
    for one in counts:
        message.run_counts.add(
            step=_code(codes, one["step"]), state=one["state"], reason=one["reason"], count=one["count"]
        )
    return message


def run_message(row: Any, codes: Sequence[str]) -> messages.CampaignRun:
    """Returns a run."""
    made = messages.CampaignRun(
        run_id=str(row["run_id"]), customer_id=str(row["customer_id"]), vin=row["vin"], occurrence=row["occurrence"],
        step=_code(codes, row["step"]), state=row["state"], reason=row["reason"],
    )  # fmt: skip
    for name in ("wake_time", "create_time", "update_time"):
        fields.set_moment(made, name, row[name])
    return made


def _code(codes: Sequence[str], step: int) -> str:
    return codes[step] if 0 <= step < len(codes) else ""
