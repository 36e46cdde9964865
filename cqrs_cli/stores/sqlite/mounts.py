"""What the system says of its mounts."""

from __future__ import annotations

import re

MOUNTS = "/proc/self/mounts"
_ESCAPED = re.compile(r"\\([0-7]{3})")


def file_system(path: str) -> str:
    """The kind of file system that holds `path`; empty where the system does not say."""
    best, kind = -1, ""
    for at, name in _mounts():
        if (path == at or path.startswith(at.rstrip("/") + "/")) and len(at) >= best:
            best, kind = len(at), name
    return kind


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at `path` itself; False where the system does not say."""
    return any(at == path for at, _ in _mounts())


def _mounts() -> list[tuple[str, str]]:
    """Where each is, and of which kind."""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            found = [line.split(" ")[1:3] for line in lines]
    except OSError:
        return []
    return [(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), at), kind) for at, kind in found]
