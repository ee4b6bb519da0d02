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
const HOPS = Array.from({ length: HOPS_MAX }, (_, i) => [String(i + 1), `${i + 1} ${i === 0 ? "hop" : "hops"}`] as const);
const LEAST = [0, 0.1, 1, 10, 100, 1000];

/** The usual numbers, and the one of the address. */
function leastChoices(min: number): (readonly [string, string])[] {
  const all = [...new Set([...LEAST, min])].toSorted((a, b) => a - b);
  return all.map((least) => [String(least), least === 0 ? "any number of requests" : `${least} requests/min`] as const);
}

/** One of a few values with words; `hidden` leaves the label to those who listen. */
function Choose<T extends string>(props: { label: string; hidden?: boolean; value: T; choices: readonly (readonly [T, string])[]; onChange: (value: T) => void }) {
  return (
    <label>
      {props.hidden ? <span className={controls.srOnly}>{props.label}</span> : props.label}
      <select value={props.value} onChange={(event) => props.onChange(event.target.value as T)}>
        {props.choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Focus, direction, colour and the least number of calls. */
export function ViewControls({ view, focus, onChange }: { view: MapView; focus: string | null; onChange: (view: Partial<MapView>) => void }) {
  return (
    <>
      {focus !== null && (
        <span className={css.focus}>
          <Crosshair size={13} aria-hidden />
          <b title={focus}>{focus}</b>
          <Choose label="Calls from the focus" hidden value={String(view.hops)} choices={HOPS} onChange={(hops) => onChange({ hops: Number(hops), camera: null })} />
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
              <Choose label="Layers" value={view.dir} choices={DIRECTIONS} onChange={(dir) => onChange({ dir, camera: null })} />
              <Choose label="Colour" value={view.color} choices={COLORS} onChange={(color) => onChange({ color })} />
              <Choose label="Draw together" value={view.group} choices={GROUPS} onChange={(by) => onChange({ group: by, open: [], camera: null })} />
              <Choose label="Compare with" value={view.cmp} choices={COMPARISONS} onChange={(cmp) => onChange({ cmp })} />
              <Choose label="Nodes with at least" value={String(view.min)} choices={leastChoices(view.min)} onChange={(min) => onChange({ min: Number(min), camera: null })} />
            </div>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
    </>
  );
}
