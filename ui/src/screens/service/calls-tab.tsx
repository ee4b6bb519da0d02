import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { type CallFigures, chattinessQuery, type EdgeCalls } from "../../api/flow-queries";
import { allOf } from "../../engine/search/edit";
import { EmptyState, ErrorState, Note } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare, group, plural } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import { findings, timesWords, waitWords } from "../../kit/call-words";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

/** How often the service calls others in one request, and how much of its time goes into waiting for one after the other. */
export function CallsTab({ service }: { service: string }) {
  const { window } = useTime();
  const query = useQuery(chattinessQuery(window, allOf(["service", service])));
  if (query.isError) return <ErrorState title="The calls could not be counted" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <div className={css.waiting} aria-busy="true" />;
  const edges = query.data.edges.filter((edge) => edge.caller === service);
  const roots = query.data.roots.filter((root) => root.service === service);
  if (edges.length === 0) {
    return (
      <EmptyState title="It calls nobody">
        <p>No span of this service in the range is a call to another service, a database or a queue.</p>
      </EmptyState>
    );
  }
  return (
    <>
      {query.data.left_out_edge_count > 0 && <Note>{plural(query.data.left_out_edge_count, "edge")} with less waiting are left out, some of this service may be among them.</Note>}
      <Section title="Calls of a request" hint="a request is what the service is asked for; calls below it count, in requests that have any">
        {edges.map((edge) => (
          <Row key={`${edge.callee_type} ${edge.callee}`} calls={edge} unit="request">
            <b>{service}</b> calls <Callee edge={edge} /> {timesWords(edge.per_request.mean)}
            {waitWords(edge)}
          </Row>
        ))}
      </Section>
      {roots.length > 0 && (
        <Section title="Calls of a trace that begins here" hint="all calls of the trace, by whichever service">
          {roots.map((root) => (
            <Row key={root.name} calls={root} unit="trace">
              <b>{root.name}</b> makes {plural(Math.round(root.per_request.mean), "call")}
              {waitWords(root)}
            </Row>
          ))}
        </Section>
      )}
    </>
  );
}

function Callee({ edge }: { edge: EdgeCalls }) {
  if (edge.callee_type === "service") return <b>{edge.callee}</b>;
  if (edge.callee_type !== null) return <><b>{edge.callee}</b> ({edge.callee_type})</>;
  // Client spans that do not say whom they call, of whatever operations.
  return <><b>what it does not name</b>{edge.example && `, such as ${edge.example.operation},`}</>;
}

function Section({ title, hint, children }: { title: string; hint: string; children: React.ReactNode }) {
  return (
    <section>
      <h2 className={css.title}>
        {title} <small>{hint}</small>
      </h2>
      <div className={css.tableBox}>
        <table className={table.panel}>
          <colgroup>
            <col />
            {[70, 70, 70, 170, 84].map((width, i) => (
              // oxlint-disable-next-line react/no-array-index-key
              <col key={i} style={{ width }} />
            ))}
          </colgroup>
          <thead>
            <tr>
              <th scope="col">What happens</th>
              <th scope="col">Mean</th>
              <th scope="col">p95</th>
              <th scope="col">Max</th>
              <th scope="col">One after another</th>
              <th scope="col">Example</th>
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ calls, unit, children }: { calls: CallFigures; unit: "request" | "trace"; children: React.ReactNode }) {
  const { search } = useUrl();
  const found = findings(calls);
  const example = calls.n_plus_one?.worst ?? calls.example;
  const { share, time_ns: time } = calls.sequential;
  const mean = calls.per_request.mean;
  return (
    <tr>
      <th scope="row" className={css.sentence}>
        {children}
        {found.map((one) => (
          <small key={one.label}>
            <span className={css.finding}>{one.label}</span> {one.detail}
          </small>
        ))}
      </th>
      <td title={`${group(calls.calls)} calls in ${plural(calls.requests, unit)}`}>{mean < 9.95 ? mean.toFixed(1) : group(Math.round(mean))}</td>
      <td>{group(calls.per_request.p95)}</td>
      <td>{group(calls.per_request.max)}</td>
      <td title={`${formatDuration(time)} in ${plural(calls.requests, unit)}`}>
        {time > 0 && (
          <span className={css.meter} aria-hidden>
            <span style={{ width: `${Math.min(1, share) * 100}%` }} />
          </span>
        )}
        <span className={css.metered}>{time > 0 ? formatShare(share, 1) : <span className={table.none}>–</span>}</span>
      </td>
      <td>
        {example ? (
          <Link href={href(`/trace/${example.trace_id}`, { span: example.span_id }, carryOver(search))} title={`${plural(example.calls, "call")} from one span`}>
            Trace
          </Link>
        ) : (
          <span className={table.none}>–</span>
        )}
      </td>
    </tr>
  );
}
