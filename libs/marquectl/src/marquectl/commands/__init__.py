"""One module per command; importing this package adds them all to the app."""

from marquectl.commands import data, operations, token, world

__all__ = ["data", "operations", "token", "world"]
