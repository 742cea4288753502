/** The environment variables that the project's own code gets to see. */

/** The gate's inputs, tokens, and the files through which a step speaks to the runner. */
const WITHHELD = /^(INPUT_.*|ACTIONS_.*|GITHUB_TOKEN|GH_TOKEN|GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY))$/;

/** What libpq reads. A project may read these as well, and want them while it is imported: they then lead nowhere. */
const LIBPQ = /^PG[A-Z]+$/;
const NOWHERE: NodeJS.ProcessEnv = { PGHOST: "127.0.0.1", PGPORT: "1", PGUSER: "nobody", PGPASSWORD: "none", PGDATABASE: "none" };

/** The caller's variables without what belongs to the runner, to us, and to the caller's own databases. */
export function projectEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !WITHHELD.test(name) && (!LIBPQ.test(name) || name in NOWHERE));
  return Object.fromEntries(kept.map(([name, value]) => [name, NOWHERE[name] ?? value]));
}
