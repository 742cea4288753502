/** What servers of our own run as, and where they listen. Light: it is loaded before it is known whether any is wanted. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { dirname } from "node:path";

/** Whether a choice of server names one of somebody else. */
export const isUrl = (choice: string): boolean => /^postgres(ql)?(\+\w+)?:\/\//i.test(choice);

/** Above those that systems give to connections by chance, and those that programs are known by. */
const PORTS = { first: 61_000, last: 65_535 };

/** All of 127.0.0.0/8 is this machine on Linux: there the servers of one family share a port, and each has an address of its own. */
export const HOST = "127.0.0.1";
export const hasAddresses = process.platform === "linux";

/** An address of this machine that no other server has. */
export const ownAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;

/** A port that is free now. On Linux one that nobody is given by chance, for all servers that come from one. */
export async function choosePort(): Promise<number> {
  const attempts = hasAddresses ? 20 : 0;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = await listenOnce(randomInt(PORTS.first, PORTS.last + 1)).catch(() => undefined);
    if (port !== undefined) return port;
  }
  return listenOnce(0);
}

/** The port of all servers that come from one, where it can be chosen before the first of them runs. */
export const ownPort = async (): Promise<number | undefined> => (hasAddresses ? choosePort() : undefined);

async function listenOnce(wanted: number): Promise<number> {
  const listener = createServer().listen(wanted, HOST);
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}

/** initdb and postgres refuse to run as root: then they run as `nobody`. Undefined where we are not root. */
export function servingUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8").split("\n") : [];
  const [, , uid, gid] = users.map((line) => line.split(":")).find(([name]) => name === "nobody") ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** Whether every user can get to a file or folder and read it. */
export function isOpenToAll(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false;
  for (let folder = path; ; folder = dirname(folder)) {
    if (statSync(folder).isDirectory() && (statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
