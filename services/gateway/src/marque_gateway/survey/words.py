"""What the page says beside the questionnaire, in the languages of the platform."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "send": "提交",
        "required": "必答",
        "saved": "已保存",
        "saving": "正在保存…",
        "waiting": "网络已断开，您的回答会在恢复后自动提交。",
        "failed": "有些回答还没有填写，或无法接受，请检查标出的问题。",
        "done": "谢谢！您的回答已收到。",
        "sent": "以下是您提交的回答：",
        "finished": "这份问卷已经提交，感谢您的参与。",
        "expired": "这份问卷的回答时间已过，感谢您的关注。",
        "unknown": "这个链接不完整，或者不存在。请从邮件中重新打开完整的链接。",
        "unavailable": "现在无法打开问卷，请稍后再试。",
        "stop": "不再接收满意度调查邮件？",
        "stop_send": "不再接收",
        "stopped": "好的，我们不会再向您发送满意度调查邮件。",
        "not_stopped": "现在无法办理，您的设置没有改变，请稍后再试。",
        "preview": "这是预览：回答符合要求，但没有提交任何内容。",
        "ANSWER_MISSING": "请回答这个问题。",
        "ANSWER_INVALID": "这个回答无法识别。",
        "ANSWER_TOO_LONG": "这个回答太长了，最多 5000 个字。",
        "ANSWER_REFUSED": "这个回答无法接受。",
        "expected": "期望",
        "perceived": "实际",
        "place": "名次",
        "none": "—",
    },
    "en": {
        "send": "Send",
        "required": "needed",
        "saved": "Saved",
        "saving": "Saving…",
        "waiting": "You are offline. Your answers are kept here and sent when you are back.",
        "failed": "Some answers are missing or cannot be taken: please look at the marked questions.",
        "done": "Thank you! Your answers have arrived.",
        "sent": "This is what you sent:",
        "finished": "This survey was answered already. Thank you.",
        "expired": "The time for this survey is over. Thank you for your interest.",
        "unknown": "This link is not complete, or does not exist. Please open the whole link from your mail again.",
        "unavailable": "The survey cannot be opened now. Please try again later.",
        "stop": "No more survey mails?",
        "stop_send": "No more survey mails",
        "stopped": "Done: we will send you no more survey mails.",
        "not_stopped": "This cannot be done now, and nothing was changed. Please try again later.",
        "preview": "This is a preview: the answers would be taken, and nothing was sent.",
        "ANSWER_MISSING": "Please answer this question.",
        "ANSWER_INVALID": "This answer is not understood.",
        "ANSWER_TOO_LONG": "This answer is too long: 5,000 characters at most.",
        "ANSWER_REFUSED": "This answer cannot be taken.",
        "expected": "expected",
        "perceived": "perceived",
        "place": "place",
        "none": "–",
    },
}


def words(language: str) -> dict[str, str]:
    """Returns the words in a language, BCP 47; in English where there are none."""
    return WORDS["zh" if language.lower().startswith("zh") else "en"]
