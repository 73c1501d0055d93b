"use strict";

// What the page of a report does beyond page.js: one audio element for the sounds of all notes, and a table of notes
// that cells of the confusion matrix, tracks, and right or wrong narrow down.
(() => {
  const audio = document.getElementById("clip");
  const table = document.getElementById("notes");
  if (!table) return;
  const which = document.getElementById("which");
  const track = document.getElementById("track");
  const chip = document.getElementById("cell");
  const form = document.querySelector("form.filters[data-table=notes]");
  let cell = null; // "true called" of the cell that is chosen

  const isRight = (row) => {
    const [truth, called] = row.dataset.cell.split(" ");
    return truth === called;
  };

  function matches(row) {
    if (cell ? row.dataset.cell !== cell : which.value !== "all" && isRight(row) !== (which.value === "right")) return false;
    return track.value === "" || row.dataset.track === track.value;
  }

  // page.js has filtered by class and confidence; this hides more of what is left.
  table.addEventListener("filter", () => {
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) row.hidden ||= !matches(row);
    form.querySelector(".shown").textContent = `${Page.shownRows(table).length} of ${rows.length} shown`;
  });

  const refresh = () => form.dispatchEvent(new Event("input", { bubbles: true }));

  function choose(chosen) {
    cell = chosen;
    for (const button of document.querySelectorAll("button.cell")) {
      button.setAttribute("aria-pressed", String(button.dataset.cell === cell));
    }
    chip.hidden = cell === null;
    which.disabled = cell !== null;
    if (cell) chip.textContent = cell.replace(" ", " called ");
    refresh();
  }

  const toNotes = () => document.getElementById("notes-head").scrollIntoView({ block: "start" });

  document.addEventListener("click", (event) => {
    const player = event.target.closest("button.play");
    if (player && event.detail) player.blur(); // clicked, not pressed: space is for the row that is chosen next
    const button = event.target.closest("button.cell, #cell, [data-show-track]");
    if (!button) return;
    if (button === chip) {
      choose(null);
    } else if (button.dataset.showTrack) {
      track.value = button.dataset.showTrack;
      which.value = "all";
      choose(null);
      toNotes();
    } else {
      const again = button.dataset.cell === cell;
      choose(again ? null : button.dataset.cell);
      if (!again) toNotes();
    }
  });
  which.addEventListener("input", refresh);
  track.addEventListener("input", refresh);

  // Comes before the audio element is asked to play.
  document.addEventListener("play", (event) => {
    const sound = event.target.dataset?.sound;
    if (sound && audio.getAttribute("src") !== sound) audio.src = sound;
  });

  if (![...table.tBodies[0].rows].some((row) => !isRight(row))) which.value = "all";
  refresh();
})();
