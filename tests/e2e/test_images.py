"""The images as a cluster runs them: read-only, as a plain user, in production's settings; each service migrated, served and worked for;
a sale that crosses the gateway, the vehicle service and those that it asks and that hear of it.

Needs what `make images` made here of the code as it stands (buildah, as root); else it is left out by name.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.contract import DOMAIN_SERVICES, GATEWAY
from devstack.delivery.fleet import installed
from devstack.delivery.write import VERSION
from devstack.ports import free_port
from servicekit.settings import ServiceSettings
from servicekit.testing import rootfs
from servicekit.testing.platform import SECRET, Platform, environment_of, ready, until
from servicekit.testing.world import new_vin

ROOT = Path(__file__).resolve().parents[2]
IMAGES = tuple(installed(ROOT))
PARTS = ("images", "libs", "services", "requirements.lock")  # what an image is made of
PATIENCE = 180.0


class Fleet:
    """The processes of the images."""

    def __init__(self, platform: Platform, roots: dict[str, Path], given: Path) -> None:
        self.platform, self.roots, self.given = platform, roots, given
        self.settings: dict[str, ServiceSettings] = {}
        self.running: list[subprocess.Popen[bytes]] = []
        self.http_url = ""

    def begin(self, name: str, command: str, settings: ServiceSettings, **more: str) -> subprocess.Popen[bytes]:
        """Starts a command of an image; what runs for ever is ended by `end`."""
        entry = rootfs.entrypoint(f"localhost/marque-{name}:{VERSION}")
        told = {
            **environment_of(settings),
            "PATH": "/opt/marque/bin:/usr/bin:/bin",
            "MARQUE_ENVIRONMENT": "production",
            "MARQUE_CLIENT_SECRET_FILE": "/mnt/secret",
            "MARQUE_AUDIT_KEYS": "/mnt/audit-keys",
            "MARQUE_SEALING_KEYS": "/mnt/sealing-keys",
            "MARQUE_SCHEMA_WAIT_SECONDS": "600",
            **more,
        }
        log = self.platform.folder / f"image-{name}-{command}.log"
        process = rootfs.start(self.roots[name], self.given, [*entry, command], told, log)
        if command != "migrate":
            self.running.append(process)
        return process

    async def prepare(self) -> None:
        """Gives each service an empty database and an address, and everybody the addresses of all."""
        for name in IMAGES:
            if name != GATEWAY:
                database = f"image_{uuid.uuid4().hex[:8]}"
                self.platform.databases[name] = await asyncio.to_thread(
                    self.platform.postgres.create_role_and_database, database
                )
            told = {"database_url": self.platform.databases.get(name, ""), "grpc_port": free_port()}
            self.settings[name] = self.platform._settings(name, {**told, "health_port": free_port()})
            if name != GATEWAY:
                self.platform.peers[name] = f"127.0.0.1:{self.settings[name].grpc_port}"
        for name, one in self.settings.items():
            self.settings[name] = one.model_copy(update={"peers": dict(self.platform.peers)})

    async def end(self) -> list[int]:
        """Tells every process to end; returns their exit statuses."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        ended = [await asyncio.to_thread(process.wait, 60) for process in self.running]
        self.running.clear()
        return ended

    async def send(self, verb: str, path: str, body: Any = None) -> httpx.Response:
        """Asks the HTTP door as who may everything."""
        headers = {"authorization": f"Bearer {self.platform.token('oem.admin')}"}
        if verb == "POST":
            headers["idempotency-key"] = uuid.uuid4().hex
        async with httpx.AsyncClient(base_url=self.http_url, headers=headers, timeout=60) as http:
            return await http.request(verb, path, json=body)

    async def made(self, path: str, body: Any) -> Any:
        answer = await self.send("POST", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def stale(image: str) -> bool:
    """Whether what the image was made of has changed since."""
    asked = ["git", "diff", "--quiet", rootfs.revision(image), "--", *PARTS]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode != 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fleet(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    if os.geteuid() != 0:
        pytest.skip("only root may enter the root file system of an image")
    names = {name: f"localhost/marque-{name}:{VERSION}" for name in IMAGES}
    opened = {name: rootfs.unpacked(image) for name, image in names.items()}
    roots = {name: found[1] for name, found in opened.items() if found is not None}
    made: Fleet | None = None
    try:
        if missing := [name for name in IMAGES if name not in roots]:
            pytest.skip(f"no images of {', '.join(missing)} here: `make images` with buildah")
        if old := [name for name in IMAGES if stale(names[name])]:
            pytest.skip(f"the images of {', '.join(old)} are of another state of the code: `make images`")
        given = tmp_path_factory.mktemp("given")
        shutil.copytree(platform.audit_keys(), given / "audit-keys")
        shutil.copytree(platform.sealing_keys(), given / "sealing-keys")
        (given / "secret").write_text(SECRET)
        for path in (given, *given.rglob("*")):
            os.chown(path, rootfs.USER, rootfs.USER)
        made = Fleet(platform, roots, given)
        yield made
    finally:
        for process in made.running if made is not None else ():
            process.kill()
            process.wait()
        for found in opened.values():
            if found is not None:
                rootfs.remove(found[0])


async def alive(health_port: int) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2.0) as client:
            return (await client.get(f"http://127.0.0.1:{health_port}/livez")).status_code == 200
    except httpx.HTTPError:
        return False


class TestImages:
    @pytest.mark.timeout(900)
    async def test_all_migrate_serve_work_answer_a_sale_and_end_when_told(self, fleet: Fleet) -> None:
        await fleet.prepare()
        ports = await self.begun(fleet)
        for port in ports[:2]:  # a pod that waits for its schema is alive and not ready
            await until(lambda port=port: alive(port), PATIENCE, "an image is not alive")  # type: ignore[misc]
            assert not await ready(port)
        for name in IMAGES:
            if name != GATEWAY:
                migration = fleet.begin(name, "migrate", fleet.settings[name])
                assert await asyncio.to_thread(migration.wait, PATIENCE) == 0, name
        for port in ports:
            await until(lambda port=port: ready(port), PATIENCE, "an image is not ready")  # type: ignore[misc]
        self.enclosed(fleet)
        await self.sold(fleet)
        assert set(await fleet.end()) == {0}

    @staticmethod
    async def begun(fleet: Fleet) -> list[int]:
        """Starts everything; returns where each process tells how it is."""
        ports = []
        for name in IMAGES:
            settings = fleet.settings[name]
            if name == GATEWAY:
                port = free_port()
                fleet.http_url = f"http://127.0.0.1:{port}"
                fleet.begin(name, "serve", settings, MARQUE_HTTP_PORT=str(port))
            else:
                fleet.begin(name, "serve", settings)
                work = settings.model_copy(update={"health_port": free_port(), "grpc_port": 0})
                fleet.begin(name, "work", work)
                ports.append(work.health_port)
            ports.append(settings.health_port)
        return ports

    @staticmethod
    def enclosed(fleet: Fleet) -> None:
        """A plain user on a root file system that cannot be written."""
        assert len(fleet.running) == 2 * len(DOMAIN_SERVICES) + 1
        for process in fleet.running:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert f"Uid:\t{rootfs.USER}\t{rootfs.USER}" in status
            mounts = Path(f"/proc/{process.pid}/mounts").read_text().splitlines()
            assert [line for line in mounts if line.split()[1] == "/" and "ro" in line.split()[3].split(",")]

    @staticmethod
    async def sold(fleet: Fleet) -> None:
        """By way of the gateway: the vehicle service sells, asks the customer service, and is heard by it; the 360° view shows it."""
        dealer = {"code": "CN-SH-99", "names": {"en": "Image"}, "timeZone": "Asia/Shanghai", "kinds": ["DEALER_KIND_SALES"]}  # fmt: skip
        dealer_id = (await fleet.made("/v1/dealers", dealer))["dealerId"]
        person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "王小明"}}
        customer = (await fleet.made("/v1/customers", person))["customerId"]
        car = {"vin": new_vin(), "make": "Marque", "model": "One", "modelYear": 2025}
        await fleet.made("/v1/vehicles", car)
        sale = {
            "dealerId": dealer_id, "vin": car["vin"], "buyerCustomerId": customer, "invoiceNumber": "S-1",
            "invoiceDate": {"year": 2026, "month": 11, "day": 2}, "use": "VEHICLE_USE_PRIVATE",
        }  # fmt: skip

        async def sold() -> bool:  # the vehicle service hears of the dealer by event
            return (await fleet.send("POST", "/v1/sales", sale)).status_code == 200

        await until(sold, PATIENCE, "the car cannot be sold")

        async def seen() -> bool:
            view = await fleet.send("GET", f"/v1/customers/{customer}/overview")
            return view.status_code == 200 and car["vin"] in view.text and not view.json().get("missing")

        await until(seen, PATIENCE, "the overview does not show the car")
        rows = await fleet.platform.sql("vehicle", "SELECT vin FROM sales")
        assert [row["vin"] for row in rows] == [car["vin"]]
