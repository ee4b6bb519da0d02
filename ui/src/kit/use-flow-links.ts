import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "../api/queries";
import { flowAround } from "../lib/flow-href";
import type { UnixNanos } from "../lib/time";
import { carryOver } from "../lib/url-state";
import { useTime } from "./time-context";
import { useUrl } from "./use-url";

/** For attributes met at a time: where the flow of a value is, null for keys that carry no flow. */
export function useFlowLinks(at: UnixNanos): (key: string, value: string) => string | null {
  const { data } = useQuery(statusQuery());
  const { window } = useTime();
  const { search } = useUrl();
  return (key, value) => (value !== "" && data?.flow_keys.includes(key) ? flowAround(value, carryOver(search), window, at) : null);
}
