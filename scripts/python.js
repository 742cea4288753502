// The project's own Python environment: pinned Alembic, SQLAlchemy and database drivers, for tests, demo and bench.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Says what is missing in one sentence and ends the script. */
function giveUp(message) {
  console.error(message);
  process.exit(1);
}

/** The first Python 3.9 or later among PYTHON, python3 and python. */
function findPython() {
  const probe = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 9))";
  for (const candidate of [process.env.PYTHON, "python3", "python"].filter(Boolean)) {
    const { status, stdout } = spawnSync(candidate, ["-c", probe], { encoding: "utf8" });
    if (status === 0) return { command: candidate, version: stdout.trim() };
  }
  return giveUp(
    "No Python 3.9 or later was found. Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it in PYTHON.",
  );
}

/**
 * Makes .venvs/<name> from requirements/<name>.txt unless it is there already and current.
 *
 * @returns absolute path of its interpreter
 */
export function makeEnvironment(name = "default") {
  const folder = path.join(root, ".venvs", name);
  const requirements = path.join(root, "requirements", `${name}.txt`);
  const interpreter = path.join(folder, "bin", "python");
  const { command, version } = findPython();
  const stamp = createHash("sha256").update(version).update(readFileSync(requirements)).digest("hex");
  const stampFile = path.join(folder, ".stamp");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return interpreter;
  rmSync(folder, { recursive: true, force: true });
  const made = spawnSync(command, ["-m", "venv", folder], { encoding: "utf8" });
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    giveUp(
      `Python ${version} cannot make a virtual environment: its venv module is missing.\nInstall it (Debian, Ubuntu: apt-get install python${version}-venv) and try again.\n${made.stdout}${made.stderr}`,
    );
  }
  execFileSync(interpreter, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  writeFileSync(stampFile, stamp);
  return interpreter;
}
