"""Wires the customer service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.service import Kit, Service

from marque_customer.subscribers import subscriptions

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    return Service(name="customer", migrations=MIGRATIONS, servicers=[], subscriptions=subscriptions())
