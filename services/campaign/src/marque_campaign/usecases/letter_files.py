"""What people do with files of letters: ask for one, read it, say that it was printed and what came back; and which letters are pulled."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.sealing.sealer import Place, Sealer
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.errors import (
    LetterFileChecking,
    LetterFileDelta,
    LetterFileNotFound,
    LetterFileStateNotAllowed,
)
from marque_campaign.models import LetterFile
from marque_campaign.repository import letters as repository
from marque_campaign.repository import lists as rows
from marque_campaign.repository import sends as ledger
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import ledger as rules
from marque_campaign.rules import letters as sheets
from marque_campaign.rules.ledger import Verdict
from marque_campaign.usecases.ending import ended, fall_back
from marque_campaign.usecases.ledger import reported

WITHDRAWN, RESTRICTED = "WITHDRAWN", "RESTRICTED"


def place(send_id: uuid.UUID) -> Place:
    """Returns the place of a letter's row."""
    return Place("letters", "content", str(send_id))


async def create(*, uow: UnitOfWork, sealer: Sealer, values: dict[str, Any]) -> Any:
    """Begins a file. Raises SealingKeyMissing."""
    sealer.ring.one(sealer.ring.current)
    async with uow:
        made = LetterFile(**values, create_time=uow.now)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "letter_file", str(made.letter_file_id))
        return await uow.answer(made)


async def piece(session: AsyncSession, sealer: Sealer, file_id: uuid.UUID, number: int, *, mark: bool) -> bytes:
    """Returns a piece of a closed file, from 0; `mark`: it begins with a byte order mark. Raises SealingKeyMissing, SealBroken."""
    start = number * sheets.PIECE
    found = await repository.contents(session, file_id, start, start + sheets.PIECE)
    head = b"" if number else sheets.heading(mark=mark)
    return head + b"".join(sealer.open(bytes(one.content), place(one.send_id)) for one in found)


async def holding(session: AsyncSession, file_id: uuid.UUID, count: int, offset: int, *, mark: bool) -> tuple[int, int]:
    """Returns which of the pieces of a closed file holds a byte, and where that piece begins; beyond the end the last one."""
    sizes, start = await repository.sizes(session, file_id, sheets.PIECE), 0
    for number in range(count - 1):
        end = start + sizes.get(number, 0) + (0 if number else len(sheets.heading(mark=mark)))
        if offset < end:
            return number, start
        start = end
    return count - 1, start


async def measure(session: AsyncSession, sealer: Sealer, file: LetterFile) -> None:
    """Writes down the size and SHA-256 of a file as it is now."""
    digest, size = hashlib.sha256(), 0
    for number in range(sheets.pieces(file.letter_count)):
        content = await piece(session, sealer, file.letter_file_id, number, mark=file.byte_order_mark)
        digest.update(content)
        size += len(content)
    file.size_bytes, file.sha256 = size, digest.hexdigest()


async def mark_printed(*, uow: UnitOfWork, scope: Scope, file_id: uuid.UUID, pulled_count: int, etag: str) -> Any:
    """Notes that a file went to the post but for the letters that its delta names; its lines get their end by the worker.

    Raises LetterFileNotFound, LetterFileStateNotAllowed, LetterFileDelta, LetterFileChecking, EtagMismatch.
    """
    async with uow:
        file: LetterFile | None = await rows.lock(uow.session, rows.LETTER_FILES, scope, file_id)
        if file is None:
            raise LetterFileNotFound()
        file.check_etag(etag)
        expired = file.expire_time is not None and file.expire_time <= uow.now
        if file.state != sheets.READY or expired:
            raise LetterFileStateNotAllowed(state="EXPIRED" if expired else sheets.STATE_NAMES[file.state])
        if await repository.is_marked(uow.session, file_id):
            raise LetterFileChecking()
        if file.pulled_count != pulled_count:
            raise LetterFileDelta(pulled=file.pulled_count)
        file.state, file.print_time = sheets.PRINTED, uow.now
        uow.audit("mark_printed", "letter_file", str(file_id), ("state",))
        return await uow.answer(file)


async def returned(*, uow: UnitOfWork, scope: Scope, returns: Sequence[tuple[str, int]]) -> Any:
    """Records letters that came back: (id or return code, reason). Returns how many lines changed, and which letters are none that was
    posted; what was told before changes nothing.
    """
    named = [(text, sheets.letter_of(text), reason) for text, reason in returns]
    changed = 0
    async with uow:
        asked = sorted({one for _, one, _ in named if one is not None})
        known = await repository.posted(uow.session, asked, scope.dealers, everything=scope.everything)
        told: dict[uuid.UUID, Verdict] = {}
        for _, send_id, reason in named:
            if send_id in known:
                told.setdefault(send_id, sheets.of_return(reason))
        for send_id in sorted(told):
            if await reported(uow, send_id, told[send_id]):
                uow.audit("record_return", "campaign_send", str(send_id), ("state",))
                changed += 1
        unknown = [text for text, send_id, _ in named if send_id not in known]
        return await uow.answer((changed, unknown))


async def heard(*, uow: UnitOfWork, customer_id: uuid.UUID) -> None:
    """Notes that something changed of somebody: whether their letters may still go is found out by the worker, and until then nobody can
    say of their files that they were printed. Of letters that say the same to one person, all but one are pulled.
    """
    await repository.mark(uow.session, customer_id, uow.now)
    await pull(uow, await repository.doubles(uow.session, customer_id), rules.SAME_PERSON)


async def restricted(*, uow: UnitOfWork, customer_id: uuid.UUID) -> None:
    """Pulls every letter of somebody whose data nothing may be done with, a legal notice too."""
    await pull(uow, await repository.of_family(uow.session, customer_id), RESTRICTED)


async def pull(uow: UnitOfWork, send_ids: Sequence[uuid.UUID], reason: str) -> int:
    """Pulls letters out of files that are not printed, and ends their lines; returns how many.

    Out of a file that is being made they simply go; one that is ready names them in its delta; of one that was printed nothing is pulled.
    """
    if not send_ids:
        return 0
    async with uow:
        files = await repository.files_of(uow.session, send_ids)
        held = {one: await repository.locked(uow.session, one) for one in sorted(set(files.values()))}
        states: Mapping[uuid.UUID, int] = {one: file.state for one, file in held.items() if file is not None}
        live = [one for one in sorted(files) if states.get(files[one]) in (sheets.MAKING, sheets.READY)]
        verdict, gone, pulls = Verdict(rules.SUPPRESSED, reason), [], []
        for row in await ledger.settle_all(
            uow.session, [ledger.Settled(one, verdict, truth=True) for one in live], uow.now
        ):
            ended(uow, row, row.state, row.reason)
            file = held[files[row.send_id]]
            assert file is not None
            if file.state == sheets.MAKING:
                gone.append(row.send_id)
            else:
                file.pulled_count += 1
                pulls.append((row.send_id, file.pulled_count, reason))
            await fall_back(uow, [(row, verdict)])
        if gone:
            await repository.drop(uow.session, gone)
        if pulls:
            await repository.pull(uow.session, pulls)
    return len(gone) + len(pulls)


async def forget(uow: UnitOfWork, sealer: Sealer, customer_ids: Sequence[uuid.UUID]) -> int:
    """Lets what stands of people in files go, after their letters were pulled; returns how many letters it was of."""
    found = await repository.forget(uow.session, customer_ids)
    for file_id in sorted(set(found)):
        file = await repository.locked(uow.session, file_id)
        assert file is not None
        file.erased_count += found.count(file_id)
        await measure(uow.session, sealer, file)
    return len(found)


async def of_people(
    session: AsyncSession, ids: Sequence[uuid.UUID], *, sealer: Sealer
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yields the letters of a person whose rows are kept, opened."""
    for one in await repository.of_persons(session, ids):
        facts = {name: value for name, value in one._mapping.items() if name != "content"}
        yield str(one.send_id), {**facts, **sheets.read_row(sealer.open(bytes(one.content), place(one.send_id)))}
