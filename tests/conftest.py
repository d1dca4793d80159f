"""What all tests share: one private Ray for the whole run, a store in a temporary folder, and the lent data if present."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cluster.artifacts import ArtifactStore
from cluster.observe.progress import SilentReporter
from cluster.session import Session, session
from cluster.stage import StageContext

settings.register_profile("hanlin", deadline=None)  # a timing is never a test
settings.load_profile("hanlin")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure() -> None:
    """Ctrl-C is heard also where a script started the tests in the background, which has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a Ray come last: one that starts a session or cluster of its own needs a process without."""
    items.sort(key=lambda item: "ray_session" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def ray_session() -> Iterator[Session]:
    """A private Ray with 4 logical processors, started once; it ends with the test run."""
    with session(cpus=4) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "store"))


@pytest.fixture
def context(store: ArtifactStore, tmp_path: Path) -> StageContext:
    """A context whose relative paths start in the test's own folder."""
    return StageContext("test", store, SilentReporter(), seed=7, folder=tmp_path)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data folder is not here ({SHARED_DATA.parent.name}/{SHARED_DATA.name} beside the checkout)")
    return SHARED_DATA
