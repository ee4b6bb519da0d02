import type { Window } from "../../api/queries";
import { useUrl } from "../../kit/use-url";
import { carryOver, href, rangePatch } from "../../lib/url-state";

/** Addresses that carry the window as their range. */
export function useWindowLink(window: Window) {
  const { search } = useUrl();
  const range = rangePatch({ from: { kind: "absolute", at: window.from }, to: { kind: "absolute", at: window.to } });
  return (path: string, patch: Record<string, string> = {}) => href(path, { ...range, ...patch }, carryOver(search));
}
