"""Importing the cars of recalls into the next versions of their scopes, keyed by recall and VIN: a chunk in a few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import recall_import_rows_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork

from marque_vehicle.models import Recall
from marque_vehicle.repository import recall_cars as cars
from marque_vehicle.repository import recalls as repository
from marque_vehicle.usecases.imports.reading import Reading, ordered, waves

_ADD, _REMOVE = "add", "remove"
_Placed = list[tuple[int, Reading]]


class RecallVehicleImporter:
    """The cars of recalls. They need not be registered: a maker recalls what it built."""

    kind = "recall-vehicles"
    permission = "vehicle.recalls.import"
    row: type[Message] = recall_import_rows_pb2.RecallVehicleImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk. The recalls are held meanwhile, so that none is opened in the middle of it."""
        readings = [_read(row) for row in rows]
        recalls = await repository.hold_recalls(uow.session, [one.values["code"] for one in readings])
        for reading in readings:
            _judge(reading, recalls)
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        for wave in waves(good, lambda one: one[1].key):
            for code in sorted({reading.values["code"] for _, reading in wave}):
                mine = [one for one in wave if one[1].values["code"] == code]
                await _apply(uow, recalls[code], mine, outcomes)
        return ordered(readings, outcomes)


def _read(row: Any) -> Reading:
    found = Reading(row.row)
    code = row.recall_code.strip()
    vin = found.vin(row.vin, None)
    action = row.action.strip().lower() or _ADD
    if action not in (_ADD, _REMOVE):
        found.refuse("action", "WORD_UNKNOWN", "Give `add` or `remove`.")
    found.key = f"{code}/{vin}"
    found.values |= {"code": code, "vin": vin, "action": action}
    return found


def _judge(reading: Reading, recalls: dict[str, Recall]) -> None:
    recall = recalls.get(reading.values["code"])
    if recall is None:
        reading.refuse("recall_code", "RECALL_NOT_FOUND", "There is no recall of this number.")
    elif recall.state == Recall.CLOSED:
        reading.refuse("recall_code", "RECALL_CLOSED", "The recall is closed.")


async def _apply(uow: UnitOfWork, recall: Recall, rows: _Placed, outcomes: dict[int, RowOutcome]) -> None:
    wanted = {
        action: [one.values["vin"] for _, one in rows if one.values["action"] == action] for action in (_ADD, _REMOVE)
    }
    added, restored = await cars.add(uow.session, recall, wanted[_ADD]) if wanted[_ADD] else (set(), set())
    removed = await cars.remove(uow.session, recall, wanted[_REMOVE]) if wanted[_REMOVE] else set()
    for place, reading in rows:
        vin, adds = reading.values["vin"], reading.values["action"] == _ADD
        changed = vin in restored or (not adds and vin in removed)
        outcomes[place] = reading.outcome(CREATED if adds and vin in added else UPDATED if changed else UNCHANGED)
    if added or restored or removed:
        uow.audit("import", "recall", str(recall.recall_id))
