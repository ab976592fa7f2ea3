// Passkeys: a button with data-passkey asks the server what to ask the device, then sends its form with the answer.
"use strict";

(() => {
  const home = document.currentScript.dataset.origin;
  if (!window.PublicKeyCredential || !window.isSecureContext || location.origin !== home) return;
  document.documentElement.classList.add("passkeys");

  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

  // The server speaks base64url where the browser wants bytes, and the other way round.
  const read = (options) => {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const name of ["excludeCredentials", "allowCredentials"]) {
      for (const one of options[name] || []) one.id = bytes(one.id);
    }
    return options;
  };
  const written = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  };

  const problem = (form, words, field) => {
    const place = form.querySelector("[data-passkey-problem]");
    place.textContent = "";
    place.textContent = words;
    if (field && form.elements[field]) form.elements[field].focus();
  };

  const answer = async (button, form) => {
    const making = form.elements.passkey_password !== undefined;
    const asked = await fetch(button.dataset.passkey, {
      method: "POST",
      body: making ? new URLSearchParams(new FormData(form)) : new URLSearchParams(),
    });
    const told = await asked.json();
    if (!told.publicKey) { problem(form, told.problem, told.field); return; }
    const publicKey = read(told.publicKey);
    const credential = making ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
    form.elements.passkey_answer.value = written(credential);
    button.disabled = false;
    form.requestSubmit(button);
  };

  const REASONS = {
    InvalidStateError: "This device has a passkey for you already.",
    NotAllowedError: "No passkey was chosen. Try again, or use your password.",
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const button = event.submitter;
    if (!button || !button.dataset.passkey || form.elements.passkey_answer.value) return;
    event.preventDefault();
    problem(form, "");
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    try {
      await answer(button, form);
    } catch (error) {
      problem(form, REASONS[error.name] || "The server did not answer as it should. Load the page again.");
    } finally {
      button.disabled = false;
      form.removeAttribute("aria-busy");
    }
  }, true);
})();
