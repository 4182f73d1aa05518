"""What a process holds for as long as it lives, taken out of the collector's way.

Modules, contracts and tables make hundreds of thousands of objects that never become garbage. Python's collector walks them again and
again: a fifth of an import's time was that, and a request may have to wait for it. Frozen objects are not walked; what work makes
afterwards is collected as ever, only less often than after each 700 objects.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG, _MIDDLE, _OLD = 100_000, 5, 5


@contextmanager
def growing() -> Iterator[None]:
    """For the imports at the start of a process: the collector rests, for all that they make stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle() -> None:
    """Freezes what start-up made, and gives the memory that it needed only for a moment back to the system."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, other C libraries need not
    if trim is not None:
        trim(0)
