/** Values that get a colour of their own; the others of a trace share one. */
export const COLORED_VALUES_MAX = 12;

/** In `ofSpan`: the span has no such attribute, or one of the rarer values. */
export const NO_VALUE = -1;
export const OTHER_VALUE = -2;

/** The values of one attribute over the spans of a trace. */
export interface SpanValues {
  /** Those with a colour of their own, the most frequent first. */
  values: readonly { value: string; count: number }[];
  /** Different values without a colour of their own, and how many spans have one. */
  others: { values: number; spans: number };
  /** For each span an index into `values`, {@link NO_VALUE} or {@link OTHER_VALUE}. */
  ofSpan: Int16Array;
}

/** `valueOf`: the value of a span by its index, undefined without one. */
export function spanValues(count: number, valueOf: (index: number) => string | undefined): SpanValues {
  const counts = new Map<string, number>();
  for (let i = 0; i < count; i += 1) {
    const value = valueOf(i);
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const sorted = [...counts].map(([value, spans]) => ({ value, count: spans })).toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  const values = sorted.slice(0, COLORED_VALUES_MAX);
  const rest = sorted.slice(COLORED_VALUES_MAX);
  const places = new Map(values.map(({ value }, i) => [value, i]));
  const ofSpan = Int16Array.from({ length: count }, (_, i) => {
    const value = valueOf(i);
    return value === undefined ? NO_VALUE : (places.get(value) ?? OTHER_VALUE);
  });
  return { values, others: { values: rest.length, spans: rest.reduce((sum, one) => sum + one.count, 0) }, ofSpan };
}
