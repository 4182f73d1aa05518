"""A file of letters, from its asking to its download: a campaign and a customer service and the gateway as they are deployed.

A campaign by post is launched to everybody and its letters are planned; then a file of all of them is asked for, written under real
permits, sealed, closed, and downloaded through the gateway. Beside the writing stands a plain mail merge of the same letters (the words by
Jinja into a CSV, nothing kept and nobody asked), beside the download PostgreSQL's COPY of the same rows out of one plain table.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import jinja2
from marque.customer.v1 import contact_rule_pb2
from marque_campaign.rules.letters import COLUMNS

from bench import cpu
from bench.benches.pipeline import call, prepare
from bench.cpu import Meter, Peak
from bench.report import Figure, Target
from bench.stats import median
from bench.world import World, superuser

LETTERS = (1_000, 10_000)  # quick, full
_LONGEST = 1800.0
_WRITING, _READING = ("campaign", "customer", "postgres", "nats"), ("gateway", "campaign", "postgres")
_TEXT = "Dear {{ name }},\n\nyour car has been with us for a year.\n\n" + "We look forward to seeing you again.\n" * 12
_NAME = {"name": "name", "person_field": "PERSON_FIELD_FULL_NAME", "fallback": "friend"}
_AFTER = 1.2  # seconds: the audit of a read is written up to half a second later


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of all letters: seconds of the wall, CPU seconds, and the content."""

    wall: float
    spent: float
    content: bytes


async def letters(quick: bool) -> list[Figure]:
    """Measures a file of so many letters."""
    count = LETTERS[0] if quick else LETTERS[1]
    async with World(quick=quick) as world:
        await world.start_some({"customer": {"database_pool_size": 10}, "campaign": {"database_pool_size": 10}})
        await world.spawn_gateway("gateway", **world.traced())
        await world.grow(count)
        listed = await prepare(world, ((2, 4),), (contact_rule_pb2.CONTACT_CHANNEL_CLASS_PAPER,))
        campaign = await _planned(world, listed)
        await world.settled(_WRITING)
        with Meter(world.roots(*_WRITING)) as used:
            began = time.perf_counter()
            file = await _ready(world, campaign)
            wall = time.perf_counter() - began
            await world.settled(_WRITING)
        if file.letter_count != count:
            raise RuntimeError(f"the file has {file.letter_count} letters of {count}")
        before = {name: cpu.resident(world.pids[name]) for name in ("gateway", "campaign")}
        first = await _download(world, file)  # buffers and statements of the first time are not the file's
        rows = list(csv.reader(io.StringIO(first.content.decode(), newline="")))[1:]
        await _lay(world, rows)
        with Peak(world.pids["gateway"]) as gateway, Peak(world.pids["campaign"]) as campaign_peak:
            rounds = [(await _download(world, file), await _copied(world)) for _ in range(world.rounds)]
        _same(rounds, rows)
        grown = {"gateway": gateway.bytes - before["gateway"], "campaign": campaign_peak.bytes - before["campaign"]}
        return [
            *_writing(used, wall, count, file, _merged(rows)),
            *_reading(rounds, count, file),
            *_memory(grown, file, quick),
        ]


async def _planned(world: World, listed: str) -> str:
    """Launches a campaign by post to a list and waits until each letter waits for a file; returns its id."""
    words = {"language": "en", "subject": "A year, {{ name }}", "text": _TEXT}
    template = {
        "name": "Year", "channel": "CHANNEL_POST", "default_language": "en", "variables": [_NAME], "contents": [words],
    }  # fmt: skip
    made = await call(world, "MessageTemplateService/CreateMessageTemplate", template=template)
    campaign = {
        "name": "Year", "kind": "CAMPAIGN_KIND_NEWSLETTER", "channel": "CHANNEL_POST", "purpose": "CONSENT_PURPOSE_MARKETING",
        "template_id": made.template_id, "audience_list_id": listed,
    }  # fmt: skip
    draft = await call(world, "CampaignService/CreateCampaign", campaign=campaign)
    for verb, role in (("Submit", "oem.marketing"), ("Approve", "oem.manager"), ("Schedule", "oem.manager")):
        await call(world, f"CampaignService/{verb}Campaign", role, campaign_id=draft.campaign_id)
    await _until(world, "SELECT plan_time IS NOT NULL AS done FROM campaigns WHERE campaign_id = $1", draft.campaign_id)
    return str(draft.campaign_id)


async def _ready(world: World, campaign_id: str) -> Any:
    """Asks for a file of all letters and returns it when it is ready."""
    asked = {"campaign_id": campaign_id, "most_letters": LETTERS[-1]}
    file = await call(world, "LetterFileService/CreateLetterFile", **asked)
    await _until(world, "SELECT state = 2 AS done FROM letter_files WHERE letter_file_id = $1", file.letter_file_id)
    return await call(world, "LetterFileService/GetLetterFile", letter_file_id=file.letter_file_id)


async def _until(world: World, query: str, key: str) -> None:
    ends = time.monotonic() + _LONGEST
    while not (await world.platform.sql("campaign", query, key))[0]["done"]:
        if time.monotonic() > ends:
            raise TimeoutError("the letters are not ready")
        await asyncio.sleep(0.1)


async def _download(world: World, file: Any) -> Reading:
    """Downloads a file through the gateway, as a print shop does."""
    parts: list[bytes] = []
    with Meter(world.roots(*_READING)) as used:
        began = time.perf_counter()
        async with (
            httpx.AsyncClient(base_url=world.urls["gateway"], headers=world.headers, timeout=600.0) as client,
            client.stream("GET", f"/v1/letterFiles/{file.letter_file_id}/content") as answer,
        ):
            answer.raise_for_status()
            async for part in answer.aiter_raw():
                parts.append(part)
        wall = time.perf_counter() - began
        await asyncio.sleep(_AFTER)
    content = b"".join(parts)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise RuntimeError("the download is not the file")
    return Reading(wall, used.total, content)


async def _lay(world: World, rows: Sequence[Sequence[str]]) -> None:
    """Lays the letters into one plain table, in their order."""
    connection = await superuser(world, "campaign")
    try:
        await connection.execute(
            f"CREATE TABLE plain_letters (place int PRIMARY KEY, {', '.join(f'{name} text' for name in COLUMNS)})"
        )
        records = [(place, *row) for place, row in enumerate(rows)]
        await connection.copy_records_to_table("plain_letters", records=records)
    finally:
        await connection.close()


async def _copied(world: World) -> Reading:
    """The same letters by COPY."""
    made = io.BytesIO()
    with Meter(world.roots("postgres")) as used:
        began = time.perf_counter()
        connection = await superuser(world, "campaign")
        try:
            query = f"SELECT {', '.join(COLUMNS)} FROM plain_letters ORDER BY place"
            await connection.copy_from_query(query, output=made, format="csv", header=True, force_quote=list(COLUMNS))
        finally:
            await connection.close()
        wall = time.perf_counter() - began
        await asyncio.sleep(_AFTER)
    return Reading(wall, used.total, made.getvalue())


def _same(rounds: Sequence[tuple[Reading, Reading]], rows: Sequence[Sequence[str]]) -> None:
    """Raises RuntimeError where the yardstick gives other letters."""
    for _, plain in rounds:
        if list(csv.reader(io.StringIO(plain.content.decode(), newline="")))[1:] != rows:
            raise RuntimeError("COPY gives other letters")


def _merged(rows: Sequence[Sequence[str]]) -> float:
    """Merges the same letters plainly; returns letters for a CPU second."""
    body, at = jinja2.Environment(keep_trailing_newline=True).from_string(_TEXT), COLUMNS.index("body")
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_ALL)
    began = time.process_time()
    for row in rows:
        writer.writerow([*row[:at], body.render(name=row[1]), *row[at + 1 :]])
    hashlib.sha256(made.getvalue().encode()).hexdigest()
    spent = time.process_time() - began
    if list(csv.reader(io.StringIO(made.getvalue(), newline=""))) != rows:
        raise RuntimeError("the mail merge writes other letters")
    return len(rows) / spent


def _writing(used: Meter, wall: float, count: int, file: Any, merged: float) -> list[Figure]:
    by = ", ".join(f"{name} {value / count * 1000:,.2f}" for name, value in used.spent.items())
    note = f"{count:,} letters in {wall:,.1f} s from the asking; ms of CPU a letter: {by}"
    return [
        Figure("letters", "written, sealed and closed", count / used.total, "letters/CPU-s", merged, "a plain mail merge", note=note),
        Figure("letters", "size of the file", file.size_bytes / 2**20, "MB", note=f"{file.size_bytes:,} bytes, {file.piece_count} pieces"),
    ]  # fmt: skip


def _reading(rounds: Sequence[tuple[Reading, Reading]], count: int, file: Any) -> list[Figure]:
    ours, plain = [one for one, _ in rounds], [one for _, one in rounds]
    wall = median([one.wall for one in ours])
    return [
        Figure(
            "letters", "downloaded through the gateway", wall, "s", median([one.wall for one in plain]), "COPY of a plain table",
            note=f"{file.size_bytes / wall / 2**20:,.1f} MB a second, one piece after the other",
            rounds=tuple(one.wall / other.wall for one, other in rounds),
        ),
        Figure(
            "letters", "downloaded, CPU of gateway, campaign, PostgreSQL", median([one.spent for one in ours]) / count * 1e6, "µs/letter",
            median([one.spent for one in plain]) / count * 1e6, "COPY of a plain table",
        ),
    ]  # fmt: skip


def _memory(grown: dict[str, int], file: Any, quick: bool) -> list[Figure]:
    """Against what stood there before the first download: no process holds the file. A small one is lost in what a first call takes."""
    target = None if quick else Target("ratio", "at most", 1.0)
    size = file.size_bytes / 2**20
    return [
        Figure("letters", f"memory of {name}, highest in downloads above before", bytes_ / 2**20, "MB", size, "the file's size", target)
        for name, bytes_ in grown.items()
    ]  # fmt: skip
