"""The servicer of scorecards."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.errors import ScorecardModelNotFound
from marque_network.mapping import scorecards as mapping
from marque_network.mapping.dealers import dealer_filters
from marque_network.mapping.parts import one_period
from marque_network.repository import scorecards as repository
from marque_network.usecases import scorecards as usecases

_COLUMNS = {1: "region_code", 2: "group_code"}  # the contract's numbers of ScoreComparison


class DealerScorecardApi:
    """marque.network.v1.DealerScorecardService."""

    service = "marque.network.v1.DealerScorecardService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutKpi(self, request: Any, call: Call) -> Any:
        values = mapping.kpi_values(request.kpi)
        return await usecases.put_kpi(uow=self._work(call, mapping.kpi_message), values=values, etag=request.kpi.etag)

    async def ListKpis(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.kpi_key(page)
        async with self._work.read() as session:
            rows = await repository.list_kpis(session, page, after)
        return mapping.kpi_page(rows, page)

    async def PutScorecardModel(self, request: Any, call: Call) -> Any:
        values = mapping.model_values(request.model)
        return await usecases.put_model(
            uow=self._work(call, mapping.model_message), values=values, etag=request.model.etag
        )

    async def GetScorecardModel(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_model(session, request.year)
        if row is None:
            raise ScorecardModelNotFound(year=request.year)
        return mapping.model_message(row)

    async def RecordKpiValues(self, request: Any, call: Call) -> Any:
        return await usecases.record_values(uow=self._work(call), rows=mapping.value_rows(request.values))

    async def ListKpiValues(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.value_key(page)
        filters = mapping.value_filters(request)
        async with self._work.read() as session:
            rows = await repository.list_values(session, call.principal, filters, request.order_by, page, after)
        return mapping.value_page(rows, page)

    async def GetDealerScore(self, request: Any, call: Call) -> Any:
        period = one_period(request)
        async with self._work.read() as session:
            dealer, score = await usecases.dealer_score(
                session=session, principal=call.principal, dealer_id=uuid.UUID(request.dealer_id), period=period
            )
        return mapping.score_message(dealer, period, score)

    async def ListDealerScores(self, request: Any, call: Call) -> Any:
        page = page_of(request, max_size=200)
        period = one_period(request)
        after = mapping.score_key(page)
        async with self._work.read() as session:
            rows = await usecases.dealer_scores(
                session=session,
                principal=call.principal,
                filters=dealer_filters(request, "region_code", "group_code"),
                period=period,
                descending=request.order_by.endswith("desc"),
                page=page,
                after=after,
            )
        return mapping.score_page(rows, page, period)

    async def CompareDealerScores(self, request: Any, call: Call) -> Any:
        period = one_period(request)
        async with self._work.read() as session:
            groups = await usecases.compare(
                session=session, principal=call.principal, period=period, by=_COLUMNS[request.by]
            )
        return mapping.comparison(groups)
