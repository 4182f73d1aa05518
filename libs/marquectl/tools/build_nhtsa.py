"""Builds the public-domain tables of the sample world from the full NHTSA files: `python tools/build_nhtsa.py DATA_FOLDER`.

Run by hand when the source files change; the package ships the result (see src/marquectl/world/data/README.md).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path

OUT = Path(__file__).parents[1] / "src" / "marquectl" / "world" / "data"
PREFIX = re.compile(r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-TV-Y1-9][A-HJ-NPR-Z0-9]")
MAKES = {"FORD": "Ford", "LINCOLN": "Lincoln", "MERCURY": "Mercury"}
MODELS = {"SUPERDUTY": "Super Duty", "MUSTANG MACH E": "Mustang Mach-E", "ECOSPORT": "EcoSport"}
# What a narrative is about where the official component is not in the reduced file: the first word list that it meets.
WORDS = (
    ("POWER TRAIN", r"TRANSMISSION|GEAR|SHIFT"),
    ("SERVICE BRAKES", r"BRAK"),
    ("STEERING", r"STEER"),
    ("VISIBILITY", r"WINDOW|WINDSHIELD|GLASS|WIPER|CAMERA"),
    ("LATCHES/LOCKS/LINKAGES", r"LATCH|DOOR"),
    ("AIR BAGS", r"AIR ?BAG"),
    ("ENGINE", r"ENGINE|COOLANT|OIL|MISFIR|TURBO"),
    ("ELECTRICAL SYSTEM", r"BATTERY|ELECTRIC|SCREEN|LIGHT"),
    ("FUEL/PROPULSION SYSTEM", r"FUEL|GAS "),
    ("SUSPENSION", r"SUSPENSION|TOE LINK|STRUT"),
)


def component(narrative: str) -> str:
    text = narrative.upper()
    return next((name for name, words in WORDS if re.search(words, text)), "UNKNOWN OR OTHER")


def model_name(text: str) -> str:
    first = text.split(" / ")[0]
    return MODELS.get(first, first if any(char.isdigit() for char in first) or len(first) < 4 else first.title())


def complaints(folder: Path) -> Iterable[tuple[str, ...]]:
    source = folder / "nhtsa_complaints"
    with (source / "ford_2024_full49cols.csv").open(encoding="utf-8") as file:
        official = {row["ODINO"]: row["COMPDESC"] for row in csv.DictReader(file) if row["COMPDESC"]}
    with gzip.open(source / "ford_odi_complaints_2020_2024.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            year, prefix = int(row["year"] or 0), row["vin_prefix11"].upper()
            if row["make"] not in MAKES or not PREFIX.fullmatch(prefix) or not 2008 <= year <= 2024:
                continue
            if len(row["state"]) < 4 or row["model"] in MAKES:
                continue
            yield (
                row["odino"],
                MAKES[row["make"]],
                model_name(row["model"]),
                str(year),
                prefix,
                row["miles"],
                row["state"],
                row["date_received"],
                official.get(row["odino"]) or component(row["narrative"]),
            )


def recalls(folder: Path) -> Iterable[tuple[str, ...]]:
    with gzip.open(folder / "nhtsa_recalls" / "campaign_vehicles.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["MAKE"] in MAKES and row["MODEL YEAR"] != "9999":
                yield (
                    row["NHTSA ID"],
                    MAKES[row["MAKE"]],
                    model_name(row["MODEL"].replace("MACH-E", "MACH E")),
                    row["MODEL YEAR"],
                )


def write(name: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(sorted(set(rows)))
    # No time stamp inside: the same input gives the same bytes.
    (OUT / name).write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    data = Path(sys.argv[1])
    header = ("odino", "make", "model", "year", "vin_prefix", "miles", "state", "received", "component")
    write("complaints.csv.gz", header, complaints(data))
    write("recalls.csv.gz", ("campaign", "make", "model", "year"), recalls(data))
