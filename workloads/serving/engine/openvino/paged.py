"""A graph in OpenVINO with a paged key/value cache: tokens of many requests in, logits of the chosen ones out.

Not for which request has which block (schedule.py) nor for choosing tokens (draw.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.serving.engine.openvino.blocks import BLOCK_TOKENS
from workloads.serving.engine.openvino.description import GRAPH
from workloads.serving.engine.openvino.head import output_layer
from workloads.serving.engine.openvino.runtime import core, openvino, precision_here

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """The next tokens of one request, `past` of which are in `blocks` already; `picks` counts the last ones whose logits are
    wanted."""

    tokens: Sequence[int]
    past: int
    blocks: Sequence[int]
    picks: int


class PagedModel:
    """A compiled graph and its cache of `blocks` blocks of `block_bytes`, whose memory is touched only as far as it is used."""

    def __init__(self, folder: Path, precision: str, threads: int, blocks: int) -> None:
        graph = core().read_model(folder / GRAPH)
        _page(graph)
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision_here(precision),
            "KV_CACHE_PRECISION": precision_here(precision),  # the default, 8 bits, depends on how a prompt was split
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # two replicas of a machine would be pinned to the same processors
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        compiled = core().compile_model(graph, "CPU", settings)
        self._request = compiled.create_infer_request()
        self._given: dict[str, Array] = {}
        caches = [port for port in compiled.inputs if "_cache." in port.get_any_name()]
        self._memory = [_zeros(port, blocks) for port in caches]  # the tensors do not keep it alive
        self.block_bytes = sum(memory.nbytes for memory in self._memory) // blocks
        for port, memory in zip(caches, self._memory, strict=True):
            self._request.set_tensor(port.get_any_name(), _tensor(port, memory))

    def give(self, pieces: Sequence[Piece]) -> None:
        """What the next pass computes."""
        for name, value in _inputs(pieces).items():
            here = self._given.get(name)
            if here is not None and here.shape == value.shape:
                here[...] = value  # a tenth of the time of a new tensor
                continue
            tensor = openvino().Tensor(value)
            self._request.set_tensor(name, tensor)
            self._given[name] = tensor.data

    def logits(self) -> NDArray[np.float32]:
        """Logits [sum of picks, vocabulary] of what was given, valid until the next pass; keys and values of all tokens are
        stored. Other Python threads run meanwhile."""
        self._request.infer()
        found: NDArray[np.float32] = self._request.get_output_tensor(0).data
        return found.reshape(-1, found.shape[-1])

    def states(self) -> NDArray[np.float32]:
        """The last layer's states [tokens, size] of all tokens of the last pass, after the last norm; valid until the next."""
        found: NDArray[np.float32] = self._request.get_output_tensor(1).data
        return found.reshape(-1, found.shape[-1])


def _inputs(pieces: Sequence[Piece]) -> dict[str, Array]:
    """What the paged graph reads: tokens one after the other, where each request begins, and where its blocks do."""
    widths = [len(piece.tokens) for piece in pieces]
    used = [-(-(piece.past + width) // BLOCK_TOKENS) for piece, width in zip(pieces, widths, strict=True)]
    ends = list(accumulate(widths))
    tokens: Any = chain.from_iterable(piece.tokens for piece in pieces)
    positions = chain.from_iterable(range(p.past, p.past + width) for p, width in zip(pieces, widths, strict=True))
    blocks = chain.from_iterable(piece.blocks[:count] for piece, count in zip(pieces, used, strict=True))
    picks = chain.from_iterable(range(end - piece.picks, end) for piece, end in zip(pieces, ends, strict=True))
    longest = max(piece.past + width for piece, width in zip(pieces, widths, strict=True))
    return {
        "input_ids": np.fromiter(tokens, np.int64, ends[-1]),
        "position_ids": np.fromiter(positions, np.int64, ends[-1]),
        "past_lens": np.array([piece.past for piece in pieces], np.int32),
        "subsequence_begins": np.array([0, *ends], np.int32),
        "block_indices": np.fromiter(blocks, np.int32, sum(used)),
        "block_indices_begins": np.array([0, *accumulate(used)], np.int32),
        "max_context_len": np.array(longest, np.int32),
        "picks": np.fromiter(picks, np.int64, sum(piece.picks for piece in pieces)),
    }


def _page(graph: Any) -> None:
    """Attention over blocks in place of variables; the output layer for the tokens in the new input `picks` alone; the states that it
    reads, of all tokens, as a second output."""
    from openvino import opset13 as ops
    from openvino._offline_transformations import paged_attention_transformation

    paged_attention_transformation(graph)
    product = output_layer(graph)
    states = product.input_value(0)
    picks = ops.parameter([-1], dtype=np.int64, name="picks")
    picks.output(0).get_tensor().set_names({"picks"})
    chosen = ops.gather(states, picks, ops.constant(0))
    product.input(0).replace_source_output(chosen.output(0))
    graph.add_parameters([picks])
    graph.add_results([ops.result(states)])
    graph.validate_nodes_and_infer_types()


def _zeros(port: Any, blocks: int) -> Array:
    """[blocks, heads, tokens, head size] for a cache; the system gives the memory when it is first written."""
    shape = [blocks, *(size.get_length() for size in list(port.get_partial_shape())[1:])]
    return np.zeros(shape, np.uint16 if port.get_element_type().size == 2 else np.float32)


def _tensor(port: Any, memory: Array) -> Any:
    ov = openvino()
    return ov.Tensor(memory, ov.Shape(memory.shape), port.get_element_type())
