"""A run whose weights are cut over two processes leaves whole checkpoints, goes on from them, and ends as one process does."""

import json
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from cluster.artifacts import Artifact, ArtifactStore
from tests.workloads.training.conftest import QUICK, make_job
from workloads.training.communicator import Alone, Communicator, TorchGroup
from workloads.training.job import Job, run_job
from workloads.training.listener import Unheard
from workloads.training.spec import TrainingSpec

CPU = torch.device("cpu")


class _StopsAt(Unheard):
    """Asks for a stop after some steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def stop_wanted(self) -> bool:
        self._left -= 1
        return self._left < 0


def _member(rank: int, jobs: list[tuple[Job, int]], folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    group: Communicator = TorchGroup()
    for job, steps in jobs:
        run_job(job, group, CPU, _StopsAt(steps))
    distributed.destroy_process_group()


def test_it_stops_goes_on_and_ends_like_one_process(
    store: ArtifactStore, tokens: Artifact, tokenizer: Artifact, tmp_path: Path
) -> None:
    common = QUICK.model_copy(update={"optimizer": "adamw", "precision": "f32", "weight_average": 0.9})
    cut = TrainingSpec.model_validate({**common.to_json(), "workers": 2, "parallel": {"shard": 2}, "keep_checkpoints": 9})
    job = make_job(store, tokens, tokenizer, cut, run="cut")
    multiprocessing.start_processes(_member, ([(job, 5), (job, 100)], str(tmp_path)), nprocs=2, start_method="fork")
    found = job.checkpoints().newest(print)
    alone = make_job(store, tokens, tokenizer, common, run="alone")
    assert found is not None
    cut_weights, cut_state = found.weights(), found.optimizer()
    ledger = [json.loads(line) for line in found.lines("ledger.jsonl")]
    assert found.state.finished
    assert [line["start"] for line in ledger] == list(range(0, 12 * common.global_batch, common.global_batch))
    for artifact in store.artifacts("checkpoint", job.work.fingerprint):
        artifact.location.filesystem.delete_dir(artifact.location.path)
    run_job(alone, Alone(), CPU, Unheard())
    wanted = alone.checkpoints().newest(print)
    assert wanted is not None
    assert alone.work.fingerprint == job.work.fingerprint
    assert cut_weights.keys() == wanted.weights().keys()
    for name, weight in wanted.weights().items():
        torch.testing.assert_close(cut_weights[name], weight, rtol=1e-2, atol=1e-3)
    assert cut_state.keys() == wanted.optimizer().keys()
