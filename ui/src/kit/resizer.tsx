import type { KeyboardEvent, PointerEvent } from "react";

const KEY_STEP_PX = 16;

/** A vertical edge that can be dragged or moved with the arrow keys. */
export function Resizer(props: {
  className: string | undefined;
  label: string;
  /** Current width in pixels. */
  value: number;
  min: number;
  max: number;
  /** The panel lies right of the edge: dragging left widens it. */
  reverse?: boolean;
  onChange: (width: number) => void;
}) {
  const set = (width: number) => props.onChange(Math.max(props.min, Math.min(props.max, width)));
  const sign = props.reverse ? -1 : 1;
  const onPointerDown = (down: PointerEvent<HTMLDivElement>) => {
    down.preventDefault();
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const start = props.value;
    const move = (event: globalThis.PointerEvent) => set(start + sign * (event.clientX - down.clientX));
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", () => target.removeEventListener("pointermove", move), { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: KEY_STEP_PX, ArrowLeft: -KEY_STEP_PX }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(props.value + sign * step);
  };
  return (
    // A focusable separator is a widget by ARIA, which the lint rule does not know.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className={props.className}
      role="separator"
      aria-orientation="vertical"
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
