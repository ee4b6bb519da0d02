import { expect, it } from "vitest";
import { assignSlots, PALETTE_SIZE, paletteColor, preferredSlot } from "./color";

const services = Array.from({ length: 200 }, (_, i) => `service-${i}`);

it("gives a lone service its preferred colour everywhere", () => {
  for (const service of services) expect(assignSlots([service]).get(service)).toBe(preferredSlot(service));
});

it("lets the most important service keep its colour whoever joins", () => {
  const slots = assignSlots(["checkout", ...services]);
  expect(slots.get("checkout")).toBe(preferredSlot("checkout"));
});

it("shares no colour while the palette lasts, and then goes on", () => {
  const first = services.slice(0, PALETTE_SIZE);
  expect(new Set(assignSlots(first).values()).size).toBe(PALETTE_SIZE);
  const all = assignSlots(services);
  expect(all.size).toBe(services.length);
  expect(Math.max(...all.values())).toBeLessThan(PALETTE_SIZE);
});

it("gives the first five services hues that nobody confuses", () => {
  for (let first = 0; first < 100; first += 5) {
    const hues = [...assignSlots(services.slice(first, first + 5)).values()].map((slot) => Number(/ (\d+)\)$/.exec(paletteColor(slot, true))![1]));
    for (const [i, hue] of hues.entries()) for (const other of hues.slice(i + 1)) expect(Math.abs(hue - other)).toBeGreaterThanOrEqual(15);
  }
});

it("keeps reds and oranges for errors", () => {
  for (let slot = 0; slot < PALETTE_SIZE; slot += 1) {
    const hue = Number(/ (\d+)\)$/.exec(paletteColor(slot, true))![1]);
    expect(hue > 350 || hue < 75).toBe(false);
  }
});
