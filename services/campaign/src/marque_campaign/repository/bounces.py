"""SQL of addresses that can get nothing any more."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

_MARK = sa.text(
    "INSERT INTO bounced_addresses (address_hash, channel, reason, send_id, create_time) "
    "SELECT address_hash, channel, :reason, send_id, :now FROM campaign_sends WHERE send_id = :send AND address_hash <> '' "
    "ON CONFLICT DO NOTHING"
)
_LIFT = sa.text(
    "DELETE FROM bounced_addresses WHERE send_id = :send "
    "AND address_hash = (SELECT address_hash FROM campaign_sends WHERE send_id = :send)"
)
_FORGET = sa.text(
    "DELETE FROM bounced_addresses WHERE address_hash IN "
    "(SELECT address_hash FROM campaign_sends WHERE customer_id = ANY(:ids) AND address_hash <> '')"
)


async def mark(session: AsyncSession, send_id: uuid.UUID, reason: str, now: datetime) -> None:
    """Notes that the address of a line can get nothing any more; the first reason stays."""
    await session.execute(_MARK, {"send": send_id, "reason": reason, "now": now})


async def lift(session: AsyncSession, send_id: uuid.UUID) -> bool:
    """Forgets what the message of a line told of its address; tells whether it had."""
    return bool((await session.execute(_LIFT, {"send": send_id})).rowcount)  # type: ignore[attr-defined]


async def marked(reader: Reader, hashes: Sequence[str]) -> set[str]:
    """Returns those of some hashes whose address can get nothing any more."""
    sql = "SELECT address_hash FROM bounced_addresses WHERE address_hash = ANY($1::text[])"
    return {row["address_hash"] for row in await reader.fetch(sql, list(hashes))}


async def forget(session: AsyncSession, ids: Sequence[uuid.UUID]) -> int:
    """Forgets the addresses of people; returns how many there were."""
    return int((await session.execute(_FORGET, {"ids": list(ids)})).rowcount)  # type: ignore[attr-defined]
