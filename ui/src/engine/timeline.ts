/** The visible part of the time axis, nanoseconds since the start of the trace. */
export interface TimeView {
  t0: number;
  t1: number;
}

/** A view is never narrower than this: doubles stay exact and ticks stay readable. */
const MIN_VIEW_NS = 100;

/** Zooms by `factor` (below 1 zooms in) with the time under `anchor` staying where it is. */
export function zoomAt(view: TimeView, anchor: number, factor: number, durationNs: number): TimeView {
  const span = Math.min(durationNs, Math.max(MIN_VIEW_NS, (view.t1 - view.t0) * factor));
  const share = (anchor - view.t0) / (view.t1 - view.t0);
  return clampView({ t0: anchor - share * span, t1: anchor + (1 - share) * span }, durationNs);
}

/** Moves by a share of the visible span; negative is towards the start. */
export function pan(view: TimeView, share: number, durationNs: number): TimeView {
  const shift = (view.t1 - view.t0) * share;
  return clampView({ t0: view.t0 + shift, t1: view.t1 + shift }, durationNs);
}

/** The same span moved inside the trace; a span that is too narrow or too wide is mended. */
export function clampView(view: TimeView, durationNs: number): TimeView {
  const span = Math.min(durationNs, Math.max(Math.min(MIN_VIEW_NS, durationNs), view.t1 - view.t0));
  const t0 = Math.min(Math.max(0, view.t0), durationNs - span);
  return { t0, t1: t0 + span };
}

/** The view that shows one span with a little air around it. */
export function viewOf(start: number, duration: number, durationNs: number): TimeView {
  const air = Math.max(duration * 0.15, MIN_VIEW_NS);
  return clampView({ t0: start - air, t1: start + duration + air }, durationNs);
}

/** Round times inside the view, at most one per `gapPx` pixels. */
export function ticks(view: TimeView, widthPx: number, gapPx = 110): number[] {
  const wanted = Math.max(1, Math.floor(widthPx / gapPx));
  const step = niceStep((view.t1 - view.t0) / wanted);
  const times: number[] = [];
  for (let k = Math.ceil(view.t0 / step); k * step < view.t1; k += 1) times.push(k * step);
  return times;
}

// Minutes and hours have their own round numbers; more than a day is counted in days.
const LONG_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].map((s) => s * 1e9);
const DAY_NS = 86400e9;

function niceStep(rough: number): number {
  if (rough > DAY_NS) return decimalStep(rough / DAY_NS) * DAY_NS;
  return (rough > 30e9 && LONG_STEPS.find((step) => step >= rough)) || decimalStep(rough);
}

function decimalStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const factor = [1, 2, 5, 10].find((f) => f * power >= rough * 0.999)!;
  return Math.max(1, factor * power);
}
