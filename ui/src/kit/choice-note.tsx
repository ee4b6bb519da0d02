import { Note } from "./states";
import { useUrl } from "./use-url";

/** Says that a parameter of the address is none of its values, and what is shown instead. */
export function ChoiceNote({ name, choices, usual }: { name: string; choices: readonly { value: string }[]; usual: string }) {
  const text = new URLSearchParams(useUrl().search).get(name);
  if (text === null || choices.some((one) => one.value === text)) return null;
  return (
    <Note error>
      {name}={text} in the address is none of {choices.map((one) => one.value).join(", ")}; {usual}.
    </Note>
  );
}
