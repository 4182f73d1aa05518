"""SQL of the codes of offers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import OfferCode, OfferRedemption
from marque_campaign.repository.scope import Scope

_CODES: Any = OfferCode.__table__
_REDEMPTIONS: Any = OfferRedemption.__table__
_FOUND = (
    "SELECT o.code, o.campaign_id, o.customer_id, o.send_id, c.dealer_id, c.state, c.offer, r.customer_id AS redeem_customer_id, "
    "r.dealer_id AS redeem_dealer_id, r.redeem_time FROM offer_codes o JOIN campaigns c ON c.campaign_id = o.campaign_id "
    "LEFT JOIN offer_redemptions r ON r.code = o.code AND r.once_key = ''"
)
_REPORT = """
SELECT count(DISTINCT o.code) AS codes, count(r.redemption_id) AS redeemed FROM offer_codes o
LEFT JOIN offer_redemptions r ON r.code = o.code WHERE o.campaign_id = $1
"""


async def draw(
    session: AsyncSession,
    campaign_id: uuid.UUID,
    codes: Mapping[uuid.UUID | None, tuple[str, uuid.UUID | None]],
    now: datetime,
) -> dict[uuid.UUID | None, str]:
    """Gives people (None: everybody) a code, new ones of (code, line) to who has none; returns everybody's.

    Somebody is absent whose new code was drawn before for another: they are given another one at the next asking.
    """
    people = sorted(codes, key=str)
    rows = [
        {
            "code": codes[one][0],
            "campaign_id": campaign_id,
            "customer_id": one,
            "send_id": codes[one][1],
            "create_time": now,
        }
        for one in people
    ]
    await session.execute(insert(_CODES).values(rows).on_conflict_do_nothing())
    mine = sa.or_(_CODES.c.customer_id.in_([one for one in people if one is not None]), _CODES.c.customer_id.is_(None))
    found = await session.execute(
        sa.select(_CODES.c.customer_id, _CODES.c.code).where(_CODES.c.campaign_id == campaign_id, mine)
    )
    return {row.customer_id: row.code for row in found if row.customer_id in codes}


async def find(reader: Reader, scope: Scope, code: str) -> asyncpg.Record | None:
    """Returns a code that the caller may redeem, with its campaign: of the maker, or of a dealer in sight."""
    sql = f"{_FOUND} WHERE o.code = $1 AND ($2 OR c.dealer_id IS NULL AND $3 OR c.dealer_id = ANY($4::uuid[]))"
    return await reader.fetchrow(sql, code, scope.everything, bool(scope.dealers), list(scope.dealers))


async def lock(session: AsyncSession, code: str) -> Any:
    """Locks a code and returns it as `find` does, with what is committed by then."""
    await session.execute(sa.select(_CODES.c.code).where(_CODES.c.code == code).with_for_update())
    return (await session.execute(sa.text(f"{_FOUND} WHERE o.code = :code"), {"code": code})).one_or_none()


async def redeem(session: AsyncSession, row: dict[str, Any]) -> bool:
    """Writes a redemption; False where there is one already."""
    made = insert(_REDEMPTIONS).values(row).on_conflict_do_nothing().returning(_REDEMPTIONS.c.redemption_id)
    return (await session.execute(made)).one_or_none() is not None


async def counts(reader: Reader, campaign_id: uuid.UUID) -> tuple[int, int]:
    """Returns how many codes of a campaign there are, and how often they were redeemed."""
    row = await reader.fetchrow(_REPORT, campaign_id)
    return (row["codes"], row["redeemed"]) if row is not None else (0, 0)
