import type { KeyboardEvent, PointerEvent } from "react";

const KEY_STEP_PX = 16;

interface EdgeProps {
  className: string | undefined;
  label: string;
  /** Current size in pixels. */
  value: number;
  min: number;
  max: number;
  onChange: (size: number) => void;
}

/** A vertical edge that can be dragged or moved with the arrow keys. `reverse`: the panel lies right of it, dragging left widens it. */
export function Resizer({ reverse = false, ...props }: EdgeProps & { reverse?: boolean }) {
  return <Edge {...props} axis="x" sign={reverse ? -1 : 1} />;
}

/** A horizontal edge below a panel: dragging down makes it higher. */
export function HeightResizer(props: EdgeProps) {
  return <Edge {...props} axis="y" sign={1} />;
}

function Edge({ axis, sign, ...props }: EdgeProps & { axis: "x" | "y"; sign: 1 | -1 }) {
  const set = (size: number) => props.onChange(Math.max(props.min, Math.min(props.max, size)));
  const at = (event: { clientX: number; clientY: number }) => (axis === "x" ? event.clientX : event.clientY);
  const onPointerDown = (down: PointerEvent<HTMLDivElement>) => {
    down.preventDefault();
    // What lies under the edge must not take it for a drag of its own.
    down.stopPropagation();
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const start = props.value;
    const move = (event: globalThis.PointerEvent) => set(start + sign * (at(event) - at(down)));
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", () => target.removeEventListener("pointermove", move), { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps = axis === "x" ? { ArrowRight: KEY_STEP_PX, ArrowLeft: -KEY_STEP_PX } : { ArrowDown: KEY_STEP_PX, ArrowUp: -KEY_STEP_PX };
    const step = (steps as Record<string, number | undefined>)[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(props.value + sign * step);
  };
  return (
    // A focusable separator is a widget by ARIA, which the lint rule does not know.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className={props.className}
      role="separator"
      aria-orientation={axis === "x" ? "vertical" : "horizontal"}
      aria-label={props.label}
      aria-valuenow={Math.round(props.value)}
      aria-valuemin={props.min}
      aria-valuemax={props.max}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    />
  );
}
