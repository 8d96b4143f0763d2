// The page's colours as a canvas wants them, and the button that changes between light and dark.
const ROOT = document.documentElement;
const probe = document.createElement("i");
let cache = new Map();

/** The colour of a custom property of the style, resolved: "rgb(22, 104, 168)"; `alpha` between 0 and 1 thins it. */
export function colour(name, alpha = 1) {
  const key = `${name}/${alpha}`;
  if (!cache.has(key)) {
    if (!probe.isConnected) {
      probe.hidden = true;
      document.body.append(probe);
    }
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    cache.set(key, alpha === 1 ? found : found.replace("rgb(", "rgba(").replace(")", `, ${alpha})`));
  }
  return cache.get(key);
}

/** Three numbers from 0 to 255. */
export const channels = (name) =>
  colour(name)
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);

const dark = () =>
  (ROOT.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/** Makes `button` change the theme; `changed` is called after each change, by it or by the system. */
export function themed(button, changed) {
  const show = () => {
    cache = new Map();
    const other = dark() ? "Light" : "Dark";
    button.textContent = other;
    button.setAttribute("aria-label", `Change to the ${other.toLowerCase()} theme`);
    changed();
  };
  button.addEventListener("click", () => {
    ROOT.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("gatecast.theme", ROOT.dataset.theme);
    } catch {
      /* kept for this page alone */
    }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
