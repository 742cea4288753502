import { describe, expect, test } from "vitest";
import { wantedPostgres } from "../../src/project/postgres-version.ts";
import { treeOf } from "./trees.ts";

const wanted = (files: Record<string, string>) => wantedPostgres(treeOf(files));
const majorOf = async (line: string) => (await wanted({ "compose.yml": `services:\n  db:\n    ${line}\n` }))?.major;

const image = (version: number) => `x:\r\n  image: postgres:${version}\r\n`;

describe("images", () => {
  test.each([
    ["image: postgres:16-alpine", 16],
    ['image: "postgres:12"', 12],
    ["image: 'docker.io/library/postgres:9.6'", 9],
    ["- image: postgres:17.5@sha256:0123  # pinned", 17],
    ["db: { image: postgres:16, restart: always }", 16],
    ["db: {restart: always, image: postgres:16}", 16],
    ["image: ${BASE_IMAGE_REGISTRY:-docker.io}/library/postgres:15.2-alpine", 15],
    ["image: postgres:${POSTGRES_VERSION:-16}", 16],
    ["image: localhost:5000/postgres:14", 14],
    ["image: postgis/postgis:15-3.4", 15],
    ["image: pgvector/pgvector:pg16", 16],
    ["image: pgvector/pgvector:0.8.0-pg17", 17],
    ["image: timescale/timescaledb:2.14.2-pg15", 15],
    ["image: timescale/timescaledb-ha:pg16.1-ts2.13", 16],
    ["image: apache/age:release_PG16_1.5.0", 16],
    ["image: bitnami/postgresql:16.2.0-debian-12-r8", 16],
    ["image: supabase/postgres:15.1.0.147", 15],
    ["image: quay.io/sclorg/postgresql-15-c9s", 15],
  ])("%s", async (line, major) => {
    expect(await majorOf(line)).toBe(major);
  });

  test.each([
    "image: postgres",
    "image: postgres:latest",
    "image: postgres:${POSTGRES_VERSION}",
    "image: postgres:${{ matrix.postgres }}",
    "image: timescale/timescaledb:2.14",
    "image: citusdata/citus:12.1",
    "image: prometheuscommunity/postgres-exporter:16",
    "image: postgres:20240101",
    "image: redis:7",
    "# image: postgres:16",
    "my-image: postgres:16",
    "images: postgres:16",
    "image:",
  ])("%s says nothing", async (line) => {
    expect(await majorOf(line)).toBe(undefined);
  });
});

describe("places", () => {
  test("names image, file and line", async () => {
    expect(await wanted({ "docker-compose.yml": `# db\n${image(16)}` })).toEqual({
      major: 16,
      image: "postgres:16",
      file: "docker-compose.yml",
      line: 3,
    });
  });

  test("compose files before workflows, the root's before those of folders, the plain name before others", async () => {
    const files = {
      "a/compose.yml": image(12),
      "docker-compose.test.yml": image(13),
      "docker-compose.yml": image(14),
      ".github/workflows/a.yml": image(15),
    };
    expect((await wanted(files))?.major).toBe(14);
    expect((await wanted({ ...files, "docker-compose.yml": "" }))?.major).toBe(13);
    expect((await wanted({ "a/compose.yml": image(12), ".github/workflows/a.yml": image(15) }))?.major).toBe(12);
    expect((await wanted({ "a/b/c.yml": image(12), ".github/workflows/a.yaml": image(15) }))?.major).toBe(15);
  });

  test("a file that names none is passed over", async () => {
    expect((await wanted({ "compose.yml": "image: redis:7\n", "compose.prod.yaml": image(15) }))?.major).toBe(15);
    expect(await wanted({ "README.md": image(15), ".github/actions/a.yml": image(15) })).toBe(undefined);
  });

  test("a huge line is read in a moment", async () => {
    expect(await majorOf(`x: ${"{ , image ".repeat(100_000)}`)).toBe(undefined);
    expect(await majorOf(`image: postgres:${"pg-".repeat(300_000)}`)).toBe(undefined);
  });
});
