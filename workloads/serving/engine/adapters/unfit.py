"""Why an adapter cannot be used, told by whoever knows what to call it: its folder to an operator, its name to a client."""

from cluster.errors import UserError


class UnfitAdapterError(Exception):
    """`reason` goes on from the adapter's name; then what is allowed, and what to do."""

    def __init__(self, reason: str, allowed: str = "", todo: str = "save the adapter again") -> None:
        super().__init__(reason)
        self.reason, self.allowed, self.todo = reason, allowed, todo

    def told(self, called: str) -> UserError:
        """As one line about what is called so."""
        return UserError(f"{called} {self.reason}", self.allowed, self.todo)
