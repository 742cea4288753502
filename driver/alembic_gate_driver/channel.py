"""Descriptors that lead to Node: requests come in on 3, events go out on 4; the next ones are for copies."""

from __future__ import annotations

import _thread
import json
import os
import queue
import sys
import threading
import time
from typing import Any, BinaryIO, Callable

Message = dict[str, Any]

# Where Node has put the ends of each copy.
_SPARE = (5, 7, 9, 11)

# Events that nobody waits for are sent together, with the next other one or after so many bytes or seconds.
_MOST_BYTES = 32_768
_LONGEST_WAIT = 0.2

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Channel:
    """Lines of JSON in both directions.

    A thread of its own reads the requests, so that the process ends as soon as Node is gone, and so that some requests
    are answered while the main thread is busy with a statement that hangs.
    """

    def __init__(self) -> None:
        # Where copies of this process will listen and talk.
        self._spare = [(_claim(end), _claim(end + 1)) for end in _SPARE]
        self._immediate: dict[str, Callable[[], None]] = {}
        self._inputs: list[BinaryIO] = []
        self._open(_claim(3), _claim(4))

    def _open(self, requests: int, events: int) -> None:
        self._process = os.getpid()
        self._ends = (requests, events)
        # An earlier one stays referred to: its lock may be held by a thread that a copy of the process does not have.
        self._inputs.append(os.fdopen(requests, "rb"))
        self._output = events
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._sent = 0.0
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()

    @property
    def has_spare(self) -> bool:
        """Whether there are descriptors left for a copy."""
        return bool(self._spare)

    def take_spare(self) -> None:
        """In a copy of the process: talk through descriptors of its own, and let go of all others."""
        own, *others = self._spare
        self._spare = []
        for ends in (self._ends, *others):
            for descriptor in ends:
                os.close(descriptor)
        self._open(*own)
        self.listen()

    def give_spare(self) -> None:
        """In the original: leave the copy's descriptors to it alone."""
        for descriptor in self._spare.pop(0):
            os.close(descriptor)

    def answer_at_once(self, request: str, handler: Callable[[], None]) -> None:
        """Call the handler in the reading thread, whatever the main thread is doing."""
        self._immediate[request] = handler

    def listen(self) -> None:
        """Start reading."""
        # Not in threading's list: what patches the only thread of a process, as gevent does, finds the project's alone.
        _thread.start_new_thread(self._read, ())

    def send(self, kind: str, *, at_once: bool = True, **fields: Any) -> None:
        """Send one event, and those that were kept back before it."""
        if os.getpid() != self._process:
            return  # The project forked, and nobody asked the child.
        line = _encode({"type": kind, **fields}).encode() + b"\n"
        with self._lock:
            self._kept += line
            now = time.monotonic()
            if not at_once and len(self._kept) < _MOST_BYTES and now - self._sent < _LONGEST_WAIT:
                return
            self._sent = now
            lines, self._kept = memoryview(self._kept), bytearray()
            while lines:
                lines = lines[os.write(self._output, lines) :]

    def receive(self) -> Message:
        """Wait for the next request."""
        return self._requests.get()

    def _read(self) -> None:
        for line in self._inputs[-1]:
            request = json.loads(line)
            handler = self._immediate.get(request["type"])
            if handler is None:
                self._requests.put(request)
            else:
                handler()
        os._exit(1)


def _claim(descriptor: int) -> int:
    """Move a descriptor to where programs that the project starts do not inherit it."""
    private = os.dup(descriptor)
    os.close(descriptor)
    return private


def silence_standard_output() -> None:
    """Send what the project prints to stderr, line by line, so that nothing is lost when it dies."""
    sys.stdout.flush()
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
