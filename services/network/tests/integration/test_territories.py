"""Territories over gRPC: who answers for a postal code or a point, and what others may not have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

SERVICE = "DealerTerritoryService"
SALES, REPAIR = 1, 2
POSTCODE, AREA, NEAREST = 1, 2, 3


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [(south, west), (south, east), (north, east), (north, west)]
    return {"points": [{"latitude": latitude, "longitude": longitude} for latitude, longitude in corners]}


async def give(network: Any, dealer: Any, client: Any = None, **fields: Any) -> Any:
    given = {"dealer_id": dealer.dealer_id, "code": f"T-{network.number()}", "kind": SALES}
    if "postcodes" in fields:
        given["country_code"] = "CN"
    return await network.ask(f"{SERVICE}/CreateDealerTerritory", client, territory={**given, **fields})


async def found(network: Any, **place: Any) -> list[tuple[str, int]]:
    answer = await network.ask("DealerService/FindDealersForPlace", network.client(), **place)
    return [(one.dealer.code, one.reason) for one in answer.dealers]


def prefix(network: Any) -> str:
    """The beginning of postal codes that no other test has."""
    return f"9{network.number()}"


class TestPostcodes:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        dealer, code = await network.make_dealer(), prefix(network)
        made = await give(network, dealer, brand="Marque", postcodes=[{"first": f" {code}-1", "last": f"{code}4"}])
        assert made == await network.ask(f"{SERVICE}/GetDealerTerritory", territory_id=made.territory_id)
        assert [(one.first, one.last) for one in made.postcodes] == [(f"{code}1", f"{code}4")]

    async def test_all_codes_that_begin_so_belong_to_it(self, network: Any) -> None:
        dealer, code = await network.make_dealer(), prefix(network)
        await give(network, dealer, postcodes=[{"first": f"{code}1", "last": f"{code}4"}])
        for text, hit in ((f"{code}1", True), (f"{code}499", True), (f"{code}5", False), (f"{code}0", False)):
            answer = await found(network, country_code="CN", postal_code=text)
            assert answer == ([(dealer.code, POSTCODE)] if hit else []), text
        assert await found(network, country_code="DE", postal_code=f"{code}1") == []

    async def test_full_width_blanks_and_small_letters_make_no_difference(self, network: Any) -> None:
        dealer, code = await network.make_dealer(), prefix(network)
        await give(network, dealer, country_code="GB", postcodes=[{"first": f"k{code}a"}])
        wide = "".join(chr(ord(one) + 0xFEE0) for one in code)
        assert await found(network, country_code="GB", postal_code=f"K{wide}A 1-ab") == [(dealer.code, POSTCODE)]

    async def test_a_make_an_exclusive_one_and_the_smaller_go_first(self, network: Any) -> None:
        code = prefix(network)
        wide, narrow, branded, alone = [await network.make_dealer(brands=["Marque"]) for _ in range(4)]
        await give(network, wide, postcodes=[{"first": code}])
        await give(network, narrow, postcodes=[{"first": f"{code}1"}])
        place = {"country_code": "CN", "postal_code": f"{code}11", "brand": "Marque", "limit": 10}
        assert [one for one, _ in await found(network, **place)] == [narrow.code, wide.code]
        await give(network, alone, postcodes=[{"first": code}], exclusive=True)
        assert [one for one, _ in await found(network, **place)] == [alone.code]
        await give(network, branded, brand="Marque", postcodes=[{"first": code}])
        assert [one for one, _ in await found(network, **place)] == [branded.code, alone.code]

    async def test_a_suspended_dealer_gets_nothing_new(self, network: Any) -> None:
        dealer, code = await network.make_dealer(), prefix(network)
        await give(network, dealer, postcodes=[{"first": code}])
        await network.ask("DealerService/SuspendDealer", dealer_id=dealer.dealer_id, reason=3)
        assert await found(network, country_code="CN", postal_code=code) == []

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({}, "territory", "TERRITORY_EMPTY"),
            ({"postcodes": [{"first": "2001", "last": "20"}]}, "territory.postcodes[0]", "POSTCODE_INVALID"),
            ({"postcodes": [{"first": "上海"}]}, "territory.postcodes[0]", "POSTCODE_INVALID"),
            ({"postcodes": [{"first": "2009", "last": "2001"}]}, "territory.postcodes[0]", "POSTCODES_REVERSED"),
            ({"postcodes": [{"first": "2001"}], "country_code": ""}, "territory.country_code", "COUNTRY_NEEDED"),
            (
                {"polygons": [{"rings": [{"points": [{"latitude": 0}, {"latitude": 0}, {"latitude": 1}]}]}]},
                "territory.polygons[0]",
                "POLYGON_INVALID",
            ),
            ({"polygons": [{"rings": [box(-170, 0, 170, 1)]}]}, "territory.polygons[0]", "POLYGON_INVALID"),
        ],
    )
    async def test_what_makes_no_sense_is_named(
        self, network: Any, fields: dict[str, Any], place: str, reason: str
    ) -> None:
        dealer = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await give(network, dealer, **fields)
        assert (failure.value.code, failure.value.fields) == ("INVALID_ARGUMENT", {place: reason})


class TestAreas:
    async def test_a_point_in_the_area_but_not_in_its_hole_belongs_to_it(self, network: Any) -> None:
        dealer, brand = await network.make_dealer(brands=["Holed"]), "Holed"
        rings = [box(70, 40, 80, 50), box(74, 44, 76, 46)]
        await give(network, dealer, brand=brand, polygons=[{"rings": rings}])
        for latitude, longitude, hit in ((45, 72, True), (45, 75, False), (40, 70, True), (39.9, 72, False)):
            place = {"latitude": latitude, "longitude": longitude, "brand": brand}
            assert await found(network, **place) == ([(dealer.code, AREA)] if hit else [])

    async def test_where_no_territory_holds_the_nearest_answer(self, network: Any) -> None:
        brand = f"N{network.number()}"
        places = [{"latitude": 5.0 + step, "longitude": 5.0} for step in (2, 0, 1)]
        made = [await network.make_dealer(brands=[brand], location=place) for place in places]
        answer = await found(network, latitude=5.0, longitude=5.0, brand=brand, limit=2)
        assert answer == [(made[1].code, NEAREST), (made[2].code, NEAREST)]

    async def test_a_postal_code_goes_before_an_area(self, network: Any) -> None:
        code, brand = prefix(network), f"N{network.number()}"
        by_code = await network.make_dealer(brands=[brand], location={"latitude": 8.0, "longitude": 8.0})
        by_area = await network.make_dealer(brands=[brand])
        await give(network, by_area, brand=brand, polygons=[{"rings": [box(7, 7, 9, 9)]}])
        await give(network, by_code, brand=brand, postcodes=[{"first": code}])
        place = {"country_code": "CN", "postal_code": code, "latitude": 8.0, "longitude": 8.0, "brand": brand}
        assert await found(network, **place) == [(by_code.code, POSTCODE), (by_area.code, AREA)]
        answer = await network.ask("DealerService/FindDealersForPlace", **place)
        assert answer.dealers[0].distance_metres == 0
        assert not answer.dealers[1].HasField("distance_metres")

    @pytest.mark.parametrize(
        ("place", "field", "reason"),
        [
            ({}, "postal_code", "PLACE_NEEDED"),
            ({"latitude": 1.0}, "longitude", "FIELD_REQUIRED"),
            ({"postal_code": "200001"}, "country_code", "COUNTRY_NEEDED"),
            ({"postal_code": "???", "country_code": "CN"}, "postal_code", "POSTCODE_INVALID"),
        ],
    )
    async def test_a_place_that_is_none_is_refused(
        self, network: Any, place: dict[str, Any], field: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as failure:
            await found(network, **place)
        assert failure.value.fields == {field: reason}


class TestOverlaps:
    async def test_what_one_has_alone_no_other_gets(self, network: Any) -> None:
        code, brand = prefix(network), f"N{network.number()}"
        first, second = await network.make_dealer(), await network.make_dealer()
        held = await give(network, first, brand=brand, exclusive=True, postcodes=[{"first": f"{code}2"}])
        with pytest.raises(RpcFailure) as failure:
            await give(network, second, brand=brand, exclusive=True, postcodes=[{"first": code}])
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "TERRITORY_OVERLAPS")
        assert failure.value.metadata == {"codes": held.code}
        # Shared, of another trade or make, or the dealer's own: no overlap.
        await give(network, second, brand=brand, postcodes=[{"first": code}])
        await give(network, second, brand=brand, exclusive=True, kind=REPAIR, postcodes=[{"first": code}])
        await give(network, second, brand=f"{brand}x", exclusive=True, postcodes=[{"first": code}])
        await give(network, first, brand=brand, exclusive=True, postcodes=[{"first": code}])

    async def test_areas_that_only_touch_do_not_overlap(self, network: Any) -> None:
        brand = f"N{network.number()}"
        first, second = await network.make_dealer(), await network.make_dealer()
        await give(network, first, brand=brand, exclusive=True, polygons=[{"rings": [box(10, 10, 11, 11)]}])
        await give(network, second, brand=brand, exclusive=True, polygons=[{"rings": [box(11, 10, 12, 11)]}])
        with pytest.raises(RpcFailure) as failure:
            await give(network, second, brand=brand, exclusive=True, polygons=[{"rings": [box(10.9, 10, 11, 11)]}])
        assert failure.value.reason == "TERRITORY_OVERLAPS"

    @pytest.mark.parametrize("shape", ["postcodes", "polygons"])
    async def test_of_two_who_want_it_alone_at_once_one_gets_it(self, network: Any, shape: str) -> None:
        code, brand = prefix(network), f"N{network.number()}"
        places = {"postcodes": [{"first": code}], "polygons": [{"rings": [box(20, 20, 21, 21)]}]}
        dealers = [await network.make_dealer() for _ in range(4)]

        async def take(dealer: Any) -> str:
            try:
                await give(network, dealer, brand=brand, exclusive=True, **{shape: places[shape]})
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        answers = sorted(await asyncio.gather(*(take(dealer) for dealer in dealers)))
        assert answers == ["OK", "TERRITORY_OVERLAPS", "TERRITORY_OVERLAPS", "TERRITORY_OVERLAPS"]


class TestChanges:
    async def test_an_ended_territory_holds_nothing_and_frees_the_ground(self, network: Any) -> None:
        code, brand = prefix(network), f"N{network.number()}"
        first, second = (
            await network.make_dealer(brands=[brand]),
            await network.make_dealer(brands=[brand]),
        )
        held = await give(network, first, brand=brand, exclusive=True, postcodes=[{"first": code}])
        ended = await network.ask(f"{SERVICE}/EndDealerTerritory", territory_id=held.territory_id, etag=held.etag)
        assert ended.HasField("end_time")
        await give(network, second, brand=brand, exclusive=True, postcodes=[{"first": code}])
        assert await found(network, country_code="CN", postal_code=code, brand=brand) == [(second.code, POSTCODE)]
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/EndDealerTerritory", territory_id=held.territory_id)
        assert failure.value.reason == "TERRITORY_ENDED"

    async def test_a_change_moves_the_ground_and_a_stale_one_is_refused(self, network: Any) -> None:
        one, two = prefix(network), prefix(network)
        dealer = await network.make_dealer()
        made = await give(network, dealer, postcodes=[{"first": one}])
        moved = {"territory_id": made.territory_id, "etag": made.etag, "postcodes": [{"first": two}]}
        await network.ask(f"{SERVICE}/UpdateDealerTerritory", territory=moved)
        assert await found(network, country_code="CN", postal_code=one) == []
        assert await found(network, country_code="CN", postal_code=two) == [(dealer.code, POSTCODE)]
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/UpdateDealerTerritory", territory=moved)
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_a_dealer_sees_its_own_and_lists_page_by_page(self, network: Any, new_id: Any) -> None:
        own, other = await network.make_dealer(), await network.make_dealer()
        made = [await give(network, own, postcodes=[{"first": prefix(network)}]) for _ in range(5)]
        foreign = await give(network, other, postcodes=[{"first": prefix(network)}])
        sales = network.client("dealer.sales", dealers=[own.dealer_id])
        for order, expected in (("", made), ("code desc", made[::-1]), ("update_time desc", made[::-1])):
            seen = await network.pages(f"{SERVICE}/ListDealerTerritories", "territories", sales, order_by=order)
            assert [one.code for one in seen] == [one.code for one in expected]
        for hidden in (foreign.territory_id, new_id()):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{SERVICE}/GetDealerTerritory", sales, territory_id=hidden)
            assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "TERRITORY_NOT_FOUND")
        with pytest.raises(RpcFailure) as failure:
            await give(network, own, sales, postcodes=[{"first": "1"}])
        assert failure.value.code == "PERMISSION_DENIED"
