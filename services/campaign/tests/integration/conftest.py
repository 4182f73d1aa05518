"""A campaign service on a real PostgreSQL and NATS, and the requests that tests are made of."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from marque.campaign.v1 import campaign_pb2
from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    contact_point_pb2,
    contact_rule_pb2,
    contact_rule_service_pb2,
    customer_pb2,
    customer_service_pb2,
)
from marque.type.v1 import channel_pb2, person_name_pb2
from marque_campaign.settings import ProviderSettings
from servicekit import contract
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import RecordingProvider

_numbers = itertools.count(100_000)
SERVICES = (
    "CampaignBlueprintService",
    "CampaignReportService",
    "CampaignService",
    "MessageTemplateService",
    "AudienceListService",
    "CampaignSendService",
    "EventRegistrationService",
    "LetterFileService",
    "MarketingEventService",
    "SegmentService",
)


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

    async def internal(self, service: str, rpc: str, **request: Any) -> Any:
        """Calls an RPC that services alone may call; of a stream all its parts."""
        name = f"campaign.v1.Campaign{service}Service"
        method = contract.methods(f"marque.{name}")[rpc]
        message, client = json_format.ParseDict(request, method.input()), self.client("service")
        if method.server_streaming:
            return [part async for part in client.stream(f"{name}/{rpc}", message)]
        return await client.call(f"{name}/{rpc}", message)

    async def make_person(self, **columns: Any) -> str:
        """Somebody in the read model."""
        key = str(uuid.uuid4())
        names, values = ["customer_id", *columns], [key, *columns.values()]
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.sql(f"INSERT INTO audience_people ({', '.join(names)}) VALUES ({places})", *values)
        return key

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


EMAIL, MARKETING = channel_pb2.CHANNEL_EMAIL, consent_pb2.CONSENT_PURPOSE_MARKETING
MAKER = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
SECRET = b"0123456789abcdef0123456789abcdef"


class Post(Office):
    """The campaign service beside a customer service and a provider that records what it accepts."""

    def __init__(self, platform: Platform, provider: RecordingProvider) -> None:
        super().__init__(platform)
        self.provider = provider

    async def open_caps(self) -> None:
        """Lets campaigns contact everybody as often as they can."""
        manager = self.platform.client("customer", "oem.manager")
        for channel_class, purpose in ((contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, 0), (0, MARKETING)):
            rule = contact_rule_pb2.ContactRule(channel_class=channel_class, purpose=purpose)  # type: ignore[arg-type]
            request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
            await manager.call("customer.v1.ContactRuleService/PutContactRule", request)

    async def person(self, *, agreed: bool = True, address: str = "", zone: str = "", **fields: Any) -> str:
        """Somebody with an e-mail address who agreed to marketing by it."""
        agent = self.platform.client("customer", "oem.agent")
        point = contact_point_pb2.ContactPoint(
            kind=contact_point_pb2.CONTACT_POINT_KIND_EMAIL, value=address or f"{uuid.uuid4().hex}@example.com"
        )
        name = person_name_pb2.PersonName(full_name="王小明")
        person = customer_pb2.Customer(
            kind=customer_pb2.CUSTOMER_KIND_PERSON,
            name=name,
            contact_points=[point],
            time_zone=zone or noon(),
            **fields,
        )
        request = customer_service_pb2.CreateCustomerRequest(customer=person)
        made = await agent.call("customer.v1.CustomerService/CreateCustomer", request, timeout=60)
        if agreed:
            await self.say("Grant", made.customer_id)
        return str(made.customer_id)

    async def people(self, count: int) -> list[str]:
        """Some such people."""
        return list(await asyncio.gather(*(self.person() for _ in range(count))))

    async def customer(self, rpc: str, request: dict[str, Any]) -> Any:
        """Calls an RPC of the customer service with a request as JSON in the contract's names."""
        service, name = rpc.split("/")
        message = json_format.ParseDict(request, contract.methods(f"marque.{service}")[name].input())
        return await self.platform.client("customer", "oem.agent").call(rpc, message, timeout=60)

    async def say(self, verb: str, customer_id: str) -> None:
        """Grants or withdraws."""
        entry = consent_pb2.ConsentEntry(
            purpose=MARKETING, channel=EMAIL, controller=MAKER, text_version="t", source="test"
        )
        request = getattr(consent_service_pb2, f"{verb}ConsentRequest")(customer_id=customer_id, entry=entry)
        agent = self.platform.client("customer", "oem.agent")
        await agent.call(f"customer.v1.ConsentService/{verb}Consent", request, timeout=60)

    async def launch(self, *people: str, **fields: Any) -> Any:
        """A campaign to some people that is approved and starts now."""
        made = await self.approved(*people, **fields)
        return await self.do("Schedule", made)

    async def ended(self, campaign: Any, seconds: float = 20) -> dict[str, tuple[int, str]]:
        """Waits until a campaign is over; returns the state and reason of every person."""

        async def over() -> bool:
            found = await self.call("GetCampaign", campaign_id=campaign.campaign_id)
            return found.state in (7, 8) and not any(one.state in (1, 2, 3) for one in found.send_counts)

        await until(over, seconds, "the campaign is not over")
        return await self.lines(campaign)

    async def lines(self, campaign: Any) -> dict[str, tuple[int, str]]:
        """The state and reason of every person."""
        rows = await self.sql(
            "SELECT customer_id::text AS who, state, reason FROM campaign_sends WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        return {row["who"]: (row["state"], row["reason"]) for row in rows}

    async def keys(self, campaign: Any) -> dict[str, str]:
        """The key of every person's message."""
        rows = await self.sql(
            "SELECT customer_id::text AS who, send_id::text AS key FROM campaign_sends WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        return {row["who"]: row["key"] for row in rows}

    async def caller(self, *, agreed: tuple[str, ...] = ("PHONE",)) -> str:
        """Somebody with a phone and an e-mail address, who agreed to marketing by some channels."""
        person: str = await self.person(agreed=False)
        point = {"kind": 1, "value": f"+86139{uuid.uuid4().int % 10**8:08d}"}
        await self.customer(
            "customer.v1.ContactPointService/AddContactPoint", {"customer_id": person, "contact_point": point}
        )
        for channel in agreed:
            entry = {
                "purpose": "CONSENT_PURPOSE_MARKETING",
                "channel": f"CHANNEL_{channel}",
                "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"},
                "textVersion": "t",
                "source": "test",
            }
            await self.customer("customer.v1.ConsentService/GrantConsent", {"customer_id": person, "entry": entry})
        return person

    async def task_of(self, person: str) -> Any:
        """The one task about somebody, once it is there."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = (await self.customer("customer.v1.TaskService/ListTasks", {"customer_id": person})).tasks
            return bool(found)

        await until(there, 20, "no task")
        (task,) = found
        return task

    async def lines_of(self, campaign: Any, person: str) -> list[tuple[int, int, str]]:
        """The lines of somebody, in their order."""
        query = "SELECT channel, state, reason FROM campaign_sends WHERE campaign_id = $1 AND customer_id = $2 ORDER BY occurrence"
        rows = await self.sql(query, uuid.UUID(campaign.campaign_id), uuid.UUID(person))
        return [(row["channel"], row["state"], row["reason"]) for row in rows]

    async def comes_to(self, campaign: Any, person: str, *lines: tuple[int, int, str]) -> None:
        """Waits until the lines of somebody are these: channel, state and reason of each."""

        async def there() -> bool:
            return await self.lines_of(campaign, person) == list(lines)

        await until(there, 20, f"the lines are not {lines}")

    async def reads(self, person: str, reason: str, kind: int = 2) -> None:
        """Waits until the customer tells why somebody's contact point of a kind gets nothing."""

        async def told() -> bool:
            found = await self.customer("customer.v1.CustomerService/GetCustomer", {"customer_id": person})
            return [one.unreachable_reason for one in found.contact_points if one.kind == kind] == [reason]

        await until(told, 20, f"{reason or 'nothing'} is not told")


def noon() -> str:
    """A zone in which it is about noon, so that no test meets the night, or the end of a day, by chance."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def settings_of(platform: Platform, provider: RecordingProvider) -> dict[str, Any]:
    """Settings by which mail goes to a recording provider."""
    secret = platform.folder / "provider"
    secret.write_bytes(SECRET)
    given = ProviderSettings(url=provider.url, secret_file=secret, repeatable=provider.once)
    return {"providers": {"EMAIL": given}}


@pytest.fixture(scope="session")
def provider_settings() -> Callable[[Platform, RecordingProvider], dict[str, Any]]:
    """Makes the settings by which mail goes to a recording provider."""
    return settings_of


@pytest.fixture(scope="session")
def make_post() -> Callable[[Platform, RecordingProvider], Post]:
    """Makes the requests of a campaign service that the test itself starts, and kills."""
    return Post


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def post(platform: Platform) -> AsyncIterator[Post]:
    """Campaigns, customers and a provider that takes a message once by its key, for each module of tests."""
    provider = RecordingProvider(once=True)
    await platform.start("customer", permit_spend_seconds=1.0, permit_margin_seconds=0.2)
    await platform.start("campaign", **settings_of(platform, provider))
    made = Post(platform, provider)
    await made.open_caps()
    yield made
    provider.close()
