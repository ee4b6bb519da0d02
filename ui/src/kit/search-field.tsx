import { Search, X } from "lucide-react";
import { useState } from "react";
import { describeBound, describeFilter, type Filter, printFilter, readSearchText, type SearchState } from "../lib/filters";
import controls from "./controls.module.css";

/** One line of text, committed by Enter. `/` focuses it from anywhere. */
export function TextField(props: {
  value: string;
  placeholder: string;
  label: string;
  /** Called on every change instead of on Enter only. */
  live?: boolean;
  trailing?: React.ReactNode;
  onCommit: (text: string) => void;
  onKey?: (event: React.KeyboardEvent) => void;
}) {
  const [draft, setDraft] = useState(props.value);
  const [committed, setCommitted] = useState(props.value);
  // The address changed elsewhere (a chip, Back): the draft follows it.
  if (committed !== props.value) {
    setCommitted(props.value);
    setDraft(props.value);
  }
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        props.onCommit(draft);
      }}
    >
      <div className={controls.field}>
        <Search size={14} aria-hidden />
        <input
          data-find
          value={draft}
          placeholder={props.placeholder}
          aria-label={props.label}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => {
            setDraft(event.target.value);
            if (props.live) props.onCommit(event.target.value);
          }}
          onKeyDown={(event) => {
            props.onKey?.(event);
            if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
        {props.trailing ?? <span className={controls.kbd}>/</span>}
      </div>
    </form>
  );
}

/** The search box of traces and logs: conditions become filters, the rest stays words. */
export function SearchField(props: { state: SearchState; placeholder: string; onChange: (state: SearchState) => void }) {
  return (
    <TextField
      value={props.state.q}
      placeholder={props.placeholder}
      label="Search"
      onCommit={(text) => props.onChange(readSearchText(text, props.state))}
    />
  );
}

/** The conditions in force, each with a button that removes it. */
export function FilterChips({ state, onChange }: { state: SearchState; onChange: (state: SearchState) => void }) {
  const without = (filter: Filter) => state.filters.filter((other) => other !== filter);
  return (
    <>
      {state.filters.map((filter) => {
        const { field, op, value } = describeFilter(filter);
        return <Chip key={printFilter(filter)} field={`${field} ${op}`} value={value} onRemove={() => onChange({ ...state, filters: without(filter) })} />;
      })}
      {state.min !== null && <Chip field="duration" value={describeBound("min", state.min)} onRemove={() => onChange({ ...state, min: null })} />}
      {state.max !== null && <Chip field="duration" value={describeBound("max", state.max)} onRemove={() => onChange({ ...state, max: null })} />}
      {state.q !== "" && <Chip field="words" value={state.q} onRemove={() => onChange({ ...state, q: "" })} />}
    </>
  );
}

function Chip({ field, value, onRemove }: { field: string; value: string; onRemove: () => void }) {
  return (
    <span className={controls.chip}>
      <span className={controls.chipField}>{field}</span>
      <span className={controls.chipValue} title={value}>
        {value}
      </span>
      <button type="button" onClick={onRemove} aria-label={`Remove filter ${field} ${value}`}>
        <X size={13} aria-hidden />
      </button>
    </span>
  );
}

/** True when the state asks for more than the time range. */
export function isFiltered(state: SearchState): boolean {
  return state.q !== "" || state.filters.length > 0 || state.min !== null || state.max !== null;
}
