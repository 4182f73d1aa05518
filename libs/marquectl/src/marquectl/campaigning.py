"""Shows a newcomer marketing at work: segments, words, and three campaigns: one that is over and was answered, one that sends slowly, and
one that writes to whoever comes by. Mails are read where the post office of `make run` keeps them, and their links are followed. What else
marketing does stands in `promoting`.
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
from marquectl.world import mailings, promotions
from marquectl.world.network import subject_of

Ask = Callable[..., Message]
Besides = Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, None]]
All = Callable[[Iterable[Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
_CAMPAIGNS, _SEGMENTS = "campaign.v1.CampaignService", "campaign.v1.SegmentService"
_LISTS, _TEMPLATES = "campaign.v1.AudienceListService", "campaign.v1.MessageTemplateService"
_DRAFT, _SUBMITTED, _REVIEWED, _SCHEDULED, RUNNING, _PAUSED, FINISHED = range(1, 8)
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
        self._writer, self.reviewer = door.acting_as(WRITER), door.acting_as(REVIEWER)
        self._customer_ids = customer_ids
        self._request = request
        self._mails = mails
        self.finished = ""
        """The id of the one that is over."""

    async def bring(self, people: list[str], at_once: All, besides: Besides) -> None:
        """Does everything for the people of these source keys; `at_once` does some works beside each other, `besides` is done before the
        last campaign starts, given the id of the one that is over and the campaigns that are known. Raises CommandError.
        """
        known = await self._known()
        if mailings.LIVE in known and known[mailings.LIVE].state >= _SCHEDULED:  # the last thing that is done
            self.finished = known[mailings.SENT].campaign_id
            return
        ids = {key: self._customer_ids[key] for key in people}
        await at_once(self.agree(key, *what) for key in people for what in mailings.AGREED)
        await at_once(self._segment(at, name, rule) for at, (name, rule) in enumerate(mailings.SEGMENTS.items()))
        await self.write(
            self.reviewer, f"{_SEGMENTS}/PutSuppressionRule", "rule", suppression_rule=mailings.SUPPRESSION
        )
        templates = {key: await self.template(key, one) for key, one in mailings.TEMPLATES.items()}
        listed = await self.list_of("people", "联系名单 / Whom we write to", list(ids.values()))
        wanted = mailings.campaigns(templates, listed)
        await self.until(await self.launch("answering", wanted["answering"], known), _stands(RUNNING))
        self.finished = await self.launch("sent", wanted["sent"], known)
        await self.until(self.finished, _stands(FINISHED))
        await self._follow()
        await at_once([self._comes_by(key, ids[key]) for key in await self._coming(ids)])
        await besides(self.finished, known)
        await self.until(await self.launch("live", wanted["live"], known), _stands(RUNNING))

    async def _known(self) -> dict[str, Any]:
        name = f"{_CAMPAIGNS}/ListCampaigns"
        ours = {mailings.SENT, mailings.LIVE, mailings.ANSWERING, *promotions.NAMES}
        request = method(name).input(page_size=100, order_by="create_time")
        return {one.name: one async for one in self._door.pages(name, "campaigns", request) if one.name in ours}

    async def agree(self, key: str, purpose: str, channel: str, dealer_id: str = "") -> None:
        """Notes that the person of a source key agreed: to what the maker does, or a dealer."""
        kind = f"CONSENT_CONTROLLER_KIND_{'DEALER' if dealer_id else 'OEM'}"
        entry = {"purpose": purpose, "channel": channel, "text_version": "privacy-2026-01", "source": "showroom",
                 "controller": {"kind": kind, "controller_id": dealer_id}}  # fmt: skip
        told = {"customer_id": self._customer_ids[key], "entry": entry}
        short = f"{purpose.removeprefix('CONSENT_PURPOSE_')[:3]}-{channel.removeprefix('CHANNEL_')[:3]}"
        await self.write(self._door, "customer.v1.ConsentService/GrantConsent", f"agree-{short}-{key}", **told)

    async def _segment(self, at: int, name: str, rule: str) -> None:
        given = {"name": name, "rule": rule}
        await self.write(self._writer, f"{_SEGMENTS}/CreateSegment", f"segment-{at}", segment=given)

    async def template(self, key: str, template: Mapping[str, Any], author: Door | None = None) -> str:
        """Writes a template, by marketing unless somebody else does; returns its id."""
        create = f"{_TEMPLATES}/CreateMessageTemplate"
        return str((await self.write(author or self._writer, create, f"words-{key}", template=template)).template_id)

    async def list_of(self, key: str, name: str, people: list[str], author: Door | None = None) -> str:
        """Makes a list of people by their ids; returns its id."""
        author, given = author or self._writer, {"name": name}
        made = await self.write(author, f"{_LISTS}/CreateAudienceList", key, audience_list=given)
        change = {"audience_list_id": made.audience_list_id, "add_customer_ids": people}
        await self.write(author, f"{_LISTS}/ChangeAudienceListMembers", f"{key}-in", **change)
        return str(made.audience_list_id)

    async def launch(
        self,
        key: str,
        wanted: Mapping[str, Any],
        known: Mapping[str, Any],
        author: Door | None = None,
        reviewer: Door | None = None,
    ) -> str:
        """Writes a campaign, has it reviewed by a second person and starts it, from wherever an earlier run left it; returns its id."""
        author, reviewer = author or self._writer, reviewer or self.reviewer
        campaign = known.get(wanted["name"])
        if campaign is None:
            campaign = await self.write(author, f"{_CAMPAIGNS}/CreateCampaign", f"campaign-{key}", campaign=wanted)
        for state, verb, who in (
            (_DRAFT, "Submit", author),
            (_SUBMITTED, "Approve", reviewer),
            (_REVIEWED, "Schedule", reviewer),
        ):
            if campaign.state == state:
                named = {"campaign_id": campaign.campaign_id}
                campaign = await self.write(who, f"{_CAMPAIGNS}/{verb}Campaign", f"{verb}-{key}", **named)
        return str(campaign.campaign_id)

    async def until(self, campaign_id: str, there: Callable[[Any], bool]) -> None:
        """Waits until a campaign stands as `there` tells. Raises CommandError after PATIENCE."""
        late = "a campaign of the sample does not come to its end"
        await self.until_read(f"{_CAMPAIGNS}/GetCampaign", there, late, campaign_id=campaign_id)

    async def until_read(self, name: str, there: Callable[[Any], bool], late: str, **key: str) -> None:
        """Reads something of the campaign service, by an RPC and its key, until it is as `there` tells.

        Raises CommandError after PATIENCE, with what is `late`.
        """
        end = time.monotonic() + PATIENCE
        while not there(await self._door.call(name, method(name).input(**key))):
            if time.monotonic() > end:
                raise CommandError(f"{late}: is the campaign service's worker up?")
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
        await self.write(self._door, name, f"autumn-{key}", interaction=touch)

    async def write(self, door: Door, name: str, key: str, **fields: Any) -> Any:
        """Makes a request as JSON in the contract's names, under a key of its own."""
        return await door.call(name, json_format.ParseDict(fields, self._request(name, key)))


def _stands(state: int) -> Callable[[Any], bool]:
    return lambda campaign: campaign.state >= state


def _links(folder: Path) -> Iterable[str]:
    """The counted links of the mails, one a mail."""
    for path in sorted(folder.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        part = mail.get_body(("html",))  # type: ignore[attr-defined]
        found = _COUNTED.search(part.get_content()) if part is not None else None
        if found is not None:
            yield found[1].replace("&amp;", "&")
