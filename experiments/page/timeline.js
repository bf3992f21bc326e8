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
