"""Imports of dealers, keyed by code: a chunk is one transaction and a few statements."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid

from marque_network.models import Dealer
from marque_network.repository import bulk
from marque_network.repository.dealers import know_dealers
from marque_network.rules.findable import dealer_document
from marque_network.rules.readings import Reading
from marque_network.usecases.chunks import Chunk, concurrent, missing
from marque_network.usecases.dealers import dealer_changed

_NEEDED = ("code", "names", "kinds", "time_zone")
_EMPTY: dict[str, Any] = {
    "channel_type": 0, "group_code": "", "region_code": "", "brands": [], "address": None, "phone": "", "email": "",
    "latitude": None, "longitude": None, "status": Dealer.PLANNED,
    "open_date": None, "close_date": None, "service_bays": 0, "loan_cars": 0,
    "service_cars_per_day": 0, "handovers_per_day": 0, "status_reason": 0, "successor_dealer_id": None,
}  # fmt: skip


async def import_dealers(*, uow: UnitOfWork, readings: Sequence[Reading]) -> list[RowOutcome]:
    """Creates and changes dealers; returns one outcome per row. What a row leaves empty stays as it is."""
    async with uow:
        chunk = Chunk(await bulk.lock_dealers(uow.session, {reading.key for reading in readings}))
        outcomes = [_take(uow, chunk, reading) for reading in readings]
        for row in chunk.touched():
            found = dealer_document(row["code"], row["names"], row["address"])
            row["search_text"], row["search_tokens"] = found.text, found.tokens
        created = await bulk.insert_dealers(uow.session, chunk.created())
        versions = {**created, **await bulk.update_dealers(uow.session, chunk.updated())}
        if versions:
            await know_dealers(uow.session, sorted(versions))
        _tell(uow, chunk, versions)
        lost = {row["code"] for row in chunk.created() if row["dealer_id"] not in created}
        return [concurrent(outcome) if outcome.key in lost else outcome for outcome in outcomes]


def _take(uow: UnitOfWork, chunk: Chunk, reading: Reading) -> RowOutcome:
    """Judges one row against the state that the rows before it left."""
    known = chunk.state.get(reading.key)
    wrong = list(reading.wrong)
    row = {**(known or {**_EMPTY, "code": reading.key}), **_merged(known, reading.values)}
    if known is None and not wrong:
        wrong += missing(row, _NEEDED)
    if known is not None and known["status"] == Dealer.CLOSED != row["status"]:
        wrong.append(FieldViolation("status", "DEALER_CLOSED", "A closed dealer is not opened again."))
    if wrong:
        return RowOutcome(reading.row, reading.key, REJECTED, tuple(wrong))
    if known is None:
        row |= {"dealer_id": new_uuid(), "version": 1, "create_time": uow.now, "update_time": uow.now}
        chunk.create(reading.key, row)
        return RowOutcome(reading.row, reading.key, CREATED)
    if row["status"] != known["status"]:
        row["status_reason"] = 0  # written without a verb, so nobody said why
    changed = _changed_fields(known, row)
    if not changed:
        return RowOutcome(reading.row, reading.key, UNCHANGED)
    chunk.change(reading.key, {**row, "update_time": uow.now}, changed)
    return RowOutcome(reading.row, reading.key, UPDATED)


def _merged(known: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Names in other languages, and parts of the address that a row leaves out, stay."""
    found = dict(values)
    for name in ("names", "address"):
        if known and name in found:
            found[name] = {**(known[name] or {}), **found[name]}
    return found


def _changed_fields(known: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """The contract's names of what differs; the two coordinates are one field there."""
    changed = [name for name in row if row[name] != known.get(name)]
    place = {"latitude", "longitude"}
    return [*(name for name in changed if name not in place), *(["location"] if place & set(changed) else [])]


def _tell(uow: UnitOfWork, chunk: Chunk, versions: Mapping[uuid.UUID, int]) -> None:
    for row in chunk.touched():
        version = versions.get(row["dealer_id"])
        if version is not None:
            fields = chunk.fields_of(row["code"])
            event = dealer_changed(SimpleNamespace(**row), fields)
            event.aggregate_version = version
            uow.emit(event)
            uow.audit("import", "dealer", event.dealer_id, fields)
