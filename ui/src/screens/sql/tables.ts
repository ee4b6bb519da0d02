/** Columns that SQL sees, for completion. */
export const TABLES: Record<string, string[]> = {
  spans: [
    "trace_id", "span_id", "parent_span_id", "trace_state", "flags", "service", "name", "kind",
    "start_time", "end_time", "duration_ns", "status", "status_message", "scope_name", "scope_version",
    "resource", "attributes", "events", "links",
    "dropped_attributes_count", "dropped_events_count", "dropped_links_count",
  ],
  logs: [
    "time", "observed_time", "severity_number", "severity", "severity_text", "body", "trace_id", "span_id",
    "flags", "service", "event_name", "scope_name", "scope_version", "resource", "attributes",
  ],
};
