import { expect, it } from "vitest";
import { highlight, words } from "./highlight";
import { recogniseId } from "./ids";

it("marks whole words only, in any case", () => {
  expect(highlight("Payment failed: prepayment FAILED", "failed payment")).toEqual([
    { text: "Payment", hit: true },
    { text: " ", hit: false },
    { text: "failed", hit: true },
    { text: ": prepayment ", hit: false },
    { text: "FAILED", hit: true },
  ]);
  expect(highlight("abc", "")).toEqual([{ text: "abc", hit: false }]);
});

it("splits like the server: runs of letters and digits", () => {
  expect(words('o.a.c "Servlet.service()" Größe')).toEqual(["o", "a", "c", "servlet", "service", "größe"]);
});

it("recognises pasted ids", () => {
  expect(recogniseId("07147D84-6258674C-E7916C94-0DFC5F20 ")).toEqual({ kind: "trace", id: "07147d846258674ce7916c940dfc5f20" });
  expect(recogniseId("daf9 ecc4 aece 507b")).toEqual({ kind: "span", id: "daf9ecc4aece507b" });
  expect(recogniseId(" 1-5759E988-bd862e3fe1be46a994272793 ")).toEqual({ kind: "trace", id: "5759e988bd862e3fe1be46a994272793" });
  expect(recogniseId("checkout")).toBeNull();
  expect(recogniseId("2-5759e988-bd862e3fe1be46a994272793")).toBeNull();
});
