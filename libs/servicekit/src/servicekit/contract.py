"""The contracts as the running platform reads them: methods with their access rule, events with their key, fields with their kind."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import marque
from google.api import annotations_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from marque.options.v1 import options_pb2

from servicekit import roles


class ContractError(Exception):
    """The contracts and the code do not fit each other; the service must not start."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its path on the wire, types, and who may call it. Exactly one of permission, public, internal is set."""

    path: str
    name: str
    service: str
    input: type[Message]
    output: type[Message]
    permission: str
    public: bool
    internal: bool
    client_streaming: bool
    server_streaming: bool
    idempotent: bool
    descriptor: MethodDescriptor

    @property
    def reads(self) -> bool:
        """Tells whether the method is bound to HTTP GET, which by its nature changes nothing."""
        return bool(self.descriptor.GetOptions().Extensions[annotations_pb2.http].get)


@cache
def modules() -> tuple[ModuleType, ...]:
    """Imports every generated module and returns them, so that the pool knows all messages and services."""
    root = Path(next(iter(marque.__path__)))
    names = sorted(".".join(path.relative_to(root.parent).with_suffix("").parts) for path in root.rglob("*_pb2.py"))
    return tuple(importlib.import_module(name) for name in names)


@cache
def service(full_name: str) -> ServiceDescriptor:
    """Returns the descriptor of a service, for example `marque.customer.v1.CustomerService`."""
    modules()
    return descriptor_pool.Default().FindServiceByName(full_name)


@cache
def methods(full_name: str) -> dict[str, Method]:
    """Returns the methods of a service by name. Nothing is public by omission: one without an access rule, or with a permission that
    no role has, is a ContractError.
    """
    return {method.name: _method(method) for method in service(full_name).methods}


def _method(method: MethodDescriptor) -> Method:
    access = method.GetOptions().Extensions[options_pb2.access]
    path = f"/{method.containing_service.full_name}/{method.name}"
    if not (access.permission or access.public or access.internal):
        raise ContractError(f"{path} says nothing about who may call it: give it option (marque.options.v1.access)")
    if access.permission and not any(access.permission in held for held in roles.PERMISSIONS.values()):
        raise ContractError(f"{path} needs {access.permission}, which no role has: give it to some in servicekit/roles")
    return Method(
        path=path,
        name=method.name,
        service=method.containing_service.full_name,
        input=message_factory.GetMessageClass(method.input_type),
        output=message_factory.GetMessageClass(method.output_type),
        permission=access.permission,
        public=access.public,
        internal=access.internal,
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        idempotent="request_id" in method.input_type.fields_by_name and not method.client_streaming,
        descriptor=method,
    )


@cache
def services() -> tuple[str, ...]:
    """Returns the full names of all services in the contracts, sorted."""
    found = (module.DESCRIPTOR.services_by_name.values() for module in modules())
    return tuple(sorted(service.full_name for services in found for service in services))


@dataclass(frozen=True, slots=True)
class EventType:
    """An event: its name (which is the CloudEvents type and the NATS subject), its class, aggregate and key field."""

    name: str
    message: type[Message]
    aggregate: str
    key: str
    owner: str


@cache
def event(descriptor: Descriptor) -> EventType:
    """Returns what the contract says of an event message; a ContractError where it is none."""
    option = descriptor.GetOptions().Extensions[options_pb2.event]
    if not option.aggregate or option.key not in descriptor.fields_by_name:
        raise ContractError(
            f"{descriptor.full_name} is not an event: give it option (marque.options.v1.event) with a key field of its own"
        )
    owner = descriptor.full_name.split(".")[1]
    return EventType(
        descriptor.full_name, message_factory.GetMessageClass(descriptor), option.aggregate, option.key, owner
    )


@cache
def events() -> tuple[EventType, ...]:
    """Returns every event of the contracts, sorted by name."""
    messages = (found for module in modules() for found in module.DESCRIPTOR.message_types_by_name.values())
    marked = (found for found in messages if found.GetOptions().Extensions[options_pb2.event].aggregate)
    return tuple(sorted((event(found) for found in marked), key=lambda found: found.name))


@cache
def message(full_name: str) -> type[Message]:
    """Returns the class of a message by its full name."""
    modules()
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(full_name))
