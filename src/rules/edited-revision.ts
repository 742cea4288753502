import type { Draft } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import type { Landing } from "../history/past.ts";
import type { Edit, Edits, Effect, Executed } from "../run/effect.ts";
import type { Evidence, Step } from "../run/evidence.ts";
import { folded } from "../run/sql.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { allow, landingText, placeOf, quoted, relatedTo, unreleased } from "./lineage.ts";
import { phasesOf, stopsGoingDown } from "./observed.ts";
import { rule, type Facts } from "./rule.ts";
import { unrestored } from "./unrestored.ts";

export default rule({
  id: "edited-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has was changed in what it does",
  needs: ["history"],
  wants: ["edits", "run", "settings"],
  judge({ history, edits, run, settings }) {
    const facts = { history, run, settings };
    return [
      ...[...history.changes.values()].filter(({ body }) => body === "edited").map((change) => ofBody(change, edits, facts)),
      ...[...history.changes.values()]
        .filter(({ labelsChanged, after }) => labelsChanged && after)
        .map((change) => ofLabels(change, history)),
      ...throughHelpers(facts, edits),
    ];
  },
});

interface Known {
  history: History;
  run?: Evidence;
  settings?: Facts["settings"];
}

function ofBody(change: Change, edits: Edits | undefined, facts: Known): Draft {
  const { history, run } = facts;
  const edit = edits?.get(change.id);
  const draft = edit ? byEffect(change, edit, facts) : byCode(change, facts, text`nothing was run`);
  const downgradeOnly = edit
    ? edit.upgrade.kind === "same" || change.edited!.functions.every((name) => name === "downgrade")
    : change.edited!.functions.every((name) => name === "downgrade");
  if (downgradeOnly && edit?.downgrade.kind !== "same" && mends(change.id, run)) return mended(change, draft);
  if (draft.severity === "notice") return draft;
  if (history.unreleased.has(change.id)) {
    const { message: _message, help: _help, ...rest } = draft;
    return unreleased(rest, [change.id], text`${code(change.id)} does something else now than on the base branch`);
  }
  if (change.restores) return reverted(change, change.restores, draft, facts);
  const neverPassed = run?.onBase && [run, run.onBase].every((one) => stopsAt(change.id, one));
  return downgradeOnly && neverPassed ? stillFails(change, draft) : draft;
}

/** Edited to what the base branch had before: which databases are right depends on when they ran it. */
function reverted(change: Change, restores: Landing, draft: Draft, { settings }: Known): Draft {
  return {
    ...draft,
    message: text`${code(change.id)} is applied already, and does again what it did on the base branch before ${landingText(restores)}: databases that ran it before that commit are right again, those that ran it since are not.`,
    help: text`If nothing was released between that commit and now, this is how to take an edit back: allow it. Otherwise a new revision has to bring both kinds of databases to the same state. ${allow("edited-revision", settings)}`,
  };
}

const stopsAt = (id: string, run: Evidence): boolean => stopsGoingDown(run).some(({ revision }) => revision === id);

/** Whether the base branch's downgrade() fails or leaves something, and the pull request's does neither. */
function mends(id: string, run: Evidence | undefined): boolean {
  if (!run?.onBase) return false;
  const isFaulty = (one: Evidence) => stopsAt(id, one) || unrestored(one).some(({ revision }) => revision === id);
  const passes = phasesOf(run, "history-downgrade", "history-each").some(({ steps }) =>
    steps.some(({ revision, ended, direction }) => revision === id && ended && direction === "downgrade"),
  );
  return passes && isFaulty(run.onBase) && !isFaulty(run);
}

/** Neither version goes back, so no way back is lost. */
function stillFails({ id }: Change, draft: Draft): Draft {
  return {
    ...draft,
    severity: "warning",
    message: text`${code(id)} is applied already, and its ${code("downgrade()")} does something else now: on the base branch it fails, and it still does; ${code("upgrade()")} does what it did.`,
    help: text`No database changes by it, and going back was not possible before. Mend ${code("downgrade()")} altogether while you are at it.`,
  };
}

function mended({ id }: Change, draft: Draft): Draft {
  return {
    ...draft,
    severity: "notice",
    message: text`${code(id)} is applied already, and its ${code("downgrade()")} is mended: on the base branch it fails or leaves something behind, now it does neither; ${code("upgrade()")} does what it did.`,
    help: text`Nothing needs to be done: databases that have ${code(id)} stay as they are, and go back properly from now on.`,
  };
}

/** Databases hold no labels: what changes is how commands name the branch. */
function ofLabels({ id, before, after }: Change, history: History): Draft {
  const gone = before.labels.filter((label) => !after!.labels.includes(label));
  const fresh = after!.labels.filter((label) => !before.labels.includes(label));
  const object = { kind: "header", name: "branch_labels" };
  const place = { ...placeOf(after!, "labels"), revision: id, object };
  const related = [relatedTo(before, "labels", text`what the base branch has`, history.base.commit)];
  if (gone.length === 0) {
    return {
      ...place,
      severity: "notice",
      message: text`${code(id)}, which is applied already, has the new ${gone.length + fresh.length === 1 ? "label" : "labels"} ${listOf(fresh)}; databases hold no labels, so none of them changes.`,
      help: text`Nothing needs to be done.`,
      related,
    };
  }
  return {
    ...place,
    severity: "warning",
    message: text`${code(id)}, which is applied already, has lost the ${gone.length === 1 ? "label" : "labels"} ${listOf(gone)}: no database changes, but every command and every ${code("depends_on")} outside of this repository that says ${code(`${gone[0]}@head`)} stops.`,
    help: text`Look for the label in scripts and deployments, or keep it.`,
    related,
  };
}

/** Where the change stands, and what databases have run. */
function places({ id, before, after, edited }: Change, history: History): Pick<Draft, "file" | "line" | "revision" | "related"> {
  return {
    file: after!.file,
    line: edited!.line,
    revision: id,
    related: [
      {
        file: before.file,
        line: before.upgrade?.line ?? before.at.revision?.line ?? 1,
        commit: history.base.commit,
        message: text`what databases have run`,
      },
    ],
  };
}

const MENDS =
  "A run on the base branch's files would prove that the old one fails or leaves something behind, and this one does not: that is no fault. ";

const takeBack = ({ before }: Change, history: History): Text =>
  text`Take the change back and write it as a new revision:${block(`git checkout ${history.base.commit.slice(0, 12)} -- ${quoted(before.file)}`, "sh")}`;

/** What the code alone tells. */
function byCode(change: Change, { history, settings }: Known, reason: Text): Draft {
  const { functions, importsOnly, settingsOnly } = change.edited!;
  const { problem } = change.before;
  if (settingsOnly) {
    return {
      ...places(change, history),
      severity: "notice",
      message: text`${code(change.id)} is applied already, and waits for locks or statements for another time now; all else that it does is the same.`,
      help: text`Nothing needs to be done.`,
    };
  }
  if (problem && problem.reason !== "computed") {
    return {
      ...places(change, history),
      severity: "warning",
      message: text`${code(change.id)} changed, and nobody can tell what it did before: on the base branch Alembic cannot load it (line ${problem.line}: ${problem.detail}).`,
      help: text`If a database ran it with an older Python, make sure that it does the same now. ${allow("edited-revision", settings)}`,
    };
  }
  if (importsOnly) {
    return {
      ...places(change, history),
      severity: "warning",
      message: text`${code(change.id)} is applied already, and imports what it uses from elsewhere now: nobody can tell from the code whether it still does the same.`,
      help: text`Make sure that the imported code is the same, or copy what the revision needs into its file. ${allow("edited-revision", settings)}`,
    };
  }
  return {
    ...places(change, history),
    message: text`${code(change.id)} is applied already, and ${whatChanged(functions)} changed: ${consequence(functions)}.`,
    help: text`${takeBack(change, history)}${functions.every((name) => name === "downgrade") ? MENDS : ""}The code was compared, not what it does to a database: ${reason}. ${allow("edited-revision", settings)}`,
  };
}

/** What the statements of both versions tell. */
function byEffect(change: Change, edit: Edit, facts: Known): Draft {
  const { history, run, settings } = facts;
  const { id } = change;
  // Where no other code changed, upgrade() need not be asked.
  const onlyDowngrade = change.edited!.functions.every((name) => name === "downgrade");
  const verdict = judged(
    id,
    onlyDowngrade && edit.upgrade.kind === "unknown" ? { ...edit, upgrade: { kind: "same" } } : edit,
    run,
  );
  const place = places(change, history);
  switch (verdict.kind) {
    case "upgrade":
      return {
        ...place,
        message: text`${code(id)} is applied already, and its ${code("upgrade()")} executes other SQL now: databases that have it keep what it did before and lack the rest, new ones get something else.`,
        help: text`${takeBack(change, history)}${allow("edited-revision", settings)}`,
        evidence: verdict.evidence,
      };
    case "downgrade":
      return {
        ...place,
        message: text`${code(id)} is applied already, and its ${code("downgrade()")} executes other SQL now: databases that have it stay as they are, but going back does something else than it did when the revision was released.`,
        help: text`${takeBack(change, history)}${MENDS}${allow("edited-revision", settings)}`,
        evidence: verdict.evidence,
      };
    case "same-schema":
      return {
        ...place,
        severity: "notice",
        message: text`${code(id)} is applied already, and its ${code(`${verdict.direction}()`)} executes other SQL now; the schema that comes out is the same.`,
        help: text`Nothing needs to be done. A new revision is the place for changes that are meant to change something.`,
        evidence: verdict.evidence,
      };
    case "unknown":
      if (!verdict.rendered && !verdict.evidence) return byCode(change, facts, verdict.reason);
      return {
        ...place,
        severity: "warning",
        message: text`${code(id)} is applied already, and ${whatChanged(change.edited!.functions)} changed: nobody can tell whether ${code(`${verdict.direction}()`)} still does the same, since ${verdict.reason}.`,
        help: text`Compare both versions by hand. If they differ in what they do: ${takeBack(change, history)}${allow("edited-revision", settings)}`,
        ...(verdict.evidence && { evidence: verdict.evidence }),
      };
    case "settings":
      return {
        ...place,
        severity: "notice",
        message: text`${code(id)} is applied already, and runs with other session settings now; all else that it executes is the same.`,
        help: text`Nothing needs to be done.`,
        evidence: verdict.evidence,
      };
    case "same":
      return {
        ...place,
        severity: "notice",
        message: text`The code of ${code(id)}, which is applied already, changed; ${verdict.executed ? text`executed on ${rowsText(verdict.executed)} it does the same` : text`it executes the same SQL`}.`,
        help: text`Nothing needs to be done.`,
        ...(verdict.executed?.mends && {
          evidence: text`On rows with NULLs and equal values the old version stops (${verdict.executed.mends}), and this one does not.`,
        }),
      };
  }
}

type Judgement =
  | { kind: "upgrade" | "downgrade" | "settings"; evidence: Text }
  | { kind: "same-schema"; direction: "upgrade" | "downgrade"; evidence: Text }
  | { kind: "unknown"; direction: "upgrade" | "downgrade"; reason: Text; rendered: boolean; evidence?: Text }
  | { kind: "same"; executed?: Executed };

/** What weighs most of what both functions show. */
function judged(id: string, { upgrade, downgrade }: Edit, run: Evidence | undefined): Judgement {
  const sameUp = isDdl(upgrade) && (upgrade.executed?.sameCatalog === true || (run !== undefined && endsInTheSameSchema(run)));
  const sameDown = isDdl(downgrade) && downgrade.executed?.sameCatalog === true;
  if (upgrade.kind === "different" && !sameUp) return { kind: "upgrade", evidence: difference(upgrade, downgrade) };
  if (downgrade.kind === "different" && !sameDown) return { kind: "downgrade", evidence: difference(downgrade) };
  for (const [direction, effect] of [
    ["upgrade", upgrade],
    ["downgrade", downgrade],
  ] as const) {
    if (effect.kind !== "unknown") continue;
    const { executed } = effect;
    const alike = executed
      ? text`On ${rowsText(executed)} both versions executed the same statements and left the same.`
      : run !== undefined && ranAlike(id, direction, run)
        ? text`On an empty database both versions executed the same statements, which says nothing about one with rows.`
        : undefined;
    return {
      kind: "unknown",
      direction,
      reason: effect.reason,
      rendered: effect.rendered,
      ...(alike && { evidence: alike }),
    };
  }
  if (upgrade.kind === "different")
    return { kind: "same-schema", direction: "upgrade", evidence: difference(upgrade, downgrade) };
  if (downgrade.kind === "different") return { kind: "same-schema", direction: "downgrade", evidence: difference(downgrade) };
  if (upgrade.kind === "settings-only") return { kind: "settings", evidence: difference(upgrade) };
  if (downgrade.kind === "settings-only") return { kind: "settings", evidence: difference(downgrade) };
  const executed = [upgrade, downgrade].flatMap((effect) => (effect.kind === "same" ? (effect.executed ?? []) : []))[0];
  return { kind: "same", ...(executed && { executed }) };
}

const isDdl = (effect: Effect): effect is Effect & { kind: "different" } => effect.kind === "different" && !effect.data;

/** Whose rows they were, and in which tables. */
function rowsText({ rows, tables = [] }: Executed): Text {
  const whose = rows === "seed" ? "the project's own rows" : "made-up rows";
  return tables.length === 0 ? text`a database without rows in its tables` : text`${whose} of ${listOf(tables, 4)}`;
}

type Shown = Effect & { kind: "different" | "settings-only" };

const LONGEST = 30;

function difference(effect: Shown, downgrade?: Effect): Text {
  const also = downgrade?.kind === "different" ? text` ${code("downgrade()")} executes other SQL too.` : text``;
  const executed = effect.kind === "different" ? effect.executed : undefined;
  const where = executed && !executed.rendered ? text` on ${rowsText(executed)}` : text``;
  const left =
    executed?.sameRows && effect.kind === "different" && effect.data
      ? text` Both left the same there; other rows may come out otherwise.`
      : text``;
  return text`It executed what stands after -, and executes what stands after + now${where}:${block(diff(effect), "diff")}${left}${also}`;
}

/** Lines of both sides; those that are the same at the beginning and at the end are left out, but for one. */
function diff({ before, after }: Shown): string {
  const [old, now] = [before, after].map((statements) => statements.flatMap((statement) => statement.split("\n")));
  const same = (a: string | undefined, b: string | undefined) => a !== undefined && a === b;
  let head = 0;
  while (same(old![head], now![head])) head += 1;
  let tail = 0;
  while (tail < Math.min(old!.length, now!.length) - head && same(old!.at(-1 - tail), now!.at(-1 - tail))) tail += 1;
  const part = (lines: readonly string[], sign: string) => {
    const shown = lines.slice(head, lines.length - tail).map((line) => `${sign} ${line}`);
    return shown.length > LONGEST ? [...shown.slice(0, LONGEST), `${sign} … (${shown.length - LONGEST} more lines)`] : shown;
  };
  const around = (index: number) => (old![index] === undefined ? [] : [`  ${old![index]}`]);
  return [
    ...(head > 0 ? around(0) : []),
    ...part(old!, "-"),
    ...part(now!, "+"),
    ...(tail > 0 ? around(old!.length - 1) : []),
  ].join("\n");
}

/** Whether the base branch's files and the pull request's, each from an empty database, lead to the same catalog. */
function endsInTheSameSchema({ baseFiles, sameFromEmpty, phases }: Evidence): boolean {
  const again = phases.find(({ id }) => id === "history-upgrade");
  const same = sameFromEmpty === true || (again?.state === "ok" && again.compared?.differences.length === 0);
  return baseFiles === true && same;
}

/** Whether both versions, when they ran, executed the same statements. */
function ranAlike(id: string, direction: Step["direction"], { baseFiles, phases }: Evidence): boolean {
  if (!baseFiles || direction === "downgrade") return false;
  const [before, after] = (["base", "history-upgrade"] as const).map((phase) =>
    phases.find((one) => one.id === phase)?.steps.find(({ revision, ended }) => revision === id && ended),
  );
  const executed = ({ statements }: Step) => JSON.stringify(statements.map(({ sql, parameters }) => [folded(sql), parameters]));
  return before !== undefined && after !== undefined && executed(before) === executed(after);
}

const isEntry = (name: string) => name === "upgrade" || name === "downgrade";

function whatChanged(functions: readonly string[]): Text {
  const entries = functions.filter(isEntry);
  const others = functions.filter((name) => name !== "" && !isEntry(name));
  const names = (entries.length > 0 ? entries : others).map((name) => `${name}()`);
  return names.length > 0 ? listOf(names) : text`the code that runs when it is loaded`;
}

function consequence(functions: readonly string[]): string {
  return functions.every((name) => name === "downgrade")
    ? "databases that have it stay as they are, but going back does something else than it did when the revision was released"
    : "databases that have it keep what it did before, new ones get something else";
}

/** Revisions whose own code is the same, but not that of a file which they import or open: one finding for each file and outcome. */
function throughHelpers({ history, run, settings }: Known, edits: Edits | undefined): Draft[] {
  const users = new Map<string, string[]>();
  for (const { id, helpers } of history.changes.values())
    for (const file of helpers ?? []) users.set(file, [...(users.get(file) ?? []), id]);
  return [...users].flatMap(([file, ids]) => {
    const told = ids.filter((id) => !history.unreleased.has(id));
    const verdicts = told.map((id) => ({ id, verdict: edits?.has(id) ? judged(id, edits.get(id)!, run) : undefined }));
    const of = (...kinds: Judgement["kind"][]) => verdicts.filter(({ verdict }) => verdict && kinds.includes(verdict.kind));
    const different = of("upgrade", "downgrade").map(({ id, verdict }) =>
      differently(file, id, verdict as Judgement & { evidence: Text }, history, settings),
    );
    const unclear = verdicts.filter(({ verdict }) => !verdict || verdict.kind === "unknown");
    const quiet = of("same", "settings", "same-schema").map(({ id }) => id);
    const reason = unclear.map(({ verdict }) => verdict).find((verdict) => verdict?.kind === "unknown")?.reason;
    return [
      ...different,
      ...(unclear.length > 0
        ? [
            unclearly(
              file,
              unclear.map(({ id }) => id),
              reason,
              history,
              settings,
            ),
          ]
        : []),
      ...(quiet.length > 0 && different.length + unclear.length === 0 ? [alike(file, quiet, history)] : []),
    ];
  });
}

function at(id: string, history: History): Pick<Draft, "file" | "line"> {
  const { after } = history.changes.get(id)!;
  return { file: after!.file, line: after!.upgrade?.line ?? after!.at.revision?.line ?? 1 };
}

const helper = (file: string): Pick<Draft, "object" | "related"> => ({
  object: { kind: "file", name: file },
  related: [{ file, message: text`the file that changed` }],
});

function differently(
  file: string,
  id: string,
  { kind, evidence }: { kind: string; evidence: Text },
  history: History,
  settings: Known["settings"],
): Draft {
  return {
    ...at(id, history),
    ...helper(file),
    revision: id,
    message: text`${code(file)} changed, and with it what ${code(`${kind}()`)} of ${code(id)}, which is applied already, executes: databases that have it keep what it did before, new ones get something else.`,
    help: text`Leave the file as it is for the revisions that use it, and give new revisions a new one. ${allow("edited-revision", settings)}`,
    evidence,
  };
}

function unclearly(
  file: string,
  ids: readonly string[],
  reason: Text | undefined,
  history: History,
  settings: Known["settings"],
): Draft {
  const one = ids.length === 1;
  const why = reason ? text`, since ${reason}` : text` from the code`;
  return {
    ...at(ids[0]!, history),
    ...helper(file),
    severity: "warning",
    ...(one && { revision: ids[0]! }),
    message: text`${code(file)} changed, and ${listOf(ids)} ${one ? "uses it and is" : "use it and are"} applied already: nobody can tell${reason ? "" : why} whether ${one ? "it still does" : "they still do"} the same${reason ? why : ""}.`,
    help: text`Leave the file as it is for the revisions that use it, and give new revisions a new one. ${allow("edited-revision", settings)}`,
  };
}

function alike(file: string, ids: readonly string[], history: History): Draft {
  const one = ids.length === 1;
  return {
    ...at(ids[0]!, history),
    ...helper(file),
    severity: "notice",
    ...(one && { revision: ids[0]! }),
    message: text`${code(file)} changed; ${listOf(ids)}, which ${one ? "uses it and is applied already, executes" : "use it and are applied already, execute"} the same SQL.`,
    help: text`Nothing needs to be done.`,
  };
}
