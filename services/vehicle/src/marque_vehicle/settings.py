"""Settings of the vehicle service."""

from __future__ import annotations

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What an erasure keeps, in years: sales for the tax office, present owners while the car's warranty may run."""

    sale_retention_years: int = 10
    warranty_years: int = 3
