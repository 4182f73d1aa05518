"""Settings of a service: read once from the environment (`MARQUE_…`), frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What every service needs to know of its surroundings."""

    model_config = SettingsConfigDict(env_prefix="MARQUE_", frozen=True, extra="ignore")

    environment: Literal["development", "test", "production"] = "production"
    instance_id: str = ""
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 0
    health_host: str = "127.0.0.1"
    health_port: int = 0

    database_url: SecretStr = SecretStr("")
    database_pool_size: int = 10
    nats_url: str = "nats://127.0.0.1:4222"
    stream_replicas: int = 1
    stream_max_age_days: int = 14

    issuer_url: str = ""
    audience: str = "marque"
    token_algorithms: list[str] = Field(default_factory=lambda: ["ES256", "RS256"])
    client_id: str = ""
    client_secret_file: Path | None = None
    service_token_file: Path | None = None
    peers: dict[str, str] = Field(default_factory=dict)

    otlp_endpoint: str | None = None
    trace_sample_ratio: float = 1.0
    log_level: str = "INFO"
    log_format: Literal["json", "console"] = "json"

    max_message_bytes: int = 4 * 1024 * 1024
    drain_seconds: float = 20.0
    idempotency_days: int = 2
    inbox_days: int = 60
    outbox_days: int = 3
    reveal_contracts: bool = True
