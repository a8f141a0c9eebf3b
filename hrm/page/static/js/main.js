// Where the page begins: with a recorded thought, or with models that think here.

import { App } from "./app.js";
import { Sources } from "./sources.js";
import { Recorded } from "./recorded.js";

async function main() {
  document.getElementById("starting").remove();
  const sources = new Sources();
  const record = sources.recorded();
  if (record) new Recorded(record);
  else await new App(sources).start();
}

if (typeof document !== "undefined") main();
