"""Settings of the complaint service."""

from __future__ import annotations

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service has: promises of time are data (`CasePolicyService`)."""
