"""The worker: claims lines of the ledger, takes permits, hands over, and writes down what became of each.

    claim (committed) → permit → HANDED (committed) → permit spent (committed by customer) → look at the clock → provider → settle → finish

Any number of workers, in any number of processes. Whoever dies leaves its lease, which ends; what may follow then is said by
`rules.ledger`. While a batch is handed over, the next one is claimed and takes its permits; and while some of a batch are with the
provider, the next few are spent. How many these are is bounded by time (`rules.pace`).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from marque.type.v1 import channel_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.permits import ContactPermits, Held, PermitLate, Refused, Spent
from servicekit.rpc.call import Call

from marque_campaign.clients import NotHanded, Provider, Rejected, Silent
from marque_campaign.models.legs import legs
from marque_campaign.repository import sends as ledger
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import kinds
from marque_campaign.rules import ledger as rules
from marque_campaign.rules.ledger import Verdict
from marque_campaign.rules.pace import HANDING, WAITING, Pace
from marque_campaign.usecases import campaigns, launching, spending
from marque_campaign.usecases.ending import bounced, ended, fall_back
from marque_campaign.usecases.halting import halted
from marque_campaign.usecases.holding import held_back
from marque_campaign.usecases.readying import Batch, Readier, Ready, refused
from marque_campaign.usecases.segments import Days
from marque_campaign.usecases.wording import Wording, hashes_of

_CALL = Call(SYSTEM, "sweep:campaign-sends")
_MINUTE = timedelta(minutes=1)
# Batches of one sweep: after them is seen what workers that are gone left.
_BATCHES = 20
# Of a batch, so many parts are under way: one is with the provider, one is spent before it or settled after it.
_LANES = 2


@dataclass(frozen=True, slots=True)
class Leg:
    """Lines of one step and channel that may go."""

    batch: Batch
    channel: int
    provider: Provider
    ready: list[Ready]
    pace: Pace


class Sender:
    """Sends for running campaigns, but for letters (`usecases.letters`).

    `providers` by channel name, each of which gets `at_once` messages at a time.
    """

    def __init__(
        self,
        work: Work,
        readier: Readier,
        wording: Wording,
        providers: dict[str, Provider],
        *,
        batch: int,
        at_once: int,
        days: Days = Days(),
    ) -> None:
        self._work = work
        self._readier = readier
        self._wording = wording
        self._providers = providers
        self._days = days
        self._paces: defaultdict[int, Pace] = defaultdict(lambda: Pace(min(at_once, batch), batch))
        self._turn: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(at_once))

    async def sweep(self) -> bool:
        """Does some batches; returns whether more may be left. Raises Unavailable while the customer service is away."""
        async with self._work(_CALL) as uow:
            freed = await ledger.free(uow.session, uow.now)
        found = await self._prepared()
        if found is None:
            return await self._finish() or bool(freed)
        for _ in range(_BATCHES - 1):
            following = asyncio.ensure_future(self._prepared())
            try:
                await self._deliver(found)
            except BaseException:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                raise
            found = await following
            if found is None:
                return True
        await self._deliver(found)
        return True

    async def _prepared(self) -> list[Leg] | None:
        """Claims a batch and makes it ready; None where nothing is to be done."""
        batch = await self._claim()
        if batch is None:
            return None
        batch, found = await self._without_held_back(batch), []
        for campaign, rows in legs(batch.campaign, batch.rows):
            for channel in sorted({one.channel for one in rows}):
                some = replace(batch, campaign=campaign, rows=[one for one in rows if one.channel == channel])
                if (leg := await self._leg(some, channel)) is not None:
                    found.append(leg)
        return found

    async def _leg(self, batch: Batch, channel: int) -> Leg | None:
        """Makes lines of one step and channel ready, and settles those that do not go."""
        provider = self._providers.get(channel_pb2.Channel.Name(channel).removeprefix("CHANNEL_"))  # type: ignore[arg-type]
        if provider is None:
            await self._settle(batch, [(row, Verdict(rules.SUPPRESSED, rules.NO_PROVIDER)) for row in batch.rows])
            return None
        made = await self._readier.made_ready(
            batch, lambda row: bool(row.state == rules.HANDED and provider.repeatable)
        )
        if made.unused:
            await self._readier.permits.give_back(made.unused)
        await self._settle(batch, made.settled)
        return Leg(batch, channel, provider, made.ready, self._paces[channel])

    async def _claim(self) -> Batch | None:
        """Takes lines of some campaign, within its rate: begun in the last minute are never more than it allows."""
        async with self._work(_CALL) as uow:
            running = await ledger.ready(uow.session)
        for campaign_id in running:
            async with self._work(_CALL) as uow:
                campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
                if campaign.state != kinds.RUNNING or await halted(uow, campaign):
                    continue
                most = self._paces[campaign.channel].within(WAITING)
                fresh = most
                if campaign.rate_per_minute:
                    begun = await ledger.claimed_since(uow.session, campaign_id, uow.now - _MINUTE)
                    fresh = max(0, min(fresh, campaign.rate_per_minute - begun))
                fresh = await spending.payable(uow, campaign, fresh)
                lease = new_uuid()
                rows = await ledger.claim(uow.session, campaign_id, lease, uow.now, most, fresh)
                await spending.begun(uow, campaign, sum(one.state == rules.CLAIMED for one in rows))
                if rows:
                    return Batch(campaign, lease, rows)
        return None

    async def _without_held_back(self, batch: Batch) -> Batch:
        """Settles the lines of whoever gets nothing, before anything is asked about them; returns the others."""
        held = await held_back(self._work, batch.campaign, batch.rows, self._days)
        await self._settle(batch, held)
        mine = {row.send_id for row, _ in held}
        return replace(batch, rows=[one for one in batch.rows if one.send_id not in mine])

    async def _finish(self) -> bool:
        async with self._work(_CALL) as uow:
            over = await ledger.done(uow.session)
        for campaign_id in over:
            await launching.finish(self._work(_CALL), campaign_id)
        return bool(over)

    async def _deliver(self, found: list[Leg]) -> None:
        """Hands over a batch."""
        for leg in found:
            parts = _parts(leg)
            lanes = [asyncio.ensure_future(self._lane(leg, parts)) for _ in range(_LANES)]
            try:
                await asyncio.gather(*lanes)
            finally:  # what a lane has under way is not left alone by the fault of the other
                await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, leg: Leg, parts: Iterator[list[Ready]]) -> None:
        for some in parts:
            await self._hand_over(leg, some)

    async def _hand_over(self, leg: Leg, some: list[Ready]) -> None:
        """Hands over a few at a time: their permits live for seconds only."""
        batch, permits = leg.batch, self._readier.permits
        async with self._work(_CALL) as uow:
            mine = await ledger.hand(uow.session, batch.lease, hashes_of(self._wording, some), uow.now)
        going = [one for one in some if one.row.send_id in mine]
        held = [one for one in some if one.row.send_id not in mine]
        if held:  # paused, cancelled, or the lease is over: nothing left
            if back := [one.permit for one in held if isinstance(one.permit, Held)]:
                await permits.give_back(back)
            waits = [(one.row, Verdict(rules.PLANNED, "PAUSED")) for one in held if one.row.state == rules.CLAIMED]
            await self._settle(batch, waits)
        # A permit that is spent does not wait behind messages that leave slowly.
        async with self._turn[leg.channel] if leg.pace.is_slow else nullcontext():
            sent, taken = await self._send(leg, going)
        await self._settle(batch, [(one.row, one.verdict, one.message.language) for one in going if one.verdict])
        await self._close(permits, going)
        if taken < sent:
            await self._look(batch)

    async def _send(self, leg: Leg, going: list[Ready]) -> tuple[int, int]:
        """Spends the permits of lines and hands them over; returns how many were begun, and how many of them taken."""
        fresh = [one for one in going if isinstance(one.permit, Held)]
        permits = self._readier.permits
        outcomes = await permits.spend([one.permit for one in fresh if isinstance(one.permit, Held)]) if fresh else []
        for one, outcome in zip(fresh, outcomes, strict=True):
            if isinstance(outcome, Refused):  # never spent, so nothing left, whoever began it before
                one.verdict = refused(one.row, outcome, handed=False)
            else:
                one.permit = outcome
        began, sent = time.monotonic(), [one for one in going if one.verdict is None]
        await asyncio.gather(*(self._one(leg, one) for one in sent))
        taken = sum(one.verdict is not None and one.verdict.state == rules.ACCEPTED for one in sent)
        if sent:
            leg.pace.note(taken, time.monotonic() - began)
        return len(sent), taken

    async def _look(self, batch: Batch) -> None:
        """Pauses the campaign where too much of it fails, before any more of the batch is handed over."""
        async with self._work(_CALL) as uow:
            campaign = await campaigns.found(uow, EVERYTHING, batch.campaign.campaign_id)
            if campaign.state == kinds.RUNNING:
                await halted(uow, campaign)

    async def _one(self, leg: Leg, one: Ready) -> None:
        """Hands one over; what became of it stands in its verdict."""
        assert isinstance(one.permit, Spent)
        provider, attempts = leg.provider, one.row.attempts
        async with self._room[leg.channel]:
            moment = now()
            try:
                one.permit.begin()
                await provider.send(
                    self._wording.outgoing(leg.batch.campaign, one.row, one.permit, one.message, seen=one.seen)
                )
                one.verdict = Verdict(rules.ACCEPTED)
            except PermitLate:
                one.verdict = rules.of_delay(rules.LATE, attempts=attempts, now=moment)
            except NotHanded as fault:
                one.verdict = rules.of_delay(fault.why, attempts=attempts, now=moment, seconds=fault.seconds)
            except Rejected as fault:
                one.verdict = Verdict(rules.FAILED, fault.why, address_gone=fault.address_gone)
            except Silent as fault:
                one.verdict = rules.of_silence(
                    repeatable=provider.repeatable, attempts=attempts, now=moment, why=fault.why
                )
        if one.resumed and one.verdict.state == rules.PLANNED:
            # Not now; but who began it before may have handed it over, so it may not become a line of which nothing left.
            one.verdict = rules.of_silence(
                repeatable=provider.repeatable, attempts=attempts, now=moment, why=one.verdict.reason
            )

    async def _close(self, permits: ContactPermits, going: list[Ready]) -> None:
        """Finishes the permits of what was handed over, and gives back those under which surely nothing was."""
        spent = [(one.permit, one.verdict) for one in going if isinstance(one.permit, Spent) and one.verdict]
        unused = [permit for permit, verdict in spent if verdict.state == rules.PLANNED]
        over = [permit for permit, verdict in spent if verdict.state in rules.FINAL]
        if unused:
            await permits.give_back(unused)
        if over:
            await permits.finish(over)

    async def _settle(self, batch: Batch, settled: list[Any]) -> None:
        """Writes down what became of lines, and says so, in one transaction."""
        if not settled:
            return
        told = [
            ledger.Settled(
                row.send_id,
                verdict,
                truth=verdict.state == rules.ACCEPTED,
                language=language[0] if language else "",
                variant=batch.campaign.arm_of(row.customer_id),
            )
            for row, verdict, *language in settled
        ]
        by_id = {one.send_id: one.verdict for one in told}
        async with self._work(_CALL) as uow:
            for row in await ledger.settle_all(uow.session, told, uow.now, lease=batch.lease):
                if row.state in rules.FINAL:
                    ended(uow, row, row.state, row.reason)
                    if by_id[row.send_id].address_gone:
                        await bounced(uow, row, row.reason)
            if batch.campaign.fallbacks:
                await fall_back(uow, [(row, verdict) for row, verdict, *_ in settled])


def _parts(leg: Leg) -> Iterator[list[Ready]]:
    """Yields the lines of a leg, a few at a time: as many as are handed over in a moment, at the speed of then."""
    start = 0
    while start < len(leg.ready):
        some = leg.ready[start : start + leg.pace.within(HANDING)]
        start += len(some)
        yield some
