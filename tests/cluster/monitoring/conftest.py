"""Where Prometheus' programs are, or a skip that says how to get them."""

import shutil
from pathlib import Path

import pytest

HOW = (
    "run `apt-get install prometheus`, or without installing: `apt-get download prometheus && dpkg-deb -x prometheus_*.deb here`"
    " and put here/usr/bin on PATH"
)
ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "cluster" / "monitoring"


@pytest.fixture(scope="session")
def promtool() -> str:
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return _program("prometheus")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: {HOW}")
    return found
