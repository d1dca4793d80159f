"""A real measurement of the tiny model, short: every figure is there, it is kept, found, and read back the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.errors import StorageError
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.engine.base import EngineSettings
from workloads.serving.planning.costs import Point, Shape
from workloads.serving.planning.measure import Subject, checked_for, clients_for, measure, middle_of, shapes_for
from workloads.serving.planning.measured import Measured, keep, kept


@pytest.fixture(scope="module")
def measured(tiny_folder: Path) -> Measured:
    settings = EngineSettings(slots=6, threads=1)
    return measure(Subject("m", tiny_folder, "torch", None, settings, "f32"), seconds=0.02)


def test_every_number_of_clients_and_shape_has_a_speed(measured: Measured) -> None:
    points = measured.costs.points
    assert [(point.clients, point.shape.prompt) for point in points] == [
        (clients, prompt) for prompt in (32, 95) for clients in (1, 2, 6)
    ]
    assert all(point.tokens_per_second > 0 and point.first_seconds > 0 and point.token_seconds > 0 for point in points)
    assert [tokens for tokens, seconds in measured.costs.prompts if seconds > 0] == [32, 95]


def test_what_was_not_measured_is_foretold_and_then_measured(measured: Measured) -> None:
    assert [check.seen.clients for check in measured.checks] == checked_for(6)
    assert all(check.foretold > 0 for check in measured.checks)
    assert measured.uncertainty >= max(abs(check.error) for check in measured.checks)


def test_the_cache_grows_from_what_was_seen_by_what_a_token_takes(measured: Measured) -> None:
    memory = measured.memory
    assert memory.loaded.resident >= memory.bare.resident > 0
    assert memory.with_cache_of(0) == memory.used
    more = memory.with_cache_of(memory.cached_tokens + 1000)
    assert more.own - memory.used.own == 1000 * memory.token_bytes


def test_of_several_times_the_middle_one_counts_and_tells_how_far_they_differ() -> None:
    points = [Point(1, Shape(2, 2), speed, 0.1, 0.1) for speed in (90.0, 400.0, 100.0)]
    assert middle_of(points) == Point(1, Shape(2, 2), 100.0, 0.1, 0.1, scatter=1.55)


def test_it_is_kept_beside_the_model_and_replaced(measured: Measured, tiny_folder: Path, tmp_path: Path) -> None:
    model = commit_model(ArtifactStore(str(tmp_path)), tiny_folder, "m")
    assert list(kept(model)) == []
    keep(model, measured)
    assert list(kept(model)) == [measured]
    keep(model, newer := replace(measured, created="2027-01-01T00:00:00+00:00"))
    assert list(kept(model)) == [newer]
    keep(model, replace(measured, way=replace(measured.way, weights="int8")))
    assert len(list(kept(model))) == 2


def test_a_file_that_is_no_measurement_is_named(measured: Measured, tiny_folder: Path, tmp_path: Path) -> None:
    model = commit_model(ArtifactStore(str(tmp_path)), tiny_folder, "m")
    storage.write_bytes(keep(model, measured), b'{"format": 0}')
    with pytest.raises(StorageError, match=r"another format.*--measure"):
        list(kept(model))


def test_what_is_asked_fits_the_context() -> None:
    for context in (8, 64, 128, 1024, 32768):
        for shape in shapes_for(context):
            assert 0 < shape.prompt + shape.answer < context
    assert shapes_for(32768) == (Shape(32, 64), Shape(512, 64))


def test_clients_go_from_one_to_all_slots_and_checks_lie_between() -> None:
    assert clients_for(32) == [1, 2, 8, 32]
    assert checked_for(32) == [4, 16]
    assert clients_for(1) == [1]
    assert checked_for(1) == []
