"""One supervisor per state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from devstack.locks import AlreadyRunning, StateLock, holder, is_locked, wait_unlocked

HOLD = "import sys; from pathlib import Path; from devstack.locks import StateLock as L; l = L(Path(sys.argv[1])); l.acquire(); print('held', flush=True); sys.stdin.read()"  # noqa: E501


class TestStateLock:
    def test_a_second_supervisor_is_refused_naming_the_first(self, tmp_path: Path) -> None:
        first = StateLock(tmp_path / "lock")
        first.acquire()
        with pytest.raises(AlreadyRunning, match=str(os.getpid())):
            StateLock(tmp_path / "lock").acquire()
        first.release()
        assert not is_locked(tmp_path / "lock")

    def test_ends_with_its_holder_however_it_dies(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        assert holder(path) == child.pid
        child.kill()
        child.communicate()
        assert wait_unlocked(path, 30)
        # The number is still in the file: it must not be believed, it may belong to anybody by now.
        assert path.read_text(encoding="ascii").strip() == str(child.pid)
        assert holder(path) is None

    def test_looking_does_not_create_the_file(self, tmp_path: Path) -> None:
        assert not is_locked(tmp_path / "lock")
        assert not (tmp_path / "lock").exists()
