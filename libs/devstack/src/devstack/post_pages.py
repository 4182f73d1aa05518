"""The pages of the post office. What a mail says is shown and never run: its HTML stands in a frame without scripts. Pure."""

from __future__ import annotations

import email
import email.message
import email.policy
import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}pre{white-space:pre-wrap}"
    "iframe{width:100%;height:24rem;border:1px solid #8884;background:#fff}"
)
_SHOWN = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")


def listed(mails: list[Path], messages: list[Path]) -> str:
    """Returns the page of what came last: mails with a link each, and text messages."""
    rows = "".join(_mail_row(path) for path in mails)
    texts = "".join(_message_row(path) for path in messages)
    return _page(
        "Post",
        "<h1>Post</h1><p>What the platform sent. Nothing left this machine.</p>"
        f"<h2>E-mail ({len(mails)})</h2><table><tr><th>When (UTC)</th><th>To</th><th>Subject</th></tr>{rows}</table>"
        f"<h2>Text messages ({len(messages)})</h2><table><tr><th>When (UTC)</th><th>To</th><th>Text</th></tr>{texts}</table>",
    )


def mail(content: bytes) -> str:
    """Returns the page of one mail: its headers, its text, and its HTML in a frame."""
    found = _read(content)
    heads = "".join(
        f"<tr><th>{name}</th><td>{escape(str(found[name]))}</td></tr>" for name in _SHOWN if found[name] is not None
    )
    text, html = (_body(found, kind) for kind in ("plain", "html"))
    frame = f'<base target="_blank">{html}'
    shown = f'<h2>HTML</h2><iframe sandbox="allow-popups" srcdoc="{escape(frame)}"></iframe>' if html else ""
    subject = str(found["Subject"] or "")
    return _page(
        subject, f'<p><a href="/">Post</a></p><table>{heads}</table><h2>Text</h2><pre>{escape(text)}</pre>{shown}'
    )


def _mail_row(path: Path) -> str:
    found = _read(path.read_bytes()) if path.exists() else _read(b"")
    when = datetime.fromtimestamp(int(path.name[:20]) / 1e9, UTC)
    subject = escape(str(found["Subject"] or "(none)"))
    link = f'<a href="/mails/{escape(path.name)}">{subject}</a>'
    return f"<tr><td>{when:%H:%M:%S}</td><td>{escape(str(found['To'] or ''))}</td><td>{link}</td></tr>"


def _message_row(path: Path) -> str:
    told: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    when = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else datetime.now(UTC)
    words = (escape(str(told.get(name, ""))) for name in ("address", "text"))
    return f"<tr><td>{when:%H:%M:%S}</td>{''.join(f'<td>{one}</td>' for one in words)}</tr>"


def _read(content: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


def _body(found: email.message.EmailMessage, kind: str) -> str:
    part = found.get_body((kind,))
    return "" if part is None else str(part.get_content())  # type: ignore[attr-defined]


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
