"""The world of the suite: two groups, two regions, four dealers, and at every place the rows of every entity; and who calls.

A: group G1, region R1     B: group G1, region R2     C: group G2, region R1     D: group G2, region R2
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from servicekit.testing.access import (
    campaign_events,
    campaigns,
    cases,
    leads,
    orders,
    partners,
    people,
    recalls,
    showroom,
    surveys,
    upkeep,
    visits,
)
from servicekit.testing.access.registry import Row
from servicekit.testing.access.rows import Seat, seats
from servicekit.testing.platform import until
from servicekit.testing.world import World, new_vin, patiently

PLACES = {"own": ("G1", "R1"), "group": ("G1", "R2"), "region": ("G2", "R1"), "other": ("G2", "R2")}
DAY = {"year": 2025, "month": 3, "day": 4}
BOUGHT = "2025-03-04T00:00:00Z"


@dataclass
class Caller:
    """A seat with its token, and what requests of a caller are made of: a guest whom dealer A knows, a stranger whom no dealer knows."""

    seat: Seat
    token: str
    dealer: str
    guest: str
    stranger: str
    sold_vin: str
    unsold_vin: str


@dataclass
class Cast:
    """Rows by entity and place; the entities of `access.rows.TABLE` that share a row share it here."""

    world: World
    http: httpx.AsyncClient
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    groups: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    guest: str = ""
    stranger: str = ""
    unsold_vin: str = ""
    _callers: list[Caller] = field(default_factory=list)

    def row(self, entity: str, place: str) -> Row:
        """Returns the row of an entity at a place."""
        return self.rows[entity][place]

    def places(self, entity: str) -> Iterable[str]:
        """Returns the places at which an entity has a row; none for RPCs about no row."""
        return self.rows.get(entity, {})

    def nowhere(self, entity: str) -> Row:
        """Returns a row that does not exist, with the facts of one that does."""
        like = next(iter(self.rows[entity].values())) if entity in self.rows else Row("", "")
        made = new_vin() if entity.startswith("car") else str(uuid.uuid4())
        facts = {**like.facts, "code": "NOWHERE"} | ({"vin": new_vin()} if "vin" in like.facts else {})
        return Row("nowhere", made, facts)

    def caller(self, seat: Seat) -> Caller:
        """Returns the caller of a seat: for dealer A, its group or region, or as its customer."""
        home = self.row("dealer", "own").id
        scope: dict[str, Any] = {}
        if seat.kind in ("dealer", "group"):
            scope = {"dealers": [home]}
            if seat.kind == "group":
                scope["dealer_group"] = self.groups["G1"]
        elif seat.kind == "owner":
            scope = {"customer": self.row("customer", "own").id}
        elif seat.kind == "region":
            scope = {"region": self.groups["R1"]}
        return Caller(
            seat=seat,
            token=self.world.platform.token(seat.role, **scope),
            dealer=home if seat.kind in ("dealer", "group") else "",
            guest=self.guest,
            stranger=self.stranger,
            sold_vin=self.row("car", "desk").id,
            unsold_vin=self.unsold_vin,
        )

    def callers(self) -> list[Caller]:
        """Returns a caller for every seat, the same at every call: services remember the tokens that they have verified."""
        if not self._callers:
            self._callers = [self.caller(seat) for seat in seats()]
        return self._callers

    async def post(self, role: str, path: str, body: dict[str, Any], **scope: Any) -> dict[str, Any]:
        """Writes through the HTTP door."""
        verb = "PUT" if path.endswith("/calendar") else "POST"
        return await self.send(verb, path, role, scope, json=body)

    async def send(self, verb: str, path: str, role: str, scope: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Sends a request that must succeed; on a machine that is too busy to answer in time, again under the same key."""
        headers = {"authorization": f"Bearer {self.world.platform.token(role, **scope)}", **more.pop("headers", {})}
        answer = await patiently(self.http, verb, path, headers=headers, **more)
        assert answer.status_code in (200, 202), f"{path}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found


async def make(world: World, http: httpx.AsyncClient) -> Cast:
    """Builds the world through the public doors; `http` is open at the gateway."""
    cast = Cast(world, http)
    cast.groups = {name: f"{name}-{cast.mark}".upper() for name in ("G1", "G2", "R1", "R2")}
    await asyncio.gather(*(_dealer(cast, place) for place in PLACES))
    cast.rows["desk"] = cast.rows["counter"] = cast.rows["dealer"]
    cast.stranger = await world.customer(name={"fullName": "过客"})
    visit = f"/v1/customers?dealerId={cast.row('dealer', 'own').id}"
    guest = await cast.post("oem.agent", visit, {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "来客"}})
    cast.guest = guest["customerId"]
    await _people(cast)
    await partners.make(cast, PLACES)
    await leads.make(cast, PLACES)
    await showroom.make(cast, PLACES)
    await _customers(cast)
    await people.make(cast, PLACES)
    await _cars(cast)
    await _visits(cast)
    await visits.make(cast, PLACES)
    await orders.make(cast, PLACES)
    await recalls.make(cast)
    await upkeep.make(cast)
    await asyncio.gather(*(_imports(cast, service) for service in ("customer", "network", "vehicle")))
    await cases.make(cast)
    await surveys.make(cast)
    await campaigns.make(cast)
    await campaign_events.make(cast)
    await asyncio.gather(*(_imports(cast, service) for service in _KINDS))
    await _settled(cast)
    return cast


async def _dealer(cast: Cast, place: str) -> None:
    group, region = (cast.groups[name] for name in PLACES[place])
    code = f"S{cast.mark}-{place}".upper()
    made = await cast.world.dealer(code=code, groupCode=group, regionCode=region)
    cast.rows.setdefault("dealer", {})[place] = Row(place, made, {"code": code})
    week = [{"day": "MONDAY", "intervals": [{"start": "09:00", "end": "17:00"}]}]
    await cast.post("oem.manager", f"/v1/dealers/{made}/calendar", {"week": week})
    cast.rows.setdefault("calendar", {})[place] = Row(place, made)


async def _people(cast: Cast) -> None:
    for index, place in enumerate((*PLACES, "maker")):
        number = f"E{cast.mark}{index}"
        facts = {"number": number, "name": f"韩{'甲乙丙丁戊'[index]}{cast.mark}", "phone": f"+861391234{5000 + index}"}
        body = {
            "employeeNumber": number,
            "name": {"fullName": facts["name"]},
            "phone": facts["phone"],
            "roles": ["oem.agent" if place == "maker" else "dealer.sales"],
        }
        if place != "maker":
            body["dealerId"] = cast.row("dealer", place).id
        made = await cast.post("oem.manager", "/v1/staff", body)
        cast.rows.setdefault("staff", {})[place] = Row(place, made["staffId"], facts)


async def _customers(cast: Cast) -> None:
    for index, place in enumerate(("own", "desk", "shared", "group", "region", "other", "maker")):
        facts = {
            "name": f"周{'甲乙丙丁戊己庚'[index]}{cast.mark}",
            "phone": f"+861380000{6000 + index}",
            "occupation": f"clockmaker{cast.mark}{index}",
        }
        body = {
            "kind": "CUSTOMER_KIND_PERSON",
            "name": {"fullName": facts["name"]},
            "occupation": facts["occupation"],
            "contactPoints": [{"kind": "CONTACT_POINT_KIND_PHONE", "value": facts["phone"]}],
        }
        home = cast.row("dealer", place if place in PLACES else "own").id
        desk = "" if place == "maker" else f"?dealerId={home}"
        made = await cast.post("oem.agent", f"/v1/customers{desk}", body)
        cast.rows.setdefault("customer", {})[place] = Row(place, made["customerId"], facts)
    shared = cast.row("customer", "shared")
    far = cast.row("dealer", "other").id
    await cast.post("dealer.sales", "/v1/customers:lookUp", {"phone": shared["phone"]}, dealers=[far])
    for dealer in (cast.row("dealer", "own").id, far):
        touch = {"kind": "INTERACTION_KIND_CALL", "direction": "INTERACTION_DIRECTION_INBOUND", "subject": "Asked"}
        await cast.post("dealer.sales", f"/v1/customers/{shared.id}/interactions", touch, dealers=[dealer])


async def _cars(cast: Cast) -> None:
    """A car sold at every place; one of nobody's; one that the owner has handed on to a stranger."""
    for index, place in enumerate(("own", "desk", "former", "group", "region", "other", "maker")):
        facts = {"engine": f"ENGX{cast.mark}{index}".upper(), "plate": f"沪A{cast.mark[:3].upper()}{index}9"}
        vin = await cast.world.vehicle(engineNumber=facts["engine"], plateNumber=facts["plate"], market="CN")
        cast.rows.setdefault("car", {})[place] = Row(place, vin, facts)
        if place != "maker":
            await _sell(cast, place, vin)
        else:
            began = {"customerId": cast.stranger, "role": "OWNERSHIP_ROLE_OWNER", "validStartTime": BOUGHT}
            made = await cast.post("oem.manager", f"/v1/vehicles/{vin}/ownerships", began)
            _own(cast, place, vin, made["ownershipId"])
    cast.rows["car at hand"] = cast.rows["car"]
    sold = {place: row for place, row in cast.rows["car"].items() if place != "maker"}
    cast.rows["car:sold in China"] = sold
    cast.unsold_vin = await cast.world.vehicle()


async def _sell(cast: Cast, place: str, vin: str) -> None:
    buyer = "own" if place == "former" else place
    sale = {
        "dealerId": cast.row("dealer", place if place in PLACES else "own").id,
        "vin": vin,
        "buyerCustomerId": cast.row("customer", buyer).id,
        "invoiceNumber": f"INV-{place}-{cast.mark}",
        "invoiceDate": DAY,
        "use": "VEHICLE_USE_PRIVATE",
        "price": {"currencyCode": "CNY", "units": "200000"},
        "discount": {"currencyCode": "CNY", "units": "1000"},
    }
    made = await cast.post("oem.manager", "/v1/sales", sale)
    cast.rows.setdefault("sale", {})[place] = Row(place, made["saleId"])
    known = await cast.send("GET", "/v1/ownerships", "oem.manager", {}, params={"vin": vin})
    ownership = known["ownerships"][0]["ownershipId"]
    if place == "former":
        given = {"toCustomerId": cast.stranger, "transferTime": "2025-06-01T00:00:00Z"}
        moved = await cast.post("oem.manager", f"/v1/ownerships/{ownership}:transfer", given)
        ownership = moved["started"]["ownershipId"]
    _own(cast, place, vin, ownership)


def _own(cast: Cast, place: str, vin: str, ownership: str) -> None:
    row = Row(place, ownership, {"vin": vin})
    cast.rows.setdefault("present ownership", {})[place] = row
    cast.rows.setdefault("ownership at hand", {})[place] = row


async def _visits(cast: Cast) -> None:
    line = {
        "complaint": "Brakes squeal",
        "cause": "Pads worn",
        "correction": "Pads replaced",
        "payType": "PAY_TYPE_CUSTOMER",
        "labours": [
            {"operationCode": "BR-1", "minutes": 60, "amount": {"currencyCode": "CNY", "units": "480"}},
        ],
    }
    for place in ("own", "desk", "group", "region", "other"):
        order = {
            "dealerId": cast.row("dealer", place if place in PLACES else "own").id,
            "vin": cast.row("car", place).id,
            "customerId": cast.row("customer", place).id,
            "number": f"RO-{place}-{cast.mark}",
            "adviserStaffId": cast.row("staff", place if place in PLACES else "own").id,
            "faultDescription": "It squeals.",
            "lines": [line],
        }
        made = await cast.post("oem.admin", "/v1/repairOrders", order)
        cast.rows.setdefault("repair order", {})[place] = Row(place, made["repairOrderId"])


_KINDS = {
    "customer": "customers",
    "network": "dealers",
    "vehicle": "vehicles",
    "complaint": "cases",
    "campaign": "audience-list-members",
}


async def _imports(cast: Cast, service: str) -> None:
    kind = _KINDS[service]
    rows = cast.rows.setdefault(f"import:{service}", {})
    for place, role in (("own", "dealer.system"), ("other", "oem.manager")):
        if service in ("network", "campaign") and place == "own":
            continue  # dealers' systems import nothing there
        home = {"dealers": [cast.row("dealer", "own").id]} if place == "own" else {}
        file = {"kind": kind, "source": "suite", "fileName": "rows.csv", "dryRun": "true"}
        csv = {"headers": {"content-type": "text/csv"}, "content": b"source_key\n"}
        made = await cast.send("POST", f"/v1/{service}/imports", role, home, params=file, **csv)
        rows[place] = Row(place, made["importId"])


async def _settled(cast: Cast) -> None:
    """Waits until the sales stand on the buyers' time lines: before, relations still come."""

    async def on_time_line() -> bool:
        sold = "SELECT count(*) FROM interactions WHERE reference_id = ANY($1)"
        ids = [row.id for row in cast.rows["sale"].values()]
        return bool((await cast.world.platform.sql("customer", sold, ids))[0][0] == len(ids))

    await until(on_time_line, 15, "the sales are not on the time lines")
