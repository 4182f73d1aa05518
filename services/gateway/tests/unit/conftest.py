"""Contracts and message strategies for the gateway's unit tests."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from buf.validate import validate_pb2
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type import date_pb2, money_pb2
from hypothesis import strategies as st
from marque.options.v1 import options_pb2
from marque_gateway.contracts import Contracts  # isort: split - registers what the rules build upon

HERE = Path(__file__).parent
IMPORTED = (
    annotations_pb2, field_behavior_pb2, any_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2,
    timestamp_pb2, wrappers_pb2, date_pb2, money_pb2, options_pb2, validate_pb2,
)  # fmt: skip


def _with_imports(file: FileDescriptor, known: dict[str, bytes]) -> None:
    for imported in file.dependencies:
        _with_imports(imported, known)
    known.setdefault(file.name, file.serialized_pb)


def compile_proto(source: Path, work: Path) -> Contracts:
    """Compiles one .proto against the files that the running generated modules came from."""
    known: dict[str, bytes] = {}
    for module in IMPORTED:
        _with_imports(module.DESCRIPTOR, known)
    imports = descriptor_pb2.FileDescriptorSet(
        file=[descriptor_pb2.FileDescriptorProto.FromString(raw) for raw in known.values()]
    )
    (work / "imports.binpb").write_bytes(imports.SerializeToString())
    command = [
        sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={work / 'imports.binpb'}",
        f"-I{source.parent}",
        "--include_imports", "--include_source_info", f"--descriptor_set_out={work / 'image.binpb'}", source.name,
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    return Contracts.from_image((work / "image.binpb").read_bytes())


@pytest.fixture(scope="session")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    """The tests' own contract, with every form that the gateway must carry."""
    return compile_proto(HERE / "specimen" / "specimen.proto", tmp_path_factory.mktemp("specimen"))


@pytest.fixture
def compile_text(tmp_path: Path) -> Callable[[str], Contracts]:
    """Compiles the text of a .proto file."""

    def build(text: str) -> Contracts:
        source = tmp_path / "sources" / "text.proto"
        source.parent.mkdir(exist_ok=True)
        source.write_text(text)
        return compile_proto(source, tmp_path)

    return build


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    """The contracts of the platform."""
    return Contracts.installed()


_INTEGERS = {
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), (-(2**31), 2**31 - 1)
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), (-(2**63), 2**63 - 1)
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 2**64 - 1)),
}


def _json(depth: int) -> st.SearchStrategy[Any]:
    """Any JSON value so deep.

    No strategy here throws a draw away (no filter, no `unique`, no `recursive`, which begins again where it grew too large): after such a
    draw hypothesis now and then takes its own record of what was drawn for inconsistent.
    """
    leaf = (
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text('aé中😀\n"', max_size=4)
    )
    if depth == 0:
        return leaf
    return leaf | st.lists(_json(depth - 1), max_size=3) | _objects(_json(depth - 1))


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(st.tuples(st.text("abc", max_size=3), values), max_size=3).map(dict)


_JSON = _json(2)


# floats(width=32) throws away what does not fit, which hypothesis takes for flaky data once modules are imported late
_SINGLES = st.integers(0, 0x7F7FFFFF).map(
    lambda bits: struct.unpack("<f", struct.pack("<I", bits))[0]
) | st.sampled_from([0.0, -0.0, 0.1, -1.5, 16777216.0])


class Exact(NamedTuple):
    """What is left out: enum numbers without a name, numbers that JSON lacks."""

    known_enums: bool
    finite: bool


def _scalars(field: FieldDescriptor, exact: Exact) -> st.SearchStrategy[Any]:
    if field.type in _INTEGERS:
        return st.integers(*_INTEGERS[field.type])
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return st.floats(allow_nan=not exact.finite, allow_infinity=not exact.finite)
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return _SINGLES if exact.finite else _SINGLES | st.sampled_from([math.nan, math.inf, -math.inf])
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=7)
    if field.type == FieldDescriptor.TYPE_ENUM:
        known = st.sampled_from([value.number for value in field.enum_type.values])
        null = field.enum_type.full_name == "google.protobuf.NullValue"
        return known if exact.known_enums or null else known | st.integers(-(2**31), 2**31 - 1)
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@st.composite
def messages(
    draw: st.DrawFn, descriptor: Descriptor, depth: int = 2, known_enums: bool = False, finite: bool = False
) -> Message:
    """Draws any message of a type, within what has a JSON form."""
    exact = Exact(known_enums, finite)
    message: Any = GetMessageClass(descriptor)()
    name = descriptor.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = draw(st.integers(-62_135_596_800, 253_402_300_799))
        message.nanos = draw(st.sampled_from([0, 1, 1_000, 120_000_000, 999_999_999]) | st.integers(0, 999_999_999))
    elif name == "google.protobuf.Duration":
        sign = draw(st.sampled_from([-1, 1]))
        message.seconds = sign * draw(st.integers(0, 315_576_000_000))
        message.nanos = sign * draw(st.sampled_from([0, 1, 1_000, 120_000_000]) | st.integers(0, 999_999_999))
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(draw(st.lists(st.sampled_from(["a", "a_b.c_d", "tags"]), max_size=3)))
    elif name == "google.protobuf.Struct":
        message.update(draw(_objects(_JSON)))
    elif name == "google.protobuf.ListValue":
        message.extend(draw(st.lists(_JSON, max_size=3)))
    elif name == "google.protobuf.Value":
        message.list_value.extend([draw(_JSON)])  # a Value has no way in of its own
        message.CopyFrom(GetMessageClass(descriptor).FromString(message.list_value.values[0].SerializeToString()))
    elif name == "google.protobuf.Any":
        held_name = draw(
            st.sampled_from(["google.protobuf.Duration", "google.protobuf.StringValue", "google.type.Money", ""])
        )
        if held_name:
            message.Pack(draw(messages(descriptor.file.pool.FindMessageTypeByName(held_name), 0)))
    else:
        last = len(descriptor.fields) - 1
        for index in dict.fromkeys(draw(st.lists(st.integers(0, last), max_size=8)) if last >= 0 else ()):
            _draw_field(draw, message, descriptor.fields[index], depth, exact)
    return message


def _draw_field(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int, exact: Exact) -> None:
    inner = field.message_type
    if inner is None:
        value = draw(st.lists(_scalars(field, exact), max_size=3) if field.is_repeated else _scalars(field, exact))
        getattr(message, field.name).extend(value) if field.is_repeated else setattr(message, field.name, value)
    elif depth <= 0:
        return
    elif inner.GetOptions().map_entry:
        target, held = getattr(message, field.name), inner.fields_by_name["value"]
        for key in dict.fromkeys(draw(st.lists(_scalars(inner.fields_by_name["key"], exact), max_size=2))):
            if held.message_type is None:
                target[key] = draw(_scalars(held, exact))
            else:
                target[key].CopyFrom(draw(messages(held.message_type, depth - 1, *exact)))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(messages(inner, depth - 1, *exact), max_size=2)))
    else:
        getattr(message, field.name).CopyFrom(draw(messages(inner, depth - 1, *exact)))


@pytest.fixture(scope="session")
def messages_of() -> Callable[..., st.SearchStrategy[Message]]:
    """Returns the strategy of all messages of a type; `known_enums` leaves out numbers that have no name, `finite`
    NaN and infinities.
    """
    return messages


class ServedTypes(dict[str, Descriptor]):
    """Message types by full name; short in a failing example."""

    def __repr__(self) -> str:
        return f"<{len(self)} message types>"


@pytest.fixture(scope="session")
def served_types(specimen: Contracts, contracts: Contracts) -> ServedTypes:
    """Every message type of the specimen and of the platform's contracts, without the options of the contracts
    themselves.
    """
    found = [*specimen.messages(), *contracts.messages()]
    return ServedTypes({one.full_name: one for one in found if one.file.package != "marque.options.v1"})


def same_json(left: Any, right: Any) -> bool:
    """Compares two JSON values, kinds too: 1 is not true, and 0.0 is not -0.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return type(left) is type(right) and left == right


@pytest.fixture(scope="session")
def equal_json() -> Callable[[Any, Any], bool]:
    """Compares two JSON values, kinds too."""
    return same_json
