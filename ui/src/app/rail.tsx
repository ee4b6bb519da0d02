import { Command, Keyboard, Moon, Plug, Sun, SunMoon } from "lucide-react";
import { useState } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { applyTheme, storedTheme, type Theme } from "../kit/preferences";
import { ChoiceMenu } from "../kit/menu";
import { BASE_PATH } from "../lib/base";
import { carryOver } from "../lib/url-state";
import { SCREENS } from "./screens-list";
import css from "./shell.module.css";

/** The left rail: screens above, tools below. */
export function Rail({ onPalette, onShortcuts }: { onPalette: () => void; onShortcuts: () => void }) {
  const [path] = useLocation();
  const search = useSearch();
  const link = (to: string) => {
    const kept = carryOver(search);
    return kept === "" ? to : `${to}?${kept}`;
  };
  const parent = { trace: "/traces", compare: "/traces", services: "/services", flow: "/flow" }[/^\/([a-z]+)\//.exec(path)?.[1] ?? ""];
  const current = parent ?? path;
  return (
    <nav className={css.rail} aria-label="Screens">
      <Link href={link("/")} className={css.logo} aria-label="Spanlake">
        <img src={`${BASE_PATH}favicon.svg`} width={28} height={28} alt="" />
      </Link>
      <ul>
        {SCREENS.map(({ path: to, label, icon: Icon }) => (
          <li key={to}>
            <Link href={link(to)} className={css.entry} aria-label={label} data-label={label} aria-current={current === to ? "page" : undefined}>
              <Icon size={18} strokeWidth={1.7} aria-hidden />
            </Link>
          </li>
        ))}
      </ul>
      <span className={css.spacer} />
      <button type="button" className={css.entry} aria-label="Go to…" data-label="Go to… (Ctrl K)" onClick={onPalette}>
        <Command size={17} strokeWidth={1.7} aria-hidden />
      </button>
      <Link href={link("/setup")} className={css.entry} aria-label="Connect" data-label="Connect" aria-current={path === "/setup" ? "page" : undefined}>
        <Plug size={17} strokeWidth={1.7} aria-hidden />
      </Link>
      <ThemeMenu />
      <button type="button" className={css.entry} aria-label="Keyboard shortcuts" data-label="Shortcuts (?)" onClick={onShortcuts}>
        <Keyboard size={17} strokeWidth={1.7} aria-hidden />
      </button>
    </nav>
  );
}

const THEMES = [
  { value: "system", label: "As the system" },
  { value: "dark", label: "Dark" },
  { value: "light", label: "Light" },
] as const;

function ThemeMenu() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const Icon = { system: SunMoon, dark: Moon, light: Sun }[theme];
  const choose = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  const trigger = (
    <button type="button" className={css.entry} aria-label="Theme" data-label="Theme">
      <Icon size={17} strokeWidth={1.7} aria-hidden />
    </button>
  );
  return <ChoiceMenu trigger={trigger} label="Theme" value={theme} choices={THEMES} onChange={choose} />;
}
