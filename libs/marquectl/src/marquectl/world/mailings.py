"""What the sample's marketing says, to whom, and who answers: segments, a rule of whom to leave out, words in two languages, campaigns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from marquectl.world.people import MadeCustomer

MOST = 80
SENT, LIVE, ANSWERING = (
    "秋季服务节 / Autumn service days",
    "保养提醒 / Service reminder",
    "谢谢光临 / Thank you for coming",
)
SITE = "https://cars.example"

# name → rule, as marketing would write it.
SEGMENTS = {
    "半年未到店的车主 / Owners not seen for half a year": "size(cars) > 0 && person.days_since_visit > 180",
    "质保一年内到期 / Warranty ends within a year": (
        "cars.exists(c, c.warranty_days_left >= 0 && c.warranty_days_left <= 365)"
    ),
    "保养到期 / Maintenance is due": "cars.exists(c, c.days_to_service <= 30)",
    "待召回车辆的车主 / Owners with a recall pending": "cars.exists(c, c.open_recalls > 0)",
    "满意的老客户 / Happy regulars": "person.last_score >= 8.0 && person.visit_count >= 2 && person.open_cases == 0",
}
# Beside those that every platform begins with: nobody who was disappointed lately is told how good we are.
SUPPRESSION = {
    "code": "UNHAPPY_LATELY",
    "rule": "person.last_score < 5.0 && person.days_since_survey < 30",
    "kinds": ["CAMPAIGN_KIND_NEWSLETTER", "CAMPAIGN_KIND_SERVICE_DUE", "CAMPAIGN_KIND_CROSS_SELL"],
    "enabled": True,
}
NAME = {"name": "name", "person_field": "PERSON_FIELD_FULL_NAME", "fallback": "车主 / owner"}
MAIL: dict[str, Any] = {"channel": "CHANNEL_EMAIL", "default_language": "en"}


def mail(language: str, subject: str, greeting: str, line: str, link: str, url: str) -> dict[str, str]:
    """Returns the words of a mail in one language: a greeting, a line, and a link with its words."""
    html = f'<html><body><p>{greeting}</p><p>{line}</p><p><a href="{url}">{link}</a></p></body></html>'
    return {"language": language, "subject": subject, "html": html}


TEMPLATES: dict[str, dict[str, Any]] = {
    "autumn": {
        **MAIL,
        "name": f"{SENT} A",
        "variables": [NAME, {"name": "until"}],
        "contents": [
            mail(
                "zh-CN",
                "秋季免费检测",
                "尊敬的{{ name }}：",
                "{{ until }}前到店，免费检测 36 项，工时费八折。",
                "预约到店",
                f"{SITE}/zh/autumn",
            ),
            mail(
                "en",
                "A free check this autumn",
                "Dear {{ name }},",
                "Come by {{ until }} for a free check of 36 points.",
                "Book a visit",
                f"{SITE}/en/autumn",
            ),
        ],
    },
    "autumn-b": {
        **MAIL,
        "name": f"{SENT} B",
        "variables": [NAME, {"name": "until"}],
        "contents": [
            mail(
                "zh-CN",
                "您的爱车准备好过冬了吗？",
                "{{ name }}，您好！",
                "{{ until }}前，为您的爱车做一次免费过冬检测。",
                "选择时间",
                f"{SITE}/zh/winter",
            ),
            mail(
                "en",
                "Is your car ready for winter?",
                "Hello {{ name }},",
                "Until {{ until }} the winter check is on us.",
                "Choose a time",
                f"{SITE}/en/winter",
            ),
        ],
    },
    "thanks": {
        **MAIL,
        "name": ANSWERING,
        "variables": [NAME],
        "contents": [
            mail(
                "zh-CN",
                "感谢您的光临",
                "尊敬的{{ name }}：",
                "感谢您今天到店，您的服务顾问随时为您解答。",
                "联系我们",
                f"{SITE}/zh/contact",
            ),
            mail(
                "en",
                "Thank you for coming by",
                "Dear {{ name }},",
                "It was good to see you. Your adviser is there for questions.",
                "Contact us",
                f"{SITE}/en/contact",
            ),
        ],
    },
    "reminder": {
        "channel": "CHANNEL_SMS",
        "default_language": "en",
        "name": LIVE,
        "variables": [NAME],
        "contents": [
            {"language": "zh-CN", "text": "【Marque】尊敬的{{ name }}，您的爱车保养将到期，请致电服务站预约。"},
            {
                "language": "en",
                "text": "Marque: {{ name }}, your car is due for maintenance. Call your dealer to book.",
            },
        ],
    },
}


def campaigns(templates: dict[str, str], audience_list: str) -> dict[str, dict[str, Any]]:
    """Returns the campaigns by their keys, given the ids of the templates by key and of the list of people."""
    return {
        "answering": {
            "name": ANSWERING,
            "kind": "CAMPAIGN_KIND_NEWSLETTER",
            "channel": "CHANNEL_EMAIL",
            "purpose": "CONSENT_PURPOSE_SERVICE",
            "template_id": templates["thanks"],
            "audience_list_id": audience_list,
            "trigger": "CAMPAIGN_RESPONSE_KIND_VISIT",
        },
        "sent": {
            "name": SENT,
            "kind": "CAMPAIGN_KIND_SERVICE_DUE",
            "channel": "CHANNEL_EMAIL",
            "purpose": "CONSENT_PURPOSE_MARKETING",
            "template_id": templates["autumn"],
            "audience_list_id": audience_list,
            "values": [{"name": "until", "value": "2026-11-30"}],
            "variants": [{"code": "B", "percent": 50, "template_id": templates["autumn-b"]}],
            "holdout_percent": 30,
            "budget": cny(500),
            "thousand_cost": cny(120),
            "response_value": cny(380),
            "goal": "CAMPAIGN_RESPONSE_KIND_VISIT",
            "attribution": "CAMPAIGN_ATTRIBUTION_LAST",
            "response_days": 14,
        },
        "live": {
            "name": LIVE,
            "kind": "CAMPAIGN_KIND_SERVICE_DUE",
            "channel": "CHANNEL_SMS",
            "purpose": "CONSENT_PURPOSE_SERVICE",
            "template_id": templates["reminder"],
            "audience_list_id": audience_list,
            "rate_per_minute": 1,
        },
    }


# What is agreed to: purpose and channel, in the names of the contract.
AGREED = (
    ("CONSENT_PURPOSE_MARKETING", "CHANNEL_EMAIL"),
    ("CONSENT_PURPOSE_SERVICE", "CHANNEL_EMAIL"),
    ("CONSENT_PURPOSE_SERVICE", "CHANNEL_SMS"),
)


def reached(customers: Sequence[MadeCustomer]) -> list[str]:
    """Returns the source keys of those to whom the sample's campaigns go: people with an e-mail address, the first of them."""
    return [one.row.source_key for one in customers if one.row.email and not one.organisation][:MOST]


def comes_by(source_key: str, *, held_out: bool) -> bool:
    """Tells whether somebody comes to a dealer in the days after the campaign; who got its mail does so more often."""
    return random.Random(f"comes:{source_key}").random() < (0.2 if held_out else 0.45)


def followed(links: Sequence[str]) -> Sequence[str]:
    """Returns the links that their readers follow: one mail in three, and of any mails at least one."""
    return links[::3]


def cny(units: int) -> dict[str, Any]:
    """Returns an amount of yuan."""
    return {"currency_code": "CNY", "units": units}
