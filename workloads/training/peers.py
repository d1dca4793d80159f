"""Workers that outlive each other: a group of gloo processes that is made anew whenever one is lost, leaves or joins.

All meet at the roll, which says who takes part and whose state is copied. Not for exchanges inside one replica.
"""

import socket
from datetime import timedelta
from typing import Any, Protocol

import torch
from torch._C._distributed_c10d import AllreduceOptions, BroadcastOptions, PrefixStore, ProcessGroupGloo, TCPStore

from cluster.errors import TrainingError
from workloads.training.rollcall import CatchUp, Ending, Meeting, Member, News, PeerLost

# An exchange with a dead process breaks at once, since the system closes its connections. This is for a machine that vanishes
# without a word, and for a process that hangs; one that was only slow is met again and loses nothing.
_EXCHANGE_SECONDS = 60.0
_CONNECT_SECONDS = 20.0
_ATTEMPTS = 10  # without progress and without anyone dying; then it is no loss of a peer


class MeetingPlace(Protocol):
    """What the group needs of the roll (roll.py)."""

    def meet(self, member: Member, progress: int) -> Meeting: ...
    def news(self, member: Member) -> News: ...
    def leave(self, member: Member) -> None: ...
    def end(self, how: Ending) -> None: ...


class Peers:
    """This process among its peers; nobody's before the first meeting. `host`: this machine's address, `name` one of a kind."""

    lasting = True

    def __init__(self, place: MeetingPlace, number: int, name: str, host: str, machine: str = "") -> None:
        self.rank, self.size = 0, 1
        self._place, self._host = place, host
        self._store = _serve_store(host)
        self._me = Member(name, number, machine, (host, self._store.port))
        self._group: ProcessGroupGloo | None = None
        self._last: tuple[int, tuple[Member, ...]] = (-1, ())
        self._attempts = 0

    def meet(self, progress: int) -> CatchUp | None:
        """See Communicator.meet. Raises TrainingError where the same processes cannot exchange anything again and again."""
        while True:
            self._group = None
            meeting = self._place.meet(self._me, progress)
            self._count_attempt(progress, meeting)
            self.rank, self.size = meeting.members.index(self._me), len(meeting.members)
            try:
                self._group = self._connected(meeting) if self.size > 1 else None
            except RuntimeError:  # someone was lost on the way here
                continue
            return meeting.catch_up(self._me)

    def sum(self, tensor: torch.Tensor) -> None:
        if self.size > 1:
            self._exchange("allreduce", [tensor], AllreduceOptions())

    def copy(self, tensor: torch.Tensor, source: int = 0) -> None:
        if self.size > 1:
            options = BroadcastOptions()
            options.rootRank, options.rootTensor = source, 0
            self._exchange("broadcast", [tensor], options)

    def news(self) -> News:
        return self._place.news(self._me)

    def leave(self) -> None:
        self.close()
        self._place.leave(self._me)

    def end(self, how: Ending) -> None:
        self._place.end(how)

    def close(self) -> None:
        """Break with all others, so that they notice."""
        self._group = None

    def _exchange(self, call: str, tensors: list[torch.Tensor], options: Any) -> None:
        if self._group is None:
            raise PeerLost
        options.timeout = timedelta(seconds=_EXCHANGE_SECONDS)
        try:
            getattr(self._group, call)(tensors, options).wait()
        except RuntimeError as error:
            self._group = None  # closes the connections: whoever still waits for this process is freed
            raise PeerLost(str(error)) from None

    def _connected(self, meeting: Meeting) -> ProcessGroupGloo:
        host, port = meeting.members[0].store
        timeout = timedelta(seconds=_CONNECT_SECONDS)
        store = TCPStore(host, port, is_master=False, wait_for_workers=False, timeout=timeout)
        options = ProcessGroupGloo._Options()  # type: ignore[attr-defined]
        options._devices = [ProcessGroupGloo.create_device(hostname=self._host)]
        options._timeout = timeout
        return ProcessGroupGloo(PrefixStore(str(meeting.number), store), self.rank, self.size, options)

    def _count_attempt(self, progress: int, meeting: Meeting) -> None:
        now = (progress, meeting.members)
        self._attempts = self._attempts + 1 if now == self._last else 0
        self._last = now
        if self._attempts > _ATTEMPTS:
            raise TrainingError(
                f"{self.size} workers could not exchange a step {_ATTEMPTS} times, though none of them is lost",
                "workers need to reach each other on any port",
                "look at the network between the machines",
            )


def _serve_store(host: str) -> TCPStore:
    """A store at which a group that this process leads finds itself; it listens on this address alone."""
    listening = socket.create_server((host, 0))
    port = listening.getsockname()[1]
    return TCPStore(host, port, is_master=True, wait_for_workers=False, master_listen_fd=listening.detach())
