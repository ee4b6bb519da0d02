import { type JsonValue, stringifyExact } from "./json";

/** Text of an attribute value: strings bare, everything else as compact JSON. */
export function attributeText(value: JsonValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "null";
  if (typeof value !== "object") return String(value);
  if (!Array.isArray(value)) {
    // The two notations of the API for what JSON cannot say itself.
    if (typeof value.$double === "string" && Object.keys(value).length === 1) return value.$double;
    if (typeof value.$bytes === "string" && Object.keys(value).length === 1) return `base64:${value.$bytes}`;
  }
  return stringifyExact(value);
}

/** A structured value, indented for reading. */
export function attributePretty(value: JsonValue): string {
  return typeof value === "object" && value !== null ? stringifyExact(value, 2) : attributeText(value);
}
