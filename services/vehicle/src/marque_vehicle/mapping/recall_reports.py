"""Reports on recalls as files, in the form of each authority."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from typing import Any

from marque.vehicle.v1 import recall_service_pb2

from marque_vehicle.rules import recall_reports as rules
from marque_vehicle.rules.recall_reports import Period, Standing

# 49 CFR 573.7 (b), in the order of its paragraphs: (1) the authority's number, (2) when notification began and was completed, (3) cars
# involved, (4) repaired, and found in no need of it, (5) unreachable by reason. When the last letter left is known where letters are sent,
# so that cell is left to whoever files the report. Behind them what the maker itself wants to know.
_US_HEAD = (
    "notification_campaign_number", "date_notification_began", "date_notification_completed", "vehicles_involved",
    "inspected_and_repaired", "inspected_no_repair_needed", "unreachable_export", "unreachable_theft", "unreachable_scrapping",
    "unreachable_failure_to_receive_notification", "unreachable_other",
    "quarter", "period_end", "report_due", "title", "repaired_at_a_station", "repaired_over_the_air", "repaired_otherwise", "remaining",
    "recall_closed",
)  # fmt: skip
_CN_HEAD = (
    *("召回编号", "召回名称", "报告类型", "报告期次", "截止日期", "召回开始日期", "召回结束日期"),
    *("涉及车辆数量", "已维修数量", "远程升级数量", "其他方式完成数量", "检查后无需维修数量"),
    *("已出口数量", "被盗数量", "已报废数量", "通知无法送达数量", "其他无法召回数量", "未完成数量", "完成率"),
)
_PHASE, _SUMMARY = "阶段性报告", "总结报告"
_MARK = "\ufeff"  # without the mark office programs in China read the file in another encoding


def report(
    authority: int, recall: Any, periods: Sequence[Period], standings: Sequence[Standing]
) -> recall_service_pb2.RecallReport:
    """Returns the file; `recall` has its `code`, `title`, and the days `opened` and `closed`."""
    make = _us if authority == rules.US else _cn
    rows = [make(recall, *pair) for pair in zip(periods, standings, strict=True)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_US_HEAD if authority == rules.US else _CN_HEAD)
    writer.writerows(rows)
    content = text.getvalue() if authority == rules.US else _MARK + text.getvalue()
    name = "".join(char if char.isalnum() else "-" for char in recall["code"])
    return recall_service_pb2.RecallReport(
        csv=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        file_name=f"recall-{name}-{'us' if authority == rules.US else 'cn'}-{periods[-1].last.isoformat()}.csv",
    )


_KINDS = (rules.REPAIRED, rules.OVER_THE_AIR, rules.OTHERWISE)


def _lost(standing: Standing) -> list[int]:
    return [standing.unreachable[reason] for reason in sorted(standing.unreachable)]


def _us(recall: Any, period: Period, standing: Standing) -> list[Any]:
    asked = [standing.involved, standing.repaired, standing.remedied[rules.NOT_NEEDED], *_lost(standing)]
    told = [period.label, period.last, rules.due_day(period.last), _plain(recall["title"])]
    ours = [*(standing.remedied[kind] for kind in _KINDS), standing.left, recall["closed"] or ""]
    return [_plain(recall["code"]), recall["opened"], "", *asked, *told, *ours]


def _cn(recall: Any, period: Period, standing: Standing) -> list[Any]:
    kind = _SUMMARY if period.summary else _PHASE
    days = [period.last, recall["opened"], recall["closed"] or ""]
    rate = f"{standing.done / standing.involved:.2%}" if standing.involved else ""
    done = [standing.remedied[one] for one in (*_KINDS, rules.NOT_NEEDED)]
    figures = [standing.involved, *done, *_lost(standing), standing.left]
    return [_plain(recall["code"]), _plain(recall["title"]), kind, period.label, *days, *figures, rate]


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
