const listeners = new Set<(text: string) => void>();

/** Speaks a sentence through the live region of the shell, for example a number of results. */
export function announce(text: string): void {
  for (const listener of listeners) listener(text);
}

export function onAnnouncement(listener: (text: string) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
