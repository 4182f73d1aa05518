"""Cars: registering, seeing, finding, changing."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from typing import Any

import pytest
from marque.vehicle.v1 import vehicle_history_pb2, vehicle_pb2, vin_pb2
from marque.vehicle.v1 import vehicle_service_pb2 as cars
from servicekit.testing.client import RpcFailure
from tradekit import vin as vins

V = "vehicle.v1.VehicleService"
_serials = itertools.count(700_000)


def new_checked(head: str) -> str:
    """A VIN with its check digit that begins so, far from those of other tests."""
    bare = f"{head}02R{next(_serials):06d}"
    return bare[:8] + vins.check_digit(bare) + bare[9:]


def update(vin: str, mask: list[str] | None = None, **fields: Any) -> cars.UpdateVehicleRequest:
    request = cars.UpdateVehicleRequest(vehicle=vehicle_pb2.Vehicle(vin=vin, **fields))
    request.update_mask.paths.extend(mask or [])
    return request


class TestRegisterVehicle:
    async def test_a_registered_car_is_read_back_by_any_writing_of_its_vin(self, garage: Any) -> None:
        made = await garage.make_car(plate_number="沪A12345", engine_number="EA211-77", option_codes=["PR1", "PR2"])

        spaced = f" {made.vin[:5].lower()}-{made.vin[5:]} "
        found = await garage.manager.call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=spaced))

        assert found.vin == made.vin
        assert (found.plate_number, found.status, list(found.option_codes)) == ("沪A12345", 1, ["PR1", "PR2"])
        assert [event.make for event in await garage.events("VehicleRegistered", made.vin)] == ["Volkswagen"]

    async def test_the_same_vin_again_is_refused_with_the_one_neutral_answer(self, garage: Any) -> None:
        made = await garage.make_car()
        with pytest.raises(RpcFailure) as failure:
            await garage.make_car(vin=made.vin)
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "VIN_ALREADY_REGISTERED")

    async def test_two_at_once_register_one_car(self, garage: Any) -> None:
        vin = garage.new_vin()
        answers = await asyncio.gather(*(garage.make_car(vin=vin) for _ in range(6)), return_exceptions=True)
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert len(await garage.events("VehicleRegistered", vin)) == 1

    @pytest.mark.parametrize(
        ("vin", "market", "reason"),
        [
            ("LSVAA41801234567", "CN", "VIN_LENGTH"),
            ("LSVAA4180I2345678", "CN", "VIN_CHARACTER"),
            ("1M8GDM9A0KP042788", "US", "VIN_CHECK_DIGIT"),
            ("1M8GDM9A0KP042788", "", "VIN_CHECK_DIGIT"),
        ],
    )
    async def test_a_wrong_vin_is_refused_by_the_law_of_its_market(
        self, garage: Any, vin: str, market: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as failure:
            await garage.make_car(vin=vin, market=market)
        assert failure.value.reason == "VIN_INVALID"
        assert failure.value.fields == {"vehicle.vin": reason}

    async def test_a_market_without_the_law_takes_another_character_at_position_nine(self, garage: Any) -> None:
        vin = f"WVWZZZ1KZ8W{garage.new_vin()[-6:]}"
        assert (await garage.make_car(vin=vin, market="DE")).vin == vin


class TestCheckVin:
    async def check(self, garage: Any, vin: str, market: str = "") -> Any:
        return await garage.manager.call(f"{V}/CheckVin", vin_pb2.CheckVinRequest(vin=vin, market=market))

    async def test_a_right_vin_is_decoded(self, garage: Any) -> None:
        found = await self.check(garage, "1m8gdm9axkp042788")
        assert (found.valid, found.expected_check_digit, found.check_digit_policy) == (True, "X", 1)
        assert (found.decoding.maker_code, found.decoding.country_code, found.decoding.serial) == (
            "1M8",
            "US",
            "042788",
        )
        assert found.decoding.model_years[0] == 1989
        assert not found.registered

    async def test_a_swap_is_offered_back(self, garage: Any) -> None:
        found = await self.check(garage, "1M8GDM9AXKP042878", "US")
        assert not found.valid
        assert ("1M8GDM9AXKP042788", "SWAPPED_CHARACTERS", 15) in [
            (one.vin, one.slip, one.position) for one in found.near_misses
        ]

    @pytest.mark.parametrize(
        ("typed", "slip"), [("1M8GDM9AXKP0427885", "EXTRA_CHARACTER"), ("1M8GDM9AXKP04278", "MISSING_CHARACTER")]
    )
    async def test_one_character_too_many_or_too_few_is_offered_back(self, garage: Any, typed: str, slip: str) -> None:
        found = await self.check(garage, typed, "US")
        assert (found.valid, found.HasField("decoding")) == (False, False)
        assert "1M8GDM9AXKP042788" in [one.vin for one in found.near_misses if one.slip == slip]
        assert len(found.near_misses) <= 10

    async def test_a_known_car_is_told_to_be_registered(self, garage: Any) -> None:
        made = await garage.make_car()
        assert (await self.check(garage, made.vin)).registered


def wrong(vin: str, place: int) -> str:
    return vin[:place] + ("A" if vin[place] != "A" else "B") + vin[place + 1 :]


def swapped(vin: str) -> str:
    return vin[:7] + vin[8] + vin[7] + vin[9:]


class TestSuggestVins:
    async def suggest(self, client: Any, typed: str) -> list[tuple[str, str, int]]:
        answer = await client.call(f"{V}/SuggestVins", vin_pb2.SuggestVinsRequest(vin=typed))
        return [(one.vin, one.slip, one.position) for one in answer.suggestions]

    async def test_one_wrong_or_swapped_character_leads_to_the_car(self, garage: Any) -> None:
        made = await garage.make_car(vin=new_checked("LSVAA41Z"))
        for place in (0, 3, 8, 13, 16):
            found = await self.suggest(garage.manager, wrong(made.vin, place).lower())
            assert (made.vin, "CONFUSED_CHARACTER", place + 1) in found
        assert (made.vin, "SWAPPED_CHARACTERS", 8) == (await self.suggest(garage.manager, swapped(made.vin)))[0]

    async def test_a_car_whose_market_asks_for_no_check_digit_is_found_too(self, garage: Any) -> None:
        vin = f"WVWZZZ1KZ8W{garage.new_vin()[-6:]}"
        await garage.make_car(vin=vin, market="DE")
        assert [one[0] for one in await self.suggest(garage.manager, wrong(vin, 4))] == [vin]

    async def test_the_car_itself_two_slips_and_another_length_lead_nowhere(self, garage: Any) -> None:
        made = await garage.make_car(vin=new_checked("LSVCC41Z"))
        for typed in (made.vin, wrong(wrong(made.vin, 4), 6), made.vin[:16], made.vin + "1", "?"):
            assert made.vin not in [one[0] for one in await self.suggest(garage.manager, typed)]

    async def test_a_dealer_and_an_owner_are_led_to_their_own_cars_only(self, garage: Any) -> None:
        dealer, customer = await garage.make_dealer(), await garage.make_customer()
        sold, other = [await garage.make_car(vin=new_checked(f"LSVDD4{mark}Z")) for mark in (1, 2)]
        await garage.make_sale(dealer, sold.vin, customer)
        desk = garage.client("dealer.service", dealers=[dealer])
        owner = garage.client("owner", customer=customer)
        for client in (desk, owner):
            assert [one[0] for one in await self.suggest(client, wrong(sold.vin, 8))] == [sold.vin]
            assert await self.suggest(client, wrong(other.vin, 8)) == []


class TestVisibility:
    async def test_any_dealer_reads_a_car_by_its_exact_vin_without_its_plate(self, garage: Any) -> None:
        dealer = await garage.make_dealer()
        made = await garage.make_car(plate_number="沪A12346")
        client = garage.client("dealer.service", dealers=[dealer])

        before = await client.call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=made.vin))
        await garage.make_order(dealer, made.vin)
        after = await client.call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=made.vin))

        assert (before.plate_number, list(before.masked_fields)) == ("", ["plate_number"])
        assert (after.plate_number, list(after.masked_fields)) == ("沪A12346", [])

    async def test_an_owner_sees_own_cars_and_nobody_elses(self, garage: Any) -> None:
        dealer, buyer, other = await garage.make_dealer(), await garage.make_customer(), await garage.make_customer()
        made = await garage.make_car()
        await garage.make_sale(dealer, made.vin, buyer)

        owner = garage.client("owner", customer=buyer)
        listed = await owner.call(f"{V}/ListVehicles", cars.ListVehiclesRequest())
        assert [one.vin for one in listed.vehicles] == [made.vin]
        with pytest.raises(RpcFailure) as hidden:
            await garage.client("owner", customer=other).call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=made.vin))
        with pytest.raises(RpcFailure) as absent:
            await owner.call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=garage.new_vin()))
        assert (hidden.value.code, hidden.value.reason, hidden.value.details) == (
            absent.value.code, absent.value.reason, absent.value.details,
        )  # fmt: skip

    async def test_a_former_owner_sees_neither_the_new_plate_nor_what_happened_later(self, garage: Any) -> None:
        first, second = await garage.make_customer(), await garage.make_customer()
        dealer, made = await garage.make_dealer(), await garage.make_car()
        started = await garage.start_ownership(made.vin, first, garage.at(2020, 1, 1))
        await garage.make_order(dealer, made.vin, odometer_in_km=1000, open_time=garage.at(2020, 6, 1))
        await garage.transfer(started.ownership_id, second, garage.at(2021, 1, 1))
        await garage.manager.call(f"{V}/UpdateVehicle", update(made.vin, plate_number="京A54321"))
        await garage.make_order(dealer, made.vin, odometer_in_km=9000, open_time=garage.at(2022, 6, 1))

        owner = garage.client("owner", customer=first)
        seen = await owner.call(f"{V}/GetVehicle", cars.GetVehicleRequest(vin=made.vin))
        file = await owner.call(f"{V}/GetVehicleHistory", vehicle_history_pb2.GetVehicleHistoryRequest(vin=made.vin))
        whole = await garage.client("owner", customer=second).call(
            f"{V}/GetVehicleHistory", vehicle_history_pb2.GetVehicleHistoryRequest(vin=made.vin)
        )

        assert (seen.plate_number, seen.odometer_km) == ("", 0)
        assert [entry.odometer_km for entry in file.entries if entry.HasField("repair")] == [1000]
        assert [entry.odometer_km for entry in whole.entries if entry.HasField("repair")] == [9000, 1000]

    async def test_a_dealer_lists_related_cars_of_all_its_houses_each_once(self, garage: Any) -> None:
        group = uuid.uuid4().hex[:8]
        one, two = await garage.make_dealer(group=group), await garage.make_dealer(group=group)
        mine = [await garage.make_car(garage.client("dealer.sales", dealers=[one])) for _ in range(5)]
        await garage.make_order(two, mine[0].vin)
        await garage.make_car()
        client = garage.client("dealer.manager", dealers=[one], dealer_group=group)

        for order in ("", "update_time", "vin", "vin desc"):
            found, token = [], ""
            while True:
                request = cars.ListVehiclesRequest(page_size=2, page_token=token, order_by=order)
                answer = await client.call(f"{V}/ListVehicles", request)
                found += [car.vin for car in answer.vehicles]
                token = answer.next_page_token
                if not token:
                    break
            assert sorted(found) == sorted(car.vin for car in mine), order

    async def test_region_lists_cars_of_its_dealers(self, garage: Any) -> None:
        region = uuid.uuid4().hex[:8]
        dealer = await garage.make_dealer(region=region)
        made = await garage.make_car(garage.client("dealer.sales", dealers=[dealer]))
        listed = await garage.client("oem.region", region=region).call(f"{V}/ListVehicles", cars.ListVehiclesRequest())
        assert [one.vin for one in listed.vehicles] == [made.vin]


class TestSearchVehicles:
    async def search(self, client: Any, query: str) -> Any:
        return await client.call(f"{V}/SearchVehicles", cars.SearchVehiclesRequest(query=query))

    async def test_the_end_of_a_vin_a_part_of_a_plate_and_an_engine_number_find_the_car(self, garage: Any) -> None:
        made = await garage.make_car(plate_number="粤B88T77", engine_number="EA888-4711X")
        for query in (made.vin[-6:], made.vin[-8:], made.vin, "粤B88T77", "88T77", "4711x"):
            found = await self.search(garage.manager, query)
            assert made.vin in [one.vehicle.vin for one in found.results], query

    async def test_a_plate_is_not_searched_for_who_may_not_read_it(self, garage: Any) -> None:
        made = await garage.make_car(plate_number="粤B99T66")
        found = await self.search(garage.client("oem.quality"), "粤B99T66")
        assert made.vin not in [one.vehicle.vin for one in found.results]

    async def test_a_dealer_finds_others_cars_by_the_whole_vin_only(self, garage: Any) -> None:
        made, client = await garage.make_car(), garage.client("dealer.service", dealers=[await garage.make_dealer()])
        assert [one.vehicle.vin for one in (await self.search(client, made.vin)).results] == [made.vin]
        assert made.vin not in [one.vehicle.vin for one in (await self.search(client, made.vin[-6:])).results]


class TestUpdateVehicle:
    async def test_a_mask_says_what_changes_and_the_event_names_it(self, garage: Any) -> None:
        made = await garage.make_car(trim="Comfort")
        changed = await garage.manager.call(
            f"{V}/UpdateVehicle", update(made.vin, ["trim", "energy"], energy=6, model="ignored")
        )
        assert (changed.trim, changed.energy, changed.model) == ("", 6, "Lavida")
        (event,) = await garage.events("VehicleUpdated", made.vin)
        assert (list(event.changed_fields), event.aggregate_version) == (["energy", "trim"], 2)

    @pytest.mark.parametrize(("mask", "reason"), [("nonsense", "FIELD_UNKNOWN"), ("odometer_km", "FIELD_NOT_WRITABLE")])
    async def test_a_field_that_is_unknown_or_not_the_callers_is_refused(
        self, garage: Any, mask: str, reason: str
    ) -> None:
        made = await garage.make_car()
        with pytest.raises(RpcFailure) as failure:
            await garage.manager.call(f"{V}/UpdateVehicle", update(made.vin, [mask]))
        assert (failure.value.code, failure.value.reason) == ("INVALID_ARGUMENT", reason)

    async def test_an_older_etag_is_refused(self, garage: Any) -> None:
        made = await garage.make_car()
        await garage.manager.call(f"{V}/UpdateVehicle", update(made.vin, trim="A", etag=made.etag))
        with pytest.raises(RpcFailure) as failure:
            await garage.manager.call(f"{V}/UpdateVehicle", update(made.vin, trim="B", etag=made.etag))
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_a_scrapped_car_is_not_changed(self, garage: Any) -> None:
        made = await garage.make_car(status=vehicle_pb2.VEHICLE_STATUS_SCRAPPED)
        with pytest.raises(RpcFailure) as failure:
            await garage.manager.call(f"{V}/UpdateVehicle", update(made.vin, trim="B"))
        assert failure.value.reason == "VEHICLE_SCRAPPED"

    async def test_a_dealer_does_not_change_a_car_that_is_not_related(self, garage: Any) -> None:
        made, dealer = await garage.make_car(), await garage.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await garage.client("dealer.sales", dealers=[dealer]).call(f"{V}/UpdateVehicle", update(made.vin, trim="B"))
        assert failure.value.reason == "VEHICLE_NOT_FOUND"


class TestInternalReads:
    async def test_batch_and_export_give_every_car_once(self, garage: Any) -> None:
        made = [await garage.make_car() for _ in range(3)]
        absent = garage.new_vin()
        batch = await garage.service.call(
            f"{V}/BatchGetVehicles",
            cars.BatchGetVehiclesRequest(vins=[made[0].vin, made[0].vin.lower(), made[1].vin, absent]),
        )
        assert sorted(one.vin for one in batch.vehicles) == sorted(car.vin for car in made[:2])
        assert list(batch.missing_vins) == [absent]
        seen = [
            one.vin
            async for answer in garage.service.stream(f"{V}/ExportVehicles", cars.ExportVehiclesRequest())
            for one in answer.vehicles
        ]
        assert len(seen) == len(set(seen))
        assert {car.vin for car in made} <= set(seen)
