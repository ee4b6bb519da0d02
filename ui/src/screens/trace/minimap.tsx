import { type PointerEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { paintMinimap } from "../../engine/minimap-painter";
import { onThemeChange, prepareCanvas, readThemeColors, serviceColors } from "../../engine/theme-colors";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { storedNumber, storeNumber } from "../../kit/preferences";
import { HeightResizer } from "../../kit/resizer";
import css from "./waterfall.module.css";

const DRAG_MIN_PX = 4;
const HITS_MAX = 400;

const HEIGHT = 58;
const HEIGHT_MIN = 48;
const HEIGHT_MAX = 160;

/** The whole trace in a strip, as high as the reader wants it; drag to choose what the waterfall shows, double click for all. */
export function Minimap({ store }: { store: WaterfallStore }) {
  const [height, setHeight] = useState(() => Math.max(HEIGHT_MIN, Math.min(HEIGHT_MAX, storedNumber("minimap-height", HEIGHT))));
  const resizeTo = (next: number) => {
    setHeight(next);
    storeNumber("minimap-height", next);
  };
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useSyncExternalStore(store.subscribe, () => store.view);
  const matches = useSyncExternalStore(store.subscribe, () => store.matches);
  const model = useSyncExternalStore(store.subscribe, () => store.model);
  useEffect(() => {
    const element = canvas.current!;
    const paint = () => {
      const { clientWidth, clientHeight } = element;
      const colors = readThemeColors();
      paintMinimap(prepareCanvas(element, clientWidth, clientHeight), model, colors, serviceColors(model.services, colors.dark), clientWidth, clientHeight);
    };
    const resize = new ResizeObserver(paint);
    resize.observe(element);
    const stop = onThemeChange(paint);
    return () => {
      resize.disconnect();
      stop();
    };
  }, [model]);

  const timeAt = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * model.durationNs;
  };
  const onPointerDown = (down: PointerEvent<HTMLDivElement>) => {
    const from = timeAt(down);
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const before = store.view;
    const move = (event: globalThis.PointerEvent) => {
      const to = timeAt(event as unknown as PointerEvent);
      if (Math.abs(event.clientX - down.clientX) >= DRAG_MIN_PX) store.setView({ t0: Math.min(from, to), t1: Math.max(from, to) });
      else store.setView(before);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", () => target.removeEventListener("pointermove", move), { once: true });
  };
  const share = (time: number) => `${(time / model.durationNs) * 100}%`;
  const whole = view.t0 <= 0 && view.t1 >= model.durationNs;
  return (
    <div className={css.minimapBox} style={{ height }}>
      {/* The same can be done with the keys w a s d and 0 in the waterfall. */}
      <div className={css.minimap} onPointerDown={onPointerDown} onDoubleClick={() => store.resetView()} aria-hidden title="Drag to zoom, double click for the whole trace">
        <canvas ref={canvas} />
        {!whole && (
          <>
            <div className={css.shade} style={{ left: 0, width: share(view.t0) }} />
            <div className={css.shade} style={{ left: share(view.t1), right: 0 }} />
            <div className={css.viewport} style={{ left: share(view.t0), width: share(view.t1 - view.t0) }} />
          </>
        )}
        {Array.from(matches.subarray(0, HITS_MAX), (index) => (
          <span key={index} className={css.hit} style={{ left: share(model.start[index]!) }} />
        ))}
      </div>
      <HeightResizer className={css.edge} label="Height of the overview" value={height} min={HEIGHT_MIN} max={HEIGHT_MAX} onChange={resizeTo} />
    </div>
  );
}
