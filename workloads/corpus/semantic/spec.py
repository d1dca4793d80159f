"""The recipe's `corpus.duplicates.semantic`: by which encoder documents are compared, and from where two say the same."""

from pydantic import Field

from cluster.config import Spec


class SemanticSpec(Spec):
    """The threshold belongs to the encoder: read pairs on both sides of it (report.html shows them) before trusting one."""

    model: str = Field(
        min_length=1,
        description="a transformers folder with safetensors (a path with a /), or the name of a run whose newest model it is",
    )
    threshold: float = Field(default=0.95, gt=0, le=1, description="cosine similarity from which two documents are one")
    clusters: int = Field(
        default=0, ge=0, le=65_536, description="groups within which documents are compared; 0: one for every 1,000 documents"
    )
    characters: int = Field(default=256, ge=16, le=4096, description="length of the pieces that the encoder is given")
    pieces: int = Field(
        default=4, ge=1, le=64, description="pieces of a document, evenly spread over it, whose mean stands for it"
    )
    length_ratio: float = Field(
        default=0.5, ge=0, le=1, description="a document is no copy of one that differs more in length: shorter by longer"
    )
    centre: bool = Field(
        default=False,
        description="take the mean of all documents from each first: for a decoder, whose vectors all point one way",
    )

    @property
    def is_folder(self) -> bool:
        """Whether `model` is a path; else the name of a run."""
        return "/" in self.model
