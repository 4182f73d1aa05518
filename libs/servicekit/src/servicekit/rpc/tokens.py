"""Verification of bearer tokens by OIDC discovery and JWKS, and the tokens by which a service speaks for itself.

Every service verifies every token again and trusts no identity header. A verified token is remembered by its hash until it expires or
the issuer's keys change; algorithms are pinned by settings, never taken from the token.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from servicekit.errors import Unauthenticated, Unavailable
from servicekit.rpc.principal import Principal

LEEWAY_SECONDS = 30
_REFRESH_COOLDOWN = 2.0
_KEYS_MAX_AGE = 300.0
_CACHE_LIMIT = 20_000
_FAR_FUTURE = 1e15


class _Unheld(Exception):
    """The token is not one that a known key signed."""


class TokenVerifier:
    """Checks signature, issuer, audience, expiry and not-before of access tokens."""

    def __init__(
        self, issuer: str, audience: str, algorithms: list[str], client: httpx.AsyncClient | None = None
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._algorithms = algorithms
        self._client = client or httpx.AsyncClient(timeout=5.0)
        self._keys: KeySet | None = None
        self._fingerprint = b""
        self._fetched = 0.0
        self._lock = asyncio.Lock()
        self._cache: dict[bytes, Principal] = {}

    async def close(self) -> None:
        """Closes the HTTP client."""
        await self._client.aclose()

    async def verify(self, token: str) -> Principal:
        """Returns the caller of a token.

        Raises:
            Unauthenticated: the token does not hold; the reason says why without repeating the token.
            Unavailable: the issuer's keys were never read and it does not answer.
        """
        now = time.time()
        if now - self._fetched > _KEYS_MAX_AGE:
            await self._refresh(required=self._keys is None)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._cache.get(digest)
        if known is not None:
            if known.expires_at + LEEWAY_SECONDS > now:
                return known
            del self._cache[digest]
            raise _expired()
        principal = Principal.from_claims(await self._claims(token), token)
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[digest] = principal
        return principal

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            decoded = self._decode(token)
        except _Unheld:
            # An unknown key may be a new one: ask the issuer once more, but not at every bad token.
            if time.time() - self._fetched < _REFRESH_COOLDOWN or not await self._refresh(required=False):
                raise _invalid("the signature does not hold") from None
            try:
                decoded = self._decode(token)
            except _Unheld:
                raise _invalid("the signature does not hold") from None
        return self._checked(decoded.claims)

    def _decode(self, token: str) -> jwt.Token:
        if self._keys is None:
            raise _Unheld
        try:
            return jwt.decode(token, self._keys, algorithms=self._algorithms)
        except Exception:  # a header is written by anybody: what the library stumbles over is no fault of ours
            raise _Unheld from None

    def _checked(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = time.time()
        audience = claims.get("aud")
        held = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer:
            raise _invalid("the issuer is not ours")
        if self._audience not in held:
            raise _invalid("the audience is not ours")
        if not isinstance(claims.get("sub"), str) or not claims["sub"] or "\0" in claims["sub"]:
            raise _invalid("the subject is missing")
        for name in ("roles", "dealers"):
            if not isinstance(claims.get(name, []), list):
                raise _invalid(f"{name} is not a list")
        if not _is_moment(claims.get("exp")):
            raise _invalid("the expiry is missing")
        if claims["exp"] + LEEWAY_SECONDS <= now:
            raise _expired()
        begins = claims.get("nbf", 0)
        if not _is_moment(begins) or begins - LEEWAY_SECONDS > now:
            raise _invalid("it is not valid yet")
        return claims

    async def _refresh(self, *, required: bool) -> bool:
        """Reads the keys again; tells whether they changed."""
        asked = self._fetched
        async with self._lock:
            if self._fetched != asked:
                return True
            try:
                found = await self._client.get(f"{self._issuer}/.well-known/openid-configuration")
                found.raise_for_status()
                answer = await self._client.get(found.json()["jwks_uri"])
                answer.raise_for_status()
                keys = KeySet.import_key_set(answer.json())
            except (httpx.HTTPError, httpx.InvalidURL, JoseError, KeyError, TypeError, ValueError):
                if required:
                    raise Unavailable(dependency="The identity provider") from None
                self._fetched = time.time() if self._keys else 0.0  # keep the known keys, ask again later
                return False
            self._fetched = time.time()
            fingerprint = hashlib.sha256(answer.content).digest()
            changed = fingerprint != self._fingerprint
            if changed:
                self._keys, self._fingerprint = keys, fingerprint
                self._cache.clear()
            return changed


class ServiceIdentity:
    """The token by which this service calls others: from a projected file, or by client credentials; renewed before it expires."""

    def __init__(
        self, *, token_file: Path | None = None, issuer: str = "", client_id: str = "", secret_file: Path | None = None
    ) -> None:
        self._token_file = token_file
        self._issuer = issuer
        self._client_id = client_id
        self._secret_file = secret_file
        self._token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Returns a token that is good for at least some seconds. Raises Unavailable where the issuer does not answer."""
        if time.time() < self._renew_at:
            return self._token
        async with self._lock:
            if time.time() >= self._renew_at:
                self._token, life = await self._fetch()
                self._renew_at = time.time() + life
        return self._token

    async def _fetch(self) -> tuple[str, float]:
        if self._token_file is not None:  # the kubelet rewrites it well before expiry
            return self._token_file.read_text().strip(), 30.0
        if self._secret_file is None:
            raise Unavailable(dependency="The identity provider")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret_file.read_text().strip(),
        }
        try:
            async with httpx.AsyncClient(timeout=5.0) as client:
                found = await client.get(f"{self._issuer}/.well-known/openid-configuration")
                answer = await client.post(found.json()["token_endpoint"], data=form)
                answer.raise_for_status()
                body = answer.json()
        except (httpx.HTTPError, KeyError, ValueError):
            raise Unavailable(dependency="The identity provider") from None
        return body["access_token"], max(5.0, float(body.get("expires_in", 60)) * 0.8 - 5)


def _is_moment(value: Any) -> bool:
    """Tells whether a claim is a NumericDate (RFC 7519); NaN compares false with every clock and would never expire."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FAR_FUTURE


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(why=why)


def _expired() -> Unauthenticated:
    error = Unauthenticated(why="it has expired")
    error.reason = "TOKEN_EXPIRED"
    return error
