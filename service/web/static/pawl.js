// Pawl's own script: passkeys, copying, keys on pages with a diff. Pages work without it.
"use strict";

// --- passkeys: see the contract in service/web/render.py
async function sign(form) {
  const answer = await fetch(form.dataset.prepare, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
  });
  const said = await answer.json().catch(() => null);
  if (!answer.ok || !said || !said.options) {
    throw new Error((said && said.why) || "Pawl did not answer. Load the page again.");
  }
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(said.options),
      })
    : await navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(said.options),
      });
  form.elements.answer.value = JSON.stringify(credential.toJSON());
  if (said.nonce && form.elements.nonce) form.elements.nonce.value = said.nonce;
}

function words(error) {
  if (error.name === "NotAllowedError") return "The passkey was not used: it was cancelled, or took too long.";
  if (error.name === "InvalidStateError") return "This device holds a passkey of this account already.";
  if (error.name === "SecurityError") return "Passkeys don't work at this address. Open the one that `pawl serve` printed.";
  return error.message;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("[data-passkey-button]");
  const said = form.querySelector("[data-said]");
  if (!button) continue;
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
    if (said) said.textContent = "Passkeys need this browser to be newer, or an address with https.";
    button.disabled = true;
    continue;
  }
  button.hidden = false;
  for (const also of form.querySelectorAll("[data-with-passkey]")) also.hidden = false;
  form.addEventListener("submit", async (event) => {
    if (event.submitter !== button) return;
    event.preventDefault();
    button.disabled = true;
    if (said) said.textContent = "";
    try {
      await sign(form);
      form.submit();
    } catch (error) {
      if (said) said.textContent = words(error);
      button.disabled = false;
    }
  });
}

// --- copying
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const word = button.querySelector("span");
    await navigator.clipboard.writeText(button.dataset.copy);
    word.textContent = "Copied";
    setTimeout(() => { word.textContent = "Copy"; }, 2000);
  });
}

// --- a select or a tick that sends its form at once; without script there is a button
for (const field of document.querySelectorAll("[data-send]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}

// --- keys: j and k go to the next and the last file ([data-file]), r marks it read ([data-read])
function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function nearest(files) {
  const at = files.indexOf(document.activeElement && document.activeElement.closest("[data-file]"));
  if (at >= 0) return at;
  return files.findLastIndex((file) => file.getBoundingClientRect().top <= 24);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const files = [...document.querySelectorAll("[data-file]")];
  if (files.length === 0 || !"jkr".includes(event.key)) return;
  const at = nearest(files);
  if (event.key === "r") {
    const mark = files[Math.max(at, 0)].querySelector("[data-read]");
    if (mark) mark.click();
    return;
  }
  const to = files[Math.min(files.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
  const stop = to.querySelector("summary, a, button") || to;
  stop.focus({ preventScroll: true });
  to.scrollIntoView({ block: "start" });
});
