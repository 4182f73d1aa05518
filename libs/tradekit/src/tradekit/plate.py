"""Number plates: one written form, a kind, and a key under which look-alike spellings meet.

Chinese plates are told by their first character, the province (GA 36; new-energy plates have six characters after the
letter). Plates of other countries are only tidied: upper-case letters and digits, 2 to 12 of them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_TRADITIONAL = str.maketrans("滬雲遼魯蘇贛晉陝閩貴粵寧瓊學掛領", "沪云辽鲁苏赣晋陕闽贵粤宁琼学挂领")
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—―−_.·•・∙]+")
# I and O are not issued after the province and letter; new-energy: D or F (and their successors) first for small
# cars, last for large.
_STANDARD = re.compile(rf"[{PROVINCES}][A-Z](?:[A-HJ-NP-Z0-9]{{5}}|[A-HJ-NP-Z0-9]{{4}}[挂学警港澳领])")
_NEW_ENERGY = re.compile(rf"[{PROVINCES}][A-Z](?:[A-HJK][A-HJ-NP-Z0-9][0-9]{{4}}|[0-9]{{5}}[A-HJK])")
_POLICE = re.compile(rf"WJ[{PROVINCES}]?[0-9A-Z]{{5,6}}|[0-9]{{6}}使|使[0-9]{{6}}")
_OTHER = re.compile(r"[^\W_]{2,12}")
_HAN = re.compile(r"[㐀-鿿]")
_LOOK_ALIKE = str.maketrans("OI", "01")


class PlateKind(StrEnum):
    """What sort of plate it is."""

    CN_STANDARD = "CN_STANDARD"
    CN_NEW_ENERGY = "CN_NEW_ENERGY"
    CN_SPECIAL = "CN_SPECIAL"
    OTHER = "OTHER"


class PlateReason(StrEnum):
    """Why a text is not a plate."""

    EMPTY = "EMPTY"
    LENGTH = "LENGTH"
    CHARACTER = "CHARACTER"
    SHAPE = "SHAPE"


class PlateError(ValueError):
    """A text is not a number plate; the message never repeats it."""

    def __init__(self, reason: PlateReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate in its one written form, without separators."""

    value: str
    kind: PlateKind

    @property
    def search_key(self) -> str:
        """The form to compare by: O read as 0 and I as 1, which Chinese plates never carry and cameras confuse."""
        return search_key(self.value)

    @property
    def display(self) -> str:
        """The form on the car: 京A·12345 for Chinese plates, else the value."""
        if self.kind in (PlateKind.CN_STANDARD, PlateKind.CN_NEW_ENERGY):
            return f"{self.value[:2]}·{self.value[2:]}"
        return self.value


def tidy(text: str) -> str:
    """Folds width, case, separators and traditional province characters, without judging the result."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_TRADITIONAL)


def search_key(value: str) -> str:
    """Returns the look-alike key of a tidied plate, or of a part of one."""
    return value[:2] + value[2:].translate(_LOOK_ALIKE) if value[:1] in PROVINCES else value.translate(_LOOK_ALIKE)


def normalise(text: str) -> Plate:
    """Returns the plate a text means; raises `PlateError` (SHAPE: a Chinese province with something else than a
    Chinese plate).
    """
    value = tidy(text)
    if not value:
        raise PlateError(PlateReason.EMPTY, "The number plate is empty.")
    if value[0] in PROVINCES:
        return _chinese(value)
    if _POLICE.fullmatch(value):
        return Plate(value, PlateKind.CN_SPECIAL)
    if not 2 <= len(value) <= 12:
        raise PlateError(PlateReason.LENGTH, f"A number plate has 2 to 12 characters, this one has {len(value)}.")
    if not _OTHER.fullmatch(value) or _HAN.search(value):
        raise PlateError(PlateReason.CHARACTER, "The number plate holds something else than letters and digits.")
    return Plate(value, PlateKind.OTHER)


def _chinese(value: str) -> Plate:
    # Judged by what the camera may have read: 京A0O123 is 京A00123, because O is not issued there.
    repaired = search_key(value)
    if len(value) == 7 and _STANDARD.fullmatch(repaired):
        return Plate(repaired, PlateKind.CN_STANDARD)
    if len(value) == 8 and _NEW_ENERGY.fullmatch(repaired):
        return Plate(repaired, PlateKind.CN_NEW_ENERGY)
    if len(value) not in (7, 8):
        raise PlateError(
            PlateReason.LENGTH, f"A Chinese number plate has 7 or 8 characters, this one has {len(value)}."
        )
    raise PlateError(
        PlateReason.SHAPE, "After the province a Chinese plate has a letter and five characters, or six if new-energy."
    )
