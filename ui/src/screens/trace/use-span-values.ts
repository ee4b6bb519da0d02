import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { spanValuesQuery } from "../../api/queries";
import type { LoadedTrace } from "../../engine/decode-trace";
import { spanIdOf } from "../../engine/trace-model";
import { type SpanValues, spanValues } from "../../engine/value-colors";
import type { ColorBy } from "../../engine/waterfall-store";

/** The values of the attribute that bars are coloured by; null while they are asked for, and when it is none. */
export function useSpanValues({ facts, model }: LoadedTrace, color: ColorBy): SpanValues | null {
  const key = color.startsWith("attr:") ? color.slice("attr:".length) : null;
  const { data } = useQuery({ ...spanValuesQuery(facts.trace_id, key ?? ""), enabled: key !== null });
  return useMemo(() => (key !== null && data ? spanValues(model.count, (i) => data.get(spanIdOf(model, i))) : null), [key, data, model]);
}
