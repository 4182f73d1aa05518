"""The servicer of quotes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.clients import Network
from marque_customer.errors.showroom import QuoteNotFound, QuoteRulesNotFound
from marque_customer.mapping import quotes as mapping
from marque_customer.mapping.times import moment
from marque_customer.repository import families
from marque_customer.repository import quotes as repository
from marque_customer.rules.quotes import MOST_VERSIONS
from marque_customer.usecases.showroom import approvals
from marque_customer.usecases.showroom import quotes as usecases


class QuoteApi:
    """marque.customer.v1.QuoteService."""

    service = "marque.customer.v1.QuoteService"

    def __init__(self, work: Work, network: Network | None) -> None:
        self._work = work
        self._network = network

    async def CreateQuote(self, request: Any, call: Call) -> Any:
        return await usecases.create(
            uow=self._work(call, mapping.quote_for(call)),
            lead_id=uuid.UUID(request.lead_id),
            offer=mapping.offer_values(request),
            valid_until=_until(request),
        )

    async def ReviseQuote(self, request: Any, call: Call) -> Any:
        offer = mapping.offer_values(request)
        return await usecases.revise(**self._one(request, call), offer=offer, valid_until=_until(request))

    async def GetQuote(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.quote_id))
        if row is None:
            raise QuoteNotFound(quote_id=request.quote_id)
        return mapping.quote_for(call)(row)

    async def ListQuotes(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        equal: dict[str, Any] = {
            name: uuid.UUID(text) for name in ("dealer_id", "lead_id") if (text := getattr(request, name))
        }
        if request.state:
            equal["state"] = request.state
        async with self._work.read() as session:
            family = await families.whole(session, [uuid.UUID(request.customer_id)]) if request.customer_id else None
            rows = await repository.page(
                session, call.principal, equal, family, request.open_only, descending, page, after
            )
        return mapping.quote_page(call, *page.cut(rows, lambda row: (row.create_time, str(row.quote_id))))

    async def ListQuoteVersions(self, request: Any, call: Call) -> Any:
        quote_id = uuid.UUID(request.quote_id)
        async with self._work.read() as session:
            if await repository.read(session, call.principal, quote_id) is None:
                raise QuoteNotFound(quote_id=request.quote_id)
            rows = await repository.versions(session, quote_id, MOST_VERSIONS)
        return mapping.version_list(call, rows)

    async def GetQuoteAdvice(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await approvals.advise(
                session=session, principal=call.principal, lead_id=uuid.UUID(request.lead_id), now=now()
            )
        return mapping.advice(call, found)

    async def RequestQuoteApproval(self, request: Any, call: Call) -> Any:
        own = await self._personal_limit(request, call, must_know=False)
        return await approvals.ask(**self._one(request, call), reason=request.reason, own=own)

    async def DecideQuoteApproval(self, request: Any, call: Call) -> Any:
        own = await self._personal_limit(request, call, must_know=True) if request.approved else None
        said = {"approved": request.approved, "reason": request.reason, "own": own}
        return await approvals.decide(**self._one(request, call), **said)

    async def SendQuote(self, request: Any, call: Call) -> Any:
        return await usecases.send(**self._one(request, call))

    async def AcceptQuote(self, request: Any, call: Call) -> Any:
        return await usecases.accept(**self._one(request, call))

    async def DeclineQuote(self, request: Any, call: Call) -> Any:
        return await usecases.decline(**self._one(request, call), reason=request.reason)

    async def WithdrawQuote(self, request: Any, call: Call) -> Any:
        return await usecases.withdraw(**self._one(request, call), reason=request.reason)

    async def GetQuoteRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            asked = request.version
            row = await (repository.rules_of(session, asked) if asked else repository.latest_rules(session))
        if row is None:
            raise QuoteRulesNotFound(version=request.version)
        return mapping.rules_message(row)

    async def PutQuoteRules(self, request: Any, call: Call) -> Any:
        values = mapping.rules_values(request.rules)
        uow = self._work(call, mapping.rules_message)
        return await approvals.put_rules(uow=uow, values=values, etag=request.rules.etag)

    async def _personal_limit(self, request: Any, call: Call, *, must_know: bool) -> int | None:
        return await approvals.personal_limit(
            work=self._work,
            network=self._network,
            principal=call.principal,
            quote_id=uuid.UUID(request.quote_id),
            must_know=must_know,
        )

    def _one(self, request: Any, call: Call) -> dict[str, Any]:
        uow = self._work(call, mapping.quote_for(call))
        return {"uow": uow, "quote_id": uuid.UUID(request.quote_id), "etag": request.etag}


def _until(request: Any) -> datetime | None:
    return moment(request.valid_until_time, "valid_until_time") if request.HasField("valid_until_time") else None
