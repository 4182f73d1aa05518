from __future__ import annotations

from itertools import product

import pytest
from marque_network.rules.offices import fits_employer, is_known, may_give, not_grantable
from servicekit import roles
from servicekit.rpc.principal import Principal


def caller(role: str, **scope: str) -> Principal:
    held = frozenset({role})
    return Principal(subject="x", roles=held, permissions=roles.permissions(held), **scope)


class TestMayGive:
    @pytest.mark.parametrize(("giver", "given"), product(sorted(roles.PERMISSIONS), repeat=2))
    def test_a_given_role_never_adds_to_what_the_giver_has(self, giver: str, given: str) -> None:
        if may_give(caller(giver), given):
            assert roles.PERMISSIONS[given] <= roles.PERMISSIONS[giver]
            assert roles.CLASSES[given] <= roles.CLASSES[giver]
            assert given not in roles.UNSCOPED or giver in roles.UNSCOPED

    @pytest.mark.parametrize(
        ("giver", "given", "may"),
        [
            ("dealer.manager", "dealer.sales", True),
            ("dealer.manager", "dealer.technician", True),
            ("dealer.manager", "dealer.manager", True),
            ("dealer.sales", "dealer.manager", False),
            ("oem.manager", "dealer.manager", True),
            ("oem.manager", "oem.agent", True),
            ("oem.manager", "oem.region", True),
            ("oem.manager", "oem.admin", False),
            ("oem.admin", "oem.admin", True),
            ("dealer.manager", "oem.region", False),
            ("dealer.manager", "oem.technical", False),
        ],
    )
    def test_who_may_give_what(self, giver: str, given: str, may: bool) -> None:
        assert may_give(caller(giver), given) is may


class TestNotGrantable:
    @pytest.mark.parametrize(
        ("scope", "region", "group", "allowed"),
        [
            ({}, "", "", True),
            ({}, "EAST", "", False),
            ({"region": "EAST"}, "EAST", "", True),
            ({}, "", "GRP", False),
            ({"dealer_group": "GRP"}, "", "GRP", True),
            ({"dealer_group": "GRP"}, "", "OTHER", False),
        ],
    )
    def test_a_dealers_manager_gives_no_sight_beyond_their_own(
        self, scope: dict[str, str], region: str, group: str, allowed: bool
    ) -> None:
        giver = caller("dealer.manager", **scope)
        what = not_grantable(giver, held=["dealer.sales"], at_dealer=True, region_code=region, group_code=group)
        assert (what == "") is allowed

    def test_a_place_at_the_maker_is_not_theirs_to_give(self) -> None:
        giver = caller("dealer.manager")
        assert not_grantable(giver, held=[], at_dealer=False, region_code="", group_code="") == "a place at the maker"


class TestFitsEmployer:
    @pytest.mark.parametrize("role", sorted(roles.PERMISSIONS))
    def test_a_role_fits_one_employer_at_most(self, role: str) -> None:
        assert is_known(role)
        assert not (fits_employer(role, at_dealer=True) and fits_employer(role, at_dealer=False))

    @pytest.mark.parametrize("role", ["owner", "service", "plant", "partner", "dealer.system"])
    def test_systems_and_customers_are_not_staff(self, role: str) -> None:
        assert not fits_employer(role, at_dealer=True)
        assert not fits_employer(role, at_dealer=False)
