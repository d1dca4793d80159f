"""What a decoder costs before it is built: parameters, memory for training and serving, FLOPs per token.

Arithmetic on the shape alone; tests hold the counts to the built model and the activations to what autograd keeps.
"""

from dataclasses import dataclass

from workloads.models.spec import DecoderShape, ModelSpec

_F32 = 4
_GIB = 1 << 30


@dataclass(frozen=True)
class ModelCost:
    """Sizes in bytes, work in floating-point operations. `training_bytes` holds for one worker in f32 weights."""

    parameters: int
    embedding_parameters: int
    forward_flops_per_token: int
    training_flops_per_token: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    kv_bytes_per_token: int

    @property
    def body_parameters(self) -> int:
        """Without the input embedding and the output layer."""
        return self.parameters - self.embedding_parameters

    @property
    def training_bytes(self) -> int:
        return self.weight_bytes + self.gradient_bytes + self.optimizer_bytes + self.activation_bytes

    def serving_bytes(self, tokens: int) -> int:
        """Weights and the keys and values of `tokens` cached tokens, in f32 (half of it in bf16)."""
        return self.weight_bytes + tokens * self.kv_bytes_per_token

    def facts(self) -> dict[str, str]:
        """For one line before a run."""
        return {
            "parameters": f"{self.parameters:,}",
            "without_embeddings": f"{self.body_parameters:,}",
            "training_memory": readable_bytes(self.training_bytes),
            "serving_weights": readable_bytes(self.weight_bytes),
            "kv_per_token": readable_bytes(self.kv_bytes_per_token),
            "training_flops_per_token": f"{self.training_flops_per_token:.3g}",
        }


def describe(spec: ModelSpec, vocabulary: int, sequence_length: int, micro_batch: int = 8, loss_chunk: int = 1024) -> ModelCost:
    """The cost of a model over rows of `sequence_length` tokens, `micro_batch` rows at a time.

    FLOPs as in PaLM (arXiv 2204.02311, appendix B): 2 per weight and token forward plus attention over the whole row
    (not halved for the causal mask, as published utilisations are counted), and twice that backward.
    """
    shape = spec.shape
    total, embeddings = count_parameters(shape, vocabulary)
    matrices = shape.layers * _layer_matrices(shape) + vocabulary * shape.hidden_size
    attention = 4 * shape.layers * shape.heads * shape.head_dim * sequence_length
    forward = 2 * matrices + attention
    kept = micro_batch * sequence_length * _kept_per_token(shape)
    logits = 2 * loss_chunk * vocabulary  # one chunk of logits and its gradient, see training/loss.py
    return ModelCost(
        parameters=total,
        embedding_parameters=embeddings,
        forward_flops_per_token=forward,
        training_flops_per_token=3 * forward,
        weight_bytes=_F32 * total,
        gradient_bytes=_F32 * total,
        optimizer_bytes=2 * _F32 * total,
        activation_bytes=_F32 * (kept + logits),
        kv_bytes_per_token=2 * _F32 * shape.layers * shape.kv_heads * shape.head_dim,
    )


def count_parameters(shape: DecoderShape, vocabulary: int) -> tuple[int, int]:
    """(all parameters, those of input embedding and output layer); a tied matrix counts once."""
    norms = 2 * shape.hidden_size + 2 * shape.head_dim
    body = shape.layers * (_layer_matrices(shape) + norms) + shape.hidden_size
    embeddings = vocabulary * shape.hidden_size * (1 if shape.tie_embeddings else 2)
    return body + embeddings, embeddings


def _layer_matrices(shape: DecoderShape) -> int:
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = shape.hidden_size * (2 * query + 2 * key)
    return attention + 3 * shape.hidden_size * shape.intermediate_size


def _kept_per_token(shape: DecoderShape) -> int:
    """Elements that autograd keeps per token between forward and backward, with fused attention: per layer the two norms
    (input, normalised, output), queries and keys (projected, normalised, scaled, rotated), values, attention's output,
    and four of the feed-forward width."""
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    layer = 6 * shape.hidden_size + 5 * query + 4 * key + 4 * shape.intermediate_size
    return shape.layers * layer + 3 * shape.hidden_size


def readable_bytes(size: int) -> str:
    """`1.5 GiB`, `12 MiB`, `300 KiB`."""
    for unit, scale in (("GiB", _GIB), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} B"
