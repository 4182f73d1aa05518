"""Writes through the public doors as a patient dealer system makes them: what may have been lost is sent again under the same key."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import grpc.aio
import httpx
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from servicekit import contract
from servicekit.contract import Method
from servicekit.testing import web
from servicekit.testing.access.call import bound
from servicekit.testing.client import Client, RpcFailure
from servicekit.testing.crash.stack import Stack

PATIENCE = 300.0  # seconds until a write that nobody answers is a failure of the platform
_ATTEMPT = 12.0  # seconds: longer than the gateway gives a service
_AGAIN_STATUS = frozenset({429, 503})
_AGAIN_CODES = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED", "DEADLINE_EXCEEDED"})
_CONFLICTS = frozenset({"CONCURRENT_CHANGE"})  # a lock that was waited for in vain: the same request may go again
_TOKEN_SECONDS = 1500.0

HTTP, GRPC, DIRECT = "http", "grpc", "direct"


class Surprise(AssertionError):
    """An answer that no outage explains."""


class GaveUp(Exception):
    """The writer went away before it had an answer."""


@dataclass(frozen=True)
class Write:
    """One write: an RPC (`customer.v1.CustomerService/CreateCustomer`), its request as JSON in the contract's names, its key."""

    rpc: str
    request: dict[str, Any]
    key: str
    role: str = "oem.manager"

    @property
    def method(self) -> Method:
        """The method of the contract."""
        service, _, name = self.rpc.partition("/")
        return contract.methods(f"marque.{service}")[name]

    @property
    def owner(self) -> str:
        """The service that does it."""
        return self.rpc.partition(".")[0]

    def message(self) -> Message:
        """The request as a message, with its key."""
        return json_format.ParseDict({**self.request, "request_id": self.key}, self.method.input())


class Doors:
    """The doors of a platform, with tokens that are renewed; counts every answer by door and outcome."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        told = stack.dev.addresses
        self._http = web.client(told.http_url or "", timeout=_ATTEMPT)
        self._issuer = told.issuer_url
        self._addresses = {name: f"127.0.0.1:{port}" for name, port in told.grpc_ports.items()}
        self._rng = rng
        self._tokens: dict[str, tuple[float, str]] = {}
        self._clients: dict[tuple[str, str], Client] = {}
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.aclose()
        for client in self._clients.values():
            await client.close()

    async def write(self, write: Write, door: str = HTTP, *, attempts: int = 0) -> Any:
        """Returns the answer message. With `attempts` the writer goes away after so many without an answer.

        Raises GaveUp; Surprise for an answer that is neither success nor a passing trouble, or none in PATIENCE.
        """
        ends, tried = time.monotonic() + PATIENCE, 0
        while True:
            tried += 1
            started = time.monotonic()
            answer = await (self._over_http(write) if door == HTTP else self._over_grpc(write, door))
            self.slowest = max(self.slowest, time.monotonic() - started)
            if answer is not None:
                return answer
            if tried == attempts:
                raise GaveUp
            if time.monotonic() > ends:
                raise Surprise(f"{write.rpc} has no answer after {PATIENCE} s")
            await asyncio.sleep(self._rng.uniform(0.05, 0.3))

    async def attempt(self, write: Write) -> str:
        """Tries once, at the service itself, and returns "OK" or code and reason of the refusal."""
        client = Client(self._addresses[write.owner], await self.token(write.role))
        try:
            await client.call(write.rpc, write.message(), timeout=_ATTEMPT)
        except RpcFailure as failure:
            return f"{failure.code} {failure.reason}"
        finally:
            await client.close()
        return "OK"

    async def upload(self, service: str, kind: str, source: str, content: bytes, key: str) -> Any:
        """Sends a CSV file for import; returns the import's JSON."""
        query = {"kind": kind, "source": source, "fileName": f"{key}.csv"}
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            headers = {"authorization": f"Bearer {await self.token('oem.manager')}", "idempotency-key": key}
            answer = await self._sent("POST", f"/v1/{service}/imports", headers, params=query, content=content)
            if answer is not None:
                return orjson.loads(answer)
            await asyncio.sleep(self._rng.uniform(0.05, 0.3))
        raise Surprise(f"the upload {key} has no answer after {PATIENCE} s")

    async def token(self, role: str) -> str:
        """A token of a role, from the platform's own issuer, whose outages are waited for."""
        ends, token = self._tokens.get(role, (0.0, ""))
        while time.monotonic() >= ends:
            form = {"grant_type": "urn:marque:dev:persona", "roles": role, "sub": f"crash:{role}"}
            try:
                answer = await self._http.post(f"{self._issuer}/token", data=form)
                token = answer.json()["access_token"]
            except (httpx.HTTPError, ValueError):
                await asyncio.sleep(0.1)
            else:
                ends = time.monotonic() + _TOKEN_SECONDS
                self._tokens[role] = (ends, token)
        return token

    async def _over_http(self, write: Write) -> Any | None:
        verb, path, query, document = bound(write.method, write.request)
        headers = {
            "authorization": f"Bearer {await self.token(write.role)}",
            "idempotency-key": write.key,
            "content-type": "application/json",
        }
        content = await self._sent(verb, path, headers, params=query, content=orjson.dumps(document))
        return None if content is None else json_format.Parse(content, write.method.output())

    async def _sent(self, verb: str, path: str, headers: dict[str, str], **parts: Any) -> bytes | None:
        """The body of a success, or None where the same may go again."""
        try:
            answer = await self._http.request(verb, path, headers=headers, **parts)
        except httpx.HTTPError as error:  # the door was killed with our request in its hands
            self.answers[f"http {type(error).__name__}"] += 1
            return None
        self.answers[f"http {answer.status_code}"] += 1
        if answer.status_code < 300:
            return answer.content
        problem = answer.json()
        if answer.status_code in _AGAIN_STATUS or problem.get("reason") in _CONFLICTS:
            return None
        raise Surprise(f"{verb} {path}: {answer.status_code} {problem}")

    async def _over_grpc(self, write: Write, door: str) -> Any | None:
        address = self._addresses["gateway" if door == GRPC else write.owner]
        token = await self.token(write.role)
        client = self._clients.get((address, token))
        if client is None:
            client = self._clients[address, token] = Client(address, token)
        try:
            answer = await client.call(write.rpc, write.message(), timeout=_ATTEMPT)
        except RpcFailure as failure:
            self.answers[f"{door} {failure.code}"] += 1
            if failure.code in _AGAIN_CODES or failure.reason in _CONFLICTS:
                return None
            raise Surprise(f"{write.rpc}: {failure}") from None
        except grpc.aio.UsageError as error:
            raise Surprise(f"{write.rpc}: {error}") from None
        self.answers[f"{door} OK"] += 1
        return answer
