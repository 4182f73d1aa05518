"""A whole ADF document: its prospects, each with its own raw text, so that one that is broken does not spoil the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tradekit.adf.decoding import decode
from tradekit.adf.markup import Element, Kind, Token, tokens, tree
from tradekit.adf.problems import AdfProblem, Problems
from tradekit.adf.prospect import AdfContact, AdfTimeframe, AdfVehicle, AdfVendor, Reading

LARGEST = 1 << 20
MOST_PROSPECTS = 100
MOST_TOKENS = 50_000
_ENTITY = re.compile(r"<!\s{0,20}ENTITY|<!\s{0,20}DOCTYPE[^<>\[]{0,1000}\[", re.IGNORECASE)


class AdfReason(StrEnum):
    """Why a document was refused as a whole."""

    UNREADABLE = "ADF_UNREADABLE"
    TOO_LARGE = "ADF_TOO_LARGE"
    FORBIDDEN = "ADF_FORBIDDEN"


class AdfError(ValueError):
    """A document of which nothing can be made; the message repeats nothing of it."""

    def __init__(self, reason: AdfReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AdfProspect:
    """One prospect. `ids` are (source, id) as sent; `digest` is of its text without the status, so that a word-for-word `resend` has
    the same. Texts are tidy and within their lengths; what could not be understood is in `problems`.
    """

    number: int
    raw: str
    digest: str
    resend: bool
    ids: tuple[tuple[str, str], ...]
    request_time: datetime | None
    vehicles: tuple[AdfVehicle, ...]
    contact: AdfContact
    comments: str
    timeframe: AdfTimeframe | None
    vendor: AdfVendor
    provider: str
    lead_type: str
    problems: tuple[AdfProblem, ...]


@dataclass(frozen=True, slots=True)
class AdfDocument:
    """The prospects of a document, in its order."""

    prospects: tuple[AdfProspect, ...]


def parse(data: bytes, charset: str = "") -> AdfDocument:
    """Reads a document of at most `LARGEST` bytes. Raises `AdfError`; a faulty prospect says so in its `problems`."""
    if len(data) > LARGEST:
        raise AdfError(AdfReason.TOO_LARGE, f"The document is larger than {LARGEST} bytes.")
    text = decode(data, charset)
    if _ENTITY.search(text):
        raise AdfError(AdfReason.FORBIDDEN, "The document declares a document type of its own or entities.")
    found: list[AdfProspect] = []
    for group in _prospects(text):
        if len(found) == MOST_PROSPECTS:
            raise AdfError(AdfReason.TOO_LARGE, f"The document holds more than {MOST_PROSPECTS} prospects.")
        found.append(_read(text, group, len(found) + 1))
    if not found:
        raise AdfError(AdfReason.UNREADABLE, "The document holds no prospect.")
    return AdfDocument(tuple(found))


def _prospects(text: str) -> Iterator[Sequence[Token]]:
    """Yields the tokens of each prospect; one that is not closed ends where the next begins."""
    group: list[Token] = []
    for number, token in enumerate(tokens(text)):
        if number == MOST_TOKENS:
            raise AdfError(AdfReason.TOO_LARGE, f"The document holds more than {MOST_TOKENS} tags and texts.")
        if token.name == "prospect":
            if token.kind is Kind.CLOSE:
                if group:
                    yield [*group, token]
                group = []
                continue
            if group:
                yield group
            group = [token]
        elif group:
            group.append(token)
    if group:
        yield group


def _read(text: str, group: Sequence[Token], number: int) -> AdfProspect:
    problems = Problems()
    root = tree(group, problems)
    raw = text[group[0].start : group[-1].end]
    reading = Reading(root, problems)
    return AdfProspect(
        number=number,
        raw=raw,
        digest=_digest(root, text[group[0].end : group[-1].end]),
        resend=root.attributes.get("status", "").lower() == "resend",
        ids=reading.ids(),
        request_time=reading.request_time(),
        vehicles=reading.vehicles(),
        contact=reading.contact(),
        comments=reading.comments(),
        timeframe=reading.timeframe(),
        vendor=reading.vendor(),
        provider=reading.provider(),
        lead_type=reading.lead_type(),
        problems=reading.finish(),
    )


def _digest(root: Element, inside: str) -> str:
    """Returns what a prospect has in common with itself sent again: all but the status, and but spaces."""
    attributes = sorted((name, value) for name, value in root.attributes.items() if name != "status")
    return hashlib.sha256(repr((attributes, inside.split())).encode()).hexdigest()
