"""Random numbers that keep no state."""

import numpy as np

from workloads.serving.engine.uniforms import uniforms


def test_numbers_depend_on_seed_and_draw_alone() -> None:
    def of(*pairs: tuple[int, int]) -> list[list[float]]:
        seeds, draws = zip(*pairs, strict=True)
        return uniforms(np.array(seeds, np.uint64), np.array(draws, np.int64)).tolist()

    pairs = [(1, 0), (2, 7), (2**63 + 5, 3)]
    assert of(*pairs) == [of(pair)[0] for pair in pairs]
    assert len({number for row in of(*((1, draw) for draw in range(100))) for number in row}) == 800
