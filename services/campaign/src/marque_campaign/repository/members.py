"""SQL of the people on lists. Whoever was merged stands there under the id of then; asked is by the person, under whatever id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg
import sqlalchemy as sa
from servicekit.bulk.store import OPEN
from servicekit.db import families
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.rules.kinds import OVER
from marque_campaign.rules.listing import Origin

_COLUMNS = "customer_id, create_time, import_id, added_by"
# Who writes people down and who erases them wait for each other, so that nobody comes back from a file that was read before. Erasures are
# few; those who write do not wait for one another here.
_SPACE = "hashtextextended('audience_list_members', 0)"
_ADD = sa.text(
    "INSERT INTO audience_list_members (audience_list_id, customer_id, create_time, import_id, added_by, named_import_id) "
    "SELECT CAST(:list AS uuid), customer_id, :moment, CAST(:import_id AS uuid), :added_by, CAST(:named AS uuid) "
    "FROM (SELECT DISTINCT unnest(CAST(:ids AS uuid[])) AS customer_id ORDER BY 1) AS given "
    "ON CONFLICT DO NOTHING RETURNING customer_id"
)
_REMOVE = sa.text(
    "DELETE FROM audience_list_members WHERE audience_list_id = :list AND customer_id = ANY(CAST(:ids AS uuid[])) "
    "RETURNING customer_id"
)
_FAMILY = families.merged("SELECT DISTINCT root FROM named")
_KNOWN = sa.text(f"""
WITH RECURSIVE named AS (SELECT * FROM unnest(CAST(:people AS uuid[]), CAST(:asked AS uuid[])) AS n (root, asked)),
{_FAMILY}
SELECT f.root, m.customer_id FROM (SELECT root, customer_id FROM family UNION SELECT root, asked FROM named) f
JOIN audience_list_members m ON m.audience_list_id = :list AND m.customer_id = f.customer_id""")  # noqa: S608 - our own words
# A rule names a list by the text of its id, in capitals or not.
_USED = sa.text(
    "SELECT EXISTS (SELECT FROM campaigns c WHERE NOT c.state = ANY(:over) AND (c.audience_list_id = :list "
    "OR position(CAST(:list AS text) IN lower(coalesce(CAST(c.frozen AS text), ''))) > 0 OR EXISTS (SELECT FROM campaign_occurrences o "
    "WHERE o.campaign_id = c.campaign_id AND o.audience_list_id = :list))) "
    "OR EXISTS (SELECT FROM segments s WHERE NOT s.archived AND position(CAST(:list AS text) IN lower(s.rule)) > 0)"
)
_EMPTY = sa.text(
    "DELETE FROM audience_list_members WHERE audience_list_id = :list AND customer_id IN (SELECT customer_id FROM audience_list_members "
    "WHERE audience_list_id = :list ORDER BY customer_id LIMIT :most) RETURNING customer_id"
)
_COUNT_OFF = sa.text(
    "UPDATE audience_lists SET member_count = member_count - :count, version = version + 1, update_time = now() "
    "WHERE audience_list_id = :list"
)
# One import makes a list anew at a time; one that has ended has given it up.
_CLAIM = sa.text(
    "UPDATE audience_lists l SET replace_import_id = :import WHERE audience_list_id = :list AND delete_time IS NULL "
    "AND (replace_import_id IS NULL OR replace_import_id = :import OR NOT EXISTS (SELECT FROM imports i "
    "WHERE i.import_id = l.replace_import_id AND i.state = ANY(:open))) RETURNING audience_list_id"
)
_CLAIMED = sa.text(
    "SELECT audience_list_id FROM audience_lists WHERE replace_import_id = :import ORDER BY audience_list_id LIMIT 1"
)
_RELEASE = sa.text("UPDATE audience_lists SET replace_import_id = NULL WHERE audience_list_id = :list")
_NAME = sa.text(
    "UPDATE audience_list_members SET named_import_id = :import WHERE audience_list_id = :list "
    "AND customer_id = ANY(CAST(:ids AS uuid[])) AND named_import_id IS DISTINCT FROM :import"
)
# The next people on a list, and off it those of them whom the import did not name: each is looked at once, whatever stays.
_PART = (
    "WITH part AS MATERIALIZED (SELECT ctid AS place, customer_id, named_import_id IS DISTINCT FROM :import AS unnamed "
    "FROM audience_list_members WHERE audience_list_id = :list AND customer_id > :after ORDER BY customer_id LIMIT :most){gone} "
    "SELECT (SELECT count(*) FROM {counted}) AS gone, (SELECT count(*) FROM part) AS looked, "
    "(SELECT customer_id FROM part ORDER BY customer_id DESC LIMIT 1) AS last"
)
_LEAVE = sa.text(
    _PART.format(
        gone=", gone AS (DELETE FROM audience_list_members WHERE ctid = ANY(ARRAY(SELECT place FROM part WHERE unnamed)) RETURNING 1)",
        counted="gone",
    )
)
_WOULD_LEAVE = sa.text(_PART.format(gone="", counted="part WHERE unnamed"))
_DROP = sa.text(
    "DELETE FROM audience_lists l WHERE audience_list_id = :list AND delete_time IS NOT NULL "
    "AND NOT EXISTS (SELECT FROM campaigns c WHERE c.audience_list_id = l.audience_list_id)"
)


async def hold(session: AsyncSession) -> None:
    """Lets no erasure begin until this transaction ends; who is erased was written down as such before (`audience.erased`)."""
    await session.execute(sa.text(f"SELECT pg_advisory_xact_lock_shared({_SPACE})"))


async def hold_alone(session: AsyncSession) -> None:
    """Lets nobody be put on a list until this transaction, an erasure, ends."""
    await session.execute(sa.text(f"SELECT pg_advisory_xact_lock({_SPACE})"))


async def add(
    session: AsyncSession,
    list_id: uuid.UUID,
    customers: Iterable[uuid.UUID],
    moment: datetime,
    origin: Origin = Origin(),
) -> int:
    """Puts people on a list that the caller has locked; returns how many were not on it."""
    ids = list(customers)
    if not ids:
        return 0
    values = {"list": list_id, "ids": ids, "moment": moment, "import_id": origin.import_id, "added_by": origin.added_by}
    values["named"] = origin.import_id if origin.replaces else None
    return len((await session.execute(_ADD, values)).all())


async def remove(session: AsyncSession, list_id: uuid.UUID, customers: Iterable[uuid.UUID]) -> int:
    """Takes ids off a list that the caller has locked; returns how many were on it."""
    ids = list(customers)
    return len((await session.execute(_REMOVE, {"list": list_id, "ids": ids})).all()) if ids else 0


async def known(
    session: AsyncSession, list_id: uuid.UUID, people: Mapping[uuid.UUID, uuid.UUID]
) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Returns for each of some people who stands on a list the ids under which they do. `people`: the id that somebody was named by → who
    they are now; a merge that was not heard here yet is known by it.
    """
    found: dict[uuid.UUID, set[uuid.UUID]] = {}
    values = {"list": list_id, "people": list(people.values()), "asked": list(people)}
    for row in await session.execute(_KNOWN, values):
        found.setdefault(row.root, set()).add(row.customer_id)
    return found


async def claim(session: AsyncSession, list_id: uuid.UUID, import_id: uuid.UUID) -> bool:
    """Lets an import make a list anew; tells whether it may: not while another one does. The list's row is locked by it."""
    values = {"list": list_id, "import": import_id, "open": list(OPEN)}
    return (await session.execute(_CLAIM, values)).one_or_none() is not None


async def claimed(session: AsyncSession, import_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the first list that an import still makes anew."""
    found: uuid.UUID | None = await session.scalar(_CLAIMED, {"import": import_id})
    return found


async def release(session: AsyncSession, list_id: uuid.UUID) -> None:
    """Says that a list is made."""
    await session.execute(_RELEASE, {"list": list_id})


async def name(session: AsyncSession, list_id: uuid.UUID, customers: Iterable[uuid.UUID], import_id: uuid.UUID) -> None:
    """Notes that the import that makes a list anew named those who stand on it under some ids."""
    await session.execute(_NAME, {"list": list_id, "ids": sorted(customers), "import": import_id})


async def leave(
    session: AsyncSession, list_id: uuid.UUID, import_id: uuid.UUID, after: uuid.UUID, most: int, *, dry_run: bool
) -> tuple[int, uuid.UUID | None]:
    """Looks at the next `most` people on a list that the caller has locked, by id, and takes off whom an import did not name; `dry_run`:
    counts them alone. Returns how many, and the last one looked at where there may be more.
    """
    values = {"list": list_id, "import": import_id, "after": after, "most": most}
    row = (await session.execute(_WOULD_LEAVE if dry_run else _LEAVE, values)).one()
    return int(row.gone), row.last if row.looked == most else None


async def page(
    reader: Reader, list_id: uuid.UUID, import_id: uuid.UUID | None, after: uuid.UUID | None, most: int
) -> list[asyncpg.Record]:
    """Returns the next people on a list by customer id; `import_id`: only whom this import put there."""
    arguments = [list_id, after or uuid.UUID(int=0), most]
    where = "audience_list_id = $1 AND customer_id > $2"
    if import_id is not None:
        where += " AND import_id = $4"
        arguments.append(import_id)
    sql = f"SELECT {_COLUMNS} FROM audience_list_members WHERE {where} ORDER BY customer_id LIMIT $3"  # noqa: S608
    return list(await reader.fetch(sql, *arguments))


async def used(session: AsyncSession, list_id: uuid.UUID) -> bool:
    """Tells whether a campaign that is not over goes to a list, by itself, by its segment or by an occurrence, or a segment names it."""
    return bool(await session.scalar(_USED, {"list": list_id, "over": sorted(OVER)}))


async def empty(session: AsyncSession, list_id: uuid.UUID, most: int) -> int:
    """Takes some people off a list; returns how many."""
    count = len((await session.execute(_EMPTY, {"list": list_id, "most": most})).all())
    await session.execute(_COUNT_OFF, {"list": list_id, "count": count})
    return count


async def drop(session: AsyncSession, list_id: uuid.UUID) -> None:
    """Takes the row of a deleted list away that nobody stands on, unless a campaign went to it."""
    await session.execute(_DROP, {"list": list_id})


async def lists(
    reader: Reader, ids: Sequence[uuid.UUID], dealers: Sequence[uuid.UUID], *, everything: bool
) -> dict[uuid.UUID, uuid.UUID | None]:
    """Returns those of some lists that are in sight, with the dealer whose own each is (None: the maker's)."""
    sql = (
        "SELECT audience_list_id, dealer_id FROM audience_lists "
        "WHERE audience_list_id = ANY($1) AND delete_time IS NULL AND ($2 OR dealer_id = ANY($3))"
    )
    rows = await reader.fetch(sql, list(ids), everything, list(dealers))
    return {row["audience_list_id"]: row["dealer_id"] for row in rows}
