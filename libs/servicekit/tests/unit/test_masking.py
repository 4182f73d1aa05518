"""Withheld fields: whatever the message's shape, no value of a kind that the caller may not see survives."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from marque.customer.v1 import customer_pb2
from marque.options.v1 import options_pb2
from marque.vehicle.v1 import repair_order_pb2, sale_pb2, vehicle_history_pb2
from servicekit import masking, roles
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

PACKAGE = "marque.maskingtest.v1"
FIELD = descriptor_pb2.FieldDescriptorProto
SECRET = "val-7f3a"


def _field(name: str, number: int, *, of: str = "", many: bool = False, kind: int = 0) -> Any:
    found = FIELD(name=name, number=number, label=FIELD.LABEL_REPEATED if many else FIELD.LABEL_OPTIONAL)
    found.type = FIELD.TYPE_MESSAGE if of else FIELD.TYPE_STRING
    if of:
        found.type_name = f".{PACKAGE}.{of}"
    if kind:
        found.options.Extensions[options_pb2.data_class] = kind
    return found


def _shapes() -> dict[str, Any]:
    """Messages as the contracts may grow them: nested, repeated, in maps, of their own type, with and without `masked_fields`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="marque/maskingtest/v1/shapes.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=["marque/options/v1/options.proto"],
    )
    leaf = file.message_type.add(name="Leaf")
    leaf.field.extend(
        [_field("phone", 1, kind=roles.CONTACT), _field("label", 2), _field("price", 3, kind=roles.COMMERCIAL)]
    )
    tree = file.message_type.add(name="Tree")
    tree.field.extend([_field("name", 1, kind=roles.IDENTITY), _field("children", 2, of="Tree", many=True)])
    there = file.message_type.add(name="There")
    there.field.extend([_field("back", 1, of="Back")])
    back = file.message_type.add(name="Back")
    back.field.extend([_field("there", 1, of="There"), _field("note", 2, kind=roles.NARRATIVE)])
    owned = file.message_type.add(name="Owned")
    owned.field.extend([_field("leaf", 1, of="Leaf"), _field("masked_fields", 2, many=True)])
    root = file.message_type.add(name="Root")
    root.field.extend(
        [
            _field("leaf", 1, of="Leaf"),
            _field("leaves", 2, of="Leaf", many=True),
            _field("by_key", 3, of="Root.ByKeyEntry", many=True),
            _field("tree", 4, of="Tree"),
            _field("there", 5, of="There"),
            _field("owned", 6, of="Owned"),
            _field("notes", 7, many=True, kind=roles.NARRATIVE),
            _field("masked_fields", 8, many=True),
            _field("whole", 9, of="Leaf", kind=roles.PROFILE),
        ]
    )
    entry = root.nested_type.add(name="ByKeyEntry")
    entry.field.extend([_field("key", 1), _field("value", 2, of="Leaf")])
    entry.options.map_entry = True
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    names = ("Leaf", "Tree", "There", "Back", "Owned", "Root")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in names}


SHAPES = _shapes()
CONTRACTS: list[type[Message]] = [
    SHAPES["Root"], customer_pb2.Customer, repair_order_pb2.RepairOrder, sale_pb2.Sale, vehicle_history_pb2.VehicleHistoryEntry
]  # fmt: skip
VISIBLE = st.frozensets(st.sampled_from(sorted(roles.ALL_CLASSES)))


def fill(message: Any, depth: int, hidden: bool, visible: frozenset[int]) -> None:
    """Fills every text; one that lies in a withheld field says so."""
    for field in message.DESCRIPTOR.fields:
        kind = field.GetOptions().Extensions[options_pb2.data_class]
        below = hidden or bool(kind and kind not in visible)
        text = SECRET if below else "shown"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                fill(getattr(message, field.name)["k"], depth - 1, below, visible)
        elif field.message_type is not None:
            if depth > 0:
                fill(
                    getattr(message, field.name).add() if field.is_repeated else _made(message, field),
                    depth - 1,
                    below,
                    visible,
                )
        elif field.type == FieldDescriptor.TYPE_STRING and field.name != masking.MASKED_FIELDS:
            if field.is_repeated:
                getattr(message, field.name).append(text)
            else:
                setattr(message, field.name, text)


def _made(message: Any, field: FieldDescriptor) -> Any:
    part = getattr(message, field.name)
    part.SetInParent()
    return part


class TestMask:
    @settings(deadline=None, max_examples=40)
    @given(st.sampled_from(CONTRACTS), VISIBLE)
    def test_no_withheld_value_survives_and_every_other_one_does(
        self, kind: type[Message], visible: frozenset[int]
    ) -> None:
        message = kind()
        fill(message, 4, False, visible)
        shown = message.SerializeToString().count(b"shown")

        masking.mask(message, visible)

        assert SECRET.encode() not in message.SerializeToString()
        assert message.SerializeToString().count(b"shown") == shown

    def test_whoever_sees_all_gets_the_message_as_it_was(self) -> None:
        message = SHAPES["Root"]()
        fill(message, 3, False, roles.ALL_CLASSES)
        before = message.SerializeToString(deterministic=True)

        masking.mask(message, roles.ALL_CLASSES)

        assert message.SerializeToString(deterministic=True) == before

    def test_what_is_withheld_is_named_in_the_nearest_message_that_can(self) -> None:
        message = SHAPES["Root"](
            leaves=[{"phone": "1"}, {"phone": "2"}], by_key={"k": {"phone": "3"}}, owned={"leaf": {"phone": "4"}}
        )

        masking.mask(message, roles.ALL_CLASSES - {roles.CONTACT})

        assert list(message.masked_fields) == ["leaves.phone", "by_key.phone"]
        assert list(message.owned.masked_fields) == ["leaf.phone"]

    def test_a_field_is_named_whether_it_was_set_or_not(self) -> None:
        names = []
        for customer in (customer_pb2.Customer(), customer_pb2.Customer(occupation="x")):
            masking.mask(customer, roles.ALL_CLASSES - {roles.PROFILE})
            names.append(list(customer.masked_fields))
        assert names[0] == names[1] == ["occupation", "income_band", "interests"]

    def test_a_message_of_its_own_type_is_masked_at_every_depth(self) -> None:
        tree = SHAPES["Tree"](name="a", children=[{"name": "b", "children": [{"name": "c"}]}])
        around = SHAPES["There"](back={"note": "a", "there": {"back": {"note": "b"}}})

        for message in (tree, around):
            masking.mask(message, frozenset())

        assert tree == SHAPES["Tree"](children=[{"children": [{}]}])
        assert around == SHAPES["There"](back={"there": {"back": {}}})


class TestHides:
    def hidden(self, message: Message, path: str, *, without: int) -> bool:
        return masking.hides(message.DESCRIPTOR, path.split("."), roles.ALL_CLASSES - {without})

    @pytest.mark.parametrize(
        ("path", "without", "wrong"),
        [
            ("occupation", roles.PROFILE, True),
            ("occupation", roles.CONTACT, False),
            ("name.full_name", roles.IDENTITY, True),
            ("language", roles.IDENTITY, False),
            ("unknown.path", roles.IDENTITY, False),
            ("addresses", roles.CONTACT, True),
        ],
    )
    def test_a_field_of_the_message_itself(self, path: str, without: int, wrong: bool) -> None:
        assert self.hidden(customer_pb2.Customer(), path, without=without) is wrong

    @pytest.mark.parametrize(
        ("path", "wrong"),
        [
            ("leaf.phone", True),
            ("leaf.label", False),
            ("leaf", True),
            ("leaves", True),
            ("by_key", True),
            ("owned.leaf", True),
        ],
    )
    def test_a_withheld_field_within_cannot_be_written_by_its_path_nor_with_what_is_around_it(
        self, path: str, wrong: bool
    ) -> None:
        assert self.hidden(SHAPES["Root"](), path, without=roles.CONTACT) is wrong

    @pytest.mark.parametrize("path", ["leaf", "tree", "there"])
    def test_what_holds_other_kinds_only_may_be_written(self, path: str) -> None:
        assert not self.hidden(SHAPES["Root"](), path, without=roles.PROFILE)


class TestShow:
    def call(self, role: str) -> Call:
        return Call(Principal("s", roles=frozenset({role})), "/m")

    def test_personal_fields_that_were_shown_are_noted_by_name(self) -> None:
        call = self.call("dealer.care")

        masking.show(call, customer_pb2.Customer(occupation="x"), "customer", "c1", roles.ALL_CLASSES - {roles.PROFILE})

        (note,) = call.seen
        assert note[:2] == ("customer", "c1")
        assert "name" in note[2]
        assert "occupation" not in note[2]

    def test_nothing_is_noted_where_nothing_personal_was_shown_or_a_service_reads(self) -> None:
        masked, service = self.call("ops"), self.call("service")
        masking.show(masked, customer_pb2.Customer(), "customer", "c1", frozenset())
        masking.show(service, customer_pb2.Customer(), "customer", "c1", roles.ALL_CLASSES)
        assert masked.seen == service.seen == []
