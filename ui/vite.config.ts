import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  experimental: {
    // Chunks and styles find each other by relative addresses and the application finds its base
    // from its own address (`lib/base.ts`); in index.html the server puts the way up from the asked
    // page, so that everything works under any sub-path of a proxy. There is no <base> element,
    // because the Content-Security-Policy forbids it.
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `{{BASE}}${name}` : { relative: true }),
  },
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    manifest: true,
    // The Content-Security-Policy has no `data:`; nothing may be inlined into CSS or HTML.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: { "/api": "http://127.0.0.1:4319" },
  },
});
