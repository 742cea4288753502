export { r as portOf, i as startServer } from "./run.js";
