"""Between rows and messages of hand-overs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marque.network.v1 import hand_over_pb2, hand_over_service_pb2
from servicekit.paging import Page, page_key

from marque_network.models import Report


def report_message(found: Report) -> hand_over_pb2.HandOver:
    """Returns the message of a hand-over."""
    row = found.row
    message = hand_over_pb2.HandOver(
        hand_over_id=str(row.hand_over_id),
        staff_id=str(row.staff_id),
        dealer_id=str(row.dealer_id or ""),
        successor_staff_ids=[str(one) for one in row.successors],
        state=hand_over_pb2.HAND_OVER_STATE_DONE if row.end_time is not None else hand_over_pb2.HAND_OVER_STATE_RUNNING,
    )
    message.create_time.FromDatetime(row.create_time)
    if row.end_time is not None:
        message.end_time.FromDatetime(row.end_time)
    for step in found.steps:
        part = message.steps.add(
            service=step.service, handed_count=step.handed, refused_count=step.refused, failure=step.failure
        )
        if step.end_time is not None:
            part.end_time.FromDatetime(step.end_time)
    return message


def items_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page of the report starts."""
    return page_key(page, str, int)


def items_page(rows: Sequence[Any], page: Page) -> hand_over_service_pb2.ListHandOverItemsResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.service, row.position))
    items = [
        hand_over_pb2.HandOverItem(
            service=row.service,
            position=row.position,
            kind=row.kind,
            key=row.key,
            to_staff_id=str(row.to_staff_id or ""),
            reason=row.reason,
        )
        for row in shown
    ]
    return hand_over_service_pb2.ListHandOverItemsResponse(items=items, next_page_token=token)
