import { describe, expect, it } from "vitest";
import { failingPart } from "../src/engine/failing-part";

/** Spans and errors of one bucket a second. */
const histogram = (counts: [spans: number, errors: number][]) => ({
  bucket_ns: 1_000_000_000,
  buckets: counts.map(([spans, errors], i) => ({ start_unix_nano: String(1_000_000_000n * BigInt(i)), spans, errors })),
});
const seconds = (from: number, to: number) => ({ from: BigInt(from) * 1_000_000_000n, to: BigInt(to) * 1_000_000_000n });

describe("the part of the time in which spans fail", () => {
  it("reaches from the first to the end of the last bucket with failed spans", () => {
    expect(failingPart(histogram([[9, 0], [9, 0], [9, 1], [9, 0], [9, 3], [9, 0], [9, 0]]))).toEqual(seconds(2, 5));
    expect(failingPart(histogram([[9, 0], [9, 9], [9, 0]]))).toEqual(seconds(1, 2));
  });
  it("is none when nothing fails", () => {
    expect(failingPart(histogram([[9, 0], [0, 0]]))).toBeNull();
    expect(failingPart(histogram([]))).toBeNull();
  });
  it("is none when there is no other time with spans to compare with", () => {
    expect(failingPart(histogram([[0, 0], [0, 0], [9, 1], [9, 1], [0, 0], [0, 0]]))).toBeNull();
    expect(failingPart(histogram([[9, 1], [9, 0], [9, 0], [9, 0], [9, 1]]))).toBeNull();
  });
});
