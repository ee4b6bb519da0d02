import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { BASELINE_TRACES_MAX } from "../../api/baseline";
import { tracesQuery, traceQuery } from "../../api/queries";
import type { TraceSummary } from "../../api/types";
import { allOf } from "../../engine/search/edit";
import { Button } from "../../kit/button";
import { EmptyState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, plural } from "../../lib/format";
import { recogniseId } from "../../lib/ids";
import { formatDateTime, nanos, type UnixNanos } from "../../lib/time";
import { href } from "../../lib/url-state";
import { BASELINE } from "./baseline-view";
import css from "./compare-screen.module.css";

/** Around the trace that is known, others of its root operation are offered from this far. */
const OFFER_NS = 1_800_000_000_000n;
const OFFERED_MAX = 20;

/** Asks for the trace that an address does not name yet: by id, or one of the same operation. */
export function PickTrace({ a, b, onPick }: { a: string; b: string; onPick: (a: string, b: string) => void }) {
  const known = [a, b].find((id) => id !== "" && id !== BASELINE) ?? "";
  const missing = a === "" ? "A" : "B";
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const pick = (id: string) => (a === "" ? onPick(id, b) : onPick(a, id));
  const submit = () => {
    const id = recogniseId(text);
    if (id?.kind === "trace") pick(id.id);
    else setWrong(true);
  };
  return (
    <div className={css.pick}>
      <h2>Which trace is {missing}?</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <label htmlFor="other-trace">Trace id</label>
        <input id="other-trace" value={text} spellCheck={false} autoComplete="off" placeholder="32 hex digits" aria-invalid={wrong} aria-describedby="other-trace-hint" onChange={(event) => { setText(event.target.value); setWrong(false); }} />
        <Button type="submit" look="primary">
          Compare
        </Button>
      </form>
      <p id="other-trace-hint" className={wrong ? css.bad : css.dim} role={wrong ? "alert" : undefined}>
        {wrong ? "That is not a trace id: it has 32 hex digits." : "Paste an id, or take one of these."}
      </p>
      {known !== "" && <Offers known={known} onPick={pick} />}
    </div>
  );
}

function Offers({ known, onPick }: { known: string; onPick: (id: string) => void }) {
  const trace = useQuery(traceQuery(known));
  if (!trace.data) return null;
  const { root, start_time_unix_nano: start } = trace.data.facts;
  if (!root) return <p className={css.dim}>The trace has no root, so there is no operation to offer others of.</p>;
  return (
    <>
      <p className={css.typical}>
        <Button look="primary" onClick={() => onPick(BASELINE)}>
          Compare with what is usual
        </Button>
        <span>
          The median of up to {BASELINE_TRACES_MAX} traces of {root.service} {root.name}, operation by operation
        </span>
      </p>
      <OfferList known={known} service={root.service} name={root.name} start={nanos(start)} onPick={onPick} />
    </>
  );
}

function OfferList(props: { known: string; service: string; name: string; start: UnixNanos; onPick: (id: string) => void }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const window = { from: nanos(String(props.start - OFFER_NS)), to: nanos(String(props.start + OFFER_NS)) };
  const text = allOf(["service", props.service], ["name", props.name]);
  const query = useInfiniteQuery(tracesQuery(window, `root{${text}}`));
  const isOther = (one: TraceSummary) => one.trace_id !== props.known && one.root?.name === props.name && one.root.service === props.service;
  const found = (query.data?.pages[0]?.traces ?? []).filter(isOther).slice(0, OFFERED_MAX);
  if (query.isPending) return null;
  if (found.length === 0) {
    return (
      <EmptyState title={`No other ${props.service} ${props.name} within half an hour`}>
        <p>
          <Link href={href("/traces", { q: text }, search)}>Search for one</Link> and paste its id.
        </p>
      </EmptyState>
    );
  }
  const good = found.filter((one) => one.error_count === 0);
  const typical = median(good.length > 0 ? good : found);
  return (
    <>
      <p className={css.typical}>
        <Button onClick={() => props.onPick(typical.trace_id)}>
          Compare with a typical one
        </Button>
        <span>
          {formatDuration(typical.duration_ns)}: the median of {plural(good.length || found.length, "trace")} {good.length > 0 && "without errors "}of {props.service} {props.name} from half an hour before to half an hour after
        </span>
      </p>
      <table className={css.table} aria-label={`Other traces of ${props.service} ${props.name}`}>
        <thead>
          <tr>
            <th scope="col">Start</th>
            <th scope="col" className={css.number}>Duration</th>
            <th scope="col" className={css.number}>Spans</th>
            <th scope="col" className={css.number}>Errors</th>
            <th scope="col">Trace</th>
          </tr>
        </thead>
        <tbody>
          {found.map((one) => (
            <tr key={one.trace_id}>
              <td>{formatDateTime(nanos(one.start_time_unix_nano), zone, 3)}</td>
              <td className={css.number}>{formatDuration(one.duration_ns)}</td>
              <td className={css.number}>{one.span_count}</td>
              <td className={css.number}>{one.error_count}</td>
              <td>
                <Button small onClick={() => props.onPick(one.trace_id)}>
                  Compare with {one.trace_id.slice(0, 8)}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** The one in the middle by duration. */
function median(traces: readonly TraceSummary[]): TraceSummary {
  const sorted = traces.toSorted((a, b) => a.duration_ns - b.duration_ns);
  return sorted[(sorted.length - 1) >> 1]!;
}
