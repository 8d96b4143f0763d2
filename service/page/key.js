// The dialog that asks for a key. It is kept by the tab (sessionStorage), never in an address and never on disk.
import { byId } from "./words.js";

const FORM = /^gc_[0-9a-f]{8,32}_[\x21-\x7e]+$/;

/** Asks; `said` is why the last one was refused. The key, or null where somebody would not. */
export function askForKey(said) {
  const dialog = byId("key-dialog"),
    input = byId("key-value"),
    trouble = byId("key-trouble");
  trouble.hidden = !said;
  trouble.textContent = said;
  input.value = "";
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = (key) => {
      done.abort();
      dialog.close();
      resolve(key);
    };
    const take = (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (FORM.test(key)) return end(key);
      trouble.hidden = false;
      trouble.textContent = "That is no key: one begins with gc_, as `gatecast keys create` prints it.";
      input.focus();
    };
    byId("key-form").addEventListener("submit", take, { signal: done.signal });
    byId("key-cancel").addEventListener("click", () => end(null), { signal: done.signal });
    dialog.addEventListener(
      "cancel",
      (event) => {
        event.preventDefault();
        end(null);
      },
      { signal: done.signal },
    );
    dialog.showModal();
  });
}
