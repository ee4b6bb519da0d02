import { useQuery } from "@tanstack/react-query";
import { statusQuery, type Window, whyEmptyQuery } from "../api/queries";
import type { SearchSignal } from "../api/types";
import { group, plural } from "../lib/format";
import { absolute, formatDateTime, nanos, nowNanos, spanNs, type UnixNanos } from "../lib/time";
import { Button } from "./button";
import { classNames } from "./class-names";
import { keptFor, keptFrom } from "./no-data";
import controls from "./controls.module.css";
import css from "./nothing-matches.module.css";
import { EmptyState, explain } from "./states";
import table from "./table.module.css";
import { useTime } from "./time-context";

/** The window that is opened around the nearest match. */
const WINDOW_NS = spanNs("15m")!;

/** Nothing matches: says which condition is to blame, and where the nearest matches are. */
export function NothingMatches(props: {
  signal: SearchSignal;
  noun: string;
  explanation: string;
  text: string;
  window: Window;
  onChange: (text: string) => void;
}) {
  const { data, isPending, isError, error, refetch } = useQuery(whyEmptyQuery(props.signal, props.window, props.text));
  const status = useQuery(statusQuery()).data;
  const kept = status ? keptFrom(status, nowNanos()) : null;
  const { zone, setRange } = useTime();
  const rows = props.signal === "spans" ? "span" : "log record";
  const nearest = [data?.nearest_before_unix_nano, data?.nearest_after_unix_nano].flatMap((time) => (time ? [nanos(time)] : []));
  const goTo = (at: UnixNanos) => setRange({ from: absolute(nanos(at - WINDOW_NS / 2n)), to: absolute(nanos(at + WINDOW_NS / 2n)) });
  const conditions = data?.conditions ?? [];
  const blamed = conditions.filter((one) => one.matches_without > 0);
  return (
    <EmptyState
      title={`No ${props.noun} matches in this range`}
      actions={
        <>
          {nearest.map((at, nth) => (
            <Button key={String(at)} look={nth === 0 && blamed.length === 0 ? "primary" : "default"} onClick={() => goTo(at)}>
              {at < props.window.from ? "Latest match before" : "First match after"}: {formatDateTime(at, zone)}
            </Button>
          ))}
          <Button onClick={() => props.onChange("")}>Clear the search</Button>
        </>
      }
    >
      <p>{props.explanation}</p>
      {isPending && <p>Looking for the reason…</p>}
      {isError && !data && (
        <p>
          The reason was not found: {explain(error).message}.{" "}
          <Button small onClick={() => void refetch()}>
            Try again
          </Button>
        </p>
      )}
      {data && conditions.length > 1 && (
        <table className={classNames(table.panel, css.conditions)} aria-label="Conditions of the search">
          <thead>
            <tr>
              <th scope="col">Condition</th>
              <th scope="col">Matches alone</th>
              <th scope="col">Matches without it</th>
              <th scope="col">
                <span className={controls.srOnly}>Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {conditions.map((one) => (
              <tr key={one.condition} data-blamed={one.matches_without > 0}>
                <th scope="row">
                  <code>{one.condition}</code>
                </th>
                <td>{group(one.matches_alone)}</td>
                <td>{group(one.matches_without)}</td>
                <td>
                  {one.without !== null && (
                    <Button small onClick={() => props.onChange(one.without ?? "")}>
                      Remove
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {data && (
        <p>
          {data.rows_in_range === 0
            ? `There is no ${rows} at all in this range${status && kept !== null && props.window.to <= kept ? `: Spanlake keeps them for ${keptFor(status)}, and these have been removed` : ""}.`
            : conditions.length > 1 && blamed.length === 0
              ? `None of the ${plural(data.rows_in_range, rows)} in this range matches, whichever single condition is removed.`
              : `The range has ${plural(data.rows_in_range, rows)}.`}
          {nearest.length === 0 && (data.nearest_is_known ? " Nothing matches at any other time either." : " There was no time to look for a match outside of it.")}
        </p>
      )}
    </EmptyState>
  );
}
