"""Files over HTTP: taken whole or not at all, imported in the background, answered once per key."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from servicekit.testing.platform import Platform, until

URL = "/v1/network/imports"
LARGEST = 300_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("network")
    platform.peers.setdefault("customer", "127.0.0.1:1")
    await platform.open_gateway(max_upload_bytes=LARGEST, max_body_bytes=20_000)
    yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def manager(door: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with door.http("oem.manager") as client:
        yield client


def csv(count: int, prefix: str = "") -> bytes:
    prefix = prefix or uuid.uuid4().hex[:10].upper()
    lines = [f"{prefix}-{number},Dealer {number},sales,Asia/Shanghai" for number in range(count)]
    return "\n".join(["code,name_en,kinds,time_zone", *lines, ""]).encode()


def query(**more: str) -> dict[str, str]:
    return {"kind": "dealers", "source": "test", "fileName": "d.csv", **more}


async def finished(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text

    async def ended() -> Any:
        found = (await client.get(answer.headers["location"])).json()
        return found if found["state"] not in ("IMPORT_STATE_QUEUED", "IMPORT_STATE_RUNNING") else None

    found: dict[str, Any] = await until(ended, 30, "the import does not end")
    return found


async def known(door: Platform) -> int:
    return (await door.sql("network", "SELECT count(*) AS n FROM imports"))[0]["n"]


async def begin_upload(
    door: Platform, head: str, kind: str = "dealers"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends the head of an upload over a bare connection, whose body a test can break off."""
    host, port = door.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token, target = door.token("oem.manager"), f"{URL}?kind={kind}&source=test&fileName=d.csv"
    writer.write(f"POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{head}\r\n\r\n".encode())
    return reader, writer


class TestAFile:
    async def test_it_is_taken_imported_and_found_where_location_says(self, manager: httpx.AsyncClient) -> None:
        body = csv(25)
        answer = await manager.post(URL, params=query(), content=body)
        done = await finished(manager, answer)

        assert answer.json()["importId"] in answer.headers["location"]
        assert len(answer.headers["x-trace-id"]) == 32
        assert (done["state"], done["summary"]["created"]) == ("IMPORT_STATE_SUCCEEDED", "25")
        assert done["fileSizeBytes"] == str(len(body))

    async def test_wrong_rows_are_told_one_by_one_and_the_others_written(self, manager: httpx.AsyncClient) -> None:
        body = csv(2) + b"BAD-1,Dealer,sales,Mars/Olympus\n" + b",Dealer,sales,UTC\n"
        done = await finished(manager, await manager.post(URL, params=query(), content=body))
        errors = (await manager.get(f"{URL}/{done['importId']}/errors")).json()["results"]

        assert (done["summary"]["created"], done["summary"]["rejected"]) == ("2", "2")
        assert [(row["row"], [error["field"] for error in row["errors"]]) for row in errors] == [
            ("3", ["time_zone"]),
            ("4", ["code"]),
        ]

    async def test_a_dry_run_writes_nothing(self, manager: httpx.AsyncClient) -> None:
        code = uuid.uuid4().hex[:10].upper()
        answer = await manager.post(URL, params=query(dryRun="true"), content=csv(3, code))
        done = await finished(manager, answer)
        found = (await manager.get("/v1/dealers", params={"pageSize": "1000"})).text

        assert (done["dryRun"], done["summary"]["created"]) == (True, "3")
        assert code not in found

    async def test_columns_named_otherwise_are_mapped(self, manager: httpx.AsyncClient) -> None:
        body = csv(2).replace(b"code,", "经销商代码,".encode(), 1)
        answer = await manager.post(URL, params=query(**{"map.经销商代码": "code"}), content=body)

        assert (await finished(manager, answer))["summary"]["created"] == "2"

    async def test_a_retry_under_its_key_is_the_same_import(self, door: Platform, manager: httpx.AsyncClient) -> None:
        body, key = csv(2), {"idempotency-key": uuid.uuid4().hex}
        before = await known(door)
        answers = [await manager.post(URL, params=query(), content=body, headers=key) for _ in range(3)]
        other = await manager.post(URL, params=query(), content=csv(1), headers=key)

        assert [answer.status_code for answer in answers] == [202] * 3
        assert len({answer.json()["importId"] for answer in answers}) == 1
        assert (other.status_code, other.json()["reason"]) == (400, "REQUEST_ID_REUSED")
        assert await known(door) == before + 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "status", "field"),
        [
            ({"kind": "spaceships"}, 400, "IMPORT_KIND_UNKNOWN"),
            ({"kind": ""}, 400, "kind"),
            ({"source": "Not A Source"}, 400, "source"),
            ({"fileName": "d.exe"}, 400, "IMPORT_FORMAT_UNKNOWN"),
            ({"fileName": "../d.csv"}, 400, "fileName"),
            ({"colour": "red"}, 400, "colour"),
            ({"dryRun": "perhaps"}, 400, "dryRun"),
            ({"mode": "perhaps"}, 400, "mode"),
            ({"mode": "IMPORT_MODE_REPLACE"}, 400, "IMPORT_MODE_UNKNOWN"),
            ({"map.a": "no_such_field"}, 400, "columnMapping"),
        ],
    )
    async def test_a_wrong_parameter_is_named(
        self, door: Platform, manager: httpx.AsyncClient, given: dict[str, str], status: int, field: str
    ) -> None:
        before = await known(door)
        answer = await manager.post(URL, params=query(**given), content=csv(1))
        problem = answer.json()

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert field in [problem["reason"], *(error["field"].partition("[")[0] for error in problem.get("errors", ()))]
        assert await known(door) == before

    async def test_a_refusal_comes_before_the_file_is_sent_whole(self, door: Platform) -> None:
        reader, writer = await begin_upload(door, "content-length: 100000", kind="spaceships")
        writer.write(b" " * 1000)
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
        writer.close()

        assert answer.startswith(b"HTTP/1.1 400")
        assert b"IMPORT_KIND_UNKNOWN" in answer

    async def test_an_unknown_service_is_404(self, manager: httpx.AsyncClient) -> None:
        answers = [await manager.post(f"/v1/{name}/imports", content=b"") for name in ("nothing", "gateway", "vehicle")]

        assert {answer.status_code for answer in answers} == {404}
        assert {answer.json()["reason"] for answer in answers} == {"ROUTE_NOT_FOUND"}

    async def test_a_dead_service_is_503_without_its_address(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.post("/v1/customer/imports", params=query(), content=csv(1))

        assert answer.status_code == 503
        assert "127.0.0.1" not in answer.text

    @pytest.mark.parametrize(("role", "status"), [("", 401), ("oem.quality", 403), ("dealer.sales", 403)])
    async def test_without_the_permission_nothing_is_read(self, door: Platform, role: str, status: int) -> None:
        async with door.http(role) as client:
            answer = await client.post(URL, params=query(kind="spaceships"), content=csv(1))

        assert answer.status_code == status

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_too_large_a_file_is_413_and_leaves_nothing(
        self, door: Platform, manager: httpx.AsyncClient, chunked: bool
    ) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b" " * 100_000

        before = await known(door)
        answer = await manager.post(URL, params=query(), content=parts() if chunked else b" " * (LARGEST + 1))

        assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
        assert await known(door) == before

    async def test_a_file_larger_than_a_json_body_may_be_is_taken(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.post(URL, params=query(), content=csv(1) + b"\n" * 100_000)

        assert answer.status_code == 202, answer.text

    @pytest.mark.parametrize("head", ["content-length: 100000", "transfer-encoding: chunked"])
    async def test_a_file_that_breaks_off_leaves_no_import(
        self, door: Platform, manager: httpx.AsyncClient, head: str
    ) -> None:
        before, part = await known(door), csv(50)
        _, writer = await begin_upload(door, head)
        writer.write(part if "length" in head else f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await writer.wait_closed()
        await manager.post(URL, params=query(), content=csv(1))  # what was sent before is decided by now

        assert await known(door) == before + 1
