"""Who may see which campaigns (docs/access.md), worked out once per request: all, or those of some dealers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from servicekit import scope
from servicekit.db.engine import Reader
from servicekit.db.query import Conditions
from servicekit.rpc.principal import Principal


@dataclass(frozen=True, slots=True)
class Scope(scope.Scope):
    """What is in sight: `everything`, else what belongs to `dealers`. Templates of the maker are in everybody's sight, to be used."""

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
    """Returns the caller's scope; customers see nothing of campaigns."""
    if principal.is_owner and not principal.sees_all_rows and scope.of_dealers(principal) is None:
        return Scope()
    return await scope.scope_of(Scope, reader, principal)
