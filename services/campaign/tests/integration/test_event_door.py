"""The page of an event as a browser without script sees it, and the entry for a calendar."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from icalendar import Calendar
from servicekit.testing import web
from servicekit.testing.platform import until

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(post: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before the gateway, which is in front of customers and campaigns."""
    await post.platform.open_gateway()
    async with web.client(post.platform.http_url, timeout=60) as client:
        yield client


async def event_of(post: Any, name: str = "Open <day>") -> tuple[str, str, datetime]:
    """An open event of one seat: the path of its page, its session, when it begins."""
    start = (datetime.now(UTC) + timedelta(hours=48)).replace(microsecond=0)
    span = {"startTime": start.isoformat(), "endTime": (start + timedelta(hours=1)).isoformat(), "capacity": 1}
    body = {
        "name": name, "kind": "MARKETING_EVENT_KIND_LAUNCH", "place": "Hall, west", "timeZone": "Asia/Shanghai",
        "sessions": [span],
    }  # fmt: skip
    async with post.platform.http("oem.marketing") as http:
        made = (await http.post("/v1/marketingEvents", json=body)).json()
        key = made["marketingEventId"]
        opened = await http.post(f"/v1/marketingEvents/{key}:advance", json={"state": "MARKETING_EVENT_STATE_OPEN"})
    assert opened.status_code == 200, opened.text
    return made["pagePath"], made["sessions"][0]["sessionId"], start


async def sent(door: httpx.AsyncClient, path: str, data: dict[str, str]) -> httpx.Response:
    """The answer to a form; one that is told to try again later does so, as a person would: the same words register once."""
    found: list[httpx.Response] = []

    async def answered() -> bool:
        found[:] = [await door.post(path, data=data, headers=FORM)]
        return found[0].status_code != 503

    await until(answered, 10, "nobody takes the form")
    return found[0]


class TestDoor:
    async def test_somebody_registers_sees_it_takes_it_into_their_calendar_and_takes_it_back(
        self, post: Any, door: httpx.AsyncClient
    ) -> None:
        path, session, start = await event_of(post)
        shown = await door.get(path, headers={"accept-language": "en"})
        assert shown.status_code == 200
        assert "Open &lt;day&gt;" in shown.text
        assert "<script" not in shown.text
        assert "no-store" in shown.headers["cache-control"]
        assert "default-src 'none'" in shown.headers["content-security-policy"]

        typed = {"session": session, "name": "Wang", "email": "door@example.com", "contact": "1"}
        done = await sent(door, path, typed)
        assert done.status_code == 303
        own = done.headers["location"]
        mine = await door.get(own, headers={"accept-language": "zh-CN,zh;q=0.9"})
        assert "您已报名成功" in mine.text
        assert 'lang="zh-CN"' in mine.text
        assert '<input name="name"' not in mine.text, "who is known types no name"

        (calendar,) = re.findall(r'href="(/e/[^"]+\.ics)"', mine.text)
        entry = await door.get(calendar)
        assert entry.headers["content-type"].startswith("text/calendar")
        (event,) = Calendar.from_ical(entry.content).walk("VEVENT")
        assert (event["summary"], event["location"], event["status"]) == ("Open <day>", "Hall, west", "CONFIRMED")
        assert event.decoded("dtstart") == start

        gone = await sent(door, own.partition("?")[0], {"cancel": "1"})
        after = await door.get(gone.headers["location"], headers={"accept-language": "en"})
        assert "Your registration is cancelled." in after.text
        (event,) = Calendar.from_ical((await door.get(calendar)).content).walk("VEVENT")
        assert event["status"] == "CANCELLED"

    async def test_looking_registers_nobody_and_what_is_wrong_is_said_beside_what_was_typed(
        self, post: Any, door: httpx.AsyncClient
    ) -> None:
        path, session, _ = await event_of(post)
        for data, words, status in (
            ({"name": "Wang"}, "choose a session", 400),
            ({"session": session, "name": "Wang", "contact": "1"}, "Give your e-mail or your phone", 400),
            ({"session": session, "name": "Wang", "email": "x", "contact": "1"}, "is not right", 400),
            ({"session": session, "name": "Wang", "email": "w@example.com"}, "Without your leave", 400),
            ({"session": session, "guests": "9", "name": "W", "email": "w@example.com", "contact": "1"}, "too many", 400),
            ({"session": session, "guests": "many", "name": "W"}, "look again", 400),
            ({"session": "no-id", "name": "Wang"}, "look again", 400),
        ):  # fmt: skip
            answer = await door.post(path, data=data, headers={**FORM, "accept-language": "en"})
            assert (answer.status_code, words in answer.text) == (status, True), (data, answer.text)
            assert 'value="W' in answer.text
        rows = await post.sql("SELECT count(*) AS n FROM event_registrations WHERE session_id = $1", session)
        assert rows[0]["n"] == 0

    @pytest.mark.parametrize("path", ["/e/nothing", "/e/" + "A" * 44, "/e/%00%ff", "/e/" + "x" * 5000])
    async def test_a_link_that_is_not_ours_says_so_and_no_more(self, door: httpx.AsyncClient, path: str) -> None:
        for answer in (
            await door.get(path),
            await door.post(path, data={"session": "x"}),
            await door.get(f"{path}/event.ics"),
        ):
            assert answer.status_code in (404, 414, 400)
