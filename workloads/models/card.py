"""The model card: README.md of a model folder, from facts alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workloads.models.size import ModelCost, readable_bytes


@dataclass(frozen=True)
class CardFacts:
    """What a card tells. `sections` maps a heading to rows of (name, value)."""

    name: str
    cost: ModelCost
    vocabulary: int
    context: int
    chat_template: str
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def model_card(facts: CardFacts) -> str:
    """Markdown with the YAML header that the Hugging Face hub understands."""
    header = "---\nlanguage: zh\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n"
    model = {
        "Architecture": "Qwen3 decoder (transformers `Qwen3ForCausalLM`)",
        "Parameters": f"{facts.cost.parameters:,} ({facts.cost.body_parameters:,} without embeddings)",
        "Vocabulary": f"{facts.vocabulary:,}",
        "Context": f"{facts.context:,} tokens",
        "Chat template": facts.chat_template,
        "Weights": f"{readable_bytes(facts.cost.weight_bytes)} in f32",
        "Key/value cache": f"{readable_bytes(facts.cost.kv_bytes_per_token)} per token in f32",
    }
    tables = [_table(title, rows) for title, rows in {"Model": model, **facts.sections}.items() if rows]
    use = (
        "## Use\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained(".")\nmodel = AutoModelForCausalLM.from_pretrained(".")\n```\n\n'
        "Trained from scratch by Hanlin. It knows only what its training text says; check what it writes before relying on it.\n"
    )
    return "\n".join([header, f"# {facts.name}\n", *tables, use])


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = [f"## {title}\n", "| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows.items())]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return " ".join(value.replace("|", "\\|").split())
