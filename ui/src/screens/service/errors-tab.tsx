import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { serviceErrorsQuery } from "../../api/queries";
import { classNames } from "../../kit/class-names";
import { EmptyState, ErrorState, Note } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatShare, group, plural } from "../../lib/format";
import { formatBetween, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

/** Failed spans by exception type and message pattern. */
export function ErrorsTab({ service }: { service: string }) {
  const { window, zone } = useTime();
  const { search } = useUrl();
  const carry = carryOver(search);
  const query = useQuery(serviceErrorsQuery(service, window));
  if (query.isError) return <ErrorState title="The errors could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <div className={css.waiting} aria-busy="true" />;
  const { groups, span_count: total, other_count: others } = query.data;
  if (groups.length === 0) return <EmptyState title="No span of this service failed in the range" />;
  return (
    <>
      {others > 0 && <Note>{plural(others, "failed span")} of further kinds are not listed.</Note>}
      <div className={css.tableBox}>
        <table className={table.panel}>
          <thead>
            <tr>
              <th scope="col">What failed</th>
              <th scope="col">Spans</th>
              <th scope="col">Share</th>
              <th scope="col">Fault</th>
              <th scope="col" className={table.word}>Where</th>
              <th scope="col">First and last seen</th>
              <th scope="col">Example</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((one) => (
              <tr key={`${one.type} ${one.pattern}`}>
                <th scope="row" className={css.failure} title={one.example.message}>
                  {one.type || one.pattern || "no message"}
                  <small>{one.type === "" ? "no exception type" : one.pattern || "no message"}</small>
                </th>
                <td title={group(one.count)}>{formatCount(one.count)}</td>
                <td>{formatShare(one.count, total)}</td>
                <td className={one.fault_count > 0 ? table.fault : table.none}>{one.fault_count > 0 ? formatShare(one.fault_count, one.count) : "–"}</td>
                <td className={classNames(table.word, css.where)} title={one.operations.map((operation) => `${operation.name} (${group(operation.count)})`).join("\n")}>
                  {one.operations[0]?.name}
                  {one.operations.length > 1 && ` and ${one.operations.length - 1} more`}
                </td>
                <td>{formatBetween(nanos(one.first_unix_nano), nanos(one.last_unix_nano), zone)}</td>
                <td>
                  <Link href={href(`/trace/${one.example.trace_id}`, { span: one.example.span_id }, carry)}>Trace</Link>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
