import { Pause, Play, X } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useEffect, useEffectEvent, useRef, useState } from "react";
import { Link } from "wouter";
import type { OutcomeCounts, ServiceMap } from "../../api/types";
import { addCounts, NO_REQUESTS, OUTCOME_WORDS, worst } from "../../engine/outcome";
import { Button, buttonClass } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatShare, plural } from "../../lib/format";
import { windowPatch } from "../../lib/selection-url";
import { formatClock, nanos, type UnixNanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import css from "./scrubber.module.css";

/** How long a part is shown while the map is replayed. */
const PLAY_MS = 900;

/** Health over time: choose a part of the range to see the map of then, or replay them all. */
export function Scrubber({ map, at, onChange }: { map: ServiceMap; at: UnixNanos | null; onChange: (at: UnixNanos | null) => void }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const track = useRef<HTMLDivElement>(null);
  const [playing, setPlaying] = useState(false);
  const { buckets } = map;
  const bars = buckets ? healthOverTime(map) : [];
  const start = buckets ? nanos(buckets.start_unix_nano) : nanos(0n);
  const width = BigInt(buckets?.width_ns ?? 1);
  const startOf = (i: number) => nanos(start + width * BigInt(i));
  const current = at === null ? null : Math.min(bars.length - 1, Math.max(0, Number((at - start) / width)));
  const count = bars.length;
  const next = useEffectEvent(() => {
    const after = current === null ? 0 : current + 1;
    if (after >= count) setPlaying(false);
    else onChange(startOf(after));
  });
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => next(), PLAY_MS);
    return () => clearInterval(timer);
  }, [playing]);
  if (!buckets || count === 0) return null;
  const peak = Math.max(1, ...bars.map((bar) => bar.requests));
  const indexAt = (event: PointerEvent) => {
    const box = track.current!.getBoundingClientRect();
    return Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count)));
  };
  const play = () => {
    if (!playing && (current === null || current === count - 1)) onChange(startOf(0));
    setPlaying(!playing);
  };
  const stop = () => {
    setPlaying(false);
    onChange(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const actions: Record<string, () => void> = {
      ArrowRight: () => onChange(startOf(Math.min(count - 1, current === null ? 0 : current + 1))),
      ArrowLeft: () => onChange(startOf(Math.max(0, current === null ? count - 1 : current - 1))),
      Home: () => onChange(startOf(0)),
      End: () => onChange(startOf(count - 1)),
      " ": play,
      Escape: stop,
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const clock = (i: number) => formatClock(startOf(i), zone, 0);
  const words = (i: number) => `${clock(i)}: ${describe(bars[i]!)}`;
  return (
    <section className={css.scrubber} aria-label="Health over time">
      <Button look="quiet" small iconLabel={playing ? "Pause" : "Replay the map"} onClick={play}>
        {playing ? <Pause size={14} aria-hidden /> : <Play size={14} aria-hidden />}
      </Button>
      <span className={css.clock}>{clock(0)}</span>
      <div
        ref={track}
        className={css.track}
        role="slider"
        tabIndex={0}
        aria-label="Part of the range. Arrows move, Space replays, Escape shows the whole range."
        aria-valuemin={0}
        aria-valuemax={count - 1}
        aria-valuenow={current ?? 0}
        aria-valuetext={current === null ? "the whole range" : words(current)}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          setPlaying(false);
          event.currentTarget.setPointerCapture(event.pointerId);
          onChange(startOf(indexAt(event)));
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1 && indexAt(event) !== current) onChange(startOf(indexAt(event)));
        }}
      >
        {bars.map((bar, i) => (
          <i
            // A bar is its place.
            // oxlint-disable-next-line react/no-array-index-key
            key={i}
            title={words(i)}
            className={classNames(css.bar, css[worst(bar).outcome], i === current && css.current)}
            style={{ height: bar.requests === 0 ? 1 : `${20 + 80 * (bar.requests / peak)}%` }}
          />
        ))}
      </div>
      <span className={css.clock}>{formatClock(startOf(count), zone, 0)}</span>
      <span className={css.state}>
        {current === null ? (
          "whole range"
        ) : (
          <>
            {clock(current)}
            <Link className={buttonClass("quiet", true)} href={href("/", windowPatch({ from: startOf(current), to: startOf(current + 1) }), carryOver(search))} aria-label={`What changed at ${clock(current)}?`}>
              Why?
            </Link>
            <Button look="quiet" small iconLabel="Show the whole range" onClick={stop}>
              <X size={13} aria-hidden />
            </Button>
          </>
        )}
      </span>
    </section>
  );
}

/** Requests of all services, part by part. */
function healthOverTime(map: ServiceMap): OutcomeCounts[] {
  const bars: OutcomeCounts[] = Array.from({ length: map.buckets?.count ?? 0 }, () => NO_REQUESTS);
  for (const node of map.nodes) {
    if (node.type !== "service" || !node.over_time) continue;
    const { requests, ok, errors, throttles, faults } = node.over_time;
    for (let i = 0; i < bars.length; i += 1) {
      if (requests[i] === 0) continue;
      bars[i] = addCounts(bars[i]!, { requests: requests[i]!, ok: ok[i]!, errors: errors[i]!, throttles: throttles[i]!, faults: faults[i]! });
    }
  }
  return bars;
}

function describe(bar: OutcomeCounts): string {
  const { outcome, count } = worst(bar);
  return outcome === "ok" ? plural(bar.requests, "request") : `${plural(bar.requests, "request")}, ${formatShare(count, bar.requests)} ${OUTCOME_WORDS[outcome]}`;
}
