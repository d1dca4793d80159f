"""Whether a grammar compiles within bounds, found out once for each in a process of its own: what a client sends may not hold up
or fill the process that answers everybody.

Not for what the process does (grammar_rules.py).
"""

import hashlib
import json
import logging
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from cluster.observe.logs import event
from workloads.serving.engine.base import Grammar

_LOG = logging.getLogger(__name__)
_PROGRAM = Path(__file__).with_name("grammar_rules.py")
_MOST_KNOWN = 1024
_AT_ONCE = 2
_LONGEST = 60.0
"""Seconds by the clock; the processor's time is what the process itself is bound by."""
_TOO_MUCH = "it takes too long or too much memory to compile"


class Trials:
    """Of one replica. Threads may ask beside each other; two processes at most run at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.BoundedSemaphore(_AT_ONCE)

    def fault(self, grammar: Grammar) -> str:
        """Why the grammar cannot be used; empty where it can. Slow the first time (0.1 s of a processor, at most 1 s)."""
        name = hashlib.blake2b(f"{grammar.kind} {grammar.text}".encode(), digest_size=16).digest()
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
        with self._turn:
            found = _tried(grammar)
        with self._lock:
            self._known[name] = found
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def _tried(grammar: Grammar) -> str:
    asked = json.dumps({"kind": grammar.kind, "text": grammar.text})
    try:
        # -P: the folder of the program is not searched for modules
        ended = subprocess.run(
            [sys.executable, "-P", str(_PROGRAM)], input=asked, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return _TOO_MUCH
    if ended.returncode == 0:
        return ended.stdout
    event(_LOG, "grammar_trial_ended", logging.WARNING, code=ended.returncode, said=ended.stderr[-200:])
    return _TOO_MUCH
