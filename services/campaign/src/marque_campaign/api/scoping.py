"""What several servicers ask: the dealer of something new, and pages of rows."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import DomainError, InvalidArgument
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call
from servicekit.scope import knows_dealer

from marque_campaign.errors import DealerNotFound
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.repository.scope import Scope


async def owner_of(work: Work, scope: Scope, named: str, field: str) -> uuid.UUID | None:
    """Returns whose something new is: the dealer named, for a dealer's staff their own, else the maker's (None).

    Raises:
        InvalidArgument: a dealer's staff has several and names none.
        DealerNotFound: it is unknown, or not the caller's.
    """
    if not named:
        if scope.everything:
            return None
        if len(scope.dealers) != 1:
            raise InvalidArgument.of(field, "DEALER_MISSING", "Name the dealer.")
        return scope.dealers[0]
    dealer = uuid.UUID(named)
    if not (scope.everything or dealer in scope.dealers) or not await knows_dealer(work.reader, dealer):
        raise DealerNotFound()
    return dealer


async def seen(work: Work, call: Call, kind: repository.Kind, key: str, error: type[DomainError]) -> Any:
    """Returns the row of something in the caller's sight. Raises `error`."""
    scope = await scopes.visible_to(work.reader, call.principal)
    row = await repository.get(work.reader, kind, scope, uuid.UUID(key))
    if row is None:
        raise error()
    return row


async def page_of_rows(
    work: Work, call: Call, rows_of: repository.Kind, request: Any, **filters: Any
) -> tuple[list[Any], str]:
    """Returns the rows of a page by creation, and the token of the next one."""
    page = page_of(request)
    order = Order.of(request.order_by, "create_time desc", rows_of.key)
    after = page_key(page, moment, uuid.UUID)
    scope = await scopes.visible_to(work.reader, call.principal)
    if scope.nothing and not rows_of.shared:
        return [], ""
    if request.dealer_id:
        filters["dealer_id"] = uuid.UUID(request.dealer_id)
    rows = await repository.page(work.reader, rows_of, scope, filters, order, page, after)
    shown, token = page.cut(rows, lambda row: (row["create_time"], str(row[rows_of.key])))
    return list(shown), token
