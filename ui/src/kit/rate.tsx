import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { traceHistogramQuery, type Window } from "../api/queries";
import type { TraceHistogram } from "../api/types";
import { nanos } from "../lib/time";
import type { ChartAnswer } from "./chart-peak";
import { type Bucket, Histogram, type Series } from "./histogram";
import { useTime } from "./time-context";

interface Place {
  window: Window;
  onBrush: (from: Window["from"], to: Window["to"]) => void;
  /** A part that stands out: what was chosen before. */
  marked?: Window | null;
}

/** Rows over time as a query counts them; `countsOf` gives a number for each series and must not be a new function each time. */
export function Rate<B extends { start_unix_nano: string }>(
  props: Place & {
    label: string;
    series: readonly Series[];
    countsOf: (bucket: B) => number[];
    answer: ChartAnswer & { data: { buckets: B[]; bucket_ns: number } | undefined };
  },
) {
  const { zone } = useTime();
  const { countsOf, window } = props;
  const { data } = props.answer;
  const buckets = useMemo<Bucket[]>(() => (data?.buckets ?? []).map((bucket) => ({ start: nanos(bucket.start_unix_nano), counts: countsOf(bucket) })), [data, countsOf]);
  return (
    <Histogram
      label={props.label}
      series={props.series}
      buckets={buckets}
      bucketNs={BigInt(data?.bucket_ns ?? 1)}
      from={window.from}
      to={window.to}
      zone={zone}
      answer={props.answer}
      onBrush={props.onBrush}
      marked={props.marked ?? null}
    />
  );
}

const SPANS: Series[] = [
  { key: "errors", label: "errors", tone: "errors" },
  { key: "spans", label: "spans without error", tone: "spans" },
];
const spanCounts = (bucket: TraceHistogram["buckets"][number]) => [bucket.errors, bucket.spans - bucket.errors];

/** The spans that a search finds, over time, failed ones apart. `hint`: what a drag is for, when it does not zoom in. */
export function SpanRate({ text, hint = "", ...place }: Place & { text: string; hint?: string }) {
  const answer = useQuery(traceHistogramQuery(place.window, text));
  const label = answer.data?.exact === false ? "Spans over time (of more traces than match)" : "Spans over time";
  return <Rate label={`${label}${hint}`} series={SPANS} countsOf={spanCounts} answer={answer} {...place} />;
}
