import { useMemo, useState } from "react";
import type { Contribution, Profile } from "../../engine/contributions";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { formatDuration, formatNanos, group, plural } from "../../lib/format";
import { partName } from "./compare-parts";
import css from "./compare-screen.module.css";

const ROWS_SHOWN = 25;

interface Step extends Contribution {
  /** Where the bar begins and ends, nanoseconds of a duration that grows from A's to B's. */
  from: number;
  to: number;
}

/** The difference as a waterfall: from A's duration, operation by operation, to B's. */
export function ContributionView({ parts, a, b }: { parts: readonly Contribution[]; a: Profile; b: Profile }) {
  const [all, setAll] = useState(false);
  const steps = useMemo(() => stepsOf(parts, a.durationNs), [parts, a]);
  const different = steps.filter((step) => step.delta !== 0);
  const shown = all ? steps : different.slice(0, ROWS_SHOWN);
  const hidden = steps.length - shown.length;
  const hasUsual = parts.some((part) => part.usual !== null);
  const ends = [a.durationNs, b.durationNs, ...steps.flatMap((step) => [step.from, step.to])];
  const low = Math.min(...ends);
  // A fifth of the width stays left of the smallest end, so that both whole durations are bars.
  const base = Math.max(0, low - (Math.max(...ends) - low || low) / 4);
  const place = (from: number, to: number) => {
    const scale = 100 / Math.max(1, Math.max(...ends) - base);
    return { left: `${(Math.min(from, to) - base) * scale}%`, width: `max(2px, ${Math.abs(to - from) * scale}%)` };
  };
  const whole = (name: string, { durationNs: ns, spans, parts: own }: Profile, look: string | undefined) => (
    <tr className={css.whole}>
      <th scope="row" colSpan={2}>
        {own.some((part) => part.usual) ? "Usual" : `Trace ${name}`}
      </th>
      <td className={css.number} title={formatNanos(ns)}>{formatDuration(ns)}</td>
      {hasUsual && <td className={css.number}>–</td>}
      <td className={css.chart} aria-hidden>
        <span className={look} style={place(base, ns)} />
      </td>
      <td className={css.number}>{group(spans)}</td>
    </tr>
  );
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroller} tabIndex={0} role="region" aria-label="Contributions to the difference">
      <table className={css.table} aria-label="Contributions">
        <thead>
          <tr>
            <th scope="col">Operation</th>
            <th scope="col" className={css.number} title="Time on the critical path of A, and of B">A → B on the path</th>
            <th scope="col" className={css.number}>Difference</th>
            {hasUsual && <th scope="col" className={css.number} title="Shortest and longest time on the path in the traces that say what is usual">Usual</th>}
            <th scope="col">From A to B{base > 0 && ` (the axis begins at ${formatDuration(base)})`}</th>
            <th scope="col" className={css.number} title="How often it was called in A, and in B; of a whole trace its spans">Calls</th>
          </tr>
        </thead>
        <tbody>
          {whole("A", a, css.barA)}
          {shown.map((step) => (
            <tr key={`${step.isRest} ${step.service} ${step.name}`}>
              <th scope="row">{step.service === "" && step.name === "" ? <span className={css.dim}>{partName(step)}</span> : <><b>{step.service}</b> {step.name}</>}</th>
              <td className={css.number} title={`${formatNanos(step.a)} → ${formatNanos(step.b)}`}>
                {formatDuration(step.a)} → {formatDuration(step.b)}
              </td>
              <td className={classNames(css.number, step.delta > 0 ? css.more : step.delta < 0 ? css.less : css.dim)} title={formatNanos(step.delta)}>
                {step.delta > 0 && "+"}
                {formatDuration(step.delta)}
              </td>
              {hasUsual && <td className={css.number}>{usualText(step)}</td>}
              <td className={css.chart} aria-hidden>
                {step.delta !== 0 && <span className={step.delta > 0 ? css.barMore : css.barLess} style={place(step.from, step.to)} />}
              </td>
              <td className={classNames(css.number, step.countA !== step.countB && css.changed)}>
                {step.countA === step.countB ? group(step.countA) : `${group(step.countA)} → ${group(step.countB)}`}
              </td>
            </tr>
          ))}
          {whole("B", b, css.barB)}
        </tbody>
      </table>
      <p className={css.footNote}>
        Times are those on the critical paths, which cover each trace without a gap: the differences add up.
        {hasUsual && " Usual times and calls are medians."}
        {hidden > 0 && (
          <Button small onClick={() => setAll(true)}>
            Show {plural(hidden, "more operation")}
            {different.length <= ROWS_SHOWN && " without a difference"}
          </Button>
        )}
      </p>
    </div>
  );
}

/** `180 ms to 210 ms`; nothing for an operation that only the trace has called. */
function usualText({ usual }: Contribution): string {
  if (!usual) return "–";
  return usual.low === usual.high ? formatDuration(usual.low) : `${formatDuration(usual.low)} to ${formatDuration(usual.high)}`;
}

function stepsOf(parts: readonly Contribution[], start: number): Step[] {
  let at = start;
  return parts.map((part) => {
    const from = at;
    at += part.delta;
    return { ...part, from, to: at };
  });
}
