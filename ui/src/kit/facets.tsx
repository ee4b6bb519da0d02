import { useQuery } from "@tanstack/react-query";
import { Minus } from "lucide-react";
import { useState } from "react";
import { facetsQuery, type Window } from "../api/queries";
import type { Facet, SearchSignal } from "../api/types";
import { addCondition, conditionText, hasCondition, removeCondition } from "../engine/search/edit";
import type { Subject } from "../engine/search/parse";
import { formatCount, group } from "../lib/format";
import { classNames } from "./class-names";
import css from "./facets.module.css";
import { isStopped } from "./panels";
import { storedFacets, storeFacets } from "./preferences";
import { Skeleton } from "./states";

interface FacetsProps {
  subject: Subject;
  keys: readonly string[];
  text: string;
  /** The same search as text that conditions can be put into: what an expression of X-Ray means. */
  editable: string;
  window: Window;
  onChange: (text: string) => void;
}

/** Whether facets are shown; the choice is kept. */
export function useFacetsShown(): [boolean, (shown: boolean) => void] {
  const [shown, setShown] = useState(storedFacets);
  const show = (next: boolean) => {
    storeFacets(next);
    setShown(next);
  };
  return [shown, show];
}

/** Values of a few keys with their counts in the result. A click narrows the search, the minus leaves out. */
export function Facets(props: FacetsProps) {
  const signal: SearchSignal = props.subject === "traces" ? "spans" : "logs";
  const counts = useQuery(facetsQuery(signal, props.window, props.text, props.keys));
  const { data, isPlaceholderData, isError } = counts;
  const stopped = isStopped(counts);
  const facets = data?.facets.filter((facet) => facet.values.length > 0) ?? [];
  return (
    <aside className={classNames(css.facets, isPlaceholderData && css.stale)} aria-label="Facets" aria-busy={isPlaceholderData && !stopped}>
      {stopped && <p className={css.note}>{data ? "Stopped: these counts are of the search before." : "Stopped before anything was counted."}</p>}
      {!data && !isError && !stopped && Array.from({ length: 12 }, (_, nth) => <Skeleton key={nth} width={`${90 - ((nth * 23) % 45)}%`} />)}
      {facets.map((facet) => (
        <Values key={facet.key} facet={facet} {...props} />
      ))}
      {data?.partial && <p className={css.note}>{data.rows > 0 ? `Of the first ${formatCount(data.rows)} rows that were read.` : "The time for counting was over before a row had been read: narrow the range, or try again."}</p>}
      {data && !data.partial && facets.length === 0 && <p className={css.note}>Nothing to choose from.</p>}
    </aside>
  );
}

function Values({ facet, subject, editable: text, onChange }: FacetsProps & { facet: Facet }) {
  const most = facet.values[0]?.count ?? 1;
  const more = facet.distinct - facet.values.length;
  return (
    <section className={css.facet}>
      <h2 className={css.title} title={facet.key}>
        {facet.key}
      </h2>
      <ul className={css.values}>
        {facet.values.map(({ value, count }) => {
          const include = conditionText(facet.key, value);
          const exclude = conditionText(facet.key, value, true);
          const chosen = hasCondition(text, include, subject);
          return (
            <li key={value} className={css.row}>
              <button
                type="button"
                className={css.value}
                aria-pressed={chosen}
                title={`${value}: ${group(count)}`}
                onClick={() => onChange(chosen ? removeCondition(text, include, subject) : addCondition(text, include, subject))}
              >
                <span className={css.share} style={{ width: `${(count / most) * 100}%` }} aria-hidden />
                <span className={css.name}>{value}</span>
                <span className={css.count}>{formatCount(count)}</span>
              </button>
              <button type="button" className={css.exclude} aria-label={`Leave out ${facet.key} ${value}`} onClick={() => onChange(addCondition(removeCondition(text, include, subject), exclude, subject))}>
                <Minus size={12} aria-hidden />
              </button>
            </li>
          );
        })}
      </ul>
      {more > 0 && <p className={css.note}>and {formatCount(more)} more: type {facet.key}:</p>}
    </section>
  );
}
