/** Which other files a revision's effect depends on. */
import { parseModule, type Node } from "../project/python-syntax.ts";
import type { Revision } from "../project/revision.ts";

/**
 * Those of the files that a revision imports, or whose names stand in it.
 *
 * @param files relative to the root, Python modules and others
 */
export function helpersOf(revision: Revision, files: readonly string[]): string[] {
  const possible = files.filter((file) => revision.source.includes(stemOf(file)));
  if (possible.length === 0) return [];
  const modules = new Set<string>();
  const strings: string[] = [];
  const visit = (node: Node): void => {
    if (node.kind === "Import") for (const alias of node.items) modules.add(alias!.text);
    if (node.kind === "ImportFrom")
      for (const alias of node.items) modules.add(`${node.text.replace(/^\.+/, "")}.${alias!.text}`.replace(/^\./, ""));
    if (node.kind === "String") strings.push(node.text);
    for (const item of node.items) if (item) visit(item);
  };
  visit(parseModule(revision.source).module);
  return possible.filter((file) =>
    file.endsWith(".py")
      ? [...modules].some((module) => mayBe(module, file))
      : strings.some((string) => string.endsWith(nameOf(file))),
  );
}

const nameOf = (file: string) => file.slice(file.lastIndexOf("/") + 1);

/** What of a file's name stands in code that uses it: a module's name, else the whole name. */
const stemOf = (file: string) => (file.endsWith(".py") ? (dotted(file).at(-1) ?? "") : nameOf(file));

const dotted = (file: string) => file.replace(/(?:\/__init__)?\.py$/, "").split("/");

/** Whether an imported name, or a package above it, may be this file, wherever the import path begins. */
function mayBe(module: string, file: string): boolean {
  const parts = module.split(".");
  const path = dotted(file);
  return parts.some((_, index) => {
    const prefix = parts.slice(0, index + 1);
    return prefix.length <= path.length && prefix.every((part, at) => part === path[path.length - prefix.length + at]);
  });
}
