// The panel that injects faults into the bundled mock server now.

const $ = (id) => document.getElementById(id);

/** Absent where there is no bundled mock server; of use while a run plays. */
export function showPanel(told) {
  const has = Array.isArray(told.faults);
  $("panel").hidden = !has;
  $("stage").classList.toggle("with-panel", has);
  if (told.about) $("said").textContent = "";  // of the run before
  if (!has) return;
  const may = ["waiting", "playing"].includes(told.phase);
  for (const button of $("panel").querySelectorAll("button")) button.disabled = !may;
  $("force").textContent = told.faults.length
    ? `In force: ${told.faults.map(({ name, left_s }) => `${name}, ${Math.ceil(left_s)} s left`).join("; ")}.`
    : may ? "None in force." : "While a run plays.";
}

async function order(method, document_) {
  const said = $("said");
  said.classList.remove("wrong");
  try {
    const answer = await fetch("faults", { method, headers: { "content-type": "application/json" }, body: document_ && JSON.stringify(document_) });
    const told = await answer.json();
    said.classList.toggle("wrong", !answer.ok);
    said.textContent = answer.ok ? (document_ ? "Injected." : "Cleared.") : told.message;
  } catch {
    said.classList.add("wrong");
    said.textContent = "Locust does not answer.";
  }
}

for (const form of $("panel").querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, Number(value)]));
    order("POST", { kind: form.dataset.kind, ...fields });
  });
}
$("clear").addEventListener("click", () => order("DELETE"));
