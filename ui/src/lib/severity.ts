/** The six names of OTLP severity numbers, from least to most severe; "" is unknown. */
export const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The class that carries the severity's colour; the word is always shown beside it. */
export function severityTone(severity: string | null): "error" | "warn" | "info" | "debug" | "none" {
  switch (severity) {
    case "FATAL":
    case "ERROR":
      return "error";
    case "WARN":
      return "warn";
    case "INFO":
      return "info";
    case "DEBUG":
    case "TRACE":
      return "debug";
    default:
      return "none";
  }
}
