"""Imports of files in the database: all SQL of them, and their states.

queued → running → succeeded | failed | cancelled. With the end the file's bytes go: they hold personal data that nothing needs any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.bulk.candidates import Tally
from servicekit.bulk.rows import REJECTED, ImportOptions, RowOutcome, Step
from servicekit.db.tables import import_chunks, import_errors, imports
from servicekit.db.uow import UnitOfWork
from servicekit.paging import Page
from servicekit.rpc.principal import Principal

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"
OPEN = (QUEUED, RUNNING)
DUE = "import"
PIECE = 1024 * 1024
FIRST_ERRORS = 20
_TOLD = 500  # characters of one text
_SEE_ALL = frozenset({"oem.admin", "oem.manager"})


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The imports that a caller may see: its own; the maker's administrators and managers see all."""
    return sa.true() if principal.roles & _SEE_ALL else imports.c.principal == principal.subject


async def add(uow: UnitOfWork, values: dict[str, Any], file: BinaryIO) -> Any:
    """Stores an import with its file and makes it due; returns its row."""
    row = {
        **values,
        "state": QUEUED,
        "principal": uow.principal.subject,
        "claims": claims_of(uow.principal),
        "create_time": uow.now,
    }
    found = (await uow.session.execute(insert(imports).values(row).returning(imports))).one()
    file.seek(0)
    sequence = 0
    while piece := file.read(PIECE):
        chunk = {"import_id": found.import_id, "sequence": sequence, "content": piece}
        await uow.session.execute(insert(import_chunks).values(chunk))
        sequence += 1
    await uow.schedule(DUE, str(found.import_id), uow.now)
    return found


async def copy_file(session: AsyncSession, import_id: uuid.UUID, target: BinaryIO) -> None:
    """Writes the stored bytes of an import to a file, a piece at a time."""
    query = sa.select(import_chunks.c.content).where(import_chunks.c.import_id == import_id)
    sequence = 0
    while (piece := await session.scalar(query.where(import_chunks.c.sequence == sequence))) is not None:
        target.write(piece)
        sequence += 1


async def find(
    session: AsyncSession, import_id: uuid.UUID, visible: sa.ColumnElement[bool] | None = None, *, lock: bool = False
) -> Any:
    """Returns the row of an import, or None."""
    query = sa.select(imports).where(imports.c.import_id == import_id, sa.true() if visible is None else visible)
    return (await session.execute(query.with_for_update() if lock else query)).one_or_none()


async def list_page(
    session: AsyncSession, principal: Principal, filters: dict[str, str], page: Page, after: Any, *, newest_first: bool
) -> Sequence[Any]:
    """Returns a page of imports and one more."""
    order = [imports.c.create_time, imports.c.import_id]
    query = sa.select(imports).where(
        visible_to(principal), *(imports.c[name] == value for name, value in filters.items())
    )
    if after is not None:
        query = query.where(sa.tuple_(*order) < after if newest_first else sa.tuple_(*order) > after)
    query = query.order_by(*(column.desc() if newest_first else column for column in order)).limit(page.size + 1)
    return (await session.execute(query)).all()


async def first_errors(session: AsyncSession, import_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    """Returns the first rejected rows of each import."""
    ids = sa.select(sa.func.unnest(sa.cast(list(import_ids), sa.ARRAY(sa.Uuid))).label("import_id")).subquery()
    mine = (
        sa.select(import_errors)
        .where(import_errors.c.import_id == ids.c.import_id)
        .order_by(import_errors.c.row_number)
        .limit(FIRST_ERRORS)
        .lateral()
    )
    found: dict[uuid.UUID, list[Any]] = {}
    for row in await session.execute(sa.select(mine).select_from(ids.join(mine, sa.true()))):
        found.setdefault(row.import_id, []).append(row)
    return found


async def errors_page(session: AsyncSession, import_id: uuid.UUID, page: Page, after: int) -> Sequence[Any]:
    """Returns a page of rejected rows and one more."""
    columns = import_errors.c
    query = sa.select(import_errors).where(columns.import_id == import_id, columns.row_number > after)
    return (await session.execute(query.order_by(columns.row_number).limit(page.size + 1))).all()


async def progress(
    uow: UnitOfWork, import_id: uuid.UUID, last: int, outcomes: list[RowOutcome], total: int | None
) -> None:
    """Writes how far an import has come, and its rejected rows."""
    tally = Tally()
    tally.add(outcomes)
    columns = imports.c
    values: dict[str, Any] = {name: columns[name] + value for name, value in asdict(tally).items() if value}
    if total is not None:
        values["rows_total"] = total
    await _change(
        uow,
        import_id,
        state=RUNNING,
        next_row=last,
        start_time=sa.func.coalesce(columns.start_time, uow.now),
        **values,
    )
    rejected = [
        {
            "import_id": import_id,
            "row_number": outcome.row,
            "key": _kept(outcome.key),
            "violations": [
                {name: _kept(text) for name, text in asdict(violation).items()} for violation in outcome.violations
            ],
        }
        for outcome in outcomes
        if outcome.outcome == REJECTED
    ]
    if rejected:
        await uow.session.execute(insert(import_errors), rejected)


def _kept(text: str) -> str:
    """A text of a bad row as it can be kept: for U+0000 and halves of characters PostgreSQL would refuse the whole portion, for ever."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")[:_TOLD]


async def stepped(uow: UnitOfWork, row: Any, step: Step) -> None:
    """Notes a step of taking away what the file of an import, whose row is locked, did not name."""
    removed = row.options.get("removed", 0) + step.removed
    await _change(uow, row.import_id, options={**row.options, "removed": removed, "place": step.place})


def removes(row: Any) -> bool:
    """Tells whether what the file of an import did not name goes: not where a row was rejected, unless the caller takes that."""
    return bool(row.options.get("replaces")) and (not row.rejected or bool(row.options.get("despite_rejected")))


def is_finishing(row: Any) -> bool:
    """Tells whether an import is taking away what its file did not name."""
    return row.state in OPEN and "removed" in row.options and not row.options["dry_run"]


async def end(uow: UnitOfWork, import_id: uuid.UUID, state: str, *, failure: str = "", total: int | None = None) -> Any:
    """Ends an open import and lets its file go; returns the row, or None where it has ended already."""
    values: dict[str, Any] = {} if total is None else {"rows_total": total}
    found = await _change(uow, import_id, state=state, failure=failure, end_time=uow.now, **values)
    if found is not None:
        await uow.session.execute(sa.delete(import_chunks).where(import_chunks.c.import_id == import_id))
    return found


async def _change(uow: UnitOfWork, import_id: uuid.UUID, **values: Any) -> Any:
    columns = imports.c
    change = (
        sa.update(imports)
        .where(columns.import_id == import_id, columns.state.in_(OPEN))
        .values(version=columns.version + 1, **values)
        .returning(imports)
    )
    return (await uow.session.execute(change)).one_or_none()


def claims_of(principal: Principal) -> dict[str, Any]:
    """What the worker must know of the caller to act with its roles and scope; no token is kept."""
    return {
        "sub": principal.subject,
        "roles": sorted(principal.roles),
        "dealers": sorted(principal.dealers),
        "dealer_group": principal.dealer_group,
        "region": principal.region,
        "partner": principal.partner,
        "customer": principal.customer_id,
        "client_id": principal.client,
        "exp": 0,
    }


def options_of(row: Any) -> ImportOptions:
    """Returns how a stored import is done. The permissions are those that its roles give today."""
    principal = Principal.from_claims(row.claims)
    replaces = bool(row.options.get("replaces"))
    return ImportOptions(row.options["source"], row.options["dry_run"], principal, row.import_id, replaces)
