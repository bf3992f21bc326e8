const pieces = new Map([...document.querySelectorAll(".piece")].map((article) => [article, new Piece(article)]));
document.querySelectorAll(".timeline").forEach((group) => new Timeline(group));
Blind.begin();
