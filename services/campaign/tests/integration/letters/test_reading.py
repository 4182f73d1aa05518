"""What whoever prints a file reads: the whole of it, and the delta that names letters which must not go."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest
from marque_campaign.repository import letters as repository
from marque_campaign.rules import letters as sheets
from marque_campaign.usecases import letter_files
from marque_gateway.letter_files import LetterFiles
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

HANDED, ACCEPTED, SUPPRESSED = 3, 4, 9
_TOLD = (
    "content-type", "content-length", "content-encoding", "content-disposition", "repr-digest", "accept-ranges", "cache-control",
    "etag",
)  # fmt: skip


class TestDelta:
    async def test_who_withdraws_is_named_and_the_printer_must_know(self, desk: Any) -> None:
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

    async def test_nobody_says_printed_while_it_is_found_out_whether_a_letter_may_go(self, desk: Any) -> None:
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

    async def test_who_turn_out_to_be_one_get_one_letter(self, desk: Any) -> None:
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

    async def test_an_erasure_pulls_the_letter_and_takes_the_row_out_of_the_file(self, desk: Any) -> None:
        gone, stays = await desk.people(2)
        campaign = await desk.launch(gone, stays)
        file, keys = await desk.make(campaign), await desk.post.keys(campaign)
        shown = await desk.post.internal("PersonalData", "ExportPersonalData", customer_id=gone)
        asked = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await desk.post.internal("PersonalData", "ErasePersonalData", **asked)
        after = await desk.get(file)
        content = await desk.read(after)

        assert any(one.kind == "campaign.letter" and "Marienplatz" in one.json.decode() for one in shown)
        assert done.erased_counts["campaign.letter"] == 1
        assert [row["letter_id"] for row in desk.table(content)] == [keys[stays]]
        assert (after.erased_count, after.letter_count) == (1, 2)
        assert (after.sha256, after.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert await desk.pulled(file, 1) == {keys[gone]: "ERASED"}
        assert gone not in await desk.post.lines(campaign)

    async def test_a_withdrawal_that_is_answered_while_a_letter_is_written_is_in_no_file_or_in_its_delta(
        self, desk: Any, monkeypatch: pytest.MonkeyPatch
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
        named = {row["letter_id"] for row in desk.table((await desk.delta(file)).content)}
        assert {row["letter_id"] for row in await desk.rows(file)} <= named
        assert await desk.post.lines(campaign) == {frozen: (SUPPRESSED, "WITHDRAWN")}
        assert pulled == {(await desk.post.keys(other))[quick]: "WITHDRAWN"}


def _content(file: Any) -> str:
    return f"/v1/letterFiles/{file.letter_file_id}/content"


class TestDownload:
    async def test_the_pieces_are_one_file_with_its_name_length_and_digest_audited_once(
        self, desk: Any, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PIECE", 2)
        file = await desk.make(await desk.launch(*await desk.people(5)), byte_order_mark=True)
        looked = await clerk.head(_content(file))
        answer = await clerk.get(_content(file), headers={"accept-encoding": "gzip", "range": "bytes=-9"})
        content = await desk.read(file)
        digest, name = base64.b64encode(hashlib.sha256(content).digest()).decode(), f"letters-{file.letter_file_id}.csv"

        assert (file.piece_count, len(desk.table(answer.content))) == (3, 5)
        assert (answer.status_code, answer.content) == (200, content)
        assert {name: answer.headers.get(name) for name in _TOLD} == {
            "content-type": "text/csv; charset=utf-8",
            "content-length": str(file.size_bytes),
            "content-encoding": None,
            "content-disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            "repr-digest": f"sha-256=:{digest}:",
            "accept-ranges": "bytes",
            "cache-control": "private, no-store",
            "etag": f'"{file.sha256}"',
        }
        assert (looked.content, looked.headers["repr-digest"]) == (b"", answer.headers["repr-digest"])

        async def audited() -> bool:
            sql = "SELECT count(*) AS n FROM audit_records WHERE resource_id = $1 AND action = 'read' AND fields = '{letters}'"
            rows = await desk.post.sql(sql, file.letter_file_id)
            return bool(rows[0]["n"] == 3)  # HEAD, GET, and the first of the pieces that this test asked for

        await until(audited, 20, "who read the names and addresses is not in the trail")

    async def test_one_that_broke_off_goes_on_from_any_byte_and_reads_nothing_before_its_piece(
        self, desk: Any, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PIECE", 2)
        campaign = await desk.launch(*await desk.people(5))
        file, keys = await desk.make(campaign, byte_order_mark=True), await desk.post.keys(campaign)
        second = (await desk.rows(file))[1]["letter_id"]
        (gone,) = [person for person, key in keys.items() if key == second]
        await desk.post.internal("PersonalData", "ErasePersonalData", customer_id=gone, erasure_id=str(uuid.uuid4()))
        old, file = file, await desk.get(file)
        parts = [await desk.piece(file, number) for number in range(3)]
        content, real, asked = b"".join(parts), letter_files.piece, []

        async def counted(session: Any, sealer: Any, file_id: uuid.UUID, number: int, **mark: Any) -> bytes:
            asked.append(number)
            return await real(session, sealer, file_id, number, **mark)

        async def ranged(span: str, tag: str) -> tuple[httpx.Response, list[int]]:
            asked.clear()
            answer = await clerk.get(_content(file), headers={"range": f"bytes={span}", "if-range": f'"{tag}"'})
            return answer, [*asked]

        monkeypatch.setattr(letter_files, "piece", counted)
        size, one, two = file.size_bytes, len(parts[0]), len(parts[0] + parts[1])
        for start, end, pieces in (
            (0, 0, [0]), (0, size - 1, [0, 1, 2]), (one - 1, one, [0, 1]), (one, two - 1, [1]), (two - 1, two - 1, [1]),
            (one + 7, size - 1, [1, 2]), (two, size + 99, [2]), (size - 1, size - 1, [2]),
        ):  # fmt: skip
            answer, read = await ranged(f"{start}-{end}", file.sha256)
            last = min(end, size - 1)
            assert (answer.status_code, read, answer.content) == (206, pieces, content[start : last + 1])
            assert answer.headers["content-range"] == f"bytes {start}-{last}/{size}"
            assert answer.headers["etag"] == f'"{file.sha256}"'
        rest, _ = await ranged(f"{one + 7}-", file.sha256)
        beyond, _ = await ranged(f"{size}-", file.sha256)
        other, _ = await ranged(f"{one + 7}-", old.sha256)

        assert (rest.status_code, rest.content) == (206, content[one + 7 :])
        assert (beyond.status_code, beyond.json()["reason"]) == (416, "RANGE_NOT_SATISFIABLE")
        assert beyond.headers["content-range"] == f"bytes */{size}"
        assert (other.status_code, other.content) == (200, content)

    async def test_a_refusal_is_a_problem_before_the_first_byte(self, desk: Any, clerk: httpx.AsyncClient) -> None:
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
        self, desk: Any, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, at: int
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
                await desk.post.internal("PersonalData", "ErasePersonalData", **asked)
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
        assert (again.status_code, len(desk.table(again.content))) == (200, 2 * at + 1)
        assert again.content == await desk.read(await desk.get(file))

    async def test_a_range_is_never_of_two_files(
        self, desk: Any, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PIECE", 2)
        campaign = await desk.launch(*await desk.people(5))
        file, keys = await desk.make(campaign), await desk.post.keys(campaign)
        last = (await desk.rows(file))[3]["letter_id"]
        erasure = {
            "customer_id": next(who for who, key in keys.items() if key == last),
            "erasure_id": str(uuid.uuid4()),
        }
        real = LetterFiles._piece

        async def late(self: LetterFiles, file_id: str, metadata: Any, **place: int) -> Any:
            if place == {"piece": 1}:
                await desk.post.internal("PersonalData", "ErasePersonalData", **erasure)
            return await real(self, file_id, metadata, **place)

        monkeypatch.setattr(LetterFiles, "_piece", late)
        one = len(await desk.piece(file, 0))
        with pytest.raises(httpx.RemoteProtocolError):
            await clerk.get(_content(file), headers={"range": f"bytes=0-{one + 9}"})

    async def test_who_goes_away_reads_no_further(
        self, desk: Any, clerk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
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
