import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useEffect } from "react";
import { compareSelectionQuery, type Difference, type SelectionComparison, type ValueDifference } from "../../../api/cause";
import type { Window } from "../../../api/queries";
import { addCondition, attributeCondition, conditionText, setDuration } from "../../../engine/search/edit";
import { keyText } from "../../../engine/search/complete";
import { announce } from "../../../kit/announce";
import { Button } from "../../../kit/button";
import { classNames } from "../../../kit/class-names";
import { isStopped } from "../../../kit/panels";
import { ErrorState } from "../../../kit/states";
import { useTime } from "../../../kit/time-context";
import { useUrl } from "../../../kit/use-url";
import { formatDuration, formatShare, group, plural, printDuration } from "../../../lib/format";
import { BOX_OUTCOMES, boxPatch, type HeatmapBox } from "../../../lib/selection-url";
import { formatClock } from "../../../lib/time";
import { rangePatch, textPatch } from "../../../lib/url-state";
import css from "./heatmap.module.css";

const DIFFERENCES_SHOWN = 20;
const VALUES_SHOWN = 3;

interface Props {
  text: string;
  editable: string;
  window: Window;
  box: HeatmapBox | null;
  onChange: (text: string) => void;
  onBox: (box: HeatmapBox | null) => void;
}

/** What tells the spans in the box from the others. */
export function Differences(props: Props) {
  return (
    <section className={css.differences} aria-labelledby="differences-title">
      <h2 id="differences-title">Compare a selection</h2>
      {props.box ? (
        <Comparison {...props} box={props.box} />
      ) : (
        <p className={css.hint}>Draw a box over spans that stand out, or move with the arrow keys and press Enter. Here you will see what they have in common that the others have not.</p>
      )}
    </section>
  );
}

function Comparison({ box, ...props }: Props & { box: HeatmapBox }) {
  const { text, editable, window, onChange, onBox } = props;
  const query = useQuery(compareSelectionQuery(window, text, box));
  const { data, isPlaceholderData } = query;
  const current = data && !isPlaceholderData ? data : null;
  useEffect(() => {
    if (current) announce(summaryOf(current));
  }, [current]);
  if (isStopped(query)) return <p className={css.hint}>Stopped before the selection was compared.</p>;
  if (query.isError) return <ErrorState title="The selection could not be compared" error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div className={classNames(css.comparison, isPlaceholderData && css.stale)} aria-busy={!current}>
      <Box box={box} editable={editable} onBox={onBox} />
      {data && (
        <>
          <p className={css.summary}>{summaryOf(data)}</p>
          {[data.inside, data.outside].map((side, nth) => side.one_in > 1 && <p key={nth} className={css.hint}>{nth === 0 ? "Inside" : "Outside"} one of {group(side.one_in)} spans was looked at.</p>)}
          {data.keys_left_out && <p className={css.hint}>There are too many keys to compare all of them.</p>}
          {data.differences.length > 0 && <Key />}
          <ol className={css.list}>
            {data.differences.slice(0, DIFFERENCES_SHOWN).map((difference) => (
              <DifferenceItem
                key={`${difference.kind} ${difference.key}`}
                difference={difference}
                totals={[data.inside.sampled, data.outside.sampled]}
                onInclude={(condition) => onChange(addCondition(editable, condition, "traces"))}
              />
            ))}
          </ol>
          {data.differences.length > DIFFERENCES_SHOWN && <p className={css.hint}>{plural(data.differences.length - DIFFERENCES_SHOWN, "smaller difference")} not shown.</p>}
        </>
      )}
    </div>
  );
}

/** What is selected, and what else can be done with it. */
function Box({ box, editable, onBox }: { box: HeatmapBox; editable: string; onBox: (box: HeatmapBox | null) => void }) {
  const { zone } = useTime();
  const { patch } = useUrl();
  const open = () => {
    const bounded = setDuration(editable, box.fromNs === 0 ? null : printDuration(box.fromNs), box.toNs === null ? null : printDuration(box.toNs), "traces");
    const text = box.outcome === null ? bounded : addCondition(bounded, `outcome:${box.outcome}`, "traces");
    const range = rangePatch({ from: { kind: "absolute", at: box.from }, to: { kind: "absolute", at: box.to } });
    patch({ ...textPatch(text), ...range, ...boxPatch(null), view: null });
  };
  return (
    <div className={css.chosen}>
      <span>
        {formatClock(box.from, zone, 0)} – {formatClock(box.to, zone, 0)}, {box.toNs === null ? `from ${formatDuration(box.fromNs)}` : `${formatDuration(box.fromNs)} – ${formatDuration(box.toNs)}`}
      </span>
      <Button look="quiet" small iconLabel="Remove the selection" onClick={() => onBox(null)}>
        <X size={13} aria-hidden />
      </Button>
      <div className={css.choices} role="group" aria-label="Outcomes of the selection">
        {[null, ...BOX_OUTCOMES].map((outcome) => (
          <Button key={outcome ?? "all"} small look="quiet" aria-pressed={box.outcome === outcome} onClick={() => onBox({ ...box, outcome })}>
            {outcome ?? "all"}
          </Button>
        ))}
      </div>
      <Button small onClick={open}>
        List its traces
      </Button>
    </div>
  );
}

function Key() {
  return (
    <p className={css.key}>
      <i className={css.insideBar} aria-hidden /> inside <i className={css.outsideBar} aria-hidden /> outside; click a value to search for it
    </p>
  );
}

function summaryOf(data: SelectionComparison): string {
  if (data.inside.spans === 0) return "No span lies in the selection.";
  if (data.outside.spans === 0) return "All matching spans lie in the selection: there is nothing to compare with.";
  const sides = `${plural(data.inside.spans, "span")} inside, ${group(data.outside.spans)} outside.`;
  return data.differences.length === 0 ? `${sides} No field or attribute tells them apart.` : sides;
}

function DifferenceItem({ difference, totals, onInclude }: { difference: Difference; totals: [number, number]; onInclude: (condition: string) => void }) {
  const { key, values, divergence } = difference;
  const [first] = values;
  return (
    <li>
      <div className={css.name}>
        <b title={key}>{key}</b>
        <span title={`Jensen-Shannon divergence ${divergence.toFixed(3)}: 0 is no difference, 1 no value in common`}>difference {divergence.toFixed(2)}</span>
      </div>
      {first && <p className={css.sentence}>{sentenceOf(key, first, totals)}</p>}
      <ul>
        {values.slice(0, VALUES_SHOWN).map((value) => (
          <ValueRow key={value.value ?? "\0"} of={difference} value={value} totals={totals} onInclude={onInclude} />
        ))}
      </ul>
    </li>
  );
}

/** "`k8s.node=n7`: 92% inside, 4% outside" */
function sentenceOf(key: string, { value, inside, outside }: ValueDifference, totals: [number, number]) {
  return (
    <>
      {value === null ? <>no <code>{key}</code></> : <code>{`${key}=${value}`}</code>}: {formatShare(inside, totals[0])} inside, {formatShare(outside, totals[1])} outside
    </>
  );
}

function ValueRow({ of, value, totals, onInclude }: { of: Difference; value: ValueDifference; totals: [number, number]; onInclude: (condition: string) => void }) {
  const name = value.value === null ? "not there" : value.value === "" ? "empty" : value.value;
  const counts = [value.inside, value.outside] as const;
  const said = `${formatShare(counts[0], totals[0])} inside (${group(counts[0])}), ${formatShare(counts[1], totals[1])} outside (${group(counts[1])})`;
  return (
    <li>
      <button type="button" className={css.value} title={`${name}: ${said}`} aria-label={`Include ${of.key} ${name}: ${said}`} onClick={() => onInclude(conditionOf(of, value))}>
        <span className={classNames(css.valueName, value.value === null && css.absent)}>{name}</span>
        <span className={css.bars} aria-hidden>
          {counts.map((count, side) => (
            <span key={side} className={css.barLine}>
              <i className={side === 0 ? css.insideBar : css.outsideBar} style={{ width: `${(Math.min(1, count / Math.max(1, totals[side]!)) * 100).toFixed(1)}%` }} />
            </span>
          ))}
        </span>
        <span className={css.counts} aria-hidden>
          <span>{group(counts[0])}</span>
          <span>{group(counts[1])}</span>
        </span>
      </button>
    </li>
  );
}

function conditionOf({ key, kind }: Difference, { value }: ValueDifference): string {
  if (value === null) return `-${keyText(key)}:*`;
  return kind === "attribute" ? attributeCondition(key, value) : conditionText(key, value);
}
