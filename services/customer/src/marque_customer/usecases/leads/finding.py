"""Search of leads by their people."""

from __future__ import annotations

from typing import Any

from marque.customer.v1 import lead_service_pb2
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.rpc.call import Call
from tradekit import search as trade

from marque_customer.mapping.leads import lead_for
from marque_customer.repository import leads as repository
from marque_customer.repository import search as people
from marque_customer.repository.sight import sight_of

_DEFAULT = 50


async def search(*, work: Work, call: Call, request: Any) -> lead_service_pb2.SearchLeadsResponse:
    """Returns the leads of the people who fit, newest first. Raises InvalidArgument for a query of separators only."""
    query = trade.query(request.query)
    if query.is_empty:
        raise InvalidArgument.of("query", "QUERY_EMPTY", "Give a name, a number or a key of two characters at least.")
    size = request.page_size or _DEFAULT
    found = await people.candidates(work.reader, sight_of(call.principal), query, 0)
    ids = [row["customer_id"] for row in found[: repository.SEARCHED]]
    async with work.read() as session:
        rows = await repository.of_customers(session, call.principal, ids, size) if ids else []
    render = lead_for(call)
    return lead_service_pb2.SearchLeadsResponse(
        leads=[render(row) for row in rows[:size]],
        truncated=len(found) > repository.SEARCHED or len(rows) > size,
    )
