import { Check, Copy } from "lucide-react";
import { type ComponentProps, useEffect, useState } from "react";
import { announce } from "./announce";
import { classNames } from "./class-names";
import css from "./controls.module.css";

interface ButtonLook {
  look?: "default" | "primary" | "quiet";
  small?: boolean;
  /** Only an icon inside; the label becomes the accessible name and the tooltip. */
  iconLabel?: string;
}

export function Button({ look = "default", small, iconLabel, className, ...rest }: ComponentProps<"button"> & ButtonLook) {
  const name = iconLabel ? { "aria-label": iconLabel, title: iconLabel } : {};
  return (
    <button
      type="button"
      className={classNames(
        css.button, look === "primary" && css.primary, look === "quiet" && css.quiet, small && css.small, iconLabel && css.icon, className,
      )}
      {...name}
      {...rest}
    />
  );
}

/** The looks of a button for links. */
export function buttonClass(look: "default" | "primary" | "quiet" = "default", small = false): string {
  return classNames(css.button, look === "primary" && css.primary, look === "quiet" && css.quiet, small && css.small);
}

const COPIED_MS = 1500;

/** Copies a text; says so for a moment. */
export function CopyButton({ text, label, children }: { text: string | (() => string); label: string; children?: React.ReactNode }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await copyText(typeof text === "string" ? text : text());
    setCopied(true);
    announce("Copied");
  };
  const Icon = copied ? Check : Copy;
  if (children !== undefined) {
    return (
      <Button small aria-label={copied ? "Copied" : label} onClick={() => void copy()}>
        <Icon size={13} aria-hidden /> {copied ? "Copied" : children}
      </Button>
    );
  }
  return (
    <Button look="quiet" small iconLabel={copied ? "Copied" : label} onClick={() => void copy()}>
      <Icon size={13} aria-hidden />
    </Button>
  );
}

async function copyText(text: string): Promise<void> {
  // The clipboard API exists only on https and localhost; elsewhere the old way still works.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
