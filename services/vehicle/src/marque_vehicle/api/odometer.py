"""marque.vehicle.v1.OdometerService."""

from __future__ import annotations

from typing import Any

from marque.vehicle.v1 import odometer_service_pb2
from servicekit import fields
from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_vehicle.errors import VehicleNotFound
from marque_vehicle.mapping import odometer as mapping
from marque_vehicle.repository import odometer as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import vehicles, warranty
from marque_vehicle.rules import odometer as rules
from marque_vehicle.rules import vins
from marque_vehicle.usecases import odometer as usecases


class OdometerApi:
    """marque.vehicle.v1.OdometerService."""

    service = "marque.vehicle.v1.OdometerService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def RecordOdometer(self, request: Any, call: Call) -> Any:
        vin = vins.tidy(request.vin)
        return await usecases.record(
            uow=self._work(call, mapping.rendered(vin)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            vin=vin,
            km=request.odometer_km,
            moment=fields.as_moment(request, "read_time"),
            replaced=request.odometer_replaced,
        )

    async def ListOdometerReadings(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        scope = await scopes.visible_to(reader, call.principal)
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(request.vin))
        if seen is None:
            raise VehicleNotFound()
        vin = seen.row["vin"]
        series = await repository.series(reader, vin)
        judged = rules.judge(
            (one for one in series if seen.until is None or one.moment < seen.until),
            await warranty.start_of(reader, vin),
        )
        return odometer_service_pb2.ListOdometerReadingsResponse(
            readings=[mapping.reading_message(vin, one) for one in reversed(judged)]
        )
