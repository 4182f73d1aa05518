"""What a role may not see it can neither filter by, sort by nor write: every field of every request × every role, at the services' ports.

Made from the contracts' `data_class` and the role table. Requests hold nothing but the field in question, so that no other rule can be
what refuses them: fields are judged before values are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from marque.options.v1 import options_pb2
from servicekit import contract, roles
from servicekit.contract import Method
from servicekit.testing.access.call import Told, Wire
from servicekit.testing.access.registry import methods
from servicekit.testing.platform import Platform

SERVICES = ("network", "customer", "vehicle", "complaint", "survey", "campaign")
DEPTH = 4


class Named:
    """A classified field that a request can name: its path, its kind, and a request that names nothing else."""

    def __init__(self, path: str, kind: int, request: dict[str, Any]) -> None:
        self.path, self.kind, self.request = path, kind, request


def named(descriptor: Descriptor, depth: int = DEPTH) -> Iterator[Named]:
    """Yields the classified fields of a message at any depth, as a caller would set them."""
    for field in descriptor.fields:
        options = field.GetOptions()
        if field_behavior_pb2.OUTPUT_ONLY in options.Extensions[field_behavior_pb2.field_behavior]:
            continue
        kind = options.Extensions[options_pb2.data_class]
        index = "[0]" if field.is_repeated else ""
        if kind:
            yield Named(field.name, kind, {field.name: _listed(field, _value(field))})
        elif field.message_type is not None and field.message_type.full_name.startswith("marque.") and depth:
            if field.message_type.GetOptions().map_entry:
                continue
            for below in named(field.message_type, depth - 1):
                path = f"{field.name}{index}.{below.path}"
                yield Named(path, below.kind, {field.name: _listed(field, below.request)})


def _listed(field: FieldDescriptor, value: Any) -> Any:
    return [value] if field.is_repeated else value


def _value(field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        return "2025-03-04T00:00:00Z" if field.message_type.name == "Timestamp" else {}
    if field.enum_type is not None:
        return field.enum_type.values[1].name
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return "eA==" if field.type == FieldDescriptor.TYPE_BYTES else "x"
    return True if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else 1


def classified(method: Method) -> list[Named]:
    return [] if method.public else list(named(method.input.DESCRIPTOR))


def refused(told: Told) -> bool:
    return told.code == "INVALID_ARGUMENT" and b"FIELD_MASKED" in told.error


ASKED = [rpc for rpc, method in methods().items() if method.permission and classified(method)]
UPDATES = [rpc for rpc in ASKED if "update_mask" in methods()[rpc].input.DESCRIPTOR.fields_by_name]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wires(platform: Platform) -> AsyncIterator[dict[str, Wire]]:
    """The services' own ports."""
    for name in SERVICES:
        await platform.start(name, trace_sample_ratio=0.0)
    made = {name: Wire(platform.peers[name]) for name in SERVICES}
    yield made
    for wire in made.values():
        await wire.close()


class Asking:
    """Asks an RPC as every role that may call it."""

    def __init__(self, rpc: str, platform: Platform, wires: dict[str, Wire]) -> None:
        self.method = methods()[rpc]
        self.roles = [role for role, held in roles.PERMISSIONS.items() if self.method.permission in held]
        self._platform, self._wire = platform, wires[rpc.split(".")[0]]

    async def told(self, role: str, request: dict[str, Any]) -> Told:
        data = json_format.ParseDict(request, self.method.input()).SerializeToString()
        return await self._wire.call(self.method, [data], self._platform.token(role))


def test_every_service_of_the_contracts_is_asked() -> None:
    assert {name.split(".")[1] for name in contract.services()} == set(SERVICES)


@pytest.mark.parametrize("rpc", ASKED)
async def test_a_field_is_refused_to_exactly_the_roles_that_do_not_see_it(
    rpc: str, platform: Platform, wires: dict[str, Wire]
) -> None:
    asking, wrong = Asking(rpc, platform, wires), []

    async def ask(role: str, one: Named) -> None:
        told = await asking.told(role, one.request)
        hidden = one.kind not in roles.CLASSES[role]
        if refused(told) != hidden or (hidden and one.path.encode() not in told.error):
            wrong.append(f"{rpc} × {role} × {one.path}: {'hidden' if hidden else 'seen'}, {told.code} {told.error!r}")

    await asyncio.gather(*(ask(role, one) for role in asking.roles for one in classified(asking.method)))

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("rpc", UPDATES)
async def test_a_mask_alone_does_not_clear_what_its_writer_cannot_see(
    rpc: str, platform: Platform, wires: dict[str, Wire]
) -> None:
    asking, wrong = Asking(rpc, platform, wires), []
    body = asking.method.descriptor.GetOptions().Extensions[annotations_pb2.http].body
    resource = asking.method.input.DESCRIPTOR.fields_by_name[body].message_type
    for role in asking.roles:
        for one in named(resource, 0):
            camel = resource.fields_by_name[one.path].json_name
            told = await asking.told(role, {body: {}, "update_mask": camel})
            if refused(told) != (one.kind not in roles.CLASSES[role]):
                wrong.append(f"{rpc} × {role} × {one.path}: {told.code} {told.error!r}")

    assert not wrong, "\n".join(wrong)
