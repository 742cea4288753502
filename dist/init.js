import { $ as findInterpreter, $t as block, H as gate, St as readGraph, Zt as Failure, a as extensionsOf, c as pythonOf, dt as wantedPostgres, en as code, i as exampleVariables, in as text, lt as openCheckout, n as WORKFLOW_FILE, nn as listOf, o as flaskApps, r as workflow, rn as plain, s as installationOf, tn as count, ut as openProject } from "./gate.js";
import { a as embeddedMajors } from "./run.js";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
// src/init.ts
/** `alembic-gate init`: writes the workflow that a project needs, and shows what the gate would have said of its newest revisions. */
/** Revisions that are judged as if a pull request had brought them. */
const NEWEST = 10;
/** Variables that are looked for one after the other: env.py stops at the first that is missing. */
const ROUNDS = 25;
/**
* Finds out how the project is installed. Its newest revisions are judged as if they were one pull request, and the workflow is
* written, unless there is one.
*
* @param yes write it anew over one that differs
* @throws Failure (exit code 2) where there is no checkout, no commit or no environment
*/
async function init(given, { yes }, world) {
	const checkout = await openCheckout(given, world);
	const { git } = checkout;
	if (!git || await git.ask([
		"rev-parse",
		"--verify",
		"--quiet",
		"HEAD^{commit}"
	]) === void 0) throw new Failure(2, text`${code(checkout.root)} is no git checkout with a commit, and a workflow belongs into one.`, text`Make one first: ${block("git init && git add --all && git commit -m 'First commit'", "sh")}`);
	const project = await openProject(given, checkout);
	const graphs = await Promise.all(project.environments.map(({ environment }) => readGraph(project.tree, environment)));
	const { facts, found } = await factsOf(project, graphs, path.relative(project.root, checkout.folder), world);
	const files = graphs.map((graph) => newestOf(graph, NEWEST)).flatMap((ids, index) => ids.map((id) => graphs[index].revisions.get(id).file));
	return {
		found,
		revisions: files.length,
		async finish() {
			const base = await baseWithout(git, files);
			const examples = await exampleVariables(project.tree, facts.directory);
			const judge = async (variables) => ({
				variables,
				judged: await gate(given, {
					...world,
					env: {
						...world.env,
						...variables
					},
					base
				})
			});
			let best = await judge({});
			for (let round = 0; round < ROUNDS && isStuck(best.judged.report); round++) {
				const { variables, judged } = best;
				const told = missingVariables(judged.report).filter(([name]) => !(name in variables) && !(name in world.env));
				if (told.length > 0) {
					best = await judge({
						...variables,
						...Object.fromEntries(told.map(([name, value]) => [name, examples.get(name) ?? value]))
					});
					continue;
				}
				const before = best;
				for (const guess of await guesses(project, judged.report, examples, variables)) {
					const tried = await judge(guess);
					if (isStuck(tried.judged.report) && !(lacksApp(judged.report) && !lacksApp(tried.judged.report))) continue;
					best = tried;
					break;
				}
				if (best === before) break;
			}
			const { variables, judged } = best;
			const wrote = await save(project, workflow({
				...facts,
				variables
			}), yes);
			const names = Object.keys(variables);
			const wanted = names.length > 0 ? [text`env.py and what it imports want ${listOf(names, 30)}: the workflow gives them values that do, look them over.`] : [];
			const stuck = isStuck(judged.report) ? [text`The project could not be loaded yet: what it still lacks stands above. Variables belong under ${code("env:")} of the workflow.`] : [];
			return {
				...judged,
				said: [
					...wanted,
					...stuck,
					wrote
				]
			};
		}
	};
}
/**
* What may do where no name is told: the application of Flask; all that the repository's examples name; a URL under a name that many
* have for it.
*/
async function guesses({ tree, environments }, report, examples, given) {
	if (lacksApp(report)) {
		const flask = environments.find(({ environment }) => environment.kind === "flask-migrate");
		return (flask ? await flaskApps(tree, flask.environment.directory) : []).map((app) => ({
			...given,
			FLASK_APP: app
		}));
	}
	const urls = URL_NAMES.map((name) => ({
		...given,
		[name]: "postgresql://user:password@localhost/db"
	}));
	return examples.size > 0 ? [{
		...Object.fromEntries(examples),
		...given
	}, ...urls] : urls;
}
/** Flask did not find its application. */
const lacksApp = ({ environments }) => environments.some(({ findings }) => findings.some(({ rule, message }) => rule === "environment-failed" && plain(message).includes("FLASK_APP")));
const URL_NAMES = [
	"DATABASE_URL",
	"SQLALCHEMY_DATABASE_URI",
	"DATABASE_URI",
	"DB_URL",
	"POSTGRES_URL"
];
const isStuck = ({ environments }) => environments.some(({ findings }) => findings.some(({ rule }) => rule === "environment-failed"));
/** How exceptions say it that the project itself raises. */
const VARIABLE = /\b([A-Z][A-Z0-9_]{3,})[`'"]? environment variable|environment variable:? [`'"]?([A-Z][A-Z0-9_]{3,})\b/g;
/** Names of variables that the project wanted and did not have, with a value each, as the report's own advice has them. */
function missingVariables({ environments }) {
	const failed = environments.flatMap(({ findings }) => findings.filter(({ rule }) => rule === "environment-failed"));
	const advice = failed.flatMap(({ help }) => help.flatMap((part) => "block" in part && part.block.startsWith("env:\n") ? [part.block] : []));
	const named = failed.flatMap(({ message }) => [...plain(message).matchAll(VARIABLE)].map((match) => match[1] ?? match[2])).filter((name) => name !== "FLASK_APP").map((name) => [name, "1"]);
	return [...advice.flatMap((lines) => [...lines.matchAll(/^ {2}([A-Za-z_]\w*): (.*)$/gm)].map(([, name, value]) => [name, value === "…" ? "1" : value])), ...named];
}
/** What the workflow is made of, and a sentence about it. */
async function factsOf({ tree, root, environments, settings }, graphs, directory, { env }) {
	const folders = [...new Set(environments.map(({ environment }) => environment.directory))];
	const given = environments[0].settings.python;
	const interpreter = await findInterpreter({
		root,
		directory: folders[0],
		env,
		...given !== void 0 && { given }
	}).catch((error) => {
		if (error instanceof Failure) return void 0;
		throw error;
	});
	const all = await Promise.all(folders.map((folder) => installationOf(tree, folder)));
	const installations = [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
	const python = await pythonOf(tree, folders[0], interpreter?.version);
	const wanted = await wantedPostgres(tree);
	const postgres = settings.postgresVersion === void 0 ? wanted : {
		major: settings.postgresVersion,
		image: "",
		file: "the settings file",
		line: 1
	};
	const extensions = extensionsOf(graphs.flatMap((graph) => [...graph.revisions.values()]));
	const newest = embeddedMajors.at(-1);
	const where = (file) => file === void 0 ? text`` : text` (${code(file)})`;
	const how = installations.flatMap(({ manager, file }) => text`${manager}${where(file)}, `);
	const server = postgres ? text`Postgres ${postgres.major}${where(postgres.file)}` : text`Postgres ${newest} (nothing names a major)`;
	const more = extensions.length > 0 ? text`, extensions ${extensions.join(", ")}` : text``;
	const which = environments.flatMap(({ environment }, index) => [...index === 0 ? [] : [{ text: ", " }], code(environment.name)]);
	return {
		found: text`Found ${which}: ${how}Python ${python.version}${where(python.file)}, ${server}${more}.`,
		facts: {
			installations,
			python,
			newest,
			extensions,
			directory: directory.split(path.sep).join("/"),
			...postgres && { postgres }
		}
	};
}
/** Writes the workflow. @returns what was done */
async function save({ root, tree }, content, yes) {
	const file = path.join(root, WORKFLOW_FILE);
	const before = await readFile(file, "utf8").catch(() => void 0);
	if (before === content) return text`${code(WORKFLOW_FILE)} is there already, and is as it should be.`;
	if (before !== void 0 && !yes) return text`${code(WORKFLOW_FILE)} is there already and was left alone: ${code("--yes")} writes it anew.`;
	const others = (await tree.list(".github/workflows")).filter((other) => /\.ya?ml$/.test(other) && other !== ".github/workflows/migrations.yml");
	for (const other of yes ? [] : others) if (/\balembic-gate@/.test(new TextDecoder().decode(await tree.read(other)))) return text`${code(other)} uses the gate already, so no workflow was written.`;
	await mkdir(path.dirname(file), { recursive: true });
	await writeFile(file, content);
	return text`${before === void 0 ? "Wrote" : "Wrote anew"} ${code(WORKFLOW_FILE)}. Commit it, and make its job ${code("alembic-gate")} a required check.`;
}
/** The ids of the newest revisions: none is left on which nothing but these build. */
function newestOf({ revisions, parents, dependencies }, most) {
	const above = (id) => [...parents.get(id) ?? [], ...dependencies.get(id) ?? []];
	const depths = /* @__PURE__ */ new Map();
	const depthOf = (start) => {
		const open = [start];
		for (let id = open.at(-1); id !== void 0; id = open.at(-1)) {
			const waiting = above(id).filter((parent) => !depths.has(parent) && !open.includes(parent));
			if (waiting.length > 0) open.push(...waiting);
			else {
				depths.set(id, 1 + Math.max(0, ...above(id).map((parent) => depths.get(parent) ?? 0)));
				open.pop();
			}
		}
		return depths.get(start);
	};
	return [...revisions.keys()].map((id) => ({
		id,
		depth: depthOf(id)
	})).sort((a, b) => b.depth - a.depth).slice(0, most).map(({ id }) => id);
}
/**
* A commit of what HEAD has without some files. It is on no branch, and git drops it some day; the checkout and its index stay as
* they are.
*/
async function baseWithout(git, files) {
	const folder = await mkdtemp(path.join(tmpdir(), "alembic-gate-index-"));
	const environment = {
		GIT_INDEX_FILE: path.join(folder, "index"),
		GIT_AUTHOR_NAME: "alembic-gate",
		GIT_AUTHOR_EMAIL: "alembic-gate@localhost",
		GIT_COMMITTER_NAME: "alembic-gate",
		GIT_COMMITTER_EMAIL: "alembic-gate@localhost"
	};
	const ask = async (...command) => (await git.run(command, { environment })).toString("utf8").trim();
	try {
		await ask("read-tree", "HEAD");
		await ask("update-index", "--force-remove", "--", ...files);
		return {
			commit: await ask("commit-tree", await ask("write-tree"), "-p", "HEAD", "-m", "Without the newest revisions"),
			label: `the history without its ${count(files.length, "newest revision")}`
		};
	} finally {
		await rm(folder, {
			recursive: true,
			force: true
		});
	}
}
export { init };
