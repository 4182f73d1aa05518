"""Profiles of who responded, as messages, with words for people."""

from __future__ import annotations

from marque.campaign.v1 import campaign_insight_pb2
from marque.customer.v1 import consent_pb2
from marque.type.v1 import channel_pb2

from marque_campaign.rules.likeness import FEATURES, FEWEST_TOLD, NUMBER, Band, Learned, Profile, telling

_LABELS = {one.name: one for one in FEATURES}


def consent_of(purpose: int, channel: int) -> str:
    """Returns a consent as the read model writes it; empty where a campaign has none."""
    if not (purpose and channel):
        return ""
    told = consent_pb2.ConsentPurpose.Name(purpose)  # type: ignore[arg-type]
    by = channel_pb2.Channel.Name(channel)  # type: ignore[arg-type]
    return f"{told.removeprefix('CONSENT_PURPOSE_')}:{by.removeprefix('CHANNEL_')}"


def profile(found: Profile) -> campaign_insight_pb2.ResponderProfile:
    """Returns a profile: what tells most comes first; bands with few people are left out."""
    model = found.model
    made = campaign_insight_pb2.ResponderProfile(
        campaign_id=str(found.campaign_id), response=found.kind, responder_count=model.responders,  # type: ignore[arg-type]
        other_count=model.people - model.responders, left_out_count=found.left_out, auc=model.auc, auc_low=model.auc_low,
        auc_high=model.auc_high, conclusive=model.says_something,
    )  # fmt: skip
    for one in model.bins:
        made.calibrations.add(expected_share=one.expected, observed_share=one.observed, people_count=one.count)
    for feature in telling(model):
        label = _LABELS[feature.name]
        line = made.features.add(
            name=feature.name, english_label=label.english, chinese_label=label.chinese, importance=feature.importance
        )
        _add_bands(line, feature)
    return made


def _add_bands(line: campaign_insight_pb2.ProfileFeature, feature: Learned) -> None:
    for band in feature.bands:
        if band.count < FEWEST_TOLD:
            continue
        english, chinese = _words(feature, band)
        line.bands.add(
            english_label=english, chinese_label=chinese, people_count=band.count, responder_count=band.responders,
            weight=band.weight,
        )  # fmt: skip


def _words(feature: Learned, band: Band) -> tuple[str, str]:
    if band.unknown:
        return "not known", "未知"
    if feature.kind != NUMBER:
        return ("other", "其他") if band.other else (band.word or "", band.word or "")
    if band.upto is None and band.above is None:
        return "any", "任意"
    if band.upto is None:
        return f"more than {band.above:g}", f"大于 {band.above:g}"
    if band.above is None:
        return f"at most {band.upto:g}", f"不超过 {band.upto:g}"
    return f"more than {band.above:g}, at most {band.upto:g}", f"大于 {band.above:g} 且不超过 {band.upto:g}"
