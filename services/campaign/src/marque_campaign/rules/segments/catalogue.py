"""What a rule may ask: the declared attributes of people, cars and holdings, each with its type, its column and its labels.

Dates are asked as dates (`person.last_visit_date < "2026-01-01"`) or as whole days from the day of the evaluation
(`person.days_since_visit > 180`). An attribute that is not known has no value: `has()` asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradekit.cel import BOOL, DOUBLE, INT, STRING, Kind, ListOf

DATE = Kind("date")
MOST = 2**31
"""No whole number of the read model is greater."""
STAGES = ("PROSPECT", "OWNER", "ACTIVE", "AT_RISK", "LOST", "WON_BACK")
ENERGIES = (
    "PETROL", "DIESEL", "HYBRID", "PLUG_IN_HYBRID", "RANGE_EXTENDED", "ELECTRIC", "FUEL_CELL", "GAS",
)  # fmt: skip
USES = ("PRIVATE", "COMPANY", "RENTAL", "TAXI", "DEMONSTRATION", "PUBLIC_SERVICE")
HOLDINGS = (
    "LOAN", "LEASE", "INSURANCE", "EXTENDED_WARRANTY", "SERVICE_PACKAGE", "ACCESSORY", "CLUB", "PARTNER_OFFER",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that a rule may ask. `column` holds it; `days` is 1 for whole days since a date, -1 for days until it, 0 for the value
    itself; `values` are those that there can be, where they are named.
    """

    name: str
    type: Kind | ListOf
    column: str
    english: str
    chinese: str
    values: tuple[str, ...] = ()
    days: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """What attributes are of; `many`: a person has any number, and a rule looks at them by `exists`, `all`, `exists_one` and `size`."""

    name: str
    attributes: Mapping[str, Attribute]
    many: bool = True


def _entity(name: str, *attributes: Attribute, many: bool = True) -> Entity:
    return Entity(name, {one.name: one for one in attributes}, many)


_A = Attribute
PERSON = _entity(
    "person",
    _A("kind", STRING, "kind", "Kind", "类型", ("PERSON", "ORGANISATION")),
    _A("language", STRING, "language", "Language", "语言"),
    _A("market", STRING, "market", "Country", "国家"),
    _A("region", STRING, "region", "Province or state", "省份"),
    _A("city", STRING, "city", "City", "城市"),
    _A("birth_month", INT, "birth_month", "Month of birth", "出生月份"),
    _A("birth_day", INT, "birth_day", "Day of birth", "出生日"),
    _A("stage", STRING, "stage", "Life cycle stage", "生命周期阶段", STAGES),
    _A("tier", STRING, "tier", "Value tier", "价值等级"),
    _A("consents", ListOf(STRING), "consents", "Consents, as PURPOSE:CHANNEL", "同意（用途:渠道）"),
    _A("interests", ListOf(STRING), "interests", "Interests", "兴趣"),
    _A("restricted", BOOL, "restricted", "Processing is restricted", "限制处理"),
    _A("visit_count", INT, "visit_count", "Workshop visits", "进厂次数"),
    _A("last_visit_date", DATE, "last_visit_date", "Last workshop visit", "最近进厂日期"),
    _A("days_since_visit", INT, "last_visit_date", "Days since the last visit", "距上次进厂天数", days=1),
    _A("purchase_count", INT, "purchase_count", "Cars bought", "购车次数"),
    _A("last_purchase_date", DATE, "last_purchase_date", "Last car bought", "最近购车日期"),
    _A("days_since_purchase", INT, "last_purchase_date", "Days since the last purchase", "距上次购车天数", days=1),
    _A(
        "days_since_activity",
        INT,
        "last_activity_date",
        "Days since the last visit or purchase",
        "距上次进厂或购车天数",
        days=1,
    ),
    _A("spend", INT, "spend", "Spent so far, in whole units", "累计消费（元）"),
    _A("active_days", INT, "active_days", "Days with a visit or purchase", "有进厂或购车的天数"),
    _A(
        "days_as_customer",
        INT,
        "first_activity_date",
        "Days since the first visit or purchase",
        "首次进厂或购车至今天数",
        days=1,
    ),
    _A("rfm_recency", INT, "rfm_recency", "How lately they came, 1 to 5 (5: lately)", "最近度等级（1–5，5 为最近）"),
    _A("rfm_frequency", INT, "rfm_frequency", "How often they came, 1 to 5 (5: often)", "频次等级（1–5，5 为最高）"),
    _A("rfm_monetary", INT, "rfm_monetary", "How much they spent, 1 to 5 (5: much)", "消费等级（1–5，5 为最高）"),
    _A("open_cases", INT, "open_cases", "Open complaints", "未结投诉"),
    _A("last_score", DOUBLE, "last_score", "Last survey score", "最近调查得分"),
    _A("days_since_survey", INT, "last_score_date", "Days since the last survey answer", "距上次调查天数", days=1),
    many=False,
)
CAR = _entity(
    "cars",
    _A("vin", STRING, "vin", "VIN", "车架号"),
    _A("make", STRING, "make", "Make", "品牌"),
    _A("model", STRING, "model", "Model", "车型"),
    _A("model_year", INT, "model_year", "Model year", "年款"),
    _A("energy", STRING, "energy", "Energy", "能源类型", ENERGIES),
    _A("use", STRING, "use", "Use", "用途", USES),
    _A("odometer_km", INT, "odometer_km", "Mileage in km", "里程（公里）"),
    _A("sold_date", DATE, "sold_date", "First sold on", "首次销售日期"),
    _A("age_days", INT, "sold_date", "Days since it was sold", "售出天数", days=1),
    _A("warranty_end_date", DATE, "warranty_end_date", "Warranty ends on", "质保到期日"),
    _A("warranty_days_left", INT, "warranty_end_date", "Days of warranty left", "质保剩余天数", days=-1),
    _A("next_service_date", DATE, "next_service_date", "Next maintenance due on", "下次保养日期"),
    _A("days_to_service", INT, "next_service_date", "Days to the next maintenance", "距下次保养天数", days=-1),
    _A("open_recalls", INT, "open_recalls", "Recalls pending", "待处理召回"),
)
HOLDING = _entity(
    "holdings",
    _A("kind", STRING, "kind", "Kind", "类型", HOLDINGS),
    _A("vin", STRING, "vin", "VIN", "车架号"),
    _A("end_date", DATE, "end_date", "Ends on", "到期日"),
    _A("days_left", INT, "end_date", "Days left", "剩余天数", days=-1),
    _A("days_to_renewal", INT, "renewal_date", "Days to renewal", "距续期天数", days=-1),
)
ENTITIES: Mapping[str, Entity] = {one.name: one for one in (PERSON, CAR, HOLDING)}
SEGMENTS, LISTS = "segments", "lists"
"""What a rule asks about other segments and static lists by: `"<id>" in segments`."""
