"""Between what is said about cases and its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marque.complaint.v1 import case_thread_pb2
from servicekit import fields
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call


def message_of(row: Any) -> case_thread_pb2.CaseMessage:
    """Returns a word of the thread, from a read row."""
    made = case_thread_pb2.CaseMessage(
        message_id=str(row["message_id"]), case_id=str(row["case_id"]), author=row["author"], text=row["text"]
    )
    fields.set_moment(made, "create_time", row["create_time"])
    return made


def note_for(call: Call) -> Callable[[Any], case_thread_pb2.CaseNote]:
    """Returns the rendering of a note for a caller, from a read row."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> case_thread_pb2.CaseNote:
        made = case_thread_pb2.CaseNote(
            note_id=str(row["note_id"]),
            case_id=str(row["case_id"]),
            staff_id=fields.text(row["staff_id"]),
            text=row["text"],
        )
        fields.set_moment(made, "create_time", row["create_time"])
        shown: case_thread_pb2.CaseNote = show(call, made, "case_note", made.note_id, visible)
        return shown

    return render
