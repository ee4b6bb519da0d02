import { useEffect, useMemo, useState } from "react";
import { onThemeChange, readThemeColors, serviceColors } from "../engine/theme-colors";

/** Whether the theme is dark; renders again when it changes. */
export function useDark(): boolean {
  const [dark, setDark] = useState(() => readThemeColors().dark);
  useEffect(() => onThemeChange(() => setDark(readThemeColors().dark)), []);
  return dark;
}

/** Colours for the services of a view, repainted when the theme changes. */
export function useServiceColors(services: readonly string[]): Map<string, string> {
  const dark = useDark();
  return useMemo(() => {
    const colors = serviceColors(services, dark);
    return new Map(services.map((service, i) => [service, colors[i]!]));
  }, [services, dark]);
}
