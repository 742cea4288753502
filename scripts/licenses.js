// The licences of all packages that are bundled into dist/, and the check that each may be.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

// Licences that may be bundled into a program under GPL-3.0-or-later.
const ALLOWED = new Set([
  "MIT",
  "ISC",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "Apache-2.0",
  "Unlicense",
  "0BSD",
  "GPL-2.0-or-later",
  "GPL-3.0-or-later",
]);

/** The text of dist/licenses.txt; throws where a bundled package has a licence that does not go with ours. */
export function licenses() {
  const lock = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8"));
  const reached = new Set();
  const visit = (names) => {
    for (const name of names) {
      if (reached.has(name)) continue;
      reached.add(name);
      visit(Object.keys(lock.packages[`node_modules/${name}`]?.dependencies ?? {}));
    }
  };
  visit(Object.keys(lock.packages[""].dependencies));
  return [...reached]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => {
      const folder = path.join(root, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
      if (!ALLOWED.has(license))
        throw new Error(`${name} ${version} is under ${license}, which is not in the list of scripts/licenses.js`);
      const file = existsSync(folder) && readdirSync(folder).find((entry) => /^(un)?licen[cs]e/i.test(entry));
      const text = file ? readFileSync(path.join(folder, file), "utf8").trim() : "(the package carries no licence file)";
      return `${name} ${version}\n${license}\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

if (process.argv[2] === "--check") {
  const committed = readFileSync(path.join(root, "dist", "licenses.txt"), "utf8");
  if (committed !== licenses()) throw new Error("dist/licenses.txt is not current: run npm run build and commit it.");
  console.log(`${committed.split(/^-{80}$/m).length} bundled packages, each under a licence that goes with GPL-3.0-or-later`);
}
