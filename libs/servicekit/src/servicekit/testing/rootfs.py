"""A program of an image without a container engine: its root file system bound read-only in a namespace of its own, under a plain user."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

USER = 10001
_ENTER = """
inside=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount --make-rprivate /
mount --bind {root} {root}
mount -t tmpfs -o mode=1777 tmpfs {root}/tmp
mount --rbind /dev {root}/dev
mount -t proc proc {root}/proc
mount --bind {given} {root}/mnt
mount -o remount,bind,ro {root}
enter=$(command -v chroot)
PATH=$inside
exec "$enter" --userspec={user}:{user} {root} {command}
"""


def unpacked(image: str) -> tuple[str, Path] | None:
    """Mounts a local image; returns its container and its root, None where buildah or the image is not here."""
    if shutil.which("buildah") is None:
        return None
    made = subprocess.run(["buildah", "from", "--pull-never", image], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if made.returncode != 0:
        return None
    container = made.stdout.strip()
    return container, Path(_buildah("mount", container))


def remove(container: str) -> None:
    """Takes the mounted container away."""
    _buildah("umount", container)
    _buildah("rm", container)


def entrypoint(image: str) -> list[str]:
    """What the image runs."""
    return list(_config(image)["Entrypoint"])


def revision(image: str) -> str:
    """The commit that the image was made from, as its label says."""
    return str(_config(image)["Labels"]["org.opencontainers.image.revision"])


def _config(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    return found


def start(
    root: Path, given: Path, words: list[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Starts a program below `root`; `given` is what it finds at /mnt. The process returned is the program itself."""
    command = shlex.join(words)
    script = _ENTER.format(root=shlex.quote(str(root)), given=shlex.quote(str(given)), user=USER, command=command)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-ec", script],
            env=dict(environment),
            stdout=output,
            stderr=output,
        )


def _buildah(*words: str) -> str:
    return subprocess.run(["buildah", *words], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607
