"""Pydantic's search for plugins, which asks every installed package: a tenth of a short run, and nearly never any.

For a process of our own only. What is put in the place of pydantic's own part looks for a declaration of a plugin in
a millisecond; where there may be one, pydantic's own search is made as ever.
`tests/cli/shell/test_plugin_search.py` has an assertion for each thing that pydantic does with it.
"""

import importlib
import os
import sys
from types import ModuleType
from typing import Any

_LOADER = "pydantic.plugin._loader"


def shorten() -> None:
    """From now on look first whether any plugin is declared; nothing is changed once pydantic has looked."""

    def get_plugins() -> Any:
        if any(map(may_declare_plugin, sys.path)):
            del sys.modules[_LOADER]
            return importlib.import_module(_LOADER).get_plugins()
        vars(instead)["get_plugins"] = tuple
        return ()

    instead = ModuleType(_LOADER)
    vars(instead)["get_plugins"] = get_plugins
    sys.modules.setdefault(_LOADER, instead)


def may_declare_plugin(folder: str) -> bool:
    """Whether a package in a folder of `sys.path` declares a plugin, or it can't be said."""
    try:
        names = os.listdir(folder or ".")
    except OSError as error:
        return not isinstance(error, FileNotFoundError)  # a zip file
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                    if b"pydantic]" in file.read():
                        return True
            except OSError:  # it declares nothing
                continue
        elif name.endswith(".egg"):
            return True
    return False
