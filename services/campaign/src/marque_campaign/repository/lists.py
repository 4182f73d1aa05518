"""SQL of everything that is read by id and listed: campaigns, templates, lists of people, under one roof because they are read alike."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceList, Campaign, LetterFile, MarketingPlan, MessageTemplate, Segment
from marque_campaign.repository.scope import Scope


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rows: its table, its key, whether those of the maker are in every dealer's sight, and whether rows that were deleted stand
    there still (`delete_time`): those are there for nobody.
    """

    model: Any
    key: str
    shared: bool = False
    deleted: bool = False

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)

    @property
    def columns(self) -> str:
        """All columns, as words of SQL."""
        return ", ".join(column.name for column in self.model.__table__.columns)

    def narrow(self, conditions: query.Conditions) -> None:
        """Leaves out of a read what was deleted."""
        if self.deleted:
            conditions.add("delete_time IS NULL")

    @property
    def there(self) -> sa.ColumnElement[bool]:
        """The condition that a row was not deleted, for statements of the unit of work."""
        return self.model.delete_time.is_(None) if self.deleted else sa.true()


CAMPAIGNS = Kind(Campaign, "campaign_id")
TEMPLATES = Kind(MessageTemplate, "template_id", shared=True)
AUDIENCE_LISTS = Kind(AudienceList, "audience_list_id", deleted=True)
SEGMENTS = Kind(Segment, "segment_id")
MARKETING_PLANS = Kind(MarketingPlan, "marketing_plan_id")
LETTER_FILES = Kind(LetterFile, "letter_file_id")


async def get(reader: Reader, kind: Kind, scope: Scope, key: uuid.UUID) -> asyncpg.Record | None:
    """Returns a row in the caller's sight."""
    conditions = query.Conditions()
    conditions.add(f"{kind.key} = {{}}", key)
    kind.narrow(conditions)
    scope.narrow(conditions, shared=kind.shared)
    sql = f"SELECT {kind.columns} FROM {kind.table} WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def page(
    reader: Reader,
    kind: Kind,
    scope: Scope,
    filters: dict[str, Any],
    order: query.Order,
    size: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of rows in the caller's sight and one more; `filters` are columns and the values that they must have, if any."""
    conditions = query.Conditions()
    kind.narrow(conditions)
    scope.narrow(conditions, shared=kind.shared)
    dealer = filters.get("dealer_id")
    for name, value in filters.items():
        if value and name != "dealer_id":
            conditions.add(f"{name} = {{}}", value)
    order.after(conditions, after)
    driver: query.Driver | None = None
    if dealer:
        driver = "dealer_id", [dealer], "uuid"
    elif not scope.everything and not kind.shared:
        driver = "dealer_id", scope.dealers, "uuid"
    return await query.page(reader, kind.table, kind.columns, conditions, order, size, driver)


async def lock(session: AsyncSession, kind: Kind, scope: Scope, key: uuid.UUID) -> Any:
    """Returns a row in the caller's own sight for change, or None. What is merely shared is not there to be changed."""
    mine = scope.clause(kind.model.dealer_id)
    found = sa.select(kind.model).where(getattr(kind.model, kind.key) == key, kind.there, mine)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def used(session: AsyncSession, kind: Kind, scope: Scope, key: uuid.UUID, dealer: uuid.UUID | None) -> Any:
    """Returns a row that something of `dealer` (None: of the maker) may use, or None: its owner's own, and what is shared. What may be
    deleted is not until this transaction ends.
    """
    model = kind.model
    own = model.dealer_id.is_(None) if dealer is None else model.dealer_id == dealer
    fits = sa.or_(own, model.dealer_id.is_(None)) if kind.shared else own
    found = sa.select(model).where(
        getattr(model, kind.key) == key, kind.there, fits, scope.clause(model.dealer_id, shared=kind.shared)
    )
    return (await session.scalars(found.with_for_update(read=True) if kind.deleted else found)).one_or_none()
