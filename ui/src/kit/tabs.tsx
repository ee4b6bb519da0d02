import type { KeyboardEvent } from "react";
import type { Choice } from "./menu";
import css from "./controls.module.css";

/** Tabs by the ARIA pattern: one tab stop, arrows move, the panel is labelled by its tab. */
export function Tabs<T extends string>(props: {
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
}) {
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = props.choices.findIndex((choice) => choice.value === props.value);
    const next = props.choices[(at + step + props.choices.length) % props.choices.length]!;
    props.onChange(next.value);
    document.getElementById(tabId(next.value))?.focus();
  };
  return (
    <div className={css.tabs} role="tablist" aria-label={props.label} tabIndex={-1} onKeyDown={onKeyDown}>
      {props.choices.map((choice) => (
        <button
          key={choice.value}
          type="button"
          role="tab"
          id={tabId(choice.value)}
          className={css.tab}
          aria-selected={choice.value === props.value}
          aria-controls={TAB_PANEL_ID}
          tabIndex={choice.value === props.value ? 0 : -1}
          onClick={() => props.onChange(choice.value)}
        >
          {choice.label}
        </button>
      ))}
    </div>
  );
}

export const TAB_PANEL_ID = "tab-panel";

export function tabId(value: string): string {
  return `tab-${value}`;
}
