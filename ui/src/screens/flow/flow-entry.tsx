import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { facetsQuery, statusQuery } from "../../api/queries";
import type { Facet } from "../../api/types";
import { ErrorState, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { flowHref } from "../../lib/flow-href";
import { formatCount, plural } from "../../lib/format";
import { carryOver } from "../../lib/url-state";
import css from "./flow-screen.module.css";

/** Keys of one request for values. */
const KEYS_AT_ONCE = 20;

interface KeyValues {
  key: string;
  distinct: number;
  rows: number;
  values: { value: string; count: number }[];
}

/** What a flow is, and which values the range has under the configured keys. */
export function FlowEntry() {
  const { window } = useTime();
  const status = useQuery(statusQuery());
  const keys = status.data?.flow_keys ?? [];
  const parts = Array.from({ length: Math.ceil(keys.length / KEYS_AT_ONCE) }, (_, nth) => keys.slice(nth * KEYS_AT_ONCE, (nth + 1) * KEYS_AT_ONCE));
  const asked = parts.flatMap((part) => (["spans", "logs"] as const).map((signal) => facetsQuery(signal, window, "", part)));
  const answers = useQueries({ queries: asked });
  const failed = answers.find((answer) => answer.isError);
  const found = byKey(keys, answers.flatMap((answer) => answer.data?.facets ?? []));
  const waiting = status.isPending || answers.some((answer) => answer.isPending);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.entry} tabIndex={0} role="region" aria-label="Values to begin with" aria-busy={waiting}>
      <h2>Everything about one order, session or request</h2>
      <p>Give its number above: the traces and log records that carry it are shown as one story, with what span links join to them.</p>
      {failed && <ErrorState title="The values could not be listed" error={failed.error} />}
      {waiting && found.length === 0 && <Skeleton width="60%" height={90} />}
      {!waiting && !failed && found.length === 0 && <p className={css.keys}>No span and no log record of this range has a value under one of these keys: {keys.join(", ")}. The setting flow-keys of the server changes this list.</p>}
      {found.map((one) => (
        <KeySection key={one.key} found={one} />
      ))}
      {found.length > 0 && <p className={css.keys}>Looked under: {keys.join(", ")}. The setting flow-keys of the server changes this list.</p>}
    </div>
  );
}

function KeySection({ found }: { found: KeyValues }) {
  const { search } = useUrl();
  return (
    <section className={css.keySection}>
      <h3>
        {found.key} <small>{plural(found.distinct, "value")} in the range, each with the number of spans and log records that carry it</small>
      </h3>
      <ul>
        {found.values.map(({ value, count }) => (
          <li key={value}>
            <Link href={flowHref(value, carryOver(search))}>{value}</Link> <small>{formatCount(count)}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Values of spans and of log records together, in the order of the keys. */
function byKey(keys: readonly string[], facets: readonly Facet[]): KeyValues[] {
  const found = keys.map((key): KeyValues => {
    const counts = new Map<string, number>();
    const same = facets.filter((facet) => facet.key === key);
    for (const { value, count } of same.flatMap((facet) => facet.values)) counts.set(value, (counts.get(value) ?? 0) + count);
    const values = [...counts].map(([value, count]) => ({ value, count })).toSorted((a, b) => b.count - a.count);
    return { key, values, rows: same.reduce((sum, facet) => sum + facet.count, 0), distinct: Math.max(0, ...same.map((facet) => facet.distinct)) };
  });
  return found.filter((one) => one.values.length > 0);
}
