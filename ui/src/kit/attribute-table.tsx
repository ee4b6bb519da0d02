import { Filter as FilterIcon, Route } from "lucide-react";
import { Link } from "wouter";
import { attributeText } from "../lib/attributes";
import type { JsonValue } from "../lib/json";
import { Button, buttonClass, CopyButton } from "./button";
import css from "./attribute-table.module.css";
import { classNames } from "./class-names";
import { LongText } from "./text";

/** Keys and values, sorted by key; each can be copied and, where it makes sense, searched for. */
export function AttributeTable(props: {
  attributes: Record<string, JsonValue>;
  label: string;
  onFilter?: ((key: string, value: string) => void) | undefined;
  /** Where the flow of a value is; null for what has none. */
  flowOf?: (key: string, value: string) => string | null;
}) {
  const keys = Object.keys(props.attributes).toSorted();
  return (
    <table className={css.table} aria-label={props.label}>
      <tbody>
        {keys.map((key) => {
          const value = props.attributes[key]!;
          const scalar = typeof value !== "object";
          const flow = scalar ? props.flowOf?.(key, attributeText(value)) : null;
          return (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td className={css.value}>
                <LongText value={value} />
                {flow && (
                  <Link className={classNames(buttonClass("quiet", true), css.flow)} href={flow} aria-label={`Flow of ${key} = ${attributeText(value)}`}>
                    <Route size={12} aria-hidden /> Flow
                  </Link>
                )}
              </td>
              <td className={css.actions}>
                {props.onFilter && scalar && (
                  <Button look="quiet" small iconLabel={`Search for ${key} = ${attributeText(value)}`} onClick={() => props.onFilter!(key, attributeText(value))}>
                    <FilterIcon size={12} aria-hidden />
                  </Button>
                )}
                <CopyButton text={attributeText(value)} label={`Copy ${key}`} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
