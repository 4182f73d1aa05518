"""Importing cases by the source's key: a chunk in a few statements. Several rows with one key are one case.

What a row leaves empty stays as known, and what was told first stays: a later row adds components, marks and what was missing. So the same
file again changes nothing, in whatever order its rows come. An imported case is closed: it was answered, or not, elsewhere, and no clock
runs for it; reopening it begins the work here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

from google.protobuf.message import Message
from marque.complaint.v1 import case_import_rows_pb2
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid

from marque_complaint import events
from marque_complaint.models import Case, CaseEntry, CaseSearch
from marque_complaint.repository import bulk, facts
from marque_complaint.repository import scope as scopes
from marque_complaint.rules import kinds, reading, safety, tracking, vins
from marque_complaint.usecases import creating

_TEXTS = ("make", "model", "subject", "description", "category", "place")
_FILLED = (*_TEXTS, "vin", "model_year", "odometer_km", "incident_date")
_MARKS = ("crash", "fire")
_COUNTS = ("injured", "deaths")
_MOST_COMPONENTS = 20
_TRIES = 3


@dataclass
class _Row:
    """A row as it was read: its number, key and values, or what is wrong with it."""

    number: int
    key: str
    values: dict[str, Any]
    violations: list[FieldViolation] = field(default_factory=list)

    def outcome(self, outcome: int) -> RowOutcome:
        """What became of it."""
        return RowOutcome(self.number, self.key, outcome, tuple(self.violations))


class CaseImporter:
    """Cases of other systems. A dealer's system brings those of its own dealers."""

    kind = "cases"
    permission = "complaint.cases.import"
    row: type[Message] = case_import_rows_pb2.CaseImportRow

    def __init__(self, work: Work) -> None:
        self._work = work

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        codes = sorted({row.dealer_code.strip() for row in rows} - {""})
        dealers = await scopes.dealers_by_code(self._work.reader, codes) if codes else {}
        read = [_read(row, dealers, scope) for row in rows]
        good = [row for row in read if not row.violations]
        outcomes: dict[int, RowOutcome] = {}
        todo = good
        for _ in range(_TRIES):  # a case that another import writes meanwhile is met as a known one
            todo = await _apply(uow, scope, options.source, todo, outcomes)
            if not todo:
                break
        for row in todo:
            row.violations.append(FieldViolation("source_key", "CASE_BUSY", "Somebody else is writing this case."))
        return [outcomes[id(row)] if id(row) in outcomes else row.outcome(REJECTED) for row in read]


def _read(row: Any, dealers: dict[str, uuid.UUID], scope: scopes.Scope) -> _Row:
    text = reading.Texts()
    values: dict[str, Any] = {name: getattr(row, name).strip() for name in _TEXTS}
    values["kind"] = text.word("kind", row.kind, reading.KINDS, kinds.COMPLAINT)
    values["channel"] = text.word("channel", row.channel, reading.CHANNELS, kinds.PORTAL)
    received = text.day("receive_date", row.receive_date)
    values["receive_time"] = datetime.combine(received, time(), UTC) if received else None
    values["incident_date"] = text.day("incident_date", row.incident_date)
    values["model_year"] = text.year("model_year", row.model_year)
    values["vin"] = vins.tidy(row.vin)
    values["components"] = [row.component.strip()] if row.component.strip() else []
    for name in _MARKS:
        values[name] = text.mark(name, getattr(row, name))
    for name in _COUNTS:
        values[name] = text.number(name, getattr(row, name), 10_000)
    kilometres = text.number("odometer_km", row.odometer_km, 5_000_000)
    miles = text.number("odometer_miles", row.odometer_miles, 3_000_000)
    values["odometer_km"] = kilometres or round(miles * reading.KM_PER_MILE)
    code, values["dealer_id"] = row.dealer_code.strip(), None
    if code:
        values["dealer_id"] = dealers.get(code)
        if values["dealer_id"] is None or not (scope.everything or values["dealer_id"] in scope.dealers):
            text.refuse("dealer_code", "DEALER_NOT_FOUND", "There is no dealer with this code, or it is not yours.")
    elif not scope.everything:
        if len(scope.dealers) == 1:
            values["dealer_id"] = scope.dealers[0]
        else:
            text.refuse("dealer_code", "DEALER_MISSING", "Name the dealer.")
    return _Row(row.row, row.source_key.strip(), values, text.violations)


async def _apply(
    uow: UnitOfWork, scope: scopes.Scope, source: str, rows: list[_Row], outcomes: dict[int, RowOutcome]
) -> list[_Row]:
    """Writes rows; returns those that must be tried again."""
    known = await bulk.lock_by_source(uow.session, source, (row.key for row in rows))
    fresh: dict[str, Case] = {}
    touched: dict[str, Case] = {}
    endangered: list[Case] = []
    for row in rows:
        case = known.get(row.key) or fresh.get(row.key)
        if case is None:
            fresh[row.key] = _new(row, source, uow.now)
            outcomes[id(row)] = row.outcome(CREATED)
        elif row.key in known and not (scope.everything or case.dealer_id in scope.dealers):
            row.violations.append(FieldViolation("source_key", "CASE_NOT_YOURS", "The case is of another dealer."))
            outcomes[id(row)] = row.outcome(REJECTED)
        else:
            safe = not case.safety_signs
            changed = _merge(case, row.values)
            outcomes[id(row)] = row.outcome(UPDATED if changed else UNCHANGED)
            if changed and row.key in known:
                touched[row.key] = case
                if safe and case.safety_signs:
                    endangered.append(case)
    written = await _insert(uow, list(fresh.values()))
    await _change(uow, list(touched.values()))
    for case in endangered:
        uow.emit(events.safety_case_flagged(case), of=case)
    moved = [*(case for key, case in fresh.items() if key in written), *touched.values()]
    await facts.mark(uow.session, [case.case_id for case in moved])
    missed = [row for row in rows if row.key in fresh and row.key not in written]
    for row in missed:
        del outcomes[id(row)]
    return missed


def _new(row: _Row, source: str, moment: datetime) -> Case:
    case = Case(
        case_id=new_uuid(), version=1, create_time=moment, update_time=moment, tracking_code=tracking.new_code(), state=kinds.CLOSED,
        severity=kinds.UNASSESSED, close_time=moment, entry_count=1, source=source, source_key=row.key, **row.values,
    )  # fmt: skip
    _weigh(case)
    return case


def _weigh(case: Case) -> None:
    """Looks for danger in what is told by now. A case that was assessed keeps what a person judged."""
    case.safety_signs = safety.signs(
        (case.subject, case.description), crash=case.crash, fire=case.fire, injured=case.injured, deaths=case.deaths
    )
    if case.safety_signs and case.severity in (None, kinds.UNASSESSED):
        case.severity = kinds.SAFETY


def _merge(case: Case, told: dict[str, Any]) -> bool:
    """Adds what a row tells and was not known; tells whether there was anything."""
    changed = {name: told[name] for name in _FILLED if told[name] and not getattr(case, name)}
    changed |= {name: True for name in _MARKS if told[name] and not getattr(case, name)}
    changed |= {name: told[name] for name in _COUNTS if told[name] > getattr(case, name)}
    more = [one for one in told["components"] if one not in case.components]
    if more and len(case.components) < _MOST_COMPONENTS:
        changed["components"] = [*case.components, *more]
    for name, value in changed.items():
        setattr(case, name, value)
    if changed:
        _weigh(case)
    return bool(changed)


async def _insert(uow: UnitOfWork, cases: list[Case]) -> set[str]:
    """Writes new cases with their entries and search documents; returns the keys written."""
    if not cases:
        return set()
    names = [column.name for column in Case.__table__.columns]
    rows = [{name: value for name in names if (value := getattr(case, name)) is not None} for case in cases]
    defaults = {name for row in rows for name in row}
    filled = [{name: row.get(name) for name in sorted(defaults)} for row in rows]
    written = await bulk.insert(uow.session, Case, filled, "source_key")
    mine = [case for case in cases if case.source_key in written]
    entry = {
        "action": "IMPORTED",  # not received here: no clock begins with it
        "sequence": 1,
        "waiting": 0,
        "escalation": 0,
        "occur_time": uow.now,
    }
    entries = [{**entry, "case_id": one.case_id, "state": one.state, "severity": one.severity or 0} for one in mine]
    await bulk.insert(uow.session, CaseEntry, entries, "case_id")
    await bulk.insert(uow.session, CaseSearch, [_document(case) for case in mine], "case_id")
    for case in mine:
        said = [events.case_received(case), *([events.safety_case_flagged(case)] if case.safety_signs else [])]
        for event in said:
            event.aggregate_version = 1
            uow.emit(event)
        uow.audit("import", "case", str(case.case_id))
    return written


def _document(case: Case) -> dict[str, Any]:
    text, tokens = creating.document_of(case)
    return {"case_id": case.case_id, "search_text": text, "search_tokens": tokens}


async def _change(uow: UnitOfWork, cases: list[Case]) -> None:
    """Writes what rows added to known cases."""
    for case in cases:
        row = await uow.session.get(CaseSearch, case.case_id)
        if row is not None:
            row.search_text, row.search_tokens = creating.document_of(case)
        uow.audit("import", "case", str(case.case_id), ("components",))
    await uow.flush()
