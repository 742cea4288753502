"""The loop over the requests."""

from __future__ import annotations

import faulthandler
import gc
import os
import platform
import sys
from typing import TYPE_CHECKING

from .channel import Channel, silence_standard_output
from .copy import make_copy
from .errors import Sources, describe

if TYPE_CHECKING:
    from .channel import Message


def main() -> None:
    """Load the project, run what is asked for, and end without tearing the interpreter down."""
    # Until the project is loaded hardly anything becomes garbage, and looking for it takes a tenth of the time.
    gc.disable()
    channel = Channel()
    silence_standard_output()
    faulthandler.enable()
    channel.listen()
    # The process may be started before it is known what to load.
    broken = _import_alembic()
    load = channel.receive()
    while load["type"] == "copy":
        make_copy(channel)
        load = channel.receive()
    if "directory" in load:
        os.chdir(load["directory"])
    sources = Sources(load["root"])
    if broken is None:
        _serve(channel, load, sources)
    else:
        channel.send("failed", stage="import-alembic", raised=describe(broken, sources))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _import_alembic() -> BaseException | None:
    """Import Alembic and what builds on it; return what keeps it from being imported."""
    try:
        from . import landlock, load, redirect, statements, steps, watch  # noqa: F401
    except BaseException as error:
        return error
    return None


def _serve(channel: Channel, load: Message, sources: Sources) -> None:
    """Answer `load` and what follows it, or `sql` alone."""
    import alembic
    import sqlalchemy

    from . import landlock, relocate
    from . import load as loading
    from .redirect import Redirect
    from .statements import Statements
    from .steps import Runner
    from .watch import Watch, parse_allowed

    allowed = [parse_allowed(entry) for entry in load.get("allowed", ())]
    ports = None
    # A machine that may be reached by all of its ports cannot be told from others.
    if "ports" in load and all(port is not None for _, port in allowed):
        ports = landlock.limit([*load["ports"], *(port for _, port in allowed)])
    channel.send(
        "hello",
        python=platform.python_version(),
        alembic=alembic.__version__,
        sqlalchemy=sqlalchemy.__version__,
        limited=ports is not None,
    )
    statements = Statements(channel, sources)
    redirect = Redirect(channel, statements, sqlite=load.get("sqlite", False))
    watch = Watch(channel, redirect, statements, load["root"], allowed, ports)
    if load["type"] == "sql":
        redirect.finish()
        try:
            from .render import Renderer

            Renderer(channel, load, sources).run()
        except BaseException as error:
            channel.send("failed", stage="config", raised=describe(error, sources))
        return
    if load.get("insteadOf"):
        relocate.install(load["insteadOf"], load["root"])
    try:
        project = loading.Project(load)
        graph = project.graph()
    except loading.LoadError as error:
        watch.tell()
        channel.send("failed", stage=error.stage, raised=describe(error.__cause__ or error, sources))
        return
    redirect.finish()
    watch.tell()
    # What is loaded stays: nobody looks through it again, or writes into memory that copies of the process share.
    gc.freeze()
    gc.enable()
    channel.send("graph", **graph)
    runner = Runner(channel, project, redirect, statements, sources)
    while True:
        request = channel.receive()
        if request["type"] == "bye":
            return
        if request["type"] == "copy":
            make_copy(channel)
        elif request["type"] == "check":
            # Autogenerate is imported for those alone who need it.
            from .models import Comparer

            Comparer(channel, project, redirect, statements, sources, load.get("insteadOf")).check(request)
        else:
            runner.run(request)
        watch.tell()
