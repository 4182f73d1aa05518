"""Tokens of the development issuer (its persona grant), or the one token that the operator was given."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from marquectl.addresses import Addresses
from marquectl.errors import CommandError, UsageError

PERSONA_GRANT = "urn:marque:dev:persona"
_RENEW_BEFORE = 120.0  # seconds of life that a token must have left to be used again


class Tokens:
    """Gets tokens and keeps them while they live. `claims` are the form fields of the persona grant: persona, roles, dealers, …"""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._known: dict[tuple[tuple[str, str], ...], tuple[float, str]] = {}

    async def get(self, claims: Mapping[str, str]) -> str:
        """Returns a token for these claims, or MARQUE_TOKEN where that is set. Raises CommandError where none is given."""
        if self._addresses.token:
            return self._addresses.token
        key = tuple(sorted((name, value) for name, value in claims.items() if value))
        ends, token = self._known.get(key, (0.0, ""))
        if time.monotonic() >= ends:
            answer = await self._ask(dict(key))
            token = str(answer["access_token"])
            self._known[key] = (time.monotonic() + float(answer.get("expires_in", 600)) - _RENEW_BEFORE, token)
        return token

    def forget(self) -> None:
        """Drops what is kept, for instance because the door refused it."""
        self._known.clear()

    async def _ask(self, claims: dict[str, str]) -> dict[str, Any]:
        if not self._addresses.issuer:
            raise UsageError(
                "no token issuer is known: start the platform (`make up`), or give MARQUE_ISSUER_URL or MARQUE_TOKEN"
            )
        try:
            async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
                answer = await client.post(
                    f"{self._addresses.issuer}/token", data={"grant_type": PERSONA_GRANT, **claims}
                )
        except httpx.HTTPError as error:
            raise CommandError(
                f"the token issuer at {self._addresses.issuer} does not answer ({type(error).__name__})"
            ) from None
        if answer.status_code != httpx.codes.OK:
            raise CommandError(f"the token issuer refused: {_reason(answer)}")
        found: dict[str, Any] = answer.json()
        return found


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        return str(body.get("error_description") or body.get("error"))
    except ValueError:
        return f"HTTP {answer.status_code}"
