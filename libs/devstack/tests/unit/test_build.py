"""What goes into images: wheels as they are published, and what is published as source only, each under the hash of the lock."""

from __future__ import annotations

from pathlib import Path

from devstack.delivery.build import SOURCES, parted

LOCK = Path(__file__).resolve().parents[4] / "requirements.lock"


class TestParted:
    def test_both_parts_are_the_whole_lock_and_each_source_keeps_its_hash(self) -> None:
        lock = LOCK.read_text(encoding="utf-8")
        published, sources = parted(lock)

        assert sorted((published + sources).splitlines()) == sorted(lock.splitlines())
        named = [line.partition("==")[0] for line in sources.splitlines() if line[:1].strip()]
        assert named == list(SOURCES)
        assert sources.count("--hash=sha256:") >= len(SOURCES)

    def test_a_lock_without_any_leaves_nothing_to_build(self) -> None:
        lock = "alembic==1.0 \\\n    --hash=sha256:00\nasyncpg==2.0 \\\n    --hash=sha256:01\n"

        assert parted(lock) == (lock, "")
