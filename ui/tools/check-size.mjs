// Fails the build when the first load (entry, its static imports and their styles; the screen that
// "/" opens is among them) grows over the budget. Sizes are gzip, as the server sends them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_KIB_MAX = 190;

const dist = join(import.meta.dirname, "..", "dist");
const manifest = JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8"));

function filesOf(key, found = new Set()) {
  const chunk = manifest[key];
  if (!chunk || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const style of chunk.css ?? []) found.add(style);
  for (const other of chunk.imports ?? []) filesOf(other, found);
  return found;
}

const files = filesOf("index.html");
const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0);
const kib = bytes / 1024;
console.log(`first load: ${kib.toFixed(1)} KiB gzip in ${files.size} files (budget ${FIRST_LOAD_KIB_MAX})`);
if (files.size < 2 || kib > FIRST_LOAD_KIB_MAX) {
  console.error("the first load is over its budget: make something lazy, or drop it");
  process.exit(1);
}
