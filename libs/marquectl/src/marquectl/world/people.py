"""The customers of the sample world."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from marque.customer.v1.customer_import_service_pb2 import CustomerImportRow

from marquectl.world import names
from marquectl.world.network import STATIONS, Station
from marquectl.world.tables import words

_CHINESE = 0.6  # shares, of all customers
_ORGANISATIONS = 0.05
_HOMES = {country: [station for station in STATIONS if station.country == country] for country in ("CN", "US")}
_FIRST_BIRTH = date(1950, 1, 1)
_BIRTH_DAYS = (date(2004, 12, 31) - _FIRST_BIRTH).days


@dataclass(frozen=True, slots=True)
class MadeCustomer:
    """A customer of the sample: its row, the dealer it goes to, and what else is drawn from."""

    row: CustomerImportRow
    home: Station
    organisation: bool


def key_of(number: int) -> str:
    """The source key of the n-th customer."""
    return f"C-{number:06d}"


def customer(seed: int, number: int) -> MadeCustomer:
    """The n-th customer (from 1). The first two are the same in every world, for the commands that are printed."""
    dice = random.Random(f"{seed}:customer:{number}")
    country = "CN" if dice.random() < _CHINESE else "US"
    organisation = dice.random() < _ORGANISATIONS
    if number <= 2:
        country, organisation = ("CN", "US")[number - 1], False
    home = _HOMES[country][0] if number <= 2 else dice.choice(_HOMES[country])
    row = CustomerImportRow(
        row=number,
        source_key=key_of(number),
        country_code=country,
        province=home.province,
        city=home.city,
        postal_code=home.postal_code,
        language="zh-CN" if country == "CN" else "en-US",
        time_zone=home.zone,
        dealer_code=home.code,
    )
    if country == "CN":
        row.phone = names.chinese_phone(number)
        row.district = dice.choice(words("zh", "districts"))
        row.address_line = f"{dice.choice(words('zh', 'roads'))}{dice.randrange(1, 999)}号{dice.randrange(1, 30)}室"
    else:
        row.phone = names.american_phone(number, home.province)
        row.address_line = f"{dice.randrange(100, 9900)} {dice.choice(words('en', 'roads'))}"
    if organisation:
        _be_organisation(row, dice, home, number)
    else:
        _be_person(row, dice, country, number)
    return MadeCustomer(row, home, organisation)


def _be_organisation(row: CustomerImportRow, dice: random.Random, home: Station, number: int) -> None:
    row.kind = "organisation"
    chinese = home.country == "CN"
    row.organisation_name = (
        names.chinese_organisation(dice, home.city.removesuffix("市")) if chinese else names.american_organisation(dice)
    )
    row.email = f"fleet{number}@example.com"
    row.tags = "key-account" if dice.random() < 0.3 else "fleet"


def _be_person(row: CustomerImportRow, dice: random.Random, country: str, number: int) -> None:
    made = names.chinese_person(dice) if country == "CN" else names.american_person(dice)
    if number == 1:
        made = names.MadePerson("王", "秀英", "王秀英", "Xiuying Wang", "female")
    elif number == 2:
        made = names.MadePerson("Johnson", "Mary", "Mary Johnson", "Mary Johnson", "female")
    row.kind = "person"
    row.full_name, row.family_name, row.given_name, row.latin_name = made.full, made.family, made.given, made.latin
    row.gender = made.gender
    row.birth_date = (_FIRST_BIRTH + timedelta(days=dice.randrange(_BIRTH_DAYS))).isoformat()
    if dice.random() < 0.7:
        row.email = names.email(made.latin, number)
    if country == "CN" and dice.random() < 0.4:
        row.messaging_provider, row.messaging_id = "wechat", f"wx_{_messenger_id(number)}"
    if dice.random() < 0.6:
        row.occupation = dice.choice(words("zh" if country == "CN" else "en", "work"))
        row.income_band = f"{country}-{dice.randrange(1, 6)}"
    if dice.random() < 0.4:
        row.interests = ";".join(sorted(dice.sample(words("en", "interests"), dice.randrange(1, 4))))


def _messenger_id(number: int) -> str:
    """A messenger id that says nothing: the number in base 36."""
    digits, left = "", number + 46_656
    while left:
        left, digit = divmod(left, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
