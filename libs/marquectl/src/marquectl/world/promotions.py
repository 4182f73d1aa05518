"""What the sample's marketing does besides its mailings: a journey of several steps, calls and a test-drive day of a dealer, letters that
are printed, the notice of a recall, what the year may cost, and a car that somebody bought.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marquectl.world import nhtsa, vins
from marquectl.world.cars import WORLD_DAY, MadeCar
from marquectl.world.mailings import MAIL, NAME, SITE, cny, mail, reached
from marquectl.world.network import STATIONS
from marquectl.world.people import MadeCustomer

JOURNEY, LETTERS, CALLS, RECALL = (
    "冬季出行 / Ready for winter",
    "店庆请柬 / Anniversary letter",
    "试驾确认电话 / Calls before the test drive",
    "召回通知 / Recall notice",
)
NAMES = frozenset({JOURNEY, LETTERS, CALLS, RECALL})
EVENT = "周末试驾日 / Weekend of test drives"
DEALER = STATIONS[0]
"""Whose calls and whose test-drive day they are."""
AUTHOR, REVIEWER, SELLER = "C01", "M01", "S01"
"""Its people: customer care writes, the manager reviews, an adviser registers."""
TRAVELLERS, WRITTEN = 12, 40  # at most, in a journey and by letter
_SEATS = ((10, 12, 2), (14, 16, 3))  # from, to, seats
_COMING = ((0, 0), (0, 0), (0, 1), (1, 1), (1, 0))  # session and guests of each who registers: one of them waits
_VIN = {"name": "vin", "person_field": "PERSON_FIELD_VIN"}

TEMPLATES: dict[str, dict[str, Any]] = {
    "winter": {
        **MAIL,
        "name": JOURNEY,
        "variables": [NAME],
        "contents": [
            mail(
                "zh-CN",
                "换上冬季轮胎的时候到了",
                "尊敬的{{ name }}：",
                "气温低于七度时，冬季轮胎的制动距离更短。",
                "预约换胎",
                f"{SITE}/zh/tyres",
            ),
            mail(
                "en",
                "Time for winter tyres",
                "Dear {{ name }},",
                "Below seven degrees winter tyres stop your car sooner.",
                "Book a change",
                f"{SITE}/en/tyres",
            ),
        ],
    },
    "winter-text": {
        "channel": "CHANNEL_SMS",
        "default_language": "en",
        "name": f"{JOURNEY}, 短信 / text",
        "variables": [NAME],
        "contents": [
            {"language": "zh-CN", "text": "【Marque】{{ name }}，您还没有预约冬季轮胎。回复任意内容，我们给您回电。"},
            {"language": "en", "text": "Marque: {{ name }}, no date for winter tyres yet. Reply and we call you back."},
        ],
    },
    "letter": {
        "channel": "CHANNEL_POST",
        "default_language": "en",
        "name": LETTERS,
        "variables": [NAME],
        "contents": [
            {
                "language": "zh-CN",
                "subject": "诚邀您参加店庆",
                "text": "尊敬的{{ name }}：\n\n感谢您多年的信任。十二月，我们在各家门店备好热茶与新车，"
                "恭候您的光临。\n\nMarque 敬上",
            },
            {
                "language": "en",
                "subject": "You are invited",
                "text": "Dear {{ name }},\n\nthank you for the years with us. In December there is tea, and there are new cars, at every "
                "dealer of ours. Do come by.\n\nYours, Marque",
            },
        ],
    },
    "recall": {
        **MAIL,
        "name": RECALL,
        "variables": [NAME, _VIN],
        "contents": [
            {
                "language": "zh-CN",
                "subject": "重要：您的车辆在召回范围内",
                "text": "尊敬的{{ name }}：\n\n您的车辆（{{ vin }}）在召回范围内，检修免费。请尽快与服务站预约。",
            },
            {
                "language": "en",
                "subject": "Important: your car is recalled",
                "text": "Dear {{ name }},\n\nyour car {{ vin }} is part of a recall. The remedy is free of charge. Please make an "
                "appointment with a workshop of ours soon.",
            },
        ],
    },
}
SCRIPT: dict[str, Any] = {
    "channel": "CHANNEL_PHONE",
    "default_language": "zh-CN",
    "name": CALLS,
    "variables": [NAME],
    "contents": [
        {"language": "zh-CN", "text": "{{ name }}，您好！我是上海东方汽车。您报名了周末试驾日，想确认您何时到店、最想试哪一款。"},
        {"language": "en", "text": "Hello {{ name }}, Shanghai Oriental Motors here: when do you come, and which car shall wait?"},
    ],
}  # fmt: skip
"""What the dealer's people say on the telephone."""


def journey(templates: Mapping[str, str], audience_list: str) -> dict[str, Any]:
    """Returns the campaign in steps: a mail, three days, and a text message for who followed no link of it."""
    return {
        "name": JOURNEY,
        "kind": "CAMPAIGN_KIND_SERVICE_DUE",
        "channel": "CHANNEL_EMAIL",
        "purpose": "CONSENT_PURPOSE_SERVICE",
        "template_id": templates["winter"],
        "audience_list_id": audience_list,
        "goal": "CAMPAIGN_RESPONSE_KIND_VISIT",
        "steps": [
            {"code": "mail", "send": {}},
            {"code": "wait", "wait": {"days": 3, "local_minute": 600}},
            {"code": "fork", "branch": {"rule": '"mail" in run.clicked', "then": "end", "otherwise": "text"}},
            {"code": "text", "send": {"template_id": templates["winter-text"], "channel": "CHANNEL_SMS"}},
            {"code": "end", "exit": {"reason": "TOLD"}},
        ],
    }


def letters(templates: Mapping[str, str], audience_list: str) -> dict[str, Any]:
    """Returns the campaign by post."""
    return {
        "name": LETTERS,
        "kind": "CAMPAIGN_KIND_WIN_BACK",
        "channel": "CHANNEL_POST",
        "purpose": "CONSENT_PURPOSE_MARKETING",
        "template_id": templates["letter"],
        "audience_list_id": audience_list,
        "thousand_cost": cny(3_200),
        "budget": cny(400),
    }


def calls(template: str, audience_list: str) -> dict[str, Any]:
    """Returns the dealer's campaign by telephone."""
    return {
        "name": CALLS,
        "kind": "CAMPAIGN_KIND_TEST_DRIVE_EVENT",
        "channel": "CHANNEL_PHONE",
        "purpose": "CONSENT_PURPOSE_MARKETING",
        "template_id": template,
        "audience_list_id": audience_list,
        "goal": "CAMPAIGN_RESPONSE_KIND_TEST_DRIVE",
        "call_days": 3,
        "most_calls": 2,
    }


def recall_notice(templates: Mapping[str, str], recall_id: str) -> dict[str, Any]:
    """Returns the notice to the owners of a recall's cars."""
    return {
        "name": RECALL,
        "kind": "CAMPAIGN_KIND_RECALL_NOTICE",
        "channel": "CHANNEL_EMAIL",
        "legal_notice": True,
        "template_id": templates["recall"],
        "recall_id": recall_id,
    }


def travellers(customers: Sequence[MadeCustomer]) -> list[str]:
    """Returns the source keys of those who go through the journey: the last of those to whom mails go, of whom few have a complaint."""
    return reached(customers)[-TRAVELLERS:]


def written(customers: Sequence[MadeCustomer]) -> list[str]:
    """Returns the source keys of those who get a letter: people of whom no e-mail address is known."""
    return [one.row.source_key for one in customers if not (one.row.email or one.organisation)][:WRITTEN]


def coming(customers: Sequence[MadeCustomer]) -> list[tuple[str, int, int]]:
    """Returns who registers for the test-drive day, people of the dealer before others of its country, the newest first, in their order:
    source key, session and guests.
    """
    near = [one for one in reversed(customers) if one.home.country == DEALER.country and not one.organisation]
    near.sort(key=lambda one: one.home != DEALER)
    return [(one.row.source_key, *wish) for one, wish in zip(near, _COMING, strict=False)]


def called(customers: Sequence[MadeCustomer]) -> list[str]:
    """Returns the source keys of those whom the dealer calls: who registered."""
    return [key for key, *_ in coming(customers)]


def people(customers: Sequence[MadeCustomer]) -> set[str]:
    """Returns the source keys of everybody whom these things are about."""
    return {*travellers(customers), *written(customers), *called(customers)}


def agreed(customers: Sequence[MadeCustomer]) -> list[tuple[str, str, str]]:
    """Returns what is agreed to beside `mailings.AGREED`, all marketing: source key, channel, and the dealer's code (else the maker)."""
    by_post = [(key, "CHANNEL_POST", "") for key in written(customers)]
    return by_post + [(key, "CHANNEL_PHONE", DEALER.code) for key in called(customers)]


def event(today: date) -> dict[str, Any]:
    """Returns the test-drive day: the Saturday after next week's begin, in the morning and in the afternoon."""
    day, zone = today + timedelta(days=7 + (5 - today.weekday()) % 7), ZoneInfo(DEALER.zone)

    def at(hour: int) -> str:
        return datetime.combine(day, time(hour), zone).isoformat()

    return {
        "name": EVENT,
        "kind": "MARKETING_EVENT_KIND_TEST_DRIVE",
        "place": f"{DEALER.zh}展厅 / Showroom of {DEALER.en}",
        "time_zone": DEALER.zone,
        "sessions": [{"start_time": at(begin), "end_time": at(end), "capacity": seats} for begin, end, seats in _SEATS],
        "cancel_hours": 24,
        "most_guests": 2,
    }


def plan_name(year: int) -> str:
    """Returns the name of the plan of a year."""
    return f"{year} 年度市场计划 / Marketing plan {year}"


def plan(year: int) -> dict[str, Any]:
    """Returns what a year may cost: campaigns by channel each month, adverts each month, a fair in April and one in November."""
    monthly = (
        ("CHANNEL_EMAIL", "CAMPAIGN", 2_000),
        ("CHANNEL_SMS", "CAMPAIGN", 1_500),
        ("CHANNEL_POST", "CAMPAIGN", 4_000),
        ("CHANNEL_WEB", "ADVERT", 20_000),
    )
    lines = [(month, *line) for month in range(1, 13) for line in monthly]
    lines += [(month, "CHANNEL_IN_PERSON", "FAIR", 60_000) for month in (4, 11)]
    return {
        "name": plan_name(year),
        "currency_code": "CNY",
        "first_month": f"{year}-01",
        "last_month": f"{year}-12",
        "lines": [
            {"month": f"{year}-{month:02d}", "channel": channel, "source": source, "amount": cny(units)}
            for month, channel, source, units in lines
        ],
    }


def spends(today: date) -> list[dict[str, Any]]:
    """Returns what the months of this year cost so far outside campaigns, each on its first day."""
    dice = random.Random(f"spends:{today.year}")
    adverts = [
        (month, "CHANNEL_WEB", "ADVERT", dice.randrange(160, 220) * 100, "网络广告 / Web adverts")
        for month in range(1, 13)
    ]
    fairs = [(month, "CHANNEL_IN_PERSON", "FAIR", 57_400, "车展展台 / Stand at the fair") for month in (4, 11)]
    return [
        {
            "source_key": f"sample-{source.lower()}-{today.year}-{month:02d}",
            "spend_date": {"year": today.year, "month": month, "day": 1},
            "channel": channel,
            "source": source,
            "amount": cny(units),
            "note": note,
        }
        for month, channel, source, units, note in (*adverts, *fairs)
        if month <= today.month
    ]  # fmt: skip


def recalled(
    recalls: Mapping[str, Iterable[tuple[str, str, int]]], cars: Sequence[MadeCar], customers: Sequence[MadeCustomer]
) -> str:
    """Returns the number of the smallest of some recalls (number → make, model, year) of which a mail can tell an owner; "" for none."""
    by_mail = {one.row.source_key for one in customers if one.row.email}
    sizes = {}
    for number, kinds in recalls.items():
        covered = [car for car in cars if (car.complaint.make, car.complaint.model, car.complaint.year) in kinds]
        if any(car.owner_on(WORLD_DAY) in by_mail for car in covered):
            sizes[number] = len(covered)
    return min(sizes, key=lambda number: (sizes[number], number), default="")


def bought_car(taken: Iterable[str]) -> dict[str, Any]:
    """Returns the car that somebody buys after a mail, with a VIN that is none of those taken."""
    newest = max(nhtsa.complaints(), key=lambda one: (one.year, one.prefix))
    return {
        "vin": vins.complete(newest.prefix, random.Random("bought"), set(taken)),
        "make": newest.make,
        "model": newest.model,
        "model_year": newest.year,
        "use": "VEHICLE_USE_PRIVATE",
    }
