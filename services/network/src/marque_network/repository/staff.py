"""SQL of staff."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.db.staff_tables import known_staff
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from servicekit.staff import DETACHED
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery, like

from marque_network.models import Staff
from marque_network.repository.search import CANDIDATES, Found, best

_staff: sa.Table = Staff.__table__  # type: ignore[assignment]
_c = _staff.c
_LEADING_LOCK = 0x4D41_5251_0000_0001
ORDERS: dict[str, tuple[str, bool]] = {
    "": ("employee_number", False),
    "employee_number": ("employee_number", False),
    "employee_number desc": ("employee_number", True),
    "update_time desc": ("update_time", True),
    "next_expiry_date": ("next_expiry_date", False),
}
_KNOWN = ("staff_id", "status", "roles", "dealer_id", "region_code", "group_code", "version")


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The people that a caller may see (access.md): all for the maker, a dealer's own, a region's dealers'; none for
    others.
    """
    return sa.true() if principal.sees_all_rows else in_scope(principal, _c.dealer_id)


async def get_staff(session: AsyncSession, principal: Principal, staff_id: uuid.UUID) -> Staff | None:
    """Returns a member of staff to change, locked, but not against rows that refer to them: whom they lead may change meanwhile."""
    query = sa.select(Staff).where(Staff.staff_id == staff_id, visible_to(principal))
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def read_staff(session: AsyncSession, principal: Principal, staff_id: uuid.UUID) -> Any:
    """Returns the row of a member of staff in the caller's sight, or None."""
    return (
        await session.execute(sa.select(_staff).where(_c.staff_id == staff_id, visible_to(principal)))
    ).one_or_none()


async def read_many(session: AsyncSession, ids: Iterable[uuid.UUID], subjects: Iterable[str]) -> Sequence[Any]:
    """Returns the people who have one of the ids or subjects, each once; by subject only who has not left."""
    known = _c.subject.in_(list(subjects)) & (_c.subject != "") & (_c.status != Staff.LEFT)
    return (await session.execute(sa.select(_staff).where(sa.or_(_c.staff_id.in_(list(ids)), known)))).all()


async def list_staff(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of people and one more. `filters` are columns with a value (None: absent); `role` asks what a list
    holds.
    """
    name, descending = ORDERS[order_by]
    query = sa.select(_staff).where(visible_to(principal), *_filters(filters))
    if name == "next_expiry_date":
        query = query.where(_c.next_expiry_date.is_not(None))
    if after is not None:
        key = sa.tuple_(_c[name], _c.staff_id)
        query = query.where(key < after if descending else key > after)
    columns = (_c[name], _c.staff_id)
    query = query.order_by(*(column.desc() if descending else column for column in columns)).limit(page.size + 1)
    return (await session.execute(query)).all()


def _filters(filters: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for name, value in filters.items():
        if name == "role":
            found.append(_c.roles.contains([value]))
        elif name == "skill":
            found.append(sa.or_(_c.skills.contains([{"code": value}]), _c.certificates.contains([{"code": value}])))
        elif name == "expires_before":
            found.append(_c.next_expiry_date < value)
        else:
            found.append(_c[name].is_(None) if value is None else _c[name] == value)
    return found


async def search_staff(
    session: AsyncSession, principal: Principal, query: SearchQuery, dealer_id: uuid.UUID | None, size: int
) -> Found:
    """Returns the people in the caller's sight who fit a typed text best."""
    return await best(session, _staff, _scope(principal, dealer_id), query, "employee_number", size)


async def search_numbers(
    session: AsyncSession, principal: Principal, text: str, dealer_id: uuid.UUID | None, size: int
) -> Found:
    """The search of a caller who may see neither names nor addresses: by the beginning of an employee number only.

    What is masked must not be found by either, or guessing would reveal it.
    """
    beginning = like(text.strip().lower())[1:]
    query = sa.select(_staff).where(*_scope(principal, dealer_id), sa.func.lower(_c.employee_number).like(beginning))
    rows = (await session.execute(query.order_by(_c.employee_number).limit(min(size, CANDIDATES) + 1))).all()
    scored = [(row, 1.0 if row.employee_number.lower() == text.strip().lower() else 0.5) for row in rows[:size]]
    return Found(sorted(scored, key=lambda item: -item[1]), len(rows) > size)


def _scope(principal: Principal, dealer_id: uuid.UUID | None) -> list[sa.ColumnElement[bool]]:
    return [visible_to(principal), *([_c.dealer_id == dealer_id] if dealer_id else [])]


async def chain_above(session: AsyncSession, staff_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    """Returns these people and everybody above them, each with their manager.

    Takes the lock under which managers change until the transaction ends, so that two changes cannot close a circle
    together.
    """
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LEADING_LOCK)))
    above = sa.select(_c.staff_id, _c.manager_staff_id).where(_c.staff_id.in_(staff_ids)).cte("above", recursive=True)
    leads = sa.select(_c.staff_id, _c.manager_staff_id).join(above, _c.staff_id == above.c.manager_staff_id)
    rows = await session.execute(sa.select(above.union(leads)))
    return {row.staff_id: row.manager_staff_id for row in rows}


async def in_sight(session: AsyncSession, principal: Principal, staff_id: uuid.UUID) -> bool:
    """Tells whether there is such a person in the caller's sight."""
    return bool(await session.scalar(sa.select(sa.exists().where(_c.staff_id == staff_id, visible_to(principal)))))


async def know_staff(session: AsyncSession, ids: Sequence[uuid.UUID]) -> None:
    """Puts the present access of people into the roster, as `servicekit.staff` does for what others hear."""
    known, present = known_staff.c, sa.func.pg_current_xact_id()
    mine = _c.staff_id.in_(ids)
    named = sa.func.encode(sa.func.sha256(sa.func.convert_to(_c.subject, "UTF8")), "hex")
    key = sa.case((_c.subject != "", named), else_=sa.func.concat("none:", _c.staff_id)).label("subject_key")
    stamps = (_c.update_time.label("change_time"), present.label("changed_in"))
    state = sa.select(key, *(_c[name] for name in _KNOWN), *stamps).where(mine)
    now = sa.select(_c.staff_id, key, _c.former_subject_keys).where(mine).subquery("now")
    gone = sa.delete(known_staff).where(
        known.staff_id == now.c.staff_id,
        known.subject_key != now.c.subject_key,
        known.subject_key != sa.all_(now.c.former_subject_keys),
    )
    await session.execute(gone)
    await _write_known(session, state, lambda row: known.change_time <= row.change_time, by_others=True)
    former = sa.func.unnest(_c.former_subject_keys).label("former")
    had = sa.select(former, key, _c.staff_id, _c.version, stamps[0]).where(mine).subquery("had")
    nothing = (sa.literal(DETACHED), sa.cast([], ARRAY(sa.Text)), sa.null(), sa.literal(""), sa.literal(""))
    columns = (had.c.former, had.c.staff_id, *nothing, had.c.version, had.c.change_time, present)
    detached = sa.select(*columns).where(had.c.former != had.c.subject_key)
    await _write_known(session, detached, lambda row: sa.false(), by_others=False)


async def _write_known(session: AsyncSession, state: Any, newer: Any, *, by_others: bool) -> None:
    known, names = known_staff.c, ["subject_key", *_KNOWN, "change_time", "changed_in"]
    row = insert(known_staff).from_select(names, state)
    values = {name: row.excluded[name] for name in names[1:]}
    mine = known.staff_id == row.excluded.staff_id
    wins = sa.or_(mine, known.status == DETACHED, newer(row.excluded)) if by_others else mine
    await session.execute(row.on_conflict_do_update(index_elements=["subject_key"], set_=values, where=wins))


async def read_access(session: AsyncSession, keys: Iterable[str]) -> Sequence[Any]:
    """Returns the roster's rows of some subjects."""
    return (await session.execute(sa.select(known_staff).where(known_staff.c.subject_key.in_(list(keys))))).all()
