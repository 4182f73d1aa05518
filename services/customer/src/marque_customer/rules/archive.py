"""The archive of a person's data: a zip of JSON, of pages in zh-CN and English, and of a manifest. Pure: the same parts, the same bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import orjson

LANGUAGES = ("zh-CN", "en")
_TEXTS = {
    "title": ("我们保存的关于您的数据", "What we hold about you"),
    "made": ("生成时间", "Made at"),
    "records": ("条记录", "records"),
    "nothing": ("没有保存任何数据。", "Nothing is held."),
    "note": (
        "data/ 中的 JSON 文件包含同样的数据，可由程序读取；manifest.json 列出每个文件的 SHA-256。",
        "The JSON files in data/ hold the same for programs to read; manifest.json names the SHA-256 of every file.",
    ),
}
_KINDS = {
    "customer.customer": ("个人资料", "Profile"),
    "customer.contact_point": ("联系方式", "Ways to reach you"),
    "customer.identity_document": ("身份证件", "Identity documents"),
    "customer.source_reference": ("其他系统中的编号", "Your keys in other systems"),
    "customer.source_record": ("各来源提供的资料", "What each source said"),
    "customer.relation": ("与经销商的关系", "Dealers you have to do with"),
    "customer.interaction": ("沟通记录", "What passed between us"),
    "customer.consent_entry": ("同意与撤回记录", "What you allowed and withdrew"),
    "customer.known_car": ("您的车辆", "Your cars"),
    "customer.call": ("电话记录", "Calls"),
    "customer.task": ("待办事项", "Tasks about you"),
    "customer.lead": ("购车意向", "Your enquiries"),
    "customer.lead_change": ("意向处理过程", "What was done with your enquiries"),
    "customer.lead_promise": ("对您的承诺", "What you were promised"),
    "customer.lead_intake": ("收到的询价原文", "Enquiries as they came"),
    "customer.contact_permit": ("联系许可", "Permits to contact you"),
    "customer.contact_hold": ("暂停联系的原因", "What holds contacts"),
    "customer.merge": ("客户合并记录", "Merges of your records"),
    "customer.duplicate_candidate": ("疑似重复记录", "Records that may also be yours"),
    "customer.processing_restriction": ("限制处理", "Restrictions of processing"),
    "vehicle.sale": ("购车记录", "Sales"),
    "vehicle.ownership": ("车辆所有权", "Ownerships"),
    "vehicle.repair_order": ("维修记录", "Visits to workshops"),
    "vehicle.appointment": ("预约", "Appointments"),
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:0 0 1rem}td,th{border:1px solid #ccc;padding:.25rem .5rem;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:14rem;font-weight:600}"
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one service gave: its records as `{"kind", "record_id", "fields"}`, and when."""

    service: str
    records: Sequence[Mapping[str, Any]]
    gather_time: datetime


def build(customer_id: str, parts: Iterable[Part], moment: datetime) -> bytes:
    """Returns the archive of some parts as it is at a moment."""
    ordered = sorted(parts, key=lambda part: part.service)
    files = {f"data/{part.service}.json": _json(part.records) for part in ordered}
    files |= {f"report.{language}.html": page(ordered, language, moment).encode() for language in LANGUAGES}
    manifest = {
        "customer_id": customer_id,
        "create_time": moment.isoformat(),
        "services": {
            part.service: {"records": len(part.records), "gather_time": part.gather_time.isoformat()}
            for part in ordered
        },
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in sorted(files.items())
        },
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"manifest.json": _json(manifest), **files}.items():
            entry = zipfile.ZipInfo(name, date_time=moment.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def page(parts: Sequence[Part], language: str, moment: datetime) -> str:
    """Returns the page that a person reads, whole in itself; whatever a record holds is text, never markup."""
    place = LANGUAGES.index(language)
    text = {name: both[place] for name, both in _TEXTS.items()}
    body = [f"<h1>{text['title']}</h1><p>{text['made']}: {escape(moment.isoformat(timespec='seconds'))}</p>"]
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for part in parts:
        for record in part.records:
            grouped.setdefault(str(record["kind"]), []).append(record)
    for kind, records in grouped.items():
        name = _KINDS.get(kind, (kind, kind))[place]
        body.append(f"<h2>{escape(name)} ({len(records)} {text['records']})</h2>")
        body.extend(_table(record["fields"]) for record in records)
    if not grouped:
        body.append(f"<p>{text['nothing']}</p>")
    body.append(f"<p>{text['note']}</p>")
    head = f'<meta charset="utf-8"><title>{text["title"]}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="{language}"><head>{head}</head><body>{"".join(body)}</body></html>'


def _table(fields: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>"
        for name, value in fields.items()
        if value not in (None, "", [], {})
    )
    return f"<table>{''.join(rows)}</table>"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
