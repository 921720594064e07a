/**
 * A node in a tree of keys. Objects with the same keys in the same order lead to the same node, so
 * that their keys are written once.
 */
export class Shape {
  /** The shape's number on the wire; 0 until an object of this shape is written. */
  number = 0;
  // The step taken last. Rows mostly repeat it: one comparison instead of a look-up.
  #lastKey: string | undefined;
  #lastNext: Shape | undefined;
  /** All steps; undefined while there is only the last one. */
  #next: Map<string, Shape> | undefined;

  static find(root: Shape, keys: readonly string[]): Shape {
    let shape = root;
    for (let index = 0; index < keys.length; index++) shape = shape.#step(keys[index] as string);
    return shape;
  }

  #step(key: string): Shape {
    if (key === this.#lastKey) return this.#lastNext as Shape;
    let next = this.#next?.get(key);
    if (next === undefined) {
      next = new Shape();
      if (this.#lastKey !== undefined) {
        this.#next ??= new Map([[this.#lastKey, this.#lastNext as Shape]]);
        this.#next.set(key, next);
      }
    }
    this.#lastKey = key;
    this.#lastNext = next;
    return next;
  }
}
