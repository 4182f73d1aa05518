"""Who may see which invitations (docs/access.md), worked out once per request: all, some dealers', or some customer's."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from servicekit import scope
from servicekit.db.engine import Reader
from servicekit.rpc.principal import Principal

from marque_survey.models import Invitation


@dataclass(frozen=True, slots=True)
class Scope(scope.Scope):
    """The invitations in sight: `everything`, else those of `dealers`, else those of `customers` (the caller's ids, merged ones too)."""

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
    return await scope.scope_of(Scope, reader, principal)
