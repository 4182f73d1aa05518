"""A mail as it leaves: links that are counted, where to choose what comes, and a picture where that is allowed. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import quote

from servicekit.mail import plain
from servicekit.sealing.tokens import Digest

from marque_campaign.rules import links
from marque_campaign.rules.templates import Message

_WORDS = {
    "zh": ("选择您希望收到的内容，或不再接收", "您收到此邮件，是因为您同意过接收。"),
    "en": ("Choose what you get, or get no more", "You get this mail because you agreed to it."),
}
# Some programs cut off what is longer; a link that would be is left as it was written, and is not counted.
_LONGEST_URL = 1500


@dataclass(frozen=True, slots=True)
class Dressed:
    """What leaves: the words, the address of the one click (empty for none) and the id by which the mail is known when it comes back."""

    message: Message
    unsubscribe: str
    message_id: str


class Dresser:
    """Dresses mails. `public_url` is where people reach the gateway, `domain` the sender's."""

    def __init__(self, public_url: str, domain: str, digest: Digest) -> None:
        self._base = public_url.rstrip("/")
        self._domain = domain
        self._digest = digest

    def page(self, send_id: uuid.UUID) -> str:
        """The address of the page on which the person chooses."""
        return f"{self._base}/p/{links.make(links.PAGE, send_id, self._digest)}"

    def dress(self, send_id: uuid.UUID, message: Message, *, may_stop: bool, seen: bool) -> Dressed:
        """Returns a mail with its links. `may_stop`: it came by a consent, which can be taken back; `seen`: its opening may be counted."""
        page = self.page(send_id) if may_stop else ""
        text, html = message.text, message.html
        if html:
            html = plain.relink(html, lambda url: self._counted(send_id, url))
        if page:
            choose, why = _WORDS["zh" if message.language.lower().startswith("zh") else "en"]
            text = f"{text.rstrip()}\n\n-- \n{why}\n{choose}: {page}\n"
            html = html and _before_end(html, f'<p>{escape(why)} <a href="{escape(page)}">{escape(choose)}</a></p>')
        if html and seen:
            picture = f"{self._base}/o/{links.make(links.PICTURE, send_id, self._digest)}"
            html = _before_end(html, f'<img src="{escape(picture)}" width="1" height="1" alt="">')
        mail_id = f"{links.make(links.MAIL, send_id, self._digest)}@{self._domain}"
        return Dressed(replace(message, text=text, html=html), f"{page}/stop" if page else "", mail_id)

    def _counted(self, send_id: uuid.UUID, url: str) -> str:
        token = links.make(links.LINK, send_id, self._digest, url)
        made = f"{self._base}/l/{token}?u={quote(url, safe='')}"
        return made if len(made) <= _LONGEST_URL else url


def _before_end(html: str, part: str) -> str:
    at = html.lower().rfind("</body>")
    return f"{html[:at]}{part}{html[at:]}" if at >= 0 else html + part
