/** Where in the tree under test something happened. */
import { realpathSync } from "node:fs";
import path from "node:path";
import type { Raised } from "./protocol.ts";

export interface Place {
  file?: string;
  line?: number;
}

/** With `/`, and relative to the root where the file is in it; else as it is. */
export function relativeTo(root: string, file: string): string {
  for (const folder of new Set([path.resolve(root), realpathSync(root)])) {
    const relative = path.relative(folder, file);
    if (relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
      return relative.split(path.sep).join("/");
  }
  return file;
}

/** The place alone, relative to the root. */
export function relativePlace(root: string, { file, line }: Place): Place {
  return file === undefined ? {} : { file: relativeTo(root, file), line };
}

/** The innermost line of `file` in a traceback, else the innermost of the project; files are relative to the root. */
export function placeOf(raised: Raised, root: string, file?: string): Required<Place> | undefined {
  const places = raised.frames.map((frame) => ({ file: relativeTo(root, frame.file), line: frame.line }));
  return places.findLast((place) => place.file === file) ?? places.at(-1);
}
