/** A throwaway Postgres, whoever provides it. */

export interface Server {
  /** As the server says it: `16.4`. */
  version: string;
  major: number;
  provider: "installed" | "embedded" | "docker" | "url";
  host: string;
  port: number;
  user: string;
  password: string;
  /** Folder of the unix socket, where the server is our own. */
  socket?: string;
  /** Stops it and removes all that it left; safe to call twice. */
  stop(): Promise<void>;
}
