"""`marquectl audit verify` against a real service: intact, then edited, then with its end cut off."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servicekit.testing.platform import Platform, until

UNCHAINED = "SELECT count(*) AS n FROM audit_records WHERE audit_id NOT IN (SELECT audit_id FROM audit_links)"
INSERT = """
INSERT INTO audit_records (audit_id, principal, roles, method, action, resource_type, resource_id)
SELECT gen_random_uuid(), 'p', 'ops', '/m', 'read', 'customer', n::text FROM generate_series(1, 25) n"""


@pytest.fixture
async def customer(platform: Platform) -> Platform:
    if "customer" not in platform.peers:
        await platform.start("customer", audit_segment_records=10)
    await platform.sql("customer", INSERT)

    async def chained() -> bool:
        return (await platform.sql("customer", UNCHAINED))[0]["n"] == 0

    await until(chained, 60, "the trail is not chained")
    return platform


@pytest.fixture
def verify(command: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line, environment = command("customer")
        return subprocess.run(
            [*line, "audit", "verify", "--service", "customer", *arguments], env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


class TestVerify:
    async def test_an_intact_trail_is_told_and_its_anchor_written_down(
        self, customer: Platform, verify: Any, tmp_path: Path
    ) -> None:
        witness = tmp_path / "witness.json"
        for _ in range(2):  # the second time against what the first wrote
            told = await asyncio.to_thread(verify, "--witness", str(witness))
            assert (told.returncode, "customer: intact" in told.stdout) == (0, True), told
        assert json.loads(witness.read_text())["customer"]["segment"] >= 2

    async def test_an_edited_record_is_named_with_exit_status_1(self, customer: Platform, verify: Any) -> None:
        (row,) = await customer.sql(
            "customer",
            "UPDATE audit_records SET roles = 'none' WHERE audit_id ="
            " (SELECT audit_id FROM audit_links WHERE position = 7) RETURNING audit_id",
        )
        told = await asyncio.to_thread(verify)
        await customer.sql("customer", "UPDATE audit_records SET roles = 'ops' WHERE audit_id = $1", row["audit_id"])
        assert told.returncode == 1
        assert f"record altered, segment 1, position 7, record {row['audit_id']}" in told.stdout

    async def test_a_cut_end_contradicts_the_witness(self, customer: Platform, verify: Any, tmp_path: Path) -> None:
        witness = tmp_path / "witness.json"
        witness.write_text(json.dumps({"customer": {"segment": 900, "anchor": "00" * 32}}))
        told = await asyncio.to_thread(verify, "--witness", str(witness))
        assert (told.returncode, "witness contradicted, segment 900" in told.stdout) == (1, True), told
        assert json.loads(witness.read_text())["customer"]["segment"] == 900

    async def test_a_file_that_is_no_witness_is_refused(self, customer: Platform, verify: Any, tmp_path: Path) -> None:
        witness = tmp_path / "witness.json"
        witness.write_text('{"customer": 5}')
        told = await asyncio.to_thread(verify, "--witness", str(witness))
        assert told.returncode not in (0, 1)
        assert "not a file of anchors" in told.stderr
