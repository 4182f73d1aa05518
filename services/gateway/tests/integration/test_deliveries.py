"""Reports of carriers: a signed one reaches the campaign service, anything else changes nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from marque_gateway.telephony import signature
from servicekit.testing import web
from servicekit.testing.platform import Platform

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("campaign")
    secrets = platform.folder / "carrier"
    secrets.write_bytes(SECRET)
    await platform.open_gateway(carrier_secrets={"carrier": secrets})
    yield platform


async def send(door: Platform, told: Any, *, secret: bytes = SECRET, age: int = 0, by: str = "carrier") -> Any:
    body, stamp = orjson.dumps(told), str(int(time.time()) - age)
    headers = {"x-marque-timestamp": stamp, "x-marque-signature": signature(secret, stamp, body)}
    async with web.client(door.http_url, timeout=60) as client:
        return await client.post(f"/v1/providers/{by}/deliveryReports", content=body, headers=headers)


async def handed(door: Platform) -> str:
    """A line that was handed over and accepted."""
    (row,) = await door.sql(
        "campaign",
        "WITH c AS (INSERT INTO campaigns (campaign_id, version, create_time, update_time, name, kind, state, author) "
        "VALUES (gen_random_uuid(), 1, now(), now(), 'x', 1, 1, 'x') RETURNING campaign_id) "
        "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, hand_time, create_time, update_time) "
        "SELECT gen_random_uuid(), campaign_id, gen_random_uuid(), 3, 4, now(), now(), now() FROM c RETURNING send_id::text AS key",
    )
    return str(row["key"])


class TestReports:
    async def test_a_signed_report_is_recorded_once(self, door: Platform) -> None:
        key = await handed(door)
        told = {"reports": [{"sendId": key, "state": "CAMPAIGN_SEND_STATE_BOUNCED", "reason": "5.1.1"}]}
        first, again = await send(door, told), await send(door, told)
        rows = await door.sql("campaign", "SELECT state, reason FROM campaign_sends WHERE send_id = $1", uuid.UUID(key))

        assert (first.status_code, first.json()) == (200, {"changedCount": 1, "unknownCount": 0})
        assert again.json() == {"changedCount": 0, "unknownCount": 0}
        assert [tuple(row) for row in rows] == [(6, "5.1.1")]

    @pytest.mark.parametrize(
        "wrong", [{"secret": b"f" * 32}, {"age": 301}, {"by": "nobody"}], ids=["forged", "old", "unknown"]
    )
    async def test_what_is_not_signed_now_by_a_known_carrier_is_refused(
        self, door: Platform, wrong: dict[str, Any]
    ) -> None:
        told = {"reports": [{"sendId": await handed(door), "state": 5}]}

        assert (await send(door, told, **wrong)).status_code == 401

    @pytest.mark.parametrize(
        "told", [{}, {"reports": []}, {"reports": [{"sendId": "x", "state": 5}]}, {"reports": [{"state": 4}]}, [], 1]
    )
    async def test_what_is_no_report_is_refused_by_its_field(self, door: Platform, told: Any) -> None:
        assert (await send(door, told)).status_code == 400
