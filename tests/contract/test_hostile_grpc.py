"""Hostile messages over gRPC, at the gateway's door and at every service's own port: every RPC, every field, made from the contracts.

The answer is a status that names the field and the reason, or right; never a fault of ours and never silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from servicekit.testing.access import judge
from servicekit.testing.access.call import Told, encoded
from servicekit.testing.access.cast import Cast
from servicekit.testing.access.registry import Row, methods, registry
from servicekit.testing.sizes import part

UNARY = [rpc for rpc, method in methods().items() if not (method.client_streaming or method.server_streaming)]
STREAMS = [rpc for rpc, method in methods().items() if method.client_streaming]
LISTS = [rpc for rpc in UNARY if judge.is_list(methods()[rpc], registry()[rpc]) and methods()[rpc].permission]
NEVER_WRITTEN = "' OR 3=3 --"
TEXTS = ["' OR 1=1 --", "'; DROP TABLE customers; --", "\0", "%_\\", "x" * 5000]
MORE_TEXTS = [
    "1); SELECT pg_sleep(9); --", "$1", "{}", "\u202e", "\n\r\t", "‘’", "\ud7ff\ue000", "0x00", "a\0b", "x" * 200_000,
]  # fmt: skip
CALENDAR = {"google.type.Date": ("year", "month", "day"), "google.protobuf.Timestamp": ("seconds", "nanos")}
INTEGERS = [-1, 0, 2**31 - 1, -(2**31)]
LONG_INTEGERS = [2**63 - 1, -(2**63)]
FLOATS = [float("nan"), float("inf"), -1e308]
GARBAGE = [
    b"\xff" * 8,  # no tag
    b"\x0a\x7f",  # a length beyond the end
    b"\x0a\x02\xc3\x28",  # field 1: a text that is not UTF-8, or a message that is none
    b"\x0b" * 200,  # groups without an end, nested deeper than any reader goes
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of more than 64 bits
]
UNKNOWN = b"\x82\xe2\x09\x05junk!" + b"\x80\xea\x30\x01"  # fields 20000 and 99968, which no contract has
DEPTH = 3
LARGE = 5 * 1024 * 1024
STEP = 8  # in the short size every so many-th value of a field is sent, and one at least


class Attack:
    """Sends variants of an RPC's request: guarded ones as an administrator at door and service, internal ones as a service at its port."""

    def __init__(self, rpc: str, cast: Cast, ways: Any) -> None:
        self.method, self.fixture = methods()[rpc], registry()[rpc]
        caller = next(one for one in cast.callers() if one.seat.role == "oem.admin")
        rows = cast.rows.get(self.fixture.rows, {})
        row = rows.get("own") or next(iter(rows.values()), Row("", ""))
        self.requests = encoded(self.method, self.fixture.request(caller, row))
        self.token = cast.world.platform.token("service") if self.method.internal else caller.token
        self.ways = [ways.at(self.method), *([] if self.method.internal else [ways.door])]
        self.faults: list[str] = []
        self._limit = asyncio.Semaphore(8)

    def request(self) -> Any:
        """A fresh copy of the good request."""
        return self.method.input.FromString(self.requests[0])

    async def send(self, name: str, data: list[bytes], turn: int = 0) -> list[Told]:
        """Sends a variant everywhere (`turn` 0) or at the place whose turn it is, and judges the answers."""
        places = self.ways if not turn else [self.ways[turn % len(self.ways)]]
        async with self._limit:
            told = [await place.call(self.method, data, self.token) for place in places]
        self.faults += [f"{self.method.path} {name[:150]}: {fault}" for one in told for fault in faults(one)]
        return told

    def judge(self) -> None:
        """Fails with all that was wrong."""
        assert not self.faults, "\n".join(self.faults)


def faults(told: Told) -> Iterator[str]:
    """Yields what is wrong with an answer."""
    if told.broken or told.code == "CANCELLED":
        yield f"{told.code} {told.error!r}"
    elif told.code == "INVALID_ARGUMENT" and told.reason == "INVALID_ARGUMENT" and not named(told):
        yield f"names no field: {told.error!r}"
    elif (
        told.code not in ("OK", "RESOURCE_EXHAUSTED") and not told.reason
    ):  # too large a message is refused by gRPC itself
        yield f"gives no reason: {told.code} {told.error!r}"


def named(told: Told) -> list[str]:
    """The fields that an answer names."""
    status = status_pb2.Status.FromString(told.error[told.error.rindex(b"\x08\x03") :]) if told.error else None
    found: list[str] = []
    for detail in status.details if status is not None else ():
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found += [one.field for one in bad.field_violations if one.reason and one.description]
    return found


def leaves(descriptor: Descriptor, depth: int = DEPTH) -> Iterator[tuple[FieldDescriptor, ...]]:
    """Yields the ways to every scalar field of a message."""
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None:
            yield (field,)
        elif depth and not inner.GetOptions().map_entry and inner is not descriptor:
            for way in leaves(inner, depth - 1):
                yield (field, *way)


def spoilt(message: Message, way: tuple[FieldDescriptor, ...], value: Any) -> bool:
    """Sets the field at the end of a way; tells whether the value fits its type at all."""
    place: Any = message
    for step in way[:-1]:
        held = getattr(place, step.name)
        place = (held[0] if len(held) else held.add()) if step.is_repeated else held
        if not step.is_repeated:
            place.SetInParent()
    last = way[-1]
    try:
        if last.is_repeated:
            getattr(place, last.name).append(value)
        else:
            setattr(place, last.name, value)
    except (TypeError, ValueError):
        return False
    return True


def hostile(field: FieldDescriptor, soaking: bool) -> list[Any]:
    """Values that fit a field's type and are meant to break what is behind it."""
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [b"", b"\xff\x00" * 40_000]
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return TEXTS + (MORE_TEXTS if soaking else [])
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return [9999, -1]
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return FLOATS
    return [] if kind == FieldDescriptor.CPPTYPE_BOOL else [*INTEGERS, *LONG_INTEGERS]


@pytest.mark.parametrize(
    "rpc", UNARY[::16]
)  # the limit is the connection's: some methods of every service stand for all
async def test_what_is_larger_than_any_message_is_not_read(rpc: str, cast: Cast, ways: Any) -> None:
    attack = Attack(rpc, cast, ways)
    large = await attack.send("5 MiB", [attack.requests[0] + b"\x82\xe2\x09" + _varint(LARGE) + b"x" * LARGE])

    assert {told.code for told in large} == {"RESOURCE_EXHAUSTED"}


@pytest.mark.parametrize("rpc", UNARY)
class TestEveryMethod:
    @pytest.mark.soak
    async def test_bytes_that_are_no_message_are_refused_as_such(
        self, rpc: str, cast: Cast, ways: Any, soaking: bool
    ) -> None:
        attack = Attack(rpc, cast, ways)
        if not attack.method.input.DESCRIPTOR.fields:
            return  # a message without fields holds no wrong one

        wrong = GARBAGE[:2] + GARBAGE[3:]
        for data in wrong if soaking else part(wrong, 3, UNARY.index(rpc)):
            for told in await attack.send(f"bytes {data[:10]!r}", [data]):
                assert (told.code, told.reason) == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE"), data
        await attack.send("broken text", [GARBAGE[2]])

        attack.judge()

    async def test_what_no_contract_knows_changes_nothing(self, rpc: str, cast: Cast, ways: Any) -> None:
        attack = Attack(rpc, cast, ways)
        await attack.send("unknown fields", [attack.requests[0] + UNKNOWN])
        attack.judge()

    @pytest.mark.soak
    async def test_hostile_values_are_refused_by_name_or_taken_as_they_are(
        self, rpc: str, cast: Cast, ways: Any, soaking: bool
    ) -> None:
        attack, turn, sends = Attack(rpc, cast, ways), 0, []
        for place, way in enumerate(leaves(attack.method.input.DESCRIPTOR), UNARY.index(rpc)):
            values = hostile(way[-1], soaking)
            for value in values if soaking else part(values, STEP, place):
                request, turn = attack.request(), turn + 1
                if spoilt(request, way, value):
                    name = f"{'.'.join(step.name for step in way)} = {value!r:.60}"
                    sends.append(attack.send(name, [request.SerializeToString()], 0 if soaking else turn))
        await asyncio.gather(*sends)

        attack.judge()


@pytest.mark.parametrize("rpc", LISTS)
async def test_sql_in_a_filter_finds_nothing(rpc: str, cast: Cast, ways: Any) -> None:
    attack = Attack(rpc, cast, ways)
    shown = registry()[rpc].items.split(".")[0]
    for field in attack.method.input.DESCRIPTOR.fields:
        if field.type != FieldDescriptor.TYPE_STRING or field.is_repeated or field.name in ("page_token", "order_by"):
            continue
        request = attack.request()
        setattr(request, field.name, NEVER_WRITTEN)
        for told in await attack.send(field.name, [request.SerializeToString()]):
            found = [len(getattr(message, shown)) for message in told.messages]
            assert told.code == "INVALID_ARGUMENT" or told.code == "NOT_FOUND" or found == [0], (field.name, told)

    attack.judge()


@pytest.mark.parametrize("rpc", STREAMS)
class TestStreams:
    async def test_a_stream_that_turns_to_garbage_ends_with_a_reason(self, rpc: str, cast: Cast, ways: Any) -> None:
        attack = Attack(rpc, cast, ways)
        first, rest = attack.requests[0], attack.requests[1:]

        for name, data in {
            "garbage first": [GARBAGE[0]],
            "garbage after the header": [first, GARBAGE[1]],
            "garbage at the end": [first, *rest, GARBAGE[3]],
            "no message at all": [],
            "an empty message": [b""],
            "the header twice": [first, first],
            "no header": rest or [b""],
            "too large a message": [first, b"\x82\xe2\x09" + _varint(LARGE) + b"x" * LARGE],
        }.items():
            for told in await attack.send(name, data):
                assert told.code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"), (name, told)
        attack.judge()

    async def test_hostile_rows_are_refused_one_by_one(self, rpc: str, cast: Cast, ways: Any) -> None:
        attack = Attack(rpc, cast, ways)
        rows = attack.method.input.DESCRIPTOR.fields_by_name.get("rows")
        if rows is None:
            return  # a stream of bytes; what files hold is test_import_bad_rows.py
        descriptor: Any = rows.message_type
        message = attack.method.input()
        for field in descriptor.fields:
            for value in hostile(field, soaking=False):
                row = message.rows.add()  # type: ignore[attr-defined]
                if field.name == "row" or field.is_repeated or not spoilt(row, (field,), value):
                    del message.rows[-1]  # type: ignore[attr-defined]

        for told in await attack.send("rows", [attack.requests[0], message.SerializeToString()]):
            last = told.messages[-1]
            assert last.summary.rows_read == len(message.rows)  # type: ignore[attr-defined]
            assert all(error.reason and error.description for one in last.rejected for error in one.errors)
        attack.judge()


async def test_what_is_no_grpc_at_all_leaves_the_doors_open(cast: Cast, ways: Any) -> None:
    for address in (cast.world.platform.peers["gateway"], cast.world.platform.peers["customer"]):
        host, _, port = address.partition(":")
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01" + b"\x00" * 200,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 999,
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            await writer.drain()
            await asyncio.wait_for(reader.read(), 30)  # it is closed, not left hanging
            writer.close()
    await TestEveryMethod().test_what_no_contract_knows_changes_nothing(UNARY[0], cast, ways)


async def test_metadata_beyond_its_limit_is_refused(cast: Cast, ways: Any) -> None:
    rpc = "customer.v1.CustomerService/ListCustomers"
    attack = Attack(rpc, cast, ways)
    for place in attack.ways:
        told = await place.call(attack.method, attack.requests, attack.token, ("x-flood", "x" * 100_000))
        assert told.code == "RESOURCE_EXHAUSTED"
        again = await place.call(attack.method, attack.requests, attack.token)
        assert again.code == "OK"


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
