"""Templates of messages."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model
from marque_campaign.rules.templates import Content, Template, Variable


class MessageTemplate(Aggregate, Model):
    """The words of a message. `variables` and `contents` are lists of the fields of `rules.templates`."""

    __tablename__ = "message_templates"

    template_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    channel: Mapped[int]
    default_language: Mapped[str]
    variables: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    contents: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)

    @property
    def document(self) -> dict[str, Any]:
        """What a campaign freezes."""
        names = ("channel", "default_language", "variables", "contents")
        return {name: getattr(self, name) for name in names}

    @property
    def template(self) -> Template:
        """As the rules read it."""
        return frozen_template(self.document)


def frozen_template(document: dict[str, Any]) -> Template:
    """Returns a template of its kept form."""
    return Template(
        document["channel"],
        document["default_language"],
        tuple(Variable(**one) for one in document["variables"]),
        tuple(Content(**one) for one in document["contents"]),
    )
