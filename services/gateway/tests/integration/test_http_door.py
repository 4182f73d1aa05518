"""The HTTP door in front of a real service: what every request gets, whatever it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from servicekit.testing.platform import Platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("network")
    platform.peers.setdefault("customer", "127.0.0.1:1")
    await platform.open_gateway(cors_origins=["https://app.example"], max_body_bytes=20_000)
    yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def manager(door: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with door.http("oem.manager") as client:
        yield client


async def create(client: httpx.AsyncClient, code: str, **headers: str) -> httpx.Response:
    dealer = {
        "code": code,
        "names": {"zh-CN": "北京一号店", "en": "Beijing One"},
        "kinds": ["DEALER_KIND_SALES"],
        "timeZone": "Asia/Shanghai",
        "status": "DEALER_STATUS_ACTIVE",
    }
    return await client.post("/v1/dealers", json=dealer, headers=headers)


class TestEveryAnswer:
    @pytest.mark.parametrize(
        ("path", "status"), [("/v1/dealers", 200), ("/nowhere", 404), ("/v1/customers", 503), ("/docs", 200)]
    )
    async def test_it_carries_ids_and_security_headers(
        self, manager: httpx.AsyncClient, path: str, status: int
    ) -> None:
        answer = await manager.get(path, headers={"x-request-id": "mine-1"})

        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "mine-1"
        assert len(answer.headers["x-trace-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" in answer.headers

    async def test_a_hostile_request_id_is_replaced(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.get("/v1/dealers", headers={"x-request-id": "a b<script>"})

        assert answer.headers["x-request-id"] != "a b<script>"

    async def test_a_problem_names_reason_field_and_ids(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.get("/v1/dealers", params={"pageSize": "many"})
        problem = answer.json()

        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert problem["errors"][0]["field"] == "pageSize"
        assert problem["traceId"] == answer.headers["x-trace-id"]

    async def test_problems_are_told_in_chinese_to_who_prefers_it(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.get("/nowhere", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})

        assert answer.json()["title"] == "未找到"
        assert answer.headers["content-language"] == "zh-CN"


class TestWhoAndHowMuch:
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer a.b.c", "Basic dXNlcjpwdw==", "Bearer " + "x" * 5000])
    async def test_without_a_good_token_it_is_401(self, door: Platform, header: str) -> None:
        async with door.http() as client:
            answer = await client.get("/v1/dealers", headers={"authorization": header} if header else {})

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"

    async def test_a_missing_permission_is_403_whatever_the_body(self, door: Platform) -> None:
        async with door.http("oem.quality") as client:
            answers = [await client.post("/v1/dealers", content=body) for body in (b"{", b"{}")]

        assert {answer.status_code for answer in answers} == {403}

    async def test_a_large_body_is_413_also_when_its_length_is_not_told(self, manager: httpx.AsyncClient) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b" " * 10_000

        told = await manager.post("/v1/dealers", content=b" " * 30_000, headers={"content-type": "application/json"})
        untold = await manager.post("/v1/dealers", content=parts(), headers={"content-type": "application/json"})

        assert (told.status_code, untold.status_code) == (413, 413)

    async def test_deep_nesting_is_a_problem_and_no_crash(self, manager: httpx.AsyncClient) -> None:
        body = b'{"a":' * 3000 + b"1" + b"}" * 3000
        answer = await manager.post("/v1/dealers", content=body, headers={"content-type": "application/json"})

        assert answer.status_code == 400

    async def test_another_verb_is_405_and_says_which_there_are(self, manager: httpx.AsyncClient) -> None:
        answer = await manager.delete("/v1/dealers")

        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")

    async def test_only_listed_origins_get_cors_headers(self, manager: httpx.AsyncClient) -> None:
        good = await manager.get("/v1/dealers", headers={"origin": "https://app.example"})
        bad = await manager.get("/v1/dealers", headers={"origin": "https://evil.example"})

        assert good.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-origin" not in bad.headers

    async def test_internal_methods_have_no_address(self, manager: httpx.AsyncClient) -> None:
        document = (await manager.get("/openapi.json")).json()
        ids = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}

        assert not {"batchGetDealers", "exportDealers"} & ids


class TestWrites:
    async def test_a_retry_with_its_key_gets_the_first_answer(self, manager: httpx.AsyncClient) -> None:
        first = await create(manager, "RETRY-1", **{"idempotency-key": "retry-1"})
        again = await create(manager, "RETRY-1", **{"idempotency-key": "retry-1"})

        assert (first.status_code, again.status_code) == (200, 200), first.text
        assert again.json() == first.json()

    async def test_another_body_under_one_key_is_refused(self, manager: httpx.AsyncClient) -> None:
        await create(manager, "RETRY-2", **{"idempotency-key": "retry-2"})
        other = await create(manager, "RETRY-3", **{"idempotency-key": "retry-2"})

        assert (other.status_code, other.json()["reason"]) == (400, "REQUEST_ID_REUSED")

    async def test_concurrent_doubles_have_one_effect(self, manager: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(create(manager, "DOUBLE", **{"idempotency-key": "double"}) for _ in range(8)))

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["dealerId"] for answer in answers}) == 1

    async def test_a_stale_etag_is_412_and_changes_nothing(self, manager: httpx.AsyncClient) -> None:
        made = await create(manager, "ETAG-1")
        path, etag = f"/v1/dealers/{made.json()['dealerId']}", made.headers["etag"]
        first = await manager.patch(path, json={"groupCode": "G1"}, headers={"if-match": etag})
        second = await manager.patch(path, json={"groupCode": "G2"}, headers={"if-match": etag})

        assert (first.status_code, second.status_code) == (200, 412), first.text
        assert (await manager.get(path)).json()["groupCode"] == "G1"

    async def test_a_patch_without_mask_changes_the_keys_present_and_null_clears(
        self, manager: httpx.AsyncClient
    ) -> None:
        made = (await create(manager, "PATCH-1")).json()
        path = f"/v1/dealers/{made['dealerId']}"
        await manager.patch(path, json={"groupCode": "G1", "regionCode": "R1"})
        answer = await manager.patch(path, json={"groupCode": None})

        assert answer.status_code == 200, answer.text
        assert (answer.json()["groupCode"], answer.json()["regionCode"]) == ("", "R1")
        assert answer.json()["kinds"] == made["kinds"]
