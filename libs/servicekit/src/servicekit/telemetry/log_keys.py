"""The allow-list of log fields: an ``extra`` key that is not here is dropped.

Add a key when a line needs it, never one whose values a customer or a clerk types in.
"""

# fmt: off
TOKEN_KEYS = frozenset({
    "aggregate_id", "aggregate_type", "anchor", "call_id", "campaign_id", "case_id", "check", "checks", "code", "command",
    "consumer", "customer_id", "database", "dealer_id", "durable", "environment", "error_type", "event_id",
    "event_type", "field",
    "group_id", "http_method", "http_route", "job", "job_id", "kind", "lead_id", "message_id", "method", "migration",
    "operation", "operation_id", "outcome", "peer_service", "permission", "principal_id", "principal_kind", "reason",
    "request_kind", "resource", "revision", "route", "rpc_method", "rpc_service", "rpc_status_code", "schema",
    "service_version", "signal", "sqlstate", "staff_id", "state", "step", "store_id", "stream", "subject",
    "survey_id", "table", "task", "transition", "upstream", "work_order_id",
})
"""``extra`` keys that hold a name or an id of ours: ASCII letters, digits and ``._:/,*>{}[]-`` only, no space."""

NUMBER_KEYS = frozenset({
    "affected", "age_seconds", "aggregate_version", "attempt", "attempts", "batch_size", "bytes", "connections",
    "count", "delay_seconds", "delivered", "duration_ms", "duration_seconds", "events", "failed", "http_status",
    "inserted", "lag_seconds", "limit", "oldest_age_seconds", "pending", "pid", "port", "ratio", "rejected",
    "remaining", "retries", "rows", "seconds", "sequence", "size", "skipped", "sleep_seconds", "status",
    "timeout_seconds",
    "total", "unpublished", "updated", "version", "workers",
})
"""``extra`` keys that hold a count, a size or a duration: a number, nothing else."""
# fmt: on
