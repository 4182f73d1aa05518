"""Programs that setup can bring only where there is apt: a test that needs one is skipped by its name."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a program on the path or in .venv/tools; skips the test where there is none."""

    def find(name: str) -> str:
        path = f"{os.environ.get('PATH', '')}:{Path(sys.prefix) / 'tools' / 'usr' / 'bin'}"
        found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not on this machine: tools/prometheus.py could not bring it")
        return found

    return find
