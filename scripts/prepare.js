// Makes what tests, demo and bench need beside node_modules: the Python environment in .venvs/default.
import { makeEnvironment } from "./python.js";

const python = makeEnvironment();
console.log(`Python environment: ${python}`);
