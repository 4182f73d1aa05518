"""Who may see which rows (docs/access.md), worked out once per request: all, some dealers', or some customer's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from servicekit.db.engine import Reader
from servicekit.rpc.principal import Principal

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
    """The rows in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's own ids, merged ones included)."""

    everything: bool = False
    dealers: tuple[uuid.UUID, ...] = ()
    customers: tuple[uuid.UUID, ...] = ()
    any_car: bool = False

    @property
    def asks_for(self) -> tuple[uuid.UUID, ...] | None:
        """The dealers for whom other services are asked about persons; None: for the maker, who knows everybody."""
        return None if self.everything else self.dealers

    @property
    def nothing(self) -> bool:
        """Tells whether no row is in sight."""
        return not (self.everything or self.dealers or self.customers)


async def visible_to(reader: Reader, principal: Principal) -> Scope:
    """Returns the caller's scope. `any_car`: a car named by its exact VIN is in sight of dealers and regions, without persons."""
    if principal.sees_all_rows:
        return Scope(everything=True, any_car=True)
    region = principal.region if "oem.region" in principal.roles else ""
    group = principal.dealer_group if principal.is_dealer else ""
    if principal.is_dealer or region:
        dealers = {uuid.UUID(dealer) for dealer in principal.dealers}
        if group or region:
            dealers.update(row["dealer_id"] for row in await reader.fetch(_DEALERS, group, region))
        return Scope(dealers=tuple(sorted(dealers)), any_car=True)
    if principal.is_owner and principal.customer_id:
        return Scope(customers=await family(reader, uuid.UUID(principal.customer_id)))
    return Scope()


async def family(reader: Reader, customer_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Returns every id under which rows of this customer may stand: of who survived, and all that were merged into it."""
    return tuple(row["customer_id"] for row in await reader.fetch(_FAMILY, customer_id))


async def dealer_zone(reader: Reader, dealer_id: uuid.UUID) -> str | None:
    """Returns the zone of a known dealer (empty where it was never told), None for an unknown dealer."""
    zone: str | None = await reader.fetchval("SELECT time_zone FROM known_dealers WHERE dealer_id = $1", dealer_id)
    return zone


async def dealers_by_code(reader: Reader, codes: Sequence[str]) -> dict[str, tuple[uuid.UUID, str]]:
    """Returns (id, zone) of the known dealers among some codes."""
    rows = await reader.fetch("SELECT code, dealer_id, time_zone FROM known_dealers WHERE code = ANY($1)", list(codes))
    return {row["code"]: (row["dealer_id"], row["time_zone"]) for row in rows}
