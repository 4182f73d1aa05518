"""From a telephone system's signed message to the agent's screen; what is forged, old or broken changes nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from marque_gateway.telephony import read_secrets, signature
from servicekit.testing.platform import Platform

SECRET, NEXT = b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210"
PATH = "/v1/telephony/pbx/events"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("customer")
    secrets = platform.folder / "pbx"
    secrets.write_bytes(SECRET + b"\n" + NEXT + b"\n")
    await platform.open_gateway(telephony_secrets={"pbx": secrets})
    yield platform


def event(kind: str = "RINGING", **fields: Any) -> dict[str, Any]:
    values = {"eventId": str(uuid.uuid4()), "providerCallId": str(uuid.uuid4()), "number": "+8613800138000"}
    return {**values, "kind": f"CALL_EVENT_KIND_{kind}", "eventTime": "2026-05-01T08:00:00Z", **fields}


async def send(
    door: Platform, told: Any, *, secret: bytes = SECRET, age: int = 0, path: str = PATH, **headers: str
) -> httpx.Response:
    body = told if isinstance(told, bytes) else orjson.dumps(told)
    timestamp = str(int(time.time()) - age)
    signed = {"x-marque-timestamp": timestamp, "x-marque-signature": signature(secret, timestamp, body), **headers}
    async with door.http() as client:
        return await client.post(path, content=body, headers={"content-type": "application/json", **signed})


class TestEvents:
    async def test_a_ringing_call_opens_on_the_agents_screen_with_who_calls(
        self, door: Platform, listen: Any, live_ready: Any
    ) -> None:
        await live_ready()
        number, call, staff = f"+86139{uuid.uuid4().int % 10**8:08d}", str(uuid.uuid4()), str(uuid.uuid4())
        point = {"kind": "CONTACT_POINT_KIND_PHONE", "value": number}
        async with door.http("oem.agent") as agent, listen("oem.agent") as screen, listen("oem.marketing") as other:
            person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "王芳"}, "contactPoints": [point]}
            made = (await agent.post("/v1/customers", json=person)).json()
            answer = await send(door, event(providerCallId=call, number=number, staffId=staff))
            assert (answer.status_code, answer.json()["changed"]) == (200, True)
            (told,) = await screen.has("CallStateChanged")
            assert (told["callId"], told["staffId"], told["customerId"]) == (
                answer.json()["callId"],
                staff,
                made["customerId"],
            )
            assert number not in str(told)
            shown = (await agent.get(f"/v1/calls/{told['callId']}")).json()
            callers = (await agent.post("/v1/callers:lookUp", json={"number": shown["number"]})).json()["callers"]
            await send(door, event("MISSED", providerCallId=call))
            missed = (await screen.has("CallStateChanged", 2))[-1]

            assert [one["customer"]["customerId"] for one in callers] == [made["customerId"]]
            assert missed["state"] == "CALL_STATE_MISSED"
            assert other.of("CallStateChanged") == []

    async def test_a_message_that_is_sent_again_is_the_same_event(self, door: Platform) -> None:
        told = event()
        first, again = await send(door, told), await send(door, told)
        assert (first.json()["changed"], again.json()["changed"]) == (True, False)
        assert first.json()["callId"] == again.json()["callId"]

    async def test_a_system_may_change_its_secret(self, door: Platform) -> None:
        assert (await send(door, event(), secret=NEXT)).status_code == 200
        body, now = orjson.dumps(event()), str(int(time.time()))
        both = f"{signature(b'x' * 32, now, body)}, {signature(SECRET, now, body)}"
        assert (await send(door, body, **{"x-marque-signature": both, "x-marque-timestamp": now})).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"secret": b"x" * 32},
            {"path": "/v1/telephony/other/events"},
            {"age": 301},
            {"age": -301},
            {"x-marque-signature": ""},
            {"x-marque-signature": "v1="},
            {"x-marque-signature": "v1=\u00fc"},
            {"x-marque-timestamp": "9" * 5000},
            {"x-marque-timestamp": "now"},
        ],
        ids=["secret", "system", "old", "ahead", "unsigned", "empty", "not-ascii", "endless", "no-time"],
    )
    async def test_what_is_forged_or_old_is_401_and_changes_nothing(
        self, door: Platform, wrong: dict[str, Any]
    ) -> None:
        told = event()
        if any(isinstance(value, str) and not value.isascii() for value in wrong.values()):
            wrong = {name: value.encode() for name, value in wrong.items()}
        answer = await send(door, told, **wrong)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        known = "SELECT 1 FROM call_events WHERE event_id = $1"
        assert await door.sql("customer", known, told["eventId"]) == []

    async def test_a_message_altered_on_its_way_is_401(self, door: Platform) -> None:
        body, now = orjson.dumps(event()), str(int(time.time()))
        signed = {"x-marque-timestamp": now, "x-marque-signature": signature(SECRET, now, body)}
        assert (await send(door, body.replace(b"RINGING", b"MISSED"), **signed)).status_code == 401

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            (b"{", "body"), (b"[]", ""), ({**event(), "kind": "CALL_EVENT_KIND_UNSPECIFIED"}, "kind"),
            ({**event(), "eventTime": "yesterday"}, "eventTime"), ({**event(), "secret": 1}, "secret"),
        ],
    )  # fmt: skip
    async def test_what_is_signed_but_broken_names_the_field(self, door: Platform, told: Any, field: str) -> None:
        answer = await send(door, told)
        assert answer.status_code == 400, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]


class TestSecrets:
    def test_a_short_secret_is_refused_at_start(self, tmp_path: Any) -> None:
        for text in (b"", b"short\n", SECRET + b"\nshort"):
            (tmp_path / "pbx").write_bytes(text)
            with pytest.raises(ValueError, match="pbx"):
                read_secrets({"pbx": tmp_path / "pbx"})
