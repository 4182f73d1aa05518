"""Mail posted to the HTTP door as it came: taken once, refused by name, and only from who may bring it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from servicekit.testing.platform import Platform, until

PATH = "/v1/inbound:mail?mailbox=sales@marque.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("complaint")
    await platform.start("customer")
    await platform.open_gateway()
    yield platform


def mailed() -> bytes:
    who = uuid.uuid4().hex
    return (
        f"From: =?utf-8?b?546L6Iqz?= <{who}@example.com>\r\nMessage-ID: <{who}@x>\r\nSubject: Angebot\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n请报价"
    ).encode()


class TestMail:
    async def test_a_mail_becomes_a_lead_once(self, door: Platform) -> None:
        message, headers = mailed(), {"content-type": "message/rfc822"}
        async with door.http("oem.manager") as client:
            first = await client.post(f"{PATH}&intent=lead", content=message, headers=headers)
            again = await client.post(f"{PATH}&intent=lead", content=message, headers=headers)
            lead = (await client.get(f"/v1/leads/{first.json()['leadId']}")).json()

        assert first.status_code == 200, first.text
        assert (first.json()["outcome"], again.json()["outcome"]) == (
            "INBOUND_OUTCOME_LOGGED",
            "INBOUND_OUTCOME_REPEATED",
        )
        assert (first.json()["mayAnswer"], again.json()["mayAnswer"]) == (True, False)
        assert lead["customerId"] == again.json()["customerId"]
        assert lead["comments"] == "Angebot\n请报价"

    async def test_a_mail_becomes_a_case_which_is_named_once_it_is_opened(self, door: Platform) -> None:
        message = mailed()
        async with door.http("oem.manager") as client:

            async def named() -> str:
                told = await client.post(f"{PATH}&intent=case", content=message)
                assert told.status_code == 200, told.text
                return str(told.json().get("caseId", ""))

            case = (await client.get(f"/v1/cases/{await until(named, 30, 'no case was opened')}")).json()

        assert case["description"] == "请报价"

    @pytest.mark.parametrize(
        ("path", "body", "field", "reason"),
        [
            (PATH, b"", "message", "MAIL_UNREADABLE"),
            (PATH, b"From: " + b"(" * 9000 + b"\r\n\r\n", "message", "MAIL_FORBIDDEN"),
            (f"{PATH}&intent=cake", b"x", "intent", "VALUE_UNKNOWN"),
            ("/v1/inbound:mail?mailbox=nobody", b"From: a@b.example\r\n\r\n", "mailbox", ""),
        ],
    )
    async def test_what_cannot_be_taken_is_refused_by_field(
        self, door: Platform, path: str, body: bytes, field: str, reason: str
    ) -> None:
        async with door.http("oem.manager") as client:
            answer = await client.post(path, content=body)
        assert answer.status_code == 400, answer.text
        assert field in answer.text
        assert reason in answer.text

    async def test_only_who_may_bring_mail_is_heard(self, door: Platform) -> None:
        async with door.http("oem.marketing") as other, door.http() as nobody:
            refused = [await client.post(PATH, content=mailed()) for client in (other, nobody)]
        assert [answer.status_code for answer in refused] == [403, 401]
