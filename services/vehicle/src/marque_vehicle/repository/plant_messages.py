"""SQL of what was said of orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import PlantMessage
from marque_vehicle.rules import plant

COLUMNS = "message_id, order_code, stage, reach_time, promised_date, vin, plant, station, source, state, park_reason, receive_time"


async def list_messages(
    reader: Reader, order_code: str, state: int, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of messages, the latest to come first, and one more."""
    conditions = query.Conditions()
    conditions.equal("order_code", order_code)
    if state:
        conditions.parts.append(f"state = {int(state)}")  # as a word, so that the index of the parked ones serves
    order = query.Order("receive_time", "message_id", descending=True)
    order.after(conditions, after)
    return await query.page(reader, "plant_messages", COLUMNS, conditions, order, page, None)


async def known(session: AsyncSession, message_ids: Iterable[str]) -> dict[str, PlantMessage]:
    """Returns messages by their ids."""
    found = sa.select(PlantMessage).where(PlantMessage.message_id.in_(sorted(set(message_ids))))
    return {one.message_id: one for one in await session.scalars(found)}


async def applied(session: AsyncSession, codes: Iterable[str]) -> dict[str, list[PlantMessage]]:
    """Returns the messages that count, by the order's code."""
    found = sa.select(PlantMessage).where(
        PlantMessage.order_code.in_(sorted(set(codes))), PlantMessage.state == PlantMessage.APPLIED
    )
    grouped: dict[str, list[PlantMessage]] = defaultdict(list)
    for one in await session.scalars(found):
        grouped[one.order_code].append(one)
    return grouped


async def waiting_for(session: AsyncSession, order_code: str) -> Sequence[PlantMessage]:
    """Returns the parked messages about an order, by their ids."""
    found = sa.select(PlantMessage).where(
        PlantMessage.order_code == order_code, PlantMessage.state == PlantMessage.PARKED
    )
    return (await session.scalars(found.order_by(PlantMessage.message_id))).all()


async def waiting_for_cars(session: AsyncSession, vins: Iterable[str]) -> Sequence[PlantMessage]:
    """Returns the messages that wait for another order to give up one of some cars."""
    found = sa.select(PlantMessage).where(
        PlantMessage.vin.in_(sorted({vin for vin in vins if vin})),
        PlantMessage.state == PlantMessage.PARKED,
        PlantMessage.park_reason == plant.VIN_TAKEN,
    )
    return (await session.scalars(found.order_by(PlantMessage.message_id))).all()


async def forget(session: AsyncSession, message_id: str) -> None:
    """Takes back what was said."""
    await session.execute(sa.delete(PlantMessage).where(PlantMessage.message_id == message_id))
