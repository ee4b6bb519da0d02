import { parse, stringify } from "lossless-json";

/** A JSON value as the API sends it; integers beyond 2^53 are bigints (see {@link parseExact}). */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue };

// An integer long enough to lose digits as a double. It may also hit inside a string; that
// only costs the slow path, never a wrong value.
const LONG_INTEGER = /[\s:,[]-?\d{16,}/;

/**
 * Parses JSON without rounding integers: those outside the safe range become bigints.
 * Answers without such integers (nearly all) take the native parser.
 */
export function parseExact(text: string): unknown {
  if (!LONG_INTEGER.test(text)) return JSON.parse(text);
  return parse(text, undefined, { parseNumber: exactNumber });
}

function exactNumber(literal: string): number | bigint {
  const value = Number(literal);
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(literal)) return value;
  return BigInt(literal);
}

/** `JSON.stringify` that prints bigints as plain integers. What has none takes the native one, which takes a fraction of the time. */
export function stringifyExact(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent) ?? "null";
  } catch {
    // A bigint: the native one refuses them.
    return stringify(value, undefined, indent) ?? "null";
  }
}
