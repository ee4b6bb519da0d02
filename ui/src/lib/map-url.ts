import { nanos, type UnixNanos } from "./time";
import type { Patch } from "./url-state";

/** What of the map is shown, and from where. */
export interface MapView {
  /** Id of a node or name of a service; everything when null. */
  focus: string | null;
  /** Calls from the focus, 1 to 5. */
  hops: number;
  dir: "lr" | "tb";
  /** What nodes are drawn together by; `auto`: the namespace, on maps too large to draw every node. */
  group: "auto" | "none" | "namespace" | "env";
  /** Names of the groups whose nodes are drawn. */
  open: readonly string[];
  /** Ids of nodes and edges that are not drawn. */
  hide: readonly string[];
  /** `prev`: rings also show the window of the same length before this one. */
  cmp: "none" | "prev";
  color: "health" | "latency" | "traffic";
  /** Least requests per minute of a node. */
  min: number;
  view: "map" | "list";
  /** Point of the map in the middle of the screen, and the magnification; fitted when null. */
  camera: Camera | null;
  /** `node:<id>` or `edge:<source>~<target>~<kind>`. */
  panel: string | null;
  /** Start of the part of the range that is replayed. */
  at: UnixNanos | null;
}

export interface Camera {
  x: number;
  y: number;
  k: number;
}

export const HOPS_MAX = 5;
export const ZOOM_MIN = 0.1;
export const ZOOM_MAX = 4;

/** The view of an address. What cannot be read is said, and its default taken. */
export function readMapView(search: string): { view: MapView; problems: string[] } {
  const params = new URLSearchParams(search);
  const problems: string[] = [];
  const choice = <T extends string>(name: string, choices: readonly [T, ...T[]]): T => {
    const text = params.get(name);
    const found = choices.find((one) => one === text);
    if (text !== null && found === undefined) problems.push(`${name}=${text} in the address is none of ${choices.join(", ")}; ${choices[0]} is shown.`);
    return found ?? choices[0];
  };
  const number = (name: string, least: number, most: number): number | null => {
    const text = params.get(name);
    const value = text === null || text.trim() === "" ? Number.NaN : Number(text);
    const good = Number.isFinite(value) && value >= least && value <= most;
    if (text !== null && !good) problems.push(`${name}=${text} in the address is not a number from ${least} to ${most}; it is ignored.`);
    return good ? value : null;
  };
  const [x, y, k] = [number("x", -1e6, 1e6), number("y", -1e6, 1e6), number("k", ZOOM_MIN, ZOOM_MAX)];
  const hops = number("hops", 1, HOPS_MAX);
  const at = params.get("at");
  const readable = at === null || /^\d{1,19}$/.test(at);
  if (!readable) problems.push(`at=${at} in the address is not a time in nanoseconds; it is ignored.`);
  const view: MapView = {
    focus: params.get("focus"),
    hops: Math.round(hops ?? 1),
    dir: choice("dir", ["lr", "tb"]),
    group: choice("group", ["auto", "none", "namespace", "env"]),
    open: params.getAll("open"),
    hide: params.getAll("hide"),
    cmp: choice("cmp", ["none", "prev"]),
    color: choice("color", ["health", "latency", "traffic"]),
    min: number("min", 0, 1e9) ?? 0,
    view: choice("view", ["map", "list"]),
    camera: x !== null && y !== null && k !== null ? { x, y, k } : null,
    panel: params.get("panel"),
    at: at !== null && readable ? nanos(at) : null,
  };
  return { view, problems };
}

function unless<T>(value: T, usual: T): string | null {
  return value === usual ? null : String(value);
}

/** Parameters of a change of the view, for `patchSearch`; defaults have none. */
export function mapPatch(change: Partial<MapView>): Patch {
  const patch: Patch = {};
  if (change.focus !== undefined) patch.focus = change.focus;
  if (change.hops !== undefined) patch.hops = unless(change.hops, 1);
  if (change.dir !== undefined) patch.dir = unless(change.dir, "lr");
  if (change.group !== undefined) patch.group = unless(change.group, "auto");
  if (change.open !== undefined) patch.open = change.open;
  if (change.hide !== undefined) patch.hide = change.hide;
  if (change.cmp !== undefined) patch.cmp = unless(change.cmp, "none");
  if (change.color !== undefined) patch.color = unless(change.color, "health");
  if (change.min !== undefined) patch.min = unless(change.min, 0);
  if (change.view !== undefined) patch.view = unless(change.view, "map");
  if (change.panel !== undefined) patch.panel = change.panel;
  if (change.at !== undefined) patch.at = change.at === null ? null : change.at.toString();
  if (change.camera !== undefined) {
    const { camera } = change;
    patch.x = camera && camera.x.toFixed(0);
    patch.y = camera && camera.y.toFixed(0);
    patch.k = camera && camera.k.toFixed(2);
  }
  return patch;
}
