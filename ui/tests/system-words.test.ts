import { describe, expect, it } from "vitest";
import type { ReceivedSignal } from "../src/api/system";
import type { CauseChange } from "../src/api/cause";
import { prevalence } from "../src/engine/cause-links";
import { lag, lastArrival, refusedRequests, refusedText } from "../src/kit/system-words";
import { nanos } from "../src/lib/time";

const NOTHING: ReceivedSignal = { accepted: 0, rejected: 0, refused: [], last_arrival_unix_nano: null, last_lag_ns: null };

describe("what came in", () => {
  it("says how old it was, and whose clock is ahead", () => {
    expect(lag(NOTHING)).toEqual({ text: "nothing since the start", age: "–", late: false });
    expect(lag({ ...NOTHING, last_lag_ns: 2.5e9 })).toEqual({ text: "2.5 s old when they came", age: "2.5 s", late: false });
    expect(lag({ ...NOTHING, last_lag_ns: 120e9 }).late).toBe(true);
    expect(lag({ ...NOTHING, last_lag_ns: -3e9 })).toEqual({ text: "3 s ahead of the server's clock", age: "3 s ahead", late: false });
    expect(lastArrival(NOTHING, nanos("5"))).toBe("none yet");
    expect(lastArrival({ ...NOTHING, last_arrival_unix_nano: "1000000000" }, nanos("31000000000"))).toBe("30 s ago");
    // The server's clock was set back.
    expect(lastArrival({ ...NOTHING, last_arrival_unix_nano: "9000000000" }, nanos("1000000000"))).toBe("just now");
  });

  it("names what was refused, the most frequent first", () => {
    const refused = [{ code: "invalid", requests: 1 }, { code: "too_large", requests: 1200 }];
    expect(refusedText(refused)).toBe("1,200 too large, 1 invalid");
    expect(refusedRequests({ ...NOTHING, refused })).toBe(1201);
    expect(refusedText([])).toBe("");
  });
});

const of = (window: number, base: number) =>
  prevalence({ kind: "messages", service: "shop", window: { samples: 200, value: window }, base: { samples: 1000, value: base } } as CauseChange);

it("a message is new, or so many times as frequent", () => {
  expect(of(0.5, 0)).toEqual({ mark: "new", now: { text: "50%", title: "100 of 200 log records of shop" }, before: { text: "none", title: "0 of 1,000 log records of shop" } });
  expect(of(0.5, 0.125).mark).toBe("× 4");
  expect(of(0.5, 0.003).mark).toBe("× over 100");
  expect(of(0.5, 0.011).mark).toBe("× 45");
});
