import { describe, expect, it } from "vitest";
import { parseExact, stringifyExact } from "./json";

describe("parseExact", () => {
  it("keeps every digit of 64-bit integers", () => {
    expect(parseExact('{"rows":[[9223372036854775807,-9223372036854775808,9007199254740993]]}')).toEqual({
      rows: [[9223372036854775807n, -9223372036854775808n, 9007199254740993n]],
    });
  });

  it("leaves ordinary numbers numbers", () => {
    expect(parseExact("[1, 2.5, -3e2, 9007199254740991, 1234567890123456789]")).toEqual([
      1, 2.5, -300, 9007199254740991, 1234567890123456789n,
    ]);
  });

  it("does not touch long digits inside strings", () => {
    expect(parseExact('["at, 1234567890123456789", "1675084655372231884"]')).toEqual([
      "at, 1234567890123456789",
      "1675084655372231884",
    ]);
  });

  it("reads long fractions as doubles", () => {
    expect(parseExact("[0.12345678901234567890, 12345678901234567890.5]")).toEqual([
      0.12345678901234568, 12345678901234567000,
    ]);
  });
});

describe("stringifyExact", () => {
  it("prints bigints as integers", () => {
    expect(stringifyExact({ a: 9223372036854775807n, b: [1.5, "x", null] })).toBe(
      '{"a":9223372036854775807,"b":[1.5,"x",null]}',
    );
  });
});
