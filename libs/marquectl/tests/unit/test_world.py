from __future__ import annotations

import random
from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marquectl.world import make_world, nhtsa, troubles, vins
from marquectl.world.cars import WORLD_DAY
from marquectl.world.leads import WAYS
from marquectl.world.network import POSTS, STATIONS
from marquectl.world.personas import people
from tradekit import email, phone, plate, vin


def wire(rows: list) -> list[bytes]:
    return [row.SerializeToString(deterministic=True) for row in rows]


class TestMakeWorld:
    @settings(max_examples=10, deadline=None)
    @given(st.integers(0, 10**6), st.integers(1, 60))
    def test_the_same_arguments_give_the_same_world(self, seed: int, size: int) -> None:
        one, two = make_world(seed, size), make_world(seed, size)
        assert {kind: wire(rows) for kind, rows in one.rows.items()} == {
            kind: wire(rows) for kind, rows in two.rows.items()
        }
        assert (one.transfers, one.consents, one.interactions) == (two.transfers, two.consents, two.interactions)

    @settings(max_examples=10, deadline=None)
    @given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 20))
    def test_a_larger_world_contains_the_smaller(self, seed: int, size: int, more: int) -> None:
        small, large = make_world(seed, size), make_world(seed, size + more)
        for kind, rows in small.rows.items():
            assert wire(rows) == wire(large.rows[kind][: len(rows)])

    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 10**6), st.integers(1, 200))
    def test_references_are_closed_and_keys_unique(self, seed: int, size: int) -> None:
        world = make_world(seed, size)
        dealers = {row.code for row in world.rows["dealers"]}
        staff = {(row.dealer_code, row.employee_number) for row in world.rows["staff"]}
        customers = {row.source_key for row in world.rows["customers"]}
        cars = {row.vin for row in world.rows["vehicles"]}
        assert len(dealers) == len(world.rows["dealers"]) == 24
        assert len(staff) == len(world.rows["staff"])
        assert len({row.subject for row in world.rows["staff"]}) == len(staff)
        assert len(customers) == size
        assert len(cars) == len(world.rows["vehicles"]) == len(world.rows["sales"])
        assert {row.dealer_code for row in world.rows["customers"]} <= dealers
        for row in world.rows["sales"]:
            assert row.vin in cars
            assert row.customer_source_key in customers
            assert (row.dealer_code, row.adviser_employee_number) in staff
        assert (
            max(Counter((row.dealer_code, row.invoice_number) for row in world.rows["sales"]).values(), default=1) == 1
        )
        orders = world.rows["repair-orders"]
        assert max(Counter((row.dealer_code, row.number) for row in orders).values(), default=1) == 1
        for row in orders:
            assert row.vin in cars
            assert row.customer_source_key in customers
            assert (row.dealer_code, row.adviser_employee_number) in staff
            assert {(row.dealer_code, line.technician_employee_number) for line in row.lines} <= staff
        assert {key for one in world.transfers for key in (one.from_key, one.to_key)} <= customers
        assert {one.customer_key for one in (*world.consents, *world.interactions)} <= customers

    @settings(max_examples=6, deadline=None)
    @given(st.integers(0, 10**6))
    def test_every_vin_phone_address_and_plate_is_valid(self, seed: int) -> None:
        world = make_world(seed, 150)
        for row in world.rows["vehicles"]:
            assert vin.validate(row.vin, row.market).check_holds
            assert row.vin[11] == vins.SERIAL_MARK
            assert plate.normalise(row.plate_number).value == row.plate_number
        for row in world.rows["customers"]:
            number = phone.normalise(row.phone, row.country_code)
            assert number.region == row.country_code
            assert row.phone.startswith("+861740") or row.phone[5:10] == "55501"
            if row.email:
                assert email.normalise(row.email).domain == "example.com"
        for row in world.rows["staff"]:
            assert email.normalise(row.email).domain == "example.com"

    @settings(max_examples=6, deadline=None)
    @given(st.integers(0, 10**6))
    def test_time_runs_forward_and_not_past_the_world_day(self, seed: int) -> None:
        world = make_world(seed, 150)
        last: dict[str, tuple[str, int]] = {}
        for sale in world.rows["sales"]:
            assert sale.invoice_date <= sale.delivery_date <= WORLD_DAY.isoformat()
            last[sale.vin] = (sale.delivery_date, 0)
        for row in world.rows["repair-orders"]:
            when, km = last[row.vin]
            assert when[:10] <= row.open_time[:10] <= WORLD_DAY.isoformat()
            assert km <= row.odometer_in_km
            assert not row.close_time or row.open_time < row.close_time <= f"{WORLD_DAY.isoformat()}T24"
            assert row.lines
            last[row.vin] = (row.open_time, row.odometer_in_km)
        delivered = {sale.vin: sale.delivery_date for sale in world.rows["sales"]}
        assert all(delivered[one.vin] < one.at.date().isoformat() <= WORLD_DAY.isoformat() for one in world.transfers)
        assert all(one.from_key != one.to_key for one in world.transfers)

    def test_a_usual_world_has_both_countries_second_owners_and_open_orders(self) -> None:
        world = make_world(1, 2000)
        countries = Counter(row.country_code for row in world.rows["customers"])
        assert 0.5 < countries["CN"] / 2000 < 0.7
        assert len(world.transfers) > 20
        assert any(not row.close_time for row in world.rows["repair-orders"])
        assert {line.pay_type for row in world.rows["repair-orders"] for line in row.lines} == {
            "warranty",
            "customer",
            "recall",
        }
        assert {row.kind for row in world.rows["customers"]} == {"person", "organisation"}


class TestNhtsa:
    def test_prefixes_have_a_check_digit_that_can_hold(self) -> None:
        taken: set[str] = set()
        for complaint in nhtsa.complaints()[::20]:
            made = vins.complete(complaint.prefix, random.Random(1), taken)
            assert made.startswith(complaint.prefix)
            assert vin.check_digit_holds(made)

    def test_the_tables_are_whole(self) -> None:
        assert len(nhtsa.complaints()) > 4_000
        assert all(date(2020, 1, 1) <= one.received <= date(2024, 12, 31) for one in nhtsa.complaints())
        assert sum(len(numbers) for numbers in nhtsa.recalls().values()) > 1_000


class TestPeople:
    def test_everybody_has_what_the_issuer_and_the_banner_read(self) -> None:
        dealers = {station.code: f"id-{station.code}" for station in STATIONS}
        known = people(dealers, {"C-000001": "one", "C-000002": "two"})
        for person in known.values():
            assert person["sub"]
            assert person["roles"]
            assert set(person["title"]) == {"en", "zh"}
        assert known["owner-wang"]["customer"] == "one"
        assert known["sales-shanghai"]["dealers"] == ["id-CN-SH-01"]

    def test_subjects_are_those_of_the_staff_rows(self) -> None:
        world = make_world(1, 1)
        subjects = {row.subject: row.roles for row in world.rows["staff"]}
        known = people({station.code: "x" for station in STATIONS}, {})
        staffed = {key: person for key, person in known.items() if person["sub"] in subjects}
        assert len(staffed) >= 14
        assert all(subjects[person["sub"]] == person["roles"][0] for person in staffed.values())

    def test_posts_are_the_same_everywhere(self) -> None:
        assert {role for _, role in POSTS} == {
            "dealer.manager", "dealer.sales", "dealer.service", "dealer.technician", "dealer.care",
        }  # fmt: skip


@pytest.mark.slow
class TestLargeWorld:
    def test_twenty_thousand_customers_still_have_unique_vins(self) -> None:
        world = make_world(3, 20_000)
        assert len({row.vin for row in world.rows["vehicles"]}) == len(world.rows["vehicles"])


class TestLeads:
    def test_every_way_of_a_lead_is_shown_and_the_same_seed_gives_the_same(self) -> None:
        world = make_world(7, 40)
        assert {made.way for made in world.leads} == set(WAYS)
        assert len({made.customer_key for made in world.leads}) == len(world.leads) == 36
        assert world.leads == make_world(7, 60).leads


class TestTroubles:
    def test_of_late_one_part_of_one_car_is_complained_about_more(self) -> None:
        rows = make_world(3, 2).rows["cases"]
        braking = [row.receive_date[:7] for row in rows if row.component == troubles.RISING]
        assert len({row.source_key for row in rows}) == len(rows)
        assert [braking.count(month) for month in ("2025-12", "2026-04", "2026-05", "2026-10")] == [1, 1, 9, 9]
        assert max(row.receive_date for row in rows) <= "2026-10-31"
