"""Imports of targets and of values of KPIs: a chunk is one transaction and a few statements."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation

from marque_network.repository import scorecards, targets
from marque_network.repository.scoped import advisers_of, dealer_ids_of, lock_dealers
from marque_network.rules.readings import Reading
from marque_network.usecases import scorecards as score_usecases
from marque_network.usecases import targets as target_usecases

_NO_DEALER = FieldViolation("dealer_code", "DEALER_NOT_FOUND", "There is no such dealer, or you may not see it.")
_NO_ADVISER = FieldViolation("employee_number", "STAFF_UNKNOWN", "The dealer has nobody under this number.")
_NO_KPI = FieldViolation("kpi_code", "KPI_UNKNOWN", "There is no such KPI.")
_TWICE = FieldViolation("", "ROW_REPEATED", "A row before has the same key and another value.")


async def import_targets(*, uow: UnitOfWork, readings: Sequence[Reading]) -> list[RowOutcome]:
    """Proposes targets; returns one outcome per row. Equal figures change nothing."""
    async with uow:
        dealers = await _dealers(uow, readings)
        numbers = {
            (dealers[reading.values["dealer_code"]], reading.values["employee_number"])
            for reading in readings
            if reading.values["employee_number"] and reading.values["dealer_code"] in dealers
        }
        advisers = await advisers_of(uow.session, numbers) if numbers else {}
        rows = [_target_row(reading, dealers, advisers) for reading in readings]
        good = {target_usecases.target_key(row): row for row in rows if isinstance(row, dict)}
        versions = await targets.versions(uow.session, set(good)) if good else {}
        plans: dict[tuple[Any, ...], target_usecases.Plan] = {}
        outcomes = [_propose(uow, reading, row, versions, plans) for reading, row in zip(readings, rows, strict=True)]
        await target_usecases.write(uow, list(plans.values()))
        return outcomes


def _target_row(
    reading: Reading, dealers: Mapping[str, uuid.UUID], advisers: Mapping[tuple[uuid.UUID, str], uuid.UUID]
) -> dict[str, Any] | FieldViolation:
    values = dict(reading.values)
    dealer_id, number = dealers.get(values.pop("dealer_code")), values.pop("employee_number")
    if dealer_id is None:
        return _NO_DEALER
    staff_id = advisers.get((dealer_id, number)) if number else None
    if number and staff_id is None:
        return _NO_ADVISER
    return {"dealer_id": dealer_id, "staff_id": staff_id, **values}


def _propose(
    uow: UnitOfWork,
    reading: Reading,
    row: dict[str, Any] | FieldViolation,
    versions: Mapping[tuple[Any, ...], Sequence[Any]],
    plans: dict[tuple[Any, ...], target_usecases.Plan],
) -> RowOutcome:
    if reading.wrong or isinstance(row, FieldViolation):
        wrong = (*reading.wrong, *((row,) if isinstance(row, FieldViolation) else ()))
        return RowOutcome(reading.row, reading.key, REJECTED, wrong)
    key = target_usecases.target_key(row)
    if key in plans:
        same = plans[key].target.says(row["value"], row["currency_code"])
        return _repeated(reading, same)
    plans[key] = target_usecases.propose(uow, versions[key], row)
    if not plans[key].is_new:
        return RowOutcome(reading.row, reading.key, UNCHANGED)
    return RowOutcome(reading.row, reading.key, UPDATED if versions[key] else CREATED)


def _repeated(reading: Reading, same: bool) -> RowOutcome:
    if same:
        return RowOutcome(reading.row, reading.key, UNCHANGED)
    return RowOutcome(reading.row, reading.key, REJECTED, (_TWICE,))


async def import_kpi_values(
    *, uow: UnitOfWork, rows: Sequence[Any], read: Callable[[Any], Reading]
) -> list[RowOutcome]:
    """Writes what dealers reached; returns one outcome per row. The same value again changes nothing."""
    async with uow:
        readings = [read(row) for row in rows]
        dealers = await _dealers(uow, readings)
        kpis = await scorecards.kpis(uow.session, [reading.values["kpi_code"] for reading in readings])
        judged: dict[tuple[Any, ...], dict[str, Any]] = {}
        outcomes: list[RowOutcome | None] = []
        keys: list[tuple[Any, ...]] = []
        for reading in readings:
            outcome, key = _judge(reading, dealers, kpis, judged)
            outcomes.append(outcome)
            keys.append(key)
        created, updated, _ = await score_usecases.write(uow, list(judged.values())) if judged else ([], [], [])
        for dealer_id in sorted({row["dealer_id"] for row in (*created, *updated)}):
            uow.audit("import", "kpi_values", str(dealer_id))
        told = {score_usecases.value_key(row): CREATED for row in created}
        told |= {score_usecases.value_key(row): UPDATED for row in updated}
        return [
            outcome or RowOutcome(reading.row, reading.key, told.get(key, UNCHANGED))
            for reading, outcome, key in zip(readings, outcomes, keys, strict=True)
        ]


def _judge(
    reading: Reading,
    dealers: Mapping[str, uuid.UUID],
    kpis: Mapping[str, Any],
    judged: dict[tuple[Any, ...], dict[str, Any]],
) -> tuple[RowOutcome | None, tuple[Any, ...]]:
    """Takes a row among those to write; the outcome where it is not written, and its key."""
    values = dict(reading.values)
    dealer_id = dealers.get(values.pop("dealer_code"))
    wrong = list(reading.wrong)
    if dealer_id is None:
        wrong.append(_NO_DEALER)
    if not wrong and values["kpi_code"] not in kpis:
        wrong.append(_NO_KPI)
    if wrong:
        return RowOutcome(reading.row, reading.key, REJECTED, tuple(wrong)), ()
    row = {"dealer_id": dealer_id, **values}
    key = score_usecases.value_key(row)
    if key in judged:
        return _repeated(reading, judged[key] == row), key
    judged[key] = row
    return None, key


async def _dealers(uow: UnitOfWork, readings: Sequence[Reading]) -> dict[str, uuid.UUID]:
    """Returns the dealers of the rows for which the caller may act, locked, so that writers for one come in turn."""
    codes = {reading.values["dealer_code"] for reading in readings}
    found = await dealer_ids_of(uow.session, uow.principal, codes)
    await lock_dealers(uow.session, uow.principal, set(found.values()))
    return found
