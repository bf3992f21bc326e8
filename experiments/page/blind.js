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
