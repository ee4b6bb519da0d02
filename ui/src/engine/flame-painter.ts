import { formatDuration } from "../lib/format";
import type { Flame } from "./flame";
import type { ThemeColors } from "./theme-colors";
import type { TraceModel } from "./trace-model";

export const FLAME_ROW = 20;
const TEXT_ON_BAR = "#0b1220";
/** Narrower nodes have no text. */
const TEXT_WIDTH_MIN = 36;

export interface FlameScene {
  model: TraceModel;
  flame: Flame;
  colors: ThemeColors;
  serviceColors: readonly string[];
  /** The node that fills the width; -1 for all. */
  zoom: number;
  focus: number;
  /** One byte per node while something is searched for, else null. */
  found: Uint8Array | null;
  width: number;
  height: number;
  scrollTop: number;
}

/** What part of the flame the width shows. */
export function flameExtent(flame: Flame, zoom: number): { x0: number; scaleBy: number } {
  return zoom < 0 ? { x0: 0, scaleBy: flame.total } : { x0: flame.x[zoom]!, scaleBy: Math.max(1, flame.value[zoom]!) };
}

/** Paints the levels in sight, the root on top. */
export function paintFlame(context: CanvasRenderingContext2D, scene: FlameScene): void {
  const { flame, width, height, scrollTop } = scene;
  const { x0, scaleBy } = flameExtent(flame, scene.zoom);
  const scale = width / scaleBy;
  context.font = `11px ${scene.colors.font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const first = Math.max(0, Math.floor(scrollTop / FLAME_ROW));
  const last = Math.min(flame.levels - 1, Math.ceil((scrollTop + height) / FLAME_ROW));
  for (let depth = first; depth <= last; depth += 1) {
    let painted = -Infinity;
    for (let k = flame.depthFrom[depth]!; k < flame.depthFrom[depth + 1]!; k += 1) {
      const node = flame.byDepth[k]!;
      const left = Math.max(0, (flame.x[node]! - x0) * scale);
      const right = Math.min(width, (flame.x[node]! + flame.value[node]! - x0) * scale);
      // Nodes that fall on a pixel that is painted already are not painted again.
      if (right < 0 || left > width || right <= painted + 0.4) continue;
      painted = Math.max(right, left + 0.5);
      paintNode(context, scene, node, left, Math.max(0.5, right - left), depth * FLAME_ROW - scrollTop);
    }
  }
}

function paintNode(context: CanvasRenderingContext2D, scene: FlameScene, node: number, left: number, width: number, top: number): void {
  const { flame, model, colors } = scene;
  const dimmed = scene.found !== null && scene.found[node] === 0;
  context.globalAlpha = dimmed ? 0.25 : 1;
  context.fillStyle = scene.serviceColors[flame.service[node]!]!;
  context.fillRect(left, top + 1, Math.max(0.5, width - 1), FLAME_ROW - 2);
  if (flame.errors[node]! > 0) {
    context.fillStyle = colors.fault;
    context.fillRect(left, top + FLAME_ROW - 4, Math.max(0.5, width - 1), 3);
  }
  context.globalAlpha = 1;
  if (node === scene.focus) {
    context.strokeStyle = colors.text;
    context.lineWidth = 2;
    context.strokeRect(left + 1, top + 2, Math.max(1, width - 3), FLAME_ROW - 4);
  }
  if (width < TEXT_WIDTH_MIN) return;
  const times = flame.spans[node]! > 1 ? ` × ${flame.spans[node]!}` : "";
  context.fillStyle = dimmed ? colors.text : TEXT_ON_BAR;
  context.fillText(clipped(context, `${model.names[flame.name[node]!]!}${times} · ${formatDuration(flame.value[node]!)}`, width - 8), left + 4, top + FLAME_ROW / 2 + 0.5);
}

/** As much of a text as fits. */
function clipped(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  const each = context.measureText("n").width;
  return `${text.slice(0, Math.max(1, Math.floor(width / each) - 1))}…`;
}
