"""Questionnaires as files: those of a survey site are imported and answered on the page; what is exported is what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from marquectl import asking
from marquectl.addresses import Addresses
from marquectl.contract import method
from marquectl.door import Door
from marquectl.errors import UsageError
from servicekit.testing.platform import Platform

SERVICE = "survey.v1.QuestionnaireService"
OTHERS = {
    "gb.txt": "试驾回访\n\n1. 您的年龄？*[单选题]\n30岁以下\n30岁以上\n\n2. 推荐吗？[NPS]\n3. 喜欢什么？[多选题]\n外观\n动力\n",
    "en.txt": "Drive\nHello\n1) Was the car clean? [single]\nA. Yes\nB. No\n2) What else? [text]\n3) Rank [ranking]\nPrice\nTime\n",
    "odd.txt": "只有题目\n1、第一题\n甲\n乙\n2、哪天来的【日期题】\n3、逐项打分[矩阵量表题]\n环境\n态度\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def survey(platform: Platform) -> Platform:
    await platform.start("customer")
    await platform.start("survey")
    await platform.open_gateway(address_rate=1_000_000)
    return platform


@pytest_asyncio.fixture(loop_scope="session")
async def site(survey: Platform, addresses: Addresses) -> AsyncIterator[Door]:
    async with Door(addresses, peers=survey.peers) as opened:
        yield opened


async def drafts(door: Door) -> dict[str, Any]:
    listing = f"{SERVICE}/ListQuestionnaires"
    return {one.name: one async for one in door.pages(listing, "questionnaires", method(listing).input(page_size=100))}


async def link(door: Door, name: str) -> str:
    """The path of a link to a questionnaire, published for it."""
    made = (await drafts(door))[name]
    publish = method(f"{SERVICE}/PublishQuestionnaire").input(questionnaire_id=made.questionnaire_id)
    await door.call(f"{SERVICE}/PublishQuestionnaire", publish)
    create = method("customer.v1.CustomerService/CreateCustomer").input()
    create.customer.kind = 1
    create.customer.name.full_name = "王伟"
    person = await door.call("customer.v1.CustomerService/CreateCustomer", create)
    asked = method("survey.v1.InvitationService/CreateInvitation").input(
        questionnaire_id=made.questionnaire_id, customer_id=person.customer_id, channel=2
    )
    return str((await door.call("survey.v1.InvitationService/CreateInvitation", asked)).link)


def filled(page: str) -> dict[str, list[str]]:
    """A form in which each group is answered: the first that can be chosen, a word, a day, places in order."""
    form: dict[str, list[str]] = {}
    for box in re.findall(r"<fieldset.*?</fieldset>", page, re.DOTALL):
        for name, value in re.findall(r'<input type="(?:radio|checkbox)" name="([^"]+)" value="([^"]+)"', box)[:1]:
            form[name] = [value]
        for place, name in enumerate(re.findall(r'<select name="([^"]+)"', box), start=1):
            form[name] = [str(place)]
        for name in re.findall(r'<textarea name="([^"]+)"', box):
            form[name] = ["好"]
        for name in re.findall(r'<input type="date" name="([^"]+)"', box):
            form[name] = ["2026-02-03"]
    return form


async def answer(platform: Platform, path: str) -> tuple[int, httpx.Response]:
    """Answers every question of a page as a person without scripts would; returns how many there were, and what they are told."""
    async with httpx.AsyncClient(base_url=platform.http_url, timeout=60) as web:
        page = await web.get(path)
        form = filled(page.text)
        return page.text.count("<fieldset"), await web.post(path, data=form)


class TestImport:
    async def test_the_questionnaire_of_a_survey_site_is_imported_once_and_answered_on_the_page(
        self, survey: Platform, site: Door, marque_data: Path
    ) -> None:
        file = marque_data / "questionnaires_cn" / "bmw_4s_aftersales_csat.txt"
        checked = await asking.import_file(site, file, dry_run=True)
        assert not await drafts(site)
        told = await asking.import_file(site, file)
        again = await asking.import_file(site, file)
        questions, thanked = await answer(survey, await link(site, told.made[0]))

        assert (checked.made, told.remarks, told.refused, again.made) == (told.made, [], [], [])
        assert again.known == told.made == ["怀化宝利汽车售后市场调研分析"]
        assert (questions, thanked.status_code, "您的回答已收到" in thanked.text) == (14, 200, True)
        assert thanked.text.count("<dt>") == 14

    @pytest.mark.parametrize("name", OTHERS)
    async def test_others_like_it_are_answered_too(
        self, survey: Platform, site: Door, tmp_path: Path, name: str
    ) -> None:
        file = tmp_path / name
        file.write_bytes(OTHERS[name].encode("gb18030" if name == "gb.txt" else "utf-8"))
        told = await asking.import_file(site, file, language="en" if name == "en.txt" else "zh-CN")
        questions, thanked = await answer(survey, await link(site, told.made[0]))

        assert (told.refused, questions, thanked.status_code) == ([], 3, 200)
        assert told.remarks == (["odd.txt:2: KIND_GUESSED"] if name == "odd.txt" else [])

    async def test_what_is_no_questionnaire_is_named_by_file_and_line(self, site: Door, tmp_path: Path) -> None:
        empty, broken, faulty = tmp_path / "empty.txt", tmp_path / "broken.jsonl", tmp_path / "faulty.json"
        empty.write_text("Nothing is asked here", encoding="utf-8")
        broken.write_text('{"name": "x"}\n', encoding="utf-8")
        asked = {"code": "a", "kind": "QUESTION_KIND_TEXT", "texts": {"en": "Why?"}, "show_if": "answers.b > 1"}
        document = {"languages": ["en"], "titles": {"en": "T"}, "questions": [asked]}
        faulty.write_text(json.dumps({"name": "Faulty", "document": document}), encoding="utf-8")

        assert "No question was found" in str((await asking.import_file(site, empty)).refused)
        assert "show_if" in str((await asking.import_file(site, faulty)).refused)
        for wrong in (broken, tmp_path / "none.txt", tmp_path / "x.csv"):
            with pytest.raises(UsageError, match=wrong.name):
                await asking.import_file(site, wrong)


class TestRoundTrip:
    async def test_what_is_exported_is_what_comes_back(self, site: Door, tmp_path: Path) -> None:
        (tmp_path / "made.txt").write_text(OTHERS["odd.txt"].replace("只有", "来回"), encoding="utf-8")
        (name,) = (await asking.import_file(site, tmp_path / "made.txt")).made
        first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
        await asking.export_file(site, first)
        told = [json.loads(line) for line in first.read_text(encoding="utf-8").splitlines()]
        (mine,) = [one for one in told if one["name"] == name]
        (tmp_path / "again.json").write_text(json.dumps({**mine, "name": "Again"}), encoding="utf-8")
        assert (await asking.import_file(site, tmp_path / "again.json")).made == ["Again"]
        await asking.export_file(site, second)
        back = [json.loads(line) for line in second.read_text(encoding="utf-8").splitlines()]

        assert [one["document"] for one in back if one["name"] == "Again"] == [mine["document"]]
        assert [one for one in back if one["name"] != "Again"] == told
