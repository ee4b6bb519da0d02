// Writes src/api/schema.d.ts, the types of the HTTP API, from what the binary says of itself (`spanlake openapi`).
// With --check it writes nothing and fails when the file differs.
//
// The binary: $SPANLAKE_BIN, or the debug build.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const root = join(import.meta.dirname, "..", "..", "..");
const file = join(root, "ui", "src", "api", "schema.d.ts");
const binary = process.env.SPANLAKE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", "spanlake");

if (!existsSync(binary)) {
  console.error(`${binary} does not exist: run \`make compile\` first, or name the binary in SPANLAKE_BIN`);
  process.exit(1);
}
const description = JSON.parse(execFileSync(binary, ["openapi"], { encoding: "utf8", maxBuffer: 1 << 26 }));
const types = await openapiTS(description, {
  // The server reads any JSON there; the UI reads integers of any size exactly (`lib/json.ts`).
  transform: (_schema, { path }) =>
    path === "#/components/schemas/JsonValue" ? ts.factory.createTypeReferenceNode("JsonValue") : undefined,
});
const text = `// Made by \`make ui-types\` from the server's description of its API; do not edit.
import type { JsonValue } from "../lib/json";

${astToString(types)}`;

if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
  console.log(`wrote ${file}`);
} else if (readFileSync(file, "utf8") !== text) {
  console.error(`${file} is not what the binary says of its API: run \`make ui-types\` and see what has changed`);
  process.exit(1);
} else {
  console.log("the UI's types are those of the API");
}
