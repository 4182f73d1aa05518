"""What is done for a batch before it is handed over, while the one before it is: its permits are taken and its words written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.permits import ContactPermits, Done, Held, Refused, Spent, Taken

from marque_campaign.clients import Customers
from marque_campaign.models import Campaign
from marque_campaign.rules import ledger as rules
from marque_campaign.rules.ledger import Verdict
from marque_campaign.rules.templates import Message, Template, Unrenderable
from marque_campaign.usecases import subjects
from marque_campaign.usecases.carrying import Carrier
from marque_campaign.usecases.wording import Wording, contact_of, is_gone


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


@dataclass(slots=True)
class Readied:
    """Lines that may go, those that are settled without, and permits that were not used; and what people are called."""

    names: dict[str, dict[int, str]]
    ready: list[Ready] = field(default_factory=list)
    settled: list[tuple[Any, Verdict]] = field(default_factory=list)
    unused: list[Held | Spent] = field(default_factory=list)


class Readier:
    """Takes the permits of a batch in one request, and writes its words."""

    def __init__(self, work: Work, customers: Customers, wording: Wording, carrier: Carrier) -> None:
        self._work = work
        self._customers = customers
        self._wording = wording
        self._carrier = carrier

    @property
    def permits(self) -> ContactPermits:
        """The gate. Raises Unavailable."""
        return self._customers.permits

    async def made_ready(self, batch: Batch, resumable: Callable[[Any], bool]) -> Readied:
        """Returns what becomes of lines of one step and channel; `resumable` tells of which a permit that was spent may be used again.

        Raises Unavailable.
        """
        contacts = [contact_of(batch.campaign, row, resume=resumable(row)) for row in batch.rows]
        answers, names = await asyncio.gather(
            self.permits.take(contacts), self._customers.names([one.customer_id for one in contacts])
        )
        about = await subjects.told(self._work.reader, batch.campaign, batch.rows)
        gone = await self._wording.gone(self._work.reader, [one for one in answers if isinstance(one, Held | Spent)])
        taken = [row for row, one in zip(batch.rows, answers, strict=True) if isinstance(one, Held | Spent)]
        carried = await self._carrier.carried(batch.campaign, taken)
        found, words = Readied(names=names), _Words(batch.campaign)
        for row, answer in zip(batch.rows, answers, strict=True):
            # Somebody who is gone may have handed it over: whatever is found out now does not make it "not sent".
            handed = row.state == rules.HANDED and isinstance(answer, Spent)
            if not isinstance(answer, Held | Spent):
                found.settled.append((row, _without(row, answer)))
            elif is_gone(answer, gone) and not handed:
                found.settled.append((row, Verdict(rules.SUPPRESSED, rules.ADDRESS_GONE)))
                found.unused.append(answer)
            else:
                person = names.get(str(row.customer_id), {}) | about.get(row.send_id, {})
                try:
                    message = self._wording.write(
                        words.of(row), batch.campaign, answer.permit.language, person, carried[row.send_id]
                    )
                except Unrenderable as fault:
                    found.settled.append((row, Verdict(rules.UNKNOWN if handed else rules.SUPPRESSED, fault.reason)))
                    found.unused += [] if handed else [answer]
                else:
                    seen = batch.campaign.track_opens and answer.permit.further_allowed
                    found.ready.append(Ready(row, answer, message, isinstance(answer, Spent), seen))
        kept = _one_a_permit(found.ready)
        mine = {one.row.send_id for one in kept}
        found.settled += [
            (one.row, rules.of_done(handed=one.resumed)) for one in found.ready if one.row.send_id not in mine
        ]
        found.ready = kept
        return found


class _Words:
    """The templates of a campaign, each read from its frozen form once a batch."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._known: dict[tuple[str, int], Template] = {}

    def of(self, row: Any) -> Template:
        key = (self._campaign.arm_of(row.customer_id), row.channel)
        if key not in self._known:
            self._known[key] = self._campaign.template_of(*key)
        return self._known[key]


def refused(row: Any, answer: Refused, *, handed: bool | None = None) -> Verdict:
    """Returns what a refusal of the gate makes of a line; `handed` where it is known whether somebody may have handed it over."""
    retry = answer.retry_time.ToDatetime(tzinfo=row.create_time.tzinfo) if answer.retry_time is not None else None
    return rules.of_refusal(
        answer.name,
        retry,
        handed=row.state == rules.HANDED if handed is None else handed,
        planned=row.create_time,
        now=now(),
        attempts=row.attempts,
    )


def _without(row: Any, answer: Taken) -> Verdict:
    """What a line is without a permit that this worker holds."""
    if isinstance(answer, Refused):
        return refused(row, answer)
    assert isinstance(answer, Done)
    return rules.of_done(handed=row.state == rules.HANDED)


def _one_a_permit(ready: Sequence[Ready]) -> list[Ready]:
    """Keeps one line of those that hold the same permit because their customers are one person: the one that took it last has it."""
    found: dict[str, Ready] = {}
    for one in ready:
        permit = one.permit.permit
        other = found.get(permit.contact_permit_id)
        if other is None or other.permit.permit.holding < permit.holding:
            found[permit.contact_permit_id] = one
    return [one for one in ready if found[one.permit.permit.contact_permit_id] is one]
