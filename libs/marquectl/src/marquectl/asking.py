"""Questionnaires as files: plain text as survey sites exchange them (`.txt`), and whole ones as JSON (`.json`, `.jsonl`), both ways.

A line of JSON, or a file of it, is `{"name": "…", "document": {…}}` in the names of `marque.survey.v1.QuestionnaireDocument`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door, DoorError
from marquectl.errors import UsageError
from marquectl.exporting import replaced

KIND = "questionnaires"
_SERVICE = "survey.v1.QuestionnaireService"
_LISTING = f"{_SERVICE}/ListQuestionnaires"
_REFUSED = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")


@dataclass
class Told:
    """What became of a file: names that were written and that were there already, remarks by name, and what was refused, in words."""

    made: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


async def import_file(door: Door, path: Path, *, language: str = "zh-CN", dry_run: bool = False) -> Told:
    """Makes a draft of each questionnaire of a file whose name is not taken. A text's name is its title.

    Raises UsageError for a file that cannot be read, DoorError where the service is away or refuses the caller.
    """
    told = Told()
    taken = {one.name: one.questionnaire_id async for one in _listed(door)}
    for place, name, request in _requests(path, language):
        label = f"{path.name}{place}"
        try:
            read = await _tried(door, name, request) if name == "ImportQuestionnaire" else None
            title = (read or request).questionnaire.name
            if title in taken:
                told.known.append(title)
                continue
            if read is not None:
                told.remarks += [f"{label}:{one.line}: {one.reason}" for one in read.remarks]
            if not dry_run:
                await _write(door, name, request)
        except DoorError as error:
            if error.code not in _REFUSED:
                raise
            told.refused.append(f"{label}: {error.message}")
        else:
            taken[title] = ""
            told.made.append(title)
    return told


async def export_file(door: Door, out: Path) -> int:
    """Writes the drafts of all questionnaires, a line each, and returns their number. Raises UsageError, DoorError."""
    if out.suffix.lower() != ".jsonl":
        raise UsageError(f"{out.name}: questionnaires are exported as .jsonl, a line each")
    written = 0
    with replaced(out) as file:
        async for one in _listed(door):
            asked = method(f"{_SERVICE}/GetQuestionnaire").input(questionnaire_id=one.questionnaire_id)
            whole = await door.call(f"{_SERVICE}/GetQuestionnaire", asked)
            document = json_format.MessageToDict(whole.document, preserving_proto_field_name=True)
            file.write(json.dumps({"name": whole.name, "document": document}, ensure_ascii=False) + "\n")
            written += 1
    return written


def _listed(door: Door) -> Any:
    return door.pages(_LISTING, KIND, method(_LISTING).input(page_size=1_000, order_by="create_time"))


def _requests(path: Path, language: str) -> Iterator[tuple[str, str, Message]]:
    """Yields (place within the file, RPC, request). Raises UsageError."""
    text, form = _text(path), path.suffix.lower()
    if form in (".txt", ".text"):
        yield "", "ImportQuestionnaire", method(f"{_SERVICE}/ImportQuestionnaire").input(text=text, language=language)
        return
    if form not in (".json", ".jsonl"):
        raise UsageError(f"{path.name}: questionnaires come as .txt, .json or .jsonl")
    lines = [(f":{at}", line) for at, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for place, line in [("", text)] if form == ".json" else lines:
        request = method(f"{_SERVICE}/CreateQuestionnaire").input()
        try:
            told = json.loads(line)
            json_format.ParseDict({"questionnaire": {"name": told["name"], "document": told["document"]}}, request)
        except (ValueError, KeyError, TypeError, json_format.ParseError) as error:
            raise UsageError(f"{path.name}{place}: no questionnaire as JSON ({str(error)[:200]})") from None
        yield place, "CreateQuestionnaire", request


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{path.name}: neither UTF-8 nor GB 18030")


async def _tried(door: Door, name: str, request: Any) -> Any:
    """What would become of a text."""
    asked = type(request)()
    asked.CopyFrom(request)
    asked.dry_run = True
    return await door.call(f"{_SERVICE}/{name}", asked)


async def _write(door: Door, name: str, request: Any) -> None:
    request.request_id = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()[:64]
    await door.call(f"{_SERVICE}/{name}", request)
