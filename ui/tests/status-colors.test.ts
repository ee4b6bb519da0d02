import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const OUTCOMES = ["ok", "warn", "throttle", "fault"] as const;
/** What outcomes are written on. */
const GROUNDS = ["bg", "surface", "raised", "accent-bg", "fault-bg", "warn-bg"] as const;
/** CIE76, as in the palettes of maps: 2.3 is the least that a normal eye sees side by side. */
const DIFFERENCE_MIN = 20;
/** WCAG 2.2, 1.4.3. */
const TEXT_CONTRAST_MIN = 4.5;

type Triple = readonly [number, number, number];

/** Dichromacy in linear sRGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1. */
const VISIONS: Record<string, readonly [Triple, Triple, Triple]> = {
  "no deficiency": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

const css = readFileSync(new URL("../src/kit/tokens.css", import.meta.url), "utf8");
const themes: Record<string, string> = {
  light: css.slice(css.indexOf(":root {"), css.indexOf("@media (prefers-color-scheme: dark)")),
  "dark by system": css.slice(css.indexOf("@media (prefers-color-scheme: dark)"), css.indexOf(':root[data-theme="dark"]')),
  "dark by choice": css.slice(css.indexOf(':root[data-theme="dark"]'), css.indexOf("*,\n")),
};

describe.each(Object.entries(themes))("outcomes in the theme %s", (_, block) => {
  const token = (name: string): Triple => {
    const hex = new RegExp(`--${name}: #([0-9a-f]{6});`).exec(block)![1]!;
    return [0, 2, 4].map((at) => linear(Number.parseInt(hex.slice(at, at + 2), 16) / 255)) as unknown as Triple;
  };

  it.each(Object.entries(VISIONS))("differ with %s", (_name, matrix) => {
    for (const [i, one] of OUTCOMES.entries()) {
      for (const other of OUTCOMES.slice(i + 1)) {
        const difference = Math.hypot(...minus(lab(seen(token(one), matrix)), lab(seen(token(other), matrix))));
        expect(difference, `${one} and ${other}`).toBeGreaterThanOrEqual(DIFFERENCE_MIN);
      }
    }
  });

  it("can be read as text", () => {
    for (const outcome of OUTCOMES) {
      for (const ground of GROUNDS) {
        const [dark, light] = [luminance(token(outcome)), luminance(token(ground))].toSorted((a, b) => a - b) as [number, number];
        expect((light + 0.05) / (dark + 0.05), `${outcome} on ${ground}`).toBeGreaterThanOrEqual(TEXT_CONTRAST_MIN);
      }
    }
  });
});

function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function luminance([r, g, b]: Triple): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function seen([r, g, b]: Triple, matrix: readonly Triple[]): Triple {
  return matrix.map(([x, y, z]) => Math.min(1, Math.max(0, x * r + y * g + z * b))) as unknown as Triple;
}

/** CIE L*a*b* for the white of sRGB, D65. */
function lab([r, g, b]: Triple): Triple {
  const x = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = root(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = root((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function root(t: number): number {
  return t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
}

function minus(a: Triple, b: Triple): Triple {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}
