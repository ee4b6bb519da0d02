import * as Radix from "@radix-ui/react-dropdown-menu";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import css from "./controls.module.css";

export interface Choice<T extends string> {
  value: T;
  label: string;
}

/** A menu that picks one of a few values. */
export function ChoiceMenu<T extends string>(props: {
  trigger: ReactNode;
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{props.trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={css.menu} align="end" sideOffset={6} collisionPadding={8}>
          <Radix.Label className={css.menuLabel}>{props.label}</Radix.Label>
          <Radix.RadioGroup value={props.value} onValueChange={(value) => props.onChange(value as T)}>
            {props.choices.map((choice) => (
              <Radix.RadioItem key={choice.value} value={choice.value} className={css.menuItem}>
                <span className={css.check}>
                  <Radix.ItemIndicator>
                    <Check size={13} aria-hidden />
                  </Radix.ItemIndicator>
                </span>
                {choice.label}
              </Radix.RadioItem>
            ))}
          </Radix.RadioGroup>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
