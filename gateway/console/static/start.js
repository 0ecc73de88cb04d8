import { initAll } from "./govuk.js";
import "./stay.js";

initAll();
