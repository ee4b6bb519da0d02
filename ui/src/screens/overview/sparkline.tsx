import css from "./overview-screen.module.css";

const HEIGHT = 24;
const STEP = 4;

/** A line without axes: how a number moved. The number itself stands beside it. */
export function Sparkline({ values, tone }: { values: readonly number[]; tone: "bar" | "fault" | "error" }) {
  const peak = Math.max(1e-9, ...values);
  const y = (value: number) => (HEIGHT - 2 - (value / peak) * (HEIGHT - 4)).toFixed(1);
  const line = values.map((value, i) => `${i === 0 ? "M" : "L"}${i * STEP},${y(value)}`).join("");
  return (
    <svg className={css.spark} viewBox={`0 0 ${Math.max(1, values.length - 1) * STEP} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
      <path d={line} className={css[`${tone}Line`]} />
    </svg>
  );
}
