import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { logHistogramQuery, type Window } from "../api/queries";
import { nanos } from "../lib/time";
import { type Bucket, Histogram, type Series } from "./histogram";
import { isStopped } from "./panels";
import { useTime } from "./time-context";

// From the bottom of the stack up: what matters most stands on the axis.
const SERIES: Series[] = [
  { key: "FATAL", label: "fatal", tone: "fatal" },
  { key: "ERROR", label: "error", tone: "error" },
  { key: "WARN", label: "warn", tone: "warn" },
  { key: "INFO", label: "info", tone: "info" },
  { key: "DEBUG", label: "debug", tone: "debug" },
  { key: "TRACE", label: "trace", tone: "debug" },
  { key: "", label: "without severity", tone: "none" },
];

/** The log records that a search finds, over time, by severity. Drag to zoom in. */
export function LogRate({ text, window }: { text: string; window: Window }) {
  const { zone, setWindow } = useTime();
  const counts = useQuery(logHistogramQuery(window, text));
  const { data } = counts;
  const buckets = useMemo<Bucket[]>(
    () => (data?.buckets ?? []).map((b) => ({ start: nanos(b.start_unix_nano), counts: SERIES.map((one) => b.counts[one.key] ?? 0) })),
    [data],
  );
  return (
    <Histogram
      label="Log records over time"
      series={SERIES}
      buckets={buckets}
      bucketNs={BigInt(data?.bucket_ns ?? 1)}
      from={window.from}
      to={window.to}
      zone={zone}
      loading={counts.isPlaceholderData}
      failed={counts.isError}
      stopped={isStopped(counts)}
      onBrush={setWindow}
    />
  );
}
