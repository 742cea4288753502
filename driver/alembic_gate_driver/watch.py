"""What the project's code does beside its migrations: it reaches no other machine, and what files it writes is noted.

Python tells of every connection and every file that is opened, whichever library does it. It does not see what other
programs and C libraries with sockets of their own do: landlock.py limits those where the kernel can.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from errno import ECONNREFUSED
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import landlock
from .redirect import addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from .channel import Channel
    from .redirect import Redirect
    from .statements import Statements

_PATHS = (str, bytes, os.PathLike)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# What starts another program, and names it first.
_PROGRAMS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn")

_NOWHERE = frozenset({"", "localhost", "0.0.0.0", "::", "::1"})


# A machine, and the one port of it; None: all of them.
Allowed = tuple[str, Optional[int]]


def parse_allowed(entry: str) -> Allowed:
    """Read `redis`, `redis:6379`, `10.0.0.5`, `fe80::1` or `[fe80::1]:443`."""
    host, _, port = entry.rpartition(":")
    if port.isdigit() and host and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return entry.strip("[]"), None


class RefusedError(ConnectionRefusedError):
    """The project wants to reach another machine."""


class Watch:
    """Hears of connections and files from here on; there is one, since nothing takes the hook away again.

    `ports`: those that the kernel lets this process connect to; None: all.
    """

    def __init__(
        self,
        channel: Channel,
        redirect: Redirect,
        statements: Statements,
        root: str,
        allowed: Iterable[Allowed],
        ports: frozenset[int] | None,
    ) -> None:
        self._channel = channel
        self._redirect = redirect
        self._statements = statements
        self._roots = tuple({os.path.join(folder, "") for folder in (root, os.path.realpath(root))})
        self._aside = tuple(
            os.path.join(folder, "") for folder in (sys.prefix, *(os.path.join(place, ".git") for place in self._roots))
        )
        self._allowed = {(address, port) for host, port in allowed for address in (host, *addresses_of(host))}
        self._ports = ports
        self._written: dict[str, tuple[bool, float]] = {}
        self._told: set[tuple[Any, ...]] = set()
        handlers: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.mkdir": self._write,
            "os.rename": self._rename,
            "os.symlink": self._rename,
            "sqlite3.connect": self._write,
            "socket.connect": self._connect,
            **({} if ports is None else dict.fromkeys(_PROGRAMS, self._start)),
        }
        find = handlers.get

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            handler = find(event)
            if handler is not None:
                handler(*arguments)

        sys.addaudithook(hear)

    def tell(self) -> None:
        """Send the files that were written since the last time, when that was, and whether they were there before."""
        written, self._written = self._written, {}
        if written:
            files = [{"file": file, "existed": existed, "at": at} for file, (existed, at) in written.items()]
            self._channel.send("wrote", files=files)

    def _open(self, path: Any, _mode: Any, flags: Any) -> None:
        if isinstance(flags, int) and flags & _WRITES:
            self._write(path)

    def _rename(self, _source: Any, target: Any, *_: Any) -> None:
        self._write(target)

    def _write(self, path: Any, *_: Any) -> None:
        if not isinstance(path, _PATHS):
            return
        name = os.fsdecode(path)
        # Compiled modules make the next run faster, and every Python leaves them.
        if "__pycache__" in name:
            return
        try:
            file = os.path.abspath(name)
        except OSError:
            return
        if file.startswith(self._roots) and not file.startswith(self._aside) and file not in self._written:
            # The time comes second: who finds what another process makes has a later one than that.
            self._written[file] = (os.path.lexists(file), time.monotonic())

    def _connect(self, connection: Any, address: Any) -> None:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.type != socket.SOCK_STREAM:
            return
        host, port = str(address[0]), address[1]
        wanted = f"{host}:{port}"
        if host in _NOWHERE or host.startswith(("127.", "::ffff:127.")):
            self._reach_service(wanted, port)
            return
        if not {(host, port), (host, None)}.isdisjoint(self._allowed) or self._redirect.leads_to(host):
            return
        self._tell_of("foreign-connection", sys._getframe(1), wanted=wanted)
        message = f"the connection to {wanted} was refused: under the gate nothing reaches another machine"
        raise RefusedError(ECONNREFUSED, f"{message} (see allow-hosts)")

    def _reach_service(self, wanted: str, port: int) -> None:
        """Let a service of this machine be reached, as far as the kernel lets us: it knew those that ran before."""
        if self._ports is None or port in self._ports:
            return
        if port in landlock.listening():
            self._tell_of("foreign-connection", sys._getframe(2), wanted=wanted, late=True)
            message = f"the connection to {wanted} was refused: nothing listened there when the project was loaded"
            raise RefusedError(ECONNREFUSED, f"{message} (see allow-hosts)")
        # The kernel would name another reason, which programs that do without the service do not expect.
        raise ConnectionRefusedError(ECONNREFUSED, os.strerror(ECONNREFUSED))

    def _start(self, program: Any, arguments: Any = (), *_: Any) -> None:
        words = arguments if isinstance(arguments, (list, tuple)) and arguments else (program,)
        line = words[2] if len(words) > 2 and words[0] == "/bin/sh" else words[0]
        name = (
            os.path.basename(os.fsdecode(line).strip().partition(" ")[0]) if isinstance(line, _PATHS) else "a program"
        )
        self._tell_of("program", sys._getframe(1), program=name, revision=self._statements.revision)

    def _tell_of(self, kind: str, frame: FrameType | None, **fields: Any) -> None:
        """Say once what is wanted, by which line, and whether it is the application by itself that wants it."""
        place = self._statements.place(frame)
        quiet = self._redirect.loading or not self._is_of_migrations(frame)
        told = (kind, quiet, *fields.values(), *place.values())
        if kind == "program" or told not in self._told:
            self._told.add(told)
            self._channel.send(kind, quiet=quiet, **fields, **place)

    def _is_of_migrations(self, frame: FrameType | None) -> bool:
        """Tell what a revision or env.py does from what the application does by itself."""
        if self._statements.revision is not None:
            return True
        nearest = self._statements.place(frame).get("file", "")
        return os.path.basename(nearest) == "env.py"
