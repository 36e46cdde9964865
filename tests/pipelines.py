"""What others run of ours: the action, the hooks, and the examples of docs/ci.md, parsed, with their shell steps."""

import re
from typing import Any

import yaml

from tests.conftest import ROOT

ACTION, HOOKS, PAGE = ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml", ROOT / "docs" / "ci.md"
WORKFLOW = ROOT / "cqrs_cli" / "cli" / "commands" / "init" / "scaffold" / "workflow.yml"


def plain(text: str) -> Any:
    """YAML as JSON has it: `on` is a name in a workflow."""
    loaded = yaml.safe_load(text)
    return (
        {("on" if name is True else name): value for name, value in loaded.items()}
        if isinstance(loaded, dict)
        else loaded
    )


def examples() -> list[Any]:
    """The YAML of docs/ci.md, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    return [plain(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


def steps_of_action(inputs: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Its shell steps with their environment, as GitHub fills it in. Inputs that are not given have their defaults."""
    action = plain(ACTION.read_text(encoding="utf-8"))
    defaults = {name: str(one["default"]) for name, one in action["inputs"].items()}
    known = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
    known["github.action_path"] = str(ROOT)

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known[match[1]], text)

    return [
        (step["run"], {name: filled(value) for name, value in step["env"].items()})
        for step in action["runs"]["steps"]
        if "run" in step
    ]
