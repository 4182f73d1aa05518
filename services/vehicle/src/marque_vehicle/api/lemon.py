"""marque.vehicle.v1.LemonWatchService."""

from __future__ import annotations

from typing import Any

from marque.vehicle.v1 import lemon_watch_service_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.errors import LemonLawNotApplicable, VehicleNotFound
from marque_vehicle.mapping import evidence
from marque_vehicle.mapping import lemon as mapping
from marque_vehicle.repository import lemon as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import vehicles
from marque_vehicle.rules import vins
from marque_vehicle.usecases.lemon import watch_of


class LemonWatchApi:
    """marque.vehicle.v1.LemonWatchService."""

    service = "marque.vehicle.v1.LemonWatchService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetLemonWatch(self, request: Any, call: Call) -> Any:
        scope, seen, sale, _, watch, _ = await self._watched(request, call)
        priced = (
            scope.everything or sale["dealer_id"] in scope.dealers or sale["buyer_customer_id"] in scope.customers
        ) and seen.until is None
        return mapping.watch_message(call, sale, watch, priced=priced)

    async def GetLemonEvidence(self, request: Any, call: Call) -> Any:
        _, _, sale, visits, watch, moment = await self._watched(request, call)
        known = [row for row in visits if row["open_time"] <= moment]
        codes = await repository.codes_of(self._work.reader, [row["dealer_id"] for row in known])
        return evidence.evidence_message(call, sale, watch, known, codes, moment, request.language_code)

    async def _watched(self, request: Any, call: Call) -> tuple[Any, ...]:
        """Where a car in sight stands: (scope, car, sale, visits, watch, the moment as of which it is told)."""
        reader = self._work.reader
        scope = await scopes.visible_to(reader, call.principal)
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(request.vin))
        if seen is None:
            raise VehicleNotFound()
        moment = min(now(), seen.until or now())
        sale, visits = await repository.read(reader, seen.row["vin"])
        watch = watch_of(sale, visits, moment)
        if watch is None:
            raise LemonLawNotApplicable()
        return scope, seen, sale, visits, watch, moment

    async def ListLemonWatches(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_watches(self._work.reader, scope, request.state, page, after)
        shown, token = page.cut(rows, lambda row: (row["vin"],))
        return lemon_watch_service_pb2.ListLemonWatchesResponse(
            vehicles=[mapping.watched(row) for row in shown], next_page_token=token
        )
