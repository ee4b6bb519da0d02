import type { ThemeColors } from "./theme-colors";
import { outcomeOf } from "./trace-model";
import type { WaterfallStore } from "./waterfall-store";

/** The colour of a span's bar, by what the reader chose. */
export function barColors(store: WaterfallStore, serviceColors: readonly string[], colors: ThemeColors): (index: number) => string {
  const { model } = store;
  if (store.colorBy === "status") return (i) => colors[({ fault: "fault", error: "warn", throttle: "throttle", none: "ok" } as const)[outcomeOf(model, i) ?? "none"]];
  // Kinds are few: they take the palette's first colours.
  if (store.colorBy === "kind") return (i) => colors.kinds[model.kind[i]! % colors.kinds.length]!;
  return (i) => serviceColors[model.service[i]!]!;
}
