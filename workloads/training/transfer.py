"""One learning rate for models of every width: how rates and the first weights follow the width (muP).

Yang et al. 2022 (arXiv 2203.03466, table 8) for Adam: the matrices within the layers learn at a rate that falls with the width, and
the output is divided by it; embeddings and norms stay. Here the last norm's gain holds that divisor, whose rate falls with it: the
same updates, and an exported model needs to know nothing of it. The first weights of the layers are those of a plain model already
(their spread falls with the square root of the width). Not for depth, batch or length of training: their rates do not carry over.
"""

import torch
from transformers import PreTrainedModel

from workloads.training.spec import TrainingSpec

LAST_NORM = "model.norm.weight"
EMBEDDINGS = ("embed_tokens.weight", "lm_head.weight")


def width_ratio(model: PreTrainedModel, spec: TrainingSpec) -> float:
    """The width that the learning rate was found for, as a share of this model's; 1 where the recipe names none."""
    return 1.0 if spec.base_width is None else spec.base_width / int(model.config.hidden_size)


def rate_factor(name: str, dimensions: int, ratio: float) -> float:
    """What the learning rate of a weight of this name is multiplied by."""
    inner = dimensions >= 2 and not name.endswith(EMBEDDINGS)
    return ratio if inner or name == LAST_NORM else 1.0


@torch.no_grad()
def scale_output(model: PreTrainedModel, spec: TrainingSpec) -> None:
    """Fresh weights whose output follows the width."""
    model.get_parameter(LAST_NORM).mul_(width_ratio(model, spec))
