import { factsOf, type Skeleton, type TraceFacts } from "./skeleton";
import { buffersOf, buildTraceModel, type TraceModel } from "./trace-model";

/** What the worker answers to the bytes of a skeleton. */
export type WorkerAnswer = { facts: TraceFacts; model: TraceModel } | { failure: string };

const scope = globalThis as unknown as {
  addEventListener: (type: "message", listener: (event: MessageEvent<ArrayBuffer>) => void) => void;
  postMessage: (answer: WorkerAnswer, transfer: ArrayBuffer[]) => void;
};

scope.addEventListener("message", (event) => {
  try {
    const skeleton = JSON.parse(new TextDecoder().decode(event.data)) as Skeleton;
    const model = buildTraceModel(skeleton);
    scope.postMessage({ facts: factsOf(skeleton), model }, buffersOf(model));
  } catch (error) {
    scope.postMessage({ failure: error instanceof Error ? error.message : String(error) }, []);
  }
});
