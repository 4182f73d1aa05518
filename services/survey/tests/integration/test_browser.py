"""The page in a real Chromium (Debian's, `make browser`): offline, in two tabs, by keyboard alone, through a server that is killed.

Where there is no Chromium, these are skipped by name.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing import chromium
from servicekit.testing.platform import until

ANSWERS = (
    "SELECT question_code, value::text AS value, submission_id, sequence FROM survey_answers WHERE invitation_id = $1"
)
STATE = "SELECT state FROM invitations WHERE invitation_id = $1"
PATIENCE = 60.0
SEND = "document.querySelector('button').click()"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.path() is None, reason="there is no Chromium (make browser)"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    folder: Path = tmp_path_factory.mktemp("chromium")
    async with chromium.Chromium.started(folder) as started:
        yield started


class Invited:
    """Somebody with a browser of their own, and the link that they were sent."""

    def __init__(self, desk: Any, reader: Any, invitation: str, token: str) -> None:
        self.desk = desk
        self.reader = reader
        self.invitation = uuid.UUID(invitation)
        self.url = f"{desk.platform.http_url}/s/{token}"

    async def open(self, *, judging: bool = False) -> Any:
        """A tab with the page; with `judging` once conditions are judged in it, or skipped where that is not built."""
        tab = await self.reader.open(self.url)
        if judging and await tab.run("!document.querySelector('form[data-rules]')"):
            pytest.skip("the page's rules are not built (make page needs npm and Node)")
        if judging:
            await tab.sees("performance.getEntriesByName('survey-rules').length")
        return tab

    async def has(self, **wanted: Any) -> None:
        """Waits until the service has these answers and no others."""

        async def there() -> bool:
            rows = await self.desk.sql(ANSWERS, self.invitation)
            return {row["question_code"]: next(iter(json.loads(row["value"]).values()), None) for row in rows} == wanted

        await until(there, PATIENCE, f"the service does not have {wanted}")

    async def is_finished(self) -> bool:
        return bool((await self.desk.sql(STATE, self.invitation))[0]["state"] == 5)


@pytest_asyncio.fixture
async def invite(mortal: Any, browser: Any) -> AsyncIterator[Any]:
    readers = []

    async def made(language: str = "en-GB", **told: Any) -> Invited:
        desk, _ = mortal
        readers.append(await browser.reader(language, **told))
        return Invited(desk, readers[-1], *await desk.invited())

    yield made
    for reader in readers:
        await reader.close()


def radio(value: object, code: str = "nps") -> str:
    return f'document.querySelector(\'input[name="q-{code}"][value="{value}"]\')'


def notice(words: str) -> str:
    return f"document.getElementById('notice').textContent.includes({words!r})"


class TestNetwork:
    async def test_answers_given_offline_outlive_a_killed_server_and_are_ended_once(
        self, mortal: Any, invite: Any
    ) -> None:
        _, server = mortal
        reader = await invite()
        tab = await reader.open(judging=True)
        await tab.offline(off=True)
        await tab.run(f"{radio(3)}.click()")
        assert await tab.run("!document.getElementById('f-why').hidden")  # the browser's own judgement
        await tab.run("document.querySelector('#f-why textarea').focus()")
        await tab.write("Too long")
        await tab.run("document.activeElement.blur()")
        await tab.sees(notice("You are offline"))
        await server.kill()
        await tab.offline(off=False)
        await tab.run(f"{radio(2)}.click()")
        await reader.has()
        await server.start()
        await reader.has(nps=2, why="Too long")

        await tab.go(reader.url)
        await tab.sees(f"{radio(2)}.checked && document.querySelector('#f-why textarea').value === 'Too long'")
        await tab.run(f"{SEND}; {SEND}")
        await tab.sees(notice("Thank you"))
        told = ["SurveyAnswered", "SurveyScored", "SurveyAlarmed"]
        assert await reader.desk.events(str(reader.invitation)) == told

    async def test_an_answer_whose_receipt_was_lost_is_sent_again_as_the_same(self, invite: Any) -> None:
        reader = await invite()
        tab, sent = await reader.open(), []

        def first_is_lost(request: Any) -> bool:
            sent.append(json.loads(request["postData"]))
            return len(sent) > 1

        await tab.stop("*:answer", first_is_lost, answered=True)
        await tab.run(f"{radio(9)}.click()")
        await tab.sees(notice("Saved"))

        assert sent[0] == sent[1]
        await reader.has(nps=9)

    async def test_what_was_to_be_sent_when_the_tab_was_closed_is_sent_when_the_page_is_opened_again(
        self, invite: Any
    ) -> None:
        reader = await invite()
        tab = await reader.open()
        await tab.stop("*:answer", lambda request: False)
        await tab.run(f"{radio(9)}.click()")
        await tab.run(SEND)
        await tab.sees(notice("You are offline"))
        await tab.close()
        await (await reader.open()).sees(notice("Thank you"))

        assert await reader.is_finished()
        await reader.has(nps=9)


class TestTabs:
    async def test_two_tabs_are_one_submission_and_what_was_said_last_counts(self, invite: Any) -> None:
        reader = await invite()
        first, second = await reader.open(), await reader.open()
        await first.stop("*:answer", lambda request: False)
        await second.stop("*:answer", lambda request: False)
        await first.run(f"{radio(3)}.click()")
        await second.sees(f"{radio(3)}.checked")
        await second.run(f"{radio(9)}.click()")
        await first.sees(f"{radio(9)}.checked")
        await first.run(f"{radio('good', 'clean')}.click()")
        await first.let()
        await second.let()
        await reader.has(nps=9, clean=["good"])
        rows = await reader.desk.sql(ANSWERS, reader.invitation)
        await second.run(SEND)
        await second.sees(notice("Thank you"))
        await first.sees(notice("answered already"))

        assert len({row["submission_id"] for row in rows}) == 1
        assert len({row["sequence"] for row in rows}) == len(rows)


class TestKeyboard:
    async def test_without_a_mouse_in_chinese_faults_lead_to_their_question(self, invite: Any) -> None:
        reader = await invite("zh-CN")
        tab = await reader.open(judging=True)
        assert (
            await tab.run("document.documentElement.lang + document.querySelector('button').textContent") == "zh-CN提交"
        )
        await tab.run("document.querySelector('button').focus()")
        await tab.press("Enter")
        await tab.sees(f"{notice('请检查标出的问题')} && document.activeElement.name === 'q-nps'")
        await tab.press("Space", "ArrowRight", "ArrowRight", "Tab")
        await tab.sees("document.activeElement.name === 'q-why'")
        await tab.write("太慢了")
        await tab.press("Tab", "Space", "Tab", "Tab", "Tab", "Tab", "Tab")
        assert await tab.run("document.activeElement.type") == "submit"
        await tab.press("Enter")
        await tab.sees(notice("您的回答已收到"))

        await reader.has(nps=2, why="太慢了", clean=["good"])


class TestWeight:
    async def test_the_first_render_is_small_and_needs_no_script_and_the_engine_comes_after_it(
        self, invite: Any
    ) -> None:
        plain = await invite(scripts=False)
        tab = await plain.open()
        await tab.run(f"{radio(9)}.checked = true; document.querySelector('form').submit()")
        await tab.sees("document.body.textContent.includes('This is what you sent')")
        assert await plain.is_finished()

        tab = await (await invite()).open(judging=True)
        seen = await tab.run(
            "performance.getEntries().map(one => [one.name.split('/').pop(), Math.round(one.startTime), one.transferSize, "
            "one.decodedBodySize, Math.round(one.responseEnd)])"
        )
        by_name = {name if "." in name or "-" in name else "page": rest for name, *rest in seen if rest[0] or rest[1]}
        print(by_name)
        page = await tab.run("performance.getEntriesByType('navigation')[0].decodedBodySize")
        assert page + by_name["survey.css"][2] < 60_000
        assert by_name["rules.js"][1] < 100_000
        assert by_name["rules.js"][0] >= by_name["survey-ready"][0]
