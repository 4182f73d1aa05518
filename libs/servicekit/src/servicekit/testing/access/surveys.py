"""A questionnaire of the maker, and an invitation at every place of the world."""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.fixtures.survey import DOCUMENT
from servicekit.testing.access.registry import Row


async def make(cast: Any) -> None:
    """Makes the rows; `cast` has the dealers and customers of all places."""
    document = {"languages": DOCUMENT["languages"], "titles": DOCUMENT["titles"], "questions": [_QUESTION]}
    made = await cast.post("oem.manager", "/v1/questionnaires", {"name": "Visit", "document": document})
    cast.rows["questionnaire"] = {"maker": Row("maker", made["questionnaireId"])}


_QUESTION = {"code": "nps", "kind": "QUESTION_KIND_RATING", "texts": {"en": "Would you?"}, "scaleMax": 10}
