import { describe, expect, it } from "vitest";
import type { MapEdge, MapNode } from "../src/api/types";
import { buildGraph, DRAWN_NODES_MAX, reach, shortNames, withFigures } from "../src/engine/map-graph";
import { layOut } from "../src/engine/map-layout";
import { arcs, worst } from "../src/engine/outcome";
import { parseSearch } from "../src/engine/search/parse";
import { callsOver, requestsOf } from "../src/screens/map/searches";

function node(name: string, requests = 10, more: Partial<MapNode> = {}): MapNode {
  return {
    id: `service:${name}`, name, type: "service", inferred: false, measured: "served", group: null, traces: requests, requests, ok: requests, errors: 0, throttles: 0, faults: 0,
    duration_ns: { mean: 5, p50: 5, p95: 9, p99: 9, max: 9 }, histogram: [], over_time: null, ...more,
  };
}

function edge(source: string, target: string, requests = 10): MapEdge {
  return {
    source: `service:${source}`, target: `service:${target}`, kind: "sync", traces: requests, requests, ok: requests, errors: 0, throttles: 0,
    faults: 0, duration_ns: null, histogram: [], message_age_ns: null,
  };
}

const EVERYTHING = { focus: null, hops: 1, minPerMinute: 0, minutes: 1 };
const names = (graph: { nodes: { name: string }[] }) => graph.nodes.map((one) => one.name).toSorted();
const sum = (list: { requests: number }[]) => list.reduce((total, one) => total + one.requests, 0);
const short = (list: string[]) => [...shortNames(list.map((name) => ({ ...node(name), members: [] }))).values()];

describe("what is drawn of a map", () => {
  const chain = { nodes: ["a", "b", "c", "d", "lone"].map((name) => node(name)), edges: [edge("a", "b"), edge("b", "c"), edge("c", "d")] };

  it("is everything, single nodes too, unless asked otherwise", () => {
    const graph = buildGraph(chain, EVERYTHING);
    expect(names(graph)).toEqual(["a", "b", "c", "d", "lone"]);
    expect([graph.edges.length, graph.hidden]).toEqual([3, 0]);
  });

  it("goes so many calls from the focus, in both directions", () => {
    const focused = (hops: number) => buildGraph(chain, { ...EVERYTHING, focus: "service:b", hops });
    expect(names(focused(1))).toEqual(["a", "b", "c"]);
    expect(names(focused(2))).toEqual(["a", "b", "c", "d"]);
    expect(focused(1).hidden).toBe(2);
    expect(names(buildGraph(chain, { ...EVERYTHING, focus: "service:gone" }))).toHaveLength(5);
  });

  it("leaves out what is called too rarely, but never the focus", () => {
    const map = { nodes: [node("busy", 100), node("quiet", 3)], edges: [edge("busy", "quiet", 3)] };
    expect(names(buildGraph(map, { ...EVERYTHING, minPerMinute: 10, minutes: 5 }))).toEqual(["busy"]);
    expect(names(buildGraph(map, { ...EVERYTHING, focus: "service:quiet", minPerMinute: 10, minutes: 5 }))).toEqual(["busy", "quiet"]);
  });

  it("groups the quiet nodes of a large map and loses no request", () => {
    const nodes = Array.from({ length: 1000 }, (_, i) => node(`s${i}`, i, i === 3 ? { faults: 3 } : {}));
    const edges = Array.from({ length: 999 }, (_, i) => edge(`s${i}`, `s${i + 1}`, i));
    const graph = buildGraph({ nodes, edges }, { ...EVERYTHING, focus: "service:s7", hops: 1000 });
    expect(graph.nodes.length).toBeLessThan(DRAWN_NODES_MAX);
    expect(names(graph)).toEqual(expect.arrayContaining(["s999", "s3", "s7"]));
    expect(sum(graph.nodes)).toBe(sum(nodes));
    const ids = new Set(graph.nodes.map((one) => one.id));
    expect(graph.edges.every((one) => ids.has(one.source) && ids.has(one.target))).toBe(true);
  });
});

describe("groups", () => {
  const shop = { group: "shop" };
  const map = {
    nodes: [
      node("web", 10, shop), node("cart", 30, { ...shop, faults: 3, duration_ns: { mean: 15, p50: 1, p95: 1, p99: 1, max: 1 } }), node("db", 99, { type: "database", inferred: true, group: null }),
      node("mail", 5, { group: "office" }), node("lone", 1), node("both", 7, { type: "cache", inferred: true, group: null }),
    ],
    edges: [edge("web", "cart", 30), edge("cart", "db", 99), edge("cart", "mail", 5), edge("web", "mail", 2), edge("cart", "both", 3), edge("mail", "both", 4)],
  };
  const GROUPED = { ...EVERYTHING, grouped: true };

  it("hold their services and what only these call; a group of one keeps its name", () => {
    const graph = buildGraph(map, GROUPED);
    expect(names(graph)).toEqual(["both", "lone", "mail", "shop"]);
    const together = graph.nodes.find((one) => one.name === "shop")!;
    expect(together.members.toSorted()).toEqual(["service:cart", "service:db", "service:web"]);
    expect([together.requests, together.faults, together.meanNs]).toEqual([40, 3, (10 * 5 + 30 * 15) / 40]);
    expect(graph.edges.map((one) => `${one.source} ${one.target} ${one.requests}`).toSorted()).toEqual([
      "group:shop service:both 3", "group:shop service:mail 7", "service:mail service:both 4",
    ]);
    expect(graph.hidden).toBe(0);
  });

  it("open, and are not asked for otherwise", () => {
    expect(names(buildGraph(map, { ...GROUPED, open: ["shop"] }))).toEqual(["both", "cart", "db", "lone", "mail", "web"]);
    expect(buildGraph(map, { ...GROUPED, open: ["shop"] }).nodes.find((one) => one.name === "db")!.group).toBe("shop");
    expect(names(buildGraph(map, EVERYTHING))).toHaveLength(6);
  });

  it("are put away like a node or an edge, and counted", () => {
    const without = buildGraph(map, { ...GROUPED, hide: ["group:shop"] });
    expect([names(without), without.hidden]).toEqual([["both", "lone", "mail"], 3]);
    const cut = buildGraph(map, { ...EVERYTHING, hide: ["service:lone", "service:web~service:cart~sync"] });
    expect([cut.nodes.length, cut.edges.length, cut.hidden]).toEqual([5, 5, 1]);
  });

  it("have the figures of another map in the same places", () => {
    const graph = buildGraph(map, GROUPED);
    const then = withFigures(graph, { nodes: [node("cart", 4, shop)], edges: [edge("cart", "mail", 2), edge("web", "mail", 1)] });
    expect(then.nodes.map((one) => [one.name, one.requests])).toEqual(graph.nodes.map((one) => [one.name, one.name === "shop" ? 4 : 0]));
    expect(then.edges.map((one) => one.requests).toSorted()).toEqual([0, 0, 3]);
    expect(withFigures(graph, map)).toEqual(graph);
  });

  it("leave a large map readable, with the quiet rest by type", () => {
    const nodes = Array.from({ length: 2000 }, (_, i) => node(`s${i}`, i, i < 1500 ? { group: `team-${i % 30}` } : {}));
    const graph = buildGraph({ nodes, edges: [] }, GROUPED);
    expect(graph.nodes.filter((one) => one.group !== null)).toHaveLength(30);
    expect(graph.nodes.length).toBeLessThan(DRAWN_NODES_MAX);
    expect(sum(graph.nodes)).toBe(sum(nodes));
  });
});

describe("searches behind figures", () => {
  const served = node("a b");
  const cart = node("cart");
  it("are about the spans that are counted", () => {
    expect(requestsOf(served)!(" duration>=1ms")).toBe('service:"a b" kind:(server OR consumer) duration>=1ms');
    expect(requestsOf(node("batch", 1, { measured: "entered" }))!(" duration>=1ms")).toBe("root{service:batch duration>=1ms} OR {-service:batch} => {service:batch duration>=1ms}");
    expect(requestsOf(node("pg", 1, { type: "database", inferred: true }))).toBeNull();
    expect(callsOver(edge("a b", "cart"), { nodes: [served, cart] })!("")).toBe('{service:"a b"} => {service:cart}');
    expect(callsOver({ source: "client", target: "service:cart", kind: "sync" }, { nodes: [cart] })).toBeNull();
  });

  it("are searches", () => {
    for (const text of [requestsOf(served)!(" outcome:(ok OR fault)"), requestsOf(node("batch", 1, { measured: "entered" }))!(" duration<3ms"), callsOver(edge("cart", "cart"), { nodes: [cart] })!("")]) {
      expect(parseSearch(text, "traces").problem).toBeNull();
    }
  });
});

describe("reach", () => {
  it("ends in a cycle", () => {
    expect([...reach([{ source: "a", target: "b" }, { source: "b", target: "a" }], "a", 5)]).toEqual(["a", "b"]);
  });
});

describe("rings", () => {
  it("give each outcome its share from 12 o'clock on, the worst first", () => {
    const ring = arcs({ requests: 100, ok: 50, errors: 30, throttles: 10, faults: 20 });
    expect(ring.map((arc) => [arc.outcome, Math.round(arc.from * 360), Math.round(arc.to * 360)])).toEqual([
      ["fault", 0, 72], ["throttle", 72, 108], ["error", 108, 180], ["ok", 180, 360],
    ]);
  });

  it("are whole for overlapping flags and absent without requests", () => {
    const ring = arcs({ requests: 1, ok: 0, errors: 1, throttles: 1, faults: 1 });
    expect(ring.at(-1)!.to).toBe(1);
    expect(arcs({ requests: 0, ok: 0, errors: 0, throttles: 0, faults: 0 })).toEqual([]);
    expect(worst({ requests: 9, ok: 7, errors: 2, throttles: 1, faults: 0 })).toEqual({ outcome: "throttle", count: 1 });
  });
});

describe("short names", () => {
  it("drop what most services share and stay distinct", () => {
    expect(short(["ts-order-service", "ts-user-service", "ts-seat-service", "ts-ui-service"])).toEqual(["order", "user", "seat", "ui"]);
    expect(short(["adservice", "cartservice", "emailservice", "paymentservice", "frontend"])).toEqual(["ad", "cart", "email", "payment", "frontend"]);
    expect([...shortNames(["a-1", "a-2", "a-3", "a-4"].map((name) => ({ ...node(name), members: ["service:x", "service:y"] }))).values()]).toEqual(["a-1", "a-2", "a-3", "a-4"]);
    expect(short(["a-x", "b-y", "c-z", "d-w"])).toEqual(["a-x", "b-y", "c-z", "d-w"]);
    expect(short(["ts-a-service", "ts-b-service", "ts-c-service", "ts-d-service", "a"])).toEqual(["ts-a-service", "b", "c", "d", "a"]);
  });
});

describe("the layout", () => {
  const size = { width: 80, height: 70 };
  const request = {
    key: "k", direction: "lr" as const, nodes: ["a", "b", "c", "lone"].map((id) => ({ id, ...size })),
    edges: [{ source: "a", target: "b" }, { source: "b", target: "c" }, { source: "c", target: "a" }, { source: "a", target: "a" }],
  };

  it("puts every node somewhere of its own, callers left of callees, cycles or not", () => {
    const { positions } = layOut(request);
    expect(Object.keys(positions).toSorted()).toEqual(["a", "b", "c", "lone"]);
    const places = Object.values(positions);
    expect(places.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
    for (const [i, one] of places.entries()) {
      for (const other of places.slice(i + 1)) expect(Math.abs(one.x - other.x) >= size.width || Math.abs(one.y - other.y) >= size.height).toBe(true);
    }
    const line = layOut({ ...request, edges: request.edges.slice(0, 2) }).positions;
    expect(line.a!.x).toBeLessThan(line.b!.x);
    expect(line.b!.x).toBeLessThan(line.c!.x);
  });

  it("keeps the nodes of a layer apart and near their neighbours", () => {
    const ids = Array.from({ length: 9 }, (_, i) => `n${i}`);
    const wide = { ...request, nodes: ["root", ...ids].map((id) => ({ id, ...size })), edges: ids.map((id) => ({ source: "root", target: id })) };
    const { positions } = layOut(wide);
    const layer = ids.map((id) => positions[id]!.y).toSorted((a, b) => a - b);
    expect(layer.slice(1).every((y, i) => y - layer[i]! >= size.height)).toBe(true);
    expect(Math.abs(positions.root!.y - (layer[0]! + layer[8]!) / 2)).toBeLessThan(1);
  });

  it("folds a layer of very many nodes", () => {
    const ids = Array.from({ length: 144 }, (_, i) => `n${i}`);
    const wide = { ...request, nodes: ["root", ...ids].map((id) => ({ id, ...size })), edges: ids.map((id) => ({ source: "root", target: id })) };
    const places = Object.values(layOut(wide).positions);
    const height = Math.max(...places.map((one) => one.y)) - Math.min(...places.map((one) => one.y));
    expect(height).toBeLessThan(16 * (size.height + 10));
    expect(new Set(places.map((one) => `${one.x} ${one.y}`)).size).toBe(places.length);
  });

  it("does not depend on the order of its input", () => {
    const turned = { ...request, nodes: request.nodes.toReversed(), edges: request.edges.toReversed() };
    expect(layOut(turned)).toEqual(layOut(request));
  });
});
