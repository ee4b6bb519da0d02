import { Filter as FilterIcon } from "lucide-react";
import { attributeText } from "../lib/attributes";
import type { JsonValue } from "../lib/json";
import { Button, CopyButton } from "./button";
import css from "./attribute-table.module.css";
import { LongText } from "./text";

/** Keys and values, sorted by key; each can be copied and, where it makes sense, searched for. */
export function AttributeTable(props: {
  attributes: Record<string, JsonValue>;
  label: string;
  onFilter?: ((key: string, value: string) => void) | undefined;
}) {
  const keys = Object.keys(props.attributes).toSorted();
  return (
    <table className={css.table} aria-label={props.label}>
      <tbody>
        {keys.map((key) => {
          const value = props.attributes[key]!;
          const scalar = typeof value !== "object";
          return (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td className={css.value}>
                <LongText value={value} />
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
