"""Who may see which campaigns (docs/access.md), worked out once per request: all, or those of some dealers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.ids import is_uuid
from servicekit.rpc.principal import Principal

from marque_campaign.repository.query import Conditions

_DEALERS = """
SELECT dealer_id FROM known_dealers
WHERE ($1 <> '' AND group_code = $1) OR ($2 <> '' AND region_code = $2)
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is in sight: `everything`, else what belongs to `dealers`. Templates of the maker are in everybody's sight, to be used."""

    everything: bool = False
    dealers: tuple[uuid.UUID, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tells whether no row of anybody's own is in sight."""
        return not (self.everything or self.dealers)

    def clause(self, column: Any, *, shared: bool = False) -> sa.ColumnElement[bool]:
        """The condition that a row is in sight, for statements of the unit of work; `shared`: those of the maker too."""
        if self.everything:
            return sa.true()
        mine: sa.ColumnElement[bool] = column.in_(self.dealers)
        return sa.or_(mine, column.is_(None)) if shared else mine

    def narrow(self, conditions: Conditions, *, shared: bool = False) -> None:
        """Keeps a read inside the scope."""
        if not self.everything:
            conditions.add(
                "(dealer_id = ANY({}) OR dealer_id IS NULL)" if shared else "dealer_id = ANY({})", list(self.dealers)
            )


EVERYTHING = Scope(everything=True)


async def visible_to(reader: Reader, principal: Principal) -> Scope:
    """Returns the caller's scope."""
    if principal.sees_all_rows:
        return EVERYTHING
    region = principal.region if "oem.region" in principal.roles else ""
    group = principal.dealer_group if principal.is_dealer else ""
    if not (principal.is_dealer or region):
        return Scope()
    dealers = {uuid.UUID(dealer) for dealer in principal.dealers if is_uuid(dealer)}
    if group or region:
        dealers.update(row["dealer_id"] for row in await reader.fetch(_DEALERS, group, region))
    return Scope(dealers=tuple(sorted(dealers)))


async def knows_dealer(reader: Reader, dealer_id: uuid.UUID) -> bool:
    """Tells whether there is such a dealer."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM known_dealers WHERE dealer_id = $1)", dealer_id))
