"""Words as rows of tokens: a pair merged in one, and what that changes; compiled."""

from typing import Any

from workloads.text.kernels.compiled import compiled


@compiled
def all_pairs(word: Any, changes: Any) -> Any:
    """Put down every pair of a word as new; how many."""
    changed = 0
    for at in range(len(word) - 1):
        changed = note(changes, changed, word[at], word[at + 1], 1)
    return changed


@compiled
def merge_word(word: Any, length: Any, left: Any, right: Any, made: Any, lengths: Any, longest: Any, changes: Any) -> Any:
    """Merge a pair everywhere in `word[:length]`; the new length, and how many changes (left, right, +1 or -1) of pairs that
    makes. A new pair of `longest` bytes or more is never counted."""
    kept = 0
    changed = 0
    at = 0
    while at < length:
        if at + 1 < length and word[at] == left and word[at + 1] == right:
            if kept > 0:
                changed = note(changes, changed, word[kept - 1], left, -1)
                if lengths[word[kept - 1]] + lengths[made] < longest:
                    changed = note(changes, changed, word[kept - 1], made, 1)
            word[kept] = made
            if at + 2 < length:
                changed = note(changes, changed, right, word[at + 2], -1)
                if lengths[word[at + 2]] + lengths[made] < longest:
                    changed = note(changes, changed, made, word[at + 2], 1)
            at += 2
        else:
            word[kept] = word[at]
            at += 1
        kept += 1
    return kept, changed


@compiled
def note(changes: Any, at: Any, left: Any, right: Any, change: Any) -> Any:
    """Put down a change; where the next one goes."""
    changes[at, 0] = left
    changes[at, 1] = right
    changes[at, 2] = change
    return at + 1
