// Faults and harmless changes that are put into clean pull requests, each at a place that chance picks.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseModule } from "../src/project/python-syntax.ts";
import { tokenize } from "../src/project/python-tokens.ts";

const ruff = fileURLToPath(new URL("../.venvs/default/bin/ruff", import.meta.url));

/**
 * What a mutator is given: the head's files, both graphs, and chance.
 *
 * @typedef {{ files: Record<string, string>, folder: string, before: import("../src/project/graph.ts").Graph, after: import("../src/project/graph.ts").Graph, random: ReturnType<typeof import("./random.js").chance> }} Scene
 */

// --- editing

/** The text with something else in the place of some ranges. */
const replaced = (source, edits) =>
  edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, { start, end, insert }) => text.slice(0, start) + insert + text.slice(end), source);

const withFile = (files, file, source) => ({ ...files, [file]: source });

/** A revision with other parents; undefined where its header does not say them plainly. */
function withParents(files, revision, parents) {
  const value = revision.at.down?.value;
  if (!value) return undefined;
  const insert =
    parents.length === 0 ? "None" : parents.length === 1 ? `"${parents[0]}"` : `(${parents.map((id) => `"${id}"`).join(", ")})`;
  return withFile(files, revision.file, replaced(files[revision.file], [{ ...value, insert }]));
}

const newRevision = (id, down, table = `made_${id}`) => `"""a new one

Revision ID: ${id}
Revises: ${down.join(", ")}

"""
from alembic import op
import sqlalchemy as sa

revision = "${id}"
down_revision = ${down.length === 0 ? "None" : down.length === 1 ? `"${down[0]}"` : `(${down.map((one) => `"${one}"`).join(", ")})`}
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("${table}", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("${table}")
`;

const added = ({ files, folder, random }, id, down) => withFile(files, `${folder}/${random.id()}_new.py`, newRevision(id, down));

// --- looking

/** A revision that both sides have. */
const applied = ({ before, after, random }, fits = () => true) =>
  random.pick(
    [...before.revisions.keys()].filter((id) => after.revisions.has(id) && fits(id)).map((id) => after.revisions.get(id)),
  );

const ancestors = (graph, ids) => {
  const found = new Set(ids);
  for (const id of found) for (const parent of graph.parents.get(id) ?? []) found.add(parent);
  return found;
};

const childrenOf = (graph, id) => [...graph.parents].filter(([, parents]) => parents.includes(id)).map(([child]) => child);

function walk(node, visit, above = []) {
  visit(node, above);
  for (const item of node.items) if (item) walk(item, visit, [...above, node]);
}

const called = (node) => (node.kind === "Call" ? (node.items[0].text ?? "") : "");
const SILENT = /^(?:print|debug|info|warning|error|exception|log)$/;

/** Nodes below the functions of a revision whose change changes what is executed, docstrings and hints for other databases aside. */
function effective(source, kinds) {
  const { module } = parseModule(source);
  const found = [];
  for (const definition of module.items) {
    if (definition.kind !== "FunctionDef") continue;
    walk(definition, (node, above) => {
      if (!kinds.includes(node.kind)) return;
      if (above.at(-1)?.kind === "Expr") return;
      if (above.some((one) => one.kind === "Keyword" && (one.text.startsWith("existing_") || one.text === "info"))) return;
      // DROP INDEX of Postgres names no table.
      if (above.at(-1)?.text === "table_name" && called(above.at(-2)) === "drop_index") return;
      if (above.some((one) => SILENT.test(called(one)))) return;
      // Annotations and decorators.
      if (!above.some((one) => one.kind === "Block")) return;
      found.push({ node, above, within: definition.text });
    });
  }
  return found;
}

/** Changes one node of one applied revision. */
function editing(scene, kinds, change) {
  for (const id of scene.random.shuffled([...scene.before.revisions.keys()])) {
    const revision = scene.after.revisions.get(id);
    if (!revision) continue;
    const source = scene.files[revision.file];
    for (const one of scene.random.shuffled(effective(source, kinds))) {
      const edits = change(source.slice(one.node.start, one.node.end), one, source);
      if (edits) {
        const list = typeof edits === "string" ? [{ start: one.node.start, end: one.node.end, insert: edits }] : edits;
        return withFile(scene.files, revision.file, replaced(source, list));
      }
    }
  }
  return undefined;
}

const PLAIN_STRING = /^(?:"[^"\\\n]*\w[^"\\\n]*"|'[^'\\\n]*\w[^'\\\n]*')$/;

/** Another word in a string, another number. */
function otherLiteral(random) {
  return (text, { node }) => {
    if (node.kind === "Number") return /^\d+$/.test(text) ? String(Number(text) + 1 + random.below(90)) : undefined;
    if (!PLAIN_STRING.test(text)) return undefined;
    const words = [...text.matchAll(/\w+/g)];
    const word = random.pick(words);
    const at = word.index + word[0].length;
    return `${text.slice(0, at)}x${text.slice(at)}`;
  };
}

const inColumn = ({ above }) => above.findLast((one) => one.kind === "Call" && called(one) === "Column");
const isPrimaryKey = (column) => column?.items.some((item) => item.kind === "Keyword" && item.text === "primary_key");

/** The statements of upgrade() that call op.something, each on lines of its own. */
function operations(source) {
  const { module } = parseModule(source);
  const upgrade = module.items.find((one) => one.kind === "FunctionDef" && one.text === "upgrade");
  return (upgrade?.items.at(-1)?.items ?? []).filter(
    (statement) =>
      statement.kind === "Expr" && statement.items[0].kind === "Call" && source.slice(statement.start).startsWith("op."),
  );
}

// --- faults

/** Each gives the head's files with the fault, or undefined where it has no place here. `rules`: one of them must block. */
export const FAULTS = {
  "second head": {
    rules: ["multiple-heads"],
    make(scene) {
      const { before, after, random } = scene;
      if (after.heads.length < before.heads.length) return undefined;
      const parent = applied(scene, (id) => !after.heads.includes(id) && !before.heads.includes(id));
      return parent && added(scene, random.id(), [parent.id]);
    },
  },
  "second head below a new revision": {
    rules: ["multiple-heads"],
    make({ files, before, after, random }) {
      if (after.heads.length < before.heads.length) return undefined;
      const entry = random.pick(
        [...after.revisions.values()].filter(
          ({ id, down }) => !before.revisions.has(id) && down.length === 1 && before.heads.includes(down[0]),
        ),
      );
      const below = entry && random.pick([...(before.parents.get(entry.down[0]) ?? [])]);
      return below && childrenOf(after, entry.down[0]).length === 1 ? withParents(files, entry, [below]) : undefined;
    },
  },
  "deleted revision": {
    rules: ["deleted-revision", "missing-parent", "multiple-heads"],
    make(scene) {
      const gone = applied(scene);
      const files = { ...scene.files };
      if (gone) delete files[gone.file];
      return gone && files;
    },
  },
  "deleted revision, the chain closed": {
    rules: ["deleted-revision"],
    make(scene) {
      const { before, after } = scene;
      const gone = applied(scene, (id) => before.parents.get(id).length > 0);
      if (!gone) return undefined;
      let files = { ...scene.files };
      delete files[gone.file];
      for (const child of childrenOf(after, gone.id)) {
        const parents = after.parents.get(child).flatMap((id) => (id === gone.id ? after.parents.get(gone.id) : [id]));
        files = files && withParents(files, after.revisions.get(child), [...new Set(parents)]);
      }
      return files;
    },
  },
  "re-parented revision": {
    rules: ["reparented-revision"],
    make(scene) {
      const { before, after, random, files } = scene;
      const moved = applied(scene, (id) => after.parents.get(id).length === 1 && after.revisions.get(id).dependsOn.length === 0);
      if (!moved) return undefined;
      const [parent] = after.parents.get(moved.id);
      const lower = [...ancestors(before, [parent])].filter((id) => id !== parent && after.revisions.has(id));
      const other = random.pick(lower);
      return other && withParents(files, moved, [other]);
    },
  },
  "inserted revision": {
    rules: ["inserted-revision"],
    make(scene) {
      const { after, random } = scene;
      const above = applied(scene, (id) => after.parents.get(id).length === 1);
      if (!above) return undefined;
      const id = random.id();
      const files = withParents(scene.files, above, [id]);
      return files && added({ ...scene, files }, id, after.parents.get(above.id));
    },
  },
  "duplicate id": {
    rules: ["duplicate-revision"],
    make(scene) {
      const { after, random } = scene;
      const same = applied(scene);
      return same && added(scene, same.id, [random.pick([...after.heads.filter((head) => head !== same.id), same.id])]);
    },
  },
  "copied file": {
    rules: ["duplicate-revision"],
    make(scene) {
      const same = applied(scene);
      return same && withFile(scene.files, `${scene.folder}/${scene.random.id()}_copy.py`, scene.files[same.file]);
    },
  },
  "changed id": {
    rules: ["renamed-revision-id"],
    make(scene) {
      const { files, after, random } = scene;
      const renamed = applied(scene, (id) => after.revisions.get(id).at.revision?.value !== undefined);
      if (!renamed) return undefined;
      const id = random.id();
      let changed = withFile(
        files,
        renamed.file,
        replaced(files[renamed.file], [{ ...renamed.at.revision.value, insert: `"${id}"` }]),
      );
      for (const child of childrenOf(after, renamed.id))
        changed &&= withParents(
          changed,
          after.revisions.get(child),
          after.parents.get(child).map((one) => (one === renamed.id ? id : one)),
        );
      return changed;
    },
  },
  "missing parent": {
    rules: ["missing-parent"],
    make: (scene) => added(scene, scene.random.id(), [scene.random.id()]),
  },
  cycle: {
    rules: ["revision-cycle"],
    make(scene) {
      const { after, random, files } = scene;
      const low = applied(scene, (id) => childrenOf(after, id).length > 0);
      const above = low && random.pick([...after.revisions.keys()].filter((id) => ancestors(after, [id]).has(low.id)));
      return above && withParents(files, low, [above]);
    },
  },
  "changed literal": {
    rules: ["edited-revision"],
    make: (scene) => editing(scene, ["String", "Number"], otherLiteral(scene.random)),
  },
  "changed truth": {
    rules: ["edited-revision"],
    make: (scene) =>
      editing(scene, ["Constant"], (text, one) =>
        (text === "True" || text === "False") &&
        !isPrimaryKey(inColumn(one)) &&
        !/^(?:nullable|checkfirst)$/.test(one.above.at(-1)?.text)
          ? text === "True"
            ? "False"
            : "True"
          : undefined,
      ),
  },
  "changed nullable": {
    rules: ["edited-revision"],
    make: (scene) =>
      editing(scene, ["Constant"], (text, one) => {
        const keyword = one.above.at(-1);
        if (keyword?.kind !== "Keyword" || keyword.text !== "nullable" || isPrimaryKey(inColumn(one))) return undefined;
        return text === "True" ? "False" : text === "False" ? "True" : undefined;
      }),
  },
  "column with one constraint more": {
    rules: ["edited-revision"],
    make: (scene) =>
      editing(scene, ["Call"], (text, { node }) => {
        if (called(node) !== "Column" || isPrimaryKey(node) || !text.includes("nullable=True")) return undefined;
        return text.replace("nullable=True", "nullable=False, unique=True");
      }),
  },
  "statement taken out": {
    rules: ["edited-revision"],
    make(scene) {
      const edited = applied(scene, (id) => operations(scene.files[scene.after.revisions.get(id).file]).length > 0);
      if (!edited) return undefined;
      const source = scene.files[edited.file];
      const { start, end } = scene.random.pick(operations(source));
      return withFile(scene.files, edited.file, replaced(source, [{ start, end, insert: "pass" }]));
    },
  },
  "statement put in": {
    rules: ["edited-revision"],
    make(scene) {
      const edited = applied(scene, (id) => operations(scene.files[scene.after.revisions.get(id).file]).length > 0);
      if (!edited) return undefined;
      const source = scene.files[edited.file];
      const { start } = scene.random.pick(operations(source));
      return withFile(
        scene.files,
        edited.file,
        replaced(source, [{ start, end: start, insert: 'op.drop_index("ix_that_was")\n    ' }]),
      );
    },
  },
  "statements in another order": {
    rules: ["edited-revision"],
    make(scene) {
      const pairs = (file) => {
        const all = operations(scene.files[file]);
        return all.slice(1).map((second, index) => [all[index], second]);
      };
      const edited = applied(scene, (id) => pairs(scene.after.revisions.get(id).file).length > 0);
      if (!edited) return undefined;
      const source = scene.files[edited.file];
      const [first, second] = scene.random
        .pick(pairs(edited.file))
        .map(({ start, end }) => ({ start, end, text: source.slice(start, end) }));
      if (first.text === second.text) return undefined;
      return withFile(
        scene.files,
        edited.file,
        replaced(source, [
          { ...first, insert: second.text },
          { ...second, insert: first.text },
        ]),
      );
    },
  },
};

// --- harmless changes

/** Changes the source of one applied revision. */
function rewriting(scene, change) {
  for (const id of scene.random.shuffled([...scene.before.revisions.keys()])) {
    const revision = scene.after.revisions.get(id);
    const source = revision && scene.files[revision.file];
    const other = source === undefined ? undefined : change(source, revision);
    if (other !== undefined && other !== source) return withFile(scene.files, revision.file, other);
  }
  return undefined;
}

/** Where a line may be put in: before a statement that begins its line, with its indentation. */
function lineStarts(source) {
  const starts = [];
  walk(parseModule(source).module, (node, above) => {
    if (!["Module", "Block"].includes(above.at(-1)?.kind)) return;
    const begin = source.lastIndexOf("\n", node.start - 1) + 1;
    const indentation = source.slice(begin, node.start);
    if (/^[ \t]*$/.test(indentation))
      starts.push({ at: begin, indentation, nested: above.length > 1, first: above.at(-1).items[0] === node });
  });
  return starts;
}

const newline = (source) => (source.includes("\r\n") ? "\r\n" : "\n");

const plainStrings = (source) =>
  tokenize(source).tokens.filter(
    ({ kind, text }) => kind === "string" && /^(["'])[^"'\\\n{}]*\1$/.test(text) && !text.startsWith('""'),
  );

const headers = (source) =>
  parseModule(source).module.items.filter(
    (one) =>
      ["Assign", "AnnAssign"].includes(one.kind) &&
      ["branch_labels", "depends_on", "revision", "down_revision"].includes(one.items[0].text),
  );

/** Lays files out, has a command change them, and reads them again. */
function through(files, folder, command) {
  const place = mkdtempSync(path.join(tmpdir(), "mutant-"));
  try {
    const names = Object.keys(files).filter((file) => file.startsWith(`${folder}/`) && file.endsWith(".py"));
    for (const name of names) {
      mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
      writeFileSync(path.join(place, name), files[name]);
    }
    command(place);
    return { ...files, ...Object.fromEntries(names.map((name) => [name, readFileSync(path.join(place, name), "utf8")])) };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const quietly = { stdio: ["ignore", "ignore", "ignore"] };

/** Each gives the head's files with the change. `sql`: only the rendered SQL proves that it is harmless. */
export const HARMLESS = {
  "nothing at all": { make: ({ files }) => files },
  "new revision on the head": {
    make: (scene) => added(scene, scene.random.id(), [scene.random.pick(scene.after.heads)]),
  },
  "two new revisions": {
    make(scene) {
      const [first, second] = [scene.random.id(), scene.random.id()];
      const files = added(scene, first, [scene.random.pick(scene.after.heads)]);
      return added({ ...scene, files }, second, [first]);
    },
  },
  "merge of all heads": {
    make: (scene) => (scene.after.heads.length > 1 ? added(scene, scene.random.id(), [...scene.after.heads]) : undefined),
  },
  "new branch with a label": {
    make(scene) {
      const id = scene.random.id();
      const source = newRevision(id, []).replace("branch_labels = None", `branch_labels = ("b${id}",)`);
      return withFile(scene.files, `${scene.folder}/${id}_branch.py`, source);
    },
  },
  "two heads of the base branch put in line": {
    make({ files, before, after, random }) {
      // New revisions on top of one of them would come to stand below applied ones.
      if (after.heads.length !== 2 || !after.heads.every((head) => before.heads.includes(head))) return undefined;
      const [upper, lower] = random.shuffled(after.heads);
      const below = ancestors(after, [lower]);
      const entry = [...ancestors(after, [upper])].find(
        (id) => !below.has(id) && after.parents.get(id).some((parent) => below.has(parent)),
      );
      const revision = entry && after.revisions.get(entry);
      return revision && revision.dependsOn.length === 0 && after.parents.get(entry).length === 1
        ? withParents(files, revision, [lower])
        : undefined;
    },
  },
  "renamed file": {
    make(scene) {
      const moved = applied(scene);
      if (!moved) return undefined;
      const files = { ...scene.files, [`${scene.folder}/2026_${scene.random.id()}.py`]: scene.files[moved.file] };
      delete files[moved.file];
      return files;
    },
  },
  "other files": { make: ({ files }) => ({ ...files, "README.md": "# Another text\n", "docs/notes.md": "none\n" }) },
  comment: {
    make: (scene) =>
      rewriting(scene, (source) => {
        const { at, indentation } = scene.random.pick(lineStarts(source)) ?? {};
        return at === undefined
          ? undefined
          : `${source.slice(0, at)}${indentation}# see the wiki: drop_table("x")${newline(source)}${source.slice(at)}`;
      }),
  },
  "blank lines": {
    make: (scene) =>
      rewriting(scene, (source) => {
        const { at } = scene.random.pick(lineStarts(source)) ?? {};
        return at === undefined
          ? undefined
          : source.slice(0, at) + newline(source).repeat(1 + scene.random.below(3)) + source.slice(at);
      }),
  },
  docstring: {
    make: (scene) =>
      rewriting(scene, (source) => {
        const [first] = parseModule(source).module.items;
        return first?.kind === "Expr" && first.items[0].kind === "String"
          ? `"""Another text\n\nRevises: nobody\n"""${source.slice(first.end)}`
          : `"""Another text"""\n${source}`;
      }),
  },
  "other quotes": {
    make: (scene) =>
      rewriting(scene, (source) =>
        replaced(
          source,
          plainStrings(source).map(({ start, end, text }) => {
            const quote = text[0] === '"' ? "'" : '"';
            return { start, end, insert: quote + text.slice(1, -1) + quote };
          }),
        ),
      ),
  },
  "redundant parentheses": {
    make: (scene) =>
      editing(scene, ["Number", "Call"], (text, { above }) =>
        ["Call", "Keyword"].includes(above.at(-1)?.kind) && above.at(-1).items[0] !== undefined ? `(${text})` : undefined,
      ),
  },
  "arguments on lines of their own": {
    make: (scene) =>
      editing(scene, ["Call"], (_, { node }) =>
        node.items.length > 1
          ? node.items.slice(1).map(({ start }) => ({ start, end: start, insert: "\n            " }))
          : undefined,
      ),
  },
  "trailing comma": {
    make: (scene) =>
      editing(scene, ["Call"], (text, { node }) =>
        node.items.length > 1 && /[\w"')\]]\)$/.test(text) && !["GeneratorExp", "Starred"].includes(node.items.at(-1).kind)
          ? `${text.slice(0, -1)},)`
          : undefined,
      ),
  },
  "header in another order": {
    make: (scene) =>
      rewriting(scene, (source) => {
        const all = headers(source);
        if (all.length < 2) return undefined;
        const [first, second] = [all.at(-2), all.at(-1)];
        const text = ({ start, end }) => source.slice(start, end);
        return replaced(source, [
          { start: first.start, end: first.end, insert: text(second) },
          { start: second.start, end: second.end, insert: text(first) },
        ]);
      }),
  },
  "annotated header": {
    make: (scene) =>
      rewriting(scene, (source) => {
        const one = scene.random.pick(headers(source).filter(({ kind, items }) => kind === "Assign" && items.length === 2));
        return one && replaced(source, [{ start: one.items[0].end, end: one.items[0].end, insert: ": str | None" }]);
      }),
  },
  "annotated functions": {
    make: (scene) => rewriting(scene, (source) => source.replaceAll(/^def (upgrade|downgrade)\(\):/gm, "def $1() -> None:")),
  },
  noqa: {
    make: (scene) =>
      rewriting(scene, (source) =>
        source.replaceAll(/^(revision.*?|import .*?|from .*? import \w+)(\r?)$/gm, "$1  # noqa: E501$2"),
      ),
  },
  "unused import": {
    make: (scene) =>
      rewriting(scene, (source) => source.replace(/^from alembic import op/m, "import uuid\nfrom alembic import op")),
  },
  "imports in another order": {
    make: (scene) =>
      rewriting(scene, (source) => source.replace(/^(from alembic import op)(\r?\n)(import sqlalchemy as sa)/m, "$3$2$1")),
  },
  "line ends": {
    make: (scene) =>
      rewriting(scene, (source) => (source.includes("\r\n") ? source.replaceAll("\r\n", "\n") : source.replaceAll("\n", "\r\n"))),
  },
  "byte order mark": { make: (scene) => rewriting(scene, (source) => `\uFEFF${source}`) },
  "printed text": {
    make: (scene) =>
      rewriting(scene, (source) => {
        const { at, indentation } = scene.random.pick(lineStarts(source).filter(({ nested, first }) => nested && !first)) ?? {};
        return at === undefined
          ? undefined
          : `${source.slice(0, at)}${indentation}print("going on")${newline(source)}${source.slice(at)}`;
      }),
  },
  "ruff format": {
    make({ files, folder, random }) {
      const length = random.pick(["60", "88", "120"]);
      const quotes = random.pick(["single", "double"]);
      return through(files, folder, (place) =>
        execFileSync(
          ruff,
          ["format", "--isolated", "--line-length", length, "--config", `format.quote-style="${quotes}"`, place],
          quietly,
        ),
      );
    },
  },
  "ruff check --fix": {
    make: ({ files, folder }) =>
      through(files, folder, (place) =>
        execFileSync(ruff, ["check", "--isolated", "--fix", "--exit-zero", "--select", "I,UP,W,F401,Q,COM812", place], quietly),
      ),
  },
  "other hints for other databases": {
    sql: true,
    make: (scene) =>
      rewriting(scene, (source) =>
        /existing_type=sa\.String\(length=\d+\)/.test(source)
          ? source.replace(/existing_type=sa\.String\(length=\d+\)/, "existing_type=sa.String(length=77)")
          : undefined,
      ),
  },
  "argument by position": {
    sql: true,
    make: (scene) => rewriting(scene, (source) => source.replace(/sa\.String\(length=(\d+)\)/, "sa.String($1)")),
  },
  "keywords in lower case": {
    sql: true,
    make: (scene) =>
      editing(scene, ["String"], (text) =>
        /^"(UPDATE|DELETE|DROP|INSERT|CREATE) /.test(text) ? text.replace(/[A-Z]+/, (word) => word.toLowerCase()) : undefined,
      ),
  },
  "string as a constant": {
    sql: true,
    make: (scene) =>
      editing(scene, ["String"], (text, { node, within }, source) => {
        const at = source.search(/^def upgrade\(/m);
        if (!PLAIN_STRING.test(text) || !["upgrade", "downgrade"].includes(within) || at === -1) return undefined;
        return [
          { start: at, end: at, insert: `_WHAT = ${text}${newline(source).repeat(3)}` },
          { start: node.start, end: node.end, insert: "_WHAT" },
        ];
      }),
  },
  "text() around SQL": {
    sql: true,
    make: (scene) =>
      editing(scene, ["String"], (text, { above }) =>
        above.at(-1)?.kind === "Call" && called(above.at(-1)) === "execute" && PLAIN_STRING.test(text) && !/[:%\\]/.test(text)
          ? `sa.text(${text})`
          : undefined,
      ),
  },
};
