"""The preference page: which purposes and channels it shows, and what they are called in the reader's language."""

from __future__ import annotations

from typing import NamedTuple

from marque.customer.v1 import consent_pb2
from marque.type.v1 import channel_pb2

from marque_customer.rules.consents import needs_channel

CHINESE, ENGLISH = "zh-CN", "en"
# In the order of the page. Faces and web sites reach nobody who did not come.
CHANNELS: dict[int, dict[str, str]] = {
    channel_pb2.CHANNEL_PHONE: {CHINESE: "电话", ENGLISH: "Telephone"},
    channel_pb2.CHANNEL_SMS: {CHINESE: "短信", ENGLISH: "Text message"},
    channel_pb2.CHANNEL_EMAIL: {CHINESE: "电子邮件", ENGLISH: "E-mail"},
    channel_pb2.CHANNEL_MESSAGING: {CHINESE: "即时通讯", ENGLISH: "Messenger"},
    channel_pb2.CHANNEL_PUSH: {CHINESE: "应用推送", ENGLISH: "App notification"},
    channel_pb2.CHANNEL_POST: {CHINESE: "邮寄信件", ENGLISH: "Letter"},
}
WHOLE = {CHINESE: "允许", ENGLISH: "Allow"}


class Words(NamedTuple):
    """What a purpose is called, and a sentence about it."""

    label: str
    description: str


PURPOSES: dict[int, dict[str, Words]] = {
    consent_pb2.CONSENT_PURPOSE_SERVICE: {
        CHINESE: Words("用车服务", "保养提醒、维修进度和服务后的回访。"),
        ENGLISH: Words("Care for your car", "Reminders of maintenance, news of a repair, and a call after a visit."),
    },
    consent_pb2.CONSENT_PURPOSE_MARKETING: {
        CHINESE: Words("新车与活动", "新车型、优惠和品牌活动的消息。"),
        ENGLISH: Words("Cars and events", "News of cars, offers and events of the make."),
    },
    consent_pb2.CONSENT_PURPOSE_CROSS_SELL: {
        CHINESE: Words("金融、保险与附件", "贷款、保险、附件等其他产品的消息。"),
        ENGLISH: Words("Finance, insurance, accessories", "News of loans, insurance, accessories and other products."),
    },
    consent_pb2.CONSENT_PURPOSE_RESEARCH: {
        CHINESE: Words("意见调查", "邀请您评价我们，并在匿名后分析。"),
        ENGLISH: Words("Your opinion", "Invitations to tell us what you think, analysed without your name."),
    },
    consent_pb2.CONSENT_PURPOSE_SHARE_WITH_PARTNER: {
        CHINESE: Words("与合作伙伴共享", "把您的联系方式交给所示的合作伙伴。"),
        ENGLISH: Words("Share with a partner", "Handing your contact data to the partner that is named."),
    },
    consent_pb2.CONSENT_PURPOSE_PROFILING: {
        CHINESE: Words("个性化", "保存您的兴趣和网页访问，用来推荐适合您的内容。"),
        ENGLISH: Words("Made for you", "Keeping your interests and web visits, to show you what fits."),
    },
}


def language_of(accepted: str) -> str:
    """Returns the language of the page for an `Accept-Language` header: the first of the two that it names, else English."""
    ranked = []
    for place, part in enumerate(accepted.lower().split(",")):
        tag, _, weight = part.strip().partition(";q=")
        found = CHINESE if tag.startswith("zh") else ENGLISH if tag.startswith("en") else ""
        if found:
            ranked.append((-_weight(weight), place, found))
    return min(ranked)[2] if ranked else ENGLISH


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


def switches(purpose: int) -> tuple[int, ...]:
    """Returns the channels that a purpose has switches for; a single 0 where it is about none."""
    return tuple(CHANNELS) if needs_channel(purpose) else (0,)
