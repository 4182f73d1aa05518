"""SQL of what is read of the ledger."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import families
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import CampaignSend
from marque_campaign.repository.scope import Scope

_NAMES = ", ".join(column.name for column in CampaignSend.__table__.columns)
_COUNTS = (
    "SELECT state, CASE WHEN state IN (1, 2, 3, 4, 5) THEN '' ELSE reason END AS reason, count(*) AS count "
    "FROM campaign_sends WHERE campaign_id = $1 GROUP BY 1, 2 ORDER BY 1, 2"
)
_OF_PERSON = f"""
WITH RECURSIVE {families.family("$2::uuid")}
SELECT {_NAMES} FROM campaign_sends WHERE campaign_id = $1 AND customer_id IN (SELECT customer_id FROM family) ORDER BY send_id LIMIT 100
"""  # noqa: S608 - our own words


async def counts(reader: Reader, campaign_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns how many lines of a campaign are in a state, for a reason."""
    return list(await reader.fetch(_COUNTS, campaign_id))


async def page(
    reader: Reader, campaign_id: uuid.UUID, state: int, size: Page, after: uuid.UUID | None
) -> list[asyncpg.Record]:
    """Returns a page of a campaign's lines and one more."""
    sql = (
        f"SELECT {_NAMES} FROM campaign_sends WHERE campaign_id = $1 AND ($2::integer = 0 OR state = $2) "  # noqa: S608
        "AND ($3::uuid IS NULL OR send_id > $3) ORDER BY send_id LIMIT $4"
    )
    if state:
        sql = sql.replace("($2::integer = 0 OR state = $2)", "state = $2::integer")
    return list(await reader.fetch(sql, campaign_id, state, after, size.size + 1))


async def of_person(reader: Reader, campaign_id: uuid.UUID, customer_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns the lines of a person, under whatever id they stand."""
    return list(await reader.fetch(_OF_PERSON, campaign_id, customer_id))


async def is_listed(reader: Reader, list_id: uuid.UUID | None, customer_id: uuid.UUID) -> bool:
    """Tells whether somebody stands on a list, under whatever id."""
    sql = (
        f"WITH RECURSIVE {families.family('$2::uuid')} SELECT EXISTS (SELECT FROM audience_list_members m "  # noqa: S608 - our own words
        "JOIN family USING (customer_id) WHERE m.audience_list_id = $1)"
    )
    return list_id is not None and bool(await reader.fetchval(sql, list_id, customer_id))


async def lock(session: AsyncSession, scope: Scope, send_id: uuid.UUID) -> Any:
    """Returns a line of a campaign in the caller's sight, locked, or None."""
    from_campaign = sa.text(
        "SELECT s.send_id, s.state FROM campaign_sends s JOIN campaigns c ON c.campaign_id = s.campaign_id "
        "WHERE s.send_id = :send AND (:all OR c.dealer_id = ANY(CAST(:dealers AS uuid[]))) FOR UPDATE OF s"
    )
    values = {"send": send_id, "all": scope.everything, "dealers": list(scope.dealers)}
    return (await session.execute(from_campaign, values)).one_or_none()


async def read(session: AsyncSession, send_id: uuid.UUID) -> Any:
    """Returns a line as it stands in this transaction."""
    return (await session.execute(sa.select(CampaignSend.__table__).where(CampaignSend.send_id == send_id))).one()


async def was_handed(session: AsyncSession, send_id: uuid.UUID) -> bool:
    """Tells whether there is a line that was handed over once."""
    found = sa.select(CampaignSend.send_id).where(CampaignSend.send_id == send_id, CampaignSend.hand_time.is_not(None))
    return await session.scalar(found) is not None
