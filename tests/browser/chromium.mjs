/** How Chromium is started: without what a test has no use for. */
export const ARGUMENTS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--hide-scrollbars',
  // Chromium refuses its sandbox to root.
  ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
];
