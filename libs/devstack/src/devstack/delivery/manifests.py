"""What is asked of rendered manifests: parts of them, and whether they fit the schemas of Kubernetes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource

from devstack.delivery.helm import Manifest

_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
_OWN = Path(__file__).parent / "crds"
_HASHES = re.compile(r"\b[0-9a-f]{64}\b|(?<=-)[0-9a-f]{8}$", re.MULTILINE)
_REVISION = re.compile(r"(-migrate-)[0-9]{4}-")


def key(manifest: Manifest) -> str:
    """Kind and name, as `Deployment/marque-customer-serve`."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pods(manifests: Iterable[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every pod template with the key of its workload."""
    for manifest in of_kind(manifests, *_WORKLOADS):
        yield key(manifest), manifest["spec"]["template"]


def problems(manifest: Manifest, schemas: Path) -> list[str]:
    """What a manifest says that a version of Kubernetes does not know or allow. `schemas` is a folder of strict schemas of that version.

    Resources of others (Gateway API, cert-manager) are judged by our own schemas, which know the fields that the charts use and no other.
    Raises FileNotFoundError for a kind that neither knows.
    """
    group, _, version = manifest["apiVersion"].rpartition("/")
    name = "-".join(part for part in (manifest["kind"].lower(), group.split(".")[0], version) if part)
    own = _OWN / f"{name}.json"
    validator = _validator(own if own.is_file() else schemas / f"{name}.json")
    return [
        f"{key(manifest)}: {'.'.join(map(str, error.path))}: {error.message[:200]}"
        for error in validator.iter_errors(manifest)
    ]


@cache
def _validator(path: Path) -> jsonschema.Draft202012Validator:
    registry: Registry[Any] = Registry()
    if (definitions := path.parent / "_definitions.json").is_file():
        registry = _definitions(definitions) @ registry
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")), registry=registry)


@cache
def _definitions(path: Path) -> Resource[Any]:
    return Resource.from_contents(json.loads(path.read_text(encoding="utf-8")))


def golden(manifests: Sequence[Manifest], services: Sequence[str]) -> str:
    """The text of a render as it is compared: of the services only those named, without what is random or follows every migration."""
    kept = [manifest for manifest in manifests if _service(manifest) in (*services, "")]
    for manifest in kept:
        if manifest["kind"] == "Secret":
            manifest["data"].update(dict.fromkeys(manifest["data"], "made once"))  # type: ignore[index]
    text = yaml.dump_all(sorted(kept, key=key), sort_keys=True, width=140, Dumper=_Plain, allow_unicode=True)
    return _REVISION.sub(r"\g<1>0000-", _HASHES.sub("0" * 8, text))


def _service(manifest: Manifest) -> str:
    """The service that a manifest belongs to, empty for those of the whole release."""
    chart = str(manifest["metadata"].get("labels", {}).get("helm.sh/chart", ""))
    return chart.rpartition("-")[0]


class _Plain(yaml.SafeDumper):
    """Writes no anchors: who reads a render wants to see what stands there."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
