import { assignSlots, paletteColor } from "../lib/color";

/** Colours that canvas painters need as values; read again when the theme changes. */
/** The pink of the palette. */
const THROTTLE_SLOT = 6;
const KIND_COLORS = 6;

export interface ThemeColors {
  dark: boolean;
  text: string;
  muted: string;
  dim: string;
  line: string;
  fault: string;
  warn: string;
  ok: string;
  throttle: string;
  /** Colours that belong to nothing, for span kinds. */
  kinds: readonly string[];
  accent: string;
  surface: string;
  critical: string;
  font: string;
  mono: string;
}

export function readThemeColors(element: Element = document.documentElement): ThemeColors {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const dark = token("--is-dark") === "1";
  return {
    dark,
    text: token("--text"),
    muted: token("--muted"),
    dim: token("--dim"),
    line: token("--line"),
    fault: token("--fault"),
    warn: token("--warn"),
    ok: token("--ok"),
    throttle: paletteColor(THROTTLE_SLOT, dark),
    kinds: Array.from({ length: KIND_COLORS }, (_, slot) => paletteColor(slot, dark)),
    accent: token("--accent"),
    surface: token("--surface"),
    critical: token("--critical"),
    font: token("--font"),
    mono: token("--mono"),
  };
}

/** CSS colours for the services of one view, in the order given. */
export function serviceColors(services: readonly string[], dark: boolean): string[] {
  const slots = assignSlots(services);
  return services.map((service) => paletteColor(slots.get(service)!, dark));
}

/** Calls back after every change of theme, chosen here or by the system. */
export function onThemeChange(callback: () => void): () => void {
  const observer = new MutationObserver(callback);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", callback);
  };
}

/** Fits a canvas to its box in device pixels; returns a context that draws in CSS pixels. */
export function prepareCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const pixelWidth = Math.max(1, Math.round(width * ratio));
  const pixelHeight = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
    canvas.width = pixelWidth;
    canvas.height = pixelHeight;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
