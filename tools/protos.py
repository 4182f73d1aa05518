"""Generates, lints and compares the contracts.

`generate` writes libs/marque_api/src/marque from proto/; `check` fails when that differs from what is committed, when a lint
rule is broken, or when a change breaks the last released image (proto/released.binpb); `release` makes the present contracts that image.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf import descriptor_pb2
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PACKAGE = ROOT / "libs" / "marque_api" / "src" / "marque"
RELEASED = PROTO / "released.binpb"
BIN = Path(sys.executable).parent
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def sources() -> list[str]:
    """Returns every contract below proto/, as protoc names it."""
    return sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))


def include_dirs(work: Path) -> list[str]:
    """Returns the import folders; what no package carries as .proto (protovalidate) is given to protoc as a descriptor."""
    import google.api

    site = Path(next(iter(google.api.__path__))).parent.parent
    for package in ("api", "rpc", "type"):
        shutil.copytree(
            site / "google" / package, work / "google" / package, ignore=shutil.ignore_patterns("*.py*", "__pycache__")
        )
    (work / "google" / "protobuf").mkdir(parents=True, exist_ok=True)
    return [f"-I{PROTO}", f"-I{work}", f"-I{WELL_KNOWN}"]


def dependencies(work: Path) -> Path:
    """Writes the descriptors of protovalidate and of what it imports; returns the file."""
    base = work / "base.binpb"
    names = [
        f"google/protobuf/{name}.proto"
        for name in ("descriptor", "duration", "field_mask", "timestamp", "any", "struct", "wrappers", "empty")
    ]
    run("-m", "grpc_tools.protoc", f"-I{WELL_KNOWN}", "--include_imports", f"--descriptor_set_out={base}", *names)
    files = descriptor_pb2.FileDescriptorSet.FromString(base.read_bytes())
    files.file.append(descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary()))
    google = sorted(
        {
            line.split('"')[1]
            for path in PROTO.rglob("*.proto")
            for line in path.read_text().splitlines()
            if line.startswith('import "google/')
        }
    )
    google = [name for name in google if not name.startswith("google/protobuf/")]
    if google:
        extra = work / "google.binpb"
        run(
            "-m",
            "grpc_tools.protoc",
            f"-I{work}",
            f"-I{WELL_KNOWN}",
            "--include_imports",
            f"--descriptor_set_out={extra}",
            *google,
        )
        known = {file.name for file in files.file}
        files.file.extend(
            file
            for file in descriptor_pb2.FileDescriptorSet.FromString(extra.read_bytes()).file
            if file.name not in known
        )
    target = work / "dependencies.binpb"
    target.write_bytes(files.SerializeToString())
    return target


def run(*arguments: str) -> None:
    """Runs a Python module of this environment; its own words tell what is wrong."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.returncode)


def build(out: Path) -> Path:
    """Generates messages, their types and the descriptor set below `out`; returns the image, which holds the comments of our own files.

    No gRPC stubs are made: servers and clients read methods from the descriptors (servicekit/contract.py).
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        include_dirs(work)
        image = out / "marque" / "image.binpb"
        image.parent.mkdir(parents=True, exist_ok=True)
        common = [f"--descriptor_set_in={dependencies(work)}", f"-I{PROTO}"]
        run(
            "-m", "grpc_tools.protoc", *common,
            f"--plugin=protoc-gen-mypy={BIN / 'protoc-gen-mypy'}", f"--python_out={out}", f"--mypy_out=quiet:{out}",
            "--include_imports", "--include_source_info", f"--descriptor_set_out={image}", *sources(),
        )  # fmt: skip
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
    for file in files.file:
        if not file.package.startswith("marque."):
            file.ClearField("source_code_info")
    image.write_bytes(files.SerializeToString(deterministic=True))
    return image


def generate() -> None:
    """Replaces the generated package."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        for child in PACKAGE.iterdir() if PACKAGE.exists() else ():
            shutil.rmtree(child) if child.is_dir() else child.unlink()
        shutil.copytree(Path(folder) / "marque", PACKAGE, dirs_exist_ok=True)


def differences(left: Path, right: Path) -> list[str]:
    """Returns the files below two folders that are not equal, byte for byte."""
    names = {
        str(path.relative_to(base))
        for base in (left, right)
        for path in base.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(
        filecmp.cmpfiles(left, right, sorted(names), shallow=False)[1]
        + filecmp.cmpfiles(left, right, sorted(names), shallow=False)[2]
    )


def check() -> None:
    """Fails on drift, on a lint finding and on a breaking change."""
    with tempfile.TemporaryDirectory() as folder:
        image = build(Path(folder))
        if drift := differences(Path(folder) / "marque", PACKAGE):
            raise SystemExit("generated code differs from proto/, run `make proto`: " + ", ".join(drift))
        buf = [str(BIN / "buf")]
        config = ["--config", str(PROTO / "buf.yaml")]
        own = [argument for name in sources() for argument in ("--path", name)]
        found = subprocess.run([*buf, "lint", str(image), *config, *own], cwd=PROTO).returncode
        if RELEASED.exists():
            found |= subprocess.run(
                [*buf, "breaking", str(image), "--against", str(RELEASED), *config, *own], cwd=PROTO
            ).returncode
        if found:
            raise SystemExit(found)


def release() -> None:
    """Makes the present contracts the image that later changes must not break."""
    files = descriptor_pb2.FileDescriptorSet.FromString((PACKAGE / "image.binpb").read_bytes())
    for file in files.file:
        file.ClearField("source_code_info")
    RELEASED.write_bytes(files.SerializeToString(deterministic=True))


if __name__ == "__main__":
    {"generate": generate, "check": check, "release": release}[sys.argv[1]]()
