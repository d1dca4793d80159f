"""Connected components of a graph given as pairs; each is named by its preferred member."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def components(count: int, pairs: Ints, rank: Ints) -> Ints:
    """For each of `count` members the member of lowest rank in its component (union-find, halving paths).

    The result does not depend on the order of the pairs.
    """
    parent = list(range(count))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    ranks = rank.tolist()
    for left, right in pairs.tolist():
        a, b = root(left), root(right)
        if a != b:
            winner, loser = (a, b) if ranks[a] < ranks[b] else (b, a)
            parent[loser] = winner
    return np.array([root(member) for member in range(count)], dtype=np.int64)
