"""What several servicers ask of a request's scope."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.rpc.call import Call
from servicekit.scope import knows_dealer

from marque_complaint.errors import CaseNotFound, DealerNotFound
from marque_complaint.repository import cases as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.repository.scope import Scope


async def seen(work: Work, call: Call, case_id: str) -> Any:
    """Returns the row of a case in the caller's sight. Raises CaseNotFound."""
    scope = await scopes.visible_to(work.reader, call.principal)
    row = await repository.get_case(work.reader, scope, uuid.UUID(case_id))
    if row is None:
        raise CaseNotFound()
    return row


async def dealer_of(work: Work, scope: Scope, named: str) -> uuid.UUID | None:
    """Returns the dealer who answers for a new case: the one named, for a dealer's staff their own, else the maker (None).

    Raises:
        InvalidArgument: a dealer's staff has several and names none.
        DealerNotFound: it is unknown, or not the caller's.
    """
    if not named:
        if scope.everything or scope.customers:
            return None
        if len(scope.dealers) != 1:
            raise InvalidArgument.of("case.dealer_id", "DEALER_MISSING", "Name the dealer.")
        return scope.dealers[0]
    return await own_dealer(work, scope, uuid.UUID(named))


async def own_dealer(work: Work, scope: Scope, dealer: uuid.UUID) -> uuid.UUID:
    """Returns a dealer to whom the caller may give a case; a customer names any. Raises DealerNotFound."""
    anybody = scope.everything or bool(scope.customers)
    if not (anybody or dealer in scope.dealers) or not await knows_dealer(work.reader, dealer):
        raise DealerNotFound()
    return dealer
