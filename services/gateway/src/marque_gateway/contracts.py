"""The contracts as the gateway sees them at start: the descriptor set of marque_api, with options and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources

from buf.validate import validate_pb2  # noqa: F401 - registers the extension, without which options parse as unknown bytes
from google.api import annotations_pb2, field_behavior_pb2  # noqa: F401 - the same
from google.protobuf import descriptor_pb2, descriptor_pool  # isort: split - the rules below build upon its registration
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from marque.options.v1 import options_pb2  # noqa: F401 - the same

_LINT_DIRECTIVE = re.compile(r"^\s*(buf:lint|@exclude|protolint:).*$", re.MULTILINE)


@dataclass(frozen=True)
class Contracts:
    """A closed set of files: every import is among them.

    The descriptors live in a pool of their own, so that what is served is what the image says, whichever generated
    modules happen to be imported.
    """

    files: descriptor_pb2.FileDescriptorSet
    pool: descriptor_pool.DescriptorPool = field(default_factory=descriptor_pool.DescriptorPool)

    @classmethod
    def from_image(cls, image: bytes) -> Contracts:
        """Loads a serialised FileDescriptorSet; raises TypeError when an import is missing from it."""
        contracts = cls(descriptor_pb2.FileDescriptorSet.FromString(image))
        for file in contracts.files.file:
            bare = descriptor_pb2.FileDescriptorProto()
            bare.CopyFrom(file)
            bare.ClearField("source_code_info")
            contracts.pool.AddSerializedFile(bare.SerializeToString())
        return contracts

    @classmethod
    def installed(cls) -> Contracts:
        """Loads the image that marque_api carries."""
        return cls.from_image((resources.files("marque") / "image.binpb").read_bytes())

    def message(self, full_name: str) -> Descriptor:
        """Returns a message type; raises KeyError where there is none of that name."""
        return self.pool.FindMessageTypeByName(full_name)

    def new(self, full_name: str) -> Message:
        """Returns an empty message of the type named."""
        return GetMessageClass(self.message(full_name))()

    def services(self) -> Iterator[ServiceDescriptor]:
        """Yields every service, ordered by full name."""
        names = sorted(f"{file.package}.{service.name}" for file in self.files.file for service in file.service)
        yield from (self.pool.FindServiceByName(name) for name in names)

    def methods(self) -> Iterator[MethodDescriptor]:
        """Yields every method: services by full name, methods as declared."""
        for service in self.services():
            yield from service.methods

    def messages(self, package_prefix: str = "marque.") -> Iterator[Descriptor]:
        """Yields every message type of the packages named, nested ones too, without the entries of maps."""
        for file in self.files.file:
            if f"{file.package}.".startswith(package_prefix):
                for name in _message_names(file.package, file.message_type):
                    yield self.pool.FindMessageTypeByName(name)

    def comment(self, full_name: str) -> str:
        """Returns the comment that stands before an element in its file, or an empty text."""
        return self._comments.get(full_name, "")

    @cached_property
    def _comments(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for file in self.files.file:
            for location in file.source_code_info.location:
                if location.leading_comments:
                    name = _name_at(file, list(location.path))
                    if name:
                        found[name] = _tidy(location.leading_comments)
        return found


def _message_names(prefix: str, messages: object) -> Iterator[str]:
    for message in messages:  # type: ignore[attr-defined]
        if not message.options.map_entry:
            name = f"{prefix}.{message.name}"
            yield name
            yield from _message_names(name, message.nested_type)


def _name_at(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str | None:
    """Turns a location's path (field number, index, …) into the full name of the element that it points at."""
    current: object = file
    names = [file.package] if file.package else []
    while len(path) >= 2:
        number, index, *path = path
        descriptor = current.DESCRIPTOR.fields_by_number.get(number)  # type: ignore[attr-defined]
        if descriptor is None or descriptor.message_type is None or not descriptor.is_repeated:
            return None
        current = getattr(current, descriptor.name)[index]
        if not hasattr(current, "name"):
            return None
        names.append(current.name)
    return ".".join(names) if not path and len(names) > bool(file.package) else None


def _tidy(comment: str) -> str:
    lines = (line.removeprefix(" ").rstrip() for line in _LINT_DIRECTIVE.sub("", comment).splitlines())
    return "\n".join(lines).strip()
