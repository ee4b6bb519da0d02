import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api/client";
import { LineBuffer } from "../src/api/read-stream";
import { RowStream } from "../src/api/row-stream";
import type { EndFrame, Frame } from "../src/api/stream-types";
import { stoppedText } from "../src/kit/stream-status";

interface Row {
  id: string;
  n: number;
}

const META: Frame = { t: "meta", query_id: "q", columns: ["id", "n"] };
const rows = (...ids: number[]): Frame => ({ t: "rows", replaces: false, columns: [ids.map(String), ids] });
const progress = (done: number, total: number): Frame => ({ t: "progress", row_groups_done: done, row_groups_total: total, rows: 7, bytes: 9, share: done / total, elapsed_ms: 3 });
const end = (change: Partial<EndFrame> = {}): Frame => ({ t: "end", partial: false, reason: null, message: null, hint: null, next_cursor: null, elapsed_ms: 5, ...change });

/** A server whose frames the test sends; it remembers what was asked. */
function server() {
  const asked: { cursor: unknown; id: string; signal: AbortSignal; send: (frame: Frame) => void; close: () => void; refuse: (error: Error) => void }[] = [];
  const stops: string[] = [];
  const stream = new RowStream<Row>(
    "logs",
    { q: "x" },
    (_path, params, id, onFrame, signal) =>
      new Promise((close, refuse) => asked.push({ cursor: params["cursor"], id, signal, send: onFrame, close, refuse })),
    async (id) => void stops.push(id),
  );
  return { stream, asked, stops };
}

const settled = () => new Promise((done) => setTimeout(done, 0));
const ids = (stream: RowStream<Row>) => stream.snapshot().rows.map((row) => row.n);

describe("a stream of rows", () => {
  it("shows rows as they come and goes on page by page", async () => {
    const { stream, asked } = server();
    stream.open();
    stream.open();
    expect(asked.length).toBe(1);
    asked[0]!.send(META);
    asked[0]!.send(rows(1, 2));
    expect(stream.snapshot()).toMatchObject({ phase: "loading", rows: [{ id: "1", n: 1 }, { id: "2", n: 2 }] });
    asked[0]!.send(end({ next_cursor: "c1" }));
    asked[0]!.close();
    await settled();
    expect(stream.snapshot()).toMatchObject({ phase: "done", cursor: "c1" });
    stream.more();
    expect(asked[1]!.cursor).toBe("c1");
    asked[1]!.send(META);
    asked[1]!.send(rows(3));
    asked[1]!.send(end());
    asked[1]!.close();
    await settled();
    expect(ids(stream)).toEqual([1, 2, 3]);
    stream.more();
    expect(asked.length).toBe(2);
  });

  it("keeps what came when it is stopped, and goes on from there", async () => {
    const { stream, asked, stops } = server();
    stream.open();
    asked[0]!.send(META);
    asked[0]!.send(rows(1));
    asked[0]!.send(progress(3, 10));
    stream.stop();
    stream.stop();
    expect(stops).toEqual([asked[0]!.id]);
    expect(stream.snapshot().stopping).toBe(true);
    asked[0]!.send(end({ partial: true, reason: "stopped", next_cursor: "here" }));
    asked[0]!.close();
    await settled();
    const state = stream.snapshot();
    expect(state).toMatchObject({ phase: "stopped", reason: "stopped", stopping: false, cursor: "here" });
    expect(stoppedText(state.reason, state.progress)).toBe("Stopped at 30 %");
    expect(stoppedText("timeout", { ...state.progress, share: 0.996 })).toBe("Out of time at 99 %");
    expect(stoppedText("too_large", { ...state.progress, share: null })).toBe("Out of memory");
    stream.more();
    expect(asked[1]).toMatchObject({ cursor: "here" });
    asked[1]!.send(META);
    asked[1]!.send(rows(2));
    expect(ids(stream)).toEqual([1, 2]);
  });

  it("takes no late frame of a search that was closed", async () => {
    const { stream, asked } = server();
    stream.open();
    asked[0]!.send(META);
    stream.close();
    expect(asked[0]!.signal.aborted).toBe(true);
    asked[0]!.send(rows(1));
    asked[0]!.refuse(new DOMException("aborted", "AbortError"));
    await settled();
    expect(stream.snapshot()).toMatchObject({ phase: "idle", rows: [] });
    stream.open();
    asked[1]!.send(META);
    asked[0]!.send(rows(8));
    asked[1]!.send(rows(2));
    expect(ids(stream)).toEqual([2]);
  });

  it("replaces the rows of this page only", async () => {
    const { stream, asked } = server();
    stream.open();
    asked[0]!.send(META);
    asked[0]!.send(rows(1));
    asked[0]!.send(end({ next_cursor: "c" }));
    asked[0]!.close();
    await settled();
    stream.more();
    asked[1]!.send(META);
    asked[1]!.send({ ...rows(5, 6), replaces: true } as Frame);
    asked[1]!.send({ ...rows(7), replaces: true } as Frame);
    expect(ids(stream)).toEqual([1, 7]);
  });

  it("goes on with a page whose order is not known yet", async () => {
    const { stream, asked } = server();
    stream.open();
    asked[0]!.send(META);
    asked[0]!.send({ ...rows(1, 2), replaces: true } as Frame);
    asked[0]!.send(end({ next_cursor: "page 2" }));
    asked[0]!.close();
    await settled();
    expect(stream.snapshot()).toMatchObject({ phase: "done", provisional: false });

    stream.more();
    asked[1]!.send(META);
    asked[1]!.send({ ...rows(5, 6), replaces: true } as Frame);
    asked[1]!.send(end({ partial: true, reason: "stopped", next_cursor: "rest" }));
    asked[1]!.close();
    await settled();
    expect(stream.snapshot()).toMatchObject({ phase: "stopped", provisional: true, cursor: "rest" });
    expect(ids(stream)).toEqual([1, 2, 5, 6]);

    // Stopped again before it has said anything: nothing is lost, and nothing is shown twice.
    stream.more();
    expect(asked[2]!.cursor).toBe("rest");
    asked[2]!.send(META);
    asked[2]!.send(end({ partial: true, reason: "stopped", next_cursor: "rest" }));
    asked[2]!.close();
    await settled();
    expect(ids(stream)).toEqual([1, 2, 5, 6]);
    expect(stream.snapshot().provisional).toBe(true);

    stream.more();
    asked[3]!.send(META);
    expect(ids(stream)).toEqual([1, 2, 5, 6]);
    asked[3]!.send({ ...rows(5, 4), replaces: true } as Frame);
    expect(ids(stream)).toEqual([1, 2, 5, 4]);
    asked[3]!.send(end());
    asked[3]!.close();
    await settled();
    expect(stream.snapshot()).toMatchObject({ phase: "done", provisional: false });
  });

  it("tells a cut connection, a refused search and a limit apart", async () => {
    const cut = server();
    cut.stream.open();
    cut.asked[0]!.send(META);
    cut.asked[0]!.send(rows(1));
    cut.asked[0]!.close();
    await settled();
    expect(cut.stream.snapshot()).toMatchObject({ phase: "failed", rows: [], error: { code: "unreachable" } });
    cut.stream.retry();
    expect(cut.asked.length).toBe(2);

    const refused = server();
    refused.stream.open();
    refused.asked[0]!.refuse(new ApiError(400, "bad_request", "no", ""));
    await settled();
    expect(refused.stream.snapshot()).toMatchObject({ phase: "failed", error: { status: 400 } });

    for (const [cursor, phase] of [["c", "stopped"], [null, "failed"]] as const) {
      const limited = server();
      limited.stream.open();
      limited.asked[0]!.send(META);
      limited.asked[0]!.send(end({ partial: true, reason: "timeout", message: "late", next_cursor: cursor }));
      limited.asked[0]!.close();
      await settled();
      expect(limited.stream.snapshot()).toMatchObject({ phase, reason: "timeout" });
    }
  });
});

it("lines are put together wherever they were cut", () => {
  const text = '{"a":1}\n{"b":"ü"}\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const lines = new LineBuffer();
    expect([...lines.add(text.slice(0, cut)), ...lines.add(text.slice(cut))]).toEqual(['{"a":1}', '{"b":"ü"}']);
  }
});
