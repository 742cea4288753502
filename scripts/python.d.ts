/** Makes .venvs/<name> from requirements/<name>.txt unless it is there already and current; returns the absolute path of its interpreter. */
export function makeEnvironment(name?: string): string;
