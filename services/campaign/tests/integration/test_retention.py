"""docs/retention.md speaks of every table of this service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[4] / "docs" / "retention.md"


async def test_every_table_is_on_the_page_and_no_other(office: Any) -> None:
    found: dict[str, set[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            names = found.setdefault(line.removeprefix("## "), set())
        elif match := re.match(r"\| `(\w+)` \| \S", line):
            names.add(match[1])
    rows = await office.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

    assert {row["tablename"] for row in rows} == found["In every service's database"] | found["campaign"]
