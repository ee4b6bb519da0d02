/** What came in since the start, what of it was not taken, and how much lies on the disk. */
import { queryOptions } from "@tanstack/react-query";
import { getJson } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type SystemFigures = Schemas["System"];
export type ReceivedSignal = Schemas["ReceivedSignal"];

/** How often it is asked for while it is looked at. */
const SYSTEM_POLL_MS = 5_000;

export function systemQuery() {
  return queryOptions({
    queryKey: ["system"],
    queryFn: ({ signal }) => getJson<SystemFigures>("system", {}, signal),
    refetchInterval: SYSTEM_POLL_MS,
    staleTime: 0,
  });
}
