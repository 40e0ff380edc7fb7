// Day or night, as Locust's own switch has it; without one, as the system has it. Before the page is drawn.
(() => {
  const follow = () => {
    const night = localStorage.theme ? localStorage.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = night ? "night" : "day";
  };
  follow();
  addEventListener("storage", follow);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
  document.documentElement.classList.toggle("embedded", window.parent !== window);
})();
