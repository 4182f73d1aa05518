"""Made-up people: common names in any mixture, numbers that nobody answers, addresses in a reserved domain."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tradekit import han

_FAMILIES_ZH = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
_DOUBLE_FAMILIES_ZH = ("欧阳", "上官", "司马", "诸葛")
_WOMEN_ZH = (
    "秀英 丽 敏 静 桂英 芳 娟 艳 秀兰 霞 燕 玲 婷 雪梅 佳怡 欣怡 梓涵 诗涵 雨桐 思琪 晓红 春梅 丹丹 慧 倩 颖 洁 璐 萍 红 玉兰 淑珍 子涵 若曦 文静 美玲 晓燕 海燕 佩珊 雅琴"
).split()
_MEN_ZH = (
    "伟 强 磊 洋 勇 军 杰 涛 超 明 刚 平 辉 鹏 华 飞 鑫 波 斌 宇 浩然 子轩 宇轩 浩宇 志强 建国 建华 国强 文博 俊杰 博文 天佑 嘉豪 志明 家辉 海涛 晓东 大伟 永强 立军"
).split()
_FAMILIES_EN = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore "
    "Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen "
    "Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts O'Brien Murphy Cook Rogers Morgan Peterson Cooper Reed "
    "Bailey Bell Kelly Howard Ward Cox Diaz Richardson Wood Watson Brooks Bennett Gray James Reyes Hughes Price Myers Long Foster"
).split()
_WOMEN_EN = (
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Sandra Ashley Emily Kimberly Donna Michelle Carol "
    "Amanda Melissa Deborah Stephanie Rebecca Laura Helen Sharon Cynthia Kathleen Amy Angela Anna Ruth Nicole Olivia Emma Grace Rachel"
).split()
_MEN_EN = (
    "James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony Mark Steven Andrew Paul Joshua "
    "Kenneth Kevin Brian Timothy Ronald Jason George Edward Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon"
).split()
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
    "Washington": (206, 253, 360, 425, 509),
    "Pennsylvania": (215, 412, 570, 610, 717, 814),
}
_ORGANISATIONS_ZH = "物流 科技 贸易 建设 租赁 餐饮 医药 文化传媒 物业 食品".split()
_ORGANISATIONS_EN = "Logistics Builders Rentals Bakery Farms Plumbing Landscaping Consulting Couriers Dental".split()


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
    family = dice.choice(_DOUBLE_FAMILIES_ZH) if dice.random() < 0.01 else _weighted(dice, _FAMILIES_ZH)
    given = dice.choice(_WOMEN_ZH if gender == "female" else _MEN_ZH)
    surname = "".join(han.surname_readings(family)[0]).title()
    latin = f"{''.join(han.syllables(given)).title()} {surname}"
    return MadePerson(family, given, family + given, latin, gender)


def american_person(dice: random.Random) -> MadePerson:
    """A person with an English name."""
    gender = dice.choice(("female", "male"))
    family, given = dice.choice(_FAMILIES_EN), dice.choice(_WOMEN_EN if gender == "female" else _MEN_EN)
    return MadePerson(family, given, f"{given} {family}", f"{given} {family}", gender)


def chinese_organisation(dice: random.Random, city: str) -> str:
    """A company's name in Chinese."""
    return f"{city}{dice.choice('鼎瑞恒盛永嘉德信')}{dice.choice('达源丰泰和通')}{dice.choice(_ORGANISATIONS_ZH)}有限公司"


def american_organisation(dice: random.Random) -> str:
    """A company's name in English."""
    return f"{dice.choice(_FAMILIES_EN)} {dice.choice(_ORGANISATIONS_EN)} {dice.choice(('LLC', 'Inc.', 'Co.'))}"


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
    plain = "".join(char for char in latin.lower().replace(" ", ".") if char.isascii() and (char.isalnum() or char == "."))
    return f"{plain}{number}@example.com"


def _weighted(dice: random.Random, letters: str) -> str:
    """A letter of a list that begins with the commonest ones."""
    return letters[min(int(dice.expovariate(1 / 18)), len(letters) - 1)]
