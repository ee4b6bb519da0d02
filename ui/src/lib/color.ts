/**
 * Hues (degrees, OKLCH) of the service palette. Reds and oranges are left to errors and warnings,
 * the green of success to it, and the greens beside it look like it to many eyes.
 */
const SERVICE_HUES = [258, 295, 212, 92, 328, 188, 275, 312, 235, 345, 200];

/** Each hue comes twice: full, and deeper with less colour. */
export const PALETTE_SIZE = SERVICE_HUES.length * 2;

/** One colour of the palette, as CSS. Dark text is readable on all of them, in both themes. */
export function paletteColor(slot: number, dark: boolean): string {
  const hue = SERVICE_HUES[slot % SERVICE_HUES.length]!;
  const deep = slot >= SERVICE_HUES.length;
  const lightness = dark ? (deep ? 0.61 : 0.71) : deep ? 0.59 : 0.66;
  const chroma = deep ? 0.085 : 0.135;
  return `oklch(${lightness} ${chroma} ${hue})`;
}

/** FNV-1a, so that a service prefers the same slot in every browser. */
export function preferredSlot(service: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < service.length; i += 1) {
    hash = Math.imul(hash ^ service.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash % PALETTE_SIZE;
}

/** Hue distances (degrees) that neighbours should keep, tried from the strictest down. */
const HUE_DISTANCES = [30, 15, 0];

/**
 * Slots for the services of one view, most important first: each gets its preferred slot, or the
 * next one that is free and far enough from the hues given out before. So a service mostly keeps
 * its colour, those seen together differ, and no two share one while slots last.
 */
export function assignSlots(services: readonly string[]): Map<string, number> {
  const slots = new Map<string, number>();
  const taken = new Set<number>();
  for (const service of services) {
    if (slots.has(service)) continue;
    if (taken.size === PALETTE_SIZE) taken.clear();
    const slot = nextSlot(preferredSlot(service), taken);
    taken.add(slot);
    slots.set(service, slot);
  }
  return slots;
}

function nextSlot(preferred: number, taken: ReadonlySet<number>): number {
  for (const distance of HUE_DISTANCES) {
    for (let step = 0; step < PALETTE_SIZE; step += 1) {
      const slot = (preferred + step) % PALETTE_SIZE;
      if (!taken.has(slot) && [...taken].every((other) => hueDistance(slot, other) >= distance)) return slot;
    }
  }
  return preferred;
}

function hueDistance(a: number, b: number): number {
  const difference = Math.abs(SERVICE_HUES[a % SERVICE_HUES.length]! - SERVICE_HUES[b % SERVICE_HUES.length]!);
  return Math.min(difference, 360 - difference);
}
