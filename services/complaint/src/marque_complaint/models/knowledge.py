"""Articles, their versions, and what readers said of them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class KnowledgeArticle(Aggregate, Model):
    """An article as it was written last; what it is found by stands beside. `latest`: the number of its latest version."""

    __tablename__ = "knowledge_articles"

    article_code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[int]
    latest: Mapped[int] = mapped_column(default=0)
    open: Mapped[bool] = mapped_column(default=False)
    dealer_id: Mapped[uuid.UUID | None]
    retired: Mapped[bool] = mapped_column(default=False)
    components: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    search_text: Mapped[str] = mapped_column(default="")
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    helpful_count: Mapped[int] = mapped_column(default=0)
    unhelpful_count: Mapped[int] = mapped_column(default=0)
    solved_count: Mapped[int] = mapped_column(default=0)


class KnowledgeVersion(Model):
    """A version. Versions never change."""

    __tablename__ = "knowledge_versions"

    article_code: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    effective_date: Mapped[date]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time: Mapped[datetime]


class KnowledgeRating(Model):
    """A reader's last word on an article. `reader_key` is a digest: nobody is named by it."""

    __tablename__ = "knowledge_ratings"

    article_code: Mapped[str] = mapped_column(primary_key=True)
    reader_key: Mapped[str] = mapped_column(primary_key=True)
    helpful: Mapped[bool]
    solved: Mapped[bool]
    create_time: Mapped[datetime]
