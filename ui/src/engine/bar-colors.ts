import { serviceColors as paletteOf, type ThemeColors } from "./theme-colors";
import { outcomeOf } from "./trace-model";
import { NO_VALUE, OTHER_VALUE, type SpanValues } from "./value-colors";
import type { WaterfallStore } from "./waterfall-store";

/** Greys, for the values beyond the palette and for spans without one. Dark text is readable on both. */
export function otherColor(dark: boolean): string {
  return dark ? "oklch(0.68 0 0)" : "oklch(0.7 0 0)";
}

function noneColor(dark: boolean): string {
  return dark ? "oklch(0.53 0 0)" : "oklch(0.86 0 0)";
}

const palettes = new WeakMap<SpanValues, { dark: boolean; colors: string[] }>();

/** CSS colours of the values of an attribute, by the rules for services. Painters ask for each bar: they are worked out once a theme. */
export function valueColors(spans: SpanValues, dark: boolean): string[] {
  const known = palettes.get(spans);
  if (known?.dark === dark) return known.colors;
  const colors = paletteOf(spans.values.map(({ value }) => value), dark);
  palettes.set(spans, { dark, colors });
  return colors;
}

/** The colour of a span's bar, by what the reader chose. */
export function barColors(store: WaterfallStore, serviceColors: readonly string[], colors: ThemeColors): (index: number) => string {
  const { model } = store;
  if (store.colorBy === "status") return (i) => colors[({ fault: "fault", error: "warn", throttle: "throttle", none: "ok" } as const)[outcomeOf(model, i) ?? "none"]];
  // Kinds are few: they take the palette's first colours.
  if (store.colorBy === "kind") return (i) => colors.kinds[model.kind[i]! % colors.kinds.length]!;
  if (store.colorBy.startsWith("attr:")) {
    const { values } = store;
    const palette = values ? valueColors(values, colors.dark) : [];
    return (i) => palette[values?.ofSpan[i] ?? NO_VALUE] ?? (values?.ofSpan[i] === OTHER_VALUE ? otherColor(colors.dark) : noneColor(colors.dark));
  }
  return (i) => serviceColors[model.service[i]!]!;
}
