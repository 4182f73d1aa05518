"""Whoever wants no more mails says so by the link of one: the customer service keeps it, and nobody is written to after that."""

from __future__ import annotations

import uuid
from typing import Any

from marque_survey.clients import Customers
from marque_survey.errors import SurveyLinkUnknown
from marque_survey.repository import invitations as repository


async def stop(*, reader: Any, customers: Customers, invitation_id: uuid.UUID) -> None:
    """Takes back for the person of an invitation that the maker may ask by e-mail. Raises SurveyLinkUnknown, Unavailable."""
    row = await repository.by_id(reader, invitation_id)
    if row is None or not row["send_count"]:
        raise SurveyLinkUnknown()
    if row["customer_id"] is not None:  # an erased person has nothing left to take back
        await customers.withdraw(row["customer_id"], invitation_id)
