"""What a caller may not see cannot be filtered by, sorted by, or written: refused here for every RPC, from the contract's `data_class`.

The rule is that of docs/access.md: a masked value can never be written back, neither by its own path nor with the message around it; and
no answer may tell by its rows what it withholds in their fields. What people say without reading it back (an answer to a survey, a row of
an import) has fields without a class in a request of its own; public methods are such by their nature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from buf.validate import validate_pb2
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from marque.options.v1 import options_pb2

from servicekit import masking, roles
from servicekit.contract import Method
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.rpc.principal import Principal

REASON = "FIELD_MASKED"
_FILTERED = "You may not see this field, so you cannot filter by it."
_SORTED = "You may not see this field, so you cannot sort by it."
_WRITTEN = "You may not see this field, so you cannot change it."
_LIMIT = 50
_Function = TypeVar("_Function", bound=Callable[..., Any])


def merges_hidden(*fields: str) -> Callable[[_Function], _Function]:
    """Marks an update's method: of these fields of the resource it keeps what its caller does not see, so they may be written in part."""

    def mark(function: _Function) -> _Function:
        function.merges_hidden = frozenset(fields)  # type: ignore[attr-defined]
        return function

    return mark


class Guard:
    """The rule for one method. `function` is the servicer's, which may be marked by `merges_hidden`.

    Raises ValueError for a mark that names no field of the resource: the service must not start with it.
    """

    def __init__(self, method: Method, function: Any) -> None:
        self._plan = _plan(method)
        self._merges: frozenset[str] = getattr(function, "merges_hidden", frozenset())
        resource = self._plan.resource
        known = resource.message_type.fields_by_name if resource is not None else {}
        if unknown := self._merges - set(known):
            raise ValueError(f"{method.path} merges {sorted(unknown)}, which its resource does not have")

    def check(self, request: Message, principal: Principal) -> None:
        """Raises InvalidArgument with FIELD_MASKED for each field that the caller may not see."""
        visible = roles.visible_classes(principal.roles)
        if self._plan.kinds <= visible:
            return
        wrong = [*self._asked(request, visible), *self._written(request, visible)]
        if wrong:
            raise InvalidArgument(violations=wrong[:_LIMIT])

    def _asked(self, request: Any, visible: frozenset[int]) -> Iterator[FieldViolation]:
        """Filters and orders."""
        resource, listed = self._plan.resource, self._plan.listed
        told = _FILTERED if self._plan.asks else _WRITTEN
        for field, value in request.ListFields():
            if field.name == "order_by":
                names = {part.split()[0] for part in value.split(",") if part.strip()}
                if any(listed.get(name, 0) not in (visible | {0}) for name in names):
                    yield FieldViolation(field.name, REASON, _SORTED)
            elif listed.get(field.name, 0) not in (visible | {0}):
                yield FieldViolation(field.name, REASON, told)
            elif field != resource:
                for path in _said(field, value, visible, field.name):
                    yield FieldViolation(path, REASON, told)

    def _written(self, request: Any, visible: frozenset[int]) -> Iterator[FieldViolation]:
        """The resource of an update."""
        resource = self._plan.resource
        if resource is None or not (
            request.HasField(resource.name) or (self._plan.masked and request.update_mask.paths)
        ):
            return  # a mask without a resource empties what it names, and is looked at as any other
        message = getattr(request, resource.name)
        for path in self._paths(request, message):
            name = path.split(".")[0]
            if name in self._merges:
                field = message.DESCRIPTOR.fields_by_name[name]
                wrong: Iterable[str] = _said(field, getattr(message, name), visible, name)
            else:
                wrong = [path] if masking.hides(message.DESCRIPTOR, path.split("."), visible) else []
            for one in wrong:
                yield FieldViolation(f"{resource.name}.{one}", REASON, _WRITTEN)

    def _paths(self, request: Any, message: Any) -> list[str]:
        """What an update changes: what its mask names; else what is set, or where the whole is replaced, everything."""
        mask = request.update_mask.paths if self._plan.masked else ()
        if mask:
            fields = message.DESCRIPTOR.fields_by_name
            return [path for path in mask if not _is_output(fields.get(path.split(".")[0]))]
        present = message.DESCRIPTOR.fields if self._plan.replaces else [field for field, _ in message.ListFields()]
        return [field.name for field in present if not _is_output(field)]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the contract says of one method, read once."""

    kinds: frozenset[int]
    """The kinds of data that a request could name; a caller who sees them all is not looked at."""
    listed: dict[str, int]
    """Of a list, the kinds of the listed resource's fields: filters and orders of the same names are of their kind."""
    asks: bool
    resource: FieldDescriptor | None
    """Of an update, the field of the request that holds the resource."""
    masked: bool
    replaces: bool


def _plan(method: Method) -> _Plan:
    request: Descriptor = method.input.DESCRIPTOR
    if method.public:
        return _Plan(frozenset(), {}, False, None, False, False)
    lists = "page_size" in request.fields_by_name
    listed = _listed(method.output.DESCRIPTOR) if lists else {}
    rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
    masked, replaces = "update_mask" in request.fields_by_name, bool(rule.put)
    resource = request.fields_by_name.get(rule.body) if masked or replaces else None
    if resource is not None and (resource.message_type is None or resource.is_repeated):
        resource = None
    kinds = masking.kinds(request.full_name) | frozenset(listed.values())
    return _Plan(kinds, listed, lists or method.reads, resource, masked, replaces)


def _listed(answer: Descriptor) -> dict[str, int]:
    """The classified fields of what a list shows: of its repeated messages, and of the resource within a match."""
    found: dict[str, int] = {}
    for field in answer.fields:
        if field.message_type is not None and field.is_repeated:
            inner = [part.message_type for part in field.message_type.fields if part.message_type is not None]
            for descriptor in (*inner, field.message_type):
                found.update((one.name, kind) for one in descriptor.fields if (kind := _kind(one)))
    return found


def _said(field: FieldDescriptor, value: Any, visible: frozenset[int], path: str) -> Iterator[str]:
    """Yields the paths of what a value says that the caller may not see."""
    kind = _kind(field)
    if _is_output(field) or _judged_elsewhere(field):
        return
    if kind and kind not in visible:
        yield path
        return
    inner = masking.part_of(field)
    if inner is None or masking.kinds(inner.full_name) <= visible:
        return
    if field.message_type.GetOptions().map_entry:
        parts = [(f"{path}[{key}]", one) for key, one in value.items()]
    elif field.is_repeated:
        parts = [(f"{path}[{index}]", one) for index, one in enumerate(value)]
    else:
        parts = [(path, value)]
    for place, part in parts:
        for below, held in part.ListFields():
            yield from _said(below, held, visible, f"{place}.{below.name}")


@cache
def _kind(field: FieldDescriptor) -> int:
    found: int = field.GetOptions().Extensions[options_pb2.data_class]
    return found


@cache
def _is_output(field: FieldDescriptor | None) -> bool:
    """Tells whether only the service sets a field: what a caller sends there changes nothing."""
    if field is None:
        return False
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


@cache
def _judged_elsewhere(field: FieldDescriptor) -> bool:
    """Tells whether the contract leaves a field's items to the use case, as rows of imports are."""
    rules: Any = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]
    return bool(rules.repeated.items.ignore == validate_pb2.IGNORE_ALWAYS)  # type: ignore[attr-defined]
