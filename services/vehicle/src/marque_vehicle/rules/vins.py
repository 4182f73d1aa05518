"""What is wrong with a VIN in a market, what may have been meant, and what it says; on top of tradekit's tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import ultravin
from tradekit import vin as vins
from tradekit import wmi

REQUIRED, ADVISORY, NOT_USED = 1, 2, 3  # the numbers of CheckDigitPolicy
MAX_NEAR_MISSES = 10
# The regions of ISO 3779 whose law this service knows, by the first character, for a maker that no table names.
_REGIONS = {"1": "US", "4": "US", "5": "US", "2": "CA", "L": "CN"}
_COUNTRIES = {
    "United States": "US", "China": "CN", "Canada": "CA", "Mexico": "MX", "Japan": "JP", "Germany": "DE", "United Kingdom": "GB",
    "England": "GB", "Italy": "IT", "Hong Kong": "HK", "Taiwan": "TW", "South Korea": "KR", "Thailand": "TH", "Sweden": "SE",
    "France": "FR", "Brazil": "BR", "Vietnam": "VN", "Spain": "ES", "South Africa": "ZA", "Australia": "AU", "Turkey": "TR",
    "Netherlands": "NL", "India": "IN", "Denmark": "DK", "Belgium": "BE", "Argentina": "AR", "Russia": "RU", "Switzerland": "CH",
    "Poland": "PL", "Norway": "NO", "Finland": "FI", "Czech Republic": "CZ", "Austria": "AT", "Slovenia": "SI", "Romania": "RO",
    "Portugal": "PT", "Hungary": "HU", "Indonesia": "ID", "Slovakia": "SK",
}  # fmt: skip
_REASONS = {
    vins.VinReason.CHARACTER: "VIN_CHARACTER",
    vins.VinReason.CHECK_DIGIT: "VIN_CHECK_DIGIT",
    vins.VinReason.MODEL_YEAR_CODE: "VIN_YEAR_CODE",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `position` counts from 1, 0 means the whole. An advisory one does not make the VIN invalid."""

    reason: str
    position: int
    description: str
    advisory: bool = False


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A well-formed VIN one usual slip away from what was typed; `position` counts from 1 in what was typed."""

    vin: str
    slip: str
    position: int


@dataclass(frozen=True, slots=True)
class Check:
    """What is known of a typed VIN. `vin` is cleaned even where it is wrong; `shape` tells whether it has 17 allowed characters."""

    vin: str
    policy: int
    shape: bool
    problems: list[Problem] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Tells whether the VIN would be taken in that market."""
        return all(problem.advisory for problem in self.problems)


def tidy(text: str) -> str:
    """Returns the VIN as the platform writes it, wrong or right: capitals without spaces and hyphens."""
    try:
        return vins.normalise(text)
    except vins.VinError:
        folded = unicodedata.normalize("NFKC", text).upper()
        return "".join(char for char in folded if char.isascii() and char.isalnum())


def country(vin: str) -> str:
    """Returns the country of the maker by its code, ISO 3166-1 alpha-2; empty where unknown. `vin` has the right shape."""
    known = wmi.maker(vin)
    return _COUNTRIES.get(known.country, "") if known is not None else ""


def maker(vin: str) -> str:
    """Returns the name of the maker, else of its first make; empty where no table knows it."""
    known = wmi.maker(vin)
    return (known.manufacturer or known.makes[0]) if known is not None else ""


def shape(text: str, market: str = "") -> Check:
    """Judges the shape of a typed VIN only: 17 allowed characters. It suffices for a car that is looked for among those registered."""
    try:
        return Check(vins.normalise(text), vins_policy(market), shape=True)
    except vins.VinError as error:
        problem = Problem(_REASONS.get(error.reason, "VIN_LENGTH"), error.position or 0, str(error))
        return Check(tidy(text), vins_policy(market), shape=False, problems=[problem])


def check(text: str, market: str) -> Check:
    """Judges a typed VIN by the law of a market, or where it is empty by that of the maker's country."""
    shaped = shape(text, market)
    if not shaped.shape:
        return shaped
    vin = shaped.vin
    law = market or country(vin) or _REGIONS.get(vin[0], "")
    policy = vins_policy(law)
    found = Check(vin, policy, shape=True)
    try:
        accepted = vins.validate(vin, law or None)
    except vins.VinError as error:
        found.problems.append(Problem(_REASONS[error.reason], error.position or 0, str(error)))
    else:
        if not accepted.check_holds and policy == ADVISORY:
            found.problems.append(
                Problem("VIN_CHECK_DIGIT", 9, "Position 9 of the VIN is not its check digit.", advisory=True)
            )
    if wmi.maker(vin) is None:
        found.problems.append(Problem("VIN_MAKER_UNKNOWN", 1, "No table knows the maker of this VIN.", advisory=True))
    return found


def vins_policy(market: str) -> int:
    """Returns the check-digit policy of a market: where no market is known a wrong digit is only told."""
    if not market:
        return ADVISORY
    return REQUIRED if vins.market(market).check_digit else NOT_USED


def near_misses(text: str) -> list[NearMiss]:
    """Returns what may have been meant: right check digit, one slip away; of 16 or 18 characters only known makers are offered."""
    typed = tidy(text)
    found: list[NearMiss] = []
    seen: set[str] = set()
    for miss in _candidates(typed, text):
        if miss.vin not in seen:
            seen.add(miss.vin)
            found.append(miss)
            if len(found) == MAX_NEAR_MISSES:
                break
    return found


def _candidates(typed: str, text: str) -> Iterator[NearMiss]:
    if len(typed) == vins.LENGTH:
        yield from (_slip(vin, typed) for vin in vins.near_misses(text))
    elif len(typed) == vins.LENGTH + 1:
        for index in range(len(typed)):
            yield from _whole(typed[:index] + typed[index + 1 :], "EXTRA_CHARACTER", index)
    elif len(typed) == vins.LENGTH - 1:
        for index in range(len(typed), -1, -1):
            for char in vins.ALPHABET:
                yield from _whole(typed[:index] + char + typed[index:], "MISSING_CHARACTER", index)


def _whole(vin: str, slip: str, index: int) -> Iterator[NearMiss]:
    try:
        vin = vins.normalise(vin)
    except vins.VinError:
        return
    if vins.check_digit_holds(vin) and wmi.maker(vin) is not None:
        yield NearMiss(vin, slip, index + 1)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What tables tell of a car by its VIN: empty, and 0, where none does."""

    make: str
    model: str
    model_year: int


def decode(vin: str) -> Decoded:
    """Returns what the offline decoder knows (US vPIC); makes of China come from the maker's table."""
    known = wmi.maker(vin)
    decoded = ultravin.decode(vin)["attributes"] if vins.check_digit_holds(vin) else {}
    make = str(decoded.get("Make") or "") or (known.makes[0] if known else "")
    year = str(decoded.get("Model Year") or "")
    return Decoded(make, str(decoded.get("Model") or ""), int(year) if year.isdecimal() else 0)


def model_years(vin: str, this_year: int) -> list[int]:
    """Returns the years that position 10 may stand for, the likeliest first: that of the decoder, which knows the maker's models, else
    that of position 7, else the latest. None where the code is not in use.
    """
    years = vins.model_year(vin, this_year)
    told = decode(vin).model_year
    likely = told if told in years.candidates else years.likely
    return sorted(years.candidates, key=lambda year: (year != likely, -year))


def slips(text: str) -> list[NearMiss]:
    """Returns every VIN one wrong character or one swap of neighbours away from a typed one, swaps and look-alikes first, whatever the
    check digit: for a car that is looked for and not found. None where 17 characters cannot be made out (I, O and Q count as 1, 0, 0).
    """
    typed = tidy(text)
    return [_slip(vin, typed) for vin in vins.one_slip_away(text)] if len(typed) == vins.LENGTH else []


def _slip(vin: str, typed: str) -> NearMiss:
    positions = [index for index in range(vins.LENGTH) if vin[index] != typed[index]]
    first = positions[0]
    swapped = positions == [first, first + 1] and vin[first] == typed[first + 1] and vin[first + 1] == typed[first]
    return NearMiss(vin, "SWAPPED_CHARACTERS" if swapped else "CONFUSED_CHARACTER", first + 1)
