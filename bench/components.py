"""The components with which a new installation begins, read from the migration that writes them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import marque_complaint
from marque_complaint.rules.terms import Term

_FILE = Path(marque_complaint.__file__).parent / "migrations" / "versions" / "0005_learning.py"


def _read() -> list[Term]:
    spec = importlib.util.spec_from_file_location("learning_migration", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parts = [(part, True) for part in module.PARTS] + [(part, False) for part in module.TRADE]
    return [Term(code, (*aliases, chinese), product) for (code, _, chinese, aliases), product in parts]


COMPONENTS = _read()
