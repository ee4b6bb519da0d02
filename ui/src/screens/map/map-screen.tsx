import { useQuery } from "@tanstack/react-query";
import { List, Waypoints } from "lucide-react";
import { useCallback, useMemo } from "react";
import { mapQuery, statusQuery, type Window } from "../../api/queries";
import type { ServiceMap } from "../../api/types";
import { buildGraph, type Graph } from "../../engine/map-graph";
import { addCounts, NO_REQUESTS, OUTCOME_WORDS, OUTCOMES } from "../../engine/outcome";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { NoDataInRange } from "../../kit/no-data";
import { NothingMatches } from "../../kit/nothing-matches";
import { Page } from "../../kit/page";
import { QueryBar, useEditable } from "../../kit/query-bar";
import { ConditionChips } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { EmptyState, ErrorState, Note } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { plural } from "../../lib/format";
import { mapPatch, type MapView, readMapView } from "../../lib/map-url";
import { nanos } from "../../lib/time";
import { readText, textPatch } from "../../lib/url-state";
import { MapInspector } from "./inspector";
import { MapCanvas } from "../../kit/map/map-canvas";
import { MapList } from "./map-list";
import css from "./map-screen.module.css";
import { NodeFinder, ViewControls } from "./map-toolbar";
import { Scrubber } from "./scrubber";
import { useLayout } from "../../kit/map/use-layout";

/** Parts of the range below the map. */
const SCRUBBER_PARTS = 60;

/** Who calls whom and how it went: the map, the same as tables, details beside it, time below it. */
export function MapScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const text = readText(search);
  const mapView = useMemo(() => readMapView(search), [search]);
  const status = useQuery(statusQuery());
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  const change = (next: string) => patch({ ...textPatch(next), ...mapPatch({ at: null }) });
  return (
    <Page title="Map" timed field={<QueryBar subject="traces" value={text} window={window} placeholder="traces with: words, service:cart, duration>50ms, {service:cart} => {status:error}" onCommit={change} />}>
      {mapView.problems.map((problem) => (
        <Note key={problem} error>
          {problem}
        </Note>
      ))}
      {empty ? <SetupCard status={status.data} /> : <Stage text={text} view={mapView.view} window={window} onSearch={change} />}
    </Page>
  );
}

function Stage({ text, view, window, onSearch }: { text: string; view: MapView; window: Window; onSearch: (text: string) => void }) {
  const { patch } = useUrl();
  const editable = useEditable("traces", window, text);
  const query = useQuery(mapQuery(window, text, SCRUBBER_PARTS));
  const map = query.data ?? null;
  const part = useMemo(() => partOf(map, view), [map, view]);
  const then = useQuery({ ...mapQuery(part ?? window, text, 0), enabled: part !== null });
  const shown = part !== null ? (then.data ?? null) : map;
  const change = useCallback((next: Partial<MapView>, replace = false) => patch(mapPatch(next), { replace }), [patch]);
  const minutes = minutesOf(window);
  const shownMinutes = part === null ? minutes : minutesOf(part);
  const focus = map ? idOf(map, view.focus) : null;
  // Positions are those of the whole range: replaying a part of it changes figures and nothing else.
  const graph = useMemo(
    () => (map ? buildGraph(map, { focus, hops: view.hops, minPerMinute: view.min, minutes }) : null),
    [map, focus, view.hops, view.min, minutes],
  );
  const drawn = useMemo(() => (graph && shown && part !== null ? withFigures(graph, shown) : graph), [graph, shown, part]);
  const select = useCallback((panel: string | null) => change({ panel }, true), [change]);
  const focusOn = useCallback((id: string) => change({ focus: id, hops: 1, camera: null, panel: `node:${id}` }), [change]);
  if (query.isError && !map) return <ErrorState title="The map could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (map && map.nodes.length === 0) {
    if (text === "") return <NoDataInRange signal="spans" />;
    return (
      <NothingMatches
        signal="spans"
        noun="trace"
        explanation="The map is drawn from the traces with a span that fulfils all conditions and starts in the range."
        text={text}
        window={window}
        onChange={onSearch}
      />
    );
  }
  return (
    <div className={css.stage}>
      <div className={css.left}>
        <div className={css.bar}>
          <Legend />
          {map && <NodeFinder map={map} onFind={(id) => select(`node:${id}`)} />}
          <ViewControls view={view} focus={focus === null ? null : (map?.nodes.find((node) => node.id === focus)?.name ?? null)} onChange={change} />
          <Button onClick={() => change({ view: view.view === "map" ? "list" : "map" })}>
            {view.view === "map" ? <List size={14} aria-hidden /> : <Waypoints size={14} aria-hidden />} {view.view === "map" ? "List" : "Map"}
          </Button>
        </div>
        {text !== "" && (
          <div className={css.conditions}>
            <ConditionChips text={editable} subject="traces" onChange={onSearch} />
          </div>
        )}
        {view.focus !== null && map && focus === null && <Note error>Nothing called “{view.focus}” is on this map; everything is shown.</Note>}
        {map && map.left_out_node_count > 0 && <Note>{plural(map.left_out_node_count, "node")} with the fewest requests are left out.</Note>}
        {view.view === "list" ? (
          shown && <MapList map={shown} minutes={shownMinutes} onSelect={select} />
        ) : (
          <Drawing graph={drawn} laidOut={graph} view={view} minutes={shownMinutes} stale={query.isPlaceholderData || (part !== null && then.isPlaceholderData)} change={change} onSelect={select} onFocus={focusOn} />
        )}
        {map && <Scrubber map={map} at={view.at} onChange={(at) => change({ at }, true)} />}
      </div>
      {map ? (
        <MapInspector panel={view.panel} graph={graph} map={shown ?? map} minutes={shownMinutes} onSelect={select} onFocus={focusOn} />
      ) : (
        <div className={css.panelRoom} />
      )}
    </div>
  );
}

function Drawing(props: {
  graph: Graph | null;
  /** The graph whose positions are used. */
  laidOut: Graph | null;
  view: MapView;
  minutes: number;
  stale: boolean;
  change: (view: Partial<MapView>, replace?: boolean) => void;
  onSelect: (panel: string | null) => void;
  onFocus: (id: string) => void;
}) {
  const { graph, view, change } = props;
  const layout = useLayout(props.laidOut, view.dir);
  const onCamera = useCallback((camera: MapView["camera"]) => change({ camera }, true), [change]);
  if (graph && graph.nodes.length === 0) {
    return (
      <EmptyState title="No node has so many requests" actions={<Button look="primary" onClick={() => change({ min: 0 })}>Show all nodes</Button>}>
        <p>Every node of this map is called less than {view.min} times a minute.</p>
      </EmptyState>
    );
  }
  if (!graph || !layout) return <div className={css.waiting} aria-busy="true" />;
  return (
    <div className={classNames(css.drawing, props.stale && css.stale)}>
      <MapCanvas
        graph={graph}
        positions={layout.positions}
        direction={view.dir}
        color={view.color}
        minutes={props.minutes}
        camera={view.camera}
        selected={view.panel}
        wheel
        onSelect={props.onSelect}
        onFocus={props.onFocus}
        onCamera={onCamera}
      />
      {graph.hidden > 0 && <p className={css.hidden}>{plural(graph.hidden, "node")} not shown</p>}
    </div>
  );
}

function Legend() {
  const words = { ok: "", error: " 4xx", throttle: " 429", fault: " 5xx" };
  return (
    <ul className={css.legend} aria-label="Colours of rings">
      {OUTCOMES.map((outcome) => (
        <li key={outcome}>
          <i className={css[outcome]} />
          {OUTCOME_WORDS[outcome]}
          <span>{words[outcome]}</span>
        </li>
      ))}
    </ul>
  );
}

function minutesOf(window: Window): number {
  return Math.max(Number(window.to - window.from) / 60e9, 1e-9);
}

/** The part of the range that is replayed, none when its start lies outside. */
function partOf(map: ServiceMap | null, view: MapView): Window | null {
  if (view.at === null || !map?.buckets) return null;
  const start = BigInt(map.buckets.start_unix_nano);
  const width = BigInt(map.buckets.width_ns);
  const nth = (view.at - start) / width;
  if (view.at < start || nth >= BigInt(map.buckets.count)) return null;
  return { from: nanos(start + nth * width), to: nanos(start + (nth + 1n) * width) };
}

/** A focus is the id of a node or, as people type it, the name of a service. */
function idOf(map: ServiceMap, focus: string | null): string | null {
  if (focus === null) return null;
  const found = map.nodes.find((node) => node.id === focus) ?? map.nodes.find((node) => node.name === focus);
  return found?.id ?? null;
}

/** The same drawing with the figures of another map. */
function withFigures(graph: Graph, map: ServiceMap): Graph {
  const nodes = new Map(map.nodes.map((node) => [node.id, node]));
  const edges = new Map(map.edges.map((edge) => [`${edge.source}~${edge.target}~${edge.kind}`, edge]));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const ids = node.members.length > 0 ? node.members : [node.id];
      const counts = ids.reduce((sum, id) => addCounts(sum, nodes.get(id) ?? NO_REQUESTS), NO_REQUESTS);
      return { ...node, ...counts, meanNs: node.members.length > 0 ? null : (nodes.get(node.id)?.duration_ns?.mean ?? null) };
    }),
    edges: graph.edges.map((edge) => ({ ...edge, ...addCounts(NO_REQUESTS, edges.get(edge.id) ?? NO_REQUESTS) })),
  };
}
