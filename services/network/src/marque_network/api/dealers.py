"""The servicer of dealers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

from marque.network.v1 import dealer_service_pb2
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import page_of
from servicekit.rpc.call import Call
from tradekit import search

from marque_network.errors import DealerNotFound
from marque_network.mapping import dealer_places
from marque_network.mapping import dealers as mapping
from marque_network.mapping.parts import one_date, one_moment, uuid_of
from marque_network.repository import dealers as repository
from marque_network.usecases import dealers as usecases
from marque_network.usecases import places

EXPORT_SIZE = 500
_LIST_FILTERS = (
    "kind", "channel_type", "status", "group_code", "region_code", "brand", "code", "country_code", "province", "city",
)  # fmt: skip


class DealerApi:
    """marque.network.v1.DealerService."""

    service = "marque.network.v1.DealerService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateDealer(self, request: Any, call: Call) -> Any:
        values = mapping.dealer_values(request.dealer)
        return await usecases.create_dealer(uow=self._work(call, mapping.dealer_message), values=values)

    async def GetDealer(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_dealer(session, uuid.UUID(request.dealer_id))
        if row is None:
            raise DealerNotFound(dealer_id=request.dealer_id)
        return mapping.dealer_message(row)

    async def BatchGetDealers(self, request: Any, call: Call) -> Any:
        ids = {uuid.UUID(one) for one in request.dealer_ids}
        async with self._work.read() as session:
            rows = await repository.read_dealers(session, ids, set(request.codes))
        return mapping.dealer_batch(request, rows)

    async def ListDealers(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        filters = mapping.dealer_filters(request, *_LIST_FILTERS)
        after = mapping.dealer_key(page, request.order_by)
        async with self._work.read() as session:
            rows = await repository.list_dealers(session, filters, request.order_by, page, after)
        return mapping.dealer_page(rows, page, request.order_by)

    async def SearchDealers(self, request: Any, call: Call) -> Any:
        query = typed(request.query)
        async with self._work.read() as session:
            found = await repository.search_dealers(session, query, request.page_size or 20)
        return dealer_service_pb2.SearchDealersResponse(
            results=[
                dealer_service_pb2.DealerMatch(dealer=mapping.dealer_message(row), score=score)
                for row, score in found.rows
            ],
            truncated=found.truncated,
        )

    async def UpdateDealer(self, request: Any, call: Call) -> Any:
        return await usecases.update_dealer(
            uow=self._work(call, mapping.dealer_message),
            dealer_id=id_of(request.dealer.dealer_id, "dealer.dealer_id"),
            etag=request.dealer.etag,
            patch=mapping.dealer_patch(request),
        )

    async def FindNearestDealers(self, request: Any, call: Call) -> Any:
        filters = mapping.dealer_filters(request, "kind", "brand")
        open_at = one_moment(request, "open_at_time")
        async with self._work.read() as session:
            found, truncated = await places.nearest(
                session=session,
                latitude=request.latitude,
                longitude=request.longitude,
                filters=filters,
                metres=request.max_distance_metres,
                limit=request.limit or 10,
                open_at=open_at,
            )
        return dealer_places.nearest_answer(found, truncated)

    async def FindDealersForPlace(self, request: Any, call: Call) -> Any:
        asked = dealer_places.place_asked(request)
        async with self._work.read() as session:
            found = await places.for_place(session=session, **asked)
        return dealer_places.place_answer(found)

    async def ActivateDealer(self, request: Any, call: Call) -> Any:
        return await usecases.activate_dealer(
            uow=self._work(call, mapping.dealer_message),
            dealer_id=uuid.UUID(request.dealer_id),
            etag=request.etag,
            reason=request.reason,
            note=request.note,
        )

    async def SuspendDealer(self, request: Any, call: Call) -> Any:
        return await usecases.suspend_dealer(
            uow=self._work(call, mapping.dealer_message),
            dealer_id=uuid.UUID(request.dealer_id),
            etag=request.etag,
            reason=request.reason,
            note=request.note,
        )

    async def TerminateDealer(self, request: Any, call: Call) -> Any:
        return await usecases.terminate_dealer(
            uow=self._work(call, mapping.dealer_message),
            dealer_id=uuid.UUID(request.dealer_id),
            etag=request.etag,
            reason=request.reason,
            note=request.note,
            successor_id=uuid_of(request.successor_dealer_id),
            on=one_date(request, "close_date"),
        )

    async def ListDealerStatusChanges(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = dealer_places.change_key(page)
        async with self._work.read() as session:
            rows = await repository.list_status_changes(
                session, call.principal, uuid.UUID(request.dealer_id), request.order_by, page, after
            )
        return dealer_places.change_page(rows, page, call)

    async def ExportDealers(self, request: Any, call: Call) -> AsyncIterator[Any]:
        after = mapping.export_cursor(request.cursor)
        changed = request.updated_after_time.ToDatetime(UTC) if request.HasField("updated_after_time") else None
        while True:
            async with self._work.read() as session:
                rows = await repository.export_dealers(session, changed, after, EXPORT_SIZE)
            if not rows:
                return
            after = rows[-1].dealer_id
            yield dealer_service_pb2.ExportDealersResponse(
                dealers=[mapping.dealer_message(row) for row in rows], cursor=str(after)
            )


def typed(text: str) -> search.SearchQuery:
    """Reads what a person typed. Raises InvalidArgument for a text in which there is nothing to search by."""
    query = search.query(text)
    if query.is_empty:
        raise InvalidArgument.of("query", "QUERY_EMPTY", "Type letters or digits to search by.")
    return query


def id_of(text: str, place: str) -> uuid.UUID:
    """Reads an id that the contract's rules leave open, because the same message serves creation. Raises
    InvalidArgument.
    """
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidArgument.of(place, "STRING_UUID", "Give a UUID.") from None
