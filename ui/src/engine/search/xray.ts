/**
 * Filter expressions of AWS X-Ray, as far as completion has to know them: where one of its keywords or names stands.
 * What they mean, the server says (`query/src/search/xray`).
 */
import { canonicalSearch } from "./parse";

/** What the braces around the cursor are of. */
export type XrayScope = "node" | "edge" | "service" | "entity" | "exception";

export type XrayPlace =
  | { kind: "keyword"; scope: XrayScope; typed: string; from: number; to: number }
  /** A text in quotes that is a value of `key`. */
  | { kind: "name"; key: string; typed: string; from: number; to: number };

export interface Keyword {
  /** As it is listed. */
  name: string;
  /** As it is put in; the cursor goes behind it. */
  insert: string;
  hint: string;
}

const keyword = (name: string, hint: string, insert = `${name} `): Keyword => ({ name, insert, hint });

const OUTCOMES = [
  keyword("fault", "5xx, or failed"),
  keyword("error", "4xx"),
  keyword("throttle", "429"),
  keyword("ok", "none of them"),
];
const TIMES = [keyword("responsetime", "seconds", "responsetime > ")];
const NAME = keyword("name", "of the service", 'name = "');
const TYPE = keyword("type", "AWS::...", 'type = "');
const INFERRED = keyword("inferred", "sends no spans itself");
const POSITIONS = [
  keyword("first", "at the top"),
  keyword("last", "the root cause"),
  keyword("index", "from 0 at the top", "index > "),
];

/** Where a condition may begin, outside of braces. Keys such as `duration` are offered as keys. */
export const TOP_KEYWORDS: readonly Keyword[] = [
  ...OUTCOMES.map((one) => ({ ...one, hint: `X-Ray: root ${one.hint}` })),
  keyword("partial", "X-Ray: spans are missing"),
  keyword("responsetime", "X-Ray: seconds of the root", "responsetime > "),
  keyword("service()", "X-Ray: a node", 'service("'),
  keyword("edge()", "X-Ray: a call", 'edge("'),
  keyword("annotation.", "X-Ray: an attribute", "annotation."),
  ...["fault", "error", "responsetime"].flatMap((cause) =>
    ["service", "entity", ...(cause === "responsetime" ? [] : ["exception"])].map((what) =>
      keyword(`rootcause.${cause}.${what}`, "X-Ray: on the way to a root cause", `rootcause.${cause}.${what} {`),
    ),
  ),
];

export const SCOPE_KEYWORDS: Readonly<Record<XrayScope, readonly Keyword[]>> = {
  node: [...OUTCOMES, ...TIMES, keyword("http.status", "", "http.status >= "), keyword("root", "begins the trace"), INFERRED, NAME, TYPE],
  edge: [...OUTCOMES, ...TIMES, keyword("http.status", "", "http.status >= "), INFERRED],
  service: [NAME, TYPE, INFERRED, ...POSITIONS, ...OUTCOMES],
  entity: [
    keyword("name", "of the operation", 'name = "'),
    ...POSITIONS,
    keyword("remote", "calls another service"),
    keyword("coverage", "share of the root's time", "coverage > "),
    ...OUTCOMES,
  ],
  exception: [keyword("name", "its type", 'name = "'), keyword("message", "", 'message CONTAINS "'), ...POSITIONS],
};

/**
 * A search for traces as text that conditions can be put into. Where the server says (`means`) something else than our own
 * parser reads, the text is an expression of X-Ray: with a condition of ours beside it, it would no longer be one.
 */
export function editableText(text: string, means: string | null): string {
  return means !== null && means !== canonicalSearch(text, "traces") ? means : text;
}

/** A quoted text that has been begun. */
const OPEN_TEXT = String.raw`"((?:[^"\\]|\\.)*)$`;
const NAME_IN_CALL = new RegExp(String.raw`(?:^|[\s(!])(?:service|edge)\(\s*(?:"(?:[^"\\]|\\.)*"\s*,\s*)?(?:id\(\s*name\s*:\s*)?${OPEN_TEXT}`, "i");
const NAME_COMPARED = new RegExp(String.raw`\bname\s*(?:!?=|CONTAINS|BEGINSWITH|ENDSWITH)\s*${OPEN_TEXT}`, "i");
/** Outside of braces blanks make it X-Ray's. */
const ROOT_SERVICE = new RegExp(String.raw`(?:^|[\s(!])name\s+(?:!?=|CONTAINS|BEGINSWITH|ENDSWITH)\s+${OPEN_TEXT}`, "i");

/** Undefined where nothing of X-Ray is being written, null where nothing can be completed. `cursor` counts UTF-16 units. */
export function xrayPlaceAt(text: string, cursor: number): XrayPlace | null | undefined {
  const before = text.slice(0, cursor);
  const called = NAME_IN_CALL.exec(before);
  if (called) return nameAt("service", called[1]!, cursor);
  const scope = scopeAt(before);
  if (scope === null) {
    const root = before.includes("{") ? null : ROOT_SERVICE.exec(before);
    return root ? nameAt("service", root[1]!, cursor) : undefined;
  }
  const compared = NAME_COMPARED.exec(before);
  if (compared) return scope === "exception" ? null : nameAt(scope === "entity" ? "name" : "service", compared[1]!, cursor);
  if (isQuoteOpen(before)) return null;
  const typed = /[A-Za-z.]*$/.exec(before)![0];
  const behind = before.slice(0, cursor - typed.length);
  // Behind an operator stands a value.
  return /[\s{(!]$/.test(behind) && !/[<>=]\s*$/.test(behind) ? { kind: "keyword", scope, typed, from: cursor - typed.length, to: cursor } : null;
}

function nameAt(key: string, typed: string, cursor: number): XrayPlace {
  return { kind: "name", key, typed: typed.replaceAll(/\\(.)/g, "$1"), from: cursor - typed.length, to: cursor };
}

/** Of what the innermost open brace is; null when it is none of X-Ray's. */
function scopeAt(before: string): XrayScope | null {
  const open: number[] = [];
  let quoted = false;
  for (let at = 0; at < before.length; at += 1) {
    const c = before[at];
    if (quoted && c === "\\") at += 1;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === "{") open.push(at);
    else if (!quoted && c === "}") open.pop();
  }
  const head = open.length === 0 ? "" : before.slice(0, open.at(-1)).trimEnd();
  const cause = /(?:^|[\s(!])rootcause\.\w+\.(service|entity|exception)$/i.exec(head);
  if (cause) return cause[1]!.toLowerCase() as XrayScope;
  const called = /(?:^|[\s(!])(service|edge)\((?:[^"()]|"(?:[^"\\]|\\.)*"|id\((?:[^"()]|"(?:[^"\\]|\\.)*")*\))*\)$/i.exec(head);
  if (!called) return null;
  return called[1]!.toLowerCase() === "edge" ? "edge" : "node";
}

function isQuoteOpen(before: string): boolean {
  return (before.replaceAll(/\\./g, "").split('"').length - 1) % 2 === 1;
}
