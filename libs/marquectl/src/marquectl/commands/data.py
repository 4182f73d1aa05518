"""`marquectl import` and `marquectl export`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marquectl import asking, cataloguing
from marquectl.addresses import Addresses
from marquectl.app import app, caller_of, door_for, run
from marquectl.contract import KINDS
from marquectl.display import Display, console, counted
from marquectl.errors import INTERRUPTED, ROWS_REJECTED
from marquectl.exporting import export_rows
from marquectl.importing import ImportJob, ReplaceJob
from marquectl.mapping import layout_file

Kinds = StrEnum("Kinds", {name.replace("-", "_"): name for name in (*KINDS, asking.KIND, cataloguing.KIND)})  # type: ignore[misc]
KindArgument = Annotated[Kinds, typer.Argument(help="What the file holds.")]
Role = Annotated[str, typer.Option(help="The role to speak with, for instance dealer.system with --dealer.")]
Dealer = Annotated[list[str] | None, typer.Option(help="The dealer to speak for, by code or id.")]


@app.command("import")
def import_(
    kind: KindArgument,
    file: Annotated[
        Path,
        typer.Argument(
            help="A .csv, .tsv, .jsonl or .parquet file; questionnaires: .txt, .json, .jsonl. UTF-8 or GB 18030."
        ),
    ],
    mapping: Annotated[Path | None, typer.Option("--map", help="A mapping file: which column is which field.")] = None,
    layout: Annotated[
        str, typer.Option(help="A known layout instead of --map: nhtsa-odi, nhtsa-flat, cn-portal; or a mapping file.")
    ] = "",
    source: Annotated[str, typer.Option(help="The system that the rows come from; part of the natural key.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and write none.")] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="audience-list-members: who is not in the file goes from its lists, after the last row."
        ),
    ] = False,
    despite_rejected: Annotated[
        bool,
        typer.Option("--despite-rejected", help="With --replace: they go even where rows were rejected; else nobody."),
    ] = False,
    errors: Annotated[Path | None, typer.Option(help="Where rejected rows are reported; FILE.errors.csv.")] = None,
    language: Annotated[
        str, typer.Option(help="The language that a questionnaire in plain text is written in.")
    ] = "zh-CN",
    role: Role = "oem.admin",
    dealer: Dealer = None,
    patience: Annotated[float, typer.Option(help="Seconds without an answer before giving up.")] = 60.0,
) -> None:
    """Imports a file. The same file twice changes nothing; an interrupted import goes on where it stopped.

    Exit status: 0 when no row was rejected, 3 when some were, 130 when interrupted, 1 or 2 on failure.
    """
    if despite_rejected and not replace:
        raise typer.BadParameter("it goes with --replace")
    if replace and kind.value not in KINDS:
        raise typer.BadParameter(f"{kind.value} cannot be replaced by a file")
    if kind.value == asking.KIND:
        run(_import_questionnaires(file, language, dry_run, (role, dealer or [])))
        return
    if kind.value == cataloguing.KIND:
        run(_import_catalogue(file, dry_run, (role, dealer or [])))
        return
    job = partial(ReplaceJob, despite_rejected=despite_rejected) if replace else ImportJob
    run(
        _import(
            job,
            kind.value,
            file,
            mapping or layout_file(layout),
            source,
            dry_run,
            errors,
            (role, dealer or []),
            patience,
        )
    )


async def _import(
    make_job: Callable[..., ImportJob],
    kind: str,
    file: Path,
    mapping: Path | None,
    source: str,
    dry_run: bool,
    errors: Path | None,
    speaker: tuple[str, list[str]],
    patience: float,
) -> int:
    async with await door_for(Addresses.find(), caller_of(*speaker)) as door:
        with Display() as display:
            job = make_job(
                door,
                kind,
                file,
                mapping=mapping,
                source=source,
                errors=errors,
                dry_run=dry_run,
                patience=patience,
                watch=display,
            )
            try:
                outcome = await job.run()
            except asyncio.CancelledError:
                console.print("interrupted; the same command goes on where this one stopped")
                return INTERRUPTED
    for name, counts in outcome.counts.items():
        print(f"{name}: {counted(counts)}{' (nothing written: dry run)' if dry_run else ''}")
    if outcome.removed is not None:
        print(f"{outcome.removed} were not in the file and {'would go' if dry_run else 'went'}")
    if outcome.kept:
        print(
            f"nobody {'would go' if dry_run else 'went'} ({outcome.kept}); --despite-rejected takes away all the same"
        )
    if outcome.unchecked:
        print(f"{outcome.unchecked} rows refer to rows of this same file and could not be checked without writing it")
    if outcome.rejected:
        print(f"{outcome.rejected} rows were rejected; each is explained in {outcome.errors}")
        return ROWS_REJECTED
    return 0


async def _import_questionnaires(file: Path, language: str, dry_run: bool, speaker: tuple[str, list[str]]) -> int:
    async with await door_for(Addresses.find(), caller_of(*speaker)) as door:
        told = await asking.import_file(door, file, language=language, dry_run=dry_run)
    for line in (*told.remarks, *told.refused):
        print(line)
    print(
        f"{asking.KIND}: {len(told.made)} made{' (nothing written: dry run)' if dry_run else ''}, {len(told.known)} known already"
    )
    return ROWS_REJECTED if told.refused else 0


async def _import_catalogue(file: Path, dry_run: bool, speaker: tuple[str, list[str]]) -> int:
    async with await door_for(Addresses.find(), caller_of(*speaker)) as door:
        told = await cataloguing.import_file(door, file, dry_run=dry_run)
    for line in told.refused:
        print(line)
    for name, counts in (("models", told.models), ("prices", told.prices)):
        said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none"
        print(f"{name}: {said}{' (nothing written: dry run)' if dry_run else ''}")
    return ROWS_REJECTED if told.refused else 0


@app.command()
def export(
    kind: KindArgument,
    out: Annotated[Path, typer.Option(help="The file to write; its ending .csv or .jsonl tells the format.")],
    role: Role = "oem.admin",
    dealer: Dealer = None,
) -> None:
    """Exports every row that the caller may see. The file appears when it is complete."""
    run(_export(kind.value, out, (role, dealer or [])))


async def _export(kind: str, out: Path, speaker: tuple[str, list[str]]) -> None:
    async with await door_for(Addresses.find(), caller_of(*speaker)) as door:
        if kind == cataloguing.KIND:
            written = await cataloguing.export_file(door, out)
        elif kind == asking.KIND:
            written = await asking.export_file(door, out)
        else:
            written = await export_rows(door, KINDS[kind], out)
    print(f"{written} {kind} in {out}")
