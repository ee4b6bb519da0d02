import { Crosshair, SlidersHorizontal, X } from "lucide-react";
import * as Popover from "@radix-ui/react-popover";
import type { ServiceMap } from "../../api/types";
import { Button } from "../../kit/button";
import controls from "../../kit/controls.module.css";
import { OptionPopover } from "../../kit/option-popover";
import { group } from "../../lib/format";
import { HOPS_MAX, type MapView } from "../../lib/map-url";
import css from "./map-screen.module.css";
import { TYPE_WORDS, worstShare } from "../../kit/map/words";

/** Finds a node by name and opens its details. */
export function NodeFinder({ map, onFind }: { map: ServiceMap; onFind: (id: string) => void }) {
  const names = new Map<string, string>();
  for (const { id, name } of map.nodes.toSorted((a, b) => b.requests - a.requests)) names.set(names.has(name) ? id : name, id);
  const nodes = new Map(map.nodes.map((node) => [node.id, node]));
  const options = [...names].map(([value, id]) => {
    const node = nodes.get(id)!;
    return { value, hint: node.type === "service" ? group(node.requests) : TYPE_WORDS[node.type], bad: worstShare(node) || undefined };
  });
  const find = (name: string | null) => {
    const id = name === null ? undefined : names.get(name);
    if (id !== undefined) onFind(id);
  };
  return <OptionPopover label="Find" value={undefined} none="No node has this name." options={options} onPick={find} />;
}

const DIRECTIONS = [
  ["lr", "left to right"],
  ["tb", "top down"],
] as const;
const COLORS = [
  ["health", "health"],
  ["latency", "health and latency"],
  ["traffic", "health and traffic"],
] as const;
const GROUPS = [
  ["auto", "only very large maps"],
  ["none", "no"],
  ["namespace", "by namespace"],
  ["env", "by environment"],
] as const;
const COMPARISONS = [
  ["none", "nothing"],
  ["prev", "the window before"],
] as const;
const LEAST = [0, 0.1, 1, 10, 100, 1000];

/** Focus, direction, colour and the least number of calls. */
export function ViewControls({ view, focus, onChange }: { view: MapView; focus: string | null; onChange: (view: Partial<MapView>) => void }) {
  return (
    <>
      {focus !== null && (
        <span className={css.focus}>
          <Crosshair size={13} aria-hidden />
          <b title={focus}>{focus}</b>
          <label>
            <span className={controls.srOnly}>Calls from the focus</span>
            <select value={view.hops} onChange={(event) => onChange({ hops: Number(event.target.value), camera: null })}>
              {Array.from({ length: HOPS_MAX }, (_, i) => (
                <option key={i} value={i + 1}>
                  {i + 1} {i === 0 ? "hop" : "hops"}
                </option>
              ))}
            </select>
          </label>
          <Button look="quiet" small iconLabel="Leave the focus" onClick={() => onChange({ focus: null, hops: 1, camera: null })}>
            <X size={13} aria-hidden />
          </Button>
        </span>
      )}
      <Popover.Root>
        <Popover.Trigger asChild>
          <Button>
            <SlidersHorizontal size={13} aria-hidden /> View
          </Button>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content className={controls.popover} align="end" sideOffset={6} collisionPadding={8} aria-label="View of the map">
            <div className={css.viewForm}>
              <label>
                Layers
                <select value={view.dir} onChange={(event) => onChange({ dir: event.target.value as MapView["dir"], camera: null })}>
                  {DIRECTIONS.map(([value, label]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                Colour
                <select value={view.color} onChange={(event) => onChange({ color: event.target.value as MapView["color"] })}>
                  {COLORS.map(([value, label]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                Draw together
                <select value={view.group} onChange={(event) => onChange({ group: event.target.value as MapView["group"], open: [], camera: null })}>
                  {GROUPS.map(([value, label]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                Compare with
                <select value={view.cmp} onChange={(event) => onChange({ cmp: event.target.value as MapView["cmp"] })}>
                  {COMPARISONS.map(([value, label]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                Nodes with at least
                <select value={view.min} onChange={(event) => onChange({ min: Number(event.target.value), camera: null })}>
                  {[...new Set([...LEAST, view.min])].toSorted((a, b) => a - b).map((least) => (
                    <option key={least} value={least}>
                      {least === 0 ? "any number of requests" : `${least} requests/min`}
                    </option>
                  ))}
                </select>
              </label>
            </div>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
    </>
  );
}
