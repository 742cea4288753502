/** The workflow that `alembic-gate init` writes. Pure. */
import { imageWith } from "./postgres/images.ts";
import type { Installation, PythonVersion } from "./project/setup.ts";
import { yamlQuoted, yamlText } from "./project/quoting.ts";

export interface WorkflowFacts {
  installations: readonly Installation[];
  python: PythonVersion;
  /** The major that the repository names, with where it does. */
  postgres?: { major: number; image: string; file: string };
  /** The major where nothing names one. */
  newest: number;
  extensions: readonly string[];
  /** Folder to check, relative to the root; "" is the root. */
  directory: string;
  /** What env.py, and what it imports, want to find in the environment. */
  variables: Readonly<Record<string, string>>;
}

/** Whole commits, as a tag can be moved; what they are called stands behind them. */
const CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0";
const SETUP_PYTHON = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0";

/** Where the workflow is written, relative to the root. */
export const WORKFLOW_FILE = ".github/workflows/migrations.yml";

/** The workflow as YAML. */
export function workflow({ installations, python, postgres, newest, extensions, directory, variables }: WorkflowFacts): string {
  const major = postgres?.major ?? newest;
  const needsImage = extensions.filter((extension) => imageWith(extension) !== undefined);
  const image = needsImage.length > 0 ? serverImage(postgres?.image, needsImage[0]!, major) : undefined;
  const install = installations.flatMap(({ commands, folder }) =>
    commands.map((command) => [
      `- run: ${yamlText(command)}`,
      ...(folder === "" ? [] : [`  working-directory: ${yamlText(folder)}`]),
    ]),
  );
  const steps = [
    [`- uses: ${CHECKOUT}`, "  with:", "    persist-credentials: false"],
    [`- uses: ${SETUP_PYTHON}`, "  with:", ...pythonLines(python)],
    ...install,
    [
      "- uses: alembic-gate/alembic-gate@v1",
      "  with:",
      ...(directory === "" ? [] : [`    directory: ${yamlText(directory)}`]),
      image === undefined
        ? `    postgres-version: ${major} # ${postgres ? `as ${oneLine(postgres.file)} has it` : "nothing in the repository says which major production runs: set it"}`
        : "    postgres: postgresql://postgres:postgres@localhost:5432/postgres",
      ...environmentLines(variables),
    ],
  ];
  const services =
    image === undefined
      ? []
      : [
          `services: # ${needsImage.join(", ")}: an image that has it`,
          "  postgres:",
          `    image: ${yamlText(image)}`,
          "    env: { POSTGRES_PASSWORD: postgres }",
          '    ports: ["5432:5432"]',
          "    options: --health-cmd pg_isready --health-interval 2s --health-retries 15",
        ];
  return `${[
    "# Make the job a required check. Give it no paths: filter, as a required check that never starts blocks for ever: the gate ends",
    "# by itself within a second when nothing changed that migrations depend on.",
    "name: migrations",
    "on:",
    "  pull_request:",
    "  merge_group:",
    "permissions:",
    "  contents: read",
    "jobs:",
    "  alembic-gate:",
    "    runs-on: ubuntu-24.04",
    "    timeout-minutes: 20",
    ...services.map((line) => `    ${line}`),
    "    steps:",
    ...steps.flat().map((line) => `      ${line}`),
  ].join("\n")}\n`;
}

function environmentLines(variables: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(variables).map(([name, value]) => `    ${name}: ${yamlQuoted(value)}`);
  return lines.length > 0
    ? ["  env: # env.py insists on these; the gate puts its own server in the place of every database", ...lines]
    : [
        "  # env: variables that env.py insists on; where they point to does not matter",
        "  #   DATABASE_URL: postgresql://any/value",
      ];
}

/** The repository's own image where that is made for the extension. */
const serverImage = (own: string | undefined, extension: string, major: number): string => {
  const usual = imageWith(extension, major)!;
  const [maker] = usual.split(":");
  return own !== undefined && own.includes(maker!) && !own.includes("$") ? own : usual;
};

const oneLine = (value: string): string => value.replace(/[^\x20-\x7e]/g, "?");

const pythonLines = ({ version, file }: PythonVersion): string[] =>
  file !== undefined && /(^|\/)(\.python-version|\.tool-versions)$/.test(file)
    ? [`    python-version-file: ${yamlText(file)}`]
    : [`    python-version: ${yamlQuoted(version)}${file === undefined ? "" : ` # as ${oneLine(file)} has it`}`];
