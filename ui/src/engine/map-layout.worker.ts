import { layOut, type LayoutRequest } from "./map-layout";

self.addEventListener("message", (event: MessageEvent<LayoutRequest>) => {
  // A worker's port has no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  self.postMessage(layOut(event.data));
});
