/** What a pasted text may be: people copy ids upper case, with dashes, blanks or quotes. */
export type PastedId = { kind: "trace"; id: string } | { kind: "span"; id: string };

/** Recognises 32 hex digits as a trace id (X-Ray's `1-5759e988-bd86...` too) and 16 as a span id; null for anything else. */
export function recogniseId(text: string): PastedId | null {
  const xray = /^\s*1-([0-9a-f]{8})-([0-9a-f]{24})\s*$/i.exec(text);
  if (xray) return { kind: "trace", id: `${xray[1]}${xray[2]}`.toLowerCase() };
  const hex = text.replace(/[\s"'`,;-]/g, "").replace(/^0x/i, "").toLowerCase();
  if (/^[0-9a-f]{32}$/.test(hex)) return { kind: "trace", id: hex };
  if (/^[0-9a-f]{16}$/.test(hex)) return { kind: "span", id: hex };
  return null;
}

/** `07147d84…5f20` for narrow places. */
export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}
