"""Weights in 8 or 4 bits: the matrices that products multiply by.

8 bits: int8 with one scale per output. 4 bits: 16 levels between bounds of every group of neighbouring inputs (OpenVINO then rounds
activations to 8 bits, 32 at a time); the output layer, whose errors nothing later can mend, and matrices that do not fall into groups
keep 8. Not for whether the result is good enough:
that is the parity gate's (workloads/serving/builds/parity.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.serving.engine.openvino.head import output_layer
from workloads.serving.engine.openvino.runtime import openvino

GROUP = 64
"""Inputs that share bounds: 4.4 bits a weight with scale and zero. What finer and coarser groups give: decision 34."""

_LEVELS = 15
_SMALLEST = 4096
"""Numbers in a matrix below which nothing is gained."""

_TINY = np.finfo(np.float32).tiny
Floats = NDArray[np.float32]


def quantize_weights(graph: Any, bits: int) -> int:
    """Replace the weights in a graph by ones of 8 or 4 bits; how many matrices it were."""
    products = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
    last = output_layer(graph)
    replaced = [_quantize(node, _in_int8 if bits == 8 or node is last else _in_int4) for node in products]
    graph.validate_nodes_and_infer_types()
    return sum(replaced)


def rounded(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """int8 values [outputs, inputs] and scales [outputs, 1], whose product is nearest to the matrix: symmetric, per output."""
    scales = np.maximum(np.abs(matrix).max(axis=1, keepdims=True) / 127.0, _TINY).astype(np.float32)
    return np.rint(matrix / scales).astype(np.int8), scales


@dataclass(frozen=True)
class Groups:
    """A matrix as (levels - zeros) * scales: levels [outputs, groups, GROUP] and zeros [outputs, groups, 1] from 0 to 15."""

    levels: NDArray[np.uint8]
    zeros: NDArray[np.uint8]
    scales: Floats

    def restored(self) -> Floats:
        """[outputs, groups, GROUP]."""
        return (self.levels.astype(np.float32) - self.zeros) * self.scales


def grouped(matrix: Floats) -> Groups:
    """Levels between the least and the greatest of every group, and zero, which is always one of them."""
    parts = matrix.reshape(len(matrix), -1, GROUP)
    low, high = np.minimum(parts.min(-1, keepdims=True), 0), np.maximum(parts.max(-1, keepdims=True), 0)
    scales = np.maximum((high - low) / _LEVELS, _TINY).astype(np.float32)
    zeros = np.rint(-low / scales)
    levels = np.clip(np.rint(parts / scales) + zeros, 0, _LEVELS)
    return Groups(levels.astype(np.uint8), zeros.astype(np.uint8), scales)


def _quantize(product: Any, into: Callable[[Floats], Any]) -> bool:
    weight = product.input_value(1).get_node()
    if weight.get_type_name() == "Convert":  # from the 16 bits on disk
        weight = weight.input_value(0).get_node()
    if weight.get_type_name() != "Constant" or not product.get_attributes()["transpose_b"]:
        return False
    matrix = np.asarray(weight.data, dtype=np.float32)
    if matrix.ndim != 2 or matrix.size < _SMALLEST:
        return False
    product.input(1).replace_source_output(into(matrix).output(0))
    return True


def _in_int8(matrix: Floats) -> Any:
    from openvino import opset13 as ops

    values, scales = rounded(matrix)
    return ops.multiply(ops.convert(ops.constant(values), "f32"), ops.constant(scales))


def _in_int4(matrix: Floats) -> Any:
    from openvino import opset13 as ops

    if matrix.shape[1] % GROUP:
        return _in_int8(matrix)
    groups = grouped(matrix)
    levels, zeros = (ops.convert(_nibbles(each), "f32") for each in (groups.levels, groups.zeros))
    restored = ops.multiply(ops.subtract(levels, zeros), ops.constant(groups.scales))
    return ops.reshape(restored, ops.constant(np.array(matrix.shape, np.int64)), special_zero=False)


def _nibbles(values: NDArray[np.uint8]) -> Any:
    """A constant of 4-bit numbers, two in a byte, the first in the lower half."""
    from openvino import opset13 as ops

    ov, flat = openvino(), values.reshape(-1)
    pairs = np.pad(flat, (0, len(flat) % 2)).reshape(-1, 2)
    tensor = ov.Tensor(ov.Type.u4, ov.Shape(values.shape))  # its own memory: one made around an array does not keep that alive
    tensor.data.reshape(-1)[...] = pairs[:, 0] | pairs[:, 1] << 4
    return ops.constant(tensor)
