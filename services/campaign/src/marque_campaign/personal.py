"""A customer's rights over the lists on which they stand and what was sent to them.

What is kept, and why: what a legal hold names. A line that is final stays as a fact of its campaign, under an id of nobody. While a worker
hands a message over, for seconds, the erasure is put off: it is asked again. A letter that nobody printed is pulled, and its row leaves its
file.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from functools import partial

from servicekit.db.uow import UnitOfWork
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalRecord, Retained
from servicekit.sealing.sealer import Sealer
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign import events
from marque_campaign.errors import SendUnderWay
from marque_campaign.repository import audience_personal as audience
from marque_campaign.repository import bounces, events_personal, letters
from marque_campaign.repository import personal as repository
from marque_campaign.repository import runs_personal as runs
from marque_campaign.rules.ledger import ERASED
from marque_campaign.usecases import letter_files, registering
from marque_campaign.usecases.ending import ended

MEMBERSHIP, SEND, BOUNCED = "campaign.audience_list_member", "campaign.send", "campaign.bounced_address"
KNOWN = "campaign.audience_person"
REGISTRATION, CODE = "campaign.event_registration", "campaign.offer_code"
RUN = "campaign.run"
LETTER = "campaign.letter"


class CampaignPersonalData:
    """Implements `servicekit.personal.PersonalData`; `sealer` opens letters."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        for kind, read in (
            (MEMBERSHIP, repository.memberships),
            (SEND, repository.sends),
            (KNOWN, audience.known),
            (REGISTRATION, events_personal.registrations),
            (CODE, events_personal.codes),
            (RUN, runs.of_people),
            (LETTER, partial(letter_files.of_people, sealer=self._sealer)),
        ):
            async for key, fields in read(session, customer_ids):
                yield PersonalRecord(kind, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person off every list and out of every final line; what was not begun is not sent. Doing it again changes nothing.

        Raises SendUnderWay.

        Even under a hold nothing more is sent: a hold keeps what is known, it does not contact anybody.
        """
        done = Erasure()
        # Runs first: one that is just being gone on with is waited for, so that the message that it plans is seen and ended.
        await runs.stop(uow.session, customer_ids, uow.now)
        for row in await repository.stop_sends(uow.session, customer_ids, uow.now):
            uow.emit(events.message_suppressed(row, row.state, row.reason))
        for row in await repository.stop_calls(uow.session, customer_ids, uow.now):
            ended(uow, row, row.state, row.reason)
            uow.emit(events.campaign_call_withdrawn(row))
        await letter_files.pull(uow, await letters.of_people(uow.session, customer_ids), ERASED)
        if held_kinds & {MEMBERSHIP, "*"}:
            if count := await repository.count_memberships(uow.session, customer_ids):
                done.retained.append(Retained(MEMBERSHIP, count, LEGAL_HOLD))
        elif count := await repository.take_off_lists(uow.session, customer_ids):
            done.erased[MEMBERSHIP] = count
        if held_kinds & {KNOWN, "*"}:
            if count := await audience.count(uow.session, customer_ids):
                done.retained.append(Retained(KNOWN, count, LEGAL_HOLD))
        elif count := await audience.forget(uow.session, customer_ids):
            done.erased[KNOWN] = count
        await _of_events(uow, customer_ids, held_kinds, done)
        if held_kinds & {RUN, "*"}:
            if count := await runs.count(uow.session, customer_ids):
                done.retained.append(Retained(RUN, count, LEGAL_HOLD))
        elif count := await runs.unname(uow.session, customer_ids):
            done.erased[RUN] = count
        if held_kinds & {LETTER, "*"}:
            if count := len(await letters.of_persons(uow.session, customer_ids)):
                done.retained.append(Retained(LETTER, count, LEGAL_HOLD))
        elif count := await letter_files.forget(uow, self._sealer, customer_ids):
            done.erased[LETTER] = count
        held = bool(held_kinds & {SEND, "*"})
        if not held and (count := await bounces.forget(uow.session, customer_ids)):
            done.erased[BOUNCED] = count
        if not held and (gone := await repository.unname_sends(uow.session, customer_ids)):
            done.erased[SEND] = len(gone)
        if count := await repository.count_sends(uow.session, customer_ids):
            if not held:
                raise SendUnderWay()  # whoever erases asks again, and then its end is known
            done.retained.append(Retained(SEND, count, LEGAL_HOLD))
        return done


async def _of_events(
    uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str], done: Erasure
) -> None:
    """Takes the person out of events and offers. Whoever is erased comes to no event, so the place goes to whoever waits."""
    await registering.leave(uow, customer_ids)
    registered, given = await events_personal.count(uow.session, customer_ids)
    kinds = (
        (REGISTRATION, registered, events_personal.unname_registrations),
        (CODE, given, events_personal.unname_codes),
    )
    for kind, count, unname in kinds:
        if count and held_kinds & {kind, "*"}:
            done.retained.append(Retained(kind, count, LEGAL_HOLD))
        elif count:
            done.erased[kind] = await unname(uow.session, customer_ids)
