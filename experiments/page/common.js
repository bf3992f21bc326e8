const data = JSON.parse(document.getElementById("data").textContent);
const status = document.getElementById("status");
/** What all rules together have to gain by a change for its note to be marked. */
const COSTS = 0.25;
/** What a rule has to add or take away to be told among the first. */
const SLIGHT = 0.05;
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
/** Whether an element is in the engraving that the width of its column shows. */
const isShown = (element) => element.getClientRects().length > 0;
