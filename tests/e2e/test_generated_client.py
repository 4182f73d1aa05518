"""A client made by a third party's generator from our OpenAPI document works as it is."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from servicekit.testing.world import World


class TestGeneratedClient:
    async def test_it_creates_reads_and_lists_a_customer(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with world.http("oem.agent") as http:
            document = await http.get("/openapi.json")
        openapi_spec_validator.validate(document.json())
        generate(document.content, tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        client: Any = importlib.import_module("marque_client").AuthenticatedClient(
            base_url=world.platform.http_url, token=world.platform.token("oem.agent"), raise_on_unexpected_status=True
        )
        models = importlib.import_module("marque_client.models")
        calls = {name: importlib.import_module(f"marque_client.api.customer_service.{name}") for name in CALLS}
        body = models.CustomerInput.from_dict({"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "Ada Lovelace"}})

        made = await calls["create_customer"].asyncio(client=client, body=body)
        read = await calls["get_customer"].asyncio(made.customer_id, client=client)
        listed = await calls["list_customers"].asyncio(client=client, page_size=10)

        assert read.to_dict() == made.to_dict()
        assert made.customer_id in [customer.customer_id for customer in listed.customers]


CALLS = ("create_customer", "get_customer", "list_customers")


def generate(document: bytes, folder: Path) -> None:
    (folder / "openapi.json").write_bytes(document)
    tool = Path(sys.executable).with_name("openapi-python-client")
    command = [
        tool,
        "generate",
        "--path",
        folder / "openapi.json",
        "--output-path",
        folder / "marque_client",
        "--meta",
        "none",
        "--config",
        folder / "config.yaml",
    ]
    (folder / "config.yaml").write_text("post_hooks: []\n")  # what it looks like is nobody's matter here
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
