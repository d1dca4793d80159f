"""An endpoint that keeps files in a temporary folder, and a worker to run its batches where a test says so."""

from pathlib import Path

import pytest

from app.gateway.batch.inside import Inside
from app.gateway.batch.runner import BatchRunner
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from cluster.storage import locate
from tests.app.gateway.conftest import Endpoint


@pytest.fixture
def keeping(endpoint: Endpoint, tmp_path: Path) -> Endpoint:
    endpoint.keep = locate(str(tmp_path / "kept"))
    return endpoint


@pytest.fixture
def batches(keeping: Endpoint) -> BatchStore:
    assert keeping.keep is not None
    return BatchStore(keeping.keep)


@pytest.fixture
def worker(keeping: Endpoint, batches: BatchStore) -> BatchWorker:
    """One gateway's worker, or the next one's after it."""
    return BatchWorker(batches, BatchRunner(batches, Inside(keeping.app).ask))
