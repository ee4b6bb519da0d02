/** What a search says: the tree that the parser gives, and its canonical text. The twin of `query/src/search/syntax.rs`. */

export type Tree<L> = { and: Tree<L>[] } | { or: Tree<L>[] } | { not: Tree<L> } | { leaf: L };

export type Value = { bare: string } | { quoted: string } | { pattern: string[] } | { regex: string; ignoreCase: boolean };

/** A condition on one span or log record. */
export type Leaf =
  | { words: string }
  | { phrase: string }
  | { wordPattern: string[] }
  /** `op` is `:` (has), `=`, a comparison, or `*` (exists). */
  | { key: string; op: string; value?: Value };

/** A condition on a whole trace. */
export type TraceLeaf =
  | { some: Tree<Leaf> }
  | { first: Tree<Leaf>; rest: { relation: string; of: Tree<Leaf> }[] }
  | { count: Tree<Leaf>; op: string; number: number }
  | { root: Tree<Leaf> }
  | { logs: Tree<Leaf> }
  | { figure: Leaf };

export type Raw = { span: Leaf } | { trace: TraceLeaf };

export function and<L>(parts: Tree<L>[]): Tree<L> {
  const flat = parts.flatMap((part) => ("and" in part ? part.and : [part]));
  return flat.length === 1 ? flat[0]! : { and: flat };
}

export function or<L>(parts: Tree<L>[]): Tree<L> {
  const flat = parts.flatMap((part) => ("or" in part ? part.or : [part]));
  return flat.length === 1 ? flat[0]! : { or: flat };
}

export function not<L>(tree: Tree<L>): Tree<L> {
  return "not" in tree ? tree.not : { not: tree };
}

/** The same tree over other leaves; null where a leaf has no counterpart. Depth is bounded by the parser. */
export function mapTree<L, M>(tree: Tree<L>, leaf: (one: L) => M | null): Tree<M> | null {
  const all = (parts: Tree<L>[]): Tree<M>[] | null => {
    const mapped = parts.map((part) => mapTree(part, leaf));
    return mapped.every((part) => part !== null) ? (mapped as Tree<M>[]) : null;
  };
  if ("and" in tree) {
    const parts = all(tree.and);
    return parts && { and: parts };
  }
  if ("or" in tree) {
    const parts = all(tree.or);
    return parts && { or: parts };
  }
  if ("not" in tree) {
    const inner = mapTree(tree.not, leaf);
    return inner && { not: inner };
  }
  const mapped = leaf(tree.leaf);
  return mapped && { leaf: mapped };
}

const spanOnly = (raw: Raw): Leaf | null => ("span" in raw ? raw.span : null);

/** The condition on one span that it is, if nothing in it is about the trace. */
export function spansOnly(raw: Tree<Raw>): Tree<Leaf> | null {
  return mapTree(raw, spanOnly);
}

/** Keys that are about the whole trace. */
export const TRACE_KEYS = ["trace.duration", "trace.root_to_end", "trace.spans", "trace.services", "trace.errors", "trace.partial"];

/** Keys about where a span stands in its trace. The twin of `query/src/search/place.rs`. */
export const PLACE_KEYS = ["span.depth", "span.hop", "span.coverage", "span.inferred", "span.path", "span.cause", "span.cause_service"];

/** Whether only the whole trace tells: where a span stands, its row does not say. */
export function asksForPlaces(condition: Tree<Leaf>): boolean {
  return mapTree(condition, (leaf) => ("key" in leaf && PLACE_KEYS.includes(leaf.key) ? null : leaf)) === null;
}

/** Conditions on spans that stand beside each other are about one span. */
export function wholeTrace(raw: Tree<Raw>): Tree<TraceLeaf> {
  if ("leaf" in raw) return { leaf: "trace" in raw.leaf ? raw.leaf.trace : { some: { leaf: raw.leaf.span } } };
  if ("not" in raw) return not(wholeTrace(raw.not));
  if ("and" in raw) return and(gathered(raw.and, and));
  return or(gathered(raw.or, or));
}

function gathered(parts: Tree<Raw>[], join: (parts: Tree<Leaf>[]) => Tree<Leaf>): Tree<TraceLeaf>[] {
  const ofOneSpan: Tree<Leaf>[] = [];
  const others: Tree<TraceLeaf>[] = [];
  for (const part of parts) {
    const condition = spansOnly(part);
    if (condition) ofOneSpan.push(condition);
    else others.push(wholeTrace(part));
  }
  if (ofOneSpan.length > 0) others.unshift({ leaf: { some: join(ofOneSpan) } });
  return others;
}

export function printTree<L>(tree: Tree<L>, leaf: (one: L) => string): string {
  if ("and" in tree) {
    if (tree.and.length === 0) return "*";
    return tree.and.map((part) => ("or" in part ? `(${printTree(part, leaf)})` : printTree(part, leaf))).join(" AND ");
  }
  if ("or" in tree) return tree.or.map((part) => printTree(part, leaf)).join(" OR ");
  if ("not" in tree) {
    const inner = printTree(tree.not, leaf);
    const joined = "or" in tree.not || ("and" in tree.not && tree.not.and.length > 0);
    return joined ? `NOT (${inner})` : `NOT ${inner}`;
  }
  return leaf(tree.leaf);
}

export function printCondition(tree: Tree<Leaf>): string {
  return printTree(tree, printLeaf);
}

export function printLeaf(leaf: Leaf): string {
  if ("words" in leaf) return escaped(leaf.words);
  if ("phrase" in leaf) return quoted(leaf.phrase);
  if ("wordPattern" in leaf) return leaf.wordPattern.map(escaped).join("*");
  const key = isKey(leaf.key) ? leaf.key : quoted(leaf.key);
  return leaf.op === "*" ? `${key}:*` : `${key}${leaf.op}${printValue(leaf.value!)}`;
}

export function printTraceLeaf(leaf: TraceLeaf): string {
  if ("some" in leaf) return `{${printCondition(leaf.some)}}`;
  if ("first" in leaf) {
    return [`{${printCondition(leaf.first)}}`, ...leaf.rest.map((one) => `${one.relation} {${printCondition(one.of)}}`)].join(" ");
  }
  if ("count" in leaf) return `count({${printCondition(leaf.count)}})${leaf.op}${leaf.number}`;
  if ("root" in leaf) return `root{${printCondition(leaf.root)}}`;
  if ("logs" in leaf) return `logs{${printCondition(leaf.logs)}}`;
  return printLeaf(leaf.figure);
}

export function printValue(value: Value): string {
  if ("bare" in value) return isPlain(value.bare) ? value.bare : escaped(value.bare);
  if ("quoted" in value) return quoted(value.quoted);
  if ("pattern" in value) return value.pattern.map(escaped).join("*");
  return `/${value.regex.replaceAll("/", "\\/")}/${value.ignoreCase ? "i" : ""}`;
}

/** Whether a text is the value, letter by letter; of a pattern or regular expression, whether it fits. */
export function fits(value: Value, text: string): boolean {
  if ("bare" in value) return value.bare === text;
  if ("quoted" in value) return value.quoted === text;
  if ("regex" in value) return matcher(value.regex, value.ignoreCase ? "iu" : "u")?.test(text) ?? false;
  return matcher(`^${value.pattern.map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join(".*")}$`, "su")?.test(text) ?? false;
}

/** Null for what JavaScript cannot read, which the server may. */
function matcher(source: string, flags: string): RegExp | null {
  try {
    return new RegExp(source, flags);
  } catch {
    return null;
  }
}

const KEY_BEGIN = /^[\p{Alphabetic}_@$]$/u;
const KEY_REST = /^[\p{Alphabetic}\p{N}_@$./-]$/u;
const PLAIN = /^[\p{Alphabetic}\p{N}_.\-/:@%+,]+$/u;
const SPECIAL = /^[\s\\"(){}*:=<>!/|&-]$/u;
/** Characters that mean something at the beginning only. */
const SPECIAL_FIRST = /^[/|&-]$/;
export const WORD_CHARACTER = /[\p{Alphabetic}\p{N}]/u;

export const beginsKey = (c: string | undefined): boolean => c !== undefined && KEY_BEGIN.test(c);
export const continuesKey = (c: string | undefined): boolean => c !== undefined && KEY_REST.test(c);
/** Characters that a backslash takes their meaning from, in text without quotes. */
export const isSpecial = (c: string | undefined): boolean => c !== undefined && SPECIAL.test(c);
export const isBlank = (c: string | undefined): boolean => c !== undefined && /^\s$/u.test(c);

export function isKey(text: string): boolean {
  const characters = Array.from(text);
  return beginsKey(characters[0]) && characters.every(continuesKey);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !text.startsWith("/");
}

function escaped(text: string): string {
  return Array.from(text, (c, nth) => (isSpecial(c) && (nth === 0 || !SPECIAL_FIRST.test(c)) ? `\\${c}` : c)).join("");
}

export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A value as it is written behind a colon: in quotes only when it has to be. */
export function valueText(text: string): string {
  return isPlain(text) && !/^[-+]?[\d.]+$/.test(text) ? text : /^[\d.]+$/.test(text) ? text : quoted(text);
}
