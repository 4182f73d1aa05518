"""Settings of a service that sends mails."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from servicekit.mail.letters import domain_of
from servicekit.mail.signing import Signer
from servicekit.mail.smtp import DomainLimit, Postman, Server
from servicekit.settings import ServiceSettings


class DomainLimitSettings(BaseModel):
    """How much one domain gets from one process (`smtp.DomainLimit`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_once: int = Field(0, ge=0, le=1000)
    per_minute: int = Field(0, ge=0, le=1_000_000)


class MailSettings(ServiceSettings):
    """The mail server and how mails are signed. Without `smtp_host` no mail is sent."""

    public_url: str = "http://127.0.0.1:8080"
    smtp_host: str = ""
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_start_tls: bool = False
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_timeout: float = Field(20.0, gt=0)
    smtp_connections: int = Field(16, ge=1, le=200)
    """How many connections to the server a process has at most; they are kept for the next mail."""
    mail_domain_limits: dict[str, DomainLimitSettings] = Field(default_factory=dict)
    """By domain of the address, `*` for all others: JSON such as `{"example.com": {"at_once": 2, "per_minute": 60}}`."""
    mail_sender: str = ""
    dkim_key_file: Path | None = None
    """The private key (PEM, RSA or Ed25519) by which mails are signed for the sender's domain; without it they leave unsigned."""
    dkim_selector: str = Field("marque", pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=63)
    """Under which name of the domain the public key stands: `<selector>._domainkey.<domain>`."""

    def postman(self) -> Postman:
        """Returns who hands mails to the server."""
        limits = {
            name.lower(): DomainLimit(one.at_once, one.per_minute) for name, one in self.mail_domain_limits.items()
        }
        return Postman(
            Server(
                host=self.smtp_host,
                port=self.smtp_port,
                start_tls=self.smtp_start_tls,
                username=self.smtp_username,
                password=self.smtp_password.get_secret_value(),
                timeout=self.smtp_timeout,
                connections=self.smtp_connections,
                limits=limits,
            )
        )

    def signer(self) -> Signer | None:
        """Returns who signs mails, None without a key."""
        if self.dkim_key_file is None:
            return None
        return Signer(self.dkim_key_file.read_bytes(), self.dkim_selector, domain_of(self.mail_sender))
