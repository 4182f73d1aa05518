"""marque.vehicle.v1.VehicleService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from marque.vehicle.v1 import vehicle_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment, page_key, page_of
from servicekit.roles import PERSON
from servicekit.rpc.call import Call
from tradekit import search

from marque_vehicle.api.scoping import customers_of
from marque_vehicle.errors import VehicleNotFound
from marque_vehicle.mapping import history
from marque_vehicle.mapping import vehicles as mapping
from marque_vehicle.repository import history as history_rows
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import vehicles as repository
from marque_vehicle.rules import vins
from marque_vehicle.usecases import vehicles as usecases

EXPORT_SIZE = 500
_SEARCH_SIZE = 20


class VehicleApi:
    """marque.vehicle.v1.VehicleService."""

    service = "marque.vehicle.v1.VehicleService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def RegisterVehicle(self, request: Any, call: Call) -> Any:
        values = mapping.registration(request.vehicle)
        vin = usecases.check_vin(request.vehicle.vin, values.get("market", ""), "vehicle.vin")
        scope = await scopes.visible_to(self._work.reader, call.principal)
        uow = self._work(call, mapping.rendered(call))
        return await usecases.register_vehicle(uow=uow, scope=scope, vin=vin, values=values)

    async def GetVehicle(self, request: Any, call: Call) -> Any:
        seen = await self._seen(request.vin, call)
        return mapping.vehicle_for(call)(seen.row, persons=seen.persons, until=seen.until)

    async def BatchGetVehicles(self, request: Any, call: Call) -> Any:
        wanted = dict.fromkeys(vins.tidy(vin) for vin in request.vins)
        rows = await repository.batch_get(self._work.reader, list(wanted))
        render, found = mapping.vehicle_for(call), {row["vin"] for row in rows}
        return vehicle_service_pb2.BatchGetVehiclesResponse(
            vehicles=[render(row) for row in rows], missing_vins=[vin for vin in wanted if vin not in found]
        )

    async def ListVehicles(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        page, order = page_of(request), Order.of(request.order_by, "update_time desc", "vin")
        readers = (moment, str) if order.column == "update_time" else (str, str)
        after = page_key(page, *readers)
        scope = await scopes.visible_to(reader, call.principal)
        owners = await self._owners(request, call, scope)
        if scope.nothing or (request.owner_customer_id and not owners):
            return vehicle_service_pb2.ListVehiclesResponse()
        filters = {name: getattr(request, name) for name in ("make", "model", "model_year", "status", "market")}
        rows = await repository.list_vehicles(reader, scope, filters, owners, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], row["vin"]))
        render = mapping.vehicle_for(call)
        return vehicle_service_pb2.ListVehiclesResponse(
            vehicles=[render(row, **_gone(row, scope)) for row in shown], next_page_token=token
        )

    async def _owners(self, request: Any, call: Call, scope: scopes.Scope) -> Any:
        """The ids of the owner asked for, within what the caller sees of persons."""
        if not request.owner_customer_id:
            return ()
        found = await customers_of(self._work.reader, request.owner_customer_id)
        return [one for one in found if not scope.customers or one in scope.customers]

    async def SearchVehicles(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        asked = search.query(request.query)
        scope = await scopes.visible_to(reader, call.principal)
        if asked.is_empty or scope.customers or scope.nothing:
            raise InvalidArgument.of("query", "QUERY_TOO_VAGUE", "Give a part of a VIN, a plate or an engine number.")
        typed = vins.check(request.query, "")
        plates = call.principal.sees(PERSON)
        rows, cut = await repository.search_vehicles(reader, scope, asked, typed.vin if typed.shape else "", plates)
        size = request.page_size or _SEARCH_SIZE
        answer = vehicle_service_pb2.SearchVehiclesResponse(truncated=cut or len(rows) > size)
        render, text = mapping.vehicle_for(call), vins.tidy(request.query)
        for score, row, matched in sorted(_scored(rows, text), key=lambda one: (-one[0], one[1]["vin"]))[:size]:
            answer.results.add(vehicle=render(row, persons=row["related"]), score=score, matched_fields=matched)
        return answer

    async def UpdateVehicle(self, request: Any, call: Call) -> Any:
        values = mapping.update(request.vehicle, request.update_mask)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.update_vehicle(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            vin=vins.tidy(request.vehicle.vin),
            values=values,
            etag=request.vehicle.etag,
        )

    async def GetVehicleHistory(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, moment, str, str)
        seen = await self._seen(request.vin, call)
        rows = await history_rows.entries(self._work.reader, seen.row["vin"], seen.until, page, after)
        answer = history.history_page(rows, page, call)
        answer.vehicle.CopyFrom(mapping.vehicle_for(call)(seen.row, persons=seen.persons, until=seen.until))
        return answer

    async def CheckVin(self, request: Any, call: Call) -> Any:
        found = vins.check(request.vin, request.market)
        registered = found.shape and await repository.exists(self._work.reader, found.vin)
        return mapping.check_response(request.vin, found, registered=registered, this_year=now().year)

    async def SuggestVins(self, request: Any, call: Call) -> Any:
        reader, found = self._work.reader, vins.slips(request.vin)
        scope = await scopes.visible_to(reader, call.principal)
        rows = await repository.at_hand(reader, scope, [miss.vin for miss in found])
        return mapping.suggestions(found, rows, vins.MAX_NEAR_MISSES)

    async def ExportVehicles(self, request: Any, call: Call) -> AsyncIterator[Any]:
        changed_after, cursor = fields.as_moment(request, "updated_after_time"), vins.tidy(request.cursor)
        while True:
            rows = await repository.export(self._work.reader, cursor, changed_after, EXPORT_SIZE)
            if not rows:
                return
            cursor = rows[-1]["vin"]
            yield vehicle_service_pb2.ExportVehiclesResponse(
                vehicles=[mapping.vehicle_message(row) for row in rows], cursor=cursor
            )

    async def _seen(self, vin: str, call: Call) -> repository.SeenCar:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        seen = await repository.get_vehicle(self._work.reader, scope, vins.tidy(vin))
        if seen is None:
            raise VehicleNotFound()
        return seen


def _gone(row: Any, scope: scopes.Scope) -> dict[str, Any]:
    """How a person's car is shown after it was given away: without its present plate and later readings."""
    if not scope.customers or row["present"]:
        return {}
    return {"persons": False, "until": row["last_end"]}


def _scored(rows: Any, text: str) -> Any:
    """Gives candidates their scores: the whole value beats its ending, which beats a part."""
    for row in rows:
        fields = []
        best = 0.0
        compared = (("vin", row["by_vin"]), ("plate_number", row["by_plate"]), ("engine_number", row["by_vin"]))
        for name, matched in compared:
            value = "".join(row[name].upper().split())
            if matched and text and text in value:
                fields.append(name)
                best = max(best, 1.0 if value == text else 0.8 if value.endswith(text) else 0.5)
        yield best or 0.4, row, fields or ["plate_number" if row["by_plate"] else "vin"]
