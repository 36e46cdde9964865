"""A workbench with other limits, for tests of what happens at one."""

from typing import Any

from cqrs_cli import Limits, Workbench


def limited(bench: Workbench, **limits: Any) -> Workbench:
    """Another workbench on the same store, domain and services, with these limits; it is closed with the first."""
    services = bench.engine.services._made
    return Workbench(bench.store, bench.domain, read_only=bench.read_only, services=services, limits=Limits(**limits))
