/** Draws a heatmap: how many spans by the strength of the colour, failed ones by hatching. */
import { type Heat, strength } from "./heatmap";
import { prepareCanvas, type ThemeColors } from "./theme-colors";

/** Distance between the lines of the hatching: closer where more spans failed. */
const HATCH_WIDE_PX = 8;
const HATCH_CLOSE_PX = 3.5;

export function paintHeatmap(canvas: HTMLCanvasElement, heat: Heat, width: number, height: number, colors: ThemeColors, bar: string) {
  const context = prepareCanvas(canvas, width, height);
  const [columnWidth, rowHeight] = [width / heat.columns, height / Math.max(1, heat.rows.length)];
  const gap = columnWidth > 5 && rowHeight > 5 ? 1 : 0;
  context.fillStyle = bar;
  const each = (counts: Uint32Array, draw: (count: number, at: number, x: number, y: number, w: number, h: number) => void) => {
    for (let at = 0; at < counts.length; at += 1) {
      if (counts[at] === 0) continue;
      const [column, row] = [at % heat.columns, Math.floor(at / heat.columns)];
      const [left, top] = [Math.floor(column * columnWidth), Math.floor(height - (row + 1) * rowHeight)];
      const [right, bottom] = [Math.floor((column + 1) * columnWidth), Math.floor(height - row * rowHeight)];
      draw(counts[at]!, at, left, top, Math.max(1, right - left - gap), Math.max(1, bottom - top - gap));
    }
  };
  each(heat.all, (count, _, x, y, w, h) => {
    context.globalAlpha = strength(count, heat.peak);
    context.fillRect(x, y, w, h);
  });
  context.globalAlpha = 1;
  context.strokeStyle = colors.fault;
  context.lineWidth = 1.5;
  each(heat.failed, (count, at, x, y, w, h) => {
    const share = count / heat.all[at]!;
    context.save();
    context.beginPath();
    context.rect(x, y, w, h);
    context.clip();
    hatch(context, x, y, w, h, HATCH_WIDE_PX - (HATCH_WIDE_PX - HATCH_CLOSE_PX) * share);
    context.restore();
    context.strokeRect(x + 0.5, y + 0.5, Math.max(0, w - 1), Math.max(0, h - 1));
  });
}

/** Lines from the lower left to the upper right, in step between neighbours. */
function hatch(context: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, distance: number) {
  context.beginPath();
  const first = Math.ceil((x + y) / distance) * distance;
  for (let sum = first; sum < x + w + y + h; sum += distance) {
    context.moveTo(sum - y, y);
    context.lineTo(sum - y - h, y + h);
  }
  context.stroke();
}
