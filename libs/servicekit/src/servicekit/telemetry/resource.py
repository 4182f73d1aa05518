"""Who is speaking: the resource attributes that every span and the metrics' ``target_info`` carry."""

from __future__ import annotations

import os
import socket

from opentelemetry.sdk.resources import Resource


def describe(service_name: str, environment: str, instance_id: str | None) -> Resource:
    """The resource of this process.

    Built directly rather than by ``Resource.create``, whose detectors read the environment and the command line: an
    operator's command line may hold a customer's number.
    """
    return Resource(
        {
            "service.name": service_name,
            "service.namespace": "marque",
            "service.instance.id": instance_id or f"{socket.gethostname()}-{os.getpid()}",
            "deployment.environment.name": environment,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
        }
    )
