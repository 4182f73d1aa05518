"""Telephone numbers: one form (E.164), what is shown, and the keys of partial search.

`phonenumbers` decides; it takes about 0.1 ms a number. Two plain spellings that make up most imports, Chinese mobiles
and +1 numbers, take a shorter way that uses the library's own patterns, and what is in E.164 already is not parsed
once more; a property test holds all ways equal. Results are kept in a bounded cache.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

CACHE_SIZE = 16_384
_MAX_TEXT = 250
_SPREAD = r"(?:[ -]?\d)"
_CN_MOBILE = re.compile(rf"(?:\+86[ -]?)?(1{_SPREAD}{{10}})")
_NANP = re.compile(rf"\+1[ -]?([2-9]{_SPREAD}{{9}})")
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_known: dict[tuple[str, str], Phone | PhoneReason] = {}
_NOT_DIGIT = re.compile(r"\D+")
_EXTENSION = re.compile(r"\s*(?:转接?|轉|分机|分機|#)\s*[:：]?\s*(\d{1,8})\s*$")


class PhoneKind(StrEnum):
    """What sort of line a number is; North America cannot tell mobile from fixed."""

    MOBILE = "MOBILE"
    FIXED = "FIXED"
    FIXED_OR_MOBILE = "FIXED_OR_MOBILE"
    TOLL_FREE = "TOLL_FREE"
    OTHER = "OTHER"


class PhoneReason(StrEnum):
    """Why a text is not a telephone number."""

    EMPTY = "EMPTY"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    COUNTRY_CODE = "COUNTRY_CODE"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    NOT_IN_USE = "NOT_IN_USE"


class PhoneError(ValueError):
    """A text is not a telephone number; the message never repeats it."""

    def __init__(self, reason: PhoneReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that can be dialled. `national` is how its country writes it; `region` is ISO 3166 or 001 for
    world-wide services.

    The extension is kept apart: two people behind one switchboard share `e164`, so match on (e164, extension).
    """

    e164: str
    national: str
    region: str
    kind: PhoneKind
    extension: str = ""


_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: PhoneKind.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
}
_MESSAGES = {
    PhoneReason.EMPTY: "The telephone number is empty.",
    PhoneReason.NOT_A_NUMBER: "The telephone number cannot be read as one.",
    PhoneReason.COUNTRY_CODE: "The telephone number has no known country code, and no known region was given.",
    PhoneReason.TOO_SHORT: "The telephone number has too few digits for its country.",
    PhoneReason.TOO_LONG: "The telephone number has too many digits for its country.",
    PhoneReason.NOT_IN_USE: "The telephone number is in no range that its country has in use.",
}
_PARSE_REASONS = {
    NumberParseException.INVALID_COUNTRY_CODE: PhoneReason.COUNTRY_CODE,
    NumberParseException.NOT_A_NUMBER: PhoneReason.NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: PhoneReason.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: PhoneReason.TOO_SHORT,
    NumberParseException.TOO_LONG: PhoneReason.TOO_LONG,
}
_LENGTH_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: PhoneReason.TOO_SHORT,
    phonenumbers.ValidationResult.TOO_LONG: PhoneReason.TOO_LONG,
}


def normalise(text: str, region: str = "CN") -> Phone:
    """Returns the number a text means, read as dialled in `region` (ISO 3166 alpha-2) unless it starts with +; raises
    `PhoneError`.

    Full-width digits and extensions (`ext. 12`, `x12`, `转12`, `#12`) are understood. Short service numbers (110,
    95511) are refused: they cannot be reached from abroad and name no person.
    """
    key = (text, "" if text[:1] == "+" else region)
    found = _known.get(key)
    if found is None:
        plain = text.strip()
        found = _plain_spelling(plain, region) or _international(plain) or by_library(plain, region)
        _remember(key, found)
    if isinstance(found, PhoneReason):
        raise PhoneError(found, _MESSAGES[found])
    return found


def _remember(key: tuple[str, str], found: Phone | PhoneReason) -> None:
    # Refusals are kept as values: an exception would be built anew for each repeated bad cell of an import file.
    if len(_known) >= CACHE_SIZE:
        _known.clear()
    _known[key] = found
    if isinstance(found, Phone) and not found.extension:
        _known[found.e164, ""] = found  # what was read is soon read again in its one form, by who stores and shows it


def _plain_spelling(text: str, region: str) -> Phone | None:
    if not text.isascii():
        return None
    if (match := _CN_MOBILE.fullmatch(text)) and (region == "CN" or text[0] == "+"):
        digits = _NOT_DIGIT.sub("", match[1])
        if _pattern("CN", "mobile").fullmatch(digits):
            return Phone(f"+86{digits}", f"{digits[:3]} {digits[3:7]} {digits[7:]}", "CN", PhoneKind.MOBILE)
    elif match := _NANP.fullmatch(text):
        digits = _NOT_DIGIT.sub("", match[1])
        if _pattern("US", "fixed_line").fullmatch(digits):
            return Phone(f"+1{digits}", f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", "US", PhoneKind.FIXED_OR_MOBILE)
    return None


def _international(text: str) -> Phone | PhoneReason | None:
    """Reads a number in E.164, of a country code that one region has to itself; None where parsing may take more off."""
    if not _E164.fullmatch(text):
        return None
    for end in (2, 3, 4):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(text[1:end]), ())
        if regions:
            break
    rest = text[end:]
    if len(regions) != 1 or rest[0] == "0" or _trunk_prefix(regions[0]).match(rest):
        return None
    return _judged(PhoneNumber(country_code=int(text[1:end]), national_number=int(rest)))


@cache
def _trunk_prefix(region: str) -> re.Pattern[str]:
    """Compiles what the library takes off the front of a number; what it finds in every number when that is unknown."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        return re.compile("")
    return re.compile(metadata.national_prefix_for_parsing or r"(?!)")


@cache
def _pattern(region: str, line: str) -> re.Pattern[str]:
    """Compiles the library's own pattern for one sort of line; one that no number matches when the region has none."""
    metadata = PhoneMetadata.metadata_for_region(region)
    description = getattr(metadata, line) if metadata else None
    return re.compile(
        description.national_number_pattern if description and description.national_number_pattern else r"(?!)"
    )


def by_library(text: str, region: str) -> Phone | PhoneReason:
    """Reads a number by `phonenumbers` alone, without shortcut or cache: the reference that the shortcut is tested
    against.
    """
    if not text.strip():
        return PhoneReason.EMPTY
    if len(text) > _MAX_TEXT:
        return PhoneReason.TOO_LONG
    plain = _EXTENSION.sub(r" ext. \1", unicodedata.normalize("NFKC", text))
    try:
        number = phonenumbers.parse(plain, region)
    except NumberParseException as error:
        return _PARSE_REASONS.get(error.error_type, PhoneReason.NOT_A_NUMBER)
    return _judged(number)


def _judged(number: PhoneNumber) -> Phone | PhoneReason:
    kind = phonenumbers.number_type(number)  # unknown for what `is_valid_number` refuses; one pass instead of two
    if kind == PhoneNumberType.UNKNOWN:
        return _LENGTH_REASONS.get(phonenumbers.is_possible_number_with_reason(number), PhoneReason.NOT_IN_USE)
    extension, number.extension = number.extension or "", None
    return Phone(
        e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
        national=phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        region=phonenumbers.region_code_for_number(number) or "001",
        kind=_KINDS.get(kind, PhoneKind.OTHER),
        extension=extension,
    )


def digits_of(text: str) -> str:
    """Returns the ASCII digits of a text, full-width ones included."""
    return _NOT_DIGIT.sub("", unicodedata.normalize("NFKC", text)) if not text.isascii() else _NOT_DIGIT.sub("", text)


def digits_tail(phone: Phone, shortest: int = 4, longest: int = 11) -> tuple[str, ...]:
    """Returns the endings of the E.164 digits, shortest first: what people say when they say a part of a number."""
    digits = phone.e164[1:]
    return tuple(digits[-length:] for length in range(shortest, min(longest, len(digits)) + 1))
