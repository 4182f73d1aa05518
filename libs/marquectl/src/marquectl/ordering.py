"""Brings the sample's catalogue and its orders for cars into a platform; what the plant says of them follows as rows. May be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world import orders as made
from marquectl.world.orders import MadeOrder

Ask = Callable[..., Message]
_CATALOGUE, _ORDERS = "vehicle.v1.CatalogueService", "vehicle.v1.CarOrderService"


class Orders:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(
        self, door: Door, dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str], request: Ask
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request

    async def bring(self, found: list[MadeOrder]) -> None:
        """Writes models, then prices, then the orders that are not there yet."""
        for model in made.models():
            await self._call(f"{_CATALOGUE}/PutCatalogueModel", f"model-{model['model_code']}", catalogue_model=model)
        for price in made.prices():
            key = "-".join(("price", price["model_code"], price["item_code"], price["market"]))
            await self._call(f"{_CATALOGUE}/PutCataloguePrice", key, catalogue_price=price)
        for order in found:
            await self._order(order)

    async def _order(self, order: MadeOrder) -> None:
        listing = f"{_ORDERS}/ListCarOrders"
        if (await self._door.call(listing, method(listing).input(order_code=order.code, page_size=1))).car_orders:
            return
        message = {
            "order_code": order.code,
            "dealer_id": self._dealer_ids[order.dealer_code],
            "customer_id": self._customer_ids[order.customer_key] if order.customer_key else "",
            "model_code": order.model_code,
            "trim_code": order.trim_code,
            "option_codes": order.options,
            "market": order.market,
        }
        await self._call(f"{_ORDERS}/PlaceCarOrder", f"order-{order.code}", car_order=message)

    async def _call(self, name: str, key: str, **fields: Any) -> Any:
        return await self._door.call(name, self._request(name, key, **fields))
