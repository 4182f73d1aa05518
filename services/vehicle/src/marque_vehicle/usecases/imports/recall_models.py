"""Importing the models and years that recalls cover, as an authority publishes them: keyed by recall, make, model and year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import recall_import_rows_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_vehicle.models import Recall
from marque_vehicle.repository import recall_cars as cars
from marque_vehicle.repository import recall_models as repository
from marque_vehicle.usecases.imports.reading import Reading, ordered, waves

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
_MARKET = re.compile(r"[A-Z]{2}")
_NO_YEAR = ("", "0", "9999")  # as authorities write that years do not apply
_FIRST_YEAR, _AHEAD = 1900, 2
_LONGEST_DEFECT = 8000
_Placed = list[tuple[int, Reading]]


class RecallModelImporter:
    """What recalls cover. A recall that is not known is made a draft by its first row."""

    kind = "recall-models"
    permission = "vehicle.recalls.import"
    row: type[Message] = recall_import_rows_pb2.RecallModelImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk. The recalls are held meanwhile, so that none is opened in the middle of it."""
        readings = [_read(row, uow.now.year) for row in rows]
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        recalls = await _recalls(uow, [reading for _, reading in good])
        for _, reading in good:
            if recalls[reading.values["code"]].state == Recall.CLOSED:
                reading.refuse("recall_code", "RECALL_CLOSED", "The recall is closed.")
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        for wave in waves([one for one in good if not one[1].violations], lambda one: one[1].key):
            await _apply(uow, recalls, wave, outcomes)
        return ordered(readings, outcomes)


def _read(row: Any, this_year: int) -> Reading:
    found = Reading(row.row)
    values = found.values
    values |= {"code": row.recall_code.strip(), "make": row.make.strip(), "model": row.model.strip()}
    values |= {"title": row.title.strip(), "defect": row.defect.strip()[:_LONGEST_DEFECT], "market": row.market.strip()}
    values["model_year"] = _year(found, row.model_year.strip(), this_year)
    if not _CODE.fullmatch(values["code"]):
        found.refuse("recall_code", "CODE_INVALID", "A recall's number has letters, digits and . _ / -, at most 40.")
    for name in ("make", "model"):
        if not values[name]:
            found.refuse(name, "REQUIRED", "This field must not be empty.")
    if values["market"] and not _MARKET.fullmatch(values["market"]):
        found.refuse("market", "MARKET_INVALID", "Give a country as two capitals, for example US.")
    found.key = f"{values['code']}/{values['make']}/{values['model']}/{values['model_year']}"
    return found


def _year(reading: Reading, text: str, this_year: int) -> int:
    if text in _NO_YEAR:
        return 0
    if not text.isascii() or not text.isdecimal() or not _FIRST_YEAR <= int(text) <= this_year + _AHEAD:
        reason = f"Give a year from {_FIRST_YEAR} to {this_year + _AHEAD}, or 9999 where years do not apply."
        reading.refuse("model_year", "MODEL_YEAR_INVALID", reason)
        return 0
    return int(text)


async def _recalls(uow: UnitOfWork, readings: Sequence[Reading]) -> dict[str, Recall]:
    """The recalls of good rows, locked; those that were not known are drafts now."""
    first: dict[str, dict[str, Any]] = {}
    for reading in readings:
        values = reading.values
        known = first.setdefault(
            values["code"], {"recall_id": new_uuid(), "code": values["code"], "title": "", "defect": "", "market": ""}
        )
        for name in ("title", "defect", "market"):
            known[name] = known[name] or values[name]
    for one in first.values():
        one["title"] = one["title"] or one["code"]
    if not first:
        return {}
    await repository.add_missing(uow.session, list(first.values()))
    recalls = await repository.lock_recalls(uow.session, list(first))
    for code, recall in recalls.items():
        if recall.recall_id == first[code]["recall_id"]:
            uow.audit("create", "recall", str(recall.recall_id))
    return recalls


async def _apply(uow: UnitOfWork, recalls: dict[str, Recall], rows: _Placed, outcomes: dict[int, RowOutcome]) -> None:
    models = {place: _model(recalls, reading) for place, reading in rows}
    added = await repository.add(uow.session, list(models.values()))
    told = {code: _tell(recalls[code], mine) for code, mine in _by_code(rows).items()}
    await uow.flush()
    by_id = {one.recall_id: one for one in recalls.values()}
    changed = {code for code, fields in told.items() if fields}
    for recall_id, vins in sorted((await repository.cars_of(uow.session, sorted(added))).items()):
        await cars.add(uow.session, by_id[recall_id], vins)
    for code in sorted(changed | {by_id[one[0]].code for one in added}):
        uow.audit("import", "recall", str(recalls[code].recall_id), told[code])
    for place, reading in rows:
        fresh = models[place] in added
        outcomes[place] = reading.outcome(
            CREATED if fresh else UPDATED if reading.values["code"] in changed else UNCHANGED
        )


def _model(recalls: dict[str, Recall], reading: Reading) -> repository.Model:
    values = reading.values
    return recalls[values["code"]].recall_id, values["make"], values["model"], values["model_year"]


def _by_code(rows: _Placed) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for _, reading in rows:
        found.setdefault(reading.values["code"], []).append(reading)
    return found


def _tell(recall: Recall, readings: Sequence[Reading]) -> tuple[str, ...]:
    """Takes title and defect where the recall has none of its own; returns the names of what changed."""
    news = {name: next((one.values[name] for one in readings if one.values[name]), "") for name in ("title", "defect")}
    lacking = {"title": recall.title == recall.code, "defect": not recall.defect}
    return tuple(recall.change({name: value for name, value in news.items() if value and lacking[name]}))
