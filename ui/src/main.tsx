import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { isUnreachable } from "./api/client";
import { shouldRetry, statusQuery } from "./api/queries";
import { App } from "./app/app";
import { BASE_PATH } from "./lib/base";
import { watchMissingParts } from "./lib/build";
import { cspNonce } from "./lib/csp";
import "./kit/tokens.css";

const nonce = cspNonce();
// Radix locks scrolling with a style element; the Content-Security-Policy wants its nonce.
if (nonce) setNonce(nonce);

const queries = new QueryClient({
  queryCache: new QueryCache({
    // What cannot be reached makes the shell look whether the server is there at all.
    onError: (error, query) => {
      const { queryKey } = statusQuery();
      if (isUnreachable(error) && query.queryKey[0] !== queryKey[0]) void queries.invalidateQueries({ queryKey });
    },
  }),
  defaultOptions: {
    // Every refresh is a new key: answers that are no longer shown go soon.
    queries: { retry: shouldRetry, staleTime: 5_000, gcTime: 60_000, refetchOnWindowFocus: false },
  },
});

watchMissingParts();

// It is named relative to the page, and the address of the page changes without a load.
const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
icon?.setAttribute("href", icon.href);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Router base={BASE_PATH.replace(/\/$/, "")}>
        <App />
      </Router>
    </QueryClientProvider>
  </StrictMode>,
);
