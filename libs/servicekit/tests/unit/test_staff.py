"""What a token is worth by the record of its subject, and how long a remembered record is believed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from servicekit import roles
from servicekit.rpc.principal import Principal
from servicekit.staff import (
    ACTIVE,
    DETACHED,
    LEFT,
    ON_LEAVE,
    SUSPENDED,
    Access,
    AccessEnded,
    Roster,
    narrowed,
    subject_key,
)

SALES = frozenset({"dealer.sales"})
A, B = "0190b8a0-0000-7000-8000-00000000000a", "0190b8a0-0000-7000-8000-00000000000b"


def caller(*held: str, **scope: Any) -> Principal:
    found = frozenset(held)
    return Principal("someone", found, roles.permissions(found), **scope)


def record(status: int = ACTIVE, held: frozenset[str] = SALES, **scope: Any) -> Access:
    return Access("staff-1", status, held, **scope)


class TestNarrowed:
    def test_without_a_record_the_token_stands(self) -> None:
        given = caller("dealer.sales", dealers=frozenset({A}))

        assert narrowed(given, None) is given

    @pytest.mark.parametrize(
        ("named", "recorded", "expected"),
        [
            ((), SALES, {"dealer.sales"}),
            (("dealer.sales",), SALES, {"dealer.sales"}),
            (("dealer.sales", "oem.admin"), SALES, {"dealer.sales"}),
            (("oem.admin",), SALES, set()),
            (("dealer.sales",), frozenset(), set()),
            (("owner",), SALES, {"owner"}),
            (("owner", "dealer.sales"), SALES, {"owner", "dealer.sales"}),
        ],
    )
    def test_a_token_narrows_the_record_and_never_widens_it(
        self, named: tuple[str, ...], recorded: frozenset[str], expected: set[str]
    ) -> None:
        found = narrowed(caller(*named), record(held=recorded))

        assert found.roles == expected
        assert found.permissions == roles.permissions(frozenset(expected))
        assert found.staff_id == "staff-1"

    @pytest.mark.parametrize(
        ("named", "recorded", "expected"),
        [((), A, {A}), ((A,), A, {A}), ((A, B), A, {A}), ((B,), A, set()), ((A,), "", set()), ((), "", set())],
    )
    def test_dealers_are_those_of_both(self, named: tuple[str, ...], recorded: str, expected: set[str]) -> None:
        found = narrowed(caller("dealer.sales", dealers=frozenset(named)), record(dealer_id=recorded))

        assert found.dealers == expected

    @pytest.mark.parametrize(
        ("named", "recorded", "expected"),
        [("", "EAST", "EAST"), ("EAST", "EAST", "EAST"), ("WEST", "EAST", ""), ("EAST", "", "")],
    )
    def test_region_and_group_are_those_of_both(self, named: str, recorded: str, expected: str) -> None:
        found = narrowed(caller(region=named, dealer_group=named), record(region=recorded, group=recorded))

        assert (found.region, found.dealer_group) == (expected, expected)

    @pytest.mark.parametrize("status", [LEFT, SUSPENDED, DETACHED, 99])
    def test_who_does_not_work_any_more_is_refused(self, status: int) -> None:
        with pytest.raises(AccessEnded):
            narrowed(caller("dealer.sales"), record(status))
        with pytest.raises(AccessEnded):
            narrowed(caller(), record(status))

    def test_who_has_left_is_still_an_owner(self) -> None:
        found = narrowed(caller("owner", "dealer.sales", dealers=frozenset({A})), record(LEFT, dealer_id=A))

        assert (found.roles, found.dealers) == ({"owner"}, frozenset())

    def test_who_is_on_leave_may_sign_in(self) -> None:
        assert narrowed(caller(), record(ON_LEAVE)).roles == SALES


class Records:
    """Records that a test changes, and how often they were read."""

    def __init__(self) -> None:
        self.found: dict[str, Access] = {}
        self.reads = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self, keys: Collection[str]) -> Mapping[str, Access]:
        self.reads += 1
        found = {key: self.found[key] for key in keys if key in self.found}
        if self.gate is not None:
            await self.gate.wait()
        return found


class TestRoster:
    async def test_machines_and_owners_are_never_asked_for(self) -> None:
        records = Records()
        roster = Roster(records)
        for held in ("service", "dealer.system", "plant", "partner", "owner", "provisioner"):
            assert (await roster.present(caller(held))).roles == {held}

        assert records.reads == 0

    async def test_while_news_come_in_a_record_is_read_once_until_it_changes(self) -> None:
        records = Records()
        roster = Roster(records)
        roster.heard(None, since=time.monotonic())
        for _ in range(3):
            await roster.present(caller("dealer.sales"))
        assert records.reads == 1

        records.found[subject_key("someone")] = record(LEFT)
        roster.heard([subject_key("someone")], since=time.monotonic())
        with pytest.raises(AccessEnded):
            await roster.present(caller("dealer.sales"))

    async def test_without_news_nothing_remembered_is_believed(self) -> None:
        records = Records()
        roster = Roster(records)
        roster.heard(None, since=time.monotonic(), good_for=0.0)
        for _ in range(2):
            await roster.present(caller("dealer.sales"))

        assert records.reads == 2

    async def test_a_record_read_before_the_news_is_not_remembered_after_them(self) -> None:
        records = Records()
        records.gate = asyncio.Event()
        roster = Roster(records)
        roster.heard(None, since=time.monotonic())
        reading = asyncio.create_task(roster.present(caller("dealer.sales")))
        await asyncio.sleep(0)
        records.found[subject_key("someone")] = record(LEFT)
        roster.heard([subject_key("someone")], since=time.monotonic())
        records.gate.set()
        await reading

        with pytest.raises(AccessEnded):
            await roster.present(caller("dealer.sales"))
