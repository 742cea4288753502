/** Alembic environments: where they are configured and where their revisions lie. */

export interface Environment {
  /** How people call it: the path of its configuration, with `[section]` where that is not `alembic`. */
  name: string;
  /** alembic.ini or pyproject.toml, relative to the repository's root, with `/`. */
  config: string;
  /** Section of the ini, `alembic` as a rule. */
  section: string;
  format: "ini" | "pyproject";
  /** Flask-Migrate environments run inside the application's context, from the folder above. */
  kind: "alembic" | "flask-migrate";
  /** Folder from which its alembic commands are run, relative to the root; "" is the root. */
  directory: string;
  /** Folder of env.py, relative to the root. */
  scriptLocation: string;
  /** Folders of revision files, relative to the root. */
  versionFolders: string[];
  recursive: boolean;
  /** Where a static reader cannot know the folders (`pkg:dir` of an installed package, a computed value), why. */
  unknowable?: string;
  /** prepend_sys_path, as written and resolved against the directory by Alembic itself. */
  prependSysPath: string[];
}
