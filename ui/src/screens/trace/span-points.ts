import type { Trace } from "../../api/types";
import type { Points } from "../../engine/bars-painter";
import type { TraceModel } from "../../engine/trace-model";
import { nanos } from "../../lib/time";

/** Moments of log records and span events, per span, sorted; drawn as points on the bars. */
export function spanPoints(trace: Trace, model: TraceModel): Points {
  const logs = new Map<number, number[]>();
  const start = nanos(trace.start_time_unix_nano);
  const add = (index: number | undefined, time: string) => {
    if (index === undefined) return;
    const offset = Number(nanos(time) - start);
    const times = logs.get(index);
    if (times) times.push(offset);
    else logs.set(index, [offset]);
  };
  for (const log of trace.logs) if (log.span_id) add(model.indexOf.get(log.span_id), log.time_unix_nano);
  model.spans.forEach((span, i) => span.events.forEach((event) => add(i, event.time_unix_nano)));
  for (const times of logs.values()) times.sort((a, b) => a - b);
  return { logs };
}
