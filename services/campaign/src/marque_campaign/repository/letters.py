"""SQL of letters: lines that wait for a file, what stands in a file, and what was pulled out of it.

Whoever changes what stands in a file has its row locked first, and lines of the ledger after it: shared where letters are written, for
itself where a letter is pulled or the file changes its state. So none is written into a file that is closed, or pulled unnoticed.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import families
from servicekit.db.engine import Reader
from servicekit.sealing.sealer import FRAME
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import LetterFile
from marque_campaign.repository.sends import LEASE
from marque_campaign.rules.kinds import POST
from marque_campaign.rules.ledger import TRANSIENT
from marque_campaign.rules.letters import LETTER_FILE, MAKING, PRINTED, READY

PATIENCE = timedelta(minutes=5)
"""How long a file waits for lines that somebody else has, or that the gate puts off for seconds; after that they wait for the next one."""
_NEVER = "timestamptz '9999-01-01 00:00:00+00'"
"""When the lease ends of a line whose letter stands in a file: nobody begins it again."""
_COLUMNS = "send_id, campaign_id, customer_id, step, occurrence, version, channel, state, attempts, create_time"
_OWN = (
    "c.state = 5 AND (c.campaign_id = CAST(:campaign AS uuid) OR (CAST(:campaign AS uuid) IS NULL "
    "AND c.dealer_id IS NOT DISTINCT FROM CAST(:dealer AS uuid)))"
)
_WAITING = sa.text(
    f"SELECT c.campaign_id FROM campaigns c WHERE {_OWN} AND EXISTS (SELECT FROM campaign_sends s WHERE "  # noqa: S608 - our own words
    "s.campaign_id = c.campaign_id AND s.state = 1 AND s.channel = 4 AND s.retry_time <= now() AND s.create_time <= :asked) "
    "AND c.campaign_id <> ALL(CAST(:but AS uuid[])) ORDER BY c.campaign_id LIMIT 8"
)
_CLAIM = sa.text(
    "WITH waiting AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = 1 AND channel = 4 "  # noqa: S608
    "AND retry_time <= :now AND create_time <= :asked ORDER BY retry_time LIMIT :fresh FOR UPDATE SKIP LOCKED) "
    "UPDATE campaign_sends SET state = 2, lease = :lease, lease_time = :until, retry_time = NULL, claim_time = :now, "
    "attempts = attempts + 1, version = version + 1, update_time = :now WHERE send_id IN (SELECT send_id FROM waiting) "
    f"RETURNING {_COLUMNS}"
)
# What was begun to be handed over and is not written was surely not handed over: see `usecases.letters`.
_RELEASE = sa.text(
    "WITH gone AS (SELECT s.send_id FROM campaign_sends s WHERE s.state = 3 AND s.channel = 4 AND s.lease_time <= :now "
    "AND NOT EXISTS (SELECT FROM letters l WHERE l.send_id = s.send_id AND l.content IS NOT NULL) "
    "LIMIT 1000 FOR UPDATE SKIP LOCKED), "
    "unwritten AS (DELETE FROM letters l USING gone WHERE l.send_id = gone.send_id) "
    "UPDATE campaign_sends s SET state = 1, lease = NULL, lease_time = NULL, retry_time = :now, version = version + 1, update_time = :now "
    "FROM gone WHERE s.send_id = gone.send_id"
)
_STILL = sa.text(
    f"SELECT EXISTS (SELECT FROM campaigns c WHERE {_OWN} AND ("  # noqa: S608 - our own words
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 2 AND s.channel = 4 "
    "AND s.create_time <= :asked) OR "
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 1 AND s.channel = 4 "
    "AND s.retry_time <= :patient AND s.create_time <= :asked AND s.reason = ANY(CAST(:soon AS text[])))))"
)
_BEGIN = sa.text(
    "INSERT INTO letters (send_id, letter_file_id, create_time) SELECT id, :file, :now FROM unnest(CAST(:ids AS uuid[])) AS id "
    "ON CONFLICT DO NOTHING"
)
_UNBEGIN = sa.text(
    "DELETE FROM letters WHERE send_id = ANY(CAST(:ids AS uuid[])) AND content IS NULL AND number IS NULL"
)
_WRITE = sa.text(
    "UPDATE letters l SET content = g.content, contact_permit_id = g.permit FROM campaign_sends s, "
    "unnest(CAST(:ids AS uuid[]), CAST(:permits AS uuid[]), CAST(:contents AS bytea[])) AS g (send_id, permit, content) "
    "WHERE l.send_id = g.send_id AND s.send_id = g.send_id AND s.state = 3 AND s.lease = :lease AND s.lease_time > :now "
    "AND l.letter_file_id = :file AND l.content IS NULL "
    "AND NOT EXISTS (SELECT FROM letters o WHERE o.contact_permit_id = g.permit) RETURNING l.send_id"
)
_KEEP = sa.text(
    f"UPDATE campaign_sends s SET lease = NULL, lease_time = {_NEVER}, reason = '{LETTER_FILE}', language = g.language, "  # noqa: S608
    "variant = g.variant, version = version + 1, update_time = :now "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:languages AS text[]), CAST(:variants AS text[])) AS g (send_id, language, variant) "
    "WHERE s.send_id = g.send_id"
)
_UNWRITTEN = sa.text("SELECT EXISTS (SELECT FROM letters WHERE letter_file_id = :file AND content IS NULL)")
_NUMBER = sa.text(
    "WITH mine AS (SELECT l.send_id, row_number() OVER (ORDER BY s.campaign_id, s.language, l.send_id) AS number "
    "FROM letters l JOIN campaign_sends s USING (send_id) WHERE l.letter_file_id = :file) "
    "UPDATE letters l SET number = mine.number FROM mine WHERE l.send_id = mine.send_id"
)
_CONTENTS = sa.text(
    "SELECT send_id, content FROM letters WHERE letter_file_id = :file AND number > :after AND number <= :to AND content IS NOT NULL "
    "ORDER BY number"
)
# What is sealed is not read: how long it is stands beside it.
_SIZES = sa.text(
    "SELECT (number - 1) / CAST(:each AS int) AS piece, "
    "CAST(sum(octet_length(content) - CAST(:frame AS int) - get_byte(substring(content FROM 2 FOR 1), 0)) AS bigint) AS size "
    "FROM letters WHERE letter_file_id = :file AND content IS NOT NULL GROUP BY 1"
)
_DOUBLED = sa.text(
    "SELECT g.send_id FROM unnest(CAST(:ids AS uuid[]), CAST(:permits AS uuid[])) AS g (send_id, permit) "
    "JOIN letters o ON o.contact_permit_id = g.permit AND o.send_id <> g.send_id"
)
_FORGET = sa.text(
    "UPDATE letters l SET content = NULL FROM campaign_sends s, letter_files f WHERE s.send_id = l.send_id AND l.content IS NOT NULL "
    "AND f.letter_file_id = l.letter_file_id AND f.state = 2 AND s.customer_id = ANY(CAST(:ids AS uuid[])) RETURNING l.letter_file_id"
)
_OF_PERSON = sa.text(
    "SELECT l.send_id, l.letter_file_id, l.number, l.content, l.pull_reason, l.create_time FROM letters l "
    "JOIN campaign_sends s USING (send_id) WHERE s.customer_id = ANY(CAST(:ids AS uuid[])) AND l.content IS NOT NULL ORDER BY l.send_id"
)
_PULLED = "SELECT send_id, pull_reason FROM letters WHERE letter_file_id = $1 AND pull_number IS NOT NULL ORDER BY pull_number"
_PULL = sa.text(
    "UPDATE letters SET pull_number = g.number, pull_reason = g.reason, check_time = NULL FROM unnest(CAST(:ids AS uuid[]), "
    "CAST(:numbers AS integer[]), CAST(:reasons AS text[])) AS g (id, number, reason) WHERE send_id = g.id"
)
_OPEN = "f.state IN (1, 2) AND l.pull_number IS NULL"
_OF_FAMILY = f"""
WITH RECURSIVE {families.family("CAST(:customer AS uuid)")},
mine AS (SELECT l.send_id FROM campaign_sends s JOIN letters l USING (send_id) JOIN letter_files f USING (letter_file_id)
    WHERE {_OPEN} AND s.state = 3 AND s.customer_id IN (SELECT customer_id FROM family))
"""  # noqa: S608 - our own words
_MARK = sa.text(_OF_FAMILY + "UPDATE letters SET check_time = :now FROM mine WHERE letters.send_id = mine.send_id")  # noqa: S608
_MINE = sa.text(_OF_FAMILY + "SELECT send_id FROM mine ORDER BY send_id")  # noqa: S608
# The letters of one person that say the same: all but the first, and those of whom it is not known yet are looked at too.
_DOUBLES = f"""
WITH RECURSIVE {families.family("CAST(:customer AS uuid)")},
mine AS (SELECT l.send_id, row_number() OVER (PARTITION BY s.campaign_id, s.step, split_part(s.occurrence, '~', 1)
        ORDER BY l.number, l.send_id) AS place
    FROM letters l JOIN letter_files f USING (letter_file_id) JOIN campaign_sends s USING (send_id)
    WHERE f.state IN (1, 2) AND l.pull_number IS NULL AND s.state = 3 AND l.content IS NOT NULL
    AND s.customer_id IN (SELECT customer_id FROM family))
SELECT send_id FROM mine WHERE place > 1"""  # noqa: S608 - our own words
_OF_PEOPLE = (
    "SELECT l.send_id FROM letters l JOIN letter_files f USING (letter_file_id) JOIN campaign_sends s USING (send_id) "  # noqa: S608
    f"WHERE {_OPEN} AND s.state = 3 AND l.content IS NOT NULL AND s.customer_id = ANY(CAST(:ids AS uuid[]))"
)
_OF_CAMPAIGN = (
    "SELECT l.send_id FROM campaign_sends s JOIN letters l USING (send_id) JOIN letter_files f USING (letter_file_id) "  # noqa: S608
    f"WHERE {_OPEN} AND s.campaign_id = :campaign AND s.state = 3 AND l.content IS NOT NULL LIMIT :most"
)
_UNDER_WAY = sa.text(
    "SELECT s.send_id, s.channel FROM campaign_sends s JOIN campaigns c USING (campaign_id) WHERE s.send_id = ANY(CAST(:ids AS uuid[])) "
    "AND s.channel = 4 AND s.hand_time IS NOT NULL AND s.state NOT IN (1, 2, 3, 9) "
    "AND (:all OR c.dealer_id = ANY(CAST(:dealers AS uuid[])))"
)


@dataclass(frozen=True, slots=True)
class Written:
    """A letter as it goes into its file: the sealed row, and under which permit."""

    send_id: uuid.UUID
    contact_permit_id: uuid.UUID
    content: bytes
    language: str
    variant: str


async def locked(session: AsyncSession, file_id: uuid.UUID, *, shared: bool = False) -> LetterFile | None:
    """Returns a file, locked: for who writes letters into it with others, or for oneself."""
    query = sa.select(LetterFile).where(LetterFile.letter_file_id == file_id)
    return (await session.scalars(query.with_for_update(read=shared))).one_or_none()


async def is_open(session: AsyncSession, file_id: uuid.UUID) -> bool:
    """Tells whether letters may be written into a file, and keeps it so until the transaction ends."""
    query = sa.select(LetterFile.state).where(LetterFile.letter_file_id == file_id).with_for_update(read=True)
    return await session.scalar(query) == MAKING


async def unsettled(session: AsyncSession, now: datetime) -> list[LetterFile]:
    """Returns files with something to do, the oldest first: those that are made, that were printed, and whose days are over."""
    over = sa.or_(LetterFile.state != READY, LetterFile.expire_time <= now)
    query = sa.select(LetterFile).where(sa.not_(LetterFile.settled), over)
    return list(await session.scalars(query.order_by(LetterFile.create_time).limit(20)))


async def release(session: AsyncSession, now: datetime) -> None:
    """Takes back lines of workers that are gone which were begun and not written."""
    await session.execute(_RELEASE, {"now": now})


def _scope(file: LetterFile) -> dict[str, Any]:
    return {"campaign": file.campaign_id, "dealer": file.dealer_id, "asked": file.create_time}


async def waiting(session: AsyncSession, file: LetterFile, but: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Returns some campaigns, `but` others, with lines that a file may have now."""
    return list((await session.execute(_WAITING, {**_scope(file), "but": list(but)})).scalars())


async def still_coming(session: AsyncSession, file: LetterFile, now: datetime) -> bool:
    """Tells whether lines of a file's campaigns are another worker's, or are put off by the gate for a moment."""
    values = {**_scope(file), "soon": sorted(TRANSIENT), "patient": file.create_time + PATIENCE}
    return now < file.create_time + PATIENCE and bool(await session.scalar(_STILL, values))


async def claim(
    session: AsyncSession, file: LetterFile, campaign_id: uuid.UUID, lease: uuid.UUID, now: datetime, fresh: int
) -> list[sa.Row[Any]]:
    """Gives a worker lines of a campaign that wait for a file."""
    values = {
        "campaign": campaign_id,
        "lease": lease,
        "now": now,
        "until": now + LEASE,
        "fresh": fresh,
        "asked": file.create_time,
    }
    return list(await session.execute(_CLAIM, values))


async def count(session: AsyncSession, file_id: uuid.UUID) -> int:
    """Returns how many letters are in a file, or are about to be."""
    query = sa.text("SELECT count(*) FROM letters WHERE letter_file_id = :file")
    return int(await session.scalar(query, {"file": file_id}) or 0)


async def begin(session: AsyncSession, file_id: uuid.UUID, send_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Notes into which file lines are about to be written."""
    await session.execute(_BEGIN, {"file": file_id, "ids": list(send_ids), "now": now})


async def unbegin(session: AsyncSession, send_ids: Sequence[uuid.UUID]) -> None:
    """Forgets that of lines that were not written."""
    if send_ids:
        await session.execute(_UNBEGIN, {"ids": list(send_ids)})


async def write(
    session: AsyncSession, file_id: uuid.UUID, lease: uuid.UUID, letters: Sequence[Written], now: datetime
) -> set[uuid.UUID]:
    """Writes letters into a file, whose row the caller has locked. Returns those that were still the worker's and first of their permit."""
    values = {
        "file": file_id,
        "lease": lease,
        "now": now,
        "ids": [one.send_id for one in letters],
        "permits": [one.contact_permit_id for one in letters],
        "contents": [one.content for one in letters],
    }
    done = set((await session.execute(_WRITE, values)).scalars())
    kept = [one for one in letters if one.send_id in done]
    words: dict[str, Any] = {"ids": [one.send_id for one in kept], "now": now}
    words |= {"languages": [one.language for one in kept], "variants": [one.variant for one in kept]}
    await session.execute(_KEEP, words)
    return done


async def is_unwritten(session: AsyncSession, file_id: uuid.UUID) -> bool:
    """Tells whether a letter of a file was begun and is not written."""
    return bool(await session.scalar(_UNWRITTEN, {"file": file_id}))


async def number(session: AsyncSession, file_id: uuid.UUID) -> None:
    """Gives the letters of a file their places."""
    await session.execute(_NUMBER, {"file": file_id})


async def contents(session: AsyncSession, file_id: uuid.UUID, after: int, to: int) -> list[sa.Row[Any]]:
    """Returns (send_id, sealed row) of letters by their places, `after` excluded; those of the erased are absent."""
    return list(await session.execute(_CONTENTS, {"file": file_id, "after": after, "to": to}))


async def sizes(session: AsyncSession, file_id: uuid.UUID, each: int) -> dict[int, int]:
    """Returns how many bytes the rows of a file have by piece, of so many places each; a piece without rows is absent."""
    found = await session.execute(_SIZES, {"file": file_id, "each": each, "frame": FRAME})
    return {row.piece: row.size for row in found}


async def doubled(session: AsyncSession, permits: Mapping[uuid.UUID, uuid.UUID]) -> set[uuid.UUID]:
    """Returns those of some lines under whose permit another letter is written; `permits` by line."""
    values = {"ids": list(permits), "permits": list(permits.values())}
    return set((await session.execute(_DOUBLED, values)).scalars())


async def forget(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Lets the rows of people go that stand in files; returns the file of each."""
    return list((await session.execute(_FORGET, {"ids": list(ids)})).scalars())


async def of_persons(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[sa.Row[Any]]:
    """Returns the letters of people whose rows are kept."""
    return list(await session.execute(_OF_PERSON, {"ids": list(ids)}))


async def pulled(reader: Reader, file_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns (send_id, pull_reason) of what a file's delta names, in its order."""
    return list(await reader.fetch(_PULLED, file_id))


async def pull(session: AsyncSession, pulls: Sequence[tuple[uuid.UUID, int, str]]) -> None:
    """Notes letters as pulled: (send_id, place in the delta, why)."""
    columns = ([one[at] for one in pulls] for at in range(3))
    await session.execute(_PULL, dict(zip(("ids", "numbers", "reasons"), columns, strict=True)))


async def drop(session: AsyncSession, send_ids: Sequence[uuid.UUID]) -> None:
    """Takes letters out of a file that is being made: they never stood in it."""
    await session.execute(sa.text("DELETE FROM letters WHERE send_id = ANY(:ids)"), {"ids": list(send_ids)})


async def files_of(session: AsyncSession, send_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for letters the files in which they stand."""
    query = sa.text("SELECT send_id, letter_file_id FROM letters WHERE send_id = ANY(:ids)")
    return {row.send_id: row.letter_file_id for row in await session.execute(query, {"ids": list(send_ids)})}


async def mark(session: AsyncSession, customer_id: uuid.UUID, now: datetime) -> None:
    """Notes that it is to be found out whether the letters may still go of somebody and of who is one person with them."""
    await session.execute(_MARK, {"customer": customer_id, "now": now})


async def of_family(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns the letters of somebody, and of who is one person with them, in files that are not printed."""
    return list((await session.execute(_MINE, {"customer": customer_id})).scalars())


async def marked(session: AsyncSession, most: int) -> list[sa.Row[Any]]:
    """Returns letters that are to be looked at: with their customer, campaign, step and the moment of the mark."""
    query = sa.text(
        "SELECT l.send_id, l.check_time, s.customer_id, s.campaign_id, s.step FROM letters l JOIN campaign_sends s USING (send_id) "
        "WHERE l.check_time IS NOT NULL ORDER BY l.check_time LIMIT :most"
    )
    return list(await session.execute(query, {"most": most}))


async def unmark(session: AsyncSession, looked: Mapping[uuid.UUID, datetime]) -> None:
    """Takes marks away that were followed; one that was made anew meanwhile stays."""
    query = sa.text(
        "UPDATE letters SET check_time = NULL FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS g (id, t) "
        "WHERE send_id = g.id AND check_time = g.t"
    )
    await session.execute(query, {"ids": list(looked), "times": list(looked.values())})


async def is_marked(session: AsyncSession, file_id: uuid.UUID) -> bool:
    """Tells whether a letter of a file is to be looked at."""
    query = sa.text("SELECT EXISTS (SELECT FROM letters WHERE letter_file_id = :file AND check_time IS NOT NULL)")
    return bool(await session.scalar(query, {"file": file_id}))


async def doubles(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns the letters of one person, under whatever ids, that say what another one says."""
    return list((await session.execute(sa.text(_DOUBLES), {"customer": customer_id})).scalars())


async def of_people(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns the letters of people that stand in files that are not printed, and were not pulled."""
    return list((await session.execute(sa.text(_OF_PEOPLE), {"ids": list(ids)})).scalars())


async def of_campaign(session: AsyncSession, campaign_id: uuid.UUID, most: int) -> list[uuid.UUID]:
    """Returns such letters of a campaign."""
    values = {"campaign": campaign_id, "most": most}
    return list((await session.execute(sa.text(_OF_CAMPAIGN), values)).scalars())


async def unended(session: AsyncSession, file_id: uuid.UUID, most: int) -> list[uuid.UUID]:
    """Returns lines of a file that have no end yet."""
    query = sa.text(
        "SELECT l.send_id FROM letters l JOIN campaign_sends s USING (send_id) WHERE l.letter_file_id = :file AND s.state = 3 "
        "ORDER BY l.send_id LIMIT :most"
    )
    return list((await session.execute(query, {"file": file_id, "most": most})).scalars())


async def empty(session: AsyncSession, file_id: uuid.UUID) -> None:
    """Lets the rows of a file go that has served."""
    query = sa.text(
        "UPDATE letters SET content = NULL, contact_permit_id = NULL, check_time = NULL WHERE letter_file_id = :file"
    )
    await session.execute(query, {"file": file_id})


async def posted(
    session: AsyncSession, ids: Sequence[uuid.UUID], dealers: Sequence[uuid.UUID], *, everything: bool
) -> set[uuid.UUID]:
    """Returns those of some lines that are letters which were posted, of campaigns in somebody's sight."""
    values = {"ids": list(ids), "all": everything, "dealers": list(dealers)}
    return set((await session.execute(_UNDER_WAY, values)).scalars())


assert (POST, MAKING, READY, PRINTED) == (4, 1, 2, 3)  # the numbers in the statements above
