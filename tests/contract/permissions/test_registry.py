"""The registry of fixtures agrees with the contracts, and the table of rows with the registry: who adds an RPC adds its fixture."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from servicekit import contract, roles
from servicekit.testing.access import rows
from servicekit.testing.access.call import encoded
from servicekit.testing.access.judge import classified
from servicekit.testing.access.registry import Fixture, Registry, Row, methods, registry
from servicekit.testing.access.rows import Seat


def without_fixture(known: dict[str, Fixture]) -> set[str]:
    """The RPCs of the contracts that the suite does not know how to call."""
    return set(methods()) - set(known)


class TestRegistry:
    def test_every_rpc_has_its_fixture(self) -> None:
        assert without_fixture(registry()) == set(), "declare how it is called in servicekit.testing.access.fixtures"

    def test_an_rpc_without_a_fixture_is_found(self) -> None:
        rpc = "customer.v1.CustomerService/GetCustomer"
        assert without_fixture({name: one for name, one in registry().items() if name != rpc}) == {rpc}

    def test_a_second_fixture_for_an_rpc_is_refused(self) -> None:
        found = Registry()
        found.add("a.v1.B/C", lambda caller, row: {})
        with pytest.raises(AssertionError):
            found.add("a.v1.B/C", lambda caller, row: {})

    def test_every_fixture_has_its_rpc(self) -> None:
        assert set(registry()) - set(methods()) == set()

    def test_every_kind_of_row_is_in_the_table(self) -> None:
        named = {fixture.rows.split(":")[0] for fixture in registry().values() if fixture.rows}

        assert named == set(rows.TABLE)

    def test_the_table_judges_every_role_that_may_ask(self) -> None:
        silent = []
        for rpc, fixture in registry().items():
            permission = methods()[rpc].permission
            for seat in rows.seats() if fixture.rows and permission else ():
                if permission in roles.PERMISSIONS[seat.role]:
                    table = rows.TABLE[fixture.rows.split(":")[0]]
                    silent += [] if seat.role in table or seat.kind in table else [f"{rpc} × {seat.name}"]

        assert silent == []

    def test_roles_from_whom_no_row_is_hidden_are_judged_as_the_makers(self) -> None:
        kinds = {role: rows.kind_of(role) for role in roles.PERMISSIONS}

        assert {role for role, kind in kinds.items() if kind == "maker"} >= roles.UNSCOPED
        assert {role for role, kind in kinds.items() if kind == "maker"} - roles.UNSCOPED == {"ops", "partner"}


@pytest.mark.parametrize("fixture", registry().values(), ids=lambda fixture: fixture.rpc)
class TestFixture:
    def test_it_leads_through_fields_that_exist(self, fixture: Fixture) -> None:
        descriptor = methods()[fixture.rpc].output.DESCRIPTOR
        for name in fixture.items.split(".") if fixture.items else ():
            descriptor = descriptor.fields_by_name[name].message_type

        assert not fixture.key or fixture.key in descriptor.fields_by_name


def test_a_request_with_a_field_that_is_not_in_the_contract_is_no_request() -> None:
    method = contract.methods("marque.customer.v1.CustomerService")["GetCustomer"]

    with pytest.raises(json_format.ParseError):
        encoded(method, {"customer": Row("own", "x").id})


def test_a_table_without_a_word_about_a_role_is_a_fault() -> None:
    with pytest.raises(KeyError):
        rows.expected("sale", Seat("oem.unknown", "nowhere"), "own")


class TestKindsOfData:
    """access.md's words about persons, prices and contacts, read without the role table, against it."""

    PERSONS = frozenset({roles.IDENTITY, roles.CONTACT, roles.PERSON})

    @pytest.mark.parametrize(
        "role", ["oem.research", "oem.marketing", "oem.technical", "oem.quality", "plant", "partner", "ops"]
    )
    def test_who_works_without_persons_sees_none(self, role: str) -> None:
        assert roles.CLASSES[role] & self.PERSONS == set()

    @pytest.mark.parametrize(
        "role", ["oem.technical", "oem.quality", "oem.research", "oem.marketing", "plant", "partner", "ops"]
    )
    def test_prices_are_of_those_who_sell_and_own(self, role: str) -> None:
        assert roles.COMMERCIAL not in roles.CLASSES[role]

    @pytest.mark.parametrize("role", sorted(roles.PERMISSIONS))
    def test_only_the_makers_administrators_and_services_hold_operations(self, role: str) -> None:
        operations = {name for name in roles.PERMISSIONS[role] if ".dead_letters." in name or ".state." in name}
        assert bool(operations) is (role in {"ops", "oem.admin", "service"})

    def test_a_cars_history_holds_no_price_at_all(self) -> None:
        """Other dealers' prices are never in it, because none is."""
        assert (
            _kinds(methods()["vehicle.v1.VehicleService/GetVehicleHistory"].output.DESCRIPTOR, set())
            & {roles.COMMERCIAL}
            == set()
        )


def _kinds(descriptor: Any, seen: set[str]) -> set[int]:
    """The kinds of data of a message and all that it holds."""
    if descriptor.full_name in seen:
        return set()
    seen.add(descriptor.full_name)
    found = {kind for _, kind in classified(descriptor)}
    if descriptor.full_name == "google.type.Money":
        found.add(roles.COMMERCIAL)
    for field in descriptor.fields:
        if field.message_type is not None:
            found |= _kinds(field.message_type, seen)
    return found
