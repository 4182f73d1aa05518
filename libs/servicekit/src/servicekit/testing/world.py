"""Short ways through the public doors to what an end-to-end test needs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tradekit.vin import check_digit

from servicekit.testing.client import Client
from servicekit.testing.platform import Platform, until

VINS = iter(f"1M8GDM9A{{}}KP{number:06d}" for number in range(1, 999_999))

_HEARING = ("customer", "vehicle", "complaint", "survey", "campaign")  # who keeps dealers by what it hears


@dataclass
class World:
    """The platform, and short ways to make what a test needs through the public doors."""

    platform: Platform
    spans: InMemorySpanExporter

    def door(self, role: str, **scope: Any) -> Client:
        """A gRPC client of the gateway's door, as a dealer system has."""
        return self.platform.client("gateway", role, **scope)

    def http(self, role: str, **scope: Any) -> httpx.AsyncClient:
        """An HTTP client of the gateway."""
        return self.platform.http(role, **scope)

    async def dealer(self, **fields: Any) -> str:
        """A new dealer, known to every service; returns its id."""
        body = {
            "code": f"D-{uuid.uuid4().hex[:12].upper()}",
            "names": {"en": "Dealer", "zh-CN": "经销商"},
            "kinds": ["DEALER_KIND_SALES", "DEALER_KIND_SERVICE"],
            "timeZone": "Asia/Shanghai",
            **fields,
        }
        made: str = (await self._made("oem.manager", "/v1/dealers", body))["dealerId"]

        async def known() -> bool:
            query = "SELECT 1 FROM known_dealers WHERE dealer_id = $1"
            return all(
                [await self.platform.sql(name, query, made) for name in _HEARING if name in self.platform.databases]
            )

        await until(known, 10, "the dealer is not known to every service")
        return made

    async def customer(self, met_by: str = "", **fields: Any) -> str:
        """A new customer with a relation to the dealer `met_by`, else to none; returns the id."""
        body = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "王小明"}, **fields}
        path = f"/v1/customers?dealerId={met_by}" if met_by else "/v1/customers"
        made: str = (await self._made("oem.agent", path, body))["customerId"]
        return made

    async def vehicle(self, **fields: Any) -> str:
        """A new vehicle; returns its VIN, whose check digit holds."""
        vin = fields.pop("vin", None) or new_vin()
        body = {"vin": vin, "make": "Marque", "model": "One", "modelYear": 2025, **fields}
        await self._made("oem.manager", "/v1/vehicles", body)
        return vin

    async def _made(self, role: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.http(role) as client:
            answer = await patiently(client, "POST", path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def patiently(client: httpx.AsyncClient, verb: str, path: str, **more: Any) -> httpx.Response:
    """Sends a request; on a machine that is too busy to answer in time, again under the same key."""
    headers = {"idempotency-key": uuid.uuid4().hex, **more.pop("headers", {})}
    for _ in range(5):
        answer = await client.request(verb, path, headers=headers, **more)
        if answer.status_code not in (503, 504):
            break
    return answer


def new_vin() -> str:
    """A VIN that was not used yet."""

    bare = next(VINS)
    return bare.format(check_digit(bare.format("0")))
