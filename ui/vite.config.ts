import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `base: "./"` keeps every asset address relative to <base href> in index.html, so the same
// build works at "/" and, when the server rewrites that one attribute, under a sub-path.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    // The Content-Security-Policy has no `data:`; nothing may be inlined into CSS or HTML.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: { "/api": "http://127.0.0.1:4319" },
  },
});
