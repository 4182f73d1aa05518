"""Letters: a line stands in one file, whoever dies; whose withdrawal was answered is not in it, or in its delta; what came back is told."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import io
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.protobuf import json_format
from marque.customer.v1 import customer_pb2
from marque_campaign.repository import letters as repository
from marque_campaign.rules import letters as sheets
from marque_campaign.service import build
from marque_campaign.usecases import letter_files
from marque_campaign.usecases import letters as usecases
from servicekit import contract
from servicekit.service import make_kit
from servicekit.testing.client import RpcFailure
from servicekit.testing.crash.workers import Workers
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import RecordingProvider

PLANNED, HANDED, ACCEPTED, BOUNCED, UNKNOWN, SUPPRESSED = 1, 3, 4, 6, 8, 9
MAKING, READY, PRINTED, EXPIRED = 1, 2, 3, 4
CHINA = {
    "country_code": "CN",
    "province": "上海市",
    "city": "上海市",
    "district": "黄浦区",
    "lines": ["南京东路1号"],
    "postal_code": "200001",
}
GERMANY = {"country_code": "DE", "city": "München", "lines": ["Marienplatz 8"], "postal_code": "80331"}
CONSENTS = "customer.v1.ConsentService"
WORDS = [
    {"language": "en", "subject": "Dear {{ name }}", "text": 'We "write",\nto you.'},
    {"language": "zh", "subject": "尊敬的{{ name }}", "text": "您好。"},
]
STEPS = (
    "letter_claiming", "letter_claimed", "permit", "letter_beginning", "letter_handed", "spending", "spent", "letter_writing",
    "letter_written", "finished", "file_closing", "file_closed",
)  # fmt: skip
_TOLD = (
    "content-type", "content-length", "content-encoding", "content-disposition", "repr-digest", "accept-ranges", "cache-control",
)  # fmt: skip
_SCRIPT = Path(__file__).with_name("dying_sender.py")
# As a minute would: those whose worker is gone. What stands in a file is nobody's.
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now() AND lease IS NOT NULL"
_AT_ONCE = "UPDATE campaign_sends SET retry_time = now() WHERE retry_time > now()"


class Desk:
    """Somebody who has letters printed, and the worker that makes their files, a step at a time."""

    def __init__(self, post: Any, sweeps: Any, settings: Any) -> None:
        self.post, self.sweeps, self.settings = post, sweeps, settings

    async def person(self, address: dict[str, Any] | None = GERMANY, *, agreed: bool = True, **fields: Any) -> str:
        """Somebody with a postal address who agreed to letters."""
        given = {"addresses": [{"address": address}]} if address else {}
        person = str(await self.post.person(agreed=False, **_parsed(given), **fields))
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
        found = [
            (await self.post.call("ReadLetterFilePiece", letter_file_id=file.letter_file_id, piece=piece)).content
            for piece in range(file.piece_count)
        ]
        return b"".join(found)

    async def rows(self, file: Any) -> list[dict[str, str]]:
        return _table(await self.read(file))

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
        return {row["letter_id"]: row["reason"] for row in _table((await self.delta(file)).content)}

    async def back(self, *letters: str, reason: str = "ADDRESSEE_UNKNOWN", **call: Any) -> Any:
        told = [{"letter": one, "reason": f"LETTER_RETURN_REASON_{reason}"} for one in letters]
        return await self.post.call("RecordLetterReturns", returns=told, **call)


def _parsed(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a customer as the client of the tests takes them."""
    message = json_format.ParseDict(fields, customer_pb2.Customer())
    return {name: getattr(message, name) for name in fields}


def _table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def internal(office: Any, rpc: str, **request: Any) -> Any:
    """Calls the personal data of the service as the customer service does."""
    method = contract.methods("marque.campaign.v1.CampaignPersonalDataService")[rpc]
    message = json_format.ParseDict(request, method.input())
    client, path = office.client("service"), f"campaign.v1.CampaignPersonalDataService/{rpc}"
    if method.server_streaming:
        return [part async for part in client.stream(path, message)]
    return await client.call(path, message)


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


class TestFiles:
    async def test_it_stops_at_its_budget_over_batches(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(usecases, "AT_ONCE", 2)
        price, budget = {"currency_code": "CNY", "units": 1000}, {"currency_code": "CNY", "units": 3}
        campaign = await desk.launch(*await desk.people(5), budget=budget, thousand_cost=price)
        file = await desk.make(campaign)
        await desk.printed(file)
        after = await desk.make(campaign)
        ended = await desk.ended(campaign)

        assert (file.letter_count, after.letter_count) == (3, 0)
        assert Counter(ended.values()) == {(ACCEPTED, ""): 3, (SUPPRESSED, "BUDGET"): 2}

    async def test_a_letter_waits_for_a_file_and_stands_in_it_once(self, desk: Desk) -> None:
        chinese = await desk.person(CHINA, language="zh-CN")
        german, never = await desk.person(), await desk.person(agreed=False)
        nowhere, vague = await desk.person(None), await desk.person({"country_code": "DE", "city": "Bonn"})
        firm = await desk.firm()
        campaign = await desk.launch(chinese, german, firm, never, nowhere, vague)
        await desk.work()
        assert set((await desk.post.lines(campaign)).values()) == {(PLANNED, "")}

        file = await desk.make(campaign, byte_order_mark=True)
        content = await desk.read(file)
        rows = {row["letter_id"]: row for row in _table(content)}
        keys = await desk.post.keys(campaign)
        lines = await desk.post.lines(campaign)
        other = await desk.make(campaign)

        assert (file.state, file.letter_count, file.piece_count) == (READY, 3, 1)
        assert (file.sha256, file.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert content.startswith(b"\xef\xbb\xbf")
        assert await desk.read(file) == content
        assert set(rows) == {keys[chinese], keys[german], keys[firm]}
        first, second = rows[keys[chinese]], rows[keys[german]]
        assert [first[f"address_{at}"] for at in (1, 2, 3)] == ["上海市黄浦区", "南京东路1号", ""]
        assert [second[f"address_{at}"] for at in (1, 2, 3)] == ["Marienplatz 8", "80331 München", ""]
        assert (first["language"], first["subject"], first["body"]) == ("zh", "尊敬的王小明", "您好。")
        assert (second["language"], second["name"], second["body"]) == ("en", "王小明", 'We "write",\nto you.')
        assert rows[keys[firm]]["name"] == "Muster GmbH"
        assert {one["campaign_code"] for one in rows.values()} == {first["campaign_code"]}
        assert lines == {
            chinese: (HANDED, "LETTER_FILE"),
            german: (HANDED, "LETTER_FILE"),
            firm: (HANDED, "LETTER_FILE"),
            never: (SUPPRESSED, "NEVER_GRANTED"),
            nowhere: (SUPPRESSED, "NO_ADDRESS"),
            vague: (SUPPRESSED, "NO_ADDRESS"),
        }
        assert (other.state, other.letter_count) == (READY, 0)
        assert await desk.rows(other) == []

    async def test_printed_its_letters_are_accepted_and_it_is_gone(self, desk: Desk) -> None:
        people = await desk.people(2)
        campaign = await desk.launch(*people)
        file = await desk.make(campaign)
        printed = await desk.printed(file)
        with pytest.raises(RpcFailure) as read:
            await desk.post.call("ReadLetterFilePiece", letter_file_id=file.letter_file_id)
        with pytest.raises(RpcFailure) as again:
            await desk.printed(file)
        kept = await desk.post.sql(
            "SELECT count(*) AS n FROM letters WHERE letter_file_id = $1 AND content IS NOT NULL", file.letter_file_id
        )

        assert printed.state == PRINTED
        assert await desk.ended(campaign) == dict.fromkeys(people, (ACCEPTED, ""))
        assert read.value.reason == again.value.reason == "LETTER_FILE_STATE"
        assert kept[0]["n"] == 0

    async def test_that_nobody_printed_in_its_days_nobody_knows_of(self, desk: Desk) -> None:
        person = await desk.person()
        campaign = await desk.launch(person)
        file = await desk.make(campaign)
        await desk.post.sql(
            "UPDATE letter_files SET expire_time = now() WHERE letter_file_id = $1", file.letter_file_id
        )
        with pytest.raises(RpcFailure) as late:
            await desk.printed(file)
        await desk.work()

        assert late.value.reason == "LETTER_FILE_STATE"
        assert (await desk.get(file)).state == EXPIRED
        assert await desk.ended(campaign) == {person: (UNKNOWN, "LETTER_FILE_EXPIRED")}

    async def test_one_of_all_campaigns_of_the_maker_holds_so_many_letters_and_the_next_the_others(
        self, desk: Desk
    ) -> None:
        people = await desk.people(5)
        first, second = await desk.launch(*people[:4]), await desk.launch(people[4])
        dealer = await desk.post.make_dealer()
        theirs = await desk.post.call("CreateLetterFile", dealer_id=dealer)
        asked = [await desk.post.call("CreateLetterFile", most_letters=3) for _ in range(2)]
        files = [await desk.ready(one) for one in (*asked, theirs)]
        found = [row["letter_id"] for one in files for row in await desk.rows(one)]
        mine = {*(await desk.post.keys(first)).values(), *(await desk.post.keys(second)).values()}

        assert [one.letter_count for one in files] == [3, 2, 0]
        assert Counter(found) == Counter(mine)

    async def test_a_campaign_that_is_called_off_takes_its_letters_out_of_the_file(self, desk: Desk) -> None:
        person = await desk.person()
        campaign = await desk.launch(person)
        file = await desk.make(campaign)
        await desk.post.do("Cancel", await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id))
        pulled = await desk.pulled(file, 1)

        assert pulled == {(await desk.post.keys(campaign))[person]: "CANCELLED"}
        assert await desk.ended(campaign) == {person: (SUPPRESSED, "CANCELLED")}


class TestDelta:
    async def test_who_withdraws_is_named_and_the_printer_must_know(self, desk: Desk) -> None:
        leaver, stays = await desk.people(2)
        campaign = await desk.launch(leaver, stays)
        file = await desk.make(campaign)
        before = await desk.delta(file)
        content = await desk.read(file)
        await desk.say("Withdraw", leaver)
        pulled = await desk.pulled(file, 1)
        with pytest.raises(RpcFailure) as unaware:
            await desk.printed(file)
        after = await desk.delta(file)
        same = await desk.read(await desk.get(file))
        await desk.printed(file, pulled=1)

        assert pulled == {(await desk.post.keys(campaign))[leaver]: "WITHDRAWN"}
        assert after.content.startswith(before.content)
        assert after.sha256 == hashlib.sha256(after.content).hexdigest()
        assert same == content
        assert unaware.value.reason == "LETTER_FILE_DELTA"
        ends = {leaver: (SUPPRESSED, "WITHDRAWN"), stays: (ACCEPTED, "")}
        assert await desk.ended(campaign) == ends

    async def test_nobody_says_printed_while_it_is_found_out_whether_a_letter_may_go(self, desk: Desk) -> None:
        person = await desk.person()
        campaign = await desk.launch(person)
        file = await desk.make(campaign)
        await desk.say("Withdraw", person)

        async def heard() -> bool:
            sql = "SELECT 1 FROM letters WHERE letter_file_id = $1 AND check_time IS NOT NULL"
            return bool(await desk.post.sql(sql, file.letter_file_id))

        await until(heard, 20, "the withdrawal is not heard")
        with pytest.raises(RpcFailure) as refused:
            await desk.post.call("MarkLetterFilePrinted", letter_file_id=file.letter_file_id)

        assert (refused.value.code, refused.value.reason) == ("ABORTED", "LETTER_FILE_CHECKING")

    async def test_who_turn_out_to_be_one_get_one_letter(self, desk: Desk) -> None:
        first, second = await desk.people(2)
        campaign = await desk.launch(first, second)
        file = await desk.make(campaign)
        merge = {"customer_id": first, "from_customer_id": second, "reasons": ["SAME_PHONE"]}
        await desk.post.customer("customer.v1.IdentityService/MergeCustomers", merge)
        pulled = await desk.pulled(file, 1)

        assert list(pulled.values()) == ["SAME_PERSON"]
        assert Counter((await desk.post.lines(campaign)).values()) == {
            (SUPPRESSED, "SAME_PERSON"): 1, (HANDED, "LETTER_FILE"): 1
        }  # fmt: skip

    async def test_an_erasure_pulls_the_letter_and_takes_the_row_out_of_the_file(self, desk: Desk) -> None:
        gone, stays = await desk.people(2)
        campaign = await desk.launch(gone, stays)
        file, keys = await desk.make(campaign), await desk.post.keys(campaign)
        shown = await internal(desk.post, "ExportPersonalData", customer_id=gone)
        asked = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await internal(desk.post, "ErasePersonalData", **asked)
        after = await desk.get(file)
        content = await desk.read(after)

        assert any(one.kind == "campaign.letter" and "Marienplatz" in one.json.decode() for one in shown)
        assert done.erased_counts["campaign.letter"] == 1
        assert [row["letter_id"] for row in _table(content)] == [keys[stays]]
        assert (after.erased_count, after.letter_count) == (1, 2)
        assert (after.sha256, after.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert await desk.pulled(file, 1) == {keys[gone]: "ERASED"}
        assert gone not in await desk.post.lines(campaign)

    async def test_a_withdrawal_that_is_answered_while_a_letter_is_written_is_in_no_file_or_in_its_delta(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The worker stands still after it looked at the clock, until the withdrawal is answered and heard: what it then writes is not in
        the file. A letter that was written before the answer is heard is pulled out of it.
        """
        frozen, quick, stays = await desk.people(3)
        campaign = await desk.launch(frozen)
        real, heard = repository.write, "SELECT 1 FROM campaign_sends WHERE campaign_id = $1 AND reason = 'WITHDRAWN'"

        async def slow(session: Any, *arguments: Any) -> Any:
            await desk.say("Withdraw", frozen)
            return await real(session, *arguments)

        monkeypatch.setattr(repository, "write", slow)
        file = await desk.post.call("CreateLetterFile", campaign_id=campaign.campaign_id)
        file = await desk.ready(file)
        monkeypatch.undo()
        other = await desk.launch(quick, stays)
        second = await desk.make(other)
        await desk.say("Withdraw", quick)
        pulled = await desk.pulled(second, 1)

        async def told() -> bool:
            await desk.work()
            return bool(await desk.post.sql(heard, uuid.UUID(campaign.campaign_id)))

        await until(told, 20, "the letter goes")
        named = {row["letter_id"] for row in _table((await desk.delta(file)).content)}
        assert {row["letter_id"] for row in await desk.rows(file)} <= named
        assert await desk.post.lines(campaign) == {frozen: (SUPPRESSED, "WITHDRAWN")}
        assert pulled == {(await desk.post.keys(other))[quick]: "WITHDRAWN"}


class TestReturns:
    async def test_what_came_back_is_told_once_and_the_next_channel_is_tried(self, desk: Desk) -> None:
        back, refused = await desk.people(2)
        for person in (back, refused):
            await desk.post.say("Grant", person)
        mail = await desk.post.make_template()
        further = {"channel": "CHANNEL_EMAIL", "template_id": mail.template_id}
        campaign = await desk.launch(back, refused, fallbacks=[further])
        file, keys = await desk.make(campaign), await desk.post.keys(campaign)
        early = await desk.back(keys[back])
        rows = {row["letter_id"]: row["return_code"] for row in await desk.rows(file)}
        await desk.printed(file)
        stranger = desk.post.client("dealer.manager", dealers=[await desk.post.make_dealer()])
        hidden = await desk.back(keys[back], client=stranger)
        first = await desk.back(rows[keys[back]], "4444-4444", str(uuid.uuid4()))
        again = await desk.back(keys[back], reason="MOVED")
        taken = await desk.back(keys[refused], reason="REFUSED")
        await desk.work()
        sql = "SELECT customer_id::text AS who, channel, state, reason FROM campaign_sends WHERE campaign_id = $1 AND channel = $2"
        letters, mails = [
            {
                row["who"]: (row["state"], row["reason"])
                for row in await desk.post.sql(sql, campaign.campaign_id, channel)
            }
            for channel in (4, 3)
        ]

        assert (early.changed_count, list(early.unknown_letters)) == (0, [keys[back]])
        assert (hidden.changed_count, list(hidden.unknown_letters)) == (0, [keys[back]])
        assert (first.changed_count, len(first.unknown_letters)) == (1, 2)
        assert (again.changed_count, list(again.unknown_letters)) == (0, [])
        assert taken.changed_count == 1
        assert letters == {back: (BOUNCED, "ADDRESSEE_UNKNOWN"), refused: (BOUNCED, "REFUSED")}
        assert mails == dict.fromkeys((back, refused), (ACCEPTED, ""))
        beside = await desk.launch(await desk.person())  # who lives at the same address is still written to
        assert (await desk.make(beside)).letter_count == 1

    async def test_the_next_letter_goes_to_another_address_and_where_there_is_none_nowhere(self, desk: Desk) -> None:
        home, office = [{**GERMANY, "lines": [f"Weg {uuid.uuid4().hex[:6]}"]} for _ in range(2)]
        given = _parsed({"addresses": [{"address": office}, {"address": home, "primary": True}]})
        person = await desk.person(None, **given)
        seen, places = [], "SELECT 1 FROM unreachable_places WHERE customer_id = $1"
        for number in (1, 2):
            campaign = await desk.launch(person)
            file = await desk.make(campaign)
            seen += [row["address_1"] for row in await desk.rows(file)]
            await desk.printed(file)
            await desk.back((await desk.post.keys(campaign))[person])

            async def told(many: int = number) -> bool:
                return len(await desk.post.platform.sql("customer", places, uuid.UUID(person))) == many

            await until(told, 20, "the customer service does not know")
        last = await desk.launch(person)
        await desk.make(last)

        assert seen == [home["lines"][0], office["lines"][0]]
        assert await desk.post.lines(last) == {person: (SUPPRESSED, "ADDRESS_UNREACHABLE")}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clerk(desk: Desk, platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Who has letters printed, before the gateway."""
    await platform.open_gateway()
    async with platform.http("oem.marketing") as client:
        yield client


def _content(file: Any) -> str:
    return f"/v1/letterFiles/{file.letter_file_id}/content"


class TestDownload:
    async def test_the_pieces_are_one_file_with_its_name_length_and_digest_audited_once(
        self, desk: Desk, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PIECE", 2)
        file = await desk.make(await desk.launch(*await desk.people(5)), byte_order_mark=True)
        looked = await clerk.head(_content(file))
        answer = await clerk.get(_content(file), headers={"accept-encoding": "gzip", "range": "bytes=0-9"})
        content = await desk.read(file)
        digest, name = base64.b64encode(hashlib.sha256(content).digest()).decode(), f"letters-{file.letter_file_id}.csv"

        assert (file.piece_count, len(_table(answer.content))) == (3, 5)
        assert (answer.status_code, answer.content) == (200, content)
        assert {name: answer.headers.get(name) for name in _TOLD} == {
            "content-type": "text/csv; charset=utf-8",
            "content-length": str(file.size_bytes),
            "content-encoding": None,
            "content-disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            "repr-digest": f"sha-256=:{digest}:",
            "accept-ranges": "none",
            "cache-control": "private, no-store",
        }
        assert (looked.content, looked.headers["repr-digest"]) == (b"", answer.headers["repr-digest"])

        async def audited() -> bool:
            sql = "SELECT count(*) AS n FROM audit_records WHERE resource_id = $1 AND action = 'read' AND fields = '{letters}'"
            rows = await desk.post.sql(sql, file.letter_file_id)
            return bool(rows[0]["n"] == 3)  # HEAD, GET, and the first of the pieces that this test asked for

        await until(audited, 20, "who read the names and addresses is not in the trail")

    async def test_a_refusal_is_a_problem_before_the_first_byte(self, desk: Desk, clerk: httpx.AsyncClient) -> None:
        campaign = await desk.launch(await desk.person())
        file = await desk.post.call("CreateLetterFile", campaign_id=campaign.campaign_id)
        path, dealer = _content(file), await desk.post.make_dealer()
        made = await clerk.get(path)
        await desk.ready(file)
        await desk.printed(file)
        others = {}
        for role, scope in (("", {}), ("oem.region", {"region": "X"}), ("dealer.manager", {"dealers": [dealer]})):
            async with desk.post.platform.http(role, **scope) as client:
                others[role] = await client.get(path)
        answers = [made, await clerk.get(path), *others.values(), await clerk.get("/v1/letterFiles/x/content")]

        assert [(one.status_code, one.json()["reason"]) for one in answers] == [
            (400, "LETTER_FILE_STATE"),
            (400, "LETTER_FILE_STATE"),
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (404, "LETTER_FILE_NOT_FOUND"),
            (400, "INVALID_ARGUMENT"),
        ]
        assert not any("content-disposition" in one.headers for one in answers)

    @pytest.mark.parametrize("at", [0, 1], ids=["in-its-only-piece", "in-its-last-piece"])
    async def test_one_of_which_a_row_goes_meanwhile_is_not_given_for_whole(
        self, desk: Desk, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        """Where something was sent already the answer is broken off; else it is a problem. The next download is whole again."""
        monkeypatch.setattr(sheets, "PIECE", 2)
        campaign = await desk.launch(*await desk.people(2 * at + 2))
        file, keys = await desk.make(campaign), await desk.post.keys(campaign)
        last = (await desk.rows(file))[-1]["letter_id"]
        (gone,) = [person for person, key in keys.items() if key == last]
        real, erased = letter_files.piece, []

        async def slow(session: Any, sealer: Any, file_id: uuid.UUID, number: int, **mark: Any) -> bytes:
            if number == at and not erased:
                erased.append(gone)
                asked = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
                await internal(desk.post, "ErasePersonalData", **asked)
            return await real(session, sealer, file_id, number, **mark)

        monkeypatch.setattr(letter_files, "piece", slow)
        if at:
            with pytest.raises(httpx.RemoteProtocolError):
                await clerk.get(_content(file))
        else:
            answer = await clerk.get(_content(file))
            assert (answer.status_code, answer.json()["reason"]) == (409, "CONCURRENT_CHANGE")
        again = await clerk.get(_content(file))

        assert erased == [gone]
        assert (again.status_code, len(_table(again.content))) == (200, 2 * at + 1)
        assert again.content == await desk.read(await desk.get(file))

    async def test_who_goes_away_reads_no_further(
        self, desk: Desk, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PIECE", 1)
        file = await desk.make(await desk.launch(*await desk.people(3)))
        real, asked = letter_files.piece, []
        begun, ended = asyncio.Event(), asyncio.Event()

        async def stuck(session: Any, sealer: Any, file_id: uuid.UUID, number: int, **mark: Any) -> bytes:
            asked.append(number)
            if number:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()
            return await real(session, sealer, file_id, number, **mark)

        monkeypatch.setattr(letter_files, "piece", stuck)
        async with clerk.stream("GET", _content(file)) as answer:
            parts = answer.aiter_raw()
            await anext(parts)
            await asyncio.wait_for(begun.wait(), 60)
        await asyncio.wait_for(ended.wait(), 60)

        assert asked == [0, 1]


class TestBadInput:
    async def test_what_cannot_be_is_refused_by_reason(self, desk: Desk) -> None:
        file = await desk.make(await desk.launch(await desk.person()))
        key, campaign = file.letter_file_id, file.campaign_id
        dealer = await desk.post.make_dealer()
        stranger = desk.post.client("dealer.manager", dealers=[dealer])
        many = [{"letter": "x", "reason": 1}] * 1001
        for rpc, request, client, reason in (
            ("CreateLetterFile", {"campaign_id": str(uuid.uuid4())}, None, "CAMPAIGN_NOT_FOUND"),
            ("CreateLetterFile", {"campaign_id": campaign}, stranger, "CAMPAIGN_NOT_FOUND"),
            ("CreateLetterFile", {"campaign_id": campaign, "dealer_id": dealer}, None, {"dealer_id": "DEALER_NOT_OF_CAMPAIGN"}),
            ("CreateLetterFile", {"dealer_id": str(uuid.uuid4())}, None, "DEALER_NOT_FOUND"),
            ("CreateLetterFile", {"most_letters": 50_001}, None, "most_letters"),
            ("GetLetterFile", {"letter_file_id": key}, stranger, "LETTER_FILE_NOT_FOUND"),
            ("ReadLetterFilePiece", {"letter_file_id": key}, stranger, "LETTER_FILE_NOT_FOUND"),
            ("ReadLetterFilePiece", {"letter_file_id": key, "piece": 1}, None, {"piece": "PIECE_UNKNOWN"}),
            ("ReadLetterFileDelta", {"letter_file_id": key}, stranger, "LETTER_FILE_NOT_FOUND"),
            ("MarkLetterFilePrinted", {"letter_file_id": key}, stranger, "LETTER_FILE_NOT_FOUND"),
            ("MarkLetterFilePrinted", {"letter_file_id": key, "etag": "v0"}, None, "ETAG_MISMATCH"),
            ("RecordLetterReturns", {"returns": many}, None, "returns"),
            ("RecordLetterReturns", {"returns": [{"letter": "x"}]}, None, "returns[0].reason"),
        ):  # fmt: skip
            with pytest.raises(RpcFailure) as refused:
                await desk.post.call(rpc, client, **request)
            told = refused.value
            assert reason in (told.reason, told.fields, *told.fields), rpc


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestDeaths:
    async def test_each_letter_stands_in_one_file_whoever_is_killed(
        self, desk: Desk, platform: Platform, soaking: bool
    ) -> None:
        """Workers are killed at every step of an export, three at once; then one lives, and every file is closed and read."""
        deaths, rounds = 30 if soaking else 1, 0
        workers = Workers(_SCRIPT, desk.settings, platform.folder)
        people = await desk.people(24 if soaking else 4)
        died, campaigns, files = Counter[str](), [], []
        while left := [step for step in STEPS if died[step] < deaths]:
            rounds += 1
            assert rounds < 40 * deaths, f"workers are not killed at {left}"
            open_ones = await desk.post.sql("SELECT 1 FROM letter_files WHERE state = 1")
            if not open_ones:
                campaigns.append(await desk.launch(*people, pause_above_percent=100))
                asked = {"campaign_id": campaigns[-1].campaign_id}
                files.append(await desk.post.call("CreateLetterFile", **asked))
            some = [(step, await workers.start(step, 1)) for step in left[:3]]
            for step, worker in some:
                died[step] += await workers.end(worker) == "killed"
            await desk.post.sql(_HURRY)
            await desk.post.sql(_AT_ONCE)
        workers.close()
        for campaign in campaigns:  # what a full or closed file left waits for the next
            files.append(await desk.post.call("CreateLetterFile", campaign_id=campaign.campaign_id))
        contents = []
        for file in files:
            await desk.post.sql(_HURRY)
            ready = await desk.ready(file)
            contents.append(await desk.read(ready))
            assert hashlib.sha256(contents[-1]).hexdigest() == ready.sha256
        written = Counter(row["letter_id"] for content in contents for row in _table(content))
        spent = await platform.sql(
            "customer",
            "SELECT count(*) AS n FROM contact_permits WHERE channel = 4 AND state IN (2, 3) AND customer_id = ANY($1)",
            [uuid.UUID(one) for one in people],
        )

        assert set(written.values()) == {1}
        for campaign in campaigns:
            assert set((await desk.post.lines(campaign)).values()) == {(HANDED, "LETTER_FILE")}
        assert set(written) == {key for one in campaigns for key in (await desk.post.keys(one)).values()}
        assert spent[0]["n"] == len(written)
        print({"rounds": rounds, "letters": len(written), "files": len(files), **died})
