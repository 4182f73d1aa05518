"""Importing sales, keyed by dealer and invoice number. New ones are written by the chunk, a known one is completed or reversed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import sale_pb2, vehicle_import_rows_pb2, vehicle_pb2
from servicekit import aliases
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import DomainError
from servicekit.ids import new_uuid

from marque_vehicle import events
from marque_vehicle.clients import Customers
from marque_vehicle.errors import OwnershipMovedOn
from marque_vehicle.models import Ownership, Sale, Vehicle
from marque_vehicle.repository import bulk, car_orders, ownerships
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import days
from marque_vehicle.usecases import maintenance, plant, sales
from marque_vehicle.usecases.imports.reading import Reading, codes, ordered, waves
from marque_vehicle.usecases.imports.shared import Dealers, dealers_of, take_customers, take_dealer

_REASON = re.compile(r"[A-Z][A-Z0-9_]*")
_FIXED = ("vin", "invoice_date")
_COMPLETED = (
    "delivery_date", "currency", "price", "discount", "options", "adviser_employee_number", "payment_kind", "use",
    "odometer_km", "source_key",
)  # fmt: skip


class SaleImporter:
    """Sales. A new one starts the buyer's ownership and puts the car on the road, as one entered at a screen does."""

    kind = "sales"
    permission = "vehicle.sales.import"
    row: type[Message] = vehicle_import_rows_pb2.SaleImportRow

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk. Neighbours are asked before the first statement, while no transaction holds anything."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        dealers = await dealers_of(self._work.reader, scope, rows)
        readings = [_read(row, dealers, options.source, uow.now) for row in rows]
        asked = (self._customers, scope.asks_for, options.source)
        await take_customers(*asked, readings, rows, "buyer_customer_id", required=True)
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        if good:
            if await bulk.are_of_orders(uow.session, [_key(reading) for _, reading in good]):
                await car_orders.hold(uow.session)  # before any other lock, as everywhere
            cars = [reading.values["vin"] for _, reading in good]
            for wave in waves(
                good, lambda one: one[1].key
            ):  # each knows later than the one before, which it may correct
                await _apply(uow, wave, outcomes, await ownerships.lock(uow.session, cars))
        return ordered(readings, outcomes)


def _read(row: Any, dealers: Dealers, source: str, now: datetime) -> Reading:
    found = Reading(row.row)
    values = found.values
    number = row.invoice_number.strip()
    found.key = f"{row.dealer_code.strip()}/{number}"
    zone = take_dealer(found, row.dealer_code, dealers)
    values["vin"] = found.vin(row.vin, None)
    invoice, delivery = found.day("invoice_date", row.invoice_date), found.day("delivery_date", row.delivery_date)
    if invoice is None and not row.invoice_date.strip():
        found.refuse("invoice_date", "REQUIRED", "Give the date of the invoice.")
    wrong = days.problem(invoice, delivery, now.date()) if invoice else None
    if wrong is not None:
        found.refuse(wrong[0], "SALE_DATES_INVALID", wrong[1])
    currency = row.currency_code.strip().upper()
    values |= {
        "invoice_number": number,
        "invoice_date": invoice,
        "delivery_date": delivery,
        "start_time": days.beginning(delivery or invoice, zone) if invoice else None,
        "price": found.amount("price", row.price, currency),
        "discount": found.amount("discount", row.discount, currency),
        "options": [{"code": code, "description": "", "price": None} for code in codes(row.option_codes)],
        "adviser_employee_number": row.adviser_employee_number.strip(),
        "payment_kind": found.word("payment_kind", row.payment_kind, sale_pb2.PaymentKind),
        "use": found.word("use", row.use, vehicle_pb2.VehicleUse, vehicle_pb2.VEHICLE_USE_PRIVATE),
        "odometer_km": row.odometer_km,
        "source": source,
        "source_key": row.source_key.strip(),
    }
    values["currency"] = currency if values["price"] is not None or values["discount"] is not None else ""
    found.facts["reversal"] = reason = row.reversal_reason.strip()
    if reason and not _REASON.fullmatch(reason):
        found.refuse(
            "reversal_reason",
            "REASON_INVALID",
            "Give the reason as a constant in capitals, for example CUSTOMER_RETURNED.",
        )
    return found


async def _apply(
    uow: UnitOfWork, wave: list[tuple[int, Reading]], outcomes: dict[int, RowOutcome], known: datetime
) -> None:
    cars = await bulk.lock_vehicles(uow.session, [reading.values["vin"] for _, reading in wave])
    sold = await bulk.sales_by_number(uow.session, [_key(reading) for _, reading in wave])
    ends = await ownerships.owned_from(uow.session, list(cars))
    fresh: list[tuple[int, Reading]] = []
    for place, reading in wave:
        before = sold.get(_key(reading))
        if before is None:
            if _acceptable(reading, cars, ends):
                fresh.append((place, reading))
            else:
                outcomes[place] = reading.rejected
        else:
            outcomes[place] = await _again(uow, reading, before, known)
    inserted = await _insert(uow, [reading for _, reading in fresh], cars, known)
    for place, reading in fresh:
        if (
            reading.values["sale_id"] not in inserted
        ):  # the same key was written by somebody else since it was looked for
            reading.refuse(
                "invoice_number", "INVOICE_ALREADY_RECORDED", "This invoice is being recorded by somebody else."
            )
        outcomes[place] = reading.rejected if reading.violations else reading.outcome(CREATED)
    await maintenance.look_later(uow, [reading.values["vin"] for _, reading in wave if not reading.violations])


def _key(reading: Reading) -> tuple[uuid.UUID, str]:
    return reading.values["dealer_id"], reading.values["invoice_number"]


def _acceptable(reading: Reading, cars: dict[str, Any], ends: dict[str, datetime | None]) -> bool:
    """Judges a new sale against its car; an accepted one takes the car for the rows that follow."""
    vin, start = reading.values["vin"], reading.values["start_time"]
    car = cars.get(vin)
    if car is None:
        reading.refuse("vin", "VEHICLE_NOT_FOUND", "The car is not registered.")
    elif reading.facts["reversal"]:
        return True
    elif car.status == Vehicle.SCRAPPED:
        reading.refuse("vin", "VEHICLE_SCRAPPED", "The car is scrapped.")
    elif not sales.free_from(ends, vin, start):
        reading.refuse("vin", "VEHICLE_ALREADY_SOLD", "The car has an owner at that time already.")
    else:
        ends[vin] = None
    return not reading.violations


async def _insert(uow: UnitOfWork, readings: list[Reading], cars: dict[str, Any], known: datetime) -> set[uuid.UUID]:
    """Writes new sales with what follows from them; returns the ids written."""
    for reading in readings:
        reason = reading.facts["reversal"]
        reading.values |= {
            "sale_id": new_uuid(),
            "version": 1,
            "create_time": uow.now,
            "update_time": uow.now,
            "state": Sale.REVERSED if reason else Sale.RECORDED,
            "reversal_reason": reason,
            "reverse_time": uow.now if reason else None,
        }
    inserted: set[uuid.UUID] = await bulk.insert_new(uow.session, Sale, [one.values for one in readings], "sale_id")
    written = [one.values for one in readings if one.values["sale_id"] in inserted]
    standing = [row for row in written if row["state"] == Sale.RECORDED]
    owners = [_owner(row, known) for row in standing]
    await bulk.insert_new(uow.session, Ownership, owners, "ownership_id")
    await _put_on_road(uow, standing, cars)
    await bulk.relate_all(uow.session, [(row["dealer_id"], row["vin"]) for row in written])
    for row in written:
        _tell(uow, row)
    for owner in owners:
        uow.emit(events.ownership_started(Ownership(**owner)))
    return inserted


def _owner(row: dict[str, Any], known: datetime) -> dict[str, Any]:
    return {
        "ownership_id": new_uuid(),
        "version": 1,
        "vin": row["vin"],
        "customer_id": row["buyer_customer_id"],
        "role": Ownership.OWNER,
        "valid_from": row["start_time"],
        "known_from": known,
        "sale_id": row["sale_id"],
        "source": "sale",
    }


async def _put_on_road(uow: UnitOfWork, rows: list[dict[str, Any]], cars: dict[str, Any]) -> None:
    changes = []
    for row in rows:
        car = cars[row["vin"]]
        newer = row["odometer_km"] > car.odometer_km
        changes.append(
            {
                "vin": car.vin,
                "version": car.version + 1,
                "update_time": uow.now,
                "status": Vehicle.IN_USE,
                "use": row["use"] or car.use,
                "odometer_km": row["odometer_km"] if newer else car.odometer_km,
                "odometer_time": row["start_time"] if newer else car.odometer_time,
            }
        )
        if car.status != Vehicle.IN_USE:
            event = events.vehicle_updated(car.vin, Vehicle.IN_USE, ["status"])
            event.aggregate_version = car.version + 1
            uow.emit(event)
    await bulk.update_all(uow.session, Vehicle, changes, "vin")


def _tell(uow: UnitOfWork, row: dict[str, Any]) -> None:
    sale = SimpleNamespace(**{**row, "adviser_staff_id": None})
    event: Any = events.sale_recorded(sale) if row["state"] == Sale.RECORDED else events.sale_reversed(sale)
    event.aggregate_version = 1
    uow.emit(event)
    uow.audit("import", "sale", str(row["sale_id"]))


async def _again(uow: UnitOfWork, reading: Reading, sale: Sale, known: datetime) -> RowOutcome:
    """Meets a known sale: completes it, reverses it, or finds nothing new. What a sale is about is never changed by an import."""
    values, reason = reading.values, reading.facts["reversal"]
    for name in _FIXED:
        if getattr(sale, name) != values[name]:
            reading.refuse(
                name, "SALE_DIFFERS", "The sale is recorded with another value; reverse it and record it anew."
            )
    buyer, said = sale.buyer_customer_id, values["buyer_customer_id"]
    if (
        buyer != said
        and buyer not in await aliases.family(uow.session, said)
        and said not in await aliases.family(uow.session, buyer or said)
    ):
        reading.refuse(
            "customer_id", "SALE_DIFFERS", "The sale is recorded for another buyer; reverse it and record it anew."
        )
    if reading.violations:
        return reading.rejected
    changed = [
        name for name in _COMPLETED if values[name] not in (None, "", 0, []) and getattr(sale, name) != values[name]
    ]
    if sale.state == Sale.REVERSED or not (changed or reason):
        return reading.outcome(UNCHANGED)
    try:
        if reason:  # before it is completed: an ownership that never was is not corrected first
            await sales.reverse(uow, sale, reason, known)
        await _complete(uow, sale, {name: values[name] for name in changed}, values["start_time"], known)
    except DomainError as error:
        reading.refuse("", error.reason, error.text)
        return reading.rejected
    return reading.outcome(UPDATED)


async def _complete(uow: UnitOfWork, sale: Sale, values: dict[str, Any], start: datetime, known: datetime) -> None:
    """Takes what is new of a sale; another day of delivery corrects the ownership, and what was known before stays known as before."""
    owner = await ownerships.of_sale(uow.session, sale.sale_id) if "delivery_date" in values else None
    if owner is not None and owner.valid_from != start:
        if owner.valid_until is not None and owner.valid_until <= start:
            raise OwnershipMovedOn()
        row = owner.corrected(known, valid_from=start)
        await uow.flush()
        uow.add(row)
        uow.emit(events.ownership_started(row))
    for name, value in values.items():
        setattr(sale, name, value)
    if values:
        sale.start_time = start
        uow.audit("import", "sale", str(sale.sale_id), tuple(values))
    await uow.flush()
    if sale.order_id and "delivery_date" in values:
        await plant.delivered(uow, sale)
