"""VINs of real cars and the edge cases of other decoders (shared data): accepted, and year and make right as measured."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

import pytest
from marque_vehicle.rules import vins
from tradekit import vin as vin_tools

DATA = Path(os.environ.get("MARQUE_DATA", Path(__file__).resolve().parents[4].parent / "shared" / "data")) / "vin"
pytestmark = [pytest.mark.data, pytest.mark.skipif(not DATA.is_dir(), reason="no real data: set MARQUE_DATA")]
# The listing names a maker by its first word, and one by its owner.
_SPOKEN = {"land": "landrover", "heartland": "heartlandrv"}


def plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


class TestRealVins:
    def test_every_real_vin_is_taken_and_decoded(self) -> None:
        with (DATA / "usa_cars_2499_vins.csv").open(encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if len(row["vin"].strip()) == 17]
        checks = [vins.check(row["vin"], "") for row in rows]
        makes = [
            plain(vins.decode(one.vin).make) == _SPOKEN.get(plain(row["brand"]), plain(row["brand"]))
            for one, row in zip(checks, rows, strict=True)
        ]
        years = [vins.model_years(one.vin, 2020)[0] == int(row["year"]) for one, row in zip(checks, rows, strict=True)]
        models = sum(bool(vins.decode(one.vin).model) for one in checks)
        print(f"{len(rows)} VINs: makes {sum(makes)}, years {sum(years)}, models {models}")
        assert len(rows) == 2498
        assert all(one.valid for one in checks)
        assert all(years)
        assert sum(makes) >= 2497  # one listing names a brand of the maker that vPIC lists under another
        assert models >= 2497

    def test_the_edge_cases_behave_as_their_file_says(self) -> None:
        text = (DATA / "wal33d_test_vins.md").read_text(encoding="utf-8")
        good, bad = text.split("## Invalid VINs")
        for vin in re.findall(r"(?m)^([A-Z0-9]{17}) - ", good):
            assert vins.check(vin, "").shape
        told = dict(re.findall(r"(?m)^([A-Z0-9]{16,18}) - (\w+)", bad))
        problem = {"Invalid": "VIN_CHECK_DIGIT", "Contains": "VIN_CHARACTER", "Too": "VIN_LENGTH"}
        for vin, word in told.items():
            assert problem[word] in [one.reason for one in vins.check(vin, "US").problems]
        assert len(told) == 4

    def test_years_told_by_the_file_are_read(self) -> None:
        text = (DATA / "wal33d_test_vins.md").read_text(encoding="utf-8").split("## Invalid VINs")[0]
        told = [(vin, int(year)) for vin, year in re.findall(r"(?m)^([A-Z0-9]{17}) - (20\d\d) ", text)]
        right = [vin for vin, year in told if year in vin_tools.model_year(vin, 2026).candidates]
        assert len(right) >= len(told) - 2  # the file's own slips

    def test_what_broke_another_decoder_is_judged_and_decoded_without_a_fault(self) -> None:
        vins_of = json.loads((DATA / "ultravin_brutal_repros.json").read_text(encoding="utf-8"))["vins"]
        checks = [vins.check(one["vin"], "US") for one in vins_of]
        shaped = [one for one in checks if one.shape]
        lengths = [one for one in checks if "VIN_LENGTH" in [problem.reason for problem in one.problems]]
        assert (len(checks), len(lengths), len(shaped)) == (49, 13, 31)
        assert all(len(one["vin"]) != 17 for one in vins_of if vins.check(one["vin"], "US") in lengths)
        assert all(vins.decode(one.vin).make for one in shaped)
        for one in shaped:
            assert all(1980 <= year <= 2039 for year in vins.model_years(one.vin, 2026))

    def test_a_car_from_before_1981_is_told_as_such(self) -> None:
        with (DATA / "usa_cars_2499_vins.csv").open(encoding="utf-8") as lines:
            (old,) = [row for row in csv.DictReader(lines) if len(row["vin"].strip()) == 13]
        found = vins.check(old["vin"], "US")
        assert (found.shape, [one.reason for one in found.problems]) == (False, ["VIN_LENGTH"])
        assert "1981" in found.problems[0].description
        assert old["vin"].strip() not in found.problems[0].description, "a message never repeats the VIN"
