"""SQL of what people wrote."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db import query
from servicekit.db.engine import Reader

from marque_survey.repository import results
from marque_survey.repository.scope import Scope
from marque_survey.rules import kinds
from marque_survey.rules.scores import NO_SET
from marque_survey.rules.themes import MOST_TEXTS, Told


async def latest(reader: Reader, scope: Scope, filters: dict[str, Any], question_code: str) -> list[Told]:
    """Returns the texts of the latest responses in sight that hold any, those of one response together, with its recommendation."""
    conditions = query.Conditions()
    conditions.add("state = {}", kinds.FINISHED)
    results.narrow(conditions, scope, filters)
    code = conditions.bind(question_code)
    nps, none = conditions.bind(kinds.NPS), conditions.bind(uuid.UUID(NO_SET))
    sql = f"""
    WITH given AS (
        SELECT i.invitation_id, i.finish_time, t.text FROM (
            SELECT invitation_id, finish_time FROM invitations WHERE {conditions.sql} ORDER BY finish_time DESC) AS i
        CROSS JOIN LATERAL (
            SELECT string_agg(value ->> 'text', E'\\n' ORDER BY question_code) AS text FROM survey_answers a
            WHERE a.invitation_id = i.invitation_id AND ({code} = '' OR a.question_code = {code}) AND value ? 'text') AS t
        WHERE t.text IS NOT NULL LIMIT {MOST_TEXTS})
    SELECT g.text, s.value FROM given g LEFT JOIN survey_scores s
        ON s.invitation_id = g.invitation_id AND s.measure = {nps} AND s.weight_set_id = {none}
    ORDER BY g.finish_time DESC, g.invitation_id"""  # noqa: S608 - our own words
    return [Told(row["text"], row["value"]) for row in await reader.fetch(sql, *conditions.arguments)]
