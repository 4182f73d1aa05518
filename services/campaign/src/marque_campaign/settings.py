"""Settings of the campaign service."""

from __future__ import annotations

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service has."""
