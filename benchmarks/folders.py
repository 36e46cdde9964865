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
    """For processes that are measured: none of the user's settings, and byte code cached for all, else none starts fairly."""
    unset = ("PYTHONDONTWRITEBYTECODE",)
    kept = {name: value for name, value in os.environ.items() if name not in unset and not name.startswith("CQRS_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONPYCACHEPREFIX": str(folders.folder / "bytecode")}
