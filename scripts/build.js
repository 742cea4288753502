// Builds dist/: two entries, names without hashes, the same bytes from any folder.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { licenses } from "./licenses.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Builds into `folder`, which is emptied first. */
export async function build(folder = path.join(root, "dist")) {
  process.chdir(root);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const bundle = await rolldown({
    input: { action: "src/action.ts", cli: "src/cli.ts" },
    platform: "node",
    transform: { define: { __VERSION__: JSON.stringify(version) } },
    logLevel: "warn",
  });
  await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    comments: { legal: false },
    codeSplitting: {
      // Not the dist-src/ of packages, which belong to the chunks that need them. A group takes along what its modules import.
      groups: [
        {
          name: "gate",
          test: /^(?!.*node_modules).*src\/(?!action|cli|init|run\/|postgres\/(?!installed|serving)|sqlite\/|github\/octokit|report\/(?:outputs|schema)|reporting)/,
          priority: 2,
        },
        // What the graph and the history alone do not need: the client of Postgres and what runs migrations.
        { name: "run", test: /^(?!.*node_modules).*src\/(?:run\/(?!sql-parser)|postgres\/|sqlite\/)/, priority: 1 },
      ],
    },
  });
  await bundle.close();
  cpSync("src/postgres/catalog.sql", path.join(folder, "catalog.sql"));
  writeFileSync(path.join(folder, "licenses.txt"), licenses());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(process.argv[2] && path.resolve(process.argv[2]));
