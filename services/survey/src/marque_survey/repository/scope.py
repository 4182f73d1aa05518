"""Who may see which invitations (docs/access.md), worked out once per request: all, some dealers', or some customer's."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.rpc.principal import Principal

from marque_survey.models import Invitation

_DEALERS = """
SELECT dealer_id FROM known_dealers
WHERE ($1 <> '' AND group_code = $1) OR ($2 <> '' AND region_code = $2)
"""
# Up to who survived, then down to all who were merged. A circle can stand until all its events are heard, so the way up has an end.
_FAMILY = """
WITH RECURSIVE up AS (
    SELECT $1::uuid AS customer_id, 0 AS depth
    UNION ALL SELECT a.to_customer_id, u.depth + 1 FROM up u JOIN customer_aliases a ON a.from_customer_id = u.customer_id
    WHERE a.known_until IS NULL AND u.depth < 32),
family AS (
    SELECT customer_id FROM (SELECT customer_id FROM up ORDER BY depth DESC LIMIT 1) top
    UNION SELECT a.from_customer_id FROM customer_aliases a JOIN family f ON a.to_customer_id = f.customer_id
    WHERE a.known_until IS NULL)
SELECT customer_id FROM family
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The invitations in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's ids, merged ones too)."""

    everything: bool = False
    dealers: tuple[uuid.UUID, ...] = ()
    customers: tuple[uuid.UUID, ...] = ()

    @property
    def asks_for(self) -> tuple[uuid.UUID, ...] | None:
        """The dealers for whom other services are asked about persons; None: for the maker, who knows everybody."""
        return None if self.everything else self.dealers

    @property
    def nothing(self) -> bool:
        """Tells whether no row is in sight."""
        return not (self.everything or self.dealers or self.customers)

    @property
    def knows_persons(self) -> bool:
        """Tells whether who was promised that dealers do not learn who they are is shown all the same: to the maker and to themselves."""
        return self.everything or bool(self.customers)

    @property
    def clause(self) -> sa.ColumnElement[bool]:
        """The condition that an invitation is in sight, for statements of the unit of work."""
        if self.everything:
            return sa.true()
        if self.customers:
            return Invitation.customer_id.in_(self.customers)
        return Invitation.dealer_id.in_(self.dealers)


EVERYTHING = Scope(everything=True)


async def visible_to(reader: Reader, principal: Principal) -> Scope:
    """Returns the caller's scope."""
    if principal.sees_all_rows:
        return EVERYTHING
    region = principal.region if "oem.region" in principal.roles else ""
    group = principal.dealer_group if principal.is_dealer else ""
    if principal.is_dealer or region:
        dealers = {uuid.UUID(dealer) for dealer in principal.dealers}
        if group or region:
            dealers.update(row["dealer_id"] for row in await reader.fetch(_DEALERS, group, region))
        return Scope(dealers=tuple(sorted(dealers)))
    if principal.is_owner and principal.customer_id:
        return Scope(customers=await family(reader, uuid.UUID(principal.customer_id)))
    return Scope()


async def family(reader: Reader, customer_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Returns every id under which invitations of this customer may stand: of who survived, and all that were merged into it."""
    return tuple(row["customer_id"] for row in await reader.fetch(_FAMILY, customer_id))


async def knows_dealer(reader: Reader, dealer_id: uuid.UUID) -> bool:
    """Tells whether there is such a dealer."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM known_dealers WHERE dealer_id = $1)", dealer_id))
