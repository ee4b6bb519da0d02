import { useQuery } from "@tanstack/react-query";
import { List, Waypoints, X } from "lucide-react";
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useMemo, useRef } from "react";
import { mapQuery, statusQuery, type Window } from "../../api/queries";
import type { OutcomeCounts, ServiceMap } from "../../api/types";
import { buildGraph, DRAWN_NODES_MAX, type Graph, withFigures } from "../../engine/map-graph";
import { OUTCOME_WORDS, OUTCOMES } from "../../engine/outcome";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { NoDataInRange } from "../../kit/no-data";
import { NothingMatches } from "../../kit/nothing-matches";
import { Page } from "../../kit/page";
import { QueryBar, useEditable } from "../../kit/query-bar";
import { ConditionChips } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { EmptyState, ErrorState, Note, Skeleton, Waiting } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { comparedWindow } from "../../lib/comparison";
import { plural } from "../../lib/format";
import { mapPatch, type MapView, readMapView } from "../../lib/map-url";
import { nanos } from "../../lib/time";
import { readText, textPatch } from "../../lib/url-state";
import { MapInspector } from "./inspector";
import { MapCanvas } from "../../kit/map/map-canvas";
import { MapList } from "./map-list";
import { useMapMenu } from "./map-menu";
import css from "./map-screen.module.css";
import { NodeFinder, ViewControls } from "./map-toolbar";
import { Scrubber } from "./scrubber";
import { useLayout } from "../../kit/map/use-layout";
import { failingFirst, worstShare } from "../../kit/map/words";

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
    <Page title="Map" timed field={<QueryBar subject="traces" value={text} window={window} placeholder="traces with: words, service:cart" onCommit={change} />}>
      {mapView.problems.map((problem) => (
        <Note key={problem} error>
          {problem}
        </Note>
      ))}
      {empty ? <SetupCard status={status.data} /> : <Stage text={text} view={mapView.view} window={window} onSearch={change} />}
    </Page>
  );
}

/** Enter on the node whose figures are shown goes into them, Escape closes them and comes back. */
function useDetailKeys(stage: RefObject<HTMLElement | null>, panel: string | null, select: (panel: string | null) => void) {
  return (event: KeyboardEvent) => {
    const target = event.target as Element;
    const details = stage.current!.querySelector<HTMLElement>("aside");
    if (event.key === "Enter" && details && target.matches('[data-node][aria-pressed="true"]')) {
      event.preventDefault();
      details.focus();
    }
    if (event.key === "Escape" && panel !== null && details?.contains(target)) {
      event.preventDefault();
      const id = panel.slice(panel.indexOf(":") + 1);
      select(null);
      stage.current!.querySelector<SVGElement>(`svg [data-node="${CSS.escape(id)}"]`)?.focus();
    }
  };
}

function Stage({ text, view, window, onSearch }: { text: string; view: MapView; window: Window; onSearch: (text: string) => void }) {
  const { patch } = useUrl();
  const editable = useEditable("traces", window, text);
  const query = useQuery(mapQuery(window, text, SCRUBBER_PARTS, groupsAsked(view.group)));
  const map = query.data ?? null;
  const part = useMemo(() => partOf(map, view), [map, view]);
  const then = useQuery({ ...mapQuery(part ?? window, text, 0), enabled: part !== null });
  const shown = part !== null ? (then.data ?? null) : map;
  const previous = useQuery({ ...mapQuery(comparedWindow(part ?? window, "prev"), text, 0), enabled: view.cmp === "prev" });
  const before = view.cmp === "prev" ? (previous.data ?? null) : null;
  const change = useCallback((next: Partial<MapView>, replace = false) => patch(mapPatch(next), { replace }), [patch]);
  const minutes = minutesOf(window);
  const shownMinutes = part === null ? minutes : minutesOf(part);
  const focus = map ? idOf(map, view.focus) : null;
  // Positions are those of the whole range: replaying a part of it changes figures and nothing else.
  const graph = useMemo(
    () => (map ? buildGraph(map, { focus, hops: view.hops, minPerMinute: view.min, minutes, grouped: isGrouped(map, view.group), open: view.open, hide: view.hide }) : null),
    [map, focus, view.hops, view.min, minutes, view.group, view.open, view.hide],
  );
  const drawn = useMemo(() => (graph && shown && part !== null ? withFigures(graph, shown) : graph), [graph, shown, part]);
  const rings = useMemo(() => (graph && before ? new Map(withFigures(graph, before).nodes.map((node) => [node.id, node])) : null), [graph, before]);
  const select = useCallback((panel: string | null) => change({ panel }, true), [change]);
  const expand = useCallback((group: string) => change({ open: [...view.open, group], camera: null, panel: null }), [change, view.open]);
  const focusOn = useCallback(
    (id: string) => {
      const together = graph?.nodes.find((node) => node.id === id && node.members.length > 0);
      if (!together) change({ focus: id, hops: 1, camera: null, panel: `node:${id}` });
      else if (together.group === null) change({ panel: `node:${id}` });
      else expand(together.group);
    },
    [change, expand, graph],
  );
  const summary = map && map.nodes.length > 0 ? summaryOf(map) : "";
  useEffect(() => {
    if (summary !== "") announce(summary);
  }, [summary]);
  const stage = useRef<HTMLDivElement>(null);
  const goInto = useDetailKeys(stage, view.panel, select);
  const { handlers, menu } = useMapMenu({ map, graph, view, change, onFocus: focusOn });
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
    // A menu for whatever below it stands for a node or an edge.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      ref={stage}
      className={classNames(css.stage, view.view === "list" && view.panel === null && css.listAlone)}
      {...handlers}
      onKeyDown={(event) => {
        handlers.onKeyDown(event);
        if (!event.defaultPrevented) goInto(event);
      }}
    >
      <div className={css.left}>
        <div className={css.bar}>
          <Legend compared={view.cmp === "prev"} />
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
        {view.open.length > 0 && <OpenGroups open={view.open} onChange={(open) => change({ open, camera: null })} />}
        {view.focus !== null && map && focus === null && <Note error>Nothing called “{view.focus}” is on this map; everything is shown.</Note>}
        {map && map.left_out_node_count > 0 && <Note>{plural(map.left_out_node_count, "node")} with the fewest requests are left out.</Note>}
        {view.view === "list" ? (
          shown && <MapList map={shown} minutes={shownMinutes} onSelect={select} />
        ) : (
          <Drawing graph={drawn} laidOut={graph} view={view} minutes={shownMinutes} before={rings} stale={query.isPlaceholderData || (part !== null && then.isPlaceholderData)} change={change} onSelect={select} onFocus={focusOn} />
        )}
        {map && <Scrubber map={map} at={view.at} onChange={(at) => change({ at }, true)} />}
      </div>
      {map ? (
        <MapInspector panel={view.panel} graph={graph} map={shown ?? map} minutes={shownMinutes} before={before} onSelect={select} onFocus={focusOn} onExpand={expand} />
      ) : (
        <div className={css.panelRoom} aria-hidden>
          {["40%", "100%", "100%", "60%", "90%", "90%"].map((width, i) => (
            <Skeleton key={i} width={width} height={14} />
          ))}
        </div>
      )}
      {menu}
    </div>
  );
}

function Drawing(props: {
  graph: Graph | null;
  /** The graph whose positions are used. */
  laidOut: Graph | null;
  view: MapView;
  minutes: number;
  before: ReadonlyMap<string, OutcomeCounts> | null;
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
  if (!graph) return <Waiting>Calls are counted…</Waiting>;
  if (!layout) return <Waiting>The map is drawn…</Waiting>;
  return (
    <div className={classNames(css.drawing, props.stale && css.stale)}>
      <MapCanvas
        graph={graph}
        positions={layout.positions}
        direction={view.dir}
        color={view.color}
        minutes={props.minutes}
        before={props.before}
        camera={view.camera}
        selected={view.panel}
        wheel
        onSelect={props.onSelect}
        onFocus={props.onFocus}
        onCamera={onCamera}
      />
      {(graph.hidden > 0 || view.hide.length > 0) && (
        <p className={css.hidden}>
          {graph.hidden > 0 ? `${plural(graph.hidden, "node")} not shown` : `${plural(view.hide.length, "arrow")} hidden`}
          {view.hide.length > 0 && (
            <Button small look="quiet" onClick={() => change({ hide: [] })}>
              Show hidden
            </Button>
          )}
        </p>
      )}
    </div>
  );
}

/** Groups whose nodes are drawn one by one; a click draws them as one again. */
function OpenGroups({ open, onChange }: { open: readonly string[]; onChange: (open: readonly string[]) => void }) {
  return (
    <div className={css.conditions} role="group" aria-label="Expanded groups">
      {open.map((name) => (
        <Button key={name} small title={`Draw ${name} as one`} aria-label={`Draw ${name} as one`} onClick={() => onChange(open.filter((one) => one !== name))}>
          {name} <X size={12} aria-hidden />
        </Button>
      ))}
    </div>
  );
}

function Legend({ compared }: { compared: boolean }) {
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
      {compared && (
        <li>
          <i className={css.outer} />
          outer: window before
        </li>
      )}
    </ul>
  );
}

/** For those who do not see it: how large it is, and where to look first. */
function summaryOf(map: ServiceMap): string {
  const services = map.nodes.filter((node) => node.type === "service");
  const size = `Map of ${plural(services.length, "service")}`;
  const worstNode = failingFirst(map)[0];
  return worstNode ? `${size}; worst: ${worstNode.name}, ${worstShare(worstNode)}` : `${size}; nothing fails`;
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

/** Which groups the server is asked for. */
function groupsAsked(group: MapView["group"]): { by: "namespace" | "env"; above: number } | null {
  if (group === "none") return null;
  return group === "auto" ? { by: "namespace", above: DRAWN_NODES_MAX } : { by: group, above: 0 };
}

function isGrouped(map: ServiceMap, group: MapView["group"]): boolean {
  return group === "auto" ? map.nodes.length > DRAWN_NODES_MAX : group !== "none";
}
