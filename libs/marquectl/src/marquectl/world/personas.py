"""The demo people of a sample world, as the development issuer and the banner read them, and four commands to try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marquectl.world.network import STATIONS, subject_of

_BY_CODE = {station.code: station for station in STATIONS}
# key → employee at a dealer (or "" for the maker), role, titles
_DEALER_PEOPLE = (
    ("sales-shanghai", "CN-SH-01", "S01", "dealer.sales", "Sales adviser, Shanghai", "上海销售顾问"),
    ("service-shanghai", "CN-SH-01", "A01", "dealer.service", "Service adviser, Shanghai", "上海服务顾问"),
    ("manager-shanghai", "CN-SH-01", "M01", "dealer.manager", "Dealer manager, Shanghai", "上海经销商经理"),
    ("sales-detroit", "US-MI-01", "S01", "dealer.sales", "Sales adviser, Detroit", "底特律销售顾问"),
    ("service-detroit", "US-MI-01", "A01", "dealer.service", "Service adviser, Detroit", "底特律服务顾问"),
    ("technician-detroit", "US-MI-01", "T01", "dealer.technician", "Technician, Detroit", "底特律技师"),
    ("care-beijing", "CN-BJ-01", "C01", "dealer.care", "Customer care, Beijing", "北京客服专员"),
)
_MAKER_PEOPLE = (
    ("agent", "H002", "oem.agent", "Contact centre agent", "客服中心坐席"),
    ("manager", "H001", "oem.manager", "Manager at the maker", "厂家经理"),
    ("quality", "H004", "oem.quality", "Quality engineer", "质量工程师"),
    ("technical", "H005", "oem.technical", "Technical support", "技术支持"),
    ("marketing", "H006", "oem.marketing", "Marketing", "市场部"),
    ("admin", "H008", "oem.admin", "Administrator", "系统管理员"),
)


def people(dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Persona key → {sub, roles, title: {en, zh}, and any of dealers, region, customer}. The ids are by code and by source key."""
    found: dict[str, dict[str, Any]] = {}
    for key, number, role, en, zh in _MAKER_PEOPLE:
        found[key] = _person(subject_of("", number), role, en, zh)
    found["region-cn-east"] = _person(
        subject_of("", "R001"), "oem.region", "Regional manager, East China", "华东区域经理"
    )
    found["region-cn-east"]["region"] = "CN-EAST"
    for key, code, number, role, en, zh in _DEALER_PEOPLE:
        found[key] = _person(subject_of(code, number), role, en, zh)
        found[key]["dealers"] = [dealer_ids[code]]
    for key, code in (("dms-shanghai", "CN-SH-01"), ("dms-detroit", "US-MI-01")):
        station = _BY_CODE[code]
        found[key] = _person(
            f"system:{code.lower()}", "dealer.system", f"Dealer system of {station.en}", f"{station.zh}业务系统"
        )
        found[key]["dealers"] = [dealer_ids[code]]
    for key, number, en, zh in (
        ("owner-wang", "C-000001", "Owner Wang Xiuying", "车主王秀英"),
        ("owner-johnson", "C-000002", "Owner Mary Johnson", "车主玛丽·约翰逊"),
    ):
        if number in customer_ids:
            found[key] = _person(f"customer:{number.lower()}", "owner", en, zh)
            found[key]["customer"] = customer_ids[number]
    found["research"] = _person(
        "staff:maker:research", "oem.research", "Researcher, no persons seen", "研究人员（不见个人信息）"
    )
    found["ops"] = _person("staff:maker:ops", "ops", "Operator of the platform", "平台运维")
    return found


def _person(sub: str, role: str, en: str, zh: str) -> dict[str, Any]:
    return {"sub": sub, "roles": [role], "title": {"en": en, "zh": zh}}


def commands(marquectl: str, buf: str, http: str, grpc: str, customer_id: str, vin: str, campaign_id: str) -> list[str]:
    """Four commands that work as printed: an overview, a search for a Chinese name, a dealer system's reading by reflection, and what a
    campaign brought.
    """

    def bearer(persona: str) -> str:
        return f'-H "Authorization: Bearer $({marquectl} token {persona})"'

    return [
        f"curl -sw '\\n' {bearer('agent')} {http}/v1/customers/{customer_id}/overview",
        f"curl -sw '\\n' -G {bearer('agent')} --data-urlencode query=王秀英 {http}/v1/customers:search",
        f"{buf} curl --http2-prior-knowledge --protocol grpc {bearer('dms-detroit')} "
        f'-d \'{{"vin": "{vin}"}}\' http://{grpc}/marque.vehicle.v1.VehicleService/GetVehicleHistory',
        f"curl -sw '\\n' {bearer('marketing')} {http}/v1/campaigns/{campaign_id}/report",
    ]
