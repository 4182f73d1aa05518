"""An expression written again from its tree, in one form: every operator in brackets, strings in double quotes."""

from __future__ import annotations

from tradekit.cel.tree import Field, Items, Literal, Loop, Name, Node

SIZE = "codePoints"
"""What `size` is evaluated by: the Rust library counts the bytes of a string, CEL its code points."""
_METHODS = frozenset({"startsWith", "endsWith", "contains"})
_NAMED = frozenset({"has", "double", "int", "string"})
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def written(node: Node, *, run: bool = False) -> str:
    """Returns the text of an expression; with `run` as the Rust library is to be asked for it."""
    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Field):
        return f"{written(node.of, run=run)}.{node.name}"
    if isinstance(node, Items):
        return f"[{', '.join(written(item, run=run) for item in node.items)}]"
    if isinstance(node, Loop):
        over, body = written(node.over, run=run), written(node.body, run=run)
        return f"{over}.{node.name}({node.variable}, {body})"
    return _call(node.name, [written(part, run=run) for part in node.arguments], SIZE if run else "size")


def _call(name: str, parts: list[str], size: str) -> str:
    if name == "?:":
        return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    if name == "size":
        return f"{size}({parts[0]})"
    if name in _NAMED:
        return f"{name}({parts[0]})"
    if name in _METHODS:
        return f"{parts[0]}.{name}({parts[1]})"
    if len(parts) == 1:
        return f"({name}{parts[0]})"
    return f"({parts[0]} {name} {parts[1]})"


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_char(char) for char in value) + '"'
    return repr(value) if value >= 0 and str(value)[0] != "-" else f"({value!r})"


def _char(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    return f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else char
