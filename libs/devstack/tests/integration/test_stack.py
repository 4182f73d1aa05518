"""The devstack command: the whole platform with stand-ins for the services."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from devstack import ports
from devstack.binaries import postgres_bin
from devstack.layout import Layout
from devstack.locks import is_locked

pytestmark = pytest.mark.slow

Make = Callable[..., Any]
Until = Callable[[Callable[[], Any]], Any]
Lives = Callable[[int], bool]


def ports_of(stack: Any) -> dict[str, int]:
    """Where each part of a stack listens."""
    found: dict[str, int] = json.loads((stack.state / "run" / "ports.json").read_text(encoding="utf-8"))
    return found


def environment_of(stack: Any, service: str) -> dict[str, Any]:
    """What a running stand-in was told."""
    port = ports_of(stack)[f"health.{service}"]
    return dict(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).json())


def pids(stack: Any) -> list[int]:
    return [row["pid"] for row in stack.status()["processes"] if row["pid"]]


class TestUp:
    def test_brings_all_up_once_and_down_leaves_nothing(self, devstack: Make, lives: Lives) -> None:
        stack = devstack("customer", "vehicle", "gateway")
        first = stack("up")
        assert first.returncode == 0, first.stderr
        assert "Up in " in first.stdout
        assert f"{stack.status()['addresses']['http']}/docs" in first.stdout
        family = [*pids(stack), environment_of(stack, "customer")["grandchild"]]
        second = stack("up")
        assert (second.returncode, second.stdout.startswith("Already up")) == (0, True)
        assert stack("run").returncode == 4
        assert stack("status").returncode == 0
        assert stack("down").returncode == 0
        assert not any(lives(pid) for pid in family)
        assert stack("status").returncode == 3

    def test_a_service_is_told_its_whole_contract(self, devstack: Make) -> None:
        stack = devstack("customer", "vehicle", "gateway")
        assert stack("up", MARQUE_DATABASE_URL_VEHICLE="postgresql://elsewhere/vehicle").returncode == 0
        customer, vehicle = environment_of(stack, "customer"), environment_of(stack, "vehicle")
        assert customer["MARQUE_ENVIRONMENT"] == "development"
        assert customer["MARQUE_DATABASE_URL"].endswith("/customer")
        assert vehicle["MARQUE_DATABASE_URL"] == "postgresql://elsewhere/vehicle"
        assert json.loads(customer["MARQUE_PEERS"])["vehicle"] == f"127.0.0.1:{vehicle['MARQUE_GRPC_PORT']}"
        form = {"grant_type": "client_credentials", "client_id": customer["MARQUE_CLIENT_ID"]}
        with open(customer["MARQUE_CLIENT_SECRET_FILE"], encoding="utf-8") as file:
            form["client_secret"] = file.read().strip()
        answer = httpx.post(f"{customer['MARQUE_ISSUER_URL']}/token", data=form, trust_env=False)
        assert answer.status_code == 200
        gateway = environment_of(stack, "gateway")
        assert stack.status()["addresses"]["http"].endswith(f":{gateway['MARQUE_HTTP_PORT']}")

    def test_a_second_start_keeps_data_and_addresses(self, devstack: Make) -> None:
        stack = devstack("customer")
        assert stack("up").returncode == 0
        before, places = environment_of(stack, "customer"), ports_of(stack)
        run_sql(before["MARQUE_DATABASE_URL"], "CREATE TABLE kept AS SELECT 5 AS x")
        assert stack("down").returncode == 0
        assert stack("up").returncode == 0
        after = environment_of(stack, "customer")
        assert run_sql(after["MARQUE_DATABASE_URL"], "SELECT x FROM kept") == "5"
        told = json.dumps({**before, "grandchild": 0})
        for name, port in ports_of(stack).items():
            if port != places[name]:  # only where another test took it meanwhile
                assert not ports.reserve(places[name]), name
                told = told.replace(str(places[name]), str(port))
        assert {**after, "grandchild": 0} == json.loads(told)

    def test_after_a_kill_of_the_supervisor_nothing_is_left_and_it_starts_again(
        self, devstack: Make, lives: Lives, until: Until
    ) -> None:
        stack = devstack("customer")
        assert stack("up").returncode == 0
        family = [*pids(stack), environment_of(stack, "customer")["grandchild"]]
        os.kill(stack.status()["pid"], signal.SIGKILL)
        assert stack("up").returncode == 0
        assert not any(lives(pid) for pid in family)

    def test_a_killed_database_comes_back(self, devstack: Make, until: Until) -> None:
        stack = devstack("customer")
        assert stack("up").returncode == 0
        os.kill(stack.process("postgres")["pid"], signal.SIGKILL)
        until(lambda: stack.process("postgres")["restarts"] == 1 and stack.process("postgres")["ready"])
        assert run_sql(environment_of(stack, "customer")["MARQUE_DATABASE_URL"], "SELECT 1") == "1"

    def test_a_failing_migration_is_told_and_nothing_is_left(self, devstack: Make) -> None:
        stack = devstack("customer", "vehicle")
        done = stack("up", FAKE_BROKEN="vehicle")
        assert done.returncode == 1
        assert "vehicle.migrate exited with 3" in done.stderr
        assert "migrated vehicle" in done.stderr
        assert not is_locked(Layout(stack.state).supervisor_lock)
        assert pids(stack) == []

    def test_a_given_port_that_is_taken_is_told(self, devstack: Make) -> None:
        stack = devstack("gateway")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = stack("up", MARQUE_HTTP_PORT=port)
        assert done.returncode == 1
        assert f"port {port} for the http door is in use" in done.stderr

    @pytest.mark.parametrize(
        ("env", "words"),
        [
            ({"MARQUE_HTTP_PORT": "eighty"}, "MARQUE_HTTP_PORT must be a port"),
            ({"MARQUE_GRPC_PORT": "65536"}, "MARQUE_GRPC_PORT must be a port"),
            ({"MARQUE_SERVICES": "ghost"}, "no module marque_ghost.__main__"),
            ({"MARQUE_ENVIRONMENT": "production"}, "devstack is for development"),
        ],
    )
    def test_a_wrong_environment_is_told(self, devstack: Make, env: dict[str, str], words: str) -> None:
        done = devstack("customer")("run", **env)
        assert done.returncode == 1
        assert words in done.stderr

    def test_given_stores_are_used_instead_of_embedded_ones(self, devstack: Make) -> None:
        stack = devstack("customer")
        given = {"MARQUE_DATABASE_URL_CUSTOMER": "postgresql://elsewhere/x", "MARQUE_NATS_URL": "nats://elsewhere:4222"}
        assert stack("up", **given, MARQUE_TRACES="off").returncode == 0
        assert {row["name"] for row in stack.status()["processes"]} == {"issuer", "customer", "customer.migrate"}
        told = environment_of(stack, "customer")
        assert (told["MARQUE_DATABASE_URL"], told["MARQUE_NATS_URL"]) == tuple(given.values())


class TestPlainUser:
    def test_the_whole_platform_runs_without_root(self, devstack: Make) -> None:
        if os.geteuid() != 0:
            pytest.skip("every other test here already runs as a plain user")
        plain = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
        if subprocess.run([*plain, "true"], capture_output=True, check=False).returncode != 0:
            pytest.skip("user namespaces are refused here, and the interpreter is root's own")
        stack = devstack("customer", "gateway")
        done = stack("up", prefix=plain)
        assert done.returncode == 0, done.stderr
        assert stack("status", prefix=plain).returncode == 0
        assert stack("down", prefix=plain).returncode == 0


class TestSample:
    def test_is_loaded_once_and_its_people_are_shown(self, devstack: Make) -> None:
        stack = devstack("customer")
        write_sample(stack, "people = {'lin': {'sub': 'lin', 'roles': ['dealer.sales']}}; code = 0")
        shown = stack("up", MARQUE_SAMPLE="small").stdout
        assert "lin            dealer.sales" in shown
        assert "marquectl token lin" in shown
        stack("down")
        stack("up", MARQUE_SAMPLE="small")
        assert (stack.state / "calls").read_text(encoding="utf-8") == "sample --if-empty small\n"

    def test_a_failure_is_told_and_the_platform_stays_up(self, devstack: Make) -> None:
        stack = devstack("customer")
        write_sample(stack, "people = {}; code = 9")
        assert stack("up").returncode == 0
        assert "the sample data could not be loaded" in stack("logs", "devstack").stdout


class TestReset:
    def test_stops_first_and_removes_everything(self, devstack: Make, lives: Lives) -> None:
        stack = devstack("customer")
        stack("up")
        family = pids(stack)
        assert stack("reset").returncode == 0
        assert not any(lives(pid) for pid in family)
        assert not stack.state.exists()

    def test_a_folder_that_is_not_ours_stays(self, devstack: Make) -> None:
        stack = devstack("customer")
        stack.state.mkdir()
        (stack.state / "thesis.txt").touch()
        assert stack("reset").returncode == 1
        assert (stack.state / "thesis.txt").exists()


class TestRun:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_it_cleanly(self, devstack: Make, until: Until, lives: Lives, number: signal.Signals) -> None:
        stack = devstack("customer")
        argv = [sys.executable, "-m", "devstack", "--state", str(stack.state), "run"]
        process = subprocess.Popen(argv, env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(lambda: stack.status().get("phase") == "ready")
        family = pids(stack)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert "Marque is ready" in output
        assert not any(lives(pid) for pid in family)
        assert stack.status()["phase"] == "stopped"

    def test_a_signal_during_the_start_leaves_nothing(self, devstack: Make, until: Until, lives: Lives) -> None:
        stack = devstack("customer")
        argv = [sys.executable, "-m", "devstack", "--state", str(stack.state), "run"]
        process = subprocess.Popen(argv, env=stack.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        family = until(lambda: stack.status().get("processes") and pids(stack))
        process.terminate()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert not any(lives(pid) for pid in family)


class TestLogs:
    def test_an_unknown_name_is_answered_with_the_known_ones(self, devstack: Make) -> None:
        stack = devstack("customer")
        stack("up")
        assert "migrated customer" in stack("logs", "customer.migrate").stdout
        done = stack("logs", "ghost")
        assert done.returncode == 1
        assert "postgres" in done.stderr


def run_sql(url: str, sql: str) -> str:
    """One statement through the wheel's psql."""
    argv = [str(postgres_bin() / "psql"), url, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def write_sample(stack: Any, decide: str) -> None:
    """A stand-in for `marquectl sample` that notes how it was called."""
    package = stack.modules / "marquectl"
    (package / "sample.py").touch()
    (package / "__main__.py").write_text(
        "import json, os, sys\nfrom pathlib import Path\nstate = Path(os.environ['MARQUE_STATE'])\n"
        f"{decide}\n"
        "with open(state / 'calls', 'a') as calls:\n"
        "    print(*sys.argv[1:], os.environ.get('MARQUE_SAMPLE', '-'), file=calls)\n"
        "(state / 'run' / 'people.json').write_text(json.dumps(people))\nsys.exit(code)\n",
        encoding="utf-8",
    )
