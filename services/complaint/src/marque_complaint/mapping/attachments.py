"""Between files with cases and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marque.complaint.v1 import case_attachment_pb2
from servicekit import fields
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

_PLAIN = ("file_name", "content_type", "size_bytes", "sha256", "author", "internal")


def attachment_for(call: Call) -> Callable[[Any], case_attachment_pb2.CaseAttachment]:
    """Returns the rendering of a file for a caller, from a read row."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> case_attachment_pb2.CaseAttachment:
        made = case_attachment_pb2.CaseAttachment(
            attachment_id=str(row["attachment_id"]),
            case_id=str(row["case_id"]),
            staff_id=fields.text(row["staff_id"]),
            **{name: row[name] for name in _PLAIN},
        )
        fields.set_moment(made, "create_time", row["create_time"])
        shown: case_attachment_pb2.CaseAttachment = show(call, made, "case_attachment", made.attachment_id, visible)
        return shown

    return render
