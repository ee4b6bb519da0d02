import { readZoneName, type Zone } from "../lib/zone";

/** From here on a list has room beside it. */
const WIDE_PX = 1200;

export type Theme = "system" | "dark" | "light";

// Storage can be blocked; the page then simply forgets.
function read(key: string): string | null {
  try {
    return localStorage.getItem(`spanlake.${key}`);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`spanlake.${key}`, value);
  } catch {
    // Nothing to do: the choice holds until the page is closed.
  }
}

export function storedTheme(): Theme {
  const theme = read("theme");
  return theme === "dark" || theme === "light" ? theme : "system";
}

/** Stores and applies the theme; `public/theme.js` applies it on the next load. */
export function applyTheme(theme: Theme): void {
  write("theme", theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function storedZone(): Zone {
  return readZoneName(read("zone") ?? "") ?? "local";
}

export function storeZone(zone: Zone): void {
  write("zone", zone);
}

/** Whether the facets stand beside a result: on wide screens, unless the reader has said otherwise. */
export function storedFacets(): boolean {
  return storedShown("facets", window.innerWidth >= WIDE_PX);
}

export function storeFacets(shown: boolean): void {
  storeShown("facets", shown);
}

/** Whether a part of a screen is shown, as the reader left it. */
export function storedShown(part: string, usual: boolean): boolean {
  const stored = read(part);
  return stored === null ? usual : stored === "shown";
}

export function storeShown(part: string, shown: boolean): void {
  write(part, shown ? "shown" : "hidden");
}

/** A number a reader has set by dragging, for example a panel's width. */
export function storedNumber(key: string, fallback: number): number {
  const value = Number(read(key));
  return Number.isFinite(value) && value > 0 ? value : fallback;
}

export function storeNumber(key: string, value: number): void {
  write(key, String(Math.round(value)));
}
