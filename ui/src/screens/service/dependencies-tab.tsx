import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { mapQuery } from "../../api/queries";
import type { MapEdge, MapNode } from "../../api/types";
import { EmptyState, ErrorState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatDuration, formatShare, group } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

/** Who calls the service, and whom it calls with which share of its time. */
export function DependenciesTab({ service }: { service: string }) {
  const { window } = useTime();
  const query = useQuery(mapQuery(window, "", 0));
  if (query.isError) return <ErrorState title="The dependencies could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <div className={css.waiting} aria-busy="true" />;
  const { nodes, edges } = query.data;
  const id = `service:${service}`;
  const names = new Map(nodes.map((node) => [node.id, node]));
  const own = totalOf(names.get(id));
  const calls = edges.filter((edge) => edge.source === id);
  const callers = edges.filter((edge) => edge.target === id);
  if (calls.length + callers.length === 0) {
    return (
      <EmptyState title="It calls nobody and nobody calls it">
        <p>No span of this range has a parent or child in another service.</p>
      </EmptyState>
    );
  }
  return (
    <>
      <Edges title="Calls" hint="share: time of these calls of the time of all requests of the service; calls at the same time count each" edges={calls} end="target" names={names} total={own} />
      <Edges title="Called by" hint="share: calls of this caller of all" edges={callers} end="source" names={names} total={null} />
    </>
  );
}

function totalOf(node: MapNode | undefined): number {
  return node?.duration_ns ? node.duration_ns.mean * node.requests : 0;
}

function Edges(props: { title: string; hint: string; edges: MapEdge[]; end: "source" | "target"; names: ReadonlyMap<string, MapNode>; total: number | null }) {
  const { search } = useUrl();
  const carry = carryOver(search);
  if (props.edges.length === 0) return null;
  const requests = props.edges.reduce((sum, edge) => sum + edge.requests, 0);
  const share = (edge: MapEdge) => (props.total === null ? edge.requests / Math.max(1, requests) : props.total > 0 ? ((edge.duration_ns?.mean ?? 0) * edge.requests) / props.total : 0);
  return (
    <section>
      <h2 className={css.title}>
        {props.title} <small>{props.hint}</small>
      </h2>
      <div className={css.tableBox}>
        <table className={table.panel}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" className={table.word}>Type</th>
              <th scope="col">Calls</th>
              <th scope="col">Fault</th>
              <th scope="col">Error</th>
              <th scope="col">Mean</th>
              <th scope="col">p95</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {props.edges.toSorted((a, b) => share(b) - share(a)).map((edge) => {
              const node = props.names.get(edge[props.end]);
              const duration = edge.duration_ns ?? edge.message_age_ns;
              return (
                <tr key={`${edge[props.end]} ${edge.kind}`}>
                  <th scope="row">
                    {node?.type === "service" ? <Link href={href(`/services/${encodeURIComponent(node.name)}`, { tab: "deps" }, carry)}>{node.name}</Link> : (node?.name ?? edge[props.end])}
                  </th>
                  <td className={table.word}>{edge.kind === "sync" ? (node?.type ?? "") : `${node?.type ?? ""}, by message`}</td>
                  <td title={group(edge.requests)}>{formatCount(edge.requests)}</td>
                  <td className={edge.faults > 0 ? table.fault : table.none}>{edge.faults > 0 ? formatShare(edge.faults, edge.requests) : "–"}</td>
                  <td className={edge.errors > 0 ? table.error : table.none}>{edge.errors > 0 ? formatShare(edge.errors, edge.requests) : "–"}</td>
                  <td>{duration ? formatDuration(duration.mean) : "–"}</td>
                  <td>{duration ? formatDuration(duration.p95) : "–"}</td>
                  <td>
                    <span className={css.meter} aria-hidden>
                      <span style={{ width: `${Math.min(1, share(edge)) * 100}%` }} />
                    </span>
                    <span className={css.metered}>{`${Math.round(share(edge) * 100)}%`}</span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
