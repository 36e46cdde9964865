"""How this program came onto the machine: that says which Python imports a domain, and how that one gets packages."""

import os
import sys
from typing import Literal

Installer = Literal["uv_tool", "pipx", "environment"]

_MARKS: tuple[tuple[str, Installer], ...] = (("uv-receipt.toml", "uv_tool"), ("pipx_metadata.json", "pipx"))
"""What each installer of programs leaves in the environment that it made for one."""


def installed_by() -> Installer:
    """`uv tool`, `pipx`, or neither: then it is a package among others of an environment."""
    for mark, by in _MARKS:
        if os.path.exists(os.path.join(sys.prefix, mark)):
            return by
    return "environment"
