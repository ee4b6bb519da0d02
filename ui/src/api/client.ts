import { BASE_PATH } from "../lib/base";
import { parseExact } from "../lib/json";
import type { ApiErrorBody } from "./types";

/** Everything that can go wrong with a request, in words for the reader. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    message: string,
    /** What to do about it; may be empty. */
    readonly hint: string,
    /** In the text of a search or a statement: its first character and the one behind its last, in characters from 0. */
    readonly at: readonly [number, number] | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** True when no answer came at all, or only one of a proxy before the server: the server's own errors have a code. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || (error.code === "unexpected" && (error.status === 502 || error.status === 504)));
}

/** Values of one parameter; null and undefined are left out, lists repeat it. */
export type Params = Record<string, string | number | string[] | null | undefined>;

/** The absolute address of an API path, below the base the application is served under. */
export function apiUrl(path: string, params: Params = {}): string {
  const url = new URL(`${BASE_PATH}api/v1/${path}`, window.location.origin);
  for (const [key, value] of Object.entries(params)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== null && item !== undefined && item !== "") url.searchParams.append(key, String(item));
    }
  }
  return url.href;
}

/** GET with a JSON answer. Throws {@link ApiError}; an aborted request throws its abort reason. */
export async function getJson<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  const response = await request(apiUrl(path, params), { headers: { accept: "application/json" }, signal: signal ?? null });
  return parseExact(await response.text()) as T;
}

/** GET with an answer that is decoded elsewhere. Throws as {@link getJson}. */
export async function getBytes(path: string, params: Params, signal?: AbortSignal): Promise<ArrayBuffer> {
  const response = await request(apiUrl(path, params), { headers: { accept: "application/json" }, signal: signal ?? null });
  return response.arrayBuffer();
}

/** Names the query that a request starts. */
const QUERY_ID = "x-spanlake-query-id";

/** GET with an answer that comes piece by piece; `id` names the query. Throws as {@link getJson}. */
export async function getStream(path: string, params: Params, id: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const response = await request(apiUrl(path, params), { headers: { accept: "application/x-ndjson", [QUERY_ID]: id }, signal });
  return response.body!;
}

/** Stops a query; its request ends with an error, its stream with what came. Throws with status 404 when it has ended. */
export async function stopQuery(id: string): Promise<void> {
  await request(apiUrl(`queries/${encodeURIComponent(id)}`), { method: "DELETE" });
}

/** POST of a JSON body; the caller chooses the answer's format by `accept`, and may name the query it starts. */
export async function post(path: string, body: unknown, accept: string, signal?: AbortSignal, id?: string): Promise<Response> {
  return request(apiUrl(path), {
    method: "POST",
    headers: { accept, "content-type": "application/json", ...(id && { [QUERY_ID]: id }) },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** POST of a JSON text with a JSON answer. Throws as {@link getJson}. */
export async function postJson<T>(path: string, body: string, signal?: AbortSignal): Promise<T> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const response = await request(apiUrl(path), { method: "POST", headers, body, signal: signal ?? null });
  return parseExact(await response.text()) as T;
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "Spanlake does not answer.", "Is the server still running? The page comes back when it answers.");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as ApiErrorBody;
    return new ApiError(response.status, error.code, error.message, error.hint ?? "", error.at ?? null);
  } catch {
    const message = `The server answered ${response.status} ${response.statusText}`.trim();
    return new ApiError(response.status, "unexpected", `${message}.`, text.slice(0, 300));
  }
}
