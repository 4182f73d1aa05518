"""marque.vehicle.v1.WarrantyService."""

from __future__ import annotations

from datetime import date
from typing import Any

from marque.vehicle.v1 import warranty_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.errors import VehicleNotFound
from marque_vehicle.mapping import warranty as mapping
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import vehicles
from marque_vehicle.repository import warranty as repository
from marque_vehicle.rules import vins
from marque_vehicle.rules import warranty as rules
from marque_vehicle.usecases import warranty as usecases


class WarrantyApi:
    """marque.vehicle.v1.WarrantyService."""

    service = "marque.vehicle.v1.WarrantyService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutWarrantyTerm(self, request: Any, call: Call) -> Any:
        values = mapping.term_values(request.warranty_term)
        return await usecases.put_term(uow=self._work(call, mapping.rendered), values=values)

    async def ListWarrantyTerms(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str, date.fromisoformat)
        rows = await repository.list_terms(self._work.reader, request.market, page, after)
        shown, token = page.cut(rows, lambda row: (row["term_code"], row["sold_from"].isoformat()))
        return warranty_service_pb2.ListWarrantyTermsResponse(
            warranty_terms=[mapping.term_message(row) for row in shown], next_page_token=token
        )

    async def CheckCoverage(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        day = fields.as_day(request, "date") or now().date()
        scope = await scopes.visible_to(reader, call.principal)
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(request.vin))
        if seen is None:
            raise VehicleNotFound()
        row = seen.row
        # Of a car that was given away the present odometer is the new owner's.
        km = request.odometer_km or (row["odometer_km"] if seen.until is None else 0)
        start, terms = await repository.start_of(reader, row["vin"]), await repository.of_market(reader, row["market"])
        found = rules.coverage(terms, row["make"], request.component_code, start, day, km)
        return mapping.coverage_message(found, start, km)
