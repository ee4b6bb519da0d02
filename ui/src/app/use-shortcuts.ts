import { useEffect, useRef } from "react";
import { useTime } from "../kit/time-context";
import { useUrl } from "../kit/use-url";
import { applyTheme } from "../kit/preferences";
import { absolute, nanos } from "../lib/time";
import { carryOver } from "../lib/url-state";
import { SCREENS } from "./screens-list";
import type { Overlay } from "./shell";

/** How long `g` waits for the second key. */
const CHORD_MS = 1_200;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Keys that work everywhere. Keys of a focused widget stop before they come here. */
export function useShortcuts(show: (overlay: Overlay) => void): void {
  const time = useTime();
  const { navigate, search } = useUrl();
  // When `g` was pressed; not 0, which is when the page was opened.
  const chordAt = useRef(-Infinity);
  useEffect(() => {
    const go = (path: string) => {
      const kept = carryOver(search);
      navigate(kept === "" ? path : `${path}?${kept}`);
    };
    const shift = (share: number) => {
      const { from, to } = time.window;
      const by = ((to - from) * BigInt(Math.round(share * 100))) / 100n;
      time.setRange({ from: absolute(nanos(from + by)), to: absolute(nanos(to + by)) });
    };
    const zoomOut = () => {
      const { from, to } = time.window;
      const half = (to - from) / 2n;
      time.setRange({ from: absolute(nanos(from - half)), to: absolute(nanos(to + half)) });
    };
    const actions: Record<string, () => void> = {
      "?": () => show("shortcuts"),
      "/": () => document.querySelector<HTMLElement>("[data-find]")?.focus(),
      t: () => document.querySelector<HTMLElement>("[data-time-field]")?.click(),
      r: () => time.refreshNow(),
      z: zoomOut,
      d: toggleTheme,
      y: () => void navigator.clipboard?.writeText(window.location.href),
      "[": () => shift(-0.5),
      "]": () => shift(0.5),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        show("palette");
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || event.defaultPrevented) return;
      if (document.querySelector('[role="dialog"]')) return;
      const chord = performance.now() - chordAt.current < CHORD_MS;
      chordAt.current = event.key === "g" ? performance.now() : -Infinity;
      const screen = chord ? SCREENS.find((entry) => entry.key === event.key) : undefined;
      const action = screen ? () => go(screen.path) : actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [show, time, navigate, search]);
}

function toggleTheme(): void {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
  applyTheme(dark ? "light" : "dark");
}
