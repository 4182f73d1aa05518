"""Somebody who has letters printed, on real services; the worker that makes their files goes on when a test says so."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest_asyncio
from google.protobuf import json_format
from marque.customer.v1 import customer_pb2
from marque_campaign.service import build
from servicekit import contract
from servicekit.service import make_kit
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import RecordingProvider

MAKING = 1
GERMANY = {"country_code": "DE", "city": "München", "lines": ["Marienplatz 8"], "postal_code": "80331"}
CONSENTS = "customer.v1.ConsentService"
WORDS = [
    {"language": "en", "subject": "Dear {{ name }}", "text": 'We "write",\nto you.'},
    {"language": "zh", "subject": "尊敬的{{ name }}", "text": "您好。"},
]


class Desk:
    """Somebody who has letters printed, and the worker that makes their files, a step at a time."""

    address = GERMANY

    def __init__(self, post: Any, sweeps: Any, settings: Any) -> None:
        self.post, self.sweeps, self.settings = post, sweeps, settings

    async def person(self, address: dict[str, Any] | None = GERMANY, *, agreed: bool = True, **fields: Any) -> str:
        """Somebody with a postal address who agreed to letters."""
        given = {"addresses": [{"address": address}]} if address else {}
        person = str(await self.post.person(agreed=False, **self.parsed(given), **fields))
        if agreed:
            await self.say("Grant", person)
        return person

    async def firm(self) -> str:
        """An organisation that agreed to letters."""
        given = {
            "kind": "CUSTOMER_KIND_ORGANISATION",
            "organisation_name": "Muster GmbH",
            "addresses": [{"address": GERMANY}],
        }
        made = await self.post.customer("customer.v1.CustomerService/CreateCustomer", {"customer": given})
        await self.say("Grant", made.customer_id)
        return str(made.customer_id)

    async def people(self, count: int) -> list[str]:
        return list(await asyncio.gather(*(self.person() for _ in range(count))))

    async def say(self, verb: str, person: str) -> None:
        """Grants or withdraws the consent to letters."""
        entry = {"purpose": 2, "channel": 4, "controller": {"kind": 1}, "text_version": "t", "source": "test"}
        await self.post.customer(f"{CONSENTS}/{verb}Consent", {"customer_id": person, "entry": entry})

    async def launch(self, *people: str, **fields: Any) -> Any:
        """A campaign by post whose every line is planned."""
        template = await self.post.make_template(channel="CHANNEL_POST", contents=WORDS)
        given = {"channel": "CHANNEL_POST", "template_id": template.template_id, **fields}
        campaign = await self.post.launch(*people, **given)

        async def planned() -> bool:
            rows = await self.post.sql("SELECT plan_time FROM campaigns WHERE campaign_id = $1", campaign.campaign_id)
            return rows[0]["plan_time"] is not None

        await until(planned, 20, "nobody has a line")
        return campaign

    async def work(self) -> None:
        """Lets the worker do what there is to do."""
        while any([await sweep() for sweep in self.sweeps.values()]):
            pass

    async def make(self, campaign: Any, **fields: Any) -> Any:
        """A file of a campaign that is ready."""
        asked = await self.post.call("CreateLetterFile", campaign_id=campaign.campaign_id, **fields)
        return await self.ready(asked)

    async def ended(self, campaign: Any) -> dict[str, tuple[int, str]]:
        """Works until a campaign is over; returns the state and reason of every person."""

        async def over() -> bool:
            await self.work()
            return bool((await self.post.call("GetCampaign", campaign_id=campaign.campaign_id)).state >= 7)

        await until(over, 20, "the campaign is not over")
        found: dict[str, tuple[int, str]] = await self.post.lines(campaign)
        return found

    async def get(self, file: Any) -> Any:
        return await self.post.call("GetLetterFile", letter_file_id=file.letter_file_id)

    async def ready(self, file: Any) -> Any:
        """The file, as soon as it is closed."""

        async def closed() -> bool:
            await self.work()
            return bool((await self.get(file)).state != MAKING)

        await until(closed, 20, "the file is not ready")
        return await self.get(file)

    async def read(self, file: Any) -> bytes:
        """The bytes of a file."""
        return b"".join([await self.piece(file, number) for number in range(file.piece_count)])

    async def piece(self, file: Any, number: int) -> bytes:
        """The bytes of a piece of a file."""
        asked = {"letter_file_id": file.letter_file_id, "piece": number}
        return bytes((await self.post.call("ReadLetterFilePiece", **asked)).content)

    async def rows(self, file: Any) -> list[dict[str, str]]:
        return self.table(await self.read(file))

    async def delta(self, file: Any) -> Any:
        return await self.post.call("ReadLetterFileDelta", letter_file_id=file.letter_file_id)

    async def printed(self, file: Any, pulled: int = 0) -> Any:
        """Says that a file was printed, and waits for the end of its lines."""
        asked = {"letter_file_id": file.letter_file_id, "pulled_count": pulled}
        made = await self.post.call("MarkLetterFilePrinted", **asked)
        await self.work()
        return made

    async def pulled(self, file: Any, count: int) -> dict[str, str]:
        """Waits until a file's delta names so many letters; returns why each was pulled."""

        async def told() -> bool:
            await self.work()
            return bool((await self.delta(file)).pulled_count == count)

        await until(told, 20, "the delta does not name them")
        return {row["letter_id"]: row["reason"] for row in self.table((await self.delta(file)).content)}

    async def back(self, *letters: str, reason: str = "ADDRESSEE_UNKNOWN", **call: Any) -> Any:
        told = [{"letter": one, "reason": f"LETTER_RETURN_REASON_{reason}"} for one in letters]
        return await self.post.call("RecordLetterReturns", returns=told, **call)

    @staticmethod
    def parsed(fields: dict[str, Any]) -> dict[str, Any]:
        """Fields of a customer as the client of the tests takes them."""
        message = json_format.ParseDict(fields, customer_pb2.Customer())
        return {name: getattr(message, name) for name in fields}

    @staticmethod
    def table(content: bytes) -> list[dict[str, str]]:
        """The rows of a file."""
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(
    platform: Platform, make_post: Callable[..., Any], provider_settings: Callable[..., Any]
) -> AsyncIterator[Desk]:
    """The service without a worker of its own, and one here that goes on when a test says so."""
    provider = RecordingProvider(once=True)
    await platform.start("customer", permit_spend_seconds=1.0, permit_margin_seconds=0.2)
    told = await platform.prepare(
        "campaign",
        peers={"customer": platform.peers["customer"]},
        send_batch=8,
        **provider_settings(platform, provider),
    )
    await platform.start("campaign", peers={})
    kit = make_kit(told, "campaign")
    await kit.database.start()
    service = build(kit)
    made = Desk(
        make_post(platform, provider),
        {name: service.sweeps[name] for name in ("campaign-sends", "campaign-letters")},
        told,
    )
    await made.post.open_caps()
    open_paper = {"contact_rule": {"channel_class": "CONTACT_CHANNEL_CLASS_PAPER"}}
    manager = platform.client("customer", "oem.manager")
    rule = contract.methods("marque.customer.v1.ContactRuleService")["PutContactRule"].input()
    await manager.call("customer.v1.ContactRuleService/PutContactRule", json_format.ParseDict(open_paper, rule))
    yield made
    for part in service.closing:
        await part.close()
    await kit.database.stop()
    provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clerk(desk: Desk, platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Who has letters printed, before the gateway."""
    await platform.open_gateway()
    async with platform.http("oem.marketing") as client:
        yield client
