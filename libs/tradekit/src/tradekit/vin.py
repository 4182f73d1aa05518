"""Vehicle identification numbers: shape, check digit, model year, near misses (ISO 3779, 49 CFR 565, GB 16735).

The shape is always checked. The check digit is law only in some markets, so it is judged by a `Market` policy read from
`data/vin_markets.csv`, never globally: much of Europe puts another character there.
Errors carry a reason and a position, never the number itself, because a VIN points at a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from tradekit import tables

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
LENGTH = 17
_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9, *range(10))
_VALUES = dict(zip(ALPHABET, _NUMBERS, strict=True))
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# One dictionary per position, weight already applied: the check digit is computed for every row of an import.
_PRODUCTS = tuple({char: value * weight for char, value in _VALUES.items()} for weight in _WEIGHTS)
_CHECK_CHARACTERS = "0123456789X"
_SHAPE = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—―−_.·]+")
_YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"
_YEAR_CYCLE = 30
_FIRST_YEAR = 1980
# Characters people and cameras take for one another; tried first when a typing error is repaired.
_CONFUSABLE = {
    "0": "D", "1": "L7T", "2": "Z7", "3": "8E", "4": "A9", "5": "S6", "6": "G5B", "7": "1T", "8": "B3", "9": "4G",
    "A": "4H", "B": "83", "C": "G", "D": "0", "E": "F3", "F": "EP", "G": "6C", "H": "NA", "J": "L", "K": "X", "L": "1J",
    "M": "NW", "N": "MH", "P": "FR", "R": "P", "S": "5", "T": "17", "U": "V", "V": "UY", "W": "M", "X": "K", "Y": "V",
    "Z": "2",
}  # fmt: skip


class VinReason(StrEnum):
    """Why a text is not an acceptable VIN."""

    EMPTY = "EMPTY"
    LENGTH = "LENGTH"
    PRE_1981 = "PRE_1981"
    CHARACTER = "CHARACTER"
    CHECK_DIGIT = "CHECK_DIGIT"
    MODEL_YEAR_CODE = "MODEL_YEAR_CODE"


class VinError(ValueError):
    """A text is not an acceptable VIN; `position` is 1-based and None where the whole text is meant."""

    def __init__(self, reason: VinReason, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.position = position


@dataclass(frozen=True, slots=True)
class Market:
    """What one market's law asks of a VIN, from `in_force` on, with the source of the rule."""

    code: str
    in_force: date
    check_digit: bool
    model_year_code: bool
    source: str


@dataclass(frozen=True, slots=True)
class Vin:
    """An accepted VIN. `wmi` has six characters for a small maker (see `wmi`); `check_holds` is told even where no
    law asks.
    """

    value: str
    wmi: str
    descriptor: str
    year_code: str
    plant: str
    serial: str
    check_holds: bool


@dataclass(frozen=True, slots=True)
class ModelYears:
    """Model years that position 10 can mean, latest first; `likely` is set when one is left or position 7 decides."""

    candidates: tuple[int, ...]
    likely: int | None


def normalise(text: str) -> str:
    """Returns the 17 characters of a VIN: upper case, full-width folded, spaces and dashes dropped; raises
    `VinError`.
    """
    if _SHAPE.fullmatch(text):
        return text
    vin = _clean(text)
    if _SHAPE.fullmatch(vin):
        return vin
    if not vin:
        raise VinError(VinReason.EMPTY, "The VIN is empty.")
    if len(vin) == 13 and vin.isascii() and vin.isalnum():
        raise VinError(
            VinReason.PRE_1981,
            "13 characters is the VIN of a car built before 1981, which is not decoded.",
        )
    if len(vin) != LENGTH:
        raise VinError(VinReason.LENGTH, f"A VIN has {LENGTH} characters, this one has {len(vin)}.")
    position = next(index for index, char in enumerate(vin, 1) if char not in _VALUES)
    raise VinError(
        VinReason.CHARACTER,
        f"Position {position} of the VIN is not one a VIN may hold: digits, and letters but I, O, Q.",
        position,
    )


def _clean(text: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def check_digit(vin: str) -> str:
    """Returns the check character (0–9 or X) that position 9 of a normalised VIN should hold."""
    return _CHECK_CHARACTERS[_weighted_sum(vin) % 11]


def _weighted_sum(vin: str) -> int:
    return sum([products[char] for products, char in zip(_PRODUCTS, vin, strict=True)])


def check_digit_holds(vin: str) -> bool:
    """Says whether position 9 of a normalised VIN is its check character."""
    return vin[8] == check_digit(vin)


@cache
def _policies() -> dict[str, list[Market]]:
    found: dict[str, list[Market]] = {}
    for row in tables.rows("vin_markets"):
        policy = Market(
            code=row["market"],
            in_force=date.fromisoformat(row["in_force"]),
            check_digit=row["check_digit"] == "yes",
            model_year_code=row["model_year_code"] == "yes",
            source=row["source"],
        )
        found.setdefault(policy.code, []).append(policy)
    return {code: sorted(policies, key=lambda policy: policy.in_force) for code, policies in found.items()}


def market(code: str, on: date | None = None) -> Market:
    """Returns the policy of a market (ISO 3166 alpha-2), as in force on a day (default: the latest).

    A market without a row asks for the shape only: ISO 3779 leaves positions 4 to 9 to the maker.
    """
    in_force = [policy for policy in _policies().get(code.upper(), ()) if on is None or policy.in_force <= on]
    if in_force:
        return in_force[-1]
    return Market(code.upper(), date.min, check_digit=False, model_year_code=False, source="ISO 3779")


def validate(text: str, market_code: str | None = None, on: date | None = None) -> Vin:
    """Normalises a VIN and judges it by the law of a market on a day; without a market only the shape is judged.

    Raises `VinError` with CHECK_DIGIT (position 9) or MODEL_YEAR_CODE (position 10) beside the reasons of `normalise`.
    """
    value = normalise(text)
    holds = check_digit_holds(value)
    if market_code is not None:
        policy = market(market_code, on)
        if policy.check_digit and not holds:
            raise VinError(
                VinReason.CHECK_DIGIT, f"Position 9 of the VIN is not the check digit {policy.code} asks for.", 9
            )
        if policy.model_year_code and value[9] not in _YEAR_CODES:
            raise VinError(
                VinReason.MODEL_YEAR_CODE,
                f"Position 10 of the VIN is not a year code as {policy.code} asks for.",
                10,
            )
    return Vin(
        value=value,
        wmi=wmi(value),
        descriptor=value[3:8],
        year_code=value[9],
        plant=value[10],
        serial=serial(value),
        check_holds=holds,
    )


def wmi(vin: str) -> str:
    """Returns the maker's code: positions 1–3, and 12–14 with them when position 3 is 9 (under about 1,000 vehicles a
    year).
    """
    return vin[:3] + vin[11:14] if vin[2] == "9" else vin[:3]


def serial(vin: str) -> str:
    """Returns the production number: positions 12–17, or 15–17 where 12–14 belong to the maker's code."""
    return vin[14:] if vin[2] == "9" else vin[11:]


def model_year(vin: str, as_of_year: int) -> ModelYears:
    """Returns the model years position 10 can mean up to the year after `as_of_year`, latest first.

    The code repeats every 30 years. For cars and light trucks made for North America position 7 decides: a letter
    from 2010 on, a digit before (49 CFR 565.15, secondary). Heavy trucks and motorcycles do not follow it, so
    `likely` is a hint and both candidates stay. European makers may put any character there: then there is no
    candidate.
    """
    offset = _YEAR_CODES.find(vin[9])
    if offset < 0:
        return ModelYears((), None)
    candidates = tuple(sorted(range(_FIRST_YEAR + offset, as_of_year + 2, _YEAR_CYCLE), reverse=True))
    if len(candidates) <= 1:
        return ModelYears(candidates, candidates[0] if candidates else None)
    if vin[0] not in "12345":
        return ModelYears(candidates, None)
    second_cycle = range(2010, 2040) if vin[6].isalpha() else range(1980, 2010)
    return ModelYears(candidates, next((year for year in candidates if year in second_cycle), None))


def near_misses(text: str) -> Iterator[str]:
    """Yields VINs with a right check digit that differ by one character or one swap of neighbours, likeliest first,
    each once.

    `text` may hold I, O or Q (read as 1, 0, 0). Texts that are not 17 characters long yield nothing. Order: the text
    itself when only I, O, Q were wrong, swaps, look-alikes, then every other single character.
    """
    yield from (candidate for candidate in one_slip_away(text) if check_digit_holds(candidate))


def one_slip_away(text: str) -> Iterator[str]:
    """Yields as `near_misses` does, whatever the check digit: where the right one is known by other means, or no law asks for it."""
    given = _clean(text)
    vin = given.translate(str.maketrans("IOQ", "100"))
    if not _SHAPE.fullmatch(vin):
        return
    seen = {given}
    for candidate in _variants(vin):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _variants(vin: str) -> Iterator[str]:
    yield vin
    for index in range(LENGTH - 1):
        yield vin[:index] + vin[index + 1] + vin[index] + vin[index + 2 :]
    for index, char in enumerate(vin):
        for other in _CONFUSABLE[char]:
            yield vin[:index] + other + vin[index + 1 :]
    for index in range(LENGTH):
        for other in ALPHABET:
            yield vin[:index] + other + vin[index + 1 :]
