/**
 * The file that Piscina loads in each thread. It imports `thread.js`, which is an ES module.
 *
 * Piscina would `require()` an ES module. A thread that is ended while it does so aborts the whole
 * process: Node.js 20.20 asks the module, whose instantiation was cut short, whether it is async
 * ("IsGraphAsync must be used on an instantiated module"). `import()` has no such check.
 */
export = { noop: import("./thread.js").then((thread) => thread.noop) };
