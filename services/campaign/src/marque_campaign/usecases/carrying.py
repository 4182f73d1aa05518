"""What a message carries of its campaign's event and offer: the link by which its person registers, when and where, their code."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.uow import Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digest

from marque_campaign.models import Campaign
from marque_campaign.repository import audience, events, notices, offers
from marque_campaign.rules import codes, event_links
from marque_campaign.rules.events import clock_of
from marque_campaign.rules.templates import (
    EVENT_NAME,
    EVENT_PLACE,
    OFFER_CODE,
    OFFER_NAME,
    REGISTRATION_LINK,
    SESSION_TIME,
)

Carried = dict[uuid.UUID, dict[int, str]]
_CALL = Call(SYSTEM, "sweep:campaign-sends")


class Carrier:
    """Says it for some lines at once; `public_url` is where people reach the gateway."""

    def __init__(self, work: Work, public_url: str, digest: Digest) -> None:
        self._work = work
        self._base = public_url.rstrip("/")
        self._digest = digest

    async def carried(self, campaign: Campaign, rows: Sequence[Any]) -> Carried:
        """Returns by line what it carries, by the facts of `rules.templates`. A code is drawn once for each person."""
        found: Carried = {row.send_id: {} for row in rows}
        if rows and campaign.marketing_event_id is not None:
            await self._event(campaign.marketing_event_id, rows, found)
        if rows and campaign.offer is not None:
            await self._offer(campaign, rows, found)
        return found

    async def _event(self, event_id: uuid.UUID, rows: Sequence[Any], found: Carried) -> None:
        reader = self._work.reader
        event, sessions = await events.read(reader, event_id), await events.read_sessions(reader, event_id)
        if event is None:
            return
        starts = {one["session_id"]: clock_of(one["start_time"], event["time_zone"]) for one in sessions}
        first = next(iter(starts.values()), "")
        told = await events.read_registrations(reader, [key for row in rows if (key := _registration(row))])
        for row in rows:
            registration = told.get(_registration(row) or row.send_id)
            kind, key = (event_links.REGISTERED, registration["registration_id"]) if registration else (
                event_links.INVITED, row.send_id,
            )  # fmt: skip
            found[row.send_id] |= {
                REGISTRATION_LINK: self._base + event_links.path(kind, key, self._digest),
                EVENT_NAME: event["name"],
                EVENT_PLACE: event["place"],
                SESSION_TIME: starts.get(registration["session_id"], "") if registration else first,
            }

    async def _offer(self, campaign: Campaign, rows: Sequence[Any], found: Carried) -> None:
        """The codes are committed before any message is written with one, so whoever is killed has given nobody a code that is lost."""
        offer: dict[str, Any] = campaign.offer or {}
        async with self._work(_CALL) as uow:
            now = await audience.survivors(uow.session, {row.customer_id for row in rows})
            wanted: dict[uuid.UUID | None, tuple[str, uuid.UUID | None]] = {None: (codes.draw(), None)}
            if not offer["shared_code"]:
                wanted = {now[row.customer_id]: (codes.draw(), row.send_id) for row in rows}
            drawn = await offers.draw(uow.session, campaign.campaign_id, wanted, uow.now)
        for row in rows:
            code = drawn.get(None if offer["shared_code"] else now[row.customer_id], "")
            found[row.send_id] |= {OFFER_NAME: offer["name"], OFFER_CODE: codes.shown(code)}


def _registration(row: Any) -> uuid.UUID | None:
    """The registration that a line is about; None for an invitation."""
    if not row.occurrence.startswith(notices.PREFIX):
        return None
    return uuid.UUID(row.occurrence.removeprefix(notices.PREFIX).partition(":")[0])
