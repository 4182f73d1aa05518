"""Imports of staff, keyed by dealer and employee number: a chunk is one transaction and a few statements."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid

from marque_network.models import Staff
from marque_network.repository import bulk
from marque_network.repository import staff as repository
from marque_network.rules.findable import staff_document
from marque_network.rules.offices import former_keys, not_grantable
from marque_network.rules.readings import Reading
from marque_network.rules.skills import first_expiry
from marque_network.usecases.chunks import Chunk, concurrent, missing
from marque_network.usecases.leaving import leave_by_import
from marque_network.usecases.staff import OFFICE
from marque_network.usecases.staff_news import staff_changed

_NEEDED = ("employee_number", "full_name", "roles")
_NAME = frozenset({"family_name", "given_name", "full_name", "latin_name"})
_EMPTY: dict[str, Any] = {
    "subject": "", "region_code": "", "group_code": "", "family_name": "", "given_name": "", "full_name": "",
    "latin_name": "", "phone": "", "email": "", "roles": [], "languages": [], "status": Staff.ACTIVE,
    "manager_staff_id": None, "user_name": "", "external_id": "", "title": "", "department": "", "team": "",
    "employment_start_date": None, "employment_end_date": None, "skills": [], "certificates": [], "capacity": 0,
    "approval_limits": [], "week": {}, "former_subject_keys": [],
}  # fmt: skip
_Key = tuple[uuid.UUID | None, str]


class _Import:
    """One chunk: what the rows lean on, read by a few statements, and what they make of it."""

    def __init__(self, uow: UnitOfWork, employers: Mapping[str, Any]) -> None:
        self.uow = uow
        self.employers = employers
        self.chunk = Chunk({})
        self.subjects: dict[str, uuid.UUID] = {}
        self.leads: dict[uuid.UUID, uuid.UUID | None] = {}
        self.left: list[dict[str, Any]] = []

    def key(self, reading: Reading) -> _Key | None:
        """Returns the key of a row; None where its dealer is not one for which the caller may act."""
        code, _, number = reading.key.partition("/")
        if not code:
            return None, number
        return (self.employers[code].dealer_id, number) if code in self.employers else None

    async def load(self, readings: Sequence[Reading]) -> None:
        """Reads and locks the people whom the rows are about or name as managers, and who holds the subjects."""
        session = self.uow.session
        keys = {key for reading in readings if (key := self.key(reading)) is not None}
        keys |= {
            (key[0], reading.manager_number)
            for reading in readings
            if reading.manager_number and (key := self.key(reading))
        }
        self.chunk = Chunk(await bulk.lock_staff(session, keys))
        given = {reading.values["subject"] for reading in readings if "subject" in reading.values}
        self.subjects = await bulk.subjects_taken(session, given)
        if any(reading.manager_number for reading in readings):
            ids = [row["staff_id"] for row in self.chunk.state.values()]
            self.leads = await repository.chain_above(session, ids)

    def take(self, reading: Reading) -> RowOutcome:
        """Judges one row against the state that the rows before it left."""
        key = self.key(reading)
        wrong = list(reading.wrong)
        if key is None:
            wrong.append(
                FieldViolation("dealer_code", "DEALER_NOT_FOUND", "There is no such dealer, or you may not see it.")
            )
        if key is None or wrong:
            return RowOutcome(reading.row, reading.key, REJECTED, tuple(wrong))
        known = self.chunk.state.get(key)
        row = {**(known or {**_EMPTY, "staff_id": new_uuid(), "dealer_id": key[0]}), **reading.values}
        wrong += self._faults(reading, key, known, row)
        if wrong:
            return RowOutcome(reading.row, reading.key, REJECTED, tuple(wrong))
        return RowOutcome(reading.row, reading.key, self._keep(key, known, row))

    def _keep(self, key: _Key, known: Mapping[str, Any] | None, row: dict[str, Any]) -> int:
        now = self.uow.now
        if known is None:
            self.chunk.create(key, {**row, "version": 1, "create_time": now, "update_time": now})
        else:
            changed = _changed_fields(known, row)
            if not changed:
                return UNCHANGED
            if "subject" in changed:
                row["former_subject_keys"] = former_keys(known["former_subject_keys"], known["subject"], row["subject"])
            self.chunk.change(key, {**row, "update_time": now}, changed)
            if row["status"] == Staff.LEFT:
                self.left.append(row)
        if row["subject"]:
            self.subjects[row["subject"]] = row["staff_id"]
        self.leads[row["staff_id"]] = row["manager_staff_id"]
        return UPDATED if known else CREATED

    def _faults(
        self, reading: Reading, key: _Key, known: Mapping[str, Any] | None, row: dict[str, Any]
    ) -> list[FieldViolation]:
        if reading.manager_number and (fault := self._lead(reading, key, row)):
            return [fault]
        if known is None and (wrong := missing(row, _NEEDED)):
            return wrong
        changed = set(_changed_fields(known or {}, row))
        if known and known["status"] == Staff.LEFT and changed:
            return [FieldViolation("status", "STAFF_LEFT", "This member of staff has left.")]
        if self.subjects.get(row["subject"], row["staff_id"]) != row["staff_id"]:
            return [FieldViolation("subject", "SUBJECT_TAKEN", "This subject belongs to another member of staff.")]
        if OFFICE & changed and self._too_much(row):
            return [FieldViolation("roles", "ROLE_NOT_GRANTABLE", "This is more than you have yourself.")]
        return []

    def _too_much(self, row: Mapping[str, Any]) -> bool:
        at_dealer = row["dealer_id"] is not None
        sight = {"region_code": row["region_code"], "group_code": row["group_code"]}
        return bool(not_grantable(self.uow.principal, held=row["roles"], at_dealer=at_dealer, **sight))

    def _lead(self, reading: Reading, key: _Key, row: dict[str, Any]) -> FieldViolation | None:
        """Finds the manager among those known and those of the rows before; nobody may come to lead themselves."""
        manager = self.chunk.state.get((key[0], reading.manager_number))
        if manager is None:
            return FieldViolation(
                "manager_employee_number", "STAFF_UNKNOWN", "The employer has nobody under this number yet."
            )
        row["manager_staff_id"] = above = manager["staff_id"]
        while above is not None:
            if above == row["staff_id"]:
                return FieldViolation("manager_employee_number", "MANAGER_CIRCLE", "This person would lead themselves.")
            above = self.leads.get(above)
        return None


async def import_staff(
    *, uow: UnitOfWork, rows: Sequence[Any], read: Callable[[Any, str], Reading]
) -> list[RowOutcome]:
    """Creates and changes people; returns one outcome per row. What a row leaves empty stays as it is.

    `read` reads a row in its employer's country. A manager must stand in the same employer's staff before, or in a row
    before.
    """
    async with uow:
        codes = {row.dealer_code.strip().upper() for row in rows}
        employers = await bulk.employers(uow.session, uow.principal, codes)
        readings = [read(row, _country(employers.get(row.dealer_code.strip().upper()))) for row in rows]
        work = _Import(uow, employers)
        await work.load(readings)
        outcomes = [work.take(reading) for reading in readings]
        for row in work.chunk.touched():
            found = staff_document(row["employee_number"], (row["full_name"], row["latin_name"]), row["email"])
            row["search_text"], row["search_tokens"] = found.text, found.tokens
            row["next_expiry_date"] = first_expiry(row["certificates"])
        created = await bulk.insert_staff(uow.session, work.chunk.created())
        versions = {**created, **await bulk.update_staff(uow.session, work.chunk.updated())}
        await repository.know_staff(uow.session, list(versions))
        _tell(uow, work.chunk, versions)
        for row in work.left:
            if row["staff_id"] in versions:
                await leave_by_import(uow, SimpleNamespace(**row), versions[row["staff_id"]])
        lost = {
            (row["dealer_id"], row["employee_number"]) for row in work.chunk.created() if row["staff_id"] not in created
        }
        return [
            concurrent(outcome) if work.key(reading) in lost else outcome
            for reading, outcome in zip(readings, outcomes, strict=True)
        ]


def _country(employer: Any) -> str:
    return str((employer.address or {}).get("country_code", "")) if employer is not None else ""


def _changed_fields(known: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """The contract's names of what differs; the parts of the name are one field there."""
    changed = [name for name in row if row[name] != known.get(name)]
    return [*(name for name in changed if name not in _NAME), *(["name"] if _NAME & set(changed) else [])]


def _tell(uow: UnitOfWork, chunk: Chunk, versions: Mapping[uuid.UUID, int]) -> None:
    for row in chunk.touched():
        version = versions.get(row["staff_id"])
        if version is not None:
            fields = chunk.fields_of((row["dealer_id"], row["employee_number"]))
            event = staff_changed(SimpleNamespace(**row), fields)
            event.aggregate_version = version
            uow.emit(event)
            uow.audit("import", "staff", event.staff_id, fields)
