"""marque.vehicle.v1.RecallService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import recall_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import id_of
from marque_vehicle.errors import RecallNotFound
from marque_vehicle.mapping import recall_reports as recall_files
from marque_vehicle.mapping import recalls as mapping
from marque_vehicle.repository import recall_models
from marque_vehicle.repository import recalls as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import vins
from marque_vehicle.usecases import recall_reports
from marque_vehicle.usecases import recalls as usecases


class RecallApi:
    """marque.vehicle.v1.RecallService."""

    service = "marque.vehicle.v1.RecallService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateRecall(self, request: Any, call: Call) -> Any:
        values = mapping.creation(request.recall)
        return await usecases.create_recall(uow=self._work(call, mapping.rendered), values=values)

    async def GetRecall(self, request: Any, call: Call) -> Any:
        _, row = await self._seen(request, call)
        return mapping.recall_message(row, await repository.scopes_of(self._work.reader, row["recall_id"]))

    async def ListRecalls(self, request: Any, call: Call) -> Any:
        page, order = page_of(request), Order.of(request.order_by, "update_time desc", "recall_id")
        after = page_key(page, moment if order.column == "update_time" else str, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_recalls(self._work.reader, scope, request.state, request.code, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["recall_id"])))
        return recall_service_pb2.ListRecallsResponse(
            recalls=[mapping.recall_message(row) for row in shown], next_page_token=token
        )

    async def UpdateRecall(self, request: Any, call: Call) -> Any:
        message = request.recall
        return await usecases.update_recall(
            uow=self._work(call, mapping.rendered),
            recall_id=id_of(message.recall_id, RecallNotFound()),
            values=mapping.update(message, request.update_mask),
            etag=message.etag,
        )

    async def AddRecallVehiclesByRule(self, request: Any, call: Call) -> Any:
        def render(added: int) -> Any:
            return recall_service_pb2.AddRecallVehiclesByRuleResponse(added_count=added)

        recall_id, rule = uuid.UUID(request.recall_id), mapping.rule(request)
        return await usecases.add_by_rule(uow=self._work(call, render), recall_id=recall_id, rule=rule)

    async def OpenRecall(self, request: Any, call: Call) -> Any:
        return await usecases.open_recall(
            uow=self._work(call, mapping.rendered), recall_id=uuid.UUID(request.recall_id), etag=request.etag
        )

    async def CloseRecall(self, request: Any, call: Call) -> Any:
        return await usecases.close_recall(
            uow=self._work(call, mapping.rendered), recall_id=uuid.UUID(request.recall_id), etag=request.etag
        )

    async def ListRecallVehicles(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str)
        scope, row = await self._seen(request, call)
        rows = await repository.list_cars(
            self._work.reader, scope, row["recall_id"], request.scope_version or row["scope_version"], request.state,
            fields.uuid_or_none(request.dealer_id), page, after,
        )  # fmt: skip
        shown, token = page.cut(rows, lambda row: (row["vin"],))
        return recall_service_pb2.ListRecallVehiclesResponse(
            vehicles=[mapping.car_message(row) for row in shown], next_page_token=token
        )

    async def ListRecallModels(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, uuid.UUID, str, str, int)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await recall_models.list_models(self._work.reader, scope, request.recall_id, page, after)
        shown, token = page.cut(rows, lambda row: (str(row["recall_id"]), row["make"], row["model"], row["model_year"]))
        return recall_service_pb2.ListRecallModelsResponse(
            models=[mapping.model_message(row) for row in shown], next_page_token=token
        )

    async def RecordRecallRemedy(self, request: Any, call: Call) -> Any:
        return await usecases.record_remedy(
            uow=self._work(call, lambda row: mapping.car_message(row._mapping)),
            recall_id=uuid.UUID(request.recall_id),
            vin=vins.tidy(request.vin),
            kind=request.kind,
            remedied=fields.as_moment(request, "remedy_time"),
        )

    async def GetRecallCompletion(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        scope, row = await self._seen(request, call)
        cars = await repository.vehicle_count(reader, row["recall_id"], row["scope_version"])
        rows = await repository.completion(reader, scope, row["recall_id"])
        return mapping.completion(rows, cars, everything=scope.everything)

    async def ListRecallOwners(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str)
        valid = fields.as_moment(request, "valid_time") or now()
        _, row = await self._seen(request, call)
        rows = await repository.list_owners(
            self._work.reader, row["recall_id"], row["scope_version"], valid, request.state, page, after,
            unreachable=request.unreachable_only,
        )  # fmt: skip
        shown, token = page.cut(rows, lambda row: (row["vin"],))
        render = mapping.owner_for(call)
        return recall_service_pb2.ListRecallOwnersResponse(owners=[render(row) for row in shown], next_page_token=token)

    async def LookUpRecalls(self, request: Any, call: Call) -> Any:
        rows = await repository.look_up(self._work.reader, vins.tidy(request.vin))
        return mapping.notices(rows, request.language_code)

    async def RecordRecallUnreachable(self, request: Any, call: Call) -> Any:
        return await usecases.record_unreachable(
            uow=self._work(call, lambda row: mapping.car_message(row._mapping)),
            recall_id=uuid.UUID(request.recall_id),
            vin=vins.tidy(request.vin),
            reason=request.reason,
            found=fields.as_moment(request, "found_time"),
        )

    async def GetRecallReport(self, request: Any, call: Call) -> Any:
        scope, row = await self._seen(request, call)
        if not scope.everything:  # a station has its part of a recall; the authority is told the whole
            raise RecallNotFound()
        until = fields.as_day(request, "until_date")
        found = await recall_reports.figures(self._work.reader, row, request.authority, until, now())
        return recall_files.report(request.authority, *found)

    async def _seen(self, request: Any, call: Call) -> tuple[scopes.Scope, Any]:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_recall(self._work.reader, scope, uuid.UUID(request.recall_id))
        if row is None:
            raise RecallNotFound()
        return scope, row
