"""Settings of the survey service."""

from __future__ import annotations

from pydantic import Field
from servicekit.mail.settings import MailSettings


class Settings(MailSettings):
    """What the survey service needs to know beside what every service does. Without a mail server, invitations by e-mail wait."""

    mail_lease_seconds: float = Field(60.0, gt=0)
    mail_sender: str = "survey@marque.invalid"
