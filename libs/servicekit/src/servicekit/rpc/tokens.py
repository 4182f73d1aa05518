"""Verification of bearer tokens by OIDC discovery and JWKS, and the tokens by which a service speaks for itself.

Every service verifies every token again and trusts no identity header. A verified token is remembered by its hash until it expires or
the issuer's keys change; algorithms are pinned by settings, never taken from the token.

An issuer that is slow or hangs holds up nobody who can be judged without it: keys that grow old are read again in the background, and a
service's own token is renewed before it ends. Only who brings a key that nobody knows yet waits for the issuer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from servicekit.errors import Unauthenticated, Unavailable
from servicekit.rpc.principal import Principal

LEEWAY_SECONDS = 30
KEYS_MAX_AGE = 300.0  # seconds: so long, and an answer of the issuer, a key that it took back may still open doors
KEYS_STALE_LIMIT = 6 * 3600.0  # seconds: so long known keys serve on while the issuer is away
_REFRESH_COOLDOWN = 2.0
_AWAY_COOLDOWN = 10.0
_ANSWER_SECONDS = 5.0
_CACHE_LIMIT = 20_000
_FAR_FUTURE = 1e15

Clock = Callable[[], float]


class _Unheld(Exception):
    """The token is not one that a known key signed."""


class TokenVerifier:
    """Checks signature, issuer, audience, expiry and not-before of access tokens. `iat` decides nothing (RFC 7519 §4.1.6).

    `clock` gives the wall clock in Unix seconds; a test sets another to be a server whose clock is wrong.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        algorithms: list[str],
        client: httpx.AsyncClient | None = None,
        *,
        clock: Clock = time.time,
    ) -> None:
        self.clock = clock
        self._issuer = issuer
        self._audience = audience
        self._algorithms = algorithms
        self._client = client or httpx.AsyncClient(timeout=None)  # noqa: S113 - each reading has its time as a whole
        self._keys: KeySet | None = None
        self._fingerprint = b""
        # Moments of the steady clock: a wall clock that is set must make keys neither old nor young.
        self._read = self._asked = -1e9
        self._away = False
        self._reading: asyncio.Task[None] | None = None
        self._cache: dict[bytes, Principal] = {}

    async def close(self) -> None:
        """Ends a reading under way and closes the HTTP client."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._client.aclose()

    async def verify(self, token: str) -> Principal:
        """Returns the caller of a token.

        Raises:
            Unauthenticated: the token does not hold; the reason says why without repeating the token.
            Unavailable: no keys are known, or only such as are too old to be trusted, and the issuer does not answer.
        """
        await self._have_keys()
        now = self.clock()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._cache.get(digest)
        if known is not None:
            if known.expires_at + LEEWAY_SECONDS > now:
                return known
            del self._cache[digest]
            raise _expired()
        principal = self._principal(await self._claims(token), token)
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[digest] = principal
        return principal

    def _principal(self, claims: dict[str, Any], token: str) -> Principal:
        return Principal.from_claims(claims, token)

    async def _have_keys(self) -> None:
        """Sees to it that there are keys to judge by; waits for the issuer only where there are none."""
        age = time.monotonic() - self._read
        if age <= KEYS_MAX_AGE:
            return
        if self._keys is not None and age <= KEYS_STALE_LIMIT:
            if time.monotonic() - self._asked >= _REFRESH_COOLDOWN:
                self._read_again()
            return
        await asyncio.shield(self._read_again())
        if time.monotonic() - self._read > KEYS_STALE_LIMIT:
            raise Unavailable(dependency="The identity provider")

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            decoded = self._decode(token)
        except _Unheld:
            if not self._names_unknown_key(token):
                raise _invalid("the signature does not hold") from None
            await self._ask_for_new_keys()
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

    def _names_unknown_key(self, token: str) -> bool:
        """Tells whether a token names a key that the issuer may have made since; a key that is known never changes under its name."""
        try:
            header = jws.extract_compact(token.encode()).headers()
        except Exception:  # as above
            return False
        known = [key.kid for key in self._keys.keys] if self._keys is not None else []
        named = header.get("kid")
        return header.get("alg") in self._algorithms and isinstance(named, str | None) and named not in known

    async def _ask_for_new_keys(self) -> None:
        """Waits for keys that were asked for after this moment. The issuer is asked every two seconds at most, whatever is thrown at us:
        who comes in between waits for the next time, together with all others. An issuer that was just found away is waited for by nobody.
        """
        came = time.monotonic()
        if self._away and self._reading is None and came - self._asked < _AWAY_COOLDOWN:
            return
        while self._asked < came:
            pause = self._asked + _REFRESH_COOLDOWN - time.monotonic()
            if self._reading is None and pause > 0:
                await asyncio.sleep(pause)
            else:
                await asyncio.shield(self._read_again())
        if self._reading is not None:
            await asyncio.shield(self._reading)

    def _checked(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = self.clock()
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

    def _read_again(self) -> asyncio.Task[None]:
        """Returns the reading of keys that is under way; begins one where there is none."""
        if self._reading is None:
            self._asked = time.monotonic()
            self._reading = asyncio.create_task(self._read_keys(), name="issuer-keys")
            self._reading.add_done_callback(self._was_read)
        return self._reading

    def _was_read(self, task: asyncio.Task[None]) -> None:
        self._reading = None

    async def _read_keys(self) -> None:
        """Reads the keys; where the issuer does not answer, the known ones stay."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self._fetch_keys()
                answer.raise_for_status()
            keys = KeySet.import_key_set(answer.json())
        except (OSError, httpx.HTTPError, httpx.InvalidURL, JoseError, KeyError, TypeError, ValueError, TimeoutError):
            self._away = True
            return
        self._read, self._away = time.monotonic(), False
        fingerprint = hashlib.sha256(answer.content).digest()
        if fingerprint != self._fingerprint:
            self._keys, self._fingerprint = keys, fingerprint
            self._cache.clear()

    async def _fetch_keys(self) -> httpx.Response:
        found = await self._client.get(f"{self._issuer}/.well-known/openid-configuration")
        found.raise_for_status()
        return await self._client.get(found.json()["jwks_uri"])


class ServiceIdentity:
    """The token by which this service calls others: from a projected file, or by client credentials; renewed before it expires.

    `ca_file` holds the authorities by whose word it knows the others; without one, calls are not encrypted.
    """

    def __init__(
        self,
        *,
        token_file: Path | None = None,
        issuer: str = "",
        client_id: str = "",
        secret_file: Path | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.ca_file = ca_file
        self._token_file = token_file
        self._issuer = issuer
        self._client_id = client_id
        self._secret_file = secret_file
        self._token = ""
        self._renew_at = self._good_until = 0.0  # of the steady clock
        self._renewal: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """Returns a token that is good for at least some seconds. While it is, a new one is fetched without anybody waiting.

        Raises Unavailable where the issuer does not answer and the last token is over.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return self._token
        renewal = self._renew()
        if now >= self._good_until:
            await asyncio.shield(renewal)
        return self._token

    def _renew(self) -> asyncio.Task[None]:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._take_new(), name="issuer-token")
            self._renewal.add_done_callback(self._was_renewed)
        return self._renewal

    def _was_renewed(self, task: asyncio.Task[None]) -> None:
        self._renewal = None
        if not task.cancelled() and task.exception() is not None:  # who waited was told; nobody else needs to know
            self._renew_at = min(self._good_until, time.monotonic() + _REFRESH_COOLDOWN)

    async def _take_new(self) -> None:
        self._token, life = await self._fetch()
        now = time.monotonic()
        self._renew_at, self._good_until = now + max(5.0, life * 0.8 - 5), now + max(5.0, life - 5)

    async def _fetch(self) -> tuple[str, float]:
        """Returns a token and how many seconds it lives."""
        if self._token_file is not None:  # the kubelet rewrites it well before expiry
            return self._token_file.read_text().strip(), 45.0
        if self._secret_file is None:
            raise Unavailable(dependency="The identity provider")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret_file.read_text().strip(),
        }
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), httpx.AsyncClient(timeout=_ANSWER_SECONDS) as client:
                found = await client.get(f"{self._issuer}/.well-known/openid-configuration")
                answer = await client.post(found.json()["token_endpoint"], data=form)
                answer.raise_for_status()
                body = answer.json()
                return body["access_token"], float(body.get("expires_in", 60))
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError, TimeoutError):
            raise Unavailable(dependency="The identity provider") from None


def _is_moment(value: Any) -> bool:
    """Tells whether a claim is a NumericDate (RFC 7519); NaN compares false with every clock and would never expire."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FAR_FUTURE


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(why=why)


def _expired() -> Unauthenticated:
    error = Unauthenticated(why="it has expired")
    error.reason = "TOKEN_EXPIRED"
    return error
