"""What start-up made is out of the collector's way, and garbage of later work is still collected."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from servicekit import memory

class Ring:
    def __init__(self):
        self.me = self

memory.settle()
frozen = gc.get_freeze_count()
assert frozen > 1_000, frozen
assert len(gc.get_objects()) < frozen / 10
later = weakref.ref(Ring())
gc.collect()
assert later() is None
"""


class TestSettle:
    def test_start_up_is_frozen_and_later_garbage_is_collected(self) -> None:
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
