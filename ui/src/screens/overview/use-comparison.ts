import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { rootCauseQuery } from "../../api/cause";
import { ApiError } from "../../api/client";
import type { Window } from "../../api/queries";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { readWindow } from "../../lib/selection-url";
import { nanos } from "../../lib/time";

/** What the server may take when the reader wants to wait; it takes 10 s without being asked. */
const PATIENCE = "60s";
/** Steps of a range that moves on with the clock: a comparison reads much, and need not be made anew every few seconds. */
const STEPS = 60n;

/** What changed in the range, or in a part of it that has been chosen: one answer for all panels that show some of it. */
export function useComparison(exact: Window) {
  const { search } = useUrl();
  const { range } = useTime();
  const window = range.to.kind === "absolute" ? exact : stepped(exact);
  const read = useMemo(() => readWindow(search), [search]);
  const part = read.ok ? read.value : null;
  // For this range only: who has waited once does not want to wait for every other.
  const params = new URLSearchParams(search);
  const asked = `${params.get("from")}..${params.get("to")}`;
  const [waitedFor, setWaitedFor] = useState<string | null>(null);
  const isPatient = waitedFor === asked;
  // A part is compared with the rest of the range, the whole range with the time around it.
  const query = useQuery(rootCauseQuery(part ?? window, part ? window : null, "", isPatient ? PATIENCE : null));
  return {
    window,
    part,
    chosen: part ?? window,
    problem: read.ok ? null : read.message,
    query,
    /** There is more to compare than the server does for somebody who did not ask for it. */
    isTooMuch: query.error instanceof ApiError && query.error.code === "timeout",
    isPatient,
    wait: () => setWaitedFor(asked),
  };
}

export type Comparison = ReturnType<typeof useComparison>;

function stepped({ from, to }: Window): Window {
  const step = (to - from) / STEPS;
  if (step === 0n) return { from, to };
  // Upwards: what has just come belongs to the window and not to what it is compared with.
  const end = nanos((to / step + 1n) * step);
  return { from: nanos(end - (to - from)), to: end };
}
