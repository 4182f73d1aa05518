"""Settings of the campaign service."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from servicekit.mail.settings import MailSettings


class ProviderSettings(BaseModel):
    """A provider that takes messages over HTTP (`clients.HttpProvider`).

    `repeatable` says that it takes a message once by its `Idempotency-Key`, however often it comes; without, a lost answer is never tried
    again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern="^https?://")
    secret_file: Path
    repeatable: bool = False


class Settings(MailSettings):
    """What the sending needs to know. `providers` by channel: EMAIL, SMS, MESSAGING, PUSH; a channel without one is not sent. Calls
    become tasks, letters files.

    With a mail server, e-mail goes there; a provider of the channel EMAIL would come before it.
    """

    mail_sender: str = "news@marque.invalid"

    # To whose addresses test messages may go beside the domain of the sender: the maker's own.
    test_domains: list[str] = Field(default_factory=list)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    # How many lines a worker claims at most, and for how many it takes permits in one request; fewer while they leave slowly.
    send_batch: int = Field(256, ge=1, le=500)
    # How many messages of a channel are with its provider at a time.
    hand_over_at_once: int = Field(16, ge=1, le=100)
    # For how many days a file of letters is kept that nobody marks as printed.
    letter_file_days: int = Field(14, ge=1, le=90)
    # By whose days segments count: "30 days since the last visit" ends at midnight there.
    market_zone: str = "Asia/Shanghai"
    # How long a segment is counted exactly, in milliseconds; after that the count is an estimate.
    count_timeout_ms: int = Field(2000, ge=1, le=25_000)
