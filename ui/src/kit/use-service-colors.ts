import { useEffect, useMemo, useState } from "react";
import { onThemeChange, readThemeColors, serviceColors } from "../engine/theme-colors";

/** Colours for the services of a view, repainted when the theme changes. */
export function useServiceColors(services: readonly string[]): Map<string, string> {
  const [dark, setDark] = useState(() => readThemeColors().dark);
  useEffect(() => onThemeChange(() => setDark(readThemeColors().dark)), []);
  return useMemo(() => {
    const colors = serviceColors(services, dark);
    return new Map(services.map((service, i) => [service, colors[i]!]));
  }, [services, dark]);
}
