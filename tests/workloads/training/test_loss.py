"""The chunked cross-entropy against the plain one: value and gradients."""

import pytest
import torch

from workloads.training.loss import IGNORED, plain_cross_entropy, summed_cross_entropy


def _inputs(rows: int = 23, ignored: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, 8, generator=generator, requires_grad=True)
    weight = torch.randn(50, 8, generator=generator, requires_grad=True)
    targets = torch.randint(0, 50, (rows,), generator=generator)
    targets[:ignored] = IGNORED
    return hidden, weight, targets


@pytest.mark.parametrize("chunk", [1, 7, 23, 1000])
def test_loss_and_gradients_do_not_depend_on_the_chunk(chunk: int) -> None:
    hidden, weight, targets = _inputs()
    plain = plain_cross_entropy(hidden, weight, targets)
    wanted = torch.autograd.grad(3 * plain, (hidden, weight))
    chunked = summed_cross_entropy(hidden, weight, targets, chunk)
    found = torch.autograd.grad(3 * chunked, (hidden, weight))
    torch.testing.assert_close(chunked, plain, rtol=1e-5, atol=1e-5)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_ignored_targets_give_nothing() -> None:
    hidden, weight, targets = _inputs(rows=6, ignored=6)
    loss = summed_cross_entropy(hidden, weight, targets, 4)
    assert loss.item() == 0
    assert all(gradient.abs().sum() == 0 for gradient in torch.autograd.grad(loss, (hidden, weight)))


def test_bf16_is_near() -> None:
    hidden, weight, targets = _inputs()
    near = summed_cross_entropy(hidden, weight, targets, 8, torch.bfloat16)
    gradients = torch.autograd.grad(near, (hidden, weight))
    assert all(gradient.dtype == torch.float32 for gradient in gradients)
    torch.testing.assert_close(near, plain_cross_entropy(hidden, weight, targets), rtol=2e-2, atol=0.0)


def test_it_also_measures_without_gradients() -> None:
    hidden, weight, targets = _inputs()
    with torch.no_grad():
        assert summed_cross_entropy(hidden, weight, targets, 5).item() == pytest.approx(
            plain_cross_entropy(hidden, weight, targets).item(), rel=1e-5
        )


def test_large_logits_stay_finite() -> None:
    hidden, weight, targets = _inputs()
    loss = summed_cross_entropy(hidden * 1e4, weight, targets, 8)
    assert torch.isfinite(loss)
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(loss, (hidden, weight)))


def test_z_loss_enters_the_gradient_and_not_the_value() -> None:
    hidden, weight, targets = _inputs()
    normaliser = torch.logsumexp(hidden @ weight.t(), dim=1)
    wanted = plain_cross_entropy(hidden, weight, targets) + 0.1 * (normaliser[targets != IGNORED] ** 2).sum()
    found = summed_cross_entropy(hidden, weight, targets, 7, z_loss=0.1)
    assert found.item() == pytest.approx(plain_cross_entropy(hidden, weight, targets).item(), rel=1e-5)
    gradients = (torch.autograd.grad(each, (hidden, weight)) for each in (found, wanted))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
