"""Figures for Prometheus: what was asked and how long it took, the head, how far what follows it is behind."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("cqrs_requests", "Requests by name and status.", ["name", "status"], registry=registry)
        self._seconds = Histogram(
            "cqrs_request_seconds", "How long requests took.", ["name"], buckets=_SECONDS, registry=registry
        )
        self._head = Gauge("cqrs_head", "Position of the newest event.", registry=registry)
        self._lag = Gauge("cqrs_lag_events", "Events behind the head.", ["kind", "name"], registry=registry)
        self._lag_seconds = Gauge(
            "cqrs_lag_seconds", "Seconds since the first event that is not taken in yet.", ["kind", "name"],
            registry=registry,
        )  # fmt: skip
        self._stopped = Gauge("cqrs_stopped", "1 if it stands still.", ["kind", "name"], registry=registry)
        self._letters = Gauge("cqrs_dead_letters", "Commands that came to nothing.", ["reaction"], registry=registry)
        self._followers = Gauge("cqrs_followers", "Who follows the log.", registry=registry)
        self._waiting = Gauge("cqrs_waiting_requests", "Requests that wait for a thread.", ["for"], registry=registry)
        self._counted: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, name: str, status: int, seconds: float) -> None:
        """A request that was answered."""
        counted = self._counted.get((name, status))
        if counted is None:  # to find them by their labels takes longer than to count
            counted = self._requests.labels(name, str(status)), self._seconds.labels(name)
            self._counted[name, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def look(self, head: int, followers: int, waiting: dict[str, int]) -> None:
        """What is so now."""
        self._head.set(head)
        self._followers.set(followers)
        for what, count in waiting.items():
            self._waiting.labels(what).set(count)

    def processor(self, kind: str, name: str, lag: int, seconds: float, stopped: bool) -> None:
        """Where a projection or a reaction stands."""
        self._lag.labels(kind, name).set(lag)
        self._lag_seconds.labels(kind, name).set(seconds)
        self._stopped.labels(kind, name).set(int(stopped))

    def letters(self, reaction: str, count: int) -> None:
        """How many commands of a reaction came to nothing and are open."""
        self._letters.labels(reaction).set(count)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        found: bytes = generate_latest(self._registry)
        return found
