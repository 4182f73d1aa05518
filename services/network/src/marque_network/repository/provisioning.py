"""SQL of staff and groups as an identity provider sees them: all who have not left."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, Membered, Provisioned, Staff, StaffGroup, StaffGroupMember
from marque_network.repository.filters import Attribute, condition

_staff: sa.Table = Staff.__table__  # type: ignore[assignment]
_groups: sa.Table = StaffGroup.__table__  # type: ignore[assignment]
_members: sa.Table = StaffGroupMember.__table__  # type: ignore[assignment]
_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_c, _g, _m = _staff.c, _groups.c, _members.c
_PRESENT = _c.status != Staff.LEFT


def _text(column: Any) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.Text)


_ENTERPRISE = {
    "employeenumber": Attribute(_c.employee_number),
    "department": Attribute(_c.department),
    "division": Attribute(_c.region_code),
    "manager.value": Attribute(_text(_c.manager_staff_id), "exact"),
    "organization": Attribute(
        sa.select(_dealers.c.code).where(_dealers.c.dealer_id == _c.dealer_id).correlate(_staff).scalar_subquery()
    ),
}
USER_ATTRIBUTES = {
    "id": Attribute(_text(_c.staff_id), "exact"),
    "externalid": Attribute(_c.external_id, "exact"),
    "username": Attribute(_c.user_name),
    "displayname": Attribute(_c.full_name),
    "name.formatted": Attribute(_c.full_name),
    "name.familyname": Attribute(_c.family_name),
    "name.givenname": Attribute(_c.given_name),
    "title": Attribute(_c.title),
    "active": Attribute(_c.status.in_((Staff.ACTIVE, Staff.ON_LEAVE)), "bool"),
    "emails.value": Attribute(_c.email),
    "emails.type": Attribute(sa.case((_c.email != "", "work"), else_="")),
    "emails.primary": Attribute(_c.email != "", "bool"),
    "phonenumbers.value": Attribute(_c.phone),
    "phonenumbers.type": Attribute(sa.case((_c.phone != "", "work"), else_="")),
    "meta.created": Attribute(_c.create_time, "moment"),
    "meta.lastmodified": Attribute(_c.update_time, "moment"),
    **_ENTERPRISE,
}
GROUP_ATTRIBUTES = {
    "id": Attribute(_text(_g.group_id), "exact"),
    "externalid": Attribute(_g.external_id, "exact"),
    "displayname": Attribute(_g.display_name),
    "meta.created": Attribute(_g.create_time, "moment"),
    "meta.lastmodified": Attribute(_g.update_time, "moment"),
}


async def lock_staff(session: AsyncSession, staff_id: uuid.UUID) -> Staff | None:
    """Returns somebody who has not left, locked."""
    query = sa.select(Staff).where(Staff.staff_id == staff_id, _PRESENT)
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def dealer_of(session: AsyncSession, code: str) -> uuid.UUID | None:
    """Returns the id of a dealer by its code."""
    found: uuid.UUID | None = await session.scalar(sa.select(_dealers.c.dealer_id).where(_dealers.c.code == code))
    return found


async def read(session: AsyncSession, staff_id: uuid.UUID) -> Provisioned | None:
    """Returns somebody who has not left, with their groups."""
    query = sa.select(_staff).where(_c.staff_id == staff_id, _PRESENT)
    row = (await session.execute(query)).one_or_none()
    return (await dressed(session, [row]))[0] if row is not None else None


async def find(session: AsyncSession, text: str, offset: int, limit: int) -> tuple[Sequence[Provisioned], int]:
    """Returns a page of those who fit a filter, in the order of their creation, and how many fit. Raises FilterInvalid."""
    fits = sa.and_(_PRESENT, condition(text, USER_ATTRIBUTES))
    total = await session.scalar(sa.select(sa.func.count()).select_from(_staff).where(fits)) or 0
    query = sa.select(_staff).where(fits).order_by(_c.create_time, _c.staff_id).offset(offset).limit(limit)
    rows = (await session.execute(query)).all() if limit and offset < total else []
    return await dressed(session, rows), total


async def dressed(session: AsyncSession, rows: Sequence[Any]) -> Sequence[Provisioned]:
    """Returns people with their dealers' codes and their groups, in two statements."""
    if not rows:
        return []
    known = sa.select(_dealers.c.dealer_id, _dealers.c.code)
    dealers = {row.dealer_id for row in rows if row.dealer_id}
    codes = {row.dealer_id: row.code for row in await session.execute(known.where(_dealers.c.dealer_id.in_(dealers)))}
    joined = sa.select(_m.staff_id, _groups).join(_groups, _g.group_id == _m.group_id)
    groups: dict[uuid.UUID, list[Any]] = {}
    for row in await session.execute(joined.where(_m.staff_id.in_([row.staff_id for row in rows]))):
        groups.setdefault(row.staff_id, []).append(row)
    return [Provisioned(row, codes.get(row.dealer_id, ""), groups.get(row.staff_id, ())) for row in rows]


async def lock_group(session: AsyncSession, group_id: uuid.UUID) -> StaffGroup | None:
    """Returns a group to change, locked: who is in it changes only under this lock."""
    return (
        await session.scalars(sa.select(StaffGroup).where(StaffGroup.group_id == group_id).with_for_update())
    ).one_or_none()


async def read_group(session: AsyncSession, group_id: uuid.UUID) -> Membered | None:
    """Returns a group with its members."""
    row = (await session.execute(sa.select(_groups).where(_g.group_id == group_id))).one_or_none()
    return None if row is None else Membered(row, await members(session, group_id))


async def members(session: AsyncSession, group_id: uuid.UUID) -> Sequence[tuple[uuid.UUID, str]]:
    """Returns who is in a group, (staff id, full name)."""
    query = sa.select(_c.staff_id, _c.full_name).join(_members, _m.staff_id == _c.staff_id)
    rows = await session.execute(query.where(_m.group_id == group_id, _PRESENT).order_by(_c.staff_id))
    return [(row.staff_id, row.full_name) for row in rows]


async def find_groups(session: AsyncSession, text: str, offset: int, limit: int) -> tuple[Sequence[Any], int]:
    """Returns a page of the groups that fit a filter, in the order of their creation, and how many fit. Raises FilterInvalid."""
    fits = condition(text, GROUP_ATTRIBUTES)
    total = await session.scalar(sa.select(sa.func.count()).select_from(_groups).where(fits)) or 0
    query = sa.select(_groups).where(fits).order_by(_g.create_time, _g.group_id).offset(offset).limit(limit)
    return ((await session.execute(query)).all() if limit and offset < total else []), total


async def lock_people(session: AsyncSession, ids: Collection[uuid.UUID]) -> Sequence[Staff]:
    """Returns those of some people who have not left, locked in one order."""
    query = sa.select(Staff).where(Staff.staff_id.in_(sorted(ids)), _PRESENT).order_by(Staff.staff_id)
    return (await session.scalars(query.with_for_update(key_share=True))).all()


async def roles_by_groups(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """Returns which roles people have by their groups."""
    query = sa.select(_m.staff_id, _g.roles).join(_groups, _g.group_id == _m.group_id).where(_m.staff_id.in_(ids))
    found: dict[uuid.UUID, set[str]] = {}
    for row in await session.execute(query):
        found.setdefault(row.staff_id, set()).update(row.roles)
    return found


async def put_in(session: AsyncSession, group_id: uuid.UUID, ids: Iterable[uuid.UUID]) -> None:
    """Puts people into a group; who is in stays."""
    rows = [{"group_id": group_id, "staff_id": one} for one in ids]
    if rows:
        await session.execute(insert(_members).values(rows).on_conflict_do_nothing())


async def take_out(session: AsyncSession, group_id: uuid.UUID, ids: Collection[uuid.UUID]) -> None:
    """Takes people out of a group."""
    await session.execute(sa.delete(_members).where(_m.group_id == group_id, _m.staff_id.in_(ids)))


async def take_out_of_all(session: AsyncSession, staff_id: uuid.UUID) -> None:
    """Takes somebody out of every group."""
    await session.execute(sa.delete(_members).where(_m.staff_id == staff_id))
