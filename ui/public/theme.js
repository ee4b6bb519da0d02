// Runs before the first paint so that a chosen theme never flashes. A file of its own because
// the Content-Security-Policy allows no inline script.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("spanlake.theme");
  } catch {
    // Storage may be blocked; the system's theme is used then.
  }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
})();
