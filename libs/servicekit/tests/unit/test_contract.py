"""The contracts as the platform reads them: nothing is public by omission, an event has a key of its own."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from marque.customer.v1 import customer_events_pb2, customer_pb2
from marque.options.v1 import options_pb2
from servicekit import contract
from servicekit.contract import ContractError

PACKAGE = "marque.contracttest.v1"


@pytest.fixture(scope="module", autouse=True)
def _odd_contracts() -> None:
    """A service whose method forgot its access rule, and events with a wrong key."""
    file = descriptor_pb2.FileDescriptorProto(
        name="marque/contracttest/v1/odd.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=["marque/options/v1/options.proto"],
    )
    file.message_type.add(name="Request")
    unkeyed = file.message_type.add(name="Unkeyed")
    unkeyed.options.Extensions[options_pb2.event].aggregate = "thing"
    unkeyed.options.Extensions[options_pb2.event].key = "thing_id"
    open_service = file.service.add(name="OpenService")
    open_service.method.add(name="Do", input_type=f".{PACKAGE}.Request", output_type=f".{PACKAGE}.Request")
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


class TestMethods:
    def test_a_method_without_an_access_rule_is_refused(self) -> None:
        with pytest.raises(ContractError, match="OpenService/Do says nothing about who may call it"):
            contract.methods(f"{PACKAGE}.OpenService")

    @pytest.mark.parametrize("name", contract.services())
    def test_every_method_has_just_one_rule(self, name: str) -> None:
        for method in contract.methods(name).values():
            assert [bool(method.permission), method.public, method.internal].count(True) == 1, method.path

    def test_a_method_tells_its_path_types_and_nature(self) -> None:
        found = contract.methods("marque.customer.v1.CustomerService")
        create, get = found["CreateCustomer"], found["GetCustomer"]

        assert (create.path, create.permission) == (
            "/marque.customer.v1.CustomerService/CreateCustomer",
            "customer.customers.create",
        )
        assert create.output is customer_pb2.Customer
        assert (create.idempotent, create.reads, get.idempotent, get.reads) == (True, False, False, True)


class TestEvents:
    def test_an_event_tells_its_name_aggregate_key_and_owner(self) -> None:
        found = contract.event(customer_events_pb2.CustomersMerged.DESCRIPTOR)

        assert (found.name, found.aggregate, found.key, found.owner) == (
            "marque.customer.v1.CustomersMerged", "customer", "customer_id", "customer"
        )  # fmt: skip

    @pytest.mark.parametrize("name", ["marque.customer.v1.Customer", f"{PACKAGE}.Unkeyed"])
    def test_a_message_that_is_no_event_or_lacks_its_key_is_refused(self, name: str) -> None:
        with pytest.raises(ContractError, match="is not an event"):
            contract.event(contract.message(name).DESCRIPTOR)

    def test_every_event_can_carry_version_and_moment(self) -> None:
        assert contract.events()
        for event in contract.events():
            assert {"aggregate_version", "occur_time", event.key} <= set(event.message.DESCRIPTOR.fields_by_name), (
                event.name
            )
