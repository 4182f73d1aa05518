"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the front door needs to know beside what every service does. Sizes in bytes, rates per minute and replica."""

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 9090
    grpc_connections_per_peer: int = 1
    max_body_bytes: int = 1024 * 1024
    max_upload_bytes: int = 512 * 1024 * 1024
    max_header_bytes: int = 32 * 1024
    principal_rate: int = 6000
    address_rate: int = 12000
    cors_origins: list[str] = Field(default_factory=list)
    upstream_deadline: float = 10.0
    live_buffer: int = 10_000
    live_connections_per_principal: int = 10
    telephony_secrets: dict[str, Path] = Field(
        default_factory=dict
    )  # telephone system → file with the secret that it signs by
    carrier_secrets: dict[str, Path] = Field(
        default_factory=dict
    )  # carrier of messages → file with the secret that it signs by
    docs: bool = True
    traces_url: str = ""  # of Tempo, or of the local trace store: read by `ops` under /ops/traces
    ops_ui: Path | None = None  # the folder of the page that `make ops-ui` builds
    scim_subject: Literal["externalId", "userName"] = "externalId"  # which attribute is the `sub` of people's tokens
