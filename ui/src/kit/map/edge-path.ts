import type { Position } from "../../engine/map-layout";

/** Gap between the tip of an arrow and the ring. */
const GAP = 5;

/** A curve between two circles, in the direction of the layers; edges backwards go around. `label`: how far the source's name reaches to the right of its circle. */
export function edgePath(source: Position, target: Position, [from, to]: [number, number], direction: "lr" | "tb", label = 0): { path: string; middle: Position } {
  if (source === target || (source.x === target.x && source.y === target.y)) return loop(source, from);
  // Worked out as if layers went to the right; for layers that go down the axes are swapped.
  const flip = direction === "tb";
  const [ax, ay] = flip ? [source.y, source.x] : [source.x, source.y];
  const [bx, by] = flip ? [target.y, target.x] : [target.x, target.y];
  const forward = bx - ax > from + to;
  const points: [number, number][] = forward ? ahead(Math.min(ax + from + label, (ax + bx) / 2), ay, bx - to - GAP, by) : back(ax, ay, bx, by, from, to);
  const out = points.map(([x, y]): [number, number] => (flip ? [y, x] : [x, y]));
  const [p0, p1, p2, p3] = out as [[number, number], [number, number], [number, number], [number, number]];
  const middle = { x: (p0[0] + 3 * p1[0] + 3 * p2[0] + p3[0]) / 8, y: (p0[1] + 3 * p1[1] + 3 * p2[1] + p3[1]) / 8 };
  return { path: `M${print(p0)}C${print(p1)} ${print(p2)} ${print(p3)}`, middle };
}

function print([x, y]: [number, number]): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}

function ahead(ax: number, ay: number, bx: number, by: number): [number, number][] {
  const bend = (bx - ax) * 0.45;
  return [[ax, ay], [ax + bend, ay], [bx - bend, by], [bx, by]];
}

/** From the side of one circle to the side of the other, in a bow: both lie in one layer, or the callee lies before. */
function back(ax: number, ay: number, bx: number, by: number, from: number, to: number): [number, number][] {
  const side = by >= ay ? 1 : -1;
  const bow = Math.max(36, Math.abs(bx - ax) * 0.3);
  if (Math.abs(bx - ax) < from + to) {
    return [[ax + from * 0.7, ay + side * from * 0.7], [ax + bow + from, ay + side * 20], [bx + bow + to, by - side * 20], [bx + to + GAP, by]];
  }
  return [[ax, ay - side * from], [ax, ay - side * (from + bow)], [bx, by - side * (to + bow)], [bx, by - side * (to + GAP)]];
}

function loop({ x, y }: Position, radius: number): { path: string; middle: Position } {
  const top = y - radius;
  return {
    path: `M${x - radius * 0.5},${top + 3}C${x - radius},${top - 34} ${x + radius},${top - 34} ${x + radius * 0.5 + 2},${top - 1}`,
    middle: { x, y: top - 28 },
  };
}
