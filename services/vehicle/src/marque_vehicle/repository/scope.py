"""Who may see which rows (docs/access.md), worked out once per request: all, some dealers', or some customer's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from servicekit import scope
from servicekit.db.engine import Reader
from servicekit.rpc.principal import Principal


@dataclass(frozen=True, slots=True)
class Scope(scope.Scope):
    """The rows in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's own ids, merged ones included)."""

    any_car: bool = False


async def visible_to(reader: Reader, principal: Principal) -> Scope:
    """Returns the caller's scope. `any_car`: a car named by its exact VIN is in sight of dealers and regions, without persons."""
    found = await scope.scope_of(Scope, reader, principal)
    return replace(found, any_car=found.everything or scope.of_dealers(principal) is not None)


async def dealer_zone(reader: Reader, dealer_id: uuid.UUID) -> str | None:
    """Returns the zone of a known dealer (empty where it was never told), None for an unknown dealer."""
    zone: str | None = await reader.fetchval("SELECT time_zone FROM known_dealers WHERE dealer_id = $1", dealer_id)
    return zone


async def dealers_by_code(reader: Reader, codes: Sequence[str]) -> dict[str, tuple[uuid.UUID, str]]:
    """Returns (id, zone) of the known dealers among some codes."""
    rows = await reader.fetch("SELECT code, dealer_id, time_zone FROM known_dealers WHERE code = ANY($1)", list(codes))
    return {row["code"]: (row["dealer_id"], row["time_zone"]) for row in rows}
