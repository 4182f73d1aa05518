"""The letter that brings a link, in the languages of the questionnaire: plain text, and the same as HTML."""

from __future__ import annotations

from html import escape

from marque_survey.rules.document import Document

_WORDS = {
    "zh": ("打开问卷", "该链接仅供您本人使用，请勿转发。", "不再接收满意度调查邮件"),
    "en": ("Open the survey", "The link is for you alone: please do not pass it on.", "No more survey mails"),
}


def write(document: Document, language: str, url: str) -> tuple[str, str, str]:
    """Returns subject, text and HTML of the letter."""
    button, note, stop = _WORDS["zh" if language.lower().startswith("zh") else "en"]
    title = " ".join(document.text(document.titles, language).split())
    intro = document.text(document.intros, language)
    text = "\n\n".join(part for part in (title, intro, f"{button}: {url}", note, f"{stop}: {url}/stop") if part) + "\n"
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in intro.splitlines() if line.strip())
    html = (
        f'<!doctype html><html lang="{escape(language)}"><body><h1>{escape(title)}</h1>{paragraphs}'
        f'<p><a href="{escape(url)}">{escape(button)}</a></p><p>{escape(note)}</p>'
        f'<p><a href="{escape(url)}/stop">{escape(stop)}</a></p></body></html>'
    )
    return title, text, html
