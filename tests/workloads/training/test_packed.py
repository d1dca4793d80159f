"""Documents kept apart by their bounds see what a mask would show them; torch's GPU kernel is played by a loop over documents."""

import pytest
import torch
from torch.nn import functional

from cluster.artifacts import Artifact
from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training import packed
from workloads.training.communicator import Alone
from workloads.training.growth import GrowthSpec
from workloads.training.job import Job, TokenCounts, open_feed
from workloads.training.objective import Batch
from workloads.training.packed import can_pack, document_bounds
from workloads.training.precision import Precision
from workloads.training.prepare import packs_documents, prepare
from workloads.training.spec import TrainingSpec

CPU = Precision(torch.float32, "cpu")
MASKED = TrainingSpec(document_mask=True, precision="f32")


def _loop(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    _: torch.Tensor,
    longest: int,
    __: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
) -> torch.Tensor:
    """What `varlen_attn` gives, document by document."""
    assert window_size == (-1, 0)
    parts = []
    for start, stop in zip(bounds.tolist(), bounds.tolist()[1:], strict=False):
        assert stop - start <= longest
        one = [each[start:stop].transpose(0, 1) for each in (query, key, value)]
        parts.append(functional.scaled_dot_product_attention(*one, is_causal=True, scale=scale).transpose(0, 1))
    return torch.cat(parts)


def test_bounds_are_where_documents_begin_and_rows_end_them() -> None:
    assert document_bounds(torch.tensor([[0, 0, 1, 1], [1, 2, 3, 3]])).tolist() == [0, 2, 4, 5, 6, 8]
    assert document_bounds(torch.zeros(2, 3, dtype=torch.int32)).dtype == torch.int32


@pytest.mark.parametrize("recompute", ["none", "full"])
def test_bounds_show_a_token_what_the_mask_shows_it(monkeypatch: pytest.MonkeyPatch, recompute: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, VOCABULARY, (3, LENGTH), generator=generator)
    documents = torch.randint(0, 2, (3, LENGTH - 1), generator=generator).cumsum(1)
    batch = Batch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), documents=documents)
    losses, gradients = [], []
    for bounds in (None, document_bounds(documents)):
        monkeypatch.setattr(packed, "can_pack", lambda _, wanted=bounds is not None: wanted)
        monkeypatch.setattr(packed, "varlen_attn", _loop)
        model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
        spec = MASKED.model_copy(update={"recompute": recompute})
        step, _ = prepare(model, spec, Alone(), CPU)
        model.train()
        loss = step._objective(Batch(batch.inputs, batch.targets, documents=documents, bounds=bounds))  # type: ignore[attr-defined]
        loss.backward()
        losses.append(loss.detach())
        gradients.append([each.grad.clone() for each in model.parameters() if each.grad is not None])
        alone = step.row_losses(batch)  # brings no bounds, and falls back to the mask
        assert sum(alone) * (LENGTH - 1) == pytest.approx(float(loss.detach()), rel=1e-4)
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_it_is_for_bf16_on_a_gpu_and_for_whole_rows() -> None:
    gpu = Precision(torch.bfloat16, "cuda")
    assert can_pack(gpu)
    assert not can_pack(Precision(torch.float32, "cuda"))
    assert not can_pack(Precision(torch.bfloat16, "cpu"))
    assert packs_documents(MASKED, gpu)
    assert not packs_documents(TrainingSpec(), gpu)
    assert not packs_documents(MASKED.model_copy(update={"parallel": MASKED.parallel.model_copy(update={"context": 2})}), gpu)


def test_a_feed_brings_bounds_of_the_sequences_it_cuts_in_pinned_memory(
    job: Job, tokens: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[torch.Tensor] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    spec = job.spec.model_copy(update={"document_mask": True, "growth": GrowthSpec(first_length=8, length_steps=4)})
    masked = Job(spec, job.model, job.store_uri, job.tokens, job.work, job.run, job.seed)
    feed = open_feed(masked, TokenCounts.of(tokens), tokens.local_folder(), torch.device("cuda"), packed=True)
    batch = feed._read((0, 0, 1))[0]
    assert batch.documents is not None
    assert batch.bounds is not None
    assert torch.equal(batch.bounds, document_bounds(batch.documents))
    assert set(range(0, batch.inputs.numel(), 8)) <= set(batch.bounds.tolist())
    here = {id(each) for each in pinned}
    assert {id(each) for each in (batch.inputs, batch.targets, batch.documents, batch.bounds)} <= here
