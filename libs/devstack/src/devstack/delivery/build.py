"""Builds the images: wheels once, a context for each image, then `buildah` (or `docker`) by images/Dockerfile.

`python -m devstack.delivery.build [--only NAME]… [--contexts-only] [--push] [--save]`; the environment says BASE, REGISTRY and VERSION.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from devstack.contract import GATEWAY
from devstack.delivery.fleet import installed
from devstack.delivery.needs import Image, images, requirements
from devstack.delivery.write import VERSION

BASE = "docker.io/library/python:3.11-slim"
OPS_PAGE = Path("ops/ui/dist")  # of /ops/traces; made by `make ops-ui`
SOURCES = ("dkimpy",)  # published without a wheel: theirs is built here, of the source whose hash the lock names
_BIN = Path(sys.executable).parent


def stage(root: Path, image: Image, target: Path) -> Path:
    """Lays out the context of an image below `target`: Dockerfile, requirements, and links to the wheels; returns its folder."""
    context = target / image.name
    shutil.rmtree(context, ignore_errors=True)
    (context / "wheels").mkdir(parents=True)
    shutil.copy(root / "images" / "Dockerfile", context)
    wheels = target / "wheels"
    published, sources = parted(requirements(root, image))
    (context / "requirements.txt").write_text(published, encoding="utf-8")
    _fetch(context / "requirements.txt", wheels)
    (target / "sources.txt").write_text(sources, encoding="utf-8")
    ours = _made(target / "sources.txt", wheels) + [_own_wheel(root / package, wheels) for package in image.packages]
    (context / "ours.txt").write_text("".join(f"/wheels/{wheel.name}\n" for wheel in ours), encoding="utf-8")
    (context / "share").mkdir()
    if image.name == GATEWAY and (root / OPS_PAGE).is_dir():
        shutil.copytree(root / OPS_PAGE, context / "share" / "ops-ui")
    needed = {line.split("==")[0].replace("-", "_").lower() for line in _names(context / "requirements.txt")}
    for wheel in wheels.glob("*.whl"):
        if wheel in ours or wheel.name.split("-")[0].replace(".", "_").lower() in needed:
            os.link(wheel, context / "wheels" / wheel.name)
    return context


def build(context: Path, image: Image, *, base: str, tag: str, revision: str) -> str:
    """Builds one image; returns its name. Raises FileNotFoundError where neither buildah nor docker is installed."""
    arguments = {"BASE": base, "SERVICE": image.name, "MODULE": image.module, "VERSION": VERSION, "REVISION": revision}
    flags = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    engine = _engine()
    argv = [engine, "build"]
    if Path(engine).name == "buildah":
        argv += ["--isolation", "chroot", "--format", "oci", "--layers=false", "--timestamp", "0"]
    subprocess.run([*argv, *flags, "--tag", tag, str(context)], check=True)
    return tag


def push(tag: str) -> None:
    """Pushes an image to the registry that its name begins with."""
    subprocess.run([_engine(), "push", tag], check=True)


def save(tag: str, target: Path) -> Path:
    """Writes an image into an archive that `kind load image-archive` and `ctr images import` take; returns it."""
    file = target / f"{tag.rpartition('/')[2].replace(':', '-')}.tar"
    file.unlink(missing_ok=True)
    engine = _engine()
    archive = ["push", tag, f"docker-archive:{file}:{tag}"]
    subprocess.run(
        [engine, *(archive if Path(engine).name == "buildah" else ["save", "-o", str(file), tag])], check=True
    )
    return file


def _engine() -> str:
    for name in ("buildah", "docker"):
        if program := shutil.which(name):
            return program
    raise FileNotFoundError("neither buildah nor docker is installed (Debian: apt-get install buildah)")


def _fetch(lock: Path, wheels: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    subprocess.run([*argv, "--require-hashes", "--dest", str(wheels), "-r", str(lock)], check=True)


def parted(lock: str) -> tuple[str, str]:
    """Parts a lock into what comes as wheels and what comes as source."""
    parts: tuple[list[str], list[str]] = ([], [])
    held = parts[0]
    for line in lock.splitlines(keepends=True):
        if line[:1].strip():
            held = parts[line.partition("==")[0] in SOURCES]
        held.append(line)
    return "".join(parts[0]), "".join(parts[1])


def _made(sources: Path, wheels: Path) -> list[Path]:
    """Builds the wheels of what comes as source; returns them."""
    names = [line.partition("==")[0] for line in _names(sources)]
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if names:
        subprocess.run([*argv, "--require-hashes", "--wheel-dir", str(wheels), "-r", str(sources)], check=True)
    return [next(wheels.glob(f"{name}-*.whl")) for name in names]


def _own_wheel(package: Path, wheels: Path) -> Path:
    name = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"].replace("-", "_")
    for old in wheels.glob(f"{name}-*.whl"):
        old.unlink()
    argv = [
        str(_BIN / "uv"),
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--offline",
        "--python",
        sys.executable,
    ]
    subprocess.run([*argv, "--out-dir", str(wheels), str(package)], check=True)
    return next(wheels.glob(f"{name}-*.whl"))


def _names(lock: Path) -> list[str]:
    return [line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line[0].isspace()]


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(prog="images")
    parser.add_argument("--only", action="append", help="an image by its name; several times for several")
    parser.add_argument("--contexts-only", action="store_true", help="lay out the contexts and build nothing")
    parser.add_argument("--push", action="store_true", help="push each image when it is built (REGISTRY=)")
    parser.add_argument(
        "--save", action="store_true", help="write each image into an archive below dist/images as well"
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Builds what is asked for; returns the exit status."""
    asked = parser().parse_args(arguments)
    root, target = Path.cwd(), Path("dist/images").absolute()
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    prefix = f"{registry}/" if (registry := os.environ.get("REGISTRY", "")) else "localhost/"
    (target / "wheels").mkdir(parents=True, exist_ok=True)
    for image in images(installed(root)):
        if asked.only and image.name not in asked.only:
            continue
        context = stage(root, image, target)
        if not asked.contexts_only:
            tag = f"{prefix}marque-{image.name}:{os.environ.get('VERSION', VERSION)}"
            print(build(context, image, base=os.environ.get("BASE", BASE), tag=tag, revision=revision), flush=True)
            if asked.push:
                push(tag)
            if asked.save:
                print(save(tag, target), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
