"""The embedded PostgreSQL, for real."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from devstack import launch
from devstack.binaries import RunAs, run_as
from devstack.postgres import EXTENSIONS, EmbeddedPostgres, PostgresFailed

HOLD = """
import sys
from pathlib import Path
from devstack.postgres import EmbeddedPostgres
pg = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
pg.start()
pg.administer("CREATE TABLE IF NOT EXISTS kept (x int); INSERT INTO kept VALUES (1);")
print(pg.pid, pg.administer("SELECT count(*) FROM kept;").strip(), __import__("os").geteuid(), flush=True)
if len(sys.argv) > 2: pg.stop()
else: sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("pg") / "data", durable=False) as one:
        yield one


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="marque-pg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class TestCreateRoleAndDatabase:
    async def test_the_role_reaches_its_database_with_every_extension(self, server: EmbeddedPostgres) -> None:
        connection = await asyncpg.connect(server.create_role_and_database("customer"))
        try:
            found = {row["extname"] for row in await connection.fetch("SELECT extname FROM pg_extension")}
            assert set(EXTENSIONS) <= found
            await connection.execute("CREATE TABLE t (x int)")
        finally:
            await connection.close()

    async def test_no_other_role_may_connect(self, server: EmbeddedPostgres) -> None:
        server.create_role_and_database("vehicle")
        server.create_role_and_database("survey")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(server.dsn("vehicle", "survey"))

    async def test_a_wrong_password_is_refused(self, server: EmbeddedPostgres) -> None:
        server.create_role_and_database("campaign")
        wrong = server.dsn("campaign", "campaign").replace(server.password("campaign"), "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)

    def test_doing_it_twice_changes_nothing(self, server: EmbeddedPostgres) -> None:
        assert server.create_role_and_database("network") == server.create_role_and_database("network")

    @pytest.mark.parametrize("name", ['x"; DROP TABLE t; --', "Upper", "", "a" * 64, "1st", "a-b", "a\nb"])
    def test_a_name_that_is_no_identifier_is_refused(self, server: EmbeddedPostgres, name: str) -> None:
        with pytest.raises(ValueError, match="identifier"):
            server.create_role_and_database(name)

    def test_order_is_by_code_point_on_every_machine(self, server: EmbeddedPostgres) -> None:
        rows = server.administer("SELECT x FROM (VALUES ('b'), ('B'), ('ä'), ('a')) v(x) ORDER BY x;")
        assert rows.split() == ["B", "a", "b", "ä"]


class TestCloneDatabase:
    async def test_the_copy_has_rows_and_owner_and_a_life_of_its_own(self, server: EmbeddedPostgres) -> None:
        source = server.create_role_and_database("complaint")
        first = await asyncpg.connect(source)
        await first.execute("CREATE TABLE t AS SELECT 7 AS x")
        await first.close()
        second = await asyncpg.connect(server.clone_database("complaint", "complaint_copy"))
        try:
            await second.execute("INSERT INTO t VALUES (8)")
            assert await second.fetchval("SELECT count(*) FROM t") == 2
        finally:
            await second.close()
        assert server.administer("SELECT count(*) FROM t;", "complaint").strip() == "1"
        server.drop_database("complaint_copy")
        server.drop_database("complaint_copy")

    def test_an_unknown_template_is_named(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(PostgresFailed, match="absent_template"):
            server.clone_database("absent_template", "copy")


class TestStart:
    def test_a_second_start_keeps_data_and_passwords(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            one.create_role_and_database("customer")
            first = one.password("customer")
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            assert one.administer("SELECT 1;", "customer").strip() == "1"
            assert one.password("customer") == first
            assert stat.S_IMODE(one.passwords.stat().st_mode) == 0o600

    def test_a_killed_server_starts_again_with_its_committed_data(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "data") as one:
            one.administer("CREATE TABLE t AS SELECT 1 AS x;")
            assert one.pid is not None
            os.kill(one.pid, signal.SIGKILL)
        assert (tmp_path / "data" / "postmaster.pid").exists()
        with EmbeddedPostgres(tmp_path / "data") as one:
            assert one.administer("SELECT x FROM t;").strip() == "1"

    def test_a_stale_pid_file_whose_number_now_belongs_to_another_process_is_survived(self, tmp_path: Path) -> None:
        one = EmbeddedPostgres(tmp_path / "data", durable=False)
        one.start()
        stale = (one.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        one.stop()
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            text = "\n".join([str(bystander.pid), *stale[1:]])
            (one.data_dir / "postmaster.pid").write_text(text, encoding="utf-8")
            one.start()
            assert one.administer("SELECT 1;").strip() == "1"
            assert bystander.poll() is None
        finally:
            one.stop()
            bystander.kill()
            bystander.wait()

    def test_a_start_cut_off_during_initdb_leaves_no_half_cluster(self, tmp_path: Path) -> None:
        (tmp_path / "data.new").mkdir()
        (tmp_path / "data.new" / "PG_VERSION").touch()
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            assert one.ready()

    def test_a_folder_with_other_files_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").touch()
        with pytest.raises(PostgresFailed, match="neither empty nor"):
            EmbeddedPostgres(tmp_path).start()

    def test_a_lost_password_file_is_told(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            one.passwords.unlink()
        with pytest.raises(PostgresFailed, match=r"data-passwords\.json is missing"):
            EmbeddedPostgres(tmp_path / "data").start()

    def test_a_wrong_setting_is_told_in_the_words_of_postgresql(self, tmp_path: Path) -> None:
        with pytest.raises(PostgresFailed, match="no_such_setting"):
            EmbeddedPostgres(tmp_path / "data", settings={"no_such_setting": "1"}).start()

    def test_a_folder_in_use_is_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devstack.postgres._LEFTOVER_PATIENCE", 0)
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            with pytest.raises(PostgresFailed, match=f"another PostgreSQL runs.*{one.pid}"):
                EmbeddedPostgres(tmp_path / "data").start()
            assert one.ready()


class TestUser:
    def test_root_gives_up_its_rights_where_files_are_reachable(self, open_folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root has rights to give up")
        chosen = run_as(open_folder / "data")
        if chosen.namespaced:
            pytest.skip("neither postgres nor nobody reaches the programs here")
        with EmbeddedPostgres(open_folder / "data", durable=False) as one:
            assert one.pid is not None
            assert Path(f"/proc/{one.pid}").stat().st_uid == chosen.uid != 0

    def test_root_starts_in_a_user_namespace_where_no_other_user_reaches(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root needs it")
        tmp_path.chmod(0o700)
        if not RunAs(0, 0, namespaced=True).works(tmp_path):
            pytest.skip("this kernel or container refuses user namespaces")
        assert run_as(tmp_path / "data").namespaced
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            assert one.administer("SELECT 1;").strip() == "1"

    def test_a_plain_user_starts_it_directly(self, open_folder: Path) -> None:
        prefix = _plain_user(open_folder)
        for expected in ("1", "2"):
            done = subprocess.run(
                [*prefix, sys.executable, "-c", HOLD, str(open_folder / "state" / "data"), "stop"],
                capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(open_folder)},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            _, rows, euid = done.stdout.split()
            assert rows == expected
            assert euid != "0"

    def test_the_folder_of_another_user_is_refused(self, open_folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can make a folder of another user")
        (open_folder / "data").mkdir()
        os.chown(open_folder / "data", 12345, 12345)
        prefix = _plain_user(open_folder)
        code = "import sys; from pathlib import Path; from devstack.binaries import run_as; run_as(Path(sys.argv[1]))"
        done = subprocess.run(
            [*prefix, sys.executable, "-c", code, str(open_folder / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "choose another folder" in done.stderr


class TestDeathOfTheParent:
    def test_a_killed_parent_leaves_no_server(
        self, tmp_path: Path, lives: Callable[[int], bool], until: Callable[[Callable[[], object]], object]
    ) -> None:
        command = [sys.executable, "-c", HOLD, str(tmp_path / "data")]
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        assert lives(pid)
        parent.kill()
        parent.communicate()
        until(lambda: not lives(pid))
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            assert one.administer("SELECT count(*) FROM kept;").strip() == "1"


class TestLog:
    async def test_holds_no_value_of_a_failed_statement(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "data", durable=False) as one:
            connection = await asyncpg.connect(one.create_role_and_database("customer"))
            try:
                await connection.execute("CREATE TABLE t (phone text UNIQUE)")
                for _ in range(2):
                    await connection.execute("INSERT INTO t VALUES ($1)", "13800138000")
            except asyncpg.UniqueViolationError:
                pass
            finally:
                await connection.close()
            log = launch.tail(one.log_file, 1000)
            assert "duplicate key" in log
            assert "13800138000" not in log
            assert one.password("customer") not in log


def _plain_user(folder: Path) -> list[str]:
    """A command prefix that runs as somebody else than root, in a folder of his: nobody, else a namespace."""
    if os.geteuid() != 0:
        return []
    (folder / "state").mkdir()
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    if (
        subprocess.run([*nobody, sys.executable, "-c", "import devstack"], capture_output=True, check=False).returncode
        == 0
    ):
        os.chown(folder / "state", 65534, 65534)
        folder.chmod(0o777)
        return nobody
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
        return namespace
    pytest.skip("no plain user can run this Python here, and user namespaces are refused")
