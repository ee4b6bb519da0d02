import type { TraceFacts } from "./skeleton";
import type { TraceModel } from "./trace-model";
import type { WorkerAnswer } from "./trace-worker";

export interface LoadedTrace {
  facts: TraceFacts;
  model: TraceModel;
}

/**
 * Decodes a skeleton and builds its model in a worker of its own, so that the page stays quick meanwhile. `bytes` moves
 * there. The worker is a file of its own without imports: its answer's Content-Security-Policy allows it nothing else.
 */
export async function decodeTrace(bytes: ArrayBuffer, signal?: AbortSignal): Promise<LoadedTrace> {
  const worker = new Worker(new URL("./trace-worker.ts", import.meta.url), { type: "module" });
  const stop = () => worker.terminate();
  signal?.addEventListener("abort", stop);
  try {
    const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
      worker.addEventListener("message", (event: MessageEvent<WorkerAnswer>) => resolve(event.data));
      worker.addEventListener("error", (event) => reject(new Error(event.message || "the trace's decoder could not be started")));
      signal?.addEventListener("abort", () => reject(signal.reason));
      worker.postMessage(bytes, [bytes]);
    });
    if ("failure" in answer) throw new Error(answer.failure);
    return answer;
  } finally {
    signal?.removeEventListener("abort", stop);
    worker.terminate();
  }
}
