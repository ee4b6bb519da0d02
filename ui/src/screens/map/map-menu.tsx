import { AlignLeft, ChartNoAxesGantt, Crosshair, EyeOff, Gauge, Group, Server, Ungroup } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useState } from "react";
import type { ServiceMap } from "../../api/types";
import { edgeId, type Graph } from "../../engine/map-graph";
import { allOf } from "../../engine/search/edit";
import { ContextMenu, type MenuAction, type MenuPlace } from "../../kit/context-menu";
import { useUrl } from "../../kit/use-url";
import type { MapView } from "../../lib/map-url";
import { carryOver, href } from "../../lib/url-state";
import { callsOver } from "./searches";

interface Subject {
  map: ServiceMap;
  graph: Graph;
  view: MapView;
  /** What a search for logs and the links keep of the address. */
  carry: string;
  change: (view: Partial<MapView>) => void;
  onFocus: (id: string) => void;
}

/**
 * The menu of nodes and edges, wherever they are shown: listen with the handlers on a box around everything that is
 * marked by `data-node` or `data-edge`.
 */
export function useMapMenu(subject: Omit<Subject, "map" | "graph" | "carry"> & { map: ServiceMap | null; graph: Graph | null }): {
  handlers: { onContextMenu: (event: MouseEvent) => void; onKeyDown: (event: KeyboardEvent) => void };
  menu: ReactNode;
} {
  const { search } = useUrl();
  const [open, setOpen] = useState<{ panel: string; place: MenuPlace } | null>(null);
  const openAt = (event: MouseEvent | KeyboardEvent, at: { x: number; y: number } | null) => {
    const marked = (event.target as Element).closest<HTMLElement | SVGElement>("[data-node],[data-edge]");
    if (!marked) return;
    event.preventDefault();
    event.stopPropagation();
    const box = marked.getBoundingClientRect();
    const { node, edge } = marked.dataset;
    const place = at ?? { x: box.left + box.width / 2, y: box.top + Math.min(box.height, 60) / 2 };
    setOpen({ panel: node === undefined ? `edge:${edge}` : `node:${node}`, place: { ...place, returnTo: marked } });
  };
  const handlers = {
    onContextMenu: (event: MouseEvent) => openAt(event, { x: event.clientX, y: event.clientY }),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) openAt(event, null);
    },
  };
  const { map, graph } = subject;
  const content = open && map && graph ? contentOf(open.panel, { ...subject, map, graph, carry: carryOver(search) }) : null;
  // A new place is a new menu: this one has closed by the same click.
  const menu = open && content && <ContextMenu key={`${open.panel} ${open.place.x} ${open.place.y}`} place={open.place} {...content} onClose={() => setOpen(null)} />;
  return { handlers, menu };
}

interface Content {
  label: string;
  sections: MenuAction[][];
}

function contentOf(panel: string, subject: Subject): Content | null {
  const id = panel.slice(panel.indexOf(":") + 1);
  return panel.startsWith("node:") ? ofNode(id, subject) : ofEdge(id, subject);
}

const putAway = (id: string, { view, change }: Subject): MenuAction => ({
  label: "Hide", icon: EyeOff, onSelect: () => change({ hide: [...view.hide, id], panel: null }),
});

function details(panel: string, { change }: Subject): MenuAction {
  return { label: "Figures", icon: Gauge, onSelect: () => change({ panel }) };
}

function ofNode(id: string, subject: Subject): Content | null {
  const { map, graph, view, carry, change, onFocus } = subject;
  const drawn = graph.nodes.find((node) => node.id === id);
  if (drawn && drawn.members.length > 0) {
    const grouping: MenuAction[] = drawn.group === null ? [] : [{ label: "Expand", icon: Ungroup, onSelect: () => change({ open: [...view.open, drawn.group!], camera: null, panel: null }) }];
    return { label: drawn.name, sections: [[details(`node:${id}`, subject)], [...grouping, putAway(id, subject)]] };
  }
  const node = map.nodes.find((one) => one.id === id);
  if (!node) return null;
  const group = drawn?.group ?? null;
  const collapse: MenuAction[] =
    group !== null && view.open.includes(group)
      ? [{ label: `Draw ${group} as one`, icon: Group, onSelect: () => change({ open: view.open.filter((name) => name !== group), camera: null, panel: null }) }]
      : [];
  return {
    label: node.name,
    sections: [
      node.type === "service" ? linksOf(node.name, carry) : [],
      [details(`node:${id}`, subject), { label: "Focus", icon: Crosshair, onSelect: () => onFocus(id) }],
      [...collapse, putAway(id, subject)],
    ],
  };
}

function linksOf(service: string, carry: string): MenuAction[] {
  const q = allOf(["service", service]);
  return [
    { label: "Traces", icon: ChartNoAxesGantt, href: href("/traces", { q }, carry) },
    { label: "Logs", icon: AlignLeft, href: href("/logs", { q }, carry) },
    { label: "Service page", icon: Server, href: href(`/services/${encodeURIComponent(service)}`, {}, carry) },
  ];
}

function ofEdge(id: string, subject: Subject): Content | null {
  const { map, graph, carry, onFocus } = subject;
  const edge = map.edges.find((one) => edgeId(one) === id);
  const between = edge ?? graph.edges.find((one) => one.id === id);
  if (!between) return null;
  const drawn = new Map(graph.nodes.map((node) => [node.id, node.name]));
  const nodes = new Map(map.nodes.map((node) => [node.id, node]));
  const name = (end: string) => nodes.get(end)?.name ?? drawn.get(end) ?? end;
  const label = `${name(between.source)} → ${name(between.target)}`;
  if (!edge) return { label, sections: [[putAway(id, subject)]] };
  const callee = nodes.get(edge.target);
  const calls = callsOver(edge, map);
  const links: MenuAction[] = calls ? [{ label: "Traces with this call", icon: ChartNoAxesGantt, href: href("/traces", { q: calls("") }, carry) }] : [];
  if (callee?.type === "service") {
    links.push({ label: `Logs of ${callee.name}`, icon: AlignLeft, href: href("/logs", { q: allOf(["service", callee.name]) }, carry) });
    links.push({ label: `Page of ${callee.name}`, icon: Server, href: href(`/services/${encodeURIComponent(callee.name)}`, {}, carry) });
  }
  return {
    label,
    sections: [
      links,
      [details(`edge:${id}`, subject), { label: `Focus on ${name(edge.target)}`, icon: Crosshair, onSelect: () => onFocus(edge.target) }],
      [putAway(id, subject)],
    ],
  };
}
