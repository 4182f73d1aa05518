"""marque.vehicle.v1.VehicleExposureService."""

from __future__ import annotations

from datetime import date
from typing import Any

from marque.vehicle.v1 import vehicle_exposure_service_pb2
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.mapping import exposure as mapping
from marque_vehicle.mapping import facts as facts_mapping
from marque_vehicle.repository import exposure as repository
from marque_vehicle.repository import facts
from marque_vehicle.rules import vins
from marque_vehicle.usecases import exposure as usecases


class VehicleExposureApi:
    """marque.vehicle.v1.VehicleExposureService."""

    service = "marque.vehicle.v1.VehicleExposureService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListExposure(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, date.fromisoformat, str)
        rows = await repository.list_exposure(self._work.reader, mapping.filters(request), page, after)
        shown, token = page.cut(rows, lambda row: (row["month"].isoformat(), row["cell"]))
        return vehicle_exposure_service_pb2.ListExposureResponse(
            exposures=[mapping.exposure_message(row) for row in shown], next_page_token=token
        )

    async def CountExposure(self, request: Any, call: Call) -> Any:
        first = mapping.month_from(request)
        return await usecases.count_from(uow=self._work(call, mapping.counted), first=first)

    async def BatchGetVehicleFacts(self, request: Any, call: Call) -> Any:
        wanted = sorted({vins.tidy(vin) for vin in request.vins})
        return facts_mapping.facts(await facts.batch(self._work.reader, wanted))
