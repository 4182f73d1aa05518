"""What a case is found by: words of what was told, its car, its tracking code. The two columns that `tradekit.search` queries."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tradekit import han, names

MOST = 20_000
_SHORT = re.compile(r"(?<![a-z0-9])(?:[a-z0-9]{1,2}|[0-9]{4})(?![a-z0-9])")
_ENDINGS = (4, 6, 8, 17)


def build(texts: Iterable[str], *, vin: str, codes: Iterable[str]) -> tuple[str, list[str]]:
    """Returns `search_text` and `search_tokens`: Han in pairs, short words and numbers of four digits whole, endings of the VIN."""
    lines = [names.fold(names.tidy(text[:MOST])) for text in texts if text]
    lines += [code.lower() for code in codes if code] + ([vin.lower()] if vin else [])
    whole = "\n".join(lines)
    tokens = {*han.bigrams(whole), *_SHORT.findall(whole)}
    tokens |= {vin[-length:].lower() for length in _ENDINGS if len(vin) >= length}
    return whole, sorted(tokens)
