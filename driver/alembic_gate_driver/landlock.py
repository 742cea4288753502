"""The kernel's own limit for TCP connections, where it has Landlock (Linux 6.7 or later).

It holds for C libraries and for every program that is started as well, which Python hears nothing of. Its rules know
ports and no addresses, and nobody who is held by one can widen it.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

try:
    # What is below ctypes, which takes two milliseconds to be imported; this takes half of one.
    import _ctypes
except ImportError:  # A Python that was built without it.
    _ctypes = None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The numbers are the same on every architecture that Landlock came to.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_FIRST_WITH_PORTS = 4
_RULE_NET_PORT = 2
_CONNECT_TCP = 2
_NO_NEW_PRIVILEGES = 38

_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
_LISTENING = 10

# Sockets are asked for by netlink, which tells those that listen alone: the tables in /proc take milliseconds.
_SOCKET_DIAGNOSIS = 4
_BY_FAMILY = 20
_REQUEST_ALL = 0x301
_FAILED, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")
_PORT = struct.Struct("!4xH")

# Names are asked for over TCP where the answer is long.
_NAME_SERVICE = 53


def listening() -> set[int]:
    """Return the ports on which programs of this machine take connections. Raises OSError where nobody tells."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCKET_DIAGNOSIS) as netlink:
            netlink.settimeout(1)
            return {port for family in (socket.AF_INET, socket.AF_INET6) for port in _asked(netlink, family)}
    except OSError:
        return {port for table in _TABLES for port in _read(table)}


def _asked(netlink: socket.socket, family: int) -> Iterator[int]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTENING)
    netlink.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_ALL, 0, 0) + request)
    while True:
        answer = netlink.recv(65_536)
        start = 0
        while start < len(answer):
            length, kind, *_ = _HEADER.unpack_from(answer, start)
            if kind == _DONE:
                return
            if kind == _FAILED:
                raise OSError
            yield _PORT.unpack_from(answer, start + _HEADER.size)[0]
            start += length + 3 & ~3


def _read(table: str) -> Iterator[int]:
    if table != _TABLES[0] and not os.path.exists(table):
        return  # The kernel has no IPv6.
    with open(table) as lines:
        next(lines)
        for line in lines:
            _, address, _, state, _ = line.split(None, 4)
            if int(state, 16) == _LISTENING:
                yield int(address.rpartition(":")[2], 16)


def limit(ports: Iterable[int]) -> frozenset[int] | None:
    """Let this thread, and all that it starts from here on, connect to these ports and to those of services here alone.

    Returns the ports; None where the kernel cannot do it or may not, and nothing has changed.
    """
    if sys.platform != "linux" or _ctypes is None:
        return None
    with suppress(OSError, AttributeError, TypeError):
        return _limited(frozenset({*ports, *listening(), _NAME_SERVICE}))
    return None


def _limited(ports: frozenset[int]) -> frozenset[int] | None:
    call = _function("syscall")
    if call(_CREATE_RULESET, None, 0, _ASK_VERSION) < _FIRST_WITH_PORTS:
        return None
    handled = _numbers(0, _CONNECT_TCP)
    ruleset = call(_CREATE_RULESET, handled, len(handled), 0)
    try:
        for port in ports:
            call(_ADD_RULE, ruleset, _RULE_NET_PORT, _numbers(_CONNECT_TCP, port), 0)
        try:
            # An administrator may keep sudo.
            call(_RESTRICT_SELF, ruleset, 0)
        except PermissionError:
            _function("prctl")(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
            call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return ports


def _numbers(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, sys.byteorder) for number in numbers)


def _function(name: str) -> Callable[..., int]:
    """Return a function of the C library that takes integers and bytes, and raises OSError where it fails."""

    class Long(_ctypes._SimpleCData):
        _type_ = "l"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Long

    function = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), name))

    def call(*arguments: bytes | int | None) -> int:
        result = function(*(Long(one) if isinstance(one, int) else one for one in arguments))
        if result < 0:
            error = _ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result

    return call
