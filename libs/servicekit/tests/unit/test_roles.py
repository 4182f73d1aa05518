"""Roles and principals: what is not in the table gives nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.options.v1 import options_pb2
from servicekit import contract, roles
from servicekit.rpc.principal import ANONYMOUS, Principal

KNOWN = sorted(roles.PERMISSIONS)
HELD = st.frozensets(st.sampled_from(KNOWN), max_size=4)
UNKNOWN = st.text(max_size=20).filter(lambda name: name not in roles.PERMISSIONS)
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


def principal(**claims: Any) -> Principal:
    return Principal.from_claims({"sub": "s", "exp": 1, **claims})


class TestTable:
    def test_every_role_has_permissions_and_classes(self) -> None:
        assert set(roles.PERMISSIONS) == set(roles.CLASSES)
        assert set(roles.PERMISSIONS) >= roles.UNSCOPED

    def test_every_permission_of_the_contracts_is_held_by_some_role(self) -> None:
        wanted = {
            method.permission
            for name in contract.services()
            for method in contract.methods(name).values()
            if method.permission
        }
        held = frozenset().union(*roles.PERMISSIONS.values())
        assert wanted - held == set()

    def test_only_kinds_of_data_that_exist_are_shown(self) -> None:
        assert set(options_pb2.DataClass.values()) - {0} == roles.ALL_CLASSES

    @given(HELD, st.frozensets(UNKNOWN, max_size=3))
    def test_an_unknown_role_gives_nothing(self, held: frozenset[str], unknown: frozenset[str]) -> None:
        assert roles.permissions(held | unknown) == roles.permissions(held)
        assert roles.visible_classes(held | unknown) == roles.visible_classes(held)
        assert roles.permissions(unknown) == roles.visible_classes(unknown) == frozenset()

    @given(HELD, HELD)
    def test_roles_add_up(self, one: frozenset[str], other: frozenset[str]) -> None:
        assert roles.permissions(one | other) == roles.permissions(one) | roles.permissions(other)

    @pytest.mark.parametrize(
        "role", ["dealer.technician", "oem.research", "oem.marketing", "oem.quality", "ops", "plant", "partner"]
    )
    def test_who_needs_no_name_sees_no_name(self, role: str) -> None:
        visible = roles.visible_classes(frozenset({role}))
        assert not visible & {roles.IDENTITY, roles.CONTACT}


class TestPrincipal:
    def test_nobody_may_do_anything(self) -> None:
        assert not ANONYMOUS.permissions
        assert [ANONYMOUS.sees_all_rows, ANONYMOUS.is_service, ANONYMOUS.sees(roles.IDENTITY)] == [False] * 3

    def test_claims_become_roles_scope_and_permissions(self) -> None:
        found = principal(
            roles=["dealer.sales"], dealers=["d1"], dealer_group="g", region="r", customer="c", client_id="x"
        )
        assert found.may("customer.customers.read")
        assert not found.may("customer.customers.everything")
        assert (found.dealers, found.dealer_group, found.region, found.customer_id) == (
            frozenset({"d1"}),
            "g",
            "r",
            "c",
        )
        assert found.is_dealer
        assert not found.is_owner

    @given(st.lists(JSON, max_size=4), st.lists(JSON, max_size=4), JSON, JSON)
    def test_claims_of_another_kind_give_nothing(
        self, held: list[Any], dealers: list[Any], group: Any, region: Any
    ) -> None:
        found = principal(roles=held, dealers=dealers, dealer_group=group, region=region)
        assert not found.permissions
        assert found.dealers == {dealer for dealer in dealers if isinstance(dealer, str)}
        assert found.dealer_group == (group if isinstance(group, str) else "")
        assert found.region == (region if isinstance(region, str) else "")

    def test_the_token_is_not_shown(self) -> None:
        assert "secret" not in repr(Principal.from_claims({"sub": "s", "exp": 1}, "secret-token"))

    def test_a_role_whose_name_begins_alike_is_no_dealer_and_no_service(self) -> None:
        found = principal(roles=["dealership", "services", "owners"])
        assert [found.is_dealer, found.is_service, found.is_owner] == [False] * 3
