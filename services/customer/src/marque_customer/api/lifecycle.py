"""The servicer of where customers stand."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import LifecycleRulesNotFound
from marque_customer.mapping import facts as facts_mapping
from marque_customer.mapping import lifecycle as mapping
from marque_customer.repository import facts
from marque_customer.repository import values as repository
from marque_customer.usecases.lifecycle import reading, rules


class LifecycleApi:
    """marque.customer.v1.LifecycleService."""

    service = "marque.customer.v1.LifecycleService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetCustomerValue(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await reading.value(session, call.principal, uuid.UUID(request.customer_id))
        return mapping.value_message(call, *found)

    async def ListLifecycleHistory(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        async with self._work.read() as session:
            family = await reading.seen(session, call.principal, uuid.UUID(request.customer_id))
            rows = await repository.history(session, family, page, descending, after)
        return mapping.history_page(*page.cut(rows, lambda row: (row.create_time, str(row.change_id))))

    async def BatchGetCustomerFacts(self, request: Any, call: Call) -> Any:
        ids = sorted({uuid.UUID(one) for one in request.customer_ids})
        return facts_mapping.facts(*await facts.batch(self._work.reader, ids))

    async def GetLifecycleRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.version(session, request.version)
        if row is None:
            raise LifecycleRulesNotFound(version=request.version)
        return mapping.rules_message(row)

    async def PutLifecycleRules(self, request: Any, call: Call) -> Any:
        values, effective = mapping.rules_values(request.rules)
        return await rules.put(
            uow=self._work(call, mapping.rules_message),
            values=values,
            effective=effective,
            etag=request.rules.etag,
        )
