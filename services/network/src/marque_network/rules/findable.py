"""What dealers and staff are found by, and how well a found one fits what was typed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tradekit import email, han, names, search
from tradekit.names import PersonName
from tradekit.search import SearchDocument

_PARTS = re.compile(r"[^\W_]+")
_PLACES = ("city", "province", "district")


def dealer_document(code: str, titles: Mapping[str, str], address: Mapping[str, Any] | None) -> SearchDocument:
    """Returns the search columns of a dealer: its code, its names in every language, its place."""
    texts = [*titles.values(), *((address or {}).get(part, "") for part in _PLACES)]
    found = search.document(names=[_title(text) for text in texts if text.strip()])
    return _with_codes(found, [code])


def staff_document(number: str, persons: Iterable[str], address: str) -> SearchDocument:
    """Returns the search columns of a member of staff: names, employee number, e-mail address."""
    mails = []
    if address:
        # An address that is no good for sending is still kept; it is only not found by.
        with contextlib.suppress(email.EmailError):
            mails.append(email.normalise(address))
    found = search.document(names=[names.of_full(person) for person in persons if person.strip()], emails=mails)
    return _with_codes(found, [number])


def _title(text: str) -> PersonName:
    """A firm's or a place's name: without a family name, so that its first character is not read as one."""
    tidy = names.tidy(text)
    return PersonName(given="", family="", full=tidy, script=names.script_of(tidy))


def _with_codes(found: SearchDocument, codes: Iterable[str]) -> SearchDocument:
    """Adds codes: as written, without their hyphens (which the query drops too), their parts and endings."""
    lines, tokens = [found.text] if found.text else [], set(found.tokens)
    for code in codes:
        plain = names.fold(code)
        parts = _PARTS.findall(plain)
        joined = "".join(parts)
        lines += dict.fromkeys((plain, joined))
        tokens.update((*parts, joined, *(joined[-length:] for length in (4, 6, 8) if len(joined) >= length)))
    return SearchDocument("\n".join(lines), sorted(token for token in tokens if token))


def fit(query: str, search_text: str) -> float:
    """Returns how well a row fits a typed text, 0 to 1: a whole line 1, the beginning of a line over its middle, longer
    shares first.
    """
    wanted = _squeezed(names.fold(names.tidy(query)))
    best = 0.0
    for line in search_text.splitlines():
        plain = _squeezed(line)
        if not wanted or not plain:
            continue
        if plain == wanted:
            return 1.0
        share = min(1.0, len(wanted) / len(plain))
        if plain.startswith(wanted):
            best = max(best, 0.6 + 0.35 * share)
        elif wanted in plain:
            best = max(best, 0.3 + 0.3 * share)
        else:
            best = max(best, 0.1 + 0.2 * _common(wanted, plain))
    return round(best, 4)


def _squeezed(text: str) -> str:
    return "".join(_PARTS.findall(text)) if not han.is_han(text) else text


def _common(wanted: str, plain: str) -> float:
    """The share of the query's neighbouring pairs that a line has."""
    pairs = {wanted[at : at + 2] for at in range(len(wanted) - 1)}
    return sum(pair in plain for pair in pairs) / len(pairs) if pairs else 0.0
