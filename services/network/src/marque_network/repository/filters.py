"""Filters in SCIM's language (RFC 7644, section 3.4.2.2) as conditions: the grammar is scim2-models', the columns are ours.

The library is read in when the first filter comes: it takes as long as the rest of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marque_network.errors import FilterInvalid

_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """What an attribute of a resource is: an expression, and how it compares (`text`, `exact`, `bool`, `moment`)."""

    expression: sa.ColumnElement[Any]
    kind: str = "text"


Attributes = Mapping[str, Attribute]


def condition(text: str, attributes: Attributes) -> sa.ColumnElement[bool]:
    """Returns the condition of a filter. `attributes` are named in small letters (`name.familyname`), `emails` is told as `emails.value`.

    Raises FilterInvalid for what cannot be read, for attributes that are not there, and comparisons that make no sense.
    """
    if not text.strip():
        return sa.true()
    from scim2_models import SCIMException
    from scim2_models.path import ScimFilter

    try:
        node = ScimFilter(text).ast
    except (SCIMException, RecursionError) as error:
        raise FilterInvalid(
            why=str(error)[:100] if not isinstance(error, RecursionError) else "it is too deep"
        ) from None
    return _Sql(attributes).of(node, "")


class _Sql:
    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes

    def of(self, node: Any, within: str) -> sa.ColumnElement[bool]:
        """Turns a node of the tree into a condition; `within` is the attribute in whose brackets it stands."""
        match type(node).__name__:
            case "Comparison":
                return _compared(self._attribute(node.attr_path, within), node.op.value, node.value)
            case "Present":
                return _present(self._attribute(node.attr_path, within))
            case "Not":
                return sa.not_(self.of(node.expr, within))
            case "LogicalExpr":
                parts = [self.of(term, within) for term in node.terms]
                return sa.and_(*parts) if node.op.value == "and" else sa.or_(*parts)
            case "ValuePath":
                return self.of(node.val_filter, _name(node.attr_path, within))
        raise FilterInvalid(why="it says something that is not known here")

    def _attribute(self, path: Any, within: str) -> Attribute:
        name = _name(path, within)
        found = self._attributes.get(name) or self._attributes.get(f"{name}.value")
        if found is None:
            raise FilterInvalid(why=f"there is no attribute {name[:60]}, or it is not one to filter by")
        return found


def _name(path: Any, within: str) -> str:
    own = f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr
    return (f"{within}.{own}" if within else own).lower()


def _present(attribute: Attribute) -> sa.ColumnElement[bool]:
    found = attribute.expression.is_not(None)
    return found if attribute.kind in ("bool", "moment") else found & (attribute.expression != "")


def _compared(attribute: Attribute, operator: str, value: Any) -> sa.ColumnElement[bool]:
    column = attribute.expression
    if attribute.kind == "bool":
        wanted = {"true": True, "false": False}.get(str(value).lower())
        if wanted is None or operator not in ("eq", "ne"):
            raise FilterInvalid(why="compare true or false by eq or ne")
        return column if wanted == (operator == "eq") else sa.not_(column)
    if attribute.kind == "moment":
        return _moment(column, operator, value)
    if value is None and operator in ("eq", "ne"):
        return sa.not_(_present(attribute)) if operator == "eq" else _present(attribute)
    if not isinstance(value, str) or "\0" in value:
        raise FilterInvalid(why="compare a text with a text in quotation marks")
    if attribute.kind == "text":
        column, value = sa.func.lower(column), value.lower()
    match operator:
        case "eq":
            return column == value
        case "ne":
            return column != value
        case "co":
            return column.contains(value, autoescape=True)
        case "sw":
            return column.startswith(value, autoescape=True)
        case "ew":
            return column.endswith(value, autoescape=True)
    compared: sa.ColumnElement[bool] = _ORDER[operator](column, value)
    return compared


def _moment(column: sa.ColumnElement[Any], operator: str, value: Any) -> sa.ColumnElement[bool]:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None or not 1 < moment.year < 9999:
            raise ValueError
    except ValueError:
        raise FilterInvalid(why="give a moment as 2026-01-31T08:00:00Z") from None
    if operator == "eq":
        return column == moment
    if operator == "ne":
        return column != moment
    if operator not in _ORDER:
        raise FilterInvalid(why="moments are not texts")
    compared: sa.ColumnElement[bool] = _ORDER[operator](column, moment)
    return compared
