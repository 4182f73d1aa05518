"""The images as a cluster runs them: read-only, as a plain user, in production's settings; one request from the door to the database.

Needs what `make images` made here (buildah, as root); else it is left out by name.
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

import httpx
import pytest
import pytest_asyncio
from devstack.delivery.write import VERSION
from devstack.ports import free_port
from servicekit.settings import ServiceSettings
from servicekit.testing import rootfs
from servicekit.testing.platform import SECRET, Platform, environment_of, ready, until

IMAGES = ("network", "gateway")


class Fleet:
    """The processes of the images."""

    def __init__(self, platform: Platform, roots: dict[str, Path], given: Path) -> None:
        self.platform, self.roots, self.given = platform, roots, given

    def begin(self, name: str, command: str, settings: ServiceSettings, **more: str) -> subprocess.Popen[bytes]:
        entry = rootfs.entrypoint(f"localhost/marque-{name}:{VERSION}")
        told = {
            **environment_of(settings),
            "PATH": "/opt/marque/bin:/usr/bin:/bin",
            "MARQUE_ENVIRONMENT": "production",
            "MARQUE_CLIENT_SECRET_FILE": "/mnt/secret",
            "MARQUE_AUDIT_KEYS": "/mnt/audit-keys",
            "MARQUE_SEALING_KEYS": "/mnt/sealing-keys",
            **more,
        }
        log = self.platform.folder / f"image-{name}.log"
        return rootfs.start(self.roots[name], self.given, [*entry, command], told, log)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fleet(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    if os.geteuid() != 0:
        pytest.skip("only root may enter the root file system of an image")
    opened = {name: rootfs.unpacked(f"localhost/marque-{name}:{VERSION}") for name in IMAGES}
    missing = [name for name, found in opened.items() if found is None]
    roots = {name: found[1] for name, found in opened.items() if found is not None}
    try:
        if missing:
            pytest.skip(f"no images of {', '.join(missing)} here: `make images` with buildah")
        given = tmp_path_factory.mktemp("given")
        shutil.copytree(platform.audit_keys(), given / "audit-keys")
        shutil.copytree(platform.sealing_keys(), given / "sealing-keys")
        (given / "secret").write_text(SECRET)
        for path in (given, *given.rglob("*")):
            os.chown(path, rootfs.USER, rootfs.USER)
        yield Fleet(platform, roots, given)
    finally:
        for found in opened.values():
            if found is not None:
                rootfs.remove(found[0])


class TestImages:
    @pytest.mark.timeout(600)
    async def test_they_migrate_serve_and_answer_a_request_and_end_when_told(self, fleet: Fleet) -> None:
        platform, name = fleet.platform, f"image_{uuid.uuid4().hex[:8]}"
        platform.databases["network"] = await asyncio.to_thread(platform.postgres.create_role_and_database, name)
        settings = await platform.prepare("network", grpc_port=free_port(), health_port=free_port())
        migration = fleet.begin("network", "migrate", settings)
        assert await asyncio.to_thread(migration.wait, 120) == 0
        door = settings.model_copy(
            update={
                "grpc_port": free_port(),
                "health_port": free_port(),
                "peers": {"network": f"127.0.0.1:{settings.grpc_port}"},
            }
        )
        port = free_port()
        running = [fleet.begin("network", "serve", settings)]
        try:
            running.append(fleet.begin("gateway", "serve", door, MARQUE_HTTP_PORT=str(port)))
            for one in (settings, door):
                await until(lambda one=one: ready(one.health_port), 120, "an image is not ready")  # type: ignore[misc]
            for process in running:
                status = Path(f"/proc/{process.pid}/status").read_text()
                assert f"Uid:\t{rootfs.USER}\t{rootfs.USER}" in status
                mounts = Path(f"/proc/{process.pid}/mounts").read_text().splitlines()
                assert [line for line in mounts if line.split()[1] == "/" and "ro" in line.split()[3].split(",")]
            headers = {"authorization": f"Bearer {platform.token('oem.admin')}", "idempotency-key": uuid.uuid4().hex}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as http:
                body = {
                    "code": "CN-SH-99",
                    "names": {"en": "Image"},
                    "timeZone": "Asia/Shanghai",
                    "kinds": ["DEALER_KIND_SALES"],
                }
                made = await http.post("/v1/dealers", json=body)
                assert made.status_code == 200, made.text
                found = await http.get(f"/v1/dealers/{made.json()['dealerId']}")
                assert found.json()["code"] == "CN-SH-99"
            rows = await platform.sql("network", "SELECT code FROM dealers")
            assert [row["code"] for row in rows] == ["CN-SH-99"]
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            ended = [await asyncio.to_thread(process.wait, 60) for process in running]
        assert ended == [0, 0]
