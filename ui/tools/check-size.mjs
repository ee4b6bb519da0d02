// Prints what the first load and each route weigh, and fails when one is over its budget. Sizes are gzip, as the server
// sends them. The first load is the entry with its static imports and their styles: the shell and the screen of "/".
// A route is everything else that its screen may load, lazy parts and workers included; so is a lazy part of "/".
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_KIB_MAX = 190;
const ROUTE_KIB_MAX = 160;
/** Fewer screens mean that this program no longer sees them. */
const ROUTES_MIN = 8;

const dist = join(import.meta.dirname, "..", "dist");
const manifest = JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8"));
/** The files of a chunk and of its imports, without those in `known`; with `lazy` also what is loaded later. */
function filesOf(key, lazy, known = new Set(), found = new Set()) {
  const chunk = manifest[key];
  if (!chunk || known.has(chunk.file) || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const style of chunk.css ?? []) found.add(style);
  if (lazy) for (const worker of chunk.assets ?? []) found.add(worker);
  for (const other of [...(chunk.imports ?? []), ...(lazy ? (chunk.dynamicImports ?? []) : [])]) filesOf(other, lazy, known, found);
  return found;
}

function kib(files) {
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0) / 1024;
}

const first = filesOf("index.html", false);
const routes = (manifest["index.html"]?.dynamicImports ?? []).filter((key) => key.startsWith("src/screens/"));
const rows = [{ name: "first load", size: kib(first), files: first.size, max: FIRST_LOAD_KIB_MAX }];
for (const key of routes) {
  // Styles that came with the first load are named again by the chunks that need them.
  const more = new Set([...filesOf(key, true, first)].filter((file) => !first.has(file)));
  rows.push({ name: basename(key, ".tsx").replace("-screen", ""), size: kib(more), files: more.size, max: ROUTE_KIB_MAX });
}
rows.sort((a, b) => b.max - a.max || b.size - a.size);

console.log(`${"route".padEnd(12)}${"KiB gzip".padStart(9)}${"budget".padStart(8)}${"files".padStart(7)}`);
for (const { name, size, max, files } of rows) {
  console.log(`${name.padEnd(12)}${size.toFixed(1).padStart(9)}${String(max).padStart(8)}${String(files).padStart(7)}${size > max ? "  OVER" : ""}`);
}
const over = rows.filter(({ size, max }) => size > max);
if (over.length > 0) {
  console.error(`over its budget: ${over.map(({ name }) => name).join(", ")}; make something lazy, or drop it`);
  process.exit(1);
}
if (first.size < 2 || routes.length < ROUTES_MIN) {
  console.error(`only ${first.size} files of the first load and ${routes.length} routes were found: is ui/dist whole?`);
  process.exit(1);
}
