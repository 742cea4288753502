"""What the project's code does beside its migrations: it reaches no other machine, and what files it writes is noted.

Python tells of every connection and every file that is opened, whichever library does it. It does not see what other
programs and C libraries with sockets of their own do.
"""

from __future__ import annotations

import os
import socket
import sys
from errno import ECONNREFUSED
from typing import TYPE_CHECKING, Any, Callable

from .redirect import addresses_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from .channel import Channel
    from .redirect import Redirect
    from .statements import Statements

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NOWHERE = frozenset({"", "localhost", "0.0.0.0", "::", "::1"})


class RefusedError(ConnectionRefusedError):
    """The project wants to reach another machine."""


class Watch:
    """Hears of connections and files from here on; there is one, since nothing takes the hook away again."""

    def __init__(
        self, channel: Channel, redirect: Redirect, statements: Statements, root: str, allowed: Sequence[str]
    ) -> None:
        self._channel = channel
        self._redirect = redirect
        self._statements = statements
        self._roots = tuple({os.path.join(folder, "") for folder in (root, os.path.realpath(root))})
        self._aside = tuple(
            os.path.join(folder, "") for folder in (sys.prefix, *(os.path.join(place, ".git") for place in self._roots))
        )
        self._allowed = {*allowed, *(address for host in allowed for address in addresses_of(host))}
        self._written: dict[str, bool] = {}
        self._told: set[tuple[Any, ...]] = set()
        handlers: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.mkdir": self._write,
            "os.rename": self._rename,
            "os.symlink": self._rename,
            "sqlite3.connect": self._write,
            "socket.connect": self._connect,
        }
        find = handlers.get

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            handler = find(event)
            if handler is not None:
                handler(*arguments)

        sys.addaudithook(hear)

    def tell(self) -> None:
        """Send the files that were written since the last time, and whether they were there before."""
        written, self._written = self._written, {}
        if written:
            files = [{"file": file, "existed": existed} for file, existed in written.items()]
            self._channel.send("wrote", files=files)

    def _open(self, path: Any, _mode: Any, flags: Any) -> None:
        if isinstance(flags, int) and flags & _WRITES:
            self._write(path)

    def _rename(self, _source: Any, target: Any, *_: Any) -> None:
        self._write(target)

    def _write(self, path: Any, *_: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
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
            self._written[file] = os.path.lexists(file)

    def _connect(self, connection: Any, address: Any) -> None:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.type != socket.SOCK_STREAM:
            return
        host, port = str(address[0]), address[1]
        if (
            host in _NOWHERE
            or host in self._allowed
            or host.startswith(("127.", "::ffff:127."))
            or self._redirect.leads_to(host)
        ):
            return
        place = self._statements.place(sys._getframe(1))
        wanted = f"{host}:{port}"
        quiet = self._redirect.loading or not self._is_of_migrations(sys._getframe(1))
        told = (wanted, quiet, *place.values())
        if told not in self._told:
            self._told.add(told)
            self._channel.send("foreign-connection", wanted=wanted, quiet=quiet, **place)
        message = f"the connection to {wanted} was refused: under the gate nothing reaches another machine"
        raise RefusedError(ECONNREFUSED, f"{message} (see allow-hosts)")

    def _is_of_migrations(self, frame: FrameType | None) -> bool:
        """Tell what a revision or env.py does from what the application does by itself."""
        if self._statements.revision is not None:
            return True
        nearest = self._statements.place(frame).get("file", "")
        return os.path.basename(nearest) == "env.py"
