import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { Link } from "wouter";
import { operationsQuery } from "../../api/queries";
import { allOf } from "../../engine/search/edit";
import { Button, buttonClass } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { EmptyState, ErrorState, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatDuration, formatShare, group } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import css from "./services-screen.module.css";

/** Operations of one service, the ways on to its traces and logs. */
export function OperationsPanel({ service, onClose }: { service: string; onClose: () => void }) {
  const { window } = useTime();
  const { search } = useUrl();
  const carry = carryOver(search);
  const query = useQuery(operationsQuery(service, window));
  const ofService = allOf(["service", service]);
  return (
    <aside className={css.panel} aria-label={`Service ${service}`}>
      <div className={css.panelHead}>
        <h2>{service}</h2>
        <Button look="quiet" small iconLabel="Close" onClick={onClose}>
          <X size={15} aria-hidden />
        </Button>
      </div>
      <div className={css.panelActions}>
        <Link className={buttonClass("primary", true)} href={href(`/services/${encodeURIComponent(service)}`, {}, carry)}>
          Service page
        </Link>
        <Link className={buttonClass("default", true)} href={href("/traces", { q: ofService }, carry)}>
          Traces
        </Link>
        <Link className={buttonClass("default", true)} href={href("/traces", { q: `${ofService} status:error` }, carry)}>
          Failed traces
        </Link>
        <Link className={buttonClass("default", true)} href={href("/logs", { q: ofService }, carry)}>
          Logs
        </Link>
      </div>
      {query.isError && <ErrorState title="The operations could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && (
        <div className={css.panelSkeleton}>
          {Array.from({ length: 6 }, (_, i) => (
            <Skeleton key={i} height={26} />
          ))}
        </div>
      )}
      {query.data?.length === 0 && <EmptyState title="No spans of this service in the range" />}
      {query.data && query.data.length > 0 && (
        <table className={classNames(table.panel, css.operations)}>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">Spans</th>
              <th scope="col">Errors</th>
              <th scope="col">p50</th>
              <th scope="col">p95</th>
            </tr>
          </thead>
          <tbody>
            {query.data.map((row) => (
              <tr key={`${row.name} ${row.kind}`}>
                <th scope="row" title={row.name}>
                  <Link href={href("/traces", { q: allOf(["service", service], ["name", row.name]) }, carry)}>{row.name}</Link>
                  <small>{row.kind.toLowerCase()}</small>
                </th>
                <td title={group(row.span_count)}>{formatCount(row.span_count)}</td>
                <td className={row.error_count > 0 ? table.fault : table.none}>{row.error_count > 0 ? formatShare(row.error_count, row.span_count) : "–"}</td>
                <td>{row.duration_ns ? formatDuration(row.duration_ns.p50) : "–"}</td>
                <td>{row.duration_ns ? formatDuration(row.duration_ns.p95) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </aside>
  );
}
