"""Articles over the service's own door: versions by day, who reads what, search, what helps a case, what readers say."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


def article(code: str, body: str = "Pads wear.", **more: Any) -> dict[str, Any]:
    texts = [{"language": "en", "title": "Noise", "body": body}]
    return {"article_code": code, "kind": "KNOWLEDGE_KIND_ARTICLE", "texts": texts, **more}


def code() -> str:
    return f"A{uuid.uuid4().hex[:12].upper()}"


class TestVersions:
    async def test_a_procedure_is_read_as_it_was_in_force_on_a_day(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(), await desk.make_dealer()
        name, kind = code(), {"kind": "KNOWLEDGE_KIND_PROCEDURE", "dealer_id": mine}
        for year, body in ((2026, "Call first."), (2027, "Write first.")):
            day = {"year": year, "month": 1, "day": 1}
            await desk.call("PutKnowledgeArticle", article=article(name, body, effective_date=day, **kind))
        care = desk.client("dealer.care", dealers=[mine])

        for year, number in ((2026, 1), (2027, 2)):
            day = {"year": year, "month": 6, "day": 1}
            found = await desk.call("GetKnowledgeArticle", care, article_code=name, day=day)
            assert found.article_version == number
        before = desk.call("GetKnowledgeArticle", article_code=name, day={"year": 2025, "month": 1, "day": 1})
        assert await refused(before) == "KNOWLEDGE_NOT_FOUND"
        stranger = desk.client("dealer.care", dealers=[other])
        assert await refused(desk.call("GetKnowledgeArticle", stranger, article_code=name)) == "KNOWLEDGE_NOT_FOUND"

    async def test_an_old_version_is_not_written_over_and_a_kind_never_changes(self, desk: Any) -> None:
        name = code()
        first = await desk.call("PutKnowledgeArticle", article=article(name))
        await desk.call("PutKnowledgeArticle", article=article(name, etag=first.etag))
        late = desk.call("PutKnowledgeArticle", article=article(name, etag=first.etag))
        assert await refused(late) == "ETAG_MISMATCH"
        other = desk.call("PutKnowledgeArticle", article=article(name, kind="KNOWLEDGE_KIND_BULLETIN"))
        assert await refused(other) == "KNOWLEDGE_KIND"


class TestSearch:
    async def test_customers_find_open_articles_alone_in_han_too(self, desk: Any) -> None:
        word, shown, hidden = f"w{uuid.uuid4().hex[:10]}", code(), code()
        await desk.call("PutKnowledgeArticle", article=article(shown, f"{word} \u5239\u8f66\u5f02\u54cd", open=True))
        await desk.call("PutKnowledgeArticle", article=article(hidden, f"{word} \u5239\u8f66\u5f02\u54cd"))
        owner = desk.client("owner", customer=str(uuid.uuid4()))

        for query in (word, f"\u5f02\u54cd {word}"):
            found = (await desk.call("SearchKnowledge", owner, query=query)).articles
            assert [one.article_code for one in found] == [shown]
        assert len((await desk.call("SearchKnowledge", query=word)).articles) == 2
        assert await refused(desk.call("GetKnowledgeArticle", owner, article_code=hidden)) == "KNOWLEDGE_NOT_FOUND"

    async def test_what_may_answer_a_case_comes_likest_first(self, desk: Any) -> None:
        system = f"SYSTEM {uuid.uuid4().hex[:6]}"
        near, far = code(), code()
        told = "The gearbox jerks at low speed when cold."
        await desk.call("PutKnowledgeArticle", article=article(far, "Other matter.", components=[system]))
        await desk.call("PutKnowledgeArticle", article=article(near, told, components=[f"{system}:CLUTCH"]))
        case = await desk.make(description=told, components=[f"{system}:GEARBOX"])
        # More of the same system than are weighed, all found more helpful: the words decide, in the database already.
        await desk.sql(
            "INSERT INTO knowledge_articles (article_code, version, create_time, update_time, kind, latest, open, retired, components, "
            "search_text, search_tokens, helpful_count) SELECT $1 || n, 1, now(), now(), 1, 1, false, false, ARRAY[$2], 'other', '{}', 9 "
            "FROM generate_series(1, 230) n",
            f"{far}_", system,
        )  # fmt: skip
        await desk.sql("UPDATE knowledge_articles SET helpful_count = 10 WHERE article_code = $1", far)
        found = [one.article_code for one in (await desk.call("SearchKnowledge", case_id=case.case_id)).articles]

        assert found[:2] == [near, far]

    async def test_a_readers_last_word_counts_once(self, desk: Any) -> None:
        name = code()
        await desk.call("PutKnowledgeArticle", article=article(name, open=True))
        owner = desk.client("owner", customer=str(uuid.uuid4()))
        for helpful in (True, True, False):
            rated = await desk.call("RateKnowledgeArticle", owner, article_code=name, helpful=helpful, solved=True)
        assert (rated.helpful_count, rated.unhelpful_count, rated.solved_count) == (0, 1, 0)


class TestTemplate:
    async def test_many_are_told_in_one_language_each_with_its_own_code(self, desk: Any) -> None:
        name, cases = code(), [await desk.make() for _ in range(2)]
        texts = [
            {"language": "zh-CN", "title": "T", "body": "\u7f16\u53f7 {tracking_code}"},
            {"language": "en", "title": "T", "body": "Your code is {tracking_code}."},
        ]
        await desk.call("PutKnowledgeArticle", article=article(name, kind="KNOWLEDGE_KIND_TEMPLATE") | {"texts": texts})
        actions = [{"verb": "CASE_VERB_TELL", "template": name}]
        ids = [case.case_id for case in cases]
        done = await desk.call("RunCaseActions", case_ids=ids, actions=actions, language="en-GB")

        assert done.done_count == 2
        for case in cases:
            (told,) = (await desk.call("ListCaseMessages", case_id=case.case_id)).messages
            assert told.text == f"Your code is {case.tracking_code}."
        absent = desk.call("RunCaseActions", case_ids=ids, actions=[{"verb": "CASE_VERB_TELL", "template": "NONE"}])
        assert await refused(absent) == "KNOWLEDGE_NOT_FOUND"
