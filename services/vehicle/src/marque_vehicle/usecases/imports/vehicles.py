"""Importing cars, keyed by VIN. What a row leaves empty stays as known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import vehicle_import_rows_pb2, vehicle_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work
from tradekit import plate

from marque_vehicle import events
from marque_vehicle.models import Vehicle, VehicleSearch
from marque_vehicle.repository import bulk
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository.scope import Scope
from marque_vehicle.usecases import maintenance
from marque_vehicle.usecases.imports.reading import Reading, codes, ordered, waves

_TEXTS = ("engine_number", "make", "series", "model", "trim", "exterior_colour", "interior_colour", "plant")
_FIELDS = (*_TEXTS, "model_year", "option_codes", "build_date", "plate_number", "market", "use", "energy", "status")
_MAX_TRIES = 3


class VehicleImporter:
    """Cars. A dealer's system registers cars and changes those that it has to do with."""

    kind = "vehicles"
    permission = "vehicle.vehicles.import"
    row: type[Message] = vehicle_import_rows_pb2.VehicleImportRow

    def __init__(self, work: Work) -> None:
        self._work = work

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        readings = [_read(row) for row in rows]
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        for wave in waves(good, lambda one: one[1].key):
            todo = wave
            for _ in range(_MAX_TRIES):  # a car that another import registers meanwhile is met as a known one
                todo = await _apply(uow, scope, todo, outcomes)
                if not todo:
                    break
            for place, reading in todo:
                reading.refuse("vin", "VIN_ALREADY_REGISTERED", "This VIN is being registered by somebody else.")
                outcomes[place] = reading.rejected
        return ordered(readings, outcomes)


def _read(row: Any) -> Reading:
    found = Reading(row.row)
    market = row.market.strip().upper()
    values = found.values
    found.key = values["vin"] = found.vin(row.vin, market)
    values |= {name: getattr(row, name).strip() for name in _TEXTS}
    values |= {"model_year": row.model_year, "option_codes": codes(row.option_codes), "market": market}
    values["build_date"] = found.day("build_date", row.build_date)
    values["plate_number"] = _plate(found, row.plate_number)
    values["use"] = found.word("use", row.use, vehicle_pb2.VehicleUse)
    values["energy"] = found.word("energy", row.energy, vehicle_pb2.VehicleEnergy)
    values["status"] = found.word("status", row.status, vehicle_pb2.VehicleStatus)
    if market and not (len(market) == 2 and market.isascii() and market.isalpha()):
        found.refuse("market", "COUNTRY_INVALID", "Give the country as two letters, ISO 3166-1 alpha-2.")
    day = found.day("odometer_date", row.odometer_date)
    found.facts = {"km": row.odometer_km, "read": datetime.combine(day, time.min, UTC) if day else None}
    return found


def _plate(reading: Reading, text: str) -> str:
    try:
        return plate.normalise(text).value if text.strip() else ""
    except plate.PlateError as error:
        reading.refuse("plate_number", f"PLATE_{error.reason}", str(error))
        return ""


async def _apply(
    uow: UnitOfWork, scope: Scope, wave: list[tuple[int, Reading]], outcomes: dict[int, RowOutcome]
) -> Any:
    """Writes a wave; returns what must be tried again."""
    known = await bulk.lock_vehicles(uow.session, [reading.key for _, reading in wave])
    fresh = [one for one in wave if one[1].key not in known]
    related = None if scope.everything else await bulk.related_to(uow.session, known, scope.dealers)
    changes = []
    for place, reading in wave:
        if reading.key in known:
            change = _change(reading, known[reading.key], uow.now)
            if change and related is not None and reading.key not in related:
                reading.refuse(
                    "vin", "VIN_ALREADY_REGISTERED", "This VIN is registered, and the car is not yours to change."
                )
                outcomes[place] = reading.rejected
            else:
                outcomes[place] = reading.outcome(UPDATED if change else UNCHANGED)
                changes += [change] if change else []
    await _update(uow, changes)
    return await _insert(uow, scope, fresh, outcomes)


def _change(reading: Reading, known: Any, moment: datetime) -> dict[str, Any]:
    """Returns the whole new row of a known car, empty where the import says nothing new. `changed` names the fields."""
    said = {name: value for name, value in reading.values.items() if name in _FIELDS and value not in ("", None, 0, [])}
    changed = [name for name, value in said.items() if getattr(known, name) != value]
    km, read = reading.facts["km"], reading.facts["read"] or moment
    newer = km > known.odometer_km and (known.odometer_time is None or read >= known.odometer_time)
    if not changed and not newer:
        return {}
    row = {name: said.get(name, getattr(known, name)) for name in _FIELDS}
    row |= (
        {"odometer_km": km, "odometer_time": read}
        if newer
        else {"odometer_km": known.odometer_km, "odometer_time": known.odometer_time}
    )
    return {**row, "vin": known.vin, "version": known.version + 1, "update_time": moment, "changed": changed}


async def _update(uow: UnitOfWork, changes: list[dict[str, Any]]) -> None:
    named = [change.pop("changed") for change in changes]
    await bulk.update_all(uow.session, Vehicle, changes, "vin")
    searched = [
        change
        for change, changed in zip(changes, named, strict=True)
        if {"engine_number", "plate_number"} & set(changed)
    ]
    await bulk.update_all(uow.session, VehicleSearch, [_search(change) for change in searched], "vin")
    for change, changed in zip(changes, named, strict=True):
        if changed:
            event = events.vehicle_updated(change["vin"], change["status"], changed)
            event.aggregate_version = change["version"]
            uow.emit(event)
        uow.audit("import", "vehicle", change["vin"], tuple(changed))
    await maintenance.look_later(
        uow, [change["vin"] for change, changed in zip(changes, named, strict=True) if changed]
    )


async def _insert(
    uow: UnitOfWork, scope: Scope, fresh: list[tuple[int, Reading]], outcomes: dict[int, RowOutcome]
) -> Any:
    rows: dict[str, dict[str, Any]] = {}
    for place, reading in fresh:
        values = reading.values
        missing = [name for name in ("make", "model") if not values[name]]
        for name in missing:
            reading.refuse(name, "REQUIRED", "A new car needs this.")
        if missing:
            outcomes[place] = reading.rejected
        else:
            rows[reading.key] = _new(reading, uow.now)
    inserted = await bulk.insert_new(uow.session, Vehicle, list(rows.values()), "vin")
    await bulk.insert_new(uow.session, VehicleSearch, [_search(rows[vin]) for vin in sorted(inserted)], "vin")
    await bulk.relate_all(uow.session, [(dealer, vin) for dealer in scope.dealers for vin in inserted])
    for place, reading in fresh:
        if reading.key in inserted:
            _tell(uow, rows[reading.key])
            outcomes[place] = reading.outcome(CREATED)
    return [one for one in fresh if one[0] not in outcomes]


def _new(reading: Reading, moment: datetime) -> dict[str, Any]:
    values = reading.values
    km, read = reading.facts["km"], reading.facts["read"]
    return {
        **values,
        "status": values["status"] or Vehicle.IN_STOCK,
        "odometer_km": km,
        "odometer_time": (read or moment) if km else None,
        "version": 1,
        "create_time": moment,
        "update_time": moment,
    }


def _search(row: dict[str, Any]) -> dict[str, Any]:
    return VehicleSearch.columns_of(row["vin"], row["engine_number"], row["plate_number"])


def _tell(uow: UnitOfWork, row: dict[str, Any]) -> None:
    event = events.vehicle_registered(
        Vehicle(**{name: row[name] for name in ("vin", "make", "model", "model_year", "market", "status")})
    )
    event.aggregate_version = 1
    uow.emit(event)
    uow.audit("import", "vehicle", row["vin"])
