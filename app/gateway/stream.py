"""An answer as server-sent events, and the end of its making where its client is gone.

Not for what the events say (shapes.py, response_writer.py).
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What some clients take for the end of a line, escaped as JSON allows."""


def sse(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    line = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
    return b"data: " + line.encode() + b"\n\n"


class EventStream(StreamingResponse):
    """Sends lines as they come. However that ends, the lines are closed by then: a generation whose client does not read must
    not hold its place until Python collects it."""

    def __init__(self, lines: AsyncGenerator[bytes, None], headers: Mapping[str, str]) -> None:
        super().__init__(lines, media_type="text/event-stream", headers={**headers, "Cache-Control": "no-cache"})
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._lines):
            await super().__call__(scope, receive, send)
