"""Nothing is public by omission: a service whose contract or servicer has a gap does not come into being."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from marque.options.v1 import options_pb2
from servicekit import contract
from servicekit.contract import ContractError
from servicekit.rpc.server import RpcServer
from servicekit.service import Kit, Running, Service
from servicekit.testing.platform import Platform, build_of, ready

EMPTY = f".{empty_pb2.Empty.DESCRIPTOR.full_name}"
RULES = {
    "permission": options_pb2.Access(permission="customer.customers.read"),
    "public": options_pb2.Access(public=True),
    "internal": options_pb2.Access(internal=True),
    "a permission that no role has": options_pb2.Access(permission="suite.things.reed"),
    "nothing": None,
    "an empty permission": options_pb2.Access(permission=""),
    "public: false": options_pb2.Access(public=False),
    "internal: false": options_pb2.Access(internal=False),
}
GAPS = ["nothing", "an empty permission", "public: false", "internal: false"]


def declared(name: str, rules: dict[str, str]) -> str:
    """Puts a service into the pool, with a method for every rule; returns its name."""
    contract.modules()  # so that the pool knows our options
    package = f"suite.{name}"
    file = descriptor_pb2.FileDescriptorProto(name=f"suite/{name}.proto", package=package, syntax="proto3")
    file.dependency.append("google/protobuf/empty.proto")
    service = file.service.add(name="Things")
    for method, rule in rules.items():
        made = service.method.add(name=method, input_type=EMPTY, output_type=EMPTY)
        access = RULES[rule]
        if access is not None:
            made.options.Extensions[options_pb2.access].CopyFrom(access)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return f"{package}.Things"


class Servicer:
    """A servicer with the methods that it is given."""

    def __init__(self, service: str, *names: str) -> None:
        self.service = service
        for name in names:
            setattr(self, name, self._answer)

    async def _answer(self, request: Any, call: Any) -> Any:
        return request


def server(servicer: Servicer) -> RpcServer:
    return RpcServer([servicer], verifier=None, audit=None, reflection=False)  # type: ignore[arg-type] # none is called


class TestServiceWithAGap:
    @pytest.mark.parametrize("gap", GAPS)
    async def test_a_method_that_does_not_say_who_may_call_it_stops_the_start(self, gap: str) -> None:
        service = declared(f"gap{GAPS.index(gap)}", {"Get": "permission", "List": gap})

        with pytest.raises(ContractError, match=r"/suite\.gap\d\.Things/List says nothing about who may call it"):
            server(Servicer(service, "Get", "List"))

    async def test_a_method_that_nobody_wrote_stops_the_start(self) -> None:
        service = declared("unwritten", {"Get": "permission", "List": "internal"})

        with pytest.raises(ContractError, match=r"Servicer does not implement /suite\.unwritten\.Things/List"):
            server(Servicer(service, "Get"))

    async def test_a_permission_that_no_role_has_stops_the_start(self) -> None:
        """A slip of the pen would shut everybody out, or, mended in haste, let everybody in."""
        service = declared("unheld", {"Get": "permission", "List": "a permission that no role has"})

        with pytest.raises(ContractError, match=r"Things/List needs suite\.things\.reed, which no role has"):
            server(Servicer(service, "Get", "List"))

    async def test_a_running_image_with_a_gap_never_becomes_ready(self, platform: Platform) -> None:
        """The whole way: real database, real broker, a service to which somebody adds a method and forgets the rule."""
        service = declared("forgotten", {"Get": "permission", "List": "nothing"})
        settings = await platform.prepare("network")
        made = build_of("network")

        def build(kit: Kit) -> Service:
            whole = made(kit)
            return replace(whole, servicers=[*whole.servicers, Servicer(service, "Get", "List")])

        running = Running(build, settings, "network")
        with pytest.raises(ContractError, match="says nothing about who may call it"):
            await running.start()
        assert running.port == 0
        assert not await ready(settings.health_port)
        await running.stop()

    async def test_a_whole_service_starts(self) -> None:
        service = declared("whole", {"Get": "permission", "List": "internal", "Find": "public"})

        assert server(Servicer(service, "Get", "List", "Find"))
