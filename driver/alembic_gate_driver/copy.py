"""A second process with the project loaded, without loading it again."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel

# They keep threads or hooks of their own, which a copy of the process does not have.
_UNWILLING = ("gevent", "eventlet", "grpc")

# The main thread, and the one that reads the requests.
_OUR_THREADS = 2


def make_copy(channel: Channel) -> None:
    """Fork. Both processes return and serve requests: the copy through the spare descriptors.

    The event `copied` says which process it is; none where the project runs threads, whose locks a copy would inherit.
    """
    if not channel.has_spare or not _can_be_copied():
        channel.send("copied", process=None)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python warns of the thread that reads the requests.
        warnings.simplefilter("ignore")
        process = os.fork()
    # A group of its own, with all that it starts: it may outlive the original. Whoever is first makes it.
    with suppress(OSError):
        os.setpgid(process, process)
    if process == 0:
        channel.take_spare()
    else:
        channel.give_spare()
        channel.send("copied", process=process)


def _can_be_copied() -> bool:
    if any(name in sys.modules for name in _UNWILLING):
        return False
    try:
        return len(os.listdir("/proc/self/task")) == _OUR_THREADS
    except OSError:
        return False
