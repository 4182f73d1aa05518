"""marque.vehicle.v1.ChannelDayService."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from marque.vehicle.v1 import channel_day_service_pb2
from servicekit import fields
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.mapping import car_orders as mapping
from marque_vehicle.repository import channel_days as repository
from marque_vehicle.repository import scope as scopes


class ChannelDayApi:
    """marque.vehicle.v1.ChannelDayService."""

    service = "marque.vehicle.v1.ChannelDayService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListChannelDays(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, date.fromisoformat, uuid.UUID, str)
        filters = {
            "dealer_id": request.dealer_id,
            "date_from": fields.as_day(request, "date_from"),
            "date_to": fields.as_day(request, "date_to"),
        }
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_days(self._work.reader, scope, filters, page, after)
        shown, token = page.cut(rows, lambda row: (row["day"].isoformat(), str(row["dealer_id"]), row["source"]))
        render = mapping.channel_day_for(call)
        return channel_day_service_pb2.ListChannelDaysResponse(
            channel_days=[render(row) for row in shown], next_page_token=token
        )
