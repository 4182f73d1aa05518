"""Numbers of identity documents in one written form, and what they are searched by."""

from __future__ import annotations

import re
import unicodedata

IDENTITY_CARD, PASSPORT, RESIDENCE_PERMIT, DRIVING_LICENCE, TAX_NUMBER, REGISTRATION = range(1, 7)
_PERSONS = frozenset({IDENTITY_CARD, DRIVING_LICENCE})  # in China a driving licence has the number of the identity card
_PLAIN = re.compile(r"[0-9A-Z]{4,32}")
_SEPARATORS = re.compile(r"[\s\-./]+")
_CHINESE = re.compile(r"[0-9]{17}[0-9X]")
# GB 11643-1999: the weights of the first 17 digits are 2^(17 - i) mod 11, the check character makes the sum 1 modulo 11.
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECK = "10X98765432"
# GB 32100-2015: the unified social credit code; letters that look like digits are left out, weights are 3^(i - 1) mod 31.
_CREDIT, _CREDIT_LENGTH = "0123456789ABCDEFGHJKLMNPQRTUWXY", 18


class IdentityNumberError(ValueError):
    """A number that is none; the message says why and never quotes it."""


def normalise(kind: int, country: str, number: str) -> str:
    """Returns a number without separators, in capitals. Raises IdentityNumberError."""
    tidy = _SEPARATORS.sub("", unicodedata.normalize("NFKC", number)).upper()
    if not _PLAIN.fullmatch(tidy):
        raise IdentityNumberError("Give 4 to 32 letters and digits.")
    if country == "CN" and kind in _PERSONS:
        _chinese_card(tidy)
    if country == "CN" and kind == REGISTRATION and len(tidy) == _CREDIT_LENGTH:
        _credit_code(tidy)
    return tidy


def purpose_of(kind: int, country: str) -> str:
    """Returns what a number is hashed for: the same digits of another kind or country are another number."""
    return f"identity_number:{country}:{kind}"


def _chinese_card(number: str) -> None:
    if not _CHINESE.fullmatch(number):
        raise IdentityNumberError("A Chinese identity card has 17 digits and a digit or X.")
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    if _CHECK[total % 11] != number[17]:
        raise IdentityNumberError("The check digit of the identity card is not right.")


def _credit_code(number: str) -> None:
    if any(character not in _CREDIT for character in number):
        raise IdentityNumberError("A unified social credit code has no I, O, S, V or Z.")
    total = sum(_CREDIT.index(character) * pow(3, place, 31) for place, character in enumerate(number[:17]))
    if _CREDIT[-total % 31] != number[17]:
        raise IdentityNumberError("The check character of the unified social credit code is not right.")
