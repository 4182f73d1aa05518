"""Files with cases: streamed in, given back as they came, gone with the person from table and folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from marque.complaint.v1 import case_attachment_service_pb2 as messages
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until
from servicekit.testing.residue import in_files

FILES = "complaint.v1.CaseAttachmentService"
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * (3 * 1024 * 1024)


async def upload(client: Any, case_id: str, *chunks: bytes, name: str = "a.png", **header: Any) -> Any:
    sent = [messages.UploadCaseAttachmentRequest(header={"case_id": case_id, "file_name": name, **header})]
    sent += [messages.UploadCaseAttachmentRequest(chunk=chunk) for chunk in chunks]
    found = [made async for made in client.stream(f"{FILES}/UploadCaseAttachment", sent)]
    return found[0]


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


async def files(desk: Any, rpc: str, client: Any = None, **request: Any) -> Any:
    method = contract.methods(f"marque.{FILES}")[rpc]
    return await (client or desk.manager).call(f"{FILES}/{rpc}", json_format.ParseDict(request, method.input()))


def kept(desk: Any) -> list[Path]:
    return [path for path in (desk.platform.folder / "objects").rglob("*-*-*-*") if path.is_file()]


def content(path: Path) -> bytes:
    """What a file holds; nothing of one that went meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


async def until_gone(desk: Any, is_it: Callable[[Path], bool]) -> None:
    async def gone() -> bool:
        return not any(is_it(path) for path in kept(desk))

    await until(gone, 20.0, "the file is there still")


class TestUpload:
    async def test_a_file_comes_back_as_it_was_sent(self, desk: Any) -> None:
        owner = desk.client("owner", customer=str(uuid.uuid4()))
        case = await desk.make(owner)
        cut = [PNG[start : start + 1_000_000] for start in range(0, len(PNG), 1_000_000)]
        made = await upload(owner, case.case_id, *cut, name="../x/异响.exe")
        pieces = [
            await files(desk, "ReadCaseAttachment", owner, attachment_id=made.attachment_id, piece=n) for n in range(5)
        ]

        assert (made.file_name, made.content_type, made.size_bytes, made.author) == (
            "异响.exe",
            "image/png",
            len(PNG),
            1,
        )
        assert b"".join(piece.content for piece in pieces) == PNG
        shown = (await desk.call("GetCase", owner, case_id=case.case_id)).attachments
        assert [one.attachment_id for one in shown] == [made.attachment_id]

    async def test_a_retry_keeps_one_file_and_other_bytes_under_the_key_are_refused(self, desk: Any) -> None:
        case, key = await desk.make(), uuid.uuid4().hex
        before = len(kept(desk))
        first, again = [await upload(desk.agent, case.case_id, b"It squeals.", request_id=key) for _ in range(2)]
        other = upload(desk.agent, case.case_id, b"It does not.", request_id=key)

        assert first == again
        assert await refused(other) == "REQUEST_ID_REUSED"
        assert len(kept(desk)) == before + 1

    @pytest.mark.parametrize(
        ("chunks", "reason"),
        [
            ((b"<html><script>", b"alert(1)</script>"), "ATTACHMENT_TYPE"),
            ((b"MZ\x90\x00",), "ATTACHMENT_TYPE"),
            ((), "ATTACHMENT_EMPTY"),
            ((b"\x89PNG\r\n\x1a\n" + b"x" * 1_000_000,) * 27, "ATTACHMENT_TOO_LARGE"),
        ],
    )
    async def test_what_is_refused_leaves_nothing_behind(self, desk: Any, chunks: Any, reason: str) -> None:
        case, before = await desk.make(), len(kept(desk))
        assert await refused(upload(desk.agent, case.case_id, *chunks, name="photo.png")) == reason
        assert len(kept(desk)) == before

    async def test_what_is_internal_does_not_exist_for_the_customer_nor_any_file_for_a_stranger(
        self, desk: Any
    ) -> None:
        owner = desk.client("owner", customer=str(uuid.uuid4()))
        case = await desk.make(owner)
        hidden = await upload(desk.agent, case.case_id, b"Between us.", internal=True)
        open_ = await upload(desk.agent, case.case_id, b"For you.")

        shown = (await desk.call("GetCase", owner, case_id=case.case_id)).attachments
        assert [one.attachment_id for one in shown] == [open_.attachment_id]
        stranger = desk.client("owner", customer=str(uuid.uuid4()))
        for who, which in ((owner, hidden), (stranger, open_)):
            asked = files(desk, "ReadCaseAttachment", who, attachment_id=which.attachment_id)
            assert await refused(asked) == "ATTACHMENT_NOT_FOUND"
        assert await refused(upload(stranger, case.case_id, b"Mine.")) == "CASE_NOT_FOUND"


class TestGone:
    async def test_a_file_that_is_taken_away_leaves_the_folder(self, desk: Any) -> None:
        case = await desk.make()
        made = await upload(desk.agent, case.case_id, b"By mistake.")
        await files(desk, "RemoveCaseAttachment", attachment_id=made.attachment_id)

        await until_gone(desk, lambda path: path.name == made.attachment_id)
        again = files(desk, "RemoveCaseAttachment", attachment_id=made.attachment_id)
        assert await refused(again) == "ATTACHMENT_NOT_FOUND"

    async def test_an_erasure_leaves_no_word_in_any_file(self, desk: Any) -> None:
        customer, word = str(uuid.uuid4()), f"xw{uuid.uuid4().hex}"
        owner = desk.client("owner", customer=customer)
        case = await desk.make(owner)
        await upload(owner, case.case_id, f"My name is {word}.".encode())
        folder = desk.platform.folder / "objects"
        assert await in_files([folder], [word])
        await desk.sql("UPDATE cases SET state = 9, close_time = now() WHERE case_id = $1", case.case_id)
        rpc = "complaint.v1.ComplaintPersonalDataService/ErasePersonalData"
        method = contract.methods("marque.complaint.v1.ComplaintPersonalDataService")["ErasePersonalData"]
        person = {"customer_id": customer, "erasure_id": str(uuid.uuid4())}
        done = await desk.client("service").call(rpc, json_format.ParseDict(person, method.input()))

        assert done.erased_counts["complaint.case_attachment"] == 1
        await until_gone(desk, lambda path: word.encode() in content(path))
