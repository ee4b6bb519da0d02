import { useQuery } from "@tanstack/react-query";
import { spanDetailQuery } from "../../api/queries";
import type { Attributes, SpanDetail } from "../../api/types";
import { type AttributePair, longestOf, pairAttributes } from "../../engine/compare";
import type { Contribution } from "../../engine/contributions";
import type { LoadedTrace } from "../../engine/decode-trace";
import { spanIdOf } from "../../engine/trace-model";
import { classNames } from "../../kit/class-names";
import { OptionPopover } from "../../kit/option-popover";
import { EmptyState, ErrorState, Skeleton } from "../../kit/states";
import { LongText } from "../../kit/text";
import { useUrl } from "../../kit/use-url";
import { attributeText } from "../../lib/attributes";
import { formatDuration } from "../../lib/format";
import css from "./compare-screen.module.css";

const label = (part: Contribution) => `${part.service} ${part.name}`;

/** What one operation said in each trace: the attributes and the resource of its longest spans. */
export function AttributesView({ parts, a, b }: { parts: readonly Contribution[]; a: LoadedTrace; b: LoadedTrace }) {
  const { search, patch } = useUrl();
  const inBoth = parts.filter((part) => part.countA > 0 && part.countB > 0);
  const wanted = new URLSearchParams(search).get("op");
  const part = inBoth.find((one) => label(one) === wanted) ?? inBoth[0];
  if (!part) {
    return (
      <EmptyState title="No operation is in both traces">
        <p>The attributes of an operation can be compared when both traces have called it.</p>
      </EmptyState>
    );
  }
  return (
    <>
      <div className={css.bar}>
        <span>
          <b>{label(part)}</b>: the longest call of each trace
        </span>
        <OptionPopover
          small
          label="Another operation"
          value={undefined}
          options={inBoth.map((one) => ({ value: label(one), hint: `${one.delta > 0 ? "+" : ""}${formatDuration(one.delta)}` }))}
          none="No such operation is in both traces"
          onPick={(op) => patch({ op })}
        />
      </div>
      <Pair key={label(part)} part={part} a={a} b={b} />
    </>
  );
}

function Pair({ part, a, b }: { part: Contribution; a: LoadedTrace; b: LoadedTrace }) {
  const ofA = useQuery(spanDetailQuery(a.facts.trace_id, spanIdOf(a.model, longestOf(a.model, part.service, part.name))));
  const ofB = useQuery(spanDetailQuery(b.facts.trace_id, spanIdOf(b.model, longestOf(b.model, part.service, part.name))));
  const failed = [ofA, ofB].find((query) => query.isError);
  if (failed) return <ErrorState title="The spans could not be loaded" error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!ofA.data || !ofB.data) {
    return (
      <div className={css.skeleton} aria-busy="true">
        {Array.from({ length: 8 }, (_, i) => (
          <Skeleton key={i} width={`${70 - ((i * 23) % 40)}%`} height={14} />
        ))}
      </div>
    );
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroller} tabIndex={0} role="region" aria-label="Attributes of both">
      <PairTable title="Attributes" pairs={pairAttributes(texts(ofA.data, "attributes"), texts(ofB.data, "attributes"))} />
      <PairTable title="Resource" pairs={pairAttributes(texts(ofA.data, "resource"), texts(ofB.data, "resource"))} />
    </div>
  );
}

function texts(detail: SpanDetail, of: "attributes" | "resource"): Record<string, string> {
  const attributes: Attributes = detail.spans[0]?.[of] ?? {};
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeText(value)]));
}

function PairTable({ title, pairs }: { title: string; pairs: readonly AttributePair[] }) {
  const differing = pairs.filter((pair) => pair.a !== pair.b).length;
  return (
    <table className={css.table} aria-label={title}>
      <thead>
        <tr>
          <th scope="col">
            {title}
            {pairs.length > 0 && `: ${differing === 0 ? "all the same" : `${differing} of ${pairs.length} differ`}`}
          </th>
          <th scope="col">A</th>
          <th scope="col">B</th>
        </tr>
      </thead>
      <tbody>
        {pairs.map((pair) => (
          <tr key={pair.key} className={classNames(pair.a === pair.b && css.same)}>
            <th scope="row">{pair.key}</th>
            {[pair.a, pair.b].map((value, side) => (
              // Two columns, A and B.
              // oxlint-disable-next-line react/no-array-index-key
              <td key={side} className={classNames(css.value, pair.a !== pair.b && css.changed)}>
                {value === null ? <span className={css.dim}>none</span> : <LongText value={value} />}
              </td>
            ))}
          </tr>
        ))}
        {pairs.length === 0 && (
          <tr>
            <td colSpan={3} className={css.dim}>
              Neither has any.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
