import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { chattinessQuery } from "../../api/flow-queries";
import type { MapNode } from "../../api/types";
import { findings, timesWords, waitWords } from "../../kit/call-words";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { group, plural } from "../../lib/format";
import { carryOver, href, readText } from "../../lib/url-state";
import css from "./inspector.module.css";

/** How often a request of the caller makes this call, and what is odd about it. Nothing while it is counted, or without such calls. */
export function CallsInRequest({ source, target }: { source: MapNode; target: MapNode }) {
  const { window } = useTime();
  const { search } = useUrl();
  const { data, isError } = useQuery(chattinessQuery(window, readText(search)));
  const calls = data?.edges.find((edge) => edge.caller === source.name && edge.callee === target.name && edge.callee_type === target.type);
  if (isError) return <p className={css.note}>The calls of a request could not be counted.</p>;
  if (!calls) return null;
  const example = calls.n_plus_one?.worst ?? calls.example;
  return (
    <section>
      <h3>Calls of a request</h3>
      <p className={css.calls} title={`${group(calls.calls)} calls in ${plural(calls.requests, "request")}; p95 ${group(calls.per_request.p95)}, at most ${group(calls.per_request.max)}`}>
        {timesWords(calls.per_request.mean)}, at most {group(calls.per_request.max)}
        {waitWords(calls)}.{" "}
        {example && (
          <Link href={href(`/trace/${example.trace_id}`, { span: example.span_id }, carryOver(search))} title={`${plural(example.calls, "call")} from one span`}>
            Example
          </Link>
        )}
      </p>
      {findings(calls).map((one) => (
        <p key={one.label} className={css.calls}>
          <span className={css.finding}>{one.label}</span> {one.detail}
        </p>
      ))}
    </section>
  );
}
