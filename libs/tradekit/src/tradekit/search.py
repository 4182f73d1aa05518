"""The search document of a person or a car, and how a typed query meets it. Made for PostgreSQL, two columns:

- `search_text text` with `GIN (search_text gin_trgm_ops)`: everything as one lower-case line, for parts of three
characters or more;
- `search_tokens text[]` with `GIN (search_tokens)`: exact tokens, for what trigrams cannot do (two Han characters,
short words, initials) or do slower (whole numbers, VIN and plate endings).

A query becomes `tokens` and `patterns`. The predicate is always the same: one condition for the tokens, if there are
any, and one more for each pattern:

    search_tokens @> $1::text[] AND search_text LIKE $2 AND search_text LIKE $3 …

Never `LIKE ALL ($patterns)`: PostgreSQL cannot use the trigram index for it and reads the whole table. A query that
`is_empty` must be refused before, it would match every row. What each kind uses, one word or the whole text:

| kind  | typed                              | condition |
|-------|------------------------------------|-----------|
| vin   | 17 characters, or the last 6 or 8  | tokens: the VIN, its ending (a plate's ending of that length too) |
| phone | a mobile, or any number with +     | tokens: E.164 |
| phone | 4 digits                           | tokens: an ending of a phone, VIN or plate; 尾号 as people say it |
| phone | 3, or 5 and more other digits      | pattern: anywhere in phones, VINs, plates |
| plate | a whole Chinese plate              | tokens: the look-alike key |
| plate | letters with digits                | pattern |
| email | a whole address                    | tokens: the match key |
| email | a part with @                      | pattern |
| han   | one character                      | tokens: the family name or its first character |
| han   | two or more                        | tokens: all neighbouring pairs |
| latin | a word of 1–2 letters              | tokens: a whole word, a syllable (li) or initials (zw) |
| latin | a word of 3 letters or more        | pattern: part of a word, of joined pinyin or of an address |

Words of one query are judged one by one and must all hold; `kind` then is that of the most telling word, in the order
of `QueryKind`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tradekit import email, han, names, phone, plate, vin

MAX_QUERY = 200
MAX_WORDS = 8
# Fewer digits than this make 17 letters words rather than a VIN.
_VIN_DIGITS = 3
_DIGITS = re.compile(r"[+\d][\d\s().\-/]*")
_VIN_ENDING = re.compile(r"[A-HJ-NPR-Z0-9]*[A-Z][A-HJ-NPR-Z0-9]*[0-9]{4}")
_CODE = re.compile(r"(?=.*[0-9])[A-Z0-9]{3,17}")
_LIKE_SPECIAL = re.compile(r"([\\%_])")
_LONE_HAN = re.compile(rf"(?<!{han.HAN.pattern}){han.HAN.pattern}(?!{han.HAN.pattern})")
_WORD = re.compile(r"[^\W_]+")


class QueryKind(StrEnum):
    """What a query, or its most telling word, looks like."""

    VIN = "vin"
    PHONE = "phone"
    PLATE = "plate"
    EMAIL = "email"
    HAN = "han"
    LATIN = "latin"


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """The two columns: `text` in lower case, entries apart by a line feed; `tokens` sorted, each once."""

    text: str
    tokens: list[str]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A typed query made ready. `tokens` must all be in the row's tokens, `patterns` (LIKE, escaped by \\) must all
    match its text.
    """

    kind: QueryKind
    tokens: list[str]
    patterns: list[str]
    text: str

    @property
    def is_empty(self) -> bool:
        """Nothing to search by: refuse it, the predicate would match every row."""
        return not self.tokens and not self.patterns


def document(
    *,
    names: Iterable[names.PersonName] = (),
    phones: Iterable[phone.Phone] = (),
    plates: Iterable[plate.Plate] = (),
    vins: Iterable[str] = (),
    emails: Iterable[email.Email] = (),
) -> SearchDocument:
    """Builds the search columns from normalised values (VINs as `vin.normalise` returns them)."""
    lines: dict[str, None] = {}
    tokens: set[str] = set()
    for name in names:
        _add_name(name, lines, tokens)
    for number in phones:
        _add_phone(number, lines, tokens)
    for number_plate in plates:
        lines[number_plate.value.lower()] = None
        tokens.update(_plate_tokens(number_plate))
    for value in vins:
        lines[value.lower()] = None
        tokens.update(value[-length:].lower() for length in (4, 6, 8, vin.LENGTH))
    for address in emails:
        lines[address.address.lower()] = None
        tokens.add(address.match_key)
    return SearchDocument("\n".join(lines), sorted(tokens))


def _add_name(name: names.PersonName, lines: dict[str, None], tokens: set[str]) -> None:
    keys = names.search_keys(name)
    for line in (keys.plain, *keys.pinyin, *keys.initials):
        lines[line] = None
    tokens.update(keys.words, keys.syllables, keys.initials, keys.bigrams)
    if keys.family:
        tokens.add(keys.family)
        if not keys.family.isascii() and han.is_han(keys.family):
            # One Han character is looked up as a family name, also as the beginning of a compound one.
            tokens.add(keys.family[0])


def _add_phone(number: phone.Phone, lines: dict[str, None], tokens: set[str]) -> None:
    lines[number.e164] = None
    national = phone.digits_of(number.national)
    if national not in number.e164:
        # 010 6234 5678 is typed with its trunk zero, which E.164 drops.
        lines[national] = None
    tokens.update((number.e164, number.e164[-4:]))


def _plate_tokens(number_plate: plate.Plate) -> Iterable[str]:
    key = number_plate.search_key.lower()
    yield key
    if number_plate.kind in (plate.PlateKind.CN_STANDARD, plate.PlateKind.CN_NEW_ENERGY):
        yield key[1:]
    # Endings as long as a VIN's, because a query of that length is looked up among both.
    yield from (key[-length:] for length in (4, 6, 8) if len(key) >= length)


def query(text: str, region: str = "CN") -> SearchQuery:
    """Reads what a person typed; phones as dialled in `region`. Never raises: what fits nothing is searched as words.

    Only the first 200 characters and eight words are used.
    """
    folded = names.fold(names.tidy(text[:MAX_QUERY]))
    if (whole := _whole(folded, region)) is not None:
        kind, tokens = whole
        return SearchQuery(kind, tokens, [], folded)
    if _DIGITS.fullmatch(folded):
        folded = phone.digits_of(folded)
    kinds, all_tokens, patterns = [], dict[str, None](), dict[str, None]()
    for word in folded.split()[:MAX_WORDS]:
        kind, word_tokens, word_patterns = _word(word, region)
        kinds.append(kind)
        all_tokens.update(dict.fromkeys(word_tokens))
        patterns.update(dict.fromkeys(word_patterns))
    kind = min(kinds, key=list(QueryKind).index, default=QueryKind.LATIN)
    return SearchQuery(kind, list(all_tokens), list(patterns), folded)


def _whole(text: str, region: str) -> tuple[QueryKind, list[str]] | None:
    """Recognises a text that is one complete identifier, spaces and all."""
    if "@" in text:
        try:
            return QueryKind.EMAIL, [email.normalise(text).match_key]
        except email.EmailError:
            return None
    if _DIGITS.fullmatch(text):
        try:
            number = phone.normalise(text, region)
        except phone.PhoneError:
            pass
        else:
            # Other digits without + may be a part, or a number of another country that happens to be one here too.
            if text[0] == "+" or number.kind is phone.PhoneKind.MOBILE:
                return QueryKind.PHONE, [number.e164]
    if len(phone.digits_of(text)) >= _VIN_DIGITS:
        try:
            return QueryKind.VIN, [vin.normalise(text).lower()]
        except vin.VinError:
            pass
    if text[:1] in plate.PROVINCES:
        try:
            return QueryKind.PLATE, [plate.normalise(text).search_key.lower()]
        except plate.PlateError:
            pass
    return None


def _word(word: str, region: str) -> tuple[QueryKind, list[str], list[str]]:
    if (whole := _whole(word, region)) is not None:
        return *whole, []
    if "@" in word:
        return QueryKind.EMAIL, [], [like(word)]
    if _DIGITS.fullmatch(word):
        return _digits(phone.digits_of(word))
    code = plate.tidy(word)
    if len(code) in (6, 8) and _VIN_ENDING.fullmatch(code):
        return QueryKind.VIN, [code.lower()], []
    if _CODE.fullmatch(code) or (code[:1] in plate.PROVINCES and code[1:].isascii() and len(code) >= 3):
        return QueryKind.PLATE, [], [like(code.lower())]
    if han.HAN.search(word):
        return _han(word)
    parts = _WORD.findall(names.drop_apostrophes(word))
    short = [part for part in parts if len(part) <= 2]
    long = [like(part) for part in parts if len(part) > 2]
    return QueryKind.LATIN, short, long


def _digits(digits: str) -> tuple[QueryKind, list[str], list[str]]:
    if len(digits) == 4:
        return QueryKind.PHONE, [digits], []
    if len(digits) < 3:
        return QueryKind.PHONE, [digits] if digits else [], []
    return QueryKind.PHONE, [], [like(digits)]


def _han(word: str) -> tuple[QueryKind, list[str], list[str]]:
    tokens = list(han.bigrams(word))
    # Single characters beside other script, or alone, are read as a family name.
    tokens += _LONE_HAN.findall(word)
    patterns = [like(part) for part in re.findall(r"[a-z0-9]{3,}", word)]
    return QueryKind.HAN, tokens, patterns


def like(part: str) -> str:
    """Returns the LIKE pattern for a part anywhere, its own %, _ and \\ escaped."""
    escaped = _LIKE_SPECIAL.sub(r"\\\1", part)
    return f"%{escaped}%"
