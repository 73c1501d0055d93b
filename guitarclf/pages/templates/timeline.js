"use strict";

// The strip above the table: the log-mel, a mark for each event, and the whole recording in small.
(() => {
  const strip = document.querySelector(".strip");
  if (!strip) return;
  const duration = Number(strip.dataset.duration); // seconds; all times are those of the page, which begins at:
  const origin = Number(strip.dataset.origin);
  const [view, track, marksBox, ruler, playhead, overview, zoom] = [
    ".view", ".track", ".marks", ".ruler", ".playhead", ".overview", ".zoom",
  ].map((name) => strip.querySelector(name));
  const audio = document.getElementById("recording");
  const rows = [...(document.getElementById("events")?.tBodies[0].rows ?? [])];
  const MOST = Math.min(400, 2e7 / duration); // pixels a second; browsers draw nothing wider than some 3e7 pixels
  const TICK_PIXELS = 70;
  const NAME_PIXELS = 100;
  const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600];
  const percent = (seconds) => `${(100 * seconds) / duration}%`;
  const clock = (time, decimals) => {
    const seconds = Number(time.toFixed(decimals));
    const minutes = Math.floor(seconds / 60);
    const rest = (seconds - 60 * minutes).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
    return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  };
  let pixels = 0; // a second

  const events = rows.map((row) => {
    const start = Number(row.dataset.start);
    const end = Number(row.dataset.end);
    return { row, start, end, mark: document.createElement("div") };
  });
  const eventOf = new Map();
  for (const event of events) {
    const { row, start, end, mark } = event;
    mark.className = "mark";
    mark.dataset.label = row.dataset.label;
    mark.dataset.name = row.dataset.label || "error";
    mark.title = `${mark.dataset.name} ${row.dataset.confidence}, ${clock(origin + start, 3)}`;
    mark.style.left = percent(start);
    mark.style.width = percent(end - start);
    eventOf.set(mark, event);
    eventOf.set(row, event);
  }
  marksBox.append(...events.map(({ mark }) => mark));
  for (const picture of track.querySelectorAll("img")) {
    picture.style.left = percent(Number(picture.dataset.start));
    picture.style.width = percent(Number(picture.dataset.end) - Number(picture.dataset.start));
  }
  for (const name of strip.querySelectorAll(".axis span")) {
    name.style.top = `calc(var(--picture) * ${Number(name.dataset.above)})`;
  }

  // Zoom: from the whole recording in view to MOST pixels a second, in equal ratios.
  const least = () => Math.min(MOST, view.clientWidth / duration);

  function setZoom(wanted) {
    const middle = (view.scrollLeft + view.clientWidth / 2) / Math.max(1, track.offsetWidth);
    pixels = Math.max(least(), Math.min(MOST, wanted));
    zoom.value = Math.log(pixels / least()) / Math.log(MOST / least() || 1) || 0;
    track.style.width = `${Math.max(view.clientWidth, Math.floor(pixels * duration))}px`;
    view.scrollLeft = middle * track.offsetWidth - view.clientWidth / 2;
    for (const { mark, start, end } of events) mark.classList.toggle("narrow", (end - start) * pixels < NAME_PIXELS);
    document.documentElement.style.setProperty("--strip", `${strip.offsetHeight}px`);
    draw();
  }

  function drawRuler() {
    const step = TICKS.find((seconds) => seconds * pixels >= TICK_PIXELS) ?? TICKS.at(-1);
    const [first, last] = [view.scrollLeft - view.clientWidth, view.scrollLeft + 2 * view.clientWidth].map(
      (place) => origin + Math.max(0, Math.min(duration, (place / track.offsetWidth) * duration)),
    );
    const ticks = [];
    for (let number = Math.ceil(first / step - 1e-9); number * step < last; number += 1) {
      const tick = document.createElement("span");
      tick.textContent = clock(number * step, step < 1 ? 1 : 0);
      tick.style.left = percent(number * step - origin);
      ticks.push(tick);
    }
    ruler.replaceChildren(...ticks);
  }

  // The whole recording, a lane for each class, and what is in view of it.
  const colours = {};

  function readColours() {
    for (const label of new Set(rows.map((row) => row.dataset.label))) {
      colours[label] = getComputedStyle(events.find(({ row }) => row.dataset.label === label).mark).borderLeftColor;
    }
    colours.view = getComputedStyle(document.body).color;
  }

  function draw() {
    drawRuler();
    const scale = devicePixelRatio;
    const [width, height] = [overview.clientWidth, overview.clientHeight];
    overview.width = width * scale;
    overview.height = height * scale;
    const pen = overview.getContext("2d");
    pen.scale(scale, scale);
    const lanes = [...document.querySelectorAll("form.filters [name=label]")].map((box) => box.value);
    const lane = height / Math.max(1, lanes.length);
    for (const { row, start, end } of events) {
      if (row.hidden) continue;
      pen.fillStyle = colours[row.dataset.label];
      const left = (start / duration) * width;
      pen.fillRect(left, lanes.indexOf(row.dataset.label) * lane + 1, Math.max(1, ((end - start) / duration) * width - 1), lane - 2);
    }
    pen.strokeStyle = colours.view;
    pen.lineWidth = 1.5;
    const share = width / track.offsetWidth;
    if (view.clientWidth < track.offsetWidth) pen.strokeRect(view.scrollLeft * share + 1, 1, Math.max(3, view.clientWidth * share - 2), height - 2);
  }

  function show(seconds, end = seconds) {
    const at = (seconds / duration) * track.offsetWidth;
    const margin = view.clientWidth / 10;
    if (at < view.scrollLeft || ((end / duration) * track.offsetWidth > view.scrollLeft + view.clientWidth)) view.scrollLeft = at - margin;
  }

  // Where the sound is
  let following = 0;

  function follow() {
    cancelAnimationFrame(following);
    playhead.style.left = percent(Math.min(duration, audio.currentTime));
    if (audio.paused) return;
    show(audio.currentTime);
    following = requestAnimationFrame(follow);
  }

  function listenFrom(seconds) {
    if (!audio) return;
    Page.stop();
    audio.currentTime = seconds;
    audio.play().catch(() => {}); // what cannot be played is told by "error", and a stop before it began is none
  }

  function tellMute() {
    document.getElementById("mute").hidden = false;
  }

  if (audio) audio.addEventListener("error", tellMute);
  if (audio && audio.error) tellMute(); // before this script ran
  if (audio) for (const name of ["play", "pause", "seeked"]) audio.addEventListener(name, follow);
  document.addEventListener("select", ({ target }) => {
    for (const mark of marksBox.querySelectorAll(".selected")) mark.classList.remove("selected");
    const event = eventOf.get(target);
    if (!event) return;
    event.mark.classList.add("selected");
    show(event.start, event.end);
  });
  document.addEventListener("filter", () => {
    for (const { row, mark } of events) mark.hidden = row.hidden;
    draw();
  });
  track.addEventListener("click", ({ target, clientX }) => {
    const event = eventOf.get(target);
    if (!event) {
      listenFrom(((clientX - track.getBoundingClientRect().left) / track.offsetWidth) * duration);
      return;
    }
    Page.select(event.row);
    if (audio) Page.toggle(event.row);
  });
  overview.addEventListener("click", ({ offsetX }) => {
    view.scrollLeft = (offsetX / overview.clientWidth) * track.offsetWidth - view.clientWidth / 2;
  });
  view.addEventListener("scroll", draw);
  zoom.addEventListener("input", () => setZoom(least() * (MOST / least()) ** Number(zoom.value)));
  document.addEventListener("keydown", (event) => {
    const step = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[event.key];
    if (step && !event.ctrlKey && !event.metaKey) setZoom(pixels * step);
  });
  addEventListener("resize", () => setZoom(pixels));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    draw();
  });
  readColours();
  for (const { row, mark } of events) mark.hidden = row.hidden;
  setZoom(least() > 40 ? least() : 60); // what nearly fits, fits
  view.scrollLeft = 0;
})();
