"""What production's engines must be told of our services, as values of their own charts (ops/backing): users, databases, ports, names.

Everything that follows from the services' code stands here once; `charts/marque/values-production.yaml` points at what these make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from devstack.delivery.fleet import Member
from devstack.delivery.write import broker_users
from devstack.postgres import EXTENSIONS

Values = dict[str, Any]
_HEAD = "# Written by `make chart-files` (libs/devstack/src/devstack/delivery/backing.py). How to install it: docs/production.md.\n"
RELEASE = "marque"
# Tried with these: chart → repository, version, release, namespace. The operators' own charts need no values of ours.
CHARTS: Mapping[str, Mapping[str, str]] = {
    "postgres": {
        "chart": "cluster",
        "repository": "https://cloudnative-pg.github.io/charts",
        "version": "0.8.1",
        "release": "marque",
        "namespace": "databases",
    },
    "nats": {
        "chart": "nats",
        "repository": "https://nats-io.github.io/k8s/helm/charts",
        "version": "2.14.2",
        "release": "nats",
        "namespace": "messaging",
    },
    "collector": {
        "chart": "opentelemetry-collector",
        "repository": "https://open-telemetry.github.io/opentelemetry-helm-charts",
        "version": "0.170.0",
        "release": "collector",
        "namespace": "observability",
    },
    "tempo": {
        "chart": "tempo",
        "repository": "https://grafana-community.github.io/helm-charts",
        "version": "2.2.4",
        "release": "tempo",
        "namespace": "observability",
    },
    "prometheus": {
        "chart": "kube-prometheus-stack",
        "repository": "https://prometheus-community.github.io/helm-charts",
        "version": "88.5.3",
        "release": "prometheus",
        "namespace": "observability",
    },
}


def files(fleet: Sequence[Member]) -> Mapping[str, str]:
    """Returns path below ops/backing → text."""
    made = {
        "postgres": _postgres(fleet),
        "nats": _nats(fleet),
        "collector": _collector(),
        "tempo": _tempo(),
        "prometheus": _prometheus(),
    }
    found = {f"{name}.yaml": _HEAD + _text(values) for name, values in made.items()}
    return {"charts.yaml": _HEAD + _text({name: dict(one) for name, one in CHARTS.items()}), **found}


def _text(values: Values) -> str:
    return yaml.safe_dump(values, sort_keys=False, width=140, allow_unicode=True)


def _postgres(fleet: Sequence[Member]) -> Values:
    """One cluster of three with a role and a database for each service; base backups daily, the log archived as it is written."""
    owners = [member.name for member in fleet if member.revision]
    plugin = "barman-cloud.cloudnative-pg.io"
    return {
        "fullnameOverride": "marque",
        "version": {"postgresql": "18"},
        "cluster": {
            "instances": 3,
            "storage": {"size": "100Gi"},
            "walStorage": {"enabled": True, "size": "20Gi"},
            "enableSuperuserAccess": False,
            "roles": [
                {
                    "name": name,
                    "ensure": "present",
                    "login": True,
                    "passwordSecret": {"name": f"{RELEASE}-{name}-database"},
                }
                for name in owners
            ],
            "postgresql": {
                "parameters": {"max_connections": "1000", "idle_in_transaction_session_timeout": "60s"},
                "synchronous": {"method": "any", "number": 1},
                # Its own database for each role, by TLS, and nobody else's: before the operator's rule that lets everybody in.
                "pg_hba": [
                    rule
                    for name in owners
                    for rule in (f"hostssl {name} {name} all scram-sha-256", f"host {name} all all reject")
                ],
            },
            "monitoring": {"enabled": True},
        },
        "databases": [
            {
                "name": name,
                "owner": name,
                "extensions": [{"name": one, "ensure": "present"} for one in EXTENSIONS],
            }
            for name in owners
        ],
        "backups": {
            "enabled": True,
            "method": "plugin",
            "pluginConfiguration": {"name": plugin},
            "provider": "s3",
            "s3": {
                "region": "eu-central-1",
                "bucket": "marque-backups",
                "path": "/postgres",
                "inheritFromIAMRole": True,
            },
            "secret": {"create": False, "name": "marque-backups"},
            "scheduledBackups": [
                {
                    "name": "daily",
                    "schedule": "0 0 2 * * *",
                    "backupOwnerReference": "self",
                    "method": "plugin",
                    "pluginConfiguration": {"name": plugin},
                }
            ],
            "retentionPolicy": "14d",  # not longer than the streams reach back: rights are replayed from them
        },
    }


def _nats(fleet: Sequence[Member]) -> Values:
    """Three nodes with file storage and TLS, and every user with what it may; passwords come from Secrets of the namespace."""
    users = broker_users(fleet)
    variables = {name: f"PASSWORD_{name.upper()}" for name in users}
    secrets = {name: {"name": f"{RELEASE}-{name}-broker", "key": "password"} for name in users}
    return {
        "config": {
            "cluster": {"enabled": True, "replicas": 3},
            "jetstream": {"enabled": True, "fileStore": {"enabled": True, "pvc": {"enabled": True, "size": "50Gi"}}},
            "nats": {"port": 4222, "tls": {"enabled": True, "secretName": "nats-tls"}},
            "merge": {
                "authorization": {
                    "users": [
                        {"user": name, "password": f"<< ${variables[name]} >>", "permissions": permissions}
                        for name, permissions in users.items()
                    ]
                }
            },
        },
        "container": {
            "env": {variables[name]: {"valueFrom": {"secretKeyRef": secrets[name]}} for name in users},
            "merge": {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
        },
        "podTemplate": {
            "topologySpreadConstraints": {
                "kubernetes.io/hostname": {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
            }
        },
        "promExporter": {"enabled": True},
        "natsBox": {"enabled": False},
    }


def _collector() -> Values:
    """On every node, for the logs of its pods; its pipeline is ops/collector.yaml, given as a ConfigMap."""
    addresses = {
        "TRACES_ENDPOINT": "http://tempo.observability.svc:4317",
        "LOGS_ENDPOINT": "http://logs.observability.svc/otlp",
    }
    return {
        "fullnameOverride": "collector",
        "mode": "daemonset",
        "image": {"repository": "otel/opentelemetry-collector-contrib"},
        "configMap": {"create": False, "existingName": "marque-collector"},
        "presets": {"logsCollection": {"enabled": True}},
        "service": {"enabled": True},
        "extraEnvs": [{"name": name, "value": address} for name, address in addresses.items()],
        "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
    }


def _tempo() -> Values:
    return {
        "fullnameOverride": "tempo",
        "tempo": {
            "retention": "168h",
            "reportingEnabled": False,
            "server": {"http_listen_port": 3200},
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}}},
        },
        "persistence": {"enabled": True, "size": "50Gi"},
    }


def _prometheus() -> Values:
    """Scraping and rules come as Secret and file made of ops/ (docs/production.md); dashboards by Grafana's sidecar."""
    return {
        "fullnameOverride": "prometheus",
        "prometheus": {
            "prometheusSpec": {
                "enableFeatures": ["exemplar-storage"],
                "additionalScrapeConfigsSecret": {"enabled": True, "name": "marque-scrape", "key": "scrape.yaml"},
                "retention": "30d",
                "ruleSelectorNilUsesHelmValues": False,
            }
        },
        "grafana": {
            "sidecar": {"dashboards": {"enabled": True, "label": "grafana_dashboard"}},
            "additionalDataSources": [
                {
                    "name": "Tempo",
                    "uid": "tempo",
                    "type": "tempo",
                    "access": "proxy",
                    "url": "http://tempo.observability.svc:3200",
                }
            ],
        },
    }
