const data = JSON.parse(document.getElementById("data").textContent);
const status = document.getElementById("status");
/** What all rules together have to gain by a change for its note to be marked. */
const COSTS = 0.25;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** An element with attributes and children; `name` may carry the SVG namespace as "svg:rect". */
function make(name, attributes = {}, ...children) {
  const svg = name.startsWith("svg:");
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Begin to play; a pause that comes first is no error. */
function sound(audio, name) {
  audio.play().catch((error) => {
    if (error.name !== "AbortError") status.textContent = `${name} cannot be played: ${error.message}`;
  });
}

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** One piece: its player, the cursors on score and roll, what its rules say. */
class Piece {
  static playing = null;

  constructor(article) {
    this.article = article;
    this.data = data.pieces[Number(article.dataset.piece)];
    this.audio = article.querySelector("audio");
    this.button = article.querySelector(".play");
    this.seek = article.querySelector(".seek");
    this.seconds = this.data.ticks / this.data.speed;
    this.tones = this.drawRoll();
    this.drawRules();
    this.button.addEventListener("click", () => (this.audio.paused ? this.play() : this.audio.pause()));
    this.seek.addEventListener("input", () => this.goTo((this.seek.value / 1000) * this.seconds));
    this.audio.addEventListener("play", () => this.started());
    this.audio.addEventListener("pause", () => this.stopped());
    this.audio.addEventListener("ended", () => this.ended());
    this.show(0);
  }

  play() {
    sound(this.audio, this.data.title);
  }

  goTo(seconds) {
    this.audio.currentTime = seconds;
    this.show(seconds);
  }

  started() {
    Blind.stop();
    if (Piece.playing !== this) Piece.playing?.audio.pause();
    Piece.playing = this;
    this.article.classList.add("playing");
    this.button.textContent = "❚❚";
    this.button.setAttribute("aria-label", `Pause ${this.data.title}`);
    status.textContent = `Now playing: ${this.data.title}, ${this.data.run}`;
    const step = () => {
      if (this.audio.paused) return;
      this.show(this.audio.currentTime);
      requestAnimationFrame(step);
    };
    step();
  }

  stopped() {
    this.article.classList.remove("playing");
    this.button.textContent = "▶";
    this.button.setAttribute("aria-label", `Play ${this.data.title}`);
    if (Piece.playing === this) {
      Piece.playing = null;
      status.textContent = `Paused: ${this.data.title}`;
    }
  }

  ended() {
    status.textContent = `Ended: ${this.data.title}`;
    this.show(0);
    this.article.dispatchEvent(new CustomEvent("piece-ended", { bubbles: true }));
  }

  /** Put both cursors, the slider and the clock to a time in seconds. */
  show(seconds) {
    const tick = Math.min(seconds * this.data.speed, this.data.ticks);
    this.seek.value = (1000 * tick) / this.data.ticks;
    // While it plays, a screen reader on the slider would count along.
    if (this.audio.paused) this.seek.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(this.seconds)}`);
    this.article.querySelector(".clock").textContent = `${clock(seconds)} / ${clock(this.seconds)}`;
    const notes = this.data.notes;
    let k = notes.findIndex((note) => tick < note.onset + note.duration);
    if (k < 0) k = notes.length - 1;
    const at = calm.matches ? notes[k].onset : tick;
    this.now.setAttribute("x1", at);
    this.now.setAttribute("x2", at);
    const sounding = seconds > 0 ? notes[k].ids.map((id) => document.getElementById(id)) : [];
    for (const symbol of this.article.querySelectorAll(".score .sounding")) symbol.classList.remove("sounding");
    for (const symbol of sounding) symbol.classList.add("sounding");
    this.showOnScore(k, (at - notes[k].onset) / notes[k].duration, sounding[0]);
  }

  /** Put the score's cursor a share of the way from note k, drawn as `here`, to the next one. */
  showOnScore(k, share, here) {
    const cursor = this.article.querySelector(".cursor");
    cursor.hidden = !here;
    if (cursor.hidden) return;
    const frame = this.article.querySelector(".score").getBoundingClientRect();
    const staff = here.closest(".staff").getBoundingClientRect();
    const left = here.getBoundingClientRect().left;
    const next = document.getElementById(this.data.notes[k + 1]?.ids[0]);
    const beside = next?.closest(".system") === here.closest(".system");
    const right = beside ? next.getBoundingClientRect().left : here.closest(".measure").getBoundingClientRect().right;
    cursor.style.left = `${left + share * (right - left) - frame.left}px`;
    cursor.style.top = `${staff.top - frame.top - 4}px`;
    cursor.style.height = `${staff.height + 8}px`;
  }

  drawRoll() {
    const { notes, ticks, bar, pickup } = this.data;
    const pitches = notes.filter((note) => note.pitch !== null).map((note) => note.pitch);
    const low = Math.min(60, ...pitches) - 2, high = Math.max(72, ...pitches) + 2;
    const roll = make("svg:svg", { viewBox: `0 0 ${ticks} ${high - low}`, preserveAspectRatio: "none", role: "group",
      "aria-label": `Piano roll of ${this.data.title}: arrow keys go from note to note, Enter plays from there` });
    for (let pitch = low; pitch < high; pitch++)
      if (pitch % 12 === 0) roll.append(make("svg:rect", { class: "tonic", x: 0, y: high - pitch - 1, width: ticks, height: 1 }));
    for (let tick = pickup; tick < ticks; tick += bar)
      roll.append(make("svg:line", { class: "barline", x1: tick, x2: tick, y1: 0, y2: high - low }));
    const tones = notes.map((note, k) => {
      const rest = note.pitch === null;
      const tone = make("svg:rect", { class: rest ? "tone silence" : "tone", role: "button", tabindex: k ? -1 : 0,
        x: note.onset, y: rest ? 0 : high - note.pitch - 1, width: note.duration * 0.96, height: rest ? high - low : 1,
        "aria-label": `Bar ${note.bar}, ${note.name}: ${this.changesOf(note).join("; ") || "no rule loses by it"}` });
      if (note.degree !== null) tone.style.fill = data.colours[note.degree];
      if (note.changes.some(([, , total]) => total >= COSTS)) tone.classList.add("costs");
      tone.addEventListener("pointerenter", () => this.tell(note));
      tone.addEventListener("focus", () => this.tell(note));
      tone.addEventListener("click", () => this.playFrom(note));
      tone.addEventListener("keydown", (event) => this.key(event, k));
      return tone;
    });
    this.now = make("svg:line", { class: "now", x1: 0, x2: 0, y1: 0, y2: high - low });
    roll.append(...tones, this.now);
    this.article.querySelector(".roll").append(roll);
    return tones;
  }

  playFrom(note) {
    this.goTo(note.onset / this.data.speed);
    this.play();
  }

  key(event, k) {
    const steps = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: this.tones.length - 1 };
    if (event.key === "Enter" || event.key === " ") this.playFrom(this.data.notes[k]);
    else if (event.key in steps) {
      const to = this.tones[Math.min(Math.max(steps[event.key], 0), this.tones.length - 1)];
      for (const tone of this.tones) tone.setAttribute("tabindex", tone === to ? 0 : -1);
      to.focus();
    } else return;
    event.preventDefault();
  }

  changesOf(note) {
    return note.changes.map(([rule, gain, total, to]) =>
      `${data.rules[rule][0]} ${signed(gain)} with ${to === "rest" ? "a rest" : to} (all rules ${signed(total)})`);
  }

  tell(note) {
    const texts = this.changesOf(note);
    const list = make("ul", {}, ...texts.map((text, k) =>
      make("li", {}, text, make("br"), make("small", {}, data.rules[note.changes[k][0]][1]))));
    this.article.querySelector(".told").replaceChildren(
      make("strong", {}, `Bar ${note.bar}, ${note.name}`), texts.length ? list : ": no rule would gain by another note.");
  }

  drawRules() {
    const { scores, passed } = this.data;
    const order = scores.map((_, k) => k).sort((a, b) => passed[a] - passed[b] || scores[a] - scores[b]);
    const most = Math.max(...scores.map(Math.abs), 0.01);
    const items = order.map((k) => {
      const share = (50 * Math.abs(scores[k])) / most;
      const filled = make("i", scores[k] < 0 ? { class: "minus" } : {});
      filled.style.width = `${share}%`;
      filled.style.marginLeft = `${scores[k] < 0 ? 50 - share : 50}%`;
      return make("li", passed[k] ? {} : { class: "failed" }, make("b", {}, data.rules[k][0]),
        make("span", { class: "value" }, `${signed(scores[k])}${passed[k] ? "" : ", failed"}`),
        make("span", { class: "bar", "aria-hidden": "true" }, filled), make("small", {}, data.rules[k][1]));
    });
    const sum = scores.reduce((a, b) => a + b, 0);
    const details = this.article.querySelector(".rules");
    details.querySelector("summary").textContent =
      `Rules of theory: ${passed.filter(Boolean).length} of ${passed.length} passed, ${signed(sum)} together`;
    details.append(make("ul", {}, ...items));
  }
}

/** The pieces of one seed through training: one is shown at a time, or all are played in a row. */
class Timeline {
  constructor(group) {
    const articles = [...group.querySelectorAll(".piece")];
    if (!articles.length) return;
    this.articles = articles;
    this.slider = make("input", { type: "range", min: 0, max: articles.length - 1, value: articles.length - 1, step: 1,
      "aria-label": "Moment of the training" });
    this.through = make("button", { type: "button", class: "through" }, "Hear it learn");
    this.through.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    group.prepend(make("p", {}, "One seed, composed again and again while the agent learned."),
      make("p", { class: "row" }, this.through, this.slider));
    group.addEventListener("piece-ended", () => this.on && this.step());
    this.show(articles.length - 1);
  }

  show(k) {
    this.k = k;
    this.slider.value = k;
    this.articles.forEach((article, i) => (article.hidden = i !== k));
    this.slider.setAttribute("aria-valuetext", pieces.get(this.articles[k]).data.title);
    if (Piece.playing && this.articles.includes(Piece.playing.article)) Piece.playing.audio.pause();
  }

  toggle() {
    this.on = !this.on;
    this.through.textContent = this.on ? "Stop" : "Hear it learn";
    if (this.on) this.begin(0);
    else Piece.playing?.audio.pause();
  }

  begin(k) {
    this.show(k);
    pieces.get(this.articles[k]).goTo(0);
    pieces.get(this.articles[k]).play();
  }

  step() {
    if (this.k + 1 < this.articles.length) this.begin(this.k + 1);
    else this.toggle();
  }
}

/** Blind A/B listening, and its tally. */
const Blind = {
  audio: new Audio(), votes: [], pair: null, sounding: null,

  begin() {
    this.groups = [...new Set(data.pieces.filter((piece) => piece.group !== "timeline").map((piece) => this.named(piece)))];
    const selects = ["first", "second"].map((id) => document.getElementById(id));
    for (const select of selects) select.append(...this.groups.map((group) => make("option", {}, group)));
    selects[1].selectedIndex = this.groups.length - 1;
    for (const select of selects) select.addEventListener("change", () => this.draw());
    document.getElementById("next").addEventListener("click", () => this.draw());
    for (const side of ["A", "B"])
      document.getElementById(`play-${side}`).addEventListener("click", () => this.play(side));
    for (const button of document.querySelectorAll(".vote"))
      button.addEventListener("click", () => this.vote(button.dataset.choice));
    document.getElementById("save-json").addEventListener("click", () => this.save("json"));
    document.getElementById("save-csv").addEventListener("click", () => this.save("csv"));
    this.audio.addEventListener("ended", () => this.stop());
    this.draw();
    this.count();
  },

  named: (piece) => (new Set(data.pieces.map((each) => each.run)).size > 1 ? `${piece.group} (${piece.run})` : piece.group),

  draw() {
    this.stop();
    const [one, other] = ["first", "second"].map((id) => {
      const group = document.getElementById(id).value;
      const all = data.pieces.map((_, k) => k);
      return all.filter((k) => data.pieces[k].group !== "timeline" && this.named(data.pieces[k]) === group);
    });
    const pick = (from) => from[Math.floor(Math.random() * from.length)];
    const a = pick(one);
    const left = other.filter((k) => k !== a);
    const b = pick(left.length ? left : other);
    this.pair = Math.random() < 0.5 ? { A: a, B: b } : { A: b, B: a };
    document.getElementById("revealed").textContent = "";
    for (const button of document.querySelectorAll(".vote")) button.disabled = false;
  },

  play(side) {
    const again = this.sounding === side;
    this.stop();
    if (again) return;
    Piece.playing?.audio.pause();
    this.label(side);
    this.audio.src = document.querySelector(`#piece-${this.pair[side]} audio`).src;
    sound(this.audio, side);
    status.textContent = `Now playing: ${side}`;
  },

  stop() {
    if (this.sounding) status.textContent = `Paused: ${this.sounding}`;
    this.audio.pause();
    this.label(null);
  },

  label(sounding) {
    this.sounding = sounding;
    for (const side of ["A", "B"])
      document.getElementById(`play-${side}`).textContent = `${side === sounding ? "Stop" : "Play"} ${side}`;
  },

  vote(choice) {
    const [a, b] = [data.pieces[this.pair.A], data.pieces[this.pair.B]];
    this.votes.push({ a: `${this.named(a)}: ${a.title}`, b: `${this.named(b)}: ${b.title}`, groups: [this.named(a), this.named(b)],
      choice, preferred: choice === "neither" ? null : this.named(choice === "A" ? a : b) });
    document.getElementById("revealed").textContent = `A was ${a.title}, B was ${b.title}.`;
    for (const button of document.querySelectorAll(".vote")) button.disabled = true;
    document.getElementById("next").focus();
    this.count();
  },

  tally() {
    return this.groups.map((group) => ({ group, compared: this.votes.filter((vote) => vote.groups.includes(group)).length,
      preferred: this.votes.filter((vote) => vote.preferred === group).length }));
  },

  count() {
    document.getElementById("tally").replaceChildren(...this.tally().map((row) => make("tr", {},
      make("th", { scope: "row" }, row.group), make("td", {}, String(row.compared)), make("td", {}, String(row.preferred)))));
  },

  save(kind) {
    const quoted = (text) => `"${String(text ?? "").replaceAll('"', '""')}"`;
    const lines = this.votes.map((vote) => [vote.a, vote.b, vote.choice, vote.preferred].map(quoted).join(","));
    const text = kind === "json" ? JSON.stringify({ tally: this.tally(), votes: this.votes }, null, 2)
      : ["a,b,choice,preferred", ...lines].join("\r\n") + "\r\n";
    const address = URL.createObjectURL(new Blob([text], { type: kind === "json" ? "application/json" : "text/csv" }));
    make("a", { href: address, download: `listening.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  },
};

const pieces = new Map([...document.querySelectorAll(".piece")].map((article) => [article, new Piece(article)]));
document.querySelectorAll(".timeline").forEach((group) => new Timeline(group));
Blind.begin();
