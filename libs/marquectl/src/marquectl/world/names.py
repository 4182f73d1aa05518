"""Made-up people: common names in any mixture, numbers that nobody answers, addresses in a reserved domain."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tradekit import han

from marquectl.world.tables import words

_LIST = {"female": "women", "male": "men"}
_DOUBLE_FAMILIES_ZH = ("欧阳", "上官", "司马", "诸葛")
# Area codes of the states that the dealers stand in; 555-0100 to 555-0199 are reserved for fiction (ATIS-0300115).
AREA_CODES = {
    "Michigan": (313, 248, 517, 616, 734, 810, 989),
    "Texas": (214, 512, 713, 210, 817, 915, 972),
    "Florida": (305, 407, 813, 904, 561, 850),
    "California": (213, 415, 619, 916, 408, 559),
    "Ohio": (216, 614, 513, 330, 419, 937),
    "Illinois": (312, 217, 309, 618, 630, 815),
    "New York": (212, 315, 518, 585, 716, 914),
    "Georgia": (404, 478, 706, 770, 912),
    "Pennsylvania": (215, 412, 570, 610, 717, 814),
}


@dataclass(frozen=True, slots=True)
class MadePerson:
    """A made-up person; `latin` is the name in Latin letters, `gender` female or male."""

    family: str
    given: str
    full: str
    latin: str
    gender: str


def chinese_person(dice: random.Random) -> MadePerson:
    """A person with a Chinese name and its pinyin."""
    gender = dice.choice(("female", "male"))
    family = dice.choice(_DOUBLE_FAMILIES_ZH) if dice.random() < 0.01 else _weighted(dice, words("zh", "families"))
    given = dice.choice(words("zh", _LIST[gender]))
    surname = "".join(han.surname_readings(family)[0]).title()
    latin = f"{''.join(han.syllables(given)).title()} {surname}"
    return MadePerson(family, given, family + given, latin, gender)


def american_person(dice: random.Random) -> MadePerson:
    """A person with an English name."""
    gender = dice.choice(("female", "male"))
    family, given = dice.choice(words("en", "families")), dice.choice(words("en", _LIST[gender]))
    return MadePerson(family, given, f"{given} {family}", f"{given} {family}", gender)


def chinese_organisation(dice: random.Random, city: str) -> str:
    """A company's name in Chinese."""
    first, second, trade = (
        dice.choice("鼎瑞恒盛永嘉德信"),
        dice.choice("达源丰泰和通"),
        dice.choice(words("zh", "trades")),
    )
    return f"{city}{first}{second}{trade}有限公司"


def american_organisation(dice: random.Random) -> str:
    """A company's name in English."""
    family, trade = dice.choice(words("en", "families")), dice.choice(words("en", "trades"))
    return f"{family} {trade} {dice.choice(('LLC', 'Inc.', 'Co.'))}"


def chinese_phone(number: int) -> str:
    """The n-th number of the range 1740-0 to 1740-5, which China's numbering plan gives to satellite telephones.

    China reserves no range for fiction; this one is valid to every checker and is no household's mobile. It repeats after 6,000,000.
    """
    spread = number * 7_919 % 6_000_000  # neighbours in the list do not look alike
    return f"+861740{spread // 1_000_000}{spread % 1_000_000:06d}"


def american_phone(number: int, state: str) -> str:
    """The n-th number of a state among 555-0100 … 555-0199, which no network gives to anybody; it repeats after 100 × area codes."""
    areas = AREA_CODES[state]
    return f"+1{areas[number // 100 % len(areas)]}55501{number % 100:02d}"


def email(latin: str, number: int) -> str:
    """An address at example.com, which RFC 2606 keeps for examples."""
    plain = "".join(
        char for char in latin.lower().replace(" ", ".") if char.isascii() and (char.isalnum() or char == ".")
    )
    return f"{plain}{number}@example.com"


def _weighted(dice: random.Random, families: Sequence[str]) -> str:
    """A name of a list that begins with the commonest ones."""
    return families[min(int(dice.expovariate(1 / 18)), len(families) - 1)]
