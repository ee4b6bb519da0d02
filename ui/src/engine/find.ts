import { EMPTY_SEARCH, type Filter, readSearchText } from "../lib/filters";
import { FLAG, STATUS_NAMES } from "./skeleton";
import { kindOf, outcomeOf, spanIdOf, type TraceModel } from "./trace-model";

/** What a find text asks for: what the skeleton can tell, and what only the server knows. */
export interface FindQuery {
  /** Attribute conditions: their spans are asked for. */
  attributes: readonly Filter[];
  matches: ((index: number) => boolean) | null;
}

/**
 * Reads a find text. The language is the search box's: `service:cart error duration>50ms http.route=/x words`. Words
 * may be parts of words here; they are looked for in names, services and what events say.
 */
export function readFind(model: TraceModel, text: string): FindQuery {
  const query = readSearchText(text, EMPTY_SEARCH);
  const tests: ((index: number) => boolean)[] = [];
  const attributes: Filter[] = [];
  for (const filter of query.filters) {
    const test = filterTest(model, filter);
    if (test) tests.push(test);
    else attributes.push(filter);
  }
  const { min, max } = query;
  if (min !== null) tests.push((i) => model.duration[i]! >= min);
  if (max !== null) tests.push((i) => model.duration[i]! <= max);
  for (const word of query.q.toLowerCase().split(/\s+/).filter(Boolean)) tests.push(wordTest(model, word));
  return { attributes, matches: tests.length === 0 && attributes.length === 0 ? null : (i) => tests.every((test) => test(i)) };
}

/** Indexes of the spans that match, ascending. `ids`: ids with all the attributes asked for, null when none are. */
export function findSpans(model: TraceModel, query: FindQuery, ids: ReadonlySet<string> | null): Int32Array {
  const found: number[] = [];
  const { matches } = query;
  if (!matches || (query.attributes.length > 0 && ids === null)) return new Int32Array(0);
  for (let i = 0; i < model.count; i += 1) if (matches(i) && (ids === null || ids.has(spanIdOf(model, i)))) found.push(i);
  return Int32Array.from(found);
}

/** One byte per entry of a dictionary: whether it holds the text. A trace has far fewer names than spans. */
function holding(dictionary: readonly string[], text: string): Uint8Array {
  return Uint8Array.from(dictionary, (entry) => (entry.toLowerCase().includes(text) ? 1 : 0));
}

/** Null for a condition that the skeleton cannot decide. */
function filterTest(model: TraceModel, filter: Filter): ((index: number) => boolean) | null {
  const value = filter.value.toLowerCase();
  switch (filter.field) {
    case "service": {
      const held = holding(model.services, value);
      return (i) => held[model.service[i]!] === 1;
    }
    case "operation": {
      const held = holding(model.names, value);
      return (i) => held[model.name[i]!] === 1;
    }
    case "status":
      return (i) => STATUS_NAMES[model.status[i]!]!.toLowerCase() === value;
    case "kind":
      return (i) => kindOf(model, i).toLowerCase() === value;
    case "outcome":
      return (i) => (outcomeOf(model, i) ?? "ok") === value;
    case "span_id":
      return (i) => spanIdOf(model, i) === value;
    default:
      return null;
  }
}

const MARKS: Record<string, number> = { orphan: FLAG.orphan, duplicate: FLAG.duplicate, cycle: FLAG.cycle, exception: FLAG.exception, link: FLAG.links };

function wordTest(model: TraceModel, word: string): (index: number) => boolean {
  const [services, names, texts] = [holding(model.services, word), holding(model.names, word), holding(model.events.texts, word)];
  const inEvents = new Uint8Array(model.count);
  model.events.span.forEach((span, k) => {
    if (texts[model.events.text[k]!]) inEvents[span] = 1;
  });
  const mark = MARKS[word] ?? 0;
  const isId = /^[0-9a-f]{16}$/.test(word);
  return (i) =>
    (word === "error" && model.error[i] === 1) ||
    (mark !== 0 && (model.flags[i]! & mark) !== 0) ||
    (model.error[i] === 1 && outcomeOf(model, i) === word) ||
    names[model.name[i]!] === 1 ||
    services[model.service[i]!] === 1 ||
    inEvents[i] === 1 ||
    (isId && spanIdOf(model, i) === word);
}
