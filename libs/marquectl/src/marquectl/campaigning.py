"""Shows a newcomer marketing at work: segments, words, and three campaigns: one that is over and was answered, one that sends slowly, and
one that writes to whoever comes by. Mails are read where the post office of `make run` keeps them, and their links are followed.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Caller, Door
from marquectl.errors import CommandError
from marquectl.world import mailings
from marquectl.world.network import subject_of

Ask = Callable[..., Message]
All = Callable[[Iterable[Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
_CAMPAIGNS, _SEGMENTS = "campaign.v1.CampaignService", "campaign.v1.SegmentService"
_LISTS, _TEMPLATES = "campaign.v1.AudienceListService", "campaign.v1.MessageTemplateService"
_DRAFT, _SUBMITTED, _REVIEWED, _SCHEDULED, _RUNNING, _PAUSED, _FINISHED = range(1, 8)
PATIENCE = 120.0
"""Seconds in which a campaign to some dozens of people comes to its end."""
_COUNTED = re.compile(r'href="(https?://[^"]+/l/[^"]+)"')
WRITER, REVIEWER = (
    Caller(roles="oem.marketing", sub=subject_of("", "H006")),
    Caller(roles="oem.manager", sub=subject_of("", "H001")),
)


class Campaigns:
    """Writes them. `request` makes a request with a key of its own; `mails` is the folder of the post office, which need not be there."""

    def __init__(self, door: Door, customer_ids: Mapping[str, str], request: Ask, mails: Path) -> None:
        self._door = door
        self._writer, self._reviewer = door.acting_as(WRITER), door.acting_as(REVIEWER)
        self._customer_ids = customer_ids
        self._request = request
        self._mails = mails
        self.finished = ""
        """The id of the one that is over."""

    async def bring(self, people: list[str], at_once: All) -> None:
        """Does everything for the people of these source keys; `at_once` does some works beside each other. Raises CommandError."""
        known = await self._known()
        if mailings.LIVE in known and known[mailings.LIVE].state >= _SCHEDULED:  # the last thing that is done
            self.finished = known[mailings.SENT].campaign_id
            return
        ids = {key: self._customer_ids[key] for key in people}
        await at_once(self._agree(key, *what) for key in people for what in mailings.AGREED)
        await at_once(self._segment(at, name, rule) for at, (name, rule) in enumerate(mailings.SEGMENTS.items()))
        await self._write(
            self._reviewer, f"{_SEGMENTS}/PutSuppressionRule", "rule", suppression_rule=mailings.SUPPRESSION
        )
        wanted = mailings.campaigns(await self._templates(), await self._list(list(ids.values())))
        await self._until(await self._launch("answering", wanted, known), _RUNNING)
        self.finished = await self._launch("sent", wanted, known)
        await self._until(self.finished, _FINISHED)
        await self._follow()
        await at_once([self._comes_by(key, ids[key]) for key in await self._coming(ids)])
        await self._until(await self._launch("live", wanted, known), _RUNNING)

    async def _known(self) -> dict[str, Any]:
        name = f"{_CAMPAIGNS}/ListCampaigns"
        ours = {mailings.SENT, mailings.LIVE, mailings.ANSWERING}
        request = method(name).input(page_size=100, order_by="create_time")
        return {one.name: one async for one in self._door.pages(name, "campaigns", request) if one.name in ours}

    async def _agree(self, key: str, purpose: str, channel: str) -> None:
        entry = {"purpose": purpose, "channel": channel, "text_version": "privacy-2026-01", "source": "showroom",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        told = {"customer_id": self._customer_ids[key], "entry": entry}
        short = f"{purpose.removeprefix('CONSENT_PURPOSE_')[:3]}-{channel.removeprefix('CHANNEL_')[:3]}"
        await self._write(self._door, "customer.v1.ConsentService/GrantConsent", f"agree-{short}-{key}", **told)

    async def _segment(self, at: int, name: str, rule: str) -> None:
        given = {"name": name, "rule": rule}
        await self._write(self._writer, f"{_SEGMENTS}/CreateSegment", f"segment-{at}", segment=given)

    async def _templates(self) -> dict[str, str]:
        found = {}
        for key, template in mailings.TEMPLATES.items():
            made = await self._write(
                self._writer, f"{_TEMPLATES}/CreateMessageTemplate", f"words-{key}", template=template
            )
            found[key] = made.template_id
        return found

    async def _list(self, people: list[str]) -> str:
        given = {"name": "联系名单 / Whom we write to"}
        made = await self._write(self._writer, f"{_LISTS}/CreateAudienceList", "people", audience_list=given)
        change = {"audience_list_id": made.audience_list_id, "add_customer_ids": people}
        await self._write(self._writer, f"{_LISTS}/ChangeAudienceListMembers", "people-in", **change)
        return str(made.audience_list_id)

    async def _launch(self, key: str, wanted: Mapping[str, dict[str, Any]], known: Mapping[str, Any]) -> str:
        """Writes a campaign, has it reviewed by a second person and starts it, from wherever an earlier run left it; returns its id."""
        campaign = known.get(wanted[key]["name"])
        if campaign is None:
            create = f"{_CAMPAIGNS}/CreateCampaign"
            campaign = await self._write(self._writer, create, f"campaign-{key}", campaign=wanted[key])
        for state, verb, who in (
            (_DRAFT, "Submit", self._writer),
            (_SUBMITTED, "Approve", self._reviewer),
            (_REVIEWED, "Schedule", self._reviewer),
        ):
            if campaign.state == state:
                named = {"campaign_id": campaign.campaign_id}
                campaign = await self._write(who, f"{_CAMPAIGNS}/{verb}Campaign", f"{verb}-{key}", **named)
        return str(campaign.campaign_id)

    async def _until(self, campaign_id: str, state: int) -> None:
        name = f"{_CAMPAIGNS}/GetCampaign"
        end = time.monotonic() + PATIENCE
        while (await self._door.call(name, method(name).input(campaign_id=campaign_id))).state < state:
            if time.monotonic() > end:
                raise CommandError(
                    "a campaign of the sample does not come to its end: is the campaign service's worker up?"
                )
            await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        """Follows the links of some of the mails, as their readers would; the gateway counts each and leads on, where nobody goes."""
        links = mailings.followed(await asyncio.to_thread(lambda: [*_links(self._mails)]))
        async with httpx.AsyncClient(timeout=10.0, trust_env=False, follow_redirects=False) as web:
            for link in links:
                try:
                    await web.get(link)
                except httpx.HTTPError as error:
                    raise CommandError(f"a link of a mail leads nowhere ({type(error).__name__})") from None

    async def _coming(self, ids: Mapping[str, str]) -> list[str]:
        """Who comes by, of those who were written to and of those who were held out."""
        name, held = "campaign.v1.CampaignSendService/ListCampaignSends", set()
        request = method(name).input(campaign_id=self.finished, page_size=1000)
        async for one in self._door.pages(name, "sends", request):
            held |= {one.customer_id} if one.reason == "HOLDOUT" else set()
        return [key for key, customer in ids.items() if mailings.comes_by(key, held_out=customer in held)]

    async def _comes_by(self, key: str, customer_id: str) -> None:
        touch = {"customer_id": customer_id, "kind": "INTERACTION_KIND_VISIT", "channel": "CHANNEL_IN_PERSON",
                 "direction": "INTERACTION_DIRECTION_INBOUND", "subject": "秋季检测 / Autumn check"}  # fmt: skip
        name = "customer.v1.InteractionService/LogInteraction"
        await self._write(self._door, name, f"autumn-{key}", interaction=touch)

    async def _write(self, door: Door, name: str, key: str, **fields: Any) -> Any:
        return await door.call(name, json_format.ParseDict(fields, self._request(name, key)))


def _links(folder: Path) -> Iterable[str]:
    """The counted links of the mails, one a mail."""
    for path in sorted(folder.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        part = mail.get_body(("html",))  # type: ignore[attr-defined]
        found = _COUNTED.search(part.get_content()) if part is not None else None
        if found is not None:
            yield found[1].replace("&amp;", "&")
