/** The environment variables that the project's own code gets to see. */

/**
 * Leaves out what is the gate's or the runner's: inputs and tokens, the files through which a step speaks to the runner, and
 * libpq's variables, which would lead to another server. Everything else is the project's, `DATABASE_URL` and `PG_DSN` included.
 */
export function projectEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(INPUT_.*|ACTIONS_.*|GITHUB_(TOKEN|ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)|GH_TOKEN|PG[A-Z]+)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)));
}
