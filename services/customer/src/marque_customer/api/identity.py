"""The servicer of identity: what sources said, merges, and the queue of duplicates."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import identity_service_pb2
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import CustomerNotFound
from marque_customer.mapping import identity as mapping
from marque_customer.mapping.times import moment
from marque_customer.repository import duplicates as queue
from marque_customer.repository import families, merges
from marque_customer.usecases import duplicates, merging, provenance
from marque_customer.usecases.merging import Wish


class IdentityApi:
    """marque.customer.v1.IdentityService."""

    service = "marque.customer.v1.IdentityService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetCustomerProvenance(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            family = await families.seen(session, call.principal, uuid.UUID(request.customer_id))
            if not family:
                raise CustomerNotFound(customer_id=request.customer_id)
            told, points = await provenance.tell(session=session, family=family)
        return mapping.provenance(call, family, request.fields, told, points)

    async def MergeCustomers(self, request: Any, call: Call) -> Any:
        wish = _wish(request)._replace(etag=request.etag)
        return await merging.merge(uow=self._work(call, mapping.merge_for(call)), wish=wish)

    async def BatchMergeCustomers(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.outcomes_for(call))
        return await merging.merge_many(uow=uow, wishes=[_wish(pair) for pair in request.pairs])

    async def UnmergeCustomers(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.merge_for(call))
        return await merging.unmerge(uow=uow, merge_id=uuid.UUID(request.merge_id), reason=request.reason)

    async def ListCustomerMerges(self, request: Any, call: Call) -> Any:
        page, asked = page_of(request), uuid.UUID(request.customer_id)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "merge_time"
        async with self._work.read() as session:
            if not await families.seen(session, call.principal, asked):
                raise CustomerNotFound(customer_id=request.customer_id)
            rows = await merges.page(session, await families.family(session, asked), page, descending, after)
        shown, token = page.cut(rows, lambda row: (row.merge_time, str(row.merge_id)))
        return identity_service_pb2.ListCustomerMergesResponse(
            merges=map(mapping.merge_for(call), shown), next_page_token=token
        )

    async def ListDuplicateCandidates(self, request: Any, call: Call) -> Any:
        page, column = page_of(request), (request.order_by or "score").partition(" ")[0]
        after = page_key(page, float if column == "score" else token_moment, uuid.UUID)
        async with self._work.read() as session:
            rows = await queue.page(session, call.principal, request, page, after)
            shown, token = page.cut(rows, lambda row: (getattr(row, column), str(row.candidate_id)))
            cards = await queue.cards(session, (one for row in shown for one in (row.left_id, row.right_id)))
        render = mapping.candidate_for(call)
        return identity_service_pb2.ListDuplicateCandidatesResponse(
            candidates=[render((row, cards)) for row in shown], next_page_token=token
        )

    async def DecideDuplicateCandidate(self, request: Any, call: Call) -> Any:
        decision = duplicates.Decision(
            candidate_id=uuid.UUID(request.candidate_id),
            decision=request.decision,
            surviving=uuid.UUID(request.surviving_customer_id) if request.surviving_customer_id else None,
            across_kinds=request.across_kinds,
            review_time=moment(request.review_time, "review_time") if request.HasField("review_time") else None,
            etag=request.etag,
        )
        return await duplicates.decide(uow=self._work(call, mapping.candidate_for(call)), decision=decision)


def _wish(message: Any) -> Wish:
    return Wish(
        into=uuid.UUID(message.customer_id),
        gone=uuid.UUID(message.from_customer_id),
        reasons=list(dict.fromkeys(message.reasons)),
        across_kinds=message.across_kinds,
    )
