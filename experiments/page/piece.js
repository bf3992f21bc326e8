/** One piece: its player, the cursors on score and roll, what its rules say. */
class Piece {
  static playing = null;

  constructor(article) {
    this.article = article;
    this.data = data.pieces[Number(article.dataset.piece)];
    this.rules = data.rules[this.data.run];
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
    // Another width may show the other engraving.
    new ResizeObserver(() => this.show(this.audio.currentTime)).observe(article.querySelector(".score"));
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
    this.showOnScore(k, (at - notes[k].onset) / notes[k].duration, sounding.find(isShown));
  }

  /** Put the score's cursor a share of the way from note k, drawn as `here`, to the next one. */
  showOnScore(k, share, here) {
    const cursor = this.article.querySelector(".cursor");
    cursor.hidden = !here;
    if (cursor.hidden) return;
    const frame = this.article.querySelector(".score").getBoundingClientRect();
    const staff = here.closest(".staff").getBoundingClientRect();
    const left = here.getBoundingClientRect().left;
    const next = this.data.notes[k + 1]?.ids.map((id) => document.getElementById(id)).find(isShown);
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
      `${this.rules[rule][0]} ${signed(gain)} with ${to === "rest" ? "a rest" : to} (all rules ${signed(total)})`);
  }

  tell(note) {
    const texts = this.changesOf(note);
    const list = make("ul", {}, ...texts.map((text, k) =>
      make("li", {}, text, make("br"), make("small", {}, this.rules[note.changes[k][0]][1]))));
    this.article.querySelector(".told").replaceChildren(
      make("strong", {}, `Bar ${note.bar}, ${note.name}`), texts.length ? list : ": no rule would gain by another note.");
  }

  drawRules() {
    const { scores, passed, bonus } = this.data;
    const order = scores.map((_, k) => k).sort((a, b) => (passed[b] === false) - (passed[a] === false) || scores[a] - scores[b]);
    const most = Math.max(...scores.map(Math.abs), 0.01);
    const items = order.map((k) => {
      const failed = passed[k] === false;
      const share = (50 * Math.abs(scores[k])) / most;
      const filled = make("i", scores[k] < 0 ? { class: "minus" } : {});
      filled.style.width = `${share}%`;
      filled.style.marginLeft = `${scores[k] < 0 ? 50 - share : 50}%`;
      return make("li", failed ? { class: "failed" } : {}, make("b", {}, this.rules[k][0]),
        make("span", { class: "value" }, `${signed(scores[k])}${failed ? ", failed" : ""}`),
        make("span", { class: "bar", "aria-hidden": "true" }, filled), make("small", {}, this.rules[k][1]));
    });
    const sum = scores.reduce((a, b) => a + b, bonus);
    const judging = passed.filter((each) => each !== null);
    const details = this.article.querySelector(".rules");
    details.querySelector("summary").textContent = `Rules: ${judging.filter(Boolean).length} of ${judging.length} passed, `
      + `${signed(sum)} together${bonus ? `, ${signed(bonus)} of it for passing all` : ""}`;
    const counts = order.map((k) => passed[k] === false || Math.abs(scores[k]) >= SLIGHT);
    details.append(make("ul", {}, ...items.filter((_, i) => counts[i])));
    const slight = items.filter((_, i) => !counts[i]);
    if (slight.length)
      details.append(make("details", {}, make("summary", {}, `${slight.length} more that hardly count here`), make("ul", {}, ...slight)));
  }
}
