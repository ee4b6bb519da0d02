import * as Popover from "@radix-ui/react-popover";
import { CalendarClock, RefreshCw, Timer } from "lucide-react";
import { useId, useState } from "react";
import { ago, describeRange, formatDateTime, NOW, nowNanos, printInstant, resolve, type TimeRange, zoneLabel } from "../lib/time";
import { parseRange } from "../lib/time-language";
import { readZoneName, type Zone } from "../lib/zone";
import { Button } from "./button";
import controls from "./controls.module.css";
import { ChoiceMenu } from "./menu";
import { REFRESH_CHOICES, useTime } from "./time-context";
import css from "./time-field.module.css";

const PRESETS = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d", "90d"];

/** The time range of the screen: a button that opens a field, presets and the zone. */
export function TimeField() {
  const [open, setOpen] = useState(false);
  const { range, zone, window } = useTime();
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button className={css.trigger} data-time-field title="Time range (t)">
          <CalendarClock size={14} aria-hidden />
          <span className={css.range}>{describeRange(range, zone)}</span>
          <span className={css.zone}>{zoneLabel(window.to, zone)}</span>
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className={`${controls.popover} ${css.panel}`} align="end" sideOffset={6} collisionPadding={8} aria-label="Time range">
          <TimePanel close={() => setOpen(false)} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function TimePanel({ close }: { close: () => void }) {
  const { range, zone, setRange, setZone } = useTime();
  const hintId = useId();
  const [text, setText] = useState(`${printInstant(range.from)}..${printInstant(range.to)}`);
  const now = nowNanos();
  const parsed = parseRange(text, zone, now);
  const apply = (next: TimeRange) => {
    setRange(next);
    close();
  };
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (parsed.ok) apply(parsed.value);
        }}
      >
        <div className={controls.field}>
          <input
            value={text}
            onChange={(event) => setText(event.target.value)}
            onFocus={(event) => event.target.select()}
            aria-label="Time range as text"
            aria-invalid={!parsed.ok}
            aria-describedby={hintId}
            spellCheck={false}
          />
          <span className={controls.kbd}>Enter</span>
        </div>
        <p id={hintId} className={parsed.ok ? css.preview : css.problem}>
          {parsed.ok
            ? `${formatDateTime(resolve(parsed.value.from, now), zone)} – ${formatDateTime(resolve(parsed.value.to, now), zone)} (${zoneLabel(resolve(parsed.value.to, now), zone)})`
            : parsed.message}
        </p>
      </form>
      <div className={css.presets} role="group" aria-label="Last">
        {PRESETS.map((span) => (
          <Button key={span} small look={printInstant(range.from) === `now-${span}` ? "primary" : "default"} onClick={() => apply({ from: ago(span), to: NOW })}>
            {span}
          </Button>
        ))}
      </div>
      <p className={css.help}>
        <code>15m</code> <code>now-2h..now-1h</code> <code>2026-11-20 14:00..15:30</code> <code>yesterday 9-11</code> a time as logged, RFC 3339 or epoch digits
      </p>
      <ZoneChoice zone={zone} onChange={setZone} />
    </>
  );
}

/** Zones are offered from so many letters on, and so many of them. */
const ZONE_LETTERS_MIN = 2;
const ZONES_OFFERED_MAX = 12;

function zonesLike(text: string): string[] {
  const typed = text.trim().toLowerCase().replaceAll(" ", "_");
  if (typed.length < ZONE_LETTERS_MIN) return [];
  return Intl.supportedValuesOf("timeZone").filter((zone) => zone.toLowerCase().includes(typed)).slice(0, ZONES_OFFERED_MAX);
}

function ZoneChoice({ zone, onChange }: { zone: Zone; onChange: (zone: Zone) => void }) {
  const now = nowNanos();
  const named = zone !== "utc" && zone !== "local";
  const [text, setText] = useState(named ? zone : "");
  const listId = useId();
  const wrong = text.trim() !== "" && readZoneName(text) === null;
  const name = (next: string) => {
    setText(next);
    const read = readZoneName(next);
    if (read !== null) onChange(read);
  };
  return (
    <div className={css.zones} role="group" aria-label="Time zone">
      {(["local", "utc"] as const).map((choice) => (
        <label key={choice} className={css.zoneChoice}>
          <input
            type="radio"
            name="zone"
            checked={zone === choice}
            onChange={() => {
              setText("");
              onChange(choice);
            }}
          />
          {choice === "utc" ? "UTC" : `This browser (${zoneLabel(now, "local")})`}
        </label>
      ))}
      <div className={controls.field}>
        <input
          value={text}
          onChange={(event) => name(event.target.value)}
          list={listId}
          placeholder="Another: Europe/Berlin"
          aria-label="Another time zone"
          aria-invalid={wrong}
          aria-describedby={wrong ? `${listId}-wrong` : undefined}
          spellCheck={false}
          autoComplete="off"
        />
        {named && <span className={css.zone}>{zoneLabel(now, zone)}</span>}
      </div>
      <datalist id={listId}>
        {zonesLike(text).map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </datalist>
      {wrong && (
        <p id={`${listId}-wrong`} className={css.problem}>
          Not a zone that this browser knows; it looks like Europe/Berlin.
        </p>
      )}
    </div>
  );
}

const REFRESH_LABELS = { off: "Off", "5s": "Every 5 s", "10s": "Every 10 s", "30s": "Every 30 s", "1m": "Every minute" };

export function RefreshControl() {
  const { refresh, setRefresh, refreshNow } = useTime();
  const trigger = (
    <Button className={css.auto} iconLabel={`Refresh by itself: ${REFRESH_LABELS[refresh]}`}>
      {refresh === "off" ? <Timer size={14} aria-hidden /> : <span className={css.every}>{refresh}</span>}
    </Button>
  );
  return (
    <div className={css.refresh}>
      <Button className={css.now} iconLabel="Refresh (r)" onClick={refreshNow}>
        <RefreshCw size={14} aria-hidden />
      </Button>
      <ChoiceMenu
        trigger={trigger}
        label="Refresh by itself"
        value={refresh}
        choices={REFRESH_CHOICES.map((value) => ({ value, label: REFRESH_LABELS[value] }))}
        onChange={setRefresh}
      />
    </div>
  );
}
