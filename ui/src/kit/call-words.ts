import type { CallFigures } from "../api/flow-queries";
import { formatCount, formatShare, plural } from "../lib/format";

/** Shares below this are not worth a word. */
const SHARE_MIN = 0.005;

/** `47 times a request`, `once a request`, `2.4 times a request`. */
export function timesWords(mean: number): string {
  if (mean < 1.05) return "once a request";
  const times = mean < 9.95 ? mean.toFixed(1).replace(/\.0$/, "") : formatCount(Math.round(mean));
  return times === "2" ? "twice a request" : `${times} times a request`;
}

/** `, one after another: 62% of its time`; empty when calls do not wait for each other. */
export function waitWords({ sequential }: CallFigures): string {
  if (sequential.calls === 0 || sequential.share < SHARE_MIN) return "";
  return `, one after another: ${formatShare(sequential.share, 1)} of its time`;
}

/** What is odd about calls, the worst first; empty when nothing is. */
export function findings(calls: CallFigures): { label: string; detail: string }[] {
  const found: { label: string; detail: string }[] = [];
  const { n_plus_one: nPlusOne, repeated, identical } = calls;
  if (nPlusOne?.worst) {
    found.push({ label: "N+1", detail: `${nPlusOne.worst.calls} times ${nPlusOne.worst.operation} from one span, with differing parameters` });
  }
  if (repeated?.worst) {
    found.push({ label: "repeated", detail: `${repeated.worst.calls} times ${repeated.worst.operation} from one span, with the same parameters or with none recorded` });
  }
  if (identical > 0) found.push({ label: "identical", detail: `${plural(identical, "call")} that the same request had made before, with the same parameters` });
  return found;
}
