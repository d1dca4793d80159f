"""What every request's body does the same way: strict types, and a word on each field that is not known here.

Fields that would have changed the answer are refused; those that only describe the request are accepted; anything else
unknown is ignored with one warning.
"""

import logging
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, FailFast, Field

from cluster.errors import RequestError

_LOG = logging.getLogger(__name__)
_warned: set[str] = set()


ModelName = Annotated[str, Field(min_length=1, max_length=256)]


class EndsAtFirst(FailFast):
    """A list that is read until its first wrong item: an error for each of a million takes minutes and all the memory."""

    __hash__ = object.__hash__  # a union of such lists wants one


FIRST_FAULT = EndsAtFirst()
MOST_ITEMS = Field(max_length=4096)
"""Of a list whose items are objects or texts: 16 MiB of small ones would hold up all other requests for a quarter of a minute."""


class Body(BaseModel):
    """Base of every request."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Field -> the values of it that change nothing and are therefore accepted."""
    accepted: ClassVar[frozenset[str]] = frozenset()

    def check(self) -> None:
        """Look at the fields that are not ours. Raises RequestError for those that would have changed the answer."""
        for name, value in (self.model_extra or {}).items():
            if name in self.refused:
                if value is not None and value not in self.refused[name]:
                    raise RequestError(f"{name} is not supported", "", f"take {name} out of the request", param=name)
            elif name not in self.accepted and name not in _warned and len(_warned) < 1000:
                _warned.add(name)
                _LOG.warning("request_field_ignored field=%s", ascii(name[:64]))
