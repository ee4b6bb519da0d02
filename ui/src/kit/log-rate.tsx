import { useQuery } from "@tanstack/react-query";
import { logHistogramQuery, type Window } from "../api/queries";
import type { LogHistogram } from "../api/types";
import type { Series } from "./histogram";
import { Rate } from "./rate";
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
const countsOf = (bucket: LogHistogram["buckets"][number]) => SERIES.map((one) => bucket.counts[one.key] ?? 0);

/** The log records that a search finds, over time, by severity. Drag to zoom in. */
export function LogRate({ text, window }: { text: string; window: Window }) {
  const { setWindow } = useTime();
  const answer = useQuery(logHistogramQuery(window, text));
  return <Rate label="Log records over time" series={SERIES} countsOf={countsOf} answer={answer} window={window} onBrush={setWindow} />;
}
