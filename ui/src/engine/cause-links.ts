/** Where a change of the list "What changed" leads to: the spans or log records that it is about. */
import type { CauseChange } from "../api/cause";
import type { ServiceMap } from "../api/types";
import { edgeId } from "./map-graph";
import { formatShare, group, plural } from "../lib/format";
import { allOf } from "./search/edit";
import { valueText } from "./search/tree";

export interface ChangeLink {
  path: "/traces" | "/logs";
  q: string;
  label: string;
}

export function linkOf(change: CauseChange): ChangeLink {
  if (change.kind === "messages") {
    const words = phraseOf(change.message ?? "");
    const q = [allOf(["service", change.service]), words].filter((part) => part !== "").join(" ");
    return { path: "/logs", q, label: "Logs" };
  }
  const pairs: (readonly [string, string])[] = [["service", change.caller ?? change.service]];
  if (change.operation !== null) pairs.push(["name", change.operation]);
  const failed = change.kind === "failures" || change.kind === "exceptions" ? " -outcome:ok" : "";
  return { path: "/traces", q: `${allOf(...pairs)}${failed}`, label: "Traces" };
}

/** What the map shows beside it for a call that changed: its arrow; the caller when the map has no such arrow. */
export function edgePanel({ caller, callee }: CauseChange, map: Pick<ServiceMap, "edges"> | undefined): string {
  const [source, target] = [`service:${caller}`, `service:${callee}`];
  const edge = map?.edges.find((one) => one.source === source && one.target === target);
  return edge ? `edge:${edgeId(edge)}` : `node:${source}`;
}

/** Words that are searched for: too few letters say nothing. */
const PHRASE_MIN = 3;

/** The longest stretch of a pattern without a placeholder, as a phrase; empty when there is none worth searching. */
export function phraseOf(pattern: string): string {
  const pieces = pattern.split(/\S*<(?:n|id)>\S*/).map((piece) => piece.replaceAll(/[^\p{L}\p{N}\s_.-]+/gu, " ").replaceAll(/\s+/g, " ").trim());
  const longest = pieces.reduce((most, piece) => (piece.length > most.length ? piece : most), "");
  if (longest.length < PHRASE_MIN) return "";
  return longest.includes(" ") ? `"${longest}"` : valueText(longest);
}

export interface Prevalence {
  /** `new`, or how many times as frequent. */
  mark: string;
  now: { text: string; title: string };
  before: { text: string; title: string };
}

/** How frequent a message is in the window and in the baseline: shares of what its service sent. */
export function prevalence({ kind, service, window, base }: CauseChange): Prevalence {
  const noun = kind === "messages" ? "log record" : "span";
  const figure = ({ samples, value }: CauseChange["window"]) => {
    const hits = Math.round(samples * value);
    return { text: hits === 0 ? "none" : formatShare(hits, samples), title: `${group(hits)} of ${plural(samples, noun)} of ${service}` };
  };
  const times = window.value / base.value;
  const mark = base.value === 0 ? "new" : times < 100 ? `× ${times < 9.5 ? Number(times.toFixed(1)) : Math.round(times)}` : "× over 100";
  return { mark, now: figure(window), before: figure(base) };
}

/** A sentence with the parts in backticks apart. */
export function partsOf(sentence: string): { text: string; code: boolean }[] {
  return sentence.split("`").map((text, nth) => ({ text, code: nth % 2 === 1 })).filter(({ text }) => text !== "");
}
