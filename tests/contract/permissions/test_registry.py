"""The registry of fixtures agrees with the contracts, and the table of rows with the registry: who adds an RPC adds its fixture."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from servicekit import contract, roles
from servicekit.testing.access import rows
from servicekit.testing.access.call import encoded
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.access.rows import Seat


class TestRegistry:
    def test_every_rpc_has_its_fixture(self) -> None:
        assert set(methods()) - set(registry()) == set(), (
            "declare how it is called in servicekit.testing.access.fixtures"
        )

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
