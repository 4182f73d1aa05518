"""The worker: claims lines of the ledger, takes permits, hands over, and writes down what became of each.

    claim (committed) → permit → HANDED (committed) → permit spent (committed by customer) → look at the clock → provider → settle → finish

Any number of workers, in any number of processes. Whoever dies leaves its lease, which ends; what may follow then is said by
`rules.ledger`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from marque.type.v1 import channel_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.permits import ContactPermits, Done, Held, PermitLate, Refused, Spent
from servicekit.rpc.call import Call

from marque_campaign.clients import Customers, NotHanded, Provider, Rejected, Silent
from marque_campaign.models import Campaign
from marque_campaign.models.legs import legs
from marque_campaign.repository import sends as ledger
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import kinds
from marque_campaign.rules import ledger as rules
from marque_campaign.rules.ledger import Verdict
from marque_campaign.rules.templates import Message, Unrenderable
from marque_campaign.usecases import campaigns, launching, spending, subjects
from marque_campaign.usecases.carrying import Carrier
from marque_campaign.usecases.ending import bounced, ended, fall_back
from marque_campaign.usecases.halting import halted
from marque_campaign.usecases.holding import held_back
from marque_campaign.usecases.segments import Days
from marque_campaign.usecases.wording import Wording, contact_of, hashes_of, is_gone

_CALL = Call(SYSTEM, "sweep:campaign-sends")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one campaign that this worker has."""

    campaign: Campaign
    lease: UUID
    rows: list[Any]


@dataclass(slots=True)
class Ready:
    """A line with its permit and its words.

    `resumed`: somebody who is gone may have handed it over under the same permit. `seen`: its opening may be counted.
    """

    row: Any
    permit: Held | Spent
    message: Message
    resumed: bool = False
    seen: bool = False
    verdict: Verdict | None = field(default=None)


class Sender:
    """Sends for running campaigns, but for letters (`usecases.letters`); `providers` by channel name."""

    def __init__(
        self,
        work: Work,
        customers: Customers,
        wording: Wording,
        carrier: Carrier,
        providers: dict[str, Provider],
        *,
        batch: int,
        at_once: int,
        days: Days = Days(),
    ) -> None:
        self._work = work
        self._customers = customers
        self._wording = wording
        self._carrier = carrier
        self._providers = providers
        self._batch = batch
        self._at_once = at_once
        self._days = days

    async def sweep(self) -> bool:
        """Does one batch; returns whether more may be left. Raises Unavailable while the customer service is away."""
        async with self._work(_CALL) as uow:
            freed = await ledger.free(uow.session, uow.now)
        batch = await self._claim()
        if batch is None:
            return await self._finish() or bool(freed)
        batch = await self._without_held_back(batch)
        for campaign, rows in legs(batch.campaign, batch.rows):
            for channel in sorted({one.channel for one in rows}):
                some = [one for one in rows if one.channel == channel]
                await self._leg(replace(batch, campaign=campaign, rows=some), channel)
        return True

    async def _leg(self, batch: Batch, channel: int) -> None:
        """Sends lines of one step by one channel."""
        provider = self._providers.get(channel_pb2.Channel.Name(channel).removeprefix("CHANNEL_"))  # type: ignore[arg-type]
        if provider is None:
            await self._settle(batch, [(row, Verdict(rules.SUPPRESSED, rules.NO_PROVIDER)) for row in batch.rows])
        else:
            await self._send(batch, provider)

    async def _claim(self) -> Batch | None:
        """Takes lines of some campaign, within its rate: begun in the last minute are never more than it allows."""
        async with self._work(_CALL) as uow:
            running = await ledger.ready(uow.session)
        for campaign_id in running:
            async with self._work(_CALL) as uow:
                campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
                if campaign.state != kinds.RUNNING or await halted(uow, campaign):
                    continue
                fresh = self._batch
                if campaign.rate_per_minute:
                    begun = await ledger.claimed_since(uow.session, campaign_id, uow.now - _MINUTE)
                    fresh = max(0, min(fresh, campaign.rate_per_minute - begun))
                fresh = await spending.payable(uow, campaign, fresh)
                lease = new_uuid()
                rows = await ledger.claim(uow.session, campaign_id, lease, uow.now, self._batch, fresh)
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

    async def _send(self, batch: Batch, provider: Provider) -> None:
        permits = self._customers.permits
        ready, settled, unused = await self._permitted(batch, provider, permits)
        if unused:
            await permits.give_back(unused)
        await self._settle(batch, settled)
        for start in range(0, len(ready), self._at_once):
            await self._hand_over(batch, provider, permits, ready[start : start + self._at_once])

    async def _permitted(
        self, batch: Batch, provider: Provider, permits: ContactPermits
    ) -> tuple[list[Ready], list[tuple[Any, Verdict]], list[Held | Spent]]:
        """Takes the permits and writes the words: lines that may go, those that are settled without, and permits that were not used."""
        answers = await permits.take(
            [
                contact_of(batch.campaign, row, resume=row.state == rules.HANDED and provider.repeatable)
                for row in batch.rows
            ]
        )
        people = [str(row.customer_id) for row in batch.rows]
        names, seen = await self._customers.names(people), await self._wording.seen(batch.campaign, people)
        about = await subjects.told(self._work.reader, batch.campaign, batch.rows)
        gone = await self._wording.gone(self._work.reader, [one for one in answers if isinstance(one, Held | Spent)])
        taken = [row for row, one in zip(batch.rows, answers, strict=True) if isinstance(one, Held | Spent)]
        carried = await self._carrier.carried(batch.campaign, taken)
        ready: list[Ready] = []
        settled: list[tuple[Any, Verdict]] = []
        unused: list[Held | Spent] = []
        for row, answer in zip(batch.rows, answers, strict=True):
            # A permit that is still there to be spent says that nothing was handed over under it, whoever began the line.
            handed = row.state == rules.HANDED and not isinstance(answer, Held)
            if isinstance(answer, Refused):
                settled.append((row, self._refused(row, answer)))
            elif isinstance(answer, Done):
                settled.append((row, rules.of_done(handed=handed)))
            elif is_gone(answer, gone) and isinstance(answer, Held):
                settled.append((row, Verdict(rules.SUPPRESSED, rules.ADDRESS_GONE)))
                unused.append(answer)
            else:
                try:
                    person = names.get(str(row.customer_id), {}) | about.get(row.send_id, {})
                    arm, told = batch.campaign.arm_of(row.customer_id), carried[row.send_id]
                    template = batch.campaign.template_of(arm, row.channel)
                    message = self._wording.write(template, batch.campaign, answer.permit.language, person, told)
                except Unrenderable as fault:
                    settled.append((row, Verdict(rules.UNKNOWN if handed else rules.SUPPRESSED, fault.reason)))
                    unused += [answer] if isinstance(answer, Held) else []
                else:
                    counted = str(row.customer_id) in seen
                    ready.append(Ready(row, answer, message, isinstance(answer, Spent), counted))
        kept = one_a_permit(ready)
        mine = {one.row.send_id for one in kept}
        settled += [(one.row, rules.of_done(handed=one.resumed)) for one in ready if one.row.send_id not in mine]
        return kept, settled, unused

    def _refused(self, row: Any, answer: Refused, *, handed: bool | None = None) -> Verdict:
        retry = answer.retry_time.ToDatetime(tzinfo=row.create_time.tzinfo) if answer.retry_time is not None else None
        return rules.of_refusal(
            answer.name,
            retry,
            handed=row.state == rules.HANDED if handed is None else handed,
            planned=row.create_time,
            now=now(),
            attempts=row.attempts,
        )

    async def _hand_over(self, batch: Batch, provider: Provider, permits: ContactPermits, some: list[Ready]) -> None:
        """Hands over a few at a time: their permits live for seconds only."""
        async with self._work(_CALL) as uow:
            mine = await ledger.hand(uow.session, batch.lease, hashes_of(self._wording, some), uow.now)
        going = [one for one in some if one.row.send_id in mine]
        held = [one for one in some if one.row.send_id not in mine]
        if held:  # paused, cancelled, or the lease is over: nothing left
            await permits.give_back([one.permit for one in held if isinstance(one.permit, Held)])
            waits = [(one.row, Verdict(rules.PLANNED, "PAUSED")) for one in held if one.row.state == rules.CLAIMED]
            await self._settle(batch, waits)
        fresh = [one for one in going if isinstance(one.permit, Held)]
        outcomes = await permits.spend([one.permit for one in fresh if isinstance(one.permit, Held)]) if fresh else []
        for one, outcome in zip(fresh, outcomes, strict=True):
            if isinstance(outcome, Refused):  # never spent, so nothing left, whoever began it before
                one.verdict = self._refused(one.row, outcome, handed=False)
            else:
                one.permit = outcome
        await asyncio.gather(*(self._one(batch, provider, one) for one in going if one.verdict is None))
        await self._settle(batch, [(one.row, one.verdict, one.message.language) for one in going if one.verdict])
        await self._close(permits, going)

    async def _one(self, batch: Batch, provider: Provider, one: Ready) -> None:
        """Hands one over; what became of it stands in its verdict."""
        assert isinstance(one.permit, Spent)
        moment, attempts = now(), one.row.attempts
        outgoing = self._wording.outgoing(batch.campaign, one.row, one.permit, one.message, seen=one.seen)
        try:
            one.permit.begin()
            await provider.send(outgoing)
            one.verdict = Verdict(rules.ACCEPTED)
        except PermitLate:
            one.verdict = rules.of_delay(rules.LATE, attempts=attempts, now=moment)
        except NotHanded as fault:
            one.verdict = rules.of_delay(fault.why, attempts=attempts, now=moment, seconds=fault.seconds)
        except Rejected as fault:
            one.verdict = Verdict(rules.FAILED, fault.why, address_gone=fault.address_gone)
        except Silent as fault:
            one.verdict = rules.of_silence(repeatable=provider.repeatable, attempts=attempts, now=moment, why=fault.why)
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


def one_a_permit(ready: list[Ready]) -> list[Ready]:
    """Keeps one line of those that hold the same permit because their customers are one person: the one that took it last has it."""
    found: dict[str, Ready] = {}
    for one in ready:
        permit = one.permit.permit
        other = found.get(permit.contact_permit_id)
        if other is None or other.permit.permit.holding < permit.holding:
            found[permit.contact_permit_id] = one
    return [one for one in ready if found[one.permit.permit.contact_permit_id] is one]
