"""Every message type and every binding of the contracts, by name: a new one is judged without a word here.

The judge is `google.protobuf.json_format` for messages, and for bindings a client written from the words of google/api/http.proto.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marque_gateway.binding import Binding, bindings_of
from marque_gateway.contracts import Contracts
from marque_gateway.json import decoder_for, encoder_for, json_encoder_for
from marque_gateway.query import QueryBinder
from servicekit import contract

INSTALLED = Contracts.installed()
NAMES = sorted(one.full_name for one in INSTALLED.messages() if one.file.package != "marque.options.v1")
BINDINGS = {binding.method.full_name: binding for binding in bindings_of(INSTALLED.methods())}
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
_VARIABLE = re.compile(r"\{([a-z0-9_.]+)\}")
_SEGMENT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/:?#%"), min_size=1, max_size=8)


def library(message: Any) -> Any:
    return json_format.MessageToDict(
        message, always_print_fields_with_no_presence=True, descriptor_pool=message.DESCRIPTOR.file.pool
    )


def test_no_message_of_the_contracts_is_left_out() -> None:
    generated = {
        message.full_name
        for module in contract.modules()
        for message in module.DESCRIPTOR.message_types_by_name.values()
        if message.file.package != "marque.options.v1" and message.full_name.startswith("marque.")
    }

    assert generated - set(NAMES) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_written_and_read_as_json_format_does(name: str, messages_of: Any, equal_json: Any) -> None:
    descriptor = INSTALLED.message(name)
    new = GetMessageClass(descriptor)

    @FEW
    @given(message=messages_of(descriptor, known_enums=True))
    def agrees(message: Any) -> None:
        document, expected = encoder_for(descriptor)(message), library(message)
        assert equal_json(document, expected)
        assert json.loads(json_encoder_for(descriptor)(message)) == json.loads(json.dumps(expected))
        read = json_format.ParseDict(document, new(), descriptor_pool=descriptor.file.pool)
        assert decoder_for(descriptor)(document) == read
        assert decoder_for(descriptor)(orjson.loads(orjson.dumps(expected))) == read

    agrees()


@pytest.mark.parametrize("name", sorted(BINDINGS))
def test_a_request_that_a_client_takes_apart_is_put_together_again(name: str, messages_of: Any) -> None:
    binding = BINDINGS[name]
    request = binding.method.input_type
    strategy = messages_of(request, known_enums=True, finite=True)
    variables = st.lists(_SEGMENT, min_size=len(binding.path_fields), max_size=len(binding.path_fields))

    @FEW
    @given(message=strategy, values=variables)
    def agrees(message: Any, values: list[str]) -> None:
        prepared(binding, message, values)
        path, query, body = taken_apart(binding, message)
        assert put_together(binding, path, query, body) == message, (path, query, body)

    agrees()


def prepared(binding: Binding, message: Any, values: list[str]) -> None:
    """Fills the fields of the path, and takes away what no query can say: lists of messages, maps, free structures, empty messages."""
    rule = binding.method.GetOptions().Extensions[annotations_pb2.http]
    for where, value in zip(_VARIABLE.findall(binding.template), values, strict=True):
        *way, last = where.split(".")
        target = message
        for step in way:
            target = getattr(target, step)
        kind = target.DESCRIPTOR.fields_by_name[last]
        setattr(target, last, value if kind.type == FieldDescriptor.TYPE_STRING else len(value))
    if rule.body not in ("", "*"):
        getattr(message, rule.body).SetInParent()  # a body is always there
    if rule.body != "*":
        _prune(message, {rule.body} if rule.body else set())


def _prune(message: Any, kept: set[str]) -> None:
    for field, value in message.ListFields():
        inner = field.message_type
        if field.name in kept or inner is None:
            continue
        if field.is_repeated or inner.full_name in _FREE or _holds_itself(inner):
            message.ClearField(field.name)
        elif not _is_text(inner):
            _prune(value, set())
            if not value.ListFields():
                message.ClearField(field.name)
        elif inner.full_name == "google.protobuf.FieldMask" and not value.paths:
            message.ClearField(field.name)


_FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Any"}
_FREE |= {"google.protobuf.Empty"}


def _is_text(inner: Any) -> bool:
    """Tells whether a message stands as one text in JSON."""
    return bool(inner.full_name.startswith("google.protobuf.")) and inner.full_name not in _FREE


def _holds_itself(inner: Any) -> bool:
    return any(field.message_type is inner for field in inner.fields)


def taken_apart(binding: Binding, message: Any) -> tuple[str, list[tuple[str, str]], Any]:
    """What google/api/http.proto says that a client sends: path, query, body as JSON."""
    rule = binding.method.GetOptions().Extensions[annotations_pb2.http]
    document = json_format.MessageToDict(message, descriptor_pool=message.DESCRIPTOR.file.pool)
    path = binding.template
    for where in _VARIABLE.findall(binding.template):
        *way, last = [_camel(part) for part in where.split(".")]
        target = document
        for step in way:
            target = target[step]
        path = path.replace(f"{{{where}}}", str(target.pop(last)))
    if rule.body == "*":
        return path, [], document
    body = document.pop(_camel(rule.body), {}) if rule.body else None
    return path, list(_leaves(document, "")), body


def _leaves(document: dict[str, Any], prefix: str) -> Any:
    """Every leaf field that is set, by its dotted path; a repeated one as often as it has values."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            for one in value if isinstance(value, list) else [value]:
                yield f"{prefix}{name}", one if isinstance(one, str) else json.dumps(one)


def put_together(binding: Binding, path: str, query: list[tuple[str, str]], body: Any) -> Any:
    """What the gateway makes of it (`transcode.Endpoint`)."""
    message: Any = GetMessageClass(binding.method.input_type)()
    if binding.body_type is not None:
        target = message if binding.body == "*" else getattr(message, binding.body or "")
        if binding.body != "*":
            target.SetInParent()
        decoder_for(binding.body_type).read_into(target, body)
    if binding.has_query:
        QueryBinder(binding.method.input_type, binding.bound_fields).bind(query, message)
    found = binding.regex.fullmatch(path)
    assert found is not None, path
    binding.bind_path(dict(zip(binding.path_fields, found.groups(), strict=True)), message)
    return message


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
