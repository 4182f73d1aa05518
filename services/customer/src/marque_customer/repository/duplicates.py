"""The queue of pairs that may be one customer: found at writes and by the batch, decided by people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.ids import new_uuid
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, Customer, DuplicateCandidate, KnownCar
from marque_customer.repository import families
from marque_customer.repository.sight import visible_to
from marque_customer.rules.kinds import (
    DISTINCT,
    FOUND_AT_WRITE,
    FOUND_BY_BATCH,
    LISTED,
    MERGED,
    OPEN,
    SUSPENDED,
    UNDECIDED,
)

SOURCES = {"write": FOUND_AT_WRITE, "batch": FOUND_BY_BATCH}
_MOST_MATCHES = 20
# A pair that a person decided stays decided; one that is open takes the newer score.
_PUT = sa.text("""
INSERT INTO duplicate_candidates
    (candidate_id, version, create_time, update_time, left_id, right_id, score, reasons, source, state, carried_by)
SELECT n.candidate_id, 1, :moment, :moment, n.left_id, n.right_id, n.score, CAST(n.reasons AS jsonb), :source, 1, CAST(:carried AS uuid)
FROM unnest(CAST(:ids AS uuid[]), CAST(:lefts AS uuid[]), CAST(:rights AS uuid[]), CAST(:scores AS float8[]), CAST(:reasons AS text[]))
    AS n (candidate_id, left_id, right_id, score, reasons)
ON CONFLICT (left_id, right_id) DO UPDATE SET score = excluded.score, reasons = excluded.reasons, source = excluded.source,
    version = duplicate_candidates.version + 1, update_time = excluded.update_time
WHERE duplicate_candidates.state IN (1, 4) AND CAST(:carried AS uuid) IS NULL
    AND (duplicate_candidates.score, duplicate_candidates.reasons) IS DISTINCT FROM (excluded.score, excluded.reasons)""")
_DUE = "SELECT 1 FROM duplicate_candidates WHERE state = 4 AND review_time <= $1 LIMIT 1"
_REOPEN = sa.text(
    "UPDATE duplicate_candidates SET state = 1, version = version + 1, update_time = :moment, review_time = NULL"
    " WHERE candidate_id IN (SELECT candidate_id FROM duplicate_candidates WHERE state = 4 AND review_time <= :moment"
    " ORDER BY review_time LIMIT :most FOR UPDATE SKIP LOCKED)"
)


class Pair(NamedTuple):
    """Two customers that may be one: how likely (0 to 1), and why: `{"code": …, "weight": …}`, heaviest first."""

    left_id: uuid.UUID
    right_id: uuid.UUID
    score: float
    reasons: list[dict[str, Any]]


async def put_candidates(
    session: AsyncSession, pairs: Iterable[Pair], source: str, moment: datetime, *, carried_by: uuid.UUID | None = None
) -> int:
    """Puts pairs into the queue, in one statement; returns how many are new or changed. `source` is `write` or `batch`.

    The order of the two does not matter. Of merged customers the survivors are meant; a pair of one and the same is passed over, and so is
    a pair that a person has decided. `carried_by` names the merge that moves pairs to its survivor.
    """
    held = list(pairs)
    standing = await families.roots(session, {one for pair in held for one in pair[:2]})
    rows: dict[tuple[uuid.UUID, uuid.UUID], Pair] = {}
    for pair in held:
        left, right = sorted((standing[pair.left_id], standing[pair.right_id]))
        known = rows.get((left, right))
        if left != right and (known is None or known.score < pair.score):
            rows[left, right] = Pair(left, right, pair.score, pair.reasons)
    if not rows:
        return 0
    found = [rows[key] for key in sorted(rows)]
    values = {
        "ids": [new_uuid() for _ in found],
        "lefts": [pair.left_id for pair in found],
        "rights": [pair.right_id for pair in found],
        "scores": [float(pair.score) for pair in found],
        "reasons": [orjson.dumps(pair.reasons).decode() for pair in found],
    }
    given = {**values, "moment": moment, "source": SOURCES[source], "carried": carried_by}
    return int((await session.execute(_PUT, given)).rowcount)  # type: ignore[attr-defined]


async def same_contacts(
    session: AsyncSession, contacts: Sequence[tuple[int, str]], others: Sequence[uuid.UUID]
) -> list[tuple[uuid.UUID, int]]:
    """Returns (customer, kind of contact point) of live customers but some who have exactly one of the contact points (kind, match key);
    at most 20, of merged ones the survivor.
    """
    if not contacts:
        return []
    wanted = sa.tuple_(ContactPoint.kind, ContactPoint.match_key).in_(list(contacts))
    query = (
        sa.select(ContactPoint.customer_id, ContactPoint.kind)
        .join(Customer, Customer.customer_id == ContactPoint.customer_id)
        .where(wanted, ContactPoint.customer_id.not_in(others), Customer.status.in_((*LISTED, MERGED)))
        .limit(_MOST_MATCHES)
    )
    rows = (await session.execute(query)).all()
    standing = await families.roots(session, [row.customer_id for row in rows])
    return [(standing[row.customer_id], row.kind) for row in rows if standing[row.customer_id] not in others]


async def same_birthday(
    session: AsyncSession, birth_date: int, others: Sequence[uuid.UUID]
) -> list[tuple[uuid.UUID, str, str, set[str]]]:
    """Returns (customer, full name, Latin name, plates) of live customers but some who were born on a day; at most 200."""
    plates = sa.select(sa.func.array_agg(KnownCar.plate)).where(
        KnownCar.customer_id == Customer.customer_id, KnownCar.plate != "", ~KnownCar.voided
    )
    query = sa.select(Customer.customer_id, Customer.full_name, Customer.latin_name, plates.scalar_subquery())
    query = query.where(
        Customer.birth_date == birth_date, Customer.customer_id.not_in(others), Customer.status.in_(LISTED)
    )
    rows = await session.execute(query.limit(_MOST_MATCHES * 10))
    return [(row[0], row[1], row[2], set(row[3] or ())) for row in rows]


async def visible_among(
    session: AsyncSession, principal: Principal, customer_ids: Sequence[uuid.UUID]
) -> set[uuid.UUID]:
    """Returns which of some customers a caller may see."""
    query = sa.select(Customer.customer_id).where(Customer.customer_id.in_(customer_ids), visible_to(principal))
    return set(await session.scalars(query))


async def find(
    session: AsyncSession, principal: Principal, candidate_id: uuid.UUID, *, lock: bool = False
) -> DuplicateCandidate | None:
    """Returns a pair both of whom are in sight, read anew."""
    query = sa.select(DuplicateCandidate).where(DuplicateCandidate.candidate_id == candidate_id, *_in_sight(principal))
    query = query.execution_options(populate_existing=True)
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def of_pair(session: AsyncSession, one: uuid.UUID, other: uuid.UUID) -> DuplicateCandidate | None:
    """Returns the entry of two customers, under lock."""
    left, right = sorted((one, other))
    query = sa.select(DuplicateCandidate).where(
        DuplicateCandidate.left_id == left, DuplicateCandidate.right_id == right
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def page(
    session: AsyncSession, principal: Principal, wanted: Any, page: Page, after: tuple[Any, ...] | None
) -> list[sa.Row[Any]]:
    """Returns a page of pairs with the cards of both, and one more. `wanted` has the list request's filters and order."""
    table = DuplicateCandidate.__table__
    column, _, direction = (wanted.order_by or "score desc").partition(" ")
    order = (table.c[column], table.c.candidate_id)
    query = sa.select(table).where(table.c.state == (wanted.state or OPEN), *_in_sight(principal))
    if wanted.customer_id:
        asked = uuid.UUID(wanted.customer_id)
        query = query.where(sa.or_(table.c.left_id == asked, table.c.right_id == asked))
    if wanted.source:
        query = query.where(table.c.source == wanted.source)
    if wanted.min_score:
        query = query.where(table.c.score >= wanted.min_score)
    if after is not None:
        query = query.where(sa.tuple_(*order) < after if direction else sa.tuple_(*order) > after)
    sorted_by = [one.desc() if direction else one for one in order]
    rows = query.order_by(*sorted_by).limit(page.size + 1)
    return list((await session.execute(rows)).all())


async def cards(session: AsyncSession, customer_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Returns the cards of customers."""
    query = sa.select(Customer.customer_id, Customer.card).where(Customer.customer_id.in_(set(customer_ids)))
    return {row.customer_id: row.card for row in await session.execute(query)}


def _in_sight(principal: Principal) -> list[sa.ColumnElement[bool]]:
    if principal.sees_all_rows:
        return []
    sides = (DuplicateCandidate.left_id, DuplicateCandidate.right_id)
    return [
        sa.exists().where(Customer.customer_id == side, visible_to(principal)).correlate(DuplicateCandidate.__table__)
        for side in sides
    ]


async def suspend(session: AsyncSession, gone: uuid.UUID, merge_id: uuid.UUID, moment: datetime) -> list[Pair]:
    """Takes the undecided pairs of a customer that is merged out of the queue; returns them."""
    mine = sa.or_(DuplicateCandidate.left_id == gone, DuplicateCandidate.right_id == gone)
    statement = (
        sa.update(DuplicateCandidate)
        .where(mine, DuplicateCandidate.state.in_(UNDECIDED))
        .values(_moved(SUSPENDED, moment) | {"carried_by": merge_id})
        .returning(DuplicateCandidate.left_id, DuplicateCandidate.right_id, DuplicateCandidate.score)
        .returning(DuplicateCandidate.reasons)
        .execution_options(synchronize_session=False)
    )
    return [Pair(*row) for row in await session.execute(statement)]


async def resume(session: AsyncSession, merge_id: uuid.UUID, moment: datetime) -> None:
    """Puts back what a merge took out of the queue, and takes out what it carried to the survivor."""
    carried = DuplicateCandidate.carried_by == merge_id
    undecided = sa.delete(DuplicateCandidate).where(carried, DuplicateCandidate.state.in_(UNDECIDED))
    await session.execute(undecided.execution_options(synchronize_session=False))
    back = sa.update(DuplicateCandidate).where(carried, DuplicateCandidate.state == SUSPENDED)
    values = _moved(OPEN, moment) | {"carried_by": None}
    await session.execute(back.values(values).execution_options(synchronize_session=False))


def _moved(state: int, moment: datetime) -> dict[str, Any]:
    return {"state": state, "version": DuplicateCandidate.version + 1, "update_time": moment}


async def any_due(reader: Reader, moment: datetime) -> bool:
    """Tells whether a pair was put off until now."""
    return await reader.fetchrow(_DUE, moment) is not None


async def reopen(session: AsyncSession, moment: datetime, most: int) -> int:
    """Opens pairs again that were put off until now; returns how many."""
    return int((await session.execute(_REOPEN, {"moment": moment, "most": most})).rowcount)  # type: ignore[attr-defined]


async def forget(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> int:
    """Removes the pairs of customers; returns how many."""
    either = sa.or_(DuplicateCandidate.left_id.in_(customer_ids), DuplicateCandidate.right_id.in_(customer_ids))
    return int((await session.execute(sa.delete(DuplicateCandidate).where(either))).rowcount)  # type: ignore[attr-defined]


async def decided_apart(session: AsyncSession, one: uuid.UUID, other: uuid.UUID) -> bool:
    """Tells whether a person said of two customers that they are two."""
    left, right = sorted((one, other))
    query = sa.select(DuplicateCandidate.candidate_id).where(
        DuplicateCandidate.left_id == left,
        DuplicateCandidate.right_id == right,
        DuplicateCandidate.state == DISTINCT,
    )
    return (await session.scalar(query)) is not None
