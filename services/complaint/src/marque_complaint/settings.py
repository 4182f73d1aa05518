"""Settings of the complaint service."""

from __future__ import annotations

from pathlib import Path

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Promises of time are data (`CasePolicyService`).

    `objects_folder`: where files with cases lie, one folder for all replicas; without it no file is taken.
    `scanner_address`: `host:port` of a clamd that looks for malware; where it is given, no file is taken or given that it did not look
    into.
    """

    objects_folder: Path | None = None
    scanner_address: str = ""
