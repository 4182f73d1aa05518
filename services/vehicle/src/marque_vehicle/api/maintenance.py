"""marque.vehicle.v1.MaintenanceService."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from marque.vehicle.v1 import maintenance_service_pb2 as messages
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.errors import MaintenanceNotPlanned, VehicleNotFound
from marque_vehicle.mapping import maintenance as mapping
from marque_vehicle.repository import maintenance as repository
from marque_vehicle.repository import milestones, odometer, vehicles
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import odometer as readings_of
from marque_vehicle.rules import vins
from marque_vehicle.usecases import maintenance as usecases


class MaintenanceApi:
    """marque.vehicle.v1.MaintenanceService. `notice_days`: so long before its day a service counts as due."""

    service = "marque.vehicle.v1.MaintenanceService"

    def __init__(self, work: Work, notice_days: int) -> None:
        self._work = work
        self._notice_days = notice_days

    async def PutMaintenancePlan(self, request: Any, call: Call) -> Any:
        values = mapping.plan_values(request.maintenance_plan)
        return await usecases.put_plan(uow=self._work(call, mapping.rendered), values=values)

    async def ListMaintenancePlans(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str, date.fromisoformat)
        rows = await repository.list_plans(self._work.reader, request.market, page, after)
        shown, token = page.cut(rows, lambda row: (row["plan_code"], row["effective_from"].isoformat()))
        plans = [mapping.plan_message(row) for row in shown]
        return messages.ListMaintenancePlansResponse(maintenance_plans=plans, next_page_token=token)

    async def GetNextMaintenance(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        scope = await scopes.visible_to(reader, call.principal)
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(request.vin))
        if seen is None or seen.until is not None:
            raise VehicleNotFound()
        car, visits = await repository.read_car(reader, seen.row["vin"])
        if car is None:
            raise MaintenanceNotPlanned()
        judged = readings_of.judge(await odometer.series(reader, car["vin"]), car["start"])
        plans = await repository.read_plans(reader, car["market"])
        found = usecases.standing_of(car, visits, judged, plans, now())
        if found is None or found.next is None:
            raise MaintenanceNotPlanned()
        row = {**usecases.due_columns(car["vin"], found), "update_time": now()}
        return mapping.due_message(row, now().date(), self._notice_days)

    async def ListMaintenanceDues(self, request: Any, call: Call) -> Any:
        page, today = page_of(request), now().date()
        after = page_key(page, date.fromisoformat, str)
        span = mapping.span(request, today, self._notice_days)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer = fields.uuid_or_none(request.dealer_id)
        rows = await repository.list_dues(self._work.reader, scope, dealer, span, page, after)
        shown, token = page.cut(rows, lambda row: (row["due_date"].isoformat(), row["vin"]))
        dues = [mapping.due_message(row, today, self._notice_days) for row in shown]
        return messages.ListMaintenanceDuesResponse(dues=dues, next_page_token=token)

    async def ListMilestoneReturns(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, uuid.UUID, int, int)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer = fields.uuid_or_none(request.dealer_id)
        rows = await milestones.list_returns(self._work.reader, scope, dealer, page, after)
        shown, token = page.cut(rows, lambda row: (str(row["dealer_id"]), row["service_number"], row["milestone_km"]))
        returns = [mapping.return_message(row) for row in shown]
        return messages.ListMilestoneReturnsResponse(returns=returns, next_page_token=token)
