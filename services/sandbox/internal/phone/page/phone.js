"use strict";
// The telephone: a view of one thread. The server holds the truth; every change
// it tells makes the page read the thread anew, so the page cannot drift.

const $ = (id) => document.getElementById(id);
const lang = navigator.language || "en";
let thread = null; // {page, psid, name}
let stream = null;
let shown = "";    // the JSON on screen, to skip needless work
let typingTimer = 0;

async function call(path, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch("/sandbox/" + path, init);
  if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
  return answer.json();
}

const path = (rest) => `customers/${encodeURIComponent(thread.page)}/${encodeURIComponent(thread.psid)}/${rest}`;

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function picture(src, alt, width, height) {
  return Object.assign(element("img"), { src, alt, width, height });
}

function bubble(m) {
  const b = element("div", "bubble");
  if (m.reply_to) b.append(element("div", "answers", "↩ " + (said.get(m.reply_to) || "…")));
  if (m.attachment === "sticker") {
    b.append(picture("thumb.svg", "Thumb", 56, 56));
    b.classList.add("photo");
  } else if (m.attachment === "image") {
    const own = m.url ? new URL(m.url) : null;
    b.append(picture(own ? own.pathname + own.search : "/media/photo.png", "Photo", 208, 156));
    b.classList.add("photo");
  } else if (m.url) {
    b.textContent = "File: " + decodeURIComponent(new URL(m.url).pathname.split("/").pop());
  } else if (m.template) {
    const cards = m.template.elements || [{ title: m.template.text, buttons: m.template.buttons }];
    for (const c of cards) {
      b.append(element("div", "title", c.title), element("div", "", c.subtitle || ""));
      for (const press of c.buttons || []) b.append(pressed(press.title, { attachment: "postback", text: press.title }));
    }
  } else if (m.attachment && m.attachment !== "postback") {
    b.textContent = m.attachment === "location" ? "Location: 42.6977, 23.3219" : "File: " + m.attachment;
  } else {
    b.append(m.text);
  }
  (m.buttons || []).forEach((title, n) => b.append(pressed(title, { text: title, payload: (m.payloads || [])[n] })));
  if (m.reaction) b.append(element("span", "reaction", m.reaction));
  return b;
}

const said = new Map(); // text of each message shown, by mid

function pressed(title, message) {
  const button = element("button", "press", title);
  button.type = "button";
  button.onclick = () => send(message);
  return button;
}

const states = { sent: ["✓", "sent"], taken: ["✓✓", "delivered"], seen: ["✓✓", "seen"] };

function row(m, before, last) {
  const li = element("li", m.from_page ? "theirs" : "mine");
  if (!before || before.from_page !== m.from_page || m.sent_ms - before.sent_ms > 60000) li.classList.add("gap");
  if (m.as && (!before || before.as !== m.as)) li.append(element("span", "note", m.as));
  li.append(bubble(m));
  if (last) {
    const note = element("span", "note");
    note.append(new Date(m.sent_ms).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" }));
    if (m.state) {
      const [sign, word] = states[m.state];
      const ticks = element("span", "ticks " + m.state, " " + sign);
      ticks.title = word;
      ticks.setAttribute("aria-label", word);
      note.append(ticks);
    }
    li.append(note);
  }
  return li;
}

function draw(view) {
  const list = $("messages");
  list.replaceChildren();
  let before = null;
  for (const m of view.messages) said.set(m.mid, m.text);
  view.messages.forEach((m, i) => {
    const day = new Date(m.sent_ms).toLocaleDateString(lang, { weekday: "long", day: "numeric", month: "long" });
    if (!before || day !== new Date(before.sent_ms).toLocaleDateString(lang, { weekday: "long", day: "numeric", month: "long" })) {
      list.append(element("li", "day", day));
    }
    const next = view.messages[i + 1];
    list.append(row(m, before, !next || next.from_page !== m.from_page || next.state !== m.state));
    before = m;
  });
  if (!view.messages.length) list.append(element("li", "empty", `Write to ${view.page} to begin.`));
  if (view.typing) {
    const li = element("li", "theirs typing gap");
    const b = element("div", "bubble");
    b.setAttribute("aria-label", "typing");
    b.append(element("i"), element("i"), element("i"));
    li.append(b);
    list.append(li);
  }
  list.scrollTop = list.scrollHeight;
}

async function refresh() {
  if (!thread) return;
  const mine = thread;
  try {
    const view = await call(path("messages"));
    if (mine !== thread) return; // another customer was chosen meanwhile
    const json = JSON.stringify(view);
    if (json !== shown) {
      shown = json;
      draw(view);
    }
    clearTimeout(typingTimer);
    if (view.typing) typingTimer = setTimeout(refresh, 2000);
    const unread = view.messages.some((m) => m.from_page && m.sent_ms > view.read_ms);
    if (unread && document.visibilityState === "visible") await call(path("read"), {});
    $("offline").hidden = true;
  } catch {
    $("offline").hidden = false;
  }
}

function choose(next) {
  thread = next;
  shown = "";
  location.hash = new URLSearchParams(next).toString();
  const page = [...$("page").options].find((o) => o.value === next.page);
  $("title").textContent = page ? page.textContent : "Messenger";
  $("subtitle").textContent = "Business chat";
  $("avatar").textContent = $("title").textContent.slice(0, 1);
  $("me").textContent = next.name;
  for (const b of document.querySelectorAll("footer button")) b.disabled = false;
  if (stream) stream.close();
  stream = new EventSource("/sandbox/events?" + new URLSearchParams({ page: next.page, psid: next.psid }));
  stream.onmessage = refresh;
  stream.onopen = refresh;
  stream.onerror = () => { $("offline").hidden = false; };
  refresh();
  recent();
  $("text").focus();
}

async function recent() {
  const list = await call("customers?page=" + encodeURIComponent($("page").value));
  $("recent-title").hidden = !list.length;
  $("recent").replaceChildren(...list.map((c) => {
    const button = element("button");
    button.type = "button";
    button.setAttribute("aria-current", String(!!thread && c.psid === thread.psid));
    button.append(element("span", "", c.name || c.psid),
      element("time", "", new Date(c.last_ms).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" })));
    button.onclick = () => choose({ page: $("page").value, psid: c.psid, name: c.name });
    const li = element("li");
    li.append(button);
    return li;
  }));
}

async function send(message) {
  if (!thread) return;
  try {
    await call(path("messages"), { name: thread.name, ...message });
    $("offline").hidden = true;
  } catch (err) {
    $("offline").hidden = false;
    throw err; // the text stays in its box
  }
  refresh();
  recent();
}

$("compose").addEventListener("submit", async (e) => {
  e.preventDefault();
  const text = $("text").value.trim();
  if (!text || !thread) return; // it stays in its box until there is somebody to send it as
  await send({ text });
  $("text").value = "";
});
$("text").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
    e.preventDefault();
    $("compose").requestSubmit();
  }
});
$("quick").addEventListener("click", (e) => {
  const button = e.target.closest("button");
  if (!button) return;
  const attachment = button.dataset.kind;
  if (!attachment) return; // it chooses a file
  send(attachment === "postback" ? { attachment, text: "Get started" } : { attachment });
});
$("file").addEventListener("change", async (e) => {
  for (const file of e.target.files) {
    const answer = await fetch("/sandbox/media?name=" + encodeURIComponent(file.name), { method: "POST", body: file });
    if (answer.ok) await send(await answer.json());
    else $("offline").hidden = false;
  }
  e.target.value = "";
});
$("attach").addEventListener("click", () => $("file").click());
$("who").addEventListener("submit", async (e) => {
  e.preventDefault();
  const { psid } = await call("new-psid");
  choose({ page: $("page").value, psid, name: $("name").value.trim() });
});
$("page").addEventListener("change", recent);
document.addEventListener("visibilitychange", refresh);

(async () => {
  for (const p of await call("pages")) {
    const option = element("option", "", p.name + (p.subscribed ? "" : " (not subscribed)"));
    option.value = p.id;
    $("page").append(option);
  }
  for (const b of document.querySelectorAll("footer button")) b.disabled = true;
  $("name").value = "Иван Петров";
  const saved = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (saved.page && saved.psid) {
    $("page").value = saved.page;
    choose(saved);
    return;
  }
  await recent();
})();
