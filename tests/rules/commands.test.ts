import { expect, test } from "vitest";
import { below, command } from "../../src/rules/commands.ts";
import { chainOf, environment, graphOf } from "../support/evidence.ts";

test("commands as they are typed in the project's folder", () => {
  expect(command(environment, "downgrade", "a")).toBe("alembic downgrade a");
  expect(command({ ...environment, config: "api/db/alembic.ini", directory: "api" }, "upgrade", "a")).toBe(
    "alembic -c db/alembic.ini upgrade a",
  );
  expect(command({ ...environment, config: "pyproject.toml", format: "pyproject" }, "upgrade", "a")).toBe("alembic upgrade a");
  expect(command({ ...environment, section: "tenants" }, "upgrade", "a")).toBe("alembic -n tenants upgrade a");
  expect(command({ ...environment, kind: "flask-migrate", config: "migrations/alembic.ini" }, "downgrade", "base")).toBe(
    "flask db downgrade base",
  );
  expect(command({ ...environment, kind: "flask-migrate", config: "app/migrations/alembic.ini" }, "upgrade", "a")).toBe(
    "flask db upgrade -d app/migrations a",
  );
});

test("what is below a revision", () => {
  expect(below(chainOf(["a"], ["b"]), "b")).toBe("a");
  expect(below(chainOf(["a"], ["b"]), "a")).toBe("base");
  expect(below(graphOf({ a: {}, b: {}, c: { down: ["a", "b"] } }), "c")).toBe("a");
});
