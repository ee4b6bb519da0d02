import { parseDuration } from "../lib/format";
import { attributeSql } from "./search/attribute-sql";
import { parseSearch } from "./search/parse";
import { fits, type Leaf, spansOnly, type Tree, type Value } from "./search/tree";
import { FLAG, OUTCOME, STATUS_NAMES } from "./skeleton";
import { kindOf, outcomeOf, spanIdOf, type TraceModel } from "./trace-model";

/** What a find text asks for: what the skeleton can tell, and what only the server knows. */
export interface FindQuery {
  /** Conditions in SQL that the server is asked for. */
  asked: readonly string[];
  /** `known`: for each of `asked` the ids of the spans that fulfil it. Null for no search. */
  matches: ((index: number, known: readonly ReadonlySet<string>[]) => boolean) | null;
  /** What cannot be searched for, said in a few words. */
  problem: string | null;
}

type Test = (index: number, known: readonly ReadonlySet<string>[]) => boolean;

const NOTHING: FindQuery = { asked: [], matches: null, problem: null };

/**
 * Reads a find text. The language is the search box's, of conditions on one span: `service:cart error duration>50ms
 * http.route=/x -kind:client`. Words may be parts of words here; they are looked for in names, services and what events
 * say, and some name a mark: error, fault, throttle, orphan, duplicate, cycle, exception, link.
 */
export function readFind(model: TraceModel, text: string): FindQuery {
  if (text.trim() === "") return NOTHING;
  const { tree, problem } = parseSearch(text, "traces");
  if (!tree) return { ...NOTHING, problem: problem?.message ?? null };
  const ofSpan = spansOnly(tree);
  if (!ofSpan) return { ...NOTHING, problem: "only conditions on one span are found in a trace" };
  const asked: string[] = [];
  let refused: string | null = null;
  const test = treeTest(ofSpan, (leaf) => {
    const local = leafTest(model, leaf);
    if (local) return local;
    const sql = attributeSql(leaf);
    if (sql === null) {
      refused = `${"key" in leaf ? leaf.key : "this"} cannot be compared so`;
      return () => false;
    }
    if (!asked.includes(sql)) asked.push(sql);
    const nth = asked.indexOf(sql);
    return (i, known) => known[nth]!.has(spanIdOf(model, i));
  });
  return refused === null ? { asked, matches: test, problem: null } : { ...NOTHING, problem: refused };
}

/** Indexes of the spans that match, ascending. `known`: as in {@link FindQuery}, null while it is not known. */
export function findSpans(model: TraceModel, query: FindQuery, known: readonly ReadonlySet<string>[] | null): Int32Array {
  const found: number[] = [];
  const { matches } = query;
  if (!matches || (query.asked.length > 0 && known === null)) return new Int32Array(0);
  for (let i = 0; i < model.count; i += 1) if (matches(i, known ?? [])) found.push(i);
  return Int32Array.from(found);
}

/** Depth is bounded by the parser. */
function treeTest(tree: Tree<Leaf>, ofLeaf: (leaf: Leaf) => Test): Test {
  if ("leaf" in tree) return ofLeaf(tree.leaf);
  if ("not" in tree) {
    const inner = treeTest(tree.not, ofLeaf);
    return (i, known) => !inner(i, known);
  }
  const isAnd = "and" in tree;
  const parts = (isAnd ? tree.and : tree.or).map((part) => treeTest(part, ofLeaf));
  return isAnd ? (i, known) => parts.every((part) => part(i, known)) : (i, known) => parts.some((part) => part(i, known));
}

/** Null for a condition that the skeleton cannot decide. */
function leafTest(model: TraceModel, leaf: Leaf): Test | null {
  if ("words" in leaf) return wordTest(model, leaf.words.toLowerCase());
  if ("phrase" in leaf) return wordTest(model, leaf.phrase.toLowerCase());
  if ("wordPattern" in leaf) {
    const parts = leaf.wordPattern.filter(Boolean).map((part) => wordTest(model, part.toLowerCase()));
    return (i, known) => parts.every((part) => part(i, known));
  }
  return leaf.key === "duration" ? durationTest(model, leaf) : fieldTest(model, leaf);
}

function durationTest(model: TraceModel, { op, value }: { op: string; value?: Value }): Test | null {
  const ns = value && "bare" in value ? parseDuration(value.bare) : null;
  if (ns === null) return null;
  const of = (i: number) => model.duration[i]!;
  switch (op) {
    case ">":
      return (i) => of(i) > ns;
    case ">=":
      return (i) => of(i) >= ns;
    case "<":
      return (i) => of(i) < ns;
    case "<=":
      return (i) => of(i) <= ns;
    default:
      return (i) => of(i) === ns;
  }
}

const ALWAYS_THERE = new Set(["name", "operation", "status", "kind", "outcome", "span_id"]);

function fieldTest(model: TraceModel, { key, op, value }: { key: string; op: string; value?: Value }): Test | null {
  if (op === "*" && key === "service") return held(model.service, model.services.map(Boolean));
  if (op === "*") return ALWAYS_THERE.has(key) ? () => true : null;
  if (!value || (op !== ":" && op !== "=")) return null;
  const anyCase = (text: string) => fits(value, text.toLowerCase()) || fits(value, text.toUpperCase());
  switch (key) {
    case "service":
      return held(model.service, model.services.map((one) => fits(value, one)));
    case "name":
    case "operation":
      return held(model.name, model.names.map((one) => fits(value, one)));
    case "status":
      return held(model.status, STATUS_NAMES.map(anyCase));
    case "kind":
      return (i) => anyCase(kindOf(model, i));
    case "outcome": {
      const [isOk, isFault] = [anyCase("ok"), anyCase("fault")];
      const bits = (["error", "throttle", "fault"] as const).reduce((sum, one) => sum | (anyCase(one) ? OUTCOME[one] : 0), 0);
      return (i) => (model.outcome[i]! & bits) !== 0 || (isOk && outcomeOf(model, i) === null) || (isFault && outcomeOf(model, i) === "fault");
    }
    case "span_id":
      return (i) => anyCase(spanIdOf(model, i));
    default:
      return null;
  }
}

/** One answer per entry of a dictionary: a trace has far fewer names than spans. */
function held(column: ArrayLike<number>, entries: readonly boolean[]): Test {
  return (i) => entries[column[i]!] === true;
}

const MARKS: Record<string, number> = { orphan: FLAG.orphan, duplicate: FLAG.duplicate, cycle: FLAG.cycle, exception: FLAG.exception, link: FLAG.links };

function wordTest(model: TraceModel, word: string): Test {
  const holds = (entry: string) => entry.toLowerCase().includes(word);
  const ofNames = held(model.name, model.names.map(holds));
  const ofServices = held(model.service, model.services.map(holds));
  const texts = model.events.texts.map(holds);
  const inEvents = new Uint8Array(model.count);
  model.events.span.forEach((span, k) => {
    if (texts[model.events.text[k]!]) inEvents[span] = 1;
  });
  const mark = MARKS[word] ?? 0;
  const isId = /^[0-9a-f]{16}$/.test(word);
  return (i, known) =>
    (word === "error" && model.error[i] === 1) ||
    (mark !== 0 && (model.flags[i]! & mark) !== 0) ||
    (model.error[i] === 1 && outcomeOf(model, i) === word) ||
    ofNames(i, known) ||
    ofServices(i, known) ||
    inEvents[i] === 1 ||
    (isId && spanIdOf(model, i) === word);
}
