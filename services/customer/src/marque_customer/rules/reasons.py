"""Why two customers may be one: codes for programs, sentences for the clerk, and what exact matches weigh. Data."""

from __future__ import annotations

from collections.abc import Iterable

from tradekit import names

from marque_customer.rules import likeness
from marque_customer.rules.kinds import EMAIL, FAX, MESSAGING, PHONE

OF_CONTACT = {PHONE: "SAME_PHONE", EMAIL: "SAME_EMAIL", MESSAGING: "SAME_MESSAGING_ID", FAX: "SAME_FAX"}
SAME_NAME, SAME_BIRTH_DATE, SAME_PLATE = "SAME_NAME", "SAME_BIRTH_DATE", "SAME_PLATE"
SAME_IDENTITY_NUMBER = "SAME_IDENTITY_NUMBER"

# How likely two customers are one who have exactly this in common and nothing else. Families share a phone or a fax, hardly ever a
# messenger's id; one name and one birthday are shared by strangers in a large country, with the same car hardly.
_ALONE = {
    SAME_IDENTITY_NUMBER: 0.98,
    "SAME_MESSAGING_ID": 0.92,
    "SAME_EMAIL": 0.88,
    "SAME_PHONE": 0.85,
    "SAME_FAX": 0.4,
    SAME_NAME: 0.3,
    SAME_BIRTH_DATE: 0.3,
    SAME_PLATE: 0.6,
}
QUEUED_FROM = 0.5

_TEXTS = {
    SAME_IDENTITY_NUMBER: ("The same number of an identity document", "证件号码相同"),
    "SAME_PHONE": ("The same phone number", "电话号码相同"),
    "SAME_EMAIL": ("The same e-mail address", "电子邮箱相同"),
    "SAME_MESSAGING_ID": ("The same id in a messenger", "即时通讯账号相同"),
    "SAME_FAX": ("The same fax number", "传真号码相同"),
    SAME_NAME: ("The same name", "姓名相同"),
    SAME_BIRTH_DATE: ("Born on the same day", "出生日期相同"),
    SAME_PLATE: ("A car with the same plate", "车牌相同"),
    "SIMILAR_NAME": ("Similar names", "姓名相近"),
    "SIMILAR_PHONE": ("Phone numbers that differ in a digit or two", "电话号码仅差一两位"),
    "SIMILAR_EMAIL": ("Similar e-mail addresses", "电子邮箱相近"),
    "SIMILAR_ADDRESS": ("Similar addresses", "地址相近"),
    "SAME_ADDRESS": ("The same address", "地址相同"),
    "SIMILAR_BIRTH_DATE": ("Birthdays that differ in one part", "出生日期仅差一处"),
    "SAME_ORGANISATION": ("The same organisation", "单位名称相同"),
    "SIMILAR_ORGANISATION": ("Similar names of organisations", "单位名称相近"),
    "OTHER_NAME": ("Different names", "姓名不同"),
    "OTHER_PHONE": ("Different phone numbers", "电话号码不同"),
    "OTHER_EMAIL": ("Different e-mail addresses", "电子邮箱不同"),
    "OTHER_ADDRESS": ("Different addresses", "地址不同"),
    "OTHER_BIRTH_DATE": ("Different birthdays", "出生日期不同"),
    "OTHER_GENDER": ("Different genders", "性别不同"),
}


def text(code: str, language: str) -> str:
    """Returns a reason in the reader's language: of exact matches from here, of the batch as `likeness` says it."""
    if code not in _TEXTS:
        return likeness.text(code, language)
    english, chinese = _TEXTS[code]
    return chinese if language.lower().startswith("zh") else english


def score(codes: Iterable[str]) -> float:
    """Returns how likely two customers are one who have these things in common, 0 to 1: each halves what doubt is left by its weight."""
    doubt = 1.0
    for code in set(codes):
        doubt *= 1.0 - _ALONE.get(code, 0.0)
    return round(1.0 - doubt, 4)


def same_name(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Tells whether two people (whole name, name in Latin letters) are called the same; parts may stand in another order."""
    mine = {_folded(name) for name in one if name}
    return bool(mine & {_folded(name) for name in other if name})


def _folded(name: str) -> tuple[str, ...]:
    return tuple(sorted(names.fold(name).split()))
