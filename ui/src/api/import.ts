import type { ImportPlan } from "../engine/import-file";
import { stringifyExact } from "../lib/json";
import { postJson } from "./client";
import type { ImportAnswer } from "./types";

/** What was stored, and why anything was not. */
export interface ImportResult {
  spans: number;
  logs: number;
  rejected: number;
  reason: string | null;
}

/** Sends a file piece by piece; `onPiece` hears how many have been stored. Errors: as requests; what came before stays. */
export async function sendImport(plan: ImportPlan, onPiece: (done: number) => void, signal: AbortSignal): Promise<ImportResult> {
  const result: ImportResult = { spans: 0, logs: 0, rejected: 0, reason: null };
  for (const [nth, piece] of plan.pieces.entries()) {
    const { spans, logs } = await postJson<ImportAnswer>("import", stringifyExact(piece), signal);
    result.spans += spans.accepted;
    result.logs += logs.accepted;
    result.rejected += spans.rejected + logs.rejected;
    result.reason ??= spans.rejected_reason ?? logs.rejected_reason;
    onPiece(nth + 1);
  }
  return result;
}
