import * as Popover from "@radix-ui/react-popover";
import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { Button } from "../../kit/button";
import controls from "../../kit/controls.module.css";
import { parseDuration, printDuration } from "../../lib/format";
import css from "./traces-screen.module.css";

/** Both bounds of a span's duration; an empty field is no bound. */
export function DurationPopover(props: { min: number | null; max: number | null; onChange: (min: number | null, max: number | null) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button>
          Duration
          <ChevronDown size={13} aria-hidden />
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className={controls.popover} align="start" sideOffset={6} collisionPadding={8} aria-label="Duration">
          <DurationForm
            {...props}
            onChange={(min, max) => {
              setOpen(false);
              props.onChange(min, max);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function boundOf(text: string): number | null {
  return text.trim() === "" ? null : parseDuration(text);
}

function DurationForm({ min, max, onChange }: Parameters<typeof DurationPopover>[0]) {
  const [low, setLow] = useState(min === null ? "" : printDuration(min));
  const [high, setHigh] = useState(max === null ? "" : printDuration(max));
  const wrong = [low, high].find((text) => text.trim() !== "" && parseDuration(text) === null);
  return (
    <form
      className={css.duration}
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong === undefined) onChange(boundOf(low), boundOf(high));
      }}
    >
      <label>
        At least
        <div className={controls.field}>
          <input value={low} placeholder="50ms" onChange={(event) => setLow(event.target.value)} />
        </div>
      </label>
      <label>
        At most
        <div className={controls.field}>
          <input value={high} placeholder="2s" onChange={(event) => setHigh(event.target.value)} />
        </div>
      </label>
      {wrong !== undefined && <p role="alert">“{wrong}” is not a duration; write 50ms, 1.5s or 2m.</p>}
      <div className={css.durationActions}>
        <Button type="submit" small look="primary" disabled={wrong !== undefined}>
          Apply
        </Button>
        <Button small look="quiet" onClick={() => onChange(null, null)}>
          Any duration
        </Button>
      </div>
    </form>
  );
}
