"""Lists of people that somebody put together."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class AudienceList(Aggregate, Model):
    """A list of people. One that was deleted is there for nobody; its row stays as long as people stand on it or a campaign went to it.

    `replace_import_id` is the import whose file makes the list anew; of one that has ended it means nothing.
    """

    __tablename__ = "audience_lists"

    audience_list_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    member_count: Mapped[int] = mapped_column(default=0)
    delete_time: Mapped[datetime | None]
    replace_import_id: Mapped[uuid.UUID | None]


class AudienceListMember(Model):
    """Somebody on a list, under the id by which they came there; by which import of a file, and through whom (empty: the platform).

    `named_import_id` is the import that replaces the list and named them last.
    """

    __tablename__ = "audience_list_members"

    audience_list_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    create_time: Mapped[datetime]
    import_id: Mapped[uuid.UUID | None]
    added_by: Mapped[str] = mapped_column(default="")
    named_import_id: Mapped[uuid.UUID | None]
