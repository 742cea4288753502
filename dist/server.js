export { r as startServer } from "./run.js";
