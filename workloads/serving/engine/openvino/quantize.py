"""8-bit weights: every matrix that a product multiplies by becomes int8 with one scale per output. Activations stay as they are.

Not for whether the result is good enough: that is the parity gate's (workloads/serving/build/parity.py).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 4096
"""Numbers in a matrix below which nothing is gained."""


def quantize_weights(graph: Any) -> int:
    """Replace the weights in a graph; how many matrices it were."""
    products = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
    replaced = [_quantize(node) for node in products]
    graph.validate_nodes_and_infer_types()
    return sum(replaced)


def rounded(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 values [outputs, inputs] and scales [outputs, 1], whose product is nearest to the matrix: symmetric, per output."""
    scales = np.maximum(np.abs(matrix).max(axis=1, keepdims=True) / 127.0, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(matrix / scales).astype(np.int8), scales


def _quantize(product: Any) -> bool:
    from openvino import opset13 as ops

    weight = product.input_value(1).get_node()
    if weight.get_type_name() == "Convert":  # from the 16 bits on disk
        weight = weight.input_value(0).get_node()
    if weight.get_type_name() != "Constant" or not product.get_attributes()["transpose_b"]:
        return False
    matrix = np.asarray(weight.data, dtype=np.float32)
    if matrix.ndim != 2 or matrix.size < _SMALLEST:
        return False
    values, scales = rounded(matrix)
    restored = ops.multiply(ops.convert(ops.constant(values), "f32"), ops.constant(scales))
    product.input(1).replace_source_output(restored.output(0))
    return True
