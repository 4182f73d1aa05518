"""A campaign service on a real PostgreSQL and NATS, and the requests that tests are made of."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from marque.campaign.v1 import campaign_pb2
from servicekit import contract
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform

_numbers = itertools.count(100_000)
SERVICES = ("CampaignService", "MessageTemplateService", "AudienceListService")


class Office:
    """The started service with clients by role; `make_*` write and return the answers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.marketing = self.client("oem.marketing")
        self.manager = self.client("oem.manager")

    def client(self, role: str = "", **scope: Any) -> Client:
        return self.platform.client("campaign", role, **scope)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("campaign", query, *arguments)

    async def call(self, rpc: str, client: Client | None = None, **request: Any) -> Any:
        """Calls an RPC of the service by its short name with a request as JSON in the contract's names."""
        for name in SERVICES:
            method = contract.methods(f"marque.campaign.v1.{name}").get(rpc)
            if method is not None:
                message = json_format.ParseDict(request, method.input())
                return await (client or self.marketing).call(f"campaign.v1.{name}/{rpc}", message)
        raise KeyError(rpc)

    async def make_template(self, client: Client | None = None, **fields: Any) -> Any:
        """A template of an e-mail to somebody by name."""
        given = {
            "name": "News",
            "channel": "CHANNEL_EMAIL",
            "default_language": "en",
            "variables": [{"name": "name", "person_field": "PERSON_FIELD_FULL_NAME", "fallback": "friend"}],
            "contents": [{"language": "en", "subject": "News", "text": "Dear {{ name }}, news."}],
            **fields,
        }
        return await self.call("CreateMessageTemplate", client, template=given)

    async def make_list(self, *people: str, client: Client | None = None, **fields: Any) -> Any:
        """A list of people."""
        made = await self.call("CreateAudienceList", client, audience_list={"name": "People", **fields})
        if people:
            key = made.audience_list_id
            await self.call("ChangeAudienceListMembers", client, audience_list_id=key, add_customer_ids=list(people))
        return made

    async def make(self, *people: str, client: Client | None = None, **fields: Any) -> campaign_pb2.Campaign:
        """A whole draft to some people."""
        given = {
            "name": "News",
            "kind": "CAMPAIGN_KIND_NEWSLETTER",
            "channel": "CHANNEL_EMAIL",
            "purpose": "CONSENT_PURPOSE_MARKETING",
            **fields,
        }
        given.setdefault("template_id", (await self.make_template(client)).template_id)
        given.setdefault("audience_list_id", (await self.make_list(*people, client=client)).audience_list_id)
        found: campaign_pb2.Campaign = await self.call("CreateCampaign", client, campaign=given)
        return found

    async def do(self, verb: str, campaign: Any, client: Client | None = None, **request: Any) -> Any:
        """A verb on a campaign, by its id alone."""
        return await self.call(f"{verb}Campaign", client, campaign_id=campaign.campaign_id, **request)

    async def approved(self, *people: str, **fields: Any) -> campaign_pb2.Campaign:
        """A campaign that marketing submitted and a manager approved."""
        made = await self.make(*people, **fields)
        await self.do("Submit", made)
        found: campaign_pb2.Campaign = await self.do("Approve", made, self.manager)
        return found

    async def make_dealer(self, *, region: str = "", group: str = "") -> str:
        """A dealer as the service would have heard of it."""
        dealer = str(uuid.uuid4())
        await self.sql(
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, $3, $4, 'Asia/Shanghai', 1, 1)",
            dealer, f"D{next(_numbers)}", region, group,
        )  # fmt: skip
        return dealer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(platform: Platform) -> AsyncIterator[Office]:
    """A campaign service, once for each module of tests."""
    await platform.start("campaign")
    yield Office(platform)
