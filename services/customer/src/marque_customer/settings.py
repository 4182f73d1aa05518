"""Settings of the customer service."""

from __future__ import annotations

from pathlib import Path

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beyond what every service has: where `find-duplicates` keeps its state while it runs (by default a folder of the system's temporary
    one), and what DuckDB may take before it spills to disk.
    """

    linking_folder: Path | None = None
    linking_memory: str = "1500MB"
