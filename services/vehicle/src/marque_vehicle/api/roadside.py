"""marque.vehicle.v1.RoadsideService."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

import grpc.aio
from marque.vehicle.v1 import roadside_service_pb2
from servicekit import fields
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import Unavailable
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.clients import Customers, Nearest
from marque_vehicle.errors import DealerNotFound, RoadsideCaseNotFound, RoadsideNobodyNear, RoadsidePlaceMissing
from marque_vehicle.mapping import roadside as mapping
from marque_vehicle.repository import roadside as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.usecases import roadside as usecases


class RoadsideApi:
    """marque.vehicle.v1.RoadsideService."""

    service = "marque.vehicle.v1.RoadsideService"

    def __init__(self, work: Work, customers: Customers, nearest: Nearest) -> None:
        self._work = work
        self._customers = customers
        self._nearest = nearest

    async def RequestRoadsideHelp(self, request: Any, call: Call) -> Any:
        values = {**mapping.values_of(request), "customer_id": None, "note": ""}
        values |= await self._near(values)
        return await usecases.open_case(uow=self._work(call, mapping.taken), values=values)

    async def TrackRoadsideHelp(self, request: Any, call: Call) -> Any:
        everything = scopes.Scope(everything=True)
        row = await repository.get_case(self._work.reader, everything, uuid.UUID(request.case_id))
        if row is None:
            raise RoadsideCaseNotFound()
        return mapping.progress(row)

    async def OpenRoadsideCase(self, request: Any, call: Call) -> Any:
        values = {**mapping.values_of(request), "note": request.note.strip()}
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if scope.customers:
            values["customer_id"] = uuid.UUID(call.principal.customer_id)
        else:
            named = request.customer_id
            values["customer_id"] = await self._customers.require(named, scope.asks_for) if named else None
        values |= await self._near(values)
        if scope.dealers:  # who takes the call at a station sees to it, until somebody else is sent
            values |= {"dealer_id": scope.dealers[0], "distance_metres": 0}
        return await usecases.open_case(uow=self._work(call, mapping.rendered(call)), values=values)

    async def GetRoadsideCase(self, request: Any, call: Call) -> Any:
        return mapping.case_for(call)(await self._seen(request, call))

    async def ListRoadsideCases(self, request: Any, call: Call) -> Any:
        page, order = page_of(request), Order.of(request.order_by, "request_time desc", "case_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if scope.nothing:
            return roadside_service_pb2.ListRoadsideCasesResponse()
        rows = await repository.list_cases(self._work.reader, scope, mapping.filters(request), order, page, after)
        shown, token = page.cut(rows, lambda row: (row["request_time"], str(row["case_id"])))
        render = mapping.case_for(call)
        return roadside_service_pb2.ListRoadsideCasesResponse(
            cases=[render(row) for row in shown], next_page_token=token
        )

    async def DispatchRoadsideCase(self, request: Any, call: Call) -> Any:
        row = await self._seen(request, call)
        if request.dealer_id:
            dealer, metres = uuid.UUID(request.dealer_id), 0
            if await scopes.dealer_zone(self._work.reader, dealer) is None:
                raise DealerNotFound()
        else:
            if row["latitude"] is None:
                raise RoadsidePlaceMissing()
            found = await self._nearest.station(row["latitude"], row["longitude"])
            if found is None:
                raise RoadsideNobodyNear()
            dealer, metres = found
        return await usecases.dispatch(**await self._named(request, call), dealer_id=dealer, metres=metres)

    async def ArriveRoadsideCase(self, request: Any, call: Call) -> Any:
        return await usecases.arrive(**await self._named(request, call))

    async def FinishRoadsideCase(self, request: Any, call: Call) -> Any:
        return await usecases.finish(
            **await self._named(request, call),
            outcome=request.outcome,
            repair_order_id=fields.uuid_or_none(request.repair_order_id),
            km=request.odometer_km,
        )

    async def CancelRoadsideCase(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(**await self._named(request, call), reason=request.reason)

    async def _near(self, values: dict[str, Any]) -> dict[str, Any]:
        """The nearest station; a call for help is taken though nobody can tell which one it is."""
        found = None
        if values["latitude"] is not None:
            with contextlib.suppress(Unavailable, grpc.aio.AioRpcError):
                found = await self._nearest.station(values["latitude"], values["longitude"])
        dealer, metres = found or (None, 0)
        return {"dealer_id": dealer, "distance_metres": metres}

    async def _seen(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_case(self._work.reader, scope, uuid.UUID(request.case_id))
        if row is None:
            raise RoadsideCaseNotFound()
        return row

    async def _named(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb on a case is given."""
        return {
            "uow": self._work(call, mapping.rendered(call)),
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "case_id": uuid.UUID(request.case_id),
            "etag": request.etag,
        }
