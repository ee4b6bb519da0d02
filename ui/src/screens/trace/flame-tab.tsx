import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { buildFlame, type Flame, type FlameOrder, flamePath, flameStep, nodeAt } from "../../engine/flame";
import { FLAME_ROW, flameExtent, type FlameScene, paintFlame } from "../../engine/flame-painter";
import { onThemeChange, prepareCanvas, readThemeColors, serviceColors } from "../../engine/theme-colors";
import { ticks } from "../../engine/timeline";
import type { TraceModel } from "../../engine/trace-model";
import { Button } from "../../kit/button";
import { ChoiceNote } from "../../kit/choice-note";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare, group, plural } from "../../lib/format";
import css from "./views.module.css";

const CRUMBS_MAX = 6;
/** So many times as much work as time is said to be at once; less is one thing after another. */
const AT_ONCE_MIN = 1.1;
const ORDERS: readonly { value: FlameOrder; label: string }[] = [
  { value: "heavy", label: "Left heavy" },
  { value: "time", label: "Time order" },
];

/** The trace merged by path: where the time was spent, whoever ran at the same time. */
export function FlameTab({ model, matches, onSelect }: { model: TraceModel; matches: Int32Array; onSelect: (index: number) => void }) {
  const { search, patch } = useUrl();
  const order: FlameOrder = new URLSearchParams(search).get("order") === "time" ? "time" : "heavy";
  const flame = useMemo(() => buildFlame(model, order), [model, order]);
  const [state, setState] = useState({ flame, zoom: -1, focus: 0 });
  // Another order has other nodes: its zoom begins anew.
  const { zoom, focus } = state.flame === flame ? state : { zoom: -1, focus: 0 };
  const set = (next: { zoom?: number; focus?: number }) => setState({ flame, zoom, focus, ...next });
  const found = useMemo(() => {
    if (matches.length === 0) return null;
    const nodes = new Uint8Array(flame.count);
    for (const span of matches) nodes[flame.nodeOf[span]!] = 1;
    return nodes;
  }, [flame, matches]);
  const label = (node: number) => `${model.services[flame.service[node]!]!} ${model.names[flame.name[node]!]!}`;
  return (
    <>
      <ChoiceNote name="order" choices={ORDERS} usual="left heavy is shown" />
      <div className={css.toolbar}>
        <div role="group" aria-label="Order" className={css.orders}>
          {ORDERS.map((one) => (
            <Button key={one.value} small aria-pressed={one.value === order} onClick={() => patch({ order: one.value === "heavy" ? null : one.value }, { replace: true })}>
              {one.label}
            </Button>
          ))}
        </div>
        <nav className={css.crumbs} aria-label="Zoom">
          <button type="button" onClick={() => set({ zoom: -1 })} disabled={zoom < 0}>
            Whole trace
          </button>
          {zoom >= 0 &&
            flamePath(flame, zoom, CRUMBS_MAX).map((node) => (
              <button key={node} type="button" onClick={() => set({ zoom: node, focus: node })} title={label(node)}>
                › {model.names[flame.name[node]!]}
              </button>
            ))}
        </nav>
      </div>
      <WorkAxis model={model} flame={flame} zoom={zoom} />
      <FlameCanvas model={model} flame={flame} zoom={zoom} focus={focus} found={found} set={set} />
      <div className={css.flameFoot} role="status">
        <b>{label(focus)}</b> {plural(flame.spans[focus]!, "span")}, {flame.spans[focus]! > 1 && "the longest "}took {formatDuration(model.duration[flame.longest[focus]!]!)}; {formatDuration(flame.value[focus]!)} of work with what is below ({formatShare(flame.value[focus]!, flame.total)} of all), {formatDuration(flame.self[focus]!)} itself
        {flame.errors[focus]! > 0 && `; ${plural(flame.errors[focus]!, "error")}`}
        <Button small onClick={() => onSelect(flame.longest[focus]!)}>
          Show the longest in the waterfall
        </Button>
      </div>
    </>
  );
}

/** How much room a tick of the axis has; the axis is stretched to the width that there is. */
const AXIS_WIDTH_PX = 1000;

/** Says what widths mean: work, which is more than the time that passed where calls ran at the same time. */
function WorkAxis({ model, flame, zoom }: { model: TraceModel; flame: Flame; zoom: number }) {
  const { scaleBy } = flameExtent(flame, zoom);
  const took = zoom < 0 ? model.durationNs : flame.spans[zoom] === 1 ? model.duration[flame.longest[zoom]!]! : null;
  const share = (time: number) => `${Math.min(100, (time / scaleBy) * 100)}%`;
  return (
    <div className={css.axis}>
      <p>
        Widths are work: what each span did itself, added up: <b>{formatDuration(scaleBy)}</b>
        {took !== null && took > 0 && (
          <>
            {" "}
            in <i className={css.timeMark} /> <b>{formatDuration(took)}</b> of time{scaleBy / took >= AT_ONCE_MIN && `, ${(scaleBy / took).toFixed(1)} at once on average`}
          </>
        )}
      </p>
      <div className={css.axisTicks} aria-hidden>
        {took !== null && took > 0 && took <= scaleBy && <i style={{ width: share(took) }} title={`${formatDuration(took)} of time`} />}
        {ticks({ t0: 0, t1: scaleBy }, AXIS_WIDTH_PX).map((time) => (
          <span key={time} style={{ left: share(time) }}>
            {time === 0 ? "work" : formatDuration(time)}
          </span>
        ))}
      </div>
    </div>
  );
}

interface CanvasProps {
  model: TraceModel;
  flame: Flame;
  zoom: number;
  focus: number;
  found: Uint8Array | null;
  set: (next: { zoom?: number; focus?: number }) => void;
}

function FlameCanvas({ model, flame, zoom, focus, found, set }: CanvasProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const box = scroller.current!;
    let frame = 0;
    const paint = () => {
      frame = 0;
      const colors = readThemeColors();
      const [width, height] = [box.clientWidth, box.clientHeight];
      const scene: FlameScene = { model, flame, zoom, focus, found, colors, serviceColors: serviceColors(model.services, colors.dark), width, height, scrollTop: box.scrollTop };
      canvas.current!.style.width = `${width}px`;
      canvas.current!.style.height = `${height}px`;
      paintFlame(prepareCanvas(canvas.current!, width, height), scene);
    };
    const schedule = () => {
      if (frame === 0) frame = requestAnimationFrame(paint);
    };
    schedule();
    box.addEventListener("scroll", schedule, { passive: true });
    const resize = new ResizeObserver(schedule);
    resize.observe(box);
    const stop = onThemeChange(schedule);
    return () => {
      cancelAnimationFrame(frame);
      box.removeEventListener("scroll", schedule);
      resize.disconnect();
      stop();
    };
  }, [model, flame, zoom, focus, found]);
  const at = (event: PointerEvent) => {
    const box = scroller.current!.getBoundingClientRect();
    const { x0, scaleBy } = flameExtent(flame, zoom);
    const depth = Math.floor((event.clientY - box.top + scroller.current!.scrollTop) / FLAME_ROW);
    return nodeAt(flame, depth, x0 + ((event.clientX - box.left) / scroller.current!.clientWidth) * scaleBy);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") set({ zoom: focus });
    else if (event.key === "Escape" || event.key === "0") set({ zoom: -1 });
    else if (event.key.startsWith("Arrow")) {
      const next = flameStep(flame, focus, event.key);
      const top = flame.depth[next]! * FLAME_ROW;
      const box = scroller.current!;
      if (top < box.scrollTop || top + FLAME_ROW > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
      set({ focus: next });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // The status line below says what is focused: arrows move, Enter zooms, Escape shows all.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={scroller}
      className={css.flame}
      role="application"
      aria-roledescription="flame graph"
      aria-label={`Flame graph of ${group(flame.count)} paths. Arrows move, Enter zooms, Escape shows all.`}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerMove={(event) => {
        const node = at(event);
        if (node >= 0 && node !== focus) set({ focus: node });
      }}
      onClick={(event) => {
        const node = at(event as unknown as PointerEvent);
        if (node >= 0) set({ zoom: node === zoom ? -1 : node, focus: node });
      }}
    >
      <div style={{ height: flame.levels * FLAME_ROW }}>
        <canvas ref={canvas} aria-hidden className={css.flameCanvas} />
      </div>
    </div>
  );
}
