"""Between files of letters and their messages."""

from __future__ import annotations

from typing import Any

from marque.campaign.v1 import letter_file_pb2
from servicekit import fields
from servicekit.db.base import etag_of

from marque_campaign.rules import letters as rules

_PLAIN = (
    "state", "most_letters", "byte_order_mark", "letter_count", "pulled_count", "erased_count", "size_bytes", "sha256",
)  # fmt: skip
_MOMENTS = ("ready_time", "print_time", "expire_time", "create_time", "update_time")


def file_message(row: Any) -> letter_file_pb2.LetterFile:
    """Returns a file, without its letters."""
    ids: dict[str, Any] = {name: fields.text(row[name]) for name in ("letter_file_id", "dealer_id", "campaign_id")}
    message = letter_file_pb2.LetterFile(
        **{name: row[name] for name in _PLAIN},
        **ids,
        piece_count=rules.pieces(row["letter_count"]) if row["state"] == rules.READY else 0,
        etag=etag_of(row["version"]),
    )
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    return message
