import { attributeText } from "../lib/attributes";
import { attributeKey, EMPTY_SEARCH, type Filter, readSearchText } from "../lib/filters";
import type { TraceModel } from "./trace-model";

/**
 * Indexes of the spans that match a find text, ascending. The language is the search box's:
 * `service:cart error duration>50ms http.route=/x words`. Words may be parts of words here.
 */
export function findSpans(model: TraceModel, text: string): Int32Array {
  const matches = matcher(model, text);
  const found: number[] = [];
  if (matches) for (let i = 0; i < model.count; i += 1) if (matches(i)) found.push(i);
  return Int32Array.from(found);
}

function matcher(model: TraceModel, text: string): ((index: number) => boolean) | null {
  const query = readSearchText(text, EMPTY_SEARCH);
  const tests: ((index: number) => boolean)[] = query.filters.map((filter) => filterTest(model, filter));
  const { min, max } = query;
  if (min !== null) tests.push((i) => model.duration[i]! >= min);
  if (max !== null) tests.push((i) => model.duration[i]! <= max);
  for (const word of query.q.toLowerCase().split(/\s+/).filter(Boolean)) tests.push(wordTest(model, word));
  return tests.length === 0 ? null : (i) => tests.every((test) => test(i));
}

function filterTest(model: TraceModel, filter: Filter): (index: number) => boolean {
  const value = filter.value.toLowerCase();
  const holds = (text: string | null | undefined) => text !== null && text !== undefined && text.toLowerCase().includes(value);
  switch (filter.field) {
    case "service":
      return (i) => holds(model.spans[i]!.service);
    case "operation":
      return (i) => holds(model.spans[i]!.name);
    case "status":
      return (i) => model.spans[i]!.status.toLowerCase() === value;
    case "kind":
      return (i) => model.spans[i]!.kind.toLowerCase() === value;
    case "span_id":
      return (i) => model.spans[i]!.span_id === value;
    default: {
      const key = attributeKey(filter.field);
      return (i) => {
        const span = model.spans[i]!;
        const found = span.attributes[key] ?? span.resource[key];
        return found !== undefined && attributeText(found).toLowerCase() === value;
      };
    }
  }
}

function wordTest(model: TraceModel, word: string): (index: number) => boolean {
  return (i) => {
    const span = model.spans[i]!;
    return (
      (word === "error" && span.status === "ERROR") ||
      span.name.toLowerCase().includes(word) ||
      span.service.toLowerCase().includes(word) ||
      span.span_id === word ||
      (span.status_message?.toLowerCase().includes(word) ?? false) ||
      span.events.some((event) => event.name.toLowerCase().includes(word)) ||
      Object.values(span.attributes).some((value) => attributeText(value).toLowerCase().includes(word))
    );
  };
}
