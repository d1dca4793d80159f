"""The model card is valid Markdown with a YAML header, and tells what it was given."""

import yaml

from workloads.models.card import CardFacts, model_card
from workloads.models.size import describe
from workloads.models.spec import ModelSpec


def test_a_card_tells_the_facts() -> None:
    cost = describe(ModelSpec(preset="2M"), 4000, 256)
    sections = {"Training": {"Steps": "30", "Odd | cell": "a|b\nc"}, "Empty": {}}
    card = model_card(CardFacts("fu-ling", cost, 4000, 256, "qa", sections))
    header = yaml.safe_load(card.split("---")[1])
    assert header == {"language": "zh", "library_name": "transformers", "pipeline_tag": "text-generation"}
    assert "# fu-ling\n" in card
    assert "| Parameters | 1,949,376 (1,181,376 without embeddings) |" in card
    assert "a\\|b c" in card
    assert "Empty" not in card
