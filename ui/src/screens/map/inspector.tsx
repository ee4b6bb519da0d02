import { useQuery } from "@tanstack/react-query";
import { Crosshair, Ungroup, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { operationsQuery } from "../../api/queries";
import type { DurationBucket, DurationFigures, MapEdge, MapNode, OutcomeCounts, ServiceMap } from "../../api/types";
import { edgeId, type Graph, type GraphNode } from "../../engine/map-graph";
import { allOf } from "../../engine/search/edit";
import { NO_REQUESTS, OUTCOMES, type Outcome, OUTCOME_WORDS, parts, worst } from "../../engine/outcome";
import { Button, buttonClass } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { countWithin, DurationHistogram, type DurationSelection, OutcomeBoxes } from "../../kit/duration-histogram";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatDuration, formatShare, group, plural, printDuration } from "../../lib/format";
import { carryOver, href, readText } from "../../lib/url-state";
import css from "./inspector.module.css";
import { CallsInRequest } from "./calls-in-request";
import { describeBefore, failingFirst, perMinute, TYPE_WORDS, worstShare } from "../../kit/map/words";
import { callsOver, requestsOf, type SearchWith } from "./searches";

const OPERATIONS_SHOWN = 6;
const MEMBERS_SHOWN = 50;
const WORST_SHOWN = 8;

interface Common {
  map: ServiceMap;
  minutes: number;
  /** The window before, when it is compared with. */
  before: ServiceMap | null;
  onSelect: (panel: string | null) => void;
}

/** What is known of the selected node or edge; of the whole map when nothing is selected. */
export function MapInspector({ panel, graph, onFocus, onExpand, ...common }: Common & { panel: string | null; graph: Graph | null; onFocus: (id: string) => void; onExpand: (group: string) => void }) {
  if (panel === null) return <WholeMap {...common} />;
  const node = common.map.nodes.find((one) => panel === `node:${one.id}`);
  if (node) return <NodePanel key={panel} node={node} onFocus={onFocus} {...common} />;
  const edge = common.map.edges.find((one) => panel === `edge:${edgeId(one)}`);
  if (edge) return <EdgePanel key={panel} edge={edge} {...common} />;
  const together = graph?.nodes.find((one) => one.members.length > 0 && panel === `node:${one.id}`);
  if (together) return <GroupPanel key={panel} together={together} onExpand={onExpand} {...common} />;
  return (
    <Panel title="Not on this map" kind="" onClose={() => common.onSelect(null)}>
      <p className={css.note}>What was selected has no requests in this range.</p>
    </Panel>
  );
}

/** Without a selection: where to look first. The panel is always there, so that a click moves nothing under the pointer. */
function WholeMap({ map, minutes, onSelect }: Common) {
  const services = map.nodes.filter((node) => node.type === "service");
  const failing = failingFirst(map);
  const slowest = services.filter((node) => node.duration_ns !== null).toSorted((a, b) => b.duration_ns!.p95 - a.duration_ns!.p95);
  const lost = map.nodes.length - services.length;
  return (
    <aside className={css.panel} aria-label="Details of the whole map">
      <header className={css.head}>
        <h2>Whole map</h2>
      </header>
      <p className={css.note}>
        {plural(services.length, "service")} and {plural(lost, "other node")} from {plural(map.trace_count, "trace")} with {plural(map.span_count, "span")}. A click on a node or an arrow shows its figures.
      </p>
      <section>
        <h3>Failing</h3>
        {failing.length === 0 ? (
          <p className={css.note}>Nothing fails.</p>
        ) : (
          <NodeRows nodes={failing.slice(0, WORST_SHOWN)} figure={worstOf} bad minutes={minutes} onSelect={onSelect} />
        )}
      </section>
      <section>
        <h3>Slowest, by p95</h3>
        <NodeRows nodes={slowest.slice(0, WORST_SHOWN)} figure={(node) => formatDuration(node.duration_ns!.p95)} minutes={minutes} onSelect={onSelect} />
      </section>
    </aside>
  );
}

/** `58% fault`, in its colour. */
function Worst({ counts }: { counts: OutcomeCounts }) {
  return <span className={css[`${worst(counts).outcome}Text`]}>{worstShare(counts)}</span>;
}

const worstOf = (node: MapNode) => <Worst counts={node} />;

function NodeRows(props: { nodes: MapNode[]; figure: (node: MapNode) => ReactNode; bad?: boolean; minutes: number; onSelect: (panel: string) => void }) {
  return (
    <table className={css.rows}>
      <tbody>
        {props.nodes.map((node) => (
          <tr key={node.id}>
            <th scope="row" title={node.name}>
              <button type="button" data-node={node.id} onClick={() => props.onSelect(`node:${node.id}`)}>
                {node.name}
              </button>
            </th>
            <td className={classNames(css.wide, props.bad && css.bad)}>{props.figure(node)}</td>
            <td>{perMinute(node.requests, props.minutes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function NodePanel({ node, map, minutes, before, onSelect, onFocus }: Common & { node: MapNode; onFocus: (id: string) => void }) {
  const { search } = useUrl();
  const carry = carryOver(search);
  const callers = map.edges.filter((edge) => edge.target === node.id);
  const calls = map.edges.filter((edge) => edge.source === node.id);
  const isService = node.type === "service";
  const requests = requestsOf(node);
  const ofService = allOf(["service", node.name]);
  return (
    <Panel title={node.name} kind={TYPE_WORDS[node.type]} outcome={worst(node).outcome} onClose={() => onSelect(null)}>
      <Tiles counts={node} duration={node.duration_ns} minutes={minutes} />
      {before && <Before found={before.nodes.find((one) => one.id === node.id)} />}
      <Distribution
        title={isService ? "Response time, as the service sees it" : "Response time, as its callers see it"}
        buckets={node.histogram}
        duration={node.duration_ns}
        counts={node}
        search={requests}
      />
      {isService && <Operations service={node.name} />}
      <Edges title="Called by" edges={callers} end="source" map={map} onSelect={onSelect} />
      <Edges title="Calls" edges={calls} end="target" map={map} onSelect={onSelect} />
      <div className={css.actions}>
        {isService && (
          <>
            <Link className={buttonClass("primary", true)} href={href("/traces", { q: ofService }, carry)}>
              View traces
            </Link>
            {requests && node.faults > 0 && <FailedTraces search={requests} />}
            <Link className={buttonClass("default", true)} href={href("/logs", { q: ofService }, carry)}>
              Logs
            </Link>
            <Link className={buttonClass("default", true)} href={href(`/services/${encodeURIComponent(node.name)}`, {}, carry)}>
              Service page
            </Link>
          </>
        )}
        <Button small onClick={() => onFocus(node.id)}>
          <Crosshair size={13} aria-hidden /> Focus
        </Button>
      </div>
    </Panel>
  );
}

function EdgePanel({ edge, map, minutes, before, onSelect }: Common & { edge: MapEdge }) {
  const { search } = useUrl();
  const source = map.nodes.find((node) => node.id === edge.source);
  const target = map.nodes.find((node) => node.id === edge.target);
  const isMessage = edge.message_age_ns !== null;
  const duration = edge.message_age_ns ?? edge.duration_ns;
  const reports = target && !target.inferred ? target : undefined;
  const calls = callsOver(edge, map);
  return (
    <Panel title={`${source?.name ?? edge.source} → ${target?.name ?? edge.target}`} kind={EDGE_WORDS[edge.kind]} outcome={worst(edge).outcome} onClose={() => onSelect(null)}>
      <Tiles counts={edge} duration={duration} minutes={minutes} noun={isMessage ? "mean age" : "mean"} />
      {before && <Before found={before.edges.find((one) => edgeId(one) === edgeId(edge))} />}
      <Distribution
        title={isMessage ? "Age of messages when received" : "Response time, as the caller sees it"}
        buckets={edge.histogram}
        outline={isMessage ? undefined : reports?.histogram}
        outlineLabel={`all requests of ${reports?.name}, as it sees them itself`}
        duration={duration}
        counts={edge}
        search={calls && !isMessage ? calls : null}
      />
      {source?.type === "service" && target && <CallsInRequest source={source} target={target} />}
      <div className={css.actions}>
        {calls && (
          <Link className={buttonClass("primary", true)} href={href("/traces", { q: calls("") }, carryOver(search))}>
            View traces
          </Link>
        )}
        {calls && !isMessage && edge.faults > 0 && <FailedTraces search={calls} />}
        {[source, target].map((node) => node && (
          <Button key={node.id} small title={`Details of ${node.name}`} onClick={() => onSelect(`node:${node.id}`)}>
            {node.name}
          </Button>
        ))}
      </div>
    </Panel>
  );
}

/** The way to the traces with the requests that failed. */
function FailedTraces({ search: searchWith }: { search: SearchWith }) {
  const { search } = useUrl();
  return (
    <Link className={buttonClass("default", true)} href={href("/traces", { q: searchWith(" outcome:fault") }, carryOver(search))}>
      Failed traces
    </Link>
  );
}

/** Nodes that are drawn as one: of a group, or the quiet ones of a type. */
function GroupPanel({ together: one, map, minutes, onSelect, onExpand }: Common & { together: GraphNode; onExpand: (group: string) => void }) {
  const members = new Set(one.members);
  const nodes = map.nodes.filter((node) => members.has(node.id)).toSorted((a, b) => b.faults - a.faults || b.requests - a.requests);
  return (
    <Panel title={one.name} kind="drawn as one" outcome={worst(one).outcome} onClose={() => onSelect(null)}>
      <Tiles counts={one} duration={null} minutes={minutes} />
      {one.group === null ? (
        <p className={css.note}>The map draws the busiest nodes and those that fail most. Focus on one of these, or open the list, to see it with its neighbours.</p>
      ) : (
        <div className={css.actions}>
          <Button look="primary" small onClick={() => onExpand(one.group!)}>
            <Ungroup size={13} aria-hidden /> Expand
          </Button>
        </div>
      )}
      <table className={css.rows}>
        <tbody>
          {nodes.slice(0, MEMBERS_SHOWN).map((node) => (
            <tr key={node.id}>
              <th scope="row">
                <button type="button" data-node={node.id} onClick={() => onSelect(`node:${node.id}`)}>
                  {node.name}
                </button>
              </th>
              <td className={css.bad}>
                <Worst counts={node} />
              </td>
              <td title={plural(node.requests, "request")}>{formatCount(node.requests)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {nodes.length > MEMBERS_SHOWN && <p className={css.note}>and {group(nodes.length - MEMBERS_SHOWN)} more</p>}
    </Panel>
  );
}

const EDGE_WORDS = { sync: "call", async: "message", link: "message, by link" } as const;

function Panel(props: { title: string; kind: string; outcome?: Outcome; onClose: () => void; children: ReactNode }) {
  return (
    <aside className={css.panel} tabIndex={-1} aria-label={`Details of ${props.title}`}>
      <header className={css.head}>
        {props.outcome && <i className={css[props.outcome]} />}
        <h2>{props.title}</h2>
        <span className={css.kind}>{props.kind}</span>
        <Button look="quiet" small iconLabel="Close" onClick={props.onClose}>
          <X size={15} aria-hidden />
        </Button>
      </header>
      {props.children}
    </aside>
  );
}

function Tiles({ counts, duration, minutes, noun = "mean" }: { counts: OutcomeCounts; duration: DurationFigures | null; minutes: number; noun?: string }) {
  const { outcome, count } = worst(counts);
  const failed = outcome !== "ok";
  return (
    <dl className={css.tiles}>
      <div title={plural(counts.requests, "request")}>
        <dd>{perMinute(counts.requests, minutes).replace("/min", "")}</dd>
        <dt>requests/min</dt>
      </div>
      <div title={`${group(count)} of ${group(counts.requests)}`}>
        <dd className={failed ? css[`${outcome}Text`] : undefined}>{counts.requests === 0 ? "–" : formatShare(count, counts.requests)}</dd>
        <dt>{OUTCOME_WORDS[outcome]}</dt>
      </div>
      <div>
        <dd>{duration ? formatDuration(duration.mean) : "–"}</dd>
        <dt>{noun}</dt>
      </div>
    </dl>
  );
}

/** The same in the window before, in words. */
function Before({ found }: { found: MapNode | MapEdge | undefined }) {
  const duration = found?.duration_ns;
  return (
    <p className={css.note}>
      Window before: {describeBefore(found ?? NO_REQUESTS)}
      {duration && `, mean ${formatDuration(duration.mean)}`}
    </p>
  );
}

/** The histogram with its boxes; a stretch chosen in it leads to the traces. */
function Distribution(props: {
  title: string;
  buckets: DurationBucket[];
  outline?: DurationBucket[] | undefined;
  outlineLabel?: string;
  duration: DurationFigures | null;
  counts: OutcomeCounts;
  /** The search for traces with such requests, given further conditions on them; no way to the traces without one. */
  search: SearchWith | null;
}) {
  const { search } = useUrl();
  const [outcomes, setOutcomes] = useState<ReadonlySet<Outcome>>(new Set(OUTCOMES));
  const [selection, setSelection] = useState<DurationSelection | null>(null);
  const { duration } = props;
  if (!duration) return <p className={css.note}>It has served no request itself in this range.</p>;
  return (
    <section>
      <h3>{props.title}</h3>
      <DurationHistogram
        label={props.title}
        buckets={props.buckets}
        outline={props.outline}
        outlineLabel={props.outlineLabel ?? ""}
        marks={[{ label: "p50", ns: duration.p50 }, { label: "p95", ns: duration.p95 }]}
        outcomes={outcomes}
        selection={selection}
        onSelect={setSelection}
      />
      <OutcomeBoxes counts={parts(props.counts)} chosen={outcomes} onChange={setOutcomes} />
      {selection && (
        <p className={css.chosen}>
          {plural(countWithin(props.buckets, selection), "request")} from {formatDuration(selection.from)} to {formatDuration(selection.to)}
          {props.search && <Link href={href("/traces", { q: props.search(chosenText(outcomes, selection)) }, carryOver(search))}>View their traces</Link>}
        </p>
      )}
      <dl className={css.ranks}>
        {(["p50", "p95", "p99", "max"] as const).map((key) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{formatDuration(duration[key])}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Outcomes and a stretch of the histogram as conditions, each behind a blank. */
function chosenText(outcomes: ReadonlySet<Outcome>, { from, to }: DurationSelection): string {
  const chosen = OUTCOMES.filter((outcome) => outcomes.has(outcome));
  const ofOutcome = chosen.length === 0 || chosen.length === OUTCOMES.length ? "" : ` outcome:${chosen.length === 1 ? chosen[0] : `(${chosen.join(" OR ")})`}`;
  return `${ofOutcome}${from === 0 ? "" : ` duration>=${printDuration(from)}`} duration<${printDuration(to)}`;
}

function Operations({ service }: { service: string }) {
  const { window } = useTime();
  const { search } = useUrl();
  const { data } = useQuery(operationsQuery(service, window));
  const served = (data ?? []).filter((row) => row.kind === "SERVER" || row.kind === "CONSUMER").toSorted((a, b) => b.span_count - a.span_count);
  if (served.length === 0) return null;
  return (
    <section>
      <h3>Operations{readText(search) !== "" && " in all traces"}</h3>
      <table className={css.rows}>
        <tbody>
          {served.slice(0, OPERATIONS_SHOWN).map((row) => (
            <tr key={`${row.name} ${row.kind}`}>
              <th scope="row" title={row.name}>
                <Link href={href("/traces", { q: allOf(["service", service], ["name", row.name]) }, carryOver(search))}>{row.name}</Link>
              </th>
              <td title={plural(row.span_count, "request")}>{formatCount(row.span_count)}</td>
              <td>{row.duration_ns ? formatDuration(row.duration_ns.p50) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Edges({ title, edges, end, map, onSelect }: { title: string; edges: MapEdge[]; end: "source" | "target"; map: ServiceMap; onSelect: (panel: string) => void }) {
  if (edges.length === 0) return null;
  const names = new Map(map.nodes.map((node) => [node.id, node.name]));
  const failing = edges.some((edge) => worst(edge).outcome !== "ok");
  return (
    <section>
      <h3>{title}</h3>
      <table className={css.rows}>
        <tbody>
          {edges.toSorted((a, b) => b.requests - a.requests).map((edge) => (
            <tr key={edgeId(edge)}>
              <th scope="row" title={names.get(edge[end])}>
                <button type="button" data-edge={edgeId(edge)} onClick={() => onSelect(`edge:${edgeId(edge)}`)}>
                  {names.get(edge[end]) ?? edge[end]}
                </button>
                {edge.kind !== "sync" && <small> {EDGE_WORDS[edge.kind]}</small>}
              </th>
              {failing && (
                <td className={css.bad}>
                  <Worst counts={edge} />
                </td>
              )}
              <td title={plural(edge.requests, "request")}>{formatCount(edge.requests)}</td>
              <td>{edge.duration_ns ? formatDuration(edge.duration_ns.mean) : edge.message_age_ns ? formatDuration(edge.message_age_ns.mean) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
