"use strict";
// The phone's side of a vote: which zone, how warm, once an hour; the last answer counts.

const SCALE = [
  [3, "Hot"], [2, "Warm"], [1, "Slightly warm"], [0, "Just right"],
  [-1, "Slightly cool"], [-2, "Cool"], [-3, "Cold"],
];
const address = location.pathname.replace(/\/$/, "");
const answer = document.getElementById("answer");
const zone = document.getElementById("zone");

function voter() {
  let made = localStorage.getItem("voter");
  if (!/^[0-9a-f]{32}$/.test(made || "")) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    made = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem("voter", made);
  }
  return made;
}

async function call(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error("No connection. Please try again.");
  }
  const body = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Error(body.detail);
  return body;
}

async function vote(sensation, button) {
  try {
    await call(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ zone: Number(zone.value), sensation, voter: voter() }),
    });
    for (const other of document.querySelectorAll("#scale button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    answer.textContent = "Thank you. Your vote counts.";
  } catch (error) {
    answer.textContent = error.message;
  }
}

async function open() {
  try {
    const ballot = await call(`${address}/ballot`);
    document.getElementById("venue").textContent = ballot.name;
    ballot.zones.forEach((name, place) => zone.add(new Option(name, String(place))));
    for (const [sensation, words] of SCALE) {
      const button = document.createElement("button");
      button.textContent = words;
      button.className = sensation > 0 ? "warm" : sensation < 0 ? "cold" : "";
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => vote(sensation, button));
      document.getElementById("scale").append(button);
    }
  } catch (error) {
    answer.textContent = error.message;
  }
}

open();
