"""Services that prove who they are by the cluster: projected tokens of their service accounts, bound to our audience.

No secret stands behind such a token: the kubelet renews it, and the cluster's API server signs it. Its keys are read there with a token of
one's own, over a connection whose certificate the cluster's authority signed.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from servicekit.errors import Unauthenticated
from servicekit.rpc.principal import Principal
from servicekit.rpc.tokens import TokenVerifier
from servicekit.settings import ServiceSettings

_ALGORITHMS = ["RS256", "ES256"]


@dataclass(frozen=True)
class Cluster:
    """The cluster as an issuer. `services`: subject of a service account → the service that it is."""

    issuer: str
    keys_url: str
    services: Mapping[str, str]
    token_file: Path | None = None
    ca_file: Path | None = None


class ClusterVerifier(TokenVerifier):
    """Checks tokens of service accounts as `TokenVerifier` checks those of people; a subject that is no service of ours is refused."""

    def __init__(self, cluster: Cluster, audience: str) -> None:
        context = ssl.create_default_context(cafile=str(cluster.ca_file)) if cluster.ca_file is not None else True
        client = httpx.AsyncClient(timeout=None, verify=context, trust_env=False)  # noqa: S113 - each reading has its time as a whole
        super().__init__(cluster.issuer, audience, _ALGORITHMS, client)
        self._cluster = cluster

    async def _fetch_keys(self) -> httpx.Response:
        file = self._cluster.token_file
        headers = {"authorization": f"Bearer {file.read_text().strip()}"} if file is not None else {}
        return await self._client.get(self._cluster.keys_url, headers=headers)

    def _principal(self, claims: dict[str, Any], token: str) -> Principal:
        service = self._cluster.services.get(claims["sub"])
        if service is None:
            raise Unauthenticated(why="the service account is none of ours")
        return Principal.from_claims({"sub": service, "roles": ["service"], "exp": claims["exp"]}, token)


class PlatformVerifier(TokenVerifier):
    """Tokens of people by their issuer, tokens of services by the cluster. Each issuer's keys judge that issuer's tokens only.

    Where the cluster says who a service is, the people's issuer cannot: of its tokens the role `service` is not taken.
    """

    def __init__(self, people: tuple[str, str, list[str]], cluster: Cluster) -> None:
        super().__init__(*people)
        self._services = ClusterVerifier(cluster, people[1])
        self._cluster_issuer = cluster.issuer

    async def close(self) -> None:
        """Closes both."""
        await self._services.close()
        await super().close()

    async def verify(self, token: str) -> Principal:
        """As `TokenVerifier.verify`."""
        if claimed_issuer(token) == self._cluster_issuer:
            return await self._services.verify(token)
        return await super().verify(token)

    def _principal(self, claims: dict[str, Any], token: str) -> Principal:
        found = super()._principal(claims, token)
        if found.is_service:
            raise Unauthenticated(why="services are known by the cluster")
        return found


def claimed_issuer(token: str) -> str:
    """Returns the issuer that a token claims, before anything of it is believed; empty where it claims none."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def make_verifier(settings: ServiceSettings) -> TokenVerifier:
    """Returns who judges tokens: the issuer of people alone, or with the cluster, which then says who a service is."""
    people = (settings.issuer_url, settings.audience, settings.token_algorithms)
    if not settings.cluster_issuer:
        return TokenVerifier(*people)
    cluster = Cluster(
        settings.cluster_issuer,
        settings.cluster_keys_url,
        settings.cluster_services,
        settings.cluster_keys_token_file,
        settings.cluster_ca_file,
    )
    return PlatformVerifier(people, cluster)
