import * as Radix from "@radix-ui/react-dropdown-menu";
import { type LucideIcon } from "lucide-react";
import { useRef } from "react";
import { Link } from "wouter";
import css from "./controls.module.css";

export interface MenuAction {
  label: string;
  icon: LucideIcon;
  /** Goes there; without it `onSelect` is called. */
  href?: string;
  onSelect?: () => void;
}

/** Where a menu opens, in pixels of the window, and what gets the focus back. */
export interface MenuPlace {
  x: number;
  y: number;
  returnTo: HTMLElement | SVGElement | null;
}

/** The menu of a thing on the screen, for the right button and the menu key. Actions are in sections. */
export function ContextMenu({ place, label, sections, onClose }: { place: MenuPlace; label: string; sections: readonly (readonly MenuAction[])[]; onClose: () => void }) {
  const acted = useRef(false);
  return (
    <Radix.Root open modal={false} onOpenChange={(open) => !open && onClose()}>
      <Radix.Trigger asChild>
        <span className={css.menuPlace} style={{ left: place.x, top: place.y }} aria-hidden tabIndex={-1} />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className={css.menu}
          align="start"
          sideOffset={2}
          collisionPadding={8}
          aria-label={label}
          aria-labelledby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            // A menu that has been opened since keeps the focus that it has.
            if (!acted.current && document.activeElement === document.body) place.returnTo?.focus();
          }}
        >
          <Radix.Label className={css.menuLabel}>{label}</Radix.Label>
          {sections.filter((section) => section.length > 0).map((section, i) => (
            // Sections have no names, and do not move while the menu is open.
            // oxlint-disable-next-line react/no-array-index-key
            <Radix.Group key={i} className={css.menuSection}>
              {section.map(({ label: action, icon: Icon, href, onSelect }) => (
                <Radix.Item
                  key={action}
                  className={css.menuItem}
                  asChild={href !== undefined}
                  onSelect={() => {
                    acted.current = href !== undefined;
                    onSelect?.();
                  }}
                >
                  {href === undefined ? (
                    <>
                      <Icon size={14} aria-hidden /> {action}
                    </>
                  ) : (
                    <Link href={href}>
                      <Icon size={14} aria-hidden /> {action}
                    </Link>
                  )}
                </Radix.Item>
              ))}
            </Radix.Group>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
