"""The commit that a change is compared with: named by hand, by the settings, or by the pipeline of a merge request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cqrs_cli.errors import ConfigurationError

_GIT = "git:"
_BRANCHES = {
    "GITHUB_BASE_REF": "origin/{}",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": "{}",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "origin/{}",
}
"""Variables that GitHub and GitLab set in a pipeline of a pull or merge request, and what git calls their values."""


class Base(NamedTuple):
    """A commit by a name of git's, and who named it."""

    ref: str
    source: str


def base_of(typed: str | None, setting: object, environ: Mapping[str, str]) -> Base | None:
    """What the option says, else the setting, else the pipeline; None if nothing does, or the setting is false.

    `git:main` is `main`. Raises `ConfigurationError` for what is neither a name nor false.
    """
    if typed is not None:
        return Base(_named(typed, "--against"), "--against")
    if setting is False:
        return None
    if setting is not None:
        return Base(_named(setting, "against"), "[tool.cqrs.ci]")
    for variable, form in _BRANCHES.items():
        if environ.get(variable):
            return Base(form.format(environ[variable]), variable)
    return None


def _named(value: object, source: str) -> str:
    name = value.removeprefix(_GIT) if isinstance(value, str) else None
    if not name or "\0" in name:
        raise ConfigurationError(
            f"{source} names no commit: {value!r}",
            hint="a name of git's, main or git:HEAD~1; against = false in [tool.cqrs.ci] compares with nothing",
        )
    return name
