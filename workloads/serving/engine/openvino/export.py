"""A Hugging Face decoder as an OpenVINO graph: traced with its keys and values as inputs, which then become state.

This is the form that OpenVINO GenAI reads, too. Done once, when a model is published; needs torch and transformers. Not for
running it (paged.py).
"""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache, DynamicLayer

from cluster.errors import UserError
from workloads.models.cache import cache_name
from workloads.serving.engine.grammar import TOKENIZER
from workloads.serving.engine.openvino.description import GRAPH, Description, Weights
from workloads.serving.engine.openvino.quantize import quantize_weights
from workloads.serving.engine.openvino.runtime import openvino

_BITS: Mapping[Weights, int] = {"int8": 8, "int4": 4}

_PAST, _NEW, _ROWS = 5, 3, 2
"""Sizes of the traced example, all different, so that no size is taken for another."""

_ROPES = ("default", "linear", "yarn", "llama3")
"""Rotary embeddings whose angles do not depend on the length of the prompt: a trace would freeze those that do."""


def export_model(folder: Path, target: Path, weights: Weights) -> Description:
    """Write the graph of a model folder and its description into `target`.

    Raises UserError for a model whose attention cannot be traced this way.
    """
    model = _load(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer tells of every Python condition, and of those there are many
        graph = _trace(model)
    _shrink(graph, weights)
    target.mkdir(parents=True, exist_ok=True)
    openvino().save_model(graph, target / GRAPH, compress_to_fp16=False)
    text = model.config.get_text_config()
    description = Description(
        weights,
        int(text.vocab_size),
        int(text.max_position_embeddings),
        sum(parameter.numel() for parameter in model.parameters()),
        openvino().get_version(),
    )
    description.write(target)
    if (tokenizer := folder / TOKENIZER).is_file():  # for grammars
        shutil.copyfile(tokenizer, target / TOKENIZER)
    return description


def _shrink(graph: Any, weights: Weights) -> None:
    """16 bits on disk, of which fp16 keeps more than bfloat16 computes with; 8 or 4 bits in products for int8 and int4."""
    from openvino._offline_transformations import compress_model_transformation

    if weights != "f32":
        compress_model_transformation(graph)
    if weights in _BITS:
        quantize_weights(graph, _BITS[weights])


def _load(folder: Path) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, attn_implementation="sdpa"
    )
    text = model.config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    rope = (getattr(text, "rope_parameters", None) or {}).get("rope_type", "default")
    if kinds != {"full_attention"} or rope not in _ROPES:
        raise UserError(
            f"the model in {folder} has {', '.join(sorted(kinds))} layers and {rope} rotary embedding",
            f"layers that attend to everything before, and one of {', '.join(_ROPES)}",
            "serve it with the torch engine",
        )
    return model.eval()


class _WithExplicitCache(torch.nn.Module):
    """The model as a function of tensors alone."""

    def __init__(self, model: Any, layers: int) -> None:
        super().__init__()
        self.model, self._layers, self._cache_name = model, layers, cache_name(model)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """input_ids and position_ids [rows, new], attention_mask [rows, past + new], then keys and values of every layer
        [rows, heads, past, head size]. Logits [rows, new, vocabulary], then keys and values with the new ones."""
        cache: Any = DynamicCache()
        cache.layers = [_filled(past[2 * index], past[2 * index + 1]) for index in range(self._layers)]
        new, total = input_ids.shape[1], attention_mask.shape[1]
        seen = torch.arange(total).unsqueeze(0) <= (torch.arange(new) + (total - new)).unsqueeze(1)
        allowed = seen[None, None] & attention_mask[:, None, None, :].bool()
        mask = torch.where(allowed, torch.tensor(0.0), torch.tensor(float("-inf")))
        out = self.model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=position_ids,
            use_cache=True,
            **{self._cache_name: cache},
        )
        return (out.logits, *(part for layer in cache.layers for part in (layer.keys, layer.values)))


def _filled(keys: Tensor, values: Tensor) -> Any:
    """By hand: the layer's own beginning is an empty one-dimensional tensor, which OpenVINO cannot convert."""
    layer: Any = DynamicLayer()  # type: ignore[no-untyped-call]
    layer.keys, layer.values, layer.is_initialized = keys, values, True
    layer.dtype, layer.device = keys.dtype, keys.device
    return layer


def _trace(model: Any) -> Any:
    ov = openvino()
    shapes = _cache_shapes(model)
    ids, positions = torch.ones(_ROWS, _NEW, dtype=torch.long), torch.arange(_PAST, _PAST + _NEW).expand(_ROWS, _NEW)
    mask = torch.ones(_ROWS, _PAST + _NEW, dtype=torch.long)
    past = [torch.zeros(_ROWS, heads, _PAST, size) for heads, size in shapes]
    with torch.no_grad():
        graph = ov.convert_model(
            _WithExplicitCache(model, len(shapes) // 2), example_input=(ids, mask, positions, *past), verbose=False
        )
    _name_ports(graph, shapes)
    _make_stateful(graph, len(shapes) // 2)
    return graph


def _cache_shapes(model: Any) -> list[tuple[int, int]]:
    """(heads, head size) of the keys and of the values of each layer, seen by running it."""
    cache: Any = DynamicCache(config=model.config)
    with torch.no_grad():
        model(input_ids=torch.ones(1, 2, dtype=torch.long), use_cache=True, **{cache_name(model): cache})
    return [(part.shape[1], part.shape[3]) for layer in cache.layers for part in (layer.keys, layer.values)]


def _pairs(layers: int) -> list[str]:
    return [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]


def _name_ports(graph: Any, shapes: list[tuple[int, int]]) -> None:
    """The names by which OpenVINO's transformations and GenAI know inputs and outputs."""
    ov, pairs = openvino(), _pairs(len(shapes) // 2)
    tokens = ["input_ids", "attention_mask", "position_ids"]
    for port, name in zip(graph.inputs, tokens + [f"past_key_values.{pair}" for pair in pairs], strict=True):
        port.get_tensor().set_names({name})
    for port, name in zip(graph.outputs, ["logits"] + [f"present.{pair}" for pair in pairs], strict=True):
        port.get_tensor().set_names({name})
    parts = {3 + index: ov.PartialShape([-1, heads, -1, size]) for index, (heads, size) in enumerate(shapes)}
    graph.reshape({index: ov.PartialShape([-1, -1]) for index in range(3)} | parts)


def _make_stateful(graph: Any, layers: int) -> None:
    """Keys and values become variables of the graph, empty at first, reordered by the input `beam_idx`."""
    from openvino import opset13 as ops
    from openvino._offline_transformations import apply_make_stateful_transformation

    beam = ops.parameter([-1], dtype=np.int32, name="beam_idx")
    beam.output(0).get_tensor().add_names({"beam_idx"})
    graph.add_parameters([beam])
    for port in graph.inputs:
        if port.get_any_name().startswith("past_key_values"):
            readers, gathered = port.get_target_inputs(), ops.gather(port, beam, ops.constant(0))
            for reader in readers:
                reader.replace_source_output(gathered.output(0))
    graph.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(graph, {f"past_key_values.{pair}": f"present.{pair}" for pair in _pairs(layers)})
    rows = ops.gather(ops.shape_of(graph.input("input_ids"), output_type="i64"), ops.constant([0]), ops.constant(0))
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            sizes = [size.get_length() if size.is_static else 0 for size in node.get_output_partial_shape(0)]
            shape = ops.concat([rows, *(ops.constant(np.array([size])) for size in sizes[1:])], axis=0)
            empty = ops.constant(0.0, dtype=node.get_output_element_type(0))
            node.set_arguments([ops.broadcast(empty, shape)])
    graph.validate_nodes_and_infer_types()
