"""The library that evaluates, without its command line.

`import cel` brings that along, with a terminal's toolkit of nearly four hundred modules: a tenth of what a service needs to start.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_COMMAND_LINE = "cel.cli"


def _bare() -> Any:
    """Returns the library; who wants its command line (`import cel.cli`) still has it afterwards."""
    stand_in = ModuleType(_COMMAND_LINE)
    if sys.modules.setdefault(_COMMAND_LINE, stand_in) is not stand_in:
        import cel

        return cel
    try:
        import cel
    finally:
        del sys.modules[_COMMAND_LINE]
    return cel


cel = _bare()
