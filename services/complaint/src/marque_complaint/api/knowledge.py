"""marque.complaint.v1.KnowledgeService."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
from marque.complaint.v1 import knowledge_service_pb2 as messages
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.rpc.call import Call
from tradekit import search

from marque_complaint.api.scoping import own_dealer, seen
from marque_complaint.errors import KnowledgeNotFound
from marque_complaint.mapping import knowledge as mapping
from marque_complaint.repository import knowledge as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.rules import knowledge as rules
from marque_complaint.rules import repeats
from marque_complaint.usecases import knowing

_SIZE = 20


class KnowledgeApi:
    """marque.complaint.v1.KnowledgeService."""

    service = "marque.complaint.v1.KnowledgeService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutKnowledgeArticle(self, request: Any, call: Call) -> Any:
        facts, document = mapping.written(request.article)
        if facts["dealer_id"] is not None:
            scope = await scopes.visible_to(self._work.reader, call.principal)
            await own_dealer(self._work, scope, facts["dealer_id"])
        return await knowing.put(
            uow=self._work(call, mapping.changed),
            code=request.article.article_code,
            facts=facts,
            document=document,
            day=fields.as_day(request.article, "effective_date", "article.effective_date"),
            etag=request.article.etag,
        )

    async def GetKnowledgeArticle(self, request: Any, call: Call) -> Any:
        day = fields.as_day(request, "day", "day") or now().date()
        row, number = await _readable(self._work, request.article_code, day, call)
        if not call.principal.is_owner:
            number = request.article_version or number
        found = await repository.documents(self._work.reader, [(row["article_code"], number)])
        if not found:
            raise KnowledgeNotFound()
        return mapping.read(row, found[row["article_code"]], request.language)

    async def SearchKnowledge(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        asked = search.query(request.query) if request.query else None
        if scope.nothing or (asked.is_empty if asked is not None else not request.case_id):
            raise InvalidArgument.of("query", "QUERY_TOO_VAGUE", "Give a word, two Han characters, or a case.")
        case = await seen(self._work, call, request.case_id) if request.case_id else None
        like = rules.Like.of(case["subject"], case["description"], case["components"]) if case is not None else None
        rows = await repository.search(self._work.reader, scope, asked, request.kind, like)
        held = await repository.versions(self._work.reader, [row["article_code"] for row in rows])
        today = now().date()
        wanted = [(code, knowing.number_in_force(versions, today)) for code, versions in held.items()]
        texts = await repository.documents(self._work.reader, wanted)
        found = [(row, texts[row["article_code"]]) for row in rows if row["article_code"] in texts]
        if case is not None:
            found = _likest(case, found)
        size = request.page_size or _SIZE
        shown = [mapping.read(row, version, request.language) for row, version in found[:size]]
        truncated = len(found) > size or len(rows) > repository.CANDIDATES
        return messages.SearchKnowledgeResponse(articles=shown, truncated=truncated)

    async def RateKnowledgeArticle(self, request: Any, call: Call) -> Any:
        row, number = await _readable(self._work, request.article_code, now().date(), call)
        return await knowing.rate(
            uow=self._work(call, mapping.changed),
            code=row["article_code"],
            number=number,
            helpful=request.helpful,
            solved=request.solved,
        )


async def words_of(work: Work, call: Call, code: str, language: str) -> str:
    """Returns the words of a template in force today, in a language. Raises KnowledgeNotFound."""
    row, number = await _readable(work, code, now().date(), call)
    if row["kind"] != rules.TEMPLATE or row["retired"]:
        raise KnowledgeNotFound()
    version = (await repository.documents(work.reader, [(code, number)]))[code]
    return rules.told(orjson.loads(version["document"])["texts"], language)[0]["body"]


async def _readable(work: Work, code: str, day: date, call: Call) -> tuple[Any, int]:
    """Returns the row of an article and the version in force. Raises KnowledgeNotFound."""
    scope = await scopes.visible_to(work.reader, call.principal)
    row = None if scope.nothing else await repository.get(work.reader, scope, code)
    if row is None:
        raise KnowledgeNotFound()
    number = knowing.number_in_force((await repository.versions(work.reader, [code])).get(code, ()), day)
    if not number:
        raise KnowledgeNotFound()
    return row, number


def _likest(case: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    words = repeats.Told.of(case).words
    scored = [(rules.answers(words, case["components"], orjson.loads(one[1]["document"])), one) for one in found]
    return [one for score, one in sorted(scored, key=lambda pair: -pair[0]) if score > 0]
