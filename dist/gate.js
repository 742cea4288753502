import { accessSync, constants, existsSync, lstatSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, statfsSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, readdir, realpath, rm, stat, utimes, writeFile } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import path, { delimiter, dirname, join } from "node:path";
import { createHash, hash, randomInt, randomUUID } from "node:crypto";
import path$1, { basename } from "node:path/posix";
import { parseArgs, promisify, stripVTControlCharacters, styleText, toUSVString } from "node:util";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as setTimeout$1 } from "node:timers/promises";
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
function text$1(strings, ...values) {
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
	const parts = shown.map((item) => text$1`${code(item)}`);
	if (rest > 0) parts.push(text$1`${rest} more`);
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
/** Why something was not done, as a sentence for the report. */
const reasonOf = (error) => error instanceof Failure ? error.sentence : text$1`${error instanceof Error ? error.message : String(error)}`;
// src/rules/lineage.ts
/** The line of an assignment, or of the id where the file has no such assignment. */
function placeOf$5(revision, what) {
	const span = revision.at[what] ?? revision.at.revision;
	return {
		file: revision.file,
		line: span?.line ?? 1,
		...span && { endLine: span.endLine }
	};
}
/** An error is a warning where revisions may lie in folders that nobody knows. */
const unlessUnknowable = (environment) => environment?.unknowable === void 0 ? {} : { severity: "warning" };
/** A revision as another place of a finding; `commit` where it stands on the base branch only. */
function relatedTo(revision, what, message, commit) {
	const { file, line } = placeOf$5(revision, what);
	return {
		file,
		line,
		message,
		...commit !== void 0 && { commit }
	};
}
/** All revisions that come before some, themselves included. Ids without a revision are left out. */
function withAncestors(graph, ids) {
	const found = /* @__PURE__ */ new Set();
	for (const id of ids) if (graph.revisions.has(id)) found.add(id);
	for (const id of found) for (const parent of graph.parents.get(id) ?? []) found.add(parent);
	return found;
}
/** The heads that a graph would have if some revisions had other parents. */
function headsWith(graph, parents) {
	const named = new Set([...graph.revisions.keys()].flatMap((id) => parents.get(id) ?? graph.parents.get(id) ?? []));
	return [...graph.revisions.keys()].filter((id) => !named.has(id)).length;
}
/** All revisions that are run before some when a database is made, by parents and by depends_on, these themselves included. */
function withPredecessors(graph, ids) {
	const found = /* @__PURE__ */ new Set();
	for (const id of ids) if (graph.revisions.has(id)) found.add(id);
	for (const id of found) for (const other of [...graph.parents.get(id) ?? [], ...graph.dependencies.get(id) ?? []]) found.add(other);
	return found;
}
/**
* Whether the new parents of a revision mend the graph: the pull request leaves fewer heads than the base branch has, and this change
* has part in that. Either it puts the revision on top of what was a head, or there would be more heads without it.
*/
function repairsHeads$1(id, { graph, history }) {
	const change = history.changes.get(id);
	if (!change?.reparented || graph.heads.length >= history.graph.heads.length) return false;
	const before = withAncestors(history.graph, [id]);
	const gained = new Set([...withAncestors(graph, [id])].filter((one) => !before.has(one)));
	if (history.graph.heads.some((head) => gained.has(head))) return true;
	const old = change.reparented.before.filter((parent) => graph.revisions.has(parent));
	return headsWith(graph, /* @__PURE__ */ new Map([[id, old]])) > graph.heads.length;
}
/** The parents of an applied revision before and after, once deleted, renamed and new revisions are looked through. */
function oldParents(id, { graph, history }) {
	const look = (start, through) => {
		const reached = new Set(start);
		for (const parent of reached) {
			const beyond = through(parent);
			if (!beyond) continue;
			reached.delete(parent);
			for (const other of beyond) reached.add(other);
		}
		return reached;
	};
	const change = history.changes.get(id);
	const isNew = (parent) => graph.revisions.has(parent) && !history.graph.revisions.has(parent);
	return {
		before: look(change.reparented?.before ?? change.before.down, (parent) => history.changes.get(parent)?.body === "deleted" ? history.graph.parents.get(parent) ?? [] : void 0),
		after: look(change.reparented?.after ?? change.before.down, (parent) => isNew(parent) ? graph.parents.get(parent) ?? [] : void 0)
	};
}
/** An alembic command as it is typed for an environment, from the repository's root. */
function alembic(environment, command) {
	const { directory, config, section, format, kind } = environment;
	const inFolder = directory === "" ? config : config.slice(directory.length + 1);
	const options = [format === "ini" && inFolder !== "alembic.ini" && kind === "alembic" && `-c ${quoted$1(inFolder)}`, section !== "alembic" && kind === "alembic" && `-n ${quoted$1(section)}`].filter(Boolean);
	const line = [
		kind === "flask-migrate" ? "flask db" : "alembic",
		...options,
		command
	].join(" ");
	return directory === "" ? line : `cd ${quoted$1(directory)} && ${line}`;
}
/** A word as a shell takes it. */
const quoted$1 = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
/** The value of an assignment, written as its author writes strings. */
function literal(revision, span, ids) {
	const written = span?.value ? revision.source.slice(span.value.start, span.value.end) : "";
	const quote = /['"]/.exec(written)?.[0] ?? /['"]/.exec(revision.at.revision?.value ? revision.source.slice(revision.at.revision.value.start, revision.at.revision.value.end) : "")?.[0] ?? "\"";
	const strings = ids.map((id) => quote + id.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) + quote);
	return strings.length === 0 ? "None" : strings.length === 1 ? strings[0] : `(${strings.join(", ")})`;
}
/** A text as SQL has it. */
const sqlText = (value) => `'${value.replaceAll("'", "''")}'`;
/** Parents for people: `a`, `a and b`, nothing. */
const parentsText = (ids) => ids.length === 0 ? text$1`nothing` : ids.flatMap((id, index) => [...index === 0 ? [] : text$1`${index === ids.length - 1 ? " and " : ", "}`, code(id)]);
/** How to allow a finding about applied revisions, for the end of its help. */
const allow = (rule, settings) => text$1`If it is right all the same, since no database has run it yet, say, give the reason on the line (${code(`# alembic-gate: ignore[${rule}] -- reason`)})${byLabel(settings)}.`;
/** The same for a finding that stands on no line: an entry of the settings. */
const allowInSettings = (rule, revision, settings) => text$1`If it is right all the same, since no database has run it yet, say, give the reason in ${code("alembic-gate.toml")}${byLabel(settings)}:${block(`[[ignore]]\nrule = ${JSON.stringify(rule)}\nrevision = ${JSON.stringify(revision)}\nreason = "…"`, "toml")}`;
const byLabel = (settings) => settings?.allowLabel === void 0 ? text$1`` : text$1`, or give the pull request the label ${code(settings.allowLabel)}`;
/** A change of revisions that no tag contains, where the settings say that only tags are released. */
function unreleased(draft, ids, what) {
	const it = ids.length === 1 ? "it" : "them";
	return {
		...draft,
		severity: "notice",
		message: text$1`${what}; no tag contains ${it}, so ${ids.length === 1 ? "it counts" : "they count"} as not released (${code("released: tags")}).`,
		help: text$1`Only databases that ran the base branch itself have the old version: make those anew, or take them down below ${it} first.`
	};
}
/** `abc123def456 (2026-11-20)`. */
const landingText = ({ commit, date }) => text$1`${code(commit.slice(0, 12))} (${date})`;
// src/rules/rule.ts
/** Defines a rule; `judge` receives exactly what it needs and wants, typed. */
function rule(definition) {
	return {
		wants: [],
		...definition
	};
}
// src/rules/multiple-heads.ts
var multiple_heads_default = rule({
	id: "multiple-heads",
	family: "graph",
	severity: "error",
	summary: "There are more heads than the base branch has, and they are not meant",
	needs: ["graph", "environment"],
	wants: ["history", "settings"],
	judge({ graph, environment, history, settings }) {
		const doubled = graph.duplicates.some(({ id }) => !history?.graph.duplicates.some((other) => other.id === id));
		if (!graph.complete || doubled) return [];
		if (history && joined$5(graph, history).length > 0) return joined$5(graph, history);
		const allowed = Math.max(settings?.expectedHeads ?? 1, history?.graph.heads.length ?? 0);
		const meant = meantBranches(graph, environment, history);
		const surplus = graph.heads.length - meant.size - allowed;
		if (surplus <= 0) return [];
		const blamed = graph.heads.filter((head) => !meant.has(head)).map((head) => describeHead(head, graph, history)).sort((a, b) => a.rank - b.rank || b.order - a.order).slice(0, surplus);
		const left = graph.heads.filter((head) => !blamed.some(({ id }) => id === head));
		return blamed.map((head) => ({
			...draftFor$1(head, otherHead(head.id, left, graph), graph, environment, history),
			...unlessUnknowable(environment)
		}));
	}
});
/** New merge revisions that leave fewer heads than the base branch has: the pull request repaired them, and is told so. */
function joined$5(graph, history) {
	if (graph.heads.length >= history.graph.heads.length) return [];
	return history.added.map((id) => graph.revisions.get(id)).filter(({ down }) => down.filter((parent) => history.graph.heads.includes(parent)).length > 1).map((revision) => ({
		...placeOf$5(revision, "down"),
		severity: "notice",
		revision: revision.id,
		message: text$1`${code(revision.id)} joins ${parentsText(revision.down)}: a repair of heads, which leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}.`,
		help: text$1`Nothing needs to be done: databases run what they lack of each branch, whichever they stand at.`
	}));
}
function describeHead(id, graph, history) {
	const order = [...graph.revisions.keys()].indexOf(id);
	if (!history) return {
		id,
		entry: id,
		rank: 0,
		order
	};
	const isNew = (one) => !history.graph.revisions.has(one);
	if (!isNew(id)) return {
		id,
		rank: history.graph.heads.includes(id) ? 3 : 1,
		order
	};
	const lineage = withAncestors(graph, [id]);
	const onHead = history.graph.heads.some((head) => lineage.has(head));
	const shared = withAncestors(graph, graph.heads.filter((head) => head !== id));
	let entry = id;
	for (;;) {
		const above = (graph.parents.get(entry) ?? []).filter((parent) => isNew(parent) && !shared.has(parent));
		if (above.length !== 1 || above[0] === id) break;
		entry = above[0];
	}
	return {
		id,
		entry,
		rank: onHead ? 2 : 0,
		order
	};
}
/** Heads of branches that somebody made on purpose: new ones with a label or a version folder of their own. */
function meantBranches(graph, environment, history) {
	const meant = /* @__PURE__ */ new Set();
	if (graph.heads.length < 2) return meant;
	const lineages = new Map(graph.heads.map((head) => [head, withAncestors(graph, [head])]));
	const folderOf = ({ file }) => environment.versionFolders.filter((folder) => folder === "" || file.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];
	const isNew = (id) => {
		const change = history?.changes.get(id);
		return !history || !change || change.labelsChanged;
	};
	for (const head of graph.heads) {
		const others = graph.heads.filter((other) => other !== head).map((other) => lineages.get(other));
		const own = [...lineages.get(head)].filter((id) => !others.some((lineage) => lineage.has(id))).map((id) => graph.revisions.get(id));
		const labelled = own.some((revision) => (revision.labels.length > 0 || revision.computed?.includes("labels")) && isNew(revision.id));
		const folders = new Set(own.map(folderOf));
		const rest = [...(history?.graph ?? graph).revisions.values()].filter((revision) => !own.includes(revision));
		const elsewhere = new Set(rest.map(folderOf));
		const apart = own.every(({ id }) => isNew(id)) && own.some(({ down }) => down.length === 0) && ![...folders].some((folder) => elsewhere.has(folder));
		if (labelled || apart) meant.add(head);
	}
	return meant;
}
/** Of the other heads the one that shares most with a head. */
function otherHead(head, left, graph) {
	const own = withAncestors(graph, [head]);
	const shared = (other) => [...withAncestors(graph, [other])].filter((id) => own.has(id)).length;
	return [...left].sort((a, b) => shared(b) - shared(a))[0];
}
function draftFor$1(head, other, graph, environment, history) {
	const revision = graph.revisions.get(head.id);
	const entry = head.entry === void 0 ? void 0 : graph.revisions.get(head.entry);
	const rival = other === void 0 ? void 0 : graph.revisions.get(other);
	const consequence = text$1`there are ${graph.heads.length} heads once it is merged, and ${code("alembic upgrade head")} refuses to run`;
	const merge = block(alembic(environment, `merge -m "merge heads" ${[other, head.id].filter((id) => id !== void 0).map(quoted$1).join(" ")}`), "sh");
	const related = rival ? [relatedTo(rival, "revision", text$1`the other head`)] : [];
	if (!entry) {
		const childless = [...history?.changes.values() ?? []].find(({ before, after }) => before.down.includes(head.id) && !after?.down.includes(head.id));
		const place = childless?.after ? placeOf$5(childless.after, "down") : placeOf$5(revision, "revision");
		const why = childless ? childless.after ? text$1`${code(childless.id)} no longer builds on it` : text$1`${code(childless.id)} is deleted` : text$1`no revision builds on it`;
		return {
			...place,
			revision: head.id,
			message: text$1`${code(head.id)} is a head now, since ${why}: ${consequence}.`,
			help: text$1`Give it a child again, or join the heads with a merge revision:${merge}`,
			related: [...related, ...childless?.after ? [relatedTo(revision, "revision", text$1`the revision that is a head now`)] : []]
		};
	}
	const chain = entry.id === head.id ? code(head.id) : text$1`${code(entry.id)}, and ${code(head.id)} with it,`;
	const builds = text$1`builds on ${parentsText(entry.down)}`;
	const instead = !rival ? builds : entry.down.length === 0 ? text$1`starts from nothing beside the head ${code(rival.id)}${landedText(rival.id, history)}` : text$1`${builds} and not on the head ${code(rival.id)}${landedText(rival.id, history)}`;
	const parents = rival && parentsOnTopOf(rival.id, entry, graph);
	const line = parents && `down_revision = ${literal(entry, entry.at.down, parents)}`;
	return {
		...placeOf$5(entry, "down"),
		revision: entry.id,
		message: text$1`${chain} ${instead}: ${consequence}.`,
		help: text$1`${line === void 0 ? text$1`` : text$1`Build on that head:${block(line, "python")}or, where this revision has been run somewhere already, `}join the heads with a merge revision:${merge}`,
		related,
		...parents && { fix: onTopOf(entry, parents) }
	};
}
/** When the other head came to the base branch, and whether the branch was cut before that. */
function landedText(id, history) {
	const landing = history?.landed.get(id);
	if (!landing) return history?.graph.revisions.has(id) ? text$1`, which the base branch has` : text$1``;
	return text$1`, which landed on the base branch on ${landing.date} (${code(landing.commit.slice(0, 12))}${landing.afterCut ? ", after this branch was cut" : ""})`;
}
/** The parents that put a revision on a head. A merge keeps those that the head does not come from. */
function parentsOnTopOf(head, { down }, graph) {
	const below = withAncestors(graph, [head]);
	return down.length < 2 ? [head] : [...down.filter((parent) => !below.has(parent)), head];
}
/** What is no call: a computed parent must not be written over. */
const LITERAL = /^(?:None\b|[("'[])/;
/** Puts a revision on other parents, where its header says so plainly. */
function onTopOf(revision, parents) {
	const span = revision.at.down;
	const { file, source } = revision;
	if (!span?.value || !LITERAL.test(source.slice(span.value.start, span.value.end))) return void 0;
	const edit = (start, end, insert) => ({
		file,
		start,
		end,
		expected: source.slice(start, end),
		insert
	});
	const edits = [edit(span.value.start, span.value.end, literal(revision, span, parents))];
	const written = /^(Revises:[ \t]*)(\S.*?)[ \t]*$/m.exec(source.slice(0, span.value.start));
	if (written && written[2] === (revision.down.join(", ") || "None")) {
		const start = written.index + written[1].length;
		edits.unshift(edit(start, start + written[2].length, parents.join(", ")));
	}
	return {
		title: `Build ${revision.id} on ${parents.join(" and ")}`,
		edits
	};
}
// src/rules/missing-parent.ts
var missing_parent_default = rule({
	id: "missing-parent",
	family: "graph",
	severity: "error",
	summary: "A revision builds on one that no file defines",
	needs: ["graph"],
	wants: ["history", "environment"],
	judge: ({ graph, history, environment }) => graph.missing.map(({ id, parent, from }) => {
		const revision = graph.revisions.get(id);
		const what = from === "down_revision" ? "down" : "dependsOn";
		const span = revision.at[what];
		const deleted = history?.changes.get(parent);
		const near = deleted ? [] : nearest$1(parent, id, graph);
		const ids = from === "down_revision" ? revision.down : revision.dependsOn;
		const replaced = near.length === 1 ? ids.map((one) => one === parent ? near[0] : one) : void 0;
		const insert = replaced && literal(revision, span, replaced);
		return {
			...placeOf$5(revision, what),
			...unlessUnknowable(environment),
			revision: id,
			object: {
				kind: from,
				name: parent
			},
			preexisting: history?.graph.missing.some((other) => other.id === id && other.parent === parent && other.from === from) ?? false,
			message: text$1`${code(id)} ${from === "down_revision" ? "builds on" : "depends on"} ${code(parent)}, which no revision file defines: every alembic command stops with ${code(`KeyError: '${parent}'`)}.`,
			help: helpFor$1(parent, from, deleted !== void 0, near, insert === void 0 ? void 0 : `${from} = ${insert}`),
			...deleted && history && { related: [relatedTo(deleted.before, "revision", text$1`it stands here on the base branch`, history.base.commit)] },
			...insert !== void 0 && span?.value && { fix: {
				title: `Build ${id} on ${near[0]}`,
				edits: [{
					file: revision.file,
					start: span.value.start,
					end: span.value.end,
					expected: revision.source.slice(span.value.start, span.value.end),
					insert
				}]
			} }
		};
	})
});
function helpFor$1(parent, from, deleted, near, line) {
	if (deleted) return text$1`This pull request deletes ${code(parent)}. Keep its file, or build on what comes before it.`;
	if (line !== void 0) return text$1`Did you mean ${code(near[0])}? Alembic takes whole ids only:${block(line, "python")}`;
	if (near.length > 1) return text$1`Name one that exists: ${listOf(near)} ${near.length > 1 ? "look" : "looks"} like it.`;
	return text$1`Add the file that defines ${code(parent)} (was it left out of the commit, or is it still on another branch?), or name ${from === "down_revision" ? "the parent" : "a revision or branch label"} that exists.`;
}
/** Ids that were probably meant: those that begin like it, or differ in one or two characters. */
function nearest$1(wanted, child, graph) {
	const ids = [...graph.revisions.keys()].filter((id) => id !== child);
	const begin = wanted.length >= 4 ? ids.filter((id) => id.startsWith(wanted) || wanted.startsWith(id)) : [];
	return begin.length > 0 ? begin : ids.filter((id) => wanted.length >= 6 && distance(id, wanted) <= 2);
}
/** Characters to add, remove or replace. */
function distance(a, b) {
	if (Math.abs(a.length - b.length) > 2) return 3;
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
		row = next;
	}
	return row[b.length];
}
// src/rules/duplicate-revision.ts
var duplicate_revision_default = rule({
	id: "duplicate-revision",
	family: "graph",
	severity: "error",
	summary: "Two files define the same revision, or two revisions the same branch label",
	needs: ["graph"],
	wants: ["history"],
	judge({ graph, history }) {
		const base = history?.graph;
		const ids = graph.duplicates.map(({ id, files }) => {
			const kept = files.at(-1);
			const old = base?.duplicates.find((duplicate) => duplicate.id === id)?.files ?? [base?.revisions.get(id)];
			const blamed = (base?.revisions.has(id) ? files.find(({ file }) => !old.some((other) => other?.file === file)) : void 0) ?? kept;
			const others = files.filter((file) => file !== blamed);
			const fresh = createHash("sha256").update(blamed.file).digest("hex").slice(0, 12);
			const lost = files.find((file) => file !== kept);
			return {
				...placeOf$5(blamed, "revision"),
				revision: id,
				preexisting: base?.duplicates.some((duplicate) => duplicate.id === id) ?? false,
				message: text$1`${code(id)} is defined by ${files.length === 2 ? "two" : files.length} files, and Alembic keeps only the one it reads last: what ${code(lost.file)} does will never run.`,
				help: text$1`Give this revision an id of its own, and name it in the ${code("down_revision")} of what builds on it:${block(`revision = ${literal(blamed, blamed.at.revision, [fresh])}`, "python")}`,
				related: others.map((other) => relatedTo(other, "revision", other === kept ? text$1`the same id, in the file that Alembic keeps` : text$1`the same id, in a file that Alembic forgets`))
			};
		});
		const labels = graph.labelClashes.map(({ label, revisions: [first, second] }) => {
			const blamed = base?.revisions.has(first.id) && !base.revisions.has(second.id) ? second : first;
			const other = blamed === first ? second : first;
			return {
				...placeOf$5(blamed, "labels"),
				revision: blamed.id,
				object: {
					kind: "branch label",
					name: label
				},
				preexisting: base?.labelClashes.some((clash) => clash.label === label) ?? false,
				message: text$1`The branch label ${code(label)} of ${code(blamed.id)} is taken by ${code(other.id)} already: Alembic refuses to load any revision.`,
				help: text$1`A label stands once, on the first revision of its branch; those that build on it have it without saying so.`,
				related: [relatedTo(other, "labels", text$1`the same label`)]
			};
		});
		return [...ids, ...labels];
	}
});
// src/rules/revision-cycle.ts
var revision_cycle_default = rule({
	id: "revision-cycle",
	family: "graph",
	severity: "error",
	summary: "Revisions build on each other in a circle",
	needs: ["graph"],
	wants: ["history"],
	judge: ({ graph, history }) => graph.cycles.map((cycle) => {
		const changed = (id) => {
			const change = history?.changes.get(id);
			return history !== void 0 && (!change || change.reparented !== void 0 || change.dependenciesChanged);
		};
		const known = new Set(cycle);
		const id = cycle.find(changed) ?? cycle[0];
		const start = cycle.indexOf(id);
		const path = [
			...cycle.slice(start),
			...cycle.slice(0, start),
			id
		];
		const edge = (child, parent) => graph.parents.get(child)?.includes(parent) ? "down" : "dependsOn";
		const consequence = noticed(graph) ? "Alembic refuses to load any revision" : "no order exists in which they could run, and Alembic walks in the circle for ever or runs them in a wrong one";
		const arrows = path.flatMap((one, index) => [...index === 0 ? [] : text$1` → `, code(one)]);
		return {
			...placeOf$5(graph.revisions.get(id), edge(id, path[1])),
			revision: id,
			preexisting: history?.graph.cycles.some((other) => other.length === cycle.length && other.every((one) => known.has(one))) ?? false,
			message: cycle.length === 1 ? text$1`${code(id)} ${edge(id, id) === "down" ? "builds on" : "depends on"} itself: Alembic refuses to load any revision.` : text$1`${code(id)} comes before itself (${arrows}): ${consequence}.`,
			help: text$1`Build ${code(id)} on the revision that comes before it.`,
			related: path.slice(1, -1).map((one, index) => relatedTo(graph.revisions.get(one), edge(one, path[index + 2]), text$1`${code(one)} builds on ${code(path[index + 2])}`))
		};
	})
});
/** Whether Alembic sees it: it looks for revisions that cannot be reached from the heads or from the bases. */
function noticed(graph) {
	const reach = (from, next) => {
		const reached = new Set(from);
		for (const id of reached) for (const other of next(id)) reached.add(other);
		return reached.size;
	};
	const all = (id) => [...graph.parents.get(id) ?? [], ...graph.dependencies.get(id) ?? []];
	const children = /* @__PURE__ */ new Map();
	for (const id of graph.revisions.keys()) for (const parent of all(id)) children.set(parent, [...children.get(parent) ?? [], id]);
	const tops = [...graph.revisions.keys()].filter((id) => !children.has(id));
	const roots = [...graph.revisions.keys()].filter((id) => all(id).length === 0);
	return reach(tops, all) < graph.revisions.size || reach(roots, (id) => children.get(id) ?? []) < graph.revisions.size;
}
// src/rules/unreadable-revision.ts
var unreadable_revision_default = rule({
	id: "unreadable-revision",
	family: "graph",
	severity: "error",
	summary: "A file in a version folder is no revision that Alembic can load",
	needs: ["graph"],
	wants: ["history", "environment"],
	judge: ({ graph, history, environment }) => graph.unreadable.flatMap((unreadable) => {
		const { file, line, reason } = unreadable;
		const preexisting = history?.graph.unreadable.some((other) => other.reason === reason && nameOf$3(other.file) === nameOf$3(file)) ?? false;
		if (reason === "computed" && preexisting) return [];
		const revision = [...graph.revisions.values()].find((one) => one.file === file)?.id;
		const { message, help } = wording(unreadable);
		return [{
			file,
			line,
			...revision !== void 0 && { revision },
			object: {
				kind: "file",
				name: file.slice(file.lastIndexOf("/") + 1)
			},
			...reason === "no-revision" && unlessUnknowable(environment),
			...reason === "computed" && { severity: "notice" },
			preexisting,
			message,
			help
		}];
	})
});
const nameOf$3 = (file) => file.slice(file.lastIndexOf("/") + 1);
function wording({ file, reason, detail, line }) {
	const name = code(nameOf$3(file));
	const dies = text$1`every alembic command stops when it loads the revisions`;
	switch (reason) {
		case "syntax": return {
			message: text$1`Python 3 cannot read ${name} (line ${line}: ${detail}): ${dies}.`,
			help: detail.startsWith("Missing parentheses") || detail.startsWith("multiple exception types") ? text$1`This is Python 2; write it as Python 3 has it.` : text$1`Mend the line; this tells whether Python takes it:${block(`python -m py_compile ${quoted$1(file)}`, "sh")}`
		};
		case "encoding": return {
			message: text$1`Python cannot decode ${name} (${detail}): ${dies}.`,
			help: text$1`Save the file as UTF-8, or name its encoding in the first line:${block("# -*- coding: latin-1 -*-", "python")}`
		};
		case "no-revision": return {
			message: text$1`${name} stands in a version folder and defines no ${code("revision")}: ${dies} with ${code("Could not determine revision id from filename")}.`,
			help: text$1`Move the file out of the folder if it is no revision, or give it an id:${block("revision = \"…\"\ndown_revision = \"…\"", "python")}`
		};
		case "refused": return {
			message: text$1`Alembic does not accept the header of ${name} (${detail}): ${dies}.`,
			help: text$1`Ids are strings without ${code("@")}, ${code("-")}, ${code("+")} and ${code(":")}.`
		};
		case "computed": return {
			message: text$1`${code(detail)} of ${name} is computed when Alembic loads the file, so nothing can be said here about its place in the graph.`,
			help: text$1`Write the id out, as ${code("alembic revision")} does. When the migrations are run (without ${code("--static")}), the graph that Alembic loads is taken.`
		};
	}
}
// src/rules/revision-id-too-long.ts
/** Width of alembic_version.version_num. */
const WIDTH$3 = 32;
/** What VARCHAR counts. */
const lengthOf = (id) => Array.from(id).length;
var revision_id_too_long_default = rule({
	id: "revision-id-too-long",
	family: "graph",
	severity: "error",
	summary: `A revision's id has more than ${WIDTH$3} characters`,
	needs: ["graph"],
	wants: ["history"],
	judge({ graph, history }) {
		if ([...history?.graph.revisions.keys() ?? []].some((id) => lengthOf(id) > WIDTH$3)) return [];
		return [...graph.revisions.values()].filter(({ id }) => lengthOf(id) > WIDTH$3).map((revision) => ({
			...placeOf$5(revision, "revision"),
			revision: revision.id,
			message: text$1`The id ${code(revision.id)} has ${lengthOf(revision.id)} characters and ${code("alembic_version.version_num")} holds ${WIDTH$3}: the upgrade fails with ${code(`value too long for type character varying(${WIDTH$3})`)}.`,
			help: text$1`Shorten it to ${WIDTH$3} characters or fewer, here and in the ${code("down_revision")} of what builds on it.`
		}));
	}
});
// src/rules/new-base.ts
var new_base_default = rule({
	id: "new-base",
	family: "graph",
	severity: "warning",
	summary: "A new revision builds on nothing although there is a history to build on",
	needs: [
		"graph",
		"history",
		"environment"
	],
	judge({ graph, history, environment }) {
		if (history.graph.bases.length === 0) return [];
		if (history.graph.bases.some((id) => history.changes.get(id)?.body === "deleted")) return [];
		const folderOf = (file) => environment.versionFolders.find((folder) => file.startsWith(`${folder}/`));
		const inUse = new Set([...history.graph.revisions.values()].map(({ file }) => folderOf(file)));
		return history.added.map((id) => graph.revisions.get(id)).filter(({ id, labels, computed, file }) => graph.bases.includes(id) && labels.length === 0 && !computed?.includes("labels") && inUse.has(folderOf(file))).map((revision) => {
			const head = history.graph.heads[0];
			return {
				...placeOf$5(revision, "down"),
				revision: revision.id,
				message: text$1`${code(revision.id)} builds on nothing and begins a second history: on an existing database it runs beside all that is there, and nothing says in which order.`,
				help: head === void 0 ? text$1`Name the revision that it builds on.` : text$1`Build on the head, or give the new branch a label (${code("branch_labels")}) if it is meant:${block(`down_revision = ${literal(revision, revision.at.down, [head])}`, "python")}`,
				related: history.graph.bases.slice(0, 1).map((base) => relatedTo(history.graph.revisions.get(base), "revision", text$1`the history begins here`))
			};
		});
	}
});
// src/rules/colliding-pull-request.ts
var colliding_pull_request_default = rule({
	id: "colliding-pull-request",
	family: "graph",
	severity: "notice",
	summary: "Another open pull request builds on the same revision: whoever comes second has to re-parent",
	needs: ["graph", "history"],
	wants: ["neighbours"],
	judge({ graph, history, neighbours = [] }) {
		if (!graph.complete) return [];
		const entries = history.added.map((id) => graph.revisions.get(id)).filter((revision) => revision !== void 0).filter(({ down }) => down.some((parent) => history.graph.revisions.has(parent)));
		const colliding = neighbours.flatMap((neighbour) => {
			const both = collision(neighbour, graph, history.graph);
			const entry = both && entries.find(({ down }) => both.added.some((other) => other.down.some((parent) => down.includes(parent))));
			return entry ? [{
				number: neighbour.number,
				entry,
				head: both.head
			}] : [];
		});
		const branch = /^[\w./-]+$/.test(history.base.label) ? history.base.label : "HEAD";
		return entries.flatMap((entry) => {
			const others = colliding.filter((one) => one.entry === entry);
			const [first] = others;
			if (!first) return [];
			const several = others.length > 1;
			const numbers = listOf(others.map(({ number }) => `#${number}`));
			return [{
				...placeOf$5(entry, "down"),
				revision: entry.id,
				message: text$1`Merging after ${numbers} makes two heads: ${several ? "these open pull requests build" : "this open pull request builds"} on ${listOf(entry.down)} as ${code(entry.id)} does. Whoever comes second re-parents.`,
				help: text$1`Nothing to do before one of them is merged. Then get the base branch and build on its head:${block(`git pull origin ${branch}\nnpx alembic-gate fix --yes`, "sh")}After ${code(`#${first.number}`)} that is${block(`down_revision = ${literal(entry, entry.at.down, [first.head])}`, "python")}`
			}];
		});
	}
});
const headsOf = (parents) => {
	const named = new Set([...parents.values()].flat());
	return [...parents.keys()].filter((id) => !named.has(id));
};
/**
* What another pull request adds and the head that it leaves beside ours, where each of both is sound without the other.
*
* @returns undefined where merging both leaves no more heads than each alone
*/
function collision({ revisions }, graph, base) {
	const added = revisions.filter(({ id }) => !base.revisions.has(id));
	if (added.some(({ labels, computed, problem }) => labels.length > 0 || computed || problem)) return void 0;
	const theirs = added.map(({ id, down }) => [id, down]);
	const both = headsOf(new Map([...graph.parents, ...theirs]));
	if (both.length <= Math.max(graph.heads.length, headsOf(new Map([...base.parents, ...theirs])).length)) return void 0;
	const head = both.find((id) => !graph.revisions.has(id));
	return head === void 0 ? void 0 : {
		added,
		head
	};
}
// src/run/sql.ts
/** Quoted text of each kind, or else white space and comments. */
const TOKENS = /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|(?:--[^\n]*|\/\*[\s\S]*?\*\/|\s)+/g;
/** The text with comments left out, and white space folded, outside of quotes. */
const folded$3 = (sql) => sql.replaceAll(TOKENS, (token) => /^(?:--|\/\*|\s)/.test(token) ? " " : token).replace(/[\s;]+$/, "").trimStart();
const SESSION = /^(?:set|reset)\s+(?:session\s+|local\s+)?(?:lock_timeout|statement_timeout|idle_in_transaction_session_timeout|transaction_timeout|deadlock_timeout|maintenance_work_mem|work_mem)\b/i;
/** Whether a statement only sets how long or with how much memory the following ones may run. */
const isSetting = (sql) => SESSION.test(folded$3(sql));
const DATA$1 = /^(?:with|insert|update|delete|merge|copy|truncate|select|call|do|values|execute)\b/i;
/** Whether a statement changes rows, or may: what it does cannot be seen in the catalog. */
const isData = (sql) => DATA$1.test(folded$3(sql));
/** The statements one by one: a row of parameters each, keyed by their text. */
function unitsOf(statements) {
	return statements.flatMap(({ sql, parameters }) => {
		const rows = parameters.length > 0 ? parameters : [[]];
		const text = folded$3(sql);
		return rows.map((row) => ({
			sql: shown$1(sql, row),
			key: JSON.stringify([text, row])
		}));
	});
}
function shown$1(sql, row) {
	return [...sql.replaceAll("	", "    ").split("\n").map((line) => line.trimEnd()).filter((line) => line !== ""), ...row.length > 0 ? [`-- ${row.join(", ")}`] : []].join("\n");
}
/**
* The same with keys that tell neither the case of keywords nor needless quotes apart. Several statements in one text become several
* units. What the parser does not know keeps its text as its key.
*/
async function parsedUnits(statements) {
	const { parse } = await import("./sql-parser.js");
	return statements.flatMap((statement) => {
		const units = unitsOf([statement]);
		try {
			const parts = parse(statement.sql, {
				dialect: "postgresql",
				paramTypes: ["?"]
			}).statements.filter(({ type }) => type !== "empty").map((part) => JSON.stringify(canonical$1(part)));
			const rows = statement.parameters.length > 0 ? statement.parameters : [[]];
			if (parts.length > 1 && rows.length === 1 && rows[0].length === 0) return parts.map((key) => ({
				...units[0],
				key: JSON.stringify([key, []])
			}));
			return units.map((unit, index) => ({
				...unit,
				key: JSON.stringify([parts.join(";"), rows[index]])
			}));
		} catch {
			return units;
		}
	});
}
/** A syntax tree without what has no meaning. */
function canonical$1(node) {
	if (Array.isArray(node)) return node.map(canonical$1);
	if (typeof node !== "object" || node === null) return node;
	const { type, text, name, ...rest } = node;
	if (type === "keyword") return name;
	if (type === "identifier" && typeof text === "string") return text.startsWith("\"") || text.startsWith("U&") ? name : text.toLowerCase();
	const fields = {
		...text !== void 0 && { text },
		...name !== void 0 && { name },
		...rest
	};
	return [type, Object.entries(fields).map(([key, value]) => [key, canonical$1(value)])];
}
// src/run/first-error.ts
/** Once a statement has failed Postgres refuses all others (25P02): what the project swallowed is what there is to mend. */
function firstErrorOf(stop, steps) {
	if (stop.raised.sqlstate !== "25P02") return stop;
	const failed = (steps.find(({ revision, ended }) => !ended && revision === stop.revision)?.statements ?? []).find(({ error }) => error && error.sqlstate !== "25P02");
	if (!failed?.error) return stop;
	const { file, line, sql, error } = failed;
	const { sqlstate: _, ...raised } = stop.raised;
	return {
		...stop,
		...file !== void 0 && {
			file,
			line
		},
		raised: {
			...raised,
			type: "DatabaseError",
			...error,
			sql
		}
	};
}
// src/rules/raised.ts
/** SQLAlchemy's words for an operation whose name is None, which show Python's objects and their addresses. */
const UNNAMED = /^Can't emit (ADD|DROP) CONSTRAINT for constraint (\w+)\(.*Table\('([^']+)'.*it has no name$/;
/** The first line of a database's or Python's message, without SQLAlchemy's wrapping. */
function firstLine(message) {
	const line = message.split("\n").find((line) => line.trim() !== "") ?? "";
	const unnamed = UNNAMED.exec(line);
	if (unnamed) return `${unnamed[1]} CONSTRAINT on table ${unnamed[3]} names no constraint (${unnamed[2]} without a name)`;
	return line.replace(/^\([\w.]+\)\s*/, "").replace(/^<class '[^']+'>:\s*/, "").trim();
}
/** The table whose constraint without a name cannot be dropped, where that is what was raised. */
const tableOfUnnamed = ({ message }) => UNNAMED.exec(message.trim())?.[3];
/** Names of settings that pydantic misses, as environment variables are written. */
function missingSettings({ message }) {
	return [...message.matchAll(/^(\w+)\n\s+(?:Field required|field required)/gm)].map(([, name]) => name.toUpperCase());
}
/** Addresses of Python's objects, which are others at every run. */
const ADDRESS = / at 0x[0-9a-f]{6,}/g;
/** What pydantic was given: an application's settings, its secrets among them. */
const INPUT = /input_value=.*?(?=, input_type=|\]$)/gm;
const tidy$2 = (words) => words.replace(ADDRESS, "").replace(INPUT, "input_value=…").trim();
/** Frames of libraries, of Python itself, of generated code, and ours. */
const FOREIGN$1 = /^ {2}File "(?:<|[^"]*[/\\](?:site-packages|dist-packages|alembic_gate_driver|lib[/\\]python[\d.]+)[/\\])/;
/**
* The last frames of a traceback, without those of libraries where there are some of the project, and what was raised.
*
* @param file where it begins: how env.py came there is the same for every revision
*/
function traceOf({ traceback, frames }, file) {
	const parts = tidy$2(traceback).split(/\n(?= {2}File "|\S)/);
	const own = frames.length > 0 ? parts.filter((part) => !FOREIGN$1.test(part)) : parts;
	const first = file === void 0 ? -1 : own.findIndex((part) => part.includes(`${file}", line `));
	const shown = first > 1 ? [own[0], ...own.slice(first)] : own;
	const last = shown.findLastIndex((part) => part.startsWith("  File "));
	return [...shown.slice(Math.max(0, last - 3), last + 1), ...shown.slice(last + 1, last + 9)].join("\n");
}
/** The message, the statement and, where there is no statement, the end of the traceback. */
function evidenceOf({ raised, revision, file }) {
	const name = raised.sqlstate ? `${raised.type}, SQLSTATE ${raised.sqlstate}` : raised.type;
	const message = tidy$2(raised.message.replace(/\n\[SQL:[\s\S]*$|\n\(Background on this error[\s\S]*$/g, ""));
	if (raised.sql) return text$1`${name}: ${block(message)} It was executing ${block(raised.sql.trim(), "sql")}`;
	const trace = traceOf(raised, revision === void 0 ? void 0 : file);
	return trace.includes(message) ? text$1`${block(trace)}` : text$1`${name}: ${block(message)} ${block(trace)}`;
}
// src/rules/observed.ts
/** The phases of the evidence with these ids, or all, in the order of the itinerary; what stopped one is the error that came first. */
const phasesOf$1 = (run, ...ids) => run.phases.filter((phase) => ids.length === 0 || ids.includes(phase.id)).map(withFirstError);
/** What stopped a downgrade(), and is its own: in the phases that go down, and where each was tried by itself. */
const stopsGoingDown = (run) => phasesOf$1(run, "downgrade", "history-downgrade", "history-each").flatMap(({ stop, stops = [] }) => [...stop ? [stop] : [], ...stops]).filter(({ inTheWay }) => !inTheWay);
/** The phase with the errors that came first. */
function withFirstError(phase) {
	const { stop, stops, steps } = phase;
	return {
		...phase,
		...stop && { stop: firstErrorOf(stop, steps) },
		...stops && { stops: stops.map((one) => firstErrorOf(one, steps)) }
	};
}
/** Types and functions that only an extension provides, and its name. */
const FROM_EXTENSION = new Map(Object.entries({
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
	uuid_generate_v1mc: "uuid-ossp",
	uuid_generate_v4: "uuid-ossp",
	gen_random_bytes: "pgcrypto",
	crypt: "pgcrypto",
	digest: "pgcrypto",
	unaccent: "unaccent",
	create_hypertable: "timescaledb"
}));
/** The extension that a database error asks for, if it does. */
function missingExtension({ raised }) {
	const { message, sqlstate } = raised;
	const control = /extension "([^"]+)" is not available|open extension control file "[^"]*\/([^"/]+)\.control"|extension "([^"]+)" does not exist/.exec(message);
	if (control) return control[1] ?? control[2] ?? control[3];
	if (sqlstate !== "42704" && sqlstate !== "42883") return void 0;
	const named = /(?:type|function|operator class) "?(?:[\w]+\.)?(\w+)/.exec(message)?.[1];
	return named && FROM_EXTENSION.get(named.toLowerCase());
}
/** The role that a database error asks for, if it does. */
const missingRole = ({ raised }) => raised.sqlstate === "42704" ? /role "([^"]+)" does not exist/.exec(raised.message)?.[1] : void 0;
/** Classes that people raise to refuse; with the others, an error of Python's own may use the same words. */
const DELIBERATE = /^(Exception|RuntimeError|ValueError|AssertionError|SystemExit|CommandError)$/;
/** Whether somebody wrote that a revision cannot be undone. `raise NotImplemented` is a TypeError, and means it too. */
function isRefusal({ type, message, sqlstate }) {
	if (sqlstate !== void 0) return false;
	if (/^(NotImplementedError|Irreversible\w*|CannotDowngrade\w*)$/.test(type) || type === "TypeError" && /NotImplementedType|must derive from BaseException/.test(message)) return true;
	return DELIBERATE.test(type) && /irreversible|not reversible|cannot be (downgraded|reverted|undone)|no downgrade|downgrade.* not supported/i.test(message);
}
/**
* Why a phase stopped.
*
* @param is what the body of the downgrade() that stopped is: one that only raises refuses
*/
function causeOf(stop, is) {
	if (stop.inTheWay) return "others";
	if (stop.timedOut) return "hang";
	if (stop.revision === void 0) return "environment";
	if (missingExtension(stop)) return "extension";
	if (missingRole(stop)) return "role";
	return isRefusal(stop.raised) || is === "raises" && stop.raised.sqlstate === void 0 ? "irreversible" : "fault";
}
/** The place of a function of a revision. */
function placeOf$4(graph, revision, part) {
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
	} : placeOf$4(graph, stop.revision, direction);
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
/** The parts of a qualified name as SQL has them, its arguments and the label of its database aside: `public`, `"odd.name"`. */
const nameParts = (name) => /^(?:"(?:[^"]|"")*"|[^"(])*/.exec(name.replace(/^\[[^\]]*\] /, ""))[0].match(/"(?:[^"]|"")*"|[^".]+/g) ?? [];
/** An identifier without its quotes. */
const unquoted$1 = (identifier) => identifier.startsWith("\"") ? identifier.slice(1, -1).replaceAll("\"\"", "\"") : identifier;
/** The last part of a qualified name without its arguments and quotes: `status` of `public.status`. */
const bareName = (name) => unquoted$1(nameParts(name).at(-1) ?? "");
/** Finds a name as a whole word. */
const mentions$1 = (name) => new RegExp(`(?<![\\w$])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w$])`, "i");
// src/rules/tracing.ts
const UP = [
	"base",
	"upgrade",
	"upgrade-again",
	"history-upgrade"
];
const DOWN = ["downgrade", "history-downgrade"];
const stepsOf = (run, phases, direction) => phasesOf$1(run, ...phases).flatMap(({ steps }) => steps.filter((step) => step.direction === direction));
/** Where an object came to be, or got its name: in an upgrade() as a rule, in a downgrade() where no upgrade() made it. */
function creationOf(run, object) {
	const up = stepsOf(run, UP, "upgrade");
	const { creates, renames, implies, mentions } = patternsOf(object);
	const seen = up.find(({ effect }) => effect?.some((one) => one.change === "added" && one.kind === object.kind && one.name === object.name));
	if (seen) return firstOf([seen], [
		creates,
		renames,
		implies,
		mentions
	]) ?? {
		revision: seen.revision,
		direction: "upgrade"
	};
	const unseen = up.filter(({ effect }) => effect === void 0);
	return firstOf(unseen, [creates, renames]) ?? firstOf(stepsOf(run, DOWN, "downgrade").reverse(), [creates, renames]) ?? firstOf(unseen, [implies, mentions]);
}
/** Who last made an object what it is now, or dropped it: the way down before the way up. */
function lastChangeOf(run, object) {
	const { creates, renames, alters, drops } = patternsOf(object);
	const changes = either(creates, renames, alters, drops);
	return firstOf(stepsOf(run, ["history-downgrade"], "downgrade").reverse(), [changes]) ?? firstOf(stepsOf(run, ["base", "upgrade"], "upgrade").reverse(), [changes]);
}
/** The statement that made an object what it was before a revision's upgrade(). */
function definitionBefore(run, object, revision) {
	const steps = stepsOf(run, ["base", "upgrade"], "upgrade");
	const end = steps.findIndex((step) => step.revision === revision);
	const { creates, renames, alters, implies } = patternsOf(object);
	return firstOf(steps.slice(0, end === -1 ? void 0 : end).reverse(), [either(creates, renames, alters, implies)])?.statement;
}
/** What a revision's upgrade() did to an object: the statement that made, altered or dropped it. */
function changeIn(run, object, revision) {
	const steps = stepsOf(run, UP, "upgrade").filter((step) => step.revision === revision);
	const { creates, renames, alters, drops, implies, mentions } = patternsOf(object);
	return firstOf(steps, [
		creates,
		renames,
		alters,
		drops,
		implies,
		mentions
	])?.statement;
}
/** What a revision's downgrade() did last to an object that is there after it. */
function restorationIn(run, object, revision) {
	const steps = stepsOf(run, DOWN, "downgrade").filter((step) => step.revision === revision);
	const { creates, renames, alters, comments, implies } = patternsOf(object);
	return firstOf(steps.map((step) => ({
		...step,
		statements: [...step.statements].reverse()
	})), [either(creates, renames, alters, comments), implies])?.statement;
}
/** The line that created an object, as a related place. */
function createdHere(run, object) {
	const statement = creationOf(run, object)?.statement;
	if (!statement?.file) return [];
	return [{
		file: statement.file,
		line: statement.line,
		message: text$1`${object.kind} ${code(object.name)} is created here`
	}];
}
/** The first step with a statement that the first pattern knows, else the second, and so on. */
function firstOf(steps, patterns) {
	for (const matches of patterns) for (const { revision, direction, statements } of steps) {
		const statement = statements.find(({ sql, error }) => !error && matches(sql));
		if (statement) return {
			revision,
			direction,
			statement
		};
	}
}
const KIND = `(?:(?:or|replace|global|local|temp|temporary|unlogged|unique|recursive|materialized|foreign|constraint|event|text|search|configuration|dictionary|trusted|table|index|concurrently|type|domain|sequence|view|function|procedure|aggregate|extension|schema|server|collation|statistics|publication|trigger|rule|policy|if|not|exists|only)\\s+)+`;
const QUALIFIER = "(?:(?:\"[^\"]+\"|[\\w$]+)\\s*\\.\\s*)*";
const escaped$1 = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const word = (name) => `(?<![\\w$])"?${escaped$1(name)}"?(?![\\w$])`;
const pattern$1 = (source) => {
	const regex = new RegExp(source, "i");
	return (sql) => regex.test(sql);
};
const never = () => false;
const either = (...patterns) => (sql) => patterns.some((matches) => matches(sql));
const both = (...patterns) => (sql) => patterns.every((matches) => matches(sql));
function patternsOf({ kind, name }) {
	const parts = nameParts(name).map(unquoted$1);
	const own = parts.at(-1) ?? "";
	const table = parts.length > 2 ? parts.at(-2) : void 0;
	const mentions = both(pattern$1("\\b(create|add|rename|alter)\\b"), pattern$1(word(own)));
	if (table === void 0) {
		const target = `${KIND}${QUALIFIER}${word(own)}`;
		return {
			creates: pattern$1(`\\bcreate\\s+${target}`),
			renames: pattern$1(`\\balter\\b[^;]{0,400}\\brename\\s+to\\s+${word(own)}`),
			alters: pattern$1(`\\balter\\s+${target}`),
			drops: pattern$1(`\\bdrop\\s+${target}`),
			comments: pattern$1(`\\bcomment\\s+on\\s+${target}`),
			implies: kind === "sequence" ? (sql) => sequencesIn(sql).includes(own) : never,
			mentions
		};
	}
	const onTable = pattern$1(`\\b(?:table|on)\\s+(?:(?:if|not|exists|only)\\s+)*${QUALIFIER}${word(table)}`);
	const createsTable = pattern$1(`\\bcreate\\s+${KIND}${QUALIFIER}${word(table)}`);
	const dropsTable = pattern$1(`\\bdrop\\s+${KIND}${QUALIFIER}${word(table)}`);
	const clause = kind === "column" ? "(?:column\\s+)?(?:if\\s+(?:not\\s+)?exists\\s+)?" : `(?:${KIND})?`;
	return {
		creates: both(onTable, either(both(createsTable, pattern$1(word(own))), pattern$1(`\\b(?:add|create)\\s+${clause}${word(own)}`))),
		renames: both(onTable, pattern$1(`\\brename\\s+(?:column\\s+|constraint\\s+)?\\S+\\s+to\\s+${word(own)}`)),
		alters: both(onTable, pattern$1(`\\balter\\s+${clause}${word(own)}`)),
		drops: either(dropsTable, both(onTable, pattern$1(`\\bdrop\\s+${clause}${word(own)}`))),
		comments: pattern$1(`\\bcomment\\s+on\\s+(?:\\w+\\s+){1,2}${QUALIFIER}${word(table)}\\s*\\.\\s*${word(own)}`),
		implies: both(onTable, generated(kind, table, own)),
		mentions: both(mentions, pattern$1(word(table)))
	};
}
/** How a constraint is written whose name Postgres makes of the table, its columns and what it is. */
const GENERATED = {
	"primary key": ["pkey", "primary\\s+key"],
	"foreign key": ["fkey", "references|foreign\\s+key"],
	"unique constraint": ["key", "unique"],
	"check constraint": ["check", "check"],
	"exclusion constraint": ["excl", "exclude"],
	"not-null constraint": ["not_null", "not\\s+null"]
};
function generated(kind, table, own) {
	const [suffix, written] = GENERATED[kind] ?? [];
	if (suffix === void 0 || !own.startsWith(`${table}_`) || !new RegExp(`_${suffix}\\d*$`).test(own)) return never;
	const columns = own.slice(table.length + 1).replace(new RegExp(`_?${suffix}\\d*$`), "");
	return both(pattern$1("\\b(?:create|add)\\b"), pattern$1(written), (sql) => columns.split("_").every((part) => sql.includes(part)));
}
/** Sequences that a statement makes without naming them: those of serial and identity columns. */
function sequencesIn(sql) {
	const table = /\b(?:create|alter)\s+(?:\w+\s+){0,3}table\s+(?:(?:if|not|exists|only)\s+)*(?:(?:"[^"]+"|[\w$]+)\s*\.\s*)*("[^"]+"|[\w$]+)/i.exec(sql)?.[1];
	if (table === void 0) return [];
	return [...sql.matchAll(/("[^"]+"|[\w$]+)\s+(?:(?:small|big)?serial\b|\w+\s+(?:not\s+null\s+)?generated\s+(?:always|by\s+default)\s+as\s+identity)/gi)].map(([, column]) => `${unquoted$1(table)}_${unquoted$1(column)}_seq`);
}
// src/rules/unrestored.ts
const key = ({ kind, name, change }) => `${change} ${kind} ${name}`;
/**
* What was not as before after the downgrades, with the revision whose downgrade() should have restored it.
* A difference after one step counts only if it is still there at the end.
*/
function unrestored(run) {
	const found = [];
	const downgrade = phasesOf$1(run, "downgrade")[0];
	for (const difference of downgrade?.compared?.differences ?? []) {
		const owner = downgrade.unrestored.find(({ differences }) => differences.some((other) => key(other) === key(difference)));
		found.push({
			revision: owner?.revision ?? ownerAmong(downgrade, run, difference),
			difference
		});
	}
	const each = phasesOf$1(run, "history-each")[0];
	for (const { revision, differences } of each?.unrestored ?? []) found.push(...differences.filter((one) => !goesLater(each, revision, one)).map((difference) => ({
		revision,
		difference
	})));
	const known = new Set(found.map(({ difference }) => key(difference)));
	for (const difference of phasesOf$1(run, "history-downgrade")[0]?.compared?.differences ?? []) {
		if (known.has(key(difference))) continue;
		const origin = difference.change === "added" ? creationOf(run, difference) : lastChangeOf(run, difference);
		found.push({
			revision: origin?.revision,
			difference
		});
	}
	return withoutRenames(found);
}
/** Whether the downgrade of an earlier revision deals with an object as well: what a later one leaves may be its business. */
function goesLater({ planned, steps }, revision, { name }) {
	const earlier = new Set(planned.slice(0, planned.indexOf(revision)));
	const named = mentions$1(bareName(name));
	return steps.some((step) => earlier.has(step.revision) && step.statements.some(({ sql }) => named.test(sql)));
}
/**
* Which of the pull request's revisions is to blame for a difference, where the states between them are not known.
*
* @param phase one of the pull request's own phases
*/
function ownerAmong({ planned, steps }, run, difference) {
	const creator = creationOf(run, difference)?.revision;
	if (creator !== void 0 && planned.includes(creator)) return creator;
	const named = mentions$1(bareName(difference.name));
	return steps.find(({ statements }) => statements.some(({ sql }) => named.test(sql)))?.revision ?? planned.at(-1);
}
/** Something that came back under another name is one thing that was not restored, and not one that is left over as well. */
function withoutRenames(found) {
	const removed = found.filter(({ difference }) => difference.change === "removed" && difference.parent !== void 0);
	const isOther = ({ revision, difference }) => difference.change === "added" && removed.some((other) => other.revision === revision && other.difference.kind === difference.kind && other.difference.parent === difference.parent && difference.kind !== "column");
	return found.filter((item) => !isOther(item));
}
/** An enum label cannot be taken back, and an extension may have other users: what is left of these is worth a notice only. */
const isMinor = ({ kind, change, properties }) => kind === "extension" && change === "added" || kind === "enum type" && change === "changed" && properties.every(({ name }) => name === "labels");
// src/rules/edited-revision.ts
var edited_revision_default = rule({
	id: "edited-revision",
	family: "history",
	severity: "error",
	summary: "A revision that the base branch has was changed in what it does",
	needs: ["history"],
	wants: [
		"edits",
		"run",
		"settings"
	],
	judge({ history, edits, run, settings }) {
		const facts = {
			history,
			run,
			settings
		};
		return [
			...[...history.changes.values()].filter(({ body }) => body === "edited").map((change) => ofBody(change, edits, facts)),
			...[...history.changes.values()].filter(({ labelsChanged, after }) => labelsChanged && after).map((change) => ofLabels(change, history)),
			...throughHelpers(facts, edits)
		];
	}
});
function ofBody(change, edits, facts) {
	const { history, run } = facts;
	const edit = edits?.get(change.id);
	const draft = edit ? byEffect(change, edit, facts) : byCode(change, facts, text$1`nothing was run`);
	const downgradeOnly = edit ? edit.upgrade.kind === "same" || change.edited.functions.every((name) => name === "downgrade") : change.edited.functions.every((name) => name === "downgrade");
	if (downgradeOnly && edit?.downgrade.kind !== "same" && mends(change.id, run)) return mended$1(change, draft);
	if (draft.severity === "notice") return draft;
	if (history.unreleased.has(change.id)) {
		const { message: _message, help: _help, ...rest } = draft;
		return unreleased(rest, [change.id], text$1`${code(change.id)} does something else now than on the base branch`);
	}
	if (change.restores) return reverted(change, change.restores, draft, facts);
	const neverPassed = run?.onBase && [run, run.onBase].every((one) => stopsAt(change.id, one));
	return downgradeOnly && neverPassed ? stillFails(change, draft) : draft;
}
/** Edited to what the base branch had before: which databases are right depends on when they ran it. */
function reverted(change, restores, draft, { settings }) {
	return {
		...draft,
		message: text$1`${code(change.id)} is applied already, and does again what it did on the base branch before ${landingText(restores)}: databases that ran it before that commit are right again, those that ran it since are not.`,
		help: text$1`If nothing was released between that commit and now, this is how to take an edit back: allow it. Otherwise a new revision has to bring both kinds of databases to the same state. ${allow("edited-revision", settings)}`
	};
}
const stopsAt = (id, run) => stopsGoingDown(run).some(({ revision }) => revision === id);
/** Whether the base branch's downgrade() fails or leaves something, and the pull request's does neither. */
function mends(id, run) {
	if (!run?.onBase) return false;
	const isFaulty = (one) => stopsAt(id, one) || unrestored(one).some(({ revision }) => revision === id);
	return phasesOf$1(run, "history-downgrade", "history-each").some(({ steps }) => steps.some(({ revision, ended, direction }) => revision === id && ended && direction === "downgrade")) && isFaulty(run.onBase) && !isFaulty(run);
}
/** Neither version goes back, so no way back is lost. */
function stillFails({ id }, draft) {
	return {
		...draft,
		severity: "warning",
		message: text$1`${code(id)} is applied already, and its ${code("downgrade()")} does something else now: on the base branch it fails, and it still does; ${code("upgrade()")} does what it did.`,
		help: text$1`No database changes by it, and going back was not possible before. Mend ${code("downgrade()")} altogether while you are at it.`
	};
}
function mended$1({ id }, draft) {
	return {
		...draft,
		severity: "notice",
		message: text$1`${code(id)} is applied already, and its ${code("downgrade()")} is mended: on the base branch it fails or leaves something behind, now it does neither; ${code("upgrade()")} does what it did.`,
		help: text$1`Nothing needs to be done: databases that have ${code(id)} stay as they are, and go back properly from now on.`
	};
}
/** Databases hold no labels: what changes is how commands name the branch. */
function ofLabels({ id, before, after }, history) {
	const gone = before.labels.filter((label) => !after.labels.includes(label));
	const fresh = after.labels.filter((label) => !before.labels.includes(label));
	const object = {
		kind: "header",
		name: "branch_labels"
	};
	const place = {
		...placeOf$5(after, "labels"),
		revision: id,
		object
	};
	const related = [relatedTo(before, "labels", text$1`what the base branch has`, history.base.commit)];
	if (gone.length === 0) return {
		...place,
		severity: "notice",
		message: text$1`${code(id)}, which is applied already, has the new ${gone.length + fresh.length === 1 ? "label" : "labels"} ${listOf(fresh)}; databases hold no labels, so none of them changes.`,
		help: text$1`Nothing needs to be done.`,
		related
	};
	return {
		...place,
		severity: "warning",
		message: text$1`${code(id)}, which is applied already, has lost the ${gone.length === 1 ? "label" : "labels"} ${listOf(gone)}: no database changes, but every command and every ${code("depends_on")} outside of this repository that says ${code(`${gone[0]}@head`)} stops.`,
		help: text$1`Look for the label in scripts and deployments, or keep it.`,
		related
	};
}
/** Where the change stands, and what databases have run. */
function places({ id, before, after, edited }, history) {
	return {
		file: after.file,
		line: edited.line,
		revision: id,
		related: [{
			file: before.file,
			line: before.upgrade?.line ?? before.at.revision?.line ?? 1,
			commit: history.base.commit,
			message: text$1`what databases have run`
		}]
	};
}
const MENDS = "A run on the base branch's files would prove that the old one fails or leaves something behind, and this one does not: that is no fault. ";
const takeBack = ({ before }, history) => text$1`Take the change back and write it as a new revision:${block(`git checkout ${history.base.commit.slice(0, 12)} -- ${quoted$1(before.file)}`, "sh")}`;
/** What the code alone tells. */
function byCode(change, { history, settings }, reason) {
	const { functions, importsOnly, settingsOnly } = change.edited;
	const { problem } = change.before;
	if (settingsOnly) return {
		...places(change, history),
		severity: "notice",
		message: text$1`${code(change.id)} is applied already, and waits for locks or statements for another time now; all else that it does is the same.`,
		help: text$1`Nothing needs to be done.`
	};
	if (problem && problem.reason !== "computed") return {
		...places(change, history),
		severity: "warning",
		message: text$1`${code(change.id)} changed, and nobody can tell what it did before: on the base branch Alembic cannot load it (line ${problem.line}: ${problem.detail}).`,
		help: text$1`If a database ran it with an older Python, make sure that it does the same now. ${allow("edited-revision", settings)}`
	};
	if (importsOnly) return {
		...places(change, history),
		severity: "warning",
		message: text$1`${code(change.id)} is applied already, and imports what it uses from elsewhere now: nobody can tell from the code whether it still does the same.`,
		help: text$1`Make sure that the imported code is the same, or copy what the revision needs into its file. ${allow("edited-revision", settings)}`
	};
	return {
		...places(change, history),
		message: text$1`${code(change.id)} is applied already, and ${whatChanged(functions)} changed: ${consequence(functions)}.`,
		help: text$1`${takeBack(change, history)}${functions.every((name) => name === "downgrade") ? MENDS : ""}The code was compared, not what it does to a database: ${reason}. ${allow("edited-revision", settings)}`
	};
}
/** What the statements of both versions tell. */
function byEffect(change, edit, facts) {
	const { history, run, settings } = facts;
	const { id } = change;
	const verdict = judged(id, change.edited.functions.every((name) => name === "downgrade") && edit.upgrade.kind === "unknown" ? {
		...edit,
		upgrade: { kind: "same" }
	} : edit, run);
	const place = places(change, history);
	switch (verdict.kind) {
		case "upgrade": return {
			...place,
			message: text$1`${code(id)} is applied already, and its ${code("upgrade()")} executes other SQL now: databases that have it keep what it did before and lack the rest, new ones get something else.`,
			help: text$1`${takeBack(change, history)}${allow("edited-revision", settings)}`,
			evidence: verdict.evidence
		};
		case "downgrade": return {
			...place,
			message: text$1`${code(id)} is applied already, and its ${code("downgrade()")} executes other SQL now: databases that have it stay as they are, but going back does something else than it did when the revision was released.`,
			help: text$1`${takeBack(change, history)}${MENDS}${allow("edited-revision", settings)}`,
			evidence: verdict.evidence
		};
		case "same-schema": return {
			...place,
			severity: "notice",
			message: text$1`${code(id)} is applied already, and its ${code(`${verdict.direction}()`)} executes other SQL now; the schema that comes out is the same.`,
			help: text$1`Nothing needs to be done. A new revision is the place for changes that are meant to change something.`,
			evidence: verdict.evidence
		};
		case "unknown":
			if (!verdict.rendered && !verdict.evidence) return byCode(change, facts, verdict.reason);
			return {
				...place,
				severity: "warning",
				message: text$1`${code(id)} is applied already, and ${whatChanged(change.edited.functions)} changed: nobody can tell whether ${code(`${verdict.direction}()`)} still does the same, since ${verdict.reason}.`,
				help: text$1`Compare both versions by hand. If they differ in what they do: ${takeBack(change, history)}${allow("edited-revision", settings)}`,
				...verdict.evidence && { evidence: verdict.evidence }
			};
		case "settings": return {
			...place,
			severity: "notice",
			message: text$1`${code(id)} is applied already, and runs with other session settings now; all else that it executes is the same.`,
			help: text$1`Nothing needs to be done.`,
			evidence: verdict.evidence
		};
		case "same": return {
			...place,
			severity: "notice",
			message: text$1`The code of ${code(id)}, which is applied already, changed; ${verdict.executed ? text$1`executed on ${rowsText(verdict.executed)} it does the same` : text$1`it executes the same SQL`}.`,
			help: text$1`Nothing needs to be done.`,
			...verdict.executed?.mends && { evidence: text$1`On rows with NULLs and equal values the old version stops (${verdict.executed.mends}), and this one does not.` }
		};
	}
}
/** What weighs most of what both functions show. */
function judged(id, { upgrade, downgrade }, run) {
	const sameUp = isDdl(upgrade) && (upgrade.executed?.sameCatalog === true || run !== void 0 && endsInTheSameSchema(run));
	const sameDown = isDdl(downgrade) && downgrade.executed?.sameCatalog === true;
	if (upgrade.kind === "different" && !sameUp) return {
		kind: "upgrade",
		evidence: difference$1(upgrade, downgrade)
	};
	if (downgrade.kind === "different" && !sameDown) return {
		kind: "downgrade",
		evidence: difference$1(downgrade)
	};
	for (const [direction, effect] of [["upgrade", upgrade], ["downgrade", downgrade]]) {
		if (effect.kind !== "unknown") continue;
		const { executed } = effect;
		const alike = executed ? text$1`On ${rowsText(executed)} both versions executed the same statements and left the same.` : run !== void 0 && ranAlike(id, direction, run) ? text$1`On an empty database both versions executed the same statements, which says nothing about one with rows.` : void 0;
		return {
			kind: "unknown",
			direction,
			reason: effect.reason,
			rendered: effect.rendered,
			...alike && { evidence: alike }
		};
	}
	if (upgrade.kind === "different") return {
		kind: "same-schema",
		direction: "upgrade",
		evidence: difference$1(upgrade, downgrade)
	};
	if (downgrade.kind === "different") return {
		kind: "same-schema",
		direction: "downgrade",
		evidence: difference$1(downgrade)
	};
	if (upgrade.kind === "settings-only") return {
		kind: "settings",
		evidence: difference$1(upgrade)
	};
	if (downgrade.kind === "settings-only") return {
		kind: "settings",
		evidence: difference$1(downgrade)
	};
	const executed = [upgrade, downgrade].flatMap((effect) => effect.kind === "same" ? effect.executed ?? [] : [])[0];
	return {
		kind: "same",
		...executed && { executed }
	};
}
const isDdl = (effect) => effect.kind === "different" && !effect.data;
/** Whose rows they were, and in which tables. */
function rowsText({ rows, tables = [] }) {
	const whose = rows === "seed" ? "the project's own rows" : "made-up rows";
	return tables.length === 0 ? text$1`a database without rows in its tables` : text$1`${whose} of ${listOf(tables, 4)}`;
}
const LONGEST = 30;
function difference$1(effect, downgrade) {
	const also = downgrade?.kind === "different" ? text$1` ${code("downgrade()")} executes other SQL too.` : text$1``;
	const executed = effect.kind === "different" ? effect.executed : void 0;
	const where = executed && !executed.rendered ? text$1` on ${rowsText(executed)}` : text$1``;
	const left = executed?.sameRows && effect.kind === "different" && effect.data ? text$1` Both left the same there; other rows may come out otherwise.` : text$1``;
	return text$1`It executed what stands after -, and executes what stands after + now${where}:${block(diff(effect), "diff")}${left}${also}`;
}
/** Lines of both sides; those that are the same at the beginning and at the end are left out, but for one. */
function diff({ before, after }) {
	const [old, now] = [before, after].map((statements) => statements.flatMap((statement) => statement.split("\n")));
	const same = (a, b) => a !== void 0 && a === b;
	let head = 0;
	while (same(old[head], now[head])) head += 1;
	let tail = 0;
	while (tail < Math.min(old.length, now.length) - head && same(old.at(-1 - tail), now.at(-1 - tail))) tail += 1;
	const part = (lines, sign) => {
		const shown = lines.slice(head, lines.length - tail).map((line) => `${sign} ${line}`);
		return shown.length > LONGEST ? [...shown.slice(0, LONGEST), `${sign} … (${shown.length - LONGEST} more lines)`] : shown;
	};
	const around = (index) => old[index] === void 0 ? [] : [`  ${old[index]}`];
	return [
		...head > 0 ? around(0) : [],
		...part(old, "-"),
		...part(now, "+"),
		...tail > 0 ? around(old.length - 1) : []
	].join("\n");
}
/** Whether the base branch's files and the pull request's, each from an empty database, lead to the same catalog. */
function endsInTheSameSchema({ baseFiles, sameFromEmpty, phases }) {
	const again = phases.find(({ id }) => id === "history-upgrade");
	const same = sameFromEmpty === true || again?.state === "ok" && again.compared?.differences.length === 0;
	return baseFiles === true && same;
}
/** Whether both versions, when they ran, executed the same statements. */
function ranAlike(id, direction, { baseFiles, phases }) {
	if (!baseFiles || direction === "downgrade") return false;
	const [before, after] = ["base", "history-upgrade"].map((phase) => phases.find((one) => one.id === phase)?.steps.find(({ revision, ended }) => revision === id && ended));
	const executed = ({ statements }) => JSON.stringify(statements.map(({ sql, parameters }) => [folded$3(sql), parameters]));
	return before !== void 0 && after !== void 0 && executed(before) === executed(after);
}
const isEntry = (name) => name === "upgrade" || name === "downgrade";
function whatChanged(functions) {
	const entries = functions.filter(isEntry);
	const others = functions.filter((name) => name !== "" && !isEntry(name));
	const names = (entries.length > 0 ? entries : others).map((name) => `${name}()`);
	return names.length > 0 ? listOf(names) : text$1`the code that runs when it is loaded`;
}
function consequence(functions) {
	return functions.every((name) => name === "downgrade") ? "databases that have it stay as they are, but going back does something else than it did when the revision was released" : "databases that have it keep what it did before, new ones get something else";
}
/** Revisions whose own code is the same, but not that of a file which they import or open: one finding for each file and outcome. */
function throughHelpers({ history, run, settings }, edits) {
	const users = /* @__PURE__ */ new Map();
	for (const { id, helpers } of history.changes.values()) for (const file of helpers ?? []) users.set(file, [...users.get(file) ?? [], id]);
	return [...users].flatMap(([file, ids]) => {
		const verdicts = ids.filter((id) => !history.unreleased.has(id)).map((id) => ({
			id,
			verdict: edits?.has(id) ? judged(id, edits.get(id), run) : void 0
		}));
		const of = (...kinds) => verdicts.filter(({ verdict }) => verdict && kinds.includes(verdict.kind));
		const different = of("upgrade", "downgrade").map(({ id, verdict }) => differently(file, id, verdict, history, settings));
		const unclear = verdicts.filter(({ verdict }) => !verdict || verdict.kind === "unknown");
		const quiet = of("same", "settings", "same-schema").map(({ id }) => id);
		const reason = unclear.map(({ verdict }) => verdict).find((verdict) => verdict?.kind === "unknown")?.reason;
		return [
			...different,
			...unclear.length > 0 ? [unclearly(file, unclear.map(({ id }) => id), reason, history, settings)] : [],
			...quiet.length > 0 && different.length + unclear.length === 0 ? [alike(file, quiet, history)] : []
		];
	});
}
function at$2(id, history) {
	const { after } = history.changes.get(id);
	return {
		file: after.file,
		line: after.upgrade?.line ?? after.at.revision?.line ?? 1
	};
}
const helper = (file) => ({
	object: {
		kind: "file",
		name: file
	},
	related: [{
		file,
		message: text$1`the file that changed`
	}]
});
function differently(file, id, { kind, evidence }, history, settings) {
	return {
		...at$2(id, history),
		...helper(file),
		revision: id,
		message: text$1`${code(file)} changed, and with it what ${code(`${kind}()`)} of ${code(id)}, which is applied already, executes: databases that have it keep what it did before, new ones get something else.`,
		help: text$1`Leave the file as it is for the revisions that use it, and give new revisions a new one. ${allow("edited-revision", settings)}`,
		evidence
	};
}
function unclearly(file, ids, reason, history, settings) {
	const one = ids.length === 1;
	const why = reason ? text$1`, since ${reason}` : text$1` from the code`;
	return {
		...at$2(ids[0], history),
		...helper(file),
		severity: "warning",
		...one && { revision: ids[0] },
		message: text$1`${code(file)} changed, and ${listOf(ids)} ${one ? "uses it and is" : "use it and are"} applied already: nobody can tell${reason ? "" : why} whether ${one ? "it still does" : "they still do"} the same${reason ? why : ""}.`,
		help: text$1`Leave the file as it is for the revisions that use it, and give new revisions a new one. ${allow("edited-revision", settings)}`
	};
}
function alike(file, ids, history) {
	const one = ids.length === 1;
	return {
		...at$2(ids[0], history),
		...helper(file),
		severity: "notice",
		...one && { revision: ids[0] },
		message: text$1`${code(file)} changed; ${listOf(ids)}, which ${one ? "uses it and is applied already, executes" : "use it and are applied already, execute"} the same SQL.`,
		help: text$1`Nothing needs to be done.`
	};
}
// src/rules/reparented-revision.ts
var reparented_revision_default = rule({
	id: "reparented-revision",
	family: "history",
	severity: "error",
	summary: "A revision that the base branch has builds on another one now",
	needs: ["graph", "history"],
	wants: ["run", "settings"],
	judge({ graph, history, run, settings }) {
		return [...history.changes.values()].flatMap((change) => {
			if (!change.after || !change.reparented && !change.dependenciesChanged) return [];
			if (!(graph.heads.length > history.graph.heads.length) && same(withPredecessors(history.graph, [change.id]), withPredecessors(graph, [change.id]))) return [];
			const free = history.unreleased.has(change.id);
			if (!change.reparented) return [free ? untagged(change, "dependsOn", history) : depends(change, history, settings)];
			if (followsFromOthers(change.id, graph, history)) return [];
			const gone = brokenOnBase(change, graph, history);
			if (gone) return [mended(change, gone, history)];
			if (repairsHeads$1(change.id, {
				graph,
				history
			})) return [repair(change, graph, history, run)];
			return [free ? untagged(change, "down", history) : moved(change, graph, history, settings)];
		});
	}
});
const same = (a, b) => a.size === b.size && [...a].every((one) => b.has(one));
/** Revisions that were taken out or put in account for the new parents: other rules tell it. */
function followsFromOthers(id, graph, history) {
	const { before, after } = oldParents(id, {
		graph,
		history
	});
	return same(before, after);
}
/** Why the base branch's own parents could not work, where the new ones do. */
function brokenOnBase({ id, reparented }, graph, history) {
	const left = reparented.before.filter((parent) => !reparented.after.includes(parent));
	const absent = left.filter((parent) => history.graph.missing.some((one) => one.id === id && one.parent === parent));
	if (absent.length > 0 && absent.length === left.length) return text$1`no file defines ${parentsText(absent)} there`;
	const inCircle = ({ cycles }) => cycles.some((cycle) => cycle.includes(id));
	return inCircle(history.graph) && !inCircle(graph) ? text$1`it comes before itself there` : void 0;
}
function mended({ id, before, after, reparented }, why, history) {
	return {
		...placeOf$5(after, "down"),
		severity: "notice",
		revision: id,
		message: text$1`${code(id)} builds on ${parentsText(reparented.after)} now: a repair, since Alembic cannot load the base branch's revisions (${why}).`,
		help: text$1`Nothing needs to be done, unless a database ran ${code(id)} before that: then look whether it has what comes before ${code(id)} now.`,
		related: [relatedTo(before, "down", text$1`what the base branch has`, history.base.commit)]
	};
}
function untagged({ id, before, after }, what, history) {
	return unreleased({
		...placeOf$5(after, what),
		revision: id,
		related: [relatedTo(before, what, text$1`what the base branch has`, history.base.commit)]
	}, [id], text$1`${code(id)} comes after other revisions now than on the base branch`);
}
function moved({ id, before, after, reparented }, graph, history, settings) {
	const earlier = withPredecessors(history.graph, [id]);
	const later = withPredecessors(graph, [id]);
	const gained = [...later].filter((one) => !earlier.has(one) && history.graph.revisions.has(one));
	const lost = [...earlier].filter((one) => !later.has(one) && graph.revisions.has(one));
	const parents = text$1`builds on ${parentsText(reparented.after)} now and not on ${parentsText(reparented.before)}`;
	const consequence = gained.length > 0 ? text$1`a database that has ${code(id)} counts as having ${listOf(gained, 3)} too, and will never run ${gained.length === 1 ? "it" : "them"}` : lost.length > 0 ? text$1`a new database runs ${code(id)} without ${listOf(lost, 3)} before it, which it had to have until now` : graph.heads.length > history.graph.heads.length ? text$1`that leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}, and ${code("alembic upgrade head")} refuses to run` : text$1`databases that have ${code(id)} got there by another way than new ones will`;
	return {
		...placeOf$5(after, "down"),
		revision: id,
		message: text$1`${code(id)} is applied already and ${parents}: ${consequence}.`,
		help: text$1`Give it its parents back, and put new revisions above it:${block(`down_revision = ${literal(after, after.at.down, before.down)}`, "python")}${allow("reparented-revision", settings)}`,
		related: [relatedTo(before, "down", text$1`what the base branch has`, history.base.commit)]
	};
}
/** Which databases a repair leaves without something, and what brings it to them. */
function repair({ id, before, after, reparented }, graph, history, run) {
	const earlier = withAncestors(history.graph, reparented.before);
	const gained = [...withAncestors(graph, reparented.after)].filter((one) => !earlier.has(one) && history.graph.revisions.has(one) && one !== id);
	const first = gained.length === 1;
	const heads = history.graph.heads.filter((head) => gained.includes(head));
	const above = history.graph.heads.filter((head) => withAncestors(history.graph, [head]).has(id));
	const rows = heads.map((head) => `DELETE FROM alembic_version WHERE version_num = ${sqlText(head)};`).join("\n");
	const both = rows === "" ? text$1`` : text$1` Where both branches were run, only the upper one may stay in the version table, or Alembic stops with "overlaps":${block(rows, "sql")}`;
	return {
		...placeOf$5(after, "down"),
		severity: "notice",
		revision: id,
		message: text$1`${code(id)} builds on ${parentsText(reparented.after)} now: a repair of heads, which leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}${gained.length === 0 ? text$1`` : text$1`; databases that have ${code(id)} and not ${listOf(gained, 3)} will skip ${first ? "it" : "them"} without a word`}.`,
		help: gained.length === 0 ? text$1`Nothing needs to be done.` : text$1`Before the merge, look with ${code("alembic current")} wherever the base branch was deployed. A database whose version table names ${listOf(above.length > 0 ? above : [id], 3)} alone lacks ${listOf(gained, 3)}: ${bring(gained, run)}${both}`,
		related: [relatedTo(before, "down", text$1`what the base branch has`, history.base.commit)]
	};
}
/** What brings skipped revisions to a database: the SQL that they executed in the run, else the command that runs them in time. */
function bring(gained, run) {
	const steps = (run?.phases ?? []).filter(({ id }) => id === "base").flatMap(({ steps }) => steps).filter(({ revision, ended }) => ended && gained.includes(revision));
	const statements = steps.flatMap(({ statements }) => statements.filter(({ error }) => !error));
	const known = steps.length === gained.length && statements.every(({ parameters }) => parameters === null);
	const before = text$1`run ${code("alembic upgrade heads")} there with the base branch's files, as long as it has both branches`;
	return known && statements.length > 0 ? text$1`${before}, or afterwards:${block(statements.map(({ sql }) => `${sql.trim().replace(/;$/, "")};`).join("\n"), "sql")}` : text$1`${before}.`;
}
function depends({ id, before, after }, history, settings) {
	return {
		...placeOf$5(after, "dependsOn"),
		severity: "warning",
		revision: id,
		object: {
			kind: "header",
			name: "depends_on"
		},
		message: text$1`${code(id)} is applied already and depends on ${parentsText(after.dependsOn)} now and not on ${parentsText(before.dependsOn)}: databases that have it ran in the old order, new ones run in another.`,
		help: text$1`Give it its ${code("depends_on")} back; a new revision can depend on what this one was to wait for. No database changes by itself. ${allow("reparented-revision", settings)}`,
		related: [relatedTo(before, "dependsOn", text$1`what the base branch has`, history.base.commit)]
	};
}
// src/rules/renamed-revision-id.ts
var renamed_revision_id_default = rule({
	id: "renamed-revision-id",
	family: "history",
	severity: "error",
	summary: "A revision that the base branch has got another id",
	needs: ["graph", "history"],
	wants: ["settings"],
	judge: ({ graph, history, settings }) => [...history.changes.values()].flatMap(({ id, before, becameId }) => {
		if (becameId === void 0) return [];
		const after = graph.revisions.get(becameId);
		const place = {
			...placeOf$5(after, "revision"),
			revision: becameId,
			object: {
				kind: "revision",
				name: id
			},
			related: [relatedTo(before, "revision", text$1`what the base branch has`, history.base.commit)]
		};
		if (history.unreleased.has(id)) return [unreleased(place, [id], text$1`${code(id)} is called ${code(becameId)} now`)];
		const row = `UPDATE alembic_version SET version_num = ${sqlText(becameId)} WHERE version_num = ${sqlText(id)};`;
		return [{
			...place,
			message: text$1`${code(id)} is applied already and called ${code(becameId)} now: a database that stands at ${code(id)} is stranded, since every alembic command stops there with ${code(`Can't locate revision identified by '${id}'`)}.`,
			help: text$1`Keep the id, here and in the ${code("down_revision")} of what builds on it:${block(`revision = ${literal(after, after.at.revision, [id])}`, "python")}Where the new id is wanted, each database that stands at the old one needs this before the next deployment:${block(row, "sql")}${allow("renamed-revision-id", settings)}`
		}];
	})
});
// src/history/deletions.ts
/** What the pull request deletes, revisions that only got another id aside. */
function deletionsOf(graph, history) {
	return groups([...history.changes.values()].filter(({ body, becameId }) => body === "deleted" && becameId === void 0), history.graph).map((changes) => {
		const ids = new Set(changes.map(({ id }) => id));
		const ordered = [...ids].sort((a, b) => depth(b, ids, history.graph) - depth(a, ids, history.graph));
		const top = history.graph.heads.find((head) => ids.has(head));
		const children = [...history.changes.values()].filter(({ after, before }) => after && before.down.some((parent) => ids.has(parent)));
		const substitute = history.added.map((id) => graph.revisions.get(id)).find((revision) => standsFor(revision.id, changes, children, graph));
		return {
			changes,
			last: top ?? ordered[0],
			stranded: top !== void 0,
			children,
			...substitute && { substitute }
		};
	});
}
/** The one squash of the pull request, where it is one: several revisions became a new one. */
function squashOf(graph, history) {
	const deletions = deletionsOf(graph, history);
	const [{ changes, substitute, last } = {
		changes: [],
		last: ""
	}] = deletions;
	return deletions.length === 1 && changes.length > 1 && substitute ? {
		substitute: substitute.id,
		last
	} : void 0;
}
function groups(deleted, base) {
	const byId = new Map(deleted.map((change) => [change.id, change]));
	const neighbours = new Map(deleted.map(({ id }) => [id, /* @__PURE__ */ new Set()]));
	for (const { id } of deleted) for (const parent of base.parents.get(id) ?? []) {
		if (!byId.has(parent)) continue;
		neighbours.get(id).add(parent);
		neighbours.get(parent).add(id);
	}
	const seen = /* @__PURE__ */ new Set();
	return deleted.flatMap(({ id }) => {
		if (seen.has(id)) return [];
		const group = /* @__PURE__ */ new Set([id]);
		for (const one of group) {
			seen.add(one);
			for (const other of neighbours.get(one)) group.add(other);
		}
		return [[...group].map((one) => byId.get(one))];
	});
}
/** How many of the deleted revisions a deleted one builds on. */
function depth(id, among, base) {
	const below = /* @__PURE__ */ new Set([id]);
	for (const one of below) for (const parent of base.parents.get(one) ?? []) if (among.has(parent)) below.add(parent);
	return below.size;
}
/** Whether a new revision took the place of deleted ones: it builds on what they built on, and what built on them builds on it. */
function standsFor(id, group, children, graph) {
	const parents = graph.parents.get(id) ?? [];
	const gone = new Set(group.map((change) => change.id));
	const before = new Set(group.flatMap(({ before }) => before.down).filter((parent) => !gone.has(parent)));
	return parents.length === before.size && parents.every((parent) => before.has(parent)) && (children.length === 0 || children.some(({ after }) => after.down.includes(id)));
}
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
	if (change === "changed") return text$1`changes ${kind} ${code(name)}: ${changesOf(difference)}`;
	const detail = detailOf(difference);
	return text$1`${change === "added" ? "adds" : "drops"} ${kind} ${code(name)}${detail.length > 0 ? text$1` (${detail})` : ""}`;
}
/**
* How things stand, where `before` is what should be: column `public.users.email` is missing;
* column `public.users.email`: type was `text`, is now `character varying(50)`.
*/
function describeState(difference) {
	const { change, kind, name, properties } = difference;
	if (change === "removed") return text$1`${kind} ${code(name)} is missing`;
	if (change === "added") return text$1`${kind} ${code(name)} was not there before`;
	return text$1`${kind} ${code(name)}: ${joined$4(properties.map((property) => short$1(property) ? text$1`${nameOf$2(property)} was ${valueOf$1(property.name, property.before)}, is now ${valueOf$1(property.name, property.after)}` : text$1`${nameOf$2(property)} differs`), "; ")}`;
}
/** Kind, whole and all properties as they are on one side. */
const content$1 = ({ kind, parent, properties }, side) => JSON.stringify([
	kind,
	parent,
	properties.map((property) => JSON.stringify([property.name, property[side]])).sort(order)
]);
const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
/** Whether it is told from others of its kind by more than its name. */
const defined = ({ parent, properties }) => parent !== void 0 && properties.some(({ name }) => name === "definition");
/** Like `describe` for many; what only got another name is said in one: renames index `public.a` to `public.b`. */
function describeAll(differences) {
	const renamed = /* @__PURE__ */ new Map();
	for (const removed of differences) {
		if (removed.change !== "removed" || !defined(removed)) continue;
		const added = differences.find((other) => other.change === "added" && defined(other) && ![...renamed.values()].includes(other) && content$1(other, "after") === content$1(removed, "before"));
		if (added) renamed.set(removed, added);
	}
	const gone = new Set(renamed.values());
	return differences.flatMap((difference) => {
		const other = renamed.get(difference);
		if (other) return [text$1`renames ${difference.kind} ${code(difference.name)} to ${code(other.name)}`];
		return gone.has(difference) ? [] : [describe(difference)];
	});
}
/** A value as one line: `none`, `yes`, `('a', 'b')`. */
function valueText(value) {
	if (value === null) return "none";
	if (typeof value === "boolean") return value ? "yes" : "no";
	if (Array.isArray(value)) return `(${value.map((item) => typeof item === "string" ? `'${item.replaceAll("'", "''")}'` : valueText(item)).join(", ")})`;
	if (typeof value === "object") return JSON.stringify(value);
	return String(value);
}
/** A property's name as prose, unless a name from the database is part of it. */
const nameOf$2 = ({ name }) => /^(column|attribute|option) |grants to /.test(name) ? code(name) : { text: name };
const valueOf$1 = (property, value) => {
	if (property.includes("grants to ") && (value === null || Array.isArray(value))) return value === null ? { text: "the default" } : value.length === 0 ? { text: "none" } : code(value.map(valueText).join(", "));
	return value === null || typeof value === "boolean" ? { text: valueText(value) } : code(valueText(value));
};
const short$1 = ({ before, after }) => [before, after].every((value) => valueText(value).length <= longest && !valueText(value).includes("\n"));
const joined$4 = (texts, separator) => texts.flatMap((part, index) => index === 0 ? part : [{ text: separator }, ...part]);
const changesOf = ({ properties }) => joined$4(properties.map((property) => short$1(property) ? text$1`${nameOf$2(property)} ${valueOf$1(property.name, property.before)} → ${valueOf$1(property.name, property.after)}` : text$1`${nameOf$2(property)}`), ", ");
/** What a reader wants to know of something that is new or gone. */
function detailOf({ change, kind, properties }) {
	const values = new Map(properties.map((property) => [property.name, change === "added" ? property.after : property.before]));
	const parts = [];
	const plainly = (name) => {
		const value = values.get(name) ?? null;
		if (value !== null && short$1({
			before: value,
			after: null
		})) parts.push(text$1`${code(valueText(value))}`);
	};
	const labelled = (name, label = name) => {
		const value = values.get(name) ?? null;
		if (value !== null && short$1({
			before: value,
			after: null
		})) parts.push(text$1`${label} ${code(valueText(value))}`);
	};
	if (kind === "index" && values.get("unique")) parts.push(text$1`unique`);
	plainly("definition");
	plainly("type");
	const labels = values.get("labels");
	if (Array.isArray(labels)) parts.push(text$1`${code(valueText(labels).slice(1, -1).slice(0, longest))}`);
	if (values.get("nullable") === false) parts.push(text$1`not null`);
	labelled("default");
	labelled("generated");
	labelled("identity");
	labelled("partition of");
	if (values.get("valid") === false) parts.push(text$1`invalid`);
	if (values.get("validated") === false) parts.push(text$1`not validated`);
	labelled("deferrable");
	if (kind === "extension") labelled("version");
	if ([
		"function",
		"procedure",
		"aggregate"
	].includes(kind)) labelled("language");
	return joined$4(parts, ", ");
}
// src/rules/deleted-revision.ts
var deleted_revision_default = rule({
	id: "deleted-revision",
	family: "history",
	severity: "error",
	summary: "A revision that the base branch has was deleted",
	needs: [
		"graph",
		"history",
		"environment"
	],
	wants: ["run", "settings"],
	judge: ({ graph, history, ...others }) => deletionsOf(graph, history).map((deletion) => draftFor(deletion, history, others))
});
function draftFor({ changes: group, last: named, stranded, children, substitute }, history, { environment, run, settings }) {
	const ids = new Set(group.map(({ id }) => id));
	const beginning = !stranded && group.every(({ before }) => before.down.every((parent) => ids.has(parent)));
	const what = group.length === 1 ? text$1`${code(named)} is deleted` : text$1`${count(group.length, "revision")} up to ${code(named)} are deleted${group.length > 5 ? text$1`` : text$1` (${listOf([...ids])})`}`;
	const lost = text$1`every alembic command stops there with ${code(`Can't locate revision identified by '${named}'`)}`;
	const consequence = stranded ? text$1`databases that stand at ${code(named)} are stranded, ${lost}` : beginning ? text$1`databases that have gone beyond go on as before, but one that stands at any of them is stranded: ${lost}` : text$1`databases that have it keep what it did, new ones never get it, and one that stands at it is stranded: ${lost}`;
	const restore = block(`git checkout ${history.base.commit.slice(0, 12)} -- ${filesOf(group, history)}`, "sh");
	const place = substitute ? placeOf$5(substitute, "revision") : children[0]?.after ? placeOf$5(children[0].after, "down") : {};
	const related = group.slice(0, 10).map(({ before }) => relatedTo(before, "revision", text$1`deleted`, history.base.commit));
	const one = group.length === 1;
	const [it, did] = one ? ["it", "it did"] : ["them", "they did"];
	if (group.every(({ id }) => history.unreleased.has(id))) return unreleased({
		...place,
		revision: named,
		related
	}, [...ids], what);
	const allowing = place.file === void 0 ? allowInSettings("deleted-revision", named, settings) : allow("deleted-revision", settings);
	const below = [...new Set(group.flatMap(({ before }) => before.down))].filter((parent) => !ids.has(parent));
	const tail = stranded && !substitute && children.length === 0;
	const help = beginning ? text$1`Make sure that every database has gone beyond ${code(named)}, and that the revisions which remain build the same schema from nothing. ${allowing}` : tail ? text$1`A revert takes nothing back in databases that ran ${it}. Keep the ${one ? "file" : "files"}, and undo what ${did} in a new revision:${restore}Where only databases of your own ran ${it}, take them down first, with the base branch's files:${block(alembic(environment, `downgrade ${below.length === 1 ? quoted$1(below[0]) : "base"}`), "sh")}${allowing}` : text$1`Bring ${it} back, and undo what ${did} in a new revision:${restore}${substitute && !one ? squash(substitute.id, named) : ""}${allowing}`;
	const proof = substitute && !one && run ? proofOf$1(run) : void 0;
	const refuted = proof && !proof.same && substitute;
	return {
		...place,
		revision: named,
		...beginning && !refuted && { severity: "warning" },
		message: text$1`${what} although applied already${substitute ? text$1`, and ${code(substitute.id)} stands in ${one ? "its" : "their"} place` : text$1``}: ${refuted ? text$1`new databases get another schema than ${code(named)} led to, and ` : ""}${consequence}.`,
		help,
		related,
		...proof && { evidence: proof.evidence }
	};
}
/** More differences than these nobody reads in one finding. */
const MOST_SHOWN = 10;
/** Whether the run shows that a squash builds what the deleted revisions built. Undefined where it was not run, or something of others was in its way. */
function proofOf$1(run) {
	const phase = phasesOf$1(run, "squash")[0];
	if (phase?.stop?.inTheWay) return void 0;
	if (phase?.stop) return {
		same: false,
		evidence: text$1`Refuted: on an empty database it fails: ${firstLine(phase.stop.raised.message)}.`
	};
	if (!phase?.compared) return void 0;
	const { differences } = phase.compared;
	if (differences.length === 0) return {
		same: true,
		evidence: text$1`Proved: from an empty database the new revisions build the schema that the base branch's build. Rows that the deleted ones wrote were not compared.`
	};
	return {
		same: false,
		evidence: text$1`Refuted: from an empty database, beside the base branch's schema, the new revisions' ${describeAll(differences).slice(0, MOST_SHOWN).flatMap((one, index) => index === 0 ? one : text$1`; ${one}`)}${differences.length > MOST_SHOWN ? text$1`; and ${differences.length - MOST_SHOWN} more` : text$1``}.`
	};
}
/** How databases get over a squash. */
const squash = (substitute, last) => text$1`A squash is right once every database stands at ${code(last)} and is told the new name before the next deployment:${block(`UPDATE alembic_version SET version_num = ${sqlText(substitute)} WHERE version_num = ${sqlText(last)};`, "sql")}`;
/** The deleted files as a shell takes them. */
function filesOf(group, { base }) {
	const files = group.map(({ before }) => quoted$1(before.file));
	if (files.length <= 5) return files.join(" ");
	const folders = [...new Set(group.map(({ before }) => quoted$1(before.file.slice(0, before.file.lastIndexOf("/") + 1) || ".")))];
	return `$(git diff --name-only --diff-filter=D ${base.commit.slice(0, 12)} -- ${folders.join(" ")})`;
}
// src/rules/inserted-revision.ts
var inserted_revision_default = rule({
	id: "inserted-revision",
	family: "history",
	severity: "error",
	summary: "A new revision stands below one that the base branch has",
	needs: ["graph", "history"],
	wants: ["settings"],
	judge({ graph, history, settings }) {
		const added = new Set(history.added);
		const renamed = new Set([...history.changes.values()].map(({ becameId }) => becameId));
		return [...history.changes.values()].flatMap(({ id, before, after, reparented }) => {
			if (!reparented || !after) return [];
			const above = reparented.after.filter((parent) => added.has(parent) && !renamed.has(parent));
			if (above.length === 0) return [];
			const all = new Set(above);
			for (const one of all) for (const parent of graph.parents.get(one) ?? []) if (added.has(parent)) all.add(parent);
			const gone = [...history.changes.values()].filter(({ body }) => body === "deleted").length;
			if (reparented.before.some((parent) => history.changes.get(parent)?.body === "deleted") && all.size <= gone) return [];
			const first = graph.revisions.get(above[0]);
			const head = history.graph.heads.length === 1 ? history.graph.heads[0] : void 0;
			const bottom = graph.revisions.get([...all].at(-1));
			const old = literal(after, after.at.down, before.down);
			const stand = all.size === 1 ? "stands" : "stand";
			const place = {
				...placeOf$5(first, "down"),
				revision: first.id,
				related: [relatedTo(after, "down", text$1`the applied revision that builds on it now`), relatedTo(before, "down", text$1`what the base branch has`, history.base.commit)]
			};
			if (history.unreleased.has(id)) return [unreleased(place, [id], text$1`${listOf([...all], 3)} ${stand} below ${code(id)}`)];
			return [{
				...place,
				message: text$1`${listOf([...all], 3)} ${stand} below ${code(id)}, which is applied already: a database that has ${code(id)} will never run ${all.size === 1 ? "it" : "them"}.`,
				help: text$1`Put ${all.size === 1 ? "the new revision" : "the new revisions"} above the head instead. In ${code(after.file)}:${block(`down_revision = ${old}`, "python")}${head === void 0 ? text$1`` : text$1`and in ${code(bottom.file)}:${block(`down_revision = ${literal(bottom, bottom.at.down, [head])}`, "python")}`}${allow("inserted-revision", settings)}`
			}];
		});
	}
});
// src/rules/environment-failed.ts
/** What to do about an error that env.py, or what it imports, raised. */
function wayOut$6(raised) {
	const { type, message } = raised;
	const missing = /No module named '([^']+)'/.exec(message)?.[1];
	if (missing) return text$1`The interpreter that runs the project lacks ${code(missing)}: install the project's dependencies before the gate, or name the right interpreter with ${code("python")}. ${block(`- run: pip install ${missing.split(".")[0]}`, "yaml")}`;
	if (type === "KeyError") return text$1`If that is an environment variable, give it to the gate's step; for a database URL any value does, since the gate puts its own server in its place. ${block(`env:\n  ${firstLine(message).replace(/^['"]|['"]$/g, "")}: postgresql://user:password@localhost/db`, "yaml")}`;
	if (/ValidationError|SettingsError|ImproperlyConfigured/.test(type)) {
		const settings = missingSettings(raised);
		const lines = settings.length === 0 ? "" : block(["env:", ...settings.map((name) => `  ${name}: …`)].join("\n"), "yaml");
		return text$1`The application's settings want values: give them to the gate's step under ${code("env:")}, with the prefix that the settings have, if any; for a database URL any value does, since the gate puts its own server in its place. ${lines}`;
	}
	if (raised.sqlstate && /\bPRAGMA\b/i.test(message)) return text$1`The project takes its database for SQLite, as it does without a URL, and the gate runs on PostgreSQL: give it a URL of PostgreSQL under ${code("env:")}; any value does, since the gate puts its own server in its place.`;
	const [, kind, name] = /\b(schema|role|extension) "([^"]+)" does not exist/.exec(message) ?? [];
	if (raised.sqlstate && kind !== void 0) return text$1`Production got it by hand. Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE ${kind.toUpperCase()} "${name}";`, "sql")}`;
	return text$1`Run ${code("alembic current")} in the same folder with the same interpreter: it runs the same env.py and should show the same error.`;
}
/** The message's first line, which of pydantic says the least. */
function whatIsWrong(raised) {
	const settings = missingSettings(raised);
	return settings.length === 0 ? text$1`${firstLine(raised.message)}` : text$1`the settings lack ${listOf(settings)}`;
}
var environment_failed_default = rule({
	id: "environment-failed",
	family: "setup",
	severity: "error",
	summary: "env.py, or what it imports, raises",
	needs: [
		"run",
		"environment",
		"graph"
	],
	judge({ run, environment, graph }) {
		const stop = phasesOf$1(run).find(({ stop }) => stop && causeOf(stop) === "environment")?.stop;
		if (!stop) return [];
		const { file, line, raised } = stop;
		const revision = [...graph.revisions.values()].find((candidate) => candidate.file === file)?.id;
		const raises = file === void 0 ? text$1`Alembic raises ${code(raised.type)}` : text$1`${code(file)} raises ${code(raised.type)}`;
		const who = /^(Hang|ProcessDied)$/.test(raised.type) ? text$1`The project does not finish loading` : raises;
		return [{
			file: file ?? environment.config,
			line: line ?? 1,
			...revision !== void 0 && { revision },
			message: text$1`${who}, so no migration can run: ${whatIsWrong(raised)}`,
			help: wayOut$6(raised),
			evidence: evidenceOf(stop)
		}];
	}
});
// src/postgres/images.ts
/** Extensions that no Postgres distribution of ours carries, and images that do. */
const IMAGES = {
	vector: (major) => `pgvector/pgvector:pg${major}`,
	postgis: (major) => `postgis/postgis:${major}-3.5`,
	postgis_raster: (major) => `postgis/postgis:${major}-3.5`,
	postgis_topology: (major) => `postgis/postgis:${major}-3.5`,
	timescaledb: (major) => `timescale/timescaledb:latest-pg${major}`
};
/** An image of a server with an extension; undefined for those that Postgres brings itself, and for those that nobody packs alone. */
const imageWith = (extension, major = 17) => Object.hasOwn(IMAGES, extension) ? IMAGES[extension](major) : void 0;
// src/rules/missing-extension.ts
var missing_extension_default = rule({
	id: "missing-extension",
	family: "setup",
	severity: "error",
	summary: "A migration needs an extension that the server does not have, or that nobody created",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const stop = phasesOf$1(run).find(({ id, stop }) => stop && !id.includes("downgrade") && causeOf(stop) === "extension")?.stop;
		const extension = stop && missingExtension(stop);
		if (!stop || extension === void 0) return [];
		const absent = /not available|control file/.test(stop.raised.message);
		const service = `services:\n  postgres:\n    image: ${imageWith(extension) ?? "an image that has it"}\n    env: { POSTGRES_PASSWORD: postgres }\n    ports: ["5432:5432"]\n    options: --health-cmd pg_isready --health-interval 2s\nsteps:\n  - uses: alembic-gate/alembic-gate@v1\n    with:\n      postgres: postgresql://postgres:postgres@localhost:5432/postgres`;
		return [{
			...placeOfStop(graph, stop, "upgrade"),
			revision: stop.revision,
			object: {
				kind: "extension",
				name: extension
			},
			message: absent ? text$1`${code(stop.revision)} needs the extension ${code(extension)}, which this Postgres (${run.serverProvider}) does not carry: nothing after it could be run.` : text$1`${code(stop.revision)} needs the extension ${code(extension)}, which no revision creates: nothing after it could be run.`,
			help: absent ? text$1`Judge on a server that has it: ${block(service, "yaml")}` : text$1`Production got it by hand. Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE EXTENSION IF NOT EXISTS "${extension}";`, "sql")}`
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
		const stop = phasesOf$1(run).find(({ id, stop }) => stop && !id.includes("downgrade") && causeOf(stop) === "role")?.stop;
		const role = stop && missingRole(stop);
		if (!stop || role === void 0) return [];
		return [{
			...placeOfStop(graph, stop, "upgrade"),
			revision: stop.revision,
			object: {
				kind: "role",
				name: role
			},
			message: text$1`${code(stop.revision)} needs the role ${code(role)}, which no revision creates: nothing after it could be run.`,
			help: text$1`Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE ROLE "${role.replaceAll("\"", "\"\"")}";`, "sql")}`
		}];
	}
});
// src/rules/missing-baseline.ts
/** The revision at which a database of the base branch stands: what a dump of production is likely to have. */
function headOf(graph, { base }, fallback) {
	const parents = new Set([...base].flatMap((id) => graph.parents.get(id) ?? []));
	return [...base].findLast((id) => graph.revisions.has(id) && !parents.has(id)) ?? fallback;
}
/** @param given a baseline is given already, which is too old */
function wayOut$5({ hasModels }, given, head) {
	const file = text$1`dump a schema whose revision is ${given ? "later" : "known"}, production's as a rule, with ${code("pg_dump --schema-only")}, commit the file, and name it with the revision at which it stands: ${block(`baseline = "schema.sql"\nbaseline-revision = "${head}"`, "toml")}`;
	if (given || !hasModels) return text$1`Give the gate a schema that the chain can start from, in ${code("alembic-gate.toml")}: ${file}`;
	return text$1`Tell the gate in ${code("alembic-gate.toml")} what the chain starts from. Where new databases are made by ${code("create_all()")} and stamped, the base branch's models stand for all of its revisions, and there is nothing to keep up to date: ${block("baseline = \"models\"", "toml")} Where production has what no model declares (views, triggers, old tables), ${file}`;
}
var missing_baseline_default = rule({
	id: "missing-baseline",
	family: "setup",
	severity: "error",
	summary: "The base branch's own revisions do not run from an empty database, so nothing can be judged",
	needs: [
		"run",
		"environment",
		"graph"
	],
	judge({ run, environment, graph }) {
		const [phase] = phasesOf$1(run, "base");
		const stop = phase?.stop;
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		const baseline = run.order.some((id) => run.base.has(id) && !phase.planned.includes(id));
		const where = baseline ? text$1`with the baseline that is given` : text$1`from an empty database`;
		const place = placeOfStop(graph, stop, "upgrade");
		return [{
			file: environment.config,
			line: 1,
			message: text$1`The migrations do not start ${where}: the revision ${code(stop.revision)}, which the base branch has already, fails there (${firstLine(stop.raised.message)}). The pull request's revisions were not run.`,
			help: text$1`${wayOut$5(run, baseline, headOf(graph, run, stop.revision))} Until then ${code("static: true")} judges the graph and the history alone.`,
			evidence: evidenceOf(stop),
			...place.file !== void 0 && { related: [{
				file: place.file,
				line: place.line,
				message: text$1`this fails`
			}] }
		}];
	}
});
// src/rules/unsupported-database.ts
var unsupported_database_default = rule({
	id: "unsupported-database",
	family: "setup",
	severity: "error",
	summary: "The project runs on another database than Postgres or SQLite",
	needs: ["run", "environment"],
	judge: ({ run, environment }) => run.unsupported === void 0 ? [] : [{
		file: environment.config,
		line: 1,
		message: text$1`This environment runs on ${code(run.unsupported)}, and the gate runs migrations on Postgres and SQLite only: its revisions were not run.`,
		help: text$1`Judge the graph and the history alone: ${code("static: true")}.`
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
		message: text$1`A connection to ${code(wanted)} was refused: under the gate migrations reach nothing but the throwaway database.`,
		help: text$1`Use the connection that Alembic gives, ${code("op.get_bind()")}. What needs another service does not belong into a migration: a deployment would need it too. A machine that the project must reach to be loaded at all is named in ${code("allow-hosts")}.`
	}))
});
// src/rules/commands.ts
/** The commands that a user types, for help and for repeating what the gate saw. */
/** `alembic -c conf/alembic.ini downgrade ae10`, `flask db downgrade ae10`, as typed in the folder from which the project's commands are run. */
function command$1({ kind, config, directory, format, section, factory }, verb, target) {
	const file = path$1.relative(directory, config);
	if (kind === "flask-migrate") {
		const folder = path$1.dirname(file);
		return [
			"flask",
			"db",
			verb,
			...folder === "migrations" ? [] : ["-d", folder],
			target
		].join(" ");
	}
	if (factory !== void 0) {
		const [module, name] = factory.split(":");
		return `python -c "from alembic import command; import ${module}; command.${verb}(${module}.${name}(), '${target}')"`;
	}
	return [
		"alembic",
		...[...format === "ini" && file !== "alembic.ini" ? ["-c", file] : [], ...section === "alembic" ? [] : ["-n", section]],
		verb,
		target
	].join(" ");
}
/** What to go down to so that a revision's downgrade() is run; any one parent of a merge will do. */
const below = (graph, revision) => graph.parents.get(revision)?.[0] ?? "base";
// src/rules/upgrade-failed.ts
var upgrade_failed_default = rule({
	id: "upgrade-failed",
	family: "run",
	severity: "error",
	summary: "upgrade() raises on a database that stands where production stands",
	needs: [
		"run",
		"graph",
		"environment"
	],
	judge: ({ run, graph, environment }) => phasesOf$1(run, "base", "upgrade").flatMap(({ id, stop }) => {
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		const where = id === "base" ? "on the way from an empty database" : "on a database that has the base branch's revisions";
		return [stopped(graph, stop, "upgrade", text$1`upgrade() of ${code(stop.revision)} fails ${where}: ${firstLine(stop.raised.message)}`, text$1`Mend upgrade(), then run ${code(command$1(environment, "upgrade", stop.revision))} on a copy of the database to see it pass.`)];
	})
});
// src/rules/downgrade-failed.ts
var downgrade_failed_default = rule({
	id: "downgrade-failed",
	family: "run",
	severity: "error",
	summary: "downgrade() raises right after its own upgrade()",
	needs: [
		"run",
		"graph",
		"environment"
	],
	judge: ({ run, graph, environment }) => stopsGoingDown(run).flatMap((stop) => {
		const is = stop.revision === void 0 ? void 0 : graph.revisions.get(stop.revision)?.downgradeIs;
		if (![
			"fault",
			"extension",
			"role"
		].includes(causeOf(stop, is)) || is === "missing") return [];
		const repeat = text$1`Then run ${code(command$1(environment, "downgrade", below(graph, stop.revision)))}`;
		return [stopped(graph, stop, "downgrade", text$1`downgrade() of ${code(stop.revision)} fails: ${firstLine(stop.raised.message)}. A rollback of this release would stop here.`, text$1`${stop.passesAlone ? ALONE : wayOut$4(run, stop)} ${repeat}`)];
	})
});
const ALONE = text$1`Right after its own upgrade() it passes: what the downgrade of a later revision left behind stands in its way. Look at the database when it stops, and mend the later one.`;
function wayOut$4(run, { revision, raised }) {
	const table = tableOfUnnamed(raised);
	if (table === void 0) return text$1`Mend downgrade() so that it undoes upgrade() in reverse order.`;
	const names = constraintsOf(run, revision, table);
	if (names.length === 0) return text$1`Postgres named the constraint by itself, ${code(`${table}_<columns>_fkey`)} as a rule: write that name in place of ${code("None")}. ${code(`\\d ${table}`)} in psql shows it.`;
	const lines = names.map((name) => `op.drop_constraint(${JSON.stringify(name)}, ${JSON.stringify(table)})`);
	return text$1`upgrade() made ${listOf(names)}: write the name in place of ${code("None")}. ${block(lines.join("\n"), "python")}`;
}
/** The constraints that a revision's upgrade() made on a table, where its effect was seen. */
function constraintsOf(run, revision, table) {
	return (phasesOf$1(run, "upgrade").flatMap(({ steps }) => steps).find((step) => step.revision === revision)?.effect ?? []).filter(({ change, kind, parent }) => change === "added" && /constraint$|^foreign key$/.test(kind) && parent !== void 0 && bareName(parent) === table).map(({ name }) => bareName(name));
}
// src/rules/second-upgrade-failed.ts
var second_upgrade_failed_default = rule({
	id: "second-upgrade-failed",
	family: "run",
	severity: "error",
	summary: "upgrade() works once, and no more after its own downgrade()",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf$1(run, "upgrade-again", "history-upgrade").flatMap(({ stop }) => {
		if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
		return [stopped(graph, stop, "upgrade", text$1`upgrade() of ${code(stop.revision)} fails after a downgrade: ${firstLine(stop.raised.message)}. After a rollback nobody can deploy it again.`, text$1`Most often downgrade() leaves something that upgrade() creates anew, an enum type as a rule: drop it in downgrade() of the revision that made it.`)];
	})
});
// src/rules/timed-out.ts
var timed_out_default = rule({
	id: "timed-out",
	family: "run",
	severity: "error",
	summary: "Nothing moved within the time limit",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf$1(run).flatMap(({ id, stop, stops = [] }) => {
		const direction = id.includes("downgrade") ? "downgrade" : "upgrade";
		return [...stop ? [{
			stop,
			direction
		}] : [], ...stops.map((one) => ({
			stop: one,
			direction: "downgrade"
		}))];
	}).flatMap(({ stop, direction }) => {
		if (!stop.timedOut) return [];
		const { seconds, statement, waitingFor } = stop.timedOut;
		const who = stop.revision === void 0 ? text$1`env.py` : text$1`${direction}() of ${code(stop.revision)}`;
		return [{
			...stop.file ? placeOfStop(graph, stop, direction) : placeOf$4(graph, stop.revision, direction),
			...stop.revision !== void 0 && { revision: stop.revision },
			message: text$1`${who} stood still for ${seconds} seconds and was ended${waitingFor ? `: it waits for ${waitingFor}` : ""}.`,
			help: text$1`A revision that needs longer gets a longer ${code("timeout")} (seconds). One that waits for a lock waits for another connection of its own process: use ${code("op.get_bind()")} instead of opening a second one.`,
			...statement && { evidence: text$1`It was executing ${block(statement, "sql")}` }
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
		const left = unrestored(run).filter(({ difference }) => !isMinor(difference));
		const isMissing = (revision) => graph.revisions.get(revision)?.downgradeIs === "missing";
		const stopped = stopsGoingDown(run).flatMap(({ revision }) => revision ?? []).filter(isMissing);
		return [.../* @__PURE__ */ new Set([...left.map(({ revision }) => revision), ...stopped])].flatMap((revision) => {
			const found = revision === void 0 ? void 0 : graph.revisions.get(revision);
			if (!found || found.downgradeIs !== "empty" && found.downgradeIs !== "missing") return [];
			const items = left.filter((item) => item.revision === revision).map(({ difference }) => difference);
			const what = items.map(({ kind, name }) => `${kind} ${name}`);
			const statement = items[0] && changeIn(run, items[0], found.id);
			const stays = what.length === 0 ? text$1`a rollback stops here` : text$1`${listOf(what)} ${what.length === 1 ? "stays" : "stay"} after a rollback`;
			return [{
				...placeOf$4(graph, revision, found.downgrade ? "downgrade" : "upgrade"),
				revision: found.id,
				message: text$1`${found.downgradeIs === "missing" ? "There is no downgrade()" : "downgrade() does nothing"} in ${code(found.id)}, but upgrade() changes the schema: ${stays}.`,
				help: text$1`Undo in downgrade() what upgrade() does, in reverse order. If there is no way back, raise an error there, so that a rollback stops instead of pretending.`,
				...statement?.file && { related: [{
					file: statement.file,
					line: statement.line,
					message: text$1`upgrade() changes it here`
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
	judge: ({ run, graph }) => stopsGoingDown(run).flatMap((stop) => {
		const is = stop.revision === void 0 ? void 0 : graph.revisions.get(stop.revision)?.downgradeIs;
		if (causeOf(stop, is) !== "irreversible" || is === "missing") return [];
		return [stopped(graph, stop, "downgrade", text$1`downgrade() of ${code(stop.revision)} refuses on purpose: this release cannot be rolled back past it.`, text$1`If that is meant, say so where it stands: ${code("# alembic-gate: ignore[irreversible-downgrade] -- why")}. What comes below it was run down by itself.`)];
	})
});
// src/rules/undo.ts
/** `"name", "table", schema="billing"`: a Python call's arguments; the schema that is the default, in Postgres or SQLite, is left out. */
const call = (names, schema) => [...names.map((name) => JSON.stringify(name)), ...schema === void 0 || schema === "public" || schema === "main" ? [] : [`schema=${JSON.stringify(schema)}`]].join(", ");
/** What stands behind DROP where it is not the kind itself. */
const COMMANDS$1 = {
	"enum type": "TYPE",
	"composite type": "TYPE",
	"range type": "TYPE",
	"base type": "TYPE",
	"shell type": "TYPE",
	"foreign server": "SERVER"
};
/** Kinds whose DROP names the table that they are on. */
const ON_TABLE$1 = /* @__PURE__ */ new Set([
	"trigger",
	"rule",
	"policy"
]);
/**
* The line that drops an object, with Alembic's own operations where there are some.
*
* @returns undefined where no plain DROP does it
*/
function dropping({ kind, name }) {
	const parts = nameParts(name);
	const bare = parts.map(unquoted$1);
	const [last, before, first] = [
		bare.at(-1),
		bare.at(-2),
		bare.at(-3)
	];
	if (kind === "table") return `op.drop_table(${call([last], before)})`;
	if (kind === "index") return `op.drop_index(${call([last], before)})`;
	if (kind === "enum type") return `sa.Enum(name=${call([last], before)}).drop(op.get_bind())`;
	if (kind === "column") return `op.drop_column(${call([before, last], first)})`;
	if (kind === "not-null constraint") return `op.execute(${JSON.stringify(`ALTER TABLE ${parts.slice(0, -1).join(".")} DROP CONSTRAINT ${parts.at(-1)}`)})`;
	if (/constraint$|^primary key$|^foreign key$/.test(kind)) return `op.drop_constraint(${call([last, before], first)})`;
	if (ON_TABLE$1.has(kind)) return `op.execute(${JSON.stringify(`DROP ${kind.toUpperCase()} ${parts.at(-1)} ON ${parts.slice(0, -1).join(".")}`)})`;
	if (["default privileges", "published table"].includes(kind)) return void 0;
	return `op.execute(${JSON.stringify(`DROP ${COMMANDS$1[kind] ?? kind.toUpperCase()} ${name}`)})`;
}
// src/rules/leftover-after-downgrade.ts
/** @param maker the revision whose downgrade() created it, if one did */
function wayOut$3(difference, maker) {
	if (maker !== void 0) return text$1`Before upgrade() of ${code(maker)} there was none of that name: do not create it on the way down, or drop it where its last user goes.`;
	const line = dropping(difference);
	if (line === void 0) return text$1`Take back in downgrade() what upgrade() did, in reverse order.`;
	return text$1`Add to downgrade(): ${block(line, "python")}`;
}
var leftover_after_downgrade_default = rule({
	id: "leftover-after-downgrade",
	family: "run",
	severity: "error",
	summary: "downgrade() leaves something that upgrade() created",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => unrestored(run).flatMap(({ revision, difference }) => {
		const is = revision === void 0 ? void 0 : graph.revisions.get(revision)?.downgradeIs;
		const minor = isMinor(difference);
		const labels = minor && difference.change === "changed";
		if (difference.change !== "added" && !labels || !minor && (is === "empty" || is === "missing")) return [];
		const object = {
			kind: difference.kind,
			name: difference.name
		};
		const who = revision === void 0 ? text$1`${code("downgrade base")}` : text$1`downgrade() of ${code(revision)}`;
		const related = labels ? [] : createdHere(run, difference);
		const origin = creationOf(run, difference);
		const itself = origin?.direction === "downgrade" && origin.revision === revision;
		const made = related[0]?.line === void 0 ? "" : `; ${itself ? "it" : "upgrade()"} created it at line ${related[0].line}`;
		return [{
			...itself && related[0] ? {
				file: related[0].file,
				line: related[0].line
			} : placeOf$4(graph, revision, "downgrade"),
			...revision !== void 0 && { revision },
			...minor && { severity: "notice" },
			object,
			message: labels ? text$1`${who} leaves the labels that upgrade() added to ${difference.kind} ${code(difference.name)}.` : text$1`${who} leaves ${difference.kind} ${code(difference.name)}${made}.`,
			help: minor ? text$1`Postgres cannot take an enum label back and an extension may have other users: it is named so that you know.` : wayOut$3(difference, itself ? revision : void 0),
			related
		}];
	})
});
// src/rules/schema-not-restored.ts
/** Whether the upgrade() of the pull request dropped a column that is there again. */
const isBack = (run, { name }) => [run.schema, ...phasesOf$1(run, "upgrade").flatMap(({ steps }) => steps.map(({ effect }) => effect))].some((differences) => differences?.some((other) => other.change === "removed" && other.kind === "column" && other.name === name));
/**
* Whether a column only came back in a way that suits rows of which nobody knows any more what stood in it: many teams leave NULL
* or a default there on purpose.
*/
function isForRows(run, difference) {
	const suits = ({ name, before, after }) => name === "nullable" && after === true || name === "default" && before === null && after !== null && isBack(run, difference);
	return difference.kind === "column" && difference.properties.length > 0 && difference.properties.every(suits);
}
function wayOut$2(difference, lenient) {
	if (lenient && difference.properties.some(({ name }) => name === "default")) {
		const [column, table, schema] = nameParts(difference.name).map(unquoted$1).reverse();
		const where = schema === void 0 || schema === "public" ? "" : `, schema=${JSON.stringify(schema)}`;
		return text$1`Rows need the default while the column is added; take it away afterwards: ${block(`op.alter_column(${JSON.stringify(table)}, ${JSON.stringify(column)}, server_default=None${where})`, "python")}`;
	}
	return text$1`Write in downgrade() what was there before: type, nullability, default, name and options. The old definition stands in the revision that created it.`;
}
var schema_not_restored_default = rule({
	id: "schema-not-restored",
	family: "run",
	severity: "error",
	summary: "After downgrade() something is gone or different from before upgrade()",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => unrestored(run).flatMap(({ revision, difference }) => {
		const is = revision === void 0 ? void 0 : graph.revisions.get(revision)?.downgradeIs;
		if (difference.change === "added" || isMinor(difference) || is === "empty" || is === "missing") return [];
		const lenient = isForRows(run, difference);
		const who = revision === void 0 ? text$1`${code("downgrade base")}` : text$1`downgrade() of ${code(revision)}`;
		const statement = definitionBefore(run, difference, revision);
		const restored = difference.change === "changed" ? restorationIn(run, difference, revision) : void 0;
		return [{
			...restored?.file ? {
				file: restored.file,
				line: restored.line
			} : placeOf$4(graph, revision, "downgrade"),
			...revision !== void 0 && { revision },
			...lenient && { severity: "warning" },
			object: {
				kind: difference.kind,
				name: difference.name
			},
			message: text$1`${who} does not bring the schema back: ${describeState(difference)}.`,
			help: wayOut$2(difference, lenient),
			...statement?.file && { related: [{
				file: statement.file,
				line: statement.line,
				message: text$1`this is the definition that was there`
			}] }
		}];
	})
});
// src/rules/second-upgrade-differs.ts
var second_upgrade_differs_default = rule({
	id: "second-upgrade-differs",
	family: "run",
	severity: "error",
	summary: "Upgrade after downgrade gives another schema than the first upgrade",
	needs: ["run", "graph"],
	judge: ({ run, graph }) => phasesOf$1(run, "upgrade-again", "history-upgrade").flatMap((phase) => (phase.compared?.differences ?? []).map((difference) => {
		const creation = creationOf(run, difference);
		const revision = phase.id === "upgrade-again" ? ownerAmong(phase, run, difference) : creation?.revision;
		const statement = creation?.revision === revision ? creation?.statement : void 0;
		return {
			...statement?.file ? {
				file: statement.file,
				line: statement.line
			} : placeOf$4(graph, revision, "upgrade"),
			...revision !== void 0 && { revision },
			object: {
				kind: difference.kind,
				name: difference.name
			},
			message: text$1`A second upgrade gives another schema than the first: ${describeState(difference)}. Databases will differ by their history.`,
			help: text$1`Look for what downgrade() leaves behind, and for ${code("IF NOT EXISTS")} or ${code("checkfirst")} in upgrade() that then keeps the stale object.`
		};
	}))
});
// src/rules/hidden-failure.ts
var hidden_failure_default = rule({
	id: "hidden-failure",
	family: "run",
	severity: "error",
	summary: "A statement failed and the migration went on, or the version rows are not where they should be",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const swallowed = phasesOf$1(run, "base", "upgrade", "downgrade", "upgrade-again").flatMap(({ steps }) => steps.flatMap((step) => step.statements.flatMap((statement) => {
			if (!step.ended || !statement.error) return [];
			return [{
				...statement.file ? {
					file: statement.file,
					line: statement.line
				} : placeOf$4(graph, step.revision, step.direction),
				revision: step.revision,
				severity: "warning",
				object: {
					kind: "statement",
					name: statement.sql.trim().split(/\s+/).slice(0, 3).join(" ")
				},
				message: text$1`A statement in ${step.direction}() of ${code(step.revision)} failed and the error was swallowed: ${firstLine(statement.error.message)}`,
				help: text$1`Ask the database first (${code("IF EXISTS")}, ${code("sa.inspect(op.get_bind())")}) instead of catching the error: what else goes wrong there stays hidden as well.`,
				evidence: text$1`The statement was ${block(statement.sql.trim(), "sql")}`
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
			const rows = (ids) => ids.length === 0 ? text$1`no row` : listOf(ids);
			const wrong = phase.id === "prepare" ? text$1`Before any revision was run the version table holds ${rows(found)}: env.py, or what it imports, migrates by itself, and a deployment would start from there.` : text$1`After ${phase.title} the version table holds ${rows(found)} where ${rows(expected)} must stand: the next deployment starts from the wrong place.`;
			return [{
				...placeOf$4(graph, revision, phase.id.includes("downgrade") ? "downgrade" : "upgrade"),
				...revision !== void 0 && { revision },
				object: {
					kind: "version rows",
					name: phase.id
				},
				message: silent ? text$1`Running ${phase.title} ended without an error, but ${code(revision ?? "")} did not run to its end: something swallows the error, and a deployment would look green.` : wrong,
				help: text$1`Look in env.py for a ${code("try")} around ${code("context.run_migrations()")}, for a missing commit, and for ${code("COMMIT")} or ${code("ROLLBACK")} inside the revision.`
			}];
		});
		return [...swallowed, ...lost.slice(0, 1)];
	}
});
// src/rules/fails-on-rows.ts
var fails_on_rows_default = rule({
	id: "fails-on-rows",
	family: "data",
	severity: "error",
	summary: "A migration passes on empty tables and fails, or does something else, where there are rows",
	needs: ["run", "graph"],
	wants: ["settings"],
	judge({ run, graph, settings }) {
		if (!run.rows) return [];
		return [...run.rows.failures.map((failure) => {
			const { direction, stop, refusal } = failure;
			const optional = direction === "downgrade" && settings?.downgrades === "optional";
			const sure = failure.rows === "seed" || refusal?.anyRow;
			const severity = optional ? "notice" : sure ? "error" : "warning";
			return {
				...placeOfStop(graph, stop, direction),
				severity,
				revision: stop.revision,
				object: objectOf$1(failure),
				message: text$1`${direction}() of ${code(stop.revision)} ${whatFails(withDatabase(failure))}: ${firstLine(stop.raised.message)}`,
				help: helpFor(failure, run.dialect === "sqlite"),
				evidence: text$1`${evidenceOf(stop)} ${rowText(failure)}`
			};
		}), ...otherSchema(run, run.rows.source).map((draft) => ({
			...placeOf$4(graph, draft.revision, "upgrade"),
			...draft
		}))];
	}
});
/** Its table with the database's name in front, where that is not the first of several. */
const withDatabase = ({ refusal, ...failure }) => ({
	...failure,
	...refusal && { refusal: refusal.table === void 0 || failure.database === void 0 ? refusal : {
		...refusal,
		table: `[${failure.database}] ${refusal.table}`
	} }
});
function objectOf$1(failure) {
	const { refusal, stop } = withDatabase(failure);
	if (refusal?.table === void 0) return {
		kind: "statement",
		name: (stop.raised.sql ?? stop.raised.type).trim().split(/\s+/).slice(0, 3).join(" ")
	};
	const columns = refusal.kind === "check" || refusal.kind === "parent" ? [] : refusal.columns;
	return {
		kind: refusal.kind,
		name: [refusal.table, ...columns].join(" ")
	};
}
/** What the server asks of the rows, as the end of "fails where …". */
function conditionOf({ kind, table, columns, type }) {
	if (table === void 0) return void 0;
	const [column] = columns;
	switch (kind) {
		case "not-null": return text$1`${code(column)} of ${code(table)} is NULL in some row`;
		case "unique": return text$1`two rows of ${code(table)} have the same ${listOf(columns)}`;
		case "foreign-key": return text$1`a row of ${code(table)} refers by ${listOf(columns)} to nothing that is there`;
		case "check": return text$1`a row of ${code(table)} does not satisfy the condition`;
		case "exclusion": return text$1`two rows of ${code(table)} exclude each other`;
		case "cast": return text$1`a value of ${code(column)} in ${code(table)} cannot be read as ${code(type ?? "the new type")}`;
		case "too-long": return text$1`a value of ${code(column)} in ${code(table)} is longer than ${code(type ?? "the new type")} allows`;
		case "range": return text$1`a value of ${code(column)} in ${code(table)} does not fit ${code(type ?? "the new type")}`;
		case "pending": return text$1`rows of ${code(table)} were changed before in the same transaction`;
		case "default":
		case "references":
		case "stored":
		case "parent":
		case "other": return;
	}
}
function whatFails({ rows, refusal }) {
	if (refusal?.kind === "parent") return text$1`fails as soon as ${listOf(refusal.columns)} ${refusal.columns.length > 1 ? "have" : "has"} a row that refers to ${code(refusal.table)}, which it drops`;
	if (refusal?.anyRow) {
		const several = refusal.kind === "unique" ? "more than one row" : "a row";
		return text$1`fails as soon as ${code(refusal.table)} has ${several}`;
	}
	if (rows === "seed") return text$1`fails on the project's own rows`;
	const condition = refusal && conditionOf(refusal);
	return condition ? text$1`fails where ${condition}` : text$1`fails on tables with rows`;
}
/** What to do instead. */
function remedyOf({ kind, table, columns, anyRow }, sqlite) {
	const [column] = columns;
	switch (kind) {
		case "not-null": return anyRow ? text$1`Add the column with a ${code("server_default")}, or add it as nullable, fill it, and make it NOT NULL last: ${block(`op.add_column("${bare$1(table)}", sa.Column("${bare$1(column)}", …, nullable=True))\nop.execute("UPDATE ${table} SET ${column} = …")\n${required(table, column, sqlite)}`, "python")}` : text$1`Fill the NULLs before, in the same revision: ${block(`op.execute("UPDATE ${table} SET ${column} = … WHERE ${column} IS NULL")`, "python")}`;
		case "unique": return anyRow ? text$1`Add the column as nullable, give each row a value of its own, and make it unique last.` : text$1`Merge or delete what is there twice before, in the same revision.`;
		case "foreign-key":
		case "check": return sqlite ? text$1`Mend${kind === "check" ? "" : " or delete"} such rows before, in the same revision.` : text$1`Mend${kind === "check" ? "" : " or delete"} such rows before; or add the constraint with ${code("postgresql_not_valid=True")}, which checks new rows only, and ${code("VALIDATE CONSTRAINT")} in a later revision.`;
		case "cast":
		case "range": return text$1`Convert or clear such values before, or say in ${code("postgresql_using")} what becomes of them.`;
		case "too-long": return text$1`Shorten such values before, or leave the column as long as it is.`;
		case "pending": return text$1`Change the rows in a revision of its own with ${code("transaction_per_migration=True")}, or check what is pending first: ${block("op.execute(\"SET CONSTRAINTS ALL IMMEDIATE\")", "python")}`;
		case "default":
		case "references":
		case "stored": return text$1`Let the table be copied, which gives the rows that are there their values: ${block(`with op.batch_alter_table("${bare$1(table)}", recreate="always") as batch:\n    batch.add_column(sa.Column("${bare$1(column)}", …))`, "python")}`;
		case "parent": return text$1`Switch foreign keys off in env.py while migrations run, before a transaction begins: ${block(`connection.exec_driver_sql("PRAGMA foreign_keys = OFF")\nconnection.commit()`, "python")}`;
		case "exclusion":
		case "other": return text$1`Make the rows fit before.`;
	}
}
const required = (table, column, sqlite) => sqlite ? `with op.batch_alter_table("${bare$1(table)}") as batch:\n    batch.alter_column("${bare$1(column)}", nullable=False)` : `op.alter_column("${bare$1(table)}", "${bare$1(column)}", nullable=False)`;
const bare$1 = (name) => name.replaceAll("\"", "");
function helpFor({ refusal, database }, sqlite) {
	if (!refusal) return text$1`Let it do the right thing for the rows that are there.`;
	const remedy = remedyOf(refusal, sqlite);
	const production = database === void 0 ? text$1`production` : text$1`production's ${code(database)}`;
	return refusal.select === void 0 || refusal.anyRow ? remedy : text$1`Ask ${production} whether it has such rows: ${block(refusal.select, "sql")}If it has: ${remedy}`;
}
function rowText({ row, rows, passesOnPlain, left }) {
	const whose = rows === "seed" ? text$1`The rows are the project's own.` : text$1`The rows were made up.`;
	const then = passesOnPlain ? text$1` On rows without NULLs and without equal values it ran through.` : text$1``;
	const still = left ? text$1` SQLite has not rolled back all of it: ${listOf(left)} ${left.length > 1 ? "stay" : "stays"}, and must be dropped before the next try.` : text$1``;
	return row === void 0 ? text$1`${whose}${then}${still}` : text$1`It met ${block(row, "json")}${whose}${then}${still}`;
}
/** What upgrade() does only where there are rows, or only where there are none. */
function otherSchema({ rows, order, base }, source) {
	const [first] = rows.schema;
	const revision = order.findLast((id) => !base.has(id));
	if (!first || revision === void 0) return [];
	const whose = source === "seed" ? "the project's own rows" : "made-up rows";
	return [{
		severity: "warning",
		revision,
		object: {
			kind: first.kind,
			name: first.name
		},
		message: text$1`On ${whose} the pull request's upgrades leave another schema than on empty tables: ${describeState(first)}.`,
		help: text$1`What upgrade() does to the schema should not depend on the rows that it finds: databases then differ for good.`
	}];
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
	"EXISTS",
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
		if (operations > 0 && positions || lists.flat().some(({ from, to }) => from === to)) return;
		const text = ({ from, to }) => words$1(tokens, from, to);
		const order = first.map((_, index) => index).sort((a, b) => compare$1(text(first[a]), text(first[b])) || a - b);
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
		if (tokens.slice(from, to).some(({ text }, index) => index % 2 === 1 ? text !== "," : !/^[\p{L}_"]/u.test(text) || ends.has(text))) return;
		const sorted = [...columns].sort((a, b) => compare$1(tokens[a.from].text, tokens[b.from].text));
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
const compare$1 = (a, b) => a < b ? -1 : a > b ? 1 : 0;
const words$1 = (tokens, from, to) => tokens.slice(from, to).map(({ text }) => text).join(" ");
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
/** The key of an object in a catalog. */
const keyOf = ({ kind, name }) => `${kind} ${name}`;
const special = new Set("oid kind namespace name suffix label of of_class of_number number origin follows inherited parents relation index behind_identity column_number acl acl_default options foreign_options class text".split(" "));
const place$1 = (className, oid, number = 0) => `${className} ${oid} ${number}`;
/** @param json what `catalogQuery` returned */
function parseCatalog(json) {
	const sections = JSON.parse(json);
	const catalog = /* @__PURE__ */ new Map();
	const targets = /* @__PURE__ */ new Map();
	for (const [className, rows] of sections) for (const row of rows ?? []) if (className === "pg_description") comment$1(row, targets);
	else read$1(className, row, catalog, targets);
	link(sections, catalog, targets);
	return catalog;
}
const set = ({ object, prefix }, properties) => {
	for (const [name, value] of Object.entries(properties)) object.properties[prefix + name] = value;
};
/** Comments are the last section: what they are on has been read. */
function comment$1(row, targets) {
	const target = targets.get(place$1(row.class, row.oid, row.number));
	if (target) set(target, { comment: row.text });
}
/** Makes an object of a row, or properties of the object that the row is a part of. What it belongs to has been read before. */
function read$1(className, row, catalog, targets) {
	const of = row.of_class ?? "pg_class";
	const whole = row.of && (targets.get(place$1(of, row.of, row.of_number)) ?? targets.get(place$1(of, row.of)))?.object;
	if (row.of && !whole) return;
	const properties = propertiesOf(className, row);
	const here = className === "pg_attribute" ? place$1("pg_class", row.of, row.number) : place$1(className, row.oid);
	if (whole && className === "pg_attribute" && folded$2.has(whole.kind)) {
		const column = `${whole.kind === "composite type" ? "attribute" : "column"} ${identifier(row.name)}`;
		const { type, nullable: _, ...rest } = properties;
		const target = {
			object: whole,
			prefix: `${column} `
		};
		targets.set(here, target);
		whole.properties[column] = type;
		set(target, rest);
	} else if (whole && row.behind_identity) {
		const target = {
			object: whole,
			prefix: "identity "
		};
		targets.set(here, target);
		set(target, identityOf(row, properties));
	} else if (row.kind === "not-null constraint" && automaticNotNull.test(row.name)) {
		const target = targets.get(place$1(of, row.of, row.column_number));
		if (target && row.validated === false) set(target, { "not null validated": false });
		if (target && typeof properties.definition === "string" && properties.definition.endsWith(" NO INHERIT")) set(target, { "not null inherited": false });
	} else {
		if (whole && row.namespace) properties[row.kind === "sequence" ? "owned by" : "table"] = whole.name;
		const qualifier = row.namespace ? `${identifier(row.namespace)}.` : whole ? `${whole.name}.` : "";
		const object = {
			kind: row.kind,
			name: row.label ?? qualifier + identifier(row.name) + (row.suffix ?? ""),
			...whole && { parent: keyOf(whole) },
			oid: Number(row.oid ?? row.of),
			properties
		};
		catalog.set(keyOf(object), object);
		targets.set(here, {
			object,
			prefix: ""
		});
		if (row.relation) targets.set(place$1("pg_class", row.relation), {
			object,
			prefix: ""
		});
		if (row.index) targets.set(place$1("pg_class", row.index), {
			object,
			prefix: "index "
		});
	}
}
/** Names the tables that tables inherit from, and finds the origins of what is there because of something else. */
function link(sections, catalog, targets) {
	const objectOf = (className, oid) => targets.get(place$1(className, oid))?.object;
	const parentsOf = /* @__PURE__ */ new Map();
	for (const [className, rows] of sections) for (const row of rows ?? []) {
		const object = targets.get(className === "pg_attribute" ? place$1("pg_class", row.of, row.number) : place$1(className, row.oid))?.object;
		if (!object) continue;
		const from = (className, ...oids) => oids.map((oid) => objectOf(className, oid)).filter((object) => object !== void 0);
		if (row.parents) {
			const parents = from("pg_class", ...row.parents);
			parentsOf.set(row.oid, parents);
			if (row.partition_bound) object.properties["partition of"] = parents[0]?.name ?? null;
			else object.properties.inherits = parents.map(({ name }) => name);
		}
		if (row.origin) object.origins = from(className, row.origin).map(keyOf);
		else if (row.follows) object.origins = from("pg_class", row.follows).map(keyOf);
		else if (row.inherited) object.origins = (parentsOf.get(row.of) ?? []).map(({ name }) => keyOf({
			kind: row.kind,
			name: `${name}.${identifier(row.name)}`
		})).filter((key) => catalog.has(key));
	}
}
/** Columns of these have no life of their own: they are properties. */
const folded$2 = /* @__PURE__ */ new Set([
	"view",
	"materialized view",
	"composite type"
]);
/** Names that Postgres 18 gives by itself, after any renaming of table or column: `users_email_not_null`, `…_not_null1`. */
const automaticNotNull = /_not_null\d*$/;
const names = /* @__PURE__ */ new Map();
/** The property that a column of the query holds, if it does. */
function propertyOf(column) {
	if (!names.has(column)) names.set(column, special.has(column) ? void 0 : column.replaceAll("_", " "));
	return names.get(column);
}
function propertiesOf(className, row) {
	const properties = {};
	for (const column in row) {
		const name = propertyOf(column);
		if (name !== void 0) properties[name] = row[column];
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
			typeof type === "string" ? {
				smallint: "32767",
				integer: "2147483647",
				bigint: "9223372036854775807"
			}[type] : void 0
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
const spelt = (letter) => privileges[letter[0]] + (letter[1] ? " WITH GRANT OPTION" : "");
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
// src/run/touched.ts
/** Which tables of the base branch a pull request's revisions touch. */
/** An identifier in SQL or in a qualified name, quoted or not. */
const IDENTIFIER = /"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)/g;
/** The identifiers in SQL, and all other words, as the server reads them. */
function words(sql) {
	return [...sql.matchAll(IDENTIFIER)].map(([, quoted, plain]) => quoted?.replaceAll("\"\"", "\"") ?? plain.toLowerCase());
}
/** The last part of a table's name, without quotes. */
const lastName = (name) => words(name).at(-1) ?? "";
/** What follows are values. */
const LONGEST_SQL = 16384;
const CREATES_TABLE = /^\s*create\s+(?:(?:global|local|temp|temporary|unlogged)\s+)*table\b/i;
const FROM_OTHERS = /\bas\s+(?:\(|select|table|values|with)|\blike\s|\binherits\b|\bpartition\s+of\b/i;
/** Only the table's own keys refer to others: rows play no part. */
const makesTable = (sql) => CREATES_TABLE.test(sql) && !FROM_OTHERS.test(sql);
/** Words of statements that triggers and rules answer to. */
const WRITING = [
	"insert",
	"update",
	"delete",
	"merge",
	"copy",
	"truncate"
];
function hiddenIn(catalog) {
	const hidden = {
		bodies: /* @__PURE__ */ new Map(),
		triggers: /* @__PURE__ */ new Map()
	};
	const add = (to, key, sql) => {
		if (typeof sql === "string") to.set(key, [...to.get(key) ?? [], sql.slice(0, LONGEST_SQL)]);
	};
	for (const { kind, name, parent, properties } of catalog.values()) if (kind === "function" || kind === "procedure") add(hidden.bodies, lastName(name.slice(0, name.indexOf("("))), properties.body);
	else if (kind === "view" || kind === "materialized view") add(hidden.bodies, lastName(name), properties.definition);
	else if ((kind === "trigger" || kind === "rule") && parent !== void 0) add(hidden.triggers, parent, properties.definition);
	return hidden;
}
/**
* The tables of `before` that statements name, also by way of functions, views and triggers that are there, or to whose parts something happened. It may be some more than were touched: the name of
* a table may be a column's as well.
*
* @param steps what the revisions executed
* @param differences what they did to the catalog
* @param fold makes names that are the same equal
*/
function touchedTables(before, steps, differences, fold = (name) => name) {
	const tables = [...before.values()].filter(({ kind }) => kind === "table");
	const byName = /* @__PURE__ */ new Map();
	for (const table of tables) {
		const name = fold(lastName(table.name));
		byName.set(name, [...byName.get(name) ?? [], table]);
	}
	const touched = /* @__PURE__ */ new Set();
	const hidden = hiddenIn(before);
	/** Adds what SQL names, and what that does in its turn; `seen`: names of which that is known. */
	const follow = (sql, seen) => {
		const named = new Set(words(sql));
		const writes = WRITING.some((verb) => named.has(verb));
		for (const word of named) {
			for (const table of byName.get(fold(word)) ?? []) {
				touched.add(table);
				for (const trigger of writes && hidden.triggers.get(keyOf(table)) || []) followOnce(trigger, trigger, seen);
			}
			for (const body of hidden.bodies.get(word) ?? []) followOnce(word, body, seen);
		}
	};
	const followOnce = (name, sql, seen) => {
		const key = `${name}\n${sql}`;
		if (seen.has(key)) return;
		seen.add(key);
		follow(sql, seen);
	};
	const seen = /* @__PURE__ */ new Set();
	for (const { statements } of steps) for (const sql of new Set(statements.map(({ sql }) => sql.slice(0, LONGEST_SQL)))) if (!makesTable(sql)) follow(sql, seen);
	const tableOf = (key) => {
		const object = key === void 0 ? void 0 : before.get(key);
		return object?.kind === "table" ? object : object && tableOf(object.parent);
	};
	for (const { kind, name, parent, change } of differences) {
		const table = tableOf(parent ?? `${kind} ${name}`);
		if (table) touched.add(table);
		if (change !== "changed" || kind !== "domain" && kind !== "enum type") continue;
		for (const column of before.values()) {
			if (column.kind !== "column" || !words(valueText(column.properties.type ?? null)).includes(lastName(name))) continue;
			const of = tableOf(column.parent);
			if (of) touched.add(of);
		}
	}
	return [...touched];
}
/** Operations that make something new, or drop it again. */
const MAKES_NEW = /* @__PURE__ */ new Set([
	"create_table",
	"drop_table",
	"f"
]);
const HARMLESS = /^(?:alembic|sqlalchemy\w*|sqlmodel|pgvector|geoalchemy2|typing|typing_extensions|collections|datetime|uuid|enum|__future__)\b/;
const ON_TABLE = /* @__PURE__ */ new Set(["create_index", "drop_index"]);
/**
* Whether the source of a revision shows that it only makes tables and drops them: no row that is there before can play a part then.
* False where it cannot be told.
*/
function onlyMakesTables(source) {
	if (/\bexecute\b|get_bind|get_context|batch|\bbind\b|__import__|getattr|import_module|bulk_insert|\bop\b(?![.\w])(?!\s*$)/m.test(source)) return false;
	if ([...source.matchAll(/^\s*(?:from|import)\s+([\w.]+)/gm)].some(([, module]) => !HARMLESS.test(module))) return false;
	const made = new Set([...source.matchAll(/\bop\.create_table\(\s*["'](\w+)["']/g)].map(([, name]) => name));
	return [...source.matchAll(/\bop\.(\w+)(?=(\([^\n]*(?:\n[^\n]*){0,2}))/g)].every(([, operation, rest]) => {
		if (MAKES_NEW.has(operation)) return true;
		if (!ON_TABLE.has(operation)) return false;
		const table = /^\(\s*(?:op\.f\(\s*)?["'][^"']+["']\s*\)?\s*,\s*(?:table_name\s*=\s*)?["'](\w+)["']/.exec(rest)?.[1] ?? /table_name\s*=\s*["'](\w+)["']/.exec(rest)?.[1];
		return table !== void 0 && made.has(table);
	});
}
// src/rules/lost.ts
const objectOf = ({ table, column }) => column === void 0 ? {
	kind: "table",
	name: table
} : {
	kind: "column",
	name: `${table}.${identifier(column)}`
};
const CHANGES_ROWS = /^\s*(?:insert|update|delete|merge|truncate|with|do|select|call)\b/i;
/** The statement of a step that changed rows of a table, if one did. */
function writingIn(steps, revision, { table, column }) {
	const writing = (steps.find((step) => step.revision === revision)?.statements ?? []).filter(({ sql }) => CHANGES_ROWS.test(sql) && words(sql).includes(lastName(table)));
	return writing.find(({ sql }) => column !== void 0 && words(sql).includes(column)) ?? writing[0];
}
/** The revision whose function lost it, as far as its statements tell, and the line. */
function culpritOf(run, graph, loss) {
	const down = loss.how === "downgrade";
	const phase = run.rows.phases[down ? 1 : 0];
	const object = objectOf(loss);
	if (loss.by !== void 0) return dropOf(run, loss.by);
	for (const revision of phase.planned) {
		const statement = (loss.how === "dropped" || loss.how === "converted" ? void 0 : writingIn(phase.steps, revision, loss)) ?? (down ? restorationIn(run, object, revision) : changeIn(run, object, revision));
		if (statement?.file !== void 0) return {
			revision,
			place: {
				file: statement.file,
				line: statement.line
			}
		};
	}
	const revision = phase.planned.at(down ? 0 : -1);
	return revision === void 0 ? void 0 : {
		revision,
		place: placeOf$4(graph, revision, down ? "downgrade" : "upgrade")
	};
}
/** Which revision drops a table, and where. */
function dropOf(run, table) {
	const drops = /^\s*drop\s+table\s+(?:if\s+exists\s+)?(\S+)/i;
	for (const { revision, statements } of run.rows.phases[0].steps) {
		const found = statements.find(({ sql }) => lastName(drops.exec(sql)?.[1] ?? "").toLowerCase() === table.toLowerCase());
		if (found?.file !== void 0) return {
			revision,
			place: {
				file: found.file,
				line: found.line
			}
		};
	}
}
/** `3 of 5 rows: "1.25" comes back as "1"`. */
function amountOf({ rows, of, example, column, wentDown }) {
	const amount = text$1`${rows} of ${of} ${column === void 0 ? "rows" : "values"}`;
	if (!example || !wentDown) return amount;
	if (example.after === void 0) return text$1`${amount}, such as ${code(example.before)}, which no row has then`;
	const after = example.after === null ? text$1`nothing` : text$1`${code(example.after)}`;
	return text$1`${amount}, such as ${code(example.before)}, in whose place there is ${after} then`;
}
// src/rules/loses-data.ts
var loses_data_default = rule({
	id: "loses-data",
	family: "data",
	severity: "warning",
	summary: "Up and down again, and rows or values of a table that survives are gone or others",
	needs: ["run", "graph"],
	wants: ["settings"],
	judge({ run, graph, settings }) {
		const all = run.rows?.losses ?? [];
		const losses = all.filter(({ how }) => how === "converted" || how === "downgrade");
		const cascaded = all.filter(({ how }) => how === "cascaded").flatMap((loss) => cascadeOf(run, graph, loss) ?? []);
		const others = losses.flatMap((loss) => {
			const culprit = culpritOf(run, graph, loss);
			if (!culprit) return [];
			const { revision, place } = culprit;
			const object = objectOf(loss);
			const whole = loss.column === void 0;
			return [{
				...place,
				revision,
				object,
				...settings?.downgrades === "optional" && { severity: "notice" },
				message: loss.how === "converted" ? text$1`upgrade() of ${code(revision)} converts ${object.kind} ${code(object.name)}, and downgrade() cannot bring back what was there: ${amountOf(loss)}.` : whole ? text$1`downgrade() of ${code(revision)} deletes rows of ${code(object.name)} that were there before upgrade(): ${amountOf(loss)}.` : text$1`downgrade() of ${code(revision)} loses what upgrade() had kept of ${object.kind} ${code(object.name)}: ${amountOf(loss)}.`,
				help: loss.how === "converted" ? text$1`Keep what was there, in a column of its own, until nobody will go back; or let downgrade() raise, so that nobody takes it for a way back.` : whole ? text$1`Let downgrade() delete only what upgrade() has put there.` : text$1`Rename the column back, or copy its values back before it is dropped.`,
				evidence: text$1`Seen on ${run.rows.source === "seed" ? "the project's own rows" : "made-up rows"}, before upgrade() and after downgrade().`
			}];
		});
		return [...cascaded, ...others];
	}
});
/** A table on SQLite loses rows since another one is dropped and made anew: nobody means that. */
function cascadeOf(run, graph, loss) {
	const culprit = culpritOf(run, graph, loss);
	if (!culprit) return void 0;
	const { revision, place } = culprit;
	const object = objectOf(loss);
	return {
		...place,
		severity: "error",
		revision,
		object,
		message: text$1`upgrade() of ${code(revision)} drops ${code(loss.by)} while foreign keys are enforced, so SQLite ${loss.column === void 0 ? "deletes the rows of" : "clears"} ${code(object.name)} that refer to it: ${amountOf(loss)}.`,
		help: text$1`Switch foreign keys off in env.py while migrations run, before a transaction begins: ${block(`connection.exec_driver_sql("PRAGMA foreign_keys = OFF")\nconnection.commit()`, "python")}`,
		evidence: text$1`Seen on ${run.rows.source === "seed" ? "the project's own rows" : "made-up rows"}, before upgrade() and after it. ON DELETE holds for DROP TABLE as well.`
	};
}
// src/rules/drops-data.ts
var drops_data_default = rule({
	id: "drops-data",
	family: "data",
	severity: "notice",
	summary: "upgrade() drops, deletes or overwrites what rows hold, and downgrade() does not bring it back",
	needs: ["run", "graph"],
	judge({ run, graph }) {
		const losses = (run.rows?.losses ?? []).filter(({ how }) => how === "dropped" || how === "deleted" || how === "overwritten");
		const byRevision = /* @__PURE__ */ new Map();
		for (const loss of losses) {
			const culprit = culpritOf(run, graph, loss);
			if (!culprit) continue;
			const known = byRevision.get(culprit.revision);
			if (known) known.losses.push(loss);
			else byRevision.set(culprit.revision, {
				draft: culprit.place,
				losses: [loss]
			});
		}
		return [...byRevision].map(([revision, { draft, losses }]) => {
			const back = losses.some(({ wentDown }) => wentDown) ? "; downgrade() does not bring back what was there" : "";
			return {
				...draft,
				revision,
				...losses.length === 1 && { object: objectOf(losses[0]) },
				message: text$1`upgrade() of ${code(revision)} ${joined$3(losses.slice(0, 4).map(deed))}${losses.length > 4 ? ` and loses ${losses.length - 4} things more` : ""}${back}.`,
				help: text$1`Once this is deployed only a backup has it. See that nothing reads it any more, and that it is not needed: what is kept under another name for a release can still be brought back.`,
				evidence: text$1`On ${run.rows.source === "seed" ? "the project's own rows" : "made-up rows"}: ${joined$3(losses.map((loss) => text$1`${code(objectOf(loss).name)} loses ${amountOf(loss)}`), "; ")}.`
			};
		});
	}
});
const deed = (loss) => {
	const { kind, name } = objectOf(loss);
	return text$1`${{
		dropped: `drops ${kind}`,
		deleted: "deletes rows of",
		overwritten: "overwrites"
	}[loss.how]} ${code(name)}${loss.how === "dropped" ? " with what it holds" : ""}`;
};
const joined$3 = (texts, between = ", ") => texts.flatMap((part, index) => index === 0 ? part : [{ text: between }, ...part]);
// src/rules/model-drift.ts
/** What differs, as people call it: `users.email`, `ix_users_email on users`. */
function nameOf$1({ kind, table, name, to }) {
	if (kind === "module") return `${to}`;
	if (kind === "operation") return `${name}`;
	if (name === null) return `${table}`;
	return kind === "column" ? `${table}.${name}` : `${name} on ${table}`;
}
/** A value of the two, as a part of a sentence. */
const value$1 = (words) => words == null ? text$1`none` : text$1`${code(words)}`;
/** The sentence that says what the models have and what the migrations leave. */
function sentence$1(difference) {
	const { kind, change, table, name, property, from, to, model, unimported, file, required, there } = difference;
	const whose = model === void 0 ? text$1`a model` : text$1`the model ${code(model)}`;
	const it = text$1`${kind} ${code(kind === "column" ? `${table}.${name}` : name ?? table ?? "")}`;
	if (kind === "module") return text$1`${code(file ?? name)} declares the model ${code(model)} of the table ${code(to)}, but env.py never imports it: autogenerate does not see it, and no migration creates its table.`;
	if (kind === "operation") return text$1`Autogenerate finds that models and migrations differ: it would write ${code(name)}${table === null ? "" : text$1` for ${code(table)}`}.`;
	if (unimported) return text$1`env.py never imports ${code(unimported.file)}, which declares the model ${code(unimported.model)}: the next autogenerated revision drops its table ${code(table)}.`;
	if (there !== void 0) return text$1`Autogenerate would create the ${it}, which ${whose} declares, although the database has a ${there} of that name, which it does not see.`;
	if (kind === "table" && change === "missing") return text$1`No migration creates the ${it}, which ${whose} declares: whatever reads or writes it fails.`;
	if (kind === "column" && change === "missing") return text$1`No migration adds the ${it}, which ${whose} declares: every query of it fails.`;
	if (required) return text$1`The migrations leave the ${it}, which is NOT NULL and has no default, and no model declares it: every insert fails.`;
	if (change === "extra" && (kind === "table" || kind === "column")) return text$1`The migrations leave the ${it}, which no model declares: the next autogenerated revision drops it.`;
	const on = text$1`${it} on ${code(table)}`;
	const defined = to == null || to === name || to === kind ? text$1`` : text$1` ${code(to)}`;
	if (change === "missing") return text$1`No migration creates the ${on}, which ${whose} declares${defined && text$1`:${defined}`}.`;
	if (change === "extra") return text$1`The migrations leave the ${on}${defined}, which no model declares: the next autogenerated revision drops it.`;
	const of = kind === "column" || kind === "table" ? it : on;
	return text$1`In ${whose} ${property && property !== "nullable" ? text$1`the ${property} of the ${of}` : text$1`the ${of}`} is ${value$1(to)}, but the migrations make it ${value$1(from)}.`;
}
function wayOut$1({ kind, change, operation, unimported, file, same, there }) {
	if (unimported || kind === "module") {
		const path = (unimported?.file ?? file ?? "").replace(/(\/__init__)?\.py$/, "").replaceAll("/", ".");
		return text$1`Import it where env.py gets its ${code("target_metadata")} from: ${block(`import ${path.replace(/^src\./, "")}  # noqa: F401`, "python")}`;
	}
	const lines = operation === "" ? text$1`` : text$1` It would write: ${block(operation, "python")}`;
	if (there !== void 0) return text$1`The application finds what it asks for. But ${code("alembic check")} fails on it, and the next autogenerated revision creates a table, which fails: leave it out with ${code("include_object")} in env.py.${lines}`;
	if (same) return text$1`The operations of autogenerate change nothing in the database, so nothing is wrong with it; but ${code("alembic check")} fails on it. Declare it in the model as Alembic reads it back.`;
	const write = text$1`${block("alembic revision --autogenerate -m \"…\"", "sh")}`;
	if (change === "extra") return text$1`Where the models follow in a later release, or have gone ahead, nothing is wrong. Else give it back to the models, or let a revision of this pull request drop it: ${write}${lines}`;
	return text$1`Let a revision of this pull request do it, or change the model: ${write}${lines}`;
}
const ENV = ({ scriptLocation }) => ({
	file: `${scriptLocation}/env.py`,
	line: 1
});
const placeOf$3 = ({ file, line, unimported }, environment) => unimported ? {
	file: unimported.file,
	line: unimported.line
} : file === void 0 ? ENV(environment) : {
	file,
	line: line ?? 1
};
/** From this many differences of a sort on, the base branch shows that nobody minds them. */
const HABIT = 3;
/** Whether the application fails on it: it asks for what is not there, or leaves out what has to be given. */
const isFatal = ({ kind, change, required }) => required === true || change === "missing" && (kind === "table" || kind === "column");
/** Whether the base branch is full of the sort. */
const isHabit = ({ kind, change, property }, old) => old.filter((one) => one.kind === kind && one.change === change && one.property === property).length >= HABIT;
/** The pull request's own line that made what no model declares, where one did. */
function madeBy(run, { kind, change, table, name, unimported }) {
	if (change !== "extra" || table === null || unimported) return {};
	const [, label = "", rest = table] = /^(\[[^\]]*\] )?(.*)$/s.exec(table) ?? [];
	const qualified = `${label}${rest.includes(".") ? rest : `public.${rest}`}`;
	const origin = creationOf(run, {
		kind,
		name: name === null ? qualified : `${qualified}.${name}`
	});
	if (!origin?.statement?.file || run.base.has(origin.revision)) return {};
	return {
		file: origin.statement.file,
		line: origin.statement.line,
		revision: origin.revision
	};
}
function severityOf$1(difference, { baseUnknown, differences }) {
	if (difference.same) return { severity: "notice" };
	if (baseUnknown || difference.kind === "module") return { severity: "warning" };
	if (isFatal(difference) || difference.unimported) return {};
	const old = differences.filter((one) => one.old);
	return difference.change === "extra" || isHabit(difference, old) ? { severity: "warning" } : {};
}
// src/rules/index.ts
/** All rules, in the order in which the documentation lists them. Adding one: a file here, a fixture, a page in docs/rules/. */
const RULES = [
	multiple_heads_default,
	missing_parent_default,
	duplicate_revision_default,
	revision_cycle_default,
	unreadable_revision_default,
	revision_id_too_long_default,
	new_base_default,
	colliding_pull_request_default,
	edited_revision_default,
	reparented_revision_default,
	renamed_revision_id_default,
	deleted_revision_default,
	inserted_revision_default,
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
	leftover_after_downgrade_default,
	schema_not_restored_default,
	second_upgrade_differs_default,
	hidden_failure_default,
	fails_on_rows_default,
	loses_data_default,
	drops_data_default,
	rule({
		id: "model-drift",
		family: "drift",
		severity: "error",
		summary: "The models and the migrations of the pull request do not agree",
		needs: ["run", "environment"],
		judge({ run, environment }) {
			const { models } = run;
			if (!models) return [];
			const fresh = models.differences.filter(({ old }) => !old);
			const old = models.differences.filter((difference) => difference.old);
			const drafts = fresh.map((difference) => {
				const { kind, property } = difference;
				return {
					...placeOf$3(difference, environment),
					...madeBy(run, difference),
					...severityOf$1(difference, models),
					object: {
						kind: property ? `${kind} ${property}` : kind,
						name: nameOf$1(difference)
					},
					message: sentence$1(difference),
					help: wayOut$1(difference),
					...models.baseUnknown && { evidence: text$1`Whether the base branch has this already is not known: ${models.baseUnknown}.` }
				};
			});
			if (old.length === 0) return drafts;
			const places = count(old.length, "place");
			return [...drafts, {
				...ENV(environment),
				severity: "notice",
				preexisting: true,
				object: {
					kind: "models",
					name: "of the base branch"
				},
				message: text$1`Models and migrations differed in ${places} before this pull request: ${listOf(old.map(nameOf$1))}.`,
				help: text$1`${code("alembic check")} shows them. They hold up no pull request that does not add to them.`
			}];
		}
	})
];
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
function parse$1(toml, options = {}) {
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
// src/settings.ts
/**
* The settings: ONE table for command line flags, action inputs and the settings file.
* Precedence: flag > action input > alembic-gate.toml or [tool.alembic-gate] nearest above the configuration > default.
*/
/** Every setting. action.yml lists the same names but those of the desk; a test compares them. */
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
	"config-factory": {
		kind: "text",
		value: "MODULE:FUNCTION",
		help: "function that builds Alembic's Config, where there is no alembic.ini; config is then the folder of env.py"
	},
	x: {
		kind: "list",
		value: "KEY=VALUE",
		help: "arguments for env.py, as alembic -x"
	},
	"allow-hosts": {
		kind: "list",
		value: "HOST:PORT",
		help: "other machines that the project's code may reach while it runs, such as a service container; without a port, all of their ports"
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
			"data",
			"drift",
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
		value: "FILE.sql|models",
		help: "schema that the revisions start from, where that is not an empty database; models: the tables of the base branch's models"
	},
	"baseline-revision": {
		kind: "text",
		value: "REVISION",
		help: "revision at which the baseline stands"
	},
	seed: {
		kind: "text",
		value: "FILE.sql|COMMAND",
		help: "rows for a database of the base branch: a file of SQL, or a command that finds the database in DATABASE_URL and PGHOST …"
	},
	timeout: {
		kind: "number",
		value: "SECONDS",
		help: "how long a migration may stand still (120)"
	},
	slice: {
		kind: "slice",
		value: "K/N",
		help: "of a long history only this part, 1/N being the newest; `alembic-gate plan` says which there are",
		perRun: true
	},
	"slice-revisions": {
		kind: "number",
		value: "N",
		help: "how many revisions `alembic-gate plan` gives to one slice (500)"
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
	released: {
		kind: "choice",
		choices: ["base", "tags"],
		help: "tags: a revision that no tag contains may still be changed"
	},
	"allow-label": {
		kind: "text",
		value: "LABEL",
		help: "label of pull requests that may change applied revisions (migration-history-allowed)"
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
	comment: {
		kind: "choice",
		choices: [
			"auto",
			"always",
			"never"
		],
		help: "the comment on the pull request: auto, when there is something to say",
		perRun: true,
		onGitHub: true
	},
	recheck: {
		kind: "flag",
		help: "on a push: tell the open pull requests that have two heads by it",
		perRun: true,
		onGitHub: true
	},
	format: {
		kind: "choice",
		choices: [
			"text",
			"unix",
			"json",
			"markdown",
			"sarif",
			"gitlab",
			"junit",
			"html"
		],
		help: "what the command line prints",
		perRun: true,
		atDesk: true
	},
	output: {
		kind: "text",
		value: "FILE",
		help: "write the report there too, in the format that is asked for",
		perRun: true,
		atDesk: true
	}
};
const isName = (name) => Object.hasOwn(OPTIONS, name);
/** The names of those options that are for a place. */
const namesFor = (fits) => Object.entries(OPTIONS).flatMap(([name, option]) => fits(option) ? [name] : []);
const DEFAULTS = {
	directory: ".",
	config: [],
	name: [],
	x: [],
	allowHosts: [],
	static: false,
	only: [],
	scope: "changed",
	postgres: "auto",
	setupSql: [],
	timeout: 120,
	sliceRevisions: 500,
	downgrades: "required",
	released: "base",
	allowLabel: "migration-history-allowed",
	failOn: "error",
	comment: "auto",
	recheck: false,
	format: "text",
	ignore: []
};
/** Lays settings over each other, strongest first. */
function layer(...layers) {
	const settings = structuredClone(DEFAULTS);
	for (const layer of [...layers].reverse()) for (const [name, value] of Object.entries(layer)) settings[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())] = value;
	return settings;
}
/** Checks one value from wherever it came, and converts strings. An empty string is unset: undefined. */
function check(name, raw, { label, ...place }) {
	const option = OPTIONS[name];
	const shown = code(typeof raw === "string" ? raw : JSON.stringify(raw));
	const { choices, kind, help } = option;
	const allowed = choices ? text$1`Allowed: ${listOf(choices, 20)}.` : kind === "flag" ? text$1`Allowed: ${listOf(["true", "false"])}.` : text$1`What it means: ${help}.`;
	const wrong = (what) => new Failure(2, text$1`${label}: ${what}.`, allowed, place);
	if (raw === "" && kind !== "list") return void 0;
	if (kind === "flag") {
		if (raw === true || raw === "true") return true;
		if (raw === false || raw === "false") return false;
		throw wrong(text$1`${shown} is neither true nor false`);
	}
	if (kind === "number") {
		const number = typeof raw === "number" ? raw : typeof raw === "string" && /^\d+$/.test(raw.trim()) ? Number(raw) : NaN;
		if (!Number.isSafeInteger(number) || number <= 0) throw wrong(text$1`${shown} is not a whole number above zero`);
		return number;
	}
	if (kind === "slice") {
		const [, number, of] = /^\s*(\d{1,4})\/(\d{1,4})\s*$/.exec(String(raw)) ?? [];
		if (!(Number(number) > 0) || !(Number(number) <= Number(of))) throw wrong(text$1`${shown} is not like ${code("2/4")}`);
		return `${Number(number)}/${Number(of)}`;
	}
	if (kind === "list") {
		const values = Array.isArray(raw) ? raw : typeof raw === "string" ? raw.split("\n") : void 0;
		if (!values?.every((value) => typeof value === "string")) throw wrong(text$1`${shown} is not a list of texts`);
		const list = values.flatMap((value) => choices ? value.split(",") : [value]).map((value) => value.trim()).filter((value) => value !== "");
		const unknown = choices && list.find((value) => !choices.includes(value));
		if (unknown !== void 0) throw wrong(text$1`${code(unknown)} is not known`);
		return list;
	}
	if (typeof raw !== "string") throw wrong(text$1`${shown} is not a text`);
	if (choices && !choices.includes(raw)) throw wrong(text$1`${shown} is not known`);
	return raw;
}
/** Which slice of the history is asked for, if one is; 1-based, the newest first. */
function sliceAsked({ slice }) {
	if (slice === void 0) return void 0;
	const [number, of] = slice.split("/").map(Number);
	return {
		number,
		of
	};
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
	return best && best.far <= Math.min(2, wanted.length / 2) ? best.name : void 0;
}
/** The help for a misspelt name: the nearest one, or all. */
const didYouMean = (wanted, names, dashes = "") => {
	const near = nearest(wanted, names);
	return near ? text$1`Did you mean ${code(dashes + near)}?` : text$1`Known: ${listOf(names.map((name) => dashes + name), 40)}.`;
};
/** What a first argument may be beside a folder; `./fix` is a folder. */
const COMMANDS = [
	"check",
	"fix",
	"init",
	"rules",
	"explain",
	"hook"
];
/**
* Flags of `alembic-gate fix` alone: to write, instead of showing the difference; to merge, instead of re-parenting. `init` has the
* first as well: to write over what is there.
*/
const FIX_FLAGS = ["yes", "merge"];
/**
* Reads the arguments of the command line, without `node` and the script.
*
* @returns what was given, and which command
* @throws Failure (exit code 2) for an unknown flag or a bad value
*/
function readArguments(argv) {
	const flags = Object.entries(OPTIONS).filter(([name, { onGitHub }]) => name !== "directory" && !onGitHub);
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
	const first = argv.find((argument) => !argument.startsWith("-"));
	const named = COMMANDS.find((name) => name === first);
	const own = named === "fix" ? FIX_FLAGS : named === "init" ? ["yes"] : [];
	for (const name of own) options[name] = { type: "boolean" };
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
	let command = named ?? "check";
	const fix = {
		yes: false,
		merge: false
	};
	for (const token of tokens) {
		if (token.kind === "positional") positionals.push(token.value);
		if (token.kind !== "option") continue;
		if (!known.includes(token.name)) throw new Failure(2, text$1`There is no flag ${code(token.rawName)}.`, didYouMean(token.name, known, "--"));
		if (token.name === "help" || token.name === "version") {
			command = token.name;
			continue;
		}
		if (token.name === "yes" || token.name === "merge") {
			fix[token.name] = true;
			continue;
		}
		const name = token.name;
		const { kind, help } = OPTIONS[name];
		const forgotten = !token.value || !token.inlineValue && token.value.startsWith("-");
		if (kind !== "flag" && forgotten) throw new Failure(2, text$1`${code(token.rawName)} needs a value.`, text$1`What it means: ${help}.`);
		if (kind === "flag" && token.value !== void 0) throw new Failure(2, text$1`${code(token.rawName)} takes no value.`, text$1`Leave ${code(`=${token.value}`)} out.`);
		const value = check(name, token.value ?? true, { label: text$1`${code(token.rawName)}` });
		given[name] = kind === "list" ? [...given[name] ?? [], ...value] : value;
	}
	if (named) positionals.shift();
	if (named === "hook") return {
		command,
		given,
		fix,
		files: positionals
	};
	if (named === "explain") return {
		command,
		given,
		fix,
		...positionals[0] !== void 0 && { rule: positionals[0] }
	};
	if (positionals.length > 1) throw new Failure(2, text$1`One folder at a time, not ${listOf(positionals)}.`, text$1`Several configurations in one folder are named with ${code("--config")}.`);
	if (positionals[0] !== void 0) given.directory = positionals[0];
	return {
		command,
		given,
		fix
	};
}
/** Inputs that carry what the runner knows; nobody sets them but for the token. */
const RUNNERS = /* @__PURE__ */ new Set(["token", "check-run-id"]);
/**
* Reads the inputs of the action from INPUT_* variables; an empty one is unset.
*
* @throws Failure (exit code 2) for a bad value or an input that does not exist
*/
function readInputs(env) {
	const given = {};
	const inputs = namesFor(({ atDesk }) => !atDesk);
	for (const [variable, raw] of Object.entries(env)) {
		if (!variable.startsWith("INPUT_") || !raw?.trim()) continue;
		const name = variable.slice(6).toLowerCase();
		if (RUNNERS.has(name)) continue;
		if (!isName(name) || !inputs.includes(name)) throw new Failure(2, text$1`There is no input ${code(name)}.`, didYouMean(name, inputs));
		given[name] = check(name, raw.trim(), { label: text$1`The input ${code(name)}` });
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
			const source = new TextDecoder().decode(bytes);
			const table = tableOf(source, file);
			if (table) return {
				given: checkTable(table, file, source),
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
		const document = parse$1(source);
		if (!isPyproject) return document;
		const table = isTable(document.tool) ? document.tool["alembic-gate"] : void 0;
		if (table === void 0 || isTable(table)) return table;
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		const reason = error.message.split("\n", 1)[0];
		throw new Failure(2, text$1`${code(file)} is not TOML: ${reason}.`, text$1`Mend line ${error.line}.`, {
			file,
			line: error.line
		});
	}
	const help = text$1`Write the settings below ${code("[tool.alembic-gate]")}.`;
	throw new Failure(2, text$1`${code("tool.alembic-gate")} in ${code(file)} is not a table.`, help, { file });
}
const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
function checkTable(table, file, source) {
	const given = {};
	const names = namesFor(({ perRun }) => !perRun);
	for (const [name, raw] of Object.entries(table)) {
		const place = {
			file,
			...lineOf$2(source, name)
		};
		if (name === "ignore") given.ignore = checkIgnores(raw, place, source);
		else if (!isName(name)) {
			const help = isTable(raw) && name === "tool" ? text$1`Only pyproject.toml has tables of tools: here, leave the line ${code("[tool.alembic-gate]")} out.` : didYouMean(name, [...names, "ignore"]);
			throw new Failure(2, text$1`There is no setting ${code(name)} (${code(file)}).`, help, place);
		} else if (!names.includes(name)) {
			const sentence = text$1`${code(name)} cannot be set in ${code(file)}: it belongs to a single run.`;
			const { atDesk, onGitHub } = OPTIONS[name];
			const flag = name === "directory" ? text$1`an argument` : text$1`${code(`--${name}`)}`;
			throw new Failure(2, sentence, text$1`Give it as ${[...onGitHub ? [] : [flag], ...atDesk ? [] : [text$1`an input of the action`]].flatMap((way, index) => index === 0 ? way : text$1` or as ${way}`)}.`, place);
		} else {
			const value = check(name, raw, {
				label: text$1`${code(name)} in ${code(file)}`,
				...place
			});
			if (value !== void 0) given[name] = value;
		}
	}
	return given;
}
/** The line on which a name is set or its table begins, where that is written plainly. */
function lineOf$2(source, name) {
	const lines = source.split("\n");
	const begin = Math.max(0, lines.findIndex((line) => line.includes("tool.alembic-gate")));
	const nameIn = (line) => /^[\s[]*([^=\]]*)/.exec(line)[1].replace(/^tool\.alembic-gate\./, "").replaceAll(/["'\s]/g, "");
	const line = lines.findIndex((line, index) => index >= begin && nameIn(line) === name);
	return line === -1 ? {} : { line: line + 1 };
}
function checkIgnores(raw, whole, source) {
	const table = path$1.basename(whole.file) === "pyproject.toml" ? "tool.alembic-gate.ignore" : "ignore";
	const example = block(`[[${table}]]\nrule = "leftover-after-downgrade"\nrevision = "3f2a1b"\nreason = "the type is shared with another service"`, "toml");
	const bad = (what, place = whole) => new Failure(2, what, text$1`For example: ${example}`, place);
	const file = code(whole.file);
	const entries = Array.isArray(raw) && raw.every(isTable) ? raw : void 0;
	if (!entries) throw bad(text$1`${code("ignore")} in ${file} is not a list of tables.`);
	const headers = source.split("\n").flatMap((line, index) => /^\s*\[\[.*\bignore["'\s]*\]\]/.test(line) ? [index + 1] : []);
	return entries.map((entry, index) => {
		const place = headers.length === entries.length ? {
			...whole,
			line: headers[index]
		} : whole;
		const { rule, revision, reason, ...rest } = entry;
		const [unknown] = Object.keys(rest);
		if (unknown !== void 0) throw bad(text$1`An ${code("ignore")} in ${file} has no ${code(unknown)}: it has a rule, a reason and, if wanted, a revision.`, place);
		if (!(typeof rule === "string" && typeof reason === "string" && reason.trim() !== "" && (revision === void 0 || typeof revision === "string"))) throw bad(text$1`Each ${code("ignore")} in ${file} needs a rule and a reason.`, place);
		return {
			rule,
			reason,
			...revision !== void 0 && { revision },
			...place
		};
	});
}
/** The help of the command line. */
function usage(version) {
	const rows = Object.entries(OPTIONS).flatMap(([name, { kind, choices, value, help, onGitHub }]) => name === "directory" || onGitHub ? [] : [[`--${name}${kind === "flag" ? "" : ` ${value ?? choices?.join("|")}`}`, `${help}${kind === "list" ? " (may be repeated)" : ""}`]]);
	const width = Math.max(...rows.map(([flag]) => flag.length));
	return `alembic-gate ${version}: runs the Alembic migrations of a pull request on a throwaway Postgres, and judges them.

Usage: alembic-gate [check] [DIRECTORY] [options]
       alembic-gate fix [DIRECTORY] [--merge] [--yes]     mends two heads; shows the difference first
       alembic-gate init [DIRECTORY] [--yes]              writes the workflow, and judges the newest revisions as an example
       alembic-gate rules                                 lists the rules
       alembic-gate hook FILE…                            judges the environments of these files, statically: for pre-commit
       alembic-gate explain RULE                          what a rule says, why it hurts, and what to do
       alembic-gate plan [DIRECTORY] [options]            environments and slices as a job matrix; --postgres-version as often as wanted
       alembic-gate report --merge FILE.json …            one verdict of the reports of several jobs
       alembic-gate report --from FILE.json               posts the comment for a fork's pull request, from a workflow_run job

${rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join("\n")}
  ${"-h, --help".padEnd(width)}  this text
  ${"-V, --version".padEnd(width)}  the version

Exit status: 0 passed · 1 findings block, or the project cannot run · 2 wrong use · 3 the gate could not do its work
`;
}
// src/ignores.ts
const COMMENT$1 = /#\s*alembic-gate:\s*(.*?)\s*$/;
const IGNORE = /^ignore\[([^\]]+)\](?:\s*--\s*(.+))?$/;
const EXAMPLE$1 = "# alembic-gate: ignore[missing-downgrade] -- the reason";
const KNOWN = new Map(RULES.map(({ id, family }) => [id, family]));
/**
* Marks the findings that somebody allows.
*
* @returns what is to be said about the ignores that do nothing
*/
function applyIgnores(findings, asked) {
	return [...fromSettings(findings, asked), ...fromComments(findings, asked)];
}
function fromSettings(findings, asked) {
	const graph = asked.facts.graph.known ? asked.facts.graph.value : void 0;
	return asked.ignores.flatMap(({ rule, revision, reason, ...place }) => {
		const allowed = findings.filter((finding) => finding.rule === rule && (revision === void 0 || finding.revision === revision));
		for (const finding of allowed) finding.suppressed = { reason };
		const useless = (message, help) => [{
			...place,
			object: {
				kind: "ignore",
				name: rule
			},
			...revision !== void 0 && { revision },
			message,
			help
		}];
		if (!KNOWN.has(rule)) return useless(text$1`There is no rule ${code(rule)} that this ignore could allow.`, didYouMean(rule, [...KNOWN.keys()]));
		if (allowed.length > 0 || revision === void 0 || !graph?.revisions.has(revision) || !isConclusive(rule, asked)) return [];
		return useless(text$1`Nothing is found any more that the ignore of ${code(rule)} for ${code(revision)} would allow.`, text$1`Remove it.`);
	});
}
function fromComments(findings, asked) {
	if (!asked.facts.graph.known) return [];
	const models = asked.facts.run.known ? asked.facts.run.value.models?.sources ?? [] : [];
	return [...asked.facts.graph.value.revisions.values(), ...models].flatMap(({ file, source }) => {
		if (!source.includes("alembic-gate:")) return [];
		const lines = source.split(/\r\n|\r|\n/);
		const about = findings.filter((finding) => finding.file === file);
		return lines.flatMap((line, index) => COMMENT$1.test(line) ? fromComment(lines, index, file, about, asked) : []);
	});
}
function fromComment(lines, index, file, about, asked) {
	const words = COMMENT$1.exec(lines[index])[1];
	const [, list, reason] = IGNORE.exec(words) ?? [];
	const useless = (message, help) => [{
		file,
		line: index + 1,
		object: {
			kind: "ignore",
			name: list ?? words
		},
		message,
		help
	}];
	if (list === void 0) return useless(text$1`This comment allows nothing: ${code(words)} is not understood.`, text$1`Write ${block(EXAMPLE$1, "python")}`);
	const rules = list.split(",").map((name) => name.trim());
	const unknown = rules.find((name) => !KNOWN.has(name));
	if (unknown !== void 0) return useless(text$1`There is no rule ${code(unknown)} that this ignore could allow.`, didYouMean(unknown, [...KNOWN.keys()]));
	if (reason === void 0) {
		const help = text$1`Write why it is right: ${block(`# alembic-gate: ignore[${rules.join(", ")}] -- the reason`, "python")}`;
		return useless(text$1`This ignore gives no reason, so it does nothing.`, help);
	}
	let last = index;
	while (/^\s*#/.test(lines[last] ?? "")) last++;
	const allowed = about.filter(({ rule, line }) => rules.includes(rule) && line !== void 0 && line > index && line <= last + 1);
	for (const finding of allowed) finding.suppressed = { reason };
	if (allowed.length > 0 || !rules.every((rule) => isConclusive(rule, asked))) return [];
	return useless(text$1`Nothing is found here any more that ${code(`ignore[${rules.join(", ")}]`)} would allow.`, text$1`Remove the comment.`);
}
/** Whether a rule had all that it judges: what was not reached may still need its ignore. */
function isConclusive(rule, { facts, ran }) {
	if (!ran.has(rule)) return false;
	if (["graph", "history"].includes(KNOWN.get(rule))) return true;
	return facts.run.known && facts.run.value.phases.every(({ state, planned }) => state === "ok" || state === "not-run" && planned.length === 0);
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
const UNKNOWN = {
	known: false,
	reason: text$1`nobody was asked`
};
/** Runs the rules on the facts. Nothing is settled yet: no finding blocks. */
function ask({ rules, environment, facts }) {
	const said = {
		findings: [],
		unknown: /* @__PURE__ */ new Map(),
		ran: /* @__PURE__ */ new Set()
	};
	const value = (need) => facts[need]?.known ? facts[need].value : void 0;
	for (const rule of rules) {
		const missing = rule.needs.map((need) => ({
			need,
			fact: facts[need] ?? UNKNOWN
		})).find(({ fact }) => !fact.known);
		if (missing && !missing.fact.known) {
			const entry = said.unknown.get(missing.need) ?? {
				rules: [],
				reason: missing.fact.reason
			};
			entry.rules.push(rule.id);
			said.unknown.set(missing.need, entry);
			continue;
		}
		said.ran.add(rule.id);
		const given = Object.fromEntries([...rule.needs, ...rule.wants].map((need) => [need, value(need)]));
		for (const draft of rule.judge(given)) said.findings.push(complete(rule, draft, environment));
	}
	return said;
}
/**
* Runs the rules on the facts and settles what they say.
*
* @returns the findings, worst first, and what could not be judged, with the reason
*/
function settle({ rules, environment, facts, settings, proof, allowedBy }) {
	const { findings, unknown, ran } = ask({
		rules,
		environment,
		facts
	});
	const applied = facts.run.known ? facts.run.value.base : /* @__PURE__ */ new Set();
	for (const finding of findings) {
		if (rules.find(({ id }) => id === finding.rule).family === "run" && (finding.revision === void 0 || applied.has(finding.revision)) && applied.size > 0 && proof) finding.preexisting ||= proof === "only-additions" || proof.has(finding.fingerprint);
		if (settings.downgrades === "optional" && DOWNGRADE_RULES.has(finding.rule)) finding.severity = "notice";
	}
	const told = withoutRepetitions(findings);
	const unused = applyIgnores(told, {
		facts,
		ignores: settings.ignore,
		ran
	}).map((draft) => complete(UNUSED_IGNORE, draft, environment));
	const families = new Map(rules.map(({ id, family }) => [id, family]));
	if (allowedBy !== void 0) {
		for (const finding of told) if (families.get(finding.rule) === "history" && finding.severity !== "notice") finding.suppressed ??= { reason: `the pull request has the label ${allowedBy}` };
	}
	const kept = foldConsequences(told, families);
	for (const finding of kept) finding.blocks = (finding.severity === "error" || finding.severity === "warning" && settings.failOn === "warning") && !finding.preexisting && !finding.suppressed;
	return {
		findings: [...kept, ...unused].sort(worstFirst$1),
		notChecked: notChecked(facts, unknown)
	};
}
/** What settle finds by itself. */
const UNUSED_IGNORE = {
	id: "unused-ignore",
	severity: "warning",
	summary: "An ignore allows nothing any more, or is not understood"
};
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
/** The order of findings in a report. */
const worstFirst$1 = (a, b) => Number(b.blocks) - Number(a.blocks) || Number(a.preexisting || !!a.suppressed) - Number(b.preexisting || !!b.suppressed) || ORDER[a.severity] - ORDER[b.severity] || (a.file ?? "").localeCompare(b.file ?? "") || (a.line ?? 0) - (b.line ?? 0);
/** Two phases may see the same fault: the first one tells it. Findings that name no revision and no object are never the same. */
function withoutRepetitions(findings) {
	const seen = /* @__PURE__ */ new Map();
	return findings.filter((finding) => {
		const { fingerprint, severity, preexisting, revision, object, file, line } = finding;
		if (revision === void 0 && object === void 0) return true;
		const key = JSON.stringify([
			fingerprint,
			severity,
			preexisting,
			!object && [file, line]
		]);
		const first = seen.get(key);
		if (!first) seen.set(key, finding);
		else if (plain(first.message) !== plain(finding.message)) addEvidence(first, text$1`Also: ${finding.message}`);
		return !first;
	});
}
function addEvidence(finding, more) {
	finding.evidence = finding.evidence ? text$1`${finding.evidence} ${more}` : more;
}
/** Findings about what a downgrade leaves behind, which a second upgrade then stumbles over. */
const LEFT_BEHIND = /* @__PURE__ */ new Set([
	"leftover-after-downgrade",
	"missing-downgrade",
	"schema-not-restored"
]);
/** What only follows from another finding becomes a part of that one: one cause, one finding, nothing lost. */
function foldConsequences(findings, families) {
	const causeOf = (finding) => findings.find((cause) => {
		const grave = cause.severity === "error" && !cause.suppressed && (!cause.preexisting || finding.preexisting);
		if (cause === finding || !grave) return false;
		if (finding.rule === "environment-failed") return cause.rule === "unreadable-revision";
		if (finding.rule === "missing-baseline") return cause.rule === "upgrade-failed" && !cause.preexisting;
		if (finding.rule === "upgrade-failed" && cause.rule === "missing-baseline") return finding.preexisting;
		if (finding.rule === "multiple-heads") return cause.rule === "missing-parent" && cause.revision === finding.revision;
		if (families.get(finding.rule) !== "run" || finding.revision === void 0 || cause.revision !== finding.revision) return false;
		if (cause.rule === "revision-id-too-long") return finding.rule === "upgrade-failed";
		if (families.get(cause.rule) === "history") return cause.rule !== "inserted-revision" && !finding.preexisting;
		const again = finding.rule === "second-upgrade-failed" || finding.rule === "second-upgrade-differs";
		const name = cause.object && bareName(cause.object.name);
		return again && LEFT_BEHIND.has(cause.rule) && (name === void 0 || mentions$1(name).test(plain(finding.message)));
	});
	const folded = new Map(findings.map((finding) => [finding, causeOf(finding)]));
	const first = (finding) => {
		const cause = folded.get(finding);
		return cause ? first(cause) : finding;
	};
	for (const [finding, cause] of folded) {
		if (!cause) continue;
		if (cause.rule === "missing-baseline") addEvidence(cause, text$1`Also: ${finding.message}`);
		else addEvidence(first(cause), text$1`Consequence: ${finding.message}${finding.evidence ? text$1` ${finding.evidence}` : ""}`);
	}
	return findings.filter((finding) => !folded.get(finding));
}
function notChecked(facts, unknown) {
	const result = [...unknown].map(([need, { rules, reason }]) => ({
		what: need === "run" ? `what running the migrations shows (${count(rules.length, "rule")})` : rules.join(", "),
		reason
	}));
	if (facts.environment.known && facts.environment.value.unknowable !== void 0) result.push({
		what: "revisions that the files do not show",
		reason: text$1`${facts.environment.value.unknowable}`
	});
	if (facts.history.known && facts.history.value.releasedUnknown) result.push({
		what: "which revisions are released",
		reason: facts.history.value.releasedUnknown
	});
	if (!facts.run.known) return result;
	const { phases, order, base, notes } = facts.run.value;
	const nothingAdded = order.length > 0 && order.every((id) => base.has(id));
	const reasons = /* @__PURE__ */ new Map();
	for (const { id, title, state, reason } of phases) {
		if (state !== "not-run" || !reason || nothingAdded && [
			"upgrade",
			"downgrade",
			"upgrade-again"
		].includes(id)) continue;
		const entry = reasons.get(plain(reason));
		reasons.set(plain(reason), {
			what: entry ? `${entry.what}; ${title}` : title,
			reason
		});
	}
	return [
		...result,
		...notes,
		...reasons.values()
	];
}
// src/catalogue.ts
/** Every rule as people know it, and its page. The pages are docs/rules/: what is read there is what `explain` and SARIF say. */
/** The rules in the order of the documentation; last those that judge the use of the gate itself. */
const CATALOGUE = [...RULES, {
	...UNUSED_IGNORE,
	family: "gate"
}];
/** The page of a rule of the catalogue, in Markdown. */
const pageOf = (id) => readFileSync(new URL(`../docs/rules/${id}.md`, import.meta.url), "utf8");
/** What `alembic-gate rules` prints: a line for each rule, below its family. */
function ruleList() {
	const width = Math.max(...CATALOGUE.map(({ id }) => id.length));
	return `${[...new Set(CATALOGUE.map(({ family }) => family))].map((family) => {
		return `${family}\n${CATALOGUE.filter((rule) => rule.family === family).map(({ id, severity, summary }) => `  ${id.padEnd(width)}  ${severity.padEnd(7)}  ${summary}\n`).join("")}`;
	}).join("\n")}\nalembic-gate explain RULE prints the page of a rule.\n`;
}
/**
* What `alembic-gate explain RULE` prints.
*
* @throws Failure (exit code 2) where there is no such rule
*/
function explain(rule) {
	if (rule === void 0) throw new Failure(2, text$1`${code("explain")} needs the name of a rule.`, text$1`${code("alembic-gate rules")} lists them; for example ${code("alembic-gate explain multiple-heads")}.`);
	const ids = CATALOGUE.map(({ id }) => id);
	if (!ids.includes(rule)) throw new Failure(2, text$1`There is no rule ${code(rule)}.`, didYouMean(rule, ids));
	return pageOf(rule);
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
	for (const parent of [...wanted].flatMap(parentsOf)) wanted.add(parent);
	const shown = [...wanted].slice(0, MOST_NODES);
	const heads = new Set(graph.heads);
	return {
		nodes: shown.map((id) => ({
			id,
			label: (graph.revisions.get(id) ?? history?.graph.revisions.get(id))?.message ?? "",
			parents: parentsOf(id).filter((parent) => shown.includes(parent)),
			state: changed.get(id) ?? "base",
			head: heads.has(id),
			...parentsOf(id).some((parent) => !shown.includes(parent)) && { earlier: true }
		})),
		omitted: (/* @__PURE__ */ new Set([...graph.revisions.keys(), ...wanted])).size - shown.length
	};
}
/** More objects than this no reviewer compares. */
const MOST_OBJECTS = 100;
/** UTF-16 units of a value: a function's body may be of any length. */
const LONGEST_VALUE = 2e3;
const inWords = (value) => {
	const words = valueText(value);
	return words.length > LONGEST_VALUE ? `${words.slice(0, LONGEST_VALUE)}…` : words;
};
/** The first differences, object by object. A value that is unset on one side is absent there. */
const objectDifferences = (differences) => differences.slice(0, MOST_OBJECTS).map(({ change, kind, name, properties }) => ({
	change,
	kind,
	name,
	properties: properties.map(({ name: property, before, after }) => ({
		name: property,
		...before !== null && { before: inWords(before) },
		...after !== null && { after: inWords(after) }
	}))
}));
/** The table of phases, without those that had nothing to do. Why a phase was not run stands in notChecked. */
function phaseReports({ phases, rows }) {
	return phases.flatMap((phase) => phase.id === "upgrade-again" && rows ? [phase, ...rows.phases] : [phase]).filter(({ state, planned, id }) => id !== "prepare" && (state !== "not-run" || planned.length > 0)).map(({ id, title, planned, seconds, state, compared, steps, stop }) => ({
		id,
		title,
		revisions: state === "not-run" ? planned.length : steps.filter(({ ended }) => ended).length,
		seconds,
		outcome: state,
		...compared && id !== "upgrade" && { compared: comparison$1(compared) },
		...stop?.revision !== void 0 && { stoppedAt: stop.revision }
	}));
}
const comparison$1 = ({ with: other, differences }) => ({
	with: other,
	differences: differences.length,
	...differences.length > 0 && { objects: objectDifferences(differences) }
});
/** What the pull request does to the schema, and the SQL that its upgrades executed. */
function schemaReport({ phases, schema }) {
	if (!schema) return void 0;
	const sql = (phases.find(({ id }) => id === "upgrade")?.steps ?? []).flatMap(({ revision, statements }) => statements.map((statement) => ({
		revision,
		statement: statement.sql.trim()
	})));
	return {
		changes: describeAll(schema),
		...schema.length > 0 && { objects: objectDifferences(schema) },
		sql
	};
}
const BLOCK$2 = /^(?:if|elif|else|for|while|try|except|finally|with|match|case|def|async)\b.*:/;
const LONGEST_HEADER = 100;
/** The line that begins the block in which a line stands, if it is in one; `first` is the first line of the function. */
function headerOf(source, line, first) {
	const indent = (text) => text.length - text.trimStart().length;
	const own = indent(source[line - 1] ?? "");
	for (let at = line - 1; at > first; at--) {
		const text = source[at - 1] ?? "";
		if (text.trim() === "" || text.trim().startsWith("#") || indent(text) >= own) continue;
		return BLOCK$2.test(text.trim()) ? text.trim().slice(0, LONGEST_HEADER) : void 0;
	}
}
/** Which lines of the new revisions' functions ran in any phase; nothing of functions that never came to their end. */
function linesReports({ phases, rows, order, base }, graph) {
	const steps = [...phases, ...rows?.phases ?? []].flatMap((phase) => phase.steps);
	const reportOf = (revision, direction) => {
		const found = graph.revisions.get(revision);
		const own = steps.filter((step) => step.revision === revision && step.direction === direction && step.lines);
		if (!found || !own.some(({ ended }) => ended)) return [];
		const ran = new Set(own.flatMap(({ lines }) => lines.ran));
		const every = [.../* @__PURE__ */ new Set([...own.flatMap(({ lines }) => lines.every), ...ran])].sort((a, b) => a - b);
		const source = found.source.split(/\r\n|\r|\n/);
		const never = [];
		for (const [index, line] of every.entries()) {
			if (ran.has(line)) continue;
			const last = never.at(-1);
			if (last && !ran.has(every[index - 1])) last.endLine = line;
			else {
				const below = headerOf(source, line, found[direction]?.line ?? 0);
				never.push({
					line,
					endLine: line,
					...below !== void 0 && { below }
				});
			}
		}
		return [{
			revision,
			function: direction,
			file: found.file,
			lines: every.length,
			ran: ran.size,
			never
		}];
	};
	return order.flatMap((id) => base.has(id) ? [] : [...reportOf(id, "upgrade"), ...reportOf(id, "downgrade")]);
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
const SETTINGS = [
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
		...SETTINGS,
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
const noGit = () => new Failure(3, text$1`${code("git")} was not found on this machine.`, text$1`Install it (Debian, Ubuntu: ${code("apt-get install git")}), or put it on the PATH.`);
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
		if (/dubious ownership|unsafe repository/.test(error.stderr)) throw new Failure(3, text$1`git refuses to read ${code(directory)}, since it belongs to another user.`, text$1`Let git trust it:${block(`git config --global --add safe.directory ${JSON.stringify(directory)}`, "sh")}`);
		return;
	}
	const [root = "", shallow, format] = answer.trimEnd().split("\n");
	return gitIn(path.resolve(root), {
		shallow: shallow === "true",
		objectFormat: format === "sha256" ? "sha256" : "sha1"
	}, true);
}
/**
* git in a folder that is known to be a repository.
*
* @param lazy whether what a partial clone lacks may be fetched when somebody reads it
*/
function gitIn(root, { shallow, objectFormat }, lazy = false) {
	return {
		root,
		shallow,
		objectFormat,
		run: (command, options) => runIn(root, command, options),
		ask: (command, options) => runIn(root, command, options).then((answer) => answer.toString("utf8").trim(), (error) => {
			if (error instanceof GitError) return void 0;
			throw error;
		}),
		object: objectReader(() => spawn("git", [
			"--no-pager",
			"--literal-pathspecs",
			...SETTINGS,
			"-C",
			root,
			"cat-file",
			"--batch"
		], { env: environmentOf$1({ network: lazy }) }))
	};
}
/** Folders that are nobody's own source. */
const FOREIGN_FOLDERS$1 = /(^|\/)(node_modules|__pycache__|site-packages)\//;
const trees = /* @__PURE__ */ new WeakMap();
/** The tree of one commit. Listings and blobs are read once. */
function commitTree(git, commit) {
	const known = trees.get(git) ?? /* @__PURE__ */ new Map();
	const tree = known.get(commit) ?? openTree(git, commit);
	trees.set(git, known.set(commit, tree));
	return tree;
}
function openTree(git, commit) {
	const listings = /* @__PURE__ */ new Map();
	const blobs = /* @__PURE__ */ new Map();
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
			if (blob === void 0) return void 0;
			let bytes = blobs.get(blob);
			if (!bytes) blobs.set(blob, bytes = git.object(blob).then((found) => found?.kind === "blob" ? found.bytes : void 0));
			return bytes;
		}
	};
}
/** Which of these files git knows in the working tree. Paths are relative to the root. */
async function trackedFiles(git, files) {
	const known = [];
	for (let from = 0; from < files.length; from += 200) {
		const paths = files.slice(from, from + 200).map((file) => `:(top,literal)${file}`);
		const answer = await git.run([
			"ls-files",
			"-z",
			"--full-name",
			"--",
			...paths
		]);
		known.push(...answer.toString("utf8").split("\0").filter(Boolean));
	}
	return known;
}
/** What `cat-file --batch` says of an object that is there. */
const FOUND = /^([0-9a-f]+) (\w+) (\d+)$/;
/** Reads objects through one `cat-file --batch`, which is started for the first and ends with our own process. */
function objectReader(begin) {
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
			const [, id, kind, length] = FOUND.exec(buffer.toString("latin1", 0, end)) ?? [];
			if (id === void 0 || kind === void 0) {
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
			waiting.shift()?.resolve({
				id,
				kind,
				bytes
			});
			buffer = buffer.subarray(stop + 1);
			wanted = 0;
		}
		chunks = buffer.length > 0 ? [buffer] : [];
		size = buffer.length;
		if (waiting.length === 0) hold(false);
	};
	const start = () => {
		const started = begin();
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
	return (name) => new Promise((resolve, reject) => {
		if (name.includes("\n")) return resolve(void 0);
		child ??= start();
		hold(true);
		waiting.push({
			resolve,
			reject
		});
		child.stdin.write(`${name}\n`);
	});
}
// src/history/base.ts
/** Which commit stands for the base branch, and what the pull request's side looks like once it is merged. */
const FETCH_ALL = block("- uses: actions/checkout@v5\n  with:\n    fetch-depth: 0", "yaml");
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/** A string somewhere in foreign JSON. */
function at$1(value, ...keys) {
	for (const key of keys) {
		if (typeof value !== "object" || value === null) return void 0;
		value = value[key];
	}
	return typeof value === "string" ? value : void 0;
}
/** The labels of the pull request that the event is about; events of a merge queue and pushes tell none. */
function labelsOf(event) {
	const { pull_request: request } = event?.payload ?? {};
	return Array.isArray(request?.labels) ? request.labels.flatMap((label) => at$1(label, "name") ?? []) : [];
}
/** The same, where it is a commit id that exists (pushes of new branches come from 000…). */
function commitAt(value, ...keys) {
	const found = at$1(value, ...keys);
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
	const head = (await git.object("HEAD^{commit}"))?.id;
	if (head === void 0) return {
		known: false,
		reason: text$1`this repository has no commit yet`
	};
	const known = (commit, label) => ({
		known: true,
		value: {
			commit,
			label
		}
	});
	const payload = event?.payload;
	const name = at$1(payload, "pull_request", "base", "ref");
	if (base !== void 0 && base !== name) {
		const tip = await resolve(git, base, event);
		if (tip === void 0) throw new Failure(2, text$1`There is no branch or commit ${code(base)} in this repository.`, text$1`Name one that exists, or get it first:${block(`git fetch origin ${base}`, "sh")}`);
		return fork(git, head, tip, base, event);
	}
	if (event?.name === "merge_group") {
		const before = commitAt(payload, "merge_group", "base_sha");
		if (before !== void 0) {
			await need(git, before, event);
			return known(before, `${shortRef(at$1(payload, "merge_group", "base_ref")) ?? "the base branch"} before this merge group`);
		}
	}
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
	const usual = at$1(payload, "repository", "default_branch");
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
		reason: text$1`no branch was found to compare with: there is neither ${code("origin/HEAD")} nor ${code("main")} nor ${code("master")}; name one with ${code("--base")}`
	};
}
const shortRef = (ref) => ref?.replace(/^refs\/heads\//, "");
/** Parents as the commit itself names them: a shallow clone hides them from everything else. */
async function parentsOf(git, commit) {
	const raw = (await git.object(commit))?.bytes ?? [];
	return [...Buffer.from(raw).toString("utf8").split("\n\n", 1)[0].matchAll(/^parent ([0-9a-f]+)$/gm)].map((match) => match[1]);
}
/** Most pull requests have no more commits than this, and reading them costs less than another process. */
const RECENT = 20;
/** Whether a commit stands among the newest first parents of another, or is that very one. False: nobody knows. */
async function isRecentAncestor(git, commit, of) {
	let at = of;
	for (let step = 0; step <= RECENT && at !== void 0; step++) {
		if (at === commit) return true;
		at = (await parentsOf(git, at))[0];
	}
	return false;
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
		const candidates = [`refs/remotes/origin/${name}`, name].map((candidate) => git.object(`${candidate}^{commit}`));
		return (await Promise.all(candidates)).find((found) => found !== void 0)?.id;
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
	let left = await isRecentAncestor(git, tip, head) ? tip : await mergeBase();
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
		reason: text$1`this checkout and ${code(label)} have no commit in common`
	};
	if (!event) return {
		known: false,
		reason: text$1`this clone is shallow and does not reach the commit where it left ${code(label)}; ${code("git fetch --unshallow")} mends that`
	};
	throw new Failure(3, text$1`This clone is shallow and does not reach the commit where the pull request left ${code(label)}, so nobody can tell which revisions are new.`, text$1`Check out the whole history:${FETCH_ALL}`);
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
	throw new Failure(3, text$1`The base branch's commit ${code(commit.slice(0, 12))} is not in this clone and could not be fetched${trouble === void 0 ? "" : text$1`: ${code(trouble)}`}.`, text$1`Check out the whole history:${FETCH_ALL}`);
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
	let moved;
	const landed = () => moved ??= git.run([
		"diff-tree",
		"-r",
		"-z",
		"--no-renames",
		"--name-only",
		base.mergeBase,
		base.commit
	]).then((answer) => new Set(answer.toString("utf8").split("\0").filter(Boolean)));
	const decided = /* @__PURE__ */ new Map();
	/** Whether a file is to be taken as the base branch has it, or lacks it. */
	const isTaken = async (file) => {
		if (!(await landed()).has(file)) return false;
		let decision = decided.get(file);
		if (!decision) {
			decision = Promise.all([head.read(file), left.read(file)]).then(([ours, before]) => ours && before ? sameText(ours, before) : !ours && !before);
			decided.set(file, decision);
		}
		return decision;
	};
	return {
		async id(file) {
			return await isTaken(file) ? tip.id(file) : head.id?.(file);
		},
		async list(folder) {
			const prefix = folder === "" ? "" : `${folder}/`;
			const files = new Set(await head.list(folder));
			const there = new Set(await tip.list(folder));
			for (const file of await landed()) {
				if (!file.startsWith(prefix) || !await isTaken(file)) continue;
				if (there.has(file)) files.add(file);
				else files.delete(file);
			}
			return [...files].sort();
		},
		async read(file) {
			return await isTaken(file) ? tip.read(file) : head.read(file);
		}
	};
}
/** Equal but for the ends of lines, which a checkout may change. */
function sameText(a, b) {
	const plain = (bytes) => Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
	return Buffer.compare(a, b) === 0 || plain(a) === plain(b);
}
const changes = /* @__PURE__ */ new WeakMap();
/** Files that the pull request's side changed, adds (untracked ones included) or deletes, relative to the root. git is asked once for each base. */
function changedFiles(git, base) {
	const known = changes.get(base) ?? filesChangedSince(git, base);
	changes.set(base, known);
	return known;
}
async function filesChangedSince(git, base) {
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
const SPACE$2 = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE$2}+`);
const TRAILING = new RegExp(`(?<!${SPACE$2})${SPACE$2}+$`);
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
		if (name === "") unreadable ??= new IniError("ParsingError", line, text$1`a value has no name before it`);
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
const BYTE_ORDER_MARK = text$1`it begins with a byte order mark; save it as UTF-8 without one`;
const NO_SECTION = text$1`a line stands before the first ${code("[section]")}`;
const NO_OPTION = text$1`a line is neither a ${code("[section]")}, nor ${code("option = value")}, nor indented to continue a value`;
const alreadyThere = (what, line) => text$1`${code(what)} is there already, in line ${line}`;
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
	const fail = (kind, what) => new IniError(kind, line, text$1`the value of ${code(option)} ${what}`);
	let length = 0;
	const fill = (value, depth) => {
		if (depth > MAX_DEPTH || length > MAX_LENGTH) throw fail("InterpolationDepthError", text$1`refers to itself, or through too many others`);
		return value.replace(/%(%|\(([^)]+)\)s)?/g, (whole, escape, name) => {
			if (escape === void 0) throw fail("InterpolationSyntaxError", text$1`has a ${code("%")} that begins no ${code("%(name)s")}; a percent sign is written ${code("%%")}`);
			if (name === void 0) return "%";
			const found = lookup(name);
			if (!found) throw fail("InterpolationMissingOptionError", text$1`refers to ${code(whole)}, which is not there`);
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
/** @throws Failure (exit code 2) when it breaks ConfigParser's rules */
function parseIni(file, bytes) {
	const source = decode(file, bytes);
	return {
		file,
		ini: reading(file, () => readIni(source, { here: here(file) }))
	};
}
/**
* @returns undefined where it has no [tool.alembic]
* @throws Failure (exit code 2) when it has one and cannot be read
*/
function parsePyproject(file, bytes) {
	if (!Buffer.from(bytes).includes("alembic")) return void 0;
	const source = decode(file, bytes);
	let table;
	try {
		table = parse$1(source).tool?.alembic;
	} catch (error) {
		if (!(error instanceof TomlError) || !TOOL_ALEMBIC.test(source)) return void 0;
		const reason = error.message.split("\n", 1)[0].replace(/^Invalid TOML document: /, "");
		throw new Failure(2, text$1`${code(file)} cannot be read: ${reason}.`, text$1`Correct line ${error.line}.`, {
			file,
			line: error.line
		});
	}
	if (table === void 0) return void 0;
	if (typeof table === "object" && table !== null && !Array.isArray(table)) return {
		file,
		table: { ...table },
		source
	};
	throw new Failure(2, text$1`${code("tool.alembic")} in ${code(file)} is not a table.`, text$1`For example: ${TOML_EXAMPLE}`, { file });
}
/** The header of the table, or of a table inside of it. */
const TOOL_ALEMBIC = /^[ \t]*\[\[?[ \t]*tool[ \t]*\.[ \t]*alembic[ \t]*[.\]]/m;
const TOML_EXAMPLE = block("[tool.alembic]\nscript_location = \"%(here)s/migrations\"\nversion_locations = [\"%(here)s/migrations/versions\"]\nprepend_sys_path = [\".\"]", "toml");
function decode(file, bytes) {
	try {
		return new TextDecoder("utf-8", {
			fatal: true,
			ignoreBOM: true
		}).decode(bytes);
	} catch {
		throw new Failure(2, text$1`${code(file)} is not UTF-8.`, text$1`Save it as UTF-8: Alembic cannot read it either.`, { file });
	}
}
/** Runs a reader of the ini and turns its errors into Failures. */
function reading(file, read) {
	try {
		return read();
	} catch (error) {
		if (!(error instanceof IniError)) throw error;
		const help = text$1`Correct line ${error.line}: Alembic stops at it, too.`;
		throw new Failure(2, text$1`${code(file)} cannot be read: ${error.reason}.`, help, {
			file,
			line: error.line
		});
	}
}
/**
* Reads one section of an ini beside the pyproject.toml of the same folder: what the ini does not say is looked up there. One of
* them may be missing.
*
* @throws Failure (exit code 2) for values that Alembic stumbles over
*/
function readAlembicConfig(ini, pyproject, section) {
	const fromIni = (option) => ini && reading(ini.file, () => ini.ini.get(section, option));
	const fromToml = (option) => pyproject && formatted$1(pyproject, option);
	const path = (option) => {
		const value = fromIni(option) ?? fromToml(option);
		if (value === void 0 || typeof value === "string") return value;
		throw wrongType(pyproject, option, "a path");
	};
	const flag = (option) => {
		const value = fromIni(option);
		if (value !== void 0) return value === "true";
		const raw = fromToml(option) ?? false;
		if (typeof raw === "boolean") return raw;
		throw wrongType(pyproject, option, "true or false");
	};
	const list = (option, separators, legacy) => {
		const value = fromIni(option);
		if (!value) {
			const raw = fromToml(option);
			if (raw === void 0 || Array.isArray(raw) && raw.every((item) => typeof item === "string")) return raw;
			throw wrongType(pyproject, option, "a list of paths");
		}
		const separator = separators.find((option) => fromIni(option) !== void 0);
		if (separator === void 0) return value.split(legacy);
		return value.split(separatorOf(ini, section, separator, fromIni(separator))).flatMap((item) => item === "" ? [] : [item.trim()]);
	};
	const scriptLocation = path("script_location");
	const isPyproject = !ini || scriptLocation !== void 0 && fromIni("script_location") === void 0;
	return {
		...isPyproject ? {
			file: pyproject.file,
			line: lineInToml(pyproject, "script_location")
		} : {
			file: ini.file,
			line: ini.ini.line(section, "script_location") ?? ini.ini.line(section)
		},
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
	["os", path.delimiter],
	["space", " "],
	["newline", "\n"],
	[":", ":"],
	[";", ";"]
]);
function separatorOf({ file, ini }, section, option, value) {
	const separator = SEPARATORS.get(value);
	if (separator !== void 0) return separator;
	const help = text$1`Allowed: ${listOf([...SEPARATORS.keys()])}. A comment behind it belongs to the value: move it to a line of its own.`;
	const place = {
		file,
		line: ini.line(section, option)
	};
	throw new Failure(2, text$1`${code(option)} in ${code(file)} is ${code(value)}, which Alembic does not know.`, help, place);
}
const wrongType = (pyproject, option, wanted) => {
	const place = {
		file: pyproject.file,
		line: lineInToml(pyproject, option)
	};
	return new Failure(2, text$1`${code(option)} in ${code(pyproject.file)} is not ${wanted}.`, text$1`For example: ${TOML_EXAMPLE}`, place);
};
/** The parser tells no lines: this is the first that looks like it. */
function lineInToml({ source }, option) {
	const lines = source.split("\n");
	const assignment = lines.findIndex((line) => new RegExp(`^\\s*["']?${option}["']?\\s*=`).test(line));
	const line = assignment === -1 ? lines.findIndex((line) => TOOL_ALEMBIC.test(line)) : assignment;
	return line === -1 ? void 0 : line + 1;
}
/** A value of [tool.alembic] after Python's `%` formatting, which Alembic applies to texts and lists of texts. */
function formatted$1(pyproject, option) {
	const format = (value) => typeof value === "string" ? value.replace(/%(%|\(here\)s)?/g, replace) : value;
	const replace = (_, kind) => {
		if (kind !== void 0) return kind === "%" ? "%" : here(pyproject.file);
		const sentence = text$1`A ${code("%")} in ${code(option)} of ${code(pyproject.file)} begins no ${code("%(here)s")}.`;
		const place = {
			file: pyproject.file,
			line: lineInToml(pyproject, option)
		};
		throw new Failure(2, sentence, text$1`A percent sign is written ${code("%%")}.`, place);
	};
	const value = Object.hasOwn(pyproject.table, option) ? pyproject.table[option] : void 0;
	return Array.isArray(value) ? value.map(format) : format(value);
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
/** Orders those that are nearer to the root first. */
const byDepth = (a, b) => a.split("/").length - b.split("/").length;
/** The file is in the folder, or below it. */
const isBelow = (file, folder) => folder === "" || file.startsWith(`${folder}/`);
/** A file of a cookiecutter or copier template, which does not run as it is. */
const isTemplate = (file) => /\{\{|\{%/.test(file);
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
* @returns undefined where it is outside of the repository, or in a package that the repository does not have
*/
function locate(listing, written, from) {
	if (isResource(written)) return locateResource(listing, written, from);
	return inRepository(path$1.join(path$1.isAbsolute(written) ? "/" : path$1.join(HERE, from), written));
}
const inRepository = (place) => place === "/.repository-root" || place.startsWith(`/.repository-root/`) ? tidy$1(place.slice(18)) : void 0;
/** The package may lie anywhere, below `src` say: one that has the folder is preferred, then the nearest. */
function locateResource({ folders }, written, from) {
	const [name, ...inner] = written.split(":");
	if (!name) return void 0;
	const packages = [...folders].filter((folder) => `/${folder}`.endsWith(`/${name.replaceAll(".", "/")}`));
	const above = upwards(from);
	const distance = (folder) => above.findIndex((one) => isBelow(folder, one));
	packages.sort((a, b) => distance(a) - distance(b) || byDepth(a, b));
	const places = packages.map((folder) => inRepository(path$1.join(HERE, folder, ...inner)));
	return places.find((place) => place !== void 0 && folders.has(place)) ?? places[0];
}
/**
* The folder from which commands are run, where no path of the configuration tells: the first upwards that is no package and holds
* a module that env.py imports; if none does, the first that is no package.
*/
async function importingFolder(listing, home, scriptLocation) {
	const { files, folders } = listing;
	const modules = await importsOf$1(listing, path$1.join(scriptLocation, "env.py"));
	const candidates = upwards(home).filter((folder) => !isPackage(listing, folder));
	const holds = (folder, module) => folders.has(path$1.join(folder, module)) || files.has(path$1.join(folder, `${module}.py`));
	return candidates.find((folder) => modules.some((module) => holds(folder, module))) ?? candidates[0] ?? "";
}
/** Python would import it from the folder above. */
const isPackage = ({ files }, folder) => folder !== "" && files.has(path$1.join(folder, "__init__.py"));
/** Names of the top-level modules that a file imports, those that every env.py imports left out. */
async function importsOf$1({ tree }, file) {
	return [...new TextDecoder().decode(await tree.read(file)).matchAll(/^[ \t]*(?:from|import)[ \t]+(\w+)/gm)].map((match) => match[1]).filter((name) => ![
		"alembic",
		"sqlalchemy",
		"logging",
		"os",
		"sys"
	].includes(name));
}
// src/project/quoting.ts
/** Foreign words inside of lines to paste: a folder may be called `$(x)`. */
/** A word of a shell's command line. */
const shellWord = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
/** What YAML takes for the end of a line or does not take at all, but JSON leaves as it is. */
const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;
/** A text in YAML, always in quotes: never a number, a date or a truth. */
const yamlQuoted = (value) => JSON.stringify(value).replace(NOT_IN_YAML, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
/** A text in YAML, quoted where it must be. */
const yamlText = (value) => /^[\w./](?:[\w ./-]*[\w./-])?$/.test(value) ? value : yamlQuoted(value);
// src/project/environment-failures.ts
/** What users read when an environment is not found or is configured wrongly. All are wrong use: exit code 2. */
/** script_location for a folder that is given from the configuration's own. */
const fromHere = (folder) => ["%(here)s", ...folder === "" ? [] : [folder.replaceAll("%", "%%")]].join("/");
const iniFor = (folder, section = "alembic") => block(`[${section}]\nscript_location = ${fromHere(folder)}`, "ini");
const INI_EXAMPLE = iniFor("migrations");
/** How a configuration is named, on the command line and in a workflow. */
const nameIt = (file) => text$1`${block(`alembic-gate --config ${shellWord(file)}`, "sh")} or, in the workflow: ${block(`with:\n  config: ${yamlText(file)}`, "yaml")}`;
const named = ({ files }, name) => [...files].filter((file) => path$1.basename(file) === name);
/** `config` names a file that is not there. */
function missingConfig(listing, name, directory) {
	const where = directory === "" ? text$1`in the repository` : text$1`in ${code(directory)} or in the repository's root`;
	const known = named(listing, "alembic.ini");
	const help = known.length > 0 ? text$1`There is ${listOf(known)}.` : text$1`There is no ${code("alembic.ini")} at all. Links are not followed.`;
	return new Failure(2, text$1`There is no file ${code(name)} ${where}, which ${code("config")} names.`, help);
}
/** No configuration below the directory. */
async function nothingFound(listing, directory) {
	const where = directory === "" ? text$1`` : text$1` below ${code(directory)}`;
	return new Failure(2, text$1`No ${code("alembic.ini")} was found${where}, and no ${code("pyproject.toml")} with ${code("[tool.alembic]")}.`, await whereItMayBe(listing));
}
async function whereItMayBe(listing) {
	const all = named(listing, "alembic.ini");
	const elsewhere = all.filter((file) => !isTemplate(file));
	if (elsewhere.length > 0) return text$1`There is ${listOf(elsewhere)}: name its folder, or leave the folder out.`;
	if (all.length > 0) return text$1`${listOf(all)} looks like a template. If it works as it is, name it: ${nameIt(all[0])}`;
	const others = await matching(listing, [...listing.files].filter((file) => /\.(ini|cfg|conf)$/.test(file)), /^[ \t]*script_location[ \t]*[=:]/m);
	if (others.length > 0) return text$1`There is a ${code("script_location")} in ${listOf(others)}. Name it: ${nameIt(others[0])}`;
	const [folder, ...more] = (await matching(listing, named(listing, "env.py"), /\balembic\b/)).map(folderOf);
	if (folder === void 0) return text$1`If the configuration has another name, give it: ${nameIt("path/to/alembic.ini")}`;
	const folders = listOf([folder, ...more].map((folder) => folder || "."));
	return text$1`There is an ${code("env.py")} in ${folders}. Add an ${code("alembic.ini")} to the repository's root: ${iniFor(folder)} Where the Config is built in Python, name the function that returns it in ${code("alembic-gate.toml")}: ${block("config-factory = \"module:function\"", "toml")}`;
}
/** Those of the files whose text matches; of many files the first hundred are looked at. */
async function matching({ tree }, files, pattern) {
	const texts = files.slice(0, 100).map(async (file) => ({
		file,
		text: new TextDecoder().decode(await tree.read(file))
	}));
	return (await Promise.all(texts)).flatMap(({ file, text }) => pattern.test(text) ? [file] : []);
}
/** `name` asks for a section that no configuration has. */
function unknownSection(name, all) {
	const known = all.flatMap(({ ini }) => (ini?.ini.sections ?? []).filter((section) => ini?.ini.line(section, "script_location") !== void 0));
	const files = listOf(all.map(({ file }) => file));
	const help = known.length > 0 ? text$1`Sections with a ${code("script_location")}: ${listOf([...new Set(known)], 20)}.` : text$1`No section there has a ${code("script_location")}.`;
	return new Failure(2, text$1`There is no section ${code(`[${name}]`)} in ${files}, which ${code("name")} asks for.`, help, all.length === 1 ? { file: all[0].file } : {});
}
const placeOf$2 = ({ file, line }) => ({
	file,
	line
});
function noScriptLocation(listing, config) {
	const table = config.format === "ini" ? `[${config.section}]` : "[tool.alembic]";
	return new Failure(2, text$1`${code(config.file)} has no ${code("script_location")} in ${code(table)}.`, suggestion(listing, config), placeOf$2(config));
}
/** @param folder where it leads, if the tree has that folder; it has no env.py then */
function badScriptLocation(listing, config, folder) {
	const written = text$1`${code("script_location")} in ${code(config.file)} is ${code(config.scriptLocation)}`;
	return new Failure(2, folder === void 0 ? text$1`${written}, a folder that the repository does not have.` : text$1`${written}, but there is no ${code("env.py")} in ${code(folder || ".")}.`, suggestion(listing, config), placeOf$2(config));
}
/** The lines that would lead to the env.py which is nearest to the configuration. */
function suggestion(listing, { file, format, section }) {
	const relative = (folder) => path$1.relative(`/${folderOf(file)}`, `/${folder}`);
	const [nearest] = named(listing, "env.py").map(folderOf).sort((a, b) => byDepth(relative(a), relative(b)));
	if (nearest === void 0) return text$1`No folder has an ${code("env.py")}; links are not followed. ${code("alembic init")} makes a new environment.`;
	const place = relative(nearest);
	const lines = format === "ini" ? iniFor(place, section) : block(`[tool.alembic]\nscript_location = ${JSON.stringify(fromHere(place))}`, "toml");
	return text$1`There is an ${code("env.py")} in ${code(nearest || ".")}: ${lines}`;
}
// src/project/config-files.ts
/** The configuration files of a tree: which there are, and which of their sections are environments. */
/**
* The configurations that were asked for.
*
* @param config paths relative to the directory or to the root
* @throws Failure (exit code 2) for one that is not there
*/
async function namedSources(listing, directory, config) {
	const all = [];
	for (const name of config) {
		let file;
		for (const place of [path$1.join(directory, name), path$1.normalize(name)]) if (await listing.tree.read(place)) file ??= place;
		if (file === void 0) throw missingConfig(listing, name, directory);
		const sources = await sourcesOf(listing.tree, file);
		if (!sources) throw new Failure(2, text$1`${code(file)} has no ${code("[tool.alembic]")}.`, text$1`Name an alembic.ini: ${INI_EXAMPLE}`, { file });
		if (!all.some(({ file }) => file === sources.file)) all.push(sources);
	}
	return all;
}
/** Every alembic.ini and every pyproject.toml with [tool.alembic] below a folder, the nearest first; one for each folder. */
async function foundSources({ tree, files }, directory) {
	const names = /* @__PURE__ */ new Set(["alembic.ini", "pyproject.toml"]);
	const candidates = [...files].filter((file) => names.has(path$1.basename(file)) && isBelow(file, directory) && !isTemplate(file));
	const byFile = /* @__PURE__ */ new Map();
	for (const file of candidates.sort(byDepth)) {
		const sources = await sourcesOf(tree, file).catch((error) => {
			if (error instanceof Failure && isExample(file)) return {
				file,
				broken: error
			};
			throw error;
		});
		if (sources) byFile.set(sources.file, sources);
	}
	return [...byFile.values()];
}
/** @returns undefined for a pyproject.toml without [tool.alembic] */
async function sourcesOf(tree, file) {
	const folder = folderOf(file);
	const isPyproject = path$1.basename(file) === "pyproject.toml";
	const tomlFile = path$1.join(folder, "pyproject.toml");
	const tomlBytes = await tree.read(tomlFile);
	const pyproject = tomlBytes && parsePyproject(tomlFile, tomlBytes);
	if (isPyproject && !pyproject) return void 0;
	const iniFile = isPyproject ? path$1.join(folder, "alembic.ini") : file;
	const iniBytes = await tree.read(iniFile);
	const ini = iniBytes && parseIni(iniFile, iniBytes);
	return {
		file: ini?.file ?? file,
		ini,
		pyproject
	};
}
/** Whether `alembic --name` would find it. */
const hasSection = ({ ini, pyproject }, section) => ini?.ini.sections.includes(section) || section === "alembic" && pyproject?.table.script_location !== void 0;
/** The sections that are environments when nobody names them: [alembic], else those with a script_location of their own. */
function mainSections({ ini, pyproject }) {
	const sections = ini?.ini.sections ?? [];
	if (sections.includes("alembic") && ini?.ini.line("alembic", "script_location") !== void 0 || pyproject?.table.script_location !== void 0) return ["alembic"];
	const own = sections.filter((section) => ini?.ini.ownOptions(section).includes("script_location"));
	return own.length > 0 ? own : ["alembic"];
}
/** It may configure no environment at all: an example's or a test's, or options for one that is configured elsewhere. */
const mayBeNone = ({ file, ini, pyproject }) => isExample(file) || !ini && pyproject?.table.script_location === void 0;
function isExample(file) {
	const words = /(^|[-_.])(templates?|examples?|samples?|tests?|testdata|fixtures?|docs?)($|[-_.])/i;
	return folderOf(file).split("/").some((folder) => words.test(folder));
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
	for (const sources of all) for (const section of names.length > 0 ? names.filter((name) => hasSection(sources, name)) : mainSections(sources)) try {
		if (sources.broken) throw sources.broken;
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
async function environmentOf(listing, sources, section) {
	const config = readAlembicConfig(sources.ini, sources.pyproject, section);
	const { directory, scriptLocation, kind } = await placeOf$1(listing, sources, config);
	const environment = {
		name: section === "alembic" ? config.file : `${config.file}[${section}]`,
		config: config.file,
		section,
		format: config.format,
		kind,
		directory,
		scriptLocation: scriptLocation ?? "",
		versionFolders: [],
		recursive: config.recursive,
		prependSysPath: config.prependSysPath.map((entry) => fromDirectory(entry, directory))
	};
	if (scriptLocation === void 0) return {
		...environment,
		unknowable: `script_location is ${config.scriptLocation}, in a package outside of this repository`
	};
	const written = config.versionLocations?.length ? config.versionLocations : void 0;
	const places = written?.map((location) => locate(listing, location, directory)) ?? [path$1.join(scriptLocation, "versions")];
	const versionFolders = [...new Set(places.filter((place) => place !== void 0))];
	const outside = written?.[places.indexOf(void 0)];
	const unknowable = outside === void 0 ? await whyUnknowable(listing.tree, config, scriptLocation, versionFolders) : `version_locations names ${outside}, which is outside of this repository`;
	return {
		...environment,
		versionFolders,
		...unknowable !== void 0 && { unknowable },
		...unknowable === ENV_SETS_FOLDERS && { foldersFromEnv: "asked" }
	};
}
/** A path below `%(here)s` as one from the folder that commands are run from; others stay as they are. */
const fromDirectory = (written, directory) => written.startsWith(`/.repository-root/`) ? path$1.relative(path$1.join("/.repository-root", directory), written) || "." : written;
/**
* Most run their commands beside the configuration, but some keep it in a folder of its own and run from above: relative paths are
* meant from the first folder upwards that they fit.
*/
async function placeOf$1(listing, { ini }, config) {
	const home = folderOf(config.file);
	const written = config.scriptLocation;
	const beside = config.format === "ini" ? await envIn(listing.tree, home) : void 0;
	const isFlasks = /flask/i.test(beside ?? "") || ini?.ini.sections.includes("logger_flask_migrate");
	if (beside !== void 0 && (needsApplication(beside) || written === void 0 && isFlasks)) {
		const starts = (folder) => listing.files.has(path$1.join(folder, ".flaskenv")) || !isPackage(listing, folder);
		return {
			directory: upwards(home).slice(1).find(starts) ?? "",
			scriptLocation: home,
			kind: "flask-migrate"
		};
	}
	if (written === void 0) throw noScriptLocation(listing, config);
	const places = (isRelative(written) ? upwards(home) : [home]).flatMap((directory) => {
		const scriptLocation = locate(listing, written, directory);
		return scriptLocation === void 0 ? [] : [{
			directory,
			scriptLocation
		}];
	});
	for (const place of places) {
		const env = await envIn(listing.tree, place.scriptLocation);
		if (env === void 0) continue;
		const kind = needsApplication(env) ? "flask-migrate" : "alembic";
		if (isRelative(written)) return {
			...place,
			kind
		};
		const relative = config.versionLocations?.filter(isRelative) ?? [];
		const fits = (folder) => relative.some((location) => listing.folders.has(locate(listing, location, folder) ?? "/"));
		const directory = upwards(home).find(fits) ?? await importingFolder(listing, home, place.scriptLocation);
		return {
			...place,
			directory,
			kind
		};
	}
	if (isResource(written) && places.length === 0) return {
		directory: home,
		kind: "alembic"
	};
	throw badScriptLocation(listing, config, places.find(({ scriptLocation }) => listing.folders.has(scriptLocation))?.scriptLocation);
}
/** The text of a folder's env.py. */
async function envIn(tree, folder) {
	const bytes = await tree.read(path$1.join(folder, "env.py"));
	return bytes && new TextDecoder().decode(bytes);
}
/** env.py uses Flask's current_app and makes no application context for itself. */
const needsApplication = (env) => /^[ \t]*from[ \t]+flask[ \t]+import[ \t]*(\([^)]{0,1000}|.*)\bcurrent_app\b|\bflask\.current_app\b/m.test(env) && !env.includes("app_context");
const ENV_SETS_FOLDERS = "env.py sets version_locations by itself";
/** Why the revision files cannot be known by reading, if so. */
async function whyUnknowable(tree, config, scriptLocation, folders) {
	const env = (await envIn(tree, scriptLocation) ?? "").replace(/#.*/g, "");
	if (/\.version_locations\s*=(?!=)|set_(main|section)_option\([^)]{0,200}\bversion_locations\b/.test(env)) return ENV_SETS_FOLDERS;
	const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
	const loaded = files.filter((file) => config.recursive || folders.includes(folderOf(file)));
	if (config.sourceless && loaded.some((file) => /\.py[co]$/.test(file) && !files.includes(file.slice(0, -1)))) return "sourceless is set, and there are revisions without a source";
	if (!loaded.some(isModule) && files.some(isModule)) return "the revision files lie in sub-folders, and recursive_version_locations is not set: something else must name these folders";
}
const isModule = (file) => file.endsWith(".py") && path$1.basename(file) !== "__init__.py";
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
// src/project/python-source.ts
const COOKIE = /^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/;
/** Codecs that Python has and the platform's decoder lacks. Their ASCII is ASCII, which is all that matters to us. */
const OTHER_CODECS = /^(cp\d+|windows-?\d+|iso-?8859-?\d+|latin-?\d+|l\d|koi8-[rut]|mac-?[a-z]+|hp-?roman8|gb\w*|hz|big5\w*|euc-?\w+|shift-?jis\w*|s-?jis\w*|iso-?2022-\w+|johab|ptcp154|kz1048|tis-?620|cyrillic|greek|hebrew|arabic)$/;
/** Decodes a Python file: UTF-8, unless a byte order mark or a coding line says otherwise. */
function decodePython(bytes) {
	const marked = bytes[0] === 239 && bytes[1] === 187 && bytes[2] === 191;
	const content = marked ? bytes.subarray(3) : bytes;
	const [first = "", second = ""] = Buffer.from(content.subarray(0, 400)).toString("latin1").split(/\r\n|\r|\n/, 2);
	const inFirst = COOKIE.exec(first);
	const cookie = inFirst ?? (/^[ \t\f]*(#.*)?$/.test(first) ? COOKIE.exec(second) : null);
	const line = inFirst ? 1 : 2;
	const name = cookie?.[1].toLowerCase().replaceAll("_", "-");
	if (name === void 0 || /^(utf-?8|u8|utf|cp65001)(-.*)?$/.test(name)) return decodeUtf8(content);
	if (marked) return {
		source: Buffer.from(content).toString("utf8"),
		problem: {
			line,
			detail: `encoding problem: ${cookie[1]} with BOM`
		}
	};
	const latin = Buffer.from(content).toString("latin1");
	if (/^(latin-?1|iso-?8859-?1|l1|cp819)(-.*)?$/.test(name)) return { source: latin };
	if (/^(us-?)?ascii$|^646$/.test(name)) {
		const odd = /[\x80-\xff]/.exec(latin);
		return odd ? {
			source: latin,
			problem: {
				line: lineOf$1(latin, odd.index),
				detail: "'ascii' codec can't decode a byte here"
			}
		} : { source: latin };
	}
	try {
		return { source: new TextDecoder(name).decode(content) };
	} catch {
		return OTHER_CODECS.test(name) ? { source: latin } : {
			source: latin,
			problem: {
				line,
				detail: `unknown encoding: ${cookie[1]}`
			}
		};
	}
}
const STRICT = new TextDecoder("utf-8", {
	fatal: true,
	ignoreBOM: true
});
function decodeUtf8(bytes) {
	try {
		return { source: STRICT.decode(bytes) };
	} catch {
		const loose = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
		return {
			source: Buffer.from(bytes).toString("latin1"),
			problem: {
				line: lineOf$1(loose, loose.indexOf("�")),
				detail: "this is not UTF-8, and no coding line names another encoding"
			}
		};
	}
}
const lineOf$1 = (source, offset) => source.slice(0, offset).split(/\r\n|\r|\n/).length;
/** Makes the function that tells line and column of an offset. */
function positionsIn(source) {
	const starts = [0];
	if (source.includes("\r")) for (const end of source.matchAll(/\r\n|\r|\n/g)) starts.push(end.index + end[0].length);
	else for (let end = source.indexOf("\n"); end !== -1; end = source.indexOf("\n", end + 1)) starts.push(end + 1);
	return (offset) => {
		let low = 0;
		let high = starts.length - 1;
		while (low < high) {
			const middle = low + high + 1 >> 1;
			if (starts[middle] <= offset) low = middle;
			else high = middle - 1;
		}
		return {
			line: low + 1,
			column: offset - starts[low] + 1
		};
	};
}
// src/project/python-tokens.ts
/** The column that white space leads to, with tabs every eighth column, and with tabs as one. */
function indentOf(space) {
	let column = 0;
	let alternative = 0;
	for (const character of space) if (character === "\f") column = alternative = 0;
	else {
		column = character === "	" ? (Math.floor(column / 8) + 1) * 8 : column + 1;
		alternative += 1;
	}
	return {
		column,
		alternative
	};
}
/** Reserved words. */
const KEYWORDS$1 = new Set("False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield".split(" "));
const NAME$2 = /[\p{XID_Start}_][\p{XID_Continue}]*/uy;
/** The usual case, and much faster. */
const ASCII_NAME = /[A-Za-z_]\w*(?![\w\x80-\uffff])/y;
const MAY_START_STRING = /["'RUBFTrubft]/;
const STRING_START = /(?:[rub]|br|rb|f|fr|rf|t|tr|rt)?(?:'''|"""|'|")/iy;
const NUMBER = /0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:e[+-]?\d(?:_?\d)*)?j?/iy;
const OPERATOR$1 = /\*\*=|\/\/=|>>=|<<=|\.\.\.|\*\*|\/\/|>>|<<|<=|>=|==|!=|->|:=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|@=|[-+*/%@&|^~<>()[\]{},:.;=]/y;
const SPACE$1 = /(?:[ \t\f]|\\(?:\r\n|\r|\n))+/y;
const LINE_END = /\r\n|\r|\n/y;
const COMMENT = /#[^\r\n]*/y;
const INDENT = /[ \t\f]*/y;
const JOINED = /\\(?:\r\n|\r|\n)[ \t\f]*/y;
/** Words that may touch a number: `1if x else 2`. */
const AFTER_NUMBER = /(?:and|else|for|if|in|is|not|or)\b/y;
const CONFLICT = /(?:<{7}|={7}|>{7})(?![<=>])/y;
const CONFLICT_LEFT = "a merge conflict was left in the file";
const NAMED_CHARACTER = /\\N\{[^}\r\n]*\}/y;
const BACKSLASH = 92;
const BRACE = 123;
/** Operators that no other begins with. */
const SINGLE = /* @__PURE__ */ new Set("()[]{},;");
const CLOSES = {
	")": "(",
	"]": "[",
	"}": "{"
};
function match(pattern, source, at) {
	pattern.lastIndex = at;
	return pattern.test(source) ? source.slice(at, pattern.lastIndex) : void 0;
}
/** The end of the string literal that begins at an offset, or a problem. `opening` is its prefix and quotes. */
function stringEnd(source, at, opening, limit) {
	const quotes = /['"]+$/.exec(opening)[0];
	const prefix = opening.slice(0, -quotes.length).toLowerCase();
	const replaced = /[ft]/.test(prefix);
	const raw = prefix.includes("r");
	const long = quotes.length === 3;
	const open = (detail) => ({
		offset: at,
		detail
	});
	const quote = quotes.charCodeAt(0);
	let index = at + opening.length;
	while (index < limit) {
		const character = source.charCodeAt(index);
		if (character === quote) {
			if (!long || source.charCodeAt(index + 1) === quote && source.charCodeAt(index + 2) === quote) return index + quotes.length;
			index += 1;
		} else if (character === BACKSLASH) {
			const name = replaced && !raw ? match(NAMED_CHARACTER, source, index) : void 0;
			const next = source[index + 1];
			if (name !== void 0) index += name.length;
			else if (replaced && (next === "{" || next === "}")) index += 1;
			else index += next === "\r" && source[index + 2] === "\n" ? 3 : 2;
		} else if (!long && (character === 10 || character === 13)) return open("unterminated string literal");
		else if (replaced && character === BRACE) {
			if (source.charCodeAt(index + 1) === BRACE) index += 2;
			else {
				const end = replacementEnd(source, index, limit);
				if (typeof end !== "number") return end;
				index = end;
			}
		} else index += 1;
	}
	return open(long ? "unterminated triple-quoted string literal" : "unterminated string literal");
}
/** Cuts the replacement field whose `{` stands at an offset. */
function cutField(source, at, limit) {
	let depth = 0;
	let index = at + 1;
	let end;
	let shownEnd;
	let conversion = "";
	const problem = {
		offset: at,
		detail: "f-string: expecting '}'"
	};
	while (index < limit) {
		const character = source[index];
		const opening = match(STRING_START, source, index);
		if (opening !== void 0 && (/^['"]/.test(opening) || !/[\p{XID_Continue}]/u.test(source[index - 1] ?? ""))) {
			const after = stringEnd(source, index, opening, limit);
			if (typeof after !== "number") return after;
			index = after;
		} else if ("([{".includes(character)) {
			depth += 1;
			index += 1;
		} else if (depth > 0 && ")]}".includes(character)) {
			depth -= 1;
			index += 1;
		} else if (depth > 0) index += 1;
		else if (character === "}") return {
			expression: [at + 1, end ?? index],
			shownEnd,
			conversion,
			end: index + 1
		};
		else if (character === "!" && source[index + 1] !== "=") {
			end ??= index;
			conversion = match(/!\s*[a-z]+\s*/y, source, index) ?? "!";
			index += conversion.length;
			conversion = conversion.slice(1).trim();
			if (![
				"s",
				"r",
				"a"
			].includes(conversion)) return {
				offset: index,
				detail: "f-string: invalid conversion character"
			};
		} else if (character === "=" && source[index + 1] !== "=" && !"=!<>:".includes(source[index - 1])) {
			end ??= index;
			index += 1;
			index += match(/\s*/y, source, index).length;
			shownEnd = index;
		} else if (character === ":") {
			end ??= index;
			const format = [index + 1, index + 1];
			index += 1;
			while (index < limit && source[index] !== "}") if (source[index] !== "{") index += 1;
			else {
				const after = replacementEnd(source, index, limit);
				if (typeof after !== "number") return after;
				index = after;
			}
			if (index >= limit) return problem;
			format[1] = index;
			return {
				expression: [at + 1, end],
				shownEnd,
				conversion,
				format,
				end: index + 1
			};
		} else index += 1;
	}
	return problem;
}
function replacementEnd(source, at, limit) {
	const field = cutField(source, at, limit);
	return "detail" in field ? field : field.end;
}
/**
* Cuts a source into tokens. It never gives up: what Python would refuse is told as the first problem, and cutting goes on.
*
* @param within cut only this piece of the source, as if it stood in parentheses
*/
function tokenize(source, within) {
	const tokens = [];
	const limit = within?.[1] ?? source.length;
	const indents = [{
		column: 0,
		alternative: 0
	}];
	const brackets = [];
	let problem;
	let index = within?.[0] ?? 0;
	let lineStart = !within;
	const add = (kind, text, start = index) => {
		tokens.push({
			kind,
			text,
			start,
			end: start + text.length
		});
		index = start + text.length;
	};
	const fail = (detail, offset = index) => {
		problem ??= {
			offset,
			detail
		};
	};
	while (index < limit) {
		if (lineStart) {
			lineStart = false;
			const begin = index;
			if (match(CONFLICT, source, index) !== void 0) {
				fail(CONFLICT_LEFT);
				index += (match(/[^\r\n]*(?:\r\n|\r|\n)?/y, source, index) ?? "").length;
				lineStart = true;
				continue;
			}
			const { column, alternative } = indentOf(match(INDENT, source, index));
			index += match(INDENT, source, index).length;
			for (let joined = match(JOINED, source, index); joined !== void 0 && joined !== ""; joined = match(JOINED, source, index)) index += joined.length;
			const character = source[index];
			if (index >= limit || character === "#" || character === "\n" || character === "\r") {
				index += (match(COMMENT, source, index) ?? "").length;
				index += (match(LINE_END, source, index) ?? "").length;
				lineStart = true;
				continue;
			}
			const top = indents.at(-1);
			if (column > top.column) {
				if (alternative <= top.alternative) fail("inconsistent use of tabs and spaces in indentation");
				indents.push({
					column,
					alternative
				});
				tokens.push({
					kind: "indent",
					text: "",
					start: begin,
					end: index
				});
			} else {
				while (column < indents.at(-1).column) {
					indents.pop();
					tokens.push({
						kind: "dedent",
						text: "",
						start: index,
						end: index
					});
				}
				const now = indents.at(-1);
				if (column !== now.column) fail("unindent does not match any outer indentation level");
				else if (alternative !== now.alternative) fail("inconsistent use of tabs and spaces in indentation");
			}
		}
		const character = source[index];
		const code = character.charCodeAt(0);
		if (code === 32 || code === 9 || code === 12 || code === 92) {
			const space = code === 32 && source.charCodeAt(index + 1) > 32 && source[index + 1] !== "\\" ? character : match(SPACE$1, source, index);
			if (space !== void 0) {
				index += space.length;
				continue;
			}
			fail("unexpected character after line continuation character");
			add("op", character);
			continue;
		}
		if (code === 35) {
			index += match(COMMENT, source, index).length;
			continue;
		}
		if (code === 10 || code === 13) {
			const end = match(LINE_END, source, index);
			if (brackets.length === 0 && !within) {
				add("newline", end);
				lineStart = true;
				continue;
			}
			index += end.length;
			if (match(CONFLICT, source, index) !== void 0) {
				fail(CONFLICT_LEFT);
				index += match(/[^\r\n]*/y, source, index).length;
			}
			continue;
		}
		const opening = MAY_START_STRING.test(character) ? match(STRING_START, source, index) : void 0;
		if (opening !== void 0) {
			const end = stringEnd(source, index, opening, limit);
			if (typeof end === "number") add("string", source.slice(index, end));
			else {
				fail(end.detail, end.offset);
				add("string", opening.endsWith("\"\"\"") || opening.endsWith("'''") ? source.slice(index, limit) : match(/[^\r\n]*/y, source, index));
			}
			continue;
		}
		const name = (code | 32) >= 97 && (code | 32) <= 122 || code === 95 || code > 127 ? match(ASCII_NAME, source, index) ?? match(NAME$2, source, index) : void 0;
		if (name !== void 0) {
			add(KEYWORDS$1.has(name) ? "op" : "name", name);
			continue;
		}
		const number = code >= 48 && code <= 57 || code === 46 ? match(NUMBER, source, index) : void 0;
		if (number !== void 0) {
			const after = index + number.length;
			if (/^0[\d_]*[1-9]/.test(number) && /^[\d_]+$/.test(number)) fail("leading zeros in decimal integer literals are not permitted");
			else if (match(NAME$2, source, after) !== void 0 && match(AFTER_NUMBER, source, after) === void 0) fail("invalid decimal literal");
			else if (/^\d/.test(source[after] ?? "")) fail("invalid digit in number");
			add("number", number);
			continue;
		}
		const operator = SINGLE.has(character) ? character : match(OPERATOR$1, source, index);
		if (operator === void 0) {
			fail(`invalid character ${JSON.stringify(character)}`);
			add("op", character);
			continue;
		}
		if ("([{".includes(operator)) brackets.push({
			text: operator,
			offset: index
		});
		else if (")]}".includes(operator)) {
			const open = brackets.pop();
			if (!open) fail(`unmatched '${operator}'`);
			else if (open.text !== CLOSES[operator]) fail(`closing parenthesis '${operator}' does not match opening parenthesis '${open.text}'`);
		}
		add("op", operator);
	}
	const open = brackets.at(-1);
	if (open) fail(`'${open.text}' was never closed`, open.offset);
	if (!within) {
		const last = tokens.at(-1);
		if (last && last.kind !== "newline" && last.kind !== "dedent") tokens.push({
			kind: "newline",
			text: "",
			start: limit,
			end: limit
		});
		for (let depth = indents.length; depth > 1; depth--) tokens.push({
			kind: "dedent",
			text: "",
			start: limit,
			end: limit
		});
	}
	tokens.push({
		kind: "end",
		text: "",
		start: limit,
		end: limit
	});
	return {
		tokens,
		problem
	};
}
// src/project/python-glance.ts
const END_OF_WORD = String.raw`(?![\w\x80-\uffff])`;
const NAME$1 = String.raw`(?!(?:${[...KEYWORDS$1].join("|")})\b)[A-Za-z_]\w*${END_OF_WORD}`;
const sticky = (...parts) => new RegExp(parts.join("|"), "y");
/** Operands without brackets. Long strings, strings with a backslash and those that follow each other are looked at in more detail. */
const PLAIN = sticky(String.raw`${NAME$1}(?:\.${NAME$1})*(?!["'])`, String.raw`"[^"\\\n]*"(?![ \t\n#]*["'uU])`, String.raw`'[^'\\\n]*'(?![ \t\n#]*["'uU])`, String.raw`(?:0|[1-9]\d*)(?:\.\d*)?(?![\w.\x80-\uffff])`, `(?:None|True|False)${END_OF_WORD}`);
const DOTTED = String.raw`${NAME$1}(?:\.${NAME$1})*`;
const CALLED = sticky(String.raw`${DOTTED}(?=\()`);
const AS_NAME = String.raw`(?:[ \t]+as[ \t]+(${NAME$1}))?`;
/** The module that is imported from, what is imported, and its other name. */
const IMPORT = sticky(String.raw`()import[ \t]+(${DOTTED})${AS_NAME}`);
const IMPORT_FROM = sticky(String.raw`from[ \t]+(?!__future__)(${DOTTED})[ \t]+import[ \t]+(${NAME$1})${AS_NAME}`);
const DOCSTRING = /"""([^\\]*?)"""/y;
const TEXT$1 = sticky(String.raw`"[^"\\\n]*"(?!["])`, String.raw`'[^'\\\n]*'(?!['])`);
const NONE$1 = sticky(`None${END_OF_WORD}`);
/** Functions without parameters are all that Alembic calls. */
const DEFINITION = sticky(String.raw`def[ \t]+(${NAME$1})\(\)(?:[ \t]*->[ \t]*None)?[ \t]*(?=:)`);
const A_NAME = sticky(NAME$1);
/** The name of an argument or of what is assigned to. */
const TARGET = sticky(String.raw`${NAME$1}[ \t]*=(?!=)`);
const ATTRIBUTE$1 = sticky(String.raw`\.[ \t]*${NAME$1}`);
const SIGNS = /(?:[-+~][ \t]*){1,3}/y;
/** Between two operands. */
const OPERATOR = /\*\*|\/\/|<<|>>|[<>=!]=|[-+*/%|&^<>](?!=)|(?:not[ \t]+)?in\b|is(?:[ \t]+not)?\b/y;
const JUNCTION = /(?:and|or)\b/y;
const NOT = /(?:not\b[ \t]*){1,3}/y;
const AS = /as\b/y;
const IN = /in\b/y;
const ELSE = /else\b/y;
const ELIF = /elif\b/y;
const IF = /if\b/y;
const FOR = /for\b/y;
const WITH = /with\b/y;
const PASS = /pass\b/y;
const RETURN = /return\b/y;
const STRING = /[uU]?["']/y;
const SPACE = /(?:[ \t]+|#[^\n]*)+/y;
const SPACE_IN_BRACKETS = /(?:[ \t\n]+|#[^\n]*)+/y;
/** Lines without a statement, and the indentation of the one that has one. */
const INDENTATION = /(?: *(?:#[^\n]*)?\n)* */y;
/** What ends an expression, most often. */
const ENDS$1 = /* @__PURE__ */ new Set([
	",",
	")",
	"]",
	"}",
	":",
	"\n",
	void 0
]);
/** What may follow a backslash without ado. */
const ESCAPES = /* @__PURE__ */ new Set("\n\\'\"nrt");
/** How deep brackets and blocks are followed. CPython compiles 20 blocks within each other. */
const DEEPEST = 20;
/** The text of a block that was not parsed, and is no empty one. */
const SKIMMED = "skimmed";
const leaf = (kind, start, end, text = "", items = []) => ({
	kind,
	text,
	items,
	start,
	end
});
/**
* Reads a module without cutting it into tokens. Of what it takes is known that Python compiles it. In the tree annotations are
* left out, and bodies of functions are empty and have the text SKIMMED: each does something before it raises anything.
*
* @returns undefined where there is more than imports, names that are given literals or a call's result, and functions of calls,
*   literals, operators, `if`, `for`, `with` and assignments to a name: that must be parsed
*/
function glanceOver(source) {
	let at = 0;
	let last = 0;
	/** Open brackets. */
	let nested = 0;
	/** Open blocks. */
	let depth = 0;
	/** A statement that does something was seen. */
	let working = false;
	/** Goes on behind a token and the space that follows it. */
	const pass = (end) => {
		at = last = end;
		if (source.charCodeAt(at) < 36) {
			const space = nested > 0 ? SPACE_IN_BRACKETS : SPACE;
			space.lastIndex = at;
			if (space.test(source)) at = space.lastIndex;
		}
		return true;
	};
	const is = (pattern) => {
		pattern.lastIndex = at;
		return pattern.test(source);
	};
	/** Takes what a pattern finds here. */
	const take = (pattern) => is(pattern) && pass(pattern.lastIndex);
	const exec = (pattern) => {
		pattern.lastIndex = at;
		const found = pattern.exec(source);
		if (found) pass(at + found[0].length);
		return found ?? void 0;
	};
	const takeOne = (character) => source[at] === character && pass(at + 1);
	/** Literals that follow each other, without escapes that Python may refuse. */
	const strings = () => {
		if (!is(STRING)) return false;
		do {
			const start = STRING.lastIndex - 1;
			const quote = source[start];
			const quotes = source.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
			let index = start + quotes.length;
			while (!source.startsWith(quotes, index)) {
				const character = source[index];
				if (character === void 0 || character === "\n" && quotes === quote) return false;
				if (character === "\\" && !ESCAPES.has(source[index + 1] ?? "")) return false;
				index += character === "\\" ? 2 : 1;
			}
			pass(index + quotes.length);
		} while (is(STRING));
		return true;
	};
	/** Both brackets, and what stands between them. */
	const bracketed = (closing, content) => {
		if (nested === DEEPEST) return false;
		nested += 1;
		pass(at + 1);
		if (!content() || source[at] !== closing) return false;
		nested -= 1;
		return pass(at + 1);
	};
	/** Items with commas between them, and perhaps one behind the last. */
	const list = (closing, item) => {
		while (source[at] !== closing) {
			if (!item()) return false;
			if (!takeOne(",")) break;
		}
		return true;
	};
	const items = (closing) => bracketed(closing, () => list(closing, expression));
	const callArguments = () => {
		const names = [];
		return list(")", () => {
			const named = is(TARGET) ? source.slice(at, TARGET.lastIndex - 1).trimEnd() : void 0;
			if (named === void 0) return names.length === 0 && expression();
			if (names.includes(named)) return false;
			names.push(named);
			return take(TARGET) && expression();
		});
	};
	const dictOrSet = () => {
		let isDict;
		return list("}", () => {
			if (!expression()) return false;
			const isPair = takeOne(":");
			isDict ??= isPair;
			return isDict === isPair && (!isPair || expression());
		});
	};
	const operand = () => {
		if (take(PLAIN)) return true;
		if (source[at] === "(") return items(")");
		if (source[at] === "[") return items("]");
		return source[at] === "{" ? bracketed("}", dictOrSet) : strings();
	};
	/** An operand with the attributes, calls and subscripts behind it. */
	const primary = () => {
		if (!operand()) return false;
		for (;;) {
			const next = source[at];
			if (next === "(") {
				if (!bracketed(")", callArguments)) return false;
			} else if (next === "[") {
				if (!bracketed("]", expression)) return false;
			} else if (next !== ".") return true;
			else if (!take(ATTRIBUTE$1)) return false;
		}
	};
	const comparison = () => {
		if (source[at] === "n") take(NOT);
		do {
			if (source[at] === "-" || source[at] === "+" || source[at] === "~") take(SIGNS);
			if (!primary()) return false;
		} while (!ENDS$1.has(source[at]) && take(OPERATOR));
		return true;
	};
	const expression = () => {
		do
			if (!comparison()) return false;
		while (!ENDS$1.has(source[at]) && take(JUNCTION));
		return true;
	};
	let column = 0;
	const standsAt = (indentation) => column === indentation;
	/** Goes to the next line that has a statement; behind the last one the column is 0. */
	const lineAfter = (end) => {
		INDENTATION.lastIndex = end;
		INDENTATION.test(source);
		at = INDENTATION.lastIndex;
		if (source[at] === "#" || at >= source.length) at = source.length;
		column = at === source.length ? 0 : at - source.lastIndexOf("\n", at - 1) - 1;
	};
	const endOfLine = () => {
		if (at < source.length && source[at] !== "\n") return false;
		lineAfter(Math.min(at + 1, source.length));
		return true;
	};
	const several = (item) => {
		do
			if (!item()) return false;
		while (takeOne(",") && source[at] !== "\n");
		return true;
	};
	const withItem = () => expression() && (!take(AS) || take(A_NAME));
	/** `:`, and the block below the line. */
	const blockBelow = () => {
		const outer = column;
		return takeOne(":") && endOfLine() && column > outer && block();
	};
	/** Goes on with `for`. */
	const withElse = () => {
		const outer = column;
		return blockBelow() && (column !== outer || !take(ELSE) || blockBelow());
	};
	/** Goes on with `if`. */
	const withElif = () => {
		const outer = column;
		for (let tests = 0; tests < DEEPEST; tests++) {
			if (!expression() || !blockBelow()) return false;
			if (column !== outer || !take(ELIF)) return column !== outer || !take(ELSE) || blockBelow();
		}
		return false;
	};
	const statement = () => {
		if (take(IF)) return withElif();
		if (take(FOR)) return several(() => take(A_NAME)) && take(IN) && several(expression) && withElse();
		if (take(WITH)) return several(withItem) && blockBelow();
		if (take(PASS)) return endOfLine();
		if (take(RETURN)) return endOfLine() || several(expression) && endOfLine();
		working ||= is(A_NAME) && !is(STRING);
		take(TARGET);
		return several(expression) && endOfLine();
	};
	const block = () => {
		const indentation = column;
		if (depth === DEEPEST) return false;
		depth += 1;
		do
			if (!statement()) return false;
		while (standsAt(indentation));
		depth -= 1;
		return column < indentation;
	};
	/** A string, None, or a tuple of them. */
	const literal = () => {
		const start = at;
		if (take(TEXT$1)) return leaf("String", start, last, source.slice(start + 1, last - 1));
		if (take(NONE$1)) return leaf("Constant", start, last, "None");
		if (source[at] !== "(") return void 0;
		const items = [];
		let commas = 0;
		const several = () => list(")", () => {
			const item = literal();
			if (item) items.push(item);
			if (source[at] === ",") commas += 1;
			return item !== void 0;
		});
		return bracketed(")", several) && commas > 0 ? leaf("Tuple", start, last, "", items) : void 0;
	};
	const call = () => {
		const start = at;
		return take(CALLED) && bracketed(")", callArguments) ? leaf("Call", start, last) : void 0;
	};
	const assignment = () => {
		const start = at;
		if (!take(A_NAME)) return void 0;
		const target = leaf("Name", start, last, source.slice(start, last));
		const annotated = takeOne(":");
		if (annotated && !expression()) return void 0;
		const value = takeOne("=") ? literal() ?? call() : void 0;
		if (!value) return void 0;
		return annotated ? leaf("AnnAssign", start, last, "", [
			target,
			null,
			value
		]) : leaf("Assign", start, last, "", [target, value]);
	};
	const definition = () => {
		const start = at;
		const name = exec(DEFINITION)?.[1];
		if (name === void 0 || !takeOne(":") || !endOfLine() || column === 0) return void 0;
		const first = at;
		working = false;
		if (take(PASS)) {
			const nothing = leaf("Block", first, last, "", [leaf("Pass", first, last)]);
			return endOfLine() && column === 0 ? leaf("FunctionDef", start, last, name, [nothing]) : void 0;
		}
		if (!block() || !working) return void 0;
		return leaf("FunctionDef", start, last, name, [leaf("Block", first, last, SKIMMED)]);
	};
	const imported = () => {
		const start = at;
		const [text, module, name = "", other] = exec(source[at] === "i" ? IMPORT : IMPORT_FROM) ?? [];
		if (text === void 0) return void 0;
		const alias = leaf("Alias", start, last, name, other === void 0 ? [] : [leaf("Name", start, last, other)]);
		return module === "" ? leaf("Import", start, last, "", [alias]) : leaf("ImportFrom", start, last, module, [alias]);
	};
	const docstring = () => {
		const text = exec(DOCSTRING)?.[1];
		const value = leaf("String", 0, last, text);
		return text === void 0 ? void 0 : leaf("Expr", 0, last, "", [value]);
	};
	if (source.includes("\r")) return void 0;
	const statements = [];
	lineAfter(0);
	while (at < source.length && standsAt(0)) {
		const first = source[at];
		const isDefinition = first === "d" && is(DEFINITION);
		const begin = isDefinition ? definition() : first === "i" || first === "f" ? imported() : first === "\"" && statements.length === 0 ? docstring() : assignment();
		if (!begin || !isDefinition && !endOfLine()) return void 0;
		statements.push(begin);
	}
	return column === 0 ? {
		kind: "Module",
		text: "",
		items: statements,
		start: 0,
		end: source.length
	} : void 0;
}
// src/project/python-values.ts
const SIMPLE_ESCAPES = {
	"\\": "\\",
	"'": "'",
	"\"": "\"",
	a: "\x07",
	b: "\b",
	f: "\f",
	n: "\n",
	r: "\r",
	t: "	",
	v: "\v"
};
const ESCAPE = /\\(?:(\n)|([\\'"abfnrtv])|([0-7]{1,3})|x([\da-fA-F]{0,2})|N(\{[^}]*\})?|u([\da-fA-F]{0,4})|U([\da-fA-F]{0,8}))/g;
/**
* The value of a string literal.
*
* @param text what stands between the quotes
* @returns the value, or why Python refuses it. `\N{…}` is left as it is written: equal names stay equal.
*/
function stringValue(text, { raw, bytes }) {
	if (bytes && /[^\x00-\x7f]/.test(text)) return { detail: "bytes can only contain ASCII literal characters" };
	const source = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
	if (raw || !source.includes("\\")) return source;
	let refused;
	const value = source.replaceAll(ESCAPE, (all, line, simple, octal, hex, name, short, long) => {
		if (line !== void 0) return "";
		const lead = all[1];
		if (simple !== void 0) return SIMPLE_ESCAPES[simple];
		if (octal !== void 0) return String.fromCodePoint(Number.parseInt(octal, 8));
		if (lead === "x") {
			if (hex?.length === 2) return String.fromCodePoint(Number.parseInt(hex, 16));
			refused = bytes ? "(value error) invalid \\x escape" : "(unicode error) truncated \\xXX escape";
		} else if (bytes) return all;
		else if (lead === "N") {
			if (name === void 0) refused = "(unicode error) malformed \\N character escape";
		} else if (lead === "u" || lead === "U") {
			const digits = lead === "u" ? short : long;
			const point = Number.parseInt(digits ?? "", 16);
			if (digits?.length === (lead === "u" ? 4 : 8) && point <= 1114111) return String.fromCodePoint(point);
			refused = `(unicode error) truncated \\${lead} escape`;
		}
		return all;
	});
	return refused === void 0 ? value : { detail: refused };
}
/** Follows the assignments of a module from top to bottom. */
function moduleValues(module) {
	const values = /* @__PURE__ */ new Map();
	const bindings = /* @__PURE__ */ new Map();
	let star = false;
	const bind = (target, value, statement, at) => {
		if (target.kind === "Name") {
			values.set(target.text, value);
			bindings.set(target.text, {
				statement,
				...at ? { value: at } : {}
			});
		} else if (target.kind === "Starred") bind(target.items[0], void 0, statement);
		else if (target.kind === "Tuple" || target.kind === "List") {
			const parts = Array.isArray(value) && value.length === target.items.length && !target.items.some((item) => item.kind === "Starred") ? value : [];
			target.items.forEach((item, index) => bind(item, parts[index], statement));
		}
	};
	const bindName = (name, statement) => {
		values.set(name, void 0);
		bindings.set(name, { statement });
	};
	/** Runs blocks of which one or none may run: what they do not agree on is unknown. */
	const branches = (blocks) => {
		const before = new Map(values);
		const outcomes = blocks.map((block) => {
			values.clear();
			before.forEach((value, name) => values.set(name, value));
			if (block) run(block);
			return new Map(values);
		});
		values.clear();
		for (const name of new Set(outcomes.flatMap((outcome) => [...outcome.keys()]))) {
			const [first, ...others] = outcomes.map((outcome) => outcome.has(name) ? outcome.get(name) : void 0);
			values.set(name, others.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : void 0);
		}
	};
	const run = (block) => {
		for (const statement of block.items) {
			const { items } = statement;
			switch (statement.kind) {
				case "Assign": {
					const value = evaluate(items.at(-1), values);
					const alone = items.length === 2 && items[0].kind === "Name" ? items[1] : void 0;
					for (const target of items.slice(0, -1)) bind(target, value, statement, alone);
					break;
				}
				case "AnnAssign":
					if (items[2]) bind(items[0], evaluate(items[2], values), statement, items[2]);
					break;
				case "AugAssign": {
					const [before, more] = [evaluate(items[0], values), evaluate(items[1], values)];
					bind(items[0], statement.text === "+=" ? sum(before, more) : void 0, statement);
					break;
				}
				case "Delete":
					for (const target of items) if (target.kind === "Name") values.delete(target.text);
					break;
				case "Import":
				case "ImportFrom":
					for (const alias of items) if (alias.text === "*") star = true;
					else bindName(alias.items[0]?.text ?? alias.text.split(".")[0], statement);
					break;
				case "FunctionDef":
				case "AsyncFunctionDef":
				case "ClassDef":
				case "TypeAlias":
					bindName(statement.text, statement);
					break;
				case "If": {
					const test = decide(items[0]);
					if (test === void 0) branches([items[1], items[2]]);
					else if (test) run(items[1]);
					else if (items[2]) run(items[2]);
					break;
				}
				case "For":
					bind(items[0], void 0, statement);
					branches([items[2], null]);
					if (items[3]) run(items[3]);
					break;
				case "While":
					branches([items[1], null]);
					if (items[2]) run(items[2]);
					break;
				case "With":
					for (const item of items.slice(0, -1)) if (item.items[1]) bind(item.items[1], void 0, statement);
					run(items.at(-1));
					break;
				case "Try": {
					const handlers = items.filter((item) => item?.kind === "Handler");
					const [body, otherwise, finish] = [
						items[0],
						items.at(-2),
						items.at(-1)
					];
					branches([{
						...body,
						items: [...body.items, ...otherwise?.items ?? []]
					}, ...handlers.map((handler) => handler.items[1])]);
					if (finish) run(finish);
					break;
				}
				case "Match":
					branches([...items.slice(1).map((one) => one.items[2]), null]);
					break;
				case "Invalid": {
					const name = /^(\w+) (?:: [^=]* )?= /.exec(statement.text)?.[1];
					if (name !== void 0) bindName(name, statement);
					break;
				}
			}
		}
	};
	run(module);
	return {
		values,
		bindings,
		star
	};
}
/** Tests whose outcome is known at the time when Alembic loads the file. */
function decide(test) {
	if (test.kind === "Constant") return test.text === "True";
	if (test.kind === "Name" || test.kind === "Attribute") return test.text === "TYPE_CHECKING" ? false : void 0;
	const [left, right] = test.items;
	return test.kind === "Compare" && test.text === "==" && left?.text === "__name__" && right?.text === "__main__" ? false : void 0;
}
function sum(a, b) {
	if (typeof a === "string" && typeof b === "string") return a + b;
	return Array.isArray(a) && Array.isArray(b) ? [...a, ...b] : void 0;
}
/** The value of an expression, where it is made of literals and of names whose values are known. */
function evaluate(node, names) {
	switch (node.kind) {
		case "String": return node.text;
		case "Number": return /^\d[\d_]*$/.test(node.text) ? Number(node.text.replaceAll("_", "")) : void 0;
		case "Constant": return node.text === "None" ? null : node.text === "Ellipsis" ? void 0 : node.text === "True";
		case "Name": return names.get(node.text);
		case "Tuple":
		case "List":
		case "Set": {
			const items = node.items.map((item) => evaluate(item, names));
			return items.includes(void 0) ? void 0 : items;
		}
		case "FString": {
			const parts = node.items.map((part) => {
				if (part.kind === "String") return part.text;
				const value = part.kind === "Field" && part.text === "!" && part.items[1] === null ? evaluate(part.items[0], names) : void 0;
				return typeof value === "string" ? value : void 0;
			});
			return parts.includes(void 0) ? void 0 : parts.join("");
		}
		case "Binary": return node.text === "+" ? sum(evaluate(node.items[0], names), evaluate(node.items[1], names)) : void 0;
		default: return;
	}
}
// src/project/python-syntax.ts
/** Python's syntax tree, as CPython's parser builds it: what it refuses is refused here, and a broken statement hides no other. */
var Refused = class extends Error {
	problem;
	constructor(offset, detail) {
		super(detail);
		this.problem = {
			offset,
			detail
		};
	}
};
const NONE = [];
const NON_ASCII = /[^\x00-\x7f]/;
/** A name as Python compares it. */
const plainName = (text) => NON_ASCII.test(text) ? text.normalize("NFKC") : text;
const BINARY = {
	"|": 1,
	"^": 2,
	"&": 3,
	"<<": 4,
	">>": 4,
	"+": 5,
	"-": 5,
	"*": 6,
	"/": 6,
	"//": 6,
	"%": 6,
	"@": 6
};
/** CPython's own limit for parentheses. */
const MOST_NESTED = 200;
const TOO_DEEP = "too many levels of nesting";
const FORGOT_COMMA = "invalid syntax. Perhaps you forgot a comma?";
const COMPARISONS = /* @__PURE__ */ new Set([
	"==",
	"!=",
	"<",
	"<=",
	">",
	">=",
	"in",
	"is",
	"not"
]);
const UPDATES = /* @__PURE__ */ new Set([
	"+=",
	"-=",
	"*=",
	"/=",
	"//=",
	"%=",
	"@=",
	"&=",
	"|=",
	"^=",
	">>=",
	"<<=",
	"**="
]);
/** What ends an expression list. */
const ENDS = /* @__PURE__ */ new Set([
	")",
	"]",
	"}",
	"=",
	":",
	";",
	":=",
	...UPDATES
]);
/** What cannot go on with an expression. */
const ENDS_ATOM = /* @__PURE__ */ new Set([
	",",
	")",
	"]",
	"}",
	":",
	"="
]);
const SIMPLE = /* @__PURE__ */ new Set([
	"return",
	"pass",
	"break",
	"continue",
	"raise",
	"global",
	"nonlocal",
	"del",
	"assert",
	"import",
	"from"
]);
const COMPOUND = /* @__PURE__ */ new Set([
	"def",
	"class",
	"if",
	"for",
	"while",
	"try",
	"with",
	"async",
	"@"
]);
/**
* Parses a module.
*
* @returns the tree, and the first thing that Python 3 would refuse
*/
function parseModule(source) {
	try {
		return parse(source);
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		return {
			module: {
				kind: "Module",
				text: "",
				items: [],
				start: 0,
				end: source.length
			},
			problem: {
				offset: 0,
				detail: TOO_DEEP
			}
		};
	}
}
function parse(source) {
	const { tokens, problem: cutting } = tokenize(source);
	const parser = parserOf(source, tokens);
	const module = parser.file();
	const problems = [
		...parser.problems,
		...futureProblems(module),
		...cutting ? [cutting] : []
	];
	return {
		module,
		problem: cutting?.detail.endsWith("never closed") ? cutting : problems.sort((a, b) => a.offset - b.offset)[0]
	};
}
const FEATURES = new Set("nested_scopes generators division absolute_import with_statement print_function unicode_literals barry_as_FLUFL generator_stop annotations".split(" "));
/** `from __future__ import` stands before everything else but a docstring. */
function futureProblems(module) {
	const problems = [];
	let beginning = true;
	module.items.forEach((statement, index) => {
		if (statement.kind !== "ImportFrom" || statement.text !== "__future__") {
			beginning &&= index === 0 && statement.kind === "Expr" && statement.items[0].kind === "String";
			return;
		}
		const unknown = statement.items.find((alias) => !FEATURES.has(alias.text));
		if (unknown) problems.push({
			offset: statement.start,
			detail: `future feature ${unknown.text} is not defined`
		});
		else if (!beginning) problems.push({
			offset: statement.start,
			detail: "from __future__ imports must occur at the beginning of the file"
		});
	});
	return problems;
}
function parserOf(source, tokens) {
	let at = 0;
	let scope = {
		function: "none",
		loop: false
	};
	let comprehending = 0;
	const problems = [];
	const now = () => tokens[at];
	const ahead = (by) => tokens[Math.min(at + by, tokens.length - 1)];
	const is = (text, token = now()) => token.text === text && (token.kind === "op" || token.kind === "name");
	const refuse = (detail = "invalid syntax", offset = now().start) => {
		throw new Refused(offset, detail);
	};
	const take = (text) => {
		if (!is(text)) return false;
		at += 1;
		return true;
	};
	const expect = (text, detail = `expected '${text}'`) => {
		if (!take(text)) refuse(detail);
	};
	const end = () => tokens[at - 1]?.end ?? 0;
	const node = (kind, start, items = NONE, text = "") => ({
		kind,
		text,
		items,
		start,
		end: end()
	});
	const name = () => {
		const token = now();
		if (token.kind !== "name") refuse();
		at += 1;
		return plainName(token.text);
	};
	/** A comma-separated list of at least one; a trailing comma is taken. */
	const list = (item, ends) => {
		const items = [item()];
		while (is(",")) {
			at += 1;
			if (ends(now())) return {
				items,
				trailing: true
			};
			items.push(item());
		}
		return {
			items,
			trailing: false
		};
	};
	const endsList = (token) => token.kind === "newline" || token.kind === "end" || token.kind === "op" && (ENDS.has(token.text) || token.text === "in" || token.text === "for");
	/** Tries a reading; undefined, and nothing taken, where it does not fit. */
	const attempt = (read) => {
		const back = at;
		const known = problems.length;
		try {
			return read();
		} catch (error) {
			if (!(error instanceof Refused)) throw error;
			at = back;
			problems.length = known;
			return;
		}
	};
	const atom = () => {
		const token = now();
		if (token.kind === "name") {
			at += 1;
			return node("Name", token.start, [], plainName(token.text));
		}
		if (token.kind === "number") {
			at += 1;
			return node("Number", token.start, [], token.text);
		}
		if (token.kind === "string") return strings();
		switch (token.text) {
			case "None":
			case "True":
			case "False":
				at += 1;
				return node("Constant", token.start, [], token.text);
			case "...":
				at += 1;
				return node("Constant", token.start, [], "Ellipsis");
			case "(": return parentheses();
			case "[": return brackets();
			case "{": return braces();
			default: return refuse();
		}
	};
	const parentheses = () => {
		const start = now().start;
		at += 1;
		if (take(")")) return node("Tuple", start);
		if (is("yield")) {
			const inner = yields();
			expect(")");
			return inner;
		}
		const first = starOrNamed();
		if (isComprehension()) {
			if (first.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", first.start);
			const parts = comprehensions();
			expect(")");
			return node("GeneratorExp", start, [first, ...parts]);
		}
		if (take(")")) {
			if (first.kind === "Starred") refuse("cannot use starred expression here", first.start);
			return first;
		}
		const items = [first];
		while (take(",")) {
			if (is(")")) break;
			items.push(starOrNamed());
		}
		expect(")", FORGOT_COMMA);
		return node("Tuple", start, items);
	};
	const brackets = () => {
		const start = now().start;
		at += 1;
		if (take("]")) return node("List", start);
		const first = starOrNamed();
		if (isComprehension()) {
			if (first.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", first.start);
			const parts = comprehensions();
			expect("]");
			return collected("ListComp", start, [first, ...parts]);
		}
		const items = [first];
		while (take(",")) {
			if (is("]")) break;
			items.push(starOrNamed());
		}
		expect("]", FORGOT_COMMA);
		return node("List", start, items);
	};
	const braces = () => {
		const start = now().start;
		at += 1;
		if (take("}")) return node("Dict", start);
		const unpacked = is("**");
		const first = unpacked ? pair() : starOrNamed();
		const isDict = unpacked || is(":") && first.kind !== "Starred";
		const head = isDict && !unpacked ? pairOf(first) : first;
		if (isComprehension()) {
			if (head.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", head.start);
			if (unpacked) refuse("dict unpacking cannot be used in dict comprehension", head.start);
			const parts = comprehensions();
			expect("}");
			return collected(isDict ? "DictComp" : "SetComp", start, [head, ...parts]);
		}
		const items = [head];
		while (take(",")) {
			if (is("}")) break;
			items.push(isDict ? pair() : starOrNamed());
		}
		expect("}", FORGOT_COMMA);
		return node(isDict ? "Dict" : "Set", start, items);
	};
	const pair = () => {
		const start = now().start;
		return take("**") ? node("Pair", start, [null, binary(1)]) : pairOf(expression());
	};
	const pairOf = (key) => {
		expect(":", "':' expected after dictionary key");
		return node("Pair", key.start, [key, expression()]);
	};
	/** One literal or several that follow each other. */
	const strings = () => {
		const start = now().start;
		const parts = [];
		let bytes;
		while (now().kind === "string") {
			const token = now();
			at += 1;
			let letters = 0;
			while (token.text.charCodeAt(letters) > 39) letters += 1;
			const prefix = token.text.slice(0, letters).toLowerCase();
			const quote = token.text[letters];
			const quotes = token.text.startsWith(quote.repeat(3), letters) ? quote.repeat(3) : quote;
			const from = token.start + letters + quotes.length;
			const closed = token.text.length >= letters + 2 * quotes.length && token.text.endsWith(quotes);
			const to = token.end - (closed ? quotes.length : 0);
			const isBytes = prefix.includes("b");
			if (bytes !== void 0 && bytes !== isBytes) refuse("cannot mix bytes and nonbytes literals", token.start);
			bytes = isBytes;
			if (/[ft]/.test(prefix)) parts.push(...replaced(from, to, prefix.includes("r")));
			else {
				const value = stringValue(source.slice(from, to), {
					raw: prefix.includes("r"),
					bytes: isBytes
				});
				if (typeof value !== "string") refuse(value.detail, token.start);
				else parts.push(node("String", token.start, [], value));
			}
			if (prefix.includes("t")) parts.push(node("Template", token.start));
		}
		if (bytes) return node("Bytes", start, [], parts.map((part) => part.text).join(""));
		const joined = merged(parts);
		if (joined.every((part) => part.kind === "String")) return node("String", start, [], joined[0]?.text ?? "");
		return node("FString", start, joined);
	};
	/** Neighbouring texts are one, empty ones none. */
	const merged = (parts) => {
		const joined = [];
		for (const part of parts) {
			const last = joined.at(-1);
			if (part.kind === "String" && part.text === "") continue;
			if (part.kind === "String" && last?.kind === "String") joined[joined.length - 1] = {
				...last,
				text: last.text + part.text,
				end: part.end
			};
			else joined.push(part);
		}
		return joined;
	};
	/** The content of an f-string or of a format. */
	const replaced = (from, to, raw) => {
		const parts = [];
		const literal = (start, stop) => {
			if (stop <= start) return;
			const value = stringValue(source.slice(start, stop).replaceAll("{{", "{").replaceAll("}}", "}"), {
				raw,
				bytes: false
			});
			if (typeof value !== "string") refuse(value.detail, start);
			else parts.push({
				kind: "String",
				text: value,
				items: [],
				start,
				end: stop
			});
		};
		let begin = from;
		let index = from;
		while (index < to) {
			const character = source[index];
			if (character === "\\" && !raw) {
				const named = /^\\N\{[^}\r\n]*\}/.exec(source.slice(index, to));
				index += named ? named[0].length : "{}".includes(source[index + 1]) ? 1 : 2;
			} else if (character === "{" && source[index + 1] !== "{") {
				literal(begin, index);
				const field = cutField(source, index, to);
				if ("detail" in field) throw new Refused(field.offset, field.detail);
				const [start, stop] = field.expression;
				if (source.slice(start, stop).trim() === "") refuse("f-string: valid expression required before '}'", start);
				const inner = tokenize(source, [start, stop]);
				if (inner.problem) throw new Refused(inner.problem.offset, inner.problem.detail);
				const value = parserOf(source, inner.tokens).field();
				const format = field.format ? {
					kind: "FString",
					text: "",
					items: merged(replaced(field.format[0], field.format[1], raw)),
					start: field.format[0],
					end: field.format[1]
				} : null;
				if (field.shownEnd !== void 0) parts.push({
					kind: "String",
					text: source.slice(start, field.shownEnd),
					items: [],
					start,
					end: field.shownEnd
				});
				const conversion = field.conversion || (field.shownEnd !== void 0 && !format ? "r" : "");
				parts.push({
					kind: "Field",
					text: `!${conversion}`,
					items: [value, format],
					start: index,
					end: field.end
				});
				index = field.end;
				begin = index;
			} else if (character === "}" && source[index + 1] !== "}") refuse("f-string: single '}' is not allowed", index);
			else index += character === "{" || character === "}" ? 2 : 1;
		}
		literal(begin, to);
		return parts;
	};
	const primary = () => {
		const start = now().start;
		if (take("await")) {
			if (scope.function !== "async" && comprehending === 0) note("'await' outside async function", start);
			return node("Await", start, [deeper(primary)]);
		}
		let value = atom();
		for (;;) if (take(".")) {
			const attribute = name();
			value = node("Attribute", start, [value], attribute);
		} else if (is("(")) value = node("Call", start, [value, ...callArguments()]);
		else if (take("[")) {
			const index = subscripts();
			expect("]");
			value = node("Subscript", start, [value, index]);
		} else return value;
	};
	const callArguments = (generator = true) => {
		expect("(");
		const items = [];
		const names = /* @__PURE__ */ new Set();
		let keywords = false;
		let unpacked = false;
		while (!is(")")) {
			const start = now().start;
			if (take("**")) {
				items.push(node("Keyword", start, [expression()]));
				unpacked = true;
			} else if (take("*")) {
				if (unpacked) refuse("iterable argument unpacking follows keyword argument unpacking", start);
				items.push(node("Starred", start, [expression()]));
			} else if (now().kind === "name" && is("=", ahead(1))) {
				const keyword = name();
				at += 1;
				if (names.has(keyword)) note(`keyword argument repeated: ${keyword}`, start);
				names.add(keyword);
				if (is(",") || is(")")) refuse("expected argument value expression");
				items.push(node("Keyword", start, [expression()], keyword));
				keywords = true;
			} else {
				const value = named();
				if (isComprehension()) {
					const whole = node("GeneratorExp", start, [value, ...comprehensions()]);
					if (items.length > 0 || !is(")") || !generator) refuse(generator ? "Generator expression must be parenthesized" : "invalid syntax", start);
					items.push(whole);
				} else {
					if (is("=")) refuse("expression cannot contain assignment, perhaps you meant \"==\"?", start);
					if (unpacked) refuse("positional argument follows keyword argument unpacking", start);
					if (keywords) refuse("positional argument follows keyword argument", start);
					items.push(value);
				}
			}
			if (!take(",")) break;
		}
		expect(")", FORGOT_COMMA);
		return items;
	};
	const subscripts = () => {
		const start = now().start;
		const { items, trailing } = list(() => {
			const from = now().start;
			if (take("*")) return node("Starred", from, [binary(1)]);
			const lower = is(":") ? null : named();
			if (!is(":")) return lower;
			at += 1;
			const bound = () => is(":") || is(",") || is("]") ? null : expression();
			const upper = bound();
			const step = take(":") ? bound() : null;
			return node("Slice", from, [
				lower,
				upper,
				step
			]);
		}, (token) => is("]", token));
		return items.length === 1 && !trailing && items[0].kind !== "Starred" ? items[0] : node("Tuple", start, items);
	};
	let depth = 0;
	/** Nobody writes this deep; who generates it must not break us. */
	const deeper = (read) => {
		if (depth > MOST_NESTED) refuse(TOO_DEEP);
		depth += 1;
		try {
			return read();
		} finally {
			depth -= 1;
		}
	};
	const unary = () => {
		const start = now().start;
		const sign = now().text;
		if (now().kind === "op" && (sign === "-" || sign === "+" || sign === "~")) {
			at += 1;
			return node("Unary", start, [deeper(unary)], sign);
		}
		const base = primary();
		return take("**") ? node("Binary", start, [base, deeper(unary)], "**") : base;
	};
	const binary = (level) => {
		const start = now().start;
		let left = unary();
		for (;;) {
			const operator = now();
			const power = operator.kind === "op" ? BINARY[operator.text] : void 0;
			if (power === void 0 || power < level) return left;
			at += 1;
			const right = binary(power + 1);
			left = node("Binary", start, [left, right], operator.text);
		}
	};
	const comparison = () => {
		const start = now().start;
		const items = [binary(1)];
		const operators = [];
		while (now().kind === "op" && COMPARISONS.has(now().text)) {
			let operator = now().text;
			if (operator === "not" && !is("in", ahead(1))) break;
			at += 1;
			if (operator === "not") {
				at += 1;
				operator = "not in";
			} else if (operator === "is" && take("not")) operator = "is not";
			operators.push(operator);
			items.push(binary(1));
		}
		return operators.length === 0 ? items[0] : node("Compare", start, items, operators.join(" "));
	};
	const inversion = () => {
		const start = now().start;
		return take("not") ? node("Unary", start, [deeper(inversion)], "not") : comparison();
	};
	const logical = (operator, operand) => {
		const start = now().start;
		const items = [operand()];
		while (take(operator)) items.push(operand());
		return items.length === 1 ? items[0] : node("Bool", start, items, operator);
	};
	const disjunction = () => logical("or", () => logical("and", inversion));
	const expression = () => {
		const next = ahead(1);
		return (next.kind === "newline" || next.kind === "op" && ENDS_ATOM.has(next.text)) && now().kind !== "op" ? atom() : deeper(plainExpression);
	};
	const plainExpression = () => {
		const start = now().start;
		if (is("lambda")) return lambda();
		const value = disjunction();
		if (!is("if")) return value;
		at += 1;
		const test = disjunction();
		expect("else", "expected 'else' after 'if' expression");
		return node("IfExp", start, [
			value,
			test,
			expression()
		]);
	};
	const lambda = () => {
		const start = now().start;
		at += 1;
		const params = parameters(":", false);
		expect(":");
		const outer = scope;
		scope = {
			function: "plain",
			loop: false
		};
		const body = expression();
		scope = outer;
		return node("Lambda", start, [params, body]);
	};
	const named = () => {
		const start = now().start;
		if (now().kind === "name" && is(":=", ahead(1))) {
			const target = atom();
			at += 1;
			return node("Named", start, [target, expression()]);
		}
		const value = expression();
		if (is(":=")) refuse(`cannot use assignment expressions with ${describe(value)}`, start);
		return value;
	};
	const starOrNamed = () => {
		const start = now().start;
		return take("*") ? node("Starred", start, [binary(1)]) : named();
	};
	const starOrExpression = () => {
		const start = now().start;
		return take("*") ? node("Starred", start, [binary(1)]) : expression();
	};
	/** Expressions with commas between them; several are a tuple. */
	const expressions = (item = starOrExpression, starAlone = true) => {
		const start = now().start;
		const { items, trailing } = list(item, endsList);
		if (items.length > 1 || trailing) return node("Tuple", start, items);
		if (items[0].kind === "Starred" && !starAlone) refuse("cannot use starred expression here", start);
		return items[0];
	};
	const yields = () => {
		const start = now().start;
		expect("yield");
		if (scope.function === "none") note("'yield' outside function", start);
		if (take("from")) return node("YieldFrom", start, [expression()]);
		return node("Yield", start, [now().kind === "newline" || endsList(now()) ? null : expressions()]);
	};
	/** Generators may be asynchronous anywhere, what collects at once may not. */
	const collected = (kind, start, items) => {
		if (items.some((item) => item.kind === "Comprehension" && item.text === "async") && scope.function !== "async" && comprehending === 0) note("asynchronous comprehension outside of an asynchronous function", start);
		return node(kind, start, items);
	};
	const isComprehension = () => is("for") || is("async") && is("for", ahead(1));
	const comprehensions = () => {
		const parts = [];
		comprehending += 1;
		while (isComprehension()) {
			const start = now().start;
			const asynchronous = take("async");
			expect("for");
			const target = targets();
			expect("in");
			const items = [target, disjunction()];
			while (take("if")) items.push(disjunction());
			parts.push(node("Comprehension", start, items, asynchronous ? "async" : ""));
		}
		comprehending -= 1;
		return parts;
	};
	const describe = (value) => ({
		Call: "function call",
		Number: "literal",
		String: "literal",
		Bytes: "literal",
		FString: "f-string expression",
		Constant: value.text,
		Binary: "expression",
		Unary: "expression",
		Bool: "expression",
		Compare: "comparison",
		Lambda: "lambda",
		IfExp: "conditional expression",
		Dict: "dict literal",
		Set: "set display",
		Await: "await expression",
		Yield: "yield expression",
		Named: "named expression"
	})[value.kind] ?? "expression";
	const target = (value, how) => {
		if (value.kind === "Name") {
			if (value.text === "__debug__") refuse(`cannot ${how} __debug__`, value.start);
		} else if (value.kind === "Tuple" || value.kind === "List") {
			if (how !== "delete" && value.items.filter((item) => item.kind === "Starred").length > 1) note("multiple starred expressions in assignment", value.start);
			value.items.forEach((item) => target(item, how));
		} else if (value.kind === "Starred" && how !== "delete") target(value.items[0], how);
		else if (value.kind !== "Attribute" && value.kind !== "Subscript") refuse(`cannot ${how} ${describe(value)}`, value.start);
	};
	/** Targets of `for`. */
	const targets = () => {
		const start = now().start;
		const { items, trailing } = list(() => {
			const from = now().start;
			return take("*") ? node("Starred", from, [primary()]) : primary();
		}, endsList);
		if (items.length === 1 && !trailing && items[0].kind === "Starred") refuse("starred assignment target must be in a list or tuple", start);
		const all = items.length > 1 || trailing ? node("Tuple", start, items) : items[0];
		target(all, "assign to");
		return all;
	};
	const parameters = (closing, annotated) => {
		const start = now().start;
		const items = [];
		const names = /* @__PURE__ */ new Set();
		let defaults = false;
		let star = false;
		let slash = false;
		let keywords = false;
		const parameter = (kind) => {
			const from = now().start;
			const text = name();
			if (names.has(text)) note(`duplicate argument '${text}' in function definition`, from);
			names.add(text);
			let annotation = null;
			if (annotated && take(":")) annotation = kind === "VarParam" ? starOrExpression() : expression();
			let value = null;
			if (is("=")) {
				if (kind !== "Param") refuse(`var-${kind === "VarParam" ? "positional" : "keyword"} argument cannot have default value`);
				at += 1;
				value = expression();
			}
			return node(kind, from, [annotation, value], text);
		};
		while (!is(closing)) {
			const from = now().start;
			if (keywords) refuse("arguments cannot follow var-keyword argument");
			if (take("/")) {
				if (slash || star || items.length === 0) refuse(items.length === 0 ? "at least one argument must precede /" : "/ must be ahead of *", from);
				slash = true;
				items.push(node("Slash", from));
			} else if (take("**")) {
				items.push(parameter("KwParam"));
				keywords = true;
			} else if (take("*")) {
				if (star) refuse("* argument may appear only once", from);
				star = true;
				if (is(",")) {
					items.push(node("Star", from));
					if (is(closing, ahead(1)) || is("**", ahead(1))) refuse("named arguments must follow bare *", from);
				} else if (is(closing)) refuse("named arguments must follow bare *", from);
				else items.push(parameter("VarParam"));
			} else {
				const one = parameter("Param");
				if (one.items[1] !== null) defaults = true;
				else if (defaults && !star) refuse("parameter without a default follows parameter with a default", from);
				items.push(one);
			}
			if (!take(",")) break;
		}
		return node("Params", start, items);
	};
	/** Something that Python's compiler refuses although its parser does not. */
	const note = (detail, offset) => {
		problems.push({
			offset,
			detail
		});
	};
	const endOfLine = () => now().kind === "newline" || now().kind === "end" || is(";");
	const simple = () => {
		const start = now().start;
		const word = now().kind === "op" && SIMPLE.has(now().text) ? now().text : void 0;
		if (word === void 0) return now().kind === "name" && is("type") && ahead(1).kind === "name" && (is("=", ahead(2)) || is("[", ahead(2))) ? typeAlias() : expressionStatement();
		if (word === "import" || word === "from") return imports();
		at += 1;
		switch (word) {
			case "return":
				if (scope.function === "none") note("'return' outside function", start);
				return node("Return", start, [endOfLine() ? null : expressions(void 0, false)]);
			case "pass": return node("Pass", start);
			case "break":
			case "continue":
				if (!scope.loop) note(word === "break" ? "'break' outside loop" : "'continue' not properly in loop", start);
				return node(word === "break" ? "Break" : "Continue", start);
			case "raise": {
				if (endOfLine()) return node("Raise", start, [null, null]);
				const exception = expression();
				return node("Raise", start, [exception, take("from") ? expression() : null]);
			}
			case "global":
			case "nonlocal": {
				const names = [name()];
				while (take(",")) names.push(name());
				return node(word === "global" ? "Global" : "Nonlocal", start, [], names.join(" "));
			}
			case "del": {
				const { items } = list(primary, endsList);
				items.forEach((item) => target(item, "delete"));
				return node("Delete", start, items);
			}
			default: {
				const test = expression();
				return node("Assert", start, [test, take(",") ? expression() : null]);
			}
		}
	};
	const typeAlias = () => {
		const start = now().start;
		at += 1;
		const text = name();
		const params = typeParameters();
		expect("=");
		return node("TypeAlias", start, [params, expression()], text);
	};
	const expressionStatement = () => {
		const start = now().start;
		if (is("print") && (ahead(1).kind === "string" || ahead(1).kind === "name" || ahead(1).kind === "number") && ahead(1).start > now().end) refuse("Missing parentheses in call to 'print'");
		if (is("exec") && ahead(1).kind === "string") refuse("Missing parentheses in call to 'exec'");
		const first = is("yield") ? yields() : expressions();
		if (is(":")) {
			if (first.kind !== "Name" && first.kind !== "Attribute" && first.kind !== "Subscript") refuse(first.kind === "Tuple" || first.kind === "List" ? `only single target (not ${first.kind.toLowerCase()}) can be annotated` : "invalid syntax");
			at += 1;
			const annotation = expression();
			const value = take("=") ? is("yield") ? yields() : expressions() : null;
			return node("AnnAssign", start, [
				first,
				annotation,
				value
			]);
		}
		if (now().kind === "op" && UPDATES.has(now().text)) {
			if (first.kind !== "Name" && first.kind !== "Attribute" && first.kind !== "Subscript") refuse(`'${describe(first)}' is an illegal expression for augmented assignment`, start);
			const operator = now().text;
			at += 1;
			return node("AugAssign", start, [first, is("yield") ? yields() : expressions()], operator);
		}
		const items = [first];
		while (take("=")) items.push(is("yield") ? yields() : expressions());
		if (items.length === 1) {
			if (first.kind === "Starred") note("can't use starred expression here", start);
			return node("Expr", start, items);
		}
		for (const item of items.slice(0, -1)) {
			if (item.kind === "Starred") note("starred assignment target must be in a list or tuple", item.start);
			target(item, "assign to");
		}
		if (items.at(-1).kind === "Starred") note("can't use starred expression here", items.at(-1).start);
		return node("Assign", start, items);
	};
	const imports = () => {
		const start = now().start;
		const dotted = () => {
			let text = name();
			while (take(".")) text += `.${name()}`;
			return text;
		};
		const alias = (read) => {
			const from = now().start;
			const text = read();
			if (!take("as")) return node("Alias", from, [], text);
			const to = now().start;
			const other = name();
			return node("Alias", from, [node("Name", to, [], other)], text);
		};
		if (take("import")) {
			const items = [alias(dotted)];
			while (take(",")) items.push(alias(dotted));
			return node("Import", start, items);
		}
		at += 1;
		let module = "";
		while (is(".") || is("...")) {
			module += now().text;
			at += 1;
		}
		if (!is("import")) module += dotted();
		else if (module === "") refuse();
		expect("import");
		if (is("*")) {
			const from = now().start;
			at += 1;
			if (scope.function !== "none") note("import * only allowed at module level", from);
			return node("ImportFrom", start, [node("Alias", from, [], "*")], module);
		}
		const bracketed = take("(");
		const items = [alias(name)];
		while (take(",")) {
			if (bracketed && is(")")) break;
			if (!bracketed && endOfLine()) refuse("trailing comma not allowed without surrounding parentheses");
			items.push(alias(name));
		}
		if (bracketed) expect(")");
		return node("ImportFrom", start, items, module);
	};
	/** The statements after a colon. */
	/** The end of what stands before a token. */
	const lastOf = (index) => {
		let last = index - 1;
		while (tokens[last].kind === "newline" || tokens[last].kind === "dedent") last -= 1;
		return tokens[last].end;
	};
	const block = (what) => {
		expect(":", "expected ':'");
		const start = now().start;
		if (now().kind !== "newline") return node("Block", start, simpleLine());
		at += 1;
		if (now().kind !== "indent") refuse(`expected an indented block after ${what}`);
		at += 1;
		const items = deeper(statements);
		const last = lastOf(at);
		if (now().kind === "dedent") at += 1;
		return {
			kind: "Block",
			text: "",
			items,
			start: items[0]?.start ?? start,
			end: items.length > 0 ? last : start
		};
	};
	const within = (inner, what) => {
		const outer = scope;
		scope = {
			...scope,
			...inner
		};
		try {
			return block(what);
		} finally {
			scope = outer;
		}
	};
	const simpleLine = () => {
		const items = [simple()];
		while (take(";")) {
			if (now().kind === "newline") break;
			items.push(simple());
		}
		if (now().kind === "newline") at += 1;
		else if (now().kind !== "end") refuse();
		return items;
	};
	const compound = () => {
		const start = now().start;
		const word = now().text;
		const otherwise = () => take("else") ? block("'else' statement") : null;
		switch (word) {
			case "@": {
				const from = now().start;
				const decorators = [];
				while (take("@")) {
					decorators.push(named());
					if (now().kind !== "newline") refuse();
					at += 1;
				}
				const list = {
					kind: "Decorators",
					text: "",
					items: decorators,
					start: from,
					end: end()
				};
				if (is("class")) return classDefinition(list);
				if (is("def") || is("async") && is("def", ahead(1))) return functionDefinition(list);
				return refuse();
			}
			case "def": return functionDefinition(void 0);
			case "class": return classDefinition(void 0);
			case "async": {
				if (is("def", ahead(1))) return functionDefinition(void 0);
				if (!is("for", ahead(1)) && !is("with", ahead(1))) refuse("invalid syntax", ahead(1).start);
				if (scope.function !== "async") note(`'async ${ahead(1).text}' outside async function`, start);
				at += 1;
				const inner = compound();
				return {
					...inner,
					kind: `Async${inner.kind}`,
					start
				};
			}
			case "if": return ifStatement();
			case "while": {
				at += 1;
				const test = named();
				const body = within({ loop: true }, "'while' statement");
				return node("While", start, [
					test,
					body,
					otherwise()
				]);
			}
			case "for": {
				at += 1;
				const variable = targets();
				expect("in");
				const iterable = expressions();
				const body = within({ loop: true }, "'for' statement");
				return node("For", start, [
					variable,
					iterable,
					body,
					otherwise()
				]);
			}
			case "with": return withStatement();
			default: return tryStatement();
		}
	};
	const ifStatement = () => {
		const start = now().start;
		at += 1;
		const test = named();
		const body = block("'if' statement");
		if (is("elif")) {
			const nested = ifStatement();
			return node("If", start, [
				test,
				body,
				{
					kind: "Block",
					text: "",
					items: [nested],
					start: nested.start,
					end: nested.end
				}
			]);
		}
		return node("If", start, [
			test,
			body,
			take("else") ? block("'else' statement") : null
		]);
	};
	const withStatement = () => {
		const start = now().start;
		at += 1;
		const item = () => {
			const from = now().start;
			const context = expression();
			if (!take("as")) return node("WithItem", from, [context, null]);
			const variable = primary();
			target(variable, "assign to");
			return node("WithItem", from, [context, variable]);
		};
		const bracketed = is("(") ? attempt(() => {
			at += 1;
			const { items } = list(item, (token) => is(")", token));
			expect(")");
			return is(":") ? items : refuse();
		}) : void 0;
		const items = bracketed ?? [item()];
		if (!bracketed) while (take(",")) items.push(item());
		return node("With", start, [...items, block("'with' statement")]);
	};
	const tryStatement = () => {
		const start = now().start;
		at += 1;
		const body = block("'try' statement");
		const handlers = [];
		let grouped = false;
		while (is("except")) {
			const from = now().start;
			at += 1;
			if (take("*")) grouped = true;
			let type = null;
			let text = "";
			if (!is(":")) {
				type = expression();
				if (is(",")) {
					const types = [type];
					while (take(",")) if (!is(":")) types.push(expression());
					const variable = types[1]?.kind === "Name" && /^[a-z_]/.test(types[1].text);
					if (is("as") || variable) refuse("multiple exception types must be parenthesized", from);
					type = node("Tuple", type.start, types);
				}
				if (take("as")) text = name();
			}
			handlers.push(node("Handler", from, [type, block("'except' statement")], text));
		}
		if (handlers.slice(0, -1).some((handler) => handler.items[0] === null)) note("default 'except:' must be last", start);
		const otherwise = handlers.length > 0 && take("else") ? block("'else' statement") : null;
		const finish = take("finally") ? block("'finally' statement") : null;
		if (handlers.length === 0 && finish === null) refuse("expected 'except' or 'finally' block");
		return node("Try", start, [
			body,
			...handlers,
			otherwise && {
				...otherwise,
				kind: "Else"
			},
			finish && {
				...finish,
				kind: "Finally"
			}
		], grouped ? "*" : "");
	};
	const typeParameters = () => {
		if (!is("[")) return null;
		const start = now().start;
		at += 1;
		const { items } = list(() => {
			const from = now().start;
			const text = (take("**") ? "**" : take("*") ? "*" : "") + name();
			const bound = take(":") ? expression() : null;
			return node("TypeParam", from, [bound, take("=") ? starOrExpression() : null], text);
		}, (token) => is("]", token));
		expect("]");
		return node("TypeParams", start, items);
	};
	const functionDefinition = (decorators) => {
		const start = decorators?.start ?? now().start;
		const asynchronous = take("async");
		expect("def");
		const text = name();
		const types = typeParameters();
		expect("(", "expected '('");
		const params = parameters(")", true);
		expect(")");
		const returns = take("->") ? expression() : null;
		const body = within({
			function: asynchronous ? "async" : "plain",
			loop: false
		}, "function definition");
		return {
			...node(asynchronous ? "AsyncFunctionDef" : "FunctionDef", start, [
				decorators ?? {
					kind: "Decorators",
					text: "",
					items: [],
					start,
					end: start
				},
				types,
				params,
				returns,
				body
			], text),
			end: body.end
		};
	};
	const classDefinition = (decorators) => {
		const start = decorators?.start ?? now().start;
		expect("class");
		const text = name();
		const types = typeParameters();
		const from = now().start;
		const items = is("(") ? callArguments(false) : [];
		const args = node("Arguments", from, items);
		const body = within({
			function: "none",
			loop: false
		}, "class definition");
		return {
			...node("ClassDef", start, [
				decorators ?? {
					kind: "Decorators",
					text: "",
					items: [],
					start,
					end: start
				},
				types,
				args,
				body
			], text),
			end: body.end
		};
	};
	const matchStatement = () => attempt(() => {
		const start = now().start;
		at += 1;
		const subject = expressions(starOrNamed);
		expect(":");
		if (now().kind !== "newline" || ahead(1).kind !== "indent" || !is("case", ahead(2))) refuse();
		at += 2;
		const cases = [];
		while (is("case")) {
			const from = now().start;
			at += 1;
			const pattern = openPattern();
			const guard = take("if") ? named() : null;
			cases.push(node("Case", from, [
				pattern,
				guard,
				block("'case' statement")
			]));
		}
		if (now().kind !== "dedent") refuse();
		at += 1;
		return node("Match", start, [subject, ...cases]);
	});
	const openPattern = () => {
		const start = now().start;
		const { items, trailing } = list(starPattern, (token) => is(":", token) || is("if", token));
		return items.length > 1 || trailing || items[0].kind === "StarPattern" ? node("SequencePattern", start, items) : items[0];
	};
	const starPattern = () => {
		const start = now().start;
		if (take("*")) return node("StarPattern", start, [], name());
		return asPattern();
	};
	const asPattern = () => {
		const start = now().start;
		const alternatives = [closedPattern()];
		while (take("|")) alternatives.push(closedPattern());
		const pattern = alternatives.length > 1 ? node("OrPattern", start, alternatives) : alternatives[0];
		return take("as") ? node("AsPattern", start, [pattern], name()) : pattern;
	};
	const closedPattern = () => {
		const start = now().start;
		const token = now();
		if (token.kind === "number" || is("-")) return node("ValuePattern", start, [binary(5)]);
		if (token.kind === "string") return node("ValuePattern", start, [strings()]);
		if (is("None") || is("True") || is("False")) return node("ValuePattern", start, [atom()]);
		if (token.kind === "name") {
			let value = atom();
			if (!is(".") && !is("(")) return node("CapturePattern", start, [], value.text);
			while (take(".")) value = node("Attribute", start, [value], name());
			if (!take("(")) return node("ValuePattern", start, [value]);
			const items = [];
			while (!is(")")) {
				const from = now().start;
				if (now().kind === "name" && is("=", ahead(1))) {
					const keyword = name();
					at += 1;
					items.push(node("KeywordPattern", from, [asPattern()], keyword));
				} else if (items.at(-1)?.kind === "KeywordPattern") refuse("positional patterns follow keyword patterns");
				else items.push(asPattern());
				if (!take(",")) break;
			}
			expect(")");
			return node("ClassPattern", start, [value, ...items]);
		}
		if (is("(") || is("[")) {
			const closing = is("(") ? ")" : "]";
			at += 1;
			const items = [];
			let commas = false;
			while (!is(closing)) {
				items.push(starPattern());
				if (!take(",")) break;
				commas = true;
			}
			expect(closing);
			return closing === ")" && items.length === 1 && !commas && items[0].kind !== "StarPattern" ? items[0] : node("SequencePattern", start, items);
		}
		if (take("{")) {
			const items = [];
			while (!is("}")) {
				const from = now().start;
				if (take("**")) items.push(node("RestPattern", from, [], name()));
				else {
					const key = is("None") || is("True") || is("False") ? atom() : binary(5);
					expect(":");
					items.push(node("PairPattern", from, [key, asPattern()]));
				}
				if (!take(",")) break;
			}
			expect("}");
			return node("MappingPattern", start, items);
		}
		return refuse();
	};
	/** Takes what is left of a statement that Python refuses: its line, and the block below it. */
	const skip = (from) => {
		const start = tokens[from].start;
		at = Math.max(at, from);
		while (now().kind !== "newline" && now().kind !== "end" && now().kind !== "dedent") at += 1;
		if (now().kind === "newline") at += 1;
		if (now().kind === "indent") {
			let depth = 0;
			do {
				if (now().kind === "indent") depth += 1;
				if (now().kind === "dedent") depth -= 1;
				at += 1;
			} while (depth > 0 && now().kind !== "end");
		}
		if (at === from) at += 1;
		const taken = tokens.slice(from, at).filter((token) => token.text !== "" && token.kind !== "newline");
		return {
			kind: "Invalid",
			text: taken.map((token) => token.text).join(" "),
			items: [],
			start,
			end: taken.at(-1)?.end ?? start
		};
	};
	const statements = () => {
		const items = [];
		while (now().kind !== "end" && now().kind !== "dedent") {
			const from = at;
			try {
				if (now().kind === "indent") {
					problems.push({
						offset: now().end,
						detail: "unexpected indent"
					});
					at += 1;
					items.push(...deeper(statements));
					if (now().kind === "dedent") at += 1;
					continue;
				}
				const matched = is("match") && now().kind === "name" ? matchStatement() : void 0;
				if (matched) items.push(matched);
				else if (now().kind === "op" && COMPOUND.has(now().text)) items.push(compound());
				else items.push(...simpleLine());
			} catch (error) {
				if (!(error instanceof Refused)) throw error;
				problems.push(error.problem);
				items.push(skip(from));
			}
		}
		return items;
	};
	return {
		problems,
		file() {
			const items = statements();
			while (now().kind !== "end") {
				at += 1;
				items.push(...statements());
			}
			return {
				kind: "Module",
				text: "",
				items,
				start: 0,
				end: source.length
			};
		},
		/** The expression in a replacement field. */
		field() {
			scope = {
				function: "async",
				loop: false
			};
			const value = is("yield") ? yields() : expressions(starOrNamed);
			if (now().kind !== "end") refuse("f-string: invalid syntax");
			return value;
		}
	};
}
// src/project/revision.ts
/** A revision file, read statically: no project code runs. */
/** Alembic reads the files of a version folder whose names match this. */
const REVISION_FILE = /^(?!\.#|__init__).*\.py$/;
/** Whether Alembic takes a file of a version folder for a revision. */
const isRevisionFile = (file) => REVISION_FILE.test(file.slice(file.lastIndexOf("/") + 1));
/**
* Reads one file of a version folder.
*
* @param file path relative to the repository's root
* @param bytes its content
* @param options.skim the header is what counts: where a glance tells that the rest is sound, it is not parsed
* @returns a revision as soon as its id is known, with the problem where there is one; undefined where Alembic does not look at the file
*/
function readRevision(file, bytes, { skim = false } = {}) {
	if (!isRevisionFile(file)) return void 0;
	const { source, problem: decoding } = decodePython(bytes);
	const glanced = skim ? glanceOver(source) : void 0;
	const { module, problem: syntax } = glanced ? {
		module: glanced,
		problem: void 0
	} : parseModule(source);
	const positionOf = positionsIn(source);
	const { values, bindings, star } = moduleValues(module);
	const problems = [];
	const report = (reason, line, detail) => problems.push({
		file,
		line,
		reason,
		detail
	});
	if (decoding) report("encoding", decoding.line, decoding.detail);
	if (source.includes("\0")) report("syntax", positionOf(source.indexOf("\0")).line, "source code cannot contain null bytes");
	if (syntax) report("syntax", positionOf(syntax.offset).line, syntax.detail);
	const spanOf = (name) => {
		const binding = bindings.get(name);
		if (!binding) return void 0;
		const { statement, value } = binding;
		const [from, to] = [positionOf(statement.start), positionOf(statement.end)];
		return {
			line: from.line,
			endLine: to.line,
			column: from.column,
			endColumn: to.column,
			start: statement.start,
			end: statement.end,
			...value ? { value: {
				start: value.start,
				end: value.end
			} } : {}
		};
	};
	const lineOf = (name) => spanOf(name)?.line ?? 1;
	const id = values.get("revision");
	const legacy = values.has("revision") || star ? void 0 : /^([a-f0-9]+)\.py$/.exec(file.slice(file.lastIndexOf("/") + 1))?.[1];
	if (typeof id !== "string" && legacy === void 0) {
		if (problems.length > 0) return problems[0];
		if (!values.has("revision") && !star) return {
			file,
			line: 1,
			reason: "no-revision",
			detail: ""
		};
		return id === void 0 ? {
			file,
			line: lineOf("revision"),
			reason: "computed",
			detail: "revision"
		} : {
			file,
			line: lineOf("revision"),
			reason: "refused",
			detail: `revision is ${JSON.stringify(id)} and not a string`
		};
	}
	const ownId = typeof id === "string" ? id : legacy;
	const illegal = [...new Set(ownId.match(/[@\-+:]/g))];
	if (illegal.length > 0) report("refused", lineOf("revision"), `${illegal.join(" ")} not allowed in a revision id`);
	const computed = [];
	const listOf = (name, key) => {
		const value = values.has(name) ? values.get(name) : null;
		const list = stringsOf(value);
		if (list) return list;
		if (value === void 0) computed.push(key);
		else report("refused", lineOf(name), `${name} is ${JSON.stringify(value)}`);
		return [];
	};
	const down = listOf("down_revision", "down");
	const dependsOn = listOf("depends_on", "dependsOn").filter((name) => name !== "");
	const labels = listOf("branch_labels", "labels");
	if (computed.includes("down")) report("computed", lineOf("down_revision"), "down_revision");
	const functionNamed = (name) => {
		const statement = bindings.get(name)?.statement;
		return statement?.kind === "FunctionDef" ? statement : void 0;
	};
	const spanOfFunction = (node) => node && {
		line: positionOf(node.start).line,
		endLine: positionOf(node.end).line
	};
	const downgrade = functionNamed("downgrade");
	return {
		id: ownId,
		down,
		dependsOn,
		labels,
		message: docstring(module)?.trim().split(/\s*\n/, 1)[0] ?? "",
		file,
		source,
		at: {
			revision: spanOf("revision"),
			down: spanOf("down_revision"),
			dependsOn: spanOf("depends_on"),
			labels: spanOf("branch_labels")
		},
		upgrade: spanOfFunction(functionNamed("upgrade")),
		downgrade: spanOfFunction(downgrade),
		downgradeIs: downgrade ? whatItIs(downgrade) : values.has("downgrade") || star ? "code" : "missing",
		...computed.length > 0 ? { computed } : {},
		...problems.length > 0 ? { problem: problems[0] } : {}
	};
}
/** None is no id, a string one, a collection of strings several; undefined where it is something else. */
function stringsOf(value) {
	if (value === null) return [];
	if (typeof value === "string") return [value];
	if (!Array.isArray(value)) return void 0;
	if (value.length === 1 && value[0] === null) return [];
	return value.every((item) => typeof item === "string") ? [...new Set(value)] : void 0;
}
function docstring(block) {
	const first = block.items[0];
	return first?.kind === "Expr" && first.items[0].kind === "String" ? first.items[0].text : void 0;
}
/** Statements that do nothing. */
function idle$1(statement) {
	const [value] = statement.items;
	if (statement.kind === "Pass") return true;
	if (statement.kind === "Expr") return value.kind === "String" || value.kind === "Constant";
	return statement.kind === "Return" && (value === null || value.kind === "Constant" && value.text === "None");
}
function whatItIs(definition) {
	if (definition.items.at(-1).text === "skimmed") return "code";
	const statements = definition.items.at(-1).items.filter((statement) => !idle$1(statement));
	return statements.length === 0 ? "empty" : statements[0].kind === "Raise" ? "raises" : "code";
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
		if (file.problem) unreadable.push(file.problem);
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
	for (const revision of read) for (const label of revision.labels) {
		const other = labels.get(label) ?? revisions.get(label);
		if (other) labelClashes.push({
			label,
			revisions: [revision, other]
		});
		else labels.set(label, revision);
	}
	const labelsKnown = ![...revisions.values()].some((revision) => revision.computed?.includes("labels"));
	const idsKnown = files.every((file) => !("reason" in file) || file.reason === "no-revision");
	const missing = [];
	const parents = /* @__PURE__ */ new Map();
	const dependencies = /* @__PURE__ */ new Map();
	for (const { id, down, dependsOn } of revisions.values()) {
		const up = [];
		for (const parent of new Set(down)) if (revisions.has(parent)) up.push(parent);
		else if (idsKnown) missing.push({
			id,
			parent,
			from: "down_revision"
		});
		parents.set(id, up);
		const needed = /* @__PURE__ */ new Set();
		for (const name of new Set(dependsOn)) {
			const target = revisions.get(name) ?? labels.get(name);
			if (target) needed.add(target.id);
			else if (idsKnown && labelsKnown) missing.push({
				id,
				parent: name,
				from: "depends_on"
			});
		}
		dependencies.set(id, [...needed]);
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
		unreadable,
		complete: idsKnown && !read.some(({ computed }) => computed?.includes("down"))
	};
}
/**
* The graph with Alembic's own answers where only Python can tell a value.
*
* @param loaded all revisions that Alembic has loaded; those that the graph does not have are looked through
* @returns undefined where nothing was left open
*/
function completedBy(graph, loaded) {
	const open = [...graph.revisions.values()].filter(({ computed }) => computed);
	if (open.length === 0) return void 0;
	const byId = new Map(loaded.map((header) => [header.id, header]));
	const nearest = (ids) => {
		const reached = new Set(ids);
		for (const id of reached) {
			if (graph.revisions.has(id)) continue;
			reached.delete(id);
			for (const other of byId.get(id)?.down ?? []) reached.add(other);
		}
		return [...reached];
	};
	const told = open.flatMap((revision) => {
		const header = byId.get(revision.id);
		if (!header) return [];
		const { computed, problem, ...rest } = revision;
		const has = (key) => computed.includes(key);
		return [{
			...rest,
			...problem && problem.reason !== "computed" && { problem },
			...has("down") && { down: nearest(header.down) },
			...has("dependsOn") && { dependsOn: nearest(header.dependsOn) },
			...has("labels") && { labels: [...header.labels] }
		}];
	});
	const known = new Map(told.map((revision) => [revision.id, revision]));
	const others = graph.unreadable.filter((problem) => ![...graph.revisions.values()].some((one) => one.problem === problem));
	const rest = graph.duplicates.flatMap(({ files }) => files.filter((file) => graph.revisions.get(file.id) !== file));
	return buildGraph([
		...others,
		...rest,
		...[...graph.revisions.values()].map((one) => known.get(one.id) ?? one)
	]);
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
const blobId = (bytes, algorithm = "sha1") => hash(algorithm, Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]), "hex");
/** Milliseconds for which files are parsed at a stretch: the server and the processes that start meanwhile are heard in between. */
const TURN = 5;
/**
* Reads the revision graph of one environment.
*
* @param cache share one between two trees of a repository: files that are the same in both are read once
* @param skim whether of a file no more is needed than its header
*/
async function readGraph(tree, environment, cache = /* @__PURE__ */ new Map(), skim = () => false) {
	const files = await revisionFiles(tree, environment);
	const read = [];
	const unread = [];
	let turn = performance.now();
	for (const [index, file] of files.entries()) {
		const known = await tree.id?.(file);
		const key = known === void 0 ? void 0 : `${known}:${file}`;
		if (key !== void 0 && cache.has(key)) read[index] = cache.get(key);
		else unread.push(readInto(index, file, key));
	}
	await Promise.all(unread);
	return buildGraph(read.filter((file) => file !== void 0));
	async function readInto(index, file, known) {
		const bytes = await tree.read(file);
		if (!bytes) return;
		const key = known ?? `${blobId(bytes)}:${file}`;
		if (performance.now() - turn > TURN) {
			await new Promise(setImmediate);
			turn = performance.now();
		}
		if (!cache.has(key)) cache.set(key, readRevision(file, bytes, { skim: skim(file) }));
		read[index] = cache.get(key);
	}
}
// src/history/names.ts
/** With these, names can be used in ways that cannot be seen. */
const HIDING = /* @__PURE__ */ new Set([
	"eval",
	"exec",
	"globals",
	"locals",
	"vars",
	"getattr",
	"__dict__"
]);
/** Visits a node and all below it. */
function walk(node, visit) {
	visit(node);
	for (const item of node.items) if (item) walk(item, visit);
}
/** Whether a name is used anywhere below a node. */
function mentions(node, name) {
	let found = false;
	walk(node, (inner) => {
		found ||= (inner.kind === "Name" || inner.kind === "Attribute") && inner.text === name;
	});
	return found;
}
/** What each imported name stands for: `sa` for `sqlalchemy`. Names that mean two things, or are bound otherwise too, are left out. */
function importsOf(module) {
	const found = /* @__PURE__ */ new Map();
	const bind = (name, path) => found.set(name, found.has(name) && found.get(name) !== path ? void 0 : path);
	const rebound = /* @__PURE__ */ new Set();
	walk(module, (node) => {
		if (node.kind === "Import" || node.kind === "ImportFrom") {
			for (const { name, path } of aliasesOf(node)) if (name !== "*") bind(name, path);
		} else for (const name of boundBy(node)) rebound.add(name);
	});
	return new Map([...found].filter((entry) => entry[1] !== void 0 && !rebound.has(entry[0])));
}
/** Names that are bound without anybody binding them. */
const BUILTINS = new Set("abs aiter all anext any ascii basestring bin bool breakpoint buffer bytearray bytes callable chr classmethod cmp compile complex delattr dict dir divmod enumerate eval exec file filter float format frozenset getattr globals hasattr hash help hex id input int intern isinstance issubclass iter len list locals long map max memoryview min next object oct open ord pow print property range raw_input reduce reload repr reversed round set setattr slice sorted staticmethod str sum super tuple type unichr unicode vars xrange zip __import__ __name__ __file__ __doc__ NotImplemented Warning".split(" "));
/** Whether nothing gives a name a meaning, in this file or in Python itself. */
function isFree(module, name) {
	if (BUILTINS.has(name) || /(?:Error|Exception|Warning|Interrupt|Exit|StopIteration|StopAsyncIteration)$/.test(name)) return false;
	let bound = false;
	walk(module, (node) => {
		if (node.kind === "Import" || node.kind === "ImportFrom") bound ||= aliasesOf(node).some((alias) => alias.name === name || alias.name === "*");
		else bound ||= boundBy(node).includes(name);
	});
	return !bound;
}
/** The names that an import binds, and what they stand for. */
function aliasesOf(node) {
	return node.items.map((alias) => {
		const other = alias.items[0]?.text;
		if (node.kind === "ImportFrom") return {
			name: other ?? alias.text,
			path: canonicalPath(`${node.text}${node.text.endsWith(".") ? "" : "."}${alias.text}`)
		};
		const first = alias.text.split(".")[0];
		return other === void 0 ? {
			name: first,
			path: first
		} : {
			name: other,
			path: alias.text
		};
	});
}
/** The same object under its shortest name: SQLAlchemy offers most of what it has at its top. */
const canonicalPath = (path) => path.replace(/^sqlalchemy\.(?:sql\.expression|sql|types|schema)\.(?=[A-Za-z]\w*$)/, "sqlalchemy.");
/** The names that a node binds by itself, imports aside. */
function boundBy(node) {
	const targets = (target) => {
		if (!target) return [];
		if (target.kind === "Name") return [target.text];
		return target.kind === "Tuple" || target.kind === "List" || target.kind === "Starred" ? target.items.flatMap(targets) : [];
	};
	switch (node.kind) {
		case "Assign": return node.items.slice(0, -1).flatMap(targets);
		case "AnnAssign":
		case "AugAssign":
		case "For":
		case "AsyncFor":
		case "Comprehension":
		case "Named": return targets(node.items[0]);
		case "WithItem": return targets(node.items[1]);
		case "Delete": return node.items.flatMap(targets);
		case "Param":
		case "VarParam":
		case "KwParam":
		case "FunctionDef":
		case "AsyncFunctionDef":
		case "ClassDef":
		case "Handler":
		case "CapturePattern":
		case "AsPattern":
		case "StarPattern":
		case "RestPattern":
		case "TypeAlias": return [node.text];
		case "Global": return node.text.split(" ");
		case "Invalid": return [...node.text.matchAll(/[\p{XID_Start}_][\p{XID_Continue}]*/gu)].map(([name]) => name);
		default: return [];
	}
}
/** All names that are used below some nodes. */
function namesIn(nodes) {
	const names = /* @__PURE__ */ new Set();
	for (const one of nodes) walk(one, (node) => {
		if (node.kind === "Name") names.add(node.text);
		if (node.kind === "Invalid") for (const [name] of node.text.matchAll(/[\p{XID_Start}_][\p{XID_Continue}]*/gu)) names.add(name);
	});
	return names;
}
// src/history/canonical.ts
/** Literals, and collections of them: evaluating them does nothing. */
function inert(node) {
	switch (node.kind) {
		case "String":
		case "Bytes":
		case "Number":
		case "Constant":
		case "Name":
		case "Lambda": return true;
		case "Tuple":
		case "List":
		case "Set":
		case "Dict":
		case "Pair":
		case "Binary":
		case "Unary":
		case "Attribute": return node.items.every((item) => item === null || inert(item));
		case "Call": return node.items[0].text === "getLogger" && node.items.slice(1).every((item) => inert(item));
		default: return false;
	}
}
/** Arguments of a class; `object` is what a class without bases inherits from. */
const basesOf = (definition) => definition.items[2].items.filter(({ kind, text }) => kind !== "Name" || text !== "object");
/** Writes statements in the canonical form. */
function write(nodes, imports, options) {
	const form = {
		tokens: [],
		offsets: []
	};
	/** The names that the function at hand gives to its own values: what they are called means nothing. */
	let locals;
	let unused = /* @__PURE__ */ new Set();
	const put = (token, at) => {
		form.tokens.push(token);
		form.offsets.push(at.start);
	};
	const close = (at) => {
		form.tokens.push(")");
		form.offsets.push(at.start);
	};
	const group = (kind, at, items) => {
		put(`(${kind}`, at);
		for (const item of items) if (item) expression(item);
		else if (item === null) put("-", at);
		close(at);
	};
	/** The full name that a dotted expression stands for, where its first part is imported. */
	const pathOf = (node) => {
		if (node.kind === "Name") return imports.get(node.text);
		const base = node.kind === "Attribute" ? pathOf(node.items[0]) : void 0;
		return base === void 0 ? void 0 : canonicalPath(`${base}.${node.text}`);
	};
	const nothing = (node) => idle(node, options.documented) || unused.has(node) || !options.settings && setsOnly(node);
	const expression = (node) => {
		const local = node.kind === "Name" ? locals?.get(node.text) : void 0;
		if (local !== void 0) {
			group(`Name of value ${local}`, node, []);
			return;
		}
		const path = pathOf(node);
		const builtin = path === void 0 ? void 0 : GENERIC_ALIASES.get(path);
		if (builtin !== void 0) {
			group(`Name ${builtin}`, node, []);
			return;
		}
		if (path !== void 0) {
			put(`import ${options.qualified || /^(?:sqlalchemy|alembic)\b/.test(path) ? path : path.slice(path.lastIndexOf(".") + 1)}`, node);
			return;
		}
		switch (node.kind) {
			case "Number":
				put(numberOf(node.text), node);
				return;
			case "Unary": {
				const inner = node.items[0];
				if (node.text === "not" && inner.kind === "Compare" && (inner.text === "in" || inner.text === "is")) {
					group(`Compare ${inner.text === "in" ? "not in" : "is not"}`, node, inner.items);
					return;
				}
				break;
			}
			case "Lambda":
				put("(Lambda", node);
				parameters(node.items[0]);
				expression(node.items[1]);
				close(node);
				return;
			case "Subscript": {
				const union = unionOf(pathOf(node.items[0]), node.items[1]);
				if (union) {
					expression(union);
					return;
				}
				break;
			}
			case "Call": {
				const format = formatted(node);
				if (format) {
					expression(format);
					return;
				}
				const [callee, given, ...others] = node.items;
				if (pathOf(callee) === "sqlalchemy.select" && given?.kind === "List" && others.length === 0) {
					group("Call", node, [callee, ...given.items]);
					return;
				}
				const first = given && takesSql(callee) ? unwrapped(given, pathOf(callee) === "alembic.op.execute") : void 0;
				const statement = first && (formatted(first) ?? first);
				if (statement?.kind !== "String" && statement?.kind !== "FString") break;
				put("(Call", node);
				expression(callee);
				sql(statement);
				for (const other of others) expression(other);
				close(node);
				return;
			}
			case "Attribute": {
				const modern = MODERN_NAMES[node.text];
				if (modern === void 0) break;
				group(`Attribute ${modern}`, node, node.items);
				return;
			}
			case "Binary": {
				const joined = formatted(node) ?? concatenated(node);
				if (joined) {
					expression(joined);
					return;
				}
				break;
			}
			case "String":
			case "Bytes":
				put(`${node.kind} ${JSON.stringify(node.text)}`, node);
				return;
		}
		group(node.text === "" ? node.kind : `${node.kind} ${node.text}`, node, node.items);
	};
	/** SQL as text, without the wrapping that SQLAlchemy 2 wants: it means nothing where the text has no marks of its own. */
	const unwrapped = (node, always) => {
		const path = node.kind === "Call" && node.items.length === 2 ? pathOf(node.items[0]) : void 0;
		const wrapped = path === "sqlalchemy.text" || path === "sqlalchemy.DDL" ? node.items[1] : void 0;
		const inner = wrapped && (formatted(wrapped) ?? wrapped);
		const parts = inner && partsOf$1(inner);
		const marked = parts?.some(({ kind, text }) => kind === "String" && /[%\\]|:\w/.test(text)) ?? true;
		return inner && parts && (!marked || always && path === "sqlalchemy.text") ? inner : node;
	};
	/** Statements that only give the session a time limit. */
	const setsOnly = (node) => {
		const call = node.kind === "Expr" ? node.items[0] : void 0;
		if (call?.kind !== "Call" || call.items.length !== 2 || !takesSql(call.items[0])) return false;
		const { kind, text } = unwrapped(call.items[1], true);
		return kind === "String" && text.split(";").filter((piece) => piece.trim() !== "").every((piece) => TIME_LIMIT.test(piece));
	};
	/** SQL, with marks where values are put in. */
	const sql = (node) => {
		const parts = node.kind === "FString" ? node.items : [node];
		put(`Sql ${JSON.stringify(plainSql(parts.map((part) => part.kind === "String" ? part.text : MARK$1).join("")))}`, node);
		for (const part of parts) if (part.kind !== "String") expression(part);
	};
	const parameters = (node) => {
		put("(Params", node);
		for (const parameter of node.items) group(`${parameter.kind} ${parameter.text}`, parameter, [parameter.items[1]]);
		close(node);
	};
	/** Statements of a block; nothing where they do nothing. */
	const block = (node, inClass = false) => {
		if (!node) return;
		for (const item of node.items) if (!nothing(item)) statement(item, inClass);
	};
	const definition = (node) => {
		const [decorators, , params, , body] = node.items;
		const outer = {
			locals,
			unused
		};
		if (!locals) {
			unused = unusedConnections(node);
			locals = ownValues(node, (one) => unused.has(one) || !options.settings && setsOnly(one));
		}
		put(`(${node.kind} ${node.text}`, node);
		for (const decorator of decorators.items) expression(decorator);
		parameters(params);
		put("(Body", body);
		const items = body.items.filter((one) => !nothing(one));
		while (items.at(-1)?.kind === "Return" && returnsNothing(items.at(-1))) items.pop();
		for (const item of items) statement(item, false);
		close(body);
		close(node);
		({locals, unused} = outer);
	};
	/** `connection = op.get_bind()` where nothing uses the connection, settings aside that do not count. */
	const unusedConnections = (definition) => {
		const uses = /* @__PURE__ */ new Map();
		const connections = [];
		const visit = (node) => {
			if (!options.settings && setsOnly(node)) return;
			const value = node.kind === "Assign" && node.items.length === 2 && node.items[0].kind === "Name" ? node.items[1] : void 0;
			if (value?.kind === "Call" && value.items.length === 1 && pathOf(value.items[0]) === "alembic.op.get_bind") connections.push(node);
			if (node.kind === "Name") uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
			for (const item of node.items) if (item) visit(item);
		};
		visit(definition);
		return new Set(connections.filter((node) => uses.get(node.items[0].text) === 1));
	};
	const compound = (kind, node, parts, blocks) => {
		put(`(${kind}`, node);
		for (const part of parts) if (part) expression(part);
		else put("-", node);
		blocks.forEach((one, index) => {
			if (!one) return;
			const from = form.tokens.length;
			put(`(Body ${index}`, one);
			block(one);
			if (index > 0 && form.tokens.length === from + 1) {
				form.tokens.length = from;
				form.offsets.length = from;
			} else close(one);
		});
		close(node);
	};
	const statement = (node, inClass) => {
		const { items } = node;
		switch (node.kind) {
			case "Import":
			case "ImportFrom":
				for (const { name, path } of aliasesOf(node)) if (name === "*" || imports.get(name) !== path) put(`import ${path} as ${name}`, node);
				return;
			case "FunctionDef":
			case "AsyncFunctionDef":
				definition(node);
				return;
			case "ClassDef": {
				const [decorators, , , body] = items;
				put(`(ClassDef ${node.text}`, node);
				for (const decorator of decorators.items) expression(decorator);
				for (const argument of basesOf(node)) expression(argument);
				put("(Body", body);
				block(body, true);
				close(body);
				close(node);
				return;
			}
			case "AnnAssign":
				if (inClass) group("AnnAssign", node, items);
				else if (items[2]) group("Assign", node, [items[0], items[2]]);
				return;
			case "If":
				compound("If", node, [items[0]], [items[1], items[2]]);
				return;
			case "While":
				compound("While", node, [items[0]], [items[1], items[2]]);
				return;
			case "For":
			case "AsyncFor":
				compound(node.kind, node, [items[0], items[1]], [items[2], items[3]]);
				return;
			case "With":
			case "AsyncWith":
				compound(node.kind, node, items.slice(0, -1), [items.at(-1)]);
				return;
			case "Try":
				put(`(Try${node.text}`, node);
				put("(Body", items[0]);
				block(items[0]);
				close(items[0]);
				for (const part of items.slice(1)) if (part?.kind === "Handler") compound(`Handler ${part.text}`, part, [part.items[0]], [part.items[1]]);
				else if (part) compound(part.kind, part, [], [part]);
				close(node);
				return;
			case "Match":
				put("(Match", node);
				expression(items[0]);
				for (const one of items.slice(1)) compound("Case", one, [one.items[0], one.items[1]], [one.items[2]]);
				close(node);
				return;
			case "Raise": {
				const [exception, cause] = items;
				const bare = exception?.kind === "Call" && exception.items.length === 1 ? exception.items[0] : exception;
				group("Raise", node, [bare, cause]);
				return;
			}
			case "Return":
				group("Return", node, returnsNothing(node) ? [] : items);
				return;
			default: group(node.text === "" ? node.kind : `${node.kind} ${node.text}`, node, items);
		}
	};
	for (const node of nodes) if (!nothing(node)) statement(node, false);
	return form;
}
const returnsNothing = (node) => node.items[0] === null || node.items[0].kind === "Constant" && node.items[0].text === "None";
/** Statements that do nothing to a database: `pass`, docstrings, annotations without a value, what is printed or logged. */
function idle(node, documented) {
	if (node.kind === "Pass") return true;
	if (node.kind !== "Expr") return false;
	const value = node.items[0];
	return value.kind === "Constant" || value.kind === "Number" || value.kind === "String" && !documented || tells(value);
}
const LOG_METHODS = /* @__PURE__ */ new Set([
	"debug",
	"info",
	"warning",
	"warn",
	"error",
	"exception",
	"critical",
	"log"
]);
/** `print(…)` or `log.info(…)`, of values that nothing has to be done for. */
function tells(call) {
	if (call.kind !== "Call") return false;
	const callee = call.items[0];
	const logger = callee.items[0];
	if (!(callee.kind === "Attribute" && LOG_METHODS.has(callee.text) && /^_*log(?:ger|ging)?$/i.test(logger.text)) && (callee.kind !== "Name" || callee.text !== "print")) return false;
	let quiet = true;
	for (const argument of call.items.slice(1)) walk(argument, (node) => {
		const harmless = node.kind === "Call" && /^(?:format|len|str|repr|sorted|join|_\w{0,2})$/.test(node.items[0].text);
		if ([
			"Await",
			"Yield",
			"YieldFrom",
			"Named"
		].includes(node.kind) || node.kind === "Call" && !harmless) quiet = false;
	});
	return quiet;
}
const TIME_LIMIT = /^\s*SET\s+(?:SESSION\s+|LOCAL\s+)?\w*_timeout\s*(?:=|TO\b)/i;
/** Methods that SQLAlchemy has renamed. */
const MODERN_NAMES = {
	isnot: "is_not",
	notin_: "not_in",
	notlike: "not_like",
	notilike: "not_ilike",
	nullsfirst: "nulls_first",
	nullslast: "nulls_last"
};
/** Numbers for the names that a function binds to values, in the order in which they come. Names that are seen outside are none of them. */
function ownValues(definition, nothing) {
	const names = /* @__PURE__ */ new Map();
	const others = /* @__PURE__ */ new Set();
	const visit = (node, inClass) => {
		if (nothing(node)) return;
		const values = [
			"Assign",
			"AnnAssign",
			"AugAssign",
			"For",
			"AsyncFor",
			"Comprehension",
			"Named",
			"WithItem"
		].includes(node.kind);
		const bound = node.kind === "Import" || node.kind === "ImportFrom" ? aliasesOf(node).map(({ name }) => name) : boundBy(node);
		for (const name of bound) if (!values || inClass) others.add(name);
		else if (!names.has(name)) names.set(name, names.size);
		if (node.kind === "Nonlocal") for (const name of node.text.split(" ")) others.add(name);
		if (node.kind === "Name" && HIDING.has(node.text)) others.add("*");
		for (const item of node.items) if (item) visit(item, inClass || node.kind === "ClassDef");
	};
	visit(definition, false);
	if (others.has("*")) return /* @__PURE__ */ new Map();
	for (const name of others) names.delete(name);
	return names;
}
/** What `typing` has under a name of its own. */
const GENERIC_ALIASES = /* @__PURE__ */ new Map([
	["typing.List", "list"],
	["typing.Dict", "dict"],
	["typing.Tuple", "tuple"],
	["typing.Set", "set"],
	["typing.FrozenSet", "frozenset"],
	["typing.Type", "type"]
]);
/** `Optional[x]` is `x | None`, and `Union[x, y]` is `x | y`. */
function unionOf(path, index) {
	const place = {
		items: [],
		start: index.start,
		end: index.end
	};
	const either = (left, right) => ({
		...place,
		kind: "Binary",
		text: "|",
		items: [left, right]
	});
	if (path === "typing.Optional") return either(index, {
		...place,
		kind: "Constant",
		text: "None"
	});
	return path === "typing.Union" && index.kind === "Tuple" ? index.items.reduce(either) : void 0;
}
/** Functions whose first argument is SQL. */
const takesSql = (callee) => callee.kind === "Attribute" && [
	"execute",
	"exec_driver_sql",
	"text",
	"scalar",
	"scalars",
	"DDL"
].includes(callee.text) || callee.kind === "Name" && ["text", "DDL"].includes(callee.text);
/** Stands where a value is put into a text. */
const MARK$1 = "\0";
/** Words that mean the same however they are written, and that name nothing unless they are quoted. */
const KEYWORDS = new Set("ADD ALL ALTER AND ANY AS ASC BEGIN BETWEEN BY CASCADE CASE CHECK COLUMN COMMIT CONSTRAINT CREATE CROSS DEFAULT DELETE DESC DISTINCT DO DROP ELSE END EXISTS FOREIGN FROM FULL GROUP HAVING IF ILIKE IN INDEX INNER INSERT INTO IS JOIN LEFT LIKE LIMIT NOT NULL ON OR ORDER OUTER PRIMARY REFERENCES RENAME RETURNING RIGHT SELECT SET TABLE THEN TO UNION UNIQUE UPDATE USING VALUES WHEN WHERE WITH".split(" "));
/** SQL without comments, with one space where there is white space, and keywords in capitals. What stands in quotes is left alone. */
function plainSql(source) {
	const pieces = source.matchAll(/[eE]'(?:[^'\\]|''|\\[^])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[^]*?\1|(--[^\n]*|\/\*[^]*?\*\/|\s+)|([A-Za-z_]\w*)|[^]/g);
	let plain = "";
	let open = false;
	for (const piece of pieces) {
		open ||= piece[0] === "'" || piece[0] === "\"";
		const word = open ? void 0 : piece[3]?.toUpperCase();
		if (word !== void 0 && KEYWORDS.has(word) && !/[:$@\w\u0000]$|%\($/.test(plain)) plain += word;
		else if (piece[2] === void 0) plain += piece[0];
		else if (!plain.endsWith(" ")) plain += " ";
	}
	return plain.trim();
}
const textNode = (text, at) => ({
	kind: "String",
	text,
	items: [],
	start: at.start,
	end: at.end
});
const fieldNode = (value, conversion, format) => ({
	kind: "Field",
	text: `!${conversion}`,
	items: [value, format === "" ? null : {
		kind: "FString",
		text: "",
		items: [textNode(format, value)],
		start: value.start,
		end: value.end
	}],
	start: value.start,
	end: value.end
});
/** One literal of several parts; no part is empty, and no two texts follow each other. */
function literalOf(parts, at) {
	const merged = [];
	for (const part of parts) {
		const last = merged.at(-1);
		if (part.kind === "String" && part.text === "") continue;
		if (part.kind === "String" && last?.kind === "String") merged[merged.length - 1] = textNode(last.text + part.text, last);
		else merged.push(part);
	}
	if (merged.every(({ kind }) => kind === "String")) return textNode(merged[0]?.text ?? "", at);
	return {
		kind: "FString",
		text: "",
		items: merged,
		start: at.start,
		end: at.end
	};
}
const partsOf$1 = (node) => node.kind === "String" ? [node] : node.kind === "FString" ? node.items : void 0;
/** Literals that are added: one literal. */
function concatenated({ text, items: [left, right] }) {
	if (text !== "+") return void 0;
	const before = left.kind === "Binary" ? concatenated(left) : left;
	const [first, second] = [before && partsOf$1(before), partsOf$1(right)];
	return first && second && literalOf([...first, ...second], left);
}
/** `"{}".format(x)` and `"%s" % x` are `f"{x}"`, where nothing but names and plain formats are used. */
function formatted(node) {
	if (node.kind === "Call") {
		const [callee, ...given] = node.items;
		const template = callee.kind === "Attribute" && callee.text === "format" ? callee.items[0] : void 0;
		return template?.kind === "String" ? byBraces(template, given) : void 0;
	}
	return node.kind === "Binary" && node.text === "%" && node.items[0].kind === "String" ? byPercent(node.items[0], node.items[1]) : void 0;
}
function byBraces(template, given) {
	if (given.some(({ kind, text }) => kind === "Starred" || kind === "Keyword" && text === "")) return void 0;
	const byPlace = given.filter(({ kind }) => kind !== "Keyword");
	const byName = new Map(given.filter(({ kind }) => kind === "Keyword").map(({ text, items }) => [text, items[0]]));
	const parts = [];
	let next = 0;
	for (const piece of template.text.matchAll(/\{\{|\}\}|\{(\w*)(?:!([rsa]))?(?::([^{}]*))?\}|[{}]|[^{}]+/g)) {
		const [whole, name, conversion, format] = piece;
		if (name !== void 0) {
			const value = name === "" ? byPlace[next++] : /^\d+$/.test(name) ? byPlace[Number(name)] : byName.get(name);
			if (!value) return void 0;
			parts.push(fieldNode(value, conversion ?? "", format ?? ""));
		} else if (whole === "{" || whole === "}") return void 0;
		else parts.push(textNode(whole === "{{" || whole === "}}" ? whole[0] : whole, template));
	}
	return literalOf(parts, template);
}
function byPercent(template, given) {
	const byPlace = given.kind === "Tuple" ? given.items : [given];
	if (byPlace.some(({ kind }) => kind === "Starred")) return void 0;
	const byName = new Map(given.kind === "Dict" ? given.items.map((pair) => [pair.items[0]?.kind === "String" ? pair.items[0].text : "", pair.items[1]]) : []);
	const parts = [];
	let next = 0;
	for (const piece of template.text.matchAll(/%%|%(?:\((\w+)\))?([sr])|%|[^%]+/g)) {
		const [whole, name, conversion] = piece;
		if (conversion !== void 0) {
			const value = name === void 0 ? byPlace[next++] : byName.get(name);
			if (!value || name === void 0 && given.kind === "Dict") return void 0;
			parts.push(fieldNode(value, conversion === "r" ? "r" : "", ""));
		} else if (whole === "%") return void 0;
		else parts.push(textNode(whole === "%%" ? "%" : whole, template));
	}
	return byName.size === 0 && next !== byPlace.length ? void 0 : literalOf(parts, template);
}
/** `0x10`, `16` and `1_6` are the same number; `1.` and `1.0` are. */
function numberOf(text) {
	const plain = text.replaceAll("_", "").toLowerCase();
	if (/^(?:0[xob][\da-f]+|\d+)$/.test(plain)) return `Number ${BigInt(/^0\d/.test(plain) ? plain.replace(/^0+(?=\d)/, "") : plain)}`;
	return plain.endsWith("j") ? `Number ${plain}` : `Number ${Number(plain)} float`;
}
// src/history/cosmetic.ts
/**
* Whether two versions of a revision do the same, as far as their syntax trees tell: both are written in one canonical form, in
* which all that has no effect is gone, and the forms are compared.
*
* Set aside: comments, formatting, docstrings and other statements without effect, how literals are written, redundant parentheses
* and commas, annotations, the header, how and where names are imported, imports, functions and constants that nothing uses, the order
* of definitions, what is printed or logged, constants that hold a literal, and white space, comments and the case of keywords in SQL.
*/
const HEADER = /* @__PURE__ */ new Set([
	"revision",
	"down_revision",
	"branch_labels",
	"depends_on"
]);
/** What Alembic calls by itself. */
const ENTRIES = [
	"",
	"upgrade",
	"downgrade"
];
/** Compares two versions of a revision, their headers aside. */
function compareBodies(before, after) {
	const modules = [parseModule(before.source).module, parseModule(after.source).module];
	const documented = modules.some((module) => mentions(module, "__doc__"));
	const lent = new Map([...importsOf(modules[1]), ...importsOf(modules[0])].filter(([name]) => importsOf(modules[0]).has(name) || isFree(modules[0], name)));
	const differing = (options, inlined = false) => {
		const all = {
			documented,
			qualified: true,
			settings: true,
			...options
		};
		const first = canonical(modules[0], lent, all, inlined);
		const second = canonical(modules[1], importsOf(modules[1]), all, inlined);
		return {
			first,
			second,
			names: [.../* @__PURE__ */ new Set([...second.keys(), ...first.keys()])].filter((name) => first.get(name)?.tokens.join("\n") !== second.get(name)?.tokens.join("\n"))
		};
	};
	const { first, second, names } = differing({});
	if (names.length === 0 || differing({}, true).names.length === 0) return { same: true };
	const functions = [
		...ENTRIES.slice(1).filter((name) => names.includes(name)),
		...names.filter((name) => !ENTRIES.includes(name)),
		...names.filter((name) => name === "")
	];
	const shown = functions.find((name) => second.has(name));
	const offset = shown === void 0 ? void 0 : firstDifference(first.get(shown), second.get(shown));
	return {
		same: false,
		functions,
		line: offset === void 0 ? after.upgrade?.line ?? after.at.revision?.line ?? 1 : positionsIn(after.source)(offset).line,
		importsOnly: differing({ qualified: false }).names.length === 0,
		settingsOnly: differing({ settings: false }).names.length === 0
	};
}
/** Whether the two revisions do the same, and that is something. */
function sameWork(a, b) {
	const { module } = parseModule(a.source);
	const forms = canonical(module, importsOf(module), {
		documented: false,
		qualified: true,
		settings: true
	});
	return ["upgrade", "downgrade"].some((name) => (forms.get(name)?.tokens.length ?? 0) > 6) && compareBodies(a, b).same;
}
function firstDifference(before, after) {
	const index = after.tokens.findIndex((token, position) => token !== before?.tokens[position]);
	return after.offsets[index === -1 ? after.offsets.length - 1 : index];
}
/** @param inlined literals stand in the place of the constants that hold them */
function canonical(module, imports, options, inlined = false) {
	const forms = /* @__PURE__ */ new Map();
	const written = module.items;
	const definitions = written.flatMap((statement) => {
		const name = definedName(statement);
		return name === void 0 ? [] : [name];
	});
	const hidden = [...HIDING].some((name) => mentions(module, name));
	const bindings = /* @__PURE__ */ new Map();
	walk(module, (node) => {
		for (const name of boundBy(node)) bindings.set(name, (bindings.get(name) ?? 0) + 1);
	});
	/** A definition stands for itself where its name means nothing else in the file. */
	const alone = (name) => definitions.filter((other) => other === name).length === 1 && (bindings.get(name) === 1 || ENTRIES.includes(name));
	const constants = /* @__PURE__ */ new Map();
	for (const statement of hidden || !inlined ? [] : written) {
		const name = definedName(statement);
		const value = name !== void 0 && alone(name) && !isHeader(statement) ? valueOf(statement) : void 0;
		if (value && LITERALS.has(value.kind)) constants.set(name, value);
	}
	const statements = constants.size === 0 ? written : written.map((statement) => withConstants(statement, constants));
	const rest = [];
	const used = /* @__PURE__ */ new Map();
	for (const statement of statements) {
		if (isHeader(statement)) continue;
		const name = definedName(statement);
		if (name === void 0 || !alone(name)) rest.push(statement);
		else {
			forms.set(name, write([statement], imports, options));
			used.set(name, namesIn([statement]));
		}
	}
	forms.set("", write(rest, imports, options));
	used.set("", namesIn(rest));
	const reached = new Set(ENTRIES);
	for (const name of reached) for (const other of used.get(name) ?? []) reached.add(other);
	for (const name of forms.keys()) if (!reached.has(name) && !hidden) forms.delete(name);
	return forms;
}
const LITERALS = /* @__PURE__ */ new Set([
	"String",
	"Bytes",
	"Number",
	"Constant"
]);
/** What an assignment gives to its name. */
const valueOf = ({ kind, items }) => kind === "Assign" ? items[1] : kind === "AnnAssign" ? items[2] : void 0;
/** The tree with the values of constants in the place of their names, but where they are given. */
function withConstants(node, constants) {
	if (node.kind === "Name" && constants.has(node.text)) return {
		...constants.get(node.text),
		start: node.start,
		end: node.end
	};
	const isDefinition = (node.kind === "Assign" || node.kind === "AnnAssign") && node.items[0]?.kind === "Name";
	let changed = false;
	const items = node.items.map((item, index) => {
		const other = item && !(isDefinition && index === 0) ? withConstants(item, constants) : item;
		changed ||= other !== item;
		return other;
	});
	return changed ? {
		...node,
		items
	} : node;
}
/** Assigns nothing but what Alembic reads as the header. */
function isHeader(statement) {
	if (statement.kind !== "Assign" && statement.kind !== "AnnAssign") return false;
	const names = boundBy(statement);
	return names.length > 0 && names.every((name) => HEADER.has(name));
}
/** The name of a definition that may stand anywhere: a function or class without decorators, or a constant. */
function definedName(statement) {
	switch (statement.kind) {
		case "FunctionDef":
		case "AsyncFunctionDef": return statement.items[0].items.length === 0 || ENTRIES.includes(statement.text) ? statement.text : void 0;
		case "ClassDef": return statement.items[0].items.length === 0 && basesOf(statement).length === 0 ? statement.text : void 0;
		case "Assign": return statement.items.length === 2 && statement.items[0].kind === "Name" && inert(statement.items[1]) ? statement.items[0].text : void 0;
		case "AnnAssign": return statement.items[0].kind === "Name" && statement.items[2] && inert(statement.items[2]) ? statement.items[0].text : void 0;
		default: return;
	}
}
// src/history/helpers.ts
/** Which other files a revision's effect depends on. */
/**
* Those of the files that a revision imports, or whose names stand in it.
*
* @param files relative to the root, Python modules and others
*/
function helpersOf(revision, files) {
	const possible = files.filter((file) => revision.source.includes(stemOf(file)));
	if (possible.length === 0) return [];
	const modules = /* @__PURE__ */ new Set();
	const strings = [];
	const visit = (node) => {
		if (node.kind === "Import") for (const alias of node.items) modules.add(alias.text);
		if (node.kind === "ImportFrom") for (const alias of node.items) modules.add(`${node.text.replace(/^\.+/, "")}.${alias.text}`.replace(/^\./, ""));
		if (node.kind === "String") strings.push(node.text);
		for (const item of node.items) if (item) visit(item);
	};
	visit(parseModule(revision.source).module);
	return possible.filter((file) => file.endsWith(".py") ? [...modules].some((module) => mayBe(module, file)) : strings.some((string) => string.endsWith(nameOf(file))));
}
const nameOf = (file) => file.slice(file.lastIndexOf("/") + 1);
/** What of a file's name stands in code that uses it: a module's name, else the whole name. */
const stemOf = (file) => file.endsWith(".py") ? dotted(file).at(-1) ?? "" : nameOf(file);
const dotted = (file) => file.replace(/(?:\/__init__)?\.py$/, "").split("/");
/** Whether an imported name, or a package above it, may be this file, wherever the import path begins. */
function mayBe(module, file) {
	const parts = module.split(".");
	const path = dotted(file);
	return parts.some((_, index) => {
		const prefix = parts.slice(0, index + 1);
		return prefix.length <= path.length && prefix.every((part, at) => part === path[path.length - prefix.length + at]);
	});
}
// src/history/past.ts
/** The commit in an answer of `git log`; undefined where a shallow clone ends there, since then nobody knows what came before. */
function landing(git, answer) {
	const [commit, date, parent] = (answer ?? "").split(" ");
	return commit && date && (parent || !git.shallow) ? {
		commit,
		date
	} : void 0;
}
const FORMAT = "--format=%H %cs %P";
/** Milliseconds: what the past says is worth a moment, and no more in a long one. */
const PATIENCE$5 = { timeout: 2e3 };
/** When a file came to the base branch: of a merged pull request the merge, not the commit on its own branch. */
async function landingOf(git, { commit, mergeBase }, file) {
	const command = [
		"log",
		"-1",
		"--first-parent",
		"-m",
		"--no-renames",
		"--diff-filter=A",
		FORMAT,
		commit,
		"--",
		file
	];
	const found = landing(git, await git.ask(command, PATIENCE$5));
	const cutBefore = found && mergeBase !== void 0 && await git.ask([
		"cat-file",
		"-e",
		`${mergeBase}:${file}`
	]) === void 0;
	return found && {
		...found,
		...cutBefore && { afterCut: true }
	};
}
/**
* Whether the base branch had a file in exactly this version before.
*
* @param blob git's id of the version
* @returns the commit that changed it to something else
*/
async function replacedBy(git, tip, file, blob) {
	const command = [
		"log",
		"-1",
		"--no-renames",
		`--find-object=${blob}`,
		FORMAT,
		tip,
		"--",
		file
	];
	return landing(git, await git.ask(command, PATIENCE$5));
}
/**
* Those of some revisions that no tag contains: their id stands in no version of the folders that leads to a tag.
*
* @param folders of revision files, relative to the root
* @returns not known where this clone has no tags; the reason is a sentence for people
*/
async function unreleasedOf(git, revisions, folders) {
	if (revisions.length === 0) return {
		known: true,
		value: /* @__PURE__ */ new Set()
	};
	const untold = (why) => ({
		known: false,
		reason: text$1`${code("released: tags")} is set, but ${why}: every revision of the base branch counts as applied (a checkout with ${code("fetch-depth: 0")} has all tags)`
	});
	if (git.shallow) return untold("this clone is shallow");
	if (!await git.ask(["tag", "--list"])) return untold("this clone has no tags");
	const places = folders.map((folder) => folder === "" ? "." : folder);
	const released = await Promise.all(revisions.map(async ({ id, at }) => {
		if (!at.revision) return true;
		const literal = `['"]${id.replaceAll(/[^\w]/g, String.raw`\$&`)}['"]`;
		return await git.ask([
			"log",
			"-1",
			"--tags",
			"--pickaxe-regex",
			`-S${literal}`,
			"--format=%H",
			"--",
			...places
		]) !== "";
	}));
	return {
		known: true,
		value: new Set(revisions.flatMap(({ id }, index) => released[index] ? [] : [id]))
	};
}
// src/history/history.ts
/** What the pull request does to the revisions that the base branch has. Facts only; the rules judge. */
const sameSet = (a, b) => a.length === b.length && a.every((item) => b.includes(item));
/**
* Compares the graphs of both sides.
*
* @param given.helpers files beside the revisions that the base branch has and the pull request changed or deleted
*/
function compareHistory(given) {
	const { base, baseGraph, headGraph, changedFiles, helpers = [] } = given;
	const added = [...headGraph.revisions.keys()].filter((id) => !baseGraph.revisions.has(id));
	const changes = /* @__PURE__ */ new Map();
	for (const [id, before] of baseGraph.revisions) {
		const after = (headGraph.duplicates.find((duplicate) => duplicate.id === id)?.files)?.find(({ file }) => file === before.file) ?? headGraph.revisions.get(id);
		changes.set(id, after ? compare(before, after, helpers) : {
			...vanished(before),
			...becameOf(before, added, headGraph)
		});
	}
	return {
		base,
		graph: baseGraph,
		changes,
		added,
		changedFiles,
		landed: /* @__PURE__ */ new Map(),
		unreleased: /* @__PURE__ */ new Set()
	};
}
function compare(before, after, helpers) {
	const { id } = before;
	const comparison = before.source === after.source ? void 0 : compareBodies(before, after);
	const unknown = (key) => before.computed?.includes(key) || after.computed?.includes(key);
	const same = (key) => unknown(key) || sameSet(before[key], after[key]);
	const touched = comparison === void 0 || comparison.same ? helpersOf(after, helpers) : [];
	return {
		id,
		before,
		after,
		body: comparison === void 0 ? "same" : comparison.same ? "cosmetic" : "edited",
		...comparison && !comparison.same && { edited: (({ same: _, ...difference }) => difference)(comparison) },
		...touched.length > 0 && { helpers: touched },
		moved: before.file !== after.file,
		...!same("down") && { reparented: {
			before: before.down,
			after: after.down
		} },
		dependenciesChanged: !same("dependsOn"),
		labelsChanged: !same("labels")
	};
}
const vanished = (before) => ({
	id: before.id,
	before,
	body: "deleted",
	moved: false,
	dependenciesChanged: false,
	labelsChanged: false
});
/** The new revision that a vanished one became. */
function becameOf(before, added, headGraph) {
	const candidates = added.map((id) => headGraph.revisions.get(id));
	const became = candidates.find(({ file }) => file === before.file) ?? candidates.find((candidate) => sameWork(before, candidate));
	return became ? { becameId: became.id } : {};
}
/** The environment as the base branch has it, which may be in another folder. */
async function onBase(tree, environment, graph, cache, skim) {
	const here = {
		baseEnvironment: environment,
		baseGraph: await readGraph(tree, environment, cache, skim)
	};
	if (here.baseGraph.revisions.size > 0 || graph.revisions.size === 0) return here;
	const others = await findEnvironments(tree, {}).catch((error) => {
		if (error instanceof Failure) return [];
		throw error;
	});
	let [best, most] = [here, 0];
	for (const baseEnvironment of others) {
		const baseGraph = await readGraph(tree, baseEnvironment, cache, skim);
		const shared = [...baseGraph.revisions.keys()].filter((id) => graph.revisions.has(id)).length;
		if (shared > most) [best, most] = [{
			baseEnvironment,
			baseGraph
		}, shared];
	}
	return best;
}
/** Files that revisions may open. Others are code, or nothing that a migration reads. */
const DATA = /\.(?:sql|psql|csv|tsv|json|ya?ml|txt|xml)$/;
/** Asking about so few costs next to nothing, whether or not they turn out to be edited. */
const FEW = 3;
/**
* Has git read what changed revisions were before, and look for their versions in the past, while we read and parse the others.
*
* @returns once git is at work: the commits that replaced the pull request's versions, by file, as far as they were asked for
*/
async function askAhead({ git, base, tree, environment }, changed) {
	const baseTree = commitTree(git, base.commit);
	const lists = await Promise.all(environment.versionFolders.map((folder) => baseTree.list(folder).catch(() => [])));
	const there = new Set(lists.flat());
	const files = (await changed.catch(() => [])).filter((file) => file.endsWith(".py") && there.has(file));
	for (const file of files) baseTree.read(file).catch(() => void 0);
	return new Map(files.length > FEW ? [] : files.map((file) => [file, replacing(git, base, tree, file, file).catch(() => void 0)]));
}
/** The commit of the base branch that replaced what the pull request has of a file. */
async function replacing(git, base, tree, before, after) {
	const bytes = await tree.read(after);
	return bytes && replacedBy(git, base.commit, before, blobId(bytes, git.objectFormat));
}
/**
* Reads both sides of one environment and compares them.
*
* @param given.tree the working tree
* @returns the pull request's graph as it will be once merged, and the history
*/
async function readHistory(given) {
	const { git, base, tree, environment, released, cache = /* @__PURE__ */ new Map() } = given;
	const changed = changedFiles(git, base);
	const baseTree = commitTree(git, base.commit);
	const replaced = await askAhead({
		git,
		base,
		tree,
		environment
	}, changed);
	const differing = new Set(given.skim ? await changed : []);
	const skim = (file) => given.skim === true && !differing.has(file);
	const graph = await readGraph(mergedTree(git, tree, base), environment, cache, skim);
	const { baseEnvironment, baseGraph } = await onBase(baseTree, environment, graph, cache, skim);
	const changedFiles$1 = await changed;
	const revisions = new Set([...baseGraph.revisions.values(), ...graph.revisions.values()].map(({ file }) => file));
	const beside = [baseEnvironment.scriptLocation, ...baseEnvironment.versionFolders].map((folder) => folder === "" ? "" : `${folder}/`);
	const candidates = changedFiles$1.filter((file) => !revisions.has(file) && (DATA.test(file) || file.endsWith(".py") && beside.some((folder) => file.startsWith(folder))));
	const known = await Promise.all(candidates.map((file) => baseTree.id(file)));
	const history = compareHistory({
		base,
		baseGraph,
		headGraph: graph,
		changedFiles: changedFiles$1,
		helpers: candidates.filter((_, index) => known[index] !== void 0)
	});
	const folders = [...baseEnvironment.versionFolders, ...environment.versionFolders];
	return {
		graph,
		history: {
			...history,
			...await past({
				git,
				tree,
				graph,
				history,
				folders,
				released,
				replaced
			})
		}
	};
}
/** More edits than this are no reverts of single ones. */
const MOST_RESTORED = 20;
/** What the base branch's commits tell, asked only where something follows from it. */
async function past(given) {
	const { git, tree, graph, history, folders, released, replaced } = given;
	const landings = (graph.heads.length > 1 ? graph.heads.filter((head) => history.graph.revisions.has(head)) : []).map(async (id) => [id, await landingOf(git, history.base, history.graph.revisions.get(id).file)]);
	const changed = [...history.changes.values()].filter(({ body, reparented, dependenciesChanged, helpers }) => body === "edited" || body === "deleted" || reparented || dependenciesChanged || helpers);
	const edited = changed.filter(({ body, edited }) => body === "edited" && !edited.settingsOnly);
	const restored = (edited.length > MOST_RESTORED ? [] : edited).map(async ({ id, before, after, moved }) => {
		return [id, await ((moved ? void 0 : replaced.get(before.file)) ?? replacing(git, history.base, tree, before.file, after.file))];
	});
	const unreleased = await (released === "tags" ? unreleasedOf(git, changed.map(({ before }) => before), folders) : void 0);
	const restores = new Map(await Promise.all(restored));
	const found = (entry) => entry[1] !== void 0;
	return {
		changes: new Map([...history.changes].map(([id, change]) => [id, restores.get(id) ? {
			...change,
			restores: restores.get(id)
		} : change])),
		landed: new Map((await Promise.all(landings)).filter(found)),
		unreleased: unreleased?.known ? unreleased.value : /* @__PURE__ */ new Set(),
		...unreleased && !unreleased.known && { releasedUnknown: unreleased.reason }
	};
}
/** Whether the base branch has a revision as it is, comments and formatting aside, in the same place. */
function isUntouched(id, history) {
	if (!history?.graph.revisions.has(id)) return false;
	const change = history.changes.get(id);
	if (!change) return true;
	const { body, helpers, reparented, dependenciesChanged, labelsChanged, becameId } = change;
	return (body === "same" || body === "cosmetic") && !helpers && !reparented && !dependenciesChanged && !labelsChanged && becameId === void 0;
}
// src/history/neighbours.ts
/** What other open pull requests add to an environment. Their commits are fetched into a place of their own, and nothing of them is run. */
/** Milliseconds. A verdict waits for its own run only a little longer. */
const PATIENCE$4 = 2e4;
/** Who adds more revision files than this is not looked at. */
const MOST_FILES = 50;
/** A revision is never as large; what else strangers put into their branches is not fetched. */
const LARGEST = "256k";
/** @throws GitError where a commit cannot be had, or not in time */
async function fetchAside(git, event, commits) {
	const { token } = event;
	const server = (event.serverUrl ?? "https://github.com").replace(/\/+$/, "");
	const folder = await mkdtemp(path.join(tmpdir(), "alembic-gate-pulls-"));
	const remove = () => rm(folder, {
		recursive: true,
		force: true
	});
	try {
		const bare = gitIn(folder, git);
		await bare.run([
			"init",
			"--quiet",
			"--bare",
			`--object-format=${git.objectFormat}`
		]);
		const objects = (await git.run([
			"rev-parse",
			"--git-path",
			"objects"
		])).toString("utf8").trim();
		await writeFile(path.join(folder, "objects", "info", "alternates"), `${path.resolve(git.root, objects)}\n`);
		await bare.run([
			"config",
			"remote.origin.url",
			await urlOf(git, event, server)
		]);
		const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${token ?? ""}`).toString("base64")}`;
		await bare.run([
			"fetch",
			"--quiet",
			"--no-tags",
			"--depth=1",
			`--filter=blob:limit=${LARGEST}`,
			"--end-of-options",
			"origin",
			...commits
		], {
			network: true,
			timeout: PATIENCE$4,
			...token && { environment: configEnvironment({ [`http.${server}/.extraheader`]: header }) }
		});
		return {
			git: bare,
			remove
		};
	} catch (error) {
		await remove();
		throw error;
	}
}
/** Where the checkout came from; by the token where it came by a key, which only the checkout knows. */
async function urlOf(git, { payload }, server) {
	const url = (await git.run([
		"remote",
		"get-url",
		"origin"
	])).toString("utf8").trim();
	if (/^(https?|file):\/\//.test(url)) return url;
	const repository = at$1(payload, "repository", "full_name");
	return repository === void 0 ? url : `${server}/${repository}.git`;
}
/** The revisions that each pull request has and the base branch has not. */
async function readNeighbours(given) {
	const { git, aside, base, environment, pulls } = given;
	const there = commitTree(git, base.commit);
	const folders = environment.versionFolders;
	await Promise.all(folders.map((folder) => there.list(folder)));
	const neighbours = [];
	for (const { number, head } of pulls) {
		const tree = commitTree(aside, head);
		const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
		const known = await Promise.all(files.map((file) => there.id(file)));
		const added = files.filter((_, index) => known[index] === void 0);
		if (added.length > MOST_FILES) continue;
		const revisions = [];
		for (const file of added) {
			const bytes = await tree.read(file);
			const read = bytes && readRevision(file, bytes);
			if (read && "id" in read) revisions.push(read);
		}
		if (revisions.length > 0) neighbours.push({
			number,
			revisions
		});
	}
	return neighbours;
}
// src/neighbours.ts
/** What other open pull requests add, asked for at most once for all environments and only where this one adds revisions. */
function neighboursFor({ git }, { event, openPullRequests }) {
	let listing;
	let fetching;
	const notChecked = [];
	const skip = (reason) => {
		if (notChecked.length === 0) notChecked.push({
			what: "other open pull requests",
			reason
		});
	};
	return {
		async of({ environment }, reading) {
			const { graph, history } = await reading;
			if (!git || !event || !openPullRequests || !graph.known || !history.known) return void 0;
			if (history.value.added.length === 0 || !graph.value.complete) return void 0;
			const listed = await (listing ??= openPullRequests());
			if (!listed.known) {
				skip(listed.reason);
				return listed;
			}
			const { pulls, more } = listed;
			if (more) skip(text$1`only the ${pulls.length} that were touched last are compared with this one`);
			if (pulls.length === 0) return {
				known: true,
				value: []
			};
			try {
				const commits = pulls.map(({ head }) => head);
				const aside = await (fetching ??= fetchAside(git, event, commits));
				const { base } = history.value;
				return {
					known: true,
					value: await readNeighbours({
						git,
						aside: aside.git,
						base,
						environment,
						pulls
					})
				};
			} catch (error) {
				const reason = text$1`their commits could not be fetched: ${(error instanceof GitError ? error.stderr : String(error)).split("\n", 1)[0]}`;
				skip(reason);
				return {
					known: false,
					reason
				};
			}
		},
		notChecked: () => notChecked,
		async remove() {
			await (await fetching?.catch(() => void 0))?.remove();
		}
	};
}
// src/postgres/serving.ts
/** What servers of our own run as, and where they listen. Light: it is loaded before it is known whether any is wanted. */
/** Whether a choice of server names one of somebody else. */
const isUrl = (choice) => /^postgres(ql)?(\+\w+)?:\/\//i.test(choice);
/** Above those that systems give to connections by chance, and those that programs are known by. */
const PORTS = {
	first: 61e3,
	last: 65535
};
/** All of 127.0.0.0/8 is this machine on Linux: there the servers of one family share a port, and each has an address of its own. */
const HOST = "127.0.0.1";
const hasAddresses = process.platform === "linux";
/** An address of this machine that no other server has. */
const ownAddress = () => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
/** A port that is free now. On Linux one that nobody is given by chance, for all servers that come from one. */
async function choosePort() {
	const attempts = hasAddresses ? 20 : 0;
	for (let attempt = 0; attempt < attempts; attempt++) {
		const port = await listenOnce(randomInt(PORTS.first, PORTS.last + 1)).catch(() => void 0);
		if (port !== void 0) return port;
	}
	return listenOnce(0);
}
/** The port of all servers that come from one, where it can be chosen before the first of them runs. */
const ownPort = async () => hasAddresses ? choosePort() : void 0;
async function listenOnce(wanted) {
	const listener = createServer().listen(wanted, HOST);
	await once(listener, "listening");
	const { port } = listener.address();
	listener.close();
	await once(listener, "close");
	return port;
}
/** initdb and postgres refuse to run as root: then they run as `nobody`. Undefined where we are not root. */
function servingUser() {
	if (process.getuid?.() !== 0) return void 0;
	const [, , uid, gid] = (existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8").split("\n") : []).map((line) => line.split(":")).find(([name]) => name === "nobody") ?? [];
	return {
		uid: Number(uid ?? 65534),
		gid: Number(gid ?? 65534)
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
// src/postgres/installed.ts
/** Finds the Postgres servers that are installed on this machine. */
const run$1 = promisify(execFile);
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
	/** By what their program really is: links in /usr/local/bin and two entries of PATH lead to the same one, which is asked once. */
	const servers = /* @__PURE__ */ new Map();
	const look = (folder) => {
		const program = programIn(folder);
		if (program !== void 0 && !servers.has(program)) servers.set(program, inspect(folder, signal));
	};
	const configured = run$1("pg_config", ["--bindir"], {
		env,
		...signal ? { signal } : {}
	}).then(({ stdout }) => look(stdout.trim()), () => {});
	for (const [parent, name, programs] of families) for (const entry of entriesOf(parent)) if (name.test(entry)) look(join(parent, entry, programs));
	const onPath = (env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
	for (const folder of [
		...env.PGBIN ? [env.PGBIN] : [],
		"/usr/local/pgsql/bin",
		...onPath
	]) look(folder);
	await configured;
	const found = await Promise.all(servers.values());
	signal?.throwIfAborted();
	return found.filter((entry) => entry !== void 0).sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
}
function entriesOf(parent) {
	try {
		return readdirSync(parent);
	} catch {
		return [];
	}
}
/** What the server's program in a folder really is; undefined where there is none that we can run. */
function programIn(folder) {
	try {
		for (const program of ["initdb", "postgres"]) accessSync(join(folder, program), constants.X_OK);
		const program = realpathSync(join(folder, "postgres"));
		return servingUser() && !isOpenToAll(program) ? void 0 : program;
	} catch {
		return;
	}
}
/** The server in a folder; undefined where we cannot use it. */
async function inspect(folder, signal) {
	try {
		const version = await versionOf(folder, signal);
		const major = Number.parseInt(version);
		return major >= 13 ? {
			provider: "installed",
			folder,
			version,
			major
		} : void 0;
	} catch {
		return;
	}
}
/** `16.4`, as `postgres --version` says it. */
async function versionOf(folder, signal) {
	const { stdout } = await run$1(join(folder, "postgres"), ["--version"], signal ? { signal } : {});
	const version = /\(PostgreSQL\) (\d+[\w.]*)/.exec(stdout)?.[1];
	if (!version) throw new Error(`${folder}/postgres --version says ${stdout}`);
	return version;
}
// src/project/factory.ts
/** Environments without alembic.ini: a function of the project's builds the Config in Python. */
/**
* The environment whose Config a function builds. No project code runs: the folder of env.py is looked for.
*
* @throws Failure (exit code 2) where the function's module or the folder cannot be found
*/
async function factoryEnvironment(tree, { factory, directory, config }) {
	const [, name] = /^(\w+(?:\.\w+)*):\w+(?:\.\w+)*$/.exec(factory) ?? [];
	if (name === void 0) throw new Failure(2, text$1`${code("config-factory")} is ${code(factory)}, which names no function.`, text$1`Write its module and its name: ${block("config-factory = \"app.database:alembic_config\"", "toml")}`);
	const { files } = await listingOf(tree);
	const stem = name.replaceAll(".", "/");
	const isIt = (file) => [`${stem}.py`, `${stem}/__init__.py`].some((end) => file === end || file.endsWith(`/${end}`));
	const [module] = [...files].filter((file) => isIt(file) && isBelow(file, directory)).sort(byDepth);
	if (module === void 0) throw new Failure(2, text$1`There is no module ${code(name)} in the repository, which ${code("config-factory")} names.`, text$1`It is looked for as ${code(`${stem}.py`)}, in any folder.`);
	const scriptLocation = config[0] === void 0 ? await onlyFolder(tree, files, directory) : path$1.join(directory, config[0]);
	if (!files.has(path$1.join(scriptLocation, "env.py"))) throw new Failure(2, text$1`There is no ${code("env.py")} in ${code(scriptLocation)}, which ${code("config")} names.`, text$1`With ${code("config-factory")}, ${code("config")} is the folder of env.py: what the function sets as script_location.`);
	const importable = module.slice(0, -(module.endsWith("/__init__.py") ? `${stem}/__init__.py` : `${stem}.py`).length).replace(/\/$/, "");
	return {
		name: factory,
		config: module,
		section: "alembic",
		format: "ini",
		kind: "factory",
		factory,
		directory: path$1.basename(importable) === "src" ? folderOf(importable) : importable,
		scriptLocation,
		versionFolders: [path$1.join(scriptLocation, "versions")],
		recursive: false,
		prependSysPath: [".", "src"]
	};
}
/** The folder with an env.py of Alembic. */
async function onlyFolder(tree, files, directory) {
	const candidates = [...files].filter((file) => path$1.basename(file) === "env.py" && isBelow(file, directory) && !isTemplate(file));
	const isAlembics = async (file) => /\balembic\b/.test(new TextDecoder().decode(await tree.read(file)));
	const folders = (await Promise.all(candidates.map(async (file) => await isAlembics(file) ? [folderOf(file)] : []))).flat().sort(byDepth);
	if (folders.length === 1) return folders[0];
	throw new Failure(2, folders.length === 0 ? text$1`There is no ${code("env.py")} of Alembic in the repository.` : text$1`There are several folders with an ${code("env.py")}: ${listOf(folders)}.`, text$1`Name the one that ${code("config-factory")} uses: ${block("config = [\"path/to/migrations\"]", "toml")}`);
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
	const ordered = PLACES.flatMap((isPlace) => files.filter(isPlace).sort((a, b) => byDepth(a, b) || a.length - b.length));
	for (const file of ordered) {
		const source = new TextDecoder().decode(await tree.read(file));
		for (const [index, line] of source.split(/\r\n|\r|\n/).entries()) {
			const image = imageOn(line);
			const major = image === void 0 ? void 0 : majorOf$1(image);
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
function majorOf$1(image) {
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
	const folders = /* @__PURE__ */ new Map();
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
		async read(given) {
			const file = given.replaceAll(path.sep, "/");
			const end = file.lastIndexOf("/");
			const dir = file.slice(0, Math.max(end, 0));
			let folder = folders.get(dir);
			if (!folder) folders.set(dir, folder = locate(dir));
			const place = await folder;
			return place === void 0 ? void 0 : bytesOf(`${place}${path.sep}${file.slice(end + 1)}`);
		}
	};
}
/** The bytes of a file that is no link; a named pipe would be read for ever. At once, since waiting for hundreds of files takes far longer than reading them. */
function bytesOf(absolute) {
	try {
		if (!lstatSync(absolute).isFile()) return void 0;
	} catch {
		return;
	}
	return readFileSync(absolute);
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
// src/opening.ts
/** What the gate needs before it judges: the checkout, the settings, the environments, the base commit, the server. */
/** @throws Failure (exit code 2) for a folder that is none */
async function openCheckout(given, { cwd }) {
	const folder = path.resolve(cwd, typeof given.directory === "string" ? given.directory : ".");
	if (!await stat(folder).then((found) => found.isDirectory(), () => false)) throw new Failure(2, text$1`There is no folder ${code(folder)}.`, text$1`Name the folder of the project, or leave it out for the current one.`);
	const git = await openGit(folder);
	return {
		folder,
		root: git?.root ?? folder,
		...git && { git }
	};
}
/** @throws Failure (exit code 2) for bad settings, or no environment */
async function openProject(given, { folder, root, git }) {
	const directory = path.relative(root, folder).split(path.sep).join("/");
	const tree = workTree(root);
	const settingsOf = async (place) => layer(given, (await readSettingsFile(tree, place)).given);
	const settings = await settingsOf(directory);
	const { config, configFactory: factory } = settings;
	const environments = (factory === void 0 ? await findEnvironments(tree, {
		directory,
		config,
		names: settings.name
	}) : [await factoryEnvironment(tree, {
		factory,
		directory,
		config
	})]).map(async (environment) => {
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
/** Begins to look while the project is opened; undefined where the arguments say that no server of our own is wanted. */
function lookAhead(given, { env, signal }) {
	const { postgres = "auto" } = given;
	if (given.static === true || postgres !== "auto" && postgres !== "installed") return void 0;
	const ahead = {
		installed: findInstalled(env, signal),
		port: ownPort()
	};
	for (const found of Object.values(ahead)) found.catch(() => {});
	return ahead;
}
/** The throwaway server that the settings of an environment, or the repository's own files, ask for. */
function serverFor({ settings: { postgres: choice }, tree }, { env, signal }, ahead) {
	const servers = /* @__PURE__ */ new Map();
	const ports = /* @__PURE__ */ new Map();
	const load = () => import("./server.js");
	const portOf = (given) => {
		const own = ports.size === 0 && !isUrl(choice) ? ahead?.port : void 0;
		const port = ports.get(given) ?? own ?? load().then((loaded) => loaded.portOf({
			choice,
			env
		}));
		ports.set(given, port);
		return port;
	};
	const start = async (given) => {
		const major = given ?? (await wantedPostgres(tree))?.major;
		const [{ startServer }, port] = await Promise.all([load(), portOf(given)]);
		return startServer({
			choice,
			env,
			signal,
			...ahead && { installed: ahead.installed },
			...major !== void 0 && { major },
			...port !== void 0 && { port }
		});
	};
	return {
		get({ postgresVersion }) {
			const server = servers.get(postgresVersion) ?? start(postgresVersion);
			servers.set(postgresVersion, server);
			return server;
		},
		port: ({ postgresVersion }) => portOf(postgresVersion),
		async stop() {
			const booted = await Promise.allSettled(servers.values());
			await Promise.all(booted.flatMap((server) => server.status === "fulfilled" ? [server.value.stop()] : []));
		}
	};
}
// src/run/later.ts
/** A promise that somebody else keeps; only the first call of `resolve` counts. */
function later() {
	let resolve;
	return {
		promise: new Promise((keep) => resolve = keep),
		resolve
	};
}
// src/run/load-request.ts
/** How a process is told which environment to load. */
/** What every request names. @param root absolute root of the files */
const environmentToLoad = (environment, root, { x, allowHosts }) => ({
	config: path.join(root, environment.config),
	format: environment.format,
	section: environment.section,
	kind: environment.kind,
	...environment.factory !== void 0 && { factory: environment.factory },
	x: [...x],
	root,
	...allowHosts.length > 0 && { allowed: allowHosts }
});
// src/project/project-environment.ts
/** The environment variables that the project's own code gets to see. */
/** The gate's inputs, tokens, and the files through which a step speaks to the runner. */
const WITHHELD = /^(INPUT_.*|ACTIONS_.*|GITHUB_TOKEN|GH_TOKEN|GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY))$/;
/** What libpq reads. A project may read these as well, and want them while it is imported: they then lead nowhere. */
const LIBPQ = /^PG[A-Z]+$/;
const NOWHERE = {
	PGHOST: "127.0.0.1",
	PGPORT: "1",
	PGUSER: "nobody",
	PGPASSWORD: "none",
	PGDATABASE: "none"
};
/** The caller's variables without what belongs to the runner, to us, and to the caller's own databases. */
function projectEnvironment(env) {
	const kept = Object.entries(env).filter(([name]) => !WITHHELD.test(name) && (!LIBPQ.test(name) || name in NOWHERE));
	return Object.fromEntries(kept.map(([name, value]) => [name, NOWHERE[name] ?? value]));
}
// src/run/process.ts
/** The Python process and its copy: lines of JSON on descriptors of their own, what they print, and their end. */
const logBytes = 65536;
/** As many copies can be made of a process. */
const COPIES = 4;
/** How long, in milliseconds, what a dead process wrote may be on its way: a program that it left behind may hold its ends open for ever. */
const draining = 500;
/** Sets come in the same order each time, unless the caller wants another one: two runs say the same, and two processes do. */
const hashSeed = ({ PYTHONHASHSEED: given }) => given !== void 0 && /^\d+$/.test(given) ? given : "0";
/** NumPy's OpenBLAS starts a thread for each processor when it is imported, and a process with threads is not copied. */
const FEW_THREADS = { OPENBLAS_NUM_THREADS: "1" };
function startEarly(options) {
	let listener;
	const early = startProcess(options, (event) => listener?.(event));
	return {
		command: options.python.join(" "),
		take(hear) {
			if (listener) return void 0;
			listener = hear;
			return early;
		},
		drop() {
			if (!listener) early.kill();
		}
	};
}
/** Starts driver/ in a process group of its own; `hear` gets every event. */
function startProcess({ python: [command, ...rest], directory, env }, hear) {
	const child = spawn(command, [...rest, driverFolder()], {
		cwd: directory,
		env: {
			...FEW_THREADS,
			...projectEnvironment(env),
			PYTHONHASHSEED: hashSeed(env)
		},
		detached: true,
		stdio: ["ignore", ...Array.from({ length: 12 }, () => "pipe")]
	});
	const ends = child.stdio;
	const outgoing = ends[3];
	const readable = [
		child.stdout,
		child.stderr,
		ends[4]
	];
	/** The ends of copies that were not made yet. */
	const spare = Array.from({ length: COPIES }, (_, index) => 5 + 2 * index).map((end) => ({
		outgoing: ends[end],
		incoming: ends[end + 1]
	}));
	for (const stream of [
		...readable,
		outgoing,
		...spare.flatMap(Object.values)
	]) stream.on("error", () => {});
	listen(readable[2], hear);
	let written = Buffer.alloc(0);
	let total = 0;
	for (const stream of readable.slice(0, 2)) stream.on("data", (chunk) => {
		total += chunk.length;
		written = Buffer.concat([written, chunk]);
		if (written.length > 2 * logBytes) written = written.subarray(-65536);
	});
	/** The copies that are still there: they print to the same ends. */
	const copies = /* @__PURE__ */ new Set();
	const [drained, heard] = [readable, readable.slice(2)].map((all) => Promise.all(all.map((stream) => once(stream, "close"))));
	const letGo = async () => {
		await Promise.all(copies);
		for (const stream of readable) stream.destroy();
	};
	const ended = new Promise((resolve) => {
		const finish = async (status, signal) => {
			await Promise.race([copies.size > 0 ? heard : drained, setTimeout$1(draining, void 0, { ref: false })]);
			for (const stream of spare.flatMap(Object.values)) stream.destroy();
			letGo();
			resolve(signal ? `was ended by ${signal}` : `ended with exit code ${status}`);
		};
		child.once("error", (error) => resolve(error.message));
		child.once("exit", (status, signal) => void finish(status, signal));
	});
	const log = (since = 0) => {
		const known = total - written.length;
		return written.subarray(Math.max(0, written.length - logBytes, since - known)).toString("utf8").trim();
	};
	return {
		started: child.pid !== void 0,
		ended,
		send: sender(outgoing),
		kill() {
			if (child.pid !== void 0) killed(-child.pid);
		},
		log,
		written: () => total,
		copy(id, hearCopy) {
			const { incoming, outgoing: toCopy } = spare.shift();
			listen(incoming, hearCopy);
			let gone = false;
			const copyEnded = once(incoming, "close").then(() => {
				gone = true;
				copies.delete(copyEnded);
				return "ended";
			});
			copies.add(copyEnded);
			return {
				started: true,
				ended: copyEnded,
				send: sender(toCopy),
				kill() {
					if (gone) return;
					killed(-id);
					setTimeout(() => incoming.destroy(), draining).unref();
				},
				log,
				written: () => total,
				copy: () => {
					throw new Error("a copy is not copied");
				}
			};
		}
	};
}
function listen(input, hear) {
	createInterface({ input }).on("line", (line) => {
		if (line.endsWith("}")) hear(JSON.parse(line));
	});
}
const sender = (output) => (request) => {
	output.write(`${JSON.stringify(request)}\n`);
};
/** Kills a process or, where the id is negative, a whole group. */
function killed(id) {
	try {
		process.kill(id, "SIGKILL");
	} catch {}
}
/** driver/ lies beside src/ and beside dist/. */
function driverFolder() {
	for (let folder = import.meta.dirname;; folder = path.dirname(folder)) {
		const candidate = path.join(folder, "driver");
		if (existsSync(path.join(candidate, "__main__.py"))) return candidate;
		if (folder === path.dirname(folder)) throw new Error("the folder driver/ is missing from this installation");
	}
}
// src/run/effect.ts
/** What an edit of an applied revision changes in the statements that it executes. */
/** Ids of the revisions whose effect may have changed. */
const editedIds = ({ changes }) => [...changes.values()].filter(({ body, helpers, after }) => after && (body === "edited" || helpers)).map(({ id }) => id);
/** The edits with what executing both versions has shown, where that is more than could be rendered. */
function withExecuted(edits, executed) {
	return new Map([...edits].map(([id, { upgrade, downgrade }]) => {
		const shown = executed?.get(id);
		return [id, {
			upgrade: better(upgrade, shown?.upgrade),
			downgrade: better(downgrade, shown?.downgrade)
		}];
	}));
}
function better(effect, shown) {
	if (!shown) return effect;
	if (effect.kind === "unknown") return effect.rendered || shown.kind !== "unknown" || shown.executed !== void 0 ? shown : effect;
	if (effect.kind !== "different" || shown.kind === "settings-only" || !shown.executed) return effect;
	return {
		...effect,
		data: effect.data || !shown.executed.sameRows,
		executed: {
			...shown.executed,
			rendered: true
		}
	};
}
/** Compares what edited revisions would execute, without a database. */
async function compareEdits(task) {
	const { history } = task;
	const ids = editedIds(history);
	if (ids.length === 0) return /* @__PURE__ */ new Map();
	const changes = ids.map((id) => history.changes.get(id));
	const start = startTwo(task);
	const [before, after] = await Promise.all([render(task, start, task.baseRoot(), changes.map(({ id, before }) => ({
		id,
		file: before.file
	}))), render(task, start, Promise.resolve(task.root), changes.map(({ id, after }) => ({
		id,
		file: after.file
	})))]);
	const edits = /* @__PURE__ */ new Map();
	for (const id of ids) {
		const sides = [before(id), after(id)];
		const [upgrade, downgrade] = await Promise.all([compareSides(...sides, "upgrade"), compareSides(...sides, "downgrade")]);
		edits.set(id, {
			upgrade,
			downgrade
		});
	}
	return edits;
}
/** Whether Python looks for modules where it is started. */
const looksAround = ({ PYTHONPATH = "" }) => PYTHONPATH !== "" && !PYTHONPATH.split(path.delimiter).every((entry) => path.isAbsolute(entry));
/** Starts a process for each side, which imports Alembic while the files are laid out; the second is a copy of the first. */
function startTwo({ root, environment, python, env }) {
	const startIn = (place, hear) => startProcess({
		python,
		directory: path.join(place, environment.directory),
		env
	}, hear);
	if (looksAround(env)) return async (place, hear) => startIn(await place, hear);
	let first;
	const copied = later();
	return async (_, hear) => {
		if (!first) {
			first = startIn(root, (event) => event.type === "copied" ? copied.resolve(event.process) : hear(event));
			first.send({ type: "copy" });
			return first;
		}
		const id = await Promise.race([copied.promise, first.ended.then(() => null)]);
		return id === null ? startIn(root, hear) : first.copy(id, hear);
	};
}
async function render(task, start, laidOut, revisions) {
	const { environment, settings, signal } = task;
	const told = /* @__PURE__ */ new Map();
	let failed;
	let hung = false;
	const patience = Math.max(settings.timeout, 60);
	let child;
	const kill = () => child?.kill();
	const watchdog = setTimeout(() => {
		hung = true;
		kill();
	}, patience * 1e3);
	child = await start(laidOut, (event) => {
		watchdog.refresh();
		if (event.type === "sql") told.set(event.revision, event);
		if (event.type === "failed") failed = event.raised;
	});
	if (hung || signal.aborted) kill();
	signal.addEventListener("abort", kill, { once: true });
	let end;
	try {
		const root = await laidOut;
		child.send({
			type: "sql",
			...environmentToLoad(environment, root, settings),
			directory: path.join(root, environment.directory),
			ports: [],
			revisions: revisions.map(({ id, file }) => ({
				id,
				file: path.join(root, file)
			}))
		});
		end = await child.ended;
	} finally {
		clearTimeout(watchdog);
		signal.removeEventListener("abort", kill);
		kill();
	}
	signal.throwIfAborted();
	const reason = failed ? text$1`${raisedText(failed)} stops Alembic` : hung ? text$1`nothing happened for ${patience} seconds` : text$1`the Python process ${end}`;
	return (id) => told.get(id) ?? { reason };
}
async function compareSides(before, after, direction) {
	if ("reason" in before) return {
		kind: "unknown",
		reason: before.reason,
		rendered: false
	};
	if ("reason" in after) return {
		kind: "unknown",
		reason: after.reason,
		rendered: false
	};
	return compareRenderings(before[direction], after[direction]);
}
/** Compares what one function would execute before and after. */
async function compareRenderings(before, after) {
	const statements = [before, after].map((rendering) => rendering.statements.filter(({ asks }) => !asks));
	let units = statements.map(unitsOf);
	if (keys(units[0]) !== keys(units[1])) units = await Promise.all(statements.map(parsedUnits));
	const missing = [.../* @__PURE__ */ new Set([...before.missing, ...after.missing])];
	if (missing.length > 0 && keys(units[0]) !== keys(units[1]) && keys(units[0], withoutMissing) === keys(units[1], withoutMissing)) return {
		kind: "unknown",
		reason: text$1`${listOf(missing)} cannot be imported`,
		rendered: true
	};
	const [first, second] = units.map((side) => side.filter(({ sql }) => !isSetting(sql)));
	const common = first.findIndex((unit, index) => unit.key !== second[index]?.key);
	const parted = common === -1 ? first.length : common;
	const open = [first.length === parted && before, second.length === parted && after].filter((side) => side !== false).map(openEnd).find((reason) => reason !== void 0);
	const more = first.length > parted || second.length > parted;
	if (open) {
		const reads = [before, after].flatMap((side) => side.reads ?? []);
		return {
			kind: "unknown",
			reason: open,
			rendered: [before, after].every(isRendered),
			...reads.length > 0 && { reads }
		};
	}
	const stops = !more && Boolean(before.raised) !== Boolean(after.raised);
	if (more || stops) return different(first, second, before, after);
	if (keys(units[0]) === keys(units[1])) return { kind: "same" };
	const settings = units.map((side) => side.filter(({ sql }) => isSetting(sql)).map(({ sql }) => sql));
	return {
		kind: "settings-only",
		before: settings[0],
		after: settings[1]
	};
}
const keys = (units, change = (key) => key) => units.map(({ key }) => change(key)).join("\n");
/** What a missing module would give, whichever of it was asked for; it may contain others. */
const withoutMissing = (key) => key.replaceAll(/<missing (?:[^<>]|<[^<>]*>)*>/g, "<missing>");
/** Whether the function was called, and what is missing was not what stopped it. */
const isRendered = ({ loaded, missing, reads, raised }) => loaded && (missing.length === 0 || reads !== null) && !/^(?:ImportError|ModuleNotFoundError)$/.test(raised?.type ?? "");
/** Why there may be more than was rendered, if so. */
function openEnd({ reads, ended, raised, unsteady }) {
	if (unsteady) return text$1`it does something else each time that it runs`;
	if (reads !== null) return text$1`what it does depends on what it reads (${code(short(reads))})`;
	if (ended || raised?.meant) return void 0;
	return raised && text$1`without a database it stops with ${raisedText(raised)}`;
}
const short = (sql) => {
	const line = sql.replaceAll(/\s+/g, " ").trim();
	return line.length > 80 ? `${line.slice(0, 79)}…` : line;
};
const raisedText = ({ type, message }) => text$1`${code(`${type}: ${short(message)}`)}`;
/** The parts that differ: between what both begin with and what both end with. */
function differing(first, second) {
	const common = first.findIndex((unit, index) => unit.key !== second[index]?.key);
	const parted = common === -1 ? first.length : common;
	let tail = 0;
	const most = Math.min(first.length, second.length) - parted;
	while (tail < most && first.at(-1 - tail).key === second.at(-1 - tail).key) tail += 1;
	return [first.slice(parted, first.length - tail), second.slice(parted, second.length - tail)];
}
function different(first, second, before, after) {
	const parts = differing(first, second);
	const stop = ({ raised }) => raised?.meant ? [`-- raises ${raised.type}: ${short(raised.message)}`] : [];
	const sides = [before, after].map((side) => (before.raised?.meant || false) === (after.raised?.meant || false) ? [] : stop(side));
	return {
		kind: "different",
		before: [...parts[0].map(({ sql }) => sql), ...sides[0]],
		after: [...parts[1].map(({ sql }) => sql), ...sides[1]],
		data: parts.some((part) => part.some(({ sql }) => isData(sql)))
	};
}
// src/memory.ts
/** Files that are kept in memory: what is scratch is written soonest there. */
/** The folder for them, where the system has one. */
const memoryFolder = "/dev/shm";
/** How many bytes there is room for in it; 0 where it is not there or cannot be written. */
function roomInMemory() {
	try {
		accessSync(memoryFolder, constants.W_OK);
		const { bavail, bsize } = statfsSync(memoryFolder);
		return bavail * bsize;
	} catch {
		return 0;
	}
}
// src/history/export.ts
/** Lays the files of a commit into a folder, without touching the checkout or its index. */
/** Files are laid out in memory where that has room for any project. */
const LEAST_ROOM = 2 ** 31;
/**
* @param changed files that the working tree has otherwise than the commit, relative to the root
* @throws GitError where objects are missing
*/
async function exportCommit(git, commit, changed) {
	if (roomInMemory() >= LEAST_ROOM) {
		const inMemory = await exportBelow(memoryFolder, git, commit, changed).catch(() => void 0);
		if (inMemory) return inMemory;
	}
	return exportBelow(tmpdir(), git, commit, changed);
}
async function exportBelow(parent, git, commit, changed) {
	const place = await mkdtemp(path.join(parent, "alembic-gate-base-"));
	const folder = path.join(place, "tree");
	const remove = async () => rmSync(place, {
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
		await lendBytecode(git.root, folder, new Set(changed));
		return {
			folder,
			remove
		};
	} catch (error) {
		await remove();
		throw error;
	}
}
/** Gives the copy what Python has compiled in the working tree: compiling a large project again takes longer than its migrations. */
async function lendBytecode(from, to, changed) {
	const folders = (await readdir(to, {
		recursive: true,
		withFileTypes: true
	})).flatMap((entry) => entry.isDirectory() ? [path.relative(to, path.join(entry.parentPath, entry.name))] : []);
	await Promise.all(["", ...folders].map(async (folder) => {
		const cache = path.join(folder, "__pycache__");
		const names = (await readdir(path.join(from, cache)).catch(() => [])).filter((name) => name.endsWith(".pyc"));
		if (names.length > 0) await mkdir(path.join(to, cache), { recursive: true });
		await Promise.all(names.map(async (name) => {
			const source = path.join(folder, `${name.split(".", 1)[0]}.py`);
			if (changed.has(source.split(path.sep).join("/"))) return;
			try {
				const [{ atime, mtime }] = await Promise.all([stat(path.join(from, source)), stat(path.join(to, source))]);
				await copyFile(path.join(from, cache, name), path.join(to, cache, name));
				await utimes(path.join(to, source), atime, mtime);
			} catch {}
		}));
	}));
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
	const env = projectEnvironment(search.env);
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
		if (probed.size === 0) search.likely?.(program);
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
	if (search.given !== void 0) throw new Failure(2, text$1`The interpreter ${code(search.given)}, which ${code("python")} names, cannot be used.`, text$1`${log} It must have Alembic and SQLAlchemy installed.`);
	const where = search.directory === "" ? text$1`the project` : text$1`${code(search.directory)}`;
	const help = text$1`Tried, in this order: ${log} ${await installation(search)}`;
	throw new Failure(1, text$1`No Python with Alembic was found for ${where}.`, help);
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
			resolve({ reason: lastLine(errors) || (typeof error.code === "number" ? `it ended with exit code ${error.code}` : lastLine(error.message)) });
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
		const place = folder ? `\n  working-directory: ${yamlText(folder)}` : "";
		return text$1`Install the project's packages in a step before this one: ${block(`${way.steps}\n- run: ${way.install}${place}`, "yaml")}`;
	}
	const lines = folder ? `cd ${shellWord(folder)}\n${way.install}` : way.install;
	return text$1`Install the project's packages: ${block(lines, "sh")} or name the interpreter that has them: ${block("alembic-gate --python path/to/python", "sh")}`;
}
// src/run/sql-pieces.ts
/** Reading SQL roughly: it may be anybody's, and what cannot be read is left alone. */
/** An identifier, as the source of a regular expression. */
const NAME = "(?:\"(?:[^\"]|\"\")+\"|[\\w$]+)";
/** A table, with its schema or without, as a group. */
const TABLE = `(${NAME}(?:\\s*\\.\\s*${NAME})?)`;
/** Text between the parenthesis at `open` and the one that closes it, and where that stands. */
function inside(sql, open) {
	let depth = 0;
	for (let at = open; at < sql.length; at++) {
		const character = sql[at];
		if (character === "'" || character === "\"") {
			const end = sql.indexOf(character, at + 1);
			if (end === -1) return void 0;
			at = end;
		} else if (character === "(") depth += 1;
		else if (character === ")" && --depth === 0) return {
			text: sql.slice(open + 1, at).trim(),
			end: at + 1
		};
	}
}
/** The parts between commas, or other separators, that stand in no parentheses and no quotes. */
function split$1(sql, separator = ",") {
	const parts = [];
	let start = 0;
	let depth = 0;
	for (let at = 0; at < sql.length; at++) {
		const character = sql[at];
		if (character === "'" || character === "\"") {
			const end = sql.indexOf(character, at + 1);
			at = end === -1 ? sql.length : end;
		} else if (character === "(" || character === "[") depth += 1;
		else if (character === ")" || character === "]") depth -= 1;
		else if (character === separator && depth === 0) {
			parts.push(sql.slice(start, at).trim());
			start = at + 1;
		}
	}
	return [...parts, sql.slice(start).trim()].filter((part) => part !== "");
}
/** The line of SQL in which a server found an error: Postgres tells the character, our reader of SQLite files the line. */
function lineOf(error, sql) {
	if (error.position !== void 0) return sql.slice(0, Number(error.position) - 1).split("\n").length;
	return error.line;
}
// src/run/seed.ts
/** The project's own rows: a file of SQL, or a command that connects to the database itself. */
/** Whether the setting names a file. */
const isSeedFile = (seed) => /^\S+\.sql$/.test(seed);
/** @param seed the setting: a file relative to the root, or a command */
function seedOf(seed, options) {
	if (!isSeedFile(seed)) return (database, others = []) => runCommand(seed, database.connection, others, options);
	const fromFile = async (database) => {
		const { root, before } = options;
		const sql = before ?? await readFile(path.join(root, seed), "utf8").catch(() => void 0);
		if (sql === void 0) return text$1`${code(seed)} cannot be read`;
		const { scratch } = options;
		try {
			await scratch.query(database, sql.replaceAll(/^\\(un)?restrict .*$/gm, ""));
			if (scratch.dialect === "postgresql") await scratch.query(database, "DISCARD ALL");
			return;
		} catch (error) {
			const line = lineOf(error, sql);
			return text$1`${code(line === void 0 ? seed : `${seed}:${line}`)}: ${error.message}`;
		}
	};
	return Object.assign(fromFile, { firstOnly: true });
}
/** Runs a command of the shell; it finds the database as libpq and most applications do. */
async function runCommand(command, connection, others, { directory, interpreter, env, signal, settings, scratch }) {
	const { host, port, user, password, database } = connection;
	const urlOf = ({ host, port, user, password, database }) => scratch.dialect === "sqlite" ? `sqlite:///${database}` : `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
	const named = others.map(({ label, database }) => [`DATABASE_URL_${label.toUpperCase().replaceAll(/\W/g, "_")}`, urlOf(database.connection)]);
	const folder = path.dirname(interpreter.command[0] ?? "");
	const child = spawn(command, {
		shell: true,
		cwd: directory,
		stdio: [
			"ignore",
			"pipe",
			"pipe"
		],
		signal,
		timeout: settings.timeout * 1e3,
		env: {
			...projectEnvironment(env),
			PATH: [...path.isAbsolute(folder) ? [folder] : [], env.PATH ?? ""].join(path.delimiter),
			DATABASE_URL: urlOf(connection),
			...Object.fromEntries(named),
			...scratch.dialect === "postgresql" && {
				PGHOST: host,
				PGPORT: String(port),
				PGUSER: user,
				PGPASSWORD: password,
				PGDATABASE: database
			}
		}
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => said = (said + chunk).slice(-4e3));
	const end = await new Promise((resolve) => {
		child.once("error", (error) => resolve(error.message));
		child.once("close", (status, killed) => resolve(status === 0 ? void 0 : killed ? `was ended by ${killed}` : `ended with status ${status}`));
	});
	signal.throwIfAborted();
	return end === void 0 ? void 0 : text$1`${code(command)} ${end}, and said: ${block(said.trim() || "(nothing)")}`;
}
// src/running.ts
/** Decides what is run for one environment, and from which files: the pull request's, and the base branch's where they differ. */
/** Loads what runs migrations, so that it is there when it is needed. */
function loadRunning() {
	import("./migrations.js").catch(() => {});
}
function baseFilesOf({ git }) {
	let exported;
	return {
		async root({ base, changedFiles }) {
			return (await (exported ??= exportCommit(git, base.commit, changedFiles))).folder;
		},
		async remove() {
			await (await exported?.catch(() => void 0))?.remove();
		}
	};
}
/** The interpreter of an environment. It is looked for once: asked early, the answer is there when it is needed. */
function interpreterOf({ target, project, world }, likely) {
	const { environment, settings } = target;
	return findInterpreter({
		root: project.root,
		directory: environment.directory,
		env: world.env,
		...settings.python !== void 0 && { given: settings.python },
		...likely && { likely }
	});
}
/** Looks for the interpreter of every environment, and starts a process of the most likely one. */
function beginEarly(project, world) {
	const processes = /* @__PURE__ */ new Map();
	let dropped = false;
	for (const target of project.settings.static ? [] : project.environments) {
		const start = (program) => {
			if (dropped) return;
			const directory = path.join(project.root, target.environment.directory);
			processes.set(target, startEarly({
				python: [program],
				directory,
				env: world.env
			}));
			loadRunning();
		};
		interpreterOf({
			target,
			project,
			world
		}, start).catch(() => {});
	}
	return {
		of: (target) => processes.get(target),
		drop() {
			dropped = true;
			for (const early of processes.values()) early.drop();
		}
	};
}
/** The environment with the folders of revisions that only a run of env.py tells, as it is where env.py tells none. */
async function withFolders(task) {
	const { target, project, server, world } = task;
	const { environment, settings } = target;
	const { unknowable: _, ...rest } = environment;
	const { foldersFromEnv } = await import("./folders.js");
	const versionFolders = await foldersFromEnv({
		environment,
		root: project.root,
		interpreter: await interpreterOf(task),
		server: await server.get(settings),
		...portOf(await server.port(settings)),
		settings,
		env: world.env,
		signal: world.signal
	});
	return versionFolders ? {
		...rest,
		versionFolders,
		foldersFromEnv: "told"
	} : environment;
}
const portOf = (port) => port === void 0 ? {} : { port };
/** Why nothing is run, if so: it would only repeat what the files already say. */
function notRun$1(facts) {
	if (!facts.graph.known) return facts.graph.reason;
	const graph = facts.graph.value;
	if (graph.unreadable.some(({ reason }) => reason !== "computed")) return text$1`a revision cannot be read, so Alembic cannot load any`;
	if (graph.cycles.length > 0) return text$1`the revisions form a cycle, so Alembic cannot order them`;
	if (graph.missing.length > 0) return text$1`a revision names a parent that does not exist, so Alembic cannot order them`;
	if (graph.duplicates.length > 0) return text$1`two files have the same revision id, so Alembic would run only one of them`;
}
/**
* Runs the pull request's migrations, on top of what the base branch has applied.
*
* @param reading the facts that are read meanwhile: the server boots and the project loads before they are known
* @param comparing what edited revisions execute, as far as that can be told without a database
*/
async function observe(task, reading, comparing) {
	const { target, project, server, baseFiles, world } = task;
	const { environment, settings } = target;
	const booting = server.get(settings);
	booting.catch(() => {});
	const interpreter = await interpreterOf(task);
	const port = await server.port(settings);
	const early = task.early.of(target);
	const applied = reading.then(async (facts) => {
		if (notRun$1(facts)) return void 0;
		const { git } = project;
		const { graph } = facts;
		const history = facts.history.known ? facts.history.value : void 0;
		const squash = history && graph.known ? squashOf(graph.value, history) : void 0;
		const { seed } = settings;
		const asked = sliceAsked(settings);
		const bytes = seed !== void 0 && isSeedFile(seed) && history?.changedFiles.includes(seed) && history && git ? await commitTree(git, history.base.commit).read(seed) : void 0;
		return {
			base: new Set(history?.graph.revisions.keys()),
			editedDowngrades: [...history?.changes.values() ?? []].flatMap(({ id, edited }) => edited?.functions.includes("downgrade") ? [id] : []),
			changed: history?.changedFiles ?? [],
			sources: [graph.known ? graph.value : void 0, history?.graph].flatMap((one) => [...one?.revisions.values() ?? []].map(({ source }) => source)),
			...squash && { squash },
			...asked && { slice: {
				...asked,
				isUntouched: (id) => isUntouched(id, history),
				sourceOf: (id) => graph.known ? graph.value.revisions.get(id)?.source : void 0
			} },
			fromBaseFiles: [...history?.changes.values() ?? []].some(({ body, reparented }) => body === "edited" || body === "deleted" || reparented),
			...history && editedIds(history).length > 0 && { edits: editedIds(history) },
			...bytes && { baseSeed: new TextDecoder().decode(bytes) },
			...history && git && !onlyAdds(environment, facts) && { baseRoot: () => baseFiles.root(history) }
		};
	});
	applied.catch(() => {});
	const { runMigrations } = await import("./migrations.js");
	const evidence = await runMigrations({
		environment,
		root: project.root,
		applied,
		...comparing && { bodies: bodiesToExecute(task, reading, comparing) },
		postgresIsMeant: settings.postgresVersion !== void 0 || settings.postgres !== "auto" || await wantedPostgres(project.tree) !== void 0,
		interpreter,
		...early && { early },
		server: booting,
		...portOf(port),
		settings,
		env: world.env,
		signal: world.signal,
		progress: world.progress,
		tracked: async (files) => new Set(project.git && await trackedFiles(project.git, files))
	});
	return evidence ? {
		known: true,
		value: evidence
	} : {
		known: false,
		reason: notRun$1(await reading)
	};
}
/**
* Compares what edited revisions would execute, before and after. No migration is run, and no database is needed.
*
* @returns not known where Python cannot be asked; the reason is a sentence for people
*/
async function observeEdits(task, reading) {
	const { target, project, baseFiles, world } = task;
	const { history } = await reading;
	if (!history.known) return history;
	if (editedIds(history.value).length === 0) return {
		known: true,
		value: /* @__PURE__ */ new Map()
	};
	try {
		const { command } = await interpreterOf(task);
		return {
			known: true,
			value: await compareEdits({
				environment: target.environment,
				history: history.value,
				root: project.root,
				baseRoot: () => baseFiles.root(history.value),
				python: command,
				settings: target.settings,
				env: world.env,
				signal: world.signal
			})
		};
	} catch (error) {
		if (world.signal.aborted) throw error;
		return {
			known: false,
			reason: reasonOf(error)
		};
	}
}
/** Edited revisions that only a database can tell about, or what they leave, with both versions of what they use. */
async function bodiesToExecute({ project, baseFiles }, reading, comparing) {
	const [{ history }, edits] = await Promise.all([reading, comparing]).catch(() => []);
	if (!history?.known || !edits?.known) return [];
	const { changes } = history.value;
	const open = [...edits.value].flatMap(([id, edit]) => {
		const { functions } = changes.get(id).edited ?? {};
		const directions = ["upgrade", "downgrade"].filter((direction) => edit[direction].kind === "unknown" || edit[direction].kind === "different" && !edit[direction].data);
		return directions.some((direction) => direction === "downgrade" || !functions?.every((name) => name === "downgrade")) ? [{
			id,
			edit,
			directions
		}] : [];
	});
	if (open.length === 0) return [];
	const root = await baseFiles.root(history.value);
	const read = (folder, files) => Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8").catch(() => "")));
	return Promise.all(open.map(async ({ id, edit, directions }) => {
		const { before, after, helpers = [] } = changes.get(id);
		const modules = helpers.filter((file) => file.endsWith(".py"));
		return {
			id,
			directions,
			unknown: directions.some((direction) => edit[direction].kind === "unknown"),
			reads: directions.flatMap((direction) => edit[direction].kind === "unknown" ? edit[direction].reads ?? [] : []),
			sources: {
				before: [before.source, ...await read(root, modules)],
				after: [after.source, ...await read(project.root, modules)]
			},
			opaque: modules.length < helpers.length
		};
	}));
}
/** Whether the pull request changes nothing that old revisions depend on: it only adds revision files. */
function onlyAdds(environment, { graph, history }) {
	if (!graph.known || !history.known) return false;
	const added = new Set(history.value.added.map((id) => graph.value.revisions.get(id)?.file));
	return history.value.changedFiles.every((file) => added.has(file) || !concernsMigrations(file, [environment]));
}
/**
* Which faults of old revisions were there before the pull request.
*
* @returns `only-additions` where the pull request cannot be their cause; else the fingerprints of what the base branch's own files
*   showed when they were run by themselves; undefined where neither is known
*/
function proofOf(environment, facts, rules) {
	if (onlyAdds(environment, facts)) return "only-additions";
	const onBase = facts.run.known ? facts.run.value.onBase : void 0;
	if (!onBase || !facts.history.known) return void 0;
	const base = {
		...facts,
		graph: {
			known: true,
			value: facts.history.value.graph
		},
		history: {
			known: false,
			reason: text$1`the base branch is not compared with itself`
		},
		run: {
			known: true,
			value: onBase
		}
	};
	const { findings } = ask({
		rules: rules.filter(({ family }) => family === "run"),
		environment: environment.name,
		facts: base
	});
	return new Set(findings.map(({ fingerprint }) => fingerprint));
}
// src/run/slice-reason.ts
/** What a slice takes of the history, in words. Apart from what runs it, since reports need no more. */
/** What of the history other machines run, as a reason for notChecked. */
function sliceReason({ number, of, parts, revisions, bottom }) {
	const who = text$1`this is slice ${number} of ${of}`;
	if (revisions.length === 0) return text$1`${who}, and every way up passes through so few revisions that the history can be cut into ${count(parts, "slice")} only`;
	const from = bottom === void 0 ? text$1`from the first one` : text$1`above ${code(bottom)}`;
	return text$1`${who}: it takes ${text$1`${count(revisions.length, "revision")} ${from} up to ${code(revisions.at(-1))}`} down and up again, and other slices the others; ${code("alembic-gate report --merge")} makes one verdict of them`;
}
// src/slicing.ts
/** What every slice judges; the newest one judges all. */
const EVERYWHERE = /* @__PURE__ */ new Set(["run", "setup"]);
/** The rules that a slice is judged by. */
const rulesOf = (rules, slice) => rules.filter(({ family }) => !slice || slice.number === 1 || EVERYWHERE.has(family));
const HISTORY = [
	"history-downgrade",
	"history-upgrade",
	"history-each"
];
const phaseIn = ({ phases }, id) => phases.find((phase) => phase.id === id);
/**
* What other jobs need to know of a slice.
*
* @param judged gives the findings of what was observed
*/
function sliceReport(asked, run, judged) {
	const { slice } = run ?? {};
	if (!run || !slice) return {
		...asked,
		whole: false,
		otherwise: {}
	};
	const down = phaseIn(run, "history-downgrade");
	const up = phaseIn(run, "history-upgrade");
	const top = slice.revisions.at(-1);
	const left = (down?.compared?.differences.length ?? 0) > 0;
	const again = up?.stop !== void 0 || (up?.compared?.differences.length ?? 0) > 0;
	const stops = down?.state === "failed";
	return {
		...asked,
		cut: {
			parts: slice.parts,
			revisions: slice.revisions.length,
			...top !== void 0 && { top },
			...slice.bottom !== void 0 && { bottom: slice.bottom }
		},
		...down && down.state !== "not-run" && { way: wayOf(down, slice.revisions.length) },
		...up?.stop && { failedAgain: true },
		whole: run.phases.every(({ state, planned }) => state === "ok" || state === "not-run" && planned.length === 0),
		otherwise: {
			...(left || again) && { stopped: judged(without(run, {
				left: true,
				again: true
			})) },
			...(left || again || stops) && { stoppedAbove: judged(without(run, {
				left: true,
				again: true,
				stop: true
			})) },
			...again && { failedBelow: judged(without(run, { again: true })) }
		}
	};
}
function wayOf({ state, planned, compared }, revisions) {
	if (state === "failed") return "stopped";
	if (planned.length > revisions) return "base";
	return (compared?.differences.length ?? 0) > 0 ? "left" : "clean";
}
/** What was observed without a part of it; `stop`: without a downgrade that stopped and passes by itself. */
function without(run, less) {
	const reduced = (phase) => {
		const { compared: _, stop, rows: __, ...rest } = phase;
		if (phase.id === "history-upgrade" && less.again) return {
			...rest,
			state: "ok"
		};
		if (phase.id !== "history-downgrade" || !less.left) return phase;
		const goes = less.stop && stop?.passesAlone;
		return {
			...rest,
			...stop && !goes && { stop },
			...goes && { state: "ok" }
		};
	};
	const phases = (one) => one.phases.map(reduced);
	return {
		...run,
		phases: phases(run),
		...run.onBase && { onBase: run.onBase }
	};
}
/**
* One report of the slices of one environment on one server.
*
* @returns the whole, and why it is none, if so
*/
function mergeSlices(given) {
	const slices = [...given].sort((a, b) => a.slice.number - b.slice.number);
	const failures = faultsOf$1(slices);
	const [newest] = slices;
	const parts = contributions(slices);
	const { slice: _, ...rest } = newest;
	return {
		environment: {
			...rest,
			phases: phasesOf(newest, parts),
			findings: findingsOf(slices, parts.flatMap(({ findings }) => findings)),
			notChecked: notCheckedOf(slices)
		},
		failures
	};
}
/** What keeps slices from being a whole. */
function faultsOf$1(slices) {
	const { name, server = "" } = slices[0];
	const where = text$1`${code(name)}${server && ` on ${/^\S+ \d+/.exec(server)?.[0] ?? server}`}`;
	const numbers = slices.map(({ slice }) => slice.number);
	const cuts = slices.flatMap(({ slice }) => slice.cut ?? []);
	const wanted = cuts[0]?.parts ?? slices[0].slice.of;
	const help = text$1`Give ${code("alembic-gate report --merge")} the reports of all jobs of one plan, made for one commit; look at what ended those that left none.`;
	const fault = (message) => [{
		message,
		help,
		exitCode: 3
	}];
	const counted = new Set(slices.map(({ slice }) => slice.of));
	if (counted.size > 1 || new Set(cuts.map(({ parts }) => parts)).size > 1) return fault(text$1`The history of ${where} was cut into ${[...counted].join(" and into ")} slices: parts of different plans make no whole.`);
	const [of] = counted;
	const missing = Array.from({ length: wanted }, (_, index) => index + 1).filter((number) => !numbers.includes(number));
	if (missing.length > 0) {
		const which = listOf(missing.map((number) => `${number}/${of}`), 20);
		return fault(text$1`Of the history of ${where} ${missing.length === 1 ? "the slice" : "the slices"} ${which} ${missing.length === 1 ? "is" : "are"} missing, so nobody knows what there is to say.`);
	}
	const twice = numbers.find((number, index) => numbers.indexOf(number) !== index);
	if (twice !== void 0) return fault(text$1`Of the history of ${where} the slice ${code(`${twice}/${of}`)} is there twice.`);
	const apart = slices.find(({ slice }, index) => {
		const above = slices[index - 1]?.slice.cut;
		return above && slice.cut?.top !== void 0 && slice.cut.top !== above.bottom;
	});
	return apart ? fault(text$1`The slice ${code(`${apart.slice.number}/${of}`)} of the history of ${where} does not begin where the one above it ends.`) : [];
}
/** What each slice has to say beside the others. */
function contributions(slices) {
	let above = slices[0].slice.way === void 0 ? "nothing" : "way";
	let stopped = false;
	const said = slices.map(({ slice: { way } }) => {
		if (way === void 0) return "way";
		const as = above;
		if (as === "way" && way === "stopped") [above, stopped] = ["each", true];
		if (as === "way" && way === "base") above = "nothing";
		return as;
	});
	const lowest = slices.findLast(({ slice }, index) => said[index] === "way" && slice.failedAgain);
	return slices.map((from, index) => {
		const as = said[index];
		const { stopped: left, stoppedAbove, failedBelow } = from.slice.otherwise;
		if (as === "nothing") return {
			from,
			as,
			findings: []
		};
		const { findings: known } = slices[0];
		const fresh = (finding) => !known.some(({ fingerprint }) => fingerprint === finding.fingerprint);
		if (from.slice.way === void 0 && index > 0) return {
			from,
			as,
			findings: from.findings.filter(fresh)
		};
		return {
			from,
			as,
			findings: (as === "each" ? stoppedAbove : stopped ? left : lowest && lowest !== from ? failedBelow : void 0) ?? from.findings
		};
	});
}
/** All findings, each once. An ignore is unused where no slice has a use for it. */
function findingsOf(slices, findings) {
	const keyOf = ({ fingerprint, severity, blocks, file, line, message }) => JSON.stringify([
		fingerprint,
		severity,
		blocks,
		file,
		line,
		plain(message)
	]);
	const isOurs = ({ rule }) => rule === UNUSED_IGNORE.id;
	const unused = slices.map(({ findings }) => new Set(findings.filter(isOurs).map(keyOf)));
	const whole = slices.every(({ slice }) => slice.whole);
	const families = new Map(RULES.map(({ id, family }) => [id, family]));
	const isUnused = (finding) => {
		const [newest, ...others] = unused;
		const key = keyOf(finding);
		const about = (finding.object?.name ?? "").split(",").map((name) => families.get(name.trim()));
		const judgedByAll = about.some((family) => family === void 0 || EVERYWHERE.has(family));
		if (others.every((other) => other.has(key))) return newest.has(key);
		const needsRun = about.some((family) => family !== "graph" && family !== "history");
		return newest.has(key) && !judgedByAll && (whole || !needsRun);
	};
	const told = /* @__PURE__ */ new Map();
	for (const finding of findings) {
		const key = keyOf(finding);
		if (!told.has(key) && (!isOurs(finding) || isUnused(finding))) told.set(key, finding);
	}
	return [...told.values()].sort(worstFirst$1);
}
/** What no slice has judged; that others run the rest is no reason any more. */
function notCheckedOf(slices) {
	const told = /* @__PURE__ */ new Map();
	for (const { slice, notChecked } of slices) for (const entry of notChecked) {
		const reason = plain(entry.reason);
		if (!isOfSlice(reason, slice)) told.set(JSON.stringify([entry.what, reason]), entry);
	}
	return [...told.values()];
}
const isOfSlice = (reason, { number, of }) => reason.startsWith(`this is slice ${number} of ${of}`);
/** The newest slice's phases, with the whole history of those by which one job would have come. */
function phasesOf(newest, parts) {
	const partsOf = (id) => parts.flatMap(({ from, as }) => as === "way" || as === "each" && id === "history-each" ? from.phases.filter((phase) => phase.id === id) : []);
	const down = joined$2(partsOf("history-downgrade"));
	const [up] = partsOf("history-upgrade");
	const failed = partsOf("history-upgrade").findLast(({ outcome }) => outcome === "failed");
	const together = [
		down,
		down?.outcome === "failed" ? up && notRun(up) : failed ?? up,
		joined$2(partsOf("history-each"))
	];
	const ids = new Set(HISTORY);
	return [...newest.phases.filter(({ id }) => !ids.has(id)), ...together.flatMap((phase) => phase ?? [])];
}
function notRun({ id, title, revisions }) {
	return {
		id,
		title,
		revisions,
		seconds: 0,
		outcome: "not-run"
	};
}
/** A phase of several slices, from head down, as one. */
function joined$2(parts) {
	const [first] = parts;
	if (!first) return void 0;
	const { compared: _, stoppedAt: __, ...rest } = first;
	const stopped = parts.find(({ stoppedAt }) => stoppedAt !== void 0);
	const compared = stopped ? [] : parts.flatMap((part) => part.compared ?? []);
	const objects = compared.flatMap((one) => one.objects ?? []);
	const sum = (of) => parts.reduce((all, part) => all + of(part), 0);
	return {
		...rest,
		revisions: sum(({ revisions }) => revisions),
		seconds: sum(({ seconds }) => seconds),
		outcome: [
			"failed",
			"not-run",
			"ok"
		].find((one) => parts.some(({ outcome }) => outcome === one)),
		...compared.length > 0 && { compared: {
			with: compared.at(-1).with,
			differences: compared.reduce((all, { differences }) => all + differences, 0),
			...objects.length > 0 && { objects }
		} },
		...stopped && { stoppedAt: stopped.stoppedAt }
	};
}
/** What a slice leaves to others, for notChecked. */
function sliceNote({ slice }) {
	if (!slice || slice.parts === 1) return [];
	return [{
		what: slice.number === 1 ? "the history below this slice, down and up again" : "the pull request itself, the models, rows, and the rest of the history",
		reason: sliceReason(slice)
	}];
}
// src/verdict.ts
/** The report as a whole: what was judged in each environment, what failed, and what follows from it. Pure. */
/** A failure as the report holds it. What is no Failure is a bug of ours, and says so. */
function reported(error, signal) {
	if (signal?.aborted) return {
		message: text$1`The gate was interrupted (${String(signal.reason)}) and has cleaned up.`,
		help: text$1`Run it again.`,
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
		message: text$1`The gate itself has a bug: ${error instanceof Error ? error.message : String(error)}`,
		help: text$1`Please report it with this trace: ${block(trace)}`,
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
	const [worst] = [...failures].sort((a, b) => b.exitCode - a.exitCode);
	if (worst && (verdict === "error" || blocking.length === 0)) return worst.message;
	if (blocking.length === 1) return blocking[0].message;
	if (blocking.length > 1) return text$1`${count(blocking.length, "finding")} of this pull request block it.`;
	const went = (...ids) => (environment) => ids.every((id) => environment.phases.some((phase) => phase.id === id && phase.outcome === "ok"));
	const slices = environments.flatMap(({ slice }) => slice ?? []);
	if (slices.length > 0 && slices.length === environments.length && slices.every(({ number }) => number > 1)) return text$1`No finding blocks in slice ${slices[0].number} of ${slices[0].of} of the history.`;
	const repaired = environments.flatMap(({ repairedHeads = [] }) => repairedHeads).length;
	const passes = text$1`No finding blocks${repaired > 0 ? `, and the base branch's ${repaired} heads are repaired` : ""}`;
	const adding = environments.filter(({ revisions }) => revisions.added.length > 0);
	if (adding.length === 0) return text$1`${passes}: this pull request adds no revision${environments.length > 0 && environments.every(went("base")) ? ", and those that there are run" : ""}.`;
	const what = count(adding.flatMap(({ revisions }) => revisions.added).length, "new revision");
	if (adding.every(went("upgrade", "downgrade", "upgrade-again"))) return text$1`${passes}: ${what} went up, down and up again.`;
	if (adding.every(went("upgrade"))) return text$1`${passes}: ${what} went up, but not all the way down and up again.`;
	return text$1`${passes}: ${what}, ${adding.some(went("upgrade")) ? "not all of which were run" : "judged without running"}.`;
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
	const ahead = lookAhead(given, world);
	try {
		const checkout = await clock.time("project", () => openCheckout(given, world));
		root = checkout.root;
		const finding = clock.time("base", () => baseOf$1(checkout, layer(given), world));
		finding.catch(() => {});
		const project = await clock.time("project", () => openProject(given, checkout));
		const early = beginEarly(project, world);
		const server = sharedBy(project.environments.length, serverFor(project, world, ahead));
		const neighbours = neighboursFor(project, world);
		try {
			const base = await finding;
			if (!await clock.time("changes", () => touches(project, base))) return {
				report: untouched(project, clock.timings()),
				root
			};
			const judged = await Promise.all(project.environments.map((target) => judgeAlone({
				target,
				project,
				early,
				server,
				world
			}, neighbours, base, clock)));
			return {
				report: conclude(judged.flatMap(({ report }) => report ?? []), judged.flatMap(({ failures }) => failures), project.settings, clock.timings()),
				root
			};
		} finally {
			early.drop();
			await Promise.all([server.stop(), neighbours.remove()]);
		}
	} catch (error) {
		return {
			report: brokenReport(error, world.signal, clock.timings()),
			root
		};
	}
}
/** The commit to compare with, or the reason why there is none. */
async function baseOf$1({ git, root }, settings, { event, base }) {
	if (base) return {
		known: true,
		value: base
	};
	if (settings.scope === "all") return {
		known: false,
		reason: text$1`all revisions are judged as if they were new (${"scope: all"})`
	};
	if (!git && event) throw new Failure(3, text$1`${code(root)} is not a git checkout, so there is nothing to compare the pull request with.`, text$1`Check it out before the gate: ${block("- uses: actions/checkout@v5", "yaml")}`);
	if (!git) return {
		known: false,
		reason: text$1`this folder is not a git checkout`
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
	const files = changedFiles(git, base.value);
	const there = commitTree(git, base.value.commit);
	for (const { environment } of environments) for (const folder of environment.versionFolders) there.list(folder).catch(() => {});
	const all = environments.map(({ environment }) => environment);
	return (await files).some((file) => concernsMigrations(file, all));
}
function sharedBy(count, server) {
	let staying = count;
	return {
		...server,
		leave() {
			if (--staying === 0) server.stop().catch(() => {});
		}
	};
}
/** Judges one environment, whose failure hides nothing of the others. */
async function judgeAlone(task, neighbours, base, clock) {
	const baseFiles = baseFilesOf(task.project);
	try {
		const target = await knownTarget(task, clock);
		return await judge({
			...task,
			target,
			baseFiles
		}, neighbours, base, clock);
	} catch (error) {
		return { failures: [reported(error, task.world.signal)] };
	} finally {
		await baseFiles.remove();
	}
}
/** The environment with all folders of its revisions, also those that only env.py knows. */
async function knownTarget(task, clock) {
	const { target } = task;
	if (target.environment.foldersFromEnv !== "asked" || target.settings.static) return target;
	const environment = await clock.time("folders", () => withFolders(task)).catch(() => target.environment);
	return {
		...target,
		environment
	};
}
/** Judges one environment; what keeps its migrations from being run is reported beside what was found. */
async function judge(task, neighbours, base, clock) {
	const { target, project, world } = task;
	const { environment, settings } = target;
	const failures = [];
	const reading = clock.time("history", () => read(target, project, base));
	const slice = settings.static ? void 0 : sliceAsked(settings);
	const rules = rulesOf(RULES, slice).filter(({ family }) => settings.only.length === 0 || settings.only.includes(family));
	const running = !settings.static && rules.some(({ needs }) => needs.includes("run"));
	const comparing = !settings.static && rules.some(({ wants }) => wants.includes("edits")) ? clock.time("edits", () => observeEdits(task, reading)) : void 0;
	const observing = running ? clock.time("run", () => observe(task, reading, comparing)).finally(task.server.leave) : void 0;
	const asking = world.openPullRequests !== void 0 && rules.some(({ wants }) => wants.includes("neighbours"));
	const [facts, others, edits, observed] = await Promise.all([
		reading,
		asking ? clock.time("neighbours", () => neighbours.of(target, reading)) : void 0,
		comparing,
		observing?.catch((error) => {
			failures.push(reported(error, world.signal));
			return {
				known: false,
				reason: text$1`the gate could not run the migrations`
			};
		})
	]);
	if (others) facts.neighbours = others;
	if (edits) facts.edits = edits.known && observed?.known ? {
		known: true,
		value: withExecuted(edits.value, observed.value.bodies)
	} : edits;
	if (observed) facts.run = observed;
	askAlembic(facts);
	const proof = proofOf(environment, facts, rules);
	const settledWith = (labels, facts) => {
		const allowedBy = labels.find((name) => name.toLowerCase() === settings.allowLabel.toLowerCase());
		return settle({
			rules,
			environment: environment.name,
			facts,
			settings,
			...proof && { proof },
			...allowedBy !== void 0 && { allowedBy }
		});
	};
	let known = labelsOf(world.event);
	let settled = settledWith(known, facts);
	const history = new Set(rules.flatMap(({ id, family }) => family === "history" ? [id] : []));
	const labels = settled.findings.some(({ rule, blocks }) => blocks && history.has(rule)) ? await world.labels?.() : void 0;
	if (labels?.known) settled = settledWith(known = labels.value, facts);
	else if (labels) settled.notChecked.push({
		what: `the label ${settings.allowLabel}`,
		reason: labels.reason
	});
	settled.notChecked.push(...neighbours.notChecked());
	const report = reportOf(target, facts, settled);
	if (!slice) return {
		report,
		failures
	};
	const run = facts.run.known ? facts.run.value : void 0;
	report.slice = sliceReport(slice, run, (seen) => settledWith(known, {
		...facts,
		run: {
			known: true,
			value: seen
		}
	}).findings);
	if (run) report.notChecked.unshift(...sliceNote(run));
	return {
		report,
		failures
	};
}
/** Puts what Alembic has loaded in the place of what only Python could tell; of both sides, since a value that is computed anew tells of the old one too. */
function askAlembic(facts) {
	const run = facts.run.known ? facts.run.value : void 0;
	if (!facts.graph.known || !run?.loaded) return;
	const graph = completedBy(facts.graph.value, run.loaded);
	if (!graph) return;
	facts.graph = {
		known: true,
		value: graph
	};
	if (facts.history.known) {
		const history = facts.history.value;
		const base = completedBy(history.graph, run.loaded);
		if (base) facts.history = {
			known: true,
			value: {
				...history,
				graph: base
			}
		};
	}
	run.notes.push({
		what: "the graph from the files alone",
		reason: text$1`some revisions compute their parents, dependencies or labels: what Alembic has loaded was taken, for the base branch as well`
	});
}
/** The facts that are read without running anything. */
async function read({ environment, settings }, project, base) {
	const { git, tree } = project;
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
			reason: text$1`no project code was run (${code("static")})`
		},
		edits: {
			known: false,
			reason: text$1`no project code was run (${code("static")})`
		}
	};
	if (git && base.known) {
		const { graph, history } = await readHistory({
			git,
			base: base.value,
			tree,
			environment,
			released: settings.released,
			skim: settings.static
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
	const reason = base.known ? text$1`this folder is not a git checkout` : base.reason;
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
		...graph && history && repairsHeads(graph, history, settled) && { repairedHeads: [...history.graph.heads] },
		revisions: {
			total: graph?.revisions.size ?? 0,
			added: [...history?.added ?? []],
			changed: changed.map(({ id }) => id)
		},
		...run?.serverVersion && {
			server: `${run.serverProvider === "file" ? "SQLite" : "PostgreSQL"} ${run.serverVersion} (${run.serverProvider})`,
			runtime: `Python ${run.python}, Alembic ${run.alembic}, SQLAlchemy ${run.sqlalchemy}${run.dbapi ? `, ${run.dbapi}` : ""}`
		},
		...graph && { graph: graphReport(graph, history) },
		phases: run ? phaseReports(run) : [],
		...schema && { schema },
		...run && graph && { lines: linesReports(run, graph) },
		...settled
	};
}
/** Whether a rule says that fewer heads than before are a repair. */
const repairsHeads = (graph, history, { findings }) => graph.heads.length < history.graph.heads.length && findings.some(({ rule, severity }) => severity === "notice" && (rule === "multiple-heads" || rule === "reparented-revision"));
/** The report of a pull request that changes nothing that migrations depend on. */
function untouched({ environments, settings }, timings) {
	const report = conclude([], [], settings, timings);
	const where = environments.map(({ environment }) => environment.name);
	return {
		...report,
		headline: text$1`Nothing that migrations depend on changed (${where.join(", ")}): there is nothing to judge.`
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
// src/github/event.ts
/** What GitHub says about the run that the gate is part of. */
/** @throws Failure for an event on which the gate must not run */
function readEvent(env, token) {
	const name = env.GITHUB_EVENT_NAME ?? "";
	if (name === "pull_request_target") throw new Failure(2, text$1`The gate does not run on ${code("pull_request_target")}: the pull request's own code would run with the base repository's token and secrets.`, text$1`Use ${block("on:\n  pull_request:\n  merge_group:", "yaml")}`);
	const payload = env.GITHUB_EVENT_PATH ? JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8")) : {};
	const given = token?.trim();
	return {
		name,
		payload,
		...env.GITHUB_REF && { ref: env.GITHUB_REF },
		...given && { token: given },
		...env.GITHUB_SERVER_URL && { serverUrl: env.GITHUB_SERVER_URL }
	};
}
/**
* Links to the rules' pages and to the code of a commit.
*
* @param commit the one that was judged
*/
function linksOf(env, commit = env.GITHUB_SHA) {
	const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = env;
	const { GITHUB_ACTION_REPOSITORY: action, GITHUB_ACTION_REF: ref } = env;
	return {
		...server && action && ref && { rules: `${server}/${action}/blob/${ref}/docs/rules` },
		...server && repository && commit && { source: `${server}/${repository}/blob/${commit}` }
	};
}
// src/github/trouble.ts
/** Why GitHub did not do what it was asked to, in words, and what opens the way. */
function answerOf(error) {
	const { status, message, response } = error;
	const said = response?.data?.message;
	return {
		...status !== void 0 && { status },
		message: typeof said === "string" ? said : message ?? String(error),
		headers: response?.headers ?? {},
		answered: response !== void 0
	};
}
/** GitHub's words, which may hold anything, within a sentence. */
const quoted = (message) => code(message.replace(/\s+/g, " ").trim().slice(0, 200));
/** What an error of octokit means for what was to be done. Anything else that is thrown is told as it is: verdicts do not depend on it. */
function troubleOf(error, what, permission) {
	const { status, message, headers, answered } = answerOf(error);
	if (!answered) return {
		what,
		why: text$1`${status === void 0 ? "it failed here" : "GitHub did not answer"}: ${quoted(message)}`
	};
	if (status === 429 || status === 403 && (headers["x-ratelimit-remaining"] === "0" || /rate limit/i.test(message))) return {
		what,
		why: text$1`GitHub's rate limit is used up`
	};
	if (status === 401) return {
		what,
		why: text$1`GitHub does not know the token (401)`
	};
	if (status === 403 && /locked/i.test(message)) return {
		what,
		why: text$1`the conversation is locked (403)`
	};
	if (status === 403 || status === 404) return {
		what,
		why: text$1`the job's token lacks ${code(permission)} (${status})`,
		permission
	};
	return {
		what,
		why: text$1`GitHub answered ${status ?? "nothing"}: ${quoted(message)}`
	};
}
/** Does a step of the sending; what goes wrong is a trouble beside those that it tells itself. */
async function attempt(what, permission, work) {
	try {
		return await work() ?? [];
	} catch (error) {
		return [troubleOf(error, what, permission)];
	}
}
/**
* One notice for all that was not done.
*
* @param fork whether the pull request is a fork's, whose runs get no more than they have
*/
function noticeOf(troubles, fork) {
	if (troubles.length === 0) return void 0;
	const reasons = /* @__PURE__ */ new Map();
	for (const trouble of troubles) {
		const key = JSON.stringify(trouble.why);
		reasons.set(key, [...reasons.get(key) ?? [], trouble]);
	}
	return text$1`The verdict stands, but not everything reached GitHub. Missing: ${[...reasons.values()].map((same) => text$1`${joined$1(same.map(({ what }) => what))}: ${same[0].why}`).flatMap((clause, index) => [...index === 0 ? [] : [{ text: "; " }], ...clause])}.${wayOut([...new Set(troubles.flatMap(({ permission }) => permission ?? []))].sort(), fork)}`;
}
function wayOut(permissions, fork) {
	if (permissions.length === 0) return [];
	if (fork) return text$1` A run for a fork's pull request may only read; a ${code("workflow_run")} job can post for it: ${code("alembic-gate report --from report.json")}.`;
	const lines = [
		"permissions:",
		"  contents: read",
		...permissions.map((permission) => `  ${permission}`)
	];
	return text$1` Add to the job: ${block(lines.join("\n"), "yaml")}`;
}
function joined$1(items) {
	return items.length < 2 ? items[0] ?? "" : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
// src/github/pulls.ts
/** The open pull requests that are to be merged into a branch. */
/** Those that are looked at: the most recently touched ones. */
const MOST$1 = 30;
/** Milliseconds; the migrations are running meanwhile. */
const PATIENCE$3 = 15e3;
/**
* Asks for them.
*
* @param of.but the number of the one that asks
*/
async function listOpen(api, { owner, repo }, of) {
	const { base, but } = of;
	const { data } = await api.rest.pulls.list({
		owner,
		repo,
		base,
		state: "open",
		sort: "updated",
		direction: "desc",
		per_page: 100
	});
	const others = data.filter(({ number }) => number !== but);
	const pulls = others.slice(0, MOST$1).map(({ number, head }) => ({
		number,
		head: head.sha
	}));
	return {
		pulls,
		more: others.length > pulls.length
	};
}
/** The same for the gate, which goes on without them. */
async function openPullRequests(run, of, env) {
	try {
		const { connect } = await import("./octokit.js");
		return {
			known: true,
			...await listOpen(await connect(run, env, AbortSignal.timeout(PATIENCE$3)), run, of)
		};
	} catch (error) {
		const { why } = troubleOf(error, "the open pull requests", "pull-requests: read");
		return {
			known: false,
			reason: text$1`${why}`
		};
	}
}
// src/github/run.ts
/** Something in foreign JSON; undefined where it is not there. */
function at(value, ...keys) {
	for (const key of keys) {
		if (typeof value !== "object" || value === null) return void 0;
		value = value[key];
	}
	return value;
}
/** The pull request that an event is about. */
function pullRequest(payload, repository) {
	const number = at(payload, "pull_request", "number");
	const head = at(payload, "pull_request", "head", "sha");
	const base = at(payload, "pull_request", "base", "ref");
	if (!Number.isSafeInteger(number) || typeof head !== "string" || typeof base !== "string") return void 0;
	return {
		number,
		head,
		base,
		fork: at(payload, "pull_request", "head", "repo", "full_name") !== repository
	};
}
/** @returns undefined where there is no token, or no repository to speak to */
function githubRun(env, payload, token) {
	const [owner, repo, ...rest] = (env.GITHUB_REPOSITORY ?? "").split("/");
	if (!owner || !repo || rest.length > 0 || !token) return void 0;
	const pull = pullRequest(payload, `${owner}/${repo}`);
	const checkRun = env["INPUT_CHECK-RUN-ID"]?.trim() ?? "";
	return {
		apiUrl: (env.GITHUB_API_URL || "https://api.github.com").replace(/\/+$/, ""),
		serverUrl: (env.GITHUB_SERVER_URL || "https://github.com").replace(/\/+$/, ""),
		owner,
		repo,
		token,
		workflow: env.GITHUB_WORKFLOW ?? "",
		job: env.GITHUB_JOB ?? "",
		id: Number(env.GITHUB_RUN_ID) || 0,
		attempt: Number(env.GITHUB_RUN_ATTEMPT) || 1,
		.../^\d+$/.test(checkRun) && { checkRun: Number(checkRun) },
		...pull && { pull }
	};
}
// src/github/queue.ts
/** Labels in a merge queue, whose events carry none. */
/** Milliseconds; the verdict waits for it. */
const PATIENCE$2 = 15e3;
/** GitHub names the branch of a group after the last pull request in it: `gh-readonly-queue/main/pr-12-<commit>`. */
const QUEUED = /^refs\/heads\/gh-readonly-queue\/.+\/pr-(\d{1,15})-[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/**
* The labels of the pull request that a merge group is named after. The others of the group are not known: nothing that GitHub
* vouches for names them.
*
* @param run absent where there is no token
*/
async function labelsInQueue(run, payload, env) {
	const [, number] = QUEUED.exec(String(at(payload, "merge_group", "head_ref"))) ?? [];
	if (number === void 0) return {
		known: false,
		reason: text$1`the merge group's branch names no pull request`
	};
	if (!run) return {
		known: false,
		reason: text$1`there is no token to ask GitHub with for those of #${number}`
	};
	try {
		const { connect } = await import("./octokit.js");
		const { data } = await (await connect(run, env, AbortSignal.timeout(PATIENCE$2))).rest.pulls.get({
			owner: run.owner,
			repo: run.repo,
			pull_number: Number(number)
		});
		return {
			known: true,
			value: data.labels.map(({ name }) => name)
		};
	} catch (error) {
		const { why } = troubleOf(error, "the labels", "pull-requests: read");
		return {
			known: false,
			reason: text$1`those of #${number} could not be asked for: ${why}`
		};
	}
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
* cursor or turns the reading direction written as `<U+202E>`. All that a terminal needs, and part of every other function here.
*/
function visible(value) {
	return stripVTControlCharacters(toUSVString(value)).replace(/\r\n?/g, "\n").replace(INVISIBLE$1, (character) => `<U+${codePoint(character).toString(16).toUpperCase().padStart(4, "0")}>`);
}
/** The visible text on one line, runs of white space as one space. */
const oneLine$1 = (value) => visible(value).replace(/\s+/g, " ").trim();
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
const MARKDOWN = /([\\`*_[\]|~]|#(?!\d))|([&<>]|:(?=\/\/)|(?<=www)\.)|@(?=[\w.-])|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;
/** The same of HTML; the first group as an entity. */
const HTML = /([&<>"'`])|@(?=[\w.-])|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;
const split = (character) => character === "$" ? "<span>$</span>" : character + ZERO_WIDTH_SPACE;
/** What opens a block at the start of a line: a list, a rule, the underline of a heading. */
const BLOCK$1 = /^( ?)([-+=]|\d+[.)](?= |$))/;
const markdownSign = (character, mark, other) => mark ? `\\${mark}` : other ? entity(other) : split(character);
const htmlSign = (character, special) => special ? entity(special) : split(character);
/** Prose inside a Markdown paragraph, heading, list item or table cell; newlines become spaces. */
function markdownText(value) {
	return collapsed$1(value).replace(MARKDOWN, markdownSign).replace(BLOCK$1, (start) => start.replace(/[-+=.)]/, "\\$&"));
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
/** A path of the repository as a relative URI: each segment encoded, nothing in it a scheme, a query or a fragment. */
function uriPath(path) {
	return toUSVString(path).split("/").map((segment) => encodeURIComponent(segment).replace(/[!'()*]/g, (character) => `%${codePoint(character).toString(16).toUpperCase()}`)).join("/");
}
/** Target of a Markdown link. Not for foreign URLs: only for ours, with foreign paths in them. */
const markdownUrl = (base, ...path) => [base.replace(/\/+$/, ""), ...path.map(uriPath)].join("/");
/** The quoted label of a node in a Mermaid flowchart, of these lines; an empty one would be a fault of the whole chart. */
function mermaidLabel(...lines) {
	return `"${lines.map((line) => oneLine$1(line).replace(/[^\p{L}\p{M}\p{N} ,_-]/gu, (character) => `#${codePoint(character)};`)).filter(Boolean).join("<br/>") || "…"}"`;
}
/** For XML and HTML, between tags and inside attributes: visible text, of characters that XML can hold at all. */
const xmlText = (value) => visible(value).replace(/[&<>"']/g, entity).replace(/[\ufffe\uffff]/g, "�");
// src/report/view.ts
const RANK = {
	error: 0,
	warning: 1,
	notice: 2
};
/** Blocking before not, errors before warnings before notices, then by file and line. */
function worstFirst(findings) {
	if (findings.length < 2) return [...findings];
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
/** What stands in the box of a revision: what it is called, its id where the name does not hold it, and what became of it. */
function nodeLines({ id, label, state, head }) {
	const notes = [state === "base" ? "" : state, head ? "head" : ""].filter(Boolean).join(", ");
	return [
		shorten(label, 60),
		label.includes(id) ? "" : shorten(id, 40),
		notes
	].filter(Boolean);
}
/** Makes values unique: the first of a kind stays as it is, the others get a number, `a`, `a-2`, `a-3`. */
function numbered() {
	const seen = /* @__PURE__ */ new Map();
	return (value) => {
		const times = (seen.get(value) ?? 0) + 1;
		seen.set(value, times);
		return times === 1 ? value : `${value}-${times}`;
	};
}
/** One line for people: `12 of 15 lines of upgrade() of 3f2a ran; lines 20-22 never did, below if …`. */
function linesText({ revision, function: name, file, lines, ran, never }) {
	const [first] = never;
	const spans = never.slice(0, 5).map(({ line, endLine, below }) => {
		const span = endLine > line ? text$1`lines ${line}–${endLine}` : text$1`line ${line}`;
		return below === void 0 ? span : text$1`${span} below ${code(below)}`;
	});
	const more = never.length > 5 ? text$1` and ${never.length - 5} places more` : text$1``;
	return text$1`${ran} of ${count(lines, "line")} of ${name}() of ${code(revision)} ran; in ${code(`${file}:${first?.line ?? 1}`)} ${spans.flatMap((span, index) => index === 0 ? span : [{ text: ", " }, ...span])}${more} never did`;
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
function written$2(part, dialect, before) {
	if ("icon" in part) return ICONS[part.icon];
	if ("text" in part) return dialect.text(part.text);
	if ("code" in part) return dialect.code(part.code, before);
	if ("block" in part) return dialect.code(part.block, before);
	if ("strong" in part) return dialect.strong(line(part.strong, dialect));
	return dialect.link(part.url, line(part.of, dialect));
}
const line = (parts, dialect = inMarkdown) => parts.reduce((before, part) => before + written$2(part, dialect, before), "").trim();
/** GitHub draws flowcharts of at most 500 edges; nobody reads more than this. */
const NODES_DRAWN = 40;
function mermaid({ nodes, omitted }) {
	const important = [...nodes].sort((a, b) => Number(b.head) - Number(a.head) || Number(a.state === "base") - Number(b.state === "base"));
	const kept = new Set(important.slice(0, NODES_DRAWN));
	const drawn = nodes.filter((node) => kept.has(node));
	const names = new Map(drawn.map((node, index) => [node.id, `r${index}`]));
	const lines = [`flowchart ${drawn.length > 6 ? "TB" : "LR"}`];
	for (const node of drawn) {
		const label = mermaidLabel(...nodeLines(node));
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
// src/report/marker.ts
/** Hidden lines by which our own comments are found again. They stand first in a comment, where nobody else's text can come before them. */
/** Nothing is left that could end an HTML comment or part two marks. */
const encoded = (value) => encodeURIComponent(toUSVString(value)).replaceAll("-", "%2D");
const ownerMarks = ({ workflow, job, environment }) => ({
	workflow,
	job,
	environment
});
/** @param kind `comment`, `suggestion`, … */
function marker(kind, owner, marks = {}) {
	return `<!-- alembic-gate ${kind} ${Object.entries({
		...ownerMarks(owner),
		...marks
	}).map(([name, value]) => `${name}=${encoded(value)}`).join(" ")} -->`;
}
/** The marks of a comment of this kind and owner; undefined where it is another's. */
function readMarker(body, kind, owner) {
	const [first = ""] = body.split(/\r?\n/, 1);
	const match = /^<!-- alembic-gate (\w+) ([^<>]*) -->$/.exec(first.trim());
	if (match?.[1] !== kind) return void 0;
	const marks = {};
	for (const mark of match[2].split(" ")) {
		const [, name, value] = /^(\w+)=([\w.!~*'()%]*)$/.exec(mark) ?? [];
		if (name === void 0) return void 0;
		marks[name] = decoded(value);
	}
	return Object.entries(ownerMarks(owner)).every(([name, value]) => marks[name] === toUSVString(value)) ? marks : void 0;
}
function decoded(value) {
	try {
		return decodeURIComponent(value);
	} catch {
		return value;
	}
}
// src/report/turned.ts
/** The comment on a pull request that has two heads since something else landed. */
/** Whoever writes it, there is one: any run of the pull request may say that it is out of date. */
const OWNER = {
	workflow: "",
	job: "",
	environment: ""
};
const TURNED = {
	kind: "turned",
	owner: OWNER
};
const turnMark = (turns) => turns.map(({ environment, head, heads }) => [
	environment,
	head,
	...heads
].join(" ")).join("; ");
/**
* @param commit what was pushed
* @param branch to which
*/
function turnedComment(turns, commit, branch) {
	const lines = turns.map(({ environment, head, heads }) => text$1`${code(environment)}: ${code(head)} of this pull request would be a head beside ${listOf(heads)} of ${code(branch)}.`);
	const help = text$1`Get the branch and build on its head: ${block(`git pull origin ${/^[\w./-]+$/.test(branch) ? branch : "HEAD"}\nnpx alembic-gate fix --yes`, "sh")}`;
	const document = [
		{
			heading: [{ icon: "failed" }, ...text$1` Two heads, since ${code(shortCommit(commit))} landed on ${code(branch)}`],
			level: 3
		},
		{ items: lines.slice(0, 20).map((line) => [...line]) },
		...paragraphs(help)
	];
	return `${marker(TURNED.kind, OWNER, {
		state: "open",
		turn: turnMark(turns)
	})}\n${markdown(document)}`;
}
/** What becomes of it once the pull request was judged again. */
const turnedAgain = () => `${marker(TURNED.kind, OWNER, { state: "done" })}\n${markdown([{ paragraph: text$1`Judged again since: see the check.` }])}`;
/** Whether a comment of ours says just this already. */
const saysTurn = (marks, turns) => marks.state === "open" && marks.turn === turnMark(turns);
/** The first comment that is ours, and the one that a push has left. */
async function findComment(api, sending, pull, mine) {
	const { owner, repo } = sending.run;
	const own = {};
	for (let page = 1; page <= 5; page++) {
		const { data } = await api.rest.issues.listComments({
			owner,
			repo,
			issue_number: pull.number,
			per_page: 100,
			page
		});
		for (const { id, body = "", user } of data) {
			if (!mine(user)) continue;
			const marks = sending.owner && readMarker(body, "comment", sending.owner);
			if (marks) own.found ??= {
				id,
				body,
				marks
			};
			const turn = readMarker(body, TURNED.kind, TURNED.owner);
			if (turn) own.turned ??= {
				id,
				body,
				marks: turn
			};
		}
		if (data.length < 100 || own.found) break;
	}
	return own;
}
/**
* Which authors are we. A job's token, or an app's, writes as a bot and may not ask who it is; a person's token may.
* What a person writes with our marker in it is never taken for ours.
*/
async function authorship(api, { token }) {
	if (token.startsWith("ghs_")) return (author) => author?.type === "Bot";
	const me = await api.rest.users.getAuthenticated().then(({ data }) => data.login, () => void 0);
	return (author) => me === void 0 ? author?.type === "Bot" : author?.login === me;
}
// src/github/recheck.ts
/** Milliseconds for everything together. */
const PATIENCE$1 = 12e4;
/**
* Says on each open pull request that has two heads by a push that it has, once.
*
* @returns what could not be done, as one notice
*/
async function recheck({ commit, branch, turned }, run, env) {
	return noticeOf(await attempt("what this push does to the open pull requests", "pull-requests: write", async () => {
		const { connect } = await import("./octokit.js");
		const api = await connect(run, env, AbortSignal.timeout(PATIENCE$1));
		const { pulls } = await listOpen(api, run, { base: branch });
		const all = await turned(pulls);
		if (all.length === 0) return;
		const mine = await authorship(api, run);
		const where = {
			owner: run.owner,
			repo: run.repo
		};
		for (const number of new Set(all.map((one) => one.number))) {
			const own = all.filter((one) => one.number === number);
			const before = (await findComment(api, { run }, { number }, mine)).turned;
			if (before && saysTurn(before.marks, own)) continue;
			const body = turnedComment(own, commit, branch);
			if (before) await api.rest.issues.updateComment({
				...where,
				comment_id: before.id,
				body
			});
			else await api.rest.issues.createComment({
				...where,
				issue_number: number,
				body,
				request: { retries: 0 }
			});
		}
	}), false);
}
// src/report/bare.ts
/** A Text for places that have no mark-up at all. */
/** Code bare, blocks between blank lines; nothing that is invisible or moves a cursor. */
function bare(parts) {
	return paragraphs(parts).map((block) => "code" in block ? visible(block.code).replace(/^\n+|\s+$/g, "") : oneLine$1(plain(block.paragraph))).join("\n\n");
}
// src/report/annotations.ts
/** Annotations by workflow command: they need no token, so every run has them, a fork's too. */
/** What GitHub keeps of one step: so many of each level, and so much of a message. The rest is lost without a word. */
const PER_LEVEL = 10;
const MESSAGE$3 = 4096;
const TITLE$2 = 255;
const CUT = "\n\n(Cut here: the job summary has more.)";
/**
* Lines of `::error file=…::…` for the runner's log, worst first and within GitHub's limits; what does not fit is counted in a last
* notice. Only the pull request's own findings: what the base branch has already, and what an ignore allows, is left to the summary.
* A report that is not green has at least one error.
*
* @param reserved how many of GitHub's ten notices the sender wants for itself
*/
function annotations(report, reserved = 0) {
	const { shown, hidden } = chosen(report, reserved);
	const of = (level) => hidden.filter((annotation) => annotation.level === level).length;
	const rest = hidden.length > 0 ? [theRest([of("error"), "error"], [of("warning"), "warning"], [of("notice"), "notice"])] : [];
	return [...shown, ...rest].map(command);
}
/** What GitHub would not show of one step, worst first: for the job's check run, which may have more. */
const furtherAnnotations = (report, reserved = 0) => chosen(report, reserved).hidden;
function chosen(report, reserved) {
	const several = report.environments.length > 1;
	const own = worstFirst(report.environments.flatMap((environment) => grouped(environment.findings).own));
	const all = [...report.failures.map(ofFailure), ...own.map((finding) => ofFinding(finding, several))];
	if (report.verdict !== "pass" && !all.some(({ level }) => level === "error")) all.unshift({
		level: "error",
		place: {},
		title: "alembic-gate",
		message: bare(report.headline)
	});
	const of = (level) => all.filter((annotation) => annotation.level === level);
	const crowded = of("error").length > PER_LEVEL || of("warning").length > PER_LEVEL || of("notice").length > PER_LEVEL - reserved;
	const shown = [
		...of("error").slice(0, PER_LEVEL),
		...of("warning").slice(0, PER_LEVEL),
		...of("notice").slice(0, PER_LEVEL - reserved - (crowded ? 1 : 0))
	];
	return {
		shown,
		hidden: all.filter((annotation) => !shown.includes(annotation))
	};
}
/** Prints the annotations to the runner's log. */
function sendAnnotations(report, write, reserved = 0) {
	for (const line of annotations(report, reserved)) write(`${line}\n`);
}
/** Foreign text for the runner's log, in which the runner then looks for no commands. */
function fenced$1(log, token = randomUUID()) {
	return `::stop-commands::${token}\n${log}${log === "" || log.endsWith("\n") ? "" : "\n"}::${token}::\n`;
}
function ofFailure({ message, help, file, line }) {
	return {
		level: "error",
		place: {
			file,
			line
		},
		title: "alembic-gate",
		message: together([bare(message), bare(help)])
	};
}
function ofFinding(finding, several) {
	const related = finding.related.slice(0, 5).map((other) => oneLine$1(`See also ${relatedPlace(finding, other)}: ${plain(other.message)}`));
	const environment = several ? ` (${finding.environment})` : "";
	return {
		level: finding.severity,
		place: finding,
		title: oneLine$1(`alembic-gate: ${finding.rule}${environment}`),
		message: together([
			bare(finding.message),
			bare(finding.help),
			related.join("\n")
		])
	};
}
function theRest(...hidden) {
	return {
		level: "notice",
		place: {},
		title: "alembic-gate",
		message: `${hidden.filter(([number]) => number > 0).map(([number, noun]) => count(number, `more ${noun}`)).join(", ")}: GitHub shows ${PER_LEVEL} of each kind for one step. The rest is in the job summary and the JSON report.`
	};
}
const together = (texts) => texts.filter(Boolean).join("\n\n");
/** A notice about the sending itself. */
const noticeCommand = (parts) => command({
	level: "notice",
	place: {},
	title: "alembic-gate",
	message: bare(parts)
});
function command({ level, place: { file, line, endLine, column, endColumn }, title, message }) {
	const oneLined = endLine === void 0 || endLine === line;
	return `::${level} ${[...[
		["file", file],
		["line", line],
		["endLine", endLine ?? (column === void 0 ? void 0 : line)],
		["col", oneLined ? column : void 0],
		["endColumn", oneLined && column !== void 0 ? endColumn : void 0]
	].filter(([name, value]) => value !== void 0 && file !== void 0 && (line !== void 0 || name === "file")).map(([name, value]) => `${name}=${commandProperty(String(value))}`), `title=${commandProperty(shorten(title, TITLE$2))}`].join(",")}::${commandData(shorten(message, MESSAGE$3, CUT))}`;
}
// src/report/check-run.ts
const LEVEL$1 = {
	error: "failure",
	warning: "warning",
	notice: "notice"
};
/** What one request may hold, and how many requests one report is worth. */
const PER_REQUEST = 50;
const TITLE$1 = 255;
/** Bytes; GitHub takes 64 KB. Fifty long ones must still be a request that it takes. */
const MESSAGE$2 = 16e3;
/** The annotations beyond those that the step has printed, worst first, a request's worth each. Those without a file have no place there. */
function checkRunOutputs(report, reserved = 0) {
	const all = furtherAnnotations(report, reserved).flatMap(({ level, place, title, message }) => {
		const { file, line = 1, endLine = line, column, endColumn } = place;
		if (file === void 0) return [];
		const last = Math.max(line, endLine);
		return [{
			path: file,
			start_line: line,
			end_line: last,
			...column !== void 0 && last === line && {
				start_column: column,
				end_column: Math.max(column, endColumn ?? column)
			},
			annotation_level: LEVEL$1[level],
			title: shorten(title, TITLE$1),
			message: shorten(message, MESSAGE$2 / 4)
		}];
	});
	const sent = all.slice(0, 500);
	const left = all.length - sent.length;
	const summary = `${count(all.length, "annotation")} beyond those of the step${left > 0 ? `, the worst ${sent.length} of them here` : ""}. The job summary has the whole verdict.`;
	return Array.from({ length: Math.ceil(sent.length / PER_REQUEST) }, (_, index) => ({
		title: "alembic-gate",
		summary,
		annotations: sent.slice(index * PER_REQUEST, (index + 1) * PER_REQUEST)
	}));
}
// src/report/summary.ts
/** The job summary: what a reviewer reads. Red days: what is wrong and what to do. Green days: what changes in the database. */
/** From what people can read down to what always fits. */
const SIZES = [
	{
		failures: 10,
		environments: 50,
		findings: 200,
		details: 50,
		changes: 100,
		statements: 200,
		message: 2e3,
		block: 12e3
	},
	{
		failures: 10,
		environments: 20,
		findings: 50,
		details: 10,
		changes: 50,
		statements: 50,
		message: 1e3,
		block: 3e3
	},
	{
		failures: 5,
		environments: 10,
		findings: 20,
		details: 4,
		changes: 10,
		statements: 5,
		message: 500,
		block: 1e3
	},
	{
		failures: 2,
		environments: 4,
		findings: 10,
		details: 0,
		changes: 5,
		statements: 0,
		message: 250,
		block: 250
	},
	{
		failures: 0,
		environments: 0,
		findings: 0,
		details: 0,
		changes: 0,
		statements: 0,
		message: 60,
		block: 0
	}
];
const ROOMS$1 = SIZES.map((size) => ({
	...size,
	rest: "the JSON report",
	brief: false
}));
/** The runner counts the whole file; the difference is for what others of the same step have written. */
const LIMIT$1 = 1e6;
/** The report as Markdown of at most `limit` bytes; what does not fit is counted, never dropped in silence. */
function summary(report, options = {}) {
	return fitting$1(ROOMS$1, options.limit ?? LIMIT$1, (room) => markdown(document(report, options, room)));
}
/** What is written with the first room in which it is at most `limit` bytes long; nothing where none is small enough. */
function fitting$1(rooms, limit, write) {
	for (const room of rooms) {
		const written = write(room);
		if (Buffer.byteLength(written) <= limit) return written;
	}
	return "";
}
/** Appends the summary to the runner's file (GITHUB_STEP_SUMMARY), within what is left of its limit. */
async function sendSummary(report, file, options = {}) {
	const used = await stat(file).then(({ size }) => size, () => 0);
	await appendFile(file, summary(report, {
		...options,
		limit: Math.min(options.limit ?? LIMIT$1, LIMIT$1 - used)
	}));
}
const VERDICT$3 = {
	pass: "passed",
	fail: "failed",
	error: "broken"
};
const say = (value) => ({ text: value });
const strong = (value) => ({ strong: text$1`${value}` });
const icon = (name) => [{ icon: name }, say(" ")];
const joined = (lines, by = " · ") => lines.flatMap((line, index) => index === 0 ? line : [say(by), ...line]);
/** The summary as a document. */
function document(report, options = {}, room = ROOMS$1[0]) {
	const alone = report.environments.length === 1;
	const top = room.brief ? 3 : 2;
	const shown = report.environments.slice(0, room.environments);
	return [
		{
			heading: [...icon(VERDICT$3[report.verdict]), ...shortenText(report.headline, room.message)],
			level: top
		},
		...counted(tally(report)),
		...failures(report, options, room),
		...shown.flatMap((environment) => [...alone ? [] : [{
			heading: [code(shorten(environment.name, room.message))],
			level: room.brief ? 4 : 3
		}], ...environmentBlocks(environment, alone && !room.brief ? 3 : 4, options, room)]),
		...rest(report.environments.length - shown.length, "environment", room)
	];
}
/** Nothing where there is nothing to count: the headline says so. */
function counted(counts) {
	if (Object.values(counts).every((number) => number === 0)) return [];
	const words = tallyWords(counts);
	return [{ paragraph: joined(words.map((word, index) => [index === 0 && counts.blocking > 0 ? strong(word) : say(word)])) }];
}
/** What was left out for want of room. */
const rest = (number, noun, room) => number > 0 ? [{ small: text$1`… and ${count(number, `more ${noun}`)}, in ${room.rest}.` }] : [];
/** The paragraphs of a Text, its blocks cut to the room that there is. */
const prose$1 = (parts, room) => paragraphs(shortenText(parts, room.block + room.message).map((part) => "block" in part ? {
	...part,
	block: shorten(part.block, room.block, "\n…")
} : part));
/** The paragraphs of a Text, the first of them after a word in bold. */
function titled(title, parts, room) {
	const [first, ...others] = prose$1(parts, room);
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
	const shown = report.failures.slice(0, room.failures);
	return [...shown.flatMap(({ message, help, file, line }) => {
		const at = file === void 0 ? [] : [say(" "), ...place({
			file,
			line
		}, placeOf({
			file,
			line
		}), options)];
		const said = plain(message) === plain(report.headline);
		return [...said && at.length === 0 ? [] : [{ paragraph: [...said ? [] : shortenText(message, room.message), ...at] }], ...prose$1(help, room)];
	}), ...rest(report.failures.length - shown.length, "failure", room)];
}
function environmentBlocks(environment, level, options, room) {
	const { own, ignored, preexisting } = grouped(environment.findings);
	const heading = (title) => ({
		heading: text$1`${title}`,
		level
	});
	const telling = environment.graph && (environment.heads.length > 1 || environment.graph.nodes.some(({ state }) => state === "edited" || state === "deleted"));
	const graph = environment.graph && environment.graph.nodes.length > 0 && room.details > 0 ? [{ graph: environment.graph }] : [];
	return [
		...findingBlocks(own, options, room, telling ? graph : [], true),
		...environment.schema ? schemaBlocks(environment.schema, heading("What this pull request does to the schema"), room) : [],
		...linesBlocks(environment, heading("Lines that never ran"), room),
		...notCheckedBlocks(environment, heading("Not checked"), room),
		...room.brief ? [] : background(ignored, preexisting, telling ? [] : graph, environment.phases, options, room),
		{ small: joined(circumstances$2(environment)) }
	];
}
/** What blocks nobody, behind a click. */
function background(ignored, preexisting, graph, phases, options, room) {
	return [
		...folded$1([...icon("ignored"), say(count(ignored.length, "ignored finding"))], ignoredBlocks(ignored, options, room)),
		...folded$1([say(`${count(preexisting.length, "pre-existing fault")}: on the base branch already, no reason to block`)], findingBlocks(preexisting, options, room, [], false)),
		...folded$1([say("The touched part of the history")], graph),
		...phaseBlocks(phases, room)
	];
}
const folded$1 = (title, details, open = false) => details.length > 0 ? [{
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
				text$1`Rule`,
				text$1`Place`,
				text$1`Finding`
			],
			rows: shown.map(row)
		},
		...rest(findings.length - shown.length, "finding", room),
		...picture,
		...detailed.flatMap((finding, index) => findingDetails(finding, options, room, open && finding.blocks && index < 3)),
		...detailed.length > 0 && detailed.length < shown.length ? [{ small: text$1`Details of the first ${detailed.length} only; those of the others are in ${room.rest}.` }] : []
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
		...finding.evidence ? prose$1(finding.evidence, room) : [],
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
	return folded$1([
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
	return items.length > 0 ? [{ items }, ...rest(findings.length - shown.length, "finding", room)] : [];
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
		shown.length > 0 ? { items: shown.map((change) => shortenText(change, room.message)) } : { paragraph: text$1`Nothing that the catalog shows.` },
		...rest(changes.length - shown.length, "change", room),
		...folded$1(text$1`The SQL that it executed (${count(sql.length, "statement")})`, [...executed, ...rest(sql.length - statements.length, "statement", room)])
	];
}
/** What no phase has tried, with rows or without. */
function linesBlocks({ lines = [] }, heading, room) {
	const unrun = lines.filter(({ never }) => never.length > 0);
	if (unrun.length === 0 || room.changes === 0) return [];
	const shown = unrun.slice(0, room.changes);
	return [
		heading,
		{ items: shown.map((one) => shortenText(linesText(one), room.message)) },
		...rest(unrun.length - shown.length, "function", room)
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
	]) }, ...rest(notChecked.length - shown.length, "thing", room)];
	return notChecked.length <= 5 ? [heading, ...list] : folded$1(text$1`Not checked: ${count(notChecked.length, "thing")}, with the reasons`, list);
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
		text$1`${title}`,
		text$1`${outcome === "not-run" ? "" : revisions}`,
		text$1`${outcome === "not-run" ? "" : duration(seconds)}`,
		compared ? text$1`${compared.with}: ${compared.differences === 0 ? "no difference" : count(compared.differences, "difference")}` : [],
		[
			...icon(outcome === "ok" && (compared?.differences ?? 0) > 0 ? "warning" : OUTCOME$1[outcome]),
			...outcome === "ok" ? [] : [say(outcome === "failed" ? "failed" : "not run")],
			...reason ? [say(": "), ...shortenText(reason, room.message)] : []
		]
	];
	return folded$1([say(title)], [{
		head: [
			text$1`Phase`,
			text$1`Revisions`,
			text$1`Time`,
			text$1`Compared with`,
			text$1`Outcome`
		],
		rows: phases.slice(0, 50).map(row)
	}]);
}
/** What was judged, against what, and with what. */
function circumstances$2({ config, base, revisions, server, runtime }) {
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
// src/report/comment.ts
/** GitHub takes 65,536 characters; as bytes they are never more. */
const LIMIT = 65e3;
const ROOMS = SIZES.slice(1).map((size) => ({
	...size,
	rest: "the job summary",
	brief: true
}));
/** Whether a report gives a reader of the pull request anything to do or to know. */
function saysSomething(report) {
	return report.verdict !== "pass" || report.environments.some(({ findings }) => grouped(findings).own.length > 0);
}
/** The comment as Markdown, its marker first. */
function comment(report, options) {
	const { owner, run, mended = false, limit = LIMIT } = options;
	const mark = marker("comment", owner, {
		run: `${run.id}.${run.attempt}`,
		state: mended ? "mended" : saysSomething(report) ? "open" : "green"
	});
	const room = limit - Buffer.byteLength(mark) - 1;
	return `${mark}\n${fitting$1(ROOMS, room, (size) => markdown(commentDocument(report, options, size)))}`;
}
/** The comment as a document. */
const commentDocument = (report, options, room = ROOMS[0]) => [...body$1(report, options, room), ...footer(options)];
function body$1(report, options, room) {
	const whole = document(report, options, room);
	if (!options.mended) return whole;
	return [{
		heading: [{ icon: "passed" }, ...text$1` What the Alembic gate found here is gone`],
		level: 3
	}, {
		details: whole,
		title: text$1`What it sees now`,
		open: false
	}];
}
function footer({ page, commit, secondHand }) {
	const link = page === void 0 ? [] : [{
		url: page,
		of: text$1`job summary`
	}];
	const line = [
		...link.length > 0 ? [link] : [],
		...commit === void 0 ? [] : [text$1`judged ${code(shortCommit(commit))}`],
		...secondHand ? [text$1`as reported by a run of the pull request's own code: the check itself is what counts`] : []
	].flatMap((part, index) => index === 0 ? [...part] : [{ text: " · " }, ...part]);
	return line.length > 0 ? [{ small: line }] : [];
}
// src/edits.ts
/** The text with all edits made; undefined where something else stands in their place. */
function edited(source, edits) {
	let result = source;
	for (const { start, end, expected, insert } of edits.toSorted((a, b) => b.start - a.start)) {
		if (result.slice(start, end) !== expected) return void 0;
		result = result.slice(0, start) + insert + result.slice(end);
	}
	return result;
}
// src/report/suggestions.ts
/** Suggestions that a reviewer can commit with a click: for findings whose mend is known and whose lines are in the diff. */
/** More lines than this nobody reads in a suggestion. */
const LINES = 60;
/** Own findings with a fix, whether the diff has their lines or not. */
function fixable(report) {
	return report.environments.flatMap(({ findings }) => grouped(findings).own).filter(({ fix }) => fix !== void 0 && fix.edits.length > 0);
}
/** What can be suggested, worst first; of several findings with the same mend one. */
function suggestions(report, diff, owner) {
	const seen = /* @__PURE__ */ new Set();
	const known = remembering(diff);
	return fixable(report).flatMap((finding) => {
		const suggestion = suggestionFor(finding, known, owner);
		const key = suggestion && JSON.stringify([suggestion.path, suggestion.line]);
		if (!key || seen.has(key) || seen.has(finding.fingerprint)) return [];
		seen.add(key).add(finding.fingerprint);
		return [suggestion];
	});
}
/** Both sides of each file, read once. */
function remembering({ source, patches }) {
	const sides = /* @__PURE__ */ new Map();
	const read = (file) => {
		const patch = patches.get(file);
		const content = patch === void 0 ? void 0 : source(file);
		return content === void 0 ? void 0 : {
			source: content,
			lines: content.split("\n"),
			right: rightSide(patch)
		};
	};
	return (file) => {
		if (!sides.has(file)) sides.set(file, read(file));
		return sides.get(file);
	};
}
function suggestionFor(finding, sideOf, owner) {
	const { edits, title } = finding.fix;
	const path = edits[0].file;
	const side = sideOf(path);
	if (!side || edits.some(({ file }) => file !== path)) return void 0;
	const after = edited(side.source, edits);
	if (after === void 0 || side.source.includes("\r")) return void 0;
	if (side.source.endsWith("\n") !== after.endsWith("\n")) return void 0;
	const change = changedLines(side.lines, after.split("\n"));
	if (!change || change.before.length > LINES || change.after.length > LINES) return void 0;
	if (change.first + change.before.length > side.lines.length && side.lines.at(-1) === "") return void 0;
	const inserted = change.after.join("\n");
	if (visible(inserted) !== inserted) return void 0;
	const first = findLines(change.before, change.first, side.right);
	if (first === void 0) return void 0;
	const mark = marker("suggestion", owner, { fingerprint: finding.fingerprint });
	const line = first + change.before.length - 1;
	return {
		fingerprint: finding.fingerprint,
		path,
		line,
		...line > first && { startLine: first },
		body: `${mark}\n${markdownCode(finding.rule)}: ${markdownText(shorten(title, 200))}\n\n${fenced(change.after)}\n`
	};
}
function fenced(lines) {
	const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)));
	const fence = "`".repeat(longest + 1);
	return [
		`${fence}suggestion`,
		...lines,
		fence
	].join("\n");
}
/** The lines that differ; of an insertion also the line before it, since a suggestion replaces lines. */
function changedLines(before, after) {
	const shorter = Math.min(before.length, after.length);
	let same = 0;
	while (same < shorter && before[same] === after[same]) same++;
	if (same === before.length && same === after.length) return void 0;
	let tail = 0;
	while (tail < shorter - same && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
	if (same + tail === before.length) {
		if (same > 0) same--;
		else tail--;
	}
	return {
		first: same + 1,
		before: before.slice(same, before.length - tail),
		after: after.slice(same, after.length - tail)
	};
}
/** The lines of a diff that the pull request's side has, by their numbers. */
function rightSide(patch) {
	const lines = /* @__PURE__ */ new Map();
	let number = 0;
	for (const line of patch.split("\n")) {
		const hunk = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
		if (hunk) number = Number(hunk[1]);
		else if (number > 0 && (line.startsWith("+") || line.startsWith(" "))) lines.set(number++, line.slice(1));
	}
	return lines;
}
/**
* The number of the first of these lines in the diff: where they stand in the merged file, or else the one place where the pull
* request's own file has them, since what landed on the base branch may have moved them.
*/
function findLines(wanted, at, lines) {
	const stands = (first) => wanted.every((line, index) => lines.get(first + index) === line);
	if (stands(at)) return at;
	if (!wanted.some((line) => /\S/.test(line))) return void 0;
	const [only, ...others] = [...lines.keys()].filter(stands);
	return others.length === 0 ? only : void 0;
}
// src/github/review.ts
/** GitHub takes more, but nobody reads more. */
const PER_REVIEW = 30;
/** Posts new suggestions, brings old ones up to date, and says of those that nobody needs any more that it is so. */
async function sendSuggestions(api, report, sending, pull, mine) {
	const where = {
		owner: sending.run.owner,
		repo: sending.run.repo,
		pull_number: pull.number
	};
	return attempt("suggestions", "pull-requests: write", async () => {
		const wanted = fixable(report).length > 0 ? suggestions(report, await diffOf(api, sending, pull), sending.owner) : [];
		const there = await ownSuggestions(api, sending, pull, mine);
		const fresh = [];
		for (const suggestion of wanted) {
			const old = there.find(({ fingerprint, current }) => current && fingerprint === suggestion.fingerprint);
			if (!old || old.path !== suggestion.path || old.line !== suggestion.line) fresh.push(suggestion);
			else {
				there.splice(there.indexOf(old), 1);
				if (old.body.trimEnd() !== suggestion.body.trimEnd()) await rewrite(api, sending.run, old.id, suggestion.body);
			}
		}
		if (report.verdict !== "error") for (const { id, body } of there) await rewrite(api, sending.run, id, withdrawn(body));
		const comments = fresh.slice(0, PER_REVIEW).map(({ path, line, startLine, body }) => ({
			path,
			line,
			side: "RIGHT",
			body,
			...startLine !== void 0 && {
				start_line: startLine,
				start_side: "RIGHT"
			}
		}));
		if (comments.length === 0) return;
		const more = fresh.length - comments.length;
		const body = `The Alembic gate can mend ${comments.length === 1 ? "this" : count(comments.length, "thing")}${more > 0 ? `, and ${more} more: \`alembic-gate fix\` does it` : ""}.`;
		await api.rest.pulls.createReview({
			...where,
			commit_id: pull.head,
			event: "COMMENT",
			body,
			comments,
			request: { retries: 0 }
		});
	});
}
/** Marks of suggestions that are no longer wanted. */
const WITHDRAWN = "~~Suggestion~~ No longer needed.";
/** The marker stays, so that it is known; what could be committed goes. */
const withdrawn = (body) => `${body.split("\n", 1)[0]}\n${WITHDRAWN}\n`;
const rewrite = (api, { owner, repo }, id, body) => api.rest.pulls.updateReviewComment({
	owner,
	repo,
	comment_id: id,
	body
});
async function ownSuggestions(api, sending, pull, mine) {
	const { owner, repo } = sending.run;
	const found = [];
	for (let page = 1; page <= 5; page++) {
		const { data } = await api.rest.pulls.listReviewComments({
			owner,
			repo,
			pull_number: pull.number,
			per_page: 100,
			page
		});
		for (const { id, body, user, line, path } of data) {
			const marks = mine(user) && !body.includes(WITHDRAWN) ? readMarker(body, "suggestion", sending.owner) : void 0;
			if (marks?.fingerprint === void 0) continue;
			const place = typeof line === "number" ? {
				current: true,
				line
			} : { current: false };
			found.push({
				id,
				body,
				fingerprint: marks.fingerprint,
				path,
				...place
			});
		}
		if (data.length < 100) break;
	}
	return found;
}
async function diffOf(api, sending, pull) {
	const { owner, repo } = sending.run;
	const patches = /* @__PURE__ */ new Map();
	for (let page = 1; page <= 5; page++) {
		const { data } = await api.rest.pulls.listFiles({
			owner,
			repo,
			pull_number: pull.number,
			per_page: 100,
			page
		});
		for (const { filename, patch } of data) if (patch !== void 0) patches.set(filename, patch);
		if (data.length < 100) break;
	}
	return {
		source: sending.source,
		patches
	};
}
// src/github/workflow-run.ts
/** @returns undefined where the event is no `workflow_run` of a pull request */
function otherRun(payload) {
	const of = (...keys) => at(payload, "workflow_run", ...keys);
	const [workflow, head, branch] = [
		of("name"),
		of("head_sha"),
		of("head_branch")
	];
	const headOwner = of("head_repository", "owner", "login");
	const [id, attempt] = [of("id"), of("run_attempt")];
	if (of("event") !== "pull_request" || typeof id !== "number" || typeof attempt !== "number") return void 0;
	if (typeof workflow !== "string" || typeof head !== "string" || typeof branch !== "string" || typeof headOwner !== "string") return void 0;
	return {
		workflow,
		id,
		attempt,
		head,
		branch,
		headOwner
	};
}
/** @returns undefined where it is closed, or has moved on since that run */
async function pullRequestOf(api, run, other) {
	const { data } = await api.rest.pulls.list({
		owner: run.owner,
		repo: run.repo,
		state: "open",
		head: `${other.headOwner}:${other.branch}`,
		per_page: 100
	});
	const found = data.find(({ head }) => head.sha === other.head);
	return found && {
		number: found.number,
		head: found.head.sha,
		base: found.base.ref,
		fork: true
	};
}
// src/github/send.ts
/** Milliseconds for everything together. */
const PATIENCE = 9e4;
/**
* Sends what there is to send.
*
* @returns what could not be sent and why, as one notice; nothing where all went well
*/
async function sendToGitHub(report, sending) {
	const { run, env } = sending;
	const outputs = run.checkRun === void 0 ? [] : checkRunOutputs(report, sending.reserved);
	const pull = sending.comment === "never" ? void 0 : run.pull;
	if (outputs.length === 0 && !pull) return void 0;
	return noticeOf(await attempt("everything", "pull-requests: write", async () => {
		const { connect } = await import("./octokit.js");
		const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
		return (await Promise.all([outputs.length > 0 ? sendAnnotationsTo(api, run, outputs) : [], pull ? sendComment(api, report, sending, pull) : []])).flat();
	}), run.pull?.fork ?? false);
}
/**
* Posts the comment for a run that may not: of a fork's pull request. No suggestions, since its own code wrote the report.
*
* @returns what was done, in words
* @throws Failure (exit code 3) where GitHub does not do it
*/
async function postSecondHand(report, other, { run, env, links }) {
	const { connect } = await import("./octokit.js");
	const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
	let pull;
	const looked = await attempt("the open pull requests", "pull-requests: write", async () => {
		pull = await pullRequestOf(api, run, other);
	});
	if (looked.length === 0 && !pull) return "Nothing posted: the pull request is closed, or has moved on since that run.";
	const { workflow, id, attempt: attempts } = other;
	const sending = {
		run: {
			...run,
			workflow,
			id,
			attempt: attempts
		},
		env,
		comment: "auto",
		owner: {
			workflow,
			job: "",
			environment: ""
		},
		links,
		source: () => void 0,
		reserved: 0,
		secondHand: true
	};
	const missing = noticeOf(pull ? await sendComment(api, report, sending, pull) : looked, false);
	if (missing) throw new Failure(3, text$1`The comment was not posted.`, missing);
	return `Pull request ${pull.number} has its comment.`;
}
function sendAnnotationsTo(api, run, outputs) {
	const number = outputs.reduce((sum, { annotations }) => sum + annotations.length, 0);
	return attempt(count(number, "further annotation"), "checks: write", async () => {
		for (const output of outputs) await api.rest.checks.update({
			owner: run.owner,
			repo: run.repo,
			check_run_id: run.checkRun,
			output
		});
	});
}
async function sendComment(api, report, sending, pull) {
	const { run } = sending;
	const where = {
		owner: run.owner,
		repo: run.repo
	};
	const something = saysSomething(report);
	const mine = await authorship(api, run);
	let found;
	try {
		const own = await findComment(api, sending, pull, mine);
		found = own.found;
		const { turned } = own;
		if (turned?.marks.state === "open") {
			const body = turnedAgain();
			await attempt("", "pull-requests: write", async () => void await api.rest.issues.updateComment({
				...where,
				comment_id: turned.id,
				body
			}));
		}
	} catch (error) {
		return something || sending.comment === "always" ? [troubleOf(error, "the comment on the pull request", "pull-requests: write")] : [];
	}
	/** What is to stand in the comment, given the one that is there; undefined where that one stays as it is. */
	const bodyFor = (there) => {
		const [id = 0, attempts = 0] = (there?.marks.run ?? "").split(".").map(Number);
		const later = id > run.id || id === run.id && attempts > run.attempt;
		const sibling = id === run.id && attempts === run.attempt && there?.marks.state === "open" && !something;
		if (later || sibling || !there && !something && sending.comment !== "always") return void 0;
		return comment(report, {
			...sending.links,
			owner: sending.owner,
			run,
			mended: !something && there !== void 0 && there.marks.state !== "green",
			page: markdownUrl(run.serverUrl, run.owner, run.repo, "actions", "runs", String(run.id)),
			commit: pull.head,
			...sending.secondHand && { secondHand: true }
		});
	};
	const body = bodyFor(found);
	if (body === void 0) return [];
	let made;
	const posted = await attempt("the comment on the pull request", "pull-requests: write", async () => {
		if (found) await api.rest.issues.updateComment({
			...where,
			comment_id: found.id,
			body
		});
		else {
			const issue = {
				...where,
				issue_number: pull.number,
				body,
				request: { retries: 0 }
			};
			made = (await api.rest.issues.createComment(issue)).data.id;
		}
	});
	if (made !== void 0) await keepOne(made);
	if (posted.length > 0 || sending.secondHand || !found && fixable(report).length === 0) return posted;
	return [...posted, ...await sendSuggestions(api, report, sending, pull, mine)];
	/** Two jobs that find no comment at the same moment make one each: the older one stays, with what there is to say now. */
	async function keepOne(younger) {
		await attempt("", "pull-requests: write", async () => {
			const { found: older } = await findComment(api, sending, pull, mine);
			if (!older || older.id >= younger) return;
			const words = bodyFor(older);
			if (words !== void 0) await api.rest.issues.updateComment({
				...where,
				comment_id: older.id,
				body: words
			});
			await api.rest.issues.deleteComment({
				...where,
				comment_id: younger
			});
		});
	}
}
// src/rechecking.ts
/** Which open pull requests have two heads by a push: told from files alone. */
/**
* Compares what a push brought with what each pull request adds.
*
* @param cwd the checkout of what was pushed
* @throws Failure or GitError where the commits before or of the pull requests cannot be had
*/
async function turnedBy(event, pulls, given, cwd) {
	const checkout = await openCheckout(given, { cwd });
	const { git } = checkout;
	if (!git || pulls.length === 0) return [];
	const base = await findBase({
		git,
		event,
		...typeof given.base === "string" && { base: given.base }
	});
	if (!base.known) return [];
	const { tree, environments } = await openProject(given, checkout);
	const pushed = (await Promise.all(environments.map(async ({ environment, settings }) => ({
		environment,
		...await readHistory({
			git,
			base: base.value,
			tree,
			environment,
			released: settings.released
		})
	})))).filter(({ history }) => history.added.length > 0);
	if (pushed.length === 0) return [];
	const aside = await fetchAside(git, event, pulls.map(({ head }) => head));
	try {
		const turned = [];
		for (const { environment, graph, history } of pushed) {
			const neighbours = await readNeighbours({
				git,
				aside: aside.git,
				base: base.value,
				environment,
				pulls
			});
			for (const neighbour of neighbours) {
				const both = collision(neighbour, graph, history.graph);
				if (both) turned.push({
					number: neighbour.number,
					environment: environment.name,
					head: both.head,
					heads: graph.heads
				});
			}
		}
		return turned;
	} finally {
		await aside.remove();
	}
}
// src/report/json.ts
/** What JSON may hold as it is but a terminal or an editor would obey or hide. */
const INVISIBLE = /[\p{Cf}\u007f-\u009f\u2028\u2029]/gu;
const escaped = (text) => text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
/** A value as JSON, indented, ended by a newline; characters that nobody can see are escaped. */
const jsonOf = (value) => `${JSON.stringify(value, null, 2).replace(INVISIBLE, escaped)}\n`;
/** The report as JSON. */
const json = (report) => jsonOf(report);
// src/report/gitlab.ts
/** UTF-16 units of a description. */
const DESCRIPTION = 2e3;
/**
* The issues as JSON, worst first. What an ignore allows is left out, as GitLab has no word for it; what the base branch has already,
* and what was not checked, is information. GitLab drops a fingerprint that it has seen: equal ones are numbered.
*/
function gitlab(report) {
	const unique = numbered();
	const issues = [...report.failures.map(({ message, help, file, line }) => {
		const description = `${oneLine$1(plain(message))} ${oneLine$1(bare(help))}`;
		return issue("alembic-gate", "blocker", unique("alembic-gate"), description, {
			file: file ?? ".",
			line
		});
	}), ...report.environments.flatMap((environment) => environmentIssues(environment, unique))];
	return jsonOf(issues);
}
function environmentIssues({ name, config, findings, notChecked }, unique) {
	const { own, preexisting } = grouped(findings);
	const of = (finding) => {
		const { rule, message, help, fingerprint, file, line, endLine } = finding;
		const description = `${finding.preexisting ? "On the base branch already: " : ""}${oneLine$1(plain(message))} ${oneLine$1(bare(help))}`;
		return issue(rule, severityOf(finding), unique(fingerprint), description, {
			file: file ?? config,
			line,
			endLine
		});
	};
	return [...[...own, ...preexisting].map(of), ...notChecked.map(({ what, reason }) => {
		const description = `${oneLine$1(what)} was not checked: ${oneLine$1(plain(reason))}`;
		return issue("not-checked", "info", unique(`not-checked ${oneLine$1(name)}`), description, { file: config });
	})];
}
function severityOf({ severity, blocks, preexisting }) {
	if (preexisting) return "info";
	if (blocks) return "critical";
	return severity === "error" ? "major" : severity === "warning" ? "minor" : "info";
}
const issue = (rule, severity, fingerprint, description, { file, line, endLine }) => ({
	description: shorten(description, DESCRIPTION),
	check_name: rule,
	fingerprint,
	severity,
	location: {
		path: visible(file) || ".",
		lines: {
			begin: line ?? 1,
			...endLine !== void 0 && { end: endLine }
		}
	}
});
// src/report/junit.ts
/** UTF-16 units of an attribute, and of what stands between tags. */
const ATTRIBUTE = 1e3;
const BODY = 4e3;
/**
* The report as XML. Only what blocks is a failure, and only what keeps the gate from judging is an error: a suite is red when the
* gate is. What is ignored, was there before, or was not run is skipped, with the reason. There are no elements and attributes but
* those that the schemas of Jenkins and of Surefire share: places stand in names and texts.
*/
function junit(report) {
	const suites = report.environments.map((environment) => ({
		name: environment.name,
		seconds: environment.phases.reduce((sum, { seconds }) => sum + seconds, 0),
		cases: environmentCases(environment)
	}));
	const broken = report.failures.map(({ message, help, file, line }) => {
		const place = file === void 0 ? "" : `\n\n${oneLine$1(file)}${line === void 0 ? "" : `:${line}`}`;
		return {
			name: "the gate ran",
			outcome: {
				tag: "error",
				type: "alembic-gate",
				message: plain(message),
				body: `${bare(help)}${place}`
			}
		};
	});
	if (broken.length > 0 || suites.length === 0) suites.push({
		name: "alembic-gate",
		seconds: 0,
		cases: broken.length > 0 ? broken : [{
			name: "the gate ran",
			output: bare(report.headline)
		}]
	});
	const all = suites.flatMap(({ cases }) => cases);
	const { skipped: _, ...totals } = counts(all, report.timings.total === void 0 ? void 0 : report.timings.total / 1e3);
	return `<?xml version="1.0" encoding="UTF-8"?>\n${element$1("testsuites", {
		name: "alembic-gate",
		...totals
	}, suites.map(suite))}\n`;
}
function environmentCases({ phases, findings, notChecked }) {
	const { own, ignored, preexisting } = grouped(findings);
	return [
		...phases.map(phaseCase),
		...own.map((finding) => findingCase(finding)),
		...ignored.map((finding) => findingCase(finding, `ignored: ${finding.suppressed.reason}`)),
		...preexisting.map((finding) => findingCase(finding, "on the base branch already, no reason to block")),
		...notChecked.map(({ what, reason }) => ({
			name: `not checked: ${what}`,
			outcome: {
				tag: "skipped",
				message: plain(reason)
			}
		}))
	];
}
/** A phase that failed is no failure by itself: the findings say whose fault it is. */
function phaseCase({ title, seconds, outcome, reason, compared }) {
	const why = reason ? `: ${plain(reason)}` : "";
	if (outcome === "ok") return {
		name: title,
		seconds,
		...compared && { output: `${compared.differences} differences from ${compared.with}` }
	};
	return {
		name: title,
		seconds,
		outcome: {
			tag: "skipped",
			message: outcome === "failed" ? `failed${why}` : `not run${why}`
		}
	};
}
function findingCase(finding, skipped) {
	const { rule, message, severity, blocks, evidence, help } = finding;
	const place = placeOf(finding);
	const body = [
		bare(message),
		evidence ? bare(evidence) : "",
		bare(help),
		place ?? ""
	].filter(Boolean).join("\n\n");
	const outcome = skipped === void 0 ? blocks ? {
		tag: "failure",
		type: rule,
		message: `${severity}: ${plain(message)}`,
		body
	} : void 0 : {
		tag: "skipped",
		message: skipped
	};
	return {
		name: `${rule}: ${place ?? finding.object?.name ?? finding.revision ?? finding.environment}`,
		...outcome ? { outcome } : { output: `${severity}\n\n${body}` }
	};
}
const counts = (cases, seconds) => {
	const of = (tag) => String(cases.filter(({ outcome }) => outcome?.tag === tag).length);
	return {
		tests: String(cases.length),
		failures: of("failure"),
		errors: of("error"),
		skipped: of("skipped"),
		...seconds !== void 0 && { time: seconds.toFixed(3) }
	};
};
const suite = ({ name, seconds, cases }) => element$1("testsuite", {
	name,
	...counts(cases, seconds)
}, cases.map((one) => written$1(one, name)));
function written$1({ name, seconds, outcome, output }, environment) {
	const inner = [...outcome ? [element$1(outcome.tag, {
		...outcome.type !== void 0 && { type: outcome.type },
		message: outcome.message
	}, outcome.body === void 0 ? [] : [body(outcome.body)])] : [], ...output === void 0 ? [] : [element$1("system-out", {}, [body(output)])]];
	return element$1("testcase", {
		classname: environment,
		name,
		time: (seconds ?? 0).toFixed(3)
	}, inner);
}
const body = (value) => xmlText(shorten(value, BODY, "\n… (cut here: the JSON report has more)"));
function element$1(tag, attributes, children) {
	return `<${tag}${Object.entries(attributes).map(([name, value]) => ` ${name}="${xmlText(shorten(oneLine$1(value), ATTRIBUTE))}"`).join("")}${children.length > 0 ? `>${children.join("\n")}</${tag}>` : "/>"}`;
}
// src/report/page/html.ts
/** HTML as a value: whatever is no Html is foreign text, and is escaped. */
/** Elements without content. */
const VOID = /* @__PURE__ */ new Set([
	"meta",
	"path",
	"rect",
	"circle",
	"line",
	"br"
]);
function content(child) {
	if (child === void 0 || child === false) return "";
	if (typeof child === "string" || typeof child === "number") return xmlText(String(child));
	return "html" in child ? child.html : child.map(content).join("");
}
/** An element. An attribute that is undefined or false is left out, one that is true has no value. */
function element(tag, attributes = {}, ...children) {
	const open = `<${tag}${Object.entries(attributes).map(([name, value]) => value === void 0 || value === false ? "" : value === true ? ` ${name}` : ` ${name}="${xmlText(String(value))}"`).join("")}`;
	return { html: VOID.has(tag) ? `${open}/>` : `${open}>${children.map(content).join("")}</${tag}>` };
}
/** Several pieces, one after the other. */
const join$1 = (...children) => ({ html: children.map(content).join("") });
/** Text that is ours: style sheets. */
const raw = (html) => ({ html });
// src/report/page/code.ts
/** Lines before and after the marked ones, marked ones, those among which grey ones are, and units of a line. */
const AROUND = 4;
const MARKED = 30;
const GREY = 120;
const LINE = 500;
/** UTF-16 units of a block. */
const BLOCK = 2e4;
const trimmed = (value) => visible(value).replace(/^\n+|\s+$/g, "");
/** A part of the page that may be wider than it: the keyboard can scroll it. */
const scrolled = (label, content, kind = "") => element("div", {
	class: `scroll${kind}`,
	role: "region",
	tabindex: 0,
	"aria-label": label
}, content);
/** The lines around a place, those that it means marked. Nothing where the file cannot be had. */
function around(place, content, grey = /* @__PURE__ */ new Set()) {
	if (content === void 0 || place.line === void 0) return void 0;
	const lines = content.split(/\r\n|\r|\n/);
	const first = place.line;
	if (first > lines.length) return void 0;
	const last = Math.min(Math.max(first, place.endLine ?? first), lines.length);
	const shownLast = Math.min(last, first + MARKED - 1);
	const marks = new Set(Array.from({ length: shownLast - first + 1 }, (_, index) => first + index));
	const rows = numberedLines(lines, Math.max(1, first - AROUND), Math.min(lines.length, shownLast + AROUND), (number, text) => ({
		grey: grey.has(number),
		...marks.has(number) && { marked: markedText(text, place, first === last) }
	}));
	const rest = last > shownLast ? element("p", { class: "small" }, `… and ${count(last - shownLast, "more line")}`) : void 0;
	const label = `${shorten(place.file, 400)}, ${last > first ? `lines ${first} to ${last}` : `line ${first}`}`;
	return join$1(scrolled(label, element("pre", { class: "excerpt" }, element("code", {}, ...rows))), rest);
}
/** Lines of a file, numbered. */
function numberedLines(lines, from, to, looks) {
	return lines.slice(from - 1, to).map((line, index) => {
		const number = from + index;
		const text = shorten(visible(line).replace(/\t/g, "    "), LINE) || " ";
		const { grey, marked } = looks(number, text);
		return element("span", { class: `line${marked === void 0 ? "" : " marked"}${grey ? " grey" : ""}` }, element("span", { class: "number" }, number), grey && element("span", { class: "unseen" }, "never ran: "), marked === void 0 ? text : element("mark", {}, marked), "\n");
	});
}
/** The lines that never ran, grey, with those around them. Nothing where the file cannot be had. */
function greyed(file, ranges, content) {
	const [first] = ranges;
	const lines = content?.split(/\r\n|\r|\n/);
	if (!first || !lines || first.line > lines.length) return void 0;
	const from = Math.max(1, first.line - AROUND);
	const last = Math.max(...ranges.map(({ endLine }) => endLine)) + AROUND;
	const to = Math.min(lines.length, last, from + GREY - 1);
	const rows = numberedLines(lines, from, to, (number) => ({ grey: ranges.some(({ line, endLine }) => number >= line && number <= endLine) }));
	return scrolled(`${shorten(file, 400)}, lines ${from} to ${to}`, element("pre", { class: "excerpt" }, element("code", {}, ...rows)));
}
/** The line, the columns that are meant underlined where they are known. */
function markedText(text, { column, endColumn }, alone) {
	if (!alone || column === void 0 || column > text.length || endColumn === void 0 || endColumn <= column) return text;
	return join$1(text.slice(0, column - 1), element("b", {}, text.slice(column - 1, endColumn - 1)), text.slice(endColumn - 1));
}
/** A block of code or of a log; a difference is shown side by side. */
function codeBlock(code, language) {
	const lines = trimmed(shorten(code, BLOCK, "\n…")).split("\n");
	if (language === "diff" && lines.every((line) => /^([-+ ]|$|…)/.test(line))) return sideBySide(lines);
	return scrolled(language === "" ? "code" : `code, ${language}`, element("pre", {}, element("code", {}, lines.join("\n"))));
}
/** Lines that begin with `-`, `+` or a space, in two columns. */
function sideBySide(lines) {
	const rows = [];
	let removed = [];
	let added = [];
	const cell = (value, kind) => value === void 0 ? element("td", { class: "none" }) : element("td", { class: kind }, element("code", {}, element(kind === "removed" ? "del" : "ins", {}, value)));
	const flush = () => {
		for (let index = 0; index < Math.max(removed.length, added.length); index++) rows.push(element("tr", {}, cell(removed[index], "removed"), cell(added[index], "added")));
		removed = [];
		added = [];
	};
	for (const line of lines) if (line.startsWith("-")) removed.push(line.slice(1));
	else if (line.startsWith("+")) added.push(line.slice(1));
	else {
		flush();
		const same = element("td", {}, element("code", {}, line.slice(1)));
		rows.push(element("tr", {}, same, same));
	}
	flush();
	return table("difference, side by side", "sides", ["before", "after"], rows);
}
const table = (label, kind, head, rows) => scrolled(label, element("table", { class: kind }, element("thead", {}, element("tr", {}, ...head.map((title) => element("th", { scope: "col" }, title)))), element("tbody", {}, ...rows)));
const CHANGE = {
	added: "is new",
	removed: "is gone",
	changed: "differs"
};
/** Objects of the catalog, their properties side by side. */
function catalogDifference(objects, before, after) {
	const rows = objects.flatMap(({ change, kind, name, properties }) => [element("tr", { class: "object" }, element("th", {
		scope: "rowgroup",
		colspan: 3
	}, kind, " ", element("code", {}, name), ` ${CHANGE[change]}`)), ...properties.map((property) => element("tr", {}, element("th", { scope: "row" }, property.name), value(property.before, "removed"), value(property.after, "added")))]);
	return table(`catalog: ${before} and ${after}`, "sides catalog", [
		"",
		before,
		after
	], rows);
}
function value(words, kind) {
	if (words === void 0) return element("td", { class: "none" }, "–");
	const lines = trimmed(words);
	return element("td", { class: kind }, lines === "" ? "(empty)" : element("code", {}, element(kind === "removed" ? "del" : "ins", {}, lines)));
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
/** One format after the other: the oldest Node that we run on takes no list. */
const styled = (text, style) => [style].flat().reduce((inner, format) => styleText(format, inner, { validateStream: false }), text);
/** A row as text. */
const painted = (row, colour) => row.map(({ text, style }) => colour && style ? styled(text, style) : text).join("").trimEnd();
/** Prose of a Text on one line; code stands out by its colour, else by backticks. */
function sentence(parts, colour) {
	return parts.map((part) => {
		if ("text" in part) return piece(collapsed(part.text));
		const value = collapsed("code" in part ? part.code : part.block);
		return colour ? piece(value, "cyan") : piece(`\`${value}\``);
	});
}
const collapsed = (value) => visible(value).replace(/\s+/g, " ");
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
	const lines = visible(code).replace(/^\n+|\s+$/g, "").replace(/\t/g, "    ").split("\n");
	if (lines.length <= most) return lines.map((line) => [piece(line)]);
	const [head, tail] = [lines.slice(0, Math.ceil(most / 2)), lines.slice(lines.length - Math.floor(most / 2))];
	return [
		...head,
		`… ${lines.length - most} more lines …`,
		...tail
	].map((line) => [piece(line)]);
}
/** A Text behind a label: its prose wrapped, its blocks on lines of their own and never wrapped, since people paste them. */
function labelled$1(label, parts, width, colour, most) {
	const hang = columns(label.text) + 1;
	return paragraphs(parts).flatMap((block) => "paragraph" in block ? flow(sentence(block.paragraph, colour), width - hang, 0) : indented(codeRows(block.code, most), 4)).map((row, index) => [...index === 0 ? [label, piece(" ")] : [piece(" ".repeat(hang))], ...row]);
}
// src/report/page/graph.ts
const ROW$1 = 46;
const LANE = 26;
const LEFT = 20;
const TOP = 24;
const WIDTH$2 = 680;
/** Pixels of a character of the labels, near enough. */
const CHARACTER = 7.6;
/** The revisions, children before their parents, heads first; those of a circle last, in the order given. */
function newestFirst(nodes) {
	const byId = new Map(nodes.map((node) => [node.id, node]));
	const children = new Map(nodes.map(({ id }) => [id, 0]));
	for (const { parents } of byId.values()) for (const parent of new Set(parents)) children.set(parent, (children.get(parent) ?? 0) + 1);
	const free = [...byId.values()].filter(({ id }) => children.get(id) === 0).sort((a, b) => Number(b.head) - Number(a.head));
	const ordered = [];
	for (let node = free.shift(); node; node = free.shift()) {
		ordered.push(node);
		const ready = [...new Set(node.parents)].flatMap((parent) => {
			const left = children.get(parent) - 1;
			children.set(parent, left);
			const found = byId.get(parent);
			return left === 0 && found ? [found] : [];
		});
		free.unshift(...ready);
	}
	const placed = new Set(ordered.map(({ id }) => id));
	return [...ordered, ...[...byId.values()].filter(({ id }) => !placed.has(id))];
}
/** Puts every revision into a row and a lane, and every edge into a lane. */
function layOut(nodes) {
	/** Which revision each lane leads to. */
	const lanes = [];
	const placed = /* @__PURE__ */ new Map();
	const waiting = [];
	const free = () => {
		const found = lanes.indexOf(void 0);
		return found === -1 ? lanes.length : found;
	};
	let widest = 0;
	newestFirst(nodes).forEach((node, row) => {
		const reserved = lanes.indexOf(node.id);
		const lane = reserved === -1 ? free() : reserved;
		const here = {
			node,
			row,
			lane
		};
		placed.set(node.id, here);
		lanes.forEach((wanted, index) => {
			if (wanted === node.id) lanes[index] = void 0;
		});
		[...new Set(node.parents)].forEach((parent, index) => {
			const leading = lanes.indexOf(parent);
			const own = index === 0 ? lane : leading === -1 ? free() : leading;
			lanes[own] = parent;
			waiting.push({
				from: here,
				parent,
				lane: own
			});
		});
		widest = Math.max(widest, lanes.length, lane + 1);
	});
	const edges = waiting.map(({ from, parent, lane }) => {
		const to = placed.get(parent);
		return {
			from,
			lane,
			...to && { to }
		};
	});
	return {
		placed: [...placed.values()],
		edges,
		lanes: widest
	};
}
const x = (lane) => LEFT + lane * LANE;
const y = (row) => TOP + row * ROW$1;
function path$2({ from, to, lane }) {
	const bend = (fromLane, top, toLane, bottom) => {
		const middle = (top + bottom) / 2;
		return fromLane === toLane ? `V${bottom}` : `C${x(fromLane)} ${middle} ${x(toLane)} ${middle} ${x(toLane)} ${bottom}`;
	};
	const start = y(from.row);
	if (!to) return `M${x(from.lane)} ${start}${bend(from.lane, start, lane, start + ROW$1 * .7)}`;
	const end = y(to.row);
	if (end <= start) return `M${x(from.lane)} ${start}C${x(lane) + 60} ${start} ${x(to.lane) + 60} ${end} ${x(to.lane)} ${end}`;
	if (to.row === from.row + 1) return `M${x(from.lane)} ${start}${bend(from.lane, start, to.lane, end)}`;
	const turn = start + ROW$1;
	const last = end - ROW$1;
	return `M${x(from.lane)} ${start}${bend(from.lane, start, lane, turn)}V${Math.max(turn, last)}${bend(lane, last, to.lane, end)}`;
}
/** What is said of a revision below its name. */
const noteOf = ({ id, label, state, head }, faults) => [
	label.includes(id) ? "" : cropped(oneLine$1(id), 34),
	state === "base" ? "" : state,
	head ? "head" : "",
	...faults.length > 0 ? [`✗ ${faults.join(", ")}`] : []
].filter(Boolean).join(" · ");
/**
* The picture, with its text for those who cannot see it.
*
* @param faults the rules that block, by revision
*/
function graphPicture(graph, faults, title) {
	const { placed, edges, lanes } = layOut(graph.nodes);
	const labels = LEFT + lanes * LANE + 4;
	const shown = Math.max(12, Math.floor((WIDTH$2 - labels) / CHARACTER));
	const rest = graph.omitted > 0 ? 1 : 0;
	const height = y(placed.length - 1 + rest) + TOP;
	const stubs = placed.filter(({ node }) => node.earlier).map((from) => ({
		from,
		lane: from.lane
	}));
	const drawn = [
		...edges.map((edge) => element("path", {
			class: edge.to ? "edge" : "edge earlier",
			d: path$2(edge)
		})),
		...stubs.map((edge) => element("path", {
			class: "edge earlier",
			d: path$2(edge)
		})),
		...placed.map(({ node, row, lane }) => {
			const wrong = faults.get(node.id) ?? [];
			const name = cropped(oneLine$1(node.label) || oneLine$1(node.id), shown);
			return element("g", { class: `node ${node.state}` }, wrong.length > 0 && element("circle", {
				class: "wrong",
				cx: x(lane),
				cy: y(row),
				r: 12
			}), element("circle", {
				class: "dot",
				cx: x(lane),
				cy: y(row),
				r: node.head ? 8 : 6
			}), node.head && element("circle", {
				class: "core",
				cx: x(lane),
				cy: y(row),
				r: 3
			}), element("text", {
				class: "name",
				x: labels,
				y: y(row) - 2
			}, name), element("text", {
				class: wrong.length > 0 ? "note bad" : "note",
				x: labels,
				y: y(row) + 14
			}, cropped(noteOf(node, wrong), shown)));
		}),
		rest > 0 && element("text", {
			class: "note",
			x: labels,
			y: y(placed.length) + 5
		}, `… ${count(graph.omitted, "further revision")}`)
	];
	return element("svg", {
		class: "graph",
		viewBox: `0 0 ${WIDTH$2} ${height}`,
		width: WIDTH$2,
		height,
		role: "img",
		"aria-label": title
	}, join$1(...drawn));
}
/** The same as a list, for screen readers. */
function graphList({ nodes, omitted }, faults) {
	return element("ol", {}, ...newestFirst(nodes).map((node) => {
		const parents = node.parents.length === 0 ? "" : `, after ${node.parents.map((parent) => shorten(parent, 60)).join(" and ")}`;
		return element("li", {}, `${node.label.includes(node.id) ? "" : `${shorten(node.label, 200)}: `}${noteOf(node, faults.get(node.id) ?? []) || shorten(node.id, 60)}${parents}`);
	}), omitted > 0 && element("li", {}, `${count(omitted, "further revision")} not drawn`));
}
// src/report/page/itinerary.ts
const ROW = 46;
const WIDTH$1 = 860;
const BARS = 400;
const TITLE = 48;
const NOTE = 60;
/** UTF-16 units of what is said in the list. */
const WORDS = 400;
const MARK = {
	ok: "✓",
	failed: "✗",
	"not-run": "–"
};
/** What is said of a phase below its title. */
function phaseNote({ revisions, seconds, outcome, compared, reason, stoppedAt }) {
	const differences = compared?.differences ?? 0;
	const short = (value) => shorten(oneLine$1(value), WORDS);
	return [
		outcome === "not-run" ? "not run" : `${count(revisions, "step")} in ${duration(seconds)}`,
		...stoppedAt === void 0 ? [] : [`stopped at ${short(stoppedAt)}`],
		...compared ? [differences === 0 ? `same as ${short(compared.with)}` : `${count(differences, "difference")} from ${short(compared.with)}`] : [],
		...reason ? [short(plain(reason))] : []
	].join(" · ");
}
/** The picture. Each bar is as long as its phase took; they follow each other, though some phases run side by side. */
function itineraryPicture(phases, title) {
	const total = phases.reduce((sum, { seconds }) => sum + seconds, 0) || 1;
	const room = 430;
	const height = phases.length * ROW + 34;
	let before = 0;
	const rows = phases.map((phase, index) => {
		const { outcome, seconds } = phase;
		const top = index * ROW + 8;
		const from = BARS + before / total * room;
		const width = Math.max(4, seconds / total * room);
		before += seconds;
		const state = outcome === "ok" && (phase.compared?.differences ?? 0) > 0 ? "differs" : outcome;
		return element("g", { class: `phase ${state}` }, element("text", {
			class: "mark",
			x: 8,
			y: top + 16
		}, state === "differs" ? "!" : MARK[outcome]), element("text", {
			class: "name",
			x: 28,
			y: top + 15
		}, cropped(oneLine$1(phase.title), TITLE)), element("text", {
			class: "note",
			x: 28,
			y: top + 31
		}, cropped(phaseNote(phase), NOTE)), outcome === "not-run" ? element("line", {
			class: "gap",
			x1: from.toFixed(1),
			x2: 830,
			y1: top + 16,
			y2: top + 16
		}) : element("rect", {
			class: "bar",
			x: from.toFixed(1),
			y: top + 6,
			width: width.toFixed(1),
			height: 20,
			rx: 3
		}), outcome === "failed" && element("path", {
			class: "stop",
			d: `M${(from + width + 5).toFixed(1)} ${top + 11}l10 10m0 -10l-10 10`
		}));
	});
	const bottom = phases.length * ROW + 12;
	const axis = [
		element("line", {
			class: "axis",
			x1: BARS,
			x2: 830,
			y1: bottom,
			y2: bottom
		}),
		element("text", {
			class: "note",
			x: BARS,
			y: bottom + 16
		}, "0"),
		element("text", {
			class: "note",
			x: 830,
			y: bottom + 16,
			"text-anchor": "end"
		}, `${duration(total)} in sum`)
	];
	return element("svg", {
		class: "itinerary",
		viewBox: `0 0 ${WIDTH$1} ${height}`,
		width: WIDTH$1,
		height,
		role: "img",
		"aria-label": title
	}, join$1(...rows, ...axis));
}
const STYLE = `:root{color-scheme:light dark;--paper:#fff;--soft:#f4f6f8;--line:#d0d7de;--ink:#1f2328;--muted:#57606a;--link:#0550ae;
--red:#b3182b;--red-soft:#ffeceb;--amber:#7a4d00;--amber-soft:#fff6d6;--green:#116329;--green-soft:#e1f9e6;--blue:#0550ae;--mark:#fff3bf}
@media (prefers-color-scheme:dark){:root{--paper:#0f141a;--soft:#1a212a;--line:#3d4650;--ink:#e6edf3;--muted:#a3adb8;--link:#79b8ff;
--red:#ff8f87;--red-soft:#3a1a1c;--amber:#f0c04f;--amber-soft:#332a10;--green:#6cd98a;--green-soft:#12301c;--blue:#79b8ff;--mark:#4a3f10}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
main,header,footer,nav{max-width:60rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.3;margin:.4rem 0;overflow-wrap:anywhere}h2{font-size:1.3rem;margin:2.2rem 0 .4rem;overflow-wrap:anywhere}
h3{font-size:1.1rem;margin:1.8rem 0 .5rem}h4{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}
p,li,dd,dt,td,th{overflow-wrap:anywhere}p{margin:.5rem 0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}
p code,li code,h1 code,h4 code,summary code,dd code,caption code{background:var(--soft);padding:.1em .3em;border-radius:4px}
pre{margin:0;padding:.7rem .8rem;white-space:pre;tab-size:4}
a{color:var(--link)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-100vw}.skip:focus{position:static;display:inline-block;padding:.5rem 1rem}
.verdict{display:inline-block;margin-top:1.5rem;padding:.15rem .7rem;border-radius:1rem;border:2px solid;font-weight:700}
.pass{color:var(--green);background:var(--green-soft)}.fail,.error{color:var(--red);background:var(--red-soft)}
.warning{color:var(--amber);background:var(--amber-soft)}.notice,.ignored,.old{color:var(--blue);background:var(--soft)}
.tag{display:inline-block;padding:0 .5rem;border-radius:.8rem;border:1px solid;font-size:.85rem;font-weight:600}
.small,.muted{color:var(--muted);font-size:.9rem}
.scroll{overflow-x:auto;background:var(--soft);border:1px solid var(--line);border-radius:6px;margin:.5rem 0;max-width:100%}
.picture{background:var(--paper);padding:.4rem}.picture svg{display:block;max-width:none}
figure{margin:.8rem 0}figcaption{color:var(--muted);font-size:.9rem}
.finding{border:1px solid var(--line);border-left:5px solid var(--muted);border-radius:6px;padding:.8rem 1rem;margin:1rem 0}
.finding.is-error{border-left-color:var(--red)}.finding.is-warning{border-left-color:var(--amber)}.finding.is-notice{border-left-color:var(--blue)}
.excerpt{padding:.4rem 0}.line{display:block;padding-right:.8rem;min-width:max-content}
.number{display:inline-block;width:3.6rem;padding-right:1rem;text-align:right;color:var(--muted);user-select:none}
.marked{background:var(--mark);box-shadow:inset 4px 0 var(--red)}mark{background:none;color:inherit}mark b{text-decoration:underline wavy var(--red)}
.grey{color:var(--muted);font-style:italic;box-shadow:inset 4px 0 var(--line)}
table{border-collapse:collapse;width:100%}th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--muted);font-size:.85rem}.sides td{width:50%}.sides.catalog td{width:40%}.sides code{white-space:pre-wrap;overflow-wrap:anywhere}
.sides th[scope=row]{font-weight:400;color:var(--muted)}.object th{background:var(--paper)}
.removed{background:var(--red-soft)}.added{background:var(--green-soft)}del,ins{text-decoration:none}.none{color:var(--muted)}
summary{cursor:pointer;padding:.3rem 0;font-weight:600}details{margin:.6rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0}
nav ol{padding-left:1.3rem}footer{margin-top:3rem;padding:1rem;color:var(--muted);font-size:.85rem;border-top:1px solid var(--line)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:37rem){body{font-size:15px}dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .4rem}.finding{padding:.6rem .7rem}.number{width:2.6rem;padding-right:.6rem}}
@media print{.scroll{overflow:visible}pre{white-space:pre-wrap}nav,.skip{display:none}}
svg text{font:13px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:var(--ink)}
svg .name{font-weight:600}svg .note{fill:var(--muted);font-size:12px}svg .bad{fill:var(--red)}
svg .edge{fill:none;stroke:var(--muted);stroke-width:2}svg .earlier{stroke-dasharray:3 4}
svg .dot{fill:var(--paper);stroke:var(--muted);stroke-width:3}svg .core{fill:var(--muted)}
svg .new .dot{stroke:var(--green)}svg .new .core{fill:var(--green)}svg .edited .dot{stroke:var(--amber)}svg .edited .core{fill:var(--amber)}
svg .deleted .dot{stroke:var(--red);stroke-dasharray:3 2}svg .wrong{fill:none;stroke:var(--red);stroke-width:2}
svg .mark{font-weight:700;font-size:15px;fill:var(--green)}svg .failed .mark{fill:var(--red)}svg .differs .mark{fill:var(--amber)}svg .not-run .mark{fill:var(--muted)}
svg .bar{fill:var(--green)}svg .failed .bar{fill:var(--red)}svg .differs .bar{fill:var(--amber)}
svg .gap,svg .axis{stroke:var(--line);stroke-width:2}svg .gap{stroke-dasharray:4 4}svg .stop{stroke:var(--red);stroke-width:3;fill:none}`;
// src/report/page/page.ts
/** What is shown in full; the rest is counted. */
const FINDINGS$1 = 200;
const LISTED = 1e3;
const ENVIRONMENTS = 50;
const STATEMENTS = 500;
const ITEMS$1 = 200;
const RELATED$1 = 20;
/** UTF-16 units of a sentence, and of a whole Text. */
const SENTENCE = 4e3;
const TEXT = 4e4;
const VERDICT$2 = {
	pass: "✓ passed",
	fail: "✗ failed",
	error: "✗ could not judge"
};
/** The page. */
function page(report, options) {
	const shown = report.environments.slice(0, ENVIRONMENTS);
	const several = report.environments.length > 1;
	const words = tallyWords(tally(report)).join(", ");
	const title = `alembic-gate: ${shorten(oneLine$1(plain(report.headline)), 200)}`;
	return `<!doctype html>\n${element("html", { lang: "en" }, element("head", {}, element("meta", { charset: "utf-8" }), element("meta", {
		name: "viewport",
		content: "width=device-width, initial-scale=1"
	}), element("meta", {
		"http-equiv": "Content-Security-Policy",
		content: "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
	}), element("meta", {
		name: "referrer",
		content: "no-referrer"
	}), element("meta", {
		name: "generator",
		content: `alembic-gate ${options.version}`
	}), element("title", {}, title), element("style", {}, raw(STYLE))), "\n", element("body", {}, element("a", {
		class: "skip",
		href: "#findings"
	}, "Skip to the findings"), element("header", {}, element("p", { class: `verdict ${report.verdict}` }, VERDICT$2[report.verdict]), element("h1", {}, inline(shortenText(report.headline, SENTENCE))), element("p", { class: "muted" }, `${words} · exit code ${report.exitCode}`)), element("main", { id: "findings" }, ...report.failures.map((failure) => failureSection(failure, options)), ...shown.map((environment, index) => environmentSection(environment, `e${index + 1}`, several, options)), more(report.environments.length - shown.length, "environment")), element("footer", {}, `alembic-gate ${options.version}`, report.timings.total === void 0 ? "" : ` · ${duration(report.timings.total / 1e3)} in all`))).html}\n`;
}
/** Prose and code of a sentence. */
const inline = (parts) => join$1(...parts.map((part) => "text" in part ? part.text : element("code", {}, oneLine$1("code" in part ? part.code : part.block))));
/** A Text as paragraphs and blocks, the first after a word in bold. */
function prose(parts, label) {
	const blocks = paragraphs(shortenText(parts, TEXT));
	const strong = label === void 0 ? void 0 : element("strong", {}, label);
	const first = blocks[0];
	const lead = strong && (!first || !("paragraph" in first)) ? element("p", {}, strong) : void 0;
	const written = blocks.map((block, index) => "paragraph" in block ? element("p", {}, index === 0 && strong && join$1(strong, " "), inline(block.paragraph)) : codeBlock(block.code, block.language));
	return join$1(lead, ...written);
}
const more = (number, noun) => number > 0 ? element("p", { class: "small" }, `… and ${count(number, `more ${noun}`)}, in the JSON report.`) : void 0;
function failureSection({ message, help, file, line }, { source }) {
	return element("section", {
		class: "finding is-error",
		"aria-label": "what stopped the gate"
	}, element("p", {}, element("strong", {}, "What stopped the gate: "), inline(shortenText(message, SENTENCE))), file !== void 0 && element("p", { class: "muted" }, element("code", {}, shorten(placeOf({
		file,
		line
	}), SENTENCE))), file !== void 0 && around({
		file,
		line
	}, source(file)), prose(help, "What to do:"));
}
function environmentSection(environment, id, several, options) {
	const { findings, graph, phases, schema, notChecked, lines = [] } = environment;
	const unrun = lines.filter(({ never }) => never.length > 0);
	const { own, ignored, preexisting } = grouped(findings);
	const name = several ? ` of ${shorten(oneLine$1(environment.name), 200)}` : "";
	const label = (words) => `${words}${name}`;
	const faults = faultsOf(environment);
	return element("section", { "aria-labelledby": id }, element("h2", { id }, element("code", {}, shorten(environment.name, SENTENCE))), circumstances$1(environment), contents(own, id), graph && graph.nodes.length > 0 && part("The touched part of the history", element("figure", {}, scrolled(label("revision graph"), graphPicture(graph, faults, label("Revision graph, newest first")), " picture"), element("figcaption", {}, "Newest first. A ring around a revision: a finding of it blocks.")), element("details", {}, element("summary", {}, "The same as a list"), graphList(graph, faults))), phases.length > 0 && part("What was run", element("figure", {}, scrolled(label("itinerary"), itineraryPicture(phases, label("Phases of the run, one after the other")), " picture"), element("figcaption", {}, "Each bar is as long as its phase took. Where there is a processor for it, the whole history runs beside the rest.")), element("details", {}, element("summary", {}, "The same as a list"), element("ol", {}, ...phases.map((phase) => element("li", {}, element("strong", {}, shorten(phase.title, 400)), `: ${phase.outcome}, ${phaseNote(phase)}`)))), ...phases.flatMap(({ title, compared }) => compared?.objects && compared.objects.length > 0 ? [folded(`After “${shorten(oneLine$1(title), 200)}”: ${count(compared.differences, "difference")} from ${shorten(oneLine$1(compared.with), 200)}`, catalogDifference(compared.objects, "should be", "is"), more(compared.differences - compared.objects.length, "difference"))] : [])), own.length > 0 && part("Findings", ...own.slice(0, FINDINGS$1).map((finding, index) => findingArticle(finding, environment, `${id}-f${index + 1}`, options)), listed(own.slice(FINDINGS$1), "further finding")), schema && (schema.changes.length > 0 || schema.sql.length > 0) && part("What this pull request does to the schema", element("ul", {}, ...schema.changes.slice(0, ITEMS$1).map((change) => element("li", {}, inline(shortenText(change, SENTENCE))))), more(schema.changes.length - ITEMS$1, "change"), schema.objects && schema.objects.length > 0 && folded("Before and after, side by side", catalogDifference(schema.objects, "before", "after"), more(schema.changes.length - schema.objects.length, "object")), executed(schema.sql)), unrun.length > 0 && part("Lines that never ran", element("ul", {}, ...unrun.slice(0, ITEMS$1).map((one) => element("li", {}, inline(shortenText(linesText(one), SENTENCE)), greyed(one.file, one.never, options.source(one.file))))), more(unrun.length - ITEMS$1, "function")), notChecked.length > 0 && part("Not checked", element("ul", {}, ...notChecked.slice(0, ITEMS$1).map(({ what, reason }) => element("li", {}, element("strong", {}, shorten(what, SENTENCE)), ": ", inline(shortenText(reason, SENTENCE))))), more(notChecked.length - ITEMS$1, "thing")), preexisting.length > 0 && part("On the base branch already, no reason to block", ...preexisting.slice(0, 20).map((finding, index) => findingArticle(finding, environment, `${id}-o${index + 1}`, options)), listed(preexisting.slice(20), "further finding")), ignored.length > 0 && part("Ignored", listed(ignored, "ignored finding")));
}
const part = (title, ...children) => join$1(element("h3", {}, title), ...children);
const folded = (title, ...children) => element("details", {}, element("summary", {}, title), ...children);
/** The rules of the findings that block, by revision; where heads are too many, all of them collide. */
function faultsOf({ findings, heads }) {
	const faults = /* @__PURE__ */ new Map();
	for (const { rule, revision, blocks } of findings) {
		if (!blocks) continue;
		const concerned = /* @__PURE__ */ new Set([...revision === void 0 ? [] : [revision], ...rule === "multiple-heads" ? heads : []]);
		for (const id of concerned) faults.set(id, [.../* @__PURE__ */ new Set([...faults.get(id) ?? [], rule])]);
	}
	return faults;
}
/** A list of the findings to jump to. */
function contents(own, id) {
	if (own.length < 2) return void 0;
	const items = own.slice(0, FINDINGS$1).map((finding, index) => element("li", {}, element("a", { href: `#${id}-f${index + 1}` }, `${finding.severity}: ${finding.rule}`), ` ${shorten(oneLine$1(placeOf(finding) ?? finding.revision ?? ""), 200)}`));
	return element("details", { open: own.length <= 12 }, element("summary", {}, count(own.length, "finding")), element("ol", {}, ...items));
}
function circumstances$1({ config, base, revisions, heads, server, runtime }) {
	return element("dl", {}, ...[
		["configuration", element("code", {}, shorten(config, SENTENCE))],
		["revisions", `${revisions.total}, ${revisions.added.length} new, ${revisions.changed.length} changed`],
		["heads", join$1(...heads.slice(0, 20).flatMap((head, index) => [index === 0 ? "" : ", ", element("code", {}, shorten(head, 200))]), heads.length > 20 ? ` and ${heads.length - 20} more` : "")],
		...base ? [["compared with", join$1(shorten(base.label, 200), " (", element("code", {}, shorten(shortCommit(base.commit), 80)), ")")]] : [],
		...server === void 0 ? [] : [["server", shorten(server, 200)]],
		...runtime === void 0 ? [] : [["runtime", shorten(runtime, 400)]]
	].map(([term, value]) => join$1(element("dt", {}, term), element("dd", {}, value))));
}
function findingArticle(finding, environment, id, options) {
	const { rule, severity, message, evidence, help, file, preexisting, blocks, fix } = finding;
	const place = placeOf(finding);
	const known = options.rules.find((one) => one.id === rule);
	const name = options.pages !== void 0 && known ? element("a", { href: `${options.pages}/${rule}.md` }, rule) : rule;
	const related = finding.related.slice(0, RELATED$1);
	const object = differenceOf(finding, environment);
	return element("article", {
		class: `finding is-${preexisting ? "notice" : severity}`,
		id,
		"aria-labelledby": `${id}-title`
	}, element("h4", { id: `${id}-title` }, element("span", { class: `tag ${severity}` }, severity), " ", name, !blocks && severity === "error" ? " (does not block)" : ""), element("p", {}, inline(shortenText(message, SENTENCE))), place !== void 0 && element("p", { class: "muted" }, element("code", {}, shorten(place, SENTENCE))), file !== void 0 && around({
		...finding,
		file
	}, options.source(file), unrunIn(file, environment)), object && catalogDifference([object], "should be", "is"), evidence && prose(evidence, "What was seen:"), prose(help, "What to do:"), related.length > 0 && join$1(element("p", {}, element("strong", {}, "See also:")), element("ul", {}, ...related.map((other) => element("li", {}, element("code", {}, shorten(relatedPlace(finding, other), 400)), ": ", inline(shortenText(other.message, SENTENCE))))), more(finding.related.length - related.length, "place")), fix && element("p", {}, element("code", {}, "alembic-gate fix"), ` does it: ${shorten(fix.title, SENTENCE)}`));
}
/** Numbers of the lines of a file that never ran. */
const unrunIn = (file, { lines = [] }) => new Set(lines.filter((one) => one.file === file).flatMap(({ never }) => never.flatMap(({ line, endLine }) => Array.from({ length: Math.min(endLine - line, 1e4) + 1 }, (_, index) => line + index))));
/** What the catalog had and has of the object that a finding is about. */
function differenceOf({ object }, { phases }) {
	if (!object) return void 0;
	return phases.flatMap(({ compared }) => compared?.objects ?? []).find(({ kind, name, properties }) => kind === object.kind && name === object.name && properties.length > 0);
}
/** Findings in a line each. */
function listed(findings, noun) {
	if (findings.length === 0) return void 0;
	const items = findings.slice(0, LISTED).map((finding) => {
		const place = placeOf(finding);
		const words = finding.suppressed ? [{ text: finding.suppressed.reason }] : finding.message;
		return element("li", {}, `${finding.severity} ${finding.rule} `, place !== void 0 && element("code", {}, shorten(place, 400)), ": ", inline(shortenText(words, 400)));
	});
	return element("details", {}, element("summary", {}, count(findings.length, noun)), element("ul", {}, ...items), more(findings.length - LISTED, noun));
}
function executed(sql) {
	if (sql.length === 0) return void 0;
	const shown = sql.slice(0, STATEMENTS);
	const blocks = [...new Set(shown.map(({ revision }) => revision))].map((revision) => {
		const statements = shown.filter((one) => one.revision === revision).map(({ statement }) => shorten(statement.trim(), 4e3).replace(/;?$/, ";"));
		return join$1(element("p", {}, element("code", {}, shorten(revision, 200))), codeBlock(statements.join("\n\n"), "sql"));
	});
	return folded(`The SQL that it executed (${count(sql.length, "statement")})`, ...blocks, more(sql.length - shown.length, "statement"));
}
// src/report/sarif.ts
/** GitHub refuses a run of more than 25,000 results, and reads the text of a message up to some length. */
const RESULTS = 2e4;
const MESSAGE$1 = 8e3;
const RELATED = 20;
const NOTIFICATIONS = 100;
const LEVEL = {
	error: "error",
	warning: "warning",
	notice: "note"
};
/** The report as SARIF, ended by a newline. */
function sarif(report, { version, rules, pages }) {
	const unique = numbered();
	const all = report.environments.flatMap((environment) => {
		const { own, ignored, preexisting } = grouped(environment.findings);
		return [
			...own,
			...preexisting,
			...ignored
		].map((finding) => ({
			finding,
			environment
		}));
	});
	const shown = all.slice(0, RESULTS);
	const index = new Map(rules.map(({ id }, position) => [id, position]));
	const log = {
		$schema: "https://json.schemastore.org/sarif-2.1.0.json",
		version: "2.1.0",
		runs: [{
			tool: { driver: {
				name: "alembic-gate",
				semanticVersion: version,
				...pages !== void 0 && { informationUri: pages },
				rules: rules.map((rule) => ruleOf(rule, pages))
			} },
			automationDetails: { id: "alembic-gate/" },
			columnKind: "utf16CodeUnits",
			invocations: [{
				executionSuccessful: report.failures.every(({ exitCode }) => exitCode === 1),
				exitCode: report.exitCode,
				toolExecutionNotifications: notifications(report, all.length - shown.length)
			}],
			results: shown.map(({ finding, environment }) => resultOf(finding, environment, index.get(finding.rule), unique))
		}]
	};
	return jsonOf(log);
}
const ruleOf = ({ id, family, severity, summary, page }, pages) => ({
	id,
	name: id.replace(/(?:^|-)(.)/g, (_, letter) => letter.toUpperCase()),
	shortDescription: { text: `${summary}.` },
	fullDescription: { text: `${summary}.` },
	help: {
		text: page,
		markdown: page
	},
	...pages !== void 0 && { helpUri: `${pages}/${id}.md` },
	defaultConfiguration: { level: LEVEL[severity] },
	properties: {
		tags: ["alembic", family],
		precision: "very-high"
	}
});
function resultOf(finding, { config }, ruleIndex, unique) {
	const { rule, severity, preexisting, suppressed, fingerprint, environment, revision, object, fix, file } = finding;
	const place = file === void 0 ? { file: config } : {
		...finding,
		file
	};
	const related = finding.related.slice(0, RELATED);
	const here = related.filter(({ commit }) => commit === void 0);
	return {
		ruleId: rule,
		...ruleIndex !== void 0 && { ruleIndex },
		level: preexisting || suppressed ? "note" : LEVEL[severity],
		message: { text: messageOf(finding, related) },
		locations: [{ physicalLocation: physical(place) }],
		...here.length > 0 && { relatedLocations: here.map((other, id) => ({
			id,
			physicalLocation: physical(other),
			message: { text: said(oneLine$1(plain(other.message))) }
		})) },
		partialFingerprints: { "alembicGate/v1": unique(fingerprint) },
		baselineState: preexisting ? "unchanged" : "new",
		...suppressed && { suppressions: [{
			kind: "inSource",
			justification: shorten(visible(suppressed.reason), MESSAGE$1)
		}] },
		...fix && fix.edits.length > 0 && { fixes: [fixOf(fix)] },
		properties: {
			severity,
			blocks: finding.blocks,
			preexisting,
			environment: visible(environment),
			...revision !== void 0 && { revision: visible(revision) },
			...object && { object: `${visible(object.kind)} ${visible(object.name)}` }
		}
	};
}
/** A viewer makes a link of `[words](target)`: foreign text gets none. */
const said = (value) => shorten(value.replaceAll("](", "] ("), MESSAGE$1);
/** The sentence first: viewers show what stands before the first full stop in their lists. */
function messageOf(finding, related) {
	const elsewhere = related.flatMap((other) => other.commit === void 0 ? [] : [`See also ${oneLine$1(relatedPlace(finding, other))}: ${oneLine$1(plain(other.message))}`]);
	const before = finding.preexisting ? "This is on the base branch already, and blocks nothing." : "";
	const parts = [
		bare(finding.message),
		before,
		finding.evidence ? bare(finding.evidence) : "",
		bare(finding.help),
		...elsewhere
	];
	return said(parts.filter(Boolean).join("\n\n")) || finding.rule;
}
function physical({ file, line, endLine, column, endColumn }) {
	const columns = column !== void 0 && (endLine === void 0 || endLine === line);
	return {
		artifactLocation: {
			uri: uriPath(file),
			uriBaseId: "%SRCROOT%"
		},
		region: {
			startLine: line ?? 1,
			...endLine !== void 0 && line !== void 0 && endLine > line && { endLine },
			...columns && {
				startColumn: column,
				...endColumn !== void 0 && endColumn > column && { endColumn }
			}
		}
	};
}
function fixOf({ title, edits }) {
	const files = [...new Set(edits.map(({ file }) => file))];
	return {
		description: { text: said(visible(title)) },
		artifactChanges: files.map((file) => ({
			artifactLocation: {
				uri: uriPath(file),
				uriBaseId: "%SRCROOT%"
			},
			replacements: edits.filter((edit) => edit.file === file).map(({ start, end, insert }) => ({
				deletedRegion: {
					charOffset: start,
					charLength: end - start
				},
				insertedContent: { text: insert }
			}))
		}))
	};
}
/** What stopped the gate, what it did not judge, and what is not in the list. */
function notifications(report, hidden) {
	const note = (level, message) => ({
		level,
		message: { text: said(bare(message)) || "…" }
	});
	const failures = report.failures.map(({ message, help }) => note("error", [
		...message,
		{ text: "\n\n" },
		...help
	]));
	const notChecked = report.environments.flatMap((environment) => environment.notChecked.map(({ what, reason }) => note("note", [{ text: `Not checked: ${what}: ` }, ...reason])));
	const left = notChecked.length - NOTIFICATIONS;
	return [
		...failures,
		...hidden > 0 ? [note("note", [{ text: `${count(hidden, "further finding")}: the JSON report has all.` }])] : [],
		...notChecked.slice(0, NOTIFICATIONS),
		...left > 0 ? [note("note", [{ text: `${count(left, "further thing")} not checked: the JSON report has all.` }])] : []
	];
}
// src/report/excerpt.ts
/** Lines shown of a place that spans more. */
const MOST = 6;
const SEVERITY_STYLE = {
	error: ["red", "bold"],
	warning: ["yellow", "bold"],
	notice: ["cyan", "bold"]
};
const shown = (value) => visible(value).replace(/\t/g, "    ").replace(/\n/g, " ");
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
const VERDICT$1 = {
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
		...report.environments.length === 0 && report.failures.length > 0 ? [] : [...flow(sentence(report.headline, options.colour).map(bold), width, 0), []],
		...report.environments.flatMap((environment) => environmentRows(environment, settings)),
		...report.failures.flatMap((failure) => failureRows(failure, settings)),
		[VERDICT$1[report.verdict], piece(` ${words}${report.exitCode === 0 ? "" : ` (exit code ${report.exitCode})`}`)]
	].map((row) => painted(row, options.colour)).join("\n")}\n`;
}
const pointed = (finding, more) => text$1`${finding.rule}${finding.file === void 0 ? "" : ` at ${placeOf(finding)}`}: ${more}`;
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
	const { schema, notChecked, lines = [] } = environment;
	const unrun = lines.filter(({ never }) => never.length > 0);
	return [
		...circumstances(environment, options),
		...phaseRows(environment.phases, options),
		...list("What this pull request does to the schema", [...schema?.changes ?? []], schema?.changes.length ?? 0, "bold"),
		...list("Lines that never ran", unrun.map(linesText), unrun.length, "bold"),
		...list("Not checked", notChecked.map(({ what, reason }) => text$1`${what}: ${reason}`), notChecked.length, "bold"),
		...list("Ignored", ignored.map((finding) => pointed(finding, text$1`${finding.suppressed.reason}`)), ignored.length, "bold"),
		...list("On the base branch already, no reason to block", preexisting.map((finding) => pointed(finding, finding.message)), preexisting.length, "bold"),
		...own.slice(0, FINDINGS).flatMap((finding) => [...findingRows(finding, options), []]),
		...own.length > FINDINGS ? [[piece(`… and ${count(own.length - FINDINGS, "more finding")}: --format json has them all`)], []] : []
	];
}
/** What was judged, against what, and with what. */
function circumstances({ config, base, revisions, server, runtime }, { width }) {
	const what = [`${count(revisions.total, "revision")}, ${revisions.added.length} new`, ...base ? [`compared with ${oneLine$1(base.label)} (${oneLine$1(shortCommit(base.commit))})`] : []].join(", ");
	const tools = [server, runtime].filter((part) => part !== void 0).map(oneLine$1).join(", ");
	return [...flow([piece(oneLine$1(config), "bold"), piece(`: ${what}`)], width, 2), ...tools === "" ? [] : flow([piece(tools, "dim")], width, 2)];
}
function phaseRows(phases, { width, colour }) {
	if (phases.length === 0) return [[]];
	const titles = phases.map(({ title }) => cropped(oneLine$1(title), 44));
	const widest = Math.max(...titles.map(columns));
	return [...phases.flatMap(({ revisions, seconds, outcome, compared, reason }, index) => {
		const steps = revisions === 0 ? "" : count(revisions, "step");
		const ran = outcome === "not-run" ? "   not run" : `${steps.padStart(10)} ${duration(seconds).padStart(7)}`;
		const left = [
			piece("  "),
			outcome === "ok" && (compared?.differences ?? 0) > 0 ? piece("!", "yellow") : OUTCOME[outcome],
			piece(` ${titles[index]}${" ".repeat(widest - columns(titles[index]))}${ran}`)
		];
		const room = width - 4 - widest - columns(ran) - 2;
		const why = reason ? sentence(reason, colour) : [];
		const remark = [
			...compared ? [piece(comparison(compared, room))] : [],
			...compared && reason ? [piece("; ")] : [],
			...why
		];
		if (remark.length === 0) return [left];
		return remark.reduce((sum, { text }) => sum + columns(text), 0) <= room ? [[
			...left,
			piece("  "),
			...remark
		]] : [left, ...indented(flow(remark, width - 6, 0), 6)];
	}), []];
}
/** How a comparison came out, in at most so many columns where that is possible. */
function comparison({ with: other, differences }, room) {
	const said = differences === 0 ? `same as ${oneLine$1(other)}` : `${count(differences, "difference")} from ${oneLine$1(other)}`;
	return columns(said) <= room ? said : differences === 0 ? "no difference" : count(differences, "difference");
}
function findingRows(finding, { width, colour, source }) {
	const style = SEVERITY_STYLE[finding.severity];
	const said = (label, parts) => parts ? labelled$1(piece(`  ${label}:`, "bold"), parts, width, colour, LINES_OF_A_BLOCK) : [];
	const related = finding.related.slice(0, ITEMS).flatMap((other) => said("also", text$1`${relatedPlace(finding, other)}: ${other.message}`));
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
		...said("fix", finding.fix && text$1`${code("alembic-gate fix")} does it: ${finding.fix.title}`)
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
		...labelled$1(piece("  help:", "bold"), help, width, colour, LINES_OF_A_BLOCK),
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
/**
* Whether our own signs beyond ASCII can be shown: Windows' old console has fonts and code pages without them, its terminals of
* today name themselves. What goes to a file or a pipe is UTF-8 everywhere.
*/
function wantsSigns(stream, environment = process.env, platform = process.platform) {
	if (platform !== "win32" || stream.isTTY !== true) return true;
	const { WT_SESSION, TERM_PROGRAM, TERM, ConEmuTask } = environment;
	return Boolean(WT_SESSION ?? TERM_PROGRAM ?? ConEmuTask) || /^(xterm|alacritty|rxvt|screen|tmux)/.test(TERM ?? "");
}
/** Our own signs, and letters that take as many columns. */
const IN_ASCII = {
	"✓": "+",
	"✗": "x",
	"…": "~",
	"→": ">",
	"·": "-"
};
/** The text with our own signs as ASCII where the stream cannot show them; what is not ours stays. */
const fitting = (written, stream) => wantsSigns(stream) ? written : written.replace(/[✓✗…→·]/g, (sign) => IN_ASCII[sign]);
/** Writes the report to a stream, as wide and as colourful as that likes it. */
function sendTerminal(report, stream, source) {
	stream.write(fitting(terminal(report, {
		colour: wantsColour(stream),
		width: stream.columns ?? 100,
		source
	}), stream));
}
/** Writes sentences to a stream, each as a paragraph. */
function sendSentences(sentences, stream) {
	const colour = wantsColour(stream);
	const width = Math.max(40, Math.min(stream.columns ?? 100, 120));
	for (const parts of sentences) stream.write(`${flow(sentence(parts, colour), width, 0).map((row) => painted(row, colour)).join("\n")}\n\n`);
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
		const line = words.filter((word) => word !== void 0).map(oneLine$1).join("  ");
		stream.write(`\r\u001b[2K${fitting(cropped(line, (stream.columns ?? 80) - 1), stream)}`);
		written = true;
	};
	return {
		show,
		clear
	};
}
// src/report/unix.ts
/** UTF-16 units of a message; an editor shows one line. */
const MESSAGE = 1e3;
const VERDICT = {
	pass: "passed",
	fail: "failed",
	error: "could not judge"
};
/**
* The report in lines, worst first, the verdict with the counts last. What the base branch has already is a notice and says so; what
* an ignore allows is only counted. A finding without a place stands at the beginning of its configuration.
*/
function unix(report) {
	return `${[...[...report.failures.map(({ message, file, line }) => written({
		file,
		line
	}, "error", message, "alembic-gate")), ...report.environments.flatMap(environmentLines$1)], `alembic-gate: ${VERDICT[report.verdict]}: ${tallyWords(tally(report)).join(", ")}`].join("\n")}\n`;
}
function environmentLines$1({ config, findings, notChecked }) {
	const { own, preexisting } = grouped(findings);
	const at = ({ file, line, column }) => file === void 0 ? { file: config } : {
		file,
		line,
		column
	};
	return [
		...own.map((finding) => written(at(finding), finding.severity, finding.message, finding.rule)),
		...preexisting.map((finding) => written(at(finding), "notice", [{ text: "on the base branch already: " }, ...finding.message], finding.rule)),
		...notChecked.map(({ what, reason }) => written({ file: config }, "notice", [{ text: `${what} was not checked: ` }, ...reason], "not-checked"))
	];
}
const written = ({ file, line, column }, severity, message, rule) => {
	return `${file === void 0 ? "alembic-gate" : `${oneLine$1(file)}:${line ?? 1}:${column ?? 1}`}: ${severity}: ${shorten(oneLine$1(plain(message)), MESSAGE)} [${rule}]`;
};
// src/report/formats.ts
/** Columns of text that goes into a file. */
const WIDTH = 100;
/** The report in a format, as a file holds it: without colours. */
function inFormat(format, report, options) {
	switch (format) {
		case "text": return terminal(report, {
			colour: false,
			width: WIDTH,
			source: options.source
		});
		case "unix": return unix(report);
		case "json": return json(report);
		case "markdown": return summary(report);
		case "sarif": return sarif(report, options);
		case "gitlab": return gitlab(report);
		case "junit": return junit(report);
		case "html": return page(report, options);
	}
}
// src/report/files.ts
/** The files that a run of the action leaves for later steps of its job. */
/** By the names of the outputs that hold their paths. */
const NAMES = {
	report: {
		format: "json",
		file: "alembic-gate-report.json"
	},
	page: {
		format: "html",
		file: "alembic-gate.html"
	},
	sarif: {
		format: "sarif",
		file: "alembic-gate.sarif"
	}
};
/**
* Writes the files into a folder. One that cannot be written is told, and changes nothing else.
*
* @returns paths of those that are there, by the names of their outputs
*/
async function sendFiles(report, folder, options, tell) {
	const files = {};
	for (const [name, { format, file }] of Object.entries(NAMES)) {
		const target = path.join(folder, file);
		try {
			await mkdir(folder, { recursive: true });
			await writeFile(target, inFormat(format, report, options));
			files[name] = target;
		} catch (error) {
			await tell(text$1`The file of the output ${code(name)} could not be written: ${error.message}`);
		}
	}
	return files;
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
// src/fix.ts
/** `alembic-gate fix`: applies the edits that findings carry, or joins heads with a merge revision of the project's own making. */
/**
* Mends what can be mended.
*
* @returns what to print
* @throws Failure where the gate fails, where a file has changed meanwhile, or where alembic refuses
*/
async function fix(given, { yes, merge }, world) {
	const { report, root } = await gate({
		...given,
		static: true
	}, world);
	const [failure] = report.failures;
	if (failure) throw new Failure(failure.exitCode, failure.message, failure.help, failure);
	if (merge) return mergeHeads(report, given, yes, world);
	const fixes = report.environments.flatMap(({ findings }) => findings.flatMap(({ fix, suppressed }) => fix && !suppressed ? [fix] : []));
	if (fixes.length === 0) return "Nothing to fix.\n";
	const shown = [];
	for (const fix of fixes) shown.push(await applyFix(root, fix, yes));
	return `${shown.join("\n")}\n${yes ? "Written." : "Nothing is written yet: add --yes to write it."}\n`;
}
/** @returns the difference that the fix makes */
async function applyFix(root, { title, edits }, write) {
	const lines = [visible(title)];
	for (const file of new Set(edits.map((edit) => edit.file))) {
		const before = await readFile(path.join(root, file), "utf8");
		const after = edited(before, edits.filter((edit) => edit.file === file));
		if (after === void 0) throw new Failure(3, text$1`${code(file)} changed while it was read.`, text$1`Run it again.`, { file });
		lines.push(...difference(file, before, after));
		if (write) await writeFile(path.join(root, file), after);
	}
	return `${lines.join("\n")}\n`;
}
/** The lines that differ, of two texts with the same number of lines. */
function difference(file, before, after) {
	const [old, fresh] = [before, after].map((text) => text.split(/\r\n|\r|\n/));
	const changed = old.flatMap((line, index) => line === fresh[index] ? [] : [
		`@@ line ${index + 1} @@`,
		`-${line}`,
		`+${fresh[index]}`
	]);
	return [
		`--- a/${file}`,
		`+++ b/${file}`,
		...changed
	].map(visible);
}
/** Has the project's own alembic write merge revisions, from its own template. */
async function mergeHeads(report, given, write, world) {
	const { root, environments } = await openProject(given, await openCheckout(given, world));
	const said = [];
	for (const { environment, settings } of environments) {
		const found = report.environments.find(({ name }) => name === environment.name);
		if (!found?.findings.some(({ rule, suppressed }) => rule === "multiple-heads" && !suppressed)) continue;
		const [command, ...rest] = (await findInterpreter({
			root,
			directory: environment.directory,
			env: world.env,
			...settings.python !== void 0 && { given: settings.python }
		})).command;
		const config = path.relative(path.join(root, environment.directory), path.join(root, environment.config));
		const args = [
			...rest,
			"-m",
			"alembic",
			"-c",
			config,
			"-n",
			environment.section,
			"merge",
			"-m",
			"merge heads",
			...found.heads
		];
		said.push(visible([command, ...args].join(" ")));
		if (!write) continue;
		try {
			const { stdout } = await promisify(execFile)(command, args, {
				cwd: path.join(root, environment.directory),
				env: world.env
			});
			said.push(visible(stdout.trim()));
		} catch (error) {
			const { stderr } = error;
			throw new Failure(1, text$1`${code("alembic merge")} failed in ${code(environment.name)}.`, text$1`It said: ${block((stderr ?? String(error)).trim())}`);
		}
	}
	if (said.length === 0) return "Nothing to fix: there is one head.\n";
	return `${said.join("\n")}\n${write ? "Written." : "Nothing is run yet: add --yes to run it."}\n`;
}
// src/project/slices.ts
/** How much larger than the one above it a slice is: it has less to go up before it begins. */
const GROWTH = 1.5;
/**
* Where a history can be cut: after revisions that every way from the bases to the heads passes through. A database that stands there
* has applied all below and nothing else, and its version table has one row.
*
* @param order the ids from the bases up; parents that are not among them are taken for applied
* @returns how many revisions come up to each such place, in ascending order
*/
function cutsOf(order, headers) {
	const places = new Map(order.map((id, index) => [id, index]));
	const placesOf = (ids) => ids.flatMap((id) => places.get(id) ?? []);
	const firstChild = order.map(() => order.length);
	const lowestParent = order.map(() => -1);
	for (const { id, down, dependsOn } of headers) {
		const at = places.get(id);
		const parents = placesOf(down);
		if (at === void 0 || parents.length === 0) continue;
		lowestParent[at] = Math.min(...parents, ...placesOf(dependsOn));
		for (const parent of parents) firstChild[parent] = Math.min(firstChild[parent], at);
	}
	const lowestAbove = [...order.map(() => 0), order.length];
	for (let at = order.length - 1; at >= 0; at--) lowestAbove[at] = Math.min(lowestAbove[at + 1], lowestParent[at]);
	const cuts = [];
	let lastChildBelow = -1;
	for (let at = 0; at < order.length - 1; at++) {
		if (lastChildBelow <= at && lowestAbove[at + 1] >= at) cuts.push(at + 1);
		lastChildBelow = Math.max(lastChildBelow, firstChild[at]);
	}
	return cuts;
}
/** Those cuts below which all revisions are of a kind. */
function cutsBelow(cuts, order, isSuch) {
	const first = order.findIndex((id) => !isSuch(id));
	return first === -1 ? [...cuts] : cuts.filter((cut) => cut <= first);
}
/**
* Cuts a history into slices of about the same work, the newest first.
*
* @param order the ids from the bases up
* @param cuts where it may be cut
* @returns fewer than asked for where it cannot be cut so often; one at least
*/
function partsOf(order, cuts, slices) {
	const sum = (GROWTH ** slices - 1) / .5;
	const bottoms = /* @__PURE__ */ new Set();
	let above = 0;
	for (let slice = 0; slice < slices - 1 && cuts.length > 0; slice++) {
		above += GROWTH ** slice;
		const wanted = order.length * (1 - above / sum);
		bottoms.add(cuts.reduce((best, cut) => Math.abs(cut - wanted) < Math.abs(best - wanted) ? cut : best));
	}
	const ends = [
		order.length,
		...[...bottoms].sort((a, b) => b - a),
		0
	];
	return ends.slice(1).map((bottom, index) => ({
		own: order.slice(bottom, ends[index]),
		lower: order.slice(0, bottom)
	}));
}
/** The ids of a graph from the bases up, and what `cutsOf` wants to know of them. Revisions of a cycle are left out. */
function headersOf({ parents, dependencies }) {
	const headers = [...parents].map(([id, down]) => ({
		id,
		down,
		dependsOn: dependencies.get(id) ?? []
	}));
	const waiting = /* @__PURE__ */ new Map();
	const above = /* @__PURE__ */ new Map();
	for (const { id, down, dependsOn } of headers) {
		const needed = /* @__PURE__ */ new Set([...down, ...dependsOn]);
		waiting.set(id, needed.size);
		for (const other of needed) above.set(other, [...above.get(other) ?? [], id]);
	}
	const order = [...waiting].flatMap(([id, number]) => number === 0 ? [id] : []);
	for (const id of order) for (const next of above.get(id) ?? []) {
		const left = waiting.get(next) - 1;
		waiting.set(next, left);
		if (left === 0) order.push(next);
	}
	return {
		order,
		headers
	};
}
// src/plan.ts
/** `alembic-gate plan`: what there is to check, as a job matrix for more machines than one. */
/**
* The arguments of `alembic-gate plan`: those of the gate, with `--postgres-version` as often as there are majors to check.
*
* @throws Failure (exit code 2) for an unknown flag or a bad value
*/
function readPlanning(argv) {
	const majors = [];
	const rest = [];
	for (let index = 0; index < argv.length; index++) {
		const argument = argv[index];
		if (argument !== "--postgres-version" && !argument.startsWith("--postgres-version=")) rest.push(argument);
		else {
			const own = argument.includes("=") ? [argument] : argv.slice(index++, index + 1);
			majors.push(readArguments(["check", ...own]).given["postgres-version"]);
		}
	}
	return {
		given: readArguments(["check", ...rest]).given,
		majors
	};
}
/**
* The jobs: each slice of the history of each environment that the pull request touches, on each major version.
*
* @param majors none: the version that each environment's settings or repository name
* @param say told of a history that cannot be cut into as many slices as it is long
*/
async function plan(given, majors, world, say) {
	const { git, tree, environments, settings } = await openProject(given, await openCheckout(given, world));
	const base = git && settings.scope === "changed" ? await baseOf(git, given, world) : void 0;
	const files = git && base?.known ? await changedFiles(git, base.value) : void 0;
	const all = environments.map(({ environment }) => environment);
	const touched = environments.filter(({ environment }) => files?.some((file) => concerns(file, environment, all)) ?? true);
	const versions = majors.length > 0 ? majors.map(String) : [""];
	const jobs = touched.map(async (target) => {
		const { environment } = target;
		const slices = await slicesOf(target, {
			git,
			tree
		}, base, say);
		return versions.flatMap((version) => slices.map((slice) => ({
			name: `${environment.name}${version && ` on PostgreSQL ${version}`}${slice && `, slice ${slice}`}`,
			config: environment.factory === void 0 ? environment.config : "",
			section: environment.factory === void 0 ? environment.section : "",
			"postgres-version": version,
			slice
		})));
	});
	return { include: (await Promise.all(jobs)).flat() };
}
/** The slices of a history: `1/4` and so on, or "" alone where it is short. */
async function slicesOf({ environment, settings }, { git, tree }, base, say) {
	if (settings.static || !git || !base?.known) return [""];
	const { graph, history } = await readHistory({
		git,
		base: base.value,
		tree,
		environment,
		released: settings.released,
		skim: true
	});
	const { order, headers } = headersOf(graph);
	const wanted = Math.ceil(order.length / settings.sliceRevisions);
	const cuts = cutsBelow(cutsOf(order, headers), order, (id) => isUntouched(id, history));
	let slices = wanted;
	while (slices > 1 && partsOf(order, cuts, slices).length < slices) slices--;
	if (slices < wanted) {
		const why = text$1`every way up has to pass through the revision where it is cut, and the pull request must change none below that`;
		say(text$1`The history of ${code(environment.name)} has ${count(order.length, "revision")}, and can be cut into ${count(slices, "slice")} instead of ${wanted}: ${why}.`);
	}
	return slices === 1 ? [""] : Array.from({ length: slices }, (_, index) => `${index + 1}/${slices}`);
}
/** Whether a file matters to an environment: those in the folders of another do not. */
function concerns(file, environment, all) {
	const holds = ({ scriptLocation, versionFolders }) => [scriptLocation, ...versionFolders].some((folder) => folder !== "" && file.startsWith(`${folder}/`));
	return concernsMigrations(file, [environment]) && (holds(environment) || !all.some(holds));
}
function baseOf(git, given, { event }) {
	return findBase({
		git,
		...event && { event },
		...typeof given.base === "string" && { base: given.base }
	});
}
// src/hook.ts
/** `alembic-gate hook FILE…`: what a hook of pre-commit judges, the environments that the files belong to. */
/**
* What to judge, statically: the environments in whose folders the files lie; all of them where the files lie elsewhere.
*
* @param files as pre-commit gives them, from the current folder
* @throws Failure (exit code 2) where there is no environment
*/
async function hooked(given, files, world) {
	const checkout = await openCheckout(given, world);
	const { environments } = await openProject(given, checkout);
	const changed = files.map((file) => path.relative(checkout.root, path.resolve(world.cwd, file)).split(path.sep).join("/"));
	const touched = environments.filter(({ environment: { config, scriptLocation, versionFolders } }) => changed.some((file) => file === config || [scriptLocation, ...versionFolders].some((folder) => isBelow(file, folder))));
	const configs = [...new Set(touched.map(({ environment }) => environment.config))];
	return {
		...given,
		static: true,
		...configs.length > 0 && { config: configs }
	};
}
// src/project/setup.ts
/** How a project is installed, told from its files: package manager, Python version, extensions of the database. Nothing is run. */
const text = async (tree, file) => {
	const bytes = await tree.read(file);
	return bytes && new TextDecoder().decode(bytes);
};
/** The managers by the files that only they have. */
const LOCKS = [
	{
		file: "uv.lock",
		manager: "uv",
		commands: ["pipx install uv", "uv sync --frozen"]
	},
	{
		file: "poetry.lock",
		manager: "poetry",
		commands: ["pipx install poetry", "poetry install --no-interaction"]
	},
	{
		file: "pdm.lock",
		manager: "pdm",
		commands: ["pipx install pdm", "pdm sync"]
	},
	{
		file: "Pipfile.lock",
		manager: "pipenv",
		commands: ["pipx install pipenv", "pipenv sync --dev"]
	},
	{
		file: "Pipfile",
		manager: "pipenv",
		commands: ["pipx install pipenv", "pipenv install --dev"]
	}
];
/** The same without a lock file: their tables in pyproject.toml. */
const TABLES = [
	{
		table: /^\[tool\.uv[\].]/m,
		manager: "uv",
		commands: ["pipx install uv", "uv sync"]
	},
	{
		table: /^\[tool\.poetry[\].]/m,
		manager: "poetry",
		commands: ["pipx install poetry", "poetry install --no-interaction"]
	},
	{
		table: /^\[tool\.pdm[\].]/m,
		manager: "pdm",
		commands: ["pipx install pdm", "pdm install"]
	}
];
const NAMES_ALEMBIC = /^\s*["']?(alembic|flask[-_]migrate)\b/im;
/** How the packages of an environment get installed, from its folder upwards: lock files before requirements, those before a mere project. */
async function installationOf(tree, directory) {
	const folders = upwards(directory);
	for (const folder of folders) for (const { file, manager, commands } of LOCKS) {
		const place = path$1.join(folder, file);
		if (await tree.read(place)) return {
			manager,
			folder,
			file: place,
			commands: [...commands]
		};
	}
	const requirements = await requirementsOf(tree, folders);
	for (const folder of folders) {
		const place = path$1.join(folder, "pyproject.toml");
		const project = await text(tree, place);
		const table = project !== void 0 && TABLES.find((one) => one.table.test(project));
		if (table) return {
			manager: table.manager,
			folder,
			file: place,
			commands: [...table.commands]
		};
	}
	if (requirements) return requirements;
	for (const folder of folders) for (const file of [
		"pyproject.toml",
		"setup.py",
		"setup.cfg"
	]) {
		const place = path$1.join(folder, file);
		const found = await text(tree, place);
		if (found !== void 0 && (file !== "pyproject.toml" || /^\[project\]/m.test(found))) return {
			manager: "pip",
			folder,
			file: place,
			commands: ["python -m pip install -e ."]
		};
	}
	return {
		manager: "pip",
		folder: directory,
		commands: ["python -m pip install alembic sqlalchemy psycopg2-binary"]
	};
}
/** The requirements that name Alembic, from the nearest folder; else requirements.txt, which may include others that do. */
async function requirementsOf(tree, folders) {
	let usual;
	for (const folder of folders) {
		const prefix = folder === "" ? "" : `${folder}/`;
		const inOrder = (await tree.list(folder)).filter((file) => /^(requirements[^/]*\.txt|requirements\/[^/]+\.txt)$/.test(file.slice(prefix.length))).sort((a, b) => rank(a.slice(prefix.length)) - rank(b.slice(prefix.length)) || (a < b ? -1 : 1));
		for (const file of inOrder) {
			const found = {
				manager: "pip",
				folder,
				file,
				commands: [`python -m pip install -r ${shellWord(file.slice(prefix.length))}`]
			};
			if (NAMES_ALEMBIC.test(await text(tree, file) ?? "")) return found;
			if (file === `${prefix}requirements.txt`) usual ??= found;
		}
	}
	return usual;
}
/** Requirements of production before those of development and of tests. */
const rank = (file) => file === "requirements.txt" ? 0 : /prod|base|main|default/.test(file) ? 1 : /dev|test|lint|doc|format|check/.test(file) ? 3 : 2;
const VERSION = /\b(3\.\d{1,2})\b/;
/** Where a project says which Python it runs on, and how it says it there; the most binding first. */
const SAYINGS = [
	{
		file: ".python-version",
		pattern: /^\s*(?:cpython-)?(3\.\d{1,2})/m
	},
	{
		file: ".tool-versions",
		pattern: /^python\s+(3\.\d{1,2})/m
	},
	{
		file: "runtime.txt",
		pattern: /^python-(3\.\d{1,2})/m
	},
	{
		file: "Pipfile",
		pattern: /^python(?:_full)?_version\s*=\s*["'](3\.\d{1,2})/m
	},
	{
		file: "Dockerfile",
		pattern: /^FROM\s+(?:\S+\/)?python:(3\.\d{1,2})/im
	},
	{
		file: "pyproject.toml",
		pattern: /^(?:requires-python|python)\s*=\s*["'][^"'\d]*(3\.\d{1,2})/m
	}
];
/**
* Which Python the project runs on.
*
* @param running the version of the interpreter that was found, if one was: better than a mere lower bound
*/
async function pythonOf(tree, directory, running) {
	for (const { file, pattern } of SAYINGS) {
		if (file === "pyproject.toml" && running !== void 0) break;
		for (const folder of upwards(directory)) {
			const place = path$1.join(folder, file);
			const version = pattern.exec(await text(tree, place) ?? "")?.[1];
			if (version !== void 0) return {
				version,
				file: place
			};
		}
	}
	return { version: VERSION.exec(running ?? "")?.[1] ?? "3.13" };
}
/** The extensions that revisions create or that their columns need, in the order of their names. */
function extensionsOf(revisions) {
	const found = /* @__PURE__ */ new Set();
	for (const { source } of revisions) {
		for (const match of source.matchAll(/CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?\\?["']?([\w-]+)/gi)) found.add(match[1]);
		if (/^\s*(?:import|from)\s+geoalchemy2\b/m.test(source)) found.add("postgis");
		if (/^\s*(?:import|from)\s+pgvector\b/m.test(source)) found.add("vector");
	}
	return [...found].sort();
}
const EXAMPLE = /^(\.env\.(example|sample|template|dist|test|ci)|(example|sample|template|test|tests|dev)\.env|\.?env\.(example|sample|template)|\.env-(example|sample))$/;
/**
* Variables with the values that the repository's own examples give them: `.env.example` and the like, of the nearest folder first,
* and a folder of tests or of Docker's beside them.
*/
async function exampleVariables(tree, directory) {
	const found = /* @__PURE__ */ new Map();
	const folders = upwards(directory).flatMap((folder) => [folder, ...["tests", "docker"].map((name) => path$1.join(folder, name))]);
	for (const folder of folders) {
		const prefix = folder === "" ? "" : `${folder}/`;
		const files = (await tree.list(folder)).filter((file) => EXAMPLE.test(file.slice(prefix.length)));
		for (const file of files.sort()) for (const line of (await text(tree, file) ?? "").matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/gm)) if (!found.has(line[1]) && !line[2].includes("${{")) found.set(line[1], unquoted(line[2]));
	}
	return found;
}
/** The value of a line of an env file: what is in quotes, or what stands before a remark. */
const unquoted = (value) => /^(["'])(.*?)\1/.exec(value)?.[2] ?? value.replace(/\s+#.*$/, "");
/** Values that FLASK_APP may have: what the repository sets it to, then the factories that its modules define, the uppermost first. */
async function flaskApps(tree, directory) {
	const files = await tree.list(directory);
	const prefix = directory === "" ? "" : `${directory}/`;
	const said = [];
	for (const file of files.filter((name) => /(^|\/)(\.flaskenv|Dockerfile[^/]*|Makefile|[^/]*compose[^/]*\.ya?ml)$/.test(name))) for (const match of (await text(tree, file) ?? "").matchAll(/\bFLASK_APP\s*[=: ]\s*["']?([\w./]+(?::\w+)?)/g)) said.push(match[1]);
	const modules = files.map((file) => file.slice(prefix.length)).filter((file) => /^[\w/]+\.py$/.test(file) && file.split("/").length <= 3 && !/(^|\/)(tests?|migrations)\//.test(file)).sort((a, b) => byDepth(a, b) || (a < b ? -1 : 1));
	const factories = [];
	for (const file of modules.slice(0, 300)) {
		const name = /^def ((?:create|make)_app)\(/m.exec(await text(tree, prefix + file) ?? "")?.[1];
		if (name !== void 0) factories.push(`${file.replace(/(\/__init__)?\.py$/, "").replaceAll("/", ".")}:${name}`);
	}
	return [.../* @__PURE__ */ new Set([...said, ...factories])].slice(0, 4);
}
// src/workflow.ts
/** The workflow that `alembic-gate init` writes. Pure. */
/** Whole commits, as a tag can be moved; what they are called stands behind them. */
const CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0";
const SETUP_PYTHON = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0";
/** Where the workflow is written, relative to the root. */
const WORKFLOW_FILE = ".github/workflows/migrations.yml";
/** The workflow as YAML. */
function workflow({ installations, python, postgres, newest, extensions, directory, variables }) {
	const major = postgres?.major ?? newest;
	const needsImage = extensions.filter((extension) => imageWith(extension) !== void 0);
	const image = needsImage.length > 0 ? serverImage(postgres?.image, needsImage[0], major) : void 0;
	const install = installations.flatMap(({ commands, folder }) => commands.map((command) => [`- run: ${yamlText(command)}`, ...folder === "" ? [] : [`  working-directory: ${yamlText(folder)}`]]));
	const steps = [
		[
			`- uses: ${CHECKOUT}`,
			"  with:",
			"    persist-credentials: false"
		],
		[
			`- uses: ${SETUP_PYTHON}`,
			"  with:",
			...pythonLines(python)
		],
		...install,
		[
			"- uses: alembic-gate/alembic-gate@v1",
			"  with:",
			...directory === "" ? [] : [`    directory: ${yamlText(directory)}`],
			image === void 0 ? `    postgres-version: ${major} # ${postgres ? `as ${oneLine(postgres.file)} has it` : "nothing in the repository says which major production runs: set it"}` : "    postgres: postgresql://postgres:postgres@localhost:5432/postgres",
			...environmentLines(variables)
		]
	];
	return `${[
		"# Make the job a required check. Give it no paths: filter, as a required check that never starts blocks for ever: the gate ends",
		"# by itself within a second when nothing changed that migrations depend on.",
		"name: migrations",
		"on:",
		"  pull_request:",
		"  merge_group:",
		"permissions:",
		"  contents: read",
		"jobs:",
		"  alembic-gate:",
		"    runs-on: ubuntu-24.04",
		"    timeout-minutes: 20",
		...(image === void 0 ? [] : [
			`services: # ${needsImage.join(", ")}: an image that has it`,
			"  postgres:",
			`    image: ${yamlText(image)}`,
			"    env: { POSTGRES_PASSWORD: postgres }",
			"    ports: [\"5432:5432\"]",
			"    options: --health-cmd pg_isready --health-interval 2s --health-retries 15"
		]).map((line) => `    ${line}`),
		"    steps:",
		...steps.flat().map((line) => `      ${line}`)
	].join("\n")}\n`;
}
function environmentLines(variables) {
	const lines = Object.entries(variables).map(([name, value]) => `    ${name}: ${yamlQuoted(value)}`);
	return lines.length > 0 ? ["  env: # env.py insists on these; the gate puts its own server in the place of every database", ...lines] : ["  # env: variables that env.py insists on; where they point to does not matter", "  #   DATABASE_URL: postgresql://any/value"];
}
/** The repository's own image where that is made for the extension. */
const serverImage = (own, extension, major) => {
	const usual = imageWith(extension, major);
	const [maker] = usual.split(":");
	return own !== void 0 && own.includes(maker) && !own.includes("$") ? own : usual;
};
const oneLine = (value) => value.replace(/[^\x20-\x7e]/g, "?");
const pythonLines = ({ version, file }) => file !== void 0 && /(^|\/)(\.python-version|\.tool-versions)$/.test(file) ? [`    python-version-file: ${yamlText(file)}`] : [`    python-version: ${yamlQuoted(version)}${file === void 0 ? "" : ` # as ${oneLine(file)} has it`}`];
// src/merge.ts
/**
* One report of all. The same environment on several servers keeps a name for each; what is found on several of them is told once,
* with the others named.
*/
function mergeReports(reports) {
	const sliced = withoutSlices(reports.flatMap(({ environments }) => environments));
	const environments = distinct(sliced.environments);
	const failures = [...reports.flatMap(({ failures }) => failures), ...sliced.failures];
	const told = /* @__PURE__ */ new Set();
	const once = failures.filter((failure) => {
		const key = JSON.stringify(failure);
		return !told.has(key) && told.add(key);
	});
	const timings = {};
	for (const [name, milliseconds] of reports.flatMap((report) => Object.entries(report.timings))) timings[name] = Math.max(timings[name] ?? 0, milliseconds);
	return conclude(environments, once, { failOn: reports.some(({ exitCode }) => exitCode === 1) ? "error" : "never" }, timings);
}
/** `PostgreSQL 16` of `PostgreSQL 16.4 (installed)`. */
const majorOf = ({ server }) => /^PostgreSQL \d+/.exec(server ?? "")?.[0];
/** The slices of a history, put together: those of one environment on one major version. */
function withoutSlices(given) {
	const groups = /* @__PURE__ */ new Map();
	const environments = [];
	for (const environment of given) {
		if (!isSliced(environment)) {
			environments.push(environment);
			continue;
		}
		const others = given.filter((other) => other.name === environment.name && isSliced(other));
		const majors = new Set(others.flatMap((other) => majorOf(other) ?? []));
		const major = majorOf(environment) ?? (majors.size === 1 ? [...majors][0] : "");
		const key = JSON.stringify([environment.name, major]);
		const group = groups.get(key) ?? [];
		if (group.length === 0) environments.push(group);
		group.push(environment);
		groups.set(key, group);
	}
	const merged = environments.map((one) => Array.isArray(one) ? mergeSlices(one) : {
		environment: one,
		failures: []
	});
	return {
		environments: merged.map(({ environment }) => environment),
		failures: merged.flatMap(({ failures }) => failures)
	};
}
const isSliced = (environment) => environment.slice !== void 0;
function distinct(environments) {
	return [...new Set(environments.map(({ name }) => name))].flatMap((name) => {
		const parts = environments.filter((environment) => environment.name === name);
		return parts.length === 1 ? parts : labelled(parts);
	});
}
/** Parts of one environment under names of their own; what several of them found alike stays with the first. */
function labelled(parts) {
	const majors = parts.map(majorOf);
	const telling = new Set(majors).size === parts.length && !majors.includes(void 0);
	const first = /* @__PURE__ */ new Map();
	const kept = parts.map((environment, part) => {
		const name = `${environment.name} (${telling ? majors[part] : `part ${part + 1}`})`;
		const findings = environment.findings.flatMap((given) => {
			const finding = {
				...given,
				environment: name
			};
			const { fingerprint, severity, blocks, file, line, message } = finding;
			const key = JSON.stringify([
				fingerprint,
				severity,
				blocks,
				file,
				line,
				plain(message)
			]);
			const known = first.get(key);
			if (!known) first.set(key, {
				finding,
				part,
				also: /* @__PURE__ */ new Set()
			});
			if (!known || known.part === part) return [finding];
			known.also.add(name);
			return [];
		});
		return {
			...environment,
			name,
			findings
		};
	});
	for (const { finding, also } of first.values()) if (also.size > 0) finding.evidence = text$1`${finding.evidence ?? []} Found as well in ${[...also].join(", ")}.`;
	return kept;
}
export { findInterpreter as $, block as $t, noticeCommand as A, ruleList as At, linksOf as B, identifier as Bt, terminal as C, parseModule as Ct, otherRun as D, CATALOGUE as Dt, sendToGitHub as E, positionsIn as Et, oneLine$1 as F, lastName as Ft, reported as G, firstErrorOf as Gt, gate as H, parseCatalog as Ht, paragraphs as I, onlyMakesTables as It, NAME as J, isSetting as Jt, sliceReason as K, folded$3 as Kt, labelsInQueue as L, touchedTables as Lt, recheck as M, readArguments as Mt, markdown as N, readInputs as Nt, sendSummary as O, explain as Ot, tally as P, usage as Pt, split$1 as Q, reasonOf as Qt, githubRun as R, words as Rt, sendTerminal as S, readGraph as St, postSecondHand as T, tokenize as Tt, brokenReport as U, withoutTables as Ut, readEvent as V, keyOf as Vt, conclude as W, describeState as Wt, inside as X, unitsOf as Xt, TABLE as Y, parsedUnits as Yt, lineOf as Z, Failure as Zt, version as _, isOpenToAll as _t, extensionsOf as a, startProcess as at, progress as b, ownPort as bt, pythonOf as c, later as ct, readPlanning as d, wantedPostgres as dt, code as en, memoryFolder as et, cutsBelow as f, findInstalled as ft, abortedBySignals as g, hasAddresses as gt, fix as h, choosePort as ht, exampleVariables as i, text$1 as in, startEarly as it, sendAnnotations as j, layer as jt, fenced$1 as k, pageOf as kt, hooked as l, openCheckout as lt, partsOf as m, HOST as mt, WORKFLOW_FILE as n, listOf as nn, differing as nt, flaskApps as o, projectEnvironment as ot, cutsOf as p, versionOf as pt, seedOf as q, isData as qt, workflow as r, plain as rn, driverFolder as rt, installationOf as s, environmentToLoad as st, mergeReports as t, count as tn, roomInMemory as tt, plan as u, openProject as ut, sendFiles as v, isUrl as vt, turnedBy as w, stringValue as wt, sendSentences as x, servingUser as xt, inFormat as y, ownAddress as yt, openPullRequests as z, catalogQuery as zt };
