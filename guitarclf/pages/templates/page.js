"use strict";

// What all pages do: play a stretch of a sound, move through a table by keys, filter it and sort it.
// A page adds to it by the events "play", "stop", "select" and "filter", which bubble from the element they are about.
const Page = (() => {
  const shownRows = (table) => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const tell = (element, name) => element.dispatchEvent(new CustomEvent(name, { bubbles: true }));

  // The stretch that sounds: its audio element, its end in seconds, and the element that asked for it.
  let playing = null;

  function stop() {
    if (!playing) return;
    const { audio, element } = playing;
    playing = null;
    audio.pause();
    element.classList.remove("playing");
    tell(element, "stop");
  }

  function watch() {
    if (!playing) return;
    const { audio, end } = playing;
    if (!audio.seeking && (audio.ended || audio.currentTime >= end)) stop();
    else requestAnimationFrame(watch);
  }

  function play(element) {
    stop();
    const audio = document.getElementById(element.dataset.play);
    if (!audio) return;
    for (const other of document.querySelectorAll("audio")) other.pause();
    playing = { audio, element, start: Number(element.dataset.start ?? 0), end: Number(element.dataset.end ?? Infinity) };
    audio.currentTime = playing.start;
    element.classList.add("playing");
    tell(element, "play");
    const asked = playing;
    audio.play().then(
      () => {
        if (playing === asked) watch();
      },
      () => {
        if (playing === asked) stop(); // the browser does not play this sound, or another was asked for meanwhile
      },
    );
  }

  function toggle(element) {
    if (playing && playing.element === element) stop();
    else play(element);
  }

  // Whoever moves the sound by hand listens to the recording, and not to a stretch any more.
  function release(audio) {
    if (!playing || playing.audio !== audio) return;
    if (audio.currentTime >= playing.start - 0.05 && audio.currentTime <= playing.end + 0.05) return;
    const { element } = playing;
    playing = null;
    element.classList.remove("playing");
    tell(element, "stop");
  }

  function select(row) {
    if (!row) return;
    for (const other of document.querySelectorAll("tr.selected")) other.classList.remove("selected");
    row.classList.add("selected");
    row.scrollIntoView({ block: "nearest" });
    tell(row, "select");
  }

  const selected = () => document.querySelector("tr.selected:not([hidden])");

  function move(step) {
    const current = selected();
    const table = current ? current.closest("table") : document.querySelector("table:has([data-sort])");
    if (!table) return;
    const rows = shownRows(table);
    const at = current ? rows.indexOf(current) + step : 0;
    select(rows[Math.max(0, Math.min(rows.length - 1, at))]);
  }

  function filter(form) {
    const table = document.getElementById(form.dataset.table);
    const labels = new Set([...form.querySelectorAll("[name=label]:checked")].map((box) => box.value));
    const [least, most] = ["least", "most"].map((name) => Number(form.elements[name]?.value ?? name === "most"));
    for (const name of ["least", "most"]) {
      if (form.elements[name]) form.elements[`${name}_shown`].textContent = Number(form.elements[name].value).toFixed(2);
    }
    let n = 0;
    for (const row of table.tBodies[0].rows) {
      const confidence = row.dataset.confidence ? Number(row.dataset.confidence) : null; // what has none, such as an error
      const within = confidence === null || (confidence >= least - 1e-9 && confidence <= most + 1e-9);
      row.hidden = !(labels.has(row.dataset.label) && within);
      n += !row.hidden;
    }
    form.querySelector(".shown").textContent = `${n} of ${table.tBodies[0].rows.length} shown`;
    tell(table, "filter");
  }

  function sort(button) {
    const header = button.closest("th");
    const body = header.closest("table").tBodies[0];
    const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const isNumber = button.dataset.sort === "number";
    const keyed = [...body.rows].map((row) => {
      const cell = row.cells[header.cellIndex];
      const text = cell.dataset.value ?? cell.textContent.trim();
      return [row, isNumber && text !== "" ? Number(text) : text];
    });
    keyed.sort(([, a], [, b]) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // what is missing is last, either way
      return direction * (isNumber ? a - b : a.localeCompare(b));
    });
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    body.append(...keyed.map(([row]) => row));
  }

  function press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, audio, summary")) return;
    const row = selected();
    const isButton = event.target.closest("button, a");
    const box = document.querySelectorAll("form.filters [name=label]")[Number(event.key) - 1];
    if (event.key === "ArrowDown" || event.key === "ArrowRight") move(1);
    else if (event.key === "ArrowUp" || event.key === "ArrowLeft") move(-1);
    else if (event.key === " " && !isButton && playing && (!row || row.contains(playing.element))) stop();
    else if ((event.key === " " || event.key === "Enter") && !isButton && row) toggle(row.querySelector("[data-play]") ?? row);
    else if (event.key === " " && !isButton) move(0);
    else if (event.key === "Escape") stop();
    else if (box) box.click();
    else return;
    event.preventDefault();
  }

  document.addEventListener("click", (event) => {
    const sorter = event.target.closest("[data-sort]");
    const player = event.target.closest("[data-play]");
    const row = event.target.closest("table:has([data-sort]) tbody tr");
    if (sorter) sort(sorter);
    if (row && !row.classList.contains("selected")) select(row);
    if (player && (player.tagName !== "TR" || getSelection().isCollapsed)) toggle(player); // and is no text being marked
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.filters");
    if (form) filter(form);
  });
  document.addEventListener("seeking", (event) => release(event.target), true);
  document.addEventListener(
    "pause",
    ({ target }) => {
      if (playing && playing.audio === target && target.paused) stop(); // and is not playing again by now
    },
    true,
  );
  document.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", press);
  for (const form of document.querySelectorAll("form.filters")) filter(form);

  return { play, stop, toggle, select, selected, shownRows, playing: () => playing };
})();
