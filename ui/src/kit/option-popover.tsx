import * as Radix from "@radix-ui/react-popover";
import { ChevronDown, Search } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { Button } from "./button";
import css from "./controls.module.css";

export interface Option {
  value: string;
  hint?: string;
  bad?: string | undefined;
}

const OPTIONS_MAX = 200;

/** A button that opens a searchable list (combobox pattern) and picks one value. */
export function OptionPopover(props: {
  label: string;
  value: string | undefined;
  options: readonly Option[];
  /** Said when the list is empty. */
  none: string;
  /** Accept what was typed when nothing matches. */
  free?: boolean;
  small?: boolean;
  onPick: (value: string | null) => void;
}) {
  const [open, setOpen] = useState(false);
  const pick = (value: string | null) => {
    setOpen(false);
    props.onPick(value);
  };
  return (
    <Radix.Root open={open} onOpenChange={setOpen}>
      <Radix.Trigger asChild>
        <Button small={props.small ?? false}>
          {props.label}
          <ChevronDown size={13} aria-hidden />
        </Button>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={`${css.popover} ${css.options}`} align="start" sideOffset={6} collisionPadding={8} aria-label={props.label}>
          <OptionList {...props} onPick={pick} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function OptionList({ label, value, options, none, free, onPick }: Parameters<typeof OptionPopover>[0]) {
  const id = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const wanted = text.trim().toLowerCase();
  const shown = options.filter((option) => option.value.toLowerCase().includes(wanted)).slice(0, OPTIONS_MAX);
  const entries: Option[] = free && wanted !== "" && shown.length === 0 ? [{ value: text.trim(), hint: "as typed" }] : shown;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && entries.length > 0) {
      event.preventDefault();
      const next = (active + step + entries.length) % entries.length;
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && entries[active]) {
      event.preventDefault();
      onPick(entries[active].value);
    }
  };
  return (
    <>
      <div className={css.field}>
        <Search size={13} aria-hidden />
        <input
          role="combobox"
          aria-expanded
          aria-controls={`${id}-list`}
          aria-label={`Filter ${label.toLowerCase()}`}
          aria-activedescendant={entries[active] ? `${id}-${active}` : undefined}
          value={text}
          placeholder="filter"
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <ul className={css.optionList} role="listbox" id={`${id}-list`} aria-label={label}>
        {entries.map((option, i) => (
          // The keyboard is handled by the input, as the combobox pattern asks.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={option.value}
            id={`${id}-${i}`}
            role="option"
            aria-selected={option.value === value}
            data-active={i === active}
            className={css.option}
            onPointerMove={() => setActive(i)}
            onClick={() => onPick(option.value)}
          >
            <span className={css.optionText}>{option.value}</span>
            {option.bad && <span className={css.optionBad}>{option.bad}</span>}
            {option.hint && <span className={css.optionHint}>{option.hint}</span>}
          </li>
        ))}
      </ul>
      {entries.length === 0 && <div className={css.optionNone}>{none}</div>}
      {value !== undefined && (
        <Button small look="quiet" onClick={() => onPick(null)}>
          Remove this filter
        </Button>
      )}
    </>
  );
}
