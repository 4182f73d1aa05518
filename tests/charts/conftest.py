"""The charts, built once, and their renders. Where helm is not installed (`make chart-tools`), what needs it is skipped by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from devstack.delivery import tools
from devstack.delivery.fleet import Member, read_fleet
from devstack.delivery.helm import VALUES, Charts, Manifest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def fleet() -> list[Member]:
    return read_fleet(ROOT)


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Charts:
    program = tools.helm()
    if program is None:
        pytest.skip("helm is not installed: `make chart-tools`")
    built = Charts(ROOT / "charts", tmp_path_factory.mktemp("charts"), program)
    built.build()
    return built


@pytest.fixture(scope="session")
def renders(charts: Charts) -> dict[str, list[Manifest]]:
    """Values file → what it renders."""
    return {name: charts.render(name) for name in VALUES}


@pytest.fixture(scope="session", params=VALUES)
def render(renders: dict[str, list[Manifest]], request: pytest.FixtureRequest) -> list[Manifest]:
    return renders[str(request.param)]
