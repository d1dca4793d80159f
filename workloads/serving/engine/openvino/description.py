"""What an engine build says of itself: `build.json` beside its graph. Not for the graph (export.py, paged.py)."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cluster.errors import UserError

Weights = Literal["f32", "bf16", "int8", "int4"]
"""f32: everything in 32 bits. bf16: computed in bfloat16. int8, int4: the same with weights of 8 or 4 bits in the matrix
products."""

GRAPH = "openvino_model.xml"
_FILE = "build.json"


@dataclass(frozen=True)
class Description:
    """`parameters` of the model it was made from; `max_context` in tokens; `openvino` is the version that made it."""

    weights: Weights
    vocabulary: int
    max_context: int
    parameters: int
    openvino: str

    @property
    def precision(self) -> str:
        """In which activations, keys and values are kept."""
        return "f32" if self.weights == "f32" else "bf16"

    def write(self, folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_description(folder: Path) -> Description:
    """Raises UserError where the folder holds no engine build."""
    try:
        return Description(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{folder} holds no engine build ({error})", "what `hanlin run` makes beside a model", "run the recipe again"
        ) from error
