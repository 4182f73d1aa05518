"""Where the shared real data lies: MARQUE_DATA, by default ../shared/data beside the repository.

Properties run without hypothesis' deadline: a first call loads tables, and two cores are shared.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tradekit", settings(), deadline=None)
settings.load_profile("tradekit")

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = Path(os.environ.get("MARQUE_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: set MARQUE_DATA to its folder")
    return folder
