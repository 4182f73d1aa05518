"""Settings of a service: read once from the environment (`MARQUE_…`), frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit.messaging.broker import BrokerAccess


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
    stream_max_bytes: int = -1

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

    # How a cluster surrounds the service (docs/production.md); on a developer's machine nothing of it is set.
    schema_wait_seconds: float = Field(0.0, ge=0)
    database_ca_file: Path | None = None
    nats_user: str = ""
    nats_password_file: Path | None = None
    nats_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_file: Path | None = None
    cluster_issuer: str = ""
    cluster_keys_url: str = ""
    cluster_keys_token_file: Path | None = None
    cluster_ca_file: Path | None = None
    cluster_services: dict[str, str] = Field(default_factory=dict)

    max_message_bytes: int = 4 * 1024 * 1024
    drain_seconds: float = 20.0
    idempotency_days: int = 2
    inbox_days: int = 60
    outbox_days: int = 3
    dead_letter_days: int = 30
    import_days: int = 90
    audit_days: int = 730
    audit_keys: Path | None = None
    audit_key_id: str = ""
    audit_segment_records: int = Field(10_000, ge=1)
    audit_segment_seconds: int = Field(300, ge=1)
    audit_wait_seconds: int = Field(300, ge=5)
    sealing_keys: Path | None = None
    sealing_key_id: str = ""
    reveal_contracts: bool = True

    @model_validator(mode="after")
    def _the_inbox_outlives_what_may_come_again(self) -> Self:
        """Refuses ages under which an event could be applied twice.

        The stream delivers an event again within its age, an operator replays a dead letter within `dead_letter_days` of the last replay;
        only the inbox row tells that it was applied.
        """
        stay = ("import_days", "idempotency_days", "outbox_days", "audit_days")
        for name in ("stream_max_age_days", "dead_letter_days", *stay):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 day")
        if self.inbox_days <= self.stream_max_age_days + self.dead_letter_days:
            raise ValueError("inbox_days must be greater than stream_max_age_days + dead_letter_days")
        return self

    @property
    def broker_access(self) -> BrokerAccess:
        """Who this process is at the broker."""
        return BrokerAccess(self.nats_user, self.nats_password_file, self.nats_ca_file)
