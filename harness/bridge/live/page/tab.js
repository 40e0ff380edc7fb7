// All that is known of Locust's own page (2.47): its tabs, its theme, its start form. Runs before its bundle.
(() => {
  const KEY = "resilience", TITLE = "Resilience";
  const { choices } = JSON.parse(document.getElementById("primetime").textContent);

  // The tab that is open is in the address; without one, ours is.
  const address = new URL(location.href);
  if (!address.searchParams.has("tab")) {
    address.searchParams.set("tab", KEY);
    history.replaceState(null, "", address);
  }

  /** Our page in the place of the open tab's content, which Locust leaves empty. */
  function showTab() {
    const tab = [...document.querySelectorAll("[role=tab]")].find((one) => one.textContent.trim() === TITLE);
    const shown = document.getElementById("primetime-page");
    const open = tab?.getAttribute("aria-selected") === "true";
    if (!open) { shown?.remove(); return; }
    const place = tab.closest(".MuiContainer-root") ?? tab.closest("[role=tablist]").parentElement;
    if (shown?.parentElement === place) return;
    shown?.remove();
    const page = Object.assign(document.createElement("iframe"), { id: "primetime-page", title: TITLE, src: "./resilience/" });
    page.style.cssText = "display:block; width:100%; height:80vh; border:0";
    page.addEventListener("load", () => {
      const content = page.contentDocument.documentElement;
      new ResizeObserver(() => { page.style.height = `${content.querySelector("body").offsetHeight}px`; }).observe(content.querySelector("body"));
    });
    place.append(page);
  }

  /** Known values as suggestions: a file of one's own may be typed all the same. */
  function suggest() {
    for (const [name, values] of Object.entries(choices)) {
      const field = document.querySelector(`form input[name="${name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())}"]`);
      if (!field || field.hasAttribute("list")) continue;
      const id = `primetime-${name}`, list = document.getElementById(id) ?? Object.assign(document.createElement("datalist"), { id });
      list.replaceChildren(...values.map((value) => Object.assign(document.createElement("option"), { value })));
      document.body.append(list);
      field.setAttribute("list", id);
      offerAll(field, values);
    }
  }

  /** A browser suggests only what begins with what is there: a known value makes room while it is chosen. */
  function offerAll(field, values) {
    const restore = () => { if (field.value === "") field.value = field.placeholder; };
    field.addEventListener("focus", () => {
      if (!values.includes(field.value)) return;
      field.placeholder = field.value;
      field.value = "";
    });
    field.addEventListener("blur", restore);
    field.addEventListener("keydown", ({ key }) => { if (key === "Enter") restore(); });
  }

  /** What a run is about is in Locust's folded part of the form: it is opened, once a form. */
  function unfold() {
    const field = document.querySelector('form input[name="policy"]');
    const fold = field?.closest(".MuiAccordion-root")?.querySelector("[aria-expanded]");
    if (!fold || fold.dataset.unfolded) return;
    fold.dataset.unfolded = "once";
    if (fold.getAttribute("aria-expanded") === "false") fold.click();
  }

  /** Two of Locust's buttons: one has no name, on one the text is hard to read. */
  function mend() {
    document.querySelector("header button:not([aria-label]):has(> svg)")?.setAttribute("aria-label", "Day or night");
  }

  const readable = document.createElement("style");
  readable.textContent = ".MuiButton-colorWarning.MuiButton-contained { color: #000; }";
  document.head.append(readable);

  const look = () => { showTab(); suggest(); unfold(); mend(); };
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(look).observe(document.getElementById("root"), { childList: true, subtree: true, attributeFilter: ["aria-selected"] });
    look();
  });
})();
