"""Between lists of people and their messages."""

from __future__ import annotations

from typing import Any

from google.protobuf import field_mask_pb2
from marque.campaign.v1 import audience_list_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument

WRITABLE = ("name",)


def changes(message: audience_list_pb2.AudienceList, mask: field_mask_pb2.FieldMask) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "audience_list_id", "audience_list")
    values = {path: getattr(message, path).strip() for path in paths}
    if not values.get("name", "some"):
        raise InvalidArgument.of("audience_list.name", "FIELD_REQUIRED", "It cannot be taken away.")
    return values


def list_message(row: fields.Row) -> audience_list_pb2.AudienceList:
    """Returns a list of people, without them."""
    message = audience_list_pb2.AudienceList(
        audience_list_id=str(row["audience_list_id"]),
        dealer_id=fields.text(row["dealer_id"]),
        name=row["name"],
        member_count=row["member_count"],
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def member_message(row: fields.Row) -> audience_list_pb2.AudienceListMember:
    """Returns somebody on a list."""
    message = audience_list_pb2.AudienceListMember(
        customer_id=str(row["customer_id"]), import_id=fields.text(row["import_id"]), added_by=row["added_by"]
    )
    fields.set_moment(message, "create_time", row["create_time"])
    return message
