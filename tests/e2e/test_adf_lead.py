"""An ADF lead is graded and routed, its clock runs in the dealer's hours, it lapses, is recycled and won, in one trace.

The clock of services and databases is moved (`servicekit.testing.clock`) to October 2026: Saturday the 10th is a working day in China, made
up for the National Day holiday, and on Sunday the 25th the clocks of Germany show the hour from two to three twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from devstack.ports import free_port
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing.clock import Clock
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

SERVICES = ("network", "customer", "vehicle")
FRIDAY = datetime(2026, 10, 9, 9, 40, tzinfo=UTC)  # 17:40 in Shanghai, twenty minutes before closing time
WHOLE_DAY = 540  # minutes from nine to six
PLACE = {"countryCode": "CN", "postcodes": [{"first": "200"}]}
ADF = """<?ADF VERSION="1.0"?>
<ADF><Prospect status="new"><id source="portal">E2E-1</id>
<vehicle interest=buy><make>Marque</make><model>One</model>
<customer><contact><name part="full">王小明</name><phone>13812340001</phone>
<address><postalcode>200000</postalcode><country>CN</country></address></contact></customer></Prospect></ADF>"""
WAY = {
    "POST /v1/leads:adf",
    "marque.customer.v1.LeadIntakeService/ReceiveAdf",
    "create marque.customer.v1.LeadCreated",
    "lead.route",
    "marque.network.v1.DealerService/FindDealersForPlace",
    "marque.network.v1.AssignmentService/Assign",
    "create marque.customer.v1.LeadAssigned",
    "lead.clock",
    "create marque.customer.v1.LeadLapsed",
    "lead.sale",
    "create marque.customer.v1.LeadStageChanged",
}


@dataclass
class Scene:
    """The platform under a clock of its own, and the lead's way through it."""

    world: World
    clock: Clock

    async def dealer(self, zone: str, week: list[dict[str, Any]], country: str) -> tuple[str, str]:
        """A dealer with hours, a territory and one sales adviser; returns both ids."""
        made = await self.world.dealer(timeZone=zone, brands=["Marque"], status="DEALER_STATUS_ACTIVE")
        async with self.world.http("oem.manager") as client:
            hours = {"week": week, "holidayCountry": country, "timeZone": zone}
            ground = {"dealerId": made, "code": f"T-{made[-8:].upper()}", "kind": "DEALER_KIND_SALES", **PLACE}
            person = {"dealerId": made, "employeeNumber": "1", "name": {"fullName": "李伟"}, "roles": ["dealer.sales"]}
            staff = [
                await client.put(f"/v1/dealers/{made}/calendar", json=hours),
                await client.post("/v1/dealerTerritories", json=ground),
                await client.post("/v1/staff", json=person),
            ]
        assert [answer.status_code for answer in staff] == [200, 200, 200], [answer.text for answer in staff]
        return made, staff[-1].json()["staffId"]

    async def lead(self, lead_id: str) -> dict[str, Any]:
        """The lead as the maker sees it."""
        async with self.world.http("oem.agent") as client:
            found: dict[str, Any] = (await client.get(f"/v1/leads/{lead_id}")).json()
        return found

    async def staged(self, lead_id: str, stage: str, dealer: str = "") -> dict[str, Any]:
        """Waits until the lead is in a stage, at a dealer where one is named, with its clock running where it is to be answered."""

        async def there() -> dict[str, Any] | None:
            found = await self.lead(lead_id)
            there = found["stage"] == f"LEAD_STAGE_{stage}" and (not dealer or found["dealerId"] == dealer)
            return found if there and (stage != "ASSIGNED" or found.get("respondDueTime")) else None

        return await until(there, 30, f"the lead is not {stage}")

    async def history(self, lead_id: str) -> list[str]:
        """What happened to the lead."""
        async with self.world.http("oem.agent") as client:
            return [one["kind"] for one in (await client.get(f"/v1/leads/{lead_id}/changes")).json()["changes"]]

    async def at(self, moment: datetime) -> None:
        """Lets the time come."""
        await self.clock.move(moment - self.clock.now())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(platform: Platform) -> AsyncIterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        spans, clock = InMemorySpanExporter(), Clock(patch, platform)
        ports = {name: free_port() for name in SERVICES}
        peers = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        for name in SERVICES:
            await platform.prepare(name)
            await clock.take(name)
        await clock.move(FRIDAY - clock.now())
        for name, port in ports.items():
            await platform.start(name, span_exporter=spans, grpc_port=port, peers=peers)
        await platform.open_gateway(span_exporter=spans)
        yield Scene(World(platform, spans), clock)
        await platform.stop()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(first: int, last: int, *shifts: tuple[str, str]) -> list[dict[str, Any]]:
    names = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    intervals = [{"start": start, "end": end} for start, end in shifts]
    return [{"day": name, "intervals": intervals} for name in names[first:last]]


async def use_rules(scene: Scene) -> None:
    """Every grade has a whole working day to answer, and an hour more before the lead goes on."""
    async with scene.world.http("oem.manager") as client:
        rules = (await client.get("/v1/leadRules")).json()
        bands = [{**band, "responseMinutes": WHOLE_DAY} for band in rules["bands"]]
        answer = await client.put("/v1/leadRules", json={**rules, "bands": bands, "recycleAfterMinutes": 60})
    assert answer.status_code == 200, answer.text


class TestAdfLead:
    async def test_it_is_graded_routed_lapses_is_recycled_and_won_in_one_trace(self, scene: Scene) -> None:
        await use_rules(scene)
        first, adviser = await scene.dealer("Asia/Shanghai", days(0, 5, ("09:00", "18:00")), "CN")
        async with scene.world.http("partner", subject="portal") as provider:
            answer = await provider.post("/v1/leads:adf", content=ADF.encode(), headers={"content-type": "text/plain"})
        assert answer.status_code == 200, answer.text
        (told,) = answer.json()["results"]
        assert told["outcome"] == "PROSPECT_OUTCOME_CREATED"
        lead_id = told["leadId"]

        # A whole working day from Friday 17:40 ends on Saturday, which is worked; on a common weekend it would be Monday.
        lead = await scene.staged(lead_id, "ASSIGNED", first)
        assert lead["adviserStaffId"] == adviser
        assert lead["grade"]
        assert {"PHONE_GIVEN", "NAME_GIVEN"} <= {one["code"] for one in lead["gradeReasons"]}
        assert [one["code"] for one in lead["routingReasons"]] == ["TERRITORY_POSTCODE", "BRAND", "OPEN_LEADS"]
        assert moment(lead["respondDueTime"]) == moment(lead["assignTime"]) + timedelta(days=1)
        second, other = await scene.dealer(
            "Europe/Berlin", days(5, 6, ("23:00", "24:00")) + days(6, 7, ("00:00", "04:00")), ""
        )

        await scene.at(FRIDAY + timedelta(hours=20))
        await until(lambda: _holds(scene, lead_id, "REMINDED"), 30, "nobody was reminded")
        await scene.at(moment(lead["respondDueTime"]) + timedelta(seconds=1))
        lapsed = await scene.staged(lead_id, "LAPSED", first)
        # The hour after it: twenty minutes of Saturday, forty of Monday.
        await scene.at(datetime(2026, 10, 12, 1, 45, tzinfo=UTC))
        again = await scene.staged(lead_id, "ASSIGNED", second)

        # Nine hours: five of the first weekend, four of the second from 23:00 (21:00 UTC), whose hour from two to three comes twice.
        assert lapsed["lapseCount"] == 1
        assert again["adviserStaffId"] == other
        assert moment(again["respondDueTime"]) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
        async with scene.world.http("dealer.sales", dealers=[first]) as client:
            assert (await client.get(f"/v1/leads/{lead_id}")).status_code == 404
        await _sell(scene, lead_id, second, again["customerId"])
        won = await scene.staged(lead_id, "WON")

        assert won["wonSaleId"]
        assert await scene.history(lead_id) == [
            *("CREATED", "ASSIGNED", "REMINDED", "LAPSED", "RECYCLED", "ASSIGNED", "CONTACTED", "WON"),
        ]
        trace = int(answer.headers["x-trace-id"], 16)
        assert await _missing(scene, trace) == set(), "steps that are not in the trace of the request"

    async def test_what_cannot_be_read_is_refused_in_words_and_nothing_is_kept(self, scene: Scene) -> None:
        bomb = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><adf><prospect>&x;</prospect></adf>'
        async with scene.world.http("partner", subject="portal") as provider:
            refused = await provider.post("/v1/leads:adf", content=bomb)
            empty = await provider.post("/v1/leads:adf", content=b"")
            large = await provider.post("/v1/leads:adf", content=b" " * ((1 << 20) + 1))
        async with scene.world.http("") as stranger:
            unknown = await stranger.post("/v1/leads:adf", content=ADF.encode())
        async with scene.world.http("oem.agent") as agent:
            forbidden = await agent.post("/v1/leads:adf", content=ADF.encode())

        assert (refused.status_code, refused.json()["errors"][0]["reason"]) == (400, "ADF_FORBIDDEN")
        assert (empty.status_code, unknown.status_code, forbidden.status_code) == (400, 401, 403)
        assert large.status_code in (400, 413)
        assert "passwd" not in refused.text

    async def test_anybody_may_use_the_web_form_and_no_dealer_is_an_alarm(self, scene: Scene) -> None:
        form = {
            "name": "陈静",
            "phone": "13812340002",
            "contactAllowed": True,
            "place": {"countryCode": "CN", "postalCode": "999999"},
        }
        async with scene.world.http("") as stranger:
            answer = await stranger.post("/v1/webLeads", json=form)
        assert answer.status_code == 200, answer.text

        async def held() -> list[dict[str, Any]]:
            async with scene.world.http("oem.agent") as client:
                return (await client.get("/v1/leads", params={"heldOnly": "true"})).json()["leads"]

        (lead,) = await until(held, 30, "the lead is not held")
        assert (lead["heldReason"], lead["stage"]) == ("NO_DEALER", "LEAD_STAGE_NEW")


async def _holds(scene: Scene, lead_id: str, kind: str) -> bool:
    return kind in await scene.history(lead_id)


async def _sell(scene: Scene, lead_id: str, dealer: str, customer: str) -> None:
    """The next dealer reaches the person and sells."""
    vin = await scene.world.vehicle()
    async with scene.world.http("dealer.sales", dealers=[dealer]) as client:
        reached = await client.post(f"/v1/leads/{lead_id}:recordContact", json={"reached": True})
        sale = {
            "dealerId": dealer, "vin": vin, "buyerCustomerId": customer, "invoiceNumber": "ADF-1",
            "invoiceDate": {"year": 2026, "month": 10, "day": 12}, "use": "VEHICLE_USE_PRIVATE",
        }  # fmt: skip
        sold = await client.post("/v1/sales", json=sale)
    assert (reached.status_code, sold.status_code) == (200, 200), (reached.text, sold.text)


async def _missing(scene: Scene, trace: int) -> set[str]:
    """The steps of the way that are not among the spans of a trace, when all of them have had the time to be there."""

    async def left() -> set[str]:
        names = {span.name for span in scene.world.spans.get_finished_spans() if span.context.trace_id == trace}
        return WAY - names

    with contextlib.suppress(AssertionError):
        await until(lambda: _none(left), 10, "the trace is not whole")
    return await left()


async def _none(left: Any) -> bool:
    return not await left()
