"""Tokens that are none of ours: each must open no door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from devstack.issuer import AUDIENCE, mint
from joserfc.jwk import ECKey

from servicekit.testing.access.cast import Cast


def claims(cast: Cast, **other: Any) -> dict[str, Any]:
    """The claims of a good token of an administrator, with some of them otherwise; None takes one away."""
    issuer, now = cast.world.platform.issuer.issuer, int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600}
    found = {"iss": issuer.url, "aud": AUDIENCE, "sub": "forger", "roles": ["oem.admin"], **times, **other}
    return {name: value for name, value in found.items() if value is not None}


def signed(cast: Cast, **other: Any) -> str:
    """A token of our issuer's present key, whatever it says."""
    return mint(cast.world.platform.issuer.issuer.keys.current, claims(cast, **other))


def encoded(document: dict[str, Any]) -> str:
    """A part of a compact token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def stranger(cast: Cast, **other: Any) -> str:
    """A token signed by a key that our issuer does not have, under the name of one that it has."""
    key = ECKey.generate_key("P-256", {"kid": str(cast.world.platform.issuer.issuer.keys.current.kid)})
    return mint(key, claims(cast, **other))


def by_public_key(cast: Cast) -> str:
    """The confusion of algorithms: HS256 with the issuer's public key as the secret."""
    key = cast.world.platform.issuer.issuer.keys.current
    said = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{encoded(claims(cast))}"
    digest = hmac.new(key.as_pem(private=False), said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def swapped(cast: Cast) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = signed(cast, roles=["partner"]).split(".")
    return f"{head}.{encoded(claims(cast))}.{signature}"


FORGED: dict[str, Callable[[Cast], str]] = {
    "no token at all": lambda cast: "",
    "no token but words": lambda cast: "let-me-in",
    "an empty signature": lambda cast: signed(cast).rpartition(".")[0] + ".",
    "alg none": lambda cast: f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims(cast))}.",
    "alg HS256 with the public key": by_public_key,
    "a key that is not ours": stranger,
    "claims under another's signature": swapped,
    "another issuer": lambda cast: signed(cast, iss="https://issuer.example"),
    "another audience": lambda cast: signed(cast, aud="shop"),
    "no audience": lambda cast: signed(cast, aud=None),
    "expired": lambda cast: signed(cast, exp=int(time.time()) - 120),
    "no expiry": lambda cast: signed(cast, exp=None),
    "not yet valid": lambda cast: signed(cast, nbf=int(time.time()) + 600),
    "no subject": lambda cast: signed(cast, sub=None),
    "roles that are no list": lambda cast: signed(cast, roles="oem.admin"),
}
