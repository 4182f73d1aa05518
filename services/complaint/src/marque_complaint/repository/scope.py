"""Who may see which cases (docs/access.md), worked out once per request: all, some dealers', or some customer's; technical ones alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from servicekit import scope
from servicekit.db.engine import Reader
from servicekit.rpc.principal import Principal

from marque_complaint.models import Case
from marque_complaint.rules.kinds import TECHNICAL

_EVERY_KIND = frozenset({"oem.agent", "oem.manager", "oem.admin", "oem.keyaccount", "oem.quality", "service"})


@dataclass(frozen=True, slots=True)
class Scope(scope.Scope):
    """The cases in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's own ids, merged ones included).
    `kind` other than 0: of these only that kind.
    """

    kind: int = 0

    @property
    def clause(self) -> sa.ColumnElement[bool]:
        """The condition that a case is in sight, for statements of the unit of work."""
        found: Any = sa.true() if not self.kind else Case.kind == self.kind
        if self.everything:
            return sa.and_(found, sa.true())
        if self.customers:
            return sa.and_(found, Case.customer_id.in_(self.customers))
        return sa.and_(found, Case.dealer_id.in_(self.dealers))


EVERYTHING = Scope(everything=True)


async def visible_to(reader: Reader, principal: Principal) -> Scope:
    """Returns the caller's scope."""
    found = await scope.scope_of(Scope, reader, principal)
    only_technical = found.everything and "oem.technical" in principal.roles and not principal.roles & _EVERY_KIND
    return replace(found, kind=TECHNICAL) if only_technical else found


async def dealers_by_code(reader: Reader, codes: list[str]) -> dict[str, uuid.UUID]:
    """Returns the ids of the known dealers among some codes."""
    rows = await reader.fetch("SELECT code, dealer_id FROM known_dealers WHERE code = ANY($1)", codes)
    return {row["code"]: row["dealer_id"] for row in rows}
