"""The development issuer: an OIDC token issuer that believes whoever asks, for one developer's machine and for tests.

Never for anything else: `persona` requests get any role without a password. `issuer_app` therefore refuses to start
outside development. Shapes follow OpenID Connect Discovery 1.0, RFC 6749 §4.4 (client credentials) and RFC 7519
(claims).
"""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from devstack.keyring import ALGORITHM, Clock, KeyRing

AUDIENCE = "marque"
PERSONA_GRANT = "urn:marque:dev:persona"
CLIENT_GRANT = "client_credentials"
PERSON_LIFETIME = 3600  # seconds
SERVICE_LIFETIME = 600  # seconds

# Lists are space-separated in a form, as OAuth writes its scopes.
_LISTS = ("roles", "dealers")
_SINGLE = ("dealer_group", "region", "partner", "customer")
_WORD = re.compile(r"[\w.:@/+-]{1,200}")

Person = Mapping[str, Any]


class TokenRefused(Exception):
    """A token request that is not granted: `error` is the code of RFC 6749 §5.2, `status` the HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def mint(key: ECKey, claims: Mapping[str, Any]) -> str:
    """Signs the claims as they are: a compact ES256 JWT whose header names the key. Tests make wrong tokens with it."""
    return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}, dict(claims), key)


class Issuer:
    """Grants tokens; usable in-process without HTTP.

    `clients`: client id → secret. `people`: persona key → {"sub", "roles", and any of "dealers", "dealer_group",
    "region", "partner", "customer"}, or a function that returns it (asked at every request, so demo people may come
    later).
    """

    def __init__(
        self,
        url: str,
        keys: KeyRing | None = None,
        clients: Mapping[str, str] | None = None,
        people: Mapping[str, Person] | Callable[[], Mapping[str, Person]] | None = None,
        *,
        clock: Clock = time.time,
    ) -> None:
        self.url = url.rstrip("/")
        self.keys = keys or KeyRing(keep_for=PERSON_LIFETIME, clock=clock)
        self._clients = dict(clients or {})
        self._people = people
        self._clock = clock

    def service_token(self, client_id: str, lifetime: int = SERVICE_LIFETIME) -> str:
        """A token of one of our services: role `service`, 10 minutes unless told otherwise (seconds)."""
        return self._token(client_id, {"roles": ["service"]}, lifetime)

    def person_token(
        self,
        subject: str,
        roles: list[str],
        *,
        dealers: list[str] | None = None,
        dealer_group: str | None = None,
        region: str | None = None,
        partner: str | None = None,
        customer: str | None = None,
    ) -> str:
        """A person's (or a dealer system's) token for one hour. Scope claims that are not set are absent. No name,
        ever.
        """
        scope = {
            "dealers": dealers,
            "dealer_group": dealer_group,
            "region": region,
            "partner": partner,
            "customer": customer,
        }
        return self._token(
            subject, {"roles": roles, **{name: value for name, value in scope.items() if value}}, PERSON_LIFETIME
        )

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answers a token request: {"access_token", "token_type": "Bearer", "expires_in" in seconds}. Raises
        TokenRefused.
        """
        kind = form.get("grant_type", "")
        if kind == CLIENT_GRANT:
            return _answer(self._grant_client(form), SERVICE_LIFETIME)
        if kind == PERSONA_GRANT:
            return _answer(self._grant_person(form), PERSON_LIFETIME)
        raise TokenRefused("unsupported_grant_type", f"grant_type must be {CLIENT_GRANT} or {PERSONA_GRANT}")

    def discovery(self) -> dict[str, Any]:
        """The document of /.well-known/openid-configuration."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks.json",
            "token_endpoint": f"{self.url}/token",
            "grant_types_supported": [CLIENT_GRANT, PERSONA_GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }

    def _grant_client(self, form: Mapping[str, str]) -> str:
        client_id = form.get("client_id", "")
        expected = self._clients.get(client_id, "")
        given = form.get("client_secret", "")
        if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
            raise TokenRefused("invalid_client", "client_id or client_secret is wrong", 401)
        return self.service_token(client_id)

    def _grant_person(self, form: Mapping[str, str]) -> str:
        person = self._known_person(form["persona"]) if form.get("persona") else _described_person(form)
        scope = {name: person[name] for name in ("dealers", *_SINGLE) if person.get(name)}
        return self.person_token(str(person["sub"]), list(person["roles"]), **scope)

    def _known_person(self, key: str) -> Person:
        people = self._people() if callable(self._people) else self._people or {}
        if key not in people:
            known = ", ".join(sorted(people)) or "none; load the sample data, or give sub and roles"
            raise TokenRefused("invalid_grant", f"persona is not one of the demo people (known: {known})")
        return people[key]

    def _token(self, subject: str, claims: Mapping[str, Any], lifetime: int) -> str:
        now = int(self._clock())
        times = {"iat": now, "nbf": now, "exp": now + lifetime}
        return mint(
            self.keys.current,
            {"iss": self.url, "aud": AUDIENCE, "sub": subject, **times, "jti": uuid.uuid4().hex, **claims},
        )


def _described_person(form: Mapping[str, str]) -> Person:
    """A person spelled out in the form: `roles` (or `role`) and `dealers` (or `dealer`) as space-separated lists,
    `sub` optional.
    """
    person: dict[str, Any] = {name: form.get(name, form.get(name.removesuffix("s"), "")).split() for name in _LISTS}
    person |= {name: form[name] for name in _SINGLE if form.get(name)}
    if not person["roles"]:
        raise TokenRefused("invalid_request", "persona or roles must be given")
    person["sub"] = form.get("sub") or f"dev:{'+'.join(person['roles'])}"
    for name, value in person.items():
        for word in value if isinstance(value, list) else [value]:
            if not _WORD.fullmatch(word):
                raise TokenRefused(
                    "invalid_request", f"{name} may hold letters, digits and . : @ / + - only, at most 200"
                )
    return person


def _answer(token: str, lifetime: int) -> dict[str, Any]:
    return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
