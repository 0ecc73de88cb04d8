import { initAll } from "./govuk.js";
import "./stay.js";

initAll();

// Without JavaScript the page says how to print it.
const printPage = document.getElementById("print-page");
if (printPage) {
  printPage.hidden = false;
  printPage.addEventListener("click", () => window.print());
}
