"""One module per command; importing this package adds them all to the app."""

from marquectl.commands import audit, data, duplicates, operations, token, world

__all__ = ["audit", "data", "duplicates", "operations", "token", "world"]
