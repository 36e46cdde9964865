"""pyeventsourcing's own reusable test cases, on recorders made of a store. `make peers` installs what they need."""

# pyright: reportMissingImports=false

import itertools
import os
import tempfile
from pathlib import Path
from typing import Any, ClassVar
from unittest import TestCase
from unittest.mock import patch

import pytest

pytest.importorskip("eventsourcing.tests.persistence", reason="make peers installs pyeventsourcing")

from eventsourcing.persistence import Tracking
from eventsourcing.tests import application, persistence, projection
from eventsourcing.tests.projection import EventCountersView
from eventsourcing.utils import Environment

from cqrs_cli.stores.rows import Column, RowReader, Table
from tests.peers import recorders as ours

MODULE = "tests.peers.recorders"
pytestmark = pytest.mark.filterwarnings("default")  # it tests its own deprecations


class OnAFile(TestCase):
    """A log in a folder of its own, named by the environment."""

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="peersuite-")
        self.url = str(Path(self._folder.name) / "log.db")
        os.environ["CQRS_DBNAME"] = self.url
        os.environ["PERSISTENCE_MODULE"] = MODULE
        super().setUp()

    def tearDown(self) -> None:
        super().tearDown()
        ours.Log.close_all()
        del os.environ["CQRS_DBNAME"], os.environ["PERSISTENCE_MODULE"]
        self._folder.cleanup()


class TestAggregateRecorder(OnAFile, persistence.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return ours.CqrsAggregateRecorder(ours.Log(self.url))


class TestAggregateRecorderWithTextIds(TestAggregateRecorder):
    def new_originator_id(self) -> str:
        return f"dog/{super().new_originator_id()}:é@"


class TestAggregateRecorderFromVersion0(TestAggregateRecorder):
    INITIAL_VERSION = 0


class TestApplicationRecorder(OnAFile, persistence.ApplicationRecorderTestCase):
    def create_recorder(self) -> Any:
        return ours.CqrsApplicationRecorder(ours.Log(self.url))

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(OnAFile, persistence.TrackingRecorderTestCase):
    def create_recorder(self) -> Any:
        return ours.CqrsTrackingRecorder(ours.Log(self.url))


class TestProcessRecorder(OnAFile, persistence.ProcessRecorderTestCase):
    def create_recorder(self) -> Any:
        return ours.CqrsProcessRecorder(ours.Log(self.url))


class TestProcessRecorderAsApplicationRecorder(TestApplicationRecorder):
    def create_recorder(self) -> Any:
        return ours.CqrsProcessRecorder(ours.Log(self.url))


class TestProcessRecorderAsTrackingRecorder(TestTrackingRecorder):
    def create_recorder(self) -> Any:
        return ours.CqrsProcessRecorder(ours.Log(self.url))


class TestNonInterleaving(OnAFile, persistence.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> Any:
        return ours.CqrsApplicationRecorder(ours.Log(self.url))


class TestFactory(OnAFile, persistence.InfrastructureFactoryTestCase):
    def setUp(self) -> None:
        self.env = Environment("TestCase", {"PERSISTENCE_MODULE": MODULE})
        super().setUp()

    def expected_factory_class(self) -> Any:
        return ours.CqrsFactory

    def expected_aggregate_recorder_class(self) -> Any:
        return ours.CqrsAggregateRecorder

    def expected_application_recorder_class(self) -> Any:
        return ours.CqrsApplicationRecorder

    def expected_tracking_recorder_class(self) -> Any:
        return ours.CqrsTrackingRecorder

    def tracking_recorder_subclass(self) -> Any:
        return TrackingSubclass

    def expected_process_recorder_class(self) -> Any:
        return ours.CqrsProcessRecorder


class TrackingSubclass(ours.CqrsTrackingRecorder):
    pass


class TestExampleApplication(OnAFile, application.ExampleApplicationTestCase):
    expected_factory_topic = f"{MODULE}:CqrsFactory"


class TestApplication(OnAFile, application.ApplicationTestCase):
    """Several applications of one environment share a file here, so each gets a file of its own."""

    def setUp(self) -> None:
        super().setUp()
        init, numbers = ours.CqrsFactory.__init__, itertools.count()

        def fresh(factory: Any, env: Any) -> None:
            os.environ["CQRS_DBNAME"] = str(Path(self._folder.name) / f"log-{next(numbers)}.db")
            init(factory, env)

        patched = patch.object(ours.CqrsFactory, "__init__", fresh)
        patched.start()
        self.addCleanup(patched.stop)


COUNTS = Table("event_counts", (Column("name", "text"), Column("n", "integer")), ("name",))


def _count_in(rows: RowReader, name: str) -> int:
    counts: Any = rows.load(COUNTS, [(name,)])
    return counts[(name,)][1] if counts else 0


class CountersView(ours.CqrsTrackingRecorder, EventCountersView):
    def _count(self, name: str) -> int:
        return _count_in(self.store.rows, name)

    def _add(self, name: str, tracking: Tracking) -> None:
        with self.store.transaction() as rows:
            ours._track(rows, tracking)
            rows.create(COUNTS)
            rows.put(COUNTS, [(name, _count_in(rows, name) + 1)])

    def get_created_event_counter(self) -> int:
        return self._count("created")

    def get_subsequent_event_counter(self) -> int:
        return self._count("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._add("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._add("subsequent", tracking)


class TestCountersView(OnAFile, projection.EventCountersViewTestCase):
    def construct_event_counters_view(self) -> EventCountersView:
        return CountersView(ours.Log(self.url))


class TestProjection(OnAFile, projection.AggregateEventCountersProjectionTestCase):
    view_class = CountersView


class TestEventSourcedProjection(OnAFile, projection.EventSourcedProjectionTestCase):
    env: ClassVar[dict[str, str]] = {}

    def test_event_sourced_projection(self) -> None:
        folder = self._folder.name  # the application and the projection are two logs
        self.env = {  # type: ignore[misc]
            "APPLICATION_CQRS_DBNAME": f"{folder}/app.db",
            "COUNTERS_CQRS_DBNAME": f"{folder}/counters.db",
            "PERSISTENCE_MODULE": MODULE,
        }
        super().test_event_sourced_projection()
