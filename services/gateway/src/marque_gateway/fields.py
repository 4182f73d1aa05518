"""What a field holds, where its kind is known already: the library's types leave that open."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor


def message_of(field: FieldDescriptor) -> Descriptor:
    """Returns the message type of a field of that kind; raises TypeError for another."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} holds no message")
    return field.message_type


def enum_of(field: FieldDescriptor) -> EnumDescriptor:
    """Returns the enum of a field of that kind; raises TypeError for another."""
    if field.enum_type is None:
        raise TypeError(f"{field.full_name} holds no enum")
    return field.enum_type
