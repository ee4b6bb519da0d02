import type { MapEdge, MapNode, OutcomeCounts, ServiceMap } from "../../api/types";
import { edgeId } from "../../engine/map-graph";
import { parts } from "../../engine/outcome";
import { formatCount, formatDuration, formatShare, group } from "../../lib/format";
import { perMinute, TYPE_WORDS } from "../../kit/map/words";
import table from "../../kit/table.module.css";
import css from "./map-list.module.css";

const EDGE_KINDS = { sync: "call", async: "message", link: "message, by link" } as const;

/** The map as two tables: the same figures, for those who read rather than look. */
export function MapList({ map, minutes, onSelect }: { map: ServiceMap; minutes: number; onSelect: (panel: string) => void }) {
  const names = new Map(map.nodes.map((node) => [node.id, node.name]));
  const nodes = map.nodes.toSorted((a, b) => b.faults - a.faults || b.requests - a.requests);
  const edges = map.edges.toSorted((a, b) => b.faults - a.faults || b.requests - a.requests);
  return (
    // The region scrolls: keyboards need to get into it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroller} role="region" aria-label="The map as tables" tabIndex={0}>
      <h2>Nodes</h2>
      <table className={table.panel}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className={table.word}>Type</th>
            <FigureHeads />
            <th scope="col">Mean</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <NodeRow key={node.id} node={node} minutes={minutes} onSelect={onSelect} />
          ))}
        </tbody>
      </table>
      <h2>Connections</h2>
      <table className={table.panel}>
        <thead>
          <tr>
            <th scope="col">From, to</th>
            <th scope="col" className={table.word}>Kind</th>
            <FigureHeads />
            <th scope="col">Mean</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <EdgeRow key={edgeId(edge)} edge={edge} source={names.get(edge.source) ?? edge.source} target={names.get(edge.target) ?? edge.target} minutes={minutes} onSelect={onSelect} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FigureHeads() {
  return (
    <>
      <th scope="col">Requests</th>
      <th scope="col">Rate</th>
      <th scope="col">Error</th>
      <th scope="col">Throttle</th>
      <th scope="col">Fault</th>
    </>
  );
}

function NodeRow({ node, minutes, onSelect }: { node: MapNode; minutes: number; onSelect: (panel: string) => void }) {
  return (
    <tr>
      <th scope="row">
        <button type="button" data-node={node.id} onClick={() => onSelect(`node:${node.id}`)}>
          {node.name}
        </button>
      </th>
      <td className={table.word}>{TYPE_WORDS[node.type]}</td>
      <Figures counts={node} minutes={minutes} />
      <Durations duration={node.duration_ns} />
    </tr>
  );
}

function EdgeRow({ edge, source, target, minutes, onSelect }: { edge: MapEdge; source: string; target: string; minutes: number; onSelect: (panel: string) => void }) {
  return (
    <tr>
      <th scope="row">
        <button type="button" data-edge={edgeId(edge)} onClick={() => onSelect(`edge:${edgeId(edge)}`)}>
          {source} → {target}
        </button>
      </th>
      <td className={table.word}>{EDGE_KINDS[edge.kind]}</td>
      <Figures counts={edge} minutes={minutes} />
      <Durations duration={edge.message_age_ns ?? edge.duration_ns} />
    </tr>
  );
}

function Figures({ counts, minutes }: { counts: OutcomeCounts; minutes: number }) {
  const shares = parts(counts);
  return (
    <>
      <td title={group(counts.requests)}>{formatCount(counts.requests)}</td>
      <td>{perMinute(counts.requests, minutes)}</td>
      {(["error", "throttle", "fault"] as const).map((outcome) => (
        <td key={outcome} className={shares[outcome] > 0 ? table[outcome] : table.none} title={group(shares[outcome])}>
          {shares[outcome] > 0 ? formatShare(shares[outcome], counts.requests) : "–"}
        </td>
      ))}
    </>
  );
}

function Durations({ duration }: { duration: MapNode["duration_ns"] }) {
  return (["mean", "p50", "p95", "p99"] as const).map((key) => <td key={key}>{duration ? formatDuration(duration[key]) : "–"}</td>);
}
