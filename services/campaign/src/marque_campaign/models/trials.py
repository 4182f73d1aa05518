"""Messages that somebody sent to try out a template; none is of a campaign."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class SentTest(Model):
    """A test message: who asked for it (`actor`, the subject of the token), of which template. Neither its words nor its address."""

    __tablename__ = "test_messages"

    test_message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    template_id: Mapped[uuid.UUID]
    actor: Mapped[str]
    create_time: Mapped[datetime]
