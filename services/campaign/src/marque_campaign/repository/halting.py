"""SQL of what became of the messages that a campaign began last."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

# Failed: refused, come back, of which nobody knows; and put off by a mail server (4xx), which is how one says that it has enough of us.
# A provider that names a rate (429), or is not reached, is waited for.
_LATELY = sa.text(
    "SELECT count(*) AS told, count(*) FILTER (WHERE state NOT IN (4, 5)) AS failed FROM ("
    "SELECT state FROM campaign_sends WHERE campaign_id = :campaign AND claim_time > :since AND hand_time IS NOT NULL "
    "AND (state IN (4, 5, 6, 7, 8) OR (state = 1 AND reason LIKE 'SMTP\\_4%')) ORDER BY claim_time DESC LIMIT :most) s"
)


async def lately(session: AsyncSession, campaign_id: uuid.UUID, since: datetime, most: int) -> tuple[int, int]:
    """Returns how many of the messages begun last, after a moment, failed, and of how many something is known."""
    row = (await session.execute(_LATELY, {"campaign": campaign_id, "since": since, "most": most})).one()
    return int(row.failed), int(row.told)
