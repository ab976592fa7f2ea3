// Small updates of pages that work without any of this: forms that stay, lists that are alive, files that are dropped.
"use strict";

(() => {
  const spoken = () => document.getElementById("spoken");
  const say = (words) => { const place = spoken(); if (place) place.textContent = words; };

  // The same sentence for eyes: on top of the page, where forms are answered too.
  const tell = (words) => {
    const main = document.getElementById("main");
    const old = main.querySelector(":scope > .flash");
    const told = document.createElement("p");
    told.className = "flash error";
    told.setAttribute("role", "alert");
    told.textContent = words;
    if (old) old.replaceWith(told);
    else main.prepend(told);
    told.scrollIntoView({ block: "nearest" });
  };

  // Whether leaving the page would lose something.
  const typed = () => [...document.querySelectorAll("main :is(textarea, input:not([type=hidden]))")].some((one) =>
    (one.type === "file" ? one.files.length : one.value !== one.defaultValue));

  const signedOut = (answer) => answer.redirected && new URL(answer.url).pathname === "/app/sign-in";

  // The page that a form or a change brings replaces the content; the address follows where the server went.
  const show = async (answer, focus, sent) => {
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = next.getElementById("main");
    if (!main || signedOut(answer)) { location.assign(answer.url); return; }
    document.getElementById("main").replaceWith(main);
    document.title = next.title;
    // What answers a form where it was sent is no page of its own: the address stays.
    if (answer.redirected || !sent) history.replaceState(null, "", answer.url.replace(location.origin, ""));
    const wrong = main.querySelector("[aria-invalid=true]");
    const flash = main.querySelector(".flash");
    if (wrong) wrong.focus();
    else if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
    else main.focus({ preventScroll: true });
    if (flash) say(flash.textContent);
    wake();
  };

  const sendPlainly = (form, submitter) => {
    if (submitter && submitter.name) {
      const pressed = document.createElement("input");
      Object.assign(pressed, { type: "hidden", name: submitter.name, value: submitter.value });
      form.append(pressed);
    }
    HTMLFormElement.prototype.submit.call(form);
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-stay") || event.defaultPrevented) return;
    event.preventDefault();
    const heavy = [...form.querySelectorAll("input[type=file][data-most]")].find((one) =>
      [...one.files].some((file) => file.size > Number(one.dataset.most)));
    if (heavy) { tell(heavy.dataset.heavy); heavy.value = ""; heavy.focus(); return; }
    const body = new FormData(form, event.submitter);
    const method = (form.getAttribute("method") || "get").toUpperCase();
    const buttons = [...form.querySelectorAll("button")];
    buttons.forEach((button) => { button.disabled = true; });
    form.setAttribute("aria-busy", "true");
    try {
      const address = new URL(form.getAttribute("action") || location.href, location.href);
      if (method === "GET") address.search = new URLSearchParams(body).toString();
      const plain = ![...body.values()].some((value) => value instanceof File);
      const sent = method === "GET" ? undefined : (plain ? new URLSearchParams(body) : body);
      const answer = await fetch(address, { method, body: sent, headers: { "x-partial": "1" } });
      // The session has ended: the browser sends the form itself, and the server leads it through the sign-in.
      if (answer.status === 401) { sendPlainly(form, event.submitter); return; }
      await show(answer, form.id, method !== "GET");
    } catch {
      tell("The server did not answer. What you typed is still here; send it again in a moment.");
      buttons.forEach((button) => { button.disabled = false; });
      form.removeAttribute("aria-busy");
    }
  });

  // Lists with data-live are fetched again when the server tells of a change: at most once a second, never under a cursor.
  let waiting = 0;
  let last = 0;
  const refresh = async () => {
    last = Date.now();
    const answer = await fetch(location.href, { headers: { "x-partial": "1" } });
    if (signedOut(answer)) {
      if (typed()) tell("You are signed out. What you typed is still here: send it, and sign in when you are asked to.");
      else location.assign(answer.url);
      return;
    }
    if (!answer.ok || answer.redirected) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const fresh = next.getElementById(old.id);
      if (!fresh || old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
      if (fresh.innerHTML !== old.innerHTML) old.replaceWith(fresh);
    }
    wake();
  };
  const soon = () => {
    if (waiting || document.hidden) return;
    waiting = setTimeout(() => { waiting = 0; refresh().catch(() => {}); }, Math.max(150, 1000 - (Date.now() - last)));
  };

  let source = null;
  const follow = () => {
    const wanted = document.querySelector("[data-live]") !== null;
    if (wanted && !source && window.EventSource) {
      source = new EventSource("/app/changes");
      for (const kind of ["job", "media_job"]) source.addEventListener(kind, soon);
      // It is closed for good only when the session is over.
      source.addEventListener("error", () => { if (source && source.readyState === EventSource.CLOSED) soon(); });
    } else if (!wanted && source) {
      source.close();
      source = null;
    }
  };
  document.addEventListener("visibilitychange", soon);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied.");
      const words = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = words; }, 1500);
    } catch {
      say("The browser does not allow copying here.");
    }
  });

  // A file dropped on the page goes into the first file field of a form with data-drop.
  const dropForm = () => document.querySelector("form[data-drop]");
  document.addEventListener("dragover", (event) => {
    if (!dropForm()) return;
    event.preventDefault();
    dropForm().classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (dropForm() && !event.relatedTarget) dropForm().classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    const form = dropForm();
    if (!form) return;
    event.preventDefault();
    form.classList.remove("over");
    const text = event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain");
    const field = form.querySelector("input[type=file]");
    if (event.dataTransfer.files.length && field) field.files = event.dataTransfer.files;
    else if (text) form.querySelector("textarea, input[type=text]").value = text;
    else return;
    form.requestSubmit();
  });

  // What is under way without the change stream telling of it is looked at every two seconds.
  let polling = 0;
  const poll = () => {
    clearTimeout(polling);
    polling = document.querySelector("[data-poll]") ? setTimeout(soon, 2000) : 0;
  };

  // On a phone the menu is wider than the screen: the page's own entry comes into sight.
  const here = document.querySelector("nav [aria-current=page]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });

  const wake = () => { follow(); poll(); };
  wake();
})();
