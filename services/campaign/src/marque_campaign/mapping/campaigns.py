"""Between campaigns and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf import field_mask_pb2
from marque.campaign.v1 import campaign_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_campaign.mapping import channels, experiments, invitations, journeys

_PLAIN = ("kind", "channel", "purpose", "legal_notice", "rate_per_minute", "track_opens", "pause_above_percent")
_IDS = ("template_id", "audience_list_id", "segment_id", "recall_id")
_MOMENTS = ("owners_time", "start_time", "launch_time", "finish_time", "create_time", "update_time")
_ELSEWHERE = (channels, experiments, invitations, journeys)
"""Those who read and write the rest of a campaign's fields."""
WRITABLE = (
    "name",
    *_PLAIN,
    *_IDS,
    "owners_time",
    "values",
    "exclude_segment_ids",
    *(name for one in _ELSEWHERE for name in one.WRITABLE),
)


def new_campaign(message: campaign_pb2.Campaign) -> dict[str, Any]:
    """Returns the columns of a new campaign, without its dealer. Raises InvalidArgument."""
    return _columns(message, WRITABLE)


def changes(message: campaign_pb2.Campaign, mask: field_mask_pb2.FieldMask) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "campaign_id", "campaign")
    for path, empty in (("name", ""), ("kind", 0)):
        if path in paths and getattr(message, path) == empty:
            raise InvalidArgument.of(f"campaign.{path}", "FIELD_REQUIRED", "It cannot be taken away.")
    return _columns(message, paths)


def _columns(message: campaign_pb2.Campaign, paths: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    experiments.currency_of(message, [path for path in experiments.PRICES if path in set(paths)])
    for path in paths:
        elsewhere = next((one for one in _ELSEWHERE if path in one.WRITABLE), None)
        found |= elsewhere.column(message, path) if elsewhere is not None else dict([_column(message, path)])
    return found


def _column(message: campaign_pb2.Campaign, path: str) -> tuple[str, Any]:
    if path == "values":
        return "given", _given(message)
    if path == "owners_time":
        return path, fields.as_moment(message, path, f"campaign.{path}")
    value = getattr(message, path)
    if path == "exclude_segment_ids":
        return path, [uuid.UUID(one) for one in value]
    if path in _IDS:
        return path, fields.uuid_or_none(value)
    return path, value.strip() if isinstance(value, str) else value


def _given(message: campaign_pb2.Campaign) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, one in enumerate(message.values):
        if one.name in found:
            raise InvalidArgument.of(f"campaign.values[{place}].name", "VARIABLE_DOUBLE", "It was given before.")
        found[one.name] = one.value
    return found


def campaign_message(row: fields.Row) -> campaign_pb2.Campaign:
    """Returns a campaign."""
    ids: dict[str, Any] = {name: fields.text(row[name]) for name in ("campaign_id", "dealer_id", *_IDS)}
    message = campaign_pb2.Campaign(
        name=row["name"],
        state=row["state"],
        template_version=row["template_version"],
        pause_reason=row["pause_reason"],
        **{name: row[name] for name in _PLAIN},
        **ids,
        exclude_segment_ids=[str(one) for one in row["exclude_segment_ids"]],
        etag=etag_of(row["version"]),
    )
    given = row["given"] if isinstance(row["given"], dict) else orjson.loads(row["given"])
    for name, value in given.items():
        message.values.add(name=name, value=value)
    for one in _ELSEWHERE:
        one.show(message, row)
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    return message


def violations(found: list[FieldViolation]) -> None:
    """Raises InvalidArgument where there are any."""
    if found:
        raise InvalidArgument(violations=found)
