import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";
import { patchSearch, type Patch } from "../lib/url-state";

/** The address as state: read the query string, write some of its parameters. */
export function useUrl() {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const patch = useCallback(
    (change: Patch, how: { replace?: boolean } = {}) => {
      // Read at the time of the call: two patches in one event must not undo each other.
      const query = patchSearch(window.location.search, change);
      navigate(query === "" ? path : `${path}?${query}`, { replace: how.replace ?? false });
    },
    [path, navigate],
  );
  return { path, search, patch, navigate };
}
