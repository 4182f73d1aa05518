"""The texts of problem documents, one file per language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

LANGUAGES = ("en", "zh-CN")
DEFAULT = "en"


@dataclass(frozen=True)
class Catalogue:
    """Texts of one language: titles and neutral details by status, sentences by reason, sentences of fields by
    reason.
    """

    language: str
    titles: dict[str, str]
    details: dict[str, str]
    reasons: dict[str, str]
    fields: dict[str, str]


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Catalogue:
    """Returns the texts of one of LANGUAGES."""
    text = (resources.files(__name__) / f"{language}.yaml").read_text(encoding="utf-8")
    parts: dict[str, Any] = yaml.safe_load(text)
    return Catalogue(language=language, **parts)


def preferred_language(accept_language: str | None) -> str:
    """Chooses one of LANGUAGES by an Accept-Language header (RFC 9110, 12.5.4); what cannot be read counts for
    nothing.
    """
    best, best_weight = DEFAULT, 0.0
    for item in (accept_language or "")[:500].split(","):
        tag, _, parameter = item.strip().partition(";")
        weight = _weight(parameter.strip())
        match tag.strip().lower().partition("-")[0]:
            case "zh":
                language = "zh-CN"
            case "en" | "*":
                language = "en"
            case _:
                continue
        if weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip() == "q" and 0 <= weight <= 1 else 0.0
