export { n as foldersFromEnv } from "./run.js";
