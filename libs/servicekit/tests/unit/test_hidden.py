"""The one place where fields that a caller may not see are refused, on contracts as they may grow."""

from __future__ import annotations

from typing import Any

import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from hypothesis import given, settings
from hypothesis import strategies as st
from marque.options.v1 import options_pb2
from servicekit import contract, roles
from servicekit.errors import InvalidArgument
from servicekit.rpc.hidden import Guard, merges_hidden
from servicekit.rpc.principal import Principal

PACKAGE = "marque.hiddentest.v1"
FIELD = descriptor_pb2.FieldDescriptorProto
PLANT = Principal("plant", roles=frozenset({"plant"}))  # sees no kind of data
ADMIN = Principal("admin", roles=frozenset({"oem.admin"}))  # sees all


def _add(message: Any, *fields: str) -> None:
    """Adds fields written as `name[:Type][*][=kind]`; a star repeats, a kind is a DataClass without its prefix, `out` is output-only."""
    for text in fields:
        name, _, kind = text.partition("=")
        many, name = name.endswith("*"), name.rstrip("*")
        name, _, of = name.partition(":")
        found = message.field.add(
            name=name,
            number=len(message.field) + 1,
            label=FIELD.LABEL_REPEATED if many else FIELD.LABEL_OPTIONAL,
            type=FIELD.TYPE_MESSAGE if of else FIELD.TYPE_STRING,
        )
        if of:
            found.type_name = f".{of}" if "." in of else f".{PACKAGE}.{of}"
        for word in filter(None, kind.split("+")):
            if word == "out":
                found.options.Extensions[field_behavior_pb2.field_behavior].append(field_behavior_pb2.OUTPUT_ONLY)
            else:
                found.options.Extensions[options_pb2.data_class] = options_pb2.DataClass.Value(f"DATA_CLASS_{word}")


def _made() -> dict[str, contract.Method]:
    file = descriptor_pb2.FileDescriptorProto(
        name="marque/hiddentest/v1/things.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[
            "marque/options/v1/options.proto", "google/api/annotations.proto", "google/protobuf/field_mask.proto",
            "google/api/field_behavior.proto",
        ],
    )  # fmt: skip
    mask = "google.protobuf.FieldMask"
    _add(file.message_type.add(name="Part"), "code", "price=COMMERCIAL")
    _add(
        file.message_type.add(name="Thing"),
        "thing_id=out", "label", "owner=PERSON", "parts:Part*", "note=NARRATIVE", "stamp=PERSON+out", "values*",
    )  # fmt: skip
    _add(file.message_type.add(name="Match"), "thing:Thing", "score")
    _add(file.message_type.add(name="ListRequest"), "page_size", "order_by", "label", "owner", "buyer=PERSON")
    _add(file.message_type.add(name="ListAnswer"), "things:Thing*")
    _add(file.message_type.add(name="SearchAnswer"), "results:Match*")
    _add(file.message_type.add(name="CreateRequest"), "thing:Thing")
    _add(file.message_type.add(name="WriteRequest"), "thing:Thing", f"update_mask:{mask}")
    service = file.service.add(name="ThingService")
    for name, request, answer, verb in (
        ("List", "ListRequest", "ListAnswer", "get"),
        ("Search", "ListRequest", "SearchAnswer", "get"),
        ("Create", "CreateRequest", "Thing", "post"),
        ("Update", "WriteRequest", "Thing", "patch"),
        ("Put", "WriteRequest", "Thing", "put"),
        ("Say", "WriteRequest", "Thing", "post"),
    ):
        method = service.method.add(name=name, input_type=f".{PACKAGE}.{request}", output_type=f".{PACKAGE}.{answer}")
        setattr(method.options.Extensions[annotations_pb2.http], verb, f"/v1/{name}")
        if verb != "get":
            method.options.Extensions[annotations_pb2.http].body = "thing"
        access = method.options.Extensions[options_pb2.access]
        if name == "Say":
            access.public = True
        else:
            access.permission = "customer.customers.read"
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return contract.methods(f"{PACKAGE}.ThingService")


METHODS = _made()


async def plain(request: Any, call: Any) -> None:
    """A method of a servicer."""


def refused(name: str, principal: Principal = PLANT, function: Any = plain, **request: Any) -> set[str]:
    method = METHODS[name]
    try:
        Guard(method, function).check(method.input(**request), principal)
    except InvalidArgument as error:
        return {one.field for one in error.violations if one.reason == "FIELD_MASKED"}
    return set()


class TestAsking:
    @pytest.mark.parametrize("name", ["List", "Search"])
    @pytest.mark.parametrize(
        ("request_", "wrong"),
        [
            ({"label": "x"}, set()),
            ({"owner": "x"}, {"owner"}),  # the listed resource's field, without a class of its own in the request
            ({"buyer": "x"}, {"buyer"}),
            ({"order_by": "label desc"}, set()),
            ({"order_by": "owner desc"}, {"order_by"}),
            ({"order_by": "label, owner"}, {"order_by"}),
            ({"order_by": " , "}, set()),
            ({"owner": "x", "order_by": "owner"}, {"owner", "order_by"}),
        ],
    )
    def test_neither_filter_nor_order_tells_what_is_withheld(
        self, name: str, request_: dict[str, Any], wrong: set[str]
    ) -> None:
        assert refused(name, **request_) == wrong
        assert refused(name, ADMIN, **request_) == set()


class TestWriting:
    @pytest.mark.parametrize("name", ["Create", "Update"])
    @pytest.mark.parametrize(
        ("thing", "wrong"),
        [
            ({"label": "x"}, set()),
            ({"owner": "x"}, {"thing.owner"}),
            ({"stamp": "x"}, set()),  # what the service sets is passed over, whoever sends it
            ({"note": "x", "owner": "y"}, {"thing.owner", "thing.note"}),
        ],
    )
    def test_what_is_set_is_judged(self, name: str, thing: dict[str, Any], wrong: set[str]) -> None:
        assert refused(name, thing=thing) == wrong

    def test_a_new_thing_may_have_parts_of_which_only_the_price_is_hidden(self) -> None:
        assert refused("Create", thing={"parts": [{"code": "a"}]}) == set()
        assert refused("Create", thing={"parts": [{"code": "a"}, {"price": "1"}]}) == {"thing.parts[1].price"}

    def test_parts_are_not_replaced_by_who_does_not_see_all_of_them(self) -> None:
        assert refused("Update", thing={"parts": [{"code": "a"}]}) == {"thing.parts"}
        assert refused("Update", thing={}, update_mask={"paths": ["parts"]}) == {"thing.parts"}

    def test_a_method_that_keeps_what_is_hidden_takes_the_rest(self) -> None:
        keeps = merges_hidden("parts")(lambda request, call: None)
        assert refused("Update", function=keeps, thing={"parts": [{"code": "a"}]}) == set()
        assert refused("Update", function=keeps, thing={"parts": [{"price": "1"}]}) == {"thing.parts[0].price"}
        assert refused("Update", function=keeps, thing={"owner": "x"}) == {"thing.owner"}

    def test_a_mark_of_a_field_that_is_not_there_stops_the_service(self) -> None:
        with pytest.raises(ValueError):
            Guard(METHODS["Update"], merges_hidden("pieces")(lambda request, call: None))

    def test_a_mask_counts_and_not_what_is_sent_beside_it(self) -> None:
        sent = {"owner": "x", "label": "y"}
        assert refused("Update", thing=sent, update_mask={"paths": ["label"]}) == set()
        assert refused("Update", thing=sent, update_mask={"paths": ["owner"]}) == {"thing.owner"}
        assert refused("Update", thing={}, update_mask={"paths": ["owner", "nonsense", "stamp"]}) == {"thing.owner"}

    def test_a_mask_without_a_thing_would_empty_what_it_names(self) -> None:
        assert refused("Update", update_mask={"paths": ["label", "owner"]}) == {"thing.owner"}
        assert refused("Update", ADMIN, update_mask={"paths": ["owner"]}) == set()

    def test_who_replaces_a_whole_must_see_the_whole(self) -> None:
        assert refused("Put", thing={"label": "x"}) == {"thing.owner", "thing.parts", "thing.note"}
        assert refused("Put", ADMIN, thing={"label": "x"}) == set()

    def test_anybody_may_say_anything_to_a_public_method(self) -> None:
        assert refused("Say", Principal(""), thing={"note": "x"}) == set()


@settings(deadline=None)
@given(st.sampled_from(sorted(roles.CLASSES)), st.sets(st.sampled_from(["label", "owner", "note", "stamp"])))
def test_each_field_is_refused_to_exactly_the_roles_that_do_not_see_its_kind(role: str, names: set[str]) -> None:
    kinds = {"owner": roles.PERSON, "note": roles.NARRATIVE}
    hidden = {name for name in names if kinds.get(name, 0) not in (roles.CLASSES[role] | {0})}
    caller = Principal("s", roles=frozenset({role}))

    assert refused("Update", caller, thing=dict.fromkeys(names, "x")) == {f"thing.{name}" for name in hidden}
