"""What the pages say, in the languages of the platform."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "title": "您希望收到什么？",
        "of_maker": "以下选择适用于厂家发送的信息。",
        "of_dealer": "以下选择适用于经销商发送的信息。",
        "by": "通过{channel}：",
        "save": "保存",
        "saved": "已保存您的选择。",
        "stop": "不再接收此类信息？",
        "stop_send": "不再接收",
        "stopped": "好的，我们不会再向您发送此类信息。",
        "choose": "选择您希望收到的内容",
        "unknown": "这个链接不完整，或者不存在。请从邮件中重新打开完整的链接。",
        "unavailable": "现在无法办理，您的设置没有改变，请稍后再试。",
        "1": "与您的车辆有关的提醒，例如保养到期",
        "2": "新车、优惠与活动",
        "3": "金融、保险、配件与其他产品",
        "5": "满意度调查",
        "SMS": "短信",
        "EMAIL": "电子邮件",
        "MESSAGING": "即时通讯",
        "PUSH": "手机推送",
        "POST": "邮寄",
        "PHONE": "电话",
    },
    "en": {
        "title": "What would you like to get?",
        "of_maker": "These choices are about messages from the maker of your car.",
        "of_dealer": "These choices are about messages from your dealer.",
        "by": "By {channel}:",
        "save": "Save",
        "saved": "Your choices are saved.",
        "stop": "No more messages like this?",
        "stop_send": "No more of them",
        "stopped": "Done: we will send you no more messages like this.",
        "choose": "Choose what you get",
        "unknown": "This link is not complete, or does not exist. Please open the whole link from your mail again.",
        "unavailable": "This cannot be done now, and nothing was changed. Please try again later.",
        "1": "Reminders about your car, such as a service that is due",
        "2": "New cars, offers and events",
        "3": "Finance, insurance, accessories and other products",
        "5": "Surveys",
        "SMS": "text message",
        "EMAIL": "e-mail",
        "MESSAGING": "messenger",
        "PUSH": "notification",
        "POST": "post",
        "PHONE": "phone",
    },
}


def words(language: str) -> dict[str, str]:
    """Returns the words in a language of `pages.language_of`."""
    return WORDS["zh" if language == "zh-CN" else "en"]
