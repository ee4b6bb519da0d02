import { type PointerEvent, useEffect, useRef, useSyncExternalStore } from "react";
import { paintMinimap } from "../../engine/minimap-painter";
import { onThemeChange, prepareCanvas, readThemeColors, serviceColors } from "../../engine/theme-colors";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { classNames } from "../../kit/class-names";
import css from "./waterfall.module.css";

const DRAG_MIN_PX = 4;
const HITS_MAX = 400;

/** The whole trace in 58 pixels; drag to choose what the waterfall shows, double click for all. */
export function Minimap({ store }: { store: WaterfallStore }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useSyncExternalStore(store.subscribe, () => store.view);
  const matches = useSyncExternalStore(store.subscribe, () => store.matches);
  const model = useSyncExternalStore(store.subscribe, () => store.model);
  useEffect(() => {
    const element = canvas.current!;
    const paint = () => {
      const { clientWidth: width, clientHeight: height } = element;
      const colors = readThemeColors();
      paintMinimap(prepareCanvas(element, width, height), model, colors, serviceColors(model.services, colors.dark), width, height);
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
    // The same can be done with the keys w a s d and 0 in the waterfall.
    <div className={classNames(css.minimap)} onPointerDown={onPointerDown} onDoubleClick={() => store.resetView()} aria-hidden title="Drag to zoom, double click for the whole trace">
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
  );
}
