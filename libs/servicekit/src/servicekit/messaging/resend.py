"""Events said again that the broker acknowledged and has lost since: it was restored from an older state, or begun anew.

Their outbox rows count as unpublished again and the relay takes them, in the order of their commit. They keep their ids, so that the broker
drops those that it still has in its window for doubles, and the inboxes of consumers pass over what was applied.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument

STEP = 10_000
_AGAIN = sa.text(
    "UPDATE outbox_messages SET publish_time = NULL WHERE position = ANY(ARRAY("
    "SELECT position FROM outbox_messages WHERE publish_time >= :start AND publish_time < :end ORDER BY position LIMIT :step))"
)


async def resend(uow: UnitOfWork, start: datetime, end: datetime) -> int:
    """Makes the oldest events that were published in a span wait for the relay again, at most STEP; returns how many.

    Raises InvalidArgument where the span is empty.
    """
    if start >= end:
        violation = FieldViolation("publish_start_time", "RESEND_SPAN", "The span begins at its end or after it.")
        raise InvalidArgument(violations=[violation])
    changed = await uow.session.execute(_AGAIN, {"start": start, "end": end, "step": STEP})
    return int(changed.rowcount)  # type: ignore[attr-defined]
