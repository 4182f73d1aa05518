"""HTTP bindings of the RPCs, read from `google.api.http` at start.

The source of the forms is google/api/http.proto. What no contract of ours uses is refused at start
(`UnsupportedBinding`) rather than half supported: patterns inside a variable, `**`, `additional_bindings`,
`response_body`, `custom`, a body of GET or DELETE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from marque.options.v1 import options_pb2
from starlette.convertors import Convertor, register_url_convertor

from marque_gateway.query import TextField, text_field

VERBS = ("get", "put", "post", "delete", "patch")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_FIELD_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_LITERAL = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_CUSTOM_VERB = re.compile(r":[a-z][A-Za-z0-9]*")


class UnsupportedBinding(Exception):
    """A `google.api.http` form that the gateway does not carry; the service that declares it must not start behind
    it.
    """

    def __init__(self, method: MethodDescriptor, why: str) -> None:
        super().__init__(f"{method.full_name}: {why}")


class SegmentConvertor(Convertor[str]):
    """One path segment without a colon, so that `/persons/{id}` never takes the call of `/persons/{id}:merge`."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("segment", SegmentConvertor())


@dataclass(frozen=True)
class Binding:
    """How one RPC is reached over HTTP."""

    method: MethodDescriptor
    verb: str
    """GET, PUT, POST, DELETE or PATCH."""
    template: str
    """The path as the contract writes it."""
    path: str
    """The path as Starlette routes it; a dot in a parameter's name is two underscores there."""
    regex: re.Pattern[str]
    path_fields: Mapping[str, TextField]
    """Fields of the request by parameter name of `path`, in the order of the path."""
    body: str | None
    """None, "*" for the whole request, or the name of the field that the body holds."""

    @property
    def rpc(self) -> str:
        """The method as gRPC calls it: `/package.Service/Method`."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def body_type(self) -> Descriptor | None:
        """The message type that the body holds."""
        if self.body is None:
            return None
        request = self.method.input_type
        return request if self.body == "*" else request.fields_by_name[self.body].message_type

    @property
    def has_query(self) -> bool:
        """Whether query parameters are read: with the whole request in the body there are none."""
        return self.body != "*"

    @property
    def bound_fields(self) -> frozenset[str]:
        """Field paths that path and body take, which a query parameter may not name."""
        taken = {".".join(part.name for part in bound.fields) for bound in self.path_fields.values()}
        return frozenset(taken | ({self.body} if self.body not in (None, "*") else set()))

    def bind_path(self, values: Mapping[str, str], message: Message) -> None:
        """Writes the path's values into the request; raises JsonDecodeError naming the parameter."""
        for parameter, bound in self.path_fields.items():
            bound.write(message, [values[parameter]])


def access_of(method: MethodDescriptor) -> Any:
    """Returns the access option of a method (`permission`, `public` or `internal`); empty where the contract states
    none.
    """
    return method.GetOptions().Extensions[options_pb2.access]


def binding_of(method: MethodDescriptor) -> Binding | None:
    """Reads one method's binding; None for internal methods and for those without one; raises UnsupportedBinding."""
    options = method.GetOptions()
    if access_of(method).internal or not options.HasExtension(annotations_pb2.http):
        return None
    rule = options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    _check_rule(method, rule, verb)
    template = getattr(rule, verb)
    path, regex, parameters = _parse(method, template)
    fields = {name: _path_field(method, where) for name, where in parameters.items()}
    return Binding(method, verb.upper(), template, path, regex, fields, _body(method, rule.body, verb))


def bindings_of(methods: Iterable[MethodDescriptor]) -> list[Binding]:
    """Reads every binding, ordered so that a literal path comes before a variable one that would take its call.

    Raises UnsupportedBinding also where two methods claim the same verb and path.
    """
    found = [binding for method in methods if (binding := binding_of(method))]
    claimed: dict[tuple[str, str], Binding] = {}
    for binding in found:
        key = (binding.verb, _VARIABLE.sub("{}", binding.template))
        if key in claimed:
            raise UnsupportedBinding(binding.method, f"{claimed[key].method.full_name} has the same verb and path")
        claimed[key] = binding
    # "{" stands behind every letter, digit and mark that a literal may hold, except "~"
    return sorted(found, key=lambda binding: (binding.template.replace("{", "\x7f"), binding.verb))


def _check_rule(method: MethodDescriptor, rule: Any, verb: str | None) -> None:
    if verb not in VERBS:
        raise UnsupportedBinding(method, "a binding needs get, put, post, delete or patch")
    if rule.additional_bindings:
        raise UnsupportedBinding(method, "additional_bindings are not supported")
    if rule.response_body:
        raise UnsupportedBinding(method, "response_body is not supported")
    if method.client_streaming:
        raise UnsupportedBinding(method, "a client-streaming method has no HTTP form")


def _parse(method: MethodDescriptor, template: str) -> tuple[str, re.Pattern[str], dict[str, str]]:
    """Returns Starlette's path, the regular expression, and field paths by parameter name."""
    stem, colon, verb = template.rpartition(":")
    if not colon or "}" in verb or "/" in verb:
        stem, verb = template, ""
    elif not _CUSTOM_VERB.fullmatch(f":{verb}"):
        raise UnsupportedBinding(method, f"the custom verb of {template!r} is not a lowerCamelCase word")
    if not _LITERAL.fullmatch(_VARIABLE.sub("x", stem)) or any(
        "{" in segment and not _VARIABLE.fullmatch(segment) for segment in stem.split("/")
    ):
        raise UnsupportedBinding(
            method, f"the path {template!r} is more than literal segments and whole-segment variables"
        )
    parameters: dict[str, str] = {}
    for where in _VARIABLE.findall(stem):
        if not _FIELD_PATH.fullmatch(where):
            raise UnsupportedBinding(method, f"the variable {{{where}}} is more than a field path")
        if where in parameters.values():
            raise UnsupportedBinding(method, f"the variable {{{where}}} stands twice in the path")
        parameters[where.replace(".", "__")] = where
    tail = f":{verb}" if verb else ""
    path = _VARIABLE.sub(lambda found: f"{{{found[1].replace('.', '__')}:segment}}", stem) + tail
    pattern = "".join(
        f"(?P<{part[1:-1].replace('.', '__')}>[^/:]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^{}]*\})", stem)
    )
    return path, re.compile(pattern + re.escape(tail)), parameters


def _path_field(method: MethodDescriptor, where: str) -> TextField:
    bound = text_field(method.input_type, where, where)
    if bound is None:
        raise UnsupportedBinding(method, f"the path's {where} is not a field of the request")
    if bound.field.is_repeated or bound.field.type == FieldDescriptor.TYPE_MESSAGE:
        raise UnsupportedBinding(method, f"the path's {where} is not a single scalar")
    return bound


def _body(method: MethodDescriptor, body: str, verb: str) -> str | None:
    if not body:
        return None
    if verb in ("get", "delete"):
        raise UnsupportedBinding(method, f"{verb.upper()} has no body")
    if body == "*":
        return body
    field = method.input_type.fields_by_name.get(body)
    if field is None or field.is_repeated or field.message_type is None:
        raise UnsupportedBinding(method, f"the body {body!r} is not a single message field of the request")
    return body
