"""Importing what the plant says of orders, keyed by its message ids, in whatever order it comes: a chunk in a few statements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import car_order_pb2, plant_stage_import_rows_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork

from marque_vehicle.models import PlantMessage
from marque_vehicle.repository import car_orders
from marque_vehicle.repository import plant_messages as messages
from marque_vehicle.rules import plant as rules
from marque_vehicle.usecases import plant
from marque_vehicle.usecases.imports.reading import Reading, ordered

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{3,39}")
_AHEAD = timedelta(hours=1)  # the plant's clock may run before ours
_FURTHEST = timedelta(days=5 * 366)  # nobody promises a car further ahead
_SAID = ("order_code", "stage", "reach_time", "promised_date", "vin", "plant", "station")


class PlantStageImporter:
    """The plant's messages. A bad one is told and passed over; one about an order that is not known waits for it."""

    kind = "plant-stages"
    permission = "vehicle.plant_stages.import"
    row: type[Message] = plant_stage_import_rows_pb2.PlantStageImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        readings = [_read(row, uow) for row in rows]
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        await car_orders.hold(uow.session)
        known = await messages.known(uow.session, [one.key for one in readings if not one.violations])
        fresh: list[PlantMessage] = []
        for place, reading in enumerate(readings):
            if reading.violations:
                continue
            before = known.get(reading.key)
            if before is None:
                known[reading.key] = _message(reading, uow)
                fresh.append(known[reading.key])
                outcomes[place] = reading.outcome(CREATED)
            elif any(getattr(before, name) != reading.values[name] for name in _SAID):
                reading.refuse("message_id", "MESSAGE_DIFFERS", "A message of this id said something else.")
                outcomes[place] = reading.rejected
            else:
                outcomes[place] = reading.outcome(UNCHANGED)
        if fresh:
            uow.add(*fresh)
            orders = await car_orders.lock_by_code(uow.session, [one.order_code for one in fresh])
            await plant.take(uow, fresh, orders)
        return ordered(readings, outcomes)


def _read(row: Any, uow: UnitOfWork) -> Reading:
    found = Reading(row.row)
    values = found.values
    found.key = row.message_id.strip()
    values["order_code"] = row.order_code.strip().upper()
    if not _CODE.fullmatch(values["order_code"]):
        found.refuse("order_code", "CODE_INVALID", "An order's code has 4 to 40 capitals, digits and hyphens.")
    values["stage"] = found.word("stage", row.stage, car_order_pb2.CarOrderStage)
    if values["stage"] in (rules.ORDERED, rules.DELIVERED):
        found.refuse("stage", "STAGE_NOT_OF_PLANT", "The plant tells the stages from `scheduled` to `at_dealer`.")
    values["reach_time"] = moment = found.moment("reach_time", row.reach_time, "UTC")
    if moment is None:
        if not found.violations:
            found.refuse("reach_time", "REQUIRED", "Give the moment at which it was so.")
    elif moment > uow.now + _AHEAD:
        found.refuse("reach_time", "TIME_IN_FUTURE", "Give a moment that is not in the future.")
    values["promised_date"] = _promised(found, row.promised_date, uow.now.date())
    values["vin"] = found.vin(row.vin, "") if row.vin.strip() else ""
    values |= {"plant": row.plant.strip(), "station": row.station.strip()}
    if not (values["stage"] or values["promised_date"] or values["vin"] or values["station"] or found.violations):
        found.refuse("stage", "MESSAGE_EMPTY", "Say a stage, a promised date, a VIN or a station.")
    return found


def _promised(reading: Reading, text: str, today: date) -> date | None:
    found = reading.day("promised_date", text)
    if found is not None and not date(2000, 1, 1) <= found <= today + _FURTHEST:
        reading.refuse("promised_date", "DATE_OUT_OF_RANGE", "A promise lies between 2000 and five years from now.")
    return found


def _message(reading: Reading, uow: UnitOfWork) -> PlantMessage:
    return PlantMessage(
        message_id=reading.key,
        **{name: reading.values[name] for name in _SAID},
        source=PlantMessage.PLANT,
        state=PlantMessage.PARKED,
        park_reason=rules.ORDER_UNKNOWN,
        receive_time=uow.now,
    )
