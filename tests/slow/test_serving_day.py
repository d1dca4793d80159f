"""A day of requests with a release in the middle of it: a better revision takes over, a damaged one goes back by its quality
alone, and no request fails.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.slow.conftest import Seen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
DAY = Path(__file__).resolve().parents[2] / "benchmarks" / "serving_day.py"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """The figures of a day with that release."""
    folder = tmp_path_factory.mktemp("days")

    def run(release: str) -> dict[str, Any]:
        command = [
            sys.executable,
            str(DAY),
            "--folder",
            str(folder),
            "--release",
            release,
            "--seconds",
            "240",
            "--requests",
            "700",
        ]
        subprocess.run(command, check=True, timeout=1800)
        found: dict[str, Any] = json.loads((folder / f"day-{release}.json").read_text(encoding="utf-8"))
        return found

    return run


def show(seen: Seen, name: str, day: dict[str, Any]) -> None:
    seen(f"{name}: requests", sum(hour["requests"] for hour in day["hours"]))
    seen(f"{name}: from the cache", sum(hour["kept"] for hour in day["hours"]))
    seen(f"{name}: refused", sum(hour["refused"] for hour in day["hours"]))
    seen(f"{name}: worst p99 of an hour, ms", max(hour["whole"][2] for hour in day["hours"] if hour["whole"]))
    seen(f"{name}: from start to decision, s", day["decisions"][-1]["at"] - day["decisions"][0]["at"])


def test_a_better_revision_takes_over_in_the_middle_of_the_day(play: Callable[[str], dict[str, Any]], seen: Seen) -> None:
    day = play("better")
    show(seen, "better", day)
    assert day["failures"] == []
    assert day["phase"] == "promoted"
    assert [hour["new"] for hour in day["hours"][:8]] == [0] * 8
    assert day["hours"][23]["new"] == 1


def test_a_damaged_revision_goes_back_by_quality_alone(play: Callable[[str], dict[str, Any]], seen: Seen) -> None:
    day = play("damaged")
    show(seen, "damaged", day)
    assert day["failures"] == []
    assert day["phase"] == "rolled_back"
    assert day["audit"][-1]["action"] == "release_rollback"
    assert day["audit"][-1]["reason"].startswith("bits: ")
    assert any(decision["share"] > 0 for decision in day["decisions"]), (
        "it was on its way to clients, of whom few need have met it"
    )
    assert day["hours"][23]["new"] == 0
