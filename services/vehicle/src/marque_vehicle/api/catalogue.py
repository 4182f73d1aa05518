"""marque.vehicle.v1.CatalogueService."""

from __future__ import annotations

from datetime import date
from typing import Any

from marque.vehicle.v1 import catalogue_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import json_of
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument, PermissionDenied
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.errors import CatalogueModelNotFound
from marque_vehicle.mapping import catalogue as mapping
from marque_vehicle.repository import catalogue as repository
from marque_vehicle.rules import catalogue as rules
from marque_vehicle.usecases import catalogue as usecases

_WRITES, _LOOKS_AHEAD = "vehicle.catalogue_models.put", "vehicle.catalogue_prices.list"


class CatalogueApi:
    """marque.vehicle.v1.CatalogueService."""

    service = "marque.vehicle.v1.CatalogueService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutCatalogueModel(self, request: Any, call: Call) -> Any:
        message = request.catalogue_model
        values = mapping.model_values(message)
        return await usecases.put_model(uow=self._work(call, mapping.rendered), values=values, etag=message.etag)

    async def GetCatalogueModel(self, request: Any, call: Call) -> Any:
        reader, day = self._work.reader, _day(request, call)
        if request.whole and not call.principal.may(_WRITES):
            raise PermissionDenied(permission=_WRITES)
        row = await repository.get_model(reader, request.model_code)
        if row is None:
            raise CatalogueModelNotFound()
        if request.whole:
            return mapping.whole(row)
        found = mapping.offered(row, day, await repository.prices_on(reader, [request.model_code], request.market, day))
        if found is None:
            raise CatalogueModelNotFound()
        return found

    async def ListCatalogueModels(self, request: Any, call: Call) -> Any:
        reader, page, day = self._work.reader, page_of(request), _day(request, call)
        rows = await repository.list_models(reader, request.make, day, page, page_key(page, str))
        shown, token = page.cut(rows, lambda row: (row["model_code"],))
        prices = await repository.prices_on(reader, [row["model_code"] for row in shown], request.market, day)
        models = [mapping.offered(row, day, prices, options=False) for row in shown]
        return mapping.marked(
            catalogue_service_pb2.ListCatalogueModelsResponse(
                models=[one for one in models if one is not None], next_page_token=token
            )
        )

    async def CompareCatalogueTrims(self, request: Any, call: Call) -> Any:
        reader, day = self._work.reader, _day(request, call)
        asked = [tuple(one.split("/")) for one in request.trims]
        models = await repository.models_of(reader, [code for code, _ in asked])
        prices = await repository.prices_on(reader, list(models), request.market, day)
        found = []
        for code, trim_code in asked:
            trims = json_of(models[code]["trims"]) if code in models else ()
            trim = next((one for one in trims if one["trim_code"] == trim_code and rules.is_offered(one, day)), None)
            if trim is None:
                raise CatalogueModelNotFound()
            found.append((trim, prices.get((code, trim_code))))
        return mapping.comparison(found)

    async def CheckConfiguration(self, request: Any, call: Call) -> Any:
        reader, day = self._work.reader, _day(request, call)
        row = await repository.get_model(reader, request.model_code)
        if row is None or mapping.offered(row, day, {}) is None:
            raise CatalogueModelNotFound()
        trims, options = json_of(row["trims"]), json_of(row["options"])
        chosen = list(request.option_codes)
        problems = rules.check(trims, options, row["required_groups"], request.trim_code, chosen, day)
        held = await repository.prices_on(reader, [request.model_code], request.market, day)
        prices = {item: price for (_, item), price in held.items()}
        offered = {one.code for one in problems if one.reason in (rules.TRIM_NOT_OFFERED, rules.OPTION_NOT_OFFERED)}
        unpriced, currency, total = rules.total(prices, {request.trim_code, *chosen} - offered)
        return mapping.configuration([*problems, *unpriced], currency, None if offered else total)

    async def PutCataloguePrice(self, request: Any, call: Call) -> Any:
        values = mapping.price_values(request.catalogue_price)
        return await usecases.put_price(uow=self._work(call, mapping.rendered_price), values=values)

    async def ListCataloguePrices(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str, str, date.fromisoformat)
        rows = await repository.list_prices(self._work.reader, request.model_code, request.market, page, after)
        shown, token = page.cut(rows, lambda row: (row["item_code"], row["market"], row["valid_from"].isoformat()))
        return catalogue_service_pb2.ListCataloguePricesResponse(
            prices=[mapping.price_message(row) for row in shown], next_page_token=token
        )


def _day(request: Any, call: Call) -> date:
    """The day asked for. What is to come is told to the maker's own only: a price that is not yet public would be by its day."""
    today = now().date()
    day = fields.as_day(request, "date") or today
    if day > today and not call.principal.may(_LOOKS_AHEAD):
        raise InvalidArgument.of("date", "DATE_IN_FUTURE", "Give a day that is not in the future.")
    return day
