"""Where a decoder's graph ends. Not for what is done there: quantize.py, paged.py."""

from typing import Any


def output_layer(graph: Any) -> Any:
    """The product that the logits come from."""
    node = graph.output("logits").get_node().input_value(0).get_node()
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).get_node()
    return node
