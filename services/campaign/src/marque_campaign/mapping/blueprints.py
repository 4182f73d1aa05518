"""Kinds of campaigns that are ready to use: from the files of the package to rows of drafts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from marque.campaign.v1 import campaign_blueprint_service_pb2 as messages
from marque.campaign.v1 import campaign_pb2, campaign_types_pb2, message_template_pb2

from marque_campaign.mapping import campaigns, templates

FOLDER = Path(__file__).parent / "blueprint_files"
MAIN = "main"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A kind that is ready to use, as its file says it in the names of the contract.

    `segment` is the rule of its audience, empty for none; `legal` says that the maker's is a notice that the law demands.
    """

    code: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    campaign: Mapping[str, Any]
    templates: Mapping[str, Mapping[str, Any]]
    segment: str = ""
    legal: bool = False

    def name(self, language: str) -> str:
        """Its name in a language."""
        return self.names[language or ENGLISH]

    def template_rows(self, language: str) -> dict[str, dict[str, Any]]:
        """Returns the columns of its templates by their keys, without the dealer. Raises InvalidArgument."""
        found = {}
        for key, one in self.templates.items():
            name = self.name(language) if key == MAIN else f"{self.name(language)}: {key}"
            told = {"name": name, "channel": self.campaign["channel"], "default_language": language or ENGLISH, **one}
            found[key] = templates.new_template(json_format.ParseDict(told, message_template_pb2.MessageTemplate()))
        return found

    def campaign_row(
        self, language: str, ids: Mapping[str, uuid.UUID], segment_id: uuid.UUID | None, *, of_maker: bool
    ) -> dict[str, Any]:
        """Returns the columns of its campaign, without the dealer; `ids` are those of its templates. Raises InvalidArgument."""
        told = {**deepcopy(dict(self.campaign)), "name": self.name(language), "template_id": str(ids[MAIN])}
        for one in told.get("steps", []):
            if key := one.get("send", {}).get("template_id"):
                one["send"]["template_id"] = str(ids[key])
        told["legal_notice"] = self.legal and of_maker
        if segment_id is not None:
            told["segment_id"] = str(segment_id)
        return campaigns.new_campaign(json_format.ParseDict(told, campaign_pb2.Campaign()))


@lru_cache(maxsize=1)
def all_blueprints() -> Mapping[str, Blueprint]:
    """Returns every kind by its code, which is the name of its file."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        told = yaml.safe_load(path.read_text("utf-8"))
        found[path.stem] = Blueprint(
            path.stem, told["names"], told["descriptions"], told["campaign"], told["templates"], told.get("segment", ""),
            told.get("legal_notice", False),
        )  # fmt: skip
    return found


def blueprint_message(one: Blueprint, language: str) -> messages.CampaignBlueprint:
    """Returns a kind in a language."""
    return messages.CampaignBlueprint(
        code=one.code,
        kind=campaign_types_pb2.CampaignKind.Value(one.campaign["kind"]),
        name=one.name(language),
        description=one.descriptions[language or ENGLISH],
    )
