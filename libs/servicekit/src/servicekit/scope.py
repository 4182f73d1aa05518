"""Which rows a caller may see by its own facts (docs/access.md): all, those of some dealers, or those of one customer.

Stands on two read copies that services hold: `known_dealers` and `customer_aliases`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TypeVar

from servicekit.db import families
from servicekit.db.engine import Reader
from servicekit.ids import is_uuid
from servicekit.rpc.principal import Principal

_DEALERS = """
SELECT dealer_id FROM known_dealers
WHERE ($1 <> '' AND group_code = $1) OR ($2 <> '' AND region_code = $2)
"""
_FAMILY = f"WITH RECURSIVE {families.family('$1::uuid')} SELECT customer_id FROM family"  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's own ids, merged ones included)."""

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


Some = TypeVar("Some", bound=Scope)


def of_dealers(principal: Principal) -> tuple[str, str] | None:
    """Returns the group and region whose dealers' rows a caller sees beside its own dealers'; None for who is of no dealer or region."""
    region = principal.region if "oem.region" in principal.roles else ""
    group = principal.dealer_group if principal.is_dealer else ""
    return (group, region) if principal.is_dealer or region else None


async def scope_of(kind: type[Some], reader: Reader, principal: Principal) -> Some:
    """Returns the caller's scope as a service's own kind of scope."""
    if principal.sees_all_rows:
        return kind(everything=True)
    wider = of_dealers(principal)
    if wider is not None:
        dealers = {uuid.UUID(dealer) for dealer in principal.dealers if is_uuid(dealer)}
        if any(wider):
            dealers.update(row["dealer_id"] for row in await reader.fetch(_DEALERS, *wider))
        return kind(dealers=tuple(sorted(dealers)))
    if principal.is_owner and principal.customer_id:
        return kind(customers=await family(reader, uuid.UUID(principal.customer_id)))
    return kind()


async def family(reader: Reader, customer_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Returns every id under which rows of this customer may stand: of who survived, and all that were merged into it."""
    return tuple(row["customer_id"] for row in await reader.fetch(_FAMILY, customer_id))


async def knows_dealer(reader: Reader, dealer_id: uuid.UUID) -> bool:
    """Tells whether there is such a dealer."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM known_dealers WHERE dealer_id = $1)", dealer_id))
