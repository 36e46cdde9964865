"""The libraries that pyproject.toml names: `floors` prints the lowest allowed, anything else what is installed here."""

import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from platform import python_version

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def floors() -> dict[str, str]:
    """Each dependency with its lowest version; ValueError where the declaration is more than a name and a floor.

    Those of the HTTP face too, which leans on its libraries as much.
    """
    found = {}
    for declared in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["http"]):
        match = re.fullmatch(r"([a-z0-9-]+)>=([0-9.]+)(; .*)?", declared)
        if match is None:
            raise ValueError(f"{declared!r} is not NAME>=VERSION: which version would be its lowest?")
        found[match[1]] = match[2]
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["floors"]:
        print(*(f"{name}=={floor}" for name, floor in floors().items()))
    else:
        libraries = ", ".join(f"{name} {version(name)}" for name in floors())
        print(f"{' '.join(sys.argv[1:])}: Python {python_version()}, {libraries}", flush=True)
