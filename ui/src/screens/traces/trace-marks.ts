import { recogniseId } from "../../lib/ids";
import type { Patch } from "../../lib/url-state";

/** Names of the two traces that are compared, in the order in which they are marked. */
export const MARKS = ["A", "B"] as const;

/** The traces marked for a comparison: `pick=<a>,<b>` or only `<a>`; a sentence when it is none of that. */
export function readMarks(search: string): { marks: readonly string[]; problem: string | null } {
  const text = new URLSearchParams(search).get("pick");
  if (text === null) return { marks: [], problem: null };
  const ids = text.split(",").map(recogniseId);
  const marks = ids.flatMap((one) => (one?.kind === "trace" ? [one.id] : []));
  const good = marks.length === ids.length && marks.length <= MARKS.length && new Set(marks).size === marks.length;
  return good ? { marks, problem: null } : { marks: [], problem: `pick=${text} in the address is not one trace id or two; no trace is marked.` };
}

/** Marks a trace, or takes its mark away; a third one takes the place of the second. */
export function toggleMark(marks: readonly string[], id: string): Patch {
  const next = marks.includes(id) ? marks.filter((one) => one !== id) : [...marks.slice(0, MARKS.length - 1), id];
  return { pick: next.join(",") };
}
