/** The shapes of `/api/v1/queries` and of the frames of a stream (`Accept: application/x-ndjson`), as the server says. */
import type { components } from "./schema";

type Schemas = components["schemas"];

/** What a query has read so far. */
export type Progress = Schemas["ProgressReport"];
export type RunningQuery = Schemas["RunningQuery"];

export type Frame = Schemas["Frame"];
/** The last frame: `reason` is null or the code of an error, and then the page is not whole. */
export type EndFrame = Extract<Frame, { t: "end" }>;
