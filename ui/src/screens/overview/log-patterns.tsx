import { Link } from "wouter";
import type { CauseChange } from "../../api/cause";
import type { Window } from "../../api/queries";
import { linkOf, prevalence } from "../../engine/cause-links";
import { classNames } from "../../kit/class-names";
import { ErrorState, Skeleton } from "../../kit/states";
import { group } from "../../lib/format";
import controls from "../../kit/controls.module.css";
import table from "../../kit/table.module.css";
import css from "./log-patterns.module.css";
import type { Comparison } from "./use-comparison";
import { useWindowLink } from "./use-window-link";

const PATTERNS_SHOWN = 6;

/** Log records and exceptions of a kind that there was not before, or far less of. A click leads to those of the range. */
export function LogPatterns({ comparison }: { comparison: Comparison }) {
  const { query, chosen, isTooMuch } = comparison;
  const { data } = query;
  if (isTooMuch && !data) return <p className={css.calm}>Not looked for: there is too much data in the range for a quick comparison.</p>;
  if (query.isError && !data) return <ErrorState title="New messages could not be looked for" error={query.error} onRetry={() => void query.refetch()} />;
  if (!data) {
    return (
      <div className={css.waiting} aria-busy="true">
        <Skeleton height={20} />
        <Skeleton height={20} />
      </div>
    );
  }
  if (data.base.logs === 0 && data.base.spans === 0) return <p className={css.calm}>There is no data around this range to compare with.</p>;
  if (data.messages.length === 0) return <p className={css.calm}>No message is new, and none is far more frequent than before.</p>;
  return (
    <>
      <table className={classNames(table.panel, css.patterns, query.isPlaceholderData && css.stale)} aria-busy={query.isPlaceholderData}>
        <thead>
          <tr>
            <th scope="col">Message</th>
            <th scope="col" className={table.word}>Service</th>
            <th scope="col">Now</th>
            <th scope="col">Before</th>
            <th scope="col">
              <span className={controls.srOnly}>Links</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {data.messages.slice(0, PATTERNS_SHOWN).map((change) => (
            <Pattern key={change.sentence} change={change} window={chosen} />
          ))}
        </tbody>
      </table>
      {data.messages.length > PATTERNS_SHOWN && <p className={css.more}>and {group(data.messages.length - PATTERNS_SHOWN)} that weigh less</p>}
    </>
  );
}

function Pattern({ change, window }: { change: CauseChange; window: Window }) {
  const link = useWindowLink(window);
  const target = linkOf(change);
  const { example } = change;
  const { mark, now, before } = prevalence(change);
  return (
    <tr>
      <th scope="row">
        <span className={css.mark}>{mark}</span>
        <Link className={classNames(css.pattern, change.is_error && css.error)} href={link(target.path, { q: target.q })} title={change.message ?? ""}>
          {change.message}
        </Link>
      </th>
      <td className={table.word}>{change.service}</td>
      <td title={now.title}>{now.text}</td>
      <td title={before.title}>{before.text}</td>
      <td className={css.links}>
        {example && example.trace_id !== "" && (
          <Link href={link(`/trace/${example.trace_id}`, example.span_id === "" ? {} : { span: example.span_id })} aria-label={`Example of: ${change.message}`}>
            Example
          </Link>
        )}
      </td>
    </tr>
  );
}
