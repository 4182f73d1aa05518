"""Articles: each change a version of its own, and what readers say of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.staff import subject_key

from marque_complaint.errors import KnowledgeKindOther, KnowledgeNotFound
from marque_complaint.models import KnowledgeArticle, KnowledgeVersion
from marque_complaint.repository import knowledge as repository
from marque_complaint.rules import documents
from marque_complaint.rules import knowledge as rules


async def put(
    *, uow: UnitOfWork, code: str, facts: dict[str, Any], document: dict[str, Any], day: date | None, etag: str
) -> Any:
    """Writes a version, in force from a day on (None: today). Raises KnowledgeKindOther, EtagMismatch."""
    async with uow:
        await repository.hold(uow.session, code)
        article = await repository.lock(uow.session, code)
        if article is None:
            article = KnowledgeArticle(
                article_code=code, latest=0, helpful_count=0, unhelpful_count=0, solved_count=0, **facts
            )
            uow.add(article)
        else:
            article.check_etag(etag)
            if article.kind != facts["kind"]:
                raise KnowledgeKindOther()
            for name, value in facts.items():
                setattr(article, name, value)
        article.latest += 1
        article.search_text, article.search_tokens = _found_by(code, document)
        made = KnowledgeVersion(
            article_code=code,
            number=article.latest,
            effective_date=day or uow.now.date(),
            document=document,
            create_time=uow.now,
        )
        uow.add(made)
        await uow.flush()
        uow.audit("put", "knowledge_article", code, ("texts",))
        return await uow.answer((article, made))


def _found_by(code: str, document: dict[str, Any]) -> tuple[str, list[str]]:
    words = [word for text in document["texts"] for word in (text["title"], text["body"])]
    return documents.build(words, vin="", codes=(code, *document["fault_codes"], *document["components"]))


async def rate(*, uow: UnitOfWork, code: str, number: int, helpful: bool, solved: bool) -> Any:
    """Keeps a reader's last word on an article and counts anew; `number` is the version that is answered. Raises KnowledgeNotFound."""
    async with uow:
        article = await repository.lock(uow.session, code)
        version = await repository.version_of(uow.session, code, number)
        if article is None or version is None:
            raise KnowledgeNotFound()
        said = {"article_code": code, "reader_key": subject_key(uow.principal.subject), "create_time": uow.now}
        await repository.rate(uow.session, {**said, "helpful": helpful, "solved": helpful and solved})
        counts = await repository.tally(uow.session, code)
        article.helpful_count, article.unhelpful_count, article.solved_count = counts
        await uow.flush()
        uow.audit("rate", "knowledge_article", code)
        return await uow.answer((article, version))


def number_in_force(versions: Any, day: date) -> int:
    """Returns which of an article's versions is in force on a day; 0 for none."""
    return rules.in_force([(row["number"], row["effective_date"]) for row in versions], day)
