"""The worker that writes letters into files, and ends files.

    claim (committed) → permit → HANDED, and which file (committed) → permit spent (committed by customer) → look at the clock →
    the sealed row, if the line is still the worker's (committed) → permit finished … every line written: the file is closed

A file is handed to nobody before it is closed, in one transaction that gives it its bytes for good. So of a line that is HANDED and has no
row in its file it is certain that nothing was handed over, whoever was killed: it goes back to planned (`repository.letters.release`), and
is written again under the same occurrence key, by whose permit it is known. That is why every permit is asked for with `resume`.

What keeps a line from being two letters: it is one row by its key, its worker writes it only while it has the lease, and one permit is one
letter, which holds for two lines of people who are one too. What keeps a letter out of the file whose withdrawal was answered: before the
answer its permit is refused; where the permit was spent before, the withdrawal is heard, and finds the letter by the row that was begun
before (`usecases.letter_files.heard`): it leaves the file, or goes into its delta.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.permits import Held, PermitLate, Refused, Spent
from servicekit.rpc.call import Call
from servicekit.sealing.sealer import Sealer

from marque_campaign.clients import Customers, controller_of
from marque_campaign.models import Campaign, LetterFile
from marque_campaign.models.legs import legs
from marque_campaign.repository import letters as repository
from marque_campaign.repository import sends as ledger
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import kinds
from marque_campaign.rules import ledger as rules
from marque_campaign.rules import letters as sheets
from marque_campaign.rules.ledger import Verdict
from marque_campaign.usecases import campaigns, letter_files, spending
from marque_campaign.usecases.ending import ended, fall_back
from marque_campaign.usecases.halting import halted
from marque_campaign.usecases.holding import held_back
from marque_campaign.usecases.readying import Batch, Readied, Readier, Ready, refused
from marque_campaign.usecases.segments import Days
from marque_campaign.usecases.wording import Wording, hashes_of, postal_of

NO_ADDRESS = "NO_ADDRESS"
AT_ONCE, LOOKED_AT_ONCE, ENDED_AT_ONCE = 100, 100, 1_000
_CALL = Call(SYSTEM, "sweep:campaign-letters")


class Letters:
    """Makes files of letters; several may, in any number of processes. `keep` is how long a file is kept that nobody prints."""

    def __init__(
        self,
        work: Work,
        customers: Customers,
        readier: Readier,
        wording: Wording,
        sealer: Sealer,
        *,
        keep: timedelta,
        days: Days = Days(),
    ) -> None:
        self._work = work
        self._customers = customers
        self._readier = readier
        self._wording = wording
        self._sealer = sealer
        self._keep = keep
        self._days = days

    async def sweep(self) -> bool:
        """Does one step of every file; returns whether more may be left. Raises Unavailable while the customer service is away."""
        async with self._work(_CALL) as uow:
            await ledger.free(uow.session, uow.now)
            await repository.release(uow.session, uow.now)
        more = await self._look()
        async with self._work.read() as session:
            files = await repository.unsettled(session, now())
        for file in files:
            if file.state == sheets.MAKING:
                unpaid: set[uuid.UUID] = set()
                more = await self._fill(file, unpaid) or await self._close(file, unpaid) or more
            else:
                more = await self._end(file) or more
        return more

    async def _look(self) -> bool:
        """Finds out whether letters may still go of whom something changed, and pulls those that may not."""
        async with self._work.read() as session:
            marks = await repository.marked(session, LOOKED_AT_ONCE)
            found = {one: await session.get(Campaign, one) for one in {mark.campaign_id for mark in marks}}
        if not marks:
            return False

        async def may_go(mark: Any) -> bool:
            ((campaign, _),) = legs(found[mark.campaign_id], [mark])  # type: ignore[arg-type]
            controller = controller_of(campaign.dealer_id)
            who = str(mark.customer_id)
            return campaign.legal_notice or await self._customers.granted(who, campaign.purpose, kinds.POST, controller)

        allowed = await asyncio.gather(*(may_go(mark) for mark in marks))
        gone = [mark.send_id for mark, may in zip(marks, allowed, strict=True) if not may]
        async with self._work(_CALL) as uow:
            await letter_files.pull(uow, gone, letter_files.WITHDRAWN)
            await repository.unmark(uow.session, {mark.send_id: mark.check_time for mark in marks})
        return len(marks) == LOOKED_AT_ONCE

    async def _fill(self, file: LetterFile, unpaid: set[uuid.UUID]) -> bool:
        """Writes some letters into a file; returns whether there were any to write.

        Adds campaigns at the end of their budget to `unpaid`.
        """
        batch = await self._claim(file, unpaid)
        if batch is None:
            return False
        held = await held_back(self._work, batch.campaign, batch.rows, self._days)
        await self._settle(batch, held)
        mine = {row.send_id for row, _ in held}
        rows = [one for one in batch.rows if one.send_id not in mine]
        for campaign, some in legs(batch.campaign, rows):
            await self._write(file, replace(batch, campaign=campaign, rows=some))
        return True

    async def _claim(self, file: LetterFile, unpaid: set[uuid.UUID]) -> Batch | None:
        async with self._work.read() as session:
            room = file.most_letters - await repository.count(session, file.letter_file_id)
        tried: set[uuid.UUID] = set()
        while room > 0:
            async with self._work.read() as session:
                running = await repository.waiting(session, file, tried)
            if not running:
                break
            for campaign_id in running:
                tried.add(campaign_id)
                async with self._work(_CALL) as uow:
                    campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
                    if campaign.state != kinds.RUNNING or await halted(uow, campaign):
                        continue
                    fresh = await spending.payable(uow, campaign, min(AT_ONCE, room))
                    lease = new_uuid()
                    rows = await repository.claim(uow.session, file, campaign_id, lease, uow.now, fresh)
                    await spending.begun(uow, campaign, len(rows))
                    if rows:
                        return Batch(campaign, lease, rows)
                    unpaid |= set() if fresh else {campaign_id}
        return None

    async def _write(self, file: LetterFile, batch: Batch) -> None:
        """Takes lines through the gate and writes those that may go."""
        permits, found = self._readier.permits, await self._permitted(batch)
        going, unused = await self._hand(file, batch, found.ready), found.unused
        mine = {one.row.send_id for one in going}
        left = [one for one in found.ready if one.row.send_id not in mine]  # paused, cancelled, or the lease is over
        fresh = [one for one in going if isinstance(one.permit, Held)]
        outcomes = await permits.spend([one.permit for one in fresh if isinstance(one.permit, Held)]) if fresh else []
        for one, outcome in zip(fresh, outcomes, strict=True):
            if isinstance(outcome, Refused):
                one.verdict = refused(one.row, outcome, handed=False)
            else:
                one.permit = outcome
        done = await self._commit(file, batch, [one for one in going if one.verdict is None], found.names)
        lost = [one for one in going if one.row.send_id not in done]  # pulled meanwhile, late, or another worker's
        unused += [one.permit for one in (*left, *lost) if one.verdict is None or one.verdict.reason == rules.LATE]
        if unused:
            await permits.give_back(unused)
        if done:
            kept = [one.permit for one in going if one.row.send_id in done]
            await permits.finish([one for one in kept if isinstance(one, Spent)])
        waits = [(one.row, Verdict(rules.PLANNED)) for one in left]
        ends = [(one.row, one.verdict) for one in lost if one.verdict is not None]
        await self._settle(batch, [*found.settled, *waits, *ends])

    async def _permitted(self, batch: Batch) -> Readied:
        """Takes the permits and writes the words of lines, each of which may be begun again, and lets go whose address is not whole."""
        found = await self._readier.made_ready(batch, lambda row: True)
        whole = [one for one in found.ready if postal_of(one.permit).is_complete]
        mine = {one.row.send_id for one in whole}
        for one in found.ready:
            if one.row.send_id not in mine:
                found.settled.append((one.row, Verdict(rules.SUPPRESSED, NO_ADDRESS)))
                found.unused.append(one.permit)
        found.ready = whole
        return found

    async def _hand(self, file: LetterFile, batch: Batch, ready: list[Ready]) -> list[Ready]:
        """Notes what is about to be written into which file; returns what has room, a lease and a campaign that runs."""
        if not ready:
            return []
        async with self._work(_CALL) as uow:
            row = await repository.locked(uow.session, file.letter_file_id)
            if row is None or row.state != sheets.MAKING:
                return []
            room = row.most_letters - await repository.count(uow.session, file.letter_file_id)
            ready = ready[: max(0, room)]
            mine = await ledger.hand(uow.session, batch.lease, hashes_of(self._wording, ready), uow.now)
            await repository.begin(uow.session, file.letter_file_id, sorted(mine), uow.now)
        return [one for one in ready if one.row.send_id in mine]

    async def _commit(
        self, file: LetterFile, batch: Batch, going: list[Ready], names: dict[str, dict[int, str]]
    ) -> set[uuid.UUID]:
        """Writes letters whose permits are in time; of the others the verdict says so. Returns those that were written."""
        written = []
        for one in going:
            assert isinstance(one.permit, Spent)
            sheet = sheets.row(
                one.row.send_id,
                one.row.campaign_id,
                names.get(str(one.row.customer_id), {}).get(kinds.ADDRESSEE, ""),
                postal_of(one.permit),
                one.message,
            )
            content = self._sealer.seal(sheet, letter_files.place(one.row.send_id))
            variant = batch.campaign.arm_of(one.row.customer_id)
            permit_id = uuid.UUID(one.permit.permit.contact_permit_id)
            written.append(repository.Written(one.row.send_id, permit_id, content, one.message.language, variant))
        for one in going:
            try:
                one.permit.begin()  # type: ignore[union-attr]
            except PermitLate:
                one.verdict = rules.of_delay(rules.LATE, attempts=one.row.attempts, now=now())
        late = {one.row.send_id for one in going if one.verdict is not None}
        some = [one for one in written if one.send_id not in late]
        if not some:
            return set()
        async with self._work(_CALL) as uow:
            if not await repository.is_open(uow.session, file.letter_file_id):
                return set()
            done = await repository.write(uow.session, file.letter_file_id, batch.lease, some, uow.now)
            left = {one.send_id: one.contact_permit_id for one in some if one.send_id not in done}
            doubled = await repository.doubled(uow.session, left) if left else set()
        for one in going:
            if one.row.send_id in doubled:
                one.verdict = rules.of_done(handed=False)
        return done

    async def _settle(self, batch: Batch, settled: Sequence[tuple[Any, Verdict]]) -> None:
        """Writes down what became of lines that are not written, and says so, in one transaction."""
        if not settled:
            return
        told = [
            ledger.Settled(row.send_id, verdict, variant=batch.campaign.arm_of(row.customer_id))
            for row, verdict in settled
        ]
        async with self._work(_CALL) as uow:
            changed = await ledger.settle_all(uow.session, told, uow.now, lease=batch.lease)
            for row in changed:
                if row.state in rules.FINAL:
                    ended(uow, row, row.state, row.reason)
            await repository.unbegin(uow.session, [row.send_id for row in changed])
            if batch.campaign.fallbacks:
                mine = {row.send_id for row in changed}
                await fall_back(uow, [(row, verdict) for row, verdict in settled if row.send_id in mine])

    async def _close(self, file: LetterFile, unpaid: set[uuid.UUID]) -> bool:
        """Closes a file where every letter is written that it may have; returns whether there is more to write.

        What a campaign of `unpaid` cannot pay is told why once the file is printed, of which everything is paid until then.
        """
        async with self._work(_CALL) as uow:
            row = await repository.locked(uow.session, file.letter_file_id)
            if row is None or row.state != sheets.MAKING:
                return False
            if await repository.is_unwritten(uow.session, row.letter_file_id):
                return False
            count = await repository.count(uow.session, row.letter_file_id)
            if count < row.most_letters:
                if await repository.waiting(uow.session, row, unpaid):
                    return True
                if await repository.still_coming(uow.session, row, uow.now):
                    return False
            await repository.number(uow.session, row.letter_file_id)
            row.state, row.letter_count = sheets.READY, count
            row.ready_time, row.expire_time = uow.now, uow.now + self._keep
            await letter_files.measure(uow.session, self._sealer, row)
            uow.audit("close", "letter_file", str(row.letter_file_id), ("state",))
        return False

    async def _end(self, file: LetterFile) -> bool:
        """Gives lines of a file that was printed, or whose days are over, their end, some at a time; at last its letters go."""
        async with self._work(_CALL) as uow:
            row = await repository.locked(uow.session, file.letter_file_id)
            if row is None or row.settled:
                return False
            if row.state == sheets.READY:
                row.state = sheets.EXPIRED
            verdict = sheets.ENDS[row.state]
            ids = await repository.unended(uow.session, row.letter_file_id, ENDED_AT_ONCE)
            told = [ledger.Settled(one, verdict, truth=True) for one in ids]
            for line in await ledger.settle_all(uow.session, told, uow.now):
                ended(uow, line, line.state, line.reason)
            if len(ids) < ENDED_AT_ONCE:
                await repository.empty(uow.session, row.letter_file_id)
                row.settled = True
        return not row.settled
