"""Adapters side by side: each token gets its own adapter's change and nothing of another's."""

import pytest
import torch
from torch import Tensor

from workloads.serving.engine.adapters.mixture import Adapted, Change, Loaded, Mixer, Mixture

CPU = torch.device("cpu")
INPUTS, OUTPUTS = 6, (5, 3)


def adapter(seed: int, ranks: tuple[int, int], site: str = "qk") -> Loaded:
    """One that changes a site of two layers with 5 and 3 outputs."""
    generator = torch.Generator().manual_seed(seed)
    ups = tuple(torch.randn(rank, outputs, generator=generator) for rank, outputs in zip(ranks, OUTPUTS, strict=True))
    return Loaded({site: Change(torch.randn(sum(ranks), INPUTS, generator=generator), ups)})


def expected(each: Loaded | None, x: Tensor) -> Tensor:
    """Layer by layer, for tokens of one adapter."""
    if each is None or "qk" not in each.changes:
        return torch.zeros(len(x), sum(OUTPUTS))
    change = each.changes["qk"]
    return torch.cat([x @ down.t() @ up for down, up in zip(change.downs(), change.ups, strict=True)], dim=-1)


def added(adapted: Adapted, x: Tensor) -> Tensor:
    y = torch.zeros(len(x), sum(OUTPUTS))
    adapted.add("qk", x, y)
    return y


A, B, C, ELSEWHERE = adapter(1, (2, 2)), adapter(2, (3, 0)), adapter(3, (0, 1)), adapter(4, (1, 1), "out")


@pytest.mark.parametrize("rows", [[A], [A, A], [A, B, None, C, A], [None, B], [ELSEWHERE, A], [ELSEWHERE, ELSEWHERE]])
@pytest.mark.parametrize("width", [1, 3])
def test_every_token_gets_the_change_of_its_row(rows: list[Loaded | None], width: int) -> None:
    x = torch.randn(len(rows) * width, INPUTS)
    adapted = Mixer().adapted(rows, rows, width, CPU)
    assert adapted is not None
    parts = [expected(row, x[index * width : (index + 1) * width]) for index, row in enumerate(rows)]
    assert torch.allclose(added(adapted, x), torch.cat(parts), atol=1e-5)


def test_rows_without_adapters_have_nothing_to_add() -> None:
    assert Mixer().adapted([None, None], [None, A, None], 1, CPU) is None


def test_no_adapter_reaches_the_tokens_of_another() -> None:
    """Not even where it overflows."""
    wild = Loaded({"qk": Change(torch.full((4, INPUTS), 3e38), tuple(torch.ones(2, outputs) for outputs in OUTPUTS))})
    x = torch.ones(2, INPUTS)
    adapted = Mixer().adapted([wild, A], [wild, A], 1, CPU)
    assert adapted is not None
    found = added(adapted, x)
    assert not found[0].isfinite().any()
    assert torch.allclose(found[1:], expected(A, x[1:]), atol=1e-5)


def test_a_mixture_is_kept_while_it_serves() -> None:
    mixer = Mixer()
    made: list[Mixture] = []

    def run(rows: list[Loaded | None], every: list[Loaded | None]) -> None:
        mixer.adapted(rows, every, 1, CPU)
        made.append(mixer._kept)

    run([A, B], [A, B, C])
    run([A, None], [A, B, C])
    run([B, C], [B, C])
    assert made[0] is made[1] is made[2]
    assert list(made[0].members) == [A, B, C]
    run([C, None], [C, None])
    assert list(made[3].members) == [C]
    run([C, A], [C, A])
    assert list(made[4].members) == [C, A]


def test_nothing_is_held_of_who_has_left() -> None:
    mixer = Mixer()
    mixer.adapted([A, B], [A, B], 1, CPU)
    mixer.adapted([C, C], [C, C], 1, CPU)
    mixer.forget(B)
    assert (list(mixer._kept.members), list(mixer._alone.members)) == ([], [C])
    mixer.forget(C)
    assert list(mixer._alone.members) == []
