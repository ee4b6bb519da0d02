import { Activity, AlignLeft, ChartNoAxesGantt, House, type LucideIcon, Route, Server, SquareTerminal, Waypoints } from "lucide-react";

export interface ScreenEntry {
  path: string;
  label: string;
  icon: LucideIcon;
  /** The key after `g`. */
  key: string;
}

/** Screens in the order of the rail. */
export const SCREENS: readonly ScreenEntry[] = [
  { path: "/", label: "Overview", icon: House, key: "o" },
  { path: "/map", label: "Map", icon: Waypoints, key: "m" },
  { path: "/services", label: "Services", icon: Server, key: "s" },
  { path: "/traces", label: "Traces", icon: ChartNoAxesGantt, key: "t" },
  { path: "/logs", label: "Logs", icon: AlignLeft, key: "l" },
  { path: "/flow", label: "Flow", icon: Route, key: "f" },
  { path: "/sql", label: "SQL", icon: SquareTerminal, key: "q" },
  { path: "/system", label: "System", icon: Activity, key: "y" },
];
