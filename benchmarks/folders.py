"""Where stores are made while something is measured."""

import os
from pathlib import Path


class Folders:
    """New paths in one folder, which the caller removes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def new(self, name: str) -> Path:
        """A path where there is nothing yet."""
        self._made += 1
        return self.folder / f"{self._made:03}-{name}"


def own_environment(folders: Folders) -> dict[str, str]:
    """For processes that are measured: none of the user's settings, and byte code cached for all of them alike."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    root, cache = Path(__file__).parents[1], folders.folder / "bytecode"
    return kept | {"PYTHONPATH": str(root), "PYTHONPYCACHEPREFIX": str(cache)}
