import { describe, expect, it } from "vitest";
import { shortServiceNames } from "./names";

const short = (names: string[]) => Object.fromEntries(shortServiceNames(names));

describe("short names of services", () => {
  it("lose the beginning and the ending that most of them share", () => {
    expect(short(["ts-order-service", "ts-seat-service", "ts-order-other-service", "ts-travel-service"])).toEqual({
      "ts-order-service": "order",
      "ts-seat-service": "seat",
      "ts-order-other-service": "order-other",
      "ts-travel-service": "travel",
    });
    expect(short(["cartservice", "adservice", "emailservice", "frontend", "paymentservice"])).toMatchObject({ cartservice: "cart", frontend: "frontend" });
  });
  it("stay whole when two would be the same, or nothing would be left", () => {
    expect(short(["ts-a-service", "ts-b-service", "ts-c-service", "ts-d-service", "a"])).toMatchObject({ "ts-a-service": "ts-a-service", a: "a", "ts-b-service": "b" });
    expect(short(["a-service", "b-service", "c-service", "-service"])).toMatchObject({ "-service": "-service" });
  });
  it("stay whole of a few services, and when a name is given twice it is one", () => {
    expect(short(["ts-a-service", "ts-b-service", "ts-a-service"])).toEqual({ "ts-a-service": "ts-a-service", "ts-b-service": "ts-b-service" });
  });
});
