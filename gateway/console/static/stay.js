// A session ends without use. Typing is use; who does nothing is warned five minutes before, and what was typed stays on the page:
// who signs in again in another window, as the same person, goes on here. Pages work without this script, and say how long one has.

const WARN_SECONDS = 300;
const AGAIN_SECONDS = 60; // the server keeps no finer account
const LAST_USE = "cme-gateway-last-use"; // of all windows of this browser: a time, and nothing else

const box = document.getElementById("time-limit");
if (box) {
  const limit = Number(box.dataset.seconds);
  const [said, stay, again] = ["time-limit-said", "time-limit-stay", "time-limit-sign-in"].map((id) => document.getElementById(id));
  let asked = Date.now();
  let ended = false;

  const used = () => localStorage.setItem(LAST_USE, String(Date.now()));
  const idle = () => (Date.now() - Number(localStorage.getItem(LAST_USE) || 0)) / 1000;

  // Ask the server, which is use; whoever is signed in as this person has a token with which the forms of this page count.
  const ask = async () => {
    asked = Date.now();
    const answer = await fetch("/session", { redirect: "manual" }).catch(() => null);
    if (!answer || !answer.ok) return;
    const session = await answer.json();
    if (session.person !== box.dataset.person) return;
    for (const field of document.querySelectorAll('input[name="form_token"]')) field.value = session.form_token;
    used();
    show();
  };

  const show = () => {
    const left = limit - idle();
    box.hidden = left > WARN_SECONDS;
    if (box.hidden) {
      ended = false;
      said.textContent = "";
    } else if (left > 0) {
      said.textContent = `You'll be signed out at ${clock(left)} because there has been no activity.`;
    } else if (!ended) {
      ended = true;
      said.textContent = "You've been signed out. Your answers are still on this page. Sign in again in a new tab, then come back here.";
    }
    stay.hidden = left <= 0;
    again.hidden = left > 0;
  };
  const clock = (left) => {
    const at = new Date(Date.now() + left * 1000);
    return `${at.getHours() % 12 || 12}:${String(at.getMinutes()).padStart(2, "0")}${at.getHours() < 12 ? "am" : "pm"}`;
  };

  used();
  stay.addEventListener("click", ask);
  document.addEventListener("input", () => {
    if (!ended && Date.now() - asked > AGAIN_SECONDS * 1000) ask();
  });
  window.addEventListener("focus", () => {
    if (ended) ask();
  });
  setInterval(show, 5000);
}
