/** The shapes of `/api/v1/queries` and of the frames of a stream (`Accept: application/x-ndjson`). */
import type { JsonValue } from "../lib/json";
import type { components } from "./schema";

type Schemas = components["schemas"];

/** What a query has read so far. */
export type Progress = Schemas["ProgressReport"];
export type RunningQuery = Schemas["RunningQuery"];

/** The last frame: `reason` is null or the code of an error, and then the page is not whole. */
export interface EndFrame {
  t: "end";
  partial: boolean;
  reason: string | null;
  message: string | null;
  hint: string | null;
  next_cursor: string | null;
  elapsed_ms: number;
}

export type Frame =
  | { t: "meta"; query_id: string; columns: string[] }
  | { t: "rows"; replaces: boolean; columns: JsonValue[][] }
  | ({ t: "progress"; elapsed_ms: number } & Progress)
  | { t: "histogram"; histogram: JsonValue }
  | { t: "warning"; message: string }
  | EndFrame;
