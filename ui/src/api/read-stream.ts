import { parseExact } from "../lib/json";
import { getStream, type Params } from "./client";
import type { Frame } from "./stream-types";

/**
 * Reads the frames of a page as they come. Throws `ApiError` when the request is refused or the connection is lost; an
 * aborted request throws its abort reason.
 */
export async function readStream(path: string, params: Params, id: string, onFrame: (frame: Frame) => void, signal: AbortSignal): Promise<void> {
  const body = await getStream(path, params, id, signal);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const lines = new LineBuffer();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const line of lines.add(value)) onFrame(parseExact(line) as Frame);
  }
}

/** Puts pieces of text together to lines, wherever they were cut. */
export class LineBuffer {
  private rest = "";

  /** The lines that are complete now. */
  add(piece: string): string[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop()!;
    return lines.filter((line) => line !== "");
  }
}
