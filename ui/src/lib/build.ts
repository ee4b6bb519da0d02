/** The server writes into the page which interface it was loaded from (`query/src/assets.rs`); empty in development. */
export const PAGE_BUILD = /^[0-9a-f]+$/.exec(document.querySelector<HTMLMetaElement>("meta[name=spanlake-build]")?.content ?? "")?.[0] ?? "";

/** Whether the server has another interface than this page: parts of the page that are not loaded yet are gone. */
export function isOutdated(serverBuild: string): boolean {
  return PAGE_BUILD !== "" && serverBuild !== "" && serverBuild !== PAGE_BUILD;
}

const missing = new WeakSet<object>();

/** Remembers the errors of parts of the page that could not be loaded; Vite names them by an event. */
export function watchMissingParts(): void {
  window.addEventListener("vite:preloadError", (event) => missing.add(event.payload));
}

export function isMissingPart(error: unknown): boolean {
  return typeof error === "object" && error !== null && missing.has(error);
}
