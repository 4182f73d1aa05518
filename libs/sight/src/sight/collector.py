"""The pipeline of an OpenTelemetry collector (contrib distribution): what it takes, what it takes out, where it hands on.

Services scrub their own spans (servicekit.telemetry.scrub), so nothing personal should arrive here. The collector cuts again, for what
other programs send to it and for a library that a service may come to use; both go by the same list.
"""

from __future__ import annotations

from typing import Any

from servicekit.telemetry.scrub import UNSAFE_ATTRIBUTES, UNSAFE_PREFIXES

# In RE2's syntax, which looks neither ahead nor behind: hence ids are excepted as whole values.
ADDRESS = r"[^\s@<>,;]{1,64}@[^\s@<>,;]{1,255}"
TELEPHONE = r"\+?[0-9](?:[\s()./-]{0,3}[0-9]){6,}"
IDS = r"^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$"
_QUIET_STATUS = 'set(span.status.message, "") where span.status.message != ""'
_PREFIXES = "|".join(prefix.replace(".", "\\.") for prefix in UNSAFE_PREFIXES)


def _processors() -> dict[str, Any]:
    return {
        "memory_limiter": {"check_interval": "1s", "limit_percentage": 75, "spike_limit_percentage": 20},
        "attributes/unsafe": {
            "actions": [
                *({"key": key, "action": "delete"} for key in sorted(UNSAFE_ATTRIBUTES)),
                {"pattern": f"^({_PREFIXES}).*", "action": "delete"},
            ]
        },
        "transform/texts": {
            "error_mode": "ignore",
            "trace_statements": [
                {"context": "span", "statements": [_QUIET_STATUS]},
                {
                    "context": "spanevent",
                    "statements": [
                        'delete_key(spanevent.attributes, "exception.message")',
                        'delete_key(spanevent.attributes, "exception.stacktrace")',
                    ],
                },
            ],
        },
        "redaction/values": {
            "allow_all_keys": True,
            "blocked_values": [ADDRESS, TELEPHONE],
            "allowed_values": [IDS],
            "summary": "info",
        },
        "batch": {"timeout": "1s", "send_batch_size": 2048},
    }


_CUT = ["memory_limiter", "attributes/unsafe", "transform/texts", "redaction/values"]


def pipeline() -> dict[str, Any]:
    """Head sampling: services decide at the root (MARQUE_TRACE_SAMPLE_RATIO, and on request of `ops`), the collector keeps all it gets."""
    return {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}},
            "filelog/pods": {
                "include": ["/var/log/pods/*_marque-*/*/*.log"],
                "operators": [
                    {"type": "container"},
                    {
                        "type": "json_parser",
                        "timestamp": {"parse_from": "attributes.time", "layout_type": "gotime", "layout": "2006-01-02T15:04:05.000Z"},
                        "severity": {"parse_from": "attributes.level"},
                        "trace": {
                            "trace_id": {"parse_from": "attributes.trace_id"},
                            "span_id": {"parse_from": "attributes.span_id"},
                        },
                    },
                ],
            },
        },
        "processors": _processors(),
        "exporters": {
            "otlp/traces": {"endpoint": "${env:TRACES_ENDPOINT}"},
            "otlphttp/logs": {"endpoint": "${env:LOGS_ENDPOINT}"},
        },
        "extensions": {"health_check": {"endpoint": "0.0.0.0:13133"}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": [*_CUT, "batch"], "exporters": ["otlp/traces"]},
                "logs": {
                    "receivers": ["filelog/pods"],
                    "processors": ["memory_limiter", "redaction/values", "batch"],
                    "exporters": ["otlphttp/logs"],
                },
            },
        },
    }  # fmt: skip


def tail_sampling() -> dict[str, Any]:
    """The option to decide when a trace has ended: every failed and every slow one, and one in a hundred of the rest.

    Its price: services must record and send everything (`MARQUE_TRACE_SAMPLE_RATIO=1`), about 0.25 ms of their CPU a span, which made a
    thin read cost 2.4 to 3 times as much; and all spans of a trace must reach the same collector.
    """
    made = pipeline()
    made["processors"]["tail_sampling"] = {
        "decision_wait": "10s",
        "num_traces": 50_000,
        "policies": [
            {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
            {"name": "slow", "type": "latency", "latency": {"threshold_ms": 1000}},
            {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1}},
        ],
    }
    made["service"]["pipelines"]["traces"]["processors"] = [*_CUT, "tail_sampling", "batch"]
    return made


def scraping() -> dict[str, Any]:
    """Prometheus: pods of Marque by their label, measured on the plain port `health`; `service` is what dashboards and alerts go by."""
    pod = "__meta_kubernetes_pod_"
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [
            {
                "job_name": "marque",
                "metrics_path": "/metrics",
                "kubernetes_sd_configs": [{"role": "pod"}],
                "relabel_configs": [
                    {"source_labels": [f"{pod}label_app_kubernetes_io_part_of"], "regex": "marque", "action": "keep"},
                    {"source_labels": [f"{pod}container_port_name"], "regex": "health", "action": "keep"},
                    {"source_labels": [f"{pod}label_app_kubernetes_io_name"], "target_label": "service"},
                    {"source_labels": [f"{pod}name"], "target_label": "instance"},
                ],
            }
        ],
    }
