import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { Position } from "../../engine/map-layout";
import { type Camera, ZOOM_MAX, ZOOM_MIN } from "../../lib/map-url";

const MARGIN = 70;
/** Of the buttons at the right. */
const BUTTONS_WIDTH = 44;
/** A small map is not blown up beyond this when it is fitted. */
const FIT_ZOOM_MAX = 1.25;
const WHEEL_STEP = 0.0015;
export const ZOOM_STEP = 1.3;
/** How long the camera rests before the address takes it over. */
const SETTLED_MS = 250;

export interface Size {
  width: number;
  height: number;
}

/** The camera that shows all positions. */
export function fit(positions: readonly Position[], size: Size): Camera {
  if (positions.length === 0 || size.width === 0) return { x: 0, y: 0, k: 1 };
  const xs = positions.map((one) => one.x);
  const ys = positions.map((one) => one.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const width = Math.max(1, size.width - BUTTONS_WIDTH);
  const k = clampZoom(Math.min(width / (right - left + 2 * MARGIN), size.height / (bottom - top + 2 * MARGIN), FIT_ZOOM_MAX));
  return { x: (left + right) / 2 + BUTTONS_WIDTH / 2 / k, y: (top + bottom) / 2, k };
}

export function clampZoom(k: number): number {
  return Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, k));
}

/** Zooms so that the point of the map under the pointer stays there. `at` is in pixels from the middle. */
export function zoomAt(camera: Camera, factor: number, at: Position): Camera {
  const k = clampZoom(camera.k * factor);
  return { x: camera.x + at.x / camera.k - at.x / k, y: camera.y + at.y / camera.k - at.y / k, k };
}

/** The camera of an element: the wheel zooms (or, without `wheel`, scrolls the page), dragging moves; `onSettle` gets what to keep. */
export function useCamera(initial: Camera | null, positions: readonly Position[] | null, wheel: boolean, onSettle: (camera: Camera | null) => void) {
  const element = useRef<SVGSVGElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  /** None while the whole map is shown, whatever its size. */
  const [own, setOwn] = useState<Camera | null>(initial);
  const [seen, setSeen] = useState(initial);
  // Back or a link changed the address: the camera follows it.
  if (initial?.x !== seen?.x || initial?.y !== seen?.y || initial?.k !== seen?.k) {
    setSeen(initial);
    setOwn(initial);
  }
  const camera = own ?? fit(positions ?? [], size);
  const timer = useRef(0);
  const move = (next: Camera | null) => {
    setOwn(next);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onSettle(next), SETTLED_MS);
  };
  const onWheel = useEffectEvent((event: WheelEvent, box: Element) => {
    event.preventDefault();
    const rect = box.getBoundingClientRect();
    const at = { x: event.clientX - rect.left - rect.width / 2, y: event.clientY - rect.top - rect.height / 2 };
    move(zoomAt(camera, Math.exp(-event.deltaY * WHEEL_STEP), at));
  });
  useEffect(() => {
    const pending = timer;
    return () => window.clearTimeout(pending.current);
  }, []);
  useEffect(() => {
    const box = element.current!;
    const observer = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    observer.observe(box);
    // React's wheel listeners are passive: they cannot keep the page from scrolling.
    const turn = (event: WheelEvent) => onWheel(event, box);
    if (wheel) box.addEventListener("wheel", turn, { passive: false });
    return () => {
      observer.disconnect();
      box.removeEventListener("wheel", turn);
    };
  }, [wheel]);
  const zoom = (factor: number) => move(zoomAt(camera, factor, { x: 0, y: 0 }));
  const pan = (dx: number, dy: number) => move({ x: camera.x - dx / camera.k, y: camera.y - dy / camera.k, k: camera.k });
  return { element, size, camera, move, zoom, pan };
}
