"""A recall with real services and a real mail server: the owners of its cars at a date are told, whom no notice reaches stands on the
recall's list, remedies are counted, and the next wave goes to the rest.
"""

from __future__ import annotations

import email
import email.policy
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from devstack.ports import free_port
from google.protobuf import json_format
from marque_campaign.clients import recalls as clients
from marque_campaign.usecases import recalls
from servicekit import contract
from servicekit.testing.platform import Platform, until
from tradekit import vin as vins

RECALLS, OWNERSHIPS = "vehicle.v1.RecallService", "vehicle.v1.OwnershipService"
CAMPAIGNS, FILES = "campaign.v1.CampaignService", "campaign.v1.LetterFileService"
NOTICE_UNDELIVERED = "NOTICE_UNDELIVERED"
WORDS = [{"language": "en", "subject": "Recall of your {{ model }}", "text": "Your car {{ vin }} is recalled."}]
VARIABLES = [
    {"name": "vin", "person_field": "PERSON_FIELD_VIN"},
    {"name": "model", "person_field": "PERSON_FIELD_MODEL", "fallback": "car"},
]


class Inbox:
    """The mails that arrived, as (address, text); nobody is at an address that begins with `gone`."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("gone"):
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = mail.get_body(("plain",)).get_content().strip()  # type: ignore[union-attr]
        self.mails.append((envelope.rcpt_tos[0], f"{mail['Subject']}: {text}"))
        return "250 OK"

    def cars(self, word: str) -> list[str]:
        """The cars of which people were told whose address begins with a word."""
        return sorted(text.split()[-3] for address, text in self.mails if address.startswith(word))


class Maker:
    """Calls of the story, each to the service that owns it, and the people and cars that it is about."""

    def __init__(self, platform: Platform, inbox: Inbox) -> None:
        self.platform = platform
        self.inbox = inbox
        self.start = datetime.now(UTC) - timedelta(days=400)
        self.model = f"Wave{uuid.uuid4().hex[:6]}"
        self.number = 0

    async def call(self, service: str, rpc: str, role: str = "oem.manager", **request: Any) -> Any:
        message = json_format.ParseDict(request, contract.methods(f"marque.{service}")[rpc].input())
        return await self.platform.client(service.split(".")[0], role).call(f"{service}/{rpc}", message, timeout=60)

    async def person(self, word: str, **fields: Any) -> str:
        """Somebody who agreed to nothing, with an address by e-mail that begins with a word (none for an empty one)."""
        given: dict[str, Any] = {"kind": 1, "name": {"full_name": "王伟"}, "language": "en", **fields}
        if word:
            value = f"{word}-{uuid.uuid4().hex[:8]}@example.com"
            given["contact_points"] = [{"kind": "CONTACT_POINT_KIND_EMAIL", "value": value}]
        return str((await self.call("customer.v1.CustomerService", "CreateCustomer", customer=given)).customer_id)

    async def car(self, owner: str = "") -> str:
        """A car of the recalled model, of an owner for more than a year."""
        self.number += 1
        bare = f"LSVAA4180{self.number + 20:02d}{uuid.uuid4().int % 10**6:06d}"
        vin = bare[:8] + vins.check_digit(bare) + bare[9:]
        car = {"vin": vin, "make": "Marque", "model": self.model, "market": "CN"}
        await self.call("vehicle.v1.VehicleService", "RegisterVehicle", vehicle=car)
        if owner:
            owned = {
                "vin": vin,
                "customer_id": owner,
                "role": 1,
                "source": "registry",
                "valid_start_time": self.start.isoformat(),
            }
            await self.call(OWNERSHIPS, "StartOwnership", "oem.agent", ownership=owned)
        return vin

    async def recall(self) -> str:
        made = await self.call(RECALLS, "CreateRecall", recall={"code": self.model, "title": "Brakes", "market": "CN"})
        await self.call(RECALLS, "AddRecallVehiclesByRule", recall_id=made.recall_id, models=[self.model])
        await self.call(RECALLS, "OpenRecall", recall_id=made.recall_id)
        return str(made.recall_id)

    async def words(self, channel: str) -> str:
        """What is said of a recall by a channel."""
        template = {
            "name": "Recall",
            "channel": f"CHANNEL_{channel}",
            "default_language": "en",
            "variables": VARIABLES,
            "contents": WORDS,
        }
        service = "campaign.v1.MessageTemplateService"
        return str((await self.call(service, "CreateMessageTemplate", template=template)).template_id)

    async def launch(self, recall: str, **fields: Any) -> str:
        """A wave that a second person approved, begun."""
        given = {"name": "Recall", "kind": "CAMPAIGN_KIND_RECALL_NOTICE", "channel": "CHANNEL_EMAIL", "legal_notice": True,
                 "template_id": await self.words("EMAIL"), "recall_id": recall, **fields}  # fmt: skip
        key = {
            "campaign_id": (await self.call(CAMPAIGNS, "CreateCampaign", "oem.marketing", campaign=given)).campaign_id
        }
        await self.call(CAMPAIGNS, "SubmitCampaign", "oem.marketing", **key)
        await self.call(CAMPAIGNS, "ApproveCampaign", **key)
        await self.call(CAMPAIGNS, "ScheduleCampaign", **key)
        return str(key["campaign_id"])

    async def wave(self, recall: str, **fields: Any) -> dict[tuple[str, str], str]:
        """Sends a wave to its end; returns the reason of each (person, car), empty where the notice was taken."""
        campaign = await self.launch(recall, **fields)

        async def over() -> bool:
            return bool((await self.call(CAMPAIGNS, "GetCampaign", campaign_id=campaign)).state >= 7)

        await until(over, 60, "the wave does not end")
        sql = "SELECT customer_id::text, occurrence, reason FROM campaign_sends WHERE campaign_id = $1"
        return {(row[0], row[1]): row[2] for row in await self.platform.sql("campaign", sql, uuid.UUID(campaign))}

    async def unreachable(self, recall: str) -> dict[str, str]:
        asked = {"recall_id": recall, "unreachable_only": True}
        return {
            one.vin: one.unreachable_reason for one in (await self.call(RECALLS, "ListRecallOwners", **asked)).owners
        }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def maker(platform: Platform) -> AsyncIterator[Maker]:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    ports = {name: free_port() for name in ("customer", "vehicle", "campaign")}
    peers = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    mail = {"smtp_host": "127.0.0.1", "smtp_port": server.port}
    for name, port in ports.items():
        await platform.start(name, grpc_port=port, peers=peers, **(mail if name == "campaign" else {}))
    yield Maker(platform, inbox)
    server.stop()


async def test_the_owners_at_a_date_are_told_and_whom_no_notice_reaches_is_listed(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _break_off_after_a_page(monkeypatch)
    people = {word: await maker.person(word) for word in ("both", "gone", "back", "sold", "buys", "erased")} | {
        "": await maker.person("")
    }
    cars = {word: await maker.car(owner) for word, owner in people.items() if word != "buys"}
    second, nobodys = await maker.car(people["both"]), await maker.car()
    date = datetime.now(UTC)
    listed = (await maker.call(OWNERSHIPS, "ListOwnerships", vin=cars["sold"])).ownerships
    sale = {"to_customer_id": people["buys"], "transfer_time": datetime.now(UTC).isoformat(), "source": "registry"}
    await maker.call(OWNERSHIPS, "TransferOwnership", "oem.agent", ownership_id=listed[0].ownership_id, **sale)
    recall = await maker.recall()

    async def known() -> bool:
        sql = "SELECT 1 FROM known_cars WHERE vin = $1 AND customer_id = $2 AND valid_end_time IS NULL"
        pairs = [(cars["sold"], people["buys"]), (second, people["both"]), (cars[""], people[""])]
        return all([await maker.platform.sql("customer", sql, vin, uuid.UUID(one)) for vin, one in pairs])

    await until(known, 30, "the customer service does not know the cars")
    await maker.call(
        "customer.v1.ErasureService", "EraseCustomer", "oem.admin", customer_id=people["erased"], reason="DEMAND"
    )

    ended = await maker.wave(recall, owners_time=date.isoformat())
    assert broken
    assert maker.inbox.cars("both") == sorted([cars["both"], second])
    assert maker.inbox.cars("back") == [cars["back"]]
    assert maker.inbox.cars("erased") == maker.inbox.cars("buys") == maker.inbox.cars("sold") == []
    assert (people["buys"], cars["sold"]) not in ended
    assert ended[people["sold"], cars["sold"]] == "NOT_THE_OWNER"
    assert ended[people["gone"], cars["gone"]] == "SMTP_550"
    assert ended[people[""], cars[""]] == "NO_ADDRESS"

    sql = "SELECT send_id::text FROM campaign_sends WHERE customer_id = $1"
    ((bounced,),) = await maker.platform.sql("campaign", sql, uuid.UUID(people["back"]))
    reports = [
        {"send_id": bounced, "state": "CAMPAIGN_SEND_STATE_BOUNCED", "reason": "BOUNCE_5.1.1", "address_gone": True}
    ]
    await maker.call("campaign.v1.CampaignSendService", "RecordDeliveryReports", "service", reports=reports)
    lost = {cars[word]: NOTICE_UNDELIVERED for word in ("gone", "back", "")} | {nobodys: "NO_OWNER_KNOWN"}

    async def told() -> bool:
        found = await maker.unreachable(recall)
        return lost.items() <= found.items() and cars["erased"] in found

    await until(told, 30, "the recall does not know whom no notice reached")
    assert set(await maker.unreachable(recall)) == {*lost, cars["erased"]}

    remedy = {"recall_id": recall, "vin": cars["both"], "kind": "RECALL_REMEDY_KIND_OVER_THE_AIR"}
    await maker.call(RECALLS, "RecordRecallRemedy", **remedy)
    curve = await maker.call(RECALLS, "GetRecallCompletion", recall_id=recall)
    assert (curve.vehicle_count, curve.remedied_count) == (8, 1)
    assert sum(week.remedied_count for week in curve.weeks) == 1

    before = len(maker.inbox.mails)
    again = await maker.wave(recall)
    assert maker.inbox.cars("buys") == [cars["sold"]]
    assert len(maker.inbox.mails) == before + 2  # whoever bought a car, and the car that is not remedied
    assert (people["both"], cars["both"]) not in again
    assert again[people["back"], cars["back"]] in {
        "ADDRESS_GONE",
        "ADDRESS_UNREACHABLE",
    }  # as customer heard of it by then, or not


def _break_off_after_a_page(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Makes pages small, and the worker lose its second one when it was fetched and written, before it is committed."""
    broken: list[bool] = []
    plan, pages = recalls.repository.plan, iter(range(100))

    async def breaking(*arguments: Any) -> None:
        await plan(*arguments)
        if next(pages) == 1:
            broken.append(True)
            raise ConnectionError("the worker is gone")

    monkeypatch.setattr(clients, "PAGE", 2)
    monkeypatch.setattr(recalls.repository, "plan", breaking)
    return broken


async def test_a_recall_that_nobody_knows_is_called_off(maker: Maker) -> None:
    campaign = await maker.launch(str(uuid.uuid4()))

    async def off() -> bool:
        return bool((await maker.call(CAMPAIGNS, "GetCampaign", campaign_id=campaign)).state == 8)

    await until(off, 30, "the campaign of no recall is not called off")


async def test_whom_no_mail_reaches_gets_a_letter_and_whose_comes_back_is_listed(maker: Maker) -> None:
    maker.model = f"Wave{uuid.uuid4().hex[:6]}"
    home = {
        "address": {
            "country_code": "US",
            "province": "OH",
            "city": "Dayton",
            "lines": ["1 Main St"],
            "postal_code": "45402",
        }
    }
    arrives, back, gone = [await maker.person(word, addresses=[home]) for word in ("", "", "gone")]
    cars = {owner: await maker.car(owner) for owner in (arrives, back, gone)}
    recall = await maker.recall()

    async def known() -> bool:
        sql = "SELECT 1 FROM known_cars WHERE vin = $1 AND valid_end_time IS NULL"
        return all([await maker.platform.sql("customer", sql, vin) for vin in cars.values()])

    await until(known, 30, "the customer service does not know the cars")
    letter = {"channel": "CHANNEL_POST", "template_id": await maker.words("POST")}
    campaign = uuid.UUID(await maker.launch(recall, fallbacks=[letter]))
    sql = "SELECT customer_id::text AS who, send_id::text AS key FROM campaign_sends WHERE campaign_id = $1 AND channel = 4 AND state = {}"

    async def lines(state: int) -> dict[str, str]:
        return {row["who"]: row["key"] for row in await maker.platform.sql("campaign", sql.format(state), campaign)}

    async def planned() -> bool:
        return (await lines(1)).keys() == cars.keys()

    await until(planned, 30, "no letter waits for whom no mail reached")
    asked = await maker.call(FILES, "CreateLetterFile", campaign_id=str(campaign))
    key = {"letter_file_id": asked.letter_file_id}

    async def ready() -> bool:
        return bool((await maker.call(FILES, "GetLetterFile", **key)).state == 2)

    await until(ready, 30, "the file is not ready")
    content = (await maker.call(FILES, "ReadLetterFilePiece", **key)).content.decode()
    await maker.call(FILES, "MarkLetterFilePrinted", **key)

    async def posted() -> bool:
        return (await lines(4)).keys() == cars.keys()

    await until(posted, 30, "the letters are not accepted")
    returned = [{"letter": (await lines(4))[back], "reason": "LETTER_RETURN_REASON_MOVED"}]
    await maker.call(FILES, "RecordLetterReturns", returns=returned)

    async def told() -> bool:
        return bool(await maker.unreachable(recall) == {cars[back]: NOTICE_UNDELIVERED})

    assert all(f"Your car {vin} is recalled." in content for vin in cars.values())
    assert content.count('"Dayton, OH 45402"') == len(cars)
    await until(told, 30, "the recall does not know whose letter came back")
