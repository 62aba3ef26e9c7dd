"use strict";

/** The JSON in a data block of the page. */
function block(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** The JSON in a data block that is compressed: gzip, as letters of base64. */
async function unpacked(id) {
  const letters = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** A new HTML element; text is never markup. */
function html(name, { parent = null, text = null, ...attributes } = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

/** A new SVG element. */
function svg(name, { parent = null, text = null, ...attributes } = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

/** Seconds for a reader: 12.3 s, or 2:05 in a long video. */
function clock(seconds, long) {
  if (!long) return `${+seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
