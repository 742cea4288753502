/** All rules, in the order in which the documentation lists them. Adding one: a file here, a fixture, a page in docs/rules/. */
import multipleHeads from "./multiple-heads.ts";
import missingParent from "./missing-parent.ts";
import duplicateRevision from "./duplicate-revision.ts";
import revisionCycle from "./revision-cycle.ts";
import unreadableRevision from "./unreadable-revision.ts";
import revisionIdTooLong from "./revision-id-too-long.ts";
import newBase from "./new-base.ts";
import collidingPullRequest from "./colliding-pull-request.ts";
import editedRevision from "./edited-revision.ts";
import reparentedRevision from "./reparented-revision.ts";
import renamedRevisionId from "./renamed-revision-id.ts";
import deletedRevision from "./deleted-revision.ts";
import insertedRevision from "./inserted-revision.ts";
import environmentFailed from "./environment-failed.ts";
import missingExtension from "./missing-extension.ts";
import missingRole from "./missing-role.ts";
import missingBaseline from "./missing-baseline.ts";
import unsupportedDatabase from "./unsupported-database.ts";
import foreignConnection from "./foreign-connection.ts";
import upgradeFailed from "./upgrade-failed.ts";
import downgradeFailed from "./downgrade-failed.ts";
import secondUpgradeFailed from "./second-upgrade-failed.ts";
import timedOut from "./timed-out.ts";
import missingDowngrade from "./missing-downgrade.ts";
import irreversibleDowngrade from "./irreversible-downgrade.ts";
import leftoverAfterDowngrade from "./leftover-after-downgrade.ts";
import schemaNotRestored from "./schema-not-restored.ts";
import secondUpgradeDiffers from "./second-upgrade-differs.ts";
import hiddenFailure from "./hidden-failure.ts";
import failsOnRows from "./fails-on-rows.ts";
import losesData from "./loses-data.ts";
import dropsData from "./drops-data.ts";
import modelDrift from "./model-drift.ts";
import type { Rule } from "./rule.ts";

export const RULES: readonly Rule[] = [
  multipleHeads,
  missingParent,
  duplicateRevision,
  revisionCycle,
  unreadableRevision,
  revisionIdTooLong,
  newBase,
  collidingPullRequest,
  editedRevision,
  reparentedRevision,
  renamedRevisionId,
  deletedRevision,
  insertedRevision,
  environmentFailed,
  missingExtension,
  missingRole,
  missingBaseline,
  unsupportedDatabase,
  foreignConnection,
  upgradeFailed,
  downgradeFailed,
  secondUpgradeFailed,
  timedOut,
  missingDowngrade,
  irreversibleDowngrade,
  leftoverAfterDowngrade,
  schemaNotRestored,
  secondUpgradeDiffers,
  hiddenFailure,
  failsOnRows,
  losesData,
  dropsData,
  modelDrift,
];
