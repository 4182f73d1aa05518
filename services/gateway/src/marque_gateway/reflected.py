"""The contracts as reflection tells them to outsiders: without INTERNAL methods, and without services that have no others."""

from __future__ import annotations

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from servicekit import contract


def outside_pool() -> DescriptorPool:
    """Returns all files of the contracts and what they import, as an outsider may know them."""
    pool, known = DescriptorPool(), set[str]()
    for module in contract.modules():
        _add(module.DESCRIPTOR, pool, known)
    return pool


def _add(file: FileDescriptor, pool: DescriptorPool, known: set[str]) -> None:
    """Adds a file after those that it imports."""
    if file.name in known:
        return
    known.add(file.name)
    for imported in file.dependencies:
        _add(imported, pool, known)
    told = FileDescriptorProto.FromString(file.serialized_pb)
    for service in list(told.service):
        inside = {
            method.name for method in contract.methods(f"{told.package}.{service.name}").values() if method.internal
        }
        for method in [one for one in service.method if one.name in inside]:
            service.method.remove(method)
        if not service.method:
            told.service.remove(service)
    pool.AddSerializedFile(told.SerializeToString())
