"""Settings of the survey service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the survey service needs to know beside what every service does. Without a mail server, invitations by e-mail wait."""

    public_url: str = "http://127.0.0.1:8080"
    smtp_host: str = ""
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_start_tls: bool = False
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_timeout: float = Field(20.0, gt=0)
    mail_lease_seconds: float = Field(60.0, gt=0)
    mail_sender: str = "survey@marque.invalid"
    dkim_key_file: Path | None = None
    """The private key (PEM, RSA) by which mails are signed for the sender's domain; without it they leave unsigned."""
    dkim_selector: str = Field("marque", pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=63)
    """Under which name of the domain the public key stands: `<selector>._domainkey.<domain>`."""
