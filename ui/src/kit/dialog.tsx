import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "./button";
import { classNames } from "./class-names";
import css from "./controls.module.css";

/** A modal dialog; `plain` leaves the title to screen readers, `wide` has room for columns. */
export function Dialog(props: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  plain?: boolean;
  wide?: boolean;
  children: ReactNode;
}) {
  return (
    <Radix.Root open={props.open} onOpenChange={props.onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content className={classNames(css.dialog, props.wide && css.wideDialog)} aria-describedby={undefined}>
          {props.plain ? (
            <Radix.Title className={css.srOnly}>{props.title}</Radix.Title>
          ) : (
            <div className={css.dialogHead}>
              <Radix.Title>{props.title}</Radix.Title>
              <Radix.Close asChild>
                <Button look="quiet" iconLabel="Close">
                  <X size={16} aria-hidden />
                </Button>
              </Radix.Close>
            </div>
          )}
          {props.children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
