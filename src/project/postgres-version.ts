/** Which Postgres the repository itself runs: its compose files and the services of its workflows say so. */
import { basename } from "node:path/posix";
import { byDepth } from "./location.ts";
import type { Tree } from "./tree.ts";

export interface WantedPostgres {
  major: number;
  /** As written: `postgis/postgis:15-3.4`. */
  image: string;
  file: string;
  /** 1-based. */
  line: number;
}

/** Production's compose file before the workflows', the root's before those of folders. */
const PLACES = [
  (file: string) => /^(docker-)?compose(\.[\w.-]+)?\.ya?ml$|^docker-compose[\w.-]*\.ya?ml$/.test(basename(file)),
  (file: string) => /^\.github\/workflows\/[^/]+\.ya?ml$/.test(file),
];

/**
 * The first Postgres image with a major version that a compose file or a workflow names. Read line by line, since nothing but
 * `image:` matters; a version from a variable counts by its default, `${POSTGRES_VERSION:-16}`.
 */
export async function wantedPostgres(tree: Tree): Promise<WantedPostgres | undefined> {
  const files = await tree.list("");
  const ordered = PLACES.flatMap((isPlace) => files.filter(isPlace).sort((a, b) => byDepth(a, b) || a.length - b.length));
  for (const file of ordered) {
    const source = new TextDecoder().decode(await tree.read(file));
    for (const [index, line] of source.split(/\r\n|\r|\n/).entries()) {
      const image = imageOn(line);
      const major = image === undefined ? undefined : majorOf(image);
      if (image !== undefined && major !== undefined) return { major, image, file, line: index + 1 };
    }
  }
  return undefined;
}

/** The value of `image:` on a line of YAML, in block or in flow style. */
function imageOn(line: string): string | undefined {
  if (/^\s*#/.test(line)) return undefined;
  const value = /(?:^|[\s{,])["']?image["']?:\s*(?:"([^"]*)"|'([^']*)'|((?:\$\{\{?[^}]*\}|[^\s#,}])+))/.exec(line);
  return value?.[1] ?? value?.[2] ?? value?.[3];
}

/** Images that are a Postgres server, and where they name the major: in the tag, behind `pg` in the tag, or in the name. */
const SERVERS = [
  /(?:^|\/)(?:postgres|postgresql|postgis|postgresql-repmgr):v?(\d+)/,
  /(?:^|\/)(?:pgvector|timescaledb|timescaledb-ha|pgvecto-rs|vchord-postgres|paradedb|citus|age):(?:.*[^a-z])?pg-?(\d+)/i,
  /(?:^|\/)postgresql-(\d+)(?:[:-]|$)/,
];

/** @returns undefined for other images, and for those without a version (`latest`) */
function majorOf(image: string): number | undefined {
  const written = image.replace(/\$\{\w+:?-([^}]*)\}/g, "$1");
  const majors = SERVERS.map((pattern) => Number(pattern.exec(written)?.[1]));
  // Anything else is no Postgres version, but a date or the version of something else.
  return majors.find((major) => major >= 9 && major <= 99);
}
