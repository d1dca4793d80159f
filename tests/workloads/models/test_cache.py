"""A decoder's cache goes by the name that the installed Transformers has for it."""

from workloads.models.cache import cache_name


class Older:
    def forward(self, input_ids: object, past_key_values: object = None) -> None: ...


class Newer:
    def forward(self, input_ids: object, cache: object = None) -> None: ...


def test_both_names_are_known() -> None:
    assert (cache_name(Older()), cache_name(Newer())) == ("past_key_values", "cache")
