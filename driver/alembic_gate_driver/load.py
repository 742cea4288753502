"""Loads the project exactly as Alembic's command line, or Flask's, would."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import Namespace
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.util import module_from_spec
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import alembic
from alembic import util
from alembic.config import CommandLine, Config
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

    from alembic.script import Script


class LoadError(Exception):
    """The project could not be loaded; `stage` says what was being done."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Project:
    """An Alembic environment whose revisions were loaded."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._config_file = os.path.relpath(request["config"])
        self._app: Any = None
        self._used: set[str] = set()
        self._code: dict[str, CodeType | None] = {}
        self.warnings: list[str] = []
        # `python -m alembic` looks here as well, the console script does not: last, so that nothing is hidden by it.
        sys.path.append(os.getcwd())
        if request["kind"] == "factory":
            sys.path.append(os.path.join(os.getcwd(), "src"))
        with _stage("app"):
            if request["kind"] == "flask-migrate":
                self._app = _flask_app()
        with self.command("upgrade", "heads") as config, _stage("config"):
            self.script = ScriptDirectory.from_config(config)
            if request.get("versionFolders"):
                self.script.version_locations = request["versionFolders"]
            self._folders = self.script.version_locations
            # The template for several databases names them here.
            databases = config.file_config.get(config.config_ini_section, "databases", fallback="")
            self._several = len(databases.replace(",", " ").split()) > 1 or self._names_engines()
        with _stage("revisions"), _alembic_warnings(self.warnings):
            self._ordered: list[Script] = list(reversed(self.at_or_below("heads")))
            self._scripts = {script.revision: script for script in self._ordered}

    @contextmanager
    def command(self, name: str, *arguments: str) -> Iterator[Config]:
        """Give what one command would have: sys.argv, an application's context, and a Config of its own."""
        before = sys.argv
        try:
            if self._request["kind"] == "factory":
                sys.argv = ["alembic", name, *arguments]
                with _stage("config"):
                    config = built_config(self._request["factory"], self._request["x"], arguments)
                yield config
            elif self._app is None:
                sys.argv = ["alembic", *self._arguments(name, *arguments)]
                with _stage("config"):
                    config = CapturedConfig.of(sys.argv[1:])
                yield config
            else:
                sys.argv = ["flask", "db", name, *arguments]
                with self._app.app_context():
                    with _stage("config"):
                        config = self._flask_config(["autogenerate"] if "--autogenerate" in arguments else [])
                    yield config
        finally:
            sys.argv = before

    def graph(self) -> dict[str, Any]:
        """Return the fields of the event `graph`."""
        return {
            "revisions": [_describe(script) for script in self._ordered],
            "heads": list(self.script.get_heads()),
            "bases": list(self.script.get_bases()),
            "order": [script.revision for script in self._ordered],
            "versionFolders": [os.path.abspath(folder) for folder in self.script._version_locations],
            "several": self._several,
            "warnings": self.warnings,
        }

    def moved_folders(self) -> list[str] | None:
        """Return the folders of revisions, where env.py has set others than those that were loaded."""
        folders = self.script.version_locations
        if not folders or folders == self._folders:
            return None
        return [os.path.abspath(folder) for folder in folders]

    def _names_engines(self) -> bool:
        """Tell env.py of the templates for several databases, which say to each revision whose turn it is."""
        file = os.path.join(self.script.dir, "env.py")
        with suppress(OSError), open(file, encoding="utf-8", errors="replace") as lines:
            return "engine_name=" in lines.read()
        return False

    def revision(self, identifier: str) -> Script:
        """Return a revision; its file is executed anew for every run, as by a command of its own."""
        script = self._scripts[identifier]
        if identifier in self._used:
            script.module = self._executed_anew(identifier, script.module)
        return script

    def _executed_anew(self, identifier: str, module: ModuleType) -> ModuleType:
        spec = module.__spec__
        if spec is None or not isinstance(spec.loader, InspectLoader):
            return util.load_python_file(*os.path.split(module.__file__))
        code = self._code.get(identifier)
        if code is None:
            code = self._code[identifier] = spec.loader.get_code(spec.name)
        fresh = module_from_spec(spec)
        exec(code, fresh.__dict__)
        return fresh

    def at_or_below(self, heads: str | tuple[str, ...]) -> list[Script]:
        """Return these revisions and all that they build on, in Alembic's order, from the heads down."""
        return list(self.script.revision_map.iterate_revisions(heads, (), implicit_base=True))

    def used(self, identifiers: list[str]) -> None:
        """Remember which revisions' modules a run may have changed."""
        self._used.update(identifiers)

    def _arguments(self, *command: str) -> list[str]:
        extra = [f"-x{argument}" for argument in self._request["x"]]
        return ["-c", self._config_file, "-n", self._request["section"], *extra, *command]

    def _flask_config(self, options: list[str]) -> Config:
        migrate = self._app.extensions["migrate"]
        directory = os.path.dirname(self._config_file)
        # As `flask db` without --directory, where the application means the same folder.
        same = os.path.abspath(migrate.directory) == os.path.abspath(directory)
        named = {"opts": options} if options else {}
        return migrate.migrate.get_config(None if same else directory, x_arg=self._request["x"], **named)


def built_config(factory: str, x: list[str], arguments: tuple[str, ...]) -> Config:
    """Have the project's own function build the configuration."""
    module, _, name = factory.partition(":")
    config = attrgetter(name)(import_module(module))()
    if not isinstance(config, Config):
        message = f"{factory} returns no alembic.config.Config but {config!r}"
        raise TypeError(message)
    if config.cmd_opts is None:
        config.cmd_opts = Namespace(x=x, autogenerate="--autogenerate" in arguments)
    return config


class CapturedConfig(CommandLine):
    """Alembic's command line, up to the point where it would run the command."""

    config: Config

    @classmethod
    def of(cls, arguments: list[str]) -> Config:
        """Read the configuration that these arguments name."""
        line = cls(prog="alembic")
        line.main(arguments)
        return line.config

    def run_cmd(self, config: Config, options: Namespace) -> None:  # noqa: ARG002
        """Keep the configuration."""
        self.config = config


def _flask_app() -> Any:
    from flask.cli import ScriptInfo, load_dotenv

    # `flask` says so to applications: some do not start their servers or patch threads then.
    os.environ["FLASK_RUN_FROM_CLI"] = "true"
    if os.environ.get("FLASK_SKIP_DOTENV", "0").lower() in ("0", "false", "no"):
        load_dotenv()
    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    if "migrate" not in app.extensions:
        message = f"the application {app.name} has no Flask-Migrate: Migrate(app, db) was never called"
        raise RuntimeError(message)
    return app


def _describe(script: Script) -> dict[str, Any]:
    return {
        "id": script.revision,
        "down": list(script._versioned_down_revisions),
        "dependsOn": list(util.to_tuple(script._resolved_dependencies, default=())),
        "labels": sorted(script._orig_branch_labels),
        "file": os.path.abspath(script.module.__file__),
    }


@contextmanager
def _stage(name: str) -> Iterator[None]:
    try:
        yield
    except LoadError:
        raise
    except BaseException as error:
        raise LoadError(name) from error


@contextmanager
def _alembic_warnings(texts: list[str]) -> Iterator[None]:
    """Collect what Alembic warns of, such as a revision id that two files have; let other warnings through."""
    folder = os.path.join(os.path.dirname(alembic.__file__), "")
    with warnings.catch_warnings():
        warnings.filterwarnings("always", module=r"alembic\.")
        show = warnings.showwarning

        def collect(message: Warning | str, category: type, filename: str, *rest: Any, **named: Any) -> None:
            if filename.startswith(folder):
                texts.append(str(message))
            else:
                show(message, category, filename, *rest, **named)

        warnings.showwarning = collect
        yield
