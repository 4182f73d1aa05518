"""SQL of questionnaires. They are the maker's own: who may ask for them sees them all."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Questionnaire, QuestionnaireVersion

_PLAIN = "questionnaire_id, version, name, state, number, changed, publish_time, create_time, update_time"
_DRAFT = f"SELECT {_PLAIN}, document::text AS document FROM questionnaires WHERE questionnaire_id = $1"  # noqa: S608 - our own words
_VERSION = """
SELECT q.questionnaire_id, q.version, q.name, q.state, v.number, q.changed, v.publish_time, q.create_time, q.update_time,
    v.document::text AS document
FROM questionnaires q JOIN questionnaire_versions v USING (questionnaire_id) WHERE q.questionnaire_id = $1 AND v.number = $2"""


async def get(reader: Reader, questionnaire_id: uuid.UUID, number: int) -> dict[str, Any] | None:
    """Returns a questionnaire with its draft (number 0) or a version of it."""
    if number:
        row = await reader.fetchrow(_VERSION, questionnaire_id, number)
    else:
        row = await reader.fetchrow(_DRAFT, questionnaire_id)
    return {**row, "document": orjson.loads(row["document"])} if row is not None else None


async def list_rows(
    reader: Reader, state: int, order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of questionnaires without their documents, and one more."""
    conditions = query.Conditions()
    if state:
        conditions.add("state = {}", state)
    order.after(conditions, after)
    return await query.page(reader, "questionnaires", _PLAIN, conditions, order, page, None)


async def lock(session: AsyncSession, questionnaire_id: uuid.UUID) -> Questionnaire | None:
    """Returns a questionnaire for change."""
    found = sa.select(Questionnaire).where(Questionnaire.questionnaire_id == questionnaire_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def version(session: AsyncSession, questionnaire_id: uuid.UUID, number: int) -> QuestionnaireVersion | None:
    """Returns a version of a questionnaire."""
    return await session.get(QuestionnaireVersion, (questionnaire_id, number))
