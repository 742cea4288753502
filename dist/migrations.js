export { t as runMigrations } from "./run.js";
