// Light or dark before anything is drawn: as the system has it, until somebody chooses. A plain script, for its place.
"use strict";
try {
  const chosen = localStorage.getItem("gatecast.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  /* a browser that keeps nothing */
}
