"""What a claim under the law of replacement and return rests on: every visit, no person, nothing that a page would run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from google.type import money_pb2
from marque.vehicle.v1 import repair_order_service_pb2 as orders
from marque_vehicle.mapping.evidence import words
from servicekit.testing.client import RpcFailure

EVIL = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The tags and anchors of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.links += [found["href"] or ""] if "href" in found else []
        self.anchors += [found["id"] or ""] if "id" in found else []


async def lemon(garage: Any) -> tuple[str, str, str, list[Any]]:
    """A car with four repairs of one fault: (VIN, dealer, owner, repair orders)."""
    dealer, customer = await garage.make_dealer(), await garage.make_customer()
    vin = (await garage.make_car()).vin
    sold = (datetime.now(UTC) - timedelta(days=300)).date()
    price = money_pb2.Money(currency_code="CNY", units=200_000)
    await garage.make_sale(dealer, vin, customer, invoice_date=garage.day(sold), price=price)
    station, made = garage.client("dealer.service", dealers=[dealer]), []
    for ago in (200, 150, 100, 50):
        begin = datetime.now(UTC) - timedelta(days=ago)
        line = garage.line(component_code="ENGINE", pay_type=2, cause=EVIL, correction="renewed")
        order = await garage.make_order(
            dealer, vin, open_time=begin, odometer_in_km=9000 - ago, lines=[line], customer_id=customer
        )
        request = orders.CloseRepairOrderRequest(repair_order_id=order.repair_order_id)
        request.close_time.FromDatetime(begin + timedelta(hours=5))
        made.append(await station.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request))
    return vin, dealer, customer, made


async def page(garage: Any, vin: str, client: Any = None, language: str = "") -> Any:
    return await garage.ask("LemonWatchService/GetLemonEvidence", client, vin=vin, language_code=language)


class TestEvidence:
    async def test_it_shows_every_visit_and_each_threshold_leads_to_those_it_rests_on(self, garage: Any) -> None:
        vin, dealer, _, made = await lemon(garage)
        found = await page(garage, vin)
        read = Page(found.html)
        keys = [one.repair_order_id for one in made]
        assert read.anchors == keys
        assert {link.removeprefix("#") for link in read.links} == set(keys)
        assert await garage.code_of(dealer) in found.html
        assert all(one.number in found.html for one in made)
        assert found.sha256 == hashlib.sha256(found.html.encode()).hexdigest()
        assert found.file_name == f"{vin}-zh-CN.html"

    async def test_what_people_wrote_is_shown_and_never_run(self, garage: Any) -> None:
        vin, *_ = await lemon(garage)
        found = await page(garage, vin, language="en")
        assert "script" not in Page(found.html).tags
        assert "&lt;script&gt;" in found.html
        assert not {"src", "http"} & {found.html.partition(one)[1] for one in ("src=", "http")}

    async def test_persons_and_prices_are_not_in_it_and_words_only_for_who_may_read_them(self, garage: Any) -> None:
        vin, _, customer, _ = await lemon(garage)
        found = await page(garage, vin, garage.client("owner", customer=customer), "en")
        assert "renewed" not in found.html
        assert "renewed" in (await page(garage, vin)).html
        for hidden in (customer, "200,000", "200000"):
            assert hidden not in (await page(garage, vin)).html
        with pytest.raises(RpcFailure) as failure:
            await page(garage, vin, garage.client("owner", customer=await garage.make_customer()))
        assert failure.value.reason == "VEHICLE_NOT_FOUND"

    async def test_each_language_says_the_same(self, garage: Any) -> None:
        vin, *_ = await lemon(garage)
        pages = {language: Page((await page(garage, vin, language=language)).html) for language in ("zh-CN", "en")}
        assert pages["zh-CN"].tags == pages["en"].tags
        assert pages["zh-CN"].anchors == pages["en"].anchors

    def test_the_words_of_all_languages_are_of_one_shape(self) -> None:
        shapes = [
            {name: len(value) if isinstance(value, list) else 1 for name, value in one.items()}
            for one in words().values()
        ]
        assert shapes[0] == shapes[1]
