import { useEffect, useRef } from "react";
import { useTime } from "../kit/time-context";
import { useUrl } from "../kit/use-url";
import { applyTheme } from "../kit/preferences";
import { isForPage } from "../kit/keys";
import { absolute, ago, nanos, NOW, spanText } from "../lib/time";
import { carryOver } from "../lib/url-state";
import { SCREENS } from "./screens-list";
import type { Overlay } from "./shell";

/** How long `g` waits for the second key. */
const CHORD_MS = 1_200;

/** Keys that work everywhere. Keys of a focused widget stop before they come here, but for the second one after `g`. */
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
      ".": () => {
        const { from, to } = time.window;
        time.setRange({ from: ago(spanText(to - from)), to: NOW });
      },
      "[": () => shift(-0.5),
      "]": () => shift(0.5),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        show("palette");
        return;
      }
      if (!isForPage(event)) return;
      if (event.key === "g") chordAt.current = performance.now();
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    // Before any widget, for the rows of a trace know `s` and `l` too.
    const onChord = (event: KeyboardEvent) => {
      const chord = performance.now() - chordAt.current < CHORD_MS;
      chordAt.current = -Infinity;
      const screen = chord && isForPage(event) && SCREENS.find((entry) => entry.key === event.key);
      if (!screen) return;
      event.preventDefault();
      event.stopPropagation();
      go(screen.path);
    };
    window.addEventListener("keydown", onKeyDown);
    window.addEventListener("keydown", onChord, true);
    return () => {
      window.removeEventListener("keydown", onKeyDown);
      window.removeEventListener("keydown", onChord, true);
    };
  }, [show, time, navigate, search]);
}

function toggleTheme(): void {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
  applyTheme(dark ? "light" : "dark");
}
