import { type RefObject, useEffect, useEffectEvent, useRef, useState } from "react";
import type { Position } from "../../engine/map-layout";
import { type Camera, ZOOM_MAX, ZOOM_MIN } from "../../lib/map-url";

/** Around the middle of the outermost nodes, in units of the map: the largest circle. */
const NODE_MARGIN = 36;
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

/** Pixels that labels take around the outermost circles: they do not grow and shrink with the map. */
export interface LabelRoom {
  left: number;
  right: number;
  top: number;
  bottom: number;
}
export const LABELS_BELOW: LabelRoom = { left: 28, right: 28, top: 6, bottom: 34 };
export const LABELS_BESIDE: LabelRoom = { left: 6, right: 112, top: 4, bottom: 4 };

/** The magnification at which a drawing so wide and so high fits. */
export function fitZoom(wide: number, high: number, size: Size, labels: LabelRoom): number {
  const width = Math.max(1, size.width - BUTTONS_WIDTH - labels.left - labels.right);
  const height = Math.max(1, size.height - labels.top - labels.bottom);
  return clampZoom(Math.min(width / (wide + 2 * NODE_MARGIN), height / (high + 2 * NODE_MARGIN), FIT_ZOOM_MAX));
}

/** Below this magnification labels stand beside the circles of a low drawing. */
const BESIDE_BELOW = 0.35;
/** How far layers may be drawn apart to fill a wide and low place. */
const STRETCH_MAX = 8;

/** Layers that go to the right, so far apart that the drawing is as wide for its height as its place. */
export function spread(positions: Record<string, Position>, size: Size): { positions: Record<string, Position>; labels: LabelRoom } {
  const places = Object.values(positions);
  const range = (pick: (place: Position) => number) => Math.max(...places.map(pick)) - Math.min(...places.map(pick));
  const [wide, high] = [range(({ x }) => x), range(({ y }) => y)];
  const labels = fitZoom(0, high, size, LABELS_BELOW) < BESIDE_BELOW ? LABELS_BESIDE : LABELS_BELOW;
  if (!(wide > 0) || size.width === 0) return { positions, labels };
  const room = (size.width - BUTTONS_WIDTH - labels.left - labels.right) / fitZoom(0, high, size, labels) - 2 * NODE_MARGIN;
  const factor = Math.min(STRETCH_MAX, Math.max(1, room / wide));
  return { positions: Object.fromEntries(Object.entries(positions).map(([id, { x, y }]) => [id, { x: x * factor, y }])), labels };
}

/** The camera that shows all positions with their labels. */
export function fit(positions: readonly Position[], size: Size, labels: LabelRoom): Camera {
  if (positions.length === 0 || size.width === 0) return { x: 0, y: 0, k: 1 };
  const xs = positions.map((one) => one.x);
  const ys = positions.map((one) => one.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const k = fitZoom(right - left, bottom - top, size, labels);
  return { x: (left + right) / 2 + (BUTTONS_WIDTH + labels.right - labels.left) / 2 / k, y: (top + bottom) / 2 + (labels.bottom - labels.top) / 2 / k, k };
}

export function clampZoom(k: number): number {
  return Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, k));
}

/** Zooms so that the point of the map under the pointer stays there. `at` is in pixels from the middle. */
export function zoomAt(camera: Camera, factor: number, at: Position): Camera {
  const k = clampZoom(camera.k * factor);
  return { x: camera.x + at.x / camera.k - at.x / k, y: camera.y + at.y / camera.k - at.y / k, k };
}

/** The size of an element in pixels, nothing until it is known. */
export function useSize(element: RefObject<Element | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const box = element.current!;
    const observer = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    observer.observe(box);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

/** The camera of an element: the wheel zooms (or, without `wheel`, scrolls the page), dragging moves; `onSettle` gets what to keep. */
export function useCamera(
  place: { element: RefObject<Element | null>; size: Size; labels: LabelRoom },
  initial: Camera | null,
  positions: readonly Position[],
  wheel: boolean,
  onSettle: (camera: Camera | null) => void,
) {
  const { element, size, labels } = place;
  /** None while the whole map is shown, whatever its size. */
  const [own, setOwn] = useState<Camera | null>(initial);
  const [seen, setSeen] = useState(initial);
  // Back or a link changed the address: the camera follows it.
  if (initial?.x !== seen?.x || initial?.y !== seen?.y || initial?.k !== seen?.k) {
    setSeen(initial);
    setOwn(initial);
  }
  const camera = own ?? fit(positions, size, labels);
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
    // React's wheel listeners are passive: they cannot keep the page from scrolling.
    const turn = (event: Event) => onWheel(event as WheelEvent, box);
    if (wheel) box.addEventListener("wheel", turn, { passive: false });
    return () => box.removeEventListener("wheel", turn);
  }, [element, wheel]);
  const zoom = (factor: number) => move(zoomAt(camera, factor, { x: 0, y: 0 }));
  const pan = (dx: number, dy: number) => move({ x: camera.x - dx / camera.k, y: camera.y - dy / camera.k, k: camera.k });
  return { camera, move, zoom, pan };
}
