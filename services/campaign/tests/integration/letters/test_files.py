"""A letter stands in one file, once, whoever dies; what is printed, called off, left lying or sent back has its end."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from marque_campaign.usecases import letters as usecases
from servicekit.testing.client import RpcFailure
from servicekit.testing.crash.workers import Workers
from servicekit.testing.platform import Platform, until

PLANNED, HANDED, ACCEPTED, BOUNCED, UNKNOWN, SUPPRESSED = 1, 3, 4, 6, 8, 9
READY, PRINTED, EXPIRED = 2, 3, 4
CHINA = {
    "country_code": "CN",
    "province": "上海市",
    "city": "上海市",
    "district": "黄浦区",
    "lines": ["南京东路1号"],
    "postal_code": "200001",
}
STEPS = (
    "letter_claiming", "letter_claimed", "permit", "letter_beginning", "letter_handed", "spending", "spent", "letter_writing",
    "letter_written", "finished", "file_closing", "file_closed",
)  # fmt: skip
_SCRIPT = Path(__file__).parents[1] / "dying_sender.py"
# As a minute would: those whose worker is gone. What stands in a file is nobody's.
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now() AND lease IS NOT NULL"
_AT_ONCE = "UPDATE campaign_sends SET retry_time = now() WHERE retry_time > now()"


class TestFiles:
    async def test_it_stops_at_its_budget_over_batches(self, desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(usecases, "AT_ONCE", 2)
        price, budget = {"currency_code": "CNY", "units": 1000}, {"currency_code": "CNY", "units": 3}
        campaign = await desk.launch(*await desk.people(5), budget=budget, thousand_cost=price)
        file = await desk.make(campaign)
        await desk.printed(file)
        after = await desk.make(campaign)
        ended = await desk.ended(campaign)

        assert (file.letter_count, after.letter_count) == (3, 0)
        assert Counter(ended.values()) == {(ACCEPTED, ""): 3, (SUPPRESSED, "BUDGET"): 2}

    async def test_a_letter_waits_for_a_file_and_stands_in_it_once(self, desk: Any) -> None:
        chinese = await desk.person(CHINA, language="zh-CN")
        german, never = await desk.person(), await desk.person(agreed=False)
        nowhere, vague = await desk.person(None), await desk.person({"country_code": "DE", "city": "Bonn"})
        firm = await desk.firm()
        campaign = await desk.launch(chinese, german, firm, never, nowhere, vague)
        await desk.work()
        assert set((await desk.post.lines(campaign)).values()) == {(PLANNED, "")}

        file = await desk.make(campaign, byte_order_mark=True)
        content = await desk.read(file)
        rows = {row["letter_id"]: row for row in desk.table(content)}
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

    async def test_printed_its_letters_are_accepted_and_it_is_gone(self, desk: Any) -> None:
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

    async def test_that_nobody_printed_in_its_days_nobody_knows_of(self, desk: Any) -> None:
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
        self, desk: Any
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

    async def test_a_campaign_that_is_called_off_takes_its_letters_out_of_the_file(self, desk: Any) -> None:
        person = await desk.person()
        campaign = await desk.launch(person)
        file = await desk.make(campaign)
        await desk.post.do("Cancel", await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id))
        pulled = await desk.pulled(file, 1)

        assert pulled == {(await desk.post.keys(campaign))[person]: "CANCELLED"}
        assert await desk.ended(campaign) == {person: (SUPPRESSED, "CANCELLED")}


class TestReturns:
    async def test_what_came_back_is_told_once_and_the_next_channel_is_tried(self, desk: Any) -> None:
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

    async def test_the_next_letter_goes_to_another_address_and_where_there_is_none_nowhere(self, desk: Any) -> None:
        home, office = [{**desk.address, "lines": [f"Weg {uuid.uuid4().hex[:6]}"]} for _ in range(2)]
        given = desk.parsed({"addresses": [{"address": office}, {"address": home, "primary": True}]})
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


class TestBadInput:
    async def test_what_cannot_be_is_refused_by_reason(self, desk: Any) -> None:
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
            ("ReadLetterFilePiece", {"letter_file_id": key, "piece": 1, "offset": 1}, None, {"offset": "PIECE_NAMED_TWICE"}),
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
        self, desk: Any, platform: Platform, soaking: bool
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
        written = Counter(row["letter_id"] for content in contents for row in desk.table(content))
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
