/** A real headless Chromium, spoken to over its own debugging protocol. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The browser of this machine: CHROMIUM, or the first that is installed; undefined where there is none. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
  const known = [process.env.CHROMIUM, ...names, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
  return known.find((name) => name && spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

export interface Opening {
  width: number;
  height?: number;
  dark?: boolean;
}

export interface Tab {
  /** The value of an expression on the page; a promise is waited for. */
  evaluate<T>(expression: string): Promise<T>;
  press(key: string): Promise<void>;
  /** Roles and names of what assistive technology is told, in the page's order. */
  accessibility(): Promise<{ role: string; name: string }[]>;
  /** A picture of the page: PNG. Of the whole, or of its upper part, in CSS pixels. */
  screenshot(upper?: { width: number; height: number }): Promise<Buffer>;
  /** Addresses that the page asked for, itself aside, and what it complained about. */
  requests: string[];
  complaints: string[];
}

export interface Browser {
  open(file: string, opening: Opening): Promise<Tab>;
  close(): Promise<void>;
}

type Params = Record<string, unknown>;
interface Message {
  id?: number;
  method?: string;
  params?: Params;
  sessionId?: string;
  result?: unknown;
  error?: { message: string };
}

/** Starts the browser. */
export async function startChromium(command: string): Promise<Browser> {
  const folder = mkdtempSync(path.join(tmpdir(), "chromium-"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--no-first-run",
  ];
  const child = spawn(command, [...flags, `--user-data-dir=${folder}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += String(data);
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new Error(`Chromium ended: ${said}`)));
  });
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Set<(message: Message) => void>();
  let last = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else for (const listener of listeners) listener(message);
  });
  socket.addEventListener("close", () => {
    for (const answer of waiting.values()) answer({ error: { message: "Chromium is gone" } });
  });
  const send = <T>(method: string, params: Params = {}, sessionId?: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as T);
      });
      socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    });

  return {
    async open(file, opening) {
      const { targetId } = await send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
      return openTab((method, params) => send(method, params, sessionId), listeners, sessionId, file, opening);
    },
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // It may be gone before it has answered.
      send("Browser.close").catch(() => {});
      await ended;
      // Its other processes may still be writing there.
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

type Send = <T>(method: string, params?: Params) => Promise<T>;

async function openTab(
  send: Send,
  listeners: Set<(message: Message) => void>,
  session: string,
  file: string,
  { width, height = 900, dark = false }: Opening,
): Promise<Tab> {
  const url = `file://${file}`;
  const requests: string[] = [];
  const complaints: string[] = [];
  let loaded = () => {};
  listeners.add(({ sessionId, method, params }) => {
    if (sessionId !== session) return;
    if (method === "Page.loadEventFired") loaded();
    if (method === "Network.requestWillBeSent") {
      const asked = (params as { request: { url: string } }).request.url;
      if (asked !== url) requests.push(asked);
    }
    if (method === "Page.javascriptDialogOpening" || method === "Runtime.exceptionThrown")
      complaints.push(JSON.stringify(params));
    if (method === "Log.entryAdded") complaints.push((params as { entry: { text: string } }).entry.text);
  });
  await Promise.all(["Page", "Network", "Log", "Runtime", "Accessibility"].map((domain) => send(`${domain}.enable`)));
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
  // The empty page that was there before may be told of late.
  const loading = new Promise<void>((resolve) => (loaded = resolve));
  await send("Page.navigate", { url });
  await loading;
  return {
    requests,
    complaints,
    async evaluate<T>(expression: string) {
      const answer = await send<{
        result: { value: T };
        exceptionDetails?: { text: string; exception?: { description: string } };
      }>("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
      if (answer.exceptionDetails)
        throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
      return answer.result.value;
    },
    async press(key) {
      const codes: Record<string, number> = { Tab: 9, Enter: 13, ArrowRight: 39 };
      const event = { key, code: key, windowsVirtualKeyCode: codes[key], ...(key === "Enter" && { text: "\r" }) };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    async accessibility() {
      interface Node {
        ignored: boolean;
        role?: { value: string };
        name?: { value: string };
      }
      const { nodes } = await send<{ nodes: Node[] }>("Accessibility.getFullAXTree");
      return nodes
        .filter(({ ignored }) => !ignored)
        .map(({ role, name }) => ({ role: role?.value ?? "", name: name?.value ?? "" }));
    },
    async screenshot(upper) {
      const clip = upper && { clip: { x: 0, y: 0, ...upper, scale: 1 } };
      const { data } = await send<{ data: string }>("Page.captureScreenshot", { captureBeyondViewport: true, ...clip });
      return Buffer.from(data, "base64");
    },
  };
}
