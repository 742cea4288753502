/** A program that starts a server, says where it is, and stays: the tests end it in every way there is. `forget`: it ends without a word. */
import { startServer } from "../../src/postgres/server.ts";

const server = await startServer({ choice: "auto", env: process.env });
console.log(JSON.stringify({ folder: server.socket, port: server.port, uid: process.getuid?.() }));
if (process.argv[2] !== "forget") setInterval(() => {}, 60_000);
