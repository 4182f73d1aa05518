"""The page at the gateway's door: for anybody with the link, in their language, with and without its script."""

from __future__ import annotations

import asyncio
import gzip
import html.parser
import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from servicekit.testing.platform import until

ROWED: list[dict[str, Any]] = [
    {"code": "nps", "kind": 3, "texts": {"en": "Would you <b>recommend</b> us?"}, "scale_max": 10, "required": True},
    {"code": "why", "kind": 4, "texts": {"en": "Why?"}, "show_if": "answers.nps <= 6", "required": True},
    {"code": "when", "kind": 5, "texts": {"en": "When?"}},
    {"code": "order", "kind": 6, "texts": {"en": "What matters?"}, "options": [
        {"code": "a", "texts": {"en": "Price"}}, {"code": "b", "texts": {"en": "Time"}}]},
    {"code": "grid", "kind": 7, "texts": {"en": "Rate"}, "scale_min": 1, "scale_max": 5, "rows": [{"code": "tea", "texts": {"en": "Tea"}}]},
    {"code": "pair", "kind": 8, "texts": {"en": "Rate"}, "scale_min": 1, "scale_max": 5, "rows": [
        {"code": "wait", "texts": {"en": "Wait"}}]},
]  # fmt: skip

ENGLISH = {"accept-language": "en"}
UNSENT = "SELECT count(*) FROM outbox_messages WHERE aggregate_id = $1 AND publish_time IS NULL"


class Labels(html.parser.HTMLParser):
    """What a screen reader needs: the language, a legend for each group, a name for each field."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.language, self.groups, self.legends, self.unnamed, self._labels = "", 0, 0, [], 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.language = found.get("lang") or self.language if tag == "html" else self.language
        self.groups += tag == "fieldset"
        self.legends += tag == "legend"
        self._labels += tag == "label"
        if tag in ("input", "select", "textarea") and not self._labels and not found.get("aria-label"):
            self.unnamed.append(found.get("name"))

    def handle_endtag(self, tag: str) -> None:
        self._labels -= tag == "label"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(desk: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a script, and without a token."""
    await desk.platform.open_gateway(address_rate=1_000_000)
    async with httpx.AsyncClient(base_url=desk.platform.http_url, timeout=60) as client:
        yield client


async def state(desk: Any, invitation: str) -> Any:
    return (await desk.sql("SELECT * FROM invitations WHERE invitation_id = $1", uuid.UUID(invitation)))[0]


class TestLooking:
    async def test_it_is_small_safe_in_the_reader_s_language_and_changes_nothing(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        made = await desk.published(languages=["en", "zh-CN"], questions=ROWED, alarm_rules=[], index="")
        invitation, token = await desk.invited(made=made)
        before = await state(desk, invitation)
        english = await web.get(f"/s/{token}", headers={"accept-language": "fr, en;q=0.4"})
        chinese = await web.get(f"/s/{token}", headers={"accept-language": "zh-CN,zh;q=0.9"})
        read = Labels(english.text)

        assert (english.status_code, read.language, read.unnamed) == (200, "en", [])
        assert read.groups == read.legends == len(ROWED)
        assert "服务回访" in chinese.text
        assert "提交" in chinese.text
        assert "&lt;b&gt;recommend" in english.text
        assert "default-src 'none'" in english.headers["content-security-policy"]
        assert english.headers["cache-control"] == "no-store"
        script, style = await web.get("/s/survey.js"), await web.get("/s/survey.css")
        assert sum(len(one.content) for one in (english, script, style)) < 60_000
        assert await state(desk, invitation) == before
        assert re.search(r'id="f-why"[^>]* hidden', english.text)

    async def test_a_link_that_cannot_be_answered_says_why_in_words(self, desk: Any, web: httpx.AsyncClient) -> None:
        over = (await desk.sql("SELECT now() - interval '1 day' AS over"))[0]["over"]
        _, expired = await desk.invited(expire_time=over)
        _, token = await desk.invited()
        await desk.answered(token)
        told = {
            one: await web.get(f"/s/{one}", headers={"accept-language": "en"})
            for one in (expired, token, token[:-3], "x" * 46, "%00")
        }

        codes = [answer.status_code for answer in told.values()]
        assert codes == [410, 200, 404, 404, 404]
        assert "time for this survey is over" in told[expired].text
        assert "answered already" in told[token].text
        assert "not complete" in told[token[:-3]].text
        assert all("<form" not in answer.text for answer in told.values())

    async def test_a_preview_shows_every_kind_of_question_to_staff_and_can_send_nothing(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        made = await desk.make(languages=["en", "zh-CN"], questions=ROWED, alarm_rules=[], index="")
        path = f"/v1/questionnaires/{made.questionnaire_id}/page"
        bearer = {"authorization": f"Bearer {desk.platform.token('oem.manager')}"}
        # The document is read as JSON before and after: the page's door calls the same method, and reads its answer in its own way.
        read_before = await web.get(path.removesuffix("/page"), headers=bearer)
        shown = await web.get(path, headers=bearer, params={"language": "zh"})
        read_after = await web.get(path.removesuffix("/page"), headers=bearer)
        refused = [
            await web.get(path),
            await web.get(f"{path}?number=7", headers=bearer),
            await web.get(f"{path}?number=x", headers=bearer),
        ]
        read = Labels(shown.text)

        assert (shown.status_code, read.language, read.groups, read.unnamed) == (200, "zh-CN", len(ROWED), [])
        assert 'data-token=""' in shown.text
        assert read_before.status_code == read_after.status_code == 200
        assert read_before.json() == read_after.json()
        assert re.search(r'id="f-why"[^>]* hidden', shown.text)
        assert [one.status_code for one in refused] == [401, 404, 400]


class TestRules:
    async def test_conditions_are_told_inert_and_the_engine_comes_small_after_the_questions(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        asked = {"code": "why", "kind": 4, "texts": {"en": "Why?"}, "valid_if": "answers.why != '</script><b>'"}
        made = await desk.published(languages=["en"], titles={"en": "T"}, questions=[asked], alarm_rules=[], index="")
        _, token = await desk.invited(made=made)
        page = await web.get(f"/s/{token}")
        (told,) = re.findall(r'<script type="application/json" id="questions">(.*?)</script>', page.text)
        rules = await web.get("/s/rules.js")

        assert json.loads(told)[0]["validIf"] == '(answers.why != "</script><b>")'
        assert ("data-rules" in page.text) is (rules.status_code == 200)
        assert rules.status_code == 404 or len(gzip.compress(rules.content)) < 100_000
        assert (await web.get("/s/rules.js", headers={"accept-encoding": "identity"})).content == rules.content


class TestScript:
    async def test_answers_by_the_script_s_way_are_kept_told_and_ended(self, desk: Any, web: httpx.AsyncClient) -> None:
        invitation, token = await desk.invited()
        path = f"/v1/surveyPages/{token}"
        answer = {"answer": {"questionCode": "nps", "number": 3}, "submissionId": "t", "sequence": 1}
        first = await web.post(f"{path}:answer", json=answer)
        again = await web.post(f"{path}:answer", json=answer)
        early = await web.post(f"{path}:finish", json={})
        words = {"answer": {"questionCode": "why", "text": "</textarea><script>x"}, "submissionId": "t", "sequence": 2}
        await web.post(f"{path}:answer", json=words)
        resumed = await web.get(f"/s/{token}")
        done = [await web.post(f"{path}:finish", json={}) for _ in range(3)]

        assert "why" in first.json()["shown"]
        assert again.json() == first.json()
        assert (early.status_code, early.json()["reason"]) == (400, "SURVEY_INCOMPLETE")
        assert early.json()["errors"][0]["field"] == "why"
        assert "&lt;/textarea&gt;&lt;script&gt;x" in resumed.text
        assert [one.status_code for one in done] == [200, 200, 200]
        assert (await state(desk, invitation))["state"] == 5


class TestForm:
    async def test_a_browser_without_a_script_sends_it_as_a_form(self, desk: Any, web: httpx.AsyncClient) -> None:
        made = await desk.published(languages=["en"], titles={"en": "T"}, questions=ROWED, alarm_rules=[], index="")
        invitation, token = await desk.invited(made=made)
        form = {"q-nps": "2", "q-when": "2026-02-03", "q-order.a": "2", "q-order.b": "1", "q-grid.tea": "4",
                "q-pair.wait": "1", "q-pair.wait.e": "5"}  # fmt: skip
        missing = await web.post(f"/s/{token}", data=form)
        wrong = await web.post(f"/s/{token}", data={**form, "q-nps": "77"})
        done = await web.post(f"/s/{token}", data={**form, "q-why": "Too long"})
        response = await desk.call("GetSurveyResponse", invitation_id=invitation)
        given = {one.question_code: one for one in response.answers}

        assert missing.status_code == 422
        assert re.search(r'id="f-why"[^>]*aria-invalid="true"', missing.text)
        assert re.search(r'id="f-nps"[^>]*aria-invalid="true"', wrong.text)
        assert (done.status_code, "Thank you!" in done.text) == (200, True)
        assert re.findall(r"<d[td]>(.*?)</d[td]>", done.text)[:6] == [
            "Would you &lt;b&gt;recommend&lt;/b&gt; us?", "2", "Why?", "Too long", "When?", "2026-02-03",
        ]  # fmt: skip
        assert list(given["order"].choices) == ["b", "a"]
        assert (given["when"].date.day, given["grid"].rows[0].number) == (3, 4)
        assert (given["pair"].rows[0].number, given["pair"].rows[0].expected) == (1, 5)
        assert given["why"].text == "Too long"

    async def test_forty_times_the_same_form_is_one_response_and_all_are_thanked(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        invitation, token = await desk.invited()
        sent = await asyncio.gather(*(web.post(f"/s/{token}", data={"q-nps": "9"}, headers=ENGLISH) for _ in range(40)))

        assert {one.status_code for one in sent} == {200}
        assert all("Thank you!" in one.text or "answered already" in one.text for one in sent)
        assert await desk.events(invitation) == ["SurveyAnswered", "SurveyScored"]

    async def test_a_megabyte_is_told_to_be_too_long_and_nothing_is_cut(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        _, token = await desk.invited()
        long = "长" * 5001
        form = await web.post(f"/s/{token}", data={"q-nps": "2", "q-why": long}, headers=ENGLISH)
        whole = await web.post(f"/s/{token}", data={"q-nps": "2", "q-why": "x" * 2**20}, headers=ENGLISH)
        answer = {"answer": {"questionCode": "why", "text": long}, "submissionId": "t", "sequence": 9}
        script = await web.post(f"/v1/surveyPages/{token}:answer", json=answer)
        kept = await desk.call("GetSurveyPage", desk.client(), token=token)

        assert (form.status_code, "5,000 characters at most" in form.text) == (422, True)
        assert (script.status_code, script.json()["errors"][0]["field"]) == (400, "answer.text")
        assert whole.status_code == 413
        assert [one.answer.question_code for one in kept.answers] == ["nps"]

    async def test_an_answer_to_a_question_that_is_hidden_is_not_counted_and_not_shown(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        invitation, token = await desk.invited()
        done = await web.post(f"/s/{token}", data={"q-nps": "9", "q-why": "Hidden"}, headers=ENGLISH)
        response = await desk.call("GetSurveyResponse", invitation_id=invitation)

        assert (done.status_code, "Hidden" in done.text) == (200, False)
        assert [one.question_code for one in response.answers] == ["nps"]


class TestScanners:
    async def test_programs_that_look_into_mails_end_nothing_and_use_nothing_up(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        invitation, token = await desk.invited()
        before = await state(desk, invitation)
        looked = [
            await web.head(f"/s/{token}"),
            await web.get(f"/s/{token}", headers={"purpose": "prefetch", "sec-purpose": "prefetch;prerender"}),
            await web.get(f"/s/{token}", headers={"user-agent": "SafeLinks scanner"}),
        ]
        sent = await web.post(f"/s/{token}", content=b"")

        assert [one.status_code for one in looked] == [200, 200, 200]
        assert sent.status_code == 422  # a form with nothing in it ends nothing
        assert await state(desk, invitation) == before


class TestBroker:
    async def test_while_the_broker_is_away_answers_are_taken_and_told_once_when_it_is_back(
        self, desk: Any, web: httpx.AsyncClient
    ) -> None:
        invitation, token = await desk.invited()
        await asyncio.to_thread(desk.platform.nats.halt)
        done = await web.post(f"/s/{token}", data={"q-nps": "9"}, headers=ENGLISH)
        unsent = await desk.sql(UNSENT, invitation)
        await asyncio.to_thread(desk.platform.nats.start)

        async def told() -> bool:
            return not (await desk.sql(UNSENT, invitation))[0]["count"]

        assert (done.status_code, unsent[0]["count"]) == (200, 2)
        await until(told, 60, "the events were not published")
        assert await desk.events(invitation) == ["SurveyAnswered", "SurveyScored"]
