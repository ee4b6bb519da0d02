import { Search, X } from "lucide-react";
import { useState } from "react";
import { conditions, removeCondition } from "../engine/search/edit";
import type { Subject } from "../engine/search/parse";
import { Button } from "./button";
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

/** The conditions that must all hold, each with a button that removes it, and one for all. */
export function ConditionChips({ text, subject, onChange }: { text: string; subject: Subject; onChange: (text: string) => void }) {
  const all = text === "" ? [] : (conditions(text, subject) ?? []);
  return (
    <div className={controls.chips}>
      {all.map((condition) => (
        <span key={condition} className={controls.chip}>
          <span className={controls.chipValue} title={condition}>
            {condition}
          </span>
          <button type="button" onClick={() => onChange(removeCondition(text, condition, subject))} aria-label={`Remove condition ${condition}`}>
            <X size={13} aria-hidden />
          </button>
        </span>
      ))}
      {all.length > 1 && (
        <Button small look="quiet" onClick={() => onChange("")}>
          Clear all
        </Button>
      )}
    </div>
  );
}
