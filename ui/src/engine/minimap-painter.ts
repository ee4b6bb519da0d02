import type { ThemeColors } from "./theme-colors";
import type { TraceModel } from "./trace-model";

const LANE_HEIGHT_MAX = 4;
const LANE_HEIGHT_MIN = 1;

/**
 * Paints the whole trace small: one lane per span while there is room, several spans per lane
 * above that, errors last so that nothing covers them.
 */
export function paintMinimap(
  context: CanvasRenderingContext2D,
  model: TraceModel,
  colors: ThemeColors,
  serviceColors: readonly string[],
  width: number,
  height: number,
): void {
  const room = height - 6;
  // While the page is laid out the box may still have no size.
  if (room < LANE_HEIGHT_MIN || model.count === 0) return;
  const lanes = Math.min(model.count, Math.floor(room / LANE_HEIGHT_MIN));
  const lane = Math.min(LANE_HEIGHT_MAX, room / lanes);
  const bar = Math.max(1, lane - (lane > 2 ? 1 : 0));
  const scale = width / model.durationNs;
  const dense = model.count > lanes;
  // In a large trace most spans fall on the same pixels; each pixel start is painted once a lane.
  const painted = new Uint8Array(lanes * (Math.ceil(width) + 1));
  // In a deep one the spans of a lane are as good as equal: a bar over the last one of its lane is not painted.
  const last = { x: new Float64Array(lanes).fill(-1), end: new Float64Array(lanes) };
  for (const errors of [0, 1]) {
    if (errors) context.fillStyle = colors.fault;
    for (let i = 0; i < model.count; i += 1) {
      if (model.error[i] !== errors) continue;
      const row = Math.floor((i * lanes) / model.count);
      const x = model.start[i]! * scale;
      // Where several spans share a lane an error is a mark at its start, not a bar over the others.
      const w = errors && dense ? 2 : Math.max(1.5, model.duration[i]! * scale);
      const cell = row * (Math.ceil(width) + 1) + Math.min(Math.ceil(width), Math.max(0, Math.floor(x)));
      if (!errors && w < 3 && painted[cell]) continue;
      painted[cell] = 1;
      if (!errors && Math.abs(x - last.x[row]!) < 1 && Math.abs(x + w - last.end[row]!) < 1) continue;
      [last.x[row], last.end[row]] = [x, x + w];
      if (!errors) context.fillStyle = serviceColors[model.service[i]!]!;
      context.fillRect(x, 3 + row * lane, w, bar);
    }
  }
}
