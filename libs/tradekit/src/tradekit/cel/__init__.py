"""The platform's one subset of CEL (Common Expression Language): conditions that people write, in questionnaires and elsewhere.

What is inside: literals of bool, int, double and string, lists of them, fields of declared records, `has()`, `! - * / % +`, comparisons,
`in`, `&&`, `||`, `?:`, `size`, `startsWith`, `endsWith`, `contains`, conversions (`double`, `int`, `string`), and `all`, `exists`,
`exists_one` over lists. Everything is typed before it is kept, so a condition cannot fail for its types later. What is outside (maps,
bytes, unsigned numbers, null, regular expressions, time, macros that make lists, mixed arithmetic) is refused with its place.

The grammar is cel-python's, the evaluation the Rust library's; what is evaluated is the checked tree written again (`text.py`), so that
nothing reaches the evaluation that was not judged. Proven against the official conformance cases inside the subset.
"""

from tradekit.cel.check import check
from tradekit.cel.errors import CelError
from tradekit.cel.parse import parse
from tradekit.cel.program import Program, compile_condition
from tradekit.cel.text import written
from tradekit.cel.tree import Node
from tradekit.cel.types import BOOL, DOUBLE, INT, STRING, Kind, ListOf, Record

__all__ = [
    "BOOL",
    "DOUBLE",
    "INT",
    "STRING",
    "CelError",
    "Kind",
    "ListOf",
    "Node",
    "Program",
    "Record",
    "check",
    "compile_condition",
    "parse",
    "written",
]
