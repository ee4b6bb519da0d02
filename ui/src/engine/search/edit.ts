/** Conditions put into a search and taken out of it by a click, without a word being typed. */
import { keyText } from "./complete";
import { parseSearch, type Subject } from "./parse";
import { asksForPlaces, mapTree, printTraceLeaf, printLeaf, printTree, type Raw, spansOnly, type Tree, valueText } from "./tree";

const printRaw = (raw: Raw): string => ("span" in raw ? printLeaf(raw.span) : printTraceLeaf(raw.trace));

/** `key:value`, and with a minus the opposite. */
export function conditionText(key: string, value: string, negated = false): string {
  return `${negated ? "-" : ""}${keyText(key)}:${valueText(value)}`;
}

const KEYS_WITH_A_MEANING = /^(?:service|name|operation|status|duration|outcome|kind|status_message|severity|body|event_name|severity_text|trace_id|span_id|parent_span_id|scope_name|scope_version|(?:attributes|resource|trace)\..*|span\.(?:depth|hop|coverage|inferred|path|cause|cause_service))$/;

/** A condition on an attribute: also of one whose key means something else in a search. */
export function attributeCondition(key: string, value: string): string {
  return conditionText(KEYS_WITH_A_MEANING.test(key) ? `attributes.${key}` : key, value);
}

/** A search whose conditions are all of these keys and values: what a link to a search carries. */
export function allOf(...pairs: readonly (readonly [key: string, value: string])[]): string {
  return pairs.map(([key, value]) => conditionText(key, value)).join(" ");
}

/** The conditions that must all hold, as canonical texts; null when the search cannot be read. */
export function conditions(text: string, subject: Subject): string[] | null {
  const { tree } = parseSearch(text, subject);
  if (!tree) return null;
  return parts(tree).map((part) => printTree(part, printRaw));
}

function parts(tree: Tree<Raw>): Tree<Raw>[] {
  return "and" in tree ? tree.and : [tree];
}

/** Whether `condition` is one of those that must all hold. */
export function hasCondition(text: string, condition: string, subject: Subject): boolean {
  const wanted = conditions(condition, subject)?.[0];
  return wanted !== undefined && (conditions(text, subject)?.includes(wanted) ?? false);
}

/** The search narrowed by a condition. What stands there stays as it was typed. */
export function addCondition(text: string, condition: string, subject: Subject): string {
  if (hasCondition(text, condition, subject)) return text;
  const { tree } = parseSearch(text, subject);
  const before = tree && "or" in tree ? `(${text.trim()})` : text.trim();
  return before === "" ? condition : `${before} ${condition}`;
}

/** The search without a condition; unchanged when it is none of those that must all hold. */
export function removeCondition(text: string, condition: string, subject: Subject): string {
  const { tree } = parseSearch(text, subject);
  const wanted = conditions(condition, subject)?.[0];
  if (!tree || wanted === undefined) return text;
  const kept = parts(tree).filter((part) => printTree(part, printRaw) !== wanted);
  if (kept.length === parts(tree).length) return text;
  return kept.map((part) => ("or" in part ? `(${printTree(part, printRaw)})` : printTree(part, printRaw))).join(" ").replaceAll("NOT ", "-");
}

function isBound(part: Tree<Raw>): boolean {
  return "leaf" in part && "span" in part.leaf && "key" in part.leaf.span && part.leaf.span.key === "duration";
}

/** The search with its bounds of the duration replaced by these. */
export function setDuration(text: string, from: string | null, to: string | null, subject: Subject): string {
  const { tree } = parseSearch(text, subject);
  if (!tree) return text;
  let next = text;
  for (const part of parts(tree).filter(isBound)) next = removeCondition(next, printTree(part, printRaw), subject);
  if (from !== null) next = addCondition(next, `duration>=${from}`, subject);
  return to === null ? next : addCondition(next, `duration<${to}`, subject);
}

/** Plain words of a search: what a list marks in its lines. */
export function searchedWords(text: string, subject: Subject): string {
  const { tree } = parseSearch(text, subject);
  const words: string[] = [];
  if (tree) {
    mapTree(tree, (raw) => {
      if ("span" in raw && "words" in raw.span) words.push(raw.span.words);
      if ("span" in raw && "phrase" in raw.span) words.push(raw.span.phrase);
      if ("span" in raw && "key" in raw.span && raw.span.key === "body" && raw.span.value) {
        const value = raw.span.value;
        if ("bare" in value) words.push(value.bare);
        if ("quoted" in value) words.push(value.quoted);
      }
      return raw;
    });
  }
  return words.join(" ");
}

/** Whether the search is about one span, as the search within a trace is. */
export function isOneSpan(text: string): boolean {
  const { tree } = parseSearch(text, "traces");
  const condition = tree && spansOnly(tree);
  return condition !== null && !asksForPlaces(condition);
}
