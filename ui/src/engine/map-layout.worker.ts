import { layOut, type LayoutRequest } from "./map-layout";

self.addEventListener("message", (event: MessageEvent<LayoutRequest>) => self.postMessage(layOut(event.data)));
