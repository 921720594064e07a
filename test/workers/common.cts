import worker = require("../../lib/worker.js");
import url = require("node:url");

const here = url.pathToFileURL(__filename).href;

export = {
  Common: worker.defineWorker(here, { name: "common", perform: () => "from CommonJS" }),
  something: 1,
};
