// The wallboard's script: takes the changing part of the page from the server, lets times run, and
// says at once when the connection is gone. Without it the page is the same, only still.

const root = document.documentElement;
const board = document.getElementById("board");
const link = document.getElementById("link");
const lost = document.getElementById("lost");
const say = document.getElementById("say");
const words = document.body.dataset;
const zh = root.lang === "zh";
const units = zh ? [" 天", " 小时", " 分", " 秒"] : [" d", " h", " min", " s"];

const SILENCE_MS = 12000; // the server speaks every five seconds
const SAY_MS = 20000; // a screen reader is told of changes this often at most
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

let connected = true;
let heardAt = Date.now();
let shownAt = document.getElementById("clock").dateTime;
let skewMs = Date.parse(shownAt) - Date.now(); // the server's clock decides, not the wall's
let saidAt = 0;
let failures = 0;
let source = null;

const time = new Intl.DateTimeFormat(zh ? "zh-CN" : "en-GB", {
  timeZone: words.zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const hourAndMinute = new Intl.DateTimeFormat("en-GB", {
  timeZone: words.zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit",
});
const day = new Intl.DateTimeFormat(zh ? "zh-CN" : "en-GB", {
  timeZone: words.zone, weekday: "short", day: "numeric", month: "short",
});

function duration(seconds) {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
  const text = (i) => parts[i] + units[i];
  if (parts[0]) return text(0) + (parts[1] ? " " + text(1) : "");
  if (parts[1]) return text(1) + (parts[2] ? " " + text(2) : "");
  if (s >= 600) return text(2);
  return (parts[2] ? text(2) + " " : "") + text(3);
}

function brief(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return s + units[3];
  if (s < 6000) return Math.floor(s / 60) + units[2];
  return s < 172800 ? Math.floor(s / 3600) + units[1] : Math.floor(s / 86400) + units[0];
}

function left(element, now) {
  const seconds = (Number(element.dataset.due) - now) / 1000;
  if (seconds > 0) return duration(seconds);
  // Only the server decides a breach: until then, and while nobody can ask it, it is past due.
  const undecided = "undecided" in element.dataset || !connected || board.querySelector(".stale");
  return undecided ? words.pastDue : words.late.replace("{time}", brief(-seconds));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const now = Date.now() + skewMs;
  write(document.getElementById("clock"), day.format(now) + " " + time.format(now));
  for (const element of board.querySelectorAll("[data-due]")) write(element, left(element, now));
  if (Date.now() - heardAt > SILENCE_MS) lose();
}

// Bring `old` in line with `next`, touching only what differs, so that focus and position stay.
function morph(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const figure = old.classList.contains("v") && old.textContent !== next.textContent;
  morphChildren(old, next);
  if (figure) flash(old);
}

function morphChildren(old, next) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset?.key) keyed.set(child.dataset.key, child);
  let at = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    let target = keyed.get(wanted.dataset?.key);
    if (target && target !== at) old.insertBefore(target, at);
    if (!target) {
      target = likewise(at, wanted);
      while (target && at !== target) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
    }
    if (!target) {
      old.insertBefore(wanted, at);
      continue;
    }
    at = target.nextSibling;
    morph(target, wanted);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// The node that `wanted` can take the place of: the next of its kind, with only text in between.
// What has a key stays itself: it is moved or removed, and never becomes something else.
function likewise(at, wanted) {
  let found = at;
  if (wanted.nodeType === Node.ELEMENT_NODE) while (found?.nodeType === Node.TEXT_NODE) found = found.nextSibling;
  const same = found?.nodeName === wanted.nodeName && !found.dataset?.key && !wanted.dataset?.key;
  return same ? found : null;
}

function flash(element) {
  element.classList.remove("flash");
  void element.offsetWidth;
  element.classList.add("flash");
}

function announce(text) {
  if (Date.now() - saidAt < SAY_MS) return;
  saidAt = Date.now();
  write(say, text);
}

function show(update) {
  const before = board.querySelector(".tile .v")?.textContent;
  const next = document.createElement("div");
  next.innerHTML = update.html;
  morphChildren(board, next);
  document.title = update.title + " · manyi";
  const state = update.state;
  link.className = state === "live" || state === "empty" ? "live" : "live off";
  write(link.lastElementChild, words["state" + state.split("_").map((w) => w[0].toUpperCase() + w.slice(1)).join("")]);
  if (board.querySelector(".tile .v")?.textContent !== before) announce(update.title);
  tick();
}

function heard(at) {
  heardAt = Date.now();
  shownAt = at;
  skewMs = Date.parse(at) - heardAt;
  failures = 0;
  if (connected) return;
  connected = true;
  lost.hidden = true;
  root.classList.remove("lost");
}

function lose() {
  if (connected) {
    connected = false;
    const text = words.lostText.replace("{at}", time.format(new Date(shownAt)));
    const [first, ...rest] = text.split(zh ? /(?<=。)/ : /(?<=\. )/);
    const strong = document.createElement("b");
    strong.textContent = first;
    lost.replaceChildren(strong, " " + rest.join(""));
    lost.hidden = false;
    root.classList.add("lost");
    board.querySelector("main")?.classList.add("stale");
    const answer = document.getElementById("answer");
    if (answer) {
      answer.classList.add("wait");
      const old = answer.dataset.dated === undefined;
      const at = hourAndMinute.format(new Date(shownAt));
      const text = answer.querySelector(".answer").textContent;
      if (old) write(answer.querySelector(".answer"), words.answerAsOf.replace("{at}", at).replace("{answer}", text));
    }
    link.className = "live off";
    write(link.lastElementChild, words.lost);
    announce(first);
  }
  connect();
}

function connect() {
  source?.close();
  const query = new URLSearchParams({ view: "wall", lang: zh ? "zh" : "en" });
  const wait = failures ? RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] * (0.75 + Math.random() / 2) : 0;
  failures += 1;
  heardAt = Date.now() + wait;
  setTimeout(() => {
    source = new EventSource("/v1/stream?" + query);
    source.addEventListener("board", (event) => {
      const update = JSON.parse(event.data);
      heard(update.now_at);
      show(update);
    });
    source.addEventListener("beat", (event) => heard(JSON.parse(event.data).now_at));
    source.onerror = () => { source.close(); lose(); };
  }, wait);
}

// Who chose no theme gets the one of the system; the link then offers the other one.
const theme = document.getElementById("theme");
if (!root.dataset.theme && matchMedia("(prefers-color-scheme:dark)").matches) {
  theme.href = theme.href.replace("theme=dark", "theme=light");
  theme.textContent = words.light;
}

connect();
setInterval(tick, 1000);
tick();
