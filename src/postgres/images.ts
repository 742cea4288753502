/** Extensions that no Postgres distribution of ours carries, and images that do. */
const IMAGES: Record<string, (major: number) => string> = {
  vector: (major) => `pgvector/pgvector:pg${major}`,
  postgis: (major) => `postgis/postgis:${major}-3.5`,
  postgis_raster: (major) => `postgis/postgis:${major}-3.5`,
  postgis_topology: (major) => `postgis/postgis:${major}-3.5`,
  timescaledb: (major) => `timescale/timescaledb:latest-pg${major}`,
};

/** An image of a server with an extension; undefined for those that Postgres brings itself, and for those that nobody packs alone. */
export const imageWith = (extension: string, major = 17): string | undefined =>
  Object.hasOwn(IMAGES, extension) ? IMAGES[extension]!(major) : undefined;
