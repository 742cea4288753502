/** The settings file as a JSON schema, for editors. docs/settings.schema.json is made from it, and a test holds it to what is read. */
import { OPTIONS, type Option } from "./settings.ts";

/** What a value may be; an empty text is unset. */
function typeOf({ kind, choices }: Option): object {
  switch (kind) {
    case "text":
    case "slice":
      return { type: "string" };
    case "choice":
      return { enum: [...choices!, ""] };
    case "flag":
      return { enum: [true, false, "true", "false", ""] };
    case "number":
      return {
        anyOf: [
          { type: "integer", minimum: 1 },
          { type: "string", pattern: "^(\\s*0*[1-9]\\d{0,14}\\s*)?$" },
        ],
      };
    case "list": {
      const item = choices ? { enum: choices } : { type: "string" };
      return { anyOf: [{ type: "string" }, { type: "array", items: item }] };
    }
  }
}

/** JSON Schema draft-07, as the editors' TOML plug-ins read it: alembic-gate.toml, and the table [tool.alembic-gate]. */
export function settingsSchemaDocument(): object {
  const options = Object.entries<Option>(OPTIONS).filter(([, { perRun }]) => !perRun);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Settings of alembic-gate",
    description: "alembic-gate.toml, or the table [tool.alembic-gate] of pyproject.toml.",
    type: "object",
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(options.map(([name, option]) => [name, { description: option.help, ...typeOf(option) }])),
      ignore: {
        description: "findings that are allowed, each with a reason",
        type: "array",
        items: {
          type: "object",
          additionalProperties: false,
          required: ["rule", "reason"],
          properties: {
            rule: { description: "id of the rule: `alembic-gate rules` lists them", type: "string" },
            revision: { description: "the one revision that it is about; without it all are", type: "string" },
            reason: { description: "why it is right here", type: "string", pattern: "\\S" },
          },
        },
      },
    },
  };
}
