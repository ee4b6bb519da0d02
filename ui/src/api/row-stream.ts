import { ApiError, type Params, stopQuery } from "./client";
import { readStream } from "./read-stream";
import type { EndFrame, Frame, Progress } from "./stream-types";

/** How long a stop may take before the connection is closed instead. */
const STOP_PATIENCE_MS = 2_000;

export interface RowStreamState<Row> {
  rows: readonly Row[];
  /** `stopped`: by the reader or by a limit; what came is kept, and `cursor` leads on. */
  phase: "idle" | "loading" | "done" | "stopped" | "failed";
  /** The rows of the last page are the first of what has been looked at so far: others may take their places. */
  provisional: boolean;
  stopping: boolean;
  progress: Progress;
  elapsedMs: number;
  /** Where to go on; null at the end, or when there is no such place. */
  cursor: string | null;
  /** Why it stopped: the code of an error. */
  reason: string | null;
  error: ApiError | null;
}

/** Reasons for which what came is an answer, though not the whole one. */
const STOPPED = new Set(["stopped", "timeout", "too_large"]);

const NOTHING_READ: Progress = { row_groups_done: 0, row_groups_total: 0, rows: 0, bytes: 0, share: null };

type Read = typeof readStream;

/** Rows of one search, page after page, as the server finds them. Knows nothing of React. */
export class RowStream<Row> {
  private state: RowStreamState<Row>;
  private readonly listeners = new Set<() => void>();
  private connection: AbortController | null = null;
  private id = "";
  private columns: string[] = [];
  private ended: EndFrame | null = null;
  /** Rows of the pages before the last one. */
  private before = 0;

  constructor(
    private readonly path: string,
    private readonly params: Params,
    private readonly read: Read = readStream,
    private readonly stopOnServer: (id: string) => Promise<void> = stopQuery,
  ) {
    this.state = { rows: [], phase: "idle", provisional: false, stopping: false, progress: NOTHING_READ, elapsedMs: 0, cursor: null, reason: null, error: null };
  }

  readonly snapshot = (): RowStreamState<Row> => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Asks for the first page, unless it is there or on its way. */
  open(): void {
    if (this.state.phase === "idle") void this.load(null);
  }

  /** Ends what is on its way; a page that is whole stays. */
  close(): void {
    if (!this.connection) return;
    this.connection.abort();
    this.connection = null;
    this.set({ phase: "idle", rows: [], stopping: false });
  }

  /** The next page, or the rest of one that was stopped. */
  readonly more = (): void => {
    if (this.state.cursor !== null && this.state.phase !== "loading") void this.load(this.state.cursor);
  };

  /** The failed page once more. */
  readonly retry = (): void => {
    if (this.state.phase === "failed") void this.load(this.state.cursor);
  };

  /** From the beginning. */
  readonly again = (): void => {
    if (this.state.phase !== "loading") void this.load(null);
  };

  /** Asks the server to end the search; what came stays, and the last frame says where to go on. */
  readonly stop = (): void => {
    if (this.state.phase !== "loading" || this.state.stopping) return;
    this.set({ stopping: true });
    const { connection } = this;
    const cut = () => {
      if (this.connection !== connection) return;
      connection?.abort();
      this.connection = null;
      this.set({ phase: "stopped", stopping: false, reason: "stopped", cursor: null });
    };
    this.stopOnServer(this.id).catch((error: unknown) => {
      // It has just ended: its last frame is on its way.
      if (!(error instanceof ApiError && error.status === 404)) cut();
    });
    setTimeout(cut, STOP_PATIENCE_MS);
  };

  private async load(cursor: string | null): Promise<void> {
    const connection = new AbortController();
    this.connection = connection;
    this.id = newQueryId();
    this.ended = null;
    const { rows, provisional } = this.state;
    // The rest of a provisional page begins with all of it anew; until then what there is stays.
    const goesOn = cursor !== null && provisional;
    const kept = cursor === null ? [] : goesOn ? rows.slice(0, this.before) : rows;
    this.before = kept.length;
    this.set({ rows: cursor === null ? [] : rows, phase: "loading", provisional: goesOn, stopping: false, progress: NOTHING_READ, elapsedMs: 0, cursor: null, reason: null, error: null });
    // A late frame of an older page must not come in between.
    const onFrame = (frame: Frame) => this.connection === connection && this.take(frame, kept);
    try {
      await this.read(this.path, { ...this.params, cursor }, this.id, onFrame, connection.signal);
      if (this.connection === connection) this.finish(cursor, kept);
    } catch (error) {
      if (this.connection !== connection) return;
      this.fail(error instanceof ApiError ? error : lost(), cursor, kept);
    }
    if (this.connection === connection) this.connection = null;
  }

  private take(frame: Frame, kept: readonly Row[]): void {
    if (frame.t === "meta") this.columns = frame.columns;
    if (frame.t === "rows") {
      const rows = rowsOf<Row>(this.columns, frame.columns);
      this.set({ rows: frame.replaces ? [...kept, ...rows] : [...this.state.rows, ...rows], provisional: frame.replaces });
    }
    if (frame.t === "progress") {
      const { row_groups_done, row_groups_total, rows, bytes, share, elapsed_ms } = frame;
      this.set({ progress: { row_groups_done, row_groups_total, rows, bytes, share }, elapsedMs: elapsed_ms });
    }
    if (frame.t === "end") this.ended = frame;
  }

  private finish(cursor: string | null, kept: readonly Row[]): void {
    const end = this.ended;
    if (!end) return this.fail(lost(), cursor, kept);
    this.set({ cursor: end.next_cursor, reason: end.reason, elapsedMs: end.elapsed_ms, stopping: false });
    if (!end.partial) return this.set({ phase: "done", provisional: false });
    const isAnswer = end.reason === "stopped" || this.state.rows.length > 0 || end.next_cursor !== null;
    if (STOPPED.has(end.reason!) && isAnswer) return this.set({ phase: "stopped" });
    this.fail(new ApiError(0, end.reason!, end.message ?? "The search failed.", end.hint ?? ""), cursor, kept);
  }

  /** The failed page is asked for again as a whole: what came of it goes. */
  private fail(error: ApiError, cursor: string | null, kept: readonly Row[]): void {
    this.set({ phase: "failed", error, provisional: false, stopping: false, cursor, rows: kept });
  }

  private set(change: Partial<RowStreamState<Row>>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}

function lost(): ApiError {
  return new ApiError(0, "unreachable", "The connection was lost before the search had ended.", "Is the server still running?");
}

function rowsOf<Row>(names: readonly string[], columns: readonly (readonly unknown[])[]): Row[] {
  return Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => Object.fromEntries(names.map((name, nth) => [name, columns[nth]![row]])) as Row);
}

/** An id that the client chooses, so that a query can be stopped before it has answered anything. */
export function newQueryId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
