"""Settings of the vehicle service."""

from __future__ import annotations

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What an erasure keeps, in years: sales for the tax office, present owners while the car's warranty may run. How long before a visit
    its reminder is due, and how long after its beginning who has not come has missed it. How many days before its day
    a service is told of as due. What others than managers may approve of a claim under warranty, in whole units of its currency.
    """

    sale_retention_years: int = 10
    warranty_years: int = 3
    appointment_reminder_hours: int = 24
    appointment_grace_minutes: int = 60
    maintenance_notice_days: int = 14
    claim_approval_limit: int = 10_000
