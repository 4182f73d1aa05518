"""Between rows and messages of assignments and presence."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from marque.network.v1 import assignment_pb2, assignment_service_pb2
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.paging import Page, moment, page_key

from marque_network.rules.assignment import Judged, Need, Wanted

_REFUSED = 100
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def wanted(message: assignment_pb2.AssignmentNeed) -> Wanted:
    """Returns a need as it was said."""
    dealer_id = uuid.UUID(message.dealer_id) if message.dealer_id else None
    return Wanted(dealer_id, need_of(message), MessageToDict(message, preserving_proto_field_name=True))


def need_of(message: assignment_pb2.AssignmentNeed) -> Need:
    """Returns what the rule weighs."""
    return Need(
        roles=frozenset(message.roles),
        skills=tuple({one.code: one.level for one in message.skills}.items()),
        languages=tuple(message.languages),
        language_required=message.language_required,
        related=tuple(dict.fromkeys(one.lower() for one in message.related_staff_ids)),
        excluded=frozenset(one.lower() for one in message.excluded_staff_ids),
    )


def need_message(document: dict[str, Any]) -> assignment_pb2.AssignmentNeed:
    """Returns the message of a kept need; what a newer image wrote is passed over."""
    return ParseDict(document, assignment_pb2.AssignmentNeed(), ignore_unknown_fields=True)


def assignment_message(row: Any) -> assignment_pb2.Assignment:
    """Returns the message of an assignment."""
    message = assignment_pb2.Assignment(
        assignment_id=str(row.assignment_id),
        item_type=row.item_type,
        item_id=row.item_id,
        need=need_message(row.need),
        state=row.state,
        staff_id=str(row.staff_id or ""),
        reasons=[assignment_pb2.AssigneeReason(**one) for one in row.reasons],
        escalation=row.escalation,
        etag=etag_of(row.version),
    )
    message.create_time.FromDatetime(row.create_time)
    for name in ("assign_time", "end_time"):
        if getattr(row, name) is not None:
            getattr(message, name).FromDatetime(getattr(row, name))
    return message


def suggestion(can: Sequence[Judged], cannot: Sequence[Judged]) -> Any:
    """Returns the answer of a suggestion."""
    return assignment_service_pb2.SuggestAssigneeResponse(
        candidates=[*_assignees(can)], refused=[*_assignees(cannot[:_REFUSED])]
    )


def _assignees(found: Iterable[Judged]) -> Iterable[assignment_pb2.Assignee]:
    for one in found:
        reasons = [assignment_pb2.AssigneeReason(code=reason.code, detail=reason.detail) for reason in one.reasons]
        yield assignment_pb2.Assignee(staff_id=one.staff_id, reasons=reasons)


def filters(request: Any) -> dict[str, Any]:
    """Returns the filters of a list request."""
    found: dict[str, Any] = {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "staff_id") if getattr(request, name)
    }
    return {**found, **({"state": request.state} if request.state else {})}


def list_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page of assignments starts."""
    return page_key(page, moment, uuid.UUID)


def assignments_page(rows: Sequence[Any], page: Page) -> Any:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.create_time, str(row.assignment_id)))
    found = [assignment_message(row) for row in shown]
    return assignment_service_pb2.ListAssignmentsResponse(assignments=found, next_page_token=token)


def presence_message(row: Any) -> assignment_pb2.Presence:
    """Returns the message of what somebody said."""
    message = assignment_pb2.Presence(staff_id=str(row.staff_id), state=row.state)
    message.expire_time.FromDatetime(row.expire_time)
    message.report_time.FromDatetime(row.report_time)
    return message


def presences_page(rows: Sequence[Any], page: Page) -> Any:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (str(row.staff_id),))
    found = [presence_message(row) for row in shown]
    return assignment_service_pb2.ListPresencesResponse(presences=found, next_page_token=token)


def presence_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the id after which a page of presences starts."""
    return page_key(page, uuid.UUID)


def load_rows(request: Any) -> list[dict[str, Any]]:
    """Returns the rows of reported loads, each person once."""
    counted = request.count_time.ToDatetime(UTC)
    by_person = {uuid.UUID(one.staff_id): one.open_items for one in request.loads}
    return [
        {"staff_id": staff_id, "service": request.service, "open_items": count, "count_time": counted}
        for staff_id, count in sorted(by_person.items())
    ]


def at_time(request: Any) -> datetime | None:
    """Returns the moment that is asked for; None for now."""
    if not request.HasField("at_time"):
        return None
    found: datetime = request.at_time.ToDatetime(UTC)
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:  # beyond them there are no hours to reckon with
        raise InvalidArgument.of(
            "at_time", "TIME_INVALID", f"Ask for a moment of the years {_FIRST_YEAR} to {_LAST_YEAR}."
        )
    return found
